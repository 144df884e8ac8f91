//! Policies with a reorder point: (s, S), (R, s, S) and (s, Q).
//!
//! They hold the order back until the position has fallen to the reorder point s, which pays when an order has a fixed
//! cost.
//!
//! Under (s, nQ) the position after a review lies evenly on s+1, ..., s+Q (Hadley & Whitin 1963, ch. 4). Under (s, S) it
//! is S - j with the weight m(j)/M(S - s), m the renewal density of the demand of a review (Zheng & Federgruen 1991,
//! equation 3). Averaged over those positions the objective gives the smallest level for each distance S - s; the
//! distance with the lowest order, holding and stock-out cost is taken. The search starts from the economic order
//! quantity (Harris 1913), whose time between orders is M(S - s) reviews.

use restock_core::Units;
use restock_core::policy::{Decision, Policy, Review};

use crate::base_stock::{adjusted, order_up_to, order_up_to_again};
use crate::economic_order_quantity::economic_order_quantity;
use crate::expected_expiry::expected_expiry;
use crate::lost_sales::lost_before_arrival;
use crate::protection_interval::ProtectionInterval;
use crate::zheng_federgruen::Renewal;

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

    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        order_up_to_again(review, earlier, 1)
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

    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        order_up_to_again(review, earlier, review.review_period)
    }
}

fn decide_order_up_to(review: &Review, review_period: usize) -> Decision {
    let interval = ProtectionInterval::new(review, review_period);
    let rounding = review.rules.order_multiple.max(review.rules.min_order).max(1);
    let (reorder_point, order_up_to_level) = match economic_order_size(review, &interval) {
        Some(economic) if economic > rounding as f64 => {
            let (reorder_point, order_up_to_level) = levels(&interval, economic, review.costs.order_cost);
            let reorder_point = reorder_point.max(lowest_reorder_point(&interval));
            (reorder_point, order_up_to_level.max(reorder_point + 1))
        }
        // Packs alone space the orders far enough: every shortfall is ordered.
        _ => {
            let level = interval.base_stock_level(rounding);
            (level - 1, level)
        }
    };
    order_up_to(review, order_up_to_level, Some(reorder_point), interval.expected_demand(), review_period)
}

/// The lowest reorder point that still orders: 0, or -1 when the objective wants no stock. Below 0 an item that loses
/// its unmet demand would never be ordered again.
fn lowest_reorder_point(interval: &ProtectionInterval) -> Units {
    if interval.smallest_level(1) > 0 { 0 } else { -1 }
}

/// Cells of the grid on which the renewal density is computed, at most.
const N_CELLS_MAX: usize = 128;

/// Bins of equal weight that the positions of a cycle are gathered in.
const N_BINS: usize = 8;

/// The reorder point s and order-up-to level S with the lowest cost among distances around the economic order size.
fn levels(interval: &ProtectionInterval, economic: f64, order_cost: f64) -> (Units, Units) {
    let served = interval.served_demand();
    let mean_served = interval.expected_served_demand();
    let cell = ((economic + mean_served) * 1.5 / N_CELLS_MAX as f64).ceil().max(1.0);
    let mut law = vec![0.0; N_CELLS_MAX + 1];
    for demand in served {
        law[((demand / cell).round() as usize).min(N_CELLS_MAX)] += 1.0 / served.len() as f64;
    }
    if law[0] > 1.0 - 1e-9 {
        let level = interval.smallest_level(1);
        return (level - 1, level);
    }
    let mut renewal = Renewal::new(&law);

    // Candidate distances: where the expected number of reviews in a cycle passes these multiples of the economic one.
    let n_reviews_wanted = (economic / mean_served).max(1.0);
    let mut multiples = [0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.35].map(|share| share * n_reviews_wanted).into_iter();
    let mut next = multiples.next();
    let mut best = (f64::INFINITY, 0, 0);
    let mut n_reviews = 0.0;
    let mut density = Vec::with_capacity(N_CELLS_MAX);
    for distance in 1..=N_CELLS_MAX {
        density.push(renewal.density(distance - 1));
        n_reviews += density[distance - 1];
        let is_last = distance == N_CELLS_MAX;
        if next.is_none_or(|wanted| n_reviews < wanted) && !(is_last && best.0.is_infinite()) {
            continue;
        }
        while next.is_some_and(|wanted| n_reviews >= wanted) {
            next = multiples.next();
        }
        let offsets = bins(&density, n_reviews, cell);
        let (level, interval_cost) = interval.smallest_level_of_cycle(&offsets, n_reviews);
        let cost = interval_cost + order_cost / n_reviews;
        if cost < best.0 {
            best = (cost, level - (distance as f64 * cell) as Units, level);
        }
        if next.is_none() {
            break;
        }
    }
    (best.1, best.2)
}

