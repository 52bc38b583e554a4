//! The only way to arm a timer. A timer is put into the wheel first, and then into the loop's table TASKS.
//!
//! ```text
//!   arm ──► wheel: key ──► the caller sets TASKS[ slot( key ) ] ──► linked
//!              │                     │
//!              └── unlinked ◄────────┘ Lua is out of memory: the next `arm`, turn or list of timers cancels the timer
//! ```

use super::memory::State;
use cogloop_io::{AddError, Key, LimitReached, Plan};
use mlua::ffi::lua_State;

/// The time at which a timer is due.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    /// After this number of nanoseconds; 0 is the next turn.
    After(u64),
    /// At this time of the loop's clock.
    At(u64),
    /// By a plan, in which the deadline stands for a delay from now. The second value is the slack; if it is `None`,
    /// the loop's slack holds.
    Repeating(Plan, Option<u64>),
}

/// The owner of a timer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// The script. The loop may have a limit for these timers.
    Script,
    /// A waiting coroutine. Its timer is exempt from the limit, because its task or its handle was counted already.
    Waiting,
}

/// The number of low bits of a timer's value that the face, the interface for scripts, uses. The higher bits are the
/// timer's number in the order of arming.
pub(crate) const PAYLOAD_BITS: u32 = 24;

impl State {
    /// Arms a timer with a payload of the face. Next the caller puts the timer's entry into the loop's table, and then
    /// calls [`State::linked`].
    ///
    /// # Errors
    ///
    /// The loop's limit for timers is reached, or there is no memory. Then nothing is armed.
    ///
    /// # Safety
    ///
    /// `lua` is null, or runs the C function that arms the timer.
    // Inlined, because each caller knows its kind of `Due`. That saves 2 % of the cost of adding a timer.
    #[inline(always)]
    pub(crate) unsafe fn arm(
        &mut self,
        lua: *mut lua_State,
        due: Due,
        whose: For,
        payload: u64,
    ) -> Result<Key, AddError> {
        self.drop_unlinked();
        if let Some(limit) = self.timers_max {
            // SAFETY: the caller's promise.
            unsafe { self.admit(lua, whose, limit) }?;
        }
        let value = (self.armed + 1) << PAYLOAD_BITS | payload;
        let key = self.add(due, value)?;
        #[cfg(feature = "luajit")]
        let key = self.in_another_place(key, due, value)?;
        self.armed += 1;
        self.unlinked = Some(key);
        Ok(key)
    }

    #[inline(always)]
    fn add(&mut self, due: Due, value: u64) -> Result<Key, AddError> {
        let events = &mut self.events;
        match due {
            Due::After(delay_ns) => events.try_add_timer(delay_ns, value),
            Due::At(deadline_ns) => events.try_add_timer_at(deadline_ns, value),
            Due::Repeating(plan, slack_ns) => {
                let deadline = events.now_ns().saturating_add(plan.deadline);
                let slack = slack_ns.unwrap_or(events.slack_ns());
                events.try_add_planned(Plan { deadline, slack, ..plan }, value)
            }
        }
    }

    /// If compiled code has not yet emptied the place of the new timer `key` in TASKS, adds the timer once more, and
    /// cancels `key`.
    #[cfg(feature = "luajit")]
    #[inline]
    fn in_another_place(&mut self, key: Key, due: Due, value: u64) -> Result<Key, AddError> {
        if !self.steps.is_reserved(key.index()) {
            return Ok(key);
        }
        let other = self.add(due, value);
        self.events.cancel_timer(key);
        other
    }

    /// For a timer of the script: checks the limit, and notes the line of the script for a recording.
    #[cold]
    unsafe fn admit(&self, lua: *mut lua_State, whose: For, limit: usize) -> Result<(), AddError> {
        if whose == For::Script {
            if self.events.timers() >= limit {
                return Err(AddError::Limit(LimitReached { what: "timers", limit }));
            }
            // SAFETY: only called by `arm`, with its promise.
            unsafe { self.note_place(lua) };
        }
        Ok(())
    }

    /// Called when the entry of the last timer is in the table.
    #[inline]
    pub(crate) fn linked(&mut self) {
        self.unlinked = None;
    }

    /// Cancels a timer whose entry is not in the table because Lua ran out of memory. Parks (pauses) a timer that
    /// compiled code is still arming; see `steps.rs`.
    pub(crate) fn drop_unlinked(&mut self) {
        #[cfg(feature = "luajit")]
        self.park();
        if let Some(key) = self.unlinked.take() {
            self.events.cancel_timer(key);
        }
    }
}
