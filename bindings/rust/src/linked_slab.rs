//! A doubly linked list through the entries of a [`Slab`]: first in, first out. Any entry can leave the list.
//!
//! ```text
//!   slab     0 A ◄──► 2 │ 1 B, not in the list │ 2 C │ 3 free
//!   list     first: 0                            last: 2
//! ```
//!
//! An entry has its memory from the time when it is added to the slab. So appending it to the list allocates nothing.
//! Appending, taking the first and removing any entry take constant time.

use crate::Error;
use crate::slab::{Slab, SlabKey};

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Entry<T> {
    value: T,
    /// `None` if the entry is not in the list.
    links: Option<Links>,
}

/// The neighbours of an entry, by their indices in the slab.
#[derive(Copy, Clone, Debug)]
struct Links {
    previous: u32,
    next: u32,
}

#[derive(Debug)]
pub(crate) struct LinkedSlab<T> {
    slab: Slab<Entry<T>>,
    first: u32,
    last: u32,
    len: usize,
}

impl<T> Default for LinkedSlab<T> {
    fn default() -> Self {
        Self { slab: Slab::default(), first: NONE, last: NONE, len: 0 }
    }
}

impl<T> LinkedSlab<T> {
    /// Adds an entry that is not in the list yet.
    pub(crate) fn try_add(&mut self, value: T) -> Result<SlabKey, Error> {
        self.slab.try_reserve()?;
        Ok(self.slab.insert(Entry { value, links: None }))
    }

    pub(crate) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        self.slab.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Appends an entry to the list and returns its value. Returns `None` if the entry is in the list already, or if
    /// the key is stale.
    pub(crate) fn append(&mut self, key: SlabKey) -> Option<&mut T> {
        let entry = self.slab.get_mut(key).filter(|entry| entry.links.is_none())?;
        entry.links = Some(Links { previous: self.last, next: NONE });
        match self.links_mut(self.last) {
            Some(last) => last.next = key.index(),
            None => self.first = key.index(),
        }
        self.last = key.index();
        self.len += 1;
        self.get_mut(key)
    }

    /// The first entry of the list.
    pub(crate) fn first(&self) -> Option<(SlabKey, &T)> {
        self.slab.at(self.first).map(|(key, entry)| (key, &entry.value))
    }

    /// Takes an entry out of the list, if it is there. The entry stays in the slab.
    pub(crate) fn withdraw(&mut self, key: SlabKey) {
        let Some(Links { previous, next }) = self.slab.get_mut(key).and_then(|entry| entry.links.take()) else {
            return;
        };
        match self.links_mut(previous) {
            Some(previous) => previous.next = next,
            None => self.first = next,
        }
        match self.links_mut(next) {
            Some(next) => next.previous = previous,
            None => self.last = previous,
        }
        self.len -= 1;
    }

    /// Takes an entry out of the list and out of the slab. The caller drops the value outside of any borrow.
    pub(crate) fn remove(&mut self, key: SlabKey) -> Option<T> {
        self.withdraw(key);
        self.slab.remove(key).map(|entry| entry.value)
    }

    /// The number of entries in the list.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number of entries, in the list or not.
    pub(crate) fn entries(&self) -> usize {
        self.slab.len()
    }

    fn links_mut(&mut self, index: u32) -> Option<&mut Links> {
        self.slab.at_mut(index)?.links.as_mut()
    }

    /// Panics when the list and its entries disagree.
    pub(crate) fn audit(&self) {
        self.slab.audit();
        let (mut listed, mut previous, mut index) = (0, NONE, self.first);
        while let Some((_, entry)) = self.slab.at(index) {
            let Some(links) = entry.links else { panic!("entry {index} is in the list and has no links") };
            assert_eq!(links.previous, previous, "the entry before entry {index}");
            (listed, previous, index) = (listed + 1, index, links.next);
            assert!(listed <= self.slab.len(), "the list is a ring");
        }
        assert_eq!((index, self.last), (NONE, previous), "the end of the list, and its last entry");
        let linked =
            self.slab.keys().filter(|key| self.slab.at(key.index()).is_some_and(|(_, entry)| entry.links.is_some()));
        assert_eq!((listed, linked.count()), (self.len, self.len), "entries found in the list, and entries with links");
    }

    /// The number of entries for which there is memory.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.slab.places()
    }
}
