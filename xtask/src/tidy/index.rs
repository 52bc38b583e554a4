//! The list of all source files in `docs/architecture.md`, with the first sentence of each file. The list is generated;
//! this rule checks that it is up to date.

use std::path::Path;

use super::finding::Finding;
use super::tree::{File, Tree};

const PAGE: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- `cargo xtask tidy --write` writes the lines below. -->\n";
const END: &str = "<!-- The lines above are generated. -->\n";

const WHY: &str = "whoever looks for a place to change searches this list; run `cargo xtask tidy --write`";
const TEXT_WHY: &str =
    "a file begins with a comment that says what it is for; the list of files has its first sentence";

const EXTENSIONS: [&str; 4] = ["rs", "lua", "c", "h"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.get(PAGE) else {
        return Vec::new();
    };
    let mut findings: Vec<_> = sources(tree)
        .filter(|file| first_sentence(file).is_none())
        .map(|file| Finding::new(&file.path, 1, "no comment at the beginning", TEXT_WHY))
        .collect();
    if with_list(&page.text, tree).as_ref() != Some(&page.text) {
        findings.push(Finding::new(PAGE, 1, "the list of files is out of date, or its two marks are missing", WHY));
    }
    findings
}

/// Writes the list into the page.
pub(super) fn write(root: &Path, tree: &Tree) -> Result<(), String> {
    let page = tree.get(PAGE).ok_or_else(|| format!("{PAGE} is missing"))?;
    let text = with_list(&page.text, tree).ok_or_else(|| format!("{PAGE} has no marks for the list of files"))?;
    std::fs::write(root.join(PAGE), text).map_err(|error| format!("cannot write {PAGE}: {error}"))
}

/// The page with a new list between the marks. `None` if it has no marks.
fn with_list(page: &str, tree: &Tree) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, &list(tree), END, after].concat())
}

/// For each top-level folder, a part that opens on a click. The part has a list for each folder in it.
fn list(tree: &Tree) -> String {
    let mut text = String::new();
    let (mut top, mut folder) = ("", "");
    for file in sources(tree) {
        let (path, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let first = path.split('/').next().unwrap_or_default();
        if first != top {
            let end = if top.is_empty() { "" } else { "\n</details>\n" };
            text += &format!("{end}\n<details><summary><code>{first}/</code></summary>\n");
            top = first;
        }
        if path != folder {
            text += &format!("\n`{path}/`\n\n");
            folder = path;
        }
        text += &format!("- `{name}`: {}\n", first_sentence(file).unwrap_or_default());
    }
    text + "\n</details>\n\n"
}

/// The files that are in a folder. Files of one folder are together, and a folder comes before the folders in it.
fn sources(tree: &Tree) -> impl Iterator<Item = &File> {
    let is_source =
        |file: &&File| file.path.contains('/') && EXTENSIONS.iter().any(|extension| file.has_extension(extension));
    let mut files: Vec<_> = tree.files.iter().filter(is_source).collect();
    files.sort_by_key(|file| file.path.rsplit_once('/'));
    files.into_iter()
}

/// The first sentence of the comment with which the file begins, without links. If that sentence is a mere title, the
/// result also has the next sentence.
fn first_sentence(file: &File) -> Option<String> {
    const TITLE_MAX: usize = 16;
    let comment = |line: &str| -> Option<String> {
        let line = line.trim().trim_end_matches("*/");
        let rest = ["//!", "//", "--", "/*", "*"].iter().find_map(|mark| line.strip_prefix(mark))?;
        Some(rest.trim_start_matches('-').trim().to_owned())
    };
    // The types for editors begin with an annotation.
    let lines = file.text.lines().skip_while(|line| line.is_empty() || line.starts_with("---@"));
    let lines = lines.map_while(comment).skip_while(String::is_empty);
    let paragraph: Vec<_> = lines.take_while(|line| !line.is_empty() && !line.starts_with("```")).collect();
    let paragraph = without_links(&paragraph.join(" "));
    let after_title = paragraph.find(". ").filter(|end| *end < TITLE_MAX).map_or(0, |end| end + 2);
    let end = paragraph[after_title..].find(". ").map_or(paragraph.len(), |end| after_title + end);
    let sentence = paragraph[..end].trim_end_matches(['.', ':']);
    (!sentence.is_empty()).then(|| sentence.replace('<', "&lt;"))
}

/// A link `[text](target)` becomes `text`. A name of the code in brackets loses the brackets.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain += before;
        rest = link;
        let Some((name, after)) = link.split_once(']') else { break };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        match target {
            Some((_, after)) => (plain, rest) = (plain + name, after),
            None if name.starts_with('`') => (plain, rest) = (plain + name, after),
            None => plain.push('['),
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(page: &str) -> Tree {
        Tree {
            files: vec![
                File::new("docs/architecture.md", page),
                File::new(
                    "io/src/alarm.rs",
                    "//! An alarm of\n//! [`Loop`](crate::Loop) with [parts](super::parts), a [`Key`] and `[1]`. It rings.\n\nuse x;\n",
                ),
                File::new("io/src/a/b.lua", "---@meta\n\n-- Echo. It\n-- echoes:\n--\n-- x\n"),
                File::new("engine/x.h", "/*\n * x.h: a header\n */\n"),
            ],
        }
    }

    #[test]
    fn the_list_has_the_first_sentence_of_each_file() {
        let written = with_list(&format!("before\n{BEGIN}old\n{END}after\n"), &tree("")).unwrap();
        let list = "\n<details><summary><code>engine/</code></summary>\n\n`engine/`\n\n- `x.h`: x.h: a header\n\n\
            </details>\n\n<details><summary><code>io/</code></summary>\n\n`io/src/`\n\n\
            - `alarm.rs`: An alarm of `Loop` with parts, a `Key` and `[1]`\n\n`io/src/a/`\n\n- `b.lua`: Echo. It echoes\n\n</details>\n\n";
        assert_eq!(written, format!("before\n{BEGIN}{list}{END}after\n"));
        assert_eq!(check(&tree(&written)), []);
    }

    #[test]
    fn a_list_that_is_old_and_a_file_without_a_comment_are_found() {
        assert_eq!(check(&tree(&format!("{BEGIN}{END}"))).len(), 1);
        assert_eq!(check(&tree("no marks")).len(), 1);
        let mut bare = tree("");
        bare.files = vec![File::new("docs/architecture.md", ""), File::new("io/src/x.rs", "use y;\n")];
        assert_eq!(check(&bare).len(), 2);
    }
}
