//! What is said about demand to come: overrides of forecasts, and forecasts of other systems. It becomes events, for what
//! differs from what is known.

use std::collections::{BTreeMap, HashMap};

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_core::said_demand::{DemandChange, ForecastOverride, GivenForecast, OverrideKey};
use restock_core::{Dataset, Day, Event, EventKind, ItemLocation, Money};
use restock_engine::ActingOverride;
use restock_ledger::{
    DemandWords, Incoming, Outcome, Position, Refusal, override_key, read_forecast_row, read_override, wire,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Name, ValidQuery, body, media_type, page_size};
use crate::masters::{not_covered, said_after};
use crate::names::fresh_name;
use crate::problem::Problem;
use crate::routes::blocking;
use crate::routes::master_changes::{BulkAnswer, NDJSON, bad_record, lines_of, of_scope};
use crate::routes::named::Named;
use crate::server::App;
use crate::writer::Signed;

/// What somebody says about a forecast.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverrideRow {
    id: String,
    /// The item; nothing for every item, or for those of a category.
    item_id: Option<String>,
    /// The location; nothing for every location.
    location_id: Option<String>,
    /// The category path whose items it is about.
    category: Option<String>,
    /// First day.
    from: String,
    /// Last day; it has expired after it.
    to: String,
    /// Demand is this multiple of the forecast, a decimal.
    factor: Option<String>,
    /// Whether it is a surge: what goes out on its days says nothing about the usual.
    surge: bool,
    /// Demand is this many base units over all its days, a decimal.
    quantity: Option<String>,
    reason: String,
    /// Who says it; empty when unknown.
    author: String,
    /// When it was said; nothing for a row of a file.
    said_at: Option<String>,
}

impl From<ActingOverride> for OverrideRow {
    fn from(said: ActingOverride) -> Self {
        let (factor, quantity) = match said.change {
            DemandChange::Factor(factor) | DemandChange::Surge(factor) => (Some(factor.normalize().to_string()), None),
            DemandChange::Quantity(quantity) => (None, Some(quantity.to_string())),
        };
        Self {
            id: said.id,
            item_id: said.item_id,
            location_id: said.location_id,
            category: said.category,
            from: said.from.to_string(),
            to: said.to.to_string(),
            factor,
            surge: matches!(said.change, DemandChange::Surge(_)),
            quantity,
            reason: said.reason,
            author: said.author,
            said_at: said.said_at,
        }
    }
}

/// An override as it is said; `None` of what was taken back.
fn acting(said: ForecastOverride, at: Option<Timestamp>) -> Option<ActingOverride> {
    let id = said.key.id();
    let OverrideKey { item_id, location_id, category, from, to } = said.key;
    Some(ActingOverride {
        id,
        item_id,
        location_id,
        category,
        from,
        to,
        change: said.change?,
        reason: said.reason,
        author: said.author,
        said_at: at.map(|at| at.to_string()),
    })
}

/// What files and events say together, in no order that means anything; of rows of files with the same key the last counts.
pub(crate) fn known(files: &Dataset, words: &DemandWords) -> Vec<ActingOverride> {
    let mut all: BTreeMap<OverrideKey, Option<ActingOverride>> = BTreeMap::new();
    for row in &files.forecast_overrides {
        all.insert(override_key(files, row), Some(ActingOverride::of(files, row)));
    }
    for word in words.overrides() {
        all.insert(word.said.key.clone(), acting(word.said, Some(word.at)));
    }
    all.into_values().flatten().collect()
}

