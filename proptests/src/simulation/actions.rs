//! The loop's user takes random actions of every kind, between turns and in the callbacks that the loop serves.
//!
//! Each action is applied to the loop and to the model of its promises, and the answers are compared.

use fastrand::Rng;

use super::kernel::{ENOMEM, FILES, Outside};
use super::on_descriptors::{self, some_interest};
use super::on_timers;
use super::trace::{Ns, Said};
use super::world::{Loop, Shared};

/// Where an action is taken.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(super) enum Place {
    /// Between two turns.
    Outside,
    /// Between two pulls of a turn.
    Turn,
    /// In a callback that `run` serves.
    Callback,
}

/// Takes one action, or none.
pub(super) fn act(world: &Shared, events: &mut Loop, place: Place) {
    let Some(mut random) = world.borrow_mut().choice() else { return };
    let random = &mut random;
    match random.u8(0..100) {
        0 if random.u8(0..16) == 0 => on_timers::add_crowd(world, events, random),
        0..=17 => on_timers::add(world, events, random),
        18..=24 => on_timers::add_planned(world, events, random),
        25..=31 => on_timers::cancel(world, events, random),
        32..=37 => on_timers::reschedule(world, events, random),
        38..=41 => on_timers::pause(world, events, random),
        42..=45 => on_timers::resume(world, events, random),
        46..=47 => on_timers::reference(world, events, random),
        48..=57 => on_descriptors::add(world, events, random),
        58..=61 => on_descriptors::set_interest(world, events, random),
        62..=66 => on_descriptors::remove_any(world, events, random),
        67..=69 => on_descriptors::drained(world, events, random),
        70..=72 => on_descriptors::mark(world, events, random),
        73..=74 => on_descriptors::reference(world, events, random),
        75..=77 => on_descriptors::close(world, random),
        78..=79 => on_descriptors::remove_close_and_reuse(world, events, random),
        80..=85 => something_happens_later(world, random),
        86..=87 => wake(world),
        88..=92 => pass(world, random),
        93..=94 => refuse_settling(world),
        95 if place == Place::Callback => stop(world, events),
        97 if place == Place::Callback => nested_run(world, events),
        96 => drain_another_descriptor(world, random),
        98 if random.u8(0..8) == 0 => clear(world, events),
        99 => on_timers::ask(world, events, random),
        _ => {}
    }
    check_counts(world, events);
}

fn something_happens_later(world: &Shared, random: &mut Rng) {
    let world = &mut *world.borrow_mut();
    let at_ns = world.kernel.now_ns().saturating_add(random.u64(0..30_000_000));
    let number = random.usize(0..FILES);
    let outside = match random.u8(0..4) {
        0 => Outside::Wake,
        _ => Outside::Ready(number, world.kernel.files[number].life, some_interest(random)),
    };
    world.kernel.schedule(at_ns, outside);
    world.note(format_args!("at {}: {outside:?}", Ns(at_ns)));
}

/// Uses up input or room of a descriptor that the loop may be about to report.
fn drain_another_descriptor(world: &Shared, random: &mut Rng) {
    let world = &mut *world.borrow_mut();
    let (number, directions) = (random.usize(0..FILES), some_interest(random));
    world.kernel.files[number].ready.remove(directions);
    world.note(format_args!("{directions:?} of descriptor {number} is used up"));
}

/// C54: no wake from many threads is lost. C55: a wake that comes before a wait ends the wait.
fn wake(world: &Shared) {
    let world = &mut *world.borrow_mut();
    world.kernel.wake();
    world.note(format_args!("wake"));
}

/// C15, C16, C22: a callback takes time.
fn pass(world: &Shared, random: &mut Rng) {
    let world = &mut *world.borrow_mut();
    let ns = match random.u8(0..16) {
        0 => 86_400_000_000_000,
        1..=3 => random.u64(0..10_000_000_000),
        _ => random.u64(0..5_000_000),
    };
    world.kernel.pass(ns);
    world.note(format_args!("{} pass", Ns(ns)));
}

fn refuse_settling(world: &Shared) {
    let world = &mut *world.borrow_mut();
    world.kernel.refuse(ENOMEM);
    world.is_refusing_settling = true;
    world.note(format_args!("the loop's own changes before the next wait are refused"));
}

/// C30: if a callback stops the loop, the timers that were due stay due.
fn stop(world: &Shared, events: &mut Loop) {
    events.stop();
    let world = &mut *world.borrow_mut();
    world.is_served = false;
    world.note(format_args!("stop"));
}

/// C32: a nested run of the same loop is an error.
fn nested_run(world: &Shared, events: &mut Loop) {
    let refused = events.run(|_, _| panic!("a run within a run serves something"));
    let Err(refused) = refused else { panic!("a run within a run") };
    world.borrow_mut().note(format_args!("run within the run: {}", Said(&refused)));
}

/// C35: a callback may clear the loop.
fn clear(world: &Shared, events: &mut Loop) {
    events.clear();
    let world = &mut *world.borrow_mut();
    world.timers.cleared();
    world.watched.cleared();
    assert!(world.kernel.registered.is_empty(), "the kernel still observes {:?}", world.kernel.registered);
    world.note(format_args!("clear"));
}

fn check_counts(world: &Shared, events: &Loop) {
    let world = world.borrow();
    assert_eq!(events.timers(), world.timers.len(), "timers");
    assert_eq!(events.descriptors(), world.watched.len(), "descriptors");
    assert_eq!(events.is_idle(), world.is_idle(), "whether the loop is idle");
}
