//! Single-item problems in words.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use serde::Deserialize;

use super::{
    Chart, DemandLaw, Figure, N_STATES_MAX, PolicyCost, ProblemError, Solved, Watch, at_most, convergence,
    not_negative, positive, small_enough, whole_units,
};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::{LEAD_TIME_MAX, LostSalesCosts};
use crate::environments::worked_example::{DISCOUNT_FACTOR, WorkedExample};
use crate::environments::{BackorderPosition, LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, check_objective, evaluate, solve_watched};
use crate::{economic_order_quantity as eoq, newsvendor, zheng_federgruen};

/// Points of a curve over a continuous quantity.
const N_POINTS: usize = 120;

/// Harris's problem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EconomicOrderQuantity {
    order_cost: f64,
    holding_cost: f64,
    demand_rate: f64,
    /// Where unmet demand may wait.
    stockout_cost: Option<f64>,
}

impl EconomicOrderQuantity {
    pub(super) fn solve(&self, _: Watch<'_>) -> Result<Solved, ProblemError> {
        let order_cost = positive("order_cost", self.order_cost)?;
        let holding_cost = positive("holding_cost", self.holding_cost)?;
        let demand_rate = positive("demand_rate", self.demand_rate)?;
        let (best, share) = match self.stockout_cost {
            Some(stockout_cost) => {
                let stockout_cost = positive("stockout_cost", stockout_cost)?;
                eoq::with_backorders(order_cost, holding_cost, stockout_cost, demand_rate)
            }
            None => (eoq::economic_order_quantity(order_cost, holding_cost, demand_rate), 0.0),
        };
        let mut figures = vec![
            Figure::new("order quantity", best.order_quantity, "units"),
            Figure::new("cost", best.cost, "currency a unit of time"),
            Figure::new("time between orders", best.order_quantity / demand_rate, "units of time"),
        ];
        if share > 0.0 {
            figures.push(Figure::new("share of demand that waits", share, ""));
        }
        // At any size Q the two costs are K·λ/Q and h'·Q/2; at the best they are equal.
        let order_part = |size: f64| order_cost * demand_rate / size;
        let holding_part = |size: f64| 0.5 * best.cost * size / best.order_quantity;
        let curve = |part: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
            let sizes = (1..=N_POINTS).map(|point| best.order_quantity * (0.2 + 2.3 * point as f64 / N_POINTS as f64));
            sizes.map(|size| (size, part(size))).collect()
        };
        Ok(Solved {
            problem: format!("constant demand of {demand_rate} a unit of time"),
            method: "closed form (Harris 1913)",
            convergence: None,
            figures,
            policies: Vec::new(),
            charts: vec![Chart {
                title: "Cost of an order size".to_owned(),
                x_label: "order quantity, units",
                y_label: "cost a unit of time",
                curves: vec![
                    ("total".to_owned(), curve(&|size| order_part(size) + holding_part(size))),
                    ("orders".to_owned(), curve(&order_part)),
                    ("holding and waiting".to_owned(), curve(&holding_part)),
                ],
            }],
        })
    }
}

/// One purchase for one season.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewsvendorProblem {
    holding_cost: f64,
    stockout_cost: f64,
    demand: DemandLaw,
}

