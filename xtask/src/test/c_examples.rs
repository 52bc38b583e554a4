//! Runs the examples in C unchanged and checks their output.

use std::path::Path;

use super::c_compiler::{Compiler, LIMIT, compile};
use crate::process;
use crate::project::Project;

const COMPILER: Compiler = Compiler { words: &["gcc", "-std=c99"], is_static: false };

/// The name of the source, the arguments, and a part of the last line of output. In the last line of `interval` the
/// words follow a number that depends on the machine, so only the words are checked.
pub(super) const EXAMPLES: &[(&str, &[&str], &str)] =
    &[("interval", &["1"], " readings in "), ("echo", &["5", "10"], "5 clients, 50 messages echoed")];

/// Compiles and runs the examples with the library that is installed at `prefix`.
pub(super) fn run(project: &Project, prefix: &Path) -> Result<(), String> {
    for (name, arguments, expected) in EXAMPLES {
        let program = prefix.join(format!("examples/{name}"));
        let source = project.root.join(format!("examples/c/{name}.c"));
        compile(project, &COMPILER, &source, &program, prefix)?;
        println!("--- examples/c/{name}.c");
        let mut command = project.program(&program);
        let (lines, verdict) =
            process::watch(command.args(*arguments).env("LD_LIBRARY_PATH", prefix.join("lib")), LIMIT);
        verdict?;
        let last = lines.last().map_or("", String::as_str);
        if !last.contains(expected) {
            return Err(format!("examples/c/{name}.c ends with: {last}"));
        }
    }
    Ok(())
}
