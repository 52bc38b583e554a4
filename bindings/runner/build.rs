//! Exports Lua's symbols from the program, as the `lua` program does, so that C modules of a script find them.

fn main() {
    // A program of Windows has no symbols for a DLL to find: a C module is linked with the DLL of its Lua there.
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        println!("cargo::rustc-link-arg-bins=-rdynamic");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
