//! Records a run and plays it back. Everything that comes from outside is written to a file; a replay reads it from
//! there.
//!
//! ```text
//!   recording                                          replaying
//!
//!   EventLoop ◄── time ─── Clock ◄── the real one      EventLoop ◄── time ─── Clock ◄───┐
//!       │                    │                             │                            │ the file
//!       │                    ▼                             │                            │
//!       ├── acts ──► the file, a line for each             ├── acts ── the same? ───────┤
//!       │                    ▲                             │     no: a departure        │
//!   EventLoop ◄── ready ── Backend ◄── the kernel      EventLoop ◄── ready ── Backend ◄─┘
//! ```
//!
//! These things come from outside:
//!
//! - the readings of the clock
//! - the results of waits
//! - the kernel's refusals of registrations
//! - whether a descriptor was still ready
//! - the values that the user passes through [`EventLoop::witness`](crate::EventLoop::witness)
//!
//! The program *acts* when it arms a timer; adds, changes or removes a descriptor; begins to wait; or ends a run
//! because nothing is left. The line of a wait also has the number of timers and of descriptors. An act that differs
//! from the recorded one is a *departure*. The next wait returns an error that names both acts.
//!
//! A replay needs no backend, and does not wait for time. Bytes are not recorded. So the replay waits until a
//! descriptor is ready in reality, and then reports the descriptors in the recorded order.
//!
//! If the program reads the clock more often than the recording has readings, time stands still for it. Recorded
//! readings that are left over are skipped. So a changed program may read the clock more often or less often without a
//! departure.
//!
//! docs/replay.md describes the lines. The file is written after each wait. So a crash loses only the lines
//! of the turn in which it happened, and not the result of that turn's wait.

mod format;
mod played;
mod player;
mod recorder;
mod refusal;

use crate::memory::try_string;
use crate::{Backend, Clock, Event, Interest, Plan, Token};
use format::Act;
use played::{PlayedBackend, PlayedClock};
use player::Player;
use recorder::{RecordedBackend, RecordedClock, Recorder};
use std::cell::RefCell;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What to do with a recording; see the [module's page](self).
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Recording {
    /// Writes what comes from outside to this file. A file that exists is replaced.
    Record(PathBuf),
    /// Plays this file instead of asking the clock and the kernel.
    Replay(PathBuf),
}

impl Recording {
    /// The first bytes of a recording's file.
    pub const BEGINNING: &[u8] = format::MAGIC.as_bytes();

    /// The name of the option: `"record"` or `"replay"`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Record(_) => "record",
            Self::Replay(_) => "replay",
        }
    }
}

/// How a timer is being armed.
#[derive(Copy, Clone)]
pub(crate) enum Arming<'a> {
    /// This number of nanoseconds after a reading of the clock.
    After(u64),
    /// At this time.
    At(u64),
    /// By this plan.
    Planned(&'a Plan),
}

/// The clock and the backend of a loop that records or replays, and its journal.
pub(crate) struct Parts {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) journal: Journal,
}

/// The part of a recording that the loop holds.
#[derive(Clone)]
pub(crate) enum Journal {
    Records(Rc<RefCell<Recorder>>),
    Replays(Rc<RefCell<Player>>),
}

