//! libcogloop: Cogloop for C and C++.
//!
//! ```text
//!   mockit.h ──► mockit/    one-off and interval timers; callbacks on threads of the library
//! ```
//!
//! No panic leaves this library, and no argument of a caller ends the process: what is wrong is an error number.

pub mod mockit;
