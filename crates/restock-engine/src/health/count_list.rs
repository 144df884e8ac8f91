//! What to count first: item-locations of which the records are probably wrong, by the money that a count saves.
//!
//! The belief about the true stock is that of [`restock_inventory::stock_belief`]; here it is made of tables. Stock tables
//! are what the records say; somebody counted where an adjustment has the reason `count`. How busy a place was, and how an
//! item sells elsewhere, is read off the sales of all items, so no calendar is needed. Histories by week or month say too
//! little about days: for them there is no list.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use restock_core::finding::in_singular;
use restock_core::settings::MissingSales;
use restock_core::{Bucket, Day, Finding, FindingCode, ItemIdx, LocationIdx, Quantity, Severity, Units};
use restock_inventory::stock_belief::{
    Assessment, Busyness, CountCosts, CountedError, DayEvidence, Evidence, Invisible, InvisibleByCategory, assess,
};
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::facts::{Facts, Pair};
use super::finding;

/// One item-location to count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CountLine {
    /// The item.
    pub item_id: String,
    /// Its name; empty when unknown.
    pub item_name: String,
    /// The location.
    pub location_id: String,
    /// What the records say, base units.
    pub recorded: Quantity,
    /// Probability that nothing is there.
    pub probability_empty: f64,
    /// Expected true stock, base units.
    pub expected_on_hand: f64,
    /// Money that is expected to be lost per day while nobody knows.
    pub lost_per_day: f64,
    /// Money that a count is expected to save, less what it costs.
    pub saving: f64,
    /// Days since the last sale on which it could have sold.
    pub n_quiet_days: usize,
    /// Base units that were to be expected on those days.
    pub expected_when_quiet: f64,
    /// Why, in a sentence.
    pub reason: String,
    /// The same in Chinese.
    pub reason_zh: String,
}

/// Days of history that a belief is formed on.
const N_DAYS: usize = 180;

/// Probability of an empty shelf from which it is a finding.
const IS_FOUND: f64 = 0.6;

/// Item-locations to count, the most worth it first: where a count is expected to save more than it costs, or the shelf is
/// almost certainly empty.
pub(super) fn count_list(facts: &Facts<'_>) -> Vec<CountLine> {
    if facts.settings.bucket != Bucket::Day {
        return Vec::new();
    }
    let business = Business::of(facts);
    let mut lines: Vec<CountLine> = facts.pairs.par_iter().filter_map(|pair| business.line(facts, pair)).collect();
    lines.sort_by(|a, b| {
        b.saving.total_cmp(&a.saving).then_with(|| (&a.item_id, &a.location_id).cmp(&(&b.item_id, &b.location_id)))
    });
    lines
}

/// D07: the record has stock, and the belief is that nothing is there.
pub(super) fn d07_phantom_stock(facts: &Facts<'_>, lines: &[CountLine]) -> Vec<Finding> {
    let lines: HashMap<(&str, &str), &CountLine> = lines
        .iter()
        .filter(|line| line.probability_empty >= IS_FOUND && line.n_quiet_days > 0)
        .map(|line| ((line.item_id.as_str(), line.location_id.as_str()), line))
        .collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let found = facts.pairs.iter().filter_map(|pair| {
        let line = lines.get(&facts.ids(pair.item, pair.location))?;
        let (_, rows) = facts.latest_stock(pair)?;
        let (recorded, n_days, expected) = (line.recorded, line.n_quiet_days, line.expected_when_quiet);
        let percent = (line.probability_empty * 100.0).floor();
        let found = finding(
            FindingCode::D07,
            Severity::Warning,
            [
                format!(
                    "{recorded} units on the books and no sale for {n_days} days where {expected:.1} were expected: \
                     the shelf is empty with {percent:.0} %"
                ),
                format!(
                    "账面库存 {recorded} 件，但已连续 {n_days} 天无销售，而预期为 {expected:.1} 件：货架为空的概率 {percent:.0}%"
                ),
            ],
            ["count the stock; restock check --counts lists what to count first", "请盘点实物；restock check --counts 列出优先盘点项"],
        );
        Some(found.about(facts, pair.item, pair.location).rows(rows.iter().map(|row| row.row)))
    });
    found.collect()
}

