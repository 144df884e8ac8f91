//! From a decision to its explanation: waterfall, consequences, the value of each pack, sensitivity, sentence.
//!
//! Every number here is the number the decision was made from, or is worked out from the same demand paths.

use std::collections::HashMap;

use restock_core::finding::{ExceptionCode, PlanException};
use restock_core::forecast::{Observation, Validation};
use restock_core::policy::Review;
use restock_core::proposal::{
    Consequence, Explanation, Lineage, MarginalPack, OrderUnits, Proposal, ProposalSource, Sensitivity, WaterfallCode,
    WaterfallLine,
};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Money, Objective, Quantity, ServiceType, StockState, Units};
use restock_inventory::item_location::{ItemLocationParams, Projection, project};
use restock_inventory::rules::{apply_rules, round_up, violations};
use restock_inventory::sellable::{most_before_expiry, needs_after_arrival, sellable};
use restock_learning::guarded::Considered;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::batch::{NO_MODEL, UnitPlan, UnitTotals, Worked};
use crate::decide::{Decided, redecide, watched};
use crate::exceptions::{ExceptionFacts, FreshnessLimit, exceptions};
use crate::judgement::to_judge;
use crate::months_of_stock::{months_of_stock, stocked_to_plan};
use crate::past::past_months;
use crate::plan::PlanLine;
use crate::said_demand::ActingOverride;
use crate::sentence::sentences;
use crate::unit::{PlanningUnit, StockKnowledge};
use crate::what_if::WhatIf;

/// Rows of the table of packs.
const N_MARGINAL: i64 = 12;

/// The gains of a line's packs, for limits over several lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AllocationData {
    /// Units in one bundle of packs.
    pub(crate) bundle: Units,
    /// Expected net gain of each bundle of the order; the last may be smaller.
    pub(crate) gains: Vec<f64>,
    /// Expected net gain of further bundles that the ordering rules still allow.
    pub(crate) extra_gains: Vec<f64>,
    /// Smallest order, units.
    pub(crate) min_order: Units,
    /// Cost, volume and weight of one unit; 0 where unknown.
    pub(crate) cost_volume_weight: [f64; 3],
    /// Whether the need cannot wait for the next opportunity.
    pub(crate) is_urgent: bool,
}

/// What happens until the order after this one can arrive.
struct Outlook {
    without: Projection,
    with: Projection,
    /// `[horizon]`: expected demand per period, demand from below included.
    mean: Vec<f64>,
}

fn outlook(unit: &PlanningUnit, decided: &Decided) -> Outlook {
    let review = &decided.review;
    let params = params(unit);
    let to = decided.protection;
    let play = |quantity| project(&review.stock, quantity, &review.lead_times, &review.demand, 0, to, &params);
    let without = play(0);
    let quantity = decided.quantity();
    let with = if quantity == 0 { without.clone() } else { play(quantity) };
    Outlook { without, with, mean: mean_demand(review) }
}

/// How stock moves at a unit: the model that the quantity, its explanation, backtests and simulations share.
pub(crate) fn params(unit: &PlanningUnit) -> ItemLocationParams {
    ItemLocationParams {
        shelf_life: unit.shelf_life,
        backorder: unit.backorder,
        ..ItemLocationParams::lost_sales(unit.costs)
    }
}

pub(crate) fn mean_demand(review: &Review) -> Vec<f64> {
    let demand = &review.demand;
    let mut mean = vec![0.0; demand.horizon];
    for idx in 0..demand.n_paths() {
        for (mean, demand) in mean.iter_mut().zip(demand.path(idx)) {
            *mean += f64::from(*demand);
        }
    }
    mean.iter_mut().for_each(|mean| *mean /= demand.n_paths() as f64);
    mean
}

/// Days until expected demand has used up `stock` units; at most 9,999.
fn days_of_cover(stock: Units, mean: &[f64]) -> f64 {
    let mut left = stock.max(0) as f64;
    for (idx, demand) in mean.iter().enumerate() {
        if *demand > 0.0 && left < *demand {
            return tidy(idx as f64 + left / demand, 2);
        }
        left -= demand;
    }
    let rate = mean.iter().sum::<f64>() / mean.len().max(1) as f64;
    let beyond = if rate > 0.0 { left / rate } else { f64::INFINITY };
    tidy((mean.len() as f64 + beyond).min(9_999.0), 2)
}

/// Rounds for people; an exact zero has no sign.
pub(crate) fn tidy(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    let rounded = (value * scale).round() / scale;
    if rounded == 0.0 { 0.0 } else { rounded }
}

pub(crate) fn money(value: f64) -> Money {
    Decimal::from_f64(value).unwrap_or_default().round_dp(2)
}

/// Everything a plan keeps of one unit.
pub(crate) fn unit_plan(unit: &PlanningUnit, worked: &Worked, settings: &PlanSettings) -> UnitPlan {
    let decided = &worked.decided;
    let outlook = outlook(unit, decided);
    let quantity = decided.quantity();
    let exceptions = exceptions_of(unit, worked, &outlook);
    let line = line(unit, worked, &outlook);
    let watched = watched(unit, decided, settings);
    let proposal = (quantity > 0).then(|| {
        let explanation = explanation_from(unit, worked, settings, &outlook, watched.as_ref());
        proposal(unit, worked, settings, &line, explanation, &exceptions)
    });
    let gains = BundleGains::of(unit, decided);
    let net_gain = gains.gains.iter().sum();
    let allocation = (unit.is_limited && quantity > 0).then(|| allocation(unit, decided, &outlook, gains));
    let proposal_id = proposal.as_ref().map_or("", |proposal| &proposal.proposal_id);
    let expected = (outlook.with.expected_lost, outlook.with.expected_expired);
    let to_judge = to_judge(unit, worked, watched.as_ref(), proposal_id, expected);
    UnitPlan {
        totals: totals(unit, decided, &outlook, net_gain, settings),
        past: past_months(unit),
        line,
        proposal,
        exceptions,
        to_judge,
        allocation,
    }
}

/// Key of the evidence of what the learned policy would save while it watches, currency.
pub const LEARNED_SAVING: &str = "learned_saving";

/// The explanation of a line, ordered or not.
pub(crate) fn explanation(unit: &PlanningUnit, worked: &Worked, settings: &PlanSettings) -> Explanation {
    let watched = watched(unit, &worked.decided, settings);
    explanation_from(unit, worked, settings, &outlook(unit, &worked.decided), watched.as_ref())
}

fn explanation_from(
    unit: &PlanningUnit,
    worked: &Worked,
    settings: &PlanSettings,
    outlook: &Outlook,
    watched: Option<&Considered>,
) -> Explanation {
    let decided = &worked.decided;
    let waterfall = waterfall(unit, worked, watched);
    let (sentence, sentence_zh) = sentences(unit, worked, &waterfall);
    let (marginal, marginal_note) = marginal(unit, decided);
    let mut warnings = unit.warnings.clone();
    warnings.extend(worked.warnings.iter().cloned());
    if let Some(conflict) = decided.ruled.conflict {
        warnings.push(conflict_text(conflict).0);
    }
    Explanation {
        sentence,
        sentence_zh,
        waterfall,
        unmet_waits: unit.backorder,
        without_order: consequence(unit, decided, outlook, false),
        with_order: consequence(unit, decided, outlook, true),
        marginal,
        marginal_note,
        sensitivity: sensitivity(unit, decided, settings),
        alternatives: alternatives(unit, decided, watched),
        drivers: drivers(unit, worked, &outlook.mean),
        warnings,
        lineage: Lineage {
            data: unit_hash(unit),
            settings: settings_hash(settings),
            forecast_model: worked.forecast.model.clone(),
            policy: decided.policy.clone(),
            code: env!("CARGO_PKG_VERSION").to_owned(),
            seed: settings.seed,
        },
    }
}

