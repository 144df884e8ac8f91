//! An append-only ledger of stock events, and the stock and tables that follow from it.

mod audit;
mod backup;
mod error;
mod fields;
mod from_tables;
mod incoming;
mod ledger;
mod schema;
mod sqlite;
mod stock_book;
mod tables;
pub mod wire;

pub use audit::{AuditCheck, AuditEntry, AuditRecord};
pub use backup::restore;
pub use error::LedgerError;
pub use from_tables::{TableEvents, events_from_tables};
pub use incoming::{Incoming, Position, Refusal, RefusalCode};
pub use ledger::{
    Batch, ConsumerOffset, Decision, Ledger, LedgerFinding, LedgerFindingCode, Outcome, QuarantineEntry,
    QuarantineState, Recorded, Snapshot,
};
pub use sqlite::SqliteLedger;
pub use stock_book::{Applied, OpenOrder, Stock, StockBook};
pub use tables::{EVENTS_FILE, tables};
