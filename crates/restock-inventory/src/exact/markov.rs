//! Value iteration, policy iteration and what lies between them, for discounted and average cost.
//!
//! Discounted: `V(s) = min over a of E[c(s, a, W) + γ·V(s')]` (Bellman 1957). Average cost: relative values and the
//! gain `g` with `g + h(s) = min over a of E[c(s, a, W) + h(s')]` (White 1963; Puterman 1994, section 8.5). Modified
//! policy iteration follows each improvement of the policy by a number of evaluations of it (Puterman & Shin 1978).
//!
//! # What the bounds are
//! After an improvement `U = T V` the differences `d(s) = U(s) - V(s)` bound the optimum on both sides: every
//! `V*(s)` lies in `U(s) + γ/(1-γ)·[min d, max d]` (MacQueen 1966; Puterman 1994, theorem 6.6.3), and the optimal
//! average cost in `[min d, max d]` (Odoni 1969; Puterman 1994, theorem 8.5.5). A solution is done when the width of
//! that interval is at most the tolerance; its middle is returned.
//!
//! # Periodic policies
//! Where a policy visits states in turn, differences never settle. Damping replaces a transition by one that stays with
//! probability `1 - τ` and costs `τ` times as much (Puterman 1994, section 8.5.4): every policy then costs `τ` times
//! what it did and none is periodic.

use std::fmt;

use rayon::prelude::*;

use restock_core::environment::{FiniteEnvironment, Law};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    /// E[Σ γᵗ·Cₜ] from every state, with `0 < γ < 1`.
    Discounted {
        /// The discount factor γ.
        discount_factor: f64,
    },
    /// The long-run average of the costs, where it does not depend on the state that an episode starts in.
    Average,
}

/// How a solution is found. All end at the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Improvements only.
    ValueIteration,
    /// Each policy is evaluated until its bounds are as narrow as asked of the solution.
    PolicyIteration,
    /// Each policy is evaluated by so many sweeps.
    ModifiedPolicyIteration {
        /// Evaluation sweeps after an improvement.
        n_evaluations: usize,
    },
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValueIteration => write!(f, "value iteration"),
            Self::PolicyIteration => write!(f, "policy iteration"),
            Self::ModifiedPolicyIteration { n_evaluations } => {
                write!(f, "modified policy iteration with {n_evaluations} evaluations")
            }
        }
    }
}

/// How to solve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How the solution is found.
    pub method: Method,
    /// Largest width of the interval that holds the optimum, currency: per period for average cost, in total for
    /// discounted cost.
    pub tolerance: f64,
    /// Share τ of a transition that is made, in `(0, 1]`; used for average cost only. 1 does not damp.
    pub damping: f64,
    /// Improvement sweeps after which the solver gives up; the bounds in the solution then say how far it got.
    pub n_improvements_max: usize,
}

impl Default for Settings {
    /// Thirty evaluations after an improvement, a tolerance of 1e-6, a light damping.
    fn default() -> Self {
        Self {
            method: Method::ModifiedPolicyIteration { n_evaluations: 30 },
            tolerance: 1e-6,
            damping: 0.95,
            n_improvements_max: 10_000,
        }
    }
}

/// An optimal policy with its values and the proof of how near they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution<A> {
    /// `[n_states]`: expected discounted cost from each state, or for average cost the relative value, 0 in state 0;
    /// currency.
    pub values: Vec<f64>,
    /// `[n_states]`: the optimal action in each state; the smallest where several are as good.
    pub actions: Vec<A>,
    /// The optimal average cost per period for [`Criterion::Average`], else `None`.
    pub average_cost: Option<f64>,
    /// Lower and upper end of the interval that holds the optimal average cost, or by which values can still be off.
    pub bounds: (f64, f64),
    /// Sweeps that improved the policy, over all actions or over those near the current one.
    pub n_improvements: usize,
    /// Sweeps that evaluated one policy.
    pub n_evaluations: usize,
    /// Whether the bounds are as narrow as asked.
    pub converged: bool,
    /// How it was found.
    pub method: Method,
    /// The width of the bounds that was asked for.
    pub tolerance: f64,
}

