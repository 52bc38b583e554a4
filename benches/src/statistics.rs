//! The statistics of a cell: few samples from a noisy machine, so medians, and how far the samples lie apart.

/// Several samples of one quantity, in one word or two.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    /// The middle sample; the mean of the middle two if their number is even. Not a number without samples.
    pub(crate) median: f64,
    /// The distance from the smallest to the largest, as a part of the median.
    pub(crate) spread: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self { median: f64::NAN, spread: f64::NAN, min: f64::NAN, max: f64::NAN };
        };
        let median = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let spread = if median > 0.0 { (max - min) / median } else { 0.0 };
        Self { median, spread, min, max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        assert_eq!(Summary::of([9.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(Summary::of([4.0, 1.0, 2.0, 100.0]).median, 3.0);
        assert_eq!(Summary::of([7.0]).median, 7.0);
    }

    #[test]
    fn an_outlier_shows_in_the_spread_and_not_in_the_median() {
        let calm = Summary::of([10.0, 10.0, 11.0, 12.0, 10.0]);
        let disturbed = Summary::of([10.0, 10.0, 11.0, 1200.0, 10.0]);
        assert_eq!(calm.median, disturbed.median);
        assert_eq!((calm.spread, disturbed.spread), (0.2, 119.0));
        assert_eq!((disturbed.min, disturbed.max), (10.0, 1200.0));
    }

    #[test]
    fn no_sample_is_no_number() {
        assert!(Summary::of([]).median.is_nan());
    }
}
