//! Planning while events come in.
//!
//! ```text
//! writer: commit ── progress ──> planner: all new events at once, take_in ── revision ──> writer: the desk, one filing
//! ```
//!
//! The planner has a thread of its own, so that planning holds up no request. It is given everything that was committed
//! since its last turn, and once a second nothing, so that a new business day is seen. A planner that fails or panics is
//! logged, counted and asked again after a pause; the server goes on answering meanwhile.
//!
//! Between the events that a plan has seen and its filing, more may have been ordered. Where that is so, the plan's word is
//! not taken: the planner is given the order next, and its next plan counts it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use restock_adapt::AdaptationReport;
use restock_core::finding::PlanException;
use restock_core::proposal::Proposal;
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Day, EventKind, ItemLocation, N_LEVELS, Period};
use restock_engine::{
    ExplainError, Explained, HealthReport, OrderGroup, PastFigures, PlanLine, PlanSummary, ShadowPrice, Unplanned,
    WhatIf,
};
use restock_ledger::{DeskDecision, FileStock, Filed, Ledger, LedgerError, Need, Recorded, Revision, Scope};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::jobs::{JobRequest, Task};
use crate::limits::{CATCH_UP_PAGE, MAX_PLANNED_EVENTS, MAX_PLANNER_JOBS, MAX_RUNS, PLANNER_PAUSES, PLANNER_TICK};
use crate::models::{ModelChange, ModelOrder, ModelRefusal, ModelRequest, Models};
use crate::options::{Approvers, AutoApproval, Clock};
use crate::planner_metrics::PlannerMetrics;
use crate::writer::{Failure, Handle, State};

/// Plans while events come in; the server calls it on one thread of its own.
pub trait LivePlanner: Send {
    /// The last event that it has taken in; 0 before the first. The server goes on from there.
    fn last_sequence(&self) -> u64;

    /// Takes in events that the ledger has committed, in order and without gaps (empty when only time has passed), and says
    /// what they change. `None`: nothing.
    ///
    /// The first revision after a start is of the scope [`Scope::Everything`]: the desk may have missed the last one before.
    ///
    /// # Errors
    /// [`PlanningError`]; the planner is as it was before then, and is given the same events again.
    fn take_in(&mut self, events: &[Recorded], now: Timestamp) -> Result<Option<Revision>, PlanningError>;

    /// Plans everything again, as of the last events taken in.
    ///
    /// # Errors
    /// [`PlanningError`].
    fn replan(&mut self, now: Timestamp) -> Result<Option<Revision>, PlanningError>;

    /// The whole proposal behind a need, with its explanation, as of the last events taken in. `None`: nothing of the kind
    /// is needed any more.
    ///
    /// # Errors
    /// [`PlanningError`].
    fn proposal(&mut self, need: &Need) -> Result<Option<Proposal>, PlanningError>;

    /// Whether it has more to do, so that its next turn comes at once.
    fn wants_turn(&self) -> bool {
        false
    }

    /// What adaptation has found; `None` where nothing is learnt.
    fn adaptation(&self) -> Option<AdaptationReport> {
        None
    }

    /// What a planner should look at, most money first.
    fn exceptions(&self) -> Vec<PlanException> {
        Vec::new()
    }

    /// How far the data could be trusted that the last plan of everything was made from; rows are of the files of
    /// [`masters`](Self::masters). `None` before the first.
    fn health(&self) -> Option<Arc<HealthReport>> {
        None
    }

    /// What is wrong with the data that the last plan was made from, a sentence each: files that could not be read, and rows
    /// that could not be taken in.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the files that it plans from say about stock and open orders; `None` where it has none.
    fn files(&self) -> Option<Arc<FileStock>> {
        None
    }

    /// What those files say about the end of a past day; `None` where it has none.
    fn past_files(&self) -> Option<PastFiles> {
        None
    }

