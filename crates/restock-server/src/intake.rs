//! Events from files and brokers: through the same writer as those of requests, so that they share commits and the stock
//! book knows them at once.

use restock_intake::{Intake, IntakeError};
use restock_ledger::{ConsumerOffset, Incoming, Outcome};

use crate::writer::{Failure, Handle};

/// Takes in what readers of files and brokers bring, with their positions, in the transactions of the server.
///
/// Calls block until the transaction is committed: they belong on a thread of their own, and panic in asynchronous code.
/// While the server starts, or too much waits for the ledger, they fail with [`IntakeError::NotNow`] and may be made again.
#[derive(Clone)]
pub struct ServerIntake(Handle);

impl ServerIntake {
    pub(crate) fn new(writer: Handle) -> Self {
        Self(writer)
    }
}

impl Intake for ServerIntake {
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError> {
        self.0.append_from(entries, offset).map_err(refused)
    }

    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError> {
        let (consumer, partition) = (consumer.to_owned(), partition.to_owned());
        self.0.read_committed(move |ledger| ledger.offset(&consumer, &partition)).map_err(refused)
    }
}

fn refused(failure: Failure) -> IntakeError {
    match failure {
        Failure::Starting | Failure::Full | Failure::Panicked => IntakeError::NotNow(failure.to_string()),
        Failure::Stopping => IntakeError::Closed,
        Failure::Ledger(error) => IntakeError::Ledger(error),
    }
}
