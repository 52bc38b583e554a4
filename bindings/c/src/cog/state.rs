//! The state of a loop: the event loop, whose timers contain their callbacks, and a table of the watches with their
//! callbacks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_void};
use std::rc::Rc;
use std::sync::Arc;

use cogloop_io::memory::ByIndex;
use cogloop_io::{ClockChoice, EventLoop, Key, Options, Token, VirtualClock};

use super::answer::{Failure, expect_memory, to_c};
use super::ends::{End, Ends, Serving};
use super::hook_list::Hooks;
use super::options::{CogOptions, CogStats};
use super::post::{Post, Remote};
use super::tracing::Tracing;
use super::{CogPostFn, CogTimerFn, CogWatchFn, remotes};
use crate::must_return::must_return;
use crate::sys::cancellation::NotCancelled;
use crate::sys::sources::Signals;

/// The callback of a timer.
#[derive(Copy, Clone, Debug)]
pub(super) struct Call {
    pub(super) run: CogTimerFn,
    pub(super) ctx: *mut c_void,
}

/// A watch: its source and its callback.
pub(super) struct Watch {
    pub(super) run: CogWatchFn,
    pub(super) ctx: *mut c_void,
    pub(super) on_end: Option<CogPostFn>,
    pub(super) source: Source,
}

impl Watch {
    /// The end function.
    pub(super) fn end(&self) -> Option<End> {
        self.on_end.map(|run| End { run, ctx: self.ctx })
    }
}

pub(super) enum Source {
    Descriptor(std::ffi::c_int),
    Signal(Signals),
    Child(u32),
}

/// The counters of `cog_loop_stats`.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) turns: Cell<u64>,
    pub(super) timer_calls: Cell<u64>,
    pub(super) watch_calls: Cell<u64>,
    pub(super) post_calls: Cell<u64>,
    pub(super) late_ns_max: Cell<u64>,
}

impl Counters {
    pub(super) fn count(counter: &Cell<u64>) {
        counter.set(counter.get() + 1);
    }
}

pub(super) struct Loop {
    pub(super) id: u64,
    /// The number of forks (`remotes::forks`) of the process to which the loop belongs.
    pub(super) forks: Cell<u64>,
    pub(super) chosen: Options,
    // This field is dropped before `watches`: a signal's descriptor must leave the loop before it is closed.
    pub(super) events: RefCell<EventLoop<Call>>,
    /// The watches, by the index of their tokens.
    pub(super) watches: RefCell<ByIndex<Option<(Token, Watch)>>>,
    pub(super) ends: Ends,
    pub(super) hooks: Hooks,
    pub(super) clock: Option<VirtualClock>,
    pub(super) remote: RefCell<Arc<Remote>>,
    /// Posts that were taken out of the shared queue and have not run yet.
    pub(super) posts: RefCell<VecDeque<Post>>,
    /// The names of the backends that the loop has had, each with the reason for the choice. The last entry is the
    /// present backend. Older entries are kept because programs may have pointers to their texts.
    reports: RefCell<Vec<(CString, CString)>>,
    pub(super) is_running: Cell<bool>,
    /// Whether `cog_loop_stop` was called: no further callback starts in this run.
    pub(super) is_stopped: Cell<bool>,
    /// Whether the loop was freed. One of its callbacks may still be running.
    pub(super) is_closed: Cell<bool>,
    /// Whether a run waits for posts when there is nothing else to do.
    pub(super) is_kept_alive: Cell<bool>,
    /// The clock's reading when the last turn's wait ended, or at the last update.
    pub(super) cached_ns: Cell<u64>,
    /// Whether delays count from `cached_ns` instead of the time of the call.
    delays_are_cached: bool,
    pub(super) counters: Counters,
    pub(super) tracing: Tracing,
}

impl Loop {
    /// Makes a loop for a place in the thread's table.
    pub(super) fn new(options: &CogOptions, backend: Option<String>, place: u16) -> Result<Rc<Self>, Failure> {
        let clock = options.is_virtual().then(VirtualClock::new);
        let chosen = Options {
            backend,
            resolution_ns: options.resolution_ns(),
            slack_ns: options.slack_ns(),
            clock: clock.clone().map_or(ClockChoice::Monotonic, ClockChoice::Virtual),
            limits: options.limits(),
            recording: None,
        };
        let events = EventLoop::new(&chosen)?;
        expect_memory("loop")?;
        let remote = Arc::new(Remote::new(events.waker()));
        let id = remotes::add(Arc::clone(&remote), place)?;
        let made = Self {
            id,
            forks: Cell::new(remotes::forks()),
            chosen,
            watches: RefCell::default(),
            ends: Ends::default(),
            hooks: Hooks::default(),
            clock,
            remote: RefCell::new(remote),
            posts: RefCell::default(),
            reports: RefCell::default(),
            is_running: Cell::new(false),
            is_stopped: Cell::new(false),
            is_closed: Cell::new(false),
            is_kept_alive: Cell::new(false),
            cached_ns: Cell::new(0),
            delays_are_cached: options.delays_are_cached(),
            counters: Counters::default(),
            tracing: Tracing::default(),
            events: RefCell::new(events),
        };
        made.keep_report();
        Ok(Rc::new(made))
    }

