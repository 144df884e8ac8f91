//! What a decision should achieve: a service level or the lowest cost.

use serde::{Deserialize, Serialize};

/// How service is measured (Silver, Pyke & Thomas, *Inventory and Production Management in Supply Chains*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceType {
    /// Probability that a replenishment cycle has no stock-out (type 1).
    Cycle,
    /// Share of demand met from the shelf (type 2).
    FillRate,
    /// Share of periods that end with demand fully met.
    InStock,
}

/// What a decision should achieve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Objective {
    /// Reach a service level with the least stock.
    Service {
        /// How service is measured.
        #[serde(rename = "type")]
        service_type: ServiceType,
        /// Target between 0 and 1, exclusive.
        target: f64,
    },
    /// Minimise holding, stock-out, ordering and waste cost.
    Economics,
}

/// Cost rates of one item-location, in currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostRates {
    /// Purchase cost of one unit.
    pub unit_cost: f64,
    /// Cost of holding one unit for one period.
    pub holding_cost: f64,
    /// Cost of one unit of unmet demand.
    pub stockout_cost: f64,
    /// Fixed cost of one order line.
    pub order_cost: f64,
    /// Cost of one unit that expires, beyond what selling it would have brought.
    pub waste_cost: f64,
}
