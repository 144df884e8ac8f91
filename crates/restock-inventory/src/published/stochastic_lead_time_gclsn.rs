//! Lost sales with random lead times in discrete time, with and without order crossing: the test bed of Temizöz et al.
//! (2025), whose base-stock and capped base-stock policies are searched and evaluated by simulation.
//!
//! No optimum is known. Both sides are simulated, theirs with 1,000 paths of 5,000 periods after a warm-up of 100, so two
//! costs of the same policy differ by about the root of two of a standard error; four times that is allowed.

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::StochasticLeadTimes;
use crate::environments::stochastic_lead_times::Crossing;
use crate::heuristics::{CappedBaseStock, line_search};
use crate::lanes::{SimulatedCost, SimulationPlan, StochasticLeadTimesLanes, simulate};
use crate::two_moment_fit::TwoMomentFit;

/// Periods of the published simulations, of which standard errors follow from ours.
const N_PUBLISHED_PERIODS: f64 = 5e6;

/// For the search: parameters next to the best differ little, and common random numbers rank them.
const SEARCH: SimulationPlan = SimulationPlan { n_lanes: 64, n_periods: 2_500, n_warm_up: 100, seed: 1 };

/// For the cost: paths of its own, so that the search does not flatter it.
const COST: SimulationPlan = SimulationPlan { n_lanes: 1_000, n_periods: 5_000, n_warm_up: 100, seed: 2 };

/// Levels in a row that may be dearer before the search ends.
const LEVEL_PATIENCE: usize = 12;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    means: String,
    sds: String,
    h: f64,
    p: f64,
    lead_time_pmf: String,
    best_base_stock_cost: f64,
    best_cbs_cost: f64,
}

/// The numbers of a list in brackets.
fn numbers(list: &str) -> Vec<f64> {
    list.trim_matches(['[', ']']).split(',').map(|number| number.trim().parse().expect("a number")).collect()
}

impl Row {
    fn problem(&self, crossing: Crossing) -> StochasticLeadTimes {
        let moments = numbers(&self.means).into_iter().zip(numbers(&self.sds));
        let demand: Vec<DiscreteDemand> = moments
            .map(|(mean, sd)| TwoMomentFit::new(mean, sd).expect("moments that can be fitted").demand())
            .collect();
        StochasticLeadTimes::new(self.h, self.p, demand, numbers(&self.lead_time_pmf), crossing, 1_000)
    }

    /// The largest order and the largest level that the published search of capped base-stock tries: p/(p+h) fractiles
    /// of the demand of the period that an order arrives in, and of the demand until then, over lead times and phases.
    fn search_bounds(&self, problem: &StochasticLeadTimes) -> (Units, Units) {
        let fractile = self.p / (self.p + self.h);
        let (laws, n_phases) = (problem.demand(), problem.demand().len());
        let (mut max_order, mut max_level) = (0, 0);
        for phase in 0..n_phases {
            let (mut on_arrival, mut until_arrival) = (Mixture::default(), Mixture::default());
            for (periods, probability) in problem.lead_time().iter().enumerate().filter(|(_, p)| **p > 0.0) {
                let law = |offset: usize| &laws[(phase + offset) % n_phases];
                on_arrival.add(law(periods), *probability);
                until_arrival.add(&DiscreteDemand::sum((0..=periods).map(law)), *probability);
            }
            max_order = max_order.max(on_arrival.quantile(fractile));
            max_level = max_level.max(until_arrival.quantile(fractile));
        }
        (max_order, max_level)
    }

