//! The table of observed descriptors: a slot for each, and a generation that makes a reused slot a new token.
//!
//! ```text
//!   slots       0 fd 9, gen 1 │ 1 fd 7, gen 3 │ 2 free, gen 5 │ 3 fd 4, gen 1
//!   by_number   4 ► 3     7 ► 1     9 ► 0                one number, one slot
//! ```

use super::Mode;
use crate::number::Number;
use crate::{Interest, Token};
use rustix::fd::{AsRawFd, BorrowedFd};
use std::collections::TryReserveError;
use std::num::NonZeroU32;

const NOWHERE: u32 = u32::MAX;

struct Slot {
    generation: NonZeroU32,
    // `None`: free.
    descriptor: Option<Descriptor>,
}

/// What the loop knows of an observed descriptor.
#[derive(Copy, Clone)]
pub(super) struct Descriptor {
    pub(super) fd: Number,
    pub(super) interest: Interest,
    /// Whether reading or writing may wait.
    pub(super) may_block: bool,
    /// Readiness that the user reported since the last turn.
    pub(super) marked: Interest,
    pub(super) mode: Mode,
    /// Directions that have been reported and are not again until the user says so; never any in `Mode::Level`.
    pub(super) silent: Interest,
    /// What the backend observes.
    pub(super) told: Interest,
    /// What of that is part of this turn's events and was not pulled.
    pub(super) marked_in_turn: Interest,
    /// When it was reported last, or added: greater is later.
    pub(super) served: u64,
    /// Whether it keeps the loop going.
    pub(super) is_referenced: bool,
}

impl Descriptor {
    /// What is marked becomes part of what this turn reports.
    pub(super) fn use_mark(&mut self) -> Interest {
        self.marked_in_turn = std::mem::take(&mut self.marked);
        self.marked_in_turn
    }

    /// What is observed and not silent.
    pub(super) fn wanted(&self) -> Interest {
        self.interest.without(self.silent)
    }

    /// What was marked for this turn, is observed, and was not reported.
    pub(super) fn unreported(&self) -> Interest {
        self.marked_in_turn & self.wanted()
    }

    pub(super) fn take_unreported(&mut self) -> Interest {
        let unreported = self.unreported();
        self.marked_in_turn = Interest::NONE;
        unreported
    }
}

/// The table. Every observed number has one slot, every token resolves to at most one descriptor.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    // It has room for all slots.
    free: Vec<u32>,
    // By descriptor number: the index of its slot.
    by_number: Vec<u32>,
    // How many do not keep the loop going.
    unreferenced: usize,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn unreferenced(&self) -> usize {
        self.unreferenced
    }

    pub(super) fn set_referenced(&mut self, token: Token, is_referenced: bool) -> bool {
        let Some(descriptor) = self.get_mut(token) else { return false };
        let was_referenced = std::mem::replace(&mut descriptor.is_referenced, is_referenced);
        self.unreferenced += usize::from(!is_referenced);
        self.unreferenced -= usize::from(!was_referenced);
        true
    }

    pub(super) fn get(&self, token: Token) -> Option<&Descriptor> {
        let slot = self.slots.get(token.index() as usize)?;
        slot.descriptor.as_ref().filter(|_| slot.generation == token.generation())
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Descriptor> {
        let slot = self.slots.get_mut(token.index() as usize)?;
        slot.descriptor.as_mut().filter(|_| slot.generation == token.generation())
    }

    /// The token under which a number will be known once it is [`put`](Self::put), and whether it takes the place of
    /// another. Nothing changes yet, so that the kernel can still refuse.
    pub(super) fn propose(&self, fd: BorrowedFd<'_>) -> (Token, bool) {
        match self.by_number.get(fd.as_raw_fd() as usize) {
            Some(&index) if index != NOWHERE => (Token::new(index, self.next_generation(index)), true),
            _ => {
                let index = self.free.last().copied().unwrap_or(self.slots.len() as u32);
                (Token::new(index, self.next_generation(index)), false)
            }
        }
    }

    fn next_generation(&self, index: u32) -> NonZeroU32 {
        let slot = self.slots.get(index as usize);
        slot.and_then(|slot| slot.generation.checked_add(1)).unwrap_or(NonZeroU32::MIN)
    }

    /// The token and descriptor of a slot, if it is in use.
    pub(super) fn at(&self, index: u32) -> Option<&Descriptor> {
        self.slots.get(index as usize)?.descriptor.as_ref()
    }

    pub(super) fn at_mut(&mut self, index: u32) -> Option<(Token, &mut Descriptor)> {
        let slot = self.slots.get_mut(index as usize)?;
        let token = Token::new(index, slot.generation);
        slot.descriptor.as_mut().map(|descriptor| (token, descriptor))
    }

    /// Makes room for what was [proposed](Self::propose), and to take it out again.
    pub(super) fn try_grow(&mut self, index: u32, fd: BorrowedFd<'_>) -> Result<(), TryReserveError> {
        if index as usize == self.slots.len() {
            self.slots.try_reserve(1)?;
            self.free.try_reserve(self.slots.len() + 1 - self.free.len())?;
        }
        let numbers = fd.as_raw_fd() as usize + 1;
        if numbers > self.by_number.len() {
            self.by_number.try_reserve(numbers - self.by_number.len())?;
            self.by_number.resize(numbers, NOWHERE);
        }
        Ok(())
    }

    /// Makes a proposal true, for which there is room. `now` is how late it came; in the place of another, it has waited as long as that one.
    pub(super) fn put(&mut self, token: Token, fd: BorrowedFd<'_>, interest: Interest, now: u64) {
        let index = token.index() as usize;
        let replaced = self.slots.get(index).and_then(|slot| slot.descriptor.as_ref());
        let served = replaced.map_or(now, |replaced| replaced.served);
        let descriptor = Some(Descriptor {
            fd: Number::of(fd),
            interest,
            may_block: true,
            marked: Interest::NONE,
            mode: Mode::Level,
            silent: Interest::NONE,
            told: interest,
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
        self.by_number[fd.as_raw_fd() as usize] = token.index();
    }

    pub(super) fn take(&mut self, token: Token) -> Option<Descriptor> {
        let descriptor = *self.get(token)?;
        self.unreferenced -= usize::from(!descriptor.is_referenced);
        self.slots[token.index() as usize].descriptor = None;
        self.free.push(token.index());
        self.by_number[descriptor.fd.as_raw_fd() as usize] = NOWHERE;
        Some(descriptor)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &Descriptor)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            slot.descriptor.as_ref().map(|descriptor| (Token::new(index as u32, slot.generation), descriptor))
        })
    }

    /// Makes every token stale.
    pub(super) fn forget_all(&mut self) {
        for index in 0..self.slots.len() {
            let token = Token::new(index as u32, self.slots[index].generation);
            self.take(token);
        }
    }

    /// Panics when the three vectors disagree.
    pub(super) fn audit(&self) {
        for (token, descriptor) in self.iter() {
            let number = descriptor.fd.as_raw_fd() as usize;
            let index = self.by_number.get(number);
            assert_eq!(index, Some(&token.index()), "descriptor {number} of {token:?} is elsewhere by its number");
            assert!(self.get(token).is_some(), "{token:?} does not resolve");
        }
        let known = self.by_number.iter().filter(|&&index| index != NOWHERE).count();
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
