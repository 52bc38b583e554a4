//! The plain wheel of `hierarchical_hash_wheel_timer`. It cannot cancel, so a slab of generations is added.

use std::time::Duration;

use hierarchical_hash_wheel_timer::wheels::Skip;
use hierarchical_hash_wheel_timer::wheels::quad_wheel::QuadWheelWithOverflow;

use super::generations::{Generations, Ticket};
use crate::store::Store;

pub(crate) struct HhwtPlain {
    now: u64,
    wheel: QuadWheelWithOverflow<Ticket>,
    generations: Generations,
}

impl Store for HhwtPlain {
    const NAME: &'static str = "hhwt-plain";
    const NEXT_IS_EXACT: bool = false;
    const GIVES_UP: &'static str = "the exact next deadline, the memory of cancelled timers";
    type Handle = Ticket;

    fn new() -> Self {
        Self { now: 0, wheel: QuadWheelWithOverflow::default(), generations: Generations::default() }
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> Ticket {
        let ticket = self.generations.issue(id);
        let delay = Duration::from_millis(deadline - self.now);
        self.wheel.insert_with_delay(ticket, delay).expect("a deadline to come");
        ticket
    }

    #[inline(always)]
    fn cancel(&mut self, &mut ticket: &mut Ticket) {
        self.generations.redeem(ticket);
    }

    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        while self.now < now {
            if let Some(ticks) = ticks_to_skip(&self.wheel.can_skip(), now - self.now) {
                self.wheel.skip(ticks);
                self.now += u64::from(ticks);
                continue;
            }
            self.now += 1;
            for ticket in self.wheel.tick() {
                let Some(id) = self.generations.redeem(ticket) else { continue };
                if let Some(again) = fired(id) {
                    self.insert(again, id);
                }
            }
        }
    }

    fn next_deadline(&mut self) -> Option<u64> {
        next_stop(self.now, &self.wheel.can_skip())
    }
}

/// The number of ticks that the wheel may skip on its way to a tick `ahead` ticks from now. `None` if the wheel must
/// visit the next tick.
pub(super) fn ticks_to_skip(skip: &Skip, ahead: u64) -> Option<u32> {
    let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
    match skip {
        Skip::Empty => Some(ahead),
        Skip::Millis(ticks) => Some(ahead.min(*ticks)),
        Skip::None => None,
    }
}

/// The next tick that cannot be skipped.
pub(super) fn next_stop(now: u64, skip: &Skip) -> Option<u64> {
    match skip {
        Skip::Empty => None,
        Skip::Millis(ticks) => Some(now + u64::from(*ticks) + 1),
        Skip::None => Some(now + 1),
    }
}
