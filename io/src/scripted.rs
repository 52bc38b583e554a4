//! A kernel that does what a test says: events, spurious ones, late or early returns, errors. It records every call.

use crate::{Backend, Event, Interest, Token, VirtualClock, Waker};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// What one wait does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Lets time pass and reports. A kernel may come back early or late, so the timeout does not limit the time.
    Report {
        /// How long the wait takes, in nanoseconds.
        after_ns: u64,
        /// What it reports: anything, events of removed tokens too.
        events: Vec<Event>,
    },
    /// Fails with this error number, at once.
    Fail(i32),
}

/// One call that the backend received.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Call {
    /// `add`.
    Add(RawFd, Interest, Token),
    /// `modify`.
    Modify(RawFd, Interest, Token),
    /// `remove`.
    Remove(RawFd, Token),
    /// `wait`, with its timeout in nanoseconds.
    Wait(Option<u64>),
}

#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    refusals: VecDeque<i32>,
    calls: Vec<Call>,
}

/// The scripted backend. Clones share the script: one goes into the loop, the test keeps another.
///
/// With no step left, a wait takes exactly its timeout and reports nothing; without a timeout it returns at once.
#[derive(Clone)]
pub struct ScriptedBackend {
    script: Rc<RefCell<Script>>,
    clock: VirtualClock,
}

impl ScriptedBackend {
    /// An empty script; waiting moves `clock`.
    #[must_use]
    pub fn new(clock: VirtualClock) -> Self {
        Self { script: Rc::default(), clock }
    }

    /// Appends what a later wait does.
    pub fn push(&self, step: Step) {
        self.script.borrow_mut().steps.push_back(step);
    }

    /// Lets the next call of `add` or `modify` that has no refusal yet fail with this error number.
    pub fn refuse(&self, errno: i32) {
        self.script.borrow_mut().refusals.push_back(errno);
    }

    /// The calls since the last time this was asked.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.script.borrow_mut().calls)
    }

    fn register(&self, call: Call) -> io::Result<()> {
        let mut script = self.script.borrow_mut();
        script.calls.push(call);
        script.refusals.pop_front().map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }
}

impl Backend for ScriptedBackend {
    fn name(&self) -> &'static str {
        "scripted"
    }

    /// Wakes nothing: a wait takes what the script says.
    fn attach(&mut self, _waker: &Waker) -> io::Result<()> {
        Ok(())
    }

    fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.register(Call::Add(fd.as_raw_fd(), interest, token))
    }

    fn modify(&mut self, fd: BorrowedFd<'_>, interest: Interest, token: Token) -> io::Result<()> {
        self.register(Call::Modify(fd.as_raw_fd(), interest, token))
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.script.borrow_mut().calls.push(Call::Remove(fd.as_raw_fd(), token));
        Ok(())
    }

    /// What the script has reported stays true.
    fn look(&mut self, _fd: BorrowedFd<'_>, directions: Interest, _token: Token) -> Interest {
        directions
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout_ns: Option<u64>) -> io::Result<()> {
        let mut script = self.script.borrow_mut();
        script.calls.push(Call::Wait(timeout_ns));
        match script.steps.pop_front() {
            Some(Step::Report { after_ns, events: reported }) => {
                self.clock.advance_ns(after_ns);
                events.extend(reported);
                Ok(())
            }
            Some(Step::Fail(errno)) => Err(io::Error::from_raw_os_error(errno)),
            None => {
                self.clock.advance_ns(timeout_ns.unwrap_or(0));
                Ok(())
            }
        }
    }
}
