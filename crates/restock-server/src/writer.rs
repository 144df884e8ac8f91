//! One thread writes to the ledger. What waits for it is committed together: a commit costs the same few milliseconds for
//! one event and for thousands, so many small requests are as durable as they are fast.
//!
//! ```text
//! requests ── bounded queue ──> writer: drain, append as one transaction, catch up the stock book, answer each
//! pages    ──────────────────-> reader: a second connection, or the writer where there is none
//! ```
//!
//! Nothing is acknowledged before it is committed. When the store fails, every request of the group is told so, and may be
//! sent again: events are known by their keys. Entries of the desk are made and written by the writer too, so that nothing
//! comes between what a decision was made from and the decision.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use restock_core::Event;
use restock_ledger::{
    AuditEntry, Batch, ConsumerOffset, Decision, Desk, DeskEntry, Filing, Incoming, Ledger, LedgerError, Outcome,
};
use tokio::sync::{oneshot, watch};

use crate::limits::{
    CATCH_UP_PAGE, COUNTS_ARE_TAKEN_FOR, MAX_FILING_ATTEMPTS, MAX_GROUP_ENTRIES, MAX_WAITING_BYTES,
    MAX_WAITING_REQUESTS, SNAPSHOT_EVERY_EVENTS,
};
use crate::metrics::Metrics;
use crate::options::Clock;
use crate::projection::{Projection, SNAPSHOT_NAME};

/// Why the ledger did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the server is reading its events")]
    Starting,
    #[error("the server is shutting down")]
    Stopping,
    #[error("too many requests wait for the ledger")]
    Full,
    #[error("the request met a mistake of the program")]
    Panicked,
    #[error(transparent)]
    Ledger(Arc<LedgerError>),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Arc::new(error))
    }
}

/// Where the writer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready,
    Stopped,
}

/// Where the writer stands, up to which event the stock book is right, and up to which entry the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: State,
    pub(crate) last_sequence: u64,
    pub(crate) desk_number: u64,
}

type Answer<T> = oneshot::Sender<Result<T, Failure>>;
type Call = Box<dyn FnOnce(&dyn Ledger) + Send>;
type Work = Box<dyn FnOnce(&mut Writer) + Send>;

/// What the audit trail says about a person's request.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) actor: String,
    pub(crate) action: &'static str,
    pub(crate) subject: String,
    pub(crate) before: String,
    /// `None`: how many entries became what.
    pub(crate) after: Option<String>,
}

impl Signed {
    /// A person who sent events.
    pub(crate) fn sender(actor: String) -> Self {
        Self { actor, action: "events.append", subject: "events".to_owned(), before: String::new(), after: None }
    }
}

struct Append {
    entries: Vec<Incoming>,
    /// The person who sent them, for the audit trail; `None` for a system.
    person: Option<Signed>,
    /// How far the reader of a file or a broker has come with these entries. A transaction holds one of them.
    offset: Option<ConsumerOffset>,
    answer: Answer<Vec<Outcome>>,
}

impl Append {
    fn n_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.raw.len()).sum()
    }
}

enum Job {
    Append(Append),
    Release {
        quarantine_id: u64,
        corrected: Option<Box<Event>>,
        actor: String,
        reason: String,
        answer: Answer<Outcome>,
    },
    Discard {
        quarantine_id: u64,
        actor: String,
        reason: String,
        answer: Answer<()>,
    },
    Read(Call),
    Work(Work),
    Stop,
}

/// What the writer and those who ask it share.
struct Shared {
    projection: RwLock<Projection>,
    progress: watch::Sender<Progress>,
    must_stop: AtomicBool,
    waiting_requests: AtomicUsize,
    waiting_bytes: AtomicUsize,
    metrics: Arc<Metrics>,
}

/// Asks the writer. When the last handle is gone, the writer saves a snapshot and ends.
#[derive(Clone)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    calls: Option<SyncSender<Call>>,
}