/// Why a need leads to no order, in English and Chinese.
pub(crate) fn conflict_text(conflict: restock_inventory::rules::RuleConflict) -> (String, String) {
    use restock_inventory::rules::RuleConflict::{MinimumAboveCap, MultipleAboveCap};
    let cap = |code| match code {
        WaterfallCode::ShelfLifeCap => ("what sells before expiry", "保质期内可售数量"),
        WaterfallCode::EndOfLifeCap => ("what is needed before the item ends", "停售前需求"),
        _ => ("the maximum order, stock or shelf", "最大订量、库存或货架容量"),
    };
    match conflict {
        MultipleAboveCap(code) => (
            format!("a single pack is more than {}, so nothing is ordered", cap(code).0),
            format!("单个包装已超过{}，因此不订购", cap(code).1),
        ),
        MinimumAboveCap(code) => (
            format!("the minimum order is more than {}, so nothing is ordered", cap(code).0),
            format!("最小起订量超过{}，因此不订购", cap(code).1),
        ),
    }
}

/// The lines from expected demand to the quantity; they sum exactly.
fn waterfall(unit: &PlanningUnit, worked: &Worked, watched: Option<&Considered>) -> Vec<WaterfallLine> {
    let decided = &worked.decided;
    let (review, decision) = (&decided.review, &decided.decision);
    let stock = &review.stock;
    let (as_of, protection) = (unit.as_of, decided.protection);
    let until = unit.future_day(protection).plus(-1);
    let mut lines: Vec<WaterfallLine> = Vec::with_capacity(16);
    let mut add = |code, value: Quantity, evidence: Vec<(&str, String)>| {
        let evidence = evidence.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        lines.push(WaterfallLine { code, value, evidence });
    };
    // Demand of the very days that are named, as in consequences and drivers: what a delivery later or earlier than usual
    // adds belongs to the buffer.
    let totals = review.demand.total(0, protection);
    // Expected demand is shown to a tenth of a unit; the buffer takes the rest of the whole-unit target.
    let per_tenth = if unit.decimals < 6 { 10_i64.pow(5 - u32::from(unit.decimals)) } else { 0 };
    let expected = if per_tenth > 0 {
        Quantity::from_micro((totals.mean() * 10.0).round() as i64 * per_tenth)
    } else {
        unit.quantity(totals.mean().round() as Units)
    };
    let mut evidence = vec![("from", as_of.to_string()), ("to", until.to_string())];
    if worked.forecast.model != NO_MODEL {
        evidence.push(("model", worked.forecast.model.clone()));
    }
    if let Some(asked) = worked.asked_for_90 {
        evidence.push(("recalibrated_90", tidy(asked, 3).to_string()));
    }
    if let Some(overridden) = &worked.overridden {
        let baseline = overridden.baseline.total(0, protection).mean();
        evidence.push(("without_overrides", tidy(unit.base(baseline), 2).to_string()));
    }
    if worked.has_dependents {
        // What is made when it is sold asks for nothing now.
        if worked.dependent_now != 0 || worked.used_for.is_empty() {
            evidence.push(("asked_for_now", unit.quantity(worked.dependent_now).to_string()));
        }
    }
    let used_for: Vec<(String, String)> =
        used_for(unit, worked, expected).into_iter().map(|part| (part.name(), part.quantity.to_string())).collect();
    evidence.extend(used_for.iter().map(|(name, quantity)| (name.as_str(), quantity.clone())));
    let overrides: Vec<(String, String)> = acting(worked).map(override_evidence).collect();
    evidence.extend(overrides.iter().map(|(name, text)| (name.as_str(), text.clone())));
    add(WaterfallCode::ExpectedDemand, expected, evidence);
    let buffer = unit.quantity(decision.target_level) + -expected;
    let lead = &unit.lane.lead_days;
    let mean_lead = unit.lane.mean_lead_days();
    let lead_sd = (lead.iter().map(|days| (days - mean_lead).powi(2)).sum::<f64>() / lead.len() as f64).sqrt();
    let mut evidence = match review.objective {
        Objective::Service { service_type, target } => {
            vec![("service", service_name(service_type).to_owned()), ("target", target.to_string())]
        }
        Objective::Economics => vec![(
            "critical_ratio",
            tidy(unit.costs.stockout_cost / (unit.costs.stockout_cost + unit.costs.holding_cost).max(1e-12), 4)
                .to_string(),
        )],
    };
    evidence.push(("sd_demand", tidy(unit.base(totals.std_dev()), 2).to_string()));
    evidence.push(("lead_time_days", tidy(mean_lead, 2).to_string()));
    evidence.push(("sd_lead_time_days", tidy(lead_sd, 2).to_string()));
    evidence.push(("target_level", unit.quantity(decision.target_level).to_string()));
    // Why the learned policy left the classical order as it is, or what it would order while it watches.
    if decision.adjustment == 0 && decision.adjustment_reason.starts_with("learned_") {
        evidence.push(("learned_policy", decision.adjustment_reason.to_owned()));
    }
    if let Some(Considered { learned: Some(learned), saving, verdict: Ok(()), .. }) = watched {
        evidence.push(("learned_policy", "learned_watches".to_owned()));
        evidence.push(("learned_order", unit.quantity(*learned).to_string()));
        evidence.push((LEARNED_SAVING, tidy(saving.0, 2).to_string()));
    }
    // A low target, an order multiple or the balance of costs can want less than expected demand.
    let code =
        if buffer < Quantity::ZERO { WaterfallCode::TargetBelowDemand } else { WaterfallCode::UncertaintyBuffer };
    add(code, buffer, evidence);
    let promised = stock.reserved + stock.backorders;
    if promised != 0 {
        add(WaterfallCode::ReservedOrBackordered, unit.quantity(promised), vec![]);
    }
    let on_hand = stock.on_hand();
    let mut evidence = match unit.stock_known {
        StockKnowledge::Counted { day: Some(day) } => vec![("counted_on", day.to_string())],
        StockKnowledge::Counted { day: None } => vec![],
        StockKnowledge::Assumed => vec![("assumed", "at target one review period ago".to_owned())],
        StockKnowledge::AssumedEmpty => vec![("assumed", "empty".to_owned())],
    };
    if let Some(believed) = &unit.believed {
        evidence.push(("recorded", unit.quantity(believed.recorded).to_string()));
        evidence.push(("p_empty", tidy(believed.probability_empty, 2).to_string()));
        if believed.is_measured {
            evidence.push(("measured", "shelf_weight".to_owned()));
        }
    }
    if unit.unusable > 0 {
        evidence.push(("blocked_or_expired", unit.quantity(unit.unusable).to_string()));
    }
    add(WaterfallCode::UsableOnHand, unit.quantity(-on_hand), evidence);
    let in_time = |ahead: i32| (ahead.max(0) as usize) < protection;
    let arriving: Units =
        stock.arrivals.iter().filter(|arrival| in_time(arrival.periods_ahead)).map(|arrival| arrival.quantity).sum();
    let late = stock.on_order() - arriving;
    let orders = |wanted: bool| -> String {
        let ids: Vec<&str> = unit
            .open_orders
            .iter()
            .filter(|order| (order.overdue || in_time(order.due.0 - as_of.0)) == wanted)
            .map(|order| order.order_id.as_str())
            .take(5)
            .collect();
        ids.join(" ")
    };
    if arriving != 0 {
        add(WaterfallCode::OnOrderInTime, unit.quantity(-arriving), vec![("orders", orders(true))]);
    }
    if late != 0 {
        add(WaterfallCode::OnOrderLate, unit.quantity(-late), vec![("orders", orders(false))]);
    }
    let plain = decision.target_level - stock.inventory_position();
    let left_out = decision.left_out(stock.inventory_position());
    if left_out != 0 {
        let evidence = vec![
            ("policy", decided.policy.clone()),
            ("reason", "lost_before_arrival".to_owned()),
            ("arrival", decided.timing.expected_receipt.to_string()),
        ];
        add(WaterfallCode::PolicyAdjustment, unit.quantity(-left_out), evidence);
    }
    if decision.adjustment != 0 {
        let mut evidence = vec![("policy", decided.policy.clone()), ("reason", decision.adjustment_reason.to_owned())];
        if let Some(reorder_point) = decision.reorder_point {
            evidence.push(("reorder_point", unit.quantity(reorder_point).to_string()));
        }
        add(WaterfallCode::PolicyAdjustment, unit.quantity(decision.adjustment), evidence);
    }
    // What the position exceeds the level by is not ordered back.
    let covered = decision.order_quantity - decision.adjustment + left_out - plain;
    if covered != 0 {
        add(WaterfallCode::AlreadyCovered, unit.quantity(covered), vec![]);
    }
    for (code, change) in decided.ruled.steps.iter().chain(&decided.later_steps) {
        let rules = &review.rules;
        let show = |units: Units| unit.quantity(units).to_string();
        let evidence = match code {
            WaterfallCode::Moq => vec![("min_order", show(rules.min_order))],
            WaterfallCode::RoundToPack => vec![("pack", show(rules.order_multiple))],
            WaterfallCode::MinimumStock => vec![("min_stock", show(rules.min_stock))],
            WaterfallCode::ShelfLifeCap => {
                vec![("sells_before_expiry", show(rules.shelf_life_cap.unwrap_or(0)))]
            }
            WaterfallCode::EndOfLifeCap => vec![
                ("still_needed", show(rules.end_of_life_cap.unwrap_or(0))),
                ("end", unit.planned_end.map_or_else(String::new, |end| end.to_string())),
            ],
            WaterfallCode::CapacityCap => [
                ("max_order", rules.max_order),
                ("max_stock", rules.max_stock),
                ("shelf_capacity", rules.shelf_capacity),
            ]
            .into_iter()
            .filter_map(|(name, limit)| limit.map(|limit| (name, show(limit))))
            .collect(),
            WaterfallCode::SourceShortage => vec![("source", unit.lane.source.to_string())],
            _ => vec![],
        };
        add(*code, unit.quantity(*change), evidence);
    }
    let sum = lines.iter().fold(Quantity::ZERO, |sum, line| sum + line.value);
    assert_eq!(sum, unit.quantity(decided.quantity()), "the waterfall of {} sums to its order", unit.item_id);
    lines
}

