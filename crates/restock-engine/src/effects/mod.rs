//! What weather, local events and other signals do to demand, whatever model forecasts.
//!
//! # Model
//! Demand of a day is what it would be as usual times `exp(Σ β·a)` over the signals that act on the item. The anomaly `a`
//! of a signal is how far its value is from its mean of eight weeks around the day and from what is usual on the weekday,
//! in standard deviations (events: in parts of the largest magnitude). Season and rhythm of the week stay with the
//! forecaster; so does everything else.
//! 1. [`learn`] finds which signals act on the items of a category, and how much on each item.
//! 2. [`History::without_effects`] is what the forecaster reads: demand divided by its factor.
//! 3. [`ActingEffects::apply`] multiplies the forecast, all of its quantiles, by the factors of the days to come.
//!
//! # What is known of days to come
//! Rows with `known_in_future` are known whatever their day, and so are events. Other rows count up to the day of the
//! plan, and beyond it where the plan is for now: then they can only be a forecast of the weather. After the last day that
//! is known, a day is a mixture of 16 like it in the past, each the same weekday some weeks ago: the mean keeps its
//! expectation and the quantiles the width that the signal adds.
//!
//! # What stays with forecasters
//! Signals and holidays that do not act here, or where nothing pays, are covariates as they are. Histories by week or
//! month have no effects. How days depend on each other stays as the forecaster says.

mod channels;
mod learn;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use restock_core::forecast::Observation;
use restock_core::{Bucket, Day, Forecast, LocationIdx, N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use crate::history::History;
pub(crate) use channels::{Channel, Channels, implausible};
pub(crate) use learn::learn;

/// Largest total factor of a day, and its inverse the smallest.
const FACTOR_MAX: f64 = 6.0;

/// Past days that a day of which nothing is known may be like.
const N_ALIKE: usize = 16;

/// What signals do to all items.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Effects {
    /// By category.
    of_categories: HashMap<String, CategoryEffects>,
}

/// What signals do to the items of a category.
#[derive(Clone, Debug, Default, PartialEq)]
struct CategoryEffects {
    /// Those that act.
    channels: Vec<Channel>,
    /// `[n_channels]`: logarithm of the factor of an anomaly of 1, of an item that nothing is known of.
    usual: Vec<f64>,
    /// The same by item id.
    of_items: HashMap<String, Vec<f64>>,
}

impl Effects {
    /// Whether nothing acts on anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.of_categories.is_empty()
    }

    /// All that act on anything.
    pub(crate) fn acting(&self) -> BTreeSet<Channel> {
        self.of_categories.values().flat_map(|effects| &effects.channels).cloned().collect()
    }

    /// The signals that act on an item of a category.
    pub(crate) fn acting_on(&self, category: &str) -> &[Channel] {
        self.of_categories.get(category).map_or(&[], |effects| &effects.channels)
    }

    /// What acts on an item-location on its past days from `first_day` and the `horizon` days after them; `None` where
    /// nothing does.
    pub(crate) fn at(
        &self,
        channels: &Channels,
        (item_id, category): (&str, &str),
        location: LocationIdx,
        (first_day, n_past, horizon): (Day, usize, usize),
    ) -> Option<Box<ActingEffects>> {
        let effects = self.of_categories.get(category)?;
        let sizes = effects.of_items.get(item_id).unwrap_or(&effects.usual);
        let first_future = first_day.plus(n_past as i32);
        let mut past = vec![0.0; n_past];
        let mut future = vec![[0.0; N_ALIKE]; horizon];
        let mut is_known = vec![true; horizon];
        let mut acting = Vec::new();
        for (channel, size) in effects.channels.iter().zip(sizes) {
            // Days that unknown ones may be like lie before the history too.
            let n_before = 7 * N_ALIKE as i32;
            let from = first_day.plus(-n_before);
            let n_days = n_before as usize + n_past + horizon;
            let Some(anomalies) = channels.anomalies(channel, location, from, n_days) else { continue };
            let log = |idx: usize| size * f64::from(anomalies.values[idx]);
            let own = n_before as usize;
            past.iter_mut().enumerate().for_each(|(idx, sum)| *sum += log(own + idx));
            let mut factors = Vec::with_capacity(horizon);
            for step in 0..horizon {
                let idx = own + n_past + step;
                if idx < anomalies.n_known {
                    future[step].iter_mut().for_each(|sum| *sum += log(idx));
                    factors.push(log(idx).exp());
                    continue;
                }
                is_known[step] = false;
                // The same weekday, from the last one that is known on back, a week apart.
                let weeks_back = (idx + 1 - anomalies.n_known.min(own + n_past)).div_ceil(7);
                for (nth, sum) in future[step].iter_mut().enumerate() {
                    *sum += idx.checked_sub(7 * (weeks_back + nth)).map_or(0.0, log);
                }
            }
            acting.push(ActingEffect { name: channel.text(), first_day: first_future, factors });
        }
        if acting.is_empty() {
            return None;
        }
        let factor = |log: f64| log.exp().clamp(1.0 / FACTOR_MAX, FACTOR_MAX);
        let of_day = |(logs, is_known): (&[f64; N_ALIKE], &bool)| match is_known {
            true => vec![factor(logs[0])],
            false => logs.iter().map(|log| factor(*log)).collect(),
        };
        Some(Box::new(ActingEffects {
            past: past.into_iter().map(factor).collect(),
            future: future.iter().zip(&is_known).map(of_day).collect(),
            acting,
        }))
    }
}

