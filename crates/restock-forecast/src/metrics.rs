//! One definition of each forecast metric.
//!
//! Bias is forecast minus actual: **positive means over-forecast**. The median is the point forecast of MASE and WAPE,
//! the mean that of RMSSE, bias, tracking signal and periods-in-stock, because each is what its loss asks for. Ratios
//! of several series are made from summed numerators and summed denominators, never by averaging ratios; the two
//! exceptions, MASE and SQL, are averages over series by definition.

pub use restock_core::score::{N_WQL_LEVELS, WQL_LEVELS, pinball, quantile_loss};
use restock_core::{N_LEVELS, QUANTILE_LEVELS};

/// The levels at which lead-time demand is scored.
pub const LEAD_TIME_LEVELS: [f64; 6] = [0.5, 0.8, 0.9, 0.95, 0.975, 0.99];

/// Mean absolute in-sample error of the seasonal naive forecast, `mean |y[t] - y[t - season]|`: the scale of MASE and
/// SQL (Hyndman & Koehler, 2006). 0.0 when the history is no longer than a season.
pub fn seasonal_error(history: &[f64], season: usize) -> f64 {
    mean_of(history, season, |difference| difference.abs())
}

/// Mean squared in-sample error of the seasonal naive forecast, the square of the scale of RMSSE.
pub fn seasonal_squared_error(history: &[f64], season: usize) -> f64 {
    mean_of(history, season, |difference| difference * difference)
}

fn mean_of(history: &[f64], season: usize, loss: impl Fn(f64) -> f64) -> f64 {
    assert!(season > 0, "a season has at least one period");
    if history.len() <= season {
        return 0.0;
    }
    let sum: f64 = history.iter().skip(season).zip(history).map(|(now, before)| loss(now - before)).sum();
    sum / (history.len() - season) as f64
}

/// Mean absolute scaled error of one series: `mean |y - q.5|` over `scale` ([`seasonal_error`]); `None` when the scale
/// or the number of periods is 0.
pub fn mase(actual: &[f64], median: &[f64], scale: f64) -> Option<f64> {
    assert_eq!(actual.len(), median.len());
    (scale > 0.0 && !actual.is_empty()).then(|| absolute_error(actual, median) / actual.len() as f64 / scale)
}

/// Root mean squared scaled error of one series (M5): `sqrt(mean (y - mean)² / squared_scale)`, with
/// [`seasonal_squared_error`] as the squared scale.
pub fn rmsse(actual: &[f64], mean: &[f64], squared_scale: f64) -> Option<f64> {
    assert_eq!(actual.len(), mean.len());
    let squared: f64 = actual.iter().zip(mean).map(|(y, forecast)| (forecast - y).powi(2)).sum();
    (squared_scale > 0.0 && !actual.is_empty()).then(|| (squared / actual.len() as f64 / squared_scale).sqrt())
}

/// Weighted absolute percentage error, `Σ|y - forecast| / Σ|y|`.
pub fn wape(actual: &[f64], forecast: &[f64]) -> Option<f64> {
    let total: f64 = actual.iter().map(|y| y.abs()).sum();
    (total > 0.0).then(|| absolute_error(actual, forecast) / total)
}

/// Relative bias, `Σ(forecast - y) / Σy`: positive means over-forecast.
pub fn bias(actual: &[f64], forecast: &[f64]) -> Option<f64> {
    let total: f64 = actual.iter().sum();
    (total > 0.0).then(|| (forecast.iter().sum::<f64>() - total) / total)
}

/// Tracking signal, `Σ(forecast - y) / mean |forecast - y|`: between minus and plus the number of periods.
pub fn tracking_signal(actual: &[f64], forecast: &[f64]) -> Option<f64> {
    let deviation = absolute_error(actual, forecast) / actual.len() as f64;
    (deviation > 0.0).then(|| (forecast.iter().sum::<f64>() - actual.iter().sum::<f64>()) / deviation)
}

