//! The load beside the timers: none, threads that compete for the CPUs, or descriptors that are often ready.

use std::hint::black_box;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::thread::{ClockId, clock_nanosleep_absolute, set_current_timer_slack};

use crate::clock::{now_ns, timespec};

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Condition {
    Idle,
    BusyNeighbour,
    Descriptors,
}

impl Condition {
    pub(super) const ALL: [Self; 3] = [Self::Idle, Self::BusyNeighbour, Self::Descriptors];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::BusyNeighbour => "busy neighbours",
            Self::Descriptors => "20,000 bytes a second over 8 sockets",
        }
    }
}

/// Threads. Dropping this value ends them.
struct Threads {
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(count: usize, work: impl Fn(&AtomicBool) + Clone + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let (work, stop) = (work.clone(), Arc::clone(&stop));
            thread::spawn(move || work(&stop))
        };
        let handles = (0..count).map(start).collect();
        Self { stop, handles }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}

/// For each CPU a thread that never sleeps, until this value is dropped.
pub(super) struct Neighbours(#[expect(dead_code, reason = "held until it is dropped")] Threads);

impl Neighbours {
    pub(super) fn start() -> Self {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        Self(Threads::start(cpus, |stop| {
            let mut sum = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                (0..1_000).for_each(|number| sum = black_box(sum.wrapping_mul(31) + number));
            }
        }))
    }
}

const PAIRS: usize = 8;
const BETWEEN_BYTES_NS: u64 = 50_000;

/// Sockets to which another thread writes single bytes, one socket after the other, until this value is dropped.
pub(super) struct Descriptors {
    #[expect(dead_code, reason = "held until it is dropped")]
    sender: Threads,
    sockets: Vec<OwnedFd>,
}

impl Descriptors {
    pub(super) fn start() -> io::Result<Self> {
        let pair =
            |_| socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
        let (here, there): (Vec<_>, Vec<_>) = (0..PAIRS).map(pair).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let there = Arc::new(there);
        let sender = Threads::start(1, move |stop| send(&there, stop));
        Ok(Self { sender, sockets: here })
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(super) fn fd(&self, index: usize) -> BorrowedFd<'_> {
        self.sockets[index].as_fd()
    }

    /// A duplicate of a descriptor, for contenders that own their descriptors.
    pub(super) fn owned(&self, index: usize) -> io::Result<OwnedFd> {
        self.fd(index).try_clone_to_owned()
    }

    /// Reads the available bytes.
    pub(super) fn serve(&self, index: usize) {
        // There may be no byte, because readiness can be spurious.
        let _ = rustix::io::read(self.fd(index), &mut [0; 64]);
    }
}

fn send(sockets: &[OwnedFd], stop: &AtomicBool) {
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let mut next_ns = now_ns();
    for socket in sockets.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        next_ns = (next_ns + BETWEEN_BYTES_NS).max(now_ns());
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &timespec(next_ns));
        // If the buffer is full, the write fails. Then the reader is behind and has enough to read.
        let _ = rustix::io::write(socket, &[1]);
    }
}
