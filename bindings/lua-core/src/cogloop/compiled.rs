//! The calls that LuaJIT compiles with the script: `after`, `at`, `now`, and a timer's `cancel` and `reschedule`.
//!
//! ```text
//!   script ──► after, in compiled.lua ──┬─ FFI ──► after, here: arms the timer   no lua_State, compiled with the script
//!                                       └─ anything unusual ──► after, in arm.rs ──► which also raises
//! ```
//!
//! [`compiled`](crate::host::compiled) of the host has the rules for functions that are called through the FFI: a
//! function that returns [`UNUSUAL`] changes nothing. [`next`] is the exception. If the C function must serve a due
//! timer, `next` keeps the timer in `left`, because a timer that was taken cannot be given back.
//!
//! Both ways use the same kind of userdata for a timer, its ticket. The Lua code takes a ticket from a stock that
//! [`fill`] makes.

use super::ticket::{Payload, Ticket, push_ticket};
use super::upvalue;
use crate::host::arm::{Due, For};
use crate::host::compiled::{UNUSUAL, note_firing, on, on_without_hook, prepare, take_due};
use crate::host::drive::must_return;
use crate::host::entries::slot;
use crate::host::memory::{LoopBlock, State, value};
use crate::lua::args::{fraction_to_ns, ns_to_ms};
use crate::lua::class::{keep, set_functions};
use crate::lua::compiled::{is_allowed, run, set_pointers};
use crate::lua::entry::entry;
use crate::lua::version::push_user_value;
use cogloop_io::Key;
use mlua::ffi::{
    lua_State, lua_createtable, lua_getfield, lua_gettop, lua_pushinteger, lua_pushvalue, lua_rawseti, lua_setfield,
    lua_settop, lua_upvalueindex,
};
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

/// The Lua side.
const CODE: &str = include_str!("compiled.lua");

/// The number of timers that [`fill`] makes.
const STOCK: c_int = 64;

/// Replaces functions of the module and methods by those that are compiled with the script, if that is allowed.
///
/// # Safety
///
/// Only for `open_cogloop`, when the functions and methods are set, with the table `inner` on top. May raise.
pub(super) unsafe fn install(lua: *mut lua_State, upvalues: &[c_int]) {
    // SAFETY: the caller's promise. The Lua code gives the pointers the types that the functions below have.
    unsafe {
        if !is_allowed() {
            return;
        }
        let top = lua_gettop(lua);
        lua_getfield(lua, upvalue::TIMER, c"__index".as_ptr());
        lua_setfield(lua, top, c"Timer".as_ptr());
        lua_pushvalue(lua, upvalue::MODULE);
        lua_getfield(lua, upvalue::LOOP, c"__index".as_ptr());
        lua_createtable(lua, 0, 16);
        let own = top + 3;
        set_functions(lua, own, upvalues, &[(c"parts", parts), (c"fill", fill)]);
        let pointers = [
            (c"after", after as *const c_void),
            (c"at", at as *const c_void),
            (c"linked", linked as *const c_void),
            (c"owner", owner as *const c_void),
            (c"cancel", cancel as *const c_void),
            (c"reschedule", reschedule as *const c_void),
            (c"now", now as *const c_void),
            (c"next", next as *const c_void),
        ];
        set_pointers(lua, own, &pointers);
        for (name, index) in [(c"loops", upvalue::LOOPS), (c"default", upvalue::DEFAULT), (c"Timer", upvalue::TIMER)] {
            lua_pushvalue(lua, index);
            lua_setfield(lua, own, name.as_ptr());
        }
        run(lua, CODE, 3);
        keep(lua, top + 1, &SERVE_KEY);
        lua_settop(lua, top);
    }
}

/// The registry keeps the Lua function that serves due timers under the address of this variable.
pub(super) static SERVE_KEY: u8 = 0;

entry!(
    /// `( loop )` → the loop's number and its TASKS; nothing if the value is no open loop
    fn parts(lua: *mut lua_State) -> c_int {
        let Some(state) = prepare(lua, upvalue::LOOP) else { return 0 };
        lua_pushinteger(lua, i64::from((*state).id as u32));
        push_user_value(lua, 1, value::TASKS);
        2
    }
);

entry!(
    /// `( stock )` → the number of timers that it puts into the table. They are not armed.
    fn fill(lua: *mut lua_State) -> c_int {
        for n in 1..=STOCK {
            push_ticket(lua, Ticket { key: 0, owner: 0 }, lua_upvalueindex(upvalue::TIMER));
            lua_rawseti(lua, 1, n.into());
        }
        lua_pushinteger(lua, STOCK.into());
        1
    }
);

/// Arms a timer, and writes it into the ticket. Returns the timer's place in TASKS, the table of what the timers call.
/// The Lua code then stores the timer's entry, which is what the timer calls, at that place. It also sets the field
/// `arming` of the loop's block to 0. Before the entry is stored, a turn, a listing or the arming of another timer may
/// park the timer, that is, pause it. In this case the Lua code also calls [`linked`].
///
/// # Safety
///
/// `block` points to the block of a loop. `ticket` points to a timer that was never armed, or is null.
#[inline(always)]
unsafe fn arm(block: *mut LoopBlock, due: Option<Due>, payload: i32, ticket: *mut Ticket) -> i32 {
    // SAFETY: the caller's promise; without a limit `arm` does not use the Lua state.
    unsafe {
        on_without_hook(block, |state| {
            // `timers_max` is set if timers are limited or recorded. In this case the C function arms the timer,
            // because it can raise, and can find the line of the script.
            if state.timers_max.is_some() {
                return None;
            }
            if ticket.is_null() || (*ticket).key != 0 {
                return None;
            }
            let key = state.arm(null_mut(), due?, For::Script, payload as u64).ok()?;
            state.arms(key);
            ticket.write(Ticket { key: key.to_bits(), owner: state.id });
            Some(slot(key.index()) as i32)
        })
    }
}

