//! The stock of one item-location: what the records say, what is believed instead, and what stood too warm.

use std::collections::{BTreeMap, HashMap};

use restock_core::dataset::{Dataset, InventoryRow, ReadingRow};
use restock_core::forecast::Observation;
use restock_core::settings::{AssumedStock, StockBeliefUse};
use restock_core::stock::{Arrival, Lot};
use restock_core::{Day, LocationIdx, Quantity, StockState, Units};

use super::{Pair, UnitBuilder};
use crate::health::BelievedRecord;
use crate::history::History;
use crate::sensors::{ColdBreak, max_temperature, read, warm_lots};
use crate::unit::{BelievedStock, Lane, OpenSupply, StockKnowledge};

/// The stock of one item-location.
pub(super) struct StockFound {
    /// Usable stock and what comes in.
    pub(super) stock: StockState,
    /// Units on hand that cannot be used.
    pub(super) unusable: Units,
    pub(super) known: StockKnowledge,
    /// Open supply behind the arrivals, earliest first.
    pub(super) open_orders: Vec<OpenSupply>,
    /// What is believed to be there instead of what the record says.
    pub(super) believed: Option<BelievedStock>,
    /// Stock that stood too warm.
    pub(super) cold_break: Option<ColdBreak>,
}

/// Names of signals that tell the temperature of the whole storage of a location.
const STORAGE: [&str; 5] =
    ["storage_temperature", "fridge_temperature", "cold_room_temperature", "库房温度", "冷库温度"];

/// °C by day and location, of sensors that watch the whole storage; of several the coldest, because one may hang beside it.
pub(super) fn storage_degrees(dataset: &Dataset, end: Day) -> HashMap<LocationIdx, BTreeMap<Day, f64>> {
    let mut degrees: HashMap<LocationIdx, BTreeMap<Day, f64>> = HashMap::new();
    for row in dataset.signals.iter().filter(|row| row.day < end && (-60.0..=80.0).contains(&row.value)) {
        if let Some(location) = row.location.filter(|_| STORAGE.contains(&row.name.as_str())) {
            let coldest = degrees.entry(location).or_default().entry(row.day).or_insert(row.value);
            *coldest = coldest.min(row.value);
        }
    }
    degrees
}

