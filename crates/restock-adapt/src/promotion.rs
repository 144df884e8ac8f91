//! Champion and challenger: whether what is used should be replaced, decided by paired losses and by nothing else.
//!
//! Both are scored on the same outcomes. The losses of a period, seven days if nothing else is said, are summed over
//! items, and the period gives one observation, the relative saving of the challenger
//!
//! ```text
//! x = (C - c) / ((C + c) / 2),   cut to ±bound
//! ```
//!
//! for losses `C` of the champion and `c` of the challenger. However many items there are, what moves them together moves
//! one observation. The mean saving has a [`ConfidenceSequence`], which holds at all times together: a trial may be looked
//! at daily and ended whenever it is decided, and a challenger that saves no more than the margin is promoted with
//! probability `α / 2` at most, whenever that is.
//!
//! Assumed is that the mean of `x` given the periods before is at most the margin whatever they were, where the challenger
//! is not better. A period should therefore not be shorter than protection intervals, whose overlap makes neighbouring days
//! alike; nor much longer, because a decision takes some dozen periods however many items there are: a bounded observation
//! says only so much about weeks that have not been seen.
//!
//! # What is cut
//! A single terrible week counts as `bound`. A challenger that saves a little in most weeks and ruins one is therefore not
//! promoted by the mean of cut savings alone: the sum of its losses, uncut, must be lower as well.

use std::collections::BTreeMap;

use restock_core::Day;
use serde::{Deserialize, Serialize};

use crate::confidence::ConfidenceSequence;

/// What it takes to be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialSettings {
    /// Days that make one observation; not fewer than protection intervals have.
    pub period_days: u32,
    /// α: half of it is the most probable promotion of a challenger that is not better by the margin.
    pub alpha: f64,
    /// Relative saving that is worth a change.
    pub margin: f64,
    /// Relative savings and losses of a period count up to this.
    pub bound: f64,
    /// Least periods before anything is decided.
    pub min_periods: u32,
    /// Least outcomes before anything is decided.
    pub min_outcomes: u64,
}

impl Default for TrialSettings {
    fn default() -> Self {
        Self { period_days: 7, alpha: 0.05, margin: 0.01, bound: 0.1, min_periods: 6, min_outcomes: 200 }
    }
}

/// Losses of champion and challenger on the same outcome, in any unit that both share: currency or quantile loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedLoss {
    /// The day to which it belongs: the last day of the interval.
    pub day: Day,
    /// Loss of the champion, at least 0.
    pub champion: f64,
    /// Loss of the challenger, at least 0.
    pub challenger: f64,
}

/// Losses summed over outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums {
    /// Outcomes.
    pub n_outcomes: u64,
    /// Of the champion.
    pub champion: f64,
    /// Of the challenger.
    pub challenger: f64,
}

/// What should become of a challenger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is better by the margin.
    Promote,
    /// It is not better by the margin, for sure.
    Keep,
    /// It is worse.
    Reject,
    /// Nothing can be said yet.
    Undecided,
}

/// Where a trial stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What should become of the challenger.
    pub decision: Decision,
    /// Mean relative saving over periods; `None` without a period.
    pub saving: Option<f64>,
    /// Lower end of the confidence sequence of the saving.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Probability that the interval holds at all times.
    pub confidence: f64,
    /// Periods that count.
    pub n_periods: u32,
    /// Outcomes that count.
    pub n_outcomes: u64,
    /// Days until it would be promoted if coming periods were like those so far; `None` where that is not to be expected
    /// within two years.
    pub days_to_promotion: Option<u32>,
}

/// A trial of a challenger against a champion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Version in use.
    pub champion: String,
    /// Version on trial.
    pub challenger: String,
    /// Its first day.
    pub began: Day,
    settings: TrialSettings,
    evidence: ConfidenceSequence,
    totals: LossSums,
    /// Periods that are not closed, by number.
    open: BTreeMap<i32, LossSums>,
    /// Periods before this one are closed.
    n_closed: i32,
    /// Losses that came too late, or were no numbers of at least 0.
    n_refused: u64,
}

/// How far ahead a promotion is foretold, days.
const FORESIGHT_DAYS: u32 = 730;

