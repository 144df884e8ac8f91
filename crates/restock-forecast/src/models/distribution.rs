//! Quantiles of the demand distributions that the models share.
//!
//! Counts follow a negative binomial distribution with given mean and variance (Poisson where the variance is not
//! above the mean); fractional quantities follow a gamma distribution, with an atom at zero where demand is
//! intermittent.

use std::sync::OnceLock;

use restock_core::{N_LEVELS, QUANTILE_LEVELS};
use statrs::function::gamma::{gamma_lr, ln_gamma};

/// Standard normal quantiles at [`QUANTILE_LEVELS`].
pub(crate) const NORMAL_SCORES: [f64; N_LEVELS] = [
    -2.326347874040841,
    -1.644853626951473,
    -1.2815515655446,
    -0.841621233572914,
    -0.524400512708041,
    -0.2533471031358,
    0.0,
    0.2533471031358,
    0.524400512708041,
    0.841621233572914,
    1.2815515655446,
    1.644853626951473,
    2.326347874040841,
];

/// Above this mean the exact walk over the counts gives way to a three-moment gamma approximation, whose error is
/// then below half a unit at every level.
const WALK_MEAN_MAX: f64 = 40.0;
const WALK_STEPS_MAX: usize = 4096;

/// Quantiles of a demand distribution with this `mean` and `variance`: negative binomial for counts, gamma otherwise.
/// `out` is `[N_LEVELS]`, units.
pub(crate) fn fill_quantiles(mean: f64, variance: f64, count_valued: bool, out: &mut [f64]) {
    if count_valued { fill_count_quantiles(mean, variance, out) } else { fill_gamma_quantiles(mean, variance, out) }
}

/// Quantiles of a negative binomial with `mean` and `variance`; Poisson when `variance <= mean`.
pub(crate) fn fill_count_quantiles(mean: f64, variance: f64, out: &mut [f64]) {
    if !(mean > 1e-9) {
        out.fill(0.0);
        return;
    }
    let variance = variance.max(mean);
    if mean > WALK_MEAN_MAX || !walk(mean, variance, out) {
        // Pearson type III with the mean, variance and skewness (2 v / m - 1) / sqrt(v) of the negative binomial.
        let sd = variance.sqrt();
        let skewness = (2.0 * variance / mean - 1.0) / sd;
        let scores = gamma_scores(4.0 / (skewness * skewness));
        for (value, score) in out.iter_mut().zip(scores) {
            *value = (mean + sd * score - 0.5).ceil().max(0.0);
        }
    }
}

/// Exact quantiles by summing probabilities from 0 upwards; `false` when that takes too long.
fn walk(mean: f64, variance: f64, out: &mut [f64]) -> bool {
    let excess = variance - mean;
    // p(k + 1) / p(k) = (k + size) / (k + 1) · step for the negative binomial, mean / (k + 1) for Poisson.
    let (size, step, mut probability) = if excess > 1e-6 * mean {
        let size = mean * mean / excess;
        let step = excess / variance;
        (size, step, (size * (mean / variance).ln()).exp())
    } else {
        (mean, 1.0, (-mean).exp())
    };
    let poisson = excess <= 1e-6 * mean;
    let (mut count, mut cumulative, mut level_idx) = (0_usize, probability, 0);
    while level_idx < N_LEVELS {
        if cumulative >= QUANTILE_LEVELS[level_idx] - 1e-12 {
            out[level_idx] = count as f64;
            level_idx += 1;
            continue;
        }
        if count == WALK_STEPS_MAX {
            return false;
        }
        let k = count as f64;
        probability *= if poisson { mean / (k + 1.0) } else { (k + size) * step / (k + 1.0) };
        cumulative += probability;
        count += 1;
    }
    true
}

/// Quantiles of a gamma distribution with `mean` and `variance`.
pub(crate) fn fill_gamma_quantiles(mean: f64, variance: f64, out: &mut [f64]) {
    if !(mean > 1e-12) {
        out.fill(0.0);
        return;
    }
    let variance = variance.max(1e-12 * mean * mean);
    let sd = variance.sqrt();
    for (value, score) in out.iter_mut().zip(gamma_scores(mean * mean / variance)) {
        *value = (mean + sd * score).max(0.0);
    }
}

