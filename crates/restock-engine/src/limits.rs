//! Limits over several lines: supplier minimums, containers, budgets and capacities.
//!
//! # Sequence
//! 1. An order below its supplier's minimum value is raised while it gains as a whole (or because a need cannot wait);
//!    otherwise it waits for the next opportunity, because the supplier would not take it.
//! 2. Room in the last container is filled with packs that gain.
//! 3. Budgets and capacities cut packs with the smallest gain per unit of the limit; narrow scopes first.
//! 4. What a later cut leaves free of an earlier limit is taken up again by the packs that gain most.
//! 5. An order that a cut took below its supplier's minimum waits too, and what it leaves is shared out again.
//!
//! What a little more of a limit would bring is found by doing 3 to 5 again with a little more of it, all other limits
//! staying: between limits that hold one another back, the multiplier of one alone says too much.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::finding::{ExceptionCode, PlanException};
use restock_core::proposal::{Proposal, ProposalSource, WaterfallCode};
use restock_core::settings::PlanSettings;
use restock_core::{Day, Money, Units};
use restock_inventory::allocate::{
    AllocationLine, Container, FillResult, Limits, RaisableLine, allocate, fill_container, raise_to_minimum_value,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::batch::{Overrides, UnitPlan};
use crate::builder::Masters;
use crate::explanation::{AllocationData, money, tidy};
use crate::plan::ShadowPrice;
use crate::scenario::{LimitChanges, LimitKind};

/// What the limits did.
#[derive(Debug, Default)]
pub(crate) struct Limited {
    pub(crate) overrides: Overrides,
    pub(crate) shadow_prices: Vec<ShadowPrice>,
    /// Containers that leave half empty.
    pub(crate) exceptions: Vec<PlanException>,
}

/// A line that limits apply to.
#[derive(Clone)]
struct Line<'a> {
    proposal: &'a Proposal,
    data: &'a AllocationData,
    /// The order as the rules left it, units.
    ordered: Units,
    /// Bundles now.
    n_bundles: usize,
    /// Units added or taken by each of [`CHANGE_CODES`].
    changes: [Units; 3],
}

/// What changes a line here.
const CHANGE_CODES: [WaterfallCode; 3] =
    [WaterfallCode::SupplierMinimum, WaterfallCode::ContainerFill, WaterfallCode::BudgetOrCapacity];

impl Line<'_> {
    fn quantity_of(&self, n_bundles: usize) -> Units {
        let own = self.data.gains.len();
        if n_bundles <= own {
            (n_bundles as Units * self.data.bundle).min(self.ordered)
        } else {
            self.ordered + (n_bundles - own) as Units * self.data.bundle
        }
    }

    /// Fewest bundles that may be ordered, if any are.
    fn min_bundles(&self) -> usize {
        (self.data.min_order + self.data.bundle - 1).div_euclid(self.data.bundle) as usize
    }

    /// Bundles with the next ones that may be ordered.
    fn next(&self) -> usize {
        if self.n_bundles == 0 { self.min_bundles().max(1) } else { self.n_bundles + 1 }
    }

    fn quantity(&self) -> Units {
        self.quantity_of(self.n_bundles)
    }

    fn set(&mut self, n_bundles: usize, code: WaterfallCode) {
        let before = self.quantity();
        self.n_bundles = n_bundles;
        let change =
            CHANGE_CODES.iter().position(|known| *known == code).expect("limits change lines for these reasons");
        self.changes[change] += self.quantity() - before;
    }

    /// Gain of each bundle the line could have.
    fn all_gains(&self) -> impl Iterator<Item = f64> {
        self.data.gains.iter().chain(&self.data.extra_gains).copied()
    }

    /// Value of the line as the supplier counts it.
    fn value(&self) -> Money {
        match self.proposal.value {
            // The cost per unit is the proposal's own, so values are exact.
            Some(value) if self.ordered > 0 => value * Decimal::from(self.quantity()) / Decimal::from(self.ordered),
            _ => Decimal::try_from(self.data.cost_volume_weight[0] * self.quantity() as f64).unwrap_or_default(),
        }
    }

    fn raisable(&self) -> RaisableLine {
        let [cost, volume, weight] = self.data.cost_volume_weight;
        let bundle = self.data.bundle as f64;
        RaisableLine {
            packs: self.n_bundles as u32,
            gain: self.all_gains().take(self.n_bundles).sum(),
            extra_gains: self.all_gains().skip(self.n_bundles).collect(),
            pack_cost: cost * bundle,
            pack_volume: volume * bundle,
            pack_weight: weight * bundle,
        }
    }

    fn allocation_line(&self) -> AllocationLine {
        let [cost, volume, weight] = self.data.cost_volume_weight;
        let bundle = self.data.bundle as f64;
        AllocationLine {
            pack_gains: self.all_gains().take(self.n_bundles).collect(),
            min_packs: self.min_bundles() as u32,
            pack_cost: cost * bundle,
            pack_volume: volume * bundle,
            pack_weight: weight * bundle,
        }
    }
}

