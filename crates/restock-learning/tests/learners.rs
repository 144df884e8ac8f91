//! Every learner on small problems whose optimum is known, interrupted and resumed, and on several threads.

use restock_core::environment::FiniteEnvironment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::lost_sales::{LostSales, LostSalesCosts};
use restock_inventory::environments::worked_example::{DISCOUNT_FACTOR, WorkedExample};
use restock_inventory::exact::Criterion;
use restock_learning::action_law::ActionLaw;
use restock_learning::controlled::{self, ControlledLearning};
use restock_learning::differentiable::{self, Differentiable};
use restock_learning::dqn::{self, Dqn};
use restock_learning::grade::grade_exactly;
use restock_learning::ppo::{self, Ppo};
use restock_learning::q_learning::{self, QLearning};
use restock_learning::reinforce::{self, Reinforce};
use restock_learning::relaxed::RelaxedLostSales;
use restock_learning::sarsa::Sarsa;
use restock_learning::training::{Checkpoint, Learner, Limits, Seconds, Task, Training};
use restock_learning::{LearnedPolicy, Observed};

const TUTORIAL: Criterion = Criterion::Discounted { discount_factor: DISCOUNT_FACTOR };

fn tutorial() -> WorkedExample {
    WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90))
}

/// Zipkin (2008): Poisson(5) demand, h = 1, p = 4.
fn lost_sales(lead_time: usize) -> LostSales {
    let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
    LostSales::new(lead_time, costs, vec![DiscreteDemand::poisson(5.0, 60)])
}

fn no_clock() -> Seconds {
    Seconds::default()
}

fn limits(n_epochs: u64) -> Limits {
    Limits { n_epochs, ..Limits::default() }
}

/// The gap of what is learned in some epochs.
fn gap<E: Observed + FiniteEnvironment>(task: Task<'_, E>, learner: Box<dyn Learner + '_>, n_epochs: u64) -> f64 {
    let mut training = Training::new(task, "a problem", learner);
    training.run(&limits(n_epochs), &no_clock, &mut |_, _| ());
    let policy = &training.best().unwrap().policy;
    let gap = grade_exactly(task.environment, task.criterion, policy).gap.unwrap();
    assert!(gap > -1e-6, "{gap}: better than the optimum");
    gap
}

/// Q-learning and SARSA are to be within 1 % of V*(100) at p = 5, whatever the seed.
#[test]
fn tables_learn_the_tutorial_within_one_percent() {
    let environment = tutorial();
    for seed in 1..=3 {
        let task = Task { environment: &environment, criterion: TUTORIAL, seed };
        let q_learning = gap(task, Box::new(QLearning::new(task, q_learning::Config::default())), 40);
        assert!(q_learning < 0.01, "Q-learning, seed {seed}: {q_learning}");
        let sarsa = gap(task, Box::new(Sarsa::new(task, Sarsa::<WorkedExample>::usual_config())), 40);
        assert!(sarsa < 0.01, "SARSA, seed {seed}: {sarsa}");
    }
}

