//! The tables a plan is made from, already parsed, validated and interned.
//!
//! Readers (in `restock-store`) fill a [`Dataset`]; the engine only reads it. Items, locations and suppliers are
//! interned: a table row holds an index, the entity holds the text id. Optional columns that a file did not have are
//! empty vectors or `None`, never made-up values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::objective::{Objective, ServiceType};
use crate::quantity::{Money, Quantity};
use crate::said_demand::DemandChange;
use crate::settings::Segment;
use crate::time::{Day, WeekdaySet};

/// Index into [`Dataset::items`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemIdx(pub u32);

/// Index into [`Dataset::locations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationIdx(pub u32);

/// Index into [`Dataset::suppliers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SupplierIdx(pub u32);

/// A row of an input file: an index into [`Dataset::files`] and the row as a spreadsheet counts it (header = 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowRef {
    /// Index into [`Dataset::files`].
    pub file_idx: u16,
    /// Row number, header = row 1.
    pub row: u32,
}

/// Everything known about the business.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Names of the files read.
    pub files: Vec<String>,
    /// Items by [`ItemIdx`], sorted by `item_id`.
    pub items: Vec<Item>,
    /// Locations by [`LocationIdx`], sorted by `location_id`.
    pub locations: Vec<Location>,
    /// Suppliers by [`SupplierIdx`], sorted by `supplier_id`.
    pub suppliers: Vec<Supplier>,
    /// Sales, sorted by (item, location, day, row).
    pub sales: SalesTable,
    /// Stock counts and ledger snapshots.
    pub inventory: Vec<InventoryRow>,
    /// Supply lanes.
    pub sources: Vec<SourceRow>,
    /// Settings of item-locations.
    pub item_locations: Vec<ItemLocationRow>,
    /// Supply on the way.
    pub open_orders: Vec<OpenOrderRow>,
    /// Past orders and their receipts.
    pub receipts: Vec<ReceiptRow>,
    /// Prices by period.
    pub prices: Vec<PriceRow>,
    /// Promotions, past and planned.
    pub promotions: Vec<PromotionRow>,
    /// Calendars by id.
    pub calendars: BTreeMap<String, Calendar>,
    /// Holidays and other dated events.
    pub events: Vec<EventRow>,
    /// Named numeric covariates.
    pub signals: Vec<SignalRow>,
    /// Readings of sensors that watch an item at a location: the weight of a shelf, the temperature of a fridge.
    pub readings: Vec<ReadingRow>,
    /// Known stock-outs.
    pub stockouts: Vec<StockoutRow>,
    /// Bills of materials.
    pub bom: Vec<BomRow>,
    /// Stock adjustments: waste, theft, counts.
    pub adjustments: Vec<AdjustmentRow>,
    /// Substitutions.
    pub substitutions: Vec<SubstitutionRow>,
    /// Budgets by scope and period.
    pub budgets: Vec<BudgetRow>,
    /// Capacities by scope and period.
    pub capacities: Vec<CapacityRow>,
    /// Units of measure per item.
    pub uoms: Vec<UomRow>,
    /// Segments of the settings, with what is said about them, until they are taken into [`crate::settings::PlanSettings`].
    pub segments: Vec<SegmentRow>,
    /// What people say about forecasts.
    pub forecast_overrides: Vec<ForecastOverrideRow>,
    /// Forecasts of other systems.
    pub forecasts: Vec<GivenForecastRow>,
    /// `[n_items × width]`: vectors of length 1 of the texts of the items, by a model of sentences that the user chose;
    /// empty without one.
    pub text_vectors: Vec<f32>,
    /// What the reader noticed while reading, for the data-health checks.
    pub facts: ImportFacts,
}

