//! A ledger in a PostgreSQL database, in a schema of its own.
//!
//! Commits are on the disk of the server before a call returns: `synchronous_commit` is on in every session of ours, and a
//! server without `fsync` or `full_page_writes` is refused. Any number of processes may write: each locks the one row of
//! `restock_ledger` first, which also tells it that the tables are still of its version. A locked row, unlike a locked
//! table, is in nobody else's way: vacuum, backups and readers go on.
//!
//! A lost connection is made again by the next call. The connection must be the process's own as long as it lasts: a
//! pool in front of the server must give whole sessions, not single transactions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, SimpleQueryMessage};

use crate::copy::copy_rows;
use crate::error::LedgerError;
use crate::postgres_session::{Place, Refused, Session, cannot_open, is_lost, meaning};
use crate::postgres_values::{bound, column, type_name};
use crate::rows::{Placed, Row, Sql, SqlStore, Value, positive};
use crate::schema::{APPLICATION_ID, Kind, MIGRATIONS, Migration, Refused as RefusedChange, Table};
use crate::sqlite;

/// A ledger in a PostgreSQL database.
pub struct PostgresLedger {
    place: Place,
    session: RefCell<Option<Session>>,
    is_reader: bool,
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger").field("place", &self.place).field("is_reader", &self.is_reader).finish()
    }
}

impl PostgresLedger {
    /// Opens the ledger at `url`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME`, and brings its tables up to
    /// date; makes schema and tables where there are none. The schema is `restock` where the address names none.
    ///
    /// Other parameters are those of libpq that concern connections, such as `sslmode` (`disable`, `prefer`, `require`),
    /// `target_session_attrs` and `connect_timeout`. Where TLS is used, the certificate of the server is always verified,
    /// against those that the machine trusts or those in the file `sslrootcert`.
    ///
    /// # Errors
    /// [`LedgerError::Open`] with the way out, also for a schema that holds tables of something else and for a server
    /// that could lose what it acknowledged; [`LedgerError::NewerSchema`]; [`LedgerError::Busy`].
    pub fn open(url: &str) -> Result<Self, LedgerError> {
        let place = Place::parse(url)?;
        let mut session = place.connect(false).map_err(|refused| cannot_open(&place.shown, refused))?;
        prepare(&mut session.client, &place, false)?;
        migrate(&mut session.client, &place)?;
        Ok(Self { place, session: RefCell::new(Some(session)), is_reader: false })
    }

    /// Opens the existing ledger at `url` to read from it, on a standby too.
    ///
    /// # Errors
    /// As [`PostgresLedger::open`]; a ledger that is not there or of an older version is refused with
    /// [`LedgerError::Open`], because only a writer may make it or bring it up to date.
    pub fn open_reader(url: &str) -> Result<Self, LedgerError> {
        let place = Place::parse(url)?;
        let mut session = place.connect(true).map_err(|refused| cannot_open(&place.shown, refused))?;
        prepare(&mut session.client, &place, true)?;
        let found = version(&mut session.client, &place)?;
        if found < MIGRATIONS.len() as i64 {
            let reason = match found {
                0 => "there is no ledger; open it for writing once".to_owned(),
                _ => format!(
                    "it has schema version {found} and {} is needed; open it for writing once",
                    MIGRATIONS.len()
                ),
            };
            return Err(LedgerError::Open { path: place.shown, reason });
        }
        Ok(Self { place, session: RefCell::new(Some(session)), is_reader: true })
    }

    /// Begins a transaction with `statement`; connects first where the connection is lost. Nothing has happened yet then,
    /// so that beginning twice is no risk.
    fn begin(&self, statement: &str) -> Result<Vec<SimpleQueryMessage>, LedgerError> {
        let mut is_first = true;
        loop {
            self.connect()?;
            let mut slot = self.session.borrow_mut();
            let session = slot.as_mut().expect("a connection was made");
            (session.is_in_transaction, session.has_failed) = (true, false);
            match session.client.simple_query(statement) {
                Ok(messages) => return Ok(messages),
                Err(error) if is_lost(&error) && is_first => *slot = None,
                Err(error) => {
                    drop(slot);
                    let meaning = self.failed(&error);
                    self.roll_back();
                    return Err(meaning);
                }
            }
            is_first = false;
        }
    }