    /// The tables of those files, without what events say; `None` before the first plan. What is said about master data is
    /// compared with them.
    fn file_tables(&self) -> Option<Arc<Dataset>> {
        None
    }

    /// What plan stands; `None` before the first.
    fn standing(&self) -> Option<Standing> {
        None
    }

    /// What is planned, ordered or not, in no order that means anything.
    fn lines(&self) -> Box<dyn Iterator<Item = PlannedLine<'_>> + '_> {
        Box::new(std::iter::empty())
    }

    /// What is planned at one item-location.
    fn line(&self, place: &ItemLocation) -> Option<PlannedLine<'_>> {
        self.lines()
            .find(|planned| planned.line.item_id == place.item_id && planned.line.location_id == place.location_id)
    }

    /// Why an item-location is planned as it is, and how it would be under `what_ifs`.
    ///
    /// # Errors
    /// [`PlanningError`]; inside, [`ExplainError`] where it is not known or not planned.
    fn explain(
        &mut self,
        place: &ItemLocation,
        what_ifs: &[WhatIf],
    ) -> Result<Result<Explained, ExplainError>, PlanningError> {
        let _ = what_ifs;
        Ok(Err(ExplainError::UnknownItem(place.item_id.clone())))
    }

    /// The levels that are asked of the forecaster for [`restock_core::QUANTILE_LEVELS`] at an item-location, because
    /// outcomes told so; `None` where its forecast is taken as it is.
    fn asked_levels(&self, place: &ItemLocation) -> Option<[f64; N_LEVELS]> {
        let _ = place;
        None
    }

    /// Totals by the key of a line; lines without a key are in none. What cannot be planned counts where `of_unplanned`
    /// names a key for it.
    fn summaries(
        &self,
        key: &dyn Fn(&PlanLine) -> Option<String>,
        of_unplanned: &dyn Fn(&Unplanned) -> Option<String>,
    ) -> BTreeMap<String, PlanSummary> {
        let _ = (key, of_unplanned);
        BTreeMap::new()
    }

    /// What became of demand, by the key of a line and by month (a period of [`restock_core::Bucket::Month`]); lines without
    /// a key are in none.
    fn past(&self, key: &dyn Fn(&PlanLine) -> Option<String>) -> BTreeMap<(String, Period), PastFigures> {
        let _ = key;
        BTreeMap::new()
    }

    /// What is proposed by source and destination, earliest order day first.
    fn order_groups(&self) -> Vec<OrderGroup> {
        Vec::new()
    }

    /// The settings that it plans with; `None` before the first plan.
    fn settings(&self) -> Option<&PlanSettings> {
        None
    }

    /// Versions of the demand model.
    ///
    /// # Errors
    /// [`PlanningError`].
    fn models(&self) -> Result<Models, PlanningError> {
        Ok(Models::default())
    }

    /// Uses another version of the demand model from the next plan on, which it makes at once, or says only what that would
    /// change.
    ///
    /// # Errors
    /// [`PlanningError`]; inside, [`ModelRefusal`] where it is not done.
    fn change_model(
        &mut self,
        order: &ModelOrder,
        now: Timestamp,
    ) -> Result<Result<ModelChange, ModelRefusal>, PlanningError> {
        let _ = now;
        let of = match &order.request {
            ModelRequest::Promote { version, .. } => {
                ModelRefusal::Unknown(format!("this planner has no version {version:?}"))
            }
            ModelRequest::RollBack => ModelRefusal::NothingBefore("this planner has no versions".to_owned()),
        };
        Ok(Err(of))
    }

    /// Prepares long work, quickly: the task takes with it what it needs, as of the last events taken in.
    ///
    /// # Errors
    /// [`PlanningError`].
    fn prepare(&mut self, request: JobRequest, now: Timestamp) -> Result<Task, PlanningError> {
        let _ = now;
        Err(PlanningError(format!("this planner makes no {}", request.kind())))
    }

    /// Limits over several lines, and what one more unit of each would bring.
    fn limits(&self) -> Vec<ShadowPrice> {
        Vec::new()
    }

    /// Items, locations and suppliers, each ascending by id; `None` before the first plan.
    fn masters(&self) -> Option<&Dataset> {
        None
    }
}

