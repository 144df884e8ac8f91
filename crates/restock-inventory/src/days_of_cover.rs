//! The days-of-cover policy: hold a fixed number of periods of expected demand.

use restock_core::Units;
use restock_core::policy::{Decision, Policy, Review};

use crate::base_stock::order_up_to;

/// Orders up to the expected demand of a fixed number of periods.
///
/// It ignores uncertainty and is here because planners know it and compare with it. Without a number of periods it
/// covers the mean lead time plus two review periods, one of them as a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct DaysOfCover {
    /// Periods of expected demand to cover, from now; `None` takes mean lead time + two review periods.
    pub cover_periods: Option<usize>,
}

impl Policy for DaysOfCover {
    fn name(&self) -> &str {
        "days_of_cover"
    }

    fn decide(&self, review: &Review) -> Decision {
        let lead_time = review.lead_times.iter().sum::<usize>() as f64 / review.lead_times.len() as f64;
        let protection = lead_time.ceil() as usize + review.review_period;
        let cover = self.cover_periods.unwrap_or(protection + review.review_period);
        let target_level = expected_demand(review, cover).ceil() as Units;
        order_up_to(review, target_level, None, expected_demand(review, protection), review.review_period)
    }
}

/// Expected demand of the next `n_periods` periods, units; beyond the horizon it goes on at the mean.
fn expected_demand(review: &Review, n_periods: usize) -> f64 {
    let demand = &review.demand;
    let known = n_periods.min(demand.horizon);
    let total: f64 = (0..demand.n_paths())
        .map(|idx| demand.path(idx)[..known].iter().map(|demand| f64::from(*demand)).sum::<f64>())
        .sum();
    let scale = if known == 0 { 0.0 } else { n_periods as f64 / known as f64 };
    total * scale / demand.n_paths() as f64
}
