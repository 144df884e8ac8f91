//! Tables and proposals into files.
//!
//! Every file is written beside its final name and renamed when complete, so that a reader never sees half a file. What
//! is written reads back through [`crate::import`] unchanged.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use restock_core::dataset::{Dataset, Origin};
use restock_core::proposal::{Proposal, ProposalSource};
use restock_core::{Day, Money, Quantity};
use rust_decimal::Decimal;

/// File format of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, UTF-8.
    #[default]
    Csv,
    /// Parquet, zstd.
    Parquet,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system said no.
    #[error("cannot write {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The encoder said no.
    #[error("cannot encode {}: {error}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One cell of a table.
enum Cell<'a> {
    Empty,
    Text(&'a str),
    Owned(String),
    Quantity(Quantity),
    Money(Money),
    Day(Day),
    Number(f64),
    Whole(i64),
    Flag(bool),
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Empty, Into::into)
    }
}

macro_rules! cell_from {
    ($($from:ty => $variant:ident),*) => {
        $(impl<'a> From<$from> for Cell<'a> {
            fn from(value: $from) -> Self {
                Cell::$variant(value)
            }
        })*
    };
}
cell_from!(&'a str => Text, String => Owned, Quantity => Quantity, Money => Money, Day => Day, f64 => Number, i64 => Whole, bool => Flag);

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Quantity,
    Money,
    Day,
    Number,
    Whole,
    Flag,
}

struct Column<'a> {
    name: String,
    kind: Kind,
    cell: Box<dyn Fn(usize) -> Cell<'a> + 'a>,
}

/// A table as columns of functions from row number to cell, so that nothing is copied before it is written.
struct Table<'a> {
    name: &'static str,
    n_rows: usize,
    columns: Vec<Column<'a>>,
}

impl<'a> Table<'a> {
    fn new(name: &'static str, n_rows: usize) -> Self {
        Self { name, n_rows, columns: Vec::new() }
    }

    /// Adds a column; one without any value is left out when the table is written.
    fn column<C: Into<Cell<'a>>>(mut self, name: &str, kind: Kind, cell: impl Fn(usize) -> C + 'a) -> Self {
        self.columns.push(Column { name: name.to_owned(), kind, cell: Box::new(move |row| cell(row).into()) });
        self
    }

    /// A column of a sales table that may be absent altogether.
    fn column_if<C: Into<Cell<'a>>>(
        self,
        present: bool,
        name: &str,
        kind: Kind,
        cell: impl Fn(usize) -> C + 'a,
    ) -> Self {
        if present { self.column(name, kind, cell) } else { self }
    }

    fn write(self, path: &Path, format: Format) -> Result<(), WriteError> {
        let n_rows = self.n_rows;
        let columns: Vec<Column<'a>> = self
            .columns
            .into_iter()
            .filter(|column| (0..n_rows).any(|row| !matches!((column.cell)(row), Cell::Empty)))
            .collect();
        atomically(path, |file| match format {
            Format::Csv => write_csv(&columns, n_rows, file),
            Format::Parquet => write_parquet(&columns, n_rows, file),
        })
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Writes to a temporary file beside `path` and renames it when `fill` is done.
fn atomically(path: &Path, fill: impl FnOnce(&mut dyn WriteSend) -> Result<(), BoxError>) -> Result<(), WriteError> {
    let io = |error| WriteError::Io { path: path.to_owned(), error };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io)?;
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    let mut buffered = BufWriter::with_capacity(1 << 18, temporary);
    fill(&mut buffered).map_err(|error| WriteError::Encode { path: path.to_owned(), error })?;
    let temporary = buffered.into_inner().map_err(|error| io(error.into_error()))?;
    // Temporary files are private by default; what we leave behind is an ordinary file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(io)?;
    }
    temporary.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}

trait WriteSend: Write + Send {}
impl<T: Write + Send> WriteSend for T {}

/// Writes any text, such as a report, atomically.
///
/// # Errors
/// [`WriteError`] when the file system refuses.
pub fn text(path: &Path, content: &str) -> Result<(), WriteError> {
    atomically(path, |file| Ok(file.write_all(content.as_bytes())?))
}

