//! `after`, `every` and `at`: arming a timer, and the ticket that it gives.

use super::coroutine::Left;
use super::loops::receiver;
use super::upvalue;
use crate::host::create::bytes_at;
use crate::host::state::{State, check_loop, state_at, value, with_or_raise};
use crate::lua::args::{MS, check_callable, check_ms, check_options, read_ms, wrong_part};
use crate::lua::callback::pack;
use crate::lua::version::{new_userdata, push_user_value};
use crate::t_loop::task::slot;
use cogloop_io::{AddError, EventLoop, Key, Missed, Plan};
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, LUA_TTABLE, lua_State, lua_getfield, lua_gettop, lua_pop, lua_pushinteger, lua_pushnumber,
    lua_pushvalue, lua_rawseti, lua_setmetatable, lua_type, lua_upvalueindex,
};
use std::ffi::{CStr, c_int};
use std::num::NonZeroU64;

/// The memory of a timer userdata. It holds no pointer: it may outlive its loop.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) key: u64,
    /// The number of its loop.
    pub(crate) owner: u64,
}

/// What a timer carries in the wheel: how its entry in TASKS is to be called. Above it, the order of arming.
#[derive(Clone, Copy)]
pub(crate) struct Payload(pub(crate) u64);

impl Payload {
    pub(crate) const BITS: u32 = 24;
    /// The entry stays: the timer repeats.
    pub(crate) const REPEATS: u64 = 1 << 23;
    /// The entry is a coroutine.
    pub(crate) const COROUTINE: u64 = 1 << 22;
    /// The entry is a watcher for which a coroutine has waited long enough.
    pub(crate) const TIMEOUT: u64 = 1 << 21;
    /// The entry is a coroutine that a yield of the script's own has left.
    pub(crate) const YIELDED: u64 = Self::COROUTINE | Self::TIMEOUT;
    /// The entry is a coroutine, and the handle for which it waited was closed.
    pub(crate) const CLOSED: u64 = Self::COROUTINE | 1 << 20;
    /// The number of arguments and 1, if the entry is a table `{ f, arg1, … }` or a fresh coroutine; 0 if it is the function
    /// itself. Lua's stack has room for a million values.
    const PACKED: u64 = (1 << 20) - 1;

    /// Of a coroutine that has not begun, with so many arguments.
    pub(super) fn fresh(args: c_int) -> u64 {
        Self::COROUTINE | (args as u64 + 1)
    }

    /// How a coroutine was left.
    pub(super) fn left(self) -> Left {
        match self.packed_args() {
            Some(args) => Left::Fresh(args),
            None if self.0 & Self::YIELDED == Self::YIELDED => Left::Yielded,
            None => Left::Waiting,
        }
    }

    pub(crate) fn repeats(self) -> bool {
        self.0 & Self::REPEATS != 0
    }

    pub(crate) fn is_coroutine(self) -> bool {
        self.0 & Self::COROUTINE != 0
    }

    pub(crate) fn is_closed(self) -> bool {
        self.0 & Self::CLOSED == Self::CLOSED
    }

    /// Whether the entry has to do with a coroutine, so that nothing is to be called.
    pub(crate) fn is_wait(self) -> bool {
        self.0 & (Self::COROUTINE | Self::TIMEOUT) != 0
    }

    pub(crate) fn packed_args(self) -> Option<c_int> {
        (self.0 & Self::PACKED).checked_sub(1).map(|args| args as c_int)
    }
}

/// `loop:after( ms, f, ... )` → timer
pub(crate) unsafe extern "C-unwind" fn after(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the function is one of the module's.
    unsafe {
        receiver(lua);
        let delay_ns = check_ms(lua, 2);
        add(lua, 0, |events, value| events.try_add_timer(delay_ns, value))
    }
}

/// `loop:at( ms, f, ... )` → timer: at a time of the loop's own, as `now` says it.
pub(crate) unsafe extern "C-unwind" fn at(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the function is one of the module's.
    unsafe {
        receiver(lua);
        let deadline_ns = check_ms(lua, 2);
        add(lua, 0, |events, value| events.try_add_timer_at(deadline_ns, value))
    }
}

/// `loop:every( ms, f, ... )`, `loop:every( { ms =, first =, policy =, slack = }, f, ... )` → timer
pub(crate) unsafe extern "C-unwind" fn every(lua: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the function is one of the module's.
    unsafe {
        receiver(lua);
        let plan = check_plan(lua);
        add(lua, Payload::REPEATS, |events, value| {
            events.try_add_planned(Plan { deadline: events.now_ns().saturating_add(plan.deadline), ..plan }, value)
        })
    }
}

/// What `every` takes in a table.
const OPTIONS: [&CStr; 4] = [c"ms", c"first", c"slack", c"policy"];

