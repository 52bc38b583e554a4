//! What a loop userdata holds: an [`EventLoop`] of integers, and what its functions must remember between two calls.

use crate::cogloop::Own;
use crate::host::drive::Pace;
use crate::host::node::NodeBlock;
use crate::host::observed::{expect_watch, unwatch_all};
use crate::lua::args::{test_userdata, upvalue, wrong};
use crate::lua::guard::{ErrorText, Failure, Text, guard};
use crate::lua::interrupt;
use crate::t_loop::task::TaskBlock;
use cogloop_io::memory::ByIndex;
use cogloop_io::{AddError, EventLoop, Interest, Key, LimitReached, Limits, Ready, Token, VirtualClock, Wait};
use mlua::ffi::{LUA_TNONE, lua_State, lua_touserdata, lua_type, lua_upvalueindex};
use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The user values of a loop.
pub(crate) mod value {
    use std::ffi::c_int;
    /// `{ [key index + 1] = Task }`
    pub(crate) const TASKS: c_int = 1;
    /// `{ [descriptor] = Node }`
    pub(crate) const NODES: c_int = 2;
    /// The function `loop.onerror`, or nil.
    pub(crate) const ONERROR: c_int = 3;
    /// The Task or Node whose callback runs, else nil.
    pub(crate) const CURRENT: c_int = 4;
    /// The traceback of the error on its way to `run`, else nil.
    pub(crate) const TRACEBACK: c_int = 5;
    /// What is told of slow callbacks, in the module `cogloop`, else nil.
    pub(crate) const SLOW: c_int = 6;
    pub(crate) const COUNT: c_int = 6;
}

/// The memory of a loop userdata.
#[repr(C)]
pub(crate) struct LoopBlock {
    /// Null once the loop is closed.
    pub(crate) state: *mut State,
}

/// A loop, apart from its Lua values.
pub(crate) struct State {
    pub(crate) events: EventLoop<u64>,
    /// Distinguishes the loops of the process, so that a task is never cancelled in a loop that is not its own.
    pub(crate) id: u64,
    /// The clock of a loop with virtual time.
    pub(crate) virtual_clock: Option<VirtualClock>,
    /// Whether tasks know the one that fires next.
    pub(crate) debug: bool,
    pub(crate) running: bool,
    pub(crate) stopped: bool,
    /// Whether `run` shall go on with the batch that an error interrupted, before the next turn.
    pub(crate) in_batch: bool,
    /// Whether a callback has run since the last wait, so that what the kernel said may be out of date.
    pub(crate) served: bool,
    /// A handle whose read callback runs, if it is ready for writing too: so that an error does not take that turn away.
    pub(crate) write_left: Option<Ready>,
    /// The task whose callback runs, or null.
    pub(crate) current: *mut TaskBlock,
    /// A timer that is armed and whose Task is not in the table yet: what Lua's running out of memory leaves there.
    pub(crate) unlinked: Option<Key>,
    /// How many timers were armed: the order of equal deadlines, each timer's value.
    pub(crate) armed: u64,
    /// Descriptor numbers by token index.
    pub(crate) numbers: ByIndex<RawFd>,
    /// The nodes whose handles must be looked at before a wait; they live in the NODES table.
    pub(crate) watched: Vec<*mut NodeBlock>,
    /// The nodes of sockets, which need not be looked at; they live in the NODES table, too.
    pub(crate) sockets: Vec<*mut NodeBlock>,
    /// The numbers of sockets that were closed while they were observed, and are still in the NODES table.
    pub(crate) closed: Vec<RawFd>,
    /// Scratch: the tasks' table indices in the order of expiry, with the deadlines in ns.
    pub(crate) order: Vec<(u64, u64, u32)>,
    /// How far the run goes that is under way.
    pub(crate) pace: Pace,
    /// What a loop of the module `cogloop` has beside these.
    pub(crate) own: Own,
}

impl State {
    pub(crate) fn new(events: EventLoop<u64>, id: u64, virtual_clock: Option<VirtualClock>, debug: bool) -> Self {
        Self {
            events,
            id,
            virtual_clock,
            debug,
            running: false,
            stopped: false,
            in_batch: false,
            served: false,
            write_left: None,
            current: std::ptr::null_mut(),
            unlinked: None,
            armed: 0,
            numbers: ByIndex::new(),
            watched: Vec::new(),
            sockets: Vec::new(),
            closed: Vec::new(),
            order: Vec::new(),
            pace: Pace::Forever,
            own: Own::default(),
        }
    }