impl Handle {
    /// Starts the writer, and the reader where there is one.
    pub(crate) fn start(
        ledger: Box<dyn Ledger>,
        reader: Option<Box<dyn Ledger>>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let shared = Arc::new(Shared {
            projection: RwLock::default(),
            progress: watch::Sender::new(Progress { state: State::Starting, last_sequence: 0, desk_number: 0 }),
            must_stop: AtomicBool::new(false),
            waiting_requests: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            metrics,
        });
        let (jobs, queue) = sync_channel(MAX_WAITING_REQUESTS);
        let calls = match reader {
            None => None,
            Some(reader) => {
                let (calls, queue) = sync_channel::<Call>(MAX_WAITING_REQUESTS);
                let read = move || queue.into_iter().for_each(|call| call(&*reader));
                std::thread::Builder::new().name("ledger-reader".to_owned()).spawn(read)?;
                Some(calls)
            }
        };
        let writer = Writer { ledger, clock, queue, shared: shared.clone(), snapshot_at: 0 };
        let thread = std::thread::Builder::new().name("ledger-writer".to_owned()).spawn(|| writer.run())?;
        Ok((Self { shared, jobs, calls }, thread))
    }

    /// Takes in the entries of a request, together with those of others.
    pub(crate) async fn append(&self, entries: Vec<Incoming>, person: Option<Signed>) -> Result<Vec<Outcome>, Failure> {
        self.ask(|answer| Job::Append(Append { entries, person, offset: None, answer })).await
    }

    /// The same for the reader of a file or a broker: its position is committed with the entries. It blocks the thread.
    pub(crate) fn append_from(&self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, Failure> {
        self.wait(|answer| Job::Append(Append { entries, person: None, offset: Some(offset), answer }))
    }

    /// Reads what the writer itself has committed. It blocks the thread.
    pub(crate) fn read_committed<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Failure> {
        self.wait(|answer| Job::Read(answered(call, answer)))
    }

    pub(crate) async fn release(
        &self,
        quarantine_id: u64,
        corrected: Option<Event>,
        actor: String,
        reason: String,
    ) -> Result<Outcome, Failure> {
        let corrected = corrected.map(Box::new);
        self.ask(|answer| Job::Release { quarantine_id, corrected, actor, reason, answer }).await
    }

    pub(crate) async fn discard(&self, quarantine_id: u64, actor: String, reason: String) -> Result<(), Failure> {
        self.ask(|answer| Job::Discard { quarantine_id, actor, reason, answer }).await
    }

    /// Has the writer do something with its ledger.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let job = |answer: Answer<T>| {
            Job::Work(Box::new(move |writer: &mut Writer| {
                // A mistake in one request does not end the writer of all.
                let done = catch_unwind(AssertUnwindSafe(|| work(writer))).unwrap_or(Err(Failure::Panicked));
                let _ = answer.send(done);
            }))
        };
        self.ask(job).await
    }

    /// Files the entries that `make` makes of the desk as it is then: see [`Writer::file`].
    pub(crate) async fn file<E: Send + 'static>(
        &self,
        mut make: impl FnMut(&Projection) -> Result<Vec<DeskEntry>, E> + Send + 'static,
    ) -> Result<Result<Vec<DeskEntry>, E>, Failure> {
        self.work(move |writer| writer.file(|projection, _| Ok(make(projection)))).await
    }

    /// Reads from the ledger.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Failure> {
        let Some(calls) = &self.calls else {
            return self.ask(|answer| Job::Read(answered(call, answer))).await;
        };
        self.check_ready()?;
        let (answer, answered_later) = oneshot::channel();
        calls.try_send(answered(call, answer)).map_err(refused)?;
        answered_later.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Writes to the ledger something that changes neither stock nor desk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Failure> {
        self.work(move |writer| Ok(call(&mut *writer.ledger)?)).await
    }

    /// The stock; the writer waits while this is held.
    pub(crate) fn projection(&self) -> Result<RwLockReadGuard<'_, Projection>, Failure> {
        self.check_ready()?;
        Ok(self.shared.projection.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// How many requests wait for the writer.
    pub(crate) fn n_waiting(&self) -> usize {
        self.shared.waiting_requests.load(Ordering::Relaxed)
    }

    /// Takes nothing more; what waits is still committed and answered, then a snapshot is saved.
    pub(crate) fn stop(&self) {
        self.shared.must_stop.store(true, Ordering::Relaxed);
        // It fails when the queue is full, and the writer sees the flag then; or when the writer has ended.
        let _ = self.jobs.try_send(Job::Stop);
    }

    fn check_ready(&self) -> Result<(), Failure> {
        match self.shared.progress.borrow().state {
            State::Ready => Ok(()),
            State::Starting => Err(Failure::Starting),
            State::Stopped => Err(Failure::Stopping),
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, Failure> {
        // The writer drops the answer only when it ends before it came to this job.
        self.send(job)?.await.unwrap_or(Err(Failure::Stopping))
    }

    fn wait<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, Failure> {
        self.send(job)?.blocking_recv().unwrap_or(Err(Failure::Stopping))
    }

    fn send<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<oneshot::Receiver<Result<T, Failure>>, Failure> {
        self.check_ready()?;
        if self.shared.must_stop.load(Ordering::Relaxed) {
            return Err(Failure::Stopping);
        }
        let (answer, answered_later) = oneshot::channel();
        let job = job(answer);
        let n_bytes = if let Job::Append(append) = &job { append.n_bytes() } else { 0 };
        let bytes_before = self.shared.waiting_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        self.shared.waiting_requests.fetch_add(1, Ordering::Relaxed);
        let sent = match bytes_before.saturating_add(n_bytes) <= MAX_WAITING_BYTES {
            true => self.jobs.try_send(job).map_err(refused),
            false => Err(Failure::Full),
        };
        if let Err(failure) = sent {
            self.shared.waiting_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            self.shared.waiting_requests.fetch_sub(1, Ordering::Relaxed);
            return Err(failure);
        }
        Ok(answered_later)
    }
}

fn refused<T>(error: TrySendError<T>) -> Failure {
    match error {
        TrySendError::Full(_) => Failure::Full,
        TrySendError::Disconnected(_) => Failure::Stopping,
    }
}

fn answered<T: Send + 'static>(
    call: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    answer: Answer<T>,
) -> Call {
    Box::new(move |ledger| {
        // Nobody waits any more when this fails.
        let _ = answer.send(call(ledger).map_err(Failure::from));
    })
}

pub(crate) struct Writer {
    ledger: Box<dyn Ledger>,
    clock: Clock,
    queue: Receiver<Job>,
    shared: Arc<Shared>,
    /// The last event of the last snapshot.
    snapshot_at: u64,
}

/// However the writer ends, nobody goes on waiting for it.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.progress.send_modify(|progress| progress.state = State::Stopped);
    }
}

