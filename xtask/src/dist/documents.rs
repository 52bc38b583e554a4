//! The documents that go with the Lua modules.

use std::path::Path;

use super::release::Release;
use super::{licences, pack};

/// Documents in the root of the tree.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Copies the pages of the book with their pictures, the licences and the [`DOCUMENTS`].
pub(super) fn copy(release: &Release, folder: &Path) -> Result<(), String> {
    pack::copy_all(&release.source("docs"), folder, |file| {
        file.extension().is_some_and(|extension| extension == "md" || extension == "svg")
    })?;
    pack::copy(&licences::path(release), &folder.join(licences::NAME))?;
    DOCUMENTS.iter().try_for_each(|name| pack::copy(&release.source(name), &folder.join(name)))
}
