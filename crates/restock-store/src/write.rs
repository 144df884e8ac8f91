//! Tables and proposals into files.
//!
//! Every file is written beside its place and moved there when complete, so a reader never sees half of it.
//! Texts in CSV files that a spreadsheet would run as formulas are kept from it ([`guard_formula`]).
//! [`dataset`] writes a folder that [`crate::import`] reads back to the same dataset; [`proposals_csv`] and
//! [`proposals_parquet`] write one flat row per proposal that reads back as an `open_orders` table.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use restock_core::dataset::Origin;
use restock_core::proposal::{Proposal, ProposalSource, ProposalType, WaterfallCode};
use restock_core::said_demand::DemandChange;
use restock_core::{Dataset, Day, LocationIdx, Money, Quantity, RowError, ServiceType, WeekdaySet};

use crate::DEFAULT_LOCATION_ID;
pub use restock_core::formula::guard_formula;

/// A file format for tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// UTF-8, comma, decimal point, dates as 2026-03-02.
    #[default]
    Csv,
    /// Parquet with zstd; quantities and money as decimals.
    Parquet,
}

impl Format {
    /// The usual ending of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What went wrong.
    pub reason: String,
}

impl WriteError {
    fn new(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// Writes a file completely or not at all: `fill` writes to a file beside `path`, which then takes its place.
///
/// # Errors
/// Whatever the operating system or `fill` says; the old file, if any, is then untouched.
pub fn atomically(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), WriteError> {
    let wrong = |error: &dyn std::fmt::Display| WriteError::new(path, error);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|error| wrong(&error))?;
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let result = (|| -> Result<(), Box<dyn std::error::Error>> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        fill(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        drop(file);
        std::fs::rename(&temporary, path)?;
        Ok(())
    })();
    result.map_err(|error| {
        // The half-written file is of no use; if it cannot be removed either, the first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
        wrong(&error)
    })
}

/// Writes every table that has rows to `dir`, one file per table named like it, and returns the files.
///
/// Reading them back with [`crate::import`] gives the same dataset, except for file names, row numbers and what the
/// first import noticed ([`restock_core::dataset::ImportFacts`]). Files of other tables in `dir` are left alone.
///
/// # Errors
/// [`WriteError`] with the file that could not be written.
pub fn dataset(dataset: &Dataset, dir: &Path, format: Format) -> Result<Vec<PathBuf>, WriteError> {
    let mut files = Vec::new();
    for table in tables(dataset) {
        if table.n_rows == 0 {
            continue;
        }
        let path = dir.join(format!("{}.{}", table.name, format.extension()));
        write_table(&table, &path, format)?;
        files.push(path);
    }
    Ok(files)
}

/// Writes proposals as CSV, one row each.
///
/// Columns: `proposal_id`, `plan_id`, `as_of`, `type`, `item_id`, `item_name`, `destination`, `supplier_id`,
/// `from_location`, `quantity` (base units), `uom`, `order_quantity` and `order_uom` (order units), `unit_cost`,
/// `value`, `currency`, `order_by`, `expected_receipt`, `next_opportunity`, `status`, `automation`, `health`,
/// `confidence`, `priority` (money at stake), `abc`, `xyz`, `demand_class`, then one column per line of the waterfall
/// (`expected_demand`, `uncertainty_buffer`, ...; they add up to `quantity`), `p_stockout_without`,
/// `p_stockout_with`, `expected_lost_units_without`, `expected_lost_units_with`, `expected_waste_units`,
/// `days_of_cover_without`, `days_of_cover_with`, `sentence`, `sentence_zh`, `warnings` (separated by ` | `),
/// `data_hash`.
///
/// # Errors
/// [`WriteError`].
pub fn proposals_csv(proposals: &[Proposal], path: &Path) -> Result<(), WriteError> {
    write_table(&proposal_table(proposals), path, Format::Csv)
}

/// Writes proposals as Parquet, with the columns of [`proposals_csv`].
///
/// # Errors
/// [`WriteError`].
pub fn proposals_parquet(proposals: &[Proposal], path: &Path) -> Result<(), WriteError> {
    write_table(&proposal_table(proposals), path, Format::Parquet)
}

/// Writes proposals as a JSON array with everything they hold, explanations included.
///
/// # Errors
/// [`WriteError`].
pub fn proposals_json(proposals: &[Proposal], path: &Path) -> Result<(), WriteError> {
    atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, proposals)?;
        file.write_all(b"\n")?;
        Ok(())
    })
}

