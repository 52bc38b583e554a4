//! The files for a registry of crates, as `cargo package` makes them.

use super::pack;
use super::release::Release;
use crate::process;
use crate::project::PUBLISHED;

pub(super) fn pack(release: &Release) -> Result<(), String> {
    // `publish` and the test of this command compile the packed files.
    let mut cargo = release.project.cargo(&["package", "--quiet", "--no-verify", "--allow-dirty", "--offline"]);
    cargo.args(PUBLISHED.iter().flat_map(|package| ["-p", package])).env("CARGO_TARGET_DIR", &release.build);
    process::run(&mut cargo)?;
    for package in PUBLISHED {
        let name = format!("{package}-{}.crate", release.version);
        pack::copy(&release.build.join("package").join(&name), &release.out.join(&name))?;
    }
    Ok(())
}
