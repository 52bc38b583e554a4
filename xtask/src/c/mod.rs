//! `cargo xtask c --prefix DIR [--libdir DIR]`: builds and installs libcogloop and its headers.
//!
//! ```text
//!   PREFIX/include/*.h
//!   PREFIX/share/man/man3/*
//!   LIBDIR/libcogloop.a   libcogloop.so -> libcogloop.so.0   libcogloop.so.0.debug
//!   LIBDIR/pkgconfig/cogloop.pc   LIBDIR/cmake/cogloop/cogloop-config.cmake, cogloop-config-version.cmake
//! ```
//!
//! LIBDIR is PREFIX/lib by default. If the environment has DESTDIR, everything goes below that folder, as with `make
//! install`, so that the files can be packaged. The files still contain the final paths.

mod describe;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Project;
use crate::{files, process};

const HEADERS: &str = "bindings/c/include";
const PAGES: &str = "bindings/c/man";
/// The profile is in the workspace's manifest.
pub(crate) const PROFILE: &str = "library";
const SHARED: &str = "libcogloop.so.0";
/// The arguments with which cargo builds the libraries.
pub(crate) const BUILD: [&str; 5] = ["build", "--profile", PROFILE, "-p", "cogloop-c"];

/// The final places of the files. The folders are absolute.
pub(crate) struct Place {
    prefix: PathBuf,
    libdir: PathBuf,
    /// The folder below which everything is installed now.
    destdir: Option<PathBuf>,
}

impl Place {
    pub(crate) fn at(prefix: &Path) -> Self {
        Self { prefix: prefix.into(), libdir: prefix.join("lib"), destdir: None }
    }

    /// The places of a package, which is built below `destdir`.
    pub(crate) fn packaged(prefix: &Path, libdir: &Path, destdir: &Path) -> Self {
        Self { prefix: prefix.into(), libdir: libdir.into(), destdir: Some(destdir.into()) }
    }

    fn of(arguments: &[&str], destdir: Option<PathBuf>) -> Result<Self, String> {
        let (mut prefix, mut libdir) = (None, None);
        for pair in arguments.chunks(2) {
            let place = match pair[0] {
                "--prefix" => &mut prefix,
                "--libdir" => &mut libdir,
                other => return Err(format!("unknown option `{other}`; known: --prefix, --libdir")),
            };
            let folder = pair.get(1).ok_or_else(|| format!("{} asks for a folder", pair[0]))?;
            *place = Some(std::path::absolute(folder).map_err(|error| format!("{folder} is no folder: {error}"))?);
        }
        let prefix = prefix.ok_or("--prefix DIR is missing: the folder to install into")?;
        let libdir = libdir.unwrap_or_else(|| prefix.join("lib"));
        let destdir = destdir.filter(|folder| !folder.as_os_str().is_empty()).map(std::path::absolute).transpose();
        Ok(Self { prefix, libdir, destdir: destdir.map_err(|error| format!("DESTDIR: {error}"))? })
    }

    /// The path to which a file goes now, if `path` is its final path.
    fn now(&self, path: &Path) -> PathBuf {
        match &self.destdir {
            Some(destdir) => destdir.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.into(),
        }
    }
}

pub(crate) fn command(project: &Project, arguments: &[&str]) -> Result<(), String> {
    let place = Place::of(arguments, std::env::var_os("DESTDIR").map(PathBuf::from))?;
    install(project, &place)?;
    println!("installed into {}", place.now(&place.prefix).display());
    let libdir = place.libdir.display();
    println!("to use it: PKG_CONFIG_PATH={libdir}/pkgconfig pkg-config --cflags --libs cogloop");
    println!(
        "a program finds the shared library by -Wl,-rpath,{libdir}, or after `ldconfig` if that searches the folder"
    );
    Ok(())
}

/// Builds the library and installs everything.
pub(crate) fn install(project: &Project, place: &Place) -> Result<(), String> {
    let _lock = files::lock(project, "c")?;
    process::run(project.cargo(&BUILD).arg("--quiet"))?;
    install_from(project, &project.target.join(PROFILE), place)
}