impl Writer {
    fn run(mut self) {
        if !self.begin() {
            return;
        }
        // A job that was taken from the queue and does not fit the group before it.
        let mut held = None;
        loop {
            let job = match held.take() {
                Some(job) => job,
                None if self.must_stop() => match self.queue.try_recv() {
                    Ok(job) => self.taken(job),
                    Err(_) => break,
                },
                None => match self.queue.recv() {
                    Ok(job) => self.taken(job),
                    Err(_) => break,
                },
            };
            match job {
                Job::Append(first) => held = self.append(first),
                Job::Release { quarantine_id, corrected, actor, reason, answer } => {
                    let decision = self.decision(actor, reason);
                    let outcome = self.ledger.release(quarantine_id, corrected.as_deref(), &decision);
                    self.catch_up_or_log();
                    self.follow_orders();
                    let _ = answer.send(outcome.map_err(Failure::from));
                }
                Job::Discard { quarantine_id, actor, reason, answer } => {
                    let decision = self.decision(actor, reason);
                    let _ = answer.send(self.ledger.discard(quarantine_id, &decision).map_err(Failure::from));
                }
                Job::Read(call) => call(&*self.ledger),
                Job::Work(work) => work(&mut self),
                Job::Stop => {}
            }
        }
        self.save_snapshot();
    }

    fn must_stop(&self) -> bool {
        self.shared.must_stop.load(Ordering::Relaxed)
    }

    /// Brings the stock book up to date; `false` when the server must stop before that.
    fn begin(&mut self) -> bool {
        const PAUSE: Duration = Duration::from_millis(500);
        loop {
            let restored = self.ledger.latest_snapshot(SNAPSHOT_NAME).map(Projection::restore);
            let caught_up = restored.and_then(|projection| {
                self.snapshot_at = projection.last_sequence;
                let mut projection = projection;
                projection.desk = Desk::read(&*self.ledger)?;
                // What came in while nobody followed the orders is found once.
                projection.to_follow = projection.desk.live_places().cloned().collect();
                *self.shared.projection.write().unwrap_or_else(PoisonError::into_inner) = projection;
                self.catch_up()
            });
            match caught_up {
                _ if self.must_stop() => return false,
                Ok(()) => break,
                Err(error) => tracing::error!(error = %error, "the events cannot be read, trying again"),
            }
            std::thread::sleep(PAUSE);
        }
        self.follow_orders();
        self.shared.progress.send_modify(|progress| progress.state = State::Ready);
        true
    }

