//! The loop, assembled of its [parts](super::parts): its fields, and how it is made.

use super::limits::{LimitReached, Limits, TIMERS_MAX};
use super::options::{ClockChoice, Options};
use super::parts::observed::Observed;
use super::parts::readiness::Readiness;
use super::parts::share::Shares;
use super::parts::time::Time;
use super::parts::timers::Timers;
use crate::choose::{self, BackendReport};
use crate::memory;
use crate::{Backend, Clock, Error, MonotonicClock, VirtualTime, Waker};
use std::num::NonZeroU64;

/// Whether [`run`](EventLoop::run) is active.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Phase {
    /// `run` is not active.
    AtRest,
    /// `run` takes one turn after another.
    Running,
    /// `run` returns when the function that it is calling returns.
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
    pub(super) waker: Waker,
    pub(super) report: BackendReport,
    pub(super) phase: Phase,
}

impl<T: Default + Clone> EventLoop<T> {
    /// Makes a loop at time 0.
    ///
    /// # Errors
    /// The backend is unknown, or none works; the resolution is 0; there is no memory; or the kernel refuses a call.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::expect_memory()?;
        let (backend, report) = choose::open(options.backend.as_deref())?;
        let mut events = match &options.clock {
            ClockChoice::Monotonic => Self::assemble(Box::new(MonotonicClock), backend, report, options.resolution_ns),
            ClockChoice::Virtual(clock) => {
                let backend = Box::new(VirtualTime::new(backend, clock.clone()));
                Self::assemble(Box::new(clock.clone()), backend, report, options.resolution_ns)
            }
        }?;
        events.set_limits(options.limits);
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

    fn expect_memory() -> Result<(), Error> {
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
            timers: Timers::try_new(resolution).map_err(Error::memory)?,
            observed: Observed::new(backend),
            readiness: Readiness::default(),
            shares: Shares::default(),
            limits: Limits::default(),
            waker,
            report,
            phase: Phase::AtRest,
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
        self.shares.compare_with_limit();
    }

    #[inline]
    pub(super) fn has_room_for_a_timer(&self) -> Result<(), LimitReached> {
        // Counting the timers costs time. A limit of `TIMERS_MAX` or more needs no count: the wheel checks that itself.
        let limit = self.limits.timers;
        if limit >= TIMERS_MAX || self.timers() < limit { Ok(()) } else { Err(LimitReached { what: "timers", limit }) }
    }

    pub(super) fn has_room_for_a_descriptor(&self) -> Result<(), LimitReached> {
        let limit = self.limits.descriptors;
        if self.descriptors() < limit { Ok(()) } else { Err(LimitReached { what: "descriptors", limit }) }
    }

    /// The number of timers: armed ones, due ones that were not pulled yet, and paused ones.
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
