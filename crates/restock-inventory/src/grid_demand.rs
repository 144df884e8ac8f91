//! Demand laws on an evenly spaced grid, for recursions that convolve: exact for whole units, fine for continuous laws.

use std::cell::RefCell;

use realfft::RealFftPlanner;
use statrs::distribution::{Continuous, ContinuousCDF, Discrete, DiscreteCDF, Normal, Poisson};

use crate::discrete_demand::{DiscreteDemand, convolve};

/// Probability that is cut off at each end of a law.
const TAIL: f64 = 1e-14;

/// Standard deviations kept on each side of a normal law.
const NORMAL_RANGE: f64 = 7.0;

/// Demand `(first + i)·step` with probability `probabilities[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct GridDemand {
    step: f64,
    first: i64,
    probabilities: Vec<f64>,
}

impl GridDemand {
    fn new(step: f64, first: i64, mut probabilities: Vec<f64>) -> Self {
        assert!(step > 0.0 && step.is_finite());
        let total: f64 = probabilities.iter().sum();
        assert!(total > 0.0, "a demand law needs some probability");
        for probability in &mut probabilities {
            *probability /= total;
        }
        Self { step, first, probabilities }
    }

    /// Whole units.
    pub fn discrete(law: &DiscreteDemand) -> Self {
        Self::new(1.0, 0, law.probabilities().to_vec())
    }

    /// Poisson demand, cut where less than 1e-14 of probability is left.
    ///
    /// # Panics
    /// When `mean` is not positive and finite.
    pub fn poisson(mean: f64) -> Self {
        let law = Poisson::new(mean).expect("a positive mean");
        let mut max_demand = mean.ceil() as u64;
        while law.sf(max_demand) > TAIL {
            max_demand += 1;
        }
        Self::new(1.0, 0, (0..=max_demand).map(|demand| law.pmf(demand)).collect())
    }

    /// Normal demand, which may be negative; grid step in units.
    ///
    /// # Panics
    /// When the standard deviation or the step is not positive.
    pub fn normal(mean: f64, std_dev: f64, step: f64) -> Self {
        let range = NORMAL_RANGE * std_dev;
        Self::from_loss(step, mean - range, mean + range, |level| normal_loss(mean, std_dev, level))
    }

    /// Normal demand of which what is negative counts as none, `max(0, X)`.
    ///
    /// # Panics
    /// When the standard deviation or the step is not positive.
    pub fn non_negative_normal(mean: f64, std_dev: f64, step: f64) -> Self {
        let at_zero = normal_loss(mean, std_dev, 0.0);
        // Above 0 the loss is that of the normal law; below it falls with slope 1, as demand is at least 0.
        let loss = |level: f64| if level >= 0.0 { normal_loss(mean, std_dev, level) } else { at_zero - level };
        Self::from_loss(step, 0.0, (mean + NORMAL_RANGE * std_dev).max(step), loss)
    }

    /// The law on the grid whose expected loss `E[(D - x)⁺]` is that of a continuous law at every grid point:
    /// probabilities are second differences of the loss. Means are kept, and so are expectations of functions that are
    /// linear between grid points; the variance grows by at most `step²/4`.
    fn from_loss(step: f64, low: f64, high: f64, loss: impl Fn(f64) -> f64) -> Self {
        assert!(step > 0.0 && low < high);
        let first = (low / step).floor() as i64;
        let last = (high / step).ceil() as i64;
        let losses: Vec<f64> = (first - 1..=last + 1).map(|idx| loss(idx as f64 * step)).collect();
        let second_difference = |at: &[f64]| ((at[0] - 2.0 * at[1] + at[2]) / step).max(0.0);
        Self::new(step, first, losses.windows(3).map(second_difference).collect())
    }

    /// The grid's step, units.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// Number of the smallest demand on the grid.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Probabilities from the smallest demand up.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Expected demand, units.
    pub fn mean(&self) -> f64 {
        let sum: f64 = self.probabilities.iter().enumerate().map(|(i, p)| (self.first + i as i64) as f64 * p).sum();
        sum * self.step
    }

    /// Variance of demand, units².
    pub fn variance(&self) -> f64 {
        let mean = self.mean() / self.step;
        let deviation = |i: usize| (self.first + i as i64) as f64 - mean;
        let sum: f64 = self.probabilities.iter().enumerate().map(|(i, p)| deviation(i).powi(2) * p).sum();
        sum * self.step * self.step
    }

