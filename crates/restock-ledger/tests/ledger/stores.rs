//! The stores that every test of a ledger runs over.

#![cfg_attr(feature = "postgres", expect(clippy::print_stdout, reason = "a skip is said"))]

#[cfg(feature = "postgres")]
use std::sync::atomic::{AtomicU32, Ordering};

use restock_ledger::{Ledger, SqliteLedger};

use crate::Folder;

/// A fresh store; opening it again is a restart.
pub(crate) trait Store: Sized + Sync {
    type Opened: Ledger;

    /// `None` where this store cannot be had here.
    fn new() -> Option<Self>;
    fn open(&self) -> Self::Opened;
}

/// A file.
pub(crate) struct Sqlite(Folder);

impl Store for Sqlite {
    type Opened = SqliteLedger;

    fn new() -> Option<Self> {
        Some(Self(Folder::new()))
    }
    fn open(&self) -> SqliteLedger {
        self.0.open()
    }
}

/// A schema of its own in the database that `RESTOCK_POSTGRES` names, for example
/// `postgres://postgres@127.0.0.1/restock_test`; it goes away with the test.
#[cfg(feature = "postgres")]
pub(crate) struct Postgres {
    pub(crate) schema: String,
    base: String,
}

#[cfg(feature = "postgres")]
impl Postgres {
    /// The address of the ledger.
    pub(crate) fn url(&self) -> String {
        self.with(&format!("schema={}", self.schema))
    }

    /// The address of the database with `parameters`.
    pub(crate) fn with(&self, parameters: &str) -> String {
        let separator = if self.base.contains('?') { '&' } else { '?' };
        format!("{}{separator}{parameters}", self.base)
    }

    /// A connection beside the ledger, in its schema.
    pub(crate) fn raw(&self) -> postgres::Client {
        let mut client = postgres::Client::connect(&self.base, postgres::NoTls).unwrap();
        client.batch_execute(&format!("SET search_path = {}", self.schema)).unwrap();
        client
    }
}

#[cfg(feature = "postgres")]
impl Store for Postgres {
    type Opened = restock_ledger::PostgresLedger;

    fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(base) = std::env::var("RESTOCK_POSTGRES") else {
            println!("SKIPPED on PostgreSQL: RESTOCK_POSTGRES names no database");
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("test_{}_{number}", std::process::id());
        let store = Self { schema, base };
        store.raw().batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", store.schema)).unwrap();
        Some(store)
    }
    fn open(&self) -> Self::Opened {
        restock_ledger::PostgresLedger::open(&self.url()).unwrap()
    }
}

#[cfg(feature = "postgres")]
impl Drop for Postgres {
    fn drop(&mut self) {
        // A test that stopped the server or revoked rights has its own troubles; what is left has a name of its own.
        if let Ok(mut client) = postgres::Client::connect(&self.base, postgres::NoTls) {
            let _ = client.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema));
        }
    }
}

/// Each test of a store, over every store: `over_every_store!(an_event_is_taken_in_once, ...)`.
macro_rules! over_every_store {
    ($($(#[$attribute:meta])* $test:ident),* $(,)?) => {
        crate::stores::over_every_store!(@ sqlite, Sqlite, $($(#[$attribute])* $test),*);
        #[cfg(feature = "postgres")]
        crate::stores::over_every_store!(@ postgres, Postgres, $($(#[$attribute])* $test),*);
    };
    (@ $module:ident, $store:ident, $($(#[$attribute:meta])* $test:ident),*) => {
        mod $module {
            $(#[test]
            $(#[$attribute])*
            fn $test() {
                if let Some(store) = <crate::stores::$store as crate::stores::Store>::new() {
                    // The same snapshots for every store.
                    insta::allow_duplicates! { super::$test(&store) };
                }
            })*
        }
    };
}
pub(crate) use over_every_store;
