//! General supply networks: `network-v1`.
//!
//! A directed acyclic graph of suppliers, factories (capacity, yield, bills of materials), distributors, retailers and
//! markets; serial, divergent and assembly networks are special cases. Demand may have trend, seasons, shocks and react
//! to service; unmet demand waits or is lost; the action is an order per link, the cost the negative profit of all
//! places. The events are those of NetworkManagement in or-gym (Hubbs et al. 2020; Perez et al. 2021) and of gym-invmgmt
//! (Barati & Hu 2026), which this environment reproduces; quantities are whole units, costs currency per unit and period.
//!
//! # Differences from gym-invmgmt
//! 1. Quantities are whole; [`NetworkDescription::in_smaller_units`] counts in fractions where a policy needs them.
//! 2. A place may have a bill of materials; there, a factory's stock of all suppliers is one item.
//! 3. Discounting is the criterion's, never the environment's.

mod description;
pub(super) mod position;

use rand::Rng;
use rand_distr::{Distribution, Normal, Poisson};

use restock_core::Units;
use restock_core::environment::{Environment, PeriodOutcome};

pub use description::{
    DemandDescription, Goodwill, LinkDescription, NetworkDescription, NetworkError, NodeDescription, Pattern, Seasonal,
    Ships, Shock, UnmetDemand,
};

/// A node with its links resolved.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Numbers of the links to it.
    pub(crate) incoming: Vec<usize>,
    /// Numbers of the links from it.
    pub(crate) outgoing: Vec<usize>,
    /// Its shelves in the state: one per component, or one for all.
    pub(crate) shelves: std::ops::Range<usize>,
    /// `[n_shelves]`: units that go into one unit shipped.
    pub(crate) components: Vec<Units>,
    pub(crate) capacity: Units,
    pub(crate) yield_share: f64,
    pub(crate) operating_cost: f64,
    pub(crate) holding_cost: f64,
    pub(crate) initial_stock: Units,
}

/// A link with its places resolved.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The shelf that it fills; none for markets.
    pub(crate) shelf: Option<usize>,
    pub(crate) lead_time: usize,
    /// Where its pipeline lies in the state.
    pub(crate) pipeline: usize,
    pub(crate) unit_price: f64,
    pub(crate) transit_cost: f64,
    pub(crate) order_cost: f64,
    pub(crate) stockout_cost: f64,
}

/// The network problem.
#[derive(Clone, Debug)]
pub struct Network {
    description: NetworkDescription,
    pub(crate) nodes: Vec<Node>,
    /// All links in the order of the description.
    pub(crate) links: Vec<Link>,
    /// Numbers of the links that orders are placed on, and of those that customers buy on.
    pub(crate) order_links: Vec<usize>,
    pub(crate) market_links: Vec<usize>,
    pub(crate) n_shelves: usize,
    pub(crate) n_pipeline: usize,
}

/// The network at the start of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkState {
    /// The period, from 0.
    pub period: usize,
    /// `[n_shelves]`: units; see [`Network::on_hand`].
    pub shelves: Vec<Units>,
    /// `[Σ lead times]`: units on the way, link by link, what arrives next first.
    pub pipeline: Vec<Units>,
    /// `[n_market_links]`: units that customers wait for.
    pub backorders: Vec<Units>,
    /// Factor of goodwill on this period's mean demand.
    pub sentiment: f64,
}

impl Network {
    /// A network from a TOML text.
    ///
    /// # Errors
    /// [`NetworkError`] for text that is not a network, and as [`Network::new`], with the line.
    pub fn from_toml(text: &str) -> Result<Self, NetworkError> {
        let description = toml::from_str(text)
            .map_err(|error| NetworkError::Format { format: "TOML", message: error.to_string() })?;
        Self::new(description).map_err(|error| position::located_in_toml(error, text))
    }

    /// A network from a YAML text of the same fields.
    ///
    /// # Errors
    /// As [`Network::from_toml`].
    pub fn from_yaml(text: &str) -> Result<Self, NetworkError> {
        let description = serde_saphyr::from_str(text)
            .map_err(|error| NetworkError::Format { format: "YAML", message: error.to_string() })?;
        Self::new(description).map_err(|error| position::located_in_yaml(error, text))
    }

