//! How the model runs a loop: its hooks, its wait, and its callbacks.

use super::{Endless, Loop, Model, OK, RUNNING, Run, Serving, Timer, Watch};
use crate::program::{Call, Event, LEVEL, NEVER};
use cogloop_engine::{Missed, Next};
use std::num::NonZeroU64;

const TURNS_MAX: usize = 500;

const IDLE: i32 = 1;
const PREPARE: i32 = 2;
const CHECK: i32 = 3;

impl Model {
    pub(super) fn run(&mut self, n: usize, call: &Call) -> Run {
        if std::mem::replace(&mut self.loops[n].is_running, true) {
            self.code(RUNNING);
            return Ok(());
        }
        self.loops[n].is_stopped = false;
        match *call {
            Call::Run(_) => {
                let mut turns = 0;
                while !self.loops[n].is_stopped && self.is_alive(n) {
                    turns += 1;
                    if turns > TURNS_MAX {
                        return Err(Endless);
                    }
                    self.turn(n, NEVER)?;
                }
            }
            Call::RunOnce(_, ns) => self.turn(n, ns)?,
            _ => self.turn(n, 0)?,
        }
        self.loops[n].is_running = false;
        let is_alive = self.is_alive(n) && !self.loops[n].is_freed;
        if matches!(call, Call::RunOnce(..)) {
            self.log_output(is_alive.into())
        } else {
            self.code(OK)
        }
        Ok(())
    }

    fn is_alive(&self, n: usize) -> bool {
        let keeps = |timer: &Timer| timer.of == n && timer.is_live && timer.is_referenced && timer.armed.is_some();
        let watches = |watch: &Watch| watch.of == n && watch.is_live && watch.is_referenced;
        self.loops[n].is_kept_alive
            || self.is_busy(n)
            || !self.loops[n].posts.is_empty()
            || self.timers.iter().any(keeps)
            || self.watches.iter().any(watches)
    }

    /// Whether there is an idle hook, which runs in each turn.
    fn is_busy(&self, n: usize) -> bool {
        self.hooks.iter().any(|hook| hook.of == n && hook.is_live && hook.when == IDLE)
    }

    /// Calls the hooks that exist at the start and still exist at their call.
    fn call_hooks(&mut self, n: usize, when: i32) -> Run {
        for hook in 0..self.hooks.len() {
            if self.loops[n].is_stopped {
                break;
            }
            let of = &self.hooks[hook];
            if of.of == n && of.when == when && of.is_live {
                let body = of.body;
                self.note(Event::Hooked { body });
                self.body(body)?;
            }
        }
        Ok(())
    }

    /// The time that an outer loop may wait.
    pub(super) fn next_timeout(&mut self, n: usize) -> u64 {
        self.forget_changed(n);
        let known = &self.loops[n];
        if !known.posts.is_empty() || self.is_busy(n) || !known.due.is_empty() {
            return 0;
        }
        self.next_moment(n).map_or(NEVER, |next| next.saturating_sub(known.now_ns))
    }

    fn next_moment(&self, n: usize) -> Option<u64> {
        let timers = self.timers.iter().filter(|timer| timer.of == n && timer.is_live);
        let moments = timers.filter_map(|timer| Some(timer.moment(&self.loops[n], timer.armed?.0)));
        moments.filter(|&ns| ns != NEVER).min()
    }

    /// Drops the due timers that were cancelled or changed. Other timers that a turn did not serve stay due.
    fn forget_changed(&mut self, n: usize) {
        let timers = &self.timers;
        self.loops[n].due.retain(|&(timer, arming)| {
            timers[timer].is_live && timers[timer].armed.is_some_and(|armed| armed.1 == arming)
        });
    }

    /// The watches that the loop would report.
    fn ready(&self, n: usize) -> Vec<usize> {
        let watches = self.watches.iter().enumerate();
        let ready = watches.filter(|(_, watch)| watch.of == n && watch.is_wanted() && self.bytes[watch.pipe] > 0);
        ready.map(|(watch, _)| watch).collect()
    }

    fn turn(&mut self, n: usize, most_ns: u64) -> Run {
        self.call_hooks(n, IDLE)?;
        self.call_hooks(n, PREPARE)?;
        if self.loops[n].is_stopped {
            return Ok(());
        }
        let is_waiting = self.loops[n].posts.is_empty() && !self.is_busy(n) && self.is_alive(n) && most_ns != 0;
        let next = self.next_moment(n);
        let is_woken = std::mem::take(&mut self.loops[n].is_woken);
        let has_ready = !self.ready(n).is_empty();
        self.forget_changed(n);
        let known = &mut self.loops[n];
        // A wake matters only for a wait without a limit. Virtual time jumps to the end of any other wait at once, so
        // there the wake has nothing to end.
        if is_waiting && !has_ready && known.due.is_empty() {
            let latest_ns = known.now_ns.saturating_add(most_ns);
            known.now_ns = match next {
                Some(next) => next.max(known.now_ns).min(latest_ns),
                None if most_ns == NEVER && is_woken => known.now_ns,
                None if most_ns == NEVER => return Err(Endless),
                None => latest_ns,
            };
        }
        known.turn_ns = known.now_ns;
        known.cached_ns = known.cached_ns.max(known.turn_ns);
        known.turns += 1;
        self.find_due(n);
        let ready = self.ready(n);
        let posts = self.loops[n].posts.len();
        self.call_hooks(n, CHECK)?;
        self.serve_timers(n)?;
        self.serve_watches(n, ready)?;
        for _ in 0..posts {
            if self.loops[n].is_stopped {
                break;
            }
            let Some(body) = self.loops[n].posts.pop_front() else { break };
            self.loops[n].post_calls += 1;
            self.note(Event::Posted { body });
            self.body(body)?;
        }
        Ok(())
    }

