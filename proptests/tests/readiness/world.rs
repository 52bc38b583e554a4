//! A world: a backend with its own descriptors. The world runs a script and compares the backend's reports with those
//! of `poll`.
//!
//! A turn of the script is two turns of the loop, with nothing done in between. On every backend both turns report
//! exactly what `poll` reports.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use cogloop_io::{Backend, EventLoop, Interest, MonotonicClock, Token, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::Shutdown;

use crate::{Kind, Operation};

/// The ends of pipes and sockets, and the files, that are ready: the index of each, in order, and its directions.
pub(crate) type Reports = Vec<(usize, Interest)>;

/// The number of events that may come for a descriptor that was closed without being removed. After that the loop must
/// have noticed the close.
const GHOST_EVENTS_MAX: u32 = 64;

struct End {
    fd: BorrowedFd<'static>,
    is_open: bool,
    kind: Kind,
    /// The index of the other end; a file has none.
    peer: Option<usize>,
    token: Option<Token>,
    interest: Interest,
    /// The number of events after the descriptor was closed without being removed.
    ghost_events: u32,
}

/// Whether this end blocks during a turn of the loop, which looks again whether such a descriptor is ready. In each
/// pair one end does.
fn blocks(n: usize) -> bool {
    n.is_multiple_of(2)
}

pub(crate) struct World {
    events: EventLoop<u64>,
    is_uring: bool,
    ends: Vec<End>,
}