impl Dataset {
    /// Replaces the index of every item, location and supplier in every row: index `n` becomes entry `n`. The entities
    /// themselves stay where they are.
    ///
    /// # Panics
    /// When a row refers to an entity that has no entry.
    pub fn renumber(&mut self, items: &[u32], locations: &[u32], suppliers: &[u32]) {
        self.renumber_items(&|item| ItemIdx(items[item.0 as usize]));
        let location = |idx: &mut LocationIdx| idx.0 = locations[idx.0 as usize];
        let origin = |origin: &mut Origin| match origin {
            Origin::Supplier(idx) => idx.0 = suppliers[idx.0 as usize],
            Origin::Location(idx) => location(idx),
        };
        self.sales.location.iter_mut().for_each(location);
        self.inventory.iter_mut().for_each(|row| location(&mut row.location));
        for row in &mut self.sources {
            row.to_location.iter_mut().for_each(location);
            origin(&mut row.origin);
        }
        self.item_locations.iter_mut().for_each(|row| location(&mut row.location));
        for row in &mut self.open_orders {
            location(&mut row.to_location);
            row.origin.iter_mut().for_each(origin);
        }
        for row in &mut self.receipts {
            row.location.iter_mut().for_each(location);
            row.origin.iter_mut().for_each(origin);
        }
        self.prices.iter_mut().for_each(|row| row.location.iter_mut().for_each(location));
        self.promotions.iter_mut().for_each(|row| row.location.iter_mut().for_each(location));
        self.events.iter_mut().for_each(|row| row.location.iter_mut().for_each(location));
        self.signals.iter_mut().for_each(|row| row.location.iter_mut().for_each(location));
        self.readings.iter_mut().for_each(|row| location(&mut row.location));
        self.stockouts.iter_mut().for_each(|row| location(&mut row.location));
        self.adjustments.iter_mut().for_each(|row| location(&mut row.location));
        self.forecast_overrides.iter_mut().for_each(|row| row.location.iter_mut().for_each(location));
        self.forecasts.iter_mut().for_each(|row| location(&mut row.location));
    }

    /// Replaces the index of every item in every row. The items themselves stay where they are.
    pub fn renumber_items(&mut self, number: &dyn Fn(ItemIdx) -> ItemIdx) {
        let item = |idx: &mut ItemIdx| *idx = number(*idx);
        self.sales.item.iter_mut().for_each(item);
        self.inventory.iter_mut().for_each(|row| item(&mut row.item));
        self.sources.iter_mut().for_each(|row| row.item.iter_mut().for_each(item));
        self.item_locations.iter_mut().for_each(|row| item(&mut row.item));
        self.open_orders.iter_mut().for_each(|row| item(&mut row.item));
        self.receipts.iter_mut().for_each(|row| item(&mut row.item));
        self.prices.iter_mut().for_each(|row| item(&mut row.item));
        self.promotions.iter_mut().for_each(|row| row.item.iter_mut().for_each(item));
        self.readings.iter_mut().for_each(|row| item(&mut row.item));
        self.stockouts.iter_mut().for_each(|row| item(&mut row.item));
        for row in &mut self.bom {
            item(&mut row.parent);
            item(&mut row.component);
        }
        self.adjustments.iter_mut().for_each(|row| item(&mut row.item));
        for row in &mut self.substitutions {
            item(&mut row.from);
            item(&mut row.to);
        }
        self.uoms.iter_mut().for_each(|row| item(&mut row.item));
        self.forecast_overrides.iter_mut().for_each(|row| row.item.iter_mut().for_each(item));
        self.forecasts.iter_mut().for_each(|row| item(&mut row.item));
    }
}

/// What a reader noticed and could not put into a table: the raw material of D04, D20, D22 and D23.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportFacts {
    /// Rows equal in every cell to an earlier row of the same file (D04), at most 1,000 of them.
    pub duplicate_rows: Vec<RowRef>,
    /// How many such rows there are in all.
    pub n_duplicate_rows: usize,
    /// Whether those of the sales table were left out; by default they are kept, because two equal lines of an order
    /// cannot be told from a copied line.
    pub duplicates_dropped: bool,
    /// Ids used by a table but absent from the table that defines them (D20).
    pub orphans: Vec<OrphanKey>,
    /// Offsets from UTC seen in sales time stamps with their number of rows, `Z` and `+08:00` for example; more than
    /// one entry means that days were cut at different midnights (D23).
    pub utc_offsets: Vec<(String, usize)>,
    /// Sales rows with a negative quantity: returns and cancellations (D22).
    pub n_returns: usize,
    /// Sales rows that carried an order number.
    pub n_order_lines: usize,
    /// Sales rows dated on or after the day that the import was asked to look back from; they were not read.
    pub n_later_sales: u64,
    /// The earliest day of those rows.
    pub first_later_sale: Option<Day>,
}

