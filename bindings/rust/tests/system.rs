//! Signals and child processes, on every backend.
#![cfg(unix)]

mod common;

use cogloop::{Error, Interest, Loop, signal};
use common::*;
use nix::sys::signal::{Signal, raise};
use std::cell::Cell;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::rc::Rc;

fn send(number: i32) {
    let status = Command::new("kill").args([format!("-{number}"), std::process::id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// A signal calls each watcher that names it, and no other. A watch ends with `Break` or a cancel.
#[test]
fn a_signal_calls_every_watcher_and_a_watch_can_end() {
    on_every_backend(|options| {
        let mut events = Loop::with_options(options.clone()).unwrap();
        let numbers = [signal::USER_1, signal::WINDOW_CHANGE];
        let all = events.signals(numbers, |log: &mut Vec<i32>, _, number| log.push(number)).unwrap();
        events
            .signals([signal::WINDOW_CHANGE], |log: &mut Vec<i32>, _, number| {
                log.push(-number);
                ControlFlow::Break(())
            })
            .unwrap();
        assert!(events.unref_source(all));
        send(signal::USER_1);
        let mut log = Vec::new();
        while log.is_empty() {
            events.turn(&mut log, None).unwrap();
        }
        assert_eq!(log, [signal::USER_1]);
        send(signal::WINDOW_CHANGE);
        while log.len() < 3 {
            events.turn(&mut log, Some(SECOND)).unwrap();
        }
        log[1..].sort_unstable();
        assert_eq!(log[1..], [-signal::WINDOW_CHANGE, signal::WINDOW_CHANGE]);
        events.run(&mut log).unwrap();
        assert_eq!(events.source_count(), 1, "the second watcher has returned `Break`");
        assert!(events.cancel(all));

        let error = events.signals([9], |_, _, _| ()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }) && error.to_string().starts_with("watching a signal: "), "{error}");
        assert_eq!(events.source_count(), 0);
    });
}

/// Several signals come at once. A removed source is not called again, and a stop ends the run after the current
/// callback. This thread raises the signals, so each is noted before the turn begins. A signal from outside could reach
/// another thread late, after the watch has ended. Then the signal's default action would end the process.
#[test]
fn no_signal_of_several_at_once_comes_after_a_removal_or_a_stop() {
    on_every_backend(|options| {
        let numbers = [signal::HANG_UP, signal::ALARM];
        for is_removed in [true, false] {
            let mut events = Loop::with_options(options.clone()).unwrap();
            let name = Rc::new(Cell::new(None));
            let known = Rc::clone(&name);
            let watched = events.signals(numbers, move |log: &mut Vec<i32>, handle, number| {
                log.push(number);
                match known.get().filter(|_| is_removed) {
                    Some(source) => assert!(handle.cancel(source)),
                    None => handle.stop(),
                }
            });
            name.set(Some(watched.unwrap()));
            numbers.into_iter().for_each(|number| raise(Signal::try_from(number).unwrap()).unwrap());
            let mut log = Vec::new();
            while log.is_empty() {
                events.turn(&mut log, None).unwrap();
            }
            assert_eq!(log, [signal::HANG_UP], "removed: {is_removed}");
            if is_removed {
                events.run(&mut log).unwrap();
                assert_eq!(log, [signal::HANG_UP], "gone");
            } else {
                events.run(&mut log).unwrap();
                assert_eq!(log, numbers, "the next run begins with the signals that were not reported");
            }
        }
    });
}

/// Each child's end is reported with its own status. A child's output is a source like any other.
#[test]
fn the_end_of_a_child_is_a_callback() {
    on_every_backend(|options| {
        let mut events = Loop::<Vec<String>>::with_options(options.clone()).unwrap();
        for code in [0, 7] {
            let script = format!("echo out {code}; exit {code}");
            let mut child = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
            let output = std::fs::File::from(OwnedFd::from(child.stdout.take().unwrap()));
            events
                .add(output, Interest::READ, |log, _, mut output| {
                    let mut text = String::new();
                    output.read_to_string(&mut text)?;
                    log.push(text.trim().to_owned());
                    Ok::<_, io::Error>(ControlFlow::Break(()))
                })
                .unwrap();
            events
                .child(child, |log, _, status: io::Result<ExitStatus>| {
                    log.push(format!("exit {}", status?.code().unwrap_or(-1)));
                    Ok::<_, io::Error>(())
                })
                .unwrap();
        }
        let mut log = Vec::new();
        events.run(&mut log).unwrap();
        log.sort_unstable();
        assert_eq!(log, ["exit 0", "exit 7", "out 0", "out 7"]);
    });
}

/// A child that exits before the loop watches it is reported; a child whose source was removed is not.
#[test]
fn a_child_that_ended_before_the_watch_is_reported_too() {
    let mut events = Loop::new().unwrap();
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    // The pipe ends when the child exits.
    child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    events.child(child, |ended: &mut bool, _, status| *ended = status.is_ok_and(|status| status.success())).unwrap();
    let other = Command::new("true").spawn().unwrap();
    let source = events.child(other, |_, _, _| panic!("it was removed")).unwrap();
    assert!(events.cancel(source));
    let mut ended = false;
    events.run(&mut ended).unwrap();
    assert!(ended);
}

#[test]
fn signals_and_the_end_of_a_child_wake_futures() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let mut signals = events.watch_signals([signal::USER_2, signal::QUIT]).unwrap();
        let handle = events.handle();
        let waited = events.block_on(&mut (), handle.timeout(MS, signals.recv())).unwrap();
        assert!(matches!(waited, Err(Error::Elapsed)));
        [signal::USER_2, signal::QUIT].into_iter().for_each(send);
        let came = events.block_on(&mut (), async { [signals.recv().await, signals.recv().await] });
        // Another thread of the process may handle one of the signals, a moment later.
        let mut came = came.unwrap().map(Result::unwrap);
        came.sort_unstable();
        assert_eq!(came, [signal::QUIT, signal::USER_2]);

        let mut child = events.watch_child(Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()).unwrap();
        let waited = events.block_on(&mut (), handle.timeout(MS, child.wait())).unwrap();
        assert!(matches!(waited, Err(Error::Elapsed)), "`cat` still reads its input");
        drop(child.child().stdin.take());
        let ended = events.block_on(&mut (), async { [child.wait().await, child.wait().await] }).unwrap();
        assert!(ended.into_iter().all(|status| status.unwrap().success()));
        child.kill().unwrap();
        events.clear();
        assert!(events.block_on(&mut (), signals.recv()).unwrap().is_err(), "the loop was cleared");
    });
}

/// Regression test: the child was moved into the loop, and the program could not kill the child.
#[test]
fn a_child_that_the_loop_owns_can_be_killed() {
    let mut events = Loop::new().unwrap();
    let child = || Command::new("sleep").arg("3600").spawn().unwrap();
    let killed =
        events.child(child(), |log: &mut Vec<Option<i32>>, _, status| log.push(status.unwrap().code())).unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let other = events.add(reader, Interest::READ, |_, _, _| ()).unwrap();
    assert!(!events.kill(other).unwrap() && events.kill(killed).unwrap());
    assert!(events.cancel(other) && !events.kill(other).unwrap());
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    assert_eq!(log, [None], "a signal has ended the child, so it has no exit code");
    assert!(!events.kill(killed).unwrap());
    let mut process = events.watch_child(child()).unwrap();
    process.kill().unwrap();
    let status = events.block_on(&mut log, process.wait()).unwrap().unwrap();
    assert_eq!((status.code(), process.into_inner().wait().unwrap().code()), (None, None));
}
