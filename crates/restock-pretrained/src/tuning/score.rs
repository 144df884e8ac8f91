//! Tuned against zero-shot on the same windows: the evidence without which nothing is kept.

use restock_forecast::evaluate::{Estimate, EvaluateOptions, bootstrap};
use restock_forecast::metrics::{N_WQL_LEVELS, ScoreSums, WQL_LEVELS};
use serde::{Deserialize, Serialize};

/// The least share by which a tuned model must lower the scaled quantile loss.
pub const LEAST_IMPROVEMENT: f64 = 0.01;

/// Scores of one model, each with its interval over series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Scaled quantile loss, mean over windows.
    pub sql: Estimate,
    /// Weighted quantile loss.
    pub wql: Estimate,
}

/// Scores of a tuned model beside those of the model as shipped, on windows that were not trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The model as shipped.
    pub zero_shot: Scores,
    /// The tuned model.
    pub tuned: Scores,
    /// Share by which the scaled quantile loss is lower, of the same series; negative where it is higher.
    pub improvement: Estimate,
    /// Series scored.
    pub n_series: usize,
    /// Forecast origins of each series.
    pub n_origins: usize,
    /// Periods forecast from each origin.
    pub horizon: usize,
    /// Level of the intervals.
    pub ci_level: f64,
}

impl Evidence {
    /// The scores of the same series under two models, `[n_series]` each.
    pub fn new(zero_shot: &[ScoreSums], tuned: &[ScoreSums], options: &EvaluateOptions) -> Self {
        assert_eq!(zero_shot.len(), tuned.len());
        let ratio = ratio_of(&pairs(zero_shot, tuned), options);
        Self {
            zero_shot: Scores::new(zero_shot, options),
            tuned: Scores::new(tuned, options),
            improvement: Estimate { value: 1.0 - ratio.value, low: 1.0 - ratio.high, high: 1.0 - ratio.low },
            n_series: zero_shot.iter().filter(|sums| 0.0 < sums.n_periods).count(),
            n_origins: options.n_origins,
            horizon: options.horizon,
            ci_level: options.ci_level,
        }
    }

    /// Whether the tuned model may be kept: its scaled quantile loss is lower by [`LEAST_IMPROVEMENT`] or more, its
    /// interval says it is lower at all, and the weighted quantile loss, where the big sellers count, is no higher.
    pub fn is_better(&self) -> bool {
        // False where a score is not a number.
        LEAST_IMPROVEMENT <= self.improvement.value
            && 0.0 < self.improvement.low
            && self.tuned.wql.value <= self.zero_shot.wql.value
    }
}

impl Scores {
    /// The scores of a model, from the sums of each series.
    pub fn new(sums: &[ScoreSums], options: &EvaluateOptions) -> Self {
        let sql: Vec<(f64, f64)> = sums.iter().map(|sums| (sums.sql, sums.n_scaled)).collect();
        let wql: Vec<(f64, f64)> = sums.iter().map(|sums| (loss(sums), sums.actual)).collect();
        Self { sql: ratio_of(&sql, options), wql: ratio_of(&wql, options) }
    }
}

fn loss(sums: &ScoreSums) -> f64 {
    2.0 * sums.pinball[WQL_LEVELS].iter().sum::<f64>() / N_WQL_LEVELS as f64
}

/// `[n_series]`: scaled losses of the tuned model and of the model as shipped.
fn pairs(zero_shot: &[ScoreSums], tuned: &[ScoreSums]) -> Vec<(f64, f64)> {
    tuned.iter().zip(zero_shot).map(|(tuned, zero_shot)| (tuned.sql, zero_shot.sql)).collect()
}

fn ratio_of(pairs: &[(f64, f64)], options: &EvaluateOptions) -> Estimate {
    let (numerator, denominator) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    bootstrap(numerator / denominator, pairs, options)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn sums(sql: f64, demand: f64) -> ScoreSums {
        let mut sums = ScoreSums { n_periods: 7.0, n_scaled: 1.0, sql, actual: demand, ..ScoreSums::default() };
        sums.pinball = [sql * demand / 2.0; restock_core::N_LEVELS];
        sums
    }

    /// Evidence of 40 series whose scaled losses the tuned model multiplies by `factor` of their index.
    pub(crate) fn evidence(factor: impl Fn(usize) -> f64) -> Evidence {
        let zero_shot: Vec<ScoreSums> = (0..40).map(|idx| sums(0.5 + 0.01 * idx as f64, 10.0)).collect();
        let tuned: Vec<ScoreSums> = (0..40).map(|idx| sums((0.5 + 0.01 * idx as f64) * factor(idx), 10.0)).collect();
        Evidence::new(&zero_shot, &tuned, &EvaluateOptions { n_bootstrap: 200, ..EvaluateOptions::default() })
    }

    #[test]
    fn an_equal_gain_of_every_series_is_sure() {
        let better = evidence(|_| 0.97);
        assert!((better.improvement.value - 0.03).abs() < 1e-9 && (better.improvement.low - 0.03).abs() < 1e-9);
        assert!(better.is_better());
        assert!(!evidence(|_| 0.995).is_better(), "half a percent is too little");
    }

    #[test]
    fn a_gain_of_a_few_series_is_not_enough() {
        // Three series gain a lot, as many lose a lot: nearly 2 % on average, and chance could have done it.
        let lucky = evidence(|idx| {
            if idx % 13 == 12 {
                0.2
            } else if idx % 13 == 3 {
                1.5
            } else {
                1.0
            }
        });
        assert!(LEAST_IMPROVEMENT < lucky.improvement.value && lucky.improvement.low < 0.0, "{lucky:?}");
        assert!(!lucky.is_better());
    }
}
