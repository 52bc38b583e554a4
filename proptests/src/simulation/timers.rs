//! The loop's promises about timers. Each promise has its own check. C01, C02 and so on are the rows of
//! docs/conformance.md.
//!
//! ```text
//!   armed ──► may fire from here on          must fire in a turn whose wait ends here or later
//!      │              │                              │
//!      └──────────────┴───────── slack ──────────────┴───────►  time
//! ```
//!
//! For a timer without slack both times are the first tick at or after its deadline.

use std::collections::BTreeMap;

use cogloop_io::{ExpiredTimer, Key, Missed, Plan};

use super::kernel::END;
use super::trace::Ns;

/// A timer's number: its value in the loop.
pub(super) type Id = u64;

#[derive(Clone, Debug)]
pub(super) struct Timer {
    pub(super) plan: Plan,
    pub(super) is_referenced: bool,
    pub(super) state: State,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Armed(Armed),
    /// The remaining time: its least and its greatest possible value.
    Paused(u64, u64),
}

#[derive(Clone, Debug)]
pub(super) struct Armed {
    /// The deadline that was asked for.
    asked_ns: u64,
    /// The time from which the timer may fire; `None` for never.
    from_ns: Option<u64>,
    /// The timer is due in the first turn whose wait ends at this time or later; `None` for never.
    by_ns: Option<u64>,
    /// The timer's order among timers with equal deadlines.
    order: u64,
    /// The number of turns that had ended their wait when the timer was armed.
    armed_in: u64,
    /// The turn that found the timer due.
    due_in: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Timers {
    resolution_ns: u64,
    live: BTreeMap<Id, Timer>,
    keys: Vec<Key>,
    order: u64,
    pub(super) turn: u64,
    /// The number of timers that have fired in this turn.
    pub(super) served: usize,
}

impl Timers {
    pub(super) fn new(resolution_ns: u64) -> Self {
        Self { resolution_ns, live: BTreeMap::new(), keys: Vec::new(), order: 0, turn: 0, served: 0 }
    }

    /// The number of the next timer.
    pub(super) fn next_id(&self) -> Id {
        self.keys.len() as Id
    }

    /// The key of any timer ever made.
    pub(super) fn key(&self, id: Id) -> Key {
        self.keys[id as usize]
    }

