//! The ready descriptors of a turn: those that its wait has reported as events, and those that the user has marked
//! ready. The user pulls them, one at a time.
//!
//! # Fairness towards events that are not pulled
//!
//! ```text
//!   ready          a b c d e f g     a wait reports only 4 of them, and the user pulls only 2 in a turn
//!
//!   turn 1  finds  a b c d           the user pulls a b
//!   turn 2  finds  e f g a           the user pulls e f
//!   turn 3  finds  c d b e           sorted: c and d have waited longest; the user pulls c d
//! ```
//!
//! An event that is not pulled is dropped, because the kernel reports it again. The kernel reports ready descriptors in
//! rotation, so each of them is in one of a few batches. A descriptor at the end of a batch may still starve, because
//! the user never reaches it. So as long as a descriptor may have been left out, the events of a turn are sorted by
//! when each descriptor was last served. The descriptor that has waited longest comes first in every batch that it is
//! in.

use super::observed::Observed;
use super::table::Descriptor;
use crate::backend::EVENTS_MAX;
use crate::memory::{self, Worklist};
use crate::{Event, Interest, Token};
use std::collections::TryReserveError;
use std::io;

/// An observed descriptor that is ready.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Ready {
    /// The descriptor.
    pub token: Token,
    /// The observed directions that are ready. Serve reading first, and then check whether writing is still observed.
    pub ready: Interest,
}

/// The events of one turn, each given out at most once, and the marks, none of which is lost.
#[derive(Default)]
pub(crate) struct Readiness {
    events: Vec<Event>,
    pulled: usize,
    // The number of turns whose events are still to be sorted, because a ready descriptor may have been left out.
    unfair_turns: usize,
    // Whether a callback may have used up what the last wait reported.
    is_outdated: bool,
    // Indices of descriptors whose marks wait for the next turn.
    marked: Worklist,
    // Indices of descriptors whose marks were merged into the events of the present turn.
    marked_in_turn: Worklist,
}

impl Readiness {
    /// Makes room for the event of a descriptor in a batch, and for its marks.
    pub(crate) fn try_grow(&mut self, index: u32) -> Result<(), TryReserveError> {
        memory::try_grow_batch(&mut self.events, index as usize + 1, EVENTS_MAX)?;
        self.marked.try_grow(index)?;
        self.marked_in_turn.try_grow(index)
    }

    /// Begins a turn: drops the events of the last turn, keeps its marks, and notes whether an event was left.
    #[inline]
    pub(crate) fn begin_turn(&mut self, observed: &mut Observed) {
        if self.pulled < self.events.len() {
            // Every ready descriptor is in a batch within this number of turns, if all events of each turn are pulled.
            self.unfair_turns = observed.table.len() / EVENTS_MAX + 2;
            self.events[self.pulled..].iter().for_each(|event| observed.expect_again(event.token));
        } else {
            self.unfair_turns = self.unfair_turns.saturating_sub(1);
        }
        self.events.clear();
        self.pulled = 0;
        // The kernel does not know the marks, so it would not report them again.
        for nth in 0..self.marked_in_turn.len() {
            let index = self.marked_in_turn.nth(nth);
            let Some((token, descriptor)) = index.and_then(|index| observed.table.at_mut(index)) else { continue };
            let unreported = descriptor.take_unreported();
            self.mark(observed, token, unreported);
        }
        self.marked_in_turn.clear();
    }

    /// Marks a descriptor ready. A stale token has no effect.
    #[inline]
    pub(crate) fn mark(&mut self, observed: &mut Observed, token: Token, ready: Interest) {
        let Some(descriptor) = observed.table.get_mut(token) else { return };
        if descriptor.marked.is_empty() && !ready.is_empty() {
            self.marked.add(token.index());
        }
        descriptor.marked.insert(ready);
    }

    /// Whether a mark waits for the next turn.
    #[inline]
    pub(crate) fn has_marks(&self, observed: &Observed) -> bool {
        let is_unreported = |descriptor: &Descriptor| !descriptor.unreported().is_empty();
        let is_marked = |descriptor: &Descriptor| !descriptor.marked.is_empty();
        self.marked.iter().any(|index| observed.table.at(index).is_some_and(is_marked))
            || self.marked_in_turn.iter().any(|index| observed.table.at(index).is_some_and(is_unreported))
    }

    /// Waits for events.
    ///
    /// # Errors
    /// An error of the kernel.
    #[inline]
    pub(crate) fn wait(&mut self, observed: &mut Observed, timeout_ns: Option<u64>) -> io::Result<()> {
        self.is_outdated = false;
        observed.backend().wait(&mut self.events, timeout_ns)
    }

    /// Merges the marks into the events, one event for each token. If a descriptor may have been left out in an earlier
    /// turn, sorts the events so that the descriptor that was served longest ago is first.
    #[inline]
    pub(crate) fn complete(&mut self, observed: &mut Observed) {
        if !self.marked.is_empty() {
            self.merge_marks(observed);
        }
        if self.unfair_turns > 0 {
            let table = &observed.table;
            self.events.sort_unstable_by_key(|event| table.get(event.token).map(|known| known.served));
        }
    }

    fn merge_marks(&mut self, observed: &mut Observed) {
        std::mem::swap(&mut self.marked, &mut self.marked_in_turn);
        for event in &mut self.events {
            if let Some(descriptor) = observed.table.get_mut(event.token) {
                event.ready.insert(descriptor.use_mark());
            }
        }
        for index in self.marked_in_turn.iter() {
            let Some((token, descriptor)) = observed.table.at_mut(index) else { continue };
            if descriptor.marked.is_empty() {
                continue;
            }
            if self.events.try_reserve(1).is_err() {
                // The mark stays for the next turn. That turn does not wait, and has room for the mark.
                self.marked.add(index);
                continue;
            }
            self.events.push(Event::new(token, descriptor.use_mark()));
        }
    }

    /// Whether an event is left to pull.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        self.pulled < self.events.len()
    }

    /// Pulls the next event. `None` if there is no event, or if no direction of the event is to be reported any more.
    #[inline]
    pub(crate) fn pull(&mut self, observed: &mut Observed) -> Option<Ready> {
        let &event = self.events.get(self.pulled)?;
        self.pulled += 1;
        let ready = if self.is_outdated { observed.still_ready(event) } else { event.ready };
        let ready = observed.take_ready(event.token, ready);
        if ready.is_empty() {
            return None;
        }
        self.expect_callback();
        Some(Ready { token: event.token, ready })
    }

    /// Notes that a callback will run. The callback may use up readiness that was reported of a descriptor.
    #[inline]
    pub(crate) fn expect_callback(&mut self) {
        self.is_outdated = true;
    }

    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.pulled = 0;
        self.marked.clear();
        self.marked_in_turn.clear();
    }

    /// Panics when a mark is not listed, or when more events were pulled than there are.
    pub(crate) fn audit(&self, observed: &Observed) {
        self.marked.audit();
        self.marked_in_turn.audit();
        assert!(self.pulled <= self.events.len(), "pulled {} of {} events", self.pulled, self.events.len());
        for (token, descriptor) in observed.table.iter() {
            let is_listed = self.marked.contains(token.index());
            assert!(descriptor.marked.is_empty() || is_listed, "{token:?} is marked and not listed as marked");
        }
    }
}