/// An id that no master table defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanKey {
    /// `item`, `location` or `supplier`.
    pub kind: &'static str,
    /// The id; an entity without attributes was created for it.
    pub id: String,
    /// Where it was used first.
    pub row: RowRef,
}

/// An item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The user's id.
    pub item_id: String,
    /// Name; empty when unknown.
    pub name: String,
    /// Category path, `food/dairy`; empty when unknown.
    pub category: String,
    /// Base unit of measure, for example `each` or `kg`; empty when unknown.
    pub base_uom: String,
    /// Digits after the point of this item's quantities, 0 to 6: the fewest that write every quantity in the data.
    pub decimals: u8,
    /// Purchase cost per base unit.
    pub unit_cost: Option<Money>,
    /// Selling price per base unit.
    pub price: Option<Money>,
    /// Volume of one base unit, cubic metres.
    pub volume: Option<f64>,
    /// Weight of one base unit, kilograms.
    pub weight: Option<f64>,
    /// Days from arrival to expiry.
    pub shelf_life_days: Option<u32>,
    /// First day of sale.
    pub launch: Option<Day>,
    /// Last day of sale.
    pub end: Option<Day>,
    /// Item that replaces this one.
    pub successor_id: Option<String>,
    /// Every other column: `ven`, `abc`, `brand`, `gtin`, `status` and the user's own.
    pub attributes: BTreeMap<String, String>,
}

/// A place that holds stock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// The user's id.
    pub location_id: String,
    /// Name; empty when unknown.
    pub name: String,
    /// `store`, `dc`, `ward`, `plant`, `virtual`; empty when unknown.
    pub kind: String,
    /// Parent in the location hierarchy.
    pub parent_id: Option<String>,
    /// Calendar of open days, a key of [`Dataset::calendars`].
    pub calendar: Option<String>,
    /// Every other column.
    pub attributes: BTreeMap<String, String>,
}

/// A supplier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Supplier {
    /// The user's id.
    pub supplier_id: String,
    /// Name; empty when unknown.
    pub name: String,
    /// Smallest value of one order over all its lines.
    pub min_order_value: Option<Money>,
    /// Smallest quantity of one order over all its lines, base units.
    pub min_order_quantity: Option<Quantity>,
    /// Weekdays on which orders are taken.
    pub order_days: WeekdaySet,
    /// Time of day by which an order must be placed, `14:00`.
    pub cut_off: Option<String>,
    /// Volume of a container or truck, cubic metres.
    pub container_volume: Option<f64>,
    /// Weight limit of a container or truck, kilograms.
    pub container_weight: Option<f64>,
    /// Calendar of days without orders or deliveries, a key of [`Dataset::calendars`].
    pub holidays_calendar: Option<String>,
    /// Every other column.
    pub attributes: BTreeMap<String, String>,
}

/// Sales, one entry per input row, as parallel columns.
///
/// The first four columns always have the same length; every other column is either empty (not in the data) or has
/// that length too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SalesTable {
    /// Item of each row.
    pub item: Vec<ItemIdx>,
    /// Location of each row.
    pub location: Vec<LocationIdx>,
    /// Day of each row.
    pub day: Vec<Day>,
    /// Quantity sold; negative for a return.
    pub quantity: Vec<Quantity>,
    /// Selling price per unit, NaN where unknown.
    pub unit_price: Vec<f32>,
    /// 1 where a promotion ran, 0 where none did.
    pub on_promotion: Vec<u8>,
    /// Price paid as a share of the regular price (1.0 = full price), NaN where unknown.
    pub price_ratio: Vec<f32>,
    /// Share of the day without stock, 0.0 to 1.0, NaN where unknown.
    pub stockout_share: Vec<f32>,
    /// Share of the day open for sale (0.0 closed, 1.0 open), NaN where unknown.
    pub open_share: Vec<f32>,
    /// 1 on a holiday, 0 on other days.
    pub holiday: Vec<u8>,
    /// Units known to be lost, where the source records them.
    pub lost: Vec<Quantity>,
    /// Where each row came from; rows merged by a reader keep the first.
    pub row: Vec<RowRef>,
}

