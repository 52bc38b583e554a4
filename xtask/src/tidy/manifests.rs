//! Checks that every package declares certain fields, and that each dependency has a reason.

use super::finding::Finding;
use super::tree::Tree;
use crate::project::{PUBLISHED, Package};

const RUST_VERSION_WHY: &str = "without it cargo cannot tell a user that the compiler is too old";
const LICENSE: &str = "MIT OR Apache-2.0";
const REASONS: &str = "docs/dependencies.md";
const REASONS_WHY: &str = "each dependency has a reason, written down where a reader finds it";
const PUBLISH_WHY: &str = "only the listed packages are published; all others need `publish = false`";
const UNTOLD_WHY: &str = "it is what a registry shows of a package";
const LICENSE_WHY: &str = "every package carries the project's licence";

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        if package.rust_version.is_none() {
            findings.push(Finding::new(&package.manifest, 1, "no `rust-version`", RUST_VERSION_WHY));
        }
        if package.license.as_deref() != Some(LICENSE) {
            findings.push(Finding::new(&package.manifest, 1, format!("license is not \"{LICENSE}\""), LICENSE_WHY));
        }
        if package.is_published != PUBLISHED.contains(&package.name.as_str()) {
            let what = if package.is_published { "no `publish = false`" } else { "`publish = false` though listed" };
            findings.push(Finding::new(&package.manifest, 1, what, PUBLISH_WHY));
        }
        let untold = package.untold.iter().filter(|_| package.is_published);
        findings.extend(untold.map(|field| Finding::new(&package.manifest, 1, format!("no `{field}`"), UNTOLD_WHY)));
    }
    findings
}

/// Checks that the document of reasons names each external crate on which a package depends.
pub(super) fn check_reasons(packages: &[Package], tree: &Tree) -> Vec<Finding> {
    let reasons = tree.get(REASONS).map_or("", |file| &file.text);
    let is_named =
        |name: &str| reasons.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(|word| word == name);
    let mut findings = Vec::new();
    for package in packages {
        let foreign = package.dependencies.iter().filter(|dependency| dependency.folder.is_none());
        for dependency in foreign.filter(|dependency| !is_named(&dependency.name)) {
            let what = format!("`{}` is not in {REASONS}", dependency.name);
            findings.push(Finding::new(&package.manifest, 1, what, REASONS_WHY));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;
    use crate::project::Dependency;

    #[test]
    fn each_missing_declaration_is_one_finding() {
        let package = |rust_version: Option<&str>, license: Option<&str>| Package {
            rust_version: rust_version.map(str::to_owned),
            license: license.map(str::to_owned),
            ..Package::default()
        };
        for (package, expected) in [
            (package(Some("1.88"), Some(LICENSE)), 0),
            (package(None, Some(LICENSE)), 1),
            (package(Some("1.88"), Some("GPL-3.0")), 1),
            (package(None, None), 2),
        ] {
            assert_eq!(check(std::slice::from_ref(&package)).len(), expected, "{package:?}");
        }
    }

    #[test]
    fn only_listed_packages_are_published_and_they_describe_themselves() {
        for (name, is_published, untold, expected) in [
            ("cogloop", true, vec![], 0),
            ("cogloop", true, vec!["readme", "keywords"], 2),
            ("cogloop", false, vec![], 1),
            ("cogloop-benches", true, vec![], 1),
            ("cogloop-benches", false, vec!["readme", "keywords"], 0),
        ] {
            let package = Package {
                name: name.to_owned(),
                rust_version: Some("1.88".to_owned()),
                license: Some(LICENSE.to_owned()),
                is_published,
                untold,
                ..Package::default()
            };
            assert_eq!(check(std::slice::from_ref(&package)).len(), expected, "{package:?}");
        }
    }

    #[test]
    fn a_dependency_is_named_as_a_whole_word() {
        let tree = Tree { files: vec![File::new(REASONS, "| io | nix, proptest-state-machine | a reason |")] };
        for (name, folder, expected) in
            [("nix", None, 0), ("ni", None, 1), ("proptest", None, 1), ("cogloop-io", Some("io".to_owned()), 0)]
        {
            let dependencies = vec![Dependency { name: name.into(), folder, dev: true }];
            let package = Package { dependencies, ..Package::default() };
            assert_eq!(check_reasons(&[package], &tree).len(), expected, "{name}");
        }
    }
}