fn write_csv(columns: &[Column], n_rows: usize, file: &mut dyn WriteSend) -> Result<(), BoxError> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(columns.iter().map(|column| column.name.as_str()))?;
    let mut text = String::new();
    for row in 0..n_rows {
        for column in columns {
            use std::fmt::Write as _;
            text.clear();
            match (column.cell)(row) {
                Cell::Empty => {}
                Cell::Text(value) => text.push_str(value),
                Cell::Owned(value) => text.push_str(&value),
                Cell::Quantity(value) => write!(text, "{value}")?,
                Cell::Money(value) => write!(text, "{value}")?,
                Cell::Day(value) => write!(text, "{value}")?,
                Cell::Number(value) => write!(text, "{value}")?,
                Cell::Whole(value) => write!(text, "{value}")?,
                Cell::Flag(value) => text.push_str(if value { "1" } else { "0" }),
            }
            writer.write_field(&text)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()?;
    Ok(())
}

/// Digits after the point of money in Parquet files.
const MONEY_DECIMALS: i8 = 6;

fn write_parquet(columns: &[Column], n_rows: usize, file: &mut dyn WriteSend) -> Result<(), BoxError> {
    const CHUNK_ROWS: usize = 1 << 16;
    let data_type = |kind| match kind {
        Kind::Text => DataType::Utf8,
        Kind::Quantity => DataType::Decimal128(19, 6),
        Kind::Money => DataType::Decimal128(28, MONEY_DECIMALS),
        Kind::Day => DataType::Date32,
        Kind::Number => DataType::Float64,
        Kind::Whole => DataType::Int64,
        Kind::Flag => DataType::Boolean,
    };
    // Whole quantities are written as integers, which every reader knows.
    let kinds: Vec<Kind> = columns
        .iter()
        .map(|column| {
            let whole = |row| !matches!((column.cell)(row), Cell::Quantity(quantity) if quantity.decimals() > 0);
            if column.kind == Kind::Quantity && (0..n_rows).all(whole) { Kind::Whole } else { column.kind }
        })
        .collect();
    let fields: Vec<Field> =
        columns.iter().zip(&kinds).map(|(column, kind)| Field::new(&column.name, data_type(*kind), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
    for start in (0..n_rows).step_by(CHUNK_ROWS) {
        let rows = start..(start + CHUNK_ROWS).min(n_rows);
        let arrays: Vec<ArrayRef> = columns
            .iter()
            .zip(&kinds)
            .map(|(column, kind)| array(column, *kind, rows.clone()))
            .collect::<Result<_, BoxError>>()?;
        writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)?;
    }
    writer.close()?;
    Ok(())
}

fn array(column: &Column, kind: Kind, rows: std::ops::Range<usize>) -> Result<ArrayRef, BoxError> {
    macro_rules! build {
        ($builder:expr, $($pattern:pat => $value:expr),*) => {{
            let mut builder = $builder;
            for row in rows {
                match (column.cell)(row) {
                    $($pattern => builder.append_value($value),)*
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    Ok(match kind {
        Kind::Text => build!(StringBuilder::new(), Cell::Text(value) => value, Cell::Owned(value) => value),
        Kind::Quantity => build!(
            Decimal128Builder::new().with_precision_and_scale(19, 6)?,
            Cell::Quantity(value) => i128::from(value.micro())
        ),
        Kind::Money => build!(
            Decimal128Builder::new().with_precision_and_scale(28, MONEY_DECIMALS)?,
            Cell::Money(value) => money_mantissa(value)
        ),
        Kind::Day => build!(Date32Builder::new(), Cell::Day(value) => value.0),
        Kind::Number => build!(Float64Builder::new(), Cell::Number(value) => value),
        Kind::Whole => build!(
            Int64Builder::new(),
            Cell::Whole(value) => value,
            Cell::Quantity(value) => value.to_units(0).expect("checked to be whole")
        ),
        Kind::Flag => build!(BooleanBuilder::new(), Cell::Flag(value) => value),
    })
}

fn money_mantissa(value: Money) -> i128 {
    let mut value: Decimal = value.round_dp(MONEY_DECIMALS as u32);
    value.rescale(MONEY_DECIMALS as u32);
    value.mantissa()
}

/// The known part of a float column: `None` where it is NaN. Single-precision values keep their shortest decimal text.
fn known(value: f32) -> Option<f64> {
    (!value.is_nan()).then(|| value.to_string().parse().expect("a float prints as a float"))
}

fn join<T: ToString>(values: impl Iterator<Item = T>, separator: &str) -> Option<String> {
    let texts: Vec<String> = values.map(|value| value.to_string()).collect();
    (!texts.is_empty()).then(|| texts.join(separator))
}

fn some_text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The names of all attributes of some entities, in order.
fn attribute_names<'a>(
    attributes: impl Iterator<Item = &'a std::collections::BTreeMap<String, String>>,
) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = attributes.flat_map(|map| map.keys()).collect();
    names.into_iter().cloned().collect()
}

/// Writes every table of a dataset that has rows into `folder`, one file per table; returns the files written.
///
/// # Errors
/// [`WriteError`] when the file system refuses.
pub fn dataset(dataset: &Dataset, folder: &Path, format: Format) -> Result<Vec<PathBuf>, WriteError> {
    let extension = match format {
        Format::Csv => "csv",
        Format::Parquet => "parquet",
    };
    let mut written = Vec::new();
    for table in tables(dataset) {
        if table.n_rows > 0 {
            let path = folder.join(format!("{}.{extension}", table.name));
            table.write(&path, format)?;
            written.push(path);
        }
    }
    Ok(written)
}

fn tables(data: &Dataset) -> Vec<Table<'_>> {
    use Kind::{Day as D, Flag as F, Money as M, Number as N, Quantity as Q, Text as T, Whole as W};
    let item = |idx: restock_core::ItemIdx| data.items[idx.0 as usize].item_id.as_str();
    let place = |idx: restock_core::LocationIdx| data.locations[idx.0 as usize].location_id.as_str();
    let supplier = |idx: restock_core::SupplierIdx| data.suppliers[idx.0 as usize].supplier_id.as_str();
    let from_supplier = move |origin: Origin| match origin {
        Origin::Supplier(idx) => Some(supplier(idx)),
        Origin::Location(_) => None,
    };
    let from_location = move |origin: Origin| match origin {
        Origin::Location(idx) => Some(place(idx)),
        Origin::Supplier(_) => None,
    };

    let mut items = {
        let rows = &data.items;
        Table::new("items", rows.len())
            .column("item_id", T, |i| rows[i].item_id.as_str())
            .column("name", T, |i| some_text(&rows[i].name))
            .column("category", T, |i| some_text(&rows[i].category))
            .column("base_uom", T, |i| some_text(&rows[i].base_uom))
            .column("unit_cost", M, |i| rows[i].unit_cost)
            .column("price", M, |i| rows[i].price)
            .column("volume", N, |i| rows[i].volume)
            .column("weight", N, |i| rows[i].weight)
            .column("shelf_life_days", W, |i| rows[i].shelf_life_days.map(i64::from))
            .column("launch_date", D, |i| rows[i].launch)
            .column("end_date", D, |i| rows[i].end)
            .column("successor_id", T, |i| rows[i].successor_id.as_deref())
    };
    for name in attribute_names(data.items.iter().map(|row| &row.attributes)) {
        items = items.column(&name.clone(), T, move |i| data.items[i].attributes.get(&name).map(String::as_str));
    }
    let mut locations = {
        let rows = &data.locations;
        Table::new("locations", rows.len())
            .column("location_id", T, |i| rows[i].location_id.as_str())
            .column("name", T, |i| some_text(&rows[i].name))
            .column("kind", T, |i| some_text(&rows[i].kind))
            .column("parent_id", T, |i| rows[i].parent_id.as_deref())
            .column("calendar", T, |i| rows[i].calendar.as_deref())
    };
    for name in attribute_names(data.locations.iter().map(|row| &row.attributes)) {
        locations =
            locations.column(&name.clone(), T, move |i| data.locations[i].attributes.get(&name).map(String::as_str));
    }
    let mut suppliers = {
        let rows = &data.suppliers;
        Table::new("suppliers", rows.len())
            .column("supplier_id", T, |i| rows[i].supplier_id.as_str())
            .column("name", T, |i| some_text(&rows[i].name))
            .column("min_order_value", M, |i| rows[i].min_order_value)
            .column("min_order_qty", Q, |i| rows[i].min_order_quantity)
            .column("order_days", T, |i| rows[i].order_days.to_string())
            .column("cut_off", T, |i| rows[i].cut_off.as_deref())
            .column("container_volume", N, |i| rows[i].container_volume)
            .column("container_weight", N, |i| rows[i].container_weight)
            .column("holidays_calendar", T, |i| rows[i].holidays_calendar.as_deref())
    };
    for name in attribute_names(data.suppliers.iter().map(|row| &row.attributes)) {
        suppliers =
            suppliers.column(&name.clone(), T, move |i| data.suppliers[i].attributes.get(&name).map(String::as_str));
    }
    let sales = {
        let rows = &data.sales;
        Table::new("sales", rows.len())
            .column("date", D, |i| rows.day[i])
            .column("item_id", T, move |i| item(rows.item[i]))
            .column("location_id", T, move |i| place(rows.location[i]))
            .column("quantity", Q, |i| rows.quantity[i])
            .column_if(!rows.unit_price.is_empty(), "unit_price", N, |i| known(rows.unit_price[i]))
            .column_if(!rows.on_promotion.is_empty(), "on_promotion", F, |i| rows.on_promotion[i] != 0)
            .column_if(!rows.price_ratio.is_empty(), "price_ratio", N, |i| known(rows.price_ratio[i]))
            .column_if(!rows.stockout_share.is_empty(), "stockout_share", N, |i| known(rows.stockout_share[i]))
            .column_if(!rows.open_share.is_empty(), "open_share", N, |i| known(rows.open_share[i]))
            .column_if(!rows.holiday.is_empty(), "holiday", F, |i| rows.holiday[i] != 0)
            .column_if(!rows.lost.is_empty(), "lost", Q, |i| rows.lost[i])
    };
    let inventory = {
        let rows = &data.inventory;
        let some = |quantity: Quantity| (quantity != Quantity::ZERO).then_some(quantity);
        Table::new("inventory", rows.len())
            .column("item_id", T, move |i| item(rows[i].item))
            .column("location_id", T, move |i| place(rows[i].location))
            .column("on_hand", Q, |i| rows[i].on_hand)
            .column("as_of", D, |i| rows[i].as_of)
            .column("lot_id", T, |i| rows[i].lot_id.as_deref())
            .column("expiry_date", D, |i| rows[i].expiry)
            .column("allocated", Q, move |i| some(rows[i].allocated))
            .column("blocked", Q, move |i| some(rows[i].blocked))
            .column("in_transit", Q, move |i| some(rows[i].in_transit))
    };
    let sources = {
        let rows = &data.sources;
        Table::new("sources", rows.len())
            .column("to_location", T, move |i| rows[i].to_location.map(place))
            .column("supplier_id", T, move |i| from_supplier(rows[i].origin))
            .column("from_location", T, move |i| from_location(rows[i].origin))
            .column("item_id", T, move |i| rows[i].item.map(item))
            .column("category", T, |i| rows[i].category.as_deref())
            .column("lead_time_days", N, |i| rows[i].lead_time_days)
            .column("lead_time_sd", N, |i| rows[i].lead_time_sd_days)
            .column("unit_cost", M, |i| rows[i].unit_cost)
            .column("moq", Q, |i| rows[i].min_order)
            .column("pack_size", Q, |i| rows[i].pack_size)
            .column("layer_size", Q, |i| rows[i].layer_size)
            .column("pallet_size", Q, |i| rows[i].pallet_size)
            .column("max_qty", Q, |i| rows[i].max_order)
            .column("priority", W, |i| (rows[i].priority != 0).then_some(i64::from(rows[i].priority)))
            .column("share", N, |i| rows[i].share)
            .column("review_calendar", T, |i| rows[i].review_calendar.as_deref())
            .column("effective_from", D, |i| rows[i].effective_from)
            .column("effective_to", D, |i| rows[i].effective_to)
            .column("price_breaks", T, |i| {
                join(rows[i].price_breaks.iter().map(|step| format!("{}:{}", step.from_quantity, step.unit_cost)), ";")
            })
    };
    let item_locations = {
        let rows = &data.item_locations;
        Table::new("item_locations", rows.len())
            .column("item_id", T, move |i| item(rows[i].item))
            .column("location_id", T, move |i| place(rows[i].location))
            .column("listed_from", D, |i| rows[i].listed_from)
            .column("listed_to", D, |i| rows[i].listed_to)
            .column("service_type", T, |i| {
                rows[i].service_type.map(|service_type| match service_type {
                    restock_core::ServiceType::Cycle => "cycle",
                    restock_core::ServiceType::FillRate => "fill_rate",
                    restock_core::ServiceType::InStock => "in_stock",
                })
            })
            .column("service_target", N, |i| rows[i].service_target)
            .column("min_stock", Q, |i| rows[i].min_stock)
            .column("max_stock", Q, |i| rows[i].max_stock)
            .column("display_min", Q, |i| rows[i].display_min)
            .column("shelf_capacity", Q, |i| rows[i].shelf_capacity)
            .column("safety_days", N, |i| rows[i].safety_days)
            .column("policy", T, |i| rows[i].policy.as_deref())
            .column("do_not_order", F, |i| rows[i].do_not_order.then_some(true))
    };
    let open_orders = {
        let rows = &data.open_orders;
        Table::new("open_orders", rows.len())
            .column("order_id", T, |i| rows[i].order_id.as_str())
            .column("item_id", T, move |i| item(rows[i].item))
            .column("to_location", T, move |i| place(rows[i].to_location))
            .column("supplier_id", T, move |i| rows[i].origin.and_then(from_supplier))
            .column("from_location", T, move |i| rows[i].origin.and_then(from_location))
            .column("quantity", Q, |i| rows[i].quantity)
            .column("received_qty", Q, |i| (rows[i].received != Quantity::ZERO).then_some(rows[i].received))
            .column("ordered_on", D, |i| rows[i].ordered_on)
            .column("due_on", D, |i| rows[i].due_on)
            .column("status", T, |i| some_text(&rows[i].status))
    };
    let receipts = {
        let rows = &data.receipts;
        Table::new("receipts", rows.len())
            .column("order_id", T, |i| some_text(&rows[i].order_id))
            .column("item_id", T, move |i| item(rows[i].item))
            .column("location_id", T, move |i| rows[i].location.map(place))
            .column("supplier_id", T, move |i| rows[i].origin.and_then(from_supplier))
            .column("from_location", T, move |i| rows[i].origin.and_then(from_location))
            .column("quantity", Q, |i| rows[i].quantity)
            .column("ordered_on", D, |i| rows[i].ordered_on)
            .column("due_on", D, |i| rows[i].due_on)
            .column("received_on", D, |i| rows[i].received_on)
            .column("unit_cost", M, |i| rows[i].unit_cost)
    };
    let prices = {
        let rows = &data.prices;
        Table::new("prices", rows.len())
            .column("item_id", T, move |i| item(rows[i].item))
            .column("location_id", T, move |i| rows[i].location.map(place))
            .column("from", D, |i| rows[i].from)
            .column("to", D, |i| rows[i].to)
            .column("price", M, |i| rows[i].price)
    };
    let promotions = {
        let rows = &data.promotions;
        Table::new("promotions", rows.len())
            .column("promo_id", T, |i| some_text(&rows[i].promo_id))
            .column("item_id", T, move |i| rows[i].item.map(item))
            .column("location_id", T, move |i| rows[i].location.map(place))
            .column("from", D, |i| rows[i].from)
            .column("to", D, |i| rows[i].to)
            .column("depth", N, |i| rows[i].depth)
            .column("display", F, |i| rows[i].display.then_some(true))
            .column("expected_uplift", N, |i| rows[i].expected_uplift)
    };
    let calendars = {
        let rows: Vec<_> = data.calendars.iter().collect();
        let on = |exceptions: &std::collections::BTreeMap<Day, bool>, open: bool| {
            join(exceptions.iter().filter(|(_, is_open)| **is_open == open).map(|(day, _)| day), " ")
        };
        let (a, b, c) = (rows.clone(), rows.clone(), rows.clone());
        Table::new("calendars", rows.len())
            .column("calendar_id", T, move |i| rows[i].0.as_str())
            .column("open_days", T, move |i| a[i].1.weekdays.to_string())
            .column("closed_on", T, move |i| on(&b[i].1.exceptions, false))
            .column("open_on", T, move |i| on(&c[i].1.exceptions, true))
    };
    let events = {
        let rows = &data.events;
        Table::new("events", rows.len())
            .column("date", D, |i| rows[i].day)
            .column("location_id", T, move |i| rows[i].location.map(place))
            .column("name", T, |i| some_text(&rows[i].name))
            .column("kind", T, |i| some_text(&rows[i].kind))
            .column("magnitude", N, |i| rows[i].magnitude)
    };
    let signals = {
        let rows = &data.signals;
        Table::new("signals", rows.len())
            .column("date", D, |i| rows[i].day)
            .column("location_id", T, move |i| rows[i].location.map(place))
            .column("name", T, |i| rows[i].name.as_str())
            .column("value", N, |i| rows[i].value)
            .column("known_in_future", F, |i| rows[i].known_in_future)
    };
    let stockouts = {
        let rows = &data.stockouts;
        Table::new("stockouts", rows.len())
            .column("item_id", T, move |i| item(rows[i].item))
            .column("location_id", T, move |i| place(rows[i].location))
            .column("from", D, |i| rows[i].from)
            .column("to", D, |i| rows[i].to)
    };
    let bom = {
        let rows = &data.bom;
        Table::new("bom", rows.len())
            .column("parent_id", T, move |i| item(rows[i].parent))
            .column("component_id", T, move |i| item(rows[i].component))
            .column("qty_per", Q, |i| rows[i].quantity_per)
            .column("yield", N, |i| rows[i].yield_share)
            .column("scrap", N, |i| rows[i].scrap_share)
    };
    let adjustments = {
        let rows = &data.adjustments;
        Table::new("adjustments", rows.len())
            .column("date", D, |i| rows[i].day)
            .column("item_id", T, move |i| item(rows[i].item))
            .column("location_id", T, move |i| place(rows[i].location))
            .column("quantity", Q, |i| rows[i].quantity)
            .column("reason", T, |i| some_text(&rows[i].reason))
    };
    let substitutions = {
        let rows = &data.substitutions;
        Table::new("substitutions", rows.len())
            .column("from_item", T, move |i| item(rows[i].from))
            .column("to_item", T, move |i| item(rows[i].to))
            .column("rate", N, |i| rows[i].rate)
    };
    let budgets = {
        let rows = &data.budgets;
        Table::new("budgets", rows.len())
            .column("scope", T, |i| rows[i].scope.as_str())
            .column("from", D, |i| rows[i].from)
            .column("to", D, |i| rows[i].to)
            .column("amount", M, |i| rows[i].amount)
    };
    let capacities = {
        let rows = &data.capacities;
        Table::new("capacities", rows.len())
            .column("scope", T, |i| rows[i].scope.as_str())
            .column("from", D, |i| rows[i].from)
            .column("to", D, |i| rows[i].to)
            .column("volume", N, |i| rows[i].volume)
            .column("weight", N, |i| rows[i].weight)
            .column("lines", W, |i| rows[i].lines.map(i64::from))
    };
    let uoms = {
        let rows = &data.uoms;
        Table::new("uoms", rows.len())
            .column("item_id", T, move |i| item(rows[i].item))
            .column("uom", T, |i| rows[i].uom.as_str())
            .column("factor", Q, |i| rows[i].factor)
    };
    vec![
        items,
        locations,
        suppliers,
        sales,
        inventory,
        sources,
        item_locations,
        open_orders,
        receipts,
        prices,
        promotions,
        calendars,
        events,
        signals,
        stockouts,
        bom,
        adjustments,
        substitutions,
        budgets,
        capacities,
        uoms,
    ]
}

/// Proposals as a flat table. `order_id`, `item_id`, `quantity`, `to_location`, `supplier_id` or `from_location`,
/// `ordered_on` and `due_on` carry the names of the open-order table, so that placed orders read back as open orders.
fn proposal_table(proposals: &[Proposal]) -> Table<'_> {
    use Kind::{Day as D, Money as M, Number as N, Quantity as Q, Text as T};
    let rows = proposals;
    Table::new("proposals", rows.len())
        .column("order_id", T, |i| rows[i].proposal_id.as_str())
        .column("type", T, |i| match rows[i].proposal_type {
            restock_core::proposal::ProposalType::Purchase => "purchase",
            restock_core::proposal::ProposalType::Transfer => "transfer",
            restock_core::proposal::ProposalType::Production => "production",
        })
        .column("item_id", T, |i| rows[i].item_id.as_str())
        .column("item_name", T, |i| some_text(&rows[i].item_name))
        .column("to_location", T, |i| rows[i].destination.as_str())
        .column("supplier_id", T, |i| match &rows[i].source {
            ProposalSource::SupplierId(id) => Some(id.as_str()),
            _ => None,
        })
        .column("from_location", T, |i| match &rows[i].source {
            ProposalSource::LocationId(id) => Some(id.as_str()),
            _ => None,
        })
        .column("quantity", Q, |i| rows[i].quantity)
        .column("uom", T, |i| some_text(&rows[i].uom))
        .column("order_quantity", Q, |i| rows[i].order_units.quantity)
        .column("order_uom", T, |i| some_text(&rows[i].order_units.uom))
        .column("unit_cost", M, |i| rows[i].unit_cost)
        .column("value", M, |i| rows[i].value)
        .column("currency", T, |i| rows[i].currency.as_str())
        .column("ordered_on", D, |i| rows[i].order_by)
        .column("due_on", D, |i| rows[i].expected_receipt)
        .column("next_opportunity", D, |i| rows[i].next_opportunity)
        .column("status", T, |i| rows[i].status.as_str())
        .column("automation", T, |i| rows[i].automation.as_str())
        .column("health", N, |i| rows[i].health)
        .column("confidence", N, |i| rows[i].confidence)
        .column("priority", M, |i| rows[i].priority)
        .column("p_stockout_without_order", N, |i| rows[i].explanation.without_order.p_stockout)
        .column("p_stockout_with_order", N, |i| rows[i].explanation.with_order.p_stockout)
        .column("why", T, |i| rows[i].explanation.sentence.as_str())
        .column("plan_id", T, |i| rows[i].plan_id.as_str())
}

/// Writes proposals as CSV, one line each.
///
/// # Errors
/// [`WriteError`] when the file system refuses.
pub fn proposals_csv(proposals: &[Proposal], path: &Path) -> Result<(), WriteError> {
    proposal_table(proposals).write(path, Format::Csv)
}

/// Writes proposals as Parquet, one row each, with the columns of [`proposals_csv`].
///
/// # Errors
/// [`WriteError`] when the file system refuses.
pub fn proposals_parquet(proposals: &[Proposal], path: &Path) -> Result<(), WriteError> {
    proposal_table(proposals).write(path, Format::Parquet)
}

/// Writes proposals as JSON with their whole explanation.
///
/// # Errors
/// [`WriteError`] when the file system refuses.
pub fn proposals_json(proposals: &[Proposal], path: &Path) -> Result<(), WriteError> {
    atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, proposals)?;
        Ok(file.write_all(b"\n")?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use restock_core::dataset::{Item, Location, SalesTable};
    use restock_core::{ItemIdx, LocationIdx, RowRef};

    fn small() -> Dataset {
        Dataset {
            items: vec![Item {
                item_id: "milk, 1 l".into(),
                unit_cost: Some("0.78".parse().unwrap()),
                ..Item::default()
            }],
            locations: vec![Location { location_id: "S01".into(), ..Location::default() }],
            sales: SalesTable {
                item: vec![ItemIdx(0); 2],
                location: vec![LocationIdx(0); 2],
                day: vec!["2026-03-01".parse().unwrap(), "2026-03-02".parse().unwrap()],
                quantity: vec!["3".parse().unwrap(), "0.5".parse().unwrap()],
                unit_price: vec![1.19, f32::NAN],
                row: vec![RowRef::default(); 2],
                ..SalesTable::default()
            },
            ..Dataset::default()
        }
    }

    #[test]
    fn csv_says_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let files = dataset(&small(), folder.path(), Format::Csv).unwrap();
        assert_eq!(files.len(), 3, "tables without rows are not written");
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        insta::assert_snapshot!(text("items.csv"), @r#"
        item_id,unit_cost
        "milk, 1 l",0.78
        "#);
        insta::assert_snapshot!(text("sales.csv"), @r#"
        date,item_id,location_id,quantity,unit_price
        2026-03-01,"milk, 1 l",S01,3,1.19
        2026-03-02,"milk, 1 l",S01,0.5,
        "#);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn an_unwritable_place_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = dataset(&small(), &file.join("below"), Format::Csv).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("below"), "{error}");
    }
}
