//! The place of this project's wheel among the stores in one cell of a table.
//!
//! The repetitions are interleaved, so the nth samples of two stores belong to the same moment of the machine. Two
//! stores are *level* if each was ahead of the other in some repetition. In the next run their order may be reversed.

use crate::statistics::Summary;

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Ours has the least median, and was ahead of each other store in every repetition.
    Ahead,
    /// Ours has the least median. Another store was ahead in some repetition.
    First,
    /// Another store has the least median. Ours was ahead of it in some repetition.
    Level,
    Behind,
}

/// A cell: its description, and the samples of each store, ours first. A store that was not measured has none.
pub(crate) struct Cell {
    pub(crate) what: String,
    pub(crate) samples: Vec<Vec<f64>>,
}

impl Cell {
    pub(crate) fn median(&self, store: usize) -> f64 {
        Summary::of(self.samples[store].iter().copied()).median
    }

    /// The best of the other stores for which `counts` is true.
    pub(crate) fn best_peer(&self, counts: impl Fn(usize) -> bool) -> Option<usize> {
        let peers = (1..self.samples.len()).filter(|&store| counts(store) && !self.samples[store].is_empty());
        peers.min_by(|&a, &b| self.median(a).total_cmp(&self.median(b)))
    }

    /// Our standing beside the stores for which `counts` is true.
    pub(crate) fn standing(&self, counts: impl Fn(usize) -> bool) -> Standing {
        let Some(peer) = self.best_peer(&counts) else { return Standing::Ahead };
        let is_ahead =
            |one: usize, other: usize| self.samples[one].iter().zip(&self.samples[other]).any(|(a, b)| a < b);
        if self.median(0) > self.median(peer) {
            return if is_ahead(0, peer) { Standing::Level } else { Standing::Behind };
        }
        let others = (1..self.samples.len()).filter(|&store| counts(store));
        if others.into_iter().any(|other| is_ahead(other, 0)) { Standing::First } else { Standing::Ahead }
    }
}

/// Says in how many cells ours is ahead, first, level and behind, beside the stores for which `counts` is true.
pub(crate) fn summary(cells: &[Cell], counts: impl Fn(usize) -> bool) -> String {
    let of = |wanted: Standing| cells.iter().filter(|cell| cell.standing(&counts) == wanted).count();
    let [ahead, first, level, behind] = [Standing::Ahead, Standing::First, Standing::Level, Standing::Behind].map(of);
    format!(
        "first in {} of {} cells, in {ahead} of them in every repetition; level with the first in {level}; behind in {behind}",
        ahead + first,
        cells.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(samples: &[&[f64]]) -> Cell {
        Cell { what: String::new(), samples: samples.iter().map(|samples| samples.to_vec()).collect() }
    }

    #[test]
    fn level_is_a_peer_that_was_not_ahead_in_every_repetition() {
        let all = |_: usize| true;
        assert_eq!(cell(&[&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0], &[]]).standing(all), Standing::Ahead);
        assert_eq!(cell(&[&[1.0, 2.0, 3.0], &[0.9, 3.0, 4.0]]).standing(all), Standing::First);
        // The machine was slow in the second repetition, for both.
        assert_eq!(cell(&[&[2.0, 9.0, 2.0], &[1.0, 8.0, 1.0]]).standing(all), Standing::Behind);
        assert_eq!(cell(&[&[2.0, 8.0, 2.0], &[1.0, 9.0, 1.0]]).standing(all), Standing::Level);
    }

    #[test]
    fn a_store_that_does_not_count_is_left_out() {
        let cells = [cell(&[&[2.0], &[1.0], &[3.0]]), cell(&[&[2.0], &[3.0], &[1.0]])];
        let first_peer = |store: usize| store == 1;
        assert_eq!(cells[0].best_peer(|_| true), Some(1));
        assert_eq!(
            summary(&cells, first_peer),
            "first in 1 of 2 cells, in 1 of them in every repetition; level with the first in 0; behind in 1"
        );
    }
}
