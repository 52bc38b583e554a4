//! Work on a loop's [`State`], and how to get it from a value on Lua's stack.

use super::face::Face;
use super::memory::{Called, Cogloop, LoopBlock, NodeBlock, Pace, State};
use super::upvalue;
use crate::lua::args::{test_userdata, wrong};
use crate::lua::guard::{ErrorText, Failure, Text, guard};
use crate::lua::interrupt;
use crate::sys::descriptor::Number;
use crate::sys::errno::EOVERFLOW;
use cogloop_io::memory::ByIndex;
use cogloop_io::{EventLoop, Token, VirtualClock, Wait};
use mlua::ffi::{lua_State, lua_touserdata};
use std::ffi::{CStr, c_int};
use std::ops::Range;
use std::ptr::null_mut;

impl State {
    pub(crate) fn new(
        face: &'static Face,
        events: EventLoop<u64>,
        id: u64,
        virtual_clock: Option<VirtualClock>,
        debug: bool,
    ) -> Self {
        Self {
            face,
            waker: events.waker(),
            events,
            id,
            virtual_clock,
            debug,
            running: false,
            stopped: false,
            in_batch: false,
            served: false,
            left_marks: false,
            write_left: None,
            current: std::ptr::null_mut(),
            unlinked: None,
            #[cfg(feature = "luajit")]
            steps: super::memory::Steps::default(),
            armed: 0,
            timers_max: None,
            numbers: ByIndex::new(),
            watched: Vec::new(),
            sockets: Vec::new(),
            closed: Vec::new(),
            order: Vec::new(),
            pace: Pace::Forever,
            trace: None,
            profile: None,
            called_ns: None,
            ended_ns: None,
            called: Called::default(),
            cogloop: Cogloop::default(),
        }
    }

    /// Takes a turn. Fails if the kernel refuses to wait, or if the turn could never end.
    pub(crate) fn turn(&mut self, wait: Wait) -> Result<(), Failure> {
        self.drop_unlinked();
        self.served = self.left_marks;
        self.check_end(wait)?;
        let start_ns = self.cogloop.is_measuring.then(|| self.events.now_ns());
        interrupt::waits(true);
        let turned = self.events.turn(wait).map_err(|error| Failure::of("waiting failed", &error));
        interrupt::waits(false);
        self.cogloop.turns += 1;
        #[cfg(feature = "luajit")]
        if self.cogloop.left.is_none() {
            self.emptied();
        }
        if let Some(start_ns) = start_ns {
            self.cogloop.waited_ns += self.events.turn_ns().saturating_sub(start_ns);
            self.trace_turn(start_ns);
        }
        turned
    }

    /// Whether nothing is left to do or to wait for.
    pub(crate) fn is_idle(&self) -> bool {
        self.events.is_idle() && self.cogloop.woken.is_empty()
    }

    /// Called when a turn has begun. A run of one turn resumes woken tasks only before that turn.
    pub(crate) fn begin_woken(&mut self) {
        match self.pace {
            Pace::Enough => self.cogloop.woken.end_turn(),
            _ => self.cogloop.woken.begin_turn(self.events.limits().served_in_turn.get()),
        }
    }

    /// Fails if the turn could never end: all timers are due after the end of the virtual clock, and nothing else is
    /// observed.
    fn check_end(&mut self, wait: Wait) -> Result<(), Failure> {
        // A delay is at most 2^63 ns, so in the first quarter of the clock's time no deadline reaches the clock's end.
        let is_early = self.events.turn_ns() < 1 << 62;
        if is_early || self.virtual_clock.is_none() || wait != Wait::Block || self.events.descriptors() > 0 {
            return Ok(());
        }
        match self.events.next_deadline_ns() {
            Some(_) => Ok(()),
            None => Err(Failure {
                errno: EOVERFLOW,
                text: Text::new("waiting failed: the virtual clock ends before the next timer is due"),
            }),
        }
    }

