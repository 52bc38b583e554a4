//! The loop, assembled from its [parts](super::parts): its fields, and how it is made.

use super::limits::{LimitReached, Limits, TIMERS_MAX};
use super::options::{ClockChoice, Options};
use super::parts::observed::Observed;
use super::parts::readiness::Readiness;
use super::parts::share::Shares;
use super::parts::time::Time;
use super::parts::timers::Timers;
use crate::choose::{self, BackendReport};
use crate::memory;
use crate::recording::{Arming, Journal, Parts};
use crate::{Backend, Clock, Error, MonotonicClock, Recording, VirtualTime, Waker};
use std::io;
use std::num::NonZeroU64;
use std::path::Path;

/// Whether [`run`](EventLoop::run) is active.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Phase {
    /// `run` is not active.
    AtRest,
    /// `run` takes one turn after another.
    Running,
    /// `run` returns as soon as the function that it is calling has returned.
    Stopping,
}

/// An event loop of descriptors and of timers that carry a `T`, most often an index. See the [module's page](super).
pub struct EventLoop<T = u64> {
    pub(super) time: Time,
    pub(super) timers: Timers<T>,
    pub(super) observed: Observed,
    pub(super) readiness: Readiness,
    pub(super) shares: Shares,
    pub(super) limits: Limits,
    // Whether arming a timer has a further step: to check a limit below the wheel's own, or to note a recorded timer.
    pub(super) counts_timers: bool,
    pub(super) waker: Waker,
    pub(super) report: BackendReport,
    pub(super) phase: Phase,
    pub(super) journal: Option<Journal>,
}

impl<T: Clone> EventLoop<T> {
    /// Makes a loop. Its time begins at 0.
    ///
    /// # Errors
    /// The backend is unknown, or none works; the resolution is 0; the recording cannot be written or played; there is
    /// no memory; or the kernel refuses a call.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::expect_memory()?;
        let (clock, backend, report): (Box<dyn Clock>, _, _) = match (&options.recording, &options.clock) {
            (Some(Recording::Replay(path)), _) => return Self::replay(path, options),
            (_, ClockChoice::Monotonic) => {
                let (backend, report) = choose::open(options.backend.as_deref())?;
                (Box::new(MonotonicClock), backend, report)
            }
            (_, ClockChoice::Virtual(clock)) => {
                let (backend, report) = choose::open(options.backend.as_deref())?;
                (Box::new(clock.clone()), Box::new(VirtualTime::new(backend, clock.clone())), report)
            }
        };
        match &options.recording {
            Some(Recording::Record(path)) => {
                let parts = Journal::record(path, options.resolution_ns, clock, backend);
                Self::of_parts(parts, path, report, options)
            }
            _ => {
                let mut events = Self::assemble(clock, backend, report, options.resolution_ns)?;
                events.set_limits(options.limits);
                events.set_slack_ns(options.slack_ns);
                Ok(events)
            }
        }
    }

    fn replay(path: &Path, options: &Options) -> Result<Self, Error> {
        let report = BackendReport { name: "replay", reason: format!("plays '{}'", path.display()) };
        Self::of_parts(Journal::replay(path, options.resolution_ns), path, report, options)
    }

    /// Makes a loop that records or replays.
    fn of_parts(
        parts: io::Result<Parts>,
        path: &Path,
        report: BackendReport,
        options: &Options,
    ) -> Result<Self, Error> {
        let option = options.recording.as_ref().map_or("", Recording::name);
        let Parts { clock, backend, journal } =
            parts.map_err(|source| Error::Recording { option, path: path.to_owned(), source })?;
        let mut events = Self::assemble(clock, backend, report, options.resolution_ns)?;
        events.journal = Some(journal);
        events.set_limits(options.limits);
        events.set_slack_ns(options.slack_ns);
        Ok(events)
    }

    /// Makes a loop of a given clock and backend: for tests, and for kernels that this crate does not know.
    ///
    /// # Errors
    /// The resolution is 0; there is no memory; or the kernel or the backend refuses a call.
    pub fn from_parts(clock: Box<dyn Clock>, backend: Box<dyn Backend>, resolution_ns: u64) -> Result<Self, Error> {
        Self::expect_memory()?;
        let report = BackendReport { name: backend.name(), reason: "given by the caller".to_owned() };
        Self::assemble(clock, backend, report, resolution_ns)
    }

    pub(super) fn expect_memory() -> Result<(), Error> {
        memory::expect_bytes(memory::FOR_A_LOOP).map_err(Error::memory)
    }

    fn assemble(
        clock: Box<dyn Clock>,
        mut backend: Box<dyn Backend>,
        report: BackendReport,
        resolution_ns: u64,
    ) -> Result<Self, Error> {
        let resolution = NonZeroU64::new(resolution_ns).ok_or(Error::ZeroResolution)?;
        let waker = Waker::new().map_err(|source| Error::Io { doing: "making the waker", source })?;
        backend.attach(&waker).map_err(|source| Error::Io { doing: "registering the waker", source })?;
        Ok(Self {
            time: Time::start(clock),
            timers: Timers::new(resolution),
            observed: Observed::new(backend),
            readiness: Readiness::default(),
            shares: Shares::default(),
            limits: Limits::default(),
            counts_timers: false,
            waker,
            report,
            phase: Phase::AtRest,
            journal: None,
        })
    }

    /// The backend's name, and why it was chosen.
    pub fn backend(&self) -> &BackendReport {
        &self.report
    }

    /// The time by a fresh reading of the clock.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.time.now_ns()
    }

    /// The clock reading by which this turn decided which timers are due. It stays the same until the next turn.
    #[inline]
    pub fn turn_ns(&self) -> u64 {
        self.time.turn_ns()
    }

    /// A waker, which wakes this loop from other threads.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The loop's limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Changes the limits from now on. Timers and descriptors beyond a new limit stay.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.counts_timers = limits.timers < TIMERS_MAX || self.journal.is_some();
        self.shares.compare_with_limit();
    }

    /// Checks the limit before a timer is armed. A loop that records or replays notes the timer here.
    #[inline]
    pub(super) fn has_room_for_a_timer(&self, arming: Arming<'_>) -> Result<(), LimitReached> {
        // Counting the timers costs time. A limit of `TIMERS_MAX` or more needs no count: the wheel checks that limit.
        if self.counts_timers { self.count_timer(arming) } else { Ok(()) }
    }

    fn count_timer(&self, arming: Arming<'_>) -> Result<(), LimitReached> {
        let limit = self.limits.timers;
        if limit < TIMERS_MAX && self.timers() >= limit {
            return Err(LimitReached { what: "timers", limit });
        }
        self.journal.iter().for_each(|journal| journal.arm(arming));
        Ok(())
    }

    pub(super) fn has_room_for_a_descriptor(&self) -> Result<(), LimitReached> {
        let limit = self.limits.descriptors;
        if self.descriptors() < limit { Ok(()) } else { Err(LimitReached { what: "descriptors", limit }) }
    }

    /// The number of timers: armed ones, due ones that were not pulled yet, and paused and stopped ones.
    #[inline]
    pub fn timers(&self) -> usize {
        self.timers.scheduler().len()
    }

    /// The number of observed descriptors.
    pub fn descriptors(&self) -> usize {
        self.observed.table().len()
    }

    /// Removes all timers and descriptors, also those that this turn has not given out yet.
    pub fn clear(&mut self) {
        self.timers.clear();
        self.observed.clear();
        self.readiness.clear();
    }
}