    /// A network from its description.
    ///
    /// # Errors
    /// [`NetworkError`] when ids are not unique or unknown, links form a cycle, demand stands on other links than those
    /// to markets, or a number is out of range.
    pub fn new(description: NetworkDescription) -> Result<Self, NetworkError> {
        let at_least = |low: f64, got: f64, what: String, allowed| {
            // Not a number is refused too.
            if got >= low && got.is_finite() { Ok(()) } else { Err(NetworkError::OutOfRange { what, got, allowed }) }
        };
        at_least(1.0, description.horizon as f64, "horizon".to_owned(), "at least 1 period")?;
        let node_idx = |id: &str, what: &dyn Fn() -> String| {
            let found = description.nodes.iter().position(|node| node.id == id);
            found.ok_or_else(|| NetworkError::UnknownNode { what: what(), id: id.to_owned() })
        };
        let mut nodes = Vec::with_capacity(description.nodes.len());
        for (idx, node) in description.nodes.iter().enumerate() {
            if description.nodes[..idx].iter().any(|other| other.id == node.id) {
                return Err(NetworkError::DuplicateNode { id: node.id.clone() });
            }
            let place = |name: &str| format!("{name} of node \"{}\"", node.id);
            for (name, value) in [
                ("initial_stock", node.initial_stock as f64),
                ("holding_cost", node.holding_cost),
                ("capacity", node.capacity.unwrap_or(0) as f64),
                ("operating_cost", node.operating_cost),
            ] {
                at_least(0.0, value, place(name), "at least 0")?;
            }
            if !(node.yield_share > 0.0 && node.yield_share <= 1.0) {
                let (what, got) = (place("yield_share"), node.yield_share);
                return Err(NetworkError::OutOfRange { what, got, allowed: "above 0 and at most 1" });
            }
            nodes.push(Node {
                incoming: Vec::new(),
                outgoing: Vec::new(),
                shelves: 0..0,
                components: vec![1],
                capacity: node.capacity.unwrap_or(Units::MAX),
                yield_share: node.yield_share,
                operating_cost: node.operating_cost,
                holding_cost: node.holding_cost,
                initial_stock: node.initial_stock,
            });
        }
        let mut links: Vec<Link> = Vec::with_capacity(description.links.len());
        for link in &description.links {
            let what = || format!("link \"{}\" -> \"{}\"", link.from, link.to);
            let (from, to) = (node_idx(&link.from, &what)?, node_idx(&link.to, &what)?);
            if links.iter().any(|other| (other.from, other.to) == (from, to)) {
                return Err(NetworkError::DuplicateLink { from: link.from.clone(), to: link.to.clone() });
            }
            for (name, value) in [
                ("unit_price", link.unit_price),
                ("transit_cost", link.transit_cost),
                ("order_cost", link.order_cost),
                ("stockout_cost", link.stockout_cost),
            ] {
                at_least(0.0, value, format!("{name} of {}", what()), "at least 0")?;
            }
            let numbers = match &link.demand {
                Some(DemandDescription::Poisson { mean } | DemandDescription::Constant { mean }) => vec![*mean],
                Some(DemandDescription::Normal { mean, std_dev }) => vec![*mean, *std_dev],
                Some(DemandDescription::Series { means }) => {
                    at_least(1.0, means.len() as f64, format!("length of the series of {}", what()), "at least 1")?;
                    means.clone()
                }
                None => Vec::new(),
            };
            for number in numbers {
                at_least(0.0, number, format!("demand of {}", what()), "at least 0")?;
            }
            nodes[from].outgoing.push(links.len());
            nodes[to].incoming.push(links.len());
            links.push(Link {
                from,
                to,
                shelf: None,
                lead_time: link.lead_time,
                pipeline: 0,
                unit_price: link.unit_price,
                transit_cost: link.transit_cost,
                order_cost: link.order_cost,
                stockout_cost: link.stockout_cost,
            });
        }
        if let Some(node_idx) = on_a_cycle(&nodes, &links) {
            return Err(NetworkError::Cycle { id: description.nodes[node_idx].id.clone() });
        }
        for (link, described) in links.iter().zip(&description.links) {
            let to_market = nodes[link.to].outgoing.is_empty();
            let problem = match (to_market, &described.demand) {
                (true, None) => "leads to a market and needs a demand",
                (true, Some(_)) if nodes[link.from].incoming.is_empty() => {
                    "joins a supplier to a market, a shop must stand between"
                }
                (true, Some(_)) if !description.nodes[link.from].components.is_empty() => {
                    "sells from a node with a bill of materials, a shop must stand between"
                }
                (true, Some(_)) if link.lead_time > 0 => "leads to a market and cannot have a lead time",
                (false, Some(_)) => "has a demand, which only links to markets have",
                (false, None) if link.stockout_cost > 0.0 => "has a stock-out cost, which only links to markets have",
                _ => continue,
            };
            let (from, to) = (described.from.clone(), described.to.clone());
            return Err(NetworkError::MarketLink { from, to, problem });
        }
        let mut n_shelves = 0;
        for (idx, described) in description.nodes.iter().enumerate() {
            if nodes[idx].incoming.is_empty() || nodes[idx].outgoing.is_empty() {
                continue;
            }
            let incoming = nodes[idx].incoming.clone();
            if described.components.is_empty() {
                for link_idx in incoming {
                    links[link_idx].shelf = Some(n_shelves);
                }
                nodes[idx].shelves = n_shelves..n_shelves + 1;
            } else {
                let id_of = |link_idx: &usize| description.links[*link_idx].from.as_str();
                let mut suppliers: Vec<&str> = incoming.iter().map(id_of).collect();
                suppliers.sort_unstable();
                if !suppliers.iter().copied().eq(described.components.keys().map(String::as_str)) {
                    let (id, suppliers) = (described.id.clone(), format!("{suppliers:?}"));
                    return Err(NetworkError::Components { id, suppliers });
                }
                nodes[idx].components = described.components.values().copied().collect();
                for (number, (component, units)) in described.components.iter().enumerate() {
                    at_least(
                        1.0,
                        *units as f64,
                        format!("component \"{component}\" of node \"{}\"", described.id),
                        "at least 1",
                    )?;
                    let link_idx = incoming.iter().find(|link_idx| id_of(link_idx) == component).expect("a supplier");
                    links[*link_idx].shelf = Some(n_shelves + number);
                }
                nodes[idx].shelves = n_shelves..n_shelves + described.components.len();
            }
            n_shelves = nodes[idx].shelves.end;
        }
        let mut n_pipeline = 0;
        for link in &mut links {
            link.pipeline = n_pipeline;
            n_pipeline += link.lead_time;
        }
        let (market_links, order_links) = (0..links.len()).partition(|idx| nodes[links[*idx].to].outgoing.is_empty());
        Ok(Self { description, nodes, links, order_links, market_links, n_shelves, n_pipeline })
    }

