//! The table of observed descriptors: a slot for each, and a generation that makes a reused slot a new token.
//!
//! ```text
//!   slots       0 fd 9, gen 1 │ 1 fd 7, gen 3 │ 2 free, gen 5 │ 3 fd 4, gen 1
//!   by_number   4 ► 3     7 ► 1     9 ► 0                one number, one slot
//! ```

use super::mode::Mode;
use crate::memory::ByIndex;
use crate::number::Number;
use crate::{Interest, Token};
use rustix::fd::{AsRawFd, BorrowedFd};
use std::collections::TryReserveError;
use std::num::NonZeroU32;

struct Slot {
    generation: NonZeroU32,
    // `None` if the slot is free.
    descriptor: Option<Descriptor>,
}

/// The state of an observed descriptor.
#[derive(Copy, Clone)]
pub(crate) struct Descriptor {
    pub(crate) fd: Number,
    pub(crate) interest: Interest,
    /// Whether reading or writing may block; `None` if the system was not asked since the interest was set.
    pub(crate) may_block: Option<bool>,
    /// The readiness that the user marked since the last turn.
    pub(crate) marked: Interest,
    pub(crate) mode: Mode,
    /// Directions that were reported and are not reported again until the user asks for it; always empty in
    /// `Mode::Level`.
    pub(crate) silent: Interest,
    /// The interest that the backend has registered.
    pub(crate) registered: Interest,
    /// The marks that are part of this turn's events and were not pulled.
    pub(crate) marked_in_turn: Interest,
    /// When the descriptor was last reported, or added. This is a count: a greater number is later.
    pub(crate) served: u64,
    /// Whether the descriptor keeps the loop going.
    pub(crate) is_referenced: bool,
}

impl Descriptor {
    /// Makes the marks part of this turn's events.
    #[inline]
    pub(crate) fn use_mark(&mut self) -> Interest {
        self.marked_in_turn = std::mem::take(&mut self.marked);
        self.marked_in_turn
    }

    /// Whether this new interest only drops directions: it adds none, and has none that is silent and would be reported
    /// again.
    pub(crate) fn only_drops(&self, new: Interest) -> bool {
        self.interest != new && self.wanted().contains(new)
    }

    /// The directions that are observed and not silent.
    #[inline]
    pub(crate) fn wanted(&self) -> Interest {
        self.interest.without(self.silent)
    }

    /// The marked directions of this turn that are observed and were not reported yet.
    #[inline]
    pub(crate) fn unreported(&self) -> Interest {
        self.marked_in_turn & self.wanted()
    }

    pub(crate) fn take_unreported(&mut self) -> Interest {
        let unreported = self.unreported();
        self.marked_in_turn = Interest::NONE;
        unreported
    }
}

/// A token for a number, before the table records it, so that the kernel can still refuse the number.
#[derive(Copy, Clone)]
pub(crate) struct Proposal {
    pub(crate) token: Token,
    /// Whether the number is observed already, under an older token.
    pub(crate) replaces: bool,
}

/// The table. Every observed number has one slot; every token resolves to one descriptor at most.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    // Its capacity is the number of slots, so freeing a slot never allocates.
    free: Vec<u32>,
    by_number: ByIndex<Option<Token>>,
    // The number of descriptors that do not keep the loop going.
    unreferenced: usize,
    // Counts each report and each addition of a descriptor.
    last_served: u64,
}

/// A number's index in `by_number`. The number of a Windows socket is longer, but only its lower 32 bits matter.
fn place(fd: &impl AsRawFd) -> u32 {
    fd.as_raw_fd() as u32
}

