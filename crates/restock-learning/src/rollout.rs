//! Policy improvement by simulation: rollouts of the decisions around a network's order
//! (Bertsekas, Tsitsiklis & Wu 1997, "Rollout algorithms for combinatorial optimization"; Temizöz et al. 2025, "Deep
//! controlled learning for inventory control", without the network that learns the result).
//!
//! A policy trained on continuous quantities is deployed in whole units, and the nearest is not always the best. For
//! each of the states that the policy visits most, the order of the network and those one unit beside it are tried: the
//! order is placed, the network goes on for `depth` periods, and what that costs is averaged over scenarios. All orders
//! meet the same scenarios (common random numbers), and those that are clearly worse drop out early, as in sequential
//! halving (Karnin, Koren & Somekh 2013). Where another order is better beyond doubt it takes the network's place. The next
//! generation does the same with the policy that results, in the states that it visits; a generation that does not lower
//! the simulated cost is dropped, and with it those after it.

use std::collections::HashMap;
use std::hash::Hash;

use rayon::prelude::*;
use restock_core::environment::Environment;
use restock_inventory::lanes::{LaneRng, N_LANES};
use serde::{Deserialize, Serialize};

use crate::network::{LoadedNetwork, Row};
use crate::pathwise::Player;
use crate::policy::NetworkPolicy;
use crate::relaxed::Relaxed;

/// The state and action of a relaxed problem in whole units.
type State<R> = <<R as Relaxed>::Plain as Environment>::State;
type Action<R> = <<R as Relaxed>::Plain as Environment>::Action;

/// How orders are tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutSettings {
    /// How often the policy is improved.
    pub n_generations: usize,
    /// Periods of the simulation that says which states are visited, in each of its 512 lanes.
    pub n_visited_periods: usize,
    /// States whose order is tried, the most visited first.
    pub n_states: usize,
    /// Periods of a rollout, that of the order included.
    pub depth: usize,
    /// Most scenarios of an order, a power of two times 128.
    pub n_scenarios: usize,
    /// Standard errors by which an order must be cheaper than the network's.
    pub n_standard_errors: f64,
    /// What a cost one period later counts, 1 for the average cost.
    pub discount_factor: f64,
    /// Seed of all that chance decides.
    pub seed: u64,
}

impl Default for RolloutSettings {
    fn default() -> Self {
        Self {
            n_generations: 3,
            n_visited_periods: 500,
            n_states: 1_000,
            depth: 30,
            n_scenarios: 16_384,
            n_standard_errors: 2.0,
            discount_factor: 1.0,
            seed: 0xD_C1,
        }
    }
}

/// Lanes of the simulation that says which states are visited, in blocks.
const N_VISITING_BLOCKS: usize = 16;
/// Periods of that simulation that are not counted.
const N_WARM_UP: usize = 100;
/// Units by which an order may move from the network's.
const N_MOVES_MAX: usize = 8;
/// Standard errors from which on a difference is clear.
const CLEAR: f64 = 4.0;
/// Blocks of the first round of scenarios.
const FIRST_BLOCKS: usize = 4;

/// A network whose orders are replaced in some states.
#[derive(Debug, PartialEq)]
pub struct ImprovedPolicy<R: Relaxed>
where
    State<R>: Eq + Hash + Ord,
{
    /// What decides everywhere else.
    pub network: NetworkPolicy,
    /// The orders that are better than the network's.
    pub orders: HashMap<State<R>, Action<R>>,
    /// States that were tried.
    pub n_tried: usize,
}

