//! Rows of what is known or said about demand to come: promotions, overrides of forecasts, forecasts of other systems.

use std::collections::BTreeMap;

use restock_core::dataset::{ForecastOverrideRow, GivenForecastRow, PromotionRow};
use restock_core::event::ItemLocation;
use restock_core::said_demand::{DemandChange, ForecastOverride, GivenForecast, OverrideKey};
use restock_core::{Day, RowRef};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::{Draft, means_all};
use crate::job::{Bad, Job, Read};
use crate::source::Chunk;
use crate::tables::{Field as F, quantile_level};

/// The longest reason, author or category, bytes: what an event may say.
const MAX_TEXT_BYTES: usize = 1_000;

impl Draft {
    pub(super) fn promotion_row(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        row: usize,
        at: RowRef,
    ) -> Result<(), Box<Bad>> {
        let (from, to) = span(job, chunk, row)?;
        self.check_span(job, chunk, row, from, Some(to))?;
        let depth =
            job.float_within(chunk, row, F::Depth, 0.0, 1.0, "a price cut between 0 and 1, such as 0.2 or 20%")?;
        let display = job.flag(chunk, row, F::Display)?.unwrap_or(false);
        let expected_uplift =
            job.float_within(chunk, row, F::ExpectedUplift, 0.0, 1000.0, "a multiple of usual demand, such as 1.5")?;
        let promo_id = job.text_or_empty(chunk, row, F::PromoId);
        let any_item = job.text(chunk, row, F::ItemId).is_none_or(|text| means_all(&text));
        let item = if any_item { None } else { self.item(job, chunk, row, F::ItemId, at)? };
        let location = self.location(job, chunk, row, F::LocationId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.promotions.push(PromotionRow {
                promo_id,
                item,
                location,
                from,
                to,
                depth,
                display,
                expected_uplift,
                row: at,
            });
        }
        Ok(())
    }

    pub(super) fn forecast_override_row(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        row: usize,
        at: RowRef,
    ) -> Result<(), Box<Bad>> {
        let (from, to) = span(job, chunk, row)?;
        let factor = job.money(chunk, row, F::Factor)?;
        let quantity = job.quantity(chunk, row, F::Quantity)?;
        let is_surge = job.flag(chunk, row, F::Surge)?.unwrap_or(false);
        let change = match (factor, quantity) {
            (Some(factor), None) if is_surge => DemandChange::Surge(factor),
            (_, Some(_)) if is_surge => {
                return Err(job.bad(
                    chunk,
                    row,
                    F::Surge,
                    "a surge with a factor",
                    "give how many times the usual it is",
                ));
            }
            (Some(factor), None) => DemandChange::Factor(factor),
            (None, Some(quantity)) => DemandChange::Quantity(quantity),
            (None, None) => return Err(job.empty(chunk, row, F::Factor, "a factor such as 1.3, or a quantity")),
            (Some(_), Some(_)) => {
                let fix = "leave one of the two cells empty";
                return Err(job.bad(chunk, row, F::Quantity, "a factor or a quantity, not both", fix));
            }
        };
        let text = |field| short_text(job, chunk, row, field);
        let (reason, author) = (text(F::Reason)?.unwrap_or_default(), text(F::Author)?.unwrap_or_default());
        let category = text(F::Category)?;
        let named =
            |field| job.text(chunk, row, field).filter(|text| !means_all(text)).map(std::borrow::Cow::into_owned);
        let key = OverrideKey { item_id: named(F::ItemId), location_id: named(F::LocationId), category, from, to };
        let said = ForecastOverride { key, change: Some(change), reason, author };
        if let Some((field, problem)) = said.problem() {
            let field = match field {
                "to" => F::To,
                "category" => F::Category,
                "factor" => F::Factor,
                "quantity" => F::Quantity,
                "reason" => F::Reason,
                _ => F::ItemId,
            };
            return Err(job.bad(chunk, row, field, &problem.expected, problem.fix));
        }
        let ForecastOverride { key, reason, author, .. } = said;
        let item = match key.item_id {
            Some(_) => Some(self.required_item(job, chunk, row, F::ItemId, at)?),
            None => None,
        };
        let location = match key.location_id {
            Some(_) => Some(self.own_location(job, chunk, row, F::LocationId, at)?),
            None => None,
        };
        if !self.is_copy(job, chunk, row, at) {
            self.dataset.forecast_overrides.push(ForecastOverrideRow {
                item,
                location,
                category: key.category,
                from,
                to,
                change,
                reason,
                author,
                said_at: None,
                row: at,
            });
        }
        Ok(())
    }

    pub(super) fn forecast_row(
        &mut self,
        job: &mut Job,
        chunk: &Chunk,
        row: usize,
        at: RowRef,
    ) -> Result<(), Box<Bad>> {
        let day = job.day(chunk, row, F::Date)?.ok_or_else(|| job.empty(chunk, row, F::Date, "a date"))?;
        let mean = job.float(chunk, row, F::Value)?;
        let mut quantiles = BTreeMap::new();
        for idx in 0..job.wide.len() {
            let level = quantile_level(&job.wide[idx].0.header);
            if let (Some(level), Some(value)) = (level, job.wide_value(chunk, row, idx)?) {
                quantiles.insert(level, value);
            }
        }
        let decimal = |value: f64| Decimal::from_f64(value).unwrap_or(Decimal::MAX);
        let given = GivenForecast {
            place: ItemLocation::new("", ""),
            day,
            mean: mean.map(decimal),
            quantiles: quantiles.iter().map(|(level, value)| (*level, decimal(*value))).collect(),
        };
        if let Some((field, problem)) = given.problem() {
            let mut bad = job.bad(chunk, row, F::Value, &problem.expected, problem.fix);
            let level = quantiles.iter().find(|(level, _)| format!("q{}", level.normalize()) == field);
            if let Some((_, value)) = level {
                (bad.column, bad.value) = (field, value.to_string());
            }
            return Err(bad);
        }
        let item = self.required_item(job, chunk, row, F::ItemId, at)?;
        let location = self.own_location(job, chunk, row, F::LocationId, at)?;
        if !self.is_copy(job, chunk, row, at) {
            let level = |(level, value): (Decimal, f64)| (level.to_f64().unwrap_or(f64::NAN), value);
            let quantiles = quantiles.into_iter().map(level).collect();
            self.dataset.forecasts.push(GivenForecastRow { item, location, day, mean, quantiles, row: at });
        }
        Ok(())
    }
}

/// The first and the last day of a row.
fn span(job: &mut Job, chunk: &Chunk, row: usize) -> Result<(Day, Day), Box<Bad>> {
    let from = job.day(chunk, row, F::From)?.ok_or_else(|| job.empty(chunk, row, F::From, "a first day"))?;
    let to = job.day(chunk, row, F::To)?.ok_or_else(|| job.empty(chunk, row, F::To, "a last day"))?;
    Ok((from, to))
}

/// A text that an event may say too.
fn short_text(job: &Job, chunk: &Chunk, row: usize, field: F) -> Read<String> {
    let text = job.text_or_empty(chunk, row, field);
    let text = text.trim();
    if text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
        let expected = format!("one line of at most {MAX_TEXT_BYTES} bytes");
        return Err(job.bad(chunk, row, field, &expected, "shorten it to one line"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
