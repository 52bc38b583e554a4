//! Our own wheel.

use cogloop_engine::{Key, Wheel};

use crate::store::Store;

pub(crate) struct Ours(Wheel<u64>);

impl Store for Ours {
    const NAME: &'static str = "cogloop";
    type Handle = Key;

    fn new() -> Self {
        Self(Wheel::new())
    }

    #[inline]
    fn insert(&mut self, deadline: u64, id: u64) -> Key {
        self.0.insert(deadline, id)
    }

    #[inline]
    fn cancel(&mut self, key: Key) {
        self.0.cancel(key);
    }

    #[inline]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        self.0.advance(now);
        while let Some(timer) = self.0.pop_expired() {
            if let Some(again) = fired(timer.value) {
                self.0.insert(again, timer.value);
            }
        }
    }

    #[inline]
    fn advance_only(&mut self, now: u64) -> bool {
        self.0.advance(now);
        true
    }

    #[inline]
    fn next_deadline(&mut self) -> Option<u64> {
        self.0.next_deadline()
    }
}
