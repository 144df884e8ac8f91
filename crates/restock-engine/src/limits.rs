//! Limits over several lines: supplier minimums, containers, budgets and capacities.
//!
//! # Sequence
//! 1. An order below its supplier's minimum value is raised while it gains as a whole (or because a need cannot wait);
//!    otherwise it waits for the next opportunity, because the supplier would not take it.
//! 2. Room in the last container is filled with packs that gain.
//! 3. Budgets and capacities cut packs with the smallest gain per unit of the limit; narrow scopes first.
//! 4. An order that a cut took below its supplier's minimum waits too, and what it leaves is shared out again.

use std::collections::BTreeMap;

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
            min_packs: (self.data.min_order + self.data.bundle - 1).div_euclid(self.data.bundle) as u32,
            pack_cost: cost * bundle,
            pack_volume: volume * bundle,
            pack_weight: weight * bundle,
        }
    }
}

/// Applies all limits to the proposals of a plan. Of the dataset it reads the master tables, budgets and capacities.
pub(crate) fn apply<'a>(
    units: impl Iterator<Item = &'a UnitPlan>,
    as_of: Day,
    dataset: &Dataset,
    settings: &PlanSettings,
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

    // Narrow scopes first, the total last.
    let changes = LimitChanges::of(settings);
    let rows = dataset.budgets.iter().filter(|row| holds_on(as_of, row.from, row.to));
    let rows = rows.filter_map(|row| Some((row.scope.as_str(), row.amount.to_f64()?)));
    let rows = rows.chain(settings.budget.map(|amount| ("all", amount)));
    let mut budgets: Vec<(&str, f64)> = rows.filter(|(scope, _)| !changes.has(LimitKind::Budget, scope)).collect();
    budgets.extend(changes.of_kind(LimitKind::Budget));
    budgets.sort_by_key(|(scope, _)| *scope == "all");
    let capacities = capacities_of(dataset, &changes, as_of);
    // A cut may take an order below its supplier's minimum. The supplier then gets nothing, and what the order would have
    // used is shared out again among the others, until every order that is left can be placed.
    let before: Vec<(usize, [Units; 3])> = lines.iter().map(|line| (line.n_bundles, line.changes)).collect();
    let n_shadow_prices = limited.shadow_prices.len();
    let mut given_up: Vec<usize> = Vec::new();
    loop {
        for (scope, amount) in &budgets {
            let limits = Limits { budget: Some(f64::max(*amount, 0.0)), ..Limits::default() };
            cut(&mut lines, scope, &limits, dataset, &mut limited);
        }
        for Capacity { scope, limits, n_lines } in &capacities {
            if limits.volume.is_some() || limits.weight.is_some() {
                cut(&mut lines, scope, limits, dataset, &mut limited);
            }
            if let Some(n_lines) = n_lines {
                cut_lines(&mut lines, scope, *n_lines, dataset, &mut limited);
            }
        }
        let failing = least_order_below_minimum(&lines, masters);
        if failing.is_empty() {
            break;
        }
        given_up.extend(failing);
        for (line, (n_bundles, changes)) in lines.iter_mut().zip(&before) {
            (line.n_bundles, line.changes) = (*n_bundles, *changes);
        }
        for idx in &given_up {
            lines[*idx].set(0, WaterfallCode::BudgetOrCapacity);
        }
        limited.shadow_prices.truncate(n_shadow_prices);
    }

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

/// Whether a limit from a day to another, where it has them, holds on a day.
fn holds_on(day: Day, from: Option<Day>, to: Option<Day>) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}

/// What may be received or carried over a scope.
struct Capacity {
    scope: String,
    limits: Limits,
    n_lines: Option<usize>,
}