    fn find_due(&mut self, n: usize) {
        let known = &self.loops[n];
        let mut due: Vec<_> = Vec::new();
        for (timer, of) in self.timers.iter().enumerate().filter(|(_, timer)| timer.of == n && timer.is_live) {
            let Some((scheduled_ns, arming)) = of.armed else { continue };
            let moment_ns = of.moment(known, scheduled_ns);
            if moment_ns <= known.turn_ns && !known.due.contains(&(timer, arming)) {
                due.push((moment_ns, arming, timer));
            }
        }
        due.sort_unstable();
        self.loops[n].due.extend(due.into_iter().map(|(_, arming, timer)| (timer, arming)));
    }

    fn serve_timers(&mut self, n: usize) -> Run {
        let turn_ns = self.loops[n].turn_ns;
        self.loops[n].timers_share.begin(turn_ns);
        while !self.loops[n].is_stopped {
            let timers = &self.timers;
            let armed = |&(timer, arming): &(usize, u64)| {
                timers[timer].armed.filter(|armed| timers[timer].is_live && armed.1 == arming)
            };
            while self.loops[n].due.front().is_some_and(|first| armed(first).is_none()) {
                self.loops[n].due.pop_front();
            }
            let has_watches = self.watches.iter().any(|watch| watch.of == n && watch.is_live);
            let known = &mut self.loops[n];
            // If there is no watch when the clock would be read, the clock is not read again in this turn. A descriptor
            // that is watched later cannot be ready in this turn.
            if !has_watches && known.timers_share.served >= known.timers_share.look_at {
                known.timers_share.look_at = known.served_max;
                if known.timers_share.served >= known.served_max {
                    break;
                }
            }
            if known.timers_share.is_over(known.now_ns, known.served_max, has_watches) {
                break;
            }
            let Some(&(timer, arming)) = self.loops[n].due.front() else { break };
            let Some((scheduled_ns, _)) = armed(&(timer, arming)) else { break };
            self.loops[n].timers_share.served += 1;
            self.loops[n].due.pop_front();
            let (known, next_arming) = (&mut self.loops[n], self.armings);
            let (turn_ns, deadline_ns) = (known.turn_ns, known.deadline(scheduled_ns));
            self.armings += 1;
            let of = &mut self.timers[timer];
            let (body, mut missed, mut end) = (of.body, 0, None);
            match of.period {
                Some((period, policy)) => {
                    let next = follow(known, policy, (scheduled_ns, of.slack_ns), period);
                    (missed, of.armed) = (next.missed, Some((next.deadline, next_arming)));
                }
                None if of.is_kept => (of.armed, of.left_ns) = (None, None),
                None => {
                    of.is_live = false;
                    end = of.tells_end.then_some(Event::TimerEnded { body });
                }
            }
            let late_ns = turn_ns - deadline_ns;
            known.timer_calls += 1;
            known.late_ns_max = known.late_ns_max.max(late_ns);
            known.serving = Some(Serving::Timer(timer));
            self.note(Event::Fired { timer: Some(timer), deadline_ns, late_ns, missed, body });
            self.body(body)?;
            self.finish_serving(n, end)?;
        }
        Ok(())
    }

    /// Serves the watches that the wait found ready and that still exist.
    fn serve_watches(&mut self, n: usize, mut ready: Vec<usize>) -> Run {
        let has_timers = |model: &Self| model.timers.iter().any(|timer| timer.of == n && timer.is_live);
        let known = &mut self.loops[n];
        let began_ns = known.timers_share.looked_ns.max(known.turn_ns);
        known.watches_share.begin(began_ns);
        while !ready.is_empty() {
            let is_shared = has_timers(self);
            let known = &mut self.loops[n];
            if known.is_stopped || known.watches_share.is_over(known.now_ns, known.served_max, is_shared) {
                break;
            }
            let next = self.take_next(&mut ready, |model, &watch| model.ready_event(watch));
            let Some(watch) = next.filter(|&watch| self.watches[watch].is_wanted()) else {
                continue;
            };
            let Watch { pipe, mode, body, .. } = self.watches[watch];
            self.watches[watch].is_silent = mode != LEVEL;
            let known = &mut self.loops[n];
            known.watches_share.served += 1;
            known.watch_calls += 1;
            known.serving = Some(Serving::Watch(watch));
            self.note(self.ready_event(watch));
            self.bytes[pipe] = self.bytes[pipe].saturating_sub(1);
            self.body(body)?;
            self.finish_serving(n, None)?;
        }
        Ok(())
    }

    fn ready_event(&self, watch: usize) -> Event {
        Event::Ready { watch: self.watch_handle(watch), directions: 1, body: self.watches[watch].body }
    }
}

/// The deadline that follows a scheduled time which is served in this turn. Within its slack a timer is on time. With
/// `Skip`, time counts as passed only up to the start of the current tick. If several deadlines without slack are in
/// one tick, all but the first are late.
fn follow(known: &Loop, policy: Missed, (scheduled_ns, slack_ns): (u64, u64), period: NonZeroU64) -> Next {
    let is_short = slack_ns == 0 && period.get() < known.tick_ns;
    if !is_short && known.turn_ns <= known.deadline(scheduled_ns.saturating_add(slack_ns)) {
        return Next { deadline: scheduled_ns.saturating_add(period.get()), missed: 0 };
    }
    let passed_ns = if policy == Missed::Skip { known.begun(known.turn_ns) } else { known.turn_ns };
    policy.next(scheduled_ns, period, passed_ns)
}
