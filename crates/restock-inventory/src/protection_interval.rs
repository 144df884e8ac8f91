//! Demand over the protection interval and the stock levels that protect against it.
//!
//! An order placed now arrives after the lead time L; the next one is placed after the review period R and arrives
//! R + L from now. What the position is raised to now must therefore last for R + L periods (Silver, Pyke & Thomas,
//! *Inventory and Production Management in Supply Chains*, 4th ed. 2017, ch. 6). Lead times are random: demand path
//! `i` is paired with lead-time scenario `i mod n`, so that the distribution is the mixture over lead times.

use restock_core::objective::ServiceType;
use restock_core::policy::Review;
use restock_core::{CostRates, Objective, Units};

/// Tolerance of comparisons between a computed share and a target, far below one scenario's weight.
const SHARE_TOLERANCE: f64 = 1e-9;

/// Equally likely totals with their sums, for distribution function and expected shortage in logarithmic time.
#[derive(Clone, Debug, Default)]
struct Totals {
    /// `[n_scenarios]`, ascending, units.
    sorted: Vec<f64>,
    /// `[n_scenarios + 1]`: sum of `sorted[idx..]`.
    suffix_sums: Vec<f64>,
}

impl Totals {
    fn new(mut totals: Vec<f64>) -> Self {
        totals.sort_unstable_by(f64::total_cmp);
        let mut suffix_sums = vec![0.0; totals.len() + 1];
        for idx in (0..totals.len()).rev() {
            suffix_sums[idx] = suffix_sums[idx + 1] + totals[idx];
        }
        Self { sorted: totals, suffix_sums }
    }

    /// P(total <= level).
    fn cdf(&self, level: f64) -> f64 {
        self.sorted.partition_point(|total| *total <= level) as f64 / self.sorted.len() as f64
    }

    /// E[(total - level)⁺].
    fn expected_shortage(&self, level: f64) -> f64 {
        let first_above = self.sorted.partition_point(|total| *total <= level);
        let n_above = (self.sorted.len() - first_above) as f64;
        (self.suffix_sums[first_above] - n_above * level) / self.sorted.len() as f64
    }

    fn mean(&self) -> f64 {
        self.suffix_sums[0] / self.sorted.len() as f64
    }

    fn max(&self) -> f64 {
        self.sorted.last().copied().unwrap_or(0.0)
    }
}

/// Demand over the protection interval of one review.
#[derive(Clone, Debug)]
pub struct ProtectionInterval {
    /// Demand until the order placed now arrives.
    until_arrival: Totals,
    /// Demand until the next order arrives.
    until_next_arrival: Totals,
    /// Demand until the end of each period between the two arrivals, all pooled.
    until_period_ends: Totals,
    /// Demand until the order placed now expires, for perishable items.
    until_expiry: Option<Totals>,
    /// `[n_paths]`: demand between the two arrivals of each path.
    served: Vec<f64>,
    /// Periods between the two arrivals that the order can serve.
    n_served_periods: usize,
    objective: Objective,
    costs: CostRates,
}

impl ProtectionInterval {
    /// The protection interval of a review whose next order opportunity is `review_period` periods away.
    ///
    /// A perishable item serves at most its shelf life after arrival, so a shelf life shorter than the review period
    /// ends the interval. Where the horizon of the demand paths is too short, a path goes on at its own mean.
    ///
    /// # Panics
    /// When there are no lead times or `review_period` is 0.
    pub fn new(review: &Review, review_period: usize) -> Self {
        let demand = &review.demand;
        let lead_times = &review.lead_times;
        assert!(!lead_times.is_empty() && review_period >= 1 && demand.horizon >= 1);
        let n_served_periods = review_period.min(review.shelf_life.unwrap_or(review_period)).max(1);

        let n_paths = demand.n_paths();
        let by_period = matches!(
            review.objective,
            Objective::Economics | Objective::Service { service_type: ServiceType::InStock, .. }
        );
        let by_expiry = match (review.objective, review.shelf_life) {
            (Objective::Economics, Some(shelf_life)) => Some(shelf_life),
            _ => None,
        };
        let mut until_arrival = Vec::with_capacity(n_paths);
        let mut until_next_arrival = Vec::with_capacity(n_paths);
        let mut until_period_ends = Vec::with_capacity(if by_period { n_paths * n_served_periods } else { 0 });
        let mut until_expiry = Vec::with_capacity(if by_expiry.is_some() { n_paths } else { 0 });
        for path_idx in 0..n_paths {
            let path = demand.path(path_idx);
            let lead_time = lead_times[path_idx % lead_times.len()];
            let sum_until = |to: usize| -> f64 {
                let sum: f64 = path[..to.min(path.len())].iter().map(|demand| f64::from(*demand)).sum();
                if to > path.len() { sum * to as f64 / path.len() as f64 } else { sum }
            };
            let before = sum_until(lead_time);
            until_arrival.push(before);
            if by_period && lead_time + n_served_periods <= path.len() {
                let mut running = before;
                for demand in &path[lead_time..lead_time + n_served_periods] {
                    running += f64::from(*demand);
                    until_period_ends.push(running);
                }
                until_next_arrival.push(running);
            } else {
                if by_period {
                    until_period_ends.extend((1..=n_served_periods).map(|served| sum_until(lead_time + served)));
                }
                until_next_arrival.push(sum_until(lead_time + n_served_periods));
            }
            if let Some(shelf_life) = by_expiry {
                until_expiry.push(sum_until(lead_time + shelf_life));
            }
        }
        let served = until_next_arrival.iter().zip(&until_arrival).map(|(to, from)| to - from).collect();
        Self {
            served,
            until_arrival: Totals::new(until_arrival),
            until_next_arrival: Totals::new(until_next_arrival),
            until_period_ends: Totals::new(until_period_ends),
            until_expiry: by_expiry.map(|_| Totals::new(until_expiry)),
            n_served_periods,
            objective: review.objective,
            costs: review.costs,
        }
    }