impl SalesTable {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.item.len()
    }

    /// Whether there are no sales.
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }

    /// Puts rows into another order: row `order[i]` becomes row `i`, in every column. Columns that are empty stay so.
    ///
    /// ```
    /// use restock_core::{Day, dataset::SalesTable};
    /// let mut sales = SalesTable { day: vec![Day(3), Day(1), Day(2)], ..SalesTable::default() };
    /// sales.reorder(&[1, 2, 0]);
    /// assert_eq!(sales.day, [Day(1), Day(2), Day(3)]);
    /// assert!(sales.lost.is_empty());
    /// ```
    pub fn reorder(&mut self, order: &[u32]) {
        fn gather<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
            if !column.is_empty() {
                *column = order.iter().map(|&idx| column[idx as usize]).collect();
            }
        }
        // A column more is a compile error here.
        let Self {
            item,
            location,
            day,
            quantity,
            unit_price,
            on_promotion,
            price_ratio,
            stockout_share,
            open_share,
            holiday,
            lost,
            row,
        } = self;
        gather(item, order);
        gather(location, order);
        gather(day, order);
        gather(quantity, order);
        gather(unit_price, order);
        gather(on_promotion, order);
        gather(price_ratio, order);
        gather(stockout_share, order);
        gather(open_share, order);
        gather(holiday, order);
        gather(lost, order);
        gather(row, order);
    }
}

/// Stock of an item-location, lot by lot where lots are known.
#[derive(Clone, Debug, PartialEq)]
pub struct InventoryRow {
    /// Item.
    pub item: ItemIdx,
    /// Location.
    pub location: LocationIdx,
    /// Units on hand; negative numbers are kept and reported (D01).
    pub on_hand: Quantity,
    /// Day of the count; `None` means "now".
    pub as_of: Option<Day>,
    /// Lot.
    pub lot_id: Option<String>,
    /// Last day the lot can be sold.
    pub expiry: Option<Day>,
    /// Units promised to someone.
    pub allocated: Quantity,
    /// Units that may not be sold.
    pub blocked: Quantity,
    /// Units on the way according to this file, used only when there is no open-order table.
    pub in_transit: Quantity,
    /// Where it came from.
    pub row: RowRef,
}

/// Where goods come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Bought from a supplier.
    Supplier(SupplierIdx),
    /// Transferred from another location.
    Location(LocationIdx),
}

/// A price that holds from a quantity upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceBreak {
    /// Smallest quantity at this price.
    pub from_quantity: Quantity,
    /// Cost per base unit.
    pub unit_cost: Money,
}

/// A supply lane: how an item (or category, or everything) reaches a location.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRow {
    /// The receiving location; `None` means every location.
    pub to_location: Option<LocationIdx>,
    /// Where goods come from.
    pub origin: Origin,
    /// The item; `None` means every item (of `category`, where given).
    pub item: Option<ItemIdx>,
    /// The category path prefix this lane serves.
    pub category: Option<String>,
    /// Days from order to availability.
    pub lead_time_days: Option<f64>,
    /// The day on which the source itself gave notice of this lead time: orders from before it tell nothing about it.
    pub lead_time_told_on: Option<Day>,
    /// Standard deviation of the lead time, days.
    pub lead_time_sd_days: Option<f64>,
    /// Purchase cost per base unit on this lane.
    pub unit_cost: Option<Money>,
    /// Smallest order.
    pub min_order: Option<Quantity>,
    /// Orders are a multiple of this.
    pub pack_size: Option<Quantity>,
    /// Units in a layer.
    pub layer_size: Option<Quantity>,
    /// Units on a pallet.
    pub pallet_size: Option<Quantity>,
    /// Largest order.
    pub max_order: Option<Quantity>,
    /// Lower comes first.
    pub priority: i32,
    /// Share of the volume this lane should get, where several serve one item-location.
    pub share: Option<f64>,
    /// Days on which orders may be placed, a key of [`Dataset::calendars`].
    pub review_calendar: Option<String>,
    /// First day the lane may be used.
    pub effective_from: Option<Day>,
    /// Last day the lane may be used.
    pub effective_to: Option<Day>,
    /// Quantity discounts, ascending.
    pub price_breaks: Vec<PriceBreak>,
    /// Where it came from.
    pub row: RowRef,
}

/// What names a supply lane: where to, from where, of which item or category, and the first day of its terms.
pub type LaneName = (Option<LocationIdx>, Origin, Option<ItemIdx>, Option<String>, Option<Day>);

