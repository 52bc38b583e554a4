//! The memory of a wheel: what is reserved, and what is given back when most of many timers have ended.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use cogloop_engine::{Key, Missed, NoRoom, Plan, Scheduler, Wheel};

type Small = Wheel<u64, 2, 3>;

const CROWD: u64 = if cfg!(miri) { 150 } else { 5_000 };

#[test]
fn room_for_as_many_timers_as_were_reserved_and_no_further_allocation() {
    let mut wheel = Small::with_capacity(CROWD as usize);
    let room = wheel.capacity();
    assert!(room >= CROWD as usize);
    for value in 0..CROWD {
        wheel.insert(value % 64, value);
    }
    assert_eq!(wheel.capacity(), room);
    assert_eq!(wheel.try_reserve(usize::MAX), Err(NoRoom::Full));
    assert_eq!(wheel.capacity(), room);
    wheel.audit();
}

/// With its first timer a wheel allocates memory for a thousand timers, unless memory was reserved. Memory that was
/// reserved for fewer timers is enough for these.
#[test]
fn memory_reserved_for_a_few_timers_is_enough_for_them() {
    for timers in [1, 10, 100, if cfg!(miri) { 200 } else { 1_000 }] {
        let mut wheel = Wheel::<u64>::with_capacity(timers);
        let room = wheel.capacity();
        for value in 0..timers as u64 {
            wheel.insert(value, value);
        }
        assert_eq!(wheel.capacity(), room, "{timers} timers");
    }
}

#[test]
fn after_a_crowd_the_memory_behind_the_last_timer_is_given_back_and_keys_of_ended_timers_stay_stale() {
    let mut wheel = Small::with_geometry();
    let keys: Vec<Key> = (0..CROWD).map(|value| wheel.insert(value % 64, value)).collect();
    let (left, ended) = keys.split_at(10);
    for &key in ended {
        wheel.cancel(key);
    }
    assert!(wheel.capacity() >= CROWD as usize, "memory is kept until the caller asks");
    wheel.shrink_to_fit();
    assert!(wheel.capacity() < 80, "room for {} timers, and there are 10", wheel.capacity());
    wheel.audit();

    // The places are taken again, and the old keys do not name the new timers.
    let again: BTreeSet<Key> = (0..CROWD).map(|value| wheel.insert(value % 64, value)).collect();
    for key in ended {
        assert!(!wheel.contains(*key) && !again.contains(key), "{key:?}");
    }
    for (value, &key) in (0..).zip(left) {
        assert_eq!(wheel.get(key), Some(&value));
    }
    wheel.audit();
}

/// The sentinel of a long list has the number of the node that gets the next jump pointer (`jump.rs`). The memory of
/// this node may be given back.
#[test]
fn a_long_list_grows_after_its_end_was_given_back() {
    const MANY: u64 = if cfg!(miri) { 300 } else { 40_000 };
    let mut wheel = Wheel::<u64>::new();
    let keys: Vec<Key> = (0..MANY).map(|value| wheel.insert(1_000, value)).collect();
    for &key in &keys[MANY as usize / 2..] {
        wheel.cancel(key);
    }
    wheel.shrink_to_fit();
    for value in MANY / 2..MANY {
        wheel.insert(1_000, value);
    }
    wheel.advance(1_000);
    let fired = std::iter::from_fn(|| wheel.pop_expired()).map(|expired| expired.value);
    assert!(fired.eq(0..MANY));
}

#[test]
fn a_wheel_without_a_timer_gives_everything_back_and_its_keys_stay_stale() {
    let mut wheel = Small::with_geometry();
    let key = wheel.insert(5, 1);
    wheel.advance(5);
    assert_eq!(wheel.pop_expired().map(|expired| expired.value), Some(1));
    wheel.shrink_to_fit();
    assert_eq!(wheel.capacity(), 0);
    assert_eq!((wheel.next_deadline(), wheel.peek(), wheel.cancel(key)), (None, None, None));
    wheel.advance(20);
    let next = wheel.insert(25, 2);
    assert_ne!(next, key);
    assert_eq!((wheel.cancel(key), wheel.cancel(next)), (None, Some(2)));
    wheel.audit();
}

/// The sentinels of the lists are needed to finish the advance, although all timers are gone.
#[test]
fn memory_is_given_back_while_an_advance_is_unfinished() {
    let mut wheel = Small::with_geometry();
    let keys: Vec<Key> = (0..20).map(|value| wheel.insert(17 + value % 3, value)).collect();
    assert!(!wheel.advance_within(18, 5), "the slot is larger than the slice");
    for &key in &keys {
        wheel.cancel(key);
    }
    wheel.shrink_to_fit();
    wheel.audit();
    assert!(wheel.advance_within(18, 5));
    assert_eq!((wheel.now(), wheel.next_deadline()), (18, None));
}

#[test]
fn a_clone_has_the_same_timers_under_the_same_keys_and_goes_its_own_way() {
    let mut one = Scheduler::<u64>::new(NonZeroU64::MIN);
    let pulse = one.add(Plan::every(10, 10.try_into().unwrap(), Missed::Skip), 1);
    let paused = one.add(Plan::every(15, 10.try_into().unwrap(), Missed::Skip), 2);
    one.pause(paused, 5);
    let mut other = one.clone();
    assert_eq!(one.cancel(pulse), Some(1));
    one.shrink_to_fit();
    assert_eq!((other.deadline(pulse), other.remaining(paused, 7)), (Some(10), Some(10)));
    other.advance(10);
    assert_eq!(other.pop().map(|fired| fired.key), Some(pulse));
    assert!(other.cancel(pulse).is_some() && other.cancel(paused).is_some());
    // An audit visits thousands of lists, which takes half a minute under Miri.
    if !cfg!(miri) {
        one.audit();
        other.audit();
    }
}

#[test]
fn the_next_timer_is_found_while_a_slot_cascades_in_slices() {
    let mut wheel = Small::with_geometry();
    let late: Vec<Key> = (0..8).map(|value| wheel.insert(19, value)).collect();
    let early = wheel.insert(17, 8);
    assert_eq!(wheel.peek(), Some(early));
    assert!(!wheel.advance_within(63, 3), "three of the late timers are on level 0 now");
    assert_eq!(wheel.peek(), Some(early), "the early timer is still in the slot");
    wheel.cancel(early);
    assert_eq!(wheel.peek(), Some(late[0]), "of equal deadlines, the first that was set");
}
