//! Reads the development data sets that the examples evaluate on, from `$RESTOCK_SHARED/data`. None of them is shipped.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use arrow_array::{Array, ArrayRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use restock_core::forecast::{Covariate, Observation};
use restock_core::{Bucket, SeriesInput};
use restock_forecast::MODEL_NAMES;
use restock_forecast::auto::{AutoOptions, PRETRAINED};
use restock_forecast::evaluate::Leaderboard;

/// A data set and how to ask it.
// Not every example asks everything.
#[allow(dead_code)]
pub(crate) struct DataSet {
    /// One series per item-location, oldest period first.
    pub(crate) series: Vec<SeriesInput>,
    /// Periods to forecast.
    pub(crate) horizon: usize,
    /// Lead times to add up demand over, periods.
    #[allow(dead_code)]
    pub(crate) lead_times: [usize; 3],
}

/// The data set of a name.
///
/// # Panics
/// When the name is not known or the file cannot be read.
pub(crate) fn read(name: &str) -> DataSet {
    let plain = |file: &str, keys: &[&str], date: &str, bucket: Bucket, count_valued: bool| {
        let mut by_key: BTreeMap<String, BTreeMap<i32, f64>> = BTreeMap::new();
        for row in rows(file, keys, date, "quantity", &[]) {
            *by_key.entry(row.key).or_default().entry(period_of(row.day, bucket)).or_default() += row.quantity;
        }
        by_key.into_values().map(|by_period| dense(&by_period, bucket, count_valued)).collect::<Vec<_>>()
    };
    let daily = |series| DataSet { series, horizon: 28, lead_times: [7, 14, 28] };
    let mut data = match name {
        "m5_CA_1" | "m5_TX_1" => daily(read_m5(&name[3..])),
        "store_item" => daily(plain("store_item_demand/sales", &["store_id", "item_id"], "date", Bucket::Day, true)),
        "online_retail" => daily(plain("online_retail/transactions", &["sku"], "timestamp", Bucket::Day, true)),
        "rossmann" => daily(read_rossmann()),
        "freshretailnet" => {
            // Sales as they were: the question here is the joint distribution of a series, not latent demand.
            let mut series =
                plain("freshretailnet_50k/hourly_city0", &["store_id", "product_id"], "date", Bucket::Day, false);
            series.retain(|one| one.n_periods() == 76);
            DataSet { series, horizon: 14, lead_times: [3, 7, 14] }
        }
        "freshretailnet_marked" => DataSet { series: read_freshretailnet(), horizon: 14, lead_times: [3, 7, 14] },
        "favorita_weekly" => DataSet {
            series: plain("favorita_weekly/sales", &["product", "store"], "date", Bucket::Week, false),
            horizon: 8,
            lead_times: [2, 4, 8],
        },
        "carparts" => DataSet {
            series: plain("carparts/series", &["series_id"], "date", Bucket::Month, true),
            horizon: 6,
            lead_times: [2, 3, 6],
        },
        "online_retail_weekly" => DataSet {
            series: plain("online_retail/transactions", &["sku"], "timestamp", Bucket::Week, true),
            horizon: 4,
            lead_times: [1, 2, 4],
        },
        "hospital" => DataSet {
            series: plain("hospital/series", &["series_id"], "date", Bucket::Month, true),
            horizon: 6,
            lead_times: [2, 3, 6],
        },
        "stallion" => DataSet {
            series: plain("stallion/volumes", &["agency", "sku"], "date", Bucket::Month, false),
            horizon: 6,
            lead_times: [2, 3, 6],
        },
        _ => panic!("no data set {name}"),
    };
    for (key, series) in data.series.iter_mut().enumerate() {
        series.key = key as u64;
    }
    data
}

/// What is known of the item of each series, in their order, without its sales.
#[derive(Clone, Debug, Default)]
#[allow(dead_code)]
pub(crate) struct Facts {
    /// Description; empty where the data have none.
    pub(crate) text: String,
    /// Category path.
    pub(crate) category: String,
    /// Selling price.
    pub(crate) price: Option<f64>,
}

