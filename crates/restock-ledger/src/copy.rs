//! Ledgers from one store into another, row by row.

use crate::error::LedgerError;
use crate::rows::{Sql, Value};
use crate::schema::TABLES;

/// Rows are handed on together up to about so much, bytes.
const BYTES_AT_ONCE: usize = 4 << 20;
/// Rows are handed on together up to so many.
const ROWS_AT_ONCE: usize = 10_000;

/// Copies every row of every table into the empty ledger `to`.
pub(crate) fn copy_rows(from: &dyn Sql, to: &dyn Sql) -> Result<(), LedgerError> {
    for table in TABLES {
        let statement = format!("SELECT {} FROM {} ORDER BY {}", table.column_names(), table.name, table.key_names());
        let mut rows: Vec<Vec<Value<'static>>> = Vec::new();
        let mut n_bytes = 0;
        from.query(&statement, &[], &mut |row| {
            let values: Result<Vec<_>, _> =
                (0..table.columns.len()).map(|idx| row.value(idx).map(Value::into_owned)).collect();
            let values = values?;
            n_bytes += values.iter().map(Value::size).sum::<usize>();
            rows.push(values);
            if n_bytes >= BYTES_AT_ONCE || rows.len() >= ROWS_AT_ONCE {
                to.insert(table, &rows)?;
                rows.clear();
                n_bytes = 0;
            }
            Ok(())
        })?;
        to.insert(table, &rows)?;
    }
    Ok(())
}
