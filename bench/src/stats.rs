//! Medians, quartiles and tails.

use serde::Serialize;

/// Where the middle half of some numbers lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quartiles {
    /// A quarter lies below.
    pub q1: f64,
    /// Half lies below.
    pub median: f64,
    /// A quarter lies above.
    pub q3: f64,
}

/// How some numbers are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// The least.
    pub min: f64,
    /// Half lies below.
    pub median: f64,
    /// One in twenty lies above.
    pub p95: f64,
    /// One in a hundred lies above.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

/// The quantile `q` (0 to 1) with linear interpolation; 0 of nothing.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = q * last as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high.min(last)] - sorted[low]) * (place - place.floor())
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Half lies below.
pub fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.5)
}

impl Quartiles {
    /// Of these numbers.
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        let at = |q| quantile(&sorted, q);
        Self { q1: at(0.25), median: at(0.5), q3: at(0.75) }
    }
}

impl Spread {
    /// Of these numbers.
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        let at = |q| quantile(&sorted, q);
        Self {
            count: values.len(),
            min: at(0.0),
            median: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        assert_eq!(Quartiles::of(&[4.0, 1.0, 3.0, 2.0, 5.0]), Quartiles { q1: 2.0, median: 3.0, q3: 4.0 });
        assert_eq!(median(&[1.0, 2.0]), 1.5);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(Spread::of(&[7.0]).p99, 7.0);
    }
}
