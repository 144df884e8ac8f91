//! Lost sales with lead time and a demand that repeats with the phases of a cycle (Temizöz et al. 2024).

use serde::Deserialize;

use super::lost_sales::{EXACT, Simulated, optimal_cost};
use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::LostSales;
use crate::environments::lost_sales::LostSalesCosts;
use crate::two_moment_fit::TwoMomentFit;

/// States beyond which a problem is solved on request only.
const N_STATES_SMALL: usize = 7_000;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    means: String,
    sds: String,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: f64,
    best_stationary_base_stock_cost: f64,
    best_stationary_cbs_cost: f64,
}

impl Row {
    fn costs(&self) -> LostSalesCosts {
        LostSalesCosts { holding_cost: self.h, stockout_cost: self.p, order_cost: 0.0 }
    }

    /// `[cycle_length]`: the demand law of each phase.
    fn demand(&self) -> Vec<DiscreteDemand> {
        let numbers = |text: &str| -> Vec<f64> {
            text.split(' ').map(|number| number.parse().expect("a number of a table of ours")).collect()
        };
        let moments = numbers(&self.means).into_iter().zip(numbers(&self.sds));
        moments.map(|(mean, sd)| TwoMomentFit::new(mean, sd).expect("moments of a law").demand()).collect()
    }

    fn problem(&self) -> LostSales {
        LostSales::new(self.lead_time, self.costs(), self.demand())
    }

    fn compare(&self) -> Vec<Comparison> {
        let demand = self.demand();
        let problem = self.problem();
        let simulated = Simulated { lead_time: self.lead_time, costs: self.costs(), demand: &demand };
        vec![
            Comparison {
                quantity: "optimal cost",
                published: self.opt_cost,
                ours: optimal_cost(&problem),
                tolerance: EXACT,
            },
            simulated.base_stock(self.best_stationary_base_stock_cost),
            simulated.capped_base_stock(self.best_stationary_cbs_cost),
        ]
    }
}

/// Lost sales with cyclic demand.
pub fn known() -> Vec<Known<LostSales>> {
    let rows: Vec<Row> = rows(include_str!("lost_sales_cyclic_demand.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.opt_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    use restock_core::environment::FiniteEnvironment;
    let rows: Vec<Row> = rows(include_str!("lost_sales_cyclic_demand.csv"));
    let case = |row: Row| {
        let n_states = row.problem().n_states();
        Case::new(row.id.clone(), n_states > N_STATES_SMALL, move || row.compare())
    };
    Suite {
        name: "lost_sales_cyclic_demand",
        title: "lost sales with lead time 3 and cyclic demand",
        citation: "Temizoz et al. (2024), tarkantemizoz/DynaPlex; exact costs recomputed, heuristics simulated by \
                   DynaPlex",
        cases: rows.into_iter().map(case).collect(),
    }
}
