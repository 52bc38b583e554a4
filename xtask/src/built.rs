//! Finds the programs that cargo has built, for steps that run a program more than once or in another environment.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::process;

/// A target that cargo has built, now or earlier.
pub(crate) struct Built {
    /// The target's name. The name of a library has underscores.
    pub(crate) name: String,
    /// The path of the program, unless the target is a library.
    pub(crate) program: Option<PathBuf>,
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
    Some(Built {
        name: message["target"]["name"].as_str()?.to_owned(),
        program: message["executable"].as_str().map(PathBuf::from),
    })
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
        let line =
            r#"{"reason":"compiler-artifact","target":{"name":"a"},"filenames":["x/a","x/a.d"],"executable":"x/a"}"#;
        let read = |line: &str| artifact(&serde_json::from_str(line).unwrap());
        let built = [read(line).unwrap()];
        assert_eq!(program(&built, "a"), Ok("x/a".into()));
        assert!(program(&built, "b").is_err());
        assert!(read(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}
