//! Installs the files of `cargo xtask dist` as users do, uses them and removes them.
//!
//! ```text
//!   target/debian/bare       Debian with Lua and LuaRocks, without cargo and a C compiler   installed.sh
//!   target/debian/compiler   the same with gcc and CMake                                    compiled.sh
//! ```
//!
//! The roots are made once, which needs a network. Each script runs in a copy of a root, and the copy is deleted
//! afterwards. When the script has removed everything, no file may be left.

mod root;

use std::fs;
use std::path::Path;

use super::book;
use super::step::StepResult;
use crate::project::{PUBLISHED, Project};
use crate::{dist, process};
use root::Root;

const INSTALLED: &str = include_str!("installed.sh");
const COMPILED: &str = include_str!("compiled.sh");
const CMAKE: &str = include_str!("CMakeLists.txt");

pub(super) fn run(project: &Project) -> StepResult {
    let out = dist::make(project)?;
    process::run(project.program("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&out))?;
    let given = project.target.join("dist-test");
    write(project, &given)?;
    let bare = Root::bare(project)?;
    let compiler = Root::compiler(project, &bare)?;
    bare.run(project, INSTALLED, &given, &out)?;
    compiler.run(project, COMPILED, &given, &out)?;
    source_rock(project, &out)?;
    published(project)?;
    Ok("the program, the packages and the rocks were installed and used".into())
}

/// Builds everything again from a clone in another folder, and compares the checksums.
pub(super) fn reproducible(project: &Project) -> StepResult {
    let changed = process::capture(project.program("git").args(["status", "--porcelain"]))?;
    if !changed.is_empty() {
        return Err(format!("commit first, since a clone has no uncommitted changes:\n{changed}"));
    }
    let first = sums(&dist::make(project)?)?;
    let folder = project.target.join("reproducible");
    let _ = fs::remove_dir_all(&folder);
    process::run(project.program("git").args(["clone", "--quiet", "."]).arg(&folder))?;
    let mut again = project.cargo(&["xtask", "dist"]);
    again.current_dir(&folder).env_remove("CARGO_MANIFEST_DIR").env("CARGO_TARGET_DIR", folder.join("target"));
    process::capture(&mut again)?;
    let second = sums(&folder.join("target/dist"))?;
    let differing: Vec<_> = first.lines().filter(|line| !second.lines().any(|other| other == *line)).collect();
    if differing.is_empty() {
        Ok(format!("{} files have the same bytes", first.lines().count()))
    } else {
        Err(format!("other bytes when built in another folder:\n{}", differing.join("\n")))
    }
}

fn sums(out: &Path) -> Result<String, String> {
    book::read(&out.join("SHA256SUMS"))
}

/// Writes the README's first examples in Lua and C, with their output, and the files for CMake.
fn write(project: &Project, folder: &Path) -> Result<(), String> {
    let readme = book::read(&project.root.join("README.md"))?;
    let blocks = book::blocks(&readme);
    let example = |language: &str| {
        let code = blocks.iter().position(|block| block.1 == language)?;
        let printed = blocks[code..].iter().find(|block| block.1 == "text")?;
        Some((blocks[code].2.join("\n") + "\n", printed.2.join("\n") + "\n"))
    };
    let missing = "README.md has no example in Lua and C with what it prints";
    let ((lua, lua_prints), (c, c_prints)) = (example("lua").ok_or(missing)?, example("c").ok_or(missing)?);
    let cmake = CMAKE.replace("${VERSION}", env!("CARGO_PKG_VERSION"));
    let files = [
        ("readme.lua", lua),
        ("readme.txt", lua_prints),
        ("readme.c", c),
        ("c.txt", c_prints),
        ("CMakeLists.txt", cmake),
    ];
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    files.iter().try_for_each(|(name, text)| {
        fs::write(folder.join(name), text).map_err(|error| format!("{name} cannot be written: {error}"))
    })
}

/// Builds the source rock without a network and without the crates in cargo's cache.
fn source_rock(project: &Project, out: &Path) -> Result<(), String> {
    println!("--- the source rock");
    let tree = project.target.join("source-rock");
    let _ = fs::remove_dir_all(&tree);
    let rock = out.join(format!("cogloop-{}-1.src.rock", env!("CARGO_PKG_VERSION")));
    let mut luarocks = project.program("unshare");
    luarocks.args(["--net", "luarocks", "--lua-version", "5.4", "--tree"]).arg(&tree).arg("install").arg(rock);
    process::run(luarocks.env("CARGO_HOME", tree.join("cargo")).env_remove("CARGO_TARGET_DIR"))?;
    let mut interpreter = project.program("lua5.4");
    interpreter.env("LUA_PATH", tree.join("share/lua/5.4/?.lua")).env("LUA_CPATH", tree.join("lib/lua/5.4/?.so"));
    book::check_first(project, &mut interpreter)
}

/// Asks cargo whether the registry would accept the crates. Cargo compiles each crate from its package.
fn published(project: &Project) -> Result<(), String> {
    println!("--- cargo publish --dry-run");
    let mut cargo = project.cargo(&["publish", "--quiet", "--dry-run", "--allow-dirty"]);
    process::run(cargo.args(PUBLISHED.iter().flat_map(|package| ["-p", package])))
}
