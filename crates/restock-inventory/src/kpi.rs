//! The inventory indicators, each defined once.
//!
//! An indicator is a [`Ratio`]: numerator and denominator are kept apart, so that item-locations, days or suppliers are
//! aggregated by summing both and never by averaging ratios. [`DEFINITIONS`] lists unit, direction, formula and source
//! for documentation and screens. Closed and unlisted periods belong in no denominator: leave them out before calling.
//!
//! Sources: Silver, Pyke & Thomas, *Inventory and Production Management in Supply Chains*, 4th ed. 2017 (service and
//! turnover); OpenLMIS and mSupply documentation (consumption adjusted for stock-outs).

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use restock_core::environment::PeriodOutcome;
use restock_core::{StockState, Units};

/// A quotient whose parts can be summed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratio {
    /// What is counted.
    pub numerator: f64,
    /// Out of what.
    pub denominator: f64,
}

impl Ratio {
    /// A ratio of two numbers.
    pub fn new(numerator: f64, denominator: f64) -> Self {
        Self { numerator, denominator }
    }

    /// The quotient, or `None` without a denominator: an indicator without observations is unknown, not 0 or 1.
    pub fn value(self) -> Option<f64> {
        (self.denominator != 0.0).then(|| self.numerator / self.denominator)
    }

    /// The quotient where the denominator is at least `minimum_sample`.
    pub fn value_from_sample(self, minimum_sample: f64) -> Option<f64> {
        if self.denominator < minimum_sample { None } else { self.value() }
    }
}

impl Add for Ratio {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.numerator + other.numerator, self.denominator + other.denominator)
    }
}

impl AddAssign for Ratio {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Ratio {
    fn sum<I: Iterator<Item = Self>>(ratios: I) -> Self {
        ratios.fold(Self::default(), Add::add)
    }
}

/// Which way an indicator should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Higher is better.
    Up,
    /// Lower is better.
    Down,
    /// Close to a target is better.
    Target,
}

/// What an indicator means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// Stable code, the name of its function here; indicators of orders and proposals that are plain counts have none.
    pub code: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Which way it should move.
    pub direction: Direction,
    /// Numerator / denominator, in words.
    pub formula: &'static str,
    /// Smallest denominator at which the value should be shown.
    pub minimum_sample: f64,
}

macro_rules! definitions {
    ($($code:literal, $unit:literal, $direction:ident, $formula:literal, $minimum:literal;)*) => {
        &[$(Definition {
            code: $code, unit: $unit, direction: Direction::$direction, formula: $formula, minimum_sample: $minimum,
        }),*]
    };
}

/// Every indicator of this module.
pub const DEFINITIONS: &[Definition] = definitions![
    "cycle_service", "share", Up, "replenishment cycles without a stock-out / cycles (type 1)", 5.0;
    "period_service", "share", Up, "periods with demand fully met / open periods", 10.0;
    "ready_rate", "share", Up, "open periods that end with stock / open periods", 10.0;
    "fill_rate", "share", Up, "units of demand met from the shelf / units of demand (type 2)", 10.0;
    "backlog_service", "share", Up, "1 - mean backlog / mean demand, per period (γ, backorders only)", 10.0;
    "line_fill", "share", Up, "complete order lines / order lines", 10.0;
    "on_time_in_full", "share", Up, "orders complete and on time / orders", 10.0;
    "in_stock", "share", Up, "item-location-days open, listed and with stock / open listed days", 10.0;
    "stockout_rate", "share", Down, "places without stock / places that should have it", 1.0;
    "stocked_according_to_plan", "share", Up, "observations between minimum and maximum / observations", 1.0;
    "days_of_cover", "days", Target, "units on hand / mean daily demand", 0.0;
    "months_of_stock", "months", Target, "units on hand / average monthly consumption", 0.0;
    "turns", "per year", Up, "cost of goods sold in a year / mean stock value at cost", 0.0;
    "days_of_supply", "days", Down, "365 · mean stock value at cost / cost of goods sold in a year", 0.0;
    "gmroi", "ratio", Up, "gross margin / mean stock value at cost", 0.0;
    "sell_through", "share", Up, "units sold / units received in a window", 1.0;
    "stock_to_sales", "ratio", Down, "stock at the start / sales", 0.0;
    "waste_rate", "share", Down, "units expired or discarded / units received", 1.0;
    "freshness", "share", Up, "shelf life left at sale / total shelf life, summed over units sold", 1.0;
    "excess", "share", Down, "stock value above need / stock value", 0.0;
    "cash_to_order", "ratio", Target, "actual spend / planned spend", 0.0;
    "untouched", "share", Up, "proposals exported unchanged / proposals", 10.0;
    "nervousness", "share", Down, "units changed between two plans of the same orders / units planned", 1.0;
    "container_fill", "share", Up, "the larger of volume used / capacity and weight used / capacity", 0.0;
];

