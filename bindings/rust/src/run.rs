//! The loop itself: what may run it, and the turn.
//!
//! ```text
//!   ┌─ turn ───────────────────────────────────────────────────────────────────────────────┐
//!   │  listen; anything at hand?  yes: look at the kernel only.  no: wait for the first of  │
//!   │  timer, descriptor, post, wake                                                       │
//!   │                                                                                      │
//!   │  posts ──► timers ──► sources ──► tasks and channels that were woken                 │
//!   │  in order  deadlines  ready now   until now             nothing of all that: idle    │
//!   └──────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Each kind serves what was there when its part of the turn began, and no more of it than the options allow: what comes
//! meanwhile has the next turn, so nothing starves.

use crate::bell::{Knock, Woken};
use crate::core::Core;
use crate::handle::Handle;
use crate::options::{Options, nanoseconds};
use crate::{Error, trace};
use cogloop_io::Wait;
use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// An event loop whose callbacks get a state `S` of yours. Everything but running it is a method of [`Handle`], which it
/// dereferences to.
///
/// Dropped, it drops every callback and task, and closes the files of its sources; handles that are left answer
/// [`Error::Closed`].
///
/// It cannot be run from within a callback: that would take the loop itself, which whoever runs it has borrowed.
///
/// ```compile_fail,E0499
/// let mut events = cogloop::Loop::new().unwrap();
/// let other = &mut events;
/// events.after(std::time::Duration::ZERO, move |state: &mut (), _| other.run(state)).unwrap();
/// events.run(&mut ()).unwrap();
/// ```
#[derive(Debug)]
pub struct Loop<S> {
    handle: Handle<S>,
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
        let handle = Handle::new(Core::new(&options)?);
        trace::made(&handle);
        Ok(Self { handle })
    }

    /// Serves whatever is due until nothing is left that could come – no timer, source, channel, task, remote – or until
    /// [`stop`](Handle::stop).
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

    /// As [`run`](Self::run), for so long by the loop's clock, even if nothing is left; less after a `stop`.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_for(&mut self, state: &mut S, duration: Duration) -> Result<(), Error> {
        let end_ns = self.core().ns_after(duration);
        self.run_to(state, end_ns)
    }

    /// As [`run_for`](Self::run_for), until `when`.
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

    /// Runs until the future is ready, and is what it comes to. Everything else of the loop is served meanwhile.
    ///
    /// The future is polled on this thread, need be neither `Send` nor `'static`, and may use handles of the loop. When it
    /// waits for what never comes, so does this.
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`stop`](Handle::stop), and those of [`run`](Self::run).
    pub fn block_on<F: Future>(&mut self, state: &mut S, future: F) -> Result<F::Output, Error> {
        self.begin();
        let knock = Arc::new(Knock::new(Woken::Root, Arc::clone(&self.core().bell)));
        let waker = Waker::from(Arc::clone(&knock));
        let mut future = pin!(future);
        self.core().is_root_woken.set(true);
        loop {
            if self.core().is_root_woken.take() {
                knock.answer();
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
    /// # Errors
    /// [`Error::Io`], of the kind `Unsupported` on the backend `select`.
    #[cfg(unix)]
    pub fn descriptor(&mut self) -> Result<std::os::fd::OwnedFd, Error> {
        let mut events = self.core().events.borrow_mut();
        let duplicate = events.pollable().and_then(|descriptor| descriptor.try_clone_to_owned());
        duplicate.map_err(Error::io("giving the loop's descriptor to another loop"))
    }

    fn begin(&self) {
        self.core().is_stopped.set(false);
    }

    fn is_stopped(&self) -> bool {
        self.core().is_stopped.get()
    }

    /// Whether nothing is left that could come.
    fn is_idle(&self) -> bool {
        let core = self.core();
        !self.has_work()
            && core.events.borrow().is_idle()
            && core.tasks.len() == 0
            && self.channels().borrow().is_empty()
            && core.bell.remotes.load(Ordering::Acquire) == 0
            // What the last remote posted before it was dropped.
            && self.mail().len() == 0
    }

    /// Whether something is at hand for which the kernel need not be asked.
    fn has_work(&self) -> bool {
        !self.deferred().borrow().is_empty()
            || !self.idles().borrow().is_empty()
            || !self.core().batch.borrow().is_empty()
            || self.core().bell.has_woken()
            || self.mail().len() > 0
    }

    fn take_turn(&self, state: &mut S, wait: Wait) -> Result<(), Error> {
        let core = self.core();
        core.bell.listen();
        let wait = if self.has_work() { Wait::Poll } else { wait };
        let waited = core.events.borrow_mut().turn(wait);
        core.bell.hush();
        // However this turn ends: whoever watches the loop's descriptor hears of what comes from now on.
        let _listening = Listening(core);
        waited.map_err(Error::io("waiting"))?;
        self.serve(state)
    }

    fn serve(&self, state: &mut S) -> Result<(), Error> {
        let served = self.serve_posts(state)?
            + self.serve_timers(state)?
            + self.serve_sources(state)?
            + self.serve_woken(state)?;
        trace::turn(served);
        if served == 0 { self.serve_idle(state) } else { Ok(()) }
    }

    /// Calls `serve` until it has nothing more, the loop is stopped, or the turn's limit is reached.
    fn serve_all(&self, most: usize, mut serve: impl FnMut() -> Result<bool, Error>) -> Result<usize, Error> {
        let most = most.min(self.core().limits.io.served_in_turn.get());
        let mut served = 0;
        while served < most && !self.is_stopped() && serve()? {
            served += 1;
        }
        Ok(served)
    }

    fn serve_posts(&self, state: &mut S) -> Result<usize, Error> {
        let (posts, deferred) = (self.mail().len(), self.deferred().borrow().len());
        let posts = self.serve_all(posts, || {
            let Some(post) = self.mail().next() else { return Ok(false) };
            post(state, self).map(|_| true)
        })?;
        let deferred = self.serve_all(deferred, || {
            let Some(deferred) = self.deferred().borrow_mut().pop_front() else { return Ok(false) };
            deferred(state, self).map(|_| true)
        })?;
        Ok(posts + deferred)
    }

    fn serve_timers(&self, state: &mut S) -> Result<usize, Error> {
        self.serve_all(usize::MAX, || {
            let Some(expired) = self.core().events.borrow_mut().next_expired() else { return Ok(false) };
            trace::timer(&expired);
            self.fire(state, expired).map(|()| true)
        })
    }

    #[cfg(unix)]
    fn serve_sources(&self, state: &mut S) -> Result<usize, Error> {
        self.serve_all(usize::MAX, || {
            let Some(ready) = self.core().events.borrow_mut().next_ready() else { return Ok(false) };
            trace::source(ready);
            self.serve_ready(state, ready.token, ready.ready).map(|()| true)
        })
    }

    #[cfg(not(unix))]
    fn serve_sources(&self, _state: &mut S) -> Result<usize, Error> {
        Ok(0)
    }

    fn serve_woken(&self, state: &mut S) -> Result<usize, Error> {
        let core = self.core();
        if core.batch.borrow().is_empty() {
            core.bell.take_woken(&mut core.batch.borrow_mut());
        }
        let most = core.batch.borrow().len();
        self.serve_all(most, || {
            let Some(who) = core.batch.borrow_mut().pop_front() else { return Ok(false) };
            match who {
                Woken::Root => core.is_root_woken.set(true),
                Woken::Task(key) => core.poll_task(key),
                Woken::Channel(key) => self.serve_channel(state, key)?,
            }
            Ok(true)
        })
    }
}

/// Listens again when the turn is over.
struct Listening<'a>(&'a Core);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.bell.listen();
    }
}
