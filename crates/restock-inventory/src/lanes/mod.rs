//! Decision problems played in many lanes at once: the vectorised twins of [`crate::environments`].
//!
//! A lane is one replication of a problem. [`N_LANES`] of them lie side by side in fixed arrays, one array per number of
//! the state (struct of arrays), so that the compiler turns each loop over lanes into vector instructions; threads take
//! whole blocks of lanes. A twin plays the same periods as its plain environment, number for number, costs included:
//! [`check_lanes`] proves it for every twin.
//!
//! Read in this order: [`LaneEnvironment`], [`lost_sales`] as the model of a twin, [`simulate()`], [`search`](mod@search).
//!
//! # Randomness
//! Each block has a generator of its own ([`LaneRng`]), seeded by the seed and the number of the block, and a twin draws
//! as often in a period whatever the state and the action. So results do not depend on the number of threads, and two
//! policies or two sets of parameters meet the same chances (common random numbers).
//!
//! # Arithmetic
//! Units in lanes are [`LaneUnits`], 32-bit integers that wrap: a check for overflow in every lane would keep loops from
//! becoming vector instructions. Constructors bound what enters instead. Costs are `f64`, computed in the order of the
//! plain step, so that they are equal to the last bit.

use std::num::Wrapping;

use restock_core::Units;
use restock_core::environment::Environment;

/// The methods of a [`LaneEnvironment`] whose action is one quantity.
macro_rules! action_is_units {
    () => {
        fn set_action(
            &self,
            action: &mut $crate::lanes::Lanes<$crate::lanes::LaneUnits>,
            lane: usize,
            plain: &restock_core::Units,
        ) {
            action[lane] = $crate::lanes::lane_units(*plain);
        }

        fn action(&self, action: &$crate::lanes::Lanes<$crate::lanes::LaneUnits>, lane: usize) -> restock_core::Units {
            $crate::lanes::plain_units(action[lane])
        }
    };
}

/// The methods of a [`LaneEnvironment`] whose chance is one quantity, the demand.
macro_rules! chance_is_units {
    () => {
        fn no_chance(&self) -> $crate::lanes::Lanes<$crate::lanes::LaneUnits> {
            $crate::lanes::NO_UNITS
        }

        fn set_chance(
            &self,
            chance: &mut $crate::lanes::Lanes<$crate::lanes::LaneUnits>,
            lane: usize,
            plain: &restock_core::Units,
        ) {
            chance[lane] = $crate::lanes::lane_units(*plain);
        }

        fn chance(&self, chance: &$crate::lanes::Lanes<$crate::lanes::LaneUnits>, lane: usize) -> restock_core::Units {
            $crate::lanes::plain_units(chance[lane])
        }
    };
}

pub mod backorders;
pub mod check;
pub mod demand;
pub mod dual_sourcing;
pub mod exponential_lead_times;
pub mod joint_replenishment;
pub mod lost_sales;
pub mod network;
pub mod one_warehouse;
pub mod perishable;
pub mod policies;
pub mod random;
pub mod random_lead_times;
pub mod random_yield;
pub mod search;
pub mod serial;
pub mod simulate;
pub mod stochastic_lead_times;
pub mod supply_network;
pub mod warehouse_chain;
pub mod worked_example;

pub use backorders::{BackorderLanes, BackorderPositionLanes};
pub use check::{LaneCheckError, check_lanes, check_policy};
pub use demand::LaneDemand;
pub use dual_sourcing::DualSourcingLanes;
pub use exponential_lead_times::ExponentialLeadTimesLanes;
pub use joint_replenishment::JointReplenishmentLanes;
pub use lost_sales::LostSalesLanes;
pub use network::{Features, Network, NetworkPolicy};
pub use one_warehouse::OneWarehouseLanes;
pub use perishable::PerishableLanes;
pub use policies::{BaseStock, PlainPolicy};
pub use random::LaneRng;
pub use random_lead_times::RandomLeadTimesLanes;
pub use random_yield::RandomYieldLanes;
pub use serial::{SerialBaseStock, SerialLanes};
pub use simulate::{SimulatedCost, SimulationPlan, simulate};
pub use stochastic_lead_times::StochasticLeadTimesLanes;
pub use supply_network::SupplyNetworkLanes;
pub use warehouse_chain::WarehouseChainLanes;
pub use worked_example::WorkedExampleLanes;

/// Lanes of a block, played together.
pub const N_LANES: usize = 32;

