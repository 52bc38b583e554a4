//! Nodes, and the functions that change them. A Node is the userdata of a handle that a loop observes.

use super::memory::{COROUTINE, DIRECTIONS, EARLIER, HANDLE, Handle, Kind, NodeBlock, State, direction_value, value};
use super::observed::{ask, expect_watch, forget, forget_closed, unwatch, watch};
use super::state::{check_loop, state_at, with};
use super::upvalue;
use crate::lua::guard::{Failure, Text, about_descriptor, errno_of};
use crate::lua::version::{new_userdata, push_user_value, set_user_value};
use crate::sys::descriptor::{borrow, number_of};
use crate::sys::errno::{EBADF, EBUSY, EINVAL};
use cogloop_io::{Interest, Token};
use mlua::ffi::{
    LUA_TNUMBER, lua_State, lua_gettop, lua_insert, lua_pop, lua_pushnil, lua_pushvalue, lua_rawequal, lua_rawgeti,
    lua_rawseti, lua_remove, lua_setmetatable, lua_touserdata, lua_type, lua_upvalueindex,
};
use rustix::fd::BorrowedFd;
use std::ffi::c_int;
use std::io;
use std::ptr::null_mut;

/// Pushes the Node of the handle at `arg`, and returns it. If the handle has no Node, pushes nil and returns null. If
/// the Node of this number belongs to a closed handle, drops that Node first.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1. Lua code may run.
pub(crate) unsafe fn push_node(lua: *mut lua_State, arg: c_int, handle: Handle) -> *mut NodeBlock {
    // SAFETY: the caller's promise.
    unsafe {
        loop {
            // The handle's own code has run in `look` or in `ask`, and may have closed the loop.
            check_loop(lua, 1);
            push_user_value(lua, 1, value::NODES);
            lua_rawgeti(lua, -1, handle.number.into());
            lua_remove(lua, -2); // stack: … node
            let index = lua_gettop(lua);
            let node = lua_touserdata(lua, index).cast::<NodeBlock>();
            if node.is_null() {
                return node;
            }
            push_user_value(lua, index, HANDLE);
            let same = lua_rawequal(lua, -1, arg) != 0;
            lua_pop(lua, 1);
            // A plain number may name any file, so a Node for it serves every handle with this number.
            if same || (*node).kind == Kind::Number {
                return node;
            }
            if (*node).token != 0 {
                match ask(lua, index) {
                    Some((node, false)) => return node,
                    Some((_, true)) => forget_closed(lua, index),
                    // The handle's Lua code has changed something: look the number up again.
                    None => {
                        check_loop(lua, 1);
                        lua_pop(lua, 1);
                        continue;
                    }
                }
            } else {
                // The socket of this Node was closed, and `sweep` has not removed the Node yet.
                ((*state_at(lua, 1)).face.handle_closed)(lua, index);
            }
            lua_pop(lua, 1);
            lua_pushnil(lua);
            return null_mut();
        }
    }
}

/// Observes `direction` of the handle at `arg`, in addition to the directions that are observed already. Pushes the
/// handle's Node. If the kernel refuses, the value on top is undefined.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop is at 1, and `arg` is an absolute index. Lua code may run. Room for eight
/// values.
pub(crate) unsafe fn attach(
    lua: *mut lua_State,
    arg: c_int,
    handle: Handle,
    direction: Interest,
) -> Result<*mut NodeBlock, Failure> {
    // SAFETY: the caller's promise; comments beside the lines show the stack.
    unsafe {
        let mut node = push_node(lua, arg, handle); // stack: … node
        if node.is_null() {
            // Making a Node may run a finalizer that adds the same handle. So the Node is looked up again.
            new_node(lua, handle); // stack: … nil fresh
            node = push_node(lua, arg, handle); // stack: … nil fresh node
            if node.is_null() {
                lua_pop(lua, 1);
            }
        }
        // From here on no Lua code runs, except if this function calls itself.
        let state = check_loop(lua, 1);
        if !handle.is_current() {
            return Err(Failure { errno: EBADF, text: Text::new("handle: it was closed") });
        }
        if node.is_null() {
            let fresh = lua_touserdata(lua, -1).cast::<NodeBlock>();
            enter(lua, state, fresh, handle, direction)?;
            return Ok(fresh);
        }
        ((*state).face.drop_void_claims)(lua, lua_gettop(lua));
        if (*node).token == 0 {
            lua_pop(lua, 1);
            return attach(lua, arg, handle, direction);
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (direction & (*node).interest).contains(each) && (*node).args[i] == COROUTINE {
                return Err(Failure { errno: EBUSY, text: Text::new("handle: a coroutine waits for it") });
            }
        }
        observe_too(state, node, handle, direction)?;
        Ok(node)
    }
}

