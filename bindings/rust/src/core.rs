//! The part of a loop that does not depend on the type of the user's state. Futures hold this part.
//!
//! Each borrow of its cells is a few lines long, and no user code runs inside the borrow. Callbacks, destructors and
//! wakers are called after the borrow. So they may use the loop in any way and never find a cell borrowed.

use crate::notifier::{Notifier, Wakeup};
use crate::options::{Limits, Options, nanoseconds};
use crate::sleepers::Sleepers;
use crate::tasks::Tasks;
use crate::timeline::Timeline;
use crate::watched::Watched;
use crate::woken::Woken;
use crate::{Error, memory};
use cogloop_io::Token;
use cogloop_io::{ClockChoice, EventLoop, Key, VirtualClock};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a timer of the wheel does when it fires.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
pub(crate) enum Kind {
    /// The timer calls a callback once.
    #[default]
    Once,
    /// The timer calls a callback in each period.
    Repeat,
    /// The timer wakes a future.
    Sleep,
}

/// The number of the next loop. The number distinguishes the timers of one loop from the timers of another.
static NEXT_ID: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Core {
    pub(crate) id: u32,
    pub(crate) events: RefCell<EventLoop<Kind>>,
    /// The clock, if time is virtual.
    pub(crate) clock: Option<VirtualClock>,
    /// The loop's time 0 on the clock of the standard library, or a little earlier.
    origin: Instant,
    pub(crate) limits: Limits,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) is_stopped: Cell<bool>,
    pub(crate) is_closed: Cell<bool>,
    /// The waker of the future of `block_on`, and whether it was woken.
    pub(crate) root: Arc<Wakeup>,
    pub(crate) is_root_woken: Cell<bool>,
    /// The number of queued visits (closures of `with`) whose future was dropped.
    pub(crate) visits_gone: Cell<usize>,
    pub(crate) sleepers: Sleepers,
    pub(crate) watched: Watched,
    /// The highest index that the token of the next descriptor can have.
    pub(crate) token_index_max: Cell<u32>,
    pub(crate) tasks: Tasks,
    pub(crate) timeline: Timeline,
}

/// The time 0 of the loop on the clock of the standard library. This instant may be a little too early but never too
/// late, so that no timer is early by either clock. The error is the time between the readings of the two clocks. The
/// best of four attempts is taken.
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
        let notifier = memory::arc(Notifier::new(events.waker()))?;
        let root = Wakeup::try_shared(Woken::Root, &notifier)?;
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            events: RefCell::new(events),
            clock,
            origin,
            limits: options.limits,
            notifier,
            is_stopped: Cell::new(false),
            is_closed: Cell::new(false),
            root,
            is_root_woken: Cell::new(false),
            visits_gone: Cell::new(0),
            sleepers: Sleepers::default(),
            watched: Watched::default(),
            token_index_max: Cell::new(0),
            tasks: Tasks::default(),
            timeline: Timeline::default(),
        })
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.events.borrow().now_ns()
    }

    /// Converts a time of the loop; `None` if that is beyond the end of the standard library's clock.
    pub(crate) fn instant(&self, ns: u64) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(ns))
    }

    /// Converts a time that has passed. A time beyond the range of the standard library's clock becomes a slightly
    /// earlier one.
    pub(crate) fn past_instant(&self, ns: u64) -> Instant {
        self.instant(ns).or_else(|| self.instant(self.now_ns())).unwrap_or_else(Instant::now)
    }

    pub(crate) fn ns_of(&self, when: Instant) -> u64 {
        nanoseconds(when.saturating_duration_since(self.origin))
    }

    /// The time `delay` from now.
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
