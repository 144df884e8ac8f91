//! Calendars, units of measure and segments: read, said over and removed.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use restock_core::dataset::{Calendar, SegmentRow, UomRow};
use restock_core::master::{Master, MasterKey, MasterRecord, MasterTable};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{ItemUnit, Name, ValidQuery, page_size, rows_before};
use crate::masters::{Judged, Masters};
use crate::problem::Problem;
use crate::routes::blocking;
use crate::routes::master_changes::{BulkAnswer, MasterFields, remove, say_many, say_row};
use crate::server::App;

/// A record as it is known.
fn find(app: &App, key: &MasterKey) -> Result<MasterRecord, Problem> {
    let files = app.planning.file_tables()?;
    let projection = app.writer.projection()?;
    let (record, is_known) = Masters::new(&files, &projection.masters, key.table(), 1).record(key);
    if is_known { Ok(record) } else { Err(Problem::not_found(format!("{} is not known", key.subject()))) }
}

/// A calendar: the days that count, such as days on which somebody is open or takes orders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CalendarRow {
    calendar_id: String,
    /// Weekdays that count, such as `mon thu`; `none` where none does.
    weekdays: String,
    /// Days that differ from them: `true` where one counts.
    exceptions: BTreeMap<String, bool>,
}

impl CalendarRow {
    fn new(calendar_id: &str, calendar: &Calendar) -> Self {
        let exceptions = calendar.exceptions.iter().map(|(day, is_open)| (day.to_string(), *is_open)).collect();
        let mut own = Calendar { weekdays: calendar.weekdays, ..Calendar::default() };
        let weekdays = own.get("weekdays").unwrap_or_else(|| calendar.weekdays.to_string());
        Self { calendar_id: calendar_id.to_owned(), weekdays, exceptions }
    }

    fn of(judged: &Judged) -> Self {
        Self::of_record(&judged.key, &judged.record)
    }

    fn of_record(key: &MasterKey, record: &MasterRecord) -> Self {
        match (key, record) {
            (MasterKey::Calendar(id), MasterRecord::Calendar(calendar)) => Self::new(id, calendar),
            _ => unreachable!("a calendar was asked for"),
        }
    }
}

/// All calendars.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CalendarList {
    calendars: Vec<CalendarRow>,
}

/// Calendars by id: open days, order days and days without deliveries, with all that is said about them by now.
#[utoipa::path(
    get,
    path = "/v1/calendars",
    responses(
        (status = 200, description = "all calendars", body = CalendarList),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn calendars(State(app): State<App>) -> Result<Json<CalendarList>, Problem> {
    let mut calendars = app.planning.file_tables()?.calendars.clone();
    app.writer.projection()?.masters.say_calendars(&mut calendars);
    let rows = calendars.iter().map(|(id, calendar)| CalendarRow::new(id, calendar));
    Ok(Json(CalendarList { calendars: rows.collect() }))
}

/// A calendar.
#[utoipa::path(
    get,
    path = "/v1/calendars/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the calendar", body = CalendarRow),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such calendar", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn calendar(State(app): State<App>, Name(id): Name) -> Result<Json<CalendarRow>, Problem> {
    let key = MasterKey::Calendar(id);
    Ok(Json(CalendarRow::of_record(&key, &find(&app, &key)?)))
}

/// Says how calendars are, a line of JSON each, and writes only what is new: `weekdays`, and in `exceptions` days that differ
/// from them. What a line does not name stays, `null` clears it, calendars that nobody knew are made, and a line that cannot
/// be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/calendars",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_calendars(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Calendars, &headers, bytes).await
}

