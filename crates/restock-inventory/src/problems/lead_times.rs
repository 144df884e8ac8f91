//! Random lead times in words: each unit with a lead time of its own in continuous time, and lost sales in periods.

use std::fmt;
use std::str::FromStr;

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use serde::{Deserialize, Deserializer};

use super::{
    Chart, DemandLaw, Figure, Numbers, PolicyCost, ProblemError, Solved, Watch, convergence, positive, small_enough,
    whole_units,
};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::exponential_lead_times::{ExponentialLeadTimesParameters, ExponentialLeadTimesState};
use crate::environments::random_lead_times::{LeadTimeLaw, base_stock_cost};
use crate::environments::stochastic_lead_times::{Crossing, LEAD_TIME_MAX};
use crate::environments::{ExponentialLeadTimes, StochasticLeadTimes};
use crate::exact::{Criterion, Settings, solve_watched};
use crate::heuristics::CappedBaseStock;
use crate::lanes::search::search;
use crate::lanes::{BaseStock, SimulatedCost, SimulationPlan, StochasticLeadTimesLanes, simulate};

/// A law of lead times as users write it: `exponential:2`, `uniform:0..4` or `pareto:0.25,3`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LeadTimeText(LeadTimeLaw);

impl FromStr for LeadTimeText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        let two = |rest: &str, by: &str| rest.split_once(by).and_then(|(a, b)| Some((number(a)?, number(b)?)));
        let law = match text.split_once(':') {
            Some(("exponential", rest)) => {
                number(rest).filter(|mean| *mean > 0.0).map(|mean| LeadTimeLaw::Exponential { rate: 1.0 / mean })
            }
            Some(("uniform", rest)) => {
                two(rest, "..").filter(|(low, high)| low < high).map(|(low, high)| LeadTimeLaw::Uniform { low, high })
            }
            Some(("pareto", rest)) => two(rest, ",")
                .filter(|(scale, shape)| *scale > 0.0 && *shape > 1.0)
                .map(|(scale, shape)| LeadTimeLaw::Pareto { scale, shape }),
            _ => None,
        };
        law.map(Self).ok_or_else(|| {
            format!(
                "lead_time {text:?} is not a law, expected exponential:MEAN, uniform:LOW..HIGH, or pareto:SCALE,SHAPE \
                 with P(T > t) = (1 + SCALE·t)^-SHAPE and SHAPE above 1"
            )
        })
    }
}

impl<'de> Deserialize<'de> for LeadTimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for LeadTimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LeadTimeLaw::Exponential { rate } => write!(f, "exponential:{}", 1.0 / rate),
            LeadTimeLaw::Uniform { low, high } => write!(f, "uniform:{low}..{high}"),
            LeadTimeLaw::Pareto { scale, shape } => write!(f, "pareto:{scale},{shape}"),
        }
    }
}

/// Poisson demand in continuous time, units whose lead times cross, unmet demand waits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RandomLeadTimesProblem {
    lead_time: LeadTimeText,
    demand_rate: f64,
    holding_cost: f64,
    stockout_cost: f64,
}