/// What signals do to the demand of one item-location.
#[derive(Clone, Debug, PartialEq)]
pub struct ActingEffects {
    /// `[n_periods]`: factor of each past day.
    past: Vec<f64>,
    /// `[horizon]`: factor of each day to come; several equally likely ones where it is not known.
    future: Vec<Vec<f64>>,
    /// One by one.
    pub(crate) acting: Vec<ActingEffect>,
}

/// What one signal does to the demand of one item-location.
#[derive(Clone, Debug, PartialEq)]
pub struct ActingEffect {
    /// The signal or event.
    pub(crate) name: String,
    /// The day of the plan.
    first_day: Day,
    /// Factor of each day to come, as far as it is known.
    factors: Vec<f64>,
}

impl ActingEffect {
    /// The day before `n_days` are over on which it does most of what it does to all of them, and its factor; `None` where it
    /// does next to nothing. `adds` is what it [adds](Self::adds) to them.
    pub(crate) fn largest(&self, n_days: usize, adds: f64) -> Option<(Day, f64)> {
        let known = self.factors.iter().take(n_days).enumerate();
        let known = known.filter(|(_, factor)| (**factor > 1.0) == (adds > 0.0));
        let (step, factor) = known.max_by(|(_, a), (_, b)| a.ln().abs().total_cmp(&b.ln().abs()))?;
        (factor.ln().abs() >= 0.005).then(|| (self.first_day.plus(step as i32), *factor))
    }

    /// What it adds to the demand of the first `n_days` days, which is `mean`.
    pub(crate) fn adds(&self, mean: &[f64], n_days: usize) -> f64 {
        self.factors.iter().zip(mean).take(n_days).map(|(factor, mean)| mean * (1.0 - 1.0 / factor)).sum()
    }
}

impl ActingEffects {
    /// Multiplies a forecast of what is as usual by the factors of the days to come.
    pub fn apply(&self, forecast: &mut Forecast) {
        for (step, factors) in self.future.iter().enumerate().take(forecast.horizon()) {
            let mean = factors.iter().sum::<f64>() / factors.len() as f64;
            forecast.mean[step] *= mean;
            let quantiles = &mut forecast.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            if let [factor] = factors.as_slice() {
                quantiles.iter_mut().for_each(|quantile| *quantile *= factor);
            } else {
                let mixed = mixture(quantiles, factors);
                quantiles.copy_from_slice(&mixed);
            }
        }
    }
}

/// Quantiles of a distribution of which each of some factors is as likely as another. Each level stands for what lies nearer
/// to it than to any other.
fn mixture(quantiles: &[f64], factors: &[f64]) -> [f64; N_LEVELS] {
    let edge = |idx: usize| match idx {
        0 => 0.0,
        N_LEVELS => 1.0,
        idx => (QUANTILE_LEVELS[idx - 1] + QUANTILE_LEVELS[idx]) / 2.0,
    };
    let mut parts: Vec<(f64, f64)> = Vec::with_capacity(quantiles.len() * factors.len());
    for factor in factors {
        for (idx, quantile) in quantiles.iter().enumerate() {
            parts.push((quantile * factor, (edge(idx + 1) - edge(idx)) / factors.len() as f64));
        }
    }
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The middle of each part lies at its level; between them the quantile function is a line.
    let (mut below, mut next, mut before) = (0.0, 0, (0.0, parts[0].0));
    let mut mixed = [0.0; N_LEVELS];
    for (value, weight) in parts {
        let at = below + weight / 2.0;
        while next < N_LEVELS && QUANTILE_LEVELS[next] <= at {
            let (from, low) = before;
            let share = if at > from { (QUANTILE_LEVELS[next] - from) / (at - from) } else { 1.0 };
            mixed[next] = low + (value - low) * share;
            next += 1;
        }
        (below, before) = (below + weight, (at, value));
    }
    mixed[next..].fill(before.1);
    mixed
}

impl History {
    /// What a forecaster reads: the series as if every day had been as usual.
    pub fn without_effects(&self) -> Cow<'_, SeriesInput> {
        let Some(effects) = self.effects.as_deref().filter(|_| self.series.bucket == Bucket::Day) else {
            return Cow::Borrowed(&self.series);
        };
        let mut series = self.series.clone();
        for (idx, factor) in effects.past.iter().enumerate().take(series.n_periods()) {
            if matches!(series.observations[idx], Observation::Full | Observation::Censored) {
                series.demand[idx] /= factor;
                series.sales[idx] /= factor;
            }
        }
        Cow::Owned(series)
    }

    /// Lets signals act on a forecast of [`Self::without_effects`].
    pub fn with_effects(&self, forecast: &mut Forecast) {
        if let Some(effects) = &self.effects {
            effects.apply(forecast);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_factor_scales_and_equal_ones_change_nothing() {
        let quantiles: Vec<f64> = (0..N_LEVELS).map(|idx| 2.0 + idx as f64).collect();
        for (mixed, own) in mixture(&quantiles, &[2.0; 4]).iter().zip(&quantiles) {
            // A part that lies in the middle of its weight is off by less than half a step between levels.
            assert!((mixed - 2.0 * own).abs() <= 1.0, "{mixed} {own}");
        }
        let mixed = mixture(&quantiles, &[0.5, 2.0]);
        assert!(mixed.is_sorted() && mixed[0] < 2.0 && mixed[N_LEVELS - 1] > 20.0, "{mixed:?}");
        // Half of it is below the median of 8, twice the other half above.
        assert!(mixed[6] > 5.0 && mixed[6] < 8.0, "{mixed:?}");
    }
}
