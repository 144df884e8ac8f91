//! Which signals act on the items of a category, and how much on each item.
//!
//! # How it is learned
//! 1. *What is usual.* Demand of a day over eight weeks around it, by weekday, on days that were seen in full, without
//!    promotions, price cuts and holidays.
//! 2. *An item.* Quasi-Poisson regression of its demand over what is usual, all of its locations together (McCullagh &
//!    Nelder, 1989, *Generalized Linear Models*, chapter 9), by Newton's method.
//! 3. *A category.* Effects of its items are normal around a common one, which is normal around none: empirical Bayes, with
//!    the variance between items by moments (DerSimonian & Laird, 1986, *Controlled Clinical Trials* 7, 177-188). An item that
//!    says little has the effect of its category.
//! 4. *Whether it pays.* Each four weeks of the last half year are forecast from what was known before them, by the level
//!    of four weeks and the weekday, with and without the signal; as far ahead as it is known now it is known then, and
//!    beyond it is as before on average. A signal acts where the quasi-likelihood of the days gains by [`GAIN_MIN`] standard errors
//!    over days. Signals join one by one, the best first, [`N_ACTING_MAX`] at most.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::forecast::Observation;
use restock_core::{ItemIdx, LocationIdx, SeriesInput};
use restock_forecast::linear::solve_in_place;

use super::{CategoryEffects, Channel, Channels, Effects};
use crate::history::HistoryBuilder;

/// Days that are learned from.
const N_DAYS: usize = 420;

/// Days before a window that is forecast, at least.
const N_BEFORE: usize = 84;

/// Days of a window, and of the level before it.
const WINDOW: usize = 28;

/// Windows that are forecast, at most and at least.
const N_WINDOWS: [usize; 2] = [2, 6];

/// Standard errors by which a signal must gain: by chance one of a hundred does.
const GAIN_MIN: f64 = 2.33;

/// Signals that act on a category at most.
const N_ACTING_MAX: usize = 3;

/// Item-locations of a category on which signals are tried, and of an item from which its effect is learned.
const N_TRIED: usize = 48;
const N_OF_ITEM: usize = 16;

/// Standard deviation of the common effect of a category before anything is known: the logarithm of the factor of an anomaly
/// of 1.
const PRIOR_SD: f64 = 0.5;

/// Largest effect.
const EFFECT_MAX: f64 = 1.5;

/// Days on either side of a day that say what is usual.
const AROUND: usize = 28;

/// Learns what acts; nothing where no table tells of signals or events.
pub(crate) fn learn(dataset: &Dataset, history: &HistoryBuilder<'_>, channels: &Channels) -> Effects {
    if channels.is_empty() {
        return Effects::default();
    }
    let mut categories: BTreeMap<&str, BTreeMap<ItemIdx, Vec<LocationIdx>>> = BTreeMap::new();
    for (item, location) in history.pairs_with_sales() {
        let category = dataset.items[item.0 as usize].category.as_str();
        categories.entry(category).or_default().entry(item).or_default().push(location);
    }
    let categories: Vec<_> = categories.into_iter().collect();
    let learned = categories.par_iter().filter_map(|(category, items)| {
        let effects = of_category(dataset, history, channels, items)?;
        Some(((*category).to_owned(), effects))
    });
    Effects { of_categories: learned.collect::<Vec<_>>().into_iter().collect() }
}

