//! Timers of callbacks, and timers of sleeping futures. Their times and slacks are whole ticks.

use super::{Model, Run, Waiter, pick};
use crate::program::{Action, Body, Event, NONE, REFUSED};
use cogloop::Missed;
use cogloop_engine::Next;
use std::iter::successors;
use std::num::NonZeroU64;

#[derive(Clone, Debug)]
pub(super) struct Timer {
    /// The deadline in ns, and the number of the arming. `None` if the timer is paused; `left_ns` then has the
    /// remaining time.
    armed: Option<(u64, u64)>,
    left_ns: u64,
    slack_ns: u64,
    is_referenced: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Callback {
        name: usize,
        period: Option<(u64, Missed)>,
        body: Body,
    },
    /// With `is_kept` the timer stays after it has fired, and can be set again.
    Sleep {
        waiting: Option<Waiter>,
        is_kept: bool,
    },
}

impl Timer {
    pub(super) fn keeps_the_loop(&self) -> bool {
        self.is_referenced && self.armed.is_some()
    }

    /// The time at which the timer fires, and the number of the arming. Without slack the time is the deadline. With
    /// slack, take the greatest power of ten that is not above the slack. Among the multiples of that power within the
    /// slack, the time is the multiple that is divisible by the highest power of two.
    fn moment(&self) -> Option<(u64, u64)> {
        let (deadline_ns, arming) = self.armed?;
        let powers_of_ten = successors(Some(1_u64), |power| power.checked_mul(10));
        let unit_ns = powers_of_ten.take_while(|&power| power <= self.slack_ns).last().unwrap_or(1);
        let last = deadline_ns.saturating_add(self.slack_ns) / unit_ns;
        let mut rounded_ns = (0..u64::BITS).rev().map(|bits| (last >> bits << bits) * unit_ns);
        Some((rounded_ns.find(|&ns| ns >= deadline_ns).unwrap_or(deadline_ns), arming))
    }

    /// The deadline that follows `deadline_ns`, and the number of missed deadlines between the two. `deadline_ns` was
    /// served at `now_ns`. A deadline that is served within the slack is on time.
    fn next(&self, deadline_ns: u64, (period, policy): (NonZeroU64, Missed), now_ns: u64) -> Next {
        let is_on_time = now_ns <= deadline_ns.saturating_add(self.slack_ns);
        policy.next(deadline_ns, period, if is_on_time { deadline_ns } else { now_ns })
    }
}

impl Model {
    pub(super) fn act_on_timers(&mut self, action: &Action) {
        match action {
            Action::After { delay_ns, body } => self.add_once(self.now_ns + delay_ns, body),
            Action::Every { first_ns, period_ns, missed, slack_ns, body } => {
                let slack_ns = slack_ns.unwrap_or(self.limits.slack_ns);
                self.add_timer(self.now_ns + first_ns, slack_ns, Some((*period_ns, *missed)), body);
            }
            Action::At { at_ns, body } => self.add_once(*at_ns, body),
            Action::Cancel(n) => self.with_timer(*n, Self::cancel),
            Action::Reschedule(n, ns) => self.with_timer(*n, |model, id| model.reschedule(id, model.now_ns + ns)),
            Action::RescheduleAt(n, ns) => self.with_timer(*n, |model, id| model.reschedule(id, *ns)),
            Action::Remaining(n) => self.tell_remaining(*n),
            Action::IsActive(n) => self.with_timer(*n, |_, _| true),
            Action::Pause(n) => self.with_timer(*n, Self::pause),
            Action::Resume(n) => self.with_timer(*n, Self::resume),
            Action::Unref(n) => self.with_timer(*n, |model, id| model.set_referenced(id, false)),
            Action::Ref(n) => self.with_timer(*n, |model, id| model.set_referenced(id, true)),
            _ => unreachable!("{action:?} is not for timers"),
        }
    }

