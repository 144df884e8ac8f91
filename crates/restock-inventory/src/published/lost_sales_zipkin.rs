//! Lost sales with lead time: the test bed of Zipkin (2008), *Operations Research* 56(5), widened by Xin (2021).

use restock_core::Units;
use serde::Deserialize;

use super::lost_sales::{EXACT, Simulated, optimal_cost};
use super::{Case, Comparison, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate};
use crate::heuristics::{CappedBaseStock, ProjectedInventoryLevel, myopic_order};

/// Pipelines longer than this are solved on request only.
const LEAD_TIME_SMALL: usize = 3;

/// Costs at longer lead times are published simulations.
const LEAD_TIME_EXACT: usize = 4;

/// The best level of a projected-inventory-level policy was searched on this grid.
const LEVEL_STEP: f64 = 0.05;

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

    fn compare(&self) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        let problem = LostSales::new(self.lead_time, self.costs(), vec![self.demand()]);
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

    /// The heuristics with their published parameters, and their best parameters, which must not be cheaper.
    fn compare_exactly(&self, problem: &LostSales, comparisons: &mut Vec<Comparison>) {
        let (demand, settings) = ([self.demand()], Settings::default());
        let mut compare = |quantity, published, ours| {
            comparisons.push(Comparison { quantity, published, ours, tolerance: EXACT });
        };
        let capped_cost =
            |policy: CappedBaseStock| policy.average_cost(self.lead_time, self.costs(), &demand, settings.tolerance);
        let small = self.lead_time <= 2;
        if let (Some(level), Some(published)) = (self.base_stock_level, self.base_stock_cost) {
            compare("base-stock cost", published, capped_cost(CappedBaseStock::uncapped(level)));
            if small {
                compare("best base-stock cost", published, CappedBaseStock::best_uncapped(level + 2, capped_cost).1);
            }
        }
        if let (Some(base_stock_level), Some(max_order), Some(published)) =
            (self.capped_level, self.capped_max_order, self.cbs_cost)
        {
            compare("capped base-stock cost", published, capped_cost(CappedBaseStock { base_stock_level, max_order }));
            if small {
                let start = CappedBaseStock { base_stock_level: base_stock_level - 2, max_order: max_order + 2 };
                compare("best capped base-stock cost", published, CappedBaseStock::best(start, capped_cost).1);
            }
        }
        if let Some(published) = self.myopic1_cost {
            let order = |state: &LostSalesState| myopic_order(problem, state);
            let evaluation = evaluate(problem, order, Criterion::Average, &settings);
            compare("myopic cost", published, evaluation.average_cost.expect("an average cost"));
        }
        if let (Some(level), Some(published)) = (self.projected_level, self.pil_cost) {
            let cost = ProjectedInventoryLevel { level }.average_cost(problem, settings.tolerance);
            compare("projected inventory level cost", published, cost);
            if small {
                let levels: Vec<f64> = (-20..=20).map(|step| level + f64::from(step) * LEVEL_STEP).collect();
                let (_, cost) = ProjectedInventoryLevel::best(problem, &levels, settings.tolerance);
                compare("best projected inventory level cost", published, cost);
            }
        }
    }
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
