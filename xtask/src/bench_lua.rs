//! `cargo xtask bench lua`: builds the modules, installs the peers that Debian has, and starts the benchmark.
//! `benches/src/lua` and `benches/lua` contain the benchmark itself.

use crate::lua::{self, Version};
use crate::process;
use crate::project::Project;
use crate::test::apt_install;

const INTERPRETERS: [&str; 2] = ["5.4", "jit"];

/// A module that a contender needs, and its Debian package. The package may exist only for some versions of Lua. A
/// contender without a package, such as lua-ev, takes part if it is installed.
const PEERS: [(&str, &str); 4] =
    [("luv", "lua-luv"), ("cqueues", "lua-cqueues"), ("socket", "lua-socket"), ("copas", "lua-copas")];

pub(crate) fn run(project: &Project, arguments: &[&str]) -> Result<(), String> {
    install_missing(project)?;
    let mut bench = project.cargo(&["run", "--release", "--quiet", "-p", "cogloop-benches", "--", "lua"]);
    for version in interpreters() {
        let folder = lua::build(project, version)?;
        bench.args(["--interpreter", &format!("{}={}", version.interpreter, folder.display())]);
    }
    process::run(bench.args(arguments))
}

fn interpreters() -> impl Iterator<Item = &'static Version> {
    lua::VERSIONS.iter().filter(|version| INTERPRETERS.contains(&version.name))
}

/// Installs missing interpreters, and peers that no interpreter finds.
fn install_missing(project: &Project) -> Result<(), String> {
    let mut packages: Vec<&str> =
        interpreters().map(|version| version.interpreter).filter(|program| !process::exists(program)).collect();
    let finds = |interpreter: &str, module: &str| {
        let asked = project.program(interpreter).args(["-e", &format!("require '{module}'")]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    let is_missing = |module: &str| !interpreters().any(|version| finds(version.interpreter, module));
    packages.extend(PEERS.iter().filter(|(module, _)| is_missing(module)).map(|(_, package)| package));
    if packages.is_empty() {
        return Ok(());
    }
    // Without these packages the benchmark measures fewer contenders, and says so.
    apt_install(project, &packages).or_else(|message| {
        eprintln!("{message}");
        Ok(())
    })
}
