//! The economic order quantity and its relatives: constant demand, a fixed cost per order, holding cost.
//!
//! Sources: Harris (1913), "How many parts to make at once"; formulas as in Snyder & Shen, *Fundamentals of Supply Chain
//! Theory*, 2nd ed. 2019, chapters 3 and 9. Demand rate λ and holding cost h share a time unit.

/// An order size and the cost per time unit it leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderSize {
    /// Units per order.
    pub order_quantity: f64,
    /// Cost per time unit, currency. Purchase cost is included only by the discount functions.
    pub cost: f64,
}

/// Q = √(2Kλ/h), cost √(2Kλh).
///
/// # Panics
/// Unless all three are positive.
pub fn economic_order_quantity(order_cost: f64, holding_cost: f64, demand_rate: f64) -> OrderSize {
    assert!(order_cost > 0.0 && holding_cost > 0.0 && demand_rate > 0.0);
    OrderSize {
        order_quantity: (2.0 * order_cost * demand_rate / holding_cost).sqrt(),
        cost: (2.0 * order_cost * demand_rate * holding_cost).sqrt(),
    }
}

/// The economic order quantity with planned backorders at `stockout_cost` p per unit and time unit:
/// Q = √(2Kλ(h+p)/(hp)), backordered share x = h/(h+p), cost √(2Kλhp/(h+p)). Returns the size and x.
///
/// # Panics
/// Unless all four are positive.
pub fn with_backorders(order_cost: f64, holding_cost: f64, stockout_cost: f64, demand_rate: f64) -> (OrderSize, f64) {
    assert!(stockout_cost > 0.0);
    let share = holding_cost / (holding_cost + stockout_cost);
    let effective_holding_cost = holding_cost * stockout_cost / (holding_cost + stockout_cost);
    (economic_order_quantity(order_cost, effective_holding_cost, demand_rate), share)
}

/// The economic production quantity: the batch arrives at `production_rate` µ > λ while demand goes on, which lowers the
/// effective holding cost to h(1 - λ/µ) (Taft 1918).
///
/// # Panics
/// Unless all are positive and µ > λ.
pub fn production_quantity(order_cost: f64, holding_cost: f64, demand_rate: f64, production_rate: f64) -> OrderSize {
    assert!(production_rate > demand_rate);
    economic_order_quantity(order_cost, holding_cost * (1.0 - demand_rate / production_rate), demand_rate)
}

/// A unit cost that holds from a quantity upwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitCostFrom {
    /// Smallest order quantity, units; 0 for the first.
    pub from_quantity: f64,
    /// Cost of one unit, currency.
    pub unit_cost: f64,
}

/// All-units discount: every unit costs the price of the order's bracket, and holding costs
/// `carrying_rate` · unit cost. Returns the size, the cost including purchase, and the bracket.
///
/// # Panics
/// When there are no brackets or a rate is not positive.
pub fn all_units_discount(
    order_cost: f64,
    carrying_rate: f64,
    demand_rate: f64,
    brackets: &[UnitCostFrom],
) -> (OrderSize, usize) {
    best_bracket(brackets.iter().enumerate().map(|(bracket_idx, bracket)| {
        let holding_cost = carrying_rate * bracket.unit_cost;
        let end = brackets.get(bracket_idx + 1).map_or(f64::INFINITY, |next| next.from_quantity);
        // Cost is convex in each bracket, so its best point is the free optimum moved into the bracket; at the upper
        // end the next bracket is cheaper.
        let free = economic_order_quantity(order_cost, holding_cost, demand_rate).order_quantity;
        let order_quantity = free.clamp(bracket.from_quantity, end);
        let cost = bracket.unit_cost * demand_rate
            + order_cost * demand_rate / order_quantity
            + holding_cost * order_quantity / 2.0;
        (OrderSize { order_quantity, cost }, bracket_idx)
    }))
}

