//! Axes: the position of a value, and the values that get a mark.

/// Maps values to pixels.
#[derive(Copy, Clone, Debug)]
pub(super) struct Scale {
    kind: Kind,
    values: [f64; 2],
    pixels: [f64; 2],
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Linear,
    /// All decades have the same width.
    Log,
    /// A scale for percentiles: 90, 99, 99.9 and so on are at equal distances.
    Nines,
}

/// The end of the scale `Nines`. The maximum, percentile 100, is there.
const NINES_MAX: f64 = 4.6;
const PERCENTILE_MARKS: [(f64, &str); 6] =
    [(0.0, "0"), (50.0, "50"), (90.0, "90"), (99.0, "99"), (99.9, "99.9"), (99.99, "99.99")];

impl Scale {
    /// Makes a scale that is a little wider than the values. A logarithmic scale has whole decades and leaves out
    /// values that are not above 0.
    pub(super) fn of(kind: Kind, values: impl Iterator<Item = f64>, pixels: [f64; 2]) -> Self {
        let usable = values.filter(|value| value.is_finite() && (kind != Kind::Log || *value > 0.0));
        let (least, most) =
            usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        let values = match kind {
            Kind::Nines => [0.0, 100.0],
            _ if least > most => [1.0, 10.0],
            Kind::Linear => [least.min(0.0), if most > 0.0 { most * 1.02 } else { 1.0 }],
            Kind::Log => {
                let [from, to] = [least.log10().floor(), most.log10().ceil()];
                [10_f64.powf(from), 10_f64.powf(if to > from { to } else { from + 1.0 })]
            }
        };
        Self { kind, values, pixels }
    }

    fn along(self, value: f64) -> f64 {
        match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(f64::MIN_POSITIVE).log10(),
            Kind::Nines if value >= 100.0 => NINES_MAX,
            Kind::Nines => (-(1.0 - value / 100.0).log10()).min(NINES_MAX),
        }
    }

    /// The pixel of a value. A value outside of the scale gets the nearer end.
    pub(super) fn at(self, value: f64) -> f64 {
        let [from, to] = self.values.map(|value| self.along(value));
        let part = ((self.along(value) - from) / (to - from)).clamp(0.0, 1.0);
        self.pixels[0] + part * (self.pixels[1] - self.pixels[0])
    }

    /// The values to mark, with their texts.
    pub(super) fn marks(self) -> Vec<(f64, String)> {
        match self.kind {
            Kind::Nines => {
                let marks = PERCENTILE_MARKS.map(|(value, words)| (value, words.to_owned()));
                marks.into_iter().chain([(100.0, "max".to_owned())]).collect()
            }
            Kind::Log => {
                let [from, to] = self.values.map(|value| value.log10().round() as i32);
                let step = ((to - from) / 7 + 1) as usize;
                (from..=to).step_by(step).map(|power| 10_f64.powi(power)).map(|value| (value, short(value))).collect()
            }
            Kind::Linear => {
                let step = round_step((self.values[1] - self.values[0]) / 4.0);
                let count = (self.values[1] / step) as usize;
                (0..=count).map(|nth| nth as f64 * step).map(|value| (value, short(value))).collect()
            }
        }
    }
}

/// The smallest number that is 1, 2 or 5 times a power of ten and not less than `at_least`.
fn round_step(at_least: f64) -> f64 {
    let power = 10_f64.powf(at_least.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= at_least).unwrap_or(power)
}

/// A number with about three digits.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let with_unit = |value: f64, unit: &str| format!("{}{unit}", short(value));
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        1e9.. => with_unit(value / 1e9, "G"),
        1e6.. => with_unit(value / 1e6, "M"),
        1e4.. => with_unit(value / 1e3, "k"),
        100.0.. => format!("{value:.0}"),
        10.0.. => trimmed(format!("{value:.1}")),
        0.1.. => trimmed(format!("{value:.2}")),
        0.001.. => trimmed(format!("{value:.4}")),
        _ => format!("{value:.0e}"),
    }
}

fn trimmed(number: String) -> String {
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_between_the_ends_of_the_scale() {
        for kind in [Kind::Linear, Kind::Log, Kind::Nines] {
            let scale = Scale::of(kind, [3.0, 700.0].into_iter(), [10.0, 110.0]);
            for value in [f64::NEG_INFINITY, -1.0, 0.0, 3.0, 99.99, 100.0, 1e300] {
                assert!((10.0..=110.0).contains(&scale.at(value)), "{kind:?} {value}: {}", scale.at(value));
            }
            assert!(scale.at(3.0) < scale.at(90.0), "{kind:?}");
        }
    }

    #[test]
    fn no_value_or_one_value_still_gives_a_scale() {
        for values in [vec![], vec![5.0], vec![0.0], vec![f64::NAN], vec![-1.0]] {
            for kind in [Kind::Linear, Kind::Log] {
                let scale = Scale::of(kind, values.iter().copied(), [0.0, 100.0]);
                assert!((0.0..=100.0).contains(&scale.at(5.0)), "{kind:?} {values:?}");
                assert!(scale.marks().iter().all(|mark| mark.0.is_finite()), "{kind:?} {values:?}");
            }
        }
    }

    #[test]
    fn marks_are_round_and_few() {
        let words = |kind, values: [f64; 2]| {
            let scale = Scale::of(kind, values.into_iter(), [0.0, 1.0]);
            scale.marks().into_iter().map(|mark| mark.1).collect::<Vec<_>>()
        };
        assert_eq!(words(Kind::Linear, [0.0, 87.0]), ["0", "50"]);
        assert_eq!(words(Kind::Linear, [0.0, 100.0]), ["0", "50", "100"]);
        assert_eq!(words(Kind::Log, [2.0, 30_000.0]), ["1", "10", "100", "1000", "10k", "100k"]);
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (1.234, "1.23"),
            (12.0, "12"),
            (123.4, "123"),
            (12_345.0, "12.3k"),
            (1e6, "1M"),
            (0.034, "0.034"),
        ];
        for (value, words) in cases {
            assert_eq!(short(value), words);
        }
        assert_eq!(short(f64::NAN), "–");
    }
}
