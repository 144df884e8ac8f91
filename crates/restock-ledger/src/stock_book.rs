//! Stock and open orders that follow from events: a projection whose result depends on the set of events alone.
//!
//! # Rules
//! - **Counts.** The last count sets the stock at its instant; ties go to the larger (source, event id). Movements
//!   before it change nothing any more. A count comes first at its instant: movements at the same instant come after it.
//! - **Movements** after the last count are summed exactly. Sums do not depend on order, so only instants and amounts are
//!   kept, and nothing from before the last count. Without any count the stock starts at 0 and is only as right as that.
//! - **Orders** are known by (order, item, location). What is wanted is the last statement by the order of
//!   (instant, kind, source, event id) among placed and confirmed with a quantity; the same holds for the day on which it
//!   is due, among placed, confirmed and shipped with a day. Cancelled and received units are sums. Open is what is wanted
//!   less both, at least 0. Receipts and shipments may come before the order is known; a line of which only shipments are
//!   known is wanted as shipped.
//! - **A cancellation of the whole** ends a line, whatever is said later about it, and also where it is dated before the
//!   line was placed: clocks of two systems differ. One thing begins the line anew: placed by the instant of the last
//!   cancellation, and placed again after it.
//! - An observed stock-out changes no stock, and a sensor's reading neither: they are signals for the forecast.
//!
//! # Compaction
//! [`StockBook::compact`] sums movements from before a horizon. Everything stays exact but one thing: a count from before
//! a summed movement can no longer be placed between movements. It is refused as [`Applied::is_too_late`] and changes
//! nothing. Give [`Batch::counts_from`](crate::Batch::counts_from) the book's [`StockBook::horizon`], and such counts go
//! into quarantine at the door; then the book always equals a replay of all events.

use std::sync::Arc;

use crate::desk::OrderStanding;
use jiff::Timestamp;
use restock_core::event::{OrderLine, SupplyOrigin};
use restock_core::{Day, Event, EventKind, ItemLocation, Quantity};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Snapshots of other versions are refused, and the book is computed from all events.
const SNAPSHOT_VERSION: u32 = 2;

/// The stock and the open orders of all item-locations.
#[derive(Clone, Debug, Default)]
pub struct StockBook {
    ids: Ids,
    /// The latest horizon of a compaction.
    horizon: Option<Instant>,
    places: FxHashMap<(u32, u32), Place>,
}

/// What [`StockBook::apply`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied<'e> {
    /// The item that the event is about; `None` means every item.
    pub item_id: Option<&'e str>,
    /// The location that the event is about; `None` means every location.
    pub location_id: Option<&'e str>,
    /// Whether stock or open orders of this item-location may be others than before.
    pub has_changed: bool,
    /// Whether it is a count from before the horizon that could not be taken in any more.
    pub is_too_late: bool,
}

/// The stock of an item-location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Units on hand; negative when more was reported to leave than to arrive. Sums beyond ±9e12 show as that limit.
    pub on_hand: Quantity,
    /// When it was counted last; `None` when never, and then `on_hand` is the sum of all movements.
    pub counted_at: Option<Timestamp>,
    /// When units last came or left since then; `None` when none did.
    pub moved_at: Option<Timestamp>,
}

/// A line of an order that is still on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Order number.
    pub order_id: String,
    /// Units wanted, after confirmations and partial cancellations.
    pub quantity: Quantity,
    /// Units received of them.
    pub received: Quantity,
    /// Where they come from.
    pub origin: Option<SupplyOrigin>,
    /// When it was placed; `None` when that was not reported.
    pub placed_at: Option<Timestamp>,
    /// Day on which the rest is expected.
    pub due_on: Option<Day>,
    /// `open`, `confirmed` or `shipped`: the furthest that was reported.
    pub status: &'static str,
}

impl OpenOrder {
    /// Units still to come, above 0.
    pub fn open(&self) -> Quantity {
        self.quantity + -self.received
    }
}

