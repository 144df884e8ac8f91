//! Key figures of the plan, and what is to be ordered where until when.

use axum::extract::State;
use axum::{Extension, Json};
use restock_core::filter::Filter;
use restock_core::proposal::ProposalSource;
use restock_core::{Bucket, Dataset, Day, Period};
use restock_engine::{OrderGroup, PastFigures, PlanLine, PlanSummary, ShadowPrice, Unplanned};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{ValidQuery, day_of_query};
use crate::planner::LivePlanner;
use crate::problem::Problem;
use crate::routes::item_locations::{FIELDS, line_field, standing};
use crate::routes::masters::{item_of, location_of, supplier_of};
use crate::routes::proposals::{filter_of_fields, origin};
use crate::server::App;

/// Key figures of some item-locations. Two numbers are those without and with the orders.
#[derive(Debug, Serialize, ToSchema)]
struct KpiRow {
    /// The location, supplier, category or class; nothing where it is about all.
    key: Option<String>,
    /// Name of the location or supplier; empty when unknown.
    name: String,
    /// Item-locations planned.
    n_planned: usize,
    /// Item-locations not planned; by supplier or class it is not known of which they would be.
    n_unplanned: usize,
    n_proposals: usize,
    /// Value of all proposals whose cost is known, a decimal.
    order_value: String,
    /// Proposals without a known cost.
    n_without_cost: usize,
    /// Expected share of demand met until the orders after these can arrive, by units.
    fill_rate: [f64; 2],
    /// Item-locations more likely than not to run out.
    n_stockouts: [usize; 2],
    /// Item-locations without stock now, by a count.
    n_out_of_stock_now: usize,
    /// Item-locations whose stock had to be assumed.
    n_stock_assumed: usize,
    /// Value of usable stock on hand, where known, a decimal.
    stock_value: String,
    /// Value of stock above the level that the plan aims at, where known, a decimal.
    overstock_value: String,
    /// Expected value of units that expire before the orders after these can arrive, a decimal.
    waste_value: String,
    /// What the orders gain over ordering nothing: unmet demand that they spare, less what holding them and their waste cost;
    /// a decimal.
    net_gain: String,
    /// Expected margin lost, decimals.
    lost_margin: [String; 2],
    /// Margin of what other locations and production have to wait for, decimals.
    waiting_margin: [String; 2],
    /// Share of item-locations whose months of stock are within `planning.months_of_stock`; nothing where that sets no bounds.
    stocked_to_plan: Option<f64>,
    /// Exceptions of these item-locations themselves.
    n_exceptions: usize,
}

impl KpiRow {
    fn new(key: Option<String>, name: String, summary: PlanSummary) -> Self {
        Self {
            key,
            name,
            n_planned: summary.n_planned,
            n_unplanned: summary.n_unplanned,
            n_proposals: summary.n_proposals,
            order_value: summary.order_value.to_string(),
            n_without_cost: summary.n_without_cost,
            fill_rate: summary.fill_rate,
            n_stockouts: summary.n_stockouts,
            n_out_of_stock_now: summary.n_out_of_stock_now,
            n_stock_assumed: summary.n_stock_assumed,
            stock_value: summary.stock_value.to_string(),
            overstock_value: summary.overstock_value.to_string(),
            waste_value: summary.waste_value.to_string(),
            net_gain: summary.net_gain.to_string(),
            lost_margin: summary.lost_margin.map(|money| money.to_string()),
            waiting_margin: summary.waiting_margin.map(|money| money.to_string()),
            stocked_to_plan: {
                let [n_known, n_within] = summary.stocked_to_plan;
                (n_known > 0).then(|| n_within as f64 / n_known as f64)
            },
            n_exceptions: summary.n_exceptions,
        }
    }
}

/// Key figures of the plan that stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KpiBody {
    /// One row where nothing is asked for by; else one for each location, supplier, category or class, ascending.
    kpis: Vec<KpiRow>,
    /// Names the plan; nothing before the first.
    plan_id: Option<String>,
    /// The day that is planned for.
    as_of: Option<String>,
    /// ISO 4217 code.
    currency: Option<String>,
}

