//! Futures: sleeping, ticking, waiting for descriptors and for each other, and dropping. The numbers `C…` name rows of
//! docs/conformance.md.

mod common;

use cogloop::{Error, Interval, Loop, Missed, Options};
use common::*;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Polls two futures until both are ready.
async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut from_a, mut from_b) = (None, None);
    poll_fn(|cx| {
        if from_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            from_a = Some(output);
        }
        if from_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            from_b = Some(output);
        }
        if from_a.is_some() && from_b.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (from_a.unwrap(), from_b.unwrap())
}

fn pair() -> (Stream, Stream) {
    let (left, right) = streams();
    left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    (left, right)
}

/// C03: sleepers wake in the order of their deadlines, then in the order in which they began to sleep.
#[test]
fn sleepers_wake_in_the_order_of_their_deadlines_c03() {
    let mut events = simulated();
    for (number, seconds) in [(2, 2), (0, 1), (3, 2), (1, 1)] {
        let handle = events.handle();
        let task = events.spawn(async move {
            handle.sleep(SECOND * seconds)?.await?;
            handle.with(move |log: &mut Vec<u64>, _| log.push(number)).await
        });
        task.unwrap().detach();
    }
    assert_eq!(log_of(&mut events), [0, 1, 2, 3]);
}

/// C04: a sleep of zero takes one turn and starves nothing.
#[test]
fn a_sleep_of_zero_takes_a_turn_and_starves_nothing_c04() {
    let mut events = Loop::new().unwrap();
    let handle = events.handle();
    let turns = Rc::new(Cell::new(0));
    let counted = Rc::clone(&turns);
    let busy = events.spawn(async move {
        loop {
            handle.sleep(Duration::ZERO).unwrap().await.unwrap();
            counted.set(counted.get() + 1);
        }
    });
    let mut fired = false;
    events.after(MS, |fired: &mut bool, _| *fired = true).unwrap();
    while !fired || turns.get() < 3 {
        events.turn(&mut fired, None).unwrap();
    }
    drop(busy);
    events.run(&mut fired).unwrap();
}

/// A dropped future leaves no timer, no descriptor and no task behind.
#[test]
fn dropped_futures_leave_nothing_in_the_loop() {
    let mut events = Loop::<()>::simulated().unwrap();
    let (handle, (ours, _peer)) = (events.handle(), pair());
    let sleep = handle.sleep(SECOND).unwrap();
    let ticks = handle.interval(SECOND).unwrap();
    let watched = handle.watch(ours).unwrap();
    let held = Rc::new(());
    let inner = (handle.clone(), Rc::clone(&held));
    let task = handle
        .spawn(async move {
            let (handle, _held) = inner;
            handle.sleep(SECOND).unwrap().await.unwrap();
            unreachable!("it was dropped");
        })
        .unwrap();
    events.turn(&mut (), Some(Duration::ZERO)).unwrap();
    assert_eq!((events.timer_count(), events.source_count(), events.task_count()), (3, 1, 1));
    drop((sleep, ticks, watched, task));
    assert_eq!((events.timer_count(), events.source_count(), events.task_count()), (0, 0, 0));
    assert_eq!(Rc::strong_count(&held), 1, "the future is dropped at once");
    events.run(&mut ()).unwrap();

    let timed_out = events.timeout(SECOND, handle.sleep(60 * SECOND).unwrap());
    assert!(matches!(events.block_on(&mut (), timed_out).unwrap(), Err(Error::Elapsed)));
    let in_time = events.timeout(60 * SECOND, handle.sleep(SECOND).unwrap());
    assert!(matches!(events.block_on(&mut (), in_time).unwrap(), Ok(Ok(()))));
    assert_eq!(events.timer_count(), 0);
}

