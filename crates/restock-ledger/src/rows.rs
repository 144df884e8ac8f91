//! Rows and statements, the same for every store with tables.
//!
//! Statements are written once: parameters are `?1`, `?2`, ...; a store turns them into its own notation.

use std::borrow::Cow;
use std::path::Path;

use crate::error::LedgerError;
use crate::schema::Table;

/// What one column of a row holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
        }
    }

    /// About how much memory it takes, bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Integer(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Numbers beyond the largest that can be stored are as good as it: nothing lies there.
impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<[u8; 32]> for Value<'_> {
    fn from(hash: [u8; 32]) -> Self {
        Self::Bytes(Cow::Owned(hash.to_vec()))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row that a query gives.
pub(crate) trait Row {
    /// What column `idx` holds, counted from 0.
    fn value(&self, idx: usize) -> Result<Value<'_>, LedgerError>;
}

impl dyn Row + '_ {
    pub(crate) fn integer(&self, idx: usize) -> Result<i64, LedgerError> {
        match self.value(idx)? {
            Value::Integer(number) => Ok(number),
            other => Err(unexpected(idx, "a number", &other)),
        }
    }

    pub(crate) fn maybe_integer(&self, idx: usize) -> Result<Option<i64>, LedgerError> {
        match self.value(idx)? {
            Value::Null => Ok(None),
            _ => self.integer(idx).map(Some),
        }
    }

    pub(crate) fn text(&self, idx: usize) -> Result<Cow<'_, str>, LedgerError> {
        match self.value(idx)? {
            Value::Text(text) => Ok(text),
            other => Err(unexpected(idx, "a text", &other)),
        }
    }

    pub(crate) fn string(&self, idx: usize) -> Result<String, LedgerError> {
        self.text(idx).map(Cow::into_owned)
    }

    pub(crate) fn maybe_string(&self, idx: usize) -> Result<Option<String>, LedgerError> {
        match self.value(idx)? {
            Value::Null => Ok(None),
            _ => self.string(idx).map(Some),
        }
    }

    pub(crate) fn bytes(&self, idx: usize) -> Result<Cow<'_, [u8]>, LedgerError> {
        match self.value(idx)? {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(idx, "bytes", &other)),
        }
    }
}

fn unexpected(idx: usize, expected: &str, got: &Value<'_>) -> LedgerError {
    LedgerError::Damaged { what: format!("column {} of a row holds {} instead of {expected}", idx + 1, got.kind()) }
}

/// Where a row with a number and a key of its own has come to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is new and has this number.
    New(u64),
    /// A row with its key was there before.
    There {
        /// The number of that row.
        number: u64,
        /// Whether it has the same content.
        is_same: bool,
    },
}

/// Statements in one transaction or outside of any.
pub(crate) trait Sql {
    /// Runs a statement; how many rows it changed.
    fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64, LedgerError>;

    /// Gives the rows of a query to `each`, one after the other; `each` may not ask the store anything.
    fn query(
        &self,
        statement: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError>;

    /// Inserts whole rows.
    fn insert(&self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), LedgerError>;

    /// Inserts rows without their numbers, in their order, but for those whose key (`table.unique`) is there; gives the
    /// numbers `last_number + 1`, `last_number + 2`, ...
    fn insert_new(&self, table: &Table, rows: &[Vec<Value<'_>>], last_number: u64) -> Result<Vec<Placed>, LedgerError>;

    /// What the store itself finds wrong with what it stores, a line each.
    fn integrity(&self) -> Result<Vec<String>, LedgerError>;
}

impl dyn Sql + '_ {
    /// All rows of a query, read by `read`.
    pub(crate) fn rows<T>(
        &self,
        statement: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut all = Vec::new();
        self.query(statement, values, &mut |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The result of a `max` or a `count`, 0 for an empty table.
    pub(crate) fn number(&self, statement: &str, values: &[Value<'_>]) -> Result<u64, LedgerError> {
        let found = self.rows(statement, values, |row| row.maybe_integer(0))?.pop().flatten();
        positive(found.unwrap_or(0), "the last number")
    }
}

/// A number that was stored, which is never below 0.
pub(crate) fn positive(stored: i64, what: &str) -> Result<u64, LedgerError> {
    u64::try_from(stored).map_err(|_| LedgerError::Damaged { what: format!("{what} is {stored}, below 0") })
}

/// A store with tables. Whatever is one is a [`Ledger`](crate::Ledger).
pub(crate) trait SqlStore: Send {
    /// Runs `work` in a transaction that shares its time with no other writer, and commits it when `work` succeeds.
    fn write<T>(&mut self, work: impl FnOnce(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError>;

    /// Runs `work` outside of a transaction; it may run again when the connection is lost meanwhile.
    fn read<T>(&self, work: impl Fn(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError>;

    /// Runs `work` on what is stored at one moment; writers go on.
    fn read_moment<T>(&self, work: impl FnOnce(&dyn Sql) -> Result<T, LedgerError>) -> Result<T, LedgerError>;

    /// Writes a copy of one moment into the new file `partial`, as a SQLite ledger.
    fn copy_to(&self, partial: &Path) -> Result<(), String>;
}
