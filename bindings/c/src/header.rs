//! Tests that the headers and the library agree. The headers are written by hand. So the test reads the headers and the
//! library's sources, and compares their declarations. It compares functions by the names, types and order of their
//! parameters, structs by their fields, and constants by their values. Of `mockit.h` it compares only the functions'
//! names.
//!
//! The parser knows only the parts of both languages that occur in these files. It fails on anything else.

use std::collections::BTreeMap;

const COGLOOP_H: &str = include_str!("../include/cogloop.h");
const MOCKIT_H: &str = include_str!("../include/mockit.h");

const COG: &[&str] = &[
    include_str!("cog/mod.rs"),
    include_str!("cog/answer.rs"),
    include_str!("cog/hooks.rs"),
    include_str!("cog/loops.rs"),
    include_str!("cog/moves.rs"),
    include_str!("cog/options.rs"),
    include_str!("cog/timers.rs"),
    include_str!("cog/trace.rs"),
    include_str!("cog/walk.rs"),
    include_str!("cog/watches.rs"),
];
const MOCKIT: &[&str] = &[include_str!("mockit/mod.rs")];

/// Programs declare this function themselves.
const IN_NO_HEADER: &str = "timespec_add_ms__";

/// The declaration of each name: `int ( cog_loop loop , bool * is_alive )`, `{ uint64_t id }`, or `-1`.
type Declarations = BTreeMap<String, String>;

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").expect("a comment ends").1;
    }
    code.push_str(rest);
    let lines = code.lines().map(|line| line.split_once("//").map_or(line, |(line, _)| line));
    lines.filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// Puts one space between any two tokens.
