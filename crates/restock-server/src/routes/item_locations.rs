//! Item-locations as they are planned: pages of them, and why one is as it is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use restock_core::ItemLocation;
use restock_core::filter::Filter;
use restock_core::proposal::ProposalSource;
use restock_engine::{ExplainError, Explained, PlanLine, WhatIf};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Place, ValidQuery, page_size};
use crate::paging::keep_first;
use crate::planner::{LivePlanner, PlannedLine};
use crate::problem::Problem;
use crate::routes::masters::{item_of, supplier_of};
use crate::routes::proposals::{filter_of_fields, origin};
use crate::server::App;

/// Fields that filters of planned lines may name.
pub(crate) const FIELDS: &[&str] = &[
    "days_of_cover",
    "health",
    "item.abc",
    "item.id",
    "item.xyz",
    "location.id",
    "model",
    "money_at_risk",
    "months_of_stock",
    "on_hand",
    "on_order",
    "p_stockout",
    "policy",
    "position",
    "quantity",
    "source.id",
    "value",
];

/// An item-location as it is planned, ordered or not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineRow {
    item_id: String,
    /// Empty when unknown.
    item_name: String,
    location_id: String,
    /// The supplier that it would come from.
    supplier_id: Option<String>,
    /// Name of the supplier; empty when unknown.
    supplier_name: String,
    /// The location that it would come from.
    from_location: Option<String>,
    /// The base unit; empty when unknown.
    uom: String,
    /// Usable units on the shelf, a decimal.
    on_hand: String,
    /// Whether the stock was assumed, because nothing tells it.
    stock_assumed: bool,
    /// Open supply of any date, base units, a decimal.
    on_order: String,
    /// Inventory position, base units, a decimal.
    position: String,
    /// Mean sales per day over the last eight weeks of open days, base units.
    recent_demand_per_day: f64,
    /// Expected demand over the protection interval, base units.
    expected_demand: f64,
    /// The same per day.
    demand_per_day: f64,
    /// The level that the order aims at, base units, a decimal.
    target_level: String,
    /// Proposed quantity, base units, a decimal; 0 where nothing is ordered.
    quantity: String,
    /// Value of the order, a decimal.
    value: Option<String>,
    /// Value of usable stock on hand, a decimal.
    stock_value: Option<String>,
    /// Expected margin lost until the order after this one can arrive, where nothing is ordered now, a decimal.
    money_at_risk: String,
    /// Mean lead time, days.
    lead_time_days: f64,
    /// Days to the next order opportunity after this one.
    review_days: f64,
    /// Probability of a stock-out until the order after this one can arrive, without and with the order.
    p_stockout: [f64; 2],
    /// Share of demand met until then, without and with the order.
    fill_rate: [f64; 2],
    /// Days until expected demand has used up the stock and what is on order, without and with the order.
    days_of_cover: [f64; 2],
    /// Average monthly consumption: what went out in 30 days over the last quarter, had the shelf never been empty; base units.
    /// Nothing where it is not known.
    monthly_consumption: Option<f64>,
    /// Usable units on the shelf / average monthly consumption; nothing without either.
    months_of_stock: Option<f64>,
    /// ABC, XYZ and Syntetos-Boylan class.
    classes: [String; 3],
    /// Data health, 0 to 1.
    health: f64,
    /// The model that made the forecast.
    forecast_model: String,
    /// The policy that decided.
    policy: String,
    /// Why nothing is ordered, or which rule decided; empty for a plain order.
    note: String,
    /// The proposal for it, as `GET /v1/proposals/{id}` knows it.
    proposal_id: Option<String>,
}

impl LineRow {
    fn new(planned: PlannedLine<'_>, planner: &dyn LivePlanner) -> Self {
        let PlannedLine { line, money_at_risk, proposal_id, .. } = planned;
        let item = planner.masters().and_then(|masters| item_of(masters, &line.item_id));
        let (supplier_id, from_location) = origin(&line.source);
        let supplier =
            supplier_id.as_ref().and_then(|id| planner.masters().and_then(|masters| supplier_of(masters, id)));
        let line = line.clone();
        Self {
            item_name: item.map_or_else(String::new, |item| item.name.clone()),
            uom: item.map_or_else(String::new, |item| item.base_uom.clone()),
            supplier_name: supplier.map_or_else(String::new, |supplier| supplier.name.clone()),
            item_id: line.item_id,
            location_id: line.location_id,
            supplier_id,
            from_location,
            on_hand: line.on_hand.to_string(),
            stock_assumed: line.stock_assumed,
            on_order: line.on_order.to_string(),
            position: line.position.to_string(),
            recent_demand_per_day: line.recent_demand_per_day,
            expected_demand: line.expected_demand,
            demand_per_day: line.demand_per_day,
            target_level: line.target_level.to_string(),
            quantity: line.quantity.to_string(),
            value: line.value.map(|value| value.to_string()),
            stock_value: line.stock_value.map(|value| value.to_string()),
            money_at_risk: format!("{money_at_risk:.2}"),
            lead_time_days: line.lead_time_days,
            review_days: line.review_days,
            p_stockout: line.p_stockout,
            fill_rate: line.fill_rate,
            days_of_cover: line.days_of_cover,
            monthly_consumption: line.monthly_consumption,
            months_of_stock: line.months_of_stock,
            classes: line.classes,
            health: line.health,
            forecast_model: line.forecast_model,
            policy: line.policy,
            note: line.note,
            proposal_id: proposal_id.map(str::to_owned),
        }
    }
}