    /// Takes a turn. The error is what the kernel says to the wait.
    pub(crate) fn turn(&mut self, wait: Wait) -> Result<(), Failure> {
        self.drop_unlinked();
        self.served = false;
        self.check_end(wait)?;
        let start_ns = self.own.is_measuring.then(|| self.events.now_ns());
        interrupt::waits(true);
        let turned = self.events.turn(wait).map_err(|error| Failure::of("waiting failed", &error));
        interrupt::waits(false);
        self.own.turns += 1;
        if let Some(start_ns) = start_ns {
            self.own.waited_ns += self.events.turn_ns().saturating_sub(start_ns);
        }
        turned
    }

    /// Fails if the turn could never end: all timers are due after the end of a virtual clock, and there is nothing else.
    fn check_end(&mut self, wait: Wait) -> Result<(), Failure> {
        // A delay is 2^63 ns at the most: in the first quarter of its time none reaches its end.
        let is_early = self.events.turn_ns() < 1 << 62;
        if is_early || self.virtual_clock.is_none() || wait != Wait::Block || self.events.descriptors() > 0 {
            return Ok(());
        }
        match self.events.next_deadline_ns() {
            Some(_) => Ok(()),
            None => Err(Failure {
                errno: libc::EOVERFLOW,
                text: Text::new("waiting failed: the virtual clock ends before the next timer is due"),
            }),
        }
    }

    /// Lets time pass on the virtual clock, which the loop has.
    ///
    /// # Errors
    ///
    /// That so much is not left of the clock; nothing changes then.
    pub(crate) fn pass(&mut self, by_ns: u64) -> Result<(), &'static CStr> {
        self.check_left(by_ns)?;
        if let Some(clock) = &self.virtual_clock {
            clock.advance_ns(by_ns);
        }
        Ok(())
    }

    /// Whether the clock has so much time left.
    ///
    /// # Errors
    ///
    /// That it has not.
    pub(crate) fn check_left(&self, by_ns: u64) -> Result<(), &'static CStr> {
        // The last nanosecond is the end, which is never reached.
        let is_left = self.events.now_ns().checked_add(by_ns).is_some_and(|end_ns| end_ns < u64::MAX);
        if is_left { Ok(()) } else { Err(c"ms: the virtual clock ends before that, 2^64 ns after its start") }
    }

    /// Arms a timer whose Task the caller puts into the table next, and then calls [`State::linked`].
    ///
    /// # Errors
    ///
    /// At the limit of the loop's host, or without memory.
    pub(crate) fn arm(
        &mut self,
        arm: impl FnOnce(&mut EventLoop<u64>, u64) -> Result<Key, AddError>,
    ) -> Result<Key, AddError> {
        self.drop_unlinked();
        let key = arm(&mut self.events, self.armed + 1)?;
        self.armed += 1;
        self.unlinked = Some(key);
        Ok(key)
    }

    /// As [`State::arm`], for a timer of the loop's own that has to be, however few its host allows the script.
    pub(crate) fn arm_unlimited(
        &mut self,
        arm: impl FnOnce(&mut EventLoop<u64>, u64) -> Result<Key, AddError>,
    ) -> Result<Key, AddError> {
        let limits = self.events.limits();
        self.events.set_limits(Limits { timers: usize::MAX, ..limits });
        let key = self.arm(arm);
        self.events.set_limits(limits);
        key
    }

    /// Whether the host allows another timer.
    ///
    /// # Errors
    ///
    /// That it does not.
    pub(crate) fn check_room(&self) -> Result<(), ErrorText> {
        let limit = self.events.limits().timers;
        if self.events.timers() < limit { Ok(()) } else { Err(Text::new(LimitReached { what: "timers", limit })) }
    }

    /// The timer that was armed last is in the table.
    pub(crate) fn linked(&mut self) {
        self.unlinked = None;
    }

    /// Takes back the timer whose Task never got into the table, because Lua ran out of memory.
    pub(crate) fn drop_unlinked(&mut self) {
        if let Some(key) = self.unlinked.take() {
            self.events.cancel_timer(key);
        }
    }

    /// Observes a descriptor, and remembers which number its token stands for.
    pub(crate) fn observe(&mut self, fd: BorrowedFd<'static>, interest: Interest) -> io::Result<Token> {
        // Its index is one that has been used, or else the next one: all before it are in use then.
        self.numbers.try_grow(self.events.descriptors() as u32)?;
        expect_watch(self)?;
        let token = self.events.add_descriptor(fd, interest)?;
        self.numbers.replace(token.index(), fd.as_raw_fd());
        Ok(token)
    }

    /// The number that a token stands for.
    pub(crate) fn number_of(&self, token: Token) -> Option<RawFd> {
        self.numbers.get(token.index()).copied()
    }

    /// One of the nodes whose handles must be looked at.
    pub(crate) fn watched_at(&self, position: usize) -> Option<*mut NodeBlock> {
        self.watched.get(position).copied()
    }

    /// An entry of [`State::order`]: the deadline in ns and the table index.
    pub(crate) fn sorted_at(&self, position: usize) -> Option<(u64, u32)> {
        self.order.get(position).map(|&(deadline_ns, _, index)| (deadline_ns, index))
    }

    /// How many entries [`State::order`] has.
    pub(crate) fn timers_sorted(&self) -> usize {
        self.order.len()
    }

    /// Empties [`State::order`], with room for every Node of the loop: those of closed sockets are there, too.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub(crate) fn expect_nodes(&mut self) -> Result<(), ErrorText> {
        self.order.clear();
        Ok(self.order.try_reserve(self.events.descriptors() + self.closed.len())?)
    }

    /// Fills [`State::order`].
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub(crate) fn sort(&mut self) -> Result<(), ErrorText> {
        self.drop_unlinked();
        self.order.clear();
        self.order.try_reserve(self.events.timers())?;
        // No timer of a script is paused, so each has a deadline.
        let timers = self.events.iter_timers();
        self.order.extend(timers.map(|(key, at_ns, &armed)| (at_ns.unwrap_or(u64::MAX), armed, key.index())));
        self.order.sort_unstable();
        Ok(())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        unwatch_all(self);
    }
}

