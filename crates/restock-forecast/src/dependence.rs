//! How demands of neighbouring periods move together, estimated from a series' own cumulative errors.
//!
//! From every past origin a level is forecast; its errors over `L` periods are added up. Were periods independent, the
//! variance of the sum would be the sum of the variances; a level that was wrong makes it larger. The ratio
//! `R(L) = Σ (Σ_h e_h)² / Σ Σ_h e_h²` is the variance ratio of Cochrane (1988) applied to forecast errors; it gives the
//! mean correlation between two periods of the window, `(R - 1) / (L - 1)`, to which `common` and `phi` of
//! [`Dependence`] are fitted. Correlation of demand becomes correlation of normal scores by [`ScoreShares`].
//!
//! A short history says little: the mean correlation is shrunk to that of [`DEFAULT`].

use restock_core::forecast::{Dependence, Observation};
use restock_core::{Bucket, SeriesInput};

/// Dependence of a series nothing is known about: the median over M5 items at origins before its test window.
pub const DEFAULT: Dependence = Dependence { common: 0.06, phi: 0.15 };

/// Windows that the default counts for.
const PRIOR_WINDOWS: f64 = 6.0;

/// Most past periods looked at.
const WINDOW: usize = 400;

/// Estimates the dependence from the demand in `..end`.
///
/// # Panics
/// When `end > series.n_periods()`.
pub fn estimate_dependence(series: &SeriesInput, end: usize) -> Dependence {
    assert!(end <= series.n_periods());
    let begin = end.saturating_sub(WINDOW);
    let usable: Vec<usize> = (begin..end)
        .filter(|position| matches!(series.observations[*position], Observation::Full | Observation::Censored))
        .collect();
    let n = usable.len();
    let demand: Vec<f64> = usable.iter().map(|position| series.demand[*position].max(0.0)).collect();
    let lengths: [usize; 3] = match series.bucket {
        Bucket::Day => [7, 14, 28],
        Bucket::Week => [2, 4, 8],
        Bucket::Month => [2, 3, 6],
    };
    let mean = demand.iter().sum::<f64>() / n.max(1) as f64;
    if n < 3 * lengths[0] || mean <= 0.0 || !mean.is_finite() {
        return DEFAULT;
    }

    let factors = season_factors(series, &usable, &demand, mean);
    // Prefix sums of y, f, y², y·f and f² make every window's errors a matter of five subtractions.
    let mut sums = vec![[0.0; 5]; n + 1];
    for idx in 0..n {
        let (y, f) = (demand[idx], factors[idx]);
        let add = [y, f, y * y, y * f, f * f];
        for (column, add) in add.iter().enumerate() {
            sums[idx + 1][column] = sums[idx][column] + add;
        }
    }
    // The level known before each period: the mean of a fast and a slow exponential, as in the weighted quantiles.
    let season_days = series.bucket.days();
    let decays = [14.0, 90.0].map(|half_life: f64| 0.5_f64.powf((season_days / half_life).min(0.25)));
    let mut state = [(0.0, 0.0); 2]; // (sum, weight)
    let mut level = Vec::with_capacity(n); // [n]
    for idx in 0..n {
        let known = state.map(|(sum, weight)| if weight > 0.0 { sum / weight } else { mean });
        level.push(0.5 * (known[0] + known[1]));
        for (decay, (sum, weight)) in decays.iter().zip(&mut state) {
            *sum = *sum * decay + demand[idx];
            *weight = *weight * decay + factors[idx];
        }
    }

    let warm_up = (n / 4).min(2 * lengths[2]).max(lengths[0]);
    let default = lengths.map(|length| mean_correlation(DEFAULT, length));
    let shares = score_shares(&demand);
    let mut targets = [0.0; 3];
    for (idx, length) in lengths.iter().enumerate() {
        let (mut of_sums, mut of_periods, mut n_windows) = (0.0, 0.0, 0.0);
        for origin in warm_up..(n + 1).saturating_sub(*length) {
            let window: [f64; 5] = std::array::from_fn(|column| sums[origin + length][column] - sums[origin][column]);
            of_sums += (window[0] - level[origin] * window[1]).powi(2);
            of_periods += window[2] - 2.0 * level[origin] * window[3] + level[origin].powi(2) * window[4];
            n_windows += 1.0;
        }
        let independent = n_windows / *length as f64; // windows that do not overlap
        let observed = if of_periods > 0.0 {
            shares.score_correlation((of_sums / of_periods - 1.0) / (length - 1) as f64)
        } else {
            default[idx]
        };
        targets[idx] = (independent * observed + PRIOR_WINDOWS * default[idx]) / (independent + PRIOR_WINDOWS);
    }
    fit(lengths, targets)
}

