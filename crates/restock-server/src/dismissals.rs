//! Rules that edits suggest and somebody dismissed. The audit trail of the ledger is the store: a rule is shown again when it
//! has twice as many edits as then.

use std::collections::HashMap;

use jiff::Timestamp;
use restock_adapt::Rule;
use restock_ledger::{AuditEntry, Ledger, LedgerError};

use crate::limits::CATCH_UP_PAGE;
use crate::trail::FromTrail;

/// Beginning of the subject of entries about rules.
const SUBJECT: &str = "rule/";
const DISMISS: &str = "rule.dismiss";

/// Names a rule, today and later: a hash of its scope and direction.
pub(crate) fn id_of(rule: &Rule) -> String {
    let about = serde_json::to_vec(&(&rule.scope, rule.direction)).expect("texts are JSON");
    format!("r_{}", &blake3::hash(&about).to_hex()[..20])
}

/// The entry that dismisses a rule.
pub(crate) fn entry(rule: &Rule, actor: &str, reason: String, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        actor: actor.to_owned(),
        action: DISMISS.to_owned(),
        subject: format!("{SUBJECT}{}", id_of(rule)),
        reason,
        before: rule.message(),
        after: rule.n_edits.to_string(),
    }
}

/// Rules that people dismissed.
#[derive(Debug, Default)]
pub struct Dismissals {
    /// Edits that a rule had when it was dismissed last, by its id.
    n_edits: HashMap<String, u64>,
    /// The last record that was read.
    last_number: u64,
}

impl Dismissals {
    /// Those that a ledger has.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn of(ledger: &dyn Ledger) -> Result<Self, LedgerError> {
        let mut dismissals = Self::default();
        loop {
            let records = ledger.audit_trail(dismissals.last_number + 1, CATCH_UP_PAGE)?;
            dismissals.take_in(&records);
            if records.len() < CATCH_UP_PAGE {
                return Ok(dismissals);
            }
        }
    }

    /// Whether a rule was dismissed and has fewer than twice as many edits as then.
    pub fn hide(&self, rule: &Rule) -> bool {
        self.n_edits.get(&id_of(rule)).is_some_and(|n_edits| rule.n_edits < 2 * n_edits)
    }
}

impl FromTrail for Dismissals {
    fn last_number(&mut self) -> &mut u64 {
        &mut self.last_number
    }

    fn take(&mut self, entry: &AuditEntry) {
        let id = entry.subject.strip_prefix(SUBJECT).filter(|_| entry.action == DISMISS);
        if let Some((id, n_edits)) = id.zip(entry.after.parse().ok()) {
            self.n_edits.insert(id.to_owned(), n_edits);
        }
    }
}