/// The facts of the series of [`read`].
///
/// # Panics
/// When the data set tells nothing about its items.
#[allow(dead_code)]
pub(crate) fn read_facts(name: &str) -> Vec<Facts> {
    match name {
        "m5_CA_1" | "m5_TX_1" => {
            let mut by_item: BTreeMap<String, Facts> = BTreeMap::new();
            for row in rows(&format!("m5/sales_{}", &name[3..]), &["item_id"], "date", "quantity", &["price"]) {
                // FOODS_3_090 is item 090 of department FOODS_3 of category FOODS.
                let department = &row.key[..row.key.len() - 4];
                let category = format!("{}/{department}", &department[..department.len() - 2]);
                // The last price before the test windows.
                let facts = by_item.entry(row.key).or_default();
                *facts = Facts { text: String::new(), category, price: Some(f64::from(row.extra[0])) };
            }
            by_item.into_values().collect()
        }
        "online_retail" | "online_retail_weekly" => {
            let mut by_item: BTreeMap<String, (BTreeMap<String, usize>, Vec<f64>)> = BTreeMap::new();
            for row in
                rows("online_retail/transactions", &["sku", "description", "unit_price"], "timestamp", "quantity", &[])
            {
                let (rest, price) = row.key.rsplit_once('@').expect("three keys");
                let (sku, description) = rest.split_once('@').expect("three keys");
                let item = by_item.entry(sku.to_owned()).or_default();
                *item.0.entry(description.to_owned()).or_default() += 1;
                item.1.extend(price.parse::<f64>().ok().filter(|price| *price > 0.0));
            }
            let facts = |(descriptions, mut prices): (BTreeMap<String, usize>, Vec<f64>)| {
                let text = descriptions.into_iter().max_by_key(|(_, n)| *n).map_or_else(String::new, |(text, _)| text);
                prices.sort_by(f64::total_cmp);
                Facts { text, category: String::new(), price: prices.get(prices.len() / 2).copied() }
            };
            by_item.into_values().map(facts).collect()
        }
        _ => panic!("nothing is known about the items of {name}"),
    }
}

/// `auto` with other options: `sharpness=5:windows=3:asked=1:minimum=0.02:negative_binomial=2:pretrained=4`. Models that
/// are named replace the candidates of every kind of series.
// Not every example that reads the data compares models.
#[allow(dead_code)]
pub(crate) fn auto_options(settings: &str) -> Option<AutoOptions> {
    let mut candidates = vec![];
    let mut options = AutoOptions::default();
    for setting in settings.split(':') {
        let (key, value) = setting.split_once('=')?;
        let value: f64 = value.parse().ok()?;
        match key {
            "sharpness" => options.sharpness = value,
            "windows" => options.n_windows = value as usize,
            "asked" => options.n_pretrained_windows = value as usize,
            "minimum" => options.weight_min = value,
            model => {
                let known = MODEL_NAMES.iter().chain(&[PRETRAINED]).find(|known| **known == model)?;
                candidates.push((*known, value));
            }
        }
    }
    if !candidates.is_empty() {
        options.weekly_candidates.clone_from(&candidates);
        options.monthly_candidates.clone_from(&candidates);
        options.rare_candidates.clone_from(&candidates);
        options.candidates = candidates;
    }
    Some(options)
}

/// Prints the rows of a leaderboard of one model; for all series together, coverage and demand over lead times too.
// Not every example that reads the data compares models.
#[allow(dead_code)]
pub(crate) fn print_board(model: &str, board: &Leaderboard, seconds: f64) {
    let short = |values: &[f64]| values.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join(" ");
    for row in &board.rows {
        let (wql, mase) = (row.wql, row.mase);
        println!(
            "{model:22} {:12} n {:5} WQL {:.5} [{:.5} {:.5}] MASE {:.5} [{:.4} {:.4}] RMSSE {:.4} SQL {:.4} bias {:+.3} \
             {seconds:.1} s",
            row.group,
            row.n_series,
            wql.value,
            wql.low,
            wql.high,
            mase.value,
            mase.low,
            mase.high,
            row.rmsse,
            row.sql,
            row.bias
        );
        if row.group == "all" {
            println!("    coverage {}", short(&row.coverage));
            for lead in &row.lead_times {
                println!(
                    "    lead {:2} at .5 .8 .9 .95 .975 .99: coverage {} pinball {}",
                    lead.lead_time,
                    short(&lead.coverage),
                    short(&lead.pinball)
                );
            }
        }
    }
}

struct Row {
    key: String,
    /// Days since 1970-01-01.
    day: i32,
    quantity: f64,
    /// `[n_extra]`.
    extra: Vec<f32>,
}

