//! What people and other systems say about demand to come, at one item-location: overrides of its forecast, and forecasts
//! that stand in the place of the model's own.
//!
//! # Overrides
//! An override acts on the demand *distribution*, on every demand path, after recalibration and before other item-locations
//! are told what is asked of them, so that a dish's override reaches its ingredients.
//! 1. Each day follows one override: the narrowest (an item before a category, a longer category path before a shorter
//!    one, at a location before everywhere), and of equally narrow ones the last one said.
//! 2. A factor multiplies demand of each path and day. A total becomes a factor: the total over what is expected of its
//!    days. Of a span that has begun or reaches beyond the horizon, the total counts by its share of calendar days.
//!    Where nothing is expected on its days, the total is spread evenly over the open ones, as certain.
//!    A surge does too, and what of it is past is kept from the forecaster ([`PastSurge`]).
//! 3. Whole units stay whole: what rounding takes from one day is carried to the next, and from one path to the next, so
//!    that the sum over all paths is exact, and no path is off by more than one unit.
//!
//! # Forecasts of others
//! With `forecast.model = "external"`, a row stands in the place of the model's forecast of its period; where rows are
//! missing, the forecast of the fallback model stays, and the reason says so.
//! 1. Levels that are missing between two that are given lie on the line between them over normal scores, and those
//!    outside on the outermost line, never below 0.
//! 2. A row without quantiles has the shape of the fallback forecast, scaled to its mean (Poisson where that expects
//!    nothing); with a single quantile, scaled to that quantile.
//! 3. Without a mean, the mean is that of the quantiles, linear between levels and flat beyond them.
//! 4. Days depend on each other as the fallback forecaster says; where it does not forecast, a quarter of the variance is
//!    common to all periods.
//! 5. Planned uplifts of promotions are not added to given periods. Closed days sell nothing.

use std::collections::HashMap;

use restock_core::dataset::{Dataset, ForecastOverrideRow};
use restock_core::forecast::Dependence;
use restock_core::policy::DemandPaths;
use restock_core::said_demand::{DemandChange, OverrideKey, is_in_category};
use restock_core::settings::PlanSettings;
use restock_core::{Day, Forecast, ItemIdx, LocationIdx, N_LEVELS, QUANTILE_LEVELS, SeriesInput};
use restock_forecast::normal_quantile;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use statrs::distribution::{DiscreteCDF, Poisson};

use crate::batch::NO_MODEL;
use crate::history::{History, RowsByPair, rows_by_pair};
use crate::unit::PlanningUnit;

/// The name of the model that takes forecasts of other systems.
pub const EXTERNAL: &str = "external";

/// Expected demand below which there is nothing to scale, units.
const NOTHING: f64 = 1e-9;

/// An override that holds at an item-location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActingOverride {
    /// Names it: [`OverrideKey::id`].
    pub id: String,
    /// The item; `None` means every item (of `category`, where given).
    pub item_id: Option<String>,
    /// The location; `None` means every location.
    pub location_id: Option<String>,
    /// The category path whose items it is about.
    pub category: Option<String>,
    /// First day.
    pub from: Day,
    /// Last day; it has expired after it.
    pub to: Day,
    /// How demand differs from the forecast.
    pub change: DemandChange,
    /// Why.
    pub reason: String,
    /// Who says it; empty when unknown.
    pub author: String,
    /// When it was said, RFC 3339; `None` in files.
    pub said_at: Option<String>,
}

impl ActingOverride {
    /// Of a row of `dataset`.
    pub fn of(dataset: &Dataset, row: &ForecastOverrideRow) -> Self {
        let item_id = row.item.map(|idx| dataset.items[idx.0 as usize].item_id.clone());
        let location_id = row.location.map(|idx| dataset.locations[idx.0 as usize].location_id.clone());
        let key = OverrideKey { item_id, location_id, category: row.category.clone(), from: row.from, to: row.to };
        Self {
            id: key.id(),
            item_id: key.item_id,
            location_id: key.location_id,
            category: key.category,
            from: key.from,
            to: key.to,
            change: row.change,
            reason: row.reason.clone(),
            author: row.author.clone(),
            said_at: row.said_at.map(|at| at.to_string()),
        }
    }

