//! Tests a loop that records or replays while memory runs out.

use crate::allocator::with;
use crate::event_loop::lend;
use crate::{Grant, at_each_request};
use cogloop_io::{ClockChoice, Error, EventLoop, Interest, Options, Recording, Token, VirtualClock, Wait};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

const PIPES: usize = 20;

/// A file that is removed at the end of its test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("cogloop-memory-{name}-{}", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn options(recording: Recording) -> Options {
    Options {
        backend: Some("epoll".to_owned()),
        clock: ClockChoice::Virtual(VirtualClock::new()),
        recording: Some(recording),
        ..Options::default()
    }
}

fn to_record(file: &Path) -> Options {
    options(Recording::Record(file.to_owned()))
}

fn to_replay(file: &Path) -> Options {
    options(Recording::Replay(file.to_owned()))
}

/// `PIPES` pipes, whose readers live until the end of the program.
fn pipes() -> Vec<(BorrowedFd<'static>, PipeWriter)> {
    let lend = |(reader, writer): (PipeReader, PipeWriter)| (lend(reader).as_fd(), writer);
    (0..PIPES).map(|_| lend(io::pipe().unwrap())).collect()
}

/// Uses functions that write or read lines of a recording. Returns how many turns have failed, each with an error of
/// one of these kinds.
fn live(events: &mut EventLoop<u64>, pipes: &[(BorrowedFd<'static>, PipeWriter)], kinds: &[ErrorKind]) -> usize {
    let mut tokens = [None::<Token>; PIPES];
    let mut failed = 0;
    for round in 0..3 {
        for (token, (reader, writer)) in tokens.iter_mut().zip(pipes) {
            events.set_place(["a.lua:1", "a script with a longer name.lua:20"][round % 2]);
            *token = events.add_descriptor(*reader, Interest::READ).ok();
            let _ = (&*writer).write(b"x");
        }
        for token in tokens.iter().flatten().take(5 * (round + 1)) {
            events.mark_ready(*token, Interest::READ);
        }
        let _ = events.try_add_timer(1_000, 1);
        assert_eq!(events.witness(7), 7);
        for _ in 0..2 {
            if let Err(error) = events.turn(Wait::AtMost(2_000)) {
                assert!(kinds.contains(&error.kind()), "{error}");
                failed += 1;
            }
            while events.next_expired().is_some() {}
            while events.next_ready().is_some() {}
        }
        for token in tokens.iter_mut().filter_map(Option::take) {
            let _ = events.remove_descriptor(token);
        }
    }
    failed
}

/// Without memory for a line, the recording ends with an error, and the loop goes on.
#[test]
fn a_loop_that_records_goes_on_when_memory_runs_out_at_any_request() {
    let (pipes, file) = (pipes(), File::new("record"));
    let mut failures = 0;
    let enough = at_each_request(|grant| {
        let mut events = EventLoop::<u64>::new(&to_record(&file.0)).unwrap();
        let (failed, refused) = with(grant, || live(&mut events, &pipes, &[ErrorKind::OutOfMemory]));
        assert!(refused > 0 || failed == 0);
        failures += failed;
        // At most one error of the recording is left.
        let _ = events.turn(Wait::Poll);
        events.turn(Wait::Poll).unwrap();
        events.audit();
        refused
    });
    assert!(enough > 8, "{enough} requests");
    assert!(failures > enough, "{failures} turns failed for {enough} requests");
    let text = std::fs::read_to_string(&file.0).unwrap();
    assert!(text.contains(" @ a.lua:1\n") && text.ends_with("\n"), "{text}");
}

/// Without memory to go on, a replay departs from its recording. The program departs, too, when the loop refuses it a
/// timer or a descriptor.
#[test]
fn a_replay_ends_with_an_error_when_memory_runs_out_at_any_request() {
    let (pipes, file) = (pipes(), File::new("replay"));
    live(&mut EventLoop::new(&to_record(&file.0)).unwrap(), &pipes, &[]);
    let (mut run_out, mut unhurt) = (0, 0);
    let enough = at_each_request(|grant| {
        let mut events = EventLoop::<u64>::new(&to_replay(&file.0)).unwrap();
        let kinds = [ErrorKind::OutOfMemory, ErrorKind::InvalidData];
        let (failed, refused) = with(grant, || live(&mut events, &pipes, &kinds));
        assert!(refused > 0 || failed == 0);
        assert_eq!(failed > 0, events.departure().is_some());
        run_out += usize::from(events.departure().is_some_and(|text| text == "the replay has no memory to go on"));
        unhurt += usize::from(failed == 0);
        events.audit();
        refused
    });
    // Some refusals do no harm. If there is no memory for the text that names a place in the program, the loop leaves
    // the text out, and the replay does not depart.
    assert!(enough > 8 && run_out > 8 && unhurt > 1, "{enough} requests, {run_out} without memory, {unhurt} unhurt");
}

#[test]
fn making_a_loop_that_records_or_replays_with_too_little_memory_is_an_error() {
    let file = File::new("make");
    for options in [to_record(&file.0), to_replay(&file.0)] {
        let mut refusals = 0;
        for kilobytes in 0..400 {
            let (made, refused) = with(Grant::Bytes(kilobytes << 10), || EventLoop::<u64>::new(&options).map(drop));
            match made {
                Ok(()) => {}
                Err(Error::Io { source, .. } | Error::Recording { source, .. }) => {
                    assert_eq!(source.kind(), ErrorKind::OutOfMemory);
                    assert!(refused > 0);
                    refusals += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!((10..400).contains(&refusals), "{refusals}");
    }
}
