//! The part of a history that says something about demand, with its place in the calendar.

use restock_core::SeriesInput;
use restock_core::forecast::Observation;

/// Usable past periods, oldest first.
pub(crate) struct History {
    /// `[n]`: demand in units.
    pub(crate) values: Vec<f64>,
    /// `[n]`: index of each value in the series, ascending.
    pub(crate) positions: Vec<usize>,
}

impl History {
    /// The usable ones among the last `window` periods before `end`.
    pub(crate) fn new(series: &SeriesInput, end: usize, window: usize) -> Self {
        assert!(end <= series.n_periods(), "forecast origin lies within the history");
        let begin = end.saturating_sub(window);
        let mut history = Self { values: Vec::with_capacity(end - begin), positions: Vec::with_capacity(end - begin) };
        for position in begin..end {
            if is_usable(series.observations[position]) && series.demand[position].is_finite() {
                history.values.push(series.demand[position].max(0.0));
                history.positions.push(position);
            }
        }
        history
    }

    /// The number of usable periods.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The largest demand seen, units.
    pub(crate) fn max(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }

    /// Mean demand, units per period; 0 without history.
    pub(crate) fn mean(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.values.iter().sum::<f64>() / self.len() as f64 }
    }
}

/// Whether a period carries information about demand.
pub(crate) fn is_usable(observation: Observation) -> bool {
    matches!(observation, Observation::Full | Observation::Censored)
}

/// The season phase of a series position: weekday, week of the (52-week) year, or month.
pub(crate) fn phase(series: &SeriesInput, position: usize) -> usize {
    let season = series.bucket.season() as i64;
    // A Monday has phase 0: day 0 of the epoch is a Thursday.
    let shift = if season == 7 { 3 } else { 0 };
    (i64::from(series.first_period) + position as i64 + shift).rem_euclid(season) as usize
}

/// The season length to model: that of the bucket where the history holds at least two seasons, otherwise 1.
pub(crate) fn usable_season(series: &SeriesInput, history: &History) -> usize {
    let season = series.bucket.season();
    match (history.positions.first(), history.positions.last()) {
        (Some(first), Some(last)) if last - first + 1 >= 2 * season && history.len() >= 2 * season.min(12) => season,
        _ => 1,
    }
}
