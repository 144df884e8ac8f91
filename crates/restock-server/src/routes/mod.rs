//! The routes, a file per resource.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};

use restock_ledger::{AuditEntry, LedgerError};

use crate::access::methods;
use crate::limits::MAX_BODY_BYTES;
use crate::problem::Problem;
use crate::recorder::Recorder;
use crate::server::App;

pub(crate) mod adaptation;
pub(crate) mod audit;
pub(crate) mod dashboard;
pub(crate) mod data_health;
pub(crate) mod decisions;
pub(crate) mod edit_rules;
pub(crate) mod events;
pub(crate) mod exceptions;
pub(crate) mod forecasts;
pub(crate) mod imports;
pub(crate) mod inventory;
pub(crate) mod item_locations;
pub(crate) mod jobs;
pub(crate) mod kpis;
pub(crate) mod master_changes;
pub(crate) mod masters;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod named;
pub(crate) mod operations;
pub(crate) mod orders;
pub(crate) mod plans;
pub(crate) mod proposals;
pub(crate) mod quarantine;
pub(crate) mod said_demand;
pub(crate) mod scenarios;
pub(crate) mod session;
pub(crate) mod simulations;
pub(crate) mod sources;
pub(crate) mod stream;
pub(crate) mod terms;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod webhooks;

/// All routes; who may use them is in [`crate::access::ENDPOINTS`] and [`crate::access::PAGES`].
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(dashboard::index))
        .route("/assets/{name}", get(dashboard::file))
        .route("/health", get(operations::health))
        .route("/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/v1/openapi.json", get(operations::openapi))
        .route("/v1/events", get(events::list).post(events::append))
        .route("/v1/events/{sequence}", get(events::one))
        .route("/v1/inventory", get(inventory::list))
        .route("/v1/stream", get(stream::follow))
        .route("/v1/quarantine", get(quarantine::list))
        .route("/v1/quarantine/{id}", get(quarantine::one))
        .route("/v1/quarantine/{id}/release", post(quarantine::release))
        .route("/v1/quarantine/{id}/discard", post(quarantine::discard))
        .route("/v1/audit", get(audit::list))
        .route("/v1/session", get(session::who).post(session::begin).delete(session::end))
        .route("/v1/session/first", post(session::begin_first))
        .route("/v1/session/password", post(session::change_password))
        .route("/v1/users", get(users::list).post(users::create))
        .route("/v1/users/{name}", patch(users::change).delete(users::remove))
        .route("/v1/tokens", get(tokens::list).post(tokens::create))
        .route("/v1/tokens/{name}", delete(tokens::revoke))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", delete(webhooks::remove).post(webhooks::act))
        .route("/v1/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route("/v1/proposals", get(proposals::list))
        .route("/v1/proposals:approve", post(decisions::approve_many))
        .route("/v1/proposals:reject", post(decisions::reject_many))
        .route("/v1/proposals/{id}", get(proposals::one).patch(decisions::edit).post(decisions::act))
        .route("/v1/proposals/{id}/explanation", get(proposals::explanation).post(proposals::what_if))
        .route("/v1/orders", get(orders::list).post(orders::export))
        .route("/v1/orders/{id}", get(orders::one))
        .route("/v1/plans", get(plans::list).post(plans::replan))
        .route("/v1/data-health", get(data_health::summary))
        .route("/v1/data-health/findings", get(data_health::findings))
        .route("/v1/data-health/scores", get(data_health::scores))
        .route("/v1/count-list", get(data_health::count_list))
        .route("/v1/counts", post(data_health::count))
        .route("/v1/messages:translate", post(messages::translate))
        .route("/v1/exceptions", get(exceptions::list))
        .route("/v1/exceptions/{id}", post(exceptions::act))
        .route("/v1/item-locations", get(item_locations::list).post(master_changes::change_item_locations))
        .route(
            "/v1/item-locations/{item}/{location}",
            get(item_locations::one)
                .put(master_changes::put_item_location)
                .patch(master_changes::patch_item_location)
                .delete(master_changes::delist),
        )
        .route("/v1/item-locations/{item}/{location}/settings", get(sources::settings))
        .route("/v1/forecasts", get(forecasts::one).post(said_demand::give))
        .route("/v1/forecasts:override", post(said_demand::say_override))
        .route("/v1/forecasts/overrides", get(said_demand::overrides))
        .route("/v1/forecasts/overrides/{id}", delete(said_demand::take_back))
        .route("/v1/kpis", get(kpis::list))
        .route("/v1/kpis/past", get(kpis::past))
        .route("/v1/order-groups", get(kpis::order_groups))
        .route("/v1/items", get(masters::items).post(master_changes::change_items))
        .route(
            "/v1/items/{id}",
            get(masters::item)
                .put(master_changes::put_item)
                .patch(master_changes::patch_item)
                .delete(master_changes::end_item),
        )
        .route("/v1/locations", get(masters::locations).post(master_changes::change_locations))
        .route(
            "/v1/locations/{id}",
            get(masters::location).put(master_changes::put_location).patch(master_changes::patch_location),
        )
        .route("/v1/suppliers", get(masters::suppliers).post(master_changes::change_suppliers))
        .route(
            "/v1/suppliers/{id}",
            get(masters::supplier).put(master_changes::put_supplier).patch(master_changes::patch_supplier),
        )
        .route(
            "/v1/sources",
            get(sources::list)
                .post(master_changes::change_sources)
                .put(master_changes::put_source)
                .patch(master_changes::patch_source)
                .delete(master_changes::end_source),
        )
        .route("/v1/calendars", get(terms::calendars).post(terms::change_calendars))
        .route(
            "/v1/calendars/{id}",
            get(terms::calendar).put(terms::put_calendar).patch(terms::patch_calendar).delete(terms::remove_calendar),
        )
        .route("/v1/uoms", get(terms::uoms).post(terms::change_uoms))
        .route(
            "/v1/uoms/{item}/{unit}",
            get(terms::uom).put(terms::put_uom).patch(terms::patch_uom).delete(terms::remove_uom),
        )
        .route(
            "/v1/segments",
            get(terms::segments)
                .post(terms::change_segments)
                .put(terms::put_segment)
                .patch(terms::patch_segment)
                .delete(terms::remove_segment),
        )
        .route("/v1/imports", get(imports::list).post(imports::upload))
        .route(
            "/v1/imports/{id}",
            get(imports::one).patch(imports::change).delete(imports::discard).post(imports::apply),
        )
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::one).post(jobs::cancel))
        .route("/v1/jobs/{id}/progress", get(jobs::follow))
        .route("/v1/simulations", post(simulations::simulate))
        .route("/v1/simulations/{id}", get(simulations::simulation))
        .route("/v1/backtests", post(simulations::backtest))
        .route("/v1/backtests/{id}", get(simulations::backtested))
        .route("/v1/frontiers", post(simulations::frontier))
        .route("/v1/frontiers/{id}", get(simulations::frontier_of))
        .route("/v1/scenarios", get(scenarios::list).post(scenarios::create))
        .route(
            "/v1/scenarios/{id}",
            get(scenarios::one).patch(scenarios::change).delete(scenarios::remove).post(scenarios::plan_again),
        )
        .route("/v1/scenarios/{id}/diff", get(scenarios::diff))
        .route("/v1/models", get(models::list))
        .route("/v1/models:rollback", post(models::roll_back))
        .route("/v1/models/{version}", post(models::promote))
        .route("/v1/policies", get(models::policies))
        .route("/v1/adaptation", get(adaptation::read))
        .route("/v1/adaptation/rules/{id}", post(edit_rules::dismiss))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// Does something that blocks on a thread where that keeps nobody waiting.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> T + Send + 'static,
) -> Result<T, Problem> {
    let app = app.clone();
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.map_err(|_| Problem::internal("the request met a mistake of the program"))
}

