//! Observed handles: the check whether a handle still has its descriptor, the checks before a wait, and the removal.

use super::handle::{buffered, is_dirty, look_again};
use super::memory::{EARLIER, HANDLE, Handle, Kind, NodeBlock, SocketBlock, State, value};
use super::source::release;
use super::state::{state_at, with, with_or_raise};
use crate::lua::entry::entry;
use crate::lua::version::{LuaFile, push_user_value, set_user_value};
use crate::sys::descriptor::is_open;
use cogloop_io::{Interest, Token};
use mlua::ffi::{
    LUA_OK, lua_State, lua_gettop, lua_pcall, lua_pop, lua_pushboolean, lua_pushcfunction, lua_pushnil, lua_rawgeti,
    lua_rawseti, lua_remove, lua_settop, lua_toboolean, lua_touserdata,
};
use std::collections::TryReserveError;
use std::ffi::c_int;
use std::ptr::null_mut;

/// Whether the handle of the Node at `index` was closed or has another descriptor now. Calls the methods of an object,
/// so Lua code may run.
///
/// # Safety
///
/// [The rule for Lua calls](crate); a Node at `index`, an absolute index; room for five values.
pub(crate) unsafe fn is_stale(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise. The file's userdata is alive: the Node keeps it in a user value.
    unsafe {
        let block = lua_touserdata(lua, index).cast::<NodeBlock>();
        match (*block).kind {
            Kind::Socket(socket) => (*socket).number != (*block).number,
            Kind::File(file) => LuaFile::stream(file).is_none(),
            Kind::Number => !is_open((*block).number),
            Kind::Object => {
                push_user_value(lua, index, HANDLE); // stack: … handle
                let now = look_again(lua, lua_gettop(lua));
                lua_pop(lua, 1);
                !matches!(now, Ok(Handle { number, .. }) if number == (*block).number)
            }
        }
    }
}

/// Forgets an observed descriptor, and drops its callbacks and its handle. Neither raises nor allocates in Lua.
///
/// # Safety
///
/// `state` belongs to the loop at 1, and there is a Node of that loop at `index`, an absolute index. Room for three
/// values.
pub(crate) unsafe fn forget(lua: *mut lua_State, state: *mut State, index: c_int) {
    // SAFETY: the caller's promise; the entry exists, so that setting it takes no memory.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        for n in 1..=EARLIER {
            lua_pushnil(lua);
            set_user_value(lua, index, n);
        }
        (*node).earlier = Interest::NONE;
        push_user_value(lua, 1, value::NODES);
        lua_rawgeti(lua, -1, (*node).number.into()); // stack: … nodes node
        // Another Node may have taken the number.
        if lua_touserdata(lua, -1).cast::<NodeBlock>() == node {
            lua_pushnil(lua);
            lua_rawseti(lua, -3, (*node).number.into());
        }
        lua_pop(lua, 2);
        let token = Token::from_bits((*node).token);
        (*node).token = 0;
        (*node).interest = Interest::NONE;
        (*node).args = [0, 0];
        unwatch(state, node);
        // An error means that the descriptor is closed already. The loop has removed it even then.
        let _ = with(state, |state| Ok(token.map(|token| state.events.remove_descriptor(token).is_ok())));
        // Nothing has allocated since the Node dropped its handle, so the source is still alive.
        release(std::mem::replace(&mut (*node).source, null_mut()));
    }
}

/// Like [`forget`], for a handle that was closed. The waits of coroutines for that handle end with an error.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is open; as for [`forget`]. Room for eight values.
pub(crate) unsafe fn forget_closed(lua: *mut lua_State, index: c_int) {
    // SAFETY: the caller's promise. `handle_closed` runs no Lua code here.
    unsafe {
        ((*state_at(lua, 1)).face.handle_closed)(lua, index);
        forget(lua, state_at(lua, 1), index);
    }
}

/// Remembers an observed Node of a file, an object or a socket. Files and objects are checked before each wait. A
/// socket removes its Nodes before it closes. A Node of a plain number is not remembered.
///
/// # Safety
///
/// `state` belongs to the loop in whose table the Node is, and [`expect_watch`] has made room. No reference into the
/// state is alive.
pub(crate) unsafe fn watch(state: *mut State, node: *mut NodeBlock) {
    // SAFETY: the caller's promise; the Node keeps its handle.
    unsafe {
        let list = match (*node).kind {
            Kind::Number => return,
            Kind::Socket(socket) => {
                (*node).state = state;
                (*node).next_observer = (*socket).observers;
                (*socket).observers = node;
                &mut (*state).sockets
            }
            Kind::File(_) | Kind::Object => &mut (*state).watched,
        };
        (*node).watch = list.len();
        list.push(node);
    }
}