/// Quantiles of demand that is zero with probability `1 - probability` and gamma distributed otherwise.
/// `size_mean` and `size_variance` are moments of the positive part.
pub(crate) fn fill_intermittent_quantiles(probability: f64, size_mean: f64, size_variance: f64, out: &mut [f64]) {
    if !(size_mean > 1e-12) || probability <= 0.0 {
        out.fill(0.0);
        return;
    }
    let mut sizes = [0.0; N_LEVELS];
    fill_gamma_quantiles(size_mean, size_variance, &mut sizes);
    for (value, level) in out.iter_mut().zip(QUANTILE_LEVELS) {
        // P(demand <= x) = 1 - p + p G(x), so the quantile at `level` is that of G at (level - 1 + p) / p.
        let inner = (level - 1.0 + probability) / probability;
        *value = if inner <= 0.0 { 0.0 } else { interpolate_level(&sizes, inner) };
    }
}

/// The quantile at any level from quantiles at [`QUANTILE_LEVELS`], linear in between, flat outside but for the
/// lowest stretch, which runs down to 0.
pub(crate) fn interpolate_level(quantiles: &[f64], level: f64) -> f64 {
    if level <= QUANTILE_LEVELS[0] {
        return quantiles[0] * level.max(0.0) / QUANTILE_LEVELS[0];
    }
    for idx in 1..N_LEVELS {
        if level <= QUANTILE_LEVELS[idx] {
            let share = (level - QUANTILE_LEVELS[idx - 1]) / (QUANTILE_LEVELS[idx] - QUANTILE_LEVELS[idx - 1]);
            return quantiles[idx - 1] + share * (quantiles[idx] - quantiles[idx - 1]);
        }
    }
    quantiles[N_LEVELS - 1]
}

/// Quantiles of a mixture of two distributions given by their quantiles. `weights` sum to 1.
pub(crate) fn fill_mixture_quantiles(
    parts: &[[f64; N_LEVELS]; 2],
    weights: [f64; 2],
    count_valued: bool,
    out: &mut [f64],
) {
    // Within half a unit below a count lies the probability of that count.
    let shift = if count_valued { 0.5 } else { 0.0 };
    for (value, level) in out.iter_mut().zip(QUANTILE_LEVELS) {
        let mut low = parts[0][0].min(parts[1][0]) - shift;
        let mut high = parts[0][N_LEVELS - 1].max(parts[1][N_LEVELS - 1]) + shift;
        while high - low > 1e-3 * (1.0 + high) {
            let middle = 0.5 * (low + high);
            let share =
                weights[0] * share_below(&parts[0], middle, shift) + weights[1] * share_below(&parts[1], middle, shift);
            if share < level { low = middle } else { high = middle }
        }
        *value = if count_valued { (high - 0.25).round().max(0.0) } else { high.max(0.0) };
    }
}

/// The distribution function at `x`, linear between the quantiles, each of which stands for `value - shift` to
/// `value + shift`.
fn share_below(quantiles: &[f64; N_LEVELS], x: f64, shift: f64) -> f64 {
    let below = quantiles.iter().take_while(|quantile| **quantile + shift <= x).count();
    let (left, left_level) = if below == 0 {
        (quantiles[0] - shift, 0.0)
    } else {
        (quantiles[below - 1] + shift, QUANTILE_LEVELS[below - 1])
    };
    if below == N_LEVELS {
        return 1.0;
    }
    let (right, right_level) = (quantiles[below] + shift, QUANTILE_LEVELS[below]);
    if x <= left {
        return left_level;
    }
    // Ties stand for one wide step: its upper level is that of the last of them.
    let last = below + quantiles[below..].iter().take_while(|quantile| **quantile == quantiles[below]).count() - 1;
    let right_level = right_level.max(QUANTILE_LEVELS[last]);
    let upper = if last + 1 == N_LEVELS { 1.0 } else { right_level };
    left_level + (upper - left_level) * ((x - left) / (right - left).max(1e-12)).min(1.0)
}

const SHAPE_MIN: f64 = 0.01;
const SHAPE_MAX: f64 = 1e6;
const N_SHAPES: usize = 256;

