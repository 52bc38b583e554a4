//! Tests the C library as C and C++ programmers use it. The library is installed, and pkg-config finds it. Each
//! compiler must compile the programs without a warning. Some compilers link the shared library, and the others link
//! the static library. All programs run. The programs of one compiler also run under valgrind. Then the examples and
//! the programs of the documents are compiled and run.

use std::path::PathBuf;

use super::c_compiler::{Compiler, LIMIT, compile};
use super::step::StepResult;
use super::summary::Tally;
use super::{c_docs, c_examples, c_install};
use crate::project::Project;
use crate::{c, process};

const TESTS: &str = "bindings/c/tests";

const COMPILERS: &[Compiler] = &[
    Compiler { words: &["gcc", "-std=c99"], is_static: false },
    Compiler { words: &["gcc", "-std=c11"], is_static: true },
    Compiler { words: &["clang", "-std=c99"], is_static: true },
    Compiler { words: &["g++", "-x", "c++", "-std=c++17"], is_static: false },
    Compiler { words: &["clang++", "-x", "c++", "-std=c++17"], is_static: true },
];

pub(super) fn run(project: &Project) -> StepResult {
    let prefix = project.target.join("c");
    c::install(project, &c::Place::at(&prefix))?;
    let mut lines = Vec::new();
    for (number, compiler) in COMPILERS.iter().enumerate() {
        for source in sources(project)? {
            let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let program = prefix.join(format!("tests/{name}-{number}"));
            compile(project, compiler, &source, &program, &prefix)?;
            println!("--- {name}, {}{}", compiler.words.join(" "), if compiler.is_static { ", static" } else { "" });
            lines.extend(watched(project.program(&program).env("LD_LIBRARY_PATH", prefix.join("lib")))?);
            // The programs of one compiler are enough for valgrind. Valgrind does not work well with processes that
            // fork or that end at once. If the process ends while a thread is inside a callback, valgrind reports the
            // thread's stack as "possibly lost".
            if number == 1 && !matches!(name.as_str(), "exit" | "threads" | "unwinding") {
                let mut valgrind = project.program("valgrind");
                valgrind.args(["--quiet", "--fair-sched=yes", "--leak-check=full"]);
                valgrind.args(["--errors-for-leak-kinds=definite", "--error-exitcode=9"]).arg(&program);
                // Valgrind knows the system calls of `select`, but not all of those that other backends make.
                valgrind.env("COGLOOP_BACKEND", "select").env("LD_LIBRARY_PATH", prefix.join("lib"));
                println!("--- {name} under valgrind");
                lines.extend(watched(match name.as_str() {
                    "stress" | "loop_threads" => valgrind.arg("8000"),
                    "loop_watches" => valgrind.arg("select"),
                    _ => &mut valgrind,
                })?);
            }
        }
    }
    c_examples::run(project, &prefix)?;
    c_docs::run(project, &prefix)?;
    c_install::run(project, &prefix)?;
    Tally::of(&lines).outcome()
}

/// Runs a thousand processes that end with 10,000 timers armed, in five ways.
pub(super) fn exits(project: &Project) -> StepResult {
    let prefix = project.target.join("c");
    c::install(project, &c::Place::at(&prefix))?;
    let (compiler, program) = (&COMPILERS[1], prefix.join("tests/exit"));
    compile(project, compiler, &project.root.join(TESTS).join("exit.c"), &program, &prefix)?;
    Tally::of(&watched(project.program(&program).arg("200"))?).outcome()
}

/// Compiles the tests of the loop and of the timers once, for steps that run them in another way. Leaves out the test
/// `exit`.
pub(crate) fn compiled(project: &Project) -> Result<Vec<PathBuf>, String> {
    let prefix = project.target.join("c");
    c::install(project, &c::Place::at(&prefix))?;
    let mut programs = Vec::new();
    for source in sources(project)? {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name == "exit" {
            continue;
        }
        let program = prefix.join(format!("tests/{name}-static"));
        compile(project, &COMPILERS[1], &source, &program, &prefix)?;
        programs.push(program);
    }
    Ok(programs)
}

fn watched(command: &mut std::process::Command) -> Result<Vec<String>, String> {
    let (lines, verdict) = process::watch(command, LIMIT);
    verdict.map(|()| lines)
}

pub(super) fn sources(project: &Project) -> Result<Vec<PathBuf>, String> {
    let folder = project.root.join(TESTS);
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{TESTS} cannot be read: {error}"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut all: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "c")).collect();
    all.sort();
    Ok(all)
}
