//! Finds the Debian packages that a file needs. The file is a program or a library. `objdump` prints the libraries that
//! the file needs, and each version of the C library that it needs. The newest of these versions counts.

use std::collections::BTreeSet;
use std::path::Path;

use super::release::Release;
use crate::process;

#[derive(Default, Debug, PartialEq)]
pub(super) struct Needs {
    libraries: BTreeSet<String>,
    /// The newest required version of the C library, such as 2.34.
    c: (u32, u32),
}

/// The union of the needs of the files.
pub(super) fn of(release: &Release, files: &[&Path]) -> Result<Needs, String> {
    let mut needs = Needs::default();
    for file in files {
        needs.read(&process::capture(release.program("objdump").arg("-p").arg(file))?);
    }
    match needs.libraries.iter().find(|library| package(library).is_none()) {
        Some(unknown) => Err(format!("it is not known which package of Debian's has {unknown}")),
        None => Ok(needs),
    }
}

impl Needs {
    /// Reads the lines `NEEDED libc.so.6` and `0x0d696914 0x00 03 GLIBC_2.34`.
    fn read(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            if let ["NEEDED", library] = words[..] {
                self.libraries.insert(library.to_owned());
            }
            let version = words.last().and_then(|word| word.strip_prefix("GLIBC_")?.split_once('.'));
            if let Some((major, minor)) = version
                && let (Ok(major), Ok(minor)) = (major.parse(), minor.split('.').next().unwrap_or_default().parse())
            {
                self.c = self.c.max((major, minor));
            }
        }
    }

    /// The line `Depends`.
    pub(super) fn depends(&self) -> String {
        let packages: BTreeSet<_> = self.libraries.iter().filter_map(|library| package(library)).collect();
        let words = packages.into_iter().map(|package| match package {
            "libc6" => format!("libc6 (>= {}.{})", self.c.0, self.c.1),
            other => other.to_owned(),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

fn package(library: &str) -> Option<&'static str> {
    let name = library.split(".so").next().unwrap_or_default();
    match name {
        "libc" | "libm" | "libdl" | "libpthread" | "librt" | "ld-linux-x86-64" | "ld-linux-aarch64" => Some("libc6"),
        "libgcc_s" => Some("libgcc-s1"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_the_c_library_counts() {
        let mut needs = Needs::default();
        needs.read(
            "  NEEDED               libgcc_s.so.1\n  NEEDED               libc.so.6\n\
             0x09691a75 0x00 05 GLIBC_2.2.5\n    0x069691b4 0x00 04 GLIBC_2.34\n    0x06969189 0x00 03 GLIBC_2.9\n",
        );
        assert_eq!(needs.depends(), "libc6 (>= 2.34), libgcc-s1");
    }
}
