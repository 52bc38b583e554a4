//! Recording a run and playing it back. One test closes a descriptor and uses its number, so every test that opens
//! something is [`alone`].

mod common;

use cogloop_io::{Due, Error, Limits, Options, Recording, Wait};
use common::*;
use std::cell::Cell;
use std::fs;
use std::io::{ErrorKind, Read, Write};
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// A file for a recording, removed at the end.
struct Recorded(PathBuf);

impl Recorded {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("cogloop-{}-{}.rec", std::process::id(), name.replace([' ', ','], "-"))))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn record(&self, backend: &str) -> Loop {
        self.open(Some(backend), Recording::Record(self.0.clone())).unwrap()
    }

    fn replay(&self) -> Loop {
        self.open(None, Recording::Replay(self.0.clone())).unwrap()
    }

    fn open(&self, backend: Option<&str>, recording: Recording) -> Result<Loop, Error> {
        let backend = backend.map(ToOwned::to_owned);
        Loop::new(&Options { backend, recording: Some(recording), ..Options::default() })
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.0).unwrap().lines().map(ToOwned::to_owned).collect()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Each of eight threads sends a byte; the operating system decides when. Eight timers are due at about that time, and
/// a ninth thread wakes the loop. Returns the events in order, with their times.
fn race(mut events: Loop) -> Vec<String> {
    const PEERS: u64 = 8;
    let mut told = Vec::new();
    let mut ours = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let (end, peer) = streams();
        end.set_nonblocking(true).unwrap();
        let token = events.add_owned(end.try_clone().unwrap().into(), READ).unwrap();
        ours.push((token, end));
        peers.push(peer);
    }
    for n in 0..PEERS {
        events.add_timer(n * 150_000, n);
    }
    let waker = events.waker();
    thread::scope(|scope| {
        for mut peer in peers {
            scope.spawn(move || {
                // The operating system decides how long this really takes.
                thread::sleep(Duration::from_micros(300));
                peer.write_all(b"x").unwrap();
            });
        }
        scope.spawn(move || waker.wake());
        while !events.is_idle() {
            events.turn(Wait::Block).unwrap();
            told.push(format!("turn at {}", events.turn_ns()));
            while let Some(timer) = events.next_expired() {
                told.push(format!("timer {} at {}, {} late", timer.value, events.now_ns(), timer.late_ns));
                if timer.value < PEERS && timer.value % 2 == 0 {
                    events.add_timer(200_000, timer.value + PEERS);
                }
            }
            while let Some(ready) = events.next_ready() {
                let n = ours.iter().position(|(token, _)| *token == ready.token).unwrap();
                let mut byte = [0];
                let read = ours[n].1.read(&mut byte).map_err(|error| error.kind());
                told.push(format!("stream {n} {:?} at {}: {read:?}", ready.ready, events.now_ns()));
                if read == Ok(1) {
                    events.remove_descriptor(ready.token).unwrap();
                }
            }
        }
        events.note_idle().unwrap();
    });
    told
}

#[test]
fn a_racy_run_is_replayed_a_hundred_times_in_the_same_order() {
    let _guard = alone();
    for backend in permitted() {
        let recorded = Recorded::new(backend);
        let told = race(recorded.record(backend));
        assert!(told.len() > 20, "{told:?}");
        for nth in 0..100 {
            assert_eq!(race(recorded.replay()), told, "replay {nth} of {backend}");
        }
    }
}

/// Runs a loop with two timers, after `change` was applied to it. Returns the values of the timers in the order of
/// firing.
fn two_timers(events: &mut Loop, second_ns: u64, change: impl Fn(&mut Loop)) -> std::io::Result<Vec<u64>> {
    let told = Cell::new(Vec::new());
    events.set_place("one.lua:1");
    events.add_timer(MS, 1);
    events.set_place("one.lua:2");
    events.add_timer(second_ns, 2);
    change(events);
    let result = events.run(|_, due| {
        let Due::Timer(timer) = due else { return };
        let mut so_far = told.take();
        so_far.push(timer.value);
        told.set(so_far);
    });
    result.map(|()| told.take())
}

