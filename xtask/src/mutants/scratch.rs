//! The copy of the sources that contains the bugs: `target/mutants/tree`. It is kept for the next run.

use std::collections::BTreeMap;
use std::path::Path;

use super::form::{FOLDER, Mutant, path_of, replace_all};
use crate::project::Project;

/// The environment variable that switches a bug on.
pub(super) const VARIABLE: &str = "COGLOOP_MUTANT";

/// Folders that no build needs.
const SKIPPED: [&str; 3] = ["target", ".git", FOLDER];

/// A copy of the project with all bugs, each behind its switch. Only files that differ are written, so that cargo
/// rebuilds little.
pub(super) fn prepare(project: &Project, mutants: &[Mutant]) -> Result<Project, String> {
    let folder = project.target.join("mutants");
    let root = folder.join("tree");
    let with_path = |error: std::io::Error| format!("{}: {error}", root.display());
    let mut files = BTreeMap::new();
    read(&project.root, "", &mut files).map_err(|error| format!("the sources: {error}"))?;
    apply(&mut files, mutants)?;
    let mut stale = BTreeMap::new();
    if root.exists() {
        read(&root, "", &mut stale).map_err(with_path)?;
    }
    for (path, bytes) in &files {
        if stale.remove(path).as_ref() != Some(bytes) {
            let place = root.join(path);
            place.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(with_path)?;
            std::fs::write(place, bytes).map_err(with_path)?;
        }
    }
    stale.keys().try_for_each(|path| std::fs::remove_file(root.join(path))).map_err(with_path)?;
    Ok(Project { root, target: folder })
}

fn read(root: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(prefix))? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if SKIPPED.iter().any(|skipped| path == *skipped || path.ends_with(&format!("/{skipped}"))) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read(root, &format!("{path}/"), files)?;
        } else if kind.is_file() {
            files.insert(path, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn apply(files: &mut BTreeMap<String, Vec<u8>>, mutants: &[Mutant]) -> Result<(), String> {
    let mut of_files: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for mutant in mutants {
        for edit in &mutant.edits {
            let misfit_at = |what: &dyn std::fmt::Display| format!("{}: {}: {what}", path_of(&mutant.name), edit.path);
            let bytes = files.get(&edit.path).ok_or_else(|| misfit_at(&"no such file"))?;
            let text = std::str::from_utf8(bytes).map_err(|_| misfit_at(&"no UTF-8"))?;
            let replacement =
                edit.replacement(text, &switch(&edit.path, &mutant.name)).map_err(|misfit| misfit_at(&misfit))?;
            of_files.entry(&edit.path).or_default().push(replacement);
        }
    }
    for (path, replacements) in of_files {
        let text = String::from_utf8_lossy(&files[path]).into_owned();
        let text = replace_all(&text, replacements).map_err(|message| format!("{path}: {message}"))?;
        files.insert(path.to_owned(), text.into_bytes());
    }
    Ok(())
}

/// An expression that is true if the environment names the bug. It also works in a crate without the standard library.
fn switch(path: &str, name: &str) -> String {
    if path.ends_with(".lua") {
        return format!("(os.getenv '{VARIABLE}' == '{name}')");
    }
    format!(
        "{{ extern crate std; static ON: std::sync::OnceLock<bool> = std::sync::OnceLock::new(); \
         *ON.get_or_init(|| std::env::var_os({VARIABLE:?}).is_some_and(|name| name == {name:?})) }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_that_no_longer_fits_is_an_error_with_its_file_and_its_lines() {
        let text = "where: A\nwhat: b\n\n--- a.rs\nlet x = 1;\n--- become\nlet x = if BUG { 2 } else { 1 };\n";
        let mutants = [Mutant::parse("c01-a", text).unwrap()];
        let mut files = BTreeMap::from([("a.rs".to_owned(), b"let x = 1;".to_vec())]);
        apply(&mut files, &mutants).unwrap();
        let mutated = String::from_utf8(files["a.rs"].clone()).unwrap();
        assert!(
            mutated.starts_with("let x = ")
                && mutated.contains("\"c01-a\"")
                && mutated.trim_end_matches([' ', ';']).ends_with("{ 1 }"),
            "{mutated}"
        );
        let mut files = BTreeMap::from([("a.rs".to_owned(), b"let y = 1;".to_vec())]);
        let message = apply(&mut files, &mutants).unwrap_err();
        assert!(
            message.starts_with("proptests/mutants/c01-a.txt: a.rs: ") && message.contains("let x = 1;"),
            "{message}"
        );
        assert!(apply(&mut BTreeMap::new(), &mutants).unwrap_err().contains("no such file"));
    }
}
