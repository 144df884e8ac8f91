//! A serial system under periodic review with backorders: `serial-v1`.
//!
//! Stage 1 serves customers, stage j + 1 supplies stage j, the last stage orders from outside without limit (Clark &
//! Scarf 1960). Numbers are units; costs are currency per unit and period. Its exact optimum is
//! [`crate::clark_scarf`] with the period's demand as review demand.

use rand::Rng;

use restock_core::Units;
use restock_core::environment::{Environment, PeriodOutcome};

use crate::clark_scarf::{SerialStage, SerialSystem};
use crate::discrete_demand::DiscreteDemand;
use crate::grid_demand::GridDemand;

/// Most stages.
pub const STAGES_MAX: usize = 8;

/// Longest lead time of a stage, periods.
pub const LEAD_TIME_MAX: usize = 8;

/// A quantity per stage, from the customers upstream; 0 beyond the last stage.
pub type PerStage = [Units; STAGES_MAX];

/// Whether stock on the way between two stages costs the supplying stage's local holding cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTransit {
    /// It does, the convention of echelon holding costs (Clark & Scarf 1960).
    Charged,
    /// It does not (Alvo et al. 2023).
    Free,
}

/// The serial problem.
#[derive(Clone, Debug)]
pub struct Serial {
    holding_costs: Vec<f64>,
    lead_times: Vec<usize>,
    backorder_cost: f64,
    in_transit: InTransit,
    demand: DiscreteDemand,
}

/// Stock at the start of a period, after what was due has arrived and gone to waiting customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SerialState {
    /// Units on the shelf of each stage.
    pub on_hand: PerStage,
    /// `[stage][k]`: units that arrive at the start of the period `k + 1` from now.
    pub pipeline: [[Units; LEAD_TIME_MAX]; STAGES_MAX],
    /// Units that customers wait for.
    pub backorders: Units,
}

impl SerialState {
    /// On hand at stages 1 to j, on the way to them, less backorders: the echelon inventory position, units.
    pub fn echelon_inventory_position(&self, stage_idx: usize) -> Units {
        let stages = 0..=stage_idx;
        stages.map(|j| self.on_hand[j] + self.pipeline[j].iter().sum::<Units>()).sum::<Units>() - self.backorders
    }

    /// Puts units on the shelf; at stage 1 waiting customers come first. Returns what they got.
    fn receive(&mut self, stage_idx: usize, quantity: Units) -> Units {
        let issued_late = if stage_idx == 0 { quantity.min(self.backorders) } else { 0 };
        self.backorders -= issued_late;
        self.on_hand[stage_idx] += quantity - issued_late;
        issued_late
    }
}

impl Serial {
    /// A system of as many stages as there are `holding_costs`, from the customers upstream; orders of a stage arrive
    /// `lead_times[stage]` periods after they are placed, at the start of the period.
    ///
    /// # Panics
    /// Unless there are 1 to [`STAGES_MAX`] stages with one lead time of at most [`LEAD_TIME_MAX`] each, and costs are
    /// positive and grow towards the customers.
    pub fn new(
        holding_costs: Vec<f64>,
        lead_times: Vec<usize>,
        backorder_cost: f64,
        in_transit: InTransit,
        demand: DiscreteDemand,
    ) -> Self {
        let n_stages = holding_costs.len();
        assert!((1..=STAGES_MAX).contains(&n_stages), "{n_stages} stages, 1 to {STAGES_MAX} are supported");
        assert_eq!(n_stages, lead_times.len(), "a lead time for each stage");
        assert!(lead_times.iter().all(|lead_time| *lead_time <= LEAD_TIME_MAX), "{lead_times:?}");
        assert!(backorder_cost > 0.0 && holding_costs[n_stages - 1] > 0.0);
        assert!(holding_costs.is_sorted_by(|downstream, upstream| downstream > upstream), "{holding_costs:?}");
        Self { holding_costs, lead_times, backorder_cost, in_transit, demand }
    }

