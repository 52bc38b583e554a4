//! Every function and method of the four modules that can be called, with the kinds of its arguments.
//!
//! It follows the types in `bindings/lua/types`; a test compares the names.

use Arg::*;
use Slot::*;

/// The variables of a program. Each holds a table of four values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    /// A loop of `cogloop`.
    Own,
    /// A loop of `t.Loop`.
    Theirs,
    Timer,
    Watcher,
    Task,
    Sync,
    Sock,
    Thing,
    Thread,
    Closure,
    Address,
    Service,
    /// Hostile values.
    Any,
}

impl Slot {
    pub(super) const ALL: [Self; 13] =
        [Own, Theirs, Timer, Watcher, Task, Sync, Sock, Thing, Thread, Closure, Address, Service, Slot::Any];

    pub(super) fn name(self) -> &'static str {
        match self {
            Own => "L",
            Theirs => "T",
            Timer => "k",
            Watcher => "w",
            Task => "p",
            Sync => "q",
            Sock => "s",
            Thing => "h",
            Thread => "co",
            Closure => "f",
            Address => "a",
            Service => "m",
            Slot::Any => "x",
        }
    }
}

/// The kind of value that an argument should have. Sometimes the fuzzer passes a value of another kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arg {
    Ms,
    /// A duration in milliseconds that is short enough to sleep, or a value that the call refuses.
    Soon,
    /// Like `Soon`, but not 0, because 0 means for ever.
    Brief,
    /// A number, or a table with the options of `every`.
    Period,
    /// Any function: a function of the program, of a module, or of Lua.
    Function,
    /// A Lua function that counts its calls, for arguments that may be called without end.
    Lua,
    /// A Lua function that may yield.
    Body,
    Handle,
    Direction,
    Signal,
    Pid,
    Flag,
    Whatever,
    An(Slot),
    Host,
    Port,
    Message,
    Max,
    Names,
    Nothing,
}

