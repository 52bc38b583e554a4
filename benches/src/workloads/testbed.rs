//! The store that a workload uses. It is empty before and after, and its memory has a defined state.

use super::inputs::{Inputs, SPAN};
use crate::measure::timed_ns;
use crate::store::Store;

/// The greatest lateness in a store that is not exact, in ticks. bitwheel looks for room in eight slots, and the
/// longest delays of these workloads are in slots of 2¹⁸ ticks.
const LATEST: u64 = 9 << 18;

/// The places of a store's nodes in memory.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Memory {
    /// The store is new and grows, in memory that is new to the process. The system takes most of the time.
    New,
    /// The store was filled and emptied in the order of insertion, so it has memory already, with nodes in that order.
    Ordered,
    /// The store was filled and emptied in random order, so it has memory already, with nodes in random order.
    Scrambled,
}

impl Memory {
    pub(crate) const ALL: [Self; 3] = [Self::New, Self::Ordered, Self::Scrambled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ordered => "ordered",
            Self::Scrambled => "scrambled",
        }
    }
}

pub(crate) struct Testbed<S: Store> {
    pub(crate) store: S,
    /// The tick that the store has reached.
    pub(crate) now: u64,
    pub(crate) handles: Vec<S::Handle>,
    /// The cost of a turn of the store's own event loop with nothing due, in ns.
    turn_ns: f64,
}

impl<S: Store> Testbed<S> {
    pub(crate) fn fresh(turn_ns: f64) -> Self {
        Self { store: S::new(), now: 0, handles: Vec::new(), turn_ns }
    }

    pub(crate) fn ordered(inputs: &Inputs, turn_ns: f64) -> Self {
        let mut testbed = Self::fresh(turn_ns);
        testbed.fill(inputs);
        testbed.handles.iter_mut().for_each(|handle| testbed.store.cancel(handle));
        testbed.purge();
        testbed
    }

    pub(crate) fn scrambled(inputs: &Inputs, turn_ns: f64) -> Self {
        let mut testbed = Self::fresh(turn_ns);
        testbed.fill(inputs);
        testbed.cancel_all(inputs);
        testbed.purge();
        testbed
    }

    /// Inserts all timers.
    pub(crate) fn fill(&mut self, inputs: &Inputs) {
        self.handles.clear();
        self.handles.reserve(inputs.size);
        for (id, &delay) in (0..).zip(&inputs.delays) {
            self.handles.push(self.store.insert(self.now + delay, id));
        }
    }

    /// Cancels all timers in random order.
    pub(crate) fn cancel_all(&mut self, inputs: &Inputs) {
        for &id in &inputs.order {
            self.store.cancel(&mut self.handles[id as usize]);
        }
    }

    /// Makes a lazy store drop its cancelled timers, by advancing past all their deadlines.
    pub(crate) fn purge(&mut self) {
        self.now += SPAN;
        self.store.advance(self.now, |id| panic!("{} fired {id}, which was cancelled", S::NAME));
    }

    /// Lets all timers fire that are due now, and returns their number. For a store that is not exact, time passes
    /// until its latest timer has fired.
    pub(crate) fn let_all_fire(&mut self) -> usize {
        let mut fired = 0;
        if !S::EXACT {
            self.now += LATEST;
        }
        self.store.advance(self.now, |_| {
            fired += 1;
            None
        });
        fired
    }

    /// Like `timed_ns`, for work that takes turns of the store's own event loop. `work` returns the number of turns.
    /// Their cost is subtracted.
    pub(crate) fn timed_without_turns_ns(&mut self, work: impl FnOnce(&mut Self) -> u64) -> f64 {
        let mut turns = 0;
        let ns = timed_ns(|| turns = work(self));
        (ns - turns as f64 * self.turn_ns).max(0.0)
    }
}

/// The cost of one turn of the store's own event loop with nothing due, in ns.
pub(crate) fn measure_turn_ns<S: Store>() -> f64 {
    const TURNS: u64 = 5_000;
    if !S::TURNS_A_LOOP {
        return 0.0;
    }
    let mut store = S::new();
    let mut timer = store.insert(SPAN, 0);
    let ns = timed_ns(|| (1..=TURNS).for_each(|now| store.advance(now, |_| None)));
    store.cancel(&mut timer);
    ns / TURNS as f64
}
