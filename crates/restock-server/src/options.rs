//! What a server is made from. Clock and time zone are arguments, so that tests choose them.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_ledger::Ledger;

use crate::security::Security;
use crate::tokens::Tokens;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a [`Server`](crate::Server) is made from.
pub struct ServerOptions {
    /// The ledger. Nobody else should write to it.
    pub ledger: Box<dyn Ledger>,
    /// A second connection to the same ledger, for pages; without one, pages are read between commits.
    pub reader: Option<Box<dyn Ledger>>,
    /// Which programs may do what.
    pub tokens: Tokens,
    /// Which people may do what, and how the server is reached.
    pub security: Security,
    /// The time; it stamps events and measures latencies.
    pub clock: Clock,
    /// Where the business is: it decides which day is today.
    pub time_zone: TimeZone,
}
