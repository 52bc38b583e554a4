//! The whole event loop in a simulated world that is made from a seed: its clock, its kernel with all faults, and a
//! user who takes random actions.
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
//! The checks of the promises are simple on purpose. Each promise has its own check. The checks run when a timer fires,
//! a descriptor is reported, or the loop waits. A broken promise is a panic. Then [`shortest`] leaves out steps as long
//! as the promise is still broken.

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
