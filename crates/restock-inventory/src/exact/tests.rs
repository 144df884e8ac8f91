//! The solver against linear algebra, against itself by other methods, and against every policy there is.

use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use super::{Criterion, Evaluation, Method, Settings, Solution, evaluate, solve, solve_watched};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{
    BackorderPosition, LostSales, LostSalesState, RandomYield, WorkedExample, Yield, check_environment,
    check_finite_environment,
};
use crate::heuristics::{
    CappedBaseStock, LinearInflation, MinimumOrderRule, OrderUpToRule, ProjectedInventoryLevel, myopic_order,
};
use crate::zheng_federgruen::BackorderProblem;

/// Any finite decision problem, by its tables.
#[derive(Clone, Debug)]
struct Table {
    /// `[n_states][n_actions]`: cost of a period.
    costs: Vec<Vec<f64>>,
    /// `[n_states][n_actions][n_states]`: probability of each next state.
    probabilities: Vec<Vec<Vec<f64>>>,
}

impl Table {
    /// A problem in which every policy reaches state 0 from everywhere.
    fn random(n_states: usize, n_actions: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let costs = (0..n_states).map(|_| (0..n_actions).map(|_| rng.random_range(-5.0..20.0)).collect()).collect();
        let mut row = || {
            let mut row: Vec<f64> = (0..n_states)
                .map(|next| if next == 0 || rng.random_bool(0.5) { rng.random_range(0.05..1.0) } else { 0.0 })
                .collect();
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|probability| *probability /= total);
            row
        };
        let probabilities = (0..n_states).map(|_| (0..n_actions).map(|_| row()).collect()).collect();
        Self { costs, probabilities }
    }

    /// The exact cost of a policy by one linear system. Discounted: `(I - γP)·V = c`, a value for each state. Average:
    /// `g + h(s) - Σ P(s, s')·h(s') = c(s)` with `h(0) = 0`, whose place in the answer `g` takes.
    fn linear_solve(&self, policy: &[usize], criterion: Criterion) -> Vec<f64> {
        let n_states = self.costs.len();
        let matrix = (0..n_states).map(|state| {
            let row = &self.probabilities[state][policy[state]];
            let entry = |next: usize| match criterion {
                Criterion::Discounted { discount_factor } => f64::from(state == next) - discount_factor * row[next],
                Criterion::Average if next == 0 => 1.0,
                Criterion::Average => f64::from(state == next) - row[next],
            };
            (0..n_states).map(entry).collect()
        });
        let right = (0..n_states).map(|state| self.costs[state][policy[state]]).collect();
        eliminate(matrix.collect(), right)
    }

    /// Every policy there is.
    fn policies(&self) -> impl Iterator<Item = Vec<usize>> {
        let (n_states, n_actions) = (self.costs.len(), self.costs[0].len());
        (0..n_actions.pow(n_states as u32))
            .map(move |policy| (0..n_states as u32).map(|state| policy / n_actions.pow(state) % n_actions).collect())
    }
}

/// Gaussian elimination with partial pivoting.
fn eliminate(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs())).unwrap();
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in (0..n).filter(|row| *row != column) {
            let factor = matrix[row][column] / matrix[column][column];
            let pivot_row = matrix[column].clone();
            matrix[row].iter_mut().zip(&pivot_row).for_each(|(entry, above)| *entry -= factor * above);
            right[row] -= factor * right[column];
        }
    }
    (0..n).map(|row| right[row] / matrix[row][row]).collect()
}

impl Environment for Table {
    type State = usize;
    type Action = usize;
    /// The next state.
    type Chance = usize;

