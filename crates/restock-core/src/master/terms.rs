//! Calendars, units of measure and segments: records that can be removed.

use super::slot::Slot;
use super::{FieldError, Master};
use crate::dataset::{Calendar, SegmentRow, UomRow};
use crate::time::Day;

/// The day that a field of a calendar is about: its name is one such as `2026-12-25`.
pub(super) fn day_of(name: &str) -> Option<Day> {
    name.parse().ok().filter(|day: &Day| day.to_string() == name)
}

/// The text of a day that differs from the weekdays.
pub(super) fn open_text(is_open: bool) -> String {
    is_open.to_string()
}

/// Days that differ from the weekdays are fields by their own names.
impl Master for Calendar {
    const FIELDS: &'static [&'static str] = &["weekdays"];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        (name == "weekdays").then_some(Slot::Weekdays(&mut self.weekdays))
    }

    fn set(&mut self, name: &str, text: Option<&str>) -> Result<(), FieldError> {
        if let Some(slot) = self.slot(name) {
            return slot.set(text);
        }
        let Some(day) = day_of(name) else {
            return Err(FieldError::new("weekdays, or a day such as 2026-12-25", "leave it out"));
        };
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => drop(self.exceptions.remove(&day)),
            Some("true") => drop(self.exceptions.insert(day, true)),
            Some("false") => drop(self.exceptions.insert(day, false)),
            Some(_) => {
                return Err(FieldError::new(
                    "true where the day counts, false where it does not",
                    "write true or false",
                ));
            }
        }
        Ok(())
    }

    fn get(&mut self, name: &str) -> Option<String> {
        match self.slot(name) {
            Some(slot) => slot.get(),
            None => self.exceptions.get(&day_of(name)?).map(|is_open| open_text(*is_open)),
        }
    }
}

impl Master for UomRow {
    const FIELDS: &'static [&'static str] = &["factor"];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        (name == "factor").then_some(Slot::Factor(&mut self.factor))
    }
}

impl Master for SegmentRow {
    const FIELDS: &'static [&'static str] = &["mode", "service_type", "service_target", "policy", "priority"];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "mode" => Slot::Economics(&mut self.is_economics),
            "service_type" => Slot::Service(&mut self.service_type),
            "service_target" => Slot::OwnTarget(&mut self.service_target),
            "policy" => Slot::Policy(&mut self.policy),
            "priority" => Slot::Rank(&mut self.priority),
            _ => return None,
        })
    }
}