    /// Whether it says a total, which needs no forecast.
    pub(crate) fn is_total(&self) -> bool {
        matches!(self.change, DemandChange::Quantity(_))
    }

    /// What it says, such as `×1.3, 2026-03-02 to 2026-03-08`.
    pub fn text(&self) -> String {
        let change = match self.change {
            DemandChange::Factor(factor) => format!("×{}", factor.normalize()),
            DemandChange::Surge(factor) => format!("surge ×{}", factor.normalize()),
            DemandChange::Quantity(quantity) => format!("{quantity} in all"),
        };
        format!("{change}, {} to {}", self.from, self.to)
    }
}

/// What another system expects in a future period.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenPeriod {
    /// Future periods before it.
    pub step: usize,
    /// Expected demand, units.
    pub mean: Option<f64>,
    /// Levels, ascending, with their quantiles, units.
    pub quantiles: Vec<(f64, f64)>,
}

/// What a past period was in a surge that people declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PastSurge {
    /// As usual.
    None,
    /// Part of one that lasts, with how many times the usual was declared, the mean over its days.
    Lasting(f64),
    /// Part of one that is over.
    Over,
}

/// Rows of what is said, by item.
#[derive(Clone, Debug, Default)]
pub(crate) struct SaidDemand {
    overrides: HashMap<Option<ItemIdx>, Vec<u32>>,
    /// Empty unless forecasts of others are wanted.
    given: RowsByPair,
}

impl SaidDemand {
    pub(crate) fn new(dataset: &Dataset, settings: &PlanSettings) -> Self {
        let mut overrides: HashMap<Option<ItemIdx>, Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.forecast_overrides.iter().enumerate() {
            overrides.entry(row.item).or_default().push(idx as u32);
        }
        let given = match settings.forecast_model == EXTERNAL {
            true => rows_by_pair(&dataset.forecasts, |row| Some((row.item, row.location))),
            false => RowsByPair::new(),
        };
        Self { overrides, given }
    }

    /// Item-locations of which something is said that needs no sales.
    pub(crate) fn pairs(&self, dataset: &Dataset, as_of: Day) -> Vec<(ItemIdx, LocationIdx)> {
        let totals = dataset.forecast_overrides.iter();
        let totals = totals.filter(|row| row.to >= as_of && matches!(row.change, DemandChange::Quantity(_)));
        let given = self.given.iter();
        let given = given.filter(|(_, rows)| rows.iter().any(|idx| dataset.forecasts[*idx as usize].day >= as_of));
        given.map(|(pair, _)| *pair).chain(totals.filter_map(|row| Some((row.item?, row.location?)))).collect()
    }

    /// The overrides of days from `first` on, those that hold against earlier ones last.
    pub(crate) fn overrides_of(
        &self,
        dataset: &Dataset,
        (item, location): (ItemIdx, LocationIdx),
        first: Day,
    ) -> Vec<ActingOverride> {
        if self.overrides.is_empty() {
            return Vec::new();
        }
        let category = dataset.items[item.0 as usize].category.as_str();
        let of = |item: Option<ItemIdx>| self.overrides.get(&item).into_iter().flatten();
        let mut rows: Vec<&ForecastOverrideRow> = of(None)
            .chain(of(Some(item)))
            .map(|idx| &dataset.forecast_overrides[*idx as usize])
            .filter(|row| {
                row.to >= first
                    && row.location.is_none_or(|at| at == location)
                    && row.category.as_ref().is_none_or(|path| is_in_category(category, path))
            })
            .collect();
        let narrow = |row: &ForecastOverrideRow| {
            (row.item.is_some(), row.category.as_ref().map_or(0, String::len), row.location.is_some())
        };
        rows.sort_by_key(|row| (narrow(row), row.said_at));
        rows.into_iter().map(|row| ActingOverride::of(dataset, row)).collect()
    }

