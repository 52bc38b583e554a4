//! The functions that the loop calls in a face, an interface for scripts. They are in a table, so the loop does not
//! depend on a face.
//!
//! ```text
//!   turn ──► serve_timers ──► callbacks of timers            leave ──► note_failed, end_failed ──► onerror
//!        ├─► a handle is ready, and a coroutine waits for it ──► resume
//!        └─► tasks that were woken meanwhile ──► serve_woken
//! ```
//!
//! Each function obeys [the rule for Lua calls](crate) and is called with an open loop. Unless its comment says
//! otherwise, the loop is at 1, and the function leaves the stack unchanged.

use cogloop_io::Interest;
use mlua::ffi::lua_State;
use std::ffi::c_int;

pub(crate) struct Face {
    /// Serves the timers that are due in this turn, until the loop has to return. Returns whether any timer was due.
    /// May leave values on the stack.
    pub(crate) serve_timers: unsafe fn(*mut lua_State) -> bool,
    /// Resumes as many woken tasks as may run in this turn, until the loop has to return. Called only if there are
    /// woken tasks. May leave values on the stack.
    pub(crate) serve_woken: unsafe fn(*mut lua_State),
    /// Resumes the coroutine that waits for the Node at 3. The second argument is the direction for which it waits, an
    /// index of `DIRECTIONS`. The third is the interest for which the Node is ready. May leave values on the stack.
    pub(crate) resume: unsafe fn(*mut lua_State, usize, Interest),
    /// Called when the handle of the Node at this index was closed. Ends the waits for the handle with an error. Needs
    /// room for eight values.
    pub(crate) handle_closed: unsafe fn(*mut lua_State, c_int),
    /// Drops those directions of the Node at this index whose coroutines no longer wait. Needs room for five values.
    /// Runs no Lua code.
    pub(crate) drop_void_claims: unsafe fn(*mut lua_State, c_int),
    /// Drops directions that belong to coroutines that no longer wait (void claims), until it finds a coroutine that
    /// still waits. Drops timers of tasks that no longer sleep, until it finds a sleeping task. If `run` would return
    /// now, ends each task whose coroutine other code has closed. The loop calls this function before it checks whether
    /// anything is left to do. Needs room for twelve values. Lua code may run.
    pub(crate) before_idle: unsafe fn(*mut lua_State),
    /// Called when a callback has raised. Stores the callback's timer as CURRENT in the loop at the first index. If the
    /// face has stored CURRENT before the callback, does nothing. The metatable of timers is at the second index.
    pub(crate) note_failed: unsafe fn(*mut lua_State, c_int, c_int),
    /// Called when the callback of the loop's current task has raised and the protected call has ended. Ends the task
    /// at this index. Neither raises nor allocates.
    pub(crate) end_failed: unsafe fn(*mut lua_State, c_int),
    /// Whether `run` returns the kernel's error when the kernel refuses a wait. Otherwise `run` raises it.
    pub(crate) returns_refusals: bool,
}
