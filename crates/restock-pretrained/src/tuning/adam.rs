//! Adam with decoupled weight decay left at 0 (AdamW; Loshchilov & Hutter 2019): a fit that ends early needs no other pull
//! towards the shipped weights than its interpolation with them. What counts is the running average of the parameters:
//! steps are few and their batches small.

/// Decay of the first moment.
const BETA_1: f32 = 0.9;
/// Decay of the second moment.
const BETA_2: f32 = 0.98;
/// Added to the root of the second moment.
const EPSILON: f32 = 1e-8;
/// Longest gradient; a longer one is shortened to it.
const MAX_GRADIENT_NORM: f64 = 1.0;

/// Decay of the running average, once it is warm.
const AVERAGE_DECAY: f32 = 0.98;

/// Moments and average of some parameters in a row.
pub(super) struct Adam {
    /// Running average of the parameters.
    pub(super) average: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    n_steps: i32,
}

impl Adam {
    pub(super) fn new(parameters: &[f32]) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Self { average: parameters.to_vec(), first_moment: zeros.clone(), second_moment: zeros, n_steps: 0 }
    }

    /// One step; a gradient that is not finite changes nothing.
    pub(super) fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f64) {
        let norm = gradient.iter().map(|slope| f64::from(*slope).powi(2)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return;
        }
        self.n_steps += 1;
        let bound = (MAX_GRADIENT_NORM / (norm + 1e-6)).min(1.0) as f32;
        let rate = learning_rate as f32 / (1.0 - BETA_1.powi(self.n_steps));
        let second_bias = 1.0 - BETA_2.powi(self.n_steps);
        let moments = self.first_moment.iter_mut().zip(&mut self.second_moment);
        for ((parameter, slope), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            let slope = bound * slope;
            *first += (1.0 - BETA_1) * (slope - *first);
            *second += (1.0 - BETA_2) * (slope * slope - *second);
            *parameter -= rate * *first / ((*second / second_bias).sqrt() + EPSILON);
        }
        let n_steps = self.n_steps as f32;
        let decay = AVERAGE_DECAY.min(n_steps / (9.0 + n_steps));
        for (average, parameter) in self.average.iter_mut().zip(&*parameters) {
            *average += (1.0 - decay) * (parameter - *average);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first step moves every parameter by the learning rate, whatever the gradient; the minimum is found.
    #[test]
    fn a_parabola_is_descended() {
        let mut parameters = vec![1.0_f32, -3.0];
        let mut adam = Adam::new(&parameters);
        adam.step(&mut parameters, &[0.2, -0.001], 0.1);
        assert!((parameters[0] - 0.9).abs() < 1e-4 && (parameters[1] + 2.9).abs() < 1e-3, "{parameters:?}");
        adam.step(&mut parameters, &[f32::NAN, 1.0], 0.1);
        for step in 0..400 {
            let gradient = [parameters[0] - 2.0, parameters[1] - 1.0];
            adam.step(&mut parameters, &gradient, 0.1 * (1.0 - f64::from(step) / 400.0));
        }
        assert!((parameters[0] - 2.0).abs() < 0.01 && (parameters[1] - 1.0).abs() < 0.01, "{parameters:?}");
        assert!((adam.average[0] - 2.0).abs() < 0.02, "{:?}", adam.average);
    }
}
