//! Joint replenishment of several items with constant demand: a cost per order that all items share, and one per item.
//!
//! Every item is ordered at a whole multiple of a base cycle. Silver's heuristic (Silver 1976, "A simple method of
//! determining order quantities in joint replenishments under deterministic demand", *Management Science* 22(12)) picks
//! the multiples in closed form; it is near the optimum, not proven to be it.

/// One item of a joint order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointItem {
    /// Cost of having the item on an order (k), currency.
    pub order_cost: f64,
    /// Holding cost per unit and unit of time (h).
    pub holding_cost: f64,
    /// Demand per unit of time (λ), units.
    pub demand_rate: f64,
}

/// When each item is ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct JointCycle {
    /// Time between orders (T).
    pub base_cycle: f64,
    /// `[n_items]`: an item is on every `multiples[i]`-th order.
    pub multiples: Vec<u32>,
    /// Order and holding cost per unit of time, currency.
    pub cost: f64,
}

impl JointCycle {
    /// Units of an item in one of its orders: mᵢ·T·λᵢ.
    pub fn order_quantity(&self, items: &[JointItem], item_idx: usize) -> f64 {
        f64::from(self.multiples[item_idx]) * self.base_cycle * items[item_idx].demand_rate
    }
}

/// The best base cycle for given multiples: T = √(2(K + Σkᵢ/mᵢ) / Σhᵢmᵢλᵢ), cost √(2(K + Σkᵢ/mᵢ)·Σhᵢmᵢλᵢ).
///
/// # Panics
/// Unless there is a multiple of at least 1 for each item and costs and rates are positive.
pub fn best_cycle(shared_order_cost: f64, items: &[JointItem], multiples: Vec<u32>) -> JointCycle {
    assert!(!items.is_empty() && items.len() == multiples.len() && multiples.iter().all(|multiple| *multiple >= 1));
    let pairs = || items.iter().zip(&multiples).map(|(item, multiple)| (item, f64::from(*multiple)));
    let order_cost = shared_order_cost + pairs().map(|(item, multiple)| item.order_cost / multiple).sum::<f64>();
    let holding_cost: f64 = pairs().map(|(item, multiple)| item.holding_cost * multiple * item.demand_rate).sum();
    assert!(order_cost > 0.0 && holding_cost > 0.0);
    JointCycle {
        base_cycle: (2.0 * order_cost / holding_cost).sqrt(),
        cost: (2.0 * order_cost * holding_cost).sqrt(),
        multiples,
    }
}

/// Silver's heuristic (1976): the item j with the smallest kᵢ/(hᵢλᵢ) is on every order, the others at
/// mᵢ = √(kᵢ/(hᵢλᵢ) · hⱼλⱼ/(K + kⱼ)), rounded to a whole number of at least 1.
///
/// # Panics
/// When there is no item, or a holding cost or demand rate is not positive.
pub fn silver(shared_order_cost: f64, items: &[JointItem]) -> JointCycle {
    assert!(items.iter().all(|item| item.order_cost >= 0.0 && item.holding_cost > 0.0 && item.demand_rate > 0.0));
    let ratio = |item: &JointItem| item.order_cost / (item.holding_cost * item.demand_rate);
    let every_order = (0..items.len()).min_by(|a, b| ratio(&items[*a]).total_cmp(&ratio(&items[*b]))).expect("an item");
    let base = items[every_order];
    let factor = base.holding_cost * base.demand_rate / (shared_order_cost + base.order_cost);
    let multiple = |(item_idx, item): (usize, &JointItem)| {
        if item_idx == every_order { 1 } else { ((ratio(item) * factor).sqrt().round() as u32).max(1) }
    };
    let multiples = items.iter().enumerate().map(multiple).collect();
    best_cycle(shared_order_cost, items, multiples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example in the documentation of stockpyl's `joint_replenishment_problem_silver_heuristic`.
    #[test]
    fn documented_example() {
        let items = [(120.0, 160.0), (840.0, 20.0), (300.0, 50.0)].map(|(order_cost, holding_cost)| JointItem {
            order_cost,
            holding_cost,
            demand_rate: 1.0,
        });
        let cycle = silver(600.0, &items);
        assert_eq!(cycle.multiples, [1, 3, 1]);
        assert!((cycle.base_cycle - 3.103_164_454_170_876).abs() < 1e-12);
        assert!((cycle.cost - 837.854_402_626_136_6).abs() < 1e-9);
        assert!((cycle.order_quantity(&items, 1) - 9.309_493_362_512_628).abs() < 1e-11);
    }

    proptest! {
        /// Items ordered on their own without the shared cost are a lower bound, and no other base cycle is cheaper.
        #[test]
        fn cost_lies_above_its_bound(
            shared in 0.0_f64..50.0, raw in prop::collection::vec((0.1_f64..20.0, 0.1_f64..2.0, 1.0_f64..500.0), 1..6),
            stretch in 0.5_f64..2.0,
        ) {
            let items: Vec<JointItem> = raw.iter().map(|(order_cost, holding_cost, demand_rate)| JointItem {
                order_cost: *order_cost, holding_cost: *holding_cost, demand_rate: *demand_rate,
            }).collect();
            let alone: f64 = items.iter().map(|item| {
                (2.0 * item.order_cost * item.holding_cost * item.demand_rate).sqrt()
            }).sum();
            let cycle = silver(shared, &items);
            prop_assert!(cycle.cost >= alone - 1e-9);
            let other_cycle = stretch * cycle.base_cycle;
            let other_cost = shared / other_cycle + items.iter().zip(&cycle.multiples).map(|(item, multiple)| {
                let between = f64::from(*multiple) * other_cycle;
                item.order_cost / between + item.holding_cost * item.demand_rate * between / 2.0
            }).sum::<f64>();
            prop_assert!(other_cost >= cycle.cost - 1e-9);
        }
    }
}
