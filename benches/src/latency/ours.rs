//! The event loop of this project, on one of its backends.

use std::io;

use cogloop_io::{DEFAULT_RESOLUTION_NS, EventLoop, Interest, Options, Token, Wait};

use super::course::Course;
use crate::clock::now_ns;

/// The spinning contender stops sleeping this long before a deadline. From then on it reads the clock again and again.
const SPIN_NS: u64 = 100_000;

pub(super) fn run(course: &Course, backend: &str) -> io::Result<()> {
    take_turns(course, backend, DEFAULT_RESOLUTION_NS, |_| Wait::Block)
}

/// Runs the loop with ticks of a millisecond, as in other loops. Timers of the same tick share a wake-up.
pub(super) fn run_coarse(course: &Course, backend: &str) -> io::Result<()> {
    take_turns(course, backend, 1_000_000, |_| Wait::Block)
}

/// Sleeps until shortly before each deadline and then spins.
pub(super) fn run_spinning(course: &Course, backend: &str) -> io::Result<()> {
    take_turns(course, backend, DEFAULT_RESOLUTION_NS, |events| match events.next_deadline_ns() {
        Some(deadline_ns) => match deadline_ns.saturating_sub(events.now_ns()) {
            left_ns if left_ns > SPIN_NS => Wait::AtMost(left_ns - SPIN_NS),
            _ => Wait::Poll,
        },
        None => Wait::Block,
    })
}

fn take_turns(
    course: &Course,
    backend: &str,
    resolution_ns: u64,
    wait: impl Fn(&mut EventLoop<usize>) -> Wait,
) -> io::Result<()> {
    let options = Options { backend: Some(backend.to_owned()), resolution_ns, ..Options::default() };
    let mut events: EventLoop<usize> = EventLoop::new(&options).map_err(io::Error::other)?;
    if events.backend().name != backend {
        return Err(io::Error::other(events.backend().reason.clone()));
    }
    // The loop's time and the kernel's time differ only by the origin. The kernel's clock is read first, so the
    // origin can only be too small, and no deadline becomes too early.
    let origin_ns = now_ns();
    let origin_ns = origin_ns - events.now_ns();
    // On a busy machine a deadline may pass before the loop is made.
    let in_the_loop = |ns: u64| ns.saturating_sub(origin_ns);
    for timer in 0..course.timers() {
        events.add_timer_at(in_the_loop(course.due_ns(timer)), timer);
    }
    let tokens = observe(course, &mut events)?;
    while !course.is_over() {
        let wait = wait(&mut events);
        events.turn(wait)?;
        while let Some(expired) = events.next_expired() {
            if let Some(again_ns) = course.fired(expired.value) {
                events.add_timer_at(in_the_loop(again_ns), expired.value);
            }
        }
        while let Some(ready) = events.next_ready() {
            let index = tokens.iter().position(|token| *token == ready.token);
            if let (Some(index), Some(descriptors)) = (index, course.descriptors()) {
                descriptors.serve(index);
            }
        }
    }
    Ok(())
}

fn observe(course: &Course, events: &mut EventLoop<usize>) -> io::Result<Vec<Token>> {
    let Some(descriptors) = course.descriptors() else { return Ok(Vec::new()) };
    (0..descriptors.len()).map(|index| events.add_owned(descriptors.owned(index)?, Interest::READ)).collect()
}
