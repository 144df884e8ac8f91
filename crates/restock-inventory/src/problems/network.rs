//! A supply network in words.

use restock_core::Units;
use serde::Deserialize;

use super::{Chart, Figure, PolicyCost, ProblemError, Solved, Watch};
use crate::environments::network::{Network, NetworkDescription, NetworkState};
use crate::heuristics::LinkBaseStock;
use crate::heuristics::network_base_stock::{DemandKnowledge, LevelRule, NetworkBaseStock};
use crate::lanes::search::search_many;
use crate::lanes::{PlainPolicy, SimulatedCost, SimulationPlan, SupplyNetworkLanes, simulate};

/// Lanes that the search plays: common random numbers tell levels apart.
const N_SEARCH_LANES: usize = 64;

/// Lanes of the costs that are reported, with chances of their own.
const N_COST_LANES: usize = 512;

/// A network as `examples/networks` describes it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct NetworkProblem {
    description: NetworkDescription,
}

impl NetworkProblem {
    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let network = Network::new(self.description.clone())?;
        let n_periods = self.description.horizon;
        let lanes = SupplyNetworkLanes::new(network.clone());
        let plan = |n_lanes: usize, seed: u64| SimulationPlan { n_lanes, n_warm_up: 0, n_periods, seed };
        // Each level begins at the demand of its markets over its lead time and two periods.
        let downstream = network.market_links_downstream();
        let nodes = &network.description().nodes;
        let start: Vec<Units> = network
            .order_links()
            .map(|link| {
                let to = nodes.iter().position(|node| node.id == link.to).expect("a node of the network");
                let means = downstream[to].iter().map(|market| network.mean_demand(*market, 0, 1.0));
                (means.sum::<f64>() * (link.lead_time + 2) as f64).ceil() as Units
            })
            .collect();
        let most = start.iter().max().copied().unwrap_or(0);
        let cost = |levels: &[Units]| {
            simulate(&lanes, &LinkBaseStock { levels: levels.to_vec() }, &plan(N_SEARCH_LANES, 1)).mean()
        };
        let found = search_many(&start, (0, 8 * most + 64), (most / 4).max(1), cost, |n_sweeps| {
            watch(1.0 - 1.0 / (1.0 + 0.25 * n_sweeps as f64));
        });
        let evaluate = |levels: &[Units]| -> SimulatedCost {
            simulate(&lanes, &LinkBaseStock { levels: levels.to_vec() }, &plan(N_COST_LANES, 2))
        };
        let best = evaluate(&found.parameters);
        let per_episode = n_periods as f64;
        let forecast = NetworkBaseStock { rule: LevelRule::Newsvendor, units_per_item: 1 };
        let informed = PlainPolicy(|state: &NetworkState| forecast.orders(&network, state, DemandKnowledge::Informed));
        let informed = simulate(&lanes, &informed, &plan(N_COST_LANES, 2));
        let mut figures = vec![
            Figure::new("profit of an episode", -best.mean() * per_episode, "currency"),
            Figure::new("standard error", best.standard_error() * per_episode, "currency"),
        ];
        for (link, level) in network.order_links().zip(&found.parameters) {
            let name = format!("base-stock level of {} -> {}", link.from, link.to);
            figures.push(Figure::new(name, *level as f64, "units"));
        }
        let scaled = |percent: i32| {
            let levels: Vec<Units> = found.parameters.iter().map(|level| level * Units::from(percent) / 100).collect();
            (f64::from(percent), -cost(&levels) * per_episode)
        };
        Ok(Solved {
            problem: format!("a network of {} places and {} order links", nodes.len(), network.n_order_links()),
            method: "pattern search over a base-stock level for each link on the simulator with common random numbers",
            convergence: Some(format!(
                "no level can move by a unit and cost less; {} simulations",
                found.n_evaluations
            )),
            figures,
            policies: vec![PolicyCost::new("newsvendor levels from known means", informed.mean(), best.mean())],
            charts: vec![Chart {
                title: "Profit when all levels are scaled".to_owned(),
                x_label: "levels, % of the best",
                y_label: "profit of an episode",
                curves: vec![("base-stock by link".to_owned(), (10..=30).map(|step| scaled(5 * step)).collect())],
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::problems::{KINDS, solve};

    /// A file without `problem` is a network, and its best levels earn more than the newsvendor's.
    #[test]
    fn a_network_file_needs_no_problem_key() {
        let kind = KINDS.iter().find(|kind| kind.name == "network").unwrap();
        let mut table = kind.example_table();
        table.remove("problem");
        let solved = solve(table).unwrap();
        assert!(solved.policies[0].gap.unwrap() > 0.0, "{:?}", solved.policies);
        assert!(solved.figures[0].value > 0.0, "{:?}", solved.figures);
    }

    #[test]
    fn a_network_that_does_not_fit_says_what_is_wrong() {
        let text = include_str!("network.toml").replace("from = \"roastery\"", "from = \"roaster\"");
        insta::assert_snapshot!(solve(text.parse().unwrap()).unwrap_err(), @r#"link "roaster" -> "depot" names node "roaster", which is not listed under nodes"#);
    }
}
