//! Ends a task's wait for a handle when the handle is ready, or when the time limit is over.

use super::claim::{end_limit, still_waits, void_dead_claims};
use super::left::Left;
use super::resume::{go, push_reason};
use super::task::task_at;
use super::unpark::push_raise;
use crate::host::memory::{COROUTINE, DIRECTIONS, NodeBlock, direction_value};
use crate::host::node::drop_directions;
use crate::host::observed::holds_data;
use crate::host::state::state_at;
use crate::lua::stack::stack;
use crate::lua::version::push_user_value;
use crate::sys::descriptor::borrow;
use crate::sys::errno::ETIMEDOUT;
use cogloop_io::{Interest, Key};
use mlua::ffi::{lua_State, lua_pushstring, lua_rawequal, lua_settop, lua_touserdata};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::CStr;

/// Resumes the coroutine that waits for direction `i` of the watcher at 3.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is open. Stack: loop nodes node
pub(super) unsafe fn wake(lua: *mut lua_State, i: usize, ready: Interest) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, 3).cast::<NodeBlock>();
        let mut mine = DIRECTIONS[i];
        push_user_value(lua, 3, direction_value(DIRECTIONS[i]));
        stack!(lua: loop nodes node co);
        push_user_value(lua, 3, direction_value(DIRECTIONS[1 - i]));
        if lua_rawequal(lua, -1, -2) != 0 {
            mine = Interest::BOTH;
        }
        lua_settop(lua, 4);
        end_limit(lua, node, i);
        stack!(lua: loop nodes node co);
        drop_directions(lua, state_at(lua, 1), 3, mine);
        lua_pushstring(lua, name_of(ready & mine).unwrap_or(c"rw").as_ptr());
        go(lua, 4, Left::Waiting, 1);
    }
}

/// Ends the wait for the watcher at 3, because its time limit is over. If the handle is ready by now, the wait returns
/// the ready directions instead of an error.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open. Stack: loop entries node
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
        let first = DIRECTIONS[usize::from(!due.contains(DIRECTIONS[0]))];
        if !still_waits(lua, 3, first) {
            // Other code has ended the wait, so this timer limits nothing any more. It does not count as fired.
            (*state_at(lua, 1)).cogloop.fired -= 1;
            return void_dead_claims(lua, 3);
        }
        let ready = ready_now(lua, node, due);
        // `ready_now` may run an object's Lua code, so everything is looked up again afterwards.
        stack!(lua: loop entries node);
        let state = state_at(lua, 1);
        if state.is_null() || timed(node, key) != due {
            return;
        }
        push_user_value(lua, 3, direction_value(first));
        drop_directions(lua, state, 3, due);
        let values = match name_of(ready) {
            None if (*task_at(lua, 4)).is_cut => push_raise(lua, 4),
            Some(name) => {
                lua_pushstring(lua, name.as_ptr());
                1
            }
            None => push_reason(lua, ETIMEDOUT, "timed out"),
        };
        go(lua, 4, Left::Waiting, values); // stack: loop entries node task
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

/// Which of these directions of the Node at 3 are ready now. Leaves the stack as it was.
unsafe fn ready_now(lua: *mut lua_State, node: *mut NodeBlock, due: Interest) -> Interest {
    // SAFETY: only called by `time_out`. The number need not be an open descriptor, because the kernel checks it.
    unsafe {
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, due.contains(Interest::READ));
        wanted.set(PollFlags::OUT, due.contains(Interest::WRITE));
        let mut polled = [PollFd::from_borrowed_fd(borrow((*node).number), wanted)];
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

/// The text for these directions: `'r'`, `'w'` or `'rw'`; `None` if there are none.
fn name_of(ready: Interest) -> Option<&'static CStr> {
    [None, Some(c"r"), Some(c"w"), Some(c"rw")][usize::from(ready.bits())]
}
