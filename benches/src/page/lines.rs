//! Lines: a panel for each condition, with a line for each contender, and one legend for all panels.

use super::scale::{Kind, Scale, short};
use super::svg::{Anchor, Svg};
use super::theme;

pub(super) struct Line {
    pub(super) contender: String,
    pub(super) points: Vec<[f64; 2]>,
    /// For each point the least and the greatest sample; empty if there are none.
    pub(super) whiskers: Vec<[f64; 2]>,
}

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

/// The scales and labels of both axes.
#[derive(Copy, Clone)]
pub(super) struct Axes<'a> {
    pub(super) x: (Kind, &'a str),
    pub(super) y: (Kind, &'a str),
}

const COLUMNS: usize = 3;
const PANEL: [f64; 2] = [344.0, 262.0];
const MARGIN_LEFT: f64 = 52.0;
const MARGIN_TOP: f64 = 30.0;
const MARGIN_BOTTOM: f64 = 40.0;
const GAP: f64 = 20.0;
/// The width of a panel without a neighbour.
const SINGLE_WIDTH: f64 = 720.0;
const LEGEND_SWATCH: f64 = 32.0;
const LETTER: f64 = 7.2;
const LEGEND_LINE: f64 = 20.0;

pub(super) fn draw(title: &str, axes: Axes<'_>, panels: &[Panel]) -> Svg {
    let columns = COLUMNS.min(panels.len().max(1));
    let panel_width = if columns == 1 { SINGLE_WIDTH } else { PANEL[0] };
    let width = columns as f64 * (panel_width + GAP) + GAP;
    let legend = contenders(panels);
    let letters = legend.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let item = LEGEND_SWATCH + letters as f64 * LETTER + GAP;
    let each = ((width - 2.0 * GAP) / item).floor().max(1.0) as usize;
    let legend_height = legend.len().div_ceil(each) as f64 * LEGEND_LINE + GAP;
    let lines = panels.len().div_ceil(COLUMNS) as f64;
    let mut svg = Svg::new(width, legend_height + lines * (PANEL[1] + GAP), title);
    for (nth, contender) in legend.iter().enumerate() {
        let [x, y] = [GAP + (nth % each) as f64 * item, GAP + (nth / each) as f64 * LEGEND_LINE];
        svg.path(&[[x, y], [x + 26.0, y]], theme::class(contender, nth), "");
        let class = if theme::is_ours(contender) { "strong" } else { "" };
        svg.text([x + LEGEND_SWATCH, y + 4.0], Anchor::Start, class, contender);
    }
    // All panels have the same scale, so that they can be compared.
    let all = || panels.iter().flat_map(|panel| &panel.lines);
    for (nth, panel) in panels.iter().enumerate() {
        let [column, line] = [nth % COLUMNS, nth / COLUMNS];
        let left = GAP + column as f64 * (panel_width + GAP) + MARGIN_LEFT;
        let top = legend_height + line as f64 * (PANEL[1] + GAP) + MARGIN_TOP;
        let [right, bottom] = [left + panel_width - MARGIN_LEFT - 8.0, top + PANEL[1] - MARGIN_TOP - MARGIN_BOTTOM];
        let x = Scale::of(axes.x.0, all().flat_map(|line| &line.points).map(|point| point[0]), [left, right]);
        let y = Scale::of(axes.y.0, all().flat_map(|line| &line.points).map(|point| point[1]), [bottom, top]);
        svg.text([left - MARGIN_LEFT + 4.0, top - 14.0], Anchor::Start, "head", &panel.title);
        draw_axes(&mut svg, axes, [x, y], [left, right, top, bottom]);
        // This project's lines are drawn last, on top of the others.
        let (ours, others): (Vec<&Line>, Vec<&Line>) =
            panel.lines.iter().partition(|line| theme::is_ours(&line.contender));
        for line in others.into_iter().chain(ours) {
            let place = legend.iter().position(|name| *name == line.contender).unwrap_or(0);
            draw_line(&mut svg, line, theme::class(&line.contender, place), [x, y], axes);
        }
    }
    svg
}

fn contenders(panels: &[Panel]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in panels.iter().flat_map(|panel| &panel.lines) {
        if !names.contains(&line.contender) {
            names.push(line.contender.clone());
        }
    }
    names
}

fn draw_axes(svg: &mut Svg, axes: Axes<'_>, [x, y]: [Scale; 2], [left, right, top, bottom]: [f64; 4]) {
    for (value, words) in x.marks() {
        let at = x.at(value);
        svg.line([at, top], [at, bottom], "grid");
        svg.text([at, bottom + 15.0], Anchor::Middle, "soft small", &in_unit(value, words, axes.x.1));
    }
    for (value, words) in y.marks() {
        let at = y.at(value);
        svg.line([left, at], [right, at], "grid");
        svg.text([left - 5.0, at + 4.0], Anchor::End, "soft small", &in_unit(value, words, axes.y.1));
    }
    svg.text([right, bottom + 30.0], Anchor::End, "soft small", axes.x.1);
    svg.text([left, top - 2.0], Anchor::Start, "soft small", axes.y.1);
}

/// The mark of a time axis with a convenient unit: 10 ms instead of 10k µs.
fn in_unit(value: f64, words: String, axis: &str) -> String {
    let units = [("ns", 1e0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let Some(unit) = units.iter().find(|unit| axis.ends_with(&format!(", {}", unit.0))) else { return words };
    let ns = value * unit.1;
    match units.iter().rfind(|unit| ns >= unit.1 * 0.999) {
        Some((name, size)) => format!("{} {name}", short(ns / size)),
        None => format!("{} ns", short(ns)),
    }
}

fn draw_line(svg: &mut Svg, line: &Line, class: &str, [x, y]: [Scale; 2], axes: Axes<'_>) {
    let pixels: Vec<_> = line.points.iter().map(|point| [x.at(point[0]), y.at(point[1])]).collect();
    let values = line.points.iter().map(|point| format!("{} → {}", short(point[0]), short(point[1])));
    let tip = format!("{} ({} → {})\n{}", line.contender, axes.x.1, axes.y.1, values.collect::<Vec<_>>().join("\n"));
    for (point, [least, most]) in line.points.iter().zip(&line.whiskers) {
        svg.line([x.at(point[0]), y.at(*least)], [x.at(point[0]), y.at(*most)], "whisker");
    }
    svg.path(&pixels, class, &tip);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(contender: &str, points: &[[f64; 2]]) -> Line {
        Line { contender: contender.into(), points: points.to_vec(), whiskers: Vec::new() }
    }

    #[test]
    fn every_point_is_a_number_inside_the_picture() {
        let panels = [
            Panel { title: "idle".into(), lines: vec![line("ours/uring", &[[0.0, 0.0], [50.0, 25.0], [100.0, 9e9]])] },
            Panel { title: "nothing".into(), lines: vec![line("tokio", &[])] },
        ];
        let axes = Axes { x: (Kind::Nines, "percentile"), y: (Kind::Log, "late, µs") };
        let svg = draw("late", axes, &panels).file();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let list = svg.lines().find(|line| line.starts_with("<polyline") && line.matches(',').count() >= 3).unwrap();
        let points = list.split('"').nth(1).unwrap();
        for pair in points.split(' ') {
            let (x, y) = pair.split_once(',').unwrap();
            let [x, y]: [f64; 2] = [x.parse().unwrap(), y.parse().unwrap()];
            assert!((0.0..790.0).contains(&x) && (0.0..350.0).contains(&y), "{pair}");
        }
    }

    #[test]
    fn times_are_marked_in_a_unit_that_fits() {
        for (value, axis, words) in [
            (1e5, "late, µs", "100 ms"),
            (0.1, "late, µs", "100 ns"),
            (1e3, "CPU, ns", "1 µs"),
            (1e3, "bytes", "as is"),
        ] {
            assert_eq!(in_unit(value, "as is".into(), axis), words);
        }
    }

    #[test]
    fn the_legend_has_each_contender_once() {
        let panels = [
            Panel { title: "a".into(), lines: vec![line("tokio", &[]), line("ours", &[])] },
            Panel { title: "b".into(), lines: vec![line("tokio", &[])] },
        ];
        assert_eq!(contenders(&panels), ["tokio", "ours"]);
    }
}
