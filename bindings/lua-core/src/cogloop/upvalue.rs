//! The upvalues of the module's functions and methods; see `host/upvalue.rs`.

use crate::host::upvalue as shared;
use crate::lua::args;
use std::ffi::c_int;

pub(super) const LOOP: c_int = shared::LOOP;
pub(super) const TIMER: c_int = shared::TIMER;
pub(super) const WATCHER: c_int = shared::NODE;
pub(super) const MODULE: c_int = shared::CLASS;
/// The weak table `{ [owner] = loop }`.
pub(super) const LOOPS: c_int = 5;
/// `{ loop }` with the default loop, for a function of the module; nil for a method.
pub(super) const DEFAULT: c_int = args::DEFAULT;
/// The metatable of tasks.
pub(super) const TASK: c_int = 7;
pub(super) const COUNT: c_int = 7;
