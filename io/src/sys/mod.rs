//! The differences between Unix and Windows, in two files with the same functions: `unix` and `windows`.
//!
//! Three other parts have such files, in their own folders: the waker, the portable backend, and how a loop moves to
//! another thread. `child`, `select` and `signals` exist only on Unix.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
#[allow(unused_imports, reason = "only io_uring uses it, which some architectures lack")]
pub(crate) use unix::Identifier;
#[cfg(unix)]
pub(crate) use unix::{Identity, above_standard, check_not_path_only, may_block, monotonic_ns, own, usual_cause};
#[cfg(windows)]
pub(crate) use windows::{Identity, check_not_path_only, may_block, monotonic_ns, own, usual_cause};
