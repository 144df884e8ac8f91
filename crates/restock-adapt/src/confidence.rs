//! Confidence sequences for the mean of bounded observations: intervals that hold at all times together.
//!
//! By betting (Waudby-Smith & Ramdas, 2024): if the mean of `x`, given the past, is at most `m`, then the wealth
//!
//! ```text
//! K(m) = mean over θ of Π_t (1 + θ (x_t - m) / (m - low)),   0 < θ < 1
//! ```
//!
//! of someone who bets on more is a supermartingale that begins at 1, so it ever reaches `2/α` with probability `α/2` at most
//! (Ville). Every `m` of which it does lies below the interval; the upper end is the same for `-x`. `K` falls in `m`, so the
//! end is found by bisection.
//!
//! # Differences from the paper
//! Shares `θ` are a fixed mixture rather than a plug-in estimate: the interval depends on the observations alone, and the
//! best share costs no more than the logarithm of how many there are.

use serde::{Deserialize, Serialize};

/// Shares of the most that can be bet.
const SHARES: [f64; 5] = [0.05, 0.15, 0.35, 0.6, 0.9];

/// A confidence sequence of observations within `±bound`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceSequence {
    alpha: f64,
    bound: f64,
    values: Vec<f64>,
    lower: f64,
    upper: f64,
}

impl ConfidenceSequence {
    /// One without observations, which excludes nothing.
    ///
    /// # Panics
    /// Unless `0 < alpha < 1` and `bound > 0`.
    pub fn new(alpha: f64, bound: f64) -> Self {
        assert!(0.0 < alpha && alpha < 1.0, "alpha is between 0 and 1, got {alpha}");
        assert!(bound > 0.0 && bound.is_finite(), "the bound is positive, got {bound}");
        Self { alpha, bound, values: Vec::new(), lower: -bound, upper: bound }
    }

    /// Adds an observation; beyond the bound it counts as the bound.
    pub fn add(&mut self, value: f64) {
        assert!(!value.is_nan(), "an observation is a number");
        self.values.push(value.clamp(-self.bound, self.bound));
        self.lower = self.end(1.0, self.lower);
        self.upper = -self.end(-1.0, -self.upper);
    }

    /// Observations, oldest first.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The mean of the observations; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| self.values.iter().sum::<f64>() / self.values.len() as f64)
    }

    /// Lower end: the mean was never below it, with probability at least `1 - alpha / 2`.
    pub fn lower(&self) -> f64 {
        self.lower
    }

    /// Upper end: the mean was never above it, with probability at least `1 - alpha / 2`.
    pub fn upper(&self) -> f64 {
        self.upper
    }

    /// How many more observations like those so far, in their order and again, it takes until the lower end is above
    /// `margin`; `None` where more than `most` do not do it.
    pub fn more_until(&self, margin: f64, most: usize) -> Option<usize> {
        if self.lower > margin {
            return Some(0);
        }
        if self.values.is_empty() || margin <= -self.bound {
            return None;
        }
        let mut wealth = self.log_wealth(margin, 1.0);
        for (n, value) in self.values.iter().cycle().take(most).enumerate() {
            add_to(&mut wealth, *value, margin, self.bound);
            if log_mean(&wealth) >= self.threshold() {
                return Some(n + 1);
            }
        }
        None
    }

    fn threshold(&self) -> f64 {
        (2.0 / self.alpha).ln()
    }

    /// `[SHARES]`: logarithms of the wealth of who bets that the mean of `sign · x` is more than `m`.
    fn log_wealth(&self, m: f64, sign: f64) -> [f64; SHARES.len()] {
        let mut wealth = [0.0; SHARES.len()];
        for value in &self.values {
            add_to(&mut wealth, sign * value, m, self.bound);
        }
        wealth
    }

    /// The largest mean of `sign · x` that the observations exclude from below, at least `below`, which was found before.
    fn end(&self, sign: f64, mut below: f64) -> f64 {
        let excluded = |m: f64| log_mean(&self.log_wealth(m, sign)) >= self.threshold();
        if below > -self.bound && !excluded(below) {
            return below;
        }
        // Whoever bets that the mean is more than what it is has not become rich, so the mean is never excluded.
        let mut above = sign * self.values.iter().sum::<f64>() / self.values.len() as f64;
        for _ in 0..32 {
            let middle = 0.5 * (below + above);
            if middle > below && middle < above && excluded(middle) {
                below = middle;
            } else {
                above = middle;
            }
        }
        below
    }
}

