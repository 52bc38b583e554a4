//! The near list: the timers of crowded slots that time has entered, or will enter next, in the order of their
//! deadlines.
//!
//! When time enters a slot, the slot's timers could move to lower levels, and from there to even lower ones. For a
//! crowded slot it is faster to sort the timers once. They become the near list, and expire from its front. Each
//! advance takes off the timers that are due:
//!
//! ```text
//!   level 2    ····[ the slot: d a c b ]····
//!                       │  time enters the slot
//!                       ▼
//!   near            a b c d             a is due first, wherever the slot's timers were in memory
//!
//!   level 0, 1      [ e ][ ][ f ]       timers that are set later for the slot's stretch go to their slots as usual
//! ```
//!
//! A search for the earliest deadline sorts a crowded slot, too, and moves its timers to the near list before time
//! enters the slot. Timers that are set later for the slot's stretch then are alone in the slot. So the next search
//! visits only them, however many timers are near. When they are a crowd themselves, they join the near timers.
//!
//! So timers on the near list and timers in the slots can be due in turns. Of two with the same deadline, the timer on
//! the near list was set earlier: it was in the slot already when the slot was sorted. Before a list of level 0
//! expires, the near timers up to its tick expire. Before a slot of a higher level expires or cascades, the near timers
//! that are due move back to the slot's front, and are sorted with the slot's timers.

