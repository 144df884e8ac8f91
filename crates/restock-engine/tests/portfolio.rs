//! A generated chain as a decision problem.

use restock_core::environment::Environment;
use restock_core::settings::PlanSettings;
use restock_engine::portfolio::{DemandSource, PortfolioItems, PortfolioOptions, portfolio_items};
use restock_inventory::environments::portfolio::demand::Augmentation;
use restock_inventory::environments::{Portfolio, check_environment};
use restock_inventory::retail_simulator::{ChainConfig, chain};
use restock_inventory::rules::violations;

fn items(source: DemandSource, n_items_max: usize) -> PortfolioItems {
    let dataset = chain(&ChainConfig { n_items: 12, n_stores: 2, n_days: 400, ..ChainConfig::example_shop() }, 5);
    let options = PortfolioOptions { source, n_days: 56, n_paths: 24, n_believed: 64, n_items_max };
    let forecaster = restock_forecast::forecaster("ses").expect("a forecaster");
    let settings = PlanSettings::default();
    portfolio_items(&dataset, &settings, forecaster.as_ref(), &options, &|_, _| {})
}

fn mean_demand(items: &PortfolioItems) -> f64 {
    let units: i64 = items.items.iter().flat_map(|item| item.path(0).iter().chain(item.path(7))).sum();
    units as f64 / 112.0
}

const SOURCES: [DemandSource; 3] =
    [DemandSource::Forecast, DemandSource::History(Augmentation::NONE), DemandSource::Simulator];

/// Whatever demand comes from, items are environments under the rules of the plan, with nearly the same demand.
#[test]
fn every_source_of_demand_makes_an_environment() {
    let of_forecast = mean_demand(&items(SOURCES[0], 1_000));
    for source in SOURCES {
        let found = items(source, 1_000);
        assert!(found.items.len() > 20, "{} items", found.items.len());
        let demand = mean_demand(&found);
        assert!(
            (demand / of_forecast - 1.0).abs() < 0.25,
            "{source:?}: {demand} a day, the forecast has {of_forecast}"
        );
        let mut n_packed = 0;
        for item in &found.items {
            let portfolio = Portfolio::new(vec![item.clone()]);
            check_environment(&portfolio, 3, 20).unwrap();
            let state = portfolio.initial_state();
            let ordered = portfolio.ruled(&state, 37);
            assert_eq!(violations(ordered, &portfolio.review(&state)), [], "{}", item.name());
            n_packed += usize::from(portfolio.review(&state).rules.order_multiple > 1);
        }
        assert!(n_packed > 5, "{n_packed} items come in packs");
    }
}

#[test]
fn the_most_valuable_items_come_first_and_the_rest_is_counted() {
    let (all, some) = (items(DemandSource::Forecast, 1_000), items(DemandSource::Forecast, 7));
    assert_eq!((some.items.len(), some.n_left_out), (7, all.items.len() - 7));
    for (one, other) in all.items.iter().zip(&some.items) {
        assert_eq!((one.name(), one.path(3)), (other.name(), other.path(3)), "more items change nothing");
    }
}
