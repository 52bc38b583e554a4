//! The functions `after`, `every` and `at`. Each arms a timer and returns its ticket, the userdata that names the
//! timer.

use super::loops::receiver;
use super::ticket::{Payload, Ticket, arm_entry, push_ticket};
use super::upvalue;
use crate::host::arm::Due;
use crate::host::memory::value;
use crate::host::state::{check_loop, state_at};
use crate::lua::args::{MS, bytes, check_callable, check_ms, check_options, read_ms, wrong, wrong_part};
use crate::lua::callback::pack;
use crate::lua::entry::entry;
use crate::lua::stack::stack;
use crate::lua::version::push_user_value;
use cogloop_io::{Missed, Plan};
use mlua::ffi::{
    LUA_TNIL, LUA_TSTRING, LUA_TTABLE, lua_State, lua_getfield, lua_gettop, lua_pop, lua_pushvalue, lua_type,
    lua_upvalueindex,
};
use std::ffi::{CStr, c_int};
use std::num::NonZeroU64;

entry!(
    /// `loop:after( ms, f, ... )` → timer
    pub(super) fn after(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let delay_ns = check_ms(lua, 2);
        add(lua, 0, Due::After(delay_ns))
    }
);

entry!(
    /// `loop:at( time, f, ... )` → timer. The timer is due when the loop's time, as `now` returns it, reaches `time`.
    pub(super) fn at(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let deadline_ns = read_ms(lua, 2).unwrap_or_else(|| wrong(lua, 2, c"time", MS));
        add(lua, 0, Due::At(deadline_ns))
    }
);

entry!(
    /// `loop:every( ms, f, ... )`, `loop:every( { ms =, first =, policy =, slack = }, f, ... )` → timer
    pub(super) fn every(lua: *mut lua_State) -> c_int {
        receiver(lua);
        let (plan, slack_ns) = check_plan(lua);
        add(lua, Payload::REPEATS, Due::Repeating(plan, slack_ns))
    }
);

/// The options of `every`.
const OPTIONS: [&CStr; 4] = [c"ms", c"first", c"slack", c"policy"];

/// Reads the period or the table of options at 2. Returns the plan, and the slack if it is given. The plan says when
/// the timer fires, and what it does about missed deadlines. The plan's deadline is the delay until the timer first
/// fires.
unsafe fn check_plan(lua: *mut lua_State) -> (Plan, Option<u64>) {
    // SAFETY: only called by `every`, with the loop at 1 and the arguments above it; a check that raises leaves nothing
    // behind.
    unsafe {
        if lua_type(lua, 2) != LUA_TTABLE {
            let period = check_period(lua, 2);
            return (Plan::every(period.get(), period, Missed::Skip), None);
        }
        let top = lua_gettop(lua);
        check_options(lua, 2, &OPTIONS, c"are ms, first, slack and policy");
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
            LUA_TSTRING if bytes(lua, top + 4) == b"skip" => Missed::Skip,
            LUA_TSTRING if bytes(lua, top + 4) == b"burst" => Missed::Burst,
            LUA_TSTRING if bytes(lua, top + 4) == b"delay" => Missed::Delay,
            _ => wrong_part(lua, 2, c"policy", c"'skip', 'burst' or 'delay'", top + 4),
        };
        lua_pop(lua, 4);
        (Plan::every(first_ns.unwrap_or(period.get()), period, missed), slack)
    }
}

unsafe fn check_period(lua: *mut lua_State, index: c_int) -> NonZeroU64 {
    // SAFETY: only called by `check_plan`.
    unsafe {
        let period = read_ms(lua, index).and_then(NonZeroU64::new);
        period.unwrap_or_else(|| wrong_part(lua, 2, c"ms", c"a finite number above 0", index))
    }
}

/// Arms a timer with the function and arguments from 3 on, and pushes its ticket.
#[inline(always)]
unsafe fn add(lua: *mut lua_State, flags: u64, due: Due) -> c_int {
    // SAFETY: only called by functions of the module, with the loop at 1; `stack!` lines show what is on the stack.
    unsafe {
        check_callable(lua, 3);
        let mut payload = flags;
        if lua_gettop(lua) > 3 {
            payload |= pack(lua, 3) as u64 + 1;
            stack!(lua: loop ms tbl);
        }
        push_user_value(lua, 1, value::TASKS);
        stack!(lua: loop ms f entries);
        let ticket = push_ticket(lua, Ticket { key: 0, owner: 0 }, lua_upvalueindex(upvalue::TIMER));
        // The state is fetched again, because making these objects may have run a finalizer that has closed the loop.
        let state = state_at(lua, 1);
        if state.is_null() {
            check_loop(lua, 1);
        }
        lua_pushvalue(lua, 3);
        stack!(lua: loop ms f entries ticket f);
        let key = arm_entry(lua, state, 4, payload, due);
        ticket.write(Ticket { key: key.to_bits(), owner: (*state).id });
    }
    1
}
