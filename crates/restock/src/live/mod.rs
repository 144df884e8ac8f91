//! The plan that a server keeps up to date: files read once, events from the ledger, as they come in.
//!
//! An event leads to a plan of its item-location at once ([`LivePlan::update`]), from the rows of the files and the ledger
//! that are about its item; whoever it draws from follows within a second or so ([`LivePlan::refresh`]). What others take
//! from it (classes, data health, lead times of sources) is worked out in quiet moments, on a new day, and where files or
//! settings changed: on threads of its own ([`settling`]), and then planned a little at a time between events
//! ([`LivePlan::settle_some`]), so that no event waits for it.

mod gather;
mod jobs;
mod settling;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use restock_adapt::{AdaptationReport, BacktestRun};
use restock_core::filter::Filter;
use restock_core::finding::{ExceptionCode, PlanException};
use restock_core::proposal::Proposal;
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Dataset, Day, Event, EventKind, ItemLocation, N_LEVELS, Period, RowsByItem};
use restock_engine::{
    ExplainError, Explained, HealthReport, LivePlan, OrderGroup, PastFigures, PlanLine, PlanSummary, Remembering,
    ShadowPrice, UnitPlan, Unplanned, WhatIf,
};
use restock_ledger::{FileStock, Files, Ledger, LedgerAddress, LedgerError, Need, Recorded, Revision, Scope};
use restock_server::{
    JobRequest, LivePlanner, ModelChange, ModelOrder, ModelRefusal, Models, PastFiles, PlannedLine, PlanningError,
    Standing, Task,
};

use crate::adaptation::Experience;
use crate::config::Config;
use crate::error::CliError;
use crate::imports::{Known, KnownFiles};
use crate::project::{Loaded, Project, business_day, forecaster, models_of};
use crate::session::Session;
use gather::{EventIndex, FileTables, Gathered, Gatherer, Stamp, stamp};
use jobs::Kept;
use settling::{Done, Job, Settler, background_threads, work_out};

/// Quiet time after which what is shared is worked out again.
const QUIET: SignedDuration = SignedDuration::from_secs(5);

/// Settling takes at most one part in so many of the time.
const SHARE_OF_TIME: i32 = 10;

/// How long an event waits at most for what is planned between events, about.
const SLICE: Duration = Duration::from_millis(25);

/// Item-locations that are planned at a time while nobody waits for anything else.
const N_AT_ONCE: usize = 2_048;

/// How often files are looked at, whether they changed.
const LOOK_AT_FILES_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// How long those wait at most that others draw from, while events come in.
const REFRESH_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Who must approve, as the settings say it now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Approval {
    pub(crate) four_eyes_if: Option<Filter>,
    pub(crate) auto_if: Option<Filter>,
    /// Where a surge holds: people approve what is ordered there, whatever the rules say.
    pub(crate) in_surge: BTreeSet<ItemLocation>,
}

impl Approval {
    pub(crate) fn of(config: &Config) -> Self {
        let (four_eyes_if, auto_if) = (config.four_eyes_if.clone(), config.auto_if.clone());
        Self { four_eyes_if, auto_if, in_surge: BTreeSet::new() }
    }
}

