//! Finds the programs that cargo has built, for steps that run a program more than once or in another environment.
//!
//! Cargo compiles a dependency once for each set of features that it is used with. The features depend on the packages
//! that a command names. So steps that test several packages name all of them in one command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process;
use crate::project::Project;

/// A target that cargo has built, now or earlier.
pub(crate) struct Built {
    /// The target's name. The name of a library has underscores.
    pub(crate) name: String,
    /// The path of the program; `None` if the target is a library.
    pub(crate) program: Option<PathBuf>,
    pub(crate) tests: Tests,
    /// The folder of the package. Cargo starts a package's tests there.
    pub(crate) folder: PathBuf,
}

/// The tests in a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tests {
    None,
    Unit,
    Integration,
}

/// Runs a `cargo build` or a `cargo test --no-run`, and returns its targets.
pub(crate) fn build(cargo: &mut Command) -> Result<Vec<Built>, String> {
    let messages = process::capture(cargo.args(["--quiet", "--message-format", "json-render-diagnostics"]))?;
    Ok(messages.lines().filter_map(|line| artifact(&serde_json::from_str(line).ok()?)).collect())
}

fn artifact(message: &Value) -> Option<Built> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let tests = match message["profile"]["test"].as_bool()? {
        false => Tests::None,
        true if message["target"]["kind"][0] == "test" => Tests::Integration,
        true => Tests::Unit,
    };
    Some(Built {
        name: message["target"]["name"].as_str()?.to_owned(),
        program: message["executable"].as_str().map(PathBuf::from),
        tests,
        folder: Path::new(message["manifest_path"].as_str()?).parent()?.into(),
    })
}

/// Arguments for cargo that select the integration tests of these packages: `--test NAME` for each. If another package
/// of the command has a test of the same name, cargo builds that test, too.
pub(crate) fn tests_of(project: &Project, folders: &[&str]) -> Result<Vec<String>, String> {
    let mut names = BTreeSet::new();
    for folder in folders {
        let folder = project.root.join(folder).join("tests");
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        names.extend(sources.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())));
    }
    Ok(names.into_iter().flat_map(|name| ["--test".to_owned(), name]).collect())
}

/// The path of the program with that name.
pub(crate) fn program(built: &[Built], name: &str) -> Result<PathBuf, String> {
    let program = built.iter().filter(|built| built.name == name).find_map(|built| built.program.clone());
    program.ok_or_else(|| format!("cargo has built no program `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_read_from_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/p/io/Cargo.toml","target":{"kind":["test"],"name":"a"},
            "profile":{"test":true},"filenames":["x/a","x/a.d"],"executable":"x/a"}"#;
        let read = |line: &str| artifact(&serde_json::from_str(line).unwrap());
        let built = [read(line).unwrap()];
        assert_eq!((built[0].tests, &*built[0].folder), (Tests::Integration, Path::new("/p/io")));
        assert_eq!(program(&built, "a"), Ok("x/a".into()));
        assert!(program(&built, "b").is_err());
        assert!(read(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}
