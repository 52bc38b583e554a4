//! The rules of the source tree, one file for each group. A finding has the place, the breach, and the reason for the
//! rule.
//!
//! | module | checks |
//! |---|---|
//! | `arrows` | which crate may depend on which |
//! | `manifests` | the fields that every package declares; a reason for each dependency |
//! | `circles` | no files that import each other |
//! | `floors` | the imports between the layers ("floors") of the shared Lua crate |
//! | `sizes` | the length of each file |
//! | `code` | where `unsafe` is used; nothing unfinished |
//! | `conformance` | each behaviour of the list has a test, or is marked open |
//! | `mutants` | each mutant still fits the sources, and has its row in the list of mutants |
//! | `book` | the summary names each page; a test runs each block of Rust |
//! | `links` | every file that a document names exists |
//! | `index` | the list of all files, with the first sentence of each, is up to date |
//! | `places` | no path of the author's machine |

mod arrows;
mod book;
mod circles;
mod code;
mod conformance;
mod finding;
mod floors;
mod index;
mod links;
mod manifests;
mod mutants;
mod places;
mod rust_text;
mod sizes;
mod tree;

use crate::project::Project;
use tree::Tree;

/// Writes the parts of the documents that are generated from the sources.
pub(crate) fn write(project: &Project) -> Result<(), String> {
    index::write(&project.root, &Tree::read(&project.root)?)
}

pub(crate) fn run(project: &Project) -> Result<(), String> {
    let tree = Tree::read(&project.root)?;
    let packages = project.packages()?;
    let places = places::of_this_machine(&project.root);

    let mut findings = arrows::check(&packages, &tree);
    findings.extend(manifests::check(&packages));
    findings.extend(manifests::check_reasons(&packages, &tree));
    findings.extend(code::check_refused(&tree));
    findings.extend(conformance::check(&tree));
    findings.extend(mutants::check(&tree));
    findings.extend(book::check(&tree));
    findings.extend(circles::check(&tree));
    findings.extend(floors::check(&tree));
    findings.extend(index::check(&tree));
    for file in &tree.files {
        findings.extend(sizes::check(file));
        findings.extend(code::check(file));
        findings.extend(links::check(file, &tree));
        findings.extend(places::check(file, &places));
    }

    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} packages, {} findings", tree.files.len(), packages.len(), findings.len());
    if findings.is_empty() { Ok(()) } else { Err(format!("tidy found {} breaches of the rules", findings.len())) }
}