#[test]
fn a_changed_program_gets_an_error_that_names_its_departure() {
    let _guard = alone();
    let recorded = Recorded::new("departed");
    assert_eq!(two_timers(&mut recorded.record(BACKENDS[0]), 2 * MS, |_| {}).unwrap(), [1, 2]);
    let departure = |second_ns, change: &dyn Fn(&mut Loop)| {
        let mut events = recorded.replay();
        let error = two_timers(&mut events, second_ns, change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let again = events.run(|_, _| ()).unwrap_err();
        assert_eq!(again.to_string(), error.to_string(), "the same departure is reported again");
        error.to_string().replace(recorded.path().file_name().unwrap().to_str().unwrap(), "FILE")
    };
    let lines = recorded.lines();
    let line = |text: &str| lines.iter().position(|line| line.starts_with(text)).unwrap() + 1;

    assert_eq!(
        departure(3 * MS, &|_| {}),
        format!(
            "replay of 'FILE', line {}: the recording has a timer armed for 2 ms from now (one.lua:2); the program has a timer \
             armed for 3 ms from now (one.lua:2)",
            line("after 2000000")
        )
    );
    assert_eq!(
        departure(2 * MS, &|events| {
            events.add_timer_at(7 * MS, 3);
        }),
        format!(
            "replay of 'FILE', line {}: the recording has a wait with 2 timers and 0 descriptors; the program has a timer armed \
             for the time 7 ms",
            line("wait")
        )
    );
    assert_eq!(
        departure(2 * MS, &|events| {
            let (fd, _peer) = pair();
            events.add_descriptor(fd, READ).unwrap();
        }),
        format!(
            "replay of 'FILE', line {}: the recording has a wait with 2 timers and 0 descriptors; the program has descriptor 0.1 \
             added for r",
            line("wait")
        )
    );
    assert_eq!(
        departure(2 * MS, &|events| {
            let first = events.iter_timers().next().unwrap().0;
            events.cancel_timer(first);
        }),
        format!(
            "replay of 'FILE', line {}: the recording has a wait with 2 timers and 0 descriptors; the program has a wait with 1 \
             timer and 0 descriptors",
            line("wait")
        )
    );
    let longer = departure(2 * MS, &|events| events.clear());
    assert!(longer.contains("the program has the end of the run, with nothing left"), "{longer}");
}

#[test]
fn a_program_that_goes_on_gets_an_error_that_names_the_end_of_the_recording() {
    let _guard = alone();
    let recorded = Recorded::new("ends");
    two_timers(&mut recorded.record(BACKENDS[0]), 2 * MS, |_| {}).unwrap();
    let mut events = recorded.replay();
    two_timers(&mut events, 2 * MS, |_| {}).unwrap();
    events.add_timer(MS, 3);
    let error = events.run(|_, _| ()).unwrap_err().to_string();
    let expected = "the recording has the end of the loop; the program has a timer armed for 1 ms from now";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_program_may_read_the_clock_more_often_or_less_often() {
    let _guard = alone();
    let recorded = Recorded::new("time");
    let ask = |events: &mut Loop| assert!((0..5).all(|_| events.now_ns() < u64::MAX));
    for (first, second) in [(0, 1), (1, 0)] {
        let run = |mut events: Loop, asks: usize| {
            two_timers(&mut events, 2 * MS, |events| (0..asks).for_each(|_| ask(events))).unwrap();
        };
        run(recorded.record(BACKENDS[0]), first);
        run(recorded.replay(), second);
    }
}

#[test]
fn a_recording_that_breaks_off_is_played_as_far_as_it_goes() {
    let _guard = alone();
    let recorded = Recorded::new("cut");
    two_timers(&mut recorded.record(BACKENDS[0]), 2 * MS, |_| {}).unwrap();
    let whole = fs::read_to_string(recorded.path()).unwrap();
    let mut reached = 0;
    // Cuts the recording off at each byte after the first line.
    for length in whole.find('\n').unwrap() + 1..whole.len() - "end\n".len() {
        fs::write(recorded.path(), &whole[..length]).unwrap();
        let mut events = recorded.replay();
        let told = two_timers(&mut events, 2 * MS, |_| {});
        let Err(error) = told else { continue };
        let text = error.to_string();
        let is_whole = whole.as_bytes()[length - 1] == b'\n';
        let breaks = if is_whole { "the recording breaks off after" } else { "breaks off in the middle of a line" };
        assert!(text.contains(breaks), "{text}");
        assert!(text.contains("the program goes on with"), "{text}");
        reached += 1;
    }
    assert!(reached > 50);
}

#[test]
fn a_file_that_cannot_be_played_is_an_error_that_names_the_option() {
    let _guard = alone();
    let recorded = Recorded::new("bad");
    let refusal = |content: Option<&[u8]>| {
        match content {
            Some(content) => fs::write(recorded.path(), content).unwrap(),
            None => drop(fs::remove_file(recorded.path())),
        }
        let error = recorded.open(None, Recording::Replay(recorded.0.clone())).err().unwrap();
        let text = error.to_string();
        let Some(why) = text.strip_prefix(&format!("replay '{}': ", recorded.path().display())) else {
            panic!("{text}")
        };
        why.to_owned()
    };
    assert!(refusal(None).contains("os error 2"));
    assert_eq!(refusal(Some(b"")), "the recording is cut off in its first line");
    assert_eq!(refusal(Some(b"cogloop rec")), "the recording is cut off in its first line");
    assert_eq!(refusal(Some(b"cogloop recording 2 1000")), "the recording is cut off in its first line");
    assert_eq!(refusal(Some(b"#!/bin/sh\n")), "this file is not a recording");
    assert_eq!(refusal(Some(&[0xff; 1 << 20])), "this file is not a recording");
    for other in [0, 3] {
        let why = format!("the recording has version {other}, and only versions 1 to 2 can be played");
        assert_eq!(refusal(Some(format!("cogloop recording {other} 1000 more\n").as_bytes())), why);
    }
    let coarse = "the recorded loop has a resolution of 1000000 ns, and this one of 1000 ns";
    assert_eq!(refusal(Some(b"cogloop recording 2 1000000\n")), coarse);

    fs::write(recorded.path(), "cogloop recording 2 1000\nnonsense\n").unwrap();
    let error = two_timers(&mut recorded.replay(), 2 * MS, |_| {}).unwrap_err().to_string();
    assert!(error.contains("line 2 is not a line of a recording"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let _guard = alone();
    for (path, errno) in [("/nonexistent/file", "os error 2"), ("/dev/full", "os error 28"), ("/", "os error 21")] {
        let recording = Some(Recording::Record(path.into()));
        let error = Loop::new(&Options { recording, ..Options::default() }).err().unwrap().to_string();
        assert!(error.starts_with(&format!("record '{path}': ")) && error.contains(errno), "{error}");
    }
}

/// When the kernel refuses a descriptor, the replay repeats the refusal, with the same error number.
#[test]
fn a_refused_descriptor_is_refused_in_the_replay() {
    let _guard = alone();
    let recorded = Recorded::new("refused");
    let story = |mut events: Loop| {
        let (fd, _peer) = pair();
        close(fd);
        let refused = events.add_descriptor(fd, READ).unwrap_err();
        events.turn(Wait::Poll).unwrap();
        refused.raw_os_error()
    };
    assert_eq!(story(recorded.record(BACKENDS[0])), Some(BAD_DESCRIPTOR));
    assert_eq!(story(recorded.replay()), Some(BAD_DESCRIPTOR));
}

/// The signal came from outside, so its descriptor is never ready in the replay.
#[cfg(unix)]
#[test]
fn a_signal_comes_at_the_recorded_time_without_being_sent() {
    let _guard = alone();
    let recorded = Recorded::new("signal");
    let story = |mut events: Loop, sends: bool| {
        let mut signals = cogloop_io::signals::Signals::new().unwrap();
        signals.watch(cogloop_io::signals::number::USER_1).unwrap();
        let token = events.add_shared(std::rc::Rc::new(signals.descriptor()), READ, cogloop_io::Mode::Level).unwrap();
        events.feign(token);
        events.add_timer(MS, 1);
        let mut told = Vec::new();
        while told.len() < 2 {
            events.turn(Wait::Block).unwrap();
            while let Some(timer) = events.next_expired() {
                told.push(format!("timer {} at {}", timer.value, events.turn_ns()));
                if sends {
                    nix::sys::signal::raise(nix::sys::signal::Signal::SIGUSR1).unwrap();
                }
            }
            while events.next_ready().is_some() {
                let taken: u64 = signals.take().map(|number| number as u64).sum();
                told.push(format!("signal {} at {}", events.witness(taken), events.turn_ns()));
            }
        }
        told
    };
    let told = story(recorded.record(BACKENDS[0]), true);
    assert_eq!(story(recorded.replay(), false), told);
}

/// The limit of timers also holds while a run is recorded or replayed. A timer that the limit refuses is not recorded.
#[test]
fn limits_hold_while_a_run_is_recorded() {
    let _guard = alone();
    let recorded = Recorded::new("limits");
    for recording in [Recording::Record(recorded.0.clone()), Recording::Replay(recorded.0.clone())] {
        let limits = Limits { timers: 1, ..Limits::default() };
        let options = Options { recording: Some(recording), limits, ..Options::default() };
        let mut events = Loop::new(&options).unwrap();
        events.add_timer(0, 1);
        assert!(events.try_add_timer(0, 2).is_err());
        events.run(|_, _| ()).unwrap();
    }
    assert_eq!(recorded.lines().iter().filter(|line| line.starts_with("after")).count(), 1);
}

/// A program may mark any number of descriptors as ready in a turn. The recording has all these marks in one line.
#[test]
fn a_turn_with_thirty_thousand_marks_is_replayed() {
    let _guard = alone();
    let recorded = Recorded::new("marks");
    let run = |mut events: Loop| {
        let (fd, mut peer) = pair();
        let token = events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        (0..30_000).for_each(|_| events.mark_ready(token, READ));
        events.turn(Wait::Block).unwrap();
        assert_eq!(events.next_ready().map(|ready| ready.token), Some(token));
        events.remove_descriptor(token).unwrap();
        assert_eq!(events.departure(), None);
    };
    run(recorded.open(None, Recording::Record(recorded.0.clone())).unwrap());
    let longest = recorded.lines().iter().map(String::len).max();
    assert!(longest > Some(1 << 17), "{longest:?}");
    run(recorded.replay());
}

/// A descriptor is closed without being removed, and a duplicate keeps its file open. Some backends go on reporting it
/// for a while. The replay repeats these reports. It does not wait for a number that is closed or names another file.
#[cfg(unix)]
#[test]
fn a_replay_does_not_wait_for_a_descriptor_that_the_program_has_closed() {
    let _guard = alone();
    let story = |mut events: Loop, is_reused| {
        let ((fd, mut peer), (quiet, _quiet_peer)) = (pair(), pair());
        let number = fd.as_raw_fd();
        events.add_descriptor(fd, READ).unwrap();
        write(&mut peer);
        let mut reports = Vec::new();
        let mut kept = None;
        for turn in 0..20 {
            if turn == 4 {
                kept = Some(fd.try_clone_to_owned().unwrap());
                close(fd);
                if is_reused {
                    dup_at(quiet, number);
                }
            }
            events.turn(Wait::AtMost(MS)).unwrap();
            reports.extend(events.next_ready().map(|ready| (turn, ready.ready)));
            assert_eq!(events.departure(), None);
        }
        drop(kept);
        reports
    };
    let mut after_closing = 0;
    for backend in permitted() {
        for is_reused in [false, true] {
            let recorded = Recorded::new(&format!("closed {backend} {is_reused}"));
            let reports = story(recorded.record(backend), is_reused);
            after_closing += reports.iter().filter(|(turn, _)| *turn >= 4).count();
            assert_eq!(story(recorded.replay(), is_reused), reports, "{backend}");
        }
    }
    assert!(cfg!(not(target_os = "linux")) || after_closing > 0, "epoll reports a descriptor that was closed");
}

/// An error without an error number is repeated, too: with its kind and its message. A recording of version 1 has
/// neither, so the error is another one.
#[cfg(target_os = "linux")]
#[test]
fn an_error_without_a_number_is_the_same_in_the_replay() {
    let _guard = alone();
    let recorded = Recorded::new("kind");
    let story = |mut events: Loop| {
        let (fd, _peer) = pair();
        let beyond = dup_at(fd, 1024);
        let refused = events.add_descriptor(beyond, READ).unwrap_err();
        close(beyond);
        events.turn(Wait::Poll).unwrap();
        (refused.kind(), refused.raw_os_error(), refused.to_string())
    };
    let told = story(recorded.record("select"));
    assert_eq!((told.0, told.1), (ErrorKind::InvalidInput, None));
    assert_eq!(story(recorded.replay()), told);

    let whole = fs::read_to_string(recorded.path()).unwrap();
    let older = whole.replace("recording 2 ", "recording 1 ").replace(&format!("InvalidInput {}", told.2), "-1");
    assert!(older.contains("recording 1 ") && older.contains(" -1\n"), "{older}");
    fs::write(recorded.path(), older).unwrap();
    assert_eq!(story(recorded.replay()), (ErrorKind::Other, None, "the recorded call failed".to_owned()));
}
