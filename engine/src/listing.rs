//! Listing the timers of a wheel in the order in which they will expire.

use crate::key::Key;
use crate::list;
use crate::wheel::Wheel;

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// The key, rank and value of all timers except disarmed ones. The rank is the deadline, or 0 for an expired timer.
    /// After a stable sort by rank the timers are in the order in which they are popped.
    ///
    /// Timers with equal deadlines are listed in the order of insertion. Usually they are on one list. Otherwise the
    /// timers that were inserted first are in the slot's annex (see `cascade_early.rs`) or have cascaded to a lower
    /// level. Annexes and lower levels are listed before the slot.
    pub fn iter_queued(&self) -> impl Iterator<Item = (Key, u64, &T)> {
        let annexes = Self::ANNEX..Self::LISTS;
        let lists = [Self::EXPIRED, Self::OVERDUE, Self::NEAR].into_iter().chain(annexes).chain(0..Self::SLOTS as u32);
        lists.flat_map(move |list| {
            list::iter(&self.arena.nodes, list).map(move |(node, timer)| {
                let rank = if list == Self::EXPIRED { 0 } else { timer.deadline };
                (Self::key(node, timer.generation), rank, timer.live_value())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn listed(wheel: &Wheel<u32, 2, 3>) -> Vec<u32> {
        let mut all: Vec<_> = wheel.iter_queued().collect();
        all.sort_by_key(|timer| timer.1);
        all.into_iter().map(|timer| *timer.2).collect()
    }

    #[test]
    fn timers_expire_in_the_order_of_the_listing() {
        let mut state = 1u64;
        let mut random = |n: u64| {
            state = state * 16807 % 2_147_483_647;
            state % n
        };
        for _ in 0..if cfg!(miri) { 8 } else { 300 } {
            let mut wheel = Wheel::<u32, 2, 3>::with_geometry();
            let mut keys = Vec::new();
            for value in 0..20 {
                match random(5) {
                    0 => wheel.advance(wheel.now() + random(4)),
                    1 if !keys.is_empty() => {
                        wheel.reschedule(keys[random(keys.len() as u64) as usize], random(40));
                    }
                    _ => keys.push(wheel.insert(random(40), value)),
                }
                wheel.cascade_early(random(3) as usize);
            }
            wheel.disarm(keys[0]);
            let wanted = listed(&wheel);
            let mut got = Vec::new();
            wheel.advance(63);
            while let Some(expired) = wheel.pop_expired() {
                got.push(expired.value);
            }
            assert_eq!(got, wanted);
        }
    }
}
