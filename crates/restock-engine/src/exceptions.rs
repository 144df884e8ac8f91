//! What a planner should look at: typed exceptions with the money at stake, most money first.
//!
//! One pure function per item-location: [`ExceptionFacts`] holds the numbers that the planner has already computed, and
//! [`exceptions`] names what stands out. Messages are made from these numbers in both languages.

use std::collections::HashMap;

use restock_core::dataset::{Dataset, Origin};
use restock_core::finding::{ExceptionCode, PlanException, in_singular};
use restock_core::forecast::Validation;
use restock_core::proposal::ProposalSource;
use restock_core::settings::PlanSettings;
use restock_core::{Day, Money};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use crate::batch::UnitPlan;
use crate::sensors::ColdBreak;
use crate::unit::PhantomStock;

/// Numbers about one item-location, in base units, days and currency.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExceptionFacts {
    pub(crate) item_id: String,
    pub(crate) location_id: String,
    /// Morning of the plan.
    pub(crate) as_of: Day,
    /// Value of one base unit at cost; 0 when unknown.
    pub(crate) unit_cost: f64,
    /// Margin lost with one unit of unmet demand; 0 when unknown.
    pub(crate) unit_margin: f64,
    /// Usable stock, known or assumed.
    pub(crate) on_hand: f64,
    /// Whether stock is known from a table.
    pub(crate) stock_known: bool,
    /// Expected demand per day over the protection interval.
    pub(crate) demand_per_day: f64,
    /// Demand per day over the last 28 days and over the 84 days before them; `None` with a shorter history.
    pub(crate) recent_and_earlier_demand: Option<(f64, f64)>,
    /// Days with a sale in those 112 days: rare sellers show no spikes.
    pub(crate) n_selling_days: usize,
    pub(crate) days_since_last_sale: Option<i32>,
    /// Level the order aims at.
    pub(crate) target_level: f64,
    /// Inventory position.
    pub(crate) position: f64,
    /// Proposed quantity.
    pub(crate) quantity: f64,
    /// Expected unmet demand before an order placed now arrives, and the probability of any.
    pub(crate) lost_before_arrival: (f64, f64),
    /// Whether unmet demand waits for the next delivery and is not lost.
    pub(crate) unmet_waits: bool,
    /// Open orders due before the plan and not received: order, units, due day.
    pub(crate) overdue: Vec<(String, f64, Day)>,
    /// Open orders that arrive after the protection interval: order, units, due day.
    pub(crate) too_late: Vec<(String, f64, Day)>,
    /// Units on hand that are expected to expire unsold, and the first expiry day.
    pub(crate) expiring: (f64, Option<Day>),
    /// Whether fewer days of sales than this are known; `None` for an established item.
    pub(crate) new_item_days: Option<usize>,
    /// Planned end of the item.
    pub(crate) planned_end: Option<Day>,
    /// A promotion ahead: its first day, last day and the units it adds over its span.
    pub(crate) promotion: Option<(Day, Day, f64)>,
    /// A surge that holds now or soon: how many times the usual, and its last day.
    pub(crate) surge: Option<(String, Day)>,
    /// Earliest day a new order could arrive.
    pub(crate) expected_receipt: Option<Day>,
    /// Units that the minimum order added, that a budget took, that a capacity (shelf, maximum) took.
    pub(crate) added_by_minimum: f64,
    pub(crate) cut_by_budget: f64,
    pub(crate) cut_by_capacity: f64,
    /// Typical past order and its number of observations.
    pub(crate) usual_order: Option<(f64, usize)>,
    /// Data health, 0 to 1, and the worst finding in words.
    pub(crate) health: f64,
    pub(crate) worst_finding: Option<(String, String)>,
    /// What is believed about the stock, where the record is probably wrong.
    pub(crate) phantom_stock: Option<PhantomStock>,
    /// Whether orders are for what is believed to be there.
    pub(crate) is_believed: bool,
    /// Perishable stock that stood too warm, with the base units that are not sold any more and those that keep for less long.
    pub(crate) cold_break: Option<(ColdBreak, [f64; 2])>,
    /// Whether there is no order day within the horizon.
    pub(crate) no_order_day: bool,
    /// Why the target of an item that expires cannot be reached, if it cannot.
    pub(crate) freshness_limit: Option<FreshnessLimit>,
    /// How past forecasts did, base units, and the days of one of their periods.
    pub(crate) validation: Option<(Validation, f64)>,
}

/// An item that expires too soon for its orders: waste, stock-outs or both cannot be avoided.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FreshnessLimit {
    /// Smallest lawful order, base units.
    pub(crate) smallest_order: f64,
    /// Expected demand before an order expires, base units.
    pub(crate) sells: f64,
    pub(crate) shelf_life_days: usize,
    pub(crate) review_days: usize,
    /// Whether the smallest order is more than sells before it expires, with nine chances in ten.
    pub(crate) too_large: bool,
    /// Whether anything is ordered at all; nothing is where waste costs more than sales bring.
    pub(crate) is_ordered: bool,
    /// Expected units thrown away of each order.
    pub(crate) waste: f64,
    /// Expected units below the target in each review period.
    pub(crate) lost: f64,
    /// Expected share of demand met at best, and the target.
    pub(crate) reachable: f64,
    pub(crate) target: f64,
}