/// What a request says about a forecast.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the ledger reads exactly")]
pub(crate) struct OverrideBody {
    /// The item.
    item_id: Option<String>,
    /// The location; left out for every location.
    location_id: Option<String>,
    /// The category path whose items it is about, in place of an item.
    category: Option<String>,
    /// First day.
    #[schema(format = Date)]
    from: String,
    /// Last day; the override expires after it.
    #[schema(format = Date)]
    to: String,
    /// Demand is this multiple of the forecast, from 0 to 1,000.
    factor: Option<f64>,
    /// Whether it is a surge, such as an epidemic: days of it are divided by the factor before forecasts learn from them.
    surge: Option<bool>,
    /// Demand is this many base units over all days; of one item at one location only.
    quantity: Option<f64>,
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Events as every other system would send them; what cannot be read again is refused before it is written.
pub(crate) fn checked(event: Event) -> Result<Incoming, Refusal> {
    wire::read_event(wire::write(&event).as_bytes()).map(Incoming::from_event)
}

fn signed(
    caller: &Caller,
    action: &'static str,
    subject: String,
    sides: [Option<&ActingOverride>; 2],
) -> Option<Signed> {
    let text = |said: Option<&ActingOverride>| said.map_or_else(String::new, |said| said_text(said).to_string());
    let [before, after] = sides.map(text);
    let actor = caller.name.clone();
    caller.role.is_person().then_some(Signed { actor, action, subject, before, after: Some(after) })
}

fn said_text(said: &ActingOverride) -> Value {
    let change = match said.change {
        DemandChange::Factor(factor) => json!({"factor": factor.normalize().to_string()}),
        DemandChange::Surge(factor) => json!({"factor": factor.normalize().to_string(), "surge": true}),
        DemandChange::Quantity(quantity) => json!({"quantity": quantity.to_string()}),
    };
    let mut text = json!({"from": said.from.to_string(), "to": said.to.to_string(), "reason": said.reason});
    let whom = [("item_id", &said.item_id), ("location_id", &said.location_id), ("category", &said.category)];
    let fields = text.as_object_mut().expect("it is an object");
    fields.extend(whom.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id.clone()?.into()))));
    fields.extend(change.as_object().expect("it is an object").clone());
    text
}

/// Writes events together, and takes what cannot be written for a record that is wrong.
async fn append(app: &App, entries: Vec<Incoming>, signed: Option<Signed>) -> Result<(), Problem> {
    for outcome in app.writer.append(entries, signed).await? {
        match outcome {
            Outcome::Accepted { .. } | Outcome::Duplicate { .. } => {}
            Outcome::Quarantined { reason, .. } => return Err(bad_record(reason)),
            Outcome::Conflict { .. } => return Err(Problem::internal("two requests had one name")),
        }
    }
    Ok(())
}

