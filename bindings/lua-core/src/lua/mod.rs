//! The border to Lua: code that any C function needs. Nothing here depends on a loop.

pub(crate) mod args;
pub(crate) mod callback;
pub(crate) mod called;
pub(crate) mod class;
#[cfg(feature = "luajit")]
pub(crate) mod compiled;
pub(crate) mod entry;
pub(crate) mod errno;
pub(crate) mod guard;
pub mod interrupt;
pub(crate) mod nesting;
pub(crate) mod stack;
pub(crate) mod version;
