//! Scores of one forecast of a total against what came: quantile loss, coverage and probability integral transform.
//!
//! A forecast is known at [`QUANTILE_LEVELS`] only. Between them the quantile function is a line; beyond the first and the
//! last it goes on as an exponential tail through the two outermost quantiles, never below zero. Where demand comes in
//! whole units, a quantile is the nearest whole number to that line, so a count `y` takes the levels of `y - ½` to `y + ½`.

use restock_core::score::quantile_loss;
use restock_core::{N_LEVELS, QUANTILE_LEVELS};
use serde::{Deserialize, Serialize};

const LAST: usize = N_LEVELS - 1;

/// The forecast of demand over a whole interval: quantiles of the sum, not sums of quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntervalForecast {
    /// Expected demand, units.
    pub mean: f64,
    /// `[N_LEVELS]`: quantiles at [`QUANTILE_LEVELS`], units, at least 0 and non-decreasing.
    pub quantiles: [f64; N_LEVELS],
    /// Whether demand comes in whole units.
    pub count_valued: bool,
}

/// Levels that a quantile function gives to one value: one level for continuous demand, a range for a count or an atom.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pit {
    /// Probability of less, `P(Y < y)`.
    pub low: f64,
    /// Probability of that much or less, `P(Y <= y)`.
    pub high: f64,
}

impl Pit {
    /// The randomised probability integral transform (Czado, Gneiting & Held, 2009), uniform for a forecast that is right;
    /// `uniform` is a random number from 0 to 1.
    pub fn randomised(self, uniform: f64) -> f64 {
        self.low + uniform * (self.high - self.low)
    }

    /// How far the quantile of `level` covers the value: 1 where it lies above, 0 where it lies below. Where it *is* the
    /// value, the share of the value's levels up to `level`: the probability with which the randomised transform is covered.
    pub fn covered_at(self, level: f64) -> f64 {
        if level < self.low {
            0.0
        } else if level >= self.high {
            1.0
        } else {
            (level - self.low) / (self.high - self.low)
        }
    }
}

impl IntervalForecast {
    /// Whether quantiles are finite, at least 0 and in order.
    pub fn is_valid(&self) -> bool {
        self.mean.is_finite()
            && self.quantiles[0] >= 0.0
            && self.quantiles[LAST].is_finite()
            && self.quantiles.windows(2).all(|pair| pair[0] <= pair[1])
    }

    /// The quantile at any level, units: 0 at level 0 and below, infinite at level 1 and above.
    ///
    /// ```
    /// use restock_adapt::IntervalForecast;
    /// let quantiles = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0];
    /// let forecast = IntervalForecast { mean: 7.0, quantiles, count_valued: false };
    /// assert_eq!(forecast.quantile_at(0.5), 7.0);
    /// assert!((forecast.quantile_at(0.85) - 10.5).abs() < 1e-9);
    /// ```
    pub fn quantile_at(&self, level: f64) -> f64 {
        if level <= 0.0 {
            return 0.0;
        }
        if level >= 1.0 {
            return f64::INFINITY;
        }
        let quantiles = &self.quantiles;
        let value = if level < QUANTILE_LEVELS[0] {
            (quantiles[0] + self.low_tail() * (level / QUANTILE_LEVELS[0]).ln()).max(0.0)
        } else if level > QUANTILE_LEVELS[LAST] {
            quantiles[LAST] - self.high_tail() * ((1.0 - level) / (1.0 - QUANTILE_LEVELS[LAST])).ln()
        } else {
            let above = QUANTILE_LEVELS.iter().position(|at| *at >= level).expect("a level up to the last");
            if QUANTILE_LEVELS[above] == level {
                quantiles[above]
            } else {
                let share =
                    (level - QUANTILE_LEVELS[above - 1]) / (QUANTILE_LEVELS[above] - QUANTILE_LEVELS[above - 1]);
                quantiles[above - 1] + share * (quantiles[above] - quantiles[above - 1])
            }
        };
        if self.count_valued { value.round() } else { value }
    }

