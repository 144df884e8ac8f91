//! Usable stock of perishable items: what will expire before it can be sold.
//!
//! Broekmeulen & van Donselaar (2009), "A heuristic to manage perishable inventory with batch ordering, positive
//! lead-times, and time-varying demand", *Computers & Operations Research* 36(11): the inventory position is reduced by
//! the estimated amount of outdating until the next order arrives (EWA).
//!
//! # Differences from the paper
//! 1. Outdating is the mean over demand paths, not the outdating under mean demand; the latter is too low because
//!    outdating is convex in demand.

use restock_core::Units;
use restock_core::policy::Review;

use crate::item_location::{ItemLocationParams, project};

/// Units of the present stock and open supply that are expected to expire before the order after this one arrives,
/// rounded to the nearest unit; 0 for items that do not expire.
pub fn expected_expiry(review: &Review, review_period: usize) -> Units {
    let last_lead_time = review.lead_times.last().copied().unwrap_or(0);
    let to = (last_lead_time + review_period).min(review.demand.horizon);
    let lot_may_expire = review.stock.lots.iter().any(|lot| (lot.periods_left as i64) < to as i64);
    let arrival_may_expire =
        !review.stock.arrivals.is_empty() && review.shelf_life.is_some_and(|shelf_life| shelf_life < to);
    if !lot_may_expire && !arrival_may_expire {
        return 0;
    }
    let params = ItemLocationParams { shelf_life: review.shelf_life, ..ItemLocationParams::lost_sales(review.costs) };
    project(&review.stock, 0, &review.lead_times, &review.demand, 0, to, &params).expected_expired.round() as Units
}
