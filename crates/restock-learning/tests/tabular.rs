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
    let which = std::env::var("LOOK").unwrap_or_default();
    let lead_times = std::env::var("LT").unwrap_or("2,4".into());
    let n_epochs = std::env::var("EPOCHS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    for lead_time in lead_times.split(',').map(|l| l.parse::<usize>().unwrap()) {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
        let environment = LostSales::new(lead_time, costs, vec![DiscreteDemand::poisson(5.0, 60)]);
        for which in which.split(',') {
            let begin = std::time::Instant::now();
            let task = Task { environment: &environment, criterion: Criterion::Average, seed: 1 };
            let learner: Box<dyn Learner> = match which {
                "q" => Box::new(QLearning::new(task, Config::default())),
                "s" => Box::new(Sarsa::new(task, Sarsa::<LostSales>::usual_config())),
                "dqn" => Box::new(restock_learning::dqn::Dqn::new(task, Default::default())),
                "ppo" => Box::new(restock_learning::ppo::Ppo::new(
                    task,
                    restock_learning::ppo::Config::new(restock_learning::rollout::ActionLaw::Categorical),
                )),
                "ppog" => Box::new(restock_learning::ppo::Ppo::new(
                    task,
                    restock_learning::ppo::Config::new(restock_learning::rollout::ActionLaw::SquashedGaussian),
                )),
                "r" => Box::new(restock_learning::reinforce::Reinforce::new(
                    task,
                    restock_learning::reinforce::Config::new(restock_learning::rollout::ActionLaw::Categorical),
                )),
                "dcl" => Box::new(restock_learning::controlled::ControlledLearning::new(task, Default::default())),
                _ => return,
            };
            let mut training = Training::new(task, "x", learner);
            let verdict = training.run(&Limits { n_epochs, ..Limits::default() }, &no_clock, &mut |t, p| {
                if p.n_epochs % 5 == 0 || which == "dcl" {
                    eprintln!(
                        "{} {:.4} {:.4} best {:.4} {:.1}",
                        p.n_epochs,
                        p.training_cost,
                        p.validation_cost,
                        t.best().unwrap().validation_cost,
                        begin.elapsed().as_secs_f64()
                    );
                }
            });
            let grade = grade_exactly(&environment, Criterion::Average, &training.best().unwrap().policy);
            eprintln!("L{lead_time} {which} {:?} {verdict} {:.2} s", grade.gap, begin.elapsed().as_secs_f64());
        }
    }
    let _ = (TUTORIAL, tutorial(), Verdict::OutOfEpochs { n_epochs: 1, n_validations: 1, fell: 0.0 });
}
