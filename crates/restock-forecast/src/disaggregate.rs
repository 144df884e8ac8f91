//! Temporal disaggregation of demand paths: weeks and months become days, with the same totals.
//!
//! A period's total on a path is spread over its days at random, because demand over part of a month varies more than a
//! fixed part of the month's total. Counts are spread as if they came one by one: multinomially where the total varies no
//! more than a Poisson variable, and in lumps (Dirichlet-multinomial; Mosimann 1962) where it varies more. With mean μ and
//! variance σ² of a total, a negative binomial day count has the concentration μ² / (σ² - μ) over the whole period, a
//! gamma day quantity μ² / σ²; the part of σ² that is common to all periods is uncertainty about the level and says
//! nothing about lumps.
//!
//! # Method
//! The shares of the days are independent gamma variables over their sum (Dirichlet), by the cube-root transformation of
//! Wilson & Hilferty (1931) of normal scores. The scores are the balanced ones of [`crate::paths`], in another order, so
//! that the demand of the first days of a period has the right spread with few paths. Drawing a multinomial from given
//! shares is saved: a total of N has the concentration s·(N - 1)/(N + s), whose plain shares have the same variance.
//! Whole units are rounded cumulatively.

use restock_core::Forecast;
use restock_core::policy::DemandPaths;

use crate::paths::{BLOCK, balanced_points, shuffled};

/// Concentration from which shares are as good as even.
const MAX_CONCENTRATION: f64 = 1e9;

/// Spreads every period of `paths` over its days: `weights[period]` says how much a day of the period counts, 0.0 for a
/// closed one. The result has one column per day of all periods, `[n_paths × n_days]`, and the totals of every path and
/// period are kept: exactly where demand is counted in whole units. A period without an open day must have no demand.
///
/// The same paths, forecast and seed give the same days.
///
/// # Panics
/// When there are not as many weights as periods.
pub fn disaggregate(paths: &DemandPaths, weights: &[Vec<f64>], forecast: &Forecast, seed: u64) -> DemandPaths {
    assert_eq!(weights.len(), paths.horizon, "one list of weights per period");
    let (n_paths, n_days) = (paths.n_paths(), weights.iter().map(Vec::len).sum());
    let points = balanced_points(n_paths);
    let mut values = vec![0.0_f32; n_paths * n_days];
    let mut shares: Vec<f64> = Vec::new();
    let mut first = 0;
    for (period, weights) in weights.iter().enumerate() {
        let total_weight: f64 = weights.iter().sum();
        let lumps = concentration(paths, period, forecast);
        let order = shuffled(n_paths, seed ^ 0x6461_7973_0000 ^ ((period as u64) << 48));
        for path_idx in 0..n_paths {
            let total = f64::from(paths.path(path_idx)[period]);
            if total <= 0.0 || total_weight <= 0.0 {
                continue;
            }
            let concentration =
                if forecast.count_valued { lumps * (total - 1.0).max(0.0) / (total + lumps) } else { lumps };
            let score = |day: usize| points[(1 + day % BLOCK) * n_paths + order[path_idx] as usize];
            shares.clear();
            shares.extend(
                weights
                    .iter()
                    .enumerate()
                    .map(|(day, weight)| gamma(concentration * weight / total_weight, score(day))),
            );
            let mut sum: f64 = shares.iter().sum();
            if sum <= 0.0 {
                // A single lump falls on one day.
                let open = (0..weights.len()).filter(|day| weights[*day] > 0.0);
                let day = open.max_by(|a, b| score(*a).total_cmp(&score(*b))).expect("some day has a weight");
                shares[day] = 1.0;
                sum = 1.0;
            }
            let days = &mut values[path_idx * n_days + first..][..weights.len()];
            let (mut running, mut given) = (0.0, 0.0);
            for (day, share) in days.iter_mut().zip(&shares) {
                running += share;
                let until = total * (running / sum).min(1.0);
                let until = if forecast.count_valued { (until + 1e-9).round() } else { until };
                *day = (until - given) as f32;
                given = until;
            }
        }
        first += weights.len();
    }
    DemandPaths { values, horizon: n_days }
}

