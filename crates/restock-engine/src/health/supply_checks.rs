//! Checks over lanes, lead times and calendars: D09, D10, D13, D14, D16, D17, D18.

use std::collections::{BTreeMap, BTreeSet};

use restock_core::dataset::{Origin, SourceRow};
use restock_core::{Day, Finding, FindingCode, ItemIdx, LocationIdx, RowRef, Severity};

use super::facts::{Facts, Pair};
use super::finding;

pub(super) const OVER_ALL: &[fn(&Facts<'_>) -> Vec<Finding>] = &[
    d09_missing_lead_time,
    d10_learned_lead_time_differs,
    d13_pack_above_shelf,
    d14_shelf_life_below_protection,
    d16_circular_lanes,
    d17_no_source,
    d18_no_order_day,
];

fn origin_name(facts: &Facts<'_>, origin: Origin) -> String {
    match origin {
        Origin::Supplier(idx) => facts.dataset.suppliers[idx.0 as usize].supplier_id.clone(),
        Origin::Location(idx) => facts.dataset.locations[idx.0 as usize].location_id.clone(),
    }
}

/// `DAIRY -> S01` and the item, as far as the lane names them.
fn lane_name(facts: &Facts<'_>, lane: &SourceRow) -> String {
    let to = lane.to_location.map_or("any location", |idx| &facts.dataset.locations[idx.0 as usize].location_id);
    let mut name = format!("{} -> {to}", origin_name(facts, lane.origin));
    if let Some(item) = lane.item {
        name.push_str(&format!(", item {}", facts.dataset.items[item.0 as usize].item_id));
    } else if let Some(category) = &lane.category {
        name.push_str(&format!(", category {category}"));
    }
    name
}

fn about_lane(facts: &Facts<'_>, mut draft: super::Draft, lane: &SourceRow) -> super::Draft {
    if let Some(item) = lane.item {
        draft = draft.about_item(facts, item);
    }
    if let Some(location) = lane.to_location {
        draft = draft.about_location(facts, location);
    }
    draft
}

/// Lead times of past receipts by lane row: days from order to receipt, in the order of the receipts.
fn learned_lead_times(facts: &Facts<'_>) -> BTreeMap<usize, Vec<(f64, RowRef)>> {
    let mut learned: BTreeMap<usize, Vec<(f64, RowRef)>> = BTreeMap::new();
    for receipt in &facts.dataset.receipts {
        let (Some(location), Some(ordered_on)) = (receipt.location, receipt.ordered_on) else { continue };
        if receipt.received_on >= facts.as_of || receipt.received_on < ordered_on {
            continue;
        }
        let Some(lane) = facts.lane_of(receipt.item, location) else { continue };
        if receipt.origin.is_none_or(|origin| origin == facts.dataset.sources[lane].origin) {
            let days = f64::from(receipt.received_on.0 - ordered_on.0);
            learned.entry(lane).or_default().push((days, receipt.row));
        }
    }
    learned
}

/// D09: a lane in use without a lead time that receipts do not teach either, or with a lead time of zero days from a
/// supplier. Zero days between own locations is ordinary (a truck at night).
fn d09_missing_lead_time(facts: &Facts<'_>) -> Vec<Finding> {
    let learned = learned_lead_times(facts);
    let in_use: BTreeSet<usize> = facts.pairs.iter().filter_map(|pair| pair.lane).collect();
    let default_days = facts.settings.default_lead_time_days;
    let mut findings = Vec::new();
    for idx in in_use {
        let lane = &facts.dataset.sources[idx];
        let name = lane_name(facts, lane);
        let (message, severity) = match (lane.lead_time_days, lane.origin) {
            (None, _) if learned.get(&idx).is_some_and(|receipts| receipts.len() >= 5) => continue,
            (None, _) => (
                [
                    format!("no lead time for {name}; {default_days} days are assumed"),
                    format!("{name} 未提供提前期，假定为 {default_days} 天"),
                ],
                Severity::Warning,
            ),
            (Some(days), Origin::Supplier(_)) if days <= 0.0 => (
                [
                    format!("lead time of {name} is {days} days: goods are expected the moment they are ordered"),
                    format!("{name} 的提前期为 {days} 天，即下单即到货"),
                ],
                Severity::Warning,
            ),
            _ => continue,
        };
        let draft = finding(
            FindingCode::D09,
            severity,
            message,
            [
                "give lead_time_days in sources, or ordered_on and received_on in receipts",
                "请在 sources 中填写 lead_time_days，或在 receipts 中提供 ordered_on 与 received_on",
            ],
        );
        findings.push(about_lane(facts, draft, lane).rows([lane.row]));
    }
    findings
}

/// D10: the median of at least five past lead times differs from the configured one by more than half and by at least
/// a day.
fn d10_learned_lead_time_differs(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (idx, mut receipts) in learned_lead_times(facts) {
        let lane = &facts.dataset.sources[idx];
        let Some(configured) = lane.lead_time_days else { continue };
        if receipts.len() < 5 {
            continue;
        }
        let rows: Vec<RowRef> = receipts.iter().map(|(_, row)| *row).collect();
        receipts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let n = receipts.len();
        let learned = (receipts[(n - 1) / 2].0 + receipts[n / 2].0) / 2.0;
        let difference = (learned - configured).abs();
        if difference <= 0.5 * configured || difference < 1.0 {
            continue;
        }
        let name = lane_name(facts, lane);
        let draft = finding(
            FindingCode::D10,
            Severity::Warning,
            [
                format!("{name} took {learned} days (median of {n} receipts), configured are {configured}"),
                format!("{name} 实际提前期 {learned} 天（{n} 次收货的中位数），配置为 {configured} 天"),
            ],
            [
                "correct lead_time_days, or leave it empty to use the learned one",
                "请更正 lead_time_days，或留空以使用学习值",
            ],
        );
        findings.push(about_lane(facts, draft, lane).rows(std::iter::once(lane.row).chain(rows)));
    }
    findings
}

/// D13: the smallest pack does not fit on the shelf.
fn d13_pack_above_shelf(facts: &Facts<'_>) -> Vec<Finding> {
    let check = |pair: &Pair| {
        let lane = facts.lane(pair)?;
        let setting = &facts.dataset.item_locations[pair.setting?];
        let (pack, shelf) = (lane.pack_size?, setting.shelf_capacity?);
        (pack > shelf).then(|| {
            finding(
                FindingCode::D13,
                Severity::Warning,
                [
                    format!("a pack of {pack} units does not fit on a shelf of {shelf}"),
                    format!("整包 {pack} 件超过货架容量 {shelf} 件"),
                ],
                [
                    "correct the pack size or shelf capacity, or order a smaller pack",
                    "请更正包装规格或货架容量，或改订小包装",
                ],
            )
            .about(facts, pair.item, pair.location)
            .rows([lane.row, setting.row])
        })
    };
    facts.pairs.iter().filter_map(check).collect()
}

/// D14: goods expire before the delivery after the next can follow. Below the time between orders, shelves are empty or
/// waste is certain (error); below lead time plus review period it is a warning. Silent where the interval would come
/// from defaults.
fn d14_shelf_life_below_protection(facts: &Facts<'_>) -> Vec<Finding> {
    let check = |pair: &Pair| {
        let shelf_life = facts.dataset.items[pair.item.0 as usize].shelf_life_days?;
        let lane = facts.lane(pair)?;
        let (lead_time, review) = (lane.lead_time_days?, facts.review_days(lane)?);
        let life = f64::from(shelf_life);
        if !facts.is_listed(pair, facts.as_of) || life >= lead_time + review {
            return None;
        }
        let severity = if life < review { Severity::Error } else { Severity::Warning };
        Some(
            finding(
                FindingCode::D14,
                severity,
                [
                    format!(
                        "shelf life of {shelf_life} days is below the {} days an order must cover (lead time \
                         {lead_time}, next order after {review})",
                        lead_time + review
                    ),
                    format!(
                        "保质期 {shelf_life} 天，短于一次订货须覆盖的 {} 天（提前期 {lead_time}，订货间隔 {review}）",
                        lead_time + review
                    ),
                ],
                [
                    "order more often, use a faster source, or correct the shelf life",
                    "请提高订货频率、改用更快货源，或更正保质期",
                ],
            )
            .about(facts, pair.item, pair.location)
            .rows([lane.row]),
        )
    };
    facts.pairs.iter().filter_map(check).collect()
}

/// D16: following the preferred lane of an item from location to location never reaches a supplier. Lanes of lower
/// priority do not count: two stores may well help each other out.
fn d16_circular_lanes(facts: &Facts<'_>) -> Vec<Finding> {
    let mut rings: BTreeMap<Vec<usize>, (BTreeSet<ItemIdx>, Vec<LocationIdx>)> = BTreeMap::new();
    for pair in &facts.pairs {
        let mut path: Vec<(LocationIdx, usize)> = Vec::new();
        let mut location = pair.location;
        let mut lane = pair.lane;
        while let Some(idx) = lane {
            if let Some(start) = path.iter().position(|(seen, _)| *seen == location) {
                let mut ring: Vec<usize> = path[start..].iter().map(|(_, lane)| *lane).collect();
                let stops: Vec<LocationIdx> = path[start..].iter().map(|(stop, _)| *stop).collect();
                ring.sort_unstable();
                rings.entry(ring).or_insert_with(|| (BTreeSet::new(), stops)).0.insert(pair.item);
                break;
            }
            path.push((location, idx));
            match facts.dataset.sources[idx].origin {
                Origin::Supplier(_) => break,
                // Made there.
                Origin::Location(from) if from == location => break,
                Origin::Location(from) => location = from,
            }
            lane = facts.lane_of(pair.item, location);
        }
    }
    rings
        .into_iter()
        .map(|(lanes, (items, stops))| {
            let names: Vec<&str> = stops
                .iter()
                .chain(&stops[..1])
                .map(|stop| facts.dataset.locations[stop.0 as usize].location_id.as_str())
                .collect();
            let (ring, n_items) = (names.join(" <- "), items.len());
            let mut draft = finding(
                FindingCode::D16,
                Severity::Error,
                [
                    format!("locations supply each other in a ring, {ring}, for {n_items} items: nothing enters it"),
                    format!("{n_items} 个商品的地点循环供货 {ring}，没有外部货源"),
                ],
                [
                    "give one of them a supplier, or a better priority to the outside source",
                    "请为其中一处指定供应商，或提高外部货源优先级",
                ],
            );
            if let (1, Some(item)) = (n_items, items.first()) {
                draft = draft.about_item(facts, *item);
            }
            draft.rows(lanes.iter().map(|lane| facts.dataset.sources[*lane].row))
        })
        .collect()
}

/// D17: there are lanes, but none for an item-location that sells. Silent without a table of sources, for ended and
/// delisted items, for those that must not be ordered, and where a receipt or the item itself names the supplier.
fn d17_no_source(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.dataset.sources.is_empty() {
        return Vec::new();
    }
    let made: BTreeSet<ItemIdx> = facts.recipes.made().collect();
    let delivered: BTreeSet<(ItemIdx, LocationIdx)> = facts
        .dataset
        .receipts
        .iter()
        .filter(|row| row.origin.is_some_and(|origin| row.location.map(Origin::Location) != Some(origin)))
        .filter_map(|row| Some((row.item, row.location?)))
        .collect();
    let check = |pair: &Pair| {
        let attributes = &facts.dataset.items[pair.item.0 as usize].attributes;
        let named = ["supplier_id", "supplier"].iter().any(|name| attributes.contains_key(*name));
        let do_not_order = pair.setting.is_some_and(|idx| facts.dataset.item_locations[idx].do_not_order);
        let sold_lately = pair.sales.clone().next_back().is_some_and(|row| {
            // A year without any sale is an item of the past, unless someone lists it.
            facts.dataset.sales.day[row] >= facts.as_of.plus(-365)
        });
        if pair.lane.is_some()
            || named
            || delivered.contains(&(pair.item, pair.location))
            || do_not_order
            || !(sold_lately || pair.setting.is_some())
            || !facts.is_listed(pair, facts.as_of)
            || made.contains(&pair.item)
        {
            return None;
        }
        Some(
            finding(
                FindingCode::D17,
                Severity::Warning,
                [
                    "no source of supply; the proposal cannot name a supplier".to_owned(),
                    "没有货源，建议单无法指定供应商".to_owned(),
                ],
                ["add a row to sources, or set do_not_order", "请在 sources 中添加货源，或设置 do_not_order"],
            )
            .about(facts, pair.item, pair.location)
            .rows(pair.setting.map(|idx| facts.dataset.item_locations[idx].row)),
        )
    };
    facts.pairs.iter().filter_map(check).collect()
}

/// What decides on order days: the supplier and the calendar of reviews.
type OrderDays<'a> = (Option<u32>, Option<&'a str>);