impl SourceRow {
    /// A lane for every item and location about which nothing else is said.
    pub fn new(origin: Origin) -> Self {
        Self {
            to_location: None,
            origin,
            item: None,
            category: None,
            lead_time_days: None,
            lead_time_told_on: None,
            lead_time_sd_days: None,
            unit_cost: None,
            min_order: None,
            pack_size: None,
            layer_size: None,
            pallet_size: None,
            max_order: None,
            priority: 0,
            share: None,
            review_calendar: None,
            effective_from: None,
            effective_to: None,
            price_breaks: Vec::new(),
            row: RowRef::default(),
        }
    }

    /// What names it.
    pub fn name(&self) -> LaneName {
        (self.to_location, self.origin, self.item, self.category.clone(), self.effective_from)
    }
}

/// Settings of one item-location.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemLocationRow {
    /// Item.
    pub item: ItemIdx,
    /// Location.
    pub location: LocationIdx,
    /// First day listed.
    pub listed_from: Option<Day>,
    /// Last day listed.
    pub listed_to: Option<Day>,
    /// `cycle`, `fill_rate` or `in_stock`.
    pub service_type: Option<ServiceType>,
    /// Service target between 0 and 1.
    pub service_target: Option<f64>,
    /// Smallest inventory position.
    pub min_stock: Option<Quantity>,
    /// Largest inventory position.
    pub max_stock: Option<Quantity>,
    /// Units that must stand on the shelf for looks.
    pub display_min: Option<Quantity>,
    /// Most units the shelf holds.
    pub shelf_capacity: Option<Quantity>,
    /// Extra days of demand to hold.
    pub safety_days: Option<f64>,
    /// Policy name for this item-location.
    pub policy: Option<String>,
    /// Nothing may be ordered.
    pub do_not_order: bool,
    /// Where it came from.
    pub row: RowRef,
}

impl ItemLocationRow {
    /// Settings that say nothing.
    pub fn new(item: ItemIdx, location: LocationIdx) -> Self {
        Self {
            item,
            location,
            listed_from: None,
            listed_to: None,
            service_type: None,
            service_target: None,
            min_stock: None,
            max_stock: None,
            display_min: None,
            shelf_capacity: None,
            safety_days: None,
            policy: None,
            do_not_order: false,
            row: RowRef::default(),
        }
    }
}

/// Supply on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenOrderRow {
    /// Order number.
    pub order_id: String,
    /// Item.
    pub item: ItemIdx,
    /// Receiving location.
    pub to_location: LocationIdx,
    /// Where it comes from, if known.
    pub origin: Option<Origin>,
    /// Ordered quantity.
    pub quantity: Quantity,
    /// Part already received.
    pub received: Quantity,
    /// Day ordered.
    pub ordered_on: Option<Day>,
    /// Day expected.
    pub due_on: Option<Day>,
    /// `open`, `confirmed`, `shipped`, `cancelled`, `closed`; empty when unknown.
    pub status: String,
    /// Where it came from.
    pub row: RowRef,
}

/// A past receipt.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiptRow {
    /// Order number.
    pub order_id: String,
    /// Item.
    pub item: ItemIdx,
    /// Receiving location, if known.
    pub location: Option<LocationIdx>,
    /// Where it came from, if known.
    pub origin: Option<Origin>,
    /// Quantity received.
    pub quantity: Quantity,
    /// Day ordered, if the row tells.
    pub ordered_on: Option<Day>,
    /// Day promised, if the row tells.
    pub due_on: Option<Day>,
    /// Day received.
    pub received_on: Day,
    /// Purchase cost per unit, if the row tells.
    pub unit_cost: Option<Money>,
    /// Where it came from in the input.
    pub row: RowRef,
}

/// A selling price over a span of days.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceRow {
    /// Item.
    pub item: ItemIdx,
    /// Location; `None` means every location.
    pub location: Option<LocationIdx>,
    /// First day.
    pub from: Day,
    /// Last day; `None` means until the next row.
    pub to: Option<Day>,
    /// Price per base unit.
    pub price: Money,
    /// Where it came from.
    pub row: RowRef,
}

