//! The arena: where timers live, and who still means which of them.
//!
//! An entry carries two counters. The *generation* is the key's: it changes when the place is taken or freed. The
//! *stamp* is the queues': it changes also when the timer moves to another deadline. A queue's [`Ref`] to an entry is
//! *current* while it carries the entry's stamp, and *stale* from then on – so that a cancel touches the one entry,
//! and not its neighbours in a list, which at a million timers are a cache miss each.

use alloc::vec::Vec;
use core::mem;

use crate::key::Key;

/// Timers that a wheel can hold at a time, so that no count of references in 32 bits overflows.
const TIMERS_MAX: usize = 1 << 30;

/// The stamp that no reference ever carries: the place of an entry that reaches it is not taken again.
const RETIRED: u32 = u32::MAX;

/// What a queue holds of a timer.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ref {
    pub(crate) index: u32,
    pub(crate) stamp: u32,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: u64,
    value: T,
    generation: u32,
    stamp: u32,
}

impl<T> Entry<T> {
    fn is_live(&self) -> bool {
        self.generation % 2 == 1
    }
}

/// The timers, by place.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    entries: Vec<Entry<T>>,
    /// Free places, the next to be taken last. A stack of its own rather than a list through the entries: the next
    /// place is then known without reading the last one. Its room is made when the entries grow, so that freeing
    /// never allocates.
    free: Vec<u32>,
    live: usize,
}

