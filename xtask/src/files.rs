//! Files that several steps build and use at the same time.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::project::Project;

/// Makes other processes that call this wait until the returned value is dropped. So one process at a time builds and
/// copies. This is necessary because cargo writes the builds of all Luas to the same place.
pub(crate) fn lock(project: &Project, name: &str) -> Result<File, String> {
    let path = project.target.join(format!("{name}.lock"));
    let open = || {
        fs::create_dir_all(&project.target)?;
        let file = File::create(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(|error: io::Error| format!("cannot lock {}: {error}", path.display()))
}

/// Copies a file to a name beside `to` and then renames it. A program that has mapped or opened the old file keeps the
/// old file.
pub(crate) fn place(from: &Path, to: &Path) -> io::Result<()> {
    let mut fresh = to.as_os_str().to_owned();
    fresh.push(OsString::from(format!(".new-{}", std::process::id())));
    fs::copy(from, &fresh)?;
    fs::rename(&fresh, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_program_that_has_opened_the_old_file_keeps_it() {
        let folder = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::write(&to, "old").unwrap();
        fs::write(&from, "new").unwrap();
        let mut reader = File::open(&to).unwrap();
        place(&from, &to).unwrap();
        let mut old = String::new();
        reader.read_to_string(&mut old).unwrap();
        assert_eq!((old.as_str(), fs::read_to_string(&to).unwrap().as_str()), ("old", "new"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "no other file is left");
        fs::remove_dir_all(&folder).unwrap();
    }
}
