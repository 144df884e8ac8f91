//! What files say, as events: so that files and other sources can both be sent without counting anything twice.
//!
//! Ids of events are hashes of what a row says and of how often it said so before, so that reading the same or a longer
//! file again makes the same events for the same rows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::Origin;
use restock_core::event::{OrderLine, SupplyOrigin};
use restock_core::said_demand::{ForecastOverride, GivenForecast};
use restock_core::{Dataset, Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Money, Quantity};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use rustc_hash::FxHashMap;

use crate::tables::{morning, override_key};
use crate::wire;

/// What [`events_from_tables`] made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableEvents {
    /// The events, in no order that matters.
    pub events: Vec<Event>,
    /// What events cannot say and was left out, one sentence each, with how often.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// Events that say what the tables of `dataset` say about what happened: sales, stock, orders, receipts, prices,
/// promotions, stock-outs, adjustments, signals, readings, forecasts and what is said about them. `source` is their source, `at` is the time of what has no day of its own.
///
/// A row is dated on the first instant of its day in `time_zone`, and a count on the last one: it comes after the sales of
/// its day. Tables
/// that describe the business (items, locations, suppliers, lanes, calendars, ...) stay tables.
pub fn events_from_tables(dataset: &Dataset, source: &str, at: Timestamp, time_zone: &TimeZone) -> TableEvents {
    let mut out = Builder { dataset, source, time_zone, at, said: FxHashMap::default(), made: TableEvents::default() };
    out.sales();
    out.inventory();
    out.orders();
    out.receipts();
    out.others();
    out.demand();
    out.made
}

struct Builder<'a> {
    dataset: &'a Dataset,
    source: &'a str,
    time_zone: &'a TimeZone,
    at: Timestamp,
    /// How often each content was said.
    said: FxHashMap<[u8; 16], u32>,
    made: TableEvents,
}