/// A promotion over a span of days.
#[derive(Clone, Debug, PartialEq)]
pub struct PromotionRow {
    /// Promotion id; empty when unknown.
    pub promo_id: String,
    /// Item; `None` means every item.
    pub item: Option<ItemIdx>,
    /// Location; `None` means every location.
    pub location: Option<LocationIdx>,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Price cut as a share of the regular price, 0.2 = 20 % off.
    pub depth: Option<f64>,
    /// Whether the item is on display.
    pub display: bool,
    /// Expected demand as a multiple of the usual, if the planner gives it: 1.5 = +50 %.
    pub expected_uplift: Option<f64>,
    /// Where it came from.
    pub row: RowRef,
}

/// Open days, order days and exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Weekdays that count.
    pub weekdays: WeekdaySet,
    /// Days that differ from the weekday rule: `true` = open, `false` = closed.
    pub exceptions: BTreeMap<Day, bool>,
}

impl Calendar {
    /// Whether `day` is open.
    pub fn is_open(&self, day: Day) -> bool {
        self.exceptions.get(&day).copied().unwrap_or_else(|| self.weekdays.contains(day))
    }
}

/// A holiday or other dated event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Day.
    pub day: Day,
    /// Location; `None` means every location.
    pub location: Option<LocationIdx>,
    /// Name, for example `Easter`.
    pub name: String,
    /// Kind, for example `holiday`.
    pub kind: String,
    /// Strength, 1.0 when not given.
    pub magnitude: f64,
    /// Where it came from.
    pub row: RowRef,
}

/// A named numeric covariate.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalRow {
    /// Name, for example `temperature`.
    pub name: String,
    /// Day.
    pub day: Day,
    /// Location; `None` means every location.
    pub location: Option<LocationIdx>,
    /// Value.
    pub value: f64,
    /// Whether future values are known in advance.
    pub known_in_future: bool,
}

/// What a sensor that watches an item at a location read on a day.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingRow {
    /// Sensor; empty when unknown.
    pub sensor_id: String,
    /// What is measured: `weight`, `temperature`.
    pub metric: String,
    /// Day.
    pub day: Day,
    /// Watched item.
    pub item: ItemIdx,
    /// Where it stands.
    pub location: LocationIdx,
    /// The last reading of the day.
    pub value: f64,
    /// The mean of all readings of the day.
    pub mean: f64,
    /// Unit of the readings, such as `kg` or `°C`; empty when unknown.
    pub unit: String,
    /// Where it came from.
    pub row: RowRef,
}

/// A known stock-out.
#[derive(Clone, Debug, PartialEq)]
pub struct StockoutRow {
    /// Item.
    pub item: ItemIdx,
    /// Location.
    pub location: LocationIdx,
    /// First day without stock.
    pub from: Day,
    /// Last day without stock.
    pub to: Day,
    /// Where it came from.
    pub row: RowRef,
}

/// One component of a parent item.
#[derive(Clone, Debug, PartialEq)]
pub struct BomRow {
    /// Made or sold item.
    pub parent: ItemIdx,
    /// Component item.
    pub component: ItemIdx,
    /// Component units per parent unit.
    pub quantity_per: Quantity,
    /// Share of good output, 1.0 = no loss.
    pub yield_share: f64,
    /// Share scrapped, 0.0 = none.
    pub scrap_share: f64,
    /// Where it came from.
    pub row: RowRef,
}

/// A stock adjustment.
#[derive(Clone, Debug, PartialEq)]
pub struct AdjustmentRow {
    /// Day.
    pub day: Day,
    /// Item.
    pub item: ItemIdx,
    /// Location.
    pub location: LocationIdx,
    /// Signed quantity.
    pub quantity: Quantity,
    /// `waste`, `theft`, `count`, `damage`, `expiry`, `transfer`.
    pub reason: String,
    /// Where it came from.
    pub row: RowRef,
}

impl AdjustmentRow {
    /// Whether it says what was thrown away.
    pub fn is_waste(&self) -> bool {
        self.quantity < Quantity::ZERO && matches!(self.reason.as_str(), "waste" | "expiry" | "damage")
    }
}

/// Demand that moves from one item to another when the first is out of stock.
#[derive(Clone, Debug, PartialEq)]
pub struct SubstitutionRow {
    /// Wanted item.
    pub from: ItemIdx,
    /// Item bought instead.
    pub to: ItemIdx,
    /// Share of unmet demand that moves.
    pub rate: f64,
    /// Where it came from.
    pub row: RowRef,
}

