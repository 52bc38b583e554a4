//! `run` takes turn after turn and passes each due timer and ready descriptor to one function. A program that does not
//! want to take the turns itself calls `run`.
//!
//! ```text
//!   run ──► idle or stopped? ─── yes ──► return
//!            ▲      │ no
//!            │      ▼
//!            │     turn: wait
//!            │      │
//!            │      ▼
//!            └──── serve( timer ), serve( timer ), … serve( descriptor ), …       what was due when the wait ended
//! ```
//!
//! A binding does not call `run`. It keeps its callbacks outside of [`EventLoop`], takes the turns itself, and calls
//! the callbacks.

use super::assemble::{EventLoop, Phase};
use super::parts::readiness::Ready;
use super::pull::ExpiredTimer;
use super::turn::Wait;
use crate::memory::error_in_words;
use std::io;

/// A timer or descriptor to serve.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Due<T> {
    /// A timer.
    Timer(ExpiredTimer<T>),
    /// A descriptor.
    Descriptor(Ready),
}

/// The loop while it runs. Dropping this value ends the run, also when `serve` panics.
struct Running<'a, T>(&'a mut EventLoop<T>);

impl<T> Drop for Running<'_, T> {
    fn drop(&mut self) {
        self.0.phase = Phase::AtRest;
    }
}

impl<T: Clone> EventLoop<T> {
    /// Serves timers and descriptors until the loop is [idle](Self::is_idle) or [stopped](Self::stop). Each turn serves
    /// only what was due when its wait ended: first the timers in the order of deadlines, then the descriptors. `serve`
    /// may add, change and remove anything.
    ///
    /// # Errors
    /// `ResourceBusy` if it is called from within `serve`, because the loop runs already. An error of the kernel if a
    /// wait fails. In a replay also an error if the program has departed from the recording.
    ///
    /// ```
    /// use cogloop_io::{Due, EventLoop, Options};
    ///
    /// let mut events: EventLoop<u64> = EventLoop::new(&Options::default())?;
    /// events.add_timer(1_000_000, 3);
    /// events.run(|events, due| {
    ///     let Due::Timer(timer) = due else { return };
    ///     if timer.value > 1 {
    ///         events.add_timer(1_000_000, timer.value - 1);
    ///     }
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&mut self, mut serve: impl FnMut(&mut Self, Due<T>)) -> io::Result<()> {
        let running = self.begin()?;
        while running.0.phase == Phase::Running && !running.0.is_idle() {
            running.0.turn(Wait::Block)?;
            running.0.serve_turn(&mut serve);
        }
        if running.0.phase == Phase::Running { running.0.note_idle() } else { Ok(()) }
    }

    /// One turn of [`run`](Self::run). `Wait::Block` waits for the first event, `Wait::Poll` does not wait. An idle
    /// loop never waits. Returns whether anything is left that keeps the loop going.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_once(&mut self, wait: Wait, mut serve: impl FnMut(&mut Self, Due<T>)) -> io::Result<bool> {
        let running = self.begin()?;
        let wait = if running.0.is_idle() { Wait::Poll } else { wait };
        running.0.turn(wait)?;
        running.0.serve_turn(&mut serve);
        Ok(!running.0.is_idle())
    }

    /// Ends [`run`](Self::run) when `serve` returns. Timers that were not served yet stay due and descriptors stay
    /// ready: the next run begins with them. Has no effect on a loop that does not run.
    pub fn stop(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Stopping;
        }
    }

    fn begin(&mut self) -> io::Result<Running<'_, T>> {
        if self.phase != Phase::AtRest {
            let message = format_args!("this loop is running already: it cannot be run from within itself");
            return Err(error_in_words(io::ErrorKind::ResourceBusy, message));
        }
        self.phase = Phase::Running;
        Ok(Running(self))
    }

    fn serve_turn(&mut self, serve: &mut impl FnMut(&mut Self, Due<T>)) {
        while self.phase == Phase::Running
            && let Some(timer) = self.next_expired()
        {
            serve(self, Due::Timer(timer));
        }
        while self.phase == Phase::Running
            && let Some(ready) = self.next_ready()
        {
            serve(self, Due::Descriptor(ready));
        }
    }
}
