//! The embedded store: one SQLite file.
//!
//! Writes go to a write-ahead log that is flushed to disk before a call returns (`synchronous = FULL`). One process
//! writes; any number of [`SqliteLedger::open_reader`] read beside it and see whole batches only.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql, TransactionBehavior, params_from_iter};

use crate::error::LedgerError;
use crate::rows::{Placed, Row, Sql, SqlStore, Value, positive};
use crate::schema::{APPLICATION_ID, MIGRATIONS, Migration, Refused, Table};

/// How long a call waits for another process that writes, milliseconds.
const BUSY_TIMEOUT_MS: u64 = 10_000;
/// Memory for pages, KiB.
const CACHE_KIB: i64 = 65_536;
/// Pages of the log after which they are moved into the file. Many, so that a page that many batches write is moved once.
const LOG_PAGES: i64 = 16_384;

/// A ledger in one SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    connection: Connection,
    is_reader: bool,
}

impl SqliteLedger {
    /// Opens the ledger at `path` and brings its tables up to date; makes it where there is none.
    ///
    /// # Errors
    /// [`LedgerError::Open`], [`LedgerError::NotALedger`] for a file of something else, [`LedgerError::NewerSchema`] for
    /// one that a later version of the program wrote, [`LedgerError::Busy`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
        prepare(&connection, path)?;
        migrate(&mut connection, path)?;
        Ok(Self { connection, is_reader: false })
    }

    /// Opens the existing ledger at `path` to read from it while another connection writes.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`]; a ledger of an older version is refused with [`LedgerError::Open`], because only a
    /// writer may bring it up to date.
    pub fn open_reader(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        let found = version(&connection, path)?;
        if found < MIGRATIONS.len() as i64 {
            let reason =
                format!("it has schema version {found} and {} is needed; open it for writing once", MIGRATIONS.len());
            return Err(LedgerError::Open { path: path.to_owned(), reason });
        }
        Ok(Self { connection, is_reader: true })
    }

    /// A ledger in memory that is gone when it is dropped, for tests of what uses a ledger.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] when there is no memory.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection, Path::new(":memory:"))?;
        Ok(Self { connection, is_reader: false })
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { waited_ms: BUSY_TIMEOUT_MS },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { what: error.to_string() },
            _ => Self::Storage(Box::new(error)),
        }
    }
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LedgerError::NotALedger { path: path.to_owned() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy { waited_ms: BUSY_TIMEOUT_MS },
        _ => LedgerError::Open { path: path.to_owned(), reason: error.to_string() },
    }
}

/// Refuses files that are not ours before anything is written, then makes commits durable.
fn prepare(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    version(connection, path)?;
    let set = || -> rusqlite::Result<String> {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        Ok(mode)
    };
    let mode = set().map_err(|error| cannot_open(path, &error))?;
    if mode != "wal" {
        let reason = format!("the file system does not support write-ahead logs (mode {mode}); use a local disk");
        return Err(LedgerError::Open { path: path.to_owned(), reason });
    }
    Ok(())
}

/// The schema version of a file that is ours, or 0 for an empty one.
fn version(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let application = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let n_tables = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        Ok((application, version, n_tables))
    };
    let (application, found, n_tables) = read().map_err(|error| cannot_open(path, &error))?;
    let is_new = application == 0 && found == 0 && n_tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(LedgerError::NewerSchema { path: path.to_owned(), found, known });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    if version(connection, path)? == MIGRATIONS.len() as i64 {
        return Ok(());
    }
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again inside the transaction: another process may have been faster.
    let found = version(&write, path)?;
    for Migration { statements, refusals } in &MIGRATIONS[found as usize..] {
        write.execute_batch(statements)?;
        for Refused { trigger, change, table, message } in *refusals {
            write.execute_batch(&format!(
                "CREATE TRIGGER {trigger} BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END;"
            ))?;
        }
    }
    write.pragma_update(None, "application_id", APPLICATION_ID)?;
    write.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    write.commit()?;
    Ok(())
}

