//! The lists of the scheduler without an allocator, linked by the numbers of its timers.

use crate::geometry;
use core::array;

/// The number that stands for no timer.
pub(crate) const NONE: u16 = u16::MAX;

/// A list of timers: its first and its last timer.
#[derive(Copy, Clone, Debug)]
pub(crate) struct List {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl List {
    pub(crate) const EMPTY: Self = Self { first: NONE, last: NONE };
}

/// The list on which a timer is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Slot {
        level: u8,
        slot: u8,
    },
    /// The list of timers beyond the levels, in the order of arming.
    Far,
    /// The list of timers that were due when they were armed, in the order of deadlines.
    Overdue,
    /// The list of due timers, in the order of firing.
    Expired,
}

/// A node: a timer on a list, or a free node, which is on no list. The `next` of a free node leads to the next free
/// node.
#[derive(Clone, Debug)]
pub(crate) struct Node<E> {
    /// The tick at which the timer expires.
    pub(crate) tick: u64,
    pub(crate) prev: u16,
    pub(crate) next: u16,
    place: Place,
    /// The scheduler's entry of the timer.
    pub(crate) entry: E,
}

/// All nodes and all lists. `tick` is the current tick; a timer's list depends on it and on the timer's own tick.
#[derive(Clone, Debug)]
pub(crate) struct Lists<E, const N: usize, const SLOTS: usize, const LEVELS: usize> {
    pub(crate) tick: u64,
    pub(crate) nodes: [Node<E>; N],
    slots: [[List; SLOTS]; LEVELS],
    /// For each level, a bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    far: List,
    pub(crate) overdue: List,
    pub(crate) expired: List,
}

impl<E, const N: usize, const SLOTS: usize, const LEVELS: usize> Lists<E, N, SLOTS, LEVELS> {
    /// The number of bits in a digit of a tick (`geometry.rs`). A digit is the number of a slot on its level.
    const BITS: u32 = SLOTS.ilog2();
    /// The levels reach to the next tick that is a multiple of two to the power of this number.
    const REACH: u32 = Self::BITS * LEVELS as u32;