/// Days of cover above the target from which stock counts as overstock.
const OVERSTOCK_DAYS: f64 = 28.0;
/// Days without a sale from which stock is dead.
const DEAD_STOCK_DAYS: i32 = 180;
/// Money below this is not worth a planner's look, currency.
const MIN_MONEY: f64 = 0.005;

/// Everything that stands out at one item-location, in the order of [`ExceptionCode`].
pub(crate) fn exceptions(facts: &ExceptionFacts) -> Vec<PlanException> {
    let mut found = Vec::new();
    let mut add = |code, money: f64, message: String, message_zh: String, action: &str, action_zh: &str| {
        found.push(PlanException {
            code,
            item_id: facts.item_id.clone(),
            location_id: facts.location_id.clone(),
            expected_money: to_money(money),
            message: in_singular(&message),
            message_zh,
            action: action.to_owned(),
            action_zh: action_zh.to_owned(),
        });
    };
    // Where the margin is unknown, a lost unit counts with its cost, so that ranking still means something.
    let lost_unit = if facts.unit_margin > 0.0 { facts.unit_margin } else { facts.unit_cost };
    let (lost, p_stockout) = facts.lost_before_arrival;
    let (lost_or_waiting, expected, expected_zh) = if facts.unmet_waits {
        ("will have to wait", "expected to wait", "需等待")
    } else {
        ("lost", "expected to be lost", "损失")
    };
    let arrival = facts.expected_receipt.map_or_else(|| "-".to_owned(), |day| day.to_string());

    if facts.stock_known && facts.on_hand <= 0.0 && facts.demand_per_day > 0.0 {
        add(
            ExceptionCode::StockoutNow,
            lost * lost_unit,
            format!("out of stock; about {} {expected} before a new order can arrive on {arrival}", units(lost)),
            format!("已缺货；新订单最早 {arrival} 到货，此前预计{expected_zh}约 {}", units(lost)),
            "order today, expedite or transfer from another location",
            "今天下单、催货或从其他地点调拨",
        );
    } else if p_stockout >= 0.5 && lost * lost_unit > MIN_MONEY {
        add(
            ExceptionCode::StockoutBeforeArrival,
            lost * lost_unit,
            format!(
                "{} likely to run out before a new order can arrive on {arrival}; about {} {lost_or_waiting}",
                percent(p_stockout),
                units(lost)
            ),
            format!(
                "新订单最早 {arrival} 到货，此前有 {} 的概率断货，预计{expected_zh}约 {}",
                percent(p_stockout),
                units(lost)
            ),
            "expedite an open order or transfer from another location",
            "催促在途订单或从其他地点调拨",
        );
    }
    if let Some((order_id, quantity, due)) = facts.overdue.first() {
        let total: f64 = facts.overdue.iter().map(|order| order.1).sum();
        add(
            ExceptionCode::LateSupply,
            total.min(lost.max(0.0)) * lost_unit,
            format!(
                "order {order_id} of {} was due on {due} and is not received ({} overdue in all)",
                units(*quantity),
                units(total)
            ),
            format!("订单 {order_id}({})应于 {due} 到货，尚未收到(逾期合计 {})", units(*quantity), units(total)),
            "confirm a new date with the supplier, or cancel the order so that it stops counting as supply",
            "与供应商确认新的到货日，或取消该订单，使其不再计入在途",
        );
    } else if let Some((order_id, quantity, due)) = facts.too_late.first()
        && facts.lost_before_arrival.0 * lost_unit > MIN_MONEY
    {
        add(
            ExceptionCode::LateSupply,
            quantity.min(lost) * lost_unit,
            format!(
                "order {order_id} of {} arrives on {due}, too late for the demand before it; it counts as supply and is not ordered again",
                units(*quantity)
            ),
            format!("订单 {order_id}({})于 {due} 到货，赶不上此前的需求；它仍计入供应，不会重复订购", units(*quantity)),
            "ask for an earlier delivery",
            "请求提前交货",
        );
    }
    let excess = facts.position - facts.target_level - OVERSTOCK_DAYS * facts.demand_per_day;
    if facts.stock_known
        && facts.on_hand > 0.0
        && facts.days_since_last_sale.is_some_and(|days| days >= DEAD_STOCK_DAYS)
    {
        add(
            ExceptionCode::DeadStock,
            facts.on_hand * facts.unit_cost,
            format!(
                "{} in stock and no sale for {} days",
                units(facts.on_hand),
                facts.days_since_last_sale.unwrap_or(0)
            ),
            format!("库存 {}，已 {} 天无销售", units(facts.on_hand), facts.days_since_last_sale.unwrap_or(0)),
            "count it, then mark it down, return it or write it off",
            "先盘点，再降价、退货或报废",
        );
    } else if facts.stock_known && excess > 0.0 && excess * facts.unit_cost > MIN_MONEY {
        let days = if facts.demand_per_day > 0.0 { facts.position / facts.demand_per_day } else { f64::INFINITY };
        let cover = if days < 1_000.0 { format!("{days:.0}") } else { "over 999".to_owned() };
        add(
            ExceptionCode::Overstock,
            excess * facts.unit_cost,
            format!("{} more than {OVERSTOCK_DAYS:.0} days above the target; cover is {cover} days", units(excess)),
            format!(
                "比目标多出 {OVERSTOCK_DAYS:.0} 天以上的量：{}；可用 {} 天",
                units(excess),
                cover.replace("over ", "超过 ")
            ),
            "cancel open orders or transfer it to a location that needs it",
            "取消在途订单或调拨到需要的地点",
        );
    }
    // Of stock that stood too warm the exception below tells.
    if facts.expiring.0 > 0.5 && facts.cold_break.is_none() {
        let day = facts.expiring.1.map_or_else(|| "-".to_owned(), |day| day.to_string());
        add(
            ExceptionCode::ExpiryRisk,
            facts.expiring.0 * facts.unit_cost,
            format!("about {} will expire unsold, the first on {day}", units(facts.expiring.0)),
            format!("约 {} 将过期未售，最早 {day}", units(facts.expiring.0)),
            "mark it down or transfer it while it can still be sold",
            "趁可售时降价或调拨",
        );
    }
    if let Some((ColdBreak { days: (first, last), degrees: (hottest, limit), .. }, [blocked, shortened])) =
        &facts.cold_break
    {
        add(
            ExceptionCode::ExpiryRisk,
            (blocked + shortened.max(facts.expiring.0)) * facts.unit_cost,
            format!(
                "stood at up to {hottest:.1} °C between {first} and {last}, at most {limit} °C are allowed: {} not sold \
                 any more, {} keep for less long",
                units(*blocked),
                units(*shortened)
            ),
            format!(
                "{first} 至 {last} 期间温度最高 {hottest:.1} °C，限值 {limit} °C：停售 {}，保质期缩短 {}",
                units(*blocked),
                units(*shortened)
            ),
            "look at the goods and at the cooling; book what is thrown away",
            "检查商品与制冷设备，并登记报废数量",
        );
    }
    if let Some((recent, earlier)) = facts.recent_and_earlier_demand
        && facts.n_selling_days >= 20
    {
        // Twice the standard error of the difference of two Poisson rates, and at least a factor of 1.5.
        let noise = 2.0 * (recent / 28.0 + earlier / 84.0).sqrt();
        let money = (recent - earlier).abs() * 28.0 * lost_unit;
        if recent > 1.5 * earlier && recent - earlier > noise {
            add(
                ExceptionCode::DemandSpike,
                money,
                format!("demand rose from {earlier:.1} to {recent:.1} a day in the last 28 days"),
                format!("近 28 天需求由每天 {earlier:.1} 升至 {recent:.1}"),
                "check for a promotion or a one-off buyer; if it lasts, nothing has to be done",
                "检查是否有促销或一次性大单；若持续则无需处理",
            );
        } else if recent < earlier / 1.5 && earlier - recent > noise {
            add(
                ExceptionCode::DemandDrop,
                money,
                format!("demand fell from {earlier:.1} to {recent:.1} a day in the last 28 days"),
                format!("近 28 天需求由每天 {earlier:.1} 降至 {recent:.1}"),
                "check the shelf, the price and whether the item is being replaced",
                "检查货架、价格以及是否被替代",
            );
        }
    }
    if let Some((validation, days_per_period)) = &facts.validation
        && validation.is_biased()
    {
        let n_days = validation.n_periods as f64 * days_per_period;
        let (error, demand) = (validation.cumulative_error() / n_days, validation.demand / n_days);
        let over = error > 0.0;
        // An over-forecast is bought and lies there, an under-forecast is lost, for the 28 days it takes to see it.
        let money = error.abs() * 28.0 * if over { facts.unit_cost } else { lost_unit };
        add(
            ExceptionCode::ForecastBias,
            money,
            format!(
                "forecasts of the last {n_days:.0} days were too {} in each of {} windows: {:.1} a day expected, {demand:.1} \
                 wanted (tracking signal {:+.0})",
                if over { "high" } else { "low" },
                validation.window_errors.len(),
                demand + error,
                validation.tracking_signal()
            ),
            format!(
                "近 {n_days:.0} 天的预测在 {} 个窗口中都偏{}：预期每天 {:.1}，实际需求 {demand:.1}（跟踪信号 {:+.0}）",
                validation.window_errors.len(),
                if over { "高" } else { "低" },
                demand + error,
                validation.tracking_signal()
            ),
            "look for what the data do not tell: a promotion, a price, a new rival or a new place on the shelf",
            "查找数据未反映的原因：促销、价格、竞品或货架位置变化",
        );
    }
    if let Some(days) = facts.new_item_days {
        add(
            ExceptionCode::NewItemNoMatch,
            facts.quantity * facts.unit_cost,
            format!("only {days} days of history; the forecast is a wide guess"),
            format!("仅有 {days} 天历史；预测很不确定"),
            "check the quantity by hand until a few weeks are known",
            "在有几周数据之前请人工核对数量",
        );
    }
    if let Some(end) = facts.planned_end
        && end.0 - facts.as_of.0 <= 90
        && facts.quantity > 0.0
    {
        add(
            ExceptionCode::EndOfLifeBuy,
            facts.quantity * facts.unit_cost,
            format!("the item ends on {end}; {} proposed for the time until then", units(facts.quantity)),
            format!("商品将于 {end} 下架；建议 {} 供此前使用", units(facts.quantity)),
            "confirm the last purchase",
            "确认最后一次采购",
        );
    }
    if let Some((from, to, extra)) = facts.promotion
        && let Some(receipt) = facts.expected_receipt
        && extra > 0.0
    {
        if receipt > from && facts.lost_before_arrival.0 > 0.25 * extra {
            add(
                ExceptionCode::PromoUncovered,
                facts.lost_before_arrival.0 * lost_unit,
                format!(
                    "the promotion starts on {from}, a new order arrives on {receipt}; about {} extra demand not covered",
                    units(facts.lost_before_arrival.0)
                ),
                format!(
                    "促销 {from} 开始，新订单 {receipt} 才到；约 {} 需求无法满足",
                    units(facts.lost_before_arrival.0)
                ),
                "expedite, or move the promotion",
                "催货或推迟促销",
            );
        }
        let after = facts.position + facts.quantity - facts.target_level;
        if to < receipt && after > extra && after * facts.unit_cost > MIN_MONEY {
            add(
                ExceptionCode::PromoExcess,
                after * facts.unit_cost,
                format!("the order arrives on {receipt}, after the promotion ended on {to}"),
                format!("订单 {receipt} 到货，促销已于 {to} 结束"),
                "reduce the order",
                "减少订购量",
            );
        }
    }
    if facts.quantity > 0.0 && facts.added_by_minimum > 0.0 && facts.added_by_minimum > 0.5 * facts.quantity {
        let days = if facts.demand_per_day > 0.0 { facts.quantity / facts.demand_per_day } else { f64::INFINITY };
        let cover = if days.is_finite() { format!("{days:.0}") } else { "∞".to_owned() };
        add(
            ExceptionCode::MoqInflated,
            facts.added_by_minimum * facts.unit_cost,
            format!("the minimum order adds {}; the order covers {cover} days", units(facts.added_by_minimum)),
            format!("最小起订量多出 {}；可用 {cover} 天", units(facts.added_by_minimum)),
            "negotiate a smaller minimum or order with other locations",
            "协商更小的起订量或与其他地点合并订购",
        );
    }
    if facts.cut_by_budget > 0.0 {
        add(
            ExceptionCode::BudgetCut,
            facts.cut_by_budget * lost_unit,
            format!("{} cut to stay within the budget or capacity of the order", units(facts.cut_by_budget)),
            format!("因预算或运力限制削减 {}", units(facts.cut_by_budget)),
            "raise the limit where its shadow price is worth it",
            "在影子价格值得时提高限额",
        );
    }
    if facts.cut_by_capacity > 0.0 {
        add(
            ExceptionCode::CapacityCut,
            facts.cut_by_capacity * lost_unit,
            format!("{} cut because shelf, maximum stock or maximum order allow no more", units(facts.cut_by_capacity)),
            format!("因货架、最大库存或最大订量限制削减 {}", units(facts.cut_by_capacity)),
            "order more often or give the item more space",
            "更频繁订货或增加货位",
        );
    }
    if let Some(PhantomStock { probability_empty, saving, reason: (reason, reason_zh) }) = &facts.phantom_stock {
        add(
            ExceptionCode::PhantomStock,
            saving.max(0.0),
            format!("the shelf is empty with {}: {reason}", percent(*probability_empty)),
            format!("货架为空的概率 {}：{reason_zh}", percent(*probability_empty)),
            match facts.is_believed {
                true => "count the shelf; the proposal is for the stock that is expected to be there",
                false => "count the shelf; the proposal is for what the record says",
            },
            match facts.is_believed {
                true => "盘点货架；建议量按预期实际库存计算",
                false => "盘点货架；建议量按账面库存计算",
            },
        );
    }
    if let Some((times, until)) = &facts.surge
        && facts.quantity > 0.0
    {
        add(
            ExceptionCode::SurgeMode,
            facts.quantity * facts.unit_cost,
            format!("{times} times the usual demand is planned for until {until}: somebody must approve the order"),
            format!("按平时需求的 {times} 倍计划至 {until}：订单须人工批准"),
            "look at what the surge comes to; end it on the page Forecast when it is over",
            "查看应急期间的实际需求；结束后请在“预测”页面终止",
        );
    }
    if facts.health < 0.5
        && let Some((finding, finding_zh)) = &facts.worst_finding
    {
        add(
            ExceptionCode::DataBlocked,
            facts.quantity * facts.unit_cost,
            format!("data health is {}: {finding}", percent(facts.health)),
            format!("数据健康度 {}:{finding_zh}", percent(facts.health)),
            "fix the data before ordering",
            "订购前先修正数据",
        );
    }
    if let Some((usual, n)) = facts.usual_order
        && n >= 4
        && facts.quantity > 0.0
        && usual > 0.0
        && !(0.4..=2.5).contains(&(facts.quantity / usual))
    {
        add(
            ExceptionCode::OrderUnusual,
            (facts.quantity - usual).abs() * facts.unit_cost,
            format!("{} proposed, {} is usual over the last {n} orders", units(facts.quantity), units(usual)),
            format!("建议 {}，最近 {n} 次通常为 {}", units(facts.quantity), units(usual)),
            "look at why before approving",
            "批准前请查看原因",
        );
    }
    if let Some(limit) = &facts.freshness_limit {
        let (met, target) = (percent(limit.reachable), percent(limit.target));
        let (why, why_zh) = if limit.too_large {
            let (smallest, sells, days) = (units(limit.smallest_order), units(limit.sells), limit.shelf_life_days);
            (
                format!("the smallest order is {smallest}, about {sells} sell in the {days} days before it expires"),
                format!("最小订量为 {smallest}，保质期 {days} 天内约售出 {sells}"),
            )
        } else {
            let (days, review) = (limit.shelf_life_days, limit.review_days);
            (
                format!("it keeps {days} days and can be ordered every {review}"),
                format!("保质期 {days} 天，每 {review} 天才能订货一次"),
            )
        };
        let (then, then_zh) = if limit.is_ordered {
            let waste = units(limit.waste);
            (
                format!("at best {met} of demand is met (target {target}) and about {waste} of each order thrown away"),
                format!("最多满足 {met} 的需求（目标 {target}），每次订货约报废 {waste}"),
            )
        } else {
            (
                format!("that waste costs more than the sales bring, so nothing is ordered (target {target})"),
                format!("报废成本高于销售收益，因此不订购（目标 {target}）"),
            )
        };
        add(
            ExceptionCode::TargetUnreachable,
            limit.waste * facts.unit_cost + limit.lost * lost_unit,
            format!("{why}; {then}"),
            format!("{why_zh}；{then_zh}"),
            "ask for a smaller case or more order days, share cases with other locations, or lower the target",
            "争取更小的包装或更多订货日，与其他地点分摊，或降低目标",
        );
    }
    if facts.no_order_day {
        add(
            ExceptionCode::CalendarGap,
            facts.demand_per_day * 7.0 * lost_unit,
            "no order day within the horizon".to_owned(),
            "计划期内没有订货日".to_owned(),
            "check the order days of the supplier or lane",
            "检查供应商或线路的订货日",
        );
    }
    found
}

