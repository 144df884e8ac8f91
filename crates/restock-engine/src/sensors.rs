//! What sensors that watch an item say: units on a shelf by its weight, and days on which perishable goods stood too warm.
//!
//! A reading that cannot be right is ignored, and data health says so (D27): a negative weight, a number that is none, a unit
//! that nobody knows, a scale that shows the same weight while goods are sold, an item without the weight of a unit.

use std::collections::{BTreeMap, BTreeSet};

use restock_core::dataset::{Item, ReadingRow};
use restock_core::event::is_fahrenheit;
use restock_core::settings::{ColdChain, PlanSettings};
use restock_core::stock::Lot;
use restock_core::{Day, Quantity};
use restock_inventory::stock_belief::Measured;

/// Days of an unchanged weight, and sales on them, from which a scale counts as stuck.
const STUCK: (usize, usize) = (5, 3);

/// Temperatures that a sensor in a shop can see, °C.
const CELSIUS: std::ops::RangeInclusive<f64> = -60.0..=80.0;

/// Why a reading cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unusable {
    /// Neither weight nor temperature.
    Metric,
    /// A unit that nobody knows.
    Unit,
    /// No number, a weight below 0, or a temperature that no shop has.
    Value,
    /// The same weight while goods are sold.
    Stuck,
    /// The item has no weight per unit.
    NoUnitWeight,
    /// The item has no highest temperature.
    NoLimit,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Weight,
    Temperature,
}

/// What a shelf can weigh, and units that can be on it.
const KILOGRAMS: std::ops::RangeInclusive<f64> = 0.0..=100_000.0;
const UNITS_MAX: f64 = 1e9;

fn metric(row: &ReadingRow) -> Option<Metric> {
    let name = row.metric.trim().to_lowercase();
    match name.as_str() {
        "weight" | "shelf_weight" | "shelf weight" | "重量" | "货架重量" => Some(Metric::Weight),
        "temperature" | "temp" | "温度" => Some(Metric::Temperature),
        _ => None,
    }
}

/// A value in kg or °C.
fn in_usual_unit(metric: Metric, value: f64, unit: &str) -> Result<f64, Unusable> {
    let unit = unit.trim().to_lowercase();
    let value = match (metric, unit.as_str()) {
        (Metric::Weight, "" | "kg" | "kgm" | "千克" | "公斤") => value,
        (Metric::Weight, "g" | "grm" | "克") => value / 1_000.0,
        (Metric::Weight, "lb" | "lbs" | "lbr") => value * 0.453_592_37,
        (Metric::Temperature, "" | "c" | "°c" | "℃" | "cel" | "celsius") => value,
        (Metric::Temperature, unit) if is_fahrenheit(unit) => (value - 32.0) / 1.8,
        _ => return Err(Unusable::Unit),
    };
    let is_right = match metric {
        Metric::Weight => KILOGRAMS.contains(&value),
        Metric::Temperature => CELSIUS.contains(&value),
    };
    if is_right { Ok(value) } else { Err(Unusable::Value) }
}

/// What the readings of one item-location say, and what cannot be used of them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Read {
    /// Units on the shelf at the end of each day: the last readings of all sensors together.
    pub(crate) weighed: BTreeMap<Day, Measured>,
    /// °C by day, the mean of all sensors.
    pub(crate) degrees: BTreeMap<Day, f64>,
    /// Positions of readings that are ignored, and why.
    pub(crate) unusable: Vec<(usize, Unusable)>,
}

