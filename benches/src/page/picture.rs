//! Turns the results of a benchmark into pictures, each with a table of its values.

use super::bars;
use super::lines::{self, Axes, Line};
use super::read::{Curve, Figures, Row};
use super::scale::{Kind, short};
use super::svg::Svg;

/// The form in which results of a benchmark are drawn.
#[derive(Copy, Clone)]
pub(super) enum Layout {
    /// A panel for each workload and each of `figures`. If `figures` is empty, each figure outside of `hidden` gets a
    /// panel.
    Bars { title: &'static str, about: &'static str, figures: &'static [&'static str], hidden: &'static [&'static str] },
    /// As `Bars`, with one picture for each size.
    BarsBySize { title: &'static str, about: &'static str, figure: &'static str },
    /// A panel for each workload, with the sizes along the axis.
    Sizes { title: &'static str, about: &'static str, figure: &'static str },
    /// The curves over percentiles. Curves whose names differ only after the last comma share a picture.
    Percentiles { about: &'static str },
    /// All other curves, in one picture.
    Courses { title: &'static str, about: &'static str },
}

pub(super) struct Picture {
    pub(super) title: String,
    pub(super) about: &'static str,
    pub(super) svg: Svg,
    /// The first row is the heading.
    pub(super) table: Vec<Vec<String>>,
}

impl Picture {
    /// A name for the picture's file.
    pub(super) fn name(&self, benchmark: &str) -> String {
        let mut name = format!("{benchmark}-");
        for letter in self.title.to_lowercase().replace('µ', "u").chars() {
            match letter {
                'a'..='z' | '0'..='9' => name.push(letter),
                ',' => {}
                _ if name.ends_with('-') => {}
                _ => name.push('-'),
            }
        }
        name.trim_end_matches('-').to_owned()
    }
}

pub(super) fn of(figures: &Figures, layout: Layout) -> Vec<Picture> {
    match layout {
        Layout::Bars { title, about, figures: wanted, hidden } => {
            let is_shown = |row: &&Row| {
                let figure = row.figure.as_str();
                if wanted.is_empty() { !hidden.contains(&figure) } else { wanted.contains(&figure) }
            };
            let shown: Vec<&Row> = figures.rows.iter().filter(is_shown).collect();
            bars_of(title.to_owned(), about, &shown).into_iter().collect()
        }
        Layout::BarsBySize { title, about, figure } => by_size(figures, title, about, figure),
        Layout::Sizes { title, about, figure } => sizes(figures, title, about, figure).into_iter().collect(),
        Layout::Percentiles { about } => percentiles(figures, about),
        Layout::Courses { title, about } => courses(figures, title, about).into_iter().collect(),
    }
}

/// Groups elements with the same key, in the order of their first appearance.
fn groups<'a, T, K: PartialEq>(items: &[&'a T], key: impl Fn(&T) -> K) -> Vec<(K, Vec<&'a T>)> {
    let mut groups: Vec<(K, Vec<&T>)> = Vec::new();
    for &item in items {
        let key = key(item);
        match groups.iter_mut().find(|group| group.0 == key) {
            Some(group) => group.1.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
}

/// The number with commas between the thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

fn bars_of(title: String, about: &'static str, rows: &[&Row]) -> Option<Picture> {
    let sizes_differ = rows.iter().any(|row| row.size != rows[0].size);
    // The head does not name the figure, because `bars` writes the figure's name on the line below the head.
    let head = |row: &Row| match row.size.filter(|_| sizes_differ) {
        Some(size) => format!("{}, {}", row.workload, thousands(size)),
        None => row.workload.clone(),
    };
    let groups = groups(rows, |row| (row.workload.clone(), row.figure.clone(), row.size));
    let panel =
        |rows: &Vec<&Row>| bars::Panel { title: head(rows[0]), rows: rows.iter().map(|row| (*row).clone()).collect() };
    let panels: Vec<_> = groups.iter().map(|group| panel(&group.1)).collect();
    (!panels.is_empty()).then(|| Picture { svg: bars::draw(&title, &panels), table: bars_table(&panels), title, about })
}

fn bars_table(panels: &[bars::Panel]) -> Vec<Vec<String>> {
    let row = |head: &str, rows: [String; 4]| [vec![head.to_owned()], rows.to_vec()].concat();
    let mut table = vec![row("", ["contender", "median", "least", "most"].map(String::from))];
    for panel in panels {
        for (nth, of) in panel.rows.iter().enumerate() {
            let [median, min, max] = [of.median, of.min, of.max].map(short);
            let head = if nth == 0 { format!("{} [{}]", panel.title, of.figure) } else { String::new() };
            table.push(row(&head, [of.contender.clone(), median, min, max]));
        }
    }
    table
}

fn by_size(figures: &Figures, title: &str, about: &'static str, figure: &str) -> Vec<Picture> {
    let rows: Vec<&Row> = figures.rows.iter().filter(|row| row.figure == figure).collect();
    let pictures = groups(&rows, |row| row.size).into_iter().filter_map(|(size, rows)| {
        let title = size.map_or(title.to_owned(), |size| format!("{title}, {} timers", thousands(size)));
        bars_of(title, about, &rows)
    });
    pictures.collect()
}

fn sizes(figures: &Figures, title: &str, about: &'static str, figure: &str) -> Option<Picture> {
    let rows: Vec<&Row> = figures.rows.iter().filter(|row| row.figure == figure && row.size.is_some()).collect();
    let at = |row: &Row| row.size.unwrap_or(0) as f64;
    let line = |(contender, mut rows): (String, Vec<&Row>)| {
        rows.sort_by_key(|row| row.size);
        Line {
            contender,
            points: rows.iter().map(|row| [at(row), row.median]).collect(),
            whiskers: rows.iter().map(|row| [row.min, row.max]).collect(),
        }
    };
    let panel = |(workload, rows): (String, Vec<&Row>)| lines::Panel {
        title: workload,
        lines: groups(&rows, |row| row.contender.clone()).into_iter().map(line).collect(),
    };
    let panels: Vec<_> = groups(&rows, |row| row.workload.clone()).into_iter().map(panel).collect();
    let axes = Axes { x: (Kind::Log, "timers"), y: (Kind::Log, figure) };
    (!panels.is_empty()).then(|| Picture {
        title: title.to_owned(),
        about,
        svg: lines::draw(title, axes, &panels),
        table: lines_table(&panels, axes),
    })
}

fn lines_table(panels: &[lines::Panel], axes: Axes<'_>) -> Vec<Vec<String>> {
    let mut table = vec![["", "contender", &format!("{} → {}", axes.x.1, axes.y.1)].map(String::from).to_vec()];
    for panel in panels {
        for (nth, line) in panel.lines.iter().enumerate() {
            let points = line.points.iter().map(|point| format!("{} → {}", short(point[0]), short(point[1])));
            let head = if nth == 0 { panel.title.clone() } else { String::new() };
            table.push(vec![head, line.contender.clone(), points.collect::<Vec<_>>().join(", ")]);
        }
    }
    table
}

fn line_of(curve: &Curve) -> Line {
    Line { contender: curve.contender.clone(), points: curve.points.clone(), whiskers: Vec::new() }
}

/// Leaves out the percentiles below 25. They show little, and their small values would make the axis long.
fn without_soonest(mut line: Line) -> Line {
    line.points.retain(|point| point[0] >= 25.0);
    line
}

fn percentiles(figures: &Figures, about: &'static str) -> Vec<Picture> {
    let curves: Vec<&Curve> = figures.curves.iter().filter(|curve| curve.x == "percentile").collect();
    let split = |curve: &Curve| match curve.name.rsplit_once(", ") {
        Some((load, condition)) => (load.to_owned(), condition.to_owned()),
        None => (curve.name.clone(), curve.name.clone()),
    };
    let picture = |(title, curves): (String, Vec<&Curve>)| {
        let panel = |(title, curves): (String, Vec<&Curve>)| lines::Panel {
            title,
            lines: curves.into_iter().map(line_of).map(without_soonest).collect(),
        };
        let unit = curves.first().map_or("", |curve| curve.y.as_str()).to_owned();
        let panels: Vec<_> = groups(&curves, |curve| split(curve).1).into_iter().map(panel).collect();
        let axes = Axes { x: (Kind::Nines, "percentile of the timers"), y: (Kind::Log, &unit) };
        Picture { svg: lines::draw(&title, axes, &panels), table: percentile_table(&panels, &unit), title, about }
    };
    groups(&curves, |curve| split(curve).0).into_iter().map(picture).collect()
}

fn percentile_table(panels: &[lines::Panel], unit: &str) -> Vec<Vec<String>> {
    const SHOWN: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];
    let mut table = vec![vec![unit.to_owned(), "contender".to_owned()]];
    table[0].extend(["median", "p90", "p99", "p99.9", "most"].map(String::from));
    for panel in panels {
        for (nth, line) in panel.lines.iter().enumerate() {
            let at = |part: f64| line.points.iter().find(|point| point[0] == part).map_or(f64::NAN, |point| point[1]);
            let head = if nth == 0 { panel.title.clone() } else { String::new() };
            table.push([vec![head, line.contender.clone()], SHOWN.map(|part| short(at(part))).to_vec()].concat());
        }
    }
    table
}

fn courses(figures: &Figures, title: &str, about: &'static str) -> Option<Picture> {
    let curves: Vec<&Curve> = figures.curves.iter().filter(|curve| curve.x != "percentile").collect();
    let first = curves.first()?;
    let axes = Axes { x: (Kind::Linear, &first.x), y: (Kind::Log, &first.y) };
    let panel = |(title, curves): (String, Vec<&Curve>)| lines::Panel {
        title,
        lines: curves.into_iter().map(line_of).collect(),
    };
    let panels: Vec<_> = groups(&curves, |curve| curve.name.clone()).into_iter().map(panel).collect();
    Some(Picture {
        title: title.to_owned(),
        about,
        svg: lines::draw(title, axes, &panels),
        table: lines_table(&panels, axes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Place};
    use crate::machine::Machine;
    use crate::page::read;

    fn some() -> Figures {
        let mut document = Document::new("wheel");
        for (contender, ns) in [("cogloop", 10.0), ("heap", 30.0)] {
            for size in [1_000, 100_000] {
                document.row(Place::less("insert", contender, Some(size), "CPU time, ns"), [ns, ns * 2.0]);
            }
            document.curve(
                "1 timer, every 1 ms, idle",
                contender,
                ["percentile", "late, µs"],
                &[[50.0, ns], [99.0, 80.0]],
            );
            document.curve("churn", contender, ["operations", "bytes"], &[[0.0, ns], [1e6, 80.0]]);
        }
        read::figures(&document.json(&Machine::describe())).unwrap()
    }

    #[test]
    fn each_layout_draws_its_figures_and_has_a_table_of_them() {
        let (title, about, figure) = ("title", "", "CPU time, ns");
        for (layout, titles) in [
            (Layout::Bars { title, about, figures: &[], hidden: &[] }, &["title"][..]),
            (Layout::Bars { title, about, figures: &["none"], hidden: &[] }, &[]),
            (Layout::BarsBySize { title, about, figure }, &["title, 1,000 timers", "title, 100,000 timers"]),
            (Layout::Sizes { title, about, figure }, &["title"]),
            (Layout::Percentiles { about }, &["1 timer, every 1 ms"]),
            (Layout::Courses { title, about }, &["title"]),
        ] {
            let pictures = of(&some(), layout);
            assert_eq!(pictures.iter().map(|picture| picture.title.as_str()).collect::<Vec<_>>(), titles);
            for picture in pictures {
                let text = picture.svg.inline();
                assert!(text.contains("cogloop") && text.contains("heap") && !text.contains("NaN"), "{text}");
                assert!(picture.table.len() > 2 && picture.table.iter().all(|row| row.len() == picture.table[0].len()));
            }
        }
    }

    #[test]
    fn a_picture_has_a_name_for_a_file() {
        let name = |title: &str| {
            Picture { title: title.into(), about: "", svg: Svg::new(1.0, 1.0, ""), table: vec![] }.name("wheel")
        };
        assert_eq!(name("CPU time, 1,000 timers"), "wheel-cpu-time-1000-timers");
        assert_eq!(name("every 100 µs"), "wheel-every-100-us");
    }
}
