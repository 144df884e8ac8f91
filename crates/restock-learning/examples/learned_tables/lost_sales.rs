//! Lost sales with lead time, the test bed of Zipkin (2008) up to a lead time of 6.

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::{LostSales, LostSalesState};
use restock_inventory::exact::{PolicyChain, Settings};
use restock_learning::pathwise::{PathwiseSettings, Training};
use restock_learning::policy::NetworkPolicy;
use restock_learning::relaxed::RelaxedLostSales;
use serde::Deserialize;

use super::{Line, Options, cpu_seconds, rows};

#[derive(Deserialize)]
struct Row {
    id: String,
    demand: String,
    mean: f64,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: Option<f64>,
}

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/lost_sales_zipkin.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let Some(optimum) = row.opt_cost.filter(|_| row.lead_time <= 6) else { continue };
        let demand = match row.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(row.mean, 60),
            _ => DiscreteDemand::geometric(row.mean, 250),
        };
        let costs = LostSalesCosts { holding_cost: row.h, stockout_cost: row.p, order_cost: 0.0 };
        let relaxed = RelaxedLostSales::new(LostSales::new(row.lead_time, costs, vec![demand]));
        let learned = (1..=options.n_seeds).map(|seed| learn(&relaxed, &options.settings, seed)).collect();
        print(Line { id: row.id, published: optimum, optimum, learned });
    }
}

/// Cost and CPU seconds of a policy.
pub(super) fn learn(relaxed: &RelaxedLostSales, settings: &PathwiseSettings, seed: u64) -> (f64, f64) {
    let begin = cpu_seconds();
    let mut training = Training::new(relaxed, PathwiseSettings { seed, ..settings.clone() });
    training.run(relaxed, settings.schedule.n_steps, |_| {});
    let policy = training.policy(relaxed);
    let seconds = cpu_seconds() - begin;
    (average_cost(relaxed, &policy), seconds)
}

fn average_cost(relaxed: &RelaxedLostSales, policy: &NetworkPolicy) -> f64 {
    use restock_learning::relaxed::Relaxed;
    let chain = PolicyChain::new(relaxed.plain(), |state: &LostSalesState| policy.action(relaxed, state));
    if std::env::var_os("VERBOSE").is_some() {
        println!("{} states", chain.states().len());
    }
    chain.average_cost(&Settings::default()).average_cost.expect("an average cost")
}
