//! Bars: a panel for each workload and figure, with a bar for each contender. A whisker reaches from the contender's
//! least sample to its greatest.
//!
//! ```text
//!   insert, 1,000               the panel's title
//!   cogloop   ▆▆|─| 12.1        ours in blue
//!   heap      ▆▆▆▆▆▆|──| 31     the others in grey
//!   far       ▆▆▆▆▆▆▆▆▆▆▆▆ 812  cut if it is longer than `CUT` times the median
//! ```

use super::read::Row;
use super::scale::{Kind, Scale, short};
use super::svg::{Anchor, Svg};
use super::theme;

pub(super) struct Panel {
    pub(super) title: String,
    /// One row for each contender.
    pub(super) rows: Vec<Row>,
}

const COLUMNS: usize = 3;
const PANEL_WIDTH: f64 = 350.0;
const LABELS_WIDTH: f64 = 118.0;
const VALUES_WIDTH: f64 = 52.0;
const ROW_HEIGHT: f64 = 19.0;
const HEAD_HEIGHT: f64 = 40.0;
const GAP: f64 = 22.0;

/// A bar that is longer than this many times the median of all bars is cut. Otherwise the other bars would be too small
/// to see.
const CUT: f64 = 6.0;

pub(super) fn draw(title: &str, panels: &[Panel]) -> Svg {
    let columns = COLUMNS.min(panels.len().max(1));
    let heights: Vec<f64> = panels
        .chunks(COLUMNS)
        .map(|line| {
            HEAD_HEIGHT + GAP + line.iter().map(|panel| panel.rows.len()).max().unwrap_or(0) as f64 * ROW_HEIGHT
        })
        .collect();
    let width = columns as f64 * (PANEL_WIDTH + GAP) + GAP;
    let mut svg = Svg::new(width, heights.iter().sum::<f64>() + GAP, title);
    let mut top = GAP / 2.0;
    for (line, height) in panels.chunks(COLUMNS).zip(heights) {
        for (column, panel) in line.iter().enumerate() {
            draw_panel(&mut svg, panel, [GAP + column as f64 * (PANEL_WIDTH + GAP), top]);
        }
        top += height;
    }
    svg
}

/// The value at which bars are cut. This project's bar is never cut.
fn limit(rows: &[Row]) -> f64 {
    let mut medians: Vec<f64> = rows.iter().map(|row| row.median).collect();
    medians.sort_unstable_by(f64::total_cmp);
    let middle = medians.get(medians.len() / 2).copied().unwrap_or(1.0);
    let ours = rows.iter().filter(|row| theme::is_ours(&row.contender)).map(|row| row.median);
    let at_most = (middle * CUT).max(ours.fold(0.0, f64::max));
    if at_most > 0.0 { at_most } else { f64::INFINITY }
}

fn draw_panel(svg: &mut Svg, panel: &Panel, [left, top]: [f64; 2]) {
    let limit = limit(&panel.rows);
    let [from, to] = [left + LABELS_WIDTH, left + PANEL_WIDTH - VALUES_WIDTH];
    let shown = panel.rows.iter().map(|row| row.median.min(limit));
    let scale = Scale::of(Kind::Linear, shown, [from, to]);
    svg.text([left, top + 16.0], Anchor::Start, "head", &panel.title);
    let better = if panel.rows.iter().any(|row| row.more_is_better) { "more is better" } else { "less is better" };
    let figure = panel.rows.first().map_or("", |row| row.figure.as_str());
    svg.text([left, top + 31.0], Anchor::Start, "soft small", &format!("{figure} · {better}"));
    for (nth, row) in panel.rows.iter().enumerate() {
        let y = top + HEAD_HEIGHT + nth as f64 * ROW_HEIGHT;
        let middle = y + ROW_HEIGHT / 2.0 - 1.0;
        let class = if theme::is_ours(&row.contender) { "ours" } else { "" };
        let label = if class.is_empty() { "" } else { "strong" };
        let tip = format!(
            "{}: {} ({} to {}), {}",
            row.contender,
            short(row.median),
            short(row.min),
            short(row.max),
            row.figure
        );
        svg.text([from - 6.0, middle + 4.0], Anchor::End, label, &row.contender);
        svg.rect([from, y + 1.0, scale.at(row.median) - from, ROW_HEIGHT - 5.0], &format!("bar {class}"), &tip);
        let mut end = scale.at(row.median);
        if row.median > limit {
            svg.text([end - 4.0, middle + 4.0], Anchor::End, "small", "⋯");
        } else if row.max > row.min {
            end = scale.at(row.max);
            svg.line([scale.at(row.min), middle], [end, middle], "whisker");
            for at in [scale.at(row.min), end] {
                svg.line([at, middle - 3.0], [at, middle + 3.0], "whisker");
            }
        }
        svg.text([end.max(scale.at(row.median)) + 5.0, middle + 4.0], Anchor::Start, label, &short(row.median));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(contender: &str, median: f64) -> Row {
        Row {
            workload: "insert".into(),
            contender: contender.into(),
            size: None,
            figure: "ns".into(),
            more_is_better: false,
            median,
            min: median * 0.9,
            max: median * 1.2,
        }
    }

    #[test]
    fn a_bar_far_longer_than_the_others_is_cut_except_ours() {
        let rows = [row("cogloop", 1.0), row("heap", 2.0), row("far", 500.0)];
        assert_eq!(limit(&rows), 12.0);
        let rows = [row("cogloop", 900.0), row("heap", 2.0), row("far", 5.0)];
        assert_eq!(limit(&rows), 900.0);
        assert_eq!(limit(&[row("cogloop", 0.0)]), f64::INFINITY);
    }

    #[test]
    fn a_picture_has_every_contender_and_no_nan() {
        let panels = [
            Panel { title: "a & b".into(), rows: vec![row("cogloop", 0.0), row("heap", 3.0)] },
            Panel { title: "empty".into(), rows: Vec::new() },
        ];
        let text = draw("bars", &panels).file();
        assert!(text.contains("cogloop") && text.contains("heap") && text.contains("a &amp; b"));
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
