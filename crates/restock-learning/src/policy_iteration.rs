//! Policy iteration by simulation, from any policy: rollouts on common random numbers value the next states, and the
//! first period is enumerated, so that every action of a state is compared with every other (Howard 1960, "Dynamic
//! programming and Markov processes"; Bertsekas 2011, "Approximate policy iteration: a survey"; the sampling of states
//! and the common random numbers are those of Temizöz et al. 2025, "Deep controlled learning for inventory control").
//!
//! Where an order costs something whatever its size, or must fill a truck, a good policy lies far from the one at hand
//! and there is no slope that leads there: ordering nothing, or much more, has to be tried outright. A generation:
//! 1. the policy is simulated, which tells its most visited states and its cost;
//! 2. every state that one period can lead to from them, by any action, is rolled out under the policy in the same
//!    scenarios. Rollouts of a scenario that meet in a state go on as one, which costs little and leaves no noise in
//!    their difference; when all have met the scenario is over;
//! 3. in each visited state the action with the lowest cost of its period and what follows takes the place of the
//!    policy's;
//! 4. a policy whose simulated cost is not lower is dropped. Where a generation gained little, the next plays more
//!    scenarios.
//!
//! # Differences from deep controlled learning
//! 1. No network learns the result: it is a table over numbered states, and states that were never visited keep what the
//!    first policy does.
//! 2. Values are estimated for states and not for pairs of state and action, so that hundreds of actions cost no more
//!    than two.
//! 3. Scenarios are not taken from actions that fall behind (sequential halving) but from generations: early ones, which
//!    gain much, play few.
//!
//! # Result
//! `RESULTS.md`; `cargo run --release -p restock-learning --example learned_tables -- fixed_cost`.

use std::collections::HashMap;

use rayon::prelude::*;
use restock_core::environment::{FiniteEnvironment, Law};

use crate::stream::{Purpose, Stream};

/// How to iterate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IterationSettings {
    /// Most generations.
    pub n_generations: u64,
    /// States whose actions are compared, the most visited first.
    pub n_states: usize,
    /// Scenarios of the last generations, 256 times a power of four; the first play a 16th of them.
    pub n_scenarios: u64,
    /// Periods of a scenario at most.
    pub depth: u64,
    /// Periods simulated in each of 256 lanes to find states and costs.
    pub n_periods: u64,
    /// Seed of all that chance decides.
    pub seed: u64,
}

impl Default for IterationSettings {
    fn default() -> Self {
        Self { n_generations: 60, n_states: 2_000, n_scenarios: 16_384, depth: 200, n_periods: 10_000, seed: 1 }
    }
}

/// Lanes of the simulation that finds states and costs.
const N_LANES: u64 = 256;
/// Periods of that simulation that are not counted.
const N_WARM_UP: u64 = 100;
/// Groups of scenarios, a thread's work each.
const N_GROUPS: u64 = 16;
/// Share of the scenarios that the first generations play.
const FIRST_SHARE: u64 = 16;
/// Factor on the scenarios where a generation gained little.
const MORE: u64 = 4;
/// Share of the cost that is little.
const LITTLE: f64 = 1e-3;
/// Share of the cost that is nothing.
const NOTHING: f64 = 3e-5;
/// Generations in a row that gained nothing with all scenarios, after which there are no more.
const PATIENCE: u32 = 2;

/// What policy iteration has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct IteratedPolicy<A> {
    /// `[n_states]`: the action in each state.
    pub actions: Vec<A>,
    /// Simulated cost of a period under the first policy and after each generation that lowered it, currency.
    pub costs: Vec<f64>,
}

