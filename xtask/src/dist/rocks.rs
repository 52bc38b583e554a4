//! The rocks, which LuaRocks installs from a file.
//!
//! The binary rock has the libraries for all versions of Lua, because a registry of rocks keeps one file for each
//! system. Each version of Lua opens only the library for that version. The source rock has the sources of all crates,
//! so it builds without a network.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Component, Path};

use super::modules::Module;
use super::release::Release;
use super::{documents, pack, vendor};
use crate::process;

const SCRIPTS: &str = "bindings/lua/lua";
const TYPES: &str = "bindings/lua/types";
/// The source in the rockspec of the tree, for `luarocks make`.
const SOURCE: &str = "source          = { url = 'git+file://.' }";

pub(super) fn pack(release: &Release, modules: &[Module]) -> Result<(), String> {
    binary(release, modules)?;
    source(release)
}

fn binary(release: &Release, modules: &[Module]) -> Result<(), String> {
    let folder = release.stage.join("rock");
    for module in modules {
        pack::copy(&module.library, &folder.join("lib/cogloop").join(module.file()))?;
    }
    pack::copy_all(&release.source(SCRIPTS), &folder.join("lua"), |_| true)?;
    pack::copy_all(&release.source(TYPES), &folder.join("types"), |_| true)?;
    documents::copy(release, &folder.join("doc"))?;
    rockspec(release, &folder)?;
    let sums = sums(release, &folder)?;
    pack::write(&folder.join("rock_manifest"), &manifest(&sums))?;
    let name = format!("cogloop-{}-1.linux-{}.rock", release.version, std::env::consts::ARCH);
    pack::zip(release, &folder, &release.out.join(name))
}

fn source(release: &Release) -> Result<(), String> {
    let folder = release.stage.join("source-rock");
    rockspec(release, &folder)?;
    let tree = vendor::tree(release)?;
    pack::tar(release, &tree, &folder.join(vendor::archive(release)))?;
    pack::zip(release, &folder, &release.out.join(format!("cogloop-{}-1.src.rock", release.version)))
}

/// Writes a copy of the tree's rockspec. In the copy, `source` names the archive of the sources.
fn rockspec(release: &Release, folder: &Path) -> Result<(), String> {
    let name = format!("cogloop-{}-1.rockspec", release.version);
    let path = release.source(&name);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let archive = vendor::archive(release);
    let source = format!("source          = {{ url = 'file://{archive}', dir = 'cogloop-{}' }}", release.version);
    if !text.contains(SOURCE) {
        return Err(format!("{name} has no line `{SOURCE}`"));
    }
    pack::write(&folder.join(&name), &text.replace(SOURCE, &source))
}

/// The MD5 sums of all files, by their paths.
fn sums(release: &Release, folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let names = pack::files(folder)?;
    let lines = process::capture(release.program("md5sum").current_dir(folder).args(names))?;
    Ok(lines.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name.into(), sum.into())).collect())
}

/// The list of files with which LuaRocks removes the rock: nested tables of checksums. The paths are sorted.
fn manifest(sums: &BTreeMap<String, String>) -> String {
    let mut text = String::from("rock_manifest = {\n");
    let mut open: Vec<&str> = Vec::new();
    for (path, sum) in sums {
        let parts: Vec<&str> = Path::new(path).components().filter_map(name).collect();
        let [folders @ .., file] = &parts[..] else { continue };
        let common = open.iter().zip(folders).take_while(|(a, b)| a == b).count();
        for depth in (common..open.len()).rev() {
            let _ = writeln!(text, "{}}},", indent(depth));
        }
        open.truncate(common);
        for folder in &folders[common..] {
            let _ = writeln!(text, "{}['{folder}'] = {{", indent(open.len()));
            open.push(folder);
        }
        let _ = writeln!(text, "{}['{file}'] = '{sum}',", indent(open.len()));
    }
    for depth in (0..open.len()).rev() {
        let _ = writeln!(text, "{}}},", indent(depth));
    }
    text + "}\n"
}

fn name(component: Component<'_>) -> Option<&str> {
    component.as_os_str().to_str()
}

fn indent(depth: usize) -> String {
    "   ".repeat(depth + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_nests_folders_and_closes_each_once() {
        let sums = ["a/b/c", "a/b/d", "a/e", "f", "g/h"].map(|path| (path.to_owned(), "0".to_owned()));
        let expected = "\
rock_manifest = {
   ['a'] = {
      ['b'] = {
         ['c'] = '0',
         ['d'] = '0',
      },
      ['e'] = '0',
   },
   ['f'] = '0',
   ['g'] = {
      ['h'] = '0',
   },
}
";
        assert_eq!(manifest(&sums.into()), expected);
    }
}