fn spaced(text: &str) -> String {
    let mut out = String::new();
    let mut was_word = false;
    for c in text.chars() {
        let is_word = c.is_alphanumeric() || "_#-".contains(c);
        if !(is_word && was_word) {
            out.push(' ');
        }
        was_word = is_word;
        out.push(c);
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `uint64_t a, *b; int c` → `uint64_t a`, `uint64_t * b`, `int c`.
fn c_fields(body: &str) -> Vec<String> {
    let mut fields = Vec::new();
    for declaration in body.split(';').map(spaced).filter(|declaration| !declaration.is_empty()) {
        let mut names = declaration.split(" , ");
        let first = names.next().expect("a field");
        let kind = first.rsplit_once(' ').expect("a type and a name").0;
        fields.push(first.to_owned());
        fields.extend(names.map(|name| format!("{kind} {name}")));
    }
    fields
}

fn of_the_header(header: &str) -> Declarations {
    let code = without_comments(header);
    let code = code.split_once("extern \"C\" {").expect("the part for C++").1.replace("COG_NODISCARD ", "");
    let mut found = Declarations::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find(|c| ";{".contains(c)) {
        let (head, after) = (spaced(&rest[..at]), &rest[at + 1..]);
        if rest.as_bytes()[at] == b';' {
            if let Some((before, arguments)) = head.split_once(" ( ")
                && !head.starts_with("typedef")
                && !head.contains("ASSERT__")
            {
                let (kind, name) = before.rsplit_once(' ').expect("a type and a name");
                let arguments = arguments.replace("void )", ")");
                found.insert(name.to_owned(), format!("{kind} ( {arguments}").replace("(  )", "( )"));
            }
            rest = after;
            continue;
        }
        let (body, after) = after.split_once('}').expect("a brace that ends");
        let (name, after) = after.split_once(';').expect("a declaration that ends");
        if head == "enum" {
            for constant in body.split(',').map(spaced).filter(|constant| !constant.is_empty()) {
                let (name, value) = constant.split_once(" = ").expect("a constant with its value");
                found.insert(name.to_owned(), value.to_owned());
            }
        } else if head.starts_with("typedef struct ") {
            found.insert(name.trim().to_owned(), format!("{{ {} }}", c_fields(body).join(" ; ")));
        }
        rest = after;
    }
    found
}

/// Converts a Rust type to C: `*mut CogLoop` is `cog_loop *`.
fn c_type(kind: &str) -> String {
    let kind = kind.trim();
    if let Some(inner) = kind.strip_prefix("Option<") {
        return c_type(inner.strip_suffix('>').expect("a whole type"));
    }
    if let Some(target) = kind.strip_prefix("*mut ") {
        return format!("{} *", c_type(target));
    }
    if let Some(target) = kind.strip_prefix("*const ") {
        return format!("const {} *", c_type(target));
    }
    match kind {
        "c_int" => "int".to_owned(),
        "c_char" => "char".to_owned(),
        "c_void" => "void".to_owned(),
        "bool" => "bool".to_owned(),
        "usize" => "size_t".to_owned(),
        "u64" => "uint64_t".to_owned(),
        "i64" => "int64_t".to_owned(),
        "u32" => "uint32_t".to_owned(),
        ours => {
            let name = ours.strip_prefix("Cog").unwrap_or_else(|| panic!("C has no type `{ours}`"));
            let lower =
                name.chars().flat_map(|c| [Some('_').filter(|_| c.is_uppercase()), Some(c.to_ascii_lowercase())]);
            format!("cog{}", lower.flatten().collect::<String>())
        }
    }
}

/// `a: T, r#fn: U` → `c_type a`, `c_type fn`.
fn rust_fields(body: &str) -> Vec<String> {
    let fields = body.split(',').map(str::trim).filter(|field| !field.is_empty());
    let parts = fields.map(|field| field.split_once(':').expect("a name and a type"));
    parts
        .map(|(name, kind)| {
            let name = name.trim().trim_start_matches("pub(super) ").trim_start_matches("r#");
            format!("{} {name}", c_type(kind))
        })
        .collect()
}

fn of_the_library(sources: &[&str]) -> Declarations {
    let mut found = Declarations::new();
    for code in sources.iter().map(|source| without_comments(&source.replace("#[unsafe(no_mangle)]", "EXPORTED"))) {
        for exported in code.split("EXPORTED").skip(1) {
            let exported = exported.split_once("extern \"C\" fn ").expect("an exported function").1;
            let (name, rest) = exported.split_once('(').expect("parameters");
            let (arguments, rest) = rest.split_once(')').expect("parameters that end");
            let kind = rest.split_once('{').expect("a body").0.trim().strip_prefix("->").map_or("c_void", str::trim);
            let arguments = if sources == MOCKIT { String::new() } else { rust_fields(arguments).join(" , ") };
            let kind = if sources == MOCKIT { String::new() } else { c_type(kind) };
            found.insert(name.to_owned(), spaced(&format!("{kind} ( {arguments} )")));
        }
        for constant in code.split("const COG_").skip(1) {
            let (name, rest) = constant.split_once(':').expect("a constant's type");
            let value =
                rest.split_once('=').and_then(|(_, value)| value.split_once(';')).expect("a constant's value").0;
            found.insert(format!("COG_{name}"), value.trim().to_owned());
        }
        for item in code.split("pub struct Cog").skip(1) {
            let (name, rest) = item.split_once('{').expect("fields");
            let fields = rust_fields(rest.split_once('}').expect("fields that end").0);
            found.insert(c_type(&format!("Cog{}", name.trim())), format!("{{ {} }}", fields.join(" ; ")));
        }
    }
    found
}

#[test]
fn cogloop_h_declares_the_contents_of_the_library() {
    let (header, mut library) = (of_the_header(COGLOOP_H), of_the_library(COG));
    // These are macros in the header, because an enumerator cannot have that value.
    for name in ["COG_NEVER", "COG_EXACT"] {
        assert_eq!(library.remove(name).as_deref(), Some("u64::MAX"));
        assert!(COGLOOP_H.contains(&format!("\n#define {name} UINT64_MAX\n")));
    }
    for (name, declared) in &header {
        assert_eq!(library.get(name), Some(&spaced(declared)), "{name}: the library (left) and the header (right)");
    }
    assert_eq!(library.keys().collect::<Vec<_>>(), header.keys().collect::<Vec<_>>());
    assert!(header.len() > 50, "{} declarations are not all of them", header.len());
}

/// Programs link with the names in `symbols.txt`, so a removed or changed name would break programs. The list only
/// grows, and a name keeps its parameters.
#[test]
fn the_library_exports_the_symbols_of_the_list() {
    let names = |sources| of_the_library(sources).into_keys().filter(|name| !name.starts_with("COG_"));
    let functions = |name: &String| name.starts_with("cog_") && COGLOOP_H.contains(&format!("{name}("));
    let mut exported: Vec<_> = names(COG).filter(functions).chain(names(MOCKIT)).collect();
    exported.sort();
    let listed: Vec<_> = include_str!("../symbols.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(exported, listed);
}

#[test]
fn the_header_has_the_version_of_the_library() {
    let parts = [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ];
    for (name, number) in parts {
        assert!(COGLOOP_H.contains(&format!("\n#define COG_VERSION_{name} {number}\n")), "{name} is not {number}");
    }
}

#[test]
fn mockit_h_declares_the_functions_of_the_library() {
    let mut library = of_the_library(MOCKIT);
    assert!(library.remove(IN_NO_HEADER).is_some());
    for name in library.keys() {
        assert!(MOCKIT_H.contains(&format!("{name}(")), "the header lacks {name}");
    }
    for name in MOCKIT_H.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.starts_with("Mockit_")) {
        assert!(library.contains_key(name), "{name} is in the header only");
    }
}

#[test]
fn the_comparison_finds_a_difference() {
    let header = |text: &str| of_the_header(&format!("extern \"C\" {{\n{text}\n}}"));
    let both = |c: &str, rust: &str| {
        let (c, rust) = (header(c), of_the_library(&[rust]));
        let same = c.iter().all(|(name, declared)| rust.get(name) == Some(&spaced(declared)));
        assert_eq!(c.len(), 1, "{c:?}");
        same && c.len() == rust.len()
    };
    let ours = "#[unsafe(no_mangle)]\npub extern \"C\" fn cog_a(r#loop: CogLoop, at: *mut u64) -> c_int {";
    assert!(both("int cog_a(cog_loop loop, uint64_t *at); /* why */", ours));
    assert!(!both("int cog_a(cog_loop loop, uint32_t *at);", ours));
    assert!(!both("int cog_a(cog_loop loop);", ours));
    assert!(!both("int cog_b(cog_loop loop, uint64_t *at);", ours));
    assert!(both("enum { COG_A = -1 };", "pub(super) const COG_A: c_int = -1;"));
    assert!(!both("enum { COG_A = -1 };", "const COG_A: c_int = -2;"));
    let fields = "pub struct CogA {\n    pub(super) one: u64,\n    two: *const c_char,\n}";
    assert!(both("typedef struct cog_a { uint64_t one; const char *two; } cog_a;", fields));
    assert!(!both("typedef struct cog_a { const char *two; uint64_t one; } cog_a;", fields));
}