/// A field of a planned line by its name in [`FIELDS`].
fn field_of(planned: &PlannedLine<'_>, name: &str) -> Option<String> {
    match name {
        "money_at_risk" => Some(planned.money_at_risk.to_string()),
        _ => line_field(planned.line, name),
    }
}

/// A field by its name in [`FIELDS`] that a line tells by itself: all but the money at risk; of two numbers the one without
/// the order.
pub(crate) fn line_field(line: &PlanLine, name: &str) -> Option<String> {
    Some(match name {
        "days_of_cover" => line.days_of_cover[0].to_string(),
        "health" => line.health.to_string(),
        "item.abc" => line.classes[0].clone(),
        "item.id" => line.item_id.clone(),
        "item.xyz" => line.classes[1].clone(),
        "location.id" => line.location_id.clone(),
        "model" => line.forecast_model.clone(),
        "months_of_stock" => line.months_of_stock?.to_string(),
        "on_hand" => line.on_hand.to_string(),
        "on_order" => line.on_order.to_string(),
        "p_stockout" => line.p_stockout[0].to_string(),
        "policy" => line.policy.clone(),
        "position" => line.position.to_string(),
        "quantity" => line.quantity.to_string(),
        "source.id" => line.source.to_string(),
        "value" => line.value?.to_string(),
        _ => return None,
    })
}

/// A page of planned lines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinePage {
    lines: Vec<LineRow>,
    /// How many there are in all that the query asks for.
    n_found: usize,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
    /// Names the plan; nothing before the first.
    plan_id: Option<String>,
    /// The day that is planned for.
    as_of: Option<String>,
    /// ISO 4217 code.
    currency: Option<String>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LineSort {
    /// The most money at risk.
    #[default]
    MoneyAtRisk,
    /// The fewest days of cover, without an order.
    DaysOfCover,
    /// The smallest item id, then the smallest location id.
    Id,
}

