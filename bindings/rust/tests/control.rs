//! Running and stopping a loop, what keeps it going, and the state after a callback's failure. The numbers `C…` name
//! rows of docs/conformance.md.

mod common;

use cogloop::{Error, Handle, Interest, Loop, Task};
use common::*;
#[cfg(unix)]
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(unix)]
use std::rc::Rc;
use std::time::Duration;

/// C25: `run` and `turn` return at once if there is nothing to do, and `run_until` waits until its end. C33: one turn,
/// with and without waiting.
#[test]
fn an_idle_loop_returns_and_a_turn_waits_until_its_limit_c25_c33() {
    on_every_backend(|options| {
        let mut events = Loop::with_options(options.clone()).unwrap();
        let mut count = 0;
        events.run(&mut count).unwrap();
        assert!(!events.turn(&mut count, None).unwrap(), "nothing to wait for");

        let start = events.now();
        events.after(20 * MS, |count: &mut u32, _| *count += 1).unwrap();
        assert!(events.turn(&mut count, Some(Duration::ZERO)).unwrap() || events.now() - start >= 20 * MS);
        while events.turn(&mut count, None).unwrap() {}
        assert_eq!(count, 1);
        assert!(events.now() - start >= 20 * MS, "it waited");
        let end = events.now() + 2 * MS;
        events.run_until(&mut count, end).unwrap();
        assert!(events.now() >= end, "the turn waits although nothing can come");
    });
}

/// C30: timers that were due when a callback stopped the loop stay due. C31: a stop before a run has no effect on the
/// run.
#[test]
fn after_a_stop_the_next_run_serves_the_rest_c30_c31() {
    let mut events = simulated();
    for number in 1..=3 {
        events
            .after(MS, move |log: &mut Vec<u64>, firing| {
                log.push(number);
                firing.stop();
            })
            .unwrap();
    }
    let remote = events.remote().unref();
    events.stop(); // no effect, because the loop does not run
    assert_eq!(log_of(&mut events), [1]);
    remote.post(|log: &mut Vec<u64>, _| log.push(10)).unwrap();
    remote.post(|log: &mut Vec<u64>, handle| (log.push(11), handle.stop()).1).unwrap();
    remote.post(|log: &mut Vec<u64>, _| log.push(12)).unwrap();
    assert_eq!(log_of(&mut events), [10, 11]);
    assert_eq!(log_of(&mut events), [12, 2]);
    assert_eq!(log_of(&mut events), [3]);
}

/// C34: an unreferenced timer is served and does not keep the loop going. An unreferenced descriptor does not keep the
/// loop going, either; here it is never ready.
#[test]
fn unreferenced_timers_and_descriptors_keep_no_loop_going_c34() {
    let mut events = simulated();
    let pulse = events.every(SECOND, |log: &mut Vec<u64>, _| log.push(1)).unwrap();
    let remote = events.remote();
    assert!(events.unref_timer(pulse).unwrap());
    let remote = remote.unref();
    let (reader, _writer) = pipe();
    let source = events.add(reader, Interest::READ, |_: &mut Vec<u64>, _, _| ()).unwrap();
    assert!(events.unref_source(source));
    assert_eq!(log_of(&mut events), []);
    events.after(3500 * MS, |log: &mut Vec<u64>, _| log.push(2)).unwrap();
    assert_eq!(log_of(&mut events), [1, 1, 1, 2]);

    assert!(events.ref_timer(pulse) && events.ref_source(source) && events.cancel(pulse) && events.cancel(source));
    assert!(!events.ref_timer(pulse) && !events.unref_timer(pulse).unwrap() && !events.unref_source(source));
    drop(remote);
    assert_eq!(log_of(&mut events), []);
}

