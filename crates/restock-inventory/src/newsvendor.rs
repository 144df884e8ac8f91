//! The newsvendor: one purchase for one selling season.
//!
//! Closed forms for known distributions (Arrow, Harris & Marschak 1951; Snyder & Shen, *Fundamentals of Supply Chain
//! Theory*, 2nd ed. 2019, section 4.3) and the one-shot policy on demand scenarios.

use restock_core::objective::ServiceType;
use restock_core::policy::{Decision, DemandDistribution, Policy, Review};
use restock_core::{Objective, Units};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use crate::base_stock::order_up_to;

/// A base-stock level and its expected cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewsvendorSolution {
    /// Units to have at the start of the season.
    pub base_stock_level: f64,
    /// Expected holding and stock-out cost (or profit, for [`normal_explicit`]), currency.
    pub cost: f64,
}

/// Normal demand: S = µ + σΦ⁻¹(p/(p+h)), expected cost (h+p)σφ(z) (Snyder & Shen, equations 4.24 and 4.30).
///
/// ```
/// let solution = restock_inventory::newsvendor::normal(2.0, 18.0, 120.0, 10.0);
/// assert!((solution.base_stock_level - 132.8155).abs() < 1e-4);
/// assert!((solution.cost - 35.0997).abs() < 1e-4);
/// ```
///
/// # Panics
/// Unless costs and `std_dev` are positive.
pub fn normal(holding_cost: f64, stockout_cost: f64, mean: f64, std_dev: f64) -> NewsvendorSolution {
    assert!(holding_cost > 0.0 && stockout_cost > 0.0 && std_dev > 0.0);
    let standard = Normal::standard();
    let z = standard.inverse_cdf(stockout_cost / (stockout_cost + holding_cost));
    NewsvendorSolution {
        base_stock_level: mean + std_dev * z,
        cost: (holding_cost + stockout_cost) * std_dev * standard.pdf(z),
    }
}

/// Expected cost of any base-stock level S under normal demand: h(S - µ) + (h + p)·σ·L(z), with z = (S - µ)/σ and the
/// standard loss function L(z) = φ(z) - z(1 - Φ(z)) (Snyder & Shen, equation 4.20).
///
/// # Panics
/// Unless costs and `std_dev` are positive.
pub fn normal_cost(holding_cost: f64, stockout_cost: f64, mean: f64, std_dev: f64, base_stock_level: f64) -> f64 {
    assert!(holding_cost > 0.0 && stockout_cost > 0.0 && std_dev > 0.0);
    let standard = Normal::standard();
    let z = (base_stock_level - mean) / std_dev;
    let loss = standard.pdf(z) - z * standard.sf(z);
    holding_cost * (base_stock_level - mean) + (holding_cost + stockout_cost) * std_dev * loss
}

/// Normal demand with explicit revenue r, purchase cost c and salvage value v per unit: overage cost c - v, underage
/// cost r - c, expected profit (r - c)µ - cost (Snyder & Shen, section 4.3.2.4). The `cost` of the result is the profit.
///
/// # Panics
/// Unless v < c < r and `std_dev` is positive.
pub fn normal_explicit(
    revenue: f64,
    unit_cost: f64,
    salvage_value: f64,
    mean: f64,
    std_dev: f64,
) -> NewsvendorSolution {
    assert!(salvage_value < unit_cost && unit_cost < revenue);
    let solution = normal(unit_cost - salvage_value, revenue - unit_cost, mean, std_dev);
    NewsvendorSolution { cost: (revenue - unit_cost) * mean - solution.cost, ..solution }
}

/// Discrete demand: `probabilities[d]` is the probability of demand d. The smallest S with F(S) >= p/(p+h) and its
/// expected cost h·E\[(S-D)⁺\] + p·E\[(D-S)⁺\] (Snyder & Shen, section 4.3.2.5).
///
/// # Panics
/// When costs are not positive or probabilities do not sum to 1.
pub fn discrete(holding_cost: f64, stockout_cost: f64, probabilities: &[f64]) -> NewsvendorSolution {
    assert!(holding_cost > 0.0 && stockout_cost > 0.0);
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-6, "probabilities must sum to 1");
    let fractile = stockout_cost / (stockout_cost + holding_cost);
    let mut cumulative = 0.0;
    let level = probabilities
        .iter()
        .position(|probability| {
            cumulative += probability;
            cumulative >= fractile - 1e-12
        })
        .unwrap_or(probabilities.len() - 1);
    let cost = probabilities
        .iter()
        .enumerate()
        .map(|(demand, probability)| {
            let surplus = level as f64 - demand as f64;
            probability * if surplus >= 0.0 { holding_cost * surplus } else { -stockout_cost * surplus }
        })
        .sum();
    NewsvendorSolution { base_stock_level: level as f64, cost }
}

