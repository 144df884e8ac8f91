//! The ledger as a trait: what every store of events promises.
//!
//! # Promises
//! 1. **Nothing acknowledged is lost.** When [`Ledger::append`] returns outcomes, they are on disk.
//! 2. **Nothing is applied twice.** An event is known by (source, event id); the second time it is a duplicate.
//! 3. **A batch is all or nothing**, the position of its consumer included: after a crash, the stored position says
//!    exactly which messages were taken in.
//! 4. **Nothing vanishes.** What cannot be taken in lies in quarantine with its reason and its text, byte for byte.
//! 5. **Sequence numbers are dense**: 1, 2, 3, ... in the order in which events were taken in.
//! 6. **Nothing is rewritten.** Events and the audit trail are append-only; the trail is a chain of hashes.
//!
//! Time is an argument everywhere. Calls block until done; a server gives the writer a thread of its own.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use restock_core::{Event, EventKind, ItemLocation, Severity};

use crate::audit::{AuditCheck, AuditEntry, AuditRecord};
use crate::desk::{DeskEntry, Filing};
use crate::error::LedgerError;
use crate::incoming::{Incoming, Refusal, RefusalCode};

/// Entries that are taken in together, with the position of the consumer that read them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What came in, in its order.
    pub entries: Vec<Incoming>,
    /// How far the consumer has read once this batch is in.
    pub offset: Option<ConsumerOffset>,
    /// The time on the clock.
    pub received_at: Timestamp,
    /// How far in the future an event may lie, because clocks differ. Later ones go into quarantine.
    pub future_tolerance: SignedDuration,
    /// Counts from before this go into quarantine: the [`StockBook`](crate::StockBook) has been compacted up to here and
    /// could not take them in exactly (give its `horizon`). `None` takes counts of any age.
    pub counts_from: Option<Timestamp>,
}

impl Batch {
    /// How far in the future an event may lie where nobody says otherwise.
    pub const USUAL_FUTURE_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

    /// A batch without a consumer, received at `received_at`.
    pub fn new(entries: Vec<Incoming>, received_at: Timestamp) -> Self {
        Self { entries, offset: None, received_at, future_tolerance: Self::USUAL_FUTURE_TOLERANCE, counts_from: None }
    }

    /// Why `event` may not be taken in at this time, if so.
    pub(crate) fn untimely(&self, event: &Event) -> Option<Refusal> {
        let latest = self.received_at.checked_add(self.future_tolerance).unwrap_or(Timestamp::MAX);
        if event.occurred_at > latest {
            let got = event.occurred_at.to_string();
            let fix = "set the clock of the source, or release it when it has happened";
            let expected = format!("an instant up to {latest}");
            return Some(Refusal::new(RefusalCode::FutureDated, "occurred_at", &got, expected, fix));
        }
        too_old(event, self.counts_from)
    }
}

/// Why `event` may not be taken in when counts are taken from an instant on, if so.
pub(crate) fn too_old(event: &Event, counts_from: Option<Timestamp>) -> Option<Refusal> {
    let oldest = counts_from?;
    let is_late = matches!(event.kind, EventKind::Count { .. }) && event.occurred_at < oldest;
    is_late.then(|| {
        let (got, expected) = (event.occurred_at.to_string(), format!("a count from {oldest} on"));
        let fix = "count again; sales and receipts of that age are still taken in";
        Refusal::new(RefusalCode::TooOld, "occurred_at", &got, expected, fix)
    })
}

/// How far a consumer has read a stream of messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerOffset {
    /// The consumer, for example `kafka`.
    pub consumer: String,
    /// The part of the stream, for example `sales/3`.
    pub partition: String,
    /// The first message that has not been taken in. It only grows: a batch that is delivered again does not turn it
    /// back.
    pub next_offset: u64,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is event `sequence` now.
    Accepted {
        /// Its number, from 1.
        sequence: u64,
    },
    /// It has been in the ledger before, with the same content.
    Duplicate {
        /// The number of the first.
        sequence: u64,
    },
    /// Its key belongs to an event that says something else; it is in quarantine.
    Conflict {
        /// The entry in quarantine.
        quarantine_id: u64,
        /// The number of the event that has the key.
        sequence: u64,
    },
    /// It is in quarantine.
    Quarantined {
        /// The entry in quarantine.
        quarantine_id: u64,
        /// Why.
        reason: Refusal,
    },
}

/// An event in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number: 1 for the first, without gaps.
    pub sequence: u64,
    /// When it was taken in, microseconds kept.
    pub recorded_at: Timestamp,
    /// The event.
    pub event: Event,
}

/// What was decided about an entry in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuarantineState {
    /// Nothing yet.
    Open,
    /// It was taken in after all.
    Released,
    /// It will never be taken in.
    Discarded,
}

impl QuarantineState {
    /// The name in stores and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Released => "released",
            Self::Discarded => "discarded",
        }
    }
}

/// An entry in quarantine. The same text refused for the same reason is one entry, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// Its number: 1 for the first, without gaps.
    pub quarantine_id: u64,
    /// When it came in first.
    pub received_at: Timestamp,
    /// Where in its message it was, `line 3`.
    pub position: String,
    /// Why it is here.
    pub reason: Refusal,
    /// Its text, byte for byte.
    pub raw: Vec<u8>,
    /// What was decided.
    pub state: QuarantineState,
    /// The event that it became when it was released.
    pub sequence: Option<u64>,
}

