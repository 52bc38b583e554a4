//! The timer engine of Cogloop: a hierarchical timing wheel with exact deadlines.
//!
//! ```text
//!   insert( deadline, value )                      pop_expired()
//!        │                                              ▲
//!        ▼                                              │
//!   ┌──────────┐   advance( now )    ┌─────────┐        │
//!   │  levels  │ ──────────────────► │ expired │ ───────┘
//!   │ of slots │   what is due,      │  queue  │
//!   └──────────┘   in order          └─────────┘
//!        ▲                                │
//!        └────────────────────────────────┘
//!   cancel( key ) takes a timer out of both; reschedule( key, deadline ) moves it to another slot
//! ```
//!
//! [`Wheel`] is the store of timers. [`Scheduler`], on top of it, adds periods, pausing and slack.
//!
//! The engine has neither a clock nor callbacks: time is a count of *ticks* that the caller advances, and a timer
//! carries a value that the caller chooses. The engine promises:
//!
//! - a timer never expires before its deadline, and it expires once;
//! - timers expire in the order of deadlines, then of insertion;
//! - a cancelled timer is never popped, even if it had expired already;
//! - a stale [`Key`] never resolves to another timer;
//! - [`Wheel::next_deadline`] is exact, so that the caller sleeps until then and wakes once;
//! - inserting and cancelling take O(1), and memory follows the number of live timers;
//! - only inserting needs memory, and [`Wheel::try_insert`] returns an error when there is none. Cancelling, moving and
//!   expiring need none.
//!
//! ```
//! use cogloop_engine::Wheel;
//!
//! let mut wheel = Wheel::<&str>::new();
//! let tea = wheel.insert(180, "tea");
//! wheel.insert(60, "egg");
//! assert_eq!(wheel.next_deadline(), Some(60));
//!
//! wheel.advance(200);
//! assert_eq!(wheel.pop_expired().unwrap().value, "egg");
//! assert_eq!(wheel.cancel(tea), Some("tea")); // already expired, and still not too late
//! assert!(wheel.pop_expired().is_none());
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod advance;
mod annex;
mod arena;
mod audit;
mod capacity;
mod cascade;
mod cascade_early;
mod cascade_special;
mod dump;
mod expired;
mod extras;
mod fired;
mod free_list;
mod geometry;
mod jump;
mod key;
mod list;
mod listing;
mod merge;
mod next_deadline;
mod node;
mod occupied;
mod peek;
mod plan;
mod repeat;
mod room;
mod scheduler;
mod sort;
mod ticks;
mod wheel;

pub use advance::MOVES_A_MILLISECOND;
pub use dump::Dump;
pub use expired::PeekExpired;
pub use fired::{Fired, FiredValue};
pub use key::Key;
pub use plan::Plan;
pub use repeat::{Missed, Next};
pub use room::NoRoom;
pub use scheduler::Scheduler;
pub use wheel::{Expired, Wheel};

/// The examples of the README, as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
