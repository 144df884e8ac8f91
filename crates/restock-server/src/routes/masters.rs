//! Items, locations and suppliers as the planner knows them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use restock_core::Dataset;
use restock_core::dataset::{Item, Location, Supplier};
use restock_core::master::MasterRecord;
use restock_ledger::MasterWords;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Name, ValidQuery, page_size};
use crate::masters::{Entity, Judged};
use crate::planner::LivePlanner;
use crate::problem::Problem;
use crate::server::App;
use crate::writer::Failure;

pub(crate) fn item_of<'a>(masters: &'a Dataset, item_id: &str) -> Option<&'a Item> {
    Item::find(masters, item_id)
}

pub(crate) fn location_of<'a>(masters: &'a Dataset, location_id: &str) -> Option<&'a Location> {
    Location::find(masters, location_id)
}

pub(crate) fn supplier_of<'a>(masters: &'a Dataset, supplier_id: &str) -> Option<&'a Supplier> {
    Supplier::find(masters, supplier_id)
}

/// An item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemRow {
    item_id: String,
    /// Empty when unknown.
    name: String,
    /// Category path, such as `food/dairy`; empty when unknown.
    category: String,
    /// The base unit; empty when unknown.
    base_uom: String,
    /// Purchase cost per base unit, a decimal.
    unit_cost: Option<String>,
    /// Selling price per base unit, a decimal.
    price: Option<String>,
    /// Cubic metres of one base unit.
    volume: Option<f64>,
    /// Kilograms of one base unit.
    weight: Option<f64>,
    /// Days from arrival to expiry.
    shelf_life_days: Option<u32>,
    /// First day of sale.
    launch: Option<String>,
    /// Last day of sale.
    end: Option<String>,
    /// The item that replaces this one.
    successor_id: Option<String>,
    /// Every other column of the table.
    attributes: BTreeMap<String, String>,
}

impl ItemRow {
    /// Of a record of this table.
    pub(crate) fn of(judged: &Judged) -> Self {
        let MasterRecord::Item(one) = &judged.record else { unreachable!("a record of this table was asked for") };
        Self::from(one)
    }
}

impl From<&Item> for ItemRow {
    fn from(item: &Item) -> Self {
        Self {
            item_id: item.item_id.clone(),
            name: item.name.clone(),
            category: item.category.clone(),
            base_uom: item.base_uom.clone(),
            unit_cost: item.unit_cost.map(|cost| cost.to_string()),
            price: item.price.map(|price| price.to_string()),
            volume: item.volume,
            weight: item.weight,
            shelf_life_days: item.shelf_life_days,
            launch: item.launch.map(|day| day.to_string()),
            end: item.end.map(|day| day.to_string()),
            successor_id: item.successor_id.clone(),
            attributes: item.attributes.clone(),
        }
    }
}

/// A place that holds stock.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationRow {
    location_id: String,
    /// Empty when unknown.
    name: String,
    /// Such as `store`, `dc`, `ward` or `plant`; empty when unknown.
    kind: String,
    /// The location above it.
    parent_id: Option<String>,
    /// The calendar of its open days.
    calendar: Option<String>,
    /// Every other column of the table.
    attributes: BTreeMap<String, String>,
}

impl LocationRow {
    /// Of a record of this table.
    pub(crate) fn of(judged: &Judged) -> Self {
        let MasterRecord::Location(one) = &judged.record else { unreachable!("a record of this table was asked for") };
        Self::from(one)
    }
}

impl From<&Location> for LocationRow {
    fn from(location: &Location) -> Self {
        let Location { location_id, name, kind, parent_id, calendar, attributes } = location.clone();
        Self { location_id, name, kind, parent_id, calendar, attributes }
    }
}

/// A supplier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SupplierRow {
    supplier_id: String,
    /// Empty when unknown.
    name: String,
    /// Smallest value of one order over all its lines, a decimal.
    min_order_value: Option<String>,
    /// Smallest quantity of one order over all its lines, base units, a decimal.
    min_order_quantity: Option<String>,
    /// Weekdays on which orders are taken.
    order_days: String,
    /// Time of day by which an order must be placed.
    cut_off: Option<String>,
    /// Cubic metres of a container or truck.
    container_volume: Option<f64>,
    /// Kilograms that a container or truck may carry.
    container_weight: Option<f64>,
    /// The calendar of days without orders or deliveries.
    holidays_calendar: Option<String>,
    /// Every other column of the table.
    attributes: BTreeMap<String, String>,
}

impl SupplierRow {
    /// Of a record of this table.
    pub(crate) fn of(judged: &Judged) -> Self {
        let MasterRecord::Supplier(one) = &judged.record else { unreachable!("a record of this table was asked for") };
        Self::from(one)
    }
}

impl From<&Supplier> for SupplierRow {
    fn from(supplier: &Supplier) -> Self {
        Self {
            supplier_id: supplier.supplier_id.clone(),
            name: supplier.name.clone(),
            min_order_value: supplier.min_order_value.map(|value| value.to_string()),
            min_order_quantity: supplier.min_order_quantity.map(|quantity| quantity.to_string()),
            order_days: supplier.order_days.to_string(),
            cut_off: supplier.cut_off.clone(),
            container_volume: supplier.container_volume,
            container_weight: supplier.container_weight,
            holidays_calendar: supplier.holidays_calendar.clone(),
            attributes: supplier.attributes.clone(),
        }
    }
}

/// A page of items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemPage {
    items: Vec<ItemRow>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

/// A page of locations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationPage {
    locations: Vec<LocationRow>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

/// A page of suppliers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SupplierPage {
    suppliers: Vec<SupplierRow>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