impl UnitBuilder<'_> {
    /// Days since the last sale of a shelf that is probably empty tell nothing about demand, where orders are for what is
    /// believed to be there.
    pub(super) fn forget_quiet_days(&self, pair: Pair, history: &mut History) {
        if self.settings.stock_belief != StockBeliefUse::Use {
            return;
        }
        let facts = self.shared.pairs.get(&self.place(pair.0, pair.1));
        if !facts.and_then(|facts| facts.believed.as_ref()).is_some_and(BelievedRecord::is_probably_empty) {
            return;
        }
        let series = &mut history.series;
        let Some(last) = series.sales.iter().rposition(|sold| *sold > 0.0) else { return };
        for idx in last + 1..series.n_periods() {
            if series.observations[idx] == Observation::Full {
                (series.observations[idx], series.demand[idx]) = (Observation::Missing, 0.0);
            }
        }
    }

    /// The stock on the morning of the plan.
    pub(super) fn stock(
        &self,
        (item, location): Pair,
        history: &History,
        lane: &Lane,
        warnings: &mut Vec<String>,
    ) -> StockFound {
        let entity = &self.dataset.items[item.0 as usize];
        let (dataset, settings, as_of) = (self.dataset, self.settings, self.history.as_of());
        let decimals = entity.decimals;
        let mut stock = StockState::default();
        let mut unusable = 0;
        let mut in_transit = 0;
        let rows = self.inventory.get(&(item, location)).map_or(&[][..], Vec::as_slice);
        let rows = rows.iter().map(|idx| &dataset.inventory[*idx as usize]);
        // Undated rows mean "now"; otherwise the latest count up to the morning of the plan is the one that holds.
        let now = rows.clone().any(|row| row.as_of.is_none());
        let count_day = rows.clone().filter_map(|row| row.as_of).filter(|day| *day <= as_of).max();
        let counted: Vec<_> = rows
            .filter(|row| if now { row.as_of.is_none() } else { row.as_of == count_day && count_day.is_some() })
            .collect();
        let stock_known = if !counted.is_empty() {
            StockKnowledge::Counted { day: if now { None } else { count_day } }
        } else if settings.assumed_stock == AssumedStock::Zero || history.sold_out_at_end {
            StockKnowledge::AssumedEmpty
        } else {
            StockKnowledge::Assumed
        };
        let mut lots: BTreeMap<i32, i64> = BTreeMap::new();
        let default_life = entity
            .shelf_life_days
            .filter(|days| *days > 0)
            .map_or(i32::MAX, |days| i32::try_from(days).unwrap_or(i32::MAX).saturating_sub(1));
        let (mut on_hand_micro, mut blocked_micro, mut allocated, mut n_negative) = (0, 0, 0, 0);
        for row in &counted {
            allocated += row.allocated.to_units_ceil(decimals).max(0);
            in_transit += row.in_transit.to_units_floor(decimals).max(0);
            blocked_micro += row.blocked.micro().max(0);
            if row.on_hand < Quantity::ZERO {
                n_negative += 1;
                continue;
            }
            let periods_left = match row.expiry {
                Some(expiry) if expiry < as_of => {
                    unusable += row.on_hand.to_units_floor(decimals);
                    continue;
                }
                Some(expiry) => expiry.0 - as_of.0,
                None => default_life,
            };
            *lots.entry(periods_left).or_default() += row.on_hand.micro();
            on_hand_micro += row.on_hand.micro();
        }
        if n_negative > 0 {
            warnings.push("D01: negative stock counted as none".to_owned());
        }
        // A count from some days ago is brought forward by what was sold and received since.
        let unknown_from = settings.unknown_from(as_of);
        if let (false, Some(day)) = (now, count_day.filter(|day| *day < unknown_from.plus(-1))) {
            let sold = self.sold_between((item, location), (day, unknown_from))
                + self.used_between((item, location), (day, unknown_from));
            let received: i64 = self
                .receipts
                .get(&(item, location))
                .into_iter()
                .flatten()
                .map(|idx| &dataset.receipts[*idx as usize])
                .filter(|row| row.received_on > day && row.received_on < unknown_from)
                .map(|row| row.quantity.micro())
                .sum();
            let adjusted: i64 = self
                .adjustments
                .get(&(item, location))
                .into_iter()
                .flatten()
                .map(|idx| &dataset.adjustments[*idx as usize])
                .filter(|row| row.day > day)
                .map(|row| row.quantity.micro())
                .sum();
            let (received, sold) = (received + adjusted.max(0), sold - adjusted.min(0));
            if sold != 0 || received != 0 {
                *lots.entry(default_life).or_default() += received;
                let mut open = sold.max(0);
                for micro in lots.values_mut() {
                    let taken = open.min(*micro);
                    *micro -= taken;
                    open -= taken;
                }
                on_hand_micro = (on_hand_micro + received - sold).max(0);
            }
            warnings.push(format!(
                "D06: stock was counted on {day} and brought forward by sales, receipts and adjustments"
            ));
        }
        let believed = self.believed((item, location), &counted, now).map(|believed| {
            let recorded = Quantity::from_micro(on_hand_micro).to_units_floor(decimals);
            let change = believed.expected.round() as Units - believed.recorded.max(0);
            let change = Quantity::from_units(change, decimals).micro().max(-on_hand_micro);
            // The last to expire are taken to be missing; what nobody wrote down is as fresh as what comes in.
            let mut open = -change;
            for micro in lots.values_mut().rev() {
                let taken = open.min(*micro).max(0);
                *micro -= taken;
                open -= taken;
            }
            if change > 0 {
                *lots.entry(default_life).or_default() += change;
            }
            on_hand_micro += change;
            BelievedStock { recorded, probability_empty: believed.probability_empty, is_measured: believed.is_measured }
        });
        // Blocked units are in the on-hand figure; the last to expire are taken to be the blocked ones.
        let mut open = blocked_micro.min(on_hand_micro);
        for micro in lots.values_mut().rev() {
            let taken = open.min(*micro);
            *micro -= taken;
            open -= taken;
        }
        unusable += Quantity::from_micro(blocked_micro).to_units_ceil(decimals);
        for (periods_left, micro) in lots {
            let quantity = Quantity::from_micro(micro.max(0)).to_units_floor(decimals);
            if quantity > 0 {
                stock.lots.push(Lot { periods_left, quantity });
            }
        }
        let (lots, spoilt, cold_break) = self.warm((item, location), std::mem::take(&mut stock.lots));
        (stock.lots, unusable) = (lots, unusable + spoilt);
        if let Some(cold_break) = &cold_break {
            warnings.push(cold_break.warning(decimals));
        }

        let mut open_orders: Vec<OpenSupply> = Vec::new();
        for idx in self.open_orders.get(&(item, location)).into_iter().flatten() {
            let row = &dataset.open_orders[*idx as usize];
            let quantity = row.quantity.to_units_floor(decimals) - row.received.to_units_ceil(decimals).max(0);
            if quantity <= 0 {
                continue;
            }
            let lead_days = (lane.mean_lead_days() - 1e-9).ceil() as i32;
            let due = row
                .due_on
                .unwrap_or_else(|| row.ordered_on.map_or(as_of, |day| day.max(as_of.plus(-lead_days))).plus(lead_days));
            open_orders.push(OpenSupply { order_id: row.order_id.clone(), quantity, due, overdue: due < as_of });
        }
        if !self.shared.has_open_orders && in_transit > 0 {
            let due = as_of.plus((lane.mean_lead_days() - 1e-9).ceil() as i32);
            open_orders.push(OpenSupply {
                order_id: "in transit".to_owned(),
                quantity: in_transit,
                due,
                overdue: false,
            });
        }
        open_orders.sort_by(|a, b| (a.due, &a.order_id, a.quantity).cmp(&(b.due, &b.order_id, b.quantity)));
        for order in &open_orders {
            // An overdue order may come any day; it is expected tomorrow, and its lateness is an exception.
            let periods_ahead = if order.overdue { 1 } else { order.due.0 - as_of.0 };
            stock.arrivals.push(Arrival { periods_ahead, quantity: order.quantity });
        }
        stock.arrivals.sort_by_key(|arrival| arrival.periods_ahead);

        let outgoing: Units = self
            .outgoing
            .get(&(item, location))
            .into_iter()
            .flatten()
            .map(|idx| &dataset.open_orders[*idx as usize])
            .map(|row| row.quantity.to_units_ceil(decimals) - row.received.to_units_floor(decimals))
            .sum();
        // A transfer that has not left yet may already be in the allocated figure.
        stock.reserved = allocated.max(outgoing).max(0);
        StockFound { stock, unusable, known: stock_known, open_orders, believed, cold_break }
    }

    /// What is believed to be there instead of what the record says, where orders are for that and the record is still the
    /// one that the belief is about: of what was counted since, nothing is believed yet.
    fn believed(&self, pair: Pair, counted: &[&InventoryRow], is_now: bool) -> Option<&BelievedRecord> {
        let facts = self.shared.pairs.get(&self.place(pair.0, pair.1))?;
        let believed = facts.believed.as_ref()?;
        let day = counted.first().and_then(|row| row.as_of).filter(|_| !is_now);
        let on_hand = counted.iter().fold(Quantity::ZERO, |sum, row| sum + row.on_hand);
        (believed.of_count == (day, on_hand)).then_some(believed)
    }

    /// Lots after days on which they stood too warm, and the units that cannot be used any more.
    fn warm(&self, pair: Pair, lots: Vec<Lot>) -> (Vec<Lot>, Units, Option<ColdBreak>) {
        let entity = &self.dataset.items[pair.0.0 as usize];
        if max_temperature(entity).is_none() {
            return (lots, 0, None);
        }
        let rows = self.readings.get(&pair).map_or(&[][..], Vec::as_slice);
        let rows: Vec<&ReadingRow> = rows.iter().map(|idx| &self.dataset.readings[*idx as usize]).collect();
        let as_of = self.history.as_of();
        let end = self.settings.unknown_from(as_of);
        let own = read(&rows, entity, end, |_| false).degrees;
        let degrees = if own.is_empty() { self.storage_degrees.get(&pair.1) } else { Some(&own) };
        let Some(degrees) = degrees else { return (lots, 0, None) };
        let received = |day: Day| -> Units {
            let rows = self.receipts.get(&pair).map_or(&[][..], Vec::as_slice);
            let rows = rows.iter().map(|idx| &self.dataset.receipts[*idx as usize]);
            rows.filter(|row| day < row.received_on && row.received_on < end)
                .map(|row| row.quantity.to_units_floor(entity.decimals))
                .sum()
        };
        warm_lots(lots, (entity, as_of), degrees, self.settings, received)
    }
}
