//! Arming: queues polls for unarmed registrations, and the removal of polls.
//!
//! A *look* asks the kernel with one `poll( 2 )` which registrations are ready. A *dirty* registration may be ready
//! without a report from the kernel. A *busy* one is left unarmed, because looks find it ready again and again.

use super::{QUIET_TIMER, REMOVAL, Uring, WAKER};
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::os::fd::AsFd;

/// After this number of looks in a row that find a busy registration not ready, the next system call also arms it. If
/// the program answers on one descriptor what it reads from another, every other look finds one of the two not ready.
/// With this limit both stay unarmed.
pub(super) const IDLE: u8 = 2;

/// After this number of waits in a row without sleep, new polls are multishot. In a busy loop a look follows each
/// completion anyway, so the poll need not be armed again to learn whether the descriptor is still ready. In a loop
/// that sleeps, a one-shot poll costs less. Arming it again and sleeping take one system call; a look and sleeping take
/// two.
const SLEEPLESS: u32 = 32;

impl Uring {
    /// Marks a slot whose registration may be ready without a report from the kernel.
    pub(super) fn mark_dirty(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !slot.is_dirty {
            slot.is_dirty = true;
            self.dirty.push(index);
        }
    }

    /// Queues the removal of the polls of all dirty registrations. If the queue is full, a poll stays armed, and the
    /// registration is looked at.
    pub(super) fn disarm_dirty(&mut self) {
        for nth in 0..self.dirty.len() {
            self.needs_look |= self.disarm(self.dirty[nth] as usize).is_err();
        }
    }

    /// Drops a registration whose descriptor was closed without being removed. If there is no room to queue the removal
    /// of its poll, the next check tries again.
    pub(super) fn drop_closed(&mut self, index: u32) {
        if self.disarm(index as usize).is_ok() {
            self.slots[index as usize].registration = None;
        }
    }

    /// Queues the removal of a slot's poll, if it has one.
    pub(super) fn disarm(&mut self, index: usize) -> Result<(), Errno> {
        let Some(known) = &self.slots[index].registration else { return Ok(()) };
        if known.is_unarmed() {
            return Ok(());
        }
        self.remove_poll(name(known.serial, index as u32))?;
        if let Some(known) = &mut self.slots[index].registration {
            known.serial = 0;
        }
        self.armed -= 1;
        Ok(())
    }

    fn remove_poll(&mut self, name: u64) -> Result<(), Errno> {
        if !self.ring.unpoll(name, REMOVAL) {
            self.send()?;
            self.ring.unpoll(name, REMOVAL);
        }
        Ok(())
    }

    /// Empties a slot. If its poll cannot be removed now, the poll's name is kept, and the next wait removes the poll
    /// first.
    pub(super) fn forget(&mut self, index: usize) {
        let armed = self.slots[index].registration.take().filter(|known| known.serial != 0);
        if let Some(known) = armed {
            self.pending_removals.push(name(known.serial, index as u32));
            self.armed -= 1;
        }
    }