    pub(super) fn get(&self, id: Id) -> Option<&Timer> {
        self.live.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn referenced(&self) -> usize {
        self.live.values().filter(|timer| timer.is_referenced && !matches!(timer.state, State::Paused(..))).count()
    }

    /// The timers that never end by themselves: they repeat, or their time is beyond the end of the simulation.
    pub(super) fn far_or_repeating(&self) -> Vec<Id> {
        let is_far = |plan: &Plan| self.up(plan.deadline.saturating_add(plan.slack)).is_none_or(|by_ns| by_ns > END);
        self.ids(|timer| timer.plan.period.is_some() || is_far(&timer.plan))
    }

    /// Whether no timer will fire any more, because all remaining timers are paused.
    pub(super) fn is_at_rest(&self) -> bool {
        self.armed().next().is_none()
    }

    /// The live timers for which `wanted` is true.
    pub(super) fn ids(&self, wanted: impl Fn(&Timer) -> bool) -> Vec<Id> {
        self.live.iter().filter(|(_, timer)| wanted(timer)).map(|(&id, _)| id).collect()
    }

    /// The first start of a tick that is not before `ns`; `None` if no clock reaches it.
    fn up(&self, ns: u64) -> Option<u64> {
        ns.div_ceil(self.resolution_ns).checked_mul(self.resolution_ns).filter(|&ns| ns < u64::MAX)
    }

    fn arm(&mut self, plan: &Plan) -> State {
        self.order += 1;
        State::Armed(Armed {
            asked_ns: plan.deadline,
            from_ns: self.up(plan.deadline),
            by_ns: self.up(plan.deadline.saturating_add(plan.slack)),
            order: self.order,
            armed_in: self.turn,
            due_in: None,
        })
    }

    pub(super) fn made(&mut self, key: Key, plan: Plan) {
        let state = self.arm(&plan);
        self.live.insert(self.next_id(), Timer { plan, is_referenced: true, state });
        self.keys.push(key);
    }

    /// Records a timer without delay. It is due in the next turn, whenever that turn is.
    pub(super) fn made_due(&mut self, key: Key, now_ns: u64) {
        let floor_ns = now_ns / self.resolution_ns * self.resolution_ns;
        self.made(key, Plan::once(floor_ns));
    }

    /// Records that a timer was cancelled. Returns whether it existed.
    pub(super) fn ended(&mut self, id: Id) -> bool {
        self.live.remove(&id).is_some()
    }

    /// Records that a timer was rescheduled. Returns whether it existed.
    pub(super) fn moved(&mut self, id: Id, deadline_ns: u64) -> bool {
        let Some(mut timer) = self.live.remove(&id) else { return false };
        timer.plan.deadline = deadline_ns;
        timer.state = self.arm(&timer.plan);
        self.live.insert(id, timer);
        true
    }

    /// Records that a timer was paused. Returns whether it was armed before.
    pub(super) fn paused(&mut self, id: Id, now_ns: u64) -> bool {
        let Some(Timer { plan, state: State::Armed(_), .. }) = self.live.get(&id) else { return false };
        let least_ns = plan.deadline.saturating_sub(now_ns);
        let most_ns = self.up(plan.deadline).unwrap_or(u64::MAX).saturating_sub(now_ns);
        if let Some(timer) = self.live.get_mut(&id) {
            timer.state = State::Paused(least_ns, most_ns);
        }
        true
    }

    /// The least and the greatest possible remaining time of a timer.
    pub(super) fn left_ns(&self, id: Id, now_ns: u64) -> Option<(u64, u64)> {
        let timer = self.live.get(&id)?;
        Some(match &timer.state {
            State::Paused(least_ns, most_ns) => (*least_ns, *most_ns),
            State::Armed(armed) => {
                let most_ns = self.up(armed.asked_ns).unwrap_or(u64::MAX);
                (armed.asked_ns.saturating_sub(now_ns), most_ns.saturating_sub(now_ns))
            }
        })
    }

    pub(super) fn is_paused(&self, id: Id) -> bool {
        matches!(self.live.get(&id), Some(Timer { state: State::Paused(..), .. }))
    }

    pub(super) fn set_referenced(&mut self, id: Id, is_referenced: bool) -> bool {
        let timer = self.live.get_mut(&id);
        timer.map(|timer| timer.is_referenced = is_referenced).is_some()
    }

    pub(super) fn cleared(&mut self) {
        self.live.clear();
    }

    fn armed(&self) -> impl Iterator<Item = (Id, &Armed, &Plan)> {
        self.live.iter().filter_map(|(&id, timer)| match &timer.state {
            State::Armed(armed) => Some((id, armed, &timer.plan)),
            State::Paused(..) => None,
        })
    }

    /// C24 to C27: the least and the greatest time that a turn may wait. A turn waits until the next timer is due, even
    /// if other timers were cancelled or moved. `None` is for ever.
    pub(super) fn patience_ns(&self, now_ns: u64) -> (Option<u64>, Option<u64>) {
        if self.armed().any(|(_, armed, _)| armed.due_in.is_some()) {
            return (Some(0), Some(0));
        }
        let least = self.armed().filter_map(|(_, armed, _)| armed.from_ns).min();
        let most = self.armed().filter_map(|(_, armed, _)| armed.by_ns).min();
        (least.map(|ns| ns.saturating_sub(now_ns)), most.map(|ns| ns.saturating_sub(now_ns)))
    }

    /// Records that a turn ended its wait at this time.
    pub(super) fn turned(&mut self, now_ns: u64) {
        self.turn += 1;
        self.served = 0;
        for timer in self.live.values_mut() {
            let State::Armed(armed) = &mut timer.state else { continue };
            if armed.due_in.is_none() && armed.armed_in < self.turn && armed.by_ns.is_some_and(|by_ns| by_ns <= now_ns)
            {
                armed.due_in = Some(self.turn);
            }
        }
    }

    /// C02, C22: checks that all due timers have fired.
    pub(super) fn check_all_served(&self) {
        let left = self.armed().find(|(_, armed, _)| armed.due_in.is_some());
        assert!(left.is_none(), "timer {} was due and did not fire", left.map_or(0, |(id, ..)| id));
    }

    /// C01 to C04, C06 to C12, C16, C30: checks that the timer exists, is not early, and was not armed in this turn. So
    /// a timer fires at most once in a turn. Also checks the timer's key, deadline and lateness. A timer without slack
    /// must be due, and no other timer without slack should have come before it.
    pub(super) fn fired(&mut self, timer: &ExpiredTimer<Id>, turn_ns: u64) {
        let id = timer.value;
        self.served += 1;
        let ours = self.live.get(&id).unwrap_or_else(|| panic!("timer {id} fired after its end"));
        let State::Armed(armed) = &ours.state else { panic!("timer {id} fired while it was paused") };
        assert_eq!(timer.key, self.key(id), "timer {id} fired under another key");
        assert!(armed.asked_ns <= turn_ns, "timer {id} fired {} early", Ns(armed.asked_ns.saturating_sub(turn_ns)));
        assert!(armed.armed_in < self.turn, "timer {id} fired in the turn in which it was armed");
        if ours.plan.slack == 0 {
            assert!(armed.due_in.is_some(), "timer {id} fired before its tick");
            let before = |(_, other, plan): &(Id, &Armed, &Plan)| {
                let is_before = (other.due_in, other.by_ns, other.order) < (armed.due_in, armed.by_ns, armed.order);
                plan.slack == 0 && other.due_in.is_some() && is_before
            };
            if let Some((other, ..)) = self.armed().find(before) {
                panic!("timer {id} fired before timer {other}, which is due earlier or was armed earlier");
            }
        }
        let reported_ns = self.up(armed.asked_ns).unwrap_or(u64::MAX);
        assert_eq!(timer.deadline_ns, reported_ns, "timer {id} reports another deadline");
        assert_eq!(timer.late_ns, turn_ns.saturating_sub(timer.deadline_ns), "the lateness of timer {id}");
        if ours.plan.period.is_none() {
            assert_eq!(timer.missed, 0, "timer {id} does not repeat, and reports missed deadlines");
            self.live.remove(&id);
        }
    }

    /// C13, C14: a repeating timer continues at `next_ns`, by its policy.
    pub(super) fn repeated(&mut self, timer: &ExpiredTimer<Id>, next_ns: Option<u64>, turn_ns: u64) {
        let id = timer.value;
        let Some(mut ours) = self.live.remove(&id) else { return };
        let Some(period) = ours.plan.period.map(u64::from) else { return };
        let next_ns = next_ns.unwrap_or_else(|| panic!("timer {id} repeats and has no next deadline"));
        let (deadline_ns, missed) = (ours.plan.deadline, timer.missed);
        // A timer is on time within its slack. The reported deadline is rounded up; the schedule is not.
        let is_late = self.up(deadline_ns.saturating_add(ours.plan.slack)).is_some_and(|latest_ns| turn_ns > latest_ns)
            || ours.plan.slack == 0 && period < self.resolution_ns;
        let expected_ns = match ours.plan.missed {
            Missed::Delay if is_late => turn_ns.saturating_add(period),
            Missed::Skip if is_late => {
                let nth_ns = |n: u64| u128::from(deadline_ns) + u128::from(n) * u128::from(period);
                let has_passed =
                    |ns: u128| u64::try_from(ns).is_ok_and(|ns| self.up(ns).is_some_and(|ns| ns <= turn_ns));
                assert!(!has_passed(nth_ns(missed + 1)), "timer {id} skipped too few of its deadlines");
                assert!(missed == 0 || has_passed(nth_ns(missed)), "timer {id} skipped a deadline that has not passed");
                nth_ns(missed + 1).try_into().unwrap_or(u64::MAX)
            }
            _ => deadline_ns.saturating_add(period),
        };
        assert!(missed == 0 || is_late && ours.plan.missed == Missed::Skip, "timer {id} missed {missed}");
        assert_eq!(next_ns, self.up(expected_ns).unwrap_or(u64::MAX), "timer {id} left its schedule");
        ours.plan.deadline = expected_ns;
        ours.state = self.arm(&ours.plan);
        self.live.insert(id, ours);
    }
}
