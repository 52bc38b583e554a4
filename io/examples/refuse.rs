//! Runs a program as on a system that refuses some system calls, such as an older kernel or a container. The processes
//! that the program starts cannot make these calls either.
//!
//! ```sh
//! cargo build -p cogloop-io --example refuse
//! target/debug/examples/refuse io_uring,pidfd cogloop -e "print( require 't.Loop'( ):backend( ) )"
//! ```

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
#[path = "../tests/common/refuse.rs"]
mod refuse;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn main() -> std::process::ExitCode {
    use std::os::unix::process::CommandExt;
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [names, program, rest @ ..] = &arguments[..] else {
        eprintln!("usage: refuse SET[,SET…] PROGRAM [ARGUMENT…]; the sets are {}", refuse::SETS.join(", "));
        return 2.into();
    };
    for name in names.to_string_lossy().split(',') {
        let Some((calls, errno)) = refuse::set(name) else {
            eprintln!("refuse: no set is called \"{name}\"; there are {}", refuse::SETS.join(", "));
            return 2.into();
        };
        refuse::refuse(&calls, refuse::with(errno));
    }
    let error = std::process::Command::new(program).args(rest).exec();
    eprintln!("refuse: {}: {error}", program.to_string_lossy());
    127.into()
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
fn main() {
    eprintln!("refuse: works only on Linux, on the three architectures that the crate seccompiler supports");
}