fn of_category(
    dataset: &Dataset,
    history: &HistoryBuilder<'_>,
    channels: &Channels,
    items: &BTreeMap<ItemIdx, Vec<LocationIdx>>,
) -> Option<CategoryEffects> {
    let names: Vec<&Channel> = channels.names().collect();
    // What sells most says most.
    let n_rows = |(item, location): (ItemIdx, LocationIdx)| history.sales_rows(item, location).len();
    let mut tried: Vec<(ItemIdx, LocationIdx)> =
        items.iter().flat_map(|(item, at)| at.iter().map(move |location| (*item, *location))).collect();
    tried.sort_by_key(|pair| (std::cmp::Reverse(n_rows(*pair)), *pair));
    tried.truncate(N_TRIED);
    let read = |(item, location): (ItemIdx, LocationIdx), names: &[&Channel]| {
        Days::read(history, channels, names, item, location)
    };
    let mut by_item: BTreeMap<ItemIdx, Vec<Days>> = BTreeMap::new();
    for (pair, days) in tried.par_iter().map(|pair| (*pair, read(*pair, &names))).collect::<Vec<_>>() {
        if let Some(days) = days {
            by_item.entry(pair.0).or_default().push(days);
        }
    }
    let sample: Vec<Vec<Days>> = by_item.into_values().collect();
    let acting = acting(&sample, names.len());
    if acting.is_empty() {
        return None;
    }
    drop(sample);
    let names: Vec<&Channel> = acting.iter().map(|channel| names[*channel]).collect();
    let columns: Vec<usize> = (0..names.len()).collect();
    let of_items: Vec<(ItemIdx, Option<Fit>)> = items
        .par_iter()
        .map(|(item, at)| {
            let mut at: Vec<LocationIdx> = at.clone();
            at.sort_by_key(|location| (std::cmp::Reverse(n_rows((*item, *location))), *location));
            at.truncate(N_OF_ITEM);
            let days: Vec<Days> = at.into_iter().filter_map(|location| read((*item, location), &names)).collect();
            (*item, fit(&days, &columns, N_DAYS))
        })
        .collect();
    let fits: Vec<&Fit> = of_items.iter().filter_map(|(_, fit)| fit.as_ref()).collect();
    let common = common(&fits, columns.len());
    let of_items = of_items.iter().filter_map(|(item, fit)| {
        let item_id = dataset.items[item.0 as usize].item_id.clone();
        Some((item_id, believed(fit.as_ref()?, &common)))
    });
    let of_items: HashMap<String, Vec<f64>> = of_items.collect();
    let usual = common.iter().map(|common| common.mean).collect();
    Some(CategoryEffects { channels: names.into_iter().cloned().collect(), usual, of_items })
}

/// What is learned from of one item-location, day by day; the last day is the one before the plan.
struct Days {
    /// `[N_DAYS]`: demand, units.
    demand: Vec<f64>,
    /// `[N_DAYS]`: whether the day says what is usual.
    counts: Vec<bool>,
    /// `[n_channels][N_DAYS]`.
    anomalies: Vec<Vec<f32>>,
    /// `[n_channels]`: days ahead of which a channel is known.
    n_ahead: Vec<usize>,
    /// Weekday of the first day.
    weekday: usize,
}

impl Days {
    fn read(
        history: &HistoryBuilder<'_>,
        channels: &Channels,
        names: &[&Channel],
        item: ItemIdx,
        location: LocationIdx,
    ) -> Option<Self> {
        let as_of = history.as_of();
        let first = as_of.plus(-(N_DAYS as i32));
        let mut anomalies = Vec::with_capacity(names.len());
        for name in names {
            let found = channels.anomalies(name, location, first, N_DAYS);
            anomalies.push(found.map_or_else(|| vec![0.0; N_DAYS], |found| found.values));
        }
        if anomalies.iter().flatten().all(|value| *value == 0.0) {
            return None;
        }
        let series = history.build_recent(item, location, as_of, 1, N_DAYS).series;
        let n_before = N_DAYS - series.n_periods();
        let mut days = Self {
            demand: vec![0.0; N_DAYS],
            counts: vec![false; N_DAYS],
            anomalies,
            n_ahead: names.iter().map(|name| channels.n_ahead(name, location)).collect(),
            weekday: first.weekday_idx(),
        };
        // A local event is a holiday to forecasters as long as nobody knows what it does.
        let has_event = channels.event_days(location, first, N_DAYS);
        for idx in 0..series.n_periods() {
            let day = n_before + idx;
            days.demand[day] = series.demand[idx];
            days.counts[day] = series.observations[idx] == Observation::Full && is_plain(&series, idx, has_event[day]);
        }
        days.counts.contains(&true).then_some(days)
    }

    fn weekday_of(&self, idx: usize) -> usize {
        (self.weekday + idx) % 7
    }

