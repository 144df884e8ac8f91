//! The proof that a relaxed problem plays the periods of its plain environment, and that its slopes are right.

use fearless_simd::{Level, dispatch};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::environment::Environment;
use restock_inventory::lanes::{LaneRng, N_LANES};

use super::Relaxed;
use crate::network::Row;

/// Where a relaxed problem differs from its plain environment, or a slope from a finite difference.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{environment}, relaxed: {what}, in lane {lane} of period {period}")]
pub struct RelaxedCheckError {
    /// Id of the plain environment.
    pub environment: &'static str,
    /// What does not hold.
    pub what: String,
    /// The lane.
    pub lane: usize,
    /// Periods played before.
    pub period: usize,
}

/// Plays `n_periods` periods of random actions in whole units in a block of lanes and each lane beside it in the plain
/// environment: states are equal, costs up to the rounding of `f32`. In each period it also moves every row of a state
/// and an action between whole units by a little and compares the slopes with central differences.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_relaxed<R: Relaxed>(relaxed: &R, seed: u64, n_periods: usize) -> Result<(), RelaxedCheckError> {
    let plain = relaxed.plain();
    let rows = relaxed.rows();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut lane_rng = LaneRng::new(seed, 0);
    let mut states = vec![plain.initial_state(); N_LANES];
    let (mut state, mut next) = (vec![Row::ZERO; rows.state], vec![Row::ZERO; rows.state]);
    let (mut action, mut chance) = (vec![Row::ZERO; rows.action], vec![Row::ZERO; rows.chance]);
    for period in 0..n_periods {
        let mut costs = [0.0; N_LANES];
        let mut expected = vec![Row::ZERO; rows.state];
        for lane in 0..N_LANES {
            relaxed.set_state(&mut state, lane, &states[lane]);
            if relaxed.state(&state, lane) != states[lane] {
                let became = relaxed.state(&state, lane);
                return Err(error(relaxed, period, lane, format!("{:?} became {became:?}", states[lane])));
            }
            let plain_action = plain.sample_action(&states[lane], &mut rng);
            let plain_chance = plain.sample_chance(&states[lane], &plain_action, &mut rng);
            relaxed.set_action(&mut action, lane, &plain_action);
            relaxed.set_chance(&mut chance, lane, &plain_action, &plain_chance);
            let wanted: Vec<f64> = action.iter().map(|row| f64::from(row.0[lane])).collect();
            let nearest = relaxed.nearest(&states[lane], &wanted);
            if nearest != plain_action {
                return Err(error(relaxed, period, lane, format!("{plain_action:?} became {nearest:?}")));
            }
            costs[lane] = plain.step(&mut states[lane], &plain_action, &plain_chance).cost / relaxed.currency();
            relaxed.set_state(&mut expected, lane, &states[lane]);
        }
        let mut cost = Row::ZERO;
        relaxed.step(&state, &action, &chance, &mut next, &mut cost);
        for lane in 0..N_LANES {
            for row in 0..rows.state {
                let (ours, plain) = (next[row].0[lane], expected[row].0[lane]);
                if (ours - plain).abs() > 1e-4 * plain.abs().max(1.0) {
                    return Err(error(relaxed, period, lane, format!("row {row} becomes {ours}, {plain} in the step")));
                }
            }
            if (f64::from(cost.0[lane]) - costs[lane]).abs() > 1e-5 * costs[lane].abs().max(1.0) {
                return Err(error(
                    relaxed,
                    period,
                    lane,
                    format!("costs {}, {} in the step", cost.0[lane], costs[lane]),
                ));
            }
        }
        check_slopes(relaxed, period, &mut rng, &mut lane_rng)?;
    }
    Ok(())
}

fn error<R: Relaxed>(relaxed: &R, period: usize, lane: usize, what: String) -> RelaxedCheckError {
    RelaxedCheckError { environment: relaxed.plain().id(), what, lane, period }
}