    /// Makes empty lists at tick 0. All nodes are free, and each leads to the next.
    pub(crate) fn new(entry: impl Fn() -> E) -> Self {
        const {
            assert!(N < NONE as usize, "a fixed scheduler holds at most 65534 timers");
            assert!(SLOTS.is_power_of_two() && SLOTS >= 2 && SLOTS <= 64, "a level has 2, 4, 8, 16, 32 or 64 slots");
            assert!(LEVELS >= 1 && LEVELS as u32 * Self::BITS < u64::BITS, "the levels cover 1 to 63 bits of a tick");
        }
        let node = |index: usize| Node {
            tick: 0,
            prev: NONE,
            next: if index + 1 < N { index as u16 + 1 } else { NONE },
            place: Place::Expired,
            entry: entry(),
        };
        Self {
            tick: 0,
            nodes: array::from_fn(node),
            slots: [[List::EMPTY; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            far: List::EMPTY,
            overdue: List::EMPTY,
            expired: List::EMPTY,
        }
    }

    /// Moves the timers that are due at the tick `target` or before to the list of expired timers, in order.
    pub(crate) fn advance(&mut self, target: u64) {
        while self.overdue.first != NONE {
            self.expire(self.overdue.first);
        }
        while let Some((place, start)) = self.next_place().filter(|&(_, start)| start <= target) {
            self.tick = start;
            // A timer that stays on `far` moves to the end of that list. So the walk ends with the timer that was the
            // last one when the walk began.
            let List { first, last } = *self.list(place);
            let mut index = first;
            loop {
                let Node { next, tick, .. } = self.nodes[usize::from(index)];
                self.unlink(index);
                self.arm_at(index, tick);
                if index == last {
                    break;
                }
                index = next;
            }
        }
        self.tick = target;
    }

    /// The list whose timers are due next, and the tick at which the list has to be visited.
    pub(crate) fn next_place(&self) -> Option<(Place, u64)> {
        for (level, &occupied) in self.occupied.iter().enumerate() {
            if occupied != 0 {
                let slot = occupied.trailing_zeros() as u8;
                let start = geometry::start_by(self.tick, level, slot.into(), Self::BITS);
                return Some((Place::Slot { level: level as u8, slot }, start));
            }
        }
        let earliest = self.ticks(Place::Far).min()?;
        Some((Place::Far, earliest >> Self::REACH << Self::REACH))
    }

    /// The ticks of the timers on a list, in the order of the list.
    pub(crate) fn ticks(&self, place: Place) -> impl Iterator<Item = u64> {
        let mut index = self.list(place).first;
        core::iter::from_fn(move || {
            let node = self.nodes.get(usize::from(index))?;
            index = node.next;
            Some(node.tick)
        })
    }

    fn list(&self, place: Place) -> &List {
        match place {
            Place::Slot { level, slot } => &self.slots[usize::from(level)][usize::from(slot)],
            Place::Far => &self.far,
            Place::Overdue => &self.overdue,
            Place::Expired => &self.expired,
        }
    }

    fn list_mut(&mut self, place: Place) -> &mut List {
        match place {
            Place::Slot { level, slot } => &mut self.slots[usize::from(level)][usize::from(slot)],
            Place::Far => &mut self.far,
            Place::Overdue => &mut self.overdue,
            Place::Expired => &mut self.expired,
        }
    }

    /// Puts a timer that is on no list on the list for its tick. If the tick is not after the current
    /// tick, the timer waits for the next advance.
    pub(crate) fn arm(&mut self, index: u16, tick: u64) {
        if tick > self.tick {
            return self.arm_at(index, tick);
        }
        self.nodes[usize::from(index)].tick = tick;
        let mut before = self.overdue.last;
        while let Some(node) = self.nodes.get(usize::from(before)).filter(|node| node.tick > tick) {
            before = node.prev;
        }
        self.link(index, Place::Overdue, before);
    }

    /// Puts a timer that is on no list on the list for its tick, as seen from the current tick. For a timer that is
    /// due, this is the list of expired timers.
    fn arm_at(&mut self, index: u16, tick: u64) {
        self.nodes[usize::from(index)].tick = tick;
        let place = if tick <= self.tick {
            Place::Expired
        } else if (tick ^ self.tick) >> Self::REACH != 0 {
            Place::Far
        } else {
            let slot = geometry::slot_by(tick, self.tick, Self::BITS);
            let (level, slot) = (slot / SLOTS, slot % SLOTS);
            self.occupied[level] |= 1 << slot;
            Place::Slot { level: level as u8, slot: slot as u8 }
        };
        let last = self.list(place).last;
        self.link(index, place, last);
    }

    fn expire(&mut self, index: u16) {
        self.unlink(index);
        let last = self.expired.last;
        self.link(index, Place::Expired, last);
    }

    /// Links a timer behind another timer of a list, or at the list's front.
    fn link(&mut self, index: u16, place: Place, before: u16) {
        let behind = match self.nodes.get(usize::from(before)) {
            Some(node) => node.next,
            None => self.list(place).first,
        };
        let node = &mut self.nodes[usize::from(index)];
        (node.place, node.prev, node.next) = (place, before, behind);
        match self.nodes.get_mut(usize::from(before)) {
            Some(node) => node.next = index,
            None => self.list_mut(place).first = index,
        }
        match self.nodes.get_mut(usize::from(behind)) {
            Some(node) => node.prev = index,
            None => self.list_mut(place).last = index,
        }
    }

    pub(crate) fn unlink(&mut self, index: u16) {
        let Node { place, prev, next, .. } = self.nodes[usize::from(index)];
        match self.nodes.get_mut(usize::from(prev)) {
            Some(node) => node.next = next,
            None => self.list_mut(place).first = next,
        }
        match self.nodes.get_mut(usize::from(next)) {
            Some(node) => node.prev = prev,
            None => self.list_mut(place).last = prev,
        }
        if let Place::Slot { level, slot } = place
            && self.list(place).first == NONE
        {
            self.occupied[usize::from(level)] &= !(1 << slot);
        }
    }
}
