//! The border to Lua: what is true of any C function, whatever it is for. It knows nothing of a loop.

pub(crate) mod args;
pub(crate) mod callback;
pub(crate) mod class;
pub(crate) mod entry;
pub(crate) mod errno;
pub(crate) mod guard;
pub mod interrupt;
pub(crate) mod nesting;
pub(crate) mod stack;
pub(crate) mod version;
