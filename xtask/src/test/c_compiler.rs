//! Compiles a C program against the installed library, with the options that pkg-config gives.

use std::path::Path;
use std::time::Duration;

use crate::process;
use crate::project::Project;

/// The time limit, far more than one program needs.
pub(super) const LIMIT: Duration = Duration::from_secs(900);

/// A compiler's command, and the kind of library that it links.
pub(super) struct Compiler {
    pub(super) words: &'static [&'static str],
    pub(super) is_static: bool,
}

/// Compiles `source` into `program` with the library that is installed at `prefix`. A warning is an error.
pub(super) fn compile(
    project: &Project,
    compiler: &Compiler,
    source: &Path,
    program: &Path,
    prefix: &Path,
) -> Result<(), String> {
    let folder = program.parent().unwrap_or(prefix);
    std::fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut command = project.program(compiler.words[0]);
    command.args(&compiler.words[1..]).args(["-O1", "-g", "-Wall", "-Wextra", "-pedantic", "-Werror"]);
    command.args(pkg_config(project, prefix, &["--cflags"])?).arg(source).arg("-o").arg(program);
    // `-x none` ends an earlier `-x c++`, because the following files are not C++ sources.
    command.args(["-x", "none"]);
    if compiler.is_static {
        let words = pkg_config(project, prefix, &["--libs", "--static"])?;
        let archive = prefix.join("lib/libcogloop.a").display().to_string();
        command.args(words.into_iter().map(|word| if word == "-lcogloop" { archive.clone() } else { word }));
    } else {
        command.args(pkg_config(project, prefix, &["--libs"])?).arg("-lpthread");
    }
    process::run(&mut command)
}

fn pkg_config(project: &Project, prefix: &Path, what: &[&str]) -> Result<Vec<String>, String> {
    let mut command = project.program("pkg-config");
    command.args(what).arg("cogloop").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    Ok(process::capture(&mut command)?.split_whitespace().map(str::to_owned).collect())
}