    fn id(&self) -> &'static str {
        "table"
    }

    fn initial_state(&self) -> usize {
        0
    }

    fn sample_action(&self, _: &usize, rng: &mut dyn Rng) -> usize {
        rng.random_range(0..self.costs[0].len())
    }

    fn sample_chance(&self, state: &usize, action: &usize, rng: &mut dyn Rng) -> usize {
        DiscreteDemand::new(self.probabilities[*state][*action].clone()).sample(rng) as usize
    }

    fn step(&self, state: &mut usize, action: &usize, next: &usize) -> PeriodOutcome {
        let cost = self.costs[*state][*action];
        *state = *next;
        PeriodOutcome { cost, ..PeriodOutcome::default() }
    }

    fn units(&self, _: &usize) -> Units {
        0
    }

    fn ordered(&self, _: &usize, _: &usize, _: &usize) -> Units {
        0
    }
}

impl FiniteEnvironment for Table {
    fn n_states(&self) -> usize {
        self.costs.len()
    }

    fn state_idx(&self, state: &usize) -> usize {
        *state
    }

    fn state(&self, state_idx: usize) -> usize {
        state_idx
    }

    fn actions(&self, state: &usize, actions: &mut Vec<usize>) {
        actions.clear();
        actions.extend(0..self.costs[*state].len());
    }

    fn chances(&self, state: &usize, action: &usize, chances: &mut Vec<(usize, f64)>) {
        chances.clear();
        let row = self.probabilities[*state][*action].iter().copied().enumerate();
        chances.extend(row.filter(|(_, probability)| *probability > 0.0));
    }
}

/// The same environment without its laws.
struct Enumerated<'a, E>(&'a E);

impl<E: Environment> Environment for Enumerated<'_, E> {
    type State = E::State;
    type Action = E::Action;
    type Chance = E::Chance;

    fn id(&self) -> &'static str {
        self.0.id()
    }

    fn initial_state(&self) -> E::State {
        self.0.initial_state()
    }

    fn sample_action(&self, state: &E::State, rng: &mut dyn Rng) -> E::Action {
        self.0.sample_action(state, rng)
    }

    fn sample_chance(&self, state: &E::State, action: &E::Action, rng: &mut dyn Rng) -> E::Chance {
        self.0.sample_chance(state, action, rng)
    }

    fn step(&self, state: &mut E::State, action: &E::Action, chance: &E::Chance) -> PeriodOutcome {
        self.0.step(state, action, chance)
    }

    fn units(&self, state: &E::State) -> Units {
        self.0.units(state)
    }

    fn ordered(&self, state: &E::State, action: &E::Action, chance: &E::Chance) -> Units {
        self.0.ordered(state, action, chance)
    }
}

impl<E: FiniteEnvironment> FiniteEnvironment for Enumerated<'_, E> {
    fn n_states(&self) -> usize {
        self.0.n_states()
    }

    fn state_idx(&self, state: &E::State) -> usize {
        self.0.state_idx(state)
    }

    fn state(&self, state_idx: usize) -> E::State {
        self.0.state(state_idx)
    }

    fn actions(&self, state: &E::State, actions: &mut Vec<E::Action>) {
        self.0.actions(state, actions);
    }

    fn chances(&self, state: &E::State, action: &E::Action, chances: &mut Vec<(E::Chance, f64)>) {
        self.0.chances(state, action, chances);
    }
}

const METHODS: [Method; 4] = [
    Method::ValueIteration,
    Method::PolicyIteration,
    Method::ModifiedPolicyIteration { n_evaluations: 3 },
    Method::ModifiedPolicyIteration { n_evaluations: 30 },
];

const DISCOUNTED: Criterion = Criterion::Discounted { discount_factor: 0.9 };

/// The numbers that a criterion is about: a value for each state, or the average cost.
fn numbers(values: &[f64], average_cost: Option<f64>) -> Vec<f64> {
    average_cost.map_or_else(|| values.to_vec(), |cost| vec![cost])
}

fn of_solution(solution: &Solution<usize>) -> Vec<f64> {
    numbers(&solution.values, solution.average_cost)
}

