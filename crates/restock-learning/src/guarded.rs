//! The pretrained policy in the product, behind a guard: policies `auto` and `learned`.
//!
//! At a review the classical policy decides as always. The network says what it would order. Both orders are played on the
//! item's own demand paths, each followed by the classical policy, and the network's acts only where its costs are lower
//! beyond chance; with a probability of .1 the supplier fails after this order. Else the classical order stands, with the
//! reason. So what it adds is one step of policy improvement (rollout; Bertsekas 2020, *Rollout, Policy Iteration, and
//! Distributed Reinforcement Learning*, chapter 2) with a proposal of the network.
//!
//! Read top to bottom: [`Fallback`], [`Considered`], [`Guarded`], the item as the network sees it, the comparison.
//!
//! # Units of time
//! The network decides every period, so its periods are review periods: demand of the days between two reviews is added
//! up. That is exact where an order arrives when a review comes, and elsewhere the classical order stands.

use std::sync::Arc;

use restock_core::Units;
use restock_core::objective::{CostRates, Objective};
use restock_core::policy::{Decision, Policy, Review};
use restock_core::stock::StockState;
use restock_inventory::Classical;
use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, WholeUnits, step};
use restock_inventory::lanes::SimulatedCost;
use restock_inventory::rules::{apply_rules, round_up};

use crate::any_item::{ItemProblem, ItemState, LEAD_TIME_MAX, Unmet};
use crate::pretrained_policy::PretrainedPolicy;

/// The name of the policy.
pub const NAME: &str = "learned";

/// What [`Decision::adjustment_reason`] says where the network's order acts.
pub const REASON: &str = "learned";

/// The inventory position after a learned order stays within these shares of the classical target level.
const BOUNDS: (f64, f64) = (0.5, 1.25);

/// The largest learned order as a multiple of the classical one, where nothing else is set.
pub const MAX_RATIO: f64 = 1.5;

/// The probability with which the orders after this one come late by [`N_LATE_REVIEWS`] reviews in the comparison: the
/// learned policy keeps less stock, which is missed where a supplier fails or demand rises.
const LATE_PROBABILITY: f64 = 0.1;
const N_LATE_REVIEWS: usize = 2;

/// A saving counts beyond this many standard errors: 95 % one-sided.
const STANDARD_ERRORS: f64 = 1.645;

/// Most periods of the network's demand cycle: what the paths say, again and again.
const CYCLE_MAX: usize = 14;

/// Implied probabilities of not running out are kept within these.
const FRACTILES: (f64, f64) = (0.5, 0.999);

/// Demand of a day on which nothing is expected counts as this, units.
const MEAN_MIN: f64 = 0.01;

/// Why the classical order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The order cost matters: orders are pooled, which the network knows nothing of.
    OrderCost,
    /// The item expires, or nothing may be ordered.
    Perishable,
    /// The lead time is uncertain, too long, or no multiple of the review period.
    LeadTime,
    /// Supply is due after an order placed now would arrive.
    LateSupply,
    /// No demand, or no law fits it.
    Demand,
    /// The network would order as much.
    SameOrder,
    /// The network's order costs more on the item's own demand paths, or the difference is within chance.
    NotBetter,
    /// The network's order costs less but loses more sales on the item's own demand paths, where service is the objective.
    LosesMore,
}

impl Fallback {
    /// A stable code, as in [`Decision::adjustment_reason`].
    pub fn code(self) -> &'static str {
        match self {
            Self::OrderCost => "learned_order_cost",
            Self::Perishable => "learned_perishable",
            Self::LeadTime => "learned_lead_time",
            Self::LateSupply => "learned_late_supply",
            Self::Demand => "learned_demand",
            Self::SameOrder => "learned_same_order",
            Self::NotBetter => "learned_not_better",
            Self::LosesMore => "learned_loses_more",
        }
    }
}

/// What the guard looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    /// The classical decision.
    pub classical: Decision,
    /// What the network would order, units, within the bounds; `None` where it was not asked.
    pub learned: Option<Units>,
    /// Expected saving of the network's order over the periods that it changes, currency, and its standard error; 0
    /// where they were not compared.
    pub saving: (f64, f64),
    /// Whether the network's order acts, or why not.
    pub verdict: Result<(), Fallback>,
}

