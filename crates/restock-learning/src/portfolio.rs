//! The pretrained policy fitted to a portfolio: differentiable simulation on the items' own demand paths, validated and
//! tested in the [`Portfolio`] environment, where the rules of real orders hold.
//!
//! Read top to bottom: [`Contender`], [`Field`], costs of a contender, [`PortfolioTraining`], its result.
//!
//! # What is learned, and what is compared
//! 1. The network learns on the items that it decides (see [`Fallback`] for the others), in periods from one order day to
//!    the next, with continuous quantities. Packs and minimums come in when costs are compared.
//! 2. Costs are those of the [`Portfolio`] over its paths, from the stock of today. Under a service level a lost unit costs
//!    what makes the classical level the best one, so that a policy is cheaper only where it gives the same service for
//!    less or more for as much.
//! 3. The classical policy stands beside it in every comparison, and decides the items that the network does not.
//! 4. Training, validation and test have paths of their own; the test is looked at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use restock_core::Units;
use restock_core::environment::Environment;
use restock_core::policy::{Decision, Policy};
use restock_inventory::Classical;
use restock_inventory::environments::Portfolio;
use restock_inventory::lanes::SimulatedCost;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::any_item::ItemProblem;
use crate::guarded::{Fallback, Guarded, implied_costs, problem_of, state_of};
use crate::pathwise::{self, Training};
use crate::pretrained_policy::{FineTuning, PretrainedPolicy};
use crate::relaxed::AnyItem;
use crate::stream::{Purpose, Stream};

/// Steps between two validations.
const N_STEPS_PER_ROUND: u64 = 50;

/// Training has converged when the validation cost has not fallen over so many rounds.
const PATIENCE: usize = 4;

/// A policy counts as better with this probability, one-sided, by Student's law of paired differences.
const CONFIDENCE: f64 = 0.95;

/// Who orders.
#[derive(Clone, Debug)]
pub enum Contender {
    /// The classical policy.
    Classical,
    /// The network within its bounds, without the guard's comparison, where it decides the item.
    Network(Guarded),
    /// The same behind the guard, as a plan lets it act.
    Guarded(Guarded),
}

/// A portfolio with what does not depend on stock computed once.
#[derive(Debug)]
pub struct Field {
    portfolio: Portfolio,
    /// `[n_items][n_order_days]`
    known: Vec<Vec<Known>>,
}

/// What is known of an item on an order day, whatever the stock.
#[derive(Debug)]
struct Known {
    decision: Decision,
    problem: Result<ItemProblem, Fallback>,
}

/// What a contender comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// Cost of all items on each path, currency a day.
    pub cost: SimulatedCost,
    /// Units wanted and units met at once, over all items and paths.
    pub demand: Units,
    /// Units met at once.
    pub sold: Units,
}

impl Played {
    /// Share of demand that is met at once.
    pub fn fill_rate(&self) -> f64 {
        if self.demand > 0 { self.sold as f64 / self.demand as f64 } else { 1.0 }
    }
}

impl Field {
    /// Prepares a portfolio: costs become those that the classical levels imply, where service is the objective.
    pub fn new(portfolio: Portfolio) -> Self {
        let prepared: Vec<_> = portfolio
            .items()
            .par_iter()
            .map(|item| {
                let first = item.known_on(0);
                let item = item.clone().with_costs(restock_core::CostRates {
                    order_cost: first.costs.order_cost,
                    ..implied_costs(&first, Classical.decide(&first).target_level)
                });
                let known = (0..item.order_days().len()).map(|idx| {
                    let review = item.known_on(idx);
                    let decision = Classical.decide(&review);
                    Known { problem: problem_of(&review, decision.target_level), decision }
                });
                let known: Vec<Known> = known.collect();
                (item, known)
            })
            .collect();
        let (items, known) = prepared.into_iter().unzip();
        Self { portfolio: Portfolio::new(items), known }
    }

