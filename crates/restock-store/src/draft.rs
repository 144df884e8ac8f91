//! Rows into tables: one function per table, and the entities they refer to.

mod demand_to_come;

use restock_core::dataset::{
    AdjustmentRow, BomRow, BudgetRow, Calendar, CapacityRow, EventRow, InventoryRow, Item, ItemLocationRow, Location,
    OpenOrderRow, Origin, OrphanKey, PriceRow, ReadingRow, ReceiptRow, SignalRow, SourceRow, StockoutRow,
    SubstitutionRow, Supplier, UomRow,
};
use restock_core::{Dataset, Day, ItemIdx, LocationIdx, Money, Quantity, RowRef, ServiceType, SupplierIdx};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::DEFAULT_LOCATION_ID;
use crate::count_sheets::{CountSheets, Recorded};
use crate::import::Counts;
use crate::intern::Interner;
use crate::job::{Bad, Job, Read};
use crate::number;
use crate::readings::{
    attributes, money_not_negative, not_negative, parse_price_breaks, push_padded, raw_hash, scope, share_or_flag,
};
use crate::source::{Cell, Chunk};
use crate::tables::{Field as F, Table};

/// Entities of one kind with the rows that define and use them.
#[derive(Debug, Default)]
pub(crate) struct Entities<T> {
    pub interner: Interner,
    /// By number; may be shorter than the interner.
    pub entities: Vec<T>,
    /// The row that defines each, by number; may be shorter.
    pub defined: Vec<Option<RowRef>>,
    /// The row that used each first, by number.
    pub first_use: Vec<RowRef>,
    /// Whether more than a covariate refers to each, by number; may be shorter.
    pub strong: Vec<bool>,
}

impl<T: Default> Entities<T> {
    fn seen(&mut self, idx: u32, at: RowRef) -> u32 {
        if idx as usize == self.first_use.len() {
            self.first_use.push(at);
        }
        idx
    }

    fn strengthen(&mut self, idx: u32) {
        if self.strong.len() <= idx as usize {
            self.strong.resize(idx as usize + 1, false);
        }
        self.strong[idx as usize] = true;
    }

    pub(crate) fn entity_mut(&mut self, idx: u32) -> &mut T {
        if self.entities.len() <= idx as usize {
            self.entities.resize_with(idx as usize + 1, T::default);
        }
        &mut self.entities[idx as usize]
    }

    fn defined_in(&self, idx: u32) -> Option<RowRef> {
        self.defined.get(idx as usize).copied().flatten()
    }

    fn define(&mut self, idx: u32, at: RowRef) {
        if self.defined.len() <= idx as usize {
            self.defined.resize(idx as usize + 1, None);
        }
        self.defined[idx as usize] = Some(at);
        self.strengthen(idx);
    }

    fn truncate(&mut self, len: usize, file_idx: u16) {
        self.interner.truncate(len);
        self.entities.truncate(len);
        self.defined.truncate(len);
        self.first_use.truncate(len);
        self.strong.truncate(len);
        for defined in &mut self.defined {
            if defined.is_some_and(|row| row.file_idx == file_idx) {
                *defined = None;
            }
        }
    }

    /// Used but undefined ids.
    pub(crate) fn orphans(&self, kind: &'static str) -> impl Iterator<Item = OrphanKey> + '_ {
        self.interner
            .ids()
            .iter()
            .zip(&self.first_use)
            .enumerate()
            .filter(|(idx, _)| {
                self.defined.get(*idx).copied().flatten().is_none() && self.strong.get(*idx) == Some(&true)
            })
            .map(move |(_, (id, row))| OrphanKey { kind, id: id.to_string(), row: *row })
    }
}

/// What the sales rows of one file showed.
#[derive(Debug, Default, Clone)]
pub(crate) struct SalesCounts {
    pub n_returns: usize,
    pub returned: f64,
    pub n_cancelled: usize,
    /// Negative lines at no price: stock written off, not returned.
    pub n_corrections: usize,
    pub n_order_lines: usize,
    pub n_stockout_days: usize,
    pub n_promo: usize,
    pub n_holiday: usize,
    pub n_closed: usize,
    pub first_day: Option<Day>,
    pub last_day: Option<Day>,
    /// Cells of a discount column that are 1, that are 0, and the largest.
    pub n_discount: (usize, usize),
    pub discount_max: f32,
    /// Rows that are not yet known, and the earliest of their days.
    pub n_later: u64,
    pub first_later: Option<Day>,
}

/// The tables while they grow.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub dataset: Dataset,
    /// Sales dated on or after this day are not yet known.
    pub as_of: Option<Day>,
    /// The day on the clock.
    pub today: Option<Day>,
    pub items: Entities<Item>,
    pub locations: Entities<Location>,
    pub suppliers: Entities<Supplier>,
    /// The location of rows that name none.
    pub default_location: Option<u32>,
    /// Hash of the cells of each sales row; shorter or empty where a file needs none.
    pub sales_hash: Vec<u32>,
    pub counts: SalesCounts,
    /// Rows seen of the state tables being read, by table and hash.
    pub seen_rows: FxHashSet<(usize, u64)>,
    /// Rows left out as copies so far.
    n_left_out: u64,
    pub duplicates: Vec<RowRef>,
    /// Calendars whose weekdays a row has given.
    calendar_rules: std::collections::BTreeSet<String>,
    /// The unit of each item in the file being read, and the row that said so.
    units: FxHashMap<u32, (Box<str>, u32)>,
    /// Price runs of the file being read with `distinct`: price and last day by item-location.
    price_runs: FxHashMap<(u32, u32), (Money, Day, usize)>,
    /// Last days of price rows that stand for several.
    pub price_run_ends: FxHashMap<usize, Day>,
    pub count_sheets: CountSheets,
}

/// Lengths to go back to.
pub(crate) struct Mark {
    lens: [usize; 24],
    default_location: Option<u32>,
    calendars: std::collections::BTreeMap<String, Calendar>,
    calendar_rules: std::collections::BTreeSet<String>,
}

/// Whether a cell of a column of ids means every one.
fn means_all(text: &str) -> bool {
    matches!(text, "*" | "all" | "ALL" | "全部")
}