/// The pretrained policy behind its guard.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The largest order as a multiple of the classical one, or of the expected demand of a review period where that is
    /// more; at least 1.
    pub max_ratio: f64,
    /// Weights fitted to a portfolio; the shipped ones where there are none.
    pub fitted: Option<Arc<PretrainedPolicy>>,
}

impl Default for Guarded {
    fn default() -> Self {
        Self { max_ratio: MAX_RATIO, fitted: None }
    }
}

impl Policy for Guarded {
    fn name(&self) -> &str {
        NAME
    }

    fn decide(&self, review: &Review) -> Decision {
        decision(self.consider(review, Classical.decide(review)))
    }

    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        decision(self.consider(review, Classical.decide_again(review, earlier)))
    }
}

impl Guarded {
    /// Looks at one review, given the classical decision: shadow mode reads this and orders the classical quantity.
    pub fn consider(&self, review: &Review, classical: Decision) -> Considered {
        let mut considered = Considered { classical, learned: None, saving: (0.0, 0.0), verdict: Ok(()) };
        considered.verdict = self.judge(review, &mut considered);
        considered
    }

    fn judge(&self, review: &Review, considered: &mut Considered) -> Result<(), Fallback> {
        let classical = &considered.classical;
        let lead_time = decided_lead_time(review)?;
        let state = state_of(review, lead_time)?;
        let costs = implied_costs(review, classical.target_level);
        let item = item_of(review, lead_time, &costs)?;
        let learned = self.proposed(review, classical, &item, &state);
        considered.learned = Some(learned);
        // What counts is what can be ordered: packs and minimums included.
        let orders = [classical.order_quantity, learned].map(|wanted| apply_rules(wanted, review).quantity);
        if orders[0] == orders[1] {
            return Err(Fallback::SameOrder);
        }
        let comparison = compare(review, classical.target_level, orders, &costs);
        let (saving, standard_error) = (comparison.savings.mean(), comparison.savings.standard_error());
        considered.saving = (saving, standard_error);
        let is_better = saving > STANDARD_ERRORS * standard_error;
        if !is_better {
            return Err(Fallback::NotBetter);
        }
        let service_counts = review.objective != Objective::Economics;
        if service_counts && comparison.lost[1] > comparison.lost[0] {
            return Err(Fallback::LosesMore);
        }
        Ok(())
    }

    /// What the network would order of an item, within the bounds, before the comparison.
    pub(crate) fn proposed(
        &self,
        review: &Review,
        classical: &Decision,
        item: &ItemProblem,
        state: &ItemState,
    ) -> Units {
        let position = review.stock.inventory_position();
        let network = self.fitted.as_deref().unwrap_or_else(|| PretrainedPolicy::shipped());
        let wanted = network.order(item, state);
        let level = classical.target_level as f64;
        let (least, most) = ((level * BOUNDS.0).ceil() as Units, (level * BOUNDS.1).floor() as Units);
        let usual = review.demand.total(0, review.review_period).mean();
        let largest = self.max_ratio * usual.max(classical.order_quantity as f64);
        wanted.clamp((least - position).max(0), (most - position).max(0)).min(largest as Units)
    }
}

/// The lead time of an item that the network decides, in review periods.
fn decided_lead_time(review: &Review) -> Result<usize, Fallback> {
    if Classical::choice(review) != "base_stock" {
        return Err(Fallback::OrderCost);
    }
    if review.shelf_life.is_some() || review.rules.do_not_order {
        return Err(Fallback::Perishable);
    }
    lead_time_of(review)
}

/// The item of a review as the network sees it, whatever its stock, under the costs that the classical target level implies.
pub(crate) fn problem_of(review: &Review, target_level: Units) -> Result<ItemProblem, Fallback> {
    item_of(review, decided_lead_time(review)?, &implied_costs(review, target_level))
}

/// The guard's decision: the classical one, its quantity replaced where the network's order acts.
fn decision(considered: Considered) -> Decision {
    let Considered { classical, learned, verdict, .. } = considered;
    match (verdict, learned) {
        (Ok(()), Some(order_quantity)) => {
            let adjustment = classical.adjustment + order_quantity - classical.order_quantity;
            Decision { order_quantity, adjustment, adjustment_reason: REASON, ..classical }
        }
        (Err(fallback), _) if classical.adjustment == 0 => Decision { adjustment_reason: fallback.code(), ..classical },
        _ => classical,
    }
}

