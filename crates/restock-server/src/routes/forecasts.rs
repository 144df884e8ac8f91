//! What demand is expected, period by period, and what it is expected from.

use axum::extract::State;
use axum::{Extension, Json};
use restock_core::{Bucket, ItemLocation, QUANTILE_LEVELS};
use restock_engine::{ForecastPoint, HistoryPoint, LineDetail};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::ValidQuery;
use crate::problem::Problem;
use crate::routes::item_locations::check_place;
use crate::routes::said_demand::OverrideRow;
use crate::server::App;

/// Levels of the quantiles of [`ForecastPoint`].
const LEVELS: [f64; 7] = [0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95];

/// A period of the past.
#[derive(Debug, Serialize, ToSchema)]
struct PastRow {
    /// Its first day.
    day: String,
    /// Recorded sales, base units.
    sales: f64,
    /// Estimated demand, base units; above sales where stock ran out.
    demand: f64,
    /// `full`, `censored`, `closed` or `missing`.
    observation: String,
}

/// A period of the future.
#[derive(Debug, Serialize, ToSchema)]
struct FutureRow {
    /// Its first day.
    day: String,
    /// Expected demand, base units.
    mean: f64,
    /// Quantiles at `levels`, base units.
    quantiles: [f64; 7],
}

/// A level that is asked in place of another one.
#[derive(Debug, Serialize, ToSchema)]
struct AskedRow {
    /// The level that is meant.
    level: f64,
    /// The level that is asked of the forecaster for it.
    asked: f64,
}

/// The forecast of an item-location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastBody {
    item_id: String,
    item_name: String,
    location_id: String,
    /// The base unit.
    uom: String,
    /// The morning of the plan.
    as_of: String,
    /// `day`, `week` or `month`: the length of the periods.
    bucket: &'static str,
    /// The model that made the forecast.
    model: String,
    /// Why this model.
    reason: String,
    /// Levels of the quantiles.
    levels: [f64; 7],
    /// The horizon, period by period; the first holds what is left of it.
    forecast: Vec<FutureRow>,
    /// The same without what people say about the forecast here; empty where nobody says anything.
    baseline: Vec<FutureRow>,
    /// What people say about the forecast, those that act.
    overrides: Vec<OverrideRow>,
    /// Names what is forecast: another one wherever a number, the model or an override differs.
    version: String,
    /// The last periods, oldest first.
    history: Vec<PastRow>,
    /// What is asked of the forecaster because outcomes of earlier forecasts told so; empty where it is taken as it is.
    recalibration: Vec<AskedRow>,
}

impl ForecastBody {
    fn new(detail: LineDetail, asked: Option<[f64; restock_core::N_LEVELS]>) -> Self {
        let version = version_of(&detail);
        let past = |HistoryPoint { day, sales, demand, observation }| PastRow {
            day: restock_core::Day::to_string(&day),
            sales,
            demand,
            observation,
        };
        let future = |ForecastPoint { day, mean, quantiles }| FutureRow {
            day: restock_core::Day::to_string(&day),
            mean,
            quantiles,
        };
        let asked = asked.into_iter().flat_map(|asked| QUANTILE_LEVELS.into_iter().zip(asked));
        Self {
            item_id: detail.line.item_id,
            item_name: detail.item_name,
            location_id: detail.line.location_id,
            uom: detail.uom,
            as_of: detail.as_of.to_string(),
            bucket: match detail.bucket {
                Bucket::Day => "day",
                Bucket::Week => "week",
                Bucket::Month => "month",
            },
            model: detail.line.forecast_model,
            reason: detail.forecast_reason,
            levels: LEVELS,
            forecast: detail.forecast.into_iter().map(future).collect(),
            baseline: detail.baseline.into_iter().map(future).collect(),
            overrides: detail.overrides.into_iter().map(Into::into).collect(),
            version,
            history: detail.history.into_iter().map(past).collect(),
            recalibration: asked.map(|(level, asked)| AskedRow { level, asked }).collect(),
        }
    }
}

/// A hash of what is forecast and of what it is made from.
fn version_of(detail: &LineDetail) -> String {
    let of = (detail.as_of, &detail.line.forecast_model, &detail.forecast, &detail.baseline, &detail.overrides);
    let hash = blake3::hash(&serde_json::to_vec(&of).expect("numbers and texts are JSON"));
    format!("f_{}", &hash.to_hex()[..16])
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForecastQuery {
    /// The item.
    item: String,
    /// The location.
    location: String,
}

/// The forecast of an item-location, as the plan uses it: what other locations draw is in it, recalibration too.
#[utoipa::path(
    get,
    path = "/v1/forecasts",
    params(ForecastQuery),
    responses(
        (status = 200, description = "the forecast", body = ForecastBody),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "not known, or not planned", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<ForecastQuery>,
) -> Result<Json<ForecastBody>, Problem> {
    let place = ItemLocation { item_id: query.item, location_id: query.location };
    check_place(&caller, &place)?;
    let asked = app.planning.ask_for(move |planner| {
        let explained = planner.explain(&place, &[])?;
        Ok(explained.map(|explained| ForecastBody::new(explained.line, planner.asked_levels(&place))))
    });
    Ok(Json(asked.await??))
}
