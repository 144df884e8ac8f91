//! W_o·σ(W_h x + b_h) + b_o + W_r x (+ b_r): what embeds patches and reads forecasts off tokens.

use super::linear::{Activations, Linear, Then};

/// Three matrices and the function between the first two.
pub(crate) struct ResidualBlock {
    pub(crate) hidden: Linear,
    /// σ: [`Then::Gelu`] or [`Then::Relu`].
    pub(crate) activation: Then,
    pub(crate) output: Linear,
    pub(crate) residual: Linear,
}

impl ResidualBlock {
    /// `x` is `[n_rows, n_in]`; `output` becomes `[n_rows, n_out]`.
    pub(crate) fn apply(&self, x: &[f32], hidden: &mut Vec<f32>, output: &mut Vec<f32>, scratch: &mut Activations) {
        self.hidden.apply_into(x, self.activation, hidden, scratch);
        self.output.apply_into(hidden, Then::Store, output, scratch);
        self.residual.apply(x, Then::Add, output, scratch);
    }
}