/// Standardised quantiles `(q - shape) / sqrt(shape)` of a gamma distribution of this shape and scale 1, from a table
/// made on first use.
pub(crate) fn gamma_scores(shape: f64) -> [f64; N_LEVELS] {
    static TABLE: OnceLock<Vec<[f64; N_LEVELS]>> = OnceLock::new();
    let log_step = (SHAPE_MAX / SHAPE_MIN).ln() / (N_SHAPES - 1) as f64;
    let table = TABLE.get_or_init(|| {
        (0..N_SHAPES)
            .map(|idx| {
                let shape = SHAPE_MIN * (log_step * idx as f64).exp();
                std::array::from_fn(|level_idx| (gamma_quantile(shape, level_idx) - shape) / shape.sqrt())
            })
            .collect()
    });
    if !(shape < SHAPE_MAX) {
        return NORMAL_SCORES;
    }
    let place = ((shape / SHAPE_MIN).ln() / log_step).clamp(0.0, (N_SHAPES - 1) as f64 - 1e-9);
    let (idx, share) = (place as usize, place.fract());
    std::array::from_fn(|level_idx| table[idx][level_idx] * (1.0 - share) + table[idx + 1][level_idx] * share)
}

/// A quantile of the gamma distribution of this shape and scale 1, by safeguarded Newton steps on the logarithm.
fn gamma_quantile(shape: f64, level_idx: usize) -> f64 {
    let level = QUANTILE_LEVELS[level_idx];
    if shape > 1e4 {
        // Wilson and Hilferty (1931); the error is below 1e-6 here.
        let c = 1.0 / (9.0 * shape);
        return shape * (1.0 - c + NORMAL_SCORES[level_idx] * c.sqrt()).powi(3);
    }
    // P(X <= x) <= x^shape / Γ(shape + 1) brackets the root from below.
    let mut low = ((level.ln() + ln_gamma(shape + 1.0)) / shape).max(-600.0);
    let mut high = (shape + 12.0 * shape.sqrt() + 30.0).ln();
    if low <= -600.0 {
        return 0.0;
    }
    let mut log_x = low.max((shape.max(0.1)).ln() - 1.0).clamp(low, high);
    for _ in 0..200 {
        let x = log_x.exp();
        let error = gamma_lr(shape, x) - level;
        if error > 0.0 {
            high = log_x
        } else {
            low = log_x
        }
        let log_density = shape * log_x - x - ln_gamma(shape);
        let mut next = log_x - error / log_density.exp();
        if !(next > low && next < high) {
            next = 0.5 * (low + high);
        }
        if (next - log_x).abs() < 1e-12 {
            break;
        }
        log_x = next;
    }
    log_x.exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, DiscreteCDF, Gamma, NegativeBinomial, Poisson};

    /// Against the public crate statrs: exact for counts below the switch, 1 unit above it.
    #[test]
    fn count_quantiles_match_statrs() {
        for mean in [0.05, 0.7, 3.0, 25.0, 60.0, 400.0] {
            for ratio in [1.0, 1.3, 4.0] {
                let mut ours = [0.0; N_LEVELS];
                fill_count_quantiles(mean, mean * ratio, &mut ours);
                for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
                    let reference = if ratio == 1.0 {
                        Poisson::new(mean).unwrap().inverse_cdf(*level)
                    } else {
                        NegativeBinomial::new(mean / (ratio - 1.0), 1.0 / ratio).unwrap().inverse_cdf(*level)
                    } as f64;
                    let allowed = if mean > WALK_MEAN_MAX { 1.0 } else { 0.0 };
                    assert!(
                        (ours[idx] - reference).abs() <= allowed,
                        "{mean} {ratio} {level}: {} {reference}",
                        ours[idx]
                    );
                }
            }
        }
    }

    /// The table is interpolated linearly: within 0.2 % of the mean and spread.
    #[test]
    fn gamma_quantiles_match_statrs() {
        for shape in [0.3, 1.0, 2.5, 40.0, 3000.0] {
            let mut ours = [0.0; N_LEVELS];
            fill_gamma_quantiles(5.0, 25.0 / shape, &mut ours);
            for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
                let reference = Gamma::new(shape, shape / 5.0).unwrap().inverse_cdf(*level);
                assert!(
                    (ours[idx] - reference).abs() < 0.002 * (reference + 5.0),
                    "{shape} {level}: {} {reference}",
                    ours[idx]
                );
            }
        }
    }

    #[test]
    fn zero_share_of_intermittent_demand_is_zero() {
        let mut quantiles = [0.0; N_LEVELS];
        fill_intermittent_quantiles(0.25, 4.0, 4.0, &mut quantiles);
        assert!(quantiles[..9].iter().all(|quantile| *quantile == 0.0), "70 % of periods sell nothing");
        assert!(quantiles[9] > 1.0 && quantiles[12] > 6.0);
    }
}