/// The plan at 2, whose deadline is the delay of the first time.
unsafe fn check_plan(lua: *mut lua_State) -> Plan {
    // SAFETY: only called by `every`, before it touches its stack; what raises leaves nothing behind.
    unsafe {
        if lua_type(lua, 2) != LUA_TTABLE {
            let period = check_period(lua, 2);
            return Plan::every(period.get(), period, Missed::Skip);
        }
        let top = lua_gettop(lua);
        check_options(lua, 2, &OPTIONS, c"ms, first, slack and policy");
        for name in OPTIONS {
            lua_getfield(lua, 2, name.as_ptr());
        }
        let period = check_period(lua, top + 1);
        let [first_ns, slack] = [(c"first", top + 2), (c"slack", top + 3)].map(|(name, index)| {
            let is_given = lua_type(lua, index) != LUA_TNIL;
            is_given.then(|| read_ms(lua, index).unwrap_or_else(|| wrong_part(lua, 2, name, MS, index)))
        });
        let missed = match lua_type(lua, top + 4) {
            LUA_TNIL => Missed::Skip,
            LUA_TSTRING if bytes_at(lua, top + 4) == b"skip" => Missed::Skip,
            LUA_TSTRING if bytes_at(lua, top + 4) == b"burst" => Missed::Burst,
            LUA_TSTRING if bytes_at(lua, top + 4) == b"delay" => Missed::Delay,
            _ => wrong_part(lua, 2, c"policy", c"'skip', 'burst' or 'delay'", top + 4),
        };
        lua_pop(lua, 4);
        Plan::every(first_ns.unwrap_or(period.get()), period, missed).with_slack(slack.unwrap_or(0))
    }
}

unsafe fn check_period(lua: *mut lua_State, index: c_int) -> NonZeroU64 {
    // SAFETY: only called by `check_plan`.
    unsafe {
        let period = read_ms(lua, index).and_then(NonZeroU64::new);
        period.unwrap_or_else(|| wrong_part(lua, 2, c"ms", c"a finite number above 0", index))
    }
}

/// Arms a timer with the function and arguments from 3 on, and pushes its ticket. `arm` makes no Lua call.
unsafe fn add(
    lua: *mut lua_State,
    flags: u64,
    arm: impl FnOnce(&mut EventLoop<u64>, u64) -> Result<Key, AddError> + Copy,
) -> c_int {
    // SAFETY: only called by functions of the module, with the loop at 1; the stack is written beside the lines.
    unsafe {
        check_callable(lua, 3);
        let mut payload = flags;
        if lua_gettop(lua) > 3 {
            payload |= pack(lua, 3) as u64 + 1; // S: loop ms tbl
        }
        push_user_value(lua, 1, value::TASKS);
        let entries = lua_gettop(lua); // S: loop ms f entries
        let ticket = push_ticket(lua, Ticket { key: 0, owner: 0 }, lua_upvalueindex(upvalue::TIMER));
        // Anew: making these objects may have run a finalizer, and that may have closed the loop.
        let state = state_at(lua, 1);
        if state.is_null() {
            check_loop(lua, 1);
        }
        lua_pushvalue(lua, 3); // S: loop ms f entries ticket f
        let key = arm_entry(lua, state, entries, payload, arm);
        ticket.write(Ticket { key: key.to_bits(), owner: (*state).id });
    }
    1
}

/// Arms a timer for the entry on top, and pops that into the loop's TASKS, which is at `entries`. Whom the script did not
/// ask for, a coroutine's, is armed whatever the loop's limit is; it has its function's or its handle's place.
///
/// # Safety
///
/// The rule of the crate; `state` and the table belong to the same loop, and `arm` makes no Lua call.
#[inline]
pub(crate) unsafe fn arm_entry(
    lua: *mut lua_State,
    state: *mut State,
    entries: c_int,
    payload: u64,
    arm: impl FnOnce(&mut EventLoop<u64>, u64) -> Result<Key, AddError> + Copy,
) -> Key {
    // SAFETY: the caller's promise. Storing may raise for want of memory; `unlinked` undoes the timer then. It cannot run
    // a finalizer, so the state stays where it is.
    unsafe {
        let key = with_or_raise(lua, state, |state| {
            let arm = |events: &mut EventLoop<u64>, armed| arm(events, armed << Payload::BITS | payload);
            if Payload(payload).is_wait() {
                return Ok(state.arm_unlimited(arm)?);
            }
            Ok(state.arm(arm)?)
        });
        lua_rawseti(lua, entries, slot(key.index()));
        (*state).linked();
        key
    }
}

/// Pushes a timer userdata; its metatable is at `metatable`, an absolute index or an upvalue's.
///
/// # Safety
///
/// The rule of the crate. Room for two values.
#[inline]
pub(crate) unsafe fn push_ticket(lua: *mut lua_State, content: Ticket, metatable: c_int) -> *mut Ticket {
    // SAFETY: the caller's promise.
    unsafe {
        let ticket = new_userdata(lua, size_of::<Ticket>(), 0).cast::<Ticket>();
        ticket.write(content);
        lua_pushvalue(lua, metatable);
        lua_setmetatable(lua, -2);
        ticket
    }
}

/// Pushes a time in milliseconds: a whole number of them as an integer.
///
/// # Safety
///
/// Room for a value.
pub(crate) unsafe fn push_ms(lua: *mut lua_State, ns: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        match ns % 1_000_000 {
            0 => lua_pushinteger(lua, (ns / 1_000_000) as i64),
            _ => lua_pushnumber(lua, ns as f64 / 1e6),
        }
    }
}
