//! Readings that several tables share: bounded numbers, scopes, flags, attributes, and the hash of a row.

use std::hash::Hasher;

use restock_core::dataset::PriceBreak;
use restock_core::{Money, Quantity};
use rustc_hash::FxHasher;

use crate::job::{Bad, Job, Read, cell_text};
use crate::source::{Cell, Chunk};
use crate::tables::Field as F;

/// A quantity that cannot be negative; `None` where the cell is empty.
pub(crate) fn not_negative(job: &mut Job, chunk: &Chunk, row: usize, field: F) -> Read<Quantity> {
    match job.quantity(chunk, row, field)? {
        Some(quantity) if quantity < Quantity::ZERO => {
            Err(job.bad(chunk, row, field, "a quantity that is not negative", "correct the value"))
        }
        other => Ok(other),
    }
}

/// An amount of money that cannot be negative; `None` where the cell is empty.
pub(crate) fn money_not_negative(job: &mut Job, chunk: &Chunk, row: usize, field: F) -> Read<Money> {
    match job.money(chunk, row, field)? {
        Some(amount) if amount < Money::ZERO => {
            Err(job.bad(chunk, row, field, "an amount that is not negative", "correct the value"))
        }
        other => Ok(other),
    }
}

/// What a limit is about: `all`, or one of `kinds` followed by an id; `all` where the cell is empty.
pub(crate) fn scope(job: &Job, chunk: &Chunk, row: usize, kinds: &[&str]) -> Result<String, Box<Bad>> {
    let scope = job.text_or_empty(chunk, row, F::Scope);
    if scope.is_empty() || scope.eq_ignore_ascii_case("all") {
        return Ok("all".to_owned());
    }
    if kinds.iter().any(|kind| kind.ends_with(':') && scope.strip_prefix(kind).is_some_and(|id| !id.is_empty())) {
        return Ok(scope);
    }
    Err(job.bad(
        chunk,
        row,
        F::Scope,
        "all, supplier:ID, location:ID or category:PATH",
        "say what the limit is about, such as location:S01",
    ))
}

/// Appends to a column that may begin in the middle of a table.
pub(crate) fn push_padded<T: Copy>(column: &mut Vec<T>, n_before: usize, given: bool, value: T, absent: T) {
    if given || !column.is_empty() {
        column.resize(n_before, absent);
        column.push(if given { value } else { absent });
    }
}

pub(crate) fn share_or_flag(job: &mut Job, chunk: &Chunk, row: usize, field: F) -> Result<f32, Box<Bad>> {
    let invert = job.plan(field).is_some_and(|plan| plan.invert);
    match job.number(chunk, row, field) {
        Ok(None) => Ok(f32::NAN),
        Ok(Some(number)) => {
            let share = if invert { number.complement() } else { number }.to_f32();
            if (0.0..=1.0).contains(&share) {
                Ok(share)
            } else {
                Err(job.bad(chunk, row, field, "1 or 0, or a share between them", "correct the value"))
            }
        }
        Err(_) => Ok(job.flag(chunk, row, field)?.map_or(f32::NAN, |flag| f32::from(u8::from(flag)))),
    }
}

pub(crate) fn attributes(job: &Job, chunk: &Chunk, row: usize) -> std::collections::BTreeMap<String, String> {
    job.others
        .iter()
        .filter_map(|(column, header)| {
            let text = cell_text(chunk.label(*column, row))?;
            Some((attribute_name(header), text.into_owned()))
        })
        .collect()
}

/// The name under which filters find an attribute: `ABC` and `abc` are the same, and known ones have one spelling.
pub(crate) fn attribute_name(header: &str) -> String {
    match header.to_lowercase().as_str() {
        known @ ("abc" | "xyz" | "ven" | "brand" | "gtin" | "status" | "timezone" | "gln" | "currency") => {
            known.to_owned()
        }
        _ => header.to_owned(),
    }
}

/// `100:0.75; 500:0.70`, ascending.
pub(crate) fn parse_price_breaks(text: &str) -> Option<Vec<PriceBreak>> {
    let mut breaks = Vec::new();
    for pair in text.split([';', '|']).map(str::trim).filter(|pair| !pair.is_empty()) {
        let (quantity, cost) = pair.split_once([':', '='])?;
        breaks.push(PriceBreak {
            from_quantity: quantity.trim().parse().ok()?,
            unit_cost: Money::from_str_exact(cost.trim()).ok()?,
        });
    }
    breaks.sort_by_key(|step| step.from_quantity);
    Some(breaks)
}

/// A hash of everything a row says, whether it has a field or not.
pub(crate) fn raw_hash(job: &Job, chunk: &Chunk, row: usize) -> u64 {
    let mut hasher = FxHasher::default();
    if let Some(record) = chunk.record(row) {
        hasher.write(record.as_slice());
        for idx in 0..record.len() {
            if let Some(range) = record.range(idx) {
                hasher.write_usize(range.end);
            }
        }
        return hasher.finish();
    }
    let Chunk::Columns { columns, .. } = chunk else { unreachable!("CSV rows have records") };
    let _ = job;
    for column in 0..columns.len() {
        match chunk.cell(column, row) {
            Cell::Empty => hasher.write_u8(0),
            Cell::Text(text) => hasher.write(text),
            Cell::Whole(value) => hasher.write_i64(value),
            Cell::Single(value) => hasher.write_u32(value.to_bits()),
            Cell::Double(value) => hasher.write_u64(value.to_bits()),
            Cell::Decimal(digits, _) => hasher.write_i128(digits),
            Cell::Flag(flag) => hasher.write_u8(1 + u8::from(flag)),
            Cell::Day(day) => hasher.write_i32(day.0),
            Cell::Moment(micros, _) => hasher.write_i64(micros),
        }
        hasher.write_usize(column);
    }
    hasher.finish()
}