/// The measure is 3 % up to a lead time of 4; here two periods and a fraction of the usual training.
#[test]
fn networks_learn_lost_sales_within_three_percent() {
    let environment = lost_sales(2);
    let task = Task { environment: &environment, criterion: Criterion::Average, seed: 1 };
    let categorical = ActionLaw::Categorical;
    let learners: [(&str, Box<dyn Learner + '_>, u64); 5] = [
        ("dqn", Box::new(Dqn::new(task, dqn::Config::default())), 6),
        ("ppo", Box::new(Ppo::new(task, ppo::Config::new(categorical))), 8),
        ("ppo, Gaussian", Box::new(Ppo::new(task, ppo::Config::new(ActionLaw::SquashedGaussian))), 15),
        ("reinforce", Box::new(Reinforce::new(task, reinforce::Config::new(categorical))), 6),
        (
            "pathwise",
            Box::new(Differentiable::new(
                task,
                RelaxedLostSales::new(environment.clone()),
                differentiable::Config { n_steps: 100, n_all_steps: 600, ..Default::default() },
            )),
            6,
        ),
    ];
    for (name, learner, n_epochs) in learners {
        let gap = gap(task, learner, n_epochs);
        assert!(gap < 0.03, "{name}: {gap}");
    }
    // The published gap of controlled learning is 0.008 % with 5,000 states and 1,000 scenarios.
    let config = controlled::Config { n_samples: 1_000, n_scenarios: 100, ..controlled::Config::default() };
    let gap = gap(task, Box::new(ControlledLearning::new(task, config)), 2);
    assert!(gap < 0.01, "controlled: {gap}");
}

/// A problem that is discounted is discounted once: rollouts and a network come near its optimum as well. PPO does not:
/// it loses 3 to 6 % here, see `ppo.rs`.
#[test]
fn a_network_learns_a_discounted_problem() {
    let environment = tutorial();
    let task = Task { environment: &environment, criterion: TUTORIAL, seed: 2 };
    let config = controlled::Config { n_samples: 300, n_scenarios: 60, ..controlled::Config::default() };
    let controlled = gap(task, Box::new(ControlledLearning::new(task, config)), 2);
    assert!(controlled < 0.01, "{controlled}");
}

type Make = for<'a> fn(Task<'a, LostSales>) -> Box<dyn Learner + 'a>;

/// Every learner, small enough for a test.
const SMALL: &[Make] = &[
    |task| Box::new(QLearning::new(task, q_learning::Config { n_periods: 300, ..q_learning::Config::default() })),
    |task| Box::new(Sarsa::new(task, q_learning::Config { n_periods: 300, ..q_learning::Config::default() })),
    |task| Box::new(Dqn::new(task, dqn::Config { n_periods: 60, n_remembered: 2_000, ..dqn::Config::default() })),
    |task| {
        let config = ppo::Config { n_iterations: 2, ..ppo::Config::new(ActionLaw::Categorical) };
        Box::new(Ppo::new(task, config))
    },
    |task| {
        let config = ppo::Config { n_iterations: 2, ..ppo::Config::new(ActionLaw::SquashedGaussian) };
        Box::new(Ppo::new(task, config))
    },
    |task| {
        let config = reinforce::Config { n_updates: 3, ..reinforce::Config::new(ActionLaw::Categorical) };
        Box::new(Reinforce::new(task, config))
    },
    |task| {
        let config = controlled::Config { n_samples: 60, n_scenarios: 5, ..controlled::Config::default() };
        Box::new(ControlledLearning::new(task, config))
    },
    |task| {
        let config = differentiable::Config { n_steps: 5, n_all_steps: 20, ..Default::default() };
        Box::new(Differentiable::new(task, RelaxedLostSales::new(task.environment.clone()), config))
    },
];

/// Training without the seconds, which are no part of a result.
fn timeless(mut checkpoint: Checkpoint) -> Checkpoint {
    checkpoint.curve.iter_mut().for_each(|point| point.cpu_seconds = 0.0);
    checkpoint
}

