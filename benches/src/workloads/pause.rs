//! A pause: the longest time that a caller may wait for one advance. The mean time of an advance does not show a pause.
//!
//! The results include the turns of a peer's own loop. A turn takes about a microsecond, which is short in comparison
//! with a pause.

use super::inputs::{Inputs, SPAN, mix};
use super::testbed::Testbed;
use crate::measure::cpu_ns;
use crate::store::Store;

/// The delays of the timers, and the steps in which time passes.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Course {
    /// All timers with the usual delays, tick by tick.
    OneTick,
    /// All timers with the usual delays, 1000 ticks at a time.
    ThousandTicks,
    /// All timers with nearly the same delay, 30 s in ticks of 1 ms, tick by tick. In a wheel they are all in one or a
    /// few far slots until their deadlines are near.
    FarSlot,
}

impl Course {
    pub(crate) const ALL: [Self; 3] = [Self::OneTick, Self::ThousandTicks, Self::FarSlot];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneTick => "steps of 1 tick",
            Self::ThousandTicks => "steps of 1000 ticks",
            Self::FarSlot => "30 s ± 1 s, steps of 1 tick",
        }
    }
}

const FAR: u64 = 30_000;
const FAR_JITTER: u64 = 1_000;

/// The CPU time of each advance of a course in ns.
///
/// The system interrupts some of a million steps, and an interruption would look like a pause of the store. The course
/// is the same in each repetition. So for each step the smallest time of all repetitions counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    /// The advances that fire all timers that are due.
    whole_ns: Vec<u32>,
    /// The slices, if the store has them.
    slices_ns: Vec<u32>,
}

impl Steps {
    /// Merges another repetition.
    pub(crate) fn merge(&mut self, other: Self) {
        let least = |own: &mut Vec<u32>, others: Vec<u32>| {
            if own.is_empty() {
                *own = others;
            } else {
                own.iter_mut().zip(others).for_each(|(own, other)| *own = other.min(*own));
            }
        };
        least(&mut self.whole_ns, other.whole_ns);
        least(&mut self.slices_ns, other.slices_ns);
    }

    /// The longest advance, in µs.
    pub(crate) fn longest_us(&self) -> f64 {
        longest_us(&self.whole_ns).unwrap_or(f64::NAN)
    }

    /// The longest slice of an advance, in µs.
    pub(crate) fn longest_slice_us(&self) -> Option<f64> {
        longest_us(&self.slices_ns)
    }
}

fn longest_us(steps_ns: &[u32]) -> Option<f64> {
    steps_ns.iter().max().map(|&ns| f64::from(ns) / 1_000.0)
}

pub(crate) fn run<S: Store>(inputs: &Inputs, course: Course) -> Steps {
    let mut testbed = Testbed::<S>::fresh(0.0);
    let (step, end) = match course {
        Course::OneTick => (1, SPAN),
        Course::ThousandTicks => (1_000, SPAN),
        Course::FarSlot => (1, FAR + FAR_JITTER),
    };
    if course == Course::FarSlot {
        for id in 0..inputs.size as u64 {
            testbed.store.insert(FAR - FAR_JITTER + 1 + mix(id, 0) % (2 * FAR_JITTER), id);
        }
    } else {
        testbed.fill(inputs);
    }
    let mut steps = Steps::default();
    steps.whole_ns.reserve(((end - testbed.now) / step) as usize);
    let since = |start: u64, now: u64| u32::try_from(now - start).unwrap_or(u32::MAX);
    let mut fired = 0;
    let mut start = cpu_ns();
    while testbed.now < end {
        testbed.now += step;
        let mut slice_start = start;
        testbed.store.advance_in_slices(testbed.now, || {
            let now = cpu_ns();
            steps.slices_ns.push(since(slice_start, now));
            slice_start = now;
        });
        testbed.store.advance(testbed.now, |_| {
            fired += 1;
            None
        });
        let now = cpu_ns();
        steps.whole_ns.push(since(start, now));
        start = now;
    }
    fired += testbed.let_all_fire();
    assert_eq!(fired, inputs.size, "{} has fired a wrong number", S::NAME);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_of_one_repetition_is_no_pause() {
        let steps = |whole_ns: &[u32]| Steps { whole_ns: whole_ns.to_vec(), slices_ns: Vec::new() };
        let mut all = Steps::default();
        all.merge(steps(&[10, 9_000, 50]));
        all.merge(steps(&[800, 20, 60]));
        assert_eq!(all.longest_us(), 0.05);
        assert_eq!(all.longest_slice_us(), None);
    }
}
