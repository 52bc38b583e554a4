//! A store that does nothing. It shows the cost of the loops around the other stores.

use std::hint::black_box;

use crate::store::Store;

pub(crate) struct Nothing;

impl Store for Nothing {
    const NAME: &'static str = "nothing";
    type Handle = u64;

    fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> u64 {
        black_box(deadline ^ id)
    }

    #[inline(always)]
    fn cancel(&mut self, &mut handle: &mut u64) {
        black_box(handle);
    }

    #[inline(always)]
    fn restart(&mut self, handle: &mut u64, deadline: u64, id: u64) {
        black_box((handle, deadline ^ id));
    }

    fn advance(&mut self, _now: u64, _fired: impl FnMut(u64) -> Option<u64>) {}

    #[inline(always)]
    fn next_deadline(&mut self) -> Option<u64> {
        None
    }
}
