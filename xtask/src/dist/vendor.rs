//! The sources from which LuaRocks builds the modules without a network: the part of the tree that the modules need,
//! and the crates on which they depend.

use std::fs;
use std::path::{Path, PathBuf};

use super::release::Release;
use super::{documents, pack, sources};
use crate::process;
use crate::project::LUA_MANIFEST;

/// The members of the workspace in the archive. The crate of the modules is not among them: it is a workspace of its
/// own.
const MEMBERS: [&str; 3] = ["engine", "io", "bindings/lua-core"];

/// The beginning of the names of crates that are only for Windows. These crates have half of all bytes, and no build on
/// Unix reads them. Cargo only needs their manifests.
const WINDOWS: &str = "windows";

/// The name of the archive.
pub(super) fn archive(release: &Release) -> String {
    format!("cogloop-{}-vendored.tar.gz", release.version)
}

/// Makes the folder that becomes the archive.
pub(super) fn tree(release: &Release) -> Result<PathBuf, String> {
    let folder = release.stage.join(format!("cogloop-{}", release.version));
    sources::copy(release, &folder, &MEMBERS, &["bindings/lua"])?;
    let rockspec = format!("cogloop-{}-1.rockspec", release.version);
    pack::copy(&release.source(&rockspec), &folder.join(&rockspec))?;
    documents::copy(release, &folder.join("docs"))?;
    vendor(release, &folder)?;
    Ok(folder)
}

/// Copies the crates, and tells cargo to take them from there.
fn vendor(release: &Release, folder: &Path) -> Result<(), String> {
    let crates = folder.join("vendor");
    let arguments = ["vendor", "--quiet", "--locked", "--versioned-dirs", "--manifest-path", LUA_MANIFEST];
    process::capture(release.project.cargo(&arguments).arg(&crates))?;
    let entries = fs::read_dir(&crates).map_err(|error| format!("{}: {error}", crates.display()))?;
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(WINDOWS)) {
        empty(&entry.path()).map_err(|error| format!("{}: {error}", entry.path().display()))?;
    }
    pack::write(
        &folder.join(".cargo/config.toml"),
        "[source.crates-io]\nreplace-with = \"vendored-sources\"\n\n\
         [source.vendored-sources]\ndirectory = \"vendor\"\n",
    )
}

/// Reduces a crate to its manifest and an empty library.
fn empty(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Some("Cargo.toml" | ".cargo-checksum.json") => {}
            _ if entry.file_type()?.is_dir() => fs::remove_dir_all(entry.path())?,
            _ => fs::remove_file(entry.path())?,
        }
    }
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let path = folder.join(".cargo-checksum.json");
    let mut sums: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    // Cargo checks the listed files. They are gone or changed, so the list becomes empty.
    sums["files"] = serde_json::json!({});
    fs::write(path, sums.to_string())
}
