//! Signals of the process, for callbacks and for futures.

use crate::handle::Handle;
use crate::outcome::Outcome;
use crate::{Async, Error, Interest, Source};
use cogloop_io::Waker;
use cogloop_io::signals::Signals as Watch;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::task::{Context, Poll, ready};

pub use cogloop_io::signals::number::{
    ALARM, CHILD, HANG_UP, INTERRUPT, PIPE, QUIT, TERMINATE, USER_1, USER_2, WINDOW_CHANGE,
};

/// The number of different signals. The queue never holds more signals, because it holds each number at most once.
const NUMBERS: usize = 64;

/// Signals that have arrived and were not reported yet, each number once.
struct Came {
    watch: Watch,
    numbers: VecDeque<i32>,
}

impl Came {
    fn new(numbers: impl IntoIterator<Item = i32>) -> Result<Self, Error> {
        let mut watch = Watch::new().map_err(Error::io("watching signals"))?;
        for number in numbers {
            watch.watch(number).map_err(Error::io("watching a signal"))?;
        }
        let mut numbers = VecDeque::new();
        numbers.try_reserve_exact(NUMBERS)?;
        Ok(Self { watch, numbers })
    }

    /// Adds the signals that have arrived since the last call.
    fn take(&mut self) {
        for number in self.watch.take() {
            if !self.numbers.contains(&number) {
                self.numbers.push_back(number);
            }
        }
    }
}

/// Signals for a future, made by [`Handle::watch_signals`]. Dropping this value ends the watch.
///
/// With the feature `futures`, which is on by default, this type implements `Stream`.
pub struct Signals {
    came: Came,
    watched: Async<Waker>,
}

impl Signals {
    /// Waits for the next signal and returns its number. Dropping the future loses no signal.
    ///
    /// # Errors
    /// [`Error::Removed`] inside of an [`io::Error`], when the loop was cleared or dropped.
    pub async fn recv(&mut self) -> io::Result<i32> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) for a future of your own.
    ///
    /// # Errors
    /// Those of [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<i32>> {
        loop {
            self.came.take();
            if let Some(number) = self.came.numbers.pop_front() {
                return Poll::Ready(Ok(number));
            }
            ready!(self.watched.poll_readable(cx))?;
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signals({} waiting)", self.came.numbers.len())
    }
}

impl<S> Handle<S> {
    /// Watches the signals with these numbers for a future, like [`signals`](Self::signals) for a callback. The watch
    /// does not keep the loop going; a task that waits for a signal does.
    ///
    /// ```
    /// use cogloop::{Loop, signal};
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::<()>::new()?;
    /// let handle = events.handle();
    /// let mut signals = events.watch_signals([signal::INTERRUPT, signal::TERMINATE])?;
    /// let asked_to_end = events.block_on(&mut (), handle.timeout(Duration::from_millis(1), signals.recv()))?;
    /// assert!(asked_to_end.is_err()); // none has come
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`signals`](Self::signals).
    pub fn watch_signals(&self, numbers: impl IntoIterator<Item = i32>) -> Result<Signals, Error> {
        let came = Came::new(numbers)?;
        let watched = self.watch(came.watch.descriptor())?;
        Ok(Signals { came, watched })
    }

    /// Calls `f` with the signal's number when one of these signals arrives, until the source is cancelled or `f`
    /// returns `Break`. Several arrivals of one signal before a turn count as one, as in the kernel. Any number of
    /// loops may watch the same signal.
    ///
    /// While a signal is watched, its previous action, such as ending the process, is suspended. The action is restored
    /// when the watch ends. A watched signal keeps the loop going, unless its source is
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
    /// assert!(events.cancel(watched));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if a number belongs to no signal, or to a signal that cannot be watched, such as SIGKILL;
    /// [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    #[track_caller]
    pub fn signals<R: Outcome>(
        &self,
        numbers: impl IntoIterator<Item = i32>,
        mut f: impl FnMut(&mut S, &Handle<S>, i32) -> R + 'static,
    ) -> Result<Source, Error> {
        self.core().check_open()?;
        let mut came = Came::new(numbers)?;
        self.add(came.watch.descriptor(), Interest::READ, move |state, ready, _| {
            came.take();
            while let Some(number) = came.numbers.pop_front() {
                if f(state, ready, number).verdict()? == ControlFlow::Break(()) {
                    return Ok(ControlFlow::Break(()));
                }
                // The callback may have removed this source or stopped the loop.
                if ready.core().is_stopped.get() || ready.check_source(ready.source()).is_err() {
                    break;
                }
            }
            if !came.numbers.is_empty() {
                ready.mark_ready(ready.source(), Interest::READ);
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
    }
}
