//! Playing one item-location forward, period by period: what backtests and simulations share.
//!
//! A [`Player`] holds a stock and plays periods with the one transition function; [`Known`] decides with the plan's own
//! function what to order. Demand and lead times are arguments: a backtest takes them from the past, a simulation draws
//! them.

use std::sync::Arc;

use restock_core::policy::{Decision, DemandPaths};
use restock_core::settings::PlanSettings;
use restock_core::{CostRates, Day, ItemIdx, LocationIdx, StockState, Units};
use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, step};

use crate::decide::{Decided, decide, decide_again};
use crate::health::LaneIndex;
use crate::unit::PlanningUnit;

/// How the periods of one item-location are counted.
pub(crate) struct Frame {
    /// Whether the period was open and known; others do not count in service indicators.
    pub(crate) counts: Vec<bool>,
    /// Cost rates that the money indicators use throughout, whatever was believed when.
    pub(crate) params: ItemLocationParams,
    /// First period that counts.
    pub(crate) first_counted: usize,
    /// Periods per cost block, for the bootstrap; 0 keeps no blocks.
    pub(crate) block: usize,
}

/// Sums over the periods that count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) demand: Units,
    pub(crate) sold: Units,
    pub(crate) lost: Units,
    pub(crate) expired: Units,
    pub(crate) received: Units,
    pub(crate) ordered: Units,
    pub(crate) n_orders: u64,
    pub(crate) n_periods: u64,
    pub(crate) n_open: u64,
    pub(crate) n_in_stock: u64,
    pub(crate) n_met: u64,
    pub(crate) n_cycles: u64,
    pub(crate) n_cycles_met: u64,
    /// Sum of units on the shelf at the end of each period.
    pub(crate) on_hand: Units,
    pub(crate) holding_cost: f64,
    pub(crate) stockout_cost: f64,
    pub(crate) order_cost: f64,
    pub(crate) waste_cost: f64,
    /// Cost per block of periods, for the bootstrap.
    pub(crate) blocks: Vec<f64>,
}

impl Totals {
    pub(crate) fn cost(&self) -> f64 {
        self.holding_cost + self.stockout_cost + self.order_cost + self.waste_cost
    }

    /// Adds one period that counts.
    pub(crate) fn add(&mut self, period: &PlayedPeriod, frame: &Frame, t: usize) {
        let costs = &frame.params.costs;
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
        if frame.counts[t] {
            self.n_open += 1;
            self.n_in_stock += u64::from(period.on_hand > 0);
            self.n_met += u64::from(period.lost == 0);
        }
        if frame.block == 0 {
            return;
        }
        let block = (t - frame.first_counted) / frame.block;
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, 0.0);
        }
        self.blocks[block] += holding + stockout + order + waste;
    }
}

/// What happened in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlayedPeriod {
    pub(crate) sold: Units,
    pub(crate) lost: Units,
    pub(crate) expired: Units,
    pub(crate) received: Units,
    pub(crate) ordered: Units,
    pub(crate) on_hand: Units,
}

impl PlayedPeriod {
    /// Total relevant cost of the period.
    pub(crate) fn cost(&self, costs: &CostRates) -> f64 {
        let order = if self.ordered > 0 { costs.order_cost } else { 0.0 };
        costs.holding_cost * self.on_hand as f64
            + costs.stockout_cost * self.lost as f64
            + costs.waste_cost * self.expired as f64
            + order
    }
}

/// One policy on one item-location, part of the way through.
#[derive(Clone, Default)]
pub(crate) struct Player {
    pub(crate) stock: StockState,
    pub(crate) totals: Totals,
    /// Whether demand was lost since the last receipt; `None` before the first receipt.
    cycle_short: Option<bool>,
}

impl Player {
    /// A player who starts from a stock.
    pub(crate) fn new(stock: StockState) -> Self {
        Self { stock, ..Self::default() }
    }

    /// Plays one period with the one transition function, and books it where it counts.
    pub(crate) fn play(&mut self, frame: &Frame, t: usize, order: PlacedOrder, demand: Units) -> PlayedPeriod {
        let outcome = step(&mut self.stock, order, demand, &frame.params);
        let played = PlayedPeriod {
            sold: outcome.sold,
            lost: outcome.lost,
            expired: outcome.expired,
            received: outcome.received,
            ordered: order.quantity,
            on_hand: self.stock.on_hand(),
        };
        if t < frame.first_counted {
            return played;
        }
        self.totals.add(&played, frame, t);
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

    /// Books that others wanted more than could be sent to them in a period that was just played.
    pub(crate) fn fell_short(&mut self, frame: &Frame, t: usize, played: &PlayedPeriod) {
        if frame.counts[t] && played.lost == 0 {
            self.totals.n_met -= 1;
        }
        if let Some(short) = &mut self.cycle_short {
            *short = true;
        }
    }
}

/// What was known on the morning of an origin, moved from review to review until the next.
pub(crate) struct Known<'a> {
    pub(crate) settings: &'a PlanSettings,
    pub(crate) unit: PlanningUnit,
    /// Joint demand scenarios; period 0 is the origin.
    pub(crate) paths: Arc<DemandPaths>,
    /// The same from the review on.
    demand: Arc<DemandPaths>,
    /// First simulated day.
    start: Day,
    /// Decisions at the present review, one per policy asked for.
    earlier: Vec<Earlier>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(settings: &'a PlanSettings, unit: PlanningUnit, paths: Arc<DemandPaths>, start: Day) -> Self {
        Self { settings, unit, demand: Arc::clone(&paths), paths, start, earlier: Vec::new() }
    }