/// Makes room for one more Node in the lists of [`watch`] and in the list of closed sockets.
///
/// # Errors
///
/// There is not enough memory.
pub(crate) fn expect_watch(state: &mut State) -> Result<(), TryReserveError> {
    state.watched.try_reserve(1)?;
    state.sockets.try_reserve(1)?;
    state.closed.try_reserve(state.sockets.len() + 1)
}

/// Undoes [`watch`]; does nothing if the Node is in no list.
///
/// # Safety
///
/// As for [`watch`].
pub(crate) unsafe fn unwatch(state: *mut State, node: *mut NodeBlock) {
    // SAFETY: as in `watch`; each Node in the lists is also in the table.
    unsafe {
        let list = match (*node).kind {
            Kind::Number => return,
            Kind::Socket(_) => &mut (*state).sockets,
            Kind::File(_) | Kind::Object => &mut (*state).watched,
        };
        let position = (*node).watch;
        if list.get(position) == Some(&node) {
            list.swap_remove(position);
            if let Some(&moved) = list.get(position) {
                (*moved).watch = position;
            }
            unlink(node);
        }
    }
}

/// Takes a Node out of its socket's list of observers, if it has a socket.
unsafe fn unlink(node: *mut NodeBlock) {
    // SAFETY: only called for nodes that `watch` has put into that list.
    unsafe {
        let Kind::Socket(socket) = (*node).kind else { return };
        let mut link = &raw mut (*socket).observers;
        while !(*link).is_null() {
            if *link == node {
                *link = (*node).next_observer;
                return;
            }
            link = &raw mut (**link).next_observer;
        }
    }
}

/// Empties the lists of [`watch`] before the loop drops its nodes.
pub(crate) fn unwatch_all(state: &mut State) {
    for node in state.watched.drain(..) {
        // SAFETY: a Node in the loop's table lives, and keeps its source.
        unsafe { release(std::mem::replace(&mut (*node).source, null_mut())) };
    }
    for node in state.sockets.drain(..) {
        // SAFETY: a Node in the loop's table lives, and keeps its socket.
        unsafe { unlink(node) };
    }
}

/// Removes from every loop a socket that is about to be closed. Each loop removes the socket's entry from its table
/// before its next wait.
///
/// # Safety
///
/// The socket lives, and no reference into a loop's state is alive. Makes no Lua call.
pub(crate) unsafe fn leave_loops(socket: *mut SocketBlock) {
    // SAFETY: the caller's promise. Each observer is in its loop's table, and that loop is open: `unwatch_all` is
    // called before a state is dropped.
    unsafe {
        while let Some(node) = (*socket).observers.as_mut() {
            let state = node.state;
            let token = Token::from_bits(std::mem::take(&mut node.token));
            node.interest = Interest::NONE;
            unwatch(state, node);
            (*state).closed.push(node.number);
            // An error changes nothing, because the descriptor is closed next.
            let _ = with(state, |state| Ok(token.map(|token| state.events.remove_descriptor(token).is_ok())));
        }
    }
}

/// Removes the entries of closed sockets from the loop's table.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, and open. Room for ten values.
pub(crate) unsafe fn sweep(lua: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        let state = state_at(lua, 1);
        while let Some(&number) = (*state).closed.last() {
            push_user_value(lua, 1, value::NODES);
            lua_rawgeti(lua, -1, number.into()); // stack: … nodes node
            let node = lua_touserdata(lua, -1).cast::<NodeBlock>();
            if !node.is_null() && (*node).token == 0 {
                forget_closed(lua, lua_gettop(lua));
            }
            (*state).closed.pop();
            lua_pop(lua, 2);
        }
    }
}