/// What files say about the stock of some items at the end of a day; it is worked out on any thread.
pub type PastFiles = Box<dyn Fn(&[String], Day) -> FileStock + Send>;

/// The plan that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Names the state that it was made from.
    pub plan_id: String,
    /// The day that it is for.
    pub as_of: Day,
    /// ISO 4217 code.
    pub currency: String,
}

/// An item-location as it is planned.
#[derive(Clone, Copy, Debug)]
pub struct PlannedLine<'a> {
    /// The compact line.
    pub line: &'a PlanLine,
    /// Expected margin lost until the order after this one can arrive, where nothing is ordered now, currency.
    pub money_at_risk: f64,
    /// The proposal for it; `None` where nothing is ordered.
    pub proposal_id: Option<&'a str>,
    /// What a planner should look at there.
    pub exceptions: &'a [PlanException],
}

/// Why nothing could be planned. It is shown to planners.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanningError(pub String);

/// What a run of the planner came to.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) at: Timestamp,
    pub(crate) n_events: usize,
    /// Seconds of planning.
    pub(crate) seconds: f64,
    /// What was wrong with the data.
    pub(crate) problems: Vec<String>,
    pub(crate) result: Result<Planned, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) plan_id: String,
    pub(crate) as_of: Day,
    /// Places it looked at; `None` for all.
    pub(crate) n_places: Option<usize>,
    /// Entries of the desk.
    pub(crate) n_changed: usize,
}

/// Why the planner does not answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// There is none.
    NoPlanner,
    /// Nothing was planned yet.
    NotYet,
    /// Too many ask.
    Full,
    /// The server is shutting down.
    Stopping,
    Failed(PlanningError),
}

/// Asks the planner something between two turns, and answers by itself.
type Question = Box<dyn FnOnce(&mut dyn LivePlanner) + Send>;

enum Job {
    Ask(Question),
    Replan,
}

/// The rules by which the desk goes on.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) n_approvers: Approvers,
    pub(crate) auto_approve: Option<AutoApproval>,
}

impl Rules {
    /// The approval of a proposal by one person.
    pub(crate) fn approval(&self, filed: &Filed) -> DeskDecision {
        DeskDecision::Approve { n_needed: (self.n_approvers)(filed).max(1) }
    }
}

/// What requests see of the planner.
pub(crate) struct Planning {
    jobs: Option<mpsc::Sender<Job>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    runs: Mutex<VecDeque<Run>>,
    files: Mutex<Option<Arc<FileStock>>>,
    tables: Mutex<Option<Arc<Dataset>>>,
    metrics: PlannerMetrics,
}