/// Reads the readings of an item-location before `end`, in the order of the table; `has_sold` says whether anything was sold
/// on a day.
pub(crate) fn read(rows: &[&ReadingRow], item: &Item, end: Day, has_sold: impl Fn(Day) -> bool) -> Read {
    let mut read = Read::default();
    // By sensor, because a shelf may stand on several scales; days on which one of them is silent tell only a part.
    let mut scales: BTreeMap<Day, BTreeMap<&str, (f64, usize)>> = BTreeMap::new();
    let mut degrees: BTreeMap<Day, (f64, f64)> = BTreeMap::new();
    let unit_weight = item.weight.filter(|weight| weight.is_finite() && *weight > 0.0);
    for (idx, row) in rows.iter().enumerate().filter(|(_, row)| row.day < end) {
        let Some(metric) = metric(row) else {
            read.unusable.push((idx, Unusable::Metric));
            continue;
        };
        let value = if metric == Metric::Weight { row.value } else { row.mean };
        match (in_usual_unit(metric, value, &row.unit), metric) {
            (Err(why), _) => read.unusable.push((idx, why)),
            (Ok(_), Metric::Weight) if unit_weight.is_none() => read.unusable.push((idx, Unusable::NoUnitWeight)),
            (Ok(_), Metric::Temperature) if max_temperature(item).is_none() => {
                read.unusable.push((idx, Unusable::NoLimit));
            }
            (Ok(value), Metric::Weight) if unit_weight.is_some_and(|weight| value / weight > UNITS_MAX) => {
                read.unusable.push((idx, Unusable::Value));
            }
            (Ok(value), Metric::Weight) => {
                scales.entry(row.day).or_default().insert(&row.sensor_id, (value, idx));
            }
            (Ok(value), Metric::Temperature) => {
                let known = degrees.entry(row.day).or_insert((0.0, 0.0));
                *known = (known.0 + value, known.1 + 1.0);
            }
        }
    }
    read.degrees = degrees.into_iter().map(|(day, (sum, n))| (day, sum / n)).collect();
    let Some(unit_weight) = unit_weight else { return read };
    // Of a weight that stays the same, days on which goods were sold all the same.
    let n_scales = scales.values().flat_map(BTreeMap::keys).collect::<BTreeSet<_>>().len();
    let whole = scales.into_iter().filter(|(_, of_day)| of_day.len() == n_scales);
    let days: Vec<(Day, f64, usize)> = whole
        .map(|(day, of_day)| {
            let last = of_day.values().map(|(_, idx)| *idx).max().expect("a day has a reading");
            (day, of_day.values().map(|(value, _)| value).sum(), last)
        })
        .collect();
    let mut begin = 0;
    while begin < days.len() {
        let same = days[begin..].iter().take_while(|(_, value, _)| *value == days[begin].1).count();
        let run = &days[begin..begin + same];
        let n_sold = run[1..].iter().filter(|(day, ..)| has_sold(*day)).count();
        let is_stuck = same >= STUCK.0 && n_sold >= STUCK.1;
        for (day, value, idx) in run {
            if is_stuck {
                read.unusable.push((*idx, Unusable::Stuck));
                continue;
            }
            let units = value / unit_weight;
            // A third of a unit for the scale, and packs of which each weighs a little more or less.
            let sd = (0.09 + (0.02 * units).powi(2)).sqrt();
            read.weighed.insert(*day, Measured { units, sd });
        }
        begin += same;
    }
    read
}

/// The temperature, °C, above which an item ages faster: its attribute `max_temperature`.
pub(crate) fn max_temperature(item: &Item) -> Option<f64> {
    let text = item.attributes.get("max_temperature")?;
    text.trim().trim_end_matches("°C").trim().replace(',', ".").parse().ok().filter(|limit| CELSIUS.contains(limit))
}

/// Perishable stock that stood too warm.
#[derive(Clone, Debug, PartialEq)]
pub struct ColdBreak {
    /// The first and the last day on which it did.
    pub(crate) days: (Day, Day),
    /// The highest mean of a day, and the limit, °C.
    pub(crate) degrees: (f64, f64),
    /// Units that are not sold any more.
    pub(crate) blocked: i64,
    /// Units that keep for less long.
    pub(crate) shortened: i64,
}

impl ColdBreak {
    /// What a plan says about it.
    pub(crate) fn warning(&self, decimals: u8) -> String {
        let quantity = |units: i64| Quantity::from_units(units, decimals);
        let ((first, last), (hottest, limit)) = (self.days, self.degrees);
        format!(
            "stood at up to {hottest:.1} °C between {first} and {last}, at most {limit} °C are allowed: {} not sold any \
             more, {} keep for less long",
            quantity(self.blocked),
            quantity(self.shortened)
        )
    }
}