/// Whether an exception says that a line runs out before an order can help.
pub(crate) fn runs_out(exception: &PlanException) -> bool {
    matches!(exception.code, ExceptionCode::StockoutNow | ExceptionCode::StockoutBeforeArrival)
}

/// What only several lines together tell: for lines likely to run out before a new order can arrive, another location of
/// the same network with more than it needs (its own source left out, that is an ordinary order), and substitutes with
/// stock to spare.
pub(crate) fn across_lines<'a>(
    plans: impl Iterator<Item = &'a UnitPlan> + Clone,
    dataset: &Dataset,
    settings: &PlanSettings,
) -> Vec<PlanException> {
    let networks = networks(dataset);
    let mut by_item: HashMap<&str, Vec<&UnitPlan>> = HashMap::new();
    for unit in plans.clone() {
        by_item.entry(&unit.line.item_id).or_default().push(unit);
    }
    let mut substitutes: HashMap<&str, Vec<(&str, f64)>> = HashMap::new();
    for row in &dataset.substitutions {
        let [from, to] = [row.from, row.to].map(|item| dataset.items[item.0 as usize].item_id.as_str());
        substitutes.entry(from).or_default().push((to, row.rate));
    }
    let mut found = Vec::new();
    for unit in plans {
        let line = &unit.line;
        let lost = unit.totals.lost_before_arrival;
        let money = unit
            .exceptions
            .iter()
            .find_map(|exception| runs_out(exception).then(|| exception.expected_money.to_f64().unwrap_or(0.0)));
        let Some(money) = money.filter(|money| *money > MIN_MONEY && lost > 0.0) else { continue };
        let exception = |code, money, message, message_zh, action: &str, action_zh: &str| PlanException {
            code,
            item_id: line.item_id.clone(),
            location_id: line.location_id.clone(),
            expected_money: to_money(money),
            message,
            message_zh,
            action: action.to_owned(),
            action_zh: action_zh.to_owned(),
        };

        let network = networks.get(line.location_id.as_str());
        let donor = by_item[line.item_id.as_str()]
            .iter()
            .filter(|other| {
                let id = &other.line.location_id;
                *id != line.location_id
                    && line.source != ProposalSource::LocationId(id.clone())
                    && networks.get(id.as_str()) == network
            })
            .map(|other| (spare(other), &other.line.location_id))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)));
        if let Some((spare, from)) = donor {
            let step = 10_f64.powi(-i32::from(line.quantity.decimals()));
            let quantity = (lost / step).ceil().min((spare / step).floor()) * step;
            let benefit = money * (quantity / lost).min(1.0) - settings.order_cost;
            if quantity > 0.0 && benefit > MIN_MONEY {
                found.push(exception(
                    ExceptionCode::TransferOpportunity,
                    benefit,
                    format!(
                        "{from} has {} above its target and {OVERSTOCK_DAYS:.0} days; sending {} now saves about {benefit:.2}",
                        units(spare),
                        units(quantity)
                    ),
                    format!(
                        "{from} 在目标和 {OVERSTOCK_DAYS:.0} 天需求之外多出 {}；现在调拨 {} 可挽回约 {benefit:.2}",
                        units(spare),
                        units(quantity)
                    ),
                    "transfer it if it can be there before the next delivery",
                    "若能在下次到货前送达，请调拨",
                ));
            }
        }

        let others = substitutes.get(line.item_id.as_str()).into_iter().flatten();
        let substitute = others
            .filter_map(|(id, rate)| {
                let other = by_item.get(id)?.iter().find(|other| other.line.location_id == line.location_id)?;
                let on_hand = other.line.on_hand.to_f64();
                // What the substitute sells itself until then is not to spare.
                let spare = on_hand - other.line.demand_per_day * line.lead_time_days;
                let taken = (rate.clamp(0.0, 1.0) * lost).min(spare);
                (!other.line.stock_assumed && taken > 0.0).then_some((taken, *id, on_hand))
            })
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)));
        if let Some((taken, id, on_hand)) = substitute {
            found.push(exception(
                ExceptionCode::SubstituteAvailable,
                money * taken / lost,
                format!("{id} can take about {} of the demand; {} in stock", units(taken), units(on_hand)),
                format!("{id} 可替代约 {} 的需求；现有 {}", units(taken), units(on_hand)),
                "offer the substitute, and give it the room on the shelf",
                "推荐替代品，并为其留出货位",
            ));
        }
    }
    found
}