impl<A> Solution<A> {
    /// The optimal cost: of a period on average, or discounted from a numbered state on; currency.
    pub fn cost_from(&self, state_idx: usize) -> f64 {
        self.average_cost.unwrap_or(self.values[state_idx])
    }
}

/// What was found, by which method, after how many sweeps, and the criterion by which it ended.
impl<A> fmt::Display for Solution<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.bounds;
        match self.average_cost {
            Some(cost) => write!(f, "average cost {cost:.6} per period, optimum between {low:.6} and {high:.6}")?,
            None => {
                let (value, half) = (self.values[0], 0.5 * (high - low));
                write!(
                    f,
                    "discounted cost {value:.6} from the first state, all values within {half:.1e} of the optimum"
                )?;
            }
        }
        write!(
            f,
            "; {}, {} improvement and {} evaluation sweeps, {} with bounds {:.1e} wide ({:.1e} asked)",
            self.method,
            self.n_improvements,
            self.n_evaluations,
            if self.converged { "converged" } else { "gave up" },
            high - low,
            self.tolerance
        )
    }
}

impl<A: Clone> Solution<A> {
    /// The action in a state.
    pub fn action<E: FiniteEnvironment<Action = A>>(&self, environment: &E, state: &E::State) -> A {
        self.actions[environment.state_idx(state)].clone()
    }
}

/// The cost of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// `[n_states]`: as in [`Solution::values`].
    pub values: Vec<f64>,
    /// Average cost per period for [`Criterion::Average`], else `None`.
    pub average_cost: Option<f64>,
    /// As in [`Solution::bounds`].
    pub bounds: (f64, f64),
    /// Sweeps over all states.
    pub n_sweeps: usize,
    /// Whether the bounds are as narrow as asked.
    pub converged: bool,
}

impl Evaluation {
    /// What the policy costs: a period on average, or discounted from a numbered state on; currency.
    pub fn cost_from(&self, state_idx: usize) -> f64 {
        self.average_cost.unwrap_or(self.values[state_idx])
    }
}

/// Actions on either side of the current one that a quick improvement looks at.
const NEIGHBOURS: usize = 2;

/// Improvements after which one looks at all actions in any case. Near the current actions alone a problem can fall
/// apart into sets of states that do not reach each other, and its bounds then never become narrow.
const IMPROVEMENTS_PER_FULL_ONE: usize = 64;

/// States handed to a thread at a time.
const CHUNK: usize = 512;

/// Evaluation sweeps after which the evaluation of a single policy gives up.
const N_SWEEPS_MAX: usize = 2_000_000;

/// Solves an environment.
///
/// Between two improvements over all actions, improvements look at actions near the current one only: they find most
/// of the way at a fraction of the work, and only an improvement over all actions can end the search.
///
/// # Panics
/// When the discount factor, tolerance or damping is out of range, or the environment enumerates nothing.
pub fn solve<E: FiniteEnvironment>(environment: &E, criterion: Criterion, settings: &Settings) -> Solution<E::Action> {
    solve_watched(environment, criterion, settings, &|_| {})
}