impl StockBook {
    /// A book without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one event. Every event must be applied once: the ledger sees to that.
    pub fn apply<'e>(&mut self, event: &'e Event) -> Applied<'e> {
        let mut applied = Applied {
            item_id: event.kind.item_id(),
            location_id: event.kind.location_id(),
            has_changed: false,
            is_too_late: false,
        };
        let Some(place) = event.kind.place() else { return applied };
        if matches!(event.kind, EventKind::StockoutObserved { .. }) {
            return applied;
        }
        let key = (self.ids.intern(&place.item_id), self.ids.intern(&place.location_id));
        let place = self.places.entry(key).or_default();
        if let EventKind::Count { on_hand, .. } = &event.kind {
            (applied.has_changed, applied.is_too_late) = place.count(event, *on_hand);
            return applied;
        }
        if let Some(quantity) = event.kind.movement() {
            applied.has_changed |= place.move_stock(event.occurred_at, quantity);
        }
        applied.has_changed |= place.order(event);
        applied
    }

    /// The stock of an item-location; `None` when no event has told of it.
    pub fn stock(&self, place: &ItemLocation) -> Option<Stock> {
        self.place(place).map(Place::stock)
    }

    /// Orders on their way to an item-location, sorted by order number.
    pub fn open_orders(&self, place: &ItemLocation) -> Vec<OpenOrder> {
        self.place(place).map(Place::open_orders).unwrap_or_default()
    }

    /// All item-locations that have stock events or orders, sorted.
    pub fn places(&self) -> Vec<ItemLocation> {
        self.sorted().into_iter().map(|(item_id, location_id, _)| ItemLocation::new(item_id, location_id)).collect()
    }

    /// A line of an order, open or not; `None` when no event has told of it.
    pub(crate) fn order(&self, line: &OrderLine) -> Option<OrderFacts> {
        let orders = &self.place(&line.place)?.orders;
        let idx = orders.binary_search_by_key(&line.order_id.as_str(), |order| &order.order_id).ok()?;
        Some(orders[idx].facts())
    }

    /// What has become of a line of an order, open or not; nothing where no event has told of it.
    pub fn standing(&self, line: &OrderLine) -> OrderStanding {
        let Some(place) = self.place(&line.place) else { return OrderStanding::default() };
        match place.orders.binary_search_by_key(&line.order_id.as_str(), |order| &order.order_id) {
            Ok(idx) => {
                let order = &place.orders[idx];
                OrderStanding {
                    is_confirmed: order.is_confirmed || order.is_shipped,
                    received: shown(order.received),
                    is_over: order.open().is_none(),
                }
            }
            Err(_) => OrderStanding::default(),
        }
    }

    /// A book of one place alone, with what this one knows of it.
    pub(crate) fn of_place(&self, place: &ItemLocation) -> Self {
        let mut book = Self { horizon: self.horizon, ..Self::new() };
        if let Some(known) = self.place(place) {
            let key = (book.ids.intern(&place.item_id), book.ids.intern(&place.location_id));
            book.places.insert(key, known.clone());
        }
        book
    }

    /// What moved at a place from an instant on, and when last; the book was not compacted beyond it.
    pub(crate) fn moved_since(&self, place: &ItemLocation, since: Timestamp) -> (i128, Option<Timestamp>) {
        let movements = self.place(place).map_or(&[][..], |place| &place.movements);
        let n_before = movements.partition_point(|(at, _)| at.0 < since);
        let moved = movements[n_before..].iter().map(|(_, amount)| amount).sum();
        (moved, movements[n_before..].last().map(|(at, _)| at.0))
    }

    /// Units of a line that arrived before the first event, and are in the stock already.
    pub(crate) fn received_before(&mut self, line: &OrderLine, quantity: Quantity) {
        let key = (self.ids.intern(&line.place.item_id), self.ids.intern(&line.place.location_id));
        self.places.entry(key).or_default().order_mut(&line.order_id).received += i128::from(quantity.micro());
    }

    /// How many item-locations it knows.
    pub fn n_places(&self) -> usize {
        self.places.len()
    }

    /// Sums movements from before `horizon`, see above. Events that are in the ledger already must be applied first,
    /// because there may be a count among them.
    pub fn compact(&mut self, horizon: Timestamp) {
        self.horizon = self.horizon.max(Some(Instant(horizon)));
        for place in self.places.values_mut() {
            place.compact(horizon);
        }
    }

    /// Counts from before this may come too late: the latest horizon of a compaction, kept in snapshots.
    pub fn horizon(&self) -> Option<Timestamp> {
        self.horizon.map(|horizon| horizon.0)
    }

    /// Memory that the book takes, bytes, not counting what the allocator adds.
    pub fn memory_bytes(&self) -> usize {
        let places: usize = self.places.values().map(Place::heap_bytes).sum();
        self.places.capacity() * (size_of::<((u32, u32), Place)>() + 1) + places + self.ids.heap_bytes()
    }

    /// The state for [`Ledger::save_snapshot`](crate::Ledger::save_snapshot). Books of the same events have the same
    /// bytes, where they were compacted to the same horizon.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&(SNAPSHOT_VERSION, self.horizon, self.sorted())).expect("a book is JSON")
    }

    /// A book from what [`StockBook::to_bytes`] gave.
    ///
    /// # Errors
    /// A sentence when `bytes` are something else; then compute the book from all events.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        type Snapshot = (u32, Option<Instant>, Vec<(String, String, Place)>);
        let (version, horizon, places): Snapshot = serde_json::from_slice(bytes)
            .map_err(|error| format!("the snapshot is not a stock book of this version: {error}"))?;
        if version != SNAPSHOT_VERSION {
            return Err(format!("the snapshot is a stock book of version {version}, must be {SNAPSHOT_VERSION}"));
        }
        let mut book = Self { horizon, ..Self::new() };
        for (item_id, location_id, place) in places {
            let key = (book.ids.intern(&item_id), book.ids.intern(&location_id));
            book.places.insert(key, place);
        }
        Ok(book)
    }

    fn place(&self, place: &ItemLocation) -> Option<&Place> {
        self.places.get(&(self.ids.get(&place.item_id)?, self.ids.get(&place.location_id)?))
    }

    fn sorted(&self) -> Vec<(&str, &str, &Place)> {
        let mut places: Vec<_> = self
            .places
            .iter()
            .map(|((item, location), place)| (self.ids.text(*item), self.ids.text(*location), place))
            .collect();
        places.sort_unstable_by_key(|(item_id, location_id, _)| (*item_id, *location_id));
        places
    }
}

