//! Installs the rock as a new user does with Debian's LuaRocks: from the source tree, without a network, into a tree of
//! its own. Then it runs the README's Lua example with it.

use super::book;
use super::step::StepResult;
use crate::project::Project;
use crate::{files, lua, process};

/// The oldest and the newest Lua that Debian has.
const VERSIONS: [&str; 2] = ["5.1", "5.4"];

pub(super) fn run(project: &Project) -> StepResult {
    for name in VERSIONS {
        let tree = project.target.join("rock").join(name);
        // The folder of the build is shared with the other steps, so that little has to be compiled. Without the lock,
        // another step could put the library for another Lua there before LuaRocks has copied this one.
        let lock = files::lock(project, "lua")?;
        // Removes the tree of an earlier run, if there is one.
        let _ = std::fs::remove_dir_all(&tree);
        let mut luarocks = project.program("luarocks");
        luarocks.args(["--lua-version", name, "--tree"]).arg(&tree).arg("make");
        luarocks.env("CARGO_TARGET_DIR", &project.target).env("CARGO_NET_OFFLINE", "true");
        process::run(&mut luarocks)?;
        drop(lock);

        let version = lua::find(name)?;
        let mut interpreter = project.program(version.interpreter);
        interpreter.env("LUA_PATH", tree.join("share/lua").join(name).join("?.lua"));
        interpreter.env("LUA_CPATH", tree.join("lib/lua").join(name).join("?.so"));
        book::check_first(project, &mut interpreter)?;
    }
    Ok(format!("installed and run with Lua {}", VERSIONS.join(" and ")))
}