impl<A: Clone + PartialEq + Send + Sync> IteratedPolicy<A> {
    /// Improves a policy, a function from states to allowed actions, for the average cost.
    ///
    /// # Panics
    /// When there are less than 256 scenarios.
    pub fn new<E: FiniteEnvironment<Action = A>>(
        environment: &E,
        start: &(dyn Fn(&E::State) -> A + Sync),
        settings: &IterationSettings,
    ) -> Self {
        assert!(settings.n_scenarios >= FIRST_SHARE * N_GROUPS, "{settings:?} play too few scenarios");
        let states = (0..environment.n_states()).into_par_iter();
        let mut actions: Vec<A> = states.map(|state_idx| start(&environment.state(state_idx))).collect();
        let laws = environment.laws();
        let (mut cost, mut visits) = simulate(environment, &actions, settings);
        let mut costs = vec![cost];
        let (mut n_scenarios, mut n_idle) = (settings.n_scenarios / FIRST_SHARE, 0);
        for generation in 0..settings.n_generations {
            let visited = most_visited(environment, &visits, settings.n_states);
            let better = Generation { environment, laws: &laws, policy: &actions, settings, generation, n_scenarios };
            let mut next = actions.clone();
            better.improve(&visited).into_iter().for_each(|(state_idx, action)| next[state_idx] = action);
            let (next_cost, next_visits) = simulate(environment, &next, settings);
            let gain = (cost - next_cost) / cost.abs();
            if gain > 0.0 {
                (actions, cost, visits) = (next, next_cost, next_visits);
                costs.push(cost);
            }
            if n_scenarios < settings.n_scenarios {
                n_scenarios *= if gain < LITTLE { MORE } else { 1 };
                continue;
            }
            n_idle = if gain < NOTHING { n_idle + 1 } else { 0 };
            if n_idle == PATIENCE {
                break;
            }
        }
        Self { actions, costs }
    }

    /// The action in a state.
    pub fn action<E: FiniteEnvironment<Action = A>>(&self, environment: &E, state: &E::State) -> A {
        self.actions[environment.state_idx(state)].clone()
    }
}

/// The mean cost of a period under a policy, currency, by simulation; with one seed all policies meet the same chances.
pub fn simulated_cost<E: FiniteEnvironment>(
    environment: &E,
    policy: &(dyn Fn(&E::State) -> E::Action + Sync),
    n_periods: u64,
    seed: u64,
) -> f64 {
    let of_lane = |lane| play(environment, policy, n_periods, seed, lane, &mut |_| {});
    let totals: Vec<f64> = (0..N_LANES).into_par_iter().map(of_lane).collect();
    totals.iter().sum::<f64>() / (N_LANES * n_periods) as f64
}

/// The mean cost of a period, and how often each numbered state was visited.
fn simulate<E: FiniteEnvironment>(
    environment: &E,
    actions: &[E::Action],
    settings: &IterationSettings,
) -> (f64, Vec<(usize, u32)>) {
    let policy = |state: &E::State| actions[environment.state_idx(state)].clone();
    let of_lane = |lane| {
        let mut visits: HashMap<usize, u32> = HashMap::new();
        let mut visit = |state: &E::State| *visits.entry(environment.state_idx(state)).or_default() += 1;
        let total = play(environment, &policy, settings.n_periods, settings.seed, lane, &mut visit);
        (total, visits)
    };
    let lanes: Vec<_> = (0..N_LANES).into_par_iter().map(of_lane).collect();
    let mut visits: HashMap<usize, u32> = HashMap::new();
    let mut total = 0.0;
    for (of_lane, of_states) in lanes {
        total += of_lane;
        of_states.into_iter().for_each(|(state_idx, n)| *visits.entry(state_idx).or_default() += n);
    }
    (total / (N_LANES * settings.n_periods) as f64, visits.into_iter().collect())
}

/// Plays a lane; `visit` sees the states of the periods that count, whose costs are summed.
fn play<E: FiniteEnvironment>(
    environment: &E,
    policy: &dyn Fn(&E::State) -> E::Action,
    n_periods: u64,
    seed: u64,
    lane: u64,
    visit: &mut dyn FnMut(&E::State),
) -> f64 {
    let mut state = environment.initial_state();
    let mut total = 0.0;
    for period in 0..N_WARM_UP + n_periods {
        let action = policy(&state);
        let mut stream = Stream::new(seed, Purpose::Validation, 0, lane, period);
        let chance = environment.sample_chance(&state, &action, &mut stream);
        if period >= N_WARM_UP {
            visit(&state);
        }
        let cost = environment.step(&mut state, &action, &chance).cost;
        if period >= N_WARM_UP {
            total += cost;
        }
    }
    total
}

