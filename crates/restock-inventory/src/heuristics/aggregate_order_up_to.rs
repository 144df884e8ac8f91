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
    /// one or two units as long as that is cheaper.
    pub fn search(problem: &JointReplenishment, start: Self) -> (Self, f64) {
        let (mut best, mut least) = (start, start.average_cost(problem));
        loop {
            let centre = best;
            for [s, first, second] in moves() {
                let tried = Self {
                    aggregate_reorder_point: centre.aggregate_reorder_point + s,
                    order_up_to_levels: [centre.order_up_to_levels[0] + first, centre.order_up_to_levels[1] + second],
                };
                // Below its level's sum the rule would order nothing that matters, and never stop doing so.
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

/// Steps of at most two units along one or two of three parameters.
fn moves() -> impl Iterator<Item = [Units; 3]> {
    let all = (-2..=2).flat_map(|a| (-2..=2).flat_map(move |b| (-2..=2).map(move |c| [a, b, c])));
    all.filter(|step| (1..=2).contains(&step.iter().filter(|move_| **move_ != 0).count()))
}
