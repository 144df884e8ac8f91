//! The chain that is simulated: its stores, families and items, with their promotions, prices and lives.

use rand::RngExt;
use restock_core::Day;

use super::ChainConfig;
use super::calendar::{Calendar, HOLIDAYS};
use super::catalogue::{CATEGORIES, PRODUCTS, Product, SUPPLIERS, SupplierTemplate};
use super::demand::{CountModel, category_factors, draw_count_model, log_uniform, normal, trend, weekday_profile};
use super::random::stream;

/// What a random stream is for: the first part of its key.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    Store = 1,
    Category = 2,
    Item = 3,
    Promotions = 4,
    Demand = 5,
    Supply = 6,
    Records = 7,
}

/// Days that are simulated before the recorded history, so that stock has settled.
const BURN_IN_DAYS: usize = 60;

pub(super) struct World {
    pub(super) seed: u64,
    /// Burn-in, history and the future that promotions and holidays are known for.
    pub(super) calendar: Calendar,
    /// Where the recorded history lies in the calendar.
    pub(super) history: std::ops::Range<usize>,
    pub(super) stores: Vec<Store>,
    pub(super) categories: Vec<Family>,
    /// Sorted by item id.
    pub(super) items: Vec<SimulatedItem>,
    pub(super) share_on_off: f64,
}

pub(super) struct Store {
    pub(super) id: String,
    pub(super) name: String,
    /// Demand relative to a store of middle size.
    size: f64,
    weekdays: [f64; 7],
    /// Days on which the store may order from the distribution centre, Monday = 0.
    order_weekdays: [bool; 7],
    /// Days from order to availability.
    lead_time_days: usize,
    pub(super) closed_on_sundays: bool,
    /// `[n_days]`.
    pub(super) open: Vec<bool>,
    /// Whether its stock-outs are written down.
    pub(super) records_stockouts: bool,
}

pub(super) struct Family {
    weekdays: [f64; 7],
    /// Sum of the levels of its items.
    level: f64,
    /// `[n_days]`.
    factors: Vec<f64>,
    /// `[n_days]`: promotion lift beyond 1, averaged over the family by popularity.
    promotion_pressure: Vec<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Promotion {
    /// Day indices of the calendar, both included.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Share of the regular price.
    pub(super) depth: f64,
    pub(super) display: bool,
    /// Factor on demand.
    pub(super) lift: f64,
}

pub(super) struct SimulatedItem {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) product: &'static Product,
    pub(super) supplier: &'static SupplierTemplate,
    /// Smallest units in one base unit: 10 for goods sold by weight, 1 for pieces.
    pub(super) units_per_base: i64,
    /// Mean demand per open day at a middle store, smallest units.
    pub(super) level: f64,
    pub(super) count_model: CountModel,
    /// Day indices of the calendar: on sale from the first up to and including the second.
    pub(super) first_day_idx: Option<usize>,
    pub(super) last_day_idx: Option<usize>,
    pub(super) promotions: Vec<Promotion>,
    /// (first day, price in hundredths), ascending.
    pub(super) prices: Vec<(usize, i64)>,
    pub(super) elasticity: f64,
    payday_lift: f64,
    /// Share of a promotion's lift that the planners foresaw.
    pub(super) foresight: f64,
    /// Cases in the smallest order to the supplier.
    pub(super) min_order_cases: i64,
    /// Base units in a pack to the stores, and in a supplier's case.
    pack: i64,
    case: i64,
}

/// Units that a fresh item sells within its shelf life in a middle store, at least.
const LEAST_SOLD_PER_SHELF_LIFE: f64 = 6.0;

/// Packs of a fresh item that a middle store sells within its shelf life, at least, where a pack can be broken.
const PACKS_PER_SHELF_LIFE: f64 = 4.0;

/// Cases of a fresh item that the chain sells within its shelf life, at least, where a case can be broken.
const CASES_PER_SHELF_LIFE: f64 = 3.0;

