//! The min/max policy: when the position is at or below the minimum, order up to the maximum.

use restock_core::Units;
use restock_core::policy::{Decision, Policy, Review};

use crate::base_stock::{order_up_to, order_up_to_again, order_up_to_levels};
use crate::protection_interval::ProtectionInterval;

/// Orders up to the maximum once the position has fallen to the minimum.
///
/// Levels that the planner gave (minimum and maximum stock of the item-location) are taken as they are. A missing
/// minimum is the smallest level that meets the objective over lead time plus review period; a missing maximum is the
/// minimum plus the expected demand of one review period, at least one unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct MinMax;

impl Policy for MinMax {
    fn name(&self) -> &str {
        "min_max"
    }

    fn decide(&self, review: &Review) -> Decision {
        let interval = ProtectionInterval::new(review, review.review_period);
        let minimum = match review.rules.min_stock {
            given if given > 0 => given,
            _ => interval.smallest_level(1),
        };
        let one_review = (interval.demand_rate() * review.review_period as f64).ceil() as Units;
        let maximum = match review.rules.max_stock {
            Some(given) if given > minimum => given,
            _ => minimum + one_review.max(1),
        };
        let levels = order_up_to(review, maximum, Some(minimum), interval.expected_demand(), review.review_period);
        as_given(review, levels)
    }

    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        as_given(review, order_up_to_again(review, earlier, review.review_period))
    }
}

/// Nothing is left out of an order up to a maximum that the planner gave.
fn as_given(review: &Review, decision: Decision) -> Decision {
    if review.rules.max_stock != Some(decision.target_level) {
        return decision;
    }
    order_up_to_levels(review, Decision { lost_before_arrival: 0, ..decision }, review.review_period)
}
