//! One registration: what is observed, its poll in the kernel, and how busy it is.

use crate::checks::Checks;
use crate::number::Number;
use crate::sys::Identity;
use crate::{Interest, Token};
use rustix::event::PollFlags;

/// A registration is busy when so many looks in a row have found it ready, each no more than [`SOON`] waits after it was
/// last reported.
const BUSY: u8 = 2;

/// The same for a poll that lasts, which has to be removed then: that costs what so many completions do.
const BUSY_LASTING: u8 = 8;

const SOON: u32 = 4;

/// An unarmed registration that so many looks in a row have found not ready is armed, even if that needs a system call of
/// its own. Arming it, and taking its completion later, costs about as much as so many looks at it.
pub(super) const OVERDUE: u8 = 8;

pub(super) struct Registration {
    pub(super) fd: Number,
    pub(super) interest: Interest,
    pub(super) token: Token,
    pub(super) file: Identity,
    /// Whether readiness that was reported need not be reported again.
    pub(super) needs_news_only: bool,
    /// The serial number of its poll in the kernel. 0: it is unarmed.
    pub(super) serial: u32,
    pub(super) checks: Checks,
    /// The last wait that reported it.
    pub(super) reported: u32,
    /// How many looks in a row have found it not ready.
    pub(super) idle: u8,
    /// How many looks in a row have found it ready, soon after it was reported.
    streak: u8,
}

impl Registration {
    /// An unarmed one, after so many waits of its backend.
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

    /// Whether it may become busy, so that the next wait should look before it arms anything.
    pub(super) fn may_be_busy(&self) -> bool {
        self.streak > 0
    }

    /// It has a poll from now on.
    pub(super) fn arm(&mut self, serial: u32) {
        if self.is_busy() {
            self.streak = 0;
        }
        self.serial = serial;
    }

    /// The look of this wait has found it ready, or not.
    pub(super) fn note_look(&mut self, is_ready: bool, waits: u32) {
        if !is_ready {
            self.idle = self.idle.saturating_add(1);
            return;
        }
        let is_soon = waits.wrapping_sub(self.reported) <= SOON;
        (self.streak, self.idle) = (if is_soon { self.streak.saturating_add(1) } else { 0 }, 0);
    }

    /// What the kernel is asked about it.
    pub(super) fn flags(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN | PollFlags::RDHUP, self.interest.contains(Interest::READ));
        flags.set(PollFlags::OUT, self.interest.contains(Interest::WRITE));
        flags
    }
}
