//! What a project learns from its own decisions: kept in its ledger, brought up to date by the first plan of each day.
//!
//! ```text
//! first plan of a day: outcomes of earlier decisions -> levels, alarms, contests -> settings -> plan -> its decisions wait
//! ```
//!
//! The state is one snapshot of the ledger: a line with what plans of the day use ([`InUse`]), then everything else. Every
//! verb plans with what is in use; `restock plan` and a server bring the state up to date, and a server alone where one runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use restock_adapt::rollback::ChangeKind;
use restock_adapt::schedule::{BacktestSchedule, Due};
use restock_adapt::{
    Adaptation, AdaptationReport, AdaptationSettings, Alarm, BacktestPolicy, BacktestRun, Change, DayResult, DecidedBy,
    DecisionRecord, ShadowRecord, Subject,
};
use restock_core::finding::PlanException;
use restock_core::settings::{AskedLevels, PlanSettings};
use restock_core::{Bucket, Dataset, Day, Forecaster, ItemLocation, Money, Quantity, RowsByItem};
use restock_engine::backtest::{BacktestOptions, backtest};
use restock_engine::{CLASSICAL, ToJudge, plan_day};
use restock_ledger::{AuditEntry, DeskChange, Ledger, LedgerError, Snapshot};
use restock_pretrained::shipped;
use restock_pretrained::tuning::registry::SHIPPED;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::ledger;
use crate::project::{Loaded, forecaster_of};
use crate::shadow::Shadow;
use crate::verbs::plan::Planned;

/// The name of the snapshot.
const NAME: &str = "adaptation";

/// The form of the state; another one begins anew.
const VERSION: u32 = 1;

/// Item-locations whose demand a model in the shadow forecasts, at most.
const N_IN_SHADOW: usize = 5_000;

/// Item-locations that a scheduled backtest replays, at most, and items that it is given.
const N_REPLAYED: usize = 200;
const N_ITEMS_REPLAYED: usize = 400;

/// Days after an alarm on which plans tell of it.
const ALARM_DAYS: i32 = 7;

/// Who is named in the audit trail.
const ACTOR: &str = "restock-adaptation";

/// Entries of the desk that are read at a time.
const N_ENTRIES: usize = 10_000;

/// What the settings of a project say about adaptation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adapts {
    /// Whether forecasts are recalibrated.
    pub(crate) recalibrates: bool,
    /// Whether versions of the pretrained model compete.
    pub(crate) tries_models: bool,
    /// Days from one backtest to the next; none where 0.
    pub(crate) backtest_days: u32,
}

impl Default for Adapts {
    fn default() -> Self {
        Self { recalibrates: true, tries_models: true, backtest_days: 28 }
    }
}

/// What plans use of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct InUse {
    version: u32,
    /// The day that was learnt last.
    day: Option<Day>,
    recalibration: Vec<AskedLevels>,
    /// The policy that acts.
    policy: String,
}

impl InUse {
    /// What the ledger of the project in `dir` says; nothing learnt where there is none.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub(crate) fn read(dir: &Path) -> Result<Self, CliError> {
        let Some(ledger) = ledger::open_reader(dir)? else { return Ok(Self::default()) };
        let snapshot = ledger.latest_snapshot(NAME).map_err(|error| ledger::explained(&error))?;
        Ok(snapshot.and_then(|snapshot| Self::of(&snapshot)).unwrap_or_default())
    }

    fn of(snapshot: &Snapshot) -> Option<Self> {
        let line = snapshot.state.split(|byte| *byte == b'\n').next()?;
        let own: Self = serde_json::from_slice(line).ok()?;
        (own.version == VERSION).then_some(own)
    }

    /// Makes settings those of what was learnt. A plan of an earlier day knows nothing of it.
    pub(crate) fn apply(&self, settings: &mut PlanSettings, adapts: Adapts, shadow: &Shadow, as_of: Day) {
        let is_known = self.day.is_some_and(|day| day <= as_of);
        settings.recalibration = if adapts.recalibrates && is_known { self.recalibration.clone() } else { Vec::new() };
        settings.learned_acts = shadow.acts(as_of, &self.policy);
    }
}

