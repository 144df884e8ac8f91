//! What is said about demand to come, laid over what files say: a word stands in the place of the row of files that is
//! about the same, and what was taken back has no row.

use std::collections::HashSet;

use restock_core::dataset::{ForecastOverrideRow, GivenForecastRow};
use restock_core::said_demand::OverrideKey;
use restock_core::{Dataset, Day, ItemLocation};
use rust_decimal::prelude::ToPrimitive;

use super::Builder;
use crate::demand_words::DemandWords;

/// What names an override of `dataset`.
pub fn override_key(dataset: &Dataset, row: &ForecastOverrideRow) -> OverrideKey {
    OverrideKey {
        item_id: row.item.map(|idx| dataset.items[idx.0 as usize].item_id.clone()),
        location_id: row.location.map(|idx| dataset.locations[idx.0 as usize].location_id.clone()),
        category: row.category.clone(),
        from: row.from,
        to: row.to,
    }
}

impl Builder<'_> {
    /// Words in the order of their keys, so that new rows of a part stand as they do in the whole.
    pub(super) fn add_demand(&mut self, words: &DemandWords) {
        let said: HashSet<OverrideKey> = words.overrides().map(|word| word.said.key).collect();
        if !said.is_empty() {
            let base = self.base;
            self.dataset.forecast_overrides.retain(|row| !said.contains(&override_key(base, row)));
        }
        for word in words.overrides() {
            let Some(change) = word.said.change else { continue };
            let OverrideKey { item_id, location_id, category, from, to } = word.said.key;
            let row = ForecastOverrideRow {
                item: item_id.map(|id| self.item(&id)),
                location: location_id.map(|id| self.location(&id)),
                category,
                from,
                to,
                change,
                reason: word.said.reason,
                author: word.said.author,
                said_at: Some(word.at),
                row: self.next_row(),
            };
            self.dataset.forecast_overrides.push(row);
        }
        let said: HashSet<(ItemLocation, Day)> = words.all_given().map(|given| (given.place, given.day)).collect();
        if !said.is_empty() {
            let base = self.base;
            let place = |row: &GivenForecastRow| super::place_of(base, row.item, row.location);
            self.dataset.forecasts.retain(|row| !said.contains(&(place(row), row.day)));
        }
        for given in words.all_given() {
            let number = |number: rust_decimal::Decimal| number.to_f64().unwrap_or(f64::MAX);
            let row = GivenForecastRow {
                item: self.item(&given.place.item_id),
                location: self.location(&given.place.location_id),
                day: given.day,
                mean: given.mean.map(number),
                quantiles: given.quantiles.into_iter().map(|(level, value)| (number(level), number(value))).collect(),
                row: self.next_row(),
            };
            self.dataset.forecasts.push(row);
        }
    }
}