    /// Records the backend's name and the reason for it.
    pub(super) fn keep_report(&self) {
        let events = self.events.borrow();
        let report = events.backend();
        self.reports.borrow_mut().push((to_c(report.name), to_c(report.reason.as_str())));
    }

    /// The backend's name and the reason for it. Both stay valid until the loop is freed.
    pub(super) fn report(&self) -> (*const c_char, *const c_char) {
        let reports = self.reports.borrow();
        reports.last().map_or((c"".as_ptr(), c"".as_ptr()), |(name, reason)| (name.as_ptr(), reason.as_ptr()))
    }

    pub(super) fn remote(&self) -> Arc<Remote> {
        Arc::clone(&self.remote.borrow())
    }

    /// Ends the run, and discards the posts that have not run. A second call does nothing.
    pub(super) fn close(&self) {
        self.is_stopped.set(true);
        self.is_closed.set(true);
        // The error has no receiver: the loop is gone. A forked child writes nothing.
        let _ = self.tracing.end();
        if self.forks.get() != remotes::forks() {
            // In a forked child the queue's lock may stay locked for ever: another thread may have held it during the
            // fork. The parent process discards its posts itself.
            return;
        }
        remotes::forget(self.id);
        let left = std::mem::take(&mut *self.posts.borrow_mut());
        let queued = self.remote.borrow().close();
        for post in left.into_iter().chain(queued) {
            if let Some(discard) = post.discard {
                // SAFETY: the user gave the function and its ctx for this call.
                must_return("the discard function of a post", || unsafe { discard(post.ctx) });
            }
        }
        self.end_everything();
    }

    /// The time from which delays count.
    #[inline(always)]
    pub(super) fn now_for_delays(&self, events: &EventLoop<Call>) -> u64 {
        if self.delays_are_cached { self.cached_ns.get() } else { events.now_ns() }
    }

    /// Calls `f`, the quick way of a call, with the event loop. Returns false if the event loop is borrowed.
    ///
    /// This reads the count of borrows and does not write it. If a call wrote the count, the next call would have to
    /// read it back. The processor holds back that read until it knows the addresses of all writes in between. Those
    /// are writes to a timer's neighbours, whose addresses are known late. With a million timers this wait took as long
    /// as the rest of a cancel (docs/benchmarks.md).
    #[inline(always)]
    pub(super) fn quickly(&self, f: impl FnOnce(&mut EventLoop<Call>) -> bool) -> bool {
        debug_assert!(self.events.try_borrow_mut().is_ok(), "a call begins while the event loop is borrowed");
        // SAFETY: the reference is dropped at once.
        if unsafe { self.events.try_borrow_unguarded() }.is_err() {
            return false;
        }
        // SAFETY:
        // 1. There is no `RefMut`, as the line above has found.
        // 2. There is no `Ref`: this crate keeps none while it calls a function of the user, so none exists when a call
        //    begins. A debug build checks this.
        // 3. `f` gets nothing but the event loop and its own values. So no second reference is made before it returns.
        f(unsafe { &mut *self.events.as_ptr() })
    }

    pub(super) fn stats(&self) -> CogStats {
        let (events, counters) = (self.events.borrow(), &self.counters);
        CogStats {
            size: 0,
            timers: events.timers() as u64,
            watches: events.descriptors() as u64,
            turns: counters.turns.get(),
            timer_calls: counters.timer_calls.get(),
            watch_calls: counters.watch_calls.get(),
            post_calls: counters.post_calls.get(),
            late_ns_max: counters.late_ns_max.get(),
        }
    }
}

impl Loop {
    /// The end function of a timer that was cancelled, if it can be called now.
    pub(super) fn end_of_timer(&self, key: Key, ctx: *mut c_void) -> Option<End> {
        self.ends.or_defer(Serving::Timer(key), self.ends.take_timers(key, ctx))
    }

    /// Calls the end functions of all timers and watches when the loop is freed. In these functions the loop's handle
    /// is stale.
    pub(super) fn end_everything(&self) {
        if !self.ends.are_used() {
            return;
        }
        for (key, run) in self.ends.drain_timers() {
            // Every entry belongs to a live timer, because the end of a timer takes its entry out.
            let Some(call) = self.events.borrow().timer(key).copied() else { continue };
            let end = Some(End { run, ctx: call.ctx });
            self.ends.or_defer(Serving::Timer(key), end).inspect(|end| end.call());
        }
        let of_watches = self.watches.borrow().indices();
        for index in of_watches {
            let Some((token, watch)) = self.watches.borrow_mut().take(index) else { continue };
            self.ends.or_defer(Serving::Watch(token), watch.end()).inspect(|end| end.call());
        }
    }
}

/// Runs for a freed loop, and for each loop of a thread that ends.
impl Drop for Loop {
    fn drop(&mut self) {
        let _whole = NotCancelled::new();
        self.close();
    }
}