/// Costs under which the classical target level is the newsvendor's: the item's own where cost is the objective; where it
/// is a service level, a stock-out costs what makes the level the best one, `h·β / (1 - β)` with `β` the probability that
/// demand until the order after this one arrives is within the level (Zipkin 2000, *Foundations of Inventory Management*,
/// section 6.5).
pub(crate) fn implied_costs(review: &Review, target_level: Units) -> CostRates {
    let own = CostRates { order_cost: 0.0, ..review.costs };
    if review.objective == Objective::Economics {
        return own;
    }
    let ends: Vec<usize> = review.lead_times.iter().map(|lead| lead + review.review_period).collect();
    let fractile = review.demand.total_until(0, &ends).cdf(target_level as f64).clamp(FRACTILES.0, FRACTILES.1);
    let held = own.holding_cost * if review.backorder { 1.0 } else { review.review_period as f64 };
    CostRates { stockout_cost: held * fractile / (1.0 - fractile), ..own }
}

/// Periods of the network's demand cycle: review periods that the paths reach.
fn n_phases(review: &Review) -> usize {
    (review.demand.horizon / review.review_period).min(CYCLE_MAX)
}

/// The one lead time, in review periods.
fn lead_time_of(review: &Review) -> Result<usize, Fallback> {
    let (length, first) = (review.review_period, review.lead_times[0]);
    let lead_time = first / length;
    let is_fixed = review.lead_times.iter().all(|lead| *lead == first) && first % length == 0;
    if is_fixed && lead_time <= LEAD_TIME_MAX && lead_time < n_phases(review) {
        Ok(lead_time)
    } else {
        Err(Fallback::LeadTime)
    }
}

/// The item in review periods.
fn item_of(review: &Review, lead_time: usize, costs: &CostRates) -> Result<ItemProblem, Fallback> {
    let length = review.review_period;
    let moments: Vec<(f64, f64)> = (0..n_phases(review))
        .map(|phase| {
            let demand = review.demand.total(phase * length, (phase + 1) * length);
            let mean = demand.mean().max(MEAN_MIN);
            (mean, demand.std_dev().max(mean.sqrt().min(mean)))
        })
        .collect();
    if moments.iter().all(|(mean, _)| *mean <= MEAN_MIN) {
        return Err(Fallback::Demand);
    }
    let unmet = if review.backorder { Unmet::Waits } else { Unmet::Lost };
    // A unit on the shelf is held all days until the next review; so is a customer who waits.
    let days = length as f64;
    let stockout_cost = if review.backorder { costs.stockout_cost * days } else { costs.stockout_cost };
    ItemProblem::from_moments(lead_time, unmet, costs.holding_cost * days, stockout_cost, &moments)
        .map_err(|_| Fallback::Demand)
}

/// Stock and supply in review periods.
pub(crate) fn state_of(review: &Review, lead_time: usize) -> Result<ItemState, Fallback> {
    let stock = &review.stock;
    let mut state = ItemState { on_hand: stock.on_hand() - stock.reserved - stock.backorders, ..ItemState::EMPTY };
    for arrival in &stock.arrivals {
        let periods = (arrival.periods_ahead.max(0) as usize).div_ceil(review.review_period);
        match periods {
            0 => state.on_hand += arrival.quantity,
            periods if periods < lead_time => state.pipeline[periods - 1] += arrival.quantity,
            _ if arrival.quantity > 0 => return Err(Fallback::LateSupply),
            _ => {}
        }
    }
    Ok(state)
}

/// Two orders on the same demand paths.
#[derive(Clone, Debug)]
struct Comparison {
    /// Cost of the classical order less that of the learned one on each path, currency.
    savings: SimulatedCost,
    /// Units lost in the review period that each order serves, over all paths.
    lost: [Units; 2],
}

