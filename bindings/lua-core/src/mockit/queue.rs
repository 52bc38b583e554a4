//! The timers of a service and the queue of their events. This file uses no Lua. It knows a callback only by the
//! callback's place in a table.
//!
//! ```text
//!   arm ──► wheel ── due ──► runs, by deadline ── take ──► the caller calls the function at the timer's place
//!              ▲── interval ──┘                     │
//!                                                   └── the timer was destroyed meanwhile: dropped
//! ```
//!
//! An interval has an event for each deadline that has passed, in order with the events of other timers. The events are
//! not stored one by one. A timer has one *run*: its oldest event, and the number of events that follow, one per
//! period. So a year of missed milliseconds takes no memory.

use cogloop_engine::{Key, Missed, NoRoom, Plan, Scheduler};
use cogloop_io::memory::expect_bytes;
use std::collections::{BTreeMap, TryReserveError};
use std::num::NonZeroU64;

pub(super) const NS_PER_MS: u64 = 1_000_000;

/// An upper bound for the bytes that a map allocates for an entry: a node on each of its levels.
const FOR_A_RUN: usize = 8 << 10;

/// The handle of a timer: its place, and the generation of that place. A stale handle resolves to no timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timer {
    pub(super) place: u32,
    round: u32,
}

/// The contents of a place.
#[derive(Clone, Debug, Default)]
struct Place {
    round: u32,
    key: Option<Key>,
    is_taken: bool,
    is_cyclic: bool,
    delay_ns: u64,
    /// The deadline in the wheel. When the timer has left the wheel for ever, the deadline of its last event.
    next_ns: u64,
    /// The timer's number in the order of arming.
    armed: u64,
    /// The timer's events in the queue, if there are any.
    run: Option<Order>,
}

/// The order of events: by deadline, then by arrival in the wheel. A one-off arrives when it is armed. The deadline of
/// an interval arrives when the previous deadline is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    deadline_ns: u64,
    since_ns: u64,
    armed: u64,
}

/// The events of one timer.
#[derive(Clone, Copy, Debug)]
struct Run {
    timer: Timer,
    count: u64,
}

/// An event that is to be served.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) timer: Timer,
    /// Whether this event is the timer's last.
    pub(super) is_last: bool,
}

/// The result of [`Queue::take`].
#[derive(Clone, Copy)]
pub(super) enum Taken {
    Event(Event),
    /// The events of a timer that was destroyed.
    Dropped,
}

pub(super) struct Queue {
    scheduler: Scheduler<u32>,
    places: Vec<Place>,
    /// The free places. The vector has room for all places.
    free: Vec<u32>,
    runs: BTreeMap<Order, Run>,
    /// The number of events in all runs. `live` counts only the events of timers that were not destroyed.
    len: u64,
    live: u64,
    /// The number of timers armed so far.
    armed: u64,
    /// The time at which the queue was last brought up to date.
    reached_ns: u64,
}

/// The events that are in the queue at a certain time.
#[derive(Clone, Copy)]
pub(super) struct Present {
    until_ns: u64,
    armed: u64,
}

impl Present {
    /// Whether the event was in the queue at that time. An event that came later has a later deadline, or belongs to a
    /// timer that was armed later.
    fn has(self, order: &Order) -> bool {
        order.deadline_ns <= self.until_ns && order.armed < self.armed
    }
}

impl Place {
    /// The position in the queue of the timer's event with this deadline.
    fn order(&self, deadline_ns: u64) -> Order {
        Order { deadline_ns, since_ns: deadline_ns.saturating_sub(self.delay_ns), armed: self.armed }
    }
}

impl Queue {
    /// Deadlines are in nanoseconds, a tick is a microsecond.
    pub(super) fn new() -> Self {
        let tick = const { NonZeroU64::new(1_000).unwrap() };
        Self {
            scheduler: Scheduler::new(tick),
            places: Vec::new(),
            free: Vec::new(),
            runs: BTreeMap::new(),
            len: 0,
            live: 0,
            armed: 0,
            reached_ns: 0,
        }
    }

    /// The events that are in the queue now.
    pub(super) fn present(&self) -> Present {
        Present { until_ns: self.reached_ns, armed: self.armed }
    }

