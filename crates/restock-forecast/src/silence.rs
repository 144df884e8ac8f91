//! A history that ends without demand: the item is away, or gone.
//!
//! After some weeks of silence every smoothing model has learnt that nothing sells, and its distribution knows nothing
//! of the old level. But items come back, mostly at that level, and it is the returns that empty shelves. So a silence
//! that the demand before it does not explain is its own state, and the forecast is a mixture: still silent, or demand
//! as before it.
//!
//! How long it lasts follows the scale-free rule `P(lasts r + s | lasted r) = r / (r + s)` (Gott, 1993, "Implications of
//! the Copernican principle"), which has no parameter. Measured in the year before the test windows, within 28 days
//! end, of silences of 14-28, 28-56 and 56-112 days: M5 48, 38, 40 %; Online Retail 53, 39, 21 %; the rule says 58, 40,
//! 26 %. Of car parts silent for 7-14 and 14-28 months, 70 and 38 % sell within 6 months; the rule says 38 and 23 %.

use restock_core::forecast::Dependence;
use restock_core::{Bucket, N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use crate::models::{Model, Predictive, WeightedQuantiles, interpolate_level, is_usable};

/// A silence counts where demand as before it would show one so long with a probability below e⁻⁷, about 1 in 1,000.
const SURPRISE_MIN: f64 = 7.0;
/// Fewest periods without demand.
const LENGTH_MIN: usize = 3;
/// Usable periods before the silence that say how often demand came.
const WINDOW: usize = 91;
/// Fewest of them with demand for "demand as before" to be something known.
const N_SALES_MIN: usize = 5;
/// Correlation of normal scores between periods: who is back stays back.
const COMMON: f64 = 0.9;

/// A silence at the end of a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Silence {
    /// Usable periods without demand.
    length: usize,
    /// The first position after the last demand.
    begin: usize,
    /// Whether enough demand was seen before it to say what would come back.
    established: bool,
    /// Whether it has lasted so long that nothing is expected to come back.
    ended: bool,
}

impl Silence {
    /// The silence at the end of `..end`, if demand before it does not explain it. Estimated demand of an empty shelf
    /// counts as demand.
    pub(crate) fn find(series: &SeriesInput, end: usize) -> Option<Self> {
        let usable = |position: &usize| is_usable(series.observations[*position]);
        let last = (0..end).rev().filter(usable).find(|position| series.demand[*position] > 0.0)?;
        let length = (last + 1..end).filter(usable).count();
        if length < LENGTH_MIN {
            return None;
        }
        let (mut n, mut n_sales) = (0, 0);
        for position in (0..=last).rev().filter(usable).take(WINDOW) {
            n += 1;
            n_sales += usize::from(series.demand[position] > 0.0);
        }
        // One pseudo-period without demand keeps the share below 1.
        let share = n_sales as f64 / (n + 1) as f64;
        if -(length as f64) * (1.0 - share).ln() < SURPRISE_MIN {
            return None;
        }
        // Half a year; months are few, and spare parts come back after a year.
        let length_max = if series.bucket == Bucket::Month { 24 } else { (182.0 / series.bucket.days()) as usize };
        Some(Self { length, begin: last + 1, established: n_sales >= N_SALES_MIN, ended: length > length_max })
    }

    /// The forecast of `end..end + horizon`: `usual`, or where it is known demand as before the silence, mixed with
    /// none.
    pub(crate) fn forecast(
        &self,
        series: &SeriesInput,
        end: usize,
        horizon: usize,
        usual: impl FnOnce() -> Predictive,
    ) -> Predictive {
        if self.ended {
            return Predictive::zero(horizon);
        }
        let away = end - self.begin;
        let before =
            if self.established { WeightedQuantiles.predict(series, self.begin, away + horizon) } else { None };
        let mut predictive = match before {
            Some(before) => Predictive {
                mean: before.mean[away..].to_vec(),
                quantiles: before.quantiles[away * N_LEVELS..].to_vec(),
            },
            None => usual(),
        };
        for step in 0..horizon {
            let back = self.share_back(step);
            predictive.mean[step] *= back;
            let quantiles = &mut predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            let before: [f64; N_LEVELS] = std::array::from_fn(|idx| quantiles[idx]);
            for (quantile, level) in quantiles.iter_mut().zip(QUANTILE_LEVELS) {
                // P(demand <= x) = 1 - back + back · F(x).
                let inner = (level - 1.0 + back) / back;
                *quantile = if inner <= 0.0 { 0.0 } else { interpolate_level(&before, inner) };
            }
        }
        predictive
    }

