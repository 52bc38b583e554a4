//! The algorithm of glommio: a sorted map of deadlines, and a hash map from the number of a timer to its deadline.
//!
//! The crate's own timers are private to its reactor, which exists only inside of its executor, with rings of io_uring.
//! So this file follows `reactor.rs` of glommio 0.9, with a faster hash function. Due timers are split off the map, and
//! then visited.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use rustc_hash::FxBuildHasher;

use crate::store::Store;

#[derive(Default)]
pub(crate) struct Glommio {
    timers: BTreeMap<(u64, u64), u64>,
    deadlines: HashMap<u64, u64, FxBuildHasher>,
    /// The number of the last timer.
    last: u64,
}

impl Store for Glommio {
    const NAME: &'static str = "glommio-way";
    /// The number of a timer.
    type Handle = u64;

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> u64 {
        self.last += 1;
        self.deadlines.insert(self.last, deadline);
        self.timers.insert((deadline, self.last), id);
        self.last
    }

    #[inline(always)]
    fn cancel(&mut self, &mut number: &mut u64) {
        if let Some(deadline) = self.deadlines.remove(&number) {
            self.timers.remove(&(deadline, number));
        }
    }

    #[inline(always)]
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        let pending = self.timers.split_off(&(now.saturating_add(1), 0));
        for ((_, number), id) in mem::replace(&mut self.timers, pending) {
            self.deadlines.remove(&number);
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
