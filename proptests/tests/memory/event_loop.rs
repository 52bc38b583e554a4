//! Tests the event loop on each backend while memory runs out: timers, descriptors, their modes, and their marks, which
//! the user sets with `mark_ready`.

use crate::allocator::{Grant, with};
use crate::{Dice, at_each_request};
use cogloop_io::{
    AddError, Backend, Error, EventLoop, Interest, Missed, Mode, Options, Plan, Token, VirtualClock, VirtualTime, Wait,
    choose,
};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

const PIPES: usize = 40;

/// The state that is made before memory runs out.
struct World {
    events: EventLoop<u64>,
    clock: VirtualClock,
    /// Descriptors that are lent to the loop. The loop is dropped first.
    lent: Vec<&'static OwnedFd>,
    owned: Vec<OwnedFd>,
    shared: Vec<Rc<dyn AsFd>>,
    files: Vec<&'static OwnedFd>,
    writers: Vec<PipeWriter>,
    tokens: Vec<Token>,
}

pub(crate) fn lend(fd: impl Into<OwnedFd>) -> &'static OwnedFd {
    Box::leak(Box::new(fd.into()))
}

fn open(backend: &str, clock: &VirtualClock) -> EventLoop<u64> {
    let (backend, _) = choose::open(Some(backend)).map_err(|error| error.to_string()).unwrap();
    let jumping: Box<dyn Backend> = Box::new(VirtualTime::new(backend, clock.clone()));
    EventLoop::from_parts(Box::new(clock.clone()), jumping, 1_000).unwrap()
}

impl World {
    fn new(backend: &str, pipes: &[(PipeReader, PipeWriter)], lent: &[&'static OwnedFd]) -> Self {
        let clock = VirtualClock::new();
        let events = open(backend, &clock);
        let readers = || pipes.iter().map(|(reader, _)| OwnedFd::from(reader.try_clone().unwrap()));
        Self {
            events,
            clock,
            lent: lent[..PIPES].to_vec(),
            files: lent[PIPES..].to_vec(),
            owned: readers().take(8).collect(),
            shared: readers().skip(8).take(8).map(|fd| Rc::new(fd) as Rc<dyn AsFd>).collect(),
            writers: pipes.iter().map(|(_, writer)| writer.try_clone().unwrap()).collect(),
            tokens: Vec::with_capacity(4 * PIPES),
        }
    }

    fn fd(&self, nth: usize) -> BorrowedFd<'static> {
        self.lent[nth].as_fd()
    }

    fn keep(&mut self, added: io::Result<Token>) {
        match added {
            Ok(token) => self.tokens.push(token),
            Err(error) => assert_eq!(error.kind(), ErrorKind::OutOfMemory),
        }
    }

    fn add(&mut self) {
        for nth in 0..PIPES {
            let mode = [Mode::Level, Mode::Edge, Mode::OneShot][nth % 3];
            let added = self.events.add_descriptor_with(self.fd(nth), Interest::READ, mode);
            self.keep(added);
        }
        for nth in 0..self.files.len() {
            let interest = if nth % 2 == 0 { Interest::BOTH } else { Interest::WRITE };
            let added = self.events.add_descriptor(self.files[nth].as_fd(), interest);
            self.keep(added);
        }
        while let Some(fd) = self.owned.pop() {
            let added = self.events.add_owned(fd, Interest::READ);
            self.keep(added);
        }
        while let Some(file) = self.shared.pop() {
            let added = self.events.add_shared(file, Interest::READ, Mode::Edge);
            self.keep(added);
        }
    }

    fn change(&mut self, dice: &mut Dice) {
        for nth in 0..self.tokens.len() {
            let token = self.tokens[nth];
            match dice.below(6) {
                0 => self.events.mark_ready(token, Interest::READ),
                1 => drop(self.events.set_interest(token, Interest::NONE)),
                2 => drop(self.events.set_interest(token, Interest::READ)),
                3 => drop(self.events.drained(token, Interest::READ)),
                4 => drop(self.events.unref_descriptor(token)),
                _ => {}
            }
        }
        for nth in (0..PIPES).step_by(5) {
            // Observing the descriptor once more replaces its token. The new token is marked; the old one may be, too.
            let added = self.events.add_descriptor(self.fd(nth), Interest::READ);
            if let Ok(token) = added {
                self.events.mark_ready(token, Interest::READ);
            }
            self.keep(added);
        }
    }

