#!/bin/sh
# What the rockspec runs, with cargo: builds the library for the Lua interpreter $1 and puts it and the Lua files into the
# folders $2 (Lua files) and $3 (libraries).
set -e
feature=$("$1" -e "io.write( 'lua', jit and 'jit' or (_VERSION:gsub( '%D', '' )) )")
target=${CARGO_TARGET_DIR:-target/lua/build}
cargo build --release --manifest-path bindings/lua/Cargo.toml --target-dir "$target" --no-default-features --features "$feature"
mkdir -p "$2" "$3/cogloop"
cp -R bindings/lua/lua/. "$2"
for library in "$target"/release/libcogloop_lua.so "$target"/release/libcogloop_lua.dylib; do
  if [ -e "$library" ]; then cp "$library" "$3/cogloop/$feature.so"; fi
done
