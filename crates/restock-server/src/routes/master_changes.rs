//! What is said about master data: one record, or many as lines of JSON. It becomes events, for what differs from what is
//! known.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use restock_core::Day;
use restock_core::event::SupplyOrigin;
use restock_core::master::{Lane, MasterChange, MasterKey, MasterRecord, MasterTable, REMOVED};
use restock_ledger::{Outcome, Position, Refusal, read_master_row};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::access::forbidden;
use crate::authentication::Caller;
use crate::extract::{Name, Place, ValidQuery, body, media_type, too_large};
use crate::limits::{MAX_ENTRIES, MAX_REFUSED_ROWS};
use crate::masters::{FieldChange, Judge, Judged, Masters, events};
use crate::names::fresh_name;
use crate::problem::Problem;
use crate::routes::blocking;
use crate::routes::events::Reason;
use crate::routes::masters::{ItemRow, LocationRow, SupplierRow};
use crate::routes::named::Named;
use crate::routes::sources::{LaneRow, SettingsRow};
use crate::server::App;
use crate::writer::Signed;

pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Records that a problem names which refer to another.
const MAX_NAMED_USERS: usize = 10;

/// Fields of a record by name: texts, numbers and truths; `null` clears a field. What names the record may be among them.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "describes what the ledger reads as text")]
pub(crate) struct MasterFields(Value);

/// A row of a request that was not taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedRow {
    /// Where in the request it was, such as `line 3`.
    position: String,
    reason: Reason,
}

/// What became of the rows of a request.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct BulkAnswer {
    /// Rows that said something new, those of records that nobody knew among them.
    n_changed: usize,
    /// Rows of records that nobody knew.
    n_new: usize,
    /// Rows that said what was known; nothing was written for them.
    n_same: usize,
    /// Rows that cannot be taken in; the others were.
    n_refused: usize,
    /// The first 1,000 of them with their reasons.
    refused: Vec<RefusedRow>,
}

impl BulkAnswer {
    /// Counts a row: whether it is a change, and whether of a record that nobody knew.
    pub(crate) fn count(&mut self, position: Position, row: Result<(bool, bool), Refusal>) {
        match row {
            Ok((is_change, is_new)) => {
                let counter = if is_change { &mut self.n_changed } else { &mut self.n_same };
                *counter += 1;
                self.n_new += usize::from(is_new);
            }
            Err(refusal) => {
                self.n_refused += 1;
                if self.refused.len() < MAX_REFUSED_ROWS {
                    self.refused.push(RefusedRow { position: position.to_string(), reason: refusal.into() });
                }
            }
        }
    }
}

/// A row of a request, or why it cannot be read.
type Row = (Position, Result<MasterChange, Refusal>);

/// What rows came to, each for itself.
async fn say(
    app: &App,
    caller: &Caller,
    table: MasterTable,
    rows: Vec<Row>,
    is_whole: bool,
) -> Result<Vec<(Position, Result<Judged, Refusal>)>, Problem> {
    let mut named = Named::default();
    for (_, row) in &rows {
        if let Ok(MasterChange { record: MasterKey::Source(lane), .. }) = row {
            named.add_lane(lane);
        }
    }
    let unknown = named.unknown(app).await?;
    let files = app.planning.file_tables()?;
    let (source, request) = (format!("api/{}", caller.name), fresh_name()?);
    let judge = {
        let caller = caller.clone();
        move |app: &App| {
            let projection = app.writer.projection()?;
            let words = &projection.masters;
            let mut judge = Judge::new(Masters::new(&files, words, table, rows.len()), &caller, unknown);
            let judged: Vec<_> = rows
                .into_iter()
                .map(|(position, row)| (position, row.and_then(|row| judge.judge(row, is_whole))))
                .collect();
            let changes = judged.iter().filter_map(|(_, row)| row.as_ref().ok()).filter(|row| row.is_change());
            let entries = events(changes, words, &source, &request, (app.clock)());
            Ok::<_, Problem>((judged, entries))
        }
    };
    let (mut judged, entries) = blocking(app, judge).await??;
    if entries.is_empty() {
        return Ok(judged);
    }
    let signed = caller.role.is_person().then(|| signed(caller, table, &judged));
    let mut outcomes = app.writer.append(entries, signed).await?.into_iter();
    for (_, row) in &mut judged {
        if row.as_ref().is_ok_and(Judged::is_change) {
            match outcomes.next() {
                Some(Outcome::Accepted { .. } | Outcome::Duplicate { .. }) => {}
                Some(Outcome::Quarantined { reason, .. }) => *row = Err(reason),
                Some(Outcome::Conflict { .. }) | None => return Err(Problem::internal("two requests had one name")),
            }
        }
    }
    Ok(judged)
}

