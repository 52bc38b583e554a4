//! Values of any type: they need neither a default nor a clone, and each is dropped once, when its timer ends.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::rc::Rc;

use cogloop_engine::{Missed, Plan, Scheduler, Wheel};

/// A value that is neither `Default` nor `Clone`, and counts how many values of its type are alive.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(alive: &Rc<Cell<usize>>) -> Self {
        alive.set(alive.get() + 1);
        Self(Rc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn a_value_is_dropped_once_when_its_timer_is_cancelled_popped_or_cleared() {
    let alive = Rc::default();
    let mut wheel = Wheel::<Counted, 2, 3>::with_geometry();
    let keys: Vec<_> = (1..=5).map(|deadline| wheel.insert(deadline, Counted::new(&alive))).collect();
    assert_eq!(alive.get(), 5);
    assert!(wheel.cancel(keys[0]).is_some());
    assert_eq!(alive.get(), 4, "a cancelled timer keeps no value");
    wheel.advance(3);
    drop(wheel.pop_expired());
    assert_eq!(alive.get(), 3);
    wheel.insert(9, Counted::new(&alive));
    assert_eq!(alive.get(), 4, "the place was used again");
    wheel.clear();
    assert_eq!(alive.get(), 0);
    wheel.insert(9, Counted::new(&alive));
    drop(wheel);
    assert_eq!(alive.get(), 0);
}

#[test]
fn a_repeating_timer_lends_its_value_and_a_timer_that_ends_gives_it_away() {
    let alive = Rc::default();
    let mut scheduler = Scheduler::<Counted>::new(NonZeroU64::MIN);
    let pulse = scheduler.add(Plan::every(10, 10.try_into().unwrap(), Missed::Skip), Counted::new(&alive));
    let once = scheduler.add(Plan::once(10), Counted::new(&alive));
    for now in [10, 20, 30] {
        scheduler.advance(now);
        while let Some(fired) = scheduler.pop_mut() {
            assert_eq!(fired.deadline, now);
            assert!(fired.key == pulse || fired.key == once && now == 10);
        }
        assert_eq!(alive.get(), 1, "the repeating one at {now}");
    }
    assert!(scheduler.cancel(pulse).is_some());
    assert_eq!(alive.get(), 0);
}
