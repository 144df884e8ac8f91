//! How far the data can be trusted, what to count first, and what somebody counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use restock_core::{Event, EventKind, Finding, FindingCode, ItemLocation, Quantity, Severity};
use restock_engine::{CountLine, HealthReport, HealthScore};
use restock_ledger::Outcome;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{ValidQuery, page_size, read_json};
use crate::imports::MissingTableRow;
use crate::masters::{not_covered, refusal};
use crate::problem::Problem;
use crate::routes::master_changes::{bad_record, of_scope};
use crate::routes::named::Named;
use crate::routes::said_demand::checked;
use crate::server::App;
use crate::writer::Signed;

/// How far the clock of a phone may run ahead of the server's; less than events may lie in the future.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(4);

/// How often a check found something.
#[derive(Debug, Serialize, ToSchema)]
struct CodeRow {
    /// `D01` to `D28`.
    code: String,
    /// What the check looks for.
    title: &'static str,
    /// The worst that it found: `error`, `warning` or `info`.
    severity: &'static str,
    n_findings: usize,
}

/// How far the data can be trusted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DataHealth {
    /// The morning on which the data were looked at; nothing before the first plan, when the rest is empty.
    as_of: Option<String>,
    /// Mean score of all item-locations, 0 to 1; nothing where there is none.
    score: Option<f64>,
    /// Item-locations that some table names.
    n_item_locations: usize,
    /// Those of a score below 1.
    n_with_findings: usize,
    /// 0 to 1 by table: one minus the share of its rows that findings point to, an error counting fully, a warning half.
    tables: BTreeMap<String, f64>,
    /// Tables that were not given, the most useful first.
    missing_tables: Vec<MissingTableRow>,
    /// What was found, by check.
    codes: Vec<CodeRow>,
    /// Lines of the count list.
    n_to_count: usize,
}

/// How far the data can be trusted, as of the last plan of everything: scores, tables that would help, and how often each
/// check found something.
#[utoipa::path(
    get,
    path = "/v1/data-health",
    responses(
        (status = 200, description = "what `restock check` tells", body = DataHealth),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn summary(State(app): State<App>) -> Result<Json<DataHealth>, Problem> {
    let report = report_of(&app).await?;
    let Some((report, _)) = report else {
        return Ok(Json(DataHealth {
            as_of: None,
            score: None,
            n_item_locations: 0,
            n_with_findings: 0,
            tables: BTreeMap::new(),
            missing_tables: Vec::new(),
            codes: Vec::new(),
            n_to_count: 0,
        }));
    };
    let n = report.scores.len();
    let sum: f64 = report.scores.iter().map(|score| score.score).sum();
    let mut codes: BTreeMap<FindingCode, (Severity, usize)> = BTreeMap::new();
    for finding in &report.findings {
        let (worst, n_findings) = codes.entry(finding.code).or_insert((finding.severity, 0));
        (*worst, *n_findings) = (finding.severity.max(*worst), *n_findings + 1);
    }
    Ok(Json(DataHealth {
        as_of: Some(report.as_of.to_string()),
        score: (n > 0).then(|| sum / n as f64),
        n_item_locations: n,
        n_with_findings: report.scores.iter().filter(|score| score.score < 1.0).count(),
        tables: report.table_scores.clone(),
        missing_tables: report.missing_tables.iter().cloned().map(MissingTableRow::from).collect(),
        codes: codes
            .into_iter()
            .map(|(code, (severity, n_findings))| CodeRow {
                code: format!("{code:?}"),
                title: code.title(),
                severity: name_of(severity),
                n_findings,
            })
            .collect(),
        n_to_count: report.count_list.len(),
    }))
}

fn name_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// The report of the last plan of everything, with the names of the files that its rows are of.
async fn report_of(app: &App) -> Result<Option<(Arc<HealthReport>, Vec<String>)>, Problem> {
    let asked = app.planning.ask(|planner| {
        let files = planner.masters().map_or_else(Vec::new, |masters| masters.files.clone());
        Some((planner.health()?, files))
    });
    Ok(asked.await?)
}

/// A row of a file that shows a finding.
#[derive(Debug, Serialize, ToSchema)]
struct FileRow {
    file: String,
    /// As a spreadsheet counts: the header is row 1.
    row: u32,
}

/// Something that is wrong with the data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingRow {
    /// `D01` to `D28`.
    code: String,
    /// What the check looks for.
    title: &'static str,
    /// `error`, `warning` or `info`.
    severity: &'static str,
    /// What was found.
    message: String,
    /// The same in Chinese.
    message_zh: String,
    /// What to do.
    fix: String,
    /// The same in Chinese.
    fix_zh: String,
    /// The item, where it is about one.
    item_id: Option<String>,
    /// The location, where it is about one.
    location_id: Option<String>,
    /// The first rows that show it.
    rows: Vec<FileRow>,
    /// How many rows show it in all.
    n_rows: usize,
}