impl Builder<'_> {
    fn say(&mut self, occurred_at: Timestamp, kind: EventKind) {
        let mut event = Event {
            event_id: "-".to_owned(),
            source: self.source.to_owned(),
            occurred_at,
            kind,
            attributes: BTreeMap::new(),
        };
        let content: [u8; 32] = blake3::hash(wire::write(&event).as_bytes()).into();
        let content: [u8; 16] = content[..16].try_into().expect("16 of 32 bytes");
        let n_said = self.said.entry(content).or_default();
        *n_said += 1;
        event.event_id = format!("{:032x}-{n_said}", u128::from_be_bytes(content));
        self.made.events.push(event);
    }

    fn leave_out(&mut self, what: &'static str) {
        *self.made.left_out.entry(what).or_default() += 1;
    }

    fn morning(&self, day: Day) -> Timestamp {
        morning(day, self.time_zone)
    }

    /// The morning of a day, or now where that is still to come: nothing is announced before it is known.
    fn known_at(&self, day: Day) -> Timestamp {
        self.morning(day).min(self.at)
    }

    fn place(&self, item: ItemIdx, location: LocationIdx) -> ItemLocation {
        ItemLocation { item_id: self.item(item), location_id: self.location(location) }
    }

    fn item(&self, item: ItemIdx) -> String {
        self.dataset.items[item.0 as usize].item_id.clone()
    }

    fn location(&self, location: LocationIdx) -> String {
        self.dataset.locations[location.0 as usize].location_id.clone()
    }

    fn origin(&self, origin: Option<Origin>) -> Option<SupplyOrigin> {
        origin.map(|origin| match origin {
            Origin::Supplier(idx) => SupplyOrigin::Supplier(self.dataset.suppliers[idx.0 as usize].supplier_id.clone()),
            Origin::Location(idx) => SupplyOrigin::Location(self.location(idx)),
        })
    }

    fn sales(&mut self) {
        let sales = &self.dataset.sales;
        for idx in 0..sales.len() {
            let place = self.place(sales.item[idx], sales.location[idx]);
            let occurred_at = self.morning(sales.day[idx]);
            let quantity = sales.quantity[idx];
            // The shortest decimal that is this number, which is what the file said.
            let unit_price = sales
                .unit_price
                .get(idx)
                .filter(|price| price.is_finite() && **price >= 0.0)
                .and_then(|price| price.to_string().parse::<Money>().ok());
            let lost = sales.lost.get(idx).copied().filter(|lost| *lost > Quantity::ZERO);
            let kind = match quantity < Quantity::ZERO {
                true => EventKind::Return { place, quantity: -quantity, unit_price },
                false => EventKind::Sale { place, quantity, unit_price, lost },
            };
            self.say(occurred_at, kind);
        }
        let has_shares = !(sales.on_promotion.is_empty()
            && sales.price_ratio.is_empty()
            && sales.stockout_share.is_empty()
            && sales.open_share.is_empty()
            && sales.holiday.is_empty());
        if has_shares {
            self.leave_out("sales have columns about promotions, stock-outs, open hours or holidays");
        }
    }

    fn inventory(&mut self) {
        let mut counts: BTreeMap<ItemLocation, (Timestamp, Quantity)> = BTreeMap::new();
        for row in &self.dataset.inventory {
            // A row of a day is its end: what sold on that day has left the shelf.
            let end = |day: Day| self.morning(day.plus(1)).checked_sub(jiff::SignedDuration::from_nanos(1));
            let at = row.as_of.and_then(|day| end(day).ok()).map_or(self.at, |end| end.min(self.at));
            let (counted_at, on_hand) =
                counts.entry(self.place(row.item, row.location)).or_insert((at, Quantity::ZERO));
            *counted_at = (*counted_at).max(at);
            *on_hand += row.on_hand;
            if row.lot_id.is_some() || row.expiry.is_some() {
                self.leave_out("stock has lots");
            }
            if [row.allocated, row.blocked, row.in_transit].iter().any(|quantity| *quantity != Quantity::ZERO) {
                self.leave_out("stock is allocated, blocked or in transit");
            }
        }
        for (place, (at, on_hand)) in counts {
            self.say(at, EventKind::Count { place, on_hand });
        }
    }

    /// Received units of each line that the receipts know.
    fn receipts_by_line(&self) -> BTreeMap<OrderLine, Quantity> {
        let mut received: BTreeMap<OrderLine, Quantity> = BTreeMap::new();
        for row in &self.dataset.receipts {
            if let (false, Some(location)) = (row.order_id.is_empty(), row.location) {
                let line = OrderLine { order_id: row.order_id.clone(), place: self.place(row.item, location) };
                *received.entry(line).or_default() += row.quantity;
            }
        }
        received
    }

    fn orders(&mut self) {
        let mut received = self.receipts_by_line();
        let mut known = std::collections::BTreeSet::new();
        for row in &self.dataset.open_orders {
            if row.order_id.is_empty() {
                self.leave_out("an order has no number");
                continue;
            }
            let line = OrderLine { order_id: row.order_id.clone(), place: self.place(row.item, row.to_location) };
            if !known.insert(line.clone()) {
                self.leave_out("a line of an order stands twice");
                continue;
            }
            // Units that came in and that no receipt tells of are no longer wanted.
            let told = received.remove(&line).unwrap_or_default();
            let untold = (row.received + -told).max(Quantity::ZERO);
            let quantity = (row.quantity + -untold).max(Quantity::ZERO);
            let at = row.ordered_on.map_or(self.at, |day| self.morning(day));
            let origin = self.origin(row.origin);
            self.say(at, EventKind::OrderPlaced { line: line.clone(), quantity, origin, due_on: row.due_on });
            match row.status.as_str() {
                "confirmed" => self.say(at, EventKind::OrderConfirmed { line, quantity: None, due_on: None }),
                "shipped" => self.say(at, EventKind::OrderShipped { line, quantity: None, due_on: None }),
                "cancelled" | "closed" => self.say(at, EventKind::OrderCancelled { line, quantity: None }),
                _ => {}
            }
        }
        // Past orders are known by their receipts alone.
        let mut placed = std::collections::BTreeSet::new();
        for row in &self.dataset.receipts {
            let Some(location) = row.location else { continue };
            let line = OrderLine { order_id: row.order_id.clone(), place: self.place(row.item, location) };
            if let (Some(&quantity), Some(ordered_on)) = (received.get(&line), row.ordered_on)
                && placed.insert(line.clone())
            {
                let origin = self.origin(row.origin);
                let at = self.morning(ordered_on);
                self.say(at, EventKind::OrderPlaced { line, quantity, origin, due_on: row.due_on });
            }
        }
    }

    fn receipts(&mut self) {
        for row in &self.dataset.receipts {
            let Some(location) = row.location else {
                self.leave_out("a receipt has no location");
                continue;
            };
            if row.quantity < Quantity::ZERO {
                self.leave_out("a receipt is negative");
                continue;
            }
            let kind = EventKind::Receipt {
                place: self.place(row.item, location),
                quantity: row.quantity,
                order_id: (!row.order_id.is_empty()).then(|| row.order_id.clone()),
                origin: self.origin(row.origin),
                unit_cost: row.unit_cost,
            };
            self.say(self.morning(row.received_on), kind);
        }
    }

    fn others(&mut self) {
        for row in &self.dataset.prices {
            let kind = EventKind::PriceChange {
                item_id: self.item(row.item),
                location_id: row.location.map(|location| self.location(location)),
                price: row.price,
                from: Some(row.from),
                to: row.to,
            };
            self.say(self.known_at(row.from), kind);
        }
        for row in &self.dataset.promotions {
            let kind = EventKind::Promotion {
                promo_id: row.promo_id.clone(),
                item_id: row.item.map(|item| self.item(item)),
                location_id: row.location.map(|location| self.location(location)),
                from: row.from,
                to: row.to,
                depth: row.depth.and_then(decimal),
                display: row.display,
                expected_uplift: row.expected_uplift.and_then(decimal),
            };
            self.say(self.known_at(row.from), kind);
        }
        for row in &self.dataset.stockouts {
            let kind = EventKind::StockoutObserved { place: self.place(row.item, row.location), to: Some(row.to) };
            self.say(self.morning(row.from), kind);
        }
        for row in &self.dataset.adjustments {
            let place = self.place(row.item, row.location);
            let (quantity, reason) = (row.quantity, row.reason.clone());
            let kind = match reason == "waste" && quantity <= Quantity::ZERO {
                true => EventKind::Waste { place, quantity: -quantity, reason: String::new() },
                false => EventKind::Adjustment { place, quantity, reason },
            };
            self.say(self.morning(row.day), kind);
        }
        for row in &self.dataset.readings {
            let Some(value) = decimal(row.value) else {
                self.leave_out("a reading is no number");
                continue;
            };
            let kind = EventKind::SensorReading {
                sensor_id: if row.sensor_id.is_empty() { "file".to_owned() } else { row.sensor_id.clone() },
                metric: row.metric.clone(),
                location_id: self.location(row.location),
                item_id: Some(self.dataset.items[row.item.0 as usize].item_id.clone()),
                value,
                unit: row.unit.clone(),
            };
            self.say(self.morning(row.day), kind);
        }
        for row in &self.dataset.signals {
            match (row.location, decimal(row.value)) {
                (Some(location), Some(value)) if !row.known_in_future => {
                    let kind = EventKind::SensorReading {
                        sensor_id: "file".to_owned(),
                        metric: row.name.clone(),
                        location_id: self.location(location),
                        item_id: None,
                        value,
                        unit: String::new(),
                    };
                    self.say(self.morning(row.day), kind);
                }
                _ => self.leave_out("a signal is about every location, or known in advance"),
            }
        }
    }
}

