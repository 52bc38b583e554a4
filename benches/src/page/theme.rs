//! The colours and lines of the pictures. The colours are those of Okabe and Ito, which people with any colour vision
//! can distinguish, on light and on dark backgrounds. This project's contenders are always blue. In line charts,
//! contenders of one colour differ in their dash patterns or in the width of their lines.
//!
//! Source: M. Okabe, K. Ito, "Color Universal Design", 2008.

use std::fmt::Write;

/// Contenders by the beginning of their names, with the class of their lines and bars. The first match counts.
const CLASSES: [(&str, &str); 36] = [
    ("cogloop, clock", "ours two"),
    ("cogloop, ticks", "ours six"),
    ("cogloop, io_uring", "ours three"),
    ("cogloop", "ours"),
    ("ours/uring", "ours"),
    ("ours/epoll", "ours two"),
    ("ours/select", "ours three"),
    ("ours/portable", "ours four"),
    ("ours, 1 ms", "ours six"),
    ("ours", "ours five"),
    ("t.Loop", "ours two"),
    ("t_loop", "ours two"),
    ("libcogloop", "ours"),
    ("luamockit", "ours two"),
    ("clock_nanosleep", "bare"),
    ("bare", "bare"),
    ("nothing", "bare"),
    ("timerfd", "amber"),
    ("tokio", "red"),
    ("calloop", "green"),
    ("libuv", "pink"),
    ("libev", "green"),
    ("luv", "pink"),
    ("async-io", "amber"),
    ("mio", "amber"),
    ("polling", "pink two"),
    ("btreemap", "amber"),
    ("lazy-heap", "green"),
    ("delay-queue", "red"),
    ("hhwt-plain", "sand"),
    ("hhwt", "sand two"),
    ("slab-wheel-strict", "red two"),
    ("slab-wheel", "green two"),
    ("bitwheel", "amber two"),
    ("glommio", "pink two"),
    ("heap", "green"),
];

/// The class of a contender that is not in the list, by its position.
const OTHERS: [&str; 5] = ["sand", "amber two", "green two", "red two", "pink two"];

pub(super) fn class(contender: &str, place: usize) -> &'static str {
    let known = CLASSES.iter().find(|(start, _)| contender.starts_with(start));
    known.map_or(OTHERS[place % OTHERS.len()], |(_, class)| class)
}

pub(super) fn is_ours(contender: &str) -> bool {
    class(contender, 0).starts_with("ours")
}

/// Whether a contender is a bare system call, or the store `nothing`.
pub(super) fn is_bare(contender: &str) -> bool {
    class(contender, 0).starts_with("bare")
}

const LIGHT: &str = "--paper:#ffffff;--ink:#1f2328;--soft:#59636e;--rule:#d8dee4;--ours:#0072b2;--ours2:#2f9fdc;--peer:#a8b0b9;\
--bare:#1f2328;--amber:#b77900;--red:#d55e00;--green:#009e73;--pink:#b8578f;--sand:#7a6a4f";
const DARK: &str = "--paper:#0d1117;--ink:#e6edf3;--soft:#9198a1;--rule:#30363d;--ours:#56b4e9;--ours2:#9bd4f5;--peer:#5a6470;\
--bare:#e6edf3;--amber:#e69f00;--red:#ff8a3d;--green:#2bc49a;--pink:#e08fc0;--sand:#c2ad86";

const RULES: &str = "
svg{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
.paper{fill:var(--paper)} text{fill:var(--ink);font-size:12px} .soft{fill:var(--soft)} .small{font-size:11px}
.head{font-weight:600;font-size:13px} .strong{font-weight:600}
.grid{stroke:var(--rule);stroke-width:1} .whisker{stroke:var(--ink);stroke-width:1.2;opacity:.75}
rect.bar{fill:var(--peer)} rect.bar.ours{fill:var(--ours)}
polyline{fill:none;stroke-width:1.7;stroke-linejoin:round} polyline.ours{stroke:var(--ours);stroke-width:2.8}
polyline.two{stroke-dasharray:7 3} polyline.three{stroke-dasharray:2 3} polyline.four{stroke-dasharray:9 3 2 3}
polyline.six{stroke-dasharray:14 4}
polyline.ours.two,polyline.ours.three,polyline.ours.four,polyline.ours.five,polyline.ours.six{stroke-width:1.7}
polyline.ours.three,polyline.ours.five{stroke:var(--ours2)}
polyline.bare{stroke:var(--bare);stroke-dasharray:3 3} polyline.amber{stroke:var(--amber)}
polyline.red{stroke:var(--red)} polyline.green{stroke:var(--green)} polyline.pink{stroke:var(--pink)}
polyline.sand{stroke:var(--sand)}
";

/// The style sheet for pictures, in a page or in files.
pub(super) fn css() -> String {
    let rules = with_plain_colours();
    format!(":root{{color-scheme:light dark;{LIGHT}}}\n@media (prefers-color-scheme: dark){{:root{{{DARK}}}}}{rules}")
}

/// The rules, with the light colour before each variable: `fill:#fff;fill:var(--paper)`. A viewer without variables,
/// such as librsvg or Inkscape, keeps the first colour. Without that colour it would draw in black.
fn with_plain_colours() -> String {
    let mut rules = String::new();
    let mut rest = RULES;
    while let Some((before, after)) = rest.split_once(":var(--") {
        let start = before.rfind(['{', ';']).map_or(0, |at| at + 1);
        let (name, after) = after.split_once(')').unwrap_or((after, ""));
        let property = &before[start..];
        _ = write!(rules, "{before}:{};{property}:var(--{name})", light(name));
        rest = after;
    }
    rules + rest
}

/// The colour of a variable on light paper.
fn light(variable: &str) -> &'static str {
    let found = LIGHT.split(';').filter_map(|part| part.trim_start_matches('-').split_once(':'));
    found.filter(|(name, _)| *name == variable).map(|(_, colour)| colour).next().unwrap_or("#1f2328")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cogloop_is_blue_and_every_contender_has_a_class() {
        for name in ["cogloop", "ours, spinning", "ours/epoll", "libcogloop", "luamockit"] {
            assert!(is_ours(name), "{name}");
        }
        assert!(!is_ours("tokio") && !is_ours("someone new"));
        assert_eq!(class("someone new", 7), OTHERS[2]);
        for (_, class) in CLASSES {
            let colour = class.split(' ').next().unwrap();
            assert!(RULES.contains(&format!("polyline.{colour}{{")), "{colour}");
        }
    }

    #[test]
    fn each_variable_has_a_plain_colour_before_it() {
        let css = css();
        assert!(css.contains(".paper{fill:#ffffff;fill:var(--paper)}"), "{css}");
        for (at, _) in css.match_indices(":var(--") {
            let property = css[..at].rsplit(['{', ';']).next().unwrap();
            let before = &css[..at - property.len()];
            let plain = before.rsplit(['{', ';']).nth(1).unwrap();
            assert!(plain.starts_with(&format!("{property}:#")), "{plain} before {}", &css[at..at + 20]);
        }
    }

    #[test]
    fn the_pictures_of_the_book_have_this_style() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images");
        let pictures: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        let drawn = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        let charts = pictures.iter().filter(|path| drawn(path).contains("--peer:"));
        for path in charts {
            assert!(
                drawn(path).contains(&css()),
                "{}: `cargo xtask bench report --pictures` draws it again",
                path.display()
            );
        }
    }

    #[test]
    fn both_papers_have_all_colours() {
        let names = |theme: &str| {
            theme.split(';').map(|part| part.split(':').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(LIGHT), names(DARK));
    }
}