    /// The portfolio.
    pub fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// Items that the network decides, with what it is told of them on their first order day.
    fn learnable(&self) -> impl Iterator<Item = (usize, &ItemProblem)> {
        let of_first = self.known.iter().enumerate().map(|(item_idx, known)| (item_idx, &known[0].problem));
        of_first
            .filter(|(item_idx, _)| self.is_regular(*item_idx))
            .filter_map(|(idx, of)| Some((idx, of.as_ref().ok()?)))
    }

    /// Whether the order days of an item are equally far apart, as the periods of the network are.
    fn is_regular(&self, item_idx: usize) -> bool {
        let days = self.portfolio.items()[item_idx].order_days();
        days.windows(2).all(|pair| pair[1] - pair[0] == days[1] - days[0])
    }

    /// How many items the network decides, and how many it leaves for each reason.
    pub fn reach(&self) -> (usize, BTreeMap<&'static str, usize>) {
        let mut left = BTreeMap::new();
        for (item_idx, known) in self.known.iter().enumerate() {
            let fallback = match &known[0].problem {
                Err(fallback) => *fallback,
                Ok(_) if !self.is_regular(item_idx) => Fallback::LeadTime,
                Ok(_) => continue,
            };
            *left.entry(fallback.code()).or_insert(0) += 1;
        }
        (self.learnable().count(), left)
    }

    /// The items that the network decides, relaxed, on some of their paths: demand between order days is added up.
    fn relaxed(&self, paths: Range<usize>) -> Option<AnyItem> {
        let (mut problems, mut demand) = (Vec::new(), Vec::new());
        for (item_idx, problem) in self.learnable() {
            let item = &self.portfolio.items()[item_idx];
            let (first, length) = (item.order_days()[0], item.review_period(0));
            let n_cycle = problem.demand().len();
            // The network is told of a cycle as long as it looks ahead; of the path, only whole cycles are played.
            let n_days = item.path(0).len() - first;
            let n_cycles = n_days / (n_cycle * length);
            if n_cycles == 0 {
                continue;
            }
            let mut of_item = Vec::with_capacity(paths.len() * n_cycles * n_cycle);
            for path_idx in paths.clone() {
                let days = item.path(path_idx)[first..].chunks_exact(length).take(n_cycles * n_cycle);
                of_item.extend(days.map(|days| days.iter().sum::<Units>()));
            }
            problems.push(problem.clone());
            demand.push(of_item);
        }
        (!problems.is_empty()).then(|| AnyItem::on_paths(problems, &demand))
    }

    /// Plays the portfolio from today's stock on some of its paths.
    pub fn play(&self, contender: &Contender, paths: Range<usize>, seed: u64) -> Played {
        let items = self.portfolio.items();
        let n_paths = paths.len();
        let cells: Vec<(f64, Units, Units)> = (0..items.len() * n_paths)
            .into_par_iter()
            .map(|cell| self.play_path(contender, cell / n_paths, paths.start + cell % n_paths, seed))
            .collect();
        let mut played = Played { cost: SimulatedCost { lane_costs: vec![0.0; n_paths] }, demand: 0, sold: 0 };
        for (cell, (cost, demand, sold)) in cells.into_iter().enumerate() {
            played.cost.lane_costs[cell % n_paths] += cost;
            played.demand += demand;
            played.sold += sold;
        }
        played
    }