/// C35: the callback of a timer, an interval, a source, a post or an idle callback clears the loop, and so does a task.
/// (The callback of a channel clears its loop in `remote.rs`.)
#[test]
fn a_loop_that_a_callback_clears_ends_its_run_c35() {
    type Setup = fn(&Loop<u32>) -> Result<(), Error>;
    let setups: [Setup; 6] = [
        |events| events.after(MS, |_, firing| firing.clear()).map(|_| ()),
        |events| events.every(MS, |_, firing| firing.clear()).map(|_| ()),
        |events| {
            let (reader, writer) = pipe();
            drop(writer);
            events.add(reader, Interest::READ, |_, ready, _| ready.clear()).map(|_| ())
        },
        |events| events.remote().post(|_, handle| handle.clear()),
        |events| {
            let handle = events.handle();
            events.spawn(async move { handle.clear() }).map(Task::detach)
        },
        |events| events.idle(|_, handle| handle.clear()).map(|_| ()),
    ];
    for setup in setups {
        let mut events = Loop::simulated().unwrap();
        events.every(5 * MS, |count: &mut u32, _| *count += 1).unwrap();
        setup(&events).unwrap();
        let sender = events.channel(|_, _, _: Option<u32>| ()).unwrap();
        let waiting = events.spawn(std::future::pending::<()>()).unwrap();
        let mut count = 0;
        events.run(&mut count).unwrap();
        assert_eq!((count, events.timer_count(), events.source_count(), events.task_count()), (0, 0, 0, 0));
        assert!(waiting.is_finished() && sender.try_send(1).is_err());
        assert!(matches!(events.block_on(&mut count, waiting).unwrap(), Err(Error::Cancelled)));
        events.after(MS, |count, _| *count += 1).unwrap();
        events.run(&mut count).unwrap();
        assert_eq!(count, 1, "the loop can be used again");
    }
}

/// `run` returns the error. The timer or source that failed has ended; everything else is unchanged.
#[test]
fn an_error_in_a_callback_ends_the_run_and_leaves_the_loop_usable() {
    fn fail() -> Result<(), std::num::ParseIntError> {
        "x".parse::<u32>().map(drop)
    }
    type Setup = fn(&Loop<Vec<u64>>) -> Result<(), Error>;
    let setups: [Setup; 6] = [
        |events| events.after(MS, |_, _| fail()).map(|_| ()),
        |events| events.every(MS, |_, _| fail()).map(|_| ()),
        |events| {
            let (reader, writer) = pipe();
            drop(writer);
            events.add(reader, Interest::READ, |_, _, _| fail()).map(|_| ())
        },
        |events| events.remote().post(|_, _| fail()),
        |events| events.channel(|_, _, _: Option<u32>| fail())?.try_send(1).map_err(|refused| refused.error),
        |events| events.idle(|_, _| fail()).map(|_| ()),
    ];
    for (number, setup) in setups.into_iter().enumerate() {
        let mut events = simulated();
        setup(&events).unwrap();
        events.after(2 * MS, |log: &mut Vec<u64>, _| log.push(2)).unwrap();
        let mut log = Vec::new();
        let error = events.run(&mut log).unwrap_err();
        assert!(matches!(error, Error::Callback(_)), "{number}: {error:?}");
        assert!(error.to_string().contains("invalid digit"), "{error}");
        events.run(&mut log).unwrap();
        assert_eq!(log, [2], "{number}");
    }
}

#[test]
fn an_error_of_the_loop_passed_on_by_a_callback_is_not_wrapped() {
    let mut events = Loop::simulated().unwrap();
    events.after(MS, |(), firing| firing.every(Duration::ZERO, |_, _| ()).map(drop)).unwrap();
    assert!(matches!(events.run(&mut ()), Err(Error::ZeroPeriod)));
}

/// C32 is about a nested run. In Rust a program with a nested run does not compile (see `Loop`). After a caught panic,
/// only the timer, source, channel or task that panicked has ended.
#[test]
fn a_panic_in_a_callback_ends_its_timer_or_source_and_nothing_else_c32() {
    type Setup = fn(&Loop<Vec<u64>>) -> Result<(), Error>;
    let setups: [Setup; 7] = [
        |events| events.after(MS, |_, _| panic!("expected")).map(|_| ()),
        |events| events.every(MS, |_, _| panic!("expected")).map(|_| ()),
        |events| {
            let (reader, writer) = pipe();
            drop(writer);
            events.add(reader, Interest::READ, |_, _, _| panic!("expected")).map(|_| ())
        },
        |events| events.remote().post(|_, _| panic!("expected")),
        |events| {
            events.channel(|_, _, _: Option<u32>| panic!("expected"))?.try_send(1).map_err(|refused| refused.error)
        },
        |events| events.idle(|_, _| panic!("expected")).map(|_| ()),
        |events| events.spawn(async { panic!("expected") }).map(Task::detach),
    ];
    for (number, setup) in setups.into_iter().enumerate() {
        let mut events = simulated();
        setup(&events).unwrap();
        events.after(2 * MS, |log: &mut Vec<u64>, _| log.push(2)).unwrap();
        let mut log = Vec::new();
        assert!(catch_unwind(AssertUnwindSafe(|| events.run(&mut log))).is_err(), "{number}");
        events.run(&mut log).unwrap();
        assert_eq!(log, [2], "{number}");
        assert_eq!((events.timer_count(), events.source_count(), events.task_count()), (0, 0, 0), "{number}");
    }
}