/// A task may drop itself while it runs and wake itself, and another task may wait for it.
#[test]
fn tasks_drop_wake_and_wait_for_each_other() {
    let mut events = Loop::simulated().unwrap();
    let own = Rc::new(RefCell::new(None));
    let (place, handle) = (Rc::clone(&own), events.handle());
    let dropped = Rc::new(());
    let held = Rc::clone(&dropped);
    *own.borrow_mut() = Some(
        events
            .spawn(async move {
                let _held = held;
                drop(place.borrow_mut().take());
                handle.sleep(SECOND).unwrap().await.unwrap();
                unreachable!("it has dropped itself");
            })
            .unwrap(),
    );
    events.run(&mut ()).unwrap();
    assert_eq!((Rc::strong_count(&dropped), events.task_count()), (1, 0));

    let mut left = 100;
    let again = events.spawn(poll_fn(move |cx| {
        left -= 1;
        cx.waker().wake_by_ref();
        if left == 0 { Poll::Ready("done") } else { Poll::Pending }
    }));
    let waiting = events.spawn(again.unwrap()).unwrap();
    assert_eq!(events.block_on(&mut (), waiting).unwrap().unwrap().unwrap(), "done");

    let panics = events.spawn(async { panic!("expected") }).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| events.run(&mut ())));
    assert!(caught.is_err() && panics.is_finished());
    let outcome: Result<(), Error> = events.block_on(&mut (), panics).unwrap();
    assert!(matches!(outcome, Err(Error::Cancelled)));
}

/// C13: each policy, for a future that asks late. A tick whose future was dropped is not lost.
#[test]
fn late_ticks_follow_the_policy_c13() {
    for (policy, expected) in [
        (Missed::Skip, [(0, 0, 0), (2500, 2, 4500), (0, 0, 5000)]),
        (Missed::Burst, [(0, 0, 0), (2500, 0, 4500), (1500, 0, 4500)]),
        (Missed::Delay, [(0, 0, 0), (2500, 0, 4500), (0, 0, 5500)]),
    ] {
        let mut events = Loop::<()>::simulated().unwrap();
        let (handle, start) = (events.handle(), events.now());
        let seen = events.block_on(&mut (), async {
            let mut ticks = handle.interval(Interval::new(SECOND).missed(policy)).unwrap();
            assert!(matches!(handle.timeout(500 * MS, ticks.tick()).await, Err(Error::Elapsed)));
            let mut seen = Vec::new();
            for wait in [0, 3500, 0] {
                handle.sleep(wait * MS).unwrap().await.unwrap();
                let tick = ticks.tick().await.unwrap();
                let at = if seen.is_empty() { 0 } else { (handle.now() - start).as_millis() };
                seen.push((tick.late.as_millis(), tick.missed, at));
            }
            seen
        });
        assert_eq!(seen.unwrap(), expected, "{policy:?}");
        assert_eq!(events.timer_count(), 0);
    }
}

/// C17: the longest delay does not wrap around.
#[test]
fn a_sleep_can_be_set_again_before_and_after_it_is_over_c17() {
    let mut events = Loop::<()>::simulated().unwrap();
    let (handle, start) = (events.handle(), events.now());
    let done = events.block_on(&mut (), async {
        let mut sleep = handle.sleep(SECOND)?;
        sleep.reset(60 * SECOND)?;
        assert_eq!(sleep.deadline(), Some(start + 60 * SECOND));
        (&mut sleep).await?;
        assert_eq!(handle.now() - start, 60 * SECOND);
        sleep.reset(SECOND)?;
        sleep.await?;
        handle.sleep_until(start + 100 * SECOND)?.await?;
        assert_eq!(handle.now() - start, 100 * SECOND);
        assert!(handle.sleep(Duration::MAX)?.deadline() > Some(start + Duration::from_secs(1 << 33)));
        Ok::<_, Error>(())
    });
    done.unwrap().unwrap();
}