/// Makes a ledger in the new file `path`, in one transaction of `fill`, that is one file when it is done.
pub(crate) fn write_copy(
    path: &Path,
    fill: impl FnOnce(&dyn Sql) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut ledger = SqliteLedger::open(path)?;
    ledger.write(fill)?;
    // What is still in the log moves into the file.
    ledger.connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    Ok(())
}

impl SqlStore for SqliteLedger {
    fn write<T>(&mut self, work: impl FnOnce(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        if self.is_reader {
            return Err(LedgerError::ReadOnly);
        }
        let write = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&*write)?;
        write.commit()?;
        Ok(done)
    }

    fn read<T>(&self, work: impl Fn(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        work(&self.connection)
    }

    fn read_moment<T>(&self, work: impl FnOnce(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let _read = self.connection.unchecked_transaction()?;
        work(&self.connection)
    }

    fn copy_to(&self, partial: &Path) -> Result<(), String> {
        let partial = partial.to_str().ok_or("its name is not UTF-8; choose another name")?;
        // A copy of one moment, made inside a reading transaction: writers go on.
        self.connection.execute("VACUUM INTO ?1", [partial]).map_err(|error| error.to_string())?;
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Row for rusqlite::Row<'_> {
    fn value(&self, idx: usize) -> Result<Value<'_>, LedgerError> {
        let damaged = |what: String| LedgerError::Damaged { what: format!("column {} of a row {what}", idx + 1) };
        Ok(match self.get_ref(idx)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => return Err(damaged(format!("holds {number}, which no column may"))),
            ValueRef::Text(text) => Value::Text(Cow::Borrowed(
                std::str::from_utf8(text).map_err(|error| damaged(format!("is not a text: {error}")))?,
            )),
            ValueRef::Blob(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
        })
    }
}

impl Sql for Connection {
    fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64, LedgerError> {
        Ok(self.prepare_cached(statement)?.execute(params_from_iter(values))? as u64)
    }

    fn query(
        &self,
        statement: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut query = self.prepare_cached(statement)?;
        let mut rows = query.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }

    fn insert(&self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), LedgerError> {
        let mut insert = self.prepare_cached(&insert_statement(table))?;
        for row in rows {
            insert.execute(params_from_iter(row))?;
        }
        Ok(())
    }

    fn insert_new(&self, table: &Table, rows: &[Vec<Value<'_>>], last_number: u64) -> Result<Vec<Placed>, LedgerError> {
        let unique = table.unique.expect("a table whose rows have a key beside their number");
        let [a, b] = unique.map(|idx| table.columns[idx].0);
        let mut insert =
            self.prepare_cached(&format!("{} ON CONFLICT ({a}, {b}) DO NOTHING", insert_statement(table)))?;
        let (number, content) = (table.columns[0].0, table.content.map_or("NULL", |idx| table.columns[idx].0));
        let mut find = self
            .prepare_cached(&format!("SELECT {number}, {content} FROM {} WHERE {a} = ?1 AND {b} = ?2", table.name))?;
        let mut next = last_number + 1;
        let mut placed = Vec::with_capacity(rows.len());
        for row in rows {
            insert.raw_bind_parameter(1, Value::from(next))?;
            for (idx, value) in row.iter().enumerate() {
                insert.raw_bind_parameter(idx + 2, value)?;
            }
            if insert.raw_execute()? == 1 {
                placed.push(Placed::New(next));
                next += 1;
            } else {
                placed.push(find_there(&mut find, table, row, unique)?);
            }
        }
        Ok(placed)
    }

    fn integrity(&self) -> Result<Vec<String>, LedgerError> {
        let mut lines = (self as &dyn Sql).rows("PRAGMA integrity_check(20)", &[], |row| row.string(0))?;
        lines.retain(|line| line != "ok");
        Ok(lines)
    }
}

/// The row that has the key of `row`, which has no number yet.
fn find_there(
    find: &mut CachedStatement<'_>,
    table: &Table,
    row: &[Value<'_>],
    unique: [usize; 2],
) -> Result<Placed, LedgerError> {
    let mut rows = find.query(params_from_iter(unique.map(|idx| &row[idx - 1])))?;
    let there: &dyn Row = rows.next()?.expect("a key that is there");
    let is_same = match table.content {
        Some(idx) => there.value(1)? == row[idx - 1],
        None => true,
    };
    Ok(Placed::There { number: positive(there.integer(0)?, "a number")?, is_same })
}

fn insert_statement(table: &Table) -> String {
    let places = (1..=table.columns.len()).map(|idx| format!("?{idx}")).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.column_names())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use restock_core::{Event, EventKind, ItemLocation};

    use super::*;
    use crate::schema::{Kind, TABLES};
    use crate::{Batch, ConsumerOffset, Incoming, Ledger, Outcome};

    fn count(number: usize) -> Incoming {
        Incoming::from_event(Event {
            event_id: number.to_string(),
            source: "till".to_owned(),
            occurred_at: Timestamp::UNIX_EPOCH,
            kind: EventKind::Count { place: ItemLocation::new("milk", "berlin"), on_hand: Default::default() },
            attributes: [("note".to_owned(), format!("\"{}\"", "x".repeat(500)))].into(),
        })
    }

    /// A batch that no longer fits is not in by half, its position neither, and the ledger goes on once there is room.
    #[test]
    fn a_full_disk_takes_a_batch_as_a_whole_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", 100).unwrap();
        let batch = |number: usize| {
            let entries = (0..50).map(|entry| count(number * 50 + entry)).collect();
            let mut batch = Batch::new(entries, Timestamp::UNIX_EPOCH);
            batch.offset = Some(ConsumerOffset {
                consumer: "kafka".to_owned(),
                partition: "0".to_owned(),
                next_offset: (number as u64 + 1) * 50,
            });
            batch
        };
        let n_batches = (0..).find(|&number| ledger.append(&batch(number)).is_err()).unwrap();
        assert!(n_batches > 1);
        for _ in 0..2 {
            assert!(matches!(ledger.append(&batch(n_batches)), Err(LedgerError::Storage(_))));
            assert_eq!(ledger.last_sequence().unwrap(), n_batches as u64 * 50);
            assert_eq!(ledger.offset("kafka", "0").unwrap(), Some(n_batches as u64 * 50));
        }
        assert_eq!(ledger.doctor().unwrap(), []);
        ledger.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        let outcomes = ledger.append(&batch(n_batches)).unwrap();
        assert_eq!(outcomes[0], Outcome::Accepted { sequence: n_batches as u64 * 50 + 1 });
    }

    /// What is copied and inserted by description is the whole of what migrations make.
    #[test]
    fn every_table_and_column_is_described() {
        let ledger = SqliteLedger::in_memory().unwrap();
        let sql: &dyn Sql = &ledger.connection;
        let of_master = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let mut described: Vec<_> = TABLES.iter().map(|table| table.name.to_owned()).collect();
        described.sort();
        assert_eq!(sql.rows(of_master, &[], |row| row.string(0)).unwrap(), described);
        for table in TABLES {
            let columns = "SELECT name, type, pk FROM pragma_table_info(?1)";
            let made =
                sql.rows(columns, &[table.name.into()], |row| Ok((row.string(0)?, row.string(1)?, row.integer(2)?)));
            let (mut n_key_columns, mut listed) = (0, Vec::new());
            for (name, kind, key) in made.unwrap() {
                n_key_columns += usize::from(key > 0);
                listed.push((name, kind));
            }
            let kind_of = |kind: &Kind| match kind {
                Kind::Integer => "INTEGER",
                Kind::Text => "TEXT",
                Kind::Bytes => "BLOB",
            };
            let described: Vec<_> =
                table.columns.iter().map(|(name, kind)| ((*name).to_owned(), kind_of(kind).to_owned())).collect();
            assert_eq!((listed, n_key_columns), (described, table.n_key_columns), "{}", table.name);
        }
    }

    #[test]
    fn commits_reach_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        let pragma = |name: &str| -> String {
            ledger
                .connection
                .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((pragma("journal_mode").as_str(), pragma("synchronous").as_str()), ("wal", "2"), "2 is FULL");
    }
}