/// Incremental discount: only the units beyond a bracket's start get its price. Returns the size, the cost including
/// purchase, and the bracket.
///
/// # Panics
/// When there are no brackets or a rate is not positive.
pub fn incremental_discount(
    order_cost: f64,
    carrying_rate: f64,
    demand_rate: f64,
    brackets: &[UnitCostFrom],
) -> (OrderSize, usize) {
    // The order cost of bracket j grows by what the first units cost more than the bracket's price.
    let mut extra = 0.0;
    let mut candidates = Vec::with_capacity(brackets.len());
    for (bracket_idx, bracket) in brackets.iter().enumerate() {
        if bracket_idx > 0 {
            extra += (brackets[bracket_idx - 1].unit_cost - bracket.unit_cost) * bracket.from_quantity;
        }
        let end = brackets.get(bracket_idx + 1).map_or(f64::INFINITY, |next| next.from_quantity);
        let holding_cost = carrying_rate * bracket.unit_cost;
        let size = economic_order_quantity(order_cost + extra, holding_cost, demand_rate);
        // An optimum never lies on a bracket's edge (Snyder & Shen, section 3.4.2), so others are skipped.
        if bracket.from_quantity <= size.order_quantity && size.order_quantity <= end {
            let cost = bracket.unit_cost * demand_rate + carrying_rate * extra / 2.0 + size.cost;
            candidates.push((OrderSize { cost, ..size }, bracket_idx));
        }
    }
    best_bracket(candidates.into_iter())
}

fn best_bracket(candidates: impl Iterator<Item = (OrderSize, usize)>) -> (OrderSize, usize) {
    candidates.min_by(|a, b| a.0.cost.total_cmp(&b.0.cost)).expect("at least one price bracket")
}

