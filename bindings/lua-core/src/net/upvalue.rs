//! The upvalues of the functions of `t.Net`.

use std::ffi::c_int;
/// The metatables of the two kinds of userdata.
pub(super) const SOCKET: c_int = 1;
pub(super) const ADDRESS: c_int = 2;
/// The class to which the function belongs. For a function of a metatable: the table of the objects' methods.
pub(super) const CLASS: c_int = 3;
/// The metatable of the tables that describe an interface.
pub(super) const INTERFACE: c_int = 4;
