//! What the suites of lost-sales problems share.

use restock_core::Units;

use super::Comparison;
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, solve};
use crate::heuristics::CappedBaseStock;
use crate::simulation::{Estimate, Simulation};

/// The tables print six decimals of costs that were iterated to a span of 1e-6.
pub(super) const EXACT: f64 = 1e-4;

/// Standard errors by which two simulations may differ.
const STANDARD_ERRORS: f64 = 4.0;

/// The published simulations have 1,000 paths of 5,000 periods after 100 (DynaPlex,
/// `generally_capable_lost_sales_agent`); ours have fewer paths.
const N_PATHS_PUBLISHED: f64 = 1_000.0;
const FINAL: Simulation = Simulation { n_paths: 400, n_periods: 5_000, n_warm_up: 100, seed: 20_081 };

/// Long enough to tell policies apart by common random numbers.
const SEARCH: Simulation = Simulation { n_paths: 50, n_periods: 1_000, n_warm_up: 100, seed: 1_122 };

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
    fn estimate(&self, simulation: &Simulation, policy: CappedBaseStock) -> Estimate {
        // Without caps of its own, the problem need not be numbered.
        let problem = LostSales::with_caps(self.lead_time, self.costs, self.demand.to_vec(), Units::from(u16::MAX), 1);
        let order = |state: &LostSalesState| policy.order_quantity(state.inventory_position());
        simulation.average_cost(&problem, order)
    }

    /// Where to begin: the newsvendor level of the lead time and one period, as if demand waited.
    fn newsvendor_level(&self) -> Units {
        let fractile = self.costs.stockout_cost / (self.costs.stockout_cost + self.costs.holding_cost);
        let laws = (0..=self.lead_time).map(|period| &self.demand[period % self.demand.len()]);
        DiscreteDemand::sum(laws).quantile(fractile)
    }

    pub(super) fn base_stock(&self, published: f64) -> Comparison {
        let search = |policy| self.estimate(&SEARCH, policy).mean;
        let (policy, _) = CappedBaseStock::best_uncapped(self.newsvendor_level(), search);
        self.compare("base-stock cost, simulated", policy, published)
    }

    pub(super) fn capped_base_stock(&self, published: f64) -> Comparison {
        let mean = self.demand.iter().map(DiscreteDemand::mean).fold(0.0, f64::max);
        let start = CappedBaseStock { base_stock_level: self.newsvendor_level(), max_order: mean.ceil() as Units + 1 };
        let (policy, _) = CappedBaseStock::best(start, |policy| self.estimate(&SEARCH, policy).mean);
        self.compare("capped base-stock cost, simulated", policy, published)
    }

    fn compare(&self, quantity: &'static str, policy: CappedBaseStock, published: f64) -> Comparison {
        let estimate = self.estimate(&FINAL, policy);
        // Squared errors of both simulations add, and fall with the number of paths.
        let both = 1.0 + FINAL.n_paths as f64 / N_PATHS_PUBLISHED;
        let tolerance = STANDARD_ERRORS * estimate.standard_error * both.sqrt();
        Comparison { quantity, published, ours: estimate.mean, tolerance }
    }
}
