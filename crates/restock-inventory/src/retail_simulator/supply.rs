//! How the chain was supplied: every store orders from the distribution centre, which orders from the supplier.
//!
//! Orders follow a periodic-review order-up-to rule on moving averages, as a careful but simple system would place
//! them. It knows opening days, packs and shelf life, and only a part of what promotions do, so shelves run empty and
//! sales understate demand, as in real chains.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};
use restock_core::{CostRates, StockState, Units};

use super::demand::{SeriesNoise, draw_demand, normal};
use super::random::stream;
use super::world::{SimulatedItem, Store, Subject, World, key_of};
use super::{ItemHistory, SeriesHistory, SupplyOrder};
use crate::item_location::{ItemLocationParams, PlacedOrder, step};
use crate::rules::round_up;

/// A moving mean and mean absolute deviation of what was wanted per day.
struct MovingAverage {
    mean: f64,
    deviation: f64,
    weight: f64,
}

impl MovingAverage {
    fn new(mean: f64, weight: f64) -> Self {
        Self { mean, deviation: mean.max(0.05).sqrt(), weight }
    }

    fn update(&mut self, value: f64) {
        self.deviation += self.weight * ((value - self.mean).abs() - self.deviation);
        self.mean += self.weight * (value - self.mean);
    }

    /// The stock that covers `n_days` usual days with `safety_factor` standard deviations to spare. A normal
    /// distribution has a standard deviation of 1.25 mean absolute deviations.
    fn cover(&self, n_days: f64, safety_factor: f64) -> f64 {
        self.mean * n_days + safety_factor * 1.25 * self.deviation * n_days.sqrt()
    }
}

/// One item at one store or at the distribution centre, while the days go by.
struct Place {
    stock: StockState,
    params: ItemLocationParams,
    history: SeriesHistory,
}

impl Place {
    fn new(item: &SimulatedItem, n_days: usize) -> Self {
        let free =
            CostRates { unit_cost: 0.0, holding_cost: 0.0, stockout_cost: 0.0, order_cost: 0.0, waste_cost: 0.0 };
        let params = ItemLocationParams { shelf_life: item.shelf_life(), ..ItemLocationParams::lost_sales(free) };
        Self { stock: StockState::default(), params, history: SeriesHistory::with_capacity(n_days) }
    }

    /// Plays one day, writes it down where `recorded`, and returns what was sold.
    fn play(&mut self, order: PlacedOrder, demand: Units, recorded: bool) -> Units {
        if recorded && self.history.demand.is_empty() {
            self.history.on_hand_at_start = self.stock.on_hand();
        }
        let outcome = step(&mut self.stock, order, demand, &self.params);
        if recorded {
            let history = &mut self.history;
            history.demand.push(demand);
            history.sold.push(outcome.sold);
            history.received.push(outcome.received);
            history.expired.push(outcome.expired);
            history.on_hand.push(self.stock.on_hand());
        }
        outcome.sold
    }
}

/// How a store orders one item.
pub(super) struct StoreRule {
    average: MovingAverage,
    safety_factor: f64,
}

impl StoreRule {
    /// `[n_stores]` rules, each with the first guess of a planner, off by a third either way.
    pub(super) fn draw(item: &SimulatedItem, demands: &[Vec<Units>], rng: &mut ChaCha8Rng) -> Vec<Self> {
        let listed_from = item.first_day_idx.unwrap_or(0);
        demands
            .iter()
            .map(|demand| {
                let n_days = demand.len();
                let first_weeks = &demand[listed_from.min(n_days - 1)..(listed_from + 42).min(n_days)];
                let mean = first_weeks.iter().sum::<Units>() as f64 / first_weeks.len() as f64;
                Self {
                    average: MovingAverage::new(mean * normal(0.1, 0.3, rng).exp(), 0.05),
                    safety_factor: rng.random_range(0.8..2.5),
                }
            })
            .collect()
    }

    /// Takes in what a day sold. An empty shelf teaches nothing; neither does a closed shop.
    pub(super) fn learn(
        &mut self,
        world: &World,
        item: &SimulatedItem,
        store: &Store,
        day_idx: usize,
        had_stock: bool,
        sold: Units,
    ) {
        if store.open[day_idx] && had_stock && item.is_listed(day_idx) {
            let weekday = world.weekday_factor(store, item.product.category_idx, day_idx);
            self.average.update(sold as f64 / (foreseen_lift(item, day_idx) * weekday));
        }
    }
}

