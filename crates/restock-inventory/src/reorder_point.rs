//! Policies with a reorder point: (s, S), (R, s, S) and (s, Q).
//!
//! They hold the order back until the position has fallen to the reorder point s, which pays when an order has a fixed
//! cost. The order size comes from the economic order quantity (Harris 1913), the reorder point from the distribution
//! of demand over the protection interval given that size: after a review the position lies evenly on s+1, ..., s+Q
//! (Hadley & Whitin 1963, ch. 4; exact for (s, nQ), close for (s, S)).

use restock_core::Units;
use restock_core::policy::{Decision, Policy, Review};

use crate::base_stock::order_up_to;
use crate::economic_order_quantity::economic_order_quantity;
use crate::expected_expiry::expected_expiry;
use crate::protection_interval::ProtectionInterval;

/// Once the position is at or below s, order up to S; the stock is watched in every period.
///
/// The protection interval is the lead time plus one period. Use it where orders can be placed in any period; where the
/// next opportunity is further away, [`PeriodicOrderUpTo`] is the safe choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderUpTo;

impl Policy for OrderUpTo {
    fn name(&self) -> &str {
        "s_S"
    }

    fn decide(&self, review: &Review) -> Decision {
        decide_order_up_to(review, 1)
    }
}

/// Once the position is at or below s at a review, order up to S.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeriodicOrderUpTo;

impl Policy for PeriodicOrderUpTo {
    fn name(&self) -> &str {
        "R_s_S"
    }

    fn decide(&self, review: &Review) -> Decision {
        decide_order_up_to(review, review.review_period)
    }
}

fn decide_order_up_to(review: &Review, review_period: usize) -> Decision {
    let interval = ProtectionInterval::new(review, review_period);
    let order_size = order_size(review, &interval, review_period);
    // At the moment of ordering the position is already below s by part of a review period's demand (the undershoot,
    // on average about half of it), so an order of the wanted size starts from S = s + size - undershoot.
    let undershoot = (interval.demand_rate() * review_period as f64 / 2.0) as Units;
    let gap = (order_size - undershoot).max(1);
    let reorder_point = interval.smallest_level(gap) - 1;
    order_up_to(review, reorder_point + gap, Some(reorder_point), interval.expected_demand(), review_period)
}

/// Once the position is at or below s, order as many times Q as lift it above s.
///
/// `target_level` is s + Q, where one order from the reorder point would lead; the difference to the fixed size is in
/// `adjustment` (`fixed_order_size`).
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedOrderSize;

impl Policy for FixedOrderSize {
    fn name(&self) -> &str {
        "s_Q"
    }

    fn decide(&self, review: &Review) -> Decision {
        let interval = ProtectionInterval::new(review, review.review_period);
        let order_size = order_size(review, &interval, review.review_period);
        let reorder_point = interval.smallest_level(order_size) - 1;
        let target_level = reorder_point + order_size;

        let position = review.stock.inventory_position();
        let usable_position = position - expected_expiry(review, review.review_period);
        let n_orders = (reorder_point + 1 - usable_position).max(0).div_ceil_positive(order_size);
        let order_quantity = n_orders * order_size;
        let adjustment = order_quantity - (target_level - position).max(0);
        let adjustment_reason = match (adjustment, n_orders) {
            (0, _) => "none",
            (_, 0) => "reorder_point_not_reached",
            _ => "fixed_order_size",
        };
        Decision {
            order_quantity,
            target_level,
            reorder_point: Some(reorder_point),
            expected_demand: interval.expected_demand(),
            adjustment,
            adjustment_reason,
        }
    }
}

/// The economic order quantity in whole units: at least one, at least the expected demand of a review period, and
/// a multiple (and at least the minimum) of what the rules ask for.
fn order_size(review: &Review, interval: &ProtectionInterval, review_period: usize) -> Units {
    let per_review = interval.demand_rate() * review_period as f64;
    let costs = &review.costs;
    let economic = match costs.order_cost > 0.0 && costs.holding_cost > 0.0 && per_review > 0.0 {
        true => economic_order_quantity(costs.order_cost, costs.holding_cost, interval.demand_rate()).order_quantity,
        false => 0.0,
    };
    let wanted = (economic.max(per_review).min(1e15).round() as Units).max(1).max(review.rules.min_order);
    let multiple = review.rules.order_multiple.max(1);
    wanted.div_ceil_positive(multiple) * multiple
}

/// Division that rounds up, for non-negative numbers.
trait DivCeilPositive {
    fn div_ceil_positive(self, divisor: Self) -> Self;
}

impl DivCeilPositive for Units {
    fn div_ceil_positive(self, divisor: Self) -> Self {
        assert!(self >= 0 && divisor > 0);
        self / divisor + Units::from(self % divisor != 0)
    }
}

/// Whether the fixed cost of an order is worth holding an order back at some reviews.
///
/// The cost-optimal time between orders is T = √(2K / (λh)). Among whole multiples of the review period, the cost of T
/// is as good at R as at 2R when T = √2·R (Roundy 1985, power-of-two policies), so the order cost matters from there on.
pub fn order_cost_matters(review: &Review) -> bool {
    let costs = &review.costs;
    if costs.order_cost <= 0.0 || costs.holding_cost <= 0.0 {
        return false;
    }
    let horizon = review.demand.horizon;
    let total: f64 = review.demand.values.iter().map(|demand| f64::from(*demand)).sum();
    let demand_rate = total / (review.demand.n_paths() * horizon) as f64;
    if demand_rate <= 0.0 {
        return false;
    }
    let time_between_orders = (2.0 * costs.order_cost / (demand_rate * costs.holding_cost)).sqrt();
    time_between_orders >= std::f64::consts::SQRT_2 * review.review_period as f64
}
