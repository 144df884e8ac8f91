//! What a general network could earn if all demand were known: a linear programme over its horizon, beside the published
//! values of gym-invmgmt's oracle (Barati & Hu 2026), and an upper bound of every policy.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};
use restock_core::environment::Environment;
use restock_inventory::environments::network::{NetworkDescription, UnmetDemand};
use restock_inventory::environments::{Network, WarehouseChain, check_environment};
use restock_inventory::heuristics::network_base_stock::{DemandKnowledge, LevelRule, NetworkBaseStock};

const SERIAL: &str = include_str!("../src/published/gym_invmgmt_serial.toml");
const BASE: &str = include_str!("../src/published/gym_invmgmt_base.toml");
const DEMANDS: &str = include_str!("../src/published/gym_invmgmt_demand.csv");
const PROFITS: &str = include_str!("../src/published/gym_invmgmt_profit.csv");

/// The largest profit with known demand of the one market, orders being fractions. Places ship their opening stock,
/// retailers sell what has arrived; yields of 1 and one item, as in the published networks.
fn perfect_foresight_profit(network: &NetworkDescription, demand: &[f64]) -> f64 {
    let horizon = demand.len();
    let ids: Vec<&str> = network.nodes.iter().map(|node| node.id.as_str()).collect();
    let node_idx = |id: &str| ids.iter().position(|other| *other == id).unwrap();
    let is_market = |id: &str| network.links.iter().all(|link| link.from != id);
    let is_supplier = |id: &str| network.links.iter().all(|link| link.to != id);
    let mut variables = ProblemVariables::new();
    // [n_links][horizon]: units shipped; [n_nodes][horizon]: units left; [horizon]: unmet demand.
    let mut table = |n_rows: usize| -> Vec<Vec<Variable>> {
        (0..n_rows).map(|_| (0..horizon).map(|_| variables.add(variable().min(0.0))).collect()).collect()
    };
    let shipped = table(network.links.len());
    let left = table(network.nodes.len());
    let unmet = table(1).remove(0);
    let mut profit = Expression::from(0.0);
    let mut constraints = Vec::new();
    for t in 0..horizon {
        for (idx, node) in network.nodes.iter().enumerate() {
            if is_market(&node.id) || is_supplier(&node.id) {
                continue;
            }
            let before: Expression = if t == 0 { (node.initial_stock as f64).into() } else { left[idx][t - 1].into() };
            let (mut arrived, mut sent, mut sold) =
                (Expression::from(0.0), Expression::from(0.0), Expression::from(0.0));
            for (link, shipped) in network.links.iter().zip(&shipped) {
                if node_idx(&link.to) == idx && t >= link.lead_time {
                    arrived += shipped[t - link.lead_time];
                }
                if node_idx(&link.from) == idx {
                    if is_market(&link.to) { sold += shipped[t] } else { sent += shipped[t] }
                }
            }
            if let Some(capacity) = node.capacity {
                constraints.push(constraint!(sent.clone() <= capacity as f64));
            }
            constraints.push(constraint!(sent.clone() <= before.clone()));
            constraints.push(constraint!(left[idx][t] == before + arrived - sent.clone() - sold.clone()));
            profit -= node.holding_cost * left[idx][t] + node.operating_cost * (sent + sold);
        }
        for (link, shipped) in network.links.iter().zip(&shipped) {
            if is_market(&link.to) {
                let waiting: Expression = match network.unmet_demand {
                    UnmetDemand::Backorder if t > 0 => unmet[t - 1].into(),
                    _ => 0.0.into(),
                };
                constraints.push(constraint!(unmet[t] == waiting + demand[t] - shipped[t]));
                profit += link.unit_price * shipped[t] - link.stockout_cost * unmet[t];
            } else {
                // Between places the price is paid and received; only what suppliers get is spent.
                if is_supplier(&link.from) {
                    profit -= link.unit_price * shipped[t];
                }
                let n_periods_in_transit = link.lead_time.min(horizon - t) as f64;
                profit -= link.transit_cost * n_periods_in_transit * shipped[t];
            }
        }
    }
    let mut model = variables.maximise(profit.clone()).using(microlp);
    for constraint in constraints {
        model = model.with(constraint);
    }
    model.solve().expect("an optimum").eval(profit)
}

fn series(law: &str) -> Vec<Vec<f64>> {
    let rows = DEMANDS.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[0] == law)
        .map(|row| row[2].split('|').map(|demand| demand.parse().unwrap()).collect())
        .collect()
}

fn description(text: &str, backlog: bool) -> NetworkDescription {
    let mut description = Network::from_toml(text).unwrap().description().clone();
    description.unmet_demand = if backlog { UnmetDemand::Backorder } else { UnmetDemand::Lost };
    description
}

/// The published oracle is the same programme; two decimals of a mean over ten series are printed.
#[test]
fn perfect_foresight_matches_gym_invmgmt() {
    let mut broken = Vec::new();
    for line in PROFITS.lines().skip(1) {
        let row: Vec<&str> = line.split(',').collect();
        let description = description(if row[1] == "serial" { SERIAL } else { BASE }, row[3] == "true");
        let profits: Vec<f64> =
            series(row[2]).iter().map(|demand| perfect_foresight_profit(&description, demand)).collect();
        assert_eq!(profits.len(), 10);
        let (ours, published) = (profits.iter().sum::<f64>() / 10.0, row[4].parse::<f64>().unwrap());
        if (ours - published).abs() > 0.005 + 1e-4 {
            broken.push(format!("{}: {ours}, published {published}", row[0]));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// No policy earns more than perfect foresight, in the divergent network with lost sales.
#[test]
fn no_policy_beats_perfect_foresight() {
    let description = description(BASE, false);
    let network = Network::new(description.clone()).unwrap();
    for demand in series("stationary").iter().take(3) {
        let bound = perfect_foresight_profit(&description, demand);
        for rule in [LevelRule::Newsvendor, LevelRule::ReorderPoint { service_level: 0.9 }] {
            let policy = NetworkBaseStock { rule, units_per_item: 1 };
            let mut state = network.initial_state();
            let mut cost = 0.0;
            for demand in demand {
                let orders = policy.orders(&network, &state, DemandKnowledge::Informed);
                cost += network.step(&mut state, &orders, &vec![*demand as i64]).cost;
            }
            assert!(-cost <= bound + 1e-6, "{rule:?} earns {}, perfect foresight {bound}", -cost);
        }
    }
}

/// The networks and the chain of warehouses that are shipped as examples can be read.
#[test]
fn examples_are_networks() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/networks");
    let mut n_read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("[[warehouses]]") {
            let chain = WarehouseChain::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            check_environment(&chain, 1, 1_000).unwrap();
            n_read += 1;
            continue;
        }
        let network = if path.extension().is_some_and(|extension| extension == "yaml") {
            Network::from_yaml(&text)
        } else {
            Network::from_toml(&text)
        };
        let network = network.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check_environment(&network, 1, 1_000).unwrap();
        n_read += 1;
    }
    assert!(n_read >= 4);
}