    /// The levels that the forecast gives to `actual`, units.
    pub fn pit(&self, actual: f64) -> Pit {
        if self.count_valued {
            return Pit { low: self.level_of(actual - 0.5), high: self.level_of(actual + 0.5) };
        }
        let high = self.level_of(actual);
        let Some(first) = self.quantiles.iter().position(|quantile| *quantile >= actual) else {
            return Pit { low: high, high };
        };
        let low = if actual <= 0.0 {
            0.0
        } else if self.quantiles[first] > actual {
            high
        } else if first == 0 && self.low_tail() == 0.0 {
            0.0
        } else {
            QUANTILE_LEVELS[first]
        };
        Pit { low, high }
    }

    /// The highest level whose quantile, before rounding, is not above `value`.
    fn level_of(&self, value: f64) -> f64 {
        if value < 0.0 {
            return 0.0;
        }
        let quantiles = &self.quantiles;
        if value < quantiles[0] {
            let tail = self.low_tail();
            return if tail > 0.0 { QUANTILE_LEVELS[0] * ((value - quantiles[0]) / tail).exp() } else { 0.0 };
        }
        let last = quantiles.iter().rposition(|quantile| *quantile <= value).expect("the first is not above");
        if last == LAST {
            let tail = self.high_tail();
            let beyond = if tail > 0.0 {
                (1.0 - QUANTILE_LEVELS[LAST]) * (-(value - quantiles[LAST]) / tail).exp()
            } else {
                0.0
            };
            return 1.0 - beyond;
        }
        let share = (value - quantiles[last]) / (quantiles[last + 1] - quantiles[last]);
        QUANTILE_LEVELS[last] + share * (QUANTILE_LEVELS[last + 1] - QUANTILE_LEVELS[last])
    }

    /// Scale of the exponential tail below the first quantile, units.
    fn low_tail(&self) -> f64 {
        (self.quantiles[1] - self.quantiles[0]) / (QUANTILE_LEVELS[1] / QUANTILE_LEVELS[0]).ln()
    }

    /// Scale of the exponential tail above the last quantile, units.
    fn high_tail(&self) -> f64 {
        let ratio = (1.0 - QUANTILE_LEVELS[LAST - 1]) / (1.0 - QUANTILE_LEVELS[LAST]);
        (self.quantiles[LAST] - self.quantiles[LAST - 1]) / ratio.ln()
    }
}

/// Quantile loss and coverage, summed over outcomes that were seen in full, and bias.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutcomeSums {
    /// Outcomes seen in full.
    pub n_seen: u64,
    /// Outcomes of which only a lower bound is known; they count below where the bound decides.
    pub n_censored: u64,
    /// Demand of outcomes seen in full, units.
    pub demand: f64,
    /// Expected demand of the same, units.
    pub expected: f64,
    /// `Σ mean_τ 2ρ_τ` over levels .1 to .9, units: the numerator of WQL.
    pub quantile_loss: f64,
    /// `[N_LEVELS]`: outcomes below the quantile.
    pub below: [f64; N_LEVELS],
    /// `[N_LEVELS]`: outcomes that are the quantile, which only counts and atoms can be.
    pub equal: [f64; N_LEVELS],
}

