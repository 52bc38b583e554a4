//! The event loop: one wheel, one clock, one backend, and the turn that joins them.
//!
//! ```text
//!            ┌────────────────────────── turn( wait ) ──────────────────────────┐
//!            │                                                                  │
//!            │  1 drop what the last turn's user did not pull of readiness      │
//!            │  2 read the clock                                                │
//!            │  3 timeout ◄── 0                  if marks or due timers wait    │
//!            │            ◄── next deadline      exact: one wake-up a timer     │
//!            │            ◄── for ever           nothing armed                  │
//!            │    with time to spare: Scheduler::prepare, a few µs             │
//!            │  4 Backend::wait( timeout ) ──► one buffer of events             │
//!            │  5 read the clock ──► turn_ns                                    │
//!            │  6 Scheduler::advance ──► expired queue: what is due at turn_ns      │
//!            │  7 merge the marks into the events                               │
//!            └──────────────────────────────┬───────────────────────────────────┘
//!                                           ▼
//!                    next_expired(), next_expired(), … next_ready(), …          pulled by the user, who may
//!                                                                               add, cancel, remove, stop
//! ```
//!
//! What it promises, each with its reason:
//!
//! - A timer never expires early: its deadline is rounded up to a tick, the clock's reading down.
//! - It holds, and serves in a turn, no more than its host allows ([`Limits`]). While it holds descriptors, a turn gives out
//!   timers for 10 ms or 10,000 of them; while it holds timers, descriptors likewise.
//! - Only what was due at `turn_ns`, or ready in the one wait, is served in a turn: a timer armed meanwhile, even for
//!   now, comes in a later turn. So neither timers nor descriptors can starve the other.
//! - Timers that were due and not pulled stay due and come first in the next turn; readiness that was not pulled is
//!   dropped, because a level-triggered kernel will say it again. Whoever was not served for longest comes first then.
//! - Whatever its user removes or changes between two pulls holds at the next pull: readiness is looked up by token and
//!   masked by the interest of that moment.
//! - Nothing is allocated in a steady state.

mod descriptors;
mod embed;
mod leftovers;
mod limits;
mod modes;
#[cfg(unix)]
mod owned;
mod refs;
mod run;
mod share;
mod show;
mod table;
mod timers;
mod turn;

use crate::backend::EVENTS_MAX;
use crate::choose::{self, BackendReport};
#[cfg(unix)]
use crate::memory::ByIndex;
use crate::memory::{self, Worklist};
use crate::{Backend, Clock, Error, Event, Key, MonotonicClock, VirtualClock, Waker, Warp};
use cogloop_engine::Scheduler;
use share::Share;
use std::collections::HashSet;
use std::num::NonZeroU64;
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
#[cfg(unix)]
use std::rc::Rc;
use table::Table;

pub use descriptors::Ready;
pub use limits::{AddError, LimitReached, Limits};
pub use modes::Mode;
pub use run::Due;
pub use timers::ExpiredTimer;
pub use turn::Wait;

/// How long a tick is unless [`Options`] say otherwise: 1 µs, fine enough to hide behind the kernel's own lateness.
pub const DEFAULT_RESOLUTION_NS: u64 = 1_000;

/// The clock that a loop reads.
#[derive(Clone, Debug, Default)]
pub enum ClockChoice {
    /// The kernel's monotonic clock.
    #[default]
    Monotonic,
    /// A clock that jumps where the loop would wait for a deadline; see [`Warp`].
    Virtual(VirtualClock),
}

/// What can be chosen when a loop is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The backend's name; `None`: the environment's choice, else the best that works. See [`choose::open`].
    pub backend: Option<String>,
    /// The length of a tick in nanoseconds, at least 1. Timers with deadlines in the same tick are served in the order
    /// in which they were added.
    pub resolution_ns: u64,
    /// The clock.
    pub clock: ClockChoice,
    /// How much the loop may hold, and serve in a turn.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        let (clock, limits) = (ClockChoice::Monotonic, Limits::default());
        Self { backend: None, resolution_ns: DEFAULT_RESOLUTION_NS, clock, limits }
    }
}

