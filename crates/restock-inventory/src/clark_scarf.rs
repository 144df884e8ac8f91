//! Serial systems: the exact optimum of several stages in a line, by the decomposition of Clark & Scarf.
//!
//! Stage 1 serves customers, stage j + 1 supplies stage j, the last stage orders from outside without limit; unmet
//! demand waits at a cost. Echelon base-stock policies are optimal (Clark & Scarf 1960, "Optimal policies for a
//! multi-echelon inventory problem", *Management Science* 6(4); for long-run average cost Federgruen & Zipkin 1984), and
//! their levels follow from one-dimensional problems, one per stage (Chen & Zheng 1994, "Lower bounds for multi-echelon
//! stochastic inventory systems", *Management Science* 40(11)):
//!
//! `C̲₀(x) = (b + Σhᵢ)·x⁻`, `Cⱼ(y) = E[hⱼ·(y - Dⱼ) + C̲ⱼ₋₁(y - Dⱼ)]`, `sⱼ = argmin Cⱼ`, `C̲ⱼ(x) = Cⱼ(min(sⱼ, x))`,
//!
//! with echelon holding costs hⱼ, backorder cost b and the demand Dⱼ over stage j's lead time; the optimal cost is
//! `C_N(s_N)`.
//!
//! # Conventions
//! 1. Continuous review: holding and backorder costs are charged on the inventory level after a lead time's demand.
//! 2. Periodic review: orders are placed at the start of a period, arrive at the start of a later one, and costs are
//!    charged at the end of each, so one period's demand comes on top: [`SerialSystem::review_demand`].
//! 3. Echelon costs charge stock in transit to stage j at the local rate of stage j + 1. Where transit is free, subtract
//!    [`SerialSolution::in_transit_cost`], which no policy can change.

use crate::grid_demand::{GridDemand, convolve_fast};

/// One stage of a serial system.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialStage {
    /// Echelon holding cost per unit and unit of time (hⱼ): the local rate less that of the stage upstream.
    pub echelon_holding_cost: f64,
    /// Demand over the lead time from the stage upstream.
    pub lead_time_demand: GridDemand,
}

/// A serial system.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialSystem {
    /// `[n_stages]`: from the customers upstream.
    pub stages: Vec<SerialStage>,
    /// Cost of a unit that waits, per unit of time (b).
    pub backorder_cost: f64,
    /// Demand of one period under periodic review, `None` under continuous review.
    pub review_demand: Option<GridDemand>,
}

/// Echelon base-stock levels and their cost.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialSolution {
    /// `[n_stages]`: echelon base-stock levels from the customers upstream, units.
    pub echelon_base_stock_levels: Vec<f64>,
    /// Long-run average cost per unit of time, stock in transit included, currency.
    pub average_cost: f64,
    /// The part of it that is paid for stock in transit between stages, currency.
    pub in_transit_cost: f64,
}

impl SerialSystem {
    /// Checks the numbers once; every method relies on them.
    fn validate(&self) {
        assert!(!self.stages.is_empty() && self.backorder_cost > 0.0);
        let step = self.stages[0].lead_time_demand.step();
        for stage in &self.stages {
            assert!(stage.echelon_holding_cost > 0.0 && stage.lead_time_demand.step() == step);
        }
        assert!(self.review_demand.as_ref().is_none_or(|demand| demand.step() == step));
    }

    /// The grid's step, units.
    pub fn step(&self) -> f64 {
        self.stages[0].lead_time_demand.step()
    }

    /// Local holding cost of a stage, the sum of the echelon costs from there upstream, currency.
    pub fn local_holding_cost(&self, stage_idx: usize) -> f64 {
        self.stages[stage_idx..].iter().map(|stage| stage.echelon_holding_cost).sum()
    }

