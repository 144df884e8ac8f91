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
//! 1. Shares `θ` are a fixed mixture rather than a plug-in estimate: the interval depends on the observations alone, and
//!    the best share costs no more than the logarithm of how many there are.
//! 2. [`Bounded`] observations have bounds of their own, known before they are made. Each bet is a share of what that
//!    observation can lose, so that something with little to lose and much to win is found out soon.

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

/// An observation with bounds that were known before it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    /// What was observed.
    pub value: f64,
    /// The least that it could have been.
    pub low: f64,
    /// The most that it could have been.
    pub high: f64,
}

/// Logarithm of the wealth of someone who bets that means are more than `m`. If none of them is, given the observations
/// before it, it ever reaches `ln(1/δ)` with probability `δ` at most. Where `m` is no more than the least that an
/// observation could have been, nothing is bet on it.
pub fn log_wealth_above(observations: &[Bounded], m: f64) -> f64 {
    let mut wealth = [0.0; SHARES.len()];
    for Bounded { value, low, .. } in observations.iter().filter(|one| one.low < m) {
        let bet = (value.max(*low) - m) / (m - low);
        for (wealth, share) in wealth.iter_mut().zip(SHARES) {
            *wealth += (share * bet).ln_1p();
        }
    }
    log_mean(&wealth)
}

/// Ends of an interval of the mean of observations, each of which misses it with probability `delta` at most, at all times
/// together. The lower end is at least 0, or the least that they could have been where it cannot be shown to be 0: what
/// is asked is whether a mean is positive.
pub fn positive_interval(observations: &[Bounded], delta: f64) -> (f64, f64) {
    let threshold = -delta.ln();
    let low = observations.iter().map(|one| one.low).fold(0.0, f64::min);
    let high = observations.iter().map(|one| one.high).fold(0.0, f64::max);
    let is_above = |m: f64| log_wealth_above(observations, m) >= threshold;
    let lower = if is_above(0.0) { last_where(0.0, high, is_above) } else { low };
    // The same for the negative of each, with one bound, so that wealth falls in `m`.
    let mirrored: Vec<Bounded> =
        observations.iter().map(|one| Bounded { value: -one.value, low: -high, high: -low }).collect();
    let is_below = |m: f64| log_wealth_above(&mirrored, -m) >= threshold;
    (lower, last_where(high, low, is_below))
}

/// The point between `from` and `to` up to which something holds.
fn last_where(mut from: f64, mut to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..32 {
        let middle = 0.5 * (from + to);
        if holds(middle) {
            from = middle;
        } else {
            to = middle;
        }
    }
    from
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

    /// The same two with the bounds of each: at m = 0, of which the first can lose 1 and the second .5, shares θ give
    /// (1 + θ/2)(1 - θ/2). Nothing is bet where nothing can be lost.
    #[test]
    fn bets_are_shares_of_what_can_be_lost() {
        let observations =
            [Bounded { value: 0.5, low: -1.0, high: 1.0 }, Bounded { value: -0.25, low: -0.5, high: 9.0 }];
        let by_hand = SHARES.map(|share| (1.0 + share / 2.0) * (1.0 - share / 2.0)).iter().sum::<f64>() / 5.0;
        assert!((log_wealth_above(&observations, 0.0) - by_hand.ln()).abs() < 1e-12);
        let sure = Bounded { value: 0.5, low: 0.0, high: 1.0 };
        assert_eq!(log_wealth_above(&[sure; 9], 0.0), 0.0);
        // Of common bounds it is the interval of the sequence above, one end at a time.
        let mut sequence = ConfidenceSequence::new(0.05, 1.0);
        let same: Vec<Bounded> = [0.6, 0.7, 0.5, 0.8, 0.6, 0.7, 0.5, 0.9]
            .repeat(3)
            .into_iter()
            .inspect(|value| sequence.add(*value))
            .map(|value| Bounded { value, low: -1.0, high: 1.0 })
            .collect();
        let (lower, upper) = positive_interval(&same, 0.025);
        assert!(lower > 0.0 && (lower - sequence.lower()).abs() < 1e-6, "{lower} {}", sequence.lower());
        // The sequence keeps the narrowest end so far.
        assert!((-1e-6..0.02).contains(&(upper - sequence.upper())), "{upper} {}", sequence.upper());
        let (lower, upper) = positive_interval(&same[..2], 0.025);
        assert_eq!(lower, -1.0, "nothing is shown yet");
        assert!(upper > 0.9);
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
