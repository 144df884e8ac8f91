//! Textbook problems of a single stage: the examples and problems of Snyder & Shen, *Fundamentals of Supply Chain
//! Theory* (2nd ed. 2019), and of Silver (1976) and Silver, Pyke & Peterson (1998), with the values that the tests of
//! stockpyl list.

use serde::Deserialize;

use super::{Case, Comparison, Suite, rows};
use crate::economic_order_quantity::{
    UnitCostFrom, all_units_discount, incremental_discount, production_quantity, with_backorders, with_disruptions,
};
use crate::joint_replenishment::{JointItem, silver};
use crate::{newsvendor, r_q, wagner_whitin};

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    problem: String,
    /// `name=value` pairs; the values of a list are separated by `|`.
    parameters: String,
    /// The same, for what is decided.
    decision: String,
    cost: f64,
}

/// The values of a name in `name=value` pairs.
fn values(pairs: &str, name: &str) -> Vec<f64> {
    let pair = pairs.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let list = pair.unwrap_or_else(|| panic!("{name} in {pairs}"));
    list.split('|').map(|value| value.parse().expect("a number")).collect()
}

impl Row {
    fn list(&self, name: &str) -> Vec<f64> {
        values(&self.parameters, name)
    }

    fn get(&self, name: &str) -> f64 {
        self.list(name)[0]
    }

    fn brackets(&self) -> Vec<UnitCostFrom> {
        let pairs = self.list("breakpoints").into_iter().zip(self.list("c"));
        pairs.map(|(from_quantity, unit_cost)| UnitCostFrom { from_quantity, unit_cost }).collect()
    }

    /// Our decision under the names of the row's, and our cost.
    fn solve(&self) -> (Vec<(&'static str, Vec<f64>)>, f64) {
        let get = |name| self.get(name);
        match self.problem.as_str() {
            "EOQ with backorders" => {
                let (size, share) = with_backorders(get("K"), get("h"), get("p"), get("lam"));
                (vec![("Q", vec![size.order_quantity]), ("x", vec![share])], size.cost)
            }
            "EPQ" => {
                let size = production_quantity(get("K"), get("h"), get("lam"), get("mu"));
                (vec![("Q", vec![size.order_quantity])], size.cost)
            }
            "EOQ all-units discount" | "EOQ incremental discount" => {
                let discount =
                    if self.problem.contains("all-units") { all_units_discount } else { incremental_discount };
                let (size, bracket) = discount(get("K"), get("i"), get("lam"), &self.brackets());
                (vec![("Q", vec![size.order_quantity]), ("region", vec![bracket as f64])], size.cost)
            }
            "Wagner-Whitin" => {
                let demand: Vec<_> = self.list("d").into_iter().map(|units| units as i64).collect();
                let lots = wagner_whitin::wagner_whitin(&demand, get("K"), get("h"));
                (vec![("q", lots.order_quantity.into_iter().map(|units| units as f64).collect())], lots.cost)
            }
            "newsvendor normal" => {
                let solution = newsvendor::normal(get("h"), get("p"), get("mu"), get("sd"));
                (vec![("S", vec![solution.base_stock_level])], solution.cost)
            }
            "newsvendor discrete" => {
                let solution = newsvendor::discrete(get("h"), get("p"), &self.list("pmf"));
                (vec![("S", vec![solution.base_stock_level])], solution.cost)
            }
            "newsvendor profit" => {
                let solution = newsvendor::normal_explicit(get("r"), get("c"), get("v"), get("mu"), get("sd"));
                (vec![("S", vec![solution.base_stock_level])], solution.cost)
            }
            "(r,Q), Poisson" => {
                let policy = r_q::optimal_policy(get("lam"), get("L"), get("h"), get("p"), get("K"));
                let decision =
                    vec![("r", vec![policy.reorder_point as f64]), ("Q", vec![policy.order_quantity as f64])];
                (decision, policy.average_cost)
            }
            "EOQ with disruptions" => {
                let size =
                    with_disruptions(get("K"), get("h"), get("p"), get("lam"), get("disruption"), get("recovery"));
                (vec![("Q", vec![size.order_quantity])], size.cost)
            }
            "joint replenishment" => {
                let holding_cost = get("h");
                let rates = self.list("k").into_iter().zip(self.list("lam"));
                let items: Vec<_> = rates
                    .map(|(order_cost, demand_rate)| JointItem { order_cost, holding_cost, demand_rate })
                    .collect();
                let cycle = silver(get("K"), &items);
                let multiples = cycle.multiples.iter().map(|multiple| f64::from(*multiple)).collect();
                (vec![("T", vec![cycle.base_cycle]), ("m", multiples)], cycle.cost)
            }
            other => panic!("problem {other}"),
        }
    }

    fn compare(&self) -> Vec<Comparison> {
        // Eight decimals or more are listed; the cost of disruptions is so flat in Q that its minimiser is known to
        // about the square root of that.
        let relative = if self.problem == "EOQ with disruptions" { 1e-4 } else { 1e-9 };
        let (decision, cost) = self.solve();
        let mut comparisons =
            vec![Comparison { quantity: "cost", published: self.cost, ours: cost, tolerance: 1e-9 * self.cost.abs() }];
        for (name, ours) in decision {
            let published = values(&self.decision, name);
            assert_eq!(published.len(), ours.len(), "{}: {name}", self.id);
            comparisons.extend(published.into_iter().zip(ours).map(|(published, ours)| Comparison {
                quantity: name,
                published,
                ours,
                tolerance: relative * published.abs(),
            }));
        }
        comparisons
    }
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("textbook_single_stage.csv"));
    Suite {
        name: "textbook_single_stage",
        title: "single stage: EOQ, EPQ, discounts, disruptions, Wagner-Whitin, newsvendor, (r, Q), joint replenishment",
        citation: "Snyder & Shen (2019), Fundamentals of Supply Chain Theory; Silver (1976); Silver, Pyke & Peterson (1998); values as listed in the tests of stockpyl",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), false, move || row.compare())).collect(),
    }
}