impl Trial {
    /// A trial that begins on `began`.
    ///
    /// # Panics
    /// Unless periods have a day, `0 < alpha < 1` and `0 <= margin < bound`.
    pub fn new(
        champion: impl Into<String>,
        challenger: impl Into<String>,
        began: Day,
        settings: TrialSettings,
    ) -> Self {
        assert!(settings.period_days > 0, "a period has at least one day");
        assert!(0.0 <= settings.margin && settings.margin < settings.bound, "the margin lies below the bound");
        Self {
            champion: champion.into(),
            challenger: challenger.into(),
            began,
            settings,
            evidence: ConfidenceSequence::new(settings.alpha, settings.bound),
            totals: LossSums::default(),
            open: BTreeMap::new(),
            n_closed: 0,
            n_refused: 0,
        }
    }

    /// The settings.
    pub fn settings(&self) -> &TrialSettings {
        &self.settings
    }

    /// Losses of closed periods.
    pub fn totals(&self) -> &LossSums {
        &self.totals
    }

    /// Losses that were not counted: before the trial, of a closed period, or no number of at least 0.
    pub fn n_refused(&self) -> u64 {
        self.n_refused
    }

    /// Counts a loss; `false` where its period is closed or it is no number of at least 0.
    pub fn add(&mut self, loss: PairedLoss) -> bool {
        let period = (loss.day.0 - self.began.0).div_euclid(self.period_days());
        let is_loss = |value: f64| value.is_finite() && value >= 0.0;
        if period < self.n_closed || !is_loss(loss.champion) || !is_loss(loss.challenger) {
            self.n_refused += 1;
            return false;
        }
        let sums = self.open.entry(period).or_default();
        sums.n_outcomes += 1;
        sums.champion += loss.champion;
        sums.challenger += loss.challenger;
        true
    }

    /// Closes the periods that ended before `as_of`; a period in which neither lost anything says nothing.
    ///
    /// Losses come when they are judged, days after their day: `as_of` should lie as many days back.
    pub fn close(&mut self, as_of: Day) -> Vec<LossSums> {
        let n_ended = (as_of.0 - self.began.0).div_euclid(self.period_days());
        self.n_closed = self.n_closed.max(n_ended);
        let later = self.open.split_off(&self.n_closed);
        let closed: Vec<LossSums> = std::mem::replace(&mut self.open, later).into_values().collect();
        for sums in &closed {
            if sums.champion + sums.challenger > 0.0 {
                self.evidence.add(2.0 * (sums.champion - sums.challenger) / (sums.champion + sums.challenger));
            }
            self.totals.n_outcomes += sums.n_outcomes;
            self.totals.champion += sums.champion;
            self.totals.challenger += sums.challenger;
        }
        closed
    }

    fn period_days(&self) -> i32 {
        i32::try_from(self.settings.period_days).unwrap_or(i32::MAX)
    }

    /// Periods that count.
    pub fn n_periods(&self) -> u32 {
        u32::try_from(self.evidence.values().len()).unwrap_or(u32::MAX)
    }

    /// What should become of the challenger by the closed periods.
    pub fn decision(&self) -> Decision {
        let TrialSettings { margin, min_periods, min_outcomes, .. } = self.settings;
        let (lower, upper) = (self.evidence.lower(), self.evidence.upper());
        if self.n_periods() < min_periods || self.totals.n_outcomes < min_outcomes {
            Decision::Undecided
        } else if lower > margin && self.totals.challenger < self.totals.champion {
            Decision::Promote
        } else if upper < 0.0 {
            Decision::Reject
        } else if upper < margin && self.evidence.mean().is_some_and(|saving| saving >= -margin) {
            // What looks worse than that waits until it is sure to be worse.
            Decision::Keep
        } else {
            Decision::Undecided
        }
    }

    /// Where the trial stands by its closed periods.
    pub fn verdict(&self) -> Verdict {
        let TrialSettings { period_days, alpha, margin, min_periods, .. } = self.settings;
        let n_periods = self.n_periods();
        let most = (FORESIGHT_DAYS / period_days) as usize;
        let days_to_promotion = self.evidence.more_until(margin, most).map(|more| {
            let more = u32::try_from(more).unwrap_or(u32::MAX).max(min_periods.saturating_sub(n_periods));
            more.saturating_mul(period_days)
        });
        Verdict {
            decision: self.decision(),
            saving: self.evidence.mean(),
            lower: self.evidence.lower(),
            upper: self.evidence.upper(),
            confidence: 1.0 - alpha,
            n_periods,
            n_outcomes: self.totals.n_outcomes,
            days_to_promotion,
        }
    }
}