    /// Cost a day, demand and sales of one item on one path, once through.
    fn play_path(&self, contender: &Contender, item_idx: usize, path_idx: usize, seed: u64) -> (f64, Units, Units) {
        let portfolio = &self.portfolio;
        let mut state = portfolio.start(item_idx, path_idx);
        let (mut cost, mut demand, mut sold, mut n_days) = (0.0, 0, 0, 0);
        let lane = (item_idx as u64) << 32 | path_idx as u64;
        loop {
            let is_last = portfolio.is_last(&state);
            let wanted = self.wanted(contender, &state);
            let mut stream = Stream::new(seed, Purpose::Test, 0, lane, state.order_day_idx as u64);
            let chance = portfolio.sample_chance(&state, &wanted, &mut stream);
            n_days += chance.demand.len();
            let outcome = portfolio.step(&mut state, &wanted, &chance);
            cost += outcome.cost;
            demand += outcome.demand;
            sold += outcome.sold;
            if is_last {
                return (cost / n_days as f64, demand, sold);
            }
        }
    }

    /// What a contender wants, units.
    fn wanted(&self, contender: &Contender, state: &restock_inventory::environments::PortfolioState) -> Units {
        let review = self.portfolio.review(state);
        let known = &self.known[state.item_idx][state.order_day_idx];
        let classical = Classical.decide_again(&review, &known.decision);
        match contender {
            Contender::Classical => classical.order_quantity,
            Contender::Network(network) => {
                let state = |item: &ItemProblem| state_of(&review, item.lead_time()).ok();
                let known = known.problem.as_ref().ok().and_then(|item| Some((item, state(item)?)));
                known.map_or(classical.order_quantity, |(item, state)| {
                    network.proposed(&review, &classical, item, &state)
                })
            }
            Contender::Guarded(guarded) => guarded.decide_again(&review, &known.decision).order_quantity,
        }
    }
}

/// Which paths of the items are for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPlan {
    /// To learn from.
    pub training: Range<usize>,
    /// To choose the best round.
    pub validation: Range<usize>,
    /// To grade what was chosen.
    pub test: Range<usize>,
}

impl PathPlan {
    /// Half of the paths to learn from, a quarter each to choose and to grade.
    ///
    /// # Panics
    /// When there are less than eight paths.
    pub fn of(n_paths: usize) -> Self {
        assert!(n_paths >= 8, "{n_paths} paths are too few to learn, choose and grade");
        let (half, most) = (n_paths / 2, n_paths * 3 / 4);
        Self { training: 0..half, validation: half..most, test: most..n_paths }
    }
}

/// A round of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Steps made; 0 is the policy before training.
    pub n_steps: u64,
    /// Cost of the portfolio on the paths of validation, currency a day.
    pub validation_cost: f64,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The cost has not fallen over the last rounds.
    Converged,
    /// All steps are made.
    OutOfSteps,
    /// The time is over.
    OutOfTime,
    /// The network decides none of the items.
    NothingToLearn,
}

/// A fit of the pretrained policy to a portfolio.
#[derive(Debug)]
pub struct PortfolioTraining {
    /// Costs after each round, the policy before training first.
    pub curve: Vec<Round>,
    /// Why it ended.
    pub ended: Ended,
    /// The policy with the lowest validation cost; the one before training where none was lower beyond chance. That is
    /// looked at on the paths by which the round was chosen, so it is a little too easy; the test is on others.
    pub best: Arc<PretrainedPolicy>,
    /// Steps made by the best policy, 0 for the one before training.
    pub best_step: u64,
}

