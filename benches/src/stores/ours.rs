//! The wheel of this project.

use cogloop_engine::{Key, MOVES_A_MILLISECOND, Wheel};

use crate::store::Store;

pub(crate) struct Ours(Wheel<u64>);

impl Store for Ours {
    const NAME: &'static str = "cogloop";
    type Handle = Key;

    fn new() -> Self {
        Self(Wheel::new())
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> Key {
        self.0.insert(deadline, id)
    }

    #[inline(always)]
    fn cancel(&mut self, key: Key) {
        self.0.cancel(key);
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        self.0.advance(now);
        while let Some(timer) = self.0.peek_expired() {
            match fired(*timer.get()) {
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