/// Plans for the server.
pub(crate) struct ProjectPlanner {
    session: Session,
    time_zone: TimeZone,
    approval: Arc<RwLock<Approval>>,
    ledger: Box<dyn Ledger>,
    /// Whether it lies in a database on the network.
    is_ledger_far: bool,
    /// `None` before they were read.
    files: Option<Arc<FileTables>>,
    /// When they count as read: before the first event.
    about: Files,
    events: EventIndex,
    /// `None` before the first plan.
    live: Option<Live>,
    /// What outcomes taught, where no other thread learns; `None` before the first plan.
    experience: Option<Experience>,
    report: Option<AdaptationReport>,
    alarms: Vec<PlanException>,
    /// Everything, as another thread works it out.
    working: Option<Working>,
    /// What was taken over and is not settled yet.
    unsettled: Option<Unsettled>,
    /// A backtest that runs.
    backtest: Option<Receiver<BacktestRun>>,
    last_sequence: u64,
    /// Since when events have been taken in that are not settled.
    unsettled_since: Option<Timestamp>,
    last_event_at: Timestamp,
    /// When files were looked at last, and those refreshed that others draw from.
    looked_at: Timestamp,
    refreshed_at: Timestamp,
    settled_at: Timestamp,
    settling_took: SignedDuration,
    /// Whether those that others draw from are being planned.
    is_refreshing: bool,
    /// Item-locations that are planned between events.
    n_in_slice: usize,
    /// Somebody asked for a plan of everything.
    wants_everything: bool,
    /// Somebody asked for it while one was being worked out.
    must_work_again: bool,
    /// The files as they were looked at last.
    seen_stamp: Option<Stamp>,
    /// What is wrong with the files.
    problems: Vec<String>,
    /// What they say about stock.
    stock: Option<Arc<FileStock>>,
    /// What they held, for those who bring more.
    known: Known,
    /// Whether everything was planned in this turn.
    is_fresh: bool,
    /// What the last scenario was compared with.
    kept: Arc<Kept>,
    settler: Settler,
}

/// A thread that works everything out.
struct Working {
    done: Receiver<Result<Box<Done>, PlanningError>>,
    began: std::time::Instant,
    /// Events that came in since.
    since: Vec<Event>,
}

/// What is left to do when all is settled.
struct Unsettled {
    loaded: Loaded,
    /// Where the tables of `loaded` have what.
    rows: RowsByItem,
    /// What they do not tell of: events that came in since.
    since: Touched,
    is_new_day: bool,
    /// The desk is told of everything.
    wants_everything: bool,
    began: std::time::Instant,
}

impl Unsettled {
    /// Whether its tables have all that is known of some items.
    fn knows(&self, item_ids: &[String]) -> bool {
        !self.since.has_any(item_ids)
    }
}

/// Which items events are about.
#[derive(Clone, Default)]
struct Touched {
    items: BTreeSet<String>,
    /// One was about no item in particular.
    is_all: bool,
}

impl Touched {
    /// Whether one of some items is among them.
    fn has_any(&self, item_ids: &[String]) -> bool {
        self.is_all || item_ids.iter().any(|item_id| self.items.contains(item_id))
    }

    fn add(&mut self, event: &Event) {
        match event.kind.item_id() {
            Some(item_id) if self.items.contains(item_id) => {}
            Some(item_id) => drop(self.items.insert(item_id.to_owned())),
            None => self.is_all = true,
        }
    }
}

struct Live {
    plan: LivePlan,
    forecaster: Arc<Remembering>,
    made_with: Made,
    /// The day of the clock that it was settled on.
    today: Day,
}

/// What a forecaster was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    model: String,
    precision: String,
    bucket: Bucket,
    /// The version of the pretrained model that was promoted, where the project has one.
    version: Option<String>,
}

impl Made {
    fn of(loaded: &Loaded) -> Self {
        let settings = &loaded.settings;
        Self {
            model: settings.forecast_model.clone(),
            precision: settings.forecast_precision.clone(),
            bucket: settings.bucket,
            version: loaded.models.active().ok().flatten(),
        }
    }
}

impl ProjectPlanner {
    /// For the project of `session`; its files are read when the first plan is made.
    ///
    /// # Errors
    /// What the ledger says.
    pub(crate) fn new(
        session: Session,
        time_zone: TimeZone,
        approval: Arc<RwLock<Approval>>,
        ledger: Box<dyn Ledger>,
        known: Known,
    ) -> Result<Self, LedgerError> {
        let now = session.now;
        let address = crate::ledger::address(session.project.as_deref().unwrap_or(Path::new(".")));
        Ok(Self {
            is_ledger_far: !matches!(address, Ok(LedgerAddress::File(_))),
            // What is there already is read by the first plan.
            last_sequence: ledger.last_sequence()?,
            session,
            time_zone,
            approval,
            ledger,
            files: None,
            about: Files { read_at: now, last_day: None },
            events: EventIndex::default(),
            live: None,
            experience: None,
            report: None,
            alarms: Vec::new(),
            working: None,
            unsettled: None,
            backtest: None,
            unsettled_since: None,
            last_event_at: now,
            looked_at: now,
            refreshed_at: now,
            settled_at: now,
            settling_took: SignedDuration::ZERO,
            is_refreshing: false,
            n_in_slice: 16,
            must_work_again: false,
            wants_everything: false,
            seen_stamp: None,
            problems: Vec::new(),
            stock: None,
            known,
            is_fresh: false,
            kept: Arc::default(),
            settler: Settler::default(),
        })
    }

