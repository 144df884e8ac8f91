//! Conformal calibration: every quantile is moved by what it missed on hold-out windows.
//!
//! The shift of a level is the quantile, at that level, of the residuals `z - q` in asinh space (conformalised quantile
//! regression of Romano, Patterson & Candès 2019, one level at a time): where the .9 quantile was exceeded too often, it
//! rises. It is also the shift with the least pinball loss on those windows.
//!
//! # Differences from the paper
//! 1. A quantile at or below 0 forecasts no demand, whatever its value. It takes no part and is not moved: residuals are
//!    those of windows in which the quantile is above 0 (a taxonomy of the forecast alone, as in Mondrian conformal
//!    prediction; Vovk, Gammerman & Shafer 2005). Otherwise the many zeros of slow items would decide for everybody.
//! 2. Where stock ran out the residual is a lower bound; the distribution of residuals is that of Kaplan & Meier (1958),
//!    which takes censoring as independent of demand, given the forecast.
//! 3. Steps near one another share their residuals: a week in the middle of the horizon has seven times the windows of a
//!    day. A level with fewer residuals than [`least_residuals`] over the whole horizon is not moved.

use std::ops::Range;

use rayon::prelude::*;

use crate::config::{LEVELS, N_LEVELS};
use crate::engine::Output;

/// Steps on either side whose residuals are taken together, at least.
const RADIUS: usize = 3;

/// Residuals on the thinner side of a quantile that are expected before it is moved.
const LEAST_BEYOND: f64 = 20.0;

/// Fewest residuals with which a level is moved: 40 for the median, 2,000 for the .01 and .99 quantiles.
pub fn least_residuals(level: f64) -> usize {
    (LEAST_BEYOND / level.min(1.0 - level)).round() as usize
}

/// What a quantile missed: the residual in asinh space, and whether it is a lower bound.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Residual {
    value: f32,
    censored: bool,
}

/// Residuals of hold-out windows, by head, step and level.
#[derive(Clone, Debug)]
pub struct Residuals {
    horizon: usize,
    /// Marginal, cumulative: `[horizon · N_LEVELS]`, each as many as windows.
    heads: [Vec<Vec<Residual>>; 2],
}

/// The two heads of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Demand of a period.
    Marginal,
    /// Demand from the origin to the end of a period.
    Cumulative,
}

impl Residuals {
    /// No residuals yet.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, heads: [vec![Vec::new(); horizon * N_LEVELS], vec![Vec::new(); horizon * N_LEVELS]] }
    }

    /// Adds one step of one window: its quantiles `[N_LEVELS]` and its demand, both in asinh space.
    pub fn add(&mut self, head: Head, step: usize, quantiles: &[f32], demand: f32, censored: bool) {
        let cells = &mut self.heads[head as usize][step * N_LEVELS..][..N_LEVELS];
        for (cell, quantile) in cells.iter_mut().zip(quantiles).filter(|(_, quantile)| **quantile > 0.0) {
            cell.push(Residual { value: demand - quantile, censored });
        }
    }

    /// The shift of one level at one step.
    fn shift(&self, head: Head, step: usize, level_idx: usize) -> f32 {
        let cells = &self.heads[head as usize];
        let within =
            |radius: usize| -> Range<usize> { step.saturating_sub(radius)..(step + radius + 1).min(self.horizon) };
        let least = least_residuals(LEVELS[level_idx]);
        let count = |steps: Range<usize>| steps.map(|step| cells[step * N_LEVELS + level_idx].len()).sum::<usize>();
        let Some(radius) = (RADIUS..self.horizon.max(RADIUS + 1)).find(|radius| least <= count(within(*radius))) else {
            return 0.0;
        };
        let residuals = within(radius).flat_map(|step| cells[step * N_LEVELS + level_idx].iter().copied()).collect();
        conformal_quantile(residuals, LEVELS[level_idx]).unwrap_or(0.0)
    }
}

