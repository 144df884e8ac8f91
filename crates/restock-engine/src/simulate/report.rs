//! What a simulation reports: indicators with intervals, in total and by location, the worst lines, and charts.

use restock_core::{Bucket, Day};
use serde::{Deserialize, Serialize};

use super::volumes::SiteDay;
use crate::backtest::Note;
use crate::indicators::Kpis;
use crate::plan::Unplanned;

/// What [`simulate`](super::simulate) found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulationReport {
    /// First day played, the day of the plan.
    pub from: Day,
    /// Last day played.
    pub to: Day,
    /// Length of a period.
    pub bucket: Bucket,
    /// Periods played.
    pub n_periods: usize,
    /// Futures per item-location.
    pub n_paths: usize,
    /// Item-locations played.
    pub n_item_locations: usize,
    /// Item-locations that cannot be planned, with the reason.
    pub unplanned: Vec<Unplanned>,
    /// Name of the forecaster.
    pub forecaster: String,
    /// ISO 4217 code of every money amount.
    pub currency: String,
    /// Whether cost or price were assumed for some or all items, so that money is indicative.
    pub costs_assumed: bool,
    /// Seed of demand and lead times.
    pub seed: u64,
    /// The shocks in words.
    pub shocks: Vec<Note>,
    /// The future as it is forecast, and after it, where there are shocks, the same future with them.
    pub scenarios: Vec<ScenarioResult>,
    /// Shock minus baseline, path by path on the same random numbers; `None` without shocks.
    pub difference: Option<KpiEstimates>,
    /// What is taken for granted, one sentence each.
    pub notes: Vec<Note>,
}

/// One way the future could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResult {
    /// `baseline` or `shock`.
    pub name: String,
    /// Indicators over all item-locations. Demand and sales are those of customers: what one location sends to another
    /// is not counted twice.
    pub kpis: KpiEstimates,
    /// Indicators by location, by id. Here demand and sales include what the location sends to others.
    pub locations: Vec<LocationResult>,
    /// Goods that move, by location and day, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub volumes: Vec<SiteDay>,
    /// Every item-location, largest expected lost margin first.
    pub lines: Vec<SimulatedLine>,
    /// Total stock value at the end of each period.
    pub stock_value: Vec<FanPoint>,
    /// Service by week (by period where periods are longer).
    pub service: Vec<ServicePoint>,
}

/// A number over the simulated futures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean over the paths.
    pub mean: f64,
    /// 5 % of the paths are below.
    pub low: f64,
    /// 5 % of the paths are above.
    pub high: f64,
}

impl Estimate {
    /// Mean and 5-95 % interval, `None` without values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.sort_unstable_by(f64::total_cmp);
        Some(Self { mean, low: quantile(&values, 0.05), high: quantile(&values, 0.95) })
    }
}

/// The quantile of ascending values, linear between them (Hyndman & Fan 1996, type 7).
pub(crate) fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

macro_rules! estimates {
    ($($(#[$doc:meta])* $name:ident: $value:expr;)*) => {
        /// Indicators with their intervals. A path on which an indicator has no denominator does not count in it.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct KpiEstimates { $($(#[$doc])* pub $name: Option<Estimate>),* }

        impl KpiEstimates {
            /// From the indicators of each path.
            pub(crate) fn of(paths: &[Kpis]) -> Self {
                Self { $($name: Estimate::of(paths.iter().filter_map($value).collect())),* }
            }

            /// `after - before`, path by path.
            pub(crate) fn difference(before: &[Kpis], after: &[Kpis]) -> Self {
                let minus = |value: fn(&Kpis) -> Option<f64>| {
                    let pairs = before.iter().zip(after);
                    Estimate::of(pairs.filter_map(|(before, after)| Some(value(after)? - value(before)?)).collect())
                };
                Self { $($name: minus($value)),* }
            }
        }
    };
}

estimates! {
    /// Units sold / demand.
    fill_rate: |kpis| kpis.fill_rate;
    /// Open periods that end with stock / open periods.
    in_stock: |kpis| kpis.in_stock;
    /// Open periods with all demand met / open periods.
    period_service: |kpis| kpis.period_service;
    /// Replenishment cycles without lost demand / cycles.
    cycle_service: |kpis| kpis.cycle_service;
    /// Demand, base units.
    demand: |kpis| Some(kpis.demand);
    /// Units sold.
    sold: |kpis| Some(kpis.sold);
    /// Demand not met, base units.
    lost: |kpis| Some(kpis.lost);
    /// Mean value of stock at the end of a period, at cost.
    mean_stock_value: |kpis| Some(kpis.mean_stock_value);
    /// Mean stock, base units.
    mean_stock: |kpis| Some(kpis.mean_stock);
    /// Cost of goods sold in a year / mean stock value.
    turns: |kpis| kpis.turns;
    /// Units expired.
    waste: |kpis| Some(kpis.waste);
    /// Value of units expired, at cost.
    waste_value: |kpis| Some(kpis.waste_value);
    /// Units expired / units received.
    waste_rate: |kpis| kpis.waste_rate;
    /// Order lines placed.
    n_orders: |kpis| Some(kpis.n_orders as f64);
    /// Units ordered.
    ordered: |kpis| Some(kpis.ordered);
    /// Total relevant cost: the four below.
    cost: |kpis| Some(kpis.cost);
    /// Holding cost.
    holding_cost: |kpis| Some(kpis.holding_cost);
    /// Cost of lost sales.
    stockout_cost: |kpis| Some(kpis.stockout_cost);
    /// Fixed cost of order lines.
    order_cost: |kpis| Some(kpis.order_cost);
    /// Cost of waste.
    waste_cost: |kpis| Some(kpis.waste_cost);
}

/// One location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocationResult {
    /// Location.
    pub location_id: String,
    /// Its item-locations.
    pub n_item_locations: usize,
    /// Its indicators.
    pub kpis: KpiEstimates,
}

/// One item-location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulatedLine {
    /// Item.
    pub item_id: String,
    /// Item name; empty when unknown.
    pub item_name: String,
    /// Location.
    pub location_id: String,
    /// The policy that decides, as set.
    pub policy: String,
    /// Expected demand, base units, what it sends to other locations included.
    pub demand: f64,
    /// Expected share of that demand that is met.
    pub fill_rate: Option<f64>,
    /// Customers' demand not met, base units.
    pub lost: Estimate,
    /// Margin lost with it, currency.
    pub lost_margin: Estimate,
    /// Share of paths on which some demand is not met.
    pub p_stockout: f64,
    /// Expected mean value of stock at the end of a period, at cost.
    pub mean_stock_value: f64,
    /// Expected order lines.
    pub n_orders: f64,
    /// Expected units ordered, base units.
    pub ordered: f64,
    /// Expected units expired, base units.
    pub waste: f64,
}

/// A distribution over the futures at the end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FanPoint {
    /// First day of the period.
    pub day: Day,
    /// Mean over the paths.
    pub mean: f64,
    /// Quantiles at 5, 25, 50, 75 and 95 %.
    pub quantiles: [f64; 5],
}

/// Service of customers in one week.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServicePoint {
    /// First day of the week.
    pub day: Day,
    /// Units sold / demand; `None` where nothing is wanted on any path.
    pub fill_rate: Option<Estimate>,
}