impl NewsvendorProblem {
    pub(super) fn solve(&self, _: Watch<'_>) -> Result<Solved, ProblemError> {
        let holding_cost = positive("holding_cost", self.holding_cost)?;
        let stockout_cost = positive("stockout_cost", self.stockout_cost)?;
        let (best, method, curve): (_, _, Vec<(f64, f64)>) = match &self.demand {
            DemandLaw::Normal(mean, std_dev) => {
                let best = newsvendor::normal(holding_cost, stockout_cost, *mean, *std_dev);
                let cost = |level: f64| newsvendor::normal_cost(holding_cost, stockout_cost, *mean, *std_dev, level);
                let levels = (0..=N_POINTS).map(|point| mean + std_dev * (8.0 * point as f64 / N_POINTS as f64 - 4.0));
                (
                    best,
                    "closed form (Arrow, Harris & Marschak 1951)",
                    levels.map(|level| (level, cost(level))).collect(),
                )
            }
            law => {
                let demand = whole_units(law)?;
                let best = newsvendor::discrete(holding_cost, stockout_cost, demand.probabilities());
                let cost = |level: Units| {
                    let short = demand.expected_shortage(level as usize);
                    holding_cost * (level as f64 - demand.mean() + short) + stockout_cost * short
                };
                let last = (2.0 * best.base_stock_level).max(demand.mean() * 2.0).ceil() as Units;
                let curve = (0..=last).map(|level| (level as f64, cost(level))).collect();
                (best, "critical fractile (Arrow, Harris & Marschak 1951)", curve)
            }
        };
        Ok(Solved {
            problem: format!("one season with demand {}", self.demand),
            method,
            convergence: None,
            figures: vec![
                Figure::new("base-stock level", best.base_stock_level, "units"),
                Figure::new("expected cost", best.cost, "currency"),
                Figure::new("critical fractile", stockout_cost / (stockout_cost + holding_cost), ""),
            ],
            policies: Vec::new(),
            charts: vec![Chart {
                title: "Expected cost of a base-stock level".to_owned(),
                x_label: "base-stock level, units",
                y_label: "expected cost",
                curves: vec![("expected cost".to_owned(), curve)],
            }],
        })
    }
}

/// A fixed cost per order, unmet demand waits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FixedCostProblem {
    order_cost: f64,
    holding_cost: f64,
    stockout_cost: f64,
    #[serde(default)]
    lead_time: usize,
    demand: DemandLaw,
}

impl FixedCostProblem {
    pub(super) fn environment(&self) -> Result<BackorderPosition, ProblemError> {
        let environment = BackorderPosition::new(self.parameters()?, whole_units(&self.demand)?, 1);
        small_enough(environment.n_states() as f64, 20_000.0, "count in packs instead of units")?;
        Ok(environment)
    }

    fn parameters(&self) -> Result<zheng_federgruen::BackorderProblem, ProblemError> {
        Ok(zheng_federgruen::BackorderProblem {
            holding_cost: positive("holding_cost", self.holding_cost)?,
            stockout_cost: positive("stockout_cost", self.stockout_cost)?,
            order_cost: not_negative("order_cost", self.order_cost)?,
            lead_time: at_most("lead_time", self.lead_time, LEAD_TIME_MAX, "at most 16 periods")?,
        })
    }

