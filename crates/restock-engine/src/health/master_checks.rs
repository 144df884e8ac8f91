//! Checks over items, prices, promotions and references: D15, D20, D21, D24, D25.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;
use restock_core::quantity::Money;
use restock_core::{Day, Finding, FindingCode, ItemIdx, LocationIdx, RowRef, Severity};
use rust_decimal::prelude::ToPrimitive;

use super::facts::Facts;
use super::finding;

pub(super) const OVER_ALL: &[fn(&Facts<'_>) -> Vec<Finding>] = &[
    d15_cost_and_price,
    d20_unknown_references,
    d21_dates_inconsistent,
    d24_category_of_one,
    d25_promotion_without_price,
];

fn as_f64(money: Money) -> f64 {
    money.to_f64().unwrap_or(f64::NAN)
}

/// The regular selling price per item: the item's own price, its newest price row, or the median paid outside
/// promotions in the last half year, or the last one paid before. A clearance or promotion price must not look like a
/// loss.
fn regular_prices(facts: &Facts<'_>) -> HashMap<ItemIdx, f64> {
    let dataset = facts.dataset;
    let mut prices: HashMap<ItemIdx, f64> = HashMap::new();
    if !dataset.sales.unit_price.is_empty() {
        let recent = facts.as_of.plus(-182);
        // Pairs are sorted by item, so the pairs of an item are neighbours.
        let paid: Vec<(ItemIdx, Vec<f32>)> = facts
            .pairs
            .par_chunk_by(|a, b| a.item == b.item)
            .map(|pairs| {
                let sales = &dataset.sales;
                let regular = || {
                    pairs.iter().flat_map(|pair| pair.sales.clone()).filter(|row| {
                        sales.day[*row] < facts.as_of
                            && sales.quantity[*row].micro() > 0
                            && !sales.unit_price[*row].is_nan()
                            && sales.on_promotion.get(*row).is_none_or(|flag| *flag == 0)
                    })
                };
                let mut paid: Vec<f32> =
                    regular().filter(|row| sales.day[*row] >= recent).map(|row| sales.unit_price[row]).collect();
                if paid.is_empty() {
                    paid.extend(regular().max_by_key(|row| sales.day[*row]).map(|row| sales.unit_price[row]));
                }
                (pairs[0].item, paid)
            })
            .collect();
        for (item, mut paid) in paid {
            if !paid.is_empty() {
                let middle = paid.len() / 2;
                let (_, price, _) = paid.select_nth_unstable_by(middle, f32::total_cmp);
                prices.insert(item, f64::from(*price));
            }
        }
    }
    let mut newest: HashMap<ItemIdx, (Day, f64)> = HashMap::new();
    for row in dataset.prices.iter().filter(|row| row.from <= facts.as_of) {
        let entry = newest.entry(row.item).or_insert((row.from, as_f64(row.price)));
        if row.from >= entry.0 {
            *entry = (row.from, as_f64(row.price));
        }
    }
    prices.extend(newest.into_iter().map(|(item, (_, price))| (item, price)));
    for (idx, item) in dataset.items.iter().enumerate() {
        if let Some(price) = item.price {
            prices.insert(ItemIdx(idx as u32), as_f64(price));
        }
    }
    prices
}

/// D15: some items have a cost or price and others do not, a price or cost is zero or negative, or the regular price is
/// below the cost. Where no item has one at all, that is a missing table and not a finding.
fn d15_cost_and_price(facts: &Facts<'_>) -> Vec<Finding> {
    let dataset = facts.dataset;
    let prices = regular_prices(facts);
    let mut costs: HashMap<ItemIdx, f64> = HashMap::new();
    let receipts = dataset.receipts.iter().filter_map(|row| Some((row.item, row.unit_cost?)));
    let lanes = facts.pairs.iter().filter_map(|pair| Some((pair.item, facts.lane(pair)?.unit_cost?)));
    let items = dataset.items.iter().enumerate().filter_map(|(idx, item)| Some((ItemIdx(idx as u32), item.unit_cost?)));
    // Later sources win: what the item says is the word of the house.
    costs.extend(receipts.chain(lanes).chain(items).map(|(item, cost)| (item, as_f64(cost))));

    let planned: BTreeSet<ItemIdx> =
        facts.pairs.iter().filter(|pair| facts.is_listed(pair, facts.as_of)).map(|pair| pair.item).collect();
    let mut findings = Vec::new();
    // What is made costs what it is made of, and what is only used has no price.
    let sold: BTreeSet<ItemIdx> =
        facts.pairs.iter().filter(|pair| !pair.sales.is_empty()).map(|pair| pair.item).collect();
    let used: HashSet<ItemIdx> = facts.recipes.items();
    let follows = |item: &ItemIdx, what: &str| match what {
        "price" => used.contains(item) && !sold.contains(item),
        _ => !facts.recipes.components(*item).is_empty(),
    };
    for (known, what, what_zh) in [(&costs, "unit cost", "成本"), (&prices, "price", "售价")] {
        let missing: Vec<ItemIdx> =
            planned.iter().copied().filter(|item| !known.contains_key(item) && !follows(item, what)).collect();
        if known.is_empty() || missing.is_empty() {
            continue;
        }
        // One finding per item while a planner can read them, one in all beyond that.
        if missing.len() > 200 {
            let (n_missing, n_items) = (missing.len(), planned.len());
            findings.push(
                finding(
                    FindingCode::D15,
                    Severity::Info,
                    [
                        format!("{n_missing} of {n_items} items have no {what}; an assumed margin is used for them"),
                        format!("{n_items} 个商品中有 {n_missing} 个缺少{what_zh}，将使用假定毛利"),
                    ],
                    ["complete the column in items", "请补全 items 表中的该列"],
                )
                .no_rows(),
            );
            continue;
        }
        for item in missing {
            findings.push(
                finding(
                    FindingCode::D15,
                    Severity::Warning,
                    [
                        format!("no {what}, although other items have one; an assumed margin is used"),
                        format!("缺少{what_zh}（其他商品已有），将使用假定毛利"),
                    ],
                    ["complete the column in items", "请补全 items 表中的该列"],
                )
                .about_item(facts, item)
                .no_rows(),
            );
        }
    }
    for item in &planned {
        let (cost, price) = (costs.get(item).copied(), prices.get(item).copied());
        let (severity, message) = match (cost, price) {
            (Some(cost), _) if cost < 0.0 => {
                (Severity::Error, [format!("unit cost {cost} is negative"), format!("成本 {cost} 为负")])
            }
            (_, Some(price)) if price <= 0.0 => {
                (Severity::Warning, [format!("price is {price}"), format!("售价为 {price}")])
            }
            (Some(cost), Some(price)) if price < cost => (
                Severity::Warning,
                [
                    format!(
                        "regular price {price:.2} is below the unit cost {cost:.2}: every sale loses {:.2}",
                        cost - price
                    ),
                    format!("正常售价 {price:.2} 低于成本 {cost:.2}，每售一件亏损 {:.2}", cost - price),
                ],
            ),
            _ => continue,
        };
        findings.push(
            finding(
                FindingCode::D15,
                severity,
                message,
                [
                    "check the unit of cost and price (piece or case), and correct them",
                    "请核对成本与售价的单位（件或箱）并更正",
                ],
            )
            .about_item(facts, *item)
            .no_rows(),
        );
    }
    findings
}

/// D20: names that point to nothing: calendars, parents, successors, scopes of budgets and capacities.
fn d20_unknown_references(facts: &Facts<'_>) -> Vec<Finding> {
    let dataset = facts.dataset;
    let calendars = facts.calendar_ids();
    let items: HashSet<&str> = dataset.items.iter().map(|item| item.item_id.as_str()).collect();
    let locations: HashSet<&str> = dataset.locations.iter().map(|location| location.location_id.as_str()).collect();
    let suppliers: HashSet<&str> = dataset.suppliers.iter().map(|supplier| supplier.supplier_id.as_str()).collect();
    // (where, what kind, the name) -> rows
    let mut unknown: BTreeMap<(String, &str, &str), Vec<RowRef>> = BTreeMap::new();
    let mut miss = |place: String, kind: &'static str, name, row: Option<RowRef>| {
        unknown.entry((place, kind, name)).or_default().extend(row);
    };
    for location in &dataset.locations {
        let place = || format!("location {}", location.location_id);
        if let Some(id) = location.calendar.as_deref().filter(|id| !calendars.contains(id)) {
            miss(place(), "calendar", id, None);
        }
        if let Some(id) = location.parent_id.as_deref().filter(|id| !locations.contains(id)) {
            miss(place(), "location", id, None);
        }
    }
    for supplier in &dataset.suppliers {
        if let Some(id) = supplier.holidays_calendar.as_deref().filter(|id| !calendars.contains(id)) {
            miss(format!("supplier {}", supplier.supplier_id), "calendar", id, None);
        }
    }
    for item in &dataset.items {
        if let Some(id) = item.successor_id.as_deref().filter(|id| !items.contains(id)) {
            miss(format!("item {}", item.item_id), "item", id, None);
        }
    }
    for lane in &dataset.sources {
        if let Some(id) = lane.review_calendar.as_deref().filter(|id| !calendars.contains(id)) {
            miss("sources".to_owned(), "calendar", id, Some(lane.row));
        }
    }
    let scopes = dataset.budgets.iter().map(|row| ("budgets", row.scope.as_str(), row.row));
    let scopes = scopes.chain(dataset.capacities.iter().map(|row| ("capacities", row.scope.as_str(), row.row)));
    for (table, scope, row) in scopes {
        let (kind, known) = match scope.split_once(':') {
            Some(("supplier", id)) => ("supplier", suppliers.contains(id)),
            Some(("location", id)) => ("location", locations.contains(id)),
            _ => continue,
        };
        if !known {
            miss(table.to_owned(), kind, scope, Some(row));
        }
    }
    let mut findings = orphans(facts);
    findings.extend(unknown.into_iter().map(|((place, kind, name), rows)| {
        finding(
            FindingCode::D20,
            Severity::Warning,
            [
                format!("{place} names {kind} {name:?}, which no table holds"),
                format!("{} 引用了不存在的{} {name:?}", place_zh(&place), kind_zh(kind)),
            ],
            ["add it to its table or correct the name", "请在对应表中补充，或更正名称"],
        )
        .rows(rows)
    }));
    findings
}

