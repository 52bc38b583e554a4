//! Checks where `unsafe` is used, and that nothing is unfinished.

use super::finding::Finding;
use super::rust_text::code_only;
use super::tree::{File, Tree};

/// The folders and files in which `unsafe` is allowed.
const UNSAFE_ALLOWED: &[&str] = &[
    "bindings/",
    "io/src/fork.rs",
    "io/src/number.rs",
    "io/src/signals.rs",
    "io/src/uring/",
    "io/src/portable.rs",
    "io/src/portable/",
    "io/src/waker/tests.rs",
    "io/tests/common/windows.rs",
    "proptests/tests/memory/allocator.rs",
    "proptests/tests/c_model/library.rs",
    "benches/src/allocator.rs",
    "benches/src/latency/libuv.rs",
    "benches/src/stores/libuv.rs",
    "benches/src/readiness/bare_uring.rs",
    "benches/src/readiness/polling.rs",
    "benches/src/readiness/sockets.rs",
];
const UNSAFE_WHY: &str =
    "unsafe code stands only in the places of `UNSAFE_ALLOWED`, so that a reader can read all of it";

/// Crates in which the compiler itself refuses `unsafe`: everywhere, or except in modules that give a reason.
const UNSAFE_REFUSED: &[(&str, &str)] = &[
    ("engine/src/lib.rs", "#![forbid(unsafe_code)]"),
    ("io/src/lib.rs", "#![deny(unsafe_code)]"),
    ("bindings/rust/src/lib.rs", "#![forbid(unsafe_code)]"),
];

const UNFINISHED: &[&str] = &["todo!(", "unimplemented!(", "#[ignore"];
const UNFINISHED_WHY: &str = "what is in the project is finished, and every test runs";

pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.has_extension("rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let may_be_unsafe = UNSAFE_ALLOWED.iter().any(|place| file.path.starts_with(place));
    for (index, line) in code_only(&file.text).lines().enumerate() {
        if !may_be_unsafe && has_word(line, "unsafe") {
            findings.push(Finding::new(&file.path, index + 1, "`unsafe`", UNSAFE_WHY));
        }
        for mark in UNFINISHED.iter().filter(|mark| line.contains(**mark)) {
            findings.push(Finding::new(&file.path, index + 1, format!("`{mark}`"), UNFINISHED_WHY));
        }
    }
    findings
}

pub(super) fn check_refused(tree: &Tree) -> Vec<Finding> {
    let refuses = |path: &str, line: &str| tree.get(path).is_some_and(|file| code_only(&file.text).contains(line));
    let missing = UNSAFE_REFUSED.iter().filter(|(path, line)| !refuses(path, line));
    missing.map(|(path, line)| Finding::new(path, 1, format!("`{line}` is missing"), UNSAFE_WHY)).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_breach_is_found_at_its_line_and_nowhere_else() {
        for (path, text, expected) in [
            ("engine/src/a.rs", "fn a() {}\nunsafe fn b() {}\n", &["engine/src/a.rs:2"][..]),
            ("engine/src/a.rs", "#![forbid(unsafe_code)]\n// unsafe\nlet s = \"unsafe\";\n", &[]),
            ("engine/src/a.rs", "#[unsafe(no_mangle)]", &["engine/src/a.rs:1"]),
            ("bindings/lua/src/lib.rs", "unsafe { x() }", &[]),
            ("io/src/uring/ring.rs", "unsafe { x() }", &[]),
            ("io/src/epoll.rs", "unsafe { x() }", &["io/src/epoll.rs:1"]),
            ("bindings/c/src/a.rs", "todo!()", &["bindings/c/src/a.rs:1"]),
            (
                "proptests/src/a.rs",
                "#[test]\n#[ignore = \"slow\"]\nfn a() { unimplemented!() }",
                &["proptests/src/a.rs:2", "proptests/src/a.rs:3"],
            ),
            ("docs/a.md", "unsafe", &[]),
        ] {
            let places: Vec<_> = check(&File::new(path, text)).into_iter().map(|finding| finding.place).collect();
            assert_eq!(places, expected, "{path}: {text}");
        }
    }

    #[test]
    fn some_crates_must_refuse_it_themselves_and_not_in_a_comment() {
        let file = |path, line: &str| File::new(path, &format!("//! Story.\n{line}\n"));
        let forbids = |path| file(path, "#![forbid(unsafe_code)]");
        let others = || [forbids("engine/src/lib.rs"), forbids("bindings/rust/src/lib.rs")];
        let tree = |io| Tree { files: others().into_iter().chain([file("io/src/lib.rs", io)]).collect() };
        assert_eq!(check_refused(&tree("#![deny(unsafe_code)]")), []);
        assert_eq!(check_refused(&tree("// #![deny(unsafe_code)]")).len(), 1);
    }
}