/// [`solve`], which tells after each improvement what share of the way it has come: bounds narrow by a factor from sweep
/// to sweep, so the way is measured on their logarithm. Watching changes nothing in the solution.
///
/// # Panics
/// As [`solve`].
pub fn solve_watched<E: FiniteEnvironment>(
    environment: &E,
    criterion: Criterion,
    settings: &Settings,
    watch: &(dyn Fn(f64) + Sync),
) -> Solution<E::Action> {
    let rule = Rule::new(criterion, settings);
    let model = Model::new(environment);
    let n_states = environment.n_states();
    assert!(n_states > 0, "{} has no states", environment.id());
    let mut values = vec![0.0; n_states];
    let mut policy = vec![0_u32; n_states];
    let (mut n_improvements, mut n_evaluations) = (0, 0);
    let mut all_actions = true;
    let mut first_width = None;
    loop {
        let mut next = vec![0.0; n_states];
        improve(&model, &rule, &values, &mut next, &mut policy, all_actions);
        n_improvements += 1;
        let bounds = rule.bounds(&values, &next);
        values = next;
        rule.normalise(&mut values);
        let width = bounds.1 - bounds.0;
        let narrow = width <= settings.tolerance;
        watch(share_of_way(*first_width.get_or_insert(width), width, settings.tolerance));
        let given_up = n_improvements >= settings.n_improvements_max;
        if all_actions && (narrow || given_up) {
            let average_cost = rule.finish(&mut values, bounds);
            let actions = actions_of(environment, &policy);
            return Solution {
                values,
                actions,
                average_cost,
                bounds,
                n_improvements,
                n_evaluations,
                converged: narrow,
                method: settings.method,
                tolerance: settings.tolerance,
            };
        }
        all_actions = narrow
            || given_up
            || settings.method == Method::ValueIteration
            || n_improvements.is_multiple_of(IMPROVEMENTS_PER_FULL_ONE);
        let n_sweeps = match settings.method {
            _ if narrow => 0,
            Method::ValueIteration => 0,
            Method::PolicyIteration => N_SWEEPS_MAX,
            Method::ModifiedPolicyIteration { n_evaluations } => n_evaluations,
        };
        if n_sweeps > 0 {
            let chain = Transitions::new(&model, |state_idx, actions| actions[policy[state_idx] as usize].clone());
            for _ in 0..n_sweeps {
                n_evaluations += 1;
                let next = chain.sweep(&model, &rule, &values);
                let bounds = rule.bounds(&values, &next);
                values = next;
                rule.normalise(&mut values);
                if bounds.1 - bounds.0 <= settings.tolerance * 0.5 {
                    break;
                }
            }
        }
    }
}

/// How far bounds have narrowed from their first width to the tolerance, 0 to 1.
fn share_of_way(first: f64, now: f64, tolerance: f64) -> f64 {
    if now <= tolerance || first <= tolerance {
        return 1.0;
    }
    ((first / now).ln() / (first / tolerance).ln()).clamp(0.0, 1.0)
}

/// The cost of a policy, which must choose actions that the environment allows.
///
/// # Panics
/// As [`solve`].
pub fn evaluate<E: FiniteEnvironment>(
    environment: &E,
    policy: impl Fn(&E::State) -> E::Action + Sync,
    criterion: Criterion,
    settings: &Settings,
) -> Evaluation {
    let model = Model::new(environment);
    let chain = Transitions::new(&model, |state_idx, _| policy(&environment.state(state_idx)));
    evaluate_sweeps(environment.n_states(), criterion, settings, |rule, values| chain.sweep(&model, rule, values))
}

/// Sweeps until the bounds are as narrow as asked.
fn evaluate_sweeps(
    n_states: usize,
    criterion: Criterion,
    settings: &Settings,
    sweep: impl Fn(&Rule, &[f64]) -> Vec<f64>,
) -> Evaluation {
    let rule = Rule::new(criterion, settings);
    let mut values = vec![0.0; n_states];
    for n_sweeps in 1.. {
        let next = sweep(&rule, &values);
        let bounds = rule.bounds(&values, &next);
        values = next;
        rule.normalise(&mut values);
        let converged = bounds.1 - bounds.0 <= settings.tolerance;
        if converged || n_sweeps >= N_SWEEPS_MAX {
            let average_cost = rule.finish(&mut values, bounds);
            return Evaluation { values, average_cost, bounds, n_sweeps, converged };
        }
    }
    unreachable!("the loop ends by returning")
}

/// A criterion as arithmetic on values.
struct Rule {
    discount_factor: Option<f64>,
    /// Factor on values of the next state: γ, or 1 for average cost.
    next_weight: f64,
    damping: f64,
}

