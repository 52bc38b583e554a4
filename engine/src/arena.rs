//! The arena: where timers live, and who still means which of them.
//!
//! An entry carries two counters. The *generation* is the key's: it changes when the place is taken or freed. The
//! *stamp* is the queues': it changes also when the timer moves to another deadline. A queue's [`Ref`] to an entry is
//! *current* while it carries the entry's stamp, and *stale* from then on – so that a cancel touches the one entry,
//! and not its neighbours in a list, which at a million timers are a cache miss each.
//!
//! A timer is *armed* while a queue holds a current reference to it. One that is disarmed keeps its place and its key.

use alloc::vec::Vec;
use core::mem;

use crate::key::Key;

/// Timers that a wheel can hold at a time, so that no count of references in 32 bits overflows.
const TIMERS_MAX: usize = 1 << 30;

/// Set in the stamp of a timer that is disarmed. No reference carries it, so every reference to the timer is stale.
const DISARMED: u32 = 1 << 31;

/// The last stamp. No reference carries it either: the place of an entry that reaches it is not taken again.
const RETIRED: u32 = DISARMED - 1;

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

/// A timer's stamps are used up.
#[derive(Copy, Clone, Debug)]
pub(crate) struct StampsUsedUp;

impl<T> Entry<T> {
    fn is_live(&self) -> bool {
        self.generation % 2 == 1
    }

    fn is_armed(&self) -> bool {
        self.stamp & DISARMED == 0
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

    /// The deadline of the timer, and whether it is armed.
    #[inline]
    pub(crate) fn state(&self, key: Key) -> Option<(u64, bool)> {
        self.entry(key).map(|entry| (entry.deadline, entry.is_armed()))
    }

    /// Disarms an armed timer: every reference to it becomes stale.
    ///
    /// `Err`, with nothing changed, when the timer's stamps are used up, once in 2³¹ calls: drop the stale references of
    /// all queues, and call [`Arena::disarm_with_first_stamp`].
    #[inline]
    pub(crate) fn disarm(&mut self, key: Key) -> Result<(), StampsUsedUp> {
        let entry = &mut self.entries[key.index() as usize];
        if entry.stamp + 1 == RETIRED {
            return Err(StampsUsedUp);
        }
        entry.stamp = (entry.stamp + 1) | DISARMED;
        Ok(())
    }

    /// Disarms an armed timer and counts its stamps from 0 again: there must be no stale reference to it.
    #[cold]
    pub(crate) fn disarm_with_first_stamp(&mut self, key: Key) {
        self.entries[key.index() as usize].stamp = DISARMED;
    }

    /// Arms a disarmed timer, and returns the reference that is current from now on.
    #[inline]
    pub(crate) fn arm(&mut self, key: Key, deadline: u64) -> Ref {
        let entry = &mut self.entries[key.index() as usize];
        entry.stamp &= !DISARMED;
        entry.deadline = deadline;
        Ref { index: key.index(), stamp: entry.stamp }
    }

    /// The key of the timer that `r` means, if `r` is current.
    #[inline]
    pub(crate) fn current_key(&self, r: Ref) -> Option<Key> {
        let entry = &self.entries[r.index as usize];
        (entry.stamp == r.stamp).then(|| Key::new(r.index, entry.generation))
    }

    /// Frees the timer's place and returns its deadline, whether it was armed, and its value.
    ///
    /// `None` when the key is stale. A place whose stamps or generations are used up is retired: it is never taken
    /// again, which costs one entry in 2³¹ timers.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<(u64, bool, T)> {
        self.entry(key)?;
        Some(self.remove_at(key.index()))
    }

    #[inline]
    fn remove_at(&mut self, index: u32) -> (u64, bool, T) {
        let entry = &mut self.entries[index as usize];
        let (deadline, was_armed, value) = (entry.deadline, entry.is_armed(), mem::take(&mut entry.value));
        entry.generation = entry.generation.wrapping_add(1);
        // The stamp of a disarmed timer has been counted on already.
        entry.stamp = (entry.stamp & !DISARMED) + u32::from(was_armed);
        self.live -= 1;
        if entry.generation != 0 && entry.stamp != RETIRED {
            self.free.push(index);
        }
        (deadline, was_armed, value)
    }

    /// Frees every place; every key and every reference becomes stale.
    pub(crate) fn clear(&mut self) {
        for index in 0..self.entries.len() {
            if self.entries[index].is_live() {
                self.remove_at(index as u32);
            }
        }
    }

    /// All timers, in the order of their places: key, deadline, value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        self.live_entries().map(|(index, entry)| (Key::new(index, entry.generation), entry.deadline, &entry.value))
    }

    fn live_entries(&self) -> impl Iterator<Item = (u32, &Entry<T>)> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.is_live())
    }

    /// Timers that are armed, counted one by one.
    pub(crate) fn count_armed(&self) -> usize {
        self.live_entries().filter(|(_, entry)| entry.is_armed()).count()
    }

    /// Panics unless every place is either live, or free and known as free once, or retired.
    pub(crate) fn audit(&self) {
        let mut known_free = alloc::vec![false; self.entries.len()];
        for &index in &self.free {
            let entry = &self.entries[index as usize];
            assert!(!entry.is_live(), "place {index} is on the free stack and live");
            assert!(!mem::replace(&mut known_free[index as usize], true), "place {index} is twice on the free stack");
        }
        let live = self.live_entries().count();
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
