//! What happened: sales, receipts, counts, orders, prices, readings.
//!
//! An [`Event`] is one fact that another system reports once and that never changes. Stock, tables and plans follow from
//! the set of events, so they may arrive late, twice or in any order. Ids are the reporting system's texts; they are
//! interned where tables are made. Quantities are exact decimals in base units of the item, money is exact in the
//! currency of the project.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::master::{MasterChange, MasterTable};
use crate::quantity::{Money, Quantity};
use crate::said_demand::{ForecastOverride, GivenForecast};
use crate::time::Day;

/// One fact, known by its key (`source`, `event_id`): a second event with the same key is the same fact again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Id given by the source, unique within it.
    pub event_id: String,
    /// The system that reports, for example `till-7` or `erp`.
    pub source: String,
    /// When it happened, not when it was reported.
    pub occurred_at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// Fields that the kind does not know, by name; values are JSON texts, so that `"7"` and `7` stay apart.
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    /// The calendar day on which it happened, for people in `time_zone`.
    ///
    /// ```
    /// use jiff::tz::{TimeZone, offset};
    /// use restock_core::event::{Event, EventKind, ItemLocation};
    ///
    /// let event = Event {
    ///     event_id: "1".into(),
    ///     source: "till".into(),
    ///     occurred_at: "2026-03-01T23:30:00Z".parse().unwrap(),
    ///     kind: EventKind::Count { place: ItemLocation::new("milk", "berlin"), on_hand: "3".parse().unwrap() },
    ///     attributes: Default::default(),
    /// };
    /// assert_eq!(event.business_day(&TimeZone::UTC).to_string(), "2026-03-01");
    /// assert_eq!(event.business_day(&TimeZone::fixed(offset(1))).to_string(), "2026-03-02");
    /// ```
    pub fn business_day(&self, time_zone: &TimeZone) -> Day {
        Day::from_date(time_zone.to_datetime(self.occurred_at).date())
    }
}

/// An item at a location, by their ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemLocation {
    /// Item.
    pub item_id: String,
    /// Location.
    pub location_id: String,
}

impl ItemLocation {
    /// The item `item_id` at `location_id`.
    pub fn new(item_id: impl Into<String>, location_id: impl Into<String>) -> Self {
        Self { item_id: item_id.into(), location_id: location_id.into() }
    }
}

/// Where goods come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SupplyOrigin {
    /// Bought from a supplier, by id.
    Supplier(String),
    /// Transferred from another location, by id.
    Location(String),
}

/// A line of an order: one item of it for one location.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderLine {
    /// Order number.
    pub order_id: String,
    /// Ordered item and receiving location.
    pub place: ItemLocation,
}

