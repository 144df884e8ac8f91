//! Playing one item-location through the past, several policies in step.
//!
//! All policies see the same forecasts, order opportunities and lead times, meet the same demand, and start from the
//! same stock, so that their difference is the policies' alone.

use std::sync::Arc;

use restock_core::policy::{DemandPaths, Review};
use restock_core::settings::PlanSettings;
use restock_core::stock::Lot;
use restock_core::{CostRates, Period, StockState, Units};
use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, step};
use restock_inventory::rules::apply_rules;

use super::savings::next_random;
use crate::decide::{Decided, decide};
use crate::unit::PlanningUnit;

/// Periods of one block of costs for the bootstrap: four weeks of days, four weeks, a month.
pub(super) const BLOCK_PERIODS: [usize; 3] = [28, 4, 1];

/// What is the same for every policy of one item-location, for the whole replay.
pub(super) struct Course {
    /// Demand of each simulated period, units.
    pub(super) demand: Vec<Units>,
    /// Whether the period was open and known; others do not count in service indicators.
    pub(super) counts: Vec<bool>,
    /// Recorded sales of the `n_lookback` periods before the replay and of its periods, units; NaN where not open.
    pub(super) recorded: Vec<f64>,
    pub(super) n_lookback: usize,
    /// Periods to the next opportunity, for periods with an order opportunity; 0 for the others.
    pub(super) review_periods: Vec<usize>,
    /// Lead time of an order placed in each period.
    pub(super) lead_times: Vec<usize>,
    /// Cost rates that the money indicators use throughout, whatever was believed when.
    pub(super) params: ItemLocationParams,
    /// First period that counts.
    pub(super) first_counted: usize,
    /// Periods per cost block.
    pub(super) block: usize,
}

impl Course {
    /// Mean recorded sales per open period over the `n_lookback` periods before `t`.
    fn recent_rate(&self, t: usize) -> f64 {
        let recent = &self.recorded[t..t + self.n_lookback];
        let open: Vec<f64> = recent.iter().copied().filter(|sold| !sold.is_nan()).collect();
        if open.is_empty() { 0.0 } else { open.iter().sum::<f64>() / open.len() as f64 }
    }

    /// Every order opportunity with the period in which its order arrives.
    pub(super) fn orders(&self) -> Vec<(usize, usize)> {
        let opportunities = (0..self.demand.len()).filter(|t| self.review_periods[*t] > 0);
        opportunities.map(|t| (t, t + self.lead_times[t])).collect()
    }
}

/// One column of the report.
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) rule: Rule,
}

/// How a column decides.
pub(super) enum Rule {
    /// The policy that the plan would use for this item-location.
    Configured,
    /// A policy by name, on the forecast.
    Named(String),
    /// Order up to mean recent sales over lead time, review period and a buffer of periods.
    MeanSales { buffer_periods: usize },
}

/// Sums over the periods that count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) demand: Units,
    pub(super) sold: Units,
    pub(super) lost: Units,
    pub(super) expired: Units,
    pub(super) received: Units,
    pub(super) ordered: Units,
    pub(super) n_orders: u64,
    pub(super) n_periods: u64,
    pub(super) n_open: u64,
    pub(super) n_in_stock: u64,
    pub(super) n_met: u64,
    pub(super) n_cycles: u64,
    pub(super) n_cycles_met: u64,
    /// Sum of units on the shelf at the end of each period.
    pub(super) on_hand: Units,
    pub(super) holding_cost: f64,
    pub(super) stockout_cost: f64,
    pub(super) order_cost: f64,
    pub(super) waste_cost: f64,
    /// Cost per block of periods, for the bootstrap.
    pub(super) blocks: Vec<f64>,
}

impl Totals {
    pub(super) fn cost(&self) -> f64 {
        self.holding_cost + self.stockout_cost + self.order_cost + self.waste_cost
    }

    /// Adds one period that counts.
    pub(super) fn add(&mut self, period: &PlayedPeriod, course: &Course, t: usize) {
        let costs = &course.params.costs;
        let (holding, stockout) =
            (costs.holding_cost * period.on_hand as f64, costs.stockout_cost * period.lost as f64);
        let order = if period.ordered > 0 { costs.order_cost } else { 0.0 };
        let waste = costs.waste_cost * period.expired as f64;
        self.demand += period.sold + period.lost;
        self.sold += period.sold;
        self.lost += period.lost;
        self.expired += period.expired;
        self.received += period.received;
        self.ordered += period.ordered;
        self.n_orders += u64::from(period.ordered > 0);
        self.n_periods += 1;
        self.on_hand += period.on_hand;
        self.holding_cost += holding;
        self.stockout_cost += stockout;
        self.order_cost += order;
        self.waste_cost += waste;
        if course.counts[t] {
            self.n_open += 1;
            self.n_in_stock += u64::from(period.on_hand > 0);
            self.n_met += u64::from(period.lost == 0);
        }
        let block = (t - course.first_counted) / course.block;
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, 0.0);
        }
        self.blocks[block] += holding + stockout + order + waste;
    }
}

