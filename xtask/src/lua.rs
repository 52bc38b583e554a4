//! `cargo xtask lua VERSION`: builds the Lua modules for one version of Lua into `target/lua/VERSION`.
//!
//! One library holds all modules. `require` loads Lua files, and each file opens its module in the library.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::project::{LUA_MANIFEST, Project};
use crate::{files, process};

/// A version of Lua for which the modules can be built.
pub(crate) struct Version {
    pub(crate) name: &'static str,
    /// The cargo feature that selects this version.
    pub(crate) feature: &'static str,
    /// Debian's interpreter. Its package has the same name.
    pub(crate) interpreter: &'static str,
}

pub(crate) const VERSIONS: &[Version] = &[
    Version { name: "5.1", feature: "lua51", interpreter: "lua5.1" },
    Version { name: "5.2", feature: "lua52", interpreter: "lua5.2" },
    Version { name: "5.3", feature: "lua53", interpreter: "lua5.3" },
    Version { name: "5.4", feature: "lua54", interpreter: "lua5.4" },
    Version { name: "jit", feature: "luajit", interpreter: "luajit" },
];

/// The Lua files, below the project's root.
const SCRIPTS: &str = "bindings/lua/lua";

pub(crate) fn command(project: &Project, name: &str) -> Result<(), String> {
    let folder = build(project, find(name)?)?;
    println!("{}", folder.display());
    println!("to use it: eval \"$(cargo xtask lua {name} --env)\"");
    Ok(())
}

pub(crate) fn print_env(project: &Project, name: &str) -> Result<(), String> {
    let folder = build(project, find(name)?)?;
    for (variable, value) in env(&folder) {
        println!("export {variable}={}", quoted(&value));
    }
    Ok(())
}

/// The environment variables with which an interpreter finds the module in `folder`. `;;` stands for the default search
/// path.
pub(crate) fn env(folder: &Path) -> [(&'static str, String); 2] {
    let folder = folder.display();
    [("LUA_PATH", format!("{folder}/?.lua;;")), ("LUA_CPATH", format!("{folder}/?.so;;"))]
}

/// Builds the module and returns the folder that contains it. Prints nothing to the standard output.
pub(crate) fn build(project: &Project, version: &Version) -> Result<PathBuf, String> {
    let _lock = files::lock(project, "lua")?;
    let mut cargo = cargo(project, "build", version);
    process::run(cargo.args(["--quiet", "--release"]).stdout(Stdio::null()))?;

    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = project.target.join(format!("release/{prefix}cogloop_lua{suffix}"));
    let folder = project.target.join("lua").join(version.name);
    install(&built, version, &folder)
        .and_then(|()| copy_scripts(project, &folder))
        .map_err(|error| format!("cannot put {} into {}: {error}", built.display(), folder.display()))?;
    Ok(folder)
}

/// `cargo SUBCOMMAND` on the module's own workspace. It uses the target directory of the other workspace, because most
/// dependencies are the same, and cargo then compiles them once.
pub(crate) fn cargo(project: &Project, subcommand: &str, version: &Version) -> std::process::Command {
    let features = ["--no-default-features", "--features", version.feature];
    let mut cargo = project.cargo(&[subcommand, "--manifest-path", LUA_MANIFEST]);
    cargo.args(features);
    cargo
}

fn install(library: &Path, version: &Version, folder: &Path) -> std::io::Result<()> {
    let folder = folder.join("cogloop");
    std::fs::create_dir_all(&folder)?;
    files::place(library, &folder.join(version.feature).with_extension("so"))
}

/// Copies the Lua files that open the modules.
pub(crate) fn copy_scripts(project: &Project, folder: &Path) -> std::io::Result<()> {
    copy_tree(&project.root.join(SCRIPTS), folder)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            files::place(&entry.path(), &target)?;
        }
    }
    Ok(())
}

pub(crate) fn find(name: &str) -> Result<&'static Version, String> {
    VERSIONS.iter().find(|version| version.name == name).ok_or_else(|| {
        let known: Vec<_> = VERSIONS.iter().map(|version| version.name).collect();
        format!("there is no module for Lua {name}; known: {}", known.join(", "))
    })
}

/// Quotes one word for a POSIX shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_is_answered_with_the_known_ones() {
        assert_eq!(find("5.9").err().unwrap(), "there is no module for Lua 5.9; known: 5.1, 5.2, 5.3, 5.4, jit");
        assert!(find("5.4").is_ok());
    }

    #[test]
    fn the_default_places_stay_in_both_paths() {
        for (name, value) in env(Path::new("/a b")) {
            assert!(value.starts_with("/a b/?.") && value.ends_with(";;"), "{name}={value}");
        }
    }

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        for (value, expected) in [("/a;b c", "'/a;b c'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(quoted(value), expected);
        }
    }
}
