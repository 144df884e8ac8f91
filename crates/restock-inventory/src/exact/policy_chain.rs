//! The Markov chain of one policy on the states that it reaches.
//!
//! A policy often visits few of the states that a problem has, and some policies go where the caps of an enumeration do
//! not reach. Following the policy from the initial state needs neither numbers of states nor caps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use restock_core::environment::FiniteEnvironment;

use super::markov::{Chain, Criterion, Evaluation, Settings};

/// The states that a policy reaches from the initial state, with its costs and transitions.
///
/// # Examples
/// ```
/// use restock_inventory::discrete_demand::DiscreteDemand;
/// use restock_inventory::environments::{LostSales, LostSalesState, lost_sales::LostSalesCosts};
/// use restock_inventory::exact::{PolicyChain, Settings};
///
/// let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
/// let problem = LostSales::new(1, costs, vec![DiscreteDemand::poisson(5.0, 60)]);
/// let base_stock = |state: &LostSalesState| (12 - state.inventory_position()).max(0);
/// let chain = PolicyChain::new(&problem, base_stock);
/// assert_eq!(chain.states().len(), 13);
/// assert!(chain.average_cost(&Settings::default()).converged);
/// ```
#[derive(Clone, Debug)]
pub struct PolicyChain<S> {
    states: Vec<S>,
    chain: Chain,
}

impl<S: Clone + Eq + Hash> PolicyChain<S> {
    /// Follows `policy` from the initial state until no new state appears.
    ///
    /// # Panics
    /// When more than 2^32 states are reached.
    pub fn new<E: FiniteEnvironment<State = S>>(environment: &E, policy: impl Fn(&S) -> E::Action) -> Self {
        let mut states = vec![environment.initial_state()];
        let mut numbers: HashMap<S, u32> = HashMap::from([(states[0].clone(), 0)]);
        let mut chain = Chain { costs: Vec::new(), first: vec![0], successors: Vec::new() };
        let mut chances = Vec::new();
        let mut state_idx = 0;
        while state_idx < states.len() {
            let state = states[state_idx].clone();
            let action = policy(&state);
            environment.chances(&state, &action, &mut chances);
            let mut cost = 0.0;
            for (chance, probability) in &chances {
                let mut successor = state.clone();
                cost += probability * environment.step(&mut successor, &action, chance).cost;
                let n_states = u32::try_from(states.len()).expect("at most 2^32 states");
                let number = match numbers.entry(successor) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        states.push(new.key().clone());
                        *new.insert(n_states)
                    }
                };
                chain.successors.push((number, *probability));
            }
            chain.costs.push(cost);
            chain.first.push(chain.successors.len());
            state_idx += 1;
        }
        Self { states, chain }
    }

    /// The states reached, the initial one first.
    pub fn states(&self) -> &[S] {
        &self.states
    }

    /// The long-run average cost per period, where it does not depend on the state that an episode starts in.
    pub fn average_cost(&self, settings: &Settings) -> Evaluation {
        self.chain.evaluate(Criterion::Average, settings)
    }

    /// `[n_periods]`: the expected cost of each period of an episode, currency.
    pub fn expected_costs(&self, n_periods: usize) -> Vec<f64> {
        let mut probabilities = vec![0.0; self.states.len()];
        probabilities[0] = 1.0;
        (0..n_periods)
            .map(|_| {
                let cost =
                    probabilities.iter().zip(&self.chain.costs).map(|(probability, cost)| probability * cost).sum();
                let mut next = vec![0.0; self.states.len()];
                for (state_idx, probability) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                    let successors = self.chain.first[state_idx]..self.chain.first[state_idx + 1];
                    for (successor, transition) in &self.chain.successors[successors] {
                        next[*successor as usize] += probability * transition;
                    }
                }
                probabilities = next;
                cost
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::lost_sales::LostSalesCosts;
    use crate::environments::{LostSales, LostSalesState};
    use crate::exact::evaluate;

    #[test]
    fn equals_the_evaluation_over_all_states_and_the_long_run() {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 0.0 };
        let problem = LostSales::with_caps(3, costs, vec![DiscreteDemand::poisson(2.0, 30)], 12, 12);
        let base_stock = |state: &LostSalesState| 12 - state.inventory_position();
        let all = evaluate(&problem, base_stock, Criterion::Average, &Settings::default()).average_cost.unwrap();
        let chain = PolicyChain::new(&problem, base_stock);
        let reached = chain.average_cost(&Settings::default()).average_cost.unwrap();
        assert!((all - reached).abs() < 1e-6, "{all} over all states, {reached} over those reached");
        let last = *chain.expected_costs(400).last().unwrap();
        assert!((last - reached).abs() < 1e-6, "{last} in period 400, {reached} on average");
    }
}
