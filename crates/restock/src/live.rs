//! The plan that a server keeps up to date: files read once, events from the ledger, as they come in.
//!
//! An event leads to a plan of its item-location at once ([`LivePlan::update`]), from the rows of the files and the ledger
//! that are about its item; whoever it draws from follows within a second or so ([`LivePlan::refresh`]). What others take
//! from it (classes, data health, lead times of sources) is worked out in quiet moments, and at most a tenth of the time
//! ([`LivePlan::settle`]); a new day, and files or settings that changed, are settled before anything else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use restock_core::filter::Filter;
use restock_core::proposal::Proposal;
use restock_core::{Bucket, Dataset, Day, Event, ItemLocation, RowError, RowsByItem};
use restock_engine::{LivePlan, Remembering};
use restock_ledger::{
    DESK_SOURCE, FileStock, Files, KeptEvents, Ledger, LedgerError, Need, Recorded, Revision, Scope, tables_of_part,
};
use restock_server::{LivePlanner, PlanningError};
use restock_store::Import;

use crate::cli::DataArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::ledger::{Added, before, events_up_to};
use crate::project::{Loaded, Project, business_day, forecaster};
use crate::session::Session;

/// Quiet time after which what is shared is worked out again.
const QUIET: SignedDuration = SignedDuration::from_secs(5);

/// Settling takes at most one part in so many of the time.
const SHARE_OF_TIME: i32 = 10;

/// How often files are looked at, whether they changed.
const LOOK_AT_FILES_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// How long those wait at most that others draw from, while events come in.
const REFRESH_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Days without news after which data count as old.
const RECENT_DAYS: i32 = 14;

/// Who must approve, as the settings say it now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Approval {
    pub(crate) four_eyes_if: Option<Filter>,
    pub(crate) auto_if: Option<Filter>,
}

impl Approval {
    pub(crate) fn of(config: &Config) -> Self {
        Self { four_eyes_if: config.four_eyes_if.clone(), auto_if: config.auto_if.clone() }
    }
}

/// Plans for the server.
pub(crate) struct ProjectPlanner {
    session: Session,
    time_zone: TimeZone,
    approval: Arc<RwLock<Approval>>,
    ledger: Box<dyn Ledger>,
    /// `None` before they were read.
    files: Option<FileTables>,
    events: EventIndex,
    /// `None` before the first plan.
    live: Option<Live>,
    last_sequence: u64,
    /// Since when events have been taken in that are not settled.
    unsettled_since: Option<Timestamp>,
    last_event_at: Timestamp,
    /// When files were looked at last, and those refreshed that others draw from.
    looked_at: Timestamp,
    refreshed_at: Timestamp,
    settled_at: Timestamp,
    settling_took: SignedDuration,
    /// What is wrong with the files.
    problems: Vec<String>,
}

struct Live {
    plan: LivePlan,
    forecaster: Remembering,
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

/// What was read of a project.
struct FileTables {
    project: Project,
    /// What says whether it changed since.
    stamp: Stamp,
    /// What was read beside the tables.
    import: Import,
    tables: Dataset,
    rows: RowsByItem,
    /// When they count as read: before the first event.
    about: Files,
    /// What they say about stock, read so.
    stock: Option<(Files, Arc<FileStock>)>,
}

/// Which events there are, so that those of an item can be read.
#[derive(Default)]
struct EventIndex {
    /// Where events tell of an item.
    locations: BTreeMap<String, BTreeSet<String>>,
    /// Events of an item at no one location, and of no item.
    of_items: BTreeMap<String, Vec<Event>>,
    of_all: Vec<Event>,
    /// The last day that events tell of, but for the project's own orders.
    last_day: Option<Day>,
    first_at: Option<Timestamp>,
    n_events: usize,
    /// What was read of items before.
    kept: RefCell<KeptEvents>,
}

impl EventIndex {
    /// Notes an event.
    fn add(&mut self, event: &Event, time_zone: &TimeZone) {
        self.n_events += 1;
        self.first_at = Some(self.first_at.map_or(event.occurred_at, |first| first.min(event.occurred_at)));
        if event.source != DESK_SOURCE {
            self.last_day = self.last_day.max(Some(event.business_day(time_zone)));
        }
        match (event.kind.place(), event.kind.item_id()) {
            (Some(place), _) => {
                self.locations.entry(place.item_id.clone()).or_default().insert(place.location_id.clone());
            }
            (None, Some(item_id)) => self.of_items.entry(item_id.to_owned()).or_default().push(event.clone()),
            (None, None) => self.of_all.push(event.clone()),
        }
    }

