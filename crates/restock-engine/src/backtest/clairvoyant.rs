//! The cost that perfect foresight cannot beat.
//!
//! # Why it is a bound
//! Every unit a policy sells in period `t` came with some arrival in period `a <= t` and lay on the shelf for `t - a`
//! period ends, so it cost `h·(t - a)`; a unit of demand that was not met cost `p`; every order that brought a unit
//! sold, and was placed in a counted period, cost `K`. Units that were never sold, expired or arrived too late only
//! add cost. So for the set of arrivals a policy used, its cost is at least
//!
//! ```text
//! K · (used arrivals) + Σ_t demand_t · min(p, h · (t - latest used arrival up to t))
//! ```
//!
//! because the latest arrival is the cheapest. The bound is the minimum of this over all sets of arrivals that the same
//! order opportunities and lead times allow. It ignores packs, minimum orders, capacities and expiry, which can only
//! add cost. Whatever was on the shelf or on the way when counting began is free: stock at the start counts as an
//! arrival in the first counted period without `K`, and so do orders placed during warm-up. The minimum over sets is a
//! shortest path over arrivals, as in Wagner & Whitin (1958), *Management Science* 5(1), here with lost sales (Aksen,
//! Altınkemer & Chand, 2003, *EJOR* 147(2)).

use restock_core::{CostRates, Units};

/// The bound of one item-location.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bound {
    pub(super) holding_cost: f64,
    pub(super) stockout_cost: f64,
    pub(super) order_cost: f64,
    pub(super) demand: Units,
    pub(super) lost: Units,
}

impl Bound {
    pub(super) fn cost(&self) -> f64 {
        self.holding_cost + self.stockout_cost + self.order_cost
    }
}