/// The dependence under which sums of `horizon` periods vary `ratio` times as much, the periods being as they are.
///
/// A sharper forecast of single periods says little about how long the level holds: its sums must not become sharper by
/// the same factor. So what a forecast takes from the variance of periods, against the empirical distribution that the
/// dependence was measured with, is given back as correlation. A `ratio` of at most 1 changes nothing.
pub(crate) fn widen(dependence: Dependence, ratio: f64, horizon: usize) -> Dependence {
    let length = horizon.min(28);
    if length < 2 || ratio <= 1.0 {
        return dependence;
    }
    let others = (length - 1) as f64;
    let wanted = (ratio.min(4.0) * (1.0 + others * mean_correlation(dependence, length)) - 1.0) / others;
    let own = mean_correlation(Dependence { common: 0.0, ..dependence }, length);
    let common = (wanted - own) / (1.0 - own);
    Dependence { common: common.clamp(dependence.common, dependence.common.max(0.9)), ..dependence }
}

/// The dependence whose mean correlations over windows up to the horizon lie between those of `a` and `b`, at `share` of
/// the way from `a` to `b`.
pub(crate) fn blend(a: Dependence, b: Dependence, share: f64, horizon: usize) -> Dependence {
    let lengths = [horizon.div_ceil(4).max(2), horizon.div_ceil(2).max(2), horizon.max(2)];
    let targets =
        lengths.map(|length| (1.0 - share) * mean_correlation(a, length) + share * mean_correlation(b, length));
    fit(lengths, targets)
}

/// The `common` and `phi` whose mean correlations between the periods of windows of three lengths are nearest to the
/// targets, by search over `phi`; longer windows weigh more.
pub fn fit(lengths: [usize; 3], targets: [f64; 3]) -> Dependence {
    let mut best = (f64::INFINITY, DEFAULT);
    for phi in [0.0, 0.15, 0.3, 0.5, 0.7, 0.85] {
        let own = lengths.map(|length| mean_correlation(Dependence { common: 0.0, phi }, length));
        // target = own + common·(1 - own), least squares in `common`, weighted by the length of the sum.
        let (mut top, mut bottom) = (0.0, 0.0);
        for idx in 0..3 {
            let weight = lengths[idx] as f64;
            top += weight * (targets[idx] - own[idx]) * (1.0 - own[idx]);
            bottom += weight * (1.0 - own[idx]).powi(2);
        }
        let common = (top / bottom).clamp(0.0, 0.9);
        let loss: f64 =
            (0..3).map(|idx| lengths[idx] as f64 * (own[idx] + common * (1.0 - own[idx]) - targets[idx]).powi(2)).sum();
        if loss < best.0 - 1e-12 {
            best = (loss, Dependence { common, phi });
        }
    }
    best.1
}

/// Mean correlation between two different periods of a window.
pub(crate) fn mean_correlation(dependence: Dependence, length: usize) -> f64 {
    if length < 2 {
        return 0.0;
    }
    let (n, mut sum, mut power) = (length as f64, 0.0, 1.0);
    for lag in 1..length {
        power *= dependence.phi;
        sum += (n - lag as f64) * power;
    }
    let own = 2.0 * sum / (n * (n - 1.0));
    dependence.common + (1.0 - dependence.common) * own
}

/// `[n]`: factor of each usable period's place in the season, shrunk to 1; only days have one here.
fn season_factors(series: &SeriesInput, usable: &[usize], demand: &[f64], mean: f64) -> Vec<f64> {
    if series.bucket != Bucket::Day {
        return vec![1.0; demand.len()];
    }
    let phase = |position: usize| (i64::from(series.first_period) + position as i64).rem_euclid(7) as usize;
    let (mut sum, mut count) = ([0.0; 7], [0.0; 7]);
    for (position, demand) in usable.iter().zip(demand) {
        sum[phase(*position)] += demand;
        count[phase(*position)] += 1.0;
    }
    usable
        .iter()
        .map(|position| phase(*position))
        .map(|idx| (sum[idx] + 2.0 * mean) / ((count[idx] + 2.0) * mean))
        .collect()
}

