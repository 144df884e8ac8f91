//! Checks over sales: D03, D04, D05, D07, D08, D12, D19, D22, D28.

use std::collections::HashMap;

use restock_core::dataset::InventoryRow;
use restock_core::settings::MissingSales;
use restock_core::{Bucket, Day, Finding, FindingCode, ItemIdx, LocationIdx, RowRef, Severity};

use super::facts::{DaySales, Facts, History, Pair};
use super::finding;
use crate::closures::{Gap, TakenFor, gaps};

/// A check of one item-location.
type PairCheck = fn(&Facts<'_>, &Pair, &History) -> Option<Finding>;

pub(super) const PER_PAIR: &[PairCheck] = &[
    d03_sales_when_closed,
    d05_unit_level_jump,
    d05_single_outlier,
    d07_phantom_stock,
    d08_sales_without_stock,
    d12_minimum_order_above_a_year,
    d22_more_returned_than_sold,
];

pub(super) const OVER_ALL: &[fn(&Facts<'_>) -> Vec<Finding>] = &[
    d04_copied_rows,
    d04_repeated_sales,
    d04_duplicate_stock,
    d04_repeated_orders,
    d19_future_rows,
    d23_time_zones,
    d28_gaps,
];

/// D03: units sold on days on which the place was closed or the item not listed. Returns on such days are normal, and
/// below 1 % of the units sold it is an info: a till that closes after midnight, a last piece sold off.
fn d03_sales_when_closed(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let open_share = &facts.dataset.sales.open_share;
    let is_closed = |day: &&DaySales| {
        let known_closed = open_share.get(day.first_row).is_some_and(|share| *share == 0.0);
        known_closed || !facts.is_sellable(pair, day.day)
    };
    let closed: Vec<&DaySales> = history.sale_days().filter(is_closed).collect();
    if closed.is_empty() {
        return None;
    }
    let units: f64 = closed.iter().map(|day| day.sold).sum();
    let share = units / history.total_sold();
    let severity = if share >= 0.01 { Severity::Warning } else { Severity::Info };
    let n_days = closed.len();
    let first = closed[0].day;
    Some(
        finding(
            FindingCode::D03,
            severity,
            [
                format!(
                    "{units:.0} units ({:.1} %) sold on {n_days} closed or unlisted days, first {first}",
                    share * 100.0
                ),
                format!("{n_days} 个停业或未上架日售出 {units:.0} 件（{:.1}%），最早 {first}", share * 100.0),
            ],
            [
                "correct the calendar, listing, launch or end dates, or the sales dates",
                "请更正日历、上架/上市/退市日期或销售日期",
            ],
        )
        .about(facts, pair.item, pair.location)
        .rows(closed.into_iter().flat_map(|day| facts.sales_rows(day))),
    )
}

/// D04 as the reader saw it: rows equal in every cell to an earlier row of the same file. Lines with different order
/// numbers differ in a cell. Where sales carry order numbers, equal lines of one order may be two scans, so an info.
fn d04_copied_rows(facts: &Facts<'_>) -> Vec<Finding> {
    let import = &facts.dataset.facts;
    if import.n_duplicate_rows == 0 {
        return Vec::new();
    }
    let n_rows = import.n_duplicate_rows;
    let (kept, kept_zh) = if import.duplicates_dropped { ("left out", "已剔除") } else { ("counted", "已计入") };
    let severity =
        if import.n_order_lines > 0 || import.duplicates_dropped { Severity::Info } else { Severity::Warning };
    let mut found = finding(
        FindingCode::D04,
        severity,
        [
            format!("{n_rows} rows equal an earlier row of the same file in every cell; those of sales are {kept}"),
            format!("{n_rows} 行与同一文件中较早的行完全相同；其中销售行{kept_zh}"),
        ],
        [
            "remove them, or import with duplicates dropped, if they are copies and not real second lines",
            "若为重复导出而非真实明细，请删除，或在导入时剔除重复行",
        ],
    )
    .rows(import.duplicate_rows.iter().copied());
    found.n_rows = n_rows;
    vec![found]
}

/// D04 among sales that the reader could not see, because the rows differ in a cell nobody uses: only in daily tables,
/// where at least 99 % of (item, location, day) keys have one row. There a key with two equal quantities is suspect. In
/// order lines, equal rows are ordinary: two customers buy one piece each.
fn d04_repeated_sales(facts: &Facts<'_>) -> Vec<Finding> {
    let sales = &facts.dataset.sales;
    if facts.dataset.facts.n_order_lines > 0 || facts.dataset.facts.n_duplicate_rows > 0 {
        return Vec::new();
    }
    let same_key = |a: usize, b: usize| {
        sales.item[a] == sales.item[b] && sales.location[a] == sales.location[b] && sales.day[a] == sales.day[b]
    };
    let (mut n_keys, mut n_single) = (0_usize, 0_usize);
    let (mut n_repeated, mut extra_units) = (0_usize, 0.0);
    let mut rows: Vec<RowRef> = Vec::new();
    let mut start = 0;
    while start < sales.len() {
        let mut end = start + 1;
        while end < sales.len() && same_key(start, end) {
            end += 1;
        }
        n_keys += 1;
        n_single += usize::from(end - start == 1);
        for row in start + 1..end {
            if sales.quantity[row] == sales.quantity[row - 1] && sales.quantity[row].micro() != 0 {
                n_repeated += 1;
                extra_units += sales.quantity[row].to_f64();
                rows.extend(sales.row.get(row));
            }
        }
        start = end;
    }
    // A handful of keys says nothing about whether the table is daily.
    let is_daily = n_keys >= 100 && n_single * 100 >= n_keys * 99;
    let mut findings = Vec::new();
    if is_daily && n_repeated > 0 {
        findings.push(
            finding(
                FindingCode::D04,
                Severity::Warning,
                [
                    format!(
                        "{n_repeated} sales rows repeat an earlier row of the same item, location, day and quantity \
                         ({extra_units:.0} units), in a table that otherwise has one row a day"
                    ),
                    format!("销售表每日一行，但有 {n_repeated} 行与前一行的商品、地点、日期和数量相同（{extra_units:.0} 件）"),
                ],
                ["remove the repeated rows, or add order_id if they are different orders", "请删除重复行；若为不同订单，请补充 order_id"],
            )
            .rows(rows),
        );
    }
    findings
}

/// D04 among stock counts: two rows of one lot on one day with the same number, or in two files. Two rows of a file without
/// a lot id but with different numbers are lots and add up.
fn d04_duplicate_stock(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pair in &facts.pairs {
        let rows: Vec<&InventoryRow> = facts.inventory(pair).collect();
        let repeated: Vec<RowRef> = (1..rows.len())
            .filter(|idx| {
                let row = rows[*idx];
                rows[..*idx].iter().rev().take_while(|other| other.as_of == row.as_of).any(|other| {
                    (&other.lot_id, other.expiry) == (&row.lot_id, row.expiry)
                        && row.on_hand.micro() != 0
                        && (other.on_hand == row.on_hand || other.row.file_idx != row.row.file_idx)
                })
            })
            .map(|idx| rows[idx].row)
            .collect();
        if repeated.is_empty() {
            continue;
        }
        let n_rows = repeated.len();
        findings.push(
            finding(
                FindingCode::D04,
                Severity::Warning,
                [
                    format!("{n_rows} stock rows are of the same lot and day as an earlier row, with the same number or in another file; both are counted"),
                    format!("{n_rows} 行库存与前一行同批次同日，数量相同或来自另一文件；两者都已计入"),
                ],
                [
                    "where it is the same stock, remove the repeated rows or the older file, or give each count its day (as_of); where it is not, give each lot its lot_id",
                    "若为同一库存，请删除重复行或较旧的文件，或为每次盘点注明日期（as_of）；若不是，请填写 lot_id 区分批次",
                ],
            )
            .about(facts, pair.item, pair.location)
            .rows(repeated),
        );
    }
    findings
}

/// D04 among open orders: a line of an order that another file has too. Both are on order then.
fn d04_repeated_orders(facts: &Facts<'_>) -> Vec<Finding> {
    let mut first_file: HashMap<(&str, ItemIdx, LocationIdx), u16> = HashMap::new();
    let mut repeated: Vec<RowRef> = Vec::new();
    for order in facts.dataset.open_orders.iter().filter(|order| !order.order_id.is_empty()) {
        let line = (order.order_id.as_str(), order.item, order.to_location);
        if *first_file.entry(line).or_insert(order.row.file_idx) != order.row.file_idx {
            repeated.push(order.row);
        }
    }
    if repeated.is_empty() {
        return Vec::new();
    }
    let n_rows = repeated.len();
    vec![
        finding(
            FindingCode::D04,
            Severity::Warning,
            [
                format!("{n_rows} lines of open orders are in another file too; both are on order"),
                format!("{n_rows} 行未结订单在另一文件中也有，两者都计为在途"),
            ],
            ["remove the older file, or the lines that it repeats", "请删除较旧的文件或其中重复的行"],
        )
        .rows(repeated),
    ]
}

/// Sales per day of sale, outside promotions (a promotion may well sell ten times the usual).
fn regular_sale_days<'h>(facts: &Facts<'_>, history: &'h History) -> Vec<&'h DaySales> {
    let on_promotion = &facts.dataset.sales.on_promotion;
    history.sale_days().filter(|day| on_promotion.get(day.first_row).is_none_or(|flag| *flag == 0)).collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}

/// Days of sale next to a change that are compared, and the fewest that say anything.
const JUMP_SIDE: usize = 20;
const JUMP_MIN_SIDE: usize = 10;

/// D05, the whole level: quantities per day of sale change from one day to the next by a factor of 10, 100, 1000, a
/// dozen or the pack of the lane, and stay there.
///
/// A changed unit multiplies every size and leaves everything else as it was. To tell it from demand, all of these must
/// hold: at least ten days of sale on either side; the twenty days before and after hardly overlap, and differ as much
/// right at the change as further away (no ramp); the share of days with sales stays within a factor of two and the
/// relative spread of sizes within two thirds to three halves, because a change of unit changes neither, while a
/// promotion, a new customer or the end of a life cycle does; and the days beyond those twenty stay at their level,
/// because a season or a launch comes and goes.
///
/// The factor itself is proven in one of two ways. On the large side (nearly) all quantities are multiples of the factor
/// and on the small side most are not: strong, an error. Or the ratio of geometric means lies within 10 % of a power of
/// ten and is known that well: a warning at 10, which demand reaches as well, and an error from 100 on twenty days.
fn d05_unit_level_jump(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let days = regular_sale_days(facts, history);
    if days.len() < 2 * JUMP_MIN_SIDE {
        return None;
    }
    let pack = facts.lane(pair).and_then(|lane| lane.pack_size).map(|pack| pack.to_f64()).filter(|pack| *pack >= 6.0);
    let (split, jump) = (JUMP_MIN_SIDE..=days.len() - JUMP_MIN_SIDE).find_map(|split| {
        // The cheap test first: the two neighbours.
        let step = days[split].sold / days[split - 1].sold;
        if (0.25..4.0).contains(&step) { None } else { unit_jump_at(&days, split, pack).map(|jump| (split, jump)) }
    })?;
    let UnitJump { nominal, low, high, is_up, is_strong } = jump;
    let day = days[split].day;
    let (direction, direction_zh) = if is_up { ("up", "上升") } else { ("down", "下降") };
    let (proof, proof_zh) =
        if is_strong { ("", "") } else { ("; a change of demand is possible", "；也可能是需求变化") };
    let to = (split + JUMP_SIDE).min(days.len());
    Some(
        finding(
            FindingCode::D05,
            if is_strong { Severity::Error } else { Severity::Warning },
            [
                format!(
                    "typical daily quantity jumps {direction} about {nominal:.0} times on {day}, from {low} to {high}, while \
                     it sells about as often{proof}"
                ),
                format!(
                    "{day} 起日销量由 {low} {direction_zh}约 {nominal:.0} 倍至 {high}，而销售频率基本不变{proof_zh}"
                ),
            ],
            [
                "check the unit of measure and the decimal sign on both sides of that day",
                "请核对该日前后的计量单位和小数点",
            ],
        )
        .about(facts, pair.item, pair.location)
        .rows(days[split..to].iter().flat_map(|day| facts.sales_rows(day))),
    )
}

struct UnitJump {
    nominal: f64,
    /// Median quantity per day of sale before and after.
    low: f64,
    high: f64,
    is_up: bool,
    is_strong: bool,
}

/// Whether the unit changes with day of sale `split`; see [`d05_unit_level_jump`].
fn unit_jump_at(days: &[&DaySales], split: usize, pack: Option<f64>) -> Option<UnitJump> {
    let (from, to) = (split.saturating_sub(JUMP_SIDE), (split + JUMP_SIDE).min(days.len()));
    let sizes = |span: &[&DaySales]| -> Vec<f64> { span.iter().map(|day| day.sold).collect() };
    let (mut before, mut after) = (sizes(&days[from..split]), sizes(&days[split..to]));
    let ((mean_before, spread_before), (mean_after, spread_after)) = (log_moments(&before), log_moments(&after));
    let shift = mean_after - mean_before;
    let is_up = shift > 0.0;

    // The ninth decile of the small side must lie below the first decile of the large one.
    let (low, high) = (median(&mut before), median(&mut after));
    let (small, large) = if is_up { (&before, &after) } else { (&after, &before) };
    if small[(small.len() - 1) * 9 / 10] >= large[(large.len() - 1) / 10] {
        return None;
    }
    // Pieces are few distinct sizes, so a little is added to both spreads.
    let spread_ratio = (spread_after + 0.15) / (spread_before + 0.15);
    if !(0.66..=1.5).contains(&spread_ratio) {
        return None;
    }
    let pace = |span: &[&DaySales]| f64::from(span[span.len() - 1].day.0 - span[0].day.0) / (span.len() - 1) as f64;
    let pace_ratio = pace(&days[from..split]) / pace(&days[split..to]);
    if !(0.5..=2.0).contains(&pace_ratio) {
        return None;
    }
    let near = |span: &[&DaySales]| log_moments(&sizes(span)).0;
    let near_shift = near(&days[split..split + 5]) - near(&days[split - 5..split]);
    if near_shift / shift < 0.75 {
        return None;
    }
    // Every further stretch of days stays at the level of its side.
    let stays = |mut far: &[&DaySales], level: f64| {
        while far.len() >= JUMP_MIN_SIDE {
            let (stretch, rest) = far.split_at(JUMP_MIN_SIDE.min(far.len()));
            if (near(stretch) - level).abs() > shift.abs() / 3.0 {
                return false;
            }
            far = rest;
        }
        true
    };
    if !stays(&days[..from], mean_before) || !stays(&days[to..], mean_after) {
        return None;
    }

    let factor = shift.abs().exp();
    let within = |nominal: f64, tolerance: f64| (factor / nominal - 1.0).abs() <= tolerance;
    let share_of_multiples = |sizes: &[f64], nominal: f64| {
        let is_multiple = |size: &&f64| (**size / nominal - (**size / nominal).round()).abs() < 1e-6;
        sizes.iter().filter(is_multiple).count() as f64 / sizes.len() as f64
    };
    let counted = [10.0, 12.0, 100.0, 1000.0].into_iter().chain(pack).find(|nominal| {
        within(*nominal, 0.2)
            && share_of_multiples(large, *nominal) >= 0.95
            && share_of_multiples(small, *nominal) <= 0.5
    });
    if let Some(nominal) = counted {
        return Some(UnitJump { nominal, low, high, is_up, is_strong: true });
    }
    let n = |side: &[f64]| side.len() as f64;
    let error = (spread_before.powi(2) / n(&before) + spread_after.powi(2) / n(&after)).sqrt();
    let nominal = [10.0, 100.0, 1000.0].into_iter().find(|nominal| within(*nominal, 0.1) && error <= 0.15)?;
    let is_strong = nominal > 10.0 && before.len() == JUMP_SIDE && after.len() == JUMP_SIDE;
    Some(UnitJump { nominal, low, high, is_up, is_strong })
}

/// Mean and standard deviation of the logarithms of positive sizes.
fn log_moments(sizes: &[f64]) -> (f64, f64) {
    let n = sizes.len() as f64;
    let mean = sizes.iter().map(|size| size.ln()).sum::<f64>() / n;
    (mean, (sizes.iter().map(|size| (size.ln() - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// D05, single days: one day sells more than 50 times the median, 8 times the next largest and far outside the spread
/// of the item's own sizes. A heavy-tailed wholesale item has a next largest that is near.
fn d05_single_outlier(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let days = regular_sale_days(facts, history);
    if days.len() < 20 {
        return None;
    }
    let largest = days.iter().max_by(|a, b| a.sold.total_cmp(&b.sold))?;
    let second = days.iter().filter(|day| day.day != largest.day).map(|day| day.sold).fold(0.0, f64::max);
    if largest.sold < 8.0 * second {
        return None;
    }
    let mut logs: Vec<f64> = days.iter().map(|day| day.sold.ln()).collect();
    let centre = median(&mut logs);
    let mut deviations: Vec<f64> = logs.iter().map(|log| (log - centre).abs()).collect();
    // 1.4826 turns a median absolute deviation into a standard deviation of a normal.
    let spread = 1.4826 * median(&mut deviations);
    if largest.sold.ln() - centre < 50_f64.ln().max(6.0 * spread) {
        return None;
    }
    let typical = centre.exp();
    Some(
        finding(
            FindingCode::D05,
            Severity::Warning,
            [
                format!(
                    "{} units on {}, {:.0} times the usual {typical:.1} and {:.0} times the next largest day",
                    largest.sold,
                    largest.day,
                    largest.sold / typical,
                    largest.sold / second
                ),
                format!(
                    "{} 售出 {} 件，是平常 {typical:.1} 件的 {:.0} 倍、次高日的 {:.0} 倍",
                    largest.day,
                    largest.sold,
                    largest.sold / typical,
                    largest.sold / second
                ),
            ],
            [
                "check the decimal sign and unit of this row, or confirm the order",
                "请核对该行的小数点与单位，或确认为真实订单",
            ],
        )
        .about(facts, pair.item, pair.location)
        .rows(facts.sales_rows(largest)),
    )
}

/// D07 of histories by week or month, for which there is no belief about the stock (see `count_list`): stock on the books
/// and no sale for a run of days that the item's own rate makes practically impossible.
///
/// With a sale on a share `1 - p0` of its days, a run of `n` days without one has probability `p0^n`; it must be below
/// one in a million, so that 100,000 clean item-locations raise about 0.1 false alarms. Demand clusters, so the run must
/// also be twice as long as any earlier one, and the lower of the overall and the recent rate is used, so that an item
/// that fades out is not accused. The run starts after the last receipt or known stock-out, and ends with the last
/// sale of the location: a shop that has stopped reporting is not a shop full of phantoms.
fn d07_phantom_stock(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let (_, rows) = facts.latest_stock(pair)?;
    let on_hand: f64 = rows.iter().map(|row| row.on_hand.to_f64()).sum();
    if facts.settings.bucket == Bucket::Day || on_hand <= 0.0 {
        return None;
    }
    let sales: Vec<&DaySales> = history.sale_days().collect();
    if sales.len() < 8 {
        return None;
    }
    // Where absent rows do not mean zero, only days with rows say anything.
    let explicit = facts.settings.missing_sales != MissingSales::Zero;
    let zero_days_between = |after: Day, until: Day| -> i32 {
        if explicit {
            let zeros = history.days.iter().filter(|day| after < day.day && day.day <= until && day.sold == 0.0);
            return zeros.count() as i32;
        }
        let has_calendar = facts.dataset.locations[pair.location.0 as usize].calendar.is_some();
        if has_calendar {
            return (after.0 + 1..=until.0).filter(|day| facts.location_is_open(pair.location, Day(*day))).count()
                as i32;
        }
        (until.0 - after.0).max(0)
    };
    let last_sale = sales[sales.len() - 1].day;
    let end = facts.location_last_sale(pair.location)?.min(facts.as_of.plus(-1));
    let stockout_end =
        pair.stockouts.iter().map(|idx| facts.dataset.stockouts[*idx as usize].to).filter(|to| *to <= end).max();
    let receipt = facts.receipt_days(pair.item, pair.location).iter().copied().filter(|day| *day <= end).max();
    let count_at_zero = facts
        .inventory(pair)
        .filter(|row| row.on_hand.micro() <= 0)
        .filter_map(|row| row.as_of)
        .filter(|day| *day <= end)
        .max();
    let start = [Some(last_sale), stockout_end, receipt.map(|day| day.plus(-1)), count_at_zero]
        .into_iter()
        .flatten()
        .max()
        .expect("the last sale is a day");
    if !facts.is_listed(pair, end) {
        return None;
    }
    let run = zero_days_between(start, end);
    if run < 7 {
        return None;
    }
    let longest_before =
        sales.windows(2).map(|pair| zero_days_between(pair[0].day, pair[1].day.plus(-1))).max().unwrap_or(0);
    if run <= 2 * longest_before {
        return None;
    }
    let rate_since = |first: usize| {
        let n_days = zero_days_between(sales[first].day, last_sale).max(1) + 1;
        ((sales.len() - first) as f64 - 0.5) / f64::from(n_days)
    };
    let rate = rate_since(0).min(rate_since(sales.len().saturating_sub(20))).min(0.99);
    let log_probability = f64::from(run) * (1.0 - rate).ln();
    if log_probability > 1e-6_f64.ln() {
        return None;
    }
    let per_week = rate * 7.0;
    Some(
        finding(
            FindingCode::D07,
            Severity::Warning,
            [
                format!(
                    "{on_hand} units on the books and no sale for {run} days, although it sold on {per_week:.1} days a \
                     week (chance {:.0e})",
                    log_probability.exp().max(1e-99)
                ),
                format!(
                    "账面库存 {on_hand} 件，但已连续 {run} 天无销售，而此前平均每周 {per_week:.1} 天有销售（概率 {:.0e}）",
                    log_probability.exp().max(1e-99)
                ),
            ],
            ["count the stock; the books may show goods that are not there", "请盘点实物，账面可能存在不存在的库存"],
        )
        .about(facts, pair.item, pair.location)
        .rows(rows.iter().map(|row| row.row)),
    )
}

/// D08: units sold while the data say there were none. Three kinds of proof: a day inside a known stock-out, a day
/// whose stock-out share is all of the day, and a day between three counts of zero without a receipt. A shelf that is
/// empty for a part of the day sells before, and a day that sells less than a quarter of the usual may be the last piece
/// or the first minutes of a period that was cut into hours; neither is a finding. The
/// first and last day of a stock-out may sell, and a single zero count may be taken in the morning or at night.
fn d08_sales_without_stock(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let shares = &facts.dataset.sales.stockout_share;
    let receipts = facts.receipt_days(pair.item, pair.location);
    let known = |day: Day| {
        let spans = pair.stockouts.iter().map(|idx| &facts.dataset.stockouts[*idx as usize]);
        spans.into_iter().any(|span| span.from < day && day < span.to)
    };
    let mut counts: Vec<(Day, f64)> = Vec::new();
    for row in facts.inventory(pair) {
        let Some(day) = row.as_of else { continue };
        match counts.last_mut() {
            Some(last) if last.0 == day => last.1 += row.on_hand.to_f64(),
            _ => counts.push((day, row.on_hand.to_f64())),
        }
    }
    let is_zero =
        |day: Day| counts.binary_search_by_key(&day, |count| count.0).is_ok_and(|position| counts[position].1 <= 0.0);
    let contradicts = |day: &&DaySales| {
        let all_day = shares.get(day.first_row).is_some_and(|share| *share >= 1.0);
        let between_zeros = is_zero(day.day.plus(-1))
            && is_zero(day.day)
            && is_zero(day.day.plus(1))
            && receipts.binary_search(&day.day).is_err();
        all_day || between_zeros || known(day.day)
    };
    if shares.is_empty() && pair.stockouts.is_empty() && counts.len() < 3 {
        return None;
    }
    let mut sizes: Vec<f64> = history.sale_days().map(|day| day.sold).collect();
    if sizes.is_empty() {
        return None;
    }
    let noticeable = median(&mut sizes) / 4.0;
    let days: Vec<&DaySales> = history.sale_days().filter(|day| day.sold >= noticeable).filter(contradicts).collect();
    if days.is_empty() {
        return None;
    }
    let units: f64 = days.iter().map(|day| day.sold).sum();
    let share = units / history.total_sold();
    let severity = if days.len() >= 3 && share >= 0.01 { Severity::Warning } else { Severity::Info };
    let (n_days, first) = (days.len(), days[0].day);
    // Fresh food is sold by weight: 0.3 kg is not 0.
    let sold = (units * 100.0).round() / 100.0;
    Some(
        finding(
            FindingCode::D08,
            severity,
            [
                format!("{sold} units sold on {n_days} days without stock, first {first}"),
                format!("{n_days} 个无库存日售出 {sold} 件，最早 {first}"),
            ],
            [
                "check the stock counts and stock-out dates; one of the two records is late or wrong",
                "请核对库存与缺货日期，二者必有一个滞后或有误",
            ],
        )
        .about(facts, pair.item, pair.location)
        .rows(days.into_iter().flat_map(|day| facts.sales_rows(day))),
    )
}

/// D08 where it is only worth knowing: one finding per item-location while a planner can read them, one in all beyond.
pub(super) fn fold_infos_d08(findings: &mut Vec<Finding>) {
    const N_READABLE: usize = 200;
    let is_info = |found: &Finding| found.code == FindingCode::D08 && found.severity == Severity::Info;
    let infos: Vec<&Finding> = findings.iter().filter(|found| is_info(found)).collect();
    let n_pairs = infos.len();
    if n_pairs <= N_READABLE {
        return;
    }
    let n_rows = infos.iter().map(|found| found.n_rows).sum();
    let mut folded = finding(
        FindingCode::D08,
        Severity::Info,
        [
            format!("{n_pairs} item-locations sold a little on days without stock, {n_rows} sales rows in all"),
            format!("{n_pairs} 个商品-地点在无库存日有少量销售，共 {n_rows} 行"),
        ],
        [
            "check when in the day stock-outs are recorded; single days may be a last piece or a late record",
            "请核对缺货记录的时点；个别日期可能是最后一件或记录滞后",
        ],
    )
    .rows(infos.iter().flat_map(|found| found.rows.iter().copied()));
    folded.n_rows = n_rows;
    findings.retain(|found| !is_info(found));
    findings.push(folded);
}

/// Units sold in the last year, scaled up from at least 56 days of history; `None` when history is shorter.
fn annual_sales(facts: &Facts<'_>, history: &History) -> Option<f64> {
    let first = history.days.first()?.day;
    let known_days = facts.as_of.0 - first.0;
    if known_days < 56 {
        return None;
    }
    let from = facts.as_of.plus(-365);
    let sold: f64 = history.days.iter().filter(|day| day.day >= from).map(|day| day.sold).sum();
    Some(sold * 365.0 / f64::from(known_days.min(365)))
}

/// D12: the smallest order lasts more than a year at the rate of the last year.
fn d12_minimum_order_above_a_year(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let lane = facts.lane(pair)?;
    let smallest = lane.min_order.max(lane.pack_size)?.to_f64();
    let annual = annual_sales(facts, history)?;
    // Of a component more is used than sold.
    if facts.dataset.bom.iter().any(|row| row.component == pair.item) {
        return None;
    }
    if annual <= 0.0 || smallest <= annual || !facts.is_listed(pair, facts.as_of) {
        return None;
    }
    let years = smallest / annual;
    Some(
        finding(
            FindingCode::D12,
            Severity::Warning,
            [
                format!(
                    "smallest order is {smallest} units, a year of demand is {annual:.0}: it lasts {years:.1} years"
                ),
                format!("最小订货量 {smallest} 件，年需求 {annual:.0} 件，一次订货可用 {years:.1} 年"),
            ],
            [
                "check the unit of the minimum order, negotiate it, or stop listing the item here",
                "请核对起订量单位、与供应商协商，或考虑下架",
            ],
        )
        .about(facts, pair.item, pair.location)
        .rows([lane.row]),
    )
}

/// D19: rows dated in the future: stray rows far behind the last sale are mistyped dates. With a day in the settings the
/// plan looks back, and what is later is not yet known rather than wrong.
fn d19_future_rows(facts: &Facts<'_>) -> Vec<Finding> {
    let sales = &facts.dataset.sales;
    let as_of = facts.as_of;
    let mut findings = Vec::new();
    // A plan of the past looks back: what is later than its day was not known then, and is not wrong.
    let looks_back = facts.settings.as_of.is_some();
    let first_future = facts.stray_from.unwrap_or(if looks_back { Day(i32::MAX) } else { as_of });
    let last_possible = match (looks_back, facts.settings.today) {
        (false, _) => as_of,
        (true, Some(today)) => as_of.max(today.plus(1)),
        (true, None) => return findings,
    };
    let future: Vec<usize> = (0..sales.len()).filter(|row| sales.day[*row] >= first_future).collect();
    if let Some(latest) = future.iter().map(|row| sales.day[*row]).max() {
        let n_rows = future.len();
        let day = if looks_back { first_future } else { as_of };
        let severity = if facts.stray_from.is_some() { Severity::Error } else { Severity::Info };
        let mut draft = finding(
            FindingCode::D19,
            severity,
            [
                format!("{n_rows} sales rows are dated on or after {day}, up to {latest}, and not used"),
                format!("{n_rows} 行销售日期不早于 {day}，最晚 {latest}，未被使用"),
            ],
            ["correct the dates, or plan with a later --as-of", "请更正日期，或使用更晚的 --as-of"],
        )
        .rows(future.iter().take(1000).filter_map(|row| sales.row.get(*row).copied()));
        draft.n_rows = n_rows;
        findings.push(draft);
    }
    let mut others: Vec<(&str, Day, RowRef)> = Vec::new();
    // A count or receipt of the planning day itself is ordinary.
    others.extend(facts.dataset.inventory.iter().filter_map(|row| Some(("inventory", row.as_of?, row.row))));
    others.extend(facts.dataset.receipts.iter().map(|row| ("receipts", row.received_on, row.row)));
    others.extend(facts.dataset.adjustments.iter().map(|row| ("adjustments", row.day, row.row)));
    for table in ["inventory", "receipts", "adjustments"] {
        let late: Vec<_> = others.iter().filter(|(name, day, _)| *name == table && *day > last_possible).collect();
        let Some(latest) = late.iter().map(|(_, day, _)| *day).max() else { continue };
        let n_rows = late.len();
        findings.push(
            finding(
                FindingCode::D19,
                Severity::Warning,
                [
                    format!("{n_rows} rows of {table} are dated after {last_possible}, up to {latest}, and not used"),
                    format!("{table} 有 {n_rows} 行日期晚于 {last_possible}，最晚 {latest}，未被使用"),
                ],
                ["correct the dates, or plan with a later --as-of", "请更正日期，或使用更晚的 --as-of"],
            )
            .rows(late.iter().map(|(_, _, row)| *row)),
        );
    }
    findings
}

/// D22: over the whole history more came back than was sold.
fn d22_more_returned_than_sold(facts: &Facts<'_>, pair: &Pair, history: &History) -> Option<Finding> {
    let sold = history.total_sold();
    let returned: f64 = history.days.iter().map(|day| day.returned).sum();
    if returned <= sold {
        return None;
    }
    Some(
        finding(
            FindingCode::D22,
            Severity::Warning,
            [
                format!("{returned} units returned but only {sold} sold"),
                format!("退回 {returned} 件，但仅售出 {sold} 件"),
            ],
            [
                "check the sign of the quantities, or leave the item out if it is a discount or a fee",
                "请核对数量正负号；若为折扣或费用，请排除该商品",
            ],
        )
        .about(facts, pair.item, pair.location)
        .rows(history.days.iter().filter(|day| day.returned > 0.0).flat_map(|day| facts.sales_rows(day))),
    )
}

/// D23: time stamps with several offsets from UTC cut days at different midnights. Two offsets one hour apart are one
/// place with summer time, an info.
fn d23_time_zones(facts: &Facts<'_>) -> Vec<Finding> {
    let offsets = &facts.dataset.facts.utc_offsets;
    if offsets.len() < 2 {
        return Vec::new();
    }
    let minutes: Vec<Option<i32>> = offsets.iter().map(|(text, _)| offset_minutes(text)).collect();
    let is_summer_time = matches!(minutes[..], [Some(a), Some(b)] if (a - b).abs() == 60);
    let parts: Vec<String> = offsets.iter().map(|(offset, n_rows)| format!("{offset} ({n_rows} rows)")).collect();
    let parts_zh: Vec<String> = offsets.iter().map(|(offset, n_rows)| format!("{offset}（{n_rows} 行）")).collect();
    vec![
        finding(
            FindingCode::D23,
            if is_summer_time { Severity::Info } else { Severity::Warning },
            [
                format!("sales time stamps use several offsets from UTC: {}", parts.join(", ")),
                format!("销售时间戳使用多个时区偏移：{}", parts_zh.join("、")),
            ],
            [
                "export local time of each location without an offset, or one offset for all",
                "请统一导出各地点的当地时间，或统一时区偏移",
            ],
        )
        .no_rows(),
    ]
}

/// `+08:00`, `-0330`, `+02` or `Z` as minutes.
fn offset_minutes(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = (digits.get(..2)?, digits.get(2..4).unwrap_or("00"));
    Some(sign * (hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?))
}

/// Days after which a gap says little about what sells now, and days of one that is no news any more.
const GAP_MATTERS_DAYS: i32 = 91;

/// D28: a location without a sale of anything for two weeks or more, which sells on most days else. Days on which its
/// calendar has it closed do not count.
fn d28_gaps(facts: &Facts<'_>) -> Vec<Finding> {
    let is_long = |gap: &Gap| {
        let days = (gap.from.0..=gap.to.0).map(Day);
        days.filter(|day| facts.location_is_open(gap.location, *day)).count() >= 14
    };
    let found = gaps(facts.dataset, facts.settings).into_iter().filter(is_long).map(|gap| {
        let Gap { location, from, to, taken_for } = gap;
        let is_open = |day: &Day| facts.location_is_open(location, *day);
        let n_days = (from.0..=to.0).map(Day).filter(is_open).count() as i32;
        let [counts, counts_zh] = match taken_for {
            TakenFor::Closed => ["as days on which it was closed", "停业日"],
            TakenFor::NoDemand => ["as days without stock or without demand", "缺货日或无需求日"],
            TakenFor::Unknown => ["as days of which nothing is known", "情况不明的日子"],
        };
        let id = &facts.dataset.locations[location.0 as usize].location_id;
        let texts = [
            format!("{id} sold nothing at all from {from} to {to}: these {n_days} days count {counts}"),
            format!("{id} 从 {from} 到 {to} 没有任何销售：这 {n_days} 天按{counts_zh}处理"),
        ];
        let fix = [
            "bring the sales of those days; if it was closed, give it a calendar that says so",
            "请补充这些天的销售；若确实停业，请在日历中注明",
        ];
        let is_recent = to >= facts.as_of.plus(-GAP_MATTERS_DAYS) && n_days <= GAP_MATTERS_DAYS;
        let severity = if is_recent { Severity::Warning } else { Severity::Info };
        finding(FindingCode::D28, severity, texts, fix).about_location(facts, location).no_rows()
    });
    found.collect()
}
