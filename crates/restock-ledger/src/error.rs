//! Why the ledger could not do what it was asked.

use std::path::PathBuf;

/// Why a call of a [`Ledger`](crate::Ledger) failed. What a failed call would have written is not there, with one
/// exception: after [`LedgerError::Storage`] from a call that writes, it may or may not be there, and the same call again
/// is safe, because events are known by their keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file or the database could not be opened or made.
    #[error("cannot open the ledger {}: {reason}", path.display())]
    Open {
        /// The file, or the address of the database without its password.
        path: PathBuf,
        /// What the store said.
        reason: String,
    },
    /// The file is something else.
    #[error("{} is not a ledger of restock\n\nhint: name another file, or a file that does not exist yet", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error(
        "the ledger {} has schema version {found}, this program knows versions up to {known}\n\nhint: use the version of \
         restock that wrote it, or a later one; or restore a backup from before the upgrade",
        path.display()
    )]
    NewerSchema {
        /// The file, or the address of the database without its password.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// Somebody else held the store for too long.
    #[error(
        "the ledger is busy: another process has been writing to it for {waited_ms} ms\n\nhint: try again; only one server should write to a ledger"
    )]
    Busy {
        /// How long this call waited, milliseconds.
        waited_ms: u64,
    },
    /// This ledger was opened to read from it.
    #[error("the ledger was opened for reading only")]
    ReadOnly,
    /// The store failed: disk full, input or output error, connection lost.
    #[error("the store of the ledger failed: {0}")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored is not what was written.
    #[error("the ledger is damaged: {what}\n\nhint: restore a backup; doctor lists everything that is wrong")]
    Damaged {
        /// What was found where.
        what: String,
    },
    /// A number is larger than the store can hold.
    #[error("{what} is {got}, at most {} is supported", i64::MAX)]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// Its value.
        got: u64,
    },
    /// Somebody else changed the desk meanwhile.
    #[error(
        "the desk has {found} entries, this was made from {seen}: somebody else changed it meanwhile\n\nhint: look again, \
         and decide on what is there now"
    )]
    DeskMoved {
        /// Entries that the filing was made from.
        seen: u64,
        /// Entries that are there.
        found: u64,
    },
    /// The event of an order that a filing leads to could not be taken in; nothing of the filing is written.
    #[error("an order of the desk is no new event ({outcome}): somebody else uses the source of the desk")]
    OrderNotTaken {
        /// What became of it.
        outcome: String,
    },
    /// There is no such entry in quarantine.
    #[error("there is no quarantine entry {0}")]
    NoSuchEntry(u64),
    /// The entry was dealt with before.
    #[error("quarantine entry {quarantine_id} was already {state}")]
    AlreadyResolved {
        /// The entry.
        quarantine_id: u64,
        /// `released` or `discarded`.
        state: &'static str,
    },
    /// The entry still cannot be taken in.
    #[error(
        "quarantine entry {quarantine_id} cannot be released: {reason}\n\nhint: release it with a corrected event, or discard it"
    )]
    CannotRelease {
        /// The entry.
        quarantine_id: u64,
        /// Why not.
        reason: String,
    },
    /// A backup could not be written or read.
    #[error("cannot {verb} {}: {reason}", path.display())]
    Backup {
        /// `write the backup`, `restore` and so on.
        verb: &'static str,
        /// The file, or the address of the database without its password.
        path: PathBuf,
        /// Why not, with the way out where there is one.
        reason: String,
    },
}