/// What key figures are told by.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    Location,
    /// Lines that come from another location or from nowhere known are left out.
    Supplier,
    /// The category path of the item; empty where it has none.
    Category,
    /// The ABC class.
    Class,
}

impl By {
    fn key(self, line: &PlanLine, masters: Option<&Dataset>) -> Option<String> {
        match self {
            Self::Location => Some(line.location_id.clone()),
            Self::Category => Some(category_of(masters, &line.item_id)),
            Self::Supplier => match &line.source {
                ProposalSource::SupplierId(id) => Some(id.clone()),
                _ => None,
            },
            Self::Class => Some(line.classes[0].clone()),
        }
    }

    fn name(self, masters: Option<&Dataset>, key: &str) -> String {
        let named = |name: Option<&String>| name.cloned().unwrap_or_default();
        match (self, masters) {
            (Self::Location, Some(masters)) => named(location_of(masters, key).map(|location| &location.name)),
            (Self::Supplier, Some(masters)) => named(supplier_of(masters, key).map(|supplier| &supplier.name)),
            _ => String::new(),
        }
    }
}

fn category_of(masters: Option<&Dataset>, item_id: &str) -> String {
    masters.and_then(|masters| item_of(masters, item_id)).map_or_else(String::new, |item| item.category.clone())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KpiQuery {
    /// What the figures are told by; all together where nothing is given.
    #[param(inline)]
    by: Option<By>,
    /// Those of planned lines that a filter holds for, such as `item.abc == 'A' and source.id == 'dairy'`, with the fields of
    /// `/v1/item-locations` but money_at_risk.
    q: Option<String>,
}

/// What the figures of a line count under, for those who may see it.
fn key_of(
    line: &PlanLine,
    caller: &Caller,
    by: Option<By>,
    filter: Option<&Filter>,
    masters: Option<&Dataset>,
) -> Option<String> {
    let is_seen = caller.covers(Some(&line.location_id))
        && filter.is_none_or(|filter| filter.matches(&|name| line_field(line, name)));
    is_seen.then(|| by.map_or(Some(String::new()), |by| by.key(line, masters))).flatten()
}

fn rows(planner: &dyn LivePlanner, caller: &Caller, by: Option<By>, filter: Option<&Filter>) -> KpiBody {
    let masters = planner.masters();
    let key = |line: &PlanLine| key_of(line, caller, by, filter, masters);
    let of_unplanned = |line: &Unplanned| {
        let is_seen = filter.is_none() && caller.covers(Some(&line.location_id));
        match by {
            None => is_seen.then(String::new),
            Some(By::Location) => is_seen.then(|| line.location_id.clone()),
            Some(By::Category) => is_seen.then(|| category_of(masters, &line.item_id)),
            Some(By::Supplier | By::Class) => None,
        }
    };
    let mut summaries = planner.summaries(&key, &of_unplanned);
    if by.is_none() {
        summaries.entry(String::new()).or_default();
    }
    let row = |(key, summary): (String, PlanSummary)| {
        let name = by.map_or_else(String::new, |by| by.name(planner.masters(), &key));
        KpiRow::new(by.map(|_| key), name, summary)
    };
    let kpis = summaries.into_iter().map(row).collect();
    let (plan_id, as_of, currency) = standing(planner);
    KpiBody { kpis, plan_id, as_of, currency }
}

/// Key figures of the plan, as of the last events that the planner has taken in; a caller of some locations gets those of
/// these.
#[utoipa::path(
    get,
    path = "/v1/kpis",
    params(KpiQuery),
    responses(
        (status = 200, description = "key figures", body = KpiBody),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<KpiQuery>,
) -> Result<Json<KpiBody>, Problem> {
    let filter = filter_of_lines(query.q.as_deref())?;
    Ok(Json(app.planning.ask(move |planner| rows(planner, &caller, query.by, filter.as_ref())).await?))
}

fn filter_of_lines(q: Option<&str>) -> Result<Option<Filter>, Problem> {
    let fields: Vec<&str> = FIELDS.iter().copied().filter(|field| *field != "money_at_risk").collect();
    filter_of_fields("q", q, &fields)
}

/// What became of demand in a month, at some item-locations.
#[derive(Debug, Serialize, ToSchema)]
struct PastKpiRow {
    /// The location, supplier, category or class of today; nothing where it is about all.
    key: Option<String>,
    /// Name of the location or supplier; empty when unknown.
    name: String,
    /// Its first day.
    from: String,
    /// Its last day; of the month of the plan the day before the plan.
    to: String,
    /// Item-locations that were sold in it.
    n_item_locations: usize,
    /// Days that item-locations were open and listed and of which sales are known; weeks or months where the data are of
    /// those.
    n_open: f64,
    /// Those of them on which the shelf was empty for a good part.
    n_stockouts: f64,
    /// The others / all of them; nothing where there are none.
    in_stock: Option<f64>,
    /// Demand met / demand, by units. Demand is estimated where the shelf was empty; nothing where there was none.
    fill_rate: Option<f64>,
    /// What was sold at the prices of today, a decimal.
    sales_value: String,
    /// The same at the costs of today, a decimal.
    cost_of_sales: String,
    /// What the unmet demand would have brought, a decimal.
    lost_margin: String,
    /// What was thrown away at the costs of today, a decimal.
    waste_value: String,
}

impl PastKpiRow {
    fn new(key: Option<String>, name: String, [from, to]: [Day; 2], figures: &PastFigures) -> Self {
        let money = |value: f64| format!("{value:.2}");
        let n_open = figures.in_stock.denominator;
        Self {
            key,
            name,
            from: from.to_string(),
            to: to.to_string(),
            n_item_locations: figures.n_item_locations,
            n_open,
            n_stockouts: n_open - figures.in_stock.numerator,
            in_stock: figures.in_stock.value(),
            fill_rate: figures.fill_rate.value(),
            sales_value: money(figures.sales_value),
            cost_of_sales: money(figures.cost_of_sales),
            lost_margin: money(figures.lost_margin),
            waste_value: money(figures.waste_value),
        }
    }
}

/// What became of demand, by month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PastKpiBody {
    /// By key, then by month, ascending; months of which nothing is known are left out.
    kpis: Vec<PastKpiRow>,
    /// The day that is planned for.
    as_of: Option<String>,
    /// ISO 4217 code.
    currency: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PastKpiQuery {
    /// What the figures are told by; all together where nothing is given.
    #[param(inline)]
    by: Option<By>,
    /// Those of planned lines that a filter holds for, as for `/v1/kpis`.
    q: Option<String>,
    /// Months that end on this day or later.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<String>,
    /// Months that begin on this day or earlier.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<String>,
}

fn past_rows(
    planner: &dyn LivePlanner,
    caller: &Caller,
    by: Option<By>,
    filter: Option<&Filter>,
    [from, to]: [Option<Day>; 2],
) -> PastKpiBody {
    let masters = planner.masters();
    let planned_for = planner.standing().map(|standing| standing.as_of);
    let past = planner.past(&|line| key_of(line, caller, by, filter, masters));
    let row = |((key, month), figures): ((String, Period), PastFigures)| {
        let days = [Bucket::Month.first_day(month), Bucket::Month.last_day(month)];
        if from.is_some_and(|from| days[1] < from) || to.is_some_and(|to| days[0] > to) {
            return None;
        }
        let last = planned_for.map_or(days[1], |day| days[1].min(day.plus(-1)).max(days[0]));
        let name = by.map_or_else(String::new, |by| by.name(masters, &key));
        Some(PastKpiRow::new(by.map(|_| key), name, [days[0], last], &figures))
    };
    let kpis = past.into_iter().filter_map(row).collect();
    let (_, as_of, currency) = standing(planner);
    PastKpiBody { kpis, as_of, currency }
}

/// What became of demand by month, over the last year and the month of the plan: what was in stock, met, lost and thrown
/// away, of the item-locations that are planned. A caller of some locations gets what became of it there.
#[utoipa::path(
    get,
    path = "/v1/kpis/past",
    params(PastKpiQuery),
    responses(
        (status = 200, description = "key figures by month", body = PastKpiBody),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn past(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<PastKpiQuery>,
) -> Result<Json<PastKpiBody>, Problem> {
    let filter = filter_of_lines(query.q.as_deref())?;
    let days = [day_of_query("from", query.from.as_deref())?, day_of_query("to", query.to.as_deref())?];
    let asked = app.planning.ask(move |planner| past_rows(planner, &caller, query.by, filter.as_ref(), days));
    Ok(Json(asked.await?))
}

/// What the plan orders from one source for one destination.
#[derive(Debug, Serialize, ToSchema)]
struct GroupRow {
    /// The supplier that it comes from.
    supplier_id: Option<String>,
    /// The location that it comes from.
    from_location: Option<String>,
    /// Name of the source; empty when unknown.
    source_name: String,
    /// The location that receives it.
    destination: String,
    n_lines: usize,
    /// Value of the lines whose cost is known, a decimal.
    value: String,
    /// Last day to place the order.
    order_by: String,
    /// Time of day by which it must be placed; empty when unknown.
    cut_off: String,
    /// Cubic metres of the lines whose volume is known.
    volume: f64,
    /// Kilograms of the lines whose weight is known.
    weight: f64,
    /// Smallest value of one order to this source, over all destinations, a decimal.
    min_order_value: Option<String>,
    /// Value of all lines to this source that are due that day, over all destinations, a decimal.
    source_value: String,
    /// Whether the minimum of the source is met; true where there is none.
    minimum_met: bool,
}

impl From<OrderGroup> for GroupRow {
    fn from(group: OrderGroup) -> Self {
        let (supplier_id, from_location) = origin(&group.source);
        Self {
            supplier_id,
            from_location,
            source_name: group.source_name,
            destination: group.destination,
            n_lines: group.n_lines,
            value: group.value.to_string(),
            order_by: group.order_by.to_string(),
            cut_off: group.cut_off,
            volume: group.volume,
            weight: group.weight,
            min_order_value: group.min_order_value.map(|value| value.to_string()),
            source_value: group.source_value.to_string(),
            minimum_met: group.minimum_met,
        }
    }
}

/// A budget, capacity or container, and what one more unit of it would bring.
#[derive(Debug, Serialize, ToSchema)]
struct LimitRow {
    /// Such as `budget all`, `volume location:S01` or `container supplier:FAR location:S01`; a scenario names it so.
    limit: String,
    allowed: f64,
    used: f64,
    /// Expected gain per extra unit: of currency, cubic metre, kilogram or line, over the next `step` of them.
    shadow_price: f64,
    /// A little more of the limit, in its own unit.
    step: f64,
    /// What `step` more would bring, currency.
    step_gain: f64,
    /// Lines that are cut or raised because of it.
    n_lines: usize,
}

impl From<ShadowPrice> for LimitRow {
    fn from(price: ShadowPrice) -> Self {
        let ShadowPrice { limit, allowed, used, price, step, step_gain, n_lines } = price;
        Self { limit, allowed, used, shadow_price: price, step, step_gain, n_lines }
    }
}

/// What the plan orders, by source and destination.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupBody {
    /// The earliest order day first.
    order_groups: Vec<GroupRow>,
    /// Limits over several lines; empty for a caller of some locations.
    limits: Vec<LimitRow>,
    /// Names the plan; nothing before the first.
    plan_id: Option<String>,
    /// The day that is planned for.
    as_of: Option<String>,
    /// ISO 4217 code.
    currency: Option<String>,
}

/// What the plan orders, by order day, source and destination, with cut-offs and minimums, as of the last events that the
/// planner has taken in. What people edited or decided is on the desk: `GET /v1/proposals`.
#[utoipa::path(
    get,
    path = "/v1/order-groups",
    responses(
        (status = 200, description = "groups of orders", body = GroupBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn order_groups(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<GroupBody>, Problem> {
    let asked = app.planning.ask(move |planner| {
        let groups = planner.order_groups().into_iter();
        let order_groups = groups.filter(|group| caller.covers(Some(&group.destination))).map(GroupRow::from).collect();
        let (plan_id, as_of, currency) = standing(planner);
        let limits = if caller.covers(None) { planner.limits() } else { Vec::new() };
        let limits = limits.into_iter().map(LimitRow::from).collect();
        GroupBody { order_groups, limits, plan_id, as_of, currency }
    });
    Ok(Json(asked.await?))
}