/// Plays the classical and the learned order, each followed by ordering up to the classical level at every review, with and
/// without a supplier that fails after it. Where the learned one is dearer on the first quarter of the paths, they decide.
fn compare(review: &Review, level: Units, orders: [Units; 2], costs: &CostRates) -> Comparison {
    let params = ItemLocationParams { backorder: review.backorder, ..ItemLocationParams::lost_sales(*costs) };
    let late = N_LATE_REVIEWS * review.review_period;
    let n_paths = review.demand.n_paths();
    let (mut savings, mut lost) = (Vec::with_capacity(n_paths), [0; 2]);
    for path_idx in 0..n_paths {
        let [one, other] = orders.map(|order| play(review, order, level, path_idx, 0, &params));
        let [one_late, other_late] = orders.map(|order| play(review, order, level, path_idx, late, &params));
        savings.push(
            (1.0 - LATE_PROBABILITY) * (one.cost - other.cost) + LATE_PROBABILITY * (one_late.cost - other_late.cost),
        );
        lost[0] += one.lost;
        lost[1] += other.lost;
        if savings.len() == n_paths / 4 && savings.iter().sum::<f64>() < 0.0 {
            break;
        }
    }
    Comparison { savings: SimulatedCost { lane_costs: savings }, lost }
}

/// What one order leads to on one path.
struct Played {
    cost: f64,
    /// Units wanted and not met at once, from its arrival to that of the next order.
    lost: Units,
}

/// Plays an order and those after it, which come `late` periods later than usual, until what it changed is over: two
/// reviews after its arrival.
fn play(
    review: &Review,
    order: Units,
    level: Units,
    path_idx: usize,
    late: usize,
    params: &ItemLocationParams,
) -> Played {
    let (length, lead_time, rules) = (review.review_period, review.lead_times[0], &review.rules);
    let path = review.demand.path(path_idx);
    let end = (lead_time + 3 * length + late).min(path.len());
    let mut stock: StockState = review.stock.clone();
    let mut played = Played { cost: 0.0, lost: 0 };
    let served = lead_time..lead_time + length;
    let mut whole = WholeUnits::default();
    for (period, wanted) in path[..end].iter().enumerate() {
        let quantity = match period {
            0 => order,
            _ if period % length == 0 => {
                let wanted = level - stock.inventory_position();
                if wanted > 0 { round_up(wanted.max(rules.min_order), rules.order_multiple.max(1)) } else { 0 }
            }
            _ => 0,
        };
        let lead_time = if period > 0 { lead_time + late } else { lead_time };
        let outcome = step(&mut stock, PlacedOrder { quantity, lead_time }, whole.next(*wanted), params);
        played.cost += outcome.cost;
        if served.contains(&period) {
            played.lost += outcome.lost;
        }
    }
    played
}

#[cfg(test)]
mod tests {
    use restock_core::objective::ServiceType;
    use restock_core::policy::{DemandPaths, OrderingRules};
    use restock_inventory::lanes::LaneRng;
    use restock_inventory::lanes::random::uniform;

    use super::*;

    const COSTS: CostRates =
        CostRates { unit_cost: 5.0, holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0, waste_cost: 0.0 };

    /// Lost sales with lead time 4 and geometric demand of 5 a day, of which base-stock orders make the least.
    fn review(lead_times: &[usize], objective: Objective) -> Review {
        let mut rng = LaneRng::new(7, 0);
        let mut values = Vec::new();
        while values.len() < 400 * 28 {
            let geometric = |random| ((1.0 - uniform(random)).ln() / (5.0_f64 / 6.0).ln()).floor() as f32;
            values.extend(rng.next_u32().map(geometric));
        }
        values.truncate(400 * 28);
        Review {
            stock: StockState::with_on_hand(6),
            demand: Arc::new(DemandPaths { values, horizon: 28 }),
            lead_times: Arc::from(lead_times),
            review_period: 1,
            rules: OrderingRules::default(),
            costs: COSTS,
            objective,
            shelf_life: None,
            backorder: false,
        }
    }

    fn consider(review: &Review) -> Considered {
        Guarded::default().consider(review, Classical.decide(review))
    }

