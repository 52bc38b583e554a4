//! The part of a loop that does not depend on the type of the user's state: what futures hold on to.
//!
//! Each borrow of its cells is a few lines long, and no code of the user's runs inside of one: callbacks, destructors and
//! wakers are called when the borrow has ended. So whatever they do to the loop, no cell is found borrowed.

use crate::bell::{Bell, Knock};
use crate::options::{Limits, Options, nanoseconds};
use crate::sleepers::Sleepers;
use crate::tasks::Tasks;
use crate::watched::Watched;
use crate::woken::Woken;
use crate::{Error, memory};
use cogloop_io::Token;
use cogloop_io::{ClockChoice, EventLoop, Key, VirtualClock};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a timer of the wheel is for.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
pub(crate) enum Kind {
    /// A callback that is called once.
    #[default]
    Once,
    /// One that is called again and again.
    Repeat,
    /// To wake a future.
    Sleep,
}

/// Tells the timers of one loop from those of another.
static NEXT_ID: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Core {
    pub(crate) id: u32,
    pub(crate) events: RefCell<EventLoop<Kind>>,
    /// The clock, if time is virtual.
    pub(crate) clock: Option<VirtualClock>,
    /// The loop's time 0 on the clock of the standard library, or a little earlier.
    origin: Instant,
    pub(crate) limits: Limits,
    pub(crate) bell: Arc<Bell>,
    pub(crate) is_stopped: Cell<bool>,
    pub(crate) is_closed: Cell<bool>,
    /// What wakes the future of `block_on`, and whether it has something to do.
    pub(crate) root: Arc<Knock>,
    pub(crate) is_root_woken: Cell<bool>,
    /// How many visits are in the queue whose future is gone.
    pub(crate) visits_gone: Cell<usize>,
    pub(crate) sleepers: Sleepers,
    pub(crate) watched: Watched,
    /// No descriptor that is added has a token with a higher index.
    pub(crate) token_index_max: Cell<u32>,
    pub(crate) tasks: Tasks,
}

/// Where the loop's time began on the clock of the standard library: that or a little earlier, never later, so that
/// nothing is early by either clock. By how much is the time between two readings, the least of a few.
fn origin_of(events: &EventLoop<Kind>) -> Instant {
    let guess = |_| {
        let before = Instant::now();
        before.checked_sub(Duration::from_nanos(events.now_ns())).unwrap_or(before)
    };
    (1..4).map(guess).fold(guess(0), Instant::max)
}

impl Core {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        memory::expect_small_things::<Self>()?;
        let clock = options.is_simulated.then(VirtualClock::new);
        let choice = clock.clone().map_or(ClockChoice::Monotonic, ClockChoice::Virtual);
        let events = EventLoop::new(&options.for_io(choice)).map_err(Error::backend)?;
        let origin = origin_of(&events);
        let bell = memory::arc(Bell::new(events.waker()))?;
        let root = Knock::try_shared(Woken::Root, &bell)?;
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            events: RefCell::new(events),
            clock,
            origin,
            limits: options.limits,
            bell,
            is_stopped: Cell::new(false),
            is_closed: Cell::new(false),
            root,
            is_root_woken: Cell::new(false),
            visits_gone: Cell::new(0),
            sleepers: Sleepers::default(),
            watched: Watched::default(),
            token_index_max: Cell::new(0),
            tasks: Tasks::default(),
        })
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.events.borrow().now_ns()
    }

    /// Converts a time of the loop; `None` where that is beyond the end of the standard library's clock.
    pub(crate) fn instant(&self, ns: u64) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(ns))
    }

    /// One that has passed, or a little earlier where that is beyond the end of the standard library's clock.
    pub(crate) fn past_instant(&self, ns: u64) -> Instant {
        self.instant(ns).or_else(|| self.instant(self.now_ns())).unwrap_or_else(Instant::now)
    }

    pub(crate) fn ns_of(&self, when: Instant) -> u64 {
        nanoseconds(when.saturating_duration_since(self.origin))
    }

    /// The moment `delay` from now.
    pub(crate) fn ns_after(&self, delay: Duration) -> u64 {
        self.now_ns().saturating_add(nanoseconds(delay))
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.is_closed.get() { Err(Error::Closed) } else { Ok(()) }
    }

    pub(crate) fn is_live(&self, key: Key) -> bool {
        self.events.borrow().timer(key).is_some()
    }

    pub(crate) fn is_observed(&self, token: Token) -> bool {
        self.events.borrow().interest(token).is_some()
    }
}
