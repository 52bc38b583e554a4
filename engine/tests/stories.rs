//! Tests for known bugs of timer stores. The name of such a test begins with the bug's number in the conformance list
//! (docs/conformance.md). Tests without a number are at the end.

use cogloop_engine::{Key, Wheel};

/// Audits the wheel, except under Miri: an audit visits every slot, and Miri is a thousand times slower.
fn audit<T>(wheel: &Wheel<T>) {
    if !cfg!(miri) {
        wheel.audit();
    }
}

/// Advances time to `now`, pops all expired timers and returns their values in order.
fn run_until(wheel: &mut Wheel<u64>, now: u64) -> Vec<u64> {
    wheel.advance(now);
    audit(wheel);
    let popped = std::iter::from_fn(|| wheel.pop_expired()).map(|expired| expired.value).collect();
    audit(wheel);
    popped
}

/// Advances to each next deadline until the wheel is empty. Returns each deadline with the values that expired then.
fn wake_ups(wheel: &mut Wheel<u64>) -> Vec<(u64, Vec<u64>)> {
    let mut wakes = Vec::new();
    while let Some(next) = wheel.next_deadline() {
        wakes.push((next, run_until(wheel, next)));
    }
    wakes
}

#[test]
fn c02_a_timer_expires_once() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(10, 1);
    assert_eq!(run_until(&mut wheel, 9), []);
    assert_eq!(run_until(&mut wheel, 10), [1]);
    assert_eq!(run_until(&mut wheel, 11), []);
    assert!(!wheel.contains(key) && wheel.is_empty());
}

/// C03: timers with equal deadlines expire in the order of insertion. Some were inserted long before the deadline and
/// others shortly before, so they started on different levels.
#[test]
fn c03_equal_deadlines_expire_in_the_order_of_insertion_from_any_distance() {
    let deadlines = [4097, 64, 4096, 262_144, 300_000, 1 << 30];
    for &deadline in &deadlines[..if cfg!(miri) { 1 } else { deadlines.len() }] {
        let mut wheel = Wheel::new();
        let mut inserted = Vec::new();
        let mut at = 0;
        while at < deadline {
            for _ in 0..9 {
                wheel.insert(deadline, inserted.len() as u64);
                inserted.push(inserted.len() as u64);
            }
            wheel.insert(deadline + 1, u64::MAX);
            at += (deadline - at).div_ceil(2);
            if at < deadline {
                assert_eq!(run_until(&mut wheel, at), []);
            }
        }
        assert_eq!(run_until(&mut wheel, deadline), inserted, "deadline {deadline}");
    }
}

/// C03: when several timers of a slot become due in one jump of time, they expire in the order of deadlines, not of
/// insertion.
#[test]
fn c03_a_slot_that_a_jump_makes_due_is_sorted() {
    let mut wheel = Wheel::new();
    for (value, deadline) in [(0, 5000), (1, 4200), (2, 5000), (3, 4100), (4, 4200)] {
        wheel.insert(deadline, value);
    }
    assert_eq!(run_until(&mut wheel, 4999), [3, 1, 4]);
    assert_eq!(run_until(&mut wheel, 1 << 40), [0, 2]);
}