/// How the name of an override begins among the evidence of expected demand; its author follows, where known.
pub const OVERRIDE_BY: &str = "override by";

/// The overrides that act on a unit.
pub(crate) fn acting(worked: &Worked) -> impl Iterator<Item = &ActingOverride> {
    worked.overridden.iter().flat_map(|overridden| &overridden.acting)
}

fn override_evidence(said: &ActingOverride) -> (String, String) {
    let name = match said.author.as_str() {
        "" => OVERRIDE_BY.trim_end_matches(" by").to_owned(),
        author => format!("{OVERRIDE_BY} {author}"),
    };
    (name, format!("{} ({})", said.reason, said.text()))
}

/// A part of a component's expected demand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UsedFor {
    /// What it is used for; `None` for what is sold or sent as it is.
    pub(crate) item_id: Option<String>,
    /// How many items more than the one that is named.
    pub(crate) n_others: usize,
    /// Base units, to a tenth of a unit.
    pub(crate) quantity: Quantity,
}

impl UsedFor {
    /// The name of the part among the evidence of expected demand.
    fn name(&self) -> String {
        match &self.item_id {
            Some(item_id) => format!("{USED_FOR} {item_id}"),
            None if self.n_others > 0 => format!("{USED_FOR} {} others", self.n_others),
            None => NOT_USED.to_owned(),
        }
    }
}

/// How the name of a part of a component's expected demand begins, among the evidence of expected demand: an item follows
/// for which it is used, or how many others.
pub const USED_FOR: &str = "used for";

/// The name of the rest of a component's expected demand: what is sold or sent as it is.
pub const NOT_USED: &str = "sold_as_it_is";

/// Where the expected demand of a component comes from, the largest part first; the parts sum to it exactly. Nothing
/// for what is no component.
pub(crate) fn used_for(unit: &PlanningUnit, worked: &Worked, expected: Quantity) -> Vec<UsedFor> {
    const N_NAMED: usize = 4;
    if worked.used_for.is_empty() || expected <= Quantity::ZERO {
        return Vec::new();
    }
    let protection = worked.decided.protection;
    let sum = |units: &[f64]| units[..protection.min(units.len())].iter().sum::<f64>().max(0.0);
    let mut parts: Vec<(Option<&str>, f64)> =
        worked.used_for.iter().map(|(item_id, units)| (Some(item_id.as_str()), sum(units))).collect();
    let used: f64 = parts.iter().map(|(_, units)| units).sum();
    let total = worked.decided.review.demand.total(0, protection).mean();
    parts.push((None, (total - used).max(0.0)));
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    // In tenths of a unit, or millionths where a unit is one: rounded down, and what is missing goes to the largest rests.
    let step = if unit.decimals < 6 { 10_i64.pow(5 - u32::from(unit.decimals)) } else { 1 };
    let n_steps = expected.micro() / step;
    let all: f64 = parts.iter().map(|(_, units)| units).sum();
    let exact: Vec<f64> = parts.iter().map(|(_, units)| units / all.max(1e-12) * n_steps as f64).collect();
    let mut whole: Vec<i64> = exact.iter().map(|steps| steps.floor() as i64).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|a, b| (exact[*b].fract()).total_cmp(&exact[*a].fract()).then(a.cmp(b)));
    let missing = (n_steps - whole.iter().sum::<i64>()).max(0) as usize;
    order.iter().cycle().take(missing).for_each(|idx| whole[*idx] += 1);
    whole[0] += n_steps - whole.iter().sum::<i64>();

    let named = |(item_id, steps): (Option<&str>, i64)| UsedFor {
        item_id: item_id.map(str::to_owned),
        n_others: 0,
        quantity: Quantity::from_micro(steps * step),
    };
    let shown = parts.iter().map(|(item_id, _)| *item_id).zip(whole).filter(|(_, steps)| *steps > 0);
    let (items, as_it_is): (Vec<_>, Vec<_>) = shown.partition(|(item_id, _)| item_id.is_some());
    let n_named = if items.len() > N_NAMED + 1 { N_NAMED } else { items.len() };
    let mut parts: Vec<UsedFor> = items[..n_named].iter().copied().map(named).collect();
    if items.len() > n_named {
        let steps: i64 = items[n_named..].iter().map(|(_, steps)| steps).sum();
        let quantity = Quantity::from_micro(steps * step);
        parts.push(UsedFor { item_id: None, n_others: items.len() - n_named, quantity });
    }
    parts.extend(as_it_is.into_iter().map(named));
    parts
}