/// The state of the loop at `arg`. Raises for anything that is not a loop, and for a loop that is closed.
///
/// # Safety
///
/// The rule of the crate; the running function is one of the module's. The pointer is good until Lua code may have run.
#[inline]
pub(crate) unsafe fn check_loop(lua: *mut lua_State, arg: c_int) -> *mut State {
    // SAFETY: the caller's promise; a userdata with the loop's metatable holds a LoopBlock.
    unsafe {
        let block = test_userdata(lua, arg, upvalue::LOOP).cast::<LoopBlock>();
        if block.is_null() {
            // Not read from the metatable: a script may have changed it.
            let is_own = lua_type(lua, lua_upvalueindex(upvalue::DEFAULT)) != LUA_TNONE;
            wrong(lua, arg, c"loop", if is_own { c"cogloop.loop" } else { c"T.Loop" });
        }
        if (*block).state.is_null() {
            Text::<40>::new("the loop is closed").raise(lua);
        }
        (*block).state
    }
}

/// The state of the loop at `index`, which is known to be one; null when it is closed.
///
/// # Safety
///
/// There is a loop at `index`.
#[inline]
pub(crate) unsafe fn state_at(lua: *mut lua_State, index: c_int) -> *mut State {
    // SAFETY: the caller's promise.
    unsafe { (*lua_touserdata(lua, index).cast::<LoopBlock>()).state }
}

/// Works on the loop without any Lua call. The result is `Copy`, so it may be alive when Lua jumps.
///
/// # Safety
///
/// `state` points to an open loop, and `work` makes no Lua call.
#[inline]
pub(crate) unsafe fn with<R: Copy>(
    state: *mut State,
    work: impl FnOnce(&mut State) -> Result<R, ErrorText>,
) -> Result<R, ErrorText> {
    // SAFETY: the caller's promise: no other reference is alive, since nothing but such work ever makes one.
    guard(|| work(unsafe { &mut *state }))
}

/// As [`with`]; what goes wrong is raised.
///
/// # Safety
///
/// As for [`with`], and the rule of the crate.
#[inline]
pub(crate) unsafe fn with_or_raise<R: Copy>(
    lua: *mut lua_State,
    state: *mut State,
    work: impl FnOnce(&mut State) -> Result<R, ErrorText>,
) -> R {
    // SAFETY: the caller's promise.
    unsafe {
        match with(state, work) {
            Ok(result) => result,
            Err(text) => text.raise(lua),
        }
    }
}
