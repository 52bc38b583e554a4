//! The part of the source tree from which the Lua modules are built.

use std::fs;
use std::path::Path;

use super::pack;
use super::release::Release;

const PARTS: [&str; 4] = ["engine", "io", "bindings/lua-core", "bindings/lua"];
const FILES: [&str; 5] = ["Cargo.toml", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// A build needs no tests, and the folder `target` does not belong to the sources.
const LEFT_OUT: [&str; 4] = ["tests", "benches", "examples", "target"];

/// Copies the sources. In the copy, `members` are the members of the workspace, and the workspace excludes the folders
/// in `exclude`.
pub(super) fn copy(release: &Release, folder: &Path, members: &[&str], exclude: &[&str]) -> Result<(), String> {
    for part in PARTS {
        pack::copy_all(&release.source(part), &folder.join(part), is_needed)?;
    }
    for file in FILES {
        pack::copy(&release.source(file), &folder.join(file))?;
    }
    edit(&folder.join("Cargo.toml"), |text| {
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((key @ ("members" | "default-members"), _)) => format!("{key} = {members:?}"),
            Some(("exclude", _)) => format!("exclude = {exclude:?}"),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    })
}

/// Changes a text file.
pub(super) fn edit(path: &Path, change: impl Fn(&str) -> String) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // The changed file keeps the time of the original, because cargo decides by the time which files to build again.
    let time = fs::metadata(path).and_then(|metadata| metadata.modified());
    pack::write(path, &change(&text))?;
    let set = time.and_then(|time| fs::File::options().write(true).open(path)?.set_modified(time));
    set.map_err(|error| format!("{}: {error}", path.display()))
}

fn is_needed(file: &Path) -> bool {
    !file.components().any(|part| LEFT_OUT.iter().any(|name| part.as_os_str() == *name))
}