impl OutcomeSums {
    /// Adds an outcome: demand in units, a lower bound of it where `is_censored`.
    pub fn add(&mut self, forecast: &IntervalForecast, actual: f64, is_censored: bool) {
        if is_censored {
            self.n_censored += 1;
            return;
        }
        self.n_seen += 1;
        self.demand += actual;
        self.expected += forecast.mean;
        self.quantile_loss += quantile_loss(&[actual], &forecast.quantiles);
        for (idx, quantile) in forecast.quantiles.iter().enumerate() {
            self.below[idx] += f64::from(actual < *quantile);
            self.equal[idx] += f64::from(actual == *quantile);
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.n_seen += other.n_seen;
        self.n_censored += other.n_censored;
        self.demand += other.demand;
        self.expected += other.expected;
        self.quantile_loss += other.quantile_loss;
        for idx in 0..N_LEVELS {
            self.below[idx] += other.below[idx];
            self.equal[idx] += other.equal[idx];
        }
    }

    /// Weighted quantile loss; `None` without demand.
    pub fn wql(&self) -> Option<f64> {
        (self.demand > 0.0).then(|| self.quantile_loss / self.demand)
    }

    /// Relative bias, positive for over-forecast; `None` without demand.
    pub fn bias(&self) -> Option<f64> {
        (self.demand > 0.0).then(|| (self.expected - self.demand) / self.demand)
    }

    /// Shares of outcomes below, and at or below, each quantile: a right forecast has its level between them. `None`
    /// without outcomes.
    pub fn coverage(&self) -> Option<[(f64, f64); N_LEVELS]> {
        let n = self.n_seen as f64;
        (self.n_seen > 0)
            .then(|| std::array::from_fn(|idx| (self.below[idx] / n, (self.below[idx] + self.equal[idx]) / n)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forecast(quantiles: [f64; N_LEVELS], count_valued: bool) -> IntervalForecast {
        IntervalForecast { mean: quantiles[6], quantiles, count_valued }
    }

    #[test]
    fn counts_take_a_range_of_levels() {
        let few = forecast([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0], true);
        // Zero up to level .3 and one from .4 on: the change is put half-way.
        let zero = few.pit(0.0);
        assert!(zero.low == 0.0 && (zero.high - 0.35).abs() < 1e-12, "{zero:?}");
        let one = few.pit(1.0);
        assert!((one.low - 0.35).abs() < 1e-12 && (one.high - 0.75).abs() < 1e-12, "{one:?}");
        assert_eq!((few.quantile_at(0.34), few.quantile_at(0.36)), (0.0, 1.0));
        assert_eq!((one.covered_at(0.2), one.covered_at(0.8)), (0.0, 1.0));
        assert!((one.covered_at(0.45) - 0.25).abs() < 1e-12, "a quarter of the way from .35 to .75");
        assert_eq!(one.randomised(0.0), one.low);
    }

    #[test]
    fn a_constant_forecast_says_nothing_about_the_constant() {
        for count_valued in [false, true] {
            let constant = forecast([7.0; N_LEVELS], count_valued);
            assert_eq!(constant.pit(7.0), Pit { low: 0.0, high: 1.0 });
            assert_eq!(constant.pit(9.0), Pit { low: 1.0, high: 1.0 });
            assert_eq!(constant.pit(5.0), Pit { low: 0.0, high: 0.0 });
        }
    }

    /// Quantiles all 4 against demand 5: `Σ_τ 2·τ·1` over .1 to .9 is 9, and 9 / 9 / 5 is the WQL of restock-forecast.
    #[test]
    fn sums_are_the_metrics_of_evaluations() {
        let mut sums = OutcomeSums::default();
        sums.add(&forecast([4.0; N_LEVELS], true), 5.0, false);
        assert_eq!((sums.wql(), sums.bias()), (Some(0.2), Some(-0.2)));
        let mut other = OutcomeSums::default();
        other.add(&forecast([4.0; N_LEVELS], true), 4.0, false);
        other.add(&forecast([4.0; N_LEVELS], true), 4.0, true);
        sums.merge(&other);
        assert_eq!((sums.n_seen, sums.n_censored), (2, 1));
        assert_eq!(sums.coverage().unwrap()[3], (0.0, 0.5));
        assert_eq!(OutcomeSums::default().coverage(), None);
    }

    fn any_forecast() -> impl Strategy<Value = IntervalForecast> {
        (prop::collection::vec(0.0_f64..20.0, N_LEVELS), any::<bool>()).prop_map(|(mut quantiles, count_valued)| {
            if count_valued {
                quantiles.iter_mut().for_each(|quantile| *quantile = (*quantile / 4.0).round());
            }
            quantiles.sort_by(f64::total_cmp);
            forecast(quantiles.try_into().unwrap(), count_valued)
        })
    }

    proptest! {
        #[test]
        fn levels_and_quantiles_are_inverse(forecast in any_forecast(), level in 0.001_f64..0.999) {
            let quantile = forecast.quantile_at(level);
            let pit = forecast.pit(quantile);
            prop_assert!(pit.low <= level + 1e-9 && level <= pit.high + 1e-9, "{pit:?} at {level}, quantile {quantile}");
            for (idx, at) in QUANTILE_LEVELS.iter().enumerate() {
                prop_assert_eq!(forecast.quantile_at(*at), forecast.quantiles[idx]);
            }
        }

        #[test]
        fn more_demand_has_higher_levels(forecast in any_forecast(), actual in 0_u32..40, more in 0_u32..5) {
            let (less, more) = (forecast.pit(f64::from(actual)), forecast.pit(f64::from(actual + more)));
            prop_assert!(less.low <= more.low && less.high <= more.high);
            prop_assert!(0.0 <= less.low && less.low <= less.high && less.high <= 1.0);
        }
    }
}