    /// The unit as it stands at a review in period `t`, when the next one is `review_period` periods later. The review
    /// looks at most `horizon` periods ahead.
    pub(crate) fn move_to(&mut self, t: usize, origin: usize, review_period: usize, horizon: usize) {
        let day_of = |t: usize| self.start.plus(t as i32);
        self.unit.as_of = day_of(t);
        self.unit.lane.order_day = day_of(t);
        self.unit.lane.next_order_day = day_of(t + review_period);
        let is_all = t == origin && self.paths.horizon <= horizon;
        self.demand = if is_all { Arc::clone(&self.paths) } else { part(&self.paths, t - origin, horizon) };
        self.earlier.clear();
    }

    /// Joint demand scenarios from the present review on.
    pub(crate) fn demand(&self) -> &Arc<DemandPaths> {
        &self.demand
    }

    /// The plan's own decision under a policy.
    pub(crate) fn decided(&mut self, policy: &str, stock: &StockState) -> Decided {
        policy.clone_into(&mut self.unit.policy);
        decide(&self.unit, &self.demand, self.settings, Some(stock), 0)
    }

    /// What the plan would order. A second stock at the same review costs a fraction of the first.
    pub(crate) fn decide(&mut self, policy: &str, stock: &StockState) -> Units {
        if let Some(earlier) = self.earlier.iter().find(|earlier| earlier.asked == policy) {
            policy.clone_into(&mut self.unit.policy);
            let again = decide_again(&self.unit, &self.demand, self.settings, Some(stock), 0, Some(&earlier.decision));
            return again.ruled.quantity;
        }
        let decided = self.decided(policy, stock);
        let quantity = decided.ruled.quantity;
        self.earlier.push(Earlier { asked: policy.to_owned(), decision: decided.decision });
        quantity
    }
}

/// A decision at the present review.
struct Earlier {
    /// The policy asked for.
    asked: String,
    decision: Decision,
}

/// Lead times in periods of an order placed on an order day, as believed on the day of the unit.
pub(crate) fn believed_lead_times(unit: &PlanningUnit) -> Arc<[usize]> {
    let mut lane = unit.lane.clone();
    // The wait for the next order day is over when the order is placed.
    lane.order_day = unit.as_of;
    lane.timing(unit.as_of).lead_times
}

/// Periods `from..from + horizon` of the paths, as far as they go; at least the last period.
pub(crate) fn part(paths: &DemandPaths, from: usize, horizon: usize) -> Arc<DemandPaths> {
    let from = from.min(paths.horizon - 1);
    let horizon = (paths.horizon - from).min(horizon.max(1));
    Arc::new(paths.part(from, horizon))
}

/// Whole units with the same total: whole numbers stay as they are, fractions (from estimated demand) carry over.
pub(crate) fn whole_units(demand: &[f64]) -> Vec<Units> {
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
pub(crate) fn draw_lead_times(scenarios: &[usize], n_periods: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    (0..n_periods)
        .map(|_| {
            let random = next_random(&mut state);
            pick(scenarios, random)
        })
        .collect()
}

/// One of equally likely scenarios, for a random number.
pub(crate) fn pick(scenarios: &[usize], random: u64) -> usize {
    scenarios[((u128::from(random) * scenarios.len() as u128) >> 64) as usize]
}

/// A number in [0, 1), for a random number.
pub(crate) fn uniform(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// Cost rates with fields that cannot be negative.
pub(crate) fn checked(costs: CostRates) -> CostRates {
    let all = [costs.holding_cost, costs.stockout_cost, costs.order_cost, costs.waste_cost, costs.unit_cost];
    assert!(all.iter().all(|rate| rate.is_finite() && *rate >= 0.0), "cost rates {costs:?} must be >= 0");
    costs
}

/// SplitMix64 (Steele, Lea & Flood, 2014).
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// `[n_periods]` days from `start` on: days to the next order opportunity for periods that have one, 0 for the others.
///
/// Order days come from the lane's calendars; without any there is an opportunity every `every` periods.
pub(crate) fn review_periods(
    lanes: &LaneIndex<'_>,
    unit: &PlanningUnit,
    (item, location): (ItemIdx, LocationIdx),
    (start, n_periods): (Day, usize),
    every: usize,
) -> Vec<usize> {
    let order_days = lanes.order_days(item, location, &unit.lane.source);
    let is_open: Vec<bool> = match &order_days {
        None => (0..n_periods).map(|t| t % every == 0).collect(),
        Some(order_days) => (0..n_periods).map(|t| order_days.allows(start.plus(t as i32))).collect(),
    };
    let usual = match &order_days {
        None => every,
        Some(_) => unit.lane.review_days() as usize,
    };
    gaps(&is_open, usual)
}

/// Periods from each opportunity to the next, 0 where there is none; beyond the end the rhythm goes on as it was.
pub(crate) fn gaps(is_open: &[bool], mut usual: usize) -> Vec<usize> {
    let mut gaps = vec![0; is_open.len()];
    let mut next = None;
    for t in (0..is_open.len()).rev().filter(|t| is_open[*t]) {
        if let Some(next) = next {
            usual = next - t;
        }
        gaps[t] = usual;
        next = Some(t);
    }
    gaps
}
