//! The power approximation of (s, S): a regression on optimal policies of 288 problems (Ehrhardt 1979, *Management
//! Science* 25(8)), revised by Ehrhardt & Mosier (1984), *Management Science* 30(5).
//!
//! With `μ` and `σ` the mean and standard deviation of the demand of the lead time and one period, `m` the mean demand of a
//! period, and `h`, `p`, `K` the costs of the problem:
//!
//! - `Q = 1.30·m^0.494·(K/h)^0.506·(1 + σ²/m²)^0.116`,
//! - `z = sqrt(Q·h / (σ·p))`,
//! - `s = 0.973·μ + σ·(0.183/z + 1.063 - 2.192·z)`, `S = s + Q`.
//!
//! # Differences from the paper
//! For `Q <= 1.5·m` the paper also cuts both parameters to a newsvendor level. As in the published comparisons, that is
//! left out, which costs up to 12 % where orders are about as large as the demand of a period.

use super::OrderUpToRule;
use crate::zheng_federgruen::BackorderProblem;
use restock_core::Units;

/// The approximate rule, rounded to whole units.
///
/// # Panics
/// Unless costs are positive and the moments of a period's demand are.
///
/// # Examples
/// ```
/// use restock_inventory::heuristics::{OrderUpToRule, power_approximation};
/// use restock_inventory::zheng_federgruen::BackorderProblem;
///
/// let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 64.0, lead_time: 0 };
/// let rule = power_approximation(problem, 10.0, 10.0_f64.sqrt());
/// assert_eq!(rule, OrderUpToRule { reorder_point: 6, order_up_to_level: 40 });
/// ```
pub fn power_approximation(problem: BackorderProblem, mean: f64, standard_deviation: f64) -> OrderUpToRule {
    let BackorderProblem { holding_cost, stockout_cost, order_cost, lead_time } = problem;
    assert!(holding_cost > 0.0 && stockout_cost > 0.0 && order_cost > 0.0, "{problem:?}");
    assert!(mean > 0.0 && standard_deviation > 0.0, "mean {mean}, standard deviation {standard_deviation}");
    let periods = lead_time as f64 + 1.0;
    let (interval_mean, deviation) = (mean * periods, standard_deviation * periods.sqrt());
    let order_size = 1.30
        * mean.powf(0.494)
        * (order_cost / holding_cost).powf(0.506)
        * (1.0 + (deviation / mean).powi(2)).powf(0.116);
    let z = (order_size * holding_cost / (deviation * stockout_cost)).sqrt();
    let reorder_point = 0.973 * interval_mean + deviation * (0.183 / z + 1.063 - 2.192 * z);
    OrderUpToRule {
        reorder_point: reorder_point.round() as Units,
        order_up_to_level: (reorder_point + order_size).round() as Units,
    }
}