pub(crate) fn service_name(service_type: ServiceType) -> &'static str {
    match service_type {
        ServiceType::Cycle => "cycle",
        ServiceType::FillRate => "fill_rate",
        ServiceType::InStock => "in_stock",
    }
}

fn consequence(unit: &PlanningUnit, decided: &Decided, outlook: &Outlook, with: bool) -> Consequence {
    if unit.made_to_order {
        // Its components run out, or not.
        let none = Consequence {
            p_stockout: 0.0,
            expected_lost_units: 0.0,
            expected_lost_margin: None,
            expected_waste_units: 0.0,
            days_of_cover: 0.0,
        };
        return Consequence { expected_lost_margin: unit.money_known.then(|| money(0.0)), ..none };
    }
    let projection = if with { &outlook.with } else { &outlook.without };
    let position = decided.review.stock.inventory_position() + if with { decided.quantity() } else { 0 };
    Consequence {
        p_stockout: tidy(projection.p_stockout, 4),
        expected_lost_units: tidy(unit.base(projection.expected_lost), 3),
        expected_lost_margin: unit.money_known.then(|| money(projection.expected_lost * unit.costs.stockout_cost)),
        expected_waste_units: tidy(unit.base(projection.expected_expired), 3),
        days_of_cover: days_of_cover(position, &outlook.mean),
    }
}

/// What each unit of an order is worth.
struct UnitValue<'a> {
    unit: &'a PlanningUnit,
    review_period: usize,
    /// Per demand path: what the rest of the stock cannot serve from the arrival of an order placed now until the order
    /// after it arrives.
    in_interval: Vec<f64>,
    /// The same until an order placed now would expire; empty for what keeps.
    until_expiry: Vec<f64>,
    /// What the policy wants, before any rule.
    wanted: Units,
    /// Mean demand per period.
    rate: f64,
}

impl<'a> UnitValue<'a> {
    fn new(unit: &'a PlanningUnit, decided: &Decided) -> Self {
        let review = &decided.review;
        let shelf_life = unit.shelf_life.unwrap_or(usize::MAX);
        let served = review.review_period.min(shelf_life);
        Self {
            unit,
            review_period: review.review_period,
            in_interval: needs_after_arrival(review, |lead| lead + served),
            until_expiry: match unit.shelf_life {
                Some(shelf_life) => needs_after_arrival(review, |lead| lead + shelf_life),
                None => Vec::new(),
            },
            wanted: decided.decision.order_quantity,
            rate: crate::decide::demand_rate(&review.demand, review.demand.horizon),
        }
    }

    /// The expected net gain of the units `from..to` of an order and the probability that all of them sell in time.
    ///
    /// A unit that sells saves what a lost one costs ([`PlanningUnit::lost_unit`]) and is held for half a review period; one that does not is held for a
    /// whole one, and costs its waste where it expires. A unit beyond what the policy wants is held until it would have
    /// been ordered anyway, ten years at most. The fixed cost of the order line is left out.
    fn gain(&self, from: Units, to: Units) -> (f64, f64) {
        let beyond = ((from + to) as f64 / 2.0 - self.wanted as f64).max(0.0);
        let periods_max = 3_650.0;
        let early = if beyond > 0.0 { (beyond / self.rate.max(1e-9)).min(periods_max) } else { 0.0 };
        let (from, to) = (from as f64, to as f64);
        let size = to - from;
        let n = self.in_interval.len() as f64;
        let sold = self.in_interval.iter().map(|need| (need - from).clamp(0.0, size)).sum::<f64>() / n;
        let p_sold = self.in_interval.iter().filter(|need| **need >= to - 1e-6).count() as f64 / n;
        let costs = &self.unit.costs;
        let held = self.review_period as f64 * (size - sold / 2.0) + early * (size - sold);
        let mut gain = self.unit.lost_unit() * sold - costs.holding_cost * held;
        if self.unit.shelf_life.is_some() {
            let sold_in_time = self.until_expiry.iter().map(|need| (need - from).clamp(0.0, size)).sum::<f64>() / n;
            gain -= costs.waste_cost * (size - sold_in_time);
        }
        (gain, p_sold)
    }
}

/// The value of each pack, and the rule that takes the order beyond the last pack with a gain or keeps it short of it.
fn marginal(unit: &PlanningUnit, decided: &Decided) -> (Vec<MarginalPack>, String) {
    let quantity = decided.quantity();
    let review = &decided.review;
    let pack = review.rules.order_multiple.max(1);
    let n_packs = quantity / pack;
    if review.demand.values.iter().all(|demand| *demand == 0.0) && n_packs == 0 {
        return (Vec::new(), String::new());
    }
    let value = UnitValue::new(unit, decided);
    let at = |idx: i64| value.gain((idx - 1) * pack, idx * pack);
    // Every pack of a small order, evenly spaced packs of a large one, and the first pack not ordered.
    let step = (n_packs + N_MARGINAL - 3) / (N_MARGINAL - 2).max(1);
    let step = step.max(1);
    let mut shown: Vec<i64> = (1..=n_packs).step_by(step as usize).collect();
    if n_packs > 0 && shown.last() != Some(&n_packs) {
        shown.push(n_packs);
    }
    shown.push(n_packs + 1);
    let mut packs = Vec::with_capacity(shown.len());
    let mut first_loss = None;
    for idx in shown {
        let (net_gain, p_sold) = at(idx);
        // A pack of one cheap unit gains less than a cent.
        let net_gain = Decimal::from_f64(net_gain).unwrap_or_default().round_dp(4);
        packs.push(MarginalPack { pack: idx as u32, p_sold: tidy(p_sold, 4), net_gain });
        if net_gain < Decimal::ZERO {
            first_loss = Some(idx);
            break;
        }
    }
    let note = match first_loss {
        Some(idx) if idx > n_packs => String::new(),
        Some(idx) => format!("pack {idx} of {n_packs} costs more than it gains: {}", rule_beyond(unit, decided)),
        None => format!("pack {} would still gain: {}", n_packs + 1, rule_short(unit, decided)),
    };
    (packs, note)
}

fn target_text(unit: &PlanningUnit) -> String {
    match unit.objective {
        Objective::Service { service_type, target } => {
            format!("the {} target of {} %", service_name(service_type), tidy(target * 100.0, 2))
        }
        Objective::Economics => "the balance of costs".to_owned(),
    }
}

/// The rule that takes an order beyond the last pack with a gain.
fn rule_beyond(unit: &PlanningUnit, decided: &Decided) -> String {
    let steps = || decided.ruled.steps.iter().chain(&decided.later_steps);
    let raised = steps().rev().find(|(_, change)| *change > 0).map(|(code, _)| *code);
    match raised {
        Some(WaterfallCode::Moq) => "the minimum order asks for it".to_owned(),
        Some(WaterfallCode::RoundToPack) if decided.decision.order_quantity > 0 => {
            format!("{} and full packs ask for it", target_text(unit))
        }
        Some(WaterfallCode::RoundToPack) => "full packs ask for it".to_owned(),
        Some(WaterfallCode::MinimumStock) => "the minimum stock asks for it".to_owned(),
        Some(WaterfallCode::SupplierMinimum) => "the supplier's minimum order asks for it".to_owned(),
        Some(WaterfallCode::ContainerFill) => "the container has room for it".to_owned(),
        _ => format!("{} asks for it", target_text(unit)),
    }
}