    /// The surges of the past periods of a series; empty where there were none.
    pub(crate) fn past_surges(
        &self,
        dataset: &Dataset,
        pair: (ItemIdx, LocationIdx),
        series: &SeriesInput,
        as_of: Day,
    ) -> Vec<PastSurge> {
        let first = series.bucket.first_day(series.first_period);
        let rows = self.overrides_of(dataset, pair, first);
        if !rows.iter().any(|said| matches!(said.change, DemandChange::Surge(_))) {
            return Vec::new();
        }
        // Of several for a day the last holds, as for days to come.
        let of_day = |day: Day| {
            let said = rows.iter().rev().find(|said| (said.from..=said.to).contains(&day))?;
            match said.change {
                DemandChange::Surge(factor) => Some((factor.to_f64()?, said.to < as_of)),
                _ => None,
            }
        };
        let of_period = |idx: usize| {
            let period = series.first_period + idx as i32;
            let (from, to) = (series.bucket.first_day(period), series.bucket.last_day(period));
            let days: Vec<Option<(f64, bool)>> = (from.0..=to.0).map(|day| of_day(Day(day))).collect();
            match &days {
                days if days.iter().flatten().any(|(_, is_over)| *is_over) => PastSurge::Over,
                days if days.iter().all(Option::is_none) => PastSurge::None,
                days => {
                    let sum: f64 = days.iter().map(|day| day.map_or(1.0, |(factor, _)| factor)).sum();
                    PastSurge::Lasting(sum / days.len() as f64)
                }
            }
        };
        (0..series.n_periods()).map(of_period).collect()
    }

    /// What others expect of an item-location in the future periods of its history, ascending; of a period the last row.
    pub(crate) fn given_of(
        &self,
        dataset: &Dataset,
        pair: (ItemIdx, LocationIdx),
        history: &History,
    ) -> Vec<GivenPeriod> {
        let Some(rows) = self.given.get(&pair) else { return Vec::new() };
        let series = &history.series;
        let first = series.first_period + series.n_periods() as i32;
        let unit = 10_f64.powi(i32::from(dataset.items[pair.0.0 as usize].decimals));
        let mut given: std::collections::BTreeMap<usize, GivenPeriod> = std::collections::BTreeMap::new();
        for row in rows.iter().map(|idx| &dataset.forecasts[*idx as usize]) {
            let period = series.bucket.period_of(row.day);
            if period < first || series.bucket.first_day(period) != row.day {
                continue;
            }
            let step = (period - first) as usize;
            let quantiles = row.quantiles.iter().map(|(level, value)| (*level, value * unit)).collect();
            given.insert(step, GivenPeriod { step, mean: row.mean.map(|mean| mean * unit), quantiles });
        }
        given.into_values().collect()
    }
}

/// Puts what others expect in the place of a forecast. Returns a warning where periods are missing.
pub(crate) fn take_given(given: &[GivenPeriod], open_future: &[f32], forecast: &mut Forecast) -> Option<String> {
    let horizon = forecast.horizon();
    let is_open = |step: usize| open_future.get(step).is_none_or(|open| *open > 0.0);
    let n_open = (0..horizon).filter(|step| is_open(*step)).count();
    let n_given = given.iter().filter(|period| period.step < horizon && is_open(period.step)).count();
    let fallback = forecast.model.clone();
    if n_given == 0 && fallback == NO_MODEL {
        return None;
    }
    for period in given.iter().filter(|period| period.step < horizon) {
        let of_step = period.step * N_LEVELS..(period.step + 1) * N_LEVELS;
        let shape: [f64; N_LEVELS] = forecast.quantiles[of_step.clone()].try_into().expect("one value per level");
        let (mean, quantiles) = distribution(period, forecast.mean[period.step], &shape);
        forecast.mean[period.step] = mean;
        forecast.quantiles[of_step].copy_from_slice(&quantiles);
    }
    if fallback == NO_MODEL {
        forecast.dependence = Dependence { common: 0.25, phi: 0.0 };
    }
    if n_given > 0 {
        // How the fallback did says nothing about the forecasts of others.
        forecast.validation = None;
        forecast.model = if n_given == n_open { EXTERNAL.to_owned() } else { format!("{EXTERNAL}, else {fallback}") };
    }
    let reason = std::mem::take(&mut forecast.reason);
    forecast.reason = match n_given {
        n if n == n_open => "forecast of another system".to_owned(),
        0 => format!("no forecast of another system; {reason}"),
        n => format!("forecast of another system for {n} of {n_open} periods; {reason}"),
    };
    (n_given < n_open).then(|| {
        format!("another system forecasts {n_given} of {n_open} open periods: {fallback} stands in for the others")
    })
}