/// What the belief about one item-location takes from all of them.
struct Business {
    /// The first day of the histories.
    first: Day,
    busyness: Busyness,
    /// `[n_days]` by item: base units sold everywhere; nothing where only one location sells it.
    everywhere: HashMap<ItemIdx, Vec<f32>>,
    /// By location: index of the first day with a receipt.
    known_from: Vec<usize>,
    receipts: HashMap<(ItemIdx, LocationIdx), Vec<u32>>,
    adjustments: HashMap<(ItemIdx, LocationIdx), Vec<u32>>,
    /// Days to the next open order.
    days_to_supply: HashMap<(ItemIdx, LocationIdx), f64>,
    invisible: InvisibleByCategory,
}

/// Whether an adjustment is the difference that a count found.
fn is_count(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["count", "stocktake", "inventur", "盘点"].iter().any(|word| reason.contains(word))
}

impl Business {
    fn of(facts: &Facts<'_>) -> Self {
        let dataset = facts.dataset;
        let first = facts.as_of.plus(-(N_DAYS as i32));
        let day_idx = |day: Day| usize::try_from(day.0 - first.0).ok().filter(|idx| *idx < N_DAYS);
        let mut n_selling = vec![vec![0_u32; N_DAYS]; dataset.locations.len()];
        let mut n_places: HashMap<ItemIdx, u32> = HashMap::new();
        for pair in facts.pairs.iter().filter(|pair| !pair.sales.is_empty()) {
            *n_places.entry(pair.item).or_default() += 1;
        }
        let mut everywhere: HashMap<ItemIdx, Vec<f32>> = HashMap::new();
        for pair in &facts.pairs {
            let mut last = None;
            for row in pair.sales.clone() {
                let sold = dataset.sales.quantity[row].to_f64();
                let Some(idx) = day_idx(dataset.sales.day[row]).filter(|_| sold > 0.0) else { continue };
                if last != Some(idx) {
                    n_selling[pair.location.0 as usize][idx] += 1;
                    last = Some(idx);
                }
                if n_places[&pair.item] > 1 {
                    everywhere.entry(pair.item).or_insert_with(|| vec![0.0; N_DAYS])[idx] += sold as f32;
                }
            }
        }
        let mut known_from = vec![N_DAYS; dataset.locations.len()];
        let mut receipts: HashMap<(ItemIdx, LocationIdx), Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.receipts.iter().enumerate() {
            let Some(location) = row.location else { continue };
            receipts.entry((row.item, location)).or_default().push(idx as u32);
            let known = &mut known_from[location.0 as usize];
            *known = (*known).min((row.received_on.0 - first.0).max(0) as usize);
        }
        let mut adjustments: HashMap<(ItemIdx, LocationIdx), Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.adjustments.iter().enumerate() {
            adjustments.entry((row.item, row.location)).or_default().push(idx as u32);
        }
        let mut days_to_supply: HashMap<(ItemIdx, LocationIdx), f64> = HashMap::new();
        for order in dataset.open_orders.iter().filter(|order| order.received < order.quantity) {
            let Some(due) = order.due_on.filter(|due| *due >= facts.as_of) else { continue };
            let days = f64::from(due.0 - facts.as_of.0);
            let known = days_to_supply.entry((order.item, order.to_location)).or_insert(days);
            *known = known.min(days);
        }
        let mut business = Self {
            first,
            busyness: Busyness::of(&n_selling),
            everywhere,
            known_from,
            receipts,
            adjustments,
            days_to_supply,
            invisible: InvisibleByCategory::learned(&BTreeMap::new()),
        };
        business.invisible = business.learned(facts);
        business
    }

