//! One registration: its interest, its poll in the kernel, and how busy it is. A *look* asks the kernel with one
//! `poll( 2 )` which registrations are ready.

use crate::checks::Checks;
use crate::number::Number;
use crate::sys::Identity;
use crate::{Interest, Token};
use rustix::event::PollFlags;

/// The number of looks that must find an unarmed registration ready before it counts as busy. Each of these looks comes
/// at most [`SOON`] waits after the registration's last report.
const BUSY: u8 = 2;

/// The same number for a registration with a multishot poll. When it counts as busy, its poll is removed, which costs
/// as much as that many completions.
const BUSY_LASTING: u8 = 8;

const SOON: u32 = 4;

/// When this number of looks in a row have found an unarmed registration not ready, it is armed, even if arming takes a
/// system call of its own. Arming it and taking its completion later cost about as much as that many looks.
pub(super) const OVERDUE: u8 = 8;

pub(super) struct Registration {
    pub(super) fd: Number,
    pub(super) interest: Interest,
    pub(super) token: Token,
    pub(super) file: Identity,
    /// Whether readiness that was reported need not be reported again.
    pub(super) needs_news_only: bool,
    /// The serial number of its poll in the kernel; 0 if it is unarmed.
    pub(super) serial: u32,
    pub(super) checks: Checks,
    /// The number of the last wait that reported it.
    pub(super) reported: u32,
    /// The number of looks in a row that found it not ready.
    pub(super) idle: u8,
    /// The number of looks that found it ready, each soon after its last report. Looks in between that found it not
    /// ready do not matter.
    streak: u8,
}

impl Registration {
    /// Makes an unarmed registration after `waits` waits of its backend.
    pub(super) fn new(fd: Number, interest: Interest, token: Token, file: Identity, waits: u32) -> Self {
        let reported = waits.wrapping_sub(SOON + 1);
        let checks = Checks::default();
        Self { fd, interest, token, file, needs_news_only: false, serial: 0, checks, reported, idle: 0, streak: 0 }
    }

    pub(super) fn is_unarmed(&self) -> bool {
        self.serial == 0
    }

    pub(super) fn is_busy(&self) -> bool {
        self.streak >= if self.is_unarmed() { BUSY } else { BUSY_LASTING }
    }

    /// Whether it may become busy. Then the next wait looks before it arms anything.
    pub(super) fn may_be_busy(&self) -> bool {
        self.streak > 0
    }

    /// Records the poll that the registration has now.
    pub(super) fn arm(&mut self, serial: u32) {
        if self.is_busy() {
            self.streak = 0;
        }
        self.serial = serial;
    }

    /// Records whether the look of this wait found it ready.
    pub(super) fn note_look(&mut self, is_ready: bool, waits: u32) {
        if !is_ready {
            self.idle = self.idle.saturating_add(1);
            return;
        }
        let is_soon = waits.wrapping_sub(self.reported) <= SOON;
        (self.streak, self.idle) = (if is_soon { self.streak.saturating_add(1) } else { 0 }, 0);
    }

    /// The poll flags for its interest.
    pub(super) fn flags(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN | PollFlags::RDHUP, self.interest.contains(Interest::READ));
        flags.set(PollFlags::OUT, self.interest.contains(Interest::WRITE));
        flags.set(PollFlags::PRI, self.interest.contains(Interest::PRIORITY));
        flags
    }
}