impl Draft {
    /// The present lengths.
    pub(crate) fn mark(&self) -> Mark {
        let d = &self.dataset;
        Mark {
            lens: [
                self.items.interner.ids().len(),
                self.locations.interner.ids().len(),
                self.suppliers.interner.ids().len(),
                d.sales.len(),
                d.inventory.len(),
                d.sources.len(),
                d.item_locations.len(),
                d.open_orders.len(),
                d.receipts.len(),
                d.prices.len(),
                d.promotions.len(),
                d.events.len(),
                d.signals.len(),
                d.stockouts.len(),
                d.bom.len(),
                d.adjustments.len(),
                d.substitutions.len(),
                d.budgets.len(),
                d.capacities.len(),
                d.uoms.len(),
                self.duplicates.len(),
                d.forecast_overrides.len(),
                d.forecasts.len(),
                d.readings.len(),
            ],
            default_location: self.default_location,
            calendars: d.calendars.clone(),
            calendar_rules: self.calendar_rules.clone(),
        }
    }

    /// Goes back to `mark`, as if the file had not been read.
    pub(crate) fn rewind(&mut self, mark: &Mark, file_idx: u16) {
        let lens = &mark.lens;
        self.items.truncate(lens[0], file_idx);
        self.locations.truncate(lens[1], file_idx);
        self.suppliers.truncate(lens[2], file_idx);
        self.default_location = mark.default_location;
        let d = &mut self.dataset;
        let sales = &mut d.sales;
        sales.item.truncate(lens[3]);
        sales.location.truncate(lens[3]);
        sales.day.truncate(lens[3]);
        sales.quantity.truncate(lens[3]);
        sales.unit_price.truncate(lens[3]);
        sales.on_promotion.truncate(lens[3]);
        sales.price_ratio.truncate(lens[3]);
        sales.stockout_share.truncate(lens[3]);
        sales.open_share.truncate(lens[3]);
        sales.holiday.truncate(lens[3]);
        sales.lost.truncate(lens[3]);
        sales.row.truncate(lens[3]);
        self.sales_hash.truncate(lens[3]);
        d.inventory.truncate(lens[4]);
        d.sources.truncate(lens[5]);
        d.item_locations.truncate(lens[6]);
        d.open_orders.truncate(lens[7]);
        d.receipts.truncate(lens[8]);
        d.prices.truncate(lens[9]);
        d.promotions.truncate(lens[10]);
        d.events.truncate(lens[11]);
        d.signals.truncate(lens[12]);
        d.stockouts.truncate(lens[13]);
        d.bom.truncate(lens[14]);
        d.adjustments.truncate(lens[15]);
        d.substitutions.truncate(lens[16]);
        d.budgets.truncate(lens[17]);
        d.capacities.truncate(lens[18]);
        d.uoms.truncate(lens[19]);
        self.duplicates.truncate(lens[20]);
        d.forecast_overrides.truncate(lens[21]);
        d.forecasts.truncate(lens[22]);
        d.readings.truncate(lens[23]);
        d.calendars.clone_from(&mark.calendars);
        self.calendar_rules.clone_from(&mark.calendar_rules);
        self.count_sheets.forget(file_idx);
        self.start_file();
    }

    /// Forgets what belongs to one file.
    pub(crate) fn start_file(&mut self) {
        self.counts = SalesCounts::default();
        self.seen_rows.clear();
        self.units.clear();
        self.price_runs.clear();
        let n_prices = self.dataset.prices.len();
        self.price_run_ends.retain(|&idx, _| idx < n_prices);
    }

    /// Takes in the rows of a chunk; `reject` gets those that cannot be, `n_filtered` counts those a filter left out.
    pub(crate) fn take_chunk(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        file_idx: u16,
        skip: &[bool],
        reject: &mut dyn FnMut(u64, Box<Bad>),
    ) -> Counts {
        job.start_chunk(chunk);
        let mut counts = Counts::default();
        for row in 0..chunk.len() {
            if skip.get(row) == Some(&true) {
                continue;
            }
            if !job.filters.is_empty() && !job.keeps(chunk, row) {
                counts.filtered += 1;
                continue;
            }
            let number = chunk.row_number(row);
            let at = RowRef { file_idx, row: u32::try_from(number).unwrap_or(u32::MAX) };
            for nth in 0..job.wide_days.len().max(1) {
                if let Some(&column) = job.wide_days.get(nth) {
                    // An empty cell of a wide table is a day that nobody tells about.
                    if chunk.cell(column.0, row) == Cell::Empty {
                        continue;
                    }
                    job.point_at(column);
                }
                let (n_left_out, n_later) = (self.n_left_out, self.counts.n_later);
                let taken = if job.table == Table::Sales {
                    self.sale(job, chunk, row, at)
                } else {
                    self.other(job, chunk, row, at)
                };
                match taken {
                    Ok(()) if self.n_left_out > n_left_out => counts.duplicates += 1,
                    Ok(()) if self.counts.n_later > n_later => counts.later += 1,
                    Ok(()) => counts.accepted += 1,
                    Err(bad) => reject(number, bad),
                }
            }
        }
        counts
    }

    fn item(&mut self, job: &mut Job, chunk: &Chunk, row: usize, field: F, at: RowRef) -> Read<ItemIdx> {
        let Some(idx) = job.intern(chunk, row, field, &mut self.items.interner)? else { return Ok(None) };
        let idx = self.items.seen(idx, at);
        self.items.strengthen(idx);
        Ok(Some(ItemIdx(idx)))
    }

    fn required_item(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        row: usize,
        field: F,
        at: RowRef,
    ) -> Result<ItemIdx, Box<Bad>> {
        self.item(job, chunk, row, field, at)?.ok_or_else(|| job.empty(chunk, row, field, "an item id"))
    }

    /// A location that may be absent, `*` or `all`, all meaning every location.
    fn location(&mut self, job: &mut Job, chunk: &Chunk, row: usize, field: F, at: RowRef) -> Read<LocationIdx> {
        if job.has(field) && job.text(chunk, row, field).is_some_and(|text| means_all(&text)) {
            return Ok(None);
        }
        let Some(idx) = job.intern(chunk, row, field, &mut self.locations.interner)? else { return Ok(None) };
        let idx = self.locations.seen(idx, at);
        if !matches!(job.table, Table::Signals | Table::Events) {
            self.locations.strengthen(idx);
        }
        Ok(Some(LocationIdx(idx)))
    }

    /// A location that every row has; the only one there is where no column names it.
    fn own_location(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        row: usize,
        field: F,
        at: RowRef,
    ) -> Result<LocationIdx, Box<Bad>> {
        if job.has(field) {
            let Some(idx) = job.intern(chunk, row, field, &mut self.locations.interner)? else {
                return Err(job.empty(chunk, row, field, "a location id"));
            };
            let idx = self.locations.seen(idx, at);
            self.locations.strengthen(idx);
            return Ok(LocationIdx(idx));
        }
        let idx = match self.default_location {
            Some(idx) => idx,
            None => {
                let idx = self.locations.interner.intern(DEFAULT_LOCATION_ID);
                self.locations.seen(idx, at);
                self.locations.strengthen(idx);
                self.default_location = Some(idx);
                idx
            }
        };
        Ok(LocationIdx(idx))
    }

