//! The hooks of a loop, in the order in which they were added.
//!
//! An iteration remembers the number of the hook that it called, and goes on with the next higher number. So a hook may
//! add hooks and remove any hook, also itself.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use super::CogPostFn;
use super::answer::{Failure, or_no_memory};

/// When a hook runs.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum When {
    /// At the start of a turn. While there is an idle hook, the loop neither waits nor ends.
    Idle,
    /// Before a wait.
    Prepare,
    /// After a wait.
    Check,
}

#[derive(Copy, Clone)]
pub(super) struct Hook {
    pub(super) number: u64,
    when: When,
    pub(super) run: CogPostFn,
    pub(super) ctx: *mut c_void,
}

/// The hooks, sorted by number. New numbers are always greater.
#[derive(Default)]
pub(super) struct Hooks {
    list: RefCell<Vec<Hook>>,
    last: Cell<u64>,
    idle: Cell<usize>,
}

impl Hooks {
    pub(super) fn add(&self, when: When, run: CogPostFn, ctx: *mut c_void) -> Result<u64, Failure> {
        let mut list = self.list.borrow_mut();
        or_no_memory("loop", list.try_reserve(1))?;
        let number = self.last.get() + 1;
        self.last.set(number);
        list.push(Hook { number, when, run, ctx });
        self.idle.set(self.idle.get() + usize::from(when == When::Idle));
        Ok(number)
    }

    pub(super) fn remove(&self, number: u64) -> Result<(), Failure> {
        let mut list = self.list.borrow_mut();
        let place = list.binary_search_by_key(&number, |hook| hook.number).map_err(|_| Failure::STALE_HOOK)?;
        let removed = list.remove(place);
        self.idle.set(self.idle.get() - usize::from(removed.when == When::Idle));
        Ok(())
    }

    /// Whether there is an idle hook.
    pub(super) fn are_busy(&self) -> bool {
        self.idle.get() > 0
    }

    /// The highest number so far.
    pub(super) fn last(&self) -> u64 {
        self.last.get()
    }

    pub(super) fn next(&self, when: When, after: u64) -> Option<Hook> {
        let list = self.list.borrow();
        let from = list.partition_point(|hook| hook.number <= after);
        list[from..].iter().find(|hook| hook.when == when).copied()
    }
}
