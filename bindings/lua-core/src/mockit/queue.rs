//! The timers of a Lua state and the queue of their events, without Lua: callbacks are places in a table there.
//!
//! ```text
//!   arm ──► wheel ── due ──► queue: (place, round) ── take ──► the caller calls what stands at that place
//!              ▲── interval ──┘          │
//!                                        └── of a timer destroyed meanwhile: dropped
//! ```

use cogloop_engine::{Key, Missed, Plan, Scheduler};
use std::collections::VecDeque;
use std::num::NonZeroU64;

pub(super) const NS_PER_MS: u64 = 1_000_000;

/// A timer: its place, and how often that had been taken before. A stale one is of no timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timer {
    pub(super) place: u32,
    round: u32,
}

/// What is known of a place.
#[derive(Clone, Debug)]
struct Place {
    round: u32,
    key: Option<Key>,
    is_taken: bool,
    is_cyclic: bool,
    /// Its events in the queue.
    queued: u32,
}

/// An event that is to be served.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) timer: Timer,
    /// The timer has ended with it.
    pub(super) is_last: bool,
}

pub(super) struct Queue {
    scheduler: Scheduler<u32>,
    places: Vec<Place>,
    free: Vec<u32>,
    events: VecDeque<Timer>,
    /// Of those, how many are of timers that still are.
    live: usize,
}

impl Queue {
    /// With deadlines in nanoseconds, and ticks of a microsecond.
    pub(super) fn new() -> Self {
        let tick = const { NonZeroU64::new(1_000).unwrap() };
        Self { scheduler: Scheduler::new(tick), places: Vec::new(), free: Vec::new(), events: VecDeque::new(), live: 0 }
    }

    /// The place that the next timer takes.
    pub(super) fn next_place(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.places.len() as u32)
    }

    /// Arms a timer: once after `delay_ns`, or every so often.
    pub(super) fn arm(&mut self, now_ns: u64, delay_ns: u64, is_cyclic: bool) -> Timer {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { round: 0, key: None, is_taken: false, is_cyclic, queued: 0 });
            (self.places.len() - 1) as u32
        });
        let first_ns = now_ns.saturating_add(delay_ns);
        let plan = match NonZeroU64::new(delay_ns).filter(|_| is_cyclic) {
            Some(period) => Plan::every(first_ns, period, Missed::Burst),
            None => Plan::once(first_ns),
        };
        let key = Some(self.scheduler.add(plan, place));
        let known = &mut self.places[place as usize];
        (known.key, known.is_taken, known.is_cyclic) = (key, true, is_cyclic);
        Timer { place, round: known.round }
    }

    /// Ends it; its events are dropped when their turn comes. `false` if it has ended.
    pub(super) fn destroy(&mut self, timer: Timer) -> bool {
        let Some(known) = self.known_mut(timer) else { return false };
        let (key, queued) = (known.key.take(), std::mem::take(&mut known.queued));
        (known.is_taken, known.round) = (false, known.round.wrapping_add(1));
        if let Some(key) = key {
            self.scheduler.cancel(key);
        }
        self.live -= queued as usize;
        self.free.push(timer.place);
        true
    }

    /// Queues an event for every deadline that has passed, in the order of the deadlines.
    pub(super) fn refresh(&mut self, now_ns: u64) {
        // From deadline to deadline: an interval that is several periods late takes its turn between the others.
        while let Some(next_ns) = self.scheduler.next_deadline().filter(|&next_ns| next_ns <= now_ns) {
            self.scheduler.advance(next_ns);
            while let Some(fired) = self.scheduler.pop() {
                let known = &mut self.places[fired.value as usize];
                if !known.is_cyclic {
                    known.key = None;
                }
                known.queued += 1;
                self.live += 1;
                self.events.push_back(Timer { place: fired.value, round: known.round });
            }
        }
    }

    /// Takes the oldest event; `None` in the inner answer if its timer was destroyed.
    pub(super) fn take(&mut self) -> Option<Option<Event>> {
        let timer = self.events.pop_front()?;
        let Some(known) = self.known_mut(timer) else { return Some(None) };
        known.queued -= 1;
        let is_last = !known.is_cyclic;
        self.live -= 1;
        if is_last {
            self.destroy(timer);
        }
        Some(Some(Event { timer, is_last }))
    }

    /// When the next event is due; `None`: never.
    pub(super) fn next_deadline(&mut self) -> Option<u64> {
        self.scheduler.next_deadline()
    }

    /// Events, dropped ones among them.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Events whose callback would run.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.known(timer).is_some()
    }

    pub(super) fn is_cyclic(&self, timer: Timer) -> bool {
        self.known(timer).is_some_and(|known| known.is_cyclic)
    }

    fn known(&self, timer: Timer) -> Option<&Place> {
        self.places.get(timer.place as usize).filter(|known| known.is_taken && known.round == timer.round)
    }

    fn known_mut(&mut self, timer: Timer) -> Option<&mut Place> {
        self.places.get_mut(timer.place as usize).filter(|known| known.is_taken && known.round == timer.round)
    }
}