impl Rule {
    fn new(criterion: Criterion, settings: &Settings) -> Self {
        assert!(settings.tolerance > 0.0 && settings.tolerance.is_finite(), "tolerance {}", settings.tolerance);
        assert!(0.0 < settings.damping && settings.damping <= 1.0, "damping {} is not in (0, 1]", settings.damping);
        match criterion {
            Criterion::Discounted { discount_factor } => {
                assert!(
                    0.0 < discount_factor && discount_factor < 1.0,
                    "discount factor {discount_factor} is not in (0, 1)"
                );
                Self { discount_factor: Some(discount_factor), next_weight: discount_factor, damping: 1.0 }
            }
            Criterion::Average => Self { discount_factor: None, next_weight: 1.0, damping: settings.damping },
        }
    }

    /// The new value of a state from the expected cost and value of its successors.
    fn value(&self, old: f64, cost: f64, next_value: f64) -> f64 {
        let undamped = cost + self.next_weight * next_value;
        if self.damping == 1.0 { undamped } else { self.damping * undamped + (1.0 - self.damping) * old }
    }

    /// The interval that holds the optimum (or the policy's cost) after a sweep; see the head of this file.
    fn bounds(&self, old: &[f64], new: &[f64]) -> (f64, f64) {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (old, new) in old.iter().zip(new) {
            least = least.min(new - old);
            most = most.max(new - old);
        }
        let scale = self.discount_factor.map_or(1.0 / self.damping, |factor| factor / (1.0 - factor));
        (least * scale, most * scale)
    }

    /// Keeps relative values near zero.
    fn normalise(&self, values: &mut [f64]) {
        if self.discount_factor.is_none() {
            let origin = values[0];
            values.iter_mut().for_each(|value| *value -= origin);
        }
    }

    /// The average cost, or values moved to the middle of their bounds.
    fn finish(&self, values: &mut [f64], bounds: (f64, f64)) -> Option<f64> {
        let middle = 0.5 * (bounds.0 + bounds.1);
        match self.discount_factor {
            None => Some(middle),
            Some(_) => {
                values.iter_mut().for_each(|value| *value += middle);
                None
            }
        }
    }
}

/// An environment with the laws it names, if it does.
struct Model<'a, E> {
    environment: &'a E,
    laws: Vec<Law>,
}

impl<'a, E: FiniteEnvironment> Model<'a, E> {
    fn new(environment: &'a E) -> Self {
        assert!(environment.n_states() <= u32::MAX as usize, "{} has too many states", environment.id());
        Self { environment, laws: environment.laws() }
    }

    /// Expected cost of a period and expected value of the next state.
    fn expect(
        &self,
        state: &E::State,
        action: &E::Action,
        values: &[f64],
        chances: &mut Vec<(E::Chance, f64)>,
    ) -> (f64, f64) {
        if !self.laws.is_empty() {
            let run = self.environment.run(state, action);
            let law = &self.laws[run.law as usize];
            return (law.cost + run.extra_cost, dot(&law.probabilities, &values[run.first as usize..]));
        }
        self.environment.chances(state, action, chances);
        let (mut cost, mut next_value) = (0.0, 0.0);
        for (chance, probability) in chances.iter() {
            let mut successor = state.clone();
            cost += probability * self.environment.step(&mut successor, action, chance).cost;
            next_value += probability * values[self.environment.state_idx(&successor)];
        }
        (cost, next_value)
    }
}