/// `location S01` and the like in Chinese; names of tables stay.
fn place_zh(place: &str) -> String {
    match place.split_once(' ') {
        Some((kind, id)) => format!("{} {id}", kind_zh(kind)),
        None => place.to_owned(),
    }
}

/// What an id names, in Chinese.
fn kind_zh(kind: &str) -> &'static str {
    match kind {
        "item" => "商品",
        "location" => "地点",
        "supplier" => "供应商",
        _ => "日历",
    }
}

/// D20 as the reader saw it: ids that a table uses and the table that defines them does not hold.
fn orphans(facts: &Facts<'_>) -> Vec<Finding> {
    let mut by_kind: BTreeMap<&str, Vec<&restock_core::dataset::OrphanKey>> = BTreeMap::new();
    for orphan in &facts.dataset.facts.orphans {
        by_kind.entry(orphan.kind).or_default().push(orphan);
    }
    by_kind
        .into_iter()
        .map(|(kind, orphans)| {
            let n_ids = orphans.len();
            let names: Vec<&str> = orphans.iter().take(5).map(|orphan| orphan.id.as_str()).collect();
            let more = if n_ids > names.len() { ", ..." } else { "" };
            let names = names.join(", ");
            finding(
                FindingCode::D20,
                Severity::Warning,
                [
                    format!("{n_ids} {kind} ids are used but not in the table that defines them: {names}{more}"),
                    format!("{n_ids} 个{}编码未在定义表中出现：{names}{more}", kind_zh(kind)),
                ],
                ["add them to the table or correct the ids", "请在定义表中补充，或更正编码"],
            )
            .rows(orphans.iter().map(|orphan| orphan.row))
        })
        .collect()
}

