//! A network as a file describes it, and the checks that make a [`Network`](super::Network) of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use restock_core::Units;

/// A supply network as written in TOML or YAML.
///
/// ```
/// let network = restock_inventory::environments::network::Network::from_toml(r#"
///     horizon = 30
///     unmet_demand = "backorder"
///
///     [[nodes]]
///     id = "supplier"
///
///     [[nodes]]
///     id = "shop"
///     initial_stock = 40
///     holding_cost = 0.03
///
///     [[nodes]]
///     id = "customers"
///
///     [[links]]
///     from = "supplier"
///     to = "shop"
///     lead_time = 2
///     unit_price = 1.5
///
///     [[links]]
///     from = "shop"
///     to = "customers"
///     unit_price = 2.0
///     stockout_cost = 0.1
///     demand = { law = "poisson", mean = 20 }
/// "#)?;
/// assert_eq!(network.n_order_links(), 1);
/// # Ok::<(), restock_inventory::environments::network::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkDescription {
    /// Periods of an episode.
    pub horizon: usize,
    /// What happens to demand that is not met.
    #[serde(default)]
    pub unmet_demand: UnmetDemand,
    /// What can be shipped in a period: practice differs.
    #[serde(default)]
    pub ships: Ships,
    /// Places. Those without links to them are suppliers without limit, those without links from them are markets.
    pub nodes: Vec<NodeDescription>,
    /// Ways that goods take.
    pub links: Vec<LinkDescription>,
    /// How mean demand changes over time.
    #[serde(default)]
    pub pattern: Pattern,
    /// How service changes demand.
    pub goodwill: Option<Goodwill>,
}

/// What happens to demand that is not met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmetDemand {
    /// It waits.
    #[default]
    Backorder,
    /// It is lost.
    Lost,
}

/// What a place can ship in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ships {
    /// What it had at the start of the period (gym-invmgmt, or-gym).
    #[default]
    OpeningStock,
    /// That and what arrived at the start of the period, except orders without lead time.
    AfterReceipts,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeDescription {
    /// Name, unique.
    pub id: String,
    /// Stock at the start of an episode, units; of each component where there is a bill of materials.
    #[serde(default)]
    pub initial_stock: Units,
    /// Holding cost per unit left on the shelf and period.
    #[serde(default)]
    pub holding_cost: f64,
    /// Most units shipped to other places a period; a place with a capacity is a factory. `None` has no limit.
    pub capacity: Option<Units>,
    /// Good units made of one unit of stock, 0 to 1.
    #[serde(default = "one")]
    pub yield_share: f64,
    /// Cost of working on one unit of stock that leaves.
    #[serde(default)]
    pub operating_cost: f64,
    /// Bill of materials: units of each supplier's item in one unit; empty where all suppliers bring the same item.
    #[serde(default)]
    pub components: BTreeMap<String, Units>,
}

fn one() -> f64 {
    1.0
}

/// A way from one place to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkDescription {
    /// Id of the place that ships.
    pub from: String,
    /// Id of the place that receives.
    pub to: String,
    /// Periods from order to arrival; 0 on links to markets.
    #[serde(default)]
    pub lead_time: usize,
    /// What the receiver pays per unit shipped.
    #[serde(default)]
    pub unit_price: f64,
    /// Cost per unit on the way and period, paid by the receiver.
    #[serde(default)]
    pub transit_cost: f64,
    /// Cost of a period in which anything is shipped, paid by the receiver.
    #[serde(default)]
    pub order_cost: f64,
    /// Cost per unit of unmet demand and period; only on links to markets.
    #[serde(default)]
    pub stockout_cost: f64,
    /// Demand; required on links to markets, and only there.
    pub demand: Option<DemandDescription>,
}

/// Demand of a market before patterns and goodwill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "law", rename_all = "snake_case", deny_unknown_fields)]
pub enum DemandDescription {
    /// Poisson with a mean in units a period.
    Poisson {
        /// Mean, units.
        mean: f64,
    },
    /// Normal, rounded to whole units, what is negative counts as none.
    Normal {
        /// Mean, units.
        mean: f64,
        /// Standard deviation, units.
        std_dev: f64,
    },
    /// The same every period, rounded to whole units.
    Constant {
        /// Demand, units.
        mean: f64,
    },
    /// A recorded mean for each period; the last one goes on. Poisson around it.
    Series {
        /// `[n_periods]`: mean, units.
        means: Vec<f64>,
    },
}

/// How mean demand changes over time: the factors of what is set are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Trend: `1 + trend·t`.
    #[serde(default)]
    pub trend: f64,
    /// Seasons: `1 + amplitude·sin(2π·t/period)`.
    pub seasonal: Option<Seasonal>,
    /// Shock: a factor from a period on.
    pub shock: Option<Shock>,
}