/// Says how demand will differ from the forecast: by a factor, or, for an item at a location, by the total over the days.
/// What is said last about the same item, location, category and days holds; it expires after its last day. Of several for a
/// day the narrowest holds: an item before a category, a category before a location alone. The plan of the item follows at
/// once, those of a category or a location with the next settling.
#[utoipa::path(
    post,
    path = "/v1/forecasts:override",
    request_body = OverrideBody,
    responses(
        (status = 200, description = "the override, which was said before", body = OverrideRow),
        (status = 201, description = "the override", body = OverrideRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not an override", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn say_override(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<OverrideRow>), Problem> {
    media_type(&headers, &["application/json"])?;
    let said = read_override(&body(bytes)?, &caller.name).map_err(bad_record)?;
    let location_id = said.key.location_id.as_deref();
    if !caller.covers(location_id) {
        return Err(of_scope(not_covered(&caller, "location_id", location_id)));
    }
    let OverrideKey { item_id, location_id, category, .. } = &said.key;
    let about = Named::about(item_id.as_deref(), location_id.as_deref(), category.as_deref());
    if let Some(refusal) = about.unknown(&app).await?.refusal() {
        return Err(bad_record(refusal));
    }
    let files = app.planning.file_tables()?;
    let (event_id, now) = (fresh_name()?, (app.clock)());
    let (before, last) = {
        let projection = app.writer.projection()?;
        let words = projection.masters.demand();
        let last = words.override_of(&said.key).map(|word| word.at);
        (known(&files, words).into_iter().find(|one| one.id == said.key.id()), last)
    };
    let at = said_after(last, now);
    let row = acting(said.clone(), Some(at)).expect("it says a change");
    let location = |id: &str| [(header::LOCATION, format!("/v1/forecasts/overrides/{id}"))];
    let is_same =
        |known: &ActingOverride| (known.change, &known.reason, &known.author) == (row.change, &row.reason, &row.author);
    if let Some(known) = before.clone().filter(is_same) {
        return Ok((StatusCode::OK, location(&known.id), Json(known.into())));
    }
    let event = Event {
        event_id,
        source: format!("api/{}", caller.name),
        occurred_at: at,
        kind: EventKind::ForecastOverride(Box::new(said)),
        attributes: BTreeMap::new(),
    };
    let entry = checked(event).map_err(bad_record)?;
    let signed = signed(&caller, "forecast.override", row.id.clone(), [before.as_ref(), Some(&row)]);
    append(&app, vec![entry], signed).await?;
    Ok((StatusCode::CREATED, location(&row.id), Json(row.into())))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TakeBackQuery {
    /// Whether a surge that has begun is taken back as if it had never been said; it ends yesterday where nothing is said.
    entirely: Option<bool>,
}

/// Takes an override back: forecasts are as they were without it. One of a file stays taken back until somebody says it
/// again. A surge that has begun ends yesterday, so that its days go on counting as such; `entirely` takes it back for good.
#[utoipa::path(
    delete,
    path = "/v1/forecasts/overrides/{id}",
    params(("id" = String, Path), TakeBackQuery),
    responses(
        (status = 200, description = "the override as it was", body = OverrideRow),
        (status = 400, description = "bad path", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such override", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "it cannot be taken back", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn take_back(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    ValidQuery(TakeBackQuery { entirely }): ValidQuery<TakeBackQuery>,
) -> Result<Json<OverrideRow>, Problem> {
    let files = app.planning.file_tables()?;
    let (event_id, now) = (fresh_name()?, (app.clock)());
    let found = {
        let projection = app.writer.projection()?;
        let words = projection.masters.demand();
        let said = known(&files, words).into_iter().find(|one| one.id == id && is_seen(&caller, one));
        said.map(|said| {
            let key = key_of(&said);
            let last = words.override_of(&key).map(|word| word.at);
            (said, key, last)
        })
    };
    let no_such =
        || Problem::not_found("there is no such override now").fix("GET /v1/forecasts/overrides lists those there are");
    let (said, key, last) = found.ok_or_else(no_such)?;
    if !caller.covers(said.location_id.as_deref()) {
        return Err(of_scope(not_covered(&caller, "location_id", said.location_id.as_deref())));
    }
    let yesterday = app.today().plus(-1);
    let has_begun = matches!(said.change, DemandChange::Surge(_)) && said.from <= yesterday && said.to > yesterday;
    // What is left of it is another override, because its days name it.
    let left = (has_begun && entirely != Some(true)).then(|| {
        let key = OverrideKey { to: yesterday, ..key.clone() };
        let (change, reason, author) = (Some(said.change), said.reason.clone(), said.author.clone());
        ForecastOverride { key, change, reason, author }
    });
    let taken_back = ForecastOverride { key, change: None, reason: String::new(), author: caller.name.clone() };
    let after = left.clone().and_then(|left| acting(left, Some(now)));
    let mut entries = Vec::new();
    for (number, said) in left.into_iter().chain([taken_back]).enumerate() {
        let event = Event {
            event_id: if number == 0 { event_id.clone() } else { format!("{event_id}-{number}") },
            source: format!("api/{}", caller.name),
            occurred_at: said_after(last, now),
            kind: EventKind::ForecastOverride(Box::new(said)),
            attributes: BTreeMap::new(),
        };
        entries.push(checked(event).map_err(bad_record)?);
    }
    append(&app, entries, signed(&caller, "forecast.take_back", id, [Some(&said), after.as_ref()])).await?;
    Ok(Json(said.into()))
}

fn key_of(said: &ActingOverride) -> OverrideKey {
    OverrideKey {
        item_id: said.item_id.clone(),
        location_id: said.location_id.clone(),
        category: said.category.clone(),
        from: said.from,
        to: said.to,
    }
}

/// Those about every location are about the caller's own too.
fn is_seen(caller: &Caller, said: &ActingOverride) -> bool {
    said.location_id.is_none() || caller.covers(said.location_id.as_deref())
}

/// A page of overrides.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverridePage {
    overrides: Vec<OverrideRow>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OverrideQuery {
    /// Of this item only.
    item: Option<String>,
    /// At this location only.
    location: Option<String>,
    /// Whether those that have expired are among them; they are not where nothing is said.
    expired: Option<bool>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// What people say about forecasts, by first day, last day and id.
#[utoipa::path(
    get,
    path = "/v1/forecasts/overrides",
    params(OverrideQuery),
    responses(
        (status = 200, description = "a page of overrides", body = OverridePage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn overrides(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<OverrideQuery>,
) -> Result<Json<OverridePage>, Problem> {
    let limit = page_size(query.limit)?;
    let after = cursor_of(query.cursor.as_deref())?;
    let OverrideQuery { item, location, expired, .. } = query;
    let files = app.planning.file_tables()?;
    let today = app.today();
    // Where data end before today, those that act on the plan of that day have not expired.
    let planned_for = app.planning.ask(|planner| planner.standing().map(|standing| standing.as_of)).await?;
    let today = planned_for.map_or(today, |day| day.min(today));
    let mut found = known(&files, app.writer.projection()?.masters.demand());
    let is_same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
    found.retain(|said| {
        is_seen(&caller, said)
            && is_same(&item, &said.item_id)
            && is_same(&location, &said.location_id)
            && (expired == Some(true) || today <= said.to)
    });
    let place = |said: &ActingOverride| (said.from, said.to, said.id.clone());
    found.sort_by_key(place);
    found.retain(|said| after.as_ref().is_none_or(|after| place(said) > *after));
    let next_cursor = (found.len() > limit).then(|| {
        let (from, to, id) = place(&found[limit - 1]);
        format!("{from}/{to}/{id}")
    });
    found.truncate(limit);
    Ok(Json(OverridePage { overrides: found.into_iter().map(Into::into).collect(), next_cursor }))
}

fn cursor_of(text: Option<&str>) -> Result<Option<(Day, Day, String)>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let mut parts = text.splitn(3, '/');
    let mut day = || parts.next()?.parse::<Day>().ok();
    let read = match (day(), day()) {
        (Some(from), Some(to)) => parts.next().map(|id| (from, to, id.to_owned())),
        _ => None,
    };
    let refused = || Problem::bad_query("cursor", format!("{text:?}"), "next_cursor of the page before");
    read.map(Some).ok_or_else(refused)
}

/// A forecast of another system.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the ledger reads exactly")]
pub(crate) struct ForecastRow {
    item_id: String,
    location_id: String,
    /// First day of a period of the plan.
    #[schema(format = Date)]
    date: String,
    /// Expected demand, base units.
    mean: Option<f64>,
    /// Quantiles by level, base units; they may stand beside the other fields too, such as `q0.95`.
    quantiles: Option<BTreeMap<String, f64>>,
}

/// Rows of forecasts as files and events have them.
struct Given<'a> {
    words: &'a DemandWords,
    /// By item, location and day; of rows of files with the same key the last counts.
    of_files: HashMap<(ItemLocation, Day), GivenForecast>,
    /// As earlier rows of the request leave them.
    earlier: HashMap<(ItemLocation, Day), GivenForecast>,
}

impl<'a> Given<'a> {
    fn new(files: &Dataset, words: &'a DemandWords) -> Self {
        let decimal = |value: f64| Money::try_from(value).ok().map(|value| value.normalize());
        let row = |row: &restock_core::dataset::GivenForecastRow| {
            let item_id = files.items[row.item.0 as usize].item_id.clone();
            let place = ItemLocation::new(item_id, &files.locations[row.location.0 as usize].location_id);
            let quantiles = row.quantiles.iter();
            let quantiles = quantiles.filter_map(|(level, value)| Some((decimal(*level)?, decimal(*value)?))).collect();
            let given =
                GivenForecast { place: place.clone(), day: row.day, mean: row.mean.and_then(decimal), quantiles };
            ((place, row.day), given)
        };
        Self { words, of_files: files.forecasts.iter().map(row).collect(), earlier: HashMap::new() }
    }

    /// Takes in a row; whether it says something new, and whether nobody said anything about its period.
    fn take(&mut self, given: &GivenForecast) -> (bool, bool) {
        let key = (given.place.clone(), given.day);
        let known = self.earlier.get(&key).cloned();
        let known = known.or_else(|| self.words.given(&given.place, given.day));
        let known = known.or_else(|| self.of_files.get(&key).cloned());
        let (is_changed, is_new) = (known.as_ref() != Some(given), known.is_none());
        self.earlier.insert(key, given.clone());
        (is_changed, is_new)
    }
}

/// A row of a request, and what became of it: whether it is a change, and whether its period is new.
type Judged = (Position, Result<(bool, bool), Refusal>);

/// Says what another system expects, a line of JSON each, or one row as JSON, and writes only what is new. A row is an item at
/// a location in one period: its mean, quantiles at any levels, or both; what is said last about a period holds. It is used
/// where the settings say `forecast.model = "external"`. A line that cannot be taken in stops nothing.
#[utoipa::path(
    post,
    path = "/v1/forecasts",
    request_body(content(
        (String = "application/x-ndjson"),
        (ForecastRow = "application/json"),
    )),
    responses(
        (status = 200, description = "what became of the lines", body = BulkAnswer),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn give(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BulkAnswer>, Problem> {
    let content = media_type(&headers, &[NDJSON, "application/json"])?;
    let bytes = body(bytes)?;
    let rows: Vec<(Position, Result<GivenForecast, Refusal>)> = if content == NDJSON {
        lines_of(&bytes)?.map(|(position, row)| (position, read_forecast_row(row))).collect()
    } else {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        vec![(Position::Whole, read_forecast_row(text))]
    };
    let files = app.planning.file_tables()?;
    let (source, request) = (format!("api/{}", caller.name), fresh_name()?);
    let of_caller = caller.clone();
    let judge = move |app: &App| {
        let projection = app.writer.projection()?;
        let now = (app.clock)();
        let mut known = Given::new(&files, projection.masters.demand());
        let mut entries = Vec::new();
        let mut judge = |row: Result<GivenForecast, Refusal>| {
            let given = row?;
            let location_id = Some(given.place.location_id.as_str());
            if !of_caller.covers(location_id) {
                return Err(not_covered(&of_caller, "location_id", location_id));
            }
            let at = said_after(known.words.given_at(&given.place, given.day), now);
            let (is_changed, is_new) = known.take(&given);
            if is_changed {
                entries.push(checked(Event {
                    event_id: format!("{request}-{:05}", entries.len()),
                    source: source.clone(),
                    occurred_at: at,
                    kind: EventKind::ForecastGiven(Box::new(given)),
                    attributes: BTreeMap::new(),
                })?);
            }
            Ok((is_changed, is_new))
        };
        let judged: Vec<Judged> = rows.into_iter().map(|(position, row)| (position, judge(row))).collect();
        Ok::<_, Problem>((judged, entries))
    };
    let (mut judged, entries) = blocking(&app, judge).await??;
    if !entries.is_empty() {
        let signed = caller.role.is_person().then(|| Signed {
            actor: caller.name.clone(),
            action: "forecast.give",
            subject: "forecasts".to_owned(),
            before: String::new(),
            after: None,
        });
        let mut outcomes = app.writer.append(entries, signed).await?.into_iter();
        for (_, row) in judged.iter_mut().filter(|(_, row)| matches!(row, Ok((true, _)))) {
            match outcomes.next() {
                Some(Outcome::Accepted { .. } | Outcome::Duplicate { .. }) => {}
                Some(Outcome::Quarantined { reason, .. }) => *row = Err(reason),
                Some(Outcome::Conflict { .. }) | None => return Err(Problem::internal("two requests had one name")),
            }
        }
    }
    let mut answer = BulkAnswer::default();
    judged.into_iter().for_each(|(position, row)| answer.count(position, row));
    Ok(Json(answer))
}