/// Texts by number, so that an item-location is two numbers.
#[derive(Clone, Debug, Default)]
struct Ids {
    texts: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, u32>,
}

impl Ids {
    fn get(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.get(text) {
            return number;
        }
        let number = u32::try_from(self.texts.len()).expect("fewer than 4e9 ids");
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    fn heap_bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len() + 16).sum();
        texts + self.texts.capacity() * 16 + self.numbers.capacity() * 25
    }
}

/// Where an event stands among those that say something about the same thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rank {
    at: Instant,
    /// Placed before confirmed before shipped.
    kind: u8,
    source: Box<str>,
    event_id: Box<str>,
}

impl Rank {
    fn of(event: &Event) -> Self {
        let kind = match event.kind {
            EventKind::OrderPlaced { .. } => 0,
            EventKind::OrderConfirmed { .. } => 1,
            EventKind::OrderShipped { .. } => 2,
            _ => 3,
        };
        let Event { source, event_id, .. } = event;
        Self {
            at: Instant(event.occurred_at),
            kind,
            source: source.as_str().into(),
            event_id: event_id.as_str().into(),
        }
    }
}

/// An instant that is written as a text in snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Instant(Timestamp);

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Instant).map_err(serde::de::Error::custom)
    }
}

/// A value that the last statement decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last<T>(Option<Box<(Rank, T)>>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> Last<T> {
    fn get(&self) -> Option<&T> {
        self.0.as_deref().map(|(_, value)| value)
    }

    /// Returns whether the value is another one now.
    fn say(&mut self, rank: Rank, value: T) -> bool {
        if self.0.as_deref().is_some_and(|(last, _)| *last >= rank) {
            return false;
        }
        let has_changed = self.get() != Some(&value);
        self.0 = Some(Box::new((rank, value)));
        has_changed
    }

    fn heap_bytes(&self) -> usize {
        self.0.as_deref().map_or(0, |(rank, _)| size_of::<(Rank, T)>() + rank.source.len() + rank.event_id.len())
    }
}

/// One item-location. Amounts are millionths of a base unit, wide enough for any sum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Place {
    count: Last<i64>,
    /// Sum of movements since the last count that compaction has summed.
    summed: i128,
    /// The last instant among them.
    summed_to: Option<Instant>,
    /// Sums of movements by instant, sorted, all at or after the last count.
    movements: Vec<(Instant, i128)>,
    /// Sorted by order number.
    orders: Vec<Order>,
}