/// What happened in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PlayedPeriod {
    pub(super) sold: Units,
    pub(super) lost: Units,
    pub(super) expired: Units,
    pub(super) received: Units,
    pub(super) ordered: Units,
    pub(super) on_hand: Units,
}

impl PlayedPeriod {
    /// Total relevant cost of the period.
    pub(super) fn cost(&self, costs: &CostRates) -> f64 {
        let order = if self.ordered > 0 { costs.order_cost } else { 0.0 };
        costs.holding_cost * self.on_hand as f64
            + costs.stockout_cost * self.lost as f64
            + costs.waste_cost * self.expired as f64
            + order
    }
}

/// One policy on one item-location, part of the way through.
#[derive(Clone, Default)]
pub(super) struct Player {
    pub(super) stock: StockState,
    pub(super) totals: Totals,
    /// Whether demand was lost since the last receipt; `None` before the first receipt.
    cycle_short: Option<bool>,
    /// Orders placed: period and quantity.
    pub(super) orders: Vec<(usize, Units)>,
}

/// One item-location with all its players.
pub(super) struct Replay {
    pub(super) course: Course,
    pub(super) players: Vec<Player>,
    pub(super) started: bool,
}

impl Replay {
    pub(super) fn new(course: Course, n_players: usize) -> Self {
        Self { course, players: vec![Player::default(); n_players], started: false }
    }

    /// Plays periods `from..to`. `unit` and `paths` are what was known on the morning of `from`; period 0 of the paths
    /// is `from`. `each` is told what happened, per period that counts and player.
    pub(super) fn play(
        &mut self,
        slots: &[Slot],
        known: &mut Known<'_>,
        (from, to): (usize, usize),
        each: &mut dyn FnMut(usize, usize, &PlayedPeriod),
    ) {
        let configured = known.unit.policy.clone();
        if !self.started {
            self.started = true;
            self.stock_up(known, from);
        }
        for t in from..to {
            let review_period = self.course.review_periods[t];
            if review_period > 0 {
                known.move_to(t, from, review_period);
            }
            for (idx, slot) in slots.iter().enumerate() {
                let player = &mut self.players[idx];
                let quantity = match &slot.rule {
                    _ if review_period == 0 => 0,
                    Rule::Configured => known.decide(&configured, &player.stock),
                    Rule::Named(name) => known.decide(name, &player.stock),
                    Rule::MeanSales { buffer_periods } => {
                        known.decide_shop_rule(&self.course, t, *buffer_periods, &player.stock)
                    }
                };
                let played = player.play(&self.course, t, quantity);
                if t >= self.course.first_counted {
                    each(t, idx, &played);
                }
            }
        }
    }

    /// Plays periods without any order, for an item-location that a plan would leave alone.
    pub(super) fn play_without_orders(
        &mut self,
        (from, to): (usize, usize),
        each: &mut dyn FnMut(usize, usize, &PlayedPeriod),
    ) {
        self.started = true;
        for t in from..to {
            for (idx, player) in self.players.iter_mut().enumerate() {
                let played = player.play(&self.course, t, 0);
                if t >= self.course.first_counted {
                    each(t, idx, &played);
                }
            }
        }
    }

    /// The common start: every player holds the base-stock level of the first review, all of it fresh.
    fn stock_up(&mut self, known: &mut Known<'_>, from: usize) {
        let first_review = self.course.review_periods.iter().copied().find(|periods| *periods > 0).unwrap_or(1);
        known.move_to(from, from, first_review);
        let decided = known.decided("base_stock", &StockState::default());
        let level = decided.decision.target_level.max(decided.review.rules.min_stock);
        let periods_left = known.unit.shelf_life.map_or(i32::MAX, |periods| periods as i32 - 1);
        for player in &mut self.players {
            if level > 0 {
                player.stock.lots = vec![Lot { periods_left, quantity: level }];
            }
        }
    }
}

/// What was known on the morning of an origin, moved from review to review until the next.
pub(super) struct Known<'a> {
    pub(super) settings: &'a PlanSettings,
    pub(super) unit: PlanningUnit,
    /// Joint demand scenarios; period 0 is the origin.
    pub(super) paths: Arc<DemandPaths>,
    /// The same from the review on.
    demand: Arc<DemandPaths>,
    /// First simulated period.
    start: Period,
}

impl<'a> Known<'a> {
    pub(super) fn new(settings: &'a PlanSettings, unit: PlanningUnit, paths: DemandPaths, start: Period) -> Self {
        let paths = Arc::new(paths);
        Self { settings, unit, demand: Arc::clone(&paths), paths, start }
    }

