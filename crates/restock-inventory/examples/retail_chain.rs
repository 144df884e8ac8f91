//! Simulates a retail chain and prints what came out and how fast.
//!
//! ```console
//! cargo run --release -p restock-inventory --example retail_chain -- 100000
//! ```

#![allow(clippy::print_stdout)]

use std::time::Instant;

use restock_inventory::retail_simulator::{ChainConfig, chain, for_each_item};

fn main() {
    let n_item_locations =
        std::env::args().nth(1).map_or(10_000, |text| text.parse().expect("a number of item-locations"));
    let config = ChainConfig::with_item_locations(n_item_locations);

    let begin = Instant::now();
    let (mut n_series, mut n_days, mut demand, mut sold, mut expired, mut n_short) = (0, 0, 0, 0, 0, 0);
    for_each_item(&config, 42, |history| {
        for series in &history.stores {
            n_series += 1;
            n_days += series.demand.len();
            demand += series.demand.iter().sum::<i64>();
            sold += series.sold.iter().sum::<i64>();
            expired += series.expired.iter().sum::<i64>();
            n_short += series.demand.iter().zip(&series.sold).filter(|(demand, sold)| demand > sold).count();
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{n_series} item-locations, {n_days} days in {seconds:.2} s: {:.0} item-locations/s",
        n_series as f64 / seconds
    );
    println!(
        "demand per day {:.2}, fill rate {:.3}, days with unmet demand {:.1} %, expired {:.1} % of sales",
        demand as f64 / n_days as f64,
        sold as f64 / demand as f64,
        100.0 * n_short as f64 / n_days as f64,
        100.0 * expired as f64 / sold as f64
    );

    let begin = Instant::now();
    let dataset = chain(&config, 42);
    println!(
        "as tables in {:.2} s: {} sales, {} receipts, {} lanes, {} inventory rows, {} stock-outs, {} promotions",
        begin.elapsed().as_secs_f64(),
        dataset.sales.len(),
        dataset.receipts.len(),
        dataset.sources.len(),
        dataset.inventory.len(),
        dataset.stockouts.len(),
        dataset.promotions.len()
    );
}