impl Journal {
    /// Records into `path` what comes from this clock and this backend.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn record(
        path: &Path,
        resolution_ns: u64,
        clock: Box<dyn Clock>,
        backend: Box<dyn Backend>,
    ) -> io::Result<Parts> {
        let recorder = Rc::new(RefCell::new(Recorder::create(path, resolution_ns, clock.now_ns())?));
        let clock = Rc::new(clock);
        Ok(Parts {
            clock: Box::new(RecordedClock::new(Rc::clone(&clock), Rc::clone(&recorder))),
            backend: Box::new(RecordedBackend::new(backend, clock, Rc::clone(&recorder))),
            journal: Self::Records(recorder),
        })
    }

    /// Plays `path`.
    ///
    /// # Errors
    /// The file cannot be read, or is not a recording of this version and resolution.
    pub(crate) fn replay(path: &Path, resolution_ns: u64) -> io::Result<Parts> {
        let player = Rc::new(RefCell::new(Player::open(path, resolution_ns)?));
        Ok(Parts {
            clock: Box::new(PlayedClock::new(Rc::clone(&player))),
            backend: Box::new(PlayedBackend::new(Rc::clone(&player))),
            journal: Self::Replays(player),
        })
    }

    /// Sets the place of the next act: the line of the program, such as `server.lua:12`.
    pub(crate) fn set_place(&self, place: &str) {
        match self {
            Self::Records(recorder) => recorder.borrow_mut().set_place(place),
            Self::Replays(player) => player.borrow_mut().place = try_string(place),
        }
    }

    fn act(&self, act: Act) {
        match self {
            Self::Records(recorder) => recorder.borrow_mut().act(act, None),
            Self::Replays(player) => drop(player.borrow_mut().act(act)),
        }
    }

    /// The program arms a timer.
    pub(crate) fn arm(&self, arming: Arming<'_>) {
        self.act(match arming {
            Arming::After(delay_ns) => Act::After(delay_ns),
            Arming::At(deadline_ns) => Act::At(deadline_ns, self.now_ns()),
            Arming::Planned(plan) => {
                let period_ns = plan.period.map_or(0, NonZeroU64::get);
                Act::Every(period_ns, plan.deadline.saturating_sub(self.now_ns()))
            }
        });
    }

    fn now_ns(&self) -> u64 {
        match self {
            Self::Records(recorder) => recorder.borrow().now_ns(),
            Self::Replays(player) => player.borrow().now_ns,
        }
    }

    /// The program begins to wait, with this number of timers and of descriptors. `mark` marks a descriptor ready.
    pub(crate) fn wait(&self, timers: usize, descriptors: usize, mut mark: impl FnMut(Token, Interest)) {
        let act = Act::Wait(timers, descriptors);
        match self {
            Self::Records(recorder) => recorder.borrow_mut().wait(act),
            // The user had interrupted this wait, and now continues it.
            Self::Replays(player) if player.borrow().begun.is_some() => {}
            Self::Replays(player) => {
                let marks = player.borrow_mut().act(act).map(|recorded| recorded.events).unwrap_or_default();
                marks.iter().for_each(|event| mark(event.token, event.ready));
                player.borrow_mut().marks = marks;
            }
        }
    }

    /// The run has ended, because nothing is left.
    pub(crate) fn idle(&self) {
        self.act(Act::Idle);
    }

    /// A descriptor is marked ready. Returns whether the mark counts: in a replay only the recorded marks count.
    pub(crate) fn mark(&self, token: Token, ready: Interest) -> bool {
        let event = Event::new(token, ready);
        match self {
            Self::Records(recorder) => recorder.borrow_mut().mark(event),
            Self::Replays(player) => player.borrow_mut().mark(event),
        }
        matches!(self, Self::Records(_))
    }

    /// Records a value that comes from outside and returns it. A replay returns the recorded value instead.
    pub(crate) fn witness(&self, value: u64) -> u64 {
        match self {
            Self::Records(recorder) => {
                recorder.borrow_mut().value(value);
                value
            }
            Self::Replays(player) => player.borrow_mut().value(value),
        }
    }

    /// Declares that everything read from the descriptor is passed through [`witness`](Self::witness), so a replay need
    /// not wait for it.
    pub(crate) fn feign(&self, token: Token) {
        if let Self::Replays(player) = self {
            player.borrow_mut().feign(token);
        }
    }

    /// Sets a function that ends a replay's wait for a descriptor by returning true.
    pub(crate) fn interrupt_by(&self, is_interrupted: fn() -> bool) {
        if let Self::Replays(player) = self {
            player.borrow_mut().is_interrupted = is_interrupted;
        }
    }

    /// The message about the departure, or `None` if the program has not departed from the recording. The message is
    /// empty if there is no memory for it.
    pub(crate) fn departure(&self) -> Option<String> {
        match self {
            Self::Records(_) => None,
            Self::Replays(player) => player.borrow().departure().map(|text| try_string(text).unwrap_or_default()),
        }
    }

    /// Returns an error if the program has departed from the recording.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self {
            Self::Records(_) => Ok(()),
            Self::Replays(player) if player.borrow().departure().is_none() => Ok(()),
            Self::Replays(player) => Err(player.borrow().departed()),
        }
    }
}
