//! One sentence that says why, in English and Chinese, from the numbers of the waterfall.

use restock_core::proposal::{WaterfallCode, WaterfallLine};
use restock_core::{Objective, Quantity, ServiceType, Units};

use crate::batch::Worked;
use crate::explanation::{UsedFor, acting, conflict_text, tidy, used_for};
use crate::said_demand::ActingOverride;
use crate::unit::{PlanningUnit, StockKnowledge};

/// The sentence in English and in Chinese.
pub(crate) fn sentences(unit: &PlanningUnit, worked: &Worked, waterfall: &[WaterfallLine]) -> (String, String) {
    let decided = &worked.decided;
    let quantity = decided.quantity();
    let value =
        |code| waterfall.iter().filter(|line| line.code == code).fold(Quantity::ZERO, |sum, line| sum + line.value);
    let n = |quantity: Quantity| number(quantity, unit.decimals);
    let abs = |quantity: Quantity| n(if quantity < Quantity::ZERO { -quantity } else { quantity });
    let zero = Quantity::ZERO;
    let (mut en, mut zh): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut add = |english: String, chinese: String| {
        en.push(english);
        zh.push(chinese);
    };

    let expected = value(WaterfallCode::ExpectedDemand);
    let until = unit.future_day(decided.protection).plus(-1);
    let is_lost = decided.decision.left_out(decided.review.stock.inventory_position()) > 0;
    let parts = used_for(unit, worked, expected);
    let is_used = !parts.is_empty() && parts.iter().all(|part| part.item_id.is_some() || part.n_others > 0);
    let verb = match (unit.backorder, is_lost) {
        (true, _) => "expected to be asked for",
        (false, _) if is_used => "expected to be used",
        (false, true) => "wanted",
        (false, false) => "expected to sell",
    };
    let (of_en, of_zh) = parts_text(&parts, &n);
    add(
        format!("{} {verb} before the delivery after this one (until {until}{of_en})", n(expected)),
        format!("下次到货前（至 {until}{of_zh}）预计需求 {}", n(expected)),
    );
    if let Some(overridden) = &worked.overridden {
        let baseline = unit.quantity(overridden.baseline.total(0, decided.protection).mean().round() as Units);
        let (who_en, who_zh) = who_overrides(&acting(worked).collect::<Vec<_>>());
        add(format!("{} without the {who_en}", n(baseline)), format!("未经{who_zh}为 {}", n(baseline)));
    }
    let buffer = value(WaterfallCode::UncertaintyBuffer) + value(WaterfallCode::TargetBelowDemand);
    let (target_en, target_zh) = target(unit.objective);
    if n(buffer) != "0" {
        if buffer > zero {
            add(
                format!("{} held for uncertainty ({target_en})", n(buffer)),
                format!("为不确定性预留 {}（{target_zh}）", n(buffer)),
            );
        } else {
            let (why_en, why_zh) = match unit.objective {
                Objective::Service { .. } => ("the target allows it", "目标允许"),
                Objective::Economics => ("stock costs more than it would save", "持有成本高于收益"),
            };
            add(
                format!("{} less, because {why_en} ({target_en})", abs(buffer)),
                format!("因{why_zh}而减少 {}（{target_zh}）", abs(buffer)),
            );
        }
    }
    let on_hand = value(WaterfallCode::UsableOnHand);
    match unit.stock_known {
        StockKnowledge::Counted { .. } => {
            add(format!("{} usable in stock", abs(on_hand)), format!("可用库存 {}", abs(on_hand)));
        }
        StockKnowledge::Assumed => {
            add(format!("{} assumed in stock", abs(on_hand)), format!("假设库存 {}", abs(on_hand)));
        }
        StockKnowledge::AssumedEmpty => {
            add("the shelf assumed empty".to_owned(), "假设货架已空".to_owned());
        }
    }
    for (code, english, chinese) in [
        (WaterfallCode::OnOrderInTime, "arriving", "在途"),
        (WaterfallCode::OnOrderLate, "arriving later", "较晚到货"),
        (WaterfallCode::ReservedOrBackordered, "reserved", "已预留"),
    ] {
        let amount = value(code);
        if amount != zero {
            add(format!("{} {english}", abs(amount)), format!("{chinese} {}", abs(amount)));
        }
    }

    let (mut rules_en, mut rules_zh): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for line in waterfall {
        let up = line.value > zero;
        let amount = abs(line.value);
        let of = |name: &str| {
            line.evidence.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str()).to_owned()
        };
        let text = match line.code {
            WaterfallCode::PolicyAdjustment => match of("reason").as_str() {
                "reorder_point_not_reached" => (
                    format!("the position is above the reorder point of {}", of("reorder_point")),
                    format!("库存位置高于再订货点 {}", of("reorder_point")),
                ),
                "lost_before_arrival" => (
                    format!(
                        "{amount} left out because that demand is lost before this order arrives on {}",
                        of("arrival")
                    ),
                    format!("{amount} 的需求在本次订货（{} 到货）前已流失，不计入订购量", of("arrival")),
                ),
                "expected_expiry" => {
                    (format!("{amount} added for stock that will expire"), format!("为将过期库存增加 {amount}"))
                }
                restock_learning::guarded::REASON => (
                    format!(
                        "{amount} {} by the learned policy, which costs less on the item's demand paths",
                        if up { "added" } else { "taken off" }
                    ),
                    format!("学习策略{} {amount}，按该商品的需求情景成本更低", if up { "增加" } else { "减少" }),
                ),
                "fixed_order_size" => ("ordered in the fixed order size".to_owned(), "按固定批量订购".to_owned()),
                _ => (
                    format!("{amount} {} by the policy {}", if up { "added" } else { "taken off" }, decided.policy),
                    format!("策略 {} {} {amount}", decided.policy, if up { "增加" } else { "减少" }),
                ),
            },
            WaterfallCode::MinimumStock => {
                (format!("raised by {amount} to the minimum stock"), format!("为最低库存增加 {amount}"))
            }
            WaterfallCode::Moq => (
                format!("raised to the minimum order of {}", of("min_order")),
                format!("提高到最小起订量 {}", of("min_order")),
            ),
            WaterfallCode::RoundToPack => ("rounded up to full packs".to_owned(), "按整包向上取整".to_owned()),
            WaterfallCode::ShelfLifeCap => {
                (format!("cut by {amount} to what sells before expiry"), format!("按保质期内可售减少 {amount}"))
            }
            WaterfallCode::EndOfLifeCap => (
                format!("cut by {amount} because the item ends on {}", of("end")),
                format!("商品 {} 停售，减少 {amount}", of("end")),
            ),
            WaterfallCode::CapacityCap => (
                format!("cut by {amount} to the largest order, stock or shelf"),
                format!("受最大订量、库存或货架限制减少 {amount}"),
            ),
            WaterfallCode::SupplierMinimum if up => (
                format!("raised by {amount} to reach the supplier's minimum order"),
                format!("为达到供应商起订额增加 {amount}"),
            ),
            WaterfallCode::ContainerFill => {
                (format!("raised by {amount} to fill the container"), format!("为装满货柜增加 {amount}"))
            }
            WaterfallCode::SupplierMinimum => (
                "left out because the supplier's minimum is not reached".to_owned(),
                "未达供应商起订额，暂不订购".to_owned(),
            ),
            WaterfallCode::BudgetOrCapacity => {
                (format!("cut by {amount} for the budget or capacity"), format!("受预算或运力限制减少 {amount}"))
            }
            WaterfallCode::SourceShortage => (
                format!("cut by {amount} because {} has no more", of("source")),
                format!("{} 库存不足，减少 {amount}", of("source")),
            ),
            WaterfallCode::DoNotOrder if unit.made_to_order => {
                ("made when it is sold; its components are ordered".to_owned(), "按单制作，订购其原料".to_owned())
            }
            WaterfallCode::DoNotOrder => ("nothing may be ordered".to_owned(), "已设为不订购".to_owned()),
            _ => continue,
        };
        rules_en.push(text.0);
        rules_zh.push(text.1);
    }
    if let Some(conflict) = decided.ruled.conflict {
        let (english, chinese) = conflict_text(conflict);
        rules_en.push(english);
        rules_zh.push(chinese);
    }
    let (ordered_en, ordered_zh) = ordered(unit, quantity, decided.review.rules.order_multiple.max(1));
    let tail = |rules: &[String], separator: &str| {
        if rules.is_empty() { String::new() } else { format!("{separator}{}", rules.join(separator)) }
    };
    (
        format!("{ordered_en}: {}{}.", en.join(", "), tail(&rules_en, "; ")),
        format!("{ordered_zh}：{}{}。", zh.join("，"), tail(&rules_zh, "；")),
    )
}