impl<T: Default> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), live: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Takes a place for a timer.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> (Key, Ref) {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow(),
        };
        let entry = &mut self.entries[index as usize];
        entry.generation += 1;
        entry.deadline = deadline;
        entry.value = value;
        self.live += 1;
        (Key::new(index, entry.generation), Ref { index, stamp: entry.stamp })
    }

    #[cold]
    fn grow(&mut self) -> u32 {
        assert!(self.entries.len() < TIMERS_MAX, "a wheel holds at most {TIMERS_MAX} timers");
        let index = self.entries.len() as u32;
        reserve_gently(&mut self.entries);
        self.entries.push(Entry { deadline: 0, value: T::default(), generation: 0, stamp: 0 });
        if self.free.capacity() < self.entries.capacity() {
            self.free.reserve_exact(self.entries.capacity() - self.free.len());
        }
        index
    }

    fn entry(&self, key: Key) -> Option<&Entry<T>> {
        self.entries.get(key.index() as usize).filter(|entry| entry.generation == key.generation())
    }

    fn entry_mut(&mut self, key: Key) -> Option<&mut Entry<T>> {
        self.entries.get_mut(key.index() as usize).filter(|entry| entry.generation == key.generation())
    }

    pub(crate) fn deadline(&self, key: Key) -> Option<u64> {
        self.entry(key).map(|entry| entry.deadline)
    }

    pub(crate) fn value(&self, key: Key) -> Option<&T> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn value_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entry_mut(key).map(|entry| &mut entry.value)
    }

    /// The deadline of the timer that `r` means, if `r` is current.
    #[inline]
    pub(crate) fn current(&self, r: Ref) -> Option<u64> {
        let entry = &self.entries[r.index as usize];
        (entry.stamp == r.stamp).then_some(entry.deadline)
    }

    /// Gives the timer another deadline: every reference to it becomes stale, and a current one is returned.
    ///
    /// `None`, with nothing changed, when the timer's stamps are used up, once in 2³² calls: drop the stale references
    /// of all queues, call [`Arena::restart_stamps`], and it will work.
    #[inline]
    pub(crate) fn restamp(&mut self, key: Key, deadline: u64) -> Option<Ref> {
        let entry = self.entry_mut(key)?;
        if entry.stamp + 1 == RETIRED {
            return None;
        }
        entry.stamp += 1;
        entry.deadline = deadline;
        Some(Ref { index: key.index(), stamp: entry.stamp })
    }

    /// Counts the timer's stamps from 0 again, which makes every reference to it stale – as long as no stale reference
    /// to it is left that carries a 0.
    #[cold]
    pub(crate) fn restart_stamps(&mut self, key: Key) {
        if let Some(entry) = self.entry_mut(key) {
            entry.stamp = 0;
        }
    }

    /// Frees the timer's place and returns its deadline and value.
    ///
    /// `None` when the key is stale. A place whose stamps or generations are used up is retired: it is never taken
    /// again, which costs one entry in 2³¹ timers.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<(u64, T)> {
        self.entry(key)?;
        Some(self.remove_at(key.index()))
    }

    /// Frees the place of the timer that `r` means, if `r` is current.
    #[inline]
    pub(crate) fn remove_current(&mut self, r: Ref) -> Option<(Key, u64, T)> {
        let entry = &self.entries[r.index as usize];
        if entry.stamp != r.stamp {
            return None;
        }
        let key = Key::new(r.index, entry.generation);
        let (deadline, value) = self.remove_at(r.index);
        Some((key, deadline, value))
    }

    #[inline]
    fn remove_at(&mut self, index: u32) -> (u64, T) {
        let entry = &mut self.entries[index as usize];
        let (deadline, value) = (entry.deadline, mem::take(&mut entry.value));
        entry.generation = entry.generation.wrapping_add(1);
        entry.stamp += 1;
        self.live -= 1;
        if entry.generation != 0 && entry.stamp != RETIRED {
            self.free.push(index);
        }
        (deadline, value)
    }

    /// Frees every place; every key and every reference becomes stale.
    pub(crate) fn clear(&mut self) {
        for index in 0..self.entries.len() {
            if self.entries[index].is_live() {
                self.remove_at(index as u32);
            }
        }
    }

    /// All timers, in the order of their places: key, current reference, deadline, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, Ref, u64, &T)> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.is_live()).map(|(index, entry)| {
            (Key::new(index, entry.generation), Ref { index, stamp: entry.stamp }, entry.deadline, &entry.value)
        })
    }

    /// Panics unless every place is either live, or free and known as free once, or retired.
    pub(crate) fn audit(&self) {
        let mut known_free = alloc::vec![false; self.entries.len()];
        for &index in &self.free {
            let entry = &self.entries[index as usize];
            assert!(!entry.is_live(), "place {index} is on the free stack and live");
            assert!(!mem::replace(&mut known_free[index as usize], true), "place {index} is twice on the free stack");
        }
        let live = self.iter().count();
        let retired = (self.entries.iter().zip(&known_free))
            .filter(|(entry, free)| !entry.is_live() && !**free)
            .map(|(entry, _)| {
                assert!(
                    entry.generation == 0 || entry.stamp == RETIRED,
                    "a place got lost: {}/{}",
                    entry.generation,
                    entry.stamp
                )
            })
            .count();
        assert_eq!(live, self.live, "live timers counted, and the count kept");
        assert_eq!(live + self.free.len() + retired, self.entries.len(), "live, free and retired places");
        assert!(self.free.capacity() >= self.entries.len() - retired, "freeing the last timer would allocate");
    }

    /// For tests of what happens after 2³² uses: sets the counters of a place that is free.
    #[cfg(test)]
    pub(crate) fn wear(&mut self, index: u32, generation: u32, stamp: u32) {
        let entry = &mut self.entries[index as usize];
        assert!(!entry.is_live());
        (entry.generation, entry.stamp) = (generation, stamp);
    }
}

/// Makes room for one more element, in steps of an eighth once the vector is large: memory is to follow the timers,
/// and doubling would leave up to half of it empty. Large blocks are moved by the page table, not copied.
pub(crate) fn reserve_gently<E>(vector: &mut Vec<E>) {
    if vector.len() == vector.capacity() {
        let more = if vector.len() < 4096 { vector.len().max(16) } else { vector.len() / 8 };
        vector.reserve_exact(more);
    }
}
