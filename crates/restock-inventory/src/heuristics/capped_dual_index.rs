//! The capped dual index policy for two sources (Sun & Van Mieghem 2019, "Robust dual sourcing inventory management:
//! optimality of capped dual index policies and smoothing", *Manufacturing & Service Operations Management* 21(4)).
//!
//! Expedite what lifts the expedited position to `S_e`; order what lifts the whole position to `S_r` from the regular
//! source, but at most a cap, which smooths its orders.

use restock_core::Units;

use crate::discrete_demand::DiscreteDemand;
use crate::environments::dual_sourcing::{DualOrder, DualSourcing, DualSourcingState};
use crate::exact::{PolicyChain, Settings};

/// The policy with its three parameters, units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CappedDualIndex {
    /// Target of the expedited position (S_e).
    pub expedited_level: Units,
    /// Target of the inventory position (S_r).
    pub regular_level: Units,
    /// Largest regular order.
    pub regular_cap: Units,
}

impl CappedDualIndex {
    /// The orders in a state.
    pub fn order(&self, problem: &DualSourcing, state: &DualSourcingState) -> DualOrder {
        let expedited = (self.expedited_level - state.expedited_position(problem.expedited_lead_time())).max(0);
        let wanted = self.regular_level - state.inventory_position() - expedited;
        DualOrder { regular: wanted.clamp(0, self.regular_cap), expedited }
    }

    /// The exact average cost per period.
    ///
    /// # Panics
    /// When the policy does not settle, which no policy of this family does.
    pub fn average_cost(&self, problem: &DualSourcing) -> f64 {
        let chain = PolicyChain::new(problem, |state| self.order(problem, state));
        let evaluation = chain.average_cost(&Settings { tolerance: 1e-8, ..Settings::default() });
        assert!(evaluation.converged, "{self:?} does not settle");
        evaluation.average_cost.expect("an average cost")
    }

    /// The best parameters that a descent finds, with their cost. From several caps up to twice the mean demand it takes
    /// the best regular target, then moves any of the three parameters by a unit as long as that is cheaper.
    ///
    /// Moving one parameter at a time would not do: the best targets depend on the cap, so that the valley of the cost is
    /// oblique, and where the cap binds the cost is level along the regular target. `fractile` is b/(b+h).
    pub fn search(problem: &DualSourcing, fractile: f64) -> (Self, f64) {
        const N_STARTS: usize = 4;
        let start = Self::start(problem, fractile);
        let max_cap = ((2.0 * problem.demand().mean()).ceil() as usize).max(1);
        let caps = (1..=max_cap as Units).step_by(max_cap.div_ceil(N_STARTS));
        let descents = caps.map(|regular_cap| {
            let by_target = |regular_level| Self { regular_level, regular_cap, ..start }.average_cost(problem);
            let targets = (0..=start.regular_level).map(|regular_level| (regular_level, by_target(regular_level)));
            let (regular_level, cost) = targets.min_by(|a, b| a.1.total_cmp(&b.1)).expect("at least one target");
            Self { regular_level, regular_cap, ..start }.descend(problem, cost)
        });
        descents.min_by(|a, b| a.1.total_cmp(&b.1)).expect("at least one cap")
    }

    /// Moves to the cheapest neighbour until none is cheaper.
    fn descend(self, problem: &DualSourcing, cost: f64) -> (Self, f64) {
        let (mut best, mut least) = (self, cost);
        loop {
            let centre = best;
            for step in 0..27 {
                let tried = Self {
                    expedited_level: centre.expedited_level + step % 3 - 1,
                    regular_level: centre.regular_level + step / 3 % 3 - 1,
                    regular_cap: centre.regular_cap + step / 9 - 1,
                };
                if tried == centre || tried.expedited_level < 0 || tried.regular_cap < 0 {
                    continue;
                }
                let cost = tried.average_cost(problem);
                // Costs are known to 1e-8 only.
                if cost < least - 1e-7 {
                    (best, least) = (tried, cost);
                }
            }
            if best == centre {
                return (best, least);
            }
        }
    }

    /// The expedited position covers the demand of an expedited lead time and a period at the fractile b/(b+h), the
    /// position that of a regular lead time and a period; the cap is the mean demand.
    fn start(problem: &DualSourcing, fractile: f64) -> Self {
        let cover =
            |n_periods: usize| DiscreteDemand::sum(std::iter::repeat_n(problem.demand(), n_periods)).quantile(fractile);
        Self {
            expedited_level: cover(problem.expedited_lead_time() + 1),
            regular_level: cover(problem.regular_lead_time() + 1),
            regular_cap: problem.demand().mean().ceil() as Units,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::dual_sourcing::{DualSourcingCosts, LEAD_TIME_MAX};
    use crate::exact::{Criterion, solve};

    fn problem(expedited_cost: f64, lead_times: (usize, usize)) -> DualSourcing {
        let costs = DualSourcingCosts { regular_cost: 0.0, expedited_cost, holding_cost: 5.0, backorder_cost: 45.0 };
        DualSourcing::new(lead_times.0, lead_times.1, costs, DiscreteDemand::uniform(0, 3))
    }

    /// With lead times of 3 and 1 the expedited position counts what arrives in one period, the whole position what was
    /// just expedited as well.
    #[test]
    fn orders_by_both_positions() {
        let policy = CappedDualIndex { expedited_level: 6, regular_level: 12, regular_cap: 4 };
        let mut pipeline = [0; LEAD_TIME_MAX];
        pipeline[..2].copy_from_slice(&[2, 1]);
        let order = |net_inventory| policy.order(&problem(9.0, (3, 1)), &DualSourcingState { net_inventory, pipeline });
        assert_eq!(order(1), DualOrder { regular: 4, expedited: 3 });
        assert_eq!(order(7), DualOrder { regular: 2, expedited: 0 });
        assert_eq!(order(10), DualOrder { regular: 0, expedited: 0 });
    }

    #[test]
    fn the_best_is_near_the_optimum_and_never_below_it() {
        for (expedited_cost, lead_times) in [(5.0, (2, 0)), (20.0, (2, 0)), (9.0, (3, 1))] {
            let problem = problem(expedited_cost, lead_times);
            let optimum = solve(&problem, Criterion::Average, &Settings::default()).average_cost.unwrap();
            let (best, cost) = CappedDualIndex::search(&problem, 0.9);
            assert!(cost >= optimum - 1e-6, "{best:?} costs {cost}, the optimum {optimum}");
            // The published gaps are up to 1.2 %.
            assert!(cost <= 1.03 * optimum, "{best:?} costs {cost}, the optimum {optimum}");
        }
    }
}