    /// `[n_stages]`: demand over the lead times of stages 1 to j and the review period.
    pub fn echelon_lead_time_demand(&self) -> Vec<GridDemand> {
        let mut total = self.review_demand.clone();
        let mut demands: Vec<GridDemand> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let demand = match total {
                Some(total) => total.plus(&stage.lead_time_demand),
                None => stage.lead_time_demand.clone(),
            };
            demands.push(demand.clone());
            total = Some(demand);
        }
        demands
    }

    /// Holding cost of what is in transit between stages, per unit of time.
    fn in_transit_cost(&self) -> f64 {
        let links = 1..self.stages.len();
        links.map(|j| self.local_holding_cost(j) * self.stages[j - 1].lead_time_demand.mean()).sum()
    }

    /// The optimal echelon base-stock levels, on the grid.
    ///
    /// # Panics
    /// Unless there is a stage, costs are positive and all grids have one step.
    pub fn optimum(&self) -> SerialSolution {
        self.validate();
        // The search ends at the newsvendor bound Fⱼ⁻¹(q), q = (b + Σ_{i>j}hᵢ)/(b + Σ_{i>=j}hᵢ), of Shang & Song
        // (2003), with Cantelli's inequality F⁻¹(q) <= mean + std_dev·√(q/(1 - q)) for the quantile, as that takes no
        // convolution.
        let (mut mean, mut variance) =
            self.review_demand.as_ref().map_or((0.0, 0.0), |demand| (demand.mean(), demand.variance()));
        let upper = (0..self.stages.len()).map(|j| {
            let stage = &self.stages[j];
            mean += stage.lead_time_demand.mean();
            variance += stage.lead_time_demand.variance();
            let upstream = self.backorder_cost + self.local_holding_cost(j) - stage.echelon_holding_cost;
            let odds = upstream / stage.echelon_holding_cost;
            ((mean + (variance * odds).sqrt()) / self.step()).ceil() as i64 + 1
        });
        self.recursion(&upper.collect::<Vec<_>>(), true)
    }

    /// The cost of given echelon base-stock levels, rounded to the grid, units.
    ///
    /// # Panics
    /// As [`SerialSystem::optimum`], and unless there is a level for each stage.
    pub fn cost_of(&self, echelon_base_stock_levels: &[f64]) -> SerialSolution {
        self.validate();
        assert_eq!(echelon_base_stock_levels.len(), self.stages.len());
        let levels = echelon_base_stock_levels.iter().map(|level| (level / self.step()).round() as i64);
        self.recursion(&levels.collect::<Vec<_>>(), false)
    }

    /// The recursion over stages; `highest[j]` is stage j's level, or with `search` the end of the search for it.
    fn recursion(&self, highest: &[i64], search: bool) -> SerialSolution {
        let step = self.step();
        let total_holding_cost = self.local_holding_cost(0);
        // The induced penalty of the stages so far: linear with `slope` below `begin`, `values` from there, then constant.
        let mut slope = -(self.backorder_cost + total_holding_cost);
        let (mut begin, mut values) = (0_i64, vec![0.0]);
        let mut levels = Vec::with_capacity(self.stages.len());
        let mut average_cost = 0.0;
        for (j, stage) in self.stages.iter().enumerate() {
            let demand = match &self.review_demand {
                Some(review) if j == 0 => stage.lead_time_demand.plus(review),
                _ => stage.lead_time_demand.clone(),
            };
            let penalty = |idx: i64| match idx - begin {
                below if below < 0 => values[0] + slope * below as f64 * step,
                above => values[(above as usize).min(values.len() - 1)],
            };
            let first = demand.first();
            let last = first + demand.probabilities().len() as i64 - 1;
            let from = (begin + first).min(highest[j]);
            // `[highest - from + 1 + last - first]`: costs at the level left by demand.
            let left: Vec<f64> = (from - last..=highest[j] - first)
                .map(|idx| stage.echelon_holding_cost * idx as f64 * step + penalty(idx))
                .collect();
            let convolved = convolve_fast(&left, demand.probabilities());
            let skip = (last - first) as usize;
            let mut costs = convolved[skip..left.len()].to_vec();
            let level_offset = if search {
                (0..costs.len()).min_by(|a, b| costs[*a].total_cmp(&costs[*b])).expect("a level")
            } else {
                costs.len() - 1
            };
            // The review period's demand is taken off every echelon before costs are charged; at stage 1 it is part of
            // the convolution.
            let review_mean = self.review_demand.as_ref().filter(|_| j > 0).map_or(0.0, GridDemand::mean);
            for cost in &mut costs {
                *cost -= stage.echelon_holding_cost * review_mean;
            }
            average_cost = costs[level_offset];
            levels.push((from + level_offset as i64) as f64 * step);
            costs.truncate(level_offset + 1);
            slope += stage.echelon_holding_cost;
            (begin, values) = (from, costs);
        }
        SerialSolution { echelon_base_stock_levels: levels, average_cost, in_transit_cost: self.in_transit_cost() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newsvendor;
    use proptest::prelude::*;

    fn system(costs: &[f64], backorder_cost: f64, demand: &GridDemand) -> SerialSystem {
        let stage = |h: &f64| SerialStage { echelon_holding_cost: *h, lead_time_demand: demand.clone() };
        SerialSystem { stages: costs.iter().map(stage).collect(), backorder_cost, review_demand: None }
    }

    /// One stage is a newsvendor.
    #[test]
    fn one_stage_is_a_newsvendor() {
        let solution = system(&[2.0], 18.0, &GridDemand::normal(120.0, 10.0, 0.05)).optimum();
        let newsvendor = newsvendor::normal(2.0, 18.0, 120.0, 10.0);
        assert!((solution.average_cost - newsvendor.cost).abs() < 1e-4, "{solution:?}");
        assert!((solution.echelon_base_stock_levels[0] - newsvendor.base_stock_level).abs() <= 0.05);
    }

    /// Snyder & Shen example 6.1 prints 47.65, a value of a coarse grid; the exact optimum is 47.6602.
    #[test]
    fn textbook_example() {
        let demands = [1.0_f64, 1.0, 2.0].map(|lead_time| GridDemand::normal(5.0 * lead_time, lead_time.sqrt(), 0.005));
        let stages = demands.into_iter().zip([3.0, 2.0, 2.0]);
        let stages = stages
            .map(|(lead_time_demand, echelon_holding_cost)| SerialStage { echelon_holding_cost, lead_time_demand });
        let system = SerialSystem { stages: stages.collect(), backorder_cost: 37.12, review_demand: None };
        let solution = system.optimum();
        assert!((solution.average_cost - 47.660157).abs() < 1e-4, "{solution:?}");
        assert!((solution.average_cost - 47.65).abs() < 0.02);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// No other levels are cheaper, and the optimum's own cost is found again.
        #[test]
        fn no_levels_are_cheaper(
            costs in prop::collection::vec(0.1_f64..3.0, 1..5), backorder_cost in 1.0_f64..60.0, mean in 0.5_f64..8.0,
            moves in prop::collection::vec(-3_i64..4, 5), periodic: bool,
        ) {
            let demand = GridDemand::poisson(mean);
            let review_demand = periodic.then(|| GridDemand::poisson(1.0));
            let system = SerialSystem { review_demand, ..system(&costs, backorder_cost, &demand) };
            let optimum = system.optimum();
            let again = system.cost_of(&optimum.echelon_base_stock_levels);
            prop_assert!((again.average_cost - optimum.average_cost).abs() < 1e-9);
            let levels: Vec<f64> = optimum.echelon_base_stock_levels.iter().zip(&moves)
                .map(|(level, by)| level + *by as f64).collect();
            prop_assert!(system.cost_of(&levels).average_cost >= optimum.average_cost - 1e-9);
        }
    }
}
