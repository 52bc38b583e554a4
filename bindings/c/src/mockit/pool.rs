//! The pool of threads on which callbacks run: its members, and when it needs another thread. The code that a thread
//! runs is in `service`.
//!
//! There are at most as many threads as cores, until callbacks seem to block. While jobs wait, the timer thread checks
//! the pool at least once in a millisecond. If all threads are busy and no job was taken for a millisecond, the threads
//! count as blocked, and the timer thread adds a thread. So a callback that blocks delays others by one to two
//! milliseconds. Threads without work for ten seconds end.
//!
//! Pools on crates.io that grow, such as the pool of `blocking`, add threads when their queue is long. With a thousand
//! short callbacks they would start hundreds of threads.

use std::cell::Cell;
use std::collections::{HashMap, TryReserveError};
use std::num::NonZeroU64;
use std::thread::{self, JoinHandle};

use super::time::NS_PER_MS;
use super::timers::Runner;

/// If no job was taken for this long, busy threads count as blocked. The timer thread also checks the pool at this
/// interval while jobs wait for a thread.
pub(super) const PATIENCE_NS: u64 = NS_PER_MS;

thread_local! {
    static NUMBER: Cell<Option<Runner>> = const { Cell::new(None) };
}

/// Stores the number of the calling thread, which is a thread of the pool. [`number`] returns it.
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
    /// The number of jobs that threads had taken at the last check. `seen_ns` is the time of the check that first found
    /// this number, or that last found the threads blocked.
    seen: u64,
    seen_ns: u64,
    cores: Option<usize>,
    last: u64,
}

impl Pool {
    /// Decides what to do for waiting jobs. `taken` is the number of jobs that threads have taken so far.
    pub(super) fn need(&mut self, taken: u64, has_queued: bool, now_ns: u64) -> Need {
        let is_stuck = self.seen == taken && now_ns.saturating_sub(self.seen_ns) >= PATIENCE_NS;
        if self.seen != taken || is_stuck {
            (self.seen, self.seen_ns) = (taken, now_ns);
        }
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

    /// Empties the pool. Returns the threads that are not in a callback or a destructor. They end as soon as they see
    /// that the service is closing.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the pool at this time, in tenths of a millisecond, and starts a thread that it needs.
    fn check(pool: &mut Pool, taken: u64, tenths: u64) -> bool {
        let needed = pool.need(taken, true, tenths * (NS_PER_MS / 10));
        let Need::Thread(me) = needed else { return false };
        pool.add(me, thread::spawn(|| ()));
        true
    }

    #[test]
    fn busy_threads_count_as_blocked_after_a_millisecond_in_which_no_job_was_taken() {
        let mut pool = Pool { cores: Some(2), ..Pool::default() };
        assert!(check(&mut pool, 0, 100) && check(&mut pool, 1, 100), "a thread for each core");
        assert!(!check(&mut pool, 2, 101), "two jobs have been taken meanwhile");
        for tenths in 102..=110 {
            assert!(!check(&mut pool, 2, tenths), "checked early, at {tenths}");
        }
        assert!(check(&mut pool, 2, 111), "both are blocked");
        assert!(!check(&mut pool, 2, 112) && !check(&mut pool, 3, 122), "the new thread takes a job");
        assert!(check(&mut pool, 3, 132) && pool.threads() == 4, "it is blocked, too");
    }
}
