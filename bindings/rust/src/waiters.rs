//! The futures that wait for one direction of a descriptor, or for room in a channel, first in, first out. A future
//! that is dropped leaves the list at once.
//!
//! Adding a waiter, removing any waiter and taking the first one take constant time. The place of a dropped waiter is
//! used again, so abandoned waits keep no memory.

use crate::Error;
use crate::linked_slab::LinkedSlab;
use crate::slab::SlabKey;
use std::task::Waker;

/// Names a waiter. The name is stale when the waiter was woken or removed.
pub(crate) type WaiterKey = SlabKey;

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    /// The number of reports of the descriptor's readiness when the wait began. In a channel it is always 0.
    seen: u64,
}

/// The list of waiters. It contains all entries of the slab.
#[derive(Default, Debug)]
pub(crate) struct Waiters(LinkedSlab<Waiter>);

impl Waiters {
    /// Appends a waiter. `seen` is the number of reports when its wait began.
    pub(crate) fn try_add(&mut self, waker: Waker, seen: u64) -> Result<WaiterKey, Error> {
        let key = self.0.try_add(Waiter { waker, seen })?;
        self.0.append(key);
        Ok(key)
    }

    /// The waker of a waiter.
    pub(crate) fn waker_mut(&mut self, key: WaiterKey) -> Option<&mut Waker> {
        self.0.get_mut(key).map(|waiter| &mut waiter.waker)
    }

    /// Takes a waiter out. The caller drops the returned waker outside of any borrow.
    pub(crate) fn remove(&mut self, key: WaiterKey) -> Option<Waker> {
        self.0.remove(key).map(|waiter| waiter.waker)
    }

    /// Takes the first waiter, unless it has seen all these reports.
    pub(crate) fn next_before(&mut self, reports: u64) -> Option<Waker> {
        let (key, _) = self.0.first().filter(|(_, waiter)| waiter.seen != reports)?;
        self.remove(key)
    }

    pub(crate) fn next(&mut self) -> Option<Waker> {
        let (key, _) = self.0.first()?;
        self.remove(key)
    }

    /// Panics if the list and its entries disagree.
    pub(crate) fn audit(&self) {
        self.0.audit();
        assert_eq!(self.0.len(), self.0.entries(), "the number of waiters in the list, and of all waiters");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::choices;
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    struct Named(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    /// Compares random additions and removals with a plain list.
    #[test]
    fn the_list_is_first_in_first_out_whichever_entry_leaves_it() {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let (mut waiters, mut model) = (Waiters::default(), Vec::<(u32, WaiterKey, u64)>::new());
        let mut reports = 0;
        for (name, choice) in (0..20_000).zip(choices()) {
            match choice % 8 {
                0..4 => {
                    let waker = Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
                    model.push((name, waiters.try_add(waker, reports).unwrap(), reports));
                }
                4..7 if !model.is_empty() => {
                    let (_, key, _) = model.remove(choice / 8 % model.len());
                    assert!(
                        waiters.remove(key).is_some() && waiters.remove(key).is_none(),
                        "a waiter leaves at once, and only once"
                    );
                }
                _ if choice % 64 == 7 => {
                    reports += 1;
                    std::iter::from_fn(|| waiters.next_before(reports)).for_each(Waker::wake);
                    let expected: Vec<_> = model.drain(..).map(|(name, ..)| name).collect();
                    assert_eq!(std::mem::take(&mut *woken.lock().unwrap()), expected);
                }
                _ => assert!(waiters.next_before(reports).is_none(), "no wait began before the report"),
            }
            waiters.audit();
        }
        let most = waiters.0.places();
        assert!(most < 200, "{most} places for fewer waiters at a time");
    }
}