impl<R: Relaxed> ImprovedPolicy<R>
where
    State<R>: Eq + Hash + Ord,
{
    /// Tries the orders of a network in the states that it visits.
    pub fn new(relaxed: &R, network: &NetworkPolicy, settings: &RolloutSettings) -> Self {
        let loaded = network.network.load(&network.weights);
        let mut policy = Self { network: network.clone(), orders: HashMap::new(), n_tried: 0 };
        for generation in 0..settings.n_generations {
            // Each generation has chances of its own: a lucky order does not stay lucky.
            let settings = RolloutSettings { seed: settings.seed.wrapping_add(2 * generation as u64), ..*settings };
            let states = visited(relaxed, &policy, &loaded, &settings);
            policy.n_tried = states.len();
            let better = |(state_idx, state): (usize, State<R>)| {
                let order = best_order(relaxed, &policy, &loaded, &settings, &state, state_idx as u64)?;
                Some((state, order))
            };
            let orders: Vec<_> = states.into_par_iter().enumerate().with_min_len(16).filter_map(better).collect();
            let mut next = policy.clone();
            next.orders.extend(orders);
            // Where a policy visits states in turn, what a rollout leaves out at its end can mislead it.
            if simulated_cost(relaxed, &next, &loaded, &settings)
                >= simulated_cost(relaxed, &policy, &loaded, &settings)
            {
                break;
            }
            policy = next;
        }
        policy
    }

    /// The orders of a block of lanes.
    fn decide(&self, relaxed: &R, loaded: &LoadedNetwork, player: &mut Player) {
        player.decide(relaxed, loaded);
        if self.orders.is_empty() {
            return;
        }
        for lane in 0..N_LANES {
            if let Some(order) = self.orders.get(&relaxed.state(&player.state, lane)) {
                relaxed.set_action(&mut player.action, lane, order);
            }
        }
    }

    /// The action in a state.
    pub fn action(&self, relaxed: &R, state: &State<R>) -> Action<R> {
        self.orders.get(state).cloned().unwrap_or_else(|| self.network.action(relaxed, state))
    }
}

impl<R: Relaxed> Clone for ImprovedPolicy<R>
where
    State<R>: Eq + Hash + Ord,
{
    fn clone(&self) -> Self {
        Self { network: self.network.clone(), orders: self.orders.clone(), n_tried: self.n_tried }
    }
}

/// The states that a policy visits most, the first ones most; of equally visited states the smaller first.
fn visited<R: Relaxed>(
    relaxed: &R,
    policy: &ImprovedPolicy<R>,
    loaded: &LoadedNetwork,
    settings: &RolloutSettings,
) -> Vec<State<R>>
where
    State<R>: Eq + Hash + Ord,
{
    let of_block = |block_idx: usize| {
        let mut counts: HashMap<State<R>, u32> = HashMap::new();
        let mut player = Player::new(relaxed, policy.network.network.trace());
        let mut rng = LaneRng::new(settings.seed, block_idx as u64);
        player.restart(relaxed, block_idx);
        for period in 0..N_WARM_UP + settings.n_visited_periods {
            if period >= N_WARM_UP {
                for lane in 0..N_LANES {
                    *counts.entry(relaxed.state(&player.state, lane)).or_default() += 1;
                }
            }
            policy.decide(relaxed, loaded, &mut player);
            player.step(relaxed, &mut rng);
        }
        counts
    };
    let blocks: Vec<_> = (0..N_VISITING_BLOCKS).into_par_iter().map(of_block).collect();
    let mut counts = HashMap::new();
    for (state, count) in blocks.into_iter().flatten() {
        *counts.entry(state).or_insert(0) += count;
    }
    let mut states: Vec<_> = counts.into_iter().collect();
    states.sort_by(|(a, n_a), (b, n_b)| n_b.cmp(n_a).then_with(|| a.cmp(b)));
    states.truncate(settings.n_states);
    states.into_iter().map(|(state, _)| state).collect()
}

/// The mean cost of a period under a policy, currency; with one seed policies meet the same chances.
fn simulated_cost<R: Relaxed>(
    relaxed: &R,
    policy: &ImprovedPolicy<R>,
    loaded: &LoadedNetwork,
    settings: &RolloutSettings,
) -> f64
where
    State<R>: Eq + Hash + Ord,
{
    let of_block = |block_idx: usize| {
        let mut player = Player::new(relaxed, policy.network.network.trace());
        let mut rng = LaneRng::new(settings.seed, (N_VISITING_BLOCKS + block_idx) as u64);
        player.restart(relaxed, block_idx);
        let mut total = 0.0;
        for period in 0..N_WARM_UP + settings.n_visited_periods {
            policy.decide(relaxed, loaded, &mut player);
            let cost = player.step(relaxed, &mut rng);
            if period >= N_WARM_UP {
                total += cost.0.iter().map(|cost| f64::from(*cost)).sum::<f64>();
            }
        }
        total
    };
    let blocks: Vec<f64> = (0..N_VISITING_BLOCKS).into_par_iter().map(of_block).collect();
    blocks.iter().sum::<f64>() / (N_VISITING_BLOCKS * N_LANES * settings.n_visited_periods) as f64
}

