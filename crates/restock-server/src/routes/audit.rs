//! The audit trail: who did what and why.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use restock_ledger::AuditRecord;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{ValidQuery, first_number, page_size};
use crate::problem::Problem;
use crate::server::App;

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditRow {
    /// Its number: 1 for the first, without gaps.
    number: u64,
    #[schema(value_type = String)]
    at: Timestamp,
    /// Who: the name of the token.
    actor: String,
    /// What, for example `quarantine.release`.
    action: String,
    /// To what, for example `quarantine/7`.
    subject: String,
    /// Why; empty when nobody said.
    reason: String,
    before: String,
    after: String,
    /// Hash of this record and of the one before, hexadecimal: keep the last one elsewhere to see a trail that was cut.
    hash: String,
}

impl From<AuditRecord> for AuditRow {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { number, entry, hash } = record;
        Self {
            number,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            reason: entry.reason,
            before: entry.before,
            after: entry.after,
            hash: blake3::Hash::from_bytes(hash).to_hex().to_string(),
        }
    }
}

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    records: Vec<AuditRow>,
    /// Where the next page begins.
    next_from: u64,
    /// Whether there may be records on it already.
    has_more: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The first number.
    #[param(minimum = 1)]
    from: Option<u64>,
    /// The most records.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Who did what and why, in a chain of hashes.
#[utoipa::path(
    get,
    path = "/v1/audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "a page of the trail", body = AuditPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    ValidQuery(query): ValidQuery<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let (from, limit) = (first_number(query.from)?, page_size(query.limit)?);
    let records = app.writer.read(move |ledger| ledger.audit_trail(from, limit)).await?;
    let next_from = records.last().map_or(from, |last| last.number + 1);
    let has_more = records.len() == limit;
    Ok(Json(AuditPage { records: records.into_iter().map(AuditRow::from).collect(), next_from, has_more }))
}