/// Applies all limits to the proposals of a plan. Of the dataset it reads the master tables, budgets and capacities.
/// What more of each limit would bring is left out where nobody asks for prices.
pub(crate) fn apply<'a>(
    units: impl Iterator<Item = &'a UnitPlan>,
    as_of: Day,
    dataset: &Dataset,
    settings: &PlanSettings,
    wants_prices: bool,
) -> Limited {
    let masters = Masters::of(dataset);
    let mut lines: Vec<Line<'_>> = units
        .filter_map(|unit| {
            let (proposal, data) = (unit.proposal.as_ref()?, unit.allocation.as_ref()?);
            let ordered = proposal.quantity.to_units(masters.decimals(&proposal.item_id))?;
            Some(Line { proposal, data, ordered, n_bundles: data.gains.len(), changes: [0; 3] })
        })
        .collect();
    let mut limited = Limited::default();
    if lines.is_empty() {
        return limited;
    }
    raise_to_minimums(&mut lines, masters);
    fill_containers(&mut lines, masters, &mut limited);

    let limits = shared_limits(dataset, settings, as_of);
    let scopes = Scopes::of(&limits, &lines, dataset);
    let before = lines.clone();
    let cuts = share_out(&mut lines, &limits, &scopes, masters);
    let with_more = |idx: usize, amount: f64| {
        let (mut lines, mut limits) = (before.clone(), limits.clone());
        limits[idx].amount += amount;
        share_out(&mut lines, &limits, &scopes, masters);
        net_gain(&lines)
    };
    let gain = net_gain(&lines);
    let priced = limits.par_iter().enumerate().map(|(idx, limit)| {
        let step = limit.step();
        let no_price = (step, 0.0);
        let wanted: f64 = scopes.lines_of[idx].iter().map(|line| limit.used_by(&before[*line])).sum();
        if !wants_prices || wanted <= limit.amount {
            return no_price;
        }
        // Where the next pack does not fit into a step, the question is what several steps bring.
        let steps = std::iter::successors(Some(step), |step| Some(step * 2.0)).take(MAX_DOUBLINGS);
        let mut found = steps.map(|amount| (amount, with_more(idx, amount) - gain));
        found.find(|(_, gain)| *gain > MIN_GAIN).unwrap_or(no_price)
    });
    let priced: Vec<(f64, f64)> = priced.collect();
    limited.shadow_prices.extend(limits.iter().zip(cuts).zip(priced).map(|((limit, cut), (step, step_gain))| {
        ShadowPrice {
            limit: limit.name(),
            allowed: limit.amount,
            used: tidy(cut.used, 2),
            price: tidy(step_gain / step, 6),
            step,
            step_gain: tidy(step_gain, 2),
            n_lines: cut.n_lines,
        }
    }));

    limited.exceptions = underfilled_containers(&lines, masters, settings);
    for line in &lines {
        let mut steps = Vec::new();
        for (change, code) in line.changes.iter().zip(CHANGE_CODES) {
            if *change != 0 {
                steps.push((code, *change));
            }
        }
        if !steps.is_empty() {
            limited.overrides.insert((line.proposal.item_id.clone(), line.proposal.destination.clone()), steps);
        }
    }
    limited
}

/// How often a step that brings nothing is doubled before more of a limit is taken to bring nothing.
const MAX_DOUBLINGS: usize = 6;

/// Currency below which a gain is a rounding error.
const MIN_GAIN: f64 = 1e-6;

