//! Tests the wheel and the scheduler while memory runs out.

use crate::allocator::{Grant, with};
use crate::{Dice, at_each_request};
use cogloop_engine::{Key, Missed, NoRoom, Plan, Scheduler, Wheel};

/// The fate of each timer that was to be added, by number. The log is made before memory runs out.
struct Log {
    keys: Vec<Option<Key>>,
    deadlines: Vec<u64>,
    popped: Vec<(u64, u64)>,
}

impl Log {
    fn new() -> Self {
        Self { keys: Vec::with_capacity(8192), deadlines: Vec::with_capacity(8192), popped: Vec::with_capacity(8192) }
    }
}

/// Inserts many timers into slots of several levels and in the past. Cancels, moves and disarms some, and lets all
/// others expire.
fn use_wheel<const BITS: u32, const LEVELS: usize>(wheel: &mut Wheel<u64, BITS, LEVELS>, log: &mut Log) {
    let mut dice = Dice(7);
    for (round, span) in [10_u64, 300, 3_000, 70_000, 1 << 26].into_iter().enumerate() {
        let start = wheel.now();
        for _ in 0..1_200 {
            let deadline = (start + dice.below(span)).saturating_sub(20 * (round as u64 % 2));
            let added = wheel.try_insert(deadline, log.keys.len() as u64);
            assert!(added.is_ok() || added == Err(NoRoom::Memory));
            log.keys.push(added.ok());
            log.deadlines.push(deadline);
        }
        for _ in 0..200 {
            let id = dice.below(log.keys.len() as u64) as usize;
            let Some(key) = log.keys[id] else { continue };
            match dice.below(3) {
                0 => {
                    if wheel.cancel(key).is_some() {
                        log.keys[id] = None;
                    }
                }
                1 => {
                    let deadline = start + dice.below(span);
                    if wheel.reschedule(key, deadline) {
                        log.deadlines[id] = deadline;
                    }
                }
                _ => {
                    if wheel.disarm(key) {
                        wheel.reschedule(key, log.deadlines[id]);
                    }
                }
            }
        }
        wheel.cascade_early(64);
        for step in 1..=4 {
            wheel.advance_within(start + span * step / 4, if step == 2 { 100 } else { usize::MAX });
            while let Some(expired) = wheel.pop_expired() {
                assert!(expired.deadline <= wheel.now(), "early");
                log.popped.push((expired.deadline, expired.value));
            }
        }
    }
    wheel.advance(wheel.now() + (1 << 27));
    while let Some(expired) = wheel.pop_expired() {
        log.popped.push((expired.deadline, expired.value));
    }
}

/// Uses a wheel with this grant of memory. Returns how many requests were refused.
fn wheel_story<const BITS: u32, const LEVELS: usize>(grant: Grant) -> usize {
    let (mut wheel, mut log) = (Wheel::<u64, BITS, LEVELS>::with_geometry(), Log::new());
    let ((), refused) = with(grant, || use_wheel(&mut wheel, &mut log));
    wheel.audit();
    assert!(wheel.is_empty());
    let mut popped: Vec<u64> = log.popped.iter().map(|&(_, id)| id).collect();
    popped.sort_unstable();
    let mut live: Vec<u64> = (0..).zip(&log.keys).filter(|(_, key)| key.is_some()).map(|(id, _)| id).collect();
    live.sort_unstable();
    assert!(popped == live, "each timer that was added and not cancelled expired once");
    for &(deadline, id) in &log.popped {
        assert_eq!(deadline, log.deadlines[id as usize], "timer {id}");
    }
    refused
}

#[test]
fn the_wheel_goes_on_when_memory_runs_out_at_any_request() {
    assert!(at_each_request(wheel_story::<8, 8>) > 5);
    assert!(at_each_request(wheel_story::<2, 15>) > 5);
}

