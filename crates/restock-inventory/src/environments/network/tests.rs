use super::*;
use crate::environments::check_environment;

const SERIAL: &str = include_str!("../../published/gym_invmgmt_serial.toml");
const DIVERGENT: &str = include_str!("../../published/gym_invmgmt_base.toml");

const ASSEMBLY: &str = include_str!("assembly.yaml");

fn assembly(ships: &str, unmet_demand: &str) -> Network {
    let text = ASSEMBLY.replace("ships: opening_stock", &format!("ships: {ships}"));
    Network::from_yaml(&text.replace("unmet_demand: backorder", &format!("unmet_demand: {unmet_demand}"))).unwrap()
}

#[test]
fn is_an_environment() {
    for network in [Network::from_toml(SERIAL).unwrap(), Network::from_toml(DIVERGENT).unwrap()] {
        check_environment(&network, 5, 5_000).unwrap();
    }
    for ships in ["opening_stock", "after_receipts"] {
        for unmet_demand in ["backorder", "lost"] {
            check_environment(&assembly(ships, unmet_demand), 5, 5_000).unwrap();
        }
    }
}

/// The first two periods of the serial network, computed by hand from the numbered events.
#[test]
fn events_happen_in_their_order() {
    let network = Network::from_toml(SERIAL).unwrap();
    let mut state = network.initial_state();
    // Orders: distributor -> retailer 30, factory -> distributor 150 (capacity 100), supplier -> factory 10 (at once).
    let outcome = network.step(&mut state, &vec![30, 150, 10], &vec![120]);
    assert_eq!((outcome.demand, outcome.sold, outcome.lost, outcome.received), (120, 100, 20, 10));
    assert_eq!(["retailer", "distributor", "factory"].map(|id| network.on_hand(&state, id)), [0, 70, 110]);
    assert_eq!([0, 1].map(|idx| network.in_transit(&state, idx)), [30, 100]);
    let revenue = 2.0 * 100.0;
    let bought = 0.5 * 10.0;
    let holding = 0.03 * 0.0 + 0.02 * 70.0 + 0.01 * 110.0;
    let transit = 0.010 * 30.0 + 0.005 * 100.0;
    let profit = revenue - bought - 0.010 * 100.0 - holding - transit - 0.1 * 20.0;
    assert!((outcome.cost + profit).abs() < 1e-9, "{outcome:?}, profit {profit}");
    let outcome = network.step(&mut state, &vec![0, 0, 0], &vec![5]);
    assert_eq!((outcome.sold, outcome.lost, outcome.issued_late), (0, 5, 0));
    assert_eq!(state.backorders, [25]);
}

#[test]
fn goodwill_follows_service() {
    let network = assembly("opening_stock", "lost");
    let mut state = network.initial_state();
    network.step(&mut state, &vec![0, 0, 0], &vec![5, 0]);
    assert!((state.sentiment - 1.01).abs() < 1e-12);
    network.step(&mut state, &vec![0, 0, 0], &vec![1, 0]);
    assert!((state.sentiment - 1.01 * 0.9).abs() < 1e-12);
    assert!((network.mean_demand(0, 5, 0.5) - 4.0 * 1.25 * 2.0 * 0.5).abs() < 1e-12, "shock and trend, season at 0");
}

#[test]
fn mistakes_are_refused() {
    let error = |from: &str, to: &str| Network::from_toml(&SERIAL.replacen(from, to, 1)).unwrap_err();
    insta::assert_snapshot!(error("id = \"factory\"", "id = \"distributor\""), @r#"line 19: node "distributor" is listed twice, ids must be unique"#);
    insta::assert_snapshot!(error("from = \"factory\"", "from = \"plant\""), @r#"line 43: link "plant" -> "distributor" names node "plant", which is not listed under nodes"#);
    insta::assert_snapshot!(error("from = \"supplier\"", "from = \"retailer\""), @r#"line 14: node "distributor" is on a cycle of links, a supply network must be acyclic"#);
    insta::assert_snapshot!(error("holding_cost = 0.030", "holding_cost = -1"), @r#"line 12: holding_cost of node "retailer" is -1, must be at least 0"#);
    insta::assert_snapshot!(error("capacity = 100", "capacity = 100\nyield_share = 1.2"), @r#"line 23: yield_share of node "factory" is 1.2, must be above 0 and at most 1"#);
    insta::assert_snapshot!(error("demand = { law = \"poisson\", mean = 20 }", ""), @r#"line 29: link "retailer" -> "market" leads to a market and needs a demand"#);
    insta::assert_snapshot!(error("transit_cost = 0.010", "transit_cost = 0.010\nstockout_cost = 1"), @r#"line 36: link "distributor" -> "retailer" has a stock-out cost, which only links to markets have"#);
    insta::assert_snapshot!(error("capacity = 100", "capacity = 100\ncomponents = { steel = 2 }"), @r#"line 19: the components of node "factory" must be its suppliers, ["supplier"]"#);
    assert!(error("horizon", "horizons").to_string().starts_with("the network is not valid TOML: "));
    assert!(Network::from_yaml("nodes: 3").unwrap_err().to_string().starts_with("the network is not valid YAML: "));
    let in_yaml = |from: &str, to: &str| Network::from_yaml(&ASSEMBLY.replacen(from, to, 1)).unwrap_err();
    insta::assert_snapshot!(in_yaml("operating_cost: 2", "operating_cost: -2"), @r#"line 14: operating_cost of node "workshop" is -2, must be at least 0"#);
    insta::assert_snapshot!(in_yaml("from: workshop", "from: garage"), @r#"line 22: link "garage" -> "shop" names node "garage", which is not listed under nodes"#);
}