/// What happened. Quantities are at least 0 where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Units left with customers.
    Sale {
        /// Sold item and location.
        place: ItemLocation,
        /// Units sold; 0 says that nothing was sold.
        quantity: Quantity,
        /// Price paid per unit.
        unit_price: Option<Money>,
        /// Units that were wanted and not there, where the source records them.
        lost: Option<Quantity>,
    },
    /// Units came back from customers and can be sold again.
    Return {
        /// Returned item and location.
        place: ItemLocation,
        /// Units returned.
        quantity: Quantity,
        /// Price paid back per unit.
        unit_price: Option<Money>,
    },
    /// Units arrived from outside.
    Receipt {
        /// Received item and location.
        place: ItemLocation,
        /// Units received.
        quantity: Quantity,
        /// The order that they fulfil.
        order_id: Option<String>,
        /// Where they came from.
        origin: Option<SupplyOrigin>,
        /// Purchase cost per unit.
        unit_cost: Option<Money>,
    },
    /// Stock was corrected by a difference.
    Adjustment {
        /// Corrected item and location.
        place: ItemLocation,
        /// Signed units: negative lowers the stock.
        quantity: Quantity,
        /// `theft`, `damage`, ...; empty when unknown.
        reason: String,
    },
    /// Stock was counted: this many units were there at that moment, before anything else that happened at it.
    Count {
        /// Counted item and location.
        place: ItemLocation,
        /// Units on hand; negative numbers of a system's books are kept and reported.
        on_hand: Quantity,
    },
    /// Units were thrown away.
    Waste {
        /// Wasted item and location.
        place: ItemLocation,
        /// Units thrown away.
        quantity: Quantity,
        /// `expiry`, `damage`, ...; empty when unknown.
        reason: String,
    },
    /// Units left for another location.
    TransferOut {
        /// Item and the location that they left.
        place: ItemLocation,
        /// Units sent.
        quantity: Quantity,
        /// Where they go.
        to_location: Option<String>,
        /// The transfer order.
        order_id: Option<String>,
    },
    /// Units arrived from another location.
    TransferIn {
        /// Item and the location that they reached.
        place: ItemLocation,
        /// Units received.
        quantity: Quantity,
        /// Where they came from.
        from_location: Option<String>,
        /// The transfer order that they fulfil.
        order_id: Option<String>,
    },
    /// A line was ordered, or ordered anew with other numbers.
    OrderPlaced {
        /// The line.
        line: OrderLine,
        /// Units ordered, in all.
        quantity: Quantity,
        /// Where they come from.
        origin: Option<SupplyOrigin>,
        /// Day on which they are expected.
        due_on: Option<Day>,
    },
    /// The supplier confirmed a line.
    OrderConfirmed {
        /// The line.
        line: OrderLine,
        /// Units confirmed, in all; `None` confirms what was ordered.
        quantity: Option<Quantity>,
        /// Day promised.
        due_on: Option<Day>,
    },
    /// A line was cancelled.
    OrderCancelled {
        /// The line.
        line: OrderLine,
        /// Units cancelled by this event; `None` cancels whatever is still open.
        quantity: Option<Quantity>,
    },
    /// The supplier sent a line.
    OrderShipped {
        /// The line.
        line: OrderLine,
        /// Units sent by this event; `None` means all of them.
        quantity: Option<Quantity>,
        /// Day on which they are expected.
        due_on: Option<Day>,
    },
    /// The selling price changes.
    PriceChange {
        /// Item.
        item_id: String,
        /// Location; `None` means every location.
        location_id: Option<String>,
        /// Price per base unit.
        price: Money,
        /// First day; `None` means the day of the event.
        from: Option<Day>,
        /// Last day; `None` means until the next change.
        to: Option<Day>,
    },
    /// A promotion runs or is planned.
    Promotion {
        /// Promotion; empty when unknown.
        promo_id: String,
        /// Item; `None` means every item.
        item_id: Option<String>,
        /// Location; `None` means every location.
        location_id: Option<String>,
        /// First day.
        from: Day,
        /// Last day, not before the first.
        to: Day,
        /// Price cut as a share of the regular price, 0 to 1.
        depth: Option<Decimal>,
        /// Whether the item is on display.
        display: bool,
        /// Expected demand as a multiple of the usual.
        expected_uplift: Option<Decimal>,
    },
    /// Somebody saw an empty shelf. It does not change the stock: units may stand elsewhere in the building.
    StockoutObserved {
        /// Missing item and location.
        place: ItemLocation,
        /// Last day without stock; `None` means the day of the event.
        to: Option<Day>,
    },
    /// A supplier says how long orders take from now on.
    LeadTimeNotice {
        /// Who supplies.
        origin: SupplyOrigin,
        /// Item; `None` means every item.
        item_id: Option<String>,
        /// Receiving location; `None` means every location.
        location_id: Option<String>,
        /// Days from order to availability.
        lead_time_days: Decimal,
    },
    /// A sensor was read, for example a shelf's weight in kg or a temperature in °C.
    SensorReading {
        /// Sensor.
        sensor_id: String,
        /// What is measured, for example `temperature`.
        metric: String,
        /// Where it hangs.
        location_id: String,
        /// Item on the shelf that it watches.
        item_id: Option<String>,
        /// Reading, any sign.
        value: Decimal,
        /// Unit of the reading; empty when unknown.
        unit: String,
    },
    /// Somebody says how a record of master data is: an item, a location, a supplier, an item-location, a supply lane, a
    /// calendar, a unit of measure or a segment.
    MasterChange(Box<MasterChange>),
    /// Somebody says how demand will differ from the forecast, or takes it back.
    ForecastOverride(Box<ForecastOverride>),
    /// Another system says what demand it expects.
    ForecastGiven(Box<GivenForecast>),
}

/// Whether a unit of a sensor is degrees Fahrenheit; temperatures without one are in °C.
///
/// ```
/// use restock_core::event::is_fahrenheit;
///
/// assert!(is_fahrenheit(" °F ") && !is_fahrenheit("C") && !is_fahrenheit(""));
/// ```
pub fn is_fahrenheit(unit: &str) -> bool {
    matches!(unit.trim().to_lowercase().as_str(), "f" | "°f" | "℉" | "fah" | "fahrenheit")
}

impl EventKind {
    /// Names of all kinds, as they are written in messages between systems.
    pub const NAMES: [&str; 27] = [
        "sale",
        "return",
        "receipt",
        "adjustment",
        "count",
        "waste",
        "transfer_out",
        "transfer_in",
        "order_placed",
        "order_confirmed",
        "order_cancelled",
        "order_shipped",
        "price_change",
        "promotion",
        "stockout_observed",
        "lead_time_notice",
        "sensor_reading",
        "item_changed",
        "location_changed",
        "supplier_changed",
        "item_location_changed",
        "source_changed",
        "calendar_changed",
        "uom_changed",
        "segment_changed",
        "forecast_override",
        "forecast_given",
    ];