/// Writes rows in quarantine as CSV: file, row, column, value, expected, fix.
///
/// # Errors
/// [`WriteError`].
pub fn row_errors_csv(errors: &[RowError], path: &Path) -> Result<(), WriteError> {
    let mut table = Out::new("row_errors", errors.len());
    table.text("file", |row| Some(Cow::Borrowed(errors[row].file.as_str())));
    table.push("row", Kind::Whole, |row| Value::Whole(errors[row].row as i64));
    table.text("column", |row| Some(Cow::Borrowed(errors[row].column.as_str())));
    table.text("value", |row| Some(Cow::Borrowed(errors[row].value.as_str())));
    table.text("expected", |row| Some(Cow::Borrowed(errors[row].expected.as_str())));
    table.text("fix", |row| Some(Cow::Borrowed(errors[row].fix.as_str())));
    write_table(&table, path, Format::Csv)
}

// ---------------------------------------------------------------- a table to be written

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Quantity,
    Money,
    Single,
    Double,
    Whole,
    Day,
    Flag,
}

/// One cell.
enum Value<'a> {
    Absent,
    Text(Cow<'a, str>),
    Quantity(Quantity),
    Money(Money),
    Single(f32),
    Double(f64),
    Whole(i64),
    Day(Day),
    Flag(bool),
}

struct OutColumn<'a> {
    name: String,
    kind: Kind,
    value: Box<dyn Fn(usize) -> Value<'a> + 'a>,
}

/// Columns as functions of the row, so that nothing is copied before it is written.
struct Out<'a> {
    name: &'static str,
    n_rows: usize,
    columns: Vec<OutColumn<'a>>,
}

impl<'a> Out<'a> {
    fn new(name: &'static str, n_rows: usize) -> Self {
        Self { name, n_rows, columns: Vec::new() }
    }

    fn push(&mut self, name: &str, kind: Kind, value: impl Fn(usize) -> Value<'a> + 'a) {
        self.columns.push(OutColumn { name: name.to_owned(), kind, value: Box::new(value) });
    }

    fn text(&mut self, name: &str, value: impl Fn(usize) -> Option<Cow<'a, str>> + 'a) {
        self.push(name, Kind::Text, move |row| {
            value(row).filter(|text| !text.is_empty()).map_or(Value::Absent, Value::Text)
        });
    }

    fn string(&mut self, name: &str, value: impl Fn(usize) -> &'a str + 'a) {
        self.text(name, move |row| Some(Cow::Borrowed(value(row))));
    }

    fn quantity(&mut self, name: &str, value: impl Fn(usize) -> Option<Quantity> + 'a) {
        self.push(name, Kind::Quantity, move |row| value(row).map_or(Value::Absent, Value::Quantity));
    }

    fn money(&mut self, name: &str, value: impl Fn(usize) -> Option<Money> + 'a) {
        self.push(name, Kind::Money, move |row| value(row).map_or(Value::Absent, Value::Money));
    }

    fn single(&mut self, name: &str, column: &'a [f32]) {
        if !column.is_empty() {
            self.push(name, Kind::Single, move |row| {
                if column[row].is_nan() { Value::Absent } else { Value::Single(column[row]) }
            });
        }
    }

    fn double(&mut self, name: &str, value: impl Fn(usize) -> Option<f64> + 'a) {
        self.push(name, Kind::Double, move |row| {
            value(row).filter(|value| value.is_finite()).map_or(Value::Absent, Value::Double)
        });
    }

    fn day(&mut self, name: &str, value: impl Fn(usize) -> Option<Day> + 'a) {
        self.push(name, Kind::Day, move |row| value(row).map_or(Value::Absent, Value::Day));
    }

    fn flag(&mut self, name: &str, value: impl Fn(usize) -> bool + 'a) {
        self.push(name, Kind::Flag, move |row| Value::Flag(value(row)));
    }
}

fn write_table(table: &Out<'_>, path: &Path, format: Format) -> Result<(), WriteError> {
    match format {
        Format::Csv => atomically(path, |file| write_csv(table, file)),
        Format::Parquet => atomically(path, |file| write_parquet(table, file)),
    }
}

