//! Recalibration of quantiles while they are used: which level to ask of a forecaster so that its quantile has the
//! coverage it should have.
//!
//! Adaptive conformal inference (Gibbs & Candès, 2021) with steps that decay to a floor (Angelopoulos, Barber & Bates,
//! 2024): after the outcomes of a day, the logit `θ` of the level that is asked for nominal level `τ` moves by
//!
//! ```text
//! θ <- θ + η w (τ - c) / (τ (1 - τ)),   η = max(least, first · n^-0.6)
//! ```
//!
//! where `c` is the share of the day's outcomes that the quantile at the asked level covered, `n` counts days with outcomes
//! and `w = m / (m + m₀)` for `m` outcomes. Outcomes of one day are one observation, because what moves one item often moves
//! them all. Beyond logits of `±b`, levels of .001 and .999, nothing or everything is asked for.
//!
//! # Guarantee
//! For any sequence of outcomes and forecasts, without an assumption about either, the mean of `c` weighted by `w` differs
//! from `τ` by at most
//!
//! ```text
//! 2 (b τ (1 - τ) + η₁ max(τ, 1 - τ)) / (η_N Σw)
//! ```
//!
//! after `N` days. It follows from `θ` never leaving `±b` by more than one step, because beyond `b` everything is covered
//! and it falls, and below `-b` nothing is and it rises; summation by parts over steps that never grow gives the bound.
//!
//! Outcomes of a segment have their own `θ`. It begins where that of all outcomes stands, so what is seldom sold profits
//! from what is often sold.
//!
//! # Differences from the papers
//! 1. A value that *is* the quantile counts as covered by the share of its levels up to the asked one, as a randomised
//!    quantile would cover it in the mean. So with counts the share strictly below the quantile is at most `τ`, and the
//!    share at or below at least `τ`, each up to the bound: that is what a quantile of a count means. Plain conformal
//!    inference would push quantiles of slow items down until ties balance.
//! 2. Levels move as logits, by errors in units of the variance of coverage: tails, where a level of the paper would creep,
//!    move as fast as the middle and never by so much that one miss asks for certainty.
//! 3. A censored outcome is a lower bound of demand: a quantile below it has not covered, one above may have, and then
//!    moves nothing. This errs towards too little coverage only as far as shelves are empty: see
//!    [`OutcomeSums::n_censored`](crate::OutcomeSums::n_censored).
//! 4. Levels that cross are put in order (Chernozhukov, Fernández-Val & Galichon, 2010) where they are read; the states
//!    keep their own.

use std::collections::BTreeMap;

use restock_core::settings::AskedLevels;
use restock_core::{N_LEVELS, QUANTILE_LEVELS};
use serde::{Deserialize, Serialize};

use crate::score::Pit;
use crate::segment::Segment;

/// How fast recalibration moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSettings {
    /// Step of the first day, in logits per unit of error over its variance.
    pub first_step: f64,
    /// Steps decay to this one, which decides how fast a change is followed in the long run.
    pub least_step: f64,
    /// Outcomes of a day at which it moves by half of its step.
    pub half_weight: f64,
}

impl Default for CalibrationSettings {
    fn default() -> Self {
        Self { first_step: 0.2, least_step: 0.02, half_weight: 20.0 }
    }
}

impl CalibrationSettings {
    /// Step of day `n`, counted from 1.
    fn step(&self, n: u32) -> f64 {
        (self.first_step * f64::from(n.max(1)).powf(-0.6)).max(self.least_step)
    }
}

/// Logit of the levels beyond which everything or nothing is asked for.
const MOST_LOGIT: f64 = 6.906_754_778_648_554;

fn logit(level: f64) -> f64 {
    (level / (1.0 - level)).ln()
}

/// The level of a logit; 0 or 1 beyond [`MOST_LOGIT`].
fn level_of(logit: f64) -> f64 {
    match logit {
        logit if logit > MOST_LOGIT => 1.0,
        logit if logit < -MOST_LOGIT => 0.0,
        logit => 1.0 / (1.0 + (-logit).exp()),
    }
}

/// Offsets of one group of outcomes to the logits of nominal levels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Offsets {
    /// Days with outcomes.
    n_days: u32,
    /// Outcomes.
    n_outcomes: u64,
    /// Sum of the weights of days.
    weight: f64,
    offsets: [f64; N_LEVELS],
}

