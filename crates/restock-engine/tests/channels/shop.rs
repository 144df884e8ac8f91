//! A shop whose truth is known, played day by day with the orders of plans: what a channel is worth is the difference
//! between two plays of the same demand, losses and temperatures.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Poisson};
use restock_core::dataset::{
    AdjustmentRow, Dataset, EventRow, ForecastOverrideRow, InventoryRow, Origin, PromotionRow, ReadingRow, RowRef,
    SignalRow, Supplier,
};
use restock_core::settings::PlanSettings;
use restock_core::{Day, Forecaster, ItemIdx, LocationIdx, Quantity, SupplierIdx};
use restock_engine::{check, plan};

use crate::fixtures::{self, RecentMean};

/// What a lost unit and a unit thrown away cost: an item costs 1 and sells for 3.
const MARGIN: f64 = 2.0;
const UNIT_COST: f64 = 1.0;

/// Weight of a unit, kg.
pub(crate) const UNIT_WEIGHT: f64 = 0.4;

/// A shop over some days: first a history that is the same for everybody, then days that plans order for.
pub(crate) struct Shop {
    pub(crate) first: Day,
    pub(crate) n_history: usize,
    pub(crate) n_days: usize,
    /// `[n_items][n_days]`.
    pub(crate) demand: Vec<Vec<i64>>,
    /// `[n_items][n_days]`: units that vanish unseen.
    pub(crate) vanished: Vec<Vec<i64>>,
    /// `[n_items][n_days]`: whether somebody would see an empty shelf.
    pub(crate) seen: Vec<Vec<bool>>,
    /// `[n_days]`: °C of the fridge.
    pub(crate) degrees: Vec<f64>,
    /// Expected demand per day.
    pub(crate) means: Vec<f64>,
    pub(crate) lead_time: i32,
    pub(crate) shelf_life: Option<u32>,
    /// What tables tell on a morning, by the day.
    pub(crate) signals: Vec<SignalRow>,
    /// Days ahead for which signals are forecast.
    pub(crate) n_ahead: i32,
    pub(crate) events: Vec<EventRow>,
    pub(crate) promotions: Vec<PromotionRow>,
    pub(crate) overrides: Vec<ForecastOverrideRow>,
    /// Whether the history has enough of everything, so that it shows all that was wanted.
    pub(crate) is_ample: bool,
    seed: u64,
}

/// Who counts what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Counts {
    Nothing,
    /// The first of the list each day.
    Top(usize),
    /// So many item-locations each day, whatever the list says.
    Random(usize),
}

/// One way to run the shop.
#[derive(Clone, Debug)]
pub(crate) struct Arm {
    pub(crate) settings: PlanSettings,
    pub(crate) has_tables: bool,
    pub(crate) has_scales: bool,
    pub(crate) has_thermometer: bool,
    pub(crate) counts: Counts,
}

impl Arm {
    pub(crate) fn of(settings: PlanSettings) -> Self {
        Self { settings, has_tables: false, has_scales: false, has_thermometer: false, counts: Counts::Nothing }
    }
}

/// What came of it, over the days that plans ordered for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) demand: i64,
    pub(crate) lost: i64,
    pub(crate) expired: i64,
    /// Sum of units on the shelf at the end of each day.
    pub(crate) held: i64,
    pub(crate) n_counts: usize,
}

impl Outcome {
    /// Money: lost margins, waste, and a hundredth of the unit cost for each unit and day on the shelf.
    pub(crate) fn cost(&self) -> f64 {
        self.lost as f64 * MARGIN + self.expired as f64 * UNIT_COST + self.held as f64 * 0.01 * UNIT_COST
    }
}

/// Demand with this mean; Poisson, or negative binomial of this size.
pub(crate) fn draw(rng: &mut ChaCha8Rng, mean: f64, size: Option<f64>) -> i64 {
    let rate = match size {
        Some(size) => mean * Gamma::new(size, 1.0 / size).unwrap().sample(rng),
        None => mean,
    };
    if rate <= 1e-9 { 0 } else { Poisson::new(rate).unwrap().sample(rng) as i64 }
}

