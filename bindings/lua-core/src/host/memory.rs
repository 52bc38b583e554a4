//! The memory of a script's userdata, and the state of a loop between two calls. This file has only types; other files
//! have the code.

use super::face::Face;
use super::place::Place;
use super::profile::Profile;
use super::woken::Woken;
use crate::lua::guard::Failure;
use crate::lua::version::LuaFile;
use crate::sys::descriptor::Number;
use crate::sys::socket::Mode;
use crate::sys::sources::Signals;
use cogloop_io::memory::ByIndex;
use cogloop_io::trace::Trace;
use cogloop_io::{EventLoop, ExpiredTimer, Interest, Key, Ready, VirtualClock, Wait, Waker};
use hdrhistogram::Histogram;
use mlua::ffi::lua_State;
#[cfg(feature = "luajit")]
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};

/// The user values of a loop.
pub(crate) mod value {
    use std::ffi::c_int;
    /// `{ [key index + 1] = entry }`. In `t.Loop` an entry is a Task. In the module `cogloop` it is a function, a table
    /// `{ f, arg1, … }`, a task or a watcher.
    pub(crate) const TASKS: c_int = 1;
    /// `{ [descriptor] = Node }`
    pub(crate) const NODES: c_int = 2;
    /// The function `loop.onerror`, or nil.
    pub(crate) const ONERROR: c_int = 3;
    /// The Task or Node whose callback runs, or the running task of the module `cogloop`. If the callback of a timer of
    /// that module has raised an error, CURRENT is the timer.
    pub(crate) const CURRENT: c_int = 4;
    /// While an error is on its way to `run`, its traceback; else nil.
    pub(crate) const TRACEBACK: c_int = 5;
    /// In the module `cogloop` the hook for slow callbacks, else nil.
    pub(crate) const SLOW: c_int = 6;
    /// The unordered list of the tasks of the module `cogloop` that have not ended. In `t.Loop` nil.
    pub(crate) const ALIVE: c_int = 7;
    /// The function that was called last, if a trace or `top` needs it; else nil. See [`called`](crate::host::called).
    pub(crate) const CALLED: c_int = 8;
    /// In `t.Loop` on LuaJIT: `{ [key index + 1] = the table of the Task's user values }`, weak. Else nil.
    #[cfg(feature = "luajit")]
    pub(crate) const ENVS: c_int = 9;
    pub(crate) const COUNT: c_int = if cfg!(feature = "luajit") { 9 } else { 8 };
}

/// The memory of a loop userdata.
#[repr(C)]
pub(crate) struct LoopBlock {
    /// Null once the loop is closed.
    pub(crate) state: *mut State,
    #[cfg(feature = "luajit")]
    pub(crate) places: Places,
}

/// The places in TASKS of timers that compiled code arms, cancels or takes in steps. A 0 stands for no timer. The Lua
/// code reads and writes these places, too.
#[cfg(feature = "luajit")]
#[repr(C)]
#[derive(Default)]
pub(crate) struct Places {
    /// The place of the timer that was armed last, until its entry is in TASKS.
    pub(super) arming: Cell<i32>,
    /// The place of the parked timer, until its entry is in TASKS. The timer was paused because something came between
    /// the steps.
    pub(super) parked: Cell<i32>,
    /// The place of a timer that was cancelled, or taken to be served, until the place is empty.
    pub(super) emptying: Cell<i32>,
}