/// Periods in stock (Wallström & Segerstedt, 2010), `-Σ_t Σ_{i≤t} (y_i - forecast_i)`: the unit-periods that a
/// fictitious stock fed by the forecast would have stood on the shelf; negative for a stock-out.
pub fn periods_in_stock(actual: &[f64], forecast: &[f64]) -> f64 {
    assert_eq!(actual.len(), forecast.len());
    let (mut stock, mut sum) = (0.0, 0.0);
    for (y, forecast) in actual.iter().zip(forecast) {
        stock += forecast - y;
        sum += stock;
    }
    sum
}

/// Weighted quantile loss over levels .1 to .9: `Σ_τ 2 Σ ρ_τ(y, q_τ) / (9 Σ|y|)`, with `quantiles` period-major
/// `[n_periods × N_LEVELS]`.
pub fn wql(actual: &[f64], quantiles: &[f64]) -> Option<f64> {
    let total: f64 = actual.iter().map(|y| y.abs()).sum();
    (total > 0.0).then(|| quantile_loss(actual, quantiles) / total)
}

/// Scaled quantile loss of one series: the mean over periods and levels .1 to .9 of `2ρ_τ`, over `scale`
/// ([`seasonal_error`]).
pub fn sql(actual: &[f64], quantiles: &[f64], scale: f64) -> Option<f64> {
    (scale > 0.0 && !actual.is_empty()).then(|| quantile_loss(actual, quantiles) / actual.len() as f64 / scale)
}

/// The share of actuals at or below each quantile, `[N_LEVELS]`; well calibrated continuous forecasts give
/// [`QUANTILE_LEVELS`] back, counts lie above them at low levels (P(y <= 0) may be .6 where the .1 quantile is 0).
pub fn coverage(actual: &[f64], quantiles: &[f64]) -> [f64; N_LEVELS] {
    assert_eq!(quantiles.len(), actual.len() * N_LEVELS);
    let mut below = [0.0; N_LEVELS];
    for (y, quantiles) in actual.iter().zip(quantiles.chunks_exact(N_LEVELS)) {
        for (count, quantile) in below.iter_mut().zip(quantiles) {
            *count += f64::from(y <= quantile);
        }
    }
    below.map(|count| count / actual.len() as f64)
}

fn absolute_error(actual: &[f64], forecast: &[f64]) -> f64 {
    assert_eq!(actual.len(), forecast.len());
    actual.iter().zip(forecast).map(|(y, forecast)| (y - forecast).abs()).sum()
}

/// Pinball loss of lead-time demand at one number of periods, summed over windows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeadTimeSums {
    /// Windows scored.
    pub n_windows: f64,
    /// Demand in them, units.
    pub actual: f64,
    /// `[LEAD_TIME_LEVELS]`: pinball loss, units.
    pub pinball: [f64; 6],
    /// `[LEAD_TIME_LEVELS]`: windows whose demand was at or below the quantile.
    pub below: [f64; 6],
}

impl LeadTimeSums {
    /// Adds one window: its demand and its quantiles at [`LEAD_TIME_LEVELS`].
    pub fn add(&mut self, actual: f64, quantiles: &[f64; 6]) {
        self.n_windows += 1.0;
        self.actual += actual;
        for (idx, level) in LEAD_TIME_LEVELS.iter().enumerate() {
            self.pinball[idx] += pinball(*level, actual, quantiles[idx]);
            self.below[idx] += f64::from(actual <= quantiles[idx]);
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.n_windows += other.n_windows;
        self.actual += other.actual;
        for idx in 0..6 {
            self.pinball[idx] += other.pinball[idx];
            self.below[idx] += other.below[idx];
        }
    }
}

/// Numerators and denominators of every metric; sums of sums are the metrics of a group of series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreSums {
    /// Periods scored.
    pub n_periods: f64,
    /// `Σ|y|`, units.
    pub actual: f64,
    /// `Σ|y - median|`, units.
    pub absolute_error: f64,
    /// `Σ(mean - y)`, units.
    pub error: f64,
    /// `Σ|y - mean|`, units.
    pub absolute_error_of_mean: f64,
    /// Periods in stock of the mean, unit-periods.
    pub periods_in_stock: f64,
    /// `[N_LEVELS]`: `Σρ_τ`, units.
    pub pinball: [f64; N_LEVELS],
    /// `[N_LEVELS]`: periods with demand at or below the quantile.
    pub below: [f64; N_LEVELS],
    /// Windows (a series at an origin) that have a seasonal error to scale by.
    pub n_scaled: f64,
    /// Sum of MASE over those windows.
    pub mase: f64,
    /// Sum of squared RMSSE over those windows.
    pub rmsse_squared: f64,
    /// Sum of SQL over those windows.
    pub sql: f64,
    /// Lead-time demand, one entry per lead time of the evaluation.
    pub lead_times: Vec<LeadTimeSums>,
}

