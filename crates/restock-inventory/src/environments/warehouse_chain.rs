//! Several items through a chain of warehouses that share their room: `warehouse-chain-v1`.
//!
//! The kind of problem of MABIM (Yang et al. 2023, "A versatile multi-agent reinforcement learning benchmark for inventory
//! management"): every item is stocked in every warehouse, from the one that sells to customers upstream; a warehouse has
//! room for so much volume, and where more arrives, part of each item is thrown away. Demand and orders that are not met
//! are lost. A chain is a file in TOML or YAML.
//!
//! # Differences from MABIM
//! 1. What does not fit is measured by its volume, as the room is; the package counts units there.
//! 2. A warehouse pays for what its supplier ships, not for what it orders.
//! 3. The cost of unmet demand is given per unit; the package takes a share of the margin.

use rand::Rng;
use rand_distr::{Distribution, Normal, Poisson};
use serde::{Deserialize, Serialize};

use restock_core::Units;
use restock_core::environment::{Environment, PeriodOutcome};

use super::network::{DemandDescription, NetworkError, Pattern, position};

/// A chain of warehouses as written in TOML or YAML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseChainDescription {
    /// Periods of an episode.
    pub horizon: usize,
    /// `[n_warehouses]`: from the one that sells to customers upstream.
    pub warehouses: Vec<WarehouseDescription>,
    /// `[n_items]`.
    pub items: Vec<ItemDescription>,
    /// How mean demand changes over time.
    #[serde(default)]
    pub pattern: Pattern,
}

/// A warehouse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseDescription {
    /// Name, unique.
    pub id: String,
    /// Room for this volume.
    pub capacity: Units,
    /// Cost per volume on the shelf and period.
    #[serde(default)]
    pub storage_cost: f64,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemDescription {
    /// Name, unique.
    pub id: String,
    /// Volume of a unit.
    #[serde(default = "one")]
    pub volume: Units,
    /// Demand of the customers.
    pub demand: DemandDescription,
    /// `[n_warehouses]`: the item in each warehouse.
    pub places: Vec<PlaceDescription>,
}

/// An item in a warehouse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceDescription {
    /// Stock at the start of an episode, units.
    #[serde(default)]
    pub initial_stock: Units,
    /// An order arrives at the end of the period so many periods later; 0 is the end of the period it is placed in.
    #[serde(default)]
    pub lead_time: usize,
    /// What a buyer pays for a unit.
    #[serde(default)]
    pub unit_price: f64,
    /// Cost of a period in which anything is ordered.
    #[serde(default)]
    pub order_cost: f64,
    /// Cost per unit on the shelf and period, beside that of its volume.
    #[serde(default)]
    pub holding_cost: f64,
    /// Cost per unit of demand that is not met.
    #[serde(default)]
    pub stockout_cost: f64,
    /// What a unit costs from outside; only in the last warehouse.
    #[serde(default)]
    pub unit_cost: f64,
}

fn one() -> Units {
    1
}

/// The problem.
#[derive(Clone, Debug)]
pub struct WarehouseChain {
    description: WarehouseChainDescription,
    /// `[n_warehouses * n_items]`: where each pipeline begins in the state.
    pipelines: Vec<usize>,
    n_pipeline: usize,
}

/// The chain at the start of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct WarehouseChainState {
    /// The period, from 0.
    pub period: usize,
    /// `[n_warehouses * n_items]`: units on each shelf, warehouse by warehouse.
    pub on_hand: Vec<Units>,
    /// `[Σ lead times]`: units on the way, what arrives next first.
    pub pipeline: Vec<Units>,
}

impl WarehouseChain {
    /// A chain from a TOML text.
    ///
    /// # Errors
    /// [`NetworkError`] for text that is not a chain, and as [`WarehouseChain::new`], with the line.
    pub fn from_toml(text: &str) -> Result<Self, NetworkError> {
        let fails = |error: toml::de::Error| NetworkError::Format { format: "TOML", message: error.to_string() };
        Self::new(toml::from_str(text).map_err(fails)?).map_err(|error| position::located_in_toml(error, text))
    }

    /// A chain from a YAML text of the same fields.
    ///
    /// # Errors
    /// As [`WarehouseChain::from_toml`].
    pub fn from_yaml(text: &str) -> Result<Self, NetworkError> {
        let fails = |error: serde_saphyr::Error| NetworkError::Format { format: "YAML", message: error.to_string() };
        Self::new(serde_saphyr::from_str(text).map_err(fails)?).map_err(|error| position::located_in_yaml(error, text))
    }

