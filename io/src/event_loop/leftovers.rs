//! Fairness towards descriptors that a turn has found ready and its user has not pulled.
//!
//! ```text
//!   ready   a b c d e f g      more than the kernel reports at once, more than the user pulls
//!           ├─────┤            one turn's events, of which the user pulls two: a b
//!   ├───┤           ├─────     the next turn's: e f g a; pulled are e f
//!             ├─────┤          c d e f: pulled are c d, who wait longest
//! ```
//!
//! Readiness that is not pulled is dropped, because the kernel reports it again. It reports in turns, so that each ready
//! descriptor is in one of any few batches; that is no help to one whom the user never reaches. So as long as somebody may
//! have been left out, a turn's events are ordered by how long ago each was served. Whoever waits longest is the first of
//! every batch he is in, and nobody new comes before him.

use super::table::Descriptor;
use super::{EventLoop, Mode};
use crate::backend::EVENTS_MAX;
use crate::{Event, Interest};

impl<T: Default + Clone> EventLoop<T> {
    /// Before a turn forgets the last one's events: notes whether any are left, and keeps their marks.
    pub(super) fn drop_leftovers(&mut self) {
        if self.pulled < self.events.len() {
            // After so many turns without a rest every ready descriptor has been in a batch, and was served.
            self.unfair_turns = self.table.len() / EVENTS_MAX + 2;
            self.expect_again();
        } else {
            self.unfair_turns = self.unfair_turns.saturating_sub(1);
        }
        self.events.clear();
        self.pulled = 0;
        // The kernel does not know of marks, and would not report them again.
        for nth in 0..self.marked_in_turn.len() {
            let index = self.marked_in_turn.nth(nth);
            let Some((token, descriptor)) = index.and_then(|index| self.table.at_mut(index)) else { continue };
            let unreported = descriptor.take_unreported();
            self.mark_ready(token, unreported);
        }
        self.marked_in_turn.clear();
    }

    /// A backend need not report an edge twice, unless it is told to.
    fn expect_again(&mut self) {
        for nth in self.pulled..self.events.len() {
            let token = self.events[nth].token;
            if let Some(descriptor) = self.table.get_mut(token).filter(|known| known.mode == Mode::Edge) {
                descriptor.told = Interest::NONE;
                self.unsettled.add(token.index());
            }
        }
    }

    /// Joins the marks to what the kernel reported: one event for each token.
    pub(super) fn merge_marks(&mut self) {
        if self.marked.is_empty() {
            return;
        }
        std::mem::swap(&mut self.marked, &mut self.marked_in_turn);
        for event in &mut self.events {
            if let Some(descriptor) = self.table.get_mut(event.token) {
                event.ready.insert(descriptor.use_mark());
            }
        }
        for index in self.marked_in_turn.iter() {
            let Some((token, descriptor)) = self.table.at_mut(index) else { continue };
            if descriptor.marked.is_empty() {
                continue;
            }
            if self.events.try_reserve(1).is_err() {
                // The next turn has room for it, which does not wait for that.
                self.marked.add(index);
                continue;
            }
            self.events.push(Event::new(token, descriptor.use_mark()));
        }
    }

    /// Whether a mark waits for the next turn.
    pub(super) fn has_marks(&self) -> bool {
        let is_unreported = |descriptor: &Descriptor| !descriptor.unreported().is_empty();
        let is_marked = |descriptor: &Descriptor| !descriptor.marked.is_empty();
        self.marked.iter().any(|index| self.table.at(index).is_some_and(is_marked))
            || self.marked_in_turn.iter().any(|index| self.table.at(index).is_some_and(is_unreported))
    }

    /// Puts those first who were served longest ago, if that can make a difference.
    pub(super) fn order_by_service(&mut self) {
        if self.unfair_turns > 0 {
            let table = &self.table;
            self.events.sort_unstable_by_key(|event| table.get(event.token).map(|known| known.served));
        }
    }
}
