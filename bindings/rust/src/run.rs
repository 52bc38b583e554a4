//! The loop itself: what makes it and runs it.

use crate::core::Core;
use crate::handle::Handle;
use crate::options::{Options, nanoseconds};
use crate::{Error, trace};
use cogloop_io::Wait;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// An event loop whose callbacks get a state `S` of yours. Everything but running it is a method of [`Handle`], which it
/// dereferences to.
///
/// Dropped, it drops every callback and task, and closes the files of its sources; handles that are left answer
/// [`Error::Closed`].
///
/// A callback cannot run the loop that it belongs to: running needs `&mut Loop`, which is borrowed while the loop runs.
///
/// ```compile_fail,E0499
/// let mut events = cogloop::Loop::new().unwrap();
/// let other = &mut events;
/// events.after(std::time::Duration::ZERO, move |state: &mut (), _| other.run(state)).unwrap();
/// events.run(&mut ()).unwrap();
/// ```
pub struct Loop<S> {
    handle: Handle<S>,
}

impl<S> fmt::Debug for Loop<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loop").field("handle", &self.handle).finish()
    }
}

impl<S> Deref for Loop<S> {
    type Target = Handle<S>;

    fn deref(&self) -> &Handle<S> {
        &self.handle
    }
}

impl<S> Drop for Loop<S> {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl<S> Loop<S> {
    /// A loop on the best backend that works here; see [`Options`].
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// struct Counter { ticks: u32 }
    ///
    /// let mut events = Loop::new()?;
    /// events.every(Duration::from_millis(1), |counter: &mut Counter, firing| {
    ///     counter.ticks += 1;
    ///     if counter.ticks == 3 { firing.stop() }
    /// })?;
    /// let mut counter = Counter { ticks: 0 };
    /// events.run(&mut counter)?;
    /// assert_eq!(counter.ticks, 3);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Backend`].
    pub fn new() -> Result<Self, Error> {
        Self::with_options(Options::new())
    }

    /// A loop on virtual time, for tests: where it would wait for a timer, its clock jumps to it. Nothing takes time, so
    /// a year is over in no time, and what happens in which order is always the same.
    ///
    /// Descriptors are real, and a ready one comes before any jump. With no timer to jump to it does wait: for a
    /// descriptor or another thread.
    ///
    /// A timer that arms itself again for now, an idle callback that never ends and a descriptor that stays ready leave
    /// nothing to wait for. After 10,000 turns in a row at one moment each further turn takes 1 µs, or a ten-thousandth of the
    /// time that has passed so, if that is more: an hour takes 140,000 such turns.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let day = Duration::from_secs(86_400);
    /// let mut events = Loop::simulated()?;
    /// let start = events.now();
    /// events.after(365 * day, |seen: &mut Vec<_>, _| seen.push("new year"))?;
    /// events.after(358 * day, |seen, _| seen.push("christmas"))?;
    /// let mut seen = Vec::new();
    /// events.run_for(&mut seen, 360 * day)?;
    /// assert_eq!(seen, ["christmas"]);
    /// events.run(&mut seen)?;
    /// assert_eq!(events.now() - start, 365 * day);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Backend`].
    pub fn simulated() -> Result<Self, Error> {
        Self::with_options(Options::new().simulated())
    }

    /// A loop as the options say.
    ///
    /// # Errors
    /// [`Error::Backend`].
    #[allow(clippy::needless_pass_by_value, reason = "options are written where the loop is made")]
    pub fn with_options(options: Options) -> Result<Self, Error> {
        let handle = Handle::try_new(Core::new(&options)?)?;
        trace::made(&handle);
        Ok(Self { handle })
    }

    /// Runs until nothing is left to wait for (no timer, source, channel, task or remote) or until [`stop`](Handle::stop).
    ///
    /// # Errors
    /// What a callback returns, as [`Error::Callback`], or [`Error::Io`] when the kernel refuses to wait. The loop stays
    /// usable: what was due and has not been served is served by the next run. The same holds after a panic in a
    /// callback, if it is caught: what it belonged to is gone, everything else is still there.
    pub fn run(&mut self, state: &mut S) -> Result<(), Error> {
        self.begin();
        while !self.is_stopped() && !self.is_idle() {
            self.take_turn(state, Wait::Block)?;
        }
        Ok(())
    }

    /// Runs for `duration` by the loop's clock, even if nothing is left to wait for. [`stop`](Handle::stop) ends it sooner.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// events.every(Duration::from_secs(1), |ticks: &mut u32, _| *ticks += 1)?;
    /// let mut ticks = 0;
    /// events.run_for(&mut ticks, Duration::from_millis(2500))?;
    /// assert_eq!(ticks, 2);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_for(&mut self, state: &mut S, duration: Duration) -> Result<(), Error> {
        let end_ns = self.core().ns_after(duration);
        self.run_to(state, end_ns)
    }