    /// How records go wrong, from counts.
    fn learned(&self, facts: &Facts<'_>) -> InvisibleByCategory {
        let mut errors: BTreeMap<&str, Vec<CountedError>> = BTreeMap::new();
        for pair in &facts.pairs {
            let key = (pair.item, pair.location);
            let rows = self.adjustments.get(&key).into_iter().flatten();
            if !rows.clone().any(|idx| is_count(&facts.dataset.adjustments[*idx as usize].reason)) {
                continue;
            }
            let Some((days, recorded)) = self.days(facts, pair) else { continue };
            // The record after each day, from the last one backwards.
            let mut record = recorded;
            let mut counts = Vec::new();
            for (idx, day) in days.iter().enumerate().rev() {
                if day.counted {
                    counts.push((idx, day.corrected, record));
                }
                record += day.sold - day.moved - day.corrected;
            }
            let mut since = -(Invisible::UNCOUNTED_DAYS as f64);
            let category = errors.entry(facts.dataset.items[pair.item.0 as usize].category.as_str()).or_default();
            for (idx, corrected, found) in counts.into_iter().rev() {
                let n_days = idx as f64 - since;
                category.push(CountedError { n_days, error: corrected as f64, found_nothing: found <= 0 });
                since = idx as f64;
            }
        }
        InvisibleByCategory::learned(&errors)
    }

    /// The days of a pair, and what its record says after them; `None` where no table tells its stock.
    fn days(&self, facts: &Facts<'_>, pair: &Pair) -> Option<(Vec<DayEvidence>, Units)> {
        let dataset = facts.dataset;
        let key = (pair.item, pair.location);
        let scale = 10_f64.powi(i32::from(dataset.items[pair.item.0 as usize].decimals));
        let units = |quantity: Quantity| (quantity.to_f64() * scale).round() as Units;
        let (counted_on, rows) = facts.latest_stock(pair)?;
        let recorded_then: Units = rows.iter().map(|row| units(row.on_hand)).sum();
        let mut since_record = 0;
        let is_after = |day: Day| counted_on.is_some_and(|on| on < day) && day < facts.as_of;
        let location = pair.location.0 as usize;
        let shares = self.busyness.shares(location);
        let first_sale = facts.dataset.sales.day.get(pair.sales.start).copied().unwrap_or(facts.as_of);
        let explicit = facts.settings.missing_sales != MissingSales::Zero;
        let mut days: Vec<DayEvidence> = shares
            .iter()
            .enumerate()
            .map(|(idx, share)| {
                // Before its first sale it may not have been on sale.
                let day = self.first.plus(idx as i32);
                let can_sell = first_sale <= day && facts.is_sellable(pair, day);
                DayEvidence { share: if can_sell && !explicit { *share } else { 0.0 }, ..DayEvidence::default() }
            })
            .collect();
        let day_idx = |day: Day| usize::try_from(day.0 - self.first.0).ok().filter(|idx| *idx < N_DAYS);
        for day in &facts.history(pair).days {
            let (sold, returned) = ((day.sold * scale).round() as Units, (day.returned * scale).round() as Units);
            if is_after(day.day) {
                since_record += returned - sold;
            }
            let Some(idx) = day_idx(day.day) else { continue };
            days[idx].sold += sold;
            days[idx].moved += returned;
            if explicit {
                days[idx].share = shares[idx];
            }
        }
        for row in self.receipts.get(&key).into_iter().flatten().map(|idx| &dataset.receipts[*idx as usize]) {
            let quantity = units(row.quantity);
            if is_after(row.received_on) {
                since_record += quantity;
            }
            if let Some(idx) = day_idx(row.received_on) {
                days[idx].moved += quantity;
            }
        }
        for row in self.adjustments.get(&key).into_iter().flatten().map(|idx| &dataset.adjustments[*idx as usize]) {
            let quantity = units(row.quantity);
            if is_after(row.day) {
                since_record += quantity;
            }
            let Some(idx) = day_idx(row.day) else { continue };
            if is_count(&row.reason) {
                days[idx].counted = true;
                days[idx].corrected += quantity;
            } else {
                days[idx].moved += quantity;
            }
        }
        if let Some(sold) = self.everywhere.get(&pair.item) {
            let others: Vec<f64> =
                sold.iter().zip(&days).map(|(all, day)| (f64::from(*all) - day.sold as f64 / scale).max(0.0)).collect();
            self.busyness.weigh(location, &others, &mut days);
        }
        Some((days, recorded_then + since_record))
    }