/// Counted units that a location needs neither for its target nor for the 28 days after.
fn spare(unit: &UnitPlan) -> f64 {
    let line = &unit.line;
    if line.stock_assumed {
        return 0.0;
    }
    let needed = line.target_level.to_f64() + OVERSTOCK_DAYS * line.demand_per_day;
    (line.position.to_f64() - needed).min(line.on_hand.to_f64()).max(0.0)
}

/// A number for each location that is the same for locations joined by lanes or parents, in any number of steps.
/// Without any of these, all locations are one network.
fn networks(dataset: &Dataset) -> HashMap<&str, usize> {
    let mut network: Vec<usize> = (0..dataset.locations.len()).collect();
    let mut joined = false;
    let mut join = |a: usize, b: usize| {
        joined = true;
        let (a, b) = (network[a], network[b]);
        if a == b {
            return;
        }
        network.iter_mut().filter(|one| **one == b).for_each(|one| *one = a);
    };
    for row in &dataset.sources {
        let Origin::Location(from) = row.origin else { continue };
        match row.to_location {
            Some(to) if to == from => {}
            Some(to) => join(from.0 as usize, to.0 as usize),
            None => (0..dataset.locations.len()).for_each(|to| join(from.0 as usize, to)),
        }
    }
    for (idx, location) in dataset.locations.iter().enumerate() {
        let parent = location.parent_id.as_deref().filter(|parent| !parent.is_empty());
        let parent = parent.and_then(|parent| dataset.locations.iter().position(|other| other.location_id == parent));
        if let Some(parent) = parent {
            join(parent, idx);
        }
    }
    let number = |idx: usize| if joined { network[idx] } else { 0 };
    dataset.locations.iter().enumerate().map(|(idx, location)| (location.location_id.as_str(), number(idx))).collect()
}

