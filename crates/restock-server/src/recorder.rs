//! Changes of tokens, users and webhooks go to the audit trail before they are done, so that there is none without a
//! record.

use jiff::Timestamp;
use restock_ledger::{AuditEntry, LedgerError};

/// Who changes something from the command line, as the audit trail names it.
pub const COMMAND_LINE_ACTOR: &str = "command line";

/// Who changes something, and where that is written down before it is done.
pub struct Recorder<'a> {
    actor: &'a str,
    write: &'a mut dyn FnMut(&AuditEntry) -> Result<(), LedgerError>,
}

/// What is changed.
pub(crate) struct Change<'a> {
    pub(crate) at: Timestamp,
    /// For example `user.create`.
    pub(crate) action: &'a str,
    /// For example `user/ada`.
    pub(crate) subject: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl<'a> Recorder<'a> {
    /// Writes down with `write`, usually [`Ledger::record`](restock_ledger::Ledger::record), what `actor` does.
    pub fn new(actor: &'a str, write: &'a mut dyn FnMut(&AuditEntry) -> Result<(), LedgerError>) -> Self {
        Self { actor, write }
    }

    pub(crate) fn write(&mut self, change: Change) -> Result<(), LedgerError> {
        let Change { at, action, subject, before, after } = change;
        let actor = self.actor.to_owned();
        (self.write)(&AuditEntry {
            at,
            actor,
            action: action.to_owned(),
            subject,
            reason: String::new(),
            before,
            after,
        })
    }
}