impl ScoreSums {
    /// Adds one window: actual demand `[n]`, expected demand `[n]`, quantiles `[n × N_LEVELS]`, and the scales of the
    /// history before it (0.0 leaves the window out of the scaled metrics).
    pub fn add(&mut self, actual: &[f64], mean: &[f64], quantiles: &[f64], scale: f64, squared_scale: f64) {
        assert_eq!(actual.len(), mean.len());
        assert_eq!(actual.len() * N_LEVELS, quantiles.len());
        if actual.is_empty() {
            return;
        }
        let median: Vec<f64> =
            quantiles.chunks_exact(N_LEVELS).map(|quantiles| quantiles[restock_core::forecast::MEDIAN_IDX]).collect();
        self.n_periods += actual.len() as f64;
        self.actual += actual.iter().map(|y| y.abs()).sum::<f64>();
        self.absolute_error += absolute_error(actual, &median);
        self.absolute_error_of_mean += absolute_error(actual, mean);
        self.error += mean.iter().sum::<f64>() - actual.iter().sum::<f64>();
        self.periods_in_stock += periods_in_stock(actual, mean);
        for (y, quantiles) in actual.iter().zip(quantiles.chunks_exact(N_LEVELS)) {
            for idx in 0..N_LEVELS {
                self.pinball[idx] += pinball(QUANTILE_LEVELS[idx], *y, quantiles[idx]);
                self.below[idx] += f64::from(*y <= quantiles[idx]);
            }
        }
        if let (Some(mase), Some(rmsse), Some(sql)) =
            (mase(actual, &median, scale), rmsse(actual, mean, squared_scale), sql(actual, quantiles, scale))
        {
            self.n_scaled += 1.0;
            self.mase += mase;
            self.rmsse_squared += rmsse * rmsse;
            self.sql += sql;
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.n_periods += other.n_periods;
        self.actual += other.actual;
        self.absolute_error += other.absolute_error;
        self.absolute_error_of_mean += other.absolute_error_of_mean;
        self.error += other.error;
        self.periods_in_stock += other.periods_in_stock;
        for idx in 0..N_LEVELS {
            self.pinball[idx] += other.pinball[idx];
            self.below[idx] += other.below[idx];
        }
        self.n_scaled += other.n_scaled;
        self.mase += other.mase;
        self.rmsse_squared += other.rmsse_squared;
        self.sql += other.sql;
        self.lead_times.resize(self.lead_times.len().max(other.lead_times.len()), LeadTimeSums::default());
        for (sums, other) in self.lead_times.iter_mut().zip(&other.lead_times) {
            sums.merge(other);
        }
    }

    /// Mean absolute scaled error, averaged over windows; NaN without a scaled window.
    pub fn mase(&self) -> f64 {
        self.mase / self.n_scaled
    }

    /// Root of the mean squared scaled error over windows.
    pub fn rmsse(&self) -> f64 {
        (self.rmsse_squared / self.n_scaled).sqrt()
    }

    /// Scaled quantile loss, averaged over windows.
    pub fn sql(&self) -> f64 {
        self.sql / self.n_scaled
    }

    /// Weighted quantile loss; NaN without demand.
    pub fn wql(&self) -> f64 {
        2.0 * self.pinball[WQL_LEVELS].iter().sum::<f64>() / N_WQL_LEVELS as f64 / self.actual
    }

    /// Weighted absolute percentage error of the median.
    pub fn wape(&self) -> f64 {
        self.absolute_error / self.actual
    }

    /// Relative bias of the mean, positive for over-forecast.
    pub fn bias(&self) -> f64 {
        self.error / self.actual
    }

    /// Tracking signal of the mean.
    pub fn tracking_signal(&self) -> f64 {
        self.error / (self.absolute_error_of_mean / self.n_periods)
    }

    /// Share of periods with demand at or below each quantile, `[N_LEVELS]`.
    pub fn coverage(&self) -> [f64; N_LEVELS] {
        self.below.map(|count| count / self.n_periods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(value: Option<f64>, expected: f64) {
        let value = value.expect("a value");
        assert!((value - expected).abs() < 1e-12, "{value} is not {expected}");
    }

    /// Worked by hand: history 1 2 3 5 8 with season 1 has differences 1 1 2 3.
    #[test]
    fn golden_values() {
        let history = [1.0, 2.0, 3.0, 5.0, 8.0];
        assert_eq!(seasonal_error(&history, 1), 7.0 / 4.0);
        assert_eq!(seasonal_squared_error(&history, 1), 15.0 / 4.0);
        assert_eq!(seasonal_error(&history, 5), 0.0);
        let (actual, forecast) = ([10.0, 0.0, 5.0], [8.0, 1.0, 5.0]);
        close(mase(&actual, &forecast, 1.75), 1.0 / 1.75);
        close(rmsse(&actual, &forecast, 3.75), (5.0_f64 / 3.0 / 3.75).sqrt());
        close(wape(&actual, &forecast), 3.0 / 15.0);
        close(bias(&actual, &forecast), -1.0 / 15.0);
        close(tracking_signal(&actual, &forecast), -1.0);
        // Fictitious stock: -2, -1, -1.
        assert_eq!(periods_in_stock(&actual, &forecast), -4.0);
        assert_eq!(mase(&actual, &forecast, 0.0), None);
        assert_eq!(wape(&[0.0], &[1.0]), None);
    }

    /// All quantiles 4 against demand 5: Σ_τ 2·τ·1 over .1 to .9 is 9, so WQL is 9 / 9 / 5; against 3 by symmetry 1 / 3.
    #[test]
    fn quantile_losses() {
        let quantiles = [4.0; N_LEVELS];
        close(wql(&[5.0], &quantiles), 0.2);
        close(wql(&[3.0], &quantiles), 1.0 / 3.0);
        close(sql(&[5.0], &quantiles, 2.0), 0.5);
        assert_eq!(coverage(&[5.0], &quantiles), [0.0; N_LEVELS]);
        assert_eq!(coverage(&[4.0], &quantiles), [1.0; N_LEVELS]);
    }

    #[test]
    fn groups_sum_numerators_and_denominators() {
        let quantiles = [4.0; N_LEVELS];
        let (mut one, mut other) = (ScoreSums::default(), ScoreSums::default());
        one.add(&[5.0], &[4.0], &quantiles, 2.0, 4.0);
        other.add(&[95.0], &[96.0], &[95.0; N_LEVELS], 0.0, 0.0);
        one.merge(&other);
        assert!((one.wql() - 1.0 / 100.0).abs() < 1e-12);
        assert_eq!(one.bias(), 0.0);
        assert_eq!(one.mase(), 0.5);
        assert_eq!(one.n_scaled, 1.0);
    }

    proptest! {
        /// The empirical quantile minimises pinball loss, so no other constant does better.
        #[test]
        fn the_quantile_minimises_pinball(mut sample in prop::collection::vec(0.0_f64..100.0, 1..40), other in 0.0_f64..100.0) {
            for level in QUANTILE_LEVELS {
                sample.sort_by(f64::total_cmp);
                let rank = ((sample.len() as f64 * level).ceil() as usize).clamp(1, sample.len());
                let loss = |quantile: f64| sample.iter().map(|y| pinball(level, *y, quantile)).sum::<f64>();
                prop_assert!(loss(sample[rank - 1]) <= loss(other) + 1e-9);
            }
        }
    }
}
