//! What a plan leaves behind so that it can be judged by what came of it, and what is known of what came.
//!
//! Only demand of customers, by day, is judged: what other locations ask for is a decision of the plan itself, and of weeks
//! and months nobody knows on which day the order came. Costs are left out where they are not those of the item alone.

use std::collections::{BTreeMap, BTreeSet};

use restock_adapt::decision::DayFacts;
use restock_adapt::{DecidedBy, DecisionRecord, Facts, IntervalForecast};
use restock_core::forecast::Observation;
use restock_core::policy::DemandPaths;
use restock_core::settings::{AskedLevels, PlanSettings};
use restock_core::{
    Bucket, CostRates, Dataset, Day, Forecaster, ItemIdx, ItemLocation, LocationIdx, QUANTILE_LEVELS, Quantity,
};
use restock_learning::guarded::Considered;

use crate::batch::Worked;
use crate::builder::UnitBuilder;
use crate::decide::{other_order, protection};
use crate::unit::PlanningUnit;

/// Name of the policy that decides where the learned one does not.
pub const CLASSICAL: &str = "classical";

/// A decision of a plan, to be judged when its interval is over.
#[derive(Clone, Debug, PartialEq)]
pub struct ToJudge {
    /// What was decided and why. Its model is empty and its policy [`CLASSICAL`] or `learned`: their versions are for the
    /// caller to name.
    pub record: DecisionRecord,
    /// What the other policy would have ordered under `auto`, base units, with the same changes by limits over several
    /// lines.
    pub other_order: Option<Quantity>,
}

/// Forecasts demand over the protection interval from `paths` of whole days, base units; `None` where it is not judged.
pub(crate) fn interval_forecast(unit: &PlanningUnit, paths: &DemandPaths) -> Option<IntervalForecast> {
    let series = &unit.history.series;
    let is_judged = series.bucket == Bucket::Day && series.n_periods() > 0 && paths.horizon > 0;
    is_judged.then(|| {
        let total = paths.total(0, protection(&unit.timing(), paths.horizon));
        IntervalForecast {
            mean: unit.base(total.mean()),
            quantiles: QUANTILE_LEVELS.map(|level| unit.base(total.quantile(level))),
            count_valued: series.count_valued && unit.decimals == 0,
        }
    })
}

/// Makes demand over the protection interval have the levels that are asked for: each path gives way to that of the same
/// rank under them, so that demand keeps its shape over days, and stays whole where it was. Returns the level that is asked
/// for a nominal .9.
pub(crate) fn recalibrate(
    unit: &PlanningUnit,
    paths: &mut DemandPaths,
    forecast: &IntervalForecast,
    settings: &PlanSettings,
) -> Option<f64> {
    let median = forecast.quantiles[restock_core::forecast::MEDIAN_IDX];
    let applies = |asked: &&AskedLevels| asked.median_below.is_none_or(|most| median < most);
    let asked = settings.recalibration.iter().find(applies)?;
    let (n_paths, horizon) = (paths.n_paths(), paths.horizon);
    let to = protection(&unit.timing(), horizon);
    let sums: Vec<f32> = (0..n_paths).map(|idx| paths.path(idx)[..to].iter().sum()).collect();
    let mut by_rank: Vec<usize> = (0..n_paths).collect();
    by_rank.sort_by(|one, other| sums[*one].total_cmp(&sums[*other]).then(one.cmp(other)));
    let mut values = vec![0.0; paths.values.len()];
    for (rank, idx) in by_rank.iter().enumerate() {
        let level = asked.level((rank as f64 + 0.5) / n_paths as f64);
        let instead = by_rank[((level * n_paths as f64) as usize).min(n_paths - 1)];
        values[idx * horizon..(idx + 1) * horizon].copy_from_slice(paths.path(instead));
    }
    paths.values = values;
    Some(asked.level(0.9))
}