    /// `[n_stages]`: holding cost of each stage, from the customers upstream, currency per unit and period.
    pub fn holding_costs(&self) -> &[f64] {
        &self.holding_costs
    }

    /// `[n_stages]`: periods from order to arrival at each stage.
    pub fn lead_times(&self) -> &[usize] {
        &self.lead_times
    }

    /// Cost per waiting unit and period, currency.
    pub fn backorder_cost(&self) -> f64 {
        self.backorder_cost
    }

    /// Whether stock on the way is charged.
    pub fn in_transit(&self) -> InTransit {
        self.in_transit
    }

    /// The demand law of a period.
    pub fn demand(&self) -> &DiscreteDemand {
        &self.demand
    }

    /// Number of stages.
    pub fn n_stages(&self) -> usize {
        self.holding_costs.len()
    }

    /// The same system for the exact recursion. Its average cost includes stock in transit; see
    /// [`crate::clark_scarf::SerialSolution::in_transit_cost`].
    pub fn system(&self) -> SerialSystem {
        let demand = GridDemand::discrete(&self.demand);
        let stages = (0..self.n_stages()).map(|j| SerialStage {
            echelon_holding_cost: self.holding_costs[j] - self.holding_costs.get(j + 1).copied().unwrap_or(0.0),
            lead_time_demand: demand.times(self.lead_times[j]),
        });
        SerialSystem { stages: stages.collect(), backorder_cost: self.backorder_cost, review_demand: Some(demand) }
    }

    fn in_transit_cost(&self, state: &SerialState) -> f64 {
        // What is on the way to stage j comes from stage j + 1 and is charged at that stage's rate; the outside supplier
        // pays for what is on the way to the last stage.
        let links = self.holding_costs[1..].iter().zip(&state.pipeline);
        links.map(|(holding_cost, pipeline)| holding_cost * pipeline.iter().sum::<Units>() as f64).sum()
    }
}

impl Environment for Serial {
    type State = SerialState;
    /// Units that each stage asks of the stage upstream.
    type Action = PerStage;
    /// Units that customers want.
    type Chance = Units;