/// The rule that keeps an order short of the last pack with a gain.
fn rule_short(unit: &PlanningUnit, decided: &Decided) -> String {
    let steps = || decided.ruled.steps.iter().chain(&decided.later_steps);
    let cut = steps().rev().find(|(_, change)| *change < 0).map(|(code, _)| *code);
    match cut {
        Some(WaterfallCode::DoNotOrder) => "nothing may be ordered".to_owned(),
        Some(WaterfallCode::ShelfLifeCap) => "no more sells before expiry".to_owned(),
        Some(WaterfallCode::EndOfLifeCap) => "the item ends".to_owned(),
        Some(WaterfallCode::CapacityCap) => "the maximum order, stock or shelf allows no more".to_owned(),
        Some(WaterfallCode::BudgetOrCapacity) => "the budget or capacity allows no more".to_owned(),
        Some(WaterfallCode::SourceShortage) => format!("{} has no more", unit.lane.source),
        Some(WaterfallCode::SupplierMinimum) => "the supplier's minimum is not reached".to_owned(),
        _ if decided.decision.adjustment_reason == "reorder_point_not_reached" => {
            "the reorder point is not reached".to_owned()
        }
        _ if unit.stock_known == StockKnowledge::Assumed => {
            format!("{} is met with the stock assumed", target_text(unit))
        }
        _ => format!("{} is met", target_text(unit)),
    }
}

/// Real re-plans with one thing different.
fn sensitivity(unit: &PlanningUnit, decided: &Decided, settings: &PlanSettings) -> Vec<Sensitivity> {
    if unit.made_to_order {
        return Vec::new();
    }
    let lead = unit.lane.mean_lead_days().round();
    let mut what_ifs = vec![WhatIf::LeadTime(lead + (lead / 2.0).round().max(1.0))];
    if let Objective::Service { target, .. } = unit.objective {
        what_ifs.push(WhatIf::Target(if target > 0.955 { 0.95 } else { 0.98 }));
    }
    what_ifs.push(WhatIf::Demand(0.8));
    what_ifs
        .into_iter()
        .map(|what_if| {
            let (changed, decided) = redecide(unit, decided, settings, &[what_if]);
            Sensitivity { what_if: what_if.to_string(), quantity: changed.quantity(decided.quantity()) }
        })
        .collect()
}

/// What other policies would order, and what was ordered before.
fn alternatives(unit: &PlanningUnit, decided: &Decided, watched: Option<&Considered>) -> Vec<(String, Quantity)> {
    let mut alternatives = Vec::new();
    if let Some(Considered { learned: Some(learned), verdict: Ok(()), .. }) = watched {
        let quantity = apply_rules(*learned, &decided.review).quantity;
        alternatives.push((restock_learning::guarded::NAME.to_owned(), unit.quantity(quantity)));
    }
    if !unit.made_to_order {
        for name in ["base_stock", "R_s_S", "min_max", "days_of_cover"] {
            if name == decided.policy {
                continue;
            }
            let policy = restock_learning::policy(name).expect("a known policy");
            let wanted = policy.decide(&decided.review).order_quantity;
            let quantity = apply_rules(wanted, &decided.review).quantity;
            alternatives.push((name.to_owned(), unit.quantity(quantity)));
        }
    }
    if let Some(last) = unit.last_order {
        alternatives.push(("last_order".to_owned(), unit.quantity(last)));
    }
    if let Some((usual, _)) = unit.usual_order {
        alternatives.push(("usual".to_owned(), unit.quantity(usual)));
    }
    alternatives
}

/// How the name of a driver begins that is a signal or a local event: its own name follows, and what it does on the day of
/// the interval on which it does most, such as `rain 2026-03-02 +12 %`.
pub const SIGNAL: &str = "signal:";

/// What moves the expected demand of the protection interval away from the recent level, base units.
///
/// `recent_level` is the mean of the last eight weeks (or periods of that length); `weekday` is the effect of the days
/// of the week in the interval, from the last sixteen weeks; the rest is named after what is known to happen in the
/// interval, and `trend` otherwise. They sum to the expected demand of the item's own sales.
fn drivers(unit: &PlanningUnit, worked: &Worked, mean: &[f64]) -> Vec<(String, f64)> {
    let series = &unit.history.series;
    let n_periods = series.n_periods();
    let protection = worked.decided.protection;
    let expected: f64 = mean[..protection].iter().sum();
    // What customers here want: all of it, unless others ask for the item too.
    let own: f64 = match worked.has_dependents {
        true => unit.history.by_day(&worked.forecast.mean)[..protection].iter().sum(),
        false => expected,
    };
    let mut drivers = Vec::new();
    let mut add = |name: &str, units: f64| {
        let value = tidy(unit.base(units), 2);
        if value != 0.0 {
            drivers.push((name.to_owned(), value));
        }
    };
    let window = match series.bucket {
        Bucket::Day => 56,
        Bucket::Week => 8,
        Bucket::Month => 3,
    };
    let known = |idx: &usize| matches!(series.observations[*idx], Observation::Full | Observation::Censored);
    let recent: Vec<usize> = (0..n_periods).rev().filter(known).take(window).collect();
    // Open days of a daily history, months of a monthly one.
    let n_open: f64 = unit.history.by_day(&vec![1.0; series.open_future.len()])[..protection].iter().sum();
    let level = recent.iter().map(|idx| series.demand[*idx]).sum::<f64>() / recent.len().max(1) as f64;
    let base = level * n_open;
    add("recent_level", base);
    let mut weekday_effect = 0.0;
    if series.bucket == Bucket::Day {
        let (mut sums, mut counts) = ([0.0; 7], [0.0; 7]);
        for idx in (0..n_periods).rev().filter(known).take(112) {
            let weekday = (series.first_period + idx as i32 + 3).rem_euclid(7) as usize;
            sums[weekday] += series.demand[idx];
            counts[weekday] += 1.0;
        }
        let overall = sums.iter().sum::<f64>() / counts.iter().sum::<f64>().max(1.0);
        for step in (0..protection).filter(|step| series.open_future[*step] > 0.0) {
            let weekday = (series.first_period + (n_periods + step) as i32 + 3).rem_euclid(7) as usize;
            if counts[weekday] >= 4.0 && overall > 0.0 {
                weekday_effect += level * (sums[weekday] / counts[weekday] / overall - 1.0);
            }
        }
        add("weekday", weekday_effect);
    }
    let last = series.bucket.period_of(unit.future_day(protection - 1));
    let until = (last - series.first_period + 1) as usize;
    let ahead: Vec<&str> = series
        .covariates
        .iter()
        .filter(|covariate| covariate.values[n_periods..until].iter().any(|value| *value != 0.0))
        .map(|covariate| covariate.name.as_str())
        .collect();
    let rest = if ahead.is_empty() { "trend".to_owned() } else { format!("{}_and_trend", ahead.join("_")) };
    let by_people =
        worked.overridden.as_ref().map_or(0.0, |overridden| expected - overridden.baseline.total(0, protection).mean());
    let mut by_signals = 0.0;
    for effect in unit.history.effects.iter().flat_map(|effects| &effects.acting) {
        let units = effect.adds(&worked.forecast.mean, protection);
        let Some((day, factor)) = effect.largest(protection, units) else { continue };
        by_signals += units;
        let percent = ((factor - 1.0) * 100.0).round();
        add(&format!("{SIGNAL}{} {day} {percent:+} %", effect.name), units);
    }
    add(&rest, own - base - weekday_effect - by_people - by_signals);
    add("override", by_people);
    if worked.has_dependents {
        add("asked_for_by_others", expected - own);
    }
    drivers
}

