//! The user's actions on timers.

use std::num::NonZeroU64;

use cogloop_io::{Missed, Plan};
use fastrand::Rng;

use super::timers::{Id, State};
use super::trace::Ns;
use super::world::{Loop, Shared, World};

fn delay_ns(random: &mut Rng) -> u64 {
    const MS: u64 = 1_000_000;
    match random.u8(0..32) {
        0..=4 => 0,
        5..=8 => random.u64(0..10_000),
        9..=16 => random.u64(0..20) * MS,
        17..=22 => random.u64(0..60 * MS),
        23..=25 => random.u64(0..3_600_000 * MS),
        26 => ((1 << 31) + random.u64(0..3) - 1) * MS,
        27 => ((1 << 32) + random.u64(0..20) - 1) * MS,
        28 => (1 << 48) + random.u64(0..3) - 1,
        29 => (1 << 63) + random.u64(0..3) - 2,
        30 => u64::MAX,
        _ => (1 << random.u32(0..40)) + random.u64(0..3) - 1,
    }
}

impl World {
    fn has_room_for_a_timer(&self) -> bool {
        self.timers.len() < self.limits.timers
    }

    /// Usually a live timer, otherwise any timer ever made.
    fn any_timer(&self, random: &mut Rng) -> Option<Id> {
        let live = self.timers.ids(|_| true);
        if random.u8(0..4) > 0 && !live.is_empty() {
            return random.choice(live);
        }
        (self.timers.next_id() > 0).then(|| random.u64(0..self.timers.next_id()))
    }
}

pub(super) fn add(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let delay_ns = delay_ns(random);
    add_one(world, events, delay_ns, random.bool());
}

/// C03: adds many timers at a time, with deadlines close together.
pub(super) fn add_crowd(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let (delay_ns, span_ns) = (delay_ns(random), 1 << random.u32(0..34));
    for _ in 0..random.u32(20..200) {
        add_one(world, events, delay_ns.saturating_add(random.u64(0..span_ns)), true);
    }
}

fn add_one(world: &Shared, events: &mut Loop, delay_ns: u64, is_absolute: bool) {
    let (id, now_ns) = (world.borrow().timers.next_id(), events.now_ns());
    let deadline_ns = now_ns.saturating_add(delay_ns);
    let added = match is_absolute {
        true => events.try_add_timer_at(deadline_ns, id),
        false => events.try_add_timer(delay_ns, id),
    };
    let world = &mut *world.borrow_mut();
    assert_eq!(added.is_ok(), world.has_room_for_a_timer(), "another timer: {added:?}");
    let Ok(key) = added else { return world.note(format_args!("a timer too many")) };
    match (is_absolute, delay_ns) {
        (false, 0) => world.timers.made_due(key, now_ns),
        _ => world.timers.made(key, Plan::once(deadline_ns)),
    }
    world.note(format_args!("timer {id}: in {}", Ns(delay_ns)));
}

pub(super) fn add_planned(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let id = world.borrow().timers.next_id();
    let first_ns = events.now_ns().saturating_add(delay_ns(random));
    let missed = [Missed::Burst, Missed::Skip, Missed::Delay][random.usize(0..3)];
    let period = NonZeroU64::new(random.u64(1..50) * 1_000_000 + random.u64(0..2)).unwrap_or(NonZeroU64::MIN);
    // After a jump of a century, a timer with the policy `Burst` would fire once for each period of that century.
    let repeats = random.u8(0..4) > 0 && missed != Missed::Burst || random.u8(0..8) == 0;
    let plan = if repeats { Plan::every(first_ns, period, missed) } else { Plan::once(first_ns) };
    let slack_ns = if random.bool() { random.u64(0..5_000_000) } else { 0 };
    let plan = plan.with_slack(slack_ns);
    let added = events.try_add_planned(plan, id);
    let world = &mut *world.borrow_mut();
    assert_eq!(added.is_ok(), world.has_room_for_a_timer(), "another timer: {added:?}");
    let Ok(key) = added else { return world.note(format_args!("a timer too many")) };
    world.timers.made(key, plan);
    let period = plan.period.map_or("once".to_owned(), |period| format!("every {}, {missed:?}", Ns(period.get())));
    world.note(format_args!("timer {id}: at {}, {period}, slack {}", Ns(first_ns), Ns(slack_ns)));
}

