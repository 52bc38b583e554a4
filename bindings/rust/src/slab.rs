//! A slab: a table of values. A key is an index with a generation, so the key of a removed value is stale.
//!
//! ```text
//!   places   0 used, 3rd time │ 1 free ──► 3 │ 2 doomed ──► 4 │ 3 free │ 4 doomed
//! ```
//!
//! Room is made before a value is added, and taking a value out needs no memory. All values can be ended at once. They
//! are first *doomed*, which makes their keys stale, and then taken out one by one, so that each can be dropped outside
//! of any borrow.

use crate::Error;
use std::fmt;

const NONE: u32 = u32::MAX;

/// Names a value. After the value was taken out, the key is stale for ever: a place that was used 2³² times is not used
/// again.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub(crate) struct SlabKey {
    index: u32,
    generation: u32,
}

impl SlabKey {
    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

impl fmt::Debug for SlabKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    /// `next` is the next free place.
    Free {
        next: u32,
    },
    Used(T),
    /// `next` is the next doomed place.
    Doomed {
        value: T,
        next: u32,
    },
}

#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: u32,
    doomed: u32,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: NONE, doomed: NONE, len: 0 }
    }
}

impl<T> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for one more value, and returns the key that the next added value will have.
    pub(crate) fn try_reserve(&mut self) -> Result<SlabKey, Error> {
        match self.places.get(self.free as usize) {
            Some(place) => Ok(SlabKey { index: self.free, generation: place.generation }),
            None if self.places.len() < NONE as usize => {
                self.places.try_reserve(1)?;
                Ok(SlabKey { index: self.places.len() as u32, generation: 0 })
            }
            None => Err(Error::Memory),
        }
    }

    /// Adds a value for which [`try_reserve`](Self::try_reserve) has made room.
    pub(crate) fn insert(&mut self, value: T) -> SlabKey {
        self.len += 1;
        let index = self.free;
        if let Some(place) = self.places.get_mut(index as usize)
            && let Content::Free { next } = place.content
        {
            self.free = next;
            place.content = Content::Used(value);
            return SlabKey { index, generation: place.generation };
        }
        self.places.push(Place { generation: 0, content: Content::Used(value) });
        SlabKey { index: self.places.len() as u32 - 1, generation: 0 }
    }

    pub(crate) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        match self.places.get_mut(key.index as usize) {
            Some(Place { generation, content: Content::Used(value) }) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// The value at an index, with any generation, and its key.
    pub(crate) fn at(&self, index: u32) -> Option<(SlabKey, &T)> {
        match self.places.get(index as usize) {
            Some(Place { generation, content: Content::Used(value) }) => {
                Some((SlabKey { index, generation: *generation }, value))
            }
            _ => None,
        }
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.places.get_mut(index as usize) {
            Some(Place { content: Content::Used(value), .. }) => Some(value),
            _ => None,
        }
    }

    /// Takes a value out. The caller drops it outside of any borrow.
    pub(crate) fn remove(&mut self, key: SlabKey) -> Option<T> {
        self.get_mut(key)?;
        self.len -= 1;
        match self.release(key.index) {
            Content::Used(value) => Some(value),
            _ => None,
        }
    }

    /// Frees a place, unless its generations are used up.
    fn release(&mut self, index: u32) -> Content<T> {
        let place = &mut self.places[index as usize];
        let content = std::mem::replace(&mut place.content, Content::Free { next: self.free });
        if let Some(generation) = place.generation.checked_add(1) {
            place.generation = generation;
            self.free = index;
        }
        content
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = SlabKey> {
        let used = (0..).zip(&self.places).filter(|(_, place)| matches!(place.content, Content::Used(_)));
        used.map(|(index, place)| SlabKey { index, generation: place.generation })
    }

    /// Makes all keys stale. The caller takes the values out with [`next_doomed`](Self::next_doomed).
    pub(crate) fn doom_all(&mut self) {
        for (index, place) in (0..).zip(&mut self.places) {
            let content = std::mem::replace(&mut place.content, Content::Free { next: NONE });
            place.content = match content {
                Content::Used(value) => {
                    let next = std::mem::replace(&mut self.doomed, index);
                    Content::Doomed { value, next }
                }
                content => content,
            };
        }
        self.len = 0;
    }

    /// Takes the next doomed value out.
    pub(crate) fn next_doomed(&mut self) -> Option<T> {
        let Place { content: Content::Doomed { next, .. }, .. } = *self.places.get(self.doomed as usize)? else {
            return None;
        };
        let index = std::mem::replace(&mut self.doomed, next);
        match self.release(index) {
            Content::Doomed { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Panics if the lists and the places disagree.
    pub(crate) fn audit(&self) {
        assert_eq!(self.keys().count(), self.len, "places in use");
        let (mut free, mut index) = (0, self.free);
        while let Some(place) = self.places.get(index as usize) {
            let Content::Free { next } = place.content else { panic!("place {index} is in use and free") };
            (free, index) = (free + 1, next);
            assert!(free <= self.places.len(), "the list of free places is a ring");
        }
        let (mut doomed, mut index) = (0, self.doomed);
        while let Some(place) = self.places.get(index as usize) {
            let Content::Doomed { next, .. } = place.content else { panic!("place {index} is in use and doomed") };
            (doomed, index) = (doomed + 1, next);
            assert!(doomed <= self.places.len(), "the list of doomed places is a ring");
        }
        let used_up = self
            .places
            .iter()
            .filter(|place| place.generation == u32::MAX && matches!(place.content, Content::Free { .. }));
        assert!(self.len + free + doomed + used_up.count() >= self.places.len(), "a place is in no list");
    }

    /// The number of places for which there is memory.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::choices;

    /// Compares random additions, removals and dooming with a plain list.
    #[test]
    fn a_key_finds_its_value_until_the_value_is_taken_out() {
        let (mut places, mut live, mut stale) = (Slab::default(), Vec::new(), Vec::new());
        for (value, choice) in (0..20_000).zip(choices()) {
            match choice % 16 {
                0..9 => {
                    let reserved = places.try_reserve().unwrap();
                    assert_eq!(places.insert(value), reserved);
                    live.push((reserved, value));
                }
                9..15 if !live.is_empty() => {
                    let (key, value) = live.swap_remove(choice / 16 % live.len());
                    assert_eq!(places.remove(key), Some(value));
                    stale.push(key);
                }
                _ if choice % 1024 == 15 => {
                    places.doom_all();
                    let (keys, mut values): (Vec<_>, Vec<_>) = live.drain(..).unzip();
                    stale.extend(keys);
                    let mut taken: Vec<_> = std::iter::from_fn(|| places.next_doomed()).collect();
                    taken.sort_unstable();
                    values.sort_unstable();
                    assert_eq!(taken, values);
                }
                _ => {}
            }
            assert_eq!(places.len(), live.len());
            assert!(live.iter().all(|&(key, value)| places.get_mut(key).copied() == Some(value)));
            if let Some(&key) = stale.get(choice % stale.len().max(1)) {
                assert!(places.get_mut(key).is_none() && places.remove(key).is_none());
            }
            places.audit();
        }
        assert!(stale.len() > 5_000);
    }

    #[test]
    fn a_value_added_while_the_doomed_are_taken_out_stays() {
        let mut places = Slab::default();
        let old = [1, 2, 3].map(|value| places.insert(value));
        places.doom_all();
        assert_eq!(places.next_doomed(), Some(3));
        let new = places.insert(4);
        assert_eq!([places.next_doomed(), places.next_doomed(), places.next_doomed()], [Some(2), Some(1), None]);
        assert!(places.get_mut(new).is_some() && old.iter().all(|&key| places.get_mut(key).is_none()));
        places.audit();
    }

    #[test]
    fn a_place_whose_generations_are_used_up_is_not_used_again() {
        let mut places = Slab::default();
        let first = places.insert(1);
        places.places[0].generation = u32::MAX;
        let last = SlabKey { generation: u32::MAX, ..first };
        assert_eq!(places.remove(last), Some(1));
        let next = places.insert(2);
        assert_eq!((next.index, places.get_mut(last)), (1, None));
        places.audit();
    }
}
