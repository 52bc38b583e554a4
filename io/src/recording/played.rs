//! The clock and the backend of a replay, which read the recording.

use super::format::{Act, Line};
use super::player::Player;
use crate::{Backend, Clock, Event, Interest, Token, Waker};
use rustix::fd::BorrowedFd;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest sleep of a replay between two checks of a descriptor that was ready in the recording.
const NAP_MAX: Duration = Duration::from_millis(1);

/// The recorded clock.
pub(super) struct PlayedClock(Rc<RefCell<Player>>);

impl PlayedClock {
    pub(super) fn new(player: Rc<RefCell<Player>>) -> Self {
        Self(player)
    }
}

impl Clock for PlayedClock {
    fn now_ns(&self) -> u64 {
        self.0.borrow_mut().read_clock()
    }
}

/// The recorded kernel.
pub(super) struct PlayedBackend {
    player: Rc<RefCell<Player>>,
    waker: Option<Waker>,
}

impl PlayedBackend {
    pub(super) fn new(player: Rc<RefCell<Player>>) -> Self {
        Self { player, waker: None }
    }

    /// Waits, in real time, until the descriptors are ready. Returns `false` if the user has ended the wait. A wake
    /// does not end the wait: in a replay only the recorded wakes count.
    fn wait_for<'a>(&self, events: impl Iterator<Item = &'a Event>, line: u64) -> io::Result<bool> {
        let begin = Instant::now();
        for event in events {
            let mut nap = Duration::from_micros(10);
            loop {
                let mut player = self.player.borrow_mut();
                if !player.awaits(event) {
                    break;
                }
                if (player.is_interrupted)() {
                    return Ok(false);
                }
                if begin.elapsed() > player.patience() {
                    player.miss(line, event);
                    return Err(player.departed());
                }
                drop(player);
                std::thread::sleep(nap);
                nap = (nap * 2).min(NAP_MAX);
            }
        }
        Ok(true)
    }
}

impl Backend for PlayedBackend {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn attach(&mut self, waker: &Waker) -> io::Result<()> {
        self.waker = Some(waker.clone());
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        let mut player = self.player.borrow_mut();
        player.asked(Act::Add(token, interest))?;
        player.observe(token, fd, interest)
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        let mut player = self.player.borrow_mut();
        player.asked(Act::Modify(token, interest))?;
        player.observe(token, fd, interest)
    }

    fn remove(&mut self, _fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let mut player = self.player.borrow_mut();
        player.forget(token);
        player.asked(Act::Remove(token))
    }

    fn wait(&mut self, events: &mut Vec<Event>, _timeout_ns: Option<u64>) -> io::Result<()> {
        let outcome = self.player.borrow_mut().result()?;
        let reported = outcome.result.as_deref().unwrap_or_default();
        if let Err(refused) = events.try_reserve(reported.len()) {
            self.player.borrow_mut().run_out();
            return Err(refused.into());
        }
        let marks = std::mem::take(&mut self.player.borrow_mut().marks);
        let is_ready = self.wait_for(marks.iter().chain(reported), outcome.line);
        self.player.borrow_mut().marks = marks;
        let is_ready = is_ready?;
        self.waker.iter().for_each(Waker::drain);
        let mut player = self.player.borrow_mut();
        player.is_known = true;
        if !is_ready {
            player.begun = Some(outcome);
            return Ok(());
        }
        player.marked_now.clear();
        player.pass(outcome.passed_ns);
        match outcome.result {
            Ok(reported) => events.extend(reported),
            Err(refusal) => return Err(refusal.to_error()),
        }
        Ok(())
    }

    /// Does not wait until the descriptor is ready: the loop asks only about blocking descriptors, and a read of such a
    /// descriptor waits by itself.
    fn look(&mut self, _fd: BorrowedFd<'_>, directions: Interest, _token: Token) -> Interest {
        let read = |line: &Line| if let Line::Look(ready) = line { Some(*ready) } else { None };
        self.player.borrow_mut().answer("the question whether a descriptor is still ready", read, directions)
    }

    fn prepare(&mut self) -> io::Result<bool> {
        Ok(self.player.borrow_mut().value(0) != 0)
    }
}
