//! The wheel of this project.

use std::num::NonZeroU64;

use cogloop_engine::{Key, MOVES_A_MILLISECOND, Wheel};

use crate::store::Store;

/// The values have a niche, as in the scheduler. So a node has 32 bytes. With a plain `u64` it would have 40.
pub(crate) struct Ours(Wheel<Id>);

/// An id in the upper 63 bits. The lowest bit is always set, so the value is never 0.
#[derive(Copy, Clone)]
struct Id(NonZeroU64);

impl Id {
    #[inline(always)]
    fn new(id: u64) -> Self {
        Self(NonZeroU64::MIN | id << 1)
    }

    #[inline(always)]
    fn get(self) -> u64 {
        self.0.get() >> 1
    }
}

impl Store for Ours {
    const NAME: &'static str = "cogloop";
    type Handle = Key;

    fn new() -> Self {
        Self(Wheel::new())
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> Key {
        self.0.insert(deadline, Id::new(id))
    }

    #[inline(always)]
    fn cancel(&mut self, &mut key: &mut Key) {
        self.0.cancel(key);
    }

    #[inline(always)]
    fn restart(&mut self, &mut key: &mut Key, deadline: u64, _id: u64) {
        self.0.reschedule(key, deadline);
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        self.0.advance(now);
        while let Some(timer) = self.0.peek_expired() {
            match fired(timer.get().get()) {
                Some(again) => timer.reschedule(again),
                None => drop(timer.remove()),
            }
        }
    }

    fn advance_in_slices(&mut self, now: u64, mut slice_done: impl FnMut()) {
        while !self.0.advance_within(now, MOVES_A_MILLISECOND) {
            slice_done();
        }
        slice_done();
    }

    #[inline(always)]
    fn next_deadline(&mut self) -> Option<u64> {
        self.0.next_deadline()
    }
}
