//! The decision for one item-location: from demand paths to a ruled order.

use std::sync::Arc;

use restock_core::policy::{Decision, DemandDistribution, DemandPaths, Policy, Review};
use restock_core::proposal::WaterfallCode;
use restock_core::settings::PlanSettings;
use restock_core::{StockState, Units};
use restock_inventory::rules::{RuledOrder, apply_rules, round_up};
use restock_inventory::sellable::{most_before_expiry, needs_after_arrival, sellable};
use restock_learning::PretrainedPolicy;
use restock_learning::guarded::{self, Considered, Guarded};

use crate::months_of_stock::bound_months;
use crate::unit::{PlanningUnit, StockKnowledge, Timing};
use crate::what_if::WhatIf;

/// A decision with everything it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) timing: Timing,
    /// Stock as it was used, an assumed stock included.
    pub(crate) review: Review,
    /// The policy that decided, `auto` and the like resolved.
    pub(crate) policy: String,
    pub(crate) decision: Decision,
    pub(crate) ruled: RuledOrder,
    /// What the rest of the plan did to the line: shortage of the source, budget, container.
    pub(crate) later_steps: Vec<(WaterfallCode, Units)>,
    /// The most that the source can give, when it is short.
    pub(crate) source_cap: Option<Units>,
    /// First periods until the order after this one can arrive, within the horizon.
    pub(crate) protection: usize,
}

impl Decided {
    /// The quantity after all steps.
    pub(crate) fn quantity(&self) -> Units {
        self.ruled.quantity + self.later_steps.iter().map(|step| step.1).sum::<Units>()
    }

    /// Demand over the protection interval, units.
    pub(crate) fn protected_demand(&self) -> DemandDistribution {
        self.review.demand.total(0, self.protection)
    }

    pub(crate) fn add_step(&mut self, code: WaterfallCode, change: Units) {
        if change != 0 {
            self.later_steps.push((code, change));
        }
    }
}

/// The policy of a unit; `base_stock` where its name is unknown (see [`crate::check_settings`]).
fn policy_of(unit: &PlanningUnit, settings: &PlanSettings) -> Box<dyn restock_core::Policy> {
    match unit.policy.as_str() {
        "auto" if !settings.learned_acts => Box::new(restock_inventory::Classical),
        "auto" | guarded::NAME => Box::new(guarded_policy(settings)),
        name => restock_learning::policy(name)
            .unwrap_or_else(|| restock_learning::policy("base_stock").expect("base_stock is a policy")),
    }
}

/// The learned policy behind its guard, with the weights of the settings.
fn guarded_policy(settings: &PlanSettings) -> Guarded {
    let fitted = PretrainedPolicy::of(settings.learned_weights.as_ref());
    Guarded { max_ratio: settings.learned_max_ratio, fitted }
}

/// The name of the policy that decided: of `auto` and the like, the one that it came to.
fn name_of(unit: &PlanningUnit, decision: &Decision) -> String {
    let name = match unit.policy.as_str() {
        name if !["auto", "classical", guarded::NAME].contains(&name) => name,
        _ if decision.adjustment_reason == guarded::REASON => guarded::NAME,
        _ if decision.reorder_point.is_some() => "R_s_S",
        _ => "base_stock",
    };
    name.to_owned()
}

/// What the learned policy would order while it only watches: `None` where it acts, or no one asked.
pub(crate) fn watched(unit: &PlanningUnit, decided: &Decided, settings: &PlanSettings) -> Option<Considered> {
    let watches = unit.policy == "auto" && !settings.learned_acts;
    watches.then(|| guarded_policy(settings).consider(&decided.review, decided.decision.clone()))
}

/// Days until the order after one placed now can arrive, by the mean lead time, within the horizon.
pub(crate) fn protection(timing: &Timing, horizon: usize) -> usize {
    let mean_lead = timing.lead_times.iter().sum::<usize>() as f64 / timing.lead_times.len() as f64;
    (mean_lead.round() as usize + timing.review_period).clamp(1, horizon)
}

/// What the policy that does not act under `auto` would order, units, by the rules of the line: the learned one while it
/// watches (`watched`), the classical one where the learned order acts. `None` under any other policy.
pub(crate) fn other_order(unit: &PlanningUnit, decided: &Decided, watched: Option<&Considered>) -> Option<Units> {
    if unit.policy != "auto" || unit.made_to_order {
        return None;
    }
    let wanted = match watched {
        Some(Considered { learned: Some(learned), verdict: Ok(()), .. }) => *learned,
        None if decided.policy == guarded::NAME => restock_inventory::Classical.decide(&decided.review).order_quantity,
        _ => return Some(decided.ruled.quantity),
    };
    Some(apply_rules(wanted, &decided.review).quantity)
}

