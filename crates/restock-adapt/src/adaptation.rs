//! Everything that adapts, as one state: decisions go in as they are made, facts as they come, and a day turns the one with
//! the other into scores, recalibrated levels, alarms and promotions.
//!
//! Levels and alarms are those of the demand model in use: they learn from decisions whose
//! [`model`](DecisionRecord::model) is the champion's name, and begin anew where another model takes its place.

use std::collections::{BTreeMap, VecDeque};

use restock_core::Day;
use serde::{Deserialize, Serialize};

use crate::calibration::{CalibrationSettings, LevelOutcome, Recalibration};
use crate::decision::{DecisionRecord, Facts, Judged, RecordError, WaitingDecisions};
use crate::drift::{Alarm, DriftMonitor, DriftSettings};
use crate::report::{
    AdaptationReport, AlarmReport, BacktestRun, ContestReport, EditReport, OverrideReport, SegmentReport,
};
use crate::rollback::{Change, Contest, ContestSettings};
use crate::rules::{EditHistory, Rule};
use crate::schedule::{BacktestSchedule, Due, SinceBacktest};
use crate::score::OutcomeSums;
use crate::segment::Segment;
use crate::shadow::{LossKind, ShadowBook, ShadowRecord};

/// Settings of everything that adapts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptationSettings {
    /// Days after an interval in which late facts still count.
    pub grace_days: u32,
    /// Recalibration.
    pub calibration: CalibrationSettings,
    /// Alarms.
    pub drift: DriftSettings,
    /// Contests of models and of policies.
    pub contest: ContestSettings,
    /// Backtests.
    pub backtests: BacktestSchedule,
    /// Alarms that are kept for the report.
    pub n_alarms_kept: u32,
}

impl Default for AdaptationSettings {
    fn default() -> Self {
        Self {
            grace_days: 2,
            calibration: CalibrationSettings::default(),
            drift: DriftSettings::default(),
            contest: ContestSettings::default(),
            backtests: BacktestSchedule::default(),
            n_alarms_kept: 1000,
        }
    }
}

/// A contest with what its version in the shadow would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Arena {
    contest: Contest,
    shadow: ShadowBook,
}

/// The state of everything that adapts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adaptation {
    settings: AdaptationSettings,
    decisions: WaitingDecisions,
    recalibration: Recalibration,
    drift: DriftMonitor,
    models: Arena,
    policies: Arena,
    scores: BTreeMap<Segment, OutcomeSums>,
    edits: EditReport,
    #[serde(default)]
    edit_history: EditHistory,
    #[serde(default)]
    overrides: OverrideReport,
    n_judged: u64,
    n_unknown: u64,
    n_other_model: u64,
    alarms: VecDeque<Alarm>,
    since_backtest: SinceBacktest,
    #[serde(default)]
    backtests: VecDeque<BacktestRun>,
}

/// Backtests that are kept for the report.
const N_BACKTESTS_KEPT: usize = 24;

/// What a day brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayResult {
    /// Decisions that were judged, each once in its life.
    pub judged: Vec<Judged>,
    /// Alarms raised, strongest first.
    pub alarms: Vec<Alarm>,
    /// What changed in the contest of demand models.
    pub model_change: Option<Change>,
    /// What changed in the contest of policies.
    pub policy_change: Option<Change>,
}

impl Adaptation {
    /// A state without a past, with the model and the policy that act.
    pub fn new(settings: AdaptationSettings, model: &str, policy: &str) -> Self {
        let arena = |version| Arena::new(version, settings.contest);
        Self {
            settings,
            decisions: WaitingDecisions::new(settings.grace_days),
            recalibration: Recalibration::new(settings.calibration),
            drift: DriftMonitor::new(settings.drift),
            models: arena(model),
            policies: arena(policy),
            scores: BTreeMap::new(),
            edits: EditReport::default(),
            edit_history: EditHistory::default(),
            overrides: OverrideReport::default(),
            n_judged: 0,
            n_unknown: 0,
            n_other_model: 0,
            alarms: VecDeque::new(),
            since_backtest: SinceBacktest::default(),
            backtests: VecDeque::new(),
        }
    }

    /// Notes that a person put another model in use, or it is another one for any other reason than the contest: levels
    /// and alarms begin anew, and so does the contest. The model in use changes nothing.
    pub fn use_model(&mut self, model: &str) {
        if self.models.contest.champion() != model {
            self.models = Arena::new(model, self.settings.contest);
            self.forget_forecasts();
            self.since_backtest.has_changed = true;
        }
    }

    /// The same for the policy: its contest begins anew.
    pub fn use_policy(&mut self, policy: &str) {
        if self.policies.contest.champion() != policy {
            self.policies = Arena::new(policy, self.settings.contest);
            self.since_backtest.has_changed = true;
        }
    }