/// The whole state.
pub(crate) struct Experience {
    state: State,
    /// What happened on the day that was learnt last.
    changes: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
struct State {
    day: Option<Day>,
    /// The last entry of the desk that was looked at for edits.
    desk_number: u64,
    adaptation: Adaptation,
}

/// A backtest to run.
pub(crate) struct DueBacktest {
    why: Due,
    day: Day,
    dataset: Dataset,
    settings: PlanSettings,
}

impl Experience {
    /// Reads the state of a project; one without a past where nothing was kept, or it cannot be read any more.
    ///
    /// # Errors
    /// What the ledger says.
    pub(crate) fn read(ledger: Option<&dyn Ledger>, loaded: &Loaded) -> Result<Self, LedgerError> {
        let kept = ledger.map(Self::kept).transpose()?.flatten();
        let begin = || {
            let adaptation = Adaptation::new(AdaptationSettings::default(), &model_in_use(loaded), CLASSICAL);
            Self { state: State { day: None, desk_number: 0, adaptation }, changes: Vec::new() }
        };
        Ok(kept.unwrap_or_else(begin))
    }

    /// The state that a ledger keeps; `None` where there is none that can be read.
    ///
    /// # Errors
    /// What the ledger says.
    pub(crate) fn kept(ledger: &dyn Ledger) -> Result<Option<Self>, LedgerError> {
        let Some(snapshot) = ledger.latest_snapshot(NAME)? else { return Ok(None) };
        let read = InUse::of(&snapshot).and_then(|_| {
            let from = snapshot.state.iter().position(|byte| *byte == b'\n')? + 1;
            serde_json::from_slice(&snapshot.state[from..]).ok()
        });
        Ok(read.map(|state| Self { state, changes: Vec::new() }))
    }

    /// Whether a plan of this day is the first since which something can have been learnt.
    pub(crate) fn is_new_day(&self, loaded: &Loaded, as_of: Day) -> bool {
        loaded.settings.bucket == Bucket::Day && self.state.day.is_none_or(|day| day < as_of)
    }

    /// Learns what came of earlier decisions by the morning of `as_of`, and makes the settings those of the day.
    ///
    /// # Errors
    /// What the ledger says.
    pub(crate) fn learn(
        &mut self,
        loaded: &mut Loaded,
        ledger: Option<&dyn Ledger>,
        as_of: Day,
    ) -> Result<DayResult, LedgerError> {
        ledger.map_or(Ok(()), |ledger| self.take_edits(ledger))?;
        let (model, learned) = (model_in_use(loaded), loaded.shadow.version());
        let adaptation = &mut self.state.adaptation;
        adaptation.use_model(&model);
        if ![CLASSICAL, &learned].contains(&adaptation.policies().champion()) {
            adaptation.use_policy(CLASSICAL);
        }
        let mut from: BTreeMap<ItemLocation, Day> = BTreeMap::new();
        for record in adaptation.decisions().due(as_of) {
            let first = from.entry(record.place.clone()).or_insert(record.from);
            *first = record.from.min(*first);
        }
        let facts = match from.is_empty() {
            true => restock_adapt::Facts::default(),
            false => restock_engine::facts(&loaded.import.dataset, &loaded.settings, &from),
        };
        let result = adaptation.day(&facts, as_of);
        self.changes = result.policy_change.clone().into_iter().collect();
        if let Some(change) = &result.model_change {
            self.changes.push(change.clone());
            if let Err(error) = use_version(loaded, change) {
                tracing::error!(error = %error.message, "a version of the demand model could not be put in use");
                self.state.adaptation.use_model(&model);
            }
        }
        self.enter_challengers(loaded, &learned, as_of);
        self.state.day = Some(as_of);
        self.apply(loaded, as_of);
        Ok(result)
    }

