//! Replays of damaged recordings: with flipped bits, huge numbers, or lines that are missing, repeated or in another
//! order. A replay plays what is left, or ends with an error. It neither panics nor hangs, and it does not reserve memory
//! for numbers that the file only names.
//!
//! `COGLOOP_SEED=N` damages the recording as seed N does; `COGLOOP_SOAK_SECONDS=N` tries seeds for N seconds, from that
//! seed or 0 on.

use cogloop_io::{EventLoop, Interest, Missed, Options, Plan, Recording, Token, Wait};
use std::io::Write;
use std::iter::repeat_n;
use std::num::NonZeroU64;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

/// The number of seeds if no variable is set.
const SEEDS: u64 = 300;

/// The limit of a replay, which takes a few milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

const NUMBERS: [&str; 7] =
    ["18446744073709551615", "18446744073709551616", "9223372036854775808", "4294967295", "1024", "-1", "0"];

/// Runs a program that uses every kind of line, and goes on after each error. Returns its log.
fn run(recording: Recording, streams: &[UnixStream]) -> Option<Vec<String>> {
    let mut log = Vec::new();
    let mut events = EventLoop::<u64>::new(&Options { recording: Some(recording), ..Options::default() }).ok()?;
    // The recording may say that a descriptor is ready which is not.
    events.interrupt_replay_by(|| true);
    let mut tokens: Vec<Option<Token>> = Vec::new();
    for (nth, stream) in streams.iter().enumerate() {
        events.set_place(["a.lua:1", "b @ c.lua:2"][nth % 2]);
        let interest = [Interest::READ, Interest::BOTH][nth % 2];
        let token = events.add_owned(stream.try_clone().unwrap().into(), interest);
        tokens.push(token.inspect_err(|error| log.push(error.to_string())).ok());
    }
    tokens[0].into_iter().for_each(|token| events.feign(token));
    for (period_ns, missed) in [(50_000, Missed::Skip), (70_000, Missed::Burst), (1, Missed::Delay)] {
        events.add_planned(Plan::every(events.now_ns(), NonZeroU64::new(period_ns).unwrap(), missed), period_ns);
    }
    for round in 0..12 {
        events.add_timer(round * 30_000, round);
        events.add_timer_at(events.now_ns().saturating_add(20_000), round);
        let nth = round as usize % tokens.len();
        if let Some(token) = tokens[nth] {
            events.mark_ready(token, Interest::READ);
            let _ = events.set_interest(token, [Interest::READ, Interest::WRITE, Interest::NONE][round as usize % 3]);
            log.push(format!("{:?}", events.look_again(token, Interest::READ)));
        }
        log.push(events.witness(round).to_string());
        if let Err(error) = events.turn(Wait::AtMost(100_000)) {
            log.push(error.to_string());
        }
        for _ in 0..100 {
            let Some(timer) = events.next_expired() else { break };
            log.push(format!("{timer:?}"));
        }
        while let Some(ready) = events.next_ready() {
            log.push(format!("{ready:?}"));
        }
        events.audit();
        if round == 6
            && let Some(token) = tokens[1].take()
        {
            log.push(format!("{:?}", events.remove_descriptor(token).is_ok()));
            let again = events.add_owned(streams[1].try_clone().unwrap().into(), Interest::READ);
            tokens[1] = again.ok();
        }
    }
    events.clear();
    log.push(format!("{:?}", events.note_idle().map_err(|error| error.to_string())));
    Some(log)
}

/// Damages a recording in one place.
fn damage(text: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let at = random.usize(..text.len());
    let (one, two) = (random.usize(..lines.len()), random.usize(..lines.len()));
    let number = random.choice(NUMBERS).unwrap().bytes();
    match random.u8(..8) {
        0 => text[at] ^= 1 << random.u8(..8),
        1 => text[at] = random.u8(..),
        2 => text.truncate(at),
        3 => drop(text.splice(at..at, number)),
        4 => {
            let begin = (at..text.len()).find(|&place| text[place].is_ascii_digit()).unwrap_or(text.len());
            let end = (begin..text.len()).find(|&place| !text[place].is_ascii_digit()).unwrap_or(text.len());
            text.splice(begin..end, number);
        }
        5 => {
            lines.swap(one, two);
            *text = lines.concat();
        }
        6 => {
            let copies = repeat_n(lines[one].clone(), random.usize(1..200));
            lines.splice(two..two, copies);
            *text = lines.concat();
        }
        _ => {
            lines.remove(one);
            *text = lines.concat();
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().expect("a whole number"))
}

/// A file that is removed at the end of its test.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn replay(path: &Path, text: &[u8], streams: &[UnixStream]) -> Option<Vec<String>> {
    fs::write(path, text).unwrap();
    run(Recording::Replay(path.to_owned()), streams)
}

#[test]
fn a_replay_of_a_damaged_recording_neither_panics_nor_hangs() {
    let file = File(env::temp_dir().join(format!("cogloop-damaged-{}.rec", std::process::id())));
    let (streams, peers): (Vec<_>, Vec<_>) = (0..6).map(|_| UnixStream::pair().unwrap()).unzip();
    peers.iter().take(4).for_each(|mut peer| peer.write_all(b"x").unwrap());
    let log = run(Recording::Record(file.0.clone()), &streams).unwrap();
    let whole = fs::read(&file.0).unwrap();
    assert_eq!(replay(&file.0, &whole, &streams), Some(log.clone()));

    let soak_end = number("COGLOOP_SOAK_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("COGLOOP_SEED");
    let count = match (seed, soak_end) {
        (_, Some(_)) => u64::MAX,
        (Some(_), None) => 1,
        (None, None) => SEEDS,
    };
    let (mut ran, mut opened, mut same) = (0, 0, 0);
    while ran < count && soak_end.is_none_or(|end| Instant::now() < end) {
        let seed = seed.unwrap_or(0).wrapping_add(ran);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = whole.clone();
        (0..random.usize(1..4)).for_each(|_| damage(&mut text, &mut random));
        let begin = Instant::now();
        let replayed = catch_unwind(AssertUnwindSafe(|| replay(&file.0, &text, &streams)));
        let took = begin.elapsed();
        assert!(replayed.is_ok() && took < LIMIT, "COGLOOP_SEED={seed} took {took:?}");
        opened += u64::from(matches!(&replayed, Ok(Some(_))));
        same += u64::from(matches!(&replayed, Ok(Some(replayed)) if *replayed == log));
        ran += 1;
    }
    println!("{ran} recordings, {opened} opened, {same} with the log of the whole one");
    assert!(ran < 100 || opened > ran / 2 && same < opened / 2, "too few damages that matter");
}
