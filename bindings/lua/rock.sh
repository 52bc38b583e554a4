#!/bin/sh
# The rockspec runs this. It builds the library with cargo for the Lua interpreter $1, and copies it into the folder $3 and the Lua
# files into the folder $2.
set -e
feature=$("$1" -e "io.write( 'lua', jit and 'jit' or (_VERSION:gsub( '%D', '' )) )")
target=${CARGO_TARGET_DIR:-target/lua/build}
cargo build --release --manifest-path bindings/lua/Cargo.toml --target-dir "$target" --no-default-features --features "$feature"
mkdir -p "$2" "$3/cogloop"
cp -R bindings/lua/lua/. "$2"
for library in "$target"/release/libcogloop_lua.so "$target"/release/libcogloop_lua.dylib; do
  if [ -e "$library" ]; then cp "$library" "$3/cogloop/$feature.so"; fi
done