    /// The unit as it stands at a review in period `t`, when the next one is `review_period` periods later.
    fn move_to(&mut self, t: usize, origin: usize, review_period: usize) {
        let bucket = self.unit.bucket;
        let day_of = |t: usize| bucket.first_day(self.start + t as Period);
        self.unit.as_of = day_of(t);
        self.unit.lane.order_day = day_of(t);
        self.unit.lane.next_order_day = day_of(t + review_period);
        self.demand = if t == origin { Arc::clone(&self.paths) } else { tail(&self.paths, t - origin) };
    }

    /// The plan's own decision under a policy.
    fn decided(&mut self, policy: &str, stock: &StockState) -> Decided {
        policy.clone_into(&mut self.unit.policy);
        decide(&self.unit, &self.demand, self.settings, Some(stock), 0)
    }

    fn decide(&mut self, policy: &str, stock: &StockState) -> Units {
        self.decided(policy, stock).ruled.quantity
    }

    /// Mean recent sales over lead time, review period and buffer, under the same ordering rules.
    fn decide_shop_rule(&self, course: &Course, t: usize, buffer_periods: usize, stock: &StockState) -> Units {
        let timing = self.unit.timing();
        let lead_time = timing.lead_times.iter().sum::<usize>() as f64 / timing.lead_times.len() as f64;
        let cover = lead_time.ceil() as usize + timing.review_period + buffer_periods;
        let level = (course.recent_rate(t) * cover as f64).ceil() as Units;
        let wanted = (level - stock.inventory_position()).max(0);
        let review = Review {
            stock: stock.clone(),
            demand: Arc::clone(&self.demand),
            lead_times: timing.lead_times,
            review_period: timing.review_period,
            rules: self.unit.rules.clone(),
            costs: self.unit.costs,
            objective: self.unit.objective,
            shelf_life: self.unit.shelf_life,
        };
        apply_rules(wanted, &review).quantity
    }
}

impl Player {
    /// Plays one period with the one transition function, and books it where it counts.
    fn play(&mut self, course: &Course, t: usize, quantity: Units) -> PlayedPeriod {
        if quantity > 0 {
            self.orders.push((t, quantity));
        }
        let order = PlacedOrder { quantity, lead_time: course.lead_times[t] };
        let outcome = step(&mut self.stock, order, course.demand[t], &course.params);
        let played = PlayedPeriod {
            sold: outcome.sold,
            lost: outcome.lost,
            expired: outcome.expired,
            received: outcome.received,
            ordered: quantity,
            on_hand: self.stock.on_hand(),
        };
        if t < course.first_counted {
            return played;
        }
        self.totals.add(&played, course, t);
        // A cycle runs from one receipt to the next; the parts before the first and after the last do not count.
        if played.received > 0 {
            if let Some(short) = self.cycle_short {
                self.totals.n_cycles += 1;
                self.totals.n_cycles_met += u64::from(!short);
            }
            self.cycle_short = Some(false);
        }
        if played.lost > 0
            && let Some(short) = &mut self.cycle_short
        {
            *short = true;
        }
        played
    }
}

/// Lead times in periods of an order placed on an order day, as believed on the day of the unit.
pub(super) fn believed_lead_times(unit: &PlanningUnit) -> Arc<[usize]> {
    let mut lane = unit.lane.clone();
    // The wait for the next order day is over when the order is placed.
    lane.order_day = unit.as_of;
    lane.timing(unit.as_of, unit.bucket).lead_times
}

/// The paths from period `from` on; the last period is repeated when nothing is left.
pub(super) fn tail(paths: &DemandPaths, from: usize) -> Arc<DemandPaths> {
    let from = from.min(paths.horizon - 1);
    let horizon = paths.horizon - from;
    let mut values = Vec::with_capacity(paths.n_paths() * horizon);
    for idx in 0..paths.n_paths() {
        values.extend_from_slice(&paths.path(idx)[from..]);
    }
    Arc::new(DemandPaths { values, horizon })
}

/// Whole units with the same total: whole numbers stay as they are, fractions (from estimated demand) carry over.
pub(super) fn whole_units(demand: &[f64]) -> Vec<Units> {
    let mut carry = 0.0;
    demand
        .iter()
        .map(|demand| {
            let demand = demand.max(0.0);
            let whole = demand.floor();
            carry += demand - whole;
            if carry >= 0.5 {
                carry -= 1.0;
                whole as Units + 1
            } else {
                whole as Units
            }
        })
        .collect()
}

/// One lead time per period, drawn from the scenarios with a seed; the same for every policy.
pub(super) fn draw_lead_times(scenarios: &[usize], n_periods: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    (0..n_periods)
        .map(|_| {
            let random = next_random(&mut state);
            scenarios[((u128::from(random) * scenarios.len() as u128) >> 64) as usize]
        })
        .collect()
}

/// Cost rates with fields that cannot be negative.
pub(super) fn checked(costs: CostRates) -> CostRates {
    let all = [costs.holding_cost, costs.stockout_cost, costs.order_cost, costs.waste_cost, costs.unit_cost];
    assert!(all.iter().all(|rate| rate.is_finite() && *rate >= 0.0), "cost rates {costs:?} must be >= 0");
    costs
}