    /// Expected demand over the protection interval, units.
    pub fn expected_demand(&self) -> f64 {
        self.until_next_arrival.mean()
    }

    /// Expected demand between the arrival of this order and of the next, units.
    pub fn expected_served_demand(&self) -> f64 {
        self.until_next_arrival.mean() - self.until_arrival.mean()
    }

    /// `[n_paths]`: demand between the arrival of this order and of the next, units.
    pub fn served_demand(&self) -> &[f64] {
        &self.served
    }

    /// Expected demand per period between the two arrivals, units.
    pub fn demand_rate(&self) -> f64 {
        self.expected_served_demand() / self.n_served_periods as f64
    }

    /// Expected unmet demand between the two arrivals when the position is raised to `level` now:
    /// E[(D(L+R) - level)⁺] - E[(D(L) - level)⁺], shortages left by earlier orders not counted again.
    ///
    /// Source: Silver, Pyke & Thomas 2017, section 6.9 (their ESPRC, here without the normal assumption); van Donselaar
    /// & Broekmeulen (2013), *Int. J. Production Economics* 143(2), use it as the base of their lost-sales fill rate.
    /// For lost sales it is on the safe side: demand lost before arrival does not use up the order.
    pub fn expected_shortage(&self, level: f64) -> f64 {
        self.until_next_arrival.expected_shortage(level) - self.until_arrival.expected_shortage(level)
    }

    /// How far `level` is beyond what the objective needs: non-decreasing in `level`, negative while it is too low.
    ///
    /// - cycle: P(D(L+R) <= level) - target;
    /// - fill rate: (1 - target) · E\[D(R)\] - expected shortage;
    /// - in-stock: mean over the periods of P(demand until its end <= level) - target;
    /// - economics: the marginal cost of the last unit, holding_cost · expected periods it lies unsold between the
    ///   arrivals + waste_cost · P(it expires) - stockout_cost · P(it is needed). For R = 1 and no expiry the zero is
    ///   the critical fractile p/(p+h).
    fn surplus(&self, level: f64) -> f64 {
        match self.objective {
            Objective::Service { service_type: ServiceType::Cycle, target } => {
                self.until_next_arrival.cdf(level) - target + SHARE_TOLERANCE
            }
            Objective::Service { service_type: ServiceType::FillRate, target } => {
                let served_demand = self.expected_served_demand();
                (1.0 - target) * served_demand - self.expected_shortage(level) + SHARE_TOLERANCE * (1.0 + served_demand)
            }
            Objective::Service { service_type: ServiceType::InStock, target } => {
                self.until_period_ends.cdf(level) - target + SHARE_TOLERANCE
            }
            Objective::Economics => {
                let unsold_periods = self.n_served_periods as f64 * self.until_period_ends.cdf(level);
                let p_needed = 1.0 - self.until_next_arrival.cdf(level);
                let p_expires = self.until_expiry.as_ref().map_or(0.0, |totals| totals.cdf(level));
                self.costs.holding_cost * unsold_periods + self.costs.waste_cost * p_expires
                    - self.costs.stockout_cost * p_needed
            }
        }
    }