/// C03: time enters a far slot with many timers. Unless the slot is too large, it is sorted before it cascades. Timers
/// with equal deadlines keep the order of insertion, also if some are inserted after the cascade.
#[test]
fn c03_a_crowded_far_slot_cascades_in_order() {
    // The last two slots have too many timers to be sorted first, and their lists have jump pointers (`jump.rs`).
    let crowds = [
        (3 << 16, 1 << 16, 1_100),
        (3 << 16, 700, 5_000),
        (5 << 24, 1 << 24, 5_000),
        (3 << 16, 1 << 16, 30_000),
        (3 << 16, 400, 30_000),
    ];
    for (start, span, crowd) in crowds {
        let mut wheel = Wheel::new();
        let deadline = |id: u64| start + 1 + id.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (span - 1);
        let keys: Vec<Key> = (0..crowd).map(|id| wheel.insert(deadline(id), id)).collect();
        for id in (0..crowd).step_by(7) {
            assert_eq!(wheel.cancel(keys[id as usize]), Some(id));
        }
        let mut expected: Vec<u64> = (0..crowd).filter(|id| id % 7 != 0).collect();
        expected.sort_by_key(|&id| deadline(id));
        let entered = deadline(expected[expected.len() / 3]);
        let (due, to_come) = expected.split_at(expected.partition_point(|&id| deadline(id) <= entered));
        let end = deadline(to_come[to_come.len() - 1]);
        assert_eq!(run_until(&mut wheel, entered), due);
        wheel.insert(end, u64::MAX);
        assert_eq!(wheel.next_deadline(), Some(deadline(to_come[0])));
        assert_eq!(run_until(&mut wheel, end), [to_come, &[u64::MAX]].concat());
        assert!(wheel.is_empty());
    }
}

/// C04: a timer that is inserted while expired timers are popped waits for the next advance, even if it is due at once.
#[test]
fn c04_a_timer_inserted_in_a_batch_waits_for_the_next() {
    let mut wheel = Wheel::new();
    wheel.insert(10, 1);
    wheel.insert(10, 2);
    wheel.advance(10);
    assert_eq!(wheel.pop_expired().unwrap().value, 1);
    wheel.insert(10, 3);
    wheel.insert(0, 4);
    assert_eq!(wheel.pop_expired().unwrap().value, 2);
    assert_eq!(wheel.pop_expired(), None);
    assert_eq!(wheel.next_deadline(), Some(10), "no sleep before the next turn");
    assert_eq!(run_until(&mut wheel, 10), [4, 3], "by deadline, also if it had passed");
}

/// C06: a timer that is cancelled after it has expired and before it is popped is not popped.
#[test]
fn c06_cancel_a_sibling_that_has_expired() {
    let mut wheel = Wheel::new();
    let keys: Vec<Key> = (0..20).map(|value| wheel.insert(10, value)).collect();
    wheel.advance(10);
    assert_eq!(wheel.pop_expired().unwrap().value, 0);
    for sibling in (1..20).step_by(2) {
        assert_eq!(wheel.cancel(keys[sibling]), Some(sibling as u64));
        audit(&wheel);
    }
    assert_eq!(run_until(&mut wheel, 10), (2..20).step_by(2).collect::<Vec<u64>>());
}

/// C08, C09: cancelling twice or after expiry returns `None`, also when the place has been taken again.
#[test]
fn c08_c09_a_stale_key_cancels_nothing() {
    let mut wheel = Wheel::new();
    let cancelled = wheel.insert(10, 1);
    assert_eq!(wheel.cancel(cancelled), Some(1));
    assert_eq!(wheel.cancel(cancelled), None);
    let fired = wheel.insert(10, 2);
    assert_eq!(fired.index(), cancelled.index(), "the place is taken again");
    assert_eq!(run_until(&mut wheel, 10), [2]);
    let fresh = wheel.insert(20, 3);
    assert_eq!(fresh.index(), fired.index());
    for stale in [cancelled, fired] {
        assert_eq!(wheel.cancel(stale), None);
        assert!(!wheel.reschedule(stale, 15));
        assert_eq!((wheel.get(stale), wheel.deadline(stale)), (None, None));
        assert_eq!(wheel.get_mut(stale), None);
    }
    assert_eq!(run_until(&mut wheel, 20), [3]);
}

/// C11, C12: a timer that is moved several times expires at the last deadline only, behind other timers with that
/// deadline.
#[test]
fn c12_of_several_moves_the_last_wins() {
    let mut wheel = Wheel::new();
    let moved = wheel.insert(100, 1);
    wheel.insert(50, 2);
    for deadline in [70_000, 20, 500, 50] {
        assert!(wheel.reschedule(moved, deadline));
        assert_eq!(wheel.deadline(moved), Some(deadline));
        audit(&wheel);
    }
    assert_eq!(wake_ups(&mut wheel), [(50, vec![2, 1])]);
}

