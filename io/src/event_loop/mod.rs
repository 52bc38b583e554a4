//! The event loop: one wheel, one clock and one backend, joined by the turn.
//!
//! ```text
//!   ┌────────────────────────── turn( wait ) ──────────────────────────┐
//!   │                                                                  │
//!   │  1 drop the events that were not pulled from the last turn       │
//!   │  2 read the clock                                                │
//!   │  3 choose a timeout    0               marks or due timers wait  │
//!   │                        next deadline   exact: one wake-up each   │
//!   │                        for ever        no timer is armed         │
//!   │    with time to spare: Scheduler::cascade_early, a few µs        │
//!   │  4 Backend::wait( timeout ) ──► one buffer of events             │
//!   │  5 read the clock ──► turn_ns                                    │
//!   │  6 Scheduler::advance ──► expired queue: what is due at turn_ns  │
//!   │  7 merge the marks into the events                               │
//!   │                                                                  │
//!   └────────────────────────────────┬─────────────────────────────────┘
//!                                    ▼
//!         next_expired( ), next_expired( ), …, next_ready( ), …
//!         The user pulls these, and may add, cancel, remove and stop in between.
//! ```
//!
//! A *mark* is readiness that the user announces with [`EventLoop::mark_ready`].
//!
//! The loop promises the following:
//!
//! - A timer never expires early: its deadline is rounded up to a tick, and the clock's reading is rounded down.
//! - The loop holds only as many timers and descriptors, and serves only as many in a turn, as its host allows
//!   ([`Limits`]). While it holds descriptors, a turn stops giving out timers after 10 ms or after 10,000 timers,
//!   whichever comes first. While it holds timers, the same limit applies to descriptors.
//! - A turn serves only timers that were due at `turn_ns` and descriptors that were ready in its wait. A timer that is
//!   armed during the turn, even for now, fires in a later turn. So timers cannot starve descriptors, and descriptors
//!   cannot starve timers.
//! - Timers that were due and not pulled stay due and come first in the next turn. Readiness that was not pulled is
//!   dropped, because a level-triggered backend reports it again. In the next turn the descriptor that was served
//!   longest ago comes first.
//! - A removal or a change between two pulls takes effect at the next pull: readiness is looked up by token
//!   and masked by the current interest.
//! - Nothing is allocated in a steady state.

mod arm;
mod assemble;
mod embed;
mod limits;
#[cfg(unix)]
mod moved;
#[cfg(windows)]
#[path = "moved_windows.rs"]
mod moved;
mod observe;
mod options;
mod owned;
mod parts;
mod pull;
mod quick;
mod recorded;
mod refs;
mod run;
mod show;
mod turn;

pub use assemble::EventLoop;
pub use limits::{AddError, LimitReached, Limits};
pub use options::{ClockChoice, DEFAULT_RESOLUTION_NS, Options};
pub use parts::mode::Mode;
pub use parts::readiness::Ready;
pub use pull::ExpiredTimer;
pub use run::Due;
pub use turn::Wait;
