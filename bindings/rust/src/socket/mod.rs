//! Sockets that connect without blocking, which the standard library cannot make. Unix and Windows have a file each.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
#[cfg_attr(
    not(any(feature = "futures", feature = "hyper")),
    allow(unused_imports, reason = "only implementations of foreign traits use it")
)]
pub(crate) use unix::{connect_tcp, connect_unix, end_writing};
#[cfg(windows)]
#[cfg_attr(
    not(any(feature = "futures", feature = "hyper")),
    allow(unused_imports, reason = "only implementations of foreign traits use it")
)]
pub(crate) use windows::{connect_tcp, end_writing};