/// Buys once for everything that can still be sold: until the order expires, or to the end of the known horizon.
///
/// For economics the critical fractile is p/(p + c): p the stock-out cost of a unit, c its holding cost over the season
/// plus its waste cost. For service the level is the quantile (cycle, in-stock) or the smallest stock whose expected
/// shortage is within the target share (fill rate).
#[derive(Clone, Copy, Debug, Default)]
pub struct Newsvendor;

impl Policy for Newsvendor {
    fn name(&self) -> &str {
        "newsvendor"
    }

    fn decide(&self, review: &Review) -> Decision {
        let horizon = review.demand.horizon;
        let season = review.shelf_life.unwrap_or(horizon);
        let ends: Vec<usize> = review.lead_times.iter().map(|lead_time| (lead_time + season).min(horizon)).collect();
        let demand = review.demand.total_until(0, &ends);
        let costs = &review.costs;
        let level = match review.objective {
            Objective::Economics => {
                let overage = costs.holding_cost * season.min(horizon) as f64 + costs.waste_cost;
                let fractile = match costs.stockout_cost + overage {
                    total if total > 0.0 => costs.stockout_cost / total,
                    _ => 0.0,
                };
                smallest_level(&demand, |level| demand.cdf(level) >= fractile - 1e-9)
            }
            Objective::Service { service_type: ServiceType::FillRate, target } => {
                let allowed = (1.0 - target) * demand.mean();
                smallest_level(&demand, |level| demand.expected_shortage(level) <= allowed + 1e-9)
            }
            Objective::Service { target, .. } => smallest_level(&demand, |level| demand.cdf(level) >= target - 1e-9),
        };
        order_up_to(review, level, None, demand.mean(), horizon)
    }
}

/// The smallest whole level at which `enough` holds; it must hold from there on, at the largest scenario at the latest.
fn smallest_level(demand: &DemandDistribution, enough: impl Fn(f64) -> bool) -> Units {
    let highest = demand.scenarios().last().copied().unwrap_or(0.0).ceil() as Units;
    let (mut too_low, mut found) = (-1, highest);
    while found - too_low > 1 {
        let middle = too_low + (found - too_low) / 2;
        if enough(middle as f64) {
            found = middle;
        } else {
            too_low = middle;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(got: f64, published: f64) {
        assert!((got - published).abs() <= 1e-9 * published.abs(), "got {got}, published {published}");
    }

    /// Snyder & Shen example 4.3 and problem 4.1, as listed in stockpyl tests/test_newsvendor.py.
    #[test]
    fn normal_demand_matches_snyder_shen() {
        for (h, p, mean, std_dev, level, cost) in [
            (0.18, 0.7, 50.0, 8.0, 56.60395592743389, 1.997605193176645),
            (43.0, 79.0, 900.0, 60.0, 922.7214038234755, 2718.196781782411),
        ] {
            let solution = normal(h, p, mean, std_dev);
            assert_close(solution.base_stock_level, level);
            assert_close(solution.cost, cost);
        }
    }

    /// The check named in the product specification; four printed decimals.
    #[test]
    fn normal_demand_matches_the_golden_values() {
        let solution = normal(2.0, 18.0, 120.0, 10.0);
        assert!((solution.base_stock_level - 132.8155).abs() < 5e-5, "{}", solution.base_stock_level);
        assert!((solution.cost - 35.0997).abs() < 5e-5, "{}", solution.cost);
    }

    /// Snyder & Shen example 4.2 (profit) and problem 4.7(b) (discrete), as listed in stockpyl tests/test_newsvendor.py.
    #[test]
    fn profit_and_discrete_demand_match_snyder_shen() {
        let explicit = normal_explicit(1.0, 0.3, 0.12, 50.0, 8.0);
        assert_close(explicit.base_stock_level, 56.60395592743389);
        assert_close(explicit.cost, 33.002394806823354);
        let counts = discrete(500_000.0, 1_000_000.0, &[0.0, 0.25, 0.05, 0.1, 0.2, 0.15, 0.1, 0.1, 0.05]);
        assert_close(counts.base_stock_level, 5.0);
        assert_close(counts.cost, 1_225_000.0);
    }
}
