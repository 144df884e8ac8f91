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
    /// within three units of the current one, until none changes.
    ///
    /// The cost has local minima along the cap, so the descent starts from several caps up to twice the mean demand.
    /// `fractile` is b/(b+h).
    pub fn search(problem: &DualSourcing, fractile: f64) -> (Self, f64) {
        let most = (2.0 * problem.demand().mean()).ceil() as Units;
        let starts = (1..=most).step_by((most as usize).div_ceil(4));
        let descents = starts.map(|cap| Self::descend(problem, Self { regular_cap: cap, ..Self::start(problem, fractile) }));
        descents.min_by(|a, b| a.1.total_cmp(&b.1)).expect("at least one start")
    }

    fn descend(problem: &DualSourcing, start: Self) -> (Self, f64) {
        const REACH: Units = 3;
        let (mut best, mut least) = (start, start.average_cost(problem));
        loop {
            let before = best;
            for coordinate in 0..3 {
                let centre = best;
                for offset in -REACH..=REACH {
                    let mut tried = centre;
                    *match coordinate {
                        0 => &mut tried.expedited_level,
                        1 => &mut tried.regular_level,
                        _ => &mut tried.regular_cap,
                    } += offset;
                    if offset == 0 || tried.regular_cap < 0 || tried.expedited_level < 0 {
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
        let cover = |n_periods: usize| {
            DiscreteDemand::sum(std::iter::repeat_n(problem.demand(), n_periods)).quantile(fractile)
        };
        Self {
            expedited_level: cover(problem.expedited_lead_time() + 1),
            regular_level: cover(problem.regular_lead_time() + 1),
            regular_cap: problem.demand().mean().ceil() as Units,
        }
    }
}
