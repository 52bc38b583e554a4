//! Windows. `unix` has the same files and functions.

pub(crate) mod cancellation;
pub(crate) mod clock;
pub(crate) mod errno;
pub(crate) mod kernel_timer;
pub(crate) mod names;
pub(crate) mod process;
pub(crate) mod sanitizer;
pub(crate) mod sources;
pub(crate) mod thread;