impl RandomLeadTimesProblem {
    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let demand_rate = positive("demand_rate", self.demand_rate)?;
        let holding_cost = positive("holding_cost", self.holding_cost)?;
        let backorder_cost = positive("stockout_cost", self.stockout_cost)?;
        let mean_on_order = demand_rate * self.lead_time.0.mean();
        small_enough(mean_on_order, 1e5, "count in packs instead of units")?;
        let deviation = mean_on_order.sqrt();
        let cost = |level: Units| base_stock_cost(level, mean_on_order, holding_cost, backorder_cost);
        let most = (mean_on_order + 8.0 * deviation).ceil() as Units + 3;
        let best = (0..=most).map(|level| (level, cost(level))).min_by(|a, b| a.1.total_cmp(&b.1)).expect("a level");
        let around = (1.5 * deviation).ceil() as Units + 2;
        let levels = (best.0 - around).max(0)..=best.0 + around;
        let curve: Vec<(f64, f64)> = levels.map(|level| (level as f64, cost(level))).collect();
        let mut solved = Solved {
            problem: format!("demand rate {demand_rate}, lead times {}, orders cross", self.lead_time),
            method: "base-stock by Palm's theorem (Palm 1938)",
            convergence: None,
            figures: vec![
                Figure::new("base-stock level", best.0 as f64, "units"),
                Figure::new("base-stock cost", best.1, "currency a unit of time"),
            ],
            policies: Vec::new(),
            charts: vec![Chart {
                title: "Cost of a base-stock level".to_owned(),
                x_label: "base-stock level, units",
                y_label: "cost a unit of time",
                curves: vec![("base-stock".to_owned(), curve.clone())],
            }],
        };
        if let LeadTimeLaw::Exponential { rate } = self.lead_time.0 {
            let problem = ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
                demand_rate,
                delivery_rate: rate,
                holding_cost,
                backorder_cost,
                max_order: 20,
                // Dear backorders make an optimum order more than it wants, for the few units that come soon.
                max_on_order: (mean_on_order + 12.0 * deviation).ceil() as Units + 6,
                max_position: (mean_on_order + 13.0 * deviation).ceil() as Units + 9,
                max_backorders: (6.0 * deviation).ceil() as Units + 6,
            });
            small_enough(problem.n_states() as f64, 2e5, "count in packs instead of units")?;
            let settings = Settings { tolerance: 1e-5, ..Settings::default() };
            let solution = solve_watched(&problem, Criterion::Average, &settings, watch);
            let optimum = solution.average_cost.expect("an average cost");
            solved.method = "uniformisation (Lippman 1975) and modified policy iteration (Puterman & Shin 1978); \
                             base-stock by Palm (1938)";
            solved.convergence = Some(convergence(&solution, &settings));
            solved.figures.insert(0, Figure::new("optimal cost", optimum, "currency a unit of time"));
            solved.policies.push(PolicyCost::new(format!("base-stock, S = {}", best.0), best.1, optimum));
            let flat = vec![(curve[0].0, optimum), (curve[curve.len() - 1].0, optimum)];
            solved.charts[0].curves.push(("optimum".to_owned(), flat));
            let order = |net_inventory: Units, on_order: Units| {
                let state = ExponentialLeadTimesState { net_inventory, on_order, ordering: true };
                (net_inventory as f64, solution.action(&problem, &state) as f64)
            };
            let mean = mean_on_order.round() as Units;
            let low = -((2.0 * deviation).ceil() as Units);
            let by_on_order = |on_order: Units| (low..=best.0).map(|net| order(net, on_order)).collect();
            solved.charts.push(Chart {
                title: "Optimal order when a unit was just demanded".to_owned(),
                x_label: "net inventory, units",
                y_label: "order, units",
                curves: vec![
                    ("nothing on order".to_owned(), by_on_order(0)),
                    (format!("{mean} on order"), by_on_order(mean)),
                ],
            });
        }
        Ok(solved)
    }
}

/// Lost sales whose lead times are random whole periods.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LostSalesRandomLeadTime {
    /// Probabilities of 0, 1, 2, ... periods.
    lead_time: Numbers,
    #[serde(default)]
    crossing: bool,
    holding_cost: f64,
    stockout_cost: f64,
    demand: DemandLaw,
}

/// For the search: common random numbers tell levels apart that simulations of their own would not.
const SEARCH: SimulationPlan = SimulationPlan { n_lanes: 64, n_warm_up: 100, n_periods: 2_000, seed: 1 };

/// For the cost that is reported: other chances, so that the search does not flatter it.
const COST: SimulationPlan = SimulationPlan { n_lanes: 512, n_warm_up: 100, n_periods: 4_000, seed: 2 };

