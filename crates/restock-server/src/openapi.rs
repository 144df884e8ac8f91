//! The description of the API, made from the code of the routes.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::access::{Access, ENDPOINTS};
use crate::problem::Problem;
use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Restock",
        description = "Events of stock in, stock and order proposals out. An event is known by its source and id, so any request may be sent again.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        routes::operations::health,
        routes::operations::ready,
        routes::operations::metrics,
        routes::operations::openapi,
        routes::events::append,
        routes::events::list,
        routes::events::one,
        routes::inventory::list,
        routes::stream::follow,
        routes::quarantine::list,
        routes::quarantine::one,
        routes::quarantine::release,
        routes::quarantine::discard,
        routes::audit::list,
        routes::session::begin,
        routes::session::who,
        routes::session::begin_first,
        routes::session::end,
        routes::session::change_password,
        routes::users::list,
        routes::users::create,
        routes::users::change,
        routes::users::remove,
        routes::tokens::list,
        routes::tokens::create,
        routes::tokens::revoke,
        routes::webhooks::list,
        routes::webhooks::create,
        routes::webhooks::remove,
        routes::webhooks::test,
        routes::webhooks::resume,
        routes::webhooks::deliveries,
        routes::proposals::list,
        routes::proposals::one,
        routes::proposals::explanation,
        routes::proposals::what_if,
        routes::decisions::edit,
        routes::decisions::approve,
        routes::decisions::firm,
        routes::decisions::reject,
        routes::decisions::approve_many,
        routes::decisions::reject_many,
        routes::orders::list,
        routes::orders::export,
        routes::orders::one,
        routes::plans::list,
        routes::plans::replan,
        routes::data_health::summary,
        routes::data_health::findings,
        routes::data_health::scores,
        routes::data_health::count_list,
        routes::data_health::count,
        routes::exceptions::list,
        routes::exceptions::acknowledge,
        routes::exceptions::reopen,
        routes::exceptions::snooze,
        routes::exceptions::assign,
        routes::item_locations::list,
        routes::item_locations::one,
        routes::forecasts::one,
        routes::said_demand::give,
        routes::said_demand::say_override,
        routes::said_demand::overrides,
        routes::said_demand::take_back,
        routes::kpis::list,
        routes::kpis::past,
        routes::kpis::order_groups,
        routes::masters::items,
        routes::masters::locations,
        routes::masters::suppliers,
        routes::masters::item,
        routes::masters::location,
        routes::masters::supplier,
        routes::master_changes::change_items,
        routes::master_changes::put_item,
        routes::master_changes::patch_item,
        routes::master_changes::end_item,
        routes::master_changes::change_locations,
        routes::master_changes::put_location,
        routes::master_changes::patch_location,
        routes::master_changes::change_suppliers,
        routes::master_changes::put_supplier,
        routes::master_changes::patch_supplier,
        routes::master_changes::change_item_locations,
        routes::master_changes::put_item_location,
        routes::master_changes::patch_item_location,
        routes::master_changes::delist,
        routes::sources::settings,
        routes::sources::list,
        routes::master_changes::change_sources,
        routes::master_changes::put_source,
        routes::master_changes::patch_source,
        routes::master_changes::end_source,
        routes::terms::calendars,
        routes::terms::change_calendars,
        routes::terms::calendar,
        routes::terms::put_calendar,
        routes::terms::patch_calendar,
        routes::terms::remove_calendar,
        routes::terms::uoms,
        routes::terms::change_uoms,
        routes::terms::uom,
        routes::terms::put_uom,
        routes::terms::patch_uom,
        routes::terms::remove_uom,
        routes::terms::segments,
        routes::terms::change_segments,
        routes::terms::put_segment,
        routes::terms::patch_segment,
        routes::terms::remove_segment,
        routes::imports::list,
        routes::imports::upload,
        routes::imports::one,
        routes::imports::change,
        routes::imports::discard,
        routes::imports::apply,
        routes::jobs::list,
        routes::jobs::one,
        routes::jobs::cancel,
        routes::jobs::follow,
        routes::simulations::simulate,
        routes::simulations::simulation,
        routes::simulations::backtest,
        routes::simulations::backtested,
        routes::simulations::frontier,
        routes::simulations::frontier_of,
        routes::scenarios::list,
        routes::scenarios::create,
        routes::scenarios::one,
        routes::scenarios::change,
        routes::scenarios::remove,
        routes::scenarios::plan_again,
        routes::scenarios::diff,
        routes::messages::translate,
        routes::models::list,
        routes::models::promote,
        routes::models::roll_back,
        routes::models::policies,
        routes::adaptation::read,
        routes::edit_rules::dismiss,
    ),
    components(schemas(Problem)),
    modifiers(&AccessOfTable)
)]
struct Api;

/// Security and the problems that every endpoint with a body, and every protected one, can answer with, from the table of [`ENDPOINTS`].
struct AccessOfTable;

impl Modify for AccessOfTable {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description("restock_session", "POST /v1/session sets it"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        for endpoint in ENDPOINTS {
            let path = document.paths.paths.get_mut(endpoint.path);
            let operation = path.and_then(|path| match endpoint.method {
                "POST" => path.post.as_mut(),
                "PUT" => path.put.as_mut(),
                "PATCH" => path.patch.as_mut(),
                "DELETE" => path.delete.as_mut(),
                _ => path.get.as_mut(),
            });
            let Some(operation) = operation else { continue };
            if operation.request_body.is_some() {
                add_problem(operation, "400", "the body cannot be read");
                add_problem(operation, "413", "the body is too large");
                add_problem(operation, "415", "the body has another media type");
            }
            add_problem(operation, "421", "the request is for another host");
            add_problem(operation, "429", "too many requests; the header retry-after says how long to wait");
            add_problem(operation, "500", "the server failed");
            add_problem(operation, "503", "not now: starting, stopping, overloaded, too slow, or the store failed");
            if let Access::ByLocation(roles) | Access::Whole(roles) = endpoint.access {
                let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
                let ways = ["token", "session"].map(|way| SecurityRequirement::new(way, [] as [&str; 0]));
                operation.security = Some(ways.into());
                add_problem(operation, "401", "no token or session, or one that is not valid");
                add_problem(operation, "403", &format!("the token or user has not the role {}", names.join(" or ")));
            }
        }
    }
}

fn add_problem(operation: &mut Operation, status: &str, description: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(description).content("application/problem+json", content).build();
    operation.responses.responses.entry(status.to_owned()).or_insert(response.into());
}

/// The description of the API, OpenAPI 3.1 as JSON.
pub fn document() -> String {
    Api::openapi().to_pretty_json().expect("the description is JSON")
}
