//! `bitwheel` with failover: a wheel whose slots hold a fixed number of timers, and a sorted map for the timers that
//! find no room.
//!
//! A timer does not move to a finer slot as its deadline comes near. So it fires early or late by up to the span of its
//! slot, and even later if its slot was full. The store is not exact.

use std::time::{Duration, Instant};

use bitwheel::timer::{BitWheelWithFailover, Timer, TimerHandle};

use crate::store::Store;

struct Id(u64);

impl Timer for Id {
    type Context = Vec<u64>;

    #[inline(always)]
    fn fire(&mut self, fired: &mut Vec<u64>) {
        fired.push(self.0);
    }
}

/// A tick is 1 ms, the shortest tick of the crate. The other parameters are those of the crate's
/// `PreciseWheelWithFailover`, with one more gear for the delays of the workloads.
pub(crate) struct Bitwheel {
    wheel: Box<BitWheelWithFailover<Id, 4, 1, 32, 8, 32>>,
    epoch: Instant,
    fired: Vec<u64>,
}

impl Store for Bitwheel {
    const NAME: &'static str = "bitwheel";
    const DELAY_MAX: u64 = (1 << 24) - 1;
    const NEXT_IS_EXACT: bool = false;
    const EXACT: bool = false;
    const GIVES_UP: &'static str = "exact deadlines";
    /// `None` once the timer is cancelled: the crate's handle cannot be copied.
    type Handle = Option<TimerHandle>;

    fn new() -> Self {
        let epoch = Instant::now();
        Self { wheel: BitWheelWithFailover::boxed_with_epoch(epoch), epoch, fired: Vec::new() }
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> Option<TimerHandle> {
        Some(self.wheel.insert(self.epoch + Duration::from_millis(deadline), Id(id)))
    }

    #[inline(always)]
    fn cancel(&mut self, handle: &mut Option<TimerHandle>) {
        handle.take().and_then(|handle| self.wheel.cancel(handle));
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        self.wheel.poll(self.epoch + Duration::from_millis(now), &mut self.fired);
        let mut due = std::mem::take(&mut self.fired);
        for id in due.drain(..) {
            if let Some(again) = fired(id) {
                self.insert(again, id);
            }
        }
        self.fired = due;
    }

    #[inline(always)]
    fn next_deadline(&mut self) -> Option<u64> {
        let next = self.wheel.peek_next_fire()?;
        Some((next - self.epoch).as_millis() as u64)
    }
}
