//! Refuses circles of imports: files that import each other in a circle can only be understood together.
//!
//! A file imports another file if it names that file's module or an item of that module. The name is in a `use`, or in
//! a path that begins with `crate`, `self`, `super` or a child module. A `mod` line alone is not an import. Unit tests
//! do not count, because they use what they test.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::rust_text::code_only;
use super::tree::Tree;

const WHY: &str = "files that import each other can only be read together: move what both need into a file below them";

/// The imports between the files of one crate: for each file the files that it imports.
pub(super) type Imports = BTreeMap<String, BTreeSet<String>>;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let imports: Imports = crates(tree).iter().flat_map(|root| imports(tree, root)).collect();
    let circles = circles(&imports);
    circles.iter().map(|circle| Finding::new(&circle[0], 1, picture(circle, &imports), WHY)).collect()
}

/// The imports in a circle, one line for each file.
fn picture(circle: &[String], imports: &Imports) -> String {
    let arrows = |file: &String| {
        let others = imports[file].iter().filter(|other| circle.contains(other));
        format!("\n    {file} -> {}", others.map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    format!("a circle of {} files:{}", circle.len(), circle.iter().map(arrows).collect::<String>())
}

/// The `src/` folders of all crates.
fn crates(tree: &Tree) -> BTreeSet<String> {
    let folder = |path: &str| Some(path.strip_suffix("Cargo.toml")?.to_owned() + "src/");
    tree.files.iter().filter_map(|file| folder(&file.path)).collect()
}

/// The modules of a crate: the path from the crate's root, and the file.
fn modules<'a>(tree: &'a Tree, root: &str) -> BTreeMap<Vec<&'a str>, &'a str> {
    let module = |path: &'a str| {
        let name = path.strip_prefix(root)?.strip_suffix(".rs")?;
        let name = name.strip_suffix("/mod").unwrap_or(name);
        let name: Vec<_> = if matches!(name, "lib" | "main") { Vec::new() } else { name.split('/').collect() };
        (!name.iter().any(|part| matches!(*part, "tests" | "bin"))).then_some((name, path))
    };
    tree.files.iter().filter_map(|file| module(&file.path)).collect()
}

pub(super) fn imports(tree: &Tree, root: &str) -> Imports {
    let modules = modules(tree, root);
    let text = |path| tree.get(path).map(|file| paths(&code_only(&file.text))).unwrap_or_default();
    let named: Named = modules.iter().map(|(module, &path)| (module.clone(), text(path))).collect();
    let imports = |(module, &path): (&Vec<_>, &&str)| {
        let owners = named[module].iter().filter_map(|names| owner(&modules, &named, module, names, 0));
        (path.to_owned(), owners.filter(|&other| other != path).map(str::to_owned).collect())
    };
    modules.iter().map(imports).collect()
}

/// The paths that each module names.
type Named<'a> = BTreeMap<Vec<&'a str>, Vec<Vec<String>>>;

/// The largest number of re-exports that are followed. Without a limit the search would not end if each of two modules
/// names the same item of the other.
const DEPTH_MAX: usize = 8;

/// The file to which a path leads: the file of the longest module path at its beginning. If that module imports or
/// re-exports the name that follows, the search goes on in the module that the name comes from. A path to another crate
/// leads to no file.
fn owner<'a>(
    modules: &BTreeMap<Vec<&'a str>, &'a str>,
    named: &Named,
    module: &[&str],
    names: &[String],
    depth: usize,
) -> Option<&'a str> {
    let (first, mut rest) = names.split_first()?;
    let mut full: Vec<&str> = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len().checked_sub(1)?].to_vec(),
        // The name of a child module without `self`.
        child => [module, &[child]].concat(),
    };
    while let Some((next, after)) = rest.split_first()
        && next == "super"
    {
        full.pop()?;
        rest = after;
    }
    let start = full.len();
    full.extend(rest.iter().map(String::as_str));
    if !matches!(first.as_str(), "crate" | "self" | "super") && !modules.contains_key(&full[..start]) {
        return None;
    }
    let longest = (0..=full.len()).rev().find(|&length| modules.contains_key(&full[..length]))?;
    let owning = &full[..longest];
    let Some(thing) = full.get(longest) else { return modules.get(owning).copied() };
    let is_passed_on = |path: &&Vec<String>| path.len() > 1 && path.last() == Some(&(*thing).to_owned());
    let mut passed_on = named[owning].iter().filter(is_passed_on).filter(|_| depth < DEPTH_MAX).peekable();
    if passed_on.peek().is_none() {
        return modules.get(owning).copied();
    }
    passed_on.find_map(|path| owner(modules, named, owning, path, depth + 1))
}

