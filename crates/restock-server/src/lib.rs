//! The HTTP API over the ledger: events in, stock and order proposals out, with access, limits and problems.
//!
//! ```text
//! connection ── observe: id, log, metrics, time limit, security headers
//!                  └── access: host, who it is, how often, one table of endpoints and roles
//!                        └── routes: one file per resource ── writer: one thread, many requests per commit
//!                                                              └── planner: one thread, all new events at once
//! ```
//!
//! [`Server::new`] starts the writer, [`Server::serve`] answers until it is told to stop; [`Server::router`] is the same
//! without a network, for tests. Clock and time zone are arguments. Errors are problem documents ([`Problem`]), and
//! `/v1/openapi.json` describes everything, made from the code.

mod access;
mod authentication;
mod connection;
mod dismissals;
mod extract;
mod files;
mod handling;
mod hidden;
mod idempotency;
mod imports;
mod intake;
mod jobs;
pub mod limits;
mod masters;
mod metrics;
mod models;
mod names;
mod observe;
mod openapi;
mod options;
mod paging;
mod passwords;
mod planner;
mod planner_metrics;
mod problem;
mod projection;
mod rates;
mod recorder;
mod routes;
mod scenarios;
mod security;
mod serve;
mod server;
mod sessions;
mod tls;
mod tokens;
mod trail;
mod users;
mod webhooks;
mod writer;

pub use access::{Access, ENDPOINTS, Endpoint, Role};
pub use dismissals::Dismissals;
pub use imports::{
    AppliedImport, ImportAnswer, ImportChanges, ImportColumn, ImportExample, ImportField, ImportList, ImportNote,
    ImportPreview, ImportProblem, ImportQuestion, ImportRefusal, ImportRowError, ImportedTable, Imports,
    MissingTableRow, StagedImport, Upload,
};
pub use intake::ServerIntake;
pub use jobs::{JobRequest, JobSteps, Task};
pub use models::{ModelChange, ModelEvidence, ModelOrder, ModelRefusal, ModelRequest, ModelVersion, Models};
pub use openapi::document;
pub use options::{Approvers, AutoApproval, Clock, ServerOptions, Translator};
pub use passwords::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
pub use planner::{LivePlanner, PastFiles, PlannedLine, PlanningError, Standing};
pub use problem::Problem;
pub use projection::SNAPSHOT_NAME;
pub use rates::{Rate, Rates};
pub use recorder::{COMMAND_LINE_ACTOR, Recorder};
pub use restock_ledger::{Revision, Scope};
pub use security::Security;
pub use serve::ServeError;
pub use server::{NotReady, Server};
pub use tls::{TlsError, TlsFiles};
pub use tokens::{MAX_NAME_BYTES, NewToken, PREFIX, Token, TokenError, Tokens, is_reserved, new_code};
pub use users::{NewUser, User, UserChange, UserError, Users};
pub use webhooks::WebhookOptions;
