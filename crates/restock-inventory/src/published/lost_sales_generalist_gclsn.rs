//! Lost sales with many demand laws, stock-out costs and lead times: the problems of a generally capable agent (Temizöz
//! et al. 2024).

use serde::Deserialize;

use super::lost_sales::{EXACT, Simulated, optimal_cost};
use super::{Case, Comparison, Suite, rows};
use crate::environments::LostSales;
use crate::environments::lost_sales::LostSalesCosts;
use crate::two_moment_fit::TwoMomentFit;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    mean: f64,
    sd: f64,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: Option<f64>,
    best_base_stock_cost: f64,
    best_cbs_cost: f64,
}

impl Row {
    fn compare(&self) -> Vec<Comparison> {
        let costs = LostSalesCosts { holding_cost: self.h, stockout_cost: self.p, order_cost: 0.0 };
        let demand = [TwoMomentFit::new(self.mean, self.sd).expect("moments of a law").demand()];
        let mut comparisons = Vec::new();
        if let Some(published) = self.opt_cost {
            let ours = optimal_cost(&LostSales::new(self.lead_time, costs, demand.to_vec()));
            comparisons.push(Comparison { quantity: "optimal cost", published, ours, tolerance: EXACT });
        }
        let simulated = Simulated { lead_time: self.lead_time, costs, demand: &demand };
        comparisons.push(simulated.base_stock(self.best_base_stock_cost));
        comparisons.push(simulated.capped_base_stock(self.best_cbs_cost));
        comparisons
    }
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("lost_sales_generalist_gclsn.csv"));
    // A few small problems stand for the many.
    let large = |row: &Row| row.opt_cost.is_none() || row.lead_time > 3;
    Suite {
        name: "lost_sales_generalist_gclsn",
        title: "lost sales with many demand laws, stock-out costs and lead times",
        citation: "Temizoz et al. (2024), tarkantemizoz/DynaPlex; exact costs recomputed, heuristics simulated by \
                   DynaPlex",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), large(&row), move || row.compare())).collect(),
    }
}