/// What the audit trail says: of one record what it was and is, of many how many.
fn signed(caller: &Caller, table: MasterTable, judged: &[(Position, Result<Judged, Refusal>)]) -> Signed {
    let texts = |side: fn(&FieldChange) -> &Option<String>, one: &Judged| {
        let fields: serde_json::Map<String, Value> =
            one.changed.iter().map(|(name, field)| (name.clone(), side(field).clone().into())).collect();
        Value::Object(fields).to_string()
    };
    let (subject, before, after) = match judged {
        [(Position::Whole, Ok(one))] => {
            let before = if one.is_new { String::new() } else { texts(|field| &field.before, one) };
            (one.key.subject(), before, Some(texts(|field| &field.now, one)))
        }
        _ => (format!("{}s", table.record_name()), String::new(), None),
    };
    Signed { actor: caller.name.clone(), action: "master.change", subject, before, after }
}

/// Says something about one record.
async fn say_one(
    app: &App,
    caller: &Caller,
    row: MasterChange,
    is_whole: bool,
) -> Result<(StatusCode, Judged), Problem> {
    let table = row.record.table();
    let is_covered = caller.covers(row.record.location_id());
    let said = say(app, caller, table, vec![(Position::Whole, Ok(row))], is_whole).await?;
    let judged = said.into_iter().next().expect("a row comes to something").1;
    let judged = judged.map_err(|refusal| {
        if is_covered {
            return bad_record(refusal);
        }
        of_scope(refusal)
    })?;
    Ok((if judged.is_new { StatusCode::CREATED } else { StatusCode::OK }, judged))
}

/// What is about a location that is not the caller's.
pub(crate) fn of_scope(refusal: Refusal) -> Problem {
    let Refusal { field, got, expected, fix, .. } = refusal;
    forbidden(&format!("the token is not about {got}"), &fix).field(&field, got, expected)
}

pub(crate) fn bad_record(refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    let Refusal { field, got, expected, fix, .. } = refusal;
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-record", "The record cannot be taken in", detail)
        .field(&field, got, expected)
        .fix(fix)
}

/// Says what a request says about one record, which its path names where `given`, and shows the record as it is then.
pub(crate) async fn say_row<R>(
    (app, caller): (&App, &Caller),
    table: MasterTable,
    given: Option<MasterKey>,
    (headers, bytes): (&HeaderMap, Result<Bytes, BytesRejection>),
    is_whole: bool,
    shown: fn(&Judged) -> R,
) -> Result<(StatusCode, Json<R>), Problem> {
    media_type(headers, &["application/json"])?;
    let row = read_master_row(table, &body(bytes)?, given.as_ref()).map_err(bad_record)?;
    let (status, judged) = say_one(app, caller, row, is_whole).await?;
    Ok((status, Json(shown(&judged))))
}