    fn insert_timer(&mut self, deadline_ns: u64, slack_ns: u64, kind: Kind) -> Option<u64> {
        if self.timers.len() >= self.limits.timers {
            return None;
        }
        let (id, armed) = (self.timers_made, Some((deadline_ns, self.armings)));
        (self.timers_made, self.armings) = (id + 1, self.armings + 1);
        self.timers.insert(id, Timer { armed, left_ns: 0, slack_ns, is_referenced: true, kind });
        Some(id)
    }

    /// The slack of a timer that fires once. A timer that is due in the next turn has none.
    fn slack_once(&self, deadline_ns: u64) -> u64 {
        if deadline_ns > self.now_ns { self.limits.slack_ns } else { 0 }
    }

    fn add_once(&mut self, deadline_ns: u64, body: &Body) {
        self.add_timer(deadline_ns, self.slack_once(deadline_ns), None, body);
    }

    fn add_timer(&mut self, deadline_ns: u64, slack_ns: u64, period: Option<(u64, Missed)>, body: &Body) {
        let kind = Kind::Callback { name: self.timer_names.len(), period, body: body.clone() };
        match self.insert_timer(deadline_ns, slack_ns, kind) {
            Some(id) => self.timer_names.push(id),
            None => self.note(Event::Answer(REFUSED)),
        }
    }

    pub(super) fn with_timer(&mut self, n: usize, f: impl FnOnce(&mut Self, u64) -> bool) {
        let Some(&id) = pick(&self.timer_names, n) else { return };
        let answer = self.timers.contains_key(&id) && f(self, id);
        self.note(Event::Answer(answer.into()));
    }

    pub(super) fn tell_remaining(&mut self, n: usize) {
        let Some(&id) = pick(&self.timer_names, n) else { return };
        let left = self.timers.get(&id).map(|timer| match timer.armed {
            Some((deadline_ns, _)) => deadline_ns.saturating_sub(self.now_ns),
            None => timer.left_ns,
        });
        self.note(Event::Answer(left.unwrap_or(NONE)));
    }

    pub(super) fn cancel(&mut self, id: u64) -> bool {
        self.timers.remove(&id).is_some()
    }

    /// Sets the timer for another deadline. If the timer is paused, it resumes.
    pub(super) fn reschedule(&mut self, id: u64, deadline_ns: u64) -> bool {
        let arming = self.armings;
        self.armings += 1;
        self.timers.get_mut(&id).map(|timer| timer.armed = Some((deadline_ns, arming))).is_some()
    }

    pub(super) fn pause(&mut self, id: u64) -> bool {
        let now_ns = self.now_ns;
        let Some(timer) = self.timers.get_mut(&id) else { return false };
        let Some((deadline_ns, _)) = timer.armed.take() else { return false };
        timer.left_ns = deadline_ns.saturating_sub(now_ns);
        true
    }

    pub(super) fn resume(&mut self, id: u64) -> bool {
        let Some(timer) = self.timers.get(&id) else { return false };
        timer.armed.is_none() && self.reschedule(id, self.now_ns + timer.left_ns)
    }

    pub(super) fn set_referenced(&mut self, id: u64, is_referenced: bool) -> bool {
        self.timers.get_mut(&id).map(|timer| timer.is_referenced = is_referenced).is_some()
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        let moments = self.timers.values().filter_map(Timer::moment);
        moments.map(|(moment_ns, _)| moment_ns).filter(|&ns| ns != u64::MAX).min()
    }

    /// Appends the timers that have become due to those that were due before. Their order is by the time at which they
    /// fire, then by arming.
    pub(super) fn find_due(&mut self) {
        let known: Vec<_> = self.due.iter().copied().collect();
        let mut due: Vec<_> =
            self.timers.iter().filter_map(|(&id, timer)| timer.moment().map(|moment| (moment, id))).collect();
        due.retain(|&((moment_ns, arming), id)| moment_ns <= self.turn_ns && !known.contains(&(id, arming)));
        due.sort();
        self.due.extend(due.into_iter().map(|((_, arming), id)| (id, arming)));
    }

