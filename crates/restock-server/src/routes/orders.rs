//! Orders: what was approved, ordered at its source.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use restock_ledger::{Filed, Order, OrderFormat};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Name, ValidQuery, any_body, page_size};
use crate::idempotency::{check, key_of};
use crate::problem::Problem;
use crate::projection::Projection;
use crate::routes::proposals::{origin, type_name};
use crate::server::App;

/// An order that the desk made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderSummary {
    order_id: String,
    /// `purchase`, `transfer` or `production`.
    r#type: &'static str,
    /// The supplier that it is placed with.
    supplier_id: Option<String>,
    /// The location that sends it.
    from_location: Option<String>,
    /// The location that receives it.
    destination: String,
    /// `exported`, `acknowledged`, `partially_received` or `closed`: that of the line that is the least far.
    state: &'static str,
    n_lines: usize,
    /// Value of its lines, a decimal; nothing when a cost is not known.
    value: Option<String>,
    /// ISO 4217 code.
    currency: String,
}

impl From<&Order<'_>> for OrderSummary {
    fn from(order: &Order<'_>) -> Self {
        let (supplier_id, from_location) = origin(order.source);
        Self {
            order_id: order.order_id.to_owned(),
            r#type: type_name(order.order_type),
            supplier_id,
            from_location,
            destination: order.destination.to_owned(),
            state: order.state().name(),
            n_lines: order.lines.len(),
            value: order.value().map(|value| value.to_string()),
            currency: order.currency().to_owned(),
        }
    }
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderPage {
    /// The latest first.
    orders: Vec<OrderSummary>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrdersQuery {
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Orders that the desk made, the latest first.
#[utoipa::path(
    get,
    path = "/v1/orders",
    params(OrdersQuery),
    responses(
        (status = 200, description = "a page of orders", body = OrderPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<OrdersQuery>,
) -> Result<Json<OrderPage>, Problem> {
    let limit = page_size(query.limit)?;
    let cursor = query.cursor.filter(|cursor| !cursor.is_empty());
    let projection = app.writer.projection()?;
    let mut orders: Vec<OrderSummary> = Vec::new();
    let mut next_cursor = None;
    for order in projection.desk.orders().rev() {
        let is_before = cursor.as_ref().is_none_or(|cursor| order.order_id < cursor.as_str());
        if !is_before || !caller.covers(Some(order.destination)) {
            continue;
        }
        if orders.len() == limit {
            next_cursor = orders.last().map(|last| last.order_id.clone());
            break;
        }
        orders.push((&order).into());
    }
    Ok(Json(OrderPage { orders, next_cursor }))
}

/// The orders of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Exported {
    orders: Vec<OrderSummary>,
    n_lines: usize,
    /// Lines whose day to order has passed where the business is.
    n_late: usize,
}

/// Orders everything that is approved, one order per source and destination. From then on it counts as on its way. Sent again
/// with the same `Idempotency-Key`, the request orders nothing more and is answered with the same orders; the same key with
/// another body is refused.
#[utoipa::path(
    post,
    path = "/v1/orders",
    params(("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 200, description = "what the request calls itself")),
    responses(
        (status = 200, description = "what was ordered; nothing where nothing was approved", body = Exported),
        (status = 400, description = "bad key", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the key belongs to a request with another body", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Exported>, Problem> {
    let by = caller.name.clone();
    let request = key_of(&headers, &caller, &any_body(bytes)?)?;
    if let Some(request) = &request {
        app.keys.check("orders", request)?;
    }
    let under = request.clone();
    let filed = app.writer.file(move |projection| {
        let desk = &projection.desk;
        if let Some(request) = &under {
            check(request, desk.body_hash_of(&request.key))?;
            if desk.exported_under(&request.key).is_some() {
                return Ok(Vec::new());
            }
        }
        let covers = |filed: &Filed| caller.covers(Some(&filed.need.destination));
        desk.export(&by, under.as_ref(), &covers).map_err(Problem::from)
    });
    let entries = filed.await??;
    if let Some(request) = &request {
        app.keys.remember("orders", request);
    }
    let projection = app.writer.projection()?;
    let desk = &projection.desk;
    let mut order_ids: Vec<&str> =
        entries.iter().filter_map(|entry| desk.get(&entry.proposal_id)?.order_id.as_deref()).collect();
    if let Some(ids) = request.as_ref().and_then(|request| desk.exported_under(&request.key)) {
        order_ids.extend(ids.iter().map(String::as_str));
    }
    order_ids.sort_unstable();
    order_ids.dedup();
    let today = app.today();
    let orders: Vec<Order<'_>> = order_ids.iter().filter_map(|order_id| desk.order_named(order_id)).collect();
    let lines = || orders.iter().flat_map(|order| &order.lines);
    Ok(Json(Exported {
        n_lines: lines().count(),
        n_late: lines().filter(|filed| filed.need.order_by < today).count(),
        orders: orders.iter().map(OrderSummary::from).collect(),
    }))
}

/// A format of order files.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FormatQuery {
    #[default]
    Json,
    Csv,
    Odoo,
    Erpnext,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrderQuery {
    /// As what: JSON, a table, or a file as Odoo or ERPNext imports it.
    #[param(inline)]
    format: Option<FormatQuery>,
}

/// One order with its lines, as JSON or as a file.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}",
    params(("id" = String, Path), OrderQuery),
    responses(
        (status = 200, description = "the order", content((Object = "application/json"), (String = "text/csv"))),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such order", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the other system has no document for it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    ValidQuery(query): ValidQuery<OrderQuery>,
) -> Result<([(HeaderName, String); 2], String), Problem> {
    let format = match query.format.unwrap_or_default() {
        FormatQuery::Json => OrderFormat::Json,
        FormatQuery::Csv => OrderFormat::Csv,
        FormatQuery::Odoo => OrderFormat::Odoo,
        FormatQuery::Erpnext => OrderFormat::Erpnext,
    };
    let projection = app.writer.projection()?;
    let order = find(&projection, &caller, &id)?;
    let text = format.write(&order).map_err(|error| {
        let said = error.to_string();
        let (detail, fix) = said.split_once("\n\nhint: ").unwrap_or((&said, "write it as csv or json"));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, "no-document", "The order cannot be such a file", detail).fix(fix)
    })?;
    let kind = if format == OrderFormat::Json { "application/json" } else { "text/csv; charset=utf-8" };
    // A name of plain letters: headers have no others.
    let plain: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect();
    let name = format!("attachment; filename=\"{plain}.{}\"", format.extension());
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], text))
}

fn find<'a>(projection: &'a Projection, caller: &Caller, id: &str) -> Result<Order<'a>, Problem> {
    let order = projection.desk.order_named(id).filter(|order| caller.covers(Some(order.destination)));
    order.ok_or_else(|| {
        let id: String = id.chars().take(200).collect();
        Problem::not_found(format!("there is no order {id:?}"))
    })
}