/// Says all of a calendar: days that are not named are as their weekday. One that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/calendars/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = CalendarRow),
        (status = 201, description = "the record, which nobody knew", body = CalendarRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_calendar(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<CalendarRow>), Problem> {
    let key = Some(MasterKey::Calendar(id));
    say_row((&app, &caller), MasterTable::Calendars, key, (&headers, bytes), true, CalendarRow::of).await
}

/// Says a part of a calendar: what is not named stays, and `null` clears a day. One that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/calendars/{id}",
    params(("id" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = CalendarRow),
        (status = 201, description = "the record, which nobody knew", body = CalendarRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_calendar(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<CalendarRow>), Problem> {
    let key = Some(MasterKey::Calendar(id));
    say_row((&app, &caller), MasterTable::Calendars, key, (&headers, bytes), false, CalendarRow::of).await
}

/// Removes a calendar that no location, supplier or supply lane refers to. What files say about it holds no more, until
/// somebody says something about it again.
#[utoipa::path(
    delete,
    path = "/v1/calendars/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "it is removed"),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such calendar", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "others refer to it, or nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a name that no event can say", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove_calendar(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, MasterKey::Calendar(id)).await
}

/// A unit of measure of an item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UomBody {
    item_id: String,
    /// Such as `case12`.
    uom: String,
    /// Base units in one of these, a decimal.
    factor: String,
}

impl UomBody {
    fn of(judged: &Judged) -> Self {
        Self::of_record(&judged.key, &judged.record)
    }

    fn of_record(key: &MasterKey, record: &MasterRecord) -> Self {
        match (key, record) {
            (MasterKey::Uom { item_id, uom }, MasterRecord::Uom(row)) => {
                Self { item_id: item_id.clone(), uom: uom.clone(), factor: row.factor.to_string() }
            }
            _ => unreachable!("a unit was asked for"),
        }
    }
}

/// A page of units of measure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UomPage {
    /// Those of files in their order, and then those of events.
    uoms: Vec<UomBody>,
    /// What to give as `from` for the next page; nothing on the last page.
    next_from: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UomQuery {
    /// Of this item only.
    item_id: Option<String>,
    /// Where to go on: `next_from` of the page before.
    #[param(minimum = 0)]
    from: Option<u64>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Units of measure beside the base units of items, with all that is said about them by now.
#[utoipa::path(
    get,
    path = "/v1/uoms",
    params(UomQuery),
    responses(
        (status = 200, description = "a page of units", body = UomPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn uoms(
    State(app): State<App>,
    ValidQuery(query): ValidQuery<UomQuery>,
) -> Result<Json<UomPage>, Problem> {
    let (limit, from) = (page_size(query.limit)?, rows_before(query.from)?);
    let files = app.planning.file_tables()?;
    let page = move |app: &App| {
        let projection = app.writer.projection()?;
        let words = &projection.masters;
        let said = || words.records_from(&MasterKey::Uom { item_id: String::new(), uom: String::new() });
        let masters = Masters::new(&files, words, MasterTable::Uoms, said().count());
        let of_files = files.uoms.iter().map(|row: &UomRow| {
            let key =
                MasterKey::Uom { item_id: files.items[row.item.0 as usize].item_id.clone(), uom: row.uom.clone() };
            (key, Some(row))
        });
        let is_alone = |key: &&MasterKey| matches!(key, MasterKey::Uom { .. }) && !masters.is_in_files(key);
        let of_events = said().filter(is_alone).map(|key| (key.clone(), None));
        // A unit that was removed keeps its number, so that pages go on where they ended.
        let row = |(number, (key, row)): (u64, (MasterKey, Option<&UomRow>))| {
            let mut record = match row {
                Some(row) if !words.is_made_anew(&key) => MasterRecord::Uom(row.clone()),
                Some(_) if !words.has(&key) => return None,
                _ => MasterRecord::blank(&key),
            };
            words.overlay(&key, &mut record);
            // Without a factor it is no unit.
            record.get("factor").map(|_| (number, UomBody::of_record(&key, &record)))
        };
        let numbered = (0_u64..).zip(of_files.chain(of_events)).skip(from);
        let is_asked_for = |key: &MasterKey| query.item_id.is_none() || query.item_id.as_deref() == key.item_id();
        let mut found = numbered.filter(|(_, (key, _))| is_asked_for(key)).filter_map(row);
        let uoms = found.by_ref().take(limit).map(|(_, row)| row).collect();
        Ok::<_, Problem>(UomPage { uoms, next_from: found.next().map(|(number, _)| number) })
    };
    Ok(Json(blocking(&app, page).await??))
}

/// A unit of measure.
#[utoipa::path(
    get,
    path = "/v1/uoms/{item}/{unit}",
    params(("item" = String, Path), ("unit" = String, Path)),
    responses(
        (status = 200, description = "the unit", body = UomBody),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such unit", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn uom(State(app): State<App>, ItemUnit(key): ItemUnit) -> Result<Json<UomBody>, Problem> {
    let mut record = find(&app, &key)?;
    match record.get("factor") {
        Some(_) => Ok(Json(UomBody::of_record(&key, &record))),
        None => Err(Problem::not_found(format!("{} is not known", key.subject()))),
    }
}

/// Says how units of measure are, a line of JSON each, and writes only what is new. Units that nobody knew are made, and a
/// line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/uoms",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_uoms(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Uoms, &headers, bytes).await
}

/// Says all of a unit of measure: how many base units are in one, more than 0. One that nobody knew is made.
#[utoipa::path(
    put,
    path = "/v1/uoms/{item}/{unit}",
    params(("item" = String, Path), ("unit" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = UomBody),
        (status = 201, description = "the record, which nobody knew", body = UomBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_uom(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ItemUnit(key): ItemUnit,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<UomBody>), Problem> {
    let key = Some(key);
    say_row((&app, &caller), MasterTable::Uoms, key, (&headers, bytes), true, UomBody::of).await
}

/// Says a part of a unit of measure. One that nobody knew is made.
#[utoipa::path(
    patch,
    path = "/v1/uoms/{item}/{unit}",
    params(("item" = String, Path), ("unit" = String, Path)),
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = UomBody),
        (status = 201, description = "the record, which nobody knew", body = UomBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_uom(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ItemUnit(key): ItemUnit,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<UomBody>), Problem> {
    let key = Some(key);
    say_row((&app, &caller), MasterTable::Uoms, key, (&headers, bytes), false, UomBody::of).await
}

/// Removes a unit of measure. What files say about it holds no more, until somebody says something about it again.
#[utoipa::path(
    delete,
    path = "/v1/uoms/{item}/{unit}",
    params(("item" = String, Path), ("unit" = String, Path)),
    responses(
        (status = 204, description = "it is removed"),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such unit", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a name that no event can say", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove_uom(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ItemUnit(key): ItemUnit,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, key).await
}

/// A segment: item-locations for which another objective or policy holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SegmentBody {
    /// The filter of its item-locations, which names it.
    r#where: String,
    /// `economics` where costs decide, whatever is said about service.
    mode: Option<String>,
    /// How service is measured: `cycle`, `fill_rate` or `in_stock`; as elsewhere where only the target is said.
    service_type: Option<String>,
    /// From above 0 to 0.999999; as elsewhere where only the type is said.
    service_target: Option<f64>,
    /// The policy for these.
    policy: Option<String>,
    /// Lower comes first.
    priority: i32,
}

impl SegmentBody {
    fn new(mut row: SegmentRow) -> Self {
        Self {
            mode: row.get("mode"),
            service_type: row.get("service_type"),
            service_target: row.service_target,
            priority: row.priority,
            r#where: row.filter,
            policy: row.policy,
        }
    }

    fn of(judged: &Judged) -> Self {
        match &judged.record {
            MasterRecord::Segment(row) => Self::new(row.clone()),
            _ => unreachable!("a segment was asked for"),
        }
    }
}

/// All segments.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SegmentList {
    /// The first whose filter holds counts. Lower priorities come first; of equal ones those of `restock.toml` in their
    /// order, and then the others by their filters.
    segments: Vec<SegmentBody>,
}

/// Segments of the settings, for which another objective or policy holds, with all that is said about them by now.
#[utoipa::path(
    get,
    path = "/v1/segments",
    responses(
        (status = 200, description = "all segments", body = SegmentList),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn segments(State(app): State<App>) -> Result<Json<SegmentList>, Problem> {
    let mut segments = app.planning.file_tables()?.segments.clone();
    app.writer.projection()?.masters.say_segments(&mut segments);
    Ok(Json(SegmentList { segments: segments.into_iter().map(SegmentBody::new).collect() }))
}

/// Says how segments are, a line of JSON each, which `where` names, and writes only what is new. What a line does not name
/// stays, `null` clears it, segments that nobody knew are made, and a line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/segments",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_segments(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    say_many(&app, &caller, MasterTable::Segments, &headers, bytes).await
}

/// Says all of a segment, which `where` names: what else is not named is cleared. One that nobody knew is made. What is said
/// holds over what `restock.toml` says of the same filter.
#[utoipa::path(
    put,
    path = "/v1/segments",
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = SegmentBody),
        (status = 201, description = "the record, which nobody knew", body = SegmentBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put_segment(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SegmentBody>), Problem> {
    let key = None;
    say_row((&app, &caller), MasterTable::Segments, key, (&headers, bytes), true, SegmentBody::of).await
}

/// Says a part of a segment, which `where` names: what is not named stays, and `null` clears a field. One that nobody knew is
/// made.
#[utoipa::path(
    patch,
    path = "/v1/segments",
    request_body = MasterFields,
    responses(
        (status = 200, description = "the record as it is now", body = SegmentBody),
        (status = 201, description = "the record, which nobody knew", body = SegmentBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field that may not say this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn patch_segment(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SegmentBody>), Problem> {
    let key = None;
    say_row((&app, &caller), MasterTable::Segments, key, (&headers, bytes), false, SegmentBody::of).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SegmentQuery {
    /// The filter of the segment.
    r#where: String,
}

/// Removes a segment. What `restock.toml` says of the same filter holds no more, until somebody says something about it again.
#[utoipa::path(
    delete,
    path = "/v1/segments",
    params(SegmentQuery),
    responses(
        (status = 204, description = "it is removed"),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such segment", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a name that no event can say", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove_segment(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<SegmentQuery>,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, MasterKey::Segment(query.r#where.trim().to_owned())).await
}
