//! Finds the project's root, its target directory and its packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process;

/// The manifest of the Lua module, which is a workspace of its own.
pub(crate) const LUA_MANIFEST: &str = "bindings/lua/Cargo.toml";

/// The manifest of the fuzz targets, which is a workspace of its own.
pub(crate) const FUZZ_MANIFEST: &str = "proptests/fuzz/Cargo.toml";

/// Fields of a package that a registry shows. A published package must have them.
const SHOWN: [&str; 4] = ["description", "readme", "categories", "keywords"];

pub(crate) struct Project {
    /// An absolute path.
    pub(crate) root: PathBuf,
    /// An absolute path, which `CARGO_TARGET_DIR` or cargo's configuration may set.
    pub(crate) target: PathBuf,
}

/// The packages that are published to a registry.
pub(crate) const PUBLISHED: &[&str] = &["cogloop-engine", "cogloop-io", "cogloop"];

/// The data of one package that `tidy` checks.
#[derive(Clone, Default, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The manifest, relative to the root.
    pub(crate) manifest: String,
    pub(crate) rust_version: Option<String>,
    pub(crate) license: Option<String>,
    /// Whether the package may be published to a registry.
    pub(crate) is_published: bool,
    /// The fields of `SHOWN` that are empty.
    pub(crate) untold: Vec<&'static str>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The folder, relative to the root, if the dependency is a package of this project.
    pub(crate) folder: Option<String>,
    /// Whether the dependency is only for tests, examples and benchmarks.
    pub(crate) dev: bool,
}

impl Project {
    pub(crate) fn locate() -> Result<Self, String> {
        // Two clones that share a target directory also share the built program, so the root is not compiled into it.
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or("start it as `cargo xtask`: it needs an environment variable that cargo sets")?;
        let root = Path::new(&xtask).parent().ok_or("xtask has no parent folder")?.to_path_buf();
        let metadata = metadata(&root, "Cargo.toml")?;
        let target = text(&metadata["target_directory"]).ok_or("`cargo metadata` names no target directory")?;
        Ok(Self { root, target: target.into() })
    }

    /// `cargo ARGUMENTS…` with the cargo that runs this program, in the root, with the project's target directory.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command.args(arguments).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Another program, in the root.
    pub(crate) fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// The packages of all workspaces.
    pub(crate) fn packages(&self) -> Result<Vec<Package>, String> {
        let mut packages = Vec::new();
        for manifest in ["Cargo.toml", LUA_MANIFEST, FUZZ_MANIFEST] {
            let metadata = metadata(&self.root, manifest)?;
            packages.extend(list(&metadata["packages"]).iter().map(|package| self.package(package)));
        }
        Ok(packages)
    }

    fn package(&self, package: &Value) -> Package {
        let relative = |path: String| match Path::new(&path).strip_prefix(&self.root) {
            Ok(inside) => inside.display().to_string(),
            Err(_) => path,
        };
        Package {
            name: text(&package["name"]).unwrap_or_default(),
            manifest: text(&package["manifest_path"]).map(relative).unwrap_or_default(),
            rust_version: text(&package["rust_version"]),
            license: text(&package["license"]),
            is_published: package["publish"].is_null(),
            untold: SHOWN.iter().copied().filter(|&field| is_empty(&package[field])).collect(),
            dependencies: list(&package["dependencies"])
                .iter()
                .map(|dependency| Dependency {
                    name: text(&dependency["name"]).unwrap_or_default(),
                    folder: text(&dependency["path"]).map(relative),
                    dev: dependency["kind"] == "dev",
                })
                .collect(),
        }
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn metadata(root: &Path, manifest: &str) -> Result<Value, String> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"]).arg(root.join(manifest));
    let json = process::capture(&mut command)?;
    serde_json::from_str(&json).map_err(|error| format!("`cargo metadata` printed text that is not JSON: {error}"))
}

fn is_empty(value: &Value) -> bool {
    text(value).is_none_or(|text| text.is_empty()) && list(value).is_empty()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
