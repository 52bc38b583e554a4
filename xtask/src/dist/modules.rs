//! The libraries with the Lua modules, one for each version of Lua.

use std::path::PathBuf;

use super::pack;
use super::release::{PROFILE, Release};
use crate::project::LUA_MANIFEST;
use crate::{lua, process};

/// A library, and the version of Lua that loads it.
pub(super) struct Module {
    pub(super) version: &'static lua::Version,
    pub(super) library: PathBuf,
}

impl Module {
    /// The file name, by which the Lua files look for it.
    pub(super) fn file(&self) -> String {
        format!("{}.so", self.version.feature)
    }

    /// The version in the paths of a Lua. LuaJIT has those of 5.1.
    pub(super) fn folder(&self) -> &'static str {
        if self.version.name == "jit" { "5.1" } else { self.version.name }
    }
}

pub(super) fn build(release: &Release) -> Result<Vec<Module>, String> {
    lua::VERSIONS.iter().map(|version| build_one(release, version)).collect()
}

fn build_one(release: &Release, version: &'static lua::Version) -> Result<Module, String> {
    let arguments = ["build", "--profile", PROFILE, "--manifest-path", LUA_MANIFEST];
    let mut cargo = release.cargo(&arguments, &release.host);
    process::run(cargo.args(["--no-default-features", "--features", version.feature]))?;
    // The next version is built to the same place.
    let library = release.stage.join("modules").join(version.feature).with_extension("so");
    pack::copy(&release.built(&release.host, PROFILE).join("libcogloop_lua.so"), &library)?;
    Ok(Module { version, library })
}
