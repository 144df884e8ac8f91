//! How busy places were, read off the sales of all their items.

use super::DayEvidence;

/// How busy each of many locations was, day by day.
#[derive(Clone, Debug)]
pub struct Busyness {
    /// `[n_locations][n_days]`
    shares: Vec<Vec<f64>>,
    /// `[n_days]`: the sum over locations.
    everywhere: Vec<f64>,
}

impl Busyness {
    /// Of `[n_locations][n_days]`, the numbers of items that sold anything.
    pub fn of(n_selling: &[Vec<u32>]) -> Self {
        let shares: Vec<Vec<f64>> = n_selling.iter().map(|n| day_shares(n)).collect();
        let n_days = shares.first().map_or(0, Vec::len);
        let everywhere = (0..n_days).map(|day| shares.iter().map(|shares| shares[day]).sum()).collect();
        Self { shares, everywhere }
    }

    /// `[n_days]`, for [`DayEvidence::share`] of every item of a location.
    pub fn shares(&self, location: usize) -> &[f64] {
        &self.shares[location]
    }

    /// Weighs the days of an item at a location by how much more or less than usual it sold at all others:
    /// `sold_elsewhere` are its units there, by day.
    pub fn weigh(&self, location: usize, sold_elsewhere: &[f64], days: &mut [DayEvidence]) {
        let shares: Vec<f64> = self.everywhere.iter().zip(&self.shares[location]).map(|(all, own)| all - own).collect();
        for (day, factor) in days.iter_mut().zip(elsewhere(sold_elsewhere, &shares)) {
            day.share *= factor;
        }
    }
}

/// `[n_days]`: how busy a place was on each day, for [`DayEvidence::share`], of the number of its items that sold anything.
///
/// The number tells closed days and days that were not reported, busy weekdays and holidays apart without any calendar.
/// Where few items sell in a day it is mostly chance, and days are taken for alike. Then one day without any sale tells
/// nothing, but so many in a row that they would hardly ever come by chance were closed; days before the first sale and
/// after the last one are taken for not reported.
pub(super) fn day_shares(n_selling: &[u32]) -> Vec<f64> {
    /// Selling items a day from which a day without any is a closed one.
    const TELLS_CLOSED: f64 = 3.0;
    /// Selling items a day at which the number counts half.
    const HALF: f64 = 10.0;
    /// Chance of such a run of days in the whole history, below which they were closed.
    const HARDLY_EVER: f64 = 0.01;
    let open: Vec<f64> = n_selling.iter().filter(|n| **n > 0).map(|n| f64::from(*n)).collect();
    let usual = open.iter().sum::<f64>() / open.len().max(1) as f64;
    let weight = usual / (usual + HALF);
    let first = n_selling.iter().position(|n| *n > 0).unwrap_or(n_selling.len());
    let reported = n_selling.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
    // A run of `n` days without a sale has probability exp(-n·rate), and may begin on any day.
    let long = (n_selling.len() as f64 / HARDLY_EVER).ln() / rate_of_positive_mean(usual).max(1e-9);
    let runs = zero_runs(n_selling);
    let share = |(day, n): (usize, &u32)| {
        let is_closed = *n == 0 && (usual >= TELLS_CLOSED || f64::from(runs[day]) > long);
        if day < first || day >= reported || is_closed { 0.0 } else { 1.0 - weight + weight * f64::from(*n) / usual }
    };
    n_selling.iter().enumerate().map(share).collect()
}

/// `[n_days]`: days of the run without a sale that each day is in; 0 for those with one.
fn zero_runs(n_selling: &[u32]) -> Vec<u32> {
    let mut runs = vec![0; n_selling.len()];
    let mut end = 0;
    for same in n_selling.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
        let start = end;
        end += same.len();
        if same[0] == 0 {
            runs[start..end].fill(same.len() as u32);
        }
    }
    runs
}

/// The rate of Poisson numbers of which those above 0 have the mean `mean`: `rate / (1 - exp(-rate)) = mean`.
fn rate_of_positive_mean(mean: f64) -> f64 {
    // Each step is nearer; from above it stays above.
    (0..60).fold(mean, |rate: f64, _| mean * -(-rate).exp_m1())
}

/// `[n_days]`: how much more or less than usual an item sells at other places, as a factor on [`DayEvidence::share`]:
/// promotions, prices, seasons and the end of its life are seen there too.
///
/// `sold` are the units that it sold elsewhere on each day and `shares` how busy it was there. The rate of some days around
/// each is drawn to the usual one as far as few units sell.
fn elsewhere(sold: &[f64], shares: &[f64]) -> Vec<f64> {
    /// Days to both sides.
    const REACH: usize = 3;
    /// Expected units that the usual rate weighs as much as.
    const PRIOR_UNITS: f64 = 10.0;
    let usual = sold.iter().sum::<f64>() / shares.iter().sum::<f64>().max(1e-9);
    (0..sold.len())
        .map(|day| {
            let days = day.saturating_sub(REACH)..(day + REACH + 1).min(sold.len());
            let expected = usual * shares[days.clone()].iter().sum::<f64>();
            ((sold[days].iter().sum::<f64>() + PRIOR_UNITS) / (expected + PRIOR_UNITS)).clamp(0.1, 10.0)
        })
        .collect()
}