/// Numbers of the states visited most in which there is a choice; of equally visited ones the smaller first.
fn most_visited<E: FiniteEnvironment>(environment: &E, visits: &[(usize, u32)], n_states: usize) -> Vec<usize> {
    let mut visits = visits.to_vec();
    visits.sort_unstable_by_key(|(state_idx, n)| (std::cmp::Reverse(*n), *state_idx));
    let mut actions = Vec::new();
    let mut has_choice = |state_idx: &usize| {
        environment.actions(&environment.state(*state_idx), &mut actions);
        actions.len() > 1
    };
    visits.into_iter().map(|(state_idx, _)| state_idx).filter(|idx| has_choice(idx)).take(n_states).collect()
}

/// One improvement of a policy.
struct Generation<'a, E: FiniteEnvironment> {
    environment: &'a E,
    laws: &'a [Law],
    /// `[n_states]`
    policy: &'a [E::Action],
    settings: &'a IterationSettings,
    generation: u64,
    n_scenarios: u64,
}

impl<E: FiniteEnvironment> Generation<'_, E> {
    /// Visited states with an action that is better than the policy's.
    fn improve(&self, visited: &[usize]) -> Vec<(usize, E::Action)> {
        let (successors, places) = self.successors(visited);
        let values = self.values(&successors);
        let better = |state_idx: &usize| Some((*state_idx, self.better(*state_idx, &places, &values)?));
        visited.par_iter().filter_map(better).collect()
    }

    /// `[n_states]`: what the scenarios cost from each of the numbered states on, up to a number common to all, currency.
    fn values(&self, states: &[usize]) -> Vec<f64> {
        let n_scenarios = self.n_scenarios / N_GROUPS;
        let of_group = |group: u64| {
            let mut rollouts = Rollouts::new(self.environment.n_states());
            let mut values = vec![0.0; states.len()];
            for scenario in group * n_scenarios..(group + 1) * n_scenarios {
                rollouts.play(self, states, scenario, &mut values);
            }
            values
        };
        let groups: Vec<Vec<f64>> = (0..N_GROUPS).into_par_iter().map(of_group).collect();
        let mean = |state: usize| groups.iter().map(|values| values[state]).sum::<f64>() / self.n_scenarios as f64;
        (0..states.len()).map(mean).collect()
    }

    /// States that one period can lead to, and the place of each numbered state among them.
    fn successors(&self, visited: &[usize]) -> (Vec<usize>, Vec<u32>) {
        let of_state = |state_idx: &usize| {
            let state = self.environment.state(*state_idx);
            let (mut actions, mut chances, mut reached) = (Vec::new(), Vec::new(), Vec::new());
            self.environment.actions(&state, &mut actions);
            for action in &actions {
                self.expect(&state, action, &mut chances, &mut |successor, _| reached.push(successor));
                reached.sort_unstable();
                reached.dedup();
            }
            reached
        };
        let reached: Vec<Vec<usize>> = visited.par_iter().map(of_state).collect();
        let mut successors = reached.concat();
        successors.sort_unstable();
        successors.dedup();
        let mut places = vec![u32::MAX; self.environment.n_states()];
        successors.iter().enumerate().for_each(|(place, state_idx)| places[*state_idx] = place as u32);
        (successors, places)
    }

    /// Calls `successor` for each next state with its probability; the expected cost of the period.
    fn expect(
        &self,
        state: &E::State,
        action: &E::Action,
        chances: &mut Vec<(E::Chance, f64)>,
        successor: &mut dyn FnMut(usize, f64),
    ) -> f64 {
        if !self.laws.is_empty() {
            let run = self.environment.run(state, action);
            let law = &self.laws[run.law as usize];
            for (idx, probability) in law.probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                successor(run.first as usize + idx, *probability);
            }
            return law.cost + run.extra_cost;
        }
        self.environment.chances(state, action, chances);
        let mut cost = 0.0;
        for (chance, probability) in chances.iter() {
            let mut next = state.clone();
            cost += probability * self.environment.step(&mut next, action, chance).cost;
            successor(self.environment.state_idx(&next), *probability);
        }
        cost
    }

    /// The cheapest action of a state, if it is cheaper than the policy's.
    fn better(&self, state_idx: usize, places: &[u32], values: &[f64]) -> Option<E::Action> {
        let state = self.environment.state(state_idx);
        let (mut actions, mut chances) = (Vec::new(), Vec::new());
        self.environment.actions(&state, &mut actions);
        let mut cost = |action: &E::Action| {
            let mut later = 0.0;
            let of_period = self.expect(&state, action, &mut chances, &mut |successor, probability| {
                later += probability * values[places[successor] as usize];
            });
            of_period + later
        };
        let own = &self.policy[state_idx];
        let (mut best, mut least) = (None, cost(own));
        for action in actions.iter().filter(|action| *action != own) {
            let cost = cost(action);
            // What is left of a tie by rounding is no reason to change.
            if cost < least - 1e-9 * least.abs() {
                (best, least) = (Some(action), cost);
            }
        }
        best.cloned()
    }
}