#[derive(Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MasterQuery {
    /// Those whose id begins with this.
    prefix: Option<String>,
    /// Those whose id or name holds this, large and small letters alike.
    text: Option<String>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Rows of a table by ascending id that a query asks for, and the cursor of the next page.
fn page<T: Entity, R: for<'a> From<&'a T>>(
    planner: &dyn LivePlanner,
    words: &MasterWords,
    query: &MasterQuery,
    limit: usize,
    is_seen: impl Fn(&T) -> bool,
) -> (Vec<R>, Option<String>) {
    let prefix = query.prefix.as_deref().unwrap_or_default();
    let after = query.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    let text = query.text.as_deref().unwrap_or_default().to_lowercase();
    let holds = |whole: &str| whole.to_lowercase().contains(&text);
    let first = after.map_or(prefix, |after| after.max(prefix));
    let mut found: Vec<Cow<'_, T>> = T::known_from(planner.masters().map_or(&[][..], T::all), words, first)
        .skip_while(|row| after.is_some_and(|after| row.id() <= after))
        .take_while(|row| row.id().starts_with(prefix))
        .filter(|row| is_seen(row) && (text.is_empty() || holds(row.id()) || holds(row.name())))
        .take(limit + 1)
        .collect();
    let next_cursor = (found.len() > limit).then(|| found[limit - 1].id().to_owned());
    found.truncate(limit);
    (found.iter().map(|row| R::from(row)).collect(), next_cursor)
}

/// A page of a table as the planner knows it, with all that is said about it by now.
async fn ask_page<T: Entity + 'static, R: for<'a> From<&'a T> + Send + 'static>(
    app: &App,
    query: MasterQuery,
    is_seen: impl Fn(&T) -> bool + Send + 'static,
) -> Result<(Vec<R>, Option<String>), Problem> {
    let limit = page_size(query.limit)?;
    let own = app.clone();
    let asked = app.planning.ask(move |planner| {
        let projection = own.writer.projection()?;
        Ok::<_, Failure>(page(planner, &projection.masters, &query, limit, is_seen))
    });
    Ok(asked.await??)
}

/// One of a table as the planner knows it, with all that is said about it by now.
async fn ask_one<T: Entity + Send + 'static>(app: &App, id: String) -> Result<T, Problem> {
    let (own, what) = (app.clone(), format!("{id:?}"));
    let asked = app.planning.ask(move |planner| {
        let known = planner.masters().and_then(|masters| T::find(masters, &id)).cloned();
        let projection = own.writer.projection()?;
        let key = T::key(&id);
        let is_known = known.is_some() || projection.masters.has(&key);
        let one = known.or_else(|| T::from_record(MasterRecord::blank(&key))).filter(|_| is_known);
        Ok::<_, Failure>(one.map(|one| one.with(&projection.masters)))
    });
    asked.await??.ok_or_else(|| Problem::not_found(format!("{what} is not known")))
}

/// Items that the planner knows since it last worked everything out, with all that is said about them by now, by id.
#[utoipa::path(
    get,
    path = "/v1/items",
    params(MasterQuery),
    responses(
        (status = 200, description = "a page of items", body = ItemPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn items(
    State(app): State<App>,
    ValidQuery(query): ValidQuery<MasterQuery>,
) -> Result<Json<ItemPage>, Problem> {
    let (items, next_cursor) = ask_page(&app, query, |_: &Item| true).await?;
    Ok(Json(ItemPage { items, next_cursor }))
}

/// Locations that the planner knows since it last worked everything out, with all that is said about them by now, by id; a
/// caller of some locations gets these.
#[utoipa::path(
    get,
    path = "/v1/locations",
    params(MasterQuery),
    responses(
        (status = 200, description = "a page of locations", body = LocationPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn locations(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<MasterQuery>,
) -> Result<Json<LocationPage>, Problem> {
    let (locations, next_cursor) =
        ask_page(&app, query, move |location: &Location| caller.covers(Some(&location.location_id))).await?;
    Ok(Json(LocationPage { locations, next_cursor }))
}

/// Suppliers that the planner knows since it last worked everything out, with all that is said about them by now, by id.
#[utoipa::path(
    get,
    path = "/v1/suppliers",
    params(MasterQuery),
    responses(
        (status = 200, description = "a page of suppliers", body = SupplierPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn suppliers(
    State(app): State<App>,
    ValidQuery(query): ValidQuery<MasterQuery>,
) -> Result<Json<SupplierPage>, Problem> {
    let (suppliers, next_cursor) = ask_page(&app, query, |_: &Supplier| true).await?;
    Ok(Json(SupplierPage { suppliers, next_cursor }))
}

/// An item.
#[utoipa::path(
    get,
    path = "/v1/items/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the item", body = ItemRow),
        (status = 404, description = "no such item", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn item(State(app): State<App>, Name(id): Name) -> Result<Json<ItemRow>, Problem> {
    Ok(Json(ItemRow::from(&ask_one::<Item>(&app, id).await?)))
}

/// A location; that of another one is told apart from none by nobody.
#[utoipa::path(
    get,
    path = "/v1/locations/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the location", body = LocationRow),
        (status = 404, description = "no such location", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn location(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<Json<LocationRow>, Problem> {
    if !caller.covers(Some(&id)) {
        return Err(Problem::not_found(format!("{id:?} is not known")));
    }
    Ok(Json(LocationRow::from(&ask_one::<Location>(&app, id).await?)))
}

/// A supplier.
#[utoipa::path(
    get,
    path = "/v1/suppliers/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the supplier", body = SupplierRow),
        (status = 404, description = "no such supplier", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn supplier(State(app): State<App>, Name(id): Name) -> Result<Json<SupplierRow>, Problem> {
    Ok(Json(SupplierRow::from(&ask_one::<Supplier>(&app, id).await?)))
}