/// What all lines gain over ordering nothing, currency.
fn net_gain(lines: &[Line<'_>]) -> f64 {
    lines.iter().map(|line| line.all_gains().take(line.n_bundles).sum::<f64>()).sum()
}

/// A limit that lines of a scope share.
#[derive(Clone, Debug)]
struct SharedLimit {
    kind: LimitKind,
    /// As [`in_scope`] reads it.
    scope: String,
    /// Currency, cubic metres, kilograms or lines.
    amount: f64,
    /// Limits of the same number are kept together: volume and weight of one capacity.
    group: usize,
}

impl SharedLimit {
    /// What a line uses of it.
    fn used_by(&self, line: &Line<'_>) -> f64 {
        let goods = |resource: usize| line.data.cost_volume_weight[resource] * line.quantity() as f64;
        match self.kind {
            LimitKind::Budget => goods(0),
            LimitKind::Volume => goods(1),
            LimitKind::Weight => goods(2),
            LimitKind::Lines | LimitKind::Containers => f64::from(u8::from(line.n_bundles > 0)),
        }
    }

    /// What a line needs of it to have `n_bundles`.
    fn needed_by(&self, line: &Line<'_>, n_bundles: usize) -> f64 {
        self.used_by(&Line { n_bundles, ..line.clone() }) - self.used_by(line)
    }

    fn name(&self) -> String {
        format!("{} {}", self.kind.name(), if self.scope.is_empty() { "all" } else { &self.scope })
    }

    /// A little more of it that people would ask for: one line, or a tenth of it in round numbers.
    fn step(&self) -> f64 {
        let least = match self.kind {
            LimitKind::Lines | LimitKind::Containers => return 1.0,
            LimitKind::Budget => 1.0,
            LimitKind::Volume | LimitKind::Weight => 0.1,
        };
        let tenth = (self.amount / 10.0).max(least);
        let power = 10_f64.powi(tenth.log10().floor() as i32);
        let round = [5.0, 2.0].into_iter().find(|digit| digit * power <= tenth).unwrap_or(1.0);
        // Powers below 1 are rounded, so that a step is written as it is meant.
        tidy(round * power, 6)
    }
}

/// What a limit did.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    used: f64,
    /// Lines that want more, which does not fit.
    n_lines: usize,
}

/// Which lines are under which limits.
struct Scopes {
    /// `[n_limits]`: lines of each.
    lines_of: Vec<Vec<usize>>,
    /// `[n_lines]`: limits of each.
    limits_of: Vec<Vec<usize>>,
}

