//! Makes the sources of the book: the pages of `docs/`, the README, the changelog and the references. A link that
//! leaves `docs/` is changed to the place of its target in the book, or becomes plain text.

use std::fs;
use std::io;
use std::path::Path;

use super::copy;
use crate::project::Project;

/// Files outside `docs/`, each with its page in the book. The last page is already in `docs/`.
const OTHERS: [(&str, &str); 3] =
    [("README.md", "introduction.md"), ("CHANGELOG.md", "changelog.md"), ("CONTRIBUTING.md", "contributing.md")];

/// Files of the root that the book contains unchanged.
const PLAIN: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// The crates of the Rust reference, each with a description.
const CRATES: [(&str, &str); 3] = [
    ("cogloop", "callbacks, sources, futures, virtual time"),
    ("cogloop_io", "the loop without callbacks, its clocks and backends"),
    ("cogloop_engine", "the timing wheel alone"),
];

const HEADERS: [&str; 2] = ["cogloop.h", "mockit.h"];

pub(super) fn write(project: &Project, folder: &Path) -> io::Result<()> {
    let docs = project.root.join("docs");
    copy(&docs, folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            fs::write(&path, from_docs(&fs::read_to_string(&path)?))?;
        }
    }
    for (file, page) in &OTHERS[..2] {
        fs::write(folder.join(page), from_root(&fs::read_to_string(project.root.join(file))?))?;
    }
    for file in PLAIN {
        fs::copy(project.root.join(file), folder.join(file))?;
    }
    for header in HEADERS {
        let text = fs::read_to_string(project.root.join("bindings/c/include").join(header))?;
        fs::write(folder.join(page_of(header)), format!("# {header}\n\n```c\n{text}```\n"))?;
    }
    fs::write(folder.join("crates.md"), crates())?;
    let summary = folder.join("SUMMARY.md");
    fs::write(&summary, with_others(&fs::read_to_string(&summary)?))
}

fn page_of(header: &str) -> String {
    format!("header-{}.md", header.replace('.', "-"))
}

/// Changes those links of a page of `docs/` that lead to files above `docs/`.
fn from_docs(text: &str) -> String {
    turned(text, |target| target.strip_prefix("../"))
}

/// Changes the links of a page of the root: in the book the pages of `docs/` are in the same folder.
fn from_root(text: &str) -> String {
    let text = text.replace("](docs/", "](").replace("src=\"docs/", "src=\"").replace("srcset=\"docs/", "srcset=\"");
    let is_other = |target: &str| OTHERS.iter().any(|(file, _)| target.split('#').next() == Some(file));
    // The book does not contain `bindings/`.
    turned(&text, |target| (is_other(target) || target.starts_with("bindings/")).then_some(target))
}

/// Changes each link for which `outside` returns a file of the root. The new link goes to the book's page of the file,
/// or to the file itself. If the book has neither, the link becomes plain text.
fn turned<'a>(text: &'a str, outside: impl Fn(&'a str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let (target, behind) = after.split_at(after.find(')').unwrap_or(after.len()));
        out.push_str(before);
        out.push_str("](");
        match outside(target) {
            Some(file) => {
                let (name, place) = file.split_at(file.find('#').unwrap_or(file.len()));
                match OTHERS.iter().find(|(other, _)| *other == name) {
                    Some((_, page)) => out.extend([page, place]),
                    None if PLAIN.contains(&name) => out.push_str(name),
                    None => {
                        let start = out.rfind('[').unwrap_or(0);
                        let words = out[start..].trim_start_matches('[').trim_end_matches("](").to_owned();
                        out.replace_range(start.., &words);
                        rest = behind.strip_prefix(')').unwrap_or(behind);
                        continue;
                    }
                }
            }
            None => out.push_str(target),
        }
        rest = behind;
    }
    out + rest
}

fn crates() -> String {
    let rows = CRATES.map(|(name, about)| format!("- [`{name}`](rust/{name}/index.html): {about}\n"));
    format!("# The Rust crates\n\nMade by rustdoc, from the sources of this version.\n\n{}", rows.concat())
}

/// The summary with the README before its chapters, and the references after them.
fn with_others(summary: &str) -> String {
    let chapters = summary.strip_prefix("# Summary\n").unwrap_or(summary);
    let headers = HEADERS.map(|header| format!("- [C: {header}]({})\n", page_of(header)));
    format!(
        "# Summary\n\n[Cogloop](introduction.md)\n{chapters}\n# References\n\n- [Rust: the crates](crates.md)\n{}\
         - [Changelog](changelog.md)\n",
        headers.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_the_folder_are_turned_and_others_stay() {
        let page = "[a](wheel.md#x) [b](../CHANGELOG.md) [the c](../bindings/lua/types) [d](https://x.y) a[ 1 ](2)";
        assert_eq!(from_docs(page), "[a](wheel.md#x) [b](changelog.md) the c [d](https://x.y) a[ 1 ](2)");
        let text = from_root("[a](docs/wheel.md#x) ![p](docs/images/p.svg) [c](CONTRIBUTING.md) [l](LICENSE-MIT)");
        assert_eq!(text, "[a](wheel.md#x) ![p](images/p.svg) [c](contributing.md) [l](LICENSE-MIT)");
    }

    #[test]
    fn the_summary_begins_with_the_readme_and_ends_with_the_references() {
        let text = with_others("# Summary\n\n- [Architecture](architecture.md)\n");
        let places = ["introduction.md", "architecture.md", "crates.md", "header-cogloop-h.md", "changelog.md"]
            .map(|page| text.find(page).unwrap());
        assert!(places.is_sorted(), "{text}");
    }
}
