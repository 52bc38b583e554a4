//! `bench readiness --setups`: the cost of a bare loop over io_uring with different setups of its rings.

use super::bare_uring::{BareUring, Kind, ONE_SHOT};
use super::contenders::ALL;
use super::poller::{ANY, Entry};

const NO_INDEX: Kind = Kind { has_index: false, ..ONE_SHOT };
const LASTING: Kind = Kind { lasts: true, ..NO_INDEX };

macro_rules! kind {
    ($name:literal, $kind:expr) => {
        Entry { name: $name, open: || Ok(Box::new(BareUring::new($kind)?)), numbers: ANY }
    };
}

/// The contenders. The first is the base of all comparisons.
pub(super) const SETUPS: [Entry; 9] = [
    ALL[0],
    kind!("one-shot on plain rings", Kind { is_deferred: false, ..ONE_SHOT }),
    kind!("one-shot", ONE_SHOT),
    kind!("one-shot without index array", NO_INDEX),
    kind!("… and a timeout in each wait", Kind { is_timed: true, ..NO_INDEX }),
    kind!("… and registered files", Kind { files: 2048, ..NO_INDEX }),
    kind!("… and 8192 completions", Kind { completions: 8192, ..NO_INDEX }),
    kind!("multishot with `poll` before each wait", Kind { asks: true, ..LASTING }),
    kind!("multishot: edge-triggered", LASTING),
];
