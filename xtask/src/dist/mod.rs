//! `cargo xtask dist`: builds everything that a release publishes into `target/dist`.
//!
//! ```text
//!   cogloop-VERSION-x86_64-linux.tar.gz      the program, static, for every Linux
//!   cogloop-VERSION-x86_64-windows.zip       the program for Windows
//!   cogloop-VERSION-1.linux-x86_64.rock      the Lua modules, for LuaRocks on 5.1 to 5.4 and LuaJIT
//!   cogloop-VERSION-1.src.rock               the same modules as sources, with the sources of all crates
//!   *.deb                                    packages for Debian: the program, the Lua modules, the C library
//!   *.crate                                  the Rust crates
//!   cogloop-VERSION.cdx.json                 the list of all components (CycloneDX)
//!   SHA256SUMS
//! ```
//!
//! The bytes of the files depend only on the commit and the tools, not on the folder or the time.

mod crates;
mod debian;
mod documents;
mod licences;
mod modules;
mod needs;
mod pack;
mod programs;
mod release;
mod rocks;
mod sbom;
mod sources;
mod vendor;

use std::fs;

use crate::project::Project;
use crate::{files, process};
use release::Release;

pub(crate) fn command(project: &Project) -> Result<(), String> {
    let out = make(project)?;
    println!("{}", fs::read_to_string(out.join("SHA256SUMS")).unwrap_or_default().trim_end());
    println!("in {}", out.display());
    Ok(())
}

/// Builds everything and returns the folder of the artefacts.
pub(crate) fn make(project: &Project) -> Result<std::path::PathBuf, String> {
    let _lock = files::lock(project, "dist")?;
    let release = Release::new(project)?;
    licences::write(&release, &sbom::write(&release)?)?;
    let native = programs::native(&release)?;
    let man = programs::man(&release, &native);
    if man.is_none() {
        println!("the program prints no manual page (--man), so there is none in the packages");
    }
    programs::pack(&release, man.as_deref())?;
    let modules = modules::build(&release)?;
    rocks::pack(&release, &modules)?;
    debian::pack(&release, &native, man.as_deref(), &modules)?;
    crates::pack(&release)?;
    check(&release)?;
    sums(&release)?;
    Ok(release.out)
}

/// Returns an error if a packed file contains a path of this machine. Searches the folders from which the archives were
/// packed, because these folders have the same files without compression.
fn check(release: &Release) -> Result<(), String> {
    for file in pack::files(&release.stage)? {
        let path = release.stage.join(&file);
        if path.is_symlink() {
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for folder in release.forbidden() {
            let text = folder.as_os_str().as_encoded_bytes();
            if bytes.windows(text.len()).any(|part| part == text) {
                return Err(format!("{} has the path {} in it", file.display(), folder.display()));
            }
        }
    }
    Ok(())
}

/// Writes `SHA256SUMS`, which `sha256sum -c` reads.
fn sums(release: &Release) -> Result<(), String> {
    let names = pack::files(&release.out)?;
    let sums = process::capture(release.program("sha256sum").current_dir(&release.out).args(names))?;
    pack::write(&release.out.join("SHA256SUMS"), &sums)
}
