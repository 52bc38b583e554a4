//! The checker: dumb on purpose, slow, and the judge in every test.

use crate::geometry;
use crate::wheel::{UNKNOWN, Wheel};

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Panics, with a story, unless every invariant of the wheel holds. O(timers); for tests and debugging.
    ///
    /// Each armed timer is on exactly one list, the one that its deadline names, and each other on none; each count,
    /// occupancy bit and note about order tells the truth; each place is in use or free.
    pub fn audit(&self) {
        self.arena.audit();
        let (mut found, mut earliest) = (0, u64::MAX);
        for list in 0..Self::LISTS {
            let deadlines = self.audit_list(list);
            found += deadlines.len();
            if list < Self::SLOTS as u32 {
                let noted = self.occupied.contains(list as usize);
                let annexed = self.annex_of(list).is_some_and(|mut annex| annex.any(|list| !self.arena.is_empty(list)));
                assert_eq!(noted, annexed || !deadlines.is_empty(), "the occupancy bit of slot {list}");
            }
            if list < Self::SLOTS as u32 || list >= Self::ANNEX {
                earliest = deadlines.iter().copied().fold(earliest, u64::min);
            }
            for deadline in deadlines {
                self.audit_home(list, deadline);
            }
        }
        let armed = self.iter().filter(|&(key, ..)| self.is_armed(key)).count();
        assert_eq!(found, armed, "timers on lists, and armed ones");
        let is_known = self.earliest != UNKNOWN && self.occupied.first().is_some();
        assert!(!is_known || self.earliest == earliest, "the earliest deadline is {earliest}, not {}", self.earliest);
    }

    /// Walks through a list and returns the deadlines that stand there.
    fn audit_list(&self, list: u32) -> alloc::vec::Vec<u64> {
        let mut before = list;
        let mut deadlines = alloc::vec::Vec::new();
        for (node, entry) in self.arena.walk(list) {
            assert!(node >= Self::LISTS, "list {list} leads to list {node}");
            assert_eq!(entry.prev, before, "list {list} backwards from {node}");
            assert!(deadlines.len() < self.len(), "list {list} goes round");
            assert!(entry.generation % 2 == 1, "list {list} holds the dead timer {node}");
            deadlines.push(entry.deadline);
            before = node;
        }
        let sentinel = self.arena.node(list);
        assert_eq!(sentinel.prev, before, "the end of list {list}");
        if list >= 1 << BITS && list != Self::EXPIRED && self.arena.is_sorted(list) {
            let last = sentinel.deadline;
            assert!(deadlines.is_sorted(), "list {list} says that it is sorted: {deadlines:?}");
            assert!(deadlines.last().is_none_or(|&deadline| deadline <= last), "list {list} ends after {last}");
        }
        deadlines
    }

    fn audit_home(&self, list: u32, deadline: u64) {
        if list >= Self::ANNEX {
            return self.audit_annex(list, deadline);
        }
        if list >= Self::EXPIRED {
            assert!(deadline <= self.now, "the deadline {deadline} is due at tick {}", self.now);
            return;
        }
        assert!(deadline > self.now, "the deadline {deadline} stands in a slot at tick {}", self.now);
        // While a slot falls, what has fallen stands as seen from the slot's first tick, the next.
        let has_fallen = self.target > self.now && list < geometry::home::<BITS>(self.now + 1, self.now) as u32;
        let seen_from = self.now + u64::from(has_fallen);
        let home = geometry::home::<BITS>(deadline, seen_from);
        assert_eq!(home, list as usize, "where {deadline} stands at tick {seen_from}");
    }
}