/// The definition of an indicator by its code.
pub fn definition(code: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.code == code)
}

/// Cycle service level, type 1: share of replenishment cycles without a stock-out.
pub fn cycle_service(stockout_in_cycle: impl IntoIterator<Item = bool>) -> Ratio {
    stockout_in_cycle.into_iter().map(|stockout| Ratio::new(f64::from(u8::from(!stockout)), 1.0)).sum()
}

/// Period service level: share of periods whose demand was met in full. With one cycle per period it is the type 1
/// service level.
pub fn period_service<'a>(outcomes: impl IntoIterator<Item = &'a PeriodOutcome>) -> Ratio {
    outcomes.into_iter().map(|outcome| Ratio::new(f64::from(u8::from(outcome.lost == 0)), 1.0)).sum()
}

/// Ready rate: share of periods that end with stock on the shelf.
pub fn ready_rate(on_hand_at_end: impl IntoIterator<Item = Units>) -> Ratio {
    on_hand_at_end.into_iter().map(|on_hand| Ratio::new(f64::from(u8::from(on_hand > 0)), 1.0)).sum()
}

/// Fill rate, type 2: share of demand met from the shelf.
///
/// With recorded lost demand this is the observed fill rate; with demand from an uncensored model it is an estimate and
/// must be labelled so.
pub fn fill_rate<'a>(outcomes: impl IntoIterator<Item = &'a PeriodOutcome>) -> Ratio {
    outcomes.into_iter().map(|outcome| Ratio::new(outcome.sold as f64, outcome.demand as f64)).sum()
}

/// Fill rate of an (r, Q) policy under normal lead-time demand: 1 - σ·L(z)/Q with the standard loss function
/// L(z) = φ(z) - z(1 - Φ(z)) (Silver, Pyke & Thomas 2017, section 6.7).
///
/// # Panics
/// Unless `order_quantity` and `std_dev` are positive.
pub fn fill_rate_normal(reorder_point: f64, order_quantity: f64, mean: f64, std_dev: f64) -> f64 {
    use statrs::distribution::{Continuous, ContinuousCDF, Normal};
    assert!(order_quantity > 0.0 && std_dev > 0.0);
    let standard = Normal::standard();
    let z = (reorder_point - mean) / std_dev;
    1.0 - std_dev * (standard.pdf(z) - z * standard.sf(z)) / order_quantity
}

/// γ service level (Schneider 1981): 1 - mean backlog / mean demand, for systems with backorders; it can be negative.
pub fn backlog_service(backlog_and_demand: impl IntoIterator<Item = (Units, Units)>) -> Ratio {
    let pairs = backlog_and_demand.into_iter();
    pairs.map(|(backlog, demand)| Ratio::new((demand - backlog) as f64, demand as f64)).sum()
}

/// In-stock share of open, listed item-location-days; give `expected_sales` as weights, or 1.0 for the plain variant.
pub fn in_stock(on_hand_and_weight: impl IntoIterator<Item = (Units, f64)>) -> Ratio {
    let pairs = on_hand_and_weight.into_iter();
    pairs.map(|(on_hand, weight)| Ratio::new(if on_hand > 0 { weight } else { 0.0 }, weight)).sum()
}

/// Share of observations whose months of stock lie between a minimum and a maximum, both included.
pub fn stocked_according_to_plan(months_of_stock: impl IntoIterator<Item = f64>, minimum: f64, maximum: f64) -> Ratio {
    let observations = months_of_stock.into_iter();
    observations.map(|months| Ratio::new(f64::from(u8::from((minimum..=maximum).contains(&months))), 1.0)).sum()
}

/// Units on hand / mean daily demand.
pub fn days_of_cover(on_hand: Units, mean_daily_demand: f64) -> Ratio {
    Ratio::new(on_hand as f64, mean_daily_demand)
}

/// Forward cover: the number, counted from 1, of the first period in which cumulative expected demand reaches the stock;
/// 0 for an empty shelf and `None` when the stock outlasts the forecast.
pub fn forward_cover(on_hand: Units, expected_demand: &[f64]) -> Option<usize> {
    if on_hand <= 0 {
        return Some(0);
    }
    let mut cumulative = 0.0;
    expected_demand
        .iter()
        .position(|demand| {
            cumulative += demand;
            cumulative >= on_hand as f64 - 1e-9
        })
        .map(|period_idx| period_idx + 1)
}

