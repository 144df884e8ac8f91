//! Forecasts as quantiles, and how quantiles of many continued histories become quantiles again.

/// Quantiles of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileForecast {
    /// Levels of the model, ascending.
    pub levels: Vec<f64>,
    /// Steps ahead.
    pub horizon: usize,
    /// `[n_levels, horizon]`, in the unit of the history. As the model says them: quantiles may cross.
    pub values: Vec<f32>,
}

impl QuantileForecast {
    /// Values of one level over the horizon.
    pub fn level(&self, level_idx: usize) -> &[f32] {
        &self.values[level_idx * self.horizon..][..self.horizon]
    }

    /// `[levels.len(), horizon]`: linear between the levels of the model, and the outermost level beyond them.
    pub fn interpolated(&self, levels: &[f64]) -> Vec<f32> {
        let step_values = |step: usize| (0..self.levels.len()).map(|level| self.level(level)[step]).collect::<Vec<_>>();
        let by_step: Vec<Vec<f32>> = (0..self.horizon).map(step_values).collect();
        levels
            .iter()
            .flat_map(|&level| by_step.iter().map(move |values| interpolate(&self.levels, values, level)))
            .collect()
    }

    /// Appends the steps of a later block.
    pub(super) fn append(&mut self, block: &Self) {
        let mut values = Vec::with_capacity(self.values.len() + block.values.len());
        for level in 0..self.levels.len() {
            values.extend_from_slice(self.level(level));
            values.extend_from_slice(block.level(level));
        }
        (self.values, self.horizon) = (values, self.horizon + block.horizon);
    }

    /// Leaves out steps after `horizon`.
    pub(super) fn truncate(&mut self, horizon: usize) {
        self.values = (0..self.levels.len()).flat_map(|level| self.level(level)[..horizon].to_vec()).collect();
        self.horizon = horizon;
    }
}

/// The value at a level, linear between neighbours; `levels` ascend.
pub(super) fn interpolate(levels: &[f64], values: &[f32], level: f64) -> f32 {
    let upper = levels.partition_point(|&known| known <= level);
    if upper == 0 {
        return values[0];
    }
    if upper == levels.len() {
        return values[levels.len() - 1];
    }
    let share = (level - levels[upper - 1]) / (levels[upper] - levels[upper - 1]);
    (f64::from(values[upper - 1]) + share * (f64::from(values[upper]) - f64::from(values[upper - 1]))) as f32
}

/// Empirical quantile of sorted samples, linear between ranks, as `torch.quantile` takes it.
pub(super) fn empirical_quantile(sorted: &[f32], level: f64) -> f32 {
    let rank = level * (sorted.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(sorted.len() - 1);
    (f64::from(sorted[lower]) + (rank - lower as f64) * (f64::from(sorted[upper]) - f64::from(sorted[lower]))) as f32
}

/// Quantiles of weighted samples: linear between the cumulative weights of the sorted samples.
pub(super) fn weighted_quantiles(samples: &[f32], weights: &[f64], levels: &[f64]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by(|&a, &b| samples[a].total_cmp(&samples[b]));
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let (cumulative, sorted): (Vec<f64>, Vec<f32>) = order
        .iter()
        .map(|&i| {
            sum += weights[i] / total;
            (sum, samples[i])
        })
        .unzip();
    levels.iter().map(|&level| interpolate(&cumulative, &sorted, level)).collect()
}

/// Share of probability that each level stands for: half the distance between its neighbours, with 0 and 1 at the ends.
pub(super) fn probability_masses(levels: &[f64]) -> Vec<f64> {
    let bounds: Vec<f64> = std::iter::once(0.0).chain(levels.iter().copied()).chain([1.0]).collect();
    let masses: Vec<f64> = bounds.windows(3).map(|three| (three[2] - three[0]) / 2.0).collect();
    let total: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_levels() {
        let forecast =
            QuantileForecast { levels: vec![0.1, 0.5, 0.9], horizon: 2, values: vec![1.0, 2.0, 3.0, 4.0, 7.0, 8.0] };
        assert_eq!(forecast.interpolated(&[0.01, 0.5, 0.7, 0.99]), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn blocks_are_appended_level_by_level() {
        let mut forecast = QuantileForecast { levels: vec![0.1, 0.9], horizon: 1, values: vec![1.0, 2.0] };
        forecast.append(&QuantileForecast { levels: vec![0.1, 0.9], horizon: 2, values: vec![3.0, 4.0, 5.0, 6.0] });
        assert_eq!(forecast.level(0), [1.0, 3.0, 4.0]);
        assert_eq!(forecast.level(1), [2.0, 5.0, 6.0]);
        forecast.truncate(2);
        assert_eq!(forecast.values, [1.0, 3.0, 2.0, 5.0]);
    }

    #[test]
    fn samples_become_quantiles() {
        let sorted: Vec<f32> = (0..81).map(|i| i as f32).collect();
        assert_eq!(empirical_quantile(&sorted, 0.5), 40.0);
        assert_eq!(empirical_quantile(&sorted, 1.0), 80.0);
        // Weights 1/4, 1/4, 1/2 cumulate to 0.25, 0.5, 1.
        let quantiles = weighted_quantiles(&[30.0, 10.0, 20.0], &[2.0, 1.0, 1.0], &[0.1, 0.25, 0.375, 0.5, 0.75, 1.0]);
        assert_eq!(quantiles, [10.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        let masses = probability_masses(&[0.1, 0.5, 0.9]);
        for (mass, expected) in masses.iter().zip([0.25, 0.4, 0.25].map(|mass| mass / 0.9)) {
            assert!((mass - expected).abs() < 1e-12);
        }
    }
}