    /// The description that the network was made of.
    pub fn description(&self) -> &NetworkDescription {
        &self.description
    }

    /// Number of links that orders are placed on, the length of an action.
    pub fn n_order_links(&self) -> usize {
        self.order_links.len()
    }

    /// The links that orders are placed on, in the order of an action.
    pub fn order_links(&self) -> impl ExactSizeIterator<Item = &LinkDescription> {
        self.order_links.iter().map(|idx| &self.description.links[*idx])
    }

    /// The links that customers buy on, in the order of a period's demands.
    pub fn market_links(&self) -> impl ExactSizeIterator<Item = &LinkDescription> {
        self.market_links.iter().map(|idx| &self.description.links[*idx])
    }

    /// Ids of the places that hold stock, in the order of the description.
    pub fn stocking_nodes(&self) -> impl Iterator<Item = &NodeDescription> {
        let nodes = self.description.nodes.iter().zip(&self.nodes);
        nodes.filter(|(_, node)| !node.shelves.is_empty()).map(|(described, _)| described)
    }

    /// `[n_nodes]`: for each node, in the order of the description, the numbers of the market links that its goods can
    /// reach.
    pub fn market_links_downstream(&self) -> Vec<Vec<usize>> {
        let reach = |start: usize| {
            let mut seen = vec![false; self.nodes.len()];
            let mut open = vec![start];
            while let Some(node_idx) = open.pop() {
                if !std::mem::replace(&mut seen[node_idx], true) {
                    open.extend(self.nodes[node_idx].outgoing.iter().map(|link_idx| self.links[*link_idx].to));
                }
            }
            let markets = self.market_links.iter().enumerate();
            markets.filter(|(_, link_idx)| seen[self.links[**link_idx].from]).map(|(idx, _)| idx).collect()
        };
        (0..self.nodes.len()).map(reach).collect()
    }