impl Place {
    /// Whether it changed anything, and whether it is too late.
    fn count(&mut self, event: &Event, on_hand: Quantity) -> (bool, bool) {
        let at = Instant(event.occurred_at);
        let is_last = self.count.0.as_deref().is_none_or(|(last, _)| *last < Rank::of(event));
        if !is_last {
            return (false, false);
        }
        if self.summed_to.is_some_and(|summed_to| at <= summed_to) {
            return (false, true);
        }
        self.count.say(Rank::of(event), on_hand.micro());
        (self.summed, self.summed_to) = (0, None);
        let n_before = self.movements.partition_point(|(moved_at, _)| *moved_at < at);
        self.movements.drain(..n_before);
        (true, false)
    }

    fn counted_at(&self) -> Option<Instant> {
        self.count.0.as_deref().map(|(rank, _)| rank.at)
    }

    fn move_stock(&mut self, at: Timestamp, quantity: Quantity) -> bool {
        let (at, amount) = (Instant(at), i128::from(quantity.micro()));
        if amount == 0 || self.counted_at().is_some_and(|counted_at| at < counted_at) {
            return false;
        }
        match self.movements.binary_search_by_key(&at, |(moved_at, _)| *moved_at) {
            Ok(idx) => self.movements[idx].1 += amount,
            Err(idx) => self.movements.insert(idx, (at, amount)),
        }
        true
    }

    fn compact(&mut self, horizon: Timestamp) {
        let n_before = self.movements.partition_point(|(moved_at, _)| moved_at.0 < horizon);
        if let Some((last, _)) = self.movements[..n_before].last() {
            self.summed_to = self.summed_to.max(Some(*last));
        }
        self.summed += self.movements.drain(..n_before).map(|(_, amount)| amount).sum::<i128>();
        self.movements.shrink_to_fit();
    }

    fn stock(&self) -> Stock {
        let moved: i128 = self.summed + self.movements.iter().map(|(_, amount)| amount).sum::<i128>();
        let counted = self.count.get().copied().unwrap_or(0);
        let moved_at = self.movements.last().map(|(at, _)| *at).max(self.summed_to);
        Stock {
            on_hand: shown(i128::from(counted) + moved),
            counted_at: self.counted_at().map(|at| at.0),
            moved_at: moved_at.map(|at| at.0),
        }
    }

    fn order(&mut self, event: &Event) -> bool {
        let order_id = match &event.kind {
            EventKind::OrderPlaced { line: OrderLine { order_id, .. }, .. }
            | EventKind::OrderConfirmed { line: OrderLine { order_id, .. }, .. }
            | EventKind::OrderCancelled { line: OrderLine { order_id, .. }, .. }
            | EventKind::OrderShipped { line: OrderLine { order_id, .. }, .. }
            | EventKind::Receipt { order_id: Some(order_id), .. }
            | EventKind::TransferIn { order_id: Some(order_id), .. } => order_id,
            _ => return false,
        };
        self.order_mut(order_id).apply(event)
    }

    fn order_mut(&mut self, order_id: &str) -> &mut Order {
        let idx = match self.orders.binary_search_by_key(&order_id, |order| &order.order_id) {
            Ok(idx) => idx,
            Err(idx) => {
                self.orders.insert(idx, Order { order_id: order_id.into(), ..Order::default() });
                idx
            }
        };
        &mut self.orders[idx]
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        self.orders.iter().filter_map(Order::open).collect()
    }

    fn heap_bytes(&self) -> usize {
        let orders: usize = self.orders.iter().map(Order::heap_bytes).sum();
        self.count.heap_bytes()
            + self.movements.capacity() * size_of::<(Instant, i128)>()
            + self.orders.capacity() * size_of::<Order>()
            + orders
    }
}

/// A line of an order, by sums and last statements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    order_id: Box<str>,
    /// Units wanted, where it was not cancelled as a whole.
    wanted: Last<i64>,
    origin: Last<Origin>,
    due_on: Last<i32>,
    /// The first time that it was placed, and the last.
    placed_at: Option<Instant>,
    last_placed_at: Option<Instant>,
    /// The last time that it was cancelled as a whole.
    cancelled_at: Option<Instant>,
    cancelled: i128,
    received: i128,
    shipped: i128,
    is_confirmed: bool,
    is_shipped: bool,
}

/// What was said about a line of an order, open or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderFacts {
    pub(crate) origin: Option<SupplyOrigin>,
    pub(crate) placed_at: Option<Timestamp>,
    pub(crate) due_on: Option<Day>,
}

/// [`SupplyOrigin`] as it is written in snapshots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Origin {
    Supplier(Box<str>),
    Location(Box<str>),
}

