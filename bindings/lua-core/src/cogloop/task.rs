//! A task: the userdata that `spawn` returns. It owns a coroutine until the coroutine ends, and afterwards the
//! coroutine's results or its error.
//!
//! ```text
//!   loop ── user value ALIVE ──► { task, task, … }     until a task has ended, so no task is lost
//!   task ── THREAD ───► the coroutine; when it has ended: its result, the table of its results, or its error
//!        ├─ WAITERS ──► what waits for the end: nil, a task, a function, or a table of tasks and functions
//!        └─ ABOUT ────► its name; once it is cancelled: the cancellation, with the name in it
//! ```
//!
//! A script can get the coroutine of a task by `task:thread( )` or `coroutine.running( )`. Other code may then resume
//! the coroutine, close it, or run this loop in it. So each function checks the coroutine before it touches the
//! coroutine's stack; see `left.rs`.

use super::left::is_dead;
use super::upvalue;
use crate::host::memory::State;
use crate::lua::args::{test_userdata, wrong};
use crate::lua::version::push_user_value;
use crate::sys::descriptor::Number;
use mlua::ffi::{
    LUA_TSTRING, LUA_TTABLE, lua_State, lua_pop, lua_pushnil, lua_pushstring, lua_rawget, lua_remove, lua_tothread,
    lua_touserdata, lua_type,
};
use std::ffi::{CStr, c_int};

/// The user values of a task.
pub(super) const THREAD: c_int = 1;
pub(super) const WAITERS: c_int = 2;
pub(super) const ABOUT: c_int = 3;
pub(super) const USER_VALUES: c_int = 3;

/// The state of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The task has not begun. A timer starts it.
    Fresh,
    /// The task has called `coroutine.yield` itself, or its handle was closed, and a timer resumes the task in the next
    /// turn. Or the task is about to run.
    Queued,
    /// The task was woken. The number identifies the task's entry in the loop's queue.
    Woken(u32),
    Running,
    /// In `sleep`, until a timer fires.
    Sleeping,
    /// In `wait`, for the handle of this number.
    Watching(Number),
    /// In `park`, until `unpark`, or until its time limit.
    Parked,
    /// In `join`, or in a function of ours that is written in Lua. The module itself or the time limit ends the wait.
    /// The script's `unpark` does not.
    Paused,
    Done,
    Failed,
    Cancelled,
}

/// The state of a task's cancellation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    /// The task was cancelled. Its next wait raises the cancellation.
    Pending,
    /// A wait of the task has raised the cancellation. The task may go on waiting until this time of its loop.
    Raised {
        until_ns: u64,
    },
}

/// The memory of a task's userdata. It holds no pointer, because it may outlive its loop.
#[repr(C)]
pub(super) struct Task {
    /// The number of the task's loop.
    pub(super) owner: u64,
    /// The key of the timer whose entry is this task; 0 if there is none.
    pub(super) key: u64,
    pub(super) asked: Asked,
    pub(super) phase: Phase,
    /// The task's place in ALIVE; 0 if it has none.
    pub(super) place: u32,
    /// The time that the task has for cleaning up after a cancellation.
    pub(super) grace_ms: u32,
    /// The number of results.
    pub(super) results: c_int,
    /// Whether the present wait was cut short. The end of such a wait raises the cancellation again.
    pub(super) is_cut: bool,
    /// The number of waits that began after the grace period, and so were cut short at once.
    pub(super) cuts: u8,
}

/// The message about a task that does not belong to the loop of the called method.
pub(super) const OF_ANOTHER: &CStr = c"task: it belongs to another loop";

/// The default time for which a cancelled task may clean up.
pub(super) const GRACE_MS: u32 = 1000;

impl Task {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Failed | Phase::Cancelled)
    }
}

/// The task at `arg`. Raises for anything else.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's.
pub(super) unsafe fn check_task(lua: *mut lua_State, arg: c_int) -> *mut Task {
    // SAFETY: the caller's promise; a userdata with the task's metatable holds one.
    unsafe {
        let task = test_userdata(lua, arg, upvalue::TASK).cast::<Task>();
        if task.is_null() {
            wrong(lua, arg, c"task", c"cogloop.task");
        }
        task
    }
}

/// Returns the task at `index`, or null for nil. The caller knows that the value is a task or nil.
///
/// # Safety
///
/// An acceptable index.
pub(super) unsafe fn task_at(lua: *mut lua_State, index: c_int) -> *mut Task {
    // SAFETY: the caller's promise.
    unsafe { lua_touserdata(lua, index).cast() }
}

/// Returns the coroutine of the task at `index`. The task keeps it alive. Returns null if the task has ended, or if
/// there is no task.
///
/// # Safety
///
/// There is a task or nil at `index`. Room for two values. Neither raises nor allocates.
pub(super) unsafe fn thread_of(lua: *mut lua_State, index: c_int) -> *mut lua_State {
    // SAFETY: the caller's promise.
    unsafe {
        let task = task_at(lua, index);
        if task.is_null() || (*task).is_over() {
            return std::ptr::null_mut();
        }
        push_user_value(lua, index, THREAD);
        let coroutine = lua_tothread(lua, -1);
        lua_pop(lua, 1);
        coroutine
    }
}

/// Pushes the name of the task at the absolute index `index`, or nil.
///
/// # Safety
///
/// There is a task at `index`. Room for three values. May raise if memory runs out.
pub(super) unsafe fn push_name(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        push_user_value(lua, index, ABOUT);
        if lua_type(lua, -1) == LUA_TTABLE {
            lua_pushstring(lua, c"name".as_ptr());
            lua_rawget(lua, -2);
            lua_remove(lua, -2);
        }
        if lua_type(lua, -1) != LUA_TSTRING {
            lua_pop(lua, 1);
            lua_pushnil(lua);
        }
    }
}

/// Returns the text that `status` returns for the task at `index`. A task that has not ended counts as cancelled if
/// other code has ended its coroutine, or if `state` is null, because the loop is closed or gone.
///
/// # Safety
///
/// There is a task at `index`. Room for two values. Neither raises nor allocates.
pub(super) unsafe fn status_of(lua: *mut lua_State, index: c_int, state: *mut State) -> &'static CStr {
    // SAFETY: the caller's promise.
    unsafe {
        let coroutine = thread_of(lua, index);
        match (*task_at(lua, index)).phase {
            Phase::Done => c"done",
            Phase::Failed => c"failed",
            Phase::Cancelled => c"cancelled",
            _ if state.is_null() || coroutine.is_null() || is_dead(coroutine) => c"cancelled",
            Phase::Running => c"running",
            Phase::Fresh | Phase::Queued | Phase::Woken(_) => c"ready",
            Phase::Sleeping | Phase::Watching(_) | Phase::Parked | Phase::Paused => c"waiting",
        }
    }
}
