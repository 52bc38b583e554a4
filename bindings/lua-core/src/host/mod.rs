//! The loop as Lua holds it: its state, what is observed, and the turns. The faces make their objects from it.

pub(crate) mod create;
pub(crate) mod drive;
pub(crate) mod handle;
pub(crate) mod leave;
pub(crate) mod node;
pub(crate) mod observed;
pub(crate) mod ready;
pub(crate) mod state;
