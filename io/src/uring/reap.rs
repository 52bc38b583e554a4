//! Handles completions, and looks for closed descriptors. Most completions become events. The kernel does not report
//! that a descriptor was closed.

use super::ring::Completion;
use super::{QUIET_TIMER, Uring};
use crate::backend::EVENTS_MAX;
use crate::{Event, Interest, Waker};
use rustix::event::PollFlags;
use rustix::io::Errno;

impl Uring {
    /// Reports the completions that came while the loop slept, at most a batch. Returns `true` if the wait is over,
    /// with or without an event.
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

    /// Takes the completions that came while the user's code ran. Reports nothing, and marks the registrations dirty:
    /// the next look or poll finds out whether they are ready. Returns `true` if one of the completions was a wake.
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

    /// Makes the kernel produce the completions that it has deferred. Returns `false` if there are none, or on failure.
    ///
    /// The kernel has a flag that says that there are more completions. It may set the flag just after it has made
    /// them, and clears the flag only when there are new ones. So after one `enter` that brings no completion the
    /// callers do not try again.
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

    /// Handles a completion and appends its event to `events`, if that is given. Returns `true` if the wait is over,
    /// with or without an event.
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
            // The completion answers a removal, or comes late from a cancelled poll.
            return false;
        };
        if has_ended {
            known.serial = 0;
            self.armed -= 1;
        }
        let answer = match u32::try_from(result) {
            Ok(bits) => PollFlags::from_bits_retain(bits as _),
            Err(_) => match Errno::from_raw_os_error(-result) {
                Errno::CANCELED | Errno::AGAIN | Errno::NOMEM | Errno::INTR => PollFlags::empty(),
                // The descriptor was closed without being removed, before its poll was armed.
                Errno::BADF => {
                    self.slots[index as usize].registration = None;
                    return false;
                }
                // This file cannot be polled. It is always ready, but never has urgent data.
                Errno::INVAL if known.interest == Interest::PRIORITY => {
                    known.interest = Interest::NONE;
                    return false;
                }
                _ => PollFlags::ERR,
            },
        };
        let is_edge = known.needs_news_only;
        match events {
            Some(events) => {
                if !has_ended && !is_edge {
                    // The multishot poll is removed. A one-shot poll in its place costs no look: if the next wait
                    // sleeps as well, arming the one-shot poll shows whether the descriptor is still ready. If there is
                    // no room to queue the removal, a look shows it.
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

    /// Appends the event of a registration. If a check is due and finds that the number stands for another file now,
    /// drops the registration instead and returns `false`.
    pub(super) fn report(&mut self, index: u32, answer: PollFlags, events: &mut Vec<Event>) -> bool {
        self.is_quiet = false;
        let Some(known) = &mut self.slots[index as usize].registration else { return false };
        if known.checks.is_due() && !known.file.still(known.fd.as_fd()) {
            self.drop_closed(index);
            return false;
        }
        let ready = readiness(answer, known.interest);
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

    /// Checks the next armed registrations, at most `limit`, and drops those whose descriptors were closed. Returns how
    /// many slots it passed.
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
            // Entries that are refused now are submitted by the next wait.
            let _ = self.send();
        }
        looked
    }
}

/// The ready directions of a registration with this interest. Hang-up and error make both reading and writing ready.
/// The user learns which it was by reading or writing.
fn readiness(answer: PollFlags, interest: Interest) -> Interest {
    const ENDS: PollFlags = PollFlags::HUP.union(PollFlags::ERR);
    let mut ready = Interest::NONE;
    if answer.intersects(PollFlags::IN.union(PollFlags::RDHUP).union(ENDS)) {
        ready.insert(Interest::READ);
    }
    if answer.intersects(PollFlags::OUT.union(ENDS)) {
        ready.insert(Interest::WRITE);
    }
    if answer.contains(PollFlags::PRI) || interest == Interest::PRIORITY && answer.intersects(ENDS) {
        ready.insert(Interest::PRIORITY);
    }
    ready
}
