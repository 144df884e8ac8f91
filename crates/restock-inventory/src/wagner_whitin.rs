//! Lot sizes for known demand (Wagner & Whitin 1958).

use restock_core::Units;

/// Optimal lots for known demand.
#[derive(Clone, Debug, PartialEq)]
pub struct LotSizes {
    /// `[n_periods]`: order at the start of each period, units.
    pub order_quantity: Vec<Units>,
    /// Order and holding cost, currency.
    pub cost: f64,
}

/// Cheapest lots that meet `demand` (`[n_periods]`, units) without stock-outs, when stock at the end of a period costs
/// `holding_cost` per unit and an order costs `order_cost`. Orders arrive at once.
///
/// Dynamic programme over the period of the last order (Wagner & Whitin 1958, equation 8); `O(n_periods²)`.
///
/// # Panics
/// When a demand is negative.
pub fn wagner_whitin(demand: &[Units], order_cost: f64, holding_cost: f64) -> LotSizes {
    assert!(demand.iter().all(|demand| *demand >= 0));
    let n_periods = demand.len();
    // best[t]: cheapest cost of periods 0..t; from[t]: period of the order that covers period t - 1.
    let mut best = vec![f64::INFINITY; n_periods + 1];
    let mut from = vec![0; n_periods + 1];
    best[0] = 0.0;
    for start in 0..n_periods {
        let mut holding = 0.0;
        // Nothing has to be ordered for a period without demand.
        if demand[start] == 0 && best[start] < best[start + 1] {
            best[start + 1] = best[start];
            from[start + 1] = usize::MAX;
        }
        for end in start..n_periods {
            holding += holding_cost * (end - start) as f64 * demand[end] as f64;
            let cost = best[start] + order_cost + holding;
            if cost < best[end + 1] {
                best[end + 1] = cost;
                from[end + 1] = start;
            }
        }
    }
    let mut order_quantity = vec![0; n_periods];
    let mut end = n_periods;
    while end > 0 {
        let start = from[end];
        if start == usize::MAX {
            end -= 1;
        } else {
            order_quantity[start] = demand[start..end].iter().sum();
            end = start;
        }
    }
    LotSizes { order_quantity, cost: best[n_periods] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Snyder & Shen, *Fundamentals of Supply Chain Theory*, example 3.9 and problem 3.27.
    #[test]
    fn textbook_lots() {
        let lots = wagner_whitin(&[90, 120, 80, 70], 500.0, 2.0);
        assert_eq!(lots, LotSizes { order_quantity: vec![210, 0, 150, 0], cost: 1380.0 });
        let lots = wagner_whitin(&[150, 100, 80, 200], 120.0, 0.8);
        assert_eq!(lots.order_quantity, [150, 180, 0, 200]);
        assert!((lots.cost - 424.0).abs() < 1e-9);
    }

    proptest! {
        /// Every set of order periods costs at least as much.
        #[test]
        fn no_plan_is_cheaper(demand in prop::collection::vec(0_i64..20, 1..8), order_cost in 0.0_f64..50.0) {
            let lots = wagner_whitin(&demand, order_cost, 1.0);
            prop_assert_eq!(lots.order_quantity.iter().sum::<i64>(), demand.iter().sum::<i64>());
            for plan in 0_u32..1 << demand.len() {
                let mut last_order = None;
                let mut cost = 0.0;
                for (period, wanted) in demand.iter().enumerate() {
                    if plan >> period & 1 == 1 {
                        last_order = Some(period);
                        cost += order_cost;
                    }
                    cost += match last_order {
                        Some(start) => (period - start) as f64 * *wanted as f64,
                        None if *wanted == 0 => 0.0,
                        None => f64::INFINITY,
                    };
                }
                prop_assert!(cost >= lots.cost - 1e-9);
            }
        }
    }
}
