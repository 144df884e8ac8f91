//! What a policy comes to in business terms: costs by part, fill rate, stock and orders.

use serde::Serialize;

use restock_core::environment::FiniteEnvironment;
use restock_inventory::exact::{Criterion, Settings, evaluate};
use restock_inventory::lanes::SimulatedCost;

use crate::grade::STANDARD_ERRORS_95;
use crate::observed::Observed;
use crate::reward::{Objective, Rewarded, Terms};
use crate::simulation::{Plan, simulate};

/// States up to which figures are exact; each figure is an evaluation of the policy in all of them.
pub const N_STATES_FIGURES: usize = 20_000;

/// Figures of a policy. Costs are of a period, or discounted from the first state; the others are means of a period,
/// which count as discounted as costs do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Whether every state was evaluated; else the figures are of a simulation.
    pub exact: bool,
    /// What the business pays: the three below, currency.
    pub cost: f64,
    /// Half the width of the 95 % interval around it; 0 where it is exact.
    pub cost_margin: f64,
    /// The problem's own cost.
    pub own_cost: f64,
    /// Goodwill of lost units.
    pub goodwill_cost: f64,
    /// Cost of stock outside the band.
    pub band_cost: f64,
    /// Share of demand that is met when it arises.
    pub fill_rate: f64,
    /// Half the width of the 95 % interval around it.
    pub fill_rate_margin: f64,
    /// Units lost, or newly backordered, on the terms of the cost.
    pub lost: f64,
    /// Units wanted, on the terms of the cost.
    pub demand: f64,
    /// Units on the shelf at the end of a period.
    pub mean_stock: f64,
    /// Periods with an order, as a share.
    pub order_share: f64,
    /// Units of an order; `None` where nothing is ordered.
    pub mean_order: Option<f64>,
}

/// The fill rate of a policy by simulation.
pub(crate) fn fill_rate<E: Observed>(
    environment: &E,
    criterion: Criterion,
    policy: &(dyn Fn(&E::State) -> usize + Sync),
    plan: &Plan,
) -> f64 {
    let mean = |terms: Terms| simulate(&Rewarded::new(environment, terms), criterion, policy, plan).mean();
    1.0 - mean(Terms { lost: 1.0, ..Terms::NONE }) / mean(Terms { demand: 1.0, ..Terms::NONE })
}

/// The figures of a policy, exact where all states can be evaluated in a moment, else on a plan's chances.
pub fn figures<E: Observed + FiniteEnvironment>(
    environment: &E,
    objective: &Objective,
    policy: &(dyn Fn(&E::State) -> usize + Sync),
    plan: &Plan,
) -> Figures {
    let exact = environment.n_numbered().is_some_and(|n| n <= N_STATES_FIGURES);
    let criterion = objective.criterion;
    let measure = |terms: Terms| {
        let rewarded = Rewarded::new(environment, terms);
        if !exact {
            return simulate(&rewarded, criterion, policy, plan);
        }
        let act = |state: &E::State| environment.action(policy(state));
        let first = environment.state_idx(&environment.initial_state());
        let mean = evaluate(&rewarded, act, criterion, &Settings::default()).cost_from(first);
        SimulatedCost { lane_costs: vec![mean] }
    };
    let margin = |lanes: &SimulatedCost| if exact { 0.0 } else { STANDARD_ERRORS_95 * lanes.standard_error() };
    let of_a_period = match criterion {
        Criterion::Average => 1.0,
        Criterion::Discounted { discount_factor } => 1.0 - discount_factor,
    };
    let paid = measure(objective.terms_paid());
    let lost = measure(Terms { lost: 1.0, ..Terms::NONE });
    let demand = measure(Terms { demand: 1.0, ..Terms::NONE });
    let (n_lost, n_demand) = (lost.mean(), demand.mean());
    // A ratio of means: its error is that of lost units less their share of demand (the delta method).
    let share = if n_demand > 0.0 { n_lost / n_demand } else { 0.0 };
    let residual = |(lost, demand): (&f64, &f64)| (lost - share * demand) / n_demand;
    let residuals =
        SimulatedCost { lane_costs: lost.lane_costs.iter().zip(&demand.lane_costs).map(residual).collect() };
    let goodwill_cost = objective.reward.goodwill * n_lost;
    let band = objective.reward.band;
    let band_cost = band.map_or(0.0, |_| measure(Terms { band, ..Terms::NONE }).mean());
    let order_share = of_a_period * measure(Terms { orders: 1.0, ..Terms::NONE }).mean();
    let ordered = of_a_period * measure(Terms { ordered: 1.0, ..Terms::NONE }).mean();
    Figures {
        exact,
        cost: paid.mean(),
        cost_margin: margin(&paid),
        own_cost: paid.mean() - goodwill_cost - band_cost,
        goodwill_cost,
        band_cost,
        fill_rate: 1.0 - share,
        fill_rate_margin: margin(&residuals),
        lost: n_lost,
        demand: n_demand,
        mean_stock: of_a_period * measure(Terms { stock: 1.0, ..Terms::NONE }).mean(),
        order_share,
        mean_order: (order_share > 1e-9).then(|| ordered / order_share),
    }
}
