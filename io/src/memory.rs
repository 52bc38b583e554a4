//! Tables that ask for memory before they use it, so that running out of memory causes an error and not an abort.
//!
//! Rust's collections abort the process when an insertion finds no memory. So every table here first grows in a
//! separate step, which can fail before anything has changed. The insertion that follows needs no more memory, and
//! removals need none.

use std::collections::TryReserveError;
use std::fmt;
use std::io;

/// A table of values whose indices are small integers that are reused, such as descriptors, or the index of a
/// [`Token`](crate::Token) or a [`Key`](crate::Key). An index to which no value was given has `T::default()`.
#[derive(Debug, Default)]
pub struct ByIndex<T>(Vec<T>);

impl<T: Default> ByIndex<T> {
    /// Makes an empty table, without allocating.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Makes room for the value at `index`. From then on [`get_mut`](Self::get_mut) finds it.
    ///
    /// # Errors
    /// When there is no memory; nothing has changed then.
    pub fn try_grow(&mut self, index: u32) -> Result<(), TryReserveError> {
        let count = index as usize + 1;
        if count > self.0.len() {
            self.0.try_reserve(count - self.0.len())?;
            self.0.resize_with(count, T::default);
        }
        Ok(())
    }

    /// The value at `index`; `None` if there is no room at `index` yet.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.0.get(index as usize)
    }

    /// The value at `index`, mutable.
    #[inline]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.0.get_mut(index as usize)
    }

    /// Takes the value at `index` and leaves `T::default()` there.
    pub fn take(&mut self, index: u32) -> T {
        self.get_mut(index).map(std::mem::take).unwrap_or_default()
    }

    /// Puts a value where [`try_grow`](Self::try_grow) has made room, and returns the old value.
    ///
    /// # Panics
    /// If there is no room at `index`.
    pub fn replace(&mut self, index: u32, value: T) -> T {
        std::mem::replace(&mut self.0[index as usize], value)
    }

    /// The indices that have room.
    #[must_use]
    pub fn indices(&self) -> std::ops::Range<u32> {
        0..self.0.len() as u32
    }

    /// All values, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Drops all values and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Numbers that are to be visited later, each listed once, in the order in which they were added. There is room for all
/// of them before the first is added.
#[derive(Debug, Default)]
pub(crate) struct Worklist {
    listed: Vec<u32>,
    is_listed: ByIndex<bool>,
}

impl Worklist {
    /// Makes room for `index` and all numbers below it.
    #[inline]
    pub(crate) fn try_grow(&mut self, index: u32) -> Result<(), TryReserveError> {
        let count = index as usize + 1;
        if count > self.is_listed.indices().len() {
            self.listed.try_reserve(count - self.listed.len())?;
        }
        self.is_listed.try_grow(index)
    }

    /// Lists a number, unless it is listed already.
    #[inline]
    pub(crate) fn add(&mut self, index: u32) {
        if !self.is_listed.replace(index, true) {
            self.listed.push(index);
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// The `nth` number of the list.
    #[inline]
    pub(crate) fn nth(&self, nth: usize) -> Option<u32> {
        self.listed.get(nth).copied()
    }

    #[inline]
    pub(crate) fn contains(&self, index: u32) -> bool {
        self.is_listed.get(index).is_some_and(|&is_listed| is_listed)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.listed.iter().copied()
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        for index in self.listed.drain(..) {
            self.is_listed.replace(index, false);
        }
    }

    /// Panics unless each number is listed once and has room.
    pub(crate) fn audit(&self) {
        let flags = self.is_listed.iter().filter(|&&is_listed| is_listed).count();
        assert_eq!(flags, self.listed.len(), "numbers that are listed, and their flags");
        assert!(self.listed.iter().all(|&index| self.contains(index)), "a listed number without a flag");
        assert!(self.listed.capacity() >= self.is_listed.indices().len(), "there is no room to list every number");
    }
}

/// The bytes that must be free before a loop is made. The loop, its clock, its backend and its waker are allocated by
/// functions of the standard library that abort when there is no memory. They need less than this value; the portable
/// backend needs the most, about 24 KB. From a certain size on, an allocator asks the kernel for every single block.
/// The value is below that size.
pub(crate) const FOR_A_LOOP: usize = 64 << 10;

/// The bytes that must be free before a message or another small value is allocated. Allocators keep small freed blocks
/// apart by their sizes. A block of this value is too large for that. So the memory, once given back, serves any
/// smaller request.
pub(crate) const FOR_A_MESSAGE: usize = 4 << 10;

/// Returns an error unless the allocator has `bytes` bytes in one piece. The memory is given back at once. Call this
/// function before code that allocates and that would abort the process without memory, such as `Box::new` and
/// `Arc::new`.
///
/// # Errors
/// When there is not enough memory.
pub fn expect_bytes(bytes: usize) -> Result<(), TryReserveError> {
    let mut probe = Vec::<u8>::new();
    probe.try_reserve_exact(bytes)?;
    // The compiler may leave out an allocation that is not used.
    std::hint::black_box(probe.as_mut_ptr());
    Ok(())
}

/// A copy of a text; `None` if there is no memory for it.
pub(crate) fn try_string(text: &str) -> Option<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).ok()?;
    copy.push_str(text);
    Some(copy)
}