/// The sum of `weights[i]·values[i]`, in four interleaved sums that the processor can work on at once.
fn dot(weights: &[f64], values: &[f64]) -> f64 {
    let (weights, rest) = weights.as_chunks::<4>();
    let (values, rest_values) = values.split_at(4 * weights.len());
    let (values, _) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (weights, values) in weights.iter().zip(values) {
        for lane in 0..4 {
            sums[lane] += weights[lane] * values[lane];
        }
    }
    let tail: f64 = rest.iter().zip(rest_values).map(|(weight, value)| weight * value).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// Buffers of one thread.
struct Scratch<E: FiniteEnvironment> {
    actions: Vec<E::Action>,
    chances: Vec<(E::Chance, f64)>,
}

impl<E: FiniteEnvironment> Scratch<E> {
    fn new() -> Self {
        Self { actions: Vec::new(), chances: Vec::new() }
    }
}

/// One improvement of the policy: `next = T values`, with the action that attains it in `policy`.
fn improve<E: FiniteEnvironment>(
    model: &Model<E>,
    rule: &Rule,
    values: &[f64],
    next: &mut [f64],
    policy: &mut [u32],
    all_actions: bool,
) {
    let environment = model.environment;
    let chunks = next.par_chunks_mut(CHUNK).zip(policy.par_chunks_mut(CHUNK)).enumerate();
    chunks.for_each_init(Scratch::<E>::new, |scratch, (chunk_idx, (next, policy))| {
        for offset in 0..next.len() {
            let state_idx = chunk_idx * CHUNK + offset;
            let state = environment.state(state_idx);
            environment.actions(&state, &mut scratch.actions);
            let n_actions = scratch.actions.len();
            assert!(n_actions > 0, "{} allows no action in {state:?}", environment.id());
            let current = policy[offset] as usize;
            let tried = if all_actions {
                0..n_actions
            } else {
                current.saturating_sub(NEIGHBOURS)..n_actions.min(current + NEIGHBOURS + 1)
            };
            let mut best = f64::INFINITY;
            for action_idx in tried {
                let action = &scratch.actions[action_idx];
                let (cost, next_value) = model.expect(&state, action, values, &mut scratch.chances);
                let value = rule.value(values[state_idx], cost, next_value);
                // Ties up to rounding go to the smaller action, so that the policy is well defined.
                if value < best - 1e-12 * value.abs().max(1.0) {
                    best = value;
                    policy[offset] = action_idx as u32;
                }
            }
            assert!(best < f64::INFINITY, "{} has no finite cost in {state:?}", environment.id());
            next[offset] = best;
        }
    });
}

fn actions_of<E: FiniteEnvironment>(environment: &E, policy: &[u32]) -> Vec<E::Action> {
    let mut actions = Vec::new();
    (0..policy.len())
        .map(|state_idx| {
            environment.actions(&environment.state(state_idx), &mut actions);
            actions[policy[state_idx] as usize].clone()
        })
        .collect()
}

/// The transitions of one policy, by laws where the environment names them.
enum Transitions {
    Runs(RunChain),
    Enumerated(Chain),
}

impl Transitions {
    fn new<E: FiniteEnvironment>(model: &Model<E>, choose: impl Fn(usize, &[E::Action]) -> E::Action + Sync) -> Self {
        if model.laws.is_empty() {
            Self::Enumerated(Chain::new(model.environment, choose))
        } else {
            Self::Runs(RunChain::new(model, choose))
        }
    }

    fn sweep<E>(&self, model: &Model<E>, rule: &Rule, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Runs(chain) => chain.sweep(&model.laws, rule, values),
            Self::Enumerated(chain) => chain.sweep(rule, values),
        }
    }
}

/// The Markov chain of one policy in an environment that names laws.
struct RunChain {
    /// `[n_states]`: expected cost of a period, currency.
    costs: Vec<f64>,
    /// `[n_states]`: first successor and law.
    runs: Vec<(u32, u32)>,
}

impl RunChain {
    fn new<E: FiniteEnvironment>(model: &Model<E>, choose: impl Fn(usize, &[E::Action]) -> E::Action + Sync) -> Self {
        let environment = model.environment;
        let n_states = environment.n_states();
        let (mut costs, mut runs) = (vec![0.0; n_states], vec![(0, 0); n_states]);
        let chunks = costs.par_chunks_mut(CHUNK).zip(runs.par_chunks_mut(CHUNK)).enumerate();
        chunks.for_each_init(Vec::new, |actions, (chunk_idx, (costs, runs))| {
            for (offset, (cost, successors)) in costs.iter_mut().zip(runs).enumerate() {
                let state_idx = chunk_idx * CHUNK + offset;
                let state = environment.state(state_idx);
                environment.actions(&state, actions);
                let run = environment.run(&state, &choose(state_idx, actions));
                *cost = model.laws[run.law as usize].cost + run.extra_cost;
                *successors = (run.first, run.law);
            }
        });
        Self { costs, runs }
    }

