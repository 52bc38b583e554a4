//! Installs what the other steps need and this machine lacks: on Debian and its kin by apt, elsewhere it says what to
//! install by hand.

use super::Outcome;
use crate::lua;
use crate::process;
use crate::project::Project;

/// A component of the toolchain, and the subcommand of cargo that it brings.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

/// For the C library: compilers beside the one that is there, what finds the library, and what finds its faults.
const PROGRAMS: &[&str] = &["clang", "g++", "pkg-config", "valgrind"];

pub(super) fn install(project: &Project) -> Outcome {
    for (component, subcommand) in COMPONENTS {
        if project.cargo(&[subcommand, "--version"]).output().is_ok_and(|output| !output.status.success()) {
            process::run(project.program("rustup").args(["component", "add", component]))?;
        }
    }
    // Debian names the packages as the programs.
    let interpreters = lua::VERSIONS.iter().map(|version| version.interpreter);
    let programs = interpreters.chain(PROGRAMS.iter().copied());
    let missing: Vec<_> = programs.filter(|program| !process::exists(program)).collect();
    if missing.is_empty() {
        return Ok("nothing was missing".into());
    }
    apt_install(project, &missing)?;
    match missing.iter().find(|program| !process::exists(program)) {
        Some(program) => Err(format!("the package {program} is installed, but there is no `{program}` in PATH")),
        None => Ok(format!("installed {}", missing.join(" "))),
    }
}

fn apt_install(project: &Project, packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("please install by hand: {}", packages.join(" "));
    if !process::exists("apt-get") {
        return Err(format!("there is no apt-get here; {by_hand}"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = if is_root(project) { project.program("apt-get") } else { project.program("sudo") };
        if !is_root(project) {
            // -n: in a run without a terminal a question would wait for ever.
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command).map_err(|message| format!("{message}; {by_hand}"))
    };
    apt(&["update", "--quiet"])?;
    apt(&[&["install", "--yes", "--quiet", "--no-install-recommends"], packages].concat())
}

fn is_root(project: &Project) -> bool {
    process::capture(project.program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
