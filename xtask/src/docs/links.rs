//! Checks the links of the book: the target of each link must be an existing file. If the link names an anchor, the
//! file must have that anchor.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A page of the book: its anchors, and the targets of its links.
struct Page {
    places: BTreeSet<String>,
    targets: BTreeSet<String>,
}

/// Checks the links of the pages in a folder. Pages in subfolders count only as targets. Returns the number of checked
/// pages.
pub(super) fn check(book: &Path) -> Result<usize, String> {
    let pages = read(book)?;
    let mut dead = Vec::new();
    for (name, page) in &pages {
        for target in &page.targets {
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { name } else { file };
            let is_place = |page: &Page| place.is_empty() || page.places.contains(place);
            let lives = match pages.get(file) {
                Some(page) => is_place(page),
                None => book.join(file).is_file(),
            };
            if !lives {
                dead.push(format!("{name}: {target}"));
            }
        }
    }
    if dead.is_empty() { Ok(pages.len()) } else { Err(format!("{} dead links:\n{}", dead.len(), dead.join("\n"))) }
}

/// The names of the pages in a folder.
pub(super) fn pages(book: &Path) -> Result<Vec<String>, String> {
    Ok(read(book)?.into_keys().collect())
}

fn read(book: &Path) -> Result<BTreeMap<String, Page>, String> {
    let said = |error: std::io::Error| format!("cannot read {}: {error}", book.display());
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(book).map_err(said)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Two pages are left out. `404.html` has links from the root of a server, and `toc.html` is a frame.
        if name.ends_with(".html") && !["404.html", "toc.html"].contains(&name.as_str()) {
            pages.insert(name, page(&fs::read_to_string(entry.path()).map_err(said)?));
        }
    }
    Ok(pages)
}

fn page(html: &str) -> Page {
    let local = |target: &&str| !target.contains(":") && !target.is_empty();
    let targets = values(html, "href").chain(values(html, "src")).filter(local).map(str::to_owned).collect();
    Page { places: values(html, "id").map(str::to_owned).collect(), targets }
}

/// The values of an attribute.
fn values<'a>(html: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {attribute}=\"");
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(start.as_str())?;
        let (value, behind) = after.split_once('"')?;
        rest = behind;
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_place_that_do_not_exist_are_dead() {
        let folder = std::env::temp_dir().join(format!("xtask-links-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.css"), "").unwrap();
        let save = |text: &str| fs::write(folder.join("a.html"), text).unwrap();
        fs::write(folder.join("b.html"), "<h2 id=\"here\">x</h2>").unwrap();
        let live = "<link href=\"a.css\"><a href=\"b.html#here\">x</a> <a href=\"https://x.y/z\">x</a>";
        save(live);
        assert_eq!(check(&folder), Ok(2));
        save(&format!("{live}<a href=\"b.html#there\">x</a><img src=\"p.svg\"><a href=\"#nowhere\">x</a>"));
        let message = check(&folder).unwrap_err();
        assert!(message.starts_with("3 dead links") && message.contains("a.html: b.html#there"), "{message}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