impl PortfolioTraining {
    /// Fits `start` to a portfolio until it has converged, its steps are made, or `is_over` says that the time is.
    ///
    /// The result depends on the field, the paths, the start and the settings alone, as long as the time suffices.
    pub fn run(
        field: &Field,
        paths: &PathPlan,
        start: &Arc<PretrainedPolicy>,
        tuning: &FineTuning,
        is_over: &dyn Fn() -> bool,
        watch: &mut dyn FnMut(&Round),
    ) -> Self {
        let validate = |policy: &Arc<PretrainedPolicy>| {
            let network = Guarded { fitted: Some(Arc::clone(policy)), ..Guarded::default() };
            field.play(&Contender::Network(network), paths.validation.clone(), tuning.seed).cost
        };
        let first = validate(start);
        let mut this = Self {
            curve: vec![Round { n_steps: 0, validation_cost: first.mean() }],
            ended: Ended::NothingToLearn,
            best: Arc::clone(start),
            best_step: 0,
        };
        watch(&this.curve[0]);
        let Some(relaxed) = field.relaxed(paths.training.clone()) else { return this };
        let mut training: Training = start.fine_tuning(tuning);
        let mut lowest = first.clone();
        let mut n_since = 0;
        this.ended = loop {
            if training.adam.n_steps >= tuning.n_steps {
                break Ended::OutOfSteps;
            }
            if is_over() {
                break Ended::OutOfTime;
            }
            let until = (training.adam.n_steps + N_STEPS_PER_ROUND).min(tuning.n_steps);
            training.run(&relaxed, until, |_: &pathwise::CurvePoint| {});
            let policy = Arc::new(PretrainedPolicy::new(training.policy(&relaxed)));
            let cost = validate(&policy);
            let round = Round { n_steps: until, validation_cost: cost.mean() };
            this.curve.push(round);
            watch(&round);
            n_since += 1;
            if cost.mean() < lowest.mean() {
                (lowest, n_since) = (cost, 0);
                (this.best, this.best_step) = (policy, until);
            }
            if n_since == PATIENCE {
                break Ended::Converged;
            }
        };
        // A gain within chance is none.
        if !is_lower(&lowest, &first) {
            (this.best, this.best_step) = (Arc::clone(start), 0);
        }
        this
    }
}

/// Whether costs are lower than others on the same paths, beyond chance.
pub fn is_lower(cost: &SimulatedCost, other: &SimulatedCost) -> bool {
    let difference = cost.minus(other);
    let freedom = difference.lane_costs.len() as f64 - 1.0;
    let law = StudentsT::new(0.0, 1.0, freedom).expect("at least two paths");
    difference.mean() < -law.inverse_cdf(CONFIDENCE) * difference.standard_error()
}

#[cfg(test)]
mod tests {
    use restock_core::objective::{CostRates, Objective, ServiceType};
    use restock_core::policy::{DemandPaths, OrderingRules, Review};
    use restock_core::stock::StockState;
    use restock_inventory::environments::portfolio::{ItemPlan, PortfolioItem};
    use restock_inventory::lanes::LaneRng;
    use restock_inventory::lanes::random::uniform;

    use super::*;

    /// Lost sales with a lead time of four days and geometric demand, of which base-stock orders make the least.
    fn item(name: &str, mean: f64, lead_times: &[usize], objective: Objective) -> PortfolioItem {
        let mut rng = LaneRng::new(name.len() as u64, 1);
        let mut paths = |n_paths: usize, horizon: usize| {
            let mut values = Vec::new();
            let ratio = mean / (1.0 + mean);
            while values.len() < n_paths * horizon {
                let geometric = |random| ((1.0 - uniform(random)).ln() / f64::ln(ratio)).floor() as f32;
                values.extend(rng.next_u32().map(geometric));
            }
            values.truncate(n_paths * horizon);
            DemandPaths { values, horizon }
        };
        PortfolioItem::new(ItemPlan {
            name: name.to_owned(),
            review: Review {
                stock: StockState::with_on_hand((3.0 * mean) as Units),
                demand: Arc::new(paths(200, 84)),
                lead_times: Arc::from(lead_times),
                review_period: 1,
                rules: OrderingRules::default(),
                costs: CostRates {
                    unit_cost: 5.0,
                    holding_cost: 1.0,
                    stockout_cost: 4.0,
                    order_cost: 0.0,
                    waste_cost: 0.0,
                },
                objective,
                shelf_life: None,
                backorder: false,
            },
            order_days: (0..56).collect(),
            review_horizon: 28,
            days_to_end: None,
            played: paths(32, 56),
        })
    }