    /// The events of some items at no one location, and those of no item in particular.
    fn wide(&self, item_ids: &[String]) -> Vec<Event> {
        let own = item_ids.iter().filter_map(|item_id| self.of_items.get(item_id)).flatten();
        self.of_all.iter().chain(own).cloned().collect()
    }
}

impl FileTables {
    /// The tables of some items with what events say of them.
    fn part(
        &self,
        item_ids: &[String],
        events: &EventIndex,
        ledger: &dyn Ledger,
        time_zone: &TimeZone,
    ) -> Result<Dataset, LedgerError> {
        let part = self.rows.part(&self.tables, item_ids);
        let (wide, mut kept) = (events.wide(item_ids), events.kept.borrow_mut());
        kept.tables(&part, self.about, item_ids, &events.locations, &wide, ledger, time_zone)
    }
}

/// Path, size and time of change of each file.
type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

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
    ) -> Result<Self, LedgerError> {
        let now = session.now;
        Ok(Self {
            // What is there already is read by the first plan.
            last_sequence: ledger.last_sequence()?,
            session,
            time_zone,
            approval,
            ledger,
            files: None,
            events: EventIndex::default(),
            live: None,
            unsettled_since: None,
            last_event_at: now,
            looked_at: now,
            refreshed_at: now,
            settled_at: now,
            settling_took: SignedDuration::ZERO,
            problems: Vec::new(),
        })
    }

    /// Reads the files where they or the settings changed. Those that cannot be read do not stop the plan of the ones before.
    fn read_files(&mut self) -> Result<(), CliError> {
        let read = self.read_changed_files();
        match (read, &mut self.files) {
            (Err(error), Some(before)) => {
                self.problems = vec![format!(
                    "files or settings changed and cannot be read, those of before stand: {}",
                    explained_text(&error)
                )];
                tracing::error!(error = %error.message, "files or settings changed and cannot be read: planned as before");
                before.stamp = stamp(&before.project);
                Ok(())
            }
            (read, _) => read,
        }
    }

    fn read_changed_files(&mut self) -> Result<(), CliError> {
        let project = Project::open(&self.session, &DataArgs::default())?;
        let stamp = stamp(&project);
        if self.files.as_ref().is_some_and(|files| files.stamp == stamp) {
            return Ok(());
        }
        // The rules hold from the moment on at which they are written down.
        *self.approval.write().unwrap_or_else(PoisonError::into_inner) = Approval::of(&project.config);
        if project.config.time_zone != self.time_zone {
            tracing::warn!(
                "project.timezone changed: it holds for plans; restart the server, so that pages know it too"
            );
            self.time_zone = project.config.time_zone.clone();
        }
        let mut import = project.read_files(&self.session)?;
        let tables = std::mem::take(&mut import.dataset);
        if import.n_row_errors > 0 {
            tracing::warn!(
                n_row_errors = import.n_row_errors,
                "rows of files could not be taken in: see `restock check`"
            );
        }
        self.problems = row_problems(&import);
        let about = Files::of(&tables, self.session.now);
        self.files =
            Some(FileTables { rows: RowsByItem::new(&tables), about, tables, project, stamp, import, stock: None });
        Ok(())
    }

    /// Whether files or settings changed since they were read.
    fn files_changed(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.stamp != stamp(&files.project))
    }

    /// Reads all events taken in, and plans everything that came out different.
    fn settle(&mut self, now: Timestamp) -> Result<Revision, PlanningError> {
        let began = std::time::Instant::now();
        self.read_files().map_err(explained)?;
        let time_zone = self.time_zone.clone();
        let events = events_up_to(&*self.ledger, self.last_sequence).map_err(failed)?;
        let mut index = EventIndex::default();
        for event in &events {
            index.add(event, &time_zone);
        }
        let files = self.files.as_mut().expect("just read");
        files.about.read_at = index.first_at.map_or(files.about.read_at, before);
        if files.stock.as_ref().is_none_or(|(about, _)| *about != files.about) {
            let stock = FileStock::of(&files.tables, files.about, &time_zone);
            files.stock = Some((files.about, Arc::new(stock)));
        }
        let whole = tables_of_part(&files.tables, files.about, &events, &time_zone);
        drop(events);
        let today = business_day(now, &time_zone);
        // Data that are kept up to date are planned for the day on the clock; old ones for the day after them, as
        // `restock plan` does.
        let is_recent = index.last_day.max(files.about.last_day).is_some_and(|last| last >= today.plus(-RECENT_DAYS));
        let last_day = if is_recent { index.last_day.max(Some(today)) } else { index.last_day };
        if !is_recent {
            tracing::warn!("the data end more than {RECENT_DAYS} days ago: the plan is for the day after them");
        }
        let added = Added { n_events: index.n_events, n_later: 0, last_day };
        let import = Import { dataset: whole, ..files.import.clone() };
        let loaded = files.project.understand(&self.session, import, &added, now).map_err(explained)?;
        index.kept = std::mem::take(&mut self.events.kept);
        self.events = index;
        let (files, events, ledger) = (&*files, &self.events, &*self.ledger);
        let mut error = None;
        let mut tables = |ids: &[String]| part_or(files, ids, events, ledger, &time_zone, &mut error);
        let (whole, settings) = (&loaded.import.dataset, &loaded.settings);
        let live = match self.live.take() {
            // What is remembered of forecasts stays, where the forecaster does.
            Some(mut live) if live.made_with == Made::of(&loaded) => {
                live.plan.settle(whole, settings, &live.forecaster, &mut tables, &|_, _| {});
                Live { today, ..live }
            }
            _ => {
                let forecaster = Remembering::new(forecaster(&settings.forecast_model, &loaded).map_err(explained)?);
                let progress = self.session.progress(self.session.text(crate::i18n::Text::Planning));
                let told = |done, total| progress.set(done as u64, total as u64);
                let plan = LivePlan::new(whole, settings, &forecaster, &mut tables, &told);
                Live { plan, forecaster, today, made_with: Made::of(&loaded) }
            }
        };
        if let Some(error) = error {
            return Err(failed(error));
        }
        if let Err(error) = loaded.shadow.begin(live.plan.as_of()) {
            tracing::warn!(error = %error.message, "the day on which the learned policy begins to watch was not kept");
        }
        self.unsettled_since = None;
        self.settled_at = now;
        self.settling_took = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
        let revision = revision(&live.plan, live.plan.proposals(), Scope::Everything);
        self.live = Some(live);
        Ok(revision)
    }

    /// Takes in events: those about some items lead to a plan of these at once.
    fn follow(&mut self, events: &[Recorded], now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        let time_zone = self.time_zone.clone();
        let is_first = self.events.n_events == 0;
        let (mut places, mut items) = (BTreeSet::new(), BTreeSet::new());
        for Recorded { event, .. } in events.iter().filter(|recorded| recorded.sequence > self.last_sequence) {
            self.events.add(event, &time_zone);
            match event.kind.place() {
                Some(place) => places.extend([place.clone()]),
                None => items.extend(event.kind.item_id().map(str::to_owned)),
            }
        }
        self.last_sequence = events.last().map_or(self.last_sequence, |last| last.sequence);
        if !events.is_empty() {
            self.unsettled_since.get_or_insert(now);
            self.last_event_at = now;
        }
        let is_new_day = self.live.as_ref().is_none_or(|live| live.today != business_day(now, &time_zone));
        // The first event of all changes the day that is planned for.
        let is_first = is_first && !events.is_empty();
        if is_new_day || is_first || self.must_settle(now, events.is_empty()) {
            return self.settle(now).map(Some);
        }
        if events.is_empty() && now.duration_since(self.looked_at) >= LOOK_AT_FILES_EVERY {
            self.looked_at = now;
            if self.files_changed() {
                return self.settle(now).map(Some);
            }
        }
        let must_refresh = now.duration_since(self.refreshed_at) >= REFRESH_EVERY;
        let (Some(live), Some(files)) = (&mut self.live, &self.files) else { return self.settle(now).map(Some) };
        let (events, ledger) = (&self.events, &*self.ledger);
        let mut error = None;
        let mut tables = |ids: &[String]| part_or(files, ids, events, ledger, &time_zone, &mut error);
        let mut changed = live.plan.update(&places, &items, &live.forecaster, &mut tables);
        if must_refresh && live.plan.is_stale() {
            changed.extend(live.plan.refresh(&live.forecaster, &mut tables));
            self.refreshed_at = now;
        }
        if let Some(error) = error {
            return Err(failed(error));
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let proposals = live.plan.proposals_of(&changed);
        Ok(Some(revision(&live.plan, proposals, Scope::Places(changed))))
    }

    /// Whether what is shared has waited long enough.
    fn must_settle(&self, now: Timestamp, is_quiet: bool) -> bool {
        let rest = self.settling_took * SHARE_OF_TIME;
        let has_rested = now.duration_since(self.settled_at) >= rest;
        self.unsettled_since.is_some_and(|since| {
            let is_long = now.duration_since(since) >= SignedDuration::from_mins(1);
            has_rested && (is_long || is_quiet && now.duration_since(self.last_event_at) >= QUIET)
        })
    }
}

