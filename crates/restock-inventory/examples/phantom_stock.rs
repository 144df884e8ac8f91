//! Unknown stock-outs in simulated stores with wrong records: how many of them the first part of a count list finds.
//!
//! ```console
//! cargo run --release -p restock-inventory --example phantom_stock -- 101 110
//! ```
//! Seeds from 101 on are those of the table in the documentation, those below were for development. The second table is
//! how far the probabilities can be believed; the threshold of findings was chosen by that of seeds 1 to 20.

#![allow(clippy::print_stdout)]

use restock_inventory::stock_belief::trial::{Rule, Trial};

fn main() {
    let seed = |n: usize, default: u64| std::env::args().nth(n).map_or(default, |text| text.parse().expect("a seed"));
    let (first, last) = (seed(1, 101), seed(2, 110));
    println!("seed  records  wrong   empty  | first 5 % of the list: times as many as at random");
    println!("      in all    (%)     (%)   | {}", Rule::ALL.map(|rule| format!("{:>16}", rule.name())).join(" "));
    let mut sums = vec![Vec::new(); Rule::ALL.len()];
    let mut chances: Vec<(f64, bool)> = Vec::new();
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
        chances.extend(trial.chances());
        sums.iter_mut().zip(lifts).for_each(|(sum, lift)| sum.push(lift));
    }
    let cells = sums.iter().map(|lifts| {
        let n = lifts.len() as f64;
        let mean = lifts.iter().sum::<f64>() / n;
        let variance = lifts.iter().map(|lift| (lift - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        format!("{:>16}", format!("{mean:.2} ± {:.2}", 2.0 * (variance / n).sqrt()))
    });
    println!("mean, two standard errors     | {}", cells.collect::<Vec<_>>().join(" "));

    println!("\nprobability of an empty shelf   records   believed (%)   truly empty (%)");
    let print = |label: String, within: &dyn Fn(f64) -> bool| {
        let bin: Vec<&(f64, bool)> = chances.iter().filter(|(chance, _)| within(*chance)).collect();
        let percent = |sum: f64| 100.0 * sum / bin.len().max(1) as f64;
        let believed = percent(bin.iter().map(|(chance, _)| chance).sum());
        let empty = percent(bin.iter().filter(|(_, is_empty)| *is_empty).count() as f64);
        println!("{label:<29} {:>9} {believed:>14.1} {empty:>17.1}", bin.len());
    };
    const EDGES: [f64; 12] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01];
    for edges in EDGES.windows(2) {
        print(format!("{:.2} to {:.2}", edges[0], edges[1].min(1.0)), &|chance| (edges[0]..edges[1]).contains(&chance));
    }
    for least in [0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8] {
        print(format!("at least {least:.2}"), &|chance| chance >= least);
    }
}