/// Installs the files that cargo has built in a folder.
pub(crate) fn install_from(project: &Project, built: &Path, place: &Place) -> Result<(), String> {
    let stripped = project.target.join("c-stripped");
    strip(project, built, &stripped)?;
    let said = |error| format!("cannot install into {}: {error}", place.now(&place.prefix).display());
    copy(project, &stripped, place).map_err(said)
}

/// Strips the libraries. The debug information goes to a separate file, and the shared library names this file.
fn strip(project: &Project, built: &Path, stripped: &Path) -> Result<(), String> {
    fs::create_dir_all(stripped).map_err(|error| format!("{}: {error}", stripped.display()))?;
    let tool = |name: &str, options: &[&str], files: &[&OsStr]| {
        let mut command: Command = project.program(name);
        process::run(command.current_dir(stripped).args(options).args(files))
    };
    let (shared, archive) = (built.join("libcogloop_c.so"), built.join("libcogloop_c.a"));
    let debug = format!("{SHARED}.debug");
    tool("objcopy", &["--only-keep-debug"], &[shared.as_os_str(), debug.as_ref()])?;
    // Nothing runs or links this file, so it need not be executable.
    fs::set_permissions(stripped.join(&debug), fs::Permissions::from_mode(0o644))
        .map_err(|error| format!("{debug}: {error}"))?;
    tool("strip", &["--strip-unneeded", "-o", SHARED], &[shared.as_os_str()])?;
    tool("objcopy", &[&format!("--add-gnu-debuglink={debug}")], &[SHARED.as_ref()])?;
    tool("strip", &["--strip-unneeded", "-o", "libcogloop.a"], &[archive.as_os_str()])
}

fn copy(project: &Project, stripped: &Path, place: &Place) -> std::io::Result<()> {
    let (include, lib) = (place.now(&place.prefix.join("include")), place.now(&place.libdir));
    fs::create_dir_all(&include)?;
    fs::create_dir_all(lib.join("pkgconfig"))?;
    for header in fs::read_dir(project.root.join(HEADERS))? {
        let header = header?;
        files::place(&header.path(), &include.join(header.file_name()))?;
    }
    for file in ["libcogloop.a", SHARED, &format!("{SHARED}.debug")] {
        files::place(&stripped.join(file), &lib.join(file))?;
    }
    let link = lib.join("libcogloop.so");
    let _ = fs::remove_file(&link);
    symlink(SHARED, &link)?;
    fs::write(lib.join("pkgconfig/cogloop.pc"), describe::pkg_config(&place.prefix, &place.libdir))?;
    let cmake = lib.join("cmake/cogloop");
    fs::create_dir_all(&cmake)?;
    fs::write(cmake.join("cogloop-config.cmake"), describe::cmake(&place.prefix, &place.libdir, SHARED))?;
    fs::write(cmake.join("cogloop-config-version.cmake"), describe::cmake_version())?;
    pages(project, &place.now(&place.prefix.join("share/man/man3")))
}

/// Copies the manual pages and puts the version into them.
fn pages(project: &Project, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for page in fs::read_dir(project.root.join(PAGES))? {
        let page = page?;
        let text = fs::read_to_string(page.path())?.replace("@VERSION@", env!("CARGO_PKG_VERSION"));
        fs::write(folder.join(page.file_name()), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_installed_below_destdir_and_names_the_final_places() {
        let place = Place::of(&["--prefix", "/usr", "--libdir", "/usr/lib/a b"], Some("/stage".into())).unwrap();
        assert_eq!(place.now(&place.prefix), Path::new("/stage/usr"));
        assert_eq!(place.now(&place.libdir), Path::new("/stage/usr/lib/a b"));
        let text = describe::pkg_config(&place.prefix, &place.libdir);
        assert!(text.starts_with("prefix=/usr\nexec_prefix=${prefix}\nlibdir=${prefix}/lib/a\\ b\n"), "{text}");
        assert!(!text.contains("stage"));
    }

    #[test]
    fn a_missing_or_unknown_option_is_named() {
        let refusal = |arguments: &[&str]| Place::of(arguments, None).err().unwrap();
        assert!(refusal(&[]).contains("--prefix"));
        assert!(refusal(&["--prefix"]).contains("asks for a folder"));
        assert!(refusal(&["--prefx", "/usr"]).contains("`--prefx`"));
    }
}
