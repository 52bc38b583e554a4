//! The state of all timers: armed, queued, running. The service's lock protects it. Threads are only numbers here, and
//! no callback is called. So a test can try every order of events.
//!
//! ```text
//!   armed ── due ──► queued ── take ──► running ── finish ──► ended: destructor or free
//!     ▲                ▲                   │
//!     │ interval       └── due again ──────┤
//!     └────────────────────────────────────┘
//! ```

use std::collections::{HashMap, TryReserveError, VecDeque};
use std::num::NonZeroU64;

use cogloop_engine::{Key, Missed, NoRoom, Plan, Scheduler};

use super::layout::Mockit;
use super::time::NS_PER_MS;

/// The number of a thread of the pool.
pub(super) type Runner = NonZeroU64;

/// What the caller has to do to end a timer.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Call the destructor, outside the lock.
    Now,
    /// Do nothing: the timer ends later, or has ended, or another call ends it.
    Not,
    /// Ask again after the timer's callback has returned.
    Wait,
}

/// A timer between its deadline and the end of its callback.
#[derive(Debug, Default)]
struct Flight {
    /// The number of deadlines that have passed and were not served.
    due: u32,
    is_queued: bool,
    runner: Option<Runner>,
    /// Whether the timer ends after its callback. A one-off timer does. An interval does if it was destroyed in its own
    /// callback, or in another callback for whose end its own callback waits.
    is_last: bool,
}

/// A job for a thread of the pool.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) timer: *mut Mockit,
    /// `false` for a one-off timer that was disarmed: it ends without a callback.
    pub(super) calls: bool,
}

#[derive(Debug)]
pub(super) struct Timers {
    scheduler: Scheduler<usize>,
    flights: HashMap<usize, Flight>,
    /// The queue always has room for the timers in flight that are not queued yet.
    queue: VecDeque<usize>,
    /// For each thread of the pool that waits: the timer for whose callback it waits. The map has room for all threads
    /// of the pool.
    waits: HashMap<Runner, usize>,
    /// The number of jobs that threads have taken so far.
    pub(super) taken: u64,
}

impl Timers {
    pub(super) fn new() -> Self {
        let tick = const { NonZeroU64::new(NS_PER_MS).unwrap() };
        Self {
            scheduler: Scheduler::new(tick),
            flights: HashMap::new(),
            queue: VecDeque::new(),
            waits: HashMap::new(),
            taken: 0,
        }
    }

    /// Makes room for one more thread of the pool, which has `threads` now.
    pub(super) fn expect_thread(&mut self, threads: usize) -> Result<(), TryReserveError> {
        self.waits.try_reserve(threads + 1)
    }