/// Ages or blocks lots that stood too warm; `received(day)` is what came in after a day, units, of which the lots without a
/// day of their own are taken to be the last. Returns the lots, the units that cannot be used any more, and what happened.
pub(crate) fn warm_lots(
    lots: Vec<Lot>,
    (item, as_of): (&Item, Day),
    degrees: &BTreeMap<Day, f64>,
    settings: &PlanSettings,
    received: impl Fn(Day) -> i64,
) -> (Vec<Lot>, i64, Option<ColdBreak>) {
    let Some((limit, life)) = max_temperature(item).zip(item.shelf_life_days.filter(|days| *days > 0)) else {
        return (lots, 0, None);
    };
    let life = i32::try_from(life).unwrap_or(i32::MAX).min(3_650);
    let warm: Vec<(Day, f64)> = degrees
        .range(as_of.plus(-life)..as_of)
        .filter(|(_, degrees)| **degrees > limit)
        .map(|(day, degrees)| (*day, *degrees))
        .collect();
    let (Some(first), Some(last)) = (warm.first(), warm.last()) else { return (lots, 0, None) };
    if settings.cold_chain == ColdChain::Off {
        return (lots, 0, None);
    }
    let hottest = warm.iter().map(|(_, degrees)| *degrees).fold(f64::MIN, f64::max);
    let mut found = ColdBreak { days: (first.0, last.0), degrees: (hottest, limit), blocked: 0, shortened: 0 };
    let aging = |degrees: f64| settings.cold_chain_q10.max(1.0).powf((degrees - limit) / 10.0) - 1.0;
    let mut aged: BTreeMap<i32, i64> = BTreeMap::new();
    let mut keep = |lot: Lot, days: f64, is_warm: bool| {
        let left = lot.periods_left.saturating_sub((days + 1e-9).floor() as i32);
        if is_warm && (settings.cold_chain == ColdChain::Block || left < 0) {
            found.blocked += lot.quantity;
            return;
        }
        found.shortened += if left < lot.periods_left { lot.quantity } else { 0 };
        *aged.entry(left).or_default() += lot.quantity;
    };
    for lot in lots {
        if lot.periods_left < life - 1 {
            // The day on which it came in, fresh, says which warm days it saw.
            let arrived = as_of.plus(lot.periods_left - (life - 1));
            let seen = warm.iter().filter(|(day, _)| *day >= arrived);
            let days: f64 = seen.clone().map(|(_, degrees)| aging(*degrees)).sum();
            let is_warm = seen.count() > 0;
            keep(lot, days, is_warm);
            continue;
        }
        // Fresh as far as anybody knows: what came in after a warm day did not see it.
        let mut rest = lot.quantity;
        let mut days = warm.iter().map(|(_, degrees)| aging(*degrees)).sum::<f64>();
        let mut cold: Vec<(i64, f64, bool)> = Vec::new();
        for (idx, (day, degrees)) in warm.iter().enumerate() {
            let seen = (rest - received(*day).max(0)).max(0);
            // What stood there on this day saw this and all later ones.
            if seen > 0 {
                cold.push((seen, days, true));
                rest -= seen;
            }
            days -= aging(*degrees);
            if idx + 1 == warm.len() {
                cold.push((rest, 0.0, false));
            }
        }
        for (quantity, days, is_warm) in cold.into_iter().filter(|(quantity, ..)| *quantity > 0) {
            keep(Lot { periods_left: lot.periods_left, quantity }, days, is_warm);
        }
    }
    let lots = aged.into_iter().map(|(periods_left, quantity)| Lot { periods_left, quantity }).collect();
    let happened = found.blocked > 0 || found.shortened > 0;
    (lots, found.blocked, happened.then_some(found))
}

#[cfg(test)]
mod tests {
    use restock_core::dataset::RowRef;
    use restock_core::{ItemIdx, LocationIdx};

    use super::*;

    fn reading(metric: &str, day: i32, value: f64, unit: &str) -> ReadingRow {
        ReadingRow {
            sensor_id: String::new(),
            metric: metric.to_owned(),
            day: Day(day),
            item: ItemIdx(0),
            location: LocationIdx(0),
            value,
            mean: value,
            unit: unit.to_owned(),
            row: RowRef::default(),
        }
    }

    fn milk() -> Item {
        let attributes = [("max_temperature".to_owned(), "6".to_owned())].into();
        Item { weight: Some(0.5), shelf_life_days: Some(10), attributes, ..Item::default() }
    }