/// The largest divisor of `number` that is at most `limit`, at least 1.
fn largest_divisor(number: i64, limit: f64) -> i64 {
    (1..=number).rev().find(|divisor| number % divisor == 0 && *divisor as f64 <= limit).unwrap_or(1)
}

impl World {
    pub(super) fn new(config: &ChainConfig, seed: u64) -> Self {
        assert!(config.n_items > 0 && config.n_stores > 0 && config.n_days > 0, "a chain needs items, stores and days");
        let n_days = BURN_IN_DAYS + config.n_days + config.n_future_days;
        let first_day = config.last_day.plus(1 - (BURN_IN_DAYS + config.n_days) as i32);
        let calendar = Calendar::new(first_day, n_days);
        let history = BURN_IN_DAYS..BURN_IN_DAYS + config.n_days;
        let stores: Vec<Store> = (0..config.n_stores).map(|idx| Store::draw(config, &calendar, idx, seed)).collect();
        let mut items: Vec<SimulatedItem> =
            (0..config.n_items).map(|idx| SimulatedItem::draw(config, &calendar, &history, idx, seed)).collect();
        items.sort_by(|a, b| a.id.cmp(&b.id));
        let categories = (0..CATEGORIES.len()).map(|idx| Family::draw(&calendar, &items, idx, seed)).collect();
        Self { seed, calendar, history, stores, categories, items, share_on_off: config.share_on_off }
    }

    /// `[n_days]` up to the end of the history: expected demand of an item at a middle store on an open average
    /// weekday, smallest units.
    pub(super) fn item_rates(&self, item: &SimulatedItem) -> Vec<f64> {
        let n_days = self.history.end;
        let family = &self.categories[item.product.category_idx];
        let mut rng = stream(self.seed, &[Subject::Item as u64, key_of(&item.id), 1]);
        let mut rates = trend(n_days, &mut rng);
        for (day_idx, rate) in rates.iter_mut().enumerate() {
            *rate *= item.level
                * item.life(day_idx)
                * family.factors[day_idx]
                * (1.0 + item.payday_lift * self.calendar.payday[day_idx]);
        }
        let own = item.promotion_factors(n_days);
        let regular = item.prices[0].1 as f64;
        let mut prices = item.prices.iter().peekable();
        let mut price_factor = 1.0;
        for (day_idx, rate) in rates.iter_mut().enumerate() {
            while let Some((_, price)) = prices.next_if(|(from, _)| *from <= day_idx) {
                price_factor = (*price as f64 / regular).powf(-item.elasticity);
            }
            // What the rest of the family promotes takes a part of this item's customers.
            let own_pressure = (own[day_idx] - 1.0).max(0.0) * item.level / family.level;
            let pressure = (family.promotion_pressure[day_idx] - own_pressure).clamp(0.0, 1.0);
            *rate *= own[day_idx] * price_factor * (1.0 - 0.25 * pressure);
        }
        rates
    }

    /// Weekday and size effects of a store on one day, 0.0 when it is closed.
    pub(super) fn store_factor(&self, store: &Store, category_idx: usize, day_idx: usize) -> f64 {
        if !store.open[day_idx] {
            return 0.0;
        }
        store.size * self.weekday_factor(store, category_idx, day_idx)
    }

    /// How busy a weekday is for a family at a store; the average weekday has about 1.
    pub(super) fn weekday_factor(&self, store: &Store, category_idx: usize, day_idx: usize) -> f64 {
        let weekday_idx = self.calendar.day(day_idx).weekday_idx();
        store.weekdays[weekday_idx] * self.categories[category_idx].weekdays[weekday_idx]
    }
}