    /// A chain from its description.
    ///
    /// # Errors
    /// [`NetworkError`] when an id is not unique, an item is not described in every warehouse, or a number is out of
    /// range.
    pub fn new(description: WarehouseChainDescription) -> Result<Self, NetworkError> {
        let at_least = |low: f64, got: f64, what: String, allowed| {
            if got >= low && got.is_finite() { Ok(()) } else { Err(NetworkError::OutOfRange { what, got, allowed }) }
        };
        at_least(1.0, description.horizon as f64, "horizon".to_owned(), "at least 1 period")?;
        at_least(1.0, description.warehouses.len() as f64, "number of warehouses".to_owned(), "at least 1")?;
        let ids = description.warehouses.iter().map(|warehouse| &warehouse.id);
        let ids: Vec<&String> = ids.chain(description.items.iter().map(|item| &item.id)).collect();
        if let Some(twice) = ids.iter().enumerate().find(|(idx, id)| ids[..*idx].contains(id)) {
            return Err(NetworkError::DuplicateNode { id: (*twice.1).clone() });
        }
        for (warehouse_idx, warehouse) in description.warehouses.iter().enumerate() {
            let what = |name: &str| format!("{name} of warehouse \"{}\"", warehouse.id);
            at_least(1.0, warehouse.capacity as f64, what("capacity"), "at least 1")?;
            at_least(0.0, warehouse.storage_cost, what("storage_cost"), "at least 0")?;
            // Items that are not described here are refused below.
            let stock =
                description.items.iter().filter_map(|item| Some((item.volume, item.places.get(warehouse_idx)?)));
            let volume: Units = stock.map(|(volume, place)| volume.saturating_mul(place.initial_stock)).sum();
            if volume > warehouse.capacity {
                let (what, got) = (what("volume of the initial stock"), volume as f64);
                return Err(NetworkError::OutOfRange { what, got, allowed: "at most the capacity" });
            }
        }
        for item in &description.items {
            let what = |name: &str| format!("{name} of item \"{}\"", item.id);
            at_least(1.0, item.volume as f64, what("volume"), "at least 1")?;
            if item.places.len() != description.warehouses.len() {
                let (what, got) = (what("number of places"), item.places.len() as f64);
                return Err(NetworkError::OutOfRange { what, got, allowed: "one for each warehouse" });
            }
            let numbers = match &item.demand {
                DemandDescription::Poisson { mean } | DemandDescription::Constant { mean } => vec![*mean],
                DemandDescription::Normal { mean, std_dev } => vec![*mean, *std_dev],
                DemandDescription::Series { means } => {
                    at_least(1.0, means.len() as f64, what("length of the series"), "at least 1")?;
                    means.clone()
                }
            };
            numbers.into_iter().try_for_each(|number| at_least(0.0, number, what("demand"), "at least 0"))?;
            for place in &item.places {
                for (name, value) in [
                    ("initial_stock", place.initial_stock as f64),
                    ("unit_price", place.unit_price),
                    ("order_cost", place.order_cost),
                    ("holding_cost", place.holding_cost),
                    ("stockout_cost", place.stockout_cost),
                    ("unit_cost", place.unit_cost),
                ] {
                    at_least(0.0, value, what(name), "at least 0")?;
                }
            }
        }
        let (mut pipelines, mut n_pipeline) = (Vec::new(), 0);
        for warehouse_idx in 0..description.warehouses.len() {
            for item in &description.items {
                pipelines.push(n_pipeline);
                n_pipeline += item.places[warehouse_idx].lead_time;
            }
        }
        Ok(Self { description, pipelines, n_pipeline })
    }

    /// The description that the chain was made of.
    pub fn description(&self) -> &WarehouseChainDescription {
        &self.description
    }

    /// Number of warehouses and of items.
    pub fn shape(&self) -> (usize, usize) {
        (self.description.warehouses.len(), self.description.items.len())
    }

    /// `[n_warehouses * n_items]`: where each pipeline begins in the state.
    pub fn pipelines(&self) -> &[usize] {
        &self.pipelines
    }

    /// Length of all pipelines together.
    pub fn n_pipeline(&self) -> usize {
        self.n_pipeline
    }

    /// Mean demand for an item in a period, units.
    pub fn mean_demand(&self, item_idx: usize, period: usize) -> f64 {
        let base = match &self.description.items[item_idx].demand {
            DemandDescription::Poisson { mean }
            | DemandDescription::Normal { mean, .. }
            | DemandDescription::Constant { mean } => *mean,
            DemandDescription::Series { means } => means[period.min(means.len() - 1)],
        };
        (base * self.description.pattern.factor(period)).max(0.0)
    }

    /// Units of the arrivals of a warehouse that fit where `room` is left: all, or the same share of each item, rounded
    /// down.
    pub fn accepted(arrived: Units, room: Units, volume_arrived: Units) -> Units {
        if volume_arrived <= room.max(0) { arrived } else { arrived * room.max(0) / volume_arrived }
    }
}

