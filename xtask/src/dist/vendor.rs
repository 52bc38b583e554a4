//! The sources from which LuaRocks builds the modules without a network: the part of the tree that they need, and the crates
//! that they depend on.

use std::fs;
use std::path::{Path, PathBuf};

use super::release::Release;
use super::{documents, pack};
use crate::process;
use crate::project::LUA_MANIFEST;

/// The part of the tree that the modules are built from, with its documents.
const PARTS: [&str; 4] = ["engine", "io", "bindings/lua-core", "bindings/lua"];
const FILES: [&str; 5] = ["Cargo.toml", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Tests are not needed to build, and the folder of builds is none of the sources.
const LEFT_OUT: [&str; 4] = ["tests", "benches", "examples", "target"];

/// Crates for Windows alone have half of all bytes, and no build on Unix reads them. Cargo only needs to find their manifests.
const WINDOWS: &str = "windows";

/// The name of the archive.
pub(super) fn archive(release: &Release) -> String {
    format!("cogloop-{}-vendored.tar.gz", release.version)
}

/// Puts the folder together that becomes the archive.
pub(super) fn tree(release: &Release) -> Result<PathBuf, String> {
    let folder = release.stage.join(format!("cogloop-{}", release.version));
    for part in PARTS {
        pack::copy_all(&release.source(part), &folder.join(part), is_needed)?;
    }
    for file in FILES {
        pack::copy(&release.source(file), &folder.join(file))?;
    }
    let rockspec = format!("cogloop-{}-1.rockspec", release.version);
    pack::copy(&release.source(&rockspec), &folder.join(&rockspec))?;
    documents::copy(release, &folder.join("docs"))?;
    members(&folder.join("Cargo.toml"))?;
    vendor(release, &folder)?;
    Ok(folder)
}

fn is_needed(file: &Path) -> bool {
    !file.components().any(|part| LEFT_OUT.iter().any(|name| part.as_os_str() == *name))
}

/// Leaves in the manifest of the workspace only the members that are in the archive.
fn members(manifest: &Path) -> Result<(), String> {
    let text = fs::read_to_string(manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some((key @ ("members" | "default-members"), _)) => {
            format!(r#"{key} = ["engine", "io", "bindings/lua-core"]"#)
        }
        Some(("exclude", _)) => r#"exclude = ["bindings/lua"]"#.to_owned(),
        _ => line.to_owned(),
    });
    pack::write(manifest, &(lines.collect::<Vec<_>>().join("\n") + "\n"))
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
    // Cargo compares the files that are listed.
    sums["files"] = serde_json::json!({});
    fs::write(path, sums.to_string())
}