/// The destructor of a captured value may use the loop, whenever the destructor runs.
#[cfg(unix)]
#[test]
fn a_destructor_may_use_the_loop() {
    struct Busy(Handle<u32>, Rc<RefCell<u32>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            let timer = self.0.after(MS, |_, _| ());
            drop(timer.map(|timer| self.0.cancel(timer)));
            let (reader, _writer) = pipe();
            drop(self.0.add(reader, Interest::READ, |_, _, _| ()).map(|source| self.0.cancel(source)));
            drop(self.0.spawn(async {}));
            drop(self.0.remote().post(|_, _| ()));
            drop(self.0.idle(|_, _| ()).map(|idle| self.0.cancel(idle)));
            drop(self.0.channel(|_, _, _: Option<()>| ()));
            *self.1.borrow_mut() += 1;
        }
    }
    let dropped = Rc::new(RefCell::new(0));
    let mut events = Loop::simulated().unwrap();
    let busy = |events: &Loop<u32>| Busy(events.handle(), Rc::clone(&dropped));
    let fill = |events: &Loop<u32>| {
        let held: [_; 7] = std::array::from_fn(|_| busy(events));
        let [a, b, c, d, e, f, g] = held;
        let once = events.after(MS, move |_, _| drop(a)).unwrap();
        let repeat = events.every(MS, move |_, _| (&b, ControlFlow::Break(())).1).unwrap();
        let (reader, _writer) = pipe();
        let source = events.add(reader, Interest::READ, move |_, _, _| (&c, ControlFlow::Break(())).1).unwrap();
        let idle = events.idle(move |_, _| (&d, ControlFlow::Break(())).1).unwrap();
        let task = events.spawn(async move { drop(e) }).unwrap();
        let sender = events.channel(move |_, _, _: Option<()>| (&f, ()).1).unwrap();
        let kept = std::fs::File::open("/dev/null").unwrap();
        let sleeping = events.spawn({
            let handle = events.handle();
            async move {
                let _held = (g, kept);
                handle.sleep(SECOND).unwrap().await.unwrap();
            }
        });
        (once, repeat, source, idle, task, sender, sleeping.unwrap())
    };
    let (once, repeat, source, idle, ..) = fill(&events);
    assert!(events.cancel(once) && events.cancel(repeat) && events.cancel(source) && events.cancel(idle));
    events.run(&mut 0).unwrap();
    assert_eq!(*dropped.borrow(), 7);

    let kept = fill(&events);
    events.clear();
    drop(kept);
    events.run(&mut 0).unwrap();
    assert_eq!(*dropped.borrow(), 14);

    let kept = fill(&events);
    events.run_for(&mut 0, 2 * MS).unwrap();
    drop(events);
    drop(kept);
    assert_eq!(*dropped.borrow(), 21);
}

/// C65 for Rust: handles outlive their loop.
#[test]
fn a_handle_that_outlives_its_loop_returns_an_error() {
    let events = Loop::<()>::simulated().unwrap();
    let timer = events.after(MS, |_, _| ()).unwrap();
    let (handle, remote, sender) =
        (events.handle(), events.remote(), events.channel(|_, _, _: Option<u32>| ()).unwrap());
    let task = handle.spawn(std::future::pending::<()>()).unwrap();
    let mut ticks = handle.interval(SECOND).unwrap();
    let sleep = handle.sleep(SECOND).unwrap();
    drop(events);
    assert!(matches!(handle.after(MS, |_, _| ()), Err(Error::Closed)));
    assert!(matches!(handle.every(MS, |_, _| ()), Err(Error::Closed)));
    assert!(matches!(handle.add(pipe().0, Interest::READ, |_, _, _| ()), Err(Error::Closed)));
    assert!(matches!(handle.spawn(async {}), Err(Error::Closed)));
    assert!(matches!(handle.sleep(MS), Err(Error::Closed)));
    assert!(matches!(handle.idle(|_, _| ()), Err(Error::Closed)));
    assert!(matches!(handle.channel(|_, _, _: Option<u32>| ()), Err(Error::Closed)));
    assert!(matches!(remote.post(|_, _| ()), Err(Error::Closed)));
    assert!(remote.is_closed() && matches!(sender.try_send(1).unwrap_err().error, Error::Closed));
    assert!(!handle.cancel(timer) && handle.remaining(timer).is_none() && task.is_finished());
    remote.wake();
    // Another loop polls futures of the first loop. They end with an error.
    let mut other = Loop::simulated().unwrap();
    let (tick, slept) = other.block_on(&mut (), async { (ticks.tick().await, sleep.await) }).unwrap();
    assert!(matches!((tick, slept), (Err(Error::Closed), Err(Error::Closed))));
}

