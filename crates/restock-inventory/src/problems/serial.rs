//! Stages in a line in words.

use serde::Deserialize;

use super::{
    Chart, DemandLaw, Figure, Numbers, PolicyCost, ProblemError, Solved, Watch, at_most, positive, whole_units,
};
use crate::clark_scarf::{SerialStage, SerialSystem};
use crate::environments::serial::{LEAD_TIME_MAX, STAGES_MAX};
use crate::grid_demand::GridDemand;
use crate::heuristics::shang_song;

/// Grid step of normal demand as a share of its standard deviation.
const STEP_SHARE: f64 = 0.005;

/// Stages in a line, from the customers upstream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SerialProblem {
    /// Of a unit at each stage and period.
    holding_costs: Numbers,
    lead_times: Numbers,
    stockout_cost: f64,
    demand: DemandLaw,
}

impl SerialProblem {
    fn system(&self) -> Result<SerialSystem, ProblemError> {
        let holding_costs = self.holding_costs.list("holding_costs")?;
        let lead_times = self.lead_times.list("lead_times")?;
        let n_stages = at_most("holding_costs", holding_costs.len(), STAGES_MAX, "1 to 8 costs")?;
        if n_stages == 0 || lead_times.len() != n_stages {
            return Err(ProblemError::Parameter(format!(
                "{n_stages} holding_costs and {} lead_times, expected one of each for every stage",
                lead_times.len()
            )));
        }
        holding_costs.iter().try_for_each(|cost| positive("holding_costs", *cost).map(|_| ()))?;
        if !holding_costs.is_sorted_by(|downstream, upstream| downstream > upstream) {
            return Err(ProblemError::Parameter(format!(
                "holding_costs are {holding_costs:?}, must fall from the customers upstream: stock gains value on its way"
            )));
        }
        for lead_time in &lead_times {
            if lead_time.fract() != 0.0 || !(0.0..=LEAD_TIME_MAX as f64).contains(lead_time) {
                let allowed = "whole periods, 0 to 8";
                return Err(ProblemError::OutOfRange { name: "lead_times", got: *lead_time, allowed });
            }
        }
        let period = match &self.demand {
            DemandLaw::Normal(mean, std_dev) => GridDemand::normal(*mean, *std_dev, STEP_SHARE * std_dev),
            law => GridDemand::discrete(&whole_units(law)?),
        };
        let stage = |j: usize| SerialStage {
            echelon_holding_cost: holding_costs[j] - holding_costs.get(j + 1).copied().unwrap_or(0.0),
            lead_time_demand: period.times(lead_times[j] as usize),
        };
        Ok(SerialSystem {
            stages: (0..n_stages).map(stage).collect(),
            backorder_cost: positive("stockout_cost", self.stockout_cost)?,
            review_demand: Some(period.clone()),
        })
    }

    pub(super) fn solve(&self, _: Watch<'_>) -> Result<Solved, ProblemError> {
        let system = self.system()?;
        let best = system.optimum();
        let levels = &best.echelon_base_stock_levels;
        let mut figures = vec![
            Figure::new("optimal cost, stock on the way included", best.average_cost, "currency a period"),
            Figure::new("of it stock on the way", best.in_transit_cost, "currency a period"),
        ];
        let name = |stage_idx: usize| format!("echelon base-stock level of stage {}", stage_idx + 1);
        figures.extend(levels.iter().enumerate().map(|(j, level)| Figure::new(name(j), *level, "units")));
        let heuristic = shang_song::levels(&system);
        let heuristic_cost = system.cost_of(&heuristic).average_cost;
        let texts: Vec<String> = heuristic.iter().map(|level| format!("{level:.4}")).collect();
        let texts: Vec<&str> = texts.iter().map(|text| text.trim_end_matches('0').trim_end_matches('.')).collect();
        // Each level moves alone by up to a fifth, in whole steps of the grid.
        let moved = |stage_idx: usize| -> Vec<(f64, f64)> {
            let span = (0.2 * levels[stage_idx] / system.step()).ceil().max(4.0);
            let stride = (span / 12.0).ceil();
            let offsets = (-12..=12).map(|point| f64::from(point) * stride * system.step());
            let at = |offset: f64| {
                let mut tried = levels.clone();
                tried[stage_idx] += offset;
                (offset, system.cost_of(&tried).average_cost)
            };
            offsets.map(at).collect()
        };
        Ok(Solved {
            problem: format!("{} stages in a line, demand {}, customers wait", levels.len(), self.demand),
            method: "exact recursion on echelons (Clark & Scarf 1960; Federgruen & Zipkin 1984)",
            convergence: None,
            figures,
            policies: vec![PolicyCost::new(
                format!("Shang-Song levels {}", texts.join(", ")),
                heuristic_cost,
                best.average_cost,
            )],
            charts: vec![Chart {
                title: "Cost when one echelon level moves".to_owned(),
                x_label: "units above the best level",
                y_label: "cost a period",
                curves: (0..levels.len()).map(|j| (format!("stage {}", j + 1), moved(j))).collect(),
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::environments::Serial;
    use crate::environments::serial::InTransit;
    use crate::problems::{solve, table_of};

    const PAIRS: [&str; 5] =
        ["problem=serial", "holding_costs=7,4,2", "lead_times=1,1,2", "stockout_cost=37.12", "demand=poisson:5"];

    /// The words describe the same system as the environment does.
    #[test]
    fn the_words_are_the_environment() {
        let solved = solve(table_of(PAIRS).unwrap()).unwrap();
        let demand = crate::discrete_demand::DiscreteDemand::poisson(5.0, 67);
        let problem = Serial::new(vec![7.0, 4.0, 2.0], vec![1, 1, 2], 37.12, InTransit::Charged, demand);
        let best = problem.system().optimum();
        assert!((solved.figures[0].value - best.average_cost).abs() < 1e-9, "{:?} {best:?}", solved.figures);
        let levels: Vec<f64> = solved.figures[2..].iter().map(|figure| figure.value).collect();
        assert_eq!(levels, best.echelon_base_stock_levels);
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |idx: usize, pair: &'static str| {
            let mut pairs = PAIRS;
            pairs[idx] = pair;
            solve(table_of(pairs).unwrap()).unwrap_err().to_string()
        };
        insta::assert_snapshot!(error(1, "holding_costs=2,4,7"), @"holding_costs are [2.0, 4.0, 7.0], must fall from the customers upstream: stock gains value on its way");
        insta::assert_snapshot!(error(2, "lead_times=1,2"), @"3 holding_costs and 2 lead_times, expected one of each for every stage");
        insta::assert_snapshot!(error(2, "lead_times=1,0.5,2"), @"lead_times is 0.5, must be whole periods, 0 to 8");
        insta::assert_snapshot!(error(1, "holding_costs=a,b"), @r#"holding_costs is "a,b", expected numbers such as 7,4,2"#);
    }
}
