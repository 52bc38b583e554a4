//! The differences between Unix and Windows: `unix` and `windows` have the same functions.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{end_by_ctrl_c, exit, is_for_a_prompt, modules, on_ctrl_c, prepare};
#[cfg(windows)]
pub(crate) use windows::{end_by_ctrl_c, exit, is_for_a_prompt, modules, on_ctrl_c, prepare};
