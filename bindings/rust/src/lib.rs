//! An event loop with exact, cheap timers. Callbacks get your state. The loop also serves descriptors, other threads,
//! signals and futures, and runs on virtual time in your tests.
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
//! | timers | [`after`], [`at`], [`every`] with [policies](Missed); [`cancel`], [`reschedule`], [`pause`] |
//! | descriptors | [`add`] a file, socket or pipe; [level, edge or one-shot](Mode); [`cancel`] |
//! | other threads | [`remote`] posts closures; a channel calls a [callback] or wakes a [future](channel()) |
//! | signals, child processes | [`signals`], [`child`]; for futures [`watch_signals`], [`watch_child`] |
//! | background work | [`idle`] |
//! | futures | [`spawn`], [`block_on`], [`sleep`], [`interval`], [`timeout`], [`watch`] |
//! | tests | [`Loop::simulated`]: a virtual clock, and the same order in each run |
//! | options of a loop | [`Options`]: backend, resolution, limits |
//!
//! [`after`]: Handle::after
//! [`at`]: Handle::at
//! [`every`]: Handle::every
//! [`cancel`]: Handle::cancel
//! [`reschedule`]: Handle::reschedule
//! [`pause`]: Handle::pause
//! [`add`]: Handle::add
//! [`remote`]: Handle::remote
//! [callback]: Handle::channel
//! [`signals`]: Handle::signals
//! [`child`]: Handle::child
//! [`watch_signals`]: Handle::watch_signals
//! [`watch_child`]: Handle::watch_child
//! [`idle`]: Handle::idle
//! [`spawn`]: Handle::spawn
//! [`block_on`]: Loop::block_on
//! [`sleep`]: Handle::sleep
//! [`interval`]: Handle::interval
//! [`timeout`]: Handle::timeout
//! [`watch`]: Handle::watch
//!
//! # How it is built
//!
//! ```text
//!   Loop<S> ──────►  Handle<S>        callbacks, in tables by the index of timer or source; posts; channels; idle
//!   runs                │
//!                       ▼
//!                     Core            tasks, and the wakers of futures that wait for a time or a descriptor
//!                       │
//!                       ▼
//!                  cogloop-io         the turn: a timing wheel, a clock, epoll, io_uring, select, …
//! ```
//!
//! A callback gets `&mut S` and a handle. While a callback runs, it is not in its table, and no cell of the loop is
//! borrowed. So a callback may do anything: end itself or others, add more, stop the loop, or clear the loop.
//!
//! # What it promises
//!
//! - No timer fires early. Timers fire in the order of their deadlines, and timers with equal deadlines in the order in
//!   which they were made.
//! - Timers, sources and posts that a callback makes are served in a later turn. New tasks and messages are served at
//!   the end of the same turn or in the next turn. So nothing starves.
//! - A cancelled timer or source is not called again, even if it was due in the same turn. A call for a timer or source
//!   that has ended does nothing.
//! - An error or a panic in a callback ends the callback's timer, source, channel or idle callback, and the run.
//!   Everything else is unchanged.
//! - In a steady state, intervals, sources, sleeping tasks and wakes allocate nothing.
//! - All callbacks and tasks run on the thread that runs the loop. Other threads use [`Remote`] and [`Sender`].
//!
//! With the feature `tracing` a loop reports turns, timers and sources to the crate `tracing`, with the target
//! `cogloop`.
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

mod async_file;
mod async_poll;
mod audit;
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
mod notifier;
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
mod spans;
#[cfg(feature = "futures")]
mod streams;
mod task;
mod tasks;
mod timeline;
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

/// Tests the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