fn line(unit: &PlanningUnit, worked: &Worked, outlook: &Outlook) -> PlanLine {
    let decided = &worked.decided;
    let stock = &decided.review.stock;
    let quantity = decided.quantity();
    let position = stock.inventory_position();
    let expected: f64 = outlook.mean[..decided.protection].iter().sum();
    let fill = |projection: &Projection| {
        if projection.expected_demand > 0.0 {
            tidy((1.0 - projection.expected_lost / projection.expected_demand).clamp(0.0, 1.0), 4)
        } else {
            1.0
        }
    };
    let value_of =
        |units: Units, cost: Option<Money>| cost.map(|cost| (cost * unit.quantity(units).to_decimal()).round_dp(2));
    let series = &unit.outflow().series;
    let window = ((56.0 / series.bucket.days()).round() as usize).max(1);
    let known = |idx: &usize| matches!(series.observations[*idx], Observation::Full | Observation::Censored);
    let recent: Vec<f64> =
        (0..series.n_periods()).rev().filter(known).take(window).map(|idx| series.demand[idx]).collect();
    let recent_rate = recent.iter().sum::<f64>() / recent.len().max(1) as f64 / series.bucket.days();
    PlanLine {
        item_id: unit.item_id.clone(),
        location_id: unit.location_id.clone(),
        source: unit.lane.source.clone(),
        on_hand: unit.quantity(stock.on_hand()),
        stock_assumed: !unit.made_to_order && !matches!(unit.stock_known, StockKnowledge::Counted { .. }),
        on_order: unit.quantity(stock.on_order()),
        position: unit.quantity(position),
        recent_demand_per_day: tidy(unit.base(recent_rate), 4),
        expected_demand: tidy(unit.base(expected), 3),
        demand_per_day: tidy(unit.base(expected) / decided.protection as f64, 4),
        target_level: unit.quantity(decided.decision.target_level),
        quantity: unit.quantity(quantity),
        value: value_of(quantity, unit.unit_cost_of(quantity)),
        stock_value: value_of(stock.on_hand(), unit.lane.unit_cost),
        lead_time_days: tidy(unit.lane.mean_lead_days(), 2),
        review_days: f64::from(unit.lane.review_days()),
        p_stockout: if unit.made_to_order {
            [0.0; 2]
        } else {
            [tidy(outlook.without.p_stockout, 4), tidy(outlook.with.p_stockout, 4)]
        },
        fill_rate: [fill(&outlook.without), fill(&outlook.with)],
        days_of_cover: [days_of_cover(position, &outlook.mean), days_of_cover(position + quantity, &outlook.mean)],
        monthly_consumption: unit.monthly_consumption.map(|units| tidy(unit.base(units), 3)),
        months_of_stock: months_of_stock(unit, stock.on_hand()),
        classes: unit.classes.clone(),
        health: unit.health,
        forecast_model: worked.forecast.model.clone(),
        policy: decided.policy.clone(),
        note: note(unit, decided),
    }
}

/// Why nothing is ordered, or which limit decided; empty for a plain order.
fn note(unit: &PlanningUnit, decided: &Decided) -> String {
    if unit.made_to_order {
        return "made when it is sold; its components are ordered".to_owned();
    }
    if let Some(conflict) = decided.ruled.conflict {
        return conflict_text(conflict).0;
    }
    if decided.quantity() > 0 && decided.later_steps.is_empty() {
        return String::new();
    }
    let cut = decided.ruled.steps.iter().chain(&decided.later_steps).rev().find(|(_, change)| *change < 0);
    match cut {
        Some(_) => rule_short(unit, decided),
        None if decided.quantity() > 0 => rule_beyond(unit, decided),
        None if decided.decision.adjustment_reason == "reorder_point_not_reached" => {
            "the reorder point is not reached".to_owned()
        }
        None => "stock and open orders cover the target".to_owned(),
    }
}

fn totals(
    unit: &PlanningUnit,
    decided: &Decided,
    outlook: &Outlook,
    net_gain: f64,
    settings: &PlanSettings,
) -> UnitTotals {
    if unit.made_to_order {
        // What is missing is missing of its components, and counts there.
        return UnitTotals { in_recipe: unit.in_recipe, ..UnitTotals::default() };
    }
    let stock = &decided.review.stock;
    let known = if unit.money_known { 1.0 } else { 0.0 };
    let cost = unit.costs.unit_cost * known;
    let counted = matches!(unit.stock_known, StockKnowledge::Counted { .. });
    let level = decided.decision.target_level.max(decided.review.rules.min_stock);
    let over = (stock.inventory_position() - level).clamp(0, stock.on_hand().max(0));
    UnitTotals {
        demand: unit.base(outlook.without.expected_demand),
        lost: [unit.base(outlook.without.expected_lost), unit.base(outlook.with.expected_lost)],
        lost_margin: [
            outlook.without.expected_lost * unit.costs.stockout_cost * known,
            outlook.with.expected_lost * unit.costs.stockout_cost * known,
        ],
        stock_value: if counted { stock.on_hand() as f64 * cost } else { 0.0 },
        overstock_value: if counted { over as f64 * cost } else { 0.0 },
        waste_value: outlook.with.expected_expired * cost,
        net_gain,
        out_of_stock_now: counted && stock.on_hand() == 0,
        lost_before_arrival: unit.base(outlook.with.expected_lost_before_arrival),
        unmet_waits: unit.backorder,
        in_recipe: unit.in_recipe,
        is_rationed: decided.source_cap.is_some(),
        stocked_to_plan: stocked_to_plan(unit, stock.on_hand(), settings),
    }
}

fn proposal(
    unit: &PlanningUnit,
    worked: &Worked,
    settings: &PlanSettings,
    line: &PlanLine,
    explanation: Explanation,
    exceptions: &[PlanException],
) -> Proposal {
    let decided = &worked.decided;
    let quantity = decided.quantity();
    let pack = decided.review.rules.order_multiple.max(1);
    let n_packs = quantity / pack;
    let order_units = if n_packs * pack == quantity && pack > 1 {
        OrderUnits { quantity: Quantity::from_whole(n_packs), uom: unit.order_uom.clone() }
    } else {
        OrderUnits { quantity: unit.quantity(quantity), uom: unit.order_uom.clone() }
    };
    let unit_cost = unit.unit_cost_of(quantity);
    let gained = (explanation.without_order.expected_lost_units - explanation.with_order.expected_lost_units).max(0.0);
    let per_base = unit.costs.stockout_cost * 10_f64.powi(i32::from(unit.decimals));
    let is_usual =
        unit.usual_order.is_none_or(|(usual, _)| usual > 0 && (0.7..=1.3).contains(&(quantity as f64 / usual as f64)));
    let counted = matches!(unit.stock_known, StockKnowledge::Counted { .. });
    let automation = if unit.health >= 0.9 && counted && is_usual && exceptions.is_empty() { "auto" } else { "review" };
    Proposal {
        proposal_id: proposal_id(unit),
        plan_id: String::new(),
        as_of: unit.as_of,
        proposal_type: unit.lane.kind,
        item_id: unit.item_id.clone(),
        item_name: unit.item_name.clone(),
        destination: unit.location_id.clone(),
        source: unit.lane.source.clone(),
        quantity: line.quantity,
        uom: unit.uom.clone(),
        order_units,
        unit_cost,
        value: line.value,
        currency: settings.currency.clone(),
        order_by: unit.lane.order_day,
        expected_receipt: decided.timing.expected_receipt,
        next_opportunity: unit.lane.next_order_day,
        status: "proposed".to_owned(),
        automation: automation.to_owned(),
        health: unit.health,
        confidence: confidence(unit, decided),
        priority: money(gained * per_base),
        classes: unit.classes.clone(),
        explanation,
    }
}