/// Capacities of the day, with what a scenario changes.
fn capacities_of(dataset: &Dataset, changes: &LimitChanges, as_of: Day) -> Vec<Capacity> {
    let rows = dataset.capacities.iter().filter(|row| holds_on(as_of, row.from, row.to));
    let of_row = |row: &restock_core::dataset::CapacityRow| {
        let amount = |amount: Option<f64>, kind| {
            let amount = amount.filter(|amount| amount.is_finite() && !changes.has(kind, &row.scope));
            amount.map(|amount| amount.max(0.0))
        };
        let limits = Limits {
            volume: amount(row.volume, LimitKind::Volume),
            weight: amount(row.weight, LimitKind::Weight),
            budget: None,
        };
        let n_lines = row.lines.filter(|_| !changes.has(LimitKind::Lines, &row.scope)).map(|n| n as usize);
        Capacity { scope: row.scope.clone(), limits, n_lines }
    };
    let mut capacities: Vec<Capacity> = rows.map(of_row).collect();
    let mut add = |scope: &str, limits, n_lines| capacities.push(Capacity { scope: scope.to_owned(), limits, n_lines });
    for (scope, amount) in changes.of_kind(LimitKind::Volume) {
        add(scope, Limits { volume: Some(amount), ..Limits::default() }, None);
    }
    for (scope, amount) in changes.of_kind(LimitKind::Weight) {
        add(scope, Limits { weight: Some(amount), ..Limits::default() }, None);
    }
    for (scope, amount) in changes.of_kind(LimitKind::Lines) {
        add(scope, Limits::default(), Some(amount as usize));
    }
    for (scope, amount) in changes.of_kind(LimitKind::Containers) {
        let supplier_id = scope.strip_prefix("supplier:").unwrap_or(scope);
        if let Some(Container { volume, weight }) = container_of(supplier_id, Masters::of(dataset)) {
            let of_all = |size: Option<f64>| size.map(|size| size * amount);
            add(scope, Limits { volume: of_all(volume), weight: of_all(weight), budget: None }, None);
        }
    }
    capacities
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

/// Cuts lines to a budget, volume or weight.
fn cut(lines: &mut [Line<'_>], scope: &str, limits: &Limits, dataset: &Dataset, limited: &mut Limited) {
    let members: Vec<usize> =
        (0..lines.len()).filter(|idx| lines[*idx].n_bundles > 0 && in_scope(&lines[*idx], scope, dataset)).collect();
    let used = |lines: &[Line<'_>], resource: usize| -> f64 {
        members.iter().map(|idx| lines[*idx].data.cost_volume_weight[resource] * lines[*idx].quantity() as f64).sum()
    };
    let limit_of = [limits.budget, limits.volume, limits.weight];
    let fits = (0..3).all(|idx| limit_of[idx].is_none_or(|limit| used(lines, idx) <= limit + 1e-9));
    let mut shadow = [0.0; 3];
    let mut n_lines = 0;
    if !fits {
        let allocation_lines: Vec<AllocationLine> = members.iter().map(|idx| lines[*idx].allocation_line()).collect();
        let allocation = allocate(&allocation_lines, limits);
        for (idx, packs) in members.iter().zip(&allocation.packs) {
            n_lines += usize::from((*packs as usize) < lines[*idx].n_bundles);
            lines[*idx].set(*packs as usize, WaterfallCode::BudgetOrCapacity);
        }
        let prices = allocation.shadow_prices;
        shadow = [prices.budget, prices.volume, prices.weight];
    }
    for (idx, name) in ["budget", "volume", "weight"].iter().enumerate() {
        if let Some(allowed) = limit_of[idx] {
            limited.shadow_prices.push(ShadowPrice {
                limit: format!("{name} {}", if scope.is_empty() { "all" } else { scope }),
                allowed,
                used: tidy(used(lines, idx), 2),
                price: tidy(shadow[idx], 6),
                n_lines,
            });
        }
    }
}

/// Keeps the `n_lines` lines that gain most.
fn cut_lines(lines: &mut [Line<'_>], scope: &str, n_lines: usize, dataset: &Dataset, limited: &mut Limited) {
    let mut members: Vec<usize> =
        (0..lines.len()).filter(|idx| lines[*idx].n_bundles > 0 && in_scope(&lines[*idx], scope, dataset)).collect();
    let n_wanted = members.len();
    let gain = |idx: usize| lines[idx].all_gains().take(lines[idx].n_bundles).sum::<f64>();
    members.sort_by(|a, b| gain(*b).total_cmp(&gain(*a)).then(a.cmp(b)));
    let price = members.get(n_lines).map_or(0.0, |idx| gain(*idx).max(0.0));
    for idx in members.into_iter().skip(n_lines) {
        lines[idx].set(0, WaterfallCode::BudgetOrCapacity);
    }
    limited.shadow_prices.push(ShadowPrice {
        limit: format!("lines {scope}"),
        allowed: n_lines as f64,
        used: n_wanted.min(n_lines) as f64,
        price: tidy(price, 2),
        n_lines: n_wanted.saturating_sub(n_lines),
    });
}