fn write_csv(table: &Out<'_>, file: &mut BufWriter<File>) -> Result<(), Box<dyn std::error::Error>> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(table.columns.iter().map(|column| column.name.as_str()))?;
    let mut text = String::new();
    for row in 0..table.n_rows {
        for column in &table.columns {
            use std::fmt::Write as _;
            text.clear();
            match (column.value)(row) {
                Value::Absent => {}
                Value::Text(value) => text.push_str(&guard_formula(&value)),
                Value::Quantity(value) => write!(text, "{value}")?,
                Value::Money(value) => write!(text, "{value}")?,
                Value::Single(value) => write!(text, "{value}")?,
                Value::Double(value) => write!(text, "{value}")?,
                Value::Whole(value) => write!(text, "{value}")?,
                Value::Day(value) => write!(text, "{value}")?,
                Value::Flag(value) => text.push(if value { '1' } else { '0' }),
            }
            writer.write_field(&text)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()?;
    Ok(())
}

/// Digits after the point that Parquet money is written with.
const MONEY_SCALE: i8 = 10;

fn write_parquet(table: &Out<'_>, file: &mut BufWriter<File>) -> Result<(), Box<dyn std::error::Error>> {
    const ROWS_AT_ONCE: usize = 65_536;
    let fields: Vec<ArrowField> = table
        .columns
        .iter()
        .map(|column| {
            let data_type = match column.kind {
                Kind::Text => DataType::Utf8,
                Kind::Quantity => DataType::Decimal128(19, 6),
                Kind::Money => DataType::Decimal128(38, MONEY_SCALE),
                Kind::Single => DataType::Float32,
                Kind::Double => DataType::Float64,
                Kind::Whole => DataType::Int64,
                Kind::Day => DataType::Date32,
                Kind::Flag => DataType::Boolean,
            };
            ArrowField::new(&column.name, data_type, true)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
    for start in (0..table.n_rows).step_by(ROWS_AT_ONCE) {
        let rows = start..(start + ROWS_AT_ONCE).min(table.n_rows);
        let arrays =
            table.columns.iter().map(|column| arrow_column(column, rows.clone())).collect::<Result<Vec<_>, _>>()?;
        writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)?;
    }
    writer.close()?;
    Ok(())
}

fn arrow_column(column: &OutColumn<'_>, rows: std::ops::Range<usize>) -> Result<ArrayRef, Box<dyn std::error::Error>> {
    macro_rules! collect {
        ($array:ty, $pattern:pat => $value:expr) => {
            Arc::new(
                rows.map(|row| match (column.value)(row) {
                    $pattern => Some($value),
                    _ => None,
                })
                .collect::<$array>(),
            )
        };
    }
    Ok(match column.kind {
        Kind::Text => collect!(StringArray, Value::Text(text) => text),
        Kind::Quantity => {
            let array: Decimal128Array = rows
                .map(|row| match (column.value)(row) {
                    Value::Quantity(quantity) => Some(i128::from(quantity.micro())),
                    _ => None,
                })
                .collect();
            Arc::new(array.with_precision_and_scale(19, 6)?)
        }
        Kind::Money => {
            let array: Decimal128Array = rows
                .map(|row| match (column.value)(row) {
                    Value::Money(money) => {
                        let mut money = money.round_dp(MONEY_SCALE as u32);
                        money.rescale(MONEY_SCALE as u32);
                        Some(money.mantissa())
                    }
                    _ => None,
                })
                .collect();
            Arc::new(array.with_precision_and_scale(38, MONEY_SCALE)?)
        }
        Kind::Single => collect!(Float32Array, Value::Single(value) => value),
        Kind::Double => collect!(Float64Array, Value::Double(value) => value),
        Kind::Whole => collect!(Int64Array, Value::Whole(value) => value),
        Kind::Day => collect!(Date32Array, Value::Day(day) => day.0),
        Kind::Flag => collect!(BooleanArray, Value::Flag(flag) => flag),
    })
}

// ---------------------------------------------------------------- the tables of a dataset

fn tables(dataset: &Dataset) -> Vec<Out<'_>> {
    let item = move |idx: restock_core::ItemIdx| dataset.items[idx.0 as usize].item_id.as_str();
    let location = move |idx: LocationIdx| dataset.locations[idx.0 as usize].location_id.as_str();
    let maybe_location = move |idx: Option<LocationIdx>| idx.map_or("", location);
    let supplier = move |origin: Option<Origin>| match origin {
        Some(Origin::Supplier(idx)) => dataset.suppliers[idx.0 as usize].supplier_id.as_str(),
        _ => "",
    };
    let sender = move |origin: Option<Origin>| match origin {
        Some(Origin::Location(idx)) => location(idx),
        _ => "",
    };
    let maybe = |text: &Option<String>| -> String { text.clone().unwrap_or_default() };
    let mut tables = Vec::new();

    let items = &dataset.items;
    let mut table = Out::new("items", items.len());
    table.string("item_id", |row| &items[row].item_id);
    table.string("name", |row| &items[row].name);
    table.string("category", |row| &items[row].category);
    table.string("base_uom", |row| &items[row].base_uom);
    table.money("unit_cost", |row| items[row].unit_cost);
    table.money("price", |row| items[row].price);
    table.double("volume", |row| items[row].volume);
    table.double("weight", |row| items[row].weight);
    table.push("shelf_life_days", Kind::Whole, |row| {
        items[row].shelf_life_days.map_or(Value::Absent, |days| Value::Whole(days.into()))
    });
    table.day("launch_date", |row| items[row].launch);
    table.day("end_date", |row| items[row].end);
    table.text("successor_id", move |row| Some(Cow::Owned(maybe(&items[row].successor_id))));
    add_attributes(&mut table, items.iter().map(|item| &item.attributes).collect());
    tables.push(table);

    let locations = &dataset.locations;
    let mut table = Out::new("locations", locations.len());
    table.string("location_id", |row| &locations[row].location_id);
    table.string("name", |row| &locations[row].name);
    table.string("kind", |row| &locations[row].kind);
    table.text("parent_id", move |row| Some(Cow::Owned(maybe(&locations[row].parent_id))));
    table.text("calendar", move |row| Some(Cow::Owned(maybe(&locations[row].calendar))));
    add_attributes(&mut table, locations.iter().map(|location| &location.attributes).collect());
    // The one location of data without locations needs no file of its own.
    if !matches!(&locations[..], [only] if only.location_id == DEFAULT_LOCATION_ID && only.name.is_empty()) {
        tables.push(table);
    }

    let suppliers = &dataset.suppliers;
    let mut table = Out::new("suppliers", suppliers.len());
    table.string("supplier_id", |row| &suppliers[row].supplier_id);
    table.string("name", |row| &suppliers[row].name);
    table.money("min_order_value", |row| suppliers[row].min_order_value);
    table.quantity("min_order_qty", |row| suppliers[row].min_order_quantity);
    table.text("order_days", |row| {
        let days = suppliers[row].order_days;
        Some(if days == WeekdaySet::ALL { Cow::Borrowed("daily") } else { Cow::Owned(days.to_string()) })
    });
    table.text("cut_off", move |row| Some(Cow::Owned(maybe(&suppliers[row].cut_off))));
    table.double("container_volume", |row| suppliers[row].container_volume);
    table.double("container_weight", |row| suppliers[row].container_weight);
    table.text("holidays_calendar", move |row| Some(Cow::Owned(maybe(&suppliers[row].holidays_calendar))));
    add_attributes(&mut table, suppliers.iter().map(|supplier| &supplier.attributes).collect());
    tables.push(table);

    /// A calendar with its open weekdays, or with one day that differs from them.
    type CalendarRow<'a> = (&'a str, Option<WeekdaySet>, Option<(Day, bool)>);
    let calendar_rows: Vec<CalendarRow> = dataset
        .calendars
        .iter()
        .flat_map(|(id, calendar)| {
            let rule = std::iter::once((id.as_str(), Some(calendar.weekdays), None));
            rule.chain(calendar.exceptions.iter().map(move |(day, open)| (id.as_str(), None, Some((*day, *open)))))
        })
        .collect();
    let calendar_rows = Arc::new(calendar_rows);
    let mut table = Out::new("calendars", calendar_rows.len());
    let rows = calendar_rows.clone();
    table.text("calendar_id", move |row| Some(Cow::Borrowed(rows[row].0)));
    let rows = calendar_rows.clone();
    table.text("weekdays", move |row| {
        rows[row].1.map(|days| match days {
            WeekdaySet::ALL => Cow::Borrowed("daily"),
            days if days.is_empty() => Cow::Borrowed("never"),
            days => Cow::Owned(days.to_string()),
        })
    });
    let rows = calendar_rows.clone();
    table.day("date", move |row| rows[row].2.map(|(day, _)| day));
    table
        .push("open", Kind::Flag, move |row| calendar_rows[row].2.map_or(Value::Absent, |(_, open)| Value::Flag(open)));
    tables.push(table);

    let sales = &dataset.sales;
    let mut table = Out::new("sales", sales.len());
    table.day("date", |row| Some(sales.day[row]));
    table.string("item_id", move |row| item(sales.item[row]));
    table.string("location_id", move |row| location(sales.location[row]));
    table.quantity("quantity", |row| Some(sales.quantity[row]));
    table.single("unit_price", &sales.unit_price);
    if !sales.on_promotion.is_empty() {
        table.flag("promo", |row| sales.on_promotion[row] == 1);
    }
    table.single("price_ratio", &sales.price_ratio);
    table.single("stockout_share", &sales.stockout_share);
    table.single("open", &sales.open_share);
    if !sales.holiday.is_empty() {
        table.flag("holiday", |row| sales.holiday[row] == 1);
    }
    if !sales.lost.is_empty() {
        table.quantity("lost", |row| Some(sales.lost[row]));
    }
    tables.push(table);

    let inventory = &dataset.inventory;
    let mut table = Out::new("inventory", inventory.len());
    table.string("item_id", move |row| item(inventory[row].item));
    table.string("location_id", move |row| location(inventory[row].location));
    table.quantity("on_hand", |row| Some(inventory[row].on_hand));
    table.day("as_of", |row| inventory[row].as_of);
    table.text("lot_id", move |row| Some(Cow::Owned(maybe(&inventory[row].lot_id))));
    table.day("expiry_date", |row| inventory[row].expiry);
    table.quantity("allocated", |row| Some(inventory[row].allocated));
    table.quantity("blocked", |row| Some(inventory[row].blocked));
    table.quantity("in_transit", |row| Some(inventory[row].in_transit));
    tables.push(table);

    let sources = &dataset.sources;
    let mut table = Out::new("sources", sources.len());
    table.string("to_location", move |row| maybe_location(sources[row].to_location));
    table.string("supplier_id", move |row| supplier(Some(sources[row].origin)));
    table.string("from_location", move |row| sender(Some(sources[row].origin)));
    table.string("item_id", move |row| sources[row].item.map_or("", item));
    table.text("category", move |row| Some(Cow::Owned(maybe(&sources[row].category))));
    table.double("lead_time_days", |row| sources[row].lead_time_days);
    table.double("lead_time_sd", |row| sources[row].lead_time_sd_days);
    table.money("unit_cost", |row| sources[row].unit_cost);
    table.quantity("moq", |row| sources[row].min_order);
    table.quantity("pack_size", |row| sources[row].pack_size);
    table.quantity("layer_size", |row| sources[row].layer_size);
    table.quantity("pallet_size", |row| sources[row].pallet_size);
    table.quantity("max_qty", |row| sources[row].max_order);
    table.push("priority", Kind::Whole, |row| Value::Whole(sources[row].priority.into()));
    table.double("share", |row| sources[row].share);
    table.text("review_calendar", move |row| Some(Cow::Owned(maybe(&sources[row].review_calendar))));
    table.day("effective_from", |row| sources[row].effective_from);
    table.day("effective_to", |row| sources[row].effective_to);
    table.text("price_breaks", |row| {
        let steps: Vec<String> =
            sources[row].price_breaks.iter().map(|step| format!("{}:{}", step.from_quantity, step.unit_cost)).collect();
        Some(Cow::Owned(steps.join("; ")))
    });
    tables.push(table);

    let item_locations = &dataset.item_locations;
    let mut table = Out::new("item_locations", item_locations.len());
    table.string("item_id", move |row| item(item_locations[row].item));
    table.string("location_id", move |row| location(item_locations[row].location));
    table.day("listed_from", |row| item_locations[row].listed_from);
    table.day("listed_to", |row| item_locations[row].listed_to);
    table.text("service_type", |row| {
        item_locations[row].service_type.map(|service_type| {
            Cow::Borrowed(match service_type {
                ServiceType::Cycle => "cycle",
                ServiceType::FillRate => "fill_rate",
                ServiceType::InStock => "in_stock",
            })
        })
    });
    table.double("service_target", |row| item_locations[row].service_target);
    table.quantity("min_stock", |row| item_locations[row].min_stock);
    table.quantity("max_stock", |row| item_locations[row].max_stock);
    table.quantity("display_min", |row| item_locations[row].display_min);
    table.quantity("shelf_capacity", |row| item_locations[row].shelf_capacity);
    table.double("safety_days", |row| item_locations[row].safety_days);
    table.text("policy", move |row| Some(Cow::Owned(maybe(&item_locations[row].policy))));
    table.flag("do_not_order", |row| item_locations[row].do_not_order);
    tables.push(table);

    let open_orders = &dataset.open_orders;
    let mut table = Out::new("open_orders", open_orders.len());
    table.string("order_id", |row| &open_orders[row].order_id);
    table.string("item_id", move |row| item(open_orders[row].item));
    table.quantity("quantity", |row| Some(open_orders[row].quantity));
    table.string("to_location", move |row| location(open_orders[row].to_location));
    table.string("supplier_id", move |row| supplier(open_orders[row].origin));
    table.string("from_location", move |row| sender(open_orders[row].origin));
    table.day("ordered_on", |row| open_orders[row].ordered_on);
    table.day("due_on", |row| open_orders[row].due_on);
    table.string("status", |row| &open_orders[row].status);
    table.quantity("received_qty", |row| Some(open_orders[row].received));
    tables.push(table);

    let receipts = &dataset.receipts;
    let mut table = Out::new("receipts", receipts.len());
    table.string("order_id", |row| &receipts[row].order_id);
    table.string("item_id", move |row| item(receipts[row].item));
    table.quantity("quantity", |row| Some(receipts[row].quantity));
    table.day("received_on", |row| Some(receipts[row].received_on));
    table.string("location_id", move |row| maybe_location(receipts[row].location));
    table.string("supplier_id", move |row| supplier(receipts[row].origin));
    table.string("from_location", move |row| sender(receipts[row].origin));
    table.day("ordered_on", |row| receipts[row].ordered_on);
    table.day("due_on", |row| receipts[row].due_on);
    table.money("unit_cost", |row| receipts[row].unit_cost);
    tables.push(table);

    let prices = &dataset.prices;
    let mut table = Out::new("prices", prices.len());
    table.string("item_id", move |row| item(prices[row].item));
    table.string("location_id", move |row| maybe_location(prices[row].location));
    table.day("from", |row| Some(prices[row].from));
    table.day("to", |row| prices[row].to);
    table.money("price", |row| Some(prices[row].price));
    tables.push(table);

    let promotions = &dataset.promotions;
    let mut table = Out::new("promotions", promotions.len());
    table.string("promo_id", |row| &promotions[row].promo_id);
    table.string("item_id", move |row| promotions[row].item.map_or("", item));
    table.string("location_id", move |row| maybe_location(promotions[row].location));
    table.day("from", |row| Some(promotions[row].from));
    table.day("to", |row| Some(promotions[row].to));
    table.double("depth", |row| promotions[row].depth);
    table.flag("display", |row| promotions[row].display);
    table.double("expected_uplift", |row| promotions[row].expected_uplift);
    tables.push(table);

    let events = &dataset.events;
    let mut table = Out::new("events", events.len());
    table.day("date", |row| Some(events[row].day));
    table.string("name", |row| &events[row].name);
    table.string("location_id", move |row| maybe_location(events[row].location));
    table.string("kind", |row| &events[row].kind);
    table.double("magnitude", |row| Some(events[row].magnitude));
    tables.push(table);

    let signals = &dataset.signals;
    let mut table = Out::new("signals", signals.len());
    table.day("date", |row| Some(signals[row].day));
    table.string("name", |row| &signals[row].name);
    table.double("value", |row| Some(signals[row].value));
    table.string("location_id", move |row| maybe_location(signals[row].location));
    table.flag("known_in_future", |row| signals[row].known_in_future);
    tables.push(table);

    let readings = &dataset.readings;
    let mut table = Out::new("readings", readings.len());
    table.day("date", |row| Some(readings[row].day));
    table.string("item_id", move |row| item(readings[row].item));
    table.string("location_id", move |row| location(readings[row].location));
    table.string("metric", |row| &readings[row].metric);
    table.double("value", |row| Some(readings[row].value));
    table.string("sensor_id", |row| &readings[row].sensor_id);
    table.string("unit", |row| &readings[row].unit);
    table.double("mean", |row| Some(readings[row].mean));
    tables.push(table);

    let stockouts = &dataset.stockouts;
    let mut table = Out::new("stockouts", stockouts.len());
    table.string("item_id", move |row| item(stockouts[row].item));
    table.string("location_id", move |row| location(stockouts[row].location));
    table.day("from", |row| Some(stockouts[row].from));
    table.day("to", |row| Some(stockouts[row].to));
    tables.push(table);

    let bom = &dataset.bom;
    let mut table = Out::new("bom", bom.len());
    table.string("parent_id", move |row| item(bom[row].parent));
    table.string("component_id", move |row| item(bom[row].component));
    table.quantity("qty_per", |row| Some(bom[row].quantity_per));
    table.double("yield", |row| Some(bom[row].yield_share));
    table.double("scrap", |row| Some(bom[row].scrap_share));
    tables.push(table);

    let adjustments = &dataset.adjustments;
    let mut table = Out::new("adjustments", adjustments.len());
    table.day("date", |row| Some(adjustments[row].day));
    table.string("item_id", move |row| item(adjustments[row].item));
    table.string("location_id", move |row| location(adjustments[row].location));
    table.quantity("quantity", |row| Some(adjustments[row].quantity));
    table.string("reason", |row| &adjustments[row].reason);
    tables.push(table);

    let substitutions = &dataset.substitutions;
    let mut table = Out::new("substitutions", substitutions.len());
    table.string("from_item", move |row| item(substitutions[row].from));
    table.string("to_item", move |row| item(substitutions[row].to));
    table.double("rate", |row| Some(substitutions[row].rate));
    tables.push(table);

    let budgets = &dataset.budgets;
    let mut table = Out::new("budgets", budgets.len());
    table.string("scope", |row| &budgets[row].scope);
    table.day("from", |row| budgets[row].from);
    table.day("to", |row| budgets[row].to);
    table.money("amount", |row| Some(budgets[row].amount));
    tables.push(table);

    let capacities = &dataset.capacities;
    let mut table = Out::new("capacities", capacities.len());
    table.string("scope", |row| &capacities[row].scope);
    table.day("from", |row| capacities[row].from);
    table.day("to", |row| capacities[row].to);
    table.double("volume", |row| capacities[row].volume);
    table.double("weight", |row| capacities[row].weight);
    table.push("lines", Kind::Whole, |row| {
        capacities[row].lines.map_or(Value::Absent, |lines| Value::Whole(lines.into()))
    });
    tables.push(table);

    let uoms = &dataset.uoms;
    let mut table = Out::new("uoms", uoms.len());
    table.string("item_id", move |row| item(uoms[row].item));
    table.string("uom", |row| &uoms[row].uom);
    table.quantity("factor", |row| Some(uoms[row].factor));
    tables.push(table);

    let overrides = &dataset.forecast_overrides;
    let mut table = Out::new("forecast_overrides", overrides.len());
    table.string("item_id", move |row| overrides[row].item.map_or("", item));
    table.string("location_id", move |row| maybe_location(overrides[row].location));
    table.text("category", move |row| Some(Cow::Owned(maybe(&overrides[row].category))));
    table.day("from", |row| Some(overrides[row].from));
    table.day("to", |row| Some(overrides[row].to));
    table.money("factor", |row| match overrides[row].change {
        DemandChange::Factor(factor) | DemandChange::Surge(factor) => Some(factor),
        DemandChange::Quantity(_) => None,
    });
    table.quantity("quantity", |row| match overrides[row].change {
        DemandChange::Factor(_) | DemandChange::Surge(_) => None,
        DemandChange::Quantity(quantity) => Some(quantity),
    });
    table.flag("surge", |row| matches!(overrides[row].change, DemandChange::Surge(_)));
    table.string("reason", |row| &overrides[row].reason);
    table.string("author", |row| &overrides[row].author);
    tables.push(table);

    let forecasts = &dataset.forecasts;
    let mut table = Out::new("forecasts", forecasts.len());
    table.string("item_id", move |row| item(forecasts[row].item));
    table.string("location_id", move |row| location(forecasts[row].location));
    table.day("date", |row| Some(forecasts[row].day));
    table.double("mean", |row| forecasts[row].mean);
    let mut levels: Vec<f64> = forecasts.iter().flat_map(|row| &row.quantiles).map(|(level, _)| *level).collect();
    levels.sort_unstable_by(f64::total_cmp);
    levels.dedup();
    for level in levels {
        table.double(&format!("q{level}"), move |row| {
            forecasts[row].quantiles.iter().find(|(known, _)| *known == level).map(|(_, value)| *value)
        });
    }
    tables.push(table);
    tables
}

fn add_attributes<'a>(table: &mut Out<'a>, attributes: Vec<&'a std::collections::BTreeMap<String, String>>) {
    let names: BTreeSet<&'a str> = attributes.iter().flat_map(|map| map.keys().map(String::as_str)).collect();
    let attributes = Arc::new(attributes);
    for name in names {
        let attributes = attributes.clone();
        table.text(name, move |row| attributes[row].get(name).map(|text| Cow::Borrowed(text.as_str())));
    }
}