    /// A connection that is in no transaction.
    fn connect(&self) -> Result<(), LedgerError> {
        let mut slot = self.session.borrow_mut();
        let is_usable = |session: &Session| !session.client.is_closed() && !session.is_in_transaction;
        if !slot.as_ref().is_some_and(is_usable) {
            let session = self.place.connect(self.is_reader);
            *slot = Some(session.map_err(|refused| LedgerError::Storage(Box::new(refused)))?);
        }
        Ok(())
    }

    fn commit(&self) -> Result<(), LedgerError> {
        let mut slot = self.session.borrow_mut();
        let Some(session) = slot.as_mut().filter(|session| !session.has_failed) else {
            drop(slot);
            self.roll_back();
            return Err(LedgerError::Storage("a statement of the transaction failed; nothing was written".into()));
        };
        match session.client.batch_execute("COMMIT") {
            Ok(()) => {
                session.is_in_transaction = false;
                Ok(())
            }
            Err(error) => {
                *slot = None;
                Err(meaning(&error))
            }
        }
    }

    fn roll_back(&self) {
        let mut slot = self.session.borrow_mut();
        if let Some(session) = slot.as_mut().filter(|session| session.is_in_transaction) {
            match session.client.batch_execute("ROLLBACK") {
                Ok(()) => session.is_in_transaction = false,
                // The server takes back what a lost connection had begun.
                Err(_) => *slot = None,
            }
        }
    }

    /// What an error means; a connection that is of no use any more is let go.
    fn failed(&self, error: &postgres::Error) -> LedgerError {
        let mut slot = self.session.borrow_mut();
        if let Some(session) = slot.as_mut() {
            session.has_failed = true;
            if is_lost(error) || session.client.is_closed() {
                *slot = None;
            }
        }
        meaning(error)
    }
}

/// Refuses servers that could lose what they acknowledge, or cannot keep what they are given.
fn prepare(client: &mut Client, place: &Place, is_reader: bool) -> Result<(), LedgerError> {
    let asked = "SELECT current_setting('server_encoding'), current_setting('fsync'),
                 current_setting('full_page_writes'), current_setting('transaction_read_only'),
                 current_setting('synchronous_commit')";
    let row = client.query_one(asked, &[]).map_err(|error| cannot_open(&place.shown, Refused::new(&error)))?;
    let said = |idx: usize| row.get::<_, String>(idx);
    let refuse = |reason: String| Err(LedgerError::Open { path: place.shown.clone(), reason });
    if said(0) != "UTF8" {
        return refuse(format!(
            "the database has the encoding {}, it must be UTF8: make one with createdb -E UTF8 -T template0",
            said(0)
        ));
    }
    if is_reader {
        return Ok(());
    }
    for (idx, setting) in [(1, "fsync"), (2, "full_page_writes")] {
        if said(idx) != "on" {
            return refuse(format!(
                "{setting} is off, so that the server could lose what it has acknowledged: turn it on in postgresql.conf"
            ));
        }
    }
    if said(3) != "off" {
        return refuse(
            "the server is a standby or is set to read only: name the primary, or all hosts with \
             target_session_attrs=read-write"
                .to_owned(),
        );
    }
    match said(4).as_str() {
        "on" | "remote_write" | "remote_apply" => Ok(()),
        other => refuse(format!("synchronous_commit is {other} and cannot be turned on for this user")),
    }
}

/// The schema version of a ledger, or 0 where there is none.
fn version(client: &mut Client, place: &Place) -> Result<i64, LedgerError> {
    let mut read = || -> Result<(i64, Option<i64>), postgres::Error> {
        let relations = "SELECT count(*), count(*) FILTER (WHERE c.relname = 'restock_ledger')
                         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
        let row = client.query_one(relations, &[&place.schema])?;
        let (n_relations, n_marks): (i64, i64) = (row.get(0), row.get(1));
        if n_marks == 0 {
            return Ok((n_relations, None));
        }
        Ok((n_relations, Some(client.query_one("SELECT max(version) FROM restock_ledger", &[])?.try_get(0)?)))
    };
    let (n_relations, found) = read().map_err(|error| cannot_open(&place.shown, Refused::new(&error)))?;
    match found {
        None if n_relations > 0 => Err(LedgerError::Open {
            path: place.shown.clone(),
            reason: format!(
                "the schema {:?} holds {n_relations} tables of something else; name another schema with schema=NAME",
                place.schema
            ),
        }),
        None => Ok(0),
        Some(found) => known(found, place).map(|()| found),
    }
}

fn known(found: i64, place: &Place) -> Result<(), LedgerError> {
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(LedgerError::NewerSchema { path: place.shown.clone(), found, known });
    }
    Ok(())
}