/// Money that may be spent.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetRow {
    /// `all`, `supplier:ID`, `location:ID` or `category:PATH`.
    pub scope: String,
    /// First day.
    pub from: Option<Day>,
    /// Last day.
    pub to: Option<Day>,
    /// Amount.
    pub amount: Money,
    /// Where it came from.
    pub row: RowRef,
}

/// Volume, weight or lines that may be received.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacityRow {
    /// `all`, `supplier:ID` or `location:ID`.
    pub scope: String,
    /// First day.
    pub from: Option<Day>,
    /// Last day.
    pub to: Option<Day>,
    /// Cubic metres.
    pub volume: Option<f64>,
    /// Kilograms.
    pub weight: Option<f64>,
    /// Order lines.
    pub lines: Option<u32>,
    /// Where it came from.
    pub row: RowRef,
}

/// A unit of measure of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct UomRow {
    /// Item.
    pub item: ItemIdx,
    /// Unit, for example `case12`.
    pub uom: String,
    /// Base units in one of these.
    pub factor: Quantity,
    /// Where it came from.
    pub row: RowRef,
}

/// A rule for some item-locations. Of those whose filter holds the first counts.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentRow {
    /// Filter, for example `item.abc == 'C'`; what names it.
    pub filter: String,
    /// Costs decide, whatever is said about service.
    pub is_economics: bool,
    /// How service is measured.
    pub service_type: Option<ServiceType>,
    /// Service target, above 0 and below 1.
    pub service_target: Option<f64>,
    /// Policy name.
    pub policy: Option<String>,
    /// Lower comes first; of equal ones those of the settings in their order, and then the others by their filters.
    pub priority: i32,
}

impl SegmentRow {
    /// A rule that says nothing.
    pub fn new(filter: &str) -> Self {
        Self {
            filter: filter.trim().to_owned(),
            is_economics: false,
            service_type: None,
            service_target: None,
            policy: None,
            priority: 0,
        }
    }

    /// The segment of a plan whose objective is `of_all` elsewhere: what it does not say about service is as there.
    pub fn segment(&self, of_all: Objective) -> Segment {
        let usual = match of_all {
            Objective::Service { service_type, target } => (service_type, target),
            Objective::Economics => (ServiceType::FillRate, 0.98),
        };
        let objective = match (self.is_economics, self.service_type, self.service_target) {
            (true, ..) => Some(Objective::Economics),
            (false, None, None) => None,
            (false, service_type, target) => Some(Objective::Service {
                service_type: service_type.unwrap_or(usual.0),
                target: target.unwrap_or(usual.1),
            }),
        };
        Segment { filter: self.filter.clone(), objective, policy: self.policy.clone() }
    }
}

impl From<&Segment> for SegmentRow {
    fn from(segment: &Segment) -> Self {
        let (service_type, service_target) = match segment.objective {
            Some(Objective::Service { service_type, target }) => (Some(service_type), Some(target)),
            Some(Objective::Economics) | None => (None, None),
        };
        Self {
            is_economics: segment.objective == Some(Objective::Economics),
            service_type,
            service_target,
            policy: segment.policy.clone(),
            ..Self::new(&segment.filter)
        }
    }
}

/// What somebody says about forecasts; see [`crate::said_demand`].
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastOverrideRow {
    /// Item; `None` means every item (of `category`, where given).
    pub item: Option<ItemIdx>,
    /// Location; `None` means every location.
    pub location: Option<LocationIdx>,
    /// The category path whose items it is about.
    pub category: Option<String>,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// How demand differs from the forecast.
    pub change: DemandChange,
    /// Why.
    pub reason: String,
    /// Who says it; empty when unknown.
    pub author: String,
    /// When it was said; `None` in files.
    pub said_at: Option<Timestamp>,
    /// Where it came from.
    pub row: RowRef,
}

/// What another system expects in one period.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenForecastRow {
    /// Item.
    pub item: ItemIdx,
    /// Location.
    pub location: LocationIdx,
    /// First day of the period.
    pub day: Day,
    /// Expected demand, base units.
    pub mean: Option<f64>,
    /// Levels, ascending, with their quantiles, base units.
    pub quantiles: Vec<(f64, f64)>,
    /// Where it came from.
    pub row: RowRef,
}
