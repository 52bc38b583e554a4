//! Finds a run that is about as short as possible and still breaks a promise.

use std::collections::BTreeSet;

use super::dice::Step;
use super::replay::{Replay, replay};

/// The greatest number of runs that are tried.
const TRIES_MAX: u32 = 3_000;

/// A run that breaks a promise.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The trace of the run.
    pub lines: Vec<String>,
    /// The broken promise.
    pub promise: String,
}

/// Leaves out steps of a seed's run, first many at a time and then fewer, as long as a promise is still broken. This is
/// delta debugging (Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002). `None` if the
/// seed breaks no promise.
#[must_use]
pub fn shortest(seed: u64) -> Option<Broken> {
    let whole = replay(seed, BTreeSet::new());
    whole.broken.as_ref()?;
    let mut left_out = BTreeSet::new();
    let mut best = whole;
    let (mut size, mut tries) = (best.taken.len().div_ceil(2), 0);
    while size > 0 && tries < TRIES_MAX {
        let before = best.taken.len();
        let mut from = 0;
        while from < best.taken.len() && tries < TRIES_MAX {
            let chunk = &best.taken[from..(from + size).min(best.taken.len())];
            let candidate: BTreeSet<Step> = left_out.iter().chain(chunk).copied().collect();
            let shorter = replay(seed, candidate.clone());
            tries += 1;
            if shorter.broken.is_some() && length(&shorter) < length(&best) {
                (left_out, best) = (candidate, shorter);
            } else {
                from += size;
            }
        }
        // If the run has become shorter, the same size is tried again.
        if best.taken.len() == before {
            size /= 2;
        }
    }
    best.broken.map(|promise| Broken { lines: best.lines, promise })
}

/// The length of a run: first its lines, then its steps. Fewer lines are easier to read. But leaving out a step may
/// cause more lines: a descriptor that is not read stays ready.
fn length(replay: &Replay) -> (usize, usize) {
    (replay.lines.len(), replay.taken.len())
}
