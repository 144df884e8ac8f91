//! The shelf between demand and sales: a replenishment rule of the kind shops have, and what can be sold from it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use restock_core::forecast::Observation;

use super::super::demand::{log_uniform, normal};

/// How a place is replenished.
pub(super) struct Shelf {
    /// Periods between orders.
    review_period: usize,
    /// Periods from an order to its arrival.
    lead_time: usize,
    /// Standard deviations of demand in the order-up-to level.
    safety_factor: f64,
    /// Share of the level that the place can or will hold.
    tightness: f64,
    /// What is left is thrown away at the end of each period, and the next starts with a fresh delivery.
    fresh: bool,
    /// Periods without deliveries, as (first, one past the last).
    disruptions: Vec<(usize, usize)>,
    pack: f64,
}

/// What a shelf made of demand.
pub(super) struct Sold {
    /// `[n_periods]`, units.
    pub(super) sales: Vec<f64>,
    /// `[n_periods]`: share of the period in stock.
    pub(super) availability: Vec<f64>,
    /// `[n_periods]`: whether the shelf was empty at the end of the period or during it.
    pub(super) empty: Vec<bool>,
}

impl Shelf {
    pub(super) fn draw(days_per_period: f64, n_periods: usize, pack: f64, rng: &mut ChaCha8Rng) -> Self {
        let periods = |days: f64| ((days / days_per_period).round() as usize).max(1);
        let disruptions = if rng.random_bool(0.15) {
            (0..rng.random_range(1..=2))
                .map(|_| {
                    let start = rng.random_range(0..n_periods);
                    (start, start + periods(log_uniform(5.0, 60.0, rng)))
                })
                .collect()
        } else {
            Vec::new()
        };
        Self {
            review_period: if rng.random_bool(0.5) { 1 } else { periods(f64::from(rng.random_range(1..=14))) },
            lead_time: periods(f64::from(rng.random_range(1..=21))),
            safety_factor: rng.random_range(0.5..2.6),
            tightness: if rng.random_bool(0.2) { rng.random_range(0.3..0.9) } else { 1.0 },
            fresh: rng.random_bool(0.25),
            disruptions,
            pack: if rng.random_bool(0.5) { pack } else { pack * log_uniform(1.0, 25.0, rng).floor() },
        }
    }

    /// Plays the shelf through demand. Sequence of events in a period: 1. order, 2. receipt, 3. demand.
    pub(super) fn sell(&self, demand: &[f64], rng: &mut ChaCha8Rng) -> Sold {
        let n_periods = demand.len();
        let first = &demand[..n_periods.min(42)];
        let guess = first.iter().sum::<f64>() / first.len() as f64 * normal(0.1, 0.3, rng).exp();
        let (mut mean, mut deviation) = (guess, guess.max(0.05).sqrt());
        let cover = (self.review_period + self.lead_time) as f64;
        let level = |mean: f64, deviation: f64, cover: f64| {
            self.tightness * (mean * cover + self.safety_factor * 1.25 * deviation * cover.sqrt())
        };
        let in_packs = |quantity: f64| (quantity / self.pack).ceil().max(0.0) * self.pack;
        let mut on_hand = in_packs(level(mean, deviation, cover).max(self.pack));
        let mut on_order = 0.0;
        // Orders by period of arrival, in a ring.
        let mut pipeline = vec![0.0; self.lead_time + 1];
        let wobble = rng.random_range(0.7..1.4);
        let mut sold =
            Sold { sales: vec![0.0; n_periods], availability: vec![1.0; n_periods], empty: vec![false; n_periods] };
        for t in 0..n_periods {
            let disrupted = self.disruptions.iter().any(|&(start, end)| (start..end).contains(&t));
            if self.fresh {
                let target = level(mean, deviation, 1.0);
                // Rounded at random: a level below one unit is one unit on some days.
                on_hand = if disrupted { 0.0 } else { (target / self.pack + rng.random::<f64>()).floor() * self.pack };
            } else {
                if t % self.review_period == 0 && !disrupted {
                    let target = level(mean, deviation, cover).max(self.pack);
                    let quantity = in_packs(target - on_hand - on_order);
                    pipeline[(t + self.lead_time) % (self.lead_time + 1)] += quantity;
                    on_order += quantity;
                }
                let arrived = std::mem::take(&mut pipeline[t % (self.lead_time + 1)]);
                on_hand += arrived;
                on_order -= arrived;
            }
            let start = on_hand;
            let sales = demand[t].min(on_hand);
            on_hand -= sales;
            sold.sales[t] = sales;
            if on_hand <= 0.0 {
                sold.empty[t] = true;
                let share = if start <= 0.0 { 0.0 } else { (start / demand[t].max(start)).powf(wobble) };
                sold.availability[t] = share;
            }
            if start > 0.0 {
                deviation += 0.05 * ((sales - mean).abs() - deviation);
                mean += 0.05 * (sales - mean);
                // A place that sells out every day asks for a little more.
                if on_hand <= 0.0 {
                    mean *= 1.01;
                }
            }
            // Nobody lets an item that sells go to nothing for good.
            mean = mean.max(0.02 * guess);
        }
        sold
    }
}

/// How the record shows a period: a sale at an empty shelf is a lower bound.
pub(super) fn observation(open: bool, empty: bool, recorded: bool) -> Observation {
    match (open, empty && recorded) {
        (false, _) => Observation::Closed,
        (true, true) => Observation::Censored,
        (true, false) => Observation::Full,
    }
}