/// C11: an expired timer that is moved before it is popped expires at its new deadline only.
#[test]
fn c11_an_expired_timer_can_be_moved() {
    let mut wheel = Wheel::new();
    wheel.insert(10, 1);
    let sibling = wheel.insert(10, 2);
    wheel.advance(10);
    wheel.pop_expired();
    assert!(wheel.reschedule(sibling, 30));
    assert_eq!(wheel.pop_expired(), None);
    assert_eq!(wake_ups(&mut wheel), [(30, vec![2])]);
}

/// C14: an interval expires for the millionth time at exactly a million periods.
#[test]
fn c14_a_million_periods_do_not_drift() {
    let mut wheel = Wheel::new();
    wheel.insert(10_007, 0);
    for period in 1..=if cfg!(miri) { 200 } else { 1_000_000 } {
        let next = wheel.next_deadline().unwrap();
        assert_eq!(next, period * 10_007);
        wheel.advance(next);
        let expired = wheel.pop_expired().unwrap();
        wheel.insert(expired.deadline + 10_007, 0);
    }
}

/// C17: long delays are exact from several starts and take one wake-up. In hierarchical_hash_wheel_timer, a timer that
/// was set at 65,536 ms with a delay of u32::MAX−1 ms expired after 16,777,214 ms.
#[test]
fn c17_long_delays_are_exact() {
    let delays = [(1 << 31) - 1, (1 << 31) + 1, u64::from(u32::MAX) - 1, (1 << 32) + 1, 1 << 48, (1 << 63) - 1];
    let starts = [1, 0, 65_536, 1 << 40];
    let (starts_shown, step) = if cfg!(miri) { (1, 3) } else { (starts.len(), 1) };
    for &start in &starts[..starts_shown] {
        for delay in delays.into_iter().step_by(step) {
            let mut wheel = Wheel::new();
            wheel.advance(start);
            wheel.insert(start + delay, 1);
            assert_eq!(run_until(&mut wheel, start + delay - 1), []);
            assert_eq!(wheel.next_deadline(), Some(start + delay));
            assert_eq!(run_until(&mut wheel, start + delay), [1]);
        }
    }
    let mut wheel = Wheel::new();
    wheel.insert(u64::MAX, 1);
    wheel.insert(u64::MAX - 1, 2);
    assert_eq!(wake_ups(&mut wheel), [(u64::MAX - 1, vec![2]), (u64::MAX, vec![1])]);
    wheel.insert(u64::MAX, 3);
    assert_eq!(run_until(&mut wheel, u64::MAX), [3], "also at the end of time");
}

fn expires_exactly_at(deadline: u64, start: u64) {
    let mut wheel = Wheel::new();
    wheel.advance(start);
    wheel.insert(deadline, 1);
    assert_eq!(wheel.next_deadline(), Some(deadline), "set at {start}");
    if deadline > start {
        wheel.advance(deadline - 1);
        assert_eq!(wheel.pop_expired(), None, "before {deadline}, set at {start}");
    }
    wheel.advance(deadline);
    assert_eq!(wheel.pop_expired().map(|expired| expired.deadline), Some(deadline), "set at {start}");
}

/// C19: delays of 256^k ticks, and of one tick less and more, are exact; each is set from many start times.
#[test]
fn c19_every_slot_boundary_from_every_starting_slot() {
    let boundaries = || (0..8).step_by(if cfg!(miri) { 7 } else { 1 });
    let delays = || boundaries().flat_map(|boundary| [0, 1, 2].map(|off| (1u64 << (8 * boundary)) - 1 + off));
    for level in boundaries().skip(if cfg!(miri) { 1 } else { 0 }) {
        let unit = 1u64 << (8 * level);
        for start_slot in (0..256).skip(if cfg!(miri) { 255 } else { 0 }) {
            for start in [start_slot * unit, start_slot * unit + (unit - 1)] {
                delays()
                    .filter_map(|delay| start.checked_add(delay))
                    .for_each(|deadline| expires_exactly_at(deadline, start));
            }
        }
    }
}

