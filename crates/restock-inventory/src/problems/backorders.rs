//! Problems in words whose unmet demand waits: minimum order quantity, random yield, two sources.

use std::str::FromStr;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment};
use serde::{Deserialize, Deserializer};

use super::{
    Chart, DemandLaw, Figure, N_STATES_MAX, PolicyCost, ProblemError, Solved, Watch, at_most, convergence, count,
    not_negative, positive, short_law, small_enough, whole_units,
};
use crate::environments::dual_sourcing::{DualSourcingCosts, LEAD_TIME_MAX as DUAL_LEAD_TIME_MAX};
use crate::environments::{BackorderPosition, DualSourcing, DualSourcingState, RandomYield, Yield, backorders};
use crate::exact::{Criterion, PolicyChain, Settings, evaluate, solve_watched};
use crate::heuristics::{CappedDualIndex, LinearInflation, MinimumOrderRule};
use crate::zheng_federgruen::BackorderProblem;

const METHOD: &str = "modified policy iteration on average cost (Puterman & Shin 1978; bounds by Odoni 1969)";

/// An order is nothing or at least a minimum.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MinimumOrderProblem {
    min_order: Units,
    holding_cost: f64,
    stockout_cost: f64,
    #[serde(default)]
    order_cost: f64,
    #[serde(default)]
    lead_time: usize,
    demand: DemandLaw,
}

impl MinimumOrderProblem {
    pub(super) fn environment(&self) -> Result<BackorderPosition, ProblemError> {
        let problem = BackorderProblem {
            holding_cost: positive("holding_cost", self.holding_cost)?,
            stockout_cost: positive("stockout_cost", self.stockout_cost)?,
            order_cost: not_negative("order_cost", self.order_cost)?,
            lead_time: at_most("lead_time", self.lead_time, backorders::LEAD_TIME_MAX, "at most 16 periods")?,
        };
        let min_order = count("min_order", self.min_order)?;
        let environment = BackorderPosition::new(problem, whole_units(&self.demand)?, min_order);
        small_enough(environment.n_states() as f64, 20_000.0, "count in packs instead of units")?;
        Ok(environment)
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let environment = self.environment()?;
        let min_order = environment.min_order();
        let settings = Settings::default();
        let solution = solve_watched(&environment, Criterion::Average, &settings, watch);
        let optimum = solution.average_cost.expect("an average cost");
        let (lowest, highest) = environment.bounds();
        let cost = |rule: MinimumOrderRule| {
            // Beyond the bounds, where the rule never goes on its own, it must still do what is allowed.
            let order = |position: &Units| {
                let least = if *position < lowest { lowest - position } else { 0 };
                rule.order_quantity(*position).max(least).min((highest - position).max(0))
            };
            evaluate(&environment, order, Criterion::Average, &settings).average_cost.expect("an average cost")
        };
        // The first position at which nothing is ordered is where the search for S begins.
        let idle = (lowest..=highest).find(|position| solution.action(&environment, position) == 0);
        let start = MinimumOrderRule { order_up_to_level: idle.unwrap_or(highest), min_order };
        let (rule, rule_cost) = MinimumOrderRule::best(start, cost);
        let levels = (rule.order_up_to_level - 6).max(lowest + 1)..=(rule.order_up_to_level + 6).min(highest);
        let by_level = |level: Units| (level as f64, cost(MinimumOrderRule { order_up_to_level: level, min_order }));
        let curve: Vec<(f64, f64)> = levels.map(by_level).collect();
        let flat = vec![(curve[0].0, optimum), (curve[curve.len() - 1].0, optimum)];
        let first = (rule.order_up_to_level - 2 * min_order).max(environment.state(0));
        let positions = first..=(rule.order_up_to_level + 3).min(highest);
        let orders = positions.map(|at| (at as f64, solution.action(&environment, &at) as f64)).collect();
        Ok(Solved {
            problem: format!("an order is nothing or at least {min_order} units, demand {}", self.demand),
            method: METHOD,
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("optimal cost", optimum, "currency a period"),
                Figure::new("states", environment.n_states() as f64, ""),
            ],
            policies: vec![PolicyCost::new(
                format!("(R, S, Qmin), S = {}", rule.order_up_to_level),
                rule_cost,
                optimum,
            )],
            charts: vec![
                Chart {
                    title: "Optimal order under a minimum".to_owned(),
                    x_label: "inventory position, units",
                    y_label: "order, units",
                    curves: vec![("optimal order".to_owned(), orders)],
                },
                Chart {
                    title: "Cost of (R, S, Qmin) against the optimum".to_owned(),
                    x_label: "order below this position (S), units",
                    y_label: "cost a period",
                    curves: vec![("(R, S, Qmin)".to_owned(), curve), ("optimum".to_owned(), flat)],
                },
            ],
        })
    }
}

