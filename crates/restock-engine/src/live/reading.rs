//! Reading a plan that is kept up to date: its lines, its totals, and why a line is as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use restock_core::finding::PlanException;
use restock_core::forecast::MEDIAN_IDX;
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Forecaster, ItemLocation, N_LEVELS, Period};

use super::{LivePlan, TablesOf, place_of};
use crate::batch::{Overrides, UnitPlan};
use crate::builder::{Masters, UnitBuilder};
use crate::explain::{ExplainError, Explained, Explainer, Whole};
use crate::health::HealthReport;
use crate::past::PastFigures;
use crate::plan::{OrderGroup, PlanLine, PlanSummary, ShadowPrice, Unplanned, order_groups, summarise};
use crate::what_if::WhatIf;

impl LivePlan {
    /// What is planned, as it stands, in no order that means anything.
    pub fn planned(&self) -> impl Iterator<Item = &UnitPlan> {
        self.units()
    }

    /// An item-location as it is planned.
    pub fn planned_at(&self, place: &ItemLocation) -> Option<&UnitPlan> {
        let part = self.parts.get(self.part_of.get(&place.item_id)?)?;
        part.planned().iter().find(|unit| place_of(unit) == *place)
    }

    /// Items, locations and suppliers as of the last settling.
    pub fn masters(&self) -> &Dataset {
        &self.masters
    }

    /// What was found in the data, as of the last settling; rows are of the files of [`masters`](Self::masters). `None`
    /// before the first.
    pub fn health(&self) -> Option<&Arc<HealthReport>> {
        self.health.as_ref()
    }

    /// The settings as of the last settling.
    pub fn settings(&self) -> &PlanSettings {
        &self.settings
    }

    /// The levels that are asked of the forecaster for the nominal ones, because outcomes told so; `None` where forecasts
    /// are taken as they are.
    pub fn asked_levels(&self, place: &ItemLocation) -> Option<[f64; N_LEVELS]> {
        let median = self.planned_at(place)?.to_judge.as_ref()?.record.forecast.quantiles[MEDIAN_IDX];
        let mut recalibration = self.settings.recalibration.iter();
        let asked = recalibration.find(|asked| asked.median_below.is_none_or(|most| median < most))?;
        Some(asked.levels)
    }

    /// Totals by the key of a line; lines without a key are in none. What cannot be planned counts where `of_unplanned`
    /// names a key for it. Exceptions are those of the lines themselves.
    pub fn summaries(
        &self,
        key: &dyn Fn(&PlanLine) -> Option<String>,
        of_unplanned: &dyn Fn(&Unplanned) -> Option<String>,
    ) -> BTreeMap<String, PlanSummary> {
        let mut groups: BTreeMap<String, (Vec<&UnitPlan>, usize)> = BTreeMap::new();
        for unit in self.units() {
            if let Some(key) = key(&unit.line) {
                groups.entry(key).or_default().0.push(unit);
            }
        }
        for key in self.parts.values().flat_map(|part| &part.unplanned).filter_map(of_unplanned) {
            groups.entry(key).or_default().1 += 1;
        }
        let summary = |(key, (units, n_unplanned)): (String, (Vec<&UnitPlan>, usize))| {
            let n_exceptions = units.iter().map(|unit| unit.exceptions.len()).sum();
            (key, PlanSummary { n_exceptions, ..summarise(units.into_iter(), n_unplanned) })
        };
        groups.into_iter().map(summary).collect()
    }

    /// What became of demand, by the key of a line and by month (a period of [`restock_core::Bucket::Month`]); lines without a key are in
    /// none.
    pub fn past(&self, key: &dyn Fn(&PlanLine) -> Option<String>) -> BTreeMap<(String, Period), PastFigures> {
        let mut groups: BTreeMap<String, BTreeMap<Period, PastFigures>> = BTreeMap::new();
        for unit in self.units() {
            if let Some(key) = key(&unit.line) {
                let months = groups.entry(key).or_default();
                unit.past.iter().for_each(|month| *months.entry(month.month).or_default() += month);
            }
        }
        let of_group = |(key, months): (String, BTreeMap<Period, PastFigures>)| {
            months.into_iter().map(move |(month, figures)| ((key.clone(), month), figures))
        };
        groups.into_iter().flat_map(of_group).collect()
    }

