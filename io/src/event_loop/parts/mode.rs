//! How often readiness is reported: in every turn, once for each direction, or once.
//!
//! ```text
//!            Level      Edge                             OneShot
//!            ────────   ──────────────────────────────   ────────────────────────────────────
//!   ready    reported   reported; the direction is       reported; both directions are
//!                       silent from now on               silent from now on
//!   ready    reported   –                                –
//!                       drained( token, direction )      set_interest( token, … )
//!   ready    reported   reported                         reported
//! ```
//!
//! An edge here is not the kernel's edge. Those differ from backend to backend: `select` cannot tell new readiness from
//! old, and a missed wake-up would be missed for ever. Here the user says when a direction was used up (`WouldBlock`), and
//! what is ready from then on is reported. So it works alike everywhere.

use crate::Interest;

/// How often a descriptor's readiness is reported.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
pub enum Mode {
    /// In every turn, as long as it lasts.
    #[default]
    Level,
    /// Each direction once, then again after [`drained`](crate::EventLoop::drained) has said that it was used up.
    Edge,
    /// Once, whichever direction comes first, then again after [`set_interest`](crate::EventLoop::set_interest).
    OneShot,
}

impl Mode {
    /// The directions that are silent after `ready` has been reported.
    pub(crate) fn silenced(self, ready: Interest) -> Interest {
        match self {
            Self::Level => Interest::NONE,
            Self::Edge => ready,
            Self::OneShot => Interest::BOTH,
        }
    }
}