    fn supplier(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Read<SupplierIdx> {
        let Some(idx) = job.intern(chunk, row, F::SupplierId, &mut self.suppliers.interner)? else { return Ok(None) };
        let idx = self.suppliers.seen(idx, at);
        self.suppliers.strengthen(idx);
        Ok(Some(SupplierIdx(idx)))
    }

    fn origin(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Read<Origin> {
        if let Some(location) = self.location(job, chunk, row, F::FromLocation, at)? {
            return Ok(Some(Origin::Location(location)));
        }
        Ok(self.supplier(job, chunk, row, at)?.map(Origin::Supplier))
    }

    /// Refuses a row that counts an item in another unit than earlier rows of the file: adding up 2 kg and 2000 g
    /// would give 2002.
    fn check_unit(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        row: usize,
        item: ItemIdx,
        at: RowRef,
    ) -> Result<(), Box<Bad>> {
        if !job.has(F::Uom) {
            return Ok(());
        }
        let unit = job.text_or_empty(chunk, row, F::Uom);
        if unit.is_empty() {
            return Ok(());
        }
        let (known, since) = self.units.entry(item.0).or_insert_with(|| (unit.as_str().into(), at.row));
        if known.to_lowercase() == unit.to_lowercase() {
            return Ok(());
        }
        let expected = format!("the unit {known:?}, in which row {since} counts this item");
        Err(job.bad(chunk, row, F::Uom, &expected, "convert the quantity and write the same unit"))
    }

    /// Whether this row of a state table was seen before.
    fn is_copy(&mut self, job: &Job, chunk: &Chunk, row: usize, at: RowRef) -> bool {
        let copy = !self.seen_rows.insert((job.idx, raw_hash(job, chunk, row)));
        if copy && !job.distinct {
            self.duplicates.push(at);
        }
        self.n_left_out += u64::from(copy);
        copy
    }

    // ------------------------------------------------------------ sales

    fn sale(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let day = job.day(chunk, row, F::Date)?.ok_or_else(|| job.empty(chunk, row, F::Date, "a date"))?;
        if self.as_of.is_some_and(|as_of| as_of <= day) {
            self.counts.n_later += 1;
            self.counts.first_later = Some(self.counts.first_later.map_or(day, |first| first.min(day)));
            return Ok(());
        }
        let mut quantity =
            job.quantity(chunk, row, F::Quantity)?.ok_or_else(|| job.empty(chunk, row, F::Quantity, "a quantity"))?;
        let unit_price = if job.has(F::UnitPrice) {
            job.amount(chunk, row, F::UnitPrice)?.map_or(f32::NAN, number::Number::to_f32)
        } else if job.has(F::SalesValue) {
            match job.amount(chunk, row, F::SalesValue)? {
                Some(value) if quantity != Quantity::ZERO => (value.to_f64() / quantity.to_f64()).abs() as f32,
                _ => f32::NAN,
            }
        } else {
            f32::NAN
        };
        let mut on_promotion = 0;
        if job.has(F::Promo) {
            on_promotion = u8::from(job.flag(chunk, row, F::Promo)?.unwrap_or(false));
        }
        if job.has(F::PromoId) {
            on_promotion |=
                u8::from(job.text(chunk, row, F::PromoId).is_some_and(|id| !number::is_missing(&id) && &*id != "0"));
        }
        let mut price_ratio = f32::NAN;
        if job.has(F::PriceRatio) {
            price_ratio = job
                .float_within(chunk, row, F::PriceRatio, 0.0, 10.0, "a price ratio such as 0.8")?
                .map_or(f32::NAN, |v| v as f32);
        } else if job.has(F::Discount) {
            price_ratio = job
                .float_within(chunk, row, F::Discount, 0.0, 100.0, "a discount between 0 and 100")?
                .map_or(f32::NAN, |v| v as f32);
            self.counts.n_discount.0 += usize::from(price_ratio == 1.0);
            self.counts.n_discount.1 += usize::from(price_ratio == 0.0);
            self.counts.discount_max = self.counts.discount_max.max(price_ratio);
        }
        let mut stockout_share = f32::NAN;
        if job.has(F::StockoutShare) {
            stockout_share = job
                .float_within(chunk, row, F::StockoutShare, 0.0, 1.0, "a share between 0 and 1")?
                .map_or(f32::NAN, |v| v as f32);
        } else if job.has(F::StockoutHours) {
            let hours = f64::from(job.hours_per_day);
            stockout_share = job
                .float_within(chunk, row, F::StockoutHours, 0.0, hours, &format!("hours between 0 and {hours}"))?
                .map_or(f32::NAN, |v| (v / hours) as f32);
        } else if job.has(F::InStock) {
            stockout_share =
                job.flag(chunk, row, F::InStock)?.map_or(f32::NAN, |in_stock| if in_stock { 0.0 } else { 1.0 });
        }
        let open_share = if job.has(F::Open) { share_or_flag(job, chunk, row, F::Open)? } else { f32::NAN };
        let mut holiday = 0;
        if job.has(F::Holiday) {
            holiday = match job.flag(chunk, row, F::Holiday) {
                Ok(flag) => u8::from(flag.unwrap_or(false)),
                // A holiday may be given by its name.
                Err(bad) if bad.value.starts_with(char::is_alphabetic) => 1,
                Err(bad) => return Err(bad),
            };
        }
        let lost =
            if job.has(F::Lost) { not_negative(job, chunk, row, F::Lost)?.unwrap_or_default() } else { Quantity::ZERO };
        if job.has(F::IsReturn) && job.flag(chunk, row, F::IsReturn)?.unwrap_or(false) && quantity > Quantity::ZERO {
            quantity = -quantity;
        }
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        self.check_unit(job, chunk, row, item, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;

        // Nothing below fails, so all columns stay equally long.
        if quantity < Quantity::ZERO && unit_price == 0.0 && job.has(F::OrderId) {
            let cancelled = job.text(chunk, row, F::OrderId).is_some_and(|order| order.starts_with(['C', 'c']));
            if !cancelled {
                // Nobody gets nothing back for a return: a negative line at no price writes stock off.
                let reason = "correction".to_owned();
                self.dataset.adjustments.push(AdjustmentRow { day, item, location, quantity, reason, row: at });
                self.counts.n_corrections += 1;
                return Ok(());
            }
        }
        if quantity < Quantity::ZERO {
            self.counts.n_returns += 1;
            self.counts.returned -= quantity.to_f64();
        }
        if job.has(F::OrderId) {
            let cancelled = match job.text(chunk, row, F::OrderId) {
                Some(order) => {
                    self.counts.n_order_lines += 1;
                    order.starts_with(['C', 'c']) && quantity < Quantity::ZERO
                }
                None => false,
            };
            self.counts.n_cancelled += usize::from(cancelled);
        }
        if job.has(F::Name) || job.has(F::Category) {
            let known = self.items.entities.get(item.0 as usize);
            if job.has(F::Name) && known.is_none_or(|item| item.name.is_empty()) {
                let name = job.text_or_empty(chunk, row, F::Name);
                self.items.entity_mut(item.0).name = name;
            }
            let known = self.items.entities.get(item.0 as usize);
            if job.has(F::Category) && known.is_none_or(|item| item.category.is_empty()) {
                let category = job.text_or_empty(chunk, row, F::Category);
                self.items.entity_mut(item.0).category = category;
            }
        }
        let counts = &mut self.counts;
        counts.first_day = Some(counts.first_day.map_or(day, |first| first.min(day)));
        counts.last_day = Some(counts.last_day.map_or(day, |last| last.max(day)));
        counts.n_stockout_days += usize::from(stockout_share > 0.0);
        counts.n_promo += usize::from(on_promotion == 1);
        counts.n_holiday += usize::from(holiday == 1);
        counts.n_closed += usize::from(open_share == 0.0);
        let hashed = matches!(chunk, Chunk::Csv { .. })
            || job.is_sheet
            || job.has(F::OrderId)
            || job.has(F::CustomerId)
            || job.has(F::Channel);
        let sales = &mut self.dataset.sales;
        let n = sales.item.len();
        if hashed {
            self.sales_hash.resize(n, 0);
            self.sales_hash.push((raw_hash(job, chunk, row) as u32 ^ (job.idx as u32) << 1) | 1);
        }
        sales.item.push(item);
        sales.location.push(location);
        sales.day.push(day);
        sales.quantity.push(quantity);
        sales.row.push(at);
        push_padded(&mut sales.unit_price, n, job.has(F::UnitPrice) || job.has(F::SalesValue), unit_price, f32::NAN);
        push_padded(&mut sales.on_promotion, n, job.has(F::Promo) || job.has(F::PromoId), on_promotion, 0);
        push_padded(&mut sales.price_ratio, n, job.has(F::PriceRatio) || job.has(F::Discount), price_ratio, f32::NAN);
        let has_stockouts = job.has(F::StockoutShare) || job.has(F::StockoutHours) || job.has(F::InStock);
        push_padded(&mut sales.stockout_share, n, has_stockouts, stockout_share, f32::NAN);
        push_padded(&mut sales.open_share, n, job.has(F::Open), open_share, f32::NAN);
        push_padded(&mut sales.holiday, n, job.has(F::Holiday), holiday, 0);
        push_padded(&mut sales.lost, n, job.has(F::Lost), lost, Quantity::ZERO);
        Ok(())
    }

    /// Turns a discount column into price ratios, or gives it up; says which.
    pub(crate) fn settle_discount(&mut self, from_row: usize, header: &str) -> Option<String> {
        let (n_ones, n_zeros) = self.counts.n_discount;
        let largest = self.counts.discount_max;
        let column = &mut self.dataset.sales.price_ratio;
        let values = column.get_mut(from_row..)?;
        if n_ones > n_zeros && largest <= 1.5 {
            return Some(format!("{header:?} recognised as price ratio (1 = full price)"));
        }
        if n_zeros > n_ones && largest <= 100.0 {
            let unit = if largest <= 1.0 { 1.0 } else { 100.0 };
            for value in values {
                *value = 1.0 - *value / unit;
            }
            let as_text =
                if unit == 1.0 { "share of the price (0.2 = 20 % off)" } else { "percentage (20 = 20 % off)" };
            return Some(format!("{header:?} recognised as price cut, a {as_text}"));
        }
        values.fill(f32::NAN);
        Some(format!(
            "{header:?} was left out: it does not show whether 1 or 0 is the full price; map it to price_ratio"
        ))
    }

    // ------------------------------------------------------------ all other tables

    fn other(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        match job.table {
            Table::Sales => unreachable!("sales have their own function"),
            Table::Items => self.item_row(job, chunk, row, at),
            Table::Locations => self.location_row(job, chunk, row, at),
            Table::Suppliers => self.supplier_row(job, chunk, row, at),
            Table::Inventory => self.inventory_row(job, chunk, row, at),
            Table::Sources => self.source_row(job, chunk, row, at),
            Table::ItemLocations => self.item_location_row(job, chunk, row, at),
            Table::OpenOrders => self.open_order_row(job, chunk, row, at),
            Table::Receipts => self.receipt_row(job, chunk, row, at),
            Table::Prices => self.price_row(job, chunk, row, at),
            Table::Promotions => self.promotion_row(job, chunk, row, at),
            Table::Calendars => self.calendar_row(job, chunk, row, at),
            Table::Events => self.event_row(job, chunk, row, at),
            Table::Signals => self.signal_row(job, chunk, row, at),
            Table::Readings => self.reading_row(job, chunk, row, at),
            Table::Stockouts => self.stockout_row(job, chunk, row, at),
            Table::Bom => self.bom_row(job, chunk, row, at),
            Table::Adjustments => self.adjustment_row(job, chunk, row, at),
            Table::Substitutions => self.substitution_row(job, chunk, row, at),
            Table::Budgets => self.budget_row(job, chunk, row, at),
            Table::Capacities => self.capacity_row(job, chunk, row, at),
            Table::Uoms => self.uom_row(job, chunk, row, at),
            Table::ForecastOverrides => self.forecast_override_row(job, chunk, row, at),
            Table::Forecasts => self.forecast_row(job, chunk, row, at),
        }
    }

    fn item_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let Some(idx) = job.intern(chunk, row, F::ItemId, &mut self.items.interner)? else {
            return Err(job.empty(chunk, row, F::ItemId, "an item id"));
        };
        let idx = self.items.seen(idx, at);
        let earlier = self.items.defined_in(idx);
        if earlier.is_some() && job.distinct {
            self.n_left_out += 1;
            return Ok(());
        }
        let not_negative =
            |job: &mut Job, field| job.float_within(chunk, row, field, 0.0, 1e9, "a number that is not negative");
        let item = Item {
            item_id: String::new(),
            name: job.text_or_empty(chunk, row, F::Name),
            category: job.text_or_empty(chunk, row, F::Category),
            base_uom: job.text_or_empty(chunk, row, F::BaseUom),
            decimals: 0,
            unit_cost: job.money(chunk, row, F::UnitCost)?,
            price: job.money(chunk, row, F::Price)?,
            volume: not_negative(job, F::Volume)?,
            weight: not_negative(job, F::Weight)?,
            shelf_life_days: job
                .whole(chunk, row, F::ShelfLifeDays)?
                .map(|days| {
                    u32::try_from(days)
                        .map_err(|_| job.bad(chunk, row, F::ShelfLifeDays, "a number of days", "correct the value"))
                })
                .transpose()?,
            launch: job.day(chunk, row, F::Launch)?,
            end: job.day(chunk, row, F::End)?,
            successor_id: Some(job.text_or_empty(chunk, row, F::SuccessorId)).filter(|id| !id.is_empty()),
            attributes: attributes(job, chunk, row),
        };
        if earlier.is_some() {
            return self.repeated(job, chunk, row, at, earlier, F::ItemId, |draft| {
                draft.items.entities.get(idx as usize).is_some_and(|known| *known == item)
            });
        }
        *self.items.entity_mut(idx) = item;
        self.items.define(idx, at);
        Ok(())
    }

    /// An entity defined a second time: a copy is reported as a duplicate, a contradiction is an error.
    #[expect(clippy::too_many_arguments, reason = "three callers with the same seven things in hand")]
    fn repeated(
        &mut self,
        job: &Job,
        chunk: &Chunk,
        row: usize,
        at: RowRef,
        earlier: Option<RowRef>,
        field: F,
        same: impl Fn(&Self) -> bool,
    ) -> Result<(), Box<Bad>> {
        if same(self) {
            self.duplicates.push(at);
            self.n_left_out += 1;
            return Ok(());
        }
        let earlier = earlier.map_or(0, |row| row.row);
        Err(job.bad(
            chunk,
            row,
            field,
            &format!("an id that occurs once; row {earlier} says otherwise about it"),
            "delete one of the two rows",
        ))
    }

    fn location_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let Some(idx) = job.intern(chunk, row, F::LocationId, &mut self.locations.interner)? else {
            return Err(job.empty(chunk, row, F::LocationId, "a location id"));
        };
        let idx = self.locations.seen(idx, at);
        let earlier = self.locations.defined_in(idx);
        if earlier.is_some() && job.distinct {
            self.n_left_out += 1;
            return Ok(());
        }
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let location = Location {
            location_id: String::new(),
            name: job.text_or_empty(chunk, row, F::Name),
            kind: job.text_or_empty(chunk, row, F::Kind),
            parent_id: filled(job.text_or_empty(chunk, row, F::ParentId)),
            calendar: filled(job.text_or_empty(chunk, row, F::Calendar)),
            attributes: attributes(job, chunk, row),
        };
        if earlier.is_some() {
            return self.repeated(job, chunk, row, at, earlier, F::LocationId, |draft| {
                draft.locations.entities.get(idx as usize).is_some_and(|known| *known == location)
            });
        }
        *self.locations.entity_mut(idx) = location;
        self.locations.define(idx, at);
        Ok(())
    }

    fn supplier_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let Some(idx) = job.intern(chunk, row, F::SupplierId, &mut self.suppliers.interner)? else {
            return Err(job.empty(chunk, row, F::SupplierId, "a supplier id"));
        };
        let idx = self.suppliers.seen(idx, at);
        let earlier = self.suppliers.defined_in(idx);
        if earlier.is_some() && job.distinct {
            self.n_left_out += 1;
            return Ok(());
        }
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let supplier = Supplier {
            supplier_id: String::new(),
            name: job.text_or_empty(chunk, row, F::Name),
            min_order_value: money_not_negative(job, chunk, row, F::MinOrderValue)?,
            min_order_quantity: not_negative(job, chunk, row, F::MinOrderQuantity)?,
            order_days: job.weekdays(chunk, row, F::OrderDays)?.unwrap_or_default(),
            cut_off: filled(job.text_or_empty(chunk, row, F::CutOff)),
            container_volume: job.float_within(
                chunk,
                row,
                F::ContainerVolume,
                0.0,
                1e9,
                "cubic metres, not negative",
            )?,
            container_weight: job.float_within(chunk, row, F::ContainerWeight, 0.0, 1e9, "kilograms, not negative")?,
            holidays_calendar: filled(job.text_or_empty(chunk, row, F::HolidaysCalendar)),
            attributes: attributes(job, chunk, row),
        };
        if earlier.is_some() {
            return self.repeated(job, chunk, row, at, earlier, F::SupplierId, |draft| {
                draft.suppliers.entities.get(idx as usize).is_some_and(|known| *known == supplier)
            });
        }
        *self.suppliers.entity_mut(idx) = supplier;
        self.suppliers.define(idx, at);
        Ok(())
    }