/// The order that is better than the policy's, if there is one: the best within one unit of it, then the best within
/// one unit of that, as long as there is a better one.
fn best_order<R: Relaxed>(
    relaxed: &R,
    policy: &ImprovedPolicy<R>,
    loaded: &LoadedNetwork,
    settings: &RolloutSettings,
    state: &State<R>,
    state_idx: u64,
) -> Option<Action<R>>
where
    State<R>: Eq + Hash + Ord,
{
    let own = policy.action(relaxed, state);
    let mut best = own.clone();
    for _ in 0..N_MOVES_MAX {
        match better_beside(relaxed, policy, loaded, settings, state, &best, state_idx) {
            Some(better) => best = better,
            None => break,
        }
    }
    (best != own).then_some(best)
}

/// The best of the orders one unit beside `own`, if it is better.
#[allow(clippy::too_many_arguments)]
fn better_beside<R: Relaxed>(
    relaxed: &R,
    policy: &ImprovedPolicy<R>,
    loaded: &LoadedNetwork,
    settings: &RolloutSettings,
    state: &State<R>,
    own: &Action<R>,
    state_idx: u64,
) -> Option<Action<R>>
where
    State<R>: Eq + Hash + Ord,
{
    let mut rows = vec![Row::ZERO; relaxed.rows().action];
    relaxed.set_action(&mut rows, 0, own);
    let mut others = Vec::new();
    for row in 0..rows.len() {
        for shift in [-1.0, 1.0] {
            let mut beside: Vec<f64> = rows.iter().map(|row| f64::from(row.0[0])).collect();
            beside[row] += shift;
            let action = relaxed.nearest(state, &beside);
            if action != *own && !others.contains(&action) {
                others.push(action);
            }
        }
    }
    let mut player = Player::new(relaxed, policy.network.network.trace());
    // Sums of differences to the own order over scenarios, and of their squares.
    let mut sums = vec![(0.0, 0.0); others.len()];
    let mut is_in = vec![true; others.len()];
    let (mut n_blocks, mut round) = (0, FIRST_BLOCKS);
    while n_blocks * N_LANES < settings.n_scenarios {
        for block_idx in n_blocks..n_blocks + round {
            let mut cost = |action: &Action<R>| {
                let block_idx = state_idx * (settings.n_scenarios / N_LANES) as u64 + block_idx as u64;
                rollout(relaxed, policy, loaded, settings, &mut player, state, action, block_idx)
            };
            let of_own = cost(own);
            for (other, (sum, squares)) in sums.iter_mut().enumerate().filter(|(other, _)| is_in[*other]) {
                for (cost, own) in cost(&others[other]).iter().zip(&of_own) {
                    *sum += cost - own;
                    *squares += (cost - own).powi(2);
                }
            }
        }
        n_blocks += round;
        round = n_blocks;
        let n_scenarios = (n_blocks * N_LANES) as f64;
        let mut is_open = false;
        for (other, (sum, squares)) in sums.iter().enumerate() {
            let error = standard_error(*sum, *squares, n_scenarios);
            let mean = sum / n_scenarios;
            // An order that is clearly dearer drops out; one that is clearly cheaper needs no more scenarios.
            is_in[other] &= mean < CLEAR * error;
            is_open |= is_in[other] && mean > -CLEAR * error;
        }
        if !is_open {
            break;
        }
    }
    let n_scenarios = (n_blocks * N_LANES) as f64;
    let candidates = (0..others.len()).filter(|other| is_in[*other]);
    let best = candidates.min_by(|a, b| sums[*a].0.total_cmp(&sums[*b].0))?;
    let (sum, squares) = sums[best];
    let is_better = sum / n_scenarios < -settings.n_standard_errors * standard_error(sum, squares, n_scenarios);
    is_better.then(|| others.swap_remove(best))
}

