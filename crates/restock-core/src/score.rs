//! The one definition of the loss of quantile forecasts, for forecasts as they are evaluated and as they are lived with.

use crate::forecast::{N_LEVELS, QUANTILE_LEVELS};

/// The levels of WQL and SQL, .1 to .9, as indices into [`QUANTILE_LEVELS`].
pub const WQL_LEVELS: std::ops::RangeInclusive<usize> = 2..=10;

/// The number of levels of WQL and SQL.
pub const N_WQL_LEVELS: usize = 9;

/// Pinball loss `ρ_τ(y, q)`: `τ·(y - q)` where the actual is above the quantile, `(1 - τ)·(q - y)` where it is below.
///
/// ```
/// use restock_core::score::pinball;
/// assert_eq!(pinball(0.9, 12.0, 10.0), 1.8);
/// assert!((pinball(0.9, 8.0, 10.0) - 0.2).abs() < 1e-12);
/// ```
pub fn pinball(quantile_level: f64, actual: f64, quantile: f64) -> f64 {
    let error = actual - quantile;
    if error >= 0.0 { quantile_level * error } else { (quantile_level - 1.0) * error }
}

/// `Σ_periods mean_τ 2ρ_τ` over levels .1 to .9, with `quantiles` period-major `[n_periods × N_LEVELS]`: the numerator of
/// WQL and SQL.
pub fn quantile_loss(actual: &[f64], quantiles: &[f64]) -> f64 {
    assert_eq!(quantiles.len(), actual.len() * N_LEVELS);
    let mut loss = 0.0;
    for (y, quantiles) in actual.iter().zip(quantiles.chunks_exact(N_LEVELS)) {
        for idx in WQL_LEVELS {
            loss += 2.0 * pinball(QUANTILE_LEVELS[idx], *y, quantiles[idx]);
        }
    }
    loss / N_WQL_LEVELS as f64
}
