//! AdamW with corrected moments, a bound on the gradient and a cosine schedule of the learning rate
//! (Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2017 and 2019).

use serde::{Deserialize, Serialize};

/// Settings of AdamW; the default is that of Kingma & Ba without decay, gradients bounded by 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamSettings {
    /// Decay of the first moment (β₁).
    pub beta_1: f64,
    /// Decay of the second moment (β₂).
    pub beta_2: f64,
    /// Added to the root of the second moment (ε).
    pub epsilon: f64,
    /// Decay of the weights per step and unit of learning rate (λ).
    pub weight_decay: f64,
    /// Longest gradient; a longer one is shortened to it.
    pub max_gradient_norm: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0, max_gradient_norm: 1.0 }
    }
}

/// A learning rate that rises in a line over the warm-up and then falls along half a cosine wave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosineSchedule {
    /// The highest rate, at the end of the warm-up.
    pub learning_rate: f64,
    /// The rate after the last step, as a share of the highest.
    pub final_share: f64,
    /// Steps of warm-up.
    pub n_warm_up: u64,
    /// All steps, warm-up included.
    pub n_steps: u64,
}

impl CosineSchedule {
    /// The learning rate of a step, counted from 0; after the last step it stays where it is.
    ///
    /// ```
    /// use restock_learning::adam::CosineSchedule;
    ///
    /// let schedule = CosineSchedule { learning_rate: 0.01, final_share: 0.1, n_warm_up: 2, n_steps: 12 };
    /// assert_eq!(schedule.at(0), 0.005);
    /// assert_eq!(schedule.at(2), 0.01);
    /// assert!((schedule.at(7) - 0.0055).abs() < 1e-12);
    /// assert!((schedule.at(12) - 0.001).abs() < 1e-12);
    /// ```
    pub fn at(&self, step: u64) -> f64 {
        if step < self.n_warm_up {
            return self.learning_rate * (step + 1) as f64 / self.n_warm_up as f64;
        }
        let n_falling = self.n_steps.saturating_sub(self.n_warm_up).max(1);
        let progress = ((step - self.n_warm_up) as f64 / n_falling as f64).min(1.0);
        let share = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        self.learning_rate * (self.final_share + (1.0 - self.final_share) * share)
    }
}

/// Weights and what the optimiser carries from step to step: written to a file and read again, it goes on with the same
/// numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// The settings.
    pub settings: AdamSettings,
    /// The weights that are trained.
    pub weights: Vec<f32>,
    /// Running mean of the gradient.
    pub first_moment: Vec<f32>,
    /// Running mean of the squared gradient.
    pub second_moment: Vec<f32>,
    /// Steps made.
    pub n_steps: u64,
}

impl Adam {
    /// No step made yet.
    pub fn new(weights: Vec<f32>, settings: AdamSettings) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { settings, first_moment: zeros.clone(), second_moment: zeros, weights, n_steps: 0 }
    }

    /// One step against `gradient`. Returns the length of the gradient before it was bounded; a gradient that is not
    /// finite changes nothing but the count of steps.
    ///
    /// ```
    /// use restock_learning::adam::Adam;
    ///
    /// // The first step of Adam moves a weight by the learning rate, whatever the gradient.
    /// let mut adam = Adam::new(vec![1.0], Default::default());
    /// assert_eq!(adam.step(&[3.0], 0.25), 3.0);
    /// assert!((adam.weights[0] - 0.75).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// Unless there is one slope for each weight.
    pub fn step(&mut self, gradient: &[f32], learning_rate: f64) -> f64 {
        assert_eq!(gradient.len(), self.weights.len(), "one slope for each weight");
        let norm = gradient.iter().map(|slope| f64::from(*slope).powi(2)).sum::<f64>().sqrt();
        self.n_steps += 1;
        if !norm.is_finite() {
            return norm;
        }
        let AdamSettings { beta_1, beta_2, epsilon, weight_decay, max_gradient_norm } = self.settings;
        let bound = if norm > max_gradient_norm { (max_gradient_norm / norm) as f32 } else { 1.0 };
        let n_steps = self.n_steps as f64;
        let rate = (learning_rate / (1.0 - beta_1.powf(n_steps))) as f32;
        let second_scale = (1.0 / (1.0 - beta_2.powf(n_steps))) as f32;
        let kept = (1.0 - learning_rate * weight_decay) as f32;
        // Differences from 1 are taken in double precision, where they keep their digits.
        let (new_1, new_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
        let (beta_1, beta_2, epsilon) = (beta_1 as f32, beta_2 as f32, epsilon as f32);
        for (weight_idx, slope) in gradient.iter().enumerate() {
            let slope = slope * bound;
            let first = beta_1 * self.first_moment[weight_idx] + new_1 * slope;
            let second = beta_2 * self.second_moment[weight_idx] + new_2 * slope * slope;
            self.first_moment[weight_idx] = first;
            self.second_moment[weight_idx] = second;
            let weight = &mut self.weights[weight_idx];
            *weight = kept * *weight - rate * first / ((second * second_scale).sqrt() + epsilon);
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The update of Loshchilov & Hutter (2019), algorithm 2, in double precision.
    #[test]
    fn steps_are_those_of_the_paper() {
        let settings = AdamSettings { weight_decay: 0.1, max_gradient_norm: 5.0, ..AdamSettings::default() };
        let mut adam = Adam::new(vec![0.5, -2.0], settings);
        let (mut weights, mut first, mut second) = ([0.5, -2.0], [0.0; 2], [0.0; 2]);
        for step in 1..=40 {
            let gradient = [(step as f64 * 0.7).sin() * 4.0, 3.0 / step as f64 - 9.0 * f64::from(step % 3 == 0)];
            let rate = 0.01 * f64::from(step);
            adam.step(&gradient.map(|slope| slope as f32), rate);
            let norm = gradient.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
            for i in 0..2 {
                let slope = gradient[i] * (5.0 / norm).min(1.0);
                first[i] = 0.9 * first[i] + 0.1 * slope;
                second[i] = 0.999 * second[i] + 0.001 * slope * slope;
                let corrected = first[i] / (1.0 - 0.9_f64.powi(step));
                let root = (second[i] / (1.0 - 0.999_f64.powi(step))).sqrt() + 1e-8;
                weights[i] -= rate * (corrected / root + 0.1 * weights[i]);
            }
        }
        for i in 0..2 {
            assert!((f64::from(adam.weights[i]) - weights[i]).abs() < 1e-4, "{:?} {weights:?}", adam.weights);
        }
    }

    #[test]
    fn a_written_state_goes_on_with_the_same_numbers() {
        let slopes = |step: u64| [(step as f32).cos(), 0.2 * step as f32 - 1.0];
        let mut whole = Adam::new(vec![0.3, 0.7], AdamSettings::default());
        (0..20).for_each(|step| _ = whole.step(&slopes(step), 0.02));
        let mut half = Adam::new(vec![0.3, 0.7], AdamSettings::default());
        (0..9).for_each(|step| _ = half.step(&slopes(step), 0.02));
        let mut resumed: Adam = serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        (9..20).for_each(|step| _ = resumed.step(&slopes(step), 0.02));
        assert_eq!(resumed, whole);
        assert_ne!(half, whole);
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_no_weight() {
        let mut adam = Adam::new(vec![1.0, 2.0], AdamSettings::default());
        assert!(adam.step(&[f32::NAN, 1.0], 0.1).is_nan());
        assert_eq!((adam.weights, adam.first_moment, adam.n_steps), (vec![1.0, 2.0], vec![0.0, 0.0], 1));
    }
}
