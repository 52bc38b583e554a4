//! An event loop without callbacks: it holds timers, each with a value of the caller, and the readiness of descriptors.
//!
//! ```text
//!   bindings          keep the callbacks, and find them by a timer's value or a descriptor's token
//!      │
//!      ▼
//!   EventLoop ──┬──►  Scheduler     of cogloop-engine: deadlines on a timing wheel; it knows neither clock nor kernel
//!               │
//!               ├──►  dyn Clock     MonotonicClock, VirtualClock
//!               │
//!               └──►  dyn Backend   Epoll, Uring, Select, Portable; VirtualTime around one of them; ScriptedBackend
//!                         ▲
//!                         └───────  Waker: ends a wait from another thread or from a signal handler
//! ```
//!
//! The user takes a [`turn`](EventLoop::turn) and then pulls what the turn found, as below. Or the user calls
//! [`run`](EventLoop::run), which does both and passes each timer and descriptor to one function.
//!
//! ```
//! use cogloop_io::{EventLoop, Options, Wait};
//!
//! let mut events: EventLoop<&str> = EventLoop::new(&Options::default())?;
//! events.add_timer(2_000_000, "two milliseconds later");
//! while !events.is_idle() {
//!     events.turn(Wait::Block)?;
//!     while let Some(timer) = events.next_expired() {
//!         println!("{} ns: {}", events.turn_ns(), timer.value);
//!     }
//!     while let Some(ready) = events.next_ready() {
//!         println!("{:?} is ready for {:?}", ready.token, ready.ready);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every time is a `u64` of nanoseconds since the loop was made, unless its name says otherwise. 2⁶⁴ ns are 584 years.
//!
//! The loop promises:
//!
//! - No timer expires before its deadline, and a removed descriptor has no event.
//! - A turn serves only what was due or ready when its wait ended.
//! - A signal may end a wait early, but causes no error.
//! - When memory runs out, the functions that add something return an error ([`memory`]). The functions that change an
//!   interest, pause a timer or unreference a timer may return this error, too. If such a function does not return a
//!   `Result`, it panics instead. All other functions need no memory.
//!
//! Reading order: this page, [`event_loop`], one backend.
//!
//! A *descriptor* is a file descriptor on Unix. On Windows it is a socket, because nothing else can be observed there.
//! Its types are those of [`rustix::fd`]: on each system these are the standard library's types. The modules below say
//! on which systems each backend exists, and [`choose`] says which backend a loop takes.
#![deny(unsafe_code)]

#[cfg(target_os = "linux")]
mod alarm;
mod always;
pub mod backend;
mod checks;
#[cfg(unix)]
pub mod child;
pub mod choose;
pub mod clock;
#[cfg(target_os = "linux")]
pub mod epoll;
pub mod error;
pub mod event_loop;
#[allow(unsafe_code, reason = "it maps a page that the kernel wipes for a forked child")]
mod fork;
pub mod interest;
mod look;
pub mod memory;
#[allow(unsafe_code, reason = "it turns a number into a descriptor")]
mod number;
#[allow(unsafe_code, reason = "the crate polling requires that its user keeps descriptors open")]
pub mod portable;
pub mod recording;
pub mod scripted;
#[cfg(unix)]
pub mod select;
#[cfg(unix)]
#[allow(unsafe_code, reason = "it installs a signal handler")]
pub mod signals;
#[cfg(all(test, target_os = "linux"))]
#[path = "../tests/common/stories.rs"]
mod stories;
mod sys;
pub mod token;
pub mod trace;
#[cfg(target_os = "linux")]
#[cfg_attr(
    not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "loongarch64",
        target_arch = "powerpc64"
    )),
    path = "uring/absent.rs"
)]
pub mod uring;
pub mod virtual_time;
pub mod waker;

pub use backend::{Backend, Event};
pub use choose::BackendReport;
pub use clock::{Clock, MonotonicClock, VirtualClock};
pub use cogloop_engine::{Key, Missed, Plan};
pub use error::Error;
pub use event_loop::{
    AddError, ClockChoice, DEFAULT_RESOLUTION_NS, Due, EventLoop, ExpiredTimer, LimitReached, Limits, Mode, Options,
    Ready, Wait,
};
pub use interest::Interest;
pub use recording::Recording;
pub use scripted::ScriptedBackend;
pub use token::Token;
pub use virtual_time::VirtualTime;
pub use waker::Waker;

/// The example of the README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
