//! A dynamic count regression: level × season × covariates, with negative binomial errors.
//!
//! Demand of period `t` is negative binomial with mean `level_t · exp(x_t' β)`, where `x_t` holds the weekday (or
//! month), two yearly waves where two years are known, and the covariates of the series: price, promotion, holiday
//! and the user's own. The level is discounted gamma-Poisson (Harvey & Fernandes, 1989, section 3): `a ← ω a + y`,
//! `b ← ω b + exp(x' β)`, level `a / b`, so a promotion week raises `a` and `b` alike and does not raise the level
//! after it. `β` maximises the quasi-Poisson likelihood with a ridge penalty, given a two-sided smooth level: effects
//! that were rarely seen stay close to none.
//!
//! Read top to bottom: constants, design, regression, level, dispersion, prediction, drivers.
//!
//! # Differences from the paper
//! 1. The discount ω is not estimated: levels under five discounts are averaged with their likelihoods as weights.
//! 2. The spread is not the one the filter implies (almost Poisson, too narrow for retail) but estimated from past
//!    errors at short and long lead, and so widens with the horizon.
//! 3. Effects are capped at a factor of [`EFFECT_MAX`], and a future covariate beyond anything seen counts as the
//!    nearest value seen (half as far again for continuous ones).

use restock_core::{Bucket, N_LEVELS, SeriesInput};

use super::distribution::{
    fill_count_quantiles, fill_gamma_quantiles, fill_intermittent_quantiles, fill_mixture_quantiles,
};
use super::history::{phase, usable_season};
use super::{History, Model, Predictive};
use crate::linear::solve_in_place;

/// The count regression.
pub struct NegativeBinomial;

/// Longest history used, in days: two years, so that yearly waves are seen twice.
const WINDOW_DAYS: f64 = 731.0;
/// Fewest usable periods.
const N_MIN: usize = 8;
/// The combined effect of covariates on demand lies within `1 / EFFECT_MAX` and `EFFECT_MAX`.
const EFFECT_MAX: f64 = 8.0;
/// Discounts of the level per day, averaged by likelihood.
const DISCOUNTS: [f64; 5] = [0.8, 0.9, 0.95, 0.975, 0.99];
/// This share of the weight is spread evenly over the discounts: a week of stock-out must not hand everything to the
/// fastest one.
const DISCOUNT_FLOOR: f64 = 0.3;
/// Levels further apart than this factor are kept apart in the distribution.
const SPLIT_RATIO: f64 = 2.0;
/// Discount of the two-sided level used while estimating effects.
const SMOOTH_DISCOUNT: f64 = 0.97;
/// Prior standard deviation of a log effect: season, yearly wave, covariate (per unit, or per standard deviation of
/// a covariate with larger values).
const SEASON_SD: f64 = 0.5;
const YEAR_SD: f64 = 0.2;
const COVARIATE_SD: f64 = 0.6;
const PRICE_SD: f64 = 2.0;
/// Promotions differ: the log effect of one occasion varies around the mean effect with this standard deviation, so
/// that few occasions teach little however many units they sold.
const OCCASION_SD: f64 = 0.5;
/// More covariates than this are ignored (the last ones): estimates from a year of one item do not bear more.
const N_COVARIATES_MAX: usize = 12;

/// What a column of the design describes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Season,
    Year,
    Covariate(usize),
}

/// The fitted model, ready to predict.
struct Fit {
    /// Level after the last period, units per period at neutral covariates and the average season.
    level: f64,
    /// Two opinions about the level and their weights, where slow and quick discounts disagree: after a sudden stop,
    /// demand is either still away or back, and hardly in between.
    split: Option<[(f64, f64); 2]>,
    /// Mean of the two-sided level over the last year of history.
    long_run_level: f64,
    kinds: Vec<Kind>,
    /// `[n_columns]`: log effects.
    coefficients: Vec<f64>,
    /// `[n_columns]`: how far each effect is believed in the future, 0 to 1.
    beliefs: Vec<f64>,
    /// `[n_columns]`: least and greatest value of each column in the history, with room for extrapolation.
    ranges: Vec<(f64, f64)>,
    season: usize,
    /// Excess relative variance one period ahead and 28 periods (or a season) ahead: variance = μ + μ² · excess.
    excess: [f64; 2],
    /// Errors behind the second figure of `excess` look this many periods ahead.
    long_lead: usize,
    /// Share of periods with demand, for fractional quantities.
    probability: f64,
}

