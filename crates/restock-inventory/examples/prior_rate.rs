//! How many series of the prior a core draws per second, and what they look like.
//!
//! ```text
//! cargo run --release -p restock-inventory --example prior_rate
//! ```
#![allow(clippy::print_stdout)]

use std::time::Instant;

use restock_core::forecast::Observation;
use restock_inventory::retail_simulator::prior::{PriorOptions, draw_group};

fn main() {
    println!("past  series/s/core  zeros  censored  mean of the median series");
    for n_past in [64, 256, 512, 1024] {
        let begin = Instant::now();
        let (mut n_series, mut zeros, mut censored, mut periods) = (0, 0, 0, 0);
        let mut means = Vec::new();
        for group in 0..400 {
            for series in draw_group(&PriorOptions::default(), n_past, 48, 1, group).series {
                n_series += 1;
                periods += n_past;
                zeros += series.sales.iter().filter(|sales| **sales == 0.0).count();
                censored += series.observations.iter().filter(|one| **one == Observation::Censored).count();
                means.push(series.demand.iter().sum::<f32>() / series.demand.len() as f32);
            }
        }
        means.sort_by(f32::total_cmp);
        println!(
            "{n_past:4}  {:13.0}  {:.3}  {:8.3}  {:.2}",
            f64::from(n_series) / begin.elapsed().as_secs_f64(),
            zeros as f64 / periods as f64,
            censored as f64 / periods as f64,
            means[means.len() / 2]
        );
    }
}