    /// `[7]`: demand of each weekday over the mean, of the days before `end`, with two weeks of the mean added.
    fn weekdays(&self, end: usize) -> [f64; 7] {
        let (mut sums, mut counts) = ([0.0; 7], [0.0; 7]);
        for idx in (0..end).filter(|idx| self.counts[*idx]) {
            sums[self.weekday_of(idx)] += self.demand[idx];
            counts[self.weekday_of(idx)] += 1.0;
        }
        let mean = sums.iter().sum::<f64>() / f64::max(counts.iter().sum(), 1.0);
        if mean <= 0.0 {
            return [1.0; 7];
        }
        std::array::from_fn(|weekday| (sums[weekday] + 2.0 * mean) / (counts[weekday] * mean + 2.0 * mean))
    }

    /// `[end]`: what is usual on the days before `end`, units.
    fn usual(&self, end: usize) -> Vec<f64> {
        let weekdays = self.weekdays(end);
        let (mut sums, mut weights) = (vec![0.0; end + 1], vec![0.0; end + 1]);
        for idx in 0..end {
            let counts = f64::from(u8::from(self.counts[idx]));
            sums[idx + 1] = sums[idx] + counts * self.demand[idx];
            weights[idx + 1] = weights[idx] + counts * weekdays[self.weekday_of(idx)];
        }
        (0..end)
            .map(|idx| {
                let (low, high) = (idx.saturating_sub(AROUND), (idx + AROUND + 1).min(end));
                let weight: f64 = weights[high] - weights[low];
                weekdays[self.weekday_of(idx)] * (sums[high] - sums[low]).max(0.0) / weight.max(1.0)
            })
            .collect()
    }

    /// Variance of demand over its mean.
    fn dispersion(&self, usual: &[f64]) -> f64 {
        let counted = usual.iter().enumerate().filter(|(idx, _)| self.counts[*idx]);
        let (squares, sum) = counted.fold((0.0, 0.0), |(squares, sum), (idx, usual)| {
            (squares + (self.demand[idx] - usual).powi(2), sum + usual)
        });
        if sum > 0.0 { (squares / sum).max(0.1) } else { 1.0 }
    }

    /// Logarithm of the factor of a day.
    fn log_factor(&self, columns: &[usize], effects: &[f64], idx: usize) -> f64 {
        let parts =
            columns.iter().zip(effects).map(|(column, effect)| effect * f64::from(self.anomalies[*column][idx]));
        parts.sum::<f64>().clamp(-1.8, 1.8)
    }
}

/// Whether a day was without promotion, price cut and holiday, where local events are none.
fn is_plain(series: &SeriesInput, idx: usize, has_event: bool) -> bool {
    series.covariates.iter().all(|covariate| match covariate.name.as_str() {
        "promotion" => covariate.values[idx] == 0.0,
        "holiday" => has_event || covariate.values[idx] == 0.0,
        "price_log_ratio" => covariate.values[idx].abs() < 0.05,
        _ => true,
    })
}

/// Effects of channels on one item, by itself.
struct Fit {
    effects: Vec<f64>,
    variances: Vec<f64>,
}

/// Learns the effects of some channels on an item from the days before `end`; `None` where they say nothing.
fn fit(of_item: &[Days], columns: &[usize], end: usize) -> Option<Fit> {
    let n = columns.len();
    let usual: Vec<(Vec<f64>, f64)> = of_item
        .iter()
        .map(|days| {
            let usual = days.usual(end);
            let dispersion = days.dispersion(&usual);
            (usual, dispersion)
        })
        .collect();
    let mut effects = vec![0.0; n];
    let mut information = vec![0.0; n * n];
    for _ in 0..4 {
        let mut slope = vec![0.0; n];
        information.fill(0.0);
        for (days, (usual, dispersion)) in of_item.iter().zip(&usual) {
            for idx in (0..end).filter(|idx| days.counts[*idx] && usual[*idx] > 0.0) {
                let expected = usual[idx] * days.log_factor(columns, &effects, idx).exp();
                let weight = expected / dispersion;
                let error = (days.demand[idx] - expected) / dispersion;
                for (row, column) in columns.iter().enumerate() {
                    let anomaly = f64::from(days.anomalies[*column][idx]);
                    slope[row] += error * anomaly;
                    for (other, column) in columns.iter().enumerate() {
                        information[row * n + other] += weight * anomaly * f64::from(days.anomalies[*column][idx]);
                    }
                }
            }
        }
        // What was never seen stays at none: as if a little had been seen of it.
        (0..n).for_each(|idx| information[idx * n + idx] += 1e-3);
        let steps = solved(slope, &information)?;
        for (effect, step) in effects.iter_mut().zip(steps) {
            *effect = (*effect + step.clamp(-0.5, 0.5)).clamp(-EFFECT_MAX, EFFECT_MAX);
        }
    }
    let mut variances = Vec::with_capacity(n);
    for idx in 0..n {
        let mut one = vec![0.0; n];
        one[idx] = 1.0;
        variances.push(solved(one, &information)?[idx].max(1e-9));
    }
    Some(Fit { effects, variances })
}

