//! Who was woken, in the order of waking: a list through places that all who can be woken have from the start, so that a wake
//! needs no memory.
//!
//! ```text
//!   places   0 task A ──► 2 │ 1 task B, asleep │ 2 channel C │ 3 free
//!            first                               last
//! ```

use crate::places::PlaceKey;
use std::collections::TryReserveError;

const NONE: u32 = u32::MAX;

/// Who has something to do.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Woken {
    /// The future of `block_on`.
    Root,
    Task(PlaceKey),
    Channel(PlaceKey),
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum State {
    Asleep,
    Woken,
    /// Woken, and gone since; the place is free when its turn comes.
    Gone,
    Free,
}

#[derive(Debug)]
struct Place {
    who: Woken,
    state: State,
    /// Of one that was woken, the next one; of a free place, the next free one.
    next: u32,
}

#[derive(Debug)]
pub(crate) struct WokenList {
    places: Vec<Place>,
    first: u32,
    last: u32,
    free: u32,
    len: usize,
}

impl Default for WokenList {
    fn default() -> Self {
        Self { places: Vec::new(), first: NONE, last: NONE, free: NONE, len: 0 }
    }
}

impl WokenList {
    /// Lets one more in, asleep. Its place is what it is known by.
    pub(crate) fn try_add(&mut self, who: Woken) -> Result<u32, TryReserveError> {
        let place = Place { who, state: State::Asleep, next: NONE };
        let index = self.free;
        if let Some(free) = self.places.get_mut(index as usize) {
            self.free = free.next;
            *free = place;
            return Ok(index);
        }
        self.places.try_reserve(1)?;
        self.places.push(place);
        Ok(self.places.len() as u32 - 1)
    }

    /// Puts one to the end of the list, unless it is there already.
    pub(crate) fn wake(&mut self, index: u32) {
        let place = &mut self.places[index as usize];
        if place.state != State::Asleep {
            return;
        }
        (place.state, place.next) = (State::Woken, NONE);
        match self.places.get_mut(self.last as usize) {
            Some(last) => last.next = index,
            None => self.first = index,
        }
        self.last = index;
        self.len += 1;
    }

    /// Lets one out, who is not to be woken any more.
    pub(crate) fn remove(&mut self, index: u32) {
        match self.places[index as usize].state {
            State::Woken => self.places[index as usize].state = State::Gone,
            _ => self.release(index),
        }
    }

    /// Takes the first one off the list. Those that are gone are passed over.
    pub(crate) fn next(&mut self) -> Option<Woken> {
        while let Some(place) = self.places.get_mut(self.first as usize) {
            let (index, state, who) = (self.first, place.state, place.who);
            place.state = State::Asleep;
            self.first = place.next;
            if self.first == NONE {
                self.last = NONE;
            }
            self.len -= 1;
            if state == State::Woken {
                return Some(who);
            }
            self.release(index);
        }
        None
    }

    /// How many places are on the list.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn release(&mut self, index: u32) {
        let place = &mut self.places[index as usize];
        (place.state, place.next) = (State::Free, self.free);
        self.free = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Places;

    /// Adds, wakes and removes at random, against plain lists.
    #[test]
    fn they_come_in_the_order_of_waking_each_once() {
        let (mut list, mut names) = (WokenList::default(), Places::default());
        let (mut known, mut woken) = (Vec::new(), Vec::new());
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = (random >> 33) as usize;
            match choice % 8 {
                0 => {
                    let who = Woken::Task(names.insert(()));
                    known.push((list.try_add(who).unwrap(), who));
                }
                1..4 if !known.is_empty() => {
                    let (index, who) = known[choice / 8 % known.len()];
                    list.wake(index);
                    if !woken.contains(&who) {
                        woken.push(who);
                    }
                }
                4 if choice % 16 == 4 && !known.is_empty() => {
                    let (index, who) = known.swap_remove(choice / 16 % known.len());
                    list.remove(index);
                    woken.retain(|&other| other != who);
                }
                5.. => {
                    let first = (!woken.is_empty()).then(|| woken.remove(0));
                    assert_eq!(list.next(), first);
                }
                _ => {}
            }
            assert!(list.len() >= woken.len() && list.places.len() <= known.len() + list.len() + 600);
        }
        let places = list.places.len();
        assert!(places < 2_000, "{places} places: those of the gone are used again");
    }
}
