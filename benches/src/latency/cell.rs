//! The cells of the comparison. A cell is a number of timers, a schedule, and a load.

use std::time::Duration;

use super::course::Pattern;
use super::load::Condition;
use crate::options::Options;

/// The extent of a measurement.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(super) enum Extent {
    /// The shortest extent, for the tests: it shows only that the benchmark runs.
    Smoke,
    Quick,
    Full,
}

impl Extent {
    pub(super) fn of(options: &Options) -> Self {
        match (options.smoke, options.quick) {
            (true, _) => Self::Smoke,
            (_, true) => Self::Quick,
            _ => Self::Full,
        }
    }

    pub(super) fn rounds(self) -> usize {
        match self {
            Self::Smoke => 1,
            Self::Quick => 2,
            Self::Full => 5,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) timers: usize,
    pub(super) pattern: Pattern,
    pub(super) condition: Condition,
    /// The duration of one contender's round.
    pub(super) duration: Duration,
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;
const LOG_UNIFORM: Pattern = Pattern::LogUniform { from_ns: 100 * US, to_ns: S };
const UNIFORM: Pattern = Pattern::Uniform { from_ns: 100 * US, to_ns: S };

/// Timers and their schedule, with the smallest extent that includes them. The pattern `LOG_UNIFORM` is not
/// used for 100,000 timers: 900,000 timers would become due in a second. That would measure speed, not lateness.
const LOADS: [(usize, Pattern, Extent); 10] = [
    (1, Pattern::Every { ns: 100 * US }, Extent::Full),
    (1, Pattern::Every { ns: MS }, Extent::Smoke),
    (1, Pattern::Every { ns: 10 * MS }, Extent::Full),
    (1, Pattern::Every { ns: 100 * MS }, Extent::Full),
    (1, Pattern::Every { ns: S }, Extent::Full),
    (1, LOG_UNIFORM, Extent::Full),
    (1_000, Pattern::Every { ns: 100 * MS }, Extent::Full),
    (1_000, LOG_UNIFORM, Extent::Smoke),
    (100_000, Pattern::Every { ns: S }, Extent::Full),
    (100_000, UNIFORM, Extent::Quick),
];

pub(super) fn chosen(extent: Extent) -> Vec<Cell> {
    let base = match extent {
        Extent::Smoke => Duration::from_millis(30),
        Extent::Quick => Duration::from_millis(500),
        Extent::Full => Duration::from_millis(1_000),
    };
    let mut cells = Vec::new();
    for (timers, pattern, _) in LOADS.into_iter().filter(|load| load.2 <= extent) {
        let duration = match pattern {
            // The first deadline lies anywhere in the first period. So three periods contain at least two whole
            // intervals.
            Pattern::Every { ns } if timers == 1 => base.max(Duration::from_nanos(ns * 3)),
            _ => base,
        };
        cells.extend(Condition::ALL.map(|condition| Cell { timers, pattern, condition, duration }));
    }
    cells
}

impl Cell {
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.load_name(), self.condition.name())
    }

    pub(super) fn load_name(&self) -> String {
        let timers = match self.timers {
            1 => "1 timer".to_owned(),
            thousands if thousands % 1_000 == 0 => format!("{},000 timers", thousands / 1_000),
            others => format!("{others} timers"),
        };
        let pattern = match self.pattern {
            Pattern::Every { ns } => format!("every {}", in_words(ns)),
            Pattern::LogUniform { from_ns, to_ns } => {
                format!("random {} to {}, by decade", in_words(from_ns), in_words(to_ns))
            }
            Pattern::Uniform { from_ns, to_ns } => format!("random {} to {}", in_words(from_ns), in_words(to_ns)),
        };
        format!("{timers}, {pattern}")
    }

    /// The time that a contender has for setting its timers before the first one is due.
    pub(super) fn lead(&self) -> Duration {
        Duration::from_millis(10 + self.timers as u64 / 200)
    }
}

fn in_words(ns: u64) -> String {
    match ns {
        S.. => format!("{} s", ns / S),
        MS.. => format!("{} ms", ns / MS),
        _ => format!("{} µs", ns / US),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_extent_has_every_condition_and_more_cells_than_the_extent_before() {
        let counts = [Extent::Smoke, Extent::Quick, Extent::Full].map(|extent| chosen(extent).len());
        assert_eq!(counts, [6, 9, 30]);
    }

    #[test]
    fn cells_have_names() {
        let all: Vec<_> = chosen(Extent::Full).iter().map(Cell::name).collect();
        assert_eq!(all[0], "1 timer, every 100 µs, idle");
        assert!(all.iter().any(|name| name == "100,000 timers, random 100 µs to 1 s, busy neighbours"), "{all:?}");
    }
}
