//! What of an order sells before it expires, or before the item ends: caps that the plan, the `portfolio` environment and
//! explanations share.

use restock_core::Units;
use restock_core::policy::{DemandDistribution, Review};

use crate::rules::round_up;

/// Quantile of demand beyond which stock is taken to expire or to outlive the item.
///
/// An order is never larger than what sells in time with at least one chance in ten; the objective decides below that.
const LAST_SALE_QUANTILE: f64 = 0.9;

/// Units of an order that sell with a chance of one in ten, from what each path needs.
pub fn sellable(needs: Vec<f64>) -> Units {
    DemandDistribution::from_scenarios(needs).quantile(LAST_SALE_QUANTILE).ceil().min(1e15) as Units
}

/// The largest order worth having before it expires, from what each path needs until then.
///
/// Where even the smallest order the supplier takes is more than [`sellable`], it is allowed while the margin of what
/// sells is expected to exceed the cost of what is thrown away: a fresh item in a case that is a little too large would
/// otherwise never be ordered again.
pub fn most_before_expiry(needs: Vec<f64>, review: &Review) -> Units {
    let multiple = review.rules.order_multiple.max(1);
    let smallest = round_up(review.rules.min_order.max(1), multiple);
    let sold = needs.iter().map(|need| need.min(smallest as f64)).sum::<f64>() / needs.len() as f64;
    let pays = review.costs.stockout_cost * sold > review.costs.waste_cost * (smallest as f64 - sold);
    let most = sellable(needs);
    if most < smallest && pays { smallest } else { most }
}

/// Per demand path: what the rest of the stock cannot serve from the arrival of an order placed now until the period
/// `until(lead time)`, exclusive. Beyond the horizon a path goes on at its own mean. Demand before the arrival is served
/// from the rest of the stock, or it is lost, or waits where unmet demand does; what waits is served from the new order
/// first.
pub fn needs_after_arrival(review: &Review, until: impl Fn(usize) -> usize) -> Vec<f64> {
    let demand = &review.demand;
    let horizon = demand.horizon;
    let mut arrivals = vec![0.0; horizon + 1];
    for arrival in &review.stock.arrivals {
        arrivals[(arrival.periods_ahead.max(0) as usize).min(horizon)] += arrival.quantity as f64;
    }
    let promised_now = (review.stock.reserved + review.stock.backorders) as f64;
    let on_hand_now = review.stock.on_hand() as f64;
    (0..demand.n_paths())
        .map(|path_idx| {
            let path = demand.path(path_idx);
            let lead = review.lead_times[path_idx % review.lead_times.len()];
            let end = until(lead);
            let (mut on_hand, mut promised, mut need) = (on_hand_now, promised_now, 0.0);
            for (step, wanted) in path[..end.min(horizon)].iter().enumerate() {
                on_hand += arrivals[step];
                let issued = promised.min(on_hand);
                promised -= issued;
                on_hand -= issued;
                let wanted = f64::from(*wanted);
                let sold = wanted.min(on_hand);
                on_hand -= sold;
                if step >= lead {
                    need += wanted - sold + promised;
                    promised = 0.0;
                } else if review.backorder {
                    promised += wanted - sold;
                }
            }
            if end > horizon {
                let mean = path.iter().map(|demand| f64::from(*demand)).sum::<f64>() / horizon as f64;
                need += ((end - horizon.max(lead)) as f64 * mean - on_hand).max(0.0) + promised;
            }
            need
        })
        .collect()
}
