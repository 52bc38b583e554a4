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
//!   cancel( key ) takes a timer out of the levels or the queue; reschedule( key, deadline ) moves it to another slot
//! ```
//!
//! [`Wheel`] is the store of timers. [`Scheduler`] has a wheel, and adds periods, pausing and slack. A timer's slack is
//! how late the timer may fire. [`FixedScheduler`] needs no allocator. The feature `alloc` is on by default. Of
//! these three types, only `FixedScheduler` exists without `alloc`.
//!
//! The engine has no clock: time is a count of *ticks* that the caller advances. It has no callbacks either: a timer
//! carries a value that the caller chooses. The engine promises:
//!
//! - a timer never expires before its deadline, and it expires once;
//! - timers expire in the order of deadlines, then of insertion;
//! - a cancelled timer is never popped, even if it had expired already;
//! - a stale [`Key`] never resolves to another timer;
//! - [`Wheel::next_deadline`] is exact: a caller that sleeps until the next deadline wakes only once for it;
//! - inserting and cancelling take O(1), and only live timers need memory: the place of a timer that has ended is free
//!   for the next timer at once;
//! - inserting can fail when memory runs out: [`Wheel::try_insert`] then returns an error. Pausing a one-shot timer can
//!   fail, too: see [`Scheduler::try_pause`]. Cancelling, moving and expiring a timer always succeed.
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
// Some of the arithmetic and some errors are used only by the wheel, which the crate has only with `alloc`.
#![cfg_attr(not(feature = "alloc"), allow(dead_code))]

#[cfg(feature = "alloc")]
extern crate alloc;

// Without an allocator the crate has only the scheduler of a fixed size.
mod fired;
mod fixed;
mod fixed_lists;
mod geometry;
mod key;
mod plan;
mod repeat;
mod room;
mod ticks;

#[cfg(feature = "alloc")]
mod advance;
#[cfg(feature = "alloc")]
mod annex;
#[cfg(feature = "alloc")]
mod arena;
#[cfg(feature = "alloc")]
mod audit;
#[cfg(feature = "alloc")]
mod capacity;
#[cfg(feature = "alloc")]
mod cascade;
#[cfg(feature = "alloc")]
mod cascade_early;
#[cfg(feature = "alloc")]
mod dump;
#[cfg(feature = "alloc")]
mod expired;
#[cfg(feature = "alloc")]
mod extras;
#[cfg(feature = "alloc")]
mod free_list;
#[cfg(feature = "alloc")]
mod jump;
#[cfg(feature = "alloc")]
mod kept;
#[cfg(feature = "alloc")]
mod list;
#[cfg(feature = "alloc")]
mod listing;
#[cfg(feature = "alloc")]
mod merge;
#[cfg(feature = "alloc")]
mod near;
#[cfg(feature = "alloc")]
mod next_deadline;
#[cfg(feature = "alloc")]
mod node;
#[cfg(feature = "alloc")]
mod occupied;
#[cfg(feature = "alloc")]
mod peek;
#[cfg(feature = "alloc")]
mod pop;
#[cfg(feature = "alloc")]
mod quick;
#[cfg(feature = "alloc")]
mod reschedule;
#[cfg(feature = "alloc")]
mod scheduler;
#[cfg(feature = "alloc")]
mod sort;
#[cfg(feature = "alloc")]
mod wheel;

pub use fired::{Fired, FiredValue};
pub use fixed::FixedScheduler;
pub use key::Key;
pub use plan::Plan;
pub use repeat::{Missed, Next};
pub use room::NoRoom;

#[cfg(feature = "alloc")]
pub use advance::MOVES_A_MILLISECOND;
#[cfg(feature = "alloc")]
pub use dump::Dump;
#[cfg(feature = "alloc")]
pub use expired::PeekExpired;
#[cfg(feature = "alloc")]
pub use scheduler::Scheduler;
#[cfg(feature = "alloc")]
pub use wheel::{Expired, Wheel};

/// The examples of the README, as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