impl FindingRow {
    fn new(finding: &Finding, files: &[String]) -> Self {
        let file_row = |row: &restock_core::RowRef| FileRow {
            file: files.get(usize::from(row.file_idx)).cloned().unwrap_or_default(),
            row: row.row,
        };
        Self {
            code: format!("{:?}", finding.code),
            title: finding.code.title(),
            severity: name_of(finding.severity),
            message: finding.message.clone(),
            message_zh: finding.message_zh.clone(),
            fix: finding.fix.clone(),
            fix_zh: finding.fix_zh.clone(),
            item_id: finding.item_id.clone(),
            location_id: finding.location_id.clone(),
            rows: finding.rows.iter().map(file_row).collect(),
            n_rows: finding.n_rows,
        }
    }
}

/// A page of findings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingPage {
    findings: Vec<FindingRow>,
    /// How many there are in all that the query asks for.
    n_found: usize,
    /// The morning on which the data were looked at; nothing before the first plan.
    as_of: Option<String>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindingQuery {
    /// Of this check only, such as `D07`.
    code: Option<String>,
    /// Of this severity only: `error`, `warning` or `info`.
    severity: Option<String>,
    /// Of this item only.
    item: Option<String>,
    /// At this location only.
    location: Option<String>,
    /// Where to go on: `next_cursor` of the page before. Data that are looked at anew in between move what comes after.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// What is wrong with the data, the worst first, as of the last plan of everything.
#[utoipa::path(
    get,
    path = "/v1/data-health/findings",
    params(FindingQuery),
    responses(
        (status = 200, description = "a page of findings", body = FindingPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn findings(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<FindingQuery>,
) -> Result<Json<FindingPage>, Problem> {
    let (limit, start) = (page_size(query.limit)?, start_of(query.cursor.as_deref())?);
    let FindingQuery { code, severity, item, location, .. } = query;
    if let Some(severity) = severity.as_deref().filter(|name| !["error", "warning", "info"].contains(name)) {
        return Err(Problem::bad_query("severity", format!("{severity:?}"), "error, warning or info"));
    }
    let report = report_of(&app).await?;
    let all = report.iter().flat_map(|(report, _)| &report.findings).filter(|finding| {
        caller.covers(finding.location_id.as_deref())
            && code.as_ref().is_none_or(|code| format!("{:?}", finding.code) == *code)
            && severity.as_ref().is_none_or(|severity| name_of(finding.severity) == severity)
            && (item.is_none() || finding.item_id == item)
            && (location.is_none() || finding.location_id == location)
    });
    let (page, n_found, next_cursor) = page_of(all, start, limit);
    let files = report.as_ref().map_or(&[][..], |(_, files)| files);
    let findings = page.into_iter().map(|finding| FindingRow::new(finding, files)).collect();
    Ok(Json(FindingPage { findings, n_found, as_of: as_of(&report), next_cursor }))
}

/// How far the data of an item-location can be trusted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScoreRow {
    item_id: String,
    location_id: String,
    /// 0 to 1.
    score: f64,
    /// The checks that lowered it.
    codes: Vec<String>,
    /// Whether any table tells its stock.
    stock_known: bool,
}

impl From<&HealthScore> for ScoreRow {
    fn from(score: &HealthScore) -> Self {
        Self {
            item_id: score.item_id.clone(),
            location_id: score.location_id.clone(),
            score: score.score,
            codes: score.codes.iter().map(|code| format!("{code:?}")).collect(),
            stock_known: score.stock_known,
        }
    }
}

/// A page of scores.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScorePage {
    scores: Vec<ScoreRow>,
    /// How many there are in all that the query asks for.
    n_found: usize,
    /// The morning on which the data were looked at; nothing before the first plan.
    as_of: Option<String>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlaceQuery {
    /// Of this item only.
    item: Option<String>,
    /// At this location only.
    location: Option<String>,
    /// Where to go on: `next_cursor` of the page before. Data that are looked at anew in between move what comes after.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

impl PlaceQuery {
    fn is_about(&self, caller: &Caller, item_id: &str, location_id: &str) -> bool {
        let is_same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        caller.covers(Some(location_id)) && is_same(&self.item, item_id) && is_same(&self.location, location_id)
    }
}

/// How far the data of each item-location can be trusted, the worst first, as of the last plan of everything.
#[utoipa::path(
    get,
    path = "/v1/data-health/scores",
    params(PlaceQuery),
    responses(
        (status = 200, description = "a page of scores", body = ScorePage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn scores(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<PlaceQuery>,
) -> Result<Json<ScorePage>, Problem> {
    let (limit, start) = (page_size(query.limit)?, start_of(query.cursor.as_deref())?);
    let report = report_of(&app).await?;
    let all = report.iter().flat_map(|(report, _)| &report.scores);
    let mut all: Vec<&HealthScore> =
        all.filter(|score| query.is_about(&caller, &score.item_id, &score.location_id)).collect();
    // They are sorted by item and location.
    all.sort_by(|a, b| a.score.total_cmp(&b.score));
    let (page, n_found, next_cursor) = page_of(all.into_iter(), start, limit);
    let scores = page.into_iter().map(ScoreRow::from).collect();
    Ok(Json(ScorePage { scores, n_found, as_of: as_of(&report), next_cursor }))
}

/// A place to count.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountRow {
    item_id: String,
    /// Empty when unknown.
    item_name: String,
    location_id: String,
    /// What the records said, base units, a decimal.
    recorded: String,
    /// Probability that nothing is there.
    probability_empty: f64,
    /// Expected true stock, base units.
    expected_on_hand: f64,
    /// Money that a count is expected to save, less what it costs; not above 0 where it is not worth it.
    saving: f64,
    /// Money that is expected to be lost per day while nobody knows.
    lost_per_day: f64,
    /// Why.
    reason: String,
    /// The same in Chinese.
    reason_zh: String,
    /// When events last counted it; what is counted after `as_of` leaves the list with the next plan of everything.
    #[schema(value_type = Option<String>)]
    counted_at: Option<Timestamp>,
}

/// A page of the count list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountPage {
    lines: Vec<CountRow>,
    /// How many there are in all that the query asks for.
    n_found: usize,
    /// The morning on which the data were looked at; nothing before the first plan.
    as_of: Option<String>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

/// What to count first: item-locations of which the records are probably wrong, the count that saves most money first, as of
/// the last plan of everything.
#[utoipa::path(
    get,
    path = "/v1/count-list",
    params(PlaceQuery),
    responses(
        (status = 200, description = "a page of the list", body = CountPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn count_list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<PlaceQuery>,
) -> Result<Json<CountPage>, Problem> {
    let (limit, start) = (page_size(query.limit)?, start_of(query.cursor.as_deref())?);
    let report = report_of(&app).await?;
    let all = report.iter().flat_map(|(report, _)| &report.count_list);
    let all = all.filter(|line| query.is_about(&caller, &line.item_id, &line.location_id));
    let (page, n_found, next_cursor) = page_of(all, start, limit);
    let projection = app.writer.projection()?;
    let row = |line: &CountLine| CountRow {
        item_id: line.item_id.clone(),
        item_name: line.item_name.clone(),
        location_id: line.location_id.clone(),
        recorded: line.recorded.to_string(),
        probability_empty: line.probability_empty,
        expected_on_hand: line.expected_on_hand,
        saving: line.saving,
        lost_per_day: line.lost_per_day,
        reason: line.reason.clone(),
        reason_zh: line.reason_zh.clone(),
        counted_at: projection
            .book
            .stock(&ItemLocation::new(&line.item_id, &line.location_id))
            .and_then(|stock| stock.counted_at),
    };
    let lines = page.into_iter().map(row).collect();
    Ok(Json(CountPage { lines, n_found, as_of: as_of(&report), next_cursor }))
}

fn as_of(report: &Option<(Arc<HealthReport>, Vec<String>)>) -> Option<String> {
    report.as_ref().map(|(report, _)| report.as_of.to_string())
}

/// The rows of a page, how many there are in all, and where the next page starts.
fn page_of<'a, T>(all: impl Iterator<Item = &'a T>, start: usize, limit: usize) -> (Vec<&'a T>, usize, Option<String>) {
    let (mut page, mut n_found) = (Vec::new(), 0);
    for row in all {
        if (start..start.saturating_add(limit)).contains(&n_found) {
            page.push(row);
        }
        n_found += 1;
    }
    let next = start.saturating_add(page.len());
    (page, n_found, (next < n_found && start < n_found).then(|| next.to_string()))
}

fn start_of(cursor: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = cursor.filter(|text| !text.is_empty()) else { return Ok(0) };
    let refused = |_| Problem::bad_query("cursor", format!("{text:?}"), "next_cursor of the page before");
    text.parse().map_err(refused)
}

/// What somebody counted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountBody {
    /// The item.
    item_id: String,
    /// The location.
    location_id: String,
    /// Base units that were there, a decimal of 0 or more.
    #[schema(value_type = String)]
    on_hand: Quantity,
    /// When; left out for now. The same count of the same moment, sent again, counts once.
    #[schema(value_type = Option<String>, format = DateTime)]
    counted_at: Option<Timestamp>,
}

/// A count that was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counted {
    item_id: String,
    location_id: String,
    /// Base units that were there, a decimal.
    on_hand: String,
    #[schema(value_type = String)]
    counted_at: Timestamp,
    /// When it was counted later, as is known already: that count holds and this one changes nothing; nothing where this
    /// one holds.
    #[schema(value_type = Option<String>)]
    later: Option<Timestamp>,
}

/// The source of counts that people say.
const COUNTS_SOURCE: &str = "api/counts";

/// Says what somebody counted, from a phone or at a desk. It becomes a `count` event, which the plan of the item follows at
/// once: stock is what was counted and what moved since.
#[utoipa::path(
    post,
    path = "/v1/counts",
    request_body = CountBody,
    responses(
        (status = 200, description = "the count, which was said before", body = Counted),
        (status = 201, description = "the count", body = Counted),
        (status = 409, description = "nobody plans, or another count of that moment is known", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a count", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn count(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Counted>), Problem> {
    let CountBody { item_id, location_id, on_hand, counted_at } = read_json(&headers, bytes)?;
    if !caller.covers(Some(&location_id)) {
        return Err(of_scope(not_covered(&caller, "location_id", Some(&location_id))));
    }
    let refused = |field: &str, got: String, expected: String| bad_record(refusal(field, &got, expected, "correct it"));
    if on_hand < Quantity::ZERO {
        return Err(refused("on_hand", format!("\"{on_hand}\""), "0 or more: what was counted is there".to_owned()));
    }
    let now = (app.clock)();
    let at = counted_at.unwrap_or(now);
    if at.duration_since(now) > CLOCK_SLACK {
        return Err(refused("counted_at", format!("\"{at}\""), format!("not after now, {now}")));
    }
    let about = Named::about(Some(&item_id), Some(&location_id), None);
    if let Some(refusal) = about.unknown(&app).await?.refusal() {
        return Err(bad_record(refusal));
    }
    let place = ItemLocation::new(&item_id, &location_id);
    let (known, horizon) = {
        let projection = app.writer.projection()?;
        (projection.book.stock(&place), projection.book.horizon())
    };
    if let Some(horizon) = horizon.filter(|horizon| at < *horizon) {
        let expected = format!("not before {horizon}: what moved before is summed up");
        return Err(refused("counted_at", format!("\"{at}\""), expected));
    }
    let of_moment = serde_json::to_vec(&(&item_id, &location_id, at)).expect("texts are JSON");
    let event = Event {
        event_id: format!("count-{}", &blake3::hash(&of_moment).to_hex()[..24]),
        // Whoever counts: of two who count one place at one moment, the second is told.
        source: COUNTS_SOURCE.to_owned(),
        occurred_at: at,
        kind: EventKind::Count { place, on_hand },
        attributes: BTreeMap::new(),
    };
    let entry = checked(event).map_err(bad_record)?;
    let later = known.and_then(|stock| stock.counted_at).filter(|counted_at| at < *counted_at);
    let before = known.map(|stock| stock.on_hand.to_string());
    let signed = caller.role.is_person().then(|| Signed {
        actor: caller.name.clone(),
        action: "stock.count",
        subject: format!("{item_id}@{location_id}"),
        before: before.unwrap_or_default(),
        after: Some(on_hand.to_string()),
    });
    let status = match app.writer.append(vec![entry], signed).await?.into_iter().next() {
        Some(Outcome::Accepted { .. }) => StatusCode::CREATED,
        Some(Outcome::Duplicate { .. }) => StatusCode::OK,
        Some(Outcome::Quarantined { reason, .. }) => return Err(bad_record(reason)),
        Some(Outcome::Conflict { .. }) | None => {
            let detail = format!("{item_id} at {location_id} was counted at {at} with another result");
            return Err(Problem::new(StatusCode::CONFLICT, "counted-otherwise", "Another count is known", detail)
                .fix("give the moment of this count"));
        }
    };
    Ok((status, Json(Counted { item_id, location_id, on_hand: on_hand.to_string(), counted_at: at, later })))
}