impl Shop {
    /// A shop of which every day is as usual.
    pub(crate) fn new(means: &[f64], (n_history, n_played): (usize, usize), seed: u64) -> Self {
        let n_days = n_history + n_played;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let demand = means.iter().map(|mean| (0..n_days).map(|_| draw(&mut rng, *mean, Some(8.0))).collect()).collect();
        Self {
            first: "2025-01-06".parse().unwrap(),
            n_history,
            n_days,
            demand,
            vanished: vec![vec![0; n_days]; means.len()],
            seen: vec![vec![false; n_days]; means.len()],
            degrees: vec![4.0; n_days],
            means: means.to_vec(),
            lead_time: 1,
            shelf_life: None,
            signals: Vec::new(),
            n_ahead: 7,
            events: Vec::new(),
            promotions: Vec::new(),
            overrides: Vec::new(),
            is_ample: false,
            seed,
        }
    }

    /// Demand is `factor(item, day)` times the usual.
    pub(crate) fn demand_times(&mut self, size: f64, factor: impl Fn(usize, usize) -> f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ 0xd3);
        for item in 0..self.means.len() {
            for day in 0..self.n_days {
                self.demand[item][day] = draw(&mut rng, self.means[item] * factor(item, day), Some(size));
            }
        }
    }

    /// Units vanish: with this rate a day, of this mean size; half of the sevenths are found by chance.
    pub(crate) fn lose(&mut self, rate: f64, mean_size: f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ 0x105e);
        for item in 0..self.means.len() {
            for day in 0..self.n_days {
                if rng.random_bool(rate) {
                    self.vanished[item][day] = 1 + draw(&mut rng, mean_size - 1.0, Some(1.0));
                }
                self.seen[item][day] = rng.random_bool(0.02);
            }
        }
    }

    fn day(&self, t: usize) -> Day {
        self.first.plus(t as i32)
    }

    pub(crate) fn place() -> LocationIdx {
        LocationIdx(0)
    }

    /// The tables that never change.
    fn masters(&self) -> Dataset {
        let items = (0..self.means.len()).map(|idx| {
            let mut item = fixtures::item(&format!("I{idx:02}"), "1", "3");
            item.shelf_life_days = self.shelf_life;
            item.weight = Some(UNIT_WEIGHT);
            item.category = "goods".to_owned();
            item.attributes.insert("max_temperature".to_owned(), "6".to_owned());
            item
        });
        Dataset {
            items: items.collect(),
            locations: vec![fixtures::location("S1")],
            suppliers: vec![Supplier { supplier_id: "SUP".into(), ..Supplier::default() }],
            sources: vec![fixtures::lane(Origin::Supplier(SupplierIdx(0)), f64::from(self.lead_time))],
            ..Dataset::default()
        }
    }
}

/// A delivery on the shelf.
#[derive(Clone, Debug)]
struct Batch {
    /// Day on which it expires by its label: it can be sold until then.
    label: i32,
    /// Days that it truly keeps from now on.
    keeps: f64,
    units: i64,
}

struct Shelf {
    batches: Vec<Batch>,
    recorded: i64,
    sold: Vec<i64>,
    receipts: Vec<(usize, i64)>,
    /// (day, correction, is a count)
    corrections: Vec<(usize, i64, bool)>,
    arrivals: Vec<(usize, i64)>,
    weights: Vec<(usize, f64)>,
}

impl Shelf {
    fn on_hand(&self) -> i64 {
        self.batches.iter().map(|batch| batch.units).sum()
    }

    /// Takes units off, first to expire first.
    fn take(&mut self, units: i64) -> i64 {
        let mut open = units;
        for batch in &mut self.batches {
            let taken = open.min(batch.units);
            batch.units -= taken;
            open -= taken;
        }
        self.batches.retain(|batch| batch.units > 0);
        units - open
    }
}

/// A day of the shop, all items together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ShopDay {
    pub(crate) ordered: i64,
    pub(crate) demand: i64,
    pub(crate) lost: i64,
    /// Units on the shelf at its end.
    pub(crate) on_hand: i64,
}

/// Runs the shop one way.
pub(crate) fn play(shop: &Shop, arm: &Arm) -> Outcome {
    play_days(shop, arm).0
}