impl Planning {
    /// Starts the thread of a planner.
    pub(crate) fn start(
        planner: Option<Box<dyn LivePlanner>>,
        writer: Handle,
        closing: watch::Receiver<bool>,
        clock: Clock,
        rules: Rules,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let Some(planner) = planner else { return Ok(Self { jobs: None, shared }) };
        let (jobs, queue) = mpsc::channel(MAX_PLANNER_JOBS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let follower = Follower {
            planner,
            writer,
            closing,
            queue,
            started_at: clock(),
            clock,
            rules,
            shared: shared.clone(),
            unfiled: None,
            wants_replan: false,
            n_failures: 0,
        };
        let run = move || runtime.block_on(follower.run());
        std::thread::Builder::new().name("planner".to_owned()).spawn(run)?;
        Ok(Self { jobs: Some(jobs), shared })
    }

    /// The last runs, the latest first.
    pub(crate) fn runs(&self) -> Vec<Run> {
        self.shared.runs.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// What the planner's files say about stock; `None` where there are none, or before the first plan.
    pub(crate) fn files(&self) -> Option<Arc<FileStock>> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The tables of the planner's files.
    ///
    /// # Errors
    /// [`Unanswered::NoPlanner`] where there is none, and [`Unanswered::NotYet`] before the first plan.
    pub(crate) fn file_tables(&self) -> Result<Arc<Dataset>, Unanswered> {
        if self.jobs.is_none() {
            return Err(Unanswered::NoPlanner);
        }
        let tables = self.shared.tables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tables.ok_or(Unanswered::NotYet)
    }

    /// The last run.
    pub(crate) fn last_run(&self) -> Option<Run> {
        self.shared.runs.lock().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }

    /// What is counted about the planner, in the text format of Prometheus; nothing where there is none.
    pub(crate) fn metrics(&self, last_sequence: u64) -> String {
        self.jobs.as_ref().map_or(String::new(), |_| self.shared.metrics.text(last_sequence))
    }

    /// Asks for a plan of everything; it comes later.
    pub(crate) fn replan(&self) -> Result<(), Unanswered> {
        self.send(Job::Replan)
    }

    /// The whole proposal behind a need.
    pub(crate) async fn explain(&self, need: Need) -> Result<Option<Proposal>, Unanswered> {
        self.ask_for(move |planner| planner.proposal(&need)).await
    }

    /// What the planner answers to a question that may fail.
    pub(crate) async fn ask_for<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn LivePlanner) -> Result<T, PlanningError> + Send + 'static,
    ) -> Result<T, Unanswered> {
        self.ask(move |planner| guarded(|| question(planner))).await?.map_err(Unanswered::Failed)
    }

    /// What the planner answers to a question, as of the last events that it has taken in.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn LivePlanner) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let ask = move |planner: &mut dyn LivePlanner| drop(answer.send(question(planner)));
        self.send(Job::Ask(Box::new(ask)))?;
        answered.await.map_err(|_| Unanswered::Stopping)
    }

    fn send(&self, job: Job) -> Result<(), Unanswered> {
        let jobs = self.jobs.as_ref().ok_or(Unanswered::NoPlanner)?;
        jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unanswered::Full,
            mpsc::error::TrySendError::Closed(_) => Unanswered::Stopping,
        })
    }
}

/// A revision with what is told about it.
struct Unfiled {
    revision: Revision,
    /// The last event that the planner had seen.
    last_sequence: u64,
    n_events: usize,
    /// When the first of those events was committed.
    since: Option<Timestamp>,
    seconds: f64,
}

struct Follower {
    planner: Box<dyn LivePlanner>,
    writer: Handle,
    closing: watch::Receiver<bool>,
    queue: mpsc::Receiver<Job>,
    clock: Clock,
    started_at: Timestamp,
    rules: Rules,
    shared: Arc<Shared>,
    /// What was planned and could not be written: it goes first.
    unfiled: Option<Unfiled>,
    /// Somebody asked for a plan of everything.
    wants_replan: bool,
    n_failures: u32,
}

/// What the planner is woken for.
enum Wake {
    Close,
    Events,
    Time,
    Job(Job),
}