/// Positions below the order-up-to level after a review, as (offset, weight), gathered in a few bins. The level itself,
/// where a cycle starts, keeps its own.
fn bins(density: &[f64], n_reviews: f64, cell: f64) -> Vec<(f64, f64)> {
    let mut bins = vec![(0.0, density[0] / n_reviews)];
    let bin_weight = (1.0 - bins[0].1) / (N_BINS - 1) as f64;
    let (mut weight, mut moment) = (0.0, 0.0);
    for (offset, mass) in density.iter().enumerate().skip(1) {
        let share = mass / n_reviews;
        weight += share;
        moment += share * offset as f64 * cell;
        if weight >= bin_weight || (offset == density.len() - 1 && weight > 0.0) {
            bins.push((moment / weight, weight));
            (weight, moment) = (0.0, 0.0);
        }
    }
    bins
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
        // After a review the position lies evenly on s + 1, ..., s + Q.
        let n_bins = order_size.min(N_BINS as Units);
        let offsets: Vec<(f64, f64)> = (0..n_bins)
            .map(|bin| {
                let middle = (bin as f64 + 0.5) * order_size as f64 / n_bins as f64 - 0.5;
                (middle.floor(), 1.0 / n_bins as f64)
            })
            .collect();
        let n_reviews = (order_size as f64 / interval.expected_served_demand().max(1e-12)).max(1.0);
        let (level, _) = interval.smallest_level_of_cycle(&offsets, n_reviews);
        let reorder_point = (level - order_size).max(lowest_reorder_point(&interval));
        let target_level = reorder_point + order_size;

        let position = review.stock.inventory_position();
        let usable_position = position - expected_expiry(review, review.review_period);
        // What is lost before the order arrives need not be lifted above the reorder point.
        let lost_before_arrival = lost_before_arrival(review, reorder_point + 1, review.review_period);
        let n_orders = (reorder_point + 1 - lost_before_arrival - usable_position).max(0).div_ceil_positive(order_size);
        let adjustment_reason = if n_orders == 0 { "reorder_point_not_reached" } else { "fixed_order_size" };
        adjusted(
            position,
            adjustment_reason,
            Decision {
                order_quantity: n_orders * order_size,
                target_level,
                reorder_point: Some(reorder_point),
                expected_demand: interval.expected_demand(),
                lost_before_arrival,
                adjustment: 0,
                adjustment_reason: "none",
            },
        )
    }
}

/// The economic order quantity, or `None` when orders or stock cost nothing or nothing is wanted.
fn economic_order_size(review: &Review, interval: &ProtectionInterval) -> Option<f64> {
    let costs = &review.costs;
    let rate = interval.demand_rate();
    (costs.order_cost > 0.0 && costs.holding_cost > 0.0 && rate > 1e-12)
        .then(|| economic_order_quantity(costs.order_cost, costs.holding_cost, rate).order_quantity.min(1e15))
}

/// The fixed order size in whole units: the economic order quantity, at least one, at least the expected demand of
/// a review period, and a multiple (and at least the minimum) of what the rules ask for.
fn order_size(review: &Review, interval: &ProtectionInterval, review_period: usize) -> Units {
    let per_review = interval.demand_rate() * review_period as f64;
    let economic = economic_order_size(review, interval).unwrap_or(0.0);
    let wanted = (economic.max(per_review).round() as Units).max(1).max(review.rules.min_order);
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
/// is as good at R as at 2R when T = √2·R (Roundy 1985, power-of-two policies), so the order cost matters from there on,
/// unless packs or the minimum order are larger than what T sells anyway.
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
    let economic = economic_order_quantity(costs.order_cost, costs.holding_cost, demand_rate).order_quantity;
    let rounding = review.rules.order_multiple.max(review.rules.min_order) as f64;
    economic >= std::f64::consts::SQRT_2 * review.review_period as f64 * demand_rate && economic > rounding
}
