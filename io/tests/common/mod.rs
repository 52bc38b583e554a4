//! Functions that the loop's tests share. They run a test on every backend, and *lend* descriptors: a lent descriptor
//! has no owner, so a test may close it by its number.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test program uses its part")]

mod stories;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use cogloop_io::{BackendReport, EventLoop, Interest, MonotonicClock, Ready, Token, Wait};
use rustix::fd::BorrowedFd;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use stories::{not_on, on_each, or_skip, skip};
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

pub const READ: Interest = Interest::READ;
pub const WRITE: Interest = Interest::WRITE;
pub const BOTH: Interest = Interest::BOTH;
pub const MS: u64 = 1_000_000;

pub type Loop = EventLoop<u64>;

/// Held by one test at a time: descriptor numbers belong to the whole process, and these tests close and reuse them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The names of [`BACKENDS`] that this system permits.
pub fn permitted() -> Vec<&'static str> {
    let opened = BACKENDS.into_iter().filter(|name| {
        let refused = |report: &BackendReport| io::Error::new(ErrorKind::Unsupported, report.reason.clone());
        let opened = cogloop_io::choose::open(Some(name)).unwrap().1;
        let is_it = if opened.name == *name { Ok(()) } else { Err(refused(&opened)) };
        or_skip(name, is_it).is_some()
    });
    opened.collect()
}

/// Keeps other tests of this process from opening and closing descriptors meanwhile.
pub fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `story` on every backend, on the kernel's clock.
pub fn on_every_backend(story: impl Fn(&mut Loop)) {
    let _guard = alone();
    on_each(backends(), |backend| {
        let mut events = Loop::from_parts(Box::new(MonotonicClock), backend, 1_000).unwrap();
        story(&mut events);
        events.audit();
    });
}

/// Takes one turn that does not wait, and returns everything that it found ready.
pub fn poll(events: &mut Loop) -> Vec<(Token, Interest)> {
    let ready = poll_unaudited(events);
    events.audit();
    ready
}

/// Like [`poll`] without the audit, which takes a hundred times as long as the turn. For tests of many turns.
pub fn poll_unaudited(events: &mut Loop) -> Vec<(Token, Interest)> {
    events.turn(FOR_WHAT_IS_READY).unwrap();
    std::iter::from_fn(|| events.next_ready()).map(|Ready { token, ready }| (token, ready)).collect()
}

/// Whether a wait without events lasts until its timeout. The kernel may cut a wait short, as a signal does, when it
/// has cleaned up the rings of an earlier loop of this thread.
pub fn waits_quietly(events: &mut Loop) -> bool {
    let before_ns = events.now_ns();
    (0..5).any(|_| {
        events.turn(Wait::AtMost(MS)).unwrap();
        events.turn_ns() >= before_ns + MS
    })
}

/// Whether the peer sees the end of the stream.
pub fn sees_the_end(peer: &mut Peer) -> bool {
    match peer.read(&mut [0; 64]) {
        Ok(length) => length == 0,
        // This error stands for the end if data was left unread.
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

pub fn write(peer: &mut Peer) {
    peer.write_all(b"x").unwrap();
}

/// A connected pair: the lent end, to observe, and its peer.
pub fn pair() -> (BorrowedFd<'static>, Peer) {
    let (ours, peer) = streams();
    peer.set_nonblocking(true).unwrap();
    (lend(ours), peer)
}