/// A stable number for a text id (FNV-1a), so that an item's draws do not depend on its place in the list.
pub(super) fn key_of(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Weekdays on which every store orders what does not keep.
pub(super) const FRESH_ORDER_WEEKDAYS: [bool; 7] = [true, true, true, true, true, true, false];

impl Store {
    /// Days on which the store may order an item, Monday = 0: what does not keep is delivered daily.
    pub(super) fn order_weekdays(&self, item: &SimulatedItem) -> &[bool; 7] {
        if item.is_delivered_daily() { &FRESH_ORDER_WEEKDAYS } else { &self.order_weekdays }
    }

    /// Days from order to availability of an item.
    pub(super) fn lead_time_days(&self, item: &SimulatedItem) -> usize {
        if item.is_delivered_daily() { 1 } else { self.lead_time_days }
    }

    /// Days on which the store may order what keeps.
    pub(super) fn dry_order_weekdays(&self) -> &[bool; 7] {
        &self.order_weekdays
    }

    fn draw(config: &ChainConfig, calendar: &Calendar, store_idx: usize, seed: u64) -> Self {
        let mut rng = stream(seed, &[Subject::Store as u64, store_idx as u64]);
        const PLACES: [(&str, &str); 3] =
            [("harbour", "Harbour store"), ("old-town", "Old Town store"), ("station", "Station store")];
        let (id, name) = match PLACES.get(store_idx) {
            Some((id, name)) if config.n_stores <= PLACES.len() => ((*id).to_owned(), (*name).to_owned()),
            _ => (format!("store-{:04}", store_idx + 1), format!("Store {}", store_idx + 1)),
        };
        // The last store stands at the station and is open on Sundays, so that every chain has sales to its last day.
        let closed_on_sundays = store_idx + 1 < config.n_stores && rng.random_bool(config.share_closed_on_sundays);
        let open = (0..calendar.n_days())
            .map(|day_idx| {
                let day = calendar.day(day_idx);
                let closed_holiday =
                    calendar.holidays.iter().any(|holiday| holiday.day == day && HOLIDAYS[holiday.rule_idx].closed);
                !(closed_holiday || closed_on_sundays && day.weekday_idx() == 6)
            })
            .collect();
        const DELIVERY_PLANS: [[bool; 7]; 3] = [
            [true, true, true, true, true, true, false],
            [true, false, true, false, true, false, false],
            [true, true, false, true, true, false, false],
        ];
        Self {
            id,
            name,
            size: normal(0.0, 0.4, &mut rng).clamp(-1.0, 1.0).exp(),
            weekdays: weekday_profile(log_uniform(0.05, 0.25, &mut rng), &mut rng),
            order_weekdays: DELIVERY_PLANS[rng.random_range(0..DELIVERY_PLANS.len())],
            lead_time_days: rng.random_range(1..=2),
            closed_on_sundays,
            open,
            records_stockouts: rng.random_bool(config.share_stores_recording_stockouts),
        }
    }
}

impl Family {
    fn draw(calendar: &Calendar, items: &[SimulatedItem], category_idx: usize, seed: u64) -> Self {
        let mut rng = stream(seed, &[Subject::Category as u64, category_idx as u64]);
        let weekdays = weekday_profile(log_uniform(0.02, 0.15, &mut rng), &mut rng);
        let factors = category_factors(calendar, &mut rng);
        let members = || items.iter().filter(|item| item.product.category_idx == category_idx);
        let level: f64 = members().map(|item| item.level).sum();
        let mut promotion_pressure = vec![0.0; calendar.n_days()];
        for item in members() {
            for promotion in &item.promotions {
                for pressure in &mut promotion_pressure[promotion.first..=promotion.last] {
                    *pressure += (promotion.lift - 1.0).max(0.0) * item.level / level;
                }
            }
        }
        Self { weekdays, level, factors, promotion_pressure }
    }
}

impl SimulatedItem {
    fn draw(
        config: &ChainConfig,
        calendar: &Calendar,
        history: &std::ops::Range<usize>,
        item_idx: usize,
        seed: u64,
    ) -> Self {
        let product = &PRODUCTS[item_idx % PRODUCTS.len()];
        let variant = item_idx / PRODUCTS.len();
        let (id, name) = match variant {
            0 => (product.id.to_owned(), product.name.to_owned()),
            _ => (format!("{}-{variant:04}", product.id), format!("{} ({})", product.name, variant + 1)),
        };
        let mut rng = stream(seed, &[Subject::Item as u64, key_of(&id)]);
        let own_sd = (config.log_level_sd.powi(2) - POPULARITY_SD.powi(2)).max(0.09).sqrt();
        let log_level = config.log_level_mean + product.log_popularity + normal(-POPULARITY_MEAN, own_sd, &mut rng);
        let units_per_base = if product.by_weight { 10 } else { 1 };
        let shelf_life = product.shelf_life();
        // What would mostly expire is not in the assortment.
        let least = shelf_life.map_or(0.0, |days| LEAST_SOLD_PER_SHELF_LIFE / days as f64);
        let level = log_level.clamp(-5.0, 6.0).exp().max(least) * units_per_base as f64;

        // Launches and endings fall inside the history; a part of the endings lies ahead, announced.
        let first_day_idx = rng
            .random_bool(config.share_launched)
            .then(|| history.start + (rng.random_range(0.05..0.95) * history.len() as f64) as usize);
        let earliest_end = first_day_idx.unwrap_or(history.start) + 60;
        let last_day_idx = rng
            .random_bool(config.share_ended)
            .then(|| history.start + (rng.random_range(0.4..1.15) * history.len() as f64) as usize)
            .filter(|end| (earliest_end..calendar.n_days()).contains(end));

        let elasticity = rng.random_range(0.3..3.0);
        let mut item = Self {
            id,
            name,
            product,
            supplier: &SUPPLIERS[CATEGORIES[product.category_idx].supplier_idx],
            units_per_base,
            level,
            count_model: draw_count_model(product.by_weight, product.is_fresh(), &mut rng),
            first_day_idx,
            last_day_idx,
            promotions: Vec::new(),
            prices: draw_prices(product, calendar.n_days(), &mut rng),
            elasticity,
            payday_lift: rng.random_range(0.0..0.2),
            foresight: rng.random_range(0.2..1.0),
            min_order_cases: rng.random_range(1..=3),
            pack: product.pack,
            case: product.case,
        };
        if let Some(days) = shelf_life {
            // Fresh goods come in packs of which several sell before they expire.
            let sold = item.level / units_per_base as f64 * days as f64;
            item.pack = largest_divisor(product.pack, sold / PACKS_PER_SHELF_LIFE);
            item.case = largest_divisor(product.case, sold * config.n_stores as f64 / CASES_PER_SHELF_LIFE);
            item.min_order_cases = 1;
        }
        item.promotions = draw_promotions(config, calendar, &item, seed);
        item
    }

    /// On sale, as a share of the mature demand: 0 before launch and after the end, ramps in between.
    fn life(&self, day_idx: usize) -> f64 {
        let ramp_up = match self.first_day_idx {
            Some(first) if day_idx < first => return 0.0,
            // A launch finds half of its customers within three weeks.
            Some(first) => 1.0 - (-((day_idx - first) as f64 + 3.0) / 20.0).exp(),
            None => 1.0,
        };
        let ramp_down = match self.last_day_idx {
            Some(last) if day_idx > last => return 0.0,
            Some(last) => (0.3 + 0.7 * (last - day_idx) as f64 / 45.0).min(1.0),
            None => 1.0,
        };
        ramp_up * ramp_down
    }

    pub(super) fn is_listed(&self, day_idx: usize) -> bool {
        self.first_day_idx.is_none_or(|first| first <= day_idx) && self.last_day_idx.is_none_or(|last| day_idx <= last)
    }

    /// `[n_days]`: the factor of the item's own promotions, with the dip after those of goods that keep.
    fn promotion_factors(&self, n_days: usize) -> Vec<f64> {
        const DIP_DAYS: usize = 14;
        let mut factors = vec![1.0; n_days];
        for promotion in &self.promotions {
            let n_promoted = promotion.last + 1 - promotion.first;
            let forward = CATEGORIES[self.product.category_idx].forward_buying;
            let dip = (forward * (promotion.lift - 1.0) * n_promoted as f64 / DIP_DAYS as f64).clamp(0.0, 0.6);
            let days = factors.iter_mut().enumerate().take(promotion.last + DIP_DAYS + 1).skip(promotion.first);
            for (day_idx, factor) in days {
                *factor *= if day_idx <= promotion.last { promotion.lift } else { 1.0 - dip };
            }
        }
        factors
    }

    /// The promotion that runs on a day.
    pub(super) fn promotion_on(&self, day_idx: usize) -> Option<&Promotion> {
        self.promotions.iter().find(|promotion| promotion.first <= day_idx && day_idx <= promotion.last)
    }

    pub(super) fn shelf_life(&self) -> Option<usize> {
        self.product.shelf_life()
    }

    pub(super) fn is_delivered_daily(&self) -> bool {
        self.product.is_fresh()
    }

    pub(super) fn pack_units(&self) -> i64 {
        self.pack * self.units_per_base
    }

    pub(super) fn case_units(&self) -> i64 {
        self.case * self.units_per_base
    }
}

/// Mean and standard deviation of [`Product::log_popularity`] over the catalogue.
const POPULARITY_MEAN: f64 = 0.2;
const POPULARITY_SD: f64 = 1.15;

/// Regular prices move by a few steps, mostly upwards.
fn draw_prices(product: &Product, n_days: usize, rng: &mut rand_chacha::ChaCha8Rng) -> Vec<(usize, i64)> {
    let mut prices = vec![(0, product.price_cents)];
    let yearly_steps = rng.random_range(0.0..2.5);
    for day_idx in 1..n_days {
        if rng.random_bool(yearly_steps / 365.0) {
            let (_, price) = *prices.last().expect("the first price");
            let moved = (price as f64 * rng.random_range(0.96..1.08)).round() as i64;
            // Prices end in a nine.
            let moved = (moved / 10 * 10 + 9).max(product.cost_cents + 5);
            if moved != price {
                prices.push((day_idx, moved));
            }
        }
    }
    prices
}

fn draw_promotions(config: &ChainConfig, calendar: &Calendar, item: &SimulatedItem, seed: u64) -> Vec<Promotion> {
    let mut rng = stream(seed, &[Subject::Promotions as u64, key_of(&item.id)]);
    if !rng.random_bool(config.share_promoted) {
        return Vec::new();
    }
    let mean_gap = rng.random_range(20.0..120.0_f64);
    let display_lift = log_uniform(1.05, 1.6, &mut rng);
    let mut promotions = Vec::new();
    let mut day_idx = 0;
    loop {
        // A geometric gap; promotions start on Mondays.
        day_idx += 7 + (-mean_gap * (1.0 - rng.random::<f64>()).ln()) as usize;
        day_idx += (7 - calendar.day(day_idx).weekday_idx()) % 7;
        let last = day_idx + [2, 6, 6, 13][rng.random_range(0..4)];
        if last >= calendar.n_days() {
            return promotions;
        }
        let depth = f64::from(rng.random_range(1..=8)) * 0.05;
        let display = rng.random_bool(0.4);
        let lift = (1.0 - depth).powf(-item.elasticity)
            * if display { display_lift } else { 1.0 }
            * normal(0.0, 0.15, &mut rng).exp();
        if item.is_listed(day_idx) && item.is_listed(last) {
            promotions.push(Promotion { first: day_idx, last, depth, display, lift: lift.clamp(0.9, 6.0) });
        }
        day_idx = last;
    }
}

impl World {
    /// The calendar day of a day index.
    pub(super) fn day(&self, day_idx: usize) -> Day {
        self.calendar.day(day_idx)
    }
}
