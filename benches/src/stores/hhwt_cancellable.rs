//! The cancellable wheel of `hierarchical_hash_wheel_timer`: the plain wheel with weak references, and a hash map of
//! the live timers.

use std::rc::Rc;
use std::time::Duration;

use hierarchical_hash_wheel_timer::wheels::cancellable::{CancellableTimerEntry, QuadWheelWithOverflow};

use super::hhwt_plain::{next_stop, ticks_to_skip};
use crate::store::Store;

#[derive(Debug)]
struct Timer(u64);

impl CancellableTimerEntry for Timer {
    type Id = u64;

    #[inline(always)]
    fn id(&self) -> &u64 {
        &self.0
    }
}

pub(crate) struct HhwtCancellable {
    now: u64,
    wheel: QuadWheelWithOverflow<Timer>,
}

impl HhwtCancellable {
    #[inline(always)]
    fn set(&mut self, deadline: u64, timer: Rc<Timer>) {
        let delay = Duration::from_millis(deadline - self.now);
        self.wheel.insert_ref_with_delay(timer, delay).expect("a deadline to come");
    }
}

impl Store for HhwtCancellable {
    const NAME: &'static str = "hhwt-cancellable";
    const NEXT_IS_EXACT: bool = false;
    const GIVES_UP: &'static str = "the exact next deadline";
    type Handle = u64;

    fn new() -> Self {
        Self { now: 0, wheel: QuadWheelWithOverflow::new() }
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> u64 {
        self.set(deadline, Rc::new(Timer(id)));
        id
    }

    #[inline(always)]
    fn cancel(&mut self, &mut id: &mut u64) {
        self.wheel.cancel(&id).expect("a pending timer");
    }

    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        while self.now < now {
            if let Some(ticks) = ticks_to_skip(&self.wheel.can_skip(), now - self.now) {
                self.wheel.skip(ticks);
                self.now += u64::from(ticks);
                continue;
            }
            self.now += 1;
            for timer in self.wheel.tick() {
                if let Some(again) = fired(timer.0) {
                    self.set(again, timer);
                }
            }
        }
    }

    fn next_deadline(&mut self) -> Option<u64> {
        next_stop(self.now, &self.wheel.can_skip())
    }
}