fn standard_error(sum: f64, squares: f64, n: f64) -> f64 {
    let mean = sum / n;
    ((squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt()
}

/// The cost of an order and of the policy after it, in each scenario of a block.
#[allow(clippy::too_many_arguments)]
fn rollout<R: Relaxed>(
    relaxed: &R,
    policy: &ImprovedPolicy<R>,
    loaded: &LoadedNetwork,
    settings: &RolloutSettings,
    player: &mut Player,
    state: &State<R>,
    action: &Action<R>,
    block_idx: u64,
) -> [f64; N_LANES]
where
    State<R>: Eq + Hash + Ord,
{
    let mut rng = LaneRng::new(settings.seed.wrapping_add(1), block_idx);
    for lane in 0..N_LANES {
        relaxed.set_state(&mut player.state, lane, state);
        relaxed.set_action(&mut player.action, lane, action);
    }
    let (mut total, mut weight) = ([0.0; N_LANES], 1.0);
    for period in 0..settings.depth {
        if period > 0 {
            policy.decide(relaxed, loaded, player);
        }
        let cost = player.step(relaxed, &mut rng);
        // Costs fade out over the second half, so that it matters little in which period a rollout ends.
        let fade = (2.0 * (settings.depth - period) as f64 / settings.depth as f64).min(1.0);
        total.iter_mut().zip(&cost.0).for_each(|(total, cost)| *total += fade * weight * f64::from(*cost));
        weight *= settings.discount_factor;
    }
    total
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::Perishable;
    use restock_inventory::environments::perishable::{HoldingCharge, IssuingLaw, PerishableCosts};
    use restock_inventory::exact::{Criterion, PolicyChain, Settings, solve};

    use super::*;
    use crate::pathwise::{PathwiseSettings, Training};
    use crate::relaxed::RelaxedPerishable;

    fn problem() -> RelaxedPerishable {
        let costs = PerishableCosts { stockout_cost: 6.0, waste_cost: 4.0, holding_cost: 0.5, ..Default::default() };
        let law = IssuingLaw::lifo(&DiscreteDemand::poisson(2.0, 12));
        RelaxedPerishable::new(Perishable::new(2, 1, costs, law, HoldingCharge::AfterExpiry, 8, 16))
    }

    /// A network after a few steps.
    fn novice(relaxed: &RelaxedPerishable) -> NetworkPolicy {
        let mut training = Training::new(relaxed, PathwiseSettings { n_lanes: 128, ..PathwiseSettings::default() });
        training.run(relaxed, 25, |_| {});
        training.policy(relaxed)
    }

    const SETTINGS: RolloutSettings = RolloutSettings {
        n_generations: 2,
        n_visited_periods: 100,
        n_states: 60,
        depth: 15,
        n_scenarios: 4_096,
        n_standard_errors: 3.0,
        discount_factor: 1.0,
        seed: 9,
    };

    /// A network that has hardly been trained gains, and no policy beats the optimum.
    #[test]
    fn rollouts_lower_the_exact_cost() {
        let relaxed = problem();
        let network = novice(&relaxed);
        let improved = ImprovedPolicy::<RelaxedPerishable>::new(&relaxed, &network, &SETTINGS);
        let cost = |chain: PolicyChain<_>| chain.average_cost(&Settings::default()).average_cost.unwrap();
        let before = cost(PolicyChain::new(relaxed.plain(), |state| network.action(&relaxed, state)));
        let after = cost(PolicyChain::new(relaxed.plain(), |state| improved.action(&relaxed, state)));
        let optimum = solve(relaxed.plain(), Criterion::Average, &Settings::default()).average_cost.unwrap();
        assert!(!improved.orders.is_empty());
        assert!(optimum < after + 1e-5, "{after}, the optimum is {optimum}");
        // At least half of what there was to gain.
        assert!(after - optimum < 0.5 * (before - optimum), "{before} becomes {after}, the optimum is {optimum}");
    }

    #[test]
    fn threads_change_nothing() {
        let relaxed = problem();
        let network = novice(&relaxed);
        let improve = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| ImprovedPolicy::<RelaxedPerishable>::new(&relaxed, &network, &SETTINGS)).orders
        };
        assert_eq!(improve(1), improve(3));
    }
}