/// One value for each lane of a block.
pub type Lanes<T> = [T; N_LANES];

/// Units in a lane; see the head of this module.
pub type LaneUnits = Wrapping<i32>;

/// Largest demand, order or stock that may enter a lane, units: sums of a thousand of them stay in range.
pub const LANE_UNITS_MAX: Units = 1 << 20;

/// No units, in every lane.
pub const NO_UNITS: Lanes<LaneUnits> = [Wrapping(0); N_LANES];

/// What happened in one period in each lane; as in [`restock_core::environment::PeriodOutcome`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneOutcome {
    /// Units sold or issued.
    pub sold: Lanes<LaneUnits>,
    /// Units of demand lost or newly backordered.
    pub lost: Lanes<LaneUnits>,
    /// Units that expired or were thrown away.
    pub expired: Lanes<LaneUnits>,
    /// Cost of the period, currency.
    pub cost: Lanes<f64>,
}

impl LaneOutcome {
    /// An outcome to be filled in.
    pub const NOTHING: Self = Self { sold: NO_UNITS, lost: NO_UNITS, expired: NO_UNITS, cost: [0.0; N_LANES] };
}

/// The vectorised twin of an environment.
///
/// Functions that are called in each period are `#[inline(always)]`: arrays of lanes then stay in registers and are
/// never copied between functions.
pub trait LaneEnvironment: Sync {
    /// The environment that this one plays in lanes.
    type Plain: Environment;

    /// The states of a block of lanes; a calendar or the start of a ring that all lanes share is kept once.
    type State: Clone;

    /// An action in each lane.
    type Action: Clone;

    /// What chance decides in each lane.
    type Chance: Clone;

    /// The environment that this one plays in lanes.
    fn plain(&self) -> &Self::Plain;

    /// The initial state in every lane.
    fn reset(&self) -> Self::State;

    /// The action that orders nothing, in every lane; where policies write their orders.
    fn no_action(&self) -> Self::Action;

    /// What chance decides in this period; it draws as often whatever the state and the action.
    fn sample_chance(&self, state: &Self::State, action: &Self::Action, rng: &mut LaneRng) -> Self::Chance;

    /// Plays one period in every lane.
    fn step(&self, state: &mut Self::State, action: &Self::Action, chance: &Self::Chance) -> LaneOutcome;

    /// The state of one lane, as the plain environment knows it.
    fn lane(&self, state: &Self::State, lane: usize) -> <Self::Plain as Environment>::State;

    /// Writes the plain action of one lane.
    fn set_action(&self, action: &mut Self::Action, lane: usize, plain: &<Self::Plain as Environment>::Action);

    /// The action of one lane, as the plain environment knows it.
    fn action(&self, action: &Self::Action, lane: usize) -> <Self::Plain as Environment>::Action;

    /// What chance decides in no lane yet, for [`LaneEnvironment::set_chance`].
    fn no_chance(&self) -> Self::Chance;

    /// Writes what chance decides in one lane.
    fn set_chance(&self, chance: &mut Self::Chance, lane: usize, plain: &<Self::Plain as Environment>::Chance);

    /// What chance decides in one lane, as the plain environment knows it.
    fn chance(&self, chance: &Self::Chance, lane: usize) -> <Self::Plain as Environment>::Chance;
}

/// A policy in the loop: a pure function from the states of a block to an action in each lane.
///
/// Closures `Fn(&environment, &state, &mut action)` are policies too.
pub trait LanePolicy<E: LaneEnvironment>: Sync {
    /// Writes the action of every lane.
    fn act(&self, environment: &E, state: &E::State, action: &mut E::Action);
}

impl<E: LaneEnvironment, F: Fn(&E, &E::State, &mut E::Action) + Sync> LanePolicy<E> for F {
    #[inline(always)]
    fn act(&self, environment: &E, state: &E::State, action: &mut E::Action) {
        self(environment, state, action);
    }
}

/// Units of a plain environment in a lane.
///
/// # Panics
/// When they are too many for a lane.
pub fn lane_units(units: Units) -> LaneUnits {
    assert!(
        (-LANE_UNITS_MAX..=LANE_UNITS_MAX).contains(&units),
        "{units} units, lanes hold at most {LANE_UNITS_MAX}; count in a larger unit"
    );
    Wrapping(units as i32)
}

/// Units of a lane in a plain environment.
pub fn plain_units(units: LaneUnits) -> Units {
    Units::from(units.0)
}
