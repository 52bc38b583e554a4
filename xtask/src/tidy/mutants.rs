//! Checks that each mutant still fits the sources, and that its row in the list has the words of its file.

use super::finding::Finding;
use super::tree::Tree;
use crate::mutants::{FOLDER, LIST, Mutant, path_of};

const LISTED: &str = "a reader relies on the list of mutants";

const FITS: &str =
    "`cargo xtask mutants` puts the bug into a copy of the sources: change these lines in the bug's file, too";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(list) = tree.get(LIST) else { return vec![Finding::new(LIST, 1, "no such file", LISTED)] };
    let mut findings = Vec::new();
    let mut rows = Vec::new();
    for file in &tree.files {
        let name = file.path.strip_prefix(FOLDER).and_then(|path| path.strip_prefix('/')?.strip_suffix(".txt"));
        let Some(name) = name else { continue };
        match Mutant::parse(name, &file.text) {
            Ok(mutant) => {
                findings.extend(misfits(&mutant, tree));
                rows.push(mutant.row());
            }
            Err(message) => findings.push(Finding::new(&file.path, 1, message, FITS)),
        }
    }
    let listed: Vec<_> = list.text.lines().enumerate().filter(|(_, line)| line.starts_with("| `")).collect();
    let missing = rows.iter().filter(|row| listed.iter().all(|(_, line)| line != row));
    findings.extend(missing.map(|row| Finding::new(LIST, 1, format!("this row is missing: {row}"), LISTED)));
    let strange = listed.iter().filter(|(_, line)| rows.iter().all(|row| row != line));
    findings.extend(
        strange.map(|(index, _)| Finding::new(LIST, index + 1, format!("no file in {FOLDER} says so"), LISTED)),
    );
    findings
}

fn misfits<'a>(mutant: &'a Mutant, tree: &'a Tree) -> impl Iterator<Item = Finding> + 'a {
    mutant.edits.iter().filter_map(|edit| {
        let misfit = match tree.get(&edit.path) {
            Some(file) => edit.locate(&file.text).err()?.to_string(),
            None => "no such file".to_owned(),
        };
        Some(Finding::new(&path_of(&mutant.name), 1, format!("{}: {misfit}", edit.path), FITS))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    #[test]
    fn a_mutant_must_be_listed_as_its_file_says_and_fit() {
        let bug = "where: A\nwhat: early\n\n--- io/src/a.rs\nlet x = 1;\n--- become\nlet x = 2;\n";
        let found = |list: &str, code: &str| {
            let bug = File::new("proptests/mutants/c01-a.txt", bug);
            let tree = Tree { files: vec![File::new(LIST, list), File::new("io/src/a.rs", code), bug] };
            check(&tree).into_iter().map(|finding| finding.place).collect::<Vec<_>>()
        };
        assert!(found("| `c01-a` | A | early |\n", "let x = 1;\n").is_empty());
        assert_eq!(found("| `c01-a` | A | late |\n", "let x = 1;\n"), [format!("{LIST}:1"), format!("{LIST}:1")]);
        assert_eq!(found("| `c01-a` | A | early |\n", "let y = 1;\n"), ["proptests/mutants/c01-a.txt:1"]);
    }
}
