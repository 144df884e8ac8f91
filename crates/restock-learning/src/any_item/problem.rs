//! A single item with a fixed lead time, stationary or cyclic demand, unmet demand that is lost or waits; and the numbers
//! that a policy is told of it.
//!
//! # Scale-free
//! All numbers that [`Parameters`] hold are in scales, the mean demand of a period over the cycle, and costs are in shares
//! of a cost of the item's own. So an item that sells ten times as much in boxes of ten is the same item.

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::two_moment_fit::{FitError, TwoMomentFit};

/// Longest lead time, periods.
pub const LEAD_TIME_MAX: usize = 12;

/// Laws with more demands than this are counted in larger steps where demands of several periods are added: quantiles are
/// then exact to half a step, a thousandth of the largest demand.
const N_STEPS_MAX: usize = 512;

/// Demand beyond has less than this probability and does not count when demands of several periods are added.
const TAIL: f64 = 1e-9;

/// Standard deviations below this, in scales, count as this.
const DEVIATION_MIN: f64 = 0.03;

/// What happens to demand that finds no stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// It goes elsewhere.
    Lost,
    /// It waits, and costs in each period.
    Waits,
}

/// An item.
///
/// # Examples
/// ```
/// use restock_inventory::discrete_demand::DiscreteDemand;
/// use restock_learning::any_item::{ItemProblem, Unmet};
///
/// let item = ItemProblem::new(4, Unmet::Lost, 1.0, 9.0, vec![DiscreteDemand::poisson(5.0, 60)]).unwrap();
/// assert!((item.scale() - 5.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ItemProblem {
    lead_time: usize,
    unmet: Unmet,
    holding_cost: f64,
    stockout_cost: f64,
    /// `[cycle_length]`
    demand: Vec<DiscreteDemand>,
    scale: f64,
    cost_scale: f64,
    /// `[cycle_length]`
    parameters: Vec<Parameters>,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemState {
    /// The phase of the demand cycle that this period is in.
    pub phase: usize,
    /// Units on the shelf; less what waits.
    pub on_hand: Units,
    /// `[lead_time - 1]`: what arrives in one, two, ... periods, units; the rest is 0.
    pub pipeline: [Units; LEAD_TIME_MAX - 1],
}

impl ItemState {
    /// Nothing on hand and nothing on order, at the start of the cycle.
    pub const EMPTY: Self = Self { phase: 0, on_hand: 0, pipeline: [0; LEAD_TIME_MAX - 1] };

    /// On hand and on order, units.
    pub fn inventory_position(&self) -> Units {
        self.on_hand + self.pipeline.iter().sum::<Units>()
    }
}

/// Why an item cannot be decided for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ItemProblemError {
    /// Beyond what the policy is trained for.
    #[error(
        "lead time is {lead_time} periods, at most {LEAD_TIME_MAX} are supported\n\nhint: count in longer periods, such as weeks instead of days"
    )]
    LeadTime {
        /// The lead time, periods.
        lead_time: usize,
    },
    /// A cost that is not positive and finite.
    #[error(
        "holding cost is {holding_cost} and stock-out cost {stockout_cost} per unit, both must be above 0 and finite"
    )]
    Costs {
        /// Holding cost per unit and period.
        holding_cost: f64,
        /// Stock-out cost per unit.
        stockout_cost: f64,
    },
    /// Nothing is ever wanted.
    #[error("demand is always 0, there is nothing to order for")]
    NoDemand,
    /// Moments that no law has.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// Numbers that a network reads of an item in a phase, before it reads the state.
pub const N_STATIC_FEATURES: usize = 20;

/// What a policy is told of an item in a phase, and what bounds its order; in scales.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// `[LEAD_TIME_MAX + 1]`: mean demand of the period in which an order arrives that is placed now, of the period before
    /// that, ...; 0 before now.
    pub means: [f32; LEAD_TIME_MAX + 1],
    /// `[LEAD_TIME_MAX + 1]`: variance of the same demands.
    pub variances: [f32; LEAD_TIME_MAX + 1],
    /// The standard deviation of demand in the period of arrival.
    pub deviation: f32,
    /// The `p/(p+h)` quantile of demand from now to the end of the period of arrival: the base-stock level.
    pub level: f32,
    /// That quantile less the mean, in standard deviations.
    pub level_deviations: f32,
    /// The largest order: where demand is lost the `p/(p+h)` quantile of the period of arrival (Zipkin 2008, theorem 5).
    pub order_max: f32,
    /// What the network reads.
    pub features: [f32; N_STATIC_FEATURES],
}