/// Gives the Node on top the handle at `arg`, and for `direction` the callback at `callback`. Neither raises nor
/// allocates.
///
/// # Safety
///
/// A Node is on top, and these values are at absolute indices. Room for two values.
pub(crate) unsafe fn set_callback(lua: *mut lua_State, arg: c_int, direction: Interest, callback: c_int, args: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        let index = lua_gettop(lua);
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        // The Node keeps an object alive while any direction of its descriptor is observed, even if the script has
        // observed that direction by the plain number.
        if (*node).kind == Kind::Number || lua_type(lua, arg) != LUA_TNUMBER {
            push_user_value(lua, index, HANDLE);
            if lua_rawequal(lua, -1, arg) == 0 {
                (*node).source = null_mut();
                keep_earlier(lua, index, (*node).interest.without(direction));
            }
            lua_pop(lua, 1);
            let_earlier_go(lua, index, (*node).interest.without(direction));
            lua_pushvalue(lua, arg);
            set_user_value(lua, index, HANDLE);
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if direction.contains(each) {
                lua_pushvalue(lua, callback);
                set_user_value(lua, index, direction_value(each));
                (*node).args[i] = args;
                (*node).timeouts[i] = 0;
            }
        }
    }
}

/// Called before another handle replaces the old handle, which is on top. If directions remain for which the old handle
/// was given, stores the old handle as EARLIER, so that the collector does not close it. Neither raises nor allocates.
unsafe fn keep_earlier(lua: *mut lua_State, index: c_int, rest: Interest) {
    // SAFETY: only called by `set_callback`, with a Node at `index` and room for two values.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        if !rest.is_empty() && (*node).earlier != rest {
            (*node).earlier = rest;
            lua_pushvalue(lua, -1);
            set_user_value(lua, index, EARLIER);
        }
    }
}

/// Drops the earlier handle if its direction is not in `rest`. Neither raises nor allocates.
unsafe fn let_earlier_go(lua: *mut lua_State, index: c_int, rest: Interest) {
    // SAFETY: only called with a Node at `index`, an absolute index, and room for two values.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        if !rest.contains((*node).earlier) {
            (*node).earlier = Interest::NONE;
            lua_pushnil(lua);
            set_user_value(lua, index, EARLIER);
        }
    }
}

/// Pushes a Node that is not observed yet.
unsafe fn new_node(lua: *mut lua_State, handle: Handle) {
    // SAFETY: only called by `attach`, with room for three values.
    unsafe {
        let node = new_userdata(lua, size_of::<NodeBlock>(), EARLIER).cast::<NodeBlock>();
        node.write(NodeBlock {
            token: 0,
            number: handle.number,
            interest: Interest::NONE,
            kind: handle.kind,
            args: [0, 0],
            watch: usize::MAX,
            state: null_mut(),
            next_observer: null_mut(),
            owner: 0,
            source: null_mut(),
            is_unref: false,
            timeouts: [0, 0],
            earlier: Interest::NONE,
        });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::NODE));
        lua_setmetatable(lua, -2);
    }
}

/// Puts the new Node, which is on top, into the loop's table, and its descriptor into the backend. The table comes
/// first, because only this step can raise, and it is easily undone.
unsafe fn enter(
    lua: *mut lua_State,
    state: *mut State,
    node: *mut NodeBlock,
    handle: Handle,
    direction: Interest,
) -> Result<(), Failure> {
    // SAFETY: only called by `attach`, with the Node on top and room for three values.
    unsafe {
        lua_pushvalue(lua, -1);
        set_entry(lua, handle.number);
        if let Err(why) = register(state, node, handle, direction) {
            lua_pushnil(lua);
            set_entry(lua, handle.number);
            return Err(why);
        }
        watch(state, node);
    }
    Ok(())
}

/// Pops a value and puts it into the loop's table as the Node of this number.
unsafe fn set_entry(lua: *mut lua_State, number: c_int) {
    // SAFETY: only called by `enter`, with the loop at 1, a Node or nil on top, and room for two values.
    unsafe {
        push_user_value(lua, 1, value::NODES);
        lua_insert(lua, -2);
        lua_rawseti(lua, -2, number.into());
        lua_pop(lua, 1);
    }
}