/// Who changed the forecast, and why.
fn who_overrides(acting: &[&ActingOverride]) -> (String, String) {
    let [said] = acting else {
        return (format!("{} overrides of the forecast", acting.len()), format!(" {} 项预测调整", acting.len()));
    };
    // A sentence stays one where the reason has many.
    let reason: String = said.reason.chars().take(80).collect();
    match said.author.as_str() {
        "" => (format!("override of the forecast ({reason})"), format!("预测调整（{reason}）")),
        author => (format!("override by {author} ({reason})"), format!(" {author} 的预测调整（{reason}）")),
    }
}

/// What a component is used for, after a day.
fn parts_text(parts: &[UsedFor], n: &dyn Fn(Quantity) -> String) -> (String, String) {
    let text = |part: &UsedFor| match (&part.item_id, part.n_others) {
        (Some(item_id), _) => {
            (format!("{} for {item_id}", n(part.quantity)), format!("{item_id} 用 {}", n(part.quantity)))
        }
        (None, 0) => (format!("{} as it is", n(part.quantity)), format!("直接售出或发出 {}", n(part.quantity))),
        (None, others) => {
            (format!("{} for {others} others", n(part.quantity)), format!("另外 {others} 种用 {}", n(part.quantity)))
        }
    };
    if parts.is_empty() {
        return (String::new(), String::new());
    }
    let (en, zh): (Vec<String>, Vec<String>) = parts.iter().map(text).unzip();
    (format!("; {}", en.join(", ")), format!("；{}", zh.join("，")))
}