/// C06 to C09: cancels a timer that is pending, is due, or has ended.
pub(super) fn cancel(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(id) = world.borrow().any_timer(random) else { return };
    let key = world.borrow().timers.key(id);
    let value = events.cancel_timer(key);
    let world = &mut *world.borrow_mut();
    let expected = world.timers.ended(id).then_some(id);
    assert_eq!(value, expected, "the result of cancelling timer {id}");
    world.note(format_args!("cancel timer {id}: {value:?}"));
}

/// C11: a timer is re-armed in its own callback and in another one. C12: of several re-arms the last one counts.
pub(super) fn reschedule(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(id) = world.borrow().any_timer(random) else { return };
    let key = world.borrow().timers.key(id);
    let deadline_ns = match random.u8(0..8) {
        0 => random.u64(0..=events.now_ns()),
        _ => events.now_ns().saturating_add(delay_ns(random)),
    };
    let is_live = events.reschedule_timer_at(key, deadline_ns);
    let world = &mut *world.borrow_mut();
    assert_eq!(is_live, world.timers.moved(id, deadline_ns), "the result of moving timer {id}");
    world.note(format_args!("move timer {id} to {}: {is_live}", Ns(deadline_ns)));
}

pub(super) fn pause(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(id) = world.borrow().any_timer(random) else { return };
    let (key, now_ns) = (world.borrow().timers.key(id), events.now_ns());
    let is_paused = events.pause_timer(key);
    let world = &mut *world.borrow_mut();
    assert_eq!(is_paused, world.timers.paused(id, now_ns), "the result of pausing timer {id}");
    world.note(format_args!("pause timer {id}: {is_paused}"));
}

pub(super) fn resume(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let paused = world.borrow().timers.ids(|timer| matches!(timer.state, State::Paused(..)));
    let id = if random.bool() { random.choice(paused) } else { world.borrow().any_timer(random) };
    let Some(id) = id else { return };
    let key = world.borrow().timers.key(id);
    let left_ns = events.remaining_ns(key);
    let resumed = events.resume_timer(key);
    let world = &mut *world.borrow_mut();
    assert_eq!(resumed, world.timers.is_paused(id), "the result of resuming timer {id}");
    if resumed {
        let left_ns = left_ns.unwrap_or_else(|| panic!("timer {id} is paused and has no remaining time"));
        world.check_left(id, Some(left_ns));
        world.timers.moved(id, world.kernel.now_ns().saturating_add(left_ns));
    }
    world.note(format_args!("resume timer {id}: {resumed}"));
}

impl World {
    fn check_left(&self, id: Id, left_ns: Option<u64>) {
        let expected = self.timers.left_ns(id, self.kernel.now_ns());
        let agree = match (left_ns, expected) {
            (Some(left_ns), Some((least_ns, most_ns))) => (least_ns..=most_ns).contains(&left_ns),
            (left, expected) => left.is_none() && expected.is_none(),
        };
        assert!(agree, "timer {id} has {left_ns:?} ns left, not {expected:?}");
    }
}

/// C34: some timers and descriptors do not keep a loop going.
pub(super) fn reference(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(id) = world.borrow().any_timer(random) else { return };
    let (key, keeps) = (world.borrow().timers.key(id), random.bool());
    let is_live = if keeps { events.ref_timer(key) } else { events.unref_timer(key) };
    let world = &mut *world.borrow_mut();
    assert_eq!(is_live, world.timers.set_referenced(id, keeps), "the result of ref or unref for timer {id}");
    world.note(format_args!("timer {id} keeps the loop going: {keeps}"));
}

pub(super) fn ask(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(id) = world.borrow().any_timer(random) else { return };
    let key = world.borrow().timers.key(id);
    let world = world.borrow();
    world.check_left(id, events.remaining_ns(key));
    assert_eq!(events.timer(key).copied(), world.timers.get(id).map(|_| id), "the value of timer {id}");
}