/// A seasonal factor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seasonal {
    /// Largest deviation from 1.
    pub amplitude: f64,
    /// Length of a season, periods.
    pub period: f64,
}

/// A lasting shock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shock {
    /// First period of the shock, from 0.
    pub period: usize,
    /// Factor from then on.
    pub factor: f64,
}

impl Pattern {
    /// The factor of a period, from 0.
    pub fn factor(&self, period: usize) -> f64 {
        let t = period as f64;
        let seasonal = self
            .seasonal
            .map_or(1.0, |seasonal| 1.0 + seasonal.amplitude * (std::f64::consts::TAU / seasonal.period * t).sin());
        let shock = self.shock.filter(|shock| period >= shock.period).map_or(1.0, |shock| shock.factor);
        (1.0 + self.trend * t) * seasonal * shock
    }
}

/// Sentiment of customers: a factor on mean demand that grows while all demand is met and falls otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goodwill {
    /// Factor on sentiment after a period without unmet demand, such as 1.01.
    pub growth: f64,
    /// Factor after a period with unmet demand, such as 0.9.
    pub decay: f64,
    /// Smallest sentiment.
    pub floor: f64,
    /// Largest sentiment.
    pub cap: f64,
}

impl Goodwill {
    /// The next period's sentiment.
    pub fn next(&self, sentiment: f64, n_unmet: Units) -> f64 {
        if n_unmet > 0 { (sentiment * self.decay).max(self.floor) } else { (sentiment * self.growth).min(self.cap) }
    }
}

impl NetworkDescription {
    /// The same network counted in units that are `factor` times smaller, for policies whose orders are fractions:
    /// stock, capacity and mean demand grow, costs per unit shrink. Demand laws must be given to the step by a caller
    /// that scales them, as a Poisson law of smaller units has another variance.
    pub fn in_smaller_units(&self, factor: Units) -> Self {
        let mut scaled = self.clone();
        let share = factor as f64;
        for node in &mut scaled.nodes {
            node.initial_stock *= factor;
            node.capacity = node.capacity.map(|capacity| capacity * factor);
            node.holding_cost /= share;
            node.operating_cost /= share;
        }
        for link in &mut scaled.links {
            link.unit_price /= share;
            link.transit_cost /= share;
            link.stockout_cost /= share;
            match &mut link.demand {
                Some(DemandDescription::Poisson { mean } | DemandDescription::Constant { mean }) => *mean *= share,
                Some(DemandDescription::Normal { mean, std_dev }) => {
                    (*mean, *std_dev) = (*mean * share, *std_dev * share)
                }
                Some(DemandDescription::Series { means }) => means.iter_mut().for_each(|mean| *mean *= share),
                None => {}
            }
        }
        scaled
    }
}

/// What is wrong with a description.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// The text is not a network.
    #[error("the network is not valid {format}: {message}")]
    Format {
        /// TOML or YAML.
        format: &'static str,
        /// What the parser says, with the place.
        message: String,
    },
    /// A line of the file is wrong.
    #[error("line {line}: {problem}")]
    At {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: Box<NetworkError>,
    },
    /// Two nodes have one id.
    #[error("node \"{id}\" is listed twice, ids must be unique")]
    DuplicateNode {
        /// The id.
        id: String,
    },
    /// A link or bill of materials names a node that is not listed.
    #[error("{what} names node \"{id}\", which is not listed under nodes")]
    UnknownNode {
        /// Where the name stands.
        what: String,
        /// The name.
        id: String,
    },
    /// Two links join the same nodes.
    #[error("link \"{from}\" -> \"{to}\" is listed twice")]
    DuplicateLink {
        /// The node that ships.
        from: String,
        /// The node that receives.
        to: String,
    },
    /// A number is out of range.
    #[error("{what} is {got}, must be {allowed}")]
    OutOfRange {
        /// The number, with its place.
        what: String,
        /// Its value.
        got: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Links form a cycle.
    #[error("node \"{id}\" is on a cycle of links, a supply network must be acyclic")]
    Cycle {
        /// A node on the cycle.
        id: String,
    },
    /// Demand stands on the wrong kind of link.
    #[error("link \"{from}\" -> \"{to}\" {problem}")]
    MarketLink {
        /// The node that ships.
        from: String,
        /// The node that receives.
        to: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A bill of materials does not name the suppliers.
    #[error("the components of node \"{id}\" must be its suppliers, {suppliers}")]
    Components {
        /// The node.
        id: String,
        /// Its suppliers.
        suppliers: String,
    },
}