    fn line(&self, facts: &Facts<'_>, pair: &Pair) -> Option<CountLine> {
        let item = &facts.dataset.items[pair.item.0 as usize];
        if pair.sales.is_empty() || !facts.is_listed(pair, facts.as_of.plus(-1)) {
            return None;
        }
        let (days, recorded) = self.days(facts, pair)?;
        let evidence = Evidence {
            days: &days,
            recorded,
            n_uncounted_days: Invisible::UNCOUNTED_DAYS,
            known_from: self.known_from[pair.location.0 as usize].min(N_DAYS),
            invisible: self.invisible.of(&item.category),
        };
        let believed = assess(&evidence)?;
        let key = (pair.item, pair.location);
        let lane = facts.lane(pair);
        let lead_time = lane.and_then(|lane| lane.lead_time_days).unwrap_or(facts.settings.default_lead_time_days);
        let review = lane.and_then(|lane| facts.review_days(lane)).unwrap_or(facts.settings.default_review_days);
        let days_to_supply = self.days_to_supply.get(&key).copied();
        let (margin, money_known) = margin(facts, pair);
        let scale = 10_f64.powi(i32::from(item.decimals));
        let costs = CountCosts {
            lost_unit: margin / scale,
            days_until_found: believed.days_until_found(recorded, days_to_supply, lead_time + review),
            count: if money_known { facts.settings.count_cost } else { 0.0 },
        };
        let saving = believed.value_of_count(&costs);
        if saving <= 0.0 && believed.probability_empty < IS_FOUND {
            return None;
        }
        let recorded = Quantity::from_units(recorded, item.decimals);
        let (reason, reason_zh) = reason(&believed, recorded, scale);
        let (item_id, location_id) = facts.ids(pair.item, pair.location);
        Some(CountLine {
            item_id: item_id.to_owned(),
            item_name: item.name.clone(),
            location_id: location_id.to_owned(),
            recorded,
            probability_empty: believed.probability_empty,
            expected_on_hand: believed.expected_on_hand / scale,
            lost_per_day: believed.lost_per_day * costs.lost_unit,
            saving,
            n_quiet_days: believed.n_quiet_days,
            expected_when_quiet: believed.expected_when_quiet / scale,
            reason,
            reason_zh,
        })
    }
}

/// Money lost with a base unit of unmet demand, and whether it is known: 1 per unit where neither cost nor price is.
fn margin(facts: &Facts<'_>, pair: &Pair) -> (f64, bool) {
    let item = &facts.dataset.items[pair.item.0 as usize];
    let positive =
        |money: Option<restock_core::Money>| money.and_then(|money| money.to_f64()).filter(|money| *money > 0.0);
    let cost = positive(facts.lane(pair).and_then(|lane| lane.unit_cost)).or_else(|| positive(item.unit_cost));
    let margin = match (positive(item.price), cost) {
        (Some(price), Some(cost)) if price > cost => price - cost,
        (_, Some(cost)) => cost * facts.settings.assumed_margin_share,
        (Some(price), None) => price * facts.settings.assumed_margin_share,
        (None, None) => return (1.0, false),
    };
    (margin * facts.settings.lost_sale_margin_multiple, true)
}

fn reason(believed: &Assessment, recorded: Quantity, scale: f64) -> (String, String) {
    let (n_days, expected) = (believed.n_quiet_days, believed.expected_when_quiet / scale);
    if n_days > 0 {
        let en = format!("no sale for {n_days} days where {expected:.1} were expected; the record says {recorded}");
        return (in_singular(&en), format!("已 {n_days} 天无销售，而预期为 {expected:.1}；账面为 {recorded}"));
    }
    if believed.probability_empty >= 0.5 {
        return (
            format!("it sells what comes in and no more, as an empty shelf does; the record says {recorded}"),
            format!("售出量不超过到货量，像是空货架；账面为 {recorded}"),
        );
    }
    (
        format!("the record says only {recorded}, and records like this are often wrong by as much"),
        format!("账面仅为 {recorded}，此类账面误差常有这么大"),
    )
}
