//! The text files of the project, read once.

use std::path::Path;

/// Folders with files that are generated or are not sources.
const SKIPPED: &[&str] = &["target", ".git"];

pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        collect(root, "", &mut files).map_err(|error| format!("cannot read the source tree: {error}"))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is such a file, or a folder that contains files.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.iter().any(|file| match file.path.strip_prefix(path) {
                Some(rest) => rest.is_empty() || rest.starts_with('/'),
                None => false,
            })
    }

    /// Whether the path of any file ends with these components.
    pub(super) fn has_somewhere(&self, tail: &str) -> bool {
        self.files.iter().any(|file| match file.path.strip_suffix(tail) {
            Some(rest) => rest.is_empty() || rest.ends_with('/'),
            None => false,
        })
    }
}

impl File {
    #[cfg(test)]
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    pub(super) fn has_extension(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, last)| last == extension)
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name.as_ref()) {
                collect(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if let Ok(text) = String::from_utf8(std::fs::read(entry.path())?) {
            files.push(File { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_whole_components_only() {
        let tree = Tree { files: vec![File::new("io/src/epoll.rs", "")] };
        for (path, expected) in [("io", true), ("io/src/", true), ("io/src/epoll.rs", true), ("io/s", false)] {
            assert_eq!(tree.has(path), expected, "{path}");
        }
        for (tail, expected) in [("epoll.rs", true), ("src/epoll.rs", true), ("poll.rs", false)] {
            assert_eq!(tree.has_somewhere(tail), expected, "{tail}");
        }
    }
}