/// The bound over periods `first..demand.len()`.
///
/// `orders` holds an order opportunity with the period its order arrives, in any order; opportunities before `first`
/// are free of the order cost.
pub(super) fn clairvoyant_bound(demand: &[Units], orders: &[(usize, usize)], first: usize, costs: &CostRates) -> Bound {
    let end = demand.len();
    assert!(first <= end);
    let total: Units = demand[first..].iter().sum();
    let (h, p) = (costs.holding_cost, costs.stockout_cost);
    // Cheapest way to have an arrival in a period; the first counted period is always free.
    let mut fixed_cost = vec![f64::INFINITY; end - first];
    if let Some(free) = fixed_cost.first_mut() {
        *free = 0.0;
    }
    for (placed, arrives) in orders {
        if *arrives >= first && *arrives < end {
            let cost = if *placed < first { 0.0 } else { costs.order_cost };
            let slot = &mut fixed_cost[*arrives - first];
            *slot = slot.min(cost);
        }
    }
    let demand = &demand[first..];
    let n = demand.len();
    if n == 0 {
        return Bound::default();
    }
    // `least[a]`: least cost of the periods before `a`, given that an arrival in `a` is used; `least[n]` is the end.
    let mut least = vec![f64::INFINITY; n + 1];
    let mut previous = vec![0_usize; n + 1];
    least[0] = fixed_cost[0];
    for a in 0..n {
        if least[a].is_infinite() {
            continue;
        }
        let mut running = least[a];
        for t in a..n {
            // Another arrival in `t` takes over from here.
            if t > a && fixed_cost[t].is_finite() && running + fixed_cost[t] < least[t] {
                least[t] = running + fixed_cost[t];
                previous[t] = a;
            }
            running += demand[t] as f64 * (h * (t - a) as f64).min(p);
        }
        if running < least[n] {
            least[n] = running;
            previous[n] = a;
        }
    }
    // Read the path backwards to split the cost.
    let mut bound = Bound { demand: total, ..Bound::default() };
    let mut end = n;
    while end > 0 {
        let a = previous[end];
        for (t, wanted) in demand.iter().enumerate().take(end).skip(a) {
            let hold = h * (t - a) as f64;
            if hold <= p {
                bound.holding_cost += *wanted as f64 * hold;
            } else {
                bound.stockout_cost += *wanted as f64 * p;
                bound.lost += *wanted;
            }
        }
        bound.order_cost += fixed_cost[a];
        end = a;
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use restock_core::StockState;
    use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, step};

    fn costs(holding_cost: f64, stockout_cost: f64, order_cost: f64) -> CostRates {
        CostRates { unit_cost: 1.0, holding_cost, stockout_cost, order_cost, waste_cost: 1.0 }
    }

    /// Demand 10 a period, an order a period, lead time 2: from period 2 on orders arrive just in time for nothing;
    /// the start is free but lies 1 period for the second: 10·1·h.
    #[test]
    fn by_hand() {
        let orders: Vec<(usize, usize)> = (0..5).map(|placed| (placed, placed + 2)).collect();
        let bound = clairvoyant_bound(&[10; 5], &orders, 0, &costs(1.0, 5.0, 0.0));
        assert_eq!((bound.cost(), bound.lost), (10.0, 0));
        // With an order cost of 25 it pays to order once, for periods 3 and 4: start 0+10+20 (30 for period 3 is more
        // than 25 + 0), then 25 + 10.
        let bound = clairvoyant_bound(&[10; 5], &orders, 0, &costs(1.0, 5.0, 25.0));
        assert_eq!((bound.holding_cost, bound.order_cost, bound.cost()), (40.0, 25.0, 65.0));
        // No order at all: units for period 3 on would cost more to hold than to lose.
        let bound = clairvoyant_bound(&[10; 5], &[], 0, &costs(1.0, 2.5, 25.0));
        assert_eq!((bound.holding_cost, bound.stockout_cost, bound.lost), (30.0, 50.0, 20));
        // Orders of the warm-up are free and what came before does not count.
        let bound = clairvoyant_bound(&[99, 10, 10], &[(0, 2)], 1, &costs(1.0, 5.0, 25.0));
        assert_eq!((bound.cost(), bound.demand), (0.0, 20));
        assert_eq!(clairvoyant_bound(&[1, 2], &[], 2, &costs(1.0, 5.0, 0.0)), Bound::default());
    }

    proptest! {
        /// Whatever anybody orders at the given opportunities, and whatever the shelf life, the bound is not beaten.
        #[test]
        fn no_sequence_of_orders_beats_it(
            plays in prop::collection::vec((0_i64..12, prop::option::of((0_i64..25, 0_usize..4))), 1..20),
            first in 0_usize..6,
            start in 0_i64..30,
            shelf_life in prop::option::of(1_usize..5),
            order_cost in 0_u8..20,
        ) {
            let costs = costs(0.7, 4.0, f64::from(order_cost));
            let first = first.min(plays.len());
            let demand: Vec<Units> = plays.iter().map(|(demand, _)| *demand).collect();
            let opportunities: Vec<(usize, usize)> = plays
                .iter()
                .enumerate()
                .filter_map(|(t, (_, order))| order.map(|(_, lead_time)| (t, t + lead_time)))
                .collect();
            let bound = clairvoyant_bound(&demand, &opportunities, first, &costs);
            let params = ItemLocationParams { shelf_life, ..ItemLocationParams::lost_sales(costs) };
            let mut stock = StockState::with_on_hand(start);
            let mut cost = 0.0;
            for (t, (wanted, order)) in plays.iter().enumerate() {
                let placed = order.map_or(PlacedOrder::NONE, |(quantity, lead_time)| PlacedOrder { quantity, lead_time });
                let outcome = step(&mut stock, placed, *wanted, &params);
                if t >= first {
                    cost += outcome.cost;
                }
            }
            prop_assert!(bound.cost() <= cost + 1e-9, "bound {} above {}", bound.cost(), cost);
        }

        /// The shortest path equals trying every set of orders.
        #[test]
        fn it_is_the_minimum_over_all_sets(
            demand in prop::collection::vec(0_i64..12, 1..9),
            lead_time in 0_usize..3,
            order_cost in 0_u8..30,
        ) {
            let costs = costs(0.7, 4.0, f64::from(order_cost));
            let orders: Vec<(usize, usize)> = (0..demand.len()).map(|placed| (placed, placed + lead_time)).collect();
            let mut least = f64::INFINITY;
            for set in 0_u32..1 << orders.len() {
                let mut cost = 0.0;
                let mut latest = 0;
                for (t, wanted) in demand.iter().enumerate() {
                    if let Some(idx) = orders.iter().position(|(_, arrives)| *arrives == t)
                        && set >> idx & 1 == 1
                    {
                        latest = t;
                        cost += costs.order_cost;
                    }
                    cost += *wanted as f64 * (costs.holding_cost * (t - latest) as f64).min(costs.stockout_cost);
                }
                least = least.min(cost);
            }
            let bound = clairvoyant_bound(&demand, &orders, 0, &costs);
            prop_assert!((bound.cost() - least).abs() < 1e-9, "{} is not {}", bound.cost(), least);
        }
    }
}
