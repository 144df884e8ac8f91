//! Serial systems: the examples of Snyder & Shen (2019), the design of Shang & Song (2003), table 1, and the serial
//! setting of Alvo et al. (2023).

use serde::Deserialize;

use super::{Case, Comparison, Suite, rows};
use crate::clark_scarf::{SerialStage, SerialSystem};
use crate::grid_demand::GridDemand;
use crate::heuristics::shang_song;

/// Grid step of normal demand as a share of the standard deviation of one unit of time: the grid adds about step²/6 to
/// the variance of each lead time's demand, which must leave five stages within 1e-4.
const NORMAL_STEP_SHARE: f64 = 0.002;

/// The same for demand that is summed over periods.
const PERIOD_STEP_SHARE: f64 = 0.005;

/// Grids of the published levels are no coarser than this share of a standard deviation, and costs are flat there.
const LEVEL_TOLERANCE_SHARE: f64 = 0.015;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    review: String,
    demand: String,
    mean: f64,
    sd: f64,
    b: f64,
    /// Lists from the customers upstream, separated by `|`.
    echelon_h: String,
    lead_times: String,
    opt_levels: String,
    opt_cost: f64,
    /// Printed to three decimals.
    reference_cost: Option<f64>,
    heuristic_levels: String,
    heuristic_cost: Option<f64>,
    /// Printed to four decimals, %.
    heuristic_gap_pct: Option<f64>,
}

fn list(values: &str) -> Vec<f64> {
    values.split('|').filter(|value| !value.is_empty()).map(|value| value.parse().expect("a number")).collect()
}

impl Row {
    fn lead_time_demand(&self, lead_time: f64) -> GridDemand {
        match self.demand.as_str() {
            "poisson" => GridDemand::poisson(self.mean * lead_time),
            "normal" => {
                GridDemand::normal(self.mean * lead_time, self.sd * lead_time.sqrt(), NORMAL_STEP_SHARE * self.sd)
            }
            // Demand of whole periods, cut at 0 in each.
            "max(0,normal)" => {
                let step = PERIOD_STEP_SHARE * self.sd;
                GridDemand::non_negative_normal(self.mean, self.sd, step).times(lead_time as usize)
            }
            other => panic!("demand law {other}"),
        }
    }

    fn system(&self) -> SerialSystem {
        let stages = list(&self.echelon_h).into_iter().zip(list(&self.lead_times));
        let stages = stages.map(|(echelon_holding_cost, lead_time)| SerialStage {
            echelon_holding_cost,
            lead_time_demand: self.lead_time_demand(lead_time),
        });
        let review_demand = (self.review == "periodic").then(|| self.lead_time_demand(1.0));
        SerialSystem { stages: stages.collect(), backorder_cost: self.b, review_demand }
    }

    fn compare(&self) -> Vec<Comparison> {
        let system = self.system();
        let optimum = system.optimum();
        // Alvo et al. do not charge stock in transit.
        let in_transit_cost = if self.review == "periodic" { optimum.in_transit_cost } else { 0.0 };
        let ours = optimum.average_cost - in_transit_cost;
        let mut comparisons =
            vec![Comparison { quantity: "optimal cost", published: self.opt_cost, ours, tolerance: 1e-4 }];
        if let Some(published) = self.reference_cost {
            comparisons.push(Comparison { quantity: "optimal cost, printed", published, ours, tolerance: 5e-4 + 1e-6 });
        }
        let level_tolerance = if self.demand == "poisson" { 0.0 } else { LEVEL_TOLERANCE_SHARE * self.sd };
        let levels = list(&self.opt_levels).into_iter().zip(&optimum.echelon_base_stock_levels);
        comparisons.extend(levels.map(|(published, ours)| Comparison {
            quantity: "optimal echelon level",
            published,
            ours: *ours,
            tolerance: level_tolerance,
        }));
        if let (Some(cost), Some(gap_pct)) = (self.heuristic_cost, self.heuristic_gap_pct) {
            let levels = shang_song::levels(&system);
            let heuristic = system.cost_of(&levels).average_cost;
            comparisons.push(Comparison {
                quantity: "Shang-Song cost",
                published: cost,
                ours: heuristic,
                tolerance: 1e-6,
            });
            comparisons.push(Comparison {
                quantity: "Shang-Song gap, %",
                published: gap_pct,
                ours: 100.0 * (heuristic / optimum.average_cost - 1.0),
                tolerance: 5e-5 + 1e-6,
            });
            comparisons.extend(list(&self.heuristic_levels).into_iter().zip(levels).map(|(published, ours)| {
                Comparison { quantity: "Shang-Song echelon level", published, ours, tolerance: 0.0 }
            }));
        }
        comparisons
    }
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("serial_clark_scarf.csv"));
    Suite {
        name: "serial_clark_scarf",
        title: "serial systems: exact optimum, and the newsvendor bounds heuristic",
        citation: "Snyder & Shen (2019), examples of chapter 6; Shang & Song (2003), Management Science 49(5), table 1; Alvo et al. (2023); exact costs recomputed on a fine grid",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), false, move || row.compare())).collect(),
    }
}
