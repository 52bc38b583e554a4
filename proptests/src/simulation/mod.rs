//! The whole event loop in a world that a seed makes: its clock, its kernel with all its faults, its user who does whatever
//! comes to his mind.
//!
//! ```text
//!   seed ──► dice ──► the user ──────► EventLoop ──────► the simulated kernel
//!                     arms, cancels,   the real one      reports short batches, spurious and late events;
//!                     adds, removes,      │   │          comes back early or a century late; refuses, fails
//!                     stops, clears       │   │
//!                          │              ▼   ▼               │
//!                          └──────────►  promises  ◄──────────┘          never early, in order, exactly once, …
//!                                           │
//!                                           ▼
//!                                         trace ──► hash                 the same seed, the same hash
//! ```
//!
//! The promises are dumb on purpose: each is looked at by itself, when something fires, is reported, or waits. A broken one
//! is a panic; [`shortest`] then leaves out steps as long as it stays one.

mod actions;
mod dice;
mod episodes;
mod kernel;
mod on_descriptors;
mod on_timers;
mod replay;
mod shorten;
mod timers;
mod trace;
mod watched;
mod world;

pub use dice::Step;
pub use replay::{RunSummary, breaks_a_promise, run, trace};
pub use shorten::{Broken, shortest};