/// A loop without its Lua values.
pub(crate) struct State {
    /// The face (an interface for scripts) that made the loop.
    pub(crate) face: &'static Face,
    pub(crate) events: EventLoop<u64>,
    /// The loop's waker. An interrupt finds it here while the loop runs.
    pub(crate) waker: Waker,
    /// The number of the loop in the process, so that a task is never cancelled in another loop.
    pub(crate) id: u64,
    /// The clock of a loop with virtual time.
    pub(crate) virtual_clock: Option<VirtualClock>,
    /// Whether user value 1 of each task of `t.Loop` is the task that fires after it.
    pub(crate) debug: bool,
    pub(crate) running: bool,
    pub(crate) stopped: bool,
    /// Whether `run` has taken a turn. If an error interrupts the batch of that turn, `run` goes on with the batch
    /// before the next turn.
    pub(crate) in_batch: bool,
    /// Whether a report that a handle is ready may be out of date. It may be so if a callback has run since the last
    /// wait, or if `left_marks` was set.
    pub(crate) served: bool,
    /// Whether the last turn has left a handle marked as ready for this turn. The buffer that was the reason for the
    /// mark may have been emptied since.
    pub(crate) left_marks: bool,
    /// The handle whose read callback runs, if the handle is also ready for writing. If the read callback raises, the
    /// write callback must still run.
    pub(crate) write_left: Option<Ready>,
    /// The task whose callback runs, or null.
    pub(crate) current: *mut TaskBlock,
    /// An armed timer whose entry is not in the table yet. It stays here if Lua has no memory for the entry.
    pub(crate) unlinked: Option<Key>,
    /// The unfinished steps of compiled code.
    #[cfg(feature = "luajit")]
    pub(crate) steps: Steps,
    /// The loop's limit for the timers of the script; `None` without a limit.
    pub(crate) timers_max: Option<usize>,
    /// The number of timers armed so far, which orders equal deadlines.
    pub(crate) armed: u64,
    /// Descriptor numbers by token index.
    pub(crate) numbers: ByIndex<Number>,
    /// The nodes whose handles must be checked before a wait. The NODES table keeps them alive.
    pub(crate) watched: Vec<*mut NodeBlock>,
    /// The nodes of sockets, which need no check. The NODES table keeps them alive.
    pub(crate) sockets: Vec<*mut NodeBlock>,
    /// The numbers of sockets that were closed while they were observed, and whose nodes are still in the NODES table.
    pub(crate) closed: Vec<Number>,
    /// Scratch memory, sorted. For timers: the deadline in ns, the number in the order of arming, and the index of the
    /// key. For handles: the descriptor's number and two zeros.
    pub(crate) order: Vec<(u64, u64, u32)>,
    /// The end of the present run.
    pub(crate) pace: Pace,
    /// The trace of the loop, if there is one. A trace that is full stays here, but is not written any more.
    pub(crate) trace: Option<Box<Trace>>,
    /// The times of callbacks, for `top`.
    pub(crate) profile: Option<Box<Profile>>,
    /// The time at which the running callback began, if it is timed.
    pub(crate) called_ns: Option<u64>,
    /// For the trace: the time at which the last callback of this turn ended. The next callback begins at this time,
    /// which saves a reading of the clock.
    pub(crate) ended_ns: Option<u64>,
    /// The function that was called last, for a trace and for `top`.
    pub(crate) called: Called,
    /// The additional state of a loop of the module `cogloop`.
    pub(crate) cogloop: Cogloop,
}

/// The unfinished steps of code that LuaJIT compiles; see [`steps`](super::steps).
#[cfg(feature = "luajit")]
#[derive(Default)]
pub(crate) struct Steps {
    /// A coroutine that never runs. It is set when the loop is prepared for compiled code.
    pub(super) thread: Option<std::ptr::NonNull<lua_State>>,
    /// The places in the loop's block. The pointer is set when the loop is prepared for compiled code.
    pub(super) places: Option<std::ptr::NonNull<Places>>,
    /// The timer that was armed last. Its entry may be in TASKS already.
    pub(super) arming: Option<Key>,
    /// A parked timer, until its entry is in TASKS.
    pub(super) parked: Option<Key>,
}

/// The end of a run.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Until nothing is left.
    Forever,
    /// One turn.
    Once(Wait),
    /// No further turn.
    Enough,
    /// Until a virtual clock shows this time, from deadline to deadline.
    Until {
        end_ns: u64,
        /// Whether a turn has served the ready handles of the present moment, after the last timers of that moment.
        is_looked_at: bool,
    },
}

/// The memory of a Task userdata. It holds no pointer, because it may outlive its loop. It is as small as possible,
/// because there may be a million of them.
#[repr(C)]
pub(crate) struct TaskBlock {
    /// The timer's key, or [`Self::DONE`] or [`Self::RUNNING`], which are no keys.
    pub(crate) key: u64,
    /// The low half of the number of the Task's loop.
    pub(crate) owner: u32,
    pub(crate) args: c_int,
}

