//! Stock and open orders by item-location.

use std::collections::BTreeSet;
use std::ops::Bound;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::event::SupplyOrigin;
use restock_core::{Day, ItemLocation, Quantity};
use restock_ledger::{FileStock, Ledger, LedgerError, Lot, OpenOrder, SeenStock, StockBook, seen_in_events};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{ValidQuery, day_of_query, page_size};
use crate::limits::{CATCH_UP_PAGE, MAX_PAGE_OF_PAST};
use crate::planner::{PastFiles, Unanswered};
use crate::problem::Problem;
use crate::server::App;

/// A line of an order that is still on its way.
#[derive(Debug, Serialize, ToSchema)]
struct OrderRow {
    order_id: String,
    /// Units wanted, after confirmations and partial cancellations, a decimal.
    quantity: String,
    /// Units received of them, a decimal.
    received: String,
    /// Units still to come, a decimal.
    open: String,
    /// The supplier that they come from.
    supplier_id: Option<String>,
    /// The location that they come from.
    from_location: Option<String>,
    /// When it was placed.
    #[schema(value_type = Option<String>)]
    placed_at: Option<Timestamp>,
    /// The day on which the rest is expected.
    due_on: Option<String>,
    /// Whether that day has passed where the business is.
    is_late: bool,
    /// `open`, `confirmed` or `shipped`.
    status: &'static str,
}

/// A part of the stock as a file counted it.
#[derive(Debug, Serialize, ToSchema)]
struct LotRow {
    /// Its name; nothing where the file names none.
    lot_id: Option<String>,
    /// The last day on which it can be sold.
    expiry: Option<String>,
    /// Units counted, a decimal; what moved later is not taken off.
    counted: String,
}

/// The stock of an item-location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InventoryRow {
    item_id: String,
    location_id: String,
    /// Units on hand, a decimal; negative when more was reported to leave than to arrive.
    on_hand: String,
    /// Units on their way, a decimal.
    on_order: String,
    /// `files` or `events`: which of them counted it last; nothing where neither did, and then the stock is only the sum of
    /// what was reported.
    counted_in: Option<&'static str>,
    /// When it was counted last; of files the end of the day that they say. Nothing where they say none, and then it is of now.
    #[schema(value_type = Option<String>)]
    counted_at: Option<Timestamp>,
    /// When events last moved units since then.
    #[schema(value_type = Option<String>)]
    moved_at: Option<Timestamp>,
    /// The lots of the last count, where that is one of the files and tells lots apart.
    lots: Vec<LotRow>,
    open_orders: Vec<OrderRow>,
}