    fn inventory_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        // A sheet with what the records said is for counting: lines without a number wait for somebody to count them.
        let is_count = job.has(F::Recorded);
        let recorded =
            Recorded { quantity: job.quantity(chunk, row, F::Recorded)?, on: job.day(chunk, row, F::RecordedOn)? };
        let on_hand = match job.quantity(chunk, row, F::OnHand)? {
            Some(on_hand) => on_hand,
            None if self.count_sheets.waits(is_count, at) => return Ok(()),
            None => return Err(job.empty(chunk, row, F::OnHand, "a quantity on hand")),
        };
        let as_of = job.day(chunk, row, F::AsOf)?;
        let expiry = job.day(chunk, row, F::Expiry)?;
        let allocated = not_negative(job, chunk, row, F::Allocated)?.unwrap_or_default();
        let blocked = not_negative(job, chunk, row, F::Blocked)?.unwrap_or_default();
        let in_transit = not_negative(job, chunk, row, F::InTransit)?.unwrap_or_default();
        let lot_id = job.text(chunk, row, F::LotId).map(std::borrow::Cow::into_owned);
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        self.check_unit(job, chunk, row, item, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            if is_count {
                self.count_sheets.counted.insert(at, recorded);
            }
            self.dataset.inventory.push(InventoryRow {
                item,
                location,
                on_hand,
                as_of,
                lot_id,
                expiry,
                allocated,
                blocked,
                in_transit,
                row: at,
            });
        }
        Ok(())
    }

    fn source_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        // Zero is how files write "no rule".
        let positive = |job: &mut Job, field: F| -> Read<Quantity> {
            Ok(not_negative(job, chunk, row, field)?.filter(|quantity| *quantity > Quantity::ZERO))
        };
        let lead_time_days = job.float_within(chunk, row, F::LeadTimeDays, 0.0, 3650.0, "days between 0 and 3650")?;
        let lead_time_sd_days = job.float_within(chunk, row, F::LeadTimeSd, 0.0, 3650.0, "days between 0 and 3650")?;
        let unit_cost = job.money(chunk, row, F::UnitCost)?;
        let min_order = positive(job, F::MinOrder)?;
        let pack_size = positive(job, F::PackSize)?;
        let layer_size = positive(job, F::LayerSize)?;
        let pallet_size = positive(job, F::PalletSize)?;
        let max_order = positive(job, F::MaxOrder)?;
        if let (Some(least), Some(most)) = (min_order, max_order)
            && most < least
        {
            return Err(job.bad(
                chunk,
                row,
                F::MaxOrder,
                &format!("a largest order not below the smallest of {least}"),
                "swap or correct the two",
            ));
        }
        let priority = match i32::try_from(job.whole(chunk, row, F::Priority)?.unwrap_or(0)) {
            Ok(priority) => priority,
            Err(_) => return Err(job.bad(chunk, row, F::Priority, "a rank such as 1", "correct the value")),
        };
        let share = job.float_within(chunk, row, F::Share, 0.0, 1.0, "a share between 0 and 1")?;
        let effective_from = job.day(chunk, row, F::EffectiveFrom)?;
        let effective_to = job.day(chunk, row, F::EffectiveTo)?;
        let price_breaks = match job.text(chunk, row, F::PriceBreaks) {
            Some(text) => parse_price_breaks(&text).ok_or_else(|| {
                job.bad(
                    chunk,
                    row,
                    F::PriceBreaks,
                    "price breaks such as \"100:0.75; 500:0.70\" with a decimal point",
                    "write quantity:cost pairs separated by semicolons",
                )
            })?,
            None => Vec::new(),
        };
        let category = Some(job.text_or_empty(chunk, row, F::Category)).filter(|text| !text.is_empty());
        let review_calendar = Some(job.text_or_empty(chunk, row, F::ReviewCalendar)).filter(|text| !text.is_empty());
        let any_item = job.text(chunk, row, F::ItemId).is_none_or(|text| means_all(&text));
        let Some(origin) = self.origin(job, chunk, row, at)? else {
            let field = if job.has(F::SupplierId) { F::SupplierId } else { F::FromLocation };
            return Err(job.empty(chunk, row, field, "a supplier or a sending location"));
        };
        let to_location = self.location(job, chunk, row, F::ToLocation, at)?;
        let item = if any_item { None } else { self.item(job, chunk, row, F::ItemId, at)? };
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.sources.push(SourceRow {
                to_location,
                origin,
                item,
                category,
                lead_time_days,
                lead_time_told_on: None,
                lead_time_sd_days,
                unit_cost,
                min_order,
                pack_size,
                layer_size,
                pallet_size,
                max_order,
                priority,
                share,
                review_calendar,
                effective_from,
                effective_to,
                price_breaks,
                row: at,
            });
        }
        Ok(())
    }

    fn item_location_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let service_type = match job.text(chunk, row, F::ServiceType).as_deref() {
            None => None,
            Some("cycle") => Some(ServiceType::Cycle),
            Some("fill_rate" | "fillrate" | "fill rate") => Some(ServiceType::FillRate),
            Some("in_stock" | "instock" | "in stock") => Some(ServiceType::InStock),
            Some(_) => {
                return Err(job.bad(
                    chunk,
                    row,
                    F::ServiceType,
                    "cycle, fill_rate or in_stock",
                    "use one of the three",
                ));
            }
        };
        let service_target = job.float_within(
            chunk,
            row,
            F::ServiceTarget,
            0.0,
            0.999_999,
            "a target between 0 and 1, such as 0.98 or 98%",
        )?;
        let listed_from = job.day(chunk, row, F::ListedFrom)?;
        let listed_to = job.day(chunk, row, F::ListedTo)?;
        let min_stock = not_negative(job, chunk, row, F::MinStock)?;
        let max_stock = not_negative(job, chunk, row, F::MaxStock)?;
        if let (Some(least), Some(most)) = (min_stock, max_stock)
            && most < least
        {
            return Err(job.bad(
                chunk,
                row,
                F::MaxStock,
                &format!("a maximum not below the minimum of {least}"),
                "swap or correct the two",
            ));
        }
        let display_min = not_negative(job, chunk, row, F::DisplayMin)?;
        let shelf_capacity = not_negative(job, chunk, row, F::ShelfCapacity)?;
        let safety_days = job.float_within(chunk, row, F::SafetyDays, 0.0, 3650.0, "days between 0 and 3650")?;
        let policy = Some(job.text_or_empty(chunk, row, F::Policy)).filter(|text| !text.is_empty());
        let do_not_order = job.flag(chunk, row, F::DoNotOrder)?.unwrap_or(false);
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.item_locations.push(ItemLocationRow {
                item,
                location,
                listed_from,
                listed_to,
                service_type,
                service_target,
                min_stock,
                max_stock,
                display_min,
                shelf_capacity,
                safety_days,
                policy,
                do_not_order,
                row: at,
            });
        }
        Ok(())
    }

    fn open_order_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let Some(order_id) = job.text(chunk, row, F::OrderId).map(std::borrow::Cow::into_owned) else {
            return Err(job.empty(chunk, row, F::OrderId, "an order number"));
        };
        let quantity = not_negative(job, chunk, row, F::Quantity)?
            .ok_or_else(|| job.empty(chunk, row, F::Quantity, "a quantity"))?;
        let received = not_negative(job, chunk, row, F::Received)?.unwrap_or_default();
        let ordered_on = job.day(chunk, row, F::OrderedOn)?;
        let due_on = job.day(chunk, row, F::DueOn)?;
        let status = job.text_or_empty(chunk, row, F::Status).to_lowercase();
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        self.check_unit(job, chunk, row, item, at)?;
        let to_location = self.own_location(job, chunk, row, F::ToLocation, at)?;
        let origin = self.origin(job, chunk, row, at)?;
        // The same line of an order twice is the same supply: counting it twice would leave shelves empty.
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.open_orders.push(OpenOrderRow {
                order_id,
                item,
                to_location,
                origin,
                quantity,
                received,
                ordered_on,
                due_on,
                status,
                row: at,
            });
        }
        Ok(())
    }

    fn receipt_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let received_on = job
            .day(chunk, row, F::ReceivedOn)?
            .ok_or_else(|| job.empty(chunk, row, F::ReceivedOn, "a receipt date"))?;
        let quantity =
            job.quantity(chunk, row, F::Quantity)?.ok_or_else(|| job.empty(chunk, row, F::Quantity, "a quantity"))?;
        let ordered_on = job.day(chunk, row, F::OrderedOn)?;
        if ordered_on.is_some_and(|ordered| ordered > received_on) {
            return Err(job.bad(
                chunk,
                row,
                F::OrderedOn,
                &format!("an order date not after the receipt on {received_on}"),
                "correct one of the two dates",
            ));
        }
        let due_on = job.day(chunk, row, F::DueOn)?;
        let unit_cost = job.money(chunk, row, F::UnitCost)?;
        let order_id = job.text_or_empty(chunk, row, F::OrderId);
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        self.check_unit(job, chunk, row, item, at)?;
        let location = self.location(job, chunk, row, F::LocationId, at)?;
        let origin = self.origin(job, chunk, row, at)?;
        self.note_copy(job, chunk, row, at);
        self.dataset.receipts.push(ReceiptRow {
            order_id,
            item,
            location,
            origin,
            quantity,
            ordered_on,
            due_on,
            received_on,
            unit_cost,
            row: at,
        });
        Ok(())
    }

    /// Reports a copy of a row that is kept.
    fn note_copy(&mut self, job: &Job, chunk: &Chunk, row: usize, at: RowRef) {
        let n_left_out = self.n_left_out;
        let _ = self.is_copy(job, chunk, row, at);
        self.n_left_out = n_left_out;
    }

    fn price_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let price =
            money_not_negative(job, chunk, row, F::Price)?.ok_or_else(|| job.empty(chunk, row, F::Price, "a price"))?;
        let from = job.day(chunk, row, F::From)?.ok_or_else(|| job.empty(chunk, row, F::From, "a date"))?;
        let to = job.day(chunk, row, F::To)?;
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        let location = self.location(job, chunk, row, F::LocationId, at)?;
        if job.distinct {
            // Runs of the same price become one row; rows must come in order of time within an item-location, and
            // where they do not, a new run begins.
            let key = (item.0, location.map_or(u32::MAX, |location| location.0));
            if let Some((known, last, idx)) = self.price_runs.get_mut(&key)
                && *known == price
                && *last <= from
            {
                *last = from;
                self.price_run_ends.insert(*idx, from);
                return Ok(());
            }
            self.price_runs.insert(key, (price, from, self.dataset.prices.len()));
        } else if self.is_copy(job, chunk, row, at) {
            return Ok(());
        }
        self.dataset.prices.push(PriceRow { item, location, from, to, price, row: at });
        Ok(())
    }

    fn check_span(&self, job: &Job, chunk: &Chunk, row: usize, from: Day, to: Option<Day>) -> Result<(), Box<Bad>> {
        match to {
            Some(to) if to < from => Err(job.bad(
                chunk,
                row,
                F::To,
                &format!("a last day not before the first day {from}"),
                "swap or correct the two dates",
            )),
            _ => Ok(()),
        }
    }

    fn calendar_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let Some(id) = job.text(chunk, row, F::CalendarId).map(std::borrow::Cow::into_owned) else {
            return Err(job.empty(chunk, row, F::CalendarId, "a calendar id"));
        };
        let weekdays = job.weekdays(chunk, row, F::Weekdays)?;
        let date = job.day(chunk, row, F::Date)?;
        let open = job.flag(chunk, row, F::Open)?.unwrap_or(false);
        if weekdays.is_none() && date.is_none() {
            let field = if job.has(F::Weekdays) { F::Weekdays } else { F::Date };
            return Err(job.empty(chunk, row, field, "weekdays, or a date that differs from them"));
        }
        if self.is_copy(job, chunk, row, at) {
            return Ok(());
        }
        let known = self.dataset.calendars.get(&id);
        if weekdays.is_some_and(|days| {
            self.calendar_rules.contains(&id) && known.is_some_and(|calendar| calendar.weekdays != days)
        }) {
            return Err(job.bad(
                chunk,
                row,
                F::Weekdays,
                "one row of weekdays per calendar; an earlier row says otherwise",
                "write all weekdays in one row, such as \"mon thu\"",
            ));
        }
        if date.is_some_and(|date| {
            known.and_then(|calendar| calendar.exceptions.get(&date)).is_some_and(|known| *known != open)
        }) {
            return Err(job.bad(
                chunk,
                row,
                F::Date,
                "a date that occurs once per calendar; an earlier row says otherwise",
                "delete one of the two rows",
            ));
        }
        if weekdays.is_some() {
            self.calendar_rules.insert(id.clone());
        }
        let calendar = self.dataset.calendars.entry(id).or_default();
        if let Some(weekdays) = weekdays {
            calendar.weekdays = weekdays;
        }
        if let Some(date) = date {
            calendar.exceptions.insert(date, open);
        }
        Ok(())
    }

    fn event_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let day = job.day(chunk, row, F::Date)?.ok_or_else(|| job.empty(chunk, row, F::Date, "a date"))?;
        let name = job.text_or_empty(chunk, row, F::Name);
        if name.is_empty() {
            return Err(job.empty(chunk, row, F::Name, "the name of the event"));
        }
        let kind = job.text_or_empty(chunk, row, F::Kind);
        let magnitude = job.float(chunk, row, F::Magnitude)?.unwrap_or(1.0);
        let location = self.location(job, chunk, row, F::LocationId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.events.push(EventRow { day, location, name, kind, magnitude, row: at });
        }
        Ok(())
    }

    fn signal_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let day = job.day(chunk, row, F::Date)?.ok_or_else(|| job.empty(chunk, row, F::Date, "a date"))?;
        let known_in_future = job.flag(chunk, row, F::KnownInFuture)?.unwrap_or(false);
        if !job.is_wide_signals() {
            let value = job.float(chunk, row, F::Value)?.ok_or_else(|| job.empty(chunk, row, F::Value, "a number"))?;
            let mut name = job.text_or_empty(chunk, row, F::Name);
            if name.is_empty() {
                name = job.plan(F::Value).map_or_else(String::new, |plan| plan.header.clone());
            }
            let location = self.location(job, chunk, row, F::LocationId, at)?;
            self.dataset.signals.push(SignalRow { name, day, location, value, known_in_future });
            return Ok(());
        }
        let location = self.location(job, chunk, row, F::LocationId, at)?;
        let mut values = Vec::with_capacity(job.wide.len());
        for idx in 0..job.wide.len() {
            values.push(job.wide_value(chunk, row, idx)?);
        }
        for ((plan, ..), value) in job.wide.iter().zip(values) {
            if let Some(value) = value {
                let name = plan.header.clone();
                self.dataset.signals.push(SignalRow { name, day, location, value, known_in_future });
            }
        }
        Ok(())
    }

    fn reading_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let day = job.day(chunk, row, F::Date)?.ok_or_else(|| job.empty(chunk, row, F::Date, "a date"))?;
        let metric = job.text_or_empty(chunk, row, F::Metric);
        if metric.is_empty() {
            return Err(job.empty(chunk, row, F::Metric, "what is measured, such as weight or temperature"));
        }
        let value = job.float(chunk, row, F::Value)?.ok_or_else(|| job.empty(chunk, row, F::Value, "a number"))?;
        let mean = job.float(chunk, row, F::Mean)?.unwrap_or(value);
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;
        let sensor_id = job.text_or_empty(chunk, row, F::SensorId);
        let unit = job.text_or_empty(chunk, row, F::SensorUnit);
        self.dataset.readings.push(ReadingRow { sensor_id, metric, day, item, location, value, mean, unit, row: at });
        Ok(())
    }

    fn stockout_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let from = job.day(chunk, row, F::From)?.ok_or_else(|| job.empty(chunk, row, F::From, "a first day"))?;
        let to = job.day(chunk, row, F::To)?;
        self.check_span(job, chunk, row, from, to)?;
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.stockouts.push(StockoutRow { item, location, from, to: to.unwrap_or(from), row: at });
        }
        Ok(())
    }

    fn bom_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let quantity_per = job
            .quantity(chunk, row, F::QuantityPer)?
            .filter(|quantity| *quantity > Quantity::ZERO)
            .ok_or_else(|| job.bad(chunk, row, F::QuantityPer, "a quantity above zero", "correct the value"))?;
        let yield_share =
            job.float_within(chunk, row, F::Yield, 1e-6, 1.0, "a share above 0 and up to 1")?.unwrap_or(1.0);
        let scrap_share =
            job.float_within(chunk, row, F::Scrap, 0.0, 0.999_999, "a share from 0 to below 1")?.unwrap_or(0.0);
        let parent = self.required_item(job, chunk, row, F::Parent, at)?;
        let component = self.required_item(job, chunk, row, F::Component, at)?;
        if parent == component {
            return Err(job.bad(
                chunk,
                row,
                F::Component,
                "another item than the parent",
                "correct one of the two ids",
            ));
        }
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.bom.push(BomRow { parent, component, quantity_per, yield_share, scrap_share, row: at });
        }
        Ok(())
    }

    fn adjustment_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let day = job.day(chunk, row, F::Date)?.ok_or_else(|| job.empty(chunk, row, F::Date, "a date"))?;
        let quantity =
            job.quantity(chunk, row, F::Quantity)?.ok_or_else(|| job.empty(chunk, row, F::Quantity, "a quantity"))?;
        let reason = job.text_or_empty(chunk, row, F::Reason);
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        self.check_unit(job, chunk, row, item, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;
        self.note_copy(job, chunk, row, at);
        self.dataset.adjustments.push(AdjustmentRow { day, item, location, quantity, reason, row: at });
        Ok(())
    }

    fn substitution_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let rate = job.float_within(chunk, row, F::Rate, 0.0, 1.0, "a share between 0 and 1")?.unwrap_or(1.0);
        let from = self.required_item(job, chunk, row, F::Parent, at)?;
        let to = self.required_item(job, chunk, row, F::Component, at)?;
        if from == to {
            return Err(job.bad(
                chunk,
                row,
                F::Component,
                "another item to sell instead",
                "correct one of the two ids",
            ));
        }
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.substitutions.push(SubstitutionRow { from, to, rate, row: at });
        }
        Ok(())
    }

    fn budget_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let amount = money_not_negative(job, chunk, row, F::Amount)?
            .ok_or_else(|| job.empty(chunk, row, F::Amount, "an amount"))?;
        let scope = scope(job, chunk, row, &["all", "supplier:", "location:", "category:"])?;
        let from = job.day(chunk, row, F::From)?;
        let to = job.day(chunk, row, F::To)?;
        if let Some(from) = from {
            self.check_span(job, chunk, row, from, to)?;
        }
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.budgets.push(BudgetRow { scope, from, to, amount, row: at });
        }
        Ok(())
    }

    fn capacity_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        if job.text(chunk, row, F::Scope).is_none() {
            return Err(job.empty(chunk, row, F::Scope, "a scope such as all or location:S01"));
        }
        let scope = scope(job, chunk, row, &["all", "supplier:", "location:", "category:"])?;
        let from = job.day(chunk, row, F::From)?;
        let to = job.day(chunk, row, F::To)?;
        if let Some(from) = from {
            self.check_span(job, chunk, row, from, to)?;
        }
        let volume = job.float_within(chunk, row, F::Volume, 0.0, 1e12, "cubic metres, not negative")?;
        let weight = job.float_within(chunk, row, F::Weight, 0.0, 1e12, "kilograms, not negative")?;
        let lines = job
            .whole(chunk, row, F::Lines)?
            .map(|lines| {
                u32::try_from(lines).map_err(|_| {
                    job.bad(chunk, row, F::Lines, "a number of lines that is not negative", "correct the value")
                })
            })
            .transpose()?;
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.capacities.push(CapacityRow { scope, from, to, volume, weight, lines, row: at });
        }
        Ok(())
    }

    fn uom_row(&mut self, job: &mut Job, chunk: &Chunk, row: usize, at: RowRef) -> Result<(), Box<Bad>> {
        let uom = job.text_or_empty(chunk, row, F::Uom);
        if uom.is_empty() {
            return Err(job.empty(chunk, row, F::Uom, "a unit of measure"));
        }
        let factor = job
            .quantity(chunk, row, F::Factor)?
            .filter(|factor| *factor > Quantity::ZERO)
            .ok_or_else(|| job.bad(chunk, row, F::Factor, "a factor above zero", "correct the value"))?;
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.uoms.push(UomRow { item, uom, factor, row: at });
        }
        Ok(())
    }
}
