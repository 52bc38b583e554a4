//! The rock, as a new user installs it with Debian's LuaRocks: built from the source tree, without a network, into a tree
//! of its own; then the README's Lua example runs with it.

use super::book;
use super::step::StepResult;
use crate::project::Project;
use crate::{lua, process};

/// The oldest Lua and the newest that Debian has.
const VERSIONS: [&str; 2] = ["5.1", "5.4"];

pub(super) fn run(project: &Project) -> StepResult {
    for name in VERSIONS {
        let tree = project.target.join("rock").join(name);
        // What an earlier run left must not help; and there may be nothing.
        let _ = std::fs::remove_dir_all(&tree);
        let mut luarocks = project.program("luarocks");
        luarocks.args(["--lua-version", name, "--tree"]).arg(&tree).arg("make");
        // Shared with the other steps, so that little is left to compile.
        luarocks.env("CARGO_TARGET_DIR", project.target.join("lua/build")).env("CARGO_NET_OFFLINE", "true");
        process::run(&mut luarocks)?;

        let version = lua::find(name)?;
        let mut interpreter = project.program(version.interpreter);
        interpreter.env("LUA_PATH", tree.join("share/lua").join(name).join("?.lua"));
        interpreter.env("LUA_CPATH", tree.join("lib/lua").join(name).join("?.so"));
        book::check_first(project, &mut interpreter)?;
    }
    Ok(format!("installed and run with Lua {}", VERSIONS.join(" and ")))
}
