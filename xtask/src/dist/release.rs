//! The common properties of all artefacts of a release: the version, the time, the folders, and a cargo whose builds
//! depend on the sources alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::project::Project;

/// The profile of the published programs and modules, in the manifests of both workspaces.
pub(super) const PROFILE: &str = "dist";

pub(super) struct Release<'a> {
    pub(super) project: &'a Project,
    /// The version of the workspace.
    pub(super) version: &'static str,
    /// The time that all files get: the time of the last commit, in seconds.
    pub(super) epoch: u64,
    /// This machine's Rust target.
    pub(super) host: String,
    /// The folder of the artefacts.
    pub(super) out: PathBuf,
    /// The folder in which packages are put together.
    pub(super) stage: PathBuf,
    /// Cargo's target directory.
    pub(super) build: PathBuf,
}

impl<'a> Release<'a> {
    pub(super) fn new(project: &'a Project) -> Result<Self, String> {
        let git = process::capture(project.program("git").args(["log", "-1", "--format=%ct"]))?;
        let epoch = git.trim().parse().map_err(|_| format!("git tells no time of the last commit: `{git}`"))?;
        let told = process::capture(project.program("rustc").arg("-vV"))?;
        let host = told.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc tells no host")?.to_owned();
        let folder = |name: &str| project.target.join(name);
        let release = Self {
            project,
            version: env!("CARGO_PKG_VERSION"),
            epoch,
            host,
            out: folder("dist"),
            stage: folder("dist-stage"),
            build: folder("dist-build"),
        };
        for folder in [&release.out, &release.stage] {
            // Removes the files of an earlier run.
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(release)
    }

    /// A command for a program. It runs in the root, with the time of the release and with the locale C.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = self.project.program(name);
        command.env("SOURCE_DATE_EPOCH", self.epoch.to_string()).env("LC_ALL", "C");
        command
    }

    /// `cargo ARGUMENTS… --target TARGET`. The command names the target even for this machine, because cargo would
    /// otherwise apply the flags to build scripts, too.
    pub(super) fn cargo(&self, arguments: &[&str], target: &str) -> Command {
        let mut cargo = self.project.cargo(arguments);
        let mut flags: Vec<String> =
            self.renamed().iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect();
        if target.contains("windows") {
            flags.push("-Clink-arg=-Wl,--no-insert-timestamp".into());
        }
        let c_flags: Vec<_> =
            self.renamed().iter().map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display())).collect();
        cargo
            .args(["--quiet", "--target", target])
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("CFLAGS", c_flags.join(" "))
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string());
        cargo
    }

    /// Folders of this machine, and the names that replace them in messages and debug information. A later entry takes
    /// precedence over an earlier one.
    fn renamed(&self) -> [(PathBuf, &'static str); 4] {
        [
            (cargo_home().join("registry/src"), "/crates"),
            (self.project.root.clone(), "/cogloop"),
            (self.build.clone(), "/build"),
            (self.lua_tree(), "/cogloop"),
        ]
    }

    /// The copy of the sources from which the Lua modules are built.
    pub(super) fn lua_tree(&self) -> PathBuf {
        self.stage.join("lua")
    }

    /// The folder with cargo's output for a target.
    pub(super) fn built(&self, target: &str, profile: &str) -> PathBuf {
        self.build.join(target).join(profile)
    }

    pub(super) fn source(&self, path: impl AsRef<Path>) -> PathBuf {
        self.project.root.join(path)
    }

    /// The texts that no artefact may contain: folders of this machine, except those with the same name on each
    /// machine.
    pub(super) fn forbidden(&self) -> Vec<PathBuf> {
        let folders = [self.project.root.clone(), self.project.target.clone(), cargo_home()];
        folders.into_iter().filter(|folder| self.renamed().iter().all(|(_, to)| !folder.starts_with(to))).collect()
    }
}

/// The folder in which cargo keeps the sources of crates.
fn cargo_home() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[test]
    fn the_rockspec_and_the_lua_modules_have_the_version_of_the_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let rockspec = fs::read_to_string(root.join(format!("cogloop-{VERSION}-1.rockspec"))).unwrap_or_default();
        assert!(rockspec.contains(&format!("= '{VERSION}-1'")), "no rockspec of {VERSION}: {rockspec}");
        let manifest = fs::read_to_string(root.join("bindings/lua/Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("\nversion = \"{VERSION}\"\n")),
            "another version in bindings/lua/Cargo.toml"
        );
    }
}