    /// Makes the settings of a plan those of what was learnt.
    pub(crate) fn apply(&mut self, loaded: &mut Loaded, as_of: Day) {
        self.in_use().apply(&mut loaded.settings, loaded.adapts, &loaded.shadow, as_of);
    }

    /// What people changed since decisions were made is what was decided.
    fn take_edits(&mut self, ledger: &dyn Ledger) -> Result<(), LedgerError> {
        let mut decided: BTreeMap<String, (Quantity, String, String)> = BTreeMap::new();
        loop {
            let entries = ledger.desk_entries(self.state.desk_number + 1, N_ENTRIES)?;
            if entries.is_empty() {
                break;
            }
            self.state.desk_number += entries.len() as u64;
            for entry in entries {
                let change = match entry.change {
                    DeskChange::Edited { by, quantity, reason } => (quantity, by, reason),
                    DeskChange::Rejected { by, reason } => (Quantity::ZERO, by, reason),
                    _ => continue,
                };
                decided.insert(entry.proposal_id, change);
            }
        }
        let waiting = self.state.adaptation.decisions().waiting();
        let mut edited: BTreeMap<String, DecisionRecord> = BTreeMap::new();
        for record in waiting.filter(|record| decided.contains_key(&record.proposal_id)) {
            // In order of days: the last one stays.
            let (ordered, by, reason) = decided[&record.proposal_id].clone();
            let record = DecisionRecord { ordered, decided_by: DecidedBy::Planner(by), reason, ..record.clone() };
            edited.insert(record.proposal_id.clone(), record);
        }
        for record in edited.into_values() {
            // One whose day is over stays as it was judged.
            let _ = self.state.adaptation.decide(record);
        }
        Ok(())
    }

    /// Puts the learned policy, and the newest version of the model that is not in use, on trial where nothing else is.
    fn enter_challengers(&mut self, loaded: &Loaded, learned: &str, as_of: Day) {
        let adaptation = &mut self.state.adaptation;
        // One that has to wait, or is in use, is not entered.
        if loaded.settings.policy == "auto" {
            let _ = adaptation.policies().enter(learned, as_of);
        }
        if loaded.adapts.tries_models && has_versions(&loaded.settings.forecast_model) {
            let versions = loaded.models.versions().unwrap_or_default();
            let fits = |version: &&restock_pretrained::tuning::registry::Version| {
                version.card.as_ref().is_ok_and(|card| card.bucket == loaded.settings.bucket)
            };
            for version in versions.iter().rev().filter(fits) {
                if adaptation.models().enter(&name_of(loaded, &version.name), as_of).is_ok() {
                    break;
                }
            }
        }
    }

