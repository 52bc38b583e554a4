//! The sizes of the ping-pong, and the results.

use std::collections::BTreeMap;

/// For each ping-pong, the number of pairs of sockets, and the number of pairs in play. In a pair in play, a byte goes
/// to and fro between the two ends.
pub(super) const GAMES: [(usize, usize); 2] = [(1, 1), (1000, 10)];

/// The number of pairs in play, for a total of `pairs`.
pub(super) fn active(pairs: usize) -> usize {
    GAMES.iter().find(|game| game.0 == pairs).map_or(1, |game| game.1)
}

/// The number of calls in a turn, by name. Calls that occur less than once in a thousand turns are left out.
pub(super) type Calls = BTreeMap<String, f64>;

/// One measured quantity of every contender.
pub(super) struct Quantity {
    pub(super) name: String,
    pub(super) unit: &'static str,
    /// For each contender a value of every round; empty if the contender cannot be measured.
    pub(super) samples: Vec<Vec<f64>>,
}

/// All results.
pub(super) struct Results {
    pub(super) contenders: Vec<&'static str>,
    pub(super) quantities: Vec<Quantity>,
    /// The calls by number of pairs: for each contender its calls, or the reason why there are none.
    pub(super) calls: BTreeMap<usize, Vec<Result<Calls, String>>>,
    /// The quantities that could not be measured, with the reasons.
    pub(super) missing: Vec<String>,
}