impl Scopes {
    fn of(limits: &[SharedLimit], lines: &[Line<'_>], dataset: &Dataset) -> Self {
        let of_limit = |limit: &SharedLimit| {
            (0..lines.len()).filter(|idx| in_scope(&lines[*idx], &limit.scope, dataset)).collect()
        };
        let lines_of: Vec<Vec<usize>> = limits.iter().map(of_limit).collect();
        let mut limits_of = vec![Vec::new(); lines.len()];
        for (limit, members) in lines_of.iter().enumerate() {
            members.iter().for_each(|line| limits_of[*line].push(limit));
        }
        Self { lines_of, limits_of }
    }
}

/// Cuts lines to all limits. An order that falls below its supplier's minimum gets nothing, and what it would have used is
/// shared out again among the others, until every order that is left can be placed.
fn share_out(lines: &mut [Line<'_>], limits: &[SharedLimit], scopes: &Scopes, masters: Masters<'_>) -> Vec<Cut> {
    let before: Vec<(usize, [Units; 3])> = lines.iter().map(|line| (line.n_bundles, line.changes)).collect();
    let mut given_up: Vec<usize> = Vec::new();
    loop {
        let wanted: Vec<usize> = lines.iter().map(|line| line.n_bundles).collect();
        let mut first = 0;
        for group in limits.chunk_by(|a, b| a.group == b.group) {
            cut(lines, group, &scopes.lines_of[first]);
            first += group.len();
        }
        take_up(lines, limits, scopes, &wanted);
        let failing = least_order_below_minimum(lines, masters);
        if failing.is_empty() {
            let cut_of = |(limit, members): (&SharedLimit, &Vec<usize>)| {
                let used: f64 = members.iter().map(|idx| limit.used_by(&lines[*idx])).sum();
                let is_held_back = |idx: &&usize| {
                    let line = &lines[**idx];
                    line.n_bundles < wanted[**idx] && used + limit.needed_by(line, line.next()) > limit.amount + 1e-9
                };
                Cut { used, n_lines: members.iter().filter(is_held_back).count() }
            };
            return limits.iter().zip(&scopes.lines_of).map(cut_of).collect();
        }
        given_up.extend(failing);
        for (line, (n_bundles, changes)) in lines.iter_mut().zip(&before) {
            (line.n_bundles, line.changes) = (*n_bundles, *changes);
        }
        for idx in &given_up {
            lines[*idx].set(0, WaterfallCode::BudgetOrCapacity);
        }
    }
}

/// Bundles that a line may take up again.
struct Bundles {
    line: usize,
    to: usize,
    /// Gain per share of the limits that they use.
    worth: f64,
}

impl PartialEq for Bundles {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Bundles {}

impl PartialOrd for Bundles {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bundles {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth.total_cmp(&other.worth).then(other.line.cmp(&self.line))
    }
}

/// Lines that were cut take up what fits into all their limits, as far as they `wanted` it: cuts come one after another, so
/// a later one leaves room under an earlier one.
fn take_up(lines: &mut [Line<'_>], limits: &[SharedLimit], scopes: &Scopes, wanted: &[usize]) {
    let used = |(limit, members): (&SharedLimit, &Vec<usize>)| -> f64 {
        limit.amount - members.iter().map(|idx| limit.used_by(&lines[*idx])).sum::<f64>()
    };
    let mut free: Vec<f64> = limits.iter().zip(&scopes.lines_of).map(used).collect();
    let next = |lines: &[Line<'_>], line: usize| {
        let this = &lines[line];
        let to = this.next();
        let gain: f64 = this.all_gains().take(to).skip(this.n_bundles).sum();
        let share = |limit: &usize| limits[*limit].needed_by(this, to) / limits[*limit].amount.max(1e-9);
        let shares: f64 = scopes.limits_of[line].iter().map(share).sum();
        (to <= wanted[line] && gain > 0.0).then(|| Bundles { line, to, worth: gain / shares.max(1e-12) })
    };
    let mut waiting: BinaryHeap<Bundles> = (0..lines.len()).filter_map(|line| next(lines, line)).collect();
    while let Some(Bundles { line, to, .. }) = waiting.pop() {
        let of_line = &scopes.limits_of[line];
        let needs: Vec<f64> = of_line.iter().map(|limit| limits[*limit].needed_by(&lines[line], to)).collect();
        if of_line.iter().zip(&needs).any(|(limit, needed)| *needed > free[*limit] + 1e-9) {
            continue;
        }
        of_line.iter().zip(&needs).for_each(|(limit, needed)| free[*limit] -= needed);
        lines[line].set(to, WaterfallCode::BudgetOrCapacity);
        waiting.extend(next(lines, line));
    }
}

/// Budgets, narrow scopes first and the total last, then what may be received or carried. What a scenario changes stands
/// where the limit that it changes stood.
fn shared_limits(dataset: &Dataset, settings: &PlanSettings, as_of: Day) -> Vec<SharedLimit> {
    let mut changes = LimitChanges::of(settings);
    let rows = dataset.budgets.iter().filter(|row| holds_on(as_of, row.from, row.to));
    let rows = rows.filter_map(|row| Some((row.scope.as_str(), row.amount.to_f64()?)));
    let rows = rows.chain(settings.budget.map(|amount| ("all", amount)));
    let mut budgets: Vec<(String, f64)> = rows
        .filter_map(|(scope, amount)| Some((scope.to_owned(), changes.instead_of(LimitKind::Budget, scope, amount)?)))
        .collect();
    budgets.extend(changes.new_ones(LimitKind::Budget).map(|(scope, amount)| (scope.to_owned(), amount)));
    budgets.sort_by_key(|(scope, _)| scope == "all");
    let mut limits = Vec::new();
    let mut group = 0;
    let mut add = |scope: &str, amounts: &[(LimitKind, Option<f64>)]| {
        group += 1;
        let known = amounts.iter().filter_map(|(kind, amount)| Some((*kind, (*amount)?)));
        limits.extend(known.map(|(kind, amount)| SharedLimit {
            kind,
            scope: scope.to_owned(),
            amount: if kind == LimitKind::Lines { amount.trunc() } else { amount }.max(0.0),
            group,
        }));
    };
    for (scope, amount) in &budgets {
        add(scope, &[(LimitKind::Budget, Some(*amount))]);
    }
    for row in dataset.capacities.iter().filter(|row| holds_on(as_of, row.from, row.to)) {
        let mut of_row = |kind, amount: Option<f64>| {
            let amount = amount.filter(|amount| amount.is_finite());
            (kind, amount.and_then(|amount| changes.instead_of(kind, &row.scope, amount)))
        };
        let goods = [of_row(LimitKind::Volume, row.volume), of_row(LimitKind::Weight, row.weight)];
        let lines = of_row(LimitKind::Lines, row.lines.map(f64::from));
        add(&row.scope, &goods);
        add(&row.scope, &[lines]);
    }
    for kind in [LimitKind::Volume, LimitKind::Weight, LimitKind::Lines] {
        for (scope, amount) in changes.new_ones(kind) {
            add(scope, &[(kind, Some(amount))]);
        }
    }
    for (scope, amount) in changes.new_ones(LimitKind::Containers) {
        let supplier_id = scope.strip_prefix("supplier:").unwrap_or(scope);
        if let Some(Container { volume, weight }) = container_of(supplier_id, Masters::of(dataset)) {
            let of_all = |size: Option<f64>| size.map(|size| size * amount);
            add(scope, &[(LimitKind::Volume, of_all(volume)), (LimitKind::Weight, of_all(weight))]);
        }
    }
    limits
}

/// Whether a limit from a day to another, where it has them, holds on a day.
pub(crate) fn holds_on(day: Day, from: Option<Day>, to: Option<Day>) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}

/// Line indices of each order: supplier and order day.
fn by_order(lines: &[Line<'_>]) -> BTreeMap<(String, Day), Vec<usize>> {
    let mut orders: BTreeMap<(String, Day), Vec<usize>> = BTreeMap::new();
    for (idx, line) in lines.iter().enumerate() {
        if let ProposalSource::SupplierId(id) = &line.proposal.source {
            orders.entry((id.clone(), line.proposal.order_by)).or_default().push(idx);
        }
    }
    orders
}

fn raise_to_minimums(lines: &mut [Line<'_>], masters: Masters<'_>) {
    for ((supplier_id, _), members) in by_order(lines) {
        let minimum = masters.supplier(&supplier_id).and_then(|supplier| supplier.min_order_value);
        let Some(minimum) = minimum.filter(|minimum| *minimum > Decimal::ZERO) else { continue };
        let value = |lines: &[Line<'_>]| members.iter().map(|idx| lines[*idx].value()).sum::<Money>();
        // A bundle of many packs is worth a little less at the end of an order than the raise assumes, hence the rounds.
        let mut asked = minimum.to_f64().unwrap_or(0.0);
        for _ in 0..4 {
            if value(lines) >= minimum {
                break;
            }
            let raisable: Vec<RaisableLine> = members.iter().map(|idx| lines[*idx].raisable()).collect();
            let is_urgent = members.iter().any(|idx| lines[*idx].data.is_urgent);
            let fill = raise_to_minimum_value(&raisable, asked, is_urgent);
            for (idx, packs) in members.iter().zip(&fill.packs) {
                lines[*idx].set(*packs as usize, WaterfallCode::SupplierMinimum);
            }
            if matches!(fill.result, FillResult::Postponed | FillResult::OutOfReach) {
                break;
            }
            asked += (minimum - value(lines)).to_f64().unwrap_or(0.0).max(0.0) + 0.01;
        }
    }
    postpone_below_minimums(lines, masters);
}

/// Lines of the order below its supplier's minimum that gains least; empty when every order can be placed.
fn least_order_below_minimum(lines: &[Line<'_>], masters: Masters<'_>) -> Vec<usize> {
    let gain = |members: &[usize]| -> f64 {
        members.iter().map(|idx| lines[*idx].all_gains().take(lines[*idx].n_bundles).sum::<f64>()).sum()
    };
    by_order(lines)
        .into_iter()
        .filter(|((supplier_id, _), members)| {
            let minimum = masters.supplier(supplier_id).and_then(|supplier| supplier.min_order_value);
            let value: Money = members.iter().map(|idx| lines[*idx].value().round_dp(2)).sum();
            value > Decimal::ZERO && minimum.is_some_and(|minimum| value < minimum)
        })
        .map(|(_, members)| members)
        .min_by(|a, b| gain(a).total_cmp(&gain(b)))
        .unwrap_or_default()
}

/// Orders that stay below their supplier's minimum wait.
fn postpone_below_minimums(lines: &mut [Line<'_>], masters: Masters<'_>) {
    for ((supplier_id, _), members) in by_order(lines) {
        let minimum = masters.supplier(&supplier_id).and_then(|supplier| supplier.min_order_value);
        let Some(minimum) = minimum.filter(|minimum| *minimum > Decimal::ZERO) else { continue };
        let value: Money = members.iter().map(|idx| lines[*idx].value().round_dp(2)).sum();
        if value < minimum {
            for idx in members {
                lines[idx].set(0, WaterfallCode::SupplierMinimum);
            }
        }
    }
}

/// Line indices of each load that travels together: supplier, order day and destination.
fn by_load(lines: &[Line<'_>]) -> BTreeMap<(String, Day, String), Vec<usize>> {
    let mut loads: BTreeMap<(String, Day, String), Vec<usize>> = BTreeMap::new();
    for ((supplier_id, day), members) in by_order(lines) {
        for idx in members {
            let destination = lines[idx].proposal.destination.clone();
            loads.entry((supplier_id.clone(), day, destination)).or_default().push(idx);
        }
    }
    loads
}

/// The container of a supplier; `None` where nothing tells its size.
fn container_of(supplier_id: &str, masters: Masters<'_>) -> Option<Container> {
    let supplier = masters.supplier(supplier_id)?;
    let positive = |size: Option<f64>| size.filter(|size| size.is_finite() && *size > 1e-6);
    let container =
        Container { volume: positive(supplier.container_volume), weight: positive(supplier.container_weight) };
    (container.volume.is_some() || container.weight.is_some()).then_some(container)
}

/// Share of the containers of a load below which a planner looks whether more should go in.
const CONTAINER_FILL_MIN: f64 = 0.8;

/// Loads that leave much of their containers empty after all limits: the fill is the larger of the shares of volume and
/// of weight that are used. No table tells what a container costs, so the fixed cost of the order stands for it.
fn underfilled_containers(lines: &[Line<'_>], masters: Masters<'_>, settings: &PlanSettings) -> Vec<PlanException> {
    let mut found = Vec::new();
    for ((supplier_id, _, destination), members) in by_load(lines) {
        let Some(container) = container_of(&supplier_id, masters) else { continue };
        // Of one line, in containers: what it takes of the scarcer of volume and weight.
        let containers_of = |idx: usize| -> [f64; 2] {
            let line = &lines[idx];
            let used = |resource: usize| line.data.cost_volume_weight[resource] * line.quantity() as f64;
            [container.volume.map_or(0.0, |size| used(1) / size), container.weight.map_or(0.0, |size| used(2) / size)]
        };
        let load = members.iter().fold([0.0_f64; 2], |sum, idx| {
            let [volume, weight] = containers_of(*idx);
            [sum[0] + volume, sum[1] + weight]
        });
        let used = load[0].max(load[1]);
        let n_containers = (used - 1e-9).ceil().max(1.0);
        let fill = used / n_containers;
        if used <= 1e-9 || fill >= CONTAINER_FILL_MIN {
            continue;
        }
        let resource = usize::from(load[1] > load[0]);
        let largest = members
            .iter()
            .copied()
            .max_by(|a, b| containers_of(*a)[resource].total_cmp(&containers_of(*b)[resource]).then(b.cmp(a)))
            .expect("a load has lines");
        let percent = format!("{:.0} %", fill * 100.0);
        let (what, what_zh) = if n_containers > 1.5 {
            (format!("{n_containers:.0} containers"), format!("{n_containers:.0} 个货柜"))
        } else {
            ("a container".to_owned(), "一个货柜".to_owned())
        };
        let measure = [("volume", "体积"), ("weight", "重量")][resource];
        found.push(PlanException {
            code: ExceptionCode::ContainerUnderfilled,
            item_id: lines[largest].proposal.item_id.clone(),
            location_id: destination.clone(),
            expected_money: money(settings.order_cost * (1.0 - fill)),
            message: format!(
                "the order to {supplier_id} fills {percent} of {what} by {}, most of it this item",
                measure.0
            ),
            message_zh: format!("给 {supplier_id} 的订单按{}装满{what_zh}的 {percent}，其中此商品最多", measure.1),
            action: "add what sells on in any case, wait for the next order, or ask for a smaller vehicle".to_owned(),
            action_zh: "加订必然能售出的商品、并入下次订单，或改用较小的车辆".to_owned(),
        });
    }
    found
}

fn fill_containers(lines: &mut [Line<'_>], masters: Masters<'_>, limited: &mut Limited) {
    for ((supplier_id, _, destination), members) in by_load(lines) {
        let Some(container) = container_of(&supplier_id, masters) else { continue };
        let raisable: Vec<RaisableLine> = members.iter().map(|idx| lines[*idx].raisable()).collect();
        let fill = fill_container(&raisable, &container, false);
        if fill.result != FillResult::Raised {
            continue;
        }
        let mut n_lines = 0;
        for (idx, packs) in members.iter().zip(&fill.packs) {
            n_lines += usize::from(lines[*idx].n_bundles != *packs as usize);
            lines[*idx].set(*packs as usize, WaterfallCode::ContainerFill);
        }
        let used = |resource: usize| -> f64 {
            members
                .iter()
                .map(|idx| lines[*idx].data.cost_volume_weight[resource] * lines[*idx].quantity() as f64)
                .sum()
        };
        let (allowed, used) = match (container.volume, container.weight) {
            (Some(volume), _) => (volume, used(1)),
            (None, weight) => (weight.unwrap_or(0.0), used(2)),
        };
        limited.shadow_prices.push(ShadowPrice {
            limit: format!("container supplier:{supplier_id} location:{destination}"),
            allowed: (used / allowed).ceil().max(1.0) * allowed,
            used: tidy(used, 4),
            price: 0.0,
            step: 0.0,
            step_gain: 0.0,
            n_lines,
        });
    }
}

/// Whether a scope (`all`, `supplier:ID`, `location:ID`, `category:PATH`) holds a line.
fn in_scope(line: &Line<'_>, scope: &str, dataset: &Dataset) -> bool {
    match scope.split_once(':') {
        None => scope.is_empty() || scope.eq_ignore_ascii_case("all"),
        Some(("supplier", id)) => line.proposal.source == ProposalSource::SupplierId(id.to_owned()),
        Some(("location", id)) => line.proposal.destination == id,
        Some(("category", path)) => {
            let item = dataset.items.binary_search_by(|item| item.item_id.cmp(&line.proposal.item_id));
            item.is_ok_and(|idx| {
                let rest = dataset.items[idx].category.strip_prefix(path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        }
        Some(_) => false,
    }
}

/// Cuts lines to a budget, to a number of lines, or to a volume and weight of one scope.
fn cut(lines: &mut [Line<'_>], limits: &[SharedLimit], members: &[usize]) {
    let members: Vec<usize> = members.iter().copied().filter(|idx| lines[*idx].n_bundles > 0).collect();
    let used = |limit: &SharedLimit| members.iter().map(|idx| limit.used_by(&lines[*idx])).sum::<f64>();
    if limits.iter().all(|limit| used(limit) <= limit.amount + 1e-9) {
        return;
    }
    let amount_of = |kind| limits.iter().find(|limit| limit.kind == kind).map(|limit| limit.amount);
    if let Some(n_lines) = amount_of(LimitKind::Lines) {
        return keep_best(lines, members, n_lines as usize);
    }
    let allocation_lines: Vec<AllocationLine> = members.iter().map(|idx| lines[*idx].allocation_line()).collect();
    let limits = Limits {
        budget: amount_of(LimitKind::Budget),
        volume: amount_of(LimitKind::Volume),
        weight: amount_of(LimitKind::Weight),
    };
    let allocation = allocate(&allocation_lines, &limits);
    for (idx, packs) in members.iter().zip(&allocation.packs) {
        lines[*idx].set(*packs as usize, WaterfallCode::BudgetOrCapacity);
    }
}

/// Keeps the lines that gain most.
fn keep_best(lines: &mut [Line<'_>], mut members: Vec<usize>, n_lines: usize) {
    let gain = |idx: usize| lines[idx].all_gains().take(lines[idx].n_bundles).sum::<f64>();
    members.sort_by(|a, b| gain(*b).total_cmp(&gain(*a)).then(a.cmp(b)));
    for idx in members.into_iter().skip(n_lines) {
        lines[idx].set(0, WaterfallCode::BudgetOrCapacity);
    }
}