    /// Does something on a thread of its own where the ledger waits for a database on the network, which nothing that is
    /// asynchronous may do; else at once, because a thread for every event costs memory that comes back late.
    fn apart<T: Send>(&mut self, work: impl FnOnce(&mut Self) -> T + Send) -> T {
        if !self.is_ledger_far {
            return work(self);
        }
        let done = std::thread::scope(|scope| scope.spawn(|| work(self)).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Whether files or settings changed since they were looked at.
    fn files_changed(&mut self) -> bool {
        let Some(files) = &self.files else { return false };
        let now = stamp(&files.project);
        let seen = self.seen_stamp.replace(now.clone());
        now != files.stamp && seen.is_none_or(|seen| seen != now)
    }

    fn gatherer(&self, now: Timestamp) -> Gatherer {
        Gatherer {
            session: self.session.clone(),
            time_zone: self.time_zone.clone(),
            approval: self.approval.clone(),
            files: self.files.clone(),
            last_sequence: self.last_sequence,
            now,
        }
    }

    fn job(&mut self, now: Timestamp) -> Job {
        Job { gatherer: self.gatherer(now), experience: self.experience.take() }
    }

    /// Begins to work everything out on threads of its own, where none do.
    fn start_working(&mut self, now: Timestamp) -> Result<(), PlanningError> {
        if self.working.is_some() {
            return Ok(());
        }
        // What is settled by halves is settled anew.
        self.abandon();
        let job = self.job(now);
        let done = self.settler.begin(job).map_err(failed)?;
        self.working = Some(Working { done, began: std::time::Instant::now(), since: Vec::new() });
        Ok(())
    }

    /// Forgets what would have been left to do after settling: it is done after the next one.
    fn abandon(&mut self) {
        if let Some(unsettled) = self.unsettled.take() {
            self.wants_everything |= unsettled.wants_everything;
            if unsettled.is_new_day {
                // The decisions of the day were not kept, so the day has not been learnt.
                self.experience = None;
            }
            self.settler.drop_later((unsettled.loaded, unsettled.rows));
        }
    }

    /// Takes over what another thread worked out, where it has. Returns item-locations whose plan changed.
    fn take_over(&mut self, now: Timestamp) -> Result<BTreeSet<ItemLocation>, PlanningError> {
        let Some(working) = &self.working else { return Ok(BTreeSet::new()) };
        let done = match working.done.try_recv() {
            Err(TryRecvError::Empty) => return Ok(BTreeSet::new()),
            Err(TryRecvError::Disconnected) => Err(failed("working everything out met a mistake of the program")),
            Ok(done) => done,
        };
        let Working { began, since, .. } = self.working.take().expect("it was there");
        self.begin_settling(*done?, began, &since, now)
    }

    fn begin_settling(
        &mut self,
        done: Done,
        began: std::time::Instant,
        since: &[Event],
        now: Timestamp,
    ) -> Result<BTreeSet<ItemLocation>, PlanningError> {
        let Done { gathered, rows, whole, forecaster, experience, is_new_day } = done;
        let Gathered { time_zone, files, about, stock, problems, mut events, loaded, today } = gathered;
        self.time_zone = time_zone;
        self.kept.forget();
        let (mut places, mut items, mut touched) = (BTreeSet::new(), BTreeSet::new(), Touched::default());
        for event in since {
            events.add(event, &self.time_zone);
            note(event, &mut places, &mut items);
            touched.add(event);
        }
        events.kept = std::mem::take(&mut self.events.kept);
        let missing = whole.health().missing_tables.clone();
        let held = KnownFiles { tables: files.import.tables.clone(), dataset: files.tables.clone(), missing };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        let old = (self.files.replace(files), std::mem::replace(&mut self.events, events), self.stock.replace(stock));
        self.settler.drop_later(old);
        self.about = about;
        // The plan tells of problems that are new or over, whether or not it wants something else.
        self.wants_everything |= self.problems != problems;
        self.problems = problems;
        self.report = experience.report();
        self.alarms = experience.exceptions(whole.as_of());
        self.experience = Some(experience);
        self.unsettled_since = (!since.is_empty()).then_some(now);
        let made_with = Made::of(&loaded);
        let mut live = match self.live.take() {
            // What is remembered of forecasts stays, where the forecaster does.
            Some(live) if live.made_with == made_with => Live { today, ..live },
            live => {
                let forecaster = Arc::new(Remembering::new(forecaster));
                let plan = live.map_or_else(LivePlan::empty, |live| live.plan);
                self.wants_everything = true;
                Live { plan, forecaster, today, made_with }
            }
        };
        let (mut changed, old) = live.plan.take_over(whole);
        self.settler.drop_later(old);
        let wants_everything = std::mem::take(&mut self.wants_everything) || is_new_day;
        self.unsettled = Some(Unsettled { loaded, rows, since: touched, is_new_day, wants_everything, began });
        self.live = Some(live);
        if !places.is_empty() || !items.is_empty() {
            changed
                .extend(self.with_tables(|live, tables| live.plan.update(&places, &items, &*live.forecaster, tables))?);
        }
        Ok(changed)
    }

    /// Plans with the tables of items as files and ledger have them.
    fn with_tables<T>(
        &mut self,
        plan: impl FnOnce(&mut Live, restock_engine::TablesOf<'_>) -> T,
    ) -> Result<T, PlanningError> {
        let (Some(live), Some(files)) = (&mut self.live, &self.files) else {
            return Err(failed("nothing was planned yet"));
        };
        let (about, events, ledger, time_zone) = (self.about, &self.events, &*self.ledger, &self.time_zone);
        let unsettled = self.unsettled.as_ref();
        let mut error = None;
        let mut tables = |ids: &[String]| {
            if let Some(unsettled) = unsettled.filter(|unsettled| unsettled.knows(ids)) {
                return unsettled.rows.part(&unsettled.loaded.import.dataset, ids);
            }
            let part = files.rows.part(&files.tables, ids);
            let (wide, mut kept) = (events.wide(ids), events.kept.borrow_mut());
            kept.tables(&part, about, ids, &events.locations, &wide, ledger, time_zone).unwrap_or_else(|failure| {
                error = Some(failure);
                Dataset::default()
            })
        };
        let planned = plan(live, &mut tables);
        error.map_or(Ok(planned), |error| Err(failed(error)))
    }

    /// Whether there are some that others draw from, and it is time to plan them.
    fn must_refresh(&self) -> bool {
        self.is_refreshing && self.live.as_ref().is_some_and(|live| live.plan.is_stale())
    }

    /// Plans a little of what others draw from. Returns item-locations whose plan changed.
    fn refresh_some(&mut self) -> Result<BTreeSet<ItemLocation>, PlanningError> {
        self.slice(|live, n, tables| live.plan.refresh_some(n, &*live.forecaster, tables))
    }

    /// Plans a little of what is not settled. Returns item-locations whose plan changed.
    fn settle_some(&mut self) -> Result<BTreeSet<ItemLocation>, PlanningError> {
        // What events told of since is read by itself, after all that is at hand.
        let since = self.unsettled.as_ref().map(|unsettled| unsettled.since.clone());
        let is_at_hand = move |ids: &[String]| since.as_ref().is_some_and(|since| !since.has_any(ids));
        self.slice(|live, n, tables| live.plan.settle_some(n, &is_at_hand, &*live.forecaster, tables))
    }

    /// Plans about as many item-locations as events may wait for.
    fn slice(
        &mut self,
        plan: impl FnOnce(&mut Live, usize, restock_engine::TablesOf<'_>) -> BTreeSet<ItemLocation>,
    ) -> Result<BTreeSet<ItemLocation>, PlanningError> {
        let began = std::time::Instant::now();
        let n = self.n_in_slice;
        let changed = self.with_tables(|live, tables| plan(live, n, tables))?;
        let took = began.elapsed();
        self.n_in_slice = if took > SLICE { (n / 2).max(1) } else { (n + n / 4 + 1).min(N_AT_ONCE) };
        Ok(changed)
    }

    /// What is left to do once all is settled; `true` where the desk is told of everything.
    fn end_settling(&mut self, now: Timestamp) -> bool {
        let Some(unsettled) = self.unsettled.take() else { return false };
        let Unsettled { loaded, rows, is_new_day, wants_everything, began, .. } = unsettled;
        if is_new_day && let (Some(experience), Some(live)) = (&mut self.experience, &self.live) {
            if let Err(error) = experience.remember(live.plan.to_judge(), &loaded) {
                tracing::error!(error = %error.message, "a model on trial could not forecast");
            }
            self.save_experience(now);
        }
        self.start_backtest(&loaded);
        self.settler.drop_later((loaded, rows));
        self.settled_at = now;
        self.settling_took = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
        wants_everything
    }

    /// Works everything out and settles it before anything else: the first plan.
    fn settle_at_once(&mut self, now: Timestamp) -> Result<Revision, PlanningError> {
        let began = std::time::Instant::now();
        self.working = None;
        let done = work_out(self.job(now))?;
        self.begin_settling(*done, began, &[], now)?;
        let progress = self.session.progress(self.session.text(crate::i18n::Text::Planning));
        self.with_tables(|live, tables| {
            let total = live.plan.n_unsettled();
            while !live.plan.is_settled() {
                live.plan.settle_some(N_AT_ONCE, &|_| true, &*live.forecaster, tables);
                progress.set((total - live.plan.n_unsettled()) as u64, total as u64);
            }
        })?;
        drop(progress);
        self.end_settling(now);
        Ok(self.everything())
    }

    fn everything(&self) -> Revision {
        let plan = &self.live.as_ref().expect("it was just planned").plan;
        revision(plan, plan.proposals(), Scope::Everything)
    }

    /// The folder of the project.
    fn dir(&self) -> Result<&Path, PlanningError> {
        self.files.as_ref().map(|files| files.project.dir.as_path()).ok_or_else(|| failed("nothing was planned yet"))
    }

    /// Says where people must approve, before the desk hears of the plan.
    fn note_surges(&self, scope: &Scope) {
        let Some(live) = &self.live else { return };
        let is_in_surge =
            |unit: &UnitPlan| unit.exceptions.iter().any(|exception| exception.code == ExceptionCode::SurgeMode);
        let place_of = |unit: &UnitPlan| ItemLocation::new(&unit.line.item_id, &unit.line.location_id);
        let mut approval = self.approval.write().unwrap_or_else(PoisonError::into_inner);
        match scope {
            Scope::Everything => {
                approval.in_surge = live.plan.planned().filter(|unit| is_in_surge(unit)).map(place_of).collect();
            }
            Scope::Places(places) => {
                for place in places {
                    match live.plan.planned_at(place).is_some_and(is_in_surge) {
                        true => approval.in_surge.insert(place.clone()),
                        false => approval.in_surge.remove(place),
                    };
                }
            }
        }
    }

    fn save_experience(&mut self, now: Timestamp) {
        let (Some(experience), Some(files)) = (&mut self.experience, &self.files) else { return };
        self.report = experience.report();
        let saved = crate::ledger::open(&files.project.dir).and_then(|mut ledger| {
            experience.save(&mut *ledger, now).map_err(|error| crate::ledger::explained(&error))
        });
        if let Err(error) = saved {
            tracing::error!(error = %error.message, "what was learnt could not be kept: it is learnt again after a restart");
        }
    }

    /// Starts the backtest that is due, on a thread of its own, one at a time.
    fn start_backtest(&mut self, loaded: &Loaded) {
        let due = self.experience.as_ref().filter(|_| self.backtest.is_none());
        let Some(due) = due.and_then(|experience| experience.due_backtest(loaded)) else { return };
        let forecaster = match forecaster(&loaded.settings.forecast_model, loaded) {
            Ok(forecaster) => forecaster,
            Err(error) => return tracing::error!(error = %error.message, "the scheduled backtest has no forecaster"),
        };
        let (sender, receiver) = channel();
        let run = move || {
            // One thread of its own: planning goes on beside it.
            let pool = background_threads(1).expect("a thread can be started");
            let _ = sender.send(pool.install(|| due.run(&*forecaster)));
        };
        match std::thread::Builder::new().name("backtest".to_owned()).spawn(run) {
            Ok(_) => self.backtest = Some(receiver),
            Err(error) => tracing::error!(%error, "the scheduled backtest could not be started"),
        }
    }

    /// Takes in the result of a backtest that has ended.
    fn end_backtest(&mut self, now: Timestamp) {
        let Some(receiver) = &self.backtest else { return };
        match receiver.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => tracing::error!("the scheduled backtest ended in a panic"),
            Ok(run) => {
                if let Some(experience) = &mut self.experience {
                    experience.backtest_ran(run);
                }
                self.save_experience(now);
            }
        }
        self.backtest = None;
    }

    /// Takes in events: those about some items lead to a plan of these at once.
    fn follow(&mut self, events: &[Recorded], now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        self.end_backtest(now);
        let is_first = self.events.n_events == 0 && !events.is_empty();
        let (mut places, mut items) = (BTreeSet::new(), BTreeSet::new());
        for Recorded { event, .. } in events.iter().filter(|recorded| recorded.sequence > self.last_sequence) {
            self.events.add(event, &self.time_zone);
            note(event, &mut places, &mut items);
            if let Some(working) = &mut self.working {
                working.since.push(event.clone());
            }
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.since.add(event);
            }
        }
        self.last_sequence = events.last().map_or(self.last_sequence, |last| last.sequence);
        if !events.is_empty() {
            self.unsettled_since.get_or_insert(now);
            self.last_event_at = now;
        }
        self.is_fresh = false;
        if self.live.is_none() {
            if self.has_nothing() {
                return Ok(None);
            }
            let planned = self.settle_at_once(now)?;
            self.is_fresh = true;
            return Ok(Some(planned));
        }
        let mut changed =
            self.with_tables(|live, tables| live.plan.update(&places, &items, &*live.forecaster, tables))?;
        self.is_refreshing |= now.duration_since(self.refreshed_at) >= REFRESH_EVERY;
        if self.must_refresh() {
            changed.extend(self.refresh_some()?);
        } else if self.is_refreshing {
            (self.is_refreshing, self.refreshed_at) = (false, now);
        }
        let is_new_day = self.live.as_ref().is_none_or(|live| live.today != business_day(now, &self.time_zone));
        // The first event of all changes the day that is planned for.
        if is_new_day || is_first || self.must_settle(now, events.is_empty()) || self.must_read(now, events.is_empty())
        {
            self.start_working(now)?;
        }
        changed.extend(self.take_over(now)?);
        if self.working.is_none() && std::mem::take(&mut self.must_work_again) {
            self.wants_everything = true;
            self.start_working(now)?;
        }
        if self.has_more() {
            changed.extend(self.settle_some()?);
        }
        if self.unsettled.is_some() && !self.has_more() && self.end_settling(now) {
            return Ok(Some(self.everything()));
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let plan = &self.live.as_ref().expect("it was planned").plan;
        let proposals = plan.proposals_of(&changed);
        Ok(Some(revision(plan, proposals, Scope::Places(changed))))
    }

    /// Whether there is nothing to plan yet: a new project waits for its first file or event.
    fn has_nothing(&self) -> bool {
        let Ok((dir, config)) = Project::config_of(&self.session) else { return false };
        let files = restock_store::files_of(&dir.join(config.data_path));
        self.last_sequence == 0 && files.is_ok_and(|files| files.is_empty())
    }

    /// Whether something was taken over that is not settled.
    fn has_more(&self) -> bool {
        self.live.as_ref().is_some_and(|live| !live.plan.is_settled())
    }

    /// Whether files or settings changed; looked at in quiet moments.
    fn must_read(&mut self, now: Timestamp, is_quiet: bool) -> bool {
        if !is_quiet
            || self.working.is_some()
            || self.has_more()
            || now.duration_since(self.looked_at) < LOOK_AT_FILES_EVERY
        {
            return false;
        }
        self.looked_at = now;
        self.files_changed()
    }

    /// Whether what is shared has waited long enough.
    fn must_settle(&self, now: Timestamp, is_quiet: bool) -> bool {
        if self.working.is_some() || self.has_more() {
            return false;
        }
        let rest = self.settling_took * SHARE_OF_TIME;
        let has_rested = now.duration_since(self.settled_at) >= rest;
        self.unsettled_since.is_some_and(|since| {
            let is_long = now.duration_since(since) >= SignedDuration::from_mins(1);
            has_rested && (is_long || is_quiet && now.duration_since(self.last_event_at) >= QUIET)
        })
    }
}

/// Notes what an event is about.
fn note(event: &Event, places: &mut BTreeSet<ItemLocation>, items: &mut BTreeSet<String>) {
    match (event.kind.place(), &event.kind) {
        (Some(place), _) => places.extend([place.clone()]),
        // A sensor watches an item at one location.
        (None, EventKind::SensorReading { item_id: Some(item_id), location_id, .. }) => {
            places.extend([ItemLocation::new(item_id, location_id)]);
        }
        (None, _) => items.extend(event.kind.item_id().map(str::to_owned)),
    }
}

fn planned_line(unit: &UnitPlan) -> PlannedLine<'_> {
    PlannedLine {
        line: &unit.line,
        money_at_risk: unit.totals.lost_margin[0],
        proposal_id: unit.proposal.as_ref().map(|proposal| proposal.proposal_id.as_str()),
        exceptions: &unit.exceptions,
    }
}

fn revision(plan: &LivePlan, proposals: Vec<Proposal>, scope: Scope) -> Revision {
    Revision {
        plan_id: plan.plan_id().to_owned(),
        as_of: plan.as_of(),
        wanted: proposals.iter().map(|one| (one.proposal_id.clone(), Need::from(one))).collect(),
        scope,
    }
}

fn explained(error: CliError) -> PlanningError {
    PlanningError(explained_text(&error))
}

fn explained_text(error: &CliError) -> String {
    error.hint.as_ref().map_or_else(|| error.message.clone(), |hint| format!("{}: {hint}", error.message))
}

fn failed(error: impl std::fmt::Display) -> PlanningError {
    PlanningError(error.to_string())
}

impl LivePlanner for ProjectPlanner {
    fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    fn take_in(&mut self, events: &[Recorded], now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        let before = self.last_sequence;
        let revision = self.apart(|planner| planner.follow(events, now));
        if revision.is_err() {
            // Given again, they are read with all others.
            (self.last_sequence, self.live, self.experience) = (before, None, None);
            (self.working, self.unsettled) = (None, None);
        }
        if let Ok(Some(revision)) = &revision {
            self.note_surges(&revision.scope);
        }
        revision
    }

    fn replan(&mut self, now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        // What was just planned from everything is as it would be.
        if self.live.is_none() || std::mem::take(&mut self.is_fresh) {
            return Ok(None);
        }
        self.wants_everything = true;
        // What is being worked out may have read the files before they changed.
        self.must_work_again |= self.working.is_some();
        self.start_working(now).map(|()| None)
    }

    fn files(&self) -> Option<Arc<FileStock>> {
        self.stock.clone()
    }

    fn past_files(&self) -> Option<PastFiles> {
        let (files, about, time_zone) = (self.files.clone()?, self.about, self.time_zone.clone());
        Some(Box::new(move |item_ids, day| {
            FileStock::until(&files.rows.part(&files.tables, item_ids), about, &time_zone, day)
        }))
    }

    fn file_tables(&self) -> Option<Arc<Dataset>> {
        self.files.as_ref().map(|files| files.tables.clone())
    }

    fn health(&self) -> Option<Arc<HealthReport>> {
        self.live.as_ref()?.plan.health().cloned()
    }

    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }

    fn wants_turn(&self) -> bool {
        self.has_more() || self.must_refresh()
    }

    fn adaptation(&self) -> Option<AdaptationReport> {
        self.report.clone()
    }

    fn exceptions(&self) -> Vec<PlanException> {
        let Some(live) = &self.live else { return Vec::new() };
        live.plan.exceptions(self.alarms.iter().cloned())
    }

    fn proposal(&mut self, need: &Need) -> Result<Option<Proposal>, PlanningError> {
        let Some(live) = &self.live else { return Ok(None) };
        let place = ItemLocation::new(&need.item_id, &need.destination);
        let of_place = live.plan.proposals_of(&BTreeSet::from([place]));
        Ok(of_place.into_iter().find(|proposal| proposal.source == need.source))
    }

    fn standing(&self) -> Option<Standing> {
        let plan = &self.live.as_ref()?.plan;
        let currency = plan.settings().currency.clone();
        Some(Standing { plan_id: plan.plan_id().to_owned(), as_of: plan.as_of(), currency })
    }

    fn lines(&self) -> Box<dyn Iterator<Item = PlannedLine<'_>> + '_> {
        Box::new(self.live.iter().flat_map(|live| live.plan.planned()).map(planned_line))
    }

    fn line(&self, place: &ItemLocation) -> Option<PlannedLine<'_>> {
        self.live.as_ref()?.plan.planned_at(place).map(planned_line)
    }