    /// The place that the next timer takes.
    pub(super) fn next_place(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.places.len() as u32)
    }

    /// Arms a timer: once after `delay_ns`, or every `delay_ns`.
    ///
    /// # Errors
    ///
    /// There is no memory for the timer. Then nothing has changed.
    pub(super) fn arm(&mut self, now_ns: u64, delay_ns: u64, is_cyclic: bool) -> Result<Timer, NoRoom> {
        let place = self.next_place();
        if place as usize == self.places.len() {
            self.places.try_reserve(1)?;
            self.free.try_reserve(self.places.len() + 1)?;
        }
        let next_ns = now_ns.saturating_add(delay_ns);
        let key = Some(self.scheduler.try_add(Plan::once(next_ns), place)?);
        if self.free.pop().is_none() {
            self.places.push(Place::default());
        }
        let known = &mut self.places[place as usize];
        let (round, armed) = (known.round, self.armed);
        *known = Place { round, key, is_taken: true, is_cyclic, delay_ns, next_ns, armed, run: None };
        self.armed += 1;
        Ok(Timer { place, round })
    }

    /// Ends a timer. Its events are dropped when their turn comes. Returns `false` if it has ended already.
    pub(super) fn destroy(&mut self, timer: Timer) -> bool {
        let Some(known) = self.known_mut(timer) else { return false };
        let (key, run) = (known.key.take(), known.run.take());
        (known.is_taken, known.round) = (false, known.round.wrapping_add(1));
        if let Some(key) = key {
            self.scheduler.cancel(key);
        }
        self.live -= run.and_then(|order| self.runs.get(&order)).map_or(0, |run| run.count);
        self.free.push(timer.place);
        true
    }

    /// Queues an event for every deadline that has passed.
    ///
    /// # Errors
    ///
    /// There is no memory for an event. Its timer stays due, and the next call queues the event.
    pub(super) fn refresh(&mut self, now_ns: u64) -> Result<(), TryReserveError> {
        self.scheduler.advance(now_ns);
        self.reached_ns = self.reached_ns.max(now_ns);
        while self.scheduler.has_due() {
            // A map allocates nodes, and has no function that reports a lack of memory.
            expect_bytes(FOR_A_RUN)?;
            let Some(fired) = self.scheduler.pop() else { break };
            let known = &mut self.places[fired.value as usize];
            let order = known.order(known.next_ns);
            let mut count = 1;
            known.key = None;
            if known.is_cyclic {
                // The wheel gets the first deadline that has not passed. The engine's rule for missed deadlines counts
                // those that have passed.
                let period_ns = NonZeroU64::new(known.delay_ns).unwrap_or(NonZeroU64::MIN);
                let next = Missed::Skip.next(known.next_ns, period_ns, now_ns);
                count += next.missed;
                known.next_ns = next.deadline;
                // At the end of time there is no next deadline.
                let next = (known.next_ns > now_ns).then(|| Plan::once(known.next_ns));
                // The timer takes the place in the wheel that it has just left, so this needs no memory.
                known.key = next.and_then(|next| self.scheduler.try_add(next, fired.value).ok());
            }
            self.live += count;
            self.len += count;
            let timer = Timer { place: fired.value, round: known.round };
            let order = *known.run.get_or_insert(order);
            self.runs.entry(order).or_insert(Run { timer, count: 0 }).count += count;
        }
        Ok(())
    }

    /// Takes the oldest of the events in `present`. If its timer was destroyed, takes all events of the timer. Returns
    /// `None` if there is no event.
    pub(super) fn take(&mut self, present: Present) -> Option<Taken> {
        let (order, mut run) = self.runs.first_entry().filter(|first| present.has(first.key()))?.remove_entry();
        let Some(known) = self.known_mut(run.timer) else {
            self.len -= run.count;
            return Some(Taken::Dropped);
        };
        run.count -= 1;
        let is_last = !known.is_cyclic;
        let next = known.order(order.deadline_ns.saturating_add(known.delay_ns));
        known.run = (run.count > 0).then_some(next);
        if run.count > 0 {
            self.runs.insert(next, run);
        }
        self.len -= 1;
        self.live -= 1;
        if is_last {
            self.destroy(run.timer);
        }
        Some(Taken::Event(Event { timer: run.timer, is_last }))
    }

    /// The time at which the next event is due; `None` if no event is to come.
    pub(super) fn next_deadline(&mut self) -> Option<u64> {
        self.scheduler.next_deadline()
    }

    /// The number of events, including those of destroyed timers.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The number of events whose callback would run.
    pub(super) fn live(&self) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every event until the queue is empty, by the timers' places.
    fn drain(queue: &mut Queue) -> Vec<u32> {
        std::iter::from_fn(|| queue.take(queue.present()))
            .filter_map(|taken| match taken {
                Taken::Event(event) => Some(event.timer.place),
                Taken::Dropped => None,
            })
            .collect()
    }

    #[test]
    fn a_backlog_is_ordered_by_deadline_and_then_by_arrival_in_the_wheel() {
        let mut queue = Queue::new();
        queue.arm(0, 2_000_000, true).unwrap();
        queue.arm(0, 3_000_000, true).unwrap();
        queue.arm(0, 6_000_000, false).unwrap();
        queue.refresh(6_500_000).unwrap();
        assert_eq!((queue.len(), queue.live()), (6, 6));
        assert_eq!(drain(&mut queue), [0, 1, 0, 2, 1, 0]);
        assert_eq!((queue.len(), queue.live()), (0, 0));
    }

    #[test]
    fn a_backlog_found_in_parts_is_one_run() {
        let mut queue = Queue::new();
        let fast = queue.arm(0, 1_000_000, true).unwrap();
        for now_ms in 1..=10 {
            queue.refresh(now_ms * 1_000_000).unwrap();
        }
        assert_eq!((queue.runs.len(), queue.len()), (1, 10));
        assert_eq!(drain(&mut queue).len(), 10);
        queue.refresh(20_000_000).unwrap();
        assert_eq!(queue.len(), 10);
        assert!(queue.destroy(fast));
        assert_eq!((queue.len(), queue.live()), (10, 0));
        let present = queue.present();
        assert!(matches!(queue.take(present), Some(Taken::Dropped)));
        assert_eq!(queue.len(), 0, "all events of a destroyed timer are dropped at once");
        assert!(queue.take(present).is_none());
    }

    #[test]
    fn three_centuries_of_missed_milliseconds_are_one_number() {
        let mut queue = Queue::new();
        queue.arm(0, 1_000_000, true).unwrap();
        queue.refresh(1 << 63).unwrap();
        assert_eq!(queue.len(), (1 << 63) / 1_000_000);
        assert_eq!(queue.runs.len(), 1);
        for _ in 0..2 {
            queue.refresh(u64::MAX).unwrap();
            assert_eq!(queue.next_deadline(), None);
        }
    }
}