// ---------------------------------------------------------------- proposals

/// The lines of the waterfall with their column names, in the order they are applied.
const WATERFALL: [(WaterfallCode, &str); 21] = [
    (WaterfallCode::ExpectedDemand, "expected_demand"),
    (WaterfallCode::UncertaintyBuffer, "uncertainty_buffer"),
    (WaterfallCode::TargetBelowDemand, "target_below_demand"),
    (WaterfallCode::MinimumStock, "minimum_stock"),
    (WaterfallCode::ReservedOrBackordered, "reserved_or_backordered"),
    (WaterfallCode::UsableOnHand, "usable_on_hand"),
    (WaterfallCode::OnOrderInTime, "on_order_in_time"),
    (WaterfallCode::OnOrderLate, "on_order_late"),
    (WaterfallCode::PolicyAdjustment, "policy_adjustment"),
    (WaterfallCode::AlreadyCovered, "already_covered"),
    (WaterfallCode::DoNotOrder, "do_not_order"),
    (WaterfallCode::Moq, "moq"),
    (WaterfallCode::RoundToPack, "round_to_pack"),
    (WaterfallCode::ShelfLifeCap, "shelf_life_cap"),
    (WaterfallCode::EndOfLifeCap, "end_of_life_cap"),
    (WaterfallCode::CapacityCap, "capacity_cap"),
    (WaterfallCode::SupplierMinimum, "supplier_minimum"),
    (WaterfallCode::ContainerFill, "container_fill"),
    (WaterfallCode::BudgetOrCapacity, "budget_or_capacity"),
    (WaterfallCode::SourceShortage, "source_shortage"),
    (WaterfallCode::PlannerEdit, "planner_edit"),
];

