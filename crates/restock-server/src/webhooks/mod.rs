//! Webhooks: other systems are told what happens, each thing at least once and under one id, so that they can do it once.
//!
//! ```text
//! ledger: events, desk, quarantine ── outbox: entries from a position on ── worker: one delivery at a time ── client
//!    └── position, an offset of the consumer "webhook/ID" ── written after the delivery ──┘
//! ```
//!
//! The outbox is the ledger itself: entries are append-only and numbered without gaps, so a position says what was
//! delivered. Whatever breaks off between a delivery and its position, the entry is delivered again with the same id.

mod client;
mod outbox;
mod registry;
mod signature;
mod worker;

pub(crate) use outbox::{Topic, ends};
pub use registry::WebhookOptions;
pub(crate) use registry::{NewWebhook, Webhook, WebhookError, Webhooks};
pub(crate) use worker::{Attempt, deliver, try_out};
