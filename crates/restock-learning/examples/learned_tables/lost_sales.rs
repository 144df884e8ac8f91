//! Lost sales with lead time: the test bed of Zipkin (2008) up to a lead time of 6, and cyclic demand (Temizöz et al.
//! 2024).

use restock_inventory::environments::LostSales;
use restock_inventory::published::{Known, known};
use restock_learning::relaxed::RelaxedLostSales;
use restock_learning::rollout::RolloutSettings;

use super::{Line, Options, learn_average};

/// Problems of longer lead times have too many states to be evaluated.
const LEAD_TIME_MAX: usize = 6;

/// Rollouts go on top of the network up to this lead time.
const LEAD_TIME_ROLLOUTS: usize = 2;

pub(super) fn zipkin(options: &Options, print: &mut impl FnMut(Line)) {
    let rows = options.rows(known::lost_sales_zipkin()).into_iter();
    rows.filter(|row| row.environment.lead_time() <= LEAD_TIME_MAX).for_each(|row| print(line(options, row)));
}

pub(super) fn cyclic(options: &Options, print: &mut impl FnMut(Line)) {
    options.rows(known::lost_sales_cyclic_demand()).into_iter().for_each(|row| print(line(options, row)));
}

fn line(options: &Options, row: Known<LostSales>) -> Line {
    // At longer lead times there are so many states that each is worth too little to be told apart by rollouts.
    let n_states = if row.environment.lead_time() <= LEAD_TIME_ROLLOUTS { options.rollout.n_states } else { 0 };
    let options = &Options { rollout: RolloutSettings { n_states, ..options.rollout }, ..options.clone() };
    let learned = learn_average(options, &RelaxedLostSales::new(row.environment), &options.settings);
    Line { id: row.id, optimum: row.optimum, learned }
}
