//! Bugs that others have had, each of which the tests must catch; as in the engine, which has its own.

/// Whether the bug of that name is switched on.
#[cfg(not(cogloop_mutants))]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}

/// Whether the bug of that name is switched on.
#[cfg(cogloop_mutants)]
macro_rules! mutant {
    ($name:literal) => {
        cogloop_engine::is_mutant($name)
    };
}

/// The delay, but for those who made another one of it.
#[inline(always)]
pub(crate) fn delay_ns(delay_ns: u64) -> u64 {
    const MS: u64 = 1_000_000;
    let ms = delay_ns / MS;
    if mutant!("c01-cqueues-63") {
        return ms * MS;
    }
    if mutant!("c17-node") && ms > i32::MAX as u64 {
        return MS;
    }
    if mutant!("c17-luamockit") {
        return u64::from(ms as u32) * MS + delay_ns % MS;
    }
    delay_ns
}
