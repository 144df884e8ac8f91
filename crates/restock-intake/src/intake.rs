//! Where entries go: into a ledger, together with the position of whoever read them.

use std::ops::DerefMut;
use std::sync::Arc;

use jiff::Timestamp;
use restock_ledger::{Batch, ConsumerOffset, Incoming, Ledger, LedgerError, Outcome};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why entries were not taken in. Every call may be made again: events are known by their keys.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IntakeError {
    /// It cannot be done at the moment.
    #[error("{0}; it is tried again")]
    NotNow(String),
    /// It takes nothing more.
    #[error("the ledger is being closed")]
    Closed,
    /// The ledger failed; the entries may be in.
    #[error(transparent)]
    Ledger(Arc<LedgerError>),
}

impl From<LedgerError> for IntakeError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Arc::new(error))
    }
}

/// Takes in entries that a reader brings, and keeps its position.
pub trait Intake {
    /// Takes in entries and the position that is reached with them, all or nothing and durably; one outcome per entry, in
    /// their order. It blocks until that is done. No entries and a position are a batch too.
    ///
    /// # Errors
    /// [`IntakeError`]; the same call again is safe.
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError>;

    /// How far a consumer has read; `None` when it never read.
    ///
    /// # Errors
    /// [`IntakeError`].
    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError>;
}

/// The intake of a ledger that nobody else writes to, for a command that reads files and for tests: of a
/// `&mut dyn Ledger`, or of one that it owns in a `Box`. A server has an intake of its own.
pub struct LedgerIntake<L> {
    ledger: L,
    clock: Clock,
}

impl<L> LedgerIntake<L> {
    /// Takes in at the time that `clock` tells.
    pub fn new(ledger: L, clock: Clock) -> Self {
        Self { ledger, clock }
    }
}

impl<L: DerefMut<Target: Ledger>> Intake for LedgerIntake<L> {
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError> {
        let mut batch = Batch::new(entries, (self.clock)());
        batch.offset = Some(offset);
        Ok(self.ledger.append(&batch)?)
    }

    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError> {
        Ok(self.ledger.offset(consumer, partition)?)
    }
}