/// One end is in a task, the other in the future of `block_on`. They transfer much more than fits into the kernel's
/// buffers.
#[test]
fn descriptors_are_read_and_written_by_tasks() {
    const LENGTH: usize = 1_000_000;
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let (left, right) = pair();
        let (left, right) = (events.watch(left).unwrap(), events.watch(right).unwrap());
        let echo = events.spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let length = right.read(&mut buffer).await?;
                if length == 0 {
                    return Ok::<_, io::Error>(());
                }
                right.write_all(&buffer[..length]).await?;
            }
        });
        let data: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
        let got = events.block_on(&mut (), async {
            let mut got = Vec::new();
            let write = async {
                left.write_all(&data).await.unwrap();
                left.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
            };
            let read = async {
                let mut buffer = [0; 8192];
                while got.len() < LENGTH {
                    let length = left.read(&mut buffer).await.unwrap();
                    got.extend_from_slice(&buffer[..length]);
                }
            };
            join(write, read).await;
            got
        });
        assert!(got.unwrap() == data);
        events.block_on(&mut (), echo.unwrap()).unwrap().unwrap().unwrap();
        drop(left);
        assert_eq!(events.source_count(), 0);
    });
}

/// Each report of readiness wakes all futures that wait. `clear` wakes them, too.
#[test]
fn readable_and_writable_wait_for_readiness() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let (ours, mut peer) = pair();
        let watched = Rc::new(events.watch(ours).unwrap());
        events.block_on(&mut (), watched.writable()).unwrap().unwrap();
        let handle = events.handle();
        assert!(matches!(
            events.block_on(&mut (), handle.timeout(2 * MS, watched.readable())).unwrap(),
            Err(Error::Elapsed)
        ));
        let both = [Rc::clone(&watched), Rc::clone(&watched)]
            .map(|watched| events.spawn(async move { watched.readable().await }).unwrap());
        peer.write_all(b"x").unwrap();
        for task in both {
            events.block_on(&mut (), task).unwrap().unwrap().unwrap();
        }
        events.block_on(&mut (), watched.readable()).unwrap().unwrap();
        assert_eq!(watched.get_ref().read(&mut [0; 8]).unwrap(), 1);
        let waiting = Rc::clone(&watched);
        let (is_done, inner) = (Rc::new(Cell::new(false)), handle.clone());
        let set_done = Rc::clone(&is_done);
        events.after(MS, move |(), _| inner.clear()).unwrap();
        let ended = events.block_on(&mut (), async move {
            let ended = waiting.readable().await;
            set_done.set(true);
            ended
        });
        assert!(is_done.get() && ended.unwrap().is_err());
    });
}