/// The rows of a file that have a quantity and all of `extra`.
fn rows(file: &str, keys: &[&str], date: &str, quantity: &str, extra: &[&str]) -> Vec<Row> {
    let shared = std::env::var("RESTOCK_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let path = PathBuf::from(shared).join(format!("data/{file}.parquet"));
    let opened = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}; set RESTOCK_SHARED", path.display()));
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).expect("a parquet file");
    let names = keys.iter().copied().chain([date, quantity]).chain(extra.iter().copied());
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    let mut rows = Vec::new();
    for batch in builder.with_projection(mask).with_batch_size(65_536).build().expect("readable") {
        let batch = batch.expect("readable");
        let column = |name: &str| batch.column_by_name(name).expect("a known column");
        let key_columns: Vec<&ArrayRef> = keys.iter().map(|name| column(name)).collect();
        let (days, quantities) = (column(date), column(quantity));
        let extras: Vec<&ArrayRef> = extra.iter().map(|name| column(name)).collect();
        for idx in 0..batch.num_rows() {
            if quantities.is_null(idx) || extras.iter().any(|extra| extra.is_null(idx)) {
                continue;
            }
            let key: Vec<String> = key_columns.iter().map(|keys| text(keys, idx)).collect();
            let day = match days.as_primitive_opt::<Date32Type>() {
                Some(days) => days.value(idx),
                None => days.as_primitive::<TimestampMillisecondType>().value(idx).div_euclid(86_400_000) as i32,
            };
            rows.push(Row {
                key: key.join("@"),
                day,
                quantity: number(quantities, idx),
                extra: extras.iter().map(|extra| number(extra, idx) as f32).collect(),
            });
        }
    }
    rows
}

fn text(column: &ArrayRef, idx: usize) -> String {
    if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        return dictionary.values().as_string::<i32>().value(dictionary.keys().value(idx) as usize).to_owned();
    }
    match column.as_string_opt::<i32>() {
        Some(strings) => strings.value(idx).to_owned(),
        None => number(column, idx).to_string(),
    }
}

fn number(column: &ArrayRef, idx: usize) -> f64 {
    if let Some(values) = column.as_primitive_opt::<Int8Type>() {
        f64::from(values.value(idx))
    } else if let Some(values) = column.as_primitive_opt::<Int16Type>() {
        f64::from(values.value(idx))
    } else if let Some(values) = column.as_primitive_opt::<Int32Type>() {
        f64::from(values.value(idx))
    } else if let Some(values) = column.as_primitive_opt::<Int64Type>() {
        values.value(idx) as f64
    } else if let Some(values) = column.as_primitive_opt::<Float64Type>() {
        values.value(idx)
    } else if let Some(values) = column.as_boolean_opt() {
        f64::from(u8::from(values.value(idx)))
    } else if let Some(values) = column.as_string_opt::<i32>() {
        f64::from(u8::from(!matches!(values.value(idx), "" | "0")))
    } else {
        f64::from(column.as_primitive::<Float32Type>().value(idx))
    }
}

/// Days stay as they are; weeks begin where the data's do, so they are counted from day 0; months are counted from
/// January 1970.
fn period_of(day: i32, bucket: Bucket) -> i32 {
    match bucket {
        Bucket::Day => day,
        Bucket::Week => day.div_euclid(7),
        // All dates are firsts of months: the mean length of a month finds it.
        Bucket::Month => ((f64::from(day) + 10.0) / 30.436_875).floor() as i32,
    }
}

/// A series from its first period to its last; periods without rows sold nothing. Returned goods are not demand.
fn dense(by_period: &BTreeMap<i32, f64>, bucket: Bucket, count_valued: bool) -> SeriesInput {
    let (first, last) = (*by_period.keys().next().expect("a row"), *by_period.keys().last().expect("a row"));
    let demand: Vec<f64> =
        (first..=last).map(|period| by_period.get(&period).copied().unwrap_or(0.0).max(0.0)).collect();
    SeriesInput {
        key: 0,
        sales: demand.clone(),
        observations: vec![Observation::Full; demand.len()],
        demand,
        first_period: first,
        bucket,
        covariates: vec![],
        open_future: vec![],
        count_valued,
        availability: None,
        siblings: None,
        prior: None,
    }
}