/// The same, and each day that plans ordered for.
pub(crate) fn play_days(shop: &Shop, arm: &Arm) -> (Outcome, Vec<ShopDay>) {
    let forecaster: Box<dyn Forecaster> = match arm.settings.forecast_model.as_str() {
        "auto" => Box::new(RecentMean { spread: 1.4 }),
        name => restock_forecast::forecaster(name).unwrap(),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(shop.seed ^ 0x5ca1e);
    let masters = shop.masters();
    let q10 = 3.0_f64;
    let mut shelves: Vec<Shelf> = shop
        .means
        .iter()
        .map(|mean| Shelf {
            batches: Vec::new(),
            recorded: 0,
            sold: Vec::new(),
            receipts: Vec::new(),
            corrections: Vec::new(),
            arrivals: vec![(0, (mean * f64::from(shop.lead_time + 2)).ceil() as i64)],
            weights: Vec::new(),
        })
        .collect();
    let (mut outcome, mut days) = (Outcome::default(), vec![ShopDay::default(); shop.n_days]);
    for t in 0..shop.n_days {
        let is_played = t >= shop.n_history;
        let data = is_played.then(|| tables(shop, &masters, &shelves, arm, t));
        if let Some(data) = &data {
            let settings = PlanSettings { as_of: Some(shop.day(t)), ..arm.settings.clone() };
            let planned = plan(data, &settings, &*forecaster, &|_, _| {});
            for line in &planned.lines {
                let item: usize = line.item_id[1..].parse().unwrap();
                let quantity = line.quantity.to_f64() as i64;
                if quantity > 0 {
                    shelves[item].arrivals.push((t + shop.lead_time as usize, quantity));
                    days[t].ordered += quantity;
                }
            }
        } else {
            for (shelf, mean) in shelves.iter_mut().zip(&shop.means) {
                let cover = f64::from(shop.lead_time + 2);
                // Of fresh goods the history shows all that was wanted; nobody counts what it cost.
                let ample = if shop.shelf_life.is_some() || shop.is_ample { 3.0 } else { 1.0 };
                let level = (ample * (mean * cover + 1.5 * (mean * cover).sqrt())).ceil() as i64;
                let open: i64 = shelf.arrivals.iter().map(|(_, units)| units).sum();
                let wanted = level - shelf.recorded - open;
                if wanted > 0 {
                    shelf.arrivals.push((t + shop.lead_time as usize, wanted));
                }
            }
        }
        let counted = data.map_or_else(Vec::new, |data| to_count(shop, arm, &data, t));
        for (item, shelf) in shelves.iter_mut().enumerate() {
            let due: i64 = shelf.arrivals.iter().filter(|(day, _)| *day == t).map(|(_, units)| units).sum();
            shelf.arrivals.retain(|(day, _)| *day > t);
            if due > 0 {
                let life = shop.shelf_life.map_or(10_000, |days| days as i32);
                shelf.batches.push(Batch { label: t as i32 + life - 1, keeps: f64::from(life), units: due });
                shelf.recorded += due;
                shelf.receipts.push((t, due));
            }
            shelf.take(shop.vanished[item][t]);
            let warm = (shop.degrees[t] - 6.0).max(0.0);
            let demand = shop.demand[item][t];
            let sold = shelf.take(demand);
            shelf.sold.push(sold);
            shelf.recorded = (shelf.recorded - sold).max(0);
            let aged = if warm > 0.0 { q10.powf(warm / 10.0) } else { 1.0 };
            shelf.batches.iter_mut().for_each(|batch| batch.keeps -= aged);
            let expired: i64 = shelf.batches.iter().filter(|batch| batch.keeps <= 1e-9).map(|batch| batch.units).sum();
            shelf.batches.retain(|batch| batch.keeps > 1e-9);
            if expired > 0 {
                shelf.recorded = (shelf.recorded - expired).max(0);
                shelf.corrections.push((t, -expired, false));
            }
            let on_hand = shelf.on_hand();
            let sees = on_hand == 0 && shelf.recorded > 0 && shop.seen[item][t];
            if counted.contains(&item) || sees {
                shelf.corrections.push((t, on_hand - shelf.recorded, true));
                shelf.recorded = on_hand;
                outcome.n_counts += usize::from(counted.contains(&item));
            }
            let noise: f64 = (0..4).map(|_| rng.random_range(-0.15..0.15)).sum();
            shelf.weights.push((t, (on_hand as f64 + noise).max(0.0) * UNIT_WEIGHT));
            days[t].demand += demand;
            days[t].lost += demand - sold;
            days[t].on_hand += on_hand;
            if is_played {
                outcome.demand += demand;
                outcome.lost += demand - sold;
                outcome.expired += expired;
                outcome.held += on_hand;
            }
        }
    }
    (outcome, days.split_off(shop.n_history))
}

/// What is counted at the end of a day.
fn to_count(shop: &Shop, arm: &Arm, data: &Dataset, t: usize) -> Vec<usize> {
    match arm.counts {
        Counts::Nothing => Vec::new(),
        Counts::Top(n) => {
            let settings = PlanSettings { as_of: Some(shop.day(t)), ..arm.settings.clone() };
            let list = check(data, &settings).count_list;
            list.iter().take(n).map(|line| line.item_id[1..].parse().unwrap()).collect()
        }
        Counts::Random(n) => {
            let mut rng = ChaCha8Rng::seed_from_u64(shop.seed ^ 0xc0 ^ (t as u64) << 8);
            (0..n).map(|_| rng.random_range(0..shop.means.len())).collect()
        }
    }
}

/// What is known on the morning of a day.
fn tables(shop: &Shop, masters: &Dataset, shelves: &[Shelf], arm: &Arm, t: usize) -> Dataset {
    let mut data = masters.clone();
    let at = Shop::place();
    for (idx, shelf) in shelves.iter().enumerate() {
        let item = ItemIdx(idx as u32);
        fixtures::sell(&mut data, item, at, shop.first, shelf.sold.iter().copied());
        let mut recorded = shelf.recorded;
        match shop.shelf_life {
            // The newest are taken to be there: the others were sold first.
            Some(_) => {
                for batch in shelf.batches.iter().rev() {
                    let units = recorded.min(batch.units);
                    recorded -= units;
                    let expiry = Some(shop.first.plus(batch.label));
                    let on_hand = Quantity::from_whole(units);
                    data.inventory.push(InventoryRow { expiry, ..fixtures::stock(item, at, on_hand) });
                }
                if shelf.batches.is_empty() {
                    data.inventory.push(fixtures::stock(item, at, Quantity::ZERO));
                }
            }
            None => data.inventory.push(fixtures::stock(item, at, Quantity::from_whole(recorded))),
        }
        for (n, (day, units)) in shelf.arrivals.iter().enumerate() {
            let days = (shop.day(t.saturating_sub(1)), shop.day(*day));
            let (id, units) = (format!("PO-{idx}-{n}"), Quantity::from_whole(*units));
            let origin = Origin::Supplier(SupplierIdx(0));
            data.open_orders.push(fixtures::open_order(id, (item, at), origin, units, days));
        }
        let receipts = shelf.receipts.iter();
        data.receipts.extend(receipts.map(|(day, units)| fixtures::receipt(item, at, *units, shop.day(*day))));
        for (day, units, is_count) in &shelf.corrections {
            data.adjustments.push(AdjustmentRow {
                day: shop.day(*day),
                item,
                location: at,
                quantity: Quantity::from_whole(*units),
                reason: if *is_count { "count" } else { "waste" }.to_owned(),
                row: RowRef::default(),
            });
        }
        let reading = |metric: &str, day: usize, value: f64| ReadingRow {
            sensor_id: format!("{metric}-{idx}"),
            metric: metric.to_owned(),
            day: shop.day(day),
            item,
            location: at,
            value,
            mean: value,
            unit: String::new(),
            row: RowRef::default(),
        };
        if arm.has_scales {
            data.readings.extend(shelf.weights.iter().map(|(day, weight)| reading("weight", *day, *weight)));
        }
        if arm.has_thermometer {
            data.readings.extend((0..t).map(|day| reading("temperature", day, shop.degrees[day])));
        }
    }
    if arm.has_tables {
        let until = shop.day(t).plus(shop.n_ahead);
        let known = |row: &&SignalRow| row.known_in_future || row.day < until;
        data.signals = shop.signals.iter().filter(known).cloned().collect();
        data.events = shop.events.clone();
        data.promotions = shop.promotions.clone();
        data.forecast_overrides = shop.overrides.clone();
    }
    data
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}
