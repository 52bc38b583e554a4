//! The step `browser`: shows the book in headless Chromium, in the width of a phone and in both themes. `check.html`
//! does the work in the browser. It checks that no page is wider than the phone, and that each text and each picture
//! contrasts with its background. The step also draws each picture with librsvg, which does not support CSS variables.

use std::fs;
use std::time::Duration;

use super::{build, links};
use crate::process;
use crate::project::Project;
use crate::test::apt_install;

/// Programs that the step needs, and their Debian packages.
const PROGRAMS: [(&str, &str); 2] = [("chromium", "chromium"), ("rsvg-convert", "librsvg2-bin")];

const CHECK: &str = include_str!("check.html");

/// The time limit. Usually the step takes ten seconds.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn run(project: &Project) -> Result<String, String> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !process::exists(program)).map(|it| it.1).collect();
    if !missing.is_empty() {
        apt_install(project, &missing)?;
    }
    build(project)?;
    let book = project.target.join("book");
    let said = |error: std::io::Error| format!("cannot show the book in {}: {error}", book.display());
    // librsvg draws the pictures. The browser checks the drawn pictures, too.
    let pictures = draw(project)?;
    let pages = serde_json::json!(links::pages(&book)?).to_string();
    let drawn = serde_json::json!(pictures).to_string();
    let page = book.join("check.html");
    fs::write(&page, CHECK.replace("/* PAGES */", &pages).replace("/* DRAWN */", &drawn)).map_err(said)?;
    let mut chromium = project.program("chromium");
    // `check.html` shows other files in frames, so it needs access to files. Chromium runs without its sandbox, because
    // containers refuse the sandbox's system calls, and because the pages are our own.
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]);
    chromium.args(["--virtual-time-budget=120000", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", project.target.join("chromium").display()));
    let (lines, verdict) = process::watch(chromium.arg(format!("file://{}", page.display())), LIMIT);
    verdict?;
    let dom = lines.join("\n");
    let done = between(&dom, "<p id=\"state\">", "</p>").unwrap_or("there is no page");
    let faults: Vec<_> =
        dom.split("<li>").skip(1).filter_map(|part| part.split_once("</li>")).map(|part| part.0).collect();
    match done.strip_prefix("done: ") {
        None => Err(format!("the browser has not come to the end: {done}")),
        Some(what) if faults.is_empty() => Ok(what.to_owned()),
        Some(_) => Err(format!("{} faults in the browser:\n{}", faults.len(), faults.join("\n"))),
    }
}

/// Draws each picture of the book with librsvg. Returns their names.
fn draw(project: &Project) -> Result<Vec<String>, String> {
    let folder = project.target.join("book/images");
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "svg") {
            let drawn = path.with_extension("svg.png");
            process::run(project.program("rsvg-convert").arg("--output").arg(&drawn).arg(&path))?;
            names.extend(drawn.file_name().map(|name| format!("images/{}", name.display())));
        }
    }
    Ok(names)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}
