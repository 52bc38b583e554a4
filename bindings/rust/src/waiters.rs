//! The futures that wait for one direction of a descriptor, or for room in a channel, first in, first out. One that is dropped leaves at once.
//!
//! ```text
//!   places   0 free ──► 3 free      1 ◄──► 2 ◄──► 4       each with a ticket, so that a stale key finds nothing
//!                                   first          last
//! ```
//!
//! Adding, removing from anywhere and taking the first cost the same however many wait. A place is used again, so a wait
//! that is given up keeps no memory.

use std::collections::TryReserveError;
use std::task::Waker;

const NONE: u32 = u32::MAX;

/// Names a waiter. Stale once it was woken or removed.
#[derive(Copy, Clone, Debug)]
pub(crate) struct WaiterKey {
    index: u32,
    ticket: u64,
}

#[derive(Debug)]
struct Place {
    /// `None`: free.
    waker: Option<Waker>,
    ticket: u64,
    /// How many reports there were when it began to wait.
    seen: u64,
    previous: u32,
    /// Of a free place: the next free one.
    next: u32,
}

#[derive(Debug)]
pub(crate) struct Waiters {
    places: Vec<Place>,
    first: u32,
    last: u32,
    free: u32,
    tickets: u64,
}

impl Default for Waiters {
    fn default() -> Self {
        Self { places: Vec::new(), first: NONE, last: NONE, free: NONE, tickets: 0 }
    }
}

impl Waiters {
    /// Adds one at the end; it has seen so many reports.
    pub(crate) fn try_add(&mut self, waker: Waker, seen: u64) -> Result<WaiterKey, TryReserveError> {
        self.tickets += 1;
        let (ticket, previous) = (self.tickets, self.last);
        let place = Place { waker: Some(waker), ticket, seen, previous, next: NONE };
        let index = match self.places.get(self.free as usize) {
            Some(free) => {
                let index = std::mem::replace(&mut self.free, free.next);
                self.places[index as usize] = place;
                index
            }
            None => {
                self.places.try_reserve(1)?;
                self.places.push(place);
                self.places.len() as u32 - 1
            }
        };
        match self.places.get_mut(previous as usize) {
            Some(previous) => previous.next = index,
            None => self.first = index,
        }
        self.last = index;
        Ok(WaiterKey { index, ticket })
    }

    /// The waker of a waiter.
    pub(crate) fn waker_mut(&mut self, key: WaiterKey) -> Option<&mut Waker> {
        self.places.get_mut(key.index as usize).filter(|place| place.ticket == key.ticket)?.waker.as_mut()
    }

    /// Takes one out, from wherever it stands. What comes back is for the caller to drop, without a borrow.
    pub(crate) fn remove(&mut self, key: WaiterKey) -> Option<Waker> {
        self.waker_mut(key)?;
        self.take(key.index)
    }

    /// The first of those that began to wait before there were so many reports.
    pub(crate) fn next_before(&mut self, reports: u64) -> Option<Waker> {
        let first = self.places.get(self.first as usize)?;
        if first.seen == reports { None } else { self.take(self.first) }
    }

    pub(crate) fn next(&mut self) -> Option<Waker> {
        self.take(self.first)
    }

    fn take(&mut self, index: u32) -> Option<Waker> {
        let place = self.places.get_mut(index as usize)?;
        let waker = place.waker.take()?;
        let (previous, next) = (place.previous, std::mem::replace(&mut place.next, self.free));
        self.free = index;
        match self.places.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.first = next,
        }
        match self.places.get_mut(next as usize) {
            Some(next) => next.previous = previous,
            None => self.last = previous,
        }
        Some(waker)
    }

    /// Panics when the list and its places disagree.
    pub(crate) fn audit(&self) {
        let (mut waiting, mut previous, mut index) = (0, NONE, self.first);
        while let Some(place) = self.places.get(index as usize) {
            assert!(place.waker.is_some(), "place {index} is in the list of waiters and free");
            assert_eq!(place.previous, previous, "the waiter before place {index}");
            (waiting, previous, index) = (waiting + 1, index, place.next);
            assert!(waiting <= self.places.len(), "the list of waiters is a ring");
        }
        assert_eq!(self.last, previous, "the last waiter");
        let filled = self.places.iter().filter(|place| place.waker.is_some()).count();
        assert_eq!(waiting, filled, "waiters in the list, against places that are filled");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    struct Named(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    /// Adds and removes at random, against a plain list.
    #[test]
    fn the_list_is_first_in_first_out_whoever_leaves_it() {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let (mut waiters, mut model) = (Waiters::default(), Vec::<(u32, WaiterKey, u64)>::new());
        let (mut random, mut reports) = (1_u64, 0);
        for name in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = (random >> 33) as usize;
            match choice % 8 {
                0..4 => {
                    let waker = Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
                    model.push((name, waiters.try_add(waker, reports).unwrap(), reports));
                }
                4..7 if !model.is_empty() => {
                    let (_, key, _) = model.remove(choice / 8 % model.len());
                    assert!(waiters.remove(key).is_some() && waiters.remove(key).is_none(), "gone at once, and once");
                }
                _ if choice % 64 == 7 => {
                    reports += 1;
                    std::iter::from_fn(|| waiters.next_before(reports)).for_each(Waker::wake);
                    let expected: Vec<_> = model.drain(..).map(|(name, ..)| name).collect();
                    assert_eq!(std::mem::take(&mut *woken.lock().unwrap()), expected);
                }
                _ => assert!(waiters.next_before(reports).is_none(), "nobody has waited since before the report"),
            }
            waiters.audit();
        }
        let most = waiters.places.len();
        assert!(most < 200, "{most} places for waiters of whom never so many waited");
    }
}