impl TaskBlock {
    /// Stands for the key of a task that has run, or was cancelled.
    pub(crate) const DONE: u64 = 0;
    /// Stands for the key of a task whose callback runs. The callback may ask for a further run.
    pub(crate) const RUNNING: u64 = 1;
}

/// User value of a Node: the handle. Values 1 and 2 are the callbacks' tables, see [`direction_value`].
pub(crate) const HANDLE: c_int = 3;

/// User value of a Node: an earlier handle of the same descriptor. The Node keeps it while the direction for which the
/// script gave it is observed.
pub(crate) const EARLIER: c_int = 4;

/// Takes the place of a number of arguments if the callback is a coroutine.
pub(crate) const COROUTINE: c_int = -1;

/// The directions in the order in which they are served.
pub(crate) const DIRECTIONS: [Interest; 2] = [Interest::READ, Interest::WRITE];

/// The user value of a Node with the callback `{ f, args… }` for one direction.
pub(crate) fn direction_value(direction: Interest) -> c_int {
    direction.bits().into()
}

/// The memory of a Node userdata. A Node may outlive its loop. Its handle is then no longer observed.
#[repr(C)]
pub(crate) struct NodeBlock {
    /// The token of the observed descriptor; 0 if the handle is no longer observed.
    pub(crate) token: u64,
    pub(crate) number: Number,
    pub(crate) interest: Interest,
    pub(crate) kind: Kind,
    /// The numbers of arguments of the callbacks for read and write. [`COROUTINE`] stands for a coroutine that waits.
    pub(crate) args: [c_int; 2],
    /// The Node's place in the list of watched Nodes or of sockets, if the Node is in one of these lists.
    pub(crate) watch: usize,
    /// For an observed socket: the state of the loop, and the next Node that observes the same socket.
    pub(crate) state: *mut State,
    pub(crate) next_observer: *mut NodeBlock,
    /// In the module `cogloop`: the number of the Node's loop.
    pub(crate) owner: u64,
    /// The handle if it is a source of the module, else null. The source is closed with the last observation.
    pub(crate) source: *mut Source,
    /// Whether the script has unreferenced the Node. An unreferenced Node does not keep the loop running.
    pub(crate) is_unref: bool,
    /// The keys of the timers that end the waits of coroutines. A 0 stands for no timer.
    pub(crate) timeouts: [u64; 2],
    /// The direction for which the EARLIER handle was given; none if there is no such handle.
    pub(crate) earlier: Interest,
}

/// The kind of a handle. It decides how the loop finds out whether the handle was closed, and whether it has buffered
/// input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A socket of `t.Net`, which leaves the loop before it is closed. The node keeps the userdata alive.
    Socket(*mut SocketBlock),
    /// A Lua file. The node keeps the userdata alive.
    File(*const LuaFile),
    /// A plain number.
    Number,
    /// An object with a method that returns its descriptor.
    Object,
}

/// A handle that was open when it was last checked.
#[derive(Clone, Copy)]
pub(crate) struct Handle {
    pub(crate) number: Number,
    pub(crate) kind: Kind,
}

/// The memory of a Socket userdata.
#[repr(C)]
pub(crate) struct SocketBlock {
    /// The descriptor; -1 once it is closed.
    pub(crate) number: Number,
    /// The first of the nodes that observe the socket, or null.
    pub(crate) observers: *mut NodeBlock,
    /// The directions for which a coroutine has waited.
    pub(crate) waited: Interest,
    /// Whether the socket blocks.
    pub(crate) mode: Mode,
}

/// The memory of the userdata of a source. A Node owns the source, which reports a signal or the end of a child.
#[repr(C)]
pub(crate) struct Source {
    /// The child's number, or 0 for a signal.
    pub(crate) pid: c_int,
    /// The child's pidfd; -1 if there is none.
    pub(crate) pidfd: Number,
    /// The watched signal: the one that the script chose, or SIGCHLD for a child without a pidfd. Otherwise null.
    pub(crate) signals: *mut Signals,
    /// The state of the loop that observes the source, else null. It becomes null before the state is dropped: see
    /// [`release`](super::source::release).
    pub(crate) state: *mut State,
}

