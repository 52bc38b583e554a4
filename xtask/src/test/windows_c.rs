//! The C library's tests and examples as Windows programs, compiled by mingw and run by Wine.
//!
//! ```text
//!   target/wine/c/cogloop_c.dll, which a program finds beside itself
//!   target/wine/c/TEST.exe        with the DLL
//!   target/wine/c/exit-static.exe with libcogloop_c.a: the end of a process depends on the kind of library
//! ```

use std::path::{Path, PathBuf};

use super::c_compiler::LIMIT;
use super::c_examples::EXAMPLES;
use super::c_programs::sources;
use super::failures::Failures;
use super::summary::Tally;
use crate::process;
use crate::project::Project;
use crate::wine::{COMPILER, TARGET, Wine};

const HEADERS: &str = "bindings/c/include";

/// The libraries of Windows that the static library needs; `cargo rustc -- --print native-static-libs` prints them.
const LIBRARIES: [&str; 5] = ["-lkernel32", "-lntdll", "-luserenv", "-lws2_32", "-ldbghelp"];

/// The test that is also linked with the static library.
const ALSO_STATIC: &str = "exit";

pub(super) fn run(project: &Project, wine: &Wine, failures: &mut Failures) -> Result<Tally, String> {
    let folder = project.target.join("wine/c");
    let built = project.target.join(TARGET).join("debug");
    let place = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(place)?;
    std::fs::copy(built.join("cogloop_c.dll"), folder.join("cogloop_c.dll")).map_err(place)?;
    let mut sum = Tally::default();
    for source in sources(project)? {
        let name = name_of(&source);
        let program =
            compile(project, &source, &folder.join(format!("{name}.exe")), &built.join("libcogloop_c.dll.a"))?;
        sum.add(&test(project, wine, &program, failures));
        if name == ALSO_STATIC {
            let program = folder.join(format!("{name}-static.exe"));
            let program = compile(project, &source, &program, &built.join("libcogloop_c.a"))?;
            sum.add(&test(project, wine, &program, failures));
        }
    }
    for (name, arguments, expected) in EXAMPLES {
        let source = project.root.join(format!("examples/c/{name}.c"));
        let program = folder.join(format!("example-{name}.exe"));
        let program = compile(project, &source, &program, &built.join("libcogloop_c.dll.a"))?;
        println!("--- examples/c/{name}.c");
        let (lines, verdict) = process::watch(wine.run(project, &program).args(*arguments), LIMIT);
        let is_as_expected = lines.last().is_some_and(|last| last.contains(expected));
        let wrong = || format!("examples/c/{name}.c does not end with `{expected}`");
        failures.note(&source, &lines, verdict.and_then(|()| if is_as_expected { Ok(()) } else { Err(wrong()) }));
    }
    Ok(sum)
}

fn name_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Compiles a program. A warning is an error. The program needs only our DLL, because mingw's own libraries are linked
/// statically.
fn compile(project: &Project, source: &Path, program: &Path, library: &Path) -> Result<PathBuf, String> {
    let mut compiler = project.program(COMPILER);
    compiler.args(["-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-static", "-I", HEADERS]);
    compiler.arg(source).arg("-o").arg(program).arg(library).args(LIBRARIES).arg("-lpthread");
    process::run(&mut compiler).map(|()| program.into())
}

/// Runs a test program.
fn test(project: &Project, wine: &Wine, program: &Path, failures: &mut Failures) -> Tally {
    println!("--- {}", name_of(program));
    let (lines, verdict) = process::watch(&mut wine.run(project, program), LIMIT);
    let tally = Tally::of(&lines);
    failures.note(program, &lines, verdict.and_then(|()| tally.outcome_or_skipped()));
    tally
}