/// Decides one unit for given demand paths. `expected_sales_per_review` is what left the place in the last review
/// period, for an assumed stock; `stock` overrides the unit's own.
pub(crate) fn decide(
    unit: &PlanningUnit,
    demand: &Arc<DemandPaths>,
    settings: &PlanSettings,
    stock: Option<&StockState>,
    sold_in_last_review: Units,
) -> Decided {
    decide_again(unit, demand, settings, stock, sold_in_last_review, None)
}

/// As [`decide`], with an earlier decision of the same unit, demand and settings for another stock, whose levels are
/// taken over where they do not depend on stock.
pub(crate) fn decide_again(
    unit: &PlanningUnit,
    demand: &Arc<DemandPaths>,
    settings: &PlanSettings,
    stock: Option<&StockState>,
    sold_in_last_review: Units,
    earlier: Option<&Decision>,
) -> Decided {
    let timing = unit.timing();
    let protection = protection(&timing, demand.horizon);
    let mut review = Review {
        stock: stock.cloned().unwrap_or_else(|| unit.stock.clone()),
        demand: demand.clone(),
        lead_times: timing.lead_times.clone(),
        review_period: timing.review_period,
        rules: unit.rules.clone(),
        costs: unit.costs,
        objective: unit.objective,
        shelf_life: unit.shelf_life,
        backorder: unit.backorder,
    };
    let policy = policy_of(unit, settings);
    if stock.is_none() && unit.stock_known == StockKnowledge::Assumed {
        let target = policy.decide(&review).target_level.max(review.rules.min_stock);
        let before = target as f64 / target_change(demand, timing.review_period, protection);
        let on_hand = (before.round() as Units - sold_in_last_review - review.stock.on_order()).max(0);
        let arrivals = std::mem::take(&mut review.stock.arrivals);
        review.stock = StockState {
            arrivals,
            reserved: review.stock.reserved,
            backorders: review.stock.backorders,
            ..StockState::with_on_hand(on_hand)
        };
        if let (Some(shelf_life), Some(lot)) = (unit.shelf_life, review.stock.lots.first_mut()) {
            lot.periods_left = shelf_life as i32 - 1;
        }
    }
    let rate = demand_rate(demand, protection);
    if let Some(shelf_life) = unit.shelf_life {
        let needs = needs_after_arrival(&review, |lead| lead + shelf_life);
        review.rules.shelf_life_cap = Some(most_before_expiry(needs, &review));
    }
    if let Some(end) = unit.planned_end {
        let until = (0..demand.horizon).take_while(|step| unit.future_day(*step) <= end).count();
        if until < demand.horizon {
            review.rules.end_of_life_cap = Some(sellable(needs_after_arrival(&review, |_| until)));
        }
    }
    if let Some(days) = settings.max_days_of_cover.filter(|days| *days > 0.0) {
        let most = (rate * days).ceil() as Units;
        let smallest = review.rules.min_order.max(review.rules.order_multiple);
        let most = most.max(smallest);
        review.rules.max_order = Some(review.rules.max_order.map_or(most, |own| own.min(most)));
    }
    let decision = match earlier {
        Some(earlier) => policy.decide_again(&review, earlier),
        None => policy.decide(&review),
    };
    // Display stock and safety days come on top of what the policy protects against; a policy that waits for its reorder
    // point waits for the raised one.
    let safety = (unit.safety_days * rate).ceil() as Units;
    if safety > 0 || unit.display_min > 0 {
        let base = decision.reorder_point.unwrap_or(decision.target_level);
        let on_shelf = unit.display_min + decision.expected_demand.ceil() as Units;
        let level = if safety > 0 { on_shelf.max(base + safety) } else { on_shelf };
        let level = level - decision.lost_before_arrival;
        let level = if decision.target_level == 0 && rate == 0.0 { unit.display_min } else { level };
        review.rules.min_stock = review.rules.min_stock.max(level);
    }
    bound_months(unit, settings, rate, decision.lost_before_arrival, &mut review.rules);
    let pack = review.rules.order_multiple;
    let largest = multiple_of(unit, decision.order_quantity, &review);
    let mut ruled = RuledOrder::default();
    // Whole layers or pallets where they fit under every cap; else what fits of the next smaller multiple.
    for multiple in [largest, unit.layer, pack].into_iter().filter(|multiple| pack <= *multiple && *multiple <= largest)
    {
        review.rules.order_multiple = multiple;
        ruled = apply_rules(decision.order_quantity, &review);
        if ruled.conflict.is_none() {
            break;
        }
    }
    let policy = name_of(unit, &decision);
    Decided { timing, review, policy, decision, ruled, later_steps: Vec::new(), source_cap: None, protection }
}

