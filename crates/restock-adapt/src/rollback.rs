//! What follows a promotion: the version that was replaced goes on in the shadow, and comes back where it does better.
//!
//! A [`Contest`] is the life of one place that versions compete for, the demand model or the policy:
//!
//! ```text
//! quiet ──> trial ──promote──> watch ──settled──> quiet
//!   ^         │                  │
//!   └─keep, reject               └──roll back──> quiet, and the version waits
//! ```
//!
//! # When a promotion is taken back
//! 1. *Evidence*: the same trial with the roles swapped shows that the former version costs less.
//! 2. *Budget*: the new version has cost more than the former one would have, by more than the budget, in periods of cost.
//!    That is no statement of statistics but a limit on what an error of it may cost.
//!
//! # Why it does not flap
//! A version that was kept out, rejected or rolled back is not tried again before a wait is over, which doubles each time;
//! a new trial begins without evidence, and needs as much of it as the first. So between two changes there are at least
//! the least periods of a trial, and `k` changes back and forth take more than `2^(k/2)` waits.

use std::collections::BTreeMap;

use restock_core::Day;
use serde::{Deserialize, Serialize};

use crate::promotion::{Decision, LossSums, PairedLoss, Trial, TrialSettings, Verdict};

/// How a contest is run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContestSettings {
    /// Trials and watches.
    pub trial: TrialSettings,
    /// Losses beyond those of the former version at which a promotion is taken back, in mean periods of that version.
    pub loss_budget: f64,
    /// Periods after which a promotion has settled.
    pub watch_periods: u32,
    /// Days before a version that was not promoted, or was rolled back, may be tried again; they double each time.
    pub wait_days: u32,
}

impl Default for ContestSettings {
    fn default() -> Self {
        Self { trial: TrialSettings::default(), loss_budget: 0.5, watch_periods: 12, wait_days: 28 }
    }
}

/// What happened in a contest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A challenger entered.
    Entered,
    /// The challenger became the champion.
    Promoted,
    /// The challenger is not better by enough.
    Kept,
    /// The challenger is worse.
    Rejected,
    /// The former champion came back, because it costs less.
    RolledBackByEvidence,
    /// The former champion came back, because the budget was spent.
    RolledBackByBudget,
    /// The promotion has proved itself.
    Settled,
}

/// One change of a contest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The day.
    pub day: Day,
    /// What happened.
    pub kind: ChangeKind,
    /// The champion afterwards.
    pub champion: String,
    /// The other version.
    pub other: String,
    /// The evidence; its saving is that of `other` after a promotion, of the challenger before.
    pub verdict: Option<Verdict>,
}

/// Why a challenger may not enter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Another one is on trial or on watch.
    #[error("\"{busy_with}\" is on trial or just promoted, one version at a time is; wait until that is decided")]
    Busy {
        /// The other one.
        busy_with: String,
    },
    /// It is the champion.
    #[error("\"{version}\" is in use already, another version is expected")]
    IsChampion {
        /// The version.
        version: String,
    },
    /// It was not good enough, not long ago.
    #[error("\"{version}\" was not good enough and may be tried again from {from} on")]
    Waits {
        /// The version.
        version: String,
        /// First day.
        from: Day,
    },
}

/// A version that has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wait {
    until: Day,
    n_times: u32,
}

/// What goes on in a contest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing.
    Quiet,
    /// A challenger is on trial.
    Trial(Trial),
    /// A promoted version is watched; the former one is its challenger.
    Watch(Trial),
}

/// Champion, challenger and what became of those before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    settings: ContestSettings,
    champion: String,
    phase: Phase,
    waits: BTreeMap<String, Wait>,
    history: Vec<Change>,
}

impl Contest {
    /// A contest that a version has won without a fight.
    pub fn new(champion: impl Into<String>, settings: ContestSettings) -> Self {
        Self { settings, champion: champion.into(), phase: Phase::Quiet, waits: BTreeMap::new(), history: Vec::new() }
    }

    /// The version that acts.
    pub fn champion(&self) -> &str {
        &self.champion
    }

    /// The version that only watches: a challenger, or the former champion.
    pub fn in_shadow(&self) -> Option<&str> {
        match &self.phase {
            Phase::Quiet => None,
            Phase::Trial(trial) | Phase::Watch(trial) => Some(&trial.challenger),
        }
    }

    /// What goes on.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Every change, oldest first.
    pub fn history(&self) -> &[Change] {
        &self.history
    }

