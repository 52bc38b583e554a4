//! Runs tests on other kinds of Linux: with words of 32 bits, with another C library, with another byte order.
//!
//! ```text
//!   i686     the wheel, and the event loop without io_uring    runs here, natively
//!   musl     the wheel, the event loop, and a static program   runs here, natively
//!   aarch64  the wheel                                         in qemu
//!   s390x    the wheel, with the high byte first               in qemu
//! ```
//!
//! Only the wheel runs in qemu, which lacks io_uring and other features of the kernel that the event loop's tests need.

use super::step::{StepResult, TESTS_LIMIT};
use super::summary::Tally;
use super::tools::apt_install;
use crate::process;
use crate::project::Project;

/// A kind of Linux that this machine does not have.
struct Machine {
    target: &'static str,
    /// The C compiler, which is also the linker, and the program that runs the results. An empty runner means that this
    /// machine runs them itself.
    compiler: &'static str,
    runner: &'static str,
    /// Debian's packages with the compiler and the runner.
    packages: &'static [&'static str],
    tests: &'static [&'static str],
}

const ENGINE: &[&str] = &["-p", "cogloop-engine", "--lib", "--tests"];
const ENGINE_AND_IO: &[&str] = &["-p", "cogloop-engine", "-p", "cogloop-io", "--lib", "--tests"];
const MUSL: &str = "x86_64-unknown-linux-musl";
/// The compiler's option for static programs. For musl it is the default, too. All commands for musl have it, because
/// with other options cargo would compile each crate again.
const STATIC: &str = "-C target-feature=+crt-static";

const MACHINES: &[Machine] = &[
    Machine {
        target: "i686-unknown-linux-gnu",
        compiler: "i686-linux-gnu-gcc",
        runner: "",
        packages: &["gcc-i686-linux-gnu", "libc6-dev-i386-cross"],
        tests: ENGINE_AND_IO,
    },
    Machine { target: MUSL, compiler: "musl-gcc", runner: "", packages: &["musl-tools"], tests: ENGINE_AND_IO },
    Machine {
        target: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc",
        runner: "qemu-aarch64",
        packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"],
        tests: ENGINE,
    },
    Machine {
        target: "s390x-unknown-linux-gnu",
        compiler: "s390x-linux-gnu-gcc",
        runner: "qemu-s390x",
        packages: &["gcc-s390x-linux-gnu", "libc6-dev-s390x-cross", "qemu-user"],
        tests: ENGINE,
    },
];

pub(super) fn run(project: &Project) -> StepResult {
    let mut all = Tally::default();
    let mut missing = Vec::new();
    for machine in MACHINES {
        if let Err(why) = prepare(project, machine) {
            println!("skipped: {}: {why}", machine.target);
            missing.push(machine.target);
            continue;
        }
        let (lines, verdict) = process::watch(&mut cargo(project, machine, "test"), TESTS_LIMIT);
        let tally = Tally::of(&lines);
        verdict.map_err(|message| format!("{}: {message} ({tally})", machine.target))?;
        all.add(&tally);
    }
    if !missing.contains(&MUSL) {
        static_program(project)?;
    }
    let note = all.outcome()?;
    if missing.is_empty() {
        Ok(note)
    } else {
        Ok(format!("{note}; without {}, which cannot be installed", missing.join(" ")))
    }
}

/// Installs the standard library, the linker and the runner.
fn prepare(project: &Project, machine: &Machine) -> Result<(), String> {
    process::run(project.program("rustup").args(["--quiet", "target", "add", machine.target]))?;
    let is_there = |program: &str| program.is_empty() || process::exists(program);
    if is_there(machine.compiler) && is_there(machine.runner) { Ok(()) } else { apt_install(project, machine.packages) }
}

/// Builds static programs, so that neither this machine nor qemu needs another C library.
fn cargo(project: &Project, machine: &Machine, command: &str) -> std::process::Command {
    let name = machine.target.to_uppercase().replace('-', "_");
    let mut cargo = project.cargo(&[command, "--quiet", "--target", machine.target, "--no-fail-fast"]);
    cargo.args(machine.tests);
    // Rust links its own musl by itself.
    if machine.target != MUSL {
        cargo.env(format!("CARGO_TARGET_{name}_LINKER"), machine.compiler);
    }
    cargo.env(format!("CARGO_TARGET_{name}_RUSTFLAGS"), STATIC);
    if !machine.runner.is_empty() {
        cargo.env(format!("CARGO_TARGET_{name}_RUNNER"), machine.runner);
    }
    cargo
}

/// Builds the program `cogloop` as a static program, which needs no library of the system and runs in an empty
/// container.
fn static_program(project: &Project) -> Result<(), String> {
    let mut cargo = project.cargo(&["build", "--quiet", "--target", MUSL, "-p", "cogloop-runner", "--bin", "cogloop"]);
    // The test is already built. The command names it, because the dependencies then have the same features as for the
    // tests, and are not compiled again.
    cargo
        .args(["-p", "cogloop-io", "--test", "left_out"])
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", STATIC);
    process::run(cargo.env("CC_x86_64_unknown_linux_musl", "musl-gcc"))?;
    let program = project.target.join(MUSL).join("debug/cogloop");
    let script = "local l = require 't.Loop'( ); l:addTask( 5, print, 'static' ); l:run( )";
    let printed = process::capture(project.program(&program).args(["-e", script]))?;
    if printed.trim() == "static" { Ok(()) } else { Err(format!("the static program printed `{printed}`")) }
}