/// `[n_stores][n_days]`: what customers want of an item.
pub(super) fn demands(world: &World, item: &SimulatedItem) -> Vec<Vec<Units>> {
    let category_idx = item.product.category_idx;
    let item_rates = world.item_rates(item);
    (world.stores.iter().enumerate())
        .map(|(store_idx, store)| {
            let mut rng = stream(world.seed, &[Subject::Demand as u64, key_of(&item.id), store_idx as u64]);
            let local = normal(0.0, 0.35, &mut rng).exp();
            let noise = SeriesNoise::draw(if item.is_delivered_daily() { 0.0 } else { world.share_on_off }, &mut rng);
            let rates = item_rates
                .iter()
                .enumerate()
                .map(|(day_idx, rate)| rate * local * world.store_factor(store, category_idx, day_idx));
            draw_demand(rates, item.count_model, &noise, &mut rng)
        })
        .collect()
}

/// Simulates one item in every store and in the distribution centre. Only the world's seed and the item decide.
pub(super) fn simulate_item(world: &World, item_idx: usize) -> ItemHistory {
    let item = &world.items[item_idx];
    let n_days = world.history.end;
    let mut rng = stream(world.seed, &[Subject::Supply as u64, key_of(&item.id)]);

    let demands = demands(world, item);

    let mut places: Vec<Place> = world.stores.iter().map(|_| Place::new(item, world.history.len())).collect();
    let mut rules = StoreRule::draw(item, &demands, &mut rng);
    let mut centre = Place::new(item, world.history.len());
    let usual_total: f64 = rules.iter().map(|rule| rule.average.mean).sum();
    let mut centre_average = MovingAverage::new(usual_total, 0.03);
    // Stores order in bursts on their order days, so the spread at the centre starts near the mean.
    centre_average.deviation = usual_total;
    let centre_safety = rng.random_range(0.8..2.2);
    let lead_times = LeadTimes::of(item);

    let mut orders = Vec::new();
    let mut requests = vec![0; places.len()];
    for day_idx in 0..n_days {
        let recorded = world.history.contains(&day_idx);
        let weekday_idx = world.day(day_idx).weekday_idx();

        // Stores ask.
        for ((request, place), (rule, store)) in requests.iter_mut().zip(&places).zip(rules.iter().zip(&world.stores)) {
            *request = if store.order_weekdays(item)[weekday_idx] {
                store_request(world, item, store, rule, &place.stock, day_idx)
            } else {
                0
            };
        }

        // The centre orders, receives and ships.
        let orders_today = item.supplier.order_weekdays.contains(&weekday_idx);
        let quantity =
            if orders_today { centre_order(item, &centre_average, centre_safety, &centre.stock, day_idx) } else { 0 };
        let order = PlacedOrder { quantity, lead_time: lead_times.draw(&mut rng) };
        if quantity > 0 {
            orders.push(SupplyOrder {
                store_idx: None,
                quantity,
                ordered_on: world.day(day_idx),
                due_on: world.day(day_idx + lead_times.promised),
                received_on: world.day(day_idx + order.lead_time),
            });
        }
        let requested: Units = requests.iter().sum();
        let mut shipped = centre.play(order, requested, recorded);
        // The spread between order days is planned for by the number of days, so the average runs over all days.
        centre_average.update(requested as f64);

        // Stores receive and sell. Who comes first when the centre runs short changes from day to day.
        let n_stores = places.len();
        for turn in 0..n_stores {
            let store_idx = (turn + day_idx) % n_stores;
            let store = &world.stores[store_idx];
            let quantity = requests[store_idx].min(shipped);
            shipped -= quantity;
            let place = &mut places[store_idx];
            let had_stock = place.stock.on_hand() > 0 || quantity > 0;
            let lead_time = store.lead_time_days(item);
            let order = PlacedOrder { quantity, lead_time };
            let demand = demands[store_idx][day_idx];
            let sold = place.play(order, demand, recorded);
            if quantity > 0 {
                let received_on = world.day(day_idx + lead_time);
                orders.push(SupplyOrder {
                    store_idx: Some(store_idx),
                    quantity,
                    ordered_on: world.day(day_idx),
                    due_on: received_on,
                    received_on,
                });
            }
            rules[store_idx].learn(world, item, store, day_idx, had_stock, sold);
        }
        assert_eq!(shipped, 0, "what left the centre has gone to a store");
    }
    ItemHistory {
        item_idx,
        stores: places.into_iter().map(|place| place.history.ended_with(place.stock)).collect(),
        centre: centre.history.ended_with(centre.stock),
        orders,
    }
}