/// The economic order quantity with supply disruptions: supply fails at `disruption_rate` α and recovers at
/// `recovery_rate` β (exponential times); while it is down, demand beyond the stock is lost at `stockout_cost` p a unit
/// (Parlar & Berkin 1991 as corrected by Berk & Arreola-Risa 1994; Snyder & Shen, section 9.2, equation 9.4).
///
/// # Panics
/// Unless all are positive, or when the search bracket does not hold the optimum.
pub fn with_disruptions(
    order_cost: f64,
    holding_cost: f64,
    stockout_cost: f64,
    demand_rate: f64,
    disruption_rate: f64,
    recovery_rate: f64,
) -> OrderSize {
    assert!(disruption_rate > 0.0 && recovery_rate > 0.0 && stockout_cost > 0.0);
    let total_rate = disruption_rate + recovery_rate;
    let cost = |order_quantity: f64| {
        // Probability that supply is down when the stock reaches zero.
        let p_down = disruption_rate / total_rate * (1.0 - (-total_rate * order_quantity / demand_rate).exp());
        let numerator = order_cost
            + holding_cost * order_quantity * order_quantity / (2.0 * demand_rate)
            + stockout_cost * demand_rate * p_down / recovery_rate;
        numerator / (order_quantity / demand_rate + p_down / recovery_rate)
    };
    // The cost is unimodal in Q (Berk & Arreola-Risa 1994), so golden-section search finds the optimum.
    let free = economic_order_quantity(order_cost, holding_cost, demand_rate).order_quantity;
    let disruption_scale = (stockout_cost * demand_rate / (holding_cost * recovery_rate)).max(1.0) * demand_rate;
    let (mut low, mut high) = (free * 1e-3, free * 10.0 + disruption_scale);
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    while high - low > 1e-10 * high {
        let width = GOLDEN * (high - low);
        let (left, right) = (high - width, low + width);
        if cost(left) <= cost(right) {
            high = right;
        } else {
            low = left;
        }
    }
    let order_quantity = f64::midpoint(low, high);
    OrderSize { order_quantity, cost: cost(order_quantity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(got: f64, published: f64, what: &str) {
        // The published rows print ten or more digits; 1e-9 relative leaves room for the last of them.
        assert!((got - published).abs() <= 1e-9 * published.abs(), "{what}: got {got}, published {published}");
    }

    const BRACKETS_3_5: [UnitCostFrom; 3] = [
        UnitCostFrom { from_quantity: 0.0, unit_cost: 0.75 },
        UnitCostFrom { from_quantity: 400.0, unit_cost: 0.72 },
        UnitCostFrom { from_quantity: 800.0, unit_cost: 0.68 },
    ];
    const BRACKETS_3_12: [UnitCostFrom; 3] = [
        UnitCostFrom { from_quantity: 0.0, unit_cost: 1490.0 },
        UnitCostFrom { from_quantity: 1200.0, unit_cost: 1220.0 },
        UnitCostFrom { from_quantity: 2400.0, unit_cost: 1100.0 },
    ];

    /// Snyder & Shen problem 3.2(b), as listed in stockpyl tests/test_eoq.py.
    #[test]
    fn backorders_match_snyder_shen() {
        let (size, share) = with_backorders(40.0, 40.05, 60.0, 2080.0);
        assert_close(size.order_quantity, 83.235448128898, "Q");
        assert_close(share, 0.400299850074962, "x");
        assert_close(size.cost, 1999.148244415212, "cost");
    }

    /// Snyder & Shen example 3.1 and problem 3.22 (EPQ), as listed in stockpyl tests/test_eoq.py.
    #[test]
    fn production_quantities_match_snyder_shen() {
        for (k, h, lambda, mu, quantity, cost) in [
            (8.0, 0.225, 1300.0, 2000.0, 513.9328595516969, 40.47221268969612),
            (4.0, 0.08, 80.0, 110.0, 171.2697677155351, 3.73679493197531),
        ] {
            let size = production_quantity(k, h, lambda, mu);
            assert_close(size.order_quantity, quantity, "Q");
            assert_close(size.cost, cost, "cost");
        }
    }

    /// Snyder & Shen example 3.5 and problem 3.12, as listed in stockpyl tests/test_eoq.py.
    #[test]
    fn discounts_match_snyder_shen() {
        for (k, i, lambda, brackets, quantity, cost, bracket) in [
            (8.0, 0.3, 1300.0, &BRACKETS_3_5, 800.0, 978.6, 2),
            (2250.0, 0.25, 182_500.0, &BRACKETS_3_12, 2400.0, 201_251_093.75, 2),
        ] {
            let (size, bracket_idx) = all_units_discount(k, i, lambda, brackets);
            assert_close(size.order_quantity, quantity, "all-units Q");
            assert_close(size.cost, cost, "all-units cost");
            assert_eq!(bracket_idx, bracket);
        }
        for (k, i, lambda, brackets, quantity, cost, bracket) in [
            (8.0, 0.3, 1300.0, &BRACKETS_3_5, 304.04678003, 1043.41052551, 0),
            (2250.0, 0.25, 182_500.0, &BRACKETS_3_12, 28553.06065428, 208_678_591.679_928_36, 2),
        ] {
            let (size, bracket_idx) = incremental_discount(k, i, lambda, brackets);
            assert_close(size.order_quantity, quantity, "incremental Q");
            assert_close(size.cost, cost, "incremental cost");
            assert_eq!(bracket_idx, bracket);
        }
    }

    /// Snyder & Shen example 9.1 and problem 9.8, as listed in stockpyl tests/test_supply_uncertainty.py. Only the cost
    /// is held to ten digits: it is flat in Q, so Q is known to about the square root of that.
    #[test]
    fn disruptions_match_snyder_shen() {
        for (k, h, p, lambda, alpha, beta, quantity, cost) in [
            (8.0, 0.225, 5.0, 1300.0, 1.5, 14.0, 772.8110631910017, 173.9500025731971),
            (35.0, 4.0, 22.0, 30.0, 1.0, 12.0, 24.066284024222202, 96.266590901158),
        ] {
            let size = with_disruptions(k, h, p, lambda, alpha, beta);
            assert!((size.order_quantity - quantity).abs() < 1e-4 * quantity, "Q {}", size.order_quantity);
            assert_close(size.cost, cost, "cost");
        }
    }
}