/// What `information`, `[n × n]`, turns into `right`; `None` where nothing single does.
fn solved(mut right: Vec<f64>, information: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    solve_in_place(&mut information.to_vec(), &mut right, n).then_some(right)
}

/// What the items of a category have in common of one channel.
struct Common {
    mean: f64,
    /// Variance between items.
    between: f64,
}

/// `[n_channels]`.
fn common(fits: &[&Fit], n_channels: usize) -> Vec<Common> {
    (0..n_channels)
        .map(|channel| {
            let of = || fits.iter().map(|fit| (fit.effects[channel], fit.variances[channel]));
            let weighted = |between: f64, prior: f64| {
                let (sum, weight) = of().fold((0.0, prior), |(sum, weight), (effect, variance)| {
                    let own = 1.0 / (variance + between);
                    (sum + own * effect, weight + own)
                });
                if weight > 0.0 { sum / weight } else { 0.0 }
            };
            let fixed = weighted(0.0, 0.0);
            let (mut spread, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for (effect, variance) in of() {
                let weight = 1.0 / variance;
                spread += weight * (effect - fixed).powi(2);
                sum += weight;
                squares += weight * weight;
            }
            let excess = spread - (fits.len() as f64 - 1.0);
            let scale = if sum > 0.0 { sum - squares / sum } else { 0.0 };
            let between = if scale > 1e-12 { (excess / scale).max(0.0) } else { 0.0 };
            Common { mean: weighted(between, 1.0 / (PRIOR_SD * PRIOR_SD)), between }
        })
        .collect()
}

/// What is believed of the effects on an item.
fn believed(fit: &Fit, common: &[Common]) -> Vec<f64> {
    let of = |((effect, variance), common): ((&f64, &f64), &Common)| {
        let own = common.between / (common.between + variance);
        common.mean + own * (effect - common.mean)
    };
    fit.effects.iter().zip(&fit.variances).zip(common).map(of).collect()
}

/// The channels that pay, ascending by when they joined.
fn acting(sample: &[Vec<Days>], n_channels: usize) -> Vec<usize> {
    let mut acting: Vec<usize> = Vec::new();
    let mut gains: Vec<f64> = Vec::new();
    while acting.len() < N_ACTING_MAX {
        let others: Vec<usize> = (0..n_channels).filter(|channel| !acting.contains(channel)).collect();
        let tried = others.into_par_iter().map(|channel| {
            let columns: Vec<usize> = acting.iter().copied().chain([channel]).collect();
            let with = gains_by_day(sample, &columns);
            let more: Vec<f64> = match gains.is_empty() {
                true => with.clone(),
                false => with.iter().zip(&gains).map(|(with, without)| with - without).collect(),
            };
            (standard_errors(&more), channel, with)
        });
        let tried: Vec<(f64, usize, Vec<f64>)> = tried.collect();
        let best = tried.into_iter().max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        match best {
            Some((gain, channel, with)) if gain >= GAIN_MIN => {
                acting.push(channel);
                gains = with;
            }
            _ => break,
        }
    }
    acting
}

/// The mean over its standard error.
fn standard_errors(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    if variance > 0.0 { mean / (variance / n).sqrt() } else { 0.0 }
}

/// What the quasi-log-likelihood of each day of the windows gains over a forecast without effects, all items together; empty
/// where histories are too short.
fn gains_by_day(sample: &[Vec<Days>], columns: &[usize]) -> Vec<f64> {
    let first = sample.iter().flatten().filter_map(|days| days.counts.iter().position(|counts| *counts)).min();
    let n_known = N_DAYS - first.unwrap_or(N_DAYS);
    let n_windows = (n_known.saturating_sub(N_BEFORE) / WINDOW).min(N_WINDOWS[1]);
    if n_windows < N_WINDOWS[0] {
        return Vec::new();
    }
    let mut gains = Vec::with_capacity(n_windows * WINDOW);
    for window in (1..=n_windows).rev() {
        let origin = N_DAYS - window * WINDOW;
        let fits: Vec<Option<Fit>> = sample.iter().map(|days| fit(days, columns, origin)).collect();
        let known: Vec<&Fit> = fits.iter().flatten().collect();
        let common = common(&known, columns.len());
        let mut of_days = vec![0.0; WINDOW];
        for (of_item, fit) in sample.iter().zip(&fits) {
            let Some(fit) = fit else { continue };
            let effects = believed(fit, &common);
            for days in of_item {
                days.add_gains(columns, &effects, origin, &mut of_days);
            }
        }
        gains.extend(of_days);
    }
    gains
}

impl Days {
    /// Adds what effects gain on each day of the window from `origin` on. Of a channel that is not known so far ahead, the
    /// days are like those before on average.
    fn add_gains(&self, columns: &[usize], effects: &[f64], origin: usize, gains: &mut [f64]) {
        let weekdays = self.weekdays(origin);
        let (mut sold, mut plain, mut with) = (0.0, 0.0, 0.0);
        let mut each = vec![0.0; columns.len()];
        for idx in (origin - WINDOW..origin).filter(|idx| self.counts[*idx]) {
            let weight = weekdays[self.weekday_of(idx)];
            sold += self.demand[idx];
            plain += weight;
            with += weight * self.log_factor(columns, effects, idx).exp();
            for (sum, (column, effect)) in each.iter_mut().zip(columns.iter().zip(effects)) {
                *sum += weight * self.log_factor(&[*column], &[*effect], idx).exp();
            }
        }
        if sold <= 0.0 || plain <= 0.0 {
            return;
        }
        let dispersion = self.dispersion(&self.usual(origin));
        for (step, gain) in gains.iter_mut().enumerate() {
            let idx = origin + step;
            if !self.counts[idx] {
                continue;
            }
            let is_known = |nth: &usize| step < self.n_ahead[columns[*nth]];
            let (known, unknown): (Vec<usize>, Vec<usize>) = (0..columns.len()).partition(is_known);
            let (names, sizes): (Vec<usize>, Vec<f64>) = known.iter().map(|nth| (columns[*nth], effects[*nth])).unzip();
            let on_average: f64 = unknown.iter().map(|nth| each[*nth] / plain).product();
            let weight = weekdays[self.weekday_of(idx)];
            let expected = sold / plain * weight;
            let changed = sold / with * weight * on_average * self.log_factor(&names, &sizes, idx).exp();
            *gain += (self.demand[idx] * (changed / expected).ln() - (changed - expected)) / dispersion;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two items that say little, and differ by less than chance, have the effect of both; one that says much keeps its own.
    #[test]
    fn items_share_what_they_have_in_common() {
        let fit = |effect: f64, variance: f64| Fit { effects: vec![effect], variances: vec![variance] };
        let alike = [fit(0.2, 0.04), fit(0.3, 0.04)];
        let common_one = common(&alike.iter().collect::<Vec<_>>(), 1);
        assert_eq!(common_one[0].between, 0.0);
        assert_eq!(believed(&alike[0], &common_one), believed(&alike[1], &common_one));
        // 50 of weight for 0.25 on average, 4 for none.
        assert!((common_one[0].mean - 12.5 / 54.0).abs() < 1e-12, "{}", common_one[0].mean);
        let different = [fit(1.0, 0.001), fit(-1.0, 0.001), fit(0.0, 10.0)];
        let common_two = common(&different.iter().collect::<Vec<_>>(), 1);
        assert!(common_two[0].between > 0.5);
        assert!((believed(&different[0], &common_two)[0] - 1.0).abs() < 0.01);
        assert!(believed(&different[2], &common_two)[0].abs() < 0.1);
    }
}