/// What a decided unit leaves to be judged.
pub(crate) fn to_judge(
    unit: &PlanningUnit,
    worked: &Worked,
    watched: Option<&Considered>,
    proposal_id: &str,
    expected: (f64, f64),
) -> Option<Box<ToJudge>> {
    if worked.surge.is_some() {
        // What a model expects of usual days says nothing about an emergency.
        return None;
    }
    let forecast = worked.own_interval.clone()?;
    let decided = &worked.decided;
    let ordered = unit.quantity(decided.quantity());
    let later: i64 = decided.later_steps.iter().map(|step| step.1).sum();
    let other_order = other_order(unit, decided, watched).map(|order| unit.quantity((order + later).max(0)));
    let scale = 10_f64.powi(i32::from(unit.decimals));
    let CostRates { unit_cost, holding_cost, stockout_cost, order_cost, waste_cost } = unit.costs;
    let are_own = unit.money_known && !worked.has_dependents && !unit.made_to_order;
    let costs = are_own.then_some(CostRates {
        unit_cost: unit_cost * scale,
        holding_cost: holding_cost * scale,
        stockout_cost: stockout_cost * scale,
        order_cost,
        // What does not expire is broken or lost whatever was ordered.
        waste_cost: if unit.shelf_life.is_some() { waste_cost * scale } else { 0.0 },
    });
    let is_learned = decided.policy == restock_learning::guarded::NAME;
    let record = DecisionRecord {
        proposal_id: proposal_id.to_owned(),
        place: ItemLocation::new(&unit.item_id, &unit.location_id),
        decided_on: unit.as_of,
        from: unit.as_of,
        to: unit.future_day(decided.protection),
        forecast,
        overridden: worked.overridden_interval.clone(),
        wanted: ordered,
        ordered,
        decided_by: DecidedBy::Plan,
        reason: String::new(),
        category: String::new(),
        position: unit.quantity(decided.review.stock.inventory_position()),
        costs,
        expected_lost_units: unit.base(expected.0),
        expected_waste_units: unit.base(expected.1),
        model: String::new(),
        policy: if is_learned { restock_learning::guarded::NAME } else { CLASSICAL }.to_owned(),
    };
    Some(Box::new(ToJudge { record, other_order }))
}

/// What is known of each day before the plan at some item-locations, from the first day that is named for each. A day of
/// which nothing is known has no entry.
pub fn facts(dataset: &Dataset, settings: &PlanSettings, from: &BTreeMap<ItemLocation, Day>) -> Facts {
    let builder = UnitBuilder::new(dataset, settings, None);
    let mut days = BTreeMap::new();
    let mut known: BTreeMap<(ItemIdx, LocationIdx), &ItemLocation> = BTreeMap::new();
    for (place, first) in from {
        let Some(pair) = builder.find(&place.item_id, &place.location_id) else { continue };
        let Ok(unit) = builder.build(pair.0, pair.1) else { continue };
        if unit.history.series.bucket == Bucket::Day {
            days.insert(place.clone(), days_of(&unit, *first));
            known.insert(pair, place);
        }
    }
    for row in &dataset.adjustments {
        if row.is_waste() {
            let day = known.get(&(row.item, row.location)).and_then(|place| days.get_mut(*place)?.get_mut(&row.day));
            if let Some(day) = day {
                day.waste += -row.quantity;
            }
        }
    }
    Facts { days, ..Facts::default() }
}

fn days_of(unit: &PlanningUnit, first: Day) -> BTreeMap<Day, DayFacts> {
    let series = &unit.history.series;
    let quantity = |units: f64| unit.quantity(units.round() as i64);
    let begin = (first.0 - series.first_period).max(0) as usize;
    (begin..series.n_periods())
        .filter(|idx| series.observations[*idx] != Observation::Missing)
        .map(|idx| {
            let (sold, demand) = (series.sales[idx], series.demand[idx]);
            let more = (demand > sold).then(|| quantity(demand - sold));
            let was_out = series.observations[idx] == Observation::Censored;
            let facts = DayFacts {
                sold: quantity(sold),
                lost: more.filter(|_| !was_out),
                estimated_lost: more.filter(|_| was_out),
                was_out,
                waste: Quantity::ZERO,
            };
            (Day(series.first_period + idx as i32), facts)
        })
        .collect()
}