fn of_evaluation(evaluation: &Evaluation) -> Vec<f64> {
    numbers(&evaluation.values, evaluation.average_cost)
}

/// The width that was asked for, and rounding.
fn assert_near(ours: &[f64], exact: &[f64], what: impl std::fmt::Debug) {
    assert_eq!(ours.len(), exact.len());
    for (ours, exact) in ours.iter().zip(exact) {
        assert!((ours - exact).abs() < 1.1e-6, "{ours}, exact {exact}: {what:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The cost of a policy is the solution of its linear system.
    #[test]
    fn evaluation_is_a_linear_solve(seed in any::<u64>(), n_states in 1_usize..12, n_actions in 1_usize..4) {
        let problem = Table::random(n_states, n_actions, seed);
        check_environment(&problem, seed, 50).unwrap();
        check_finite_environment(&problem, 1).unwrap();
        let policy: Vec<usize> = (0..n_states).map(|state| (state * 7 + seed as usize % 5) % n_actions).collect();
        for criterion in [DISCOUNTED, Criterion::Average] {
            let evaluation = evaluate(&problem, |state| policy[*state], criterion, &Settings::default());
            prop_assert!(evaluation.converged);
            let exact = problem.linear_solve(&policy, criterion);
            let ours = of_evaluation(&evaluation);
            assert_near(&ours, &exact[..ours.len()], (criterion, &policy));
        }
    }

    /// All methods and dampings find the best of all policies, and say within which bounds.
    #[test]
    fn every_method_finds_the_best_policy(seed in any::<u64>(), n_states in 1_usize..5, n_actions in 1_usize..4) {
        let problem = Table::random(n_states, n_actions, seed);
        for criterion in [DISCOUNTED, Criterion::Average] {
            let n_numbers = if criterion == Criterion::Average { 1 } else { n_states };
            let mut best = vec![f64::INFINITY; n_numbers];
            for policy in problem.policies() {
                let exact = problem.linear_solve(&policy, criterion);
                best.iter_mut().zip(&exact).for_each(|(best, cost)| *best = best.min(*cost));
            }
            for method in METHODS {
                for damping in [1.0, 0.95, 0.5] {
                    let settings = Settings { method, damping, ..Settings::default() };
                    let solution = solve(&problem, criterion, &settings);
                    // A chain that happens to be periodic needs damping.
                    if damping == 1.0 && !solution.converged {
                        continue;
                    }
                    prop_assert!(solution.converged, "{solution}");
                    assert_near(&of_solution(&solution), &best, (&settings, criterion));
                    if let Some(cost) = solution.average_cost {
                        prop_assert!(solution.bounds.0 - 1e-9 <= best[0] && best[0] <= solution.bounds.1 + 1e-9);
                        prop_assert!(solution.bounds.0 <= cost && cost <= solution.bounds.1);
                    }
                    let again = evaluate(&problem, |state| solution.actions[*state], criterion, &Settings::default());
                    assert_near(&of_evaluation(&again), &best, (&settings, criterion, "its policy"));
                }
            }
        }
    }

    /// Laws are a faster way to read the same environment, and a lost-sales problem keeps its promises whatever its
    /// parameters: units are conserved, probabilities sum to 1, and no heuristic beats the optimum.
    #[test]
    fn lost_sales_keep_their_promises(
        lead_time in 0_usize..4, mean in 0.5_f64..4.0, stockout_cost in 1.5_f64..30.0, order_cost in 0.0_f64..15.0,
        other_mean in proptest::option::of(0.5_f64..4.0), level in 1_i64..14, max_order in 1_i64..6, seed in any::<u64>(),
    ) {
        let mut demand = vec![DiscreteDemand::poisson(mean, 25)];
        demand.extend(other_mean.map(|mean| DiscreteDemand::geometric(mean, 40)));
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost, order_cost };
        let free = LostSalesCosts { order_cost: 0.0, ..costs };
        let settings = Settings { tolerance: 1e-5, ..Settings::default() };
        let cost_of = |problem: &LostSales| {
            let solution = solve(problem, Criterion::Average, &settings);
            assert!(solution.converged, "{solution}");
            solution.average_cost.unwrap()
        };

        let capped = LostSales::with_caps(lead_time, costs, demand.clone(), 6, 10);
        check_environment(&capped, seed, 500).unwrap();
        check_finite_environment(&capped, 17).unwrap();
        let enumerated = solve(&Enumerated(&capped), Criterion::Average, &settings).average_cost.unwrap();
        let by_laws = cost_of(&capped);
        prop_assert!((by_laws - enumerated).abs() < 2e-5, "{by_laws} by laws, {enumerated} by enumeration");

        let problem = LostSales::new(lead_time, free, demand.clone());
        let optimum = cost_of(&problem) - 2e-5;
        let policy = CappedBaseStock { base_stock_level: level, max_order };
        let heuristics = [
            ("capped base-stock", policy.average_cost(lead_time, free, &demand, settings.tolerance)),
            ("base-stock", CappedBaseStock::uncapped(level).average_cost(lead_time, free, &demand, settings.tolerance)),
            (
                "projected inventory level",
                ProjectedInventoryLevel { level: level as f64 * 0.7 }.average_cost(&problem, settings.tolerance),
            ),
            ("myopic", {
                let order = |state: &LostSalesState| myopic_order(&problem, state).min(problem.max_order(state));
                evaluate(&problem, order, Criterion::Average, &settings).average_cost.unwrap()
            }),
        ];
        for (name, cost) in heuristics {
            prop_assert!(cost >= optimum, "{name} costs {cost}, the optimum is {optimum}");
        }
        // With no lead time and one demand law the myopic policy is the newsvendor's, which is optimal.
        if lead_time == 0 && demand.len() == 1 {
            prop_assert!(heuristics[3].1 < optimum + 6e-5, "myopic {}, optimum {optimum}", heuristics[3].1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    /// Rules for backorders, with a fixed cost, a minimum order or a random yield, never beat the optimum.
    #[test]
    fn backorder_rules_do_not_beat_the_optimum(
        mean in 0.5_f64..4.0, stockout_cost in 2.0_f64..20.0, order_cost in 0.0_f64..20.0, lead_time in 0_usize..4,
        min_order in 1_i64..9, level in -3_i64..20, size in 1_i64..20, rate in 0.5_f64..1.0, inflation in 1.0_f64..2.5,
        seed in any::<u64>(),
    ) {
        let demand = DiscreteDemand::poisson(mean, 25);
        let settings = Settings { tolerance: 1e-5, ..Settings::default() };
        let problem = BackorderProblem { holding_cost: 1.0, stockout_cost, order_cost, lead_time };
        let position = BackorderPosition::new(problem, demand.clone(), min_order);
        check_environment(&position, seed, 300).unwrap();
        let optimum = solve(&position, Criterion::Average, &settings).average_cost.unwrap();
        let (lowest, highest) = position.bounds();
        let fixed = OrderUpToRule { reorder_point: level, order_up_to_level: level + size };
        let least = MinimumOrderRule { order_up_to_level: level, min_order };
        for (name, order) in [
            ("(s, S)", &(|position: Units| fixed.order_quantity(position)) as &(dyn Fn(Units) -> Units + Sync)),
            ("(R, S, Qmin)", &|position| least.order_quantity(position)),
        ] {
            // What the problem does not allow is done as nearly as it does.
            let allowed = |position: &Units| {
                let wanted = order(*position).max(lowest - position);
                let room = highest - position;
                if wanted <= 0 || room < min_order && *position >= lowest { 0 } else { wanted.max(min_order).min(room) }
            };
            let cost = evaluate(&position, allowed, Criterion::Average, &settings).average_cost.unwrap();
            prop_assert!(cost >= optimum - 2e-5, "{name} costs {cost}, the optimum is {optimum}");
        }

        for good in [Yield::Binomial(rate), Yield::AllOrNothing(rate), Yield::Uniform] {
            let problem = RandomYield::new(1.0, stockout_cost, demand.clone(), good, 20, -40..=30);
            check_environment(&problem, seed, 300).unwrap();
            let optimum = solve(&problem, Criterion::Average, &settings).average_cost.unwrap();
            let rule = LinearInflation { order_up_to_level: level.max(0), inflation };
            let order = |net: &Units| rule.order_quantity(*net).min(problem.max_order(*net));
            let cost = evaluate(&problem, order, Criterion::Average, &settings).average_cost.unwrap();
            prop_assert!(cost >= optimum - 2e-5, "{good:?}: linear inflation costs {cost}, the optimum is {optimum}");
        }
    }
}

/// A chain that alternates between a state that costs 0 and one that costs 2.
fn alternating() -> Table {
    Table { costs: vec![vec![0.0], vec![2.0]], probabilities: vec![vec![vec![0.0, 1.0]], vec![vec![1.0, 0.0]]] }
}

#[test]
fn a_periodic_chain_needs_damping() {
    let settings = Settings { n_improvements_max: 200, method: Method::ValueIteration, ..Settings::default() };
    let undamped = solve(&alternating(), Criterion::Average, &Settings { damping: 1.0, ..settings });
    assert!(!undamped.converged);
    // The bounds still hold the truth.
    assert_eq!(undamped.bounds, (0.0, 2.0));
    for damping in [0.95, 0.5] {
        let damped =
            solve(&alternating(), Criterion::Average, &Settings { damping, n_improvements_max: 2_000, ..settings });
        assert!(damped.converged && (damped.average_cost.unwrap() - 1.0).abs() < 1e-6, "{damped}");
    }
}

#[test]
fn a_solution_says_how_it_was_found_and_how_near_it_is() {
    let settings = Settings { method: Method::ValueIteration, damping: 0.5, ..Settings::default() };
    let solution = solve(&alternating(), Criterion::Average, &settings);
    insta::assert_snapshot!(solution, @"average cost 1.000000 per period, optimum between 1.000000 and 1.000000; value iteration, 2 improvement and 0 evaluation sweeps, converged with bounds 0.0e0 wide (1.0e-6 asked)");
    let settings = Settings { method: Method::PolicyIteration, tolerance: 1e-3, ..Settings::default() };
    insta::assert_snapshot!(solve(&alternating(), DISCOUNTED, &settings), @"discounted cost 9.473674 from the first state, all values within 1.9e-4 of the optimum; policy iteration, 3 improvement and 100 evaluation sweeps, converged with bounds 3.9e-4 wide (1.0e-3 asked)");
    let settings = Settings { n_improvements_max: 4, damping: 1.0, ..Settings::default() };
    insta::assert_snapshot!(solve(&alternating(), Criterion::Average, &settings), @"average cost 1.000000 per period, optimum between 0.000000 and 2.000000; modified policy iteration with 30 evaluations, 5 improvement and 120 evaluation sweeps, gave up with bounds 2.0e0 wide (1.0e-6 asked)");
}

/// Shares of the way grow in the end to 1, and a watched solution is the same to the last bit.
#[test]
fn watching_changes_nothing() {
    let problem = WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90));
    let criterion = Criterion::Discounted { discount_factor: 0.9 };
    let shares = std::sync::Mutex::new(Vec::new());
    let watched = solve_watched(&problem, criterion, &Settings::default(), &|share| shares.lock().unwrap().push(share));
    assert_eq!(watched, solve(&problem, criterion, &Settings::default()));
    let shares = shares.into_inner().unwrap();
    assert_eq!((shares.len(), shares.last()), (watched.n_improvements, Some(&1.0)));
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
}