/// Mean and quantiles of a given period; `mean` and `shape` are those of the fallback forecast.
fn distribution(given: &GivenPeriod, mean: f64, shape: &[f64; N_LEVELS]) -> (f64, [f64; N_LEVELS]) {
    let scaled = |factor: f64| shape.map(|quantile| quantile * factor);
    match given.quantiles.as_slice() {
        [] => {
            let wanted = given.mean.unwrap_or(0.0);
            let quantiles = if mean > NOTHING { scaled(wanted / mean) } else { poisson(wanted) };
            (wanted, quantiles)
        }
        [(level, value)] => {
            let own = interpolated(*level, &QUANTILE_LEVELS.iter().copied().zip(*shape).collect::<Vec<_>>());
            let quantiles = if own > NOTHING { scaled(value / own) } else { poisson(*value) };
            let of_shape = if own > NOTHING { mean * value / own } else { *value };
            (given.mean.unwrap_or(of_shape), quantiles)
        }
        known => {
            let mut quantiles = QUANTILE_LEVELS.map(|level| interpolated(level, known));
            for idx in 1..N_LEVELS {
                quantiles[idx] = quantiles[idx].max(quantiles[idx - 1]);
            }
            (given.mean.unwrap_or_else(|| mean_of(&quantiles)), quantiles)
        }
    }
}

/// The quantile at a level on the lines between known ones over normal scores, the outermost going on; never below 0.
fn interpolated(level: f64, known: &[(f64, f64)]) -> f64 {
    if let Some((_, value)) = known.iter().find(|(known, _)| (known - level).abs() < 1e-9) {
        return *value;
    }
    let above = known.partition_point(|(known, _)| *known < level).clamp(1, known.len() - 1);
    let ((from, low), (to, high)) = (known[above - 1], known[above]);
    let score = |level: f64| normal_quantile(level.clamp(1e-6, 1.0 - 1e-6));
    let share = (score(level) - score(from)) / (score(to) - score(from)).max(1e-9);
    (low + (high - low) * share).max(0.0)
}

/// The mean of a distribution that is linear between its levels and flat beyond them.
fn mean_of(quantiles: &[f64; N_LEVELS]) -> f64 {
    let between: f64 = (1..N_LEVELS)
        .map(|idx| (QUANTILE_LEVELS[idx] - QUANTILE_LEVELS[idx - 1]) * (quantiles[idx] + quantiles[idx - 1]) / 2.0)
        .sum();
    between + QUANTILE_LEVELS[0] * quantiles[0] + (1.0 - QUANTILE_LEVELS[N_LEVELS - 1]) * quantiles[N_LEVELS - 1]
}

fn poisson(mean: f64) -> [f64; N_LEVELS] {
    match Poisson::new(mean) {
        Ok(poisson) if mean < 1e6 => QUANTILE_LEVELS.map(|level| poisson.inverse_cdf(level) as f64),
        _ => QUANTILE_LEVELS.map(|level| (mean + mean.max(0.0).sqrt() * normal_quantile(level)).max(0.0)),
    }
}

