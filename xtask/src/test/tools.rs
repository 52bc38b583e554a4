//! Installs the programs that the other steps need and this machine lacks. On Debian and its relatives it uses apt.
//! Elsewhere it prints what to install by hand.

use std::path::Path;

use super::step::StepResult;
use crate::lua;
use crate::process;
use crate::project::Project;

/// A component of the toolchain, and the subcommand of cargo that it provides.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

/// A program and its Debian package. The packages of the Lua interpreters have the names of the programs, so they are
/// not listed.
const PROGRAMS: &[(&str, &str)] = &[
    // For the Lua modules: the package manager, and a linter.
    ("luarocks", "luarocks"),
    ("luacheck", "lua-check"),
    // For the language server that checks the types of the modules.
    ("pip3", "python3-pip"),
    // For the C library: further compilers, and the program that finds the library.
    ("clang", "clang"),
    ("g++", "g++"),
    ("pkg-config", "pkg-config"),
    // For the example over TLS: a program that makes a certificate.
    ("openssl", "openssl"),
    // For the Lua modules and the C library: a program that finds memory errors.
    ("valgrind", "valgrind"),
];

/// Other Lua modules, with their Debian packages for every version of Lua. The tests and examples use objects of these
/// modules as handles.
const LIBRARIES: &[(&str, &str)] = &[
    ("socket", "lua-socket"),
    ("ssl", "lua-sec"),
    ("posix", "lua-posix"),
    ("cqueues", "lua-cqueues"),
    ("luv", "lua-luv"),
];

/// Header files and their Debian packages. LuaRocks refuses to work for a version of Lua without that version's header.
const HEADERS: &[(&str, &str)] =
    &[("/usr/include/lua5.1/lua.h", "liblua5.1-0-dev"), ("/usr/include/lua5.4/lua.h", "liblua5.4-dev")];

pub(super) fn install(project: &Project) -> StepResult {
    for (component, subcommand) in COMPONENTS {
        if project.cargo(&[subcommand, "--version"]).output().is_ok_and(|output| !output.status.success()) {
            process::run(project.program("rustup").args(["component", "add", component]))?;
        }
    }
    let interpreters = lua::VERSIONS.iter().map(|version| (version.interpreter, version.interpreter));
    let missing: Vec<_> =
        interpreters.chain(PROGRAMS.iter().copied()).filter(|(program, _)| !process::exists(program)).collect();
    let loads = |module: &str| {
        let output = project.program("lua5.1").args(["-e", &format!("require '{module}'")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let libraries = LIBRARIES.iter().filter(|(module, _)| !loads(module));
    let headers = HEADERS.iter().filter(|(header, _)| !Path::new(header).exists());
    let packages: Vec<_> = missing.iter().chain(libraries).chain(headers).map(|&(_, package)| package).collect();
    if packages.is_empty() {
        return Ok("nothing was missing".into());
    }
    apt_install(project, &packages)?;
    match missing.iter().find(|(program, _)| !process::exists(program)) {
        Some((program, package)) => {
            Err(format!("the package {package} is installed, but there is no `{program}` in PATH"))
        }
        None => Ok(format!("installed {}", packages.join(" "))),
    }
}

pub(crate) fn apt_install(project: &Project, packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("please install by hand: {}", packages.join(" "));
    if !process::exists("apt-get") {
        return Err(format!("there is no apt-get here; {by_hand}"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = if is_root(project) { project.program("apt-get") } else { project.program("sudo") };
        if !is_root(project) {
            // The option -n prevents a question, which would wait for ever in a run without a terminal.
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command).map_err(|message| format!("{message}; {by_hand}"))
    };
    apt(&["update", "--quiet"])?;
    // Another apt may be running, for example on a machine that has just started.
    let options = ["install", "--yes", "--quiet", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
    apt(&[&options, packages].concat())
}

fn is_root(project: &Project) -> bool {
    process::capture(project.program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
