//! Decision problems with continuous quantities, so that costs have slopes: what differentiable simulation trains on.
//!
//! A relaxed problem is not a second definition of a transition: on whole units its step is the step of its plain
//! environment, state and cost, and [`check_relaxed`] proves it for each of them, together with the slopes of
//! [`Relaxed::step_adjoint`]. Between whole units it goes on in a line wherever the plain step adds and takes minima.
//!
//! Everything is kept in rows, one value per lane of a block: rows of the state, of the action, of what chance decides.

use fearless_simd::Simd;
use restock_core::environment::Environment;
use restock_inventory::lanes::{LaneRng, N_LANES};

use crate::network::Row;
use crate::policy::wanted;

pub mod any_item;
mod check;
pub mod dual_sourcing;
pub mod lost_sales;
pub mod one_warehouse;
pub mod perishable;
pub mod random_yield;

pub use any_item::AnyItem;
pub use check::{RelaxedCheckError, check_relaxed};
pub use dual_sourcing::RelaxedDualSourcing;
pub use lost_sales::RelaxedLostSales;
pub use one_warehouse::RelaxedOneWarehouse;
pub use perishable::RelaxedPerishable;
pub use random_yield::RelaxedRandomYield;

/// Numbers of rows of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Of a state.
    pub state: usize,
    /// Of what a policy sees of a state.
    pub features: usize,
    /// Of an action.
    pub action: usize,
    /// Of what chance decides in a period.
    pub chance: usize,
}

/// A decision problem with continuous quantities over a block of lanes.
///
/// Functions of a period are `#[inline(always)]`, so that their loops over lanes become vector instructions.
pub trait Relaxed: Sync {
    /// The environment that this one relaxes.
    type Plain: Environment;

    /// The environment that this one relaxes.
    fn plain(&self) -> &Self::Plain;

    /// How many rows there are.
    fn rows(&self) -> Rows;

    /// Units that count as one, such as the mean demand of a period.
    fn scale(&self) -> f32;

    /// Currency that counts as one, such as the cost of holding the mean demand of a period.
    fn cost_scale(&self) -> f32;

    /// A state to start from, drawn at random over what a good policy visits and more.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]);

    /// What chance decides in a period; it draws as often whatever the state.
    fn sample_chance(&self, state: &[Row], rng: &mut LaneRng, chance: &mut [Row]);

    /// What a policy sees, numbers of the order of 1: by default the state in scales, less 1.
    #[inline(always)]
    fn features(&self, state: &[Row], features: &mut [Row]) {
        in_scales(self.scale(), state, features);
    }

    /// Adds to `state_slopes` what slopes by the features mean for the state.
    #[inline(always)]
    fn features_adjoint(&self, _state: &[Row], feature_slopes: &[Row], state_slopes: &mut [Row]) {
        in_scales_adjoint(self.scale(), feature_slopes, state_slopes);
    }

    /// `[rows.action]`: what is added to the outputs of a network before they become orders, in units over the scale.
    /// Nothing by default; a shortage where orders must grow with it far beyond what training visits.
    #[inline(always)]
    fn base(&self, _state: &[Row], base: &mut [Row]) {
        base.fill(Row::ZERO);
    }

    /// Adds to `state_slopes` what slopes by the base mean for the state.
    #[inline(always)]
    fn base_adjoint(&self, _base_slopes: &[Row], _state_slopes: &mut [Row]) {}

    /// `[rows.action]`: what the outputs of a network are as orders, in units, and their slopes by the outputs; by default
    /// `scale · softplus(output + 1 + base)`. `base` is room for [`Relaxed::base`].
    #[inline(always)]
    fn orders<S: Simd>(
        &self,
        simd: S,
        state: &[Row],
        outputs: &[Row],
        base: &mut [Row],
        orders: &mut [Row],
        by_output: &mut [Row],
    ) {
        self.base(state, base);
        for (row, output) in outputs.iter().enumerate() {
            wanted(simd, self.scale(), output, &base[row], &mut orders[row], &mut by_output[row]);
        }
    }

