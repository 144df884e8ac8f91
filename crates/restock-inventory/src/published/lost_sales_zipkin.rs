//! Lost sales with lead time: the test bed of Zipkin (2008), *Operations Research* 56(5), widened by Xin (2021).

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate, solve};

/// Pipelines longer than this are solved on request only.
const LEAD_TIME_SMALL: usize = 3;

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
        let problem = LostSales::new(self.lead_time, self.costs(), vec![self.demand()]);
        let mut comparisons = Vec::new();
        let mut optimum = None;
        for (quantity, published, tolerance) in [
            ("optimal cost", self.opt_cost, 1e-4),
            // Two decimals are printed.
            ("optimal cost, Zipkin 2008", self.zipkin2008_opt_2dec, 0.005 + 1e-6),
        ] {
            let Some(published) = published else { continue };
            let ours = *optimum.get_or_insert_with(|| {
                solve(&problem, Criterion::Average, &Settings::default()).average_cost.expect("average cost")
            });
            comparisons.push(Comparison { quantity, published, ours, tolerance });
        }
        if let (Some(level), Some(published), Some(_)) = (self.base_stock_level, self.base_stock_cost, self.opt_cost) {
            // The caps of the optimum would bind this policy.
            let problem = LostSales::with_caps(self.lead_time, self.costs(), vec![self.demand()], level, level);
            let policy = |state: &LostSalesState| level - state.inventory_position();
            let evaluation = evaluate(&problem, policy, Criterion::Average, &Settings::default());
            let ours = evaluation.average_cost.expect("average cost");
            comparisons.push(Comparison { quantity: "base-stock cost", published, ours, tolerance: 1e-4 });
        }
        comparisons
    }
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("lost_sales_zipkin.csv"));
    let solvable = rows.into_iter().filter(|row| row.opt_cost.is_some());
    Suite {
        name: "lost_sales_zipkin",
        title: "lost sales with lead time, Poisson and geometric demand of mean 5",
        citation: "Zipkin (2008), Operations Research 56(5); Xin (2021); exact costs recomputed by relative value iteration",
        cases: solvable
            .map(|row| Case::new(row.id.clone(), row.lead_time > LEAD_TIME_SMALL, move || row.compare()))
            .collect(),
    }
}
