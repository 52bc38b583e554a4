//! What runs before everything else: where modules are found, whether warnings are written, and `LUA_INIT`.

use crate::command_line::{Before, Script};
use std::env::{self, consts};
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Puts it before what the options say.
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
    for (field, name, more) in [("path", "LUA_PATH", modules(number)), ("cpath", "LUA_CPATH", c_modules(number))] {
        if variable(name).is_none() {
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

/// `LUA_INIT` is code, or `@` and a file's name.
fn init(value: OsString) -> Option<Before> {
    match value.as_bytes().strip_prefix(b"@") {
        Some(path) => CString::new(path).ok().map(Before::File),
        None => Some(Before::Run { code: value.into_vec(), name: c"=LUA_INIT".into() }),
    }
}

/// Where a distribution keeps modules. The built-in Lua itself looks below `/usr/local` only.
fn modules(number: &str) -> String {
    format!("/usr/share/lua/{number}/?.lua;/usr/share/lua/{number}/?/init.lua")
}

fn c_modules(number: &str) -> String {
    let machine = if consts::ARCH == "x86" { "i386" } else { consts::ARCH };
    let of_debian = Path::new("/usr/lib").join(format!("{machine}-linux-gnu/lua/{number}/?.so"));
    format!("{};/usr/lib/lua/{number}/?.so;/usr/lib64/lua/{number}/?.so", OsStr::display(of_debian.as_os_str()))
}
