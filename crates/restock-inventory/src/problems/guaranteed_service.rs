//! Safety stock in a supply network in words.

use serde::Deserialize;

use super::{Chart, Figure, PolicyCost, ProblemError, Solved, Watch, not_negative, positive};
use crate::guaranteed_service::{ChainDemand, ChainStage, Placement, SearchLimits, ServiceNetwork};

/// Stages and links.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuaranteedServiceProblem {
    /// Share of a unit's cost per unit of time.
    holding_rate: f64,
    stages: Vec<Stage>,
    #[serde(default)]
    links: Vec<StageLink>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stage {
    id: String,
    processing_time: usize,
    #[serde(default)]
    cost_added: f64,
    /// Of customers outside the network, units a period.
    demand_std_dev: Option<f64>,
    #[serde(default = "usual_service_level")]
    service_level: f64,
    #[serde(default)]
    max_service_time: usize,
}

fn usual_service_level() -> f64 {
    0.95
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageLink {
    from: String,
    to: String,
}

impl GuaranteedServiceProblem {
    /// The network when customers accept to wait for `wait` periods more than described.
    fn network(&self, wait: usize) -> Result<ServiceNetwork, ProblemError> {
        let stage = |stage: &Stage| {
            let demand = stage.demand_std_dev.map(|std_dev| ChainDemand {
                std_dev,
                service_level: stage.service_level,
                max_service_time: stage.max_service_time + wait,
            });
            ChainStage { processing_time: stage.processing_time, cost_added: stage.cost_added, demand }
        };
        let stages: Vec<ChainStage> = self.stages.iter().map(stage).collect();
        let idx_of = |id: &str| {
            let found = self.stages.iter().position(|stage| stage.id == id);
            found.ok_or_else(|| ProblemError::Parameter(format!("a link names stage {id:?}, which is not listed")))
        };
        let links = self.links.iter().map(|link| Ok((idx_of(&link.from)?, idx_of(&link.to)?)));
        let links = links.collect::<Result<Vec<_>, ProblemError>>()?;
        Ok(ServiceNetwork::from_chain(&stages, &links, self.holding_rate)?)
    }

    fn check(&self) -> Result<(), ProblemError> {
        positive("holding_rate", self.holding_rate)?;
        for (idx, stage) in self.stages.iter().enumerate() {
            if self.stages[..idx].iter().any(|other| other.id == stage.id) {
                return Err(ProblemError::Parameter(format!(
                    "stage {:?} is listed twice, ids must be unique",
                    stage.id
                )));
            }
            not_negative("cost_added", stage.cost_added)?;
            not_negative("demand_std_dev", stage.demand_std_dev.unwrap_or(0.0))?;
            if !(0.5 < stage.service_level && stage.service_level < 1.0) {
                let (name, got) = ("service_level", stage.service_level);
                return Err(ProblemError::OutOfRange { name, got, allowed: "above 0.5 and below 1" });
            }
        }
        if self.stages.iter().all(|stage| stage.demand_std_dev.is_none()) {
            return Err(ProblemError::Parameter("no stage has a demand_std_dev, at least one must have it".to_owned()));
        }
        Ok(())
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        self.check()?;
        let network = self.network(0)?;
        let best = network.optimum(&SearchLimits::default());
        let mut figures = vec![
            Figure::new("cost of safety stock", best.cost, "currency a period"),
            Figure::new("no placement costs less than", best.lower_bound, "currency a period"),
        ];
        for (stage, number) in self.stages.iter().zip(0..) {
            let Placement { service_times, safety_stock, .. } = &best;
            figures.push(Figure::new(format!("{}: promised after", stage.id), service_times[number] as f64, "periods"));
            figures.push(Figure::new(format!("{}: safety stock", stage.id), safety_stock[number], "units"));
        }
        // Every stage promises at once: all of them hold stock, as chains without a plan for it do.
        let all_hold = network.placement(&vec![0; self.stages.len()]).cost;
        // What customers who would wait longer are worth.
        let longest = network.max_replenishment_time().iter().max().copied().unwrap_or(0);
        let stride = longest.div_ceil(24).max(1);
        let mut curve = Vec::new();
        for wait in (0..=longest).step_by(stride) {
            curve.push((wait as f64, self.network(wait)?.optimum(&SearchLimits::default()).cost));
            watch(wait as f64 / longest.max(1) as f64);
        }
        Ok(Solved {
            problem: format!("{} stages, {} links, guaranteed service times", self.stages.len(), self.links.len()),
            method: "dynamic programme on trees (Graves & Willems 2000), branch and bound on other networks (Humair & \
                     Willems 2011)",
            convergence: Some(format!(
                "proven within {:.2e} of the optimum, {} nodes of the search",
                best.gap(),
                best.n_nodes
            )),
            figures,
            policies: vec![PolicyCost::new("stock at every stage", all_hold, best.cost)],
            charts: vec![Chart {
                title: "Cost of safety stock when customers wait longer".to_owned(),
                x_label: "periods that customers wait longer",
                y_label: "cost a period",
                curves: vec![("best placement".to_owned(), curve)],
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::problems::{KINDS, solve};

    fn text(from: &str, to: &str) -> toml::Table {
        include_str!("guaranteed-service.toml").replacen(from, to, 1).parse().unwrap()
    }

    /// Every placement of the example's service times, tried one by one.
    #[test]
    fn the_example_is_solved_like_trying_everything() {
        let kind = KINDS.iter().find(|kind| kind.name == "guaranteed-service").unwrap();
        let solved = solve(kind.example_table()).unwrap();
        let z = 1.6448536269514722;
        let (mut least, unit) = (f64::INFINITY, [12.0, 5.0, 23.0, 24.0, 24.0]);
        let bounds = [z * 15.0, z * 15.0, z * 15.0, z * 12.0, z * 9.0];
        for motor in 0..=20_i32 {
            for housing in 0..=8 {
                let inbound = motor.max(housing);
                for assembly in 0..=inbound + 4 {
                    let covered = [20 - motor, 8 - housing, inbound + 4 - assembly, assembly + 2, assembly + 3];
                    let terms = covered.iter().zip(unit).zip(bounds);
                    let cost: f64 = terms.map(|((time, cost), k)| 0.01 * cost * k * f64::from(*time).sqrt()).sum();
                    least = least.min(cost);
                }
            }
        }
        assert!((solved.figures[0].value - least).abs() < 1e-9, "{:?}, tried {least}", solved.figures);
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |from: &str, to: &str| solve(text(from, to)).unwrap_err().to_string();
        insta::assert_snapshot!(error("to = \"assembly\"", "to = \"plant\""), @r#"a link names stage "plant", which is not listed"#);
        insta::assert_snapshot!(error("id = \"motor\"", "id = \"housing\""), @r#"stage "housing" is listed twice, ids must be unique"#);
        insta::assert_snapshot!(error("service_level = 0.95", "service_level = 1.5"), @"service_level is 1.5, must be above 0.5 and below 1");
        insta::assert_snapshot!(error("processing_time = 20", "time = 20"), @"unknown field `time`, expected one of `id`, `processing_time`, `cost_added`, `demand_std_dev`, `service_level`, `max_service_time`");
    }
}