/// Forecasts of a model that does not act for some item-locations, over their protection intervals.
pub fn interval_forecasts(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    places: &BTreeSet<ItemLocation>,
) -> Vec<(ItemLocation, IntervalForecast)> {
    let builder = UnitBuilder::new(dataset, settings, None);
    let pairs = places.iter().filter_map(|place| builder.find(&place.item_id, &place.location_id));
    let units: Vec<PlanningUnit> = pairs.filter_map(|pair| builder.build(pair.0, pair.1).ok()).collect();
    let forecasts = crate::batch::forecasts(&units, settings, forecaster);
    let of = |(unit, forecast): (&PlanningUnit, &restock_core::Forecast)| {
        let seed = settings.seed ^ unit.history.series.key;
        let paths = unit.history.paths_of_whole_days(forecast, settings.n_paths.max(1), seed);
        Some((ItemLocation::new(&unit.item_id, &unit.location_id), interval_forecast(unit, &paths)?))
    };
    units.iter().zip(&forecasts).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use restock_core::SupplierIdx;
    use restock_core::dataset::{AdjustmentRow, Origin, RowRef, Supplier};
    use restock_core::{Objective, ServiceType};

    use super::*;
    use crate::batch::plan_batch;
    use crate::fixtures::{self, RecentMean};
    use crate::plan::plan;

    const TEA: ItemIdx = ItemIdx(0);
    const SHOP: LocationIdx = LocationIdx(0);

    fn first() -> Day {
        "2026-01-01".parse().unwrap()
    }

    /// Tea that sells 0 to 9 a day, of which 10 are on the shelf.
    fn shop() -> Dataset {
        let mut dataset = Dataset {
            items: vec![fixtures::item("tea", "2", "5")],
            locations: vec![fixtures::location("S1")],
            suppliers: vec![Supplier { supplier_id: "farm".to_owned(), ..Supplier::default() }],
            ..Dataset::default()
        };
        fixtures::sell(&mut dataset, TEA, SHOP, first(), (0..90).map(|day| day * 7 % 10));
        dataset.inventory.push(fixtures::stock(TEA, SHOP, Quantity::from_whole(10)));
        dataset.sources.push(fixtures::lane(Origin::Supplier(SupplierIdx(0)), 3.0));
        dataset
    }

    fn settings() -> PlanSettings {
        let objective = Objective::Service { service_type: ServiceType::Cycle, target: 0.8 };
        PlanSettings { default_review_days: 2.0, objective, ..PlanSettings::default() }
    }

    fn unit(dataset: &Dataset, settings: &PlanSettings) -> PlanningUnit {
        UnitBuilder::new(dataset, settings, None).build(TEA, SHOP).unwrap()
    }

    #[test]
    fn a_plan_leaves_what_it_was_made_from() {
        let (dataset, settings) = (shop(), settings());
        let forecaster = RecentMean { spread: 1.2 };
        let decided = plan_batch(&[unit(&dataset, &settings)], &settings, &forecaster).remove(0);
        let ToJudge { record, other_order } = *decided.to_judge.clone().unwrap();
        let as_of = plan(&dataset, &settings, &forecaster, &|_, _| {}).as_of;
        // Three days of lead time and two to the next order.
        assert_eq!((record.decided_on, record.from, record.to), (as_of, as_of, as_of.plus(5)));
        assert_eq!((record.position, record.ordered), (Quantity::from_whole(10), decided.line.quantity));
        assert!((record.forecast.mean - 5.0 * 4.5).abs() < 0.5, "{}", record.forecast.mean);
        assert_eq!(record.costs.unwrap().unit_cost, 2.0);
        assert_eq!(other_order, Some(record.ordered), "the learned policy would do the same, or was not asked");
        let fixed = PlanSettings { policy: "base_stock".to_owned(), ..settings };
        let decided = plan_batch(&[unit(&dataset, &fixed)], &fixed, &forecaster).remove(0);
        assert_eq!(decided.to_judge.unwrap().other_order, None);
    }

    /// Outcomes lay above the median in three of four cases: the plan takes the .75 quantile for the median, and leaves
    /// the forecast that is judged as it was.
    #[test]
    fn asked_levels_move_the_demand_of_the_interval() {
        let (dataset, plain) = (shop(), settings());
        let forecaster = RecentMean { spread: 1.2 };
        let levels = QUANTILE_LEVELS.map(|level| 1.0 - (1.0 - level).powi(2));
        let asked =
            |median_below| PlanSettings { recalibration: vec![AskedLevels { median_below, levels }], ..plain.clone() };
        let of = |settings: &PlanSettings| plan_batch(&[unit(&dataset, settings)], settings, &forecaster).remove(0);
        let (before, after) = (of(&plain), of(&asked(None)));
        let forecast = &before.to_judge.as_ref().unwrap().record.forecast;
        assert_eq!(forecast, &after.to_judge.as_ref().unwrap().record.forecast);
        // The mean of the largest of two draws lies above the mean, and the order with it.
        assert!(after.line.expected_demand > before.line.expected_demand + 1.0);
        assert!(after.line.quantity > before.line.quantity);
        let evidence = &after.proposal.unwrap().explanation.waterfall[0].evidence;
        assert!(evidence.contains(&("recalibrated_90".to_owned(), "0.99".to_owned())), "{evidence:?}");
        let elsewhere = of(&asked(Some(5.0)));
        assert_eq!(elsewhere.line, before.line, "it is for slower items");

        let paths_of = |settings: &PlanSettings| {
            let unit = unit(&dataset, settings);
            let forecast = &crate::batch::forecasts(std::slice::from_ref(&unit), settings, &forecaster)[0];
            let mut paths = unit.history.paths_of_whole_days(forecast, 256, 1);
            let own = interval_forecast(&unit, &paths).unwrap();
            let level = recalibrate(&unit, &mut paths, &own, settings);
            (own, paths.total(0, 5), level)
        };
        let (own, total, level) = paths_of(&asked(None));
        assert!((level.unwrap() - 0.99).abs() < 1e-9);
        assert!((total.quantile(0.5) - own.quantile_at(0.75)).abs() <= 1.0, "{} {own:?}", total.quantile(0.5));
        assert!((total.quantile(0.1) - own.quantile_at(0.19)).abs() <= 1.0);
        let nominal = AskedLevels { median_below: None, levels: QUANTILE_LEVELS };
        let (_, total, _) = paths_of(&PlanSettings { recalibration: vec![nominal], ..plain.clone() });
        let (_, own_total, _) = paths_of(&plain);
        assert_eq!(total, own_total, "nominal levels change nothing");
    }

    #[test]
    fn facts_tell_sales_stock_outs_and_waste() {
        let mut dataset = shop();
        let day = |idx: i32| first().plus(idx);
        // The shelf was empty for half of a day, and on another one three more were asked for.
        dataset.sales.stockout_share = vec![f32::NAN; 90];
        dataset.sales.stockout_share[80] = 0.5;
        dataset.sales.lost = vec![Quantity::ZERO; 90];
        dataset.sales.lost[81] = Quantity::from_whole(3);
        for (quantity, reason) in [(-4, "waste"), (-2, "theft"), (5, "count")] {
            dataset.adjustments.push(AdjustmentRow {
                day: day(82),
                item: TEA,
                location: SHOP,
                quantity: Quantity::from_whole(quantity),
                reason: reason.to_owned(),
                row: RowRef::default(),
            });
        }
        let place = ItemLocation::new("tea", "S1");
        let known = facts(&dataset, &settings(), &[(place.clone(), day(80))].into());
        let days = &known.days[&place];
        assert_eq!(days.keys().copied().collect::<Vec<_>>(), (80..90).map(day).collect::<Vec<_>>());
        let units = Quantity::from_whole;
        assert!(days[&day(80)].was_out && days[&day(80)].lost.is_none());
        assert_eq!(days[&day(80)].sold, units(0));
        assert_eq!(days[&day(81)], DayFacts { sold: units(7), lost: Some(units(3)), ..DayFacts::default() });
        assert_eq!((days[&day(82)].sold, days[&day(82)].waste), (units(4), units(4)));
        assert!(facts(&dataset, &settings(), &[(ItemLocation::new("rum", "S1"), day(80))].into()).days.is_empty());
    }
}