/// What overrides made of the demand of an item-location.
#[derive(Clone, Debug)]
pub(crate) struct Overridden {
    /// Its demand paths without them.
    pub(crate) baseline: DemandPaths,
    /// Those that hold on some day.
    pub(crate) acting: Vec<ActingOverride>,
    /// Overrides that can do nothing, in words.
    pub(crate) warnings: Vec<String>,
}

impl Overridden {
    /// The surge that holds on the days that an order protects: how many times the usual, and its last day.
    pub(crate) fn surge(&self, as_of: Day, protection: usize) -> Option<(String, Day)> {
        let last = as_of.plus(protection as i32 - 1);
        let of = |said: &ActingOverride| match said.change {
            DemandChange::Surge(factor) if said.from <= last && said.to >= as_of => {
                Some((factor.normalize().to_string(), said.to))
            }
            _ => None,
        };
        self.acting.iter().rev().find_map(of)
    }
}

/// How demand of a day changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum DayChange {
    Times(f64),
    Instead(f64),
}

/// Lets the overrides of a unit act on its demand paths, of whole days, and on its forecast.
pub(crate) fn override_paths(
    unit: &PlanningUnit,
    forecast: &mut Forecast,
    paths: &mut DemandPaths,
) -> Option<Overridden> {
    let n_days = paths.horizon;
    let step_of = |day: Day| i64::from(day.0) - i64::from(unit.as_of.0);
    let span = |said: &ActingOverride| {
        let (from, to) = (step_of(said.from).max(0), step_of(said.to).min(n_days as i64 - 1));
        if from <= to { from as usize..to as usize + 1 } else { 0..0 }
    };
    let mut holds: Vec<Option<usize>> = vec![None; n_days];
    for (idx, said) in unit.overrides.iter().enumerate() {
        holds[span(said)].fill(Some(idx));
    }
    let acting: Vec<usize> = (0..unit.overrides.len()).filter(|idx| holds.contains(&Some(*idx))).collect();
    if acting.is_empty() {
        return None;
    }
    let baseline = paths.clone();
    let (n_paths, open) = (baseline.n_paths(), unit.history.future_open_days());
    let mut changes = vec![DayChange::Times(1.0); n_days];
    let mut warnings = Vec::new();
    for idx in &acting {
        let said = &unit.overrides[*idx];
        let own: Vec<usize> = (0..n_days).filter(|day| holds[*day] == Some(*idx)).collect();
        let change = match said.change {
            DemandChange::Factor(factor) | DemandChange::Surge(factor) => {
                DayChange::Times(factor.to_f64().unwrap_or(1.0).max(0.0))
            }
            DemandChange::Quantity(quantity) => {
                let span = span(said);
                let share = span.len() as f64 / f64::from(said.to.0 - said.from.0 + 1);
                let total = quantity.to_f64().max(0.0) * 10_f64.powi(i32::from(unit.decimals)) * share;
                let of_path =
                    |path: usize| baseline.path(path)[span.clone()].iter().map(|units| f64::from(*units)).sum::<f64>();
                let expected = (0..n_paths).map(of_path).sum::<f64>() / n_paths as f64;
                let n_open = span.clone().filter(|day| open.get(*day).copied().unwrap_or(true)).count();
                if expected <= NOTHING && n_open == 0 && total > 0.0 {
                    warnings.push(format!("an override can do nothing, because its days are closed: {}", said.text()));
                }
                match expected > NOTHING {
                    true => DayChange::Times(total / expected),
                    false => DayChange::Instead(total / n_open.max(1) as f64),
                }
            }
        };
        for day in &own {
            changes[*day] = match change {
                DayChange::Instead(_) if !open.get(*day).copied().unwrap_or(true) => DayChange::Times(0.0),
                change => change,
            };
        }
        let mut carried = 0.0;
        for path in paths.values.chunks_exact_mut(n_days) {
            for day in &own {
                let exact = match changes[*day] {
                    DayChange::Times(factor) => f64::from(path[*day]) * factor,
                    DayChange::Instead(units) => units,
                };
                path[*day] = match forecast.count_valued {
                    false => exact as f32,
                    true => {
                        let whole = (exact + carried + 0.5).floor().max(0.0);
                        carried += exact - whole;
                        whole as f32
                    }
                };
            }
        }
    }
    scale_forecast(&unit.history, forecast, &changes);
    let acting = acting.into_iter().map(|idx| unit.overrides[idx].clone()).collect();
    Some(Overridden { baseline, acting, warnings })
}

