//! Costs of policies by simulation, with common random numbers.
//!
//! Path `i` of every policy sees the same chances, because its generator depends on the seed and on `i` only; differences
//! between policies are then far more certain than their costs. Exact evaluation is better wherever states can be
//! enumerated.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use restock_core::environment::Environment;

/// How long to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// Independent paths, at least 2.
    pub n_paths: usize,
    /// Periods of a path whose costs count.
    pub n_periods: usize,
    /// Periods before them.
    pub n_warm_up: usize,
    /// The seed; the same seed gives the same numbers on any number of threads.
    pub seed: u64,
}

/// An average cost and how certain it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Average cost per period, currency.
    pub mean: f64,
    /// Standard error of the mean, from the paths, currency.
    pub standard_error: f64,
}

impl Simulation {
    /// The average cost per period of a policy from the initial state.
    ///
    /// # Panics
    /// When there are fewer than two paths or no periods.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::discrete_demand::DiscreteDemand;
    /// use restock_inventory::environments::{LostSales, LostSalesState, lost_sales::LostSalesCosts};
    /// use restock_inventory::heuristics::CappedBaseStock;
    /// use restock_inventory::simulation::Simulation;
    ///
    /// let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
    /// let demand = vec![DiscreteDemand::poisson(5.0, 60)];
    /// let policy = CappedBaseStock { base_stock_level: 17, max_order: 5 };
    /// let exact = policy.average_cost(2, costs, &demand, 1e-6);
    ///
    /// let problem = LostSales::new(2, costs, demand);
    /// let simulation = Simulation { n_paths: 100, n_periods: 1_000, n_warm_up: 50, seed: 1 };
    /// let order = |state: &LostSalesState| policy.order_quantity(state.inventory_position());
    /// let estimate = simulation.average_cost(&problem, order);
    /// assert!((estimate.mean - exact).abs() < 4.0 * estimate.standard_error);
    /// ```
    pub fn average_cost<E: Environment>(
        &self,
        environment: &E,
        policy: impl Fn(&E::State) -> E::Action + Sync,
    ) -> Estimate {
        assert!(self.n_paths >= 2 && self.n_periods >= 1, "{self:?}");
        let paths = (0..self.n_paths as u64).into_par_iter();
        let means: Vec<f64> = paths.map(|path_idx| self.path(environment, &policy, path_idx)).collect();
        let n_paths = self.n_paths as f64;
        let mean = means.iter().sum::<f64>() / n_paths;
        let variance = means.iter().map(|path| (path - mean).powi(2)).sum::<f64>() / (n_paths - 1.0);
        Estimate { mean, standard_error: (variance / n_paths).sqrt() }
    }

    fn path<E: Environment>(&self, environment: &E, policy: impl Fn(&E::State) -> E::Action, path_idx: u64) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(path_idx);
        let mut state = environment.initial_state();
        let mut cost = 0.0;
        for period in 0..self.n_warm_up + self.n_periods {
            let action = policy(&state);
            let chance = environment.sample_chance(&state, &action, &mut rng);
            let outcome = environment.step(&mut state, &action, &chance);
            if period >= self.n_warm_up {
                cost += outcome.cost;
            }
        }
        cost / self.n_periods as f64
    }
}