/// Timers that carry a `T` – an index, most often – and descriptors. See the [module's page](self).
pub struct EventLoop<T = u64> {
    scheduler: Scheduler<T>,
    clock: Box<dyn Clock>,
    // The clock's reading at loop time 0.
    origin_ns: u64,
    turn_ns: u64,
    backend: Box<dyn Backend>,
    report: BackendReport,
    table: Table,
    // What the last wait reported, and how far it was pulled.
    events: Vec<Event>,
    pulled: usize,
    // For how many turns more somebody may be ready who was left out.
    unfair_turns: usize,
    // Counts descriptors, as they are served and as they are added.
    last_served: u64,
    limits: Limits,
    // Whether a callback may have used up what the last wait has reported.
    is_outdated: bool,
    // Of this turn, what each kind has had.
    timers_share: Share,
    descriptors_share: Share,
    // Indices of descriptors that were marked ready since the last turn, and before it.
    marked: Worklist,
    marked_in_turn: Worklist,
    // Indices of those of which the backend may have to hear that they have fallen silent.
    unsettled: Worklist,
    waker: Waker,
    // Live timers that do not keep the loop going.
    unref_timers: HashSet<Key>,
    // How many of those are paused.
    paused_unref: usize,
    is_running: bool,
    is_stopped: bool,
    // After the backend, which knows their numbers. By the index of the token.
    #[cfg(unix)]
    owned: ByIndex<Option<OwnedFd>>,
    #[cfg(unix)]
    shared: ByIndex<Option<Rc<dyn AsFd>>>,
}

impl<T: Default + Clone> EventLoop<T> {
    /// A loop at time 0.
    ///
    /// # Errors
    /// An unknown backend, none that works, a resolution of 0, no memory, or what the kernel refuses.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::expect_memory()?;
        let (backend, report) = choose::open(options.backend.as_deref())?;
        let mut events = match &options.clock {
            ClockChoice::Monotonic => Self::assemble(Box::new(MonotonicClock), backend, report, options.resolution_ns),
            ClockChoice::Virtual(clock) => {
                let warp = Box::new(Warp::new(backend, clock.clone()));
                Self::assemble(Box::new(clock.clone()), warp, report, options.resolution_ns)
            }
        }?;
        events.set_limits(options.limits);
        Ok(events)
    }

    /// A loop of a given clock and backend: for tests, and for kernels that this crate does not know.
    ///
    /// # Errors
    /// A resolution of 0, no memory, or what the kernel or the backend refuses.
    pub fn from_parts(clock: Box<dyn Clock>, backend: Box<dyn Backend>, resolution_ns: u64) -> Result<Self, Error> {
        Self::expect_memory()?;
        let report = BackendReport { name: backend.name(), reason: "handed in".to_owned() };
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
        let origin_ns = clock.now_ns();
        Ok(Self {
            scheduler: Scheduler::try_new(resolution).map_err(Error::memory)?,
            clock,
            origin_ns,
            turn_ns: 0,
            backend,
            report,
            table: Table::default(),
            events: Vec::with_capacity(EVENTS_MAX),
            pulled: 0,
            unfair_turns: 0,
            last_served: 0,
            limits: Limits::default(),
            is_outdated: false,
            timers_share: Share::default(),
            descriptors_share: Share::default(),
            marked: Worklist::default(),
            marked_in_turn: Worklist::default(),
            unsettled: Worklist::default(),
            waker,
            unref_timers: HashSet::new(),
            paused_unref: 0,
            is_running: false,
            is_stopped: false,
            #[cfg(unix)]
            owned: ByIndex::new(),
            #[cfg(unix)]
            shared: ByIndex::new(),
        })
    }

    /// The backend's name, and why it is this one.
    pub fn backend(&self) -> &BackendReport {
        &self.report
    }

    /// The time: a fresh reading of the clock.
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns().saturating_sub(self.origin_ns)
    }

    /// The time at which this turn's timers were found due. Stands still between two turns.
    pub fn turn_ns(&self) -> u64 {
        self.turn_ns
    }

    /// What wakes this loop from elsewhere.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Removes every timer and every descriptor, and what this turn has left of either.
    pub fn clear(&mut self) {
        self.scheduler.clear();
        self.unref_timers.clear();
        self.paused_unref = 0;
        for (token, descriptor) in self.table.iter() {
            // A complaint would be that the kernel does not know the descriptor any more: what the caller wants.
            let _ = self.backend.remove(descriptor.fd.as_fd(), token);
        }
        self.table.forget_all();
        #[cfg(unix)]
        {
            self.owned.clear();
            self.shared.clear();
        }
        self.events.clear();
        self.pulled = 0;
        self.marked.clear();
        self.marked_in_turn.clear();
    }
}