    /// Counts a job that has left the queue.
    fn taken(&self, job: Job) -> Job {
        if let Job::Append(append) = &job {
            self.shared.waiting_bytes.fetch_sub(append.n_bytes(), Ordering::Relaxed);
        }
        if !matches!(job, Job::Stop) {
            self.shared.waiting_requests.fetch_sub(1, Ordering::Relaxed);
        }
        job
    }

    /// Appends a request and those that wait behind it in one transaction. Returns the job that ended the group.
    fn append(&mut self, first: Append) -> Option<Job> {
        let mut entries = Vec::new();
        let mut requests = Vec::new();
        let mut offset = None;
        let mut next = Some(Job::Append(first));
        let held = loop {
            match next {
                Some(Job::Append(mut append))
                    if requests.is_empty()
                        || fits(&entries, &append) && (offset.is_none() || append.offset.is_none()) =>
                {
                    offset = offset.or(append.offset);
                    requests.push((append.entries.len(), append.person, append.answer));
                    entries.append(&mut append.entries);
                }
                other => break other,
            }
            next = self.queue.try_recv().ok().map(|job| self.taken(job));
        };
        let mut batch = Batch::new(entries, (self.clock)());
        batch.offset = offset;
        batch.counts_from = self.horizon();
        match self.ledger.append(&batch) {
            Ok(outcomes) => {
                self.catch_up_or_log();
                self.follow_orders();
                self.shared.metrics.count_outcomes(&outcomes, requests.len());
                let mut outcomes = outcomes.into_iter();
                for (n_entries, person, answer) in requests {
                    let own: Vec<Outcome> = outcomes.by_ref().take(n_entries).collect();
                    // A person's request is acknowledged when the audit trail has it; sent again, its events are
                    // duplicates and the record is written then.
                    let recorded = person.map_or(Ok(()), |signed| self.record(signed, &own));
                    let _ = answer.send(recorded.map(|()| own).map_err(Failure::from));
                }
            }
            Err(error) => {
                let failure = Failure::from(error);
                for (_, _, answer) in requests {
                    let _ = answer.send(Err(failure.clone()));
                }
            }
        }
        held
    }

    fn record(&mut self, signed: Signed, outcomes: &[Outcome]) -> Result<(), LedgerError> {
        let Signed { actor, action, subject, before, after } = signed;
        let is_in = |outcome: &Outcome| matches!(outcome, Outcome::Accepted { .. } | Outcome::Duplicate { .. });
        if after.is_some() && !outcomes.iter().any(is_in) {
            // Nothing is as it says.
            return Ok(());
        }
        let counts = || serde_json::to_string(&crate::routes::events::Counts::of(outcomes)).expect("counts are JSON");
        let entry = AuditEntry {
            at: (self.clock)(),
            actor,
            action: action.to_owned(),
            subject,
            reason: String::new(),
            before,
            after: after.unwrap_or_else(counts),
        };
        self.ledger.record(&entry).map(drop)
    }

    /// Files the entries that `make` makes of the desk as it is, with their audit records and orders, all or nothing.
    ///
    /// Where another process has filed meanwhile, the desk is read again and `make` is asked again. Where the store fails
    /// after the commit, the entries are found and it is no failure. Returns what was filed.
    pub(crate) fn file<E>(
        &mut self,
        mut make: impl FnMut(&Projection, &dyn Ledger) -> Result<Result<Vec<DeskEntry>, E>, LedgerError>,
    ) -> Result<Result<Vec<DeskEntry>, E>, Failure> {
        let mut n_attempts = 0;
        loop {
            n_attempts += 1;
            let projection = self.shared.projection.read().unwrap_or_else(PoisonError::into_inner);
            let entries = match make(&projection, &*self.ledger)? {
                Ok(entries) if entries.is_empty() => return Ok(Ok(entries)),
                Ok(entries) => entries,
                Err(error) => return Ok(Err(error)),
            };
            let filing = Filing::new(&projection.desk, entries, (self.clock)());
            drop(projection);
            match self.ledger.file(&filing) {
                Ok(_) => self.catch_up_or_log(),
                Err(LedgerError::DeskMoved { .. }) if n_attempts < MAX_FILING_ATTEMPTS => {
                    self.catch_up()?;
                    continue;
                }
                Err(error) if self.is_filed(&filing) => {
                    tracing::warn!(error = %error, "the store failed after a filing was written");
                }
                Err(error) => return Err(error.into()),
            }
            return Ok(Ok(filing.entries));
        }
    }

