//! Checks of recipes and bills of materials: D26, and D15 and D17 for components that no other table tells of.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use restock_core::dataset::BomRow;
use restock_core::{Finding, FindingCode, ItemIdx, RowRef, Severity};
use rust_decimal::prelude::ToPrimitive;

use super::facts::Facts;
use super::finding;
use crate::recipe::RecipeProblem;

pub(super) const OVER_ALL: &[fn(&Facts<'_>) -> Vec<Finding>] =
    &[d26_left_out, d26_units_mixed_up, d26_made_of_for_nothing, components_without_source_or_cost];

fn id_of<'a>(facts: &Facts<'a>, item: ItemIdx) -> &'a str {
    &facts.dataset.items[item.0 as usize].item_id
}

/// D26: rows of a circle, and numbers that cannot be calculated with.
fn d26_left_out(facts: &Facts<'_>) -> Vec<Finding> {
    let told = |problem: &RecipeProblem| match problem {
        RecipeProblem::Circle { items, rows } => {
            let names: Vec<&str> = items.iter().chain(&items[..1]).map(|item| id_of(facts, *item)).collect();
            let (circle, n_rows) = (names.join(" <- "), rows.len());
            finding(
                FindingCode::D26,
                Severity::Error,
                [
                    format!("recipes run in a circle, {circle}: {n_rows} rows are left out, all others hold"),
                    format!("配方循环引用 {circle}：忽略其中 {n_rows} 行，其余仍有效"),
                ],
                [
                    "take out the row that makes an item of itself; leftovers that go in again belong into the yield",
                    "请删除使物品由自身制成的行；回用的余料应计入 yield",
                ],
            )
            .about_item(facts, items[0])
            .rows(rows.iter().copied())
        }
        RecipeProblem::TooManyDigits { parent, component, row } => finding(
            FindingCode::D26,
            Severity::Error,
            [
                format!(
                    "what {} takes of {} has more than 38 digits: the row is left out",
                    id_of(facts, *parent),
                    id_of(facts, *component)
                ),
                format!("{} 所需 {} 的用量超过 38 位数字，忽略该行", id_of(facts, *parent), id_of(facts, *component)),
            ],
            ["round qty_per, yield and scrap", "请对 qty_per、yield 和 scrap 取整"],
        )
        .about_item(facts, *parent)
        .rows([*row]),
    };
    facts.recipes.problems.iter().map(told).collect()
}

/// D26: a quantity that belongs to another unit. A component that costs more than five times what the item sells for is
/// not a recipe anybody sells, and neither is fifty kilograms in a litre.
fn d26_units_mixed_up(facts: &Facts<'_>) -> Vec<Finding> {
    const COST_MAX: f64 = 5.0;
    const SHARE_MAX: f64 = 50.0;
    let is_mass_or_volume = |item: ItemIdx| {
        let uom = facts.dataset.items[item.0 as usize].base_uom.to_lowercase();
        matches!(uom.as_str(), "kg" | "l" | "g" | "ml" | "lb" | "oz" | "公斤" | "千克" | "克" | "升" | "毫升")
    };
    let check = |row: &BomRow| {
        let (parent, component) =
            (&facts.dataset.items[row.parent.0 as usize], &facts.dataset.items[row.component.0 as usize]);
        let quantity = row.quantity_per.to_f64();
        let cost = component.unit_cost.and_then(|cost| cost.to_f64()).map(|cost| cost * quantity);
        let price = parent.price.and_then(|price| price.to_f64()).filter(|price| *price > 0.0);
        let of = |uom: &str| if uom.is_empty() { String::new() } else { format!(" {uom}") };
        let what = format!("{quantity}{} of {}", of(&component.base_uom), component.item_id);
        let what_zh = format!("{} {quantity}{}", component.item_id, of(&component.base_uom));
        let message = match (cost, price) {
            (Some(cost), Some(price)) if cost > COST_MAX * price => [
                format!(
                    "{} takes {what}, worth {cost:.2}, and sells for {price:.2}: units look mixed up",
                    parent.item_id
                ),
                format!("{} 用 {what_zh}，价值 {cost:.2}，售价仅 {price:.2}：单位疑似混淆", parent.item_id),
            ],
            _ if quantity >= SHARE_MAX
                && is_mass_or_volume(row.parent)
                && is_mass_or_volume(row.component)
                && parent.base_uom.to_lowercase().len() >= component.base_uom.to_lowercase().len() =>
            {
                [
                    format!("a {} of {} takes {what}: units look mixed up", parent.base_uom, parent.item_id),
                    format!("每 {} {} 用 {what_zh}：单位疑似混淆", parent.base_uom, parent.item_id),
                ]
            }
            _ => return None,
        };
        Some(
            finding(
                FindingCode::D26,
                Severity::Warning,
                message,
                [
                    "give qty_per in the component's own base unit: 0.14 of an item in kg, not 140",
                    "请以原料的基本单位填写 qty_per：以千克计的原料填 0.14 而非 140",
                ],
            )
            .about_item(facts, row.parent)
            .rows([row.row]),
        )
    };
    facts.dataset.bom.iter().filter_map(check).collect()
}

