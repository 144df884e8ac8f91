//! The myopic policy for lost sales: order what makes the period in which the order arrives cheapest (Morton 1971; Zipkin
//! 2008, *Operations Research* 56(5), "myopic 1").

use restock_core::Units;

use crate::environments::{LostSales, LostSalesState};

/// The smallest order with which the period of its arrival meets its demand with probability `p / (p + h)`.
///
/// # Examples
/// ```
/// use restock_inventory::discrete_demand::DiscreteDemand;
/// use restock_inventory::environments::{LostSales, LostSalesState, lost_sales::LostSalesCosts};
/// use restock_inventory::heuristics::myopic_order;
///
/// // A newsvendor problem: nothing is left of the stock when the order arrives.
/// let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
/// let demand = DiscreteDemand::poisson(5.0, 60);
/// let problem = LostSales::new(1, costs, vec![demand.clone()]);
/// let empty = LostSalesState { phase: 0, on_hand: 0, pipeline: [0; 16] };
/// assert_eq!(myopic_order(&problem, &empty), demand.quantile(0.8));
/// ```
pub fn myopic_order(problem: &LostSales, state: &LostSalesState) -> Units {
    let costs = problem.costs();
    let fractile = costs.stockout_cost / (costs.stockout_cost + costs.holding_cost);
    let on_hand = problem.on_hand_at_arrival(state);
    let demand = problem.demand_at_arrival(state).probabilities();
    // P(demand <= on hand + order), first without an order.
    let below: Vec<f64> = demand
        .iter()
        .scan(0.0, |below, probability| {
            *below += probability;
            Some(*below)
        })
        .collect();
    for order_quantity in 0..demand.len() {
        let served = |left: usize| below[(left + order_quantity).min(below.len() - 1)];
        let service: f64 = on_hand.iter().enumerate().map(|(left, probability)| probability * served(left)).sum();
        // Rounding must not add a unit where a probability is met exactly.
        if service >= fractile - 1e-12 {
            return order_quantity as Units;
        }
    }
    demand.len() as Units - 1
}