    /// Whether the entries are the ones that follow those they were made from.
    fn is_filed(&mut self, filing: &Filing) -> bool {
        let found = self.ledger.desk_entries(filing.after + 1, filing.entries.len());
        let is_filed = found.is_ok_and(|found| found == filing.entries);
        self.catch_up_or_log();
        is_filed
    }

    /// Tells the desk what has become of orders that events were about.
    fn follow_orders(&mut self) {
        let places = std::mem::take(&mut self.write_projection().to_follow);
        if places.is_empty() {
            return;
        }
        let follow = |projection: &Projection, _: &dyn Ledger| {
            Ok(Ok::<_, Infallible>(projection.desk.follow(&places, &|line| projection.book.standing(line))))
        };
        if let Err(failure) = self.file(follow) {
            tracing::warn!(error = %failure, "the desk is told of its orders later");
            self.write_projection().to_follow.extend(places);
        }
    }

    fn write_projection(&self) -> RwLockWriteGuard<'_, Projection> {
        self.shared.projection.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what another process has written.
    pub(crate) fn refresh(&mut self) -> Result<(), Failure> {
        self.catch_up()?;
        self.follow_orders();
        Ok(())
    }

    fn horizon(&self) -> Option<jiff::Timestamp> {
        self.shared.projection.read().unwrap_or_else(PoisonError::into_inner).book.horizon()
    }

    fn decision(&self, actor: String, reason: String) -> Decision {
        Decision { actor, reason, at: (self.clock)(), counts_from: self.horizon() }
    }

    /// The events are committed: what fails here is made good with the next ones.
    fn catch_up_or_log(&mut self) {
        if let Err(error) = self.catch_up() {
            tracing::error!(error = %error, "the stock book is behind its events");
        }
    }

    fn catch_up(&mut self) -> Result<(), LedgerError> {
        let mut last = self.shared.projection.read().unwrap_or_else(PoisonError::into_inner).last_sequence;
        let last_before = last;
        loop {
            let events = self.ledger.events(last + 1, CATCH_UP_PAGE)?;
            let mut projection = self.shared.projection.write().unwrap_or_else(PoisonError::into_inner);
            projection.apply(&events);
            last = projection.last_sequence;
            drop(projection);
            if events.len() < CATCH_UP_PAGE || self.must_stop() {
                break;
            }
        }
        let desk_number = self.catch_up_desk()?;
        if last > last_before || desk_number > self.shared.progress.borrow().desk_number {
            self.shared.progress.send_modify(|progress| {
                progress.last_sequence = last;
                progress.desk_number = desk_number;
            });
        }
        if last - self.snapshot_at >= SNAPSHOT_EVERY_EVENTS {
            self.save_snapshot();
        }
        Ok(())
    }

    /// Brings the desk up to date; returns the number of its last entry.
    fn catch_up_desk(&mut self) -> Result<u64, LedgerError> {
        loop {
            let last = self.shared.projection.read().unwrap_or_else(PoisonError::into_inner).desk.last_number();
            let entries = self.ledger.desk_entries(last + 1, CATCH_UP_PAGE)?;
            if entries.is_empty() {
                return Ok(last);
            }
            self.write_projection().apply_entries(&entries);
        }
    }

    /// Sums what moved before the horizon of counts, so that memory does not grow with the years, and saves what there is.
    fn save_snapshot(&mut self) {
        let horizon = (self.clock)().checked_sub(COUNTS_ARE_TAKEN_FOR);
        let mut projection = self.write_projection();
        if projection.last_sequence == self.snapshot_at {
            return;
        }
        projection.book.compact(horizon.unwrap_or(jiff::Timestamp::MIN));
        let snapshot = projection.snapshot();
        drop(projection);
        match self.ledger.save_snapshot(SNAPSHOT_NAME, &snapshot, (self.clock)()) {
            Ok(()) => self.snapshot_at = snapshot.last_sequence,
            Err(error) => tracing::warn!(error = %error, "no snapshot of the stock book, the next start takes longer"),
        }
    }
}

fn fits(entries: &[Incoming], append: &Append) -> bool {
    entries.len() + append.entries.len() <= MAX_GROUP_ENTRIES
}