    /// The next deadline; `u64::MAX` if there is none.
    pub(super) fn next_deadline(&mut self) -> u64 {
        self.scheduler.next_deadline().unwrap_or(u64::MAX)
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Arms a timer from `now_ns`, or arms it again. An interval of 0 ms counts as 1 ms. Returns the deadline. Without
    /// memory nothing changes.
    ///
    /// # Safety
    /// `timer` points to a timer that has not ended, here and in the other functions.
    pub(super) unsafe fn arm(&mut self, timer: *mut Mockit, now_ns: u64, ms: u64) -> Result<u64, NoRoom> {
        // SAFETY: the caller keeps this function's contract.
        let mockit = unsafe { &*timer };
        let ns = ms.saturating_mul(NS_PER_MS);
        let deadline_ns = now_ns.saturating_add(ns);
        let plan = match NonZeroU64::new(ns.max(NS_PER_MS)) {
            Some(period) if mockit.is_cyclic() => {
                Plan::every(now_ns.saturating_add(period.get()), period, Missed::Burst)
            }
            _ => Plan::once(deadline_ns),
        };
        let key = self.scheduler.try_add(plan, timer as usize)?;
        if let Some(before) = self.armed(timer, mockit) {
            self.scheduler.cancel(before);
        }
        // Callbacks that are due but have not begun are dropped. A running callback goes on, and does not end the
        // timer.
        if let Some(flight) = self.flights.get_mut(&(timer as usize)) {
            (flight.due, flight.is_last) = (0, false);
        }
        mockit.revive();
        mockit.set_key(key.to_bits());
        Ok(plan.deadline)
    }

    /// # Safety
    /// As for [`Timers::arm`].
    pub(super) unsafe fn disarm(&mut self, timer: *mut Mockit) {
        // SAFETY: the caller keeps this function's contract.
        let mockit = unsafe { &*timer };
        mockit.disarm();
        if mockit.is_cyclic() {
            self.silence(timer, mockit);
        }
    }

    /// Returns what the caller has to do to destroy a timer. `me` is the caller's number, if the caller is a thread of
    /// the pool. `goes_on` is true when the caller asks again after a wait.
    ///
    /// # Safety
    /// As for [`Timers::arm`].
    pub(super) unsafe fn destroy(&mut self, timer: *mut Mockit, me: Option<Runner>, goes_on: bool) -> Ending {
        // SAFETY: the caller keeps this function's contract.
        let mockit = unsafe { &*timer };
        let is_pending = self.armed(timer, mockit).is_some() || self.flights.contains_key(&(timer as usize));
        if !mockit.is_cyclic() && is_pending {
            // The timer ends at its deadline.
            mockit.disarm();
            return Ending::Not;
        }
        // The callback may have armed the timer again while another thread waited for it to return.
        if !mockit.begin_to_end() && !goes_on {
            return Ending::Not;
        }
        self.silence(timer, mockit);
        if let Some(me) = me {
            self.waits.remove(&me);
        }
        let Some(flight) = self.flights.get_mut(&(timer as usize)) else { return Ending::Now };
        if flight.runner.is_none() {
            self.flights.remove(&(timer as usize));
            return Ending::Now;
        }
        let Some(me) = me else { return Ending::Wait };
        if self.waits_for(timer as usize, me) {
            if let Some(flight) = self.flights.get_mut(&(timer as usize)) {
                flight.is_last = true;
            }
            return Ending::Not;
        }
        self.waits.insert(me, timer as usize);
        Ending::Wait
    }

    /// Queues the timers that are due at `now_ns`. A long list takes several calls. A call also ends early if memory
    /// runs out. In both cases `next_deadline` has passed, so the timer thread calls again.
    pub(super) fn expire(&mut self, now_ns: u64) {
        self.scheduler.advance(now_ns);
        while self.expect_flight().is_ok()
            && let Some(fired) = self.scheduler.pop()
        {
            let flight = self.flights.entry(fired.value).or_default();
            flight.due = flight.due.saturating_add(1);
            flight.is_last |= self.scheduler.get(fired.key).is_none();
            if flight.runner.is_none() && !flight.is_queued {
                flight.is_queued = true;
                self.queue.push_back(fired.value);
            }
        }
    }

    /// Makes room for one more timer in flight.
    fn expect_flight(&mut self) -> Result<(), TryReserveError> {
        self.flights.try_reserve(1)?;
        self.queue.try_reserve(self.flights.len() + 1)
    }

    /// The next job for this thread.
    pub(super) fn take(&mut self, me: Runner) -> Option<Job> {
        loop {
            let timer = self.queue.pop_front()?;
            // The queue may still contain a timer that is not in flight any more.
            let Some(flight) = self.flights.get_mut(&timer).filter(|flight| flight.is_queued) else { continue };
            flight.is_queued = false;
            if flight.due == 0 && !flight.is_last {
                self.flights.remove(&timer);
                continue;
            }
            flight.due = flight.due.saturating_sub(1);
            flight.runner = Some(me);
            self.taken += 1;
            let timer = timer as *mut Mockit;
            // SAFETY: a timer in flight has not ended, as its caller promised when arming it.
            let calls = !unsafe { &*timer }.is_disarmed();
            return Some(Job { timer, calls });
        }
    }

    /// Call when a timer's callback has returned. If the result is `true`, the timer has ended, and the caller has to
    /// call the destructor outside the lock.
    pub(super) fn finish(&mut self, timer: *mut Mockit) -> bool {
        let address = timer as usize;
        let Some(flight) = self.flights.get_mut(&address) else { return false };
        flight.runner = None;
        if flight.due > 0 {
            flight.is_queued = true;
            self.queue.push_back(address);
            return false;
        }
        let is_over = flight.is_last;
        self.flights.remove(&address);
        if is_over {
            // SAFETY: a timer in flight has not ended.
            unsafe { &*timer }.begin_to_end();
        }
        is_over
    }

    /// The key of an armed timer. The key in the struct may be stale or garbage.
    fn armed(&self, timer: *mut Mockit, mockit: &Mockit) -> Option<Key> {
        let key = Key::from_bits(mockit.key())?;
        (self.scheduler.get(key) == Some(&(timer as usize))).then_some(key)
    }

    /// Takes an interval out of the wheel, and drops its due callbacks.
    fn silence(&mut self, timer: *mut Mockit, mockit: &Mockit) {
        if let Some(key) = self.armed(timer, mockit) {
            self.scheduler.cancel(key);
        }
        if let Some(flight) = self.flights.get_mut(&(timer as usize)) {
            flight.due = 0;
        }
    }

    /// Whether waiting for the callback of `timer` would be a deadlock. That is so if the callback runs on the thread
    /// `me`, or if it waits, directly or through other callbacks, for a callback on that thread.
    fn waits_for(&self, mut timer: usize, me: Runner) -> bool {
        // The loop ends: each step goes to another waiting thread. There is no cycle, because each thread was checked
        // here before it began to wait.
        while let Some(runner) = self.flights.get(&timer).and_then(|flight| flight.runner) {
            if runner == me {
                return true;
            }
            let Some(&next) = self.waits.get(&runner) else { return false };
            timer = next;
        }
        false
    }
}

#[cfg(test)]
mod tests;
