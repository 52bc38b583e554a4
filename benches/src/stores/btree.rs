//! The standard library's sorted map: a good choice without another crate.

use std::collections::BTreeMap;

use crate::store::Store;

#[derive(Default)]
pub(crate) struct BTree {
    timers: BTreeMap<(u64, u64), u64>,
    /// Distinguishes equal deadlines and keeps them in the order of insertion.
    sequence: u64,
}

impl Store for BTree {
    const NAME: &'static str = "btreemap";
    type Handle = (u64, u64);

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> (u64, u64) {
        self.sequence += 1;
        let handle = (deadline, self.sequence);
        self.timers.insert(handle, id);
        handle
    }

    #[inline(always)]
    fn cancel(&mut self, &mut handle: &mut (u64, u64)) {
        self.timers.remove(&handle);
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        while let Some(first) = self.timers.first_entry().filter(|first| first.key().0 <= now) {
            let id = first.remove();
            if let Some(again) = fired(id) {
                self.insert(again, id);
            }
        }
    }

    #[inline(always)]
    fn next_deadline(&mut self) -> Option<u64> {
        self.timers.first_key_value().map(|(&(deadline, _), _)| deadline)
    }
}
