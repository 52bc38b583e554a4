//! The contents of a timer userdata, and the value that a timer has in the wheel.

use super::left::Left;
use crate::host::arm::{Due, For};
use crate::host::entries::slot;
use crate::host::memory::State;
use crate::host::state::with_or_raise;
use crate::lua::version::new_userdata;
use cogloop_io::Key;
use mlua::ffi::{lua_State, lua_pushvalue, lua_rawseti, lua_setmetatable};
use std::ffi::c_int;

/// The memory of a timer userdata. It holds no pointer, because it may outlive its loop.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) key: u64,
    /// The number of the timer's loop.
    pub(super) owner: u64,
}

/// A timer's value in the wheel. The low bits say how to call the timer's entry in TASKS. The higher bits are a number
/// that shows in which order the timers were armed.
#[derive(Clone, Copy)]
pub(super) struct Payload(pub(crate) u64);

impl Payload {
    /// The timer repeats, so its entry stays in TASKS.
    pub(super) const REPEATS: u64 = 1 << 23;
    /// The entry is a task.
    pub(super) const COROUTINE: u64 = 1 << 22;
    /// The entry is a watcher, and the timer ends a coroutine's wait for the watcher's handle.
    pub(super) const TIMEOUT: u64 = 1 << 21;
    /// The entry is a task that has called `coroutine.yield` itself.
    pub(super) const YIELDED: u64 = Self::COROUTINE | Self::TIMEOUT;
    /// The entry is a task, and the handle for which it waited was closed.
    pub(super) const CLOSED: u64 = Self::COROUTINE | Self::OTHER;
    /// The entry is a parked or paused task, and the timer is the time limit of its wait.
    pub(super) const UNPARKED: u64 = Self::TIMEOUT | Self::OTHER;
    const OTHER: u64 = 1 << 20;
    /// The bits that tell the kind of the entry.
    const KIND: u64 = Self::REPEATS | Self::COROUTINE | Self::TIMEOUT | Self::OTHER;
    /// One more than the number of arguments, if the entry is a table `{ f, arg1, … }` or a fresh task; otherwise 0.
    /// These 20 bits are enough, because Lua's stack has room for a million values only.
    const PACKED: u64 = (1 << 20) - 1;

    /// The payload of a task that has not begun and has this number of arguments.
    pub(super) fn fresh(args: c_int) -> u64 {
        Self::COROUTINE | (args as u64 + 1)
    }

    /// The state in which the coroutine of a task was left.
    pub(super) fn left(self) -> Left {
        match (self.0 & Self::KIND, self.packed_args()) {
            (_, Some(args)) => Left::Fresh(args),
            (Self::YIELDED, None) => Left::Yielded,
            _ => Left::Waiting,
        }
    }

    pub(super) fn repeats(self) -> bool {
        self.0 & Self::REPEATS != 0
    }

    /// Whether the entry is the watcher for which a task waits.
    pub(super) fn is_of_watcher(self) -> bool {
        self.0 & Self::KIND == Self::TIMEOUT
    }

    pub(super) fn is_closed(self) -> bool {
        self.0 & Self::KIND == Self::CLOSED
    }

    pub(super) fn is_unparked(self) -> bool {
        self.0 & Self::KIND == Self::UNPARKED
    }

    /// Whether the timer belongs to a task, and therefore has no function to call.
    pub(super) fn is_wait(self) -> bool {
        self.0 & (Self::COROUTINE | Self::TIMEOUT) != 0
    }

    /// Who has armed the timer: the script, or a task that waits. The timer of a task that has not begun counts as the
    /// script's, because the script has called `spawn`.
    #[inline]
    fn whose(self) -> For {
        let is_waiting = self.is_wait() && (self.packed_args().is_none() || self.0 & Self::TIMEOUT != 0);
        if is_waiting { For::Waiting } else { For::Script }
    }

    pub(super) fn packed_args(self) -> Option<c_int> {
        (self.0 & Self::PACKED).checked_sub(1).map(|args| args as c_int)
    }
}

/// Arms a timer for the entry on top. Pops the entry into the loop's table TASKS, which is at `entries`.
///
/// # Safety
///
/// [The rule for Lua calls](crate); `state` and the table belong to the same loop.
#[inline(always)]
pub(super) unsafe fn arm_entry(lua: *mut lua_State, state: *mut State, entries: c_int, payload: u64, due: Due) -> Key {
    // SAFETY: the caller's promise. If memory runs out, storing raises. The key then stays in `State::unlinked`, and
    // `State::drop_unlinked` cancels the timer later. Storing runs no finalizer, so the state stays valid.
    unsafe {
        let whose = Payload(payload).whose();
        let key = with_or_raise(lua, state, move |state| Ok(state.arm(lua, due, whose, payload)?));
        lua_rawseti(lua, entries, slot(key.index()));
        (*state).linked();
        key
    }
}

/// Pushes a timer userdata. Its metatable is at `metatable`, an absolute index or the index of an upvalue.
///
/// # Safety
///
/// [The rule for Lua calls](crate). Room for two values.
#[inline]
pub(super) unsafe fn push_ticket(lua: *mut lua_State, content: Ticket, metatable: c_int) -> *mut Ticket {
    // SAFETY: the caller's promise.
    unsafe {
        let ticket = new_userdata(lua, size_of::<Ticket>(), 0).cast::<Ticket>();
        ticket.write(content);
        lua_pushvalue(lua, metatable);
        lua_setmetatable(lua, -2);
        ticket
    }
}