/// C54: a waker on another thread, and a waker that outlives its task and its loop.
#[test]
fn a_task_is_woken_from_another_thread_c54() {
    let mut events = Loop::<()>::new().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let raised = std::sync::Arc::clone(&flag);
    let waker = thread::spawn(move || {
        let mut last = None;
        for waker in receiver {
            raised.fetch_add(1, std::sync::atomic::Ordering::Release);
            waker.wake_by_ref();
            last = Some(waker);
        }
        last
    });
    let task = events.spawn(async move {
        for round in 1..=100 {
            sender.send(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await).unwrap();
            poll_fn(|_| {
                if flag.load(std::sync::atomic::Ordering::Acquire) >= round { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    });
    events.block_on(&mut (), task.unwrap()).unwrap().unwrap();
    let stale = waker.join().unwrap().unwrap();
    stale.wake_by_ref();
    events.run(&mut ()).unwrap();
    drop(events);
    stale.wake();
}

/// The limits of `Options` hold for tasks and for sleeps in them. An interval keeps its timer within the limit.
#[test]
fn tasks_and_sleeps_are_limited() {
    let mut events = Loop::<()>::with_options(Options::new().simulated().max_tasks(1).max_timers(2)).unwrap();
    let handle = events.handle();
    let first = events.spawn(std::future::pending::<()>()).unwrap();
    assert!(matches!(events.spawn(async {}), Err(Error::Limit { what: "tasks", limit: 1 })));
    drop(first);
    let counted = events.block_on(&mut (), async {
        let mut ticks = handle.interval(SECOND).unwrap();
        let _other = handle.sleep(3600 * SECOND).unwrap();
        assert!(matches!(handle.sleep(SECOND), Err(Error::Limit { what: "timers", limit: 2 })));
        for _ in 0..5 {
            ticks.tick().await.unwrap();
            assert!(handle.sleep(SECOND).is_err(), "the interval keeps its timer between two ticks");
        }
        5
    });
    assert_eq!(counted.unwrap(), 5);
}

#[test]
fn a_stop_ends_a_block_on_and_the_next_one_goes_on() {
    let mut events = Loop::simulated().unwrap();
    let handle = events.handle();
    events.after(SECOND, |count: &mut u32, firing| (*count += 1, firing.stop()).1).unwrap();
    let mut future = Box::pin(async move { handle.sleep(2 * SECOND).unwrap().await });
    let mut count = 0;
    assert!(matches!(events.block_on(&mut count, future.as_mut()), Err(Error::Stopped)));
    events.block_on(&mut count, future.as_mut()).unwrap().unwrap();
    assert_eq!(count, 1);
}

/// A sleep that is polled several times with a user's waker wakes that waker once.
#[test]
fn a_sleep_that_is_polled_several_times_wakes_a_users_waker_once() {
    struct Wrapped(std::sync::Arc<std::sync::atomic::AtomicU32>);
    impl std::task::Wake for Wrapped {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let mut events = Loop::<()>::simulated().unwrap();
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let waker = Waker::from(std::sync::Arc::new(Wrapped(std::sync::Arc::clone(&count))));
    let mut sleep = events.sleep(SECOND).unwrap();
    for _ in 0..3 {
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    events.run(&mut ()).unwrap();
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_ready());
}

/// Regression test: a turn served either the tasks that a stopped turn had left, or the tasks that were woken since. So
/// some of the tasks were served a turn late.
#[test]
fn after_a_stop_a_turn_serves_the_remaining_tasks_and_those_woken_since() {
    let mut events = Loop::<()>::simulated().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let polls = |name: &'static str| {
        let (log, mut count) = (Rc::clone(&log), 0);
        poll_fn(move |cx| {
            log.borrow_mut().push(name);
            count += 1;
            cx.waker().wake_by_ref();
            if count == 2 { Poll::Ready(()) } else { Poll::Pending }
        })
    };
    let stops = events.handle();
    events.spawn(async move { stops.stop() }).unwrap().detach();
    events.spawn(polls("left")).unwrap().detach();
    events.run(&mut ()).unwrap();
    assert!(log.borrow().is_empty(), "stopped");
    events.spawn(polls("woken since")).unwrap().detach();
    events.turn(&mut (), Some(Duration::ZERO)).unwrap();
    assert_eq!(*log.borrow(), ["left", "woken since"]);
    events.run(&mut ()).unwrap();
    assert_eq!(log.borrow().len(), 4);
}

/// Makes a loop that serves one callback of each kind in a turn. A `block_on` has failed in the turn that woke its
/// future.
fn after_a_block_on_that_failed_when_its_future_was_woken() -> Loop<()> {
    let options = Options::new().simulated().max_callbacks_per_turn(1);
    let mut events = Loop::with_options(options).unwrap();
    events.after(Duration::ZERO, |(), _| Err::<(), _>(io::Error::other("on purpose"))).unwrap();
    let handle = events.handle();
    // The turn calls the closure of `with`, which wakes the future, before it calls the timer.
    let failed = events.block_on(&mut (), handle.with(|(), _| ()));
    assert!(matches!(failed, Err(Error::Callback(_))));
    events
}

#[test]
fn a_wake_left_by_a_failed_block_on_is_not_served() {
    let mut events = after_a_block_on_that_failed_when_its_future_was_woken();
    assert_eq!(events.next_timeout().unwrap(), None);
    let task = events.spawn(async {}).unwrap();
    assert!(!events.turn(&mut (), Some(Duration::ZERO)).unwrap(), "the turn serves the only task");
    assert!(task.is_finished());
}

#[test]
fn a_future_of_block_on_is_not_polled_for_a_wake_of_an_earlier_one() {
    let mut events = after_a_block_on_that_failed_when_its_future_was_woken();
    let mut sleep = pin!(events.sleep(Duration::from_millis(1)).unwrap());
    let mut polls = 0;
    let counted = poll_fn(|cx| {
        polls += 1;
        sleep.as_mut().poll(cx)
    });
    events.block_on(&mut (), counted).unwrap().unwrap();
    assert_eq!(polls, 2);
}

#[test]
fn one_poll_of_block_on_handles_all_earlier_wakes_of_its_future() {
    let mut events = Loop::<()>::simulated().unwrap();
    let handle = events.handle();
    let mut tasks = Vec::new();
    let future = poll_fn(|cx| {
        if !tasks.is_empty() {
            return Poll::Ready(());
        }
        // The future's own wake comes first. The task's wake comes before the next poll.
        cx.waker().wake_by_ref();
        let waker = cx.waker().clone();
        tasks.push(handle.spawn(async move { waker.wake() }).unwrap());
        Poll::Pending
    });
    events.block_on(&mut (), future).unwrap();
    assert!(tasks[0].is_finished());
    assert_eq!(events.next_timeout().unwrap(), None);
}

#[test]
fn a_waker_of_a_finished_block_on_wakes_nothing_and_that_of_the_next_one_works() {
    let mut events = Loop::<()>::simulated().unwrap();
    let waker = events.block_on(&mut (), poll_fn(|cx| Poll::Ready(cx.waker().clone()))).unwrap();
    waker.wake_by_ref();
    assert_eq!(events.next_timeout().unwrap(), None);
    let mut is_second = false;
    let twice = poll_fn(|cx| match std::mem::replace(&mut is_second, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    events.block_on(&mut (), twice).unwrap();
    waker.wake();
    assert_eq!(events.next_timeout().unwrap(), None);
}

#[test]
fn a_visit_whose_future_was_dropped_does_not_count_in_the_limit_of_a_turn() {
    let options = Options::new().simulated().max_callbacks_per_turn(1);
    let mut events = Loop::with_options(options).unwrap();
    let handle = events.handle();
    let asks = async move {
        for _ in 0..2 {
            let mut dropped = pin!(handle.with(|_: &mut u32, _| unreachable!()));
            assert!(poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_pending())).await);
        }
        handle.with(|visits, _| *visits += 1).await
    };
    events.spawn(asks).unwrap().detach();
    let mut visits = 0;
    events.turn(&mut visits, Some(Duration::ZERO)).unwrap();
    assert_eq!(visits, 0);
    events.turn(&mut visits, Some(Duration::ZERO)).unwrap();
    assert_eq!(visits, 1);
}

#[test]
fn a_visit_whose_future_was_dropped_does_not_count_as_work() {
    let mut events = Loop::<()>::simulated().unwrap();
    let handle = events.handle();
    for is_cleared in [false, true] {
        let mut visit = Box::pin(handle.with(|(), _| unreachable!()));
        assert!(visit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(events.next_timeout().unwrap(), Some(Duration::ZERO));
        if is_cleared {
            events.clear();
        }
        drop(visit);
        assert_eq!(events.next_timeout().unwrap(), None);
    }
    let mut visit = Box::pin(handle.with(|(), _| ()));
    assert!(visit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(events.next_timeout().unwrap(), Some(Duration::ZERO));
    // The turn calls the closure, and skips the closure whose future was dropped.
    assert!(!events.turn(&mut (), None).unwrap());
    assert!(visit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    events.audit();
}