/// Rollouts of one scenario from many states, side by side.
struct Rollouts<S> {
    /// `[n_states]`: the layer in which a state was met last, and its place there.
    met: Vec<(u32, u32)>,
    n_layers: u32,
    /// The states of a period and of the next.
    states: Vec<(S, usize)>,
    next: Vec<(S, usize)>,
    /// For each period: cost of each of its states, and the place of the state that follows.
    layers: Vec<Vec<(f64, u32)>>,
}

impl<S: Clone> Rollouts<S> {
    fn new(n_states: usize) -> Self {
        Self { met: vec![(0, 0); n_states], n_layers: 0, states: Vec::new(), next: Vec::new(), layers: Vec::new() }
    }

    /// Adds what a scenario costs from each of the numbered states on: `[n_from]`.
    fn play<E: FiniteEnvironment<State = S>>(
        &mut self,
        of: &Generation<'_, E>,
        from: &[usize],
        scenario: u64,
        values: &mut [f64],
    ) {
        let (environment, depth) = (of.environment, of.settings.depth);
        self.states.clear();
        self.states.extend(from.iter().map(|state_idx| (environment.state(*state_idx), *state_idx)));
        self.layers.resize_with(depth as usize, Vec::new);
        let mut n_periods = 0;
        for period in 0..depth {
            if self.states.len() == 1 {
                break;
            }
            let stream = Stream::new(of.settings.seed, Purpose::Training, of.generation, scenario, period);
            // Costs fade out over the second half, so that it matters little in which period a scenario ends.
            let fade = (2.0 * (depth - period) as f64 / depth as f64).min(1.0);
            let layer = &mut self.layers[period as usize];
            layer.clear();
            self.next.clear();
            self.n_layers += 1;
            for (state, state_idx) in &self.states {
                let action = &of.policy[*state_idx];
                let chance = environment.sample_chance(state, action, &mut stream.clone());
                let mut state = state.clone();
                let cost = environment.step(&mut state, action, &chance).cost;
                let state_idx = environment.state_idx(&state);
                let (layer_met, place) = &mut self.met[state_idx];
                if *layer_met != self.n_layers {
                    (*layer_met, *place) = (self.n_layers, self.next.len() as u32);
                    self.next.push((state, state_idx));
                }
                layer.push((fade * cost, *place));
            }
            std::mem::swap(&mut self.states, &mut self.next);
            n_periods += 1;
        }
        let mut later = vec![0.0; self.states.len()];
        for layer in self.layers[..n_periods].iter().rev() {
            later = layer.iter().map(|(cost, next)| cost + later[*next as usize]).collect();
        }
        values.iter_mut().zip(&later).for_each(|(value, later)| *value += later);
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::exponential_lead_times::{
        ExponentialLeadTimesParameters, ExponentialLeadTimesState,
    };
    use restock_inventory::environments::lost_sales::LostSalesCosts;
    use restock_inventory::environments::{ExponentialLeadTimes, LostSales, LostSalesState};
    use restock_inventory::exact::{Criterion, Settings, evaluate, solve};

    use super::*;

    const SETTINGS: IterationSettings =
        IterationSettings { n_generations: 30, n_states: 200, n_scenarios: 4_096, depth: 100, n_periods: 500, seed: 4 };

    /// An order costs as much as a unit on the shelf for twenty periods.
    fn fixed_cost() -> LostSales {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 20.0 };
        LostSales::with_caps(2, costs, vec![DiscreteDemand::poisson(2.0, 12)], 20, 20)
    }

