//! Makes the random choices of a run. Each step has its own random numbers, made from the seed and the number of the
//! step.
//!
//! So a step can be left out to shorten a trace, and the other steps of its episode stay the same.

use std::collections::BTreeSet;

use fastrand::Rng;

/// A step of a run: the number of an episode, from 0, and the number of a decision in that episode.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Step {
    /// The episode.
    pub episode: u32,
    /// The decision, counted from 0 in each episode.
    pub decision: u32,
}

/// The dice of one run.
#[derive(Debug)]
pub(super) struct Dice {
    seed: u64,
    next: Step,
    left_out: BTreeSet<Step>,
    taken: Vec<Step>,
}

impl Dice {
    pub(super) fn new(seed: u64, left_out: BTreeSet<Step>) -> Self {
        Self { seed, next: Step { episode: 0, decision: 0 }, left_out, taken: Vec::new() }
    }

    /// Random numbers for choices that are made once in a run.
    pub(super) fn of_run(&self) -> Rng {
        Rng::with_seed(self.seed)
    }

    pub(super) fn begin_episode(&mut self, episode: u32) {
        self.next = Step { episode, decision: 0 };
    }

    /// Random numbers for the next step; `None` if that step is left out.
    pub(super) fn step(&mut self) -> Option<Rng> {
        let step = self.next;
        self.next.decision += 1;
        if self.left_out.contains(&step) {
            return None;
        }
        self.taken.push(step);
        let number = u64::from(step.episode) << 32 | u64::from(step.decision);
        Some(Rng::with_seed(mixed(self.seed ^ mixed(number + 1))))
    }

    /// The steps that were taken.
    pub(super) fn taken(&self) -> &[Step] {
        &self.taken
    }
}

/// Spreads neighbouring numbers over all of `u64`: the finaliser of splitmix64 (Steele, Lea and Flood, *Fast Splittable
/// Pseudorandom Number Generators*, 2014).
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_a_step_out_does_not_change_the_other_steps() {
        let throw = |left_out: &[Step]| {
            let mut dice = Dice::new(7, left_out.iter().copied().collect());
            let mut thrown = Vec::new();
            for episode in 0..3 {
                dice.begin_episode(episode);
                thrown.extend((0..3).map(|_| dice.step().map(|mut random| random.u64(..))));
            }
            thrown
        };
        let whole = throw(&[]);
        let shortened = throw(&[Step { episode: 1, decision: 1 }]);
        assert_eq!(shortened[4], None);
        assert!((0..9).all(|n| n == 4 || shortened[n] == whole[n]));
        assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 9, "no two steps have the same numbers: {whole:?}");
    }
}
