//! `metrics`: the numbers of `stats`, as text for Prometheus.

use super::list::{Growing, push_written};
use super::loops::receiver;
use crate::host::memory::State;
use crate::lua::entry::entry;
use crate::lua::errno::NO_MEMORY;
use crate::lua::guard::{ErrorText, Text};
use hdrhistogram::Histogram;
use mlua::ffi::lua_State;
use std::ffi::c_int;
use std::fmt::{self, Write};

/// The upper bounds of the buckets, in nanoseconds and as text in seconds.
const BOUNDS: [(u64, &str); 13] = [
    (1_000, "0.000001"),
    (5_000, "0.000005"),
    (10_000, "0.00001"),
    (50_000, "0.00005"),
    (100_000, "0.0001"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (1_000_000_000, "1"),
    (10_000_000_000, "10"),
];

entry!(
    /// `loop:metrics( )` → text
    pub(super) fn metrics(lua: *mut lua_State) -> c_int {
        let state = receiver(lua);
        push_written(lua, state, |state| {
            let mut text = std::mem::take(&mut state.cogloop.text);
            text.clear();
            let written = write(&mut Growing(&mut text), state);
            state.cogloop.text = text;
            written.map_err(|_| -> ErrorText { Text::new(NO_MEMORY) })?;
            Ok(state.cogloop.text.len())
        });
        1
    }
);

fn write(text: &mut impl Write, state: &State) -> fmt::Result {
    let (events, cogloop) = (&state.events, &state.cogloop);
    let id = state.id;
    let counts = [
        ("turns_total", "counter", "Turns of the loop.", cogloop.turns),
        ("callbacks_total", "counter", "Timers that have fired and tasks that were woken.", cogloop.fired),
        ("timers", "gauge", "Timers that are armed, due or paused.", events.timers() as u64),
        ("handles", "gauge", "Handles that are observed.", events.descriptors() as u64),
        ("tasks", "gauge", "Tasks that have not ended.", cogloop.alive.into()),
    ];
    for (name, kind, help, count) in counts {
        head(text, name, kind, help)?;
        writeln!(text, "cogloop_{name}{{loop=\"{id}\"}} {count}")?;
    }
    head(text, "backend_info", "gauge", "The loop's backend.")?;
    writeln!(text, "cogloop_backend_info{{loop=\"{id}\",backend=\"{}\"}} 1", events.backend().name)?;
    let Some(meter) = &cogloop.meter else { return Ok(()) };
    head(text, "wait_seconds_total", "counter", "The time that turns have waited.")?;
    writeln!(text, "cogloop_wait_seconds_total{{loop=\"{id}\"}} {}", Seconds(cogloop.waited_ns))?;
    let histograms = [
        ("timer_lateness_seconds", "How late timers were served.", &meter.late),
        ("callback_seconds", "How long callbacks took.", &meter.callback),
        ("task_seconds", "How long tasks ran from one wait to the next.", &meter.task),
    ];
    for (name, help, histogram) in histograms {
        head(text, name, "histogram", help)?;
        buckets(text, name, id, histogram)?;
    }
    Ok(())
}

fn head(text: &mut impl Write, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP cogloop_{name} {help}\n# TYPE cogloop_{name} {kind}")
}

/// Writes the buckets of a histogram. The buckets are cumulative, as the format requires. One pass over the histogram
/// fills them all.
fn buckets(text: &mut impl Write, name: &str, id: u64, histogram: &Histogram<u64>) -> fmt::Result {
    let (mut counts, mut sum_ns) = ([0; BOUNDS.len()], 0_u64);
    for each in histogram.iter_recorded() {
        let (value_ns, count) =
            (histogram.median_equivalent(each.value_iterated_to()), each.count_since_last_iteration());
        sum_ns = sum_ns.saturating_add(value_ns.saturating_mul(count));
        if let Some(place) = BOUNDS.iter().position(|bound| value_ns <= bound.0) {
            counts[place] += count;
        }
    }
    let mut below = 0;
    for ((_, bound), count) in BOUNDS.into_iter().zip(counts) {
        below += count;
        writeln!(text, "cogloop_{name}_bucket{{loop=\"{id}\",le=\"{bound}\"}} {below}")?;
    }
    let count = histogram.len();
    writeln!(text, "cogloop_{name}_bucket{{loop=\"{id}\",le=\"+Inf\"}} {count}")?;
    writeln!(text, "cogloop_{name}_sum{{loop=\"{id}\"}} {}", Seconds(sum_ns))?;
    writeln!(text, "cogloop_{name}_count{{loop=\"{id}\"}} {count}")
}

/// Nanoseconds, written as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}
