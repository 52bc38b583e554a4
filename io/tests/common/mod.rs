//! What the tests of the loop share: every backend in turn, and descriptors that a test may close by hand.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test program uses its part")]

mod told;

use cogloop_io::epoll::Epoll;
use cogloop_io::portable::Portable;
use cogloop_io::select::Select;
use cogloop_io::uring::{Setup, Uring};
use cogloop_io::{Backend, BackendReport, EventLoop, Interest, MonotonicClock, Ready, Token, Wait};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use told::{not_on, on_each, or_skip, skip};

pub const READ: Interest = Interest::READ;
pub const WRITE: Interest = Interest::WRITE;
pub const BOTH: Interest = Interest::BOTH;
pub const MS: u64 = 1_000_000;

/// The names by which they are chosen.
pub const BACKENDS: [&str; 4] = ["uring", "epoll", "select", "portable"];

pub type Loop = EventLoop<u64>;

/// Descriptor numbers belong to the whole process, and these tests close and reuse them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Every backend in every variant that this system permits.
pub fn backends() -> Vec<(&'static str, Box<dyn Backend>)> {
    type Open = fn() -> io::Result<Box<dyn Backend>>;
    let known: [(&str, Open); 8] = [
        ("uring", || Ok(Box::new(Uring::new()?))),
        ("uring, older", || Ok(Box::new(Uring::with_rings(64, Setup::Cooperative)?))),
        // Every story fills and overflows these.
        ("uring, tiny and plain", || Ok(Box::new(Uring::with_rings(1, Setup::Plain)?))),
        ("epoll", || Ok(Box::new(Epoll::new()?))),
        ("epoll with timeouts", || Ok(Box::new(Epoll::with_timeouts()?))),
        ("epoll, plain waits", || Ok(Box::new(Epoll::with_plain_waits()?))),
        ("select", || Ok(Box::new(Select::new()))),
        ("portable", || Ok(Box::new(Portable::new()?))),
    ];
    let opened = known.into_iter().map(|(name, open)| Some((name, or_skip(name, open())?)));
    opened.flatten().collect()
}

/// Those of [`BACKENDS`] that this system permits.
pub fn permitted() -> Vec<&'static str> {
    let opened = BACKENDS.into_iter().filter(|name| {
        let refused = |report: &BackendReport| io::Error::new(ErrorKind::Unsupported, report.reason.clone());
        let opened = cogloop_io::choose::open(Some(name)).unwrap().1;
        let is_it = if opened.name == *name { Ok(()) } else { Err(refused(&opened)) };
        or_skip(name, is_it).is_some()
    });
    opened.collect()
}

/// Nobody else in this process opens or closes descriptors meanwhile.
pub fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the story on every backend, on the kernel's clock.
pub fn on_every_backend(story: impl Fn(&mut Loop)) {
    let _guard = alone();
    on_each(backends(), |backend| {
        let mut events = Loop::from_parts(Box::new(MonotonicClock), backend, 1_000).unwrap();
        story(&mut events);
        events.audit();
    });
}

/// Gives a descriptor away for good: only [`close`] closes it.
pub fn lend(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let leaked: &'static OwnedFd = Box::leak(Box::new(fd.into()));
    leaked.as_fd()
}

/// Closes a descriptor, whoever thinks to own it.
pub fn close(fd: BorrowedFd<'static>) {
    nix::unistd::close(fd.as_raw_fd()).unwrap();
}

/// A connected pair: a lent end to observe, and its peer.
pub fn pair() -> (BorrowedFd<'static>, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    (lend(ours), peer)
}

/// A duplicate of `fd` at exactly `number`, which must be free.
pub fn dup_at(fd: BorrowedFd<'_>, number: i32) -> BorrowedFd<'static> {
    let dup = lend(rustix::io::fcntl_dupfd_cloexec(fd, number).unwrap());
    assert_eq!(dup.as_raw_fd(), number);
    dup
}

/// One turn that does not wait, and all that it found ready.
pub fn poll(events: &mut Loop) -> Vec<(Token, Interest)> {
    events.turn(Wait::Poll).unwrap();
    events.audit();
    std::iter::from_fn(|| events.next_ready()).map(|Ready { token, ready }| (token, ready)).collect()
}

/// Whether a wait with nothing to report takes its time. The kernel may cut one short, as a signal does: when it has
/// cleared away the rings of an earlier loop of this thread.
pub fn waits_quietly(events: &mut Loop) -> bool {
    let before_ns = events.now_ns();
    (0..5).any(|_| {
        events.turn(Wait::AtMost(MS)).unwrap();
        events.turn_ns() >= before_ns + MS
    })
}

/// Whether the peer sees the end of the stream.
pub fn sees_the_end(peer: &mut UnixStream) -> bool {
    match peer.read(&mut [0; 64]) {
        Ok(length) => length == 0,
        // What the end is called when something was left unread.
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

pub fn write(peer: &mut UnixStream) {
    peer.write_all(b"x").unwrap();
}
