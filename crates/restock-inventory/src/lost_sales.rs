//! Lost sales: demand that an empty shelf loses before an order arrives does not use up that order.
//!
//! A base-stock level S covers demand over lead time plus review period as if all of it were served in the end. Where
//! unmet demand is lost, stock that is left when the order arrives is never below zero, so the same order leaves more
//! than S asks for. The projected inventory level policy (van Jaarsveld & Arts 2024, "Projected inventory level policies
//! for lost sales inventory systems: asymptotic optimality in two regimes", *Operations Research*) raises the *expected
//! projected inventory at arrival* to a fixed level instead. With U = S - E\[D(L)\] as that level the order is
//!
//! ```text
//! U - (position - E[D(L)] + E[lost before arrival]) = S - position - E[lost before arrival]
//! ```
//!
//! so the base-stock order is reduced by the demand that is expected to be lost, and both agree where nothing is.
//!
//! # Differences from the paper
//! 1. U follows from the service target or costs through S, not from a search; S is on the safe side.
//! 2. Open supply of any date counts in the position, as everywhere, so that an order is never placed twice.
//! 3. The level never falls below the demand that the order is to serve: no stock must not mean no orders.

use restock_core::Units;
use restock_core::policy::Review;

use crate::item_location::{ItemLocationParams, project};

/// Units by which an order up to `level` is reduced, because the demand for them is expected to be lost before an order
/// placed now arrives; 0 where unmet demand waits.
///
/// The loss counts stock and supply due before the mean lead time (rounded down) is over. It does not depend on the order
/// or on supply that comes with it or later: once placed, the order changes nothing about what is left out.
pub fn lost_before_arrival(review: &Review, level: Units, review_period: usize) -> Units {
    if review.backorder || level <= 0 {
        return 0;
    }
    let demand = &review.demand;
    let mean_lead_time = review.lead_times.iter().sum::<usize>() / review.lead_times.len();
    let arrival = mean_lead_time.min(demand.horizon);
    if arrival == 0 {
        return 0;
    }
    let params = ItemLocationParams { shelf_life: review.shelf_life, ..ItemLocationParams::lost_sales(review.costs) };
    let lost = project(&review.stock, 0, &review.lead_times, demand, 0, arrival, &params).expected_lost;
    let lost = (lost + 1e-9).floor() as Units;
    if lost == 0 {
        return 0;
    }
    let next_arrival = (arrival + review_period).min(demand.horizon);
    let served: f64 = (0..demand.n_paths())
        .map(|idx| demand.path(idx)[arrival..next_arrival].iter().map(|demand| f64::from(*demand)).sum::<f64>())
        .sum();
    let served = (served / demand.n_paths() as f64 - 1e-9).ceil().max(1.0) as Units;
    lost.min((level - served).max(0))
}
