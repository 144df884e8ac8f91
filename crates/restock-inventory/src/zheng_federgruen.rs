//! Exact (s, S) policies for backordered demand (Zheng & Federgruen 1991).
//!
//! Reviewed every period, full backordering, fixed order cost `K`, holding cost `h` and stock-out cost `p` per unit and
//! period, lead time `L` periods, demand of a period on whole units. With `G(y)` the expected holding and stock-out
//! cost `L + 1` periods after the position was `y`, renewal theory gives the cost of `(s, S)` as
//! `c(s, S) = (K + Σ_{j<S-s} m(j)·G(S-j)) / M(S-s)` (Zheng & Federgruen 1991, equation 3), where `m` is the renewal
//! density of demand and `M` its sum. The search is the paper's own algorithm: no bound has to be guessed.
//!
//! An order is placed when the inventory position is at or below `s`.

use restock_core::Units;

use crate::discrete_demand::{DiscreteDemand, convolve};

/// The cost parameters of a backordered single item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackorderProblem {
    /// Holding cost per unit and period (h).
    pub holding_cost: f64,
    /// Backorder cost per unit and period (p).
    pub stockout_cost: f64,
    /// Fixed cost of an order (K).
    pub order_cost: f64,
    /// Periods from order to arrival (L).
    pub lead_time: usize,
}

/// An optimal (s, S) policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimalPolicy {
    /// Order at or below this inventory position, units (s).
    pub reorder_point: Units,
    /// Order up to this position, units (S).
    pub order_up_to_level: Units,
    /// Long-run average cost per period.
    pub average_cost: f64,
}

/// One-period costs of every inventory position, computed on demand.
#[derive(Clone, Debug)]
pub(crate) struct PeriodCost {
    problem: BackorderProblem,
    lead_time_demand: DiscreteDemand,
    mean: f64,
    /// `[level]`: expected shortage E[(D - level)⁺] for levels from 0 up.
    shortage: Vec<f64>,
}

impl PeriodCost {
    pub(crate) fn new(problem: BackorderProblem, demand: &DiscreteDemand) -> Self {
        let mut law = vec![1.0];
        for _ in 0..=problem.lead_time {
            law = convolve(&law, demand.probabilities());
        }
        let lead_time_demand = DiscreteDemand::new(law);
        // E[(D - y)⁺] = E[(D - y - 1)⁺] + P(D > y), from the top down.
        let probabilities = lead_time_demand.probabilities();
        let mut shortage = vec![0.0; probabilities.len()];
        let mut above = 0.0;
        for level in (0..probabilities.len() - 1).rev() {
            above += probabilities[level + 1];
            shortage[level] = shortage[level + 1] + above;
        }
        let mean = lead_time_demand.mean();
        Self { problem, lead_time_demand, mean, shortage }
    }

    /// `G(position)`: expected holding and stock-out cost.
    pub(crate) fn at(&self, position: Units) -> f64 {
        let shortage = match usize::try_from(position) {
            Ok(level) => self.shortage.get(level).copied().unwrap_or(0.0),
            Err(_) => self.mean - position as f64,
        };
        let on_hand = position as f64 - self.mean + shortage;
        self.problem.holding_cost * on_hand + self.problem.stockout_cost * shortage
    }

    /// The position with the smallest cost: the newsvendor level.
    pub(crate) fn minimiser(&self) -> Units {
        let ratio = self.problem.stockout_cost / (self.problem.stockout_cost + self.problem.holding_cost);
        let mut below = 0.0;
        for (level, probability) in self.lead_time_demand.probabilities().iter().enumerate() {
            below += probability;
            if below >= ratio {
                return level as Units;
            }
        }
        self.lead_time_demand.probabilities().len() as Units - 1
    }
}

/// Renewal density `m(j)` of demand, extended as far as asked: `m(0) = 1 / (1 - p₀)` and
/// `m(j) = Σ_{l=1..j} p_l·m(j-l) / (1 - p₀)` (Zheng & Federgruen 1991, equations 2a and 2b).
pub(crate) struct Renewal<'a> {
    probabilities: &'a [f64],
    density: Vec<f64>,
}

impl<'a> Renewal<'a> {
    /// The density for a demand law, `probabilities[d]` for demand `d`; the first must be below 1.
    pub(crate) fn new(probabilities: &'a [f64]) -> Self {
        assert!(probabilities[0] < 1.0);
        Self { probabilities, density: Vec::new() }
    }

    pub(crate) fn density(&mut self, j: usize) -> f64 {
        let p0 = self.probabilities[0];
        while self.density.len() <= j {
            let n = self.density.len();
            let sum: f64 = (1..=n.min(self.probabilities.len() - 1))
                .map(|demand| self.probabilities[demand] * self.density[n - demand])
                .sum();
            self.density.push(if n == 0 { 1.0 / (1.0 - p0) } else { sum / (1.0 - p0) });
        }
        self.density[j]
    }
}

