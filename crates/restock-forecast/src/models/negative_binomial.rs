//! A count regression with a moving level: the model that knows calendar, price, promotion and holidays.
//!
//! `D_t ~ NegativeBinomial(mean = level_t · exp(x_t·β), dispersion)`. The effects `β` come from a ridge-penalised
//! negative binomial regression (McCullagh & Nelder 1989, chapter 2; Hilbe 2011, chapter 8; ridge after Hoerl & Kennard 1970)
//! around a slow local level; the level itself is a discounted ratio `Σ λ^(t-s)·y_s / Σ λ^(t-s)·exp(x_s·β)`, the
//! conjugate Poisson-gamma filter (Harvey & Fernandes 1989, equation 2.4) with the effects as exposure. The discount is
//! chosen by one-step-ahead deviance, the dispersion by the moments of the one-step errors. The ridge is a prior: the effect of a promotion that was seen once stays
//! near zero, and no effect can leave its bounds.

use restock_core::SeriesInput;
use restock_core::time::Bucket;

use super::distribution::{fill_count_quantiles, fill_gamma_quantiles, fill_intermittent_quantiles};
use super::history::{phase, usable_season};
use super::{History, Model, Predictive};
use restock_core::N_LEVELS;

/// Negative binomial regression with a moving level.
pub struct NegativeBinomial;

/// Days, weeks or months of history that are fitted: two years of days, all of the rest.
const WINDOW_PERIODS: usize = 730;
/// Fewest usable periods.
const MIN_PERIODS: usize = 8;
/// Half-lives of the level that are tried, periods.
const HALF_LIVES: [f64; 5] = [4.0, 10.0, 24.0, 60.0, 150.0];
/// Prior standard deviation of a season effect on the log scale.
const SEASON_SD: f64 = 0.5;
/// Prior standard deviation of a yearly effect on the log scale.
const YEAR_SD: f64 = 0.2;
/// Prior standard deviation of a covariate effect on the log scale, per unit of the covariate.
const COVARIATE_SD: f64 = 0.7;
/// Prior standard deviation of the dip after a promotion.
const DIP_SD: f64 = 0.2;
/// Periods after a promotion in which demand may be lower.
const DIP_PERIODS: usize = 7;
/// No combination of effects may raise or lower demand by more than this factor.
const MAX_LOG_EFFECT: f64 = 2.0;

/// What a column of the regression stands for, for drivers.
#[derive(Clone, PartialEq)]
enum Effect {
    Season,
    Year,
    Covariate(String),
}

/// The columns of the regression, evaluated on demand.
struct Design<'a> {
    series: &'a SeriesInput,
    season: usize,
    yearly_pairs: usize,
    /// Index, centre and scale of the covariates that vary in the window.
    covariates: Vec<(usize, f64, f64)>,
    promotion: Option<usize>,
    n_columns: usize,
}

impl<'a> Design<'a> {
    fn new(series: &'a SeriesInput, history: &History, end: usize) -> Self {
        // A season of weeks has too many phases for free effects; the yearly terms carry it.
        let season = usable_season(series, history);
        let season = if season > 12 { 1 } else { season };
        let per_year = 365.25 / series.bucket.days();
        let span = history.positions.last().map_or(0, |last| last + 1 - history.positions[0]) as f64;
        let yearly_pairs = match series.bucket {
            // Months have a season of twelve free effects already.
            Bucket::Month => 0,
            _ if span >= 1.8 * per_year => 2,
            _ => 0,
        };
        let mut covariates = Vec::new();
        for (idx, covariate) in series.covariates.iter().enumerate() {
            if covariate.values.len() < end {
                continue;
            }
            let values = || history.positions.iter().map(|position| f64::from(covariate.values[*position]));
            let n = history.len() as f64;
            let mean = values().sum::<f64>() / n;
            let sd = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
            if !(sd > 1e-6) || !mean.is_finite() {
                continue;
            }
            // Known covariates keep their natural unit (a flag, a log ratio) and their neutral value 0, so that a prior
            // on their effect means something; signals of unknown scale are standardised.
            let natural = matches!(covariate.name.as_str(), "promotion" | "price_log_ratio" | "holiday");
            covariates.push(if natural { (idx, 0.0, 1.0) } else { (idx, mean, sd) });
        }
        let promotion = covariates.iter().map(|(idx, ..)| *idx).find(|idx| series.covariates[*idx].name == "promotion");
        let n_columns = (season - 1) + 2 * yearly_pairs + covariates.len() + usize::from(promotion.is_some());
        Self { series, season, yearly_pairs, covariates, promotion, n_columns }
    }

