//! The differences between Unix and Windows: `unix` and `windows` have the same files with the same functions.
//!
//! ```text
//!   errno     the thread's error number, and the texts of numbers   kernel_timer   the timer on which a thread sleeps
//!   sources   descriptors, their conditions, signals, children      thread         starting and numbering threads
//!   clock     the clock of mockit's delays, and sleeps on it        process        the exit and fork of the process
//!   names     names of files, and of functions
//!   cancellation   keeping a thread from being cancelled
//! ```
//!
//! Nothing here depends on `cog` or `mockit`. Outside this folder only tests ask on which system they run.

mod conditions;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{cancellation, clock, errno, kernel_timer, names, process, sanitizer, sources, thread};
#[cfg(windows)]
pub(crate) use windows::{cancellation, clock, errno, kernel_timer, names, process, sanitizer, sources, thread};
