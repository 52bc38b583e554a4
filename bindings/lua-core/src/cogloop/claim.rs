//! The claims of coroutines on handles: a direction of a Node for which a coroutine waits, instead of a function that is
//! called.
//!
//! ```text
//!   wait ──► go: claim ──┬── ready ──────────► wake ──► go: 'r', 'w' or 'rw'
//!                        ├── time is over ───► time_out
//!                        ├── handle closed ──► tell_waiting: an entry, and later go
//!                        └── coroutine closed, or resumed by others ──► void: the next use of the claim drops it
//! ```

use super::arm::{Payload, arm_entry};
use super::coroutine::{Left, go, is_left, push_reason};
use crate::host::node::{COROUTINE, DIRECTIONS, NodeBlock, direction_value, drop_directions};
use crate::host::observed::holds_data;
use crate::host::state::{state_at, value};
use crate::lua::guard::stack_is;
use crate::lua::version::push_user_value;
use crate::t_loop::task::unlink;
use cogloop_io::{EventLoop, Interest, Key};
use mlua::ffi::{
    lua_State, lua_gettop, lua_next, lua_pop, lua_pushnil, lua_pushstring, lua_pushvalue, lua_rawequal, lua_rawgeti,
    lua_settop, lua_tothread, lua_touserdata,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::{CStr, c_int};
use std::os::fd::BorrowedFd;
use std::ptr::null_mut;

/// Goes on with the coroutine that waits for direction `i` of the watcher at 3.
///
/// # Safety
///
/// The rule of the crate; the loop is open. S: loop nodes node
pub(crate) unsafe fn wake(lua: *mut lua_State, i: usize, ready: Interest) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, 3).cast::<NodeBlock>();
        let mut mine = DIRECTIONS[i];
        push_user_value(lua, 3, direction_value(DIRECTIONS[i])); // S: loop nodes node co
        push_user_value(lua, 3, direction_value(DIRECTIONS[1 - i]));
        if lua_rawequal(lua, -1, -2) != 0 {
            mine = Interest::BOTH;
        }
        lua_settop(lua, 4);
        end_limit(lua, node, i);
        stack_is(lua, 4);
        let _ = drop_directions(lua, state_at(lua, 1), 3, mine);
        lua_pushstring(lua, name_of(ready & mine).unwrap_or(c"rw").as_ptr());
        go(lua, 4, Left::Waiting, 1);
    }
}

/// The entry, at 3, is the watcher for whose handle a coroutine has waited long enough. What was there before the time was
/// over wins.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open. S: loop entries node
pub(super) unsafe fn time_out(lua: *mut lua_State, key: Key) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, 3).cast::<NodeBlock>();
        if node.is_null() {
            return;
        }
        let due = timed(node, key);
        if due.is_empty() {
            return;
        }
        let ready = ready_now(lua, node, due);
        // Asking an object runs Lua code: everything is looked up again after it.
        stack_is(lua, 3);
        let state = state_at(lua, 1);
        if state.is_null() || timed(node, key) != due {
            return;
        }
        push_user_value(
            lua,
            3,
            direction_value(if due.contains(DIRECTIONS[0]) { DIRECTIONS[0] } else { DIRECTIONS[1] }),
        );
        let _ = drop_directions(lua, state, 3, due);
        let values = match name_of(ready) {
            Some(name) => {
                lua_pushstring(lua, name.as_ptr());
                1
            }
            None => push_reason(lua, rustix::io::Errno::TIMEDOUT, "timed out"),
        };
        go(lua, 4, Left::Waiting, values); // S: loop entries node co values…
    }
}

/// The directions of a Node whose waits end with the timer `key`.
unsafe fn timed(node: *mut NodeBlock, key: Key) -> Interest {
    let mut due = Interest::NONE;
    // SAFETY: only called with a Node on the stack.
    unsafe {
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (*node).timeouts[i] == key.to_bits() && (*node).args[i] == COROUTINE && (*node).token != 0 {
                due.insert(each);
            }
        }
    }
    due
}

/// Which of these directions of the Node at 3 are ready by now. The stack is as it was.
unsafe fn ready_now(lua: *mut lua_State, node: *mut NodeBlock, due: Interest) -> Interest {
    // SAFETY: only called by `time_out`. The number may be anything: the kernel says what it is.
    unsafe {
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, due.contains(Interest::READ));
        wanted.set(PollFlags::OUT, due.contains(Interest::WRITE));
        let mut polled = [PollFd::from_borrowed_fd(BorrowedFd::borrow_raw((*node).number), wanted)];
        let found = match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(1..) => polled[0].revents(),
            _ => PollFlags::empty(),
        };
        let mut ready = Interest::NONE;
        let both = PollFlags::HUP | PollFlags::ERR;
        for (each, flag) in [(Interest::READ, PollFlags::IN), (Interest::WRITE, PollFlags::OUT)] {
            if due.contains(each) && found.intersects(flag | both) {
                ready.insert(each);
            }
        }
        if due.contains(Interest::READ) && !ready.contains(Interest::READ) && holds_data(lua, 3) {
            ready.insert(Interest::READ);
        }
        ready
    }
}

