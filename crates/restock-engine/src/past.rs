//! What became of demand, month by month: the key figures of what happened, beside those of what is planned.
//!
//! Demand is what was sold, and what would have been sold where a shelf was empty or lost sales were told. Months add up
//! over item-locations by their parts ([`Ratio`]); ratios are never averaged.

use std::ops::AddAssign;

use restock_core::forecast::Observation;
use restock_core::{Bucket, Day, Period};
use restock_inventory::kpi::Ratio;

use crate::unit::PlanningUnit;

/// Months that are looked back at: a year, and the month of the plan.
const N_MONTHS: Period = 13;

/// Days before the plan of which a month among them may be.
pub(crate) const PAST_DAYS: i32 = 31 * N_MONTHS;

/// A month of one item-location. It is kept of every one, so it is small.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PastMonth {
    /// A period of [`Bucket::Month`].
    pub month: Period,
    /// Demand as it is estimated, base units.
    demand: f32,
    /// Demand met, base units.
    met: f32,
    /// What was sold at the price of today, currency; 0 where no price is known.
    sales_value: f32,
    /// The same at cost.
    cost_of_sales: f32,
    /// What the unmet demand would have brought, currency.
    lost_margin: f32,
    /// What was thrown away, at cost.
    waste_value: f32,
    /// Open, listed periods of which sales are known: days, or weeks or months where the data are of those.
    n_open: u16,
    /// Those of them whose shelf was empty for a good part.
    n_out: u16,
}

/// A month of any number of item-locations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PastFigures {
    /// Item-locations that were sold in it.
    pub n_item_locations: usize,
    /// Periods with stock / open, listed periods.
    pub in_stock: Ratio,
    /// Demand met / demand, base units. Demand is estimated where the shelf was empty.
    pub fill_rate: Ratio,
    /// What was sold at the prices of today, currency.
    pub sales_value: f64,
    /// The same at cost.
    pub cost_of_sales: f64,
    /// What the unmet demand would have brought, currency.
    pub lost_margin: f64,
    /// What was thrown away, at cost.
    pub waste_value: f64,
}

impl AddAssign<&PastMonth> for PastFigures {
    fn add_assign(&mut self, month: &PastMonth) {
        let n_open = f64::from(month.n_open);
        self.n_item_locations += 1;
        self.in_stock += Ratio::new(n_open - f64::from(month.n_out), n_open);
        self.fill_rate += Ratio::new(f64::from(month.met), f64::from(month.demand));
        self.sales_value += f64::from(month.sales_value);
        self.cost_of_sales += f64::from(month.cost_of_sales);
        self.lost_margin += f64::from(month.lost_margin);
        self.waste_value += f64::from(month.waste_value);
    }
}

/// The last months of a unit, the earliest first; months of which nothing is known are left out. A week is of the month in
/// which it begins. What waits for the next delivery is not lost, so a unit that others draw from has its sales alone.
pub(crate) fn past_months(unit: &PlanningUnit) -> Box<[PastMonth]> {
    let month_of = |day: Day| Bucket::Month.period_of(day);
    let last = month_of(unit.as_of);
    let first = last - N_MONTHS + 1;
    let mut months: Vec<PastMonth> = (first..=last).map(|month| PastMonth { month, ..PastMonth::default() }).collect();
    let series = &unit.history.series;
    let rate = |cost: f64| if unit.money_known { cost as f32 } else { 0.0 };
    let (unit_cost, margin) = (rate(unit.costs.unit_cost), rate(unit.costs.stockout_cost));
    let price = unit.price.unwrap_or(0.0) as f32;
    for idx in 0..series.n_periods() {
        let day = series.bucket.first_day(series.first_period + idx as Period);
        let observation = series.observations[idx];
        if month_of(day) < first || matches!(observation, Observation::Closed | Observation::Missing) {
            continue;
        }
        let month = &mut months[(month_of(day) - first) as usize];
        let (sold, demand) = (series.sales[idx].max(0.0), series.demand[idx].max(series.sales[idx]).max(0.0));
        let met = if unit.backorder { demand } else { sold };
        month.n_open = month.n_open.saturating_add(1);
        month.n_out = month.n_out.saturating_add(u16::from(observation == Observation::Censored));
        month.demand += unit.base(demand) as f32;
        month.met += unit.base(met) as f32;
        month.sales_value += unit.base(sold) as f32 * price;
        month.cost_of_sales += sold as f32 * unit_cost;
        month.lost_margin += (demand - met) as f32 * margin;
    }
    for (day, units) in &unit.wasted {
        if (first..=last).contains(&month_of(*day)) {
            months[(month_of(*day) - first) as usize].waste_value += *units as f32 * unit_cost;
        }
    }
    months.retain(|month| month.n_open > 0 || month.waste_value > 0.0);
    months.into_boxed_slice()
}
