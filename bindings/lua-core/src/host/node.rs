//! Nodes: `addHandle`, `removeHandle`, `loop[ h ]`, and the userdata that they give.

use crate::cogloop::claim::{tell_waiting, void_dead_claims};
use crate::cogloop::source::Source;
use crate::host::handle::{Handle, Kind, check_handle, look, refuse};
use crate::host::observed::{ask, forget, forget_closed, unwatch, watch};
use crate::host::state::{State, check_loop, value, with};
use crate::lua::args::{check_callable, check_direction, upvalue};
use crate::lua::callback::pack;
use crate::lua::guard::{ErrorText, Failure, Text, about_descriptor, errno_of};
use crate::lua::version::{new_userdata, push_user_value, set_user_value};
use cogloop_io::{Interest, Token};
use mlua::ffi::{
    LUA_TNUMBER, lua_State, lua_gettop, lua_pop, lua_pushboolean, lua_pushnil, lua_pushstring, lua_pushvalue,
    lua_rawequal, lua_rawgeti, lua_rawseti, lua_remove, lua_setmetatable, lua_settop, lua_touserdata, lua_type,
    lua_upvalueindex,
};
use std::ffi::c_int;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr::null_mut;

/// User value of a Node: the handle. Values 1 and 2 are the callbacks' tables, see [`direction_value`].
pub(crate) const HANDLE: c_int = 3;

/// Stands where a number of arguments would: the callback is a coroutine.
pub(crate) const COROUTINE: c_int = -1;

/// Read first, then write: the order in which they are served.
pub(crate) const DIRECTIONS: [Interest; 2] = [Interest::READ, Interest::WRITE];

/// The user value of a Node with the callback `{ f, args… }` for one direction.
pub(crate) fn direction_value(direction: Interest) -> c_int {
    direction.bits().into()
}

/// The memory of a Node userdata. It may outlive the loop; then it is observed no longer.
#[repr(C)]
pub(crate) struct NodeBlock {
    /// 0 when it is observed no longer.
    pub(crate) token: u64,
    pub(crate) number: RawFd,
    pub(crate) interest: Interest,
    pub(crate) kind: Kind,
    /// The numbers of arguments of the callbacks for read and write; [`COROUTINE`]: a coroutine waits instead.
    pub(crate) args: [c_int; 2],
    /// The place among the watched ones, or among the sockets, if it is there.
    pub(crate) watch: usize,
    /// For a socket: the state of the loop, while it is observed, and the next Node that observes the same socket.
    pub(crate) state: *mut State,
    pub(crate) next_observer: *mut NodeBlock,
    /// The number of its loop, in the module `cogloop`.
    pub(crate) owner: u64,
    /// The handle, if it is one of the module's sources, which is closed when it is observed no longer; else null.
    pub(crate) source: *mut Source,
    /// Whether the loop may end in spite of it: until the script says otherwise, whatever is observed of the handle.
    pub(crate) is_unref: bool,
    /// The keys of the timers that end the waits of coroutines; 0: none.
    pub(crate) timeouts: [u64; 2],
}

/// Pushes the Node of the handle at `arg`, and returns it: null, with nil pushed, when there is none. A Node whose handle
/// was closed while its number went to this one is dropped first.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1. Lua code may run.
pub(crate) unsafe fn push_node(lua: *mut lua_State, arg: c_int, handle: Handle) -> *mut NodeBlock {
    // SAFETY: the caller's promise.
    unsafe {
        loop {
            // The handle's own code has run, here or to say its number, and may have closed the loop.
            check_loop(lua, 1);
            push_user_value(lua, 1, value::NODES);
            lua_rawgeti(lua, -1, handle.number.into());
            lua_remove(lua, -2); // S: … node
            let index = lua_gettop(lua);
            let node = lua_touserdata(lua, index).cast::<NodeBlock>();
            if node.is_null() {
                return node;
            }
            push_user_value(lua, index, HANDLE);
            let same = lua_rawequal(lua, -1, arg) != 0;
            lua_pop(lua, 1);
            // A number is what the script says it is, now as then.
            if same || (*node).kind == Kind::Number {
                return node;
            }
            if (*node).token != 0 {
                match ask(lua, index) {
                    Some((node, false)) => return node,
                    Some((_, true)) => forget_closed(lua, index),
                    // The Lua code that was asked has changed something: look the number up again.
                    None => {
                        check_loop(lua, 1);
                        lua_pop(lua, 1);
                        continue;
                    }
                }
            } else {
                // A socket was closed, and this Node of it has not been swept away yet.
                tell_waiting(lua, index);
            }
            lua_pop(lua, 1);
            lua_pushnil(lua);
            return null_mut();
        }
    }
}

