//! The program's reports about its loops on standard error: slow callbacks, and the statistics of a loop when it is
//! closed.

use super::memory::{Meter, State};
use super::profile::Ms;
use crate::lua::guard::ErrorText;
use hdrhistogram::Histogram;
use std::fmt::{self, Write};
use std::io::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

static SLOW_NS: AtomicU64 = AtomicU64::new(u64::MAX);
static HAS_STATS: AtomicBool = AtomicBool::new(false);

/// Lets every loop of the program report callbacks that take at least this many nanoseconds. If the script has set a
/// function with `slow`, the loop calls that function instead.
pub fn report_slow(limit_ns: u64) {
    SLOW_NS.store(limit_ns, Relaxed);
}

/// Lets every loop of the program report its statistics when it is closed.
pub fn report_stats() {
    HAS_STATS.store(true, Relaxed);
}

/// The limit of [`report_slow`], or `u64::MAX`.
pub(crate) fn slow_ns() -> u64 {
    SLOW_NS.load(Relaxed)
}

/// Reports a callback that took too long.
#[cold]
pub(crate) fn tell_slow(place: &[u8], took_ns: u64) {
    let line = format!("cogloop: slow: {} took {:.3} ms\n", String::from_utf8_lossy(place), took_ns as f64 / 1e6);
    tell(&line);
}

/// Writes to standard error. A failure is ignored, because it means that standard error has no reader.
pub(super) fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

impl State {
    /// Begins the measurements that the program reports.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub(crate) fn begin_default_report(&mut self) -> Result<(), ErrorText> {
        self.cogloop.slow_ns = slow_ns();
        if HAS_STATS.load(Relaxed) {
            self.cogloop.meter = Some(Box::new(Meter::try_new()?));
        }
        self.settle_measuring();
        Ok(())
    }

    /// With `--stats`: writes the statistics.
    pub(crate) fn tell_stats(&self) {
        if !HAS_STATS.load(Relaxed) {
            return;
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_stats(&mut text);
        tell(&text);
    }

    fn write_stats(&self, text: &mut impl Write) -> fmt::Result {
        let (events, cogloop) = (&self.events, &self.cogloop);
        writeln!(
            text,
            "cogloop: loop {} on {}: {} turns, {} fired, waited for {} ms; left: {} timers, {} handles, {} tasks",
            self.id,
            events.backend().name,
            cogloop.turns,
            cogloop.fired,
            cogloop.waited_ns / 1_000_000,
            events.timers(),
            events.descriptors(),
            cogloop.alive
        )?;
        let Some(meter) = &cogloop.meter else { return Ok(()) };
        writeln!(text, "              count       p50 ms       p99 ms       max ms")?;
        write_row(text, "late", &meter.late)?;
        write_row(text, "callback", &meter.callback)?;
        write_row(text, "task", &meter.task)
    }
}

/// Writes a row, if anything was counted.
fn write_row(text: &mut impl Write, name: &str, histogram: &Histogram<u64>) -> fmt::Result {
    if histogram.is_empty() {
        return Ok(());
    }
    let [median, high] = [0.5, 0.99].map(|share| Ms(histogram.value_at_quantile(share)));
    writeln!(text, "{name:8} {:>10} {median} {high} {}", histogram.len(), Ms(histogram.max()))
}