/// Returns timers in the order in which they expire. `grant` decides whether there is memory for sorting.
fn popped_in_order(grant: Grant, spread: u64, count: u64) -> Vec<(u64, u64)> {
    let mut wheel = Wheel::<u64>::new();
    let mut dice = Dice(spread);
    wheel.advance(1_000);
    for id in 0..count {
        wheel.insert(dice.below(spread), id);
    }
    let mut popped = Vec::with_capacity(count as usize);
    let ((), _) = with(grant, || {
        for now in [1_000, 1_500, spread / 3, spread] {
            wheel.advance(now);
            popped.extend(std::iter::from_fn(|| wheel.pop_expired()).map(|expired| (expired.deadline, expired.value)));
        }
    });
    wheel.audit();
    popped
}

#[test]
fn timers_expire_in_the_same_order_without_memory_for_sorting() {
    for spread in [900, 2_000, 70_000, 1 << 40] {
        for count in [0, 1, 2, 3, 100, 5_000] {
            let sorted = popped_in_order(Grant::All, spread, count);
            assert_eq!(sorted.len(), count as usize);
            let unsorted = popped_in_order(Grant::Requests(0), spread, count);
            assert!(sorted == unsorted, "{count} timers within {spread} ticks");
        }
    }
}

fn scheduler_story(grant: Grant) -> usize {
    let mut scheduler = Scheduler::<u64>::new(10.try_into().unwrap());
    let mut keys: Vec<Key> = Vec::with_capacity(1_000);
    let ((), refused) = with(grant, || {
        let mut dice = Dice(3);
        for id in 0..1_000 {
            let deadline = scheduler.now() + dice.below(5_000);
            let period = (dice.below(900) + 1).try_into().unwrap();
            let added = match dice.below(4) {
                0 => scheduler.try_add(Plan::once(deadline), id),
                1 => scheduler.try_add(Plan::every(deadline, period, Missed::Skip), id),
                2 => scheduler.try_add(Plan::once(deadline).with_slack(50), id),
                _ => scheduler.try_add_due(scheduler.now(), id),
            };
            keys.extend(added.ok());
            let Some(&key) = keys.get(dice.below(keys.len().max(1) as u64) as usize) else { continue };
            let is_paused = scheduler.is_paused(key);
            match scheduler.try_pause(key, scheduler.now()) {
                Ok(paused) => assert_eq!(paused, scheduler.get(key).is_some() && !is_paused),
                Err(refused) => {
                    assert!(refused == NoRoom::Memory && scheduler.deadline(key).is_some(), "the timer goes on")
                }
            }
            if dice.below(2) == 0 {
                scheduler.resume(key, scheduler.now());
            } else if dice.below(3) == 0 {
                scheduler.cancel(key);
            }
            scheduler.advance(scheduler.now() + dice.below(100));
            while scheduler.pop().is_some() {}
        }
    });
    scheduler.audit();
    let key = scheduler.add(Plan::once(0), 7);
    scheduler.advance(scheduler.now());
    assert!(std::iter::from_fn(|| scheduler.pop()).any(|fired| fired.key == key), "it works");
    scheduler.clear();
    scheduler.audit();
    refused
}

#[test]
fn the_scheduler_goes_on_when_memory_runs_out_at_any_request() {
    assert!(at_each_request(scheduler_story) > 5);
}

/// A scheduler without timers advances, gives answers and is cleared without memory. Its first timer is refused without
/// memory and accepted with memory.
#[test]
fn a_scheduler_without_timers_needs_no_memory() {
    let ((mut scheduler, added), refused) = with(Grant::Requests(0), || {
        let mut scheduler = Scheduler::<u64>::new(1.try_into().unwrap());
        for time in [0, 1, 300, 1 << 40] {
            scheduler.advance(time);
            assert_eq!((scheduler.next_deadline(), scheduler.pop().is_none()), (None, true));
            assert_eq!((scheduler.len(), scheduler.cascade_early()), (0, false));
        }
        scheduler.clear();
        let added = scheduler.try_add(Plan::once(5 + (1 << 40)), 7);
        (scheduler, added)
    });
    assert_eq!((added, refused), (Err(NoRoom::Memory), 1));
    scheduler.audit();
    let key = scheduler.add(Plan::once(5 + (1 << 40)), 7);
    scheduler.audit();
    scheduler.advance(5 + (1 << 40));
    assert_eq!(scheduler.pop().map(|fired| fired.key), Some(key));
}