/// Changes tokens, users or webhooks; the writer records it before it is done.
pub(crate) async fn recorded<T: Send + 'static, E: Send + 'static>(
    app: &App,
    actor: &str,
    change: impl FnOnce(&App, &mut Recorder) -> Result<T, E> + Send + 'static,
) -> Result<T, Problem>
where
    Problem: From<E>,
{
    let actor = actor.to_owned();
    let runtime = tokio::runtime::Handle::current();
    let changed = blocking(app, move |app| {
        let mut write = |entry: &AuditEntry| {
            let entry = entry.clone();
            let written = runtime.block_on(app.writer.write(move |ledger| ledger.record(&entry).map(drop)));
            written.map_err(|failure| LedgerError::Storage(failure.to_string().into()))
        };
        change(app, &mut Recorder::new(&actor, &mut write))
    });
    Ok(changed.await??)
}

async fn unknown(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("there is no route {path:?}");
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", "There is no such route", detail)
        .fix("/v1/openapi.json lists all routes")
}

/// The answer to a method that a path of the table does not have.
pub(crate) fn wrong_method(method: &Method, path: &str) -> Response {
    let allow = methods(path).join(", ");
    let detail = format!("{path} cannot be {method}");
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The route has other methods", detail)
        .field("method", method.as_str(), allow.clone());
    let problem = match (method, path) {
        (&Method::DELETE, "/v1/locations/{id}" | "/v1/suppliers/{id}") => {
            problem.fix("what refers to it stays: end its sources (DELETE /v1/sources) and item-locations instead")
        }
        _ => problem,
    };
    ([(header::ALLOW, allow)], problem).into_response()
}