/// Where there is no largest order, scales.
const NO_MAX: f32 = 1e6;

impl ItemProblem {
    /// An item whose orders arrive `lead_time` periods after they are placed, in time for the demand of that period;
    /// `demand` has a law for each phase of its cycle.
    ///
    /// # Errors
    /// [`ItemProblemError`] when the lead time is too long, a cost is not positive, or nothing is wanted.
    pub fn new(
        lead_time: usize,
        unmet: Unmet,
        holding_cost: f64,
        stockout_cost: f64,
        demand: Vec<DiscreteDemand>,
    ) -> Result<Self, ItemProblemError> {
        if lead_time > LEAD_TIME_MAX {
            return Err(ItemProblemError::LeadTime { lead_time });
        }
        let is_cost = |cost: f64| cost > 0.0 && cost.is_finite();
        if !is_cost(holding_cost) || !is_cost(stockout_cost) {
            return Err(ItemProblemError::Costs { holding_cost, stockout_cost });
        }
        let total: f64 = demand.iter().map(DiscreteDemand::mean).sum();
        if total <= 0.0 {
            return Err(ItemProblemError::NoDemand);
        }
        let scale = total / demand.len() as f64;
        let mut item = Self {
            lead_time,
            unmet,
            holding_cost,
            stockout_cost,
            demand,
            scale,
            cost_scale: 1.0,
            parameters: Vec::new(),
        };
        let longest = item.demand.iter().map(|law| law.probabilities().len()).max().expect("a law");
        let step = longest.div_ceil(N_STEPS_MAX);
        let laws: Vec<DiscreteDemand> = item.demand.iter().map(|law| in_steps(law, step)).collect();
        let (mut costs, mut levels) = (0.0, Vec::new());
        for phase in 0..item.demand.len() {
            let law = |offset: usize| &laws[(phase + offset) % laws.len()];
            let until_arrival = DiscreteDemand::sum((0..=lead_time).map(law));
            costs += item.cost(law(lead_time), &until_arrival) * step as f64;
            levels.push((until_arrival.quantile(item.fractile()) * step as Units) as f64 / scale);
        }
        item.parameters = (0..levels.len()).map(|phase| item.parameters_of(phase, &levels)).collect();
        item.cost_scale = costs / item.demand.len() as f64;
        Ok(item)
    }

    /// An item that is known by mean and standard deviation of its demand in each phase, units: the laws are those of
    /// Adan, van Eenige & Resing (1995).
    ///
    /// # Errors
    /// As [`ItemProblem::new`], and when no law has these moments.
    pub fn from_moments(
        lead_time: usize,
        unmet: Unmet,
        holding_cost: f64,
        stockout_cost: f64,
        moments: &[(f64, f64)],
    ) -> Result<Self, ItemProblemError> {
        let fit = |(mean, deviation): &(f64, f64)| TwoMomentFit::new(*mean, *deviation).map(|fit| fit.demand());
        let demand = moments.iter().map(fit).collect::<Result<Vec<_>, _>>()?;
        Self::new(lead_time, unmet, holding_cost, stockout_cost, demand)
    }

    /// Periods from order to arrival.
    pub fn lead_time(&self) -> usize {
        self.lead_time
    }

    /// What happens to demand that finds no stock.
    pub fn unmet(&self) -> Unmet {
        self.unmet
    }

    /// Holding cost per unit and period, and stock-out cost per unit.
    pub fn unit_costs(&self) -> (f64, f64) {
        (self.holding_cost, self.stockout_cost)
    }

    /// `[cycle_length]`: the demand law of each phase.
    pub fn demand(&self) -> &[DiscreteDemand] {
        &self.demand
    }