use crate::geometry;
use crate::list;
use crate::merge;
use crate::node::Node;
use crate::wheel::{NEVER, Wheel};

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The least size of a slot that is sorted. For fewer timers, a cascade takes fewer instructions than a sort.
    const CROWD_MIN: u32 = 1 << BITS;
    /// The greatest size. So many timers fit a second-level cache: each timer is visited twice, and the second visit
    /// should find the timer in the cache.
    const CROWD_MAX: u32 = 32 << BITS;
    /// The first slot that can be sorted. From level 1 to level 0 a cascade takes few instructions for any size.
    const CROWD_FROM: u32 = 2 << BITS;

    /// Whether a slot is worth sorting.
    #[inline(always)]
    pub(crate) fn is_crowded(&self, slot: u32) -> bool {
        let sizes = Self::CROWD_MIN..=Self::CROWD_MAX;
        slot >= Self::CROWD_FROM && sizes.contains(&list::size_max(&self.arena.nodes, slot))
    }

    /// Enters a slot: advances time to `target`, which lies in the slot. Timers that are due expire. The others move to
    /// the near list or to lower levels.
    #[inline(never)]
    pub(crate) fn enter(&mut self, slot: u32) {
        let (_, last) = self.stretch(slot as usize);
        self.reach(self.target);
        if !self.is_crowded(slot) {
            return self.cascade(slot);
        }
        self.make_near(slot, last);
        self.move_near(self.now, Self::EXPIRED);
    }

    /// Sorts the timers of a slot, together with the near timers up to the slot's last tick `last`, and puts them on
    /// the front of the near list. The slot is not empty and has no annex. The caller sets `near_from`.
    fn make_near(&mut self, slot: u32, last: u64) {
        if self.near_from <= last {
            self.rejoin(slot, last);
        }
        self.sort(slot);
        let nodes = self.arena.nodes.as_mut_slice();
        let Node { next: behind, .. } = nodes[Self::NEAR as usize];
        list::move_before(nodes, slot, slot, behind);
        list::reset(nodes, slot);
        self.unmark(slot);
    }

    /// Makes the timers of a crowded slot near before time enters the slot. Returns the earliest deadline of all near
    /// timers. Returns `None`, and changes nothing, if the slot has an annex, whose timers come first, or if there are
    /// so many near timers that sorting some of them again could take long.
    pub(crate) fn make_near_early(&mut self, slot: u32) -> Option<u64> {
        let are_many_near = || list::iter(&self.arena.nodes, Self::NEAR).nth(Self::CROWD_MAX as usize).is_some();
        if self.annexes.has(slot) || are_many_near() {
            return None;
        }
        let (_, last) = self.stretch(slot as usize);
        self.make_near(slot, last);
        let first = self.first_near()?;
        self.near_from = first.min(NEVER - 1);
        Some(first)
    }

    /// Sorts a slot, unless it is sorted already.
    #[inline(never)]
    pub(crate) fn sort(&mut self, slot: u32) {
        if list::is_sorted(&self.arena.nodes, slot) {
            return;
        }
        if !self.has_room_to_sort(slot) {
            return merge::sort_in_place(&mut self.arena.nodes, slot);
        }
        self.collect(slot);
        let nodes = self.arena.nodes.as_mut_slice();
        list::reset(nodes, slot);
        let (mut last, mut count) = (0, 0);
        self.sorter.drain(|node, deadline| {
            list::append_uncounted(nodes, slot, node);
            (last, count) = (deadline, count + 1);
        });
        let sentinel = &mut nodes[slot as usize];
        (sentinel.deadline, sentinel.generation) = (last, count);
    }

    /// The earliest deadline on the near list.
    pub(crate) fn first_near(&self) -> Option<u64> {
        let (_, first) = list::iter(&self.arena.nodes, Self::NEAR).next()?;
        Some(first.deadline)
    }

    /// Moves the timers on the near list that are due at the tick `until` to the expired queue.
    #[inline(always)]
    pub(crate) fn expire_near(&mut self, until: u64) {
        if self.near_from <= until {
            self.move_near(until, Self::EXPIRED);
        }
    }

    /// Makes the near timers that are due expire in their order with the timers of a slot, which is to expire or to
    /// cascade next. All earlier slots are empty.
    #[inline(never)]
    pub(crate) fn merge_near(&mut self, slot: u32) {
        let (start, last) = self.stretch(slot as usize);
        if slot < 1 << BITS {
            return self.expire_near(last);
        }
        self.expire_near(start - 1);
        // Timers in an annex are in the order of time with the slot's own timers only after the annex was closed. Until
        // then the near timers stay, because they come before both.
        if !self.annexes.has(slot) {
            self.rejoin(slot, last.min(self.target));
        }
    }

    /// Moves the near timers that are due at the tick `until` to the front of a slot.
    fn rejoin(&mut self, slot: u32, until: u64) {
        let Node { next: behind, .. } = self.arena.nodes[slot as usize];
        let count = self.move_near(until, behind);
        if count > 0 {
            let sentinel = &mut self.arena.nodes[slot as usize];
            (sentinel.deadline, sentinel.generation) = (list::UNSORTED, sentinel.generation.saturating_add(count));
        }
    }

    /// Moves the near timers that are due at the tick `until` to the place before the node `to`. Returns their number.
    #[inline(never)]
    fn move_near(&mut self, until: u64, to: u32) -> u32 {
        let nodes = self.arena.nodes.as_mut_slice();
        let Some(&Node { next: first, .. }) = nodes.get(Self::NEAR as usize) else { return 0 };
        let (mut end, mut count) = (first, 0);
        self.near_from = loop {
            if end == Self::NEAR {
                break NEVER;
            }
            let Node { deadline, next, .. } = nodes[end as usize];
            if deadline > until {
                break deadline.min(NEVER - 1);
            }
            end = next;
            count += 1;
        };
        if count > 0 {
            list::move_before(nodes, Self::NEAR, end, to);
        }
        count
    }

    /// The first and the last tick of a slot.
    fn stretch(&self, slot: usize) -> (u64, u64) {
        let (level, digit) = (slot >> BITS, slot & ((1 << BITS) - 1));
        let start = geometry::slot_start::<BITS>(self.now, level, digit);
        (start, start + ((1 << (level as u32 * BITS)) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    /// Four slots a level: a slot with four timers or more is crowded. The slot at 16 is the first of level 2.
    fn with_near_list() -> Wheel<u64, 2, 4> {
        let mut wheel = Wheel::with_geometry();
        for (value, deadline) in (0..).zip([30, 18, 25, 17, 25, 21]) {
            wheel.insert(deadline, value);
        }
        wheel.advance(16);
        assert_eq!(listed(&wheel), [17, 18, 21, 25, 25, 30]);
        wheel
    }

    fn listed(wheel: &Wheel<u64, 2, 4>) -> Vec<u64> {
        wheel.audit();
        list::iter(&wheel.arena.nodes, Wheel::<u64, 2, 4>::NEAR).map(|(_, timer)| timer.deadline).collect()
    }

    fn popped(wheel: &mut Wheel<u64, 2, 4>) -> Vec<(u64, u64)> {
        wheel.audit();
        core::iter::from_fn(|| wheel.pop_expired()).map(|timer| (timer.deadline, timer.value)).collect()
    }

    #[test]
    fn near_timers_and_timers_in_slots_expire_by_deadline_then_by_insertion() {
        for step in 1..=16 {
            let mut wheel = with_near_list();
            for (value, deadline) in (10..).zip([17, 19, 25, 24, 30, 21, 31]) {
                wheel.insert(deadline, value);
            }
            let mut all = Vec::new();
            while wheel.now() < 32 {
                wheel.advance(wheel.now() + step);
                all.extend(popped(&mut wheel));
            }
            let by_deadline = [(17, 3), (17, 10), (18, 1), (19, 11), (21, 5), (21, 15), (24, 13), (25, 2), (25, 4)];
            assert_eq!(all[..9], by_deadline, "in steps of {step}");
            assert_eq!(all[9..], [(25, 12), (30, 0), (30, 14), (31, 16)], "in steps of {step}");
        }
    }

    #[test]
    fn the_next_deadline_is_that_of_the_near_list_or_of_a_slot() {
        let mut wheel = with_near_list();
        let mut seen = Vec::new();
        for deadline in [19, 20, 26, 40] {
            wheel.insert(deadline, 9);
        }
        while let Some(next) = wheel.next_deadline() {
            seen.push(next);
            wheel.advance(next);
            popped(&mut wheel);
        }
        assert_eq!(seen, [17, 18, 19, 20, 21, 25, 26, 30, 40]);
    }

    #[test]
    fn a_slot_inside_of_the_stretch_of_the_near_list_joins_it_if_it_is_crowded() {
        let mut wheel = Wheel::<u64, 2, 4>::with_geometry();
        (0..4).for_each(|value| _ = wheel.insert(70 + 16 * value, value));
        wheel.advance(64);
        assert_eq!(listed(&wheel), [70, 86, 102, 118]);
        for (value, deadline) in (10..).zip([90, 86, 81, 95, 200]) {
            wheel.insert(deadline, value);
        }
        wheel.advance(80);
        assert_eq!(popped(&mut wheel), [(70, 0)]);
        assert_eq!(listed(&wheel), [81, 86, 86, 90, 95, 102, 118]);
        wheel.advance(90);
        assert_eq!(popped(&mut wheel), [(81, 12), (86, 1), (86, 11), (90, 10)]);
    }

    /// Runs random operations, with slices and annexes. Timers must expire by deadline, then by insertion.
    #[test]
    fn slices_and_annexes_pass_the_near_list_in_order() {
        let mut state = 1u64;
        let mut random = |n: u64| {
            state = state * 16807 % 2_147_483_647;
            state % n
        };
        let mut near_max = 0;
        for _ in 0..300 {
            let mut wheel = Wheel::<u64, 2, 4>::with_geometry();
            let mut waiting = BTreeMap::new();
            for value in 0..500 {
                match random(16) {
                    0 => {
                        let now = wheel.now() + random(6);
                        while !wheel.advance_within(now, 1 + random(40) as usize) {
                            wheel.audit();
                        }
                        let now = wheel.now();
                        for (deadline, value) in popped(&mut wheel) {
                            assert_eq!(waiting.pop_first().map(|(timer, _)| timer), Some((deadline, value)));
                        }
                        assert!(waiting.keys().next().is_none_or(|&(deadline, _)| deadline > now));
                    }
                    1 => _ = wheel.cascade_early(1 + random(20) as usize),
                    2 => assert_eq!(wheel.next_deadline(), waiting.keys().next().map(|&(deadline, _)| deadline)),
                    3 if !waiting.is_empty() => {
                        let index = random(waiting.len() as u64) as usize;
                        let (&timer, &key) = waiting.iter().nth(index).expect("the index is in range");
                        waiting.remove(&timer);
                        assert_eq!(wheel.cancel(key), Some(timer.1));
                    }
                    _ => {
                        let span = 1 << random(8);
                        let deadline = (wheel.now() + 1 + random(span)).min(255);
                        if deadline > wheel.now() {
                            waiting.insert((deadline, value), wheel.insert(deadline, value));
                        }
                    }
                }
                near_max = near_max.max(listed(&wheel).len());
            }
        }
        assert!(near_max > 20, "at most {near_max} timers were on the near list");
    }

    #[test]
    fn at_the_first_tick_of_a_slot_with_an_annex_near_timers_come_first() {
        let mut wheel = Wheel::<u64, 2, 4>::with_geometry();
        (0..4).for_each(|value| _ = wheel.insert(80 + value, value));
        wheel.advance(76);
        assert_eq!(listed(&wheel), [80, 81, 82, 83]);
        (4..24).for_each(|value| _ = wheel.insert(80 + value % 4, value));
        assert!(wheel.cascade_early(3) > 0);
        wheel.advance(80);
        assert_eq!(popped(&mut wheel), [0, 4, 8, 12, 16, 20].map(|value| (80, value)));
        wheel.advance(81);
        assert_eq!(popped(&mut wheel), [1, 5, 9, 13, 17, 21].map(|value| (81, value)));
    }

    #[test]
    fn a_near_timer_at_the_end_of_time_is_found() {
        let mut wheel = Wheel::<u64, 2, 32>::with_geometry();
        wheel.advance(u64::MAX - 20);
        (0..4).for_each(|value| _ = wheel.insert(u64::MAX, value));
        wheel.advance(u64::MAX - 10);
        wheel.audit();
        assert_eq!(wheel.next_deadline(), Some(u64::MAX));
        wheel.advance(u64::MAX);
        assert_eq!(
            core::iter::from_fn(|| wheel.pop_expired()).map(|timer| timer.value).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
    }

    #[test]
    fn a_crowded_slot_is_near_as_soon_as_its_earliest_deadline_is_searched() {
        let mut wheel = Wheel::<u64, 2, 4>::with_geometry();
        (0..).zip([30, 18, 25, 18, 17]).for_each(|(value, deadline)| _ = wheel.insert(deadline, value));
        assert_eq!(wheel.next_deadline(), Some(17));
        assert_eq!(listed(&wheel), [17, 18, 18, 25, 30]);
        // These timers go to the slot, and each is behind the near timer with the same deadline.
        (10..).zip([25, 16, 18]).for_each(|(value, deadline)| _ = wheel.insert(deadline, value));
        assert_eq!(wheel.next_deadline(), Some(16));
        assert_eq!(listed(&wheel), [17, 18, 18, 25, 30], "three timers are no crowd");
        wheel.advance(18);
        assert_eq!(popped(&mut wheel), [(16, 11), (17, 4), (18, 1), (18, 3), (18, 12)]);
        wheel.advance(30);
        assert_eq!(popped(&mut wheel), [(25, 2), (25, 10), (30, 0)]);
    }

    #[test]
    fn later_crowds_of_a_slot_join_the_near_list_behind_equal_deadlines() {
        let mut wheel = Wheel::<u64, 2, 4>::with_geometry();
        for first in [0, 10, 20] {
            (first..).zip([70, 100, 127, 64, 80]).for_each(|(value, deadline)| _ = wheel.insert(deadline, value));
            let key = wheel.insert(1, 99);
            wheel.next_deadline();
            wheel.cancel(key);
            assert_eq!(wheel.next_deadline(), Some(64));
        }
        assert_eq!(listed(&wheel).len(), 15);
        wheel.advance(127);
        let values: Vec<u64> = popped(&mut wheel).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [3, 13, 23, 0, 10, 20, 4, 14, 24, 1, 11, 21, 2, 12, 22]);
    }

    /// Replaces the earliest timer of a slot again and again, and asks for the next deadline each time. The slot must
    /// not be sorted each time, and few timers may be in the slot: each question visits all of them.
    #[test]
    fn a_crowd_whose_earliest_timer_is_replaced_again_and_again_is_seldom_sorted() {
        for slot_start in [3 << 16, 5 << 24] {
            let slot = geometry::slot_of::<8>(slot_start, 0) as u32;
            let mut state = 1u64;
            let mut random_deadline = || {
                state = state * 16807 % 2_147_483_647;
                slot_start + state % (1 << 16)
            };
            let mut wheel = Wheel::<u64>::new();
            let mut add = |wheel: &mut Wheel<u64>, value| {
                let deadline = random_deadline();
                ((deadline, value), wheel.insert(deadline, value))
            };
            let mut waiting: BTreeMap<_, _> = (0..4_000).map(|value| add(&mut wheel, value)).collect();
            for value in 4_000..8_000 {
                let (_, key) = waiting.pop_first().expect("there are 4,000 timers");
                wheel.cancel(key).expect("the timer is pending");
                waiting.extend([add(&mut wheel, value)]);
                assert_eq!(wheel.next_deadline(), waiting.keys().next().map(|&(deadline, _)| deadline));
                assert!(list::iter(&wheel.arena.nodes, slot).count() < 256);
            }
            wheel.audit();
            let sorted = wheel.sorter.sorted / 4_000;
            assert!(sorted < 20, "{sorted} timers were sorted for each question");
        }
    }

    #[test]
    fn a_near_timer_can_be_cancelled_and_the_last_one_leaves_no_deadline() {
        let mut wheel = Wheel::<u64, 2, 4>::with_geometry();
        let keys: Vec<_> = (0..4).map(|value| wheel.insert(31 - value, value)).collect();
        wheel.advance(16);
        for (key, next) in keys.into_iter().rev().zip([Some(29), Some(30), Some(31), None]) {
            wheel.cancel(key);
            assert_eq!(wheel.next_deadline(), next);
            wheel.audit();
        }
        wheel.insert(u64::MAX, 0);
        assert_eq!(wheel.next_deadline(), Some(255));
    }
}