unsafe extern "C" fn after(block: *mut LoopBlock, ms: f64, payload: i32, ticket: *mut Ticket) -> i32 {
    // SAFETY: called by the Lua code with a loop and a timer of its stock.
    unsafe { arm(block, fraction_to_ns(ms).map(Due::After), payload, ticket) }
}

unsafe extern "C" fn at(block: *mut LoopBlock, ms: f64, payload: i32, ticket: *mut Ticket) -> i32 {
    // SAFETY: as for `after`.
    unsafe { arm(block, fraction_to_ns(ms).map(Due::At), payload, ticket) }
}

/// Lets the time of a parked timer go on. The Lua code calls this function after it has stored a timer's entry in
/// TASKS, if the timer may be parked. Returns 1, or 0 if the timer was cancelled meanwhile.
unsafe extern "C" fn linked(block: *mut LoopBlock, ticket: *const Ticket) -> i32 {
    // SAFETY: called by the Lua code with a loop and a timer.
    unsafe { on(block, |state| Key::from_bits((*ticket).key).map(|key| i32::from(state.armed_in_steps(key)))) }
}

/// Takes the next due timer. Returns its place in TASKS. The Lua code then empties the place, sets the field `emptying`
/// of the block to 0, and calls the callback. For a timer that repeats, returns `-1 - place`, because such a timer
/// keeps its entry. Returns 0 if no timer is left for this turn, or if the loop must return. Returns [`UNUSUAL`] if the
/// C function must serve the timer.
unsafe extern "C" fn next(block: *mut LoopBlock) -> i32 {
    // SAFETY: called by the Lua code with a loop; the state is null or belongs to an open loop.
    unsafe {
        if must_return((*block).state) {
            return 0;
        }
        on_without_hook(block, |state| {
            let Some(expired) = take_due(state)? else { return Some(0) };
            let payload = Payload(expired.value);
            if payload.is_wait() || payload.packed_args().is_some() {
                state.cogloop.left = Some(expired);
                state.empties(expired.key.index());
                return None;
            }
            note_firing(state, expired);
            let place = slot(expired.key.index()) as i32;
            if payload.repeats() {
                return Some(UNUSUAL - place);
            }
            state.empties(expired.key.index());
            Some(place)
        })
    }
}

/// Returns the number of a timer's loop.
unsafe extern "C" fn owner(ticket: *const Ticket) -> u32 {
    // SAFETY: called by the Lua code with a timer.
    unsafe { (*ticket).owner as u32 }
}

/// Works on a timer of this loop. Returns [`UNUSUAL`] for a timer of another loop.
///
/// # Safety
///
/// `block` points to the block of a loop, and `ticket` points to a timer.
#[inline(always)]
unsafe fn on_timer(
    block: *mut LoopBlock,
    ticket: *const Ticket,
    work: impl FnOnce(&mut State, Key) -> Option<i32>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let Ticket { key, owner } = *ticket;
        on_without_hook(block, |state| match Key::from_bits(key) {
            Some(key) if state.id == owner => work(state, key),
            _ => None,
        })
    }
}

/// Cancels a timer. Returns its place in TASKS, which the Lua code then empties before it sets `emptying` to 0. Returns
/// 0 if the timer was not pending.
unsafe extern "C" fn cancel(block: *mut LoopBlock, ticket: *const Ticket) -> i32 {
    // SAFETY: called by the Lua code with a loop and a timer.
    unsafe {
        on_timer(block, ticket, |state, key| {
            if !state.steps.may_empty() {
                return None;
            }
            let was_pending = state.events.cancel_timer(key).is_some();
            Some(if was_pending {
                state.empties(key.index());
                slot(key.index()) as i32
            } else {
                0
            })
        })
    }
}

/// Gives a timer a new deadline. Returns 1, or 0 if the timer was not pending.
unsafe extern "C" fn reschedule(block: *mut LoopBlock, ticket: *const Ticket, ms: f64) -> i32 {
    // SAFETY: called by the Lua code with a loop and a timer.
    unsafe {
        on_timer(block, ticket, |state, key| {
            let delay_ns = fraction_to_ns(ms)?;
            let deadline_ns = state.events.now_ns().saturating_add(delay_ns);
            Some(i32::from(state.events.reschedule_timer_at(key, deadline_ns)))
        })
    }
}

/// Returns the loop's time in milliseconds, or [`UNUSUAL`] for a closed loop.
unsafe extern "C" fn now(block: *mut LoopBlock) -> f64 {
    let mut ms = f64::from(UNUSUAL);
    // SAFETY: called by the Lua code with a loop.
    unsafe {
        on(block, |state| {
            ms = ns_to_ms(state.events.now_ns());
            Some(0)
        });
    }
    ms
}
