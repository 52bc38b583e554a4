//! The shortest run, or nearly so, that still breaks a promise.

use std::collections::BTreeSet;

use super::dice::Step;
use super::replay::{Replay, replay};

/// Runs that are tried before the shortest so far has to do.
const TRIES_MAX: u32 = 3_000;

/// A run that breaks a promise.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its trace.
    pub lines: Vec<String>,
    /// The promise.
    pub promise: String,
}

/// Leaves out steps of a seed's run, many at a time and then fewer, as long as a promise is broken without them: delta
/// debugging (Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002). `None` if the seed breaks
/// none.
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
        // Once more at this size if it was of use.
        if best.taken.len() == before {
            size /= 2;
        }
    }
    best.broken.map(|promise| Broken { lines: best.lines, promise })
}

/// Fewer lines are read sooner. A step that is left out may bring more of them: whoever does not read stays ready.
fn length(replay: &Replay) -> (usize, usize) {
    (replay.lines.len(), replay.taken.len())
}
