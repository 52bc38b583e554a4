//! The event loop: one wheel, one clock, one backend, and the turn that joins them.
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
//! What it promises, each with its reason:
//!
//! - A timer never expires early: its deadline is rounded up to a tick, the clock's reading down.
//! - The loop holds, and serves in a turn, no more than its host allows ([`Limits`]). While it holds descriptors, a turn
//!   gives out timers for 10 ms or 10,000 of them; while it holds timers, descriptors likewise.
//! - Only what was due at `turn_ns`, or ready in the one wait, is served in a turn: a timer armed meanwhile, even for
//!   now, comes in a later turn. So neither timers nor descriptors can starve the other.
//! - Timers that were due and not pulled stay due and come first in the next turn; readiness that was not pulled is
//!   dropped, because a level-triggered kernel reports it again. The descriptor that was served longest ago comes first then.
//! - Whatever its user removes or changes between two pulls holds at the next pull: readiness is looked up by token and
//!   masked by the interest of that moment.
//! - Nothing is allocated in a steady state.

mod arm;
mod assemble;
mod embed;
mod limits;
mod observe;
mod options;
mod owned;
mod parts;
mod pull;
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