/// `[n_columns]`: the design of one period.
fn fill_design(series: &SeriesInput, position: usize, season: usize, kinds: &[Kind], out: &mut [f64]) {
    let phase_idx = if season > 1 { phase(series, position) } else { 0 };
    let mut season_idx = 0;
    let mut wave = 0;
    for (value, kind) in out.iter_mut().zip(kinds) {
        *value = match kind {
            Kind::Season => {
                season_idx += 1;
                f64::from(u8::from(season_idx - 1 == phase_idx))
            }
            Kind::Year => {
                let day = f64::from(series.first_period) + position as f64;
                let angle = std::f64::consts::TAU * day * series.bucket.days() / 365.25;
                let order = f64::from(wave / 2 + 1);
                wave += 1;
                if wave % 2 == 1 { (order * angle).sin() } else { (order * angle).cos() }
            }
            Kind::Covariate(idx) => f64::from(series.covariates[*idx].values.get(position).copied().unwrap_or(0.0)),
        };
        if !value.is_finite() {
            *value = 0.0;
        }
    }
}

fn fit(series: &SeriesInput, end: usize, horizon: usize) -> Option<Fit> {
    let period_days = series.bucket.days();
    let window = ((WINDOW_DAYS / period_days) as usize).max(60);
    let history = History::new(series, end, window);
    let n = history.len();
    if n < N_MIN || history.max() <= 0.0 {
        return None;
    }

    // Design: season factors, yearly waves, covariates that vary.
    let yearly_only = series.bucket == Bucket::Week;
    let season = if yearly_only { 1 } else { usable_season(series, &history) };
    let mut kinds = vec![Kind::Season; if season > 1 { season } else { 0 }];
    let span = history.positions[n - 1] - history.positions[0] + 1;
    if series.bucket != Bucket::Month && span as f64 * period_days >= 728.0 {
        kinds.extend([Kind::Year; 4]);
    }
    let varies = |idx: usize| {
        let values = &series.covariates[idx].values;
        history
            .positions
            .iter()
            .any(|position| values.get(*position).is_some_and(|value| *value != 0.0 && value.is_finite()))
    };
    kinds.extend((0..series.covariates.len()).filter(|idx| varies(*idx)).take(N_COVARIATES_MAX).map(Kind::Covariate));
    let p = kinds.len();
    let n_season = if season > 1 { season } else { 0 };
    let mut design = vec![0.0; n * p]; // [n, p]
    for (row, position) in history.positions.iter().enumerate() {
        fill_design(series, *position, season, &kinds, &mut design[row * p..(row + 1) * p]);
    }
    let mut precisions = vec![0.0; p];
    let mut beliefs = vec![1.0; p];
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); p];
    for column in 0..p {
        let mut squares = 0.0;
        for row in 0..n {
            let value = design[row * p + column];
            ranges[column] = (ranges[column].0.min(value), ranges[column].1.max(value));
            squares += value * value;
        }
        let sd = match kinds[column] {
            Kind::Season => SEASON_SD,
            Kind::Year => YEAR_SD,
            Kind::Covariate(idx) => {
                let scale = (squares / n as f64).sqrt().max(1.0);
                let prior = if series.covariates[idx].name.starts_with("price") { PRICE_SD } else { COVARIATE_SD };
                // 0 is the neutral value of every covariate and so always within its range.
                let (low, high) = (ranges[column].0.min(0.0), ranges[column].1.max(0.0));
                let room = if low == 0.0 && high == 1.0 { 0.0 } else { 0.25 * (high - low) };
                ranges[column] = (low - if low < 0.0 { room } else { 0.0 }, high + if high > 0.0 { room } else { 0.0 });
                let n_occasions = (0..n)
                    .filter(|row| {
                        let value = design[row * p + column];
                        value != 0.0 && (*row == 0 || design[(row - 1) * p + column] != value)
                    })
                    .count();
                let noise = OCCASION_SD * OCCASION_SD / n_occasions.max(1) as f64;
                beliefs[column] = COVARIATE_SD * COVARIATE_SD / (COVARIATE_SD * COVARIATE_SD + noise);
                prior / scale
            }
        };
        precisions[column] = 1.0 / (sd * sd);
    }

    // Regression and two-sided level by turns.
    let mut coefficients = vec![0.0; p];
    let mut effects = vec![1.0; n];
    let mut smooth = vec![0.0; n];
    let smooth_discount = SMOOTH_DISCOUNT.powf(period_days).max(0.8);
    let prior_level = history.mean().max(1e-9);
    let n_rounds = if p == 0 { 0 } else { 3 };
    let regression = Regression { values: &history.values, design: &design, p, n_season, precisions: &precisions };
    for round in 0..n_rounds {
        two_sided_level(&history, &effects, smooth_discount, prior_level, &mut smooth);
        newton(&regression, &smooth, &mut coefficients, if round == 0 { 2 } else { 1 });
        centre_season(&kinds, &mut coefficients);
        for (row, effect) in effects.iter_mut().enumerate() {
            *effect = effect_of(&coefficients, &design[row * p..(row + 1) * p]);
        }
    }
    two_sided_level(&history, &effects, smooth_discount, prior_level, &mut smooth);
    let year = ((365.0 / period_days) as usize).min(n);
    let long_run_level = smooth[n - year..].iter().sum::<f64>() / year as f64;

    // Level: discounts averaged by their likelihood.
    let mut levels = [0.0; DISCOUNTS.len()];
    let mut scores = [0.0; DISCOUNTS.len()];
    let mut paths = vec![0.0; n * DISCOUNTS.len()]; // [n, n_discounts]: level before each period
    let omegas = DISCOUNTS.map(|discount| discount.powf(period_days.sqrt()));
    // The prior is worth two periods, at the mean of the first ones.
    let n_start = n.min(14);
    let start_effect = effects[..n_start].iter().sum::<f64>();
    let start = history.values[..n_start].iter().sum::<f64>().max(1e-6) / start_effect;
    let (mut a, mut b) = ([2.0 * start; DISCOUNTS.len()], [2.0; DISCOUNTS.len()]);
    let mut last = history.positions[0];
    for row in 0..n {
        let (value, effect) = (history.values[row], effects[row]);
        let gap = history.positions[row] - last;
        last = history.positions[row];
        for lane in 0..DISCOUNTS.len() {
            // A gap ages the evidence without adding any.
            let aged = if gap == 1 { omegas[lane] } else { omegas[lane].powi(gap as i32) };
            a[lane] *= aged;
            b[lane] *= aged;
            let level = (a[lane] / b[lane]).max(1e-9);
            paths[row * DISCOUNTS.len() + lane] = level;
            if row >= n_start {
                // The effect is the same for every discount, so its logarithm is left out.
                scores[lane] -= level * effect;
                if value > 0.0 {
                    scores[lane] += value * level.ln();
                }
            }
            a[lane] += value;
            b[lane] += effect;
        }
    }
    for lane in 0..DISCOUNTS.len() {
        levels[lane] = a[lane] / b[lane];
    }
    // Dispersion tempers the weights: overdispersed data say less than Poisson counts would.
    let mid = DISCOUNTS.len() / 2;
    let pearson = (0..n)
        .map(|row| {
            let mean = (paths[row * DISCOUNTS.len() + mid] * effects[row]).max(1e-3);
            (history.values[row] - mean).powi(2) / mean
        })
        .sum::<f64>()
        / n as f64;
    let temper = 1.0 / pearson.max(1.0);
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights = scores.map(|score| ((score - best) * temper).exp());
    let total: f64 = weights.iter().sum();
    let even = DISCOUNT_FLOOR / DISCOUNTS.len() as f64;
    weights.iter_mut().for_each(|weight| *weight = *weight / total * (1.0 - DISCOUNT_FLOOR) + even);
    let level = weights.iter().zip(levels).map(|(weight, level)| weight * level).sum();
    let split = split_levels(&weights, &levels);

    // Dispersion at short and long lead, recent errors weighing more.
    let long_lead = horizon.clamp(1, series.bucket.season().max(7) * 2).min(n / 3).max(1);
    let excess = [1, long_lead].map(|lead| {
        let (mut extra, mut squares, mut weight) = (0.0, 0.0, 1.0);
        for row in (lead - 1..n).rev() {
            let lanes = &paths[(row + 1 - lead) * DISCOUNTS.len()..][..DISCOUNTS.len()];
            let level: f64 = weights.iter().zip(lanes).map(|(weight, level)| weight * level).sum();
            let mean = level * effects[row];
            let noise = if series.count_valued { mean } else { 0.0 };
            extra += weight * ((history.values[row] - mean).powi(2) - noise);
            squares += weight * mean * mean;
            weight *= 0.995;
        }
        // Shrunk towards a mild excess, worth a few periods of evidence.
        let prior = prior_level * prior_level * 4.0;
        ((extra + 0.5 * prior) / (squares + prior)).clamp(0.02, 50.0)
    });
    let n_demands = history.values.iter().filter(|units| **units > 0.0).count();
    Some(Fit {
        level,
        split,
        long_run_level,
        kinds,
        coefficients,
        beliefs,
        ranges,
        season,
        excess: [excess[0], excess[1].max(excess[0])],
        long_lead,
        probability: (n_demands as f64 + 0.5) / (n as f64 + 1.0),
    })
}