/// `loop:addHandle( h, dir, f, ... )` → Node
pub(crate) unsafe extern "C-unwind" fn add_handle(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the stack is written beside the lines.
    unsafe {
        check_loop(lua, 1);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        check_callable(lua, 4);
        let args = pack(lua, 4); // S: loop h dir tbl
        match attach(lua, 2, handle, direction) {
            Ok(_) => set_callback(lua, 2, direction, 4, args),
            Err(failure) => refuse(lua, 2, failure.text),
        }
    }
    1
}

/// Observes `direction` of the handle at `arg` too, and pushes its Node. When the kernel refuses, something is on top.
///
/// # Safety
///
/// The rule of the crate; the loop is at 1, and `arg` is an absolute index. Lua code may run. Room for eight values.
pub(crate) unsafe fn attach(
    lua: *mut lua_State,
    arg: c_int,
    handle: Handle,
    direction: Interest,
) -> Result<*mut NodeBlock, Failure> {
    // SAFETY: the caller's promise; the stack is written beside the lines.
    unsafe {
        let mut node = push_node(lua, arg, handle); // S: … node
        if node.is_null() {
            // Its making may run a finalizer, and that may add this very handle: so look again.
            new_node(lua, handle); // S: … nil fresh
            node = push_node(lua, arg, handle); // S: … nil fresh node
            if node.is_null() {
                lua_pop(lua, 1);
            }
        }
        // Nothing from here on runs Lua code.
        let state = check_loop(lua, 1);
        if !handle.is_current() {
            return Err(Failure { errno: libc::EBADF, text: Text::new("handle: it was closed") });
        }
        if node.is_null() {
            let fresh = lua_touserdata(lua, -1).cast::<NodeBlock>();
            enter(lua, state, fresh, handle, direction)?;
            return Ok(fresh);
        }
        void_dead_claims(lua, lua_gettop(lua));
        if (*node).token == 0 {
            lua_pop(lua, 1);
            return attach(lua, arg, handle, direction);
        }
        for (i, each) in DIRECTIONS.into_iter().enumerate() {
            if (direction & (*node).interest).contains(each) && (*node).args[i] == COROUTINE {
                return Err(Failure { errno: libc::EBUSY, text: Text::new("handle: a coroutine waits for it") });
            }
        }
        observe(state, node, handle, direction)?;
        Ok(node)
    }
}

/// Gives the Node on top the handle at `arg`, and for `direction` the callback at `callback`. Neither raises nor allocates.
///
/// # Safety
///
/// There are a Node on top and these values at absolute indices. Room for two values.
pub(crate) unsafe fn set_callback(lua: *mut lua_State, arg: c_int, direction: Interest, callback: c_int, args: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        let index = lua_gettop(lua);
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        // An object is kept while anything of it is observed, by its number too.
        if (*node).kind == Kind::Number || lua_type(lua, arg) != LUA_TNUMBER {
            push_user_value(lua, index, HANDLE);
            if lua_rawequal(lua, -1, arg) == 0 {
                (*node).source = null_mut();
            }
            lua_pop(lua, 1);
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

/// Pushes a Node that is not observed yet.
unsafe fn new_node(lua: *mut lua_State, handle: Handle) {
    // SAFETY: only called by `attach`, with room for three values.
    unsafe {
        let node = new_userdata(lua, size_of::<NodeBlock>(), HANDLE).cast::<NodeBlock>();
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
        });
        lua_pushvalue(lua, lua_upvalueindex(upvalue::NODE));
        lua_setmetatable(lua, -2);
    }
}