/// A page of the stock.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InventoryPage {
    /// Sorted by item, then by location.
    inventory: Vec<InventoryRow>,
    /// What to give as `after` for the next page; nothing on the last page.
    next_after: Option<String>,
    /// The last event that the stock contains.
    last_sequence: u64,
    /// The day at whose end it was so; nothing where it is of now.
    as_of: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InventoryQuery {
    /// This item only.
    item_id: Option<String>,
    /// This location only.
    location_id: Option<String>,
    /// The end of this day, where it is a past one: what was counted, moved and ordered by then, as it is known now.
    #[param(value_type = Option<String>, format = Date)]
    as_of: Option<String>,
    /// Where to go on: `next_after` of the page before.
    after: Option<String>,
    /// The most rows; of a past day a page has at most 100, and fewer where nothing was known of some by then.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Stock and open orders as the planner sees them: what the files of the project say, and all events that are acknowledged
/// beyond that. A server that does not plan, and one before its first plan, shows events alone. With `as_of` the same of the
/// end of a past day; orders of files that are closed by now are not known of it, because files tell of open ones, and the
/// stock of a place that was first counted later is left out.
#[utoipa::path(
    get,
    path = "/v1/inventory",
    params(InventoryQuery),
    responses(
        (status = 200, description = "a page of the stock", body = InventoryPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<InventoryQuery>,
) -> Result<Json<InventoryPage>, Problem> {
    let limit = page_size(query.limit)?;
    let today = app.today();
    match past_day(query.as_of.as_deref(), today)? {
        Some(day) => list_past(&app, &caller, &query, day, limit.min(MAX_PAGE_OF_PAST)).await,
        None => {
            let projection = app.writer.projection()?;
            let files = app.planning.files();
            let seen_now = |place: &ItemLocation| {
                let seen = match &files {
                    Some(files) => files.seen(place, &projection.book),
                    None => seen_in_events(place, &projection.book),
                };
                seen.map(|seen| row(place, seen, today))
            };
            let (inventory, next_after) = page(&query, &caller, limit, files.as_deref(), &projection.places, seen_now)?;
            let last_sequence = projection.last_sequence;
            Ok(Json(InventoryPage { inventory, next_after, last_sequence, as_of: None }))
        }
    }
}

/// The day that is asked about, where it is over.
fn past_day(as_of: Option<&str>, today: Day) -> Result<Option<Day>, Problem> {
    match day_of_query("as_of", as_of)? {
        Some(day) if day > today => {
            Err(Problem::bad_query("as_of", day.to_string(), format!("a day up to today, {today}")))
        }
        day => Ok(day.filter(|day| *day < today)),
    }
}

async fn list_past(
    app: &App,
    caller: &Caller,
    query: &InventoryQuery,
    day: Day,
    limit: usize,
) -> Result<Json<InventoryPage>, Problem> {
    let (places, next_after, last_sequence) = {
        let (projection, files) = (app.writer.projection()?, app.planning.files());
        let (places, next_after) =
            page(query, caller, limit, files.as_deref(), &projection.places, |place| Some(place.clone()))?;
        (places, next_after, projection.last_sequence)
    };
    let files = match app.planning.ask(|planner| planner.past_files()).await {
        Ok(files) => files,
        Err(Unanswered::NoPlanner) => None,
        Err(unanswered) => return Err(unanswered.into()),
    };
    let time_zone = app.time_zone.clone();
    let read = app.writer.read(move |ledger| {
        let mut inventory = Vec::new();
        for of_item in places.chunk_by(|one, other| one.item_id == other.item_id) {
            inventory.extend(past_rows(ledger, of_item, files.as_ref(), day, last_sequence, &time_zone)?);
        }
        Ok(inventory)
    });
    Ok(Json(InventoryPage { inventory: read.await?, next_after, last_sequence, as_of: Some(day.to_string()) }))
}

/// The stock of places of one item at the end of a day.
fn past_rows(
    ledger: &dyn Ledger,
    places: &[ItemLocation],
    files: Option<&PastFiles>,
    day: Day,
    last_sequence: u64,
    time_zone: &TimeZone,
) -> Result<Vec<InventoryRow>, LedgerError> {
    let files = files.map(|until| until(&[places[0].item_id.clone()], day));
    let mut rows = Vec::new();
    for place in places {
        let (mut book, mut from) = (StockBook::new(), 1);
        loop {
            let events = ledger.events_of(place, from, CATCH_UP_PAGE)?;
            let Some(last) = events.last().map(|last| last.sequence) else { break };
            let known = events.iter().filter(|recorded| recorded.sequence <= last_sequence);
            for recorded in known.filter(|recorded| recorded.event.business_day(time_zone) <= day) {
                book.apply(&recorded.event);
            }
            from = last + 1;
        }
        let seen = match &files {
            Some(files) => files.seen(place, &book),
            None => seen_in_events(place, &book),
        };
        rows.extend(seen.map(|seen| row(place, seen, day)));
    }
    Ok(rows)
}

/// What `seen` makes of the next places that a caller may see and asks for, as many as fit, and where the page after begins.
fn page<T>(
    query: &InventoryQuery,
    caller: &Caller,
    limit: usize,
    files: Option<&FileStock>,
    of_events: &BTreeSet<ItemLocation>,
    seen: impl Fn(&ItemLocation) -> Option<T>,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let begin = begin(query)?;
    let of_files = files.map(|files| files.places_from(begin.as_ref())).into_iter().flatten();
    let of_events = of_events.range((begin.clone(), Bound::Unbounded));
    let (mut rows, mut last) = (Vec::new(), None);
    for place in merged(of_events, of_files) {
        if query.item_id.as_ref().is_some_and(|item_id| *item_id != place.item_id) {
            // Places are sorted by item, and the first one is of this item or of a later one.
            break;
        }
        let is_other = query.location_id.as_ref().is_some_and(|location_id| *location_id != place.location_id);
        if is_other || !caller.covers(Some(&place.location_id)) {
            continue;
        }
        if rows.len() == limit {
            return Ok((rows, last.map(cursor)));
        }
        if let Some(seen) = seen(place) {
            rows.push(seen);
            last = Some(place);
        }
    }
    Ok((rows, None))
}

fn begin(query: &InventoryQuery) -> Result<Bound<ItemLocation>, Problem> {
    let first_of_item = query.item_id.as_ref().map(|item_id| ItemLocation::new(item_id, ""));
    // A client that fills in nothing begins at the first page.
    let Some(after) = query.after.as_ref().filter(|after| !after.is_empty()) else {
        return Ok(first_of_item.map_or(Bound::Unbounded, Bound::Included));
    };
    let Ok((item_id, location_id)) = serde_json::from_str::<(String, String)>(after) else {
        return Err(Problem::bad_query("after", format!("{after:?}"), "next_after of the page before"));
    };
    let after = ItemLocation { item_id, location_id };
    match first_of_item {
        Some(first) if after < first => Ok(Bound::Included(first)),
        _ => Ok(Bound::Excluded(after)),
    }
}

fn cursor(place: &ItemLocation) -> String {
    serde_json::to_string(&(&place.item_id, &place.location_id)).expect("texts are JSON")
}

/// Both, sorted, each once.
fn merged<'a>(
    one: impl Iterator<Item = &'a ItemLocation>,
    other: impl Iterator<Item = &'a ItemLocation>,
) -> impl Iterator<Item = &'a ItemLocation> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || {
        let next = match (one.peek(), other.peek()) {
            (Some(a), Some(b)) => (*a).min(*b),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        one.next_if_eq(&next);
        other.next_if_eq(&next);
        Some(next)
    })
}

