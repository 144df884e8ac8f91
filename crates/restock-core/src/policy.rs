//! The seam between a review of one item-location and the order it leads to.

use std::sync::Arc;

use crate::objective::{CostRates, Objective};
use crate::quantity::Units;
use crate::stock::StockState;

/// Names of policies, as settings say them: `auto`, which is the learned one once it has watched long enough, the classical
/// ones, and `learned`.
pub const POLICY_NAMES: &[&str] = &[
    "auto",
    "classical",
    "base_stock",
    "s_S",
    "R_s_S",
    "s_Q",
    "min_max",
    "days_of_cover",
    "mto",
    "newsvendor",
    "learned",
];

/// Whether a text names a policy: one of [`POLICY_NAMES`], or `days_of_cover:21`, which covers 21 periods.
pub fn is_policy_name(text: &str) -> bool {
    let n_periods = text.strip_prefix("days_of_cover:").and_then(|periods| periods.parse::<usize>().ok());
    POLICY_NAMES.contains(&text) || n_periods.is_some_and(|n_periods| n_periods > 0)
}

/// Demand over an interval as a distribution: equally likely scenarios, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandDistribution {
    /// `[n_scenarios]`, ascending, units, never negative.
    scenarios: Vec<f64>,
    mean: f64,
}

impl DemandDistribution {
    /// A distribution from equally likely scenarios in any order.
    ///
    /// # Panics
    /// When `scenarios` is empty or holds a negative or non-finite number.
    pub fn from_scenarios(mut scenarios: Vec<f64>) -> Self {
        assert!(!scenarios.is_empty(), "a distribution needs at least one scenario");
        assert!(scenarios.iter().all(|demand| demand.is_finite() && *demand >= 0.0));
        scenarios.sort_unstable_by(f64::total_cmp);
        let mean = scenarios.iter().sum::<f64>() / scenarios.len() as f64;
        Self { scenarios, mean }
    }

    /// The scenarios, ascending.
    pub fn scenarios(&self) -> &[f64] {
        &self.scenarios
    }

    /// Expected demand, units.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Population standard deviation, units.
    pub fn std_dev(&self) -> f64 {
        let n = self.scenarios.len() as f64;
        (self.scenarios.iter().map(|demand| (demand - self.mean).powi(2)).sum::<f64>() / n).sqrt()
    }

    /// The quantile at `quantile_level` in `[0, 1]`, linear between scenarios (Hyndman & Fan 1996, type 7).
    pub fn quantile(&self, quantile_level: f64) -> f64 {
        let position = quantile_level.clamp(0.0, 1.0) * (self.scenarios.len() - 1) as f64;
        let below = position.floor() as usize;
        let above = (below + 1).min(self.scenarios.len() - 1);
        let weight = position - below as f64;
        self.scenarios[below] * (1.0 - weight) + self.scenarios[above] * weight
    }

    /// P(demand <= level).
    pub fn cdf(&self, level: f64) -> f64 {
        self.scenarios.partition_point(|demand| *demand <= level) as f64 / self.scenarios.len() as f64
    }

    /// Expected unmet demand E[(demand - level)⁺], units.
    pub fn expected_shortage(&self, level: f64) -> f64 {
        let first_above = self.scenarios.partition_point(|demand| *demand <= level);
        self.scenarios[first_above..].iter().map(|demand| demand - level).sum::<f64>() / self.scenarios.len() as f64
    }
}

/// Joint demand scenarios over the horizon: `n_paths` equally likely paths.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandPaths {
    /// `[n_paths × horizon]`, path-major, units per period, never negative.
    pub values: Vec<f32>,
    /// Number of periods in a path.
    pub horizon: usize,
}

impl DemandPaths {
    /// The number of paths.
    pub fn n_paths(&self) -> usize {
        self.values.len() / self.horizon
    }

    /// One path, `[horizon]`.
    pub fn path(&self, path_idx: usize) -> &[f32] {
        &self.values[path_idx * self.horizon..(path_idx + 1) * self.horizon]
    }

    /// Periods `from..from + horizon` of every path.
    pub fn part(&self, from: usize, horizon: usize) -> Self {
        assert!(from + horizon <= self.horizon, "periods {from}..{} within 0..{}", from + horizon, self.horizon);
        let mut values = Vec::with_capacity(self.n_paths() * horizon);
        for idx in 0..self.n_paths() {
            values.extend_from_slice(&self.path(idx)[from..from + horizon]);
        }
        Self { values, horizon }
    }

    /// The distribution of total demand in periods `from..to` of the horizon.
    pub fn total(&self, from: usize, to: usize) -> DemandDistribution {
        assert!(from <= to && to <= self.horizon, "periods {from}..{to} within 0..{}", self.horizon);
        DemandDistribution::from_scenarios(
            (0..self.n_paths())
                .map(|idx| self.path(idx)[from..to].iter().map(|demand| f64::from(*demand)).sum())
                .collect(),
        )
    }