    fn explain(
        &mut self,
        place: &ItemLocation,
        what_ifs: &[WhatIf],
    ) -> Result<Result<Explained, ExplainError>, PlanningError> {
        self.apart(|planner| {
            planner.with_tables(|live, tables| live.plan.explain(place, what_ifs, &*live.forecaster, tables))
        })
    }

    fn asked_levels(&self, place: &ItemLocation) -> Option<[f64; N_LEVELS]> {
        self.live.as_ref()?.plan.asked_levels(place)
    }

    fn summaries(
        &self,
        key: &dyn Fn(&PlanLine) -> Option<String>,
        of_unplanned: &dyn Fn(&Unplanned) -> Option<String>,
    ) -> BTreeMap<String, PlanSummary> {
        self.live.as_ref().map_or_else(BTreeMap::new, |live| live.plan.summaries(key, of_unplanned))
    }

    fn past(&self, key: &dyn Fn(&PlanLine) -> Option<String>) -> BTreeMap<(String, Period), PastFigures> {
        self.live.as_ref().map_or_else(BTreeMap::new, |live| live.plan.past(key))
    }

    fn order_groups(&self) -> Vec<OrderGroup> {
        self.live.as_ref().map_or_else(Vec::new, |live| live.plan.order_groups())
    }

    fn settings(&self) -> Option<&PlanSettings> {
        self.live.as_ref().map(|live| live.plan.settings())
    }