impl Follower {
    async fn run(mut self) {
        let mut progress = self.writer.progress();
        let mut next_tick = Instant::now() + PLANNER_TICK;
        // The first turn is at once, for a planner that has seen all events and a desk that has not seen its plan.
        let mut next_turn = Some(Instant::now());
        loop {
            let last = self.planner.last_sequence();
            let wake = tokio::select! {
                biased;
                _ = self.closing.wait_for(|is_closing| *is_closing) => Wake::Close,
                job = self.queue.recv() => job.map_or(Wake::Close, Wake::Job),
                () = until(next_turn), if next_turn.is_some() => Wake::Time,
                () = until(Some(next_tick)), if next_turn.is_none() => Wake::Time,
                more = progress.wait_for(|now| now.last_sequence > last && now.state == State::Ready),
                    if next_turn.is_none() => more.map_or(Wake::Close, |_| Wake::Events),
            };
            let is_ready = progress.borrow().state == State::Ready;
            let done = match wake {
                Wake::Close => return,
                Wake::Job(Job::Ask(question)) => {
                    // The question of one that panics stays without an answer, and the planner goes on.
                    let _ = guarded(|| {
                        question(&mut *self.planner);
                        Ok(())
                    });
                    continue;
                }
                Wake::Time | Wake::Job(Job::Replan) if !is_ready => {
                    self.wants_replan |= matches!(wake, Wake::Job(_));
                    // Readers of the ledger are refused until the stock book has caught up.
                    let ready = progress.wait_for(|now| now.state != State::Starting);
                    tokio::select! {
                        _ = self.closing.wait_for(|is_closing| *is_closing) => return,
                        now = ready => if now.is_err() { return },
                    }
                    next_turn = Some(Instant::now());
                    continue;
                }
                Wake::Job(Job::Replan) => {
                    self.wants_replan = true;
                    self.turn().await
                }
                Wake::Time => {
                    next_tick = Instant::now() + PLANNER_TICK;
                    // Another process may have filed; where that cannot be read, the turn says so.
                    let _ = self.writer.work(|writer| writer.refresh()).await;
                    self.turn().await
                }
                Wake::Events => self.turn().await,
            };
            next_turn = match done {
                Ok(()) => {
                    self.n_failures = 0;
                    self.planner.wants_turn().then(Instant::now)
                }
                // A server that ends fails nobody.
                Err(_) if *self.closing.borrow() => return,
                Err(reason) => Some(Instant::now() + self.failed(&reason)),
            };
        }
    }

    /// Counts a failure and says how long to wait.
    fn failed(&mut self, reason: &str) -> Duration {
        tracing::error!(reason, "the planner failed, it is asked again");
        self.n_failures += 1;
        self.shared.metrics.count_failure();
        let (first, longest) = PLANNER_PAUSES;
        (first * 2_u32.saturating_pow(self.n_failures.min(16) - 1)).min(longest)
    }

    /// Takes in what is new and files what it changes.
    async fn turn(&mut self) -> Result<(), String> {
        self.file().await?;
        let events = self.new_events().await.map_err(|failure| failure.to_string())?;
        let last = events.last().map_or(self.planner.last_sequence(), |last| last.sequence);
        self.plan(&events, last, |planner, now| {
            let revision = planner.take_in(&events, now)?;
            match planner.last_sequence() {
                stands_at if stands_at == last => Ok(revision),
                stands_at => Err(PlanningError(format!("it stands at event {stands_at} after event {last}"))),
            }
        })
        .await?;
        if self.wants_replan {
            self.plan(&[], last, |planner, now| planner.replan(now)).await?;
            self.wants_replan = false;
        }
        Ok(())
    }

    /// Has the planner plan, and files its revision.
    async fn plan(
        &mut self,
        events: &[Recorded],
        last_sequence: u64,
        plan: impl FnOnce(&mut dyn LivePlanner, Timestamp) -> Result<Option<Revision>, PlanningError>,
    ) -> Result<(), String> {
        let now = (self.clock)();
        let planned = guarded(|| plan(&mut *self.planner, now));
        let seconds = (self.clock)().duration_since(now).as_secs_f64().max(0.0);
        self.shared.metrics.set_seen(self.planner.last_sequence());
        *self.shared.files.lock().unwrap_or_else(PoisonError::into_inner) = self.planner.files();
        *self.shared.tables.lock().unwrap_or_else(PoisonError::into_inner) = self.planner.file_tables();
        let n_events = events.len();
        match planned {
            Ok(None) => Ok(()),
            Ok(Some(revision)) => {
                let since = events.first().map(|first| first.recorded_at);
                self.unfiled = Some(Unfiled { revision, last_sequence, n_events, since, seconds });
                self.file().await
            }
            Err(error) => {
                let problems = self.planner.problems();
                self.remember(Run { at: now, n_events, seconds, problems, result: Err(error.to_string()) });
                Err(error.to_string())
            }
        }
    }

