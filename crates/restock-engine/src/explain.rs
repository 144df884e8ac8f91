//! Why this quantity: the numbers behind one line, and what it would be if one thing were different.

use restock_core::finding::PlanException;
use restock_core::forecast::Observation;
use restock_core::proposal::{Explanation, Proposal};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Dataset, Day, Forecaster, Quantity};
use serde::{Deserialize, Serialize};

use crate::plan::PlanLine;
use crate::what_if::WhatIf;

/// Everything about one item-location, for people and charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineDetail {
    /// The compact line.
    pub line: PlanLine,
    /// Item name; empty when unknown.
    pub item_name: String,
    /// Base unit of measure.
    pub uom: String,
    /// The morning of the plan.
    pub as_of: Day,
    /// Planning period.
    pub bucket: Bucket,
    /// The proposal; `None` when nothing is ordered.
    pub proposal: Option<Proposal>,
    /// The explanation of the quantity, zero included.
    pub explanation: Explanation,
    /// The last periods, oldest first.
    pub history: Vec<HistoryPoint>,
    /// The horizon, period by period.
    pub forecast: Vec<ForecastPoint>,
    /// Open supply and the proposed order.
    pub arrivals: Vec<ArrivalPoint>,
    /// Stock at the end of each period, without and with the order.
    pub projection: Vec<ProjectionPoint>,
    /// Last day of the protection interval.
    pub protection_until: Day,
    /// Why this forecast model.
    pub forecast_reason: String,
    /// Exceptions of this item-location.
    pub exceptions: Vec<PlanException>,
    /// The what-ifs applied, empty for the plan itself.
    pub what_if: Vec<String>,
    /// What the what-ifs changed; empty without any.
    pub changes: Vec<Change>,
}

/// One past period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// First day of the period.
    pub day: Day,
    /// Recorded sales, base units.
    pub sales: f64,
    /// Estimated demand, base units; above sales where stock ran out.
    pub demand: f64,
    /// `full`, `censored`, `closed` or `missing`.
    pub observation: String,
}

/// One future period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastPoint {
    /// First day of the period.
    pub day: Day,
    /// Expected demand, base units.
    pub mean: f64,
    /// Quantiles at 0.05, 0.1, 0.3, 0.5, 0.7, 0.9 and 0.95, base units.
    pub quantiles: [f64; 7],
}

/// Supply that arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrivalPoint {
    /// Day it can be sold.
    pub day: Day,
    /// Quantity, base units.
    pub quantity: Quantity,
    /// Order number; empty for the proposed order.
    pub order_id: String,
    /// Whether this is the proposed order.
    pub proposed: bool,
}

/// Stock at the end of one period over the demand paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionPoint {
    /// First day of the period.
    pub day: Day,
    /// Quantiles 0.1, 0.5 and 0.9 of stock without the order, base units.
    pub without_order: [f64; 3],
    /// The same with the order.
    pub with_order: [f64; 3],
}

/// A number that a what-if changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What, for example `quantity` or `target_level`.
    pub what: String,
    /// In the plan.
    pub before: String,
    /// Under the what-if.
    pub after: String,
}

/// Why a line cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// No such item.
    #[error("item {0:?} is not in the data")]
    UnknownItem(String),
    /// No such location.
    #[error("location {0:?} is not in the data")]
    UnknownLocation(String),
    /// The item-location was not planned.
    #[error("{item_id}@{location_id} is not planned: {reason}")]
    NotPlanned {
        /// Item.
        item_id: String,
        /// Location.
        location_id: String,
        /// Why.
        reason: String,
    },
}

/// The name of an observation in exports.
pub(crate) fn observation_name(observation: Observation) -> &'static str {
    match observation {
        Observation::Full => "full",
        Observation::Censored => "censored",
        Observation::Closed => "closed",
        Observation::Missing => "missing",
    }
}

/// Explains one item-location of a dataset, ordered or not, under any number of what-ifs.
///
/// Without what-ifs the proposal is the one of [`crate::plan`], byte for byte.
///
/// # Errors
/// [`ExplainError`] when the item-location is unknown or not planned.
pub fn explain(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    item_id: &str,
    location_id: &str,
    what_if: &[WhatIf],
) -> Result<LineDetail, ExplainError> {
    let _ = (dataset, settings, forecaster, what_if, observation_name(Observation::Full));
    Err(ExplainError::NotPlanned {
        item_id: item_id.to_owned(),
        location_id: location_id.to_owned(),
        reason: "not built yet".to_owned(),
    })
}
