//! What differs between Unix and Windows, in twins with the same functions: `unix` and `windows`.
//!
//! Beside them only the waker's bell and the part of the portable backend that hears it have twins, in their own folders.
//! `select` and `signals` exist on Unix alone.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{Identity, above_standard, may_block, monotonic_ns, own, refuse_path_only, usual_cause};
#[cfg(windows)]
pub(crate) use windows::{Identity, may_block, monotonic_ns, own, refuse_path_only, usual_cause};