/// Puts a new Node, on top, into the loop's table and its descriptor into the backend: the table first, because only that
/// can raise, and it is easily undone.
unsafe fn enter(
    lua: *mut lua_State,
    state: *mut State,
    node: *mut NodeBlock,
    handle: Handle,
    direction: Interest,
) -> Result<(), Failure> {
    // SAFETY: only called by `attach`, with the Node on top and room for three values.
    unsafe {
        push_user_value(lua, 1, value::NODES);
        lua_pushvalue(lua, -2);
        lua_rawseti(lua, -2, handle.number.into());
        lua_pop(lua, 1);
        if let Err(why) = register(state, node, handle, direction) {
            push_user_value(lua, 1, value::NODES);
            lua_pushnil(lua);
            lua_rawseti(lua, -2, handle.number.into());
            return Err(why);
        }
        watch(state, node);
    }
    Ok(())
}

/// Makes a Node that is in the table observe `direction` too.
unsafe fn observe(state: *mut State, node: *mut NodeBlock, handle: Handle, direction: Interest) -> Result<(), Failure> {
    // SAFETY: only called by `attach`, with a live state and Node.
    unsafe {
        let interest = (*node).interest | direction;
        if interest != (*node).interest || handle.kind == Kind::Number {
            // Registered anew rather than changed: the kernel has forgotten a number that was closed meanwhile.
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

/// Gives a Node's descriptor to the backend; what was registered for its number before is replaced.
unsafe fn register(state: *mut State, node: *mut NodeBlock, handle: Handle, interest: Interest) -> Result<(), Failure> {
    // SAFETY: only called with a live state and Node. The descriptor may be closed at any time by the script; the event
    // loop and its backends are made so that this breaks nothing.
    unsafe {
        let fd = BorrowedFd::borrow_raw(handle.number);
        let mut errno = libc::EINVAL;
        let added = with(state, |state| {
            state.observe(fd, interest).map_err(|error| {
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

/// Lets the loop end in spite of a Node that the script unreferenced, unless a coroutine waits for it.
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

/// `loop:removeHandle( h, dir )` → Node, or `false, message`
pub(crate) unsafe extern "C-unwind" fn remove_handle(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the stack is written beside the lines.
    unsafe {
        check_loop(lua, 1);
        let handle = check_handle(lua, 2);
        let direction = check_direction(lua, 3);
        lua_settop(lua, 3);
        let node = push_node(lua, 2, handle); // S: loop h dir node
        if node.is_null() || ((*node).interest & direction).is_empty() {
            lua_pushboolean(lua, 0);
            lua_pushstring(lua, c"Descriptor not observed in Loop -> ignoring".as_ptr());
            return 2;
        }
        if let Err(why) = drop_directions(lua, check_loop(lua, 1), 4, direction) {
            refuse(lua, 2, why);
        }
    }
    1
}

/// Stops observing directions, and lets go of their callbacks.
///
/// # Safety
///
/// The rule of the crate; the loop of `state` is at 1, and at `index`, an absolute one, an observed Node of it. Room for
/// three values.
pub(crate) unsafe fn drop_directions(
    lua: *mut lua_State,
    state: *mut State,
    index: c_int,
    direction: Interest,
) -> Result<(), ErrorText> {
    // SAFETY: the caller's promise.
    unsafe {
        let node = lua_touserdata(lua, index).cast::<NodeBlock>();
        let mut rest = (*node).interest;
        rest.remove(direction);
        if rest.is_empty() {
            forget(lua, state, index);
        } else {
            let (token, number) = (Token::from_bits((*node).token), (*node).number);
            with(state, |state| {
                let token = token.ok_or_else(|| Text::new("handle: not observed"))?;
                state.events.set_interest(token, rest).map_err(|error| about_descriptor(number, &error))
            })?;
            (*node).interest = rest;
            settle_reference(state, node);
        }
        for each in DIRECTIONS {
            if !rest.contains(each) {
                lua_pushnil(lua);
                set_user_value(lua, index, direction_value(each));
            }
        }
    }
    Ok(())
}

/// `loop[ h ]`: the Node of a handle, or nil. The key is at 2.
///
/// # Safety
///
/// As for a C function that Lua calls: the loop at 1, a key at 2, the module's upvalues.
pub(crate) unsafe fn index_handle(lua: *mut lua_State) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        check_loop(lua, 1);
        // `__index` may be called by hand, with any number of arguments.
        lua_settop(lua, 2);
        match look(lua, 2) {
            Ok(handle) => {
                check_loop(lua, 1);
                push_node(lua, 2, handle);
            }
            Err(_) => lua_pushnil(lua),
        }
    }
    1
}