/// Called before a wait. Drops handles that were closed and not removed, and marks handles with buffered input as
/// ready. Returns false if Lua code closed the loop meanwhile.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1 and open. Room for twelve values.
pub(crate) unsafe fn look_at_handles(lua: *mut lua_State) -> bool {
    // SAFETY: the caller's promise. The NODES table keeps the watched nodes alive; `state` is fetched again after Lua
    // code.
    unsafe {
        let top = lua_gettop(lua);
        sweep(lua);
        let state = state_at(lua, 1);
        if !state.is_null() {
            (*state).left_marks = (*state).events.has_marks();
        }
        let mut position = 0;
        loop {
            lua_settop(lua, top);
            let state = state_at(lua, 1);
            if state.is_null() {
                return false;
            }
            let Some(node) = (*state).watched_at(position) else { return true };
            position += 1;
            // The stack keeps the Node alive, even if Lua code changes the table.
            let index = push_watched(lua, node); // stack: … node
            let is_read = (*node).interest.contains(Interest::READ);
            let has_data = match (*node).kind {
                Kind::File(file) => LuaFile::stream(file).map(|stream| is_read && buffered(stream) > 0),
                Kind::Socket(_) | Kind::Number => Some(false),
                Kind::Object => object_has_data(lua, index),
            };
            let Some(has_data) = has_data else {
                forget_closed(lua, index);
                // The last Node has taken this place.
                position -= 1;
                continue;
            };
            let state = state_at(lua, 1);
            if has_data && !state.is_null() {
                let Some(token) = Token::from_bits((*node).token) else { continue };
                with_or_raise(lua, state, |state| {
                    state.events.mark_ready(token, Interest::READ);
                    Ok(())
                });
            }
        }
    }
}

/// Pushes a Node of the loop's lists, and returns its index.
unsafe fn push_watched(lua: *mut lua_State, node: *mut NodeBlock) -> c_int {
    // SAFETY: only called with the loop at 1, for a Node in the loop's lists. Each of them is also in the loop's table.
    unsafe {
        push_user_value(lua, 1, value::NODES);
        lua_rawgeti(lua, -1, (*node).number.into());
        lua_remove(lua, -2);
        debug_assert_eq!(lua_touserdata(lua, -1).cast::<NodeBlock>(), node, "a watched node is in the table");
        lua_gettop(lua)
    }
}

/// Whether the object of the Node at `index` has buffered input. `None` if the object was closed, or has another
/// descriptor now.
unsafe fn object_has_data(lua: *mut lua_State, index: c_int) -> Option<bool> {
    // SAFETY: only called by `look_at_handles`, which has the loop at 1 and restores the stack.
    unsafe {
        let Some((node, is_stale)) = ask(lua, index) else { return Some(false) };
        if is_stale {
            return None;
        }
        push_user_value(lua, index, HANDLE);
        // The object's Lua code may have replaced the handle.
        let may_have = (*node).kind == Kind::Object && (*node).interest.contains(Interest::READ);
        Some(may_have && is_dirty(lua, lua_gettop(lua)))
    }
}

/// Whether the handle of the Node at `index` has buffered input, which the kernel does not see. An object whose method
/// raises counts as one without buffered input.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, and a Node is at the absolute index `index`. Lua code may run.
/// Room for four values.
pub(crate) unsafe fn holds_data(lua: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise. The Node keeps its handle while it is observed.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        match (*node).kind {
            Kind::File(file) => LuaFile::stream(file).is_some_and(|stream| buffered(stream) > 0),
            Kind::Socket(_) | Kind::Number => false,
            Kind::Object => {
                lua_pushcfunction(lua, say_dirty);
                push_user_value(lua, index, HANDLE);
                let dirty = lua_pcall(lua, 1, 1, 0) == LUA_OK && lua_toboolean(lua, -1) != 0;
                lua_pop(lua, 1);
                dirty
            }
        }
    }
}

entry!(
    fn say_dirty(lua: *mut lua_State) -> c_int {
        // `holds_data` calls this function with the handle.
        lua_pushboolean(lua, c_int::from(is_dirty(lua, 1)));
        1
    }
);

/// Finds out whether the Node at `index` [is stale](is_stale). Returns `None` if Lua code has closed the loop
/// meanwhile, or has changed what the Node observes. After this call the caller has to look everything up again.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1; as for [`is_stale`].
pub(crate) unsafe fn ask(lua: *mut lua_State, index: c_int) -> Option<(*mut NodeBlock, bool)> {
    // SAFETY: the caller's promise; the Node is on the stack.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        let token = (*node).token;
        let is_stale = is_stale(lua, index);
        let is_same = !state_at(lua, 1).is_null() && token != 0 && (*node).token == token;
        is_same.then_some((node, is_stale))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        unwatch_all(self);
    }
}
