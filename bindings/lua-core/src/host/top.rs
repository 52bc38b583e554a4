//! Writes the text of `top`, and decides when a loop of the program shows it.

use super::memory::State;
use super::profile::{Ms, Profile};
use crate::lua::guard::ErrorText;
use std::fmt::{self, Write};
use std::io::{IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// With `--top` the text is written again after this time.
const SHOW_NS: u64 = 1_000_000_000;

static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Lets every loop of the program write its `top` to standard error after a wait, at most once a second, and when the
/// loop is closed.
pub fn show_top() {
    IS_SHOWN.store(true, Relaxed);
}

impl State {
    /// Writes a line about the loop, then its busiest callbacks, the latest timers, and the busiest descriptors.
    pub(crate) fn write_top(&mut self, text: &mut impl Write) -> fmt::Result {
        let (events, cogloop) = (&self.events, &self.cogloop);
        let (backend, turns, tasks) = (events.backend().name, cogloop.turns, cogloop.alive);
        let (timers, handles) = (events.timers(), events.descriptors());
        writeln!(
            text,
            "loop {} on {backend}: {timers} timers, {handles} handles, {tasks} tasks, {turns} turns",
            self.id
        )?;
        let now_ns = events.now_ns();
        let Some(profile) = &mut self.profile else { return Ok(()) };
        let (busy_ns, passed_ns) = (profile.busy_ns(), now_ns.saturating_sub(profile.since_ns));
        writeln!(text, "callbacks took {} of the last {} ms", Ms(busy_ns), Ms(passed_ns))?;
        profile.write_lists(text)
    }

    /// Begins a profile if the program shows it.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub(crate) fn begin_default_profile(&mut self) -> Result<(), ErrorText> {
        if IS_SHOWN.load(Relaxed) {
            self.profile = Some(Box::new(Profile::try_new(self.events.now_ns())?));
            self.settle_measuring();
        }
        Ok(())
    }

    /// With `--top`: writes the text if the last text is a second old, or if `in_any_case` is set.
    pub(crate) fn show_top(&mut self, in_any_case: bool) {
        let now_ns = self.events.now_ns();
        let Some(profile) = &self.profile else { return };
        if !IS_SHOWN.load(Relaxed) || !in_any_case && now_ns.saturating_sub(profile.since_ns) < SHOW_NS {
            return;
        }
        let mut text = String::new();
        let mut stderr = std::io::stderr();
        if stderr.is_terminal() && !in_any_case {
            text.push_str("\x1b[H\x1b[2J");
        }
        // Writing to a string does not fail. If standard error refuses the text, it has no reader.
        let _ = self.write_top(&mut text);
        let _ = stderr.write_all(text.as_bytes());
        if let Some(profile) = &mut self.profile {
            profile.begin_again(now_ns);
        }
    }
}
