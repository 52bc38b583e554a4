//! The audit: a slow and simple check of all invariants, called by the tests.

use crate::annex;
use crate::geometry;
use crate::list;
use crate::wheel::{UNKNOWN, Wheel};

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Checks every invariant of the wheel. Panics with a description of the first invariant that does not hold. Takes
    /// O([`Wheel::capacity`]). The audit is for tests and debugging.
    ///
    /// The invariants: each armed timer is on exactly one list, the list for its deadline, and each disarmed timer is
    /// on no list. Each count and each occupancy bit is right. Each list that counts as sorted is sorted. Each place is
    /// in use, free or retired.
    pub fn audit(&self) {
        self.arena.audit();
        let (mut found, mut earliest) = (0, u64::MAX);
        let mut next = 0;
        while let Some(list) = self.next_in_use(next) {
            next = list + 1;
            let deadlines = self.audit_list(list);
            found += deadlines.len();
            self.audit_occupancy(list);
            if list < Self::SLOTS as u32 || list >= Self::NEAR {
                earliest = deadlines.iter().copied().fold(earliest, u64::min);
            }
            for deadline in deadlines {
                self.audit_slot(list, deadline);
            }
        }
        // A slot with an annex is in use even if its own list is empty.
        (annex::LOWEST_LEVEL..annex::LOWEST_LEVEL + annex::LEVELS)
            .filter_map(|level| self.annexes.slot_on(level))
            .for_each(|slot| self.audit_occupancy(slot));
        let armed = self.iter().filter(|&(key, ..)| self.is_armed(key)).count();
        assert_eq!(found, armed, "timers on lists, and armed ones");
        let is_known = self.earliest != UNKNOWN && (self.occupied.first().is_some() || self.first_near().is_some());
        assert!(!is_known || self.earliest == earliest, "the earliest deadline is {earliest}, not {}", self.earliest);
    }

    /// The first list from `list` on that is not empty or whose occupancy bit is set. Most lists are empty. So this
    /// loop decides how long the tests take. It calls few functions, because a compiler that does not optimise inlines
    /// none of the calls.
    fn next_in_use(&self, mut list: u32) -> Option<u32> {
        let nodes = self.arena.nodes.as_slice();
        while list < Self::LISTS {
            let is_bare = match nodes.get(list as usize) {
                Some(sentinel) => sentinel.prev == list && sentinel.next == list,
                None => true,
            };
            if !is_bare || self.occupied.contains(list as usize) {
                return Some(list);
            }
            list += 1;
        }
        None
    }

    /// Panics unless the occupancy bit of a slot says whether the slot or its annex has a timer. Other lists have no
    /// bit.
    fn audit_occupancy(&self, list: u32) {
        if list < Self::SLOTS as u32 {
            let has_timers = |list: u32| !list::is_empty(&self.arena.nodes, list);
            let is_occupied = has_timers(list) || self.annexes.of(list).into_iter().flatten().any(has_timers);
            assert_eq!(self.occupied.contains(list as usize), is_occupied, "the occupancy bit of slot {list}");
        }
    }

    /// Walks through a list and returns its deadlines.
    fn audit_list(&self, list: u32) -> alloc::vec::Vec<u64> {
        let mut before = list;
        let mut deadlines = alloc::vec::Vec::new();
        for (node, timer) in list::iter(&self.arena.nodes, list) {
            assert!(node >= Self::LISTS, "list {list} leads to list {node}");
            assert_eq!(timer.prev, before, "list {list} backwards from {node}");
            assert!(deadlines.len() < self.len(), "list {list} goes round");
            assert!(timer.generation % 2 == 1, "list {list} holds the dead timer {node}");
            deadlines.push(timer.deadline);
            before = node;
        }
        let Some(sentinel) = self.arena.nodes.get(list as usize) else { return deadlines };
        assert_eq!(sentinel.prev, before, "the end of list {list}");
        assert!(list != Self::NEAR || deadlines.is_sorted(), "the near list is out of order: {deadlines:?}");
        if list >= 1 << BITS && ![Self::EXPIRED, Self::NEAR].contains(&list) && list::is_sorted(&self.arena.nodes, list)
        {
            let last = sentinel.deadline;
            assert!(deadlines.is_sorted(), "list {list} says that it is sorted: {deadlines:?}");
            assert!(deadlines.last().is_none_or(|&deadline| deadline <= last), "list {list} ends after {last}");
        }
        deadlines
    }

    /// Panics unless `list` is the right list for a timer with this deadline.
    fn audit_slot(&self, list: u32, deadline: u64) {
        if list == Self::NEAR {
            assert!(deadline > self.now, "the deadline {deadline} is near at tick {}", self.now);
            return;
        }
        if list >= Self::ANNEX {
            let (level, digit) = self.annexes.place_of(list);
            let slot = geometry::slot_of::<BITS>(deadline, self.now) as u32;
            assert_eq!(self.annexes.slot_on(level), Some(slot), "the slot whose annex holds the deadline {deadline}");
            let digit_below = (deadline >> ((level as u32 - 1) * BITS)) as u32 & ((1 << BITS) - 1);
            assert_eq!(digit, digit_below, "the list of {deadline} in its annex");
            return;
        }
        if list >= Self::EXPIRED {
            assert!(deadline <= self.now, "the deadline {deadline} counts as due at tick {}", self.now);
            return;
        }
        assert!(deadline > self.now, "the deadline {deadline} stands in a slot at tick {}", self.now);
        // While a slot cascades in slices (`advance.rs`), its timers move to the slots that they have as seen from the
        // first tick of that slot.
        let has_fallen = self.target > self.now && list < geometry::slot_of::<BITS>(self.now + 1, self.now) as u32;
        let seen_from = self.now + u64::from(has_fallen);
        let slot = geometry::slot_of::<BITS>(deadline, seen_from);
        assert_eq!(slot, list as usize, "the slot of {deadline} at tick {seen_from}");
    }
}
