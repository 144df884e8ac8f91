//! The tutorial problem, solved exactly and played for ten periods.
//!
//! ```console
//! cargo run --release -p restock-inventory --example worked_example
//! ```
#![allow(clippy::print_stdout)]

use restock_core::environment::Environment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::worked_example::{DISCOUNT_FACTOR, WorkedExample};
use restock_inventory::exact::{Criterion, Settings, solve};

fn main() {
    let environment = WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90));
    let criterion = Criterion::Discounted { discount_factor: DISCOUNT_FACTOR };
    let solution = solve(&environment, criterion, &Settings { tolerance: 1e-9, ..Settings::default() });
    println!("One item, 100 units in stock, Poisson(30) demand a period, stock costs 0.01·S², a lost sale costs 5.");
    println!(
        "The optimal expected discounted cost from 100 units is {:.4}; from an empty shelf {:.4}.",
        solution.values[100], solution.values[0]
    );
    println!("The optimal policy orders up to {} units whenever fewer are in stock.", solution.actions[0]);
    println!();
    // Ten fixed demands that a Poisson(30) could give, so that the table is the same on every run.
    let demands = [30, 24, 37, 31, 28, 35, 22, 41, 29, 33];
    println!("period  stock  order  demand  sold  lost    cost  discounted");
    let (mut stock, mut total, mut factor) = (environment.initial_state(), 0.0, 1.0);
    for (period, demand) in demands.into_iter().enumerate() {
        let start = stock;
        let order_quantity = solution.actions[start as usize];
        let outcome = environment.step(&mut stock, &order_quantity, &demand);
        total += factor * outcome.cost;
        factor *= DISCOUNT_FACTOR;
        println!(
            "{period:>6}  {start:>5}  {order_quantity:>5}  {demand:>6}  {:>4}  {:>4}  {:>6.2}  {total:>10.4}",
            outcome.sold, outcome.lost, outcome.cost
        );
    }
}
