//! Forecasts of other systems for one item-location, for whoever forecasts without planning.

use restock_core::{Forecast, ItemIdx, LocationIdx};

use super::UnitBuilder;
use crate::history::History;
use crate::said_demand::{EXTERNAL, take_given};

impl UnitBuilder<'_> {
    /// Puts what another system expects of an item-location in the place of `forecast`, units, where the settings want it.
    pub fn take_given(&self, item: ItemIdx, location: LocationIdx, history: &History, forecast: &mut Forecast) {
        if self.settings.forecast_model == EXTERNAL {
            let given = self.said.given_of(self.dataset, (item, location), history);
            take_given(&given, &history.series.open_future, forecast);
        }
    }
}
