//! Settings of item-locations, and supply lanes.

use axum::extract::State;
use axum::{Extension, Json};
use restock_core::dataset::{ItemLocationRow, SourceRow};
use restock_core::event::SupplyOrigin;
use restock_core::master::{Lane, Master, MasterKey, MasterRecord, MasterTable};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Place, ValidQuery, page_size, rows_before};
use crate::masters::{Judged, Masters, lane_of};
use crate::problem::Problem;
use crate::routes::blocking;
use crate::server::App;

/// Settings of an item at a location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsRow {
    item_id: String,
    location_id: String,
    /// First day listed.
    listed_from: Option<String>,
    /// Last day listed.
    listed_to: Option<String>,
    /// `cycle`, `fill_rate` or `in_stock`.
    service_type: Option<String>,
    /// From 0 to 0.999999.
    service_target: Option<f64>,
    /// Smallest inventory position, base units, a decimal.
    min_stock: Option<String>,
    /// Largest inventory position, base units, a decimal.
    max_stock: Option<String>,
    /// Units that must stand on the shelf for looks, a decimal.
    display_min: Option<String>,
    /// Most units that the shelf holds, a decimal.
    shelf_capacity: Option<String>,
    /// Extra days of demand to hold.
    safety_days: Option<f64>,
    /// The policy for it.
    policy: Option<String>,
    /// Nothing may be ordered.
    do_not_order: bool,
}

impl SettingsRow {
    fn new(item_id: String, location_id: String, mut row: ItemLocationRow) -> Self {
        Self {
            item_id,
            location_id,
            listed_from: row.get("listed_from"),
            listed_to: row.get("listed_to"),
            service_type: row.get("service_type"),
            service_target: row.service_target,
            min_stock: row.get("min_stock"),
            max_stock: row.get("max_stock"),
            display_min: row.get("display_min"),
            shelf_capacity: row.get("shelf_capacity"),
            safety_days: row.safety_days,
            policy: row.policy,
            do_not_order: row.do_not_order,
        }
    }

    /// Of a row of settings.
    pub(crate) fn of(judged: &Judged) -> Self {
        match (&judged.key, &judged.record) {
            (MasterKey::ItemLocation(place), MasterRecord::ItemLocation(row)) => {
                Self::new(place.item_id.clone(), place.location_id.clone(), row.clone())
            }
            _ => unreachable!("settings of an item-location were asked for"),
        }
    }
}

/// A supply lane: how an item, a category or everything reaches a location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LaneRow {
    /// The receiving location; nothing where it serves every location.
    to_location: Option<String>,
    /// The supplier that it comes from.
    supplier_id: Option<String>,
    /// The location that it comes from.
    from_location: Option<String>,
    /// The item; nothing where it serves every item, of `category` where that is given.
    item_id: Option<String>,
    /// The category path prefix that it serves.
    category: Option<String>,
    /// First day on which it may be used.
    effective_from: Option<String>,
    /// Last day on which it may be used.
    effective_to: Option<String>,
    /// Days from order to availability.
    lead_time_days: Option<f64>,
    /// Standard deviation of the lead time, days.
    lead_time_sd: Option<f64>,
    /// Purchase cost per base unit, a decimal.
    unit_cost: Option<String>,
    /// Smallest order, base units, a decimal.
    moq: Option<String>,
    /// Orders are a multiple of this, base units, a decimal.
    pack_size: Option<String>,
    /// Units in a layer, a decimal.
    layer_size: Option<String>,
    /// Units on a pallet, a decimal.
    pallet_size: Option<String>,
    /// Largest order, base units, a decimal.
    max_qty: Option<String>,
    /// Lower comes first.
    priority: i32,
    /// Share of the volume that it should get, 0 to 1.
    share: Option<f64>,
    /// The calendar of days on which orders may be placed.
    review_calendar: Option<String>,
    /// Quantity discounts, such as `100:0.75; 500:0.7`.
    price_breaks: Option<String>,
}

impl LaneRow {
    fn new(lane: Lane, mut row: SourceRow) -> Self {
        let (supplier_id, from_location) = match lane.origin {
            SupplyOrigin::Supplier(id) => (Some(id), None),
            SupplyOrigin::Location(id) => (None, Some(id)),
        };
        Self {
            to_location: lane.to_location,
            supplier_id,
            from_location,
            item_id: lane.item_id,
            category: lane.category,
            effective_from: lane.effective_from.map(|day| day.to_string()),
            effective_to: row.get("effective_to"),
            lead_time_days: row.lead_time_days,
            lead_time_sd: row.lead_time_sd_days,
            unit_cost: row.get("unit_cost"),
            moq: row.get("moq"),
            pack_size: row.get("pack_size"),
            layer_size: row.get("layer_size"),
            pallet_size: row.get("pallet_size"),
            max_qty: row.get("max_qty"),
            priority: row.priority,
            share: row.share,
            price_breaks: row.get("price_breaks"),
            review_calendar: row.review_calendar,
        }
    }