    /// Puts a challenger on trial from `day` on.
    ///
    /// # Errors
    /// [`EntryError`] where another one is on trial or on watch, or this one is in use or has to wait.
    pub fn enter(&mut self, challenger: &str, day: Day) -> Result<(), EntryError> {
        let version = challenger.to_owned();
        if let Some(other) = self.in_shadow() {
            let busy_with = if matches!(self.phase, Phase::Watch(_)) { self.champion() } else { other };
            return Err(EntryError::Busy { busy_with: busy_with.to_owned() });
        }
        if challenger == self.champion {
            return Err(EntryError::IsChampion { version });
        }
        if let Some(wait) = self.waits.get(challenger).filter(|wait| day < wait.until) {
            return Err(EntryError::Waits { version, from: wait.until });
        }
        self.phase = Phase::Trial(Trial::new(self.champion.clone(), version.clone(), day, self.settings.trial));
        self.tell(day, ChangeKind::Entered, version, None);
        Ok(())
    }

    /// Counts a loss of both versions, of the one that acts as that of the champion; `false` where nothing goes on or it
    /// does not count.
    pub fn add(&mut self, loss: PairedLoss) -> bool {
        match &mut self.phase {
            Phase::Quiet => false,
            Phase::Trial(trial) | Phase::Watch(trial) => trial.add(loss),
        }
    }

    /// Closes the periods that ended before `as_of` and decides; returns what changed.
    pub fn close(&mut self, as_of: Day) -> Option<&Change> {
        let kind = match &mut self.phase {
            Phase::Quiet => return None,
            Phase::Trial(trial) => {
                trial.close(as_of);
                match trial.decision() {
                    Decision::Promote => ChangeKind::Promoted,
                    Decision::Keep => ChangeKind::Kept,
                    Decision::Reject => ChangeKind::Rejected,
                    Decision::Undecided => return None,
                }
            }
            Phase::Watch(trial) => {
                trial.close(as_of);
                let n_periods = trial.n_periods();
                if is_spent(trial.totals(), n_periods, self.settings.loss_budget) {
                    ChangeKind::RolledBackByBudget
                } else if trial.decision() == Decision::Promote {
                    ChangeKind::RolledBackByEvidence
                } else if n_periods >= self.settings.watch_periods {
                    ChangeKind::Settled
                } else {
                    return None;
                }
            }
        };
        let (Phase::Trial(trial) | Phase::Watch(trial)) = std::mem::replace(&mut self.phase, Phase::Quiet) else {
            return None;
        };
        let verdict = Some(trial.verdict());
        let mut other = trial.challenger;
        match kind {
            ChangeKind::Promoted => {
                std::mem::swap(&mut self.champion, &mut other);
                // The former version comes back where it costs less, by however little.
                let settings = TrialSettings { margin: 0.0, ..self.settings.trial };
                self.phase = Phase::Watch(Trial::new(self.champion.clone(), other.clone(), as_of, settings));
            }
            ChangeKind::RolledBackByEvidence | ChangeKind::RolledBackByBudget => {
                std::mem::swap(&mut self.champion, &mut other);
                self.wait(&other, as_of);
            }
            ChangeKind::Kept | ChangeKind::Rejected => self.wait(&other, as_of),
            ChangeKind::Entered | ChangeKind::Settled => {}
        }
        self.tell(as_of, kind, other, verdict);
        self.history.last()
    }

    fn wait(&mut self, version: &str, day: Day) {
        let n_times = self.waits.get(version).map_or(0, |wait| wait.n_times);
        let days = self.settings.wait_days.saturating_mul(1 << n_times.min(MOST_DOUBLINGS));
        let until = day.plus(i32::try_from(days).unwrap_or(i32::MAX / 2));
        self.waits.insert(version.to_owned(), Wait { until, n_times: n_times + 1 });
    }

    fn tell(&mut self, day: Day, kind: ChangeKind, other: String, verdict: Option<Verdict>) {
        self.history.push(Change { day, kind, champion: self.champion.clone(), other, verdict });
    }
}

/// 28 days become nearly five years.
const MOST_DOUBLINGS: u32 = 6;

