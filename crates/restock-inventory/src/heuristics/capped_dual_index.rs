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

    /// The best parameters that coordinate descent finds, with their cost: one parameter at a time takes its best value
    /// over its whole range, until none changes.
    ///
    /// A line search of a few steps would not do: where the cap binds, the cost is level along the regular target for
    /// long stretches. `fractile` is b/(b+h).
    pub fn search(problem: &DualSourcing, fractile: f64) -> (Self, f64) {
        let mut best = Self::start(problem, fractile);
        let ranges = [
            0..=2 * best.expedited_level,
            0..=best.regular_level + best.expedited_level,
            0..=(2.0 * problem.demand().mean()).ceil() as Units,
        ];
        let mut least = best.average_cost(problem);
        loop {
            let before = best;
            for (coordinate, range) in ranges.iter().enumerate() {
                let centre = best;
                for value in range.clone() {
                    let mut tried = centre;
                    *match coordinate {
                        0 => &mut tried.expedited_level,
                        1 => &mut tried.regular_level,
                        _ => &mut tried.regular_cap,
                    } = value;
                    if tried == centre {
                        continue;
                    }
                    let cost = tried.average_cost(problem);
                    if cost < least - 1e-9 {
                        (best, least) = (tried, cost);
                    }
                }
            }
            if best == before {
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