/// The shares of values that are equally likely.
fn score_shares(values: &[f64]) -> ScoreShares {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let scores = (0..sorted.len()).map(|rank| crate::random::normal_quantile((rank as f64 + 0.5) / n));
    let pieces: Vec<[f64; 3]> = sorted.iter().zip(scores).map(|(value, score)| [1.0 / n, *value, score]).collect();
    ScoreShares::of(&pieces)
}

/// How a distribution depends on normal scores: shares of its variance in the first two Hermite polynomials of the
/// score. Demand that is normal is linear in its score; of lumpy demand, often nothing and now and then a lot, less than
/// half is.
///
/// Where two scores have correlation `ρ`, the values have `Σ share_k · ρ^k` (Mehler, 1866; Cario & Nelson, 1997, eq. 5);
/// what is beyond the second polynomial counts as third.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreShares {
    /// Share of the first polynomial, `score`.
    pub linear: f64,
    /// Share of the second, `(score² - 1) / √2`.
    pub quadratic: f64,
}

impl ScoreShares {
    /// The shares of a distribution in pieces of (probability, value, normal score); all linear where it does not vary.
    pub fn of(pieces: &[[f64; 3]]) -> Self {
        let expected = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            pieces.iter().map(|[weight, value, score]| weight * of(*value, *score)).sum()
        };
        let mean = expected(&|value, _| value);
        let variance = expected(&|value, _| (value - mean).powi(2));
        if variance <= 0.0 {
            return Self { linear: 1.0, quadratic: 0.0 };
        }
        let squared_score = expected(&|_, score| score * score);
        let square = |score: f64| score * score - squared_score;
        let squared_square = expected(&|_, score| square(score).powi(2));
        let share = |covariance: f64, of_polynomial: f64| covariance.powi(2) / (variance * of_polynomial);
        let linear = share(expected(&|value, score| (value - mean) * score), squared_score);
        let quadratic = share(expected(&|value, score| (value - mean) * square(score)), squared_square);
        Self { linear: linear.min(1.0), quadratic: quadratic.min((1.0 - linear).max(0.0)) }
    }

    /// The correlation of values whose scores have a correlation.
    pub fn correlation(self, of_scores: f64) -> f64 {
        let rest = 1.0 - self.linear - self.quadratic;
        of_scores * (self.linear + of_scores * (self.quadratic + of_scores * rest))
    }

    /// The correlation of scores, -0.1 to 0.95, whose values have a correlation, or the nearest there is.
    pub fn score_correlation(self, correlation: f64) -> f64 {
        let (mut low, mut high) = (-0.1, 0.95);
        // The correlation grows with that of the scores: 30 halvings leave 1e-9.
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if self.correlation(middle) < correlation { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal, Poisson};

    /// Periods with half the variance keep the variance of their sum when it is given back as correlation.
    #[test]
    fn variance_taken_from_periods_is_given_back_to_sums() {
        let before = Dependence { common: 0.1, phi: 0.3 };
        let after = widen(before, 2.0, 28);
        let variance_of_sum = |of_period: f64, dependence| of_period * (1.0 + 27.0 * mean_correlation(dependence, 28));
        assert!((variance_of_sum(0.5, after) / variance_of_sum(1.0, before) - 1.0).abs() < 1e-9);
        assert_eq!(widen(before, 0.8, 28), before);
        assert!(widen(before, 100.0, 28).common <= 0.9);
    }

    /// Half of the way between two dependences, windows are half as much more correlated.
    #[test]
    fn a_blend_lies_between() {
        let (a, b) = (Dependence { common: 0.1, phi: 0.0 }, Dependence { common: 0.5, phi: 0.0 });
        for (share, common) in [(0.0, 0.1), (0.5, 0.3), (1.0, 0.5)] {
            let found = blend(a, b, share, 28);
            assert!((found.common - common).abs() < 1e-9 && found.phi == 0.0, "{share}: {found:?}");
        }
        // One period has no sums.
        assert!((blend(a, a, 0.5, 1).common - 0.1).abs() < 1e-9);
    }

    /// Demand that is exponential in its score, `exp(σ·Z)`, has shares and correlations in closed form: `exp(σ²ρ)` grows
    /// as the covariance does.
    #[test]
    fn shares_of_lognormal_demand() {
        let sigma: f64 = 0.8;
        let n = 20_000;
        let values: Vec<f64> =
            (0..n).map(|rank| (sigma * crate::random::normal_quantile((rank as f64 + 0.5) / n as f64)).exp()).collect();
        let shares = score_shares(&values);
        let total = (sigma * sigma).exp() - 1.0;
        assert!((shares.linear - sigma.powi(2) / total).abs() < 5e-3, "{shares:?}");
        assert!((shares.quadratic - sigma.powi(4) / 2.0 / total).abs() < 5e-3, "{shares:?}");
        for of_scores in [0.1, 0.4, 0.8] {
            let correlation = ((sigma * sigma * of_scores).exp() - 1.0) / total;
            assert!((shares.score_correlation(correlation) - of_scores).abs() < 0.01, "{of_scores}");
        }
    }

    /// What two thirds of empty days leave linear is little, and no correlation makes scores move as one.
    #[test]
    fn lumpy_demand_is_not_taken_for_fully_dependent() {
        let values: Vec<f64> =
            (0..90).map(|idx| if idx % 3 == 0 { 1.0 + (idx % 7) as f64 * 3.0 } else { 0.0 }).collect();
        let shares = score_shares(&values);
        assert!(shares.linear < 0.8, "{shares:?}");
        assert!(shares.score_correlation(0.4) < 0.62, "{}", shares.score_correlation(0.4));
        assert!((shares.correlation(1.0) - 1.0).abs() < 1e-12);
        assert!((ScoreShares::of(&[[1.0, 2.0, 0.0]]).score_correlation(0.3) - 0.3).abs() < 1e-6);
    }

    fn series(demand: Vec<f64>) -> SeriesInput {
        SeriesInput {
            key: 1,
            sales: demand.clone(),
            observations: vec![Observation::Full; demand.len()],
            demand,
            first_period: 0,
            bucket: Bucket::Day,
            covariates: vec![],
            open_future: vec![],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    #[test]
    fn correlation_of_windows() {
        assert_eq!(mean_correlation(Dependence { common: 0.3, phi: 0.0 }, 5), 0.3);
        // Three periods with phi 0.5: (0.5 + 0.5 + 0.25) / 3.
        assert!((mean_correlation(Dependence { common: 0.0, phi: 0.5 }, 3) - 1.25 / 3.0).abs() < 1e-12);
        let found = fit([7, 14, 28], [7, 14, 28].map(|n| mean_correlation(Dependence { common: 0.2, phi: 0.5 }, n)));
        assert!((found.common - 0.2).abs() < 1e-9 && found.phi == 0.5, "{found:?}");
    }

    /// Independent demand at a constant rate has little dependence, a wandering rate has much.
    #[test]
    fn a_wandering_level_is_dependence() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut strength = |drift: f64| {
            let mut sum = 0.0;
            for _ in 0..30 {
                let mut log_level = 2.0_f64;
                let demand = (0..400)
                    .map(|_| {
                        log_level += drift * Normal::new(0.0, 1.0).unwrap().sample(&mut rng);
                        Poisson::new(log_level.clamp(-2.0, 5.0).exp()).unwrap().sample(&mut rng)
                    })
                    .collect();
                sum += mean_correlation(estimate_dependence(&series(demand), 400), 14) / 30.0;
            }
            sum
        };
        let (still, wandering) = (strength(0.0), strength(0.06));
        assert!(still < 0.08, "{still}");
        assert!(wandering > 0.2, "{wandering}");
    }

    #[test]
    fn short_or_empty_history_gets_the_default() {
        assert_eq!(estimate_dependence(&series(vec![1.0; 10]), 10), DEFAULT);
        assert_eq!(estimate_dependence(&series(vec![0.0; 300]), 300), DEFAULT);
        let constant = estimate_dependence(&series(vec![2.0; 300]), 300);
        assert!(constant.common.is_finite() && constant.phi.is_finite());
    }
}
