//! What comes from the kernel: completions, most of them events. And what the kernel does not report: descriptors that were
//! closed.

use super::ring::Completion;
use super::{QUIET_TIMER, Uring};
use crate::backend::EVENTS_MAX;
use crate::{Event, Interest, Waker};
use rustix::event::PollFlags;
use rustix::io::Errno;

impl Uring {
    /// Reports what has completed while the loop slept, one batch at the most. `true` when the wait is over although there
    /// is no event.
    pub(super) fn reap(&mut self, events: &mut Vec<Event>) -> bool {
        let mut is_over = false;
        let mut asked_in_vain = false;
        loop {
            while events.len() < EVENTS_MAX {
                let Some(completion) = self.next_completion() else { break };
                is_over |= self.complete(completion, Some(events));
                asked_in_vain = false;
            }
            if asked_in_vain || events.len() >= EVENTS_MAX || !self.enter_for_more() {
                return is_over;
            }
            asked_in_vain = true;
        }
    }

    /// Takes what has completed while the user's code ran: those registrations are dirty, and nothing is reported. `true`
    /// when a wake was among it.
    pub(super) fn reap_unreported(&mut self) -> bool {
        let (mut is_over, mut asked_in_vain) = (false, false);
        loop {
            while let Some(completion) = self.next_completion() {
                is_over |= completion.name == self.waker_name;
                self.complete(completion, None);
                asked_in_vain = false;
            }
            if asked_in_vain || !self.enter_for_more() {
                return is_over;
            }
            asked_in_vain = true;
        }
    }

    /// Has the kernel make the completions that it has deferred. `false` when there are none, or when it fails.
    ///
    /// The kernel may set its hint just after it has done the work that the hint speaks of. It takes the hint back when
    /// there is work again, not before. So after one enter in vain there is no second.
    fn enter_for_more(&mut self) -> bool {
        if !self.ring.has_more() {
            return false;
        }
        let entered = self.ring.wait(0);
        self.has_lost |= entered == Err(Errno::BADR);
        entered.is_ok()
    }

    fn next_completion(&mut self) -> Option<Completion> {
        self.early.pop_front().or_else(|| self.ring.next())
    }

    /// Handles a completion. Its event is appended to `events`, if there are any to append to. `true` when the wait is
    /// over, with or without an event.
    pub(super) fn complete(&mut self, completion: Completion, events: Option<&mut Vec<Event>>) -> bool {
        let Completion { name, result, has_ended } = completion;
        if name == self.waker_name {
            self.waker_is_armed &= !has_ended;
            self.waker.iter().for_each(Waker::drain);
            return true;
        }
        if name == QUIET_TIMER {
            (self.quiet_timer_is_set, self.is_time_to_check) = (false, self.is_quiet);
            return false;
        }
        let (serial, index) = ((name >> 32) as u32, name as u32);
        let slot = self.slots.get_mut(index as usize).filter(|_| serial != 0);
        let Some(known) = slot.and_then(|slot| slot.registration.as_mut()).filter(|known| known.serial == serial)
        else {
            // Late: its poll was cancelled. Or it is the answer to a removal.
            return false;
        };
        if has_ended {
            known.serial = 0;
            self.armed -= 1;
        }
        let answer = match u32::try_from(result) {
            Ok(bits) => PollFlags::from_bits_retain(bits as u16),
            Err(_) => match Errno::from_raw_os_error(-result) {
                Errno::CANCELED | Errno::AGAIN | Errno::NOMEM | Errno::INTR => PollFlags::empty(),
                // Closed without being removed, before its poll was armed.
                Errno::BADF => {
                    self.slots[index as usize].registration = None;
                    return false;
                }
                _ => PollFlags::ERR,
            },
        };
        let is_edge = known.needs_news_only;
        match events {
            Some(events) => {
                if !has_ended && !is_edge {
                    // The next wait, too, may sleep, and a poll for once says by then whether it is still ready. Where there
                    // is no room for the removal, a look does.
                    self.needs_look |= self.disarm(index as usize).is_err();
                }
                if has_ended || !is_edge {
                    self.mark_dirty(index);
                }
                self.report(index, answer, events)
            }
            None => {
                self.needs_look = true;
                self.mark_dirty(index);
                true
            }
        }
    }

    /// Appends the event of a registration, unless its number stands for another file now: then it is dropped. `false` for
    /// one that is dropped.
    pub(super) fn report(&mut self, index: u32, answer: PollFlags, events: &mut Vec<Event>) -> bool {
        self.is_quiet = false;
        let Some(known) = &mut self.slots[index as usize].registration else { return false };
        if known.checks.is_due() && !known.file.still(known.fd.as_fd()) {
            self.drop_closed(index);
            return false;
        }
        let ready = readiness(answer);
        if !ready.is_empty() {
            let was_reported = std::mem::replace(&mut known.reported, self.waits) == self.waits;
            let earlier = if was_reported { events.iter_mut().find(|event| event.token == known.token) } else { None };
            match earlier {
                Some(event) => event.ready.insert(ready),
                None => events.push(Event::new(known.token, ready)),
            }
        }
        true
    }

    /// Drops those that were closed without being removed among the next armed registrations, `limit` at the most. Says
    /// how many slots that took.
    pub(super) fn check(&mut self, limit: usize) -> usize {
        let (mut looked, mut checked) = (0, 0);
        while looked < self.slots.len() && checked < limit {
            let index = self.cursor % self.slots.len();
            self.cursor = index + 1;
            looked += 1;
            let Some(known) = self.slots[index].registration.as_ref().filter(|known| known.serial != 0) else {
                continue;
            };
            checked += 1;
            if !known.file.still(known.fd.as_fd()) {
                self.drop_closed(index as u32);
            }
        }
        if self.ring.queued() > 0 {
            // What is refused now is sent by the next wait.
            let _ = self.send();
        }
        looked
    }
}

/// Hang-up and error end both directions. The user learns which by trying.
fn readiness(answer: PollFlags) -> Interest {
    const ENDS: PollFlags = PollFlags::HUP.union(PollFlags::ERR);
    let mut ready = Interest::NONE;
    if answer.intersects(PollFlags::IN.union(PollFlags::RDHUP).union(ENDS)) {
        ready.insert(Interest::READ);
    }
    if answer.intersects(PollFlags::OUT.union(ENDS)) {
        ready.insert(Interest::WRITE);
    }
    ready
}