/// Makes a Node that is already in the table also observe `direction`.
unsafe fn observe_too(
    state: *mut State,
    node: *mut NodeBlock,
    handle: Handle,
    direction: Interest,
) -> Result<(), Failure> {
    // SAFETY: only called by `attach`, with a live state and Node.
    unsafe {
        let interest = (*node).interest | direction;
        if interest != (*node).interest || handle.kind == Kind::Number {
            // The descriptor is registered again, because the kernel has forgotten the registration if the number was
            // closed.
            register(state, node, handle, interest)?;
        }
        if handle.kind != (*node).kind && handle.kind != Kind::Number {
            unwatch(state, node);
            (*node).kind = handle.kind;
            watch(state, node);
        }
    }
    Ok(())
}

/// Registers a Node's descriptor with the backend. Replaces an earlier registration of the same number.
unsafe fn register(state: *mut State, node: *mut NodeBlock, handle: Handle, interest: Interest) -> Result<(), Failure> {
    // SAFETY: only called with a live state and Node. The script may close the descriptor at any time; the event loop
    // and its backends allow for that.
    unsafe {
        let fd = borrow(handle.number);
        let mut errno = EINVAL;
        let added = with(state, |state| {
            observe(state, fd, interest).map_err(|error| {
                errno = errno_of(&error);
                about_descriptor(handle.number, &error)
            })
        });
        let token = added.map_err(|text| Failure { errno, text })?;
        (*node).token = token.to_bits();
        (*node).interest = interest;
        settle_reference(state, node);
        Ok(())
    }
}

/// Decides whether a Node keeps the loop running. A Node that the script has unreferenced keeps the loop running only
/// while a coroutine waits for it.
///
/// # Safety
///
/// `state` belongs to the loop in whose table the Node is. Makes no Lua call.
pub(crate) unsafe fn settle_reference(state: *mut State, node: *mut NodeBlock) {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(token) = Token::from_bits((*node).token).filter(|_| (*node).is_unref) else { return };
        let awaits = |i: usize| (*node).interest.contains(DIRECTIONS[i]) && (*node).args[i] == COROUTINE;
        let is_kept = awaits(0) || awaits(1);
        let _ = with(state, |state| {
            let events = &mut state.events;
            Ok(if is_kept { events.ref_descriptor(token) } else { events.unref_descriptor(token) })
        });
    }
}

/// Stops observing these directions, and drops their callbacks. The kernel may refuse the change, because the
/// descriptor was closed. Even then the event loop no longer reports a dropped direction.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the loop of `state` is at 1, and an observed Node of that loop is at the absolute
/// index `index`. Room for three values.
pub(crate) unsafe fn drop_directions(lua: *mut lua_State, state: *mut State, index: c_int, direction: Interest) {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        let mut rest = (*node).interest;
        rest.remove(direction);
        if rest.is_empty() {
            forget(lua, state, index);
        } else {
            (*node).interest = rest;
            observe_rest(state, node);
            let_earlier_go(lua, index, rest);
            settle_reference(state, node);
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if !rest.contains(each) {
                // No coroutine waits for this direction any more. When the handle is observed again, `settle_reference`
                // decides again whether the Node keeps the loop running.
                (*node).args[i] = 0;
                lua_pushnil(lua);
                set_user_value(lua, index, direction_value(each));
            }
        }
    }
}

/// Observes only the directions that a Node still has.
unsafe fn observe_rest(state: *mut State, node: *mut NodeBlock) {
    // SAFETY: only called by `drop_directions`, with a live state and an observed Node. Makes no Lua call.
    unsafe {
        let Some(token) = Token::from_bits((*node).token) else { return };
        let rest = (*node).interest;
        let _ = with(state, |state| {
            let _ = state.events.set_interest(token, rest);
            Ok(())
        });
    }
}

/// Observes a descriptor, and stores the number for its token.
fn observe(state: &mut State, fd: BorrowedFd<'static>, interest: Interest) -> io::Result<Token> {
    // The index of the new token was used before, so there is room for it, or it is the next index.
    state.numbers.try_grow(state.events.descriptors() as u32)?;
    expect_watch(state)?;
    let token = state.events.add_descriptor(fd, interest)?;
    state.numbers.replace(token.index(), number_of(&fd));
    Ok(token)
}
