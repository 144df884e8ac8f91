//! Everything that a project knows, as of an event: its files, and the events of its ledger.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::{Dataset, Day, Event, RowError, RowsByItem};
use restock_ledger::{CollectedEvents, DESK_SOURCE, FileStock, Files, KeptEvents, Ledger, MasterWords};
use restock_server::PlanningError;
use restock_store::Import;

use super::{Approval, explained, explained_text, failed};
use crate::cli::DataArgs;
use crate::error::CliError;
use crate::ledger::{Added, before, for_each_event};
use crate::project::{Loaded, Project, business_day};
use crate::session::Session;

/// Days without news after which data count as old.
const RECENT_DAYS: i32 = 14;

/// What was read of a project.
pub(super) struct FileTables {
    pub(super) project: Project,
    /// What says whether it changed since.
    pub(super) stamp: Stamp,
    /// What was read beside the tables.
    pub(super) import: Import,
    pub(super) tables: Arc<Dataset>,
    pub(super) rows: RowsByItem,
}

/// Which events there are, so that those of an item can be read.
#[derive(Default)]
pub(super) struct EventIndex {
    /// Where events tell of an item.
    pub(super) locations: BTreeMap<String, BTreeSet<String>>,
    /// Events of an item at no one location, and of no item.
    pub(super) of_items: BTreeMap<String, Vec<Event>>,
    pub(super) of_all: Vec<Event>,
    /// The last words about master data and demand to come: of the one item that they are about, and of all others.
    masters_of_items: BTreeMap<String, MasterWords>,
    masters: MasterWords,
    /// The last day that events tell of, but for the project's own orders.
    pub(super) last_day: Option<Day>,
    pub(super) first_at: Option<Timestamp>,
    pub(super) n_events: usize,
    /// What was read of items before.
    pub(super) kept: RefCell<KeptEvents>,
}