/// Groups the levels at their widest gap; `None` when they agree within a factor of [`SPLIT_RATIO`].
fn split_levels(weights: &[f64; DISCOUNTS.len()], levels: &[f64; DISCOUNTS.len()]) -> Option<[(f64, f64); 2]> {
    let mut lanes: Vec<(f64, f64)> = levels.iter().map(|level| level.max(1e-9)).zip(weights.iter().copied()).collect();
    lanes.sort_by(|a, b| a.0.total_cmp(&b.0));
    if lanes[lanes.len() - 1].0 < SPLIT_RATIO * lanes[0].0 {
        return None;
    }
    let gap = |at: &usize| lanes[*at].0 / lanes[at - 1].0;
    let at = (1..lanes.len()).max_by(|a, b| gap(a).total_cmp(&gap(b)))?;
    let group = |part: &[(f64, f64)]| {
        let weight: f64 = part.iter().map(|(_, weight)| weight).sum();
        (part.iter().map(|(level, weight)| level * weight).sum::<f64>() / weight, weight)
    };
    Some([group(&lanes[..at]), group(&lanes[at..])])
}

/// The factor on demand of one period.
fn effect_of(coefficients: &[f64], row: &[f64]) -> f64 {
    let sum: f64 = coefficients.iter().zip(row).map(|(coefficient, value)| coefficient * value).sum();
    sum.clamp(-EFFECT_MAX.ln(), EFFECT_MAX.ln()).exp()
}

