#!/bin/sh
# The rockspec runs this script. It builds the library with cargo for the Lua interpreter $1. It copies the Lua files
# into the folder $2, the library into the folder $3, and the documents and the types for editors into the folder $4.
set -e
feature=$("$1" -e "io.write( 'lua', jit and 'jit' or (_VERSION:gsub( '%D', '' )) )")
target=${CARGO_TARGET_DIR:-target/lua/build}
cargo build --release --manifest-path bindings/lua/Cargo.toml --target-dir "$target" --no-default-features --features "$feature"
mkdir -p "$2" "$3/cogloop" "$4/doc" "$4/types"
cp -R bindings/lua/lua/. "$2"
cp -R docs/. README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$4/doc"
cp -R bindings/lua/types/. "$4/types"
for library in "$target"/release/libcogloop_lua.so "$target"/release/libcogloop_lua.dylib; do
  if [ -e "$library" ]; then
    cp "$library" "$3/cogloop/$feature.so"
    # Debug information is nine tenths of the library.
    strip -S -x "$3/cogloop/$feature.so"
  fi
done