/// One outcome as recalibration sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelOutcome {
    /// Where it belongs.
    pub segment: Segment,
    /// Levels that the forecaster, not recalibrated, gave to what was seen.
    pub pit: Pit,
    /// Whether demand may have been more than was seen.
    pub is_censored: bool,
}

/// The state of recalibration: that of all outcomes, and that of each segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    settings: CalibrationSettings,
    all: Offsets,
    segments: BTreeMap<Segment, Offsets>,
}

impl Default for Recalibration {
    fn default() -> Self {
        Self::new(CalibrationSettings::default())
    }
}

impl Recalibration {
    /// One that asks for nominal levels.
    ///
    /// # Panics
    /// Unless steps are `0 < least_step <= first_step <= 1` and `half_weight >= 0`.
    pub fn new(settings: CalibrationSettings) -> Self {
        let CalibrationSettings { first_step, least_step, half_weight } = settings;
        assert!(0.0 < least_step && least_step <= first_step && first_step <= 1.0, "steps between 0 and 1");
        assert!(half_weight >= 0.0);
        Self { settings, all: Offsets::default(), segments: BTreeMap::new() }
    }

    /// The levels to ask of the forecaster for [`QUANTILE_LEVELS`], in order. 0 asks for the least there is, and 1 for more
    /// than the forecaster thinks possible.
    pub fn levels(&self, segment: Segment) -> [f64; N_LEVELS] {
        in_order(self.raw_levels(segment))
    }

    /// The same for item-locations of no known segment.
    pub fn levels_of_all(&self) -> [f64; N_LEVELS] {
        in_order(self.all.levels())
    }

    /// The levels of every segment, as settings of a plan; empty before anything was learnt.
    pub fn asked(&self) -> Vec<AskedLevels> {
        if self.all.n_days == 0 {
            return Vec::new();
        }
        let of =
            |segment: &Segment| AskedLevels { median_below: segment.median_below(), levels: self.levels(*segment) };
        Segment::ALL.iter().map(of).collect()
    }

    /// The level to ask for any nominal level.
    ///
    /// ```
    /// use restock_adapt::{Recalibration, Segment};
    /// assert!((Recalibration::default().level(Segment::Fast, 0.975) - 0.975).abs() < 1e-12);
    /// ```
    pub fn level(&self, segment: Segment, nominal: f64) -> f64 {
        AskedLevels { median_below: None, levels: self.levels(segment) }.level(nominal)
    }

    /// Levels before they are put in order.
    fn raw_levels(&self, segment: Segment) -> [f64; N_LEVELS] {
        self.segments.get(&segment).unwrap_or(&self.all).levels()
    }

    /// Learns from the outcomes of one day, in any order.
    pub fn learn(&mut self, outcomes: &[LevelOutcome]) {
        for segment in Segment::ALL {
            let own = outcomes.iter().filter(|outcome| outcome.segment == segment);
            if own.clone().next().is_some() {
                let begin = || Offsets { offsets: self.all.offsets, ..Offsets::default() };
                self.segments.entry(segment).or_insert_with(begin).step(&self.settings, own);
            }
        }
        self.all.step(&self.settings, outcomes.iter());
    }

    /// Outcomes that a segment has learnt from.
    pub fn n_outcomes(&self, segment: Segment) -> u64 {
        self.segments.get(&segment).map_or(0, |offsets| offsets.n_outcomes)
    }

    /// How far the weighted coverage of a segment can be from a nominal level, whatever happened: the bound of the module.
    /// Above 1 it says nothing yet.
    pub fn coverage_bound(&self, segment: Segment, level_idx: usize) -> f64 {
        let Some(own) = self.segments.get(&segment) else { return f64::INFINITY };
        let level = QUANTILE_LEVELS[level_idx];
        let range = MOST_LOGIT * level * (1.0 - level) + self.settings.first_step * level.max(1.0 - level);
        2.0 * range / (self.settings.step(own.n_days) * own.weight)
    }
}

impl Offsets {
    fn levels(&self) -> [f64; N_LEVELS] {
        std::array::from_fn(|idx| match self.offsets[idx] {
            // Where nothing was learnt the nominal level comes back without a rounding error.
            0.0 => QUANTILE_LEVELS[idx],
            offset => level_of(logit(QUANTILE_LEVELS[idx]) + offset),
        })
    }