    fn field(objective: Objective) -> Field {
        let items = [("a", 5.0, vec![4]), ("bb", 2.0, vec![3]), ("ccc", 20.0, vec![4]), ("dddd", 4.0, vec![4, 5])];
        let items = items.map(|(name, mean, lead_times)| item(name, mean, &lead_times, objective));
        Field::new(Portfolio::new(items.to_vec()))
    }

    fn network(policy: &Arc<PretrainedPolicy>) -> Contender {
        Contender::Network(Guarded { fitted: Some(Arc::clone(policy)), ..Guarded::default() })
    }

    /// Weights that order too much are brought back: the fit learns, and costs on paths that it never saw fall.
    #[test]
    fn a_spoiled_policy_learns_from_the_paths() {
        let field = field(Objective::Economics);
        let plan = PathPlan::of(32);
        let mut spoiled = PretrainedPolicy::shipped().network().clone();
        *spoiled.weights.last_mut().unwrap() += 1.5;
        let spoiled = Arc::new(PretrainedPolicy::new(spoiled));
        let tuning = FineTuning { n_steps: 100, learning_rate: 3e-3, seed: 2 };
        let fitted = PortfolioTraining::run(&field, &plan, &spoiled, &tuning, &|| false, &mut |_| {});
        assert!(fitted.best_step > 0 && fitted.curve.len() == 3, "{:?}", fitted.curve);
        let cost = |contender: &Contender| field.play(contender, plan.test.clone(), 5).cost;
        let (before, after) = (cost(&network(&spoiled)), cost(&network(&fitted.best)));
        assert!(is_lower(&after, &before), "{} after {}", after.mean(), before.mean());
        let classical = cost(&Contender::Classical);
        assert!(after.mean() < classical.mean(), "{} beside the classical {}", after.mean(), classical.mean());
    }

    #[test]
    fn items_that_the_network_leaves_are_counted_with_the_reason() {
        let (n_learnable, left) = field(Objective::Economics).reach();
        assert_eq!((n_learnable, left.into_iter().collect::<Vec<_>>()), (3, vec![("learned_lead_time", 1)]));
    }

    /// The same numbers on any number of threads; the time ends a training that has begun, with its best.
    #[test]
    fn the_same_whatever_the_threads_and_no_result_when_there_is_no_time() {
        let field = field(Objective::Service { service_type: ServiceType::FillRate, target: 0.95 });
        let plan = PathPlan::of(32);
        let shipped = Arc::new(PretrainedPolicy::shipped().clone());
        let tuning = FineTuning { n_steps: 50, ..FineTuning::default() };
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| PortfolioTraining::run(&field, &plan, &shipped, &tuning, &|| false, &mut |_| {}).curve)
        };
        assert_eq!(run(1), run(3));
        let none = PortfolioTraining::run(&field, &plan, &shipped, &tuning, &|| true, &mut |_| {});
        assert_eq!((none.ended, none.best_step, none.curve.len()), (Ended::OutOfTime, 0, 1));
    }

    /// Behind the guard a wild network costs what the classical policy does, or less.
    #[test]
    fn the_guard_holds_back_what_costs_more() {
        let field = field(Objective::Economics);
        let mut wild = PretrainedPolicy::shipped().network().clone();
        *wild.weights.last_mut().unwrap() += 3.0;
        let wild = Arc::new(PretrainedPolicy::new(wild));
        let guarded = Guarded { fitted: Some(Arc::clone(&wild)), ..Guarded::default() };
        let paths = 24..32;
        let classical = field.play(&Contender::Classical, paths.clone(), 5);
        let free = field.play(&network(&wild), paths.clone(), 5);
        let held = field.play(&Contender::Guarded(guarded), paths, 5);
        assert!(is_lower(&classical.cost, &free.cost));
        assert!(held.cost.mean() < 1.01 * classical.cost.mean(), "{} and {}", held.cost.mean(), classical.cost.mean());
        assert!(held.fill_rate() > 0.5 && held.demand == classical.demand);
    }
}