#[derive(Clone, Copy)]
pub(super) enum On {
    A(Slot),
    Module(&'static str),
}

pub(super) struct Call {
    pub(super) on: On,
    pub(super) name: &'static str,
    pub(super) args: &'static [Arg],
    /// The variable that takes the first result.
    pub(super) into: Option<Slot>,
    pub(super) weight: u32,
}

const fn call(on: On, name: &'static str, args: &'static [Arg], into: Option<Slot>, weight: u32) -> Call {
    Call { on, name, args, into, weight }
}

const L: On = On::A(Own);
const T: On = On::A(Theirs);
const K: On = On::A(Timer);
const W: On = On::A(Watcher);
const P: On = On::A(Task);
const Q: On = On::A(Sync);
const S: On = On::A(Sock);
const M: On = On::A(Service);
const COGLOOP: On = On::Module("cogloop");
const CO: On = On::Module("coroutine");
const SOCKET: On = On::Module("Socket");

pub(super) const CALLS: &[Call] = &[
    call(L, "after", &[Ms, Function, Whatever], Some(Timer), 30),
    call(L, "every", &[Period, Lua, Whatever], Some(Timer), 12),
    call(L, "at", &[Ms, Function, Whatever], Some(Timer), 6),
    call(L, "firing", &[], Some(Timer), 8),
    call(L, "on", &[Handle, Direction, Lua, Whatever], Some(Watcher), 25),
    call(L, "spawn", &[Body, Whatever], Some(Task), 20),
    call(L, "park", &[Ms], None, 8),
    call(L, "unpark", &[An(Task), Whatever], None, 8),
    call(L, "tasks", &[], None, 3),
    call(L, "sleep", &[Ms], None, 10),
    call(L, "wait", &[Handle, Direction, Ms], None, 14),
    call(L, "running", &[], None, 3),
    call(L, "signal", &[Signal, Lua], Some(Watcher), 4),
    call(L, "child", &[Pid, Lua], Some(Watcher), 4),
    call(L, "debounce", &[Ms, Function], Some(Closure), 4),
    call(L, "throttle", &[Ms, Function], Some(Closure), 4),
    call(L, "step", &[Soon], None, 10),
    call(L, "advance", &[Ms], None, 10),
    call(L, "stop", &[], None, 4),
    call(L, "close", &[], None, 4),
    call(L, "now", &[], None, 3),
    call(L, "onerror", &[Lua], Some(Closure), 6),
    call(L, "timers", &[], None, 3),
    call(L, "handles", &[], None, 3),
    call(L, "dump", &[], None, 3),
    call(L, "stats", &[Flag], None, 5),
    call(L, "slow", &[Ms, Lua], None, 4),
    call(L, "trace", &[Flag], None, 2),
    call(L, "top", &[Flag], None, 2),
    call(L, "metrics", &[], None, 2),
    call(L, "fd", &[], Some(Thing), 3),
    call(L, "pollfd", &[], Some(Thing), 2),
    call(L, "events", &[], None, 1),
    call(COGLOOP, "timeout", &[], None, 2),
    call(L, "remaining", &[], None, 2),
    call(COGLOOP, "after", &[Ms, Function, Whatever], Some(Timer), 4),
    call(COGLOOP, "every", &[Period, Lua, Whatever], Some(Timer), 2),
    call(COGLOOP, "spawn", &[Body, Whatever], Some(Task), 3),
    call(COGLOOP, "cancelled", &[Whatever], None, 2),
    call(COGLOOP, "on", &[Handle, Direction, Lua], Some(Watcher), 3),
    call(COGLOOP, "wait", &[Handle, Direction, Ms], None, 2),
    call(COGLOOP, "sleep", &[Ms], None, 2),
    call(COGLOOP, "step", &[Soon], None, 4),
    call(COGLOOP, "stop", &[], None, 1),
    call(COGLOOP, "close", &[], None, 2),
    call(COGLOOP, "onerror", &[Lua], Some(Closure), 2),
    call(COGLOOP, "firing", &[], Some(Timer), 1),
    call(COGLOOP, "timers", &[], None, 1),
    call(COGLOOP, "throttle", &[Ms, Function], Some(Closure), 1),
    call(L, "group", &[], Some(Sync), 5),
    call(L, "channel", &[Max], Some(Sync), 6),
    call(L, "semaphore", &[Max], Some(Sync), 3),
    call(L, "event", &[], Some(Sync), 2),
    call(L, "all", &[Body, An(Task)], None, 3),
    call(L, "any", &[Body, An(Task)], None, 3),
    call(L, "timeout", &[Ms, Body, Whatever], None, 4),
    call(L, "wrap", &[Body], Some(Closure), 4),
    call(L, "pcall", &[Body, Whatever], None, 4),
    call(Q, "spawn", &[Body, Whatever], Some(Task), 6),
    call(Q, "join", &[Ms], None, 5),
    call(Q, "cancel", &[Whatever], None, 4),
    call(Q, "send", &[Whatever, Ms], None, 6),
    call(Q, "recv", &[Ms], None, 6),
    call(Q, "close", &[], None, 2),
    call(Q, "acquire", &[Ms], None, 4),
    call(Q, "release", &[], None, 4),
    call(Q, "set", &[], None, 2),
    call(Q, "clear", &[], None, 1),
    call(Q, "is_set", &[], None, 1),
    call(Q, "wait", &[Ms], None, 2),
    call(P, "cancel", &[Whatever], None, 12),
    call(P, "join", &[Ms], None, 10),
    call(P, "status", &[], None, 3),
    call(P, "name", &[], None, 1),
    call(P, "thread", &[], Some(Thread), 10),
    call(K, "cancel", &[], None, 12),
    call(K, "reschedule", &[Ms], None, 10),
    call(K, "pause", &[], None, 6),
    call(K, "resume", &[], None, 6),
    call(K, "remaining", &[], None, 3),
    call(K, "active", &[], None, 2),
    call(K, "ref", &[], None, 2),
    call(K, "unref", &[], None, 3),
    call(W, "off", &[Direction], None, 10),
    call(W, "active", &[], None, 2),
    call(W, "ref", &[], None, 2),
    call(W, "unref", &[], None, 3),
    call(T, "addTask", &[Ms, Function, Whatever], Some(Timer), 24),
    call(T, "cancelTask", &[An(Timer)], None, 10),
    call(T, "addHandle", &[Handle, Direction, Lua, Whatever], Some(Watcher), 20),
    call(T, "removeHandle", &[Handle, Direction], None, 12),
    call(T, "stop", &[], None, 3),
    call(T, "show", &[], None, 4),
    call(T, "backend", &[], None, 1),
    call(T, "time", &[], None, 2),
    call(T, "sleep", &[Soon], None, 2),
    call(CO, "create", &[Body], Some(Thread), 8),
    call(CO, "wrap", &[Body], Some(Closure), 5),
    call(CO, "resume", &[An(Thread), Whatever], None, 24),
    call(CO, "close", &[An(Thread)], None, 8),
    call(CO, "status", &[An(Thread)], None, 2),
    call(CO, "running", &[], Some(Thread), 6),
    call(CO, "isyieldable", &[], None, 1),
    call(CO, "yield", &[Whatever], None, 6),
    call(SOCKET, "bind", &[Host, Port], None, 3),
    call(SOCKET, "listen", &[Host, Port], Some(Sock), 2),
    call(SOCKET, "select", &[Names, Names, Soon], None, 3),
    call(S, "bind", &[Host, Port], None, 4),
    call(S, "listen", &[Host, Port], None, 3),
    call(S, "connect", &[Host, Port], None, 4),
    call(S, "getsockname", &[An(Address)], Some(Address), 4),
    call(S, "getpeername", &[An(Address)], Some(Address), 3),
    call(S, "send", &[Message, An(Address), Max], None, 10),
    call(S, "recv", &[Max, Nothing], None, 6),
    call(S, "recv", &[An(Address), Max], None, 4),
    call(S, "shutdown", &[Direction], None, 3),
    call(S, "close", &[], None, 6),
    call(S, "getfd", &[], Some(Thing), 4),
    call(S, "getFd", &[], Some(Thing), 1),
    call(On::A(Address), "get", &[], None, 2),
    call(On::A(Address), "set", &[Host, Port], None, 4),
    call(On::Module("Interface"), "list", &[], None, 1),
    call(On::Module("Interface"), "get", &[Host], None, 1),
    call(On::Module("Interface"), "default", &[], None, 1),
    call(M, "oneoff", &[Ms, Function], Some(Timer), 8),
    call(M, "getit", &[Period, Lua], Some(Timer), 6),
    call(M, "wait", &[Brief], None, 4),
    call(M, "sleep", &[Soon, Flag], None, 5),
    call(M, "pending", &[], None, 2),
    call(M, "inqueue", &[], None, 2),
    call(M, "process_events", &[], None, 8),
    call(M, "init", &[], None, 1),
    call(M, "getfd", &[], Some(Thing), 2),
    call(M, "time", &[], None, 1),
    call(M, "mstimestamp", &[], None, 1),
    call(K, "destroy", &[Flag], None, 5),
    call(On::A(Thing), "close", &[], None, 5),
    call(On::A(Thing), "setvbuf", &[Names], None, 1),
];

/// Functions that programs call only through the prelude, which ensures that nothing blocks. The names are those in
/// `bindings/lua/types`.
#[cfg(test)]
const ELSEWHERE: [&str; 6] = ["run", "clean", "accept", "loop", "service", "tostring"];

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [&str; 10] = [
        include_str!("../../../bindings/lua/types/cogloop.lua"),
        include_str!("../../../bindings/lua/types/cogloop/task.lua"),
        include_str!("../../../bindings/lua/types/cogloop/loop.lua"),
        include_str!("../../../bindings/lua/types/cogloop/sync.lua"),
        include_str!("../../../bindings/lua/types/cogloop/timer.lua"),
        include_str!("../../../bindings/lua/types/luamockit.lua"),
        include_str!("../../../bindings/lua/types/t/Loop.lua"),
        include_str!("../../../bindings/lua/types/t/Net/Socket.lua"),
        include_str!("../../../bindings/lua/types/t/Net/Address.lua"),
        include_str!("../../../bindings/lua/types/t/Net/Interface.lua"),
    ];

    #[test]
    fn every_function_that_the_types_name_is_called() {
        let declared = TYPES.iter().flat_map(|text| text.lines()).filter_map(|line| {
            let (name, _) = line.strip_prefix("function ")?.split_once('(')?;
            name.rsplit(['.', ':']).next()
        });
        let mut count = 0;
        for name in declared {
            let is_called = CALLS.iter().any(|call| call.name == name) || ELSEWHERE.contains(&name);
            assert!(is_called, "{name}: the fuzzer does not call it");
            count += 1;
        }
        assert!(count > 80, "{count} functions");
    }
}