/// A message as a text; `None` if there is no memory for it.
pub(crate) fn try_format(message: fmt::Arguments<'_>) -> Option<String> {
    struct Text(String);
    impl fmt::Write for Text {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0.try_reserve(part.len()).map_err(|_| fmt::Error)?;
            self.0.push_str(part);
            Ok(())
        }
    }
    let mut text = Text(String::new());
    fmt::Write::write_fmt(&mut text, message).ok()?;
    Some(text.0)
}

/// Makes room for a batch of `wanted` events, in powers of two up to `max`.
///
/// # Errors
/// When there is no memory.
pub(crate) fn try_grow_batch<T>(batch: &mut Vec<T>, wanted: usize, max: usize) -> Result<(), TryReserveError> {
    let wanted = wanted.min(max);
    if wanted <= batch.capacity() {
        return Ok(());
    }
    batch.try_reserve_exact(wanted.next_power_of_two().clamp(BATCH_MIN, max) - batch.len())
}

/// The smallest capacity of a batch.
const BATCH_MIN: usize = 8;

/// Makes room for `wanted` more elements if there is memory. Returns for how many of them there is room.
pub(crate) fn room_for<T>(list: &mut Vec<T>, wanted: usize) -> usize {
    match list.try_reserve(wanted) {
        Ok(()) => wanted,
        Err(_) => list.capacity() - list.len(),
    }
}

/// An error with a message, or without it if there is no memory for the message.
#[cold]
pub(crate) fn error_in_words(kind: io::ErrorKind, message: fmt::Arguments<'_>) -> io::Error {
    match expect_bytes(FOR_A_MESSAGE) {
        Ok(()) => io::Error::new(kind, message.to_string()),
        Err(_) => kind.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_grows_to_an_index_and_never_shrinks() {
        let mut table = ByIndex::<u8>::new();
        assert!(table.get(0).is_none() && table.take(7) == 0);
        table.try_grow(2).unwrap();
        table.try_grow(0).unwrap();
        assert_eq!(table.replace(2, 5), 0);
        assert_eq!((table.get(2), table.get(3), table.indices()), (Some(&5), None, 0..3));
        assert_eq!((table.take(2), table.take(2)), (5, 0));
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        let mut table = ByIndex::<[[[[u64; 32]; 32]; 32]; 32]>::new();
        assert!(table.try_grow(u32::MAX - 1).is_err());
        assert!(table.indices().is_empty());
        let more_than_there_is = usize::try_from(1_u64 << 60).unwrap_or(usize::MAX);
        assert!(expect_bytes(more_than_there_is).is_err() && expect_bytes(1).is_ok());
    }

    #[test]
    fn a_batch_grows_in_few_steps_and_no_further_than_its_maximum() {
        let mut batch = Vec::<u8>::new();
        let mut capacities = Vec::new();
        for wanted in 1..=200 {
            try_grow_batch(&mut batch, wanted, 100).unwrap();
            assert!(batch.capacity() >= wanted.min(100));
            capacities.push(batch.capacity());
        }
        capacities.dedup();
        assert_eq!(capacities, [8, 16, 32, 64, 100]);
    }

    #[test]
    fn a_number_is_listed_once_until_the_list_is_cleared() {
        let mut list = Worklist::default();
        list.try_grow(3).unwrap();
        [3, 1, 3].into_iter().for_each(|index| list.add(index));
        assert_eq!(list.iter().collect::<Vec<_>>(), [3, 1]);
        list.audit();
        list.clear();
        assert!(list.is_empty() && !list.contains(3));
        list.add(3);
        assert_eq!((list.nth(0), list.len()), (Some(3), 1));
        list.audit();
    }
}
