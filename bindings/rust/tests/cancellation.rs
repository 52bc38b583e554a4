//! A future that is dropped before it completes has no effect and leaves nothing behind. A future whose loop is dropped
//! or cleared gets an error.

mod common;

use cogloop::{Error, Loop};
use common::*;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Regression test: the closure was called in the next turn although its future was dropped.
#[test]
fn a_dropped_visit_to_the_state_never_runs() {
    let mut events = Loop::new().unwrap();
    let (handle, held) = (events.handle(), Rc::new(()));
    let kept = Rc::clone(&held);
    {
        let mut visit = pin!(handle.with(move |visits: &mut u32, _| {
            *visits += 1;
            drop(kept);
        }));
        assert!(poll_once(visit.as_mut()).is_pending());
    }
    assert_eq!(Rc::strong_count(&held), 1, "its captured values are dropped at once");
    let task = events.spawn(async move { handle.with(|visits: &mut u32, _| *visits += 10).await }).unwrap();
    let mut visits = 0;
    // The task calls `with` in this turn, and is dropped before the next.
    events.turn(&mut visits, Some(Duration::ZERO)).unwrap();
    drop(task);
    events.run(&mut visits).unwrap();
    assert_eq!(visits, 0);
}

/// Regression test: futures of a dropped loop were pending for ever.
#[test]
fn a_sleep_whose_loop_is_gone_wakes_its_task_with_an_error() {
    let (inner, mut outer) = (Loop::<()>::simulated().unwrap(), Loop::<()>::simulated().unwrap());
    let (sleep, mut ticks) = (inner.sleep(SECOND).unwrap(), inner.interval(SECOND).unwrap());
    let limited = inner.timeout(SECOND, std::future::pending::<()>());
    let sleep = outer.spawn(sleep).unwrap();
    let tick = outer.spawn(async move { ticks.tick().await }).unwrap();
    let limited = outer.spawn(limited).unwrap();
    outer.turn(&mut (), Some(Duration::ZERO)).unwrap();
    assert!(!sleep.is_finished() && !tick.is_finished() && !limited.is_finished());
    drop(inner);
    outer.run(&mut ()).unwrap();
    assert!(matches!(outer.block_on(&mut (), sleep).unwrap().unwrap(), Err(Error::Closed)));
    assert!(matches!(outer.block_on(&mut (), tick).unwrap().unwrap(), Err(Error::Closed)));
    assert!(matches!(outer.block_on(&mut (), limited).unwrap().unwrap(), Err(Error::Closed)));
}

/// A sleep succeeds if its deadline had passed before the loop was dropped.
#[test]
fn a_sleep_that_is_over_when_its_loop_goes_is_no_error() {
    let inner = Loop::<()>::simulated().unwrap();
    let mut sleep = pin!(inner.sleep(SECOND).unwrap());
    assert!(poll_once(sleep.as_mut()).is_pending());
    inner.advance(SECOND);
    drop(inner);
    assert!(matches!(poll_once(sleep), Poll::Ready(Ok(()))));
}

/// Regression test: a cleared sleep that found no room woke its task again and again, and kept the processor busy until
/// there was room.
#[test]
fn a_sleep_that_was_cleared_and_finds_no_room_is_an_error() {
    let mut events = Loop::with_options(cogloop::Options::new().simulated().max_timers(1)).unwrap();
    let (handle, sleep) = (events.handle(), events.sleep(SECOND).unwrap());
    let slept = events.block_on(&mut (), async move {
        handle.clear();
        let _other = handle.sleep(60 * SECOND)?;
        sleep.await
    });
    assert!(matches!(slept.unwrap(), Err(Error::Limit { what: "timers", limit: 1 })));
}
