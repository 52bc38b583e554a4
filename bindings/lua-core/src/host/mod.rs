//! A loop in Lua: its memory, the handles that it observes, and its turns. The faces, the interfaces for scripts, are
//! built on these modules. The modules call a face through the table [`face::Face`].

pub(crate) mod arm;
pub(crate) mod called;
#[cfg(feature = "luajit")]
pub(crate) mod compiled;
pub(crate) mod create;
pub(crate) mod drive;
pub(crate) mod entries;
pub(crate) mod face;
pub(crate) mod handle;
pub(crate) mod leave;
pub(crate) mod memory;
pub(crate) mod meter;
pub(crate) mod node;
pub(crate) mod observed;
pub(crate) mod place;
pub(crate) mod profile;
pub(crate) mod ready;
pub(crate) mod recorded;
pub(crate) mod report;
pub(crate) mod socket;
pub(crate) mod source;
pub(crate) mod state;
#[cfg(feature = "luajit")]
pub(crate) mod steps;
pub(crate) mod top;
pub(crate) mod trace;
pub(crate) mod upvalue;
pub(crate) mod woken;
