//! The progress of a benchmark.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar with a message, the time so far and the time left.
pub(crate) fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed} {bar:40} {percent:>3} %, {eta} left: {msg}");
    ProgressBar::new(steps).with_style(style.expect("a template that is right"))
}
