//! libcogloop: Cogloop for C and C++.
//!
//! ```text
//!   cogloop.h ──► cog/       the event loop; callbacks on the thread that runs it
//!   mockit.h ───► mockit/    one-off and interval timers; callbacks on threads of the library
//!                 sys/       the differences between Unix and Windows
//! ```
//!
//! No panic leaves this library, and no argument of a caller ends the process: errors are returned as numbers.

// A failure is not boxed, because the failure may be a lack of memory.
#![allow(clippy::result_large_err)]

#[cfg(test)]
#[cfg_attr(windows, allow(dead_code, reason = "the tests of memory in `cog` watch a pipe and a signal"))]
#[path = "../../../proptests/tests/memory/allocator.rs"]
mod allocator;
pub mod cog;
#[cfg(test)]
mod header;
pub mod mockit;
mod must_return;
mod sys;