/// D21: spans that end before they begin, sales before the launch, and stock of an item that is not launched yet is
/// fine (it arrives first) but a launch after the end is not.
fn d21_dates_inconsistent(facts: &Facts<'_>) -> Vec<Finding> {
    let dataset = facts.dataset;
    let mut findings = Vec::new();
    let fix = ["swap or correct the dates", "请更正或对调日期"];
    for (idx, item) in dataset.items.iter().enumerate() {
        if let (Some(launch), Some(end)) = (item.launch, item.end)
            && end < launch
        {
            findings.push(
                finding(
                    FindingCode::D21,
                    Severity::Error,
                    [format!("ends {end}, before its launch {launch}"), format!("退市 {end} 早于上市 {launch}")],
                    fix,
                )
                .about_item(facts, ItemIdx(idx as u32))
                .no_rows(),
            );
        }
    }
    for row in &dataset.item_locations {
        if let (Some(from), Some(to)) = (row.listed_from, row.listed_to)
            && to < from
        {
            findings.push(
                finding(
                    FindingCode::D21,
                    Severity::Error,
                    [format!("listed until {to}, from {from}"), format!("下架 {to} 早于上架 {from}")],
                    fix,
                )
                .about(facts, row.item, row.location)
                .rows([row.row]),
            );
        }
    }
    let spans = (dataset.sources.iter())
        .filter_map(|row| Some(("sources", row.effective_from?, row.effective_to?, row.row)))
        .chain(dataset.prices.iter().filter_map(|row| Some(("prices", row.from, row.to?, row.row))))
        .chain(dataset.promotions.iter().map(|row| ("promotions", row.from, row.to, row.row)))
        .chain(dataset.stockouts.iter().map(|row| ("stockouts", row.from, row.to, row.row)));
    let mut backwards: BTreeMap<&str, Vec<RowRef>> = BTreeMap::new();
    for (table, from, to, row) in spans {
        if to < from {
            backwards.entry(table).or_default().push(row);
        }
    }
    for (table, rows) in backwards {
        let n_rows = rows.len();
        findings.push(
            finding(
                FindingCode::D21,
                Severity::Warning,
                [
                    format!("{n_rows} rows of {table} end before they begin"),
                    format!("{table} 有 {n_rows} 行结束早于开始"),
                ],
                fix,
            )
            .rows(rows),
        );
    }
    findings
}

