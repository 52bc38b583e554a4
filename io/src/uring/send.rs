//! What goes to the kernel: polls for those that are listed, and the removal of polls.

use super::{ALARM, REMOVAL, Uring, WAKER};
use crate::Interest;
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::os::fd::AsFd;

impl Uring {
    pub(super) fn list(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !slot.is_listed {
            slot.is_listed = true;
            self.listed.push(index);
        }
    }

    /// Queues the removal of a slot's poll, if it has one.
    pub(super) fn disarm(&mut self, index: usize) -> Result<(), Errno> {
        let Some(known) = &mut self.slots[index].registration else { return Ok(()) };
        if known.serial == 0 {
            return Ok(());
        }
        let name = name(known.serial, index as u32);
        if !self.ring.unpoll(name, REMOVAL) {
            self.send()?;
            self.ring.unpoll(name, REMOVAL);
        }
        if let Some(known) = &mut self.slots[index].registration {
            known.serial = 0;
        }
        self.armed -= 1;
        Ok(())
    }

    /// Empties a slot. A poll that could not be disarmed is remembered, and removed before the next wait.
    pub(super) fn forget(&mut self, index: usize) {
        let armed = self.slots[index].registration.take().filter(|known| known.serial != 0);
        if let Some(known) = armed {
            self.owed.push(name(known.serial, index as u32));
            self.armed -= 1;
        }
    }

    /// Queues the removals that found no room.
    pub(super) fn pay(&mut self) -> Result<(), Errno> {
        while let Some(&name) = self.owed.last() {
            if self.ring.unpoll(name, REMOVAL) {
                self.owed.pop();
            } else {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Queues a poll for the waker and for every listed slot that wants one.
    pub(super) fn arm(&mut self) -> Result<(), Errno> {
        self.pay()?;
        if !self.waker_is_armed
            && let Some(waker) = self.waker.clone()
        {
            if !self.ring.poll(WAKER, waker.as_fd(), flags(Interest::READ), false) {
                self.send()?;
                self.ring.poll(WAKER, waker.as_fd(), flags(Interest::READ), false);
            }
            self.waker_is_armed = true;
        }
        let mut done = 0;
        let mut answer = Ok(());
        while let Some(&index) = self.listed.get(done) {
            if self.arm_slot(index) {
                self.slots[index as usize].is_listed = false;
                done += 1;
                continue;
            }
            // Whoever has no room now is listed still, and his turn comes again.
            answer = self.send();
            if answer.is_err() {
                break;
            }
        }
        self.listed.drain(..done);
        answer
    }

    /// Queues a poll for a listed slot, if it wants one. `false` when the queue is full.
    fn arm_slot(&mut self, index: u32) -> bool {
        let Some(known) = &mut self.slots[index as usize].registration else { return true };
        if known.serial != 0 || known.interest.is_empty() {
            return true;
        }
        let serial = self.last_serial.checked_add(1).unwrap_or(1);
        let is_queued = self.ring.poll(name(serial, index), known.fd.as_fd(), flags(known.interest), known.is_lasting);
        if is_queued {
            (self.last_serial, known.serial) = (serial, serial);
            self.armed += 1;
        }
        is_queued
    }

    /// Queues an alarm, unless one is on its way already. One that stays on its way from wait to wait costs less than a
    /// timeout of each of them.
    pub(super) fn set_alarm(&mut self) -> Result<(), Errno> {
        if !self.alarm_is_set {
            if !self.ring.alarm(ALARM) {
                self.send()?;
                self.ring.alarm(ALARM);
            }
            (self.alarm_is_set, self.is_quiet) = (true, true);
        }
        Ok(())
    }

    /// Has the kernel take all that is queued, and do at once what a removal leaves to be done.
    pub(super) fn send(&mut self) -> Result<(), Errno> {
        loop {
            let before = (self.ring.queued(), self.early.len());
            match self.ring.enter(Some(0)) {
                Ok(_) | Err(Errno::INTR) => {}
                // An older kernel takes nothing while more has completed than the ring holds.
                Err(Errno::BUSY) => {
                    while self.early.try_reserve(1).is_ok()
                        && let Some(completion) = self.ring.next()
                    {
                        self.early.push_back(completion);
                    }
                }
                // To be dealt with when nobody is in the middle of anything.
                Err(Errno::BADR) => self.has_lost = true,
                Err(error) => return Err(error),
            }
            match self.ring.queued() {
                0 => return Ok(()),
                // Nothing was taken, and nothing was in the way: there is no memory for it.
                left if (left, self.early.len()) == before => return Err(Errno::AGAIN),
                _ => {}
            }
        }
    }

    /// The kernel had no memory for a completion and does not say whose: every poll is removed and armed again.
    pub(super) fn expect_nothing(&mut self) {
        for index in 0..self.slots.len() {
            match self.disarm(index) {
                Ok(()) => self.list(index as u32),
                // No room for that: the next wait tries again.
                Err(_) => self.has_lost = true,
            }
        }
        (self.waker_is_armed, self.alarm_is_set) = (false, false);
    }
}

fn name(serial: u32, index: u32) -> u64 {
    u64::from(serial) << 32 | u64::from(index)
}

fn flags(interest: Interest) -> u32 {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN | PollFlags::RDHUP, interest.contains(Interest::READ));
    flags.set(PollFlags::OUT, interest.contains(Interest::WRITE));
    flags.bits().into()
}