/// The lines of a request that are not blank.
pub(crate) fn lines_of(bytes: &[u8]) -> Result<impl Iterator<Item = (Position, &[u8])>, Problem> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = (1..).zip(text.split(|&byte| byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    let n = lines.clone().count();
    if n > MAX_ENTRIES {
        return Err(too_large(format!("the request has {n} rows, at most {MAX_ENTRIES} are taken")));
    }
    Ok(lines.map(|(line, row)| (Position::Line(line), row)))
}

/// Says something about many records, a line of JSON each: fields that a line does not name stay. All lines are judged, and
/// those that cannot be taken in stop nothing.
pub(crate) async fn say_many(
    app: &App,
    caller: &Caller,
    table: MasterTable,
    headers: &HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    media_type(headers, &[NDJSON])?;
    let bytes = body(bytes)?;
    let rows = lines_of(&bytes)?.map(|(position, row)| (position, read_master_row(table, row, None))).collect();
    let said = say(app, caller, table, rows, false).await?;
    let mut answer = BulkAnswer::default();
    for (position, row) in said {
        answer.count(position, row.map(|row| (row.is_change(), row.is_new)));
    }
    Ok(Json(answer))
}

/// Ends a record with the day before today, where it does not end before: nothing refers to what is gone.
async fn end(app: &App, caller: &Caller, record: MasterKey, field: &str) -> Result<Judged, Problem> {
    let files = app.planning.file_tables()?;
    let (now, is_known) = {
        let projection = app.writer.projection()?;
        Masters::new(&files, &projection.masters, record.table(), 1).record(&record)
    };
    if !is_known || !caller.covers(record.location_id()) {
        return Err(Problem::not_found(format!("{} is not known", record.subject())));
    }
    let yesterday = app.today().plus(-1);
    let begun = match &now {
        MasterRecord::Item(item) => (item.launch, item.end),
        MasterRecord::ItemLocation(row) => (row.listed_from, row.listed_to),
        MasterRecord::Source(row) => (row.effective_from, row.effective_to),
        _ => (None, None),
    };
    // What has not begun ends before it begins, on the day on which it would.
    let last = begun.0.map_or(yesterday, |first| first.max(yesterday));
    let last = begun.1.map_or(last, |end| end.min(last));
    let fields = [(field.to_owned(), Some(last.to_string()))].into();
    Ok(say_one(app, caller, MasterChange { record, fields }, false).await?.1)
}

/// Removes a record that nobody refers to: what files say about it holds no more, until somebody says something about it
/// again.
pub(crate) async fn remove(app: &App, caller: &Caller, record: MasterKey) -> Result<StatusCode, Problem> {
    let (files, key) = (app.planning.file_tables()?, record.clone());
    let look = move |app: &App| {
        let projection = app.writer.projection()?;
        let masters = Masters::new(&files, &projection.masters, MasterTable::Sources, usize::MAX);
        let users = match &key {
            MasterKey::Calendar(id) => masters.users_of_calendar(id),
            _ => BTreeSet::new(),
        };
        Ok::<_, Problem>((masters.record(&key).1, users))
    };
    let (is_known, users) = blocking(app, look).await??;
    if !is_known {
        return Err(Problem::not_found(format!("{} is not known", record.subject())));
    }
    if !users.is_empty() {
        let (n, first) = (users.len(), users.into_iter().take(MAX_NAMED_USERS).collect::<Vec<_>>().join(", "));
        let more = if n > MAX_NAMED_USERS { format!(" and {} more", n - MAX_NAMED_USERS) } else { String::new() };
        let detail = format!("{} is used by {first}{more}", record.subject());
        return Err(Problem::new(StatusCode::CONFLICT, "in-use", "Others refer to the record", detail)
            .fix("give them another one first, or clear the field by which they refer to it"));
    }
    let fields = [(REMOVED.to_owned(), Some("true".to_owned()))].into();
    say_one(app, caller, MasterChange { record, fields }, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says how items are, a line of JSON each, and writes only what is new. Fields that a line does not name stay, `null`
/// clears them, items that nobody knew are made, and a line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/items",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_items(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Items, &headers, bytes).await
}

/// Says all of an item: fields that are not named are cleared. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/items/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = ItemRow),
        (status = 201, description = "the record, which nobody knew", body = ItemRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_item(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ItemRow>), Problem> {
    say_row((&app, &caller), MasterTable::Items, Some(MasterKey::Item(id)), (&headers, bytes), true, ItemRow::of).await
}

/// Says a part of an item: fields that are not named stay. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/items/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = ItemRow),
        (status = 201, description = "the record, which nobody knew", body = ItemRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_item(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ItemRow>), Problem> {
    say_row((&app, &caller), MasterTable::Items, Some(MasterKey::Item(id)), (&headers, bytes), false, ItemRow::of).await
}

/// Ends an item: yesterday was its last day of sale. Its history stays.
#[utoipa::path(
    delete,
    path = "/v1/items/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the record as it is now", body = ItemRow),
        (status = 404, description = "no such record", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_item(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<Json<ItemRow>, Problem> {
    Ok(Json(ItemRow::of(&end(&app, &caller, MasterKey::Item(id), "end_date").await?)))
}

/// Says how locations are, a line of JSON each, and writes only what is new. Fields that a line does not name stay, `null`
/// clears them, locations that nobody knew are made, and a line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/locations",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_locations(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Locations, &headers, bytes).await
}

/// Says all of a location: fields that are not named are cleared. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/locations/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = LocationRow),
        (status = 201, description = "the record, which nobody knew", body = LocationRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_location(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<LocationRow>), Problem> {
    say_row(
        (&app, &caller),
        MasterTable::Locations,
        Some(MasterKey::Location(id)),
        (&headers, bytes),
        true,
        LocationRow::of,
    )
    .await
}

/// Says a part of a location: fields that are not named stay. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/locations/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = LocationRow),
        (status = 201, description = "the record, which nobody knew", body = LocationRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_location(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<LocationRow>), Problem> {
    say_row(
        (&app, &caller),
        MasterTable::Locations,
        Some(MasterKey::Location(id)),
        (&headers, bytes),
        false,
        LocationRow::of,
    )
    .await
}

/// Says how suppliers are, a line of JSON each, and writes only what is new. Fields that a line does not name stay, `null`
/// clears them, suppliers that nobody knew are made, and a line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/suppliers",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_suppliers(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Suppliers, &headers, bytes).await
}

/// Says all of a supplier: fields that are not named are cleared. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/suppliers/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = SupplierRow),
        (status = 201, description = "the record, which nobody knew", body = SupplierRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_supplier(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SupplierRow>), Problem> {
    say_row(
        (&app, &caller),
        MasterTable::Suppliers,
        Some(MasterKey::Supplier(id)),
        (&headers, bytes),
        true,
        SupplierRow::of,
    )
    .await
}

/// Says a part of a supplier: fields that are not named stay. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/suppliers/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = SupplierRow),
        (status = 201, description = "the record, which nobody knew", body = SupplierRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_supplier(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SupplierRow>), Problem> {
    say_row(
        (&app, &caller),
        MasterTable::Suppliers,
        Some(MasterKey::Supplier(id)),
        (&headers, bytes),
        false,
        SupplierRow::of,
    )
    .await
}

/// Says how item-locations are, a line of JSON each, and writes only what is new. Fields that a line does not name stay, `null`
/// clears them, item-locations that nobody knew are made, and a line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/item-locations",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_item_locations(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::ItemLocations, &headers, bytes).await
}

/// Says all of the settings of an item-location: fields that are not named are cleared. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/item-locations/{item}/{location}",
    params(("item" = String, Path), ("location" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = SettingsRow),
        (status = 201, description = "the record, which nobody knew", body = SettingsRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_item_location(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(place): Place,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SettingsRow>), Problem> {
    say_row(
        (&app, &caller),
        MasterTable::ItemLocations,
        Some(MasterKey::ItemLocation(place)),
        (&headers, bytes),
        true,
        SettingsRow::of,
    )
    .await
}

/// Says a part of the settings of an item-location: fields that are not named stay. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/item-locations/{item}/{location}",
    params(("item" = String, Path), ("location" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = SettingsRow),
        (status = 201, description = "the record, which nobody knew", body = SettingsRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_item_location(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(place): Place,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SettingsRow>), Problem> {
    say_row(
        (&app, &caller),
        MasterTable::ItemLocations,
        Some(MasterKey::ItemLocation(place)),
        (&headers, bytes),
        false,
        SettingsRow::of,
    )
    .await
}

/// Delists an item at a location: yesterday was its last day there.
#[utoipa::path(
    delete,
    path = "/v1/item-locations/{item}/{location}",
    params(("item" = String, Path), ("location" = String, Path)),
    responses(
        (status = 200, description = "the record as it is now", body = SettingsRow),
        (status = 404, description = "no such record", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delist(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(place): Place,
) -> Result<Json<SettingsRow>, Problem> {
    Ok(Json(SettingsRow::of(&end(&app, &caller, MasterKey::ItemLocation(place), "listed_to").await?)))
}

/// Says how supply lanes are, a line of JSON each, and writes only what is new. Fields that a line does not name stay, `null`
/// clears them, supply lanes that nobody knew are made, and a line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/sources",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_sources(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Sources, &headers, bytes).await
}

/// Says all of a supply lane, which `to_location`, `supplier_id` or `from_location`, `item_id` or `category`, and `effective_from` name: fields that are not named are cleared. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/sources",
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = LaneRow),
        (status = 201, description = "the record, which nobody knew", body = LaneRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_source(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<LaneRow>), Problem> {
    say_row((&app, &caller), MasterTable::Sources, None, (&headers, bytes), true, LaneRow::of).await
}

/// Says a part of a supply lane, which `to_location`, `supplier_id` or `from_location`, `item_id` or `category`, and `effective_from` name: fields that are not named stay. `null` clears a field; one that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/sources",
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = LaneRow),
        (status = 201, description = "the record, which nobody knew", body = LaneRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_source(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<LaneRow>), Problem> {
    say_row((&app, &caller), MasterTable::Sources, None, (&headers, bytes), false, LaneRow::of).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LaneQuery {
    /// The receiving location; left out for a lane to every location.
    to_location: Option<String>,
    /// The supplier that it comes from.
    supplier_id: Option<String>,
    /// The location that it comes from.
    from_location: Option<String>,
    /// The item; left out for a lane of every item.
    item_id: Option<String>,
    /// The category that it serves.
    category: Option<String>,
    /// The first day on which it may be used, where the lane has one.
    effective_from: Option<String>,
}

/// Ends a supply lane: yesterday was the last day on which it might be used.
#[utoipa::path(
    delete,
    path = "/v1/sources",
    params(LaneQuery),
    responses(
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 200, description = "the record as it is now", body = LaneRow),
        (status = 404, description = "no such record", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_source(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<LaneQuery>,
) -> Result<Json<LaneRow>, Problem> {
    let LaneQuery { to_location, supplier_id, from_location, item_id, category, effective_from } = query;
    let origin = match (supplier_id, from_location) {
        (Some(id), None) => SupplyOrigin::Supplier(id),
        (None, Some(id)) => SupplyOrigin::Location(id),
        _ => return Err(Problem::bad_query("supplier_id", "none or two", "one of supplier_id and from_location")),
    };
    let bad_day =
        |text: &String| Problem::bad_query("effective_from", format!("{text:?}"), "a date such as 2026-03-02");
    let day = |text: String| text.parse::<Day>().map_err(|_| bad_day(&text));
    let effective_from = effective_from.map(day).transpose()?;
    let lane = Lane { to_location, origin, item_id, category, effective_from };
    Ok(Json(LaneRow::of(&end(&app, &caller, MasterKey::Source(lane), "effective_to").await?)))
}