/// The additional state of a loop of the module `cogloop`.
pub(crate) struct Cogloop {
    /// The timer whose callback runs.
    pub(crate) firing: Option<ExpiredTimer<u64>>,
    /// An expired timer that compiled code has left to the C function.
    #[cfg(feature = "luajit")]
    pub(crate) left: Option<ExpiredTimer<u64>>,
    /// Whether the error that is being raised already has its traceback.
    pub(crate) has_traceback: bool,
    /// The coroutine that runs and may wait, or null. It is a task's coroutine, or one that the task made by `wrap`.
    pub(crate) resumed: *mut lua_State,
    /// Whether `resumed` cannot wait, because a coroutine that has resumed it by `wrap` cannot yield.
    pub(crate) is_cut_off: bool,
    /// How many coroutines of `wrap` have resumed each other.
    pub(crate) depth: u16,
    /// The number of tasks in ALIVE.
    pub(crate) alive: u32,
    /// The tasks that were woken and run next.
    pub(crate) woken: Woken,
    /// A descriptor for which a coroutine waited when the loop last looked; -1 if no coroutine waited.
    pub(crate) waiting: Number,
    /// The timers of coroutines that sleep, or park with a time limit, in the order of arming. Some of these timers may
    /// have ended.
    pub(crate) sleepers: Vec<Key>,
    /// Whether this run has made it possible for coroutines to yield.
    pub(crate) may_yield: bool,
    /// The coroutine's request when it yields.
    pub(crate) request: Option<Request>,
    /// The kernel's error when it refused a wait. `run` returns it.
    pub(crate) refused: Option<Failure>,
    /// Whether callbacks are timed: for `stats`, for `slow`, for `top`, or for a trace.
    pub(crate) is_measuring: bool,
    pub(crate) meter: Option<Box<Meter>>,
    /// A callback that takes at least this long is slow.
    pub(crate) slow_ns: u64,
    pub(crate) turns: u64,
    pub(crate) fired: u64,
    pub(crate) waited_ns: u64,
    /// Scratch memory: the timers in the order in which they fire.
    pub(crate) listed: Vec<Listed>,
    /// Scratch memory: a text that is to become a Lua string.
    pub(crate) text: String,
}

impl Default for Cogloop {
    fn default() -> Self {
        Self {
            firing: None,
            #[cfg(feature = "luajit")]
            left: None,
            has_traceback: false,
            resumed: null_mut(),
            is_cut_off: false,
            depth: 0,
            alive: 0,
            woken: Woken::default(),
            waiting: -1,
            sleepers: Vec::new(),
            may_yield: false,
            request: None,
            refused: None,
            is_measuring: false,
            meter: None,
            slow_ns: u64::MAX,
            turns: 0,
            fired: 0,
            waited_ns: 0,
            listed: Vec::new(),
            text: String::new(),
        }
    }
}

/// A timer in a listing.
#[derive(Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) is_paused: bool,
    pub(crate) value: u64,
    pub(crate) key: Key,
}

/// The request of a waiting coroutine.
#[derive(Clone, Copy)]
pub(crate) enum Request {
    Sleep(u64),
    /// Until other code wakes the coroutine.
    Park {
        limit_ns: Option<u64>,
        is_public: bool,
    },
    Wait {
        handle: Handle,
        direction: Interest,
        limit_ns: Option<u64>,
    },
}

/// The function that was called last.
pub(crate) struct Called {
    pub(super) function: *const c_void,
    /// The function's place, if CALLED has the function.
    pub(super) place: Option<Place>,
    /// Whether CALLED has a function: this function, or an earlier one.
    pub(super) is_kept: bool,
}

impl Default for Called {
    fn default() -> Self {
        Self { function: null(), place: None, is_kept: false }
    }
}

/// Three histograms in nanoseconds. Each value is exact to one percent.
pub(crate) struct Meter {
    pub(crate) late: Histogram<u64>,
    pub(crate) callback: Histogram<u64>,
    /// The durations of slices. A slice is the run of a task from one wait to the next.
    pub(crate) task: Histogram<u64>,
}