/// The concentration of the days of a period, from its mean and variance over the paths.
fn concentration(paths: &DemandPaths, period: usize, forecast: &Forecast) -> f64 {
    let n_paths = paths.n_paths() as f64;
    let totals = || (0..paths.n_paths()).map(|idx| f64::from(paths.path(idx)[period]));
    let mean = totals().sum::<f64>() / n_paths;
    let variance = totals().map(|total| (total - mean).powi(2)).sum::<f64>() / n_paths;
    let own = variance * (1.0 - forecast.dependence.common.clamp(0.0, 1.0));
    let excess = if forecast.count_valued { own - mean } else { own };
    if excess > 0.0 { (mean * mean / excess).min(MAX_CONCENTRATION) } else { MAX_CONCENTRATION }
}

/// The quantile of a gamma variable of a shape (scale 1) at a normal score (Wilson & Hilferty 1931).
fn gamma(shape: f64, score: f64) -> f64 {
    if shape <= 0.0 {
        return 0.0;
    }
    let root = 1.0 - 1.0 / (9.0 * shape) + score / (3.0 * shape.sqrt());
    shape * root.max(0.0).powi(3)
}

#[cfg(test)]
mod tests {
    use restock_core::N_LEVELS;
    use restock_core::forecast::Dependence;

    use super::*;

    fn forecast(count_valued: bool) -> Forecast {
        Forecast {
            mean: vec![0.0],
            quantiles: vec![0.0; N_LEVELS],
            dependence: Dependence::default(),
            count_valued,
            model: String::new(),
            reason: String::new(),
            validation: None,
        }
    }

    fn moments(paths: &DemandPaths, to: usize) -> (f64, f64) {
        let totals = paths.total(0, to);
        (totals.mean(), totals.std_dev())
    }

    /// Poisson(300) in a month of 30 days is Poisson(140) in its first 14: mean 140, standard deviation 11.8. Tolerances
    /// are those of 256 paths.
    #[test]
    fn part_of_a_poisson_month_is_poisson() {
        let totals: Vec<f32> = (0..256)
            .map(|idx| (300.0 + 17.32 * crate::random::normal_quantile((f64::from(idx) + 0.5) / 256.0)).round() as f32)
            .collect();
        let paths = DemandPaths { values: totals, horizon: 1 };
        let days = disaggregate(&paths, &[vec![1.0; 30]], &forecast(true), 42);
        for (n_days, mean, sd) in [(7, 70.0, 8.37), (14, 140.0, 11.83), (30, 300.0, 17.3)] {
            let got = moments(&days, n_days);
            assert!((got.0 - mean).abs() < 0.02 * mean && (got.1 - sd).abs() < 0.12 * sd, "{n_days} days: {got:?}");
        }
    }

    /// A month of no or 200 units is a month of lumps, and they stay lumps: few days carry the whole month.
    #[test]
    fn lumps_stay_lumps() {
        let values = (0..256).map(|idx| if idx % 2 == 0 { 0.0 } else { 200.0 }).collect();
        let days = disaggregate(&DemandPaths { values, horizon: 1 }, &[vec![1.0; 30]], &forecast(true), 1);
        let largest = (0..256).map(|idx| days.path(idx).iter().copied().fold(0.0, f32::max)).sum::<f32>() / 128.0;
        assert!(largest > 40.0, "the largest day has {largest} of 200 on average");
        let (mean, _) = moments(&days, 15);
        assert!((mean - 50.0).abs() < 10.0, "half a month expects {mean} of 100");
    }

    #[test]
    fn totals_are_kept_and_closed_days_stay_empty() {
        for count_valued in [true, false] {
            let values: Vec<f32> =
                (0..64).map(|idx| (idx * 7 % 23) as f32 / if count_valued { 1.0 } else { 3.0 }).collect();
            let paths = DemandPaths { values, horizon: 2 };
            let weights = [vec![1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0], vec![0.0, 0.0, 1.0]];
            let days = disaggregate(&paths, &weights, &forecast(count_valued), 9);
            assert_eq!(
                days,
                disaggregate(&paths, &weights, &forecast(count_valued), 9),
                "the same seed, the same days"
            );
            for idx in 0..paths.n_paths() {
                let (path, days) = (paths.path(idx), days.path(idx));
                for (total, days) in path.iter().zip([&days[..7], &days[7..]]) {
                    assert!((days.iter().sum::<f32>() - total).abs() <= if count_valued { 0.0 } else { 1e-4 });
                    assert!(days.iter().all(|demand| *demand >= 0.0 && (!count_valued || demand.fract() == 0.0)));
                }
                assert!(days[2] == 0.0 && days[6] == 0.0 && days[7] == 0.0 && days[8] == 0.0);
            }
        }
    }
}