impl LostSalesRandomLeadTime {
    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let holding_cost = positive("holding_cost", self.holding_cost)?;
        let stockout_cost = positive("stockout_cost", self.stockout_cost)?;
        let demand = whole_units(&self.demand)?;
        let lead_time = self.lead_time.list("lead_time")?;
        let total: f64 = lead_time.iter().sum();
        let fine = lead_time.iter().all(|p| *p >= 0.0) && (total - 1.0).abs() < 1e-6;
        if !fine || lead_time.len() > LEAD_TIME_MAX + 1 {
            return Err(ProblemError::Parameter(format!(
                "lead_time is {lead_time:?}, expected probabilities of 0, 1, 2, ... periods that sum to 1, at most \
                 {LEAD_TIME_MAX} periods"
            )));
        }
        let lead_time: Vec<f64> = lead_time.iter().map(|probability| probability / total).collect();
        let longest = lead_time.len() - 1;
        let fractile = stockout_cost / (stockout_cost + holding_cost);
        let most = DiscreteDemand::sum(std::iter::repeat_n(&demand, longest + 1)).quantile(0.5 + 0.5 * fractile).max(2);
        let crossing = if self.crossing { Crossing::EachUnit } else { Crossing::Sequential };
        let problem =
            StochasticLeadTimes::new(holding_cost, stockout_cost, vec![demand.clone()], lead_time, crossing, most);
        let lanes = StochasticLeadTimesLanes::new(problem);
        let base_stock = search([most / 2 + 1], [(0, most)], (most / 8).max(1), |[base_stock_level]| {
            simulate(&lanes, &BaseStock { base_stock_level: *base_stock_level }, &SEARCH).mean()
        });
        watch(0.2);
        let level = base_stock.parameters[0];
        // From orders of about the mean demand, and from no cap at all, which is base-stock.
        let bounds = [(0, 2 * most), (1, 2 * most)];
        let capped = [demand.mean().ceil() as Units, 2 * most].map(|max_order| {
            search([level.max(1), max_order], bounds, (most / 8).max(1), |[base_stock_level, max_order]| {
                let policy = CappedBaseStock { base_stock_level: *base_stock_level, max_order: *max_order };
                simulate(&lanes, &policy, &SEARCH).mean()
            })
        });
        let capped = capped.into_iter().min_by(|a, b| a.cost.total_cmp(&b.cost)).expect("two searches");
        watch(0.7);
        let [capped_level, cap] = capped.parameters;
        let policy = CappedBaseStock { base_stock_level: capped_level, max_order: cap };
        let capped_cost: SimulatedCost = simulate(&lanes, &policy, &COST);
        let base_stock_cost = simulate(&lanes, &BaseStock { base_stock_level: level }, &COST);
        let stride = (most as usize / 24).max(1);
        let by_level = |level: Units, max_order: Units| {
            let policy = CappedBaseStock { base_stock_level: level, max_order };
            (level as f64, simulate(&lanes, &policy, &SEARCH).mean())
        };
        let curve = |max_order: Units| -> Vec<(f64, f64)> {
            (most / 3..=most).step_by(stride).map(|level| by_level(level, max_order)).collect()
        };
        let best = capped_cost.mean();
        Ok(Solved {
            problem: format!(
                "lost sales, random lead times {}, demand {}",
                if self.crossing { "of each unit" } else { "in sequence" },
                self.demand
            ),
            method: "pattern search on the simulator with common random numbers; costs by simulation of their own",
            convergence: None,
            figures: vec![
                Figure::new("capped base-stock cost", best, "currency a period"),
                Figure::new("standard error", capped_cost.standard_error(), "currency a period"),
                Figure::new("base-stock level", capped_level as f64, "units"),
                Figure::new("largest order", cap as f64, "units"),
            ],
            policies: vec![PolicyCost::new(format!("base-stock, S = {level}"), base_stock_cost.mean(), best)],
            charts: vec![Chart {
                title: "Cost of a base-stock level, simulated".to_owned(),
                x_label: "base-stock level, units",
                y_label: "cost a period",
                curves: vec![("base-stock".to_owned(), curve(2 * most)), (format!("capped at {cap}"), curve(cap))],
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::problems::{solve, table_of};

    /// The published row `rlt_exponential_lam1_h1_b1`.
    #[test]
    fn published_costs_are_found() {
        let pairs = ["problem=random-lead-times", "lead_time=exponential:2", "demand_rate=1", "holding_cost=1"];
        let solved = solve(table_of(pairs.into_iter().chain(["stockout_cost=1"])).unwrap()).unwrap();
        assert!((solved.figures[0].value - 0.946581).abs() < 1e-4, "{:?}", solved.figures);
        assert!((solved.policies[0].cost - 1.082682).abs() < 1e-6, "{:?}", solved.policies);
    }

    /// Without chance in the lead time the simulated rule costs what the exact evaluation says.
    #[test]
    fn a_certain_lead_time_is_the_lost_sales_problem() {
        use crate::environments::lost_sales::LostSalesCosts;
        use crate::heuristics::CappedBaseStock;
        let problem = ["problem=lost-sales-random-lead-time", "lead_time=0,0,1", "holding_cost=1", "stockout_cost=4"];
        let solved = solve(table_of(problem.into_iter().chain(["demand=poisson:5"])).unwrap()).unwrap();
        let value = |idx: usize| solved.figures[idx].value;
        let policy = CappedBaseStock { base_stock_level: value(2) as i64, max_order: value(3) as i64 };
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
        let demand = [crate::discrete_demand::DiscreteDemand::poisson(5.0, 60)];
        let exact = policy.average_cost(2, costs, &demand, 1e-6);
        assert!((value(0) - exact).abs() < 4.0 * value(1), "{:?}, exact {exact}", solved.figures);
    }

    #[test]
    fn crossing_is_given_as_yes_or_no() {
        let cost = |crossing: &str| {
            let problem = ["problem=lost-sales-random-lead-time", "lead_time=0,0.3,0.4,0.3", "holding_cost=1"];
            let others = ["stockout_cost=9", "demand=poisson:5", crossing];
            solve(table_of(problem.into_iter().chain(others)).unwrap()).unwrap().figures[0].value
        };
        assert_ne!(cost("crossing=true"), cost("crossing=false"));
    }

    /// Demand so lumpy that a cap of a period's demand would cost more than none.
    #[test]
    fn a_cap_is_never_worse_than_none() {
        let problem = ["problem=lost-sales-random-lead-time", "lead_time=0,0.3,0.5,0.2", "crossing=true"];
        let others = ["holding_cost=1", "stockout_cost=9", "demand=geometric:5"];
        let solved = solve(table_of(problem.into_iter().chain(others)).unwrap()).unwrap();
        let (best, standard_error) = (solved.figures[0].value, solved.figures[1].value);
        // Both are simulated on the same chances, so their difference is far more certain than either.
        assert!(solved.policies[0].cost > best - standard_error, "{solved:?}");
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |pairs: &[&str]| solve(table_of(pairs.iter().copied()).unwrap()).unwrap_err().to_string();
        insta::assert_snapshot!(error(&["problem=random-lead-times", "lead_time=2", "demand_rate=1", "holding_cost=1", "stockout_cost=1"]), @"lead_time: invalid type: integer `2`, expected a string");
        insta::assert_snapshot!(error(&["problem=random-lead-times", "lead_time=exponential:-2", "demand_rate=1", "holding_cost=1", "stockout_cost=1"]), @r#"lead_time "exponential:-2" is not a law, expected exponential:MEAN, uniform:LOW..HIGH, or pareto:SCALE,SHAPE with P(T > t) = (1 + SCALE·t)^-SHAPE and SHAPE above 1"#);
        insta::assert_snapshot!(error(&["problem=lost-sales-random-lead-time", "lead_time=0.5,0.4", "holding_cost=1", "stockout_cost=1", "demand=poisson:2"]), @"lead_time is [0.5, 0.4], expected probabilities of 0, 1, 2, ... periods that sum to 1, at most 15 periods");
    }
}