/// The quantile of residuals at a level, with the correction for finite samples: the ⌈(n + 1)τ⌉-th smallest above the
/// median, the ⌊(n + 1)τ⌋-th below it. `None` where censoring hides it.
fn conformal_quantile(mut residuals: Vec<Residual>, level: f64) -> Option<f32> {
    // Of equal residuals those that are seen in full come first.
    residuals.sort_unstable_by(|a, b| a.value.total_cmp(&b.value).then(a.censored.cmp(&b.censored)));
    let n = residuals.len() as f64;
    let wanted = level * (n + 1.0) / n;
    // Share of residuals above, by Kaplan & Meier.
    let mut above = 1.0;
    let mut below_wanted = None;
    for (idx, residual) in residuals.iter().enumerate().filter(|(_, residual)| !residual.censored) {
        above *= 1.0 - 1.0 / (n - idx as f64);
        let reached = 1.0 - above;
        // Sums of 1/n miss whole numbers by rounding alone.
        if level < 0.5 {
            if wanted + 1e-9 < reached {
                return below_wanted.or(Some(residual.value));
            }
            below_wanted = Some(residual.value);
        } else if wanted - 1e-9 <= reached {
            return Some(residual.value);
        }
    }
    // Above all residuals: the largest, unless what is larger still is hidden.
    residuals.last().filter(|last| !last.censored).map(|last| last.value)
}

/// Shifts of every quantile in asinh space, by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// `[horizon, N_LEVELS]`.
    pub marginal: Vec<f32>,
    /// `[horizon, N_LEVELS]`.
    pub cumulative: Vec<f32>,
}

impl Calibration {
    /// The shifts that hold-out windows ask for.
    pub fn fit(residuals: &Residuals) -> Self {
        let shifts = |head: Head| {
            (0..residuals.horizon * N_LEVELS)
                .into_par_iter()
                .map(|idx| residuals.shift(head, idx / N_LEVELS, idx % N_LEVELS))
                .collect()
        };
        Self { marginal: shifts(Head::Marginal), cumulative: shifts(Head::Cumulative) }
    }

    /// Steps with shifts of their own.
    pub fn horizon(&self) -> usize {
        self.marginal.len() / N_LEVELS
    }

    /// A share of every shift, 0 to 1.
    pub fn scaled(&self, share: f32) -> Self {
        let scaled = |shifts: &[f32]| shifts.iter().map(|shift| share * shift).collect();
        Self { marginal: scaled(&self.marginal), cumulative: scaled(&self.cumulative) }
    }

