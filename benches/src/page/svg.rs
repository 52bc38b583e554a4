//! Writes pictures as SVG text. Escapes texts and shortens numbers.

use std::fmt::Write;

use super::theme;

/// A picture to which elements are added.
pub(super) struct Svg {
    width: f64,
    height: f64,
    title: String,
    body: String,
}

/// The position of a text relative to its point.
#[derive(Copy, Clone)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.to_owned(), body: String::new() }
    }

    pub(super) fn rect(&mut self, [x, y, width, height]: [f64; 4], class: &str, tip: &str) {
        let tip = tip_of(tip);
        _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}" class="{class}">{tip}</rect>"#,
            width.max(0.0),
            height.max(0.0),
        );
    }

    pub(super) fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], class: &str) {
        _ = writeln!(self.body, r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#);
    }

    pub(super) fn path(&mut self, points: &[[f64; 2]], class: &str, tip: &str) {
        let words: Vec<_> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let tip = tip_of(tip);
        _ = writeln!(self.body, r#"<polyline points="{}" class="{class}">{tip}</polyline>"#, words.join(" "));
    }

    pub(super) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        _ = writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#);
    }

    /// The picture for a page that has the style sheet.
    pub(super) fn inline(&self) -> String {
        self.with_head("")
    }

    /// The picture for a file of its own. It has no tooltips, because a page does not show the tooltips of an embedded
    /// picture.
    pub(super) fn file(&self) -> String {
        let tips = self.body.split("<title>").map(|part| part.split_once("</title>").map_or(part, |(_, after)| after));
        let bare = Self { body: tips.collect(), title: self.title.clone(), ..*self };
        bare.with_head(&format!(
            "<style>{}</style>\n<rect width=\"100%\" height=\"100%\" class=\"paper\"/>\n",
            theme::css()
        ))
    }

    fn with_head(&self, head: &str) -> String {
        let Self { width, height, title, body } = self;
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">\n{head}{body}</svg>\n"
        )
    }
}

fn tip_of(tip: &str) -> String {
    if tip.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(tip)) }
}

/// Escapes text for HTML and SVG.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_everywhere() {
        let mut svg = Svg::new(10.0, 10.0, "a \"title\" & more");
        svg.text([1.0, 1.0], Anchor::Start, "label", "<script>");
        svg.rect([0.0, 0.0, -1.0, 2.0], "bar", "1 < 2");
        let text = svg.inline();
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;") && text.contains("1 &lt; 2"), "{text}");
        assert!(text.contains("a &quot;title&quot; &amp; more"));
        assert!(text.contains("width=\"0.0\""), "no negative width");
    }

    #[test]
    fn a_file_contains_its_style() {
        let svg = Svg::new(10.0, 10.0, "x");
        assert!(svg.file().contains("prefers-color-scheme: dark") && !svg.inline().contains("<style>"));
        let mut svg = Svg::new(10.0, 10.0, "x");
        svg.rect([0.0, 0.0, 1.0, 2.0], "bar", "a tip");
        assert!(svg.inline().contains("a tip") && !svg.file().contains("tip") && svg.file().contains("</rect>"));
    }
}
