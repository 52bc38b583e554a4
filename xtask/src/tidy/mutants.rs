//! The list of mutants tells the truth: each one is in the code, and each in the code is listed.

use super::finding::Finding;
use super::tree::{File, Tree};
use crate::mutants::{LIST, Mutant};

const WHY: &str = "the list of mutants is what `cargo xtask mutants` runs and a reader believes";

/// Which files may have any.
const PLACES: [&str; 2] = ["engine/src/", "io/src/"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(list) = tree.get(LIST) else { return vec![Finding::new(LIST, 1, "no such file", WHY)] };
    let listed = Mutant::list(&list.text);
    let in_code: Vec<_> = tree.files.iter().filter(|file| may_have(file)).flat_map(found).collect();
    let missing = listed.iter().filter(|mutant| in_code.iter().all(|(name, ..)| *name != mutant.name));
    let missing = missing.map(|mutant| Finding::new(LIST, mutant.line, format!("`{}` is nowhere", mutant.name), WHY));
    let unlisted = in_code.iter().filter(|(name, ..)| listed.iter().all(|mutant| mutant.name != *name));
    missing
        .chain(unlisted.map(|(name, path, line)| Finding::new(path, *line, format!("`{name}` is not listed"), WHY)))
        .collect()
}

fn may_have(file: &File) -> bool {
    file.has_extension("rs") && PLACES.iter().any(|place| file.path.starts_with(place))
}

/// Name, file and line of each that is switched on somewhere in the file.
fn found(file: &File) -> impl Iterator<Item = (&str, &str, usize)> {
    let lines = file.text.lines().enumerate();
    lines.flat_map(move |(index, line)| {
        let names = line.split("mutant!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        names.map(move |name| (name, file.path.as_str(), index + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_and_what_is_in_the_code_are_the_same() {
        let list = "| `c01-a` | A | early |\n| `c02-b` | B | twice |\n";
        let code = "if mutant!(\"c01-a\") && !mutant!(\"c03-c\") {}\n";
        let tree = Tree { files: vec![File::new(LIST, list), File::new("io/src/a.rs", code)] };
        let places: Vec<_> = check(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, [format!("{LIST}:2"), "io/src/a.rs:1".to_owned()]);
    }
}