/// The same need keeps its id from plan to plan: item, source, destination and order day.
fn proposal_id(unit: &PlanningUnit) -> String {
    let source = match &unit.lane.source {
        ProposalSource::SupplierId(id) => format!("s:{id}"),
        ProposalSource::LocationId(id) => format!("l:{id}"),
        ProposalSource::Unknown => "u".to_owned(),
    };
    let mut hasher = blake3::Hasher::new();
    for part in [&unit.item_id, &source, &unit.location_id, &unit.lane.order_day.to_string()] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    format!("p_{}", &hasher.finalize().to_hex()[..16])
}

/// How sure the forecast is: the share of expected demand in expected demand plus one standard deviation over the
/// protection interval, less with a history shorter than four seasons.
fn confidence(unit: &PlanningUnit, decided: &Decided) -> f64 {
    let totals = decided.review.demand.total(0, decided.protection);
    let share = if totals.mean() > 0.0 { totals.mean() / (totals.mean() + totals.std_dev()) } else { 0.5 };
    let series = &unit.history.series;
    let n_known = series.observations.iter().filter(|observation| **observation == Observation::Full).count();
    let season = match series.bucket {
        Bucket::Day => 7,
        Bucket::Week => 13,
        Bucket::Month => 12,
    };
    tidy(share * (n_known as f64 / (4 * season) as f64).clamp(0.1, 1.0), 3)
}

/// What the packs of an order gain, bundle by bundle.
struct BundleGains {
    /// Units of a bundle.
    bundle: Units,
    /// Expected net gain of each bundle; the last may be smaller.
    gains: Vec<f64>,
}

impl BundleGains {
    fn of(unit: &PlanningUnit, decided: &Decided) -> Self {
        const N_BUNDLES: i64 = 64;
        let quantity = decided.quantity();
        let pack = decided.review.rules.order_multiple.max(1);
        let bundle = pack * (quantity / pack).div_euclid(N_BUNDLES).max(1);
        if quantity == 0 {
            return Self { bundle, gains: Vec::new() };
        }
        let value = UnitValue::new(unit, decided);
        let bundles = (0..).map(|idx| idx * bundle).take_while(|from| *from < quantity);
        Self { bundle, gains: bundles.map(|from| value.gain(from, (from + bundle).min(quantity)).0).collect() }
    }
}

fn allocation(unit: &PlanningUnit, decided: &Decided, outlook: &Outlook, gains: BundleGains) -> AllocationData {
    const N_EXTRA: i64 = 64;
    let review = &decided.review;
    let quantity = decided.quantity();
    let BundleGains { bundle, gains } = gains;
    let value = UnitValue::new(unit, decided);
    let extra_gains = (1..=N_EXTRA)
        .map(|idx| quantity + idx * bundle)
        .take_while(|to| violations(*to, review).is_empty())
        .map(|to| value.gain(to - bundle, to).0)
        .collect();
    AllocationData {
        bundle,
        gains,
        extra_gains,
        min_order: review.rules.min_order,
        cost_volume_weight: [
            unit.costs.unit_cost * if unit.money_known { 1.0 } else { 0.0 },
            unit.base(unit.volume.unwrap_or(0.0)),
            unit.base(unit.weight.unwrap_or(0.0)),
        ],
        is_urgent: outlook.without.p_stockout >= 0.5,
    }
}