    /// What was learnt about forecasts is about a model that is not in use any more.
    fn forget_forecasts(&mut self) {
        self.recalibration = Recalibration::new(self.settings.calibration);
        self.drift = DriftMonitor::new(self.settings.drift);
    }

    /// Takes in a decision. Its forecast is that of the forecaster at nominal levels, not the recalibrated one.
    ///
    /// # Errors
    /// [`RecordError`] where it cannot be judged.
    pub fn decide(&mut self, record: DecisionRecord) -> Result<(), RecordError> {
        self.decisions.record(record)
    }

    /// Takes in what the model or the policy in the shadow would have done; of other versions nothing is kept.
    pub fn shadow(&mut self, record: ShadowRecord) {
        for arena in [&mut self.models, &mut self.policies] {
            if arena.contest.in_shadow() == Some(&record.version) {
                arena.shadow.record(record);
                return;
            }
        }
    }

    /// The contest of demand models.
    pub fn models(&mut self) -> &mut Contest {
        &mut self.models.contest
    }

    /// The contest of policies.
    pub fn policies(&mut self) -> &mut Contest {
        &mut self.policies.contest
    }

    /// Decisions that wait to be judged.
    pub fn decisions(&self) -> &WaitingDecisions {
        &self.decisions
    }

    /// The levels to ask of the forecaster.
    pub fn recalibration(&self) -> &Recalibration {
        &self.recalibration
    }

    /// Why a backtest is due on `today` by a schedule; `None` where it is not.
    pub fn backtest_due(&self, schedule: &BacktestSchedule, today: Day) -> Option<Due> {
        self.since_backtest.due(schedule, today)
    }

    /// Notes that a backtest ran.
    pub fn backtest_ran(&mut self, run: BacktestRun) {
        self.since_backtest.ran(run.day);
        self.backtests.push_front(run);
        self.backtests.truncate(N_BACKTESTS_KEPT);
    }

    /// Alarms that are kept, newest first.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.alarms.iter()
    }

    /// Judges what is due on `as_of`, and learns from it.
    pub fn day(&mut self, facts: &Facts, as_of: Day) -> DayResult {
        let judged = self.decisions.judge(facts, as_of);
        let mut outcomes = Vec::with_capacity(judged.len());
        for judged in &judged {
            self.n_judged += 1;
            let Some(seen) = judged.seen() else {
                self.n_unknown += 1;
                continue;
            };
            let segment = Segment::of(seen.forecast);
            self.scores.entry(segment).or_default().add(seen.forecast, seen.actual, seen.is_censored);
            if let Some([without, with]) = judged.override_errors() {
                self.overrides.n_overridden += 1;
                self.overrides.n_better += u64::from(with < without);
                self.overrides.error_without += without;
                self.overrides.error_with += with;
            }
            if let Some(saved) = judged.edit_saved() {
                self.edits.n_edits += 1;
                self.edits.n_better += u64::from(saved > 0.0);
                self.edits.saved += saved;
            }
            if judged.record.model != self.models.contest.champion() {
                self.n_other_model += 1;
                continue;
            }
            let (pit, is_censored) = (seen.forecast.pit(seen.actual), seen.is_censored);
            outcomes.push(LevelOutcome { segment, pit, is_censored });
        }
        self.edit_history.learn(&judged, as_of);
        self.recalibration.learn(&outcomes);
        self.since_backtest.new_outcomes += outcomes.len() as u64;
        let champion = self.models.contest.champion();
        let of_champion = judged.iter().filter(|judged| judged.record.model == champion);
        let alarms = self.drift.observe(of_champion.filter_map(Judged::seen), as_of);
        self.since_backtest.alarms =
            self.since_backtest.alarms.saturating_add(u32::try_from(alarms.len()).unwrap_or(u32::MAX));
        for alarm in &alarms {
            self.alarms.push_front(alarm.clone());
        }
        self.alarms.truncate(self.settings.n_alarms_kept as usize);
        // A period is over for a contest when the grace of its last day is.
        let closed = as_of.plus(-i32::try_from(self.settings.grace_days).unwrap_or(i32::MAX / 2));
        let champion_before = self.models.contest.champion().to_owned();
        let model_change = self.models.day(&judged, LossKind::QuantileLoss, closed);
        let policy_change = self.policies.day(&judged, LossKind::Cost, closed);
        if model_change.as_ref().is_some_and(|change| change.champion != champion_before) {
            self.forget_forecasts();
        }
        self.since_backtest.has_changed |= model_change.is_some() || policy_change.is_some();
        DayResult { judged, alarms, model_change, policy_change }
    }

    /// Rules that edits suggest, without those that somebody has made: most decisions of their scope that wait were made
    /// from overridden forecasts then.
    fn rules(&self) -> Vec<Rule> {
        let acts = |rule: &Rule| {
            let own =
                || self.decisions.waiting().filter(move |record| rule.scope.holds(&record.place, &record.category));
            2 * own().filter(|record| record.overridden.is_some()).count() > own().count()
        };
        self.edit_history.rules().into_iter().filter(|rule| !acts(rule)).collect()
    }

    /// What was found, for the API and the dashboard.
    pub fn report(&self, as_of: Day) -> AdaptationReport {
        let mut all = OutcomeSums::default();
        self.scores.values().for_each(|sums| all.merge(sums));
        let mut segments = vec![SegmentReport::of(None, &all, &self.recalibration.levels_of_all())];
        segments.extend(
            self.scores
                .iter()
                .map(|(segment, sums)| SegmentReport::of(Some(*segment), sums, &self.recalibration.levels(*segment))),
        );
        AdaptationReport {
            as_of,
            n_waiting: self.decisions.waiting().len() as u64,
            n_judged: self.n_judged,
            n_unknown: self.n_unknown,
            n_other_model: self.n_other_model,
            segments,
            n_watched: self.drift.n_places() as u64,
            alarms: (self.alarms.iter())
                .map(|alarm| AlarmReport { alarm: alarm.clone(), message: alarm.message() })
                .collect(),
            edits: self.edits,
            rules: self.rules(),
            overrides: self.overrides,
            contests: vec![
                ContestReport::of("model", &self.models.contest),
                ContestReport::of("policy", &self.policies.contest),
            ],
            backtest_due: self.backtest_due(&self.settings.backtests, as_of),
            last_backtest: self.since_backtest.last,
            backtests: self.backtests.iter().cloned().collect(),
        }
    }
}

