//! Checks over stock and open orders: D01, D02, D06, D11.

use std::collections::BTreeMap;

use restock_core::dataset::OpenOrderRow;
use restock_core::{Finding, FindingCode, ItemIdx, LocationIdx, RowRef, Severity};

use super::facts::{Facts, Pair};
use super::finding;

pub(super) const OVER_ALL: &[fn(&Facts<'_>) -> Vec<Finding>] =
    &[d01_negative_stock, d02_above_capacity, d02_above_volume, d06_stale_stock, d11_overdue_orders];

/// D01: stock below zero. In the newest count it is an error, because the order would fill a hole that is not there;
/// in older counts of a ledger it is a warning.
fn d01_negative_stock(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pair in &facts.pairs {
        let negative: Vec<_> = facts.inventory(pair).filter(|row| row.on_hand.micro() < 0).collect();
        let Some(lowest) = negative.iter().map(|row| row.on_hand).min() else { continue };
        let newest_is_negative =
            facts.latest_stock(pair).is_some_and(|(_, rows)| rows.iter().any(|row| row.on_hand.micro() < 0));
        let n_rows = negative.len();
        let (severity, when, when_zh) = if newest_is_negative {
            (Severity::Error, "now", "当前")
        } else {
            (Severity::Warning, "in older counts", "历史盘点")
        };
        findings.push(
            finding(
                FindingCode::D01,
                severity,
                [
                    format!("{n_rows} rows with negative stock {when}, lowest {lowest}"),
                    format!("{when_zh}有 {n_rows} 行负库存，最低 {lowest}"),
                ],
                ["count the stock and book missing receipts", "请盘点并补录漏记的收货"],
            )
            .about(facts, pair.item, pair.location)
            .rows(negative.iter().map(|row| row.row)),
        );
    }
    findings
}

/// D02: more on hand than the shelf holds. A back room may explain it, hence a warning.
fn d02_above_capacity(facts: &Facts<'_>) -> Vec<Finding> {
    facts.pairs.iter().filter_map(|pair| above_shelf_capacity(facts, pair)).collect()
}

fn above_shelf_capacity(facts: &Facts<'_>, pair: &Pair) -> Option<Finding> {
    let capacity = facts.dataset.item_locations[pair.setting?].shelf_capacity?;
    let (_, rows) = facts.latest_stock(pair)?;
    let on_hand: f64 = rows.iter().map(|row| row.on_hand.to_f64()).sum();
    if on_hand <= capacity.to_f64() {
        return None;
    }
    Some(
        finding(
            FindingCode::D02,
            Severity::Warning,
            [
                format!("{on_hand} units on hand, the shelf holds {capacity}"),
                format!("库存 {on_hand} 件，货架容量仅 {capacity} 件"),
            ],
            ["count the stock, or correct the shelf capacity or its unit", "请盘点，或更正货架容量及其单位"],
        )
        .about(facts, pair.item, pair.location)
        .rows(rows.iter().map(|row| row.row)),
    )
}

/// D02 for a whole location: the volume of its stock is above the column `capacity_volume`.
fn d02_above_volume(facts: &Facts<'_>) -> Vec<Finding> {
    let mut volumes: BTreeMap<LocationIdx, f64> = BTreeMap::new();
    for pair in &facts.pairs {
        let Some(volume) = facts.dataset.items[pair.item.0 as usize].volume else { continue };
        let Some((_, rows)) = facts.latest_stock(pair) else { continue };
        let on_hand: f64 = rows.iter().map(|row| row.on_hand.to_f64().max(0.0)).sum();
        *volumes.entry(pair.location).or_insert(0.0) += volume * on_hand;
    }
    let mut findings = Vec::new();
    for (location, volume) in volumes {
        let attributes = &facts.dataset.locations[location.0 as usize].attributes;
        let Some(capacity) = attributes.get("capacity_volume").and_then(|text| text.parse::<f64>().ok()) else {
            continue;
        };
        if volume > capacity && capacity > 0.0 {
            findings.push(
                finding(
                    FindingCode::D02,
                    Severity::Warning,
                    [
                        format!("stock fills {volume:.1} m³, the location holds {capacity:.1} m³"),
                        format!("库存体积 {volume:.1} 立方米，超过地点容量 {capacity:.1} 立方米"),
                    ],
                    ["check item volumes and the location's capacity_volume", "请核对商品体积和地点 capacity_volume"],
                )
                .about_location(facts, location)
                .no_rows(),
            );
        }
    }
    findings
}

/// D06: the newest count is more than a week older than the newest sale of its location, or of all where the location
/// sells nothing itself. Where most counts are stale it
/// is one finding about the table, otherwise one per item-location; above 30 days it is an error.
fn d06_stale_stock(facts: &Facts<'_>) -> Vec<Finding> {
    const WARN_DAYS: i32 = 7;
    const ERROR_DAYS: i32 = 30;
    let mut stale: Vec<(&Pair, i32, RowRef)> = Vec::new();
    let mut n_dated = 0;
    let newest_of_all = facts.last_sale();
    for pair in &facts.pairs {
        let Some((day, rows)) = facts.latest_stock(pair) else { continue };
        let Some(day) = day else { continue };
        let Some(newest_sale) = facts.location_last_sale(pair.location).or(newest_of_all) else { continue };
        n_dated += 1;
        // A count of the evening before knows everything up to the morning of the plan.
        let age = newest_sale.0 - day.0;
        if age > WARN_DAYS {
            stale.push((pair, age, rows[0].row));
        }
    }
    let severity = |age: i32| if age > ERROR_DAYS { Severity::Error } else { Severity::Warning };
    let fix = ["export the stock again, on the day of the plan", "请在计划当日重新导出库存"];
    if stale.len() >= 10 && stale.len() * 10 >= n_dated * 9 {
        let n_pairs = stale.len();
        let oldest = stale.iter().map(|(_, age, _)| *age).max().unwrap_or(0);
        let newest = stale.iter().map(|(_, age, _)| *age).min().unwrap_or(0);
        return vec![
            finding(
                FindingCode::D06,
                severity(newest),
                [
                    format!(
                        "stock of {n_pairs} item-locations is {newest} to {oldest} days older than the newest sales"
                    ),
                    format!("{n_pairs} 个商品-地点的库存比最新销售早 {newest} 至 {oldest} 天"),
                ],
                fix,
            )
            .rows(stale.iter().map(|(_, _, row)| *row)),
        ];
    }
    stale
        .into_iter()
        .map(|(pair, age, row)| {
            finding(
                FindingCode::D06,
                severity(age),
                [
                    format!("newest stock count is {age} days older than the newest sales"),
                    format!("最新库存比最新销售早 {age} 天"),
                ],
                fix,
            )
            .about(facts, pair.item, pair.location)
            .rows([row])
        })
        .collect()
}

fn is_open(order: &OpenOrderRow) -> bool {
    let status = order.status.to_lowercase();
    !["cancelled", "canceled", "closed", "received", "已取消", "已关闭"].contains(&status.as_str())
        && order.received < order.quantity
}

/// D11: orders whose due day has passed and that have not arrived. They count in the inventory position, so an order
/// that will never come starves the shelf; beyond 30 days it is an error.
fn d11_overdue_orders(facts: &Facts<'_>) -> Vec<Finding> {
    let mut overdue: BTreeMap<(ItemIdx, LocationIdx), Vec<(i32, &OpenOrderRow)>> = BTreeMap::new();
    for order in facts.dataset.open_orders.iter().filter(|order| is_open(order)) {
        let Some(due) = order.due_on else { continue };
        if due < facts.as_of {
            let days = facts.as_of.0 - due.0;
            overdue.entry((order.item, order.to_location)).or_default().push((days, order));
        }
    }
    overdue
        .into_iter()
        .map(|((item, location), orders)| {
            let worst = orders.iter().map(|(days, _)| *days).max().unwrap_or(0);
            let units: f64 = orders.iter().map(|(_, order)| order.quantity.to_f64() - order.received.to_f64()).sum();
            let n_orders = orders.len();
            finding(
                FindingCode::D11,
                if worst > 30 { Severity::Error } else { Severity::Warning },
                [
                    format!("{n_orders} open orders with {units} units are overdue, up to {worst} days"),
                    format!("{n_orders} 张未结订单共 {units} 件已逾期，最长 {worst} 天"),
                ],
                [
                    "book the receipt, get a new date from the supplier, or cancel",
                    "请补录收货、向供应商确认新日期，或取消订单",
                ],
            )
            .about(facts, item, location)
            .rows(orders.iter().map(|(_, order)| order.row))
        })
        .collect()
}
