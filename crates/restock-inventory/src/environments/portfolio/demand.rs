//! Where demand of a portfolio comes from, beside the sample paths of a forecaster: history drawn again in blocks, and the
//! retail simulator.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use restock_core::Bucket;
use restock_core::policy::DemandPaths;

use crate::retail_simulator::prior::{PriorOptions, draw_group};
use crate::retail_simulator::random::stream;

const WEEK: usize = 7;

/// How demand of the past is made more various than it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Standard deviation of the logarithm of the level of a path: all of its days are scaled by one factor of mean 1.
    pub level_sd: f64,
    /// Blocks are played at a tempo between `1 / tempo_max` and `tempo_max`: seasons and promotions pass faster or
    /// slower; at least 1. Weekdays stay where they are.
    pub tempo_max: f64,
}

impl Augmentation {
    /// The past as it was.
    pub const NONE: Self = Self { level_sd: 0.0, tempo_max: 1.0 };
}

impl Default for Augmentation {
    fn default() -> Self {
        Self { level_sd: 0.1, tempo_max: 1.25 }
    }
}

/// Demand paths from blocks of the past: the moving-block bootstrap (Künsch 1989) with blocks that begin on the weekday
/// that they are played on, so that the days of a week keep their shares.
///
/// `history`, `[n_days_of_past]`, ends on the day before the paths begin; NaN where nothing is known, which is taken from
/// the same weekday of an earlier week, or left at 0.
///
/// # Panics
/// When blocks or paths are empty.
///
/// # Examples
/// ```
/// use restock_inventory::environments::portfolio::demand::{Augmentation, bootstrap};
///
/// // Sold on the last day of each week alone.
/// let history: Vec<f64> = (0..70).map(|day| if day % 7 == 6 { 5.0 } else { 0.0 }).collect();
/// let paths = bootstrap(&history, 14, 14, Augmentation::NONE, 3, 1);
/// assert_eq!(paths.path(2)[..7], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
/// ```
pub fn bootstrap(
    history: &[f64],
    n_days: usize,
    block_days: usize,
    augmentation: Augmentation,
    n_paths: usize,
    seed: u64,
) -> DemandPaths {
    assert!(block_days > 0 && n_days > 0, "blocks of {block_days} days, paths of {n_days}");
    let known = filled(history);
    let shares = weekday_shares(&known);
    let levels: Vec<f64> = known.iter().enumerate().map(|(idx, demand)| level(*demand, shares[idx % WEEK])).collect();
    let mut values = Vec::with_capacity(n_paths * n_days);
    for path_idx in 0..n_paths {
        let mut rng = stream(seed, &[0x626f_6f74, path_idx as u64]);
        let factor = level_factor(augmentation.level_sd, &mut rng);
        let mut path = Vec::with_capacity(n_days);
        while path.len() < n_days {
            let n = block_days.min(n_days - path.len());
            let tempo = augmentation.tempo_max.max(1.0).powf(rng.random_range(-1.0..=1.0));
            // What a block takes from the past, and where on the weekday of its first day it may begin.
            let n_taken = (n as f64 * tempo).ceil() as usize;
            let first = (known.len() + path.len()) % WEEK;
            let n_starts = (known.len().saturating_sub(first + n_taken) / WEEK) + 1;
            let start = first + WEEK * rng.random_range(0..n_starts);
            if tempo == 1.0 {
                path.extend((start..start + n).map(|day| (factor * known.get(day).copied().unwrap_or(0.0)) as f32));
            } else {
                let days = (0..n).map(|day| {
                    let wanted = mean_over(&levels, start as f64 + day as f64 * tempo, tempo);
                    (factor * wanted * shares[(start + day) % WEEK]) as f32
                });
                path.extend(days);
            }
        }
        values.append(&mut path);
    }
    DemandPaths { values, horizon: n_days }
}