/// Season effects average to a factor of one, so that the level is the level of an average period.
fn centre_season(kinds: &[Kind], coefficients: &mut [f64]) {
    let n_season = kinds.iter().filter(|kind| **kind == Kind::Season).count();
    if n_season > 0 {
        let mean = coefficients[..n_season].iter().map(|coefficient| coefficient.exp()).sum::<f64>() / n_season as f64;
        coefficients[..n_season].iter_mut().for_each(|coefficient| *coefficient -= mean.ln());
    }
}

/// The level around each period from demand on both sides of it, given the effects.
fn two_sided_level(history: &History, effects: &[f64], omega: f64, prior_level: f64, out: &mut [f64]) {
    let n = history.len();
    // Sums before each period go to `out` first; the pass backwards completes them.
    let mut before = vec![0.0; n];
    let (mut a, mut b) = (0.0, 0.0);
    for row in 0..n {
        (out[row], before[row]) = (a, b);
        a = omega * (a + history.values[row]);
        b = omega * (b + effects[row]);
    }
    let (mut a, mut b) = (0.0, 0.0);
    for row in (0..n).rev() {
        a += history.values[row];
        b += effects[row];
        out[row] = ((out[row] + a + prior_level) / (before[row] + b + 1.0)).max(1e-6);
        a *= omega;
        b *= omega;
    }
}

