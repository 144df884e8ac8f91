//! What people did about exceptions. The audit trail of the ledger is the store: an action is one entry, and what holds is
//! the last of each kind. Entries are read once, and then those that are new.

use std::collections::HashMap;

use jiff::Timestamp;
use restock_core::Day;
use restock_ledger::AuditEntry;

use crate::limits::ACKNOWLEDGED_FOR;
use crate::trail::FromTrail;

/// Beginning of the subject of entries about exceptions.
const SUBJECT: &str = "exception/";

/// What somebody does about an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It was seen.
    Acknowledge,
    /// It is left alone until the morning of a day.
    Snooze(Day),
    /// It is somebody's; nobody's where the name is empty.
    Assign(String),
    /// It is open again, whatever was said of it; it stays whose it is.
    Reopen,
}

impl Act {
    const ACKNOWLEDGE: &str = "exception.ack";
    const SNOOZE: &str = "exception.snooze";
    const ASSIGN: &str = "exception.assign";
    const REOPEN: &str = "exception.reopen";

    /// The entry that keeps it.
    pub(crate) fn entry(&self, id: &str, about: String, actor: &str, reason: String, at: Timestamp) -> AuditEntry {
        let (action, after) = match self {
            Self::Acknowledge => (Self::ACKNOWLEDGE, "acknowledged".to_owned()),
            Self::Snooze(until) => (Self::SNOOZE, until.to_string()),
            Self::Assign(name) => (Self::ASSIGN, name.clone()),
            Self::Reopen => (Self::REOPEN, "open".to_owned()),
        };
        let (actor, action, subject) = (actor.to_owned(), action.to_owned(), format!("{SUBJECT}{id}"));
        AuditEntry { at, actor, action, subject, reason, before: about, after }
    }

    fn of(entry: &AuditEntry) -> Option<(&str, Self)> {
        let id = entry.subject.strip_prefix(SUBJECT)?;
        let act = match entry.action.as_str() {
            Self::ACKNOWLEDGE => Self::Acknowledge,
            Self::SNOOZE => Self::Snooze(entry.after.parse().ok()?),
            Self::ASSIGN => Self::Assign(entry.after.clone()),
            Self::REOPEN => Self::Reopen,
            _ => return None,
        };
        Some((id, act))
    }
}

/// Where an exception stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handled {
    /// Who acknowledged it last, and when.
    pub(crate) acknowledged: Option<(String, Timestamp)>,
    pub(crate) snoozed_until: Option<Day>,
    pub(crate) assigned_to: Option<String>,
    /// The last reason that somebody gave.
    pub(crate) reason: String,
}

/// What people did about exceptions, by the id of each.
#[derive(Debug, Default)]
pub(crate) struct Handling {
    by_id: HashMap<String, Handled>,
    /// The last record that was read.
    last_number: u64,
}

impl FromTrail for Handling {
    fn last_number(&mut self) -> &mut u64 {
        &mut self.last_number
    }

    fn take(&mut self, entry: &AuditEntry) {
        let Some((id, act)) = Act::of(entry) else { return };
        let handled = self.by_id.entry(id.to_owned()).or_default();
        match act {
            Act::Acknowledge => handled.acknowledged = Some((entry.actor.clone(), entry.at)),
            Act::Snooze(until) => handled.snoozed_until = Some(until),
            Act::Reopen => (handled.acknowledged, handled.snoozed_until) = (None, None),
            Act::Assign(name) => handled.assigned_to = Some(name).filter(|name| !name.is_empty()),
        }
        handled.reason.clone_from(&entry.reason);
    }
}

impl Handling {
    /// Where an exception stands at an instant: an acknowledgement holds for a while, because what comes back later is news.
    pub(crate) fn of(&self, id: &str, now: Timestamp) -> Handled {
        let mut handled = self.by_id.get(id).cloned().unwrap_or_default();
        handled.acknowledged = handled.acknowledged.filter(|(_, at)| now.duration_since(*at) < ACKNOWLEDGED_FOR);
        handled
    }
}
