//! Claims. While a task waits until it can read from a handle, or write to it, the task claims this direction of the
//! handle's Node. A Node is the userdata of a watcher. For a claimed direction, the Node stores the task in the place
//! of a callback function.
//!
//! ```text
//!   wait ──► go: claim ──┬── ready ──────────► wake ──► go: 'r', 'w' or 'rw'
//!                        ├── time is over ───► time_out
//!                        ├── handle closed ──► tell_waiting: arms a timer that is due at once ──► go
//!                        ├── cancelled ──────► drop_claim
//!                        └── coroutine closed, or resumed by others ──► void: dropped before a turn, by a listing, or
//!                                                                   at the next use of the handle or watcher
//! ```
//!
//! A claim is *void* if its coroutine no longer waits.

use super::finish::sweep;
use super::left::{Left, is_left};
use super::sleepers::find_sleeping;
use super::task::{Phase, task_at, thread_of};
use super::ticket::{Payload, arm_entry};
use crate::host::arm::Due;
use crate::host::entries::unlink;
use crate::host::memory::{COROUTINE, DIRECTIONS, Handle, NodeBlock, Pace, direction_value, value};
use crate::host::node::{drop_directions, push_node};
use crate::host::state::state_at;
use crate::lua::args::bad_argument;
use crate::lua::version::push_user_value;
use crate::sys::descriptor::Number;
use cogloop_io::{Interest, Key, Token};
use mlua::ffi::{lua_State, lua_gettop, lua_pop, lua_pushvalue, lua_rawequal, lua_rawgeti, lua_settop, lua_touserdata};
use std::ffi::c_int;
use std::ptr::null_mut;

/// Called when the handle of the Node at `index` was closed. Queues the coroutines that wait for the handle. Their
/// `wait` returns an error.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open, and its Node is at the absolute index `index`. Room for
/// eight values.
pub(super) unsafe fn tell_waiting(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise. If memory runs out, this function raises. The coroutine then stays in its wait
    // until this function is called again for the Node.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        if !(*node).args.contains(&COROUTINE) {
            return;
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::TASKS); // stack: … tasks
        let mut woken = null_mut();
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (*node).args[i] != COROUTINE {
                continue;
            }
            let state = state_at(lua, 1);
            push_user_value(lua, index, direction_value(each)); // stack: … tasks task
            let task = task_at(lua, -1);
            if !task.is_null() && task != woken && still_waits(lua, index, each) {
                let key = arm_entry(lua, state, top + 1, Payload::CLOSED, Due::After(0));
                (*task).key = key.to_bits();
                (*task).phase = Phase::Queued;
                (*task).is_cut = false;
                woken = task;
            }
            (*node).args[i] = 0;
            end_limit(lua, node, i);
            lua_settop(lua, top + 1);
        }
        lua_settop(lua, top);
    }
}

/// Cancels the timer that would end the wait for direction `i`, if there is one. Neither raises nor allocates.
pub(super) unsafe fn end_limit(lua: *mut lua_State, node: *mut NodeBlock, i: usize) {
    // SAFETY: only called with the Node's loop at 1 and open, and with room for two values.
    unsafe {
        let state = state_at(lua, 1);
        if let Some(key) = Key::from_bits(std::mem::take(&mut (*node).timeouts[i]))
            && (*state).events.cancel_timer(key).is_some()
        {
            unlink(lua, key);
        }
    }
}

/// Drops the claims of the task at `index` on the handle with this number. Neither raises nor runs Lua code.
///
/// # Safety
///
/// The loop is at 1 and open, and one of its tasks is at the absolute index `index`. Room for eight values.
pub(super) unsafe fn drop_claim(lua: *mut lua_State, index: c_int, number: Number) {
    // SAFETY: the caller's promise. If the kernel refuses the change, the loop forgets the handle nevertheless.
    unsafe {
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::NODES);
        lua_rawgeti(lua, -1, number.into()); // stack: … nodes node
        let node = lua_touserdata(lua, top + 2).cast::<NodeBlock>();
        let mut mine = Interest::NONE;
        if !node.is_null() {
            for (i, each) in DIRECTIONS.into_iter().enumerate() {
                if (*node).args[i] != COROUTINE {
                    continue;
                }
                push_user_value(lua, top + 2, direction_value(each));
                if lua_rawequal(lua, -1, index) != 0 {
                    // A handle that was closed is not observed any more, so there is nothing to drop.
                    if (*node).token != 0 && (*node).interest.contains(each) {
                        mine.insert(each);
                    }
                    (*node).args[i] = 0;
                    end_limit(lua, node, i);
                }
                lua_settop(lua, top + 2);
            }
        }
        if !mine.is_empty() {
            drop_directions(lua, state_at(lua, 1), top + 2, mine);
        }
        lua_settop(lua, top);
    }
}

/// Drops the directions of the Node at `index` that have a void claim, because other code has closed or resumed the
/// coroutine.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open, and its Node is at the absolute index `index`. Room for
/// five values. Runs no Lua code.
pub(super) unsafe fn void_dead_claims(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        let mut dead = Interest::NONE;
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            let is_claimed = (*node).token != 0 && (*node).args[i] == COROUTINE && (*node).interest.contains(each);
            if is_claimed && !still_waits(lua, index, each) {
                dead.insert(each);
            }
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if dead.contains(each) {
                end_limit(lua, node, i);
                (*node).args[i] = 0;
            }
        }
        if !dead.is_empty() {
            drop_directions(lua, state_at(lua, 1), index, dead);
        }
    }
}

