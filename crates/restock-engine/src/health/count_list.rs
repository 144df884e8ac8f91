//! What to count first: item-locations of which the records are probably wrong, by the money that a count saves.
//!
//! The belief about the true stock is that of [`restock_inventory::stock_belief`]; here it is made of tables. Stock tables
//! are what the records say; somebody counted where an adjustment has the reason `count`, and nothing was there where a
//! stock table says 0 or a stock-out is known. How busy a place was, and how an
//! item sells elsewhere, is read off the sales of all items, so no calendar is needed. Histories by week or month say too
//! little about days: for them there is no list.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use restock_core::dataset::{Origin, ReadingRow};
use restock_core::settings::MissingSales;
use restock_core::{Bucket, Day, Finding, FindingCode, ItemIdx, LocationIdx, Quantity, Severity, Units};
use restock_inventory::stock_belief::{
    Assessment, Busyness, CountCosts, CountedError, DayEvidence, Evidence, Invisible, InvisibleByCategory, Measured,
    Supply, assess, piece,
};
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::facts::{Facts, Pair};
use super::finding;
use crate::history::{RowsByPair, rows_by_pair};
use crate::sensors::read;

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
    /// Money that a count is expected to save, less what it costs; not above 0 where it is not worth it.
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

impl CountLine {
    /// Whether the shelf is probably empty: then it is a finding (D07), an exception (`PHANTOM_STOCK`) and on the list.
    pub fn is_probably_empty(&self) -> bool {
        self.probability_empty >= Assessment::PROBABLY_EMPTY
    }
}

/// What is believed about one stock record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BelievedRecord {
    /// The item.
    pub item_id: String,
    /// The location.
    pub location_id: String,
    /// What the record says, units.
    pub recorded: Units,
    /// Expected true stock, units.
    pub expected: f64,
    /// Probability that nothing is there.
    pub probability_empty: f64,
    /// Whether a sensor measured the shelf lately.
    pub is_measured: bool,
    /// The day and the sum of the stock rows that the record follows from.
    pub of_count: (Option<Day>, Quantity),
}

impl BelievedRecord {
    /// Probability of an empty shelf from which orders are for the expected stock: below, what is believed is not worth
    /// deviating from the record. What it saves is measured in `tests/channels.rs`.
    const USED_FROM: f64 = 0.3;

    /// Whether the shelf is probably empty.
    pub fn is_probably_empty(&self) -> bool {
        self.probability_empty >= Assessment::PROBABLY_EMPTY
    }

    /// Whether orders are for the expected stock, where settings want that: the mean of the belief and not paths of it,
    /// because order levels are set by demand, and stock that comes to light later is ordered less.
    pub fn is_used(&self) -> bool {
        self.expected.round() as Units != self.recorded.max(0)
            && (self.is_measured || self.probability_empty >= Self::USED_FROM)
    }
}

/// Days of history that a belief is formed on.
const N_DAYS: usize = 180;

/// Item-locations to count, the most worth it first: where a count is expected to save more than it costs, or the shelf is
/// probably empty; and what is believed wherever something speaks against the record.
pub(super) fn count_list(facts: &Facts<'_>) -> (Vec<CountLine>, Vec<BelievedRecord>) {
    if facts.settings.bucket != Bucket::Day {
        return (Vec::new(), Vec::new());
    }
    let business = Business::of(facts);
    let found: Vec<_> = facts.pairs.par_iter().filter_map(|pair| business.line(facts, pair)).collect();
    let (lines, beliefs): (Vec<Option<CountLine>>, Vec<BelievedRecord>) = found.into_iter().unzip();
    let mut lines: Vec<CountLine> = lines.into_iter().flatten().collect();
    lines.sort_by(|a, b| {
        b.saving.total_cmp(&a.saving).then_with(|| (&a.item_id, &a.location_id).cmp(&(&b.item_id, &b.location_id)))
    });
    (lines, beliefs)
}

