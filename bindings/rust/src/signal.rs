//! Signals of the process, as callbacks.

use crate::handle::Handle;
use crate::outcome::Outcome;
use crate::{Error, Interest, Source};
use cogloop_io::signals::Signals;
use std::collections::VecDeque;
use std::ops::ControlFlow;

pub use cogloop_io::signals::number::{
    ALARM, CHILD, HANG_UP, INTERRUPT, PIPE, QUIT, TERMINATE, USER_1, USER_2, WINDOW_CHANGE,
};

/// How many signals there are; so many numbers are noted at the most.
const NUMBERS: usize = 64;

impl<S> Handle<S> {
    /// Calls `f` with the number of each of these signals that has come, until it is removed or `f` breaks off. Several of
    /// one number before a turn are one, as the kernel has it. Any number of loops may watch the same signal.
    ///
    /// While a signal is watched it does what this says instead of what it did before – end the process, say; after that,
    /// what it did before. A signal that is watched keeps the loop going, unless its source is
    /// [unreferenced](Self::unref_source).
    ///
    /// ```
    /// use cogloop::{Loop, signal};
    ///
    /// let mut events = Loop::<()>::new()?;
    /// let watched = events.signals([signal::INTERRUPT, signal::TERMINATE], |_, handle, number| {
    ///     println!("signal {number}: good bye");
    ///     handle.stop();
    /// })?;
    /// assert!(events.remove(watched));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] for a number that is no signal or one that cannot be watched, such as SIGKILL; [`Error::Limit`],
    /// [`Error::Memory`], [`Error::Closed`].
    pub fn signals<R: Outcome>(
        &self,
        numbers: impl IntoIterator<Item = i32>,
        mut f: impl FnMut(&mut S, &Handle<S>, i32) -> R + 'static,
    ) -> Result<Source, Error> {
        self.core().check_open()?;
        let mut signals = Signals::new().map_err(Error::io("watching signals"))?;
        for number in numbers {
            signals.watch(number).map_err(Error::io("watching a signal"))?;
        }
        // Those that came and were not told yet.
        let mut came = VecDeque::new();
        came.try_reserve_exact(NUMBERS)?;
        self.add(signals.descriptor(), Interest::READ, move |state, ready, _| {
            for number in signals.take() {
                if !came.contains(&number) {
                    came.push_back(number);
                }
            }
            while let Some(number) = came.pop_front() {
                if f(state, ready, number).verdict()? == ControlFlow::Break(()) {
                    return Ok(ControlFlow::Break(()));
                }
                // It may have removed this source, or stopped the loop.
                if ready.core().is_stopped.get() || ready.check_source(ready.source()).is_err() {
                    break;
                }
            }
            if !came.is_empty() {
                ready.mark_ready(ready.source(), Interest::READ);
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
    }
}