fn migrate(client: &mut Client, place: &Place) -> Result<(), LedgerError> {
    if version(client, place)? == MIGRATIONS.len() as i64 {
        return Ok(());
    }
    let refused = |error: &postgres::Error| match meaning(error) {
        LedgerError::Storage(_) => cannot_open(&place.shown, Refused::new(error)),
        other => other,
    };
    let lock = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({APPLICATION_ID})");
    client.batch_execute(&lock).map_err(|error| refused(&error))?;
    // Read again under the lock: another process may have been faster.
    let found = version(client, place)?;
    let mut statements = String::new();
    if found == 0 {
        // Whoever may not make schemas can still use one that is there.
        let there = client.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&place.schema]);
        if !there.map_err(|error| refused(&error))?.get::<_, bool>(0) {
            statements.push_str(&format!("CREATE SCHEMA {};\n", place.schema));
        }
        statements.push_str(
            "CREATE TABLE restock_ledger (version BIGINT NOT NULL);
             INSERT INTO restock_ledger VALUES (0);
             CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;\n",
        );
    }
    for step in &MIGRATIONS[found as usize..] {
        statements.push_str(&in_postgres(step));
    }
    statements.push_str(&format!("UPDATE restock_ledger SET version = {};\nCOMMIT", MIGRATIONS.len()));
    client.batch_execute(&statements).map_err(|error| refused(&error))
}

/// A step of the schema as PostgreSQL understands it. Texts compare byte by byte, on every server alike.
fn in_postgres(step: &Migration) -> String {
    let Migration { statements, refusals } = step;
    let mut written =
        statements.replace("INTEGER", "BIGINT").replace("BLOB", "BYTEA").replace("TEXT", "TEXT COLLATE \"C\"");
    for RefusedChange { trigger, change, table, message } in *refusals {
        written.push_str(&format!(
            "CREATE TRIGGER {trigger} BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change('{message}');\n"
        ));
        if *change == "DELETE" {
            written.push_str(&format!(
                "CREATE TRIGGER {trigger}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT \
                 EXECUTE FUNCTION refuse_change('{message}');\n"
            ));
        }
    }
    written
}

