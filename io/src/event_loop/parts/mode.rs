//! How often readiness is reported: in every turn, once for each direction, or once.
//!
//! ```text
//!            Level      Edge                             OneShot
//!            ────────   ──────────────────────────────   ────────────────────────────────────
//!   ready    reported   reported; the direction is       reported; all directions are
//!                       silent from now on               silent from now on
//!   ready    reported   –                                –
//!                       drained( token, direction )      set_interest( token, … )
//!   ready    reported   reported                         reported
//! ```
//!
//! `Edge` is not the kernel's edge trigger, because not every backend has one: `select` cannot tell new readiness from
//! old. Also, a user of the kernel's trigger can miss a wake-up for ever. Instead, the user says that a direction was
//! drained (`WouldBlock`), and the loop reports the direction again as soon as it is ready. So the mode works the same
//! on all backends.

use crate::Interest;

/// How often a descriptor's readiness is reported.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
pub enum Mode {
    /// In every turn while the descriptor is ready.
    #[default]
    Level,
    /// Each direction once, and again after [`drained`](crate::EventLoop::drained) was called for it. A new interest
    /// ([`set_interest`](crate::EventLoop::set_interest)) ends the silence, too.
    Edge,
    /// Once, for the directions that are ready first, and again after
    /// [`set_interest`](crate::EventLoop::set_interest).
    OneShot,
}

impl Mode {
    /// The directions that are silent after `ready` was reported.
    pub(crate) fn silenced(self, ready: Interest) -> Interest {
        match self {
            Self::Level => Interest::NONE,
            Self::Edge => ready,
            Self::OneShot => Interest::ALL,
        }
    }
}
