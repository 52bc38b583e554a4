//! The quick way of each call does what the whole way does, or changes nothing.

use cogloop_engine::{Key, Missed, Plan, Scheduler};

/// The state of a scheduler, as far as it can be seen.
fn seen(scheduler: &Scheduler<u32>) -> String {
    scheduler.audit();
    let timers: Vec<_> = scheduler.iter().map(|(key, deadline, value)| (key, deadline, *value)).collect();
    let next = scheduler.clone().next_deadline();
    format!("{}, {timers:?}, {} paused, next {next:?}", scheduler.dump(), scheduler.paused())
}

/// Runs `quick` on a copy. If it succeeds, the copy must be as `whole` leaves the scheduler. If it does not, the copy
/// must be unchanged. Returns whether `quick` has succeeded, and the result of `whole`.
fn compare<R: PartialEq + std::fmt::Debug>(
    scheduler: &mut Scheduler<u32>,
    quick: impl FnOnce(&mut Scheduler<u32>) -> Option<R>,
    whole: impl FnOnce(&mut Scheduler<u32>) -> R,
) -> (bool, R) {
    let mut copy = scheduler.clone();
    let before = seen(scheduler);
    let quickly = quick(&mut copy);
    let after = seen(&copy);
    let wholly = whole(scheduler);
    match &quickly {
        Some(quickly) => assert_eq!((quickly, &after), (&wholly, &seen(scheduler))),
        None => assert_eq!(after, before, "nothing may change"),
    }
    (quickly.is_some(), wholly)
}

fn dice(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn the_quick_way_does_what_the_whole_way_does_or_nothing() {
    let mut state = 7;
    let mut quickly = [0; 4];
    for _ in 0..12 {
        let mut scheduler = Scheduler::<u32>::new(3.try_into().unwrap());
        let mut keys: Vec<Key> = Vec::new();
        for value in 0..300 {
            let far = [10, 1_000, 300_000, 90_000_000][dice(&mut state, 4) as usize];
            let deadline = scheduler.now() + dice(&mut state, far);
            match dice(&mut state, 12) {
                0 => keys.push(scheduler.add(Plan::once(deadline).with_slack(40), value)),
                1 => keys.push(scheduler.add(Plan::every(deadline, 500.try_into().unwrap(), Missed::Skip), value)),
                2 => keys.push(scheduler.try_add_kept(0, value).unwrap()),
                3 => scheduler.advance(scheduler.now() + dice(&mut state, 2_000)),
                4 => drop(scheduler.pop()),
                5..8 => {
                    let add = |to: &mut Scheduler<u32>| to.try_add_once(deadline, value).unwrap();
                    let (is_quick, key) = compare(&mut scheduler, |to| to.add_once_quickly(deadline, value), add);
                    keys.push(key);
                    quickly[0] += usize::from(is_quick);
                }
                what => {
                    let Some(&key) = keys.get(dice(&mut state, keys.len().max(1) as u64) as usize) else { continue };
                    let done = |done: bool| done.then_some(true);
                    let is_quick = match what {
                        8 => {
                            let quick = |of: &mut Scheduler<u32>| done(of.reschedule_quickly(key, deadline));
                            compare(&mut scheduler, quick, |of| of.reschedule(key, deadline)).0
                        }
                        9 => compare(&mut scheduler, |of| done(of.stop_quickly(key)), |of| of.stop(key)).0,
                        10 => compare(&mut scheduler, |of| of.cancel_quickly(key).map(Some), |of| of.cancel(key)).0,
                        _ => scheduler.pause(key, scheduler.now()),
                    };
                    if what < 11 {
                        quickly[what as usize - 7] += usize::from(is_quick);
                    }
                }
            }
        }
    }
    assert!(quickly.iter().all(|&count| count > 0), "each quick way was taken: {quickly:?}");
}