    /// Moves each level by the share of outcomes that it covered.
    fn step<'a>(&mut self, settings: &CalibrationSettings, outcomes: impl Iterator<Item = &'a LevelOutcome>) {
        let levels = self.levels();
        let (mut n, mut error) = (0_u32, [0.0; N_LEVELS]);
        for outcome in outcomes {
            n += 1;
            for idx in 0..N_LEVELS {
                let nominal = QUANTILE_LEVELS[idx];
                error[idx] += nominal - covered(outcome, levels[idx], nominal);
            }
        }
        if n == 0 {
            return;
        }
        let m = f64::from(n);
        let weight = m / (m + settings.half_weight);
        self.n_days = self.n_days.saturating_add(1);
        self.n_outcomes += u64::from(n);
        self.weight += weight;
        let step = settings.step(self.n_days) * weight / m;
        for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
            self.offsets[idx] += step * error[idx] / (level * (1.0 - level));
        }
    }
}

fn in_order(mut levels: [f64; N_LEVELS]) -> [f64; N_LEVELS] {
    levels.sort_by(f64::total_cmp);
    levels
}

/// 1 where the quantile at `asked` covered, 0 where it did not, the nominal level where that cannot be said.
fn covered(outcome: &LevelOutcome, asked: f64, nominal: f64) -> f64 {
    let LevelOutcome { pit, is_censored, .. } = *outcome;
    // Where all or nothing is asked for, all or nothing is covered, whatever came: so what is asked comes back.
    if asked <= 0.0 || asked >= 1.0 {
        return f64::from(asked >= 1.0);
    }
    if is_censored && asked >= pit.low { nominal } else { pit.covered_at(asked) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn at(level: f64) -> LevelOutcome {
        LevelOutcome { segment: Segment::Medium, pit: Pit { low: level, high: level }, is_censored: false }
    }

    /// A stream of days against a recalibration: weighted coverage per level, and the state after it.
    fn play(
        days: impl Iterator<Item = Vec<LevelOutcome>>,
        settings: CalibrationSettings,
    ) -> ([f64; N_LEVELS], Recalibration) {
        let mut state = Recalibration::new(settings);
        let (mut sum, mut weights) = ([0.0; N_LEVELS], 0.0);
        for outcomes in days {
            let levels = state.raw_levels(Segment::Medium);
            let m = outcomes.len() as f64;
            let weight = m / (m + settings.half_weight);
            weights += weight;
            for idx in 0..N_LEVELS {
                let share: f64 =
                    outcomes.iter().map(|outcome| covered(outcome, levels[idx], QUANTILE_LEVELS[idx])).sum::<f64>() / m;
                sum[idx] += weight * share;
            }
            state.learn(&outcomes);
        }
        (sum.map(|sum| sum / weights), state)
    }

    /// An adversary that sees the levels puts every outcome just where it hurts: above the quantile, or below it, in turns.
    #[test]
    fn coverage_is_bounded_on_adversarial_sequences() {
        let settings = CalibrationSettings { half_weight: 0.0, ..CalibrationSettings::default() };
        for wave in [1, 7, 50, 1000] {
            let days = (0..4000).map(|day| vec![at(if (day / wave) % 2 == 0 { 1.0 } else { 0.0 })]);
            let (coverage, state) = play(days, settings);
            for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
                let bound = state.coverage_bound(Segment::Medium, idx);
                assert!((coverage[idx] - level).abs() <= bound, "wave {wave}, {level}: {} ± {bound}", coverage[idx]);
                assert!(!(0.1..=0.9).contains(level) || bound < 0.2, "the bound says something: {bound}");
            }
        }
    }

    /// The forecaster says half of what comes: coverage of its quantiles is far off, that of the asked ones is not.
    #[test]
    fn a_wrong_forecaster_is_corrected() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let days: Vec<Vec<LevelOutcome>> =
            (0..400).map(|_| (0..50).map(|_| at(rng.random::<f64>().powf(0.4))).collect()).collect();
        let mut raw = [0.0; N_LEVELS];
        for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
            raw[idx] = days.iter().flatten().filter(|outcome| outcome.pit.high <= *level).count() as f64 / 20_000.0;
        }
        let (_, state) = play(days.iter().take(200).cloned(), CalibrationSettings::default());
        let levels = state.levels(Segment::Medium);
        for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
            let after = days[200..].iter().flatten().filter(|outcome| outcome.pit.high <= levels[idx]).count() as f64
                / 10_000.0;
            assert!((after - level).abs() < 0.03, "{level}: {after}, before {}", raw[idx]);
            if (0.05..=0.95).contains(level) {
                assert!(
                    (after - level).abs() < 0.5 * (raw[idx] - level).abs(),
                    "{level}: {after}, before {}",
                    raw[idx]
                );
            }
        }
    }

    /// What recalibration costs a forecaster that needs none: levels stay within four hundredths.
    #[test]
    fn a_right_forecaster_is_left_alone() {
        let mut furthest: f64 = 0.0;
        for seed in 0..20 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let days = (0..300).map(|_| (0..20).map(|_| at(rng.random())).collect());
            let (_, state) = play(days, CalibrationSettings::default());
            for (asked, level) in state.levels(Segment::Medium).iter().zip(QUANTILE_LEVELS) {
                furthest = furthest.max((asked - level).abs());
            }
        }
        assert!(furthest < 0.04, "{furthest}");
    }

    /// Demand of 0 or 1 in equal parts, forecast as that: every level stays where it is, up to the noise of the steps.
    #[test]
    fn ties_move_nothing() {
        let outcome = |pit| LevelOutcome { segment: Segment::Sparse, pit, is_censored: false };
        let mut state = Recalibration::default();
        for _ in 0..500 {
            state.learn(&[outcome(Pit { low: 0.0, high: 0.5 }), outcome(Pit { low: 0.5, high: 1.0 })]);
        }
        for (asked, level) in state.levels(Segment::Sparse).iter().zip(QUANTILE_LEVELS) {
            assert!((asked - level).abs() < 1e-3, "{level}: {asked}");
        }
        // A constant that is forecast as a constant.
        let mut state = Recalibration::default();
        for _ in 0..500 {
            state.learn(&[outcome(Pit { low: 0.0, high: 1.0 })]);
        }
        for (asked, level) in state.levels(Segment::Sparse).iter().zip(QUANTILE_LEVELS) {
            assert!((asked - level).abs() < 1e-9, "{level}: {asked}");
        }
    }

    /// Shelves that were empty early never pull quantiles down, and pull up those that sales exceeded.
    #[test]
    fn censored_outcomes_count_one_way() {
        let mut state = Recalibration::default();
        for _ in 0..100 {
            state.learn(&[LevelOutcome { is_censored: true, ..at(0.45) }]);
        }
        let levels = state.levels(Segment::Medium);
        for (asked, level) in levels.iter().zip(QUANTILE_LEVELS) {
            assert!(if level < 0.45 { *asked > level } else { *asked >= level }, "{level}: {asked}");
        }
    }

    #[test]
    fn segments_begin_where_all_outcomes_are() {
        let mut state = Recalibration::default();
        for _ in 0..200 {
            state.learn(&[at(0.9); 30]);
        }
        let elsewhere = state.level(Segment::Fast, 0.5);
        assert!(elsewhere > 0.6, "what was learnt elsewhere is better than nothing");
        state.learn(&[LevelOutcome { segment: Segment::Fast, ..at(0.2) }]);
        let own = state.level(Segment::Fast, 0.5);
        assert!(own < elsewhere && own > 0.5, "its own outcome moves it from there");
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<Recalibration>(&text).unwrap(), state);
    }

    proptest! {
        #[test]
        fn levels_are_in_order_and_the_bound_holds(
            days in prop::collection::vec(prop::collection::vec((0.0_f64..=1.0, 0.0_f64..0.5, any::<bool>()), 1..4), 1..200),
            half_weight in 0.0_f64..30.0,
        ) {
            let settings = CalibrationSettings { half_weight, ..CalibrationSettings::default() };
            let days = days.into_iter().map(|outcomes| {
                outcomes.into_iter().map(|(low, width, is_censored)| LevelOutcome {
                    pit: Pit { low, high: (low + width).min(1.0) }, is_censored, ..at(0.0)
                }).collect()
            });
            let (coverage, state) = play(days, settings);
            let levels = state.levels(Segment::Medium);
            prop_assert!(levels.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(levels.iter().all(|level| (0.0..=1.0).contains(level)));
            for idx in 0..N_LEVELS {
                let bound = state.coverage_bound(Segment::Medium, idx);
                prop_assert!((coverage[idx] - QUANTILE_LEVELS[idx]).abs() <= bound + 1e-9);
            }
            prop_assert!(state.level(Segment::Medium, 0.93) <= state.level(Segment::Medium, 0.97));
        }
    }
}
