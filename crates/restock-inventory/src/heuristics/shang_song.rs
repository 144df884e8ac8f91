//! Newsvendor bounds and heuristic for serial systems (Shang & Song 2003, "Newsvendor bounds and heuristic for optimal
//! policies in serial supply chains", *Management Science* 49(5)).
//!
//! The optimal echelon base-stock level of stage j lies between two newsvendor levels of the demand over the lead times
//! of stages 1 to j: that of a system that charges all stages' holding costs on it, and that of one that charges only
//! the rate of stage j. The heuristic takes the mean of the two, rounded down to the grid.

use crate::clark_scarf::SerialSystem;

/// `[n_stages]`: lower and upper bound of each optimal echelon base-stock level, units, from the customers upstream:
/// `Fⱼ⁻¹((b + Σ_{i>j}hᵢ)/(b + Σhᵢ))` and `Fⱼ⁻¹((b + Σ_{i>j}hᵢ)/(b + Σ_{i>=j}hᵢ))` (theorem 1).
pub fn bounds(system: &SerialSystem) -> Vec<(f64, f64)> {
    bounds_idx(system)
        .into_iter()
        .map(|(low, high)| (low as f64 * system.step(), high as f64 * system.step()))
        .collect()
}

/// `[n_stages]`: the heuristic echelon base-stock levels, units (section 4).
pub fn levels(system: &SerialSystem) -> Vec<f64> {
    bounds_idx(system).into_iter().map(|(low, high)| (low + high).div_euclid(2) as f64 * system.step()).collect()
}

fn bounds_idx(system: &SerialSystem) -> Vec<(i64, i64)> {
    let all = system.backorder_cost + system.local_holding_cost(0);
    let demands = system.echelon_lead_time_demand();
    let bound = |(j, demand): (usize, &crate::grid_demand::GridDemand)| {
        let from_here = system.backorder_cost + system.local_holding_cost(j);
        let upstream = from_here - system.stages[j].echelon_holding_cost;
        (demand.quantile_idx(upstream / all), demand.quantile_idx(upstream / from_here))
    };
    demands.iter().enumerate().map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clark_scarf::SerialStage;
    use crate::grid_demand::GridDemand;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// The optimum lies between the bounds, and the heuristic never costs less than it.
        #[test]
        fn bounds_hold_the_optimum(
            costs in prop::collection::vec(0.1_f64..3.0, 1..5), backorder_cost in 1.0_f64..60.0, mean in 0.5_f64..8.0,
        ) {
            let stages = costs.iter().map(|h| SerialStage {
                echelon_holding_cost: *h, lead_time_demand: GridDemand::poisson(mean),
            });
            let system = SerialSystem { stages: stages.collect(), backorder_cost, review_demand: None };
            let optimum = system.optimum();
            for ((low, high), level) in bounds(&system).into_iter().zip(&optimum.echelon_base_stock_levels) {
                prop_assert!(low <= *level && *level <= high, "{low} <= {level} <= {high}");
            }
            prop_assert!(system.cost_of(&levels(&system)).average_cost >= optimum.average_cost - 1e-9);
        }
    }
}