fn add_to(wealth: &mut [f64; SHARES.len()], value: f64, m: f64, bound: f64) {
    let bet = (value - m) / (m + bound);
    for (wealth, share) in wealth.iter_mut().zip(SHARES) {
        *wealth += (share * bet).ln_1p();
    }
}

/// Logarithm of the mean of what these are the logarithms of.
fn log_mean(logarithms: &[f64]) -> f64 {
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logarithms.iter().map(|value| (value - most).exp()).sum();
    most + (sum / logarithms.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Wealth of two observations worked by hand: at m = 0 and bound 1, shares θ give (1 + θ/2)(1 - θ/4).
    #[test]
    fn wealth_by_hand() {
        let mut sequence = ConfidenceSequence::new(0.05, 1.0);
        sequence.add(0.5);
        sequence.add(-0.25);
        let by_hand = SHARES.map(|share| (1.0 + share / 2.0) * (1.0 - share / 4.0));
        let mean = by_hand.iter().sum::<f64>() / 5.0;
        assert!((log_mean(&sequence.log_wealth(0.0, 1.0)) - mean.ln()).abs() < 1e-12);
        assert_eq!(sequence.mean(), Some(0.125));
    }

    /// Coverage under optional stopping: of 1,000 sequences of 150 each, whose mean lies outside of the interval *at any time*
    /// in at most 10 % (allowed by α), with room for three standard errors of the simulation.
    #[test]
    fn the_mean_is_hardly_ever_outside() {
        for (p, gain, loss) in [(0.5, 0.1, 0.1), (0.1, 0.9, 0.1), (0.9, 0.1, 0.9)] {
            let mean = p * gain - (1.0 - p) * loss;
            let mut n_outside = 0;
            for seed in 0..1000 {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let mut sequence = ConfidenceSequence::new(0.1, 1.0);
                for n in 0..150 {
                    let value = if rng.random::<f64>() < p { gain } else { -loss };
                    sequence.values.push(value);
                    // Whether the mean is excluded, without the search for the end.
                    let outside = |m: f64, sign: f64| log_mean(&sequence.log_wealth(m, sign)) >= sequence.threshold();
                    if (n % 10 == 9 || n < 10) && (outside(mean, 1.0) || outside(-mean, -1.0)) {
                        n_outside += 1;
                        break;
                    }
                }
            }
            assert!(n_outside <= 100 + 28, "{n_outside} of 1000");
        }
    }

    #[test]
    fn it_narrows_as_evidence_grows() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut sequence = ConfidenceSequence::new(0.05, 0.25);
        let mut widths = Vec::new();
        for n in 1..=100 {
            sequence.add(0.05 + 0.04 * (rng.random::<f64>() - 0.5));
            if n % 25 == 0 {
                widths.push(sequence.upper() - sequence.lower());
            }
        }
        assert!(widths.windows(2).all(|pair| pair[1] < pair[0]), "{widths:?}");
        assert!(sequence.lower() > 0.03 && sequence.upper() < 0.07, "{} {}", sequence.lower(), sequence.upper());
    }

    #[test]
    fn it_says_how_much_more_it_takes() {
        let mut sequence = ConfidenceSequence::new(0.05, 0.25);
        for _ in 0..4 {
            sequence.add(0.05);
        }
        let more = sequence.more_until(0.01, 1000).unwrap();
        for n in 0..more {
            assert!(sequence.lower() <= 0.01, "not after {n} of {more}");
            sequence.add(0.05);
        }
        assert!(sequence.lower() > 0.01 - 1e-9 && more > 3);
        assert_eq!(sequence.more_until(0.06, 1000), None);
    }

    proptest! {
        #[test]
        fn ends_never_move_apart(values in prop::collection::vec(-2.0_f64..2.0, 1..60)) {
            let mut sequence = ConfidenceSequence::new(0.05, 1.0);
            let (mut lower, mut upper) = (-1.0, 1.0);
            let mut mirrored = ConfidenceSequence::new(0.05, 1.0);
            for value in values {
                sequence.add(value);
                mirrored.add(-value);
                prop_assert!(lower <= sequence.lower() && sequence.upper() <= upper);
                (lower, upper) = (sequence.lower(), sequence.upper());
            }
            prop_assert_eq!(sequence.lower(), -mirrored.upper());
        }
    }
}
