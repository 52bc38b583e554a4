//! Reads bytes as a script of operations, and runs it on a wheel in lockstep with the wheel's model. The bytes come
//! from a fuzzer, a seeded generator or a file. Every string of bytes is a script.
//!
//! ```text
//!   first byte: the geometry        then, repeated: an operation and its arguments
//!   ┌──────┐                        ┌──────┬─────────┐ ┌──────┬───────┬─────────┐ ┌─────┐
//!   │ 0    │                        │insert│ tick    │ │ move │ timer │ tick    │ │ pop │ …
//!   └──────┘                        └──────┴─────────┘ └──────┴───────┴─────────┘ └─────┘
//! ```
//!
//! Bytes that are missing at the end count as 0. Ticks are coded so that difficult ones are frequent: near now, on both
//! sides of slot boundaries, in the past, and at the end of time.

use crate::wheel_lockstep::{Operation, WheelLockstep};

/// The number of operations between two comparisons of all timers. After each operation only its answers, the next
/// timer, the current tick and the number of timers are compared.
const OPERATIONS_BETWEEN_CHECKS: u64 = 32;

/// Runs the script. Returns the number of its operations.
///
/// # Panics
///
/// If the wheel differs from its model.
pub fn run(script: &[u8]) -> u64 {
    let mut bytes = Bytes(script);
    match bytes.next() % 4 {
        0 | 1 => Run::<8, 8>::default().script(bytes),
        2 => Run::<4, 16>::default().script(bytes),
        _ => Run::<2, 3>::default().script(bytes),
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }
}

#[derive(Default)]
struct Run<const BITS: u32, const LEVELS: usize> {
    lockstep: WheelLockstep<BITS, LEVELS>,
    operations: u64,
}

impl<const BITS: u32, const LEVELS: usize> Run<BITS, LEVELS> {
    fn script(mut self, mut bytes: Bytes<'_>) -> u64 {
        while !bytes.0.is_empty() {
            self.step(&mut bytes);
        }
        // The remaining timers must expire as well.
        for rest in [Operation::PopAll, Operation::Advance(WheelLockstep::<BITS, LEVELS>::LAST_TICK), Operation::PopAll]
        {
            self.apply(&rest);
            self.lockstep.check();
        }
        self.operations
    }

    fn apply(&mut self, operation: &Operation) {
        self.lockstep.apply(operation);
        self.operations += 1;
        if self.operations.is_multiple_of(OPERATIONS_BETWEEN_CHECKS) {
            self.lockstep.check();
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let operation = match bytes.next() % 32 {
            0..=7 => Operation::Insert(self.deadline(bytes)),
            8 => return self.many(bytes),
            9..=11 => Operation::Cancel(self.timer(bytes)),
            12..=14 => Operation::Reschedule(self.timer(bytes), self.deadline(bytes)),
            15 | 16 => Operation::Disarm(self.timer(bytes)),
            17 | 18 => Operation::Advance(self.later(bytes)),
            19 => Operation::AdvanceWithin(self.later(bytes), usize::from(bytes.next() % 16)),
            20 | 21 => Operation::AdvanceToNext,
            22..=26 => Operation::Pop,
            27 => Operation::Next,
            28 => Operation::Rearm(self.deadline(bytes)),
            29 => Operation::PopAll,
            30 => Operation::CascadeEarly(usize::from(bytes.next())),
            // Clearing is rare, because a wheel that is often empty shows few faults.
            _ => match bytes.next() {
                0..16 => Operation::Clear,
                16..64 => Operation::Shrink,
                64..80 => Operation::Clone,
                80..96 => Operation::Reserve(usize::from(bytes.next())),
                _ => Operation::Pop,
            },
        };
        self.apply(&operation);
    }

    /// Inserts many timers at equal distances, which fill one slot or many.
    fn many(&mut self, bytes: &mut Bytes<'_>) {
        let (count, distance, first) = (bytes.next() % 64, bytes.next(), self.deadline(bytes));
        for n in 0..u64::from(count) {
            // Half of all distances are 0.
            let off = n * u64::from(distance.saturating_sub(128));
            self.apply(&Operation::Insert(first.saturating_add(off).min(WheelLockstep::<BITS, LEVELS>::LAST_TICK)));
        }
    }

    /// The number of a timer that was made. Timers made recently are chosen most often, because they are likely to be
    /// live.
    fn timer(&self, bytes: &mut Bytes<'_>) -> usize {
        let made = self.lockstep.made();
        match bytes.next() {
            back @ 0..192 => made.saturating_sub(1 + usize::from(back)),
            high => (usize::from(high - 192) << 8 | usize::from(bytes.next())) % made.max(1),
        }
    }

    fn deadline(&self, bytes: &mut Bytes<'_>) -> u64 {
        let now = self.lockstep.now();
        let shape = bytes.next();
        let (low, bit) = (u64::from(shape % 64), u32::from(shape % 64));
        let tick = match shape / 64 {
            0 => now.saturating_add(low),
            1 => now.saturating_add(1 << bit).saturating_sub(1).saturating_add(off(bytes)),
            2 => ((now >> bit).saturating_add(1) << bit).saturating_sub(1).saturating_add(off(bytes)),
            _ => match low {
                0..32 => now.saturating_sub(low),
                32..63 => now.saturating_add(u64::from(bytes.next()) << (low - 32)),
                _ => u64::MAX,
            },
        };
        tick.min(WheelLockstep::<BITS, LEVELS>::LAST_TICK)
    }

    /// A time to which the wheel advances. Most steps are small, because after a jump to the end of time nothing more
    /// can happen.
    fn later(&self, bytes: &mut Bytes<'_>) -> u64 {
        let step = bytes.next();
        let step = match step {
            0..176 => u64::from(step),
            _ => u64::from(bytes.next()) << ((step - 176) / 2),
        };
        self.lockstep.now().saturating_add(step).min(WheelLockstep::<BITS, LEVELS>::LAST_TICK)
    }
}

/// An offset of 0, 1 or 2. The caller subtracts 1, so the tick is before, on or after a boundary.
fn off(bytes: &mut Bytes<'_>) -> u64 {
    u64::from(bytes.next() % 3)
}
