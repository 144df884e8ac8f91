//! Demand that could have been: groups of sibling series drawn from a wide prior over retail, for pretraining.
//!
//! [`chain`](super::chain) simulates one consistent business; [`draw_group`] draws a different little business each time:
//! one to sixteen siblings (the same item in several stores, or the items of a family) that share a calendar, seasons,
//! events and promotions. What customers wanted is kept next to what was sold, because demand behind an empty shelf is
//! what a forecaster of demand has to learn.
//!
//! Every group depends only on `(options, shape, seed, group index)`; the same call gives the same numbers on any thread.
//!
//! # Simplifications
//! 1. Weekly and monthly series sum daily rates, but draw one count per period with the dispersion of the sum.
//! 2. Every place orders from a supply that never runs short, save for disruptions of a random length.

mod calendar;
mod generic;
mod retail;
mod shelf;

use rand::RngExt;
use restock_core::forecast::Observation;
use restock_core::{Bucket, Day};

use super::demand::log_uniform;
use super::random::stream;
pub use calendar::PriorCalendar;

/// Covariates known for past and future, by slot.
pub const N_KNOWN_COVARIATES: usize = 8;

/// A slot of a covariate that is known for past and future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Logarithm of the price over its usual level of the last weeks.
    Price = 0,
    /// Share of the period under promotion.
    Promotion = 1,
    /// Depth of the promotion, share of the regular price.
    Depth = 2,
    /// Display or leaflet, share of the period.
    Display = 3,
    /// Holidays and events: 1 on the day, less on the days that lead to it.
    Event = 4,
    /// Share of the period in which one can buy.
    Open = 5,
    /// Anything else that is known ahead.
    GenericA = 6,
    /// Anything else that is known ahead.
    GenericB = 7,
}

/// What share of groups shows what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriorOptions {
    /// Share of groups that are not retail at all: trends, waves, steps and noise.
    pub share_generic: f64,
    /// Share of retail groups whose shelves can run empty.
    pub share_with_stockouts: f64,
    /// Share of groups with any known covariate.
    pub share_with_covariates: f64,
}

impl Default for PriorOptions {
    /// The proportions of the middle of a training.
    fn default() -> Self {
        Self { share_generic: 0.25, share_with_stockouts: 0.45, share_with_covariates: 0.65 }
    }
}

/// One series of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorSeries {
    /// `[n_past + n_future]`: what customers wanted, units per period.
    pub demand: Vec<f32>,
    /// `[n_past]`: what was recorded, units per period: sales, with the defects of records.
    pub sales: Vec<f32>,
    /// `[n_past]`: how each period was observed.
    pub observations: Vec<Observation>,
    /// `[n_past]`: share of the period in stock; `None` where nobody writes it down.
    pub availability: Option<Vec<f32>>,
    /// `[N_KNOWN_COVARIATES]` of `[n_past + n_future]`; `None` where not recorded.
    pub covariates: [Option<Vec<f32>>; N_KNOWN_COVARIATES],
    /// Whether demand comes in whole units.
    pub count_valued: bool,
    /// Units that customers buy at once, at least; 1 for most.
    pub pack: f32,
}

/// Siblings that share a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorGroup {
    /// Length of a period.
    pub bucket: Bucket,
    /// Days of the periods.
    pub calendar: PriorCalendar,
    /// At least one.
    pub series: Vec<PriorSeries>,
}

/// Draws the group with index `group`: its last `n_future` periods are the future.
///
/// # Panics
/// When `n_past` or `n_future` is 0.
pub fn draw_group(options: &PriorOptions, n_past: usize, n_future: usize, seed: u64, group: u64) -> PriorGroup {
    assert!(n_past > 0 && n_future > 0, "a group needs a past and a future");
    let mut rng = stream(seed, &[0x0070_7269_6f72, group]);
    let bucket = draw_bucket(n_past, &mut rng);
    // Periods before the past, in which stock and averages settle.
    let burn_in = match bucket {
        Bucket::Day => 56,
        Bucket::Week => 8,
        Bucket::Month => 4,
    };
    let calendar = PriorCalendar::draw(bucket, burn_in, n_past + n_future, &mut rng);
    // Half of the groups are families of at least a few.
    let n_series = if rng.random_bool(0.35) { 1 } else { log_uniform(2.0, 17.0, &mut rng) as usize };
    let mut series = if rng.random_bool(options.share_generic) {
        generic::draw(options, &calendar, n_past, n_series.min(4), &mut rng)
    } else {
        retail::draw(options, &calendar, n_past, n_series, &mut rng)
    };
    for one in &mut series {
        add_defects(one, &mut rng);
    }
    PriorGroup { bucket, calendar: calendar.without_burn_in(), series }
}

/// Long pasts are daily: few firms have kept forty years of months.
fn draw_bucket(n_past: usize, rng: &mut rand_chacha::ChaCha8Rng) -> Bucket {
    let (week, month) = match n_past {
        ..=200 => (0.22, 0.16),
        201..=520 => (0.25, 0.0),
        _ => (0.0, 0.0),
    };
    match rng.random::<f64>() {
        draw if draw < month => Bucket::Month,
        draw if draw < month + week => Bucket::Week,
        _ => Bucket::Day,
    }
}

/// What records do to the truth: gaps, entries made twice, a last period that is not complete yet.
fn add_defects(series: &mut PriorSeries, rng: &mut rand_chacha::ChaCha8Rng) {
    let n_past = series.sales.len();
    if rng.random_bool(0.1) {
        for _ in 0..rng.random_range(1..=3) {
            let start = rng.random_range(0..n_past);
            let end = (start + log_uniform(1.0, 30.0, rng) as usize).min(n_past);
            for t in start..end {
                series.observations[t] = Observation::Missing;
            }
        }
    }
    if rng.random_bool(0.03) {
        for _ in 0..rng.random_range(1..=3) {
            series.sales[rng.random_range(0..n_past)] *= 2.0;
        }
    }
    if rng.random_bool(0.02) {
        let share: f32 = rng.random();
        let last = series.sales.last_mut().expect("a past");
        *last = if series.count_valued { (*last * share).floor() } else { *last * share };
    }
    // Most readers start a series at its first sale.
    if rng.random_bool(0.75) {
        let first = series.sales.iter().position(|sales| *sales > 0.0).unwrap_or(n_past);
        series.observations[..first].fill(Observation::Missing);
    }
    for (sales, observation) in series.sales.iter_mut().zip(&series.observations) {
        if matches!(observation, Observation::Missing | Observation::Closed) {
            *sales = 0.0;
        }
    }
}

/// The first day of a calendar is drawn from these years.
const YEARS: std::ops::Range<i16> = 2005..2031;

fn draw_first_day(rng: &mut rand_chacha::ChaCha8Rng) -> Day {
    let start = Day::from_ymd(YEARS.start, 1, 1).expect("a day");
    let end = Day::from_ymd(YEARS.end, 1, 1).expect("a day");
    Day(rng.random_range(start.0..end.0))
}

#[cfg(test)]
mod tests;