fn proposal_table(proposals: &[Proposal]) -> Out<'_> {
    let mut table = Out::new("proposals", proposals.len());
    table.string("proposal_id", |row| &proposals[row].proposal_id);
    table.string("plan_id", |row| &proposals[row].plan_id);
    table.day("as_of", |row| Some(proposals[row].as_of));
    table.string("type", |row| match proposals[row].proposal_type {
        ProposalType::Purchase => "purchase",
        ProposalType::Transfer => "transfer",
        ProposalType::Production => "production",
    });
    table.string("item_id", |row| &proposals[row].item_id);
    table.string("item_name", |row| &proposals[row].item_name);
    table.string("destination", |row| &proposals[row].destination);
    table.string("supplier_id", |row| match &proposals[row].source {
        ProposalSource::SupplierId(id) => id,
        _ => "",
    });
    table.string("from_location", |row| match &proposals[row].source {
        ProposalSource::LocationId(id) => id,
        _ => "",
    });
    table.quantity("quantity", |row| Some(proposals[row].quantity));
    table.string("uom", |row| &proposals[row].uom);
    table.quantity("order_quantity", |row| Some(proposals[row].order_units.quantity));
    table.string("order_uom", |row| &proposals[row].order_units.uom);
    table.money("unit_cost", |row| proposals[row].unit_cost);
    table.money("value", |row| proposals[row].value);
    table.string("currency", |row| &proposals[row].currency);
    table.day("order_by", |row| Some(proposals[row].order_by));
    table.day("expected_receipt", |row| Some(proposals[row].expected_receipt));
    table.day("next_opportunity", |row| Some(proposals[row].next_opportunity));
    table.string("status", |row| &proposals[row].status);
    table.string("automation", |row| &proposals[row].automation);
    table.double("health", |row| Some(proposals[row].health));
    table.double("confidence", |row| Some(proposals[row].confidence));
    table.money("priority", |row| Some(proposals[row].priority));
    for (class_idx, name) in ["abc", "xyz", "demand_class"].into_iter().enumerate() {
        table.string(name, move |row| &proposals[row].classes[class_idx]);
    }
    for (code, name) in WATERFALL {
        table.quantity(name, move |row| {
            let lines = proposals[row].explanation.waterfall.iter().filter(|line| line.code == code);
            Some(lines.fold(Quantity::ZERO, |sum, line| sum + line.value))
        });
    }
    table.double("p_stockout_without", |row| Some(proposals[row].explanation.without_order.p_stockout));
    table.double("p_stockout_with", |row| Some(proposals[row].explanation.with_order.p_stockout));
    table.double("expected_lost_units_without", |row| {
        Some(proposals[row].explanation.without_order.expected_lost_units)
    });
    table.double("expected_lost_units_with", |row| Some(proposals[row].explanation.with_order.expected_lost_units));
    table.double("expected_waste_units", |row| Some(proposals[row].explanation.with_order.expected_waste_units));
    table.double("days_of_cover_without", |row| Some(proposals[row].explanation.without_order.days_of_cover));
    table.double("days_of_cover_with", |row| Some(proposals[row].explanation.with_order.days_of_cover));
    table.string("sentence", |row| &proposals[row].explanation.sentence);
    table.string("sentence_zh", |row| &proposals[row].explanation.sentence_zh);
    table.text("warnings", |row| Some(Cow::Owned(proposals[row].explanation.warnings.join(" | "))));
    table.string("data_hash", |row| &proposals[row].explanation.lineage.data);
    table
}