/// What the regression sees.
struct Regression<'a> {
    values: &'a [f64],
    /// `[n, p]`.
    design: &'a [f64],
    p: usize,
    n_season: usize,
    precisions: &'a [f64],
}

/// Penalised quasi-Poisson regression with offset `ln level`, by Newton steps from the given coefficients.
fn newton(regression: &Regression, level: &[f64], coefficients: &mut [f64], n_steps: usize) {
    let Regression { values, design, p, n_season, precisions } = *regression;
    let n = values.len();
    let mut information = vec![0.0; p * p];
    let mut gradient = vec![0.0; p];
    for _ in 0..n_steps {
        information.fill(0.0);
        gradient.fill(0.0);
        let mut pearson = 0.0;
        for row in 0..n {
            let x = &design[row * p..(row + 1) * p];
            let mean = level[row] * effect_of(coefficients, x);
            let error = values[row] - mean;
            pearson += error * error / mean.max(1e-3);
            // At most one season column is set, and it is 1.
            let season_idx = x[..n_season].iter().position(|value| *value != 0.0);
            if let Some(i) = season_idx {
                gradient[i] += error;
                information[i * p + i] += mean;
            }
            for i in n_season..p {
                if x[i] != 0.0 {
                    gradient[i] += x[i] * error;
                    let weighted = x[i] * mean;
                    if let Some(j) = season_idx {
                        information[i * p + j] += weighted;
                    }
                    for (entry, value) in information[i * p + n_season..=i * p + i].iter_mut().zip(&x[n_season..]) {
                        *entry += weighted * value;
                    }
                }
            }
        }
        let dispersion = (pearson / n as f64).max(1.0);
        for i in 0..p {
            information[i * p + i] += dispersion * precisions[i];
            gradient[i] -= dispersion * precisions[i] * coefficients[i];
        }
        if !solve_in_place(&mut information, &mut gradient, p) {
            return;
        }
        let mut largest = 0.0_f64;
        for (coefficient, step) in coefficients.iter_mut().zip(&gradient) {
            // One step changes an effect at most by a factor of e: the likelihood is far from quadratic beyond that.
            *coefficient += step.clamp(-1.0, 1.0);
            largest = largest.max(step.abs());
        }
        if largest < 1e-3 {
            return;
        }
    }
}

impl Fit {
    /// The log effects of one future period by kind: season, year and each covariate; covariates kept in range.
    fn log_effects(&self, series: &SeriesInput, position: usize, row: &mut [f64]) {
        fill_design(series, position, self.season, &self.kinds, row);
        for (column, value) in row.iter_mut().enumerate() {
            let (low, high) = self.ranges[column];
            *value = self.beliefs[column] * self.coefficients[column] * value.clamp(low, high);
        }
    }

    /// Quantiles of one period with this mean.
    fn fill(&self, mean: f64, excess: f64, count_valued: bool, quantiles: &mut [f64]) {
        if count_valued {
            fill_count_quantiles(mean, mean + mean * mean * excess, quantiles);
        } else if self.probability > 0.95 {
            fill_gamma_quantiles(mean, mean * mean * excess, quantiles);
        } else {
            // E[y²] = p (s² + z²) with z = mean / p gives the variance s² of a demand.
            let size = mean / self.probability;
            let size_variance = (mean * mean * (1.0 + excess) / self.probability - size * size).max(0.01 * size * size);
            fill_intermittent_quantiles(self.probability, size, size_variance, quantiles);
        }
    }

