//! `on` calls a function when a handle is ready. It returns a watcher, which is the loop's Node for the handle.

use super::claim::{check_free, void_dead_claims};
use super::loops::{push_owner, receiver};
use super::source::source_at;
use super::upvalue;
use crate::host::handle::check_handle;
use crate::host::memory::{COROUTINE, DIRECTIONS, Kind, NodeBlock, Source, State};
use crate::host::node::{attach, drop_directions, set_callback, settle_reference};
use crate::host::state::{check_loop, state_at, with_or_raise};
use crate::lua::args::{check_callable, check_direction, test_userdata, wrong};
use crate::lua::callback::pack;
use crate::lua::entry::entry;
use crate::lua::guard::Text;
use crate::lua::stack::stack;
use cogloop_io::{Interest, Token};
use mlua::ffi::{LUA_TNIL, lua_State, lua_insert, lua_pushboolean, lua_pushvalue, lua_settop, lua_type};
use std::ffi::c_int;
use std::ptr::null_mut;

entry!(
    /// `loop:on( handle, dir, f, ... )` → watcher; or nil, message, errno
    pub(super) fn on(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        check_callable(lua, 4);
        let args = pack(lua, 4);
        stack!(lua: loop h dir tbl);
        let source = if handle.kind == Kind::Object { source_at(lua, 2) } else { null_mut() };
        check_free(lua, handle, direction, true);
        let state = check_loop(lua, 1);
        with_or_raise(lua, state, |state| {
            state.note_place(lua);
            Ok(())
        });
        match attach(lua, 2, handle, direction) {
            Ok(node) => {
                (*node).owner = (*state_at(lua, 1)).id;
                set_callback(lua, 2, direction, 4, args);
                if !source.is_null() {
                    (*node).source = source;
                    watch_source(state_at(lua, 1), node, source);
                }
                1
            }
            Err(failure) => failure.push(lua),
        }
    }
);

/// Connects a source, which reports a signal or the end of a child, to its loop. So the loop's recording contains these
/// events.
unsafe fn watch_source(state: *mut State, node: *mut NodeBlock, source: *mut Source) {
    // SAFETY: only called by `on`, which has just observed the source in this loop.
    unsafe {
        (*source).state = state;
        Token::from_bits((*node).token).into_iter().for_each(|token| (*state).events.feign(token));
    }
}

/// Returns the watcher at 1 and the state of its loop, and inserts the loop below the watcher. The state is null if the
/// watcher is off or the loop is gone. A coroutine that waits for a handle claims a direction of the handle's watcher.
/// This function first drops the claims of coroutines that no longer wait, because a watcher that has only such claims
/// is off.
/// stack: watcher … → loop watcher …
unsafe fn receive(lua: *mut lua_State) -> (*mut NodeBlock, *mut State) {
    // SAFETY: only called by functions of the module; a userdata with the watcher's metatable holds a NodeBlock.
    unsafe {
        let node = test_userdata(lua, 1, upvalue::WATCHER).cast::<NodeBlock>();
        if node.is_null() {
            wrong(lua, 1, c"watcher", c"cogloop.watcher");
        }
        let state = push_owner(lua, (*node).owner);
        lua_insert(lua, 1);
        if (*node).token != 0 && !state.is_null() {
            void_dead_claims(lua, 2);
        }
        (node, if (*node).token == 0 { null_mut() } else { state })
    }
}

entry!(
    /// `watcher:off( [dir] )` → whether this call has ended a direction
    pub(super) fn off(lua: *mut lua_State) -> c_int {
        // An error of the kernel means that the descriptor is closed already. The loop forgets the descriptor even
        // then.
        let direction = if lua_type(lua, 2) > LUA_TNIL { check_direction(lua, 2) } else { Interest::BOTH };
        stop(lua, direction)
    }
);

entry!(
    /// `__close` ends both directions. Its second argument is an error, not a direction.
    pub(super) fn close(lua: *mut lua_State) -> c_int {
        stop(lua, Interest::BOTH)
    }
);

unsafe fn stop(lua: *mut lua_State, direction: Interest) -> c_int {
    // SAFETY: only called by functions of the module, with a watcher at 1.
    unsafe {
        let (node, state) = receive(lua);
        lua_settop(lua, 2);
        let mut stopped = Interest::NONE;
        if !state.is_null() {
            for (i, each) in DIRECTIONS.into_iter().enumerate() {
                if (direction & (*node).interest).contains(each) && (*node).args[i] != COROUTINE {
                    stopped.insert(each);
                }
            }
            if !stopped.is_empty() {
                (*state).note_place(lua);
                drop_directions(lua, state, 2, stopped);
            }
        }
        lua_pushboolean(lua, c_int::from(!stopped.is_empty()));
    }
    1
}

entry!(
    /// `watcher:active( )` → whether the watcher is on
    pub(super) fn active(lua: *mut lua_State) -> c_int {
        let (_, state) = receive(lua);
        lua_pushboolean(lua, c_int::from(!state.is_null()));
        1
    }
);

entry!(
    /// `watcher:ref( )` → watcher. The watcher keeps the loop running again, like a new watcher.
    pub(super) fn reference(lua: *mut lua_State) -> c_int {
        keep(lua, true)
    }
);

entry!(
    /// `watcher:unref( )` → watcher. `run` may return while the watcher is on.
    pub(super) fn unreference(lua: *mut lua_State) -> c_int {
        keep(lua, false)
    }
);

unsafe fn keep(lua: *mut lua_State, keep: bool) -> c_int {
    // SAFETY: only called by functions of the module.
    unsafe {
        let (node, state) = receive(lua);
        if let Some(token) = Token::from_bits((*node).token).filter(|_| !state.is_null()) {
            (*node).is_unref = !keep;
            match keep {
                true => drop(with_or_raise(lua, state, |state| Ok(state.events.ref_descriptor(token)))),
                false => settle_reference(state, node),
            }
        }
        lua_pushvalue(lua, 2);
    }
    1
}

entry!(
    /// `tostring( watcher )`
    pub(super) fn to_string(lua: *mut lua_State) -> c_int {
        let (node, state) = receive(lua);
        let text: Text<64> = if state.is_null() {
            Text::new("cogloop.watcher: off")
        } else {
            let name = ["", "r", "w", "rw"][usize::from((*node).interest.bits())];
            Text::new(format_args!("cogloop.watcher: {} {name}", (*node).number))
        };
        text.push(lua);
        1
    }
);