    /// Keeps the decisions of the first plan of a day until they can be judged: those that order something, and of the other
    /// item-locations one at a time.
    ///
    /// # Errors
    /// A model in the shadow that cannot be read.
    pub(crate) fn remember<'a>(
        &mut self,
        decisions: impl Iterator<Item = &'a ToJudge>,
        loaded: &Loaded,
    ) -> Result<(), CliError> {
        let Some(as_of) = self.state.day else { return Ok(()) };
        let adaptation = &mut self.state.adaptation;
        let waiting: BTreeSet<ItemLocation> = (adaptation.decisions().waiting())
            .filter(|record| record.to > as_of)
            .map(|record| record.place.clone())
            .collect();
        let (model, model_in_shadow) =
            (adaptation.models().champion().to_owned(), adaptation.models().in_shadow().map(str::to_owned));
        let learned = loaded.shadow.version();
        let acts = if loaded.settings.learned_acts { learned.as_str() } else { CLASSICAL };
        let watches = if loaded.settings.learned_acts { CLASSICAL } else { learned.as_str() };
        let mut places = BTreeSet::new();
        let items = &loaded.import.dataset.items;
        let category_of = |id: &str| {
            let known = items.binary_search_by(|item| item.item_id.as_str().cmp(id));
            known.map_or_else(|_| String::new(), |idx| items[idx].category.clone())
        };
        for ToJudge { record, other_order } in decisions {
            if record.proposal_id.is_empty() && waiting.contains(&record.place) {
                continue;
            }
            let policy = if record.policy == CLASSICAL { CLASSICAL } else { &learned };
            let category = category_of(&record.place.item_id);
            let record = DecisionRecord { model: model.clone(), policy: policy.to_owned(), category, ..record.clone() };
            let (decided_on, place) = (record.decided_on, record.place.clone());
            if let Err(error) = adaptation.decide(record) {
                tracing::warn!(%error, "a decision cannot be judged later");
                continue;
            }
            if adaptation.policies().champion() == acts && other_order.is_some() {
                let (place, version) = (place.clone(), watches.to_owned());
                let would_order = *other_order;
                adaptation.shadow(ShadowRecord { decided_on, place, version, would_order, forecast: None });
            }
            places.insert(place);
        }
        if let Some(version) = model_in_shadow {
            let sample = spread(places);
            let challenger = forecaster_of(&loaded.settings.forecast_model, loaded, version_of(&version))?;
            let (dataset, settings) = (&loaded.import.dataset, &loaded.settings);
            for (place, forecast) in restock_engine::interval_forecasts(dataset, settings, &*challenger, &sample) {
                let (version, forecast) = (version.clone(), Some(forecast));
                adaptation.shadow(ShadowRecord { decided_on: as_of, place, version, would_order: None, forecast });
            }
        }
        Ok(())
    }

    /// Writes the state down, and what changed to the audit trail.
    ///
    /// # Errors
    /// What the ledger says.
    pub(crate) fn save(&mut self, ledger: &mut dyn Ledger, now: Timestamp) -> Result<(), LedgerError> {
        let mut state = serde_json::to_vec(&self.in_use()).expect("plain data");
        state.push(b'\n');
        serde_json::to_writer(&mut state, &self.state).expect("plain data");
        let last_sequence = ledger.last_sequence()?;
        ledger.save_snapshot(NAME, &Snapshot { last_sequence, state }, now)?;
        for change in std::mem::take(&mut self.changes) {
            ledger.record(&audit_entry(&change, now))?;
        }
        Ok(())
    }

    fn in_use(&mut self) -> InUse {
        let State { day, adaptation, .. } = &mut self.state;
        InUse {
            version: VERSION,
            day: *day,
            recalibration: adaptation.recalibration().asked(),
            policy: adaptation.policies().champion().to_owned(),
        }
    }

    /// What was found, as of the day that was learnt last; nothing before the first.
    pub(crate) fn report(&self) -> Option<AdaptationReport> {
        self.state.day.map(|day| self.state.adaptation.report(day))
    }

    /// Alarms of the last days about item-locations, for a plan of `as_of`.
    pub(crate) fn exceptions(&self, as_of: Day) -> Vec<PlanException> {
        let is_news = |alarm: &&Alarm| alarm.raised_on > as_of.plus(-ALARM_DAYS) && alarm.raised_on <= as_of;
        self.state.adaptation.alarms().filter(is_news).filter_map(exception).collect()
    }

    /// The backtest that is due, with the data that it takes.
    pub(crate) fn due_backtest(&self, loaded: &Loaded) -> Option<DueBacktest> {
        let day = self.state.day.filter(|_| loaded.adapts.backtest_days > 0)?;
        let schedule = BacktestSchedule { every_days: loaded.adapts.backtest_days, ..BacktestSchedule::default() };
        let why = self.state.adaptation.backtest_due(&schedule, day)?;
        let all = &loaded.import.dataset;
        let every = all.items.len().div_ceil(N_ITEMS_REPLAYED).max(1);
        let some: Vec<String> = all.items.iter().step_by(every).map(|item| item.item_id.clone()).collect();
        let dataset = RowsByItem::new(all).part(all, &some);
        Some(DueBacktest { why, day, dataset, settings: loaded.settings.clone() })
    }