    /// Orders in each period, whatever that costs.
    fn base_stock(state: &LostSalesState) -> i64 {
        (9 - state.inventory_position()).max(0)
    }

    fn average_cost<E: FiniteEnvironment>(environment: &E, policy: impl Fn(&E::State) -> E::Action + Sync) -> f64 {
        evaluate(environment, policy, Criterion::Average, &Settings::default()).average_cost.unwrap()
    }

    fn optimum<E: FiniteEnvironment>(environment: &E) -> f64 {
        solve(environment, Criterion::Average, &Settings::default()).average_cost.unwrap()
    }

    /// No slope leads from an order in each period to one in several. Scenarios are few here, so half a per cent may be left.
    #[test]
    fn a_fixed_cost_is_learned_from_a_policy_that_knows_none() {
        let problem = fixed_cost();
        let improved = IteratedPolicy::new(&problem, &base_stock, &SETTINGS);
        let optimum = optimum(&problem);
        let before = average_cost(&problem, base_stock) / optimum - 1.0;
        let after = average_cost(&problem, |state| improved.action(&problem, state)) / optimum - 1.0;
        assert!(before > 0.5, "{before}");
        assert!((-1e-5..0.005).contains(&after), "{after}");
        assert!(improved.costs.is_sorted_by(|earlier, later| later < earlier), "{:?}", improved.costs);
    }

    /// Base-stock sees what is on order and in stock together. Where orders cross they matter apart, and most of that is
    /// learned.
    #[test]
    fn crossing_orders_are_told_from_stock() {
        let problem = ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
            demand_rate: 2.0,
            delivery_rate: 0.5,
            holding_cost: 1.0,
            backorder_cost: 1.0,
            max_order: 3,
            max_on_order: 16,
            max_position: 16,
            max_backorders: 10,
        });
        let base_stock = |state: &ExponentialLeadTimesState| {
            (4 - state.net_inventory - state.on_order).clamp(0, problem.max_order(state))
        };
        let settings = IterationSettings { depth: 400, n_periods: 2_000, ..SETTINGS };
        let improved = IteratedPolicy::new(&problem, &base_stock, &settings);
        let optimum = optimum(&problem);
        let before = average_cost(&problem, base_stock) / optimum - 1.0;
        let after = average_cost(&problem, |state| improved.action(&problem, state)) / optimum - 1.0;
        assert!((-1e-5..0.1 * before).contains(&after), "{before} becomes {after}");
    }

    /// Rollouts that go on as one once they have met cost what each would cost alone: relative values are the exact ones.
    #[test]
    fn values_are_the_exact_relative_values() {
        let problem = fixed_cost();
        let states: Vec<usize> = (0..problem.n_states()).step_by(7).collect();
        let policy: Vec<i64> = (0..problem.n_states()).map(|idx| base_stock(&problem.state(idx))).collect();
        let n_scenarios = 8_192;
        let (laws, settings) = (problem.laws(), &SETTINGS);
        let of =
            Generation { environment: &problem, laws: &laws, policy: &policy, settings, generation: 0, n_scenarios };
        let values = of.values(&states);
        let exact = evaluate(&problem, base_stock, Criterion::Average, &Settings::default()).values;
        for (state_idx, value) in states.iter().zip(&values) {
            let (value, exact) = (value - values[0], exact[*state_idx] - exact[states[0]]);
            // An order cost of 20 more or less in every scenario would be a standard error of 20/√8192: five of them.
            assert!((value - exact).abs() < 1.1, "state {state_idx}: {value}, exactly {exact}");
        }
    }

    #[test]
    fn threads_change_nothing() {
        let problem = fixed_cost();
        let settings = IterationSettings { n_generations: 2, n_scenarios: 256, ..SETTINGS };
        let improve = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| IteratedPolicy::new(&problem, &base_stock, &settings))
        };
        assert_eq!(improve(1), improve(3));
    }
}
