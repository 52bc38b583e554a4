//! Checks the list of behaviours: each row has a test with its number, or is marked open.

use super::finding::Finding;
use super::tree::{File, Tree};
use crate::conformance::list::{LIST, OPEN, carries, number};
const WHY: &str = "the list of behaviours is read as a promise; a row without a test says that it is open";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(list) = tree.get(LIST) else { return vec![Finding::new(LIST, 1, "no such file", WHY)] };
    let tests: Vec<&File> = tree.files.iter().filter(|file| is_test(file)).collect();
    let rows = list.text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, number(line)?, line)));
    rows.filter_map(|(line, number, row)| {
        let is_open = row.contains(OPEN);
        let has_test = tests.iter().any(|file| carries(&file.text, number));
        let what = match (is_open, has_test) {
            (false, false) => format!("C{number:02} has no test and is not marked {OPEN}"),
            (true, true) => format!("C{number:02} is marked {OPEN} and has a test"),
            _ => return None,
        };
        Some(Finding::new(LIST, line, what, WHY))
    })
    .collect()
}

/// Whether the file may contain tests. Tests can be in any file of Rust or Lua outside `xtask`: unit
/// tests are in the file that they test.
fn is_test(file: &File) -> bool {
    let is_code = file.has_extension("rs") || file.has_extension("lua");
    is_code && !file.path.starts_with("xtask/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_or_open_and_not_both() {
        let list = "| C01 | shown | |\n| C02 | not shown | |\n| C03 | open *(open)* | |\n| C04 | both *(open)* | |\n";
        let tests = "/// C01, C04: …\nfn c041_is_another_c022() {}\nfn story_c04() {}";
        let tree = Tree { files: vec![File::new(LIST, list), File::new("io/tests/a.rs", tests)] };
        let lines: Vec<String> = check(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(lines, [format!("{LIST}:2"), format!("{LIST}:4")]);
    }
}