    fn sweep(&self, laws: &[Law], rule: &Rule, values: &[f64]) -> Vec<f64> {
        let mut next = vec![0.0; values.len()];
        next.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk_idx, next)| {
            for (offset, next) in next.iter_mut().enumerate() {
                let state_idx = chunk_idx * CHUNK + offset;
                let (first, law) = self.runs[state_idx];
                let next_value = dot(&laws[law as usize].probabilities, &values[first as usize..]);
                *next = rule.value(values[state_idx], self.costs[state_idx], next_value);
            }
        });
        next
    }
}

/// The Markov chain of one policy: expected costs and successors of every state.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// `[n_states]`: expected cost of a period, currency.
    pub(super) costs: Vec<f64>,
    /// `[n_states + 1]`: where each state's successors start.
    pub(super) first: Vec<usize>,
    /// Successors with their probabilities, neighbouring equal ones merged.
    pub(super) successors: Vec<(u32, f64)>,
}

impl Chain {
    fn new<E: FiniteEnvironment>(environment: &E, choose: impl Fn(usize, &[E::Action]) -> E::Action + Sync) -> Self {
        let n_states = environment.n_states();
        assert!(n_states <= u32::MAX as usize);
        type Part = (Vec<f64>, Vec<usize>, Vec<(u32, f64)>);
        let parts: Vec<Part> = (0..n_states.div_ceil(CHUNK))
            .into_par_iter()
            .map_init(Scratch::<E>::new, |scratch, chunk_idx| {
                let states = chunk_idx * CHUNK..n_states.min((chunk_idx + 1) * CHUNK);
                let (mut costs, mut counts, mut all) = (Vec::new(), Vec::new(), Vec::<(u32, f64)>::new());
                for state_idx in states {
                    let state = environment.state(state_idx);
                    environment.actions(&state, &mut scratch.actions);
                    let action = choose(state_idx, &scratch.actions);
                    environment.chances(&state, &action, &mut scratch.chances);
                    let (mut cost, from) = (0.0, all.len());
                    for (chance, probability) in &scratch.chances {
                        let mut successor = state.clone();
                        cost += probability * environment.step(&mut successor, &action, chance).cost;
                        let successor_idx = environment.state_idx(&successor) as u32;
                        match all[from..].last_mut() {
                            Some(last) if last.0 == successor_idx => last.1 += probability,
                            _ => all.push((successor_idx, *probability)),
                        }
                    }
                    costs.push(cost);
                    counts.push(all.len() - from);
                }
                (costs, counts, all)
            })
            .collect();
        let mut chain = Self { costs: Vec::with_capacity(n_states), first: vec![0], successors: Vec::new() };
        for (costs, counts, successors) in parts {
            chain.costs.extend(costs);
            for count in counts {
                chain.first.push(chain.first[chain.first.len() - 1] + count);
            }
            chain.successors.extend(successors);
        }
        chain
    }

    /// Sweeps until the bounds are as narrow as asked.
    pub(super) fn evaluate(&self, criterion: Criterion, settings: &Settings) -> Evaluation {
        evaluate_sweeps(self.costs.len(), criterion, settings, |rule, values| self.sweep(rule, values))
    }

    fn sweep(&self, rule: &Rule, values: &[f64]) -> Vec<f64> {
        let mut next = vec![0.0; values.len()];
        next.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk_idx, next)| {
            for (offset, next) in next.iter_mut().enumerate() {
                let state_idx = chunk_idx * CHUNK + offset;
                let successors = &self.successors[self.first[state_idx]..self.first[state_idx + 1]];
                let next_value = successors.iter().map(|(idx, probability)| probability * values[*idx as usize]).sum();
                *next = rule.value(values[state_idx], self.costs[state_idx], next_value);
            }
        });
        next
    }
}