impl Arena {
    fn new(version: &str, settings: ContestSettings) -> Self {
        Self { contest: Contest::new(version, settings), shadow: ShadowBook::default() }
    }

    fn day(&mut self, judged: &[Judged], kind: LossKind, closed: Day) -> Option<Change> {
        if let Some(version) = self.contest.in_shadow().map(str::to_owned) {
            for loss in self.shadow.compare(judged, &version, kind) {
                self.contest.add(loss);
            }
        }
        let change = self.contest.close(closed).cloned()?;
        self.shadow.clear();
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use restock_core::{ItemLocation, N_LEVELS, Quantity};

    use super::*;
    use crate::decision::{DayFacts, DecidedBy, tests::record};
    use crate::rollback::ChangeKind;
    use crate::score::IntervalForecast;

    /// Twelve items of which 8 to 15 a day are wanted, forecast as 4 to 11 by the model in use and rightly by the one in the
    /// shadow; a planner orders a unit more of the first item.
    fn day(adaptation: &mut Adaptation, day: i32) -> DayResult {
        let (in_use, least, in_shadow, other) = match adaptation.models().champion() {
            "v1" => ("v1", 4.0, "v2", 8.0),
            _ => ("v2", 8.0, "v1", 4.0),
        };
        let forecast = |least: f64| IntervalForecast {
            mean: least + 3.5,
            quantiles: std::array::from_fn(|idx| (least + 7.0 * idx as f64 / (N_LEVELS - 1) as f64).round()),
            count_valued: true,
        };
        let mut facts = Facts::default();
        for item in 0..12 {
            let place = ItemLocation::new(format!("item-{item:02}"), "berlin");
            let edited = item == 0;
            adaptation
                .decide(DecisionRecord {
                    place: place.clone(),
                    forecast: forecast(least),
                    overridden: edited.then(|| forecast(8.0)),
                    model: in_use.into(),
                    position: Quantity::ZERO,
                    wanted: Quantity::from_whole(10),
                    ordered: Quantity::from_whole(if edited { 11 } else { 10 }),
                    decided_by: if edited { DecidedBy::Planner("ann".into()) } else { DecidedBy::Plan },
                    ..record(day, 1)
                })
                .unwrap();
            adaptation.shadow(ShadowRecord {
                decided_on: Day(day),
                place: place.clone(),
                version: in_shadow.into(),
                would_order: None,
                forecast: Some(forecast(other)),
            });
            let sold = Quantity::from_whole(8 + i64::from((5 * day + 3 * item) % 8));
            facts.days.insert(place, [(Day(day), DayFacts { sold, ..DayFacts::default() })].into());
        }
        adaptation.day(&facts, Day(day + 1))
    }

    #[test]
    fn a_day_turns_outcomes_into_everything_else() {
        let mut settings = AdaptationSettings { grace_days: 0, ..AdaptationSettings::default() };
        settings.contest.trial.period_days = 1;
        let mut adaptation = Adaptation::new(settings, "v1", "classical");
        adaptation.models().enter("v2", Day(0)).unwrap();
        let (mut n_judged, mut n_alarms, mut changes) = (0, 0, Vec::new());
        let mut asked = 0.5;
        for n in 0..60 {
            let before = adaptation.recalibration().levels_of_all()[6];
            let result = day(&mut adaptation, n);
            n_judged += result.judged.len();
            n_alarms += result.alarms.len();
            if let Some(change) = result.model_change {
                changes.push(change.kind);
                if change.kind == ChangeKind::Promoted {
                    asked = before;
                    assert_eq!(adaptation.recalibration().levels_of_all()[6], 0.5, "another model begins anew");
                }
            }
            // A snapshot in the middle changes nothing.
            let text = serde_json::to_string(&adaptation).unwrap();
            adaptation = serde_json::from_str(&text).unwrap();
        }
        assert_eq!((n_judged, changes.as_slice()), (720, &[ChangeKind::Promoted, ChangeKind::Settled][..]));
        assert!(asked > 0.65, "the median of the first model was asked for at {asked}");
        let report = adaptation.report(Day(60));
        assert_eq!((report.n_judged, report.n_unknown, report.n_waiting, report.n_watched), (720, 0, 0, 12));
        assert_eq!((report.alarms.len(), report.n_other_model), (n_alarms, 0));
        assert!(n_alarms >= 12, "{n_alarms}");
        assert!(report.segments[0].bias.unwrap() < -0.05);
        assert_eq!(report.edits.n_edits, 60);
        assert!(report.edits.n_better > 20 && report.edits.saved > 0.0, "{:?}", report.edits);
        assert!(report.rules.is_empty(), "the forecast of the item was overridden on every day: {:?}", report.rules);
        let overrides = report.overrides;
        assert_eq!(overrides.n_overridden, 60);
        assert!(overrides.n_better > 5 && overrides.error_with < overrides.error_without, "{overrides:?}");
        assert_eq!((report.contests[0].champion.as_str(), report.contests[0].phase.as_str()), ("v2", "quiet"));
        assert_eq!(report.backtest_due, Some(Due::First));
        let run = BacktestRun {
            day: Day(60),
            why: Due::First,
            n_item_locations: 12,
            from: Day(1),
            to: Day(59),
            policies: vec![],
        };
        adaptation.backtest_ran(run.clone());
        let report = adaptation.report(Day(61));
        assert_eq!(report.backtests, [run]);
        assert_eq!((report.backtest_due, report.last_backtest), (None, Some(Day(60))));
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<AdaptationReport>(&text).unwrap(), report);
        adaptation.use_model("v2");
        assert_eq!(adaptation.report(Day(61)), report, "the model in use changes nothing");
        adaptation.use_model("v9");
        assert_eq!(adaptation.recalibration().asked(), []);
        assert_eq!((adaptation.report(Day(61)).n_watched, adaptation.models().champion()), (0, "v9"));
    }

