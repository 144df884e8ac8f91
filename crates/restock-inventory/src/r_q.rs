//! Exact (r, Q) policies for Poisson demand under continuous review (Federgruen & Zheng 1992).

use restock_core::Units;
use statrs::distribution::{DiscreteCDF, Poisson};

/// An optimal (r, Q) policy: order `order_quantity` when the inventory position falls to `reorder_point`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimalPolicy {
    /// Reorder point, units (r).
    pub reorder_point: Units,
    /// Order size, units (Q).
    pub order_quantity: Units,
    /// Long-run average cost per unit of time.
    pub average_cost: f64,
}

/// The optimal (r, Q) policy for Poisson demand of `demand_rate` units per unit of time, backordered, lead time
/// `lead_time`, holding and stock-out cost per unit and unit of time, `order_cost` per order.
///
/// The position is uniform on `r+1..=r+Q` (Zheng 1992), so `c(r, Q) = (K·λ + Σ_{y=r+1..r+Q} G(y)) / Q`; the algorithm adds the
/// cheapest remaining position as long as that lowers the average (Federgruen & Zheng 1992, section 3).
///
/// # Panics
/// Unless rates, costs and lead time are positive and finite.
pub fn optimal_policy(
    demand_rate: f64,
    lead_time: f64,
    holding_cost: f64,
    stockout_cost: f64,
    order_cost: f64,
) -> OptimalPolicy {
    for parameter in [demand_rate, lead_time, holding_cost, stockout_cost, order_cost] {
        assert!(parameter.is_finite() && parameter > 0.0);
    }
    let mean = demand_rate * lead_time;
    let law = Poisson::new(mean).expect("a positive mean");
    // G(y) = h·E[(y - D)⁺] + p·E[(D - y)⁺]; E[(y - D)⁺] = Σ_{x<y} P(D <= x).
    let position_cost = |position: Units| {
        let on_hand: f64 = (0..position.max(0)).map(|level| law.cdf(level as u64)).sum();
        holding_cost * on_hand + stockout_cost * (on_hand - position as f64 + mean)
    };
    let ratio = stockout_cost / (stockout_cost + holding_cost);
    let minimiser = (0..).find(|level| law.cdf(*level as u64) >= ratio).expect("a cdf reaches every ratio below 1");
    let (mut lowest, mut highest): (Units, Units) = (minimiser, minimiser);
    let mut total = order_cost * demand_rate + position_cost(minimiser);
    loop {
        let (below, above) = (position_cost(lowest - 1), position_cost(highest + 1));
        let n_positions = (highest - lowest + 1) as f64;
        if below.min(above) >= total / n_positions {
            let order_quantity = highest - lowest + 1;
            return OptimalPolicy { reorder_point: lowest - 1, order_quantity, average_cost: total / n_positions };
        }
        total += below.min(above);
        if below < above {
            lowest -= 1;
        } else {
            highest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Snyder & Shen, *Fundamentals of Supply Chain Theory*, example 5.8.
    #[test]
    fn textbook_policy() {
        let policy = optimal_policy(1.5, 2.0, 20.0, 150.0, 100.0);
        assert_eq!((policy.reorder_point, policy.order_quantity), (3, 5));
        assert!((policy.average_cost - 107.923_580_633_149_8).abs() < 1e-9, "{policy:?}");
    }
}
