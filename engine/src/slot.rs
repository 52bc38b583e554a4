//! One slot: the timers of one stretch of time, in the order in which they were inserted.

use crate::arena::{Arena, Ref};
use crate::queue::{Pool, Queue};

/// Stale references that a queue may hold beyond as many as it has current ones.
const STALE_ALLOWANCE: u32 = 6;

/// Whether a queue of `refs` references, `live` of which are current, has gathered so many stale ones that dropping
/// them is worth a walk. The walk then visits at most two references for each cancel since the last one.
#[inline]
pub(crate) fn is_littered(refs: u32, live: u32) -> bool {
    refs > 2 * live + STALE_ALLOWANCE
}

/// The timers of one stretch of time.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) queue: Queue,
    /// Current references in the queue. The slot's bit is set while this is not 0.
    pub(crate) live: u32,
    /// No timer of the slot has an earlier deadline. One has exactly this one, if `earliest_is_exact`.
    earliest: u64,
    earliest_is_exact: bool,
    /// The references stand in the order of their deadlines.
    pub(crate) sorted: bool,
    /// The deadline that was appended last.
    last: u64,
}

impl Slot {
    pub(crate) const EMPTY: Self =
        Self { queue: Queue::EMPTY, live: 0, earliest: u64::MAX, earliest_is_exact: true, sorted: true, last: 0 };

    #[inline]
    pub(crate) fn push(&mut self, pool: &mut Pool, r: Ref, deadline: u64) {
        pool.push(&mut self.queue, r);
        self.live += 1;
        self.sorted &= deadline >= self.last;
        self.last = deadline;
        if deadline < self.earliest {
            (self.earliest, self.earliest_is_exact) = (deadline, true);
        }
    }

    /// Takes note that one of the slot's references, to a timer of this deadline, has become stale.
    #[inline]
    pub(crate) fn forget_one<T: Default>(&mut self, pool: &mut Pool, arena: &Arena<T>, deadline: u64) {
        self.live -= 1;
        if self.live == 0 {
            pool.clear(&mut self.queue);
            *self = Self::EMPTY;
            return;
        }
        self.earliest_is_exact &= deadline != self.earliest;
        if is_littered(self.queue.refs(), self.live) {
            pool.retain(&mut self.queue, |r| arena.current(r).is_some());
        }
    }

    /// The earliest deadline in the slot, which is not empty.
    ///
    /// Looked for only when the earliest timer was cancelled since the last time: at the front, if the slot is sorted
    /// – as it is where timers have the same delay – and else through the slot.
    #[inline]
    pub(crate) fn earliest<T: Default>(&mut self, pool: &mut Pool, arena: &Arena<T>) -> u64 {
        if !self.earliest_is_exact {
            self.find_earliest(pool, arena);
        }
        self.earliest
    }

    #[cold]
    fn find_earliest<T: Default>(&mut self, pool: &mut Pool, arena: &Arena<T>) {
        self.earliest_is_exact = true;
        if self.sorted {
            while let Some(first) = pool.peek(&self.queue) {
                if let Some(deadline) = arena.current(first) {
                    self.earliest = deadline;
                    return;
                }
                pool.skip(&mut self.queue);
            }
        }
        self.earliest = pool.iter(&self.queue).filter_map(|r| arena.current(r)).min().unwrap_or(u64::MAX);
    }

    /// Panics unless the slot's notes about its timers are true.
    pub(crate) fn audit<T: Default>(&self, pool: &Pool, arena: &Arena<T>) {
        let deadlines = || pool.iter(&self.queue).filter_map(|r| arena.current(r));
        assert_eq!(deadlines().count(), self.live as usize, "live timers counted, and the count kept, in {self:?}");
        assert!(!is_littered(self.queue.refs(), self.live), "{self:?} keeps too many stale references");
        assert!(!self.sorted || deadlines().is_sorted(), "a slot that calls itself sorted is: {self:?}");
        let earliest = deadlines().min().unwrap_or(u64::MAX);
        assert!(self.earliest <= earliest, "{self:?} has a timer at {earliest}");
        assert!(!self.earliest_is_exact || self.earliest == earliest, "{self:?} has its first timer at {earliest}");
    }
}
