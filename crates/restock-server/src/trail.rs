//! What is kept in the audit trail of the ledger and nowhere else: read once, and then what is new.

use std::sync::{Mutex, PoisonError};

use restock_ledger::{AuditEntry, AuditRecord};

use crate::limits::CATCH_UP_PAGE;
use crate::problem::Problem;
use crate::server::App;

/// A state that records of the audit trail add up to.
pub(crate) trait FromTrail {
    /// The last record that was taken in.
    fn last_number(&mut self) -> &mut u64;

    /// Takes in what the next record says.
    fn take(&mut self, entry: &AuditEntry);

    /// Takes in the next records; those that were taken in before are passed over.
    fn take_in(&mut self, records: &[AuditRecord]) {
        for AuditRecord { number, entry, .. } in records {
            if *number > *self.last_number() {
                *self.last_number() = *number;
                self.take(entry);
            }
        }
    }
}

/// Takes in what was recorded since the last time.
pub(crate) async fn catch_up<T: FromTrail>(app: &App, state: &Mutex<T>) -> Result<(), Problem> {
    loop {
        let from = *state.lock().unwrap_or_else(PoisonError::into_inner).last_number() + 1;
        let records = app.writer.read(move |ledger| ledger.audit_trail(from, CATCH_UP_PAGE)).await?;
        state.lock().unwrap_or_else(PoisonError::into_inner).take_in(&records);
        if records.len() < CATCH_UP_PAGE {
            return Ok(());
        }
    }
}
