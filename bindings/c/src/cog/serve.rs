//! Runs a loop. The loop is not borrowed while a callback runs.

use std::ffi::c_int;

use cogloop_io::Wait;

use super::answer::{COG_ERROR_RUNNING, Failure};
use super::ends::{End, Serving};
use super::hook_list::When;
use super::state::{Call, Counters, Loop};
use super::{CogExpiry, CogTimer};
use crate::must_return::must_return;
use crate::sys::cancellation::NotCancelled;
use cogloop_io::Key;
use cogloop_io::trace::{Detail, Kind};
use std::ffi::c_void;

/// Marks the loop as running until this value is dropped. Meanwhile the thread is not cancelled.
struct Running<'a> {
    of: &'a Loop,
    _whole: NotCancelled,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.of.is_running.set(false);
    }
}

impl Loop {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let _running = self.begin()?;
        while !self.is_stopped.get() && self.is_alive() {
            self.turn(Wait::Block)?;
        }
        Ok(())
    }

    /// Runs one turn. Returns whether a run would have more to do.
    pub(super) fn run_once(&self, wait: Wait) -> Result<bool, Failure> {
        let _running = self.begin()?;
        self.turn(wait)?;
        Ok(self.is_alive())
    }

    fn begin(&self) -> Result<Running<'_>, Failure> {
        if self.is_running.replace(true) {
            let message = "loop: it is running; its callbacks cannot run it again";
            return Err(Failure::new(COG_ERROR_RUNNING, message));
        }
        self.is_stopped.set(false);
        Ok(Running { of: self, _whole: NotCancelled::new() })
    }

    pub(super) fn has_posts(&self) -> bool {
        !self.posts.borrow().is_empty() || self.remote.borrow().has_posts()
    }

    fn is_alive(&self) -> bool {
        self.is_kept_alive.get() || self.hooks.are_busy() || !self.events.borrow().is_idle() || self.has_posts()
    }

    fn turn(&self, wait: Wait) -> Result<(), Failure> {
        // The user's code may have run since the last turn, so the next callback needs a new reading of the clock.
        self.tracing.ended_ns.set(None);
        self.call_hooks(When::Idle);
        self.call_hooks(When::Prepare);
        if self.is_stopped.get() {
            return Ok(());
        }
        // If there is a post or an idle hook, or nothing left to wait for, the loop must not wait, and a virtual clock
        // must not jump.
        let has_work = self.has_posts() || self.hooks.are_busy() || !self.is_alive();
        let wait = if has_work { Wait::Poll } else { wait };
        let start_ns = self.wait_begins();
        let waited = self.events.borrow_mut().turn(wait);
        self.trace_turn(start_ns);
        self.remote.borrow().was_woken();
        self.cached_ns.set(self.events.borrow().turn_ns().max(self.cached_ns.get()));
        let posts = self.count_posts();
        Counters::count(&self.counters.turns);
        self.call_hooks(When::Check);
        self.serve_timers();
        self.serve_watches();
        self.serve_posts(posts);
        waited.map_err(|error| Failure::system("waiting", &error))
    }

    /// Calls the hooks that exist at the start of the call.
    #[inline(always)]
    fn call_hooks(&self, when: When) {
        // Most loops never have a hook.
        let last = self.hooks.last();
        if last > 0 {
            self.call_hooks_until(when, last);
        }
    }

    #[inline(never)]
    fn call_hooks_until(&self, when: When, last: u64) {
        let mut after = 0;
        while let Some(hook) = self.hooks.next(when, after).filter(|hook| hook.number <= last) {
            if self.is_stopped.get() {
                return;
            }
            after = hook.number;
            let start_ns = self.begin_span();
            // SAFETY: the user gave the function and its ctx for this call; nothing of the loop is borrowed.
            must_return("a hook", || unsafe { (hook.run)(hook.ctx) });
            self.end_span(start_ns, hook.run as usize, Kind::Other, Detail::None);
        }
    }

    fn serve_timers(&self) {
        while !self.is_stopped.get() {
            let Some(timer) = self.events.borrow_mut().next_expired() else { return };
            let counters = &self.counters;
            Counters::count(&counters.timer_calls);
            counters.late_ns_max.set(counters.late_ns_max.get().max(timer.late_ns));
            let name = CogTimer { loop_id: self.id, key: timer.key.to_bits() };
            let (deadline_ns, late_ns, missed) = (timer.deadline_ns, timer.late_ns, timer.missed);
            let expiry = CogExpiry { deadline_ns, late_ns, missed };
            let ended = self.begin_timer(timer.key, timer.value.ctx);
            let Call { run, ctx } = timer.value;
            let start_ns = self.begin_span();
            // SAFETY: the user gave the function and its ctx for this call; nothing of the loop is borrowed.
            must_return("the callback of a timer", || unsafe { run(name, &raw const expiry, ctx) });
            self.end_span(start_ns, run as usize, Kind::Timer, Detail::Late(late_ns));
            self.finish(ended);
        }
    }

    /// Call before a timer's callback. If it is the timer's last callback, returns the end function to call after it.
    /// The function must be found before the callback, because afterwards another timer may have taken the place in the
    /// wheel.
    #[inline]
    fn begin_timer(&self, key: Key, ctx: *mut c_void) -> Option<End> {
        // This is needed even if there are no end functions yet: the callback may set the first one.
        self.ends.begin(Serving::Timer(key));
        if !self.ends.are_used() {
            return None;
        }
        let is_last = self.events.borrow().timer(key).is_none();
        if is_last { self.ends.take_timers(key, ctx) } else { None }
    }

    /// Call after a callback.
    #[inline]
    fn finish(&self, ended: Option<End>) {
        let in_it = self.ends.finish();
        ended.into_iter().chain(in_it).for_each(End::call);
    }

    fn serve_watches(&self) {
        while !self.is_stopped.get() {
            let Some(ready) = self.events.borrow_mut().next_ready() else { return };
            let Some((run, what, ctx, ended)) = self.call_of(ready) else { continue };
            Counters::count(&self.counters.watch_calls);
            let name = self.watch_name(ready.token);
            self.ends.begin(Serving::Watch(ready.token));
            let start_ns = self.begin_span();
            // SAFETY: as for the timers.
            must_return("the callback of a watch", || unsafe { run(name, c_int::from(what), ctx) });
            self.end_span(start_ns, run as usize, Kind::Descriptor, Detail::None);
            self.finish(ended);
        }
    }

    fn count_posts(&self) -> usize {
        self.posts.borrow().len() + self.remote.borrow().count_posts()
    }

    /// Runs the posts that were there when the wait ended: the first `left` of the queue. The posts that callbacks have
    /// made since then run in the next turn, like the timers that callbacks have armed.
    fn serve_posts(&self, mut left: usize) {
        if left > 0 {
            self.remote.borrow().move_to(&mut self.posts.borrow_mut());
        }
        while left > 0 && !self.is_stopped.get() {
            let Some(post) = self.posts.borrow_mut().pop_front() else { return };
            left -= 1;
            Counters::count(&self.counters.post_calls);
            let start_ns = self.begin_span();
            // SAFETY: as for the timers.
            must_return("the function of a post", || unsafe { (post.run)(post.ctx) });
            self.end_span(start_ns, post.run as usize, Kind::Other, Detail::None);
        }
    }
}