    async fn new_events(&self) -> Result<Vec<Recorded>, Failure> {
        let mut events: Vec<Recorded> = Vec::new();
        loop {
            let from = events.last().map_or(self.planner.last_sequence(), |last| last.sequence) + 1;
            let page = self.writer.read(move |ledger| ledger.events(from, CATCH_UP_PAGE)).await?;
            let n_read = page.len();
            events.extend(page);
            if n_read < CATCH_UP_PAGE || events.len() >= MAX_PLANNED_EVENTS {
                return Ok(events);
            }
        }
    }

    /// Writes the revision that waits, if one does.
    async fn file(&mut self) -> Result<(), String> {
        let Some(Unfiled { revision, last_sequence, n_events, since, seconds }) = &self.unfiled else { return Ok(()) };
        let (revision, last_sequence) = (revision.clone(), *last_sequence);
        let rules = self.rules.clone();
        let planned = Planned {
            plan_id: revision.plan_id.clone(),
            as_of: revision.as_of,
            n_places: match &revision.scope {
                Scope::Everything => None,
                Scope::Places(places) => Some(places.len()),
            },
            n_changed: 0,
        };
        let filed = self.writer.work(move |writer| {
            writer.file(|projection, ledger| {
                let held = ordered_since(ledger, last_sequence)?;
                let desk = &projection.desk;
                let mut entries = desk.revise_by(&revision, &held, &|line| projection.book.standing(line));
                if let Some(rule) = &rules.auto_approve {
                    let may_pass = |filed: &Filed| (rules.n_approvers)(filed) <= 1 && rule(filed);
                    entries.extend(desk.approve_by_rule(&entries, &revision.scope, &held, &may_pass));
                }
                Ok(Ok::<_, Infallible>(entries))
            })
        });
        let n_changed = match filed.await {
            Ok(Ok(entries)) => entries.len(),
            Ok(Err(never)) => match never {},
            Err(failure) => return Err(failure.to_string()),
        };
        let now = (self.clock)();
        if let Some(since) = since.filter(|since| *since >= self.started_at) {
            self.shared.metrics.count_delay(now.duration_since(since).as_secs_f64().max(0.0));
        }
        self.shared.metrics.count_run(n_changed);
        let (problems, result) = (self.planner.problems(), Ok(Planned { n_changed, ..planned }));
        let run = Run { at: now, n_events: *n_events, seconds: *seconds, problems, result };
        self.remember(run);
        self.unfiled = None;
        Ok(())
    }

    fn remember(&self, run: Run) {
        let mut runs = self.shared.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push_front(run);
        runs.truncate(MAX_RUNS);
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A panic of the planner is a failure of the planner.
fn guarded<T>(call: impl FnOnce() -> Result<T, PlanningError>) -> Result<T, PlanningError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(PlanningError("the planner met a mistake of the program".to_owned())))
}

/// Places for which something was ordered after an event.
fn ordered_since(ledger: &dyn Ledger, last_sequence: u64) -> Result<BTreeSet<ItemLocation>, LedgerError> {
    let mut places = BTreeSet::new();
    let mut from = last_sequence + 1;
    loop {
        let events = ledger.events(from, CATCH_UP_PAGE)?;
        for recorded in &events {
            if let EventKind::OrderPlaced { line, .. } = &recorded.event.kind {
                places.insert(line.place.clone());
            }
        }
        match events.last() {
            Some(last) if events.len() == CATCH_UP_PAGE => from = last.sequence + 1,
            _ => return Ok(places),
        }
    }
}
