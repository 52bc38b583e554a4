//! How the library is linked: once loaded it stays. Lua unloads its libraries when a state is closed, and with the library
//! would go what belongs to the process: who watches signals, and the handler itself.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