fn part_or(
    files: &FileTables,
    ids: &[String],
    events: &EventIndex,
    ledger: &dyn Ledger,
    time_zone: &TimeZone,
    error: &mut Option<LedgerError>,
) -> Dataset {
    files.part(ids, events, ledger, time_zone).unwrap_or_else(|failure| {
        *error = Some(failure);
        Dataset::default()
    })
}

fn revision(plan: &LivePlan, proposals: Vec<Proposal>, scope: Scope) -> Revision {
    Revision {
        plan_id: plan.plan_id().to_owned(),
        as_of: plan.as_of(),
        wanted: proposals.iter().map(|one| (one.proposal_id.clone(), Need::from(one))).collect(),
        scope,
    }
}

/// The files that a project is read from, `restock.toml` among them.
fn stamp(project: &Project) -> Stamp {
    let mut stamp = Stamp::new();
    let mut folders: Vec<PathBuf> = project.files().map(Path::to_owned).collect();
    while let Some(path) = folders.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            folders.extend(entries.flatten().map(|entry| entry.path()));
        } else if let Ok(about) = std::fs::metadata(&path) {
            stamp.push((path, about.len(), about.modified().ok()));
        }
    }
    stamp.sort();
    stamp
}

/// What rows of files could not be taken in, a sentence for each file.
fn row_problems(import: &Import) -> Vec<String> {
    let mut of_files: BTreeMap<&str, (usize, &RowError)> = BTreeMap::new();
    for error in &import.row_errors {
        of_files.entry(&error.file).or_insert((0, error)).0 += 1;
    }
    // Beyond a thousand they are counted, not kept.
    let more = if import.n_row_errors > import.row_errors.len() { "at least " } else { "" };
    let sentence = |(file, (n, first)): (&str, (usize, &RowError))| {
        restock_core::finding::in_singular(&format!("{file}: {more}{n} rows could not be taken in, the first: {first}"))
    };
    of_files.into_iter().map(sentence).collect()
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
        // A ledger may wait for a database on the network, which nothing that is asynchronous may do.
        let revision = std::thread::scope(|scope| scope.spawn(|| self.follow(events, now)).join());
        let revision = revision.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if revision.is_err() {
            // Given again, they are read with all others.
            (self.last_sequence, self.live) = (before, None);
        }
        revision
    }

    fn replan(&mut self, now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        let revision = std::thread::scope(|scope| scope.spawn(|| self.settle(now)).join());
        revision.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(Some)
    }

    fn files(&self) -> Option<Arc<FileStock>> {
        self.files.as_ref()?.stock.as_ref().map(|(_, stock)| stock.clone())
    }

    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }

    fn proposal(&mut self, need: &Need) -> Result<Option<Proposal>, PlanningError> {
        let Some(live) = &self.live else { return Ok(None) };
        let place = ItemLocation::new(&need.item_id, &need.destination);
        let of_place = live.plan.proposals_of(&BTreeSet::from([place]));
        Ok(of_place.into_iter().find(|proposal| proposal.source == need.source))
    }
}