/// C19: while a slot cascades in slices, time is held one tick before the slot begins. This is tried with each slot of
/// each level. Afterwards the slot's timers expire at their deadlines.
#[test]
fn c19_every_slot_that_cascades_in_slices_is_held_one_tick_before_it_begins() {
    for level in (1..8).step_by(if cfg!(miri) { 6 } else { 1 }) {
        for slot in (1..256u64).step_by(if cfg!(miri) { 127 } else { 1 }) {
            let first = slot << (8 * level);
            let mut wheel = Wheel::new();
            for deadline in [first + 2, first + 1, first + 1] {
                wheel.insert(deadline, deadline);
            }
            let mut calls = 1;
            while !wheel.advance_within(first, 1) {
                calls += 1;
                assert_eq!(wheel.now(), first - 1, "time is held before slot {slot} of level {level}");
                assert_eq!(wheel.pop_expired(), None);
                audit(&wheel);
            }
            assert_eq!((wheel.now(), calls), (first, 3), "one move in each call, slot {slot} of level {level}");
            assert_eq!(wake_ups(&mut wheel), [(first + 1, vec![first + 1; 2]), (first + 2, vec![first + 2])]);
        }
    }
}

/// C20, a bug of ratas: while expired timers are popped, timers are inserted into many near and far slots. All expire
/// at their deadlines.
#[test]
fn c20_insert_into_each_slot_while_a_batch_is_popped() {
    let mut wheel = Wheel::new();
    wheel.insert(65_536 * 3, 0);
    wheel.advance(65_536 * 3);
    let now = wheel.now();
    assert_eq!(wheel.pop_expired().unwrap().value, 0);
    let slots = (1..=256).step_by(if cfg!(miri) { 15 } else { 1 });
    let deadlines: Vec<u64> = slots.flat_map(|slot| [now + slot, now + slot * 256, now + slot * 65_536]).collect();
    for &deadline in &deadlines {
        wheel.insert(deadline, deadline);
    }
    let mut expected = deadlines.clone();
    expected.sort_unstable();
    let came: Vec<u64> = wake_ups(&mut wheel)
        .into_iter()
        .flat_map(|(at, values)| {
            assert!(values.iter().all(|&value| value == at));
            values
        })
        .collect();
    assert_eq!(came, expected);
}

/// C21, a bug of timeout.c: a slot whose last timer is cancelled is not occupied, and the caller does not wake for it.
#[test]
fn c21_an_emptied_slot_wakes_no_caller() {
    let mut wheel = Wheel::new();
    let (near, far) = (wheel.insert(70, 1), wheel.insert(5_000, 2));
    wheel.cancel(near);
    audit(&wheel);
    assert_eq!(wheel.next_deadline(), Some(5_000));
    wheel.reschedule(far, 1_000_000);
    audit(&wheel);
    assert_eq!(wheel.next_deadline(), Some(1_000_000));
    wheel.cancel(far);
    assert_eq!(wheel.next_deadline(), None);
}

/// C22: in one jump over a day or a hundred years all due timers expire once, in order.
#[test]
fn c22_in_one_far_jump_everything_expires_in_order() {
    const DAY_US: u64 = 86_400_000_000;
    let jumps = [36_500 * DAY_US, DAY_US, 13 * DAY_US, 730 * DAY_US];
    for &jump in &jumps[..if cfg!(miri) { 1 } else { jumps.len() }] {
        let mut wheel = Wheel::new();
        let mut deadlines: Vec<u64> = (1..=if cfg!(miri) { 30 } else { 1000u64 })
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (2 * jump))
            .collect();
        for &deadline in &deadlines {
            wheel.insert(deadline, deadline);
        }
        deadlines.sort_unstable();
        let (due, later) = deadlines.split_at(deadlines.partition_point(|&deadline| deadline <= jump));
        assert_eq!(run_until(&mut wheel, jump), due);
        assert_eq!(run_until(&mut wheel, 2 * jump), later);
    }
}

