//! Tests the C library under the thread sanitizer, which finds data races.
//!
//! ```text
//!   libcogloop.a   built by nightly with its standard library, all instrumented
//!   a test in C    built by clang, instrumented     ──► linked with the sanitizer's runtime of nightly
//! ```
//!
//! One program has a race, which the sanitizer must report. Two further programs have the sanitizer but use a library
//! without it, as most programs do. For these the sanitizer must report nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::step::StepResult;
use super::summary::Tally;
use crate::project::Project;
use crate::{c, process};

const TESTS: &str = "bindings/c/tests";
const HEADERS: &str = "bindings/c/include";
/// The commands name the target, because cargo would otherwise apply the flags to build scripts, too.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The sanitizer's options: the exit code for a report; a child may start threads after a fork; the sanitizer does not
/// wait for a second at exit for further races.
const OPTIONS: &str = "exitcode=66 die_after_fork=0 atexit_sleep_ms=0";
const REPORTED: i32 = 66;
/// The time limit, far more than one program needs.
const LIMIT: Duration = Duration::from_secs(600);

/// Tests with threads, and their arguments.
type Programs<'a> = &'a [(&'a str, &'a [&'a str])];

/// Runs few operations, for `cargo xtask test`.
pub(super) fn in_short(project: &Project) -> StepResult {
    run(project, &[("timers", &[]), ("loop_threads", &[]), ("stress", &["100000"]), ("exit", &["1"])])
}

/// Runs a million operations.
pub(super) fn at_length(project: &Project) -> StepResult {
    run(project, &[("timers", &[]), ("loop_threads", &["100000"]), ("stress", &["1000000"]), ("exit", &["25"])])
}

fn run(project: &Project, programs: Programs) -> StepResult {
    let folder = project.target.join("sanitize/c");
    let runtime = match runtime(project) {
        Ok(runtime) => runtime,
        Err(why) => return Ok(format!("skipped: {why}")),
    };
    let library = build(project, &folder)?;
    let mut lines = Vec::new();
    for (name, arguments) in programs {
        let program = compile(project, name, &folder, &runtime, &library)?;
        println!("--- {name} {}", arguments.join(" "));
        let mut command = project.program(&program);
        let (said, verdict) = process::watch(command.args(*arguments).env("TSAN_OPTIONS", OPTIONS), LIMIT);
        verdict?;
        lines.extend(said);
    }
    let race = compile(project, "sanitizer/race", &folder, &runtime, &library)?;
    let output = project.program(&race).env("TSAN_OPTIONS", OPTIONS).output();
    let code = output.map_err(|error| format!("{} cannot be started: {error}", race.display()))?.status.code();
    if code != Some(REPORTED) {
        return Err(format!("the sanitizer did not report the race in sanitizer/race.c: {code:?}"));
    }
    with_a_plain_library(project)?;
    Tally::of(&lines).outcome()
}

/// Runs programs with gcc's sanitizer and the library as it is installed.
fn with_a_plain_library(project: &Project) -> Result<(), String> {
    let prefix = project.target.join("c");
    c::install(project, &c::Place::at(&prefix))?;
    ["posts", "timers"].iter().try_for_each(|name| beside_a_plain_library(project, &prefix, name))
}

fn beside_a_plain_library(project: &Project, prefix: &Path, name: &str) -> Result<(), String> {
    let folder = prefix.join("tests");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let program = folder.join(format!("sanitizer-{name}"));
    let mut compiler = project.program("gcc");
    compiler.args(["-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-Wall", "-Wextra", "-Werror", "-I", HEADERS, "-o"]);
    compiler.arg(&program).arg(format!("{TESTS}/sanitizer/{name}.c")).arg("-L").arg(prefix.join("lib"));
    process::run(compiler.args(["-lcogloop", "-lpthread"]))?;
    let mut command = project.program(&program);
    command.env("TSAN_OPTIONS", OPTIONS).env("LD_LIBRARY_PATH", prefix.join("lib"));
    process::watch(&mut command, LIMIT).1
}

fn nightly(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.program("rustup");
    command.args(["run", "nightly"]).args(arguments);
    command
}

/// The path of the sanitizer's runtime of the nightly compiler. The error says what this machine lacks.
fn runtime(project: &Project) -> Result<PathBuf, String> {
    let ask = |what: &str| {
        let said = process::capture(&mut nightly(project, &["rustc", "--print", what]))
            .map_err(|_| "there is no nightly compiler".to_owned())?;
        Ok::<_, String>(PathBuf::from(said.trim()))
    };
    let sources = ask("sysroot")?.join("lib/rustlib/src/rust/library/Cargo.lock");
    if !sources.is_file() {
        return Err("nightly lacks rust-src, the sources of the standard library".to_owned());
    }
    let runtime = ask("target-libdir")?.join("librustc-nightly_rt.tsan.a");
    if runtime.is_file() { Ok(runtime) } else { Err("nightly has no thread sanitizer here".to_owned()) }
}

/// Builds the static library together with the standard library, because the sanitizer must see each atomic operation.
fn build(project: &Project, folder: &Path) -> Result<PathBuf, String> {
    // The default features of the standard library contain backtraces, which need four crates more.
    let std = ["-Zbuild-std=std", "-Zbuild-std-features=panic-unwind"];
    let arguments = ["cargo", "build", "--quiet", std[0], std[1], "--target", TARGET, "-p", "cogloop-c"];
    let mut cargo = nightly(project, &arguments);
    // Without optimisation the build takes half the time, and the sanitizer finds as much.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    process::run(cargo.env("RUSTFLAGS", "-Zsanitizer=thread").env("CARGO_TARGET_DIR", folder))?;
    Ok(folder.join(TARGET).join("debug/libcogloop_c.a"))
}

fn compile(project: &Project, name: &str, folder: &Path, runtime: &Path, library: &Path) -> Result<PathBuf, String> {
    let program = folder.join(name.rsplit('/').next().unwrap_or(name));
    let object = program.with_extension("o");
    let mut compiler = project.program("clang");
    compiler.args(["-std=c11", "-O1", "-g", "-fsanitize=thread", "-I", HEADERS, "-c", "-o"]).arg(&object);
    process::run(compiler.arg(format!("{TESTS}/{name}.c")))?;
    // The linker gets no option for the sanitizer, because clang's own runtime has another version, or is not
    // installed.
    let mut linker = project.program("clang");
    linker.arg("-o").arg(&program).arg(&object).args(["-rdynamic", "-Wl,--whole-archive"]).arg(runtime);
    linker.arg("-Wl,--no-whole-archive").arg(library).args(["-lpthread", "-ldl", "-lm", "-lrt"]);
    process::run(&mut linker).map(|()| program)
}