    /// Probability that the silence has ended by step `step` of the horizon.
    fn share_back(&self, step: usize) -> f64 {
        let more = (step + 1) as f64;
        more / (self.length as f64 + more)
    }

    /// Dependence between the periods ahead.
    pub(crate) fn dependence(dependence: Dependence) -> Dependence {
        Dependence { common: dependence.common.max(COMMON), ..dependence }
    }

    /// The state in words.
    pub(crate) fn reason(&self, horizon: usize) -> String {
        match self.ended {
            true => format!("no demand for {} periods: taken as ended", self.length),
            false => format!(
                "no demand for {} periods: {:.0} % likely to be back within {horizon}",
                self.length,
                100.0 * self.share_back(horizon - 1)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auto::Auto;
    use crate::paths::sample_paths;
    use restock_core::forecast::Observation;
    use restock_core::{Forecast, ForecastRequest, Forecaster};

    fn series(demand: Vec<f64>) -> SeriesInput {
        SeriesInput {
            key: 1,
            sales: demand.clone(),
            observations: vec![Observation::Full; demand.len()],
            demand,
            first_period: 0,
            bucket: Bucket::Day,
            covariates: vec![],
            open_future: vec![1.0; 28],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    /// 300 days of `usual`, then `length` days of nothing.
    fn silent(usual: impl Fn(usize) -> f64, length: usize) -> SeriesInput {
        series((0..300).map(usual).chain(vec![0.0; length]).collect())
    }

    fn forecast(series: &SeriesInput) -> Forecast {
        Auto::default().forecast(std::slice::from_ref(series), &ForecastRequest { horizon: 28, seed: 1 }).remove(0)
    }

    /// An item that sold ten a day and is away for four weeks: half of the paths have it back within the next four, and
    /// those that have it back sell as before.
    #[test]
    fn an_item_that_is_away_may_come_back_at_its_old_level() {
        let forecast = forecast(&silent(|t| 8.0 + (t % 5) as f64, 28));
        let total = sample_paths(&forecast, 1024, 1).total(0, 28);
        let share_back = total.scenarios().iter().filter(|demand| **demand > 20.0).count() as f64 / 1024.0;
        assert!((0.4..0.6).contains(&share_back), "{share_back}");
        // Rounding to whole units, which keeps the mean, leaves a stray unit on some silent paths.
        assert!(total.quantile(0.3) <= 2.0, "{}", total.quantile(0.3));
        // 28 days of 10 are 280, of the largest demand seen, 12, 336, and a little lies beyond what was seen.
        assert!((180.0..380.0).contains(&total.quantile(0.99)), "{}", total.quantile(0.99));
        assert!(forecast.reason.contains("50 % likely"), "{}", forecast.reason);
    }

    #[test]
    fn the_longer_away_the_less_likely_back() {
        let mut last = f64::INFINITY;
        for length in [7, 14, 28, 56, 112, 168] {
            let mean: f64 = forecast(&silent(|_| 10.0, length)).mean.iter().sum();
            assert!(mean < 0.9 * last && mean > 0.0, "after {length} days: {mean}, before {last}");
            last = mean;
        }
        let ended = forecast(&silent(|_| 10.0, 190));
        assert!(ended.mean.iter().chain(&ended.quantiles).all(|value| *value == 0.0), "{ended:?}");
        assert!(ended.reason.ends_with("taken as ended"), "{}", ended.reason);
    }

    /// Where nothing sells on most days, a few more such days are no silence, and closed days are none at all.
    #[test]
    fn usual_gaps_are_no_silence() {
        let rare = silent(|t| f64::from(u8::from(t % 20 == 0)), 60);
        assert_eq!(Silence::find(&rare, 360), None);
        let mut closed = silent(|_| 10.0, 28);
        closed.observations[300..].fill(Observation::Closed);
        assert_eq!(Silence::find(&closed, 328), None);
        assert!(Silence::find(&silent(|_| 10.0, 28), 328).is_some());
        assert_eq!(Silence::find(&series(vec![]), 0), None);
        assert_eq!(Silence::find(&series(vec![0.0; 50]), 50), None);
    }
}
