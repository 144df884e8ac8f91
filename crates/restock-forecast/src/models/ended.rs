//! The forecast of an item whose life has ended.

use restock_core::SeriesInput;

use super::{Model, Predictive};

/// Predicts no demand at all: for items past their planned end.
pub struct Zero;

impl Model for Zero {
    fn name(&self) -> &'static str {
        "zero"
    }

    fn predict(&self, _series: &SeriesInput, _end: usize, horizon: usize) -> Option<Predictive> {
        Some(Predictive::zero(horizon))
    }
}
