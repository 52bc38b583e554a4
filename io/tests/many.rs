//! Up to 10,000 descriptors at once. These tests have a program of their own, because they use up the process's
//! descriptors. C49 is a row of docs/conformance.md.
#![cfg(unix)]

mod common;

use cogloop_io::backend::EVENTS_MAX;
use cogloop_io::{Interest, Token, Wait};
use common::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

const MANY: usize = 10_000;

/// Adds `count` descriptors, or as many as the kernel and the backend allow.
fn add_up_to(count: usize, events: &mut Loop, source: BorrowedFd<'_>) -> Vec<(Token, BorrowedFd<'static>)> {
    let mut added = Vec::new();
    while added.len() < count {
        let Ok(fd) = source.try_clone_to_owned().map(lend) else { break };
        match events.add_descriptor(fd, READ) {
            Ok(token) => added.push((token, fd)),
            Err(_) => {
                close(fd);
                break;
            }
        }
    }
    assert!(added.len() > 900, "{} descriptors are too few for this test", added.len());
    added
}

fn all_are_served(events: &mut Loop, added: &[(Token, BorrowedFd<'static>)]) {
    let turns = added.len().div_ceil(EVENTS_MAX) + 1;
    let mut served = HashSet::new();
    for _ in 0..turns {
        events.turn(Wait::Block).unwrap();
        while let Some(ready) = events.next_ready() {
            assert_eq!(ready.ready, READ);
            served.insert(ready.token);
        }
    }
    assert_eq!(served.len(), added.len(), "after {turns} turns");
}

/// Ends turns early, as the loop does when a turn has used up its time. All descriptors are always ready. A turn serves
/// `LEAST` of them, three times as many, or a whole batch. No descriptor waits longer than `longest_wait` turns. With
/// `MANY` descriptors, all are served about equally often.
fn turns_that_end_early_serve_all_equally_often(events: &mut Loop, added: &[(Token, BorrowedFd<'static>)]) {
    const LEAST: usize = 100;
    let longest_wait = (added.len().div_ceil(EVENTS_MAX) + 1) * added.len().div_ceil(LEAST);
    let mut served = HashMap::new();
    // Each descriptor is served about three times.
    let turns = 63;
    for turn in 1..=turns {
        events.turn(Wait::Poll).unwrap();
        for _ in 0..[LEAST, EVENTS_MAX, 3 * LEAST][turn % 3] {
            let Some(ready) = events.next_ready() else { break };
            let (times, last) = served.entry(ready.token).or_insert((0, 0));
            assert!(turn - *last <= longest_wait, "{:?} waited from turn {last} to {turn}", ready.token);
            (*times, *last) = (*times + 1, turn);
        }
    }
    assert_eq!(served.len(), added.len());
    let times = || served.values().map(|(times, _)| *times);
    let (least, most) = (times().min().unwrap(), times().max().unwrap());
    // With fewer descriptors the batches move in step with the three kinds of turns. Then only the bound `longest_wait`
    // holds.
    assert!(added.len() < MANY || 2 * least >= most, "served {least} to {most} times in {turns} turns");
}

fn raise_the_limit_of_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// Runs `story` on every backend with two sources that are always ready. One is the end of a stream, which stays
/// readable after the peer hung up. The other is a regular file, which epoll refuses.
fn with_ready_sources(story: impl Fn(&mut Loop, BorrowedFd<'_>)) {
    raise_the_limit_of_descriptors();
    on_every_backend(|events| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(writer);
        let file = File::open("Cargo.toml").unwrap();
        for source in [reader.as_fd(), file.as_fd()] {
            story(events, source);
        }
    });
}

/// If the system allows fewer than 10,000 descriptors, the test takes as many as it gets.
#[test]
fn all_of_10_000_ready_descriptors_are_served_beyond_one_buffer_c49() {
    with_ready_sources(|events, source| {
        let added = add_up_to(MANY, events, source);
        all_are_served(events, &added);
        turns_that_end_early_serve_all_equally_often(events, &added);
        for (token, _) in &added[1..] {
            events.set_interest(*token, Interest::NONE).unwrap();
        }
        assert_eq!(poll(events), [(added[0].0, READ)]);
        events.clear();
        assert_eq!(poll(events), []);
        added.into_iter().for_each(|(_, fd)| close(fd));
    });
}

/// C49: the user takes one event in each turn, and every descriptor is served in time.
#[test]
fn one_event_taken_in_each_turn_serves_every_descriptor_in_time_c49() {
    on_every_backend(|events| {
        let file = File::open("Cargo.toml").unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(writer);
        for source in [file.as_fd(), reader.as_fd()] {
            let fds: Vec<_> = (0..20).map(|_| lend(source.try_clone_to_owned().unwrap())).collect();
            fds.iter().for_each(|fd| assert!(events.add_descriptor(*fd, READ).is_ok()));
            let mut served = HashSet::new();
            for _ in 0..fds.len() {
                events.turn(Wait::Block).unwrap();
                served.extend(events.next_ready().map(|ready| ready.token));
            }
            assert_eq!(served.len(), fds.len());
            events.clear();
            fds.into_iter().for_each(close);
        }
    });
}

/// C49: more descriptors are ready than a batch holds, and the user takes a few in each turn. Regression
/// test: the batches rotated, and the positions that the user served rotated too. When both rotated in step, half of
/// the descriptors were never served.
#[test]
fn a_few_events_taken_in_each_turn_serve_more_than_a_batch_of_descriptors_c49() {
    const TAKEN: usize = 64;
    with_ready_sources(|events, source| {
        let added = add_up_to(2 * EVENTS_MAX, events, source);
        let turns = 2 * added.len().div_ceil(TAKEN);
        let mut served = HashSet::new();
        for _ in 0..turns {
            events.turn(Wait::Block).unwrap();
            served.extend((0..TAKEN).map_while(|_| events.next_ready()).map(|ready| ready.token));
        }
        assert_eq!(served.len(), added.len(), "after {turns} turns");
        events.clear();
        added.into_iter().for_each(|(_, fd)| close(fd));
    });
}

/// More descriptors than a batch holds become ready again and again. Each is served.
#[test]
fn busy_descriptors_beyond_a_batch_come_first_in_the_next_turn_c49() {
    raise_the_limit_of_descriptors();
    on_every_backend(|events| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let added = add_up_to(2_000, events, reader.as_fd());
        let mut turn = || {
            events.turn(Wait::Poll).unwrap();
            std::iter::from_fn(|| events.next_ready()).map(|ready| ready.token).collect::<Vec<_>>()
        };
        assert_eq!(turn(), []);
        for _ in 0..5 {
            writer.write_all(b"x").unwrap();
            let served: HashSet<_> = (0..4).flat_map(|_| turn()).collect();
            assert_eq!(served.len(), added.len());
            rustix::io::read(&reader, &mut [0; 8]).unwrap();
            assert_eq!(turn(), [], "nothing is reported twice");
        }
        events.clear();
        added.into_iter().for_each(|(_, fd)| close(fd));
    });
}
