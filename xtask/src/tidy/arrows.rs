//! Checks which crate depends on which.
//!
//! ```text
//! engine  <-  io  <-  bindings/*, proptests, benches
//! ```
//!
//! The packages on the right do not use each other, with some exceptions. Two packages embed the shared Lua code.
//! `xtask` is built before everything else, and only its tests may use other packages. The benchmarks measure the Rust
//! crate in its published form. The tests of `proptests` compare the Rust crate and the C library with models.

use super::finding::Finding;
use super::tree::Tree;
use crate::project::{Dependency, Package};

const ARROW_WHY: &str =
    "dependencies point one way: engine <- io <- bindings, proptests, benches; `SHARED` lists the exceptions";
const ENGINE_WHY: &str = "the engine has no dependency, so that a program can embed the wheel alone";
const PLACE_WHY: &str =
    "every package has a place in the order of dependencies; add its folder to `place` in xtask/src/tidy/arrows.rs";

/// The only dependencies that are allowed between packages on the right: (from, to).
const SHARED: &[(&str, &str)] = &[
    ("bindings/lua", "bindings/lua-core"),
    ("bindings/runner", "bindings/lua-core"),
    // The README's example and the benchmarks use the Rust crate.
    ("xtask", "bindings/rust"),
    ("benches", "bindings/rust"),
    // The tests of `proptests` compare these two packages with models.
    ("proptests", "bindings/rust"),
    ("proptests", "bindings/c"),
];

pub(super) fn check(packages: &[Package], tree: &Tree) -> Vec<Finding> {
    packages.iter().flat_map(|package| check_package(package, tree)).collect()
}

fn check_package(package: &Package, tree: &Tree) -> Vec<Finding> {
    let folder = package.manifest.trim_end_matches("Cargo.toml").trim_end_matches('/');
    if place(folder).is_none() {
        return vec![Finding::new(&package.manifest, 1, format!("`{}` has no place", package.name), PLACE_WHY)];
    }
    let breach = |dependency: &Dependency| {
        let why = refusal(folder, dependency)?;
        let what = format!("`{}` depends on `{}`", package.name, dependency.name);
        Some(Finding::new(&package.manifest, line_of(&package.manifest, &dependency.name, tree), what, why))
    };
    package.dependencies.iter().filter_map(breach).collect()
}

/// The reason why the package in `folder` may not have this dependency; `None` if it may.
fn refusal(folder: &str, dependency: &Dependency) -> Option<&'static str> {
    if folder == "engine" {
        return Some(ENGINE_WHY);
    }
    let other = dependency.folder.as_deref()?;
    if other == folder && dependency.dev {
        return None; // its tests use the package itself, with features of their own
    }
    let allowed = place(other) < place(folder) || SHARED.contains(&(folder, other));
    let is_test_only = folder == "xtask" || folder == "proptests" && other.starts_with("bindings/");
    let allowed = allowed && (!is_test_only || dependency.dev);
    (!allowed).then_some(ARROW_WHY)
}

/// The position of a folder in the order. A package may depend on every package with a lower position.
fn place(folder: &str) -> Option<u8> {
    match folder {
        "engine" => Some(0),
        "io" => Some(1),
        "proptests" | "benches" | "xtask" => Some(2),
        "proptests/fuzz" => Some(3),
        binding if binding.starts_with("bindings/") => Some(2),
        _ => None,
    }
}

/// The line of the manifest that names the dependency; 1 if it is not found.
fn line_of(manifest: &str, dependency: &str, tree: &Tree) -> usize {
    let names = |line: &str| {
        line.trim_start_matches('"').strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=', '"']))
    };
    tree.get(manifest).and_then(|file| file.text.lines().position(names)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    #[test]
    fn each_arrow_is_allowed_or_refused() {
        let ours = |folder: &str, dev| Dependency { name: folder.into(), folder: Some(folder.into()), dev };
        let foreign = |dev| Dependency { name: "rustix".into(), folder: None, dev };
        for (folder, dependency, expected) in [
            ("engine", foreign(false), Some(ENGINE_WHY)),
            ("engine", foreign(true), Some(ENGINE_WHY)),
            ("engine", ours("io", false), Some(ENGINE_WHY)),
            ("io", foreign(false), None),
            ("io", ours("engine", false), None),
            ("io", ours("proptests", true), Some(ARROW_WHY)),
            ("bindings/lua-core", ours("io", false), None),
            ("bindings/lua", ours("bindings/lua-core", false), None),
            ("bindings/runner", ours("bindings/lua-core", false), None),
            ("bindings/rust", ours("bindings/lua-core", false), Some(ARROW_WHY)),
            ("bindings/lua-core", ours("bindings/lua", false), Some(ARROW_WHY)),
            ("benches", ours("bindings/rust", false), None),
            ("benches", ours("bindings/c", false), Some(ARROW_WHY)),
            ("bindings/rust", ours("bindings/rust", true), None),
            ("bindings/rust", ours("bindings/rust", false), Some(ARROW_WHY)),
            ("xtask", ours("bindings/rust", true), None),
            ("xtask", ours("bindings/rust", false), Some(ARROW_WHY)),
            ("proptests", ours("io", false), None),
            ("proptests", ours("bindings/rust", true), None),
            ("proptests", ours("bindings/rust", false), Some(ARROW_WHY)),
            ("proptests", ours("bindings/lua-core", true), Some(ARROW_WHY)),
            ("proptests/fuzz", ours("proptests", false), None),
            ("benches", ours("proptests", false), Some(ARROW_WHY)),
            ("xtask", ours("io", true), None),
            ("xtask", ours("io", false), Some(ARROW_WHY)),
            ("xtask", foreign(false), None),
        ] {
            assert_eq!(refusal(folder, &dependency), expected, "{folder} -> {dependency:?}");
        }
    }

    #[test]
    fn a_breach_names_the_line_of_the_manifest() {
        let tree = Tree {
            files: vec![File::new("engine/Cargo.toml", "[package]\n\n[dependencies]\nrustix.workspace = true\n")],
        };
        let rustix = Dependency { name: "rustix".into(), folder: None, dev: false };
        let package =
            Package { manifest: "engine/Cargo.toml".into(), dependencies: vec![rustix], ..Package::default() };
        assert_eq!(check(&[package], &tree)[0].place, "engine/Cargo.toml:4");
    }

    #[test]
    fn a_package_somewhere_else_is_noticed() {
        let package = Package { manifest: "elsewhere/Cargo.toml".into(), ..Package::default() };
        assert_eq!(check(&[package], &Tree { files: Vec::new() })[0].why, PLACE_WHY);
    }
}