    /// Mean demand of a period, units.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Currency that counts as one: of the order of the optimal cost of a period, so that no item outweighs others.
    pub fn cost_scale(&self) -> f64 {
        self.cost_scale
    }

    /// `[cycle_length]`: what a policy is told in each phase.
    pub fn parameters(&self) -> &[Parameters] {
        &self.parameters
    }

    /// The critical fractile p/(p+h).
    pub fn fractile(&self) -> f64 {
        self.stockout_cost / (self.stockout_cost + self.holding_cost)
    }

    /// The largest order that makes sense in a state, units: no more than lifts the position to the base-stock level, and
    /// where demand is lost no more than the newsvendor quantile of the period of arrival.
    pub fn max_order(&self, state: &ItemState) -> Units {
        let parameters = &self.parameters[state.phase];
        let units = |scales: f32| (f64::from(scales) * self.scale).round() as Units;
        (units(parameters.level) - state.inventory_position()).min(units(parameters.order_max)).max(0)
    }

    /// Where demand waits the newsvendor cost of demand until the end of the period of arrival, which is the optimum of
    /// stationary demand; where it is lost the geometric mean of that and of the newsvendor cost of one period, between
    /// which optima lie.
    fn cost(&self, on_arrival: &DiscreteDemand, until_arrival: &DiscreteDemand) -> f64 {
        let newsvendor = |law: &DiscreteDemand| {
            let level = law.quantile(self.fractile()) as usize;
            let short = law.expected_shortage(level);
            self.holding_cost * (level as f64 - law.mean() + short) + self.stockout_cost * short
        };
        // A law without variance costs nothing, but has a scale all the same.
        let least = 1e-3 * self.holding_cost * self.scale;
        let until = newsvendor(until_arrival).max(least);
        match self.unmet {
            Unmet::Waits => until,
            Unmet::Lost => (until * newsvendor(on_arrival).max(least)).sqrt(),
        }
    }

    /// `levels` are the base-stock levels of all phases, scales.
    fn parameters_of(&self, phase: usize, levels: &[f64]) -> Parameters {
        let (lead_time, n_phases) = (self.lead_time, self.demand.len());
        let law = |offset: usize| &self.demand[(phase + offset) % n_phases];
        let mean = |offset: usize| law(offset).mean() / self.scale;
        let deviation = |offset: usize| (law(offset).variance().sqrt() / self.scale).max(DEVIATION_MIN);
        let (mut means, mut variances) = ([0.0; LEAD_TIME_MAX + 1], [0.0; LEAD_TIME_MAX + 1]);
        for before in 0..=lead_time {
            means[before] = mean(lead_time - before) as f32;
            variances[before] = deviation(lead_time - before).powi(2) as f32;
        }
        let total = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>();
        let level = levels[phase];
        let level_deviations = (level - total(&means)) / total(&variances).sqrt();
        let (mean_1, deviation_1) = (mean(lead_time), deviation(lead_time));
        let arrival = law(lead_time);
        let quantile = arrival.quantile(self.fractile()) as f64 / self.scale;
        let third_moment =
            arrival.probabilities().iter().enumerate().map(|(demand, probability)| {
                probability * ((demand as f64 / self.scale - mean_1) / deviation_1).powi(3)
            });
        let after = |periods: usize| mean(lead_time + periods);
        // What lifting the position to the level leaves above the level of so many periods later, if demand is its mean.
        let later = |periods: usize| {
            let demand: f64 = (0..periods).map(mean).sum();
            squashed((levels[(phase + periods) % n_phases] + demand - level) / deviation_1, 3.0)
        };
        let features = [
            0.7 * deviation_1.ln(),
            squashed(mean_1 / deviation_1, 4.0) - 1.5,
            squashed(1.0 / (self.scale * deviation_1), 2.0),
            squashed(level_deviations, 4.0) - 1.0,
            squashed((quantile - mean_1) / deviation_1, 4.0) - 1.0,
            (self.stockout_cost / self.holding_cost).ln() / 2.0 - 1.5,
            lead_time as f64 / 6.0 - 1.0,
            2.0 / (1.0 + lead_time as f64).sqrt() - 1.0,
            if self.unmet == Unmet::Lost { 0.5 } else { -1.0 },
            squashed(third_moment.sum::<f64>(), 4.0) - 0.8,
            2.0 * arrival.cdf(0) - 0.5,
            squashed(2.0 * (mean_1 - 1.0), 4.0),
            squashed((after(1) - mean_1) / deviation_1, 2.0),
            squashed((deviation(lead_time + 1) / deviation_1).ln(), 2.0),
            squashed((after(2) - mean_1) / deviation_1, 2.0),
            squashed((after(3) - mean_1) / deviation_1, 2.0),
            later(1),
            later(2),
            later(3),
            later(4),
        ];
        Parameters {
            means,
            variances,
            deviation: deviation_1 as f32,
            level: level as f32,
            level_deviations: level_deviations as f32,
            order_max: if self.unmet == Unmet::Lost { quantile as f32 } else { NO_MAX },
            features: features.map(|feature| feature as f32),
        }
    }
}