impl Table {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The number of slots, free ones included.
    #[cfg(unix)]
    pub(crate) fn places(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Whether there is a descriptor that keeps the loop going.
    #[inline]
    pub(crate) fn keeps_going(&self) -> bool {
        self.len() > self.unreferenced
    }

    pub(crate) fn set_referenced(&mut self, token: Token, is_referenced: bool) -> bool {
        let Some(descriptor) = self.get_mut(token) else { return false };
        let was_referenced = std::mem::replace(&mut descriptor.is_referenced, is_referenced);
        self.unreferenced += usize::from(!is_referenced);
        self.unreferenced -= usize::from(!was_referenced);
        true
    }

    #[inline]
    pub(crate) fn get(&self, token: Token) -> Option<&Descriptor> {
        let slot = self.slots.get(token.index() as usize)?;
        slot.descriptor.as_ref().filter(|_| slot.generation == token.generation())
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Descriptor> {
        let slot = self.slots.get_mut(token.index() as usize)?;
        slot.descriptor.as_mut().filter(|_| slot.generation == token.generation())
    }

    /// The token that a number will have when it is [`put`](Self::put). Nothing changes yet.
    pub(crate) fn propose(&self, fd: BorrowedFd<'_>) -> Proposal {
        let old = self.by_number.get(place(&fd)).copied().flatten();
        let index = old.map(Token::index).or_else(|| self.free.last().copied()).unwrap_or(self.slots.len() as u32);
        Proposal { token: Token::new(index, self.next_generation(index)), replaces: old.is_some() }
    }

    fn next_generation(&self, index: u32) -> NonZeroU32 {
        let slot = self.slots.get(index as usize);
        slot.and_then(|slot| slot.generation.checked_add(1)).unwrap_or(NonZeroU32::MIN)
    }

    /// The descriptor of a slot, if it is in use.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<&Descriptor> {
        self.slots.get(index as usize)?.descriptor.as_ref()
    }

    /// The token and descriptor of a slot, if it is in use.
    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<(Token, &mut Descriptor)> {
        let slot = self.slots.get_mut(index as usize)?;
        let token = Token::new(index, slot.generation);
        slot.descriptor.as_mut().map(|descriptor| (token, descriptor))
    }

    /// Makes room for a [proposal](Self::propose), and for removing it later.
    pub(crate) fn try_grow(&mut self, index: u32, fd: BorrowedFd<'_>) -> Result<(), TryReserveError> {
        if index as usize == self.slots.len() {
            self.slots.try_reserve(1)?;
            self.free.try_reserve(self.slots.len() + 1 - self.free.len())?;
        }
        self.by_number.try_grow(place(&fd))
    }

    /// Puts a proposal into effect. There must be room for it. A descriptor that replaces another one takes over the
    /// `served` of the replaced one.
    pub(crate) fn put(&mut self, token: Token, fd: BorrowedFd<'_>, interest: Interest, mode: Mode) {
        let index = token.index() as usize;
        self.last_served += 1;
        let replaced = self.slots.get(index).and_then(|slot| slot.descriptor.as_ref());
        let served = replaced.map_or(self.last_served, |replaced| replaced.served);
        let descriptor = Some(Descriptor {
            fd: Number::of(fd),
            interest,
            may_block: None,
            marked: Interest::NONE,
            mode,
            silent: Interest::NONE,
            registered: interest,
            marked_in_turn: Interest::NONE,
            served,
            is_referenced: true,
        });
        let slot = Slot { generation: token.generation(), descriptor };
        if index == self.slots.len() {
            self.slots.push(slot);
        } else {
            if self.slots[index].descriptor.is_none() {
                let popped = self.free.pop();
                debug_assert_eq!(popped, Some(token.index()), "a proposal takes the last free slot");
            }
            let old = std::mem::replace(&mut self.slots[index], slot);
            self.unreferenced -= usize::from(old.descriptor.is_some_and(|old| !old.is_referenced));
        }
        self.by_number.replace(place(&fd), Some(token));
    }

    /// Records that a descriptor is reported now.
    #[inline]
    pub(crate) fn serve(&mut self, token: Token) -> Option<&mut Descriptor> {
        self.last_served += 1;
        let now = self.last_served;
        let descriptor = self.get_mut(token)?;
        descriptor.served = now;
        Some(descriptor)
    }

    pub(crate) fn take(&mut self, token: Token) -> Option<Descriptor> {
        let descriptor = *self.get(token)?;
        self.unreferenced -= usize::from(!descriptor.is_referenced);
        self.slots[token.index() as usize].descriptor = None;
        self.free.push(token.index());
        self.by_number.take(place(&descriptor.fd));
        Some(descriptor)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Token, &Descriptor)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            slot.descriptor.as_ref().map(|descriptor| (Token::new(index as u32, slot.generation), descriptor))
        })
    }

    /// Makes every token stale.
    pub(crate) fn forget_all(&mut self) {
        for index in 0..self.slots.len() {
            let token = Token::new(index as u32, self.slots[index].generation);
            self.take(token);
        }
    }

    /// Panics when the three vectors disagree.
    pub(crate) fn audit(&self) {
        for (token, descriptor) in self.iter() {
            let known = self.by_number.get(place(&descriptor.fd));
            assert_eq!(known, Some(&Some(token)), "the number {:?} of {token:?} leads to another slot", descriptor.fd);
            assert!(self.get(token).is_some(), "{token:?} does not resolve");
            let is_level = descriptor.mode == Mode::Level;
            assert!(!is_level || descriptor.silent.is_empty(), "{token:?} is level-triggered and silent");
            assert!(descriptor.served <= self.last_served, "{token:?} was served after the last one");
        }
        let known = self.by_number.iter().flatten().count();
        let live = self.iter().count();
        assert_eq!((known, self.len()), (live, live), "numbers and length, against slots in use");
        let unreferenced = self.iter().filter(|(_, descriptor)| !descriptor.is_referenced).count();
        assert_eq!(self.unreferenced, unreferenced, "descriptors that do not keep the loop going");
        assert!(self.free.capacity() >= self.slots.len(), "there is no room to free every slot");
        for &index in &self.free {
            assert!(self.slots[index as usize].descriptor.is_none(), "slot {index} is free and in use");
        }
    }
}