/// Who decides something about an entry in quarantine, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// As in [`Batch::counts_from`]: older counts cannot be released.
    pub counts_from: Option<Timestamp>,
}

/// The state of a projection after an event, kept so that not all events have to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that the state contains.
    pub last_sequence: u64,
    /// The state.
    pub state: Vec<u8>,
}

/// Something that [`Ledger::doctor`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerFinding {
    /// What kind of thing.
    pub code: LedgerFindingCode,
    /// How bad it is: an error means that what was written is not what is there.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// The way out.
    pub fix: String,
}

/// What [`Ledger::doctor`] looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerFindingCode {
    /// The store itself is damaged.
    StoreDamaged,
    /// Sequence numbers have a gap.
    SequenceGap,
    /// An event cannot be read, or its columns say something else.
    EventDamaged,
    /// The audit trail is not the one that was written.
    AuditBroken,
    /// A snapshot is not the one that was saved.
    SnapshotDamaged,
    /// Entries in quarantine wait for a decision.
    QuarantineOpen,
}

/// A store of events. Every store passes the same tests.
///
/// # Errors
/// Every call fails with [`LedgerError::Storage`] or [`LedgerError::Busy`] when the store fails, and with
/// [`LedgerError::ReadOnly`] when it writes to a ledger that was opened for reading.
pub trait Ledger: Send {
    /// Takes in a batch and the position of its consumer, all or nothing; one outcome per entry, in their order.
    ///
    /// # Errors
    /// When it fails with [`LedgerError::Storage`] the batch may be in: append it again.
    fn append(&mut self, batch: &Batch) -> Result<Vec<Outcome>, LedgerError>;

    /// The number of the last event, 0 when there is none.
    fn last_sequence(&self) -> Result<u64, LedgerError>;

    /// At most `limit` events from number `from_sequence` on, in order.
    fn events(&self, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError>;

    /// The same, of the events about one item-location. Events about every item or every location are not among them.
    fn events_of(&self, place: &ItemLocation, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError>;

    /// The event with a key.
    fn find(&self, source: &str, event_id: &str) -> Result<Option<Recorded>, LedgerError>;

    /// How far a consumer has read; `None` when it never read.
    fn offset(&self, consumer: &str, partition: &str) -> Result<Option<u64>, LedgerError>;

    /// How far all consumers have read, sorted.
    fn offsets(&self) -> Result<Vec<ConsumerOffset>, LedgerError>;

    /// At most `limit` entries of quarantine in a state, or in any, from number `from_id` on.
    fn quarantine(
        &self,
        state: Option<QuarantineState>,
        from_id: u64,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, LedgerError>;

    /// How many entries of quarantine are in a state.
    fn quarantine_size(&self, state: QuarantineState) -> Result<u64, LedgerError>;

    /// Takes in an entry of quarantine after all: as it is, whatever the clock says, or `corrected`. The decision goes to
    /// the audit trail. The outcome is accepted, or duplicate where the event has come in by another way.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchEntry`], [`LedgerError::AlreadyResolved`], and [`LedgerError::CannotRelease`] when it is still
    /// malformed, in conflict or too old a count; the entry stays open then.
    fn release(
        &mut self,
        quarantine_id: u64,
        corrected: Option<&Event>,
        decision: &Decision,
    ) -> Result<Outcome, LedgerError>;

    /// Decides that an entry of quarantine will never be taken in; it stays readable. The decision goes to the audit
    /// trail.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchEntry`] and [`LedgerError::AlreadyResolved`].
    fn discard(&mut self, quarantine_id: u64, decision: &Decision) -> Result<(), LedgerError>;

    /// Keeps the state of the projection `name`; the two latest are kept.
    fn save_snapshot(&mut self, name: &str, snapshot: &Snapshot, at: Timestamp) -> Result<(), LedgerError>;

    /// The latest kept state of a projection that is as it was saved; a damaged one is passed over, because the state
    /// can always be computed from the events.
    fn latest_snapshot(&self, name: &str) -> Result<Option<Snapshot>, LedgerError>;

    /// Writes to the audit trail.
    fn record(&mut self, entry: &AuditEntry) -> Result<AuditRecord, LedgerError>;

    /// At most `limit` entries of the audit trail from number `from_number` on.
    fn audit_trail(&self, from_number: u64, limit: usize) -> Result<Vec<AuditRecord>, LedgerError>;

    /// Computes the chain of the audit trail again.
    fn verify_audit(&self) -> Result<AuditCheck, LedgerError>;

    /// Writes entries of the desk, their audit records and the orders that they lead to, all or nothing; returns the number
    /// of the last entry.
    ///
    /// # Errors
    /// [`LedgerError::DeskMoved`] when there are other entries than the filing was made from; nothing is written then.
    fn file(&mut self, filing: &Filing) -> Result<u64, LedgerError>;

    /// At most `limit` entries of the desk from number `from_number` on, in order.
    fn desk_entries(&self, from_number: u64, limit: usize) -> Result<Vec<DeskEntry>, LedgerError>;

    /// Writes a consistent copy to `path` while events go on coming in, as a ledger in a file whatever the store. The file
    /// appears complete or not at all.
    ///
    /// # Errors
    /// [`LedgerError::Backup`] when `path` exists or cannot be written.
    fn backup(&self, path: &Path) -> Result<(), LedgerError>;

    /// Looks at everything that is stored; empty when all is well. It reads all events.
    fn doctor(&self) -> Result<Vec<LedgerFinding>, LedgerError>;
}