    /// Notes that a backtest ran.
    pub(crate) fn backtest_ran(&mut self, run: BacktestRun) {
        self.state.adaptation.backtest_ran(run);
    }
}

/// What one run of `restock plan` learns and leaves.
pub(crate) struct Lesson<'a> {
    dir: &'a Path,
    experience: Experience,
    as_of: Day,
    is_new_day: bool,
}

impl<'a> Lesson<'a> {
    /// Learns on the first plan of a day, and makes the settings those of the day.
    ///
    /// # Errors
    /// A ledger that cannot be read.
    pub(crate) fn begin(dir: &'a Path, loaded: &mut Loaded) -> Result<Self, CliError> {
        let failed = |error: LedgerError| ledger::explained(&error);
        let as_of = plan_day(&loaded.import.dataset, &loaded.settings);
        let reader = ledger::open_reader(dir)?;
        let mut experience = Experience::read(reader.as_deref(), loaded).map_err(failed)?;
        let is_new_day = experience.is_new_day(loaded, as_of);
        if is_new_day {
            experience.learn(loaded, reader.as_deref(), as_of).map_err(failed)?;
        }
        Ok(Self { dir, experience, as_of, is_new_day })
    }

    /// Keeps the decisions of the plan where it is the first of the day; returns what plans tell of alarms.
    ///
    /// # Errors
    /// A ledger that cannot be written, a model in the shadow that cannot be read.
    pub(crate) fn end(mut self, planned: &Planned, now: Timestamp) -> Result<Vec<PlanException>, CliError> {
        if self.is_new_day {
            self.experience.remember(planned.to_judge.iter(), &planned.loaded)?;
            self.experience.save(&mut *ledger::open(self.dir)?, now).map_err(|error| ledger::explained(&error))?;
        }
        Ok(self.experience.exceptions(self.as_of))
    }
}

impl DueBacktest {
    /// Replays a part of the business; where that cannot be done, there is nothing to tell but the day.
    pub(crate) fn run(self, forecaster: &dyn Forecaster) -> BacktestRun {
        let Self { why, day, dataset, settings } = self;
        let options = BacktestOptions {
            policies: vec!["configured".to_owned(), CLASSICAL.to_owned(), "min_max".to_owned()],
            to: Some(day.plus(-1)),
            n_periods: Some(56),
            limit: Some(N_REPLAYED),
            shop_rule: false,
            ..BacktestOptions::default()
        };
        match backtest(&dataset, &settings, forecaster, &options, &|_, _| {}) {
            Ok(report) => BacktestRun {
                day,
                why,
                n_item_locations: report.n_item_locations as u64,
                from: report.from,
                to: report.to,
                policies: (report.policies.into_iter())
                    .map(|result| BacktestPolicy {
                        policy: result.policy,
                        cost: result.kpis.cost,
                        fill_rate: result.kpis.fill_rate,
                    })
                    .collect(),
            },
            Err(error) => {
                tracing::warn!(%error, "the scheduled backtest did not run");
                BacktestRun { day, why, n_item_locations: 0, from: day, to: day, policies: Vec::new() }
            }
        }
    }
}

/// Some of them, spread evenly.
fn spread(places: BTreeSet<ItemLocation>) -> BTreeSet<ItemLocation> {
    let every = places.len().div_ceil(N_IN_SHADOW).max(1);
    places.into_iter().step_by(every).collect()
}

/// Whether the forecaster uses versions of the pretrained model.
fn has_versions(model: &str) -> bool {
    ["auto", "pretrained", restock_engine::EXTERNAL].contains(&model)
}

/// The name in contests of the forecaster with a version of the pretrained model.
fn name_of(loaded: &Loaded, version: &str) -> String {
    let model = &loaded.settings.forecast_model;
    if has_versions(model) { format!("{model} {version}") } else { model.clone() }
}

/// The version of the pretrained model in such a name.
fn version_of(name: &str) -> Option<&str> {
    name.split_once(' ').map(|(_, version)| version).filter(|version| *version != SHIPPED)
}

