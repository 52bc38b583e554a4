//! The upvalues of the functions of a module, and of the methods of its timers.

use std::ffi::c_int;
/// The userdata of the service; its user value 1 is `{ [place + 1] = f }`.
pub(super) const SERVICE: c_int = 1;
/// The metatable of the service's timers.
pub(super) const TIMER: c_int = 2;