    fn add_timers(&mut self, dice: &mut Dice) {
        for id in 0..100 {
            let ns = dice.below(40_000);
            let period = (dice.below(9_000) + 1_000).try_into().unwrap();
            let added = match dice.below(3) {
                0 => self.events.try_add_timer(ns, id),
                1 => self.events.try_add_timer_at(self.events.now_ns() + ns, id),
                _ => self.events.try_add_planned(Plan::every(self.events.now_ns() + ns, period, Missed::Skip), id),
            };
            let Ok(key) = added else {
                assert_eq!(added, Err(AddError::Memory));
                continue;
            };
            match dice.below(5) {
                0 => drop(self.events.try_unref_timer(key)),
                1 => drop(self.events.try_pause_timer(key)),
                2 => drop(self.events.cancel_timer(key)),
                3 => drop(self.events.reschedule_timer_at(key, ns)),
                _ => {}
            }
        }
    }

    fn turn(&mut self) {
        match self.events.turn(Wait::AtMost(10_000)) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::OutOfMemory),
        }
        while let Some(timer) = self.events.next_expired() {
            assert!(timer.deadline_ns <= self.events.turn_ns(), "early");
        }
        for _ in 0..30 {
            let Some(ready) = self.events.next_ready() else { break };
            assert!(self.tokens.contains(&ready.token));
        }
    }

    /// Uses the functions of a loop that add, change, mark and remove, and takes turns.
    fn live(&mut self) {
        let mut dice = Dice(11);
        for _ in 0..2 {
            self.add();
            self.add_timers(&mut dice);
            for writer in &mut self.writers {
                let _ = writer.write(b"x");
            }
            for _ in 0..3 {
                self.turn();
                self.change(&mut dice);
                self.clock.advance_ns(1_000);
            }
            for nth in (0..self.tokens.len()).step_by(2) {
                let _ = self.events.remove_descriptor(self.tokens[nth]);
            }
        }
        self.add_timers(&mut dice);
    }

    /// Checks that the loop is sound and still works.
    fn check(&mut self) {
        self.events.audit();
        self.events.clear();
        self.events.audit();
        let token = self.events.add_descriptor(self.fd(1), Interest::READ).unwrap();
        self.writers[1].write_all(b"x").unwrap();
        self.events.add_timer(1_000, 77);
        let (mut found, mut fired) = (false, false);
        for _ in 0..5 {
            self.events.turn(Wait::Poll).unwrap();
            fired |= std::iter::from_fn(|| self.events.next_expired()).any(|timer| timer.value == 77);
            found |= std::iter::from_fn(|| self.events.next_ready()).any(|ready| ready.token == token);
            self.clock.advance_ns(2_000);
        }
        assert!(found && fired);
        self.events.audit();
    }
}

#[test]
fn the_loop_goes_on_when_memory_runs_out_at_any_request() {
    let pipes: Vec<_> = (0..PIPES).map(|_| io::pipe().unwrap()).collect();
    let lent = pipes.iter().map(|(reader, _)| lend(reader.try_clone().unwrap()));
    let files = (0..4).map(|_| lend(std::fs::File::open("Cargo.toml").unwrap()));
    let lent: Vec<_> = lent.chain(files).collect();
    for backend in choose::names() {
        let enough = at_each_request(|grant| {
            let mut world = World::new(backend, &pipes, &lent);
            let ((), refused) = with(grant, || world.live());
            world.check();
            refused
        });
        assert!(enough > 20, "{backend}: {enough} requests");
    }
}

/// The standard library's boxes cannot report a refusal. So a loop asks for their memory in advance.
#[test]
fn making_a_loop_with_too_little_memory_is_an_error() {
    for backend in choose::names() {
        let options = Options { backend: Some(backend.to_owned()), ..Options::default() };
        let mut refusals = 0;
        for kilobytes in 0..1_000 {
            let (made, refused) = with(Grant::Bytes(kilobytes << 10), || {
                EventLoop::<u64>::new(&options).map(|mut made| made.turn(Wait::Poll))
            });
            match made {
                Ok(turned) => assert!(turned.is_ok_and(|()| true), "{backend} with {kilobytes} KB"),
                Err(Error::Io { source, .. }) => {
                    assert_eq!(source.kind(), ErrorKind::OutOfMemory);
                    assert!(refused > 0);
                    refusals += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!((50..1_000).contains(&refusals), "{backend}: {refusals}");
    }
}
