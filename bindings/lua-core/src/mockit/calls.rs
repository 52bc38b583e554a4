//! The functions of the Lua module `luamockit`, except those that make timers.

use super::queue::Taken;
use super::service::{CALLBACKS, Service, with};
use super::time::Alarm;
use super::timer::{check_ms, forget};
use super::{time, upvalue};
use crate::lua::args::MAX_DELAY_NS;
use crate::lua::entry::entry;
use crate::lua::guard::{Text, errno_of};
use crate::lua::interrupt;
use crate::lua::stack::stack;
use crate::lua::version::push_user_value;
use mlua::ffi::{
    LUA_OK, LUA_TNIL, LUA_TNONE, LUA_TSTRING, lua_State, lua_error, lua_gettop, lua_pcall, lua_pop, lua_pushboolean,
    lua_pushcfunction, lua_pushinteger, lua_pushnil, lua_rawgeti, lua_settop, lua_toboolean, lua_tostring, lua_type,
    lua_upvalueindex, luaL_checkstack, luaL_traceback,
};
use std::ffi::c_int;
use std::time::{Duration, SystemTime};

fn wall() -> Duration {
    // A time before 1970 counts as 1970.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

entry!(
    /// `mstimestamp( )` → milliseconds since the epoch
    pub(super) fn mstimestamp(lua: *mut lua_State) -> c_int {
        lua_pushinteger(lua, wall().as_millis() as i64);
        1
    }
);

entry!(
    /// `time( )` → seconds since the epoch, milliseconds within that second
    pub(super) fn time(lua: *mut lua_State) -> c_int {
        let now = wall();
        lua_pushinteger(lua, now.as_secs() as i64);
        lua_pushinteger(lua, now.subsec_millis().into());
        2
    }
);

entry!(
    /// `sleep( ms [, resume] )` → milliseconds left, error number
    pub(super) fn sleep(lua: *mut lua_State) -> c_int {
        let ms = check_ms(lua, 1, 0, c"an integer that is 0 or more").unsigned_abs();
        let resume = lua_toboolean(lua, 2) != 0;
        let was_virtual = with(lua, |service| {
            service.virtual_ns = Some(service.virtual_ns?.saturating_add(ms.saturating_mul(1_000_000)));
            service.refresh();
            Some(())
        });
        let (left, error) = if was_virtual.is_some() { (0, 0) } else { time::sleep(ms, resume) };
        lua_pushinteger(lua, left.try_into().unwrap_or(i64::MAX));
        lua_pushinteger(lua, error.into());
        2
    }
);

/// An error message of `wait` and `getfd`.
type Problem = Text<80>;

/// What `wait` does next.
#[derive(Clone, Copy)]
enum Next {
    Return,
    Sleep(u64),
    Fail(Problem),
}

entry!(
    /// `wait( [ms] )` → 0 if there is an event, the time is over, or a signal came; else 1, message. A limit of 0
    /// stands for no limit. If there is neither an armed timer nor a limit, `wait` sleeps until a signal comes. On
    /// virtual time such a call is an error.
    pub(super) fn wait(lua: *mut lua_State) -> c_int {
        // No value with a destructor is alive at a Lua call.
        let limit_ms = match lua_type(lua, 1) {
            LUA_TNONE | LUA_TNIL => 0,
            _ => check_ms(lua, 1, 0, c"an integer that is 0 or more, or nothing").unsigned_abs(),
        };
        let limit_ns = limit_ms.saturating_mul(1_000_000).min(MAX_DELAY_NS);
        let end_ns = with(lua, |service| service.now_ns()).saturating_add(limit_ns);
        loop {
            let next = with(lua, |service| {
                service.refresh();
                let deadline_ns = service.queue.next_deadline();
                let until_ns = match (deadline_ns, limit_ms) {
                    (None, 0) => u64::MAX,
                    (deadline_ns, 0) => deadline_ns.unwrap_or(u64::MAX),
                    (deadline_ns, _) => deadline_ns.unwrap_or(u64::MAX).min(end_ns),
                };
                if service.queue.live() > 0 || limit_ms > 0 && service.now_ns() >= end_ns {
                    return Next::Return;
                }
                match &mut service.virtual_ns {
                    // This wait would never end: virtual time does not pass during it, and no signal is expected.
                    Some(_) if until_ns == u64::MAX => {
                        return Next::Fail(Text::new("wait: no timer is armed, so no event would ever come"));
                    }
                    Some(now_ns) => *now_ns = until_ns,
                    None => return Next::Sleep(until_ns),
                }
                Next::Sleep(0)
            });
            let problem: Problem = match next {
                Next::Return => {
                    lua_pushinteger(lua, 0);
                    return 1;
                }
                Next::Fail(problem) => problem,
                Next::Sleep(0) => continue,
                Next::Sleep(until_ns) => {
                    let slept = if interrupt::pending() { Ok(false) } else { time::sleep_until(until_ns) };
                    match slept.map_err(|error| Text::new(format_args!("wait: {error}"))) {
                        Ok(true) => continue,
                        // A signal ends the wait. As in the original luamockit, that is no failure.
                        Ok(false) => {
                            lua_pushinteger(lua, 0);
                            return 1;
                        }
                        Err(problem) => problem,
                    }
                }
            };
            lua_pushinteger(lua, 1);
            problem.push(lua);
            return 2;
        }
    }
);

entry!(
    /// `pending( )` → the number of events in the queue, without those of destroyed timers
    pub(super) fn pending(lua: *mut lua_State) -> c_int {
        let live = with(lua, |service| {
            service.refresh();
            service.set_alarm();
            service.queue.live()
        });
        lua_pushinteger(lua, live as i64);
        1
    }
);

entry!(
    /// `inqueue( )` → the number of events in the queue, including those of destroyed timers
    pub(super) fn inqueue(lua: *mut lua_State) -> c_int {
        let all = with(lua, |service| {
            service.refresh();
            service.set_alarm();
            service.queue.len()
        });
        lua_pushinteger(lua, all as i64);
        1
    }
);

entry!(
    /// `process_events( )` → the number of callbacks that have run. Runs the callbacks of the events that are in the
    /// queue now. If callbacks have failed, `process_events` then raises the first error.
    pub(super) fn process_events(lua: *mut lua_State) -> c_int {
        // Each callback runs in a protected call. No value with a destructor is alive meanwhile.
        lua_settop(lua, 0);
        luaL_checkstack(lua, 8, c"too many nested calls".as_ptr());
        lua_pushcfunction(lua, with_traceback);
        push_user_value(lua, lua_upvalueindex(upvalue::SERVICE), CALLBACKS);
        stack!(lua: handler callbacks);
        let present = with(lua, |service| {
            service.refresh();
            service.queue.present()
        });
        let mut ran = 0;
        while let Some(taken) = with(lua, |service| service.queue.take(present)) {
            let Taken::Event(event) = taken else { continue };
            // stack: handler callbacks [first error]
            debug_assert!(lua_gettop(lua) <= 3);
            lua_rawgeti(lua, 2, i64::from(event.timer.place) + 1);
            if event.is_last {
                forget(lua, event.timer);
            }
            ran += 1;
            // stack: handler callbacks [first error] f
            if lua_pcall(lua, 0, 0, 1) != LUA_OK && lua_gettop(lua) > 3 {
                lua_pop(lua, 1);
            }
        }
        with(lua, Service::set_alarm);
        if lua_gettop(lua) > 2 {
            lua_error(lua);
        }
        lua_pushinteger(lua, ran);
        1
    }
);

entry!(
    /// The message handler: adds the traceback to a text. Does not change other values: a script that catches the error
    /// may look for its own object.
    fn with_traceback(lua: *mut lua_State) -> c_int {
        if lua_type(lua, 1) == LUA_TSTRING {
            luaL_traceback(lua, lua, lua_tostring(lua, 1), 1);
        }
        1
    }
);

entry!(
    /// `init( )` does nothing; older scripts call it.
    pub(super) fn init(lua: *mut lua_State) -> c_int {
        lua_pushboolean(lua, 1);
        1
    }
);

entry!(
    /// `getfd( )` → a descriptor that is readable while an event is due; or nil, message, errno. A loop can watch it.
    pub(super) fn getfd(lua: *mut lua_State) -> c_int {
        let answer = with(lua, |service| {
            if service.alarm.is_none() {
                match Alarm::new() {
                    Ok(alarm) => service.alarm = Some(alarm),
                    Err(error) => {
                        return Err((errno_of(&error), Problem::new(format_args!("timerfd: {error}"))));
                    }
                }
            }
            service.set_alarm();
            Ok(service.alarm.as_ref().map_or(-1, Alarm::number))
        });
        match answer {
            Ok(number) => {
                lua_pushinteger(lua, number.into());
                1
            }
            Err((errno, text)) => {
                lua_pushnil(lua);
                text.push(lua);
                lua_pushinteger(lua, errno.into());
                3
            }
        }
    }
);