/// C23: short timers expire at their deadlines beside a timer at the end of time. In tokio (#8334) they hung after 12
/// days.
#[test]
fn c23_short_timers_beside_one_at_the_end_of_time() {
    let mut wheel = Wheel::new();
    wheel.insert(u64::MAX, 0);
    for around in [1u64 << 30, 1 << 36, 1 << 42] {
        wheel.advance(around - 3);
        for delay in 1..=6 {
            wheel.insert(around - 3 + delay, delay);
        }
        for delay in 1..=6 {
            assert_eq!(wheel.next_deadline(), Some(around - 3 + delay));
            assert_eq!(run_until(&mut wheel, around - 3 + delay), [delay]);
        }
    }
    assert_eq!(wheel.next_deadline(), Some(u64::MAX));
}

/// C25: an empty wheel has no next deadline, so it gives the caller no reason to wake.
#[test]
fn c25_an_empty_wheel_has_no_next_deadline() {
    let mut wheel = Wheel::<u64>::new();
    assert_eq!(wheel.next_deadline(), None);
    wheel.advance(1 << 50);
    assert_eq!((wheel.next_deadline(), wheel.pop_expired()), (None, None));
}

/// C26: ten timers over 2⁴⁰ ticks take ten wake-ups. tokio and hierarchical_hash_wheel_timer wake once for each level.
#[test]
fn c26_ten_sparse_timers_cost_ten_wake_ups() {
    let mut wheel = Wheel::new();
    let deadlines: Vec<u64> = (1..=10).map(|n| (n << 40) / 10 + n).collect();
    for &deadline in deadlines.iter().rev() {
        wheel.insert(deadline, deadline);
    }
    assert_eq!(wake_ups(&mut wheel), deadlines.iter().map(|&deadline| (deadline, vec![deadline])).collect::<Vec<_>>());
}

/// C27, a bug of redis (#11069): when the earliest timer is cancelled, the next deadline is at once the deadline of the
/// following timer.
#[test]
fn c27_cancelling_the_earliest_moves_the_next_deadline() {
    for sorted in [true, false] {
        let mut wheel = Wheel::new();
        let mut deadlines: Vec<u64> = (0..if cfg!(miri) { 20 } else { 500 }).map(|n| 100_000 + n * 7).collect();
        if !sorted {
            deadlines.sort_unstable_by_key(|deadline| deadline % 101);
        }
        let mut keys: Vec<(u64, Key)> =
            deadlines.iter().map(|&deadline| (deadline, wheel.insert(deadline, 0))).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            assert_eq!(wheel.next_deadline(), Some(pair[0].0));
            wheel.cancel(pair[0].1);
            assert_eq!(wheel.next_deadline(), Some(pair[1].0));
            audit(&wheel);
        }
    }
}

/// A slot that was cascaded early needs little work when time enters it. Some timers are set for the same ticks after a
/// part of the slot was cascaded. All timers expire in order.
#[test]
fn a_crowd_that_was_cascaded_early_expires_in_one_slice_and_in_order() {
    let mut wheel = Wheel::new();
    wheel.advance(2 * 65_536 + 40_000);
    let deadline = |n: u64| 3 * 65_536 + n * 7_919 % 65_536;
    let mut expected: Vec<(u64, u64)> = (0..3_000).map(|n| (deadline(n % 1_500), n)).collect();
    let mut keys: Vec<Key> = Vec::new();
    for &(deadline, n) in &expected {
        keys.push(wheel.insert(deadline, n));
        if n == 2_000 {
            assert_eq!(wheel.cascade_early(1_200), 1_200);
            audit(&wheel);
        }
    }
    for gone in [0, 7, 1_100, 1_900, 2_500] {
        assert_eq!(wheel.cancel(keys[gone as usize]), Some(gone));
        expected[gone as usize].0 = 0;
    }
    assert!(wheel.reschedule(keys[5], 3 * 65_536 - 1));
    expected[5] = (3 * 65_536 - 1, 5);
    expected.retain(|&(deadline, _)| deadline > 0);
    expected.sort_by_key(|&(deadline, _)| deadline);
    while wheel.cascade_early(100) > 0 {
        audit(&wheel);
        assert_eq!(wheel.next_deadline(), Some(expected[0].0));
    }
    let after = expected.partition_point(|&(deadline, _)| deadline <= 3 * 65_536);
    assert!(wheel.advance_within(3 * 65_536, 200), "without the early cascade this takes fifteen slices");
    audit(&wheel);
    let mut came: Vec<u64> = std::iter::from_fn(|| wheel.pop_expired()).map(|expired| expired.value).collect();
    assert_eq!(came.len(), after);
    came.extend(run_until(&mut wheel, 5 * 65_536));
    assert_eq!(came, expected.iter().map(|&(_, n)| n).collect::<Vec<_>>());
}