/// The multiple that an order comes in: packs, or whole layers or pallets where the order is large enough.
fn multiple_of(unit: &PlanningUnit, wanted: Units, review: &Review) -> Units {
    let pack = review.rules.order_multiple.max(1);
    let need = wanted.max(review.rules.min_stock.saturating_sub(review.stock.inventory_position()));
    let need = if need > 0 { need.max(review.rules.min_order) } else { 0 };
    let fits = |size: Units| size > pack && size % pack == 0;
    let multiple = if fits(unit.layer) && need >= unit.layer { unit.layer } else { pack };
    let ordered = round_up(need, multiple);
    let lacks = if fits(unit.pallet) { (unit.pallet - ordered % unit.pallet) % unit.pallet } else { Units::MAX };
    if need > 0 && lacks <= multiple && unit.pallet % multiple == 0 { unit.pallet } else { multiple }
}

/// The quantity that one thing changed leads to, with the stock of `base` and everything else as it is.
pub(crate) fn redecide(
    unit: &PlanningUnit,
    base: &Decided,
    settings: &PlanSettings,
    what_ifs: &[WhatIf],
) -> (PlanningUnit, Decided) {
    let mut changed = unit.clone();
    let mut demand = base.review.demand.clone();
    let mut stock = base.review.stock.clone();
    for what_if in what_ifs {
        changed = changed.with(what_if);
        match what_if {
            WhatIf::Demand(factor) => {
                let values = demand.values.iter().map(|value| value * *factor as f32).collect();
                demand = Arc::new(DemandPaths { values, horizon: demand.horizon });
            }
            WhatIf::OnHand(_) => stock = changed.stock.clone(),
            _ => {}
        }
    }
    let mut decided = decide(&changed, &demand, settings, Some(&stock), 0);
    decided.source_cap = base.source_cap;
    if let Some(cap) = base.source_cap
        && decided.ruled.quantity > cap
    {
        let multiple = decided.review.rules.order_multiple.max(1);
        let granted = cap / multiple * multiple;
        let granted = if granted < decided.review.rules.min_order { 0 } else { granted };
        decided.add_step(WaterfallCode::SourceShortage, granted - decided.ruled.quantity);
    }
    limits_stand(base, &mut decided);
    let asked = what_ifs.iter().rev().find_map(|what_if| match what_if {
        WhatIf::Quantity(quantity) => Some(quantity.to_units_ceil(unit.decimals)),
        _ => None,
    });
    if let Some(asked) = asked {
        decided.add_step(WaterfallCode::PlannerEdit, asked - decided.quantity());
    }
    (changed, decided)
}

/// Limits over several lines stand as the plan applied them: an order that was raised for a supplier's minimum or a
/// container is raised to the same quantity, and one that was cut by a budget stays below what it was granted.
fn limits_stand(base: &Decided, decided: &mut Decided) {
    for (code, change) in &base.later_steps {
        let quantity = decided.quantity();
        let wanted = match code {
            WaterfallCode::SourceShortage => continue,
            _ if *change > 0 => quantity.max(base.quantity()),
            _ => quantity.min(base.quantity()),
        };
        let multiple = decided.review.rules.order_multiple.max(1);
        let ordered = if *change > 0 { round_up(wanted, multiple) } else { wanted / multiple * multiple };
        let ordered = if ordered < decided.review.rules.min_order { 0 } else { ordered };
        decided.add_step(*code, ordered - quantity);
    }
}

/// Mean demand per period over the first `n_periods`.
pub(crate) fn demand_rate(demand: &DemandPaths, n_periods: usize) -> f64 {
    let to = n_periods.clamp(1, demand.horizon);
    let total: f64 = (0..demand.n_paths())
        .map(|idx| demand.path(idx)[..to].iter().map(|demand| f64::from(*demand)).sum::<f64>())
        .sum();
    total / (demand.n_paths() * to) as f64
}

/// How much more is expected in the coming protection interval than in a usual one of the same weekdays: the change of
/// the target since a review period ago, between a half and two.
///
/// The usual interval is the last one in the horizon that starts a review period before the same point of the week,
/// so a promotion, a holiday or a seasonal rise that comes now raises the order.
fn target_change(demand: &DemandPaths, review_period: usize, protection: usize) -> f64 {
    const WEEK: usize = 7;
    let mean = |from: usize, to: usize| -> f64 {
        let sum: f64 = (0..demand.n_paths())
            .map(|idx| demand.path(idx)[from..to].iter().map(|demand| f64::from(*demand)).sum::<f64>())
            .sum();
        sum / demand.n_paths() as f64
    };
    let usual_from = (1..=demand.horizon / WEEK)
        .rev()
        .map(|weeks| weeks * WEEK)
        .filter(|from| *from >= review_period)
        .map(|from| from - review_period)
        .find(|from| *from > 0 && from + protection <= demand.horizon);
    let Some(usual_from) = usual_from else { return 1.0 };
    let (now, usual) = (mean(0, protection), mean(usual_from, usual_from + protection));
    if usual <= 0.0 || now <= 0.0 { 1.0 } else { (now / usual).clamp(0.5, 2.0) }
}