    /// Total demand with an uncertain end: path `i` runs over `from..ends[i % ends.len()]`. With `ends` drawn from the
    /// lead-time distribution this is the distribution of lead-time demand under random lead times.
    pub fn total_until(&self, from: usize, ends: &[usize]) -> DemandDistribution {
        assert!(!ends.is_empty());
        DemandDistribution::from_scenarios(
            (0..self.n_paths())
                .map(|idx| {
                    let to = ends[idx % ends.len()].min(self.horizon).max(from);
                    self.path(idx)[from..to].iter().map(|demand| f64::from(*demand)).sum()
                })
                .collect(),
        )
    }
}

/// Ordering rules of one item-location and source, in units. They always hold exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderingRules {
    /// Smallest order, if any is placed.
    pub min_order: Units,
    /// Orders are a multiple of this (pack, layer or pallet); 0 and 1 mean any whole unit.
    pub order_multiple: Units,
    /// Largest order.
    pub max_order: Option<Units>,
    /// Inventory position that is kept even without expected demand (minimum stock, display minimum, safety days).
    pub min_stock: Units,
    /// Inventory position that an order may not exceed (maximum stock).
    pub max_stock: Option<Units>,
    /// Most units that the shelf can hold when the order arrives.
    pub shelf_capacity: Option<Units>,
    /// Most units that can be sold before they expire, a cap on the order.
    pub shelf_life_cap: Option<Units>,
    /// Most units that will still be needed before the item's planned end beyond the inventory position, a cap on the
    /// order.
    pub end_of_life_cap: Option<Units>,
    /// Nothing may be ordered.
    pub do_not_order: bool,
}

/// Everything a policy may know at one review of one item-location: no more than was knowable then.
#[derive(Clone, Debug)]
pub struct Review {
    /// Stock, pipeline, backorders and reservations now.
    pub stock: StockState,
    /// Joint demand scenarios; period 0 starts now.
    pub demand: Arc<DemandPaths>,
    /// Lead-time scenarios of an order placed now, periods until it can be sold; ascending, never empty. An order
    /// with lead time 0 serves period 0.
    pub lead_times: Arc<[usize]>,
    /// Periods from now to the next order opportunity, at least 1.
    pub review_period: usize,
    /// Ordering rules.
    pub rules: OrderingRules,
    /// Cost rates.
    pub costs: CostRates,
    /// What to achieve.
    pub objective: Objective,
    /// Periods an arriving unit can be sold, if the item is perishable.
    pub shelf_life: Option<usize>,
    /// Whether unmet demand waits (`true`), as it does for what other locations draw, or is lost (`false`).
    pub backorder: bool,
}

/// What a policy decides before the ordering rules are applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Wanted order in whole units, at least 0.
    pub order_quantity: Units,
    /// The level the order aims at (order-up-to level, or position after a fixed-size order), units.
    pub target_level: Units,
    /// Inventory position at or below which the policy orders; `None` when it orders up at every review.
    pub reorder_point: Option<Units>,
    /// Expected demand over the protection interval (lead time plus review period), units.
    pub expected_demand: f64,
    /// Demand that is expected to be lost before an order placed now can arrive, as far as the order leaves it out,
    /// units; see [`Decision::left_out`]. It depends on stock and open supply until then, never on the order itself.
    pub lost_before_arrival: Units,
    /// Units that the policy adds to or takes from the rule "target minus position, less demand lost before arrival",
    /// with the reason; 0 when it follows that rule. (A learned policy's correction, a fixed order size, a reorder point
    /// not reached.)
    pub adjustment: Units,
    /// Why `adjustment` is what it is, a stable code such as `reorder_point_not_reached` or `fixed_order_size`.
    pub adjustment_reason: &'static str,
}

impl Decision {
    /// What "target minus position" is reduced by at an inventory position, because the demand for it is lost before the
    /// order arrives: `order_quantity = max(target_level - position, 0) - left_out(position) + adjustment`.
    pub fn left_out(&self, inventory_position: Units) -> Units {
        self.lost_before_arrival.min((self.target_level - inventory_position).max(0))
    }
}

/// A replenishment policy: a pure function from a review to a decision.
pub trait Policy: Send + Sync {
    /// Stable name, as written in configuration, tables and explanations.
    fn name(&self) -> &str;

    /// Decide at one review. The decision ignores the ordering rules' rounding; the planner applies those.
    fn decide(&self, review: &Review) -> Decision;

    /// Decides a review that differs from an earlier one in its stock only, given the earlier decision; the result is
    /// that of [`Policy::decide`]. A policy whose levels do not depend on stock takes them over, which makes simulating
    /// many futures from one forecast cheap.
    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        let _ = earlier;
        self.decide(review)
    }
}