impl World {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        let is_uring = backend.name() == "uring";
        let events = EventLoop::from_parts(Box::new(MonotonicClock), backend, 1_000).unwrap();
        Self { events, is_uring, ends: Vec::new() }
    }

    /// Runs the script. Returns the reports of each turn.
    pub(crate) fn run(mut self, script: &[Operation]) -> Result<Vec<Reports>, String> {
        let mut trace = Vec::new();
        for (nth, operation) in script.iter().chain([&Operation::Turn]).enumerate() {
            match operation {
                Operation::Turn => {
                    let reports = self.turn().map_err(|problem| format!("operation {nth}: {problem}"))?;
                    trace.push(reports);
                }
                operation => self.apply(operation),
            }
            self.events.audit();
        }
        Ok(trace)
    }

    fn apply(&mut self, operation: &Operation) {
        if let Operation::Open(kind) = *operation {
            return self.open(kind);
        }
        let (Operation::Add(n, _)
        | Operation::Modify(n, _)
        | Operation::Remove(n)
        | Operation::Write(n)
        | Operation::Fill(n)
        | Operation::Read(n, _)
        | Operation::Shutdown(n)
        | Operation::Close(n)
        | Operation::CloseWithoutRemoval(n)) = *operation
        else {
            return;
        };
        let Some(n) = n.checked_rem(self.ends.len()) else { return };
        if let Operation::Remove(_) = operation {
            return self.remove(n);
        }
        let End { fd, is_open: true, kind, peer, .. } = self.ends[n] else { return };
        let before = self.unread_by_the_peer(n);
        match *operation {
            Operation::Add(_, bits) => self.add(n, interest(bits)),
            Operation::Modify(_, bits) => {
                let Some(token) = self.ends[n].token else { return };
                self.events.set_interest(token, interest(bits)).unwrap();
                self.ends[n].interest = interest(bits);
            }
            // The result of this write is the same on every backend.
            Operation::Write(_) => {
                let is_written = rustix::io::write(fd, b"x").is_ok();
                if is_written && matches!(kind, Kind::Tcp) {
                    self.wait_until(n, |peer| unread(peer.fd) > before);
                }
            }
            // For TCP the amount depends on timing. So only pipes and Unix sockets are filled.
            Operation::Fill(_) if matches!(kind, Kind::Pipe | Kind::Pair) => {
                while rustix::io::write(fd, &[0; 4_096]).is_ok() {}
            }
            Operation::Read(_, length) => drop(rustix::io::read(fd, &mut vec![0; length])),
            Operation::Shutdown(_) => drop(rustix::net::shutdown(fd, Shutdown::Write)),
            Operation::Close(_) => {
                self.remove(n);
                self.close(n);
            }
            // On io_uring the peer of an observed descriptor would learn of the close later, as documented.
            Operation::CloseWithoutRemoval(_)
                if self.ends[n].token.is_none() || peer.is_none_or(|peer| !self.ends[peer].is_open) =>
            {
                self.close(n);
            }
            _ => {}
        }
        if let (Kind::Tcp, Operation::Shutdown(_) | Operation::Close(_)) = (kind, operation) {
            self.wait_until(n, |peer| has_seen_the_end(peer.fd));
        }
    }

    fn open(&mut self, kind: Kind) {
        let ends: Vec<OwnedFd> = match kind {
            Kind::Pipe => std::io::pipe().map(|(reader, writer)| vec![reader.into(), writer.into()]).unwrap(),
            Kind::Pair => UnixStream::pair().map(|(one, other)| vec![one.into(), other.into()]).unwrap(),
            Kind::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                one.set_nodelay(true).unwrap();
                let (other, _) = listener.accept().unwrap();
                other.set_nodelay(true).unwrap();
                vec![one.into(), other.into()]
            }
            Kind::File => vec![File::open("Cargo.toml").unwrap().into()],
        };
        let first = self.ends.len();
        let peers = if ends.len() == 2 { [Some(first + 1), Some(first)] } else { [None; 2] };
        for (fd, peer) in ends.into_iter().zip(peers) {
            rustix::io::ioctl_fionbio(&fd, true).unwrap();
            // The descriptor is closed only by its number.
            let fd: &'static OwnedFd = Box::leak(Box::new(fd));
            let (token, interest) = (None, Interest::NONE);
            self.ends.push(End { fd: fd.as_fd(), is_open: true, kind, peer, token, interest, ghost_events: 0 });
        }
    }

    fn add(&mut self, n: usize, interest: Interest) {
        let fd = self.ends[n].fd;
        let token = self.events.add_descriptor(fd, interest).unwrap();
        // A closed end may have had the same number. Its observation is replaced, too.
        for end in self.ends.iter_mut().filter(|end| end.fd.as_raw_fd() == fd.as_raw_fd()) {
            end.token = None;
        }
        let end = &mut self.ends[n];
        (end.token, end.interest) = (Some(token), interest);
    }

    fn remove(&mut self, n: usize) {
        if let Some(token) = self.ends[n].token.take() {
            self.events.remove_descriptor(token).unwrap();
        }
    }

    fn close(&mut self, n: usize) {
        self.ends[n].is_open = false;
        nix::unistd::close(self.ends[n].fd.as_raw_fd()).unwrap();
    }

    /// The other end, if it is open.
    fn peer_of(&self, n: usize) -> Option<&End> {
        self.ends[n].peer.map(|peer| &self.ends[peer]).filter(|peer| peer.is_open)
    }

    fn unread_by_the_peer(&self, n: usize) -> u64 {
        self.peer_of(n).map_or(0, |peer| unread(peer.fd))
    }

    /// TCP takes time even on the loopback device. So this function waits until what was sent has arrived at the other
    /// end. An end that was reset gets nothing more.
    fn wait_until(&self, n: usize, has_arrived: impl Fn(&End) -> bool) {
        let Some(peer) = self.peer_of(n) else { return };
        while !has_arrived(peer) && !is_reset(peer.fd) {
            std::thread::yield_now();
        }
    }

    /// The result of `poll` for the observed ends.
    fn expected(&self) -> Reports {
        let is_observed = |end: &&End| end.is_open && end.token.is_some() && !end.interest.is_empty();
        let observed: Vec<_> = self.ends.iter().enumerate().filter(|(_, end)| is_observed(end)).collect();
        let all = PollFlags::IN | PollFlags::OUT | PollFlags::RDHUP;
        let mut polled: Vec<_> = observed.iter().map(|(_, end)| PollFd::from_borrowed_fd(end.fd, all)).collect();
        poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
        let ready =
            observed.iter().zip(&polled).map(|((n, end), polled)| (*n, readiness(polled.revents()) & end.interest));
        ready.filter(|(_, ready)| !ready.is_empty()).collect()
    }

    fn turn(&mut self) -> Result<Reports, String> {
        let expected = self.expected();
        let first = self.reports()?;
        if first != expected {
            return Err(format!("reported {first:?}, poll says {expected:?}"));
        }
        let second = self.reports()?;
        if second != expected {
            return Err(format!("then reported {second:?}, poll says {expected:?}"));
        }
        Ok(second)
    }

    /// Takes one turn of the loop. Between turns no end blocks, so the script never waits.
    fn reports(&mut self) -> Result<Reports, String> {
        self.let_block(true);
        let reports = self.pulled();
        self.let_block(false);
        reports
    }

    fn let_block(&self, lets: bool) {
        for (_, end) in self.ends.iter().enumerate().filter(|(n, end)| blocks(*n) && end.is_open) {
            rustix::io::ioctl_fionbio(end.fd, !lets).unwrap();
        }
    }

    fn pulled(&mut self) -> Result<Reports, String> {
        self.events.turn(Wait::Poll).map_err(|error| error.to_string())?;
        let mut reports = Reports::new();
        while let Some(ready) = self.events.next_ready() {
            let known = self.ends.iter_mut().enumerate().find(|(_, end)| end.token == Some(ready.token));
            let Some((n, end)) = known else { return Err(format!("an event of {:?}, which is stale", ready.token)) };
            if end.is_open {
                reports.push((n, ready.ready));
                continue;
            }
            end.ghost_events += 1;
            if !self.is_uring || end.ghost_events > GHOST_EVENTS_MAX {
                return Err(format!("end {n} is closed and was reported {} times", end.ghost_events));
            }
        }
        reports.sort_by_key(|(n, _)| *n);
        Ok(reports)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.events.clear();
        (0..self.ends.len()).for_each(|n| {
            if self.ends[n].is_open {
                self.close(n);
            }
        });
    }
}

fn interest(bits: u8) -> Interest {
    [Interest::NONE, Interest::READ, Interest::WRITE, Interest::READ | Interest::WRITE][usize::from(bits % 4)]
}

/// The number of bytes that can be read.
fn unread(fd: BorrowedFd<'_>) -> u64 {
    rustix::io::ioctl_fionread(fd).unwrap_or(0)
}

/// Whether the peer writes nothing more.
fn has_seen_the_end(fd: BorrowedFd<'_>) -> bool {
    state_of(fd).intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
}

fn is_reset(fd: BorrowedFd<'_>) -> bool {
    state_of(fd).intersects(PollFlags::HUP | PollFlags::ERR)
}

fn state_of(fd: BorrowedFd<'_>) -> PollFlags {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::RDHUP)];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
    polled[0].revents()
}

/// A hang-up or an error makes both directions ready.
fn readiness(polled: PollFlags) -> Interest {
    let is_any = |flags: PollFlags, direction| if polled.intersects(flags) { direction } else { Interest::NONE };
    let ends = PollFlags::HUP | PollFlags::ERR;
    is_any(PollFlags::IN | PollFlags::RDHUP | ends, Interest::READ) | is_any(PollFlags::OUT | ends, Interest::WRITE)
}
