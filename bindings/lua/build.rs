//! Links the library so that it is never unloaded. Lua unloads its libraries when a state is closed. But the list of
//! signal watchers and the signal handler belong to the process, so they must stay.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