fn model_in_use(loaded: &Loaded) -> String {
    let version = loaded.models.active().ok().flatten();
    name_of(loaded, version.as_deref().unwrap_or(SHIPPED))
}

/// Puts the version in use that a contest decided for.
fn use_version(loaded: &Loaded, change: &Change) -> Result<(), CliError> {
    let is_change =
        matches!(change.kind, ChangeKind::Promoted | ChangeKind::RolledBackByEvidence | ChangeKind::RolledBackByBudget);
    if !is_change {
        return Ok(());
    }
    let reason = change.verdict.as_ref().map_or_else(String::new, restock_adapt::Verdict::message);
    let version = version_of(&change.champion).unwrap_or(SHIPPED);
    let day = change.day.to_string();
    let changed = match change.kind {
        ChangeKind::Promoted => loaded.models.promote(version, Some(&reason), &day, shipped::base()),
        _ => loaded.models.roll_back(&day),
    };
    changed.map(drop).map_err(|error| crate::project::registry_error(&error))
}

fn audit_entry(change: &Change, now: Timestamp) -> AuditEntry {
    let Change { kind, champion, other, verdict, day } = change;
    let kind = serde_json::to_value(kind).expect("a name");
    AuditEntry {
        at: now,
        actor: ACTOR.to_owned(),
        action: format!("adaptation.{}", kind.as_str().unwrap_or_default()),
        subject: champion.clone(),
        reason: verdict.as_ref().map_or_else(|| format!("since {day}"), restock_adapt::Verdict::message),
        before: String::new(),
        after: format!("{champion}; the other one is {other}"),
    }
}