    fn compare(&self, crossing: Crossing) -> Vec<Comparison> {
        let problem = self.problem(crossing);
        let lanes = StochasticLeadTimesLanes::new(problem.clone());
        let simulate =
            |plan: &SimulationPlan, policy: CappedBaseStock| -> SimulatedCost { simulate(&lanes, &policy, plan) };
        let compare = |quantity, published, policy| {
            let simulated = simulate(&COST, policy);
            let error = simulated.standard_error();
            let n_periods = (simulated.lane_costs.len() * COST.n_periods) as f64;
            let published_error = error * (n_periods / N_PUBLISHED_PERIODS).sqrt();
            // Half a unit of the last of six digits on top.
            let digits = 0.5e-5 * published;
            let tolerance = 4.0 * error.hypot(published_error) + digits;
            Comparison { quantity, published, ours: simulated.mean(), tolerance }
        };
        let mean_demand: f64 =
            problem.demand().iter().map(DiscreteDemand::mean).sum::<f64>() / problem.demand().len() as f64;
        let mean_lead_time: f64 = problem.lead_time().iter().enumerate().map(|(periods, p)| periods as f64 * p).sum();
        let start = (mean_demand * (mean_lead_time + 1.0)) as Units;
        let (base_stock, _) = CappedBaseStock::best_uncapped(start, |policy| simulate(&SEARCH, policy).mean());
        let (max_order, max_level) = self.search_bounds(&problem);
        let levels = base_stock.base_stock_level..=max_level.max(base_stock.base_stock_level);
        let (mut capped, mut least) = (base_stock, f64::INFINITY);
        // From the best base-stock level upwards without a cap, and from the highest level downwards with orders of about
        // the mean demand: where lead times are long the valley is oblique, and the second finds what the first misses.
        let mean_order = (mean_demand.ceil() as Units).min(max_order);
        for (first_level, first_cap) in [(*levels.start(), max_order), (*levels.end(), mean_order)] {
            let mut cap = first_cap;
            line_search(first_level, levels.clone(), LEVEL_PATIENCE, |base_stock_level| {
                let by_cap = |max_order| simulate(&SEARCH, CappedBaseStock { base_stock_level, max_order }).mean();
                let (best_cap, cost) = line_search(cap, 0..=max_order, 2, by_cap);
                cap = best_cap;
                if cost < least {
                    (capped, least) = (CappedBaseStock { base_stock_level, max_order: best_cap }, cost);
                }
                cost
            });
        }
        vec![
            compare("best base-stock cost", self.best_base_stock_cost, base_stock),
            compare("best capped base-stock cost", self.best_cbs_cost, capped),
        ]
    }
}

/// A mixture of demand laws.
#[derive(Default)]
struct Mixture {
    probabilities: Vec<f64>,
}

impl Mixture {
    fn add(&mut self, law: &DiscreteDemand, weight: f64) {
        let n = self.probabilities.len().max(law.probabilities().len());
        self.probabilities.resize(n, 0.0);
        for (sum, probability) in self.probabilities.iter_mut().zip(law.probabilities()) {
            *sum += weight * probability;
        }
    }

    fn quantile(self, fractile: f64) -> Units {
        DiscreteDemand::new(self.probabilities).quantile(fractile)
    }
}

fn suite(name: &'static str, title: &'static str, table: &str, crossing: Crossing) -> Suite {
    let rows: Vec<Row> = rows(table);
    Suite {
        name,
        title,
        citation: "Temizöz et al. (2025), DynaPlex GC-LSN_weights; best base-stock and capped base-stock policies searched \
                   and evaluated by simulation, there as here",
        // Each takes some seconds of simulation; one is run with the small ones.
        cases: rows
            .into_iter()
            .enumerate()
            .map(|(row_idx, row)| Case::new(row.id.clone(), row_idx > 0, move || row.compare(crossing)))
            .collect(),
    }
}

pub(super) fn crossover() -> Suite {
    suite(
        "stochastic_lead_time_crossover_gclsn",
        "lost sales, units with lead times of their own",
        include_str!("stochastic_lead_time_crossover_gclsn.csv"),
        Crossing::EachUnit,
    )
}

pub(super) fn sequential() -> Suite {
    suite(
        "stochastic_lead_time_sequential_gclsn",
        "lost sales, random lead times without order crossing",
        include_str!("stochastic_lead_time_sequential_gclsn.csv"),
        Crossing::Sequential,
    )
}