/// Lets changes of days act on a forecast by periods, each by its share of the open days of its period.
fn scale_forecast(history: &History, forecast: &mut Forecast, changes: &[DayChange]) {
    let mut day = 0_usize;
    for (step, weights) in history.day_weights().iter().enumerate().take(forecast.horizon()) {
        let n_open: f64 = weights.iter().sum();
        let (mut factor, mut instead) = (0.0, 0.0);
        for weight in weights {
            // Days that are over stay as they were.
            let change = day.checked_sub(history.n_days_over).and_then(|ahead| changes.get(ahead));
            day += 1;
            match change.copied().unwrap_or(DayChange::Times(1.0)) {
                DayChange::Times(by) => factor += by * weight,
                DayChange::Instead(units) => instead += units,
            }
        }
        let factor = if n_open > 0.0 { factor / n_open } else { 1.0 };
        forecast.mean[step] = forecast.mean[step] * factor + instead;
        for quantile in &mut forecast.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS] {
            *quantile = *quantile * factor + instead;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_levels_stay_and_those_between_lie_on_lines() {
        let known = [(0.05, 1.0), (0.5, 5.0), (0.95, 9.0)];
        let given = GivenPeriod { step: 0, mean: None, quantiles: known.to_vec() };
        let (mean, quantiles) = distribution(&given, 3.0, &[3.0; N_LEVELS]);
        let at = |level: f64| quantiles[QUANTILE_LEVELS.iter().position(|known| *known == level).unwrap()];
        assert_eq!((at(0.05), at(0.5), at(0.95)), (1.0, 5.0, 9.0));
        // 0.9 is 1.2816 of 1.6449 standard deviations up.
        assert!((at(0.9) - (5.0 + 4.0 * 1.281_55 / 1.644_85)).abs() < 1e-3, "{quantiles:?}");
        assert!(at(0.99) > 9.0 && at(0.01) < 1.0 && quantiles.is_sorted() && quantiles[0] >= 0.0, "{quantiles:?}");
        // It is symmetric around 5, but for what is cut off at 0.
        assert!((mean - 5.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn a_mean_alone_has_the_shape_of_the_fallback() {
        let shape: [f64; N_LEVELS] = std::array::from_fn(|idx| idx as f64);
        let of = |mean, quantiles: &[(f64, f64)], fallback, shape: &[f64; N_LEVELS]| {
            distribution(&GivenPeriod { step: 0, mean, quantiles: quantiles.to_vec() }, fallback, shape)
        };
        let (mean, quantiles) = of(Some(12.0), &[], 6.0, &shape);
        assert_eq!((mean, quantiles), (12.0, shape.map(|quantile| quantile * 2.0)));
        let (mean, quantiles) = of(None, &[(0.5, 3.0)], 6.0, &shape);
        assert_eq!((mean, quantiles), (3.0, shape.map(|quantile| quantile / 2.0)));
        // The median of a Poisson of mean 4 is 4, its 95 % quantile 8.
        let (_, quantiles) = of(Some(4.0), &[], 0.0, &[0.0; N_LEVELS]);
        assert_eq!((quantiles[6], quantiles[11]), (4.0, 8.0));
        assert_eq!(of(Some(0.0), &[], 0.0, &[0.0; N_LEVELS]).1, [0.0; N_LEVELS]);
    }
}
