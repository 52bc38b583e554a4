//! The arithmetic of levels and slots, as free functions on plain numbers.
//!
//! A tick is read as digits of `BITS` bits each; digit 0 is the lowest. The position of the highest digit in which a
//! deadline differs from now is the timer's level. The value of this digit in the deadline is the number of the slot:
//!
//! ```text
//!              digit:   3  2  1  0
//!   now               0.17.05.60
//!   deadline          0.17.09.02   differs first in digit 1  →  level 1, slot 9
//! ```
//!
//! All timers in that slot are due in the same stretch of time. Every timer on a lower level is due before it. When now
//! enters the stretch, the digit no longer differs, and the slot's timers move to lower levels. The levels come from
//! Varghese and Lauck (*Hashed and Hierarchical Timing Wheels*, SOSP 1987, scheme 7). As in tokio, an exclusive or of
//! the deadline and now gives the level. So no level has to store which of its slots is the current one.

/// The slot of a deadline after `now`. Slots are numbered through all levels, the lowest level first. Of two timers in
/// different slots, the timer in the slot with the smaller number is due earlier.
#[inline]
pub(crate) const fn slot_of<const BITS: u32>(deadline: u64, now: u64) -> usize {
    slot_by(deadline, now, BITS)
}

/// [`slot_of`] with digits of `bits` bits.
#[inline(always)]
pub(crate) const fn slot_by(deadline: u64, now: u64, bits: u32) -> usize {
    // `| 1` does not change the slot. It shows the compiler that there is a highest bit.
    let highest_bit = ((deadline ^ now) | 1).ilog2();
    let shift = highest_bit - highest_bit % bits;
    let level = (shift / bits) as usize;
    level << bits | (deadline >> shift) as usize & ((1 << bits) - 1)
}

/// The first tick of the slot `slot` on `level`, as seen from `now`.
pub(crate) const fn slot_start<const BITS: u32>(now: u64, level: usize, slot: usize) -> u64 {
    start_by(now, level, slot, BITS)
}

/// [`slot_start`] with digits of `bits` bits.
#[inline(always)]
pub(crate) const fn start_by(now: u64, level: usize, slot: usize, bits: u32) -> u64 {
    let shift = level as u32 * bits;
    let above = if shift + bits >= u64::BITS { 0 } else { now >> (shift + bits) << (shift + bits) };
    above | (slot as u64) << shift
}

/// The last tick that `levels` levels can represent.
pub(crate) const fn last_tick<const BITS: u32>(levels: usize) -> u64 {
    let bits = BITS * levels as u32;
    if bits >= u64::BITS { u64::MAX } else { (1 << bits) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_slots_at_every_boundary() {
        let table = [
            (0, 1, 0, 1),
            (0, 63, 0, 63),
            (0, 64, 1, 1),
            (63, 64, 1, 1),
            (64, 65, 0, 1),
            (64, 127, 0, 63),
            (0, 4095, 1, 63),
            (0, 4096, 2, 1),
            (4095, 4096, 2, 1),
            (0, 1 << 60, 10, 1),
            (0, u64::MAX, 10, 15),
            (u64::MAX - 1, u64::MAX, 0, 63),
        ];
        for (now, deadline, expected_level, expected_slot) in table {
            assert_eq!(slot_of::<6>(deadline, now), expected_level << 6 | expected_slot, "{now} -> {deadline}");
        }
    }

    #[test]
    fn a_slot_starts_where_its_digit_changes() {
        for now in [0, 1, 63, 64, 4095, 4096, 1 << 40, u64::MAX - 5, u64::MAX] {
            for level in 0..11 {
                let own = slot_start::<6>(now, level, (now >> (6 * level)) as usize % 64);
                assert_eq!(own, now >> (6 * level) << (6 * level), "level {level} at {now}");
            }
        }
        assert_eq!(slot_start::<6>(0x1234, 1, 63), 0x1fc0);
    }

    /// Checks all pairs of a now and a later deadline among 256 ticks. The deadline lies in its slot's stretch of time,
    /// and the stretch begins after now. An earlier deadline is in no later slot.
    fn slots_tile_time<const BITS: u32>(base: u64) {
        let step = if cfg!(miri) { 19 } else { 1 };
        for now in (base..=base + 254).step_by(step) {
            let mut before = 0;
            for deadline in (now + 1..=base + 255).step_by(if cfg!(miri) { 5 } else { 1 }) {
                let slot = slot_of::<BITS>(deadline, now);
                let (level, digit) = (slot >> BITS, slot & ((1 << BITS) - 1));
                let start = slot_start::<BITS>(now, level, digit);
                let last = start + ((1 << (level as u32 * BITS)) - 1);
                assert!(
                    now < start && start <= deadline && deadline <= last,
                    "{deadline} from {now}: {start} to {last}"
                );
                assert!(slot >= before, "{deadline} from {now} is in an earlier slot than the one before");
                before = slot;
            }
        }
    }

    #[test]
    fn the_slots_tile_time_without_gap_or_overlap() {
        for base in [0, u64::MAX - 255, 1 << 40] {
            slots_tile_time::<1>(base);
            slots_tile_time::<2>(base);
            slots_tile_time::<8>(base);
        }
    }

    #[test]
    fn the_levels_cover_all_of_u64() {
        assert_eq!(last_tick::<6>(11), u64::MAX);
        assert_eq!(last_tick::<2>(3), 63);
        assert_eq!(last_tick::<6>(10), (1 << 60) - 1);
    }
}
