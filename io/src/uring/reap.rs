//! What comes from the kernel: completions, most of them events. And what nobody reports: descriptors that were closed.

use super::ring::Completion;
use super::{ALARM, CHECK_EVERY, Uring, WAKER};
use crate::backend::EVENTS_MAX;
use crate::{Event, Interest, Waker};
use rustix::event::PollFlags;
use rustix::io::Errno;

impl Uring {
    /// Handles what has completed, one batch at the most. `true` when the wait is over although there is no event.
    pub(super) fn reap(&mut self, events: &mut Vec<Event>) -> bool {
        let mut is_over = false;
        let mut asked_in_vain = false;
        loop {
            while events.len() < EVENTS_MAX {
                let Some(completion) = self.early.pop_front().or_else(|| self.ring.next()) else { break };
                is_over |= self.complete(completion, events);
                asked_in_vain = false;
            }
            // The kernel may set its hint just after it has done the work that the hint speaks of, and takes it back
            // when there is work again, not before.
            if asked_in_vain || events.len() >= EVENTS_MAX || !self.ring.has_more() {
                return is_over;
            }
            if let Err(error) = self.ring.wait(0) {
                self.has_lost |= error == Errno::BADR;
                return is_over;
            }
            asked_in_vain = true;
        }
    }

    pub(super) fn complete(&mut self, completion: Completion, events: &mut Vec<Event>) -> bool {
        let Completion { name, result, has_ended } = completion;
        if name == WAKER {
            self.waker_is_armed = false;
            self.waker.iter().for_each(Waker::drain);
            return true;
        }
        if name == ALARM {
            (self.alarm_is_set, self.is_time_to_check) = (false, self.is_quiet);
            return false;
        }
        let (serial, index) = ((name >> 32) as u32, name as u32);
        let slot = self.slots.get_mut(index as usize).filter(|_| serial != 0);
        let Some(known) = slot.and_then(|slot| slot.registration.as_mut()).filter(|known| known.serial == serial)
        else {
            // Late: cancelled, or what a removal had to say.
            return false;
        };
        self.is_quiet = false;
        known.seen = known.seen.wrapping_add(1);
        if has_ended {
            known.serial = 0;
            self.armed -= 1;
        }
        let ready = match u32::try_from(result) {
            Ok(bits) => readiness(bits),
            Err(_) => match Errno::from_raw_os_error(-result) {
                Errno::CANCELED | Errno::AGAIN | Errno::NOMEM | Errno::INTR => Interest::NONE,
                // Closed behind our back before its poll was armed.
                Errno::BADF => {
                    self.slots[index as usize].registration = None;
                    return false;
                }
                _ => Interest::BOTH,
            },
        };
        let is_time = known.seen.is_power_of_two() || known.seen.is_multiple_of(CHECK_EVERY);
        if is_time && !known.file.still(known.fd.as_fd()) {
            // Where there is no room for that, the next check tries again.
            if self.disarm(index as usize).is_ok() {
                self.slots[index as usize].registration = None;
            }
            return false;
        }
        if !ready.is_empty() {
            let was_reported = std::mem::replace(&mut known.reported, self.waits) == self.waits;
            let earlier = if was_reported { events.iter_mut().find(|event| event.token == known.token) } else { None };
            match earlier {
                Some(event) => event.ready.insert(ready),
                None => events.push(Event::new(known.token, ready)),
            }
        }
        if has_ended {
            self.list(index);
        }
        true
    }

    /// Drops those that were closed behind our back among the next armed registrations, `limit` at the most. Says how
    /// many slots that took.
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
            if !known.file.still(known.fd.as_fd()) && self.disarm(index).is_ok() {
                self.slots[index].registration = None;
            }
        }
        if self.ring.queued() > 0 {
            // What is refused now is sent by the next wait.
            let _ = self.send();
        }
        looked
    }
}

/// Hang-up and error end both directions: who observes one of them has to learn of it by trying.
fn readiness(bits: u32) -> Interest {
    const ENDS: PollFlags = PollFlags::HUP.union(PollFlags::ERR);
    const READS: u32 = PollFlags::IN.union(PollFlags::RDHUP).union(ENDS).bits() as u32;
    const WRITES: u32 = PollFlags::OUT.union(ENDS).bits() as u32;
    let read = if bits & READS != 0 { Interest::READ } else { Interest::NONE };
    let write = if bits & WRITES != 0 { Interest::WRITE } else { Interest::NONE };
    read | write
}