/// D24: a category with one item, in data whose other categories are larger. Only an info: some categories are small.
fn d24_category_of_one(facts: &Facts<'_>) -> Vec<Finding> {
    let mut members: BTreeMap<&str, Vec<ItemIdx>> = BTreeMap::new();
    for (idx, item) in facts.dataset.items.iter().enumerate() {
        if !item.category.is_empty() {
            members.entry(&item.category).or_default().push(ItemIdx(idx as u32));
        }
    }
    let n_larger = members.values().filter(|items| items.len() >= 2).count();
    let single: Vec<(&str, ItemIdx)> =
        members.iter().filter(|(_, items)| items.len() == 1).map(|(category, items)| (*category, items[0])).collect();
    // Where most categories hold one item, categories are simply fine-grained.
    if n_larger < 2 || single.len() > n_larger {
        return Vec::new();
    }
    single
        .into_iter()
        .map(|(category, item)| {
            finding(
                FindingCode::D24,
                Severity::Info,
                [
                    format!("the only item of category {category:?}: a typo, or no siblings to learn from"),
                    format!("类别 {category:?} 只有这一个商品：可能拼写有误，或没有同类可借鉴"),
                ],
                ["correct the category if it is a typo", "若为拼写错误请更正类别"],
            )
            .about_item(facts, item)
            .no_rows()
        })
        .collect()
}

/// D25: promotions without a depth, a price row, or a price paid while they ran: their effect cannot be told from their
/// size. Future promotions need a depth or a price row.
fn d25_promotion_without_price(facts: &Facts<'_>) -> Vec<Finding> {
    let dataset = facts.dataset;
    let mut priced: HashMap<ItemIdx, Vec<(Option<LocationIdx>, Day, Day)>> = HashMap::new();
    for row in &dataset.prices {
        priced.entry(row.item).or_default().push((row.location, row.from, row.to.unwrap_or(Day(i32::MAX))));
    }
    let prices_paid = !dataset.sales.unit_price.is_empty() || !dataset.sales.price_ratio.is_empty();
    let mut unpriced: Vec<(usize, RowRef)> = Vec::new();
    for (idx, row) in dataset.promotions.iter().enumerate() {
        if row.depth.is_some() || row.expected_uplift.is_some() {
            continue;
        }
        let Some(item) = row.item else {
            // A promotion of everything has no single price.
            continue;
        };
        // A price that starts within the promotion is its price; one that has run for long is the regular one.
        let has_price_row = priced.get(&item).is_some_and(|rows| {
            rows.iter().any(|(location, from, to)| {
                (location.is_none() || row.location.is_none() || *location == row.location)
                    && *from <= row.to
                    && row.from <= *to
            })
        });
        let price_was_paid = prices_paid && row.from < facts.as_of;
        if !has_price_row && !price_was_paid {
            unpriced.push((idx, row.row));
        }
    }
    if unpriced.is_empty() {
        return Vec::new();
    }
    let n_rows = unpriced.len();
    let n_future = unpriced.iter().filter(|(idx, _)| dataset.promotions[*idx].to >= facts.as_of).count();
    vec![
        finding(
            FindingCode::D25,
            if n_future > 0 { Severity::Warning } else { Severity::Info },
            [
                format!("{n_rows} promotions have neither depth nor price, {n_future} of them still to come"),
                format!("{n_rows} 个促销既无折扣也无价格，其中 {n_future} 个尚未结束"),
            ],
            ["give depth in promotions or the price in prices", "请在 promotions 中填写 depth，或在 prices 中填写价格"],
        )
        .rows(unpriced.into_iter().map(|(_, row)| row)),
    ]
}
