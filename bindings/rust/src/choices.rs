//! Pseudo-random numbers for tests, the same in each run.

/// The upper bits of a linear congruential generator: Knuth's MMIX.
pub(crate) fn choices() -> impl Iterator<Item = usize> {
    let mut random = 1_u64;
    std::iter::from_fn(move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((random >> 33) as usize)
    })
}
