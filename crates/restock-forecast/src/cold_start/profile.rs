//! What one established item-location teaches about others: how much it sells, in what rhythm, how unevenly.

use restock_core::forecast::Observation;
use restock_core::{Bucket, SeriesInput};

use crate::models::phase;

/// Fewest observed periods of an item-location that others can learn from; below it an item counts as new.
pub const N_ESTABLISHED: usize = 60;

/// Past periods whose mean is the rate: a quarter of days, half a year of weeks, a year of months.
fn rate_window(bucket: Bucket) -> usize {
    match bucket {
        Bucket::Day => 91,
        Bucket::Week => 26,
        Bucket::Month => 12,
    }
}

/// Past periods that a profile looks at, at most, and keeps as the sales of a sibling.
pub const N_PAST_MAX: usize = 256;

/// An established item-location.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Index of the item.
    pub item: usize,
    /// Index of the location.
    pub location: usize,
    /// Natural logarithm of demand, base units per open period; half a unit is added to the sum, so that nothing sold in
    /// a while is not minus infinity.
    pub log_rate: f64,
    /// Size of the negative binomial around the rate.
    pub size: f64,
    /// Demand by phase of a week of days over the mean of all; empty for longer periods, where a year would be needed.
    pub season_factors: Vec<f64>,
    /// Sales of the last periods, base units, the latest last; NaN where they were not seen in full.
    pub sales: Vec<f32>,
}

impl Profile {
    /// The profile of a series whose quantities are `unit` base units, or `None` with fewer than [`N_ESTABLISHED`]
    /// observed periods.
    pub fn of(item: usize, location: usize, series: &SeriesInput, unit: f64) -> Option<Self> {
        let usable = |position: &usize| {
            matches!(series.observations[*position], Observation::Full | Observation::Censored)
                && series.demand[*position].is_finite()
        };
        let n = series.n_periods();
        if (0..n).filter(usable).count() < N_ESTABLISHED {
            return None;
        }
        let recent: Vec<usize> = (n.saturating_sub(rate_window(series.bucket))..n).filter(usable).collect();
        // Closed for a quarter of a year: nothing recent to learn from.
        if recent.is_empty() {
            return None;
        }
        let total: f64 = recent.iter().map(|position| series.demand[*position].max(0.0)).sum();
        let season_factors = week_of(series, &recent, total);
        let begin = n.saturating_sub(N_PAST_MAX);
        let sales = (begin..n)
            .map(|position| match series.observations[position] {
                Observation::Full => (series.sales[position] * unit) as f32,
                _ => f32::NAN,
            })
            .collect();
        Some(Self {
            item,
            location,
            log_rate: ((total + 0.5) / recent.len() as f64 * unit).ln(),
            size: size_of(series, &recent, total, &season_factors),
            season_factors,
            sales,
        })
    }
}

/// Demand by weekday over the mean of all days, shrunk to an even week by two pseudo-weeks.
fn week_of(series: &SeriesInput, recent: &[usize], total: f64) -> Vec<f64> {
    const PSEUDO_WEEKS: f64 = 2.0;
    if series.bucket != Bucket::Day || total <= 0.0 {
        return Vec::new();
    }
    let mean = total / recent.len() as f64;
    let (mut sums, mut counts) = ([0.0; 7], [0.0; 7]);
    for position in recent {
        sums[phase(series, *position)] += series.demand[*position].max(0.0);
        counts[phase(series, *position)] += 1.0;
    }
    (0..7).map(|day| (sums[day] / mean + PSEUDO_WEEKS) / (counts[day] + PSEUDO_WEEKS)).collect()
}

/// Size of the negative binomial around the weekly rhythm, by moments: k = Σ µ² / Σ ((y - µ)² - µ).
fn size_of(series: &SeriesInput, recent: &[usize], total: f64, season_factors: &[f64]) -> f64 {
    let rate = total / recent.len() as f64;
    let (mut squares, mut excess) = (0.0, 0.0);
    for position in recent {
        let mean = rate * season_factors.get(phase(series, *position)).copied().unwrap_or(1.0);
        squares += mean * mean;
        excess += (series.demand[*position].max(0.0) - mean).powi(2) - mean;
    }
    (squares / excess.max(1e-9)).clamp(0.1, 100.0)
}