    fn id(&self) -> &'static str {
        "serial-v1"
    }

    fn initial_state(&self) -> SerialState {
        let pipeline = [[0; LEAD_TIME_MAX]; STAGES_MAX];
        SerialState { on_hand: [0; STAGES_MAX], pipeline, backorders: 0 }
    }

    fn sample_action(&self, _: &SerialState, rng: &mut dyn Rng) -> PerStage {
        let highest = 2 * self.demand.mean().ceil() as u64 + 1;
        let mut orders = [0; STAGES_MAX];
        for order_quantity in &mut orders[..self.n_stages()] {
            *order_quantity = (rng.next_u64() % (highest + 1)) as Units;
        }
        orders
    }

    fn sample_chance(&self, _: &SerialState, _: &PerStage, rng: &mut dyn Rng) -> Units {
        self.demand.sample(rng)
    }

    /// Sequence of events in a period: 1. orders, from the last stage downstream: a stage ships what was asked of it as
    /// far as it has it on the shelf, what it cannot ship is forgotten; lead time 0 arrives at once and can be shipped
    /// on; 2. demand, what is not on the shelf waits; 3. holding cost for what is left on each shelf and, where charged,
    /// in transit between stages; backorder cost for who waits; 4. receipt of what is due at the start of the next
    /// period, for waiting customers first.
    fn step(&self, state: &mut SerialState, orders: &PerStage, demand: &Units) -> PeriodOutcome {
        let demand = *demand;
        assert!(0 <= demand && orders.iter().all(|order_quantity| 0 <= *order_quantity));
        let n_stages = self.n_stages();
        let (mut received, mut issued_late) = (0, 0);
        for j in (0..n_stages).rev() {
            let shipped = if j + 1 == n_stages { orders[j] } else { orders[j].min(state.on_hand[j + 1]) };
            if j + 1 < n_stages {
                state.on_hand[j + 1] -= shipped;
            }
            match self.lead_times[j] {
                0 => {
                    received += shipped;
                    issued_late += state.receive(j, shipped);
                }
                lead_time => state.pipeline[j][lead_time - 1] += shipped,
            }
        }
        let sold = demand.min(state.on_hand[0]);
        state.on_hand[0] -= sold;
        let lost = demand - sold;
        state.backorders += lost;
        let shelves = self.holding_costs.iter().zip(&state.on_hand);
        let mut cost = self.backorder_cost * state.backorders as f64
            + shelves.map(|(holding_cost, on_hand)| holding_cost * *on_hand as f64).sum::<f64>();
        if self.in_transit == InTransit::Charged {
            cost += self.in_transit_cost(state);
        }
        for j in 0..n_stages {
            let due = state.pipeline[j][0];
            state.pipeline[j].copy_within(1.., 0);
            state.pipeline[j][LEAD_TIME_MAX - 1] = 0;
            received += due;
            issued_late += state.receive(j, due);
        }
        PeriodOutcome { demand, sold, lost, received, issued_late, cost, expired: 0 }
    }

    fn units(&self, state: &SerialState) -> Units {
        state.on_hand.iter().sum::<Units>() + state.pipeline.iter().flatten().sum::<Units>()
    }

    fn ordered(&self, _: &SerialState, orders: &PerStage, _: &Units) -> Units {
        orders[self.n_stages() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::check_environment;
    use crate::heuristics::echelon_base_stock::serial_orders;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn problem(lead_times: &[usize], in_transit: InTransit) -> Serial {
        let holding_costs = [1.0, 0.6, 0.25, 0.1][..lead_times.len()].to_vec();
        Serial::new(holding_costs, lead_times.to_vec(), 9.0, in_transit, DiscreteDemand::poisson(4.0, 40))
    }

    #[test]
    fn is_an_environment() {
        for lead_times in [&[0][..], &[2], &[1, 0], &[0, 0, 3], &[1, 8, 2, 1]] {
            for in_transit in [InTransit::Charged, InTransit::Free] {
                check_environment(&problem(lead_times, in_transit), 3, 20_000).unwrap();
            }
        }
    }

    /// The simulated cost of the optimal levels is that of the recursion: 400,000 periods leave a relative standard
    /// error of about 0.1 % (autocorrelation over the lead times included), so 0.5 % is beyond chance.
    #[test]
    fn simulated_cost_is_that_of_the_recursion() {
        for (lead_times, in_transit) in [
            (&[0][..], InTransit::Charged),
            (&[2, 1], InTransit::Charged),
            (&[1, 0, 3], InTransit::Charged),
            (&[1, 3, 4, 2], InTransit::Free),
        ] {
            let problem = problem(lead_times, in_transit);
            let optimum = problem.system().optimum();
            let levels: Vec<Units> =
                optimum.echelon_base_stock_levels.iter().map(|level| level.round() as Units).collect();
            let exact = match in_transit {
                InTransit::Charged => optimum.average_cost,
                InTransit::Free => optimum.average_cost - optimum.in_transit_cost,
            };
            let mut rng = ChaCha8Rng::seed_from_u64(11);
            let mut state = problem.initial_state();
            let (n_warm_up, n_periods) = (1_000, 400_000);
            let mut total = 0.0;
            for period in 0..n_warm_up + n_periods {
                let orders = serial_orders(&state, &levels);
                let demand = problem.sample_chance(&state, &orders, &mut rng);
                let cost = problem.step(&mut state, &orders, &demand).cost;
                total += if period < n_warm_up { 0.0 } else { cost };
            }
            let simulated = total / f64::from(n_periods);
            assert!((simulated / exact - 1.0).abs() < 0.005, "{lead_times:?}: {simulated}, exact {exact}");
        }
    }
}