/// `'r'`, `'w'` or `'rw'`; `None` for nothing.
fn name_of(ready: Interest) -> Option<&'static CStr> {
    [None, Some(c"r"), Some(c"w"), Some(c"rw")][usize::from(ready.bits())]
}

/// Queues the coroutines that wait for the handle of the Node at `index`, which was closed, so that they are told.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open, and its Node at `index`, an absolute one. Room for eight values.
pub(crate) unsafe fn tell_waiting(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise. What raises, for want of memory, leaves the coroutine waiting, to be told next time.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        if !(*node).args.contains(&COROUTINE) {
            return;
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::TASKS); // S: … tasks
        let mut told = null_mut();
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (*node).args[i] != COROUTINE {
                continue;
            }
            let state = state_at(lua, 1);
            push_user_value(lua, index, direction_value(each)); // S: … tasks co
            let coroutine = lua_tothread(lua, -1);
            if !coroutine.is_null() && coroutine != told {
                arm_entry(lua, state, top + 1, Payload::CLOSED, |events, value| events.try_add_timer(0, value));
                told = coroutine;
            }
            (*node).args[i] = 0;
            end_limit(lua, node, i);
            lua_settop(lua, top + 1);
        }
        lua_settop(lua, top);
    }
}

/// Cancels the timer that would end the wait for direction `i`, if there is one. Neither raises nor allocates.
unsafe fn end_limit(lua: *mut lua_State, node: *mut NodeBlock, i: usize) {
    // SAFETY: only called with the open loop of the Node at 1, and room for two values.
    unsafe {
        let state = state_at(lua, 1);
        if let Some(key) = Key::from_bits(std::mem::take(&mut (*node).timeouts[i]))
            && (*state).events.cancel_timer(key).is_some()
        {
            unlink(lua, key);
        }
    }
}

/// Drops the directions of the Node at `index` for which a coroutine waited that waits no longer: it was closed, or others
/// have resumed it.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open, and its Node at `index`, an absolute one. Room for five values. Runs
/// no Lua code.
pub(crate) unsafe fn void_dead_claims(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        let mut dead = Interest::NONE;
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (*node).token != 0 && (*node).args[i] == COROUTINE && (*node).interest.contains(each) {
                push_user_value(lua, index, direction_value(each));
                let coroutine = lua_tothread(lua, -1);
                if coroutine.is_null() || !is_left(coroutine, Left::Waiting) {
                    dead.insert(each);
                }
                lua_pop(lua, 1);
            }
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if dead.contains(each) {
                end_limit(lua, node, i);
                (*node).args[i] = 0;
            }
        }
        if !dead.is_empty() {
            let _ = drop_directions(lua, state_at(lua, 1), index, dead);
        }
    }
}

/// Before the loop asks whether anything is left: drops dead claims until it finds a coroutine that really waits. That one
/// is remembered, so that the next time one look is enough.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open. Room for twelve values. Runs no Lua code.
pub(crate) unsafe fn find_waiting(lua: *mut lua_State) {
    // SAFETY: the caller's promise. The table is only emptied of the entry that is looked at, which lua_next allows.
    unsafe {
        let known = (*state_at(lua, 1)).own.waiting;
        if known < 0 {
            return;
        }
        let top = lua_gettop(lua);
        push_user_value(lua, 1, value::NODES); // S: … nodes
        lua_rawgeti(lua, -1, known.into());
        let mut waiting = if has_waiting(lua, top + 2) { known } else { -1 };
        if waiting < 0 {
            lua_settop(lua, top + 1);
            lua_pushnil(lua);
            while waiting < 0 && lua_next(lua, top + 1) != 0 {
                // S: … nodes number node
                if has_waiting(lua, top + 3) {
                    waiting = (*lua_touserdata(lua, top + 3).cast::<NodeBlock>()).number;
                }
                lua_settop(lua, top + 2);
            }
        }
        (*state_at(lua, 1)).own.waiting = waiting;
        lua_settop(lua, top);
    }
}

/// Whether a coroutine really waits for the handle of the Node at `index`; false if there is no Node.
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

/// Arms the timer that ends the wait of the watcher on top.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1 and open, `node` is the watcher on top.
pub(super) unsafe fn limit(lua: *mut lua_State, node: *mut NodeBlock, direction: Interest, limit_ns: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        push_user_value(lua, 1, value::TASKS);
        let entries = lua_gettop(lua);
        lua_pushvalue(lua, entries - 1);
        let arm = |events: &mut EventLoop<u64>, value| events.try_add_timer(limit_ns, value);
        let key = arm_entry(lua, state_at(lua, 1), entries, Payload::TIMEOUT, arm);
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if direction.contains(each) {
                (*node).timeouts[i] = key.to_bits();
            }
        }
    }
}