/// The past with unknown days taken from a week before, or a week after where there is none.
fn filled(history: &[f64]) -> Vec<f64> {
    let mut known = history.to_vec();
    for day in 0..known.len() {
        if known[day].is_nan() && day >= WEEK {
            known[day] = known[day - WEEK];
        }
    }
    for day in (0..known.len()).rev() {
        if known[day].is_nan() {
            known[day] = known.get(day + WEEK).copied().unwrap_or(0.0);
        }
    }
    known
}

/// `[WEEK]`: mean demand of each day of the week over the mean of all, by the index in the past modulo 7.
fn weekday_shares(known: &[f64]) -> [f64; WEEK] {
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    std::array::from_fn(|weekday| {
        let (mut total, mut n) = (0.0, 0);
        known.iter().skip(weekday).step_by(WEEK).for_each(|demand| {
            total += demand;
            n += 1;
        });
        if mean > 0.0 && n > 0 { total / f64::from(n) / mean } else { 1.0 }
    })
}

/// Demand without its weekday.
fn level(demand: f64, share: f64) -> f64 {
    if share > 0.0 { demand / share } else { 0.0 }
}

/// The mean of daily levels over `length` days from a point in time on; 0 outside of the past.
fn mean_over(levels: &[f64], from: f64, length: f64) -> f64 {
    let (mut total, end) = (0.0, from + length);
    let mut day = from.floor();
    while day < end {
        let overlap = (day + 1.0).min(end) - day.max(from);
        total += overlap * levels.get(day as usize).copied().unwrap_or(0.0);
        day += 1.0;
    }
    total / length
}

/// A log-normal factor of mean 1.
fn level_factor(level_sd: f64, rng: &mut ChaCha8Rng) -> f64 {
    if level_sd <= 0.0 {
        return 1.0;
    }
    let normal = Normal::new(-0.5 * level_sd * level_sd, level_sd).expect("a positive deviation");
    normal.sample(rng).exp()
}

/// Series of the retail simulator to be played at the level of any item.
///
/// Every path is another series: what is known of an item is its mean, and the rest could be that of any item in retail.
/// A policy that stands this stands demand that changes its pattern.
#[derive(Clone, Debug)]
pub struct SimulatedDemand {
    /// Series with their mean, ascending by it.
    series: Vec<(f64, Vec<f32>)>,
}

/// Series beside an item, by their mean, that it can be played on.
const N_ALIKE: usize = 128;

impl SimulatedDemand {
    /// Draws `n_series` series of `n_days` days.
    ///
    /// # Panics
    /// When nothing is asked for.
    pub fn draw(n_series: usize, n_days: usize, seed: u64) -> Self {
        assert!(n_series > 0 && n_days > 0, "{n_series} series of {n_days} days");
        // A past so long that periods are days; it is not used.
        const N_PAST: usize = 521;
        let options = PriorOptions { share_generic: 0.0, share_with_stockouts: 0.0, ..PriorOptions::default() };
        let mut series = Vec::with_capacity(n_series);
        for group in 0.. {
            let group = draw_group(&options, N_PAST, n_days, seed, group);
            assert_eq!(group.bucket, Bucket::Day, "long pasts are daily");
            let futures = group.series.into_iter().map(|one| one.demand[N_PAST..].to_vec());
            let with_mean = futures.map(|days| (days.iter().map(|x| f64::from(*x)).sum::<f64>() / n_days as f64, days));
            series.extend(with_mean.filter(|(mean, _)| *mean > 0.0).take(n_series - series.len()));
            if series.len() == n_series {
                break;
            }
        }
        series.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self { series }
    }

