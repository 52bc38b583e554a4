//! The games that are played, and what was found out.

use std::collections::BTreeMap;

/// Pairs of sockets, and how many of them are in play.
pub(super) const GAMES: [(usize, usize); 2] = [(1, 1), (1000, 10)];

/// How many of that many pairs are in play.
pub(super) fn active(pairs: usize) -> usize {
    GAMES.iter().find(|game| game.0 == pairs).map_or(1, |game| game.1)
}

/// Calls in a turn, by name; those with less than one in a thousand turns are left out.
pub(super) type Calls = BTreeMap<String, f64>;

/// One figure of every contender.
pub(super) struct Quantity {
    pub(super) name: String,
    pub(super) unit: &'static str,
    /// For each contender one of every round; empty where it cannot.
    pub(super) samples: Vec<Vec<f64>>,
}

/// All that was measured.
pub(super) struct Results {
    pub(super) contenders: Vec<&'static str>,
    pub(super) quantities: Vec<Quantity>,
    /// By pairs; for each contender, or why there is none.
    pub(super) calls: BTreeMap<usize, Vec<Result<Calls, String>>>,
    /// What could not be measured, and why.
    pub(super) missing: Vec<String>,
}