/// A yield as users write it: `binomial:0.8`, `all-or-nothing:0.8` or `uniform`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct YieldText(Yield);

impl FromStr for YieldText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = |rest: &str| rest.trim().parse::<f64>().ok().filter(|rate| 0.0 < *rate && *rate <= 1.0);
        let good = match text.split_once(':') {
            None if text.trim() == "uniform" => Some(Yield::Uniform),
            Some(("binomial", rest)) => rate(rest).map(Yield::Binomial),
            Some(("all-or-nothing", rest)) => rate(rest).map(Yield::AllOrNothing),
            _ => None,
        };
        good.map(Self).ok_or_else(|| {
            format!(
                "yield {text:?} is not known, expected binomial:RATE, all-or-nothing:RATE or uniform, 0 < RATE <= 1"
            )
        })
    }
}

impl<'de> Deserialize<'de> for YieldText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Only part of an order is good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RandomYieldProblem {
    #[serde(rename = "yield")]
    good: YieldText,
    holding_cost: f64,
    stockout_cost: f64,
    demand: DemandLaw,
}

impl RandomYieldProblem {
    pub(super) fn environment(&self) -> Result<RandomYield, ProblemError> {
        let holding_cost = positive("holding_cost", self.holding_cost)?;
        let stockout_cost = positive("stockout_cost", self.stockout_cost)?;
        let demand = short_law(&self.demand)?;
        let YieldText(good) = self.good;
        let rate = good.mean_rate();
        // Bounds that no optimum comes near: backorders of as many failed orders in a row as come once in 1e9 periods, or
        // of some periods where part of each order is good, and orders that make up for all of them at once.
        let n_failed = match good {
            Yield::AllOrNothing(rate) if rate < 1.0 => (1e-9_f64.ln() / (1.0 - rate).ln()).ceil().max(4.0),
            _ => 4.0,
        };
        let (mean, most) = (demand.mean(), demand.probabilities().len() as f64 - 1.0);
        let max_order = ((n_failed * mean + 2.0 * most) / rate).ceil() as Units;
        let bounds = -((n_failed * mean + most).ceil() as Units)..=(4.0 * most).ceil() as Units;
        let n_states = (bounds.end() - bounds.start() + 1) as f64;
        small_enough(n_states * max_order as f64, 1e5, "count in packs instead of units")?;
        Ok(RandomYield::new(holding_cost, stockout_cost, demand, good, max_order, bounds))
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let environment = self.environment()?;
        let (holding_cost, stockout_cost) = environment.unit_costs();
        let (demand, YieldText(good)) = (environment.demand(), self.good);
        let rate = good.mean_rate();
        let settings = Settings::default();
        let solution = solve_watched(&environment, Criterion::Average, &settings, watch);
        let optimum = solution.average_cost.expect("an average cost");
        let order_of = |rule: LinearInflation, net_inventory: Units| {
            rule.order_quantity(net_inventory).min(environment.max_order(net_inventory))
        };
        let cost = |rule: LinearInflation| {
            let chain = PolicyChain::new(&environment, |net_inventory| order_of(rule, *net_inventory));
            chain.average_cost(&settings).average_cost.expect("an average cost")
        };
        let newsvendor = demand.quantile(stockout_cost / (stockout_cost + holding_cost));
        let inflations: Vec<f64> = (0..=4).map(|step| 1.0 + (1.0 / rate - 1.0) * f64::from(step) / 4.0).collect();
        let levels = newsvendor..=2 * newsvendor.max(1) + 4;
        let (rule, rule_cost) = LinearInflation::best(levels, &inflations, cost);
        let range = -2 * newsvendor..=rule.order_up_to_level + 2;
        let optimal = |at: Units| (at as f64, solution.action(&environment, &at) as f64);
        let inflated = |at: Units| (at as f64, order_of(rule, at) as f64);
        Ok(Solved {
            problem: format!("only part of an order is good, demand {}", self.demand),
            method: METHOD,
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("optimal cost", optimum, "currency a period"),
                Figure::new("states", environment.n_states() as f64, ""),
            ],
            policies: vec![PolicyCost::new(
                format!("linear inflation, S = {}, F = {:.3}", rule.order_up_to_level, rule.inflation),
                rule_cost,
                optimum,
            )],
            charts: vec![Chart {
                title: "Order under random yield".to_owned(),
                x_label: "net inventory, units",
                y_label: "order, units",
                curves: vec![
                    ("optimal order".to_owned(), range.clone().map(optimal).collect()),
                    ("linear inflation".to_owned(), range.map(inflated).collect()),
                ],
            }],
        })
    }
}

