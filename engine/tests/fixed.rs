//! The scheduler without an allocator.

use std::cell::RefCell;
use std::num::NonZeroU64;
use std::pin::Pin;

use cogloop_engine::{FixedScheduler, Missed, NoRoom, Plan};

#[expect(dead_code, reason = "the example has a main function")]
#[path = "../examples/time_queue.rs"]
mod time_queue;

const MS: NonZeroU64 = NonZeroU64::new(1_000).unwrap();

#[test]
fn thirty_two_timers_on_four_levels_take_less_than_4_kilobytes() {
    assert!(size_of::<FixedScheduler<u32, 32>>() < 4096, "{}", size_of::<FixedScheduler<u32, 32>>());
    assert!(size_of::<FixedScheduler<&str, 32>>() < 4096);
    assert!(size_of::<FixedScheduler<u32, 4, 4, 4>>() < 512, "{}", size_of::<FixedScheduler<u32, 4, 4, 4>>());
}

#[test]
fn a_full_scheduler_refuses_a_timer_and_a_cancelled_one_makes_room() {
    let mut scheduler = FixedScheduler::<u8, 2>::new(MS);
    let first = scheduler.try_add(Plan::once(5), 1).unwrap();
    scheduler.try_add(Plan::once(5), 2).unwrap();
    assert_eq!(scheduler.try_add(Plan::once(5), 3), Err(NoRoom::Full));
    assert_eq!((scheduler.cancel(first), scheduler.cancel(first)), (Some(1), None));
    let third = scheduler.try_add(Plan::once(5), 3).unwrap();
    assert_ne!(third, first, "the place is the same, but the key is another");
    assert_eq!((scheduler.get(first), scheduler.get(third), scheduler.len()), (None, Some(&3), 2));
    let mut nothing = FixedScheduler::<u8, 0>::new(MS);
    assert_eq!(nothing.try_add(Plan::once(5), 1), Err(NoRoom::Full));
    assert_eq!(nothing.next_deadline(), None);
}

#[test]
fn a_deadline_beyond_the_levels_and_the_next_deadline_are_exact() {
    let mut scheduler = FixedScheduler::<u32, 8, 2, 3>::new(NonZeroU64::MIN); // the levels reach to multiples of 8
    let deadlines = [3, 9, 8, 70, 71, 1 << 40, u64::MAX - 1];
    for (value, &deadline) in (0..).zip(&deadlines) {
        scheduler.try_add(Plan::once(deadline), value).unwrap();
    }
    scheduler.try_add(Plan::once(u64::MAX), 7).unwrap(); // never fires
    let mut fired = Vec::new();
    while let Some(next) = scheduler.next_deadline() {
        scheduler.advance(next);
        while let Some(timer) = scheduler.pop() {
            assert_eq!((timer.deadline, timer.late), (next, 0));
            fired.push(timer.deadline);
        }
    }
    let mut sorted = deadlines;
    sorted.sort_unstable();
    assert_eq!(fired, sorted);
    assert_eq!(scheduler.len(), 1);
}

#[test]
fn an_interval_of_a_value_that_cannot_be_cloned_keeps_its_schedule() {
    struct Led(u32);
    let mut scheduler = FixedScheduler::<Led, 1>::new(MS);
    let key = scheduler.try_add(Plan::every(1_500, 1_500.try_into().unwrap(), Missed::Skip), Led(0)).unwrap();
    let mut deadlines = Vec::new();
    for now in [1_999, 2_000, 3_000, 10_500] {
        scheduler.advance(now);
        while let Some(mut fired) = scheduler.pop() {
            fired.value.0 += 1;
            deadlines.push((fired.deadline, fired.missed));
        }
    }
    assert_eq!(deadlines, [(2_000, 0), (3_000, 0), (5_000, 3)]);
    assert_eq!(scheduler.cancel(key).map(|led| led.0), Some(3));
}

/// Tests embassy's contract on a simulated machine: each task is woken at its time, and tasks with the same time are
/// woken by one alarm.
#[test]
fn tasks_on_a_simulated_machine_are_woken_at_their_times_by_no_more_alarms_than_there_are_times() {
    let machine = time_queue::Machine::<16>::new();
    let (steps, tasks) = if cfg!(miri) { (3, 5) } else { (200, 12) };
    let times = RefCell::new(Vec::new());
    let sleeper = |seed: u64| {
        let (machine, times) = (&machine, &times);
        async move {
            let mut state = seed + 1;
            for _ in 0..steps {
                state = state * 16_807 % 2_147_483_647;
                let at = machine.now() + 1 + state % 70_000;
                machine.at(at).await;
                assert_eq!(machine.now(), at);
                times.borrow_mut().push(at);
            }
        }
    };
    let mut all: Vec<_> = (0..tasks).map(|seed| Box::pin(sleeper(seed))).collect();
    let mut all: Vec<Pin<&mut dyn Future<Output = ()>>> = all.iter_mut().map(|task| task.as_mut() as _).collect();
    time_queue::run(&machine, &mut all);
    let mut times = times.take();
    assert_eq!(times.len() as u64, steps * tasks);
    assert!(times.is_sorted());
    times.dedup();
    assert_eq!(machine.rings.get() as usize, times.len());
}