    /// Where many sales are lost in the lead time, ordering up to a level orders too much: the network knows, and acts.
    #[test]
    fn acts_where_it_is_cheaper_and_the_explanation_adds_up() {
        let review = review(&[4], Objective::Economics);
        let considered = consider(&review);
        assert_eq!(considered.verdict, Ok(()), "{considered:?}");
        assert!(considered.saving.0 > STANDARD_ERRORS * considered.saving.1);
        let decision = Guarded::default().decide(&review);
        let position = review.stock.inventory_position();
        let plain = (decision.target_level - position).max(0) - decision.left_out(position);
        assert_eq!(decision.order_quantity, plain + decision.adjustment);
        assert_eq!(decision.adjustment_reason, REASON);
        assert_ne!(decision.adjustment, considered.classical.adjustment);
        assert_eq!(decision, Guarded::default().decide_again(&review, &decision), "levels taken over");
    }

    /// An order that costs more never acts, whatever the network says: the comparison decides.
    #[test]
    fn never_acts_where_it_costs_more() {
        let review = review(&[4], Objective::Economics);
        let classical = Classical.decide(&review);
        for wild in [0, classical.target_level] {
            let comparison = compare(&review, classical.target_level, [classical.order_quantity, wild], &COSTS);
            let (saving, standard_error) = (comparison.savings.mean(), comparison.savings.standard_error());
            assert!(saving < STANDARD_ERRORS * standard_error, "{wild}: {comparison:?}");
        }
    }

    #[test]
    fn the_classical_order_stands_with_its_reason() {
        let of = |review: &Review| (consider(review).verdict, Guarded::default().decide(review));
        let usual = review(&[4], Objective::Economics);
        let cases = [
            (Fallback::LeadTime, Review { lead_times: Arc::from([4, 5]), ..usual.clone() }),
            (Fallback::LeadTime, Review { review_period: 3, ..usual.clone() }),
            (Fallback::LeadTime, Review { lead_times: Arc::from([13]), ..usual.clone() }),
            (Fallback::Perishable, Review { shelf_life: Some(5), ..usual.clone() }),
            (
                Fallback::Demand,
                Review { demand: Arc::new(DemandPaths { values: vec![0.0; 280], horizon: 28 }), ..usual.clone() },
            ),
            (Fallback::OrderCost, Review { costs: CostRates { order_cost: 200.0, ..COSTS }, ..usual.clone() }),
        ];
        for (fallback, review) in cases {
            let (verdict, decision) = of(&review);
            assert_eq!(verdict, Err(fallback));
            let classical = Classical.decide(&review);
            assert_eq!(decision.order_quantity, classical.order_quantity, "{fallback:?}");
            if classical.adjustment == 0 {
                assert_eq!(decision.adjustment_reason, fallback.code());
            }
        }
        let mut late = usual;
        late.stock.arrivals.push(restock_core::stock::Arrival { periods_ahead: 9, quantity: 5 });
        assert_eq!(of(&late).0, Err(Fallback::LateSupply));
    }

    /// Under a service target a learned order loses no more sales than the classical one.
    #[test]
    fn service_targets_hold_on_the_paths() {
        for target in [0.8, 0.95, 0.99] {
            let objective = Objective::Service { service_type: ServiceType::FillRate, target };
            let review = review(&[4], objective);
            let classical = Classical.decide(&review);
            let decision = Guarded::default().decide(&review);
            let costs = implied_costs(&review, classical.target_level);
            let orders = [classical.order_quantity, decision.order_quantity];
            let chosen = compare(&review, classical.target_level, orders, &costs);
            assert!(chosen.lost[1] <= chosen.lost[0], "{target}: {chosen:?}");
        }
    }

    /// Weekly reviews with a lead time of a week: seven days are one period, and what is due within it comes first.
    #[test]
    fn weeks_are_added_up() {
        let mut review = Review { review_period: 7, ..review(&[14], Objective::Economics) };
        review.stock.arrivals.push(restock_core::stock::Arrival { periods_ahead: 7, quantity: 30 });
        let item = item_of(&review, lead_time_of(&review).unwrap(), &COSTS).unwrap();
        assert_eq!((item.lead_time(), item.unit_costs()), (2, (7.0, 4.0)));
        assert!((item.scale() - 35.0).abs() < 2.0, "{}", item.scale());
        let state = state_of(&review, 2).unwrap();
        assert_eq!((state.on_hand, state.pipeline[0]), (6, 30));
    }
}
