//! An event loop with exact, cheap timers: callbacks that get your state, descriptors, other threads, signals, futures,
//! and virtual time for your tests.
//!
//! ```
//! use cogloop::Loop;
//! use std::time::Duration;
//!
//! let mut events = Loop::new()?;
//! events.after(Duration::from_millis(5), |greeting: &mut String, _| greeting.push_str("hello"))?;
//! let mut greeting = String::new();
//! events.run(&mut greeting)?; // until nothing is left to wait for
//! assert_eq!(greeting, "hello");
//! # Ok::<(), cogloop::Error>(())
//! ```
//!
//! | what | how |
//! |---|---|
//! | timers | [`after`](Handle::after), [`at`](Handle::at), [`every`](Handle::every) with [policies](Missed) for late ones; [`cancel`](Handle::cancel), [`reschedule`](Handle::reschedule), [`pause`](Handle::pause) |
//! | descriptors | [`add`](Handle::add) anything with one; [level, edge or one-shot](Mode); [`cancel`](Handle::cancel) |
//! | other threads | [`remote`](Handle::remote) posts closures, [`channel`](Handle::channel) carries messages to a callback, [`channel()`](channel()) to a future |
//! | the system | [`signals`](Handle::signals), [`child`](Handle::child); for futures [`watch_signals`](Handle::watch_signals), [`watch_child`](Handle::watch_child) |
//! | spare time | [`idle`](Handle::idle) |
//! | futures | [`spawn`](Handle::spawn), [`block_on`](Loop::block_on), [`sleep`](Handle::sleep), [`interval`](Handle::interval), [`timeout`](Handle::timeout), [`watch`](Handle::watch) |
//! | tests | [`Loop::simulated`]: time jumps, and the order is always the same |
//! | hosts | [`Options`]: backend, resolution, limits |
//!
//! # How it is built
//!
//! ```text
//!   Loop<S> ──────►  Handle<S>        callbacks, in tables by the index of their timer or source; posts; channels; idle
//!   runs                │
//!                       ▼
//!                     Core            tasks, and the wakers of what waits for time or a descriptor: what futures hold
//!                       │
//!                       ▼
//!                  cogloop-io         the turn: a timing wheel, a clock, epoll, io_uring, select, …
//! ```
//!
//! A callback gets `&mut S` and a handle. It is taken out of its table while it runs, so it may do anything: end itself or
//! others, add more, stop the loop, clear it. There is no cell that it could find borrowed.
//!
//! # What it promises
//!
//! - No timer fires early. They fire in the order of their deadlines, equal ones in the order in which they were made.
//! - What is made in a callback has a later turn, so nothing starves.
//! - What is cancelled or removed is not called again, even if it was due in this very turn. A stale name does nothing.
//! - An error or a panic in a callback ends what it belongs to and the run, and leaves everything else as it was.
//! - In a steady state nothing is allocated: intervals fire, sources are served, tasks sleep and are woken.
//! - Everything is on the one thread that runs the loop; [`Remote`] and [`Sender`] are for the others.
//!
//! What a loop does can be followed with the crate `tracing`: the feature of that name reports turns, timers and sources,
//! with the target `cogloop`.
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod async_file;
mod async_poll;
mod audit;
mod bell;
mod callback;
mod channel;
#[cfg(unix)]
mod child;
#[cfg(test)]
mod choices;
mod control;
mod core;
mod error;
#[cfg(feature = "futures")]
mod futures_io;
mod handle;
#[cfg(feature = "hyper")]
mod hyper;
mod idle;
mod idles;
mod interval;
mod join;
mod linked_slab;
mod mail;
mod memory;
mod names;
mod options;
mod outcome;
mod queue;
mod readiness;
mod receiver;
mod registration;
mod remote;
mod run;
mod sender;
#[cfg(unix)]
pub mod signal;
mod slab;
mod sleep;
mod sleepers;
mod socket;
mod sockets;
mod source_control;
mod source_slot;
mod sources;
#[cfg(feature = "futures")]
mod streams;
mod task;
mod tasks;
mod timeout;
mod timer_control;
mod timers;
mod trace;
mod turn;
mod visit;
mod waiters;
mod watched;
mod woken;

pub use async_file::Async;
#[cfg(unix)]
pub use child::Process;
pub use cogloop_io::{Interest, Missed, Mode};
pub use error::Error;
pub use handle::Ready;
pub use handle::{Firing, Handle};
#[cfg(feature = "hyper")]
pub use hyper::Timeouts;
pub use idle::Idle;
pub use interval::Interval;
pub use names::Name;
pub use options::{BackendReport, Options};
pub use outcome::Outcome;
pub use receiver::{Receiver, channel};
pub use remote::Remote;
pub use run::Loop;
pub use sender::{SendError, Sender};
pub use sleep::{Sleep, Tick, Ticks};
pub use sources::Source;
pub use task::Task;
pub use timers::Timer;

/// The example of the page in the registry.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
