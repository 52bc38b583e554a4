//! The libraries with the Lua modules, one for each version of Lua.
//!
//! They are built in a copy of the sources, in which their crate is a member of the workspace. Cargo identifies a crate
//! outside the workspace by its absolute path. The names of its symbols, and so the library's bytes, would depend on
//! this path.

use std::path::{Path, PathBuf};

use super::release::{PROFILE, Release};
use super::{pack, sources};
use crate::project::LUA_MANIFEST;
use crate::{lua, process};

const MEMBERS: [&str; 4] = ["engine", "io", "bindings/lua-core", "bindings/lua"];

/// A library, and the version of Lua that loads it.
pub(super) struct Module {
    pub(super) version: &'static lua::Version,
    pub(super) library: PathBuf,
}

impl Module {
    /// The file name under which the Lua files search for the library.
    pub(super) fn file(&self) -> String {
        format!("{}.so", self.version.feature)
    }

    /// The version in the paths where a Lua searches for modules. LuaJIT uses the paths of 5.1.
    pub(super) fn folder(&self) -> &'static str {
        if self.version.name == "jit" { "5.1" } else { self.version.name }
    }
}

pub(super) fn build(release: &Release) -> Result<Vec<Module>, String> {
    let folder = release.lua_tree();
    sources::copy(release, &folder, &MEMBERS, &[])?;
    pack::copy(&release.source(LUA_MANIFEST).with_file_name("Cargo.lock"), &folder.join("Cargo.lock"))?;
    for member in MEMBERS {
        sources::edit(&folder.join(member).join("Cargo.toml"), member_manifest)?;
    }
    lua::VERSIONS.iter().map(|version| build_one(release, &folder, version)).collect()
}

/// Returns the manifest of a member. It leaves out the sections that only the root of a workspace may have. It also
/// leaves out the dependencies of tests, because the list of locked packages does not contain them.
fn member_manifest(text: &str) -> String {
    let mut is_kept = true;
    let kept = text.lines().filter(|line| {
        if line.starts_with('[') {
            let is_root = *line == "[workspace]" || line.starts_with("[profile.");
            is_kept = !is_root && !line.ends_with("dev-dependencies]");
        }
        is_kept
    });
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

fn build_one(release: &Release, folder: &Path, version: &'static lua::Version) -> Result<Module, String> {
    let mut cargo = release.cargo(&["build", "--locked", "--profile", PROFILE, "-p", "cogloop-lua"], &release.host);
    process::run(cargo.args(["--no-default-features", "--features", version.feature]).current_dir(folder))?;
    // The build of the next version overwrites this file.
    let library = release.stage.join("modules").join(version.feature).with_extension("so");
    pack::copy(&release.built(&release.host, PROFILE).join("libcogloop_lua.so"), &library)?;
    Ok(Module { version, library })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_no_profile_no_workspace_and_no_packages_for_tests() {
        let text = "# A word.\n[workspace]\n\n[package]\nname = \"a\"\n[target.'cfg(loom)'.dev-dependencies]\nloom = \"0.7\"\n\
                    [lints]\nworkspace = true\n[profile.release]\ndebug = false\n";
        assert_eq!(member_manifest(text), "# A word.\n[package]\nname = \"a\"\n[lints]\nworkspace = true\n");
    }
}
