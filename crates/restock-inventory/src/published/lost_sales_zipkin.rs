//! Lost sales with lead time: the test bed of Zipkin (2008), *Operations Research* 56(5), widened by Xin (2021).

use restock_core::Units;
use serde::Deserialize;

use super::lost_sales::{EXACT, Simulated, optimal_cost};
use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate};
use crate::heuristics::{CappedBaseStock, ProjectedInventoryLevel, myopic_order};

/// Pipelines longer than this are solved on request only.
const LEAD_TIME_SMALL: usize = 3;

/// Costs at longer lead times are published simulations.
const LEAD_TIME_EXACT: usize = 4;

/// The best base-stock level is searched again up to this lead time.
const LEAD_TIME_SEARCH: usize = 3;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    demand: String,
    mean: f64,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: Option<f64>,
    zipkin2008_opt_2dec: Option<f64>,
    #[serde(rename = "base_stock_S")]
    base_stock_level: Option<Units>,
    base_stock_cost: Option<f64>,
    #[serde(rename = "cbs_S")]
    capped_level: Option<Units>,
    #[serde(rename = "cbs_r")]
    capped_max_order: Option<Units>,
    cbs_cost: Option<f64>,
    myopic1_cost: Option<f64>,
    #[serde(rename = "pil_U")]
    projected_level: Option<f64>,
    pil_cost: Option<f64>,
}

impl Row {
    fn costs(&self) -> LostSalesCosts {
        LostSalesCosts { holding_cost: self.h, stockout_cost: self.p, order_cost: 0.0 }
    }

    fn demand(&self) -> DiscreteDemand {
        match self.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(self.mean, 60),
            "geometric" => DiscreteDemand::geometric(self.mean, 250),
            other => panic!("demand law {other}"),
        }
    }

    fn problem(&self) -> LostSales {
        LostSales::new(self.lead_time, self.costs(), vec![self.demand()])
    }

    fn compare(&self) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        let problem = self.problem();
        if let Some(published) = self.opt_cost {
            let ours = optimal_cost(&problem);
            comparisons.push(Comparison { quantity: "optimal cost", published, ours, tolerance: EXACT });
            if let Some(published) = self.zipkin2008_opt_2dec {
                let quantity = "optimal cost, Zipkin 2008";
                // Two decimals are printed.
                comparisons.push(Comparison { quantity, published, ours, tolerance: 0.005 + 1e-6 });
            }
        }
        if self.lead_time <= LEAD_TIME_EXACT {
            self.compare_exactly(&problem, &mut comparisons);
        } else {
            let demand = [self.demand()];
            let simulated = Simulated { lead_time: self.lead_time, costs: self.costs(), demand: &demand };
            comparisons.extend(self.base_stock_cost.map(|published| simulated.base_stock(published)));
            comparisons.extend(self.cbs_cost.map(|published| simulated.capped_base_stock(published)));
        }
        comparisons
    }

    /// The heuristics with their published parameters. Orders of the myopic and projected-inventory-level policies keep to
    /// the caps of the optimum, as in the published evaluation.
    fn compare_exactly(&self, problem: &LostSales, comparisons: &mut Vec<Comparison>) {
        let mut compare = |quantity, published, ours| {
            comparisons.push(Comparison { quantity, published, ours, tolerance: EXACT });
        };
        if let (Some(level), Some(published)) = (self.base_stock_level, self.base_stock_cost) {
            let policy = CappedBaseStock::uncapped(level);
            compare("base-stock cost", published, self.capped_cost(policy));
            // The search is exact, the published level is the best.
            if self.lead_time <= LEAD_TIME_SEARCH {
                let (_, best) = CappedBaseStock::best_uncapped(level + 2, |policy| self.capped_cost(policy));
                compare("best base-stock cost", published, best);
            }
        }
        if let (Some(policy), Some(published)) = (self.capped_base_stock(), self.cbs_cost) {
            compare("capped base-stock cost", published, self.capped_cost(policy));
        }
        if let Some(published) = self.myopic1_cost {
            let order = |state: &LostSalesState| myopic_order(problem, state);
            let evaluation = evaluate(problem, order, Criterion::Average, &Settings::default());
            compare("myopic cost", published, evaluation.average_cost.expect("an average cost"));
        }
        if let (Some(level), Some(published)) = (self.projected_level, self.pil_cost) {
            let cost = ProjectedInventoryLevel { level }.average_cost(problem, Settings::default().tolerance);
            compare("projected inventory level cost", published, cost);
        }
    }

    fn capped_base_stock(&self) -> Option<CappedBaseStock> {
        Some(CappedBaseStock { base_stock_level: self.capped_level?, max_order: self.capped_max_order? })
    }

    fn capped_cost(&self, policy: CappedBaseStock) -> f64 {
        policy.average_cost(self.lead_time, self.costs(), &[self.demand()], Settings::default().tolerance)
    }
}

/// Lost sales with lead time.
pub fn known() -> Vec<Known<LostSales>> {
    let rows: Vec<Row> = rows(include_str!("lost_sales_zipkin.csv"));
    let known = |row: Row| Some(Known { environment: row.problem(), optimum: row.opt_cost?, id: row.id });
    rows.into_iter().filter_map(known).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("lost_sales_zipkin.csv"));
    Suite {
        name: "lost_sales_zipkin",
        title: "lost sales with lead time, Poisson and geometric demand of mean 5",
        citation: "Zipkin (2008), Operations Research 56(5); Xin (2021); exact costs recomputed by relative value \
                   iteration, costs at lead times from 5 simulated by DynaPlex",
        cases: rows
            .into_iter()
            .map(|row| Case::new(row.id.clone(), row.lead_time > LEAD_TIME_SMALL, move || row.compare()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published parameters were searched in narrow ranges: in some rows others are up to 0.1 % cheaper. Our searches must
    /// find what is at least as good.
    #[test]
    fn searches_find_parameters_as_good_as_published() {
        let rows: Vec<Row> = rows(include_str!("lost_sales_zipkin.csv"));
        let mut n_searches = 0;
        for row in rows.iter().filter(|row| row.lead_time <= 2) {
            let problem = row.problem();
            if let (Some(published), Some(cost)) = (row.capped_base_stock(), row.cbs_cost) {
                let start = CappedBaseStock {
                    base_stock_level: published.base_stock_level - 2,
                    max_order: published.max_order + 2,
                };
                let (best, best_cost) = CappedBaseStock::best(start, 60, |policy| row.capped_cost(policy));
                assert!(best_cost <= cost + EXACT, "{}: {best:?} costs {best_cost}, published {cost}", row.id);
                assert!(best_cost >= row.opt_cost.unwrap() - EXACT, "{}: {best:?} costs {best_cost}", row.id);
                n_searches += 1;
            }
            if let (Some(level), Some(cost)) = (row.projected_level, row.pil_cost) {
                let levels: Vec<f64> = (-10..=10).map(|step| level + f64::from(step) * 0.05).collect();
                let (best, best_cost) = ProjectedInventoryLevel::best(&problem, &levels, 1e-6);
                assert!(best_cost <= cost + EXACT, "{}: {best:?} costs {best_cost}, published {cost}", row.id);
                assert!(best_cost >= row.opt_cost.unwrap() - EXACT, "{}: {best:?} costs {best_cost}", row.id);
                n_searches += 1;
            }
        }
        assert!(n_searches >= 20, "{n_searches}");
    }
}