/// `x / (1 + |x|/most)`: near 0 what it was, never beyond `most`.
fn squashed(x: f64, most: f64) -> f64 {
    x / (1.0 + x.abs() / most)
}

/// A law with demand counted in steps of so many units, to the nearest, without its far tail.
fn in_steps(law: &DiscreteDemand, step: usize) -> DiscreteDemand {
    let probabilities = law.probabilities();
    let longest = (0..probabilities.len()).find(|demand| 1.0 - law.cdf(*demand) < TAIL);
    let probabilities = &probabilities[..longest.map_or(probabilities.len(), |last| last + 1)];
    let mut steps = vec![0.0; (probabilities.len() - 1 + step / 2) / step + 1];
    for (demand, probability) in probabilities.iter().enumerate() {
        steps[(demand + step / 2) / step] += probability;
    }
    DiscreteDemand::new(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Poisson demand of four periods is Poisson too.
    #[test]
    fn bounds_are_quantiles_of_demand() {
        let law = DiscreteDemand::poisson(5.0, 60);
        let item = ItemProblem::new(3, Unmet::Lost, 1.0, 9.0, vec![law.clone()]).unwrap();
        let parameters = item.parameters()[0];
        assert_eq!((parameters.level * 5.0).round(), DiscreteDemand::poisson(20.0, 120).quantile(0.9) as f32);
        assert_eq!((parameters.order_max * 5.0).round(), law.quantile(0.9) as f32);
        assert!((parameters.means.iter().sum::<f32>() - 4.0).abs() < 1e-5);
    }

    /// Laws of thousands of units are counted in steps; a quantile is then right to about a thousandth.
    #[test]
    fn large_demand_is_counted_in_steps() {
        let law = DiscreteDemand::rounded_gamma(800.0, 0.5, 4_000);
        let item = ItemProblem::new(2, Unmet::Lost, 1.0, 19.0, vec![law.clone()]).unwrap();
        let exact = DiscreteDemand::sum([&law, &law, &law]).quantile(0.95) as f64;
        let level = f64::from(item.parameters()[0].level) * item.scale();
        assert!((level / exact - 1.0).abs() < 2e-3, "{level}, exact {exact}");
    }

    #[test]
    fn impossible_items_are_refused() {
        let item = |lead_time, stockout_cost, mean| {
            ItemProblem::from_moments(lead_time, Unmet::Lost, 1.0, stockout_cost, &[(mean, 2.0)]).unwrap_err()
        };
        insta::assert_snapshot!(item(13, 9.0, 5.0), @r"
        lead time is 13 periods, at most 12 are supported

        hint: count in longer periods, such as weeks instead of days
        ");
        insta::assert_snapshot!(item(1, 0.0, 5.0), @"holding cost is 1 and stock-out cost 0 per unit, both must be above 0 and finite");
        assert!(matches!(item(1, 9.0, 0.0), ItemProblemError::Fit(_)));
        let nothing = ItemProblem::new(1, Unmet::Waits, 1.0, 9.0, vec![DiscreteDemand::constant(0)]);
        assert_eq!(nothing.unwrap_err(), ItemProblemError::NoDemand);
    }
}
