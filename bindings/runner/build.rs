//! Exports Lua's symbols from the program, as the `lua` program does, so that C modules of a script find them.

fn main() {
    // On Windows a program has no symbols that a DLL could find. There a C module is linked with the DLL of its Lua.
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        println!("cargo::rustc-link-arg-bins=-rdynamic");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