/// Written after two epochs, read by another process and gone on with: the same numbers to the last bit, on another
/// number of threads.
#[test]
fn interrupted_training_gives_the_same_numbers_on_any_number_of_threads() {
    let environment = lost_sales(2);
    let task = Task { environment: &environment, criterion: Criterion::Average, seed: 5 };
    for make in SMALL {
        let mut whole = Training::new(task, "a problem", make(task));
        let name = make(task).name();
        whole.run(&limits(4), &no_clock, &mut |_, _| ());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let resumed = pool.install(|| {
            let mut first = Training::new(task, "a problem", make(task));
            first.run(&limits(2), &no_clock, &mut |_, _| ());
            let file = serde_json::to_string(&first.checkpoint()).unwrap();
            let mut second = Training::new(task, "a problem", make(task));
            second.resume(serde_json::from_str(&file).unwrap()).unwrap();
            second.run(&limits(4), &no_clock, &mut |_, _| ());
            second.checkpoint()
        });
        assert_eq!(whole.curve().len(), 4);
        let whole = timeless(whole.checkpoint());
        let resumed = timeless(resumed);
        assert_eq!(whole.curve, resumed.curve, "{name}");
        assert!(whole == resumed, "{name}: the state differs");
        // Another seed is another training.
        let other_task = Task { seed: 6, ..task };
        let mut other = Training::new(other_task, "a problem", make(other_task));
        other.run(&limits(1), &no_clock, &mut |_, _| ());
        assert_ne!(other.curve()[0].training_cost, whole.curve[0].training_cost, "{name}");
    }
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let environment = lost_sales(1);
    let task = Task { environment: &environment, criterion: Criterion::Average, seed: 5 };
    let mut training = Training::new(task, "a problem", SMALL[0](task));
    training.run(&limits(1), &no_clock, &mut |_, _| ());
    let refused = |task, problem: &str, make: Make| {
        let mut other = Training::new(task, problem, make(task));
        other.resume(training.checkpoint()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(task, "another problem", SMALL[0]), @"problem of the checkpoint is a problem, must be another problem");
    insta::assert_snapshot!(refused(task, "a problem", SMALL[1]), @"algorithm of the checkpoint is q-learning, must be sarsa");
    insta::assert_snapshot!(refused(Task { seed: 6, ..task }, "a problem", SMALL[0]), @"seed of the checkpoint is 5, must be 6");
}

/// What users are told at the end of training.
#[test]
fn verdicts_say_why_training_ended() {
    let environment = lost_sales(1);
    let task = Task { environment: &environment, criterion: Criterion::Average, seed: 1 };
    let run = |limits: &Limits, seconds: f64| {
        let mut training = Training::new(task, "a problem", SMALL[0](task));
        let clock = || Seconds { wall: seconds, cpu: seconds };
        let verdict = training.run(limits, &clock, &mut |_, _| ());
        (verdict.to_string(), verdict.converged(), training.curve().len())
    };
    let usual = Limits { patience: 3, tolerance: 0.5, ..Limits::default() };
    let (said, converged, n_epochs) = run(&usual, 1.0);
    assert!(converged && n_epochs == 4, "{said}");
    assert!(said.starts_with("converged: over the last 3 validations the cost fell by "), "{said}");
    let (said, converged, n_epochs) = run(&Limits { seconds: 2.0, tolerance: 0.0, ..usual }, 2.0);
    assert!(!converged && n_epochs == 1, "one epoch is always done: {said}");
    insta::assert_snapshot!(said, @"stopped: the budget of 2 s is spent, there is one validation only");
    let (said, converged, n_epochs) = run(&Limits { n_epochs: 2, ..usual }, 1.0);
    assert!(!converged && n_epochs == 2, "{said}");
    assert!(said.starts_with("stopped: epoch 2 was the last one asked for, over the last 2 validations"), "{said}");
}

/// A policy in a file plays as the one in memory, and a table of a network as the network.
#[test]
fn policies_survive_a_file_and_tabulation() {
    let environment = lost_sales(2);
    let task = Task { environment: &environment, criterion: Criterion::Average, seed: 3 };
    for make in &SMALL[2..7] {
        let mut learner = make(task);
        learner.epoch(0);
        let policy = learner.policy();
        let read: LearnedPolicy = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
        assert_eq!(read, policy);
        let table = policy.tabulated(&environment);
        for number in (0..environment.n_states()).step_by(7) {
            let state = environment.state(number);
            assert_eq!(
                table.act(&environment, &state),
                policy.act(&environment, &state),
                "{} in {state:?}",
                learner.name()
            );
        }
    }
}