    /// Stock of a place, units; the sum of its components.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn on_hand(&self, state: &NetworkState, id: &str) -> Units {
        let node_idx = self.description.nodes.iter().position(|node| node.id == id).expect("a place of the network");
        state.shelves[self.nodes[node_idx].shelves.clone()].iter().sum()
    }

    /// What is on the way on an order link, by its number in an action, units.
    pub fn in_transit(&self, state: &NetworkState, order_link_idx: usize) -> Units {
        let link = &self.links[self.order_links[order_link_idx]];
        state.pipeline[link.pipeline..link.pipeline + link.lead_time].iter().sum()
    }

    /// Mean demand of a market link in a period, with pattern and sentiment, units; at least 0.1, as a Poisson law needs
    /// a positive mean, except where a recorded series has less.
    pub fn mean_demand(&self, market_link_idx: usize, period: usize, sentiment: f64) -> f64 {
        let link = &self.description.links[self.market_links[market_link_idx]];
        let (base, least) = match link.demand.as_ref().expect("demand on a link to a market") {
            DemandDescription::Poisson { mean }
            | DemandDescription::Normal { mean, .. }
            | DemandDescription::Constant { mean } => (*mean, 0.1),
            DemandDescription::Series { means } => (means[period.min(means.len() - 1)], 0.0),
        };
        (base * self.description.pattern.factor(period) * sentiment).max(least)
    }

    /// What each link ships of an action and, with 0 for all others, of what a place uses for it: `[n_links]` units
    /// shipped, `[n_nodes]` units of stock used per component unit.
    fn shipments(&self, shelves: &[Units], orders: &[Units]) -> (Vec<Units>, Vec<Units>) {
        let mut shipped = vec![0; self.links.len()];
        let mut used = vec![0; self.nodes.len()];
        let mut n_shipped = vec![0; self.nodes.len()];
        for (order_quantity, link_idx) in orders.iter().zip(&self.order_links) {
            let from = self.links[*link_idx].from;
            let node = &self.nodes[from];
            shipped[*link_idx] = if node.incoming.is_empty() {
                *order_quantity
            } else {
                let sets = self.sets(node, shelves) - used[from];
                let good = (node.yield_share * sets as f64).floor() as Units;
                let quantity = (*order_quantity).min(node.capacity - n_shipped[from]).min(good);
                n_shipped[from] += quantity;
                used[from] += stock_used(node, quantity);
                quantity
            };
        }
        (shipped, used)
    }

    /// How many units could be started from the stock of all components.
    fn sets(&self, node: &Node, shelves: &[Units]) -> Units {
        let stock = shelves[node.shelves.clone()].iter().zip(&node.components);
        stock.map(|(on_hand, needed)| on_hand / needed).min().expect("a shelf")
    }

    /// Puts what is due today on the shelves. Returns the units.
    fn receive_due(&self, state: &mut NetworkState) -> Units {
        let mut received = 0;
        for link_idx in &self.order_links {
            let link = &self.links[*link_idx];
            if link.lead_time > 0 {
                let due = std::mem::take(&mut state.pipeline[link.pipeline]);
                state.shelves[link.shelf.expect("a shelf behind an order link")] += due;
                received += due;
            }
        }
        received
    }
}