/// Long-run average cost of an (s, S) policy, currency per period.
///
/// # Panics
/// Unless `reorder_point < order_up_to_level` and demand can be positive.
pub fn average_cost(
    problem: BackorderProblem,
    demand: &DiscreteDemand,
    reorder_point: Units,
    order_up_to_level: Units,
) -> f64 {
    assert!(reorder_point < order_up_to_level && demand.mean() > 0.0);
    let costs = PeriodCost::new(problem, demand);
    let mut renewal = Renewal::new(demand.probabilities());
    cost_of(&costs, &mut renewal, reorder_point, order_up_to_level)
}

fn cost_of(costs: &PeriodCost, renewal: &mut Renewal, reorder_point: Units, order_up_to_level: Units) -> f64 {
    let (mut length, mut cost) = (0.0, costs.problem.order_cost);
    for j in 0..(order_up_to_level - reorder_point) {
        let density = renewal.density(j as usize);
        length += density;
        cost += density * costs.at(order_up_to_level - j);
    }
    cost / length
}

/// The optimal (s, S) policy by the algorithm of Zheng & Federgruen (1991, section 3).
///
/// # Panics
/// Unless holding and stock-out cost are positive, the order cost is not negative and demand can be positive.
pub fn optimal_policy(problem: BackorderProblem, demand: &DiscreteDemand) -> OptimalPolicy {
    assert!(problem.holding_cost > 0.0 && problem.stockout_cost > 0.0 && problem.order_cost >= 0.0);
    assert!(demand.mean() > 0.0, "demand that is always zero needs no policy");
    let costs = PeriodCost::new(problem, demand);
    let mut renewal = Renewal::new(demand.probabilities());
    let minimiser = costs.minimiser();
    // Step 1: the best reorder point for the smallest sensible order-up-to level.
    let mut order_up_to_level = minimiser;
    let mut reorder_point = minimiser - 1;
    while cost_of(&costs, &mut renewal, reorder_point, order_up_to_level) > costs.at(reorder_point) {
        reorder_point -= 1;
    }
    let mut best = cost_of(&costs, &mut renewal, reorder_point, order_up_to_level);
    // Step 2: raise S as long as its one-period cost alone is not above the best average cost.
    let mut candidate = order_up_to_level + 1;
    while costs.at(candidate) <= best {
        if cost_of(&costs, &mut renewal, reorder_point, candidate) < best {
            order_up_to_level = candidate;
            while cost_of(&costs, &mut renewal, reorder_point, order_up_to_level) <= costs.at(reorder_point + 1) {
                reorder_point += 1;
            }
            best = cost_of(&costs, &mut renewal, reorder_point, order_up_to_level);
        }
        candidate += 1;
    }
    OptimalPolicy { reorder_point, order_up_to_level, average_cost: best }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PROBLEM: BackorderProblem =
        BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 64.0, lead_time: 0 };

    /// Zheng & Federgruen (1991), table of Poisson problems with K = 64, h = 1, p = 9; three decimals are printed.
    #[test]
    fn poisson_problems_match_zheng_federgruen_1991() {
        for (mean, reorder_point, order_up_to_level, published_cost) in [
            (10.0, 6, 40, 35.022),
            (15.0, 10, 49, 42.698),
            (20.0, 14, 62, 49.173),
            (25.0, 19, 56, 54.262),
            (30.0, 23, 66, 57.819),
            (40.0, 33, 87, 64.512),
            (60.0, 52, 129, 77.306),
            (65.0, 56, 75, 78.518),
            (70.0, 62, 81, 79.037),
            (75.0, 67, 86, 79.554),
            (22.0, 16, 68, 51.632),
            (23.0, 17, 52, 52.757),
            (24.0, 18, 54, 53.518),
            (59.0, 51, 126, 76.679),
            (61.0, 52, 131, 77.929),
            (64.0, 55, 74, 78.402),
        ] {
            let policy = optimal_policy(PROBLEM, &DiscreteDemand::poisson(mean, 200));
            assert!((policy.average_cost - published_cost).abs() < 1e-3, "mean {mean}: {policy:?}");
            assert_eq!(
                (policy.reorder_point, policy.order_up_to_level),
                (reorder_point, order_up_to_level),
                "mean {mean}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// No neighbouring policy is cheaper than the optimum, with lead times too.
        #[test]
        fn no_policy_nearby_is_cheaper(
            mean in 0.3_f64..12.0, order_cost in 0.0_f64..60.0, stockout_cost in 2.0_f64..40.0, lead_time in 0_usize..4,
        ) {
            let problem = BackorderProblem { holding_cost: 1.0, stockout_cost, order_cost, lead_time };
            let demand = DiscreteDemand::poisson(mean, 60);
            let policy = optimal_policy(problem, &demand);
            for ds in -4..=4 {
                for du in -4..=4 {
                    let (s, u) = (policy.reorder_point + ds, policy.order_up_to_level + du);
                    if s < u {
                        let cost = average_cost(problem, &demand, s, u);
                        prop_assert!(cost >= policy.average_cost - 1e-9, "({s}, {u}) costs {cost}, {policy:?}");
                    }
                }
            }
        }
    }
}
