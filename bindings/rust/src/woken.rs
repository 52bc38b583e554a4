//! The tasks and channels that were woken, in the order of waking. Each has a place from the start and the list runs through
//! the places, so a wake needs no memory, and taking one off from anywhere costs the same however many there are.
//!
//! ```text
//!   places   0 task A ◄──► 2 │ 1 task B, asleep │ 2 channel C │ 3 free
//!            first                                last
//! ```

use crate::places::PlaceKey;
use std::collections::TryReserveError;

const NONE: u32 = u32::MAX;

/// What can be woken.
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
    Free,
}

#[derive(Debug)]
struct Place {
    who: Woken,
    state: State,
    /// The round in which it was woken.
    round: u32,
    previous: u32,
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
    round: u32,
}

impl Default for WokenList {
    fn default() -> Self {
        Self { places: Vec::new(), first: NONE, last: NONE, free: NONE, len: 0, round: 0 }
    }
}

impl WokenList {
    /// Adds one, asleep, and returns its place, by which it is known.
    pub(crate) fn try_add(&mut self, who: Woken) -> Result<u32, TryReserveError> {
        let place = Place { who, state: State::Asleep, round: 0, previous: NONE, next: NONE };
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
        (place.state, place.round) = (State::Woken, self.round);
        (place.previous, place.next) = (self.last, NONE);
        match self.places.get_mut(self.last as usize) {
            Some(last) => last.next = index,
            None => self.first = index,
        }
        self.last = index;
        self.len += 1;
    }

    /// Takes one off the list, if it is there: what it was woken for is done, or will not be.
    pub(crate) fn withdraw(&mut self, index: u32) {
        let place = &mut self.places[index as usize];
        if place.state != State::Woken {
            return;
        }
        place.state = State::Asleep;
        let (previous, next) = (place.previous, place.next);
        match self.places.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.first = next,
        }
        match self.places.get_mut(next as usize) {
            Some(next) => next.previous = previous,
            None => self.last = previous,
        }
        self.len -= 1;
    }

    /// Removes one, which is not woken any more.
    pub(crate) fn remove(&mut self, index: u32) {
        self.withdraw(index);
        let place = &mut self.places[index as usize];
        (place.state, place.next) = (State::Free, self.free);
        self.free = index;
    }

    /// A wake from now on belongs to the next round.
    pub(crate) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Takes the first one that was woken before this round off the list.
    pub(crate) fn next(&mut self) -> Option<Woken> {
        let place = self.places.get(self.first as usize).filter(|place| place.round != self.round)?;
        let who = place.who;
        self.withdraw(self.first);
        Some(who)
    }

    /// How many are on the list.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Places;

    #[test]
    fn who_is_woken_in_a_round_comes_in_the_next_one_also_where_another_has_gone() {
        let (mut list, mut names) = (WokenList::default(), Places::default());
        let who = [(); 3].map(|()| Woken::Task(names.insert(())));
        let [first, second, third] = who.map(|who| list.try_add(who).unwrap());
        list.wake(first);
        list.wake(second);
        list.begin_round();
        assert_eq!(list.next(), Some(who[0]));
        list.wake(third);
        list.wake(first);
        list.remove(second);
        assert_eq!((list.next(), list.len()), (None, 2));
        list.begin_round();
        assert_eq!([list.next(), list.next(), list.next()], [Some(who[2]), Some(who[0]), None]);
    }

    /// Adds, wakes, withdraws and removes at random, against plain lists.
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
                4 if choice % 16 == 12 && !known.is_empty() => {
                    let (index, who) = known[choice / 16 % known.len()];
                    list.withdraw(index);
                    woken.retain(|&other| other != who);
                }
                4 if choice % 16 == 4 && !known.is_empty() => {
                    let (index, who) = known.swap_remove(choice / 16 % known.len());
                    list.remove(index);
                    woken.retain(|&other| other != who);
                }
                5.. => {
                    let first = (!woken.is_empty()).then(|| woken.remove(0));
                    list.begin_round();
                    assert_eq!(list.next(), first);
                }
                _ => {}
            }
            assert!(list.len() == woken.len() && list.places.len() <= known.len() + 600);
        }
        let places = list.places.len();
        assert!(places < 2_000, "{places} places: those of the gone are used again");
    }
}