/// What customers bought within a year or somebody lists or keeps, and everything that it is made of.
fn wanted(facts: &Facts<'_>) -> HashSet<ItemIdx> {
    let sales = &facts.dataset.sales;
    let is_wanted = |pair: &&super::facts::Pair| {
        let sold = pair.sales.clone().next_back().is_some_and(|row| sales.day[row] >= facts.as_of.plus(-365));
        sold || pair.setting.is_some() || !pair.inventory.is_empty()
    };
    let mut wanted: HashSet<ItemIdx> = HashSet::new();
    let mut queue: Vec<ItemIdx> = facts.pairs.iter().filter(is_wanted).map(|pair| pair.item).collect();
    while let Some(item) = queue.pop() {
        if wanted.insert(item) {
            queue.extend(facts.recipes.components(item).iter().map(|(part, _)| *part));
        }
    }
    wanted
}

/// D26: recipes of what nobody bought for a year and nothing else is made of: perhaps of another season, perhaps with an
/// id that sales do not know.
fn d26_made_of_for_nothing(facts: &Facts<'_>) -> Vec<Finding> {
    const N_NAMED: usize = 5;
    let wanted = wanted(facts);
    let mut rows: BTreeMap<ItemIdx, Vec<RowRef>> = BTreeMap::new();
    for row in facts.dataset.bom.iter().filter(|row| !wanted.contains(&row.parent)) {
        // What takes part in a circle is told already.
        if !facts.recipes.components(row.parent).is_empty() {
            rows.entry(row.parent).or_default().push(row.row);
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let n_items = rows.len();
    let recipes = if n_items == 1 { "a recipe makes".to_owned() } else { format!("{n_items} recipes make") };
    let mut names: Vec<&str> = rows.keys().take(N_NAMED).map(|item| id_of(facts, *item)).collect();
    if n_items > N_NAMED {
        names.push("...");
    }
    let names = names.join(", ");
    let draft = finding(
        FindingCode::D26,
        Severity::Info,
        [
            format!("{recipes} what nobody bought for a year and nothing else takes: {names}"),
            format!("{n_items} 种物品有配方，但一年未售且未用于其他物品：{names}"),
        ],
        ["check that sales use the same ids as bom", "请核对销售与 bom 的编码是否一致"],
    );
    vec![draft.rows(rows.into_values().flatten())]
}

/// D15 and D17: components of what is sold that are neither made nor have a cost, or a source, where others do.
fn components_without_source_or_cost(facts: &Facts<'_>) -> Vec<Finding> {
    let dataset = facts.dataset;
    let of_lane = |with: fn(&restock_core::dataset::SourceRow) -> bool| -> BTreeSet<ItemIdx> {
        dataset.sources.iter().filter(|row| with(row)).filter_map(|row| row.item).collect()
    };
    let (sourced, lane_costs) = (of_lane(|_| true), of_lane(|row| row.unit_cost.is_some()));
    let for_all = dataset.sources.iter().any(|row| row.item.is_none());
    let delivered: BTreeSet<ItemIdx> = dataset.receipts.iter().map(|row| row.item).collect();
    let paid: BTreeSet<ItemIdx> =
        dataset.receipts.iter().filter(|row| row.unit_cost.is_some()).map(|row| row.item).collect();
    let has_costs = dataset.items.iter().any(|item| item.unit_cost.is_some()) || !lane_costs.is_empty();
    let known: BTreeSet<ItemIdx> = facts.pairs.iter().map(|pair| pair.item).collect();
    let wanted = wanted(facts);
    let components: BTreeSet<ItemIdx> =
        dataset.bom.iter().map(|row| row.component).filter(|item| wanted.contains(item)).collect();
    let mut findings = Vec::new();
    for item in components.into_iter().filter(|item| facts.recipes.components(*item).is_empty()) {
        let entity = &dataset.items[item.0 as usize];
        let rows = || dataset.bom.iter().filter(|row| row.component == item).map(|row| row.row);
        let named = ["supplier_id", "supplier"].iter().any(|name| entity.attributes.contains_key(*name));
        if !dataset.sources.is_empty() && !for_all && !sourced.contains(&item) && !delivered.contains(&item) && !named {
            let draft = finding(
                FindingCode::D17,
                Severity::Warning,
                [
                    "a component without a source of supply; the proposal cannot name a supplier".to_owned(),
                    "原料没有货源，建议单无法指定供应商".to_owned(),
                ],
                ["add a row to sources, or a recipe to bom", "请在 sources 中添加货源，或在 bom 中添加其配方"],
            );
            findings.push(draft.about_item(facts, item).rows(rows()));
        }
        // Other checks know what other tables tell of.
        let has_cost = entity.unit_cost.is_some() || lane_costs.contains(&item) || paid.contains(&item);
        if has_costs && !has_cost && !known.contains(&item) {
            let draft = finding(
                FindingCode::D15,
                Severity::Warning,
                [
                    "a component without unit cost, although other items have one".to_owned(),
                    "原料缺少成本（其他商品已有）".to_owned(),
                ],
                ["complete the column in items", "请补全 items 表中的该列"],
            );
            findings.push(draft.about_item(facts, item).rows(rows()));
        }
    }
    findings
}