/// All paths in the part of a file before its unit tests: the expanded paths of `use` items, and the paths in the code.
fn paths(code: &str) -> Vec<Vec<String>> {
    let code = code.split("mod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    let tokens = tokens(code);
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" {
            let end = tokens[at..].iter().position(|token| token == ";").map_or(tokens.len(), |length| at + length);
            tree_paths(&tokens[at + 1..end], &[], &mut found);
            at = end;
        } else if tokens.get(at + 1).is_some_and(|token| token == "::") && (at == 0 || tokens[at - 1] != "::") {
            let mut path = vec![tokens[at].clone()];
            while tokens.get(at + 1).is_some_and(|token| token == "::") && at + 2 < tokens.len() {
                path.push(tokens[at + 2].clone());
                at += 2;
            }
            found.push(path);
        }
        at += 1;
    }
    found
}

/// The paths of a `use` tree: `a::{b, c::d}` stands for `a::b` and `a::c::d`.
fn tree_paths(tokens: &[String], prefix: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => {
                let mut depth = 0;
                let mut from = at + 1;
                for (index, token) in tokens.iter().enumerate().skip(at) {
                    match token.as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    if (depth == 1 && token == ",") || depth == 0 {
                        tree_paths(&tokens[from..index], &path, found);
                        from = index + 1;
                    }
                    if depth == 0 {
                        break;
                    }
                }
                return;
            }
            "::" => {}
            "as" => break,
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    // `a::{self}` stands for `a`.
    path.pop_if(|last| last == "self" && !prefix.is_empty());
    if !path.is_empty() {
        found.push(path);
    }
}

/// The words and signs of the code. `::` is one token, and every other character that is not part of a word is a token
/// by itself.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut word = c.to_string();
            while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
            tokens.push(word);
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            tokens.push("::".to_owned());
        } else if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    tokens
}

/// The circles: sets of two or more files in which every file reaches all the others.
fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reached(imports, file))).collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for (file, others) in &reach {
        let circle = others.iter().filter(|other| reach.get(*other).is_some_and(|back| back.contains(file)));
        let circle: Vec<_> = circle.map(|&other| other.to_owned()).collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// Every file that `file` imports, directly or indirectly.
fn reached<'a>(imports: &'a Imports, file: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        for other in imports.get(file).into_iter().flatten() {
            if reached.insert(other.as_str()) {
                next.push(other);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let manifest = File::new("io/Cargo.toml", "");
        let files = files.iter().map(|(path, text)| File::new(path, text));
        Tree { files: std::iter::once(manifest).chain(files).collect() }
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let tree = tree(&[
            ("io/src/lib.rs", "mod a; mod b;"),
            ("io/src/a.rs", "use crate::b::{self, B};"),
            ("io/src/b.rs", "fn f() { super::a::g() }"),
        ]);
        let expected = "a circle of 2 files:\n    io/src/a.rs -> io/src/b.rs\n    io/src/b.rs -> io/src/a.rs";
        assert_eq!(check(&tree)[0].what, expected);
    }

    #[test]
    fn a_parent_may_use_its_child_and_a_child_its_parent_but_not_both() {
        let child = ("io/src/a/b.rs", "use super::A;");
        let harmless = tree(&[("io/src/lib.rs", "mod a;"), ("io/src/a/mod.rs", "mod b; pub struct A;"), child]);
        assert_eq!(check(&harmless), []);
        let circle = tree(&[("io/src/lib.rs", "mod a;"), ("io/src/a/mod.rs", "mod b; use b::B;"), child]);
        assert_eq!(check(&circle).len(), 1);
    }

    #[test]
    fn words_in_comments_strings_and_tests_are_no_imports() {
        let tree = tree(&[
            ("io/src/a.rs", "use crate::b::B;"),
            (
                "io/src/b.rs",
                "// crate::a::A\nconst T: &str = \"crate::a::A\";\n#[cfg(test)]\nmod tests { use crate::a::A; }",
            ),
            ("io/src/c.rs", "use super::b::B;\n#[cfg(all(loom, test))]\nmod tests { use super::*; }"),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_use_tree_is_taken_apart() {
        let words = |path: &Vec<String>| path.join(".");
        let found: Vec<_> = paths("use a::{b::{C, d::E as F}, self, g};").iter().map(words).collect();
        assert_eq!(found, ["a.b.C", "a.b.d.E", "a", "a.g"]);
    }
}