    fn covariate(&self, idx: usize, position: usize) -> f64 {
        self.series.covariates[idx].values.get(position).map_or(0.0, |value| f64::from(*value))
    }

    /// The row of a position, `[n_columns]`.
    fn fill(&self, position: usize, row: &mut [f64]) {
        row.fill(0.0);
        let mut column = 0;
        if self.season > 1 {
            // Effects sum to zero over the season: the last phase is minus the sum of the others.
            let phase = phase(self.series, position);
            if phase + 1 < self.season {
                row[phase] = 1.0;
            } else {
                row[..self.season - 1].fill(-1.0);
            }
            column = self.season - 1;
        }
        if self.yearly_pairs > 0 {
            let day = self.series.bucket.first_day(self.series.first_period + position as i32).0;
            let angle = f64::from(day) / 365.25 * std::f64::consts::TAU;
            for pair in 1..=self.yearly_pairs {
                let (sin, cos) = (angle * pair as f64).sin_cos();
                row[column] = sin;
                row[column + 1] = cos;
                column += 2;
            }
        }
        for (idx, centre, scale) in &self.covariates {
            row[column] = (self.covariate(*idx, position) - centre) / scale;
            column += 1;
        }
        if let Some(idx) = self.promotion {
            let now = self.covariate(idx, position) > 0.0;
            let recently = (1..=DIP_PERIODS.min(position)).any(|back| self.covariate(idx, position - back) > 0.0);
            row[column] = f64::from(u8::from(!now && recently));
        }
    }

    fn effect(&self, column: usize) -> Effect {
        let n_season = self.season - 1;
        let n_year = 2 * self.yearly_pairs;
        if column < n_season {
            Effect::Season
        } else if column < n_season + n_year {
            Effect::Year
        } else {
            match self.covariates.get(column - n_season - n_year) {
                Some((idx, ..)) => Effect::Covariate(self.series.covariates[*idx].name.clone()),
                None => Effect::Covariate("promotion".to_owned()),
            }
        }
    }

    fn prior_sd(&self, column: usize) -> f64 {
        match self.effect(column) {
            Effect::Season => SEASON_SD,
            Effect::Year => YEAR_SD,
            Effect::Covariate(_) if self.promotion.is_some() && column + 1 == self.n_columns => DIP_SD,
            Effect::Covariate(_) => COVARIATE_SD,
        }
    }
}

/// A fitted model.
struct Fit<'a> {
    design: Design<'a>,
    history: History,
    beta: Vec<f64>,
    /// Expected demand of a period with neutral effects, now.
    level: f64,
    /// Half-life of the level, periods.
    half_life: f64,
    /// Variance = mean + dispersion · mean² for counts, dispersion · mean² plus an atom for fractions.
    dispersion: f64,
    zero_share: f64,
}

/// `exp(x·β)` within its bounds.
fn multiplier(row: &[f64], beta: &[f64]) -> f64 {
    let log_effect: f64 = row.iter().zip(beta).map(|(x, b)| x * b).sum();
    log_effect.clamp(-MAX_LOG_EFFECT, MAX_LOG_EFFECT).exp()
}