impl LineSort {
    /// Smaller keys come first; equal ones by id.
    fn key(self, planned: &PlannedLine<'_>) -> f64 {
        match self {
            Self::MoneyAtRisk => -planned.money_at_risk,
            Self::DaysOfCover => planned.line.days_of_cover[0],
            Self::Id => 0.0,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LineQuery {
    /// Of this item only.
    item: Option<String>,
    /// At this location only.
    location: Option<String>,
    /// From this supplier only.
    supplier: Option<String>,
    /// Those that a filter holds for, such as `item.abc == 'A' and p_stockout > 0.5`. Its fields are days_of_cover, health,
    /// item.abc, item.id, item.xyz, location.id, model, money_at_risk, on_hand, on_order, p_stockout, policy, position,
    /// quantity, source.id and value; days_of_cover and p_stockout are those without the order.
    q: Option<String>,
    /// What comes first.
    #[param(inline)]
    sort: Option<LineSort>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Where a line stands among all.
#[derive(Clone, Copy)]
struct Rank<'a> {
    key: f64,
    item_id: &'a str,
    location_id: &'a str,
}

impl Rank<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by_id = || (self.item_id, self.location_id).cmp(&(other.item_id, other.location_id));
        self.key.total_cmp(&other.key).then_with(by_id)
    }
}

/// Lines that a query asks for, read on the planner's thread: nothing is copied but the page.
fn page(
    planner: &dyn LivePlanner,
    caller: &Caller,
    query: &LineQuery,
    filter: Option<&Filter>,
    after: Option<&(f64, String, String)>,
    limit: usize,
) -> LinePage {
    let sort = query.sort.unwrap_or_default();
    let is_same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let is_from = |line: &PlanLine| {
        let supplier = query.supplier.as_ref();
        supplier.is_none_or(|id| matches!(&line.source, ProposalSource::SupplierId(own) if own == id))
    };
    let asked_for = planner.lines().filter(|planned| {
        let line = planned.line;
        caller.covers(Some(&line.location_id))
            && is_same(&query.item, &line.item_id)
            && is_same(&query.location, &line.location_id)
            && is_from(line)
            && filter.is_none_or(|filter| filter.matches(&|name| field_of(planned, name)))
    });
    let rank = |planned: &PlannedLine<'_>| sort.key(planned);
    let after = after.map(|(key, item_id, location_id)| Rank { key: *key, item_id, location_id });
    let mut n_found = 0;
    let mut found: Vec<(Rank<'_>, PlannedLine<'_>)> = asked_for
        .inspect(|_| n_found += 1)
        .map(|planned| {
            let PlanLine { item_id, location_id, .. } = planned.line;
            (Rank { key: rank(&planned), item_id, location_id }, planned)
        })
        .filter(|(rank, _)| after.is_none_or(|after| rank.cmp(&after).is_gt()))
        .collect();
    let has_more = keep_first(&mut found, limit, |one, other| one.0.cmp(&other.0));
    let next_cursor = found.last().filter(|_| has_more).map(|(Rank { key, item_id, location_id }, _)| {
        serde_json::to_string(&(key.to_string(), item_id, location_id)).expect("texts are JSON")
    });
    let lines = found.into_iter().map(|(_, planned)| LineRow::new(planned, planner)).collect();
    let (plan_id, as_of, currency) = standing(planner);
    LinePage { lines, n_found, next_cursor, plan_id, as_of, currency }
}

/// Id, day and currency of the plan that stands.
pub(crate) fn standing(planner: &dyn LivePlanner) -> (Option<String>, Option<String>, Option<String>) {
    match planner.standing() {
        None => (None, None, None),
        Some(standing) => (Some(standing.plan_id), Some(standing.as_of.to_string()), Some(standing.currency)),
    }
}

/// Item-locations as they are planned, ordered or not, as of the last events that the planner has taken in.
#[utoipa::path(
    get,
    path = "/v1/item-locations",
    params(LineQuery),
    responses(
        (status = 200, description = "a page of planned lines", body = LinePage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<LineQuery>,
) -> Result<Json<LinePage>, Problem> {
    let limit = page_size(query.limit)?;
    let filter = filter_of_fields("q", query.q.as_deref(), FIELDS)?;
    let after = cursor_of(query.cursor.as_deref())?;
    let question =
        move |planner: &mut dyn LivePlanner| page(planner, &caller, &query, filter.as_ref(), after.as_ref(), limit);
    Ok(Json(app.planning.ask(question).await?))
}

fn cursor_of(text: Option<&str>) -> Result<Option<(f64, String, String)>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = serde_json::from_str::<(String, String, String)>(text).ok();
    let cursor = read.and_then(|(key, item_id, location_id)| Some((key.parse().ok()?, item_id, location_id)));
    let refused = || Problem::bad_query("cursor", format!("{text:?}"), "next_cursor of the page before");
    cursor.map(Some).ok_or_else(refused)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainQuery {
    /// What could be different, with commas between: `lead_time=5,demand=1.2x`. Known are lead_time, review, target, demand,
    /// pack, min_order, on_hand and price.
    what_if: Option<String>,
}

/// One item-location whole, ordered or not, as of the last events that the planner has taken in: the steps to its quantity,
/// what stock will do without and with the order, arrivals, history, forecast, and what else could be; with `what_if` a
/// second time as it would be then.
#[utoipa::path(
    get,
    path = "/v1/item-locations/{item}/{location}",
    params(("item" = String, Path), ("location" = String, Path), ExplainQuery),
    responses(
        (status = 200, description = "`line` as it is planned, and `what_if`, nothing where none is asked for", body = Object),
        (status = 400, description = "bad what-if", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "not known, or not planned", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Place(place): Place,
    ValidQuery(query): ValidQuery<ExplainQuery>,
) -> Result<Json<Explained>, Problem> {
    let what_ifs = what_ifs_of(query.what_if.as_deref().unwrap_or_default())?;
    check_place(&caller, &place)?;
    let explained = app.planning.ask_for(move |planner| planner.explain(&place, &what_ifs)).await?;
    Ok(Json(explained?))
}

/// A location that the caller may not see is not there.
pub(crate) fn check_place(caller: &Caller, place: &ItemLocation) -> Result<(), Problem> {
    match caller.covers(Some(&place.location_id)) {
        true => Ok(()),
        false => Err(ExplainError::UnknownLocation(place.location_id.clone()).into()),
    }
}

fn what_ifs_of(text: &str) -> Result<Vec<WhatIf>, Problem> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let read = |part: &str| {
        WhatIf::parse(part).map_err(|error| {
            let mut problem = Problem::bad_query("what_if", format!("{part:?}"), "such as lead_time=5 or demand=1.2x");
            problem.detail = error.to_string().into();
            problem
        })
    };
    parts.map(read).collect()
}

impl From<ExplainError> for Problem {
    fn from(error: ExplainError) -> Self {
        let cut = |detail: String| detail.chars().take(400).collect::<String>();
        match error {
            ExplainError::NotPlanned { .. } => {
                let title = "The item-location is not planned";
                Self::new(StatusCode::NOT_FOUND, "not-planned", title, cut(error.to_string()))
            }
            ExplainError::UnknownItem(_) | ExplainError::UnknownLocation(_) => {
                Self::not_found(cut(error.to_string())).fix("GET /v1/item-locations lists what is planned")
            }
        }
    }
}