/// Whether the champion lost more than the challenger would have, by more than `budget` mean periods.
fn is_spent(totals: &LossSums, n_periods: u32, budget: f64) -> bool {
    let mean_period = totals.challenger / f64::from(n_periods.max(1));
    n_periods > 0 && totals.champion - totals.challenger > budget * mean_period
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A week in which the version that acts loses 100 and the one in the shadow `other`, by three items a day.
    fn week(contest: &mut Contest, began: i32, other: f64) -> Option<ChangeKind> {
        for n in 0..50 {
            contest.add(PairedLoss { day: Day(began + n % 7), champion: 2.0, challenger: other / 50.0 });
        }
        contest.close(Day(began + 7)).map(|change| change.kind)
    }

    fn weeks(contest: &mut Contest, day: &mut i32, n: usize, other: f64) -> Option<ChangeKind> {
        (0..n).find_map(|_| {
            let change = week(contest, *day, other);
            *day += 7;
            change
        })
    }

    #[test]
    fn a_promotion_that_proves_itself_settles() {
        let (mut contest, mut day) = (Contest::new("v1", ContestSettings::default()), 0);
        contest.enter("v2", Day(0)).unwrap();
        assert_eq!(contest.in_shadow(), Some("v2"));
        assert_eq!(weeks(&mut contest, &mut day, 60, 90.0), Some(ChangeKind::Promoted));
        assert_eq!((contest.champion(), contest.in_shadow()), ("v2", Some("v1")));
        insta::assert_snapshot!(contest.enter("v3", Day(day)).unwrap_err(), @r#""v2" is on trial or just promoted, one version at a time is; wait until that is decided"#);
        assert_eq!(weeks(&mut contest, &mut day, 60, 110.0), Some(ChangeKind::Settled));
        assert_eq!(contest.champion(), "v2");
        insta::assert_snapshot!(contest.enter("v2", Day(day)).unwrap_err(), @r#""v2" is in use already, another version is expected"#);
        contest.enter("v3", Day(day)).unwrap();
        let text = serde_json::to_string(&contest).unwrap();
        assert_eq!(serde_json::from_str::<Contest>(&text).unwrap(), contest);
    }

    #[test]
    fn a_promotion_that_costs_too_much_is_taken_back_and_waits_twice_as_long_each_time() {
        let (mut contest, mut day) = (Contest::new("v1", ContestSettings::default()), 0);
        let mut waits = Vec::new();
        for _ in 0..3 {
            contest.enter("v2", Day(day)).unwrap();
            assert_eq!(weeks(&mut contest, &mut day, 60, 90.0), Some(ChangeKind::Promoted));
            // 30 % dearer than the former one: after two weeks the budget of half a week is spent.
            let promoted = day;
            assert_eq!(weeks(&mut contest, &mut day, 60, 70.0), Some(ChangeKind::RolledBackByBudget));
            assert_eq!((day - promoted, contest.champion()), (14, "v1"));
            let Err(EntryError::Waits { from, .. }) = contest.enter("v2", Day(day)) else { panic!("it waits") };
            waits.push(from.0 - day);
            day = from.0;
        }
        assert_eq!(waits, [28, 56, 112]);
    }

    /// 4 % dearer: the budget lasts for 12 weeks and the evidence is there before it, where watching goes on long enough.
    #[test]
    fn small_losses_are_found_by_evidence() {
        let settings = ContestSettings { watch_periods: 100, loss_budget: 2.0, ..ContestSettings::default() };
        let (mut contest, mut day) = (Contest::new("v1", settings), 0);
        contest.enter("v2", Day(day)).unwrap();
        assert_eq!(weeks(&mut contest, &mut day, 60, 90.0), Some(ChangeKind::Promoted));
        assert_eq!(weeks(&mut contest, &mut day, 60, 95.0), Some(ChangeKind::RolledBackByEvidence));
        let last = contest.history().last().unwrap();
        assert_eq!((last.champion.as_str(), last.other.as_str()), ("v1", "v2"));
    }

    #[test]
    fn what_is_worse_or_the_same_is_not_promoted() {
        for (other, expected) in [(105.0, ChangeKind::Rejected), (100.0, ChangeKind::Kept)] {
            let (mut contest, mut day) = (Contest::new("v1", ContestSettings::default()), 0);
            contest.enter("v2", Day(day)).unwrap();
            assert_eq!(weeks(&mut contest, &mut day, 200, other), Some(expected));
            insta::allow_duplicates! {
                insta::assert_snapshot!(contest.enter("v2", Day(day)).unwrap_err().to_string().split(" from ").next().unwrap(), @r#""v2" was not good enough and may be tried again"#);
            }
        }
    }

    #[test]
    fn a_quiet_contest_counts_nothing() {
        let mut contest = Contest::new("v1", ContestSettings::default());
        assert_eq!(week(&mut contest, 0, 90.0), None);
        assert!(contest.history().is_empty());
    }
}