    /// 20 in position and 20 wanted of 50 that come: a planner orders 32 each time, until demand is said to be 1.3 times.
    #[test]
    fn edits_suggest_a_rule_until_somebody_makes_it() {
        let settings = AdaptationSettings { grace_days: 0, ..AdaptationSettings::default() };
        let mut adaptation = Adaptation::new(settings, "auto", "classical");
        let units = Quantity::from_whole;
        let edited = |day: i32| DecisionRecord {
            position: units(20),
            wanted: units(20),
            ordered: units(32),
            decided_by: DecidedBy::Planner("ann".into()),
            ..record(day, 1)
        };
        for day in 0..12 {
            adaptation.decide(edited(day)).unwrap();
            let sold = DayFacts { sold: units(50), ..DayFacts::default() };
            let days = [(Day(day), sold)].into();
            let facts = Facts { days: [(edited(day).place, days)].into(), ..Facts::default() };
            adaptation.day(&facts, Day(day + 1));
            assert_eq!(adaptation.report(Day(day + 1)).rules.is_empty(), day < 7, "on day {day}");
        }
        let rules = adaptation.report(Day(12)).rules;
        assert_eq!((rules.len(), rules[0].factor, rules[0].n_edits), (1, 1.3, 12));
        // A state that was kept before there were rules begins without edits.
        let mut kept = serde_json::to_value(&adaptation).unwrap();
        kept.as_object_mut().unwrap().remove("edit_history").unwrap();
        let older: Adaptation = serde_json::from_value(kept).unwrap();
        assert_eq!((older.report(Day(12)).rules, older.report(Day(12)).edits.n_edits), (vec![], 12));
        adaptation.decide(record(12, 1)).unwrap();
        assert_eq!(adaptation.report(Day(12)).rules, rules);
        let said = DecisionRecord { overridden: Some(record(12, 1).forecast), ..record(12, 1) };
        adaptation.decide(said).unwrap();
        assert_eq!(adaptation.report(Day(12)).rules, []);
    }
}
