//! The checker: dumb on purpose, slow, and the judge in every test.

use crate::geometry;
use crate::wheel::Wheel;

impl<T: Default, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Panics, with a story, unless every invariant of the wheel holds. O(timers); for tests and debugging.
    ///
    /// Each live timer has exactly one current reference, in the queue that its deadline names; each count, occupancy
    /// bit and note about order tells the truth; each chunk and each place is in use or free.
    pub fn audit(&self) {
        self.arena.audit();
        let slots = self.slots.iter().map(|slot| &slot.queue);
        self.pool.audit(slots.chain([&self.expired, &self.overdue.queue]));

        let mut found = 0;
        for (number, slot) in self.slots.iter().enumerate() {
            let (level, slot_number) = (number / Self::SLOTS, number % Self::SLOTS);
            slot.audit(&self.pool, &self.arena);
            let bit = self.occupied[level] & 1 << slot_number != 0;
            assert_eq!(bit, slot.live != 0, "the occupancy bit of level {level}, slot {slot_number}: {slot:?}");
            for deadline in self.pool.iter(&slot.queue).filter_map(|r| self.arena.current(r)) {
                assert!(deadline > self.now, "the deadline {deadline} stands in a slot at tick {}", self.now);
                let home = geometry::level::<BITS>(deadline ^ self.now);
                assert_eq!(
                    (home, geometry::slot::<BITS>(deadline, home)),
                    (level, slot_number),
                    "where {deadline} stands at tick {}",
                    self.now
                );
                found += 1;
            }
        }
        for (level, &slots) in self.occupied.iter().enumerate() {
            assert_eq!(self.levels_occupied & 1 << level != 0, slots != 0, "the occupancy bit of level {level}");
        }

        let due = [&self.expired, &self.overdue.queue].into_iter().flat_map(|queue| self.pool.iter(queue));
        let due = due.filter_map(|r| self.arena.current(r)).inspect(|&deadline| {
            assert!(deadline <= self.now, "the deadline {deadline} has expired at tick {}", self.now);
        });
        assert_eq!(due.count(), self.due as usize, "due timers counted, and the count kept");
        assert_eq!(found + self.due as usize, self.arena.count_armed(), "timers in slots and queues, and armed ones");
    }
}
