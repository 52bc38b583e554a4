//! A kernel that follows a test's script: events, spurious events, early and late returns, errors. It records every
//! registration, change, removal and wait.

use crate::{Backend, Event, Interest, Token, VirtualClock, Waker};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// One wait of the script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Lets time pass and reports events. A kernel may return early or late, so the timeout does not limit the time.
    Report {
        /// How long the wait takes, in nanoseconds.
        after_ns: u64,
        /// The events that it reports. Any events are allowed, also those of removed tokens.
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

/// The scripted backend. Clones share the script: one goes into the loop, and the test keeps another.
///
/// When no step is left, a wait takes exactly its timeout and reports nothing. Without a timeout it returns at once.
#[derive(Clone)]
pub struct ScriptedBackend {
    script: Rc<RefCell<Script>>,
    clock: VirtualClock,
}

impl ScriptedBackend {
    /// Makes an empty script. A wait moves `clock`.
    #[must_use]
    pub fn new(clock: VirtualClock) -> Self {
        Self { script: Rc::default(), clock }
    }

    /// Appends a step, for a later wait.
    pub fn push(&self, step: Step) {
        self.script.borrow_mut().steps.push_back(step);
    }

    /// Queues a refusal. Each call of `add` or `modify` takes the next refusal and fails with its error number.
    pub fn refuse(&self, errno: i32) {
        self.script.borrow_mut().refusals.push_back(errno);
    }

    /// The calls since the last call of this function.
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

    /// Ignores the waker: the script says how long a wait takes.
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

    /// Readiness that the script has reported stays true.
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
