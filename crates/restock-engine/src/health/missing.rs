//! What each absent table would improve, with numbers of this dataset.

use restock_core::{Bucket, Period};
use serde::{Deserialize, Serialize};

use super::facts::Facts;

/// A table that was not given and what it would improve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingTable {
    /// Name of the table, for example `inventory`.
    pub table: String,
    /// What it would improve, in English.
    pub improves: String,
    /// The same in Chinese.
    pub improves_zh: String,
    /// How many item-locations (or items, lanes: the sentence says which) it concerns.
    pub n_affected: usize,
}

/// Absent tables, most useful first.
pub(super) fn missing_tables(facts: &Facts<'_>) -> Vec<MissingTable> {
    let dataset = facts.dataset;
    let settings = facts.settings;
    let n_pairs = facts.pairs.len();
    let n_items = dataset.items.len();
    let mut missing: Vec<MissingTable> = Vec::new();
    let mut add = |table: &str, n_affected: usize, improves: String, improves_zh: String| {
        missing.push(MissingTable { table: table.to_owned(), improves, improves_zh, n_affected });
    };

    let n_unknown_stock =
        facts.pairs.iter().filter(|pair| pair.inventory.is_empty() && !facts.is_made_to_order(pair)).count();
    if dataset.inventory.is_empty() {
        add(
            "inventory",
            n_pairs,
            format!(
                "stock of all {n_pairs} item-locations is assumed; with counts an order replaces what is really gone, and \
                 stock-outs in the past are seen"
            ),
            format!("全部 {n_pairs} 个商品-地点的库存为假定值；有盘点数据后订单才能补足真实缺口，并识别历史缺货"),
        );
    } else if n_unknown_stock * 20 > n_pairs {
        add(
            "inventory",
            n_unknown_stock,
            format!("{n_unknown_stock} of {n_pairs} item-locations have no stock row; their stock is assumed"),
            format!("{n_pairs} 个商品-地点中有 {n_unknown_stock} 个没有库存行，其库存为假定值"),
        );
    }
    if dataset.open_orders.is_empty() {
        add(
            "open_orders",
            n_pairs,
            "supply on the way is unknown: what is already ordered would be ordered again".to_owned(),
            "在途供应未知，已下单的数量会被重复订购".to_owned(),
        );
    }
    if dataset.sources.is_empty() {
        add(
            "sources",
            n_pairs,
            format!(
                "every order assumes a lead time of {} days, a review every {} days, single pieces and no minimum",
                settings.default_lead_time_days, settings.default_review_days
            ),
            format!(
                "所有订单假定提前期 {} 天、每 {} 天订货、可单件且无起订量",
                settings.default_lead_time_days, settings.default_review_days
            ),
        );
    }
    if dataset.receipts.is_empty() {
        let n_lanes = dataset.sources.len();
        add(
            "receipts",
            n_lanes.max(1),
            format!(
                "lead times are taken as written ({n_lanes} lanes) and as certain; past receipts teach how long they take, \
                 how much they vary, and who delivers late or short"
            ),
            format!("提前期按配置（{n_lanes} 条供货线）且视为确定；历史收货可学习真实提前期、波动与迟交短交"),
        );
    }
    // A plan takes the cost of the lane, the item or the last receipt, whichever is there.
    let is_cost_known = dataset.items.iter().any(|item| item.unit_cost.is_some())
        || dataset.sources.iter().any(|lane| lane.unit_cost.is_some())
        || dataset.receipts.iter().any(|receipt| receipt.unit_cost.is_some());
    if n_items > 0 && !is_cost_known {
        add(
            "items",
            n_items,
            format!(
                "no unit cost for {n_items} items: value, holding cost and budget cannot be told, and lost sales are \
                 priced at an assumed margin of {:.0} %",
                settings.assumed_margin_share * 100.0
            ),
            format!(
                "{n_items} 个商品没有成本：无法计算金额、持有成本与预算，缺货损失按假定毛利 {:.0}% 计",
                settings.assumed_margin_share * 100.0
            ),
        );
    }
    if dataset.stockouts.is_empty() && dataset.inventory.is_empty() && dataset.sales.stockout_share.is_empty() {
        // Periods without a sale are the ones that could be either.
        let (n_zero, n_periods) = zero_periods(facts);
        if n_zero > 0 {
            let share = n_zero as f64 / n_periods as f64 * 100.0;
            let word = settings.bucket.plural();
            let word_zh = match settings.bucket {
                Bucket::Day => "日",
                Bucket::Week => "周",
                Bucket::Month => "月",
            };
            add(
                "stockouts",
                n_pairs,
                format!(
                    "{share:.0} % of item-{word} have no sale; without stock-out dates or stock counts only long gaps can be \
                     recognised as empty shelves, and demand is underestimated"
                ),
                format!("{share:.0}% 的商品-{word_zh}没有销售；缺少缺货日期或库存，只能识别长时间空架，需求会被低估"),
            );
        }
    }
    let n_promoted = dataset.sales.on_promotion.iter().filter(|flag| **flag == 1).count();
    if dataset.promotions.is_empty() && n_promoted > 0 {
        add(
            "promotions",
            n_promoted,
            format!(
                "{n_promoted} sales rows ran on promotion, but coming promotions are unknown: orders will miss them"
            ),
            format!("有 {n_promoted} 行销售处于促销，但未来促销未知，订单无法预先备货"),
        );
    } else if dataset.promotions.is_empty() && dataset.sales.on_promotion.is_empty() {
        add(
            "promotions",
            n_items,
            "past promotions look like ordinary demand, and coming ones are not stocked for".to_owned(),
            "历史促销被当作普通需求，未来促销无法备货".to_owned(),
        );
    }
    if dataset.prices.is_empty() && dataset.sales.unit_price.is_empty() && dataset.sales.price_ratio.is_empty() {
        add(
            "prices",
            n_items,
            "price changes cannot explain demand, and margins are assumed".to_owned(),
            "价格变化无法解释需求，毛利为假定值".to_owned(),
        );
    }
    let has_holidays = dataset.events.iter().any(|_| true) || dataset.sales.holiday.contains(&1);
    if !has_holidays {
        add(
            "events",
            dataset.locations.len(),
            "holidays are not known, so their peaks and closures surprise the forecast".to_owned(),
            "节假日未知，其高峰与停业会使预测失准".to_owned(),
        );
    }
    let n_perishable = dataset.items.iter().filter(|item| item.shelf_life_days.is_some()).count();
    let n_lots = dataset.inventory.iter().filter(|row| row.expiry.is_some()).count();
    if n_perishable > 0 && n_lots == 0 && !dataset.inventory.is_empty() {
        add(
            "inventory",
            n_perishable,
            format!(
                "{n_perishable} items have a shelf life but no stock row has an expiry date: all stock counts as fresh"
            ),
            format!("{n_perishable} 个商品有保质期，但库存没有到期日：全部按新鲜计"),
        );
    }
    missing
}

/// Item-periods without a sale and item-periods in all, from first to last known sale of each item-location.
fn zero_periods(facts: &Facts<'_>) -> (usize, usize) {
    use rayon::prelude::*;
    facts
        .pairs
        .par_iter()
        .map(|pair| {
            let history = facts.history(pair);
            let mut periods: Vec<Period> =
                history.sale_days().map(|day| facts.settings.bucket.period_of(day.day)).collect();
            periods.dedup();
            match (periods.first(), periods.last()) {
                (Some(first), Some(last)) => {
                    let n_periods = (last - first) as usize + 1;
                    (n_periods - periods.len(), n_periods)
                }
                _ => (0, 0),
            }
        })
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
}