    fn excess_at(&self, step: usize) -> f64 {
        let share = (step as f64 / self.long_lead.max(2) as f64).min(1.0);
        self.excess[0] + share * (self.excess[1] - self.excess[0])
    }
}

impl Model for NegativeBinomial {
    fn name(&self) -> &'static str {
        "negative_binomial"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let Some(fit) = fit(series, end, horizon) else {
            let history = History::new(series, end, usize::MAX);
            let never_sold = history.len() >= N_MIN && history.max() <= 0.0;
            return never_sold.then(|| Predictive::zero(horizon));
        };
        let mut predictive = Predictive::zero(horizon);
        let mut row = vec![0.0; fit.kinds.len()];
        let mut factor_max = 1.0_f64;
        for step in 0..horizon {
            fit.log_effects(series, end + step, &mut row);
            let effect = row.iter().sum::<f64>().clamp(-EFFECT_MAX.ln(), EFFECT_MAX.ln()).exp();
            factor_max = factor_max.max(effect);
            let excess = fit.excess_at(step);
            predictive.mean[step] = fit.level * effect;
            let quantiles = &mut predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            match fit.split {
                None => fit.fill(fit.level * effect, excess, series.count_valued, quantiles),
                Some(groups) => {
                    let mut parts = [[0.0; N_LEVELS]; 2];
                    for ((level, _), part) in groups.iter().zip(&mut parts) {
                        fit.fill(level * effect, excess, series.count_valued, part);
                    }
                    fill_mixture_quantiles(&parts, [groups[0].1, groups[1].1], series.count_valued, quantiles);
                }
            }
        }
        let history = History::new(series, end, series.n_periods());
        predictive.guard(series, &history, factor_max);
        Some(predictive)
    }
}

/// What moves the forecast of `negative_binomial`: for each driver, its effect in units over the whole horizon
/// against its neutral value. Drivers: `weekday` (`month` in monthly series), `season` (the yearly waves), `trend` (the
/// level now against its mean over the last year) and each covariate by its name. Largest effect first; drivers
/// without any effect are left out. Empty when the history is too short.
pub fn drivers(series: &SeriesInput, end: usize, horizon: usize) -> Vec<(String, f64)> {
    let Some(fit) = fit(series, end, horizon) else { return Vec::new() };
    let mut row = vec![0.0; fit.kinds.len()];
    let mut effects: Vec<(String, f64)> = Vec::new();
    let mut add = |name: &str, units: f64| match effects.iter_mut().find(|(known, _)| known == name) {
        Some((_, sum)) => *sum += units,
        None => effects.push((name.to_owned(), units)),
    };
    let season_name = if series.bucket == Bucket::Month { "month" } else { "weekday" };
    for step in 0..horizon {
        fit.log_effects(series, end + step, &mut row);
        let mean = fit.level * row.iter().sum::<f64>().clamp(-EFFECT_MAX.ln(), EFFECT_MAX.ln()).exp();
        let sum_of = |kind: Kind| row.iter().zip(&fit.kinds).filter(|(_, k)| **k == kind).map(|(v, _)| *v).sum::<f64>();
        // Leaving a driver out divides the mean by its factor.
        add(season_name, mean * (1.0 - (-sum_of(Kind::Season)).exp()));
        add("season", mean * (1.0 - (-sum_of(Kind::Year)).exp()));
        add("trend", mean * (1.0 - fit.long_run_level / fit.level.max(1e-12)));
        for (log_effect, kind) in row.iter().zip(&fit.kinds) {
            if let Kind::Covariate(idx) = kind {
                add(&series.covariates[*idx].name, mean * (1.0 - (-log_effect).exp()));
            }
        }
    }
    effects.retain(|(_, units)| units.abs() > 1e-9);
    effects.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    effects
}

#[cfg(test)]
mod tests {
    use super::super::tests::{counts, daily};
    use super::*;
    use restock_core::forecast::Covariate;

