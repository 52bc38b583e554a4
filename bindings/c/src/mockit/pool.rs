//! The pool of threads on which callbacks run: its members, and when it needs another thread. The code that a thread
//! runs is in `service`.
//!
//! While no callback blocks, there are at most as many threads as cores. While jobs wait, the timer thread checks the
//! pool each millisecond. If no job was taken since the last check, all threads are blocked, and the timer thread adds
//! one. So a callback that blocks delays others by a millisecond. Threads without work for ten seconds end.
//!
//! The pools on crates.io add threads when their queue is long. With a thousand short callbacks they would start
//! hundreds of threads.

use std::cell::Cell;
use std::collections::{HashMap, TryReserveError};
use std::num::NonZeroU64;
use std::thread::{self, JoinHandle};

use super::timers::Runner;

thread_local! {
    static NUMBER: Cell<Option<Runner>> = const { Cell::new(None) };
}

/// Makes the calling thread a member of the pool.
pub(super) fn enlist(me: Runner) {
    NUMBER.set(Some(me));
}

/// The number of the calling thread, if it is a member of the pool.
pub(super) fn number() -> Option<Runner> {
    NUMBER.get()
}

#[derive(Debug)]
struct Member {
    handle: JoinHandle<()>,
    /// Whether the thread is inside a callback or a destructor.
    is_busy: bool,
}

/// What the caller has to do so that a thread takes the waiting jobs.
pub(super) enum Need {
    Nothing,
    /// Wake a thread that waits for work.
    Wake,
    /// Start a new thread with this number.
    Thread(Runner),
}

#[derive(Debug, Default)]
pub(super) struct Pool {
    members: HashMap<Runner, Member>,
    /// The number of threads that wait for work.
    pub(super) idle: usize,
    /// The number of jobs taken at the timer thread's last check.
    seen: u64,
    cores: Option<usize>,
    last: u64,
}

impl Pool {
    /// Decides what to do for waiting jobs. `taken` is the number of jobs that threads have taken so far.
    pub(super) fn need(&mut self, taken: u64, has_queued: bool) -> Need {
        let is_stuck = std::mem::replace(&mut self.seen, taken) == taken;
        if !has_queued {
            return Need::Nothing;
        }
        let busy = self.members.len() - self.idle;
        let cores = *self.cores.get_or_insert_with(|| thread::available_parallelism().map_or(1, usize::from));
        if busy >= cores && !is_stuck {
            return Need::Nothing;
        }
        if self.idle > 0 {
            return Need::Wake;
        }
        self.last += 1;
        Need::Thread(NonZeroU64::MIN.saturating_add(self.last))
    }

    /// The number of threads.
    pub(super) fn threads(&self) -> usize {
        self.members.len()
    }

    /// Makes room for one more thread.
    pub(super) fn expect_thread(&mut self) -> Result<(), TryReserveError> {
        self.members.try_reserve(1)
    }

    pub(super) fn add(&mut self, me: Runner, handle: JoinHandle<()>) {
        self.members.insert(me, Member { handle, is_busy: false });
    }

    pub(super) fn remove(&mut self, me: Runner) {
        self.members.remove(&me);
    }

    /// Takes the threads that are not in a callback. They end as soon as they see that the service is closing.
    pub(super) fn take_free(&mut self) -> impl Iterator<Item = JoinHandle<()>> + use<> {
        let members = std::mem::take(&mut self.members);
        members.into_values().filter(|member| !member.is_busy).map(|member| member.handle)
    }

    pub(super) fn set_busy(&mut self, me: Runner, is_busy: bool) {
        if let Some(member) = self.members.get_mut(&me) {
            member.is_busy = is_busy;
        }
    }
}
