//! The look: one `poll` for all dirty registrations, which says what is ready at this moment. A registration is dirty
//! if the next wait has to find out whether it is ready: by a look, or by arming it.

use super::Uring;
use super::arm::IDLE;
use super::registration::OVERDUE;
use crate::Event;
use crate::backend::EVENTS_MAX;
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::os::fd::AsRawFd;

impl Uring {
    /// Whether polls have completed since the last wait.
    pub(super) fn has_completions(&mut self) -> bool {
        !self.early.is_empty() || self.ring.has_completed() || self.ring.has_more()
    }

    /// Takes the completions that came while the user's code ran. They are not reported, because they may be outdated.
    /// Returns `true` if one of them was a wake, or if the kernel has lost a completion.
    pub(super) fn collect(&mut self) -> std::io::Result<bool> {
        if self.ring.has_more() || self.has_to_send() {
            self.send_along()?;
        }
        let is_woken = self.reap_unreported();
        Ok(self.recover_lost() || is_woken)
    }

    /// Whether an entry has to be submitted before the loop sleeps.
    pub(super) fn has_to_send(&mut self) -> bool {
        let waker_can_wake = self.waker_is_armed || self.waker.is_none();
        self.has_overdue || !waker_can_wake || self.ring.queued() > 0 || !self.pending_removals.is_empty()
    }

    /// Submits the queued entries, and arms registrations. A busy registration (looks find it ready again and again)
    /// is armed only if it has become idle. If the kernel has no memory for an entry, a later wait submits the entry.
    pub(super) fn send_along(&mut self) -> std::io::Result<()> {
        self.has_overdue = false;
        match self.arm_idle(IDLE).and_then(|()| self.ring.enter(Some(0))) {
            Ok(_) | Err(Errno::INTR | Errno::AGAIN | Errno::BUSY) => {}
            Err(Errno::BADR) => self.has_lost = true,
            Err(error) => self.come_here(error)?,
        }
        Ok(())
    }

    /// Asks the kernel which dirty registrations are ready now, and reports at most a batch of them. Returns `false` if
    /// a signal has interrupted the call.
    pub(super) fn look(&mut self, events: &mut Vec<Event>) -> bool {
        self.prepare_look();
        if self.polled.len() == 0 {
            return true;
        }
        match self.polled.ask() {
            Ok(()) => {}
            Err(Errno::INTR) => {
                self.needs_look = true;
                return false;
            }
            Err(_) => {
                // There is no answer. Arming the registrations again finds out which are ready.
                self.disarm_dirty();
                return true;
            }
        }
        let (mut kept, mut next) = (0, None);
        for nth in 0..self.dirty.len() {
            let (index, answer) = (self.dirty[nth], self.polled.answer(nth));
            let is_dirty = if events.len() >= EVENTS_MAX && !answer.is_empty() {
                next.get_or_insert(kept);
                true
            } else {
                self.take_answer(index, answer, events)
            };
            self.slots[index as usize].is_dirty = is_dirty;
            if is_dirty {
                self.dirty[kept] = index;
                kept += 1;
            }
        }
        self.dirty.truncate(kept);
        // Registrations that found no room in this batch come first in the next.
        self.needs_look |= next.is_some();
        self.dirty.rotate_left(next.unwrap_or(0));
        true
    }

    /// Lists all dirty registrations, in their order, for the poll.
    fn prepare_look(&mut self) {
        self.polled.clear();
        let (slots, polled) = (&mut self.slots, &mut self.polled);
        self.dirty.retain(|&index| {
            let slot = &mut slots[index as usize];
            let known = slot.registration.as_ref().filter(|known| !known.interest.is_empty());
            slot.is_dirty = known.is_some();
            known.inspect(|known| polled.push(known.fd.as_raw_fd(), known.flags())).is_some()
        });
    }

    /// Handles the answer for one registration. Returns whether it stays dirty.
    fn take_answer(&mut self, index: u32, answer: PollFlags, events: &mut Vec<Event>) -> bool {
        let Some(known) = &mut self.slots[index as usize].registration else { return false };
        known.note_look(!answer.is_empty(), self.waits);
        if answer.is_empty() {
            let is_unarmed = known.is_unarmed();
            self.needs_look |= is_unarmed && known.is_busy();
            self.has_overdue |= is_unarmed && known.idle >= OVERDUE;
            // If the registration is armed, the kernel reports when it is ready again.
            return is_unarmed;
        }
        if answer.contains(PollFlags::NVAL) {
            self.drop_closed(index);
            return false;
        }
        if known.is_busy() {
            // If there is no room to queue the removal of a multishot poll, the poll stays armed for now.
            let _ = self.disarm(index as usize);
        }
        if !self.report(index, answer, events) {
            return false;
        }
        let Some(known) = &self.slots[index as usize].registration else { return false };
        // An edge-triggered registration that is armed is not dirty until its poll completes. For any other
        // registration the next wait finds out whether it is still ready: by a look, or by arming it if it is unarmed.
        let is_dirty = known.is_unarmed() || !known.needs_news_only;
        self.needs_look |= is_dirty && (!known.is_unarmed() || known.may_be_busy());
        is_dirty
    }
}