fn exception(alarm: &Alarm) -> Option<PlanException> {
    let Subject::Place(ItemLocation { item_id, location_id }) = &alarm.subject else { return None };
    Some(PlanException {
        code: alarm.code,
        item_id: item_id.clone(),
        location_id: location_id.clone(),
        expected_money: Money::ZERO,
        message: alarm.message(),
        message_zh: alarm.message_zh(),
        action: "look at what changed: a price, a promotion, a rival or the record of sales".to_owned(),
        action_zh: "检查变化原因：价格、促销、竞品或销售记录".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, RwLock};

    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};
    use restock_core::settings::Lang;
    use restock_core::{Event, EventKind};
    use restock_ledger::{Batch, Incoming};
    use restock_server::LivePlanner;

    use super::*;
    use crate::cli::DataArgs;
    use crate::imports::Known;
    use crate::live::{Approval, ProjectPlanner};
    use crate::project::Project;
    use crate::samples;
    use crate::session::Session;

    const N_ITEMS: usize = 6;

    fn at(day: Day, hour: i64) -> Timestamp {
        let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        midnight + SignedDuration::from_hours(hour)
    }

    fn shop(dir: &Path, last: Day) -> Session {
        std::fs::create_dir_all(dir.join("data")).unwrap();
        let settings = "[forecast]\nmodel = \"weighted_quantiles\"\n[planning]\ndefault_lead_time_days = 1\ndefault_review_days = 1\n";
        std::fs::write(dir.join("restock.toml"), settings).unwrap();
        let mut sales = "date,item,location,quantity,price\n".to_owned();
        for back in (0..60).rev() {
            for item in 0..N_ITEMS {
                sales.push_str(&format!(
                    "{},item-{item},main,{},4.00\n",
                    last.plus(-back),
                    sold(last.plus(-back), item)
                ));
            }
        }
        std::fs::write(dir.join("data/sales.csv"), sales).unwrap();
        Session { project: Some(dir.to_owned()), ..samples::session(Lang::En, 100) }
    }

    /// Twice as much as the history says from the first day of events on.
    fn sold(day: Day, item: usize) -> i64 {
        5 + (day.0 as i64 * 7 + item as i64 * 3) % 6
    }

    fn sales_of(day: Day) -> Vec<Incoming> {
        let sale = |item: usize| {
            let place = ItemLocation::new(format!("item-{item}"), "main");
            let quantity = Quantity::from_whole(2 * sold(day, item));
            Incoming::from_event(Event {
                event_id: format!("{day}-{item}"),
                source: "till".to_owned(),
                occurred_at: at(day, 12),
                kind: EventKind::Sale { place, quantity, unit_price: None, lost: None },
                attributes: BTreeMap::new(),
            })
        };
        (0..N_ITEMS).map(sale).collect()
    }

    fn planner(session: &Session, dir: &Path) -> ProjectPlanner {
        let ledger = ledger::open_reader(dir).unwrap().unwrap();
        let approval = Arc::new(RwLock::new(Approval::default()));
        ProjectPlanner::new(session.clone(), TimeZone::UTC, approval, ledger, Known::default()).unwrap()
    }

    /// Sales of a day come in at noon; the planner sees them in the evening, and the next morning.
    fn live_through(planner: &mut ProjectPlanner, dir: &Path, day: Day) {
        let mut ledger = ledger::open(dir).unwrap();
        let batch = Batch::new(sales_of(day), at(day, 12));
        ledger.append(&batch).unwrap();
        let events = ledger.events(planner.last_sequence() + 1, 1000).unwrap();
        planner.take_in(&events, at(day, 18)).unwrap();
        wake_up(planner, day.plus(1));
    }

    /// The first hour of a day: another thread works everything out, and it is settled between events.
    fn wake_up(planner: &mut ProjectPlanner, day: Day) {
        let has_learnt = |planner: &ProjectPlanner| planner.adaptation().is_some_and(|report| report.as_of == day);
        while !has_learnt(planner) || planner.wants_turn() {
            planner.take_in(&[], at(day, 6)).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        planner.take_in(&[], at(day, 7)).unwrap();
    }

    /// Demand doubles where events begin: a server that lives through four weeks asks for higher quantiles each week, one
    /// that is started anew goes on where it was, and other verbs plan with the same levels.
    #[test]
    fn a_server_learns_each_day_once_and_everybody_plans_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let last: Day = "2026-03-01".parse().unwrap();
        let session = shop(dir, last);
        drop(ledger::open(dir).unwrap());
        let mut server = planner(&session, dir);
        wake_up(&mut server, last.plus(1));
        assert_eq!(server.adaptation().unwrap().n_judged, 0);
        for idx in 1..15 {
            live_through(&mut server, dir, last.plus(idx));
        }
        let report = server.adaptation().unwrap();
        assert!(report.n_judged >= 6 * 4 && report.n_unknown == 0, "{report:?}");
        assert!(report.segments[0].bias.unwrap() < -0.05, "demand was more than was expected: {report:?}");

        let mut server = planner(&session, dir);
        wake_up(&mut server, last.plus(15));
        assert_eq!(server.adaptation().unwrap(), report, "the day was learnt before the server was started anew");
        for idx in 15..29 {
            live_through(&mut server, dir, last.plus(idx));
        }
        let report = server.adaptation().unwrap();
        assert!(report.segments[0].levels[6].asked > 0.55, "{report:?}");

        let morning = Session { now: at(last.plus(29), 8), ..session };
        let loaded = Project::open(&morning, &DataArgs::default()).unwrap().load(&morning).unwrap();
        let asked = loaded.settings.recalibration.iter().find(|asked| asked.median_below == Some(50.0)).unwrap();
        let medium = Some(restock_adapt::Segment::Medium);
        let live = report.segments.iter().find(|segment| segment.segment == medium).unwrap();
        assert_eq!(asked.levels.to_vec(), live.levels.iter().map(|level| level.asked).collect::<Vec<_>>());
        let ledger = ledger::open(dir).unwrap();
        let entered = ledger.audit_trail(1, 100).unwrap();
        assert!(entered.iter().all(|record| record.entry.actor != ACTOR), "nothing has changed yet");
    }
}