    /// Lets time pass on the loop's virtual clock.
    ///
    /// # Errors
    ///
    /// The clock has less time left. Then nothing changes.
    pub(crate) fn pass(&mut self, by_ns: u64) -> Result<(), &'static CStr> {
        self.check_left(by_ns)?;
        if let Some(clock) = &self.virtual_clock {
            clock.advance_ns(by_ns);
        }
        Ok(())
    }

    /// Checks that the clock has at least `by_ns` left.
    ///
    /// # Errors
    ///
    /// The clock has less time left.
    pub(crate) fn check_left(&self, by_ns: u64) -> Result<(), &'static CStr> {
        // The last nanosecond is the clock's end, which it never reaches.
        let is_left = self.events.now_ns().checked_add(by_ns).is_some_and(|end_ns| end_ns < u64::MAX);
        if is_left { Ok(()) } else { Err(c"ms: the virtual clock ends before that, 2^64 ns after its start") }
    }

    /// The descriptor number of a token.
    pub(crate) fn number_of(&self, token: Token) -> Option<Number> {
        self.numbers.get(token.index()).copied()
    }

    /// The indices of the tokens, also of those whose descriptor was removed.
    pub(crate) fn token_indices(&self) -> Range<u32> {
        self.numbers.indices()
    }

    /// The descriptor number of the last token with this index.
    pub(crate) fn number_at(&self, index: u32) -> Option<Number> {
        self.numbers.get(index).copied()
    }

    /// One of the nodes whose handles must be checked.
    pub(crate) fn watched_at(&self, position: usize) -> Option<*mut NodeBlock> {
        self.watched.get(position).copied()
    }

    /// An entry of [`State::order`]: the deadline in ns and the index of the key, or the descriptor's number and 0.
    pub(crate) fn sorted_at(&self, position: usize) -> Option<(u64, u32)> {
        self.order.get(position).map(|&(deadline_ns, _, index)| (deadline_ns, index))
    }

    /// The number of entries of [`State::order`].
    pub(crate) fn timers_sorted(&self) -> usize {
        self.order.len()
    }

    /// Empties [`State::order`], and makes room for every Node of the loop. The nodes of closed sockets count, too.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub(crate) fn expect_nodes(&mut self) -> Result<(), ErrorText> {
        self.order.clear();
        Ok(self.order.try_reserve(self.events.descriptors() + self.closed.len())?)
    }

    /// Fills [`State::order`] with the timers of `t.Loop`.
    ///
    /// # Errors
    ///
    /// There is not enough memory.
    pub(crate) fn sort(&mut self) -> Result<(), ErrorText> {
        self.drop_unlinked();
        self.order.clear();
        self.order.try_reserve(self.events.timers())?;
        // `t.Loop` pauses no timer, so each has a deadline. The only exception, on LuaJIT, is a timer that was paused
        // while compiled code was arming it. Such a timer comes last.
        let timers = self.events.iter_timers();
        self.order.extend(timers.map(|(key, at_ns, &armed)| (at_ns.unwrap_or(u64::MAX), armed, key.index())));
        self.order.sort_unstable();
        Ok(())
    }
}

/// Returns the state of the loop at `arg`. Raises if the argument is no loop or a closed loop.
///
/// # Safety
///
/// [The rule for Lua calls](crate); the running function is one of the module's. The pointer is valid until Lua code
/// may have run.
#[inline]
pub(crate) unsafe fn check_loop(lua: *mut lua_State, arg: c_int) -> *mut State {
    // SAFETY: the caller's promise; a userdata with the loop's metatable holds a LoopBlock.
    unsafe {
        let block = test_userdata(lua, arg, upvalue::LOOP).cast::<LoopBlock>();
        if block.is_null() {
            // The name is not read from the metatable, because a script may have changed the metatable.
            wrong(lua, arg, c"loop", if upvalue::is_of_cogloop(lua) { c"cogloop.loop" } else { c"T.Loop" });
        }
        if (*block).state.is_null() {
            Text::<40>::new("the loop is closed").raise(lua);
        }
        (*block).state
    }
}

/// Returns the state of the loop at `index`; null if the loop is closed.
///
/// # Safety
///
/// There is a loop at `index`.
#[inline]
pub(crate) unsafe fn state_at(lua: *mut lua_State, index: c_int) -> *mut State {
    // SAFETY: the caller's promise.
    unsafe { (*lua_touserdata(lua, index).cast::<LoopBlock>()).state }
}

/// Calls `work` with the loop's state. The result is `Copy`, so it may be alive when Lua jumps.
///
/// # Safety
///
/// `state` points to an open loop, and `work` makes no Lua call.
#[inline]
pub(crate) unsafe fn with<R: Copy>(
    state: *mut State,
    work: impl FnOnce(&mut State) -> Result<R, ErrorText>,
) -> Result<R, ErrorText> {
    // SAFETY: the caller's promise: no other reference is alive, because only such work makes one.
    guard(move || work(unsafe { &mut *state }))
}

/// Like [`with`], but raises the error instead of returning it.
///
/// # Safety
///
/// As for [`with`], and the rule for Lua calls.
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

impl Cogloop {
    /// Notes that no callback runs any more.
    pub(crate) fn end_batch(&mut self) {
        self.firing = None;
        self.has_traceback = false;
        self.resumed = null_mut();
        self.is_cut_off = false;
        self.may_yield = false;
    }
}