impl<'a> Fit<'a> {
    fn new(series: &'a SeriesInput, end: usize) -> Option<Self> {
        let window = if series.bucket == Bucket::Day { WINDOW_PERIODS } else { usize::MAX };
        let history = History::new(series, end, window);
        let (n, mean) = (history.len(), history.mean());
        if n < MIN_PERIODS || !(mean > 0.0) {
            return None;
        }
        let design = Design::new(series, &history, end);
        let p = design.n_columns;
        let mut rows = vec![0.0; n * p];
        if p > 0 {
            for (position, row) in history.positions.iter().zip(rows.chunks_exact_mut(p)) {
                design.fill(*position, row);
            }
        }
        let row = |t: usize| &rows[t * p..(t + 1) * p];

        // Effects around a slow two-sided local level, alternating the two.
        let mut beta = vec![0.0; p];
        let mut exposure = vec![1.0; n];
        let mut dispersion = 0.5;
        if p > 0 {
            for _ in 0..3 {
                let local = local_level(&history, &exposure, mean);
                newton_step(&history.values, &rows, &local, &mut beta, dispersion, |column| design.prior_sd(column));
                for (t, value) in exposure.iter_mut().enumerate() {
                    *value = multiplier(row(t), &beta);
                }
                let fitted = local.iter().zip(&exposure).map(|(level, effect)| level * effect);
                dispersion = moment_dispersion(history.values.iter().copied().zip(fitted));
            }
        }

        // The discount of the level by one-step-ahead Poisson deviance over the later half.
        let score_from = (n / 3).min(n - 1);
        let mut best = (f64::INFINITY, HALF_LIVES[2]);
        for half_life in HALF_LIVES {
            let mut deviance = 0.0;
            filter(&history, &exposure, mean, half_life, |t, level| {
                if t >= score_from {
                    let (y, mu) = (history.values[t], (level * exposure[t]).max(1e-6));
                    // Quasi-deviance with variance mean + dispersion·mean², so that spikes do not decide.
                    deviance += (y - mu).powi(2) / (mu + dispersion * mu * mu) + (mu + dispersion * mu * mu).ln();
                }
            });
            if deviance < best.0 {
                best = (deviance, half_life);
            }
        }
        let half_life = best.1;
        let mut errors = Vec::with_capacity(n);
        let level = filter(&history, &exposure, mean, half_life, |t, level| {
            if t >= score_from {
                errors.push((history.values[t], level * exposure[t]));
            }
        });
        let dispersion = if series.count_valued {
            moment_dispersion(errors.iter().copied())
        } else {
            let squares: f64 = errors.iter().map(|(y, mu)| (y - mu).powi(2)).sum();
            let scale: f64 = errors.iter().map(|(_, mu)| mu * mu).sum();
            (squares / scale.max(1e-12)).clamp(1e-4, 25.0)
        };
        let zero_share = history.values.iter().filter(|value| **value <= 0.0).count() as f64 / n as f64;
        Some(Self { design, history, beta, level, half_life, dispersion, zero_share })
    }

    fn mean_at(&self, position: usize, row: &mut [f64]) -> f64 {
        self.design.fill(position, row);
        self.level * multiplier(row, &self.beta)
    }
}

/// Centred local level with the effects as exposure: what demand would be without them, units per period.
fn local_level(history: &History, exposure: &[f64], mean: f64) -> Vec<f64> {
    const HALF_WIDTH: usize = 28;
    let n = history.len();
    let mut sums = Vec::with_capacity(n + 1);
    let (mut demand, mut weight) = (0.0, 0.0);
    sums.push((0.0, 0.0));
    for t in 0..n {
        demand += history.values[t];
        weight += exposure[t];
        sums.push((demand, weight));
    }
    (0..n)
        .map(|t| {
            let (from, to) = (t.saturating_sub(HALF_WIDTH), (t + HALF_WIDTH + 1).min(n));
            let (demand, weight) = (sums[to].0 - sums[from].0, sums[to].1 - sums[from].1);
            // Two periods of average demand keep the level positive through long silences.
            (demand + 2.0 * mean) / (weight + 2.0)
        })
        .collect()
}