/// D18: no day within the next four weeks, lead time and extra horizon on which a lane in use may be ordered.
fn d18_no_order_day(facts: &Facts<'_>) -> Vec<Finding> {
    let horizon = 28 + facts.settings.extra_horizon_days as i32;
    // By supplier and review calendar: whether there is an order day, and the lanes.
    let mut seen: BTreeMap<OrderDays<'_>, (bool, Vec<RowRef>)> = BTreeMap::new();
    let in_use: BTreeSet<usize> = facts.pairs.iter().filter_map(|pair| pair.lane).collect();
    for idx in in_use {
        let lane = &facts.dataset.sources[idx];
        let supplier = match lane.origin {
            Origin::Supplier(supplier) => Some(supplier.0),
            Origin::Location(_) => None,
        };
        let key = (supplier, lane.review_calendar.as_deref());
        let entry = seen.entry(key).or_insert_with(|| (has_order_day(facts, key, horizon), Vec::new()));
        entry.1.push(lane.row);
    }
    seen.into_iter()
        .filter(|(_, (has_day, _))| !has_day)
        .map(|((supplier, calendar), (_, rows))| {
            let supplier = supplier.map_or("", |idx| &facts.dataset.suppliers[idx as usize].supplier_id);
            let name = format!("{supplier} {}", calendar.unwrap_or("")).trim().to_owned();
            finding(
                FindingCode::D18,
                Severity::Error,
                [
                    format!("{name} takes no order within {horizon} days from {}", facts.as_of),
                    format!("{name} 自 {} 起 {horizon} 天内没有订货日", facts.as_of),
                ],
                ["correct order_days, the review calendar or the holidays", "请更正 order_days、订货日历或节假日"],
            )
            .rows(rows)
        })
        .collect()
}

fn has_order_day(facts: &Facts<'_>, (supplier, calendar): OrderDays<'_>, horizon: i32) -> bool {
    let calendars = &facts.dataset.calendars;
    let supplier = supplier.map(|idx| &facts.dataset.suppliers[idx as usize]);
    let holidays = supplier.and_then(|supplier| supplier.holidays_calendar.as_ref()).and_then(|id| calendars.get(id));
    // A calendar that does not exist is D20 and no reason to call every day closed.
    let review = calendar.and_then(|id| calendars.get(id));
    (0..horizon).map(|ahead| facts.as_of.plus(ahead)).any(|day: Day| {
        let by_calendar = match (review, supplier) {
            (Some(review), supplier) => {
                review.is_open(day) && supplier.is_none_or(|supplier| supplier.order_days.contains(day))
            }
            (None, Some(supplier)) => supplier.order_days.contains(day),
            (None, None) => true,
        };
        by_calendar && holidays.is_none_or(|holidays| holidays.is_open(day))
    })
}
