//! The loop itself: making it and running it.

use crate::core::Core;
use crate::handle::Handle;
use crate::options::{Options, nanoseconds};
use crate::{Error, trace};
use cogloop_io::Wait;
use cogloop_io::trace::{Detail, Kind};
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// An event loop whose callbacks get a state `S` of yours. It dereferences to [`Handle`], which has all methods except
/// those that run the loop.
///
/// Dropping the loop drops every callback and task, and closes the files of its sources. Remaining handles can then do
/// nothing; see [`Handle`].
///
/// A callback cannot run its own loop: running needs `&mut Loop`, which is borrowed while the loop runs.
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
    /// Makes a loop on the best backend that works here; see [`Options`].
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
    /// [`Error::Backend`], [`Error::Memory`].
    pub fn new() -> Result<Self, Error> {
        Self::with_options(Options::new())
    }

    /// Makes a loop on virtual time, for tests: instead of waiting for a timer, its clock jumps to the timer's
    /// deadline. So a year passes in a moment, and timers fire in the same order in each run.
    ///
    /// Descriptors are real: a ready descriptor is served before the clock jumps. Without a timer to jump to, the loop
    /// waits for a descriptor or another thread.
    ///
    /// A timer that always arms itself again without delay cannot stop time. Nor can an endless idle callback, or a
    /// descriptor that stays ready. After 10,000 turns in a row at the same virtual time, each further turn advances
    /// the clock a little. The step is a ten-thousandth of the virtual time that such steps have added so far, but at
    /// least 1 µs. The steps grow, so an hour of virtual time takes only about 140,000 turns.
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
    /// [`Error::Backend`], [`Error::Memory`].
    pub fn simulated() -> Result<Self, Error> {
        Self::with_options(Options::new().simulated())
    }

    /// Makes a loop with these options.
    ///
    /// # Errors
    /// [`Error::Backend`], [`Error::Memory`].
    #[allow(clippy::needless_pass_by_value, reason = "a caller writes the options in the call")]
    pub fn with_options(options: Options) -> Result<Self, Error> {
        let handle = Handle::try_new(Core::new(&options)?)?;
        trace::made(&handle);
        Ok(Self { handle })
    }

    /// Runs until nothing is left to do or to wait for (no timer, source, channel, idle callback, task, post or
    /// remote), or until [`stop`](Handle::stop). Paused and unreferenced timers do not count, nor do unreferenced
    /// sources.
    ///
    /// # Errors
    /// [`Error::Callback`] with the error of a callback, or that error itself if it is an [`Error`]; [`Error::Io`] if
    /// the kernel refuses to wait, or if a replay differs from its recording; [`Error::Memory`].
    ///
    /// The loop stays usable: the next run serves everything that was due and is not served yet. The timer, source,
    /// channel or idle callback whose function has returned an error has ended; everything else is unchanged. The same
    /// holds after a panic, if you catch it; a task that has panicked has ended, too.
    pub fn run(&mut self, state: &mut S) -> Result<(), Error> {
        self.begin();
        while !self.is_stopped() && !self.is_idle() {
            self.take_turn(state, Wait::Block)?;
        }
        if self.is_stopped() {
            return Ok(());
        }
        self.core().events.borrow().note_idle().map_err(Error::io("ending a run"))
    }

    /// Runs for `duration` by the loop's clock, even if nothing is left to wait for. [`stop`](Handle::stop) ends the
    /// run sooner.
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

    /// Runs until `when`, like [`run_for`](Self::run_for).
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

    /// Runs one turn: waits until something happens, for `limit` at most, and serves what is due. With a limit of zero
    /// the turn does not wait; `None` is no limit. A loop that has nothing to wait for does not wait, whatever the
    /// limit is. Returns whether something is left to wait for.
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

    /// Runs the loop until the future completes, and returns its output. Everything else of the loop is served
    /// meanwhile.
    ///
    /// The future is polled on this thread. It need not be `Send` or `'static`, and may use handles of the loop. If it
    /// never completes, this call never returns.
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
        // The root is declared before the future, so it is dropped after the future: values that are dropped with the
        // future may wake the root.
        let _root = Root::begin(core);
        let mut future = pin!(future);
        loop {
            if core.is_root_woken.take() {
                core.root.acknowledge_all();
                // The turn below checks all queues before it waits. So a wake during
                // this poll need not signal the loop.
                let _listening = core.stop_listening();
                let begun = core.begin_span(None);
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                core.end_span(begun, Kind::Task, Detail::None, "block_on");
                if let Poll::Ready(output) = polled {
                    return Ok(output);
                }
            }
            if self.is_stopped() {
                return Err(Error::Stopped);
            }
            self.take_turn(state, Wait::Block)?;
        }
    }

    /// Returns how long another loop may wait if this loop runs inside it. The result is the time until the next timer
    /// is due; zero if there is work to do; `None` if the other loop may wait for ever. Call this before each wait of
    /// the other loop. After the wait, call [`turn`](Self::turn) with a limit of zero.
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

    /// Returns a descriptor for another loop in which this loop runs. The descriptor is readable when a turn would find
    /// ready sources, posts or woken tasks. It is a duplicate, so you may close it.
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

/// Exists while `block_on` runs. Making this value marks the future of `block_on` as woken, so it is polled before the
/// first turn. Dropping the value removes the future's wakes. Otherwise they would count as work in a later run, or as
/// wakes of the next future.
struct Root<'a>(&'a Core);

impl<'a> Root<'a> {
    fn begin(core: &'a Core) -> Self {
        core.root.enable();
        core.is_root_woken.set(true);
        Self(core)
    }
}

impl Drop for Root<'_> {
    fn drop(&mut self) {
        self.0.root.disable();
        self.0.is_root_woken.set(false);
    }
}
