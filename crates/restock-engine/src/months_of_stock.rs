//! Months of stock: what is on the shelf in months of what goes out, as medical supply systems count it.
//!
//! Average monthly consumption (AMC) is what would have gone out in 30 days had the shelf never been empty: demand over the
//! last quarter, estimated for days without stock from those with it. OpenLMIS and mSupply scale what went out by the days
//! in stock; their formulas are in [`restock_inventory::kpi`].

use restock_core::forecast::Observation;
use restock_core::policy::OrderingRules;
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, SeriesInput, Units};

use crate::explanation::tidy;
use crate::said_demand::PastSurge;
use crate::unit::{PlanningUnit, StockKnowledge};

/// Days of a month, as OpenLMIS has them.
const MONTH: f64 = 30.0;

/// Average monthly consumption, units; `None` where nothing went out, or nothing is known of the last quarter. Days of surges
/// are passed over: the days before tell what is usual.
pub(crate) fn monthly_consumption(series: &SeriesInput, surges: &[PastSurge]) -> Option<f64> {
    let n_periods = match series.bucket {
        Bucket::Day => 91,
        Bucket::Week => 13,
        Bucket::Month => 3,
    };
    let (mut demand, mut n_days) = (0.0, 0.0);
    let is_usual = |idx: &usize| surges.get(*idx).is_none_or(|surge| *surge == PastSurge::None);
    for idx in (0..series.n_periods()).rev().filter(is_usual).take(n_periods) {
        if series.observations[idx] != Observation::Missing {
            // Closed days go into the month as they are: it has as many of them.
            demand += series.demand[idx];
            n_days += series.bucket.days();
        }
    }
    (demand > 0.0).then(|| demand / n_days * MONTH)
}

/// Months of stock of `on_hand` units, to a hundredth; `None` where the stock is only assumed.
pub(crate) fn months_of_stock(unit: &PlanningUnit, on_hand: Units) -> Option<f64> {
    let is_counted = matches!(unit.stock_known, StockKnowledge::Counted { .. });
    let monthly = unit.monthly_consumption.filter(|_| is_counted && !unit.made_to_order)?;
    Some(tidy(on_hand as f64 / monthly, 2))
}

/// Whether months of stock are within the bounds of the settings, both included.
pub(crate) fn stocked_to_plan(unit: &PlanningUnit, on_hand: Units, settings: &PlanSettings) -> Option<bool> {
    let [least, most] = settings.months_of_stock?;
    months_of_stock(unit, on_hand).map(|months| (least..=most).contains(&months))
}

/// Narrows the bounds of an order so that months of stock are within theirs when it arrives: what is expected until then
/// (`demand_rate` units a day) comes on top of both, but for what is lost before it (`lost_before_arrival`). The most is that of what is expected where that is more than what went
/// out, so that a surge is not held down by the quiet months before it; and a pack always fits above the least. The policy
/// itself does not see them: a service target stays one.
pub(crate) fn bound_months(
    unit: &PlanningUnit,
    settings: &PlanSettings,
    demand_rate: f64,
    lost_before_arrival: Units,
    rules: &mut OrderingRules,
) {
    let (Some([least, most]), Some(monthly)) = (settings.months_of_stock, unit.monthly_consumption) else { return };
    let lead_times = unit.timing().lead_times;
    let lead_time = lead_times.iter().sum::<usize>() as f64 / lead_times.len() as f64;
    let until_then = (demand_rate * lead_time - lost_before_arrival as f64).max(0.0);
    let least = (least * monthly + until_then).ceil() as Units;
    let most = (most * monthly.max(demand_rate * MONTH) + until_then).ceil() as Units;
    let most = most.max(least + rules.order_multiple.max(rules.min_order));
    rules.min_stock = rules.min_stock.max(least);
    rules.max_stock = Some(rules.max_stock.map_or(most, |own| own.min(most)));
}