    pub(super) fn solve(&self, _: Watch<'_>) -> Result<Solved, ProblemError> {
        let problem = self.parameters()?;
        let demand = whole_units(&self.demand)?;
        let best = zheng_federgruen::optimal_policy(problem, &demand);
        let cost =
            |reorder_point: Units, level: Units| zheng_federgruen::average_cost(problem, &demand, reorder_point, level);
        let size = best.order_up_to_level - best.reorder_point;
        let curve = |sizes: std::ops::RangeInclusive<Units>| -> Vec<(f64, f64)> {
            sizes.map(|size| (size as f64, cost(best.reorder_point, best.reorder_point + size))).collect()
        };
        let base_stock = (best.reorder_point..=best.order_up_to_level)
            .map(|level| (level, cost(level - 1, level)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("a level");
        Ok(Solved {
            problem: format!("reviewed every period, demand {}, unmet demand waits", self.demand),
            method: "exact (s, S) search (Zheng & Federgruen 1991)",
            convergence: None,
            figures: vec![
                Figure::new("reorder point s", best.reorder_point as f64, "units"),
                Figure::new("order-up-to level S", best.order_up_to_level as f64, "units"),
                Figure::new("cost", best.average_cost, "currency a period"),
            ],
            policies: vec![PolicyCost::new(
                format!("base-stock, S = {}", base_stock.0),
                base_stock.1,
                best.average_cost,
            )],
            charts: vec![Chart {
                title: "Cost when the order-up-to level moves".to_owned(),
                x_label: "S - s, units",
                y_label: "cost a period",
                curves: vec![(format!("s = {}", best.reorder_point), curve(1..=(2 * size).max(10)))],
            }],
        })
    }
}

/// A lead time, unmet demand is lost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LostSalesProblem {
    lead_time: usize,
    holding_cost: f64,
    stockout_cost: f64,
    #[serde(default)]
    order_cost: f64,
    demand: DemandLaw,
}

impl LostSalesProblem {
    pub(super) fn environment(&self) -> Result<LostSales, ProblemError> {
        let costs = LostSalesCosts {
            holding_cost: positive("holding_cost", self.holding_cost)?,
            stockout_cost: positive("stockout_cost", self.stockout_cost)?,
            order_cost: not_negative("order_cost", self.order_cost)?,
        };
        let lead_time = at_most("lead_time", self.lead_time, LEAD_TIME_MAX, "at most 16 periods")?;
        let demand = whole_units(&self.demand)?;
        let (max_order, max_position) = caps(lead_time, costs, &demand);
        let n_states = (max_order as f64 + 1.0).powi(lead_time.saturating_sub(1) as i32) * max_position as f64;
        small_enough(n_states, N_STATES_MAX, "use a shorter lead time")?;
        Ok(LostSales::with_caps(lead_time, costs, vec![demand], max_order, max_position))
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let problem = self.environment()?;
        let (lead_time, costs, demand) = (problem.lead_time(), problem.costs(), &problem.demand()[0]);
        let (_, max_position) = caps(lead_time, costs, demand);
        let settings = Settings::default();
        let solution = solve_watched(&problem, Criterion::Average, &settings, watch);
        let optimum = solution.average_cost.expect("an average cost");
        // A base-stock level is never above the cap of the position; its orders are not capped.
        let base_stock_cost = |level: Units| {
            if level == 0 {
                return costs.stockout_cost * demand.mean();
            }
            let problem = LostSales::with_caps(lead_time, costs, vec![demand.clone()], level, level);
            let order = |state: &LostSalesState| level - state.inventory_position();
            evaluate(&problem, order, Criterion::Average, &settings).average_cost.expect("an average cost")
        };
        // Without an order cost the cost is convex in the level (Janakiraman & Roundy 2004): the best level is next to the
        // cheapest point of a coarse curve. With one every level is tried.
        let stride = if costs.order_cost == 0.0 { (max_position / 36).max(1) } else { 1 };
        let mut curve: Vec<(f64, f64)> =
            (0..=max_position).step_by(stride as usize).map(|level| (level as f64, base_stock_cost(level))).collect();
        let cheapest = |points: &[(f64, f64)]| points.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let centre = cheapest(&curve).expect("a level").0 as Units;
        let near = ((centre - stride).max(0)..=(centre + stride).min(max_position)).filter(|level| level % stride != 0);
        curve.extend(near.map(|level| (level as f64, base_stock_cost(level))));
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best = cheapest(&curve).expect("a level");
        let orders: Vec<(f64, f64)> = (0..=max_position)
            .map(|on_hand| {
                let state = LostSalesState { on_hand, ..initial() };
                (on_hand as f64, solution.actions[problem.state_idx(&state)] as f64)
            })
            .collect();
        let flat = |cost: f64| vec![(curve[0].0, cost), (curve[curve.len() - 1].0, cost)];
        Ok(Solved {
            problem: format!(
                "lead time {lead_time}, demand {}, a lost unit costs {} and a unit held {}",
                self.demand, costs.stockout_cost, costs.holding_cost
            ),
            method: "modified policy iteration on average cost (Puterman & Shin 1978; bounds by Odoni 1969)",
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("optimal cost", optimum, "currency a period"),
                Figure::new("states", problem.n_states() as f64, ""),
            ],
            policies: vec![PolicyCost::new(format!("base-stock, S = {}", best.0), best.1, optimum)],
            charts: vec![
                Chart {
                    title: "Cost of a base-stock level against the optimum".to_owned(),
                    x_label: "base-stock level, units",
                    y_label: "cost a period",
                    curves: vec![("base-stock".to_owned(), curve.clone()), ("optimum".to_owned(), flat(optimum))],
                },
                Chart {
                    title: "Optimal order when nothing is on the way".to_owned(),
                    x_label: "on hand, units",
                    y_label: "order, units",
                    curves: vec![("optimal order".to_owned(), orders)],
                },
            ],
        })
    }
}

fn initial() -> LostSalesState {
    LostSalesState { phase: 0, on_hand: 0, pipeline: [0; LEAD_TIME_MAX] }
}