fn exceptions_of(unit: &PlanningUnit, worked: &Worked, outlook: &Outlook) -> Vec<PlanException> {
    let decided = &worked.decided;
    let stock = &decided.review.stock;
    let per_base = 10_f64.powi(i32::from(unit.decimals));
    let known = if unit.money_known { 1.0 } else { 0.0 };
    let series = &unit.outflow().series;
    let n_periods = series.n_periods();
    let expected: f64 = outlook.mean[..decided.protection].iter().sum();
    let demand_per_day = unit.base(expected) / decided.protection as f64;
    let steps: HashMap<WaterfallCode, Units> =
        decided.ruled.steps.iter().chain(&decided.later_steps).fold(HashMap::new(), |mut steps, (code, change)| {
            *steps.entry(*code).or_default() += change;
            steps
        });
    let step = |code| unit.base(steps.get(&code).copied().unwrap_or(0) as f64);
    let recent_and_earlier = (series.bucket == Bucket::Day && n_periods >= 112).then(|| {
        let sum = |from: usize, to: usize| series.demand[n_periods - from..n_periods - to].iter().sum::<f64>();
        (unit.base(sum(28, 0)) / 28.0, unit.base(sum(112, 28)) / 84.0)
    });
    let n_selling_days = series.sales[n_periods.saturating_sub(112)..].iter().filter(|sales| **sales > 0.0).count();
    let is_late = |order: &&crate::unit::OpenSupply| {
        !order.overdue && (order.due.0 - unit.as_of.0).max(0) as usize >= decided.protection
    };
    let told = |order: &crate::unit::OpenSupply| (order.order_id.clone(), unit.base(order.quantity as f64), order.due);
    let promotion = unit.promotions.iter().find(|(_, to, _)| *to >= unit.as_of).and_then(|(from, to, _)| {
        let steps: Vec<usize> =
            (0..unit.horizon()).filter(|step| (*from..=*to).contains(&unit.future_day(*step))).collect();
        let during: f64 = steps.iter().map(|step| outlook.mean[*step]).sum();
        let others: Vec<f64> =
            (0..unit.horizon()).filter(|step| !steps.contains(step)).map(|step| outlook.mean[step]).collect();
        let usual = others.iter().sum::<f64>() / others.len().max(1) as f64 * steps.len() as f64;
        (!steps.is_empty()).then(|| (*from, *to, unit.base(during - usual).max(0.0)))
    });
    let counted = matches!(unit.stock_known, StockKnowledge::Counted { .. });
    let first_expiry = stock.lots.iter().map(|lot| lot.periods_left).find(|left| *left != i32::MAX);
    let facts = ExceptionFacts {
        item_id: unit.item_id.clone(),
        location_id: unit.location_id.clone(),
        as_of: unit.as_of,
        unit_cost: unit.costs.unit_cost * per_base * known,
        unit_margin: unit.costs.stockout_cost * per_base * known,
        on_hand: unit.base(stock.on_hand() as f64),
        stock_known: counted,
        demand_per_day,
        recent_and_earlier_demand: recent_and_earlier,
        n_selling_days,
        days_since_last_sale: unit.outflow().days_since_last_sale,
        target_level: unit.base(decided.decision.target_level.max(decided.review.rules.min_stock) as f64),
        position: unit.base(stock.inventory_position() as f64),
        quantity: unit.base(decided.quantity() as f64),
        lost_before_arrival: (
            unit.base(outlook.with.expected_lost_before_arrival),
            outlook.with.p_stockout_before_arrival,
        ),
        unmet_waits: unit.backorder,
        overdue: unit.open_orders.iter().filter(|order| order.overdue).map(told).collect(),
        too_late: unit.open_orders.iter().filter(is_late).map(told).collect(),
        expiring: (
            unit.base(outlook.without.expected_expired),
            first_expiry.map(|left| unit.future_day(left.max(0) as usize)),
        ),
        new_item_days: (series.bucket == Bucket::Day && n_periods < 28 && !worked.has_dependents).then_some(n_periods),
        planned_end: unit.planned_end,
        promotion,
        surge: worked.surge.clone(),
        expected_receipt: Some(decided.timing.expected_receipt),
        added_by_minimum: step(WaterfallCode::Moq).max(0.0),
        cut_by_budget: (-step(WaterfallCode::BudgetOrCapacity)).max(0.0),
        cut_by_capacity: (-step(WaterfallCode::CapacityCap)).max(0.0),
        usual_order: unit.usual_order.map(|(usual, n)| (unit.base(usual as f64), n)),
        health: unit.health,
        worst_finding: unit.worst_finding.clone(),
        phantom_stock: unit.phantom_stock.clone(),
        is_believed: unit.believed.is_some(),
        cold_break: unit.cold_break.as_ref().map(|cold| {
            let base = |units: Units| unit.base(units as f64);
            (cold.clone(), [base(cold.blocked), base(cold.shortened)])
        }),
        no_order_day: unit.warnings.iter().any(|warning| warning.starts_with("D18")),
        freshness_limit: freshness_limit(unit, decided),
        validation: worked.forecast.validation.as_ref().map(|validation| {
            let scaled = Validation {
                n_periods: validation.n_periods,
                demand: unit.base(validation.demand),
                absolute_error: unit.base(validation.absolute_error),
                window_errors: validation.window_errors.iter().map(|error| unit.base(*error)).collect(),
            };
            (scaled, unit.history.series.bucket.days())
        }),
    };
    let mut found = exceptions(&facts);
    if unit.made_to_order {
        // It has no stock that could run out, expire or be too much.
        use ExceptionCode::{DataBlocked, DemandDrop, DemandSpike, ForecastBias};
        found.retain(|found| matches!(found.code, DataBlocked | DemandDrop | DemandSpike | ForecastBias));
    }
    let short = -step(WaterfallCode::SourceShortage);
    if short > 0.0 {
        let source = &unit.lane.source;
        found.push(PlanException {
            code: ExceptionCode::SupplierShort,
            item_id: unit.item_id.clone(),
            location_id: unit.location_id.clone(),
            expected_money: money(outlook.with.expected_lost * unit.costs.stockout_cost * known),
            message: format!(
                "{source} cannot send {} of {} wanted",
                tidy(short, 2),
                tidy(unit.base(decided.ruled.quantity as f64), 2)
            ),
            message_zh: format!(
                "{source} 缺货：需要 {}，缺少 {}",
                tidy(unit.base(decided.ruled.quantity as f64), 2),
                tidy(short, 2)
            ),
            action: "buy directly, or wait for the sending location's own order".to_owned(),
            action_zh: "直接采购，或等待发货地点自己的补货".to_owned(),
        });
    }
    found
}

/// How far the target of an item that expires can be reached at all, from an empty shelf; `None` where it can.
///
/// The most that one order is worth having is what sells before it expires, in whole order multiples, or the smallest
/// order where even that is more. The target cannot be reached where such orders at every opportunity serve less, by two
/// percentage points (what demand paths cannot tell apart) or more, and waste cannot be avoided where the smallest order
/// is more than what sells.
fn freshness_limit(unit: &PlanningUnit, decided: &Decided) -> Option<FreshnessLimit> {
    const CLEARLY: f64 = 0.02;
    let shelf_life = unit.shelf_life?;
    let Objective::Service { target, .. } = unit.objective else { return None };
    if unit.made_to_order || unit.rules.do_not_order {
        return None;
    }
    let empty = Review { stock: StockState::default(), ..decided.review.clone() };
    let review_period = empty.review_period;
    let until_expiry = needs_after_arrival(&empty, |lead| lead + shelf_life);
    let served = needs_after_arrival(&empty, |lead| lead + review_period.min(shelf_life));
    let wanted = needs_after_arrival(&empty, |lead| lead + review_period);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    if mean(&wanted) <= 0.0 {
        return None;
    }
    let pack = unit.rules.order_multiple.max(1);
    let smallest = round_up(unit.rules.min_order.max(1), pack);
    let most = most_before_expiry(until_expiry.clone(), &empty) / pack * pack;
    let order = if most < smallest { 0 } else { most };
    let up_to = |values: &[f64], order: Units| {
        values.iter().map(|need| need.min(order as f64)).sum::<f64>() / values.len() as f64
    };
    let reachable = up_to(&served, order) / mean(&wanted);
    let too_large = sellable(until_expiry.clone()) < smallest;
    if !too_large && reachable > target - CLEARLY {
        return None;
    }
    let per_order = if order == 0 { 0 } else { order.min((mean(&served).ceil() as Units).max(smallest)) };
    Some(FreshnessLimit {
        smallest_order: unit.base(smallest as f64),
        sells: unit.base(mean(&until_expiry)),
        shelf_life_days: shelf_life,
        review_days: review_period,
        too_large,
        is_ordered: order > 0,
        waste: unit.base(per_order as f64 - up_to(&until_expiry, per_order)),
        lost: unit.base((target - reachable).max(0.0) * mean(&wanted)),
        reachable,
        target,
    })
}

/// A hash of everything the unit was planned from.
pub(crate) fn unit_hash(unit: &PlanningUnit) -> String {
    let mut hasher = blake3::Hasher::new();
    let series = &unit.history.series;
    let mut bytes: Vec<u8> = Vec::with_capacity(series.n_periods() * 18);
    for values in [&series.demand, &series.sales] {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes.extend(series.observations.iter().map(|observation| *observation as u8));
    for covariate in &series.covariates {
        bytes.extend(covariate.name.as_bytes());
        bytes.extend(covariate.values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes.extend(series.open_future.iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(unit.history.future_open_days().iter().map(|open| u8::from(*open)));
    hasher.update(&bytes);
    let rest = format!(
        "{:?}",
        (
            (&unit.item_id, &unit.location_id, unit.as_of, series.bucket, unit.decimals, series.first_period),
            (&unit.stock, unit.stock_known, &unit.open_orders, &unit.lane, &unit.rules),
            (unit.display_min, unit.safety_days, unit.shelf_life, unit.planned_end, &unit.promotions),
            (unit.price, unit.costs, unit.objective, &unit.policy, &unit.components),
        )
    );
    hasher.update(rest.as_bytes());
    if !unit.overrides.is_empty() || !unit.given.is_empty() {
        hasher.update(format!("{:?}{:?}", unit.overrides, unit.given).as_bytes());
    }
    format!("blake3:{}", &hasher.finalize().to_hex()[..32])
}

pub(crate) fn settings_hash(settings: &PlanSettings) -> String {
    let json = serde_json::to_vec(settings).expect("settings are plain data");
    format!("blake3:{}", &blake3::hash(&json).to_hex()[..32])
}
