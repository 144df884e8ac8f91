//! Playing one item-location through the past, several policies in step.
//!
//! All policies see the same forecasts, order opportunities and lead times, meet the same demand, and start from the
//! same stock, so that their difference is the policies' alone.

use std::sync::Arc;

use restock_core::policy::{OrderingRules, Review};
use restock_core::stock::Lot;
use restock_core::{StockState, Units};
use restock_inventory::item_location::PlacedOrder;
use restock_inventory::rules::apply_rules;

use crate::play::{Frame, Known, PlayedPeriod, Player};

/// Days of one block of costs for the bootstrap.
pub(super) const BLOCK_DAYS: usize = 28;

/// What is the same for every policy of one item-location, for the whole replay.
pub(super) struct Course {
    /// Demand of each simulated period, units.
    pub(super) demand: Vec<Units>,
    /// Recorded sales of the `n_lookback` periods before the replay and of its periods, units; NaN where not open.
    pub(super) recorded: Vec<f64>,
    pub(super) n_lookback: usize,
    /// Periods to the next opportunity, for periods with an order opportunity; 0 for the others.
    pub(super) review_periods: Vec<usize>,
    /// Lead time of an order placed in each period.
    pub(super) lead_times: Vec<usize>,
    pub(super) frame: Frame,
}

impl Course {
    /// Mean recorded sales per open period over the `n_lookback` periods before `t`.
    fn recent_rate(&self, t: usize) -> f64 {
        let recent = &self.recorded[t..t + self.n_lookback];
        let open: Vec<f64> = recent.iter().copied().filter(|sold| !sold.is_nan()).collect();
        if open.is_empty() { 0.0 } else { open.iter().sum::<f64>() / open.len() as f64 }
    }
}

/// A period in which an order may be placed, and what it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Opportunity {
    pub(super) placed: usize,
    /// Period from which on the units can be sold.
    pub(super) arrives: usize,
    /// An order is a multiple of so many units.
    pub(super) order_multiple: Units,
    /// Smallest order, units.
    pub(super) min_order: Units,
    /// Largest order under any maximum, units.
    pub(super) max_order: Option<Units>,
    /// Largest inventory position with the order, units.
    pub(super) max_stock: Option<Units>,
    /// Whether a maximum depends on the stock there is.
    pub(super) is_capped: bool,
}

impl Opportunity {
    /// The opportunity under the rules of an item-location; `None` where nothing may be ordered.
    fn new(placed: usize, lead_time: usize, rules: &OrderingRules) -> Option<Self> {
        let caps = [rules.max_order, rules.max_stock, rules.shelf_capacity];
        (!rules.do_not_order).then(|| Self {
            placed,
            arrives: placed + lead_time,
            order_multiple: rules.order_multiple.max(1),
            min_order: rules.min_order,
            max_order: caps.into_iter().flatten().min(),
            max_stock: rules.max_stock,
            is_capped: rules.max_stock.is_some() || rules.shelf_capacity.is_some(),
        })
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

/// One item-location with all its players.
pub(super) struct Replay {
    pub(super) course: Course,
    pub(super) players: Vec<Player>,
    /// `[n_players]`: orders placed, period and quantity.
    pub(super) orders: Vec<Vec<(usize, Units)>>,
    /// Every order opportunity so far, by period.
    pub(super) opportunities: Vec<Opportunity>,
    /// The stock that every player started with.
    pub(super) start: Vec<Lot>,
    pub(super) started: bool,
}

impl Replay {
    pub(super) fn new(course: Course, n_players: usize) -> Self {
        Self {
            course,
            players: vec![Player::default(); n_players],
            orders: vec![Vec::new(); n_players],
            opportunities: Vec::new(),
            start: Vec::new(),
            started: false,
        }
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
                known.move_to(t, from, review_period, usize::MAX);
                self.opportunities.extend(Opportunity::new(t, self.course.lead_times[t], &known.unit.rules));
            }
            for (idx, slot) in slots.iter().enumerate() {
                let stock = &self.players[idx].stock;
                let quantity = match &slot.rule {
                    _ if review_period == 0 => 0,
                    Rule::Configured => known.decide(&configured, stock),
                    Rule::Named(name) => known.decide(name, stock),
                    Rule::MeanSales { buffer_periods } => {
                        known.decide_shop_rule(&self.course, t, *buffer_periods, stock)
                    }
                };
                let played = self.play_period(idx, t, quantity);
                if t >= self.course.frame.first_counted {
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
            for idx in 0..self.players.len() {
                let played = self.play_period(idx, t, 0);
                if t >= self.course.frame.first_counted {
                    each(t, idx, &played);
                }
            }
        }
    }

    fn play_period(&mut self, idx: usize, t: usize, quantity: Units) -> PlayedPeriod {
        if quantity > 0 {
            self.orders[idx].push((t, quantity));
        }
        let order = PlacedOrder { quantity, lead_time: self.course.lead_times[t] };
        self.players[idx].play(&self.course.frame, t, order, self.course.demand[t])
    }

    /// The common start: every player holds the base-stock level of the first review, all of it fresh.
    fn stock_up(&mut self, known: &mut Known<'_>, from: usize) {
        let first_review = self.course.review_periods.iter().copied().find(|periods| *periods > 0).unwrap_or(1);
        known.move_to(from, from, first_review, usize::MAX);
        let decided = known.decided("base_stock", &StockState::default());
        let level = decided.decision.target_level.max(decided.review.rules.min_stock);
        let periods_left = known.unit.shelf_life.map_or(i32::MAX, |periods| periods as i32 - 1);
        if level > 0 {
            self.start = vec![Lot { periods_left, quantity: level }];
        }
        for player in &mut self.players {
            player.stock.lots.clone_from(&self.start);
        }
    }
}

impl Known<'_> {
    /// Mean recent sales over lead time, review period and buffer, under the same ordering rules.
    fn decide_shop_rule(&self, course: &Course, t: usize, buffer_periods: usize, stock: &StockState) -> Units {
        let timing = self.unit.timing();
        let lead_time = timing.lead_times.iter().sum::<usize>() as f64 / timing.lead_times.len() as f64;
        let cover = lead_time.ceil() as usize + timing.review_period + buffer_periods;
        let level = (course.recent_rate(t) * cover as f64).ceil() as Units;
        let wanted = (level - stock.inventory_position()).max(0);
        let review = Review {
            stock: stock.clone(),
            demand: Arc::clone(self.demand()),
            lead_times: timing.lead_times,
            review_period: timing.review_period,
            rules: self.unit.rules.clone(),
            costs: self.unit.costs,
            objective: self.unit.objective,
            shelf_life: self.unit.shelf_life,
            backorder: self.unit.backorder,
        };
        apply_rules(wanted, &review).quantity
    }
}
