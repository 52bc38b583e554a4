//! A drawing of the wheel as text.

use core::fmt;

use crate::geometry;
use crate::list;
use crate::wheel::Wheel;

/// A wheel that is displayed as text, level by level. [`Wheel::dump`] makes it.
#[derive(Debug)]
pub struct Dump<'a, T, const BITS: u32, const LEVELS: usize>(&'a Wheel<T, BITS, LEVELS>);

impl<T, const BITS: u32, const LEVELS: usize> Wheel<T, BITS, LEVELS> {
    /// Draws the wheel as text: the time, the number of timers, the number of due timers, the number of near timers
    /// (those of crowded slots that were sorted before time entered them or when it did) if there are any, and each
    /// occupied level with its occupied slots. Each slot is shown with its first tick and its number of timers.
    /// Disarmed timers are not shown.
    ///
    /// ```
    /// let mut wheel = cogloop_engine::Wheel::<u64>::new();
    /// wheel.advance(60);
    /// for deadline in [61, 62, 62, 200, 5_000] {
    ///     wheel.insert(deadline, 0);
    /// }
    /// assert_eq!(wheel.dump().to_string(), "\
    /// now 60, 5 timers, 0 of them due
    /// level 0, a slot spans 1 tick
    ///   [61] from 61: 1
    ///   [62] from 62: 2
    ///   [200] from 200: 1
    /// level 1, a slot spans 256 ticks
    ///   [19] from 4864: 1
    /// ");
    /// ```
    pub fn dump(&self) -> Dump<'_, T, BITS, LEVELS> {
        Dump(self)
    }
}

impl<T, const BITS: u32, const LEVELS: usize> fmt::Display for Dump<'_, T, BITS, LEVELS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(wheel) = self;
        let count = |list: usize| list::iter(&wheel.arena.nodes, list as u32).count();
        let expired = count(Wheel::<T, BITS, LEVELS>::EXPIRED as usize);
        let due = expired + count(Wheel::<T, BITS, LEVELS>::OVERDUE as usize);
        let in_annex =
            |slot: usize| wheel.annexes.of(slot as u32).into_iter().flatten().map(|list| count(list as usize));
        let in_slot = |slot: usize| count(slot) + in_annex(slot).sum::<usize>();
        let near = count(Wheel::<T, BITS, LEVELS>::NEAR as usize);
        let pending = near + (0..Wheel::<T, BITS, LEVELS>::SLOTS).map(in_slot).sum::<usize>();
        writeln!(f, "now {}, {} timers, {due} of them due", wheel.now, pending + due)?;
        if near > 0 {
            writeln!(f, "near: {near}")?;
        }
        for level in 0..LEVELS {
            let mut slots = (0..1 << BITS)
                .map(|slot| (slot, in_slot(level << BITS | slot)))
                .filter(|&(_, count)| count > 0)
                .peekable();
            if slots.peek().is_none() {
                continue;
            }
            let span = 1u64 << (level as u32 * BITS);
            writeln!(f, "level {level}, a slot spans {span} tick{}", if span == 1 { "" } else { "s" })?;
            for (slot, count) in slots {
                let start = geometry::slot_start::<BITS>(wheel.now, level, slot);
                writeln!(f, "  [{slot}] from {start}: {count}")?;
            }
        }
        Ok(())
    }
}
