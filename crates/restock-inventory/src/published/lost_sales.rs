//! What the suites of lost-sales problems share.

use restock_core::Units;

use super::Comparison;
use crate::discrete_demand::DiscreteDemand;
use crate::environments::LostSales;
use crate::environments::lost_sales::LostSalesCosts;
use crate::exact::{Criterion, Settings, solve};
use crate::heuristics::CappedBaseStock;
use crate::lanes::{LostSalesLanes, SimulatedCost, SimulationPlan, simulate};

/// The tables print six decimals of costs that were iterated to a span of 1e-6.
pub(super) const EXACT: f64 = 1e-4;

/// Standard errors by which two simulations may differ.
const STANDARD_ERRORS: f64 = 4.0;

/// As long as the published simulations: 1,000 paths of 5,000 periods after 100 (DynaPlex,
/// `generally_capable_lost_sales_agent`).
const FINAL: SimulationPlan = SimulationPlan { n_lanes: 1_000, n_periods: 5_000, n_warm_up: 100, seed: 1 };

/// Beyond this base-stock level, units, a capped policy is one of constant orders in all tables.
const MAX_LEVEL: Units = 1_000;

/// Long enough to tell policies apart by common random numbers: with a fifth of the periods, one problem ended at a cap
/// that is 0.4 % dearer.
const SEARCH: SimulationPlan = SimulationPlan { n_lanes: 64, n_periods: 5_000, n_warm_up: 100, seed: 1_122 };

pub(super) fn optimal_cost(problem: &LostSales) -> f64 {
    let solution = solve(problem, Criterion::Average, &Settings::default());
    assert!(solution.converged, "{:?}", solution.bounds);
    solution.average_cost.expect("an average cost")
}

/// The cheapest base-stock or capped base-stock policy by simulation, against a published simulation of the same kind.
pub(super) struct Simulated<'a> {
    pub lead_time: usize,
    pub costs: LostSalesCosts,
    pub demand: &'a [DiscreteDemand],
}

impl Simulated<'_> {
    fn simulate(&self, plan: &SimulationPlan, policy: CappedBaseStock) -> SimulatedCost {
        // Without caps of its own, the problem need not be numbered.
        let problem = LostSales::with_caps(self.lead_time, self.costs, self.demand.to_vec(), Units::from(u16::MAX), 1);
        simulate(&LostSalesLanes::new(problem), &policy, plan)
    }

    /// Where to begin: the newsvendor level of the lead time and one period, as if demand waited.
    fn newsvendor_level(&self) -> Units {
        let fractile = self.costs.stockout_cost / (self.costs.stockout_cost + self.costs.holding_cost);
        let laws = (0..=self.lead_time).map(|period| &self.demand[period % self.demand.len()]);
        DiscreteDemand::sum(laws).quantile(fractile)
    }

    pub(super) fn base_stock(&self, published: f64) -> Comparison {
        let search = |policy| self.simulate(&SEARCH, policy).mean();
        let (policy, _) = CappedBaseStock::best_uncapped(self.newsvendor_level(), search);
        self.compare("base-stock cost, simulated", policy, published)
    }

    pub(super) fn capped_base_stock(&self, published: f64) -> Comparison {
        let mean = self.demand.iter().map(DiscreteDemand::mean).fold(0.0, f64::max);
        let start = CappedBaseStock { base_stock_level: self.newsvendor_level(), max_order: mean.ceil() as Units + 1 };
        let (policy, _) = CappedBaseStock::best(start, MAX_LEVEL, |policy| self.simulate(&SEARCH, policy).mean());
        self.compare("capped base-stock cost, simulated", policy, published)
    }

    fn compare(&self, quantity: &'static str, policy: CappedBaseStock, published: f64) -> Comparison {
        let simulated = self.simulate(&FINAL, policy);
        // Both simulations have the same length, so the same error.
        let tolerance = STANDARD_ERRORS * simulated.standard_error() * 2.0_f64.sqrt();
        Comparison { quantity, published, ours: simulated.mean(), tolerance }
    }
}