impl EventIndex {
    /// Notes an event.
    pub(super) fn add(&mut self, event: &Event, time_zone: &TimeZone) {
        self.n_events += 1;
        if event.kind.is_word() {
            // How the business is says nothing about when anything happened.
            match event.kind.item_id() {
                Some(item_id) => self.masters_of_items.entry(item_id.to_owned()).or_default().add(event),
                None => self.masters.add(event),
            };
            return;
        }
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
    pub(super) fn wide(&self, item_ids: &[String]) -> Vec<Event> {
        let own = item_ids.iter().filter_map(|item_id| self.of_items.get(item_id)).flatten();
        let said = item_ids.iter().filter_map(|item_id| self.masters_of_items.get(item_id));
        let said = std::iter::once(&self.masters).chain(said).flat_map(MasterWords::events);
        self.of_all.iter().chain(own).cloned().chain(said).collect()
    }
}

/// Path, size and time of change of each file.
pub(super) type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// What is needed to read everything.
pub(super) struct Gatherer {
    pub(super) session: Session,
    pub(super) time_zone: TimeZone,
    pub(super) approval: Arc<RwLock<Approval>>,
    /// The files as they were read before.
    pub(super) files: Option<Arc<FileTables>>,
    /// The last event that counts.
    pub(super) last_sequence: u64,
    pub(super) now: Timestamp,
}

/// Everything, as of an event.
pub(super) struct Gathered {
    pub(super) time_zone: TimeZone,
    pub(super) files: Arc<FileTables>,
    pub(super) about: Files,
    pub(super) stock: Arc<FileStock>,
    /// What is wrong with the files.
    pub(super) problems: Vec<String>,
    pub(super) events: EventIndex,
    pub(super) loaded: Loaded,
    /// The day of the clock.
    pub(super) today: Day,
}

impl Gatherer {
    /// Reads files where they or the settings changed, and all events up to the last that counts; the ledger that they come
    /// from is given too.
    pub(super) fn gather(self) -> Result<(Gathered, Box<dyn Ledger>), PlanningError> {
        let Self { session, approval, files, last_sequence, now, .. } = self;
        let (files, problems) = read_files(&session, &approval, files).map_err(explained)?;
        let time_zone = files.project.config.time_zone.clone();
        if time_zone != self.time_zone {
            tracing::warn!(
                "project.timezone changed: it holds for plans; restart the server, so that pages know it too"
            );
        }
        let ledger = crate::ledger::open_reader(&files.project.dir).map_err(explained)?;
        let ledger = ledger.ok_or_else(|| failed("the ledger of the project is gone"))?;
        let (mut index, mut events) = (EventIndex::default(), CollectedEvents::new(time_zone.clone()));
        let mut take_in = |event: Event| {
            index.add(&event, &time_zone);
            events.add(event);
        };
        for_each_event(&*ledger, last_sequence, &mut take_in).map_err(failed)?;
        let mut about = Files::of(&files.tables, session.now);
        about.read_at = index.first_at.map_or(about.read_at, before);
        let stock = Arc::new(FileStock::of(&files.tables, about, &time_zone));
        let dataset = events.tables(&files.tables, about);
        drop(events);
        let today = business_day(now, &time_zone);
        // Data that are kept up to date are planned for the day on the clock; old ones for the day after them, as
        // `restock plan` does.
        let is_recent = index.last_day.max(about.last_day).is_some_and(|last| last >= today.plus(-RECENT_DAYS));
        let last_day = if is_recent { index.last_day.max(Some(today)) } else { index.last_day };
        if !is_recent {
            tracing::warn!("the data end more than {RECENT_DAYS} days ago: the plan is for the day after them");
        }
        let added = Added { n_events: index.n_events, n_later: 0, last_day };
        let import = Import { dataset, ..files.import.clone() };
        let loaded = files.project.understand(&session, import, &added, now).map_err(explained)?;
        Ok((Gathered { time_zone, files, about, stock, problems, events: index, loaded, today }, ledger))
    }
}

/// Reads the files where they or the settings changed, and says what is wrong with them. Those that cannot be read do not
/// stop the plan of the ones before.
fn read_files(
    session: &Session,
    approval: &RwLock<Approval>,
    before: Option<Arc<FileTables>>,
) -> Result<(Arc<FileTables>, Vec<String>), CliError> {
    let with_problems = |files: Arc<FileTables>| {
        let problems = row_problems(&files.import);
        (files, problems)
    };
    match (read_changed_files(session, approval, before.as_deref()), before) {
        (Ok(Some(read)), _) => Ok(with_problems(Arc::new(read))),
        (Ok(None), Some(before)) => Ok(with_problems(before)),
        (Err(error), Some(before)) => {
            tracing::error!(error = %error.message, "files or settings changed and cannot be read: planned as before");
            let told = format!(
                "files or settings changed and cannot be read, those of before stand: {}",
                explained_text(&error)
            );
            Ok((before, vec![told]))
        }
        (Err(error), None) => Err(error),
        (Ok(None), None) => unreachable!("files that were never read have changed"),
    }
}

fn read_changed_files(
    session: &Session,
    approval: &RwLock<Approval>,
    before: Option<&FileTables>,
) -> Result<Option<FileTables>, CliError> {
    let project = Project::open(session, &DataArgs::default())?;
    let stamp = stamp(&project);
    if before.is_some_and(|files| files.stamp == stamp) {
        return Ok(None);
    }
    // The rules hold from the moment on at which they are written down.
    let rules = Approval::of(&project.config);
    let mut approval = approval.write().unwrap_or_else(PoisonError::into_inner);
    (approval.four_eyes_if, approval.auto_if) = (rules.four_eyes_if, rules.auto_if);
    drop(approval);
    let mut import = project.read_files(session)?;
    let tables = Arc::new(std::mem::take(&mut import.dataset));
    if import.n_row_errors > 0 {
        tracing::warn!(n_row_errors = import.n_row_errors, "rows of files could not be taken in: see `restock check`");
    }
    Ok(Some(FileTables { rows: RowsByItem::new(&tables), tables, project, stamp, import }))
}

/// The files that a project is read from, `restock.toml` among them.
pub(super) fn stamp(project: &Project) -> Stamp {
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