impl Order {
    /// Returns whether anything may be another than before.
    fn apply(&mut self, event: &Event) -> bool {
        let before = self.open();
        match &event.kind {
            EventKind::OrderPlaced { quantity, origin, due_on, .. } => {
                self.wanted.say(Rank::of(event), quantity.micro());
                if let Some(origin) = origin {
                    let origin = match origin {
                        SupplyOrigin::Supplier(id) => Origin::Supplier(id.as_str().into()),
                        SupplyOrigin::Location(id) => Origin::Location(id.as_str().into()),
                    };
                    self.origin.say(Rank::of(event), origin);
                }
                self.say_due_on(event, *due_on);
                let at = Instant(event.occurred_at);
                self.placed_at = Some(self.placed_at.map_or(at, |first| first.min(at)));
                self.last_placed_at = self.last_placed_at.max(Some(at));
            }
            EventKind::OrderConfirmed { quantity, due_on, .. } => {
                if let Some(quantity) = quantity {
                    self.wanted.say(Rank::of(event), quantity.micro());
                }
                self.say_due_on(event, *due_on);
                self.is_confirmed = true;
            }
            EventKind::OrderShipped { quantity, due_on, .. } => {
                self.shipped += quantity.map_or(0, |quantity| i128::from(quantity.micro()));
                self.say_due_on(event, *due_on);
                self.is_shipped = true;
            }
            EventKind::OrderCancelled { quantity: None, .. } => {
                self.cancelled_at = self.cancelled_at.max(Some(Instant(event.occurred_at)));
            }
            EventKind::OrderCancelled { quantity: Some(quantity), .. } => {
                self.cancelled += i128::from(quantity.micro());
            }
            EventKind::Receipt { quantity, .. } | EventKind::TransferIn { quantity, .. } => {
                self.received += i128::from(quantity.micro());
            }
            _ => return false,
        }
        self.open() != before
    }

    fn say_due_on(&mut self, event: &Event, due_on: Option<Day>) {
        if let Some(due_on) = due_on {
            self.due_on.say(Rank::of(event), due_on.0);
        }
    }

    /// Whether it was cancelled as a whole, and not placed again since.
    fn is_cancelled(&self) -> bool {
        let Some(cancelled_at) = self.cancelled_at else { return false };
        let is_placed_before = self.placed_at.is_some_and(|first| first <= cancelled_at);
        let is_placed_again = is_placed_before && self.last_placed_at > Some(cancelled_at);
        !is_placed_again
    }

    fn open(&self) -> Option<OpenOrder> {
        if self.is_cancelled() {
            return None;
        }
        let wanted = match self.wanted.get() {
            Some(wanted) => i128::from(*wanted),
            None => self.shipped,
        };
        let quantity = shown(wanted - self.cancelled);
        let received = shown(self.received);
        (quantity > received).then(|| OpenOrder {
            order_id: self.order_id.to_string(),
            quantity,
            received,
            origin: self.supply_origin(),
            placed_at: self.placed_at.map(|at| at.0),
            due_on: self.due_on.get().map(|day| Day(*day)),
            status: match (self.is_shipped, self.is_confirmed) {
                (true, _) => "shipped",
                (_, true) => "confirmed",
                _ => "open",
            },
        })
    }

    fn supply_origin(&self) -> Option<SupplyOrigin> {
        self.origin.get().map(|origin| match origin {
            Origin::Supplier(id) => SupplyOrigin::Supplier(id.to_string()),
            Origin::Location(id) => SupplyOrigin::Location(id.to_string()),
        })
    }

    fn facts(&self) -> OrderFacts {
        OrderFacts {
            origin: self.supply_origin(),
            placed_at: self.placed_at.map(|at| at.0),
            due_on: self.due_on.get().map(|day| Day(*day)),
        }
    }

    fn heap_bytes(&self) -> usize {
        let origin = match self.origin.get() {
            Some(Origin::Supplier(id) | Origin::Location(id)) => id.len(),
            None => 0,
        };
        self.order_id.len() + self.wanted.heap_bytes() + self.origin.heap_bytes() + self.due_on.heap_bytes() + origin
    }
}

/// A sum as a quantity; sums beyond the limits of quantities show as the limit.
pub(crate) fn shown(micro: i128) -> Quantity {
    const LIMIT: i128 = 9_000_000_000_000_000_000;
    Quantity::from_micro(micro.clamp(-LIMIT, LIMIT) as i64)
}
