//! A loop as this binding has it: the event loop, whose timers carry their callbacks, and a table of the watches'.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CString, c_void};
use std::rc::Rc;
use std::sync::Arc;

use cogloop_io::memory::ByIndex;
use cogloop_io::{ClockChoice, EventLoop, Options, Token, VirtualClock};

use super::answer::{Failure, expect_memory, to_c};
use super::options::{CogOptions, CogStats};
use super::post::{Post, Remote};
use super::watches::Watch;
use super::{CogTimerFn, remotes};

/// What a timer calls.
#[derive(Copy, Clone, Debug)]
pub(super) struct Call {
    /// `None` only in a free place of the wheel.
    pub(super) run: Option<CogTimerFn>,
    pub(super) ctx: *mut c_void,
}

impl Default for Call {
    fn default() -> Self {
        Self { run: None, ctx: std::ptr::null_mut() }
    }
}

pub(super) struct Loop {
    pub(super) id: u64,
    /// The process that made it.
    pub(super) forks: u64,
    // Before the watches: a signal's descriptor leaves the loop before it is given up.
    pub(super) events: RefCell<EventLoop<Call>>,
    /// By the index of their tokens.
    pub(super) watches: RefCell<ByIndex<Option<(Token, Watch)>>>,
    pub(super) clock: Option<VirtualClock>,
    pub(super) remote: Arc<Remote>,
    /// Posts that are on this thread, and did not run yet.
    pub(super) posts: RefCell<VecDeque<Post>>,
    pub(super) backend: CString,
    pub(super) reason: CString,
    pub(super) is_running: Cell<bool>,
    /// No further callback starts in this run.
    pub(super) is_stopped: Cell<bool>,
    pub(super) stats: Cell<CogStats>,
}

impl Loop {
    pub(super) fn new(options: &CogOptions, backend: Option<String>) -> Result<Rc<Self>, Failure> {
        let clock = options.is_virtual().then(VirtualClock::new);
        let chosen = Options {
            backend,
            resolution_ns: options.resolution_ns(),
            clock: clock.clone().map_or(ClockChoice::Monotonic, ClockChoice::Virtual),
            limits: options.limits(),
        };
        let events = EventLoop::new(&chosen)?;
        expect_memory("loop")?;
        let remote = Arc::new(Remote::new(events.waker()));
        let id = remotes::add(Arc::clone(&remote))?;
        Ok(Rc::new(Self {
            id,
            forks: remotes::forks(),
            watches: RefCell::default(),
            clock,
            remote,
            posts: RefCell::default(),
            backend: to_c(events.backend().name),
            reason: to_c(events.backend().reason.as_str()),
            is_running: Cell::new(false),
            is_stopped: Cell::new(false),
            stats: Cell::default(),
            events: RefCell::new(events),
        }))
    }

    /// Ends its run, and discards what was posted and did not run. Once it has been, it does nothing.
    pub(super) fn close(&self) {
        self.is_stopped.set(true);
        if self.forks != remotes::forks() {
            // The parent's thread may have held the queue's lock when it forked, and discards what is its own.
            return;
        }
        remotes::forget(self.id);
        let left = std::mem::take(&mut *self.posts.borrow_mut());
        for post in left.into_iter().chain(self.remote.close()) {
            if let Some(discard) = post.discard {
                // SAFETY: the user gave both for this.
                unsafe { discard(post.ctx) };
            }
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut CogStats)) {
        let mut stats = self.stats.get();
        change(&mut stats);
        self.stats.set(stats);
    }
}

/// Also at the end of its thread.
impl Drop for Loop {
    fn drop(&mut self) {
        self.close();
    }
}