/// Timers that are due much later may still be cancelled, so they are not moved.
#[test]
fn a_crowd_is_cascaded_early_when_its_slot_is_near_and_no_sooner() {
    let mut wheel = Wheel::new();
    for n in 0..2_000 {
        wheel.insert(3 * 65_536 + n, n);
    }
    for (now, moves) in [(0, 0), (2 * 65_536, 0), (3 * 65_536 - 32_769, 0), (3 * 65_536 - 32_768, 10)] {
        wheel.advance(now);
        assert_eq!(wheel.cascade_early(10), moves, "at {now}");
    }
    audit(&wheel);
    wheel.clear();
    audit(&wheel);
    assert_eq!(wheel.cascade_early(10), 0);
}

/// When all timers of a slot that was cascaded early are cancelled, the slot is empty and wakes no caller. Another
/// crowded slot can then be cascaded early.
#[test]
fn c21_an_annex_that_is_emptied_wakes_no_caller() {
    let mut wheel = Wheel::new();
    wheel.advance(500_000);
    for _ in 0..2 {
        let keys: Vec<Key> = (0..1_100).map(|n| wheel.insert(530_000 + n * 50, n)).collect();
        assert_eq!(wheel.cascade_early(600), 600);
        for (n, key) in (0..).zip(keys) {
            assert_eq!(wheel.next_deadline(), Some(530_000 + n * 50));
            assert_eq!(wheel.cancel(key), Some(n));
        }
        audit(&wheel);
        assert_eq!(wheel.next_deadline(), None);
    }
}

#[test]
fn clear_removes_everything_and_keeps_the_time() {
    let mut wheel = Wheel::new();
    wheel.advance(100);
    let keys = [100, 101, 500, 1 << 40].map(|deadline| wheel.insert(deadline, deadline));
    wheel.advance(101);
    wheel.clear();
    audit(&wheel);
    assert!(wheel.is_empty() && keys.iter().all(|&key| wheel.cancel(key).is_none()));
    assert_eq!((wheel.now(), wheel.next_deadline()), (101, None));
    wheel.insert(102, 1);
    assert_eq!(run_until(&mut wheel, 200), [1]);
}

/// A value is dropped when its timer is cancelled or cleared, not only when the place is taken again.
#[test]
fn values_are_dropped_with_their_timers() {
    use std::rc::Rc;
    let value = Rc::new(());
    let mut wheel = Wheel::<Option<Rc<()>>>::new();
    let key = wheel.insert(10, Some(Rc::clone(&value)));
    wheel.insert(20, Some(Rc::clone(&value)));
    assert_eq!(Rc::strong_count(&value), 3);
    wheel.cancel(key);
    assert_eq!(Rc::strong_count(&value), 2);
    wheel.clear();
    assert_eq!(Rc::strong_count(&value), 1);
}

/// When `advance` is called with an earlier tick, time does not go back.
#[test]
fn an_earlier_now_counts_as_the_present() {
    let mut wheel = Wheel::new();
    wheel.advance(1000);
    wheel.insert(990, 1);
    wheel.insert(1001, 2);
    assert_eq!(run_until(&mut wheel, 5), [1]);
    assert_eq!(wheel.now(), 1000);
    assert_eq!(run_until(&mut wheel, 1001), [2]);
}