    /// The way back through [`Relaxed::orders`]: from slopes by the orders to those by the outputs, and, added, by the state.
    #[inline(always)]
    fn orders_adjoint(
        &self,
        _state: &[Row],
        _outputs: &[Row],
        by_output: &[Row],
        order_slopes: &[Row],
        output_slopes: &mut [Row],
        state_slopes: &mut [Row],
    ) {
        for (row, slopes) in output_slopes.iter_mut().enumerate() {
            for lane in 0..N_LANES {
                slopes.0[lane] = order_slopes[row].0[lane] * by_output[row].0[lane];
            }
        }
        self.base_adjoint(output_slopes, state_slopes);
    }

    /// [`Relaxed::orders`] of the first lane in double precision.
    fn plain_orders(&self, state: &[Row], outputs: &[f64]) -> Vec<f64> {
        let mut base = vec![Row::ZERO; self.rows().action];
        self.base(state, &mut base);
        // Above 30 the softplus is its argument to the last digit.
        let softplus = |x: f64| if x > 30.0 { x } else { x.exp().ln_1p() };
        let order =
            |(output, base): (&f64, &Row)| f64::from(self.scale()) * softplus(output + 1.0 + f64::from(base.0[0]));
        outputs.iter().zip(&base).map(order).collect()
    }

    /// What a cost of 1 is in the plain environment, currency; 1 by default.
    fn currency(&self) -> f64 {
        1.0
    }

    /// By how many units quantities are moved where slopes are compared with finite differences: small enough to cross few
    /// corners, large enough for `f32`.
    fn slope_step(&self) -> f32 {
        1.0 / 64.0
    }

    /// The first rows of a state that decisions and chance move; those after them are parameters of the lane, whose slopes
    /// nobody asks for.
    fn n_moving_rows(&self) -> usize {
        self.rows().state
    }

    /// Writes the states that a block of lanes starts a simulation from; by default the initial state in every lane.
    fn start(&self, _block_idx: usize, state: &mut [Row]) {
        let initial = self.plain().initial_state();
        (0..N_LANES).for_each(|lane| self.set_state(state, lane, &initial));
    }

    /// Plays one period in every lane: the next state and the cost, currency.
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row);

    /// The way back through a period: from the slopes of a loss by the next state, and by the cost of the period, to
    /// those by the state and the action.
    #[allow(clippy::too_many_arguments)]
    fn step_adjoint(
        &self,
        state: &[Row],
        action: &[Row],
        chance: &[Row],
        next_slopes: &[Row],
        cost_slope: f32,
        state_slopes: &mut [Row],
        action_slopes: &mut [Row],
    );

    /// Writes the plain state of one lane.
    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &<Self::Plain as Environment>::State);

    /// The plain state of one lane in whole units.
    fn state(&self, rows: &[Row], lane: usize) -> <Self::Plain as Environment>::State;

    /// Writes the plain action of one lane.
    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &<Self::Plain as Environment>::Action);

    /// Writes what chance decides in one lane, after an action.
    fn set_chance(
        &self,
        rows: &mut [Row],
        lane: usize,
        action: &<Self::Plain as Environment>::Action,
        plain: &<Self::Plain as Environment>::Chance,
    );

    /// Rounds the actions of a block to whole units that can be done in its states.
    fn round(&self, _state: &[Row], action: &mut [Row]) {
        for row in action {
            row.0.iter_mut().for_each(|units| *units = (*units + 0.5) as i32 as f32);
        }
    }

    /// The nearest action in whole units that the plain environment allows in a state, from `[rows.action]` wanted units.
    fn nearest(
        &self,
        state: &<Self::Plain as Environment>::State,
        wanted: &[f64],
    ) -> <Self::Plain as Environment>::Action;
}

/// Units in scales, less 1.
#[inline(always)]
fn in_scales(scale: f32, units: &[Row], features: &mut [Row]) {
    let one = 1.0 / scale;
    for (feature, units) in features.iter_mut().zip(units) {
        for lane in 0..N_LANES {
            feature.0[lane] = units.0[lane] * one - 1.0;
        }
    }
}

/// The way back through [`in_scales`], added to the slopes by the units.
#[inline(always)]
fn in_scales_adjoint(scale: f32, feature_slopes: &[Row], slopes: &mut [Row]) {
    let one = 1.0 / scale;
    for (slopes, of_feature) in slopes.iter_mut().zip(feature_slopes) {
        for lane in 0..N_LANES {
            slopes.0[lane] += one * of_feature.0[lane];
        }
    }
}