    /// Moves the quantiles of a forecast; steps beyond the horizon move as its last one. Quantiles at or below 0 stay, and
    /// quantiles that crossed are sorted (Chernozhukov, Fernández-Val & Galichon 2010).
    pub fn apply(&self, output: &mut Output) {
        let (horizon, last) = (output.horizon, self.horizon() - 1);
        for (quantiles, shifts) in [(&mut output.marginal, &self.marginal), (&mut output.cumulative, &self.cumulative)]
        {
            quantiles.par_chunks_mut(N_LEVELS).enumerate().for_each(|(idx, quantiles)| {
                let shifts = &shifts[(idx % horizon).min(last) * N_LEVELS..][..N_LEVELS];
                for (quantile, shift) in quantiles.iter_mut().zip(shifts).filter(|(quantile, _)| **quantile > 0.0) {
                    *quantile += shift;
                }
                if !quantiles.is_sorted() {
                    quantiles.sort_unstable_by(f32::total_cmp);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};
    use restock_forecast::normal_quantile;

    fn residuals(values: &[f32]) -> Vec<Residual> {
        values.iter().map(|value| Residual { value: *value, censored: false }).collect()
    }

    /// Nine residuals 1 to 9: (n + 1)τ is a whole number at every tenth.
    #[test]
    fn ranks_are_those_of_conformal_prediction() {
        let nine: Vec<f32> = (1..=9).map(|value| value as f32).collect();
        for (level, expected) in
            [(0.1, 1.0), (0.25, 2.0), (0.5, 5.0), (0.75, 8.0), (0.9, 9.0), (0.99, 9.0), (0.01, 1.0)]
        {
            assert_eq!(conformal_quantile(residuals(&nine), level), Some(expected), "{level}");
        }
    }

    /// Kaplan and Meier: 1, 2+, 3 with 2 censored puts a third of the mass on 1 and two thirds on 3.
    #[test]
    fn what_is_censored_moves_its_mass_up() {
        let mut three = residuals(&[1.0, 2.0, 3.0]);
        three[1].censored = true;
        assert_eq!(conformal_quantile(three.clone(), 0.5), Some(3.0));
        three[2].censored = true;
        assert_eq!(conformal_quantile(three, 0.5), None);
    }

    /// Demand normal in asinh space; the forecast is 0.3 too low, its spread half of the truth.
    fn narrow_and_low(rng: &mut ChaCha8Rng, n_windows: usize, horizon: usize) -> (Output, Vec<f32>) {
        let mut output = Output {
            n_series: n_windows,
            horizon,
            marginal: Vec::new(),
            cumulative: Vec::new(),
            demand_probability: vec![1.0; n_windows * horizon],
        };
        let mut demand = Vec::new();
        for _ in 0..n_windows {
            let level = rng.random_range(3.0..5.0f64);
            for _ in 0..horizon {
                let draw: f64 = StandardNormal.sample(rng);
                demand.push((level + 0.4 * draw) as f32);
                let quantiles = LEVELS.map(|tau| (level - 0.3 + 0.2 * normal_quantile(tau)) as f32);
                output.marginal.extend(quantiles);
                output.cumulative.extend(quantiles);
            }
        }
        (output, demand)
    }

    #[test]
    fn coverage_is_restored() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let horizon = 10;
        let (output, demand) = narrow_and_low(&mut rng, 2_000, horizon);
        let mut held_out = Residuals::new(horizon);
        for (idx, demand) in demand.iter().enumerate() {
            let quantiles = output.marginal(idx / horizon, idx % horizon);
            held_out.add(Head::Marginal, idx % horizon, quantiles, *demand, false);
            held_out.add(Head::Cumulative, idx % horizon, quantiles, *demand, false);
        }
        let calibration = Calibration::fit(&held_out);
        let (mut output, demand) = narrow_and_low(&mut rng, 2_000, horizon);
        let coverage = |output: &Output, level_idx: usize| {
            let covered = (0..demand.len())
                .filter(|idx| demand[*idx] <= output.marginal(idx / horizon, idx % horizon)[level_idx])
                .count();
            covered as f64 / demand.len() as f64
        };
        assert!(coverage(&output, 18) < 0.5, "the .9 quantile covers {}", coverage(&output, 18));
        calibration.apply(&mut output);
        for (level_idx, level) in LEVELS.iter().enumerate() {
            // Two samples of 20,000 windows: their standard errors add up to .005 at most.
            let covered = coverage(&output, level_idx);
            assert!((covered - level).abs() < 0.015, "the {level} quantile covers {covered}");
        }
        assert!(output.marginal.chunks_exact(N_LEVELS).all(|quantiles| quantiles.is_sorted()));
    }

    /// With 39 residuals even the median stays; zero forecasts take no part.
    #[test]
    fn few_residuals_move_nothing() {
        let mut few = Residuals::new(2);
        for _ in 0..39 {
            few.add(Head::Marginal, 0, &[1.0; N_LEVELS], 2.0, false);
            few.add(Head::Marginal, 1, &[0.0; N_LEVELS], 2.0, false);
        }
        assert_eq!(Calibration::fit(&few).marginal, vec![0.0; 2 * N_LEVELS]);
        few.add(Head::Marginal, 0, &[1.0; N_LEVELS], 2.0, false);
        let shifts = Calibration::fit(&few).marginal;
        assert_eq!((shifts[crate::config::MEDIAN], shifts[N_LEVELS - 1]), (1.0, 0.0));
    }
}