    /// Queues the removals that found no room earlier.
    pub(super) fn flush_removals(&mut self) -> Result<(), Errno> {
        while let Some(&name) = self.pending_removals.last() {
            if self.ring.unpoll(name, REMOVAL) {
                self.pending_removals.pop();
            } else {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Queues a poll for the waker and for every unarmed registration that has an interest.
    pub(super) fn arm(&mut self) -> Result<(), Errno> {
        self.arm_idle(0)
    }

    /// Queues a poll for the waker and for every unarmed registration that has an interest. Leaves out busy
    /// registrations that fewer than `looks` looks in a row have found not ready.
    pub(super) fn arm_idle(&mut self, looks: u8) -> Result<(), Errno> {
        self.flush_removals()?;
        self.arm_waker()?;
        let (mut done, mut kept) = (0, 0);
        let mut answer = Ok(());
        while let Some(&index) = self.dirty.get(done) {
            let known = self.slots[index as usize].registration.as_ref().filter(|known| !known.interest.is_empty());
            let is_kept = known.is_some_and(|known| !known.is_unarmed() || known.is_busy() && known.idle < looks);
            if is_kept {
                self.dirty[kept] = index;
                kept += 1;
            } else if known.is_some() && !self.arm_slot(index) {
                // The queue is full. The registration stays dirty until the kernel has taken the queued entries.
                answer = self.send();
                if answer.is_err() {
                    break;
                }
                continue;
            }
            self.slots[index as usize].is_dirty = is_kept;
            done += 1;
        }
        self.dirty.drain(kept..done);
        self.needs_look &= !self.dirty.is_empty();
        answer
    }

    fn arm_waker(&mut self) -> Result<(), Errno> {
        if self.waker_is_armed {
            return Ok(());
        }
        let Some(waker) = &self.waker else { return Ok(()) };
        // Each poll gets a new name, because the last completion of a removed poll may still come. The poll is
        // multishot: one poll reports all wakes, and each report clears all wakes so far.
        let name = if self.waker_name < u64::from(u32::MAX) { self.waker_name + 1 } else { WAKER };
        if !self.ring.poll(name, waker.as_fd(), PollFlags::IN, true) {
            self.send()?;
            return self.arm_waker();
        }
        (self.waker_is_armed, self.waker_name) = (true, name);
        Ok(())
    }

    /// Queues a poll for a registration. Returns `false` if the queue is full.
    fn arm_slot(&mut self, index: u32) -> bool {
        let Some(known) = &mut self.slots[index as usize].registration else { return true };
        let serial = self.last_serial.checked_add(1).unwrap_or(1);
        let lasts = known.needs_news_only || self.sleepless >= SLEEPLESS;
        let is_queued = self.ring.poll(name(serial, index), known.fd.as_fd(), known.flags(), lasts);
        if is_queued {
            self.last_serial = serial;
            known.arm(serial);
            self.armed += 1;
        }
        is_queued
    }

    /// Queues the quiet timer, which starts a check of armed registrations after a time without an event. Does nothing
    /// if the kernel has the timer already: keeping one timer from wait to wait costs less than a timeout for each
    /// wait.
    pub(super) fn set_quiet_timer(&mut self) -> Result<(), Errno> {
        if !self.quiet_timer_is_set {
            if !self.ring.quiet_timer(QUIET_TIMER) {
                self.send()?;
                self.ring.quiet_timer(QUIET_TIMER);
            }
            (self.quiet_timer_is_set, self.is_quiet) = (true, true);
        }
        Ok(())
    }

    /// Submits all queued entries. With deferred completions the kernel also finishes removals at once.
    pub(super) fn send(&mut self) -> Result<(), Errno> {
        loop {
            let before = (self.ring.queued(), self.early.len());
            match self.ring.enter(Some(0)) {
                Ok(_) | Err(Errno::INTR) => {}
                // An older kernel takes no entries while there are more completions than the ring holds.
                Err(Errno::BUSY) => {
                    while self.early.try_reserve(1).is_ok()
                        && let Some(completion) = self.ring.next()
                    {
                        self.early.push_back(completion);
                    }
                }
                // The next wait handles the loss, because the caller may be in the middle of a change.
                Err(Errno::BADR) => self.has_lost = true,
                Err(error) => return Err(error),
            }
            match self.ring.queued() {
                0 => return Ok(()),
                // The kernel took no entry, and a full completion ring was not the reason. So it has no memory.
                left if (left, self.early.len()) == before => return Err(Errno::AGAIN),
                _ => {}
            }
        }
    }

    /// If the kernel has lost a completion for lack of memory, removes every poll, so that all are armed again. The
    /// kernel does not say which completion it lost. Returns whether it lost one.
    pub(super) fn recover_lost(&mut self) -> bool {
        let has_lost = std::mem::take(&mut self.has_lost);
        if has_lost {
            self.disarm_all();
        }
        has_lost
    }

    /// Queues the removal of every poll.
    pub(super) fn disarm_all(&mut self) {
        for index in 0..self.slots.len() {
            match self.disarm(index) {
                Ok(()) => self.mark_dirty(index as u32),
                // There is no room for the removal, so the next wait tries again.
                Err(_) => self.has_lost = true,
            }
        }
        if self.waker_is_armed && self.remove_poll(self.waker_name).is_err() {
            self.has_lost = true;
        }
        (self.waker_is_armed, self.quiet_timer_is_set) = (false, false);
    }
}

fn name(serial: u32, index: u32) -> u64 {
    u64::from(serial) << 32 | u64::from(index)
}
