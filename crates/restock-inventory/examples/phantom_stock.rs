//! Unknown stock-outs in simulated stores with wrong records: how many of them the first part of a count list finds.
//!
//! ```console
//! cargo run --release -p restock-inventory --example phantom_stock -- 101 110
//! ```
//! Seeds from 101 on are those of the table in the documentation, those below were for development.

#![allow(clippy::print_stdout)]

use restock_inventory::stock_belief::trial::{Rule, Trial};

fn main() {
    let seed = |n: usize, default: u64| std::env::args().nth(n).map_or(default, |text| text.parse().expect("a seed"));
    let (first, last) = (seed(1, 101), seed(2, 110));
    println!("seed  records  wrong   empty  | first 5 % of the list: times as many as at random");
    println!("      in all    (%)     (%)   | {}", Rule::ALL.map(|rule| format!("{:>16}", rule.name())).join(" "));
    let mut sums = vec![Vec::new(); Rule::ALL.len()];
    for seed in first..=last {
        let trial = Trial::of(seed);
        let lifts = Rule::ALL.map(|rule| trial.lift(rule, 0.05));
        println!(
            "{seed:>4} {:>8} {:>7.1} {:>7.2}  | {}",
            trial.n_records(),
            100.0 * trial.share_wrong(),
            100.0 * trial.share_empty(),
            lifts.map(|lift| format!("{lift:>16.2}")).join(" ")
        );
        sums.iter_mut().zip(lifts).for_each(|(sum, lift)| sum.push(lift));
    }
    let cells = sums.iter().map(|lifts| {
        let n = lifts.len() as f64;
        let mean = lifts.iter().sum::<f64>() / n;
        let variance = lifts.iter().map(|lift| (lift - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        format!("{:>16}", format!("{mean:.2} ± {:.2}", 2.0 * (variance / n).sqrt()))
    });
    println!("mean, two standard errors     | {}", cells.collect::<Vec<_>>().join(" "));
}
