//! An append-only ledger of stock events, and the stock and tables that follow from it.
//!
//! ```text
//! JSON, NDJSON, CloudEvents ── wire ──> Incoming ── Ledger::append ──> events 1, 2, 3, ...   + position of the consumer
//!                                                         │                  │
//!                                                    quarantine       StockBook: stock and open orders
//!                                                                     tables:    what a plan is made from
//! ```
//!
//! [`Ledger`] says what every store promises; [`SqliteLedger`] keeps it in one file, and with the feature `postgres` a
//! `PostgresLedger` in a database on a server. [`LedgerAddress`] is the one setting that says which. [`StockBook`] and [`tables()`] are
//! functions of the set of events: late, doubled and disordered arrival changes nothing. Clocks and time zones are
//! arguments.
//!
//! ```
//! use restock_core::ItemLocation;
//! use restock_ledger::{Batch, Ledger, Outcome, SqliteLedger, StockBook, wire};
//!
//! let message = br#"
//! {"event_id":"1","source":"till","type":"count","occurred_at":"2026-03-02T06:00:00Z","item_id":"milk","location_id":"berlin","on_hand":20}
//! {"event_id":"2","source":"till","type":"sale","occurred_at":"2026-03-02T08:30:00Z","item_id":"milk","location_id":"berlin","quantity":3}
//! {"event_id":"2","source":"till","type":"sale","occurred_at":"2026-03-02T08:30:00Z","item_id":"milk","location_id":"berlin","quantity":3}
//! {"event_id":"3","source":"till","type":"sale","occurred_at":"2026-03-02T08:31:00","item_id":"milk","location_id":"berlin","quantity":1}
//! "#;
//! let mut ledger = SqliteLedger::in_memory()?;
//! let batch = Batch::new(wire::read_ndjson(message, 1), "2026-03-02T09:00:00Z".parse().unwrap());
//! let outcomes = ledger.append(&batch)?;
//! assert_eq!(outcomes[1..3], [Outcome::Accepted { sequence: 2 }, Outcome::Duplicate { sequence: 2 }]);
//! let Outcome::Quarantined { reason, .. } = &outcomes[3] else { panic!() };
//! assert!(reason.to_string().starts_with("occurred_at: got \"2026-03-02T08:31:00\", expected an instant such as"));
//!
//! let mut book = StockBook::new();
//! for recorded in ledger.events(1, 1_000)? {
//!     book.apply(&recorded.event);
//! }
//! assert_eq!(book.stock(&ItemLocation::new("milk", "berlin")).unwrap().on_hand.to_string(), "17");
//! # Ok::<(), restock_ledger::LedgerError>(())
//! ```

#![cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, unused_imports, reason = "rows are copied where there are two stores")
)]

mod address;
mod audit;
mod backup;
mod collected_events;
mod copy;
mod demand_wire;
mod demand_words;
mod desk;
mod doctor;
mod error;
mod fields;
mod file_stock;
mod from_tables;
mod incoming;
mod intake;
mod kept_events;
mod ledger;
mod master_wire;
mod master_words;
mod orders;
#[cfg(feature = "postgres")]
mod postgres_ledger;
#[cfg(feature = "postgres")]
mod postgres_session;
#[cfg(feature = "postgres")]
mod postgres_values;
mod rows;
mod schema;
mod sql_ledger;
mod sqlite;
mod stock_book;
mod tables;
pub mod wire;

pub use address::{LedgerAddress, copy_ledger};
pub use audit::{AuditCheck, AuditEntry, AuditRecord};
pub use backup::restore;
pub use collected_events::CollectedEvents;
pub use demand_wire::{read_forecast_row, read_override};
pub use demand_words::{DemandWords, SaidOverride};
pub use desk::{
    Choice, DESK_SOURCE, Desk, DeskChange, DeskDecision, DeskEntry, DeskError, Filed, Filing, LINE_FIELDS, Need,
    OrderStanding, ProposalState, RULE_ACTOR, RequestKey, Revision, Scope, line_field, n_approvers,
};
pub use error::LedgerError;
pub use file_stock::{FileStock, Lot, SeenStock, seen_in_events};
pub use from_tables::{TableEvents, events_from_tables};
pub use incoming::{Incoming, Position, Refusal, RefusalCode};
pub use kept_events::KeptEvents;
pub use ledger::{
    Batch, ConsumerOffset, Decision, Ledger, LedgerFinding, LedgerFindingCode, Outcome, QuarantineEntry,
    QuarantineState, Recorded, Snapshot,
};
pub use master_wire::{check_record, read_master_row};
pub use master_words::MasterWords;
pub use orders::{Order, OrderFileError, OrderFormat, file_word};
#[cfg(feature = "postgres")]
pub use postgres_ledger::PostgresLedger;
pub use sqlite::SqliteLedger;
pub use stock_book::{Applied, OpenOrder, Stock, StockBook};
pub use tables::{EVENTS_FILE, Files, override_key, tables, tables_of_part};