    /// Of a supply lane.
    pub(crate) fn of(judged: &Judged) -> Self {
        match (&judged.key, &judged.record) {
            (MasterKey::Source(lane), MasterRecord::Source(row)) => Self::new(lane.clone(), row.clone()),
            _ => unreachable!("a supply lane was asked for"),
        }
    }
}

/// Settings of an item at a location, planned or not.
#[utoipa::path(
    get,
    path = "/v1/item-locations/{item}/{location}/settings",
    params(("item" = String, Path), ("location" = String, Path)),
    responses(
        (status = 200, description = "its settings", body = SettingsRow),
        (status = 404, description = "it has none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn settings(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(place): Place,
) -> Result<Json<SettingsRow>, Problem> {
    let (files, key) = (app.planning.file_tables()?, MasterKey::ItemLocation(place.clone()));
    let (record, is_known) = {
        let projection = app.writer.projection()?;
        Masters::new(&files, &projection.masters, MasterTable::ItemLocations, 1).record(&key)
    };
    match record {
        MasterRecord::ItemLocation(row) if is_known && caller.covers(Some(&place.location_id)) => {
            Ok(Json(SettingsRow::new(place.item_id, place.location_id, row)))
        }
        _ => Err(Problem::not_found(format!("{} has no settings", key.subject()))),
    }
}

#[derive(Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SourceQuery {
    /// To this location only.
    to_location: Option<String>,
    /// From this supplier only.
    supplier_id: Option<String>,
    /// From this location only.
    from_location: Option<String>,
    /// Of this item only.
    item_id: Option<String>,
    /// Where to go on: `next_from` of the page before.
    #[param(minimum = 0)]
    from: Option<u64>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

impl SourceQuery {
    fn holds(&self, lane: &Lane) -> bool {
        let is = |wanted: &Option<String>, own: Option<&String>| wanted.is_none() || wanted.as_ref() == own;
        let (supplier, location) = match &lane.origin {
            SupplyOrigin::Supplier(id) => (Some(id), None),
            SupplyOrigin::Location(id) => (None, Some(id)),
        };
        is(&self.to_location, lane.to_location.as_ref())
            && is(&self.supplier_id, supplier)
            && is(&self.from_location, location)
            && is(&self.item_id, lane.item_id.as_ref())
    }
}

/// A page of supply lanes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourcePage {
    /// Those of files in their order, and then those of events.
    sources: Vec<LaneRow>,
    /// What to give as `from` for the next page; nothing on the last page.
    next_from: Option<u64>,
}

/// Supply lanes of files, with what is said about them, and those that are said alone. Lanes to every location are seen by
/// everybody.
#[utoipa::path(
    get,
    path = "/v1/sources",
    params(SourceQuery),
    responses(
        (status = 200, description = "a page of supply lanes", body = SourcePage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<SourceQuery>,
) -> Result<Json<SourcePage>, Problem> {
    let (limit, from) = (page_size(query.limit)?, rows_before(query.from)?);
    let files = app.planning.file_tables()?;
    let page = move |app: &App| {
        let projection = app.writer.projection()?;
        let words = &projection.masters;
        let is_asked_for = |lane: &Lane| {
            (lane.to_location.is_none() || caller.covers(lane.to_location.as_deref())) && query.holds(lane)
        };
        let first = MasterKey::Source(Lane::first());
        let said = words.records_from(&first);
        let masters = Masters::new(&files, words, MasterTable::Sources, words.records_from(&first).count());
        let of_events = said.filter_map(|key| match key {
            MasterKey::Source(lane) if !masters.is_in_files(key) => Some((lane.clone(), None)),
            _ => None,
        });
        let of_files = files.sources.iter().map(|row| (lane_of(&files, row), Some(row)));
        let numbered = (0_u64..).zip(of_files.chain(of_events)).skip(from);
        let mut found = numbered.filter(|(_, (lane, _))| is_asked_for(lane));
        let row = |(_, (lane, row)): (u64, (Lane, Option<&SourceRow>))| {
            let key = MasterKey::Source(lane.clone());
            let mut record = row.map_or_else(|| MasterRecord::blank(&key), |row| MasterRecord::Source(row.clone()));
            words.overlay(&key, &mut record);
            let MasterRecord::Source(row) = record else { unreachable!("the record of a lane") };
            LaneRow::new(lane, row)
        };
        let sources: Vec<LaneRow> = found.by_ref().take(limit).map(row).collect();
        Ok::<_, Problem>(SourcePage { sources, next_from: found.next().map(|(number, _)| number) })
    };
    Ok(Json(blocking(&app, page).await??))
}
