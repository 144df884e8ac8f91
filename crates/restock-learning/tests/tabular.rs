//! Tabular learners on the tutorial and on small lost-sales problems.

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::lost_sales::{LostSales, LostSalesCosts};
use restock_inventory::environments::worked_example::{DISCOUNT_FACTOR, WorkedExample};
use restock_inventory::exact::Criterion;
use restock_learning::grade::grade_exactly;
use restock_learning::q_learning::{Config, QLearning};
use restock_learning::sarsa::Sarsa;
use restock_learning::training::{Learner, Limits, Seconds, Task, Training, Verdict};

const TUTORIAL: Criterion = Criterion::Discounted { discount_factor: DISCOUNT_FACTOR };

fn tutorial() -> WorkedExample {
    WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90))
}

fn no_clock() -> Seconds {
    Seconds::default()
}

/// Prints gaps to look at: run with `--nocapture`.
#[test]
fn look() {
    let environment = tutorial();
    for seed in 1..=3 {
        for which in ["q", "s"] {
            let begin = std::time::Instant::now();
            let task = Task { environment: &environment, criterion: TUTORIAL, seed };
            let learner: Box<dyn Learner> = match which {
                "q" => Box::new(QLearning::new(task, Config::default())),
                _ => Box::new(Sarsa::new(task, Sarsa::<WorkedExample>::usual_config())),
            };
            let mut training = Training::new(task, "x", learner);
            let verdict = training.run(&Limits { n_epochs: 60, ..Limits::default() }, &no_clock, &mut |_, _| ());
            let grade = grade_exactly(&environment, TUTORIAL, &training.best().unwrap().policy);
            eprintln!("{which} {seed} {:?} {verdict} {:.2} s", grade.gap, begin.elapsed().as_secs_f64());
        }
    }
    for lead_time in 1..=4 {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
        let environment = LostSales::new(lead_time, costs, vec![DiscreteDemand::poisson(5.0, 60)]);
        for which in ["q", "s"] {
            let begin = std::time::Instant::now();
            let task = Task { environment: &environment, criterion: Criterion::Average, seed: 1 };
            let learner: Box<dyn Learner> = match which {
                "q" => Box::new(QLearning::new(task, Config::default())),
                _ => Box::new(Sarsa::new(task, Sarsa::<LostSales>::usual_config())),
            };
            let mut training = Training::new(task, "x", learner);
            let verdict = training.run(&Limits { n_epochs: 150, ..Limits::default() }, &no_clock, &mut |_, _| ());
            let grade = grade_exactly(&environment, Criterion::Average, &training.best().unwrap().policy);
            eprintln!("L{lead_time} {which} {:?} {verdict} {:.2} s", grade.gap, begin.elapsed().as_secs_f64());
        }
    }
    let _ = Verdict::OutOfEpochs { n_epochs: 1, n_validations: 1, fell: 0.0 };
}