/// Whether the task that claims this direction of the Node at `index` still waits. If other code has closed or resumed
/// its coroutine, it does not. Neither raises nor runs Lua code.
///
/// # Safety
///
/// A Node with such a claim is at the absolute index `index`. Room for three values.
pub(super) unsafe fn still_waits(lua: *mut lua_State, index: c_int, direction: Interest) -> bool {
    // SAFETY: the caller's promise. The task on the stack keeps the coroutine alive.
    unsafe {
        push_user_value(lua, index, direction_value(direction));
        let coroutine = thread_of(lua, lua_gettop(lua));
        let waits = !coroutine.is_null() && is_left(coroutine, Left::Waiting);
        lua_pop(lua, 1);
        waits
    }
}

/// Drops all void claims of the loop, so that a listing does not show them.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open. Room for eight values. Runs no Lua code.
pub(super) unsafe fn void_all_dead(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        if (*state).cogloop.waiting < 0 {
            return;
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::NODES);
        for token in (*state).token_indices() {
            if push_node_at(lua, top + 1, token) {
                void_dead_claims(lua, top + 2);
            }
            lua_settop(lua, top + 1);
        }
        lua_settop(lua, top);
    }
}

/// Pushes the Node whose token has this index; another value if there is none. Returns whether there is one. The tokens'
/// order is the same in each replay of a recording. The order of the table is not, because its keys are the numbers of
/// the descriptors.
unsafe fn push_node_at(lua: *mut lua_State, nodes: c_int, index: u32) -> bool {
    // SAFETY: only called with the loop at 1, open, its NODES at `nodes`, and room for one value.
    unsafe {
        let number = (*state_at(lua, 1)).number_at(index).unwrap_or_default();
        lua_rawgeti(lua, nodes, number.into());
        let node = lua_touserdata(lua, -1).cast::<NodeBlock>();
        !node.is_null() && Token::from_bits((*node).token).is_some_and(|token| token.index() == index)
    }
}

/// Drops void claims until it finds a coroutine that still waits. Remembers the descriptor for which this coroutine
/// waits, and checks this descriptor first the next time. Runs no Lua code.
unsafe fn find_waiting(lua: *mut lua_State) {
    // SAFETY: only called by `before_idle`.
    unsafe {
        let state = state_at(lua, 1);
        let known = (*state).cogloop.waiting;
        if known < 0 {
            return;
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::NODES); // stack: … nodes
        lua_rawgeti(lua, -1, known.into());
        let mut waiting = if has_waiting(lua, top + 2) { known } else { -1 };
        if waiting < 0 {
            for token in (*state).token_indices() {
                lua_settop(lua, top + 1);
                if push_node_at(lua, top + 1, token) && has_waiting(lua, top + 2) {
                    waiting = (*lua_touserdata(lua, top + 2).cast::<NodeBlock>()).number;
                    break;
                }
            }
        }
        (*state).cogloop.waiting = waiting;
        lua_settop(lua, top);
    }
}

/// Drops void claims, and timers of tasks that no longer sleep. The loop calls this function before it decides whether
/// anything is left to do. If `run` would return now, this function also ends each task whose coroutine other code has
/// closed. Other tasks may wait for the end of such a task.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open. Room for twelve values. Lua code may run.
pub(super) unsafe fn before_idle(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        find_waiting(lua);
        find_sleeping(lua);
        let state = state_at(lua, 1);
        if (*state).cogloop.alive > 0 && matches!((*state).pace, Pace::Forever) && (*state).is_idle() {
            sweep(lua);
        }
    }
}

/// Whether a coroutine still waits for the handle of the Node at `index`; false if there is no Node.
unsafe fn has_waiting(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: only called by `find_waiting`.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        if node.is_null() || !(*node).args.contains(&COROUTINE) {
            return false;
        }
        void_dead_claims(lua, index);
        (*node).args.contains(&COROUTINE)
    }
}

/// Raises if the direction of a handle belongs to a coroutine already, or to a function that must not be replaced.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, the handle is argument 2. Lua code may run. Room for ten values.
pub(super) unsafe fn check_free(lua: *mut lua_State, handle: Handle, direction: Interest, may_replace: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = push_node(lua, 2, handle);
        if !node.is_null() {
            void_dead_claims(lua, lua_gettop(lua));
        }
        lua_pop(lua, 1);
        if node.is_null() {
            return;
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if !(direction & (*node).interest).contains(each) {
                continue;
            }
            if (*node).args[i] == COROUTINE {
                bad_argument(lua, 2, c"handle: a coroutine waits for it".as_ptr());
            }
            if !may_replace {
                bad_argument(lua, 2, c"handle: it is watched already".as_ptr());
            }
        }
    }
}

/// Arms the timer that, after `limit_ns`, ends a task's wait for the watcher on top.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open, `node` is the watcher on top.
pub(super) unsafe fn limit(lua: *mut lua_State, node: *mut NodeBlock, direction: Interest, limit_ns: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        push_user_value(lua, 1, value::TASKS);
        let entries = lua_gettop(lua);
        lua_pushvalue(lua, entries - 1);
        let key = arm_entry(lua, state_at(lua, 1), entries, Payload::TIMEOUT, Due::After(limit_ns));
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if direction.contains(each) {
                (*node).timeouts[i] = key.to_bits();
            }
        }
    }
}
