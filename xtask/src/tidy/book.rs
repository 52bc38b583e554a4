//! Checks that the book is complete: its summary names each page, and Rust code on a page is a doc test of a crate.

use super::finding::Finding;
use super::tree::{File, Tree};

const FOLDER: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(summary) = tree.get(SUMMARY) else {
        return vec![Finding::new(SUMMARY, 1, "there is no such file", "the book needs a table of contents")];
    };
    pages(tree).flat_map(|page| check_page(page, summary, tree)).collect()
}

fn check_page(page: &File, summary: &File, tree: &Tree) -> Vec<Finding> {
    let name = &page.path[FOLDER.len()..];
    let mut findings = Vec::new();
    if !summary.text.contains(&format!("({name})")) {
        let what = format!("`{name}` is not in it");
        findings.push(Finding::new(SUMMARY, 1, what, "a page that no table of contents names is not found"));
    }
    if let Some(line) = page.text.lines().position(|line| line.starts_with("```rust")) {
        let inclusion = format!("{}\")]", page.path);
        let is_tested = |file: &File| file.has_extension("rs") && file.text.contains(&inclusion);
        if !tree.files.iter().any(is_tested) {
            let why = "an example that is not compiled becomes wrong; include the page as a doc test";
            findings.push(Finding::new(&page.path, line + 1, "code in Rust that is no doc test", why));
        }
    }
    findings
}

fn pages(tree: &Tree) -> impl Iterator<Item = &File> {
    let is_page = |path: &str| path.strip_prefix(FOLDER).is_some_and(|name| !name.contains('/'));
    tree.files.iter().filter(move |file| is_page(&file.path) && file.has_extension("md") && file.path != SUMMARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_the_summary_leaves_out_and_code_that_is_not_tested_are_found() {
        let tree = |test: &str| Tree {
            files: vec![
                File::new(SUMMARY, "- [The wheel](wheel.md)\n- [Rust](rust.md)\n"),
                File::new("docs/wheel.md", "# The wheel\n"),
                File::new("docs/rust.md", "# Rust\n\n```rust\nfn main() {}\n```\n"),
                File::new("docs/images/README.md", "no page\n"),
                File::new("xtask/src/lib.rs", test),
            ],
        };
        assert_eq!(check(&tree("#[doc = include_str!(\"../../docs/rust.md\")]")), []);
        let untested = check(&tree("fn main() {}"));
        assert_eq!((untested.len(), untested[0].place.as_str()), (1, "docs/rust.md:3"));
        let mut missing = tree("");
        missing.files[2] = File::new("docs/lost.md", "# Lost\n");
        assert!(check(&missing)[0].what.contains("`lost.md`"));
        assert_eq!(check(&Tree { files: Vec::new() }).len(), 1);
    }
}