/// Average monthly consumption adjusted for stock-outs as OpenLMIS defines it: ⌈C · 30M / (30M - X)⌉ for consumption C
/// in M months with X days out of stock; `None` when there was no day in stock.
pub fn monthly_consumption_openlmis(consumption: f64, n_months: f64, stockout_days: f64) -> Option<f64> {
    let days = 30.0 * n_months;
    // The tolerance keeps a quotient that is whole up to rounding from being raised by one.
    (stockout_days < days).then(|| (consumption * days / (days - stockout_days) - 1e-9).ceil())
}

/// Average monthly consumption adjusted for stock-outs as mSupply defines it: ((consumption - transfers) / months) ·
/// days / (days - stock-out days); `None` when there was no day in stock.
pub fn monthly_consumption_msupply(
    consumption: f64,
    transfers: f64,
    n_months: f64,
    n_days: f64,
    stockout_days: f64,
) -> Option<f64> {
    (stockout_days < n_days && n_months > 0.0)
        .then(|| (consumption - transfers) / n_months * n_days / (n_days - stockout_days))
}

/// Stock turns per year, always at cost: cost of goods sold scaled to 365 days / mean stock value.
pub fn turns(cost_of_goods_sold: f64, n_days: f64, mean_stock_value: f64) -> Ratio {
    assert!(n_days > 0.0);
    Ratio::new(cost_of_goods_sold * 365.0 / n_days, mean_stock_value)
}

/// Days of supply, 365 / turns.
pub fn days_of_supply(turns: Ratio) -> Ratio {
    Ratio::new(365.0 * turns.denominator, turns.numerator)
}

/// Gross margin return on inventory investment: gross margin / mean stock value at cost.
pub fn gmroi(gross_margin: f64, mean_stock_value: f64) -> Ratio {
    Ratio::new(gross_margin, mean_stock_value)
}

/// Units sold / units received in a window.
pub fn sell_through(sold: Units, received: Units) -> Ratio {
    Ratio::new(sold as f64, received as f64)
}

/// Stock at the start of a window / sales in it.
pub fn stock_to_sales(starting_stock: Units, sales: Units) -> Ratio {
    Ratio::new(starting_stock as f64, sales as f64)
}

/// Units expired / units received.
pub fn waste_rate<'a>(outcomes: impl IntoIterator<Item = &'a PeriodOutcome>) -> Ratio {
    outcomes.into_iter().map(|outcome| Ratio::new(outcome.expired as f64, outcome.received as f64)).sum()
}

/// Shelf life left at sale as a share of the total, weighted by units: pairs of (units, periods left) and the total.
pub fn freshness(units_and_periods_left: impl IntoIterator<Item = (Units, usize)>, shelf_life: usize) -> Ratio {
    let pairs = units_and_periods_left.into_iter();
    pairs.map(|(units, left)| Ratio::new((units * left as Units) as f64, (units * shelf_life as Units) as f64)).sum()
}

/// Share of the stock value above the larger of maximum stock and need.
pub fn excess(on_hand: Units, maximum_stock: Units, needed: f64, unit_cost: f64) -> Ratio {
    let above = (on_hand as f64 - needed.max(maximum_stock as f64)).max(0.0);
    Ratio::new(above * unit_cost, on_hand.max(0) as f64 * unit_cost)
}

/// Carrying cost of `n_days` days: rate per year · mean stock value, currency.
pub fn carrying_cost(rate_per_year: f64, mean_stock_value: f64, n_days: f64) -> f64 {
    rate_per_year * mean_stock_value * n_days / 365.0
}

/// Units changed between two plans for the same orders / units of the earlier plan.
pub fn nervousness(before_and_after: impl IntoIterator<Item = (Units, Units)>) -> Ratio {
    let pairs = before_and_after.into_iter();
    pairs.map(|(before, after)| Ratio::new((after - before).abs() as f64, before as f64)).sum()
}

/// Bullwhip effect: variance of orders / variance of demand; `None` with fewer than two periods.
pub fn bullwhip(orders: &[Units], demand: &[Units]) -> Option<Ratio> {
    let variance = |values: &[Units]| -> Option<f64> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<Units>() as f64 / n;
        let squares: f64 = values.iter().map(|value| (*value as f64 - mean).powi(2)).sum();
        (values.len() >= 2).then(|| squares / (n - 1.0))
    };
    Some(Ratio::new(variance(orders)?, variance(demand)?))
}

/// Share of a container that is used: the larger of the volume and the weight share.
pub fn container_fill(volume: Ratio, weight: Ratio) -> Ratio {
    if weight.value().unwrap_or(0.0) > volume.value().unwrap_or(0.0) { weight } else { volume }
}

