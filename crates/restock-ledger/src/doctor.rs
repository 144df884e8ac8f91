//! Looks at everything that a ledger stores.

use restock_core::Severity;

use crate::audit::AuditCheck;
use crate::error::LedgerError;
use crate::intake::LAST_SEQUENCE;
use crate::ledger::{LedgerFinding, LedgerFindingCode, QuarantineState};
use crate::rows::{Row, Sql, positive};
use crate::sql_ledger::{quarantine_size, snapshot_hash, verify_audit};
use crate::wire;

/// More than so many findings of a kind tell nothing new.
const MAX_FINDINGS: usize = 20;

/// Everything that is wrong at the moment that `sql` sees.
pub(crate) fn examine(sql: &dyn Sql) -> Result<Vec<LedgerFinding>, LedgerError> {
    let mut findings = Vec::new();
    for line in sql.integrity()?.into_iter().take(MAX_FINDINGS) {
        findings.push(error(LedgerFindingCode::StoreDamaged, line, "restore a backup, and check the disk"));
    }
    check_events(sql, &mut findings)?;
    let broken = match verify_audit(sql) {
        Ok(AuditCheck { broken_at, n_records, .. }) => broken_at
            .map(|number| format!("record {number} of {n_records} of the audit trail is not the one that was written")),
        Err(LedgerError::Damaged { what }) => Some(what),
        Err(error) => return Err(error),
    };
    if let Some(message) = broken {
        let fix = "compare with a backup, and find out who could write to the store";
        findings.push(error(LedgerFindingCode::AuditBroken, message, fix));
    }
    check_snapshots(sql, &mut findings)?;
    let n_open = quarantine_size(sql, QuarantineState::Open)?;
    if n_open > 0 {
        findings.push(LedgerFinding {
            code: LedgerFindingCode::QuarantineOpen,
            severity: Severity::Warning,
            message: format!("entries in quarantine: {n_open}"),
            fix: "release them, corrected where needed, or discard them".into(),
        });
    }
    Ok(findings)
}

fn error(code: LedgerFindingCode, message: String, fix: &str) -> LedgerFinding {
    LedgerFinding { code, severity: Severity::Error, message, fix: fix.into() }
}

/// Every event is there, can be read and is what its columns say.
fn check_events(sql: &dyn Sql, findings: &mut Vec<LedgerFinding>) -> Result<(), LedgerError> {
    const WAY_OUT: &str = "restore a backup, and have the sources send again what came after it";
    let (mut expected, mut n_damaged) = (1, 0);
    sql.query(
        "SELECT sequence, body, source, event_id, kind, item_id, location_id, occurred_at FROM events ORDER BY sequence",
        &[],
        &mut |row| {
            let sequence = positive(row.integer(0)?, "a sequence number")?;
            if sequence != expected {
                let message = match sequence - expected {
                    1 => format!("event {expected} is missing"),
                    _ => format!("events {expected} to {} are missing", sequence - 1),
                };
                findings.push(error(LedgerFindingCode::SequenceGap, message, WAY_OUT));
            }
            expected = sequence + 1;
            if let Some(problem) = problem_of(row)? {
                n_damaged += 1;
                if n_damaged <= MAX_FINDINGS {
                    let message = format!("event {sequence} is damaged: {problem}");
                    findings.push(error(LedgerFindingCode::EventDamaged, message, WAY_OUT));
                }
            }
            Ok(())
        },
    )
}

fn problem_of(row: &dyn Row) -> Result<Option<String>, LedgerError> {
    let event = match wire::read_stored(&row.text(1)?) {
        Ok(event) => event,
        Err(refusal) => return Ok(Some(refusal.to_string())),
    };
    let is_same = row.text(2)? == event.source
        && row.text(3)? == event.event_id
        && row.text(4)? == event.kind.name()
        && row.maybe_string(5)?.as_deref() == event.kind.item_id()
        && row.maybe_string(6)?.as_deref() == event.kind.location_id()
        && row.integer(7)? == event.occurred_at.as_microsecond();
    Ok((!is_same).then(|| "its columns say something else than its body".to_owned()))
}

fn check_snapshots(sql: &dyn Sql, findings: &mut Vec<LedgerFinding>) -> Result<(), LedgerError> {
    let last = sql.number(LAST_SEQUENCE, &[])?;
    sql.query("SELECT name, last_sequence, state, state_hash FROM snapshots", &[], &mut |row| {
        let (name, last_sequence) = (row.text(0)?, positive(row.integer(1)?, "the last event of a snapshot")?);
        let hash = snapshot_hash(&name, last_sequence, &row.bytes(2)?);
        if hash[..] != row.bytes(3)?[..] || last_sequence > last {
            findings.push(LedgerFinding {
                code: LedgerFindingCode::SnapshotDamaged,
                severity: Severity::Warning,
                message: format!("snapshot {name:?} after event {last_sequence} is not the one that was saved"),
                fix: "nothing is lost: it is passed over, and the next one is computed from the events".into(),
            });
        }
        Ok(())
    })
}