impl Environment for WarehouseChain {
    type State = WarehouseChainState;
    /// `[n_warehouses * n_items]`: units that each warehouse orders of each item, warehouse by warehouse.
    type Action = Vec<Units>;
    /// `[n_items]`: units that customers want.
    type Chance = Vec<Units>;

    fn id(&self) -> &'static str {
        "warehouse-chain-v1"
    }

    fn initial_state(&self) -> WarehouseChainState {
        let (n_warehouses, _) = self.shape();
        let stock = |warehouse_idx: usize| {
            self.description.items.iter().map(move |item| item.places[warehouse_idx].initial_stock)
        };
        let on_hand = (0..n_warehouses).flat_map(stock).collect();
        WarehouseChainState { period: 0, on_hand, pipeline: vec![0; self.n_pipeline] }
    }

    fn sample_action(&self, _: &WarehouseChainState, rng: &mut dyn Rng) -> Vec<Units> {
        let (n_warehouses, n_items) = self.shape();
        let highest = |idx: usize| (2.0 * self.mean_demand(idx % n_items, 0)).ceil() as u64 + 1;
        (0..n_warehouses * n_items).map(|idx| (rng.next_u64() % (highest(idx) + 1)) as Units).collect()
    }

    fn sample_chance(&self, state: &WarehouseChainState, _: &Vec<Units>, rng: &mut dyn Rng) -> Vec<Units> {
        let demand = |(item_idx, item): (usize, &ItemDescription)| {
            let mean = self.mean_demand(item_idx, state.period);
            let drawn = match &item.demand {
                DemandDescription::Constant { .. } => mean,
                DemandDescription::Normal { std_dev, .. } => {
                    Normal::new(mean, *std_dev).expect("a standard deviation of at least 0").sample(rng)
                }
                _ if mean == 0.0 => 0.0,
                _ => Poisson::new(mean).expect("a positive mean").sample(rng),
            };
            drawn.round().max(0.0) as Units
        };
        self.description.items.iter().enumerate().map(demand).collect()
    }

    /// Sequence of events in a period: 1. orders of every warehouse; 2. every warehouse sells what it had at the start of
    /// the period, the first to customers, each other to the warehouse before it, and the last is supplied from outside
    /// without limit; what is not met is lost; 3. arrival of what is due; where it has more volume than there is room, the
    /// same share of each item is kept and the rest thrown away; 4. revenue, purchases, order, holding, storage and
    /// stock-out cost.
    fn step(&self, state: &mut WarehouseChainState, orders: &Vec<Units>, demands: &Vec<Units>) -> PeriodOutcome {
        let (n_warehouses, n_items) = self.shape();
        assert!(orders.len() == n_warehouses * n_items && orders.iter().all(|order_quantity| 0 <= *order_quantity));
        assert!(demands.len() == n_items && demands.iter().all(|demand| 0 <= *demand));
        let mut outcome = PeriodOutcome::default();
        let mut profit = 0.0;
        // `[n_warehouses * n_items]`: what each warehouse receives of its order.
        let mut shipped = orders.clone();
        for idx in 0..n_warehouses * n_items {
            let (warehouse_idx, item_idx) = (idx / n_items, idx % n_items);
            let place = &self.description.items[item_idx].places[warehouse_idx];
            let wanted = if warehouse_idx == 0 { demands[item_idx] } else { orders[idx - n_items] };
            let sold = wanted.min(state.on_hand[idx]);
            state.on_hand[idx] -= sold;
            profit += place.unit_price * sold as f64 - place.stockout_cost * (wanted - sold) as f64;
            if warehouse_idx == 0 {
                outcome.demand += wanted;
                outcome.sold += sold;
                outcome.lost += wanted - sold;
            } else {
                shipped[idx - n_items] = sold;
            }
        }
        for warehouse_idx in 0..n_warehouses {
            let warehouse = &self.description.warehouses[warehouse_idx];
            let items = self.description.items.iter().enumerate();
            let mut arrived = vec![0; n_items];
            let (mut volume_arrived, mut volume_on_hand) = (0, 0);
            for (item_idx, item) in items.clone() {
                let idx = warehouse_idx * n_items + item_idx;
                let place = &item.places[warehouse_idx];
                let last = warehouse_idx + 1 == n_warehouses;
                let price = if last { place.unit_cost } else { item.places[warehouse_idx + 1].unit_price };
                profit -= price * shipped[idx] as f64 + if orders[idx] > 0 { place.order_cost } else { 0.0 };
                arrived[item_idx] = if place.lead_time == 0 {
                    shipped[idx]
                } else {
                    let way = &mut state.pipeline[self.pipelines[idx]..self.pipelines[idx] + place.lead_time];
                    way.rotate_left(1);
                    std::mem::replace(&mut way[place.lead_time - 1], shipped[idx])
                };
                volume_arrived += item.volume * arrived[item_idx];
                volume_on_hand += item.volume * state.on_hand[idx];
            }
            let room = warehouse.capacity - volume_on_hand;
            for (item_idx, item) in items {
                let idx = warehouse_idx * n_items + item_idx;
                let accepted = Self::accepted(arrived[item_idx], room, volume_arrived);
                state.on_hand[idx] += accepted;
                outcome.received += accepted;
                outcome.expired += arrived[item_idx] - accepted;
                let place = &item.places[warehouse_idx];
                let held = place.holding_cost + warehouse.storage_cost * item.volume as f64;
                profit -= held * state.on_hand[idx] as f64;
            }
        }
        state.period += 1;
        outcome.cost = -profit;
        outcome
    }

    fn units(&self, state: &WarehouseChainState) -> Units {
        state.on_hand.iter().sum::<Units>() + state.pipeline.iter().sum::<Units>()
    }

    /// What the last warehouse orders from outside.
    fn ordered(&self, _: &WarehouseChainState, orders: &Vec<Units>, _: &Vec<Units>) -> Units {
        let (_, n_items) = self.shape();
        orders[orders.len() - n_items..].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::check_environment;

    const CHAIN: &str = include_str!("warehouse_chain.toml");

    #[test]
    fn is_an_environment() {
        check_environment(&WarehouseChain::from_toml(CHAIN).unwrap(), 5, 20_000).unwrap();
    }

    /// Two periods of the example, computed by hand from the numbered events.
    #[test]
    fn events_happen_in_their_order() {
        let chain = WarehouseChain::from_toml(CHAIN).unwrap();
        let mut state = chain.initial_state();
        assert_eq!(state.on_hand, [20, 10, 30, 15]);
        // The shop wants 12 tea and 9 rice of the depot, the depot 40 and 20 from outside.
        let outcome = chain.step(&mut state, &vec![12, 20, 40, 20], &vec![8, 12]);
        assert_eq!((outcome.demand, outcome.sold, outcome.lost, outcome.expired), (20, 18, 2, 0));
        // The depot ships 12 and 15 of 20; shop orders arrive at once, those of the depot in two periods.
        assert_eq!(state.on_hand, [24, 15, 18, 0]);
        let sales = 3.0 * 8.0 + 5.0 * 10.0 - 0.5 * 2.0 + 2.0 * 12.0 + 3.5 * 15.0;
        let purchases = 2.0 * 12.0 + 3.5 * 15.0 + 1.0 * 40.0 + 2.0 * 20.0 + 4.0 * 2.0;
        let held = (0.05 + 0.01) * 24.0 + (0.05 + 0.03) * 15.0 + (0.02 + 0.005) * 18.0;
        assert!((outcome.cost + sales - purchases - held).abs() < 1e-9, "{outcome:?}");
        // Nothing is left of rice in the depot; its shop has room for 80 - 24 - 3·9 = 29 volume.
        let outcome = chain.step(&mut state, &vec![18, 9, 0, 0], &vec![0, 6]);
        assert_eq!((outcome.sold, outcome.expired), (6, 0));
        assert_eq!(state.on_hand, [42, 9, 0, 0]);
        // Both arrive at the depot together: 40·1 + 20·3 volume where 75 fits, so three quarters of each are kept.
        let outcome = chain.step(&mut state, &vec![0, 0, 0, 0], &vec![0, 0]);
        assert_eq!((outcome.received, outcome.expired), (45, 15));
        assert_eq!(state.on_hand, [42, 9, 30, 15]);
    }

    #[test]
    fn mistakes_are_refused() {
        let error = |from: &str, to: &str| WarehouseChain::from_toml(&CHAIN.replacen(from, to, 1)).unwrap_err();
        insta::assert_snapshot!(error("id = \"depot\"", "id = \"shop\""), @r#"node "shop" is listed twice, ids must be unique"#);
        insta::assert_snapshot!(error("capacity = 80", "capacity = 0"), @r#"line 6: capacity of warehouse "shop" is 0, must be at least 1"#);
        insta::assert_snapshot!(error("capacity = 75", "capacity = 74"), @r#"line 9: volume of the initial stock of warehouse "depot" is 75, must be at most the capacity"#);
        insta::assert_snapshot!(error("volume = 3", "volume = 0"), @r#"line 24: volume of item "rice" is 0, must be at least 1"#);
        insta::assert_snapshot!(error("storage_cost = 0.01", "storage_cost = -1"), @r#"line 7: storage_cost of warehouse "shop" is -1, must be at least 0"#);
        insta::assert_snapshot!(error("lead_time = 2", "lead_time = 2 }, {"), @r#"line 14: number of places of item "tea" is 3, must be one for each warehouse"#);
        assert!(error("horizon", "horizons").to_string().starts_with("the network is not valid TOML: "));
    }
}
