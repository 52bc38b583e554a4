//! The differences between Unix and Windows: `unix` and `windows` have the same files with the same functions.
//!
//! ```text
//!   descriptor   numbers of descriptors           wakers       what an interrupt wakes, and sleeping
//!   errno        numbers and texts of errors      sources      signals and children as descriptors
//!   socket       calls on sockets                 interfaces   the network interfaces
//!   option       options of sockets               boot_time    the clock of `luamockit`, and its alarm
//!   path         names of files
//! ```
//!
//! No code on the floors above this one (see `lib.rs`) asks whether the system is Unix or Windows, and no code here
//! uses Lua.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{boot_time, descriptor, errno, interfaces, option, path, socket, sources, wakers};
#[cfg(windows)]
pub(crate) use windows::{boot_time, descriptor, errno, interfaces, option, path, socket, sources, wakers};
