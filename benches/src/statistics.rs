//! Statistics of a cell: medians, and the range of the samples. The samples are few, and the machine is noisy.

/// A summary of several samples of one quantity.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    /// The middle sample, or the mean of the middle two. NaN without samples.
    pub(crate) median: f64,
    /// The distance from the smallest to the largest sample, relative to the median.
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

/// The quartiles of many samples. Outliers hardly change them.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Quartiles {
    pub(crate) first: f64,
    pub(crate) median: f64,
    pub(crate) third: f64,
}

impl Quartiles {
    pub(crate) fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let [first, median, third] = [0.25, 0.5, 0.75].map(|part| quantile(&sorted, part));
        Self { first, median, third }
    }
}

/// Returns the sample at the fraction `part` of the sorted samples. NaN without samples.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = (part * sorted.len() as f64) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// The percentiles of the points of a lateness curve.
pub(crate) const PERCENTILES: [f64; 14] =
    [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0];

/// The ratios of pairs of samples. Load that affected both samples of a pair does not change their ratio.
pub(crate) fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_sample_or_the_mean_of_two() {
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
    fn the_median_of_no_samples_is_nan() {
        assert!(Summary::of([]).median.is_nan());
    }

    #[test]
    fn quartiles_lie_around_the_middle_half() {
        let samples: Vec<f64> = (0..100).rev().map(f64::from).collect();
        assert_eq!(Quartiles::of(&samples), Quartiles { first: 25.0, median: 50.0, third: 75.0 });
        assert_eq!(Quartiles::of(&[3.0]), Quartiles { first: 3.0, median: 3.0, third: 3.0 });
        assert!(Quartiles::of(&[]).median.is_nan());
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 1.0), 4.0);
    }

    #[test]
    fn a_ratio_compares_two_samples_of_one_round() {
        assert_eq!(ratios(&[2.0, 40.0], &[1.0, 20.0]), [2.0, 2.0]);
    }
}