/// One series per item, from its first day with a price; covariates: log of the price over its trailing mean, events,
/// days on which food stamps are paid. `M5_COVARIATES=price,holiday` leaves some out.
fn read_m5(store: &str) -> Vec<SeriesInput> {
    let wanted = std::env::var("M5_COVARIATES").unwrap_or_else(|_| "price,holiday,snap".to_owned());
    let wanted = |name: &str| wanted.split(',').any(|one| one == name);
    let snap = format!("snap_{}", &store[..2]);
    let mut calendar: BTreeMap<i32, [f32; 2]> = BTreeMap::new();
    for row in rows("m5/calendar", &[], "date", "d", &[&snap]) {
        calendar.entry(row.day).or_default()[1] = row.extra[0];
    }
    for event in ["event_name_1", "event_name_2"] {
        for row in rows("m5/calendar", &[], "date", "d", &[event]) {
            calendar.entry(row.day).or_default()[0] = row.extra[0];
        }
    }
    let mut by_item: BTreeMap<String, (BTreeMap<i32, f64>, Vec<f32>)> = BTreeMap::new();
    for row in rows(&format!("m5/sales_{store}"), &["item_id"], "date", "quantity", &["price"]) {
        let item = by_item.entry(row.key).or_default();
        item.0.insert(row.day, row.quantity);
        item.1.push(row.extra[0]);
    }
    let mut all = Vec::new();
    for (by_day, prices) in by_item.into_values() {
        let mut one = dense(&by_day, Bucket::Day, true);
        assert_eq!(one.n_periods(), prices.len(), "days of an item follow one another");
        let mut usual = prices[0];
        let values = prices.iter().map(|price| {
            let ratio = (price / usual).ln();
            usual += 0.02 * (price - usual);
            if ratio.abs() < 0.02 { 0.0 } else { ratio }
        });
        let price = Covariate { name: "price_log_ratio".to_owned(), values: values.collect() };
        let days = one.first_period..one.first_period + one.n_periods() as i32 + 28;
        let of_calendar = |idx: usize, name: &str| Covariate {
            name: name.to_owned(),
            values: days.clone().map(|day| calendar.get(&day).map_or(0.0, |row| row[idx])).collect(),
        };
        let known = [("price", price), ("holiday", of_calendar(0, "holiday")), ("snap", of_calendar(1, "snap"))];
        one.covariates.extend(known.into_iter().filter(|(name, _)| wanted(name)).map(|(_, covariate)| covariate));
        all.push(one);
    }
    all
}

/// One series of turnover per store; closed days are marked, covariates are promotions, state and school holidays.
fn read_rossmann() -> Vec<SeriesInput> {
    let mut by_store: BTreeMap<String, BTreeMap<i32, Row>> = BTreeMap::new();
    let extra = ["open", "promo", "state_holiday", "school_holiday"];
    for row in rows("rossmann_100/sales", &["store_id"], "date", "sales_value", &extra) {
        by_store.entry(row.key.clone()).or_default().insert(row.day, row);
    }
    let series = by_store.into_values().map(|by_day| {
        let quantities = by_day.iter().map(|(day, row)| (*day, row.quantity)).collect();
        let mut one = dense(&quantities, Bucket::Day, false);
        for (observation, day) in one.observations.iter_mut().zip(one.first_period..) {
            *observation = match by_day.get(&day) {
                None => Observation::Missing,
                Some(row) if row.extra[0] == 0.0 => Observation::Closed,
                Some(_) => Observation::Full,
            };
        }
        for (name, idx) in [("promotion", 1), ("holiday", 2), ("school_holiday", 3)] {
            let values = (one.first_period..).take(one.n_periods());
            let values = values.map(|day| by_day.get(&day).map_or(0.0, |row| row.extra[idx])).collect();
            one.covariates.push(Covariate { name: name.to_owned(), values });
        }
        one
    });
    series.collect()
}

/// One series per store and product; days with a stock-out in opening hours are marked, covariates are promotions, the
/// discount and holidays.
fn read_freshretailnet() -> Vec<SeriesInput> {
    let mut by_key: BTreeMap<String, BTreeMap<i32, Row>> = BTreeMap::new();
    let extra = ["stockout_hours_6_22", "promo", "discount", "holiday"];
    let file = "freshretailnet_50k/hourly_city0";
    for row in rows(file, &["store_id", "product_id"], "date", "quantity", &extra) {
        by_key.entry(row.key.clone()).or_default().insert(row.day, row);
    }
    by_key.retain(|_, by_day| by_day.len() == 76);
    let series = by_key.into_values().map(|by_day| {
        let quantities = by_day.iter().map(|(day, row)| (*day, row.quantity)).collect();
        let mut one = dense(&quantities, Bucket::Day, false);
        for (observation, row) in one.observations.iter_mut().zip(by_day.values()) {
            *observation = if row.extra[0] >= 2.0 { Observation::Censored } else { Observation::Full };
        }
        one.availability = Some(by_day.values().map(|row| 1.0 - row.extra[0] / 16.0).collect());
        for (name, idx) in [("promotion", 1), ("discount", 2), ("holiday", 3)] {
            let values = by_day.values().map(|row| if idx == 2 { 1.0 - row.extra[2] } else { row.extra[idx] });
            one.covariates.push(Covariate { name: name.to_owned(), values: values.collect() });
        }
        one
    });
    series.collect()
}
