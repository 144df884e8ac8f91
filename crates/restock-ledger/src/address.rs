//! Where a ledger lies, as one setting, and how it moves from one place to another.

use std::fmt;
use std::path::{Path, PathBuf};

use restock_core::Severity;

use crate::copy::copy_rows;
use crate::error::LedgerError;
use crate::ledger::{Ledger, LedgerFinding};
use crate::rows::SqlStore;
use crate::sqlite::SqliteLedger;
use crate::{backup, doctor};

#[cfg(feature = "postgres")]
use crate::postgres_ledger::PostgresLedger;

/// Where a ledger lies: the one setting that says which store is used.
///
/// ```
/// use restock_ledger::LedgerAddress;
///
/// assert!(matches!(LedgerAddress::from("ledger.db"), LedgerAddress::File(_)));
/// let server = LedgerAddress::from("postgres://ada:secret@db.example.org/shop?schema=berlin");
/// assert_eq!(server.to_string(), "postgres://ada@db.example.org/shop");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum LedgerAddress {
    /// A SQLite file.
    File(PathBuf),
    /// A schema of a PostgreSQL database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME`.
    Postgres(String),
}

impl From<&str> for LedgerAddress {
    /// What begins with `postgres://` or `postgresql://` is a database, everything else a file.
    fn from(text: &str) -> Self {
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|begin| text.starts_with(begin));
        if is_postgres { Self::Postgres(text.to_owned()) } else { Self::File(PathBuf::from(text)) }
    }
}

/// The address without its password and its parameters.
impl fmt::Display for LedgerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

/// Without the password too.
impl fmt::Debug for LedgerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LedgerAddress").field(&self.to_string()).finish()
    }
}

/// The address of a database up to its parameters, without the password.
pub(crate) fn without_password(url: &str) -> String {
    let address = url.split_once('?').map_or(url, |(address, _)| address);
    match address.split_once("//").and_then(|(_, rest)| rest.rsplit_once('@')) {
        Some((user, host)) => format!("postgres://{}@{host}", user.split(':').next().unwrap_or_default()),
        None => address.to_owned(),
    }
}

impl LedgerAddress {
    /// Opens the ledger to write, and makes it where there is none.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`] and `PostgresLedger::open`; [`LedgerError::Open`] for a database when the program was
    /// built without the feature `postgres`.
    pub fn open(&self) -> Result<Box<dyn Ledger>, LedgerError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteLedger::open(path)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Box::new(PostgresLedger::open(url)?)),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(self.not_built()),
        }
    }

    /// Opens the existing ledger to read from it while others write.
    ///
    /// # Errors
    /// As [`SqliteLedger::open_reader`] and `PostgresLedger::open_reader`, and as [`LedgerAddress::open`].
    pub fn open_reader(&self) -> Result<Box<dyn Ledger>, LedgerError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteLedger::open_reader(path)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Box::new(PostgresLedger::open_reader(url)?)),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(self.not_built()),
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn not_built(&self) -> LedgerError {
        let reason = "this program was built without PostgreSQL; build it with the feature postgres, or name a file";
        LedgerError::Open { path: PathBuf::from(self.to_string()), reason: reason.to_owned() }
    }

    /// Calls `work` with the store, opened for reading.
    fn read_store<T>(&self, work: impl ReadStore<T>) -> Result<T, LedgerError> {
        match self {
            Self::File(path) => work.read(&SqliteLedger::open_reader(path)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => work.read(&PostgresLedger::open_reader(url)?),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(self.not_built()),
        }
    }
}

/// Something to do with a store of either kind.
trait ReadStore<T> {
    fn read(self, store: &impl SqlStore) -> Result<T, LedgerError>;
}

/// Copies the ledger at `from`, as it is at one moment, to `to`, where there must be no ledger or an empty one: every row
/// as it is, numbers, hashes and decisions included. Writers of `from` go on; what they write meanwhile is not copied.
///
/// The copy is looked at before it counts: it appears whole and sound or not at all. This is how a ledger moves from a
/// file to a server and back, and how a backup becomes a ledger on a server.
///
/// # Errors
/// [`LedgerError::Backup`] when `to` has rows, exists as a file, or when what is copied is damaged; whatever opening either
/// says.
pub fn copy_ledger(from: &LedgerAddress, to: &LedgerAddress) -> Result<(), LedgerError> {
    match to {
        LedgerAddress::File(path) => backup::write_whole(path, |partial| {
            from.read_store(CopyTo(partial)).map_err(|error| error.to_string())?;
            let copy = SqliteLedger::open_reader(partial).map_err(|error| error.to_string())?;
            sound(&copy.doctor().map_err(|error| error.to_string())?)
        }),
        #[cfg(feature = "postgres")]
        LedgerAddress::Postgres(url) => from.read_store(CopyInto(PostgresLedger::open(url)?, to)),
        #[cfg(not(feature = "postgres"))]
        LedgerAddress::Postgres(_) => Err(to.not_built()),
    }
}

struct CopyTo<'a>(&'a Path);

impl ReadStore<()> for CopyTo<'_> {
    fn read(self, store: &impl SqlStore) -> Result<(), LedgerError> {
        store.copy_to(self.0).map_err(|error| LedgerError::Storage(error.into()))
    }
}

#[cfg(feature = "postgres")]
struct CopyInto<'a>(PostgresLedger, &'a LedgerAddress);

#[cfg(feature = "postgres")]
impl ReadStore<()> for CopyInto<'_> {
    fn read(self, store: &impl SqlStore) -> Result<(), LedgerError> {
        let Self(mut to, address) = self;
        let refuse = |reason: String| {
            let path = PathBuf::from(address.to_string());
            LedgerError::Backup { verb: "copy the ledger to", path, reason }
        };
        store.read_moment(|from| {
            to.write(|sql| {
                for table in crate::schema::TABLES {
                    if sql.number(&format!("SELECT count(*) FROM {}", table.name), &[])? > 0 {
                        return Err(refuse(format!(
                            "table {} has rows; name a database or a schema without a ledger",
                            table.name
                        )));
                    }
                }
                copy_rows(from, sql)?;
                sound(&doctor::examine(sql)?).map_err(refuse)
            })
        })
    }
}

/// Refuses what the doctor calls an error.
fn sound(findings: &[LedgerFinding]) -> Result<(), String> {
    match findings.iter().find(|finding| finding.severity == Severity::Error) {
        Some(finding) => Err(format!("what is copied is damaged: {}; use an older backup", finding.message)),
        None => Ok(()),
    }
}
