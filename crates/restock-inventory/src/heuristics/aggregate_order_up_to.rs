//! The aggregate (s, S1, S2) rule for items that share an order: once the items' positions together are at or below `s`,
//! each is ordered up to its own level (the (Q, S) idea of Renberg & Planche 1967 and Pantumsinchai 1992, in periodic
//! review).

use restock_core::Units;

use crate::environments::JointReplenishment;
use crate::environments::joint_replenishment::N_ITEMS;
use crate::exact::{PolicyChain, Settings};

/// The policy with its parameters, units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateOrderUpTo {
    /// The items' positions together at or below which an order is placed (s).
    pub aggregate_reorder_point: Units,
    /// `[N_ITEMS]`: target of each item's position (S1, S2).
    pub order_up_to_levels: [Units; N_ITEMS],
}

impl AggregateOrderUpTo {
    /// The order of each item.
    pub fn order(&self, net_inventory: &[Units; N_ITEMS]) -> [Units; N_ITEMS] {
        if net_inventory.iter().sum::<Units>() > self.aggregate_reorder_point {
            return [0; N_ITEMS];
        }
        std::array::from_fn(|item_idx| (self.order_up_to_levels[item_idx] - net_inventory[item_idx]).max(0))
    }

    /// The exact average cost per period.
    pub fn average_cost(&self, problem: &JointReplenishment) -> f64 {
        let chain = PolicyChain::new(problem, |state| self.order(state));
        let evaluation = chain.average_cost(&Settings { tolerance: 1e-7, ..Settings::default() });
        evaluation.average_cost.expect("an average cost")
    }

    /// The best parameters that a descent finds from `start`, with their cost: one parameter, or two at once, moves by
    /// one or two units as long as that is cheaper, or all three by the same.
    pub fn search(problem: &JointReplenishment, start: Self) -> (Self, f64) {
        let (mut best, mut least) = (start, start.average_cost(problem));
        loop {
            let centre = best;
            for [s, first, second] in moves() {
                let tried = Self {
                    aggregate_reorder_point: centre.aggregate_reorder_point + s,
                    order_up_to_levels: [centre.order_up_to_levels[0] + first, centre.order_up_to_levels[1] + second],
                };
                // At or above the sum of the levels the rule would order in each period.
                if tried.order_up_to_levels.iter().sum::<Units>() <= tried.aggregate_reorder_point {
                    continue;
                }
                let cost = tried.average_cost(problem);
                if cost < least - 1e-9 {
                    (best, least) = (tried, cost);
                }
            }
            if best == centre {
                return (best, least);
            }
        }
    }
}

/// Steps of at most two units along one or two of three parameters, or along all three alike: a target that is higher for
/// both items goes with a higher reorder point.
fn moves() -> impl Iterator<Item = [Units; 3]> {
    let all = (-2..=2).flat_map(|a| (-2..=2).flat_map(move |b| (-2..=2).map(move |c| [a, b, c])));
    let moved = |step: &[Units; 3]| step.iter().filter(|units| **units != 0).count();
    all.filter(move |step| {
        (1..=2).contains(&moved(step)) || (step[0] != 0 && step.iter().all(|units| *units == step[0]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::joint_replenishment::{Arrival, JointReplenishmentCosts};

    #[test]
    fn orders_up_to_once_both_items_together_are_low() {
        let policy = AggregateOrderUpTo { aggregate_reorder_point: 6, order_up_to_levels: [8, 9] };
        assert_eq!([[3, 4], [3, 3], [9, -4]].map(|net| policy.order(&net)), [[0, 0], [5, 6], [0, 13]]);
    }

    /// The search ends nowhere worse than the best policy of a grid.
    #[test]
    fn search_finds_the_best_of_a_grid() {
        let costs =
            JointReplenishmentCosts { holding_cost: 1.0, backorder_cost: 19.0, truck_cost: 8.0, item_cost: 2.0 };
        let demand = [DiscreteDemand::uniform(0, 2), DiscreteDemand::uniform(0, 3)];
        let problem = JointReplenishment::new(costs, 4, demand, Arrival::BeforeDemand, 2);
        let start = AggregateOrderUpTo { aggregate_reorder_point: 1, order_up_to_levels: [6, 6] };
        let (best, least) = AggregateOrderUpTo::search(&problem, start);
        for s in 0..=5 {
            for first in 2..=7 {
                for second in 2..=8 {
                    let policy = AggregateOrderUpTo { aggregate_reorder_point: s, order_up_to_levels: [first, second] };
                    if first + second > s {
                        let cost = policy.average_cost(&problem);
                        assert!(least <= cost + 1e-6, "{best:?} costs {least}, {policy:?} {cost}");
                    }
                }
            }
        }
    }
}
