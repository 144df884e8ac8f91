//! The days of a group: periods of one bucket, each a run of days.

use rand_chacha::ChaCha8Rng;
use restock_core::{Bucket, Day};

use super::draw_first_day;

/// The periods of a group and the days in them.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorCalendar {
    /// Length of a period.
    pub bucket: Bucket,
    /// `[n_periods]`: first day of each period.
    pub first_days: Vec<Day>,
    /// Periods of burn-in at the front.
    pub(super) burn_in: usize,
    /// `[n_periods + 1]`: where each period starts in the days.
    pub(super) starts: Vec<usize>,
}

impl PriorCalendar {
    /// A calendar with `n_periods` periods after `burn_in`.
    pub(super) fn draw(bucket: Bucket, burn_in: usize, n_periods: usize, rng: &mut ChaCha8Rng) -> Self {
        let n_periods = burn_in + n_periods;
        let first = bucket.period_of(draw_first_day(rng));
        let first_days: Vec<Day> = (0..n_periods as i32 + 1).map(|offset| bucket.first_day(first + offset)).collect();
        let starts = first_days.iter().map(|day| (day.0 - first_days[0].0) as usize).collect();
        Self { bucket, first_days: first_days[..n_periods].to_vec(), burn_in, starts }
    }

    pub(super) fn n_periods(&self) -> usize {
        self.first_days.len()
    }

    pub(super) fn n_days(&self) -> usize {
        *self.starts.last().expect("a calendar has a start")
    }

    /// The indices of the days of a period.
    pub(super) fn days_of(&self, period_idx: usize) -> std::ops::Range<usize> {
        self.starts[period_idx]..self.starts[period_idx + 1]
    }

    /// Mean days of a period.
    pub(super) fn days_per_period(&self) -> f64 {
        self.bucket.days()
    }

    /// `[n_periods]`: the mean of a daily array over each period.
    pub(super) fn mean_by_period(&self, daily: &[f64]) -> Vec<f64> {
        (0..self.n_periods())
            .map(|period_idx| {
                let days = self.days_of(period_idx);
                daily[days.clone()].iter().sum::<f64>() / days.len() as f64
            })
            .collect()
    }

    /// The calendar of the periods that are handed out.
    pub(super) fn without_burn_in(self) -> Self {
        Self { first_days: self.first_days[self.burn_in..].to_vec(), burn_in: 0, ..self }
    }
}
