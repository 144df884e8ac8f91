//! The base-stock policy (R, S): at every review, order up to the base-stock level S.

use restock_core::policy::{Decision, Policy, Review};

use crate::expected_expiry::expected_expiry;
use crate::lost_sales::lost_before_arrival;
use crate::protection_interval::ProtectionInterval;

/// Orders up to the base-stock level at every review.
///
/// The level is the smallest that meets the objective over lead time plus review period, for orders in the multiple
/// (and minimum) that the rules ask for; see [`ProtectionInterval::base_stock_level`]. Stock that is expected to expire
/// unsold is replaced (`adjustment_reason` `expected_expiry`), and demand that is expected to be lost before the order
/// arrives is left out ([`crate::lost_sales`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct BaseStock;

impl Policy for BaseStock {
    fn name(&self) -> &str {
        "base_stock"
    }

    fn decide(&self, review: &Review) -> Decision {
        let interval = ProtectionInterval::new(review, review.review_period);
        let target_level = interval.base_stock_level(review.rules.order_multiple.max(review.rules.min_order));
        order_up_to(review, target_level, None, interval.expected_demand(), review.review_period)
    }

    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        order_up_to_again(review, earlier, review.review_period)
    }
}

/// The decision for another stock, with the levels of an earlier one.
pub(crate) fn order_up_to_again(review: &Review, earlier: &Decision, review_period: usize) -> Decision {
    order_up_to(review, earlier.target_level, earlier.reorder_point, earlier.expected_demand, review_period)
}

/// The decision to order up to `target_level`, where `reorder_point` allows it.
pub(crate) fn order_up_to(
    review: &Review,
    target_level: restock_core::Units,
    reorder_point: Option<restock_core::Units>,
    expected_demand: f64,
    review_period: usize,
) -> Decision {
    let lost_before_arrival = lost_before_arrival(review, target_level, review_period);
    let levels = Decision {
        order_quantity: 0,
        target_level,
        reorder_point,
        expected_demand,
        lost_before_arrival,
        adjustment: 0,
        adjustment_reason: "none",
    };
    order_up_to_levels(review, levels, review_period)
}

/// The decision to order up to the target level of `levels`, less what is lost before the order arrives.
pub(crate) fn order_up_to_levels(review: &Review, levels: Decision, review_period: usize) -> Decision {
    let position = review.stock.inventory_position();
    let usable_position = position - expected_expiry(review, review_period);
    let (order_quantity, adjustment_reason) = match levels.reorder_point {
        Some(reorder_point) if usable_position > reorder_point => (0, "reorder_point_not_reached"),
        _ => ((levels.target_level - levels.lost_before_arrival - usable_position).max(0), "expected_expiry"),
    };
    adjusted(position, adjustment_reason, Decision { order_quantity, ..levels })
}

/// The decision with its adjustment: what the order differs by from target minus position, less demand lost before it
/// arrives.
pub(crate) fn adjusted(position: restock_core::Units, reason: &'static str, decision: Decision) -> Decision {
    let plain = (decision.target_level - position).max(0) - decision.left_out(position);
    let adjustment = decision.order_quantity - plain;
    Decision { adjustment, adjustment_reason: if adjustment == 0 { "none" } else { reason }, ..decision }
}