/// Most money first; ties by item, location and code, so that the order never depends on anything else.
pub(crate) fn rank(exceptions: &mut [PlanException]) {
    exceptions.sort_by(|a, b| {
        b.expected_money
            .cmp(&a.expected_money)
            .then_with(|| (&a.item_id, &a.location_id, a.code).cmp(&(&b.item_id, &b.location_id, b.code)))
    });
}

fn to_money(value: f64) -> Money {
    Decimal::from_f64(value.max(0.0)).unwrap_or_default().round_dp(2)
}

fn units(value: f64) -> String {
    if (value - value.round()).abs() < 0.05 || value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> ExceptionFacts {
        ExceptionFacts {
            item_id: "milk".into(),
            location_id: "S01".into(),
            as_of: "2026-03-02".parse().unwrap(),
            unit_cost: 0.78,
            unit_margin: 0.41,
            on_hand: 30.0,
            stock_known: true,
            demand_per_day: 10.0,
            recent_and_earlier_demand: Some((10.2, 9.8)),
            n_selling_days: 110,
            days_since_last_sale: Some(1),
            target_level: 60.0,
            position: 42.0,
            quantity: 18.0,
            lost_before_arrival: (0.1, 0.04),
            expected_receipt: Some("2026-03-04".parse().unwrap()),
            health: 1.0,
            ..ExceptionFacts::default()
        }
    }

    fn codes(facts: &ExceptionFacts) -> Vec<ExceptionCode> {
        exceptions(facts).into_iter().map(|exception| exception.code).collect()
    }

    #[test]
    fn a_calm_line_has_none() {
        assert_eq!(codes(&calm()), []);
    }

    #[test]
    fn an_empty_shelf_is_told_with_its_money() {
        let facts = ExceptionFacts { on_hand: 0.0, lost_before_arrival: (20.0, 0.99), ..calm() };
        let found = exceptions(&facts);
        insta::assert_snapshot!(found[0].message, @"out of stock; about 20 expected to be lost before a new order can arrive on 2026-03-04");
        insta::assert_snapshot!(found[0].message_zh, @"已缺货；新订单最早 2026-03-04 到货，此前预计损失约 20");
        assert_eq!(found[0].expected_money, "8.20".parse().unwrap());
        // Stock that was only assumed to be empty is no stock-out anybody saw.
        assert!(!codes(&ExceptionFacts { stock_known: false, ..facts }).contains(&ExceptionCode::StockoutNow));
    }

    #[test]
    fn what_stores_ask_for_waits_and_is_not_called_lost() {
        let short = ExceptionFacts { unmet_waits: true, lost_before_arrival: (8.0, 0.7), ..calm() };
        let found = exceptions(&short);
        insta::assert_snapshot!(found[0].message, @"70 % likely to run out before a new order can arrive on 2026-03-04; about 8 will have to wait");
        insta::assert_snapshot!(found[0].message_zh, @"新订单最早 2026-03-04 到货，此前有 70 % 的概率断货，预计需等待约 8");
        let found = exceptions(&ExceptionFacts { on_hand: 0.0, ..short });
        insta::assert_snapshot!(found[0].message, @"out of stock; about 8 expected to wait before a new order can arrive on 2026-03-04");
    }

    #[test]
    fn each_fact_raises_its_code() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        use ExceptionCode::*;
        for (facts, code) in [
            (ExceptionFacts { lost_before_arrival: (8.0, 0.7), ..calm() }, StockoutBeforeArrival),
            (ExceptionFacts { overdue: vec![("PO-1".into(), 24.0, day("2026-02-20"))], ..calm() }, LateSupply),
            (ExceptionFacts { position: 600.0, on_hand: 600.0, ..calm() }, Overstock),
            (ExceptionFacts { days_since_last_sale: Some(200), ..calm() }, DeadStock),
            (ExceptionFacts { expiring: (6.0, Some(day("2026-03-05"))), ..calm() }, ExpiryRisk),
            (ExceptionFacts { recent_and_earlier_demand: Some((25.0, 9.0)), ..calm() }, DemandSpike),
            (ExceptionFacts { recent_and_earlier_demand: Some((3.0, 9.0)), ..calm() }, DemandDrop),
            (ExceptionFacts { new_item_days: Some(5), ..calm() }, NewItemNoMatch),
            (ExceptionFacts { planned_end: Some(day("2026-04-01")), ..calm() }, EndOfLifeBuy),
            (ExceptionFacts { added_by_minimum: 12.0, ..calm() }, MoqInflated),
            (ExceptionFacts { cut_by_budget: 6.0, ..calm() }, BudgetCut),
            (ExceptionFacts { cut_by_capacity: 6.0, ..calm() }, CapacityCut),
            (ExceptionFacts { phantom_stock: Some(Default::default()), ..calm() }, PhantomStock),
            (ExceptionFacts { health: 0.2, worst_finding: Some(("x".into(), "x".into())), ..calm() }, DataBlocked),
            (ExceptionFacts { usual_order: Some((100.0, 8)), ..calm() }, OrderUnusual),
            (ExceptionFacts { no_order_day: true, ..calm() }, CalendarGap),
            (ExceptionFacts { freshness_limit: Some(FreshnessLimit::default()), ..calm() }, TargetUnreachable),
            (ExceptionFacts { validation: Some((validation([84.0, 56.0, 112.0]), 1.0)), ..calm() }, ForecastBias),
        ] {
            assert_eq!(codes(&facts), [code]);
        }
    }

    /// A minimum that ends in no order inflates nothing.
    #[test]
    fn no_order_is_not_inflated() {
        assert_eq!(codes(&ExceptionFacts { added_by_minimum: 12.0, quantity: 0.0, ..calm() }), []);
    }

    #[test]
    fn goods_too_fresh_for_their_case_are_told_with_numbers() {
        let limit = FreshnessLimit {
            smallest_order: 24.0,
            sells: 9.0,
            shelf_life_days: 3,
            review_days: 7,
            too_large: true,
            is_ordered: true,
            waste: 15.0,
            lost: 11.0,
            reachable: 0.43,
            target: 0.98,
        };
        let found = exceptions(&ExceptionFacts { freshness_limit: Some(limit.clone()), ..calm() });
        insta::assert_snapshot!(found[0].message, @"the smallest order is 24, about 9 sell in the 3 days before it expires; at best 43 % of demand is met (target 98 %) and about 15 of each order thrown away");
        insta::assert_snapshot!(found[0].message_zh, @"最小订量为 24，保质期 3 天内约售出 9；最多满足 43 % 的需求（目标 98 %），每次订货约报废 15");
        // 15 at 0.78 and 11 at 0.41.
        assert_eq!(found[0].expected_money, "16.21".parse().unwrap());
        let limit = FreshnessLimit { too_large: false, is_ordered: false, ..limit };
        let found = exceptions(&ExceptionFacts { freshness_limit: Some(limit), ..calm() });
        insta::assert_snapshot!(found[0].message, @"it keeps 3 days and can be ordered every 7; that waste costs more than the sales bring, so nothing is ordered (target 98 %)");
    }

    /// Three windows of 28 days that sold 10 a day, with errors of 2 a day around `window_errors`.
    fn validation(window_errors: [f64; 3]) -> Validation {
        Validation { n_periods: 84, demand: 840.0, absolute_error: 252.0, window_errors: window_errors.to_vec() }
    }

    #[test]
    fn a_bias_is_large_lasting_and_no_accident() {
        let found = |validation| exceptions(&ExceptionFacts { validation: Some((validation, 1.0)), ..calm() });
        let high = found(validation([84.0, 56.0, 112.0]));
        insta::assert_snapshot!(high[0].message, @"forecasts of the last 84 days were too high in each of 3 windows: 13.0 a day expected, 10.0 wanted (tracking signal +84)");
        insta::assert_snapshot!(high[0].message_zh, @"近 84 天的预测在 3 个窗口中都偏高：预期每天 13.0，实际需求 10.0（跟踪信号 +84）");
        assert_eq!(high[0].expected_money, "65.52".parse().unwrap(), "3 a day for 28 days at 0.78");
        let low = found(validation([-84.0, -56.0, -112.0]));
        assert!(low[0].message.contains("too low"), "{}", low[0].message);
        assert!(found(validation([280.0, -14.0, 14.0])).is_empty(), "one window is no lasting bias");
        assert!(found(validation([28.0, 28.0, 28.0])).is_empty(), "a tenth is not worth a look");
        let noisy = Validation { absolute_error: 2520.0, ..validation([84.0, 56.0, 112.0]) };
        assert!(found(noisy).is_empty(), "within the noise of the errors");
        let short = Validation { window_errors: vec![126.0, 126.0], ..validation([0.0; 3]) };
        assert!(found(short).is_empty(), "two windows are too few");
    }

    #[test]
    fn a_record_that_is_probably_wrong_is_told_with_what_a_count_saves() {
        let reason = ("no sale for 9 days where 14.2 were expected; the record says 22".to_owned(), String::new());
        let phantom_stock = Some(crate::unit::PhantomStock { probability_empty: 0.93, saving: 31.4, reason });
        let found = exceptions(&ExceptionFacts { phantom_stock, ..calm() });
        insta::assert_snapshot!(found[0].message, @"the shelf is empty with 93 %: no sale for 9 days where 14.2 were expected; the record says 22");
        assert_eq!(found[0].expected_money, "31.4".parse().unwrap());
    }

    #[test]
    fn most_money_comes_first() {
        let mut all = exceptions(&ExceptionFacts {
            cut_by_budget: 1.0,
            on_hand: 0.0,
            lost_before_arrival: (20.0, 1.0),
            ..calm()
        });
        all.reverse();
        rank(&mut all);
        assert_eq!(all[0].code, ExceptionCode::StockoutNow);
    }
}
