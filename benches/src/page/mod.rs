//! `report DIR`: a page that draws the results of the benchmarks.
//!
//! ```text
//!   DIR/NAME.json ─► read ─► picture: which panels ─► bars, lines ─► scale, svg, theme
//!                     │              └─► sections: the page's text ──► DIR/index.html
//!                     └─► verdict: ours beside the best peer, as ratios ──► and DIR/verdict.md
//! ```
//!
//! The page is a single file that contains its pictures and fetches nothing. It is legible with light and dark colours.
//! Under each picture is a table of its values.

mod bars;
mod lines;
mod picture;
mod read;
mod scale;
mod sections;
mod svg;
mod theme;
mod verdict;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use picture::Picture;
use read::Figures;
use sections::{SECTIONS, Section};
use svg::escaped;

/// Draws the page of all results in `folder`. If `pictures` is given, also writes each picture to a file in that
/// folder. If the folder already contains pictures, only these are drawn again. So the documentation keeps its
/// selection of pictures.
pub(crate) fn write(folder: &Path, pictures: Option<&Path>) -> Result<(), String> {
    let mut found = Vec::new();
    for section in SECTIONS {
        let path = folder.join(format!("{}.json", section.name));
        if path.is_file() {
            let figures = read::read(&path)?;
            let drawn: Vec<_> = section.layouts.iter().flat_map(|&layout| picture::of(&figures, layout)).collect();
            found.push((section, figures, drawn));
        }
    }
    if found.is_empty() {
        return Err(format!("there are no figures in {}: run a benchmark with --json first", folder.display()));
    }
    let page = folder.join("index.html");
    let verdicts: Vec<_> = found.iter().map(|(section, figures, _)| (section.name, verdict::of(figures))).collect();
    save(&page, &html(&found, &verdicts))?;
    save(&folder.join("verdict.md"), &verdict::markdown(&verdict::summary(&verdicts)))?;
    println!("{} draws {}", page.display(), found.iter().map(|part| part.0.name).collect::<Vec<_>>().join(", "));
    let Some(folder) = pictures else { return Ok(()) };
    let has_some =
        fs::read_dir(folder).is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| is_picture(&file.path()))));
    for (section, _, drawn) in &found {
        for picture in drawn {
            let path = folder.join(format!("{}.svg", picture.name(section.name)));
            if !has_some || path.is_file() {
                save(&path, &picture.svg.file())?;
                println!("{}", path.display());
            }
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "svg")
}