/// Runs the discounted level through the history; `visit(t, level)` sees the level before period `t` is known.
fn filter(history: &History, exposure: &[f64], mean: f64, half_life: f64, mut visit: impl FnMut(usize, f64)) -> f64 {
    let discount = 0.5_f64.powf(1.0 / half_life);
    // The start is worth four periods of average demand.
    let head = history.len().min(28);
    let head_mean = history.values[..head].iter().sum::<f64>() / head as f64;
    let (mut demand, mut weight) = (4.0 * 0.5 * (mean + head_mean), 4.0);
    for t in 0..history.len() {
        visit(t, demand / weight);
        demand = discount * demand + history.values[t];
        weight = discount * weight + exposure[t];
    }
    demand / weight
}

/// Dispersion `a` of `variance = mean + a·mean²` by moments, with a weak prior of 0.5 worth four periods.
fn moment_dispersion(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut excess, mut scale, mut n) = (0.0, 0.0, 0.0);
    for (y, mu) in pairs {
        excess += (y - mu).powi(2) - mu;
        scale += mu * mu;
        n += 1.0;
    }
    let prior = if n > 0.0 { 4.0 * scale / n } else { 1.0 };
    ((excess + 0.5 * prior) / (scale + prior).max(1e-12)).clamp(0.0, 25.0)
}

/// One penalised scoring step from the current effects: `(XᵀWX + Λ) β = XᵀW z`.
fn newton_step(
    values: &[f64],
    rows: &[f64],
    local: &[f64],
    beta: &mut [f64],
    dispersion: f64,
    prior_sd: impl Fn(usize) -> f64,
) {
    let p = beta.len();
    let mut matrix = vec![0.0; p * p];
    let mut right = vec![0.0; p];
    for ((y, level), row) in values.iter().zip(local).zip(rows.chunks_exact(p)) {
        let eta: f64 =
            row.iter().zip(beta.iter()).map(|(x, b)| x * b).sum::<f64>().clamp(-MAX_LOG_EFFECT, MAX_LOG_EFFECT);
        let mu = level * eta.exp();
        let weight = mu / (1.0 + dispersion * mu);
        // A single spike may not move the working response by more than a factor e².
        let response = eta + ((y - mu) / mu.max(1e-9)).min(6.4);
        for i in 0..p {
            if row[i] != 0.0 {
                let weighted = weight * row[i];
                right[i] += weighted * response;
                for j in 0..=i {
                    matrix[i * p + j] += weighted * row[j];
                }
            }
        }
    }
    for column in 0..p {
        matrix[column * p + column] += 1.0 / prior_sd(column).powi(2);
    }
    solve_positive_definite(&mut matrix, &mut right, p);
    beta.copy_from_slice(&right);
}

/// Solves `matrix · x = right` in place by Cholesky; `matrix` is symmetric positive definite, lower triangle given.
fn solve_positive_definite(matrix: &mut [f64], right: &mut [f64], p: usize) {
    for i in 0..p {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| matrix[i * p + k] * matrix[j * p + k]).sum();
            let rest = matrix[i * p + j] - sum;
            matrix[i * p + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / matrix[j * p + j] };
        }
    }
    for i in 0..p {
        let sum: f64 = (0..i).map(|k| matrix[i * p + k] * right[k]).sum();
        right[i] = (right[i] - sum) / matrix[i * p + i];
    }
    for i in (0..p).rev() {
        let sum: f64 = (i + 1..p).map(|k| matrix[k * p + i] * right[k]).sum();
        right[i] = (right[i] - sum) / matrix[i * p + i];
    }
}

