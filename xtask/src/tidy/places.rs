//! Checks that the files contain no path of the author's machine.

use std::path::Path;

use super::finding::Finding;
use super::tree::File;

const WHY: &str = "a path of one machine does not exist on another; compute it, or write it relative to the root";

/// Folders that exist only on one person's machine.
const PRIVATE: &[&str] = &["/home/", "/Users/"];

/// Folders of the machine on which the check runs: the project's folder, the folder around it, and the user's home.
pub(super) fn of_this_machine(root: &Path) -> Vec<String> {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let candidates = [Some(root.to_path_buf()), root.parent().map(Path::to_path_buf), home];
    let temporary = std::env::temp_dir();
    // If the clone is below /tmp, other mentions of /tmp are still allowed.
    let private = candidates.into_iter().flatten().filter(|path| path.parent().is_some() && *path != temporary);
    let own = private.map(|path| format!("{}/", path.display()));
    own.chain(PRIVATE.iter().map(|path| path.to_string())).collect()
}

pub(super) fn check(file: &File, places: &[String]) -> Vec<Finding> {
    // This file itself contains such folders.
    if file.path == "xtask/src/tidy/places.rs" {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let place = places.iter().find(|place| mentions(line, place))?;
            Some(Finding::new(&file.path, index + 1, format!("`{place}`"), WHY))
        })
        .collect()
}

/// Whether the line contains an absolute path that starts with `place`. So `engine/src/` does not contain `/src/`.
fn mentions(line: &str, place: &str) -> bool {
    let starts_a_path = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*}~)".contains(c));
    line.match_indices(place).any(|(at, _)| starts_a_path(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_are_found() {
        let places = of_this_machine(Path::new("/src/cogloop"));
        for (line, found) in [
            ("cd /src/cogloop/engine", true),
            ("see '/src/other/file'", true),
            ("/home/me/notes", true),
            ("engine/src/lib.rs", false),
            ("https://example.org/src/lib", false),
            ("/usr/share/doc", false),
        ] {
            assert_eq!(!check(&File::new("a.md", line), &places).is_empty(), found, "{line}");
        }
    }

    #[test]
    fn a_clone_below_the_temporary_folder_does_not_forbid_that_folder() {
        let temporary = std::env::temp_dir();
        let places = of_this_machine(&temporary.join("clone"));
        assert!(places.contains(&format!("{}/", temporary.join("clone").display())));
        assert!(!places.contains(&format!("{}/", temporary.display())));
    }
}
