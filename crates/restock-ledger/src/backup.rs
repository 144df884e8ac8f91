//! Copies of a ledger that appear complete or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::LedgerError;
use crate::ledger::{Ledger, LedgerFinding};
use crate::sqlite::SqliteLedger;
use restock_core::Severity;

/// Makes a ledger at `path` from the backup at `backup`, after looking at everything in it.
///
/// # Errors
/// [`LedgerError::Backup`] when there is already a ledger at `path`, when the backup is damaged, or when it cannot be
/// copied; whatever [`SqliteLedger::open_reader`] says about the backup.
pub fn restore(backup: &Path, path: &Path) -> Result<(), LedgerError> {
    let refuse = |reason: String| LedgerError::Backup { verb: "restore", path: path.to_owned(), reason };
    // A log beside a missing file would be played into the new one.
    if let Some(left) = ["", "-wal", "-shm"].iter().map(|end| with_end(path, end)).find(|path| path.exists()) {
        return Err(refuse(format!("{} exists; move it away first", left.display())));
    }
    write_whole(path, |partial| {
        fs::copy(backup, partial).map_err(|error| format!("cannot read {}: {error}", backup.display()))?;
        let ledger = SqliteLedger::open_reader(partial).map_err(|error| error.to_string())?;
        let findings = ledger.doctor().map_err(|error| error.to_string())?;
        let first: Option<&LedgerFinding> = findings.iter().find(|finding| finding.severity == Severity::Error);
        match first {
            Some(finding) => Err(format!("the backup is damaged: {}; use an older one", finding.message)),
            None => Ok(()),
        }
    })
    .map_err(|error| match error {
        LedgerError::Backup { reason, .. } => refuse(reason),
        other => other,
    })
}

/// Lets `write` make a file beside `path`, flushes it to disk and moves it to `path`.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&PathBuf) -> Result<(), String>) -> Result<(), LedgerError> {
    let refuse = |reason: String| LedgerError::Backup { verb: "write the backup", path: path.to_owned(), reason };
    if path.exists() {
        return Err(refuse("it exists; choose another name".into()));
    }
    let partial = with_end(path, ".partial");
    let clear = || {
        for end in ["", "-wal", "-shm", "-journal"] {
            // Left over from a run that was cut off; its absence is fine.
            let _ = fs::remove_file(with_end(&partial, end));
        }
    };
    clear();
    let flush_and_move = || {
        File::open(&partial)?.sync_all()?;
        fs::rename(&partial, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Windows cannot flush a folder, and needs not to.
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    };
    let written = write(&partial).and_then(|()| flush_and_move().map_err(|error: std::io::Error| error.to_string()));
    clear();
    written.map_err(refuse)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