    /// Limits over several lines, and what one more unit of each would bring.
    pub fn limits(&self) -> &[ShadowPrice] {
        &self.limits
    }

    /// What is proposed by source and destination, earliest order day first.
    pub fn order_groups(&self) -> Vec<OrderGroup> {
        order_groups(self.units(), Masters::of(&self.masters))
    }

    /// Explains one item-location, ordered or not, from the rows of the items that it is planned with: what
    /// [`explain`](crate::explain()) says of the same data once the plan is settled.
    ///
    /// # Errors
    /// [`ExplainError`] when the item-location is unknown or not planned.
    pub fn explain(
        &self,
        place: &ItemLocation,
        what_ifs: &[WhatIf],
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> Result<Explained, ExplainError> {
        let ItemLocation { item_id, location_id } = place;
        let unknown_item = || ExplainError::UnknownItem(item_id.clone());
        let root = self.part_of.get(item_id).ok_or_else(unknown_item)?;
        let part = self.parts.get(root).ok_or_else(unknown_item)?;
        let not_planned = |reason: String| ExplainError::NotPlanned {
            item_id: item_id.clone(),
            location_id: location_id.clone(),
            reason,
        };
        let rows = tables(&part.items);
        let builder = UnitBuilder::of_part(&rows, &self.settings, self.shared.clone());
        let pair = builder.find(item_id, location_id);
        let pair = pair.ok_or_else(|| ExplainError::UnknownLocation(location_id.clone()))?;
        let nothing_said = || not_planned("no table says anything about this item at this location".to_owned());
        let partition = builder.partition_of(pair).ok_or_else(nothing_said)?;
        // Others of the partition are planned too only where they could change this line.
        let partition = if self.stands_alone(place) { &[pair] } else { partition };
        let (units, unplanned) = builder.build_partition(partition);
        if let Some(line) =
            unplanned.into_iter().find(|line| line.item_id == *item_id && line.location_id == *location_id)
        {
            return Err(not_planned(line.reason));
        }
        let overrides: Overrides = units
            .iter()
            .map(|unit| (unit.item_id.clone(), unit.location_id.clone()))
            .filter_map(|of| self.overrides.get(&of).map(|steps| (of, steps.clone())))
            .collect();
        let whole = Whole { overrides: Overrides::new(), exceptions: self.exceptions_across(place) };
        let plan_id = self.plan_id.clone();
        let explainer = Explainer::of_plan(&rows, &self.settings, forecaster, builder, plan_id, whole);
        Ok(explainer.explain_units(&units, &overrides, item_id, location_id, what_ifs))
    }

    /// What only other lines tell of one: whether its container leaves half empty, and where a transfer or a substitute
    /// could help.
    fn exceptions_across(&self, place: &ItemLocation) -> Vec<PlanException> {
        let mut item_ids = vec![place.item_id.as_str()];
        let id_of = |item: restock_core::ItemIdx| self.masters.items[item.0 as usize].item_id.as_str();
        let substitutions = self.masters.substitutions.iter();
        item_ids.extend(substitutions.filter(|row| id_of(row.from) == place.item_id).map(|row| id_of(row.to)));
        let parts = item_ids.iter().filter_map(|item_id| self.parts.get(self.part_of.get(*item_id)?));
        let units: Vec<&UnitPlan> = parts
            .flat_map(super::Part::planned)
            .filter(|unit| item_ids.contains(&unit.line.item_id.as_str()))
            .collect();
        let across = crate::exceptions::across_lines(units.iter().copied(), &self.masters, &self.settings);
        let of_limits = self.limit_exceptions.iter().cloned();
        of_limits
            .chain(across)
            .filter(|one| one.item_id == place.item_id && one.location_id == place.location_id)
            .collect()
    }
}
