//! A network as a policy: features of the state go in, wanted quantities come out.
//!
//! Each output `o` is an order of `scale · softplus(o + 1 + base)` units, never negative; with a scale of the mean demand
//! and a base of 0 a fresh network orders about that much. What is deployed is the nearest order in whole units that is allowed.

use fearless_simd::prelude::*;
use restock_core::environment::Environment;
use serde::{Deserialize, Serialize};

use restock_inventory::lanes::N_LANES;

use crate::elementary::softplus;
use crate::network::{Network, Row};
use crate::relaxed::Relaxed;

/// Wanted units of one output, and their slope by it.
#[inline(always)]
pub(crate) fn wanted<S: Simd>(simd: S, scale: f32, output: &Row, base: &Row, wanted: &mut Row, slope: &mut Row) {
    let width = S::f32s::LEN;
    for lane in (0..N_LANES).step_by(width) {
        let lanes = lane..lane + width;
        let output = S::f32s::from_slice(simd, &output.0[lanes.clone()]);
        let base = S::f32s::from_slice(simd, &base.0[lanes.clone()]);
        let (value, by_output) = softplus(simd, output + base + 1.0);
        (value * scale).store_slice(&mut wanted.0[lanes.clone()]);
        (by_output * scale).store_slice(&mut slope.0[lanes]);
    }
}

/// A trained network, ready to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPolicy {
    /// The network, from features to one output per row of the action.
    pub network: Network,
    /// Its weights.
    pub weights: Vec<f32>,
}

impl NetworkPolicy {
    /// `[rows.action]`: what is wanted in a state before it is rounded, units.
    pub fn wanted<R: Relaxed>(&self, relaxed: &R, state: &<R::Plain as Environment>::State) -> Vec<f64> {
        let rows = relaxed.rows();
        let (mut state_rows, mut features) = (vec![Row::ZERO; rows.state], vec![Row::ZERO; rows.features]);
        relaxed.set_state(&mut state_rows, 0, state);
        relaxed.features(&state_rows, &mut features);
        let inputs: Vec<f64> = features.iter().map(|row| f64::from(row.0[0])).collect();
        let outputs = self.network.plain(&self.weights, &inputs);
        relaxed.plain_orders(&state_rows, &outputs)
    }

    /// The nearest allowed action in whole units.
    pub fn action<R: Relaxed>(
        &self,
        relaxed: &R,
        state: &<R::Plain as Environment>::State,
    ) -> <R::Plain as Environment>::Action {
        relaxed.nearest(state, &self.wanted(relaxed, state))
    }
}
