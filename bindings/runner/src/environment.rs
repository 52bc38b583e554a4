//! The environment variables: the paths of modules, the printing of warnings, and `LUA_INIT`.

use crate::command_line::{Before, Script};
use crate::sys::modules;
use std::env;
use std::ffi::{CString, OsString};

/// Puts the actions that the environment asks for in front of those that the options ask for.
pub(crate) fn prepare(script: &mut Script, lua_version: &str) {
    let number = match lua_version.strip_prefix("Lua ") {
        Some(number) => number.split(' ').next().unwrap_or(number),
        // LuaJIT uses the modules of 5.1.
        None => "5.1",
    };
    let variable = |name: &str| {
        if script.ignores_environment {
            return None;
        }
        let of_the_version = env::var_os(format!("{name}_{}", number.replace('.', "_")));
        of_the_version.or_else(|| env::var_os(name)).filter(|value| !value.is_empty())
    };
    let mut first = Vec::new();
    let [more, more_in_c] = modules(number);
    for (field, name, more) in [("path", "LUA_PATH", more), ("cpath", "LUA_CPATH", more_in_c)] {
        if variable(name).is_none() && !more.is_empty() {
            first.push(run(format!("package.{field} = package.{field} .. ';{more}'"), "=(modules)"));
        }
    }
    if script.warns {
        first.push(run("if warn then warn '@on' end".into(), "=(warnings)"));
    }
    first.extend(variable("LUA_INIT").and_then(init));
    script.before.splice(0..0, first);
}

fn run(code: String, name: &str) -> Before {
    Before::Run { code: code.into_bytes(), name: CString::new(name).unwrap_or_default() }
}

/// Reads `LUA_INIT`: code, or `@` and a file name.
fn init(value: OsString) -> Option<Before> {
    match value.as_encoded_bytes().strip_prefix(b"@") {
        Some(path) => CString::new(path).ok().map(Before::File),
        None => Some(Before::Run { code: value.into_encoded_bytes(), name: c"=LUA_INIT".into() }),
    }
}