/// Caps that never bind the optimum: without an order cost those of Zipkin (2008), with one the (s, S) policy of the
/// same problem with waiting demand bounds what is worth ordering at once.
fn caps(lead_time: usize, costs: LostSalesCosts, demand: &DiscreteDemand) -> (Units, Units) {
    let fractile = costs.stockout_cost / (costs.stockout_cost + costs.holding_cost);
    let laws = std::iter::repeat_n(demand, lead_time + 1);
    let position = DiscreteDemand::sum(laws).quantile(fractile).max(1);
    if costs.order_cost == 0.0 {
        return (demand.quantile(fractile).max(1), position);
    }
    let batch = eoq::economic_order_quantity(costs.order_cost, costs.holding_cost, demand.mean()).order_quantity;
    let batch = (2.0 * batch).ceil() as Units;
    (demand.quantile(fractile).max(1) + batch, position + batch)
}

/// The tutorial problem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkedExampleProblem {
    stockout_cost: f64,
    demand: DemandLaw,
}

impl WorkedExampleProblem {
    pub(super) fn environment(&self) -> Result<WorkedExample, ProblemError> {
        let stockout_cost = not_negative("stockout_cost", self.stockout_cost)?;
        Ok(WorkedExample::new(stockout_cost, whole_units(&self.demand)?))
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let environment = self.environment()?;
        let stockout_cost = environment.stockout_cost;
        let settings = Settings::default();
        let criterion = Criterion::Discounted { discount_factor: DISCOUNT_FACTOR };
        let solution = solve_watched(&environment, criterion, &settings, watch);
        check_objective(&environment, &solution, stockout_cost)?;
        let curve = |of: &dyn Fn(usize) -> f64| (0..=100).map(|stock| (stock as f64, of(stock))).collect();
        Ok(Solved {
            problem: format!("the tutorial problem with demand {}", self.demand),
            method: "modified policy iteration on discounted cost (Puterman & Shin 1978; bounds by MacQueen 1966)",
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("cost from 100 units", solution.values[100], "currency, discounted"),
                Figure::new("cost from an empty shelf", solution.values[0], "currency, discounted"),
                Figure::new("order from an empty shelf", solution.actions[0] as f64, "units"),
            ],
            policies: Vec::new(),
            charts: vec![
                Chart {
                    title: "Optimal order".to_owned(),
                    x_label: "stock, units",
                    y_label: "order, units",
                    curves: vec![("optimal order".to_owned(), curve(&|stock| solution.actions[stock] as f64))],
                },
                Chart {
                    title: "Expected discounted cost".to_owned(),
                    x_label: "stock, units",
                    y_label: "currency",
                    curves: vec![("optimal cost".to_owned(), curve(&|stock| solution.values[stock]))],
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems::{solve, table_of};

    /// The cost of every level, one by one: none is below the one that is reported, and S = 0 counts.
    #[test]
    fn the_best_base_stock_level_is_reported() {
        for (lead_time, stockout_cost, order_cost, law, mean, level) in [
            (1, 4.0, 0.0, "poisson:60", 60.0, 126),
            (2, 4.0, 0.0, "poisson:0.01", 0.01, 0),
            (1, 9.0, 5.0, "poisson:4", 4.0, 11),
        ] {
            let pairs = format!(
                "problem=lost-sales lead_time={lead_time} holding_cost=1 stockout_cost={stockout_cost} \
                 order_cost={order_cost} demand={law}"
            );
            let solved = solve(table_of(pairs.split(' ')).unwrap()).unwrap();
            let reported = &solved.policies[0];
            if order_cost == 0.0 {
                assert_eq!(reported.policy, format!("base-stock, S = {level}"), "{law}");
            }
            let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost, order_cost };
            let demand = law.parse::<DemandLaw>().unwrap().discrete().unwrap();
            assert!(reported.cost <= stockout_cost * mean + 1e-6, "nothing is cheaper to keep than {reported:?}");
            for tried in (level - 12).max(1)..=level + 12 {
                let problem = LostSales::with_caps(lead_time, costs, vec![demand.clone()], tried, tried);
                let order = |state: &LostSalesState| tried - state.inventory_position();
                let evaluated = evaluate(&problem, order, Criterion::Average, &Settings::default());
                let cost = evaluated.average_cost.unwrap();
                assert!(reported.cost <= cost + 1e-6, "S = {tried} costs {cost}, {reported:?}");
            }
        }
    }
}