impl SqlStore for PostgresLedger {
    fn write<T>(&mut self, work: impl FnOnce(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        if self.is_reader {
            return Err(LedgerError::ReadOnly);
        }
        // Whoever waited for the row reads what the writer before it committed, because each statement looks anew.
        let began = self
            .begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT version FROM restock_ledger FOR UPDATE")?;
        let found = began.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<i64>().ok(),
            _ => None,
        });
        let done = match found {
            // The schema may be brought up to date while this process runs: then it must not write any more.
            Some(found) => known(found, &self.place),
            None => Err(LedgerError::Damaged { what: "restock_ledger has no row".to_owned() }),
        };
        let done = done.and_then(|()| work(self)).and_then(|done| self.commit().map(|()| done));
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn read<T>(&self, work: impl Fn(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.connect()?;
        let done = work(self);
        let is_lost = self.session.borrow().is_none();
        if is_lost && done.is_err() {
            self.connect()?;
            return work(self);
        }
        done
    }

    fn read_moment<T>(&self, work: impl FnOnce(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let done = work(self);
        self.roll_back();
        done
    }

    fn copy_to(&self, partial: &Path) -> Result<(), String> {
        let copied = self.read_moment(|from| sqlite::write_copy(partial, |to| copy_rows(from, to)));
        copied.map_err(|error| error.to_string())
    }
}

impl Sql for PostgresLedger {
    fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64, LedgerError> {
        self.with(|session| {
            let prepared = session.prepared(statement)?;
            let values: Vec<_> =
                values.iter().zip(prepared.params()).map(|(value, wanted)| bound(value, wanted)).collect();
            session.client.execute(&prepared, &borrowed(&values))
        })
    }

    fn query(
        &self,
        statement: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut stopped = Ok(());
        self.with(|session| {
            let prepared = session.prepared(statement)?;
            let values: Vec<_> =
                values.iter().zip(prepared.params()).map(|(value, wanted)| bound(value, wanted)).collect();
            let mut rows = session.client.query_raw(&prepared, borrowed(&values))?;
            while let Some(row) = rows.next()? {
                stopped = each(&row);
                if stopped.is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        stopped
    }

    fn insert(&self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), LedgerError> {
        if rows.is_empty() {
            return Ok(());
        }
        let lists: Vec<_> = table.columns.iter().enumerate().map(|(idx, (_, kind))| column(rows, idx, *kind)).collect();
        let statement = insert_statement(table);
        self.with(|session| {
            let prepared = session.prepared(&statement)?;
            session.client.execute(&prepared, &borrowed(&lists)).map(|_| ())
        })
    }

    fn insert_new(&self, table: &Table, rows: &[Vec<Value<'_>>], last_number: u64) -> Result<Vec<Placed>, LedgerError> {
        let unique = table.unique.expect("a table whose rows have a key beside their number");
        // Rows have no number yet: their first column is the second of the table.
        let key = |row: &[Value<'_>]| unique.map(|idx| row[idx - 1].clone().into_owned());
        let mut known = self.there(table, rows, unique)?;
        let mut next = last_number;
        let mut new: Vec<Vec<Value<'_>>> = Vec::new();
        let mut placed = Vec::with_capacity(rows.len());
        for row in rows {
            let content = table.content.map(|idx| row[idx - 1].clone());
            placed.push(match known.get(&key(row)) {
                Some((number, there)) => {
                    let is_same = content.is_none_or(|content| content == *there);
                    Placed::There { number: *number, is_same }
                }
                None => {
                    next += 1;
                    let content = content.unwrap_or(Value::Null).into_owned();
                    known.insert(key(row), (next, content));
                    new.push(std::iter::once(next.into()).chain(row.iter().cloned()).collect());
                    Placed::New(next)
                }
            });
        }
        self.insert(table, &new)?;
        Ok(placed)
    }

    fn integrity(&self) -> Result<Vec<String>, LedgerError> {
        let sql: &dyn Sql = self;
        let mut lines = sql.rows(
            "SELECT c.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = current_schema() AND NOT (i.indisvalid AND i.indisready)",
            &[],
            |row| Ok(format!("index {} is not valid", row.text(0)?)),
        )?;
        let failures = "SELECT checksum_failures FROM pg_catalog.pg_stat_database
                        WHERE datname = current_database() AND checksum_failures > 0";
        lines.extend(sql.rows(failures, &[], |row| {
            Ok(format!("pages of the database whose checksums are wrong: {}", row.integer(0)?))
        })?);
        Ok(lines)
    }
}

/// The keys of rows, with the number and the content of the row that has them.
type Known = HashMap<[Value<'static>; 2], (u64, Value<'static>)>;

impl PostgresLedger {
    /// Those of `rows` whose keys are there, asked in one question.
    fn there(&self, table: &Table, rows: &[Vec<Value<'_>>], unique: [usize; 2]) -> Result<Known, LedgerError> {
        let [a, b] = unique.map(|idx| table.columns[idx]);
        let number = table.columns[0].0;
        let content = table.content.map_or(number, |idx| table.columns[idx].0);
        let statement = format!(
            "SELECT {number}, {content}, {}, {} FROM unnest(?1::{}[], ?2::{}[]) AS asked (a, b) JOIN {} ON {} = a AND {} = b",
            a.0,
            b.0,
            type_name(a.1),
            type_name(b.1),
            table.name,
            a.0,
            b.0
        );
        let asked = unique.map(|idx| column(rows, idx - 1, table.columns[idx].1));
        let found = self.with(|session| {
            let prepared = session.prepared(&statement)?;
            session.client.query(&prepared, &borrowed(&asked))
        })?;
        let mut known = Known::new();
        for row in found {
            let row: &dyn Row = &row;
            let key = [row.value(2)?.into_owned(), row.value(3)?.into_owned()];
            known.insert(key, (positive(row.integer(0)?, "a number")?, row.value(1)?.into_owned()));
        }
        Ok(known)
    }

    /// Uses the connection; where it has been lost in the middle of a transaction, there is none.
    fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, postgres::Error>) -> Result<T, LedgerError> {
        let done = match self.session.borrow_mut().as_mut() {
            Some(session) => work(session),
            None => return Err(LedgerError::Storage("the connection to the server was lost; try again".into())),
        };
        done.map_err(|error| self.failed(&error))
    }
}

fn borrowed<'a>(values: &'a [Box<dyn ToSql + Sync + 'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| &**value).collect()
}

fn insert_statement(table: &Table) -> String {
    let place = |(idx, (_, kind)): (usize, &(&str, Kind))| format!("?{}::{}[]", idx + 1, type_name(*kind));
    let places = table.columns.iter().enumerate().map(place).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO {} ({}) SELECT * FROM unnest({places})", table.name, table.column_names())
}
