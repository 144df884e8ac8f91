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
//! 3. Items that sell much and items that sell little miss in other ways. Series are split into classes of volume, by the
//!    scale of a forecast (mean demand per period, about) at equal shares of the windows; a class is moved by its own
//!    residuals. A level of a class with too few of them is moved by those of all classes.
//! 4. Steps near one another share their residuals: a week in the middle of the horizon has seven times the windows of a
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

/// Residuals of hold-out windows, by class of volume, head, step and level.
#[derive(Clone, Debug)]
pub struct Residuals {
    horizon: usize,
    /// `[n_classes]` of marginal, cumulative: `[horizon · N_LEVELS]`, each as many as windows of the class.
    classes: Vec<[Vec<Vec<Residual>>; 2]>,
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
    ///
    /// # Panics
    /// Without classes.
    pub fn new(horizon: usize, n_classes: usize) -> Self {
        assert!(n_classes > 0);
        let cells = || vec![Vec::new(); horizon * N_LEVELS];
        Self { horizon, classes: (0..n_classes).map(|_| [cells(), cells()]).collect() }
    }

    /// Adds one step of one window of a class: its quantiles `[N_LEVELS]` and its demand, both in asinh space.
    pub fn add(&mut self, class: usize, head: Head, step: usize, quantiles: &[f32], demand: f32, censored: bool) {
        let cells = &mut self.classes[class][head as usize][step * N_LEVELS..][..N_LEVELS];
        for (cell, quantile) in cells.iter_mut().zip(quantiles).filter(|(_, quantile)| **quantile > 0.0) {
            cell.push(Residual { value: demand - quantile, censored });
        }
    }

    /// The shift of one level at one step by the residuals of some classes; `None` where they are too few.
    fn shift(&self, classes: Range<usize>, head: Head, step: usize, level_idx: usize) -> Option<f32> {
        let cells = |step: usize| {
            let idx = step * N_LEVELS + level_idx;
            self.classes[classes.clone()].iter().map(move |class| &class[head as usize][idx])
        };
        let within =
            |radius: usize| -> Range<usize> { step.saturating_sub(radius)..(step + radius + 1).min(self.horizon) };
        let least = least_residuals(LEVELS[level_idx]);
        let count = |steps: Range<usize>| steps.flat_map(cells).map(Vec::len).sum::<usize>();
        let radius = (RADIUS..self.horizon.max(RADIUS + 1)).find(|radius| least <= count(within(*radius)))?;
        let residuals = within(radius).flat_map(cells).flatten().copied().collect();
        Some(conformal_quantile(residuals, LEVELS[level_idx]).unwrap_or(0.0))
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

/// Shifts of every quantile in asinh space, by class of volume and step.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// `[n_classes - 1]`: scales of forecasts, units per period, at which the next class begins; rising. Empty where all
    /// series move alike.
    pub bounds: Vec<f32>,
    /// `[n_classes, horizon, N_LEVELS]`.
    pub marginal: Vec<f32>,
    /// `[n_classes, horizon, N_LEVELS]`.
    pub cumulative: Vec<f32>,
}

/// The class of a scale.
pub fn class_of(bounds: &[f32], scale: f32) -> usize {
    bounds.partition_point(|bound| *bound <= scale)
}

impl Calibration {
    /// The shifts that hold-out windows of all classes ask for together.
    pub fn fit(residuals: &Residuals) -> Self {
        let all = 0..residuals.classes.len();
        Self::of(residuals, &[], &|_, head, step, level_idx| residuals.shift(all.clone(), head, step, level_idx))
    }

    /// The shifts that hold-out windows of each class ask for, classes split at `bounds`.
    ///
    /// # Panics
    /// Unless there is one bound less than classes.
    pub fn fit_by_class(residuals: &Residuals, bounds: &[f32]) -> Self {
        assert_eq!(bounds.len() + 1, residuals.classes.len());
        let all = 0..residuals.classes.len();
        Self::of(residuals, bounds, &|class, head, step, level_idx| {
            let own = residuals.shift(class..class + 1, head, step, level_idx);
            own.or_else(|| residuals.shift(all.clone(), head, step, level_idx))
        })
    }

    fn of(
        residuals: &Residuals,
        bounds: &[f32],
        shift: &(dyn Fn(usize, Head, usize, usize) -> Option<f32> + Sync),
    ) -> Self {
        let per_class = residuals.horizon * N_LEVELS;
        let shifts = |head: Head| {
            let one =
                |idx: usize| shift(idx / per_class, head, idx % per_class / N_LEVELS, idx % N_LEVELS).unwrap_or(0.0);
            (0..(bounds.len() + 1) * per_class).into_par_iter().map(one).collect()
        };
        let (marginal, cumulative) = (shifts(Head::Marginal), shifts(Head::Cumulative));
        Self { bounds: bounds.to_vec(), marginal, cumulative }
    }

    /// The classes of volume.
    pub fn n_classes(&self) -> usize {
        self.bounds.len() + 1
    }

    /// Steps with shifts of their own.
    pub fn horizon(&self) -> usize {
        self.marginal.len() / N_LEVELS / self.n_classes()
    }

    /// A share of every shift, 0 to 1.
    pub fn scaled(&self, share: f32) -> Self {
        let scaled = |shifts: &[f32]| shifts.iter().map(|shift| share * shift).collect();
        Self { bounds: self.bounds.clone(), marginal: scaled(&self.marginal), cumulative: scaled(&self.cumulative) }
    }