/// Slopes of `weights · next + weight · cost` by all rows, against central differences.
fn check_slopes<R: Relaxed>(
    relaxed: &R,
    period: usize,
    rng: &mut ChaCha8Rng,
    lane_rng: &mut LaneRng,
) -> Result<(), RelaxedCheckError> {
    let slope_step = relaxed.slope_step();
    let rows = relaxed.rows();
    let (mut state, mut chance) = (vec![Row::ZERO; rows.state], vec![Row::ZERO; rows.chance]);
    relaxed.sample_state(lane_rng, &mut state);
    relaxed.sample_chance(&state, lane_rng, &mut chance);
    let mut draw = |n: usize, low: f32, high: f32| -> Vec<Row> {
        (0..n).map(|_| Row(std::array::from_fn(|_| low + (high - low) * rng.random::<f32>()))).collect()
    };
    let mut action = draw(rows.action, 0.0, 2.0 * relaxed.scale());
    let weights = draw(rows.state, -1.0, 1.0);
    let feature_weights = draw(rows.features, -1.0, 1.0);
    let outputs = draw(rows.action, -1.0, 1.0);
    let order_weights = draw(rows.action, -1.0, 1.0);
    let level = Level::new();
    let orders_of = |state: &[Row]| {
        let of_action = || vec![Row::ZERO; rows.action];
        let (mut base, mut orders, mut by_output) = (of_action(), of_action(), of_action());
        dispatch!(level, simd => relaxed.orders(simd, state, &outputs, &mut base, &mut orders, &mut by_output));
        (orders, by_output)
    };
    let cost_weight = 0.7;
    let loss = |state: &[Row], action: &[Row]| -> [f64; N_LANES] {
        let (mut next, mut cost) = (vec![Row::ZERO; rows.state], Row::ZERO);
        relaxed.step(state, action, &chance, &mut next, &mut cost);
        let mut features = vec![Row::ZERO; rows.features];
        relaxed.features(state, &mut features);
        let (orders, _) = orders_of(state);
        std::array::from_fn(|lane| {
            let dot = |values: &[Row], weights: &[Row]| -> f64 {
                let products = values.iter().zip(weights);
                products.map(|(value, weight)| f64::from(value.0[lane]) * f64::from(weight.0[lane])).sum()
            };
            dot(&next, &weights)
                + dot(&features, &feature_weights)
                + dot(&orders, &order_weights)
                + f64::from(cost_weight * cost.0[lane])
        })
    };
    let mut state_slopes = vec![Row::ZERO; rows.state];
    let mut action_slopes = vec![Row::ZERO; rows.action];
    relaxed.step_adjoint(&state, &action, &chance, &weights, cost_weight, &mut state_slopes, &mut action_slopes);
    relaxed.features_adjoint(&state, &feature_weights, &mut state_slopes);
    let mut output_slopes = vec![Row::ZERO; rows.action];
    let (_, by_output) = orders_of(&state);
    relaxed.orders_adjoint(&state, &outputs, &by_output, &order_weights, &mut output_slopes, &mut state_slopes);
    let n_moving = relaxed.n_moving_rows();
    for row in 0..n_moving + rows.action {
        let at = |shift: f32, state: &mut Vec<Row>, action: &mut Vec<Row>| {
            let values = if row < n_moving { &mut state[row] } else { &mut action[row - n_moving] };
            values.0.iter_mut().for_each(|value| *value += shift);
            let loss = loss(state, action);
            let values = if row < n_moving { &mut state[row] } else { &mut action[row - n_moving] };
            values.0.iter_mut().for_each(|value| *value -= shift);
            loss
        };
        let middle = at(0.0, &mut state, &mut action);
        let above = at(slope_step, &mut state, &mut action);
        let below = at(-slope_step, &mut state, &mut action);
        for lane in 0..N_LANES {
            let slope = if row < n_moving { state_slopes[row] } else { action_slopes[row - n_moving] };
            let (slope, step) = (f64::from(slope.0[lane]), f64::from(slope_step));
            let right = (above[lane] - middle[lane]) / step;
            let left = (middle[lane] - below[lane]) / step;
            // Where left and right differ there is a corner within a step.
            let tolerance = 2e-2 * slope.abs().max(1.0);
            if (right - left).abs() < tolerance && (0.5 * (left + right) - slope).abs() > tolerance {
                return Err(error(relaxed, period, lane, format!("row {row} has slope {slope}, not {right}")));
            }
        }
    }
    Ok(())
}
