//! Checks that the files that the documents name exist.
//!
//! It checks two kinds of names. The target of a link is relative to the document. A file name in backticks, such as
//! `io/src/lib.rs`, is relative to the root or to the document, or is the end of the path of any file.

use super::finding::Finding;
use super::tree::{File, Tree};

const WHY: &str = "a reader would look for a file that does not exist; correct the name, or write it without backticks";

const EXTENSIONS: &[&str] = &["rs", "md", "lua", "toml", "c", "h", "sh", "yml"];

pub(super) fn check(file: &File, tree: &Tree) -> Vec<Finding> {
    if !file.has_extension("md") {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (index, line) in prose(&file.text) {
        let links = links(line).filter(|target| !tree.has(&join(folder, target)));
        let names = names(line).filter(|name| !tree.has_somewhere(name) && !tree.has(&join(folder, name)));
        let missing = links.chain(names);
        findings
            .extend(missing.map(|name| Finding::new(&file.path, index + 1, format!("no such file: `{name}`"), WHY)));
    }
    findings
}

/// The numbered lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    })
}

/// The targets of links to files, without the part after `#`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let local =
        targets.filter(|target| !["http:", "https:", "mailto:", "#"].iter().any(|other| target.starts_with(other)));
    local.map(|target| target.split('#').next().unwrap_or(target))
}

/// Text in backticks that looks like the name of a file of this project.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let spans = line.split('`').skip(1).step_by(2);
    spans.filter(|span| {
        let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c));
        let known = span.rsplit_once('.').is_some_and(|(stem, last)| !stem.is_empty() && EXTENSIONS.contains(&last));
        plain && known && !span.starts_with("target/")
    })
}

/// `target` as seen from `folder`, with `..` resolved.
fn join(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mentioned_file_must_exist() {
        let tree = Tree {
            files: vec![File::new("docs/wheel.md", ""), File::new("io/src/lib.rs", ""), File::new("README.md", "")],
        };
        for (path, text, expected) in [
            ("README.md", "[the wheel](docs/wheel.md#levels)", 0),
            ("README.md", "[the wheel](wheel.md)", 1),
            ("docs/a.md", "[the wheel](wheel.md), [home](../README.md), [io](../io)", 0),
            ("README.md", "[site](https://example.org/a.md) [here](#there)", 0),
            ("README.md", "`io/src/lib.rs`, `lib.rs`, `docs/wheel.md`", 0),
            ("README.md", "`io/src/lip.rs` and `mib.rs`", 2),
            ("README.md", "`target/lua/5.4/x.lua`, `t.Loop`, `require 't'`, `a.b`", 0),
            ("README.md", "```sh\ncat `gone.rs` [a](b)\n```", 0),
            ("a.rs", "[the wheel](wheel.md)", 0),
        ] {
            assert_eq!(check(&File::new(path, text), &tree).len(), expected, "{path}: {text}");
        }
    }
}