impl Model for NegativeBinomial {
    fn name(&self) -> &'static str {
        "negative_binomial"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let fit = Fit::new(series, end)?;
        let mut predictive = Predictive::zero(horizon);
        let mut row = vec![0.0; fit.design.n_columns];
        let mut highest_effect = 1.0_f64;
        let alpha = 1.0 - 0.5_f64.powf(1.0 / fit.half_life);
        for step in 0..horizon {
            let mean = fit.mean_at(end + step, &mut row);
            highest_effect = highest_effect.max(mean / fit.level);
            // The level itself moves: relative variance grows by the variance that the filter's gain implies.
            let one_step = fit.dispersion + 1.0 / mean.max(0.05);
            let dispersion = fit.dispersion + alpha * alpha * one_step * (step as f64).min(60.0);
            let out = &mut predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            if series.count_valued {
                fill_count_quantiles(mean, mean + dispersion * mean * mean, out);
            } else if fit.zero_share > 0.05 {
                let probability = 1.0 - fit.zero_share;
                let size_mean = mean / probability;
                // Var(D) = p·(v + m²) - (p·m)², solved for the variance v of the positive part.
                let second = dispersion * mean * mean + mean * mean;
                let size_variance = (second / probability - size_mean * size_mean).max(0.01 * size_mean * size_mean);
                fill_intermittent_quantiles(probability, size_mean, size_variance, out);
            } else {
                fill_gamma_quantiles(mean, dispersion * mean * mean, out);
            }
            predictive.mean[step] = mean;
        }
        predictive.guard(series, &fit.history, highest_effect);
        Some(predictive)
    }
}