impl Verdict {
    /// What was found, in a sentence without a full stop.
    pub fn message(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let Self { n_periods, n_outcomes, .. } = self;
        let Some(saving) = self.saving else { return "no period of the trial is over yet".to_owned() };
        let found = format!(
            "saves {} over {n_periods} periods and {n_outcomes} outcomes, between {} and {} with {:.0} % confidence",
            percent(saving),
            percent(self.lower),
            percent(self.upper),
            100.0 * self.confidence
        );
        let so = match (self.decision, self.days_to_promotion) {
            (Decision::Promote, _) => "it is better and is promoted".to_owned(),
            (Decision::Keep, _) => "it is not better by enough for a change".to_owned(),
            (Decision::Reject, _) => "it is worse and is rejected".to_owned(),
            (Decision::Undecided, Some(days)) => format!("if that goes on, it takes {days} more days to be sure"),
            (Decision::Undecided, None) => "nothing can be said yet".to_owned(),
        };
        format!("{found}: {so}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(savings: &[f64]) -> Trial {
        let mut trial = Trial::new("v1", "v2", Day(0), TrialSettings::default());
        for (week, saving) in savings.iter().enumerate() {
            for item in 0..50 {
                let day = Day(7 * week as i32 + item % 7);
                assert!(trial.add(PairedLoss { day, champion: 10.0, challenger: 10.0 * (1.0 - saving) }));
            }
            trial.close(Day(7 * week as i32 + 7));
        }
        trial
    }

    #[test]
    fn clear_cases_are_decided_and_explained() {
        let better = play(&[0.08, 0.05, 0.07, 0.06].repeat(5)).verdict();
        insta::assert_snapshot!(better.message(), @"saves 6.7 % over 20 periods and 1000 outcomes, between 2.7 % and 7.7 % with 95 % confidence: it is better and is promoted");
        let worse = play(&[-0.08, -0.05, -0.07, -0.06].repeat(5)).verdict();
        insta::assert_snapshot!(worse.message(), @"saves -6.3 % over 20 periods and 1000 outcomes, between -7.3 % and -2.3 % with 95 % confidence: it is worse and is rejected");
        let same = play(&[0.001, -0.001].repeat(60)).verdict();
        insta::assert_snapshot!(same.message(), @"saves 0.0 % over 120 periods and 6000 outcomes, between -0.5 % and 0.5 % with 95 % confidence: it is not better by enough for a change");
        let early = play(&[0.08, 0.05]).verdict();
        insta::assert_snapshot!(early.message(), @"saves 6.7 % over 2 periods and 100 outcomes, between -8.6 % and 9.8 % with 95 % confidence: if that goes on, it takes 77 more days to be sure");
        insta::assert_snapshot!(play(&[0.2, -0.2]).verdict().message(), @"saves 0.0 % over 2 periods and 100 outcomes, between -9.8 % and 9.9 % with 95 % confidence: nothing can be said yet");
        insta::assert_snapshot!(play(&[]).verdict().message(), @"no period of the trial is over yet");
    }

    #[test]
    fn one_ruinous_week_is_not_cut_away() {
        let mut savings = [0.08, 0.05, 0.07, 0.06].repeat(5);
        savings[11] = -6.0;
        let trial = play(&savings);
        let verdict = trial.verdict();
        assert!(trial.totals().challenger > trial.totals().champion);
        assert_ne!(verdict.decision, Decision::Promote);
    }

    #[test]
    fn late_and_broken_losses_do_not_count() {
        let mut trial = play(&[0.1; 3]);
        let loss = PairedLoss { day: Day(30), champion: 1.0, challenger: 1.0 };
        assert!(!trial.add(PairedLoss { day: Day(-1), ..loss }), "before the trial");
        assert!(!trial.add(PairedLoss { day: Day(20), ..loss }), "its week is closed");
        assert!(!trial.add(PairedLoss { champion: f64::NAN, ..loss }));
        assert!(!trial.add(PairedLoss { challenger: -1.0, ..loss }));
        assert!(trial.add(loss));
        assert_eq!(trial.n_refused(), 4);
    }

    #[test]
    fn the_state_survives_a_snapshot() {
        let mut trial = play(&[0.1, 0.02]);
        trial.add(PairedLoss { day: Day(15), champion: 1.0, challenger: 2.0 });
        let text = serde_json::to_string(&trial).unwrap();
        assert_eq!(serde_json::from_str::<Trial>(&text).unwrap(), trial);
    }
}
