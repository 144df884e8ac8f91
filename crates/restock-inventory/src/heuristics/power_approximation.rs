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
//! Where `Q <= 1.5·m`, the revision cuts both parameters to the newsvendor level `μ + σ·Φ⁻¹(p / (p + h))`, because orders
//! of about one period's demand make the problem one without a fixed cost. The published comparisons leave the cut out.

use restock_core::Units;
use statrs::distribution::{ContinuousCDF, Normal};

use super::OrderUpToRule;
use crate::zheng_federgruen::BackorderProblem;

/// The approximate rule without the cut, rounded to whole units.
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
    let Regression { reorder_point, order_size, .. } = Regression::new(problem, mean, standard_deviation);
    rule(reorder_point, reorder_point + order_size)
}

/// The approximate rule with the cut of the revision, rounded to whole units.
///
/// # Panics
/// As [`power_approximation`].
pub fn revised_power_approximation(problem: BackorderProblem, mean: f64, standard_deviation: f64) -> OrderUpToRule {
    let Regression { reorder_point, order_size, newsvendor } = Regression::new(problem, mean, standard_deviation);
    if order_size > 1.5 * mean {
        return rule(reorder_point, reorder_point + order_size);
    }
    let cut = rule(reorder_point.min(newsvendor), (reorder_point + order_size).min(newsvendor));
    // Rounding must leave something to order.
    OrderUpToRule { order_up_to_level: cut.order_up_to_level.max(cut.reorder_point + 1), ..cut }
}

fn rule(reorder_point: f64, order_up_to_level: f64) -> OrderUpToRule {
    let rounded = |level: f64| level.round() as Units;
    OrderUpToRule { reorder_point: rounded(reorder_point), order_up_to_level: rounded(order_up_to_level) }
}

/// The regression of the head of this file, units.
struct Regression {
    reorder_point: f64,
    order_size: f64,
    newsvendor: f64,
}

impl Regression {
    fn new(problem: BackorderProblem, mean: f64, standard_deviation: f64) -> Self {
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
        let fractile = stockout_cost / (stockout_cost + holding_cost);
        let newsvendor = interval_mean + deviation * Normal::standard().inverse_cdf(fractile);
        Self { reorder_point, order_size, newsvendor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::zheng_federgruen::{average_cost, optimal_policy};

    /// The cut costs nothing where orders are large, and saves most of the regression's gap where they are small.
    #[test]
    fn the_cut_saves_where_orders_are_small() {
        let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 64.0, lead_time: 0 };
        let gaps = |mean: f64| {
            let demand = DiscreteDemand::poisson(mean, 200);
            let optimum = optimal_policy(problem, &demand).average_cost;
            [power_approximation, revised_power_approximation].map(|approximate| {
                let rule = approximate(problem, mean, mean.sqrt());
                average_cost(problem, &demand, rule.reorder_point, rule.order_up_to_level) / optimum - 1.0
            })
        };
        let [plain, revised] = gaps(20.0);
        assert!(plain == revised && plain < 0.002, "{plain} {revised}");
        let [plain, revised] = gaps(75.0);
        assert!(plain > 0.11 && revised < 0.02, "{plain} {revised}");
    }
}