    /// 300 days, Sundays double, a promotion of 7 days every 6 weeks that triples demand.
    fn promoted() -> SeriesInput {
        let on = |t: usize| t % 42 >= 35;
        let rate = |t: usize| 6.0 * if t.is_multiple_of(7) { 2.0 } else { 1.0 } * if on(t) { 3.0 } else { 1.0 };
        let mut series = daily(&counts(294, 5, rate));
        // The last 7 days of the history are promoted, then 7 days without, then 7 with.
        let values = (0..294 + 28).map(|t| f32::from(u8::from(if t < 294 { on(t) } else { (301..308).contains(&t) })));
        series.covariates = vec![Covariate { name: "promotion".into(), values: values.collect() }];
        series
    }

    #[test]
    fn promotions_raise_the_forecast_and_not_the_level() {
        let predictive = NegativeBinomial.predict(&promoted(), 294, 28).unwrap();
        let week = |from: usize| predictive.mean[from..from + 7].iter().sum::<f64>();
        // The truth: 48 a week without, 144 with.
        assert!((38.0..60.0).contains(&week(0)), "right after a promotion: {}", week(0));
        assert!((105.0..190.0).contains(&week(7)), "during one: {}", week(7));
        assert!((38.0..60.0).contains(&week(14)), "after it: {}", week(14));
        assert!(predictive.mean[0] > 1.5 * predictive.mean[1], "Sundays are double: {:?}", &predictive.mean[..7]);
    }

    #[test]
    fn drivers_name_the_promotion_first() {
        let effects = drivers(&promoted(), 294, 28);
        assert_eq!(effects[0].0, "promotion");
        assert!((60.0..140.0).contains(&effects[0].1), "{effects:?}");
    }

    /// One promotion day with ten times the demand does not teach a factor of ten.
    #[test]
    fn rare_promotions_shrink() {
        let mut demand = counts(200, 6, |_| 2.0);
        demand[120] = 20.0;
        let mut series = daily(&demand);
        let values = (0..228).map(|t| f32::from(u8::from(t == 120 || t >= 214))).collect();
        series.covariates = vec![Covariate { name: "promotion".into(), values }];
        let predictive = NegativeBinomial.predict(&series, 200, 28).unwrap();
        let factor = predictive.mean[14..].iter().sum::<f64>() / predictive.mean[..14].iter().sum::<f64>();
        assert!((1.5..5.0).contains(&factor), "{factor}");
    }

    #[test]
    fn covariates_beyond_all_experience_are_capped() {
        let mut series = promoted();
        for value in &mut series.covariates[0].values[294..] {
            *value = 50.0;
        }
        let predictive = NegativeBinomial.predict(&series, 294, 28).unwrap();
        assert!(predictive.mean.iter().all(|mean| *mean < 100.0), "{:?}", predictive.mean);
    }

    /// After a sudden stop the distribution says: still away, or back as before.
    #[test]
    fn a_sudden_stop_leaves_two_opinions() {
        let mut demand = counts(200, 7, |_| 40.0);
        demand[190..].fill(0.0);
        let predictive = NegativeBinomial.predict(&daily(&demand), 200, 7).unwrap();
        assert!(predictive.quantiles[2] < 5.0 && predictive.quantiles[11] > 20.0, "{:?}", &predictive.quantiles[..13]);
    }

    /// The filter is calibrated on its own kind of data: 80 % intervals hold about 80 %.
    #[test]
    fn intervals_hold_what_they_say() {
        let demand = counts(1000, 8, |t| 5.0 + 2.0 * f64::from(u8::from(t % 7 < 2)));
        let series = daily(&demand);
        let (mut inside, mut total) = (0.0, 0.0);
        for end in (300..970).step_by(28) {
            let predictive = NegativeBinomial.predict(&series, end, 28).unwrap();
            for (units, quantiles) in demand[end..].iter().zip(predictive.quantiles.chunks(N_LEVELS)) {
                inside += f64::from(u8::from((quantiles[2]..=quantiles[10]).contains(units)));
                total += 1.0;
            }
        }
        // Counts are discrete, so the closed interval holds a little more.
        assert!((0.76..0.93).contains(&(inside / total)), "{}", inside / total);
    }
}