/// Stock that `quantity` good units take, units.
fn stock_used(node: &Node, quantity: Units) -> Units {
    if node.yield_share == 1.0 { quantity } else { (quantity as f64 / node.yield_share).ceil() as Units }
}

/// A node on a cycle, if there is one.
fn on_a_cycle(nodes: &[Node], links: &[Link]) -> Option<usize> {
    let mut n_open: Vec<usize> = nodes.iter().map(|node| node.incoming.len()).collect();
    let mut order: Vec<usize> = (0..nodes.len()).filter(|idx| n_open[*idx] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for link_idx in &nodes[order[next]].outgoing {
            let to = links[*link_idx].to;
            n_open[to] -= 1;
            if n_open[to] == 0 {
                order.push(to);
            }
        }
        next += 1;
    }
    // Every node left has a supplier that is left too, so walking upstream ends on a cycle.
    let mut on_cycle = n_open.iter().position(|n| *n > 0)?;
    for _ in 0..nodes.len() {
        let upstream = nodes[on_cycle].incoming.iter().map(|link_idx| links[*link_idx].from);
        on_cycle = upstream.into_iter().find(|from| n_open[*from] > 0).expect("a supplier on or before the cycle");
    }
    Some(on_cycle)
}

impl Environment for Network {
    type State = NetworkState;
    /// `[n_order_links]`: units ordered.
    type Action = Vec<Units>;
    /// `[n_market_links]`: units that customers want.
    type Chance = Vec<Units>;

