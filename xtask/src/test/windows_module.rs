//! Tests the Lua modules as a DLL. The program finds its Lua in `lua54.dll`, like stock interpreters for Windows.
//!
//! ```text
//!   the crate lua-src: Lua's own sources ──► mingw ──► target/wine/lua/lua54.dll
//!   HOST ──────────────────────────────────► mingw ──► target/wine/lua/lua.exe
//!   bindings/lua ──────────────────────────► cargo ──► target/wine/lua/cogloop/cogloop54.dll, and Lua files beside that folder
//! ```
//!
//! The step runs only if it is named: it compiles for half a minute, and the step `windows` tests the same code in
//! another form.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::failures::Failures;
use super::step::StepResult;
use super::windows;
use crate::project::{LUA_MANIFEST, Project};
use crate::wine::{COMPILER, TARGET, Wine};
use crate::{lua, process};

/// The crate's sources of Lua do not include the program `lua`. This program runs a script with arguments.
const HOST: &str = "\
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_newtable(L);
    for (int n = 0; n < argc; n++) lua_pushstring(L, argv[n]), lua_rawseti(L, -2, n - 1);
    lua_setglobal(L, \"arg\");
    int failed = argc < 2 || luaL_loadfile(L, argv[1]) != LUA_OK;
    if (!failed) {
        for (int n = 2; n < argc; n++) lua_pushstring(L, argv[n]);
        failed = lua_pcall(L, argc - 2, 0, 0) != LUA_OK;
    }
    if (failed) fprintf(stderr, \"%s\\n\", argc < 2 ? \"usage: lua SCRIPT\" : lua_tostring(L, -1));
    lua_close(L);
    return failed;
}
";

pub(super) fn run(project: &Project) -> StepResult {
    let wine = Wine::set_up(project)?;
    let folder = project.target.join("wine/lua");
    std::fs::create_dir_all(folder.join("cogloop")).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = compile_lua(project, &folder)?;
    compile_module(project, &wine, &folder)?;
    let _server = wine.serve(project)?;
    let mut failures = Failures::default();
    windows::examples(project, &wine, &program, &mut failures);
    let sum = windows::suite(project, &wine, &program, &mut failures)?;
    failures.outcome(sum)?.outcome()
}

/// Compiles Lua as a DLL, and the program that uses it.
fn compile_lua(project: &Project, folder: &Path) -> Result<PathBuf, String> {
    let (sources, host) = (sources(project)?, folder.join("host.c"));
    std::fs::write(&host, HOST).map_err(|error| format!("{}: {error}", host.display()))?;
    let compiler = || {
        let mut compiler = project.program(COMPILER);
        compiler.args(["-O1", "-DLUA_BUILD_AS_DLL", "-I"]).arg(&sources);
        compiler
    };
    let (library, program) = (folder.join("lua54.dll"), folder.join("lua.exe"));
    process::run(compiler().args(["-shared", "-o"]).arg(&library).args(c_files(&sources)?))?;
    process::run(compiler().arg("-o").arg(&program).arg(host).arg(library))?;
    Ok(program)
}

/// The folder of Lua's sources, in the crate that the program `cogloop` compiles.
fn sources(project: &Project) -> Result<PathBuf, String> {
    let mut cargo = project.cargo(&["metadata", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&process::capture(&mut cargo)?).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = packages.iter().find(|package| package["name"] == "lua-src");
    let manifest = found.and_then(|package| package["manifest_path"].as_str()).ok_or("there is no package lua-src")?;
    let entries = Path::new(manifest).parent().map(std::fs::read_dir);
    let mut entries = entries.and_then(Result::ok).into_iter().flatten().flatten();
    let folder = entries.find(|entry| entry.file_name().to_string_lossy().starts_with("lua-5.4"));
    folder.map(|folder| folder.path()).ok_or_else(|| format!("no sources of Lua 5.4 beside {manifest}"))
}

fn c_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|last| last == "c")).collect())
}

/// Compiles the modules and puts them beside the program: `package.cpath` and `package.path` name this folder on
/// Windows.
fn compile_module(project: &Project, wine: &Wine, folder: &Path) -> Result<(), String> {
    let version = lua::find("5.4")?;
    let features = ["--no-default-features", "--features", version.feature];
    let arguments = [&["build", "--quiet", "--manifest-path", LUA_MANIFEST], &features[..]].concat();
    process::run(&mut wine.cargo(project, &arguments))?;
    let built = project.target.join(TARGET).join("debug/cogloop_lua.dll");
    // The DLL of the modules is not called lua54.dll, because that is the name of Lua's own DLL.
    let name = version.feature.replacen("lua", "cogloop", 1);
    std::fs::copy(&built, folder.join("cogloop").join(name).with_extension("dll"))
        .and_then(|_| lua::copy_scripts(project, folder))
        .map_err(|error| format!("cannot put {} into {}: {error}", built.display(), folder.display()))
}