fn row(place: &ItemLocation, seen: SeenStock, today: Day) -> InventoryRow {
    let SeenStock { on_hand, is_of_files, counted_at, moved_at, lots, open_orders: orders } = seen;
    let on_order: i128 = orders.iter().map(|order| i128::from(order.open().micro())).sum();
    let on_order = i64::try_from(on_order).unwrap_or(i64::MAX);
    InventoryRow {
        item_id: place.item_id.clone(),
        location_id: place.location_id.clone(),
        on_hand: on_hand.to_string(),
        on_order: Quantity::from_micro(on_order).to_string(),
        counted_in: match (is_of_files, counted_at) {
            (true, _) => Some("files"),
            (false, Some(_)) => Some("events"),
            (false, None) => None,
        },
        counted_at,
        moved_at,
        lots: lots.into_iter().map(lot_row).collect(),
        open_orders: orders.into_iter().map(|order| order_row(order, today)).collect(),
    }
}

fn lot_row(lot: Lot) -> LotRow {
    LotRow { lot_id: lot.lot_id, expiry: lot.expiry.map(|day| day.to_string()), counted: lot.counted.to_string() }
}

fn order_row(order: OpenOrder, today: Day) -> OrderRow {
    let open = order.open().to_string();
    let (supplier_id, from_location) = match order.origin {
        Some(SupplyOrigin::Supplier(id)) => (Some(id), None),
        Some(SupplyOrigin::Location(id)) => (None, Some(id)),
        None => (None, None),
    };
    OrderRow {
        order_id: order.order_id,
        quantity: order.quantity.to_string(),
        received: order.received.to_string(),
        open,
        supplier_id,
        from_location,
        placed_at: order.placed_at,
        due_on: order.due_on.map(|day| day.to_string()),
        is_late: order.due_on.is_some_and(|day| day < today),
        status: order.status,
    }
}
