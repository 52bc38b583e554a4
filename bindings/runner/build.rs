//! C modules that a script requires find Lua's symbols in the program, as in the `lua` program.

fn main() {
    println!("cargo::rustc-link-arg-bins=-rdynamic");
    println!("cargo::rerun-if-changed=build.rs");
}
