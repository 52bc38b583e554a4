//! Bugs that others have had, each of which the tests must catch: `cargo xtask mutants`, told in docs/mutants.md.
//!
//! They are there with `--cfg cogloop_mutants` only, and then one at a time: the one that the environment variable
//! `COGLOOP_MUTANT` names. Without it `mutant!` is the word `false`, and nothing remains of what it guards.

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
        $crate::mutants::is_on($name)
    };
}

/// Whether the environment names this bug.
#[cfg(cogloop_mutants)]
pub fn is_on(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("COGLOOP_MUTANT").ok()).as_deref() == Some(name)
}