/// What moves the forecast: name and effect, in units over the periods `end..end + horizon`, of each group of effects
/// against its neutral value. `weekday` (or `season`), `year`, each covariate by its name, and `trend`: the present level
/// against the mean of the history. Empty when the history is too short.
pub fn drivers(series: &SeriesInput, end: usize, horizon: usize) -> Vec<(String, f64)> {
    let Some(fit) = Fit::new(series, end) else { return Vec::new() };
    let mut drivers: Vec<(String, f64)> = Vec::new();
    let mut row = vec![0.0; fit.design.n_columns];
    for step in 0..horizon {
        let mean = fit.mean_at(end + step, &mut row);
        let mut seen: Vec<(Effect, f64)> = Vec::new();
        for (column, x) in row.iter().enumerate() {
            let effect = fit.design.effect(column);
            match seen.iter_mut().find(|(name, _)| *name == effect) {
                Some((_, sum)) => *sum += x * fit.beta[column],
                None => seen.push((effect, x * fit.beta[column])),
            }
        }
        for (effect, log_effect) in seen {
            let name = match effect {
                Effect::Season if series.bucket == Bucket::Day => "weekday".to_owned(),
                Effect::Season => "season".to_owned(),
                Effect::Year => "year".to_owned(),
                Effect::Covariate(name) if name == "price_log_ratio" => "price".to_owned(),
                Effect::Covariate(name) => name,
            };
            let units = mean - mean * (-log_effect.clamp(-MAX_LOG_EFFECT, MAX_LOG_EFFECT)).exp();
            match drivers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += units,
                None => drivers.push((name, units)),
            }
        }
    }
    let mut exposure = 0.0;
    for position in &fit.history.positions {
        fit.design.fill(*position, &mut row);
        exposure += multiplier(&row, &fit.beta);
    }
    let past_level = fit.history.values.iter().sum::<f64>() / exposure;
    drivers.push(("trend".to_owned(), (fit.level - past_level) * horizon as f64));
    drivers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use restock_core::forecast::{Covariate, Observation};
    use restock_core::{Day, QUANTILE_LEVELS};

    fn series(demand: Vec<f64>, promotion: Option<Vec<f32>>) -> SeriesInput {
        let n = demand.len();
        let covariates =
            promotion.into_iter().map(|values| Covariate { name: "promotion".to_owned(), values }).collect();
        SeriesInput {
            key: 1,
            sales: demand.clone(),
            demand,
            observations: vec![Observation::Full; n],
            first_period: Bucket::Day.period_of("2024-01-01".parse::<Day>().unwrap()),
            bucket: Bucket::Day,
            covariates,
            open_future: vec![1.0; 28],
            count_valued: true,
        }
    }

    /// Ten a day, double on Saturdays, triple on promotion days, one after another without noise.
    fn promoted(n_promotions: usize) -> SeriesInput {
        let n = 280;
        let mut promotion = vec![0.0_f32; n + 28];
        for promo in 0..n_promotions {
            promotion[40 + promo * 40..47 + promo * 40].fill(1.0);
        }
        promotion[n + 7..n + 14].fill(1.0);
        let demand = (0..n)
            .map(|t| 10.0 * if t % 7 == 5 { 2.0 } else { 1.0 } * if promotion[t] > 0.0 { 3.0 } else { 1.0 })
            .collect();
        series(demand, Some(promotion))
    }

    #[test]
    fn a_planned_promotion_raises_the_forecast_and_lets_it_down_after() {
        let forecast = NegativeBinomial.predict(&promoted(5), 280, 28).unwrap();
        let week = |week: usize| forecast.mean[week * 7..week * 7 + 7].iter().sum::<f64>();
        assert!((week(0) - 80.0).abs() < 8.0, "a plain week sells 80: {}", week(0));
        assert!((200.0..260.0).contains(&week(1)), "the promoted week sells 240: {}", week(1));
        assert!((60.0..88.0).contains(&week(2)), "after it demand falls back: {}", week(2));
        assert!(forecast.mean[5] > 1.7 * forecast.mean[4], "Saturday sells double");
    }

    #[test]
    fn a_promotion_never_seen_changes_nothing() {
        let forecast = NegativeBinomial.predict(&promoted(0), 280, 28).unwrap();
        let week = |week: usize| forecast.mean[week * 7..week * 7 + 7].iter().sum::<f64>();
        assert!((week(1) / week(0) - 1.0).abs() < 0.02, "{} {}", week(0), week(1));
    }

    #[test]
    fn drivers_name_the_promotion() {
        let drivers = drivers(&promoted(5), 280, 14);
        let promotion = drivers.iter().find(|(name, _)| name == "promotion").unwrap().1;
        assert!((100.0..180.0).contains(&promotion), "the promoted week adds about 160 units: {promotion}");
    }

    #[test]
    fn the_level_follows_a_shift() {
        let demand = (0..200).map(|t| if t < 120 { 4.0 } else { 12.0 }).collect();
        let forecast = NegativeBinomial.predict(&series(demand, None), 200, 28).unwrap();
        assert!((forecast.mean[0] - 12.0).abs() < 1.5, "{}", forecast.mean[0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn quantiles_are_monotone_finite_and_bounded(
            demand in prop::collection::vec(prop_oneof![Just(0.0), 0.0..5.0, 0.0..1e6], 1..200), flags in any::<u64>(),
        ) {
            let demand: Vec<f64> = demand.into_iter().map(f64::floor).collect();
            let n = demand.len();
            let highest = demand.iter().copied().fold(0.0, f64::max);
            let promotion = (0..n + 28).map(|t| f32::from(u8::from(flags >> (t % 61) & 1 == 1))).collect();
            if let Some(forecast) = NegativeBinomial.predict(&series(demand, Some(promotion)), n, 28) {
                for quantiles in forecast.quantiles.chunks_exact(QUANTILE_LEVELS.len()) {
                    prop_assert!(quantiles.iter().all(|quantile| quantile.is_finite() && *quantile >= 0.0));
                    prop_assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
                    prop_assert!(quantiles[12] <= 3.0 * MAX_LOG_EFFECT.exp() * highest + 30.0);
                }
                prop_assert!(forecast.mean.iter().all(|mean| mean.is_finite() && *mean >= 0.0));
            }
        }
    }
}
