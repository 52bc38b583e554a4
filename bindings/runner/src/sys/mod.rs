//! What differs between Unix and Windows, in twins with the same functions: `unix` and `windows`.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{exit, modules, on_ctrl_c, prepare};
#[cfg(windows)]
pub(crate) use windows::{exit, modules, on_ctrl_c, prepare};