    /// Expected cost of one review interval that starts from position `level`, currency, up to a constant: its slope is
    /// the surplus of the economics objective. For service objectives it is the holding cost of the position alone,
    /// which is what a smaller level saves.
    fn interval_cost(&self, level: f64) -> f64 {
        let n_periods = self.n_served_periods as f64;
        if !matches!(self.objective, Objective::Economics) {
            return self.costs.holding_cost * n_periods * level;
        }
        let left_over = |totals: &Totals| level - totals.mean() + totals.expected_shortage(level);
        self.costs.holding_cost * n_periods * left_over(&self.until_period_ends)
            + self.until_expiry.as_ref().map_or(0.0, |totals| self.costs.waste_cost * left_over(totals))
            + self.costs.stockout_cost * self.until_next_arrival.expected_shortage(level)
    }

    /// How far the objective is met over a whole cycle in which reviews start from `level - offset`, the offsets with
    /// weights that sum to 1.
    ///
    /// `n_reviews` is the expected number of reviews in a cycle: a cycle service target allows one stock-out in so many
    /// cycles, whichever review of the cycle it falls into.
    fn cycle_surplus(&self, level: f64, offsets: &[(f64, f64)], n_reviews: f64) -> f64 {
        let mean: f64 = offsets.iter().map(|(offset, weight)| weight * self.surplus(level - offset)).sum();
        match self.objective {
            Objective::Service { service_type: ServiceType::Cycle, target } => {
                // The surplus is P(no stock-out in a review) - target.
                (1.0 - target) - n_reviews * (1.0 - target - mean)
            }
            _ => mean,
        }
    }

    /// The smallest level, and its expected cost of a review, when reviews start from `level - offset`.
    pub(crate) fn smallest_level_of_cycle(&self, offsets: &[(f64, f64)], n_reviews: f64) -> (Units, f64) {
        let deepest = offsets.iter().map(|(offset, _)| *offset).fold(0.0, f64::max);
        let highest = self.until_next_arrival.max().max(self.until_period_ends.max()) + deepest;
        let (mut too_low, mut enough) = (-1, highest.ceil() as Units);
        while enough - too_low > 1 {
            let middle = too_low + (enough - too_low) / 2;
            if self.cycle_surplus(middle as f64, offsets, n_reviews) >= 0.0 {
                enough = middle;
            } else {
                too_low = middle;
            }
        }
        let cost = offsets.iter().map(|(offset, weight)| weight * self.interval_cost(enough as f64 - offset)).sum();
        (enough, cost)
    }

    /// The surplus averaged over the levels `level, ..., level + n_levels - 1`, at most eight of them.
    fn mean_surplus(&self, level: Units, n_levels: Units) -> f64 {
        let n_probes = n_levels.clamp(1, 8);
        let mean_over_probes: f64 = (0..n_probes)
            .map(|probe| {
                let offset = (probe as f64 + 0.5) * n_levels as f64 / n_probes as f64 - 0.5;
                self.surplus(level as f64 + offset.floor())
            })
            .sum();
        mean_over_probes / n_probes as f64
    }

    /// The smallest order-up-to level, at least 0, at which the objective is met when the position after ordering lies
    /// evenly on `level, ..., level + n_levels - 1`.
    ///
    /// With `n_levels = 1` this is the base-stock level. Orders in multiples of Q leave the position evenly spread over
    /// Q levels (Hadley & Whitin 1963, ch. 4), so a large pack needs a lower level. A cycle service target counts every
    /// cycle alike and is judged at `level` itself.
    pub fn smallest_level(&self, n_levels: Units) -> Units {
        let n_levels = match self.objective {
            Objective::Service { service_type: ServiceType::Cycle, .. } => 1,
            _ => n_levels.max(1),
        };
        // At the largest scenario nothing is short, so the objective is met whatever it is.
        let highest = self.until_next_arrival.max().max(self.until_period_ends.max()).ceil() as Units;
        let (mut too_low, mut enough) = (-1, highest);
        while enough - too_low > 1 {
            let middle = too_low + (enough - too_low) / 2;
            if self.mean_surplus(middle, n_levels) >= 0.0 {
                enough = middle;
            } else {
                too_low = middle;
            }
        }
        enough
    }

    /// The base-stock level for orders in multiples of `order_multiple` units.
    ///
    /// A large multiple lowers the level. For a service objective it stays at expected demand over the interval: nobody
    /// is told to run out on purpose because packs are large. It stays at one unit in any case where the plain level is
    /// above zero, because at a level of zero an item that loses its unmet demand is never ordered again.
    pub fn base_stock_level(&self, order_multiple: Units) -> Units {
        let plain = self.smallest_level(1);
        if order_multiple <= 1 || plain == 0 {
            return plain;
        }
        let floor = match self.objective {
            Objective::Service { .. } => (self.expected_demand().round() as Units).clamp(1, plain),
            Objective::Economics => 1,
        };
        self.smallest_level(order_multiple).max(floor)
    }
}