impl Builder<'_> {
    /// What is said about demand to come. An override counts as said on the first of its days where that is over, so that the
    /// same file says the same again.
    fn demand(&mut self) {
        for row in &self.dataset.forecast_overrides {
            let said = ForecastOverride {
                key: override_key(self.dataset, row),
                change: Some(row.change),
                reason: row.reason.clone(),
                author: row.author.clone(),
            };
            match said.problem() {
                Some(_) => self.leave_out("an override of a forecast has no reason"),
                None => self.say(self.known_at(row.from), EventKind::ForecastOverride(Box::new(said))),
            }
        }
        for row in &self.dataset.forecasts {
            let quantiles = row.quantiles.iter();
            let given = GivenForecast {
                place: self.place(row.item, row.location),
                day: row.day,
                mean: row.mean.and_then(decimal),
                quantiles: quantiles.filter_map(|(level, value)| Some((decimal(*level)?, decimal(*value)?))).collect(),
            };
            match given.problem() {
                Some(_) => self.leave_out("a forecast has numbers that are too large"),
                None => self.say(self.known_at(row.day), EventKind::ForecastGiven(Box::new(given))),
            }
        }
    }
}

/// The shortest decimal that is this number.
fn decimal(value: f64) -> Option<Decimal> {
    Decimal::from_f64(value)
}