/// What to do, such as `Order 4 packs of 12 (48)`.
fn ordered(unit: &PlanningUnit, quantity: Units, pack: Units) -> (String, String) {
    if quantity == 0 {
        return ("No order".to_owned(), "无需订购".to_owned());
    }
    let total = number(unit.quantity(quantity), unit.decimals);
    let uom = if unit.uom.is_empty() || unit.uom == "each" { String::new() } else { format!(" {}", unit.uom) };
    if pack <= 1 || quantity % pack != 0 {
        return (format!("Order {total}{uom}"), format!("订购 {total}{uom}"));
    }
    let n_packs = quantity / pack;
    let plural = match unit.order_uom.strip_prefix("pack ") {
        Some(rest) if n_packs != 1 => format!("packs {rest}"),
        _ => unit.order_uom.clone(),
    };
    let size = number(unit.quantity(pack), unit.decimals);
    (format!("Order {n_packs} {plural} ({total}{uom})"), format!("订购 {n_packs} 包（每包 {size}，共 {total}{uom}）"))
}

fn target(objective: Objective) -> (String, String) {
    match objective {
        Objective::Service { service_type, target } => {
            let percent = tidy(target * 100.0, 2);
            let (english, chinese) = match service_type {
                ServiceType::Cycle => ("cycle service", "周期服务水平"),
                ServiceType::FillRate => ("fill rate", "满足率"),
                ServiceType::InStock => ("in stock", "有货率"),
            };
            (format!("target {percent} % {english}"), format!("目标{chinese} {percent}%"))
        }
        Objective::Economics => ("lowest cost".to_owned(), "成本最低".to_owned()),
    }
}

/// A quantity for a sentence: as many digits as the item is counted in.
fn number(quantity: Quantity, decimals: u8) -> String {
    let rounded = quantity
        .to_decimal()
        .round_dp_with_strategy(u32::from(decimals), rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    let text = rounded.normalize().to_string();
    if text == "-0" { "0".to_owned() } else { text }
}