    /// Takes the next due timer, and returns it with its deadline. A timer that was changed after it became due is
    /// skipped.
    fn next_due(&mut self) -> Option<(u64, u64)> {
        while let Some((id, arming)) = self.due.pop_front() {
            let armed = self.timers.get(&id).and_then(|timer| timer.armed).filter(|armed| armed.1 == arming);
            if let Some((deadline_ns, _)) = armed {
                return Some((id, deadline_ns));
            }
        }
        None
    }

    /// Whether there are due timers that the last turn has not served.
    pub(super) fn has_due(&self) -> bool {
        self.due.iter().any(|(id, arming)| {
            self.timers.get(id).and_then(|timer| timer.armed).is_some_and(|armed| armed.1 == *arming)
        })
    }

    pub(super) fn serve_timers(&mut self) -> Run<usize> {
        self.timers_share.begin(self.turn_ns);
        loop {
            let (most, has_descriptor) = (self.limits.callbacks, self.has_descriptor());
            let share = &mut self.timers_share;
            if self.is_stopped || share.served >= most {
                break;
            }
            // If the loop has no descriptor when the clock would be read, the clock is not read again in this
            // turn. A descriptor that is added later cannot be ready in this turn.
            if !has_descriptor && share.served >= share.look_at {
                share.look_at = most;
            }
            if share.is_over(self.now_ns, most, has_descriptor) {
                break;
            }
            let Some((id, deadline_ns)) = self.next_due() else { break };
            self.timers_share.served += 1;
            self.fire(id, deadline_ns)?;
        }
        Ok(self.timers_share.served)
    }

    fn fire(&mut self, id: u64, deadline_ns: u64) -> Run {
        match self.timers[&id].kind.clone() {
            Kind::Sleep { waiting, is_kept } => {
                if is_kept {
                    self.reschedule(id, u64::MAX);
                    self.set_waiting(id, None);
                } else {
                    self.timers.remove(&id);
                }
                waiting.into_iter().for_each(|waiter| self.wake(waiter));
                Ok(())
            }
            Kind::Callback { name, period, body } => {
                let mut missed = 0;
                match period.and_then(|(period_ns, policy)| Some((NonZeroU64::new(period_ns)?, policy))) {
                    Some(schedule) => {
                        let next = self.timers[&id].next(deadline_ns, schedule, self.turn_ns);
                        missed = next.missed;
                        self.reschedule(id, next.deadline);
                    }
                    None => self.timers.remove(&id).map_or((), drop),
                }
                self.state += 1;
                self.note(Event::Fired { timer: name, deadline_ns, late_ns: self.turn_ns - deadline_ns, missed });
                let ended = self.body(&body);
                if ended != Ok(true) {
                    self.timers.remove(&id);
                }
                ended.map(drop)
            }
        }
    }

    /// Adds a timer for a future, and arms it at once.
    pub(super) fn add_sleep(&mut self, deadline_ns: u64, is_kept: bool) -> Option<u64> {
        let slack_ns = if is_kept { self.limits.slack_ns } else { self.slack_once(deadline_ns) };
        self.insert_timer(deadline_ns, slack_ns, Kind::Sleep { waiting: None, is_kept })
    }

    pub(super) fn set_waiting(&mut self, id: u64, waiter: Option<Waiter>) {
        if let Some(Timer { kind: Kind::Sleep { waiting, .. }, .. }) = self.timers.get_mut(&id) {
            *waiting = waiter;
        }
    }

    /// Whether the sleep's timer exists and is set for that deadline.
    pub(super) fn is_set(&self, id: u64, deadline_ns: u64) -> bool {
        self.timers.get(&id).and_then(|timer| timer.armed).is_some_and(|armed| armed.0 == deadline_ns)
    }
}
