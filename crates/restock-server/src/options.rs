//! What a server is made from. Clock and time zone are arguments, so that tests choose them.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_ledger::{Filed, Ledger};

use crate::imports::Imports;
use crate::planner::LivePlanner;
use crate::security::Security;
use crate::tokens::Tokens;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How many different persons must approve a proposal, at least 1.
pub type Approvers = Arc<dyn Fn(&Filed) -> u32 + Send + Sync>;

/// Whether a proposal needs no person.
pub type AutoApproval = Arc<dyn Fn(&Filed) -> bool + Send + Sync>;

/// An English message of the program in a language (BCP 47); `None` where it knows no other words for it.
pub type Translator = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

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
    /// How many different persons must approve a proposal.
    pub n_approvers: Approvers,
    /// Which proposals are approved as soon as a plan wants them, as the actor
    /// [`RULE_ACTOR`](restock_ledger::RULE_ACTOR); never one that a person edited, rejected or began to approve, nor one
    /// that more than one person must approve.
    pub auto_approve: Option<AutoApproval>,
    /// Plans while events come in; without one, proposals come from elsewhere.
    pub planner: Option<Box<dyn LivePlanner>>,
    /// Takes files that are brought into the project; without it, nobody does.
    pub imports: Option<Arc<dyn Imports>>,
    /// Says messages in other languages; without it, they stay English.
    pub translator: Option<Translator>,
    /// What the first person shows to become a user, once, where nobody may use the server yet; without it, users are made
    /// elsewhere.
    pub first_code: Option<String>,
}

impl ServerOptions {
    /// A server without a second connection and without a planner, where one person approves.
    pub fn new(ledger: Box<dyn Ledger>, tokens: Tokens, security: Security, clock: Clock, time_zone: TimeZone) -> Self {
        Self {
            ledger,
            reader: None,
            tokens,
            security,
            clock,
            time_zone,
            n_approvers: Arc::new(|_| 1),
            auto_approve: None,
            planner: None,
            imports: None,
            translator: None,
            first_code: None,
        }
    }
}