    /// The name of this kind, one of [`EventKind::NAMES`].
    pub fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Sale { .. } => 0,
            Self::Return { .. } => 1,
            Self::Receipt { .. } => 2,
            Self::Adjustment { .. } => 3,
            Self::Count { .. } => 4,
            Self::Waste { .. } => 5,
            Self::TransferOut { .. } => 6,
            Self::TransferIn { .. } => 7,
            Self::OrderPlaced { .. } => 8,
            Self::OrderConfirmed { .. } => 9,
            Self::OrderCancelled { .. } => 10,
            Self::OrderShipped { .. } => 11,
            Self::PriceChange { .. } => 12,
            Self::Promotion { .. } => 13,
            Self::StockoutObserved { .. } => 14,
            Self::LeadTimeNotice { .. } => 15,
            Self::SensorReading { .. } => 16,
            Self::MasterChange(change) => match change.record.table() {
                MasterTable::Items => 17,
                MasterTable::Locations => 18,
                MasterTable::Suppliers => 19,
                MasterTable::ItemLocations => 20,
                MasterTable::Sources => 21,
                MasterTable::Calendars => 22,
                MasterTable::Uoms => 23,
                MasterTable::Segments => 24,
            },
            Self::ForecastOverride(_) => 25,
            Self::ForecastGiven(_) => 26,
        }]
    }

    /// The item that it is about; `None` means every item, or none.
    pub fn item_id(&self) -> Option<&str> {
        match self {
            Self::PriceChange { item_id, .. } => Some(item_id),
            Self::Promotion { item_id, .. }
            | Self::LeadTimeNotice { item_id, .. }
            | Self::SensorReading { item_id, .. } => item_id.as_deref(),
            Self::MasterChange(change) => change.record.item_id(),
            Self::ForecastOverride(said) => said.key.item_id.as_deref(),
            Self::ForecastGiven(given) => Some(&given.place.item_id),
            _ => self.place().map(|place| place.item_id.as_str()),
        }
    }

    /// The location that it is about; `None` means every location.
    pub fn location_id(&self) -> Option<&str> {
        match self {
            Self::SensorReading { location_id, .. } => Some(location_id),
            Self::PriceChange { location_id, .. }
            | Self::Promotion { location_id, .. }
            | Self::LeadTimeNotice { location_id, .. } => location_id.as_deref(),
            Self::MasterChange(change) => change.record.location_id(),
            Self::ForecastOverride(said) => said.key.location_id.as_deref(),
            Self::ForecastGiven(given) => Some(&given.place.location_id),
            _ => self.place().map(|place| place.location_id.as_str()),
        }
    }

    /// Whether it says how something is and not what happened: of such words the last about the same thing holds for all
    /// days, and when they were said tells nothing about the business.
    pub fn is_word(&self) -> bool {
        matches!(self, Self::MasterChange(_) | Self::ForecastOverride(_) | Self::ForecastGiven(_))
    }

    /// The one item-location that it is about, where the kind has exactly one and it happened there.
    pub fn place(&self) -> Option<&ItemLocation> {
        match self {
            Self::Sale { place, .. }
            | Self::Return { place, .. }
            | Self::Receipt { place, .. }
            | Self::Adjustment { place, .. }
            | Self::Count { place, .. }
            | Self::Waste { place, .. }
            | Self::TransferOut { place, .. }
            | Self::TransferIn { place, .. }
            | Self::StockoutObserved { place, .. } => Some(place),
            Self::OrderPlaced { line, .. }
            | Self::OrderConfirmed { line, .. }
            | Self::OrderCancelled { line, .. }
            | Self::OrderShipped { line, .. } => Some(&line.place),
            Self::PriceChange { .. }
            | Self::Promotion { .. }
            | Self::LeadTimeNotice { .. }
            | Self::SensorReading { .. }
            | Self::MasterChange(_)
            | Self::ForecastOverride(_)
            | Self::ForecastGiven(_) => None,
        }
    }

    /// How much it changes the stock of its place: negative for units that leave, `None` where it moves nothing.
    pub fn movement(&self) -> Option<Quantity> {
        match self {
            Self::Sale { quantity, .. } | Self::Waste { quantity, .. } | Self::TransferOut { quantity, .. } => {
                Some(-*quantity)
            }
            Self::Return { quantity, .. }
            | Self::Receipt { quantity, .. }
            | Self::TransferIn { quantity, .. }
            | Self::Adjustment { quantity, .. } => Some(*quantity),
            _ => None,
        }
    }
}