    /// Paths of an item with so much demand a day: series of nearly its level, scaled to it, each path another one as far
    /// as there are so many.
    pub fn paths(&self, mean: f64, n_paths: usize, seed: u64) -> DemandPaths {
        let n_days = self.series[0].1.len();
        let place = self.series.partition_point(|(of, _)| *of < mean);
        let n_alike = N_ALIKE.max(n_paths).min(self.series.len());
        let first = place.saturating_sub(n_alike / 2).min(self.series.len() - n_alike);
        let alike = &self.series[first..first + n_alike];
        let mut rng = stream(seed, &[0x7369_6d75]);
        let mut order: Vec<usize> = (0..n_alike).collect();
        for idx in (1..n_alike).rev() {
            order.swap(idx, rng.random_range(0..=idx));
        }
        let mut values = Vec::with_capacity(n_paths * n_days);
        for path_idx in 0..n_paths {
            let (of, days) = &alike[order[path_idx % n_alike]];
            values.extend(days.iter().map(|demand| (f64::from(*demand) * mean / of) as f32));
        }
        DemandPaths { values, horizon: n_days }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f32]) -> f64 {
        values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
    }

    /// Sold out of a week of 1, 2, ... 7: totals and weekdays are kept, whatever the augmentation.
    #[test]
    fn weekdays_keep_their_shares() {
        let history: Vec<f64> = (0..200).map(|day| (day % 7 + 1) as f64).collect();
        for augmentation in [Augmentation::NONE, Augmentation::default()] {
            let paths = bootstrap(&history, 35, 10, augmentation, 400, 9);
            for day in 0..14 {
                let of_day: Vec<f32> = (0..400).map(|path_idx| paths.path(path_idx)[day]).collect();
                let expected = ((200 + day) % 7 + 1) as f64;
                assert!((mean(&of_day) / expected - 1.0).abs() < 0.03, "day {day}: {} of {expected}", mean(&of_day));
            }
        }
        let paths = bootstrap(&history, 35, 10, Augmentation { level_sd: 0.3, tempo_max: 1.0 }, 400, 9);
        let totals: Vec<f64> = (0..400).map(|path_idx| mean(paths.path(path_idx)) / 4.0).collect();
        let variance = totals.iter().map(|total| (total.ln()).powi(2)).sum::<f64>() / 400.0;
        assert!((variance.sqrt() - 0.3).abs() < 0.05, "deviation of the level {}", variance.sqrt());
    }

    /// A run of four high days stays a run in a block; at twice the tempo it is over in half the time.
    #[test]
    fn blocks_keep_what_belongs_together() {
        let history: Vec<f64> = (0..280).map(|day| if day % 28 < 4 { 7.0 } else { 0.0 }).collect();
        let runs = |augmentation| {
            let paths = bootstrap(&history, 28, 28, augmentation, 60, 2);
            let lengths = (0..60).map(|path_idx| paths.path(path_idx).iter().filter(|demand| **demand > 0.0).count());
            lengths.collect::<Vec<_>>()
        };
        assert!(runs(Augmentation::NONE).iter().all(|length| *length == 4));
        let warped = runs(Augmentation { level_sd: 0.0, tempo_max: 3.0 });
        assert!(warped.iter().any(|length| *length <= 3) && warped.iter().any(|length| *length >= 6), "{warped:?}");
    }

    #[test]
    fn unknown_days_come_from_the_week_before_and_short_pasts_are_played() {
        assert_eq!(filled(&[f64::NAN, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1.0, f64::NAN])[..2], [1.0, 2.0]);
        assert_eq!(filled(&[f64::NAN, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1.0, f64::NAN])[8], 2.0);
        let paths = bootstrap(&[3.0, f64::NAN], 20, 14, Augmentation::default(), 2, 1);
        assert!(paths.values.iter().all(|value| value.is_finite() && *value >= 0.0));
        assert!(bootstrap(&[], 5, 14, Augmentation::default(), 2, 1).values.iter().all(|value| *value == 0.0));
    }

    #[test]
    fn simulated_demand_has_the_level_of_the_item_and_many_shapes() {
        let simulated = SimulatedDemand::draw(300, 60, 4);
        for wanted in [0.2, 5.0, 400.0] {
            let paths = simulated.paths(wanted, 100, 7);
            for path_idx in 0..100 {
                assert!((mean(paths.path(path_idx)) / wanted - 1.0).abs() < 1e-3);
            }
            assert_ne!(paths.path(0), paths.path(1));
            assert_eq!(simulated.paths(wanted, 100, 7), paths);
        }
    }
}
