//! Lost sales with lead time: the test bed of Zipkin (2008) up to a lead time of 6, and cyclic demand (Temizöz et al.
//! 2024).

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::LostSales;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::two_moment_fit::TwoMomentFit;
use restock_learning::relaxed::{Relaxed, RelaxedLostSales};
use restock_learning::rollout::RolloutSettings;
use serde::Deserialize;

use super::{Line, Options, average_cost, learn, rows};

/// Optima of longer lead times are not known.
const LEAD_TIME_MAX: usize = 6;

/// Rollouts go on top of the network up to this lead time.
const LEAD_TIME_ROLLOUTS: usize = 2;

#[derive(Deserialize)]
struct Zipkin {
    id: String,
    demand: String,
    mean: f64,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: Option<f64>,
}

pub(super) fn zipkin(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/lost_sales_zipkin.csv");
    for row in rows(table, options, |row: &Zipkin| &row.id) {
        let Some(optimum) = row.opt_cost.filter(|_| row.lead_time <= LEAD_TIME_MAX) else { continue };
        let demand = match row.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(row.mean, 60),
            _ => DiscreteDemand::geometric(row.mean, 250),
        };
        let costs = LostSalesCosts { holding_cost: row.h, stockout_cost: row.p, order_cost: 0.0 };
        let problem = LostSales::new(row.lead_time, costs, vec![demand]);
        print(line(options, row.id, optimum, problem));
    }
}

#[derive(Deserialize)]
struct Cyclic {
    id: String,
    means: String,
    sds: String,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: f64,
}

pub(super) fn cyclic(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/lost_sales_cyclic_demand.csv");
    for row in rows(table, options, |row: &Cyclic| &row.id) {
        let numbers =
            |text: &str| -> Vec<f64> { text.split(' ').map(|number| number.parse().expect("a number")).collect() };
        let moments = numbers(&row.means).into_iter().zip(numbers(&row.sds));
        let demand =
            moments.map(|(mean, sd)| TwoMomentFit::new(mean, sd).expect("moments of a law").demand()).collect();
        let costs = LostSalesCosts { holding_cost: row.h, stockout_cost: row.p, order_cost: 0.0 };
        let problem = LostSales::new(row.lead_time, costs, demand);
        print(line(options, row.id, row.opt_cost, problem));
    }
}

fn line(options: &Options, id: String, optimum: f64, problem: LostSales) -> Line {
    let relaxed = RelaxedLostSales::new(problem);
    // At longer lead times there are so many states that each is worth too little to be told apart by rollouts.
    let n_states = if relaxed.plain().lead_time() <= LEAD_TIME_ROLLOUTS { options.rollout.n_states } else { 0 };
    let options = &Options { rollout: RolloutSettings { n_states, ..options.rollout }, ..options.clone() };
    let learned = learn(options, &relaxed, &options.settings, |policy| average_cost(relaxed.plain(), policy));
    Line { id, optimum, learned }
}