    fn id(&self) -> &'static str {
        "network-v1"
    }

    fn initial_state(&self) -> NetworkState {
        let mut shelves = vec![0; self.n_shelves];
        for node in &self.nodes {
            shelves[node.shelves.clone()].fill(node.initial_stock);
        }
        NetworkState {
            period: 0,
            shelves,
            pipeline: vec![0; self.n_pipeline],
            backorders: vec![0; self.market_links.len()],
            sentiment: 1.0,
        }
    }

    fn sample_action(&self, _: &NetworkState, rng: &mut dyn Rng) -> Vec<Units> {
        let total: f64 = (0..self.market_links.len()).map(|idx| self.mean_demand(idx, 0, 1.0)).sum();
        let highest = (2.0 * total).ceil() as u64 + 1;
        self.order_links.iter().map(|_| (rng.next_u64() % (highest + 1)) as Units).collect()
    }

    fn sample_chance(&self, state: &NetworkState, _: &Vec<Units>, rng: &mut dyn Rng) -> Vec<Units> {
        let demand = |(idx, link_idx): (usize, &usize)| {
            let mean = self.mean_demand(idx, state.period, state.sentiment);
            let drawn = match self.description.links[*link_idx].demand.as_ref().expect("demand on a link to a market") {
                DemandDescription::Constant { .. } => mean,
                DemandDescription::Normal { std_dev, .. } => {
                    Normal::new(mean, *std_dev).expect("a standard deviation of at least 0").sample(rng)
                }
                _ if mean == 0.0 => 0.0,
                _ => Poisson::new(mean).expect("a positive mean").sample(rng),
            };
            drawn.round().max(0.0) as Units
        };
        self.market_links.iter().enumerate().map(demand).collect()
    }

    /// Sequence of events in a period: 1. orders, in the order of the links: a place ships what it has at the start of
    /// the period, within its capacity and what its yield makes of its stock; what it does not ship is forgotten;
    /// 2. receipt of what is due, and at once of what has no lead time ([`Ships::AfterReceipts`] puts the receipt of
    /// what is due first); 3. demand, for waiting customers first; the rest waits or is lost; 4. revenue, purchases,
    /// operating, holding, transit, order and stock-out cost; 5. sentiment of the next period.
    fn step(&self, state: &mut NetworkState, orders: &Vec<Units>, demands: &Vec<Units>) -> PeriodOutcome {
        assert!(orders.len() == self.order_links.len() && orders.iter().all(|order_quantity| 0 <= *order_quantity));
        assert!(demands.len() == self.market_links.len() && demands.iter().all(|demand| 0 <= *demand));
        let mut outcome = PeriodOutcome::default();
        let mut profit = 0.0;
        if self.description.ships == Ships::AfterReceipts {
            outcome.received += self.receive_due(state);
        }
        let (mut shipped, used) = self.shipments(&state.shelves, orders);
        for (node, used) in self.nodes.iter().zip(&used) {
            for (shelf, needed) in node.shelves.clone().zip(&node.components) {
                state.shelves[shelf] -= used * needed;
            }
        }
        if self.description.ships == Ships::OpeningStock {
            outcome.received += self.receive_due(state);
        }
        for link_idx in &self.order_links {
            let link = &self.links[*link_idx];
            let quantity = shipped[*link_idx];
            if link.lead_time == 0 {
                state.shelves[link.shelf.expect("a shelf behind an order link")] += quantity;
                outcome.received += quantity;
            } else {
                let way = &mut state.pipeline[link.pipeline..link.pipeline + link.lead_time];
                way.rotate_left(1);
                way[link.lead_time - 1] = quantity;
                profit -= link.transit_cost * way.iter().sum::<Units>() as f64;
            }
        }
        for (idx, link_idx) in self.market_links.iter().enumerate() {
            let link = &self.links[*link_idx];
            let on_hand = &mut state.shelves[self.nodes[link.from].shelves.start];
            let issued_late = state.backorders[idx].min(*on_hand);
            let sold = demands[idx].min(*on_hand - issued_late);
            *on_hand -= issued_late + sold;
            shipped[*link_idx] = issued_late + sold;
            let unmet = demands[idx] - sold;
            let waiting = state.backorders[idx] - issued_late;
            profit -= link.stockout_cost * (waiting + unmet) as f64;
            state.backorders[idx] =
                if self.description.unmet_demand == UnmetDemand::Backorder { waiting + unmet } else { 0 };
            outcome.demand += demands[idx];
            outcome.sold += sold;
            outcome.lost += unmet;
            outcome.issued_late += issued_late;
        }
        for (link_idx, link) in self.links.iter().enumerate() {
            let quantity = shipped[link_idx];
            let revenue = link.unit_price * quantity as f64;
            if !self.nodes[link.from].incoming.is_empty() {
                profit += revenue
                    - self.nodes[link.from].operating_cost * quantity as f64 / self.nodes[link.from].yield_share;
            }
            if link.shelf.is_some() {
                profit -= revenue + if quantity > 0 { link.order_cost } else { 0.0 };
            }
        }
        for node in &self.nodes {
            profit -= node.holding_cost * state.shelves[node.shelves.clone()].iter().sum::<Units>() as f64;
        }
        if let Some(goodwill) = self.description.goodwill {
            let n_unmet = match self.description.unmet_demand {
                UnmetDemand::Backorder => state.backorders.iter().sum(),
                UnmetDemand::Lost => outcome.lost,
            };
            state.sentiment = goodwill.next(state.sentiment, n_unmet);
        }
        state.period += 1;
        outcome.cost = -profit;
        outcome
    }

    fn units(&self, state: &NetworkState) -> Units {
        state.shelves.iter().sum::<Units>() + state.pipeline.iter().sum::<Units>()
    }

    /// What suppliers ship, and what factories make less what goes into it.
    fn ordered(&self, state: &NetworkState, orders: &Vec<Units>, _: &Vec<Units>) -> Units {
        let mut before = state.clone();
        if self.description.ships == Ships::AfterReceipts {
            self.receive_due(&mut before);
        }
        let (shipped, used) = self.shipments(&before.shelves, orders);
        let n_shipped: Units = shipped.iter().sum();
        let taken = self.nodes.iter().zip(&used).map(|(node, used)| used * node.components.iter().sum::<Units>());
        n_shipped - taken.sum::<Units>()
    }
}

#[cfg(test)]
mod tests;