/// What the planners think a day's promotions do.
fn foreseen_lift(item: &SimulatedItem, day_idx: usize) -> f64 {
    item.promotion_on(day_idx).map_or(1.0, |promotion| 1.0 + item.foresight * (promotion.lift - 1.0))
}

/// Order up to the demand expected until the delivery after this one, in packs.
pub(super) fn store_request(
    world: &World,
    item: &SimulatedItem,
    store: &Store,
    rule: &StoreRule,
    stock: &StockState,
    day_idx: usize,
) -> Units {
    let lead_time = store.lead_time_days(item);
    // Stock for the launch is sent a few days ahead; before the end nothing more is sent.
    if item.first_day_idx.is_some_and(|first| day_idx + 4 < first)
        || item.last_day_idx.is_some_and(|last| day_idx + lead_time + 3 > last)
    {
        return 0;
    }
    let order_weekdays = store.order_weekdays(item);
    let days_to_next_order = (1..=7)
        .find(|days| order_weekdays[world.day(day_idx + days).weekday_idx()])
        .expect("a store orders at least once a week");
    // Days as long as a usual one: busier weekdays and promotions count for more than one.
    let usual_days = |ahead: usize| match store.open.get(day_idx + ahead) {
        Some(true) => {
            foreseen_lift(item, day_idx + ahead)
                * world.weekday_factor(store, item.product.category_idx, day_idx + ahead)
        }
        _ => 0.0,
    };
    let protection = days_to_next_order + lead_time;
    let n_days: f64 = (0..protection).map(usual_days).sum();
    let mut target = rule.average.cover(n_days, rule.safety_factor);
    let mut unsold = 0.0;
    if let Some(shelf_life) = item.shelf_life() {
        target = target.min(rule.average.mean * n_days.max(shelf_life as f64));
        // What will expire before the delivery after this one, and before anybody wants it, does not count as stock.
        let (mut in_lots, mut wanted, mut counted_days) = (0.0, 0.0, 0);
        for lot in stock.lots.iter().take_while(|lot| lot.periods_left < protection as i32) {
            in_lots += lot.quantity as f64;
            while counted_days <= lot.periods_left as usize {
                wanted += rule.average.mean * usual_days(counted_days);
                counted_days += 1;
            }
            unsold = (in_lots - wanted).max(unsold);
        }
    }
    let pack = item.pack_units();
    // At least one piece stands on the shelf.
    let missing = ((target + unsold).round() as Units).max(item.units_per_base) - stock.inventory_position();
    round_up(missing.max(0), pack)
}

/// Order up to the stores' orders expected until the delivery after this one, in cases.
fn centre_order(
    item: &SimulatedItem,
    average: &MovingAverage,
    safety_factor: f64,
    stock: &StockState,
    day_idx: usize,
) -> Units {
    let (lead_time, _) = item.supplier.lead_time_days;
    let review = 7.0 / item.supplier.order_weekdays.len() as f64;
    // What keeps gets a day more than it needs.
    let n_days = lead_time + review + if item.shelf_life().is_none() { 1.0 } else { 0.0 };
    if item.first_day_idx.is_some_and(|first| day_idx as f64 + lead_time + review + 7.0 < first as f64)
        || item.last_day_idx.is_some_and(|last| day_idx as f64 + n_days > last as f64)
    {
        return 0;
    }
    let foreseen = (0..n_days as usize).map(|ahead| foreseen_lift(item, day_idx + ahead)).sum::<f64>() / n_days.floor();
    let mut target = average.cover(n_days * foreseen, safety_factor);
    if let Some(shelf_life) = item.shelf_life() {
        target = target.min(average.mean * foreseen * n_days.max(shelf_life as f64 - 1.0));
    }
    let missing = target.round() as Units - stock.inventory_position();
    if missing <= 0 {
        return 0;
    }
    let case = item.case_units();
    ((missing + case - 1) / case).max(item.min_order_cases) * case
}

/// The days from an order to its arrival: at least 1, gamma-distributed where the supplier is not exact.
struct LeadTimes {
    distribution: Option<Gamma<f64>>,
    promised: usize,
}

impl LeadTimes {
    fn of(item: &SimulatedItem) -> Self {
        let (mean, sd) = item.supplier.lead_time_days;
        let distribution =
            (sd > 0.0).then(|| Gamma::new((mean / sd).powi(2), sd * sd / mean).expect("a positive mean and deviation"));
        Self { distribution, promised: mean.round() as usize }
    }

    fn draw(&self, rng: &mut rand_chacha::ChaCha8Rng) -> usize {
        match &self.distribution {
            Some(gamma) => (gamma.sample(rng).round() as usize).max(1),
            None => self.promised,
        }
    }
}