/// A cheap slow source and a dear fast one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DualSourcingProblem {
    regular_lead_time: usize,
    #[serde(default)]
    expedited_lead_time: usize,
    #[serde(default)]
    regular_cost: f64,
    expedited_cost: f64,
    holding_cost: f64,
    stockout_cost: f64,
    demand: DemandLaw,
}

impl DualSourcingProblem {
    pub(super) fn environment(&self) -> Result<DualSourcing, ProblemError> {
        let costs = DualSourcingCosts {
            regular_cost: not_negative("regular_cost", self.regular_cost)?,
            expedited_cost: not_negative("expedited_cost", self.expedited_cost)?,
            holding_cost: positive("holding_cost", self.holding_cost)?,
            backorder_cost: positive("stockout_cost", self.stockout_cost)?,
        };
        if costs.backorder_cost < costs.expedited_cost - costs.regular_cost {
            let allowed = "at least the premium of the expedited source, or nothing bounds backorders";
            return Err(ProblemError::OutOfRange { name: "stockout_cost", got: costs.backorder_cost, allowed });
        }
        let (regular, expedited) = (self.regular_lead_time, self.expedited_lead_time);
        if !(expedited < regular && regular <= DUAL_LEAD_TIME_MAX) {
            let allowed = "above expedited_lead_time and at most 8 periods";
            return Err(ProblemError::OutOfRange { name: "regular_lead_time", got: regular as f64, allowed });
        }
        let demand = short_law(&self.demand)?;
        let most = demand.probabilities().len() as f64;
        // Each place of the pipeline holds at most the largest demand, twice that where both sources meet.
        let n_states = (2.0 * most).powi(regular as i32 - 1) * most * (regular as f64 + 1.0);
        small_enough(n_states, N_STATES_MAX, "use a shorter regular lead time, or count in packs")?;
        Ok(DualSourcing::new(regular, expedited, costs, demand))
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let problem = self.environment()?;
        let (costs, regular, expedited) = (problem.costs(), self.regular_lead_time, self.expedited_lead_time);
        let settings = Settings::default();
        let solution = solve_watched(&problem, Criterion::Average, &settings, watch);
        let optimum = solution.average_cost.expect("an average cost");
        let fractile = costs.backorder_cost / (costs.backorder_cost + costs.holding_cost);
        let (index, index_cost) = CappedDualIndex::search(&problem, fractile);
        let by_cap = |cap: Units| {
            let policy = CappedDualIndex { regular_cap: cap, ..index };
            (cap as f64, policy.average_cost(&problem))
        };
        let caps = 0..=(2 * index.regular_cap).max(3);
        let curve: Vec<(f64, f64)> = caps.map(by_cap).collect();
        let flat = vec![(curve[0].0, optimum), (curve[curve.len() - 1].0, optimum)];
        let orders = |of: fn(&crate::environments::DualOrder) -> Units| -> Vec<(f64, f64)> {
            let order = |net_inventory: Units| {
                let state = DualSourcingState { net_inventory, ..problem.initial_state() };
                (net_inventory as f64, of(&solution.action(&problem, &state)) as f64)
            };
            (0..=index.regular_level + 2).map(order).collect()
        };
        Ok(Solved {
            problem: format!(
                "a regular source {regular} periods away and an expedited one {expedited}, demand {}",
                self.demand
            ),
            method: METHOD,
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("optimal cost", optimum, "currency a period"),
                Figure::new("states", problem.n_states() as f64, ""),
            ],
            policies: vec![PolicyCost::new(
                format!(
                    "capped dual index, S_e = {}, S_r = {}, cap {}",
                    index.expedited_level, index.regular_level, index.regular_cap
                ),
                index_cost,
                optimum,
            )],
            charts: vec![
                Chart {
                    title: "Optimal orders when nothing is on the way".to_owned(),
                    x_label: "net inventory, units",
                    y_label: "order, units",
                    curves: vec![
                        ("regular".to_owned(), orders(|order| order.regular)),
                        ("expedited".to_owned(), orders(|order| order.expedited)),
                    ],
                },
                Chart {
                    title: "Cost of the cap on regular orders against the optimum".to_owned(),
                    x_label: "largest regular order, units",
                    y_label: "cost a period",
                    curves: vec![("capped dual index".to_owned(), curve), ("optimum".to_owned(), flat)],
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::problems::{solve, table_of};

    fn optimum(pairs: &[&str]) -> f64 {
        solve(table_of(pairs.iter().copied()).unwrap()).unwrap().figures[0].value
    }

    /// The published rows `moq_poisson_L0_b9_q20`, `ry_poisson_allornothing0.8_b4` and `ds_lr2_ce5_b95_h5_U4`.
    #[test]
    fn published_optima_are_found() {
        let minimum =
            ["problem=minimum-order", "min_order=20", "holding_cost=1", "stockout_cost=9", "demand=poisson:5"];
        assert!((optimum(&minimum) - 10.137081).abs() < 1e-4);
        let good = ["problem=random-yield", "yield=all-or-nothing:0.8", "holding_cost=1", "stockout_cost=4"];
        assert!((optimum(&[&good[..], &["demand=poisson:5"]].concat()) - 5.861421).abs() < 1e-4);
        let dual = ["problem=dual-sourcing", "regular_lead_time=2", "expedited_cost=5", "holding_cost=5"];
        assert!(
            (optimum(&[&dual[..], &["stockout_cost=95", "demand=uniform:0..4"]].concat()) - 16.769802).abs() < 1e-4
        );
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |pairs: &[&str]| solve(table_of(pairs.iter().copied()).unwrap()).unwrap_err().to_string();
        insta::assert_snapshot!(error(&["problem=random-yield", "yield=half", "holding_cost=1", "stockout_cost=4", "demand=poisson:5"]), @r#"yield "half" is not known, expected binomial:RATE, all-or-nothing:RATE or uniform, 0 < RATE <= 1"#);
        insta::assert_snapshot!(error(&["problem=minimum-order", "min_order=0", "holding_cost=1", "stockout_cost=9", "demand=poisson:5"]), @"min_order is 0, must be 1 to 1,000,000");
        insta::assert_snapshot!(error(&["problem=dual-sourcing", "regular_lead_time=1", "expedited_lead_time=1", "expedited_cost=5", "holding_cost=5", "stockout_cost=95", "demand=uniform:0..4"]), @"regular_lead_time is 1, must be above expedited_lead_time and at most 8 periods");
        insta::assert_snapshot!(error(&["problem=dual-sourcing", "regular_lead_time=2", "expedited_cost=50", "holding_cost=5", "stockout_cost=9", "demand=uniform:0..4"]), @"stockout_cost is 9, must be at least the premium of the expedited source, or nothing bounds backorders");
    }
}
