//! Checks the imports between the layers ("floors") of the shared Lua crate.
//!
//! ```text
//!   sys  <-  lua  <-  host  <-  t_loop, cogloop, net, mockit  <-  lib.rs
//! ```
//!
//! The faces `t_loop`, `cogloop`, `net` and `mockit` do not import each other.

use super::circles::imports;
use super::finding::Finding;
use super::tree::Tree;

const SOURCES: &str = "bindings/lua-core/src/";

const WHY: &str = "a layer imports only layers to its left: sys <- lua <- host <- the faces <- lib.rs. The faces are \
    t_loop, cogloop, net and mockit. No face imports another. Code that two faces need belongs in host. What host \
    needs from a face goes into that face's table `Face`";
const PLACE_WHY: &str =
    "every folder of lua-core must have a layer; add the new folder to `floor` in xtask/src/tidy/floors.rs";

/// The layer of a folder or of the crate's root.
fn floor(room: &str) -> Option<u8> {
    match room {
        "sys" => Some(0),
        "lua" => Some(1),
        "host" => Some(2),
        "t_loop" | "cogloop" | "net" | "mockit" => Some(3),
        "lib.rs" => Some(4),
        _ => None,
    }
}

/// The first component of a path below the sources.
fn room(path: &str) -> &str {
    let path = path.strip_prefix(SOURCES).unwrap_or(path);
    path.split_once('/').map_or(path, |(folder, _)| folder)
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, others) in imports(tree, SOURCES) {
        let from = room(&file);
        if floor(from).is_none() {
            findings.push(Finding::new(&file, 1, format!("`{from}` has no floor"), PLACE_WHY));
        }
        for other in &others {
            let to = room(other);
            if from != to && floor(to) >= floor(from) {
                findings.push(Finding::new(&file, 1, format!("imports {other}"), WHY));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    fn found(text: &str) -> usize {
        let files = [
            ("lib.rs", "mod lua; mod host; mod net; mod t_loop; use net::f;"),
            ("lua/mod.rs", "pub fn f() {}"),
            ("host/mod.rs", text),
            ("net/mod.rs", "pub fn f() { crate::host::g() }"),
            ("t_loop/mod.rs", "pub fn f() {}"),
        ];
        let files = files.iter().map(|(path, text)| File::new(&format!("{SOURCES}{path}"), text));
        check(&Tree { files: files.collect() }).len()
    }

    #[test]
    fn an_import_from_below_is_allowed() {
        assert_eq!(found("use crate::lua::f;"), 0);
    }

    #[test]
    fn an_import_of_a_face_or_of_the_root_is_refused() {
        assert_eq!(found("use crate::t_loop::f;"), 1);
        assert_eq!(found("fn g() { crate::net::f() } use crate::open;"), 2);
    }
}