fn save(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let saved = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    saved.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

const STYLE: &str = "
*{box-sizing:border-box} html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px 24px 64px} h1{font-size:30px;margin:16px 0 4px}
h2{font-size:22px;margin:56px 0 6px;padding-top:16px;border-top:1px solid var(--rule)} h3{font-size:16px;margin:28px 0 2px}
p{max-width:76ch;margin:6px 0} .soft{color:var(--soft);font-size:14px} nav a{margin-right:14px} a{color:var(--ours)}
figure{margin:8px 0 4px;overflow-x:auto} figure svg{display:block;max-width:100%;height:auto}
details{font-size:13px;color:var(--soft)} summary{cursor:pointer} table{border-collapse:collapse;margin:8px 0;font-variant-numeric:tabular-nums}
td,th{padding:2px 10px;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
td:first-child,td:nth-child(2),th:first-child,th:nth-child(2){text-align:left}
.wide,details{overflow-x:auto} .wide td,.wide th{white-space:normal;text-align:left;vertical-align:top}
";

fn html(found: &[(&Section, Figures, Vec<Picture>)], verdicts: &[(&str, Vec<verdict::Comparison>)]) -> String {
    let mut body = String::new();
    let links = found.iter().map(|(section, ..)| format!("<a href=\"#{0}\">{0}</a>", section.name));
    _ = writeln!(body, "<nav>{}</nav>", links.collect::<Vec<_>>().join(""));
    _ = writeln!(
        body,
        "<h2 id=\"verdict\">The verdict</h2>\n<p>What ours takes, divided by what the best of its peers takes: 0.5 is \
         half, 1 is level (within 5 %). For a rate the division is the other way round. Ours is the form that a \
         program gets by default. Bare system calls are no peers.</p>\n<div class=\"wide\">{}</div>\n\
         <details><summary>Every figure</summary>{}</details>",
        table(&verdict::summary(verdicts)),
        table(&verdict::all(verdicts))
    );
    for (section, figures, pictures) in found {
        write_section(&mut body, section, figures, pictures);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Cogloop: benchmarks</title>\n\
         <style>{}{STYLE}</style></head>\n<body><main>\n<h1>Cogloop: benchmarks</h1>\n\
         <p>Cogloop is blue. Each picture shows the figures of one run, in which all contenders took turns; the table \
         below it has the figures.</p>\n{body}</main></body></html>\n",
        theme::css()
    )
}

fn write_section(body: &mut String, section: &Section, figures: &Figures, pictures: &[Picture]) {
    _ = writeln!(
        body,
        "<h2 id=\"{}\">{}</h2>\n<p>{}</p>",
        section.name,
        escaped(section.title),
        escaped(section.about)
    );
    for said in [&figures.machine, &figures.noise].into_iter().filter(|said| !said.is_empty()) {
        _ = writeln!(body, "<p class=\"soft\">{}</p>", escaped(said));
    }
    _ = writeln!(body, "<p class=\"soft\"><code>cargo xtask bench {}</code></p>", escaped(&figures.benchmark));
    for picture in pictures {
        _ = writeln!(body, "<h3>{}</h3>", escaped(&picture.title));
        if !picture.about.is_empty() {
            _ = writeln!(body, "<p class=\"soft\">{}</p>", escaped(picture.about));
        }
        _ = writeln!(body, "<figure>\n{}</figure>", picture.svg.inline());
        _ = writeln!(body, "<details><summary>The figures</summary>{}</details>", table(&picture.table));
    }
    for note in &figures.notes {
        _ = writeln!(body, "<p class=\"soft\">{}</p>", escaped(note));
    }
}

fn table(rows: &[Vec<String>]) -> String {
    let mut html = String::from("<table>");
    for (nth, row) in rows.iter().enumerate() {
        let tag = if nth == 0 { "th" } else { "td" };
        let cells = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        _ = writeln!(html, "<tr>{}</tr>", cells.collect::<String>());
    }
    html.push_str("</table>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Place};
    use crate::machine::Machine;

    #[test]
    fn a_page_contains_its_pictures_and_they_can_be_files_as_well() {
        let folder = std::env::temp_dir().join(format!("cogloop-page-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(write(&folder, None).unwrap_err().contains("--json"));
        let mut document = Document::new("rust");
        document.row(Place::less("insert <b>", "cogloop", None, "ns"), [1.0, 2.0]);
        document.note("a & b".to_owned());
        let json = document.json(&Machine::describe());
        fs::write(folder.join("rust.json"), json.to_string()).unwrap();
        let pictures = folder.join("images");
        write(&folder, Some(&pictures)).unwrap();
        let page = fs::read_to_string(folder.join("index.html")).unwrap();
        assert!(page.contains("<svg") && page.contains("insert &lt;b&gt;") && page.contains("a &amp; b"));
        assert!(
            page.contains("The verdict") && fs::read_to_string(folder.join("verdict.md")).unwrap().contains("| --- |")
        );
        assert!(!page.contains("<b>") && !page.contains("NaN"));
        let fetches = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!fetches.contains("http") && !fetches.contains("src="), "the page fetches");
        assert_eq!(fs::read_dir(&pictures).unwrap().count(), 1);
        let only = fs::read_dir(&pictures).unwrap().next().unwrap().unwrap().path();
        fs::rename(&only, pictures.join("another.svg")).unwrap();
        write(&folder, Some(&pictures)).unwrap();
        assert!(!only.exists(), "a picture was added beside another");
        fs::remove_dir_all(&folder).unwrap();
    }
}
