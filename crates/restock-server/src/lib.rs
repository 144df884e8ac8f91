//! The HTTP API over the ledger: events in, stock and order proposals out, with access, limits and problems.
//!
//! ```text
//! connection ── observe: id, log, metrics, time limit, security headers
//!                  └── access: one table of endpoints and roles
//!                        └── routes: one file per resource ── writer: one thread, many requests per commit
//!                                                              └── planner: one thread, all new events at once
//! ```
//!
//! [`Server::new`] starts the writer, [`Server::serve`] answers until it is told to stop; [`Server::router`] is the same
//! without a network, for tests. Clock and time zone are arguments. Errors are problem documents ([`Problem`]), and
//! `/v1/openapi.json` describes everything, made from the code.

mod access;
mod extract;
mod intake;
pub mod limits;
mod metrics;
mod observe;
mod openapi;
mod options;
mod planner;
mod planner_metrics;
mod problem;
mod projection;
mod routes;
mod serve;
mod server;
mod tokens;
mod writer;

pub use access::{Access, ENDPOINTS, Endpoint, Role};
pub use intake::ServerIntake;
pub use openapi::document;
pub use options::{Approvers, AutoApproval, Clock, ServerOptions};
pub use planner::{LivePlanner, PlanningError};
pub use problem::Problem;
pub use projection::SNAPSHOT_NAME;
pub use restock_ledger::{Revision, Scope};
pub use server::{NotReady, Server};
pub use tokens::{MAX_NAME_BYTES, NewToken, PREFIX, Token, TokenError, Tokens};
