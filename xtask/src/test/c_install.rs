//! Installs the C library into a folder whose name has spaces, and uses it as the documents describe.

use std::path::Path;

use super::c_compiler::LIMIT;
use crate::project::Project;
use crate::{c, process};

/// The command of the README, with another folder.
const COMPILE: &str =
    r#"eval "gcc -std=c99 -O1 $1 -o \"$2/interval\" $(pkg-config --cflags --libs cogloop)" "'-Wl,-rpath,$2/lib'""#;

pub(super) fn run(project: &Project, folder: &Path) -> Result<(), String> {
    let prefix = folder.join("a place with spaces");
    c::install(project, &c::Place::at(&prefix))?;
    println!("--- installed into a folder whose name has spaces");
    let mut command = project.program("sh");
    command.args(["-c", COMPILE, "sh", "examples/c/interval.c"]).arg(&prefix);
    process::run(command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")))?;
    let (lines, verdict) = process::watch(project.program(prefix.join("interval")).arg("1"), LIMIT);
    verdict?;
    if !lines.last().is_some_and(|last| last.contains(" readings in ")) {
        return Err(format!("the installed library's program printed: {}", lines.join("\n")));
    }
    // The debug information is many times as large as the library.
    let size = |file: &str| std::fs::metadata(prefix.join("lib").join(file)).map_or(0, |metadata| metadata.len());
    let (stripped, debug) = (size("libcogloop.so.0"), size("libcogloop.so.0.debug"));
    if stripped == 0 || 2 * stripped > debug {
        Err(format!("the library has {stripped} bytes, its debug information {debug}"))
    } else {
        Ok(())
    }
}