    fn models(&self) -> Result<Models, PlanningError> {
        crate::model_versions::list(&models_of(self.dir()?)).map_err(failed)
    }

    fn change_model(
        &mut self,
        order: &ModelOrder,
        now: Timestamp,
    ) -> Result<Result<ModelChange, ModelRefusal>, PlanningError> {
        let changed = crate::model_versions::change(&models_of(self.dir()?), order).map_err(failed)?;
        if changed.is_ok() && !order.is_rehearsal {
            // What is being worked out may have read the version before.
            self.working = None;
            self.replan(now)?;
        }
        Ok(changed)
    }

    fn limits(&self) -> Vec<ShadowPrice> {
        self.live.as_ref().map_or_else(Vec::new, |live| live.plan.limits().to_vec())
    }

    fn prepare(&mut self, request: JobRequest, now: Timestamp) -> Result<Task, PlanningError> {
        let live = self.live.as_ref().ok_or_else(|| failed("nothing was planned yet"))?;
        let basis = jobs::Basis {
            gatherer: self.gatherer(now),
            settings: live.plan.settings().clone(),
            forecaster: live.forecaster.clone(),
            kept: self.kept.clone(),
        };
        Ok(Box::new(move |steps| jobs::answer(basis, request, steps)))
    }

    fn masters(&self) -> Option<&Dataset> {
        self.live.as_ref().map(|live| live.plan.masters())
    }
}
