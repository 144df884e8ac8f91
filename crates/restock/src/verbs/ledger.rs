//! `restock backup`, `restock restore` and `restock doctor`: care of the ledger of a project.

use restock_core::Severity;
use restock_ledger::{Ledger, LedgerAddress, QuarantineState, copy_ledger, restore as restore_ledger};
use serde_json::json;

use crate::cli::{BackupArgs, DoctorArgs, DoctorPart, RestoreArgs};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::ledger::{address, explained, open_reader, path, path_to_write};
use crate::project::Project;
use crate::session::{Output, Session};
use crate::verbs::quarantine;

/// The ledger of the project, which must be there.
pub(crate) fn reader(session: &Session) -> Result<Box<dyn Ledger>, CliError> {
    let dir = Project::folder_of(session)?;
    open_reader(&dir)?.ok_or_else(|| {
        CliError::usage(format!("there is no ledger at {}", path(&dir).display()))
            .hint("`restock ingest events.ndjson` begins one, `restock restore FILE` brings one back")
    })
}

pub(crate) fn backup(session: &Session, args: &BackupArgs) -> Result<Output, CliError> {
    let ledger = reader(session)?;
    ledger.backup(&args.file).map_err(|error| explained(&error))?;
    let last_sequence = ledger.last_sequence().map_err(|error| explained(&error))?;
    if session.json {
        return Output::json(&json!({ "file": args.file, "last_sequence": last_sequence }));
    }
    Ok(Output::text(session.fill(Text::BackedUp, &[&last_sequence, &args.file.display()]) + "\n"))
}

pub(crate) fn restore(session: &Session, args: &RestoreArgs) -> Result<Output, CliError> {
    let dir = Project::folder_of(session)?;
    let address = address(&dir)?;
    match &address {
        LedgerAddress::File(_) => restore_ledger(&args.file, &path_to_write(&dir)?),
        database => copy_ledger(&LedgerAddress::File(args.file.clone()), database),
    }
    .map_err(|error| explained(&error))?;
    let last_sequence = reader(session)?.last_sequence().map_err(|error| explained(&error))?;
    if session.json {
        return Output::json(&json!({ "file": address.to_string(), "last_sequence": last_sequence }));
    }
    Ok(Output::text(session.fill(Text::Restored, &[&last_sequence, &address]) + "\n"))
}

pub(crate) fn doctor(session: &Session, args: &DoctorArgs) -> Result<Output, CliError> {
    if let Some(DoctorPart::Quarantine(args)) = &args.part {
        return quarantine::run(session, args);
    }
    let ledger = reader(session)?;
    let findings = ledger.doctor().map_err(|error| explained(&error))?;
    let size = |state| ledger.quarantine_size(state).map_err(|error| explained(&error));
    let n_open = size(QuarantineState::Open)?;
    let n_events = ledger.last_sequence().map_err(|error| explained(&error))?;
    let audit = ledger.verify_audit().map_err(|error| explained(&error))?;
    let mut output = if session.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({ "code": format!("{:?}", finding.code), "severity": finding.severity,
                    "message": finding.message, "fix": finding.fix })
            })
            .collect();
        Output::json(&json!({
            "events": n_events, "quarantine_open": n_open, "audit_records": audit.n_records, "findings": findings,
        }))?
    } else {
        let numbers = [format::count(n_events as usize), format::count(n_open as usize)];
        let records = format::count(audit.n_records as usize);
        let mut text = session.fill(Text::DoctorSummary, &[&numbers[0], &numbers[1], &records]);
        text.push('\n');
        for finding in &findings {
            text.push_str(&format!("  · {}\n    {}\n", session.said(&finding.message), session.said(&finding.fix)));
        }
        if findings.is_empty() {
            text.push_str(&format!("{}\n", session.text(Text::DoctorWell)));
        }
        Output::text(text)
    };
    output.findings = findings.iter().any(|finding| finding.severity != Severity::Info);
    Ok(output)
}
