//! Stock and open orders by item-location.

use std::ops::Bound;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_core::event::SupplyOrigin;
use restock_core::{Day, ItemLocation, Quantity};
use restock_ledger::{Lot, OpenOrder, SeenStock, seen_in_events};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{ValidQuery, page_size};
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
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InventoryQuery {
    /// This item only.
    item_id: Option<String>,
    /// This location only.
    location_id: Option<String>,
    /// Where to go on: `next_after` of the page before.
    after: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Stock and open orders as the planner sees them: what the files of the project say, and all events that are acknowledged
/// beyond that. A server that does not plan, and one before its first plan, shows events alone.
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
    let begin = begin(&query)?;
    let today = app.today();
    let projection = app.writer.projection()?;
    let mut inventory = Vec::new();
    let mut last = None;
    let mut next_after = None;
    let files = app.planning.files();
    let of_files = files.as_deref().map(|files| files.places_from(begin.as_ref())).into_iter().flatten();
    let of_events = projection.places.range((begin.clone(), Bound::Unbounded));
    for place in merged(of_events, of_files) {
        if query.item_id.as_ref().is_some_and(|item_id| *item_id != place.item_id) {
            // Places are sorted by item, and the first one is of this item or of a later one.
            break;
        }
        let is_other = query.location_id.as_ref().is_some_and(|location_id| *location_id != place.location_id);
        if is_other || !caller.covers(Some(&place.location_id)) {
            continue;
        }
        if inventory.len() == limit {
            next_after = last.map(cursor);
            break;
        }
        let seen = match &files {
            Some(files) => files.seen(place, &projection.book),
            None => seen_in_events(place, &projection.book),
        };
        if let Some(seen) = seen {
            inventory.push(row(place, seen, today));
            last = Some(place);
        }
    }
    Ok(Json(InventoryPage { inventory, next_after, last_sequence: projection.last_sequence }))
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