/// D07: the record has stock, and the belief is that nothing is there.
pub(super) fn d07_phantom_stock(facts: &Facts<'_>, lines: &[CountLine]) -> Vec<Finding> {
    let lines: HashMap<(&str, &str), &CountLine> = lines
        .iter()
        .filter(|line| line.is_probably_empty())
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
        let (why, why_zh) = if n_days > 0 {
            (
                format!("and no sale for {} where {expected:.1} were expected", in_days(n_days)),
                format!("但已连续 {n_days} 天无销售，而预期为 {expected:.1} 件"),
            )
        } else {
            ("but it sells what comes in and no more".to_owned(), "但售出量不超过到货量".to_owned())
        };
        let fix = if line.saving > 0.0 {
            ["count the stock; restock check --counts lists what to count first", "请盘点实物；restock check --counts 列出优先盘点项"]
        } else {
            [
                "look at the shelf when you pass it: a count costs more than it is expected to save, so restock check --counts has it last",
                "路过时看一眼货架：盘点成本高于预期节省，restock check --counts 将其列在最后",
            ]
        };
        let found = finding(
            FindingCode::D07,
            Severity::Warning,
            [
                format!("{recorded} units on the books {why}: the shelf is empty with {percent:.0} %"),
                format!("账面库存 {recorded} 件，{why_zh}：货架为空的概率 {percent:.0}%"),
            ],
            fix,
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
    /// Receipts of other locations, by the one that they came from.
    shipments: HashMap<(ItemIdx, LocationIdx), Vec<u32>>,
    adjustments: HashMap<(ItemIdx, LocationIdx), Vec<u32>>,
    readings: RowsByPair,
    /// Days to the next open order.
    days_to_supply: HashMap<(ItemIdx, LocationIdx), f64>,
    invisible: InvisibleByCategory,
}

/// Whether an adjustment is the difference that a count found. Words count as a whole: neither a discount nor an account
/// is one.
pub(super) fn is_count(reason: &str) -> bool {
    const WORDS: [&str; 9] =
        ["count", "counts", "counted", "counting", "recount", "cyclecount", "stockcount", "stocktake", "stocktaking"];
    if ["盘点", "盘亏", "盘盈"].iter().any(|word| reason.contains(word)) {
        return true;
    }
    // "CycleCount" is two words.
    let mut spaced = String::new();
    let mut was_lower = false;
    for letter in reason.chars() {
        if was_lower && letter.is_uppercase() {
            spaced.push(' ');
        }
        was_lower = letter.is_lowercase();
        spaced.extend(letter.to_lowercase());
    }
    spaced.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word) || word.starts_with("inventur"))
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
        let mut shipments: HashMap<(ItemIdx, LocationIdx), Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.receipts.iter().enumerate() {
            if let Some(Origin::Location(from)) =
                row.origin.filter(|origin| row.location.map(Origin::Location) != Some(*origin))
            {
                shipments.entry((row.item, from)).or_default().push(idx as u32);
            }
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
            shipments,
            adjustments,
            readings: rows_by_pair(&dataset.readings, |row| Some((row.item, row.location))),
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
            let piece = piece_of(facts, pair, &days);
            // The record after each day, from the last one backwards.
            let mut record = recorded;
            let mut counts = Vec::new();
            for (idx, day) in days.iter().enumerate().rev() {
                if let Some(found) = day.found {
                    record = found;
                }
                if day.counted && !is_told_empty(day) {
                    counts.push((idx, day.corrected, record));
                }
                record += day.sold + day.left - day.moved - day.corrected;
            }
            let mut since = -(Invisible::UNCOUNTED_DAYS as f64);
            let category = errors.entry(facts.dataset.items[pair.item.0 as usize].category.as_str()).or_default();
            for (idx, corrected, found) in counts.into_iter().rev() {
                let n_days = idx as f64 - since;
                category.push(CountedError { n_days, error: corrected as f64 / piece, found_nothing: found <= 0 });
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
                // A line of a count sheet is an adjustment and a stock record in one.
                let on_sheet =
                    || facts.inventory(pair).filter(|stock| stock.row == row.row && stock.as_of == Some(row.day));
                if on_sheet().next().is_some() {
                    days[idx].found = Some(on_sheet().map(|stock| units(stock.on_hand)).sum());
                }
            } else if quantity > 0 {
                days[idx].moved += quantity;
            } else {
                days[idx].left -= quantity;
            }
        }
        for row in self.shipments.get(&key).into_iter().flatten().map(|idx| &dataset.receipts[*idx as usize]) {
            if let Some(idx) = day_idx(row.received_on) {
                days[idx].left += units(row.quantity);
            }
        }
        self.told_empty(facts, pair, &mut days);
        self.measure(facts, pair, &mut days);
        // What was there after the records had nothing, and nobody wrote down, came in.
        let mut record = recorded_then + since_record;
        for idx in (0..N_DAYS).rev() {
            if let Some(found) = days[idx].found {
                if let Some(next) = days.get_mut(idx + 1) {
                    next.moved += (record - found).max(0);
                }
                record = found;
            }
            record += days[idx].sold + days[idx].left - days[idx].moved - days[idx].corrected;
        }
        if let Some(sold) = self.everywhere.get(&pair.item) {
            let others: Vec<f64> =
                sold.iter().zip(&days).map(|(all, day)| (f64::from(*all) - day.sold as f64 / scale).max(0.0)).collect();
            self.busyness.weigh(location, &others, &mut days);
        }
        Some((days, recorded_then + since_record))
    }

    /// What sensors say of the shelf. Of a day that has begun, a reading is taken back to the evening before by what moved
    /// since.
    fn measure(&self, facts: &Facts<'_>, pair: &Pair, days: &mut [DayEvidence]) {
        let Some(rows) = self.readings.get(&(pair.item, pair.location)) else { return };
        let rows: Vec<&ReadingRow> = rows.iter().map(|idx| &facts.dataset.readings[*idx as usize]).collect();
        let item = &facts.dataset.items[pair.item.0 as usize];
        let scale = 10_f64.powi(i32::from(item.decimals));
        let day_idx = |day: Day| usize::try_from(day.0 - self.first.0).ok();
        let has_sold = |day: Day| day_idx(day).and_then(|idx| days.get(idx)).is_some_and(|day| day.sold > 0);
        let read = read(&rows, item, facts.settings.unknown_from(facts.as_of), has_sold);
        for (day, measured) in read.weighed {
            let (mut units, mut sd) = (measured.units * scale, measured.sd * scale);
            let mut idx = day_idx(day);
            if day == facts.as_of {
                let sales = &facts.dataset.sales;
                let sold =
                    pair.sales.clone().filter(|row| sales.day[*row] == day).map(|row| sales.quantity[row].to_f64());
                let receipts = self.receipts.get(&(pair.item, pair.location)).into_iter().flatten();
                let receipts = receipts.map(|idx| &facts.dataset.receipts[*idx as usize]);
                let received = receipts.filter(|row| row.received_on == day).map(|row| row.quantity.to_f64());
                let (sold, received) = (sold.sum::<f64>() * scale, received.sum::<f64>() * scale);
                // Nobody knows what of it came after the reading.
                sd = sd.hypot((sold.abs() + received.abs()) / 2.0);
                units = (units + sold - received).max(0.0);
                idx = idx.map(|idx| idx - 1);
            }
            if let Some(evidence) = idx.and_then(|idx| days.get_mut(idx)) {
                evidence.measured = Some(Measured { units, sd });
            }
        }
    }

    /// Days on which a table says that nothing was there: they could not sell, and were no wonder.
    fn told_empty(&self, facts: &Facts<'_>, pair: &Pair, days: &mut [DayEvidence]) {
        let day_idx = |day: Day| usize::try_from(day.0 - self.first.0).ok().filter(|idx| *idx < N_DAYS);
        let mut is_empty = [false; N_DAYS];
        for row in pair.stockouts.iter().map(|idx| &facts.dataset.stockouts[*idx as usize]) {
            let last = row.to.0.min(self.first.0 + N_DAYS as i32 - 1);
            for idx in (row.from.0.max(self.first.0)..=last).filter_map(|day| day_idx(Day(day))) {
                // Goods may have come in on the last day.
                is_empty[idx] = row.to != self.first.plus(idx as i32);
                if days[idx].sold == 0 {
                    days[idx].share = 0.0;
                }
            }
        }
        let mut stock: BTreeMap<Day, i64> = BTreeMap::new();
        for row in facts.inventory(pair) {
            if let Some(day) = row.as_of {
                *stock.entry(day).or_default() += row.on_hand.micro();
            }
        }
        for idx in stock.into_iter().filter(|(_, on_hand)| *on_hand <= 0).filter_map(|(day, _)| day_idx(day)) {
            is_empty[idx] = true;
            if days[idx].sold == 0 {
                days[idx].share = 0.0;
            }
        }
        for (day, _) in days.iter_mut().zip(is_empty).filter(|(day, is_empty)| *is_empty && day.sold == 0) {
            (day.counted, day.found) = (true, day.found.or(Some(0)));
        }
    }

    fn line(&self, facts: &Facts<'_>, pair: &Pair) -> Option<(Option<CountLine>, BelievedRecord)> {
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
            invisible: self.invisible.of(&item.category).in_units(piece_of(facts, pair, &days)),
        };
        let believed = assess(&evidence)?;
        let (item_id, location_id) = facts.ids(pair.item, pair.location);
        let (counted_on, rows) = facts.latest_stock(pair)?;
        let record = BelievedRecord {
            item_id: item_id.to_owned(),
            location_id: location_id.to_owned(),
            recorded,
            expected: believed.expected_on_hand,
            probability_empty: believed.probability_empty,
            is_measured: days.iter().rev().take(7).any(|day| day.measured.is_some()),
            of_count: (counted_on, rows.iter().fold(Quantity::ZERO, |sum, row| sum + row.on_hand)),
        };
        if recorded <= 0 {
            return Some((None, record));
        }
        let key = (pair.item, pair.location);
        let lane = facts.lane(pair);
        let lead_time = lane.and_then(|lane| lane.lead_time_days).unwrap_or(facts.settings.default_lead_time_days);
        let review = lane.and_then(|lane| facts.review_days(lane)).unwrap_or(facts.settings.default_review_days);
        let days_to_next = self.days_to_supply.get(&key).copied();
        let supply = Supply { recorded, days_to_next, protection: lead_time + review };
        let (margin, money_known) = margin(facts, pair);
        let scale = 10_f64.powi(i32::from(item.decimals));
        let count = if money_known { facts.settings.count_cost } else { 0.0 };
        let costs = CountCosts { lost_unit: margin / scale, count };
        let saving = believed.value_of_count(&supply, &costs);
        if saving <= 0.0 && !believed.is_probably_empty() {
            return Some((None, record));
        }
        let recorded = Quantity::from_units(recorded, item.decimals);
        let (mut reason, mut reason_zh) = reason(&believed, recorded, scale);
        if saving <= 0.0 {
            reason.push_str("; a count costs more than it is expected to save");
            reason_zh.push_str("；盘点成本高于预期节省");
        }
        let line = CountLine {
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
        };
        Some((Some(line), record))
    }
}

/// Units of a piece of the goods.
fn piece_of(facts: &Facts<'_>, pair: &Pair, days: &[DayEvidence]) -> f64 {
    let decimals = facts.dataset.items[pair.item.0 as usize].decimals;
    piece(days.iter().map(|day| day.sold), 10_f64.powi(i32::from(decimals)))
}

/// Whether a table said that nothing was there, and nobody need have counted.
fn is_told_empty(day: &DayEvidence) -> bool {
    day.found == Some(0) && day.corrected == 0
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

fn in_days(n_days: usize) -> String {
    if n_days == 1 { "1 day".to_owned() } else { format!("{n_days} days") }
}

fn reason(believed: &Assessment, recorded: Quantity, scale: f64) -> (String, String) {
    let (n_days, expected) = (believed.n_quiet_days, believed.expected_when_quiet / scale);
    if n_days > 0 {
        let en =
            format!("no sale for {} where {expected:.1} were expected; the record says {recorded}", in_days(n_days));
        return (en, format!("已 {n_days} 天无销售，而预期为 {expected:.1}；账面为 {recorded}"));
    }
    if believed.is_probably_empty() {
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
