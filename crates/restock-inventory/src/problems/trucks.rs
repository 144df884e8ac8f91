//! Two items that share trucks in words.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use serde::Deserialize;

use super::{
    Chart, DemandLaw, Figure, PolicyCost, ProblemError, Solved, Watch, convergence, count, not_negative, positive,
    short_law, small_enough,
};
use crate::environments::JointReplenishment;
use crate::environments::joint_replenishment::{Arrival, JointReplenishmentCosts};
use crate::exact::{Criterion, Settings, solve_watched};
use crate::heuristics::AggregateOrderUpTo;

/// Two items, trucks that cost each, a cost for every item ordered; orders arrive at once and unmet demand waits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrucksProblem {
    truck_cost: f64,
    #[serde(default)]
    item_cost: f64,
    truck_capacity: Units,
    holding_cost: f64,
    stockout_cost: f64,
    demand_1: DemandLaw,
    demand_2: DemandLaw,
}

impl TrucksProblem {
    pub(super) fn environment(&self) -> Result<JointReplenishment, ProblemError> {
        let costs = JointReplenishmentCosts {
            holding_cost: positive("holding_cost", self.holding_cost)?,
            backorder_cost: positive("stockout_cost", self.stockout_cost)?,
            truck_cost: not_negative("truck_cost", self.truck_cost)?,
            item_cost: not_negative("item_cost", self.item_cost)?,
        };
        let truck_capacity = count("truck_capacity", self.truck_capacity)?;
        let demand = [short_law(&self.demand_1)?, short_law(&self.demand_2)?];
        let problem = JointReplenishment::new(costs, truck_capacity, demand, Arrival::BeforeDemand, 2);
        let n_states = problem.n_states() as f64;
        small_enough(n_states, 4_000.0, "count in packs instead of units")?;
        Ok(problem)
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let problem = self.environment()?;
        let (costs, truck_capacity) = (problem.costs(), problem.truck_capacity());
        let settings = Settings::default();
        let solution = solve_watched(&problem, Criterion::Average, &settings, watch);
        let optimum = solution.average_cost.expect("an average cost");
        // Each item begins at the demand of a period at the fractile b/(b+h) and of two on average.
        let fractile = costs.backorder_cost / (costs.backorder_cost + costs.holding_cost);
        let level =
            |idx: usize| problem.demand()[idx].quantile(fractile) + problem.demand()[idx].mean().ceil() as Units;
        let start = AggregateOrderUpTo {
            aggregate_reorder_point: problem.demand().iter().map(|law| law.mean().ceil() as Units).sum(),
            order_up_to_levels: [level(0), level(1)],
        };
        let (rule, rule_cost) = AggregateOrderUpTo::search(&problem, start);
        let [first, second] = rule.order_up_to_levels;
        let orders = |item_idx: usize| -> Vec<(f64, f64)> {
            let order = |net: Units| (net as f64, solution.action(&problem, &[net, 1])[item_idx] as f64);
            (-2..=first).map(order).collect()
        };
        let by_reorder_point = |aggregate_reorder_point: Units| {
            let tried = AggregateOrderUpTo { aggregate_reorder_point, order_up_to_levels: [first, second] };
            (aggregate_reorder_point as f64, tried.average_cost(&problem))
        };
        let points = (rule.aggregate_reorder_point - 6)..=(rule.aggregate_reorder_point + 6).min(first + second - 1);
        let curve: Vec<(f64, f64)> = points.map(by_reorder_point).collect();
        let flat = vec![(curve[0].0, optimum), (curve[curve.len() - 1].0, optimum)];
        Ok(Solved {
            problem: format!(
                "two items in trucks of {truck_capacity} units, demand {} and {}",
                self.demand_1, self.demand_2
            ),
            method: "modified policy iteration on average cost (Puterman & Shin 1978; bounds by Odoni 1969)",
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("optimal cost", optimum, "currency a period"),
                Figure::new("states", problem.n_states() as f64, ""),
            ],
            policies: vec![PolicyCost::new(
                format!("aggregate (s, S1, S2) = ({}, {first}, {second})", rule.aggregate_reorder_point),
                rule_cost,
                optimum,
            )],
            charts: vec![
                Chart {
                    title: "Optimal orders with one unit of item 2".to_owned(),
                    x_label: "net inventory of item 1, units",
                    y_label: "order, units",
                    curves: vec![("item 1".to_owned(), orders(0)), ("item 2".to_owned(), orders(1))],
                },
                Chart {
                    title: "Cost of the aggregate rule against the optimum".to_owned(),
                    x_label: "order when both together are at or below (s), units",
                    y_label: "cost a period",
                    curves: vec![("aggregate (s, S1, S2)".to_owned(), curve), ("optimum".to_owned(), flat)],
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::problems::{solve, table_of};

    /// The published row `jrp_U5-3_b95_K25_k10`: its optimum, and an aggregate rule no dearer than the published one.
    #[test]
    fn the_published_optimum_is_found() {
        let pairs = ["problem=trucks", "truck_cost=25", "item_cost=10", "truck_capacity=6", "holding_cost=1"];
        let others = ["stockout_cost=95", "demand_1=uniform:0..5", "demand_2=uniform:0..3"];
        let solved = solve(table_of(pairs.into_iter().chain(others)).unwrap()).unwrap();
        assert!((solved.figures[0].value - 32.228265).abs() < 1e-4, "{:?}", solved.figures);
        assert!(solved.policies[0].cost <= 39.102 + 5e-3, "{:?}", solved.policies);
    }
}