    /// Runs until `when`, as [`run_for`](Self::run_for) does for a duration.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// let when = events.now() + Duration::from_secs(7);
    /// events.run_until(&mut (), when)?;
    /// assert_eq!(events.now(), when);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_until(&mut self, state: &mut S, when: Instant) -> Result<(), Error> {
        let end_ns = self.core().ns_of(when);
        self.run_to(state, end_ns)
    }

    fn run_to(&mut self, state: &mut S, end_ns: u64) -> Result<(), Error> {
        self.begin();
        loop {
            let left_ns = end_ns.saturating_sub(self.core().now_ns());
            self.take_turn(state, Wait::AtMost(left_ns))?;
            if self.is_stopped() || left_ns == 0 {
                return Ok(());
            }
        }
    }

    /// One turn: waits for the first thing to happen, no longer than `limit`, and serves what is due then. `None` waits
    /// for as long as it takes, zero does not wait; a loop that has nothing to wait for does not wait either. Says whether
    /// something is left to wait for.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::new()?;
    /// events.after(Duration::from_millis(1), |fired: &mut bool, _| *fired = true)?;
    /// let mut fired = false;
    /// while events.turn(&mut fired, None)? {
    ///     println!("one turn of a loop of your own");
    /// }
    /// assert!(fired);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn turn(&mut self, state: &mut S, limit: Option<Duration>) -> Result<bool, Error> {
        self.begin();
        let wait = match limit {
            _ if self.is_idle() => Wait::Poll,
            None => Wait::Block,
            Some(limit) => Wait::AtMost(nanoseconds(limit)),
        };
        self.take_turn(state, wait)?;
        Ok(!self.is_idle())
    }

    /// Runs the loop until the future completes, and returns its output. Everything else of the loop is served meanwhile.
    ///
    /// The future is polled on this thread, need be neither `Send` nor `'static`, and may use handles of the loop. When it
    /// waits for what never comes, so does this.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// let handle = events.handle();
    /// let answer = events.block_on(&mut 41, async {
    ///     handle.with(|state: &mut u32, _| *state + 1).await
    /// })?;
    /// assert_eq!(answer?, 42);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`stop`](Handle::stop), and those of [`run`](Self::run).
    pub fn block_on<F: Future>(&mut self, state: &mut S, future: F) -> Result<F::Output, Error> {
        self.begin();
        let core = self.core();
        let waker = Waker::from(Arc::clone(&core.root));
        // Before the future, and so dropped after it: what is dropped with the future may wake it.
        let _root = Root::begin(core);
        let mut future = pin!(future);
        loop {
            if core.is_root_woken.take() {
                core.root.answer_all();
                // The turn below looks before it waits, so what the future wakes needs no bell.
                let _listening = core.hush();
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Ok(output);
                }
            }
            if self.is_stopped() {
                return Err(Error::Stopped);
            }
            self.take_turn(state, Wait::Block)?;
        }
    }

    /// How long another loop, into which this one is embedded, may wait: until the next timer is due, zero when there is
    /// work at hand, `None` for ever. To be asked before each wait of the other loop, and after it, or when the descriptor
    /// is readable, let this one have a [`turn`](Self::turn) of zero.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// assert_eq!(events.next_timeout()?, None);
    /// events.after(Duration::from_secs(60), |_, _| ())?;
    /// assert_eq!(events.next_timeout()?, Some(Duration::from_secs(60)));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn next_timeout(&mut self) -> Result<Option<Duration>, Error> {
        if self.has_work() {
            return Ok(Some(Duration::ZERO));
        }
        let timeout_ns = self.core().events.borrow_mut().next_timeout_ns();
        Ok(timeout_ns.map_err(Error::io("preparing a wait"))?.map(Duration::from_nanos))
    }

    /// A descriptor for another loop to watch: readable when a turn would find sources ready, posts, or tasks woken. It is
    /// a duplicate, yours to close.
    ///
    /// ```
    /// use cogloop::{Interest, Loop, Options};
    /// use std::time::Duration;
    ///
    /// let mut inner = Loop::with_options(Options::new().backend("epoll"))?;
    /// inner.remote().post(|done: &mut bool, _| *done = true)?;
    /// let mut outer = Loop::new()?;
    /// let descriptor = inner.descriptor()?;
    /// outer.add(descriptor, Interest::READ, move |done: &mut bool, ready, _| {
    ///     inner.turn(done, Some(Duration::ZERO))?;
    ///     if *done { ready.stop() }
    ///     inner.next_timeout().map(drop) // before each wait of the outer loop
    /// })?;
    /// let mut done = false;
    /// outer.run(&mut done)?;
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`], of the kind `Unsupported` on the backend `select`.
    #[cfg(unix)]
    pub fn descriptor(&mut self) -> Result<std::os::fd::OwnedFd, Error> {
        let mut events = self.core().events.borrow_mut();
        let duplicate = events.pollable().and_then(|descriptor| descriptor.try_clone_to_owned());
        duplicate.map_err(Error::io("giving the loop's descriptor to another loop"))
    }
}

/// There is a future of `block_on`, which is to be polled first of all. Dropped, nothing is left of its wakes, so they are
/// not work for a loop on which no future waits, nor for the next one.
struct Root<'a>(&'a Core);

impl<'a> Root<'a> {
    fn begin(core: &'a Core) -> Self {
        core.root.come_back();
        core.is_root_woken.set(true);
        Self(core)
    }
}

impl Drop for Root<'_> {
    fn drop(&mut self) {
        self.0.root.go_away();
        self.0.is_root_woken.set(false);
    }
}