    /// Classes split at `bounds`, each with a share of the shifts of the calibration chosen for it: its own class there, or
    /// the one class of all series.
    ///
    /// # Panics
    /// Unless there is one choice for each class, all of one horizon and of these classes or one.
    pub fn chosen(bounds: &[f32], choices: &[(&Self, f32)]) -> Self {
        assert_eq!(bounds.len() + 1, choices.len());
        let mut chosen = Self { bounds: bounds.to_vec(), marginal: Vec::new(), cumulative: Vec::new() };
        for (class, (of, share)) in choices.iter().enumerate() {
            assert!(of.bounds.is_empty() || of.bounds == bounds);
            let n = of.horizon() * N_LEVELS;
            let start = if of.bounds.is_empty() { 0 } else { class * n };
            chosen.marginal.extend(of.marginal[start..start + n].iter().map(|shift| share * shift));
            chosen.cumulative.extend(of.cumulative[start..start + n].iter().map(|shift| share * shift));
        }
        chosen
    }

    /// Moves the quantiles of a forecast, each series `[n_series]` by the class of its scale; steps beyond the horizon move
    /// as its last one. Quantiles at or below 0 stay, and quantiles that crossed are sorted (Chernozhukov, Fernández-Val &
    /// Galichon 2010).
    pub fn apply(&self, output: &mut Output, scales: &[f32]) {
        assert_eq!(scales.len(), output.n_series);
        let (horizon, own_horizon) = (output.horizon, self.horizon());
        let rows: Vec<usize> = scales.iter().map(|scale| class_of(&self.bounds, *scale) * own_horizon).collect();
        for (quantiles, shifts) in [(&mut output.marginal, &self.marginal), (&mut output.cumulative, &self.cumulative)]
        {
            quantiles.par_chunks_mut(N_LEVELS).enumerate().for_each(|(idx, quantiles)| {
                let row = rows[idx / horizon] + (idx % horizon).min(own_horizon - 1);
                let shifts = &shifts[row * N_LEVELS..][..N_LEVELS];
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
        let mut held_out = Residuals::new(horizon, 1);
        for (idx, demand) in demand.iter().enumerate() {
            let quantiles = output.marginal(idx / horizon, idx % horizon);
            held_out.add(0, Head::Marginal, idx % horizon, quantiles, *demand, false);
            held_out.add(0, Head::Cumulative, idx % horizon, quantiles, *demand, false);
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
        calibration.apply(&mut output, &[1.0; 2_000]);
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
        let mut few = Residuals::new(2, 1);
        for _ in 0..39 {
            few.add(0, Head::Marginal, 0, &[1.0; N_LEVELS], 2.0, false);
            few.add(0, Head::Marginal, 1, &[0.0; N_LEVELS], 2.0, false);
        }
        assert_eq!(Calibration::fit(&few).marginal, vec![0.0; 2 * N_LEVELS]);
        few.add(0, Head::Marginal, 0, &[1.0; N_LEVELS], 2.0, false);
        let shifts = Calibration::fit(&few).marginal;
        assert_eq!((shifts[crate::config::MEDIAN], shifts[N_LEVELS - 1]), (1.0, 0.0));
    }

    /// Small sellers are forecast 1 too low and large ones 1 too high: together nothing is wrong. A third class has too few
    /// windows of its own.
    #[test]
    fn classes_move_by_what_they_missed_themselves() {
        let mut residuals = Residuals::new(1, 3);
        for idx in 0..400 {
            let noise = (idx % 100) as f32 * 1e-3;
            residuals.add(0, Head::Marginal, 0, &[2.0; N_LEVELS], 3.0 + noise, false);
            residuals.add(1, Head::Marginal, 0, &[2.0; N_LEVELS], 1.0 + noise, false);
        }
        for _ in 0..39 {
            residuals.add(2, Head::Marginal, 0, &[2.0; N_LEVELS], 9.0, false);
        }
        let median = crate::config::MEDIAN;
        let (whole, by_class) = (Calibration::fit(&residuals), Calibration::fit_by_class(&residuals, &[1.0, 10.0]));
        assert_eq!((whole.n_classes(), by_class.n_classes(), by_class.horizon()), (1, 3, 1));
        let shift = |class: usize| by_class.marginal[class * N_LEVELS + median];
        assert!((0.9..1.2).contains(&shift(0)) && (-1.1..-0.8).contains(&shift(1)), "{} {}", shift(0), shift(1));
        assert_eq!(shift(2), whole.marginal[median], "39 windows are too few for a class");

        let half = Calibration::chosen(&[1.0, 10.0], &[(&by_class, 0.5), (&whole, 1.0), (&by_class, 0.0)]);
        assert_eq!(half.marginal[median], 0.5 * shift(0));
        assert_eq!(half.marginal[N_LEVELS + median], whole.marginal[median]);
        assert_eq!(half.marginal[2 * N_LEVELS + median], 0.0);

        // So far that none crosses another.
        let far_apart: Vec<f32> = (1..=N_LEVELS).map(|idx| 20.0 * idx as f32).collect();
        let mut output = Output {
            n_series: 3,
            horizon: 2,
            marginal: far_apart.repeat(6),
            cumulative: far_apart.repeat(6),
            demand_probability: vec![1.0; 6],
        };
        by_class.apply(&mut output, &[0.2, 1.0, 50.0]);
        for (series_idx, class) in [(0, 0), (1, 1), (2, 2)] {
            for step in 0..2 {
                let moved = output.marginal(series_idx, step)[median] - far_apart[median];
                assert!((moved - shift(class)).abs() < 1e-4, "series {series_idx}, step {step}: {moved}");
            }
        }
    }
}
