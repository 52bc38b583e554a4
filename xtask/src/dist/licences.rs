//! The licences of all crates that are in the published programs and libraries. Most licences require their text in
//! each copy.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::pack;
use super::release::Release;

/// The name of the file in archives and packages.
pub(super) const NAME: &str = "THIRD-PARTY.txt";

/// The beginnings of the names of files with licences.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// The path of the file that `write` makes.
pub(super) fn path(release: &Release) -> PathBuf {
    release.stage.join(NAME)
}

/// Writes each text once, below the names of the crates that have it. `folders` has the sources of the crates by name.
pub(super) fn write(release: &Release, folders: &BTreeMap<String, PathBuf>) -> Result<(), String> {
    let mut crates_of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, folder) in folders.iter().filter(|(_, folder)| !folder.starts_with(&release.project.root)) {
        for text in texts(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            crates_of.entry(text).or_default().push(name);
        }
    }
    let mut all = String::from("The licences of the crates in this program or library.\n");
    for (text, crates) in crates_of {
        let _ = write!(all, "\n{}\n{}\n\n{text}\n", "=".repeat(80), crates.join(", "));
    }
    pack::write(&path(release), &all)
}

/// The texts of the licences in the folder of a crate.
fn texts(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if NAMES.iter().any(|begin| name.starts_with(begin)) && entry.file_type()?.is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(entry.path())?).trim_end().replace("\r\n", "\n"));
        }
    }
    texts.sort();
    texts.dedup();
    Ok(texts)
}
