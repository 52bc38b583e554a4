//! The program `cogloop` in three forms: a static program for every Linux, a program for Windows, and a program for
//! Debian's package. The last one can load Lua modules that are written in C.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::release::{PROFILE, Release};
use super::{licences, pack};
use crate::{process, wine};

const MUSL: &str = "x86_64-unknown-linux-musl";

/// The greatest size that the static program may have.
const LIMIT_BYTES: u64 = 3_000_000;

/// Files that go with each program.
const BESIDE: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Builds and packs the program for Linux and for Windows.
pub(super) fn pack(release: &Release, man: Option<&str>) -> Result<(), String> {
    let mut cargo = runner(release, MUSL)?;
    process::run(cargo.env("CC_x86_64_unknown_linux_musl", "musl-gcc"))?;
    let program = release.built(MUSL, PROFILE).join("cogloop");
    let size = fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    if size > LIMIT_BYTES {
        return Err(format!("the static program has {size} bytes; at most {LIMIT_BYTES} are allowed"));
    }
    let name = format!("cogloop-{}-x86_64-linux", release.version);
    let folder = folder(release, &name, program, man)?;
    pack::tar(release, &folder, &release.out.join(format!("{name}.tar.gz")))?;

    wine::install_compiler(release.project)?;
    process::run(&mut runner(release, wine::TARGET)?)?;
    let name = format!("cogloop-{}-x86_64-windows", release.version);
    let folder = self::folder(release, &name, release.built(wine::TARGET, PROFILE).join("cogloop.exe"), None)?;
    pack::zip(release, &folder, &release.out.join(format!("{name}.zip")))
}

/// Builds the program that links this system's C library.
pub(super) fn native(release: &Release) -> Result<PathBuf, String> {
    process::run(&mut runner(release, &release.host)?)?;
    Ok(release.built(&release.host, PROFILE).join("cogloop"))
}

/// The manual page, which the program itself prints.
pub(super) fn man(release: &Release, program: &PathBuf) -> Option<String> {
    let output = release.program("env").arg(program).arg("--man").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && text.starts_with(['.', '\''])).then_some(text)
}

fn runner(release: &Release, target: &str) -> Result<Command, String> {
    process::run(release.program("rustup").args(["--quiet", "target", "add", target]))?;
    Ok(release.cargo(&["build", "--profile", PROFILE, "-p", "cogloop-runner"], target))
}

fn folder(release: &Release, name: &str, program: PathBuf, man: Option<&str>) -> Result<PathBuf, String> {
    let folder = release.stage.join(name);
    pack::copy(&program, &folder.join(program.file_name().unwrap_or_default()))?;
    for file in BESIDE {
        pack::copy(&release.source(file), &folder.join(file))?;
    }
    pack::copy(&licences::path(release), &folder.join(licences::NAME))?;
    if let Some(man) = man {
        pack::write(&folder.join("cogloop.1"), man)?;
    }
    Ok(folder)
}
