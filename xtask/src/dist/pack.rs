//! Writes archives whose bytes depend only on the files: names are sorted, and every file gets the same time, a common
//! mode and no owner.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use super::release::Release;
use crate::process;

/// Packs a folder as `NAME.tar.gz`. The names in the archive begin with the name of the folder.
pub(super) fn tar(release: &Release, folder: &Path, archive: &Path) -> Result<(), String> {
    settle(release, folder)?;
    let (parent, name) = (folder.parent().unwrap_or(folder), folder.file_name().unwrap_or_default());
    let plain = archive.with_extension("");
    let mut command = release.program("tar");
    command.current_dir(parent).args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    process::run(command.arg("-cf").arg(&plain).arg(name))?;
    process::run(release.program("gzip").args(["-9", "-n", "-f"]).arg(&plain))
}

/// Packs the contents of a folder as a zip file.
pub(super) fn zip(release: &Release, folder: &Path, archive: &Path) -> Result<(), String> {
    settle(release, folder)?;
    // zip adds files to an existing archive.
    let _ = fs::remove_file(archive);
    let names = files(folder)?;
    let mut command = release.program("zip");
    command.current_dir(folder).env("TZ", "UTC").args(["-X", "-9", "-q"]).arg(archive).args(names);
    process::run(command.stdout(Stdio::null()))
}

/// Compresses a file as `NAME.gz`, as Debian keeps its manual pages.
pub(super) fn gzip(release: &Release, file: &Path) -> Result<(), String> {
    process::run(release.program("gzip").args(["-9", "-n", "-f"]).arg(file))
}

/// All files below a folder, relative to it and sorted.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    walk(folder, &mut |path, is_folder| {
        if !is_folder {
            found.push(path.strip_prefix(folder).unwrap_or(path).to_path_buf());
        }
        Ok(())
    })
    .map_err(|error| format!("{}: {error}", folder.display()))?;
    found.sort();
    Ok(found)
}

/// Gives all files and folders the time of the release, and one of two modes.
pub(super) fn settle(release: &Release, folder: &Path) -> Result<(), String> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(release.epoch);
    walk(folder, &mut |path, is_folder| {
        if path.is_symlink() {
            return process::run(release.program("touch").args(["-h", "-d", &format!("@{}", release.epoch)]).arg(path))
                .map_err(io::Error::other);
        }
        let mode = fs::metadata(path)?.permissions().mode();
        let is_run = is_folder || mode & 0o111 != 0;
        fs::set_permissions(path, Permissions::from_mode(if is_run { 0o755 } else { 0o644 }))?;
        File::open(path)?.set_modified(time)
    })
    .map_err(|error| format!("{}: {error}", folder.display()))
}

/// Visits the folder and everything below it, the contents of a folder before the folder itself.
fn walk(path: &Path, visit: &mut impl FnMut(&Path, bool) -> io::Result<()>) -> io::Result<()> {
    let is_folder = path.is_dir() && !path.is_symlink();
    if is_folder {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), visit)?;
        }
    }
    visit(path, is_folder)
}

/// Copies a file, with its time, and makes missing folders of the path.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let copy = || {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        fs::copy(from, to)?;
        File::open(to)?.set_modified(fs::metadata(from)?.modified()?)
    };
    copy().map_err(|error| format!("{} cannot be copied to {}: {error}", from.display(), to.display()))
}

/// Copies the files below a folder, but only those with a relative path for which `is_wanted` is true.
pub(super) fn copy_all(from: &Path, to: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<(), String> {
    for file in files(from)?.into_iter().filter(|file| is_wanted(file)) {
        copy(&from.join(&file), &to.join(&file))?;
    }
    Ok(())
}

/// Writes a text file, and its folders if they are missing.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = fs::create_dir_all(path.parent().unwrap_or(path)).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}