    #[test]
    fn weights_become_units_and_what_cannot_be_is_named() {
        let rows = [
            reading("weight", 1, 5.0, "kg"),
            reading("weight", 2, 4_000.0, "g"),
            reading("weight", 3, -1.0, "kg"),
            reading("weight", 4, 3.0, "stone"),
            reading("humidity", 4, 3.0, ""),
            reading("weight", 5, f64::NAN, ""),
            reading("temperature", 5, 50.0, "F"),
            reading("temperature", 6, 200.0, ""),
        ];
        let read = |item: &Item| read(&rows.iter().collect::<Vec<_>>(), item, Day(7), |_| true);
        let found = read(&milk());
        let units: Vec<(i32, f64)> = found.weighed.iter().map(|(day, measured)| (day.0, measured.units)).collect();
        assert_eq!(units, [(1, 10.0), (2, 8.0)]);
        assert_eq!(found.degrees, [(Day(5), 10.0)].into());
        use Unusable::{Metric, NoLimit, NoUnitWeight, Unit, Value};
        assert_eq!(found.unusable, [(2, Value), (3, Unit), (4, Metric), (5, Value), (7, Value)]);
        let bare = read(&Item::default());
        assert!(bare.weighed.is_empty() && bare.degrees.is_empty());
        assert!(bare.unusable.contains(&(0, NoUnitWeight)) && bare.unusable.contains(&(6, NoLimit)));
    }

    /// Two scales under one shelf weigh a part each; where one is silent, nothing is known. Tons of milk are a mistake.
    #[test]
    fn scales_of_one_shelf_add_up() {
        let of = |sensor_id: &str, day: i32, value: f64| ReadingRow {
            sensor_id: sensor_id.to_owned(),
            ..reading("weight", day, value, "kg")
        };
        let rows =
            [of("a", 1, 10.0), of("b", 1, 1.0), of("a", 2, 9.0), of("a", 3, 8.0), of("b", 3, 2e5), of("b", 4, 1.0)];
        let found = read(&rows.iter().collect::<Vec<_>>(), &milk(), Day(7), |_| true);
        let units: Vec<(i32, f64)> = found.weighed.iter().map(|(day, measured)| (day.0, measured.units)).collect();
        assert_eq!((units, found.unusable), (vec![(1, 22.0)], vec![(4, Unusable::Value)]));
        let light = Item { weight: Some(1e-9), ..milk() };
        let found = read(&[&of("a", 1, 10.0)], &light, Day(7), |_| true);
        assert_eq!((found.weighed.len(), found.unusable), (0, vec![(0, Unusable::Value)]));
    }

    #[test]
    fn a_weight_that_stays_while_goods_are_sold_is_that_of_a_stuck_scale() {
        let rows: Vec<ReadingRow> = (0..8).map(|day| reading("weight", day, 5.0, "")).collect();
        let rows: Vec<&ReadingRow> = rows.iter().collect();
        let sold = read(&rows, &milk(), Day(8), |_| true);
        assert!(sold.weighed.is_empty() && sold.unusable.iter().all(|(_, why)| *why == Unusable::Stuck));
        assert_eq!(read(&rows, &milk(), Day(8), |_| false).weighed.len(), 8);
    }

    /// Ten degrees too warm with a Q10 of 3: each such day takes two more off.
    #[test]
    fn warm_days_age_what_stood_there() {
        let degrees: BTreeMap<Day, f64> = [(Day(96), 5.0), (Day(97), 16.0), (Day(98), 16.0)].into();
        let as_of = Day(100);
        let lots = || {
            vec![
                // Came in on day 94, on day 98, and on a day that nobody knows.
                Lot { periods_left: 3, quantity: 5 },
                Lot { periods_left: 7, quantity: 4 },
                Lot { periods_left: 9, quantity: 10 },
            ]
        };
        let warm = |cold_chain: ColdChain| {
            let settings = PlanSettings { cold_chain, ..PlanSettings::default() };
            warm_lots(lots(), (&milk(), as_of), &degrees, &settings, |day| if day.0 < 98 { 6 } else { 2 })
        };
        let (left, blocked, found) = warm(ColdChain::Shorten);
        // The first is over. Of the last, 4 saw both days, 4 the second one and 2 none.
        let lot = |periods_left, quantity| Lot { periods_left, quantity };
        assert_eq!((left, blocked), (vec![lot(5, 8), lot(7, 4), lot(9, 2)], 5));
        let found = found.unwrap();
        assert_eq!((found.days, found.degrees), ((Day(97), Day(98)), (16.0, 6.0)));
        let (left, blocked, _) = warm(ColdChain::Block);
        assert_eq!((left, blocked), (vec![lot(9, 2)], 17));
        assert_eq!(warm(ColdChain::Off), (lots(), 0, None));
        let cold = [(Day(97), 5.0)].into();
        assert_eq!(warm_lots(lots(), (&milk(), as_of), &cold, &PlanSettings::default(), |_| 0), (lots(), 0, None));
    }
}