/// The inventory position of a stock, the one definition of [`StockState::inventory_position`].
pub fn inventory_position(stock: &StockState) -> Units {
    stock.inventory_position()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(demand: Units, lost: Units) -> PeriodOutcome {
        PeriodOutcome { demand, sold: demand - lost, lost, ..PeriodOutcome::default() }
    }

    fn assert_close(got: Option<f64>, expected: f64) {
        let got = got.expect("a value");
        assert!((got - expected).abs() < 5e-5, "got {got}, expected {expected}");
    }

    /// Ten periods of 100, 1 short in period 6 and 19 in period 10: type 1 = 80 %, type 2 = 98 %.
    #[test]
    fn the_two_service_types_differ() {
        let mut outcomes = vec![outcome(100, 0); 10];
        (outcomes[5], outcomes[9]) = (outcome(100, 1), outcome(100, 19));
        assert_close(period_service(&outcomes).value(), 0.8);
        assert_close(cycle_service(outcomes.iter().map(|outcome| outcome.lost > 0)).value(), 0.8);
        assert_close(fill_rate(&outcomes).value(), 0.98);
    }

    #[test]
    fn money_indicators_match_the_golden_values() {
        assert_close(gmroi(40_000.0, 25_000.0).value(), 1.6);
        assert_close(turns(500_000.0, 365.0, 100_000.0).value(), 5.0);
        assert_close(days_of_supply(turns(500_000.0, 365.0, 100_000.0)).value(), 73.0);
        assert_close(turns(250_000.0, 182.5, 100_000.0).value(), 5.0);
        assert!((carrying_cost(0.22, 10_000.0, 365.0) - 2_200.0).abs() < 1e-9);
    }

    #[test]
    fn consumption_is_adjusted_for_stockouts() {
        assert_close(monthly_consumption_openlmis(100.0, 1.0, 10.0), 150.0);
        assert_close(monthly_consumption_msupply(10.0, 0.0, 6.0, 180.0, 69.0), 2.7027);
        assert_eq!(monthly_consumption_openlmis(100.0, 1.0, 30.0), None);
    }

    /// Two item-locations, 9 of 10 and 0 of 90 units: the mean of ratios would say 45 %, the truth is 9 %.
    #[test]
    fn ratios_aggregate_by_sums() {
        let total: Ratio = [Ratio::new(9.0, 10.0), Ratio::new(0.0, 90.0)].into_iter().sum();
        assert_close(total.value(), 0.09);
        assert_eq!(Ratio::default().value(), None);
        assert_eq!(total.value_from_sample(101.0), None);
    }

    #[test]
    fn other_indicators_by_hand() {
        assert_close(backlog_service([(0, 10), (4, 10)]).value(), 0.8);
        assert_close(ready_rate([3, 0, 1, 0]).value(), 0.5);
        assert_close(days_of_cover(30, 4.0).value(), 7.5);
        assert_close(sell_through(45, 60).value(), 0.75);
        assert_close(stock_to_sales(50, 20).value(), 2.5);
        let expired = [(12, 3), (8, 1), (0, 1)].map(|(received, expired)| PeriodOutcome {
            received,
            expired,
            ..PeriodOutcome::default()
        });
        assert_close(waste_rate(&expired).value(), 0.25);
        assert_eq!(forward_cover(0, &[4.0]), Some(0));
        // A closed window has no demand and counts in no ratio.
        assert_eq!(fill_rate(&[]).value(), None);
        assert_close(in_stock([(3, 1.0), (0, 1.0), (0, 2.0)]).value(), 0.25);
        assert_close(stocked_according_to_plan([1.9, 2.0, 4.0, 4.1], 2.0, 4.0).value(), 0.5);
        assert_eq!(forward_cover(10, &[4.0, 4.0, 4.0]), Some(3));
        assert_eq!(forward_cover(12, &[4.0, 4.0, 4.0]), Some(3));
        assert_eq!(forward_cover(13, &[4.0, 4.0, 4.0]), None);
        assert_close(freshness([(1, 4), (3, 2)], 4).value(), 0.625);
        assert_close(excess(100, 40, 60.0, 2.5).value(), 0.4);
        assert_close(nervousness([(10, 12), (10, 7)]).value(), 0.25);
        assert_close(bullwhip(&[0, 20, 0, 20], &[9, 11, 9, 11]).and_then(Ratio::value), 100.0);
        assert_close(container_fill(Ratio::new(6.0, 10.0), Ratio::new(9.0, 10.0)).value(), 0.9);
        // Silver, Pyke & Thomas: at z = 0 the loss is 0.39894·σ.
        assert_close(Some(fill_rate_normal(100.0, 50.0, 100.0, 10.0)), 1.0 - 3.989423 / 50.0);
    }

    #[test]
    fn every_definition_is_found_once() {
        for definition in DEFINITIONS {
            assert_eq!(super::definition(definition.code), Some(definition));
            assert_eq!(DEFINITIONS.iter().filter(|other| other.code == definition.code).count(), 1);
        }
    }
}