    /// The total of two independent demands.
    ///
    /// # Panics
    /// When the steps differ.
    pub fn plus(&self, other: &Self) -> Self {
        assert!(self.step == other.step, "grids of step {} and {}", self.step, other.step);
        let mut sum = convolve_fast(&self.probabilities, &other.probabilities);
        // Rounding of the transform leaves about 1e-17 where there is nothing; only the tails matter.
        for probability in &mut sum {
            *probability = probability.max(0.0);
        }
        let begin = sum.iter().position(|p| *p > 1e-18).unwrap_or(0);
        let end = sum.iter().rposition(|p| *p > 1e-18).map_or(sum.len(), |last| last + 1);
        Self::new(self.step, self.first + other.first + begin as i64, sum[begin..end].to_vec())
    }

    /// The total of `n` independent demands of this law; no demand for `n = 0`.
    pub fn times(&self, n: usize) -> Self {
        let none = Self { step: self.step, first: 0, probabilities: vec![1.0] };
        (0..n).fold(none, |total, _| total.plus(self))
    }

    /// Number of the smallest grid point whose distribution function is at least `quantile_level`.
    pub fn quantile_idx(&self, quantile_level: f64) -> i64 {
        let mut below = 0.0;
        for (i, probability) in self.probabilities.iter().enumerate() {
            below += probability;
            if below >= quantile_level - 1e-12 {
                return self.first + i as i64;
            }
        }
        self.first + self.probabilities.len() as i64 - 1
    }
}

/// `E[(X - level)⁺]` of a normal law, units.
fn normal_loss(mean: f64, std_dev: f64, level: f64) -> f64 {
    assert!(std_dev > 0.0);
    let standard = Normal::standard();
    let z = (level - mean) / std_dev;
    std_dev * (standard.pdf(z) - z * standard.sf(z))
}

thread_local! {
    /// Remembers the factors of the sizes already transformed.
    static PLANNER: RefCell<RealFftPlanner<f64>> = RefCell::new(RealFftPlanner::new());
}

/// Full convolution, by the real-valued fast Fourier transform where that takes fewer operations.
pub(crate) fn convolve_fast(a: &[f64], b: &[f64]) -> Vec<f64> {
    const N_PRODUCTS_DIRECT: usize = 1 << 16;
    if a.len() * b.len() <= N_PRODUCTS_DIRECT {
        return convolve(a, b);
    }
    let n = a.len() + b.len() - 1;
    // An even size without large prime factors; powers of two alone could nearly double the work.
    let size = [2, 3, 5].map(|odd| odd * n.div_ceil(odd).next_power_of_two()).into_iter().min().expect("three sizes");
    let size = size + size % 2;
    let (forward, inverse) =
        PLANNER.with_borrow_mut(|planner| (planner.plan_fft_forward(size), planner.plan_fft_inverse(size)));
    let transform = |values: &[f64]| {
        let mut input = values.to_vec();
        input.resize(size, 0.0);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut input, &mut spectrum).expect("buffers of the planned size");
        spectrum
    };
    let mut product = transform(a);
    for (x, y) in product.iter_mut().zip(transform(b)) {
        *x *= y;
    }
    // The first and the last value are real by symmetry; rounding may leave an imaginary part that `process` refuses.
    product[0].im = 0.0;
    product[size / 2].im = 0.0;
    let mut sum = inverse.make_output_vec();
    inverse.process(&mut product, &mut sum).expect("buffers of the planned size");
    sum.truncate(n);
    for value in &mut sum {
        *value /= size as f64;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_kept() {
        for (law, mean) in [
            (GridDemand::normal(5.0, 1.0, 0.01), 5.0),
            (GridDemand::poisson(16.0), 16.0),
            // E[max(0, X)] of N(5, 2): 5 + loss of the other side.
            (GridDemand::non_negative_normal(5.0, 2.0, 0.01), 5.0 + normal_loss(-5.0, 2.0, 0.0)),
        ] {
            assert!((law.mean() - mean).abs() < 1e-9, "{} instead of {mean}", law.mean());
            assert!((law.times(3).mean() - 3.0 * mean).abs() < 1e-9);
            assert!((law.probabilities().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert_eq!(GridDemand::poisson(4.0).times(0).quantile_idx(0.99), 0);
    }

    proptest! {
        /// The fast convolution is the plain one.
        #[test]
        fn convolutions_agree(
            a in prop::collection::vec(0.0_f64..1.0, 300..400), b in prop::collection::vec(-3.0_f64..1.0, 300..500),
        ) {
            for (fast, plain) in convolve_fast(&a, &b).into_iter().zip(convolve(&a, &b)) {
                prop_assert!((fast - plain).abs() < 1e-10);
            }
        }
    }
}