/// The loop does not wait while there is an idle callback.
#[test]
fn idle_callbacks_run_when_nothing_else_is_due() {
    let mut events = Loop::new().unwrap();
    let (mut left, handle) = (1000, events.handle());
    events
        .idle(move |log: &mut Vec<&str>, _| {
            left -= 1;
            match left {
                900 => drop(handle.after(Duration::ZERO, |log: &mut Vec<&str>, _| log.push("timer")).unwrap()),
                0 => log.push("idle"),
                _ => {}
            }
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    let far = events.after(3600 * SECOND, |_, _| panic!("no run waits for this timer")).unwrap();
    assert!(events.unref_timer(far).unwrap());
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    assert_eq!(log, ["timer", "idle"]);
}

/// A loop inside another one: posts, a wake and a ready source of the inner loop make its descriptor readable.
#[cfg(unix)]
#[test]
fn an_outer_loop_serves_the_loop_inside_it() {
    let mut inner = Loop::<Vec<u64>>::with_options(cogloop::Options::new().backend("epoll")).unwrap();
    let remote = inner.remote();
    let (reader, mut writer) = pipe();
    inner.add(reader, Interest::READ, |log: &mut Vec<u64>, _, _| (log.push(2), ControlFlow::Break(())).1).unwrap();
    assert_eq!(inner.next_timeout().unwrap(), None);
    let timer = inner.after(3600 * SECOND, |_, _| ()).unwrap();
    assert!(inner.next_timeout().unwrap() > Some(3500 * SECOND));
    let descriptor = inner.descriptor().unwrap();
    let mut outer = Loop::new().unwrap();
    outer
        .add(descriptor, Interest::READ, move |(inner, log): &mut (Loop<Vec<u64>>, Vec<u64>), ready, _| {
            inner.turn(log, Some(Duration::ZERO))?;
            if log.len() == 2 {
                ready.stop()
            }
            inner.next_timeout().map(drop)
        })
        .unwrap();
    let poster = std::thread::spawn(move || {
        remote.post(|log: &mut Vec<u64>, _| log.push(1)).unwrap();
        remote.wake();
        std::io::Write::write_all(&mut writer, b"x").unwrap();
        writer
    });
    let mut state = (inner, Vec::new());
    outer.run(&mut state).unwrap();
    poster.join().unwrap();
    state.1.sort_unstable();
    assert_eq!(state.1, [1, 2]);
    assert!(state.0.cancel(timer));
}

/// Regression test: a derived `Debug` required `Debug` of the state and of the message. A program's types need not
/// implement `Debug`.
#[test]
fn debug_output_needs_no_debug_of_the_users_types() {
    struct Wordless;
    let events = Loop::<Wordless>::simulated().unwrap();
    assert!(format!("{events:?}").starts_with("Loop { handle: Handle(loop "), "{events:?}");
    let sender = events.channel(|_, _, _: Option<Wordless>| ()).unwrap();
    drop(events);
    let refused = sender.try_send(Wordless).unwrap_err();
    assert_eq!(format!("{refused:?}"), "SendError { error: Closed, .. }");
    let _: Box<dyn std::error::Error> = Box::new(refused);
}

/// Regression test: with an endless idle callback, or a timer that always arms itself for now, virtual time advanced by
/// only a microsecond in each turn. So an hour of virtual time took longer than an hour.
#[test]
fn an_idle_callback_or_a_timer_that_arms_itself_for_now_lets_virtual_time_go_on() {
    fn again(events: &Handle<Vec<u64>>) -> Result<(), Error> {
        events.after(Duration::ZERO, |_, firing| again(firing)).map(drop)
    }
    for is_idle in [false, true] {
        let mut events = simulated();
        let start = events.now();
        if is_idle {
            events.idle(|_, _| ()).map(drop).unwrap()
        } else {
            again(&events).unwrap()
        }
        events
            .every(600 * SECOND, move |log: &mut Vec<u64>, firing| {
                let passed = firing.deadline() - start;
                assert!(firing.late() <= passed / 10_000, "{:?} late after {passed:?}", firing.late());
                log.push(passed.as_secs());
            })
            .unwrap();
        let mut log = Vec::new();
        events.run_for(&mut log, 3600 * SECOND).unwrap();
        assert_eq!(log, [600, 1200, 1800, 2400, 3000, 3600]);
        assert!(events.now() - start >= 3600 * SECOND);
    }
}
