//! The turn: checks whether there is anything to wait for, waits, and serves everything that the wait has found.
//!
//! ```text
//!   listen
//!     │
//!   is there work to do?       yes: ask the kernel, do not wait
//!     │                        no:  wait for the first timer, descriptor, post or wake
//!     ▼
//!   posts ──► timers ──► sources ──► woken tasks and channels ──► idle callbacks, if there was nothing else
//! ```
//!
//! Each part serves what was there when the part began, up to the limit of the options. Later arrivals are served in
//! the next turn, so nothing starves.

use crate::core::{Core, Kind};
use crate::handle::Handle;
use crate::timeline::Of;
use crate::woken::Woken;
use crate::{Error, trace};
use cogloop_io::Wait;
use cogloop_io::trace::{Detail, Kind as Span};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

impl<S> Handle<S> {
    pub(crate) fn begin(&self) {
        self.core().is_stopped.set(false);
        // The user's code may have run since the last run, so the next callback needs a new reading of the clock.
        self.core().timeline.ended_ns.set(None);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.core().is_stopped.get()
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn is_idle(&self) -> bool {
        let core = self.core();
        !self.has_work()
            && core.events.borrow().is_idle()
            && core.tasks.len() == 0
            && self.channels().borrow().len() == 0
            && core.notifier.remotes.load(Ordering::Acquire) == 0
            // The last remote may have posted something before it was dropped.
            && self.mail().len() == 0
    }

    /// Whether there is work that the loop knows of without asking the kernel.
    pub(crate) fn has_work(&self) -> bool {
        self.visits().borrow().len() > self.core().visits_gone.get()
            || !self.idles().borrow().is_empty()
            || self.core().notifier.woken_len() > 0
            || self.mail().len() > 0
    }

    pub(crate) fn take_turn(&self, state: &mut S, wait: Wait) -> Result<(), Error> {
        let core = self.core();
        core.notifier.listen();
        let wait = if self.has_work() { Wait::Poll } else { wait };
        let start_ns = core.turn_begins();
        let waited = core.events.borrow_mut().turn(wait);
        core.turn_waited(start_ns);
        let _listening = core.stop_listening();
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

    /// Calls `serve` until nothing is left, the loop is stopped, or the turn's limit is reached. `serve` returns
    /// whether it found something.
    fn serve_all(&self, most: usize, mut serve: impl FnMut() -> Result<bool, Error>) -> Result<usize, Error> {
        let most = most.min(self.core().limits.io.served_in_turn.get());
        let mut served = 0;
        while served < most && !self.is_stopped() && serve()? {
            served += 1;
        }
        Ok(served)
    }

    fn serve_posts(&self, state: &mut S) -> Result<usize, Error> {
        let (posts, visits) = (self.mail().len(), self.visits().borrow().len());
        let posts = self.serve_all(posts, || {
            let Some(post) = self.mail().next() else { return Ok(false) };
            self.spanned("post", || post.call_once(state, self)).map(|_| true)
        })?;
        Ok(posts + self.serve_visits(state, visits)?)
    }

    /// Makes the call, and reports it to the trace under this name.
    pub(crate) fn spanned<T>(&self, name: &str, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let begun = self.core().begin_span(None);
        let done = call();
        self.core().end_span(begun, if done.is_err() { Span::Error } else { Span::Other }, Detail::None, name);
        done
    }

    /// Serves the visits, which are the closures that futures have passed to `with`. A visit whose future was dropped
    /// is skipped and does not count.
    fn serve_visits(&self, state: &mut S, mut left: usize) -> Result<usize, Error> {
        self.serve_all(usize::MAX, || {
            while let Some(fewer) = left.checked_sub(1) {
                left = fewer;
                let Some(visit) = self.visits().borrow_mut().pop_front() else { break };
                if self.spanned("visit", || visit.call_once(state, self))? == ControlFlow::Continue(()) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn serve_timers(&self, state: &mut S) -> Result<usize, Error> {
        self.serve_all(usize::MAX, || {
            let Some(expired) = self.core().events.borrow_mut().next_expired() else { return Ok(false) };
            trace::timer(&expired);
            let core = self.core();
            let is_sleep = expired.value == Kind::Sleep;
            let begun = core.begin_span((!is_sleep).then_some((Of::Timer, expired.key.index())));
            let fired = self.fire(state, expired);
            let kind = if fired.is_err() { Span::Error } else { Span::Timer };
            core.end_span(begun, kind, Detail::Late(expired.late_ns), if is_sleep { "sleep" } else { "timer" });
            fired.map(|()| true)
        })
    }

    fn serve_sources(&self, state: &mut S) -> Result<usize, Error> {
        self.serve_all(usize::MAX, || {
            let Some(ready) = self.core().events.borrow_mut().next_ready() else { return Ok(false) };
            trace::source(ready);
            self.serve_ready(state, ready.token, ready.ready).map(|()| true)
        })
    }

    fn serve_woken(&self, state: &mut S) -> Result<usize, Error> {
        let core = self.core();
        core.notifier.begin_turn();
        self.serve_all(usize::MAX, || {
            let Some(who) = core.notifier.next_woken() else { return Ok(false) };
            match who {
                Woken::Root => {
                    core.root.acknowledge();
                    core.is_root_woken.set(true);
                }
                Woken::Task(key) => core.poll_task(key),
                Woken::Channel(key) => self.spanned("channel", || self.serve_channel(state, key))?,
            }
            Ok(true)
        })
    }
}

impl Core {
    /// Marks the loop as awake until the guard is dropped: the loop will check its queues itself. After the drop, posts
    /// and wakes make the loop's descriptor readable again.
    pub(crate) fn stop_listening(&self) -> Listening<'_> {
        self.notifier.stop_listening();
        Listening(self)
    }
}

/// Dropping this guard makes the loop listen again.
pub(crate) struct Listening<'a>(&'a Core);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.notifier.listen();
    }
}
