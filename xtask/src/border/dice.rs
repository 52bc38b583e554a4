//! A random number generator that gives the same numbers for the same seed on every machine: splitmix64 (Steele, Lea
//! and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014).

pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ number >> 31
    }

    /// A number below `end`, which must not be 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        // The remainder is not quite uniform, but the bias is below one in a billion.
        (self.next() % u64::from(end)) as u32
    }

    /// Returns true with the probability 1 / `throws`.
    pub(super) fn one_in(&mut self, throws: u32) -> bool {
        self.below(throws) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u32) as usize]
    }

    /// A random index of `weights`. Its probability is proportional to the weight at that index.
    pub(super) fn weighed(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (place, weight) in weights.enumerate() {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_determines_the_numbers_and_the_weights_determine_the_frequencies() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            let mut counts = [0; 3];
            for _ in 0..4_000 {
                counts[dice.weighed([1, 0, 3].into_iter())] += 1;
            }
            counts
        };
        assert_eq!(throw(5), throw(5));
        assert_ne!(throw(5), throw(6));
        let [light, none, heavy] = throw(5);
        assert!(none == 0 && (800..1_200).contains(&light), "of 4,000: {light} with the weight 1, {heavy} with 3");
    }
}
