//! General supply networks ([`Network`]) in lanes: capacities, yields, bills of materials, patterns, goodwill.

use std::num::Wrapping;

use restock_core::Units;
use statrs::distribution::{ContinuousCDF, DiscreteCDF, Normal, Poisson};

use super::random::uniform;
use super::{LaneDemand, LaneEnvironment, LaneOutcome, LanePolicy, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::network::{DemandDescription, Pattern, Ships, UnmetDemand};
use crate::environments::{Network, NetworkState};
use crate::heuristics::LinkBaseStock;

/// Largest mean whose probabilities are added up one by one; e^-mean is far from the smallest double.
const MEAN_MAX: f64 = 500.0;

/// The network problem in lanes.
#[derive(Clone, Debug)]
pub struct SupplyNetworkLanes {
    plain: Network,
    /// `[n_market_links]`.
    demand: Vec<MarketDemand>,
    /// `[n_nodes]`: most units shipped a period.
    capacity: Vec<LaneUnits>,
    /// `[n_nodes][n_shelves]`: units that go into one unit shipped.
    components: Vec<Vec<LaneUnits>>,
}

/// How the demand of a market is drawn.
#[derive(Clone, Debug)]
enum MarketDemand {
    /// The same law in every period and lane.
    Stationary(LaneDemand),
    /// Poisson around a mean that depends on the period and on goodwill.
    Poisson,
    /// Normal with this standard deviation around such a mean.
    Normal(f64),
    /// That mean.
    Constant,
}

/// The network at the start of a period.
#[derive(Clone, Debug)]
pub struct SupplyNetworkLaneState {
    /// The period, from 0, the same in all lanes.
    pub period: usize,
    /// `[n_shelves, N_LANES]`: units.
    pub shelves: Vec<Lanes<LaneUnits>>,
    /// `[n_links, N_LANES]`: units on the way on each link.
    pub in_transit: Vec<Lanes<LaneUnits>>,
    /// `[n_market_links, N_LANES]`: units that customers wait for.
    pub backorders: Vec<Lanes<LaneUnits>>,
    /// Factor of goodwill on this period's mean demand.
    pub sentiment: Lanes<f64>,
    /// `[Σ lead times, N_LANES]`: units on the way; the pipeline of each link is a ring, whose place `period % lead_time`
    /// is due next.
    pipeline: Vec<Lanes<LaneUnits>>,
    /// `[n_links, N_LANES]` and `[n_nodes, N_LANES]`: what a period ships and uses, kept so that no period allocates.
    shipped: Vec<Lanes<LaneUnits>>,
    used: Vec<Lanes<LaneUnits>>,
    n_shipped: Vec<Lanes<LaneUnits>>,
}

impl SupplyNetworkLanes {
    /// The twin of a network.
    ///
    /// # Panics
    /// When stock, a bill of materials or demand is too large for lanes.
    pub fn new(plain: Network) -> Self {
        let description = plain.description();
        let stationary = description.pattern == Pattern::default() && description.goodwill.is_none();
        let law = |(idx, described): (usize, &DemandDescription)| match described {
            DemandDescription::Poisson { .. } if stationary => {
                let mean = plain.mean_demand(idx, 0, 1.0);
                let most = (mean + 10.0 * mean.sqrt() + 40.0) as usize;
                MarketDemand::Stationary(LaneDemand::new(&DiscreteDemand::poisson(mean, most)))
            }
            DemandDescription::Poisson { .. } | DemandDescription::Series { .. } => MarketDemand::Poisson,
            DemandDescription::Normal { std_dev, .. } => MarketDemand::Normal(*std_dev),
            DemandDescription::Constant { .. } => MarketDemand::Constant,
        };
        let laws = plain.market_links().map(|link| link.demand.as_ref().expect("demand on a link to a market"));
        let demand = laws.enumerate().map(law).collect();
        let capacity = plain.nodes.iter().map(|node| Wrapping(node.capacity.min(Units::from(i32::MAX)) as i32));
        let components = plain.nodes.iter().map(|node| node.components.iter().map(|n| lane_units(*n)).collect());
        let (capacity, components) = (capacity.collect(), components.collect());
        Self { plain, demand, capacity, components }
    }

    /// What each link ships of an action, and what each node uses for it.
    #[inline(always)]
    fn ship(&self, state: &mut SupplyNetworkLaneState, orders: &[Lanes<LaneUnits>]) {
        state.used.fill(NO_UNITS);
        state.n_shipped.fill(NO_UNITS);
        for (order_quantity, link_idx) in orders.iter().zip(&self.plain.order_links) {
            let from = self.plain.links[*link_idx].from;
            let node = &self.plain.nodes[from];
            if node.incoming.is_empty() {
                state.shipped[*link_idx] = *order_quantity;
                continue;
            }
            let mut sets = [Wrapping(i32::MAX); N_LANES];
            for (shelf, needed) in node.shelves.clone().zip(&self.components[from]) {
                for lane in 0..N_LANES {
                    sets[lane] = sets[lane].min(state.shelves[shelf][lane] / needed);
                }
            }
            let (used, n_shipped) = (&mut state.used[from], &mut state.n_shipped[from]);
            let shipped = &mut state.shipped[*link_idx];
            for lane in 0..N_LANES {
                let left = sets[lane] - used[lane];
                let good = if node.yield_share == 1.0 {
                    left
                } else {
                    Wrapping((node.yield_share * f64::from(left.0)).floor() as i32)
                };
                let quantity = order_quantity[lane].min(self.capacity[from] - n_shipped[lane]).min(good);
                n_shipped[lane] += quantity;
                used[lane] += if node.yield_share == 1.0 {
                    quantity
                } else {
                    Wrapping((f64::from(quantity.0) / node.yield_share).ceil() as i32)
                };
                shipped[lane] = quantity;
            }
        }
    }

    /// Puts what is due today on the shelves.
    #[inline(always)]
    fn receive_due(&self, state: &mut SupplyNetworkLaneState) {
        for link_idx in &self.plain.order_links {
            let link = &self.plain.links[*link_idx];
            if link.lead_time > 0 {
                let place = link.pipeline + state.period % link.lead_time;
                let due = std::mem::replace(&mut state.pipeline[place], NO_UNITS);
                let shelf = &mut state.shelves[link.shelf.expect("a shelf behind an order link")];
                for lane in 0..N_LANES {
                    shelf[lane] += due[lane];
                    state.in_transit[*link_idx][lane] -= due[lane];
                }
            }
        }
    }

    fn set_units(units: &mut [Lanes<LaneUnits>], lane: usize, plain: &[Units]) {
        for (units, plain) in units.iter_mut().zip(plain) {
            units[lane] = lane_units(*plain);
        }
    }

    fn units(units: &[Lanes<LaneUnits>], lane: usize) -> Vec<Units> {
        units.iter().map(|units| plain_units(units[lane])).collect()
    }
}

/// The smallest demand whose Poisson distribution function is above a uniform number, units.
pub(super) fn poisson_quantile(mean: f64, uniform: f64) -> LaneUnits {
    if mean == 0.0 {
        return Wrapping(0);
    }
    if mean > MEAN_MAX {
        let law = Poisson::new(mean).expect("a positive mean");
        return Wrapping(law.inverse_cdf(uniform) as i32);
    }
    let most = (mean + 10.0 * mean.sqrt() + 40.0) as i32;
    let mut probability = (-mean).exp();
    let (mut below, mut demand) = (probability, 0);
    while uniform >= below && demand < most {
        demand += 1;
        probability *= mean / f64::from(demand);
        below += probability;
    }
    Wrapping(demand)
}

impl LaneEnvironment for SupplyNetworkLanes {
    type Plain = Network;
    type State = SupplyNetworkLaneState;
    /// `[n_order_links, N_LANES]`: units ordered.
    type Action = Vec<Lanes<LaneUnits>>;
    /// `[n_market_links, N_LANES]`: units that customers want.
    type Chance = Vec<Lanes<LaneUnits>>;

    fn plain(&self) -> &Network {
        &self.plain
    }

    fn reset(&self) -> SupplyNetworkLaneState {
        let (n_links, n_nodes) = (self.plain.links.len(), self.plain.nodes.len());
        let mut shelves = vec![NO_UNITS; self.plain.n_shelves];
        for node in &self.plain.nodes {
            shelves[node.shelves.clone()].fill([lane_units(node.initial_stock); N_LANES]);
        }
        SupplyNetworkLaneState {
            period: 0,
            shelves,
            in_transit: vec![NO_UNITS; n_links],
            backorders: vec![NO_UNITS; self.plain.market_links.len()],
            sentiment: [1.0; N_LANES],
            pipeline: vec![NO_UNITS; self.plain.n_pipeline],
            shipped: vec![NO_UNITS; n_links],
            used: vec![NO_UNITS; n_nodes],
            n_shipped: vec![NO_UNITS; n_nodes],
        }
    }

    fn no_action(&self) -> Vec<Lanes<LaneUnits>> {
        vec![NO_UNITS; self.plain.n_order_links()]
    }

    #[inline(always)]
    fn sample_chance(
        &self,
        state: &SupplyNetworkLaneState,
        _: &Vec<Lanes<LaneUnits>>,
        rng: &mut LaneRng,
    ) -> Vec<Lanes<LaneUnits>> {
        let mut demands = self.no_chance();
        for (idx, (demand, law)) in demands.iter_mut().zip(&self.demand).enumerate() {
            let mean = |lane: usize| self.plain.mean_demand(idx, state.period, state.sentiment[lane]);
            let rounded = |units: f64| Wrapping(units.round().max(0.0) as i32);
            match law {
                MarketDemand::Stationary(law) => *demand = law.sample(rng),
                MarketDemand::Poisson => {
                    let random = rng.next_u32();
                    *demand = std::array::from_fn(|lane| poisson_quantile(mean(lane), uniform(random[lane])));
                }
                MarketDemand::Normal(std_dev) => {
                    let (random, standard) = (rng.next_u32(), Normal::standard());
                    let drawn = |lane: usize| mean(lane) + std_dev * standard.inverse_cdf(uniform(random[lane]));
                    *demand = std::array::from_fn(|lane| rounded(drawn(lane)));
                }
                MarketDemand::Constant => *demand = std::array::from_fn(|lane| rounded(mean(lane))),
            }
        }
        demands
    }

    /// The sequence of events of [`Network`].
    #[inline(always)]
    fn step(
        &self,
        state: &mut SupplyNetworkLaneState,
        orders: &Vec<Lanes<LaneUnits>>,
        demands: &Vec<Lanes<LaneUnits>>,
    ) -> LaneOutcome {
        let description = self.plain.description();
        let mut outcome = LaneOutcome::NOTHING;
        let mut profit = [0.0; N_LANES];
        if description.ships == Ships::AfterReceipts {
            self.receive_due(state);
        }
        self.ship(state, orders);
        for (node_idx, node) in self.plain.nodes.iter().enumerate() {
            for (shelf, needed) in node.shelves.clone().zip(&self.components[node_idx]) {
                for lane in 0..N_LANES {
                    state.shelves[shelf][lane] -= state.used[node_idx][lane] * needed;
                }
            }
        }
        if description.ships == Ships::OpeningStock {
            self.receive_due(state);
        }
        for link_idx in &self.plain.order_links {
            let link = &self.plain.links[*link_idx];
            let (quantity, in_transit) = (&state.shipped[*link_idx], &mut state.in_transit[*link_idx]);
            if link.lead_time == 0 {
                let shelf = &mut state.shelves[link.shelf.expect("a shelf behind an order link")];
                for lane in 0..N_LANES {
                    shelf[lane] += quantity[lane];
                }
            } else {
                state.pipeline[link.pipeline + state.period % link.lead_time] = *quantity;
                for lane in 0..N_LANES {
                    in_transit[lane] += quantity[lane];
                    profit[lane] -= link.transit_cost * f64::from(in_transit[lane].0);
                }
            }
        }
        let mut n_waiting = NO_UNITS;
        for (idx, link_idx) in self.plain.market_links.iter().enumerate() {
            let link = &self.plain.links[*link_idx];
            let on_hand = &mut state.shelves[self.plain.nodes[link.from].shelves.start];
            let (backorders, shipped) = (&mut state.backorders[idx], &mut state.shipped[*link_idx]);
            for lane in 0..N_LANES {
                let issued_late = backorders[lane].min(on_hand[lane]);
                let sold = demands[idx][lane].min(on_hand[lane] - issued_late);
                on_hand[lane] -= issued_late + sold;
                shipped[lane] = issued_late + sold;
                let unmet = demands[idx][lane] - sold;
                let waiting = backorders[lane] - issued_late + unmet;
                profit[lane] -= link.stockout_cost * f64::from(waiting.0);
                let waits = description.unmet_demand == UnmetDemand::Backorder;
                backorders[lane] = if waits { waiting } else { Wrapping(0) };
                n_waiting[lane] += backorders[lane];
                outcome.sold[lane] += sold;
                outcome.lost[lane] += unmet;
            }
        }
        for (link, shipped) in self.plain.links.iter().zip(&state.shipped) {
            let from = &self.plain.nodes[link.from];
            let earns = !from.incoming.is_empty();
            for lane in 0..N_LANES {
                let quantity = f64::from(shipped[lane].0);
                let revenue = link.unit_price * quantity;
                if earns {
                    profit[lane] += revenue - from.operating_cost * quantity / from.yield_share;
                }
                if link.shelf.is_some() {
                    profit[lane] -= revenue + if quantity > 0.0 { link.order_cost } else { 0.0 };
                }
            }
        }
        for node in &self.plain.nodes {
            let mut on_hand = NO_UNITS;
            for shelf in &state.shelves[node.shelves.clone()] {
                for lane in 0..N_LANES {
                    on_hand[lane] += shelf[lane];
                }
            }
            for lane in 0..N_LANES {
                profit[lane] -= node.holding_cost * f64::from(on_hand[lane].0);
            }
        }
        for lane in 0..N_LANES {
            if let Some(goodwill) = description.goodwill {
                let waits = description.unmet_demand == UnmetDemand::Backorder;
                let n_unmet = if waits { n_waiting[lane] } else { outcome.lost[lane] };
                state.sentiment[lane] = goodwill.next(state.sentiment[lane], plain_units(n_unmet));
            }
            outcome.cost[lane] = -profit[lane];
        }
        state.period += 1;
        outcome
    }

    fn lane(&self, state: &SupplyNetworkLaneState, lane: usize) -> NetworkState {
        let mut pipeline = vec![0; self.plain.n_pipeline];
        for link in &self.plain.links {
            for periods in 0..link.lead_time {
                let place = link.pipeline + (state.period + periods) % link.lead_time;
                pipeline[link.pipeline + periods] = plain_units(state.pipeline[place][lane]);
            }
        }
        NetworkState {
            period: state.period,
            shelves: Self::units(&state.shelves, lane),
            pipeline,
            backorders: Self::units(&state.backorders, lane),
            sentiment: state.sentiment[lane],
        }
    }

    fn set_action(&self, orders: &mut Vec<Lanes<LaneUnits>>, lane: usize, plain: &Vec<Units>) {
        Self::set_units(orders, lane, plain);
    }

    fn action(&self, orders: &Vec<Lanes<LaneUnits>>, lane: usize) -> Vec<Units> {
        Self::units(orders, lane)
    }

    fn no_chance(&self) -> Vec<Lanes<LaneUnits>> {
        vec![NO_UNITS; self.plain.market_links.len()]
    }

    fn set_chance(&self, demands: &mut Vec<Lanes<LaneUnits>>, lane: usize, plain: &Vec<Units>) {
        Self::set_units(demands, lane, plain);
    }

    fn chance(&self, demands: &Vec<Lanes<LaneUnits>>, lane: usize) -> Vec<Units> {
        Self::units(demands, lane)
    }
}

/// The policy of [`LinkBaseStock`] in lanes.
impl LanePolicy<SupplyNetworkLanes> for LinkBaseStock {
    #[inline(always)]
    fn act(
        &self,
        environment: &SupplyNetworkLanes,
        state: &SupplyNetworkLaneState,
        orders: &mut Vec<Lanes<LaneUnits>>,
    ) {
        let network = &environment.plain;
        for ((order_quantity, level), link_idx) in orders.iter_mut().zip(&self.levels).zip(&network.order_links) {
            let (link, level) = (&network.links[*link_idx], lane_units(*level));
            let shelf = &state.shelves[link.shelf.expect("a shelf behind an order link")];
            let in_transit = &state.in_transit[*link_idx];
            let mut backorders = NO_UNITS;
            for (waiting, market_link_idx) in state.backorders.iter().zip(&network.market_links) {
                if network.links[*market_link_idx].from == link.to {
                    for lane in 0..N_LANES {
                        backorders[lane] += waiting[lane];
                    }
                }
            }
            for lane in 0..N_LANES {
                let position = shelf[lane] + in_transit[lane] - backorders[lane];
                order_quantity[lane] = (level - position).max(Wrapping(0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{check_lanes, check_policy};

    const SERIAL: &str = include_str!("../published/gym_invmgmt_serial.toml");
    const DIVERGENT: &str = include_str!("../published/gym_invmgmt_base.toml");
    const ASSEMBLY: &str = include_str!("../environments/network/assembly.yaml");

    fn networks() -> Vec<Network> {
        let assembly = |from: &str, to: &str| Network::from_yaml(&ASSEMBLY.replace(from, to)).unwrap();
        let normal = "law: normal, std_dev: 2.5";
        vec![
            Network::from_toml(SERIAL).unwrap(),
            Network::from_toml(DIVERGENT).unwrap(),
            assembly("", ""),
            assembly("ships: opening_stock", "ships: after_receipts"),
            assembly("unmet_demand: backorder", "unmet_demand: lost"),
            assembly("law: poisson", normal),
            assembly("law: poisson", "law: constant"),
        ]
    }

    #[test]
    fn equals_the_plain_environment() {
        for network in networks() {
            check_lanes(&SupplyNetworkLanes::new(network), 5, 300).unwrap();
        }
    }

    #[test]
    fn equals_the_plain_base_stock_policy() {
        for network in networks() {
            let levels = (0..network.n_order_links() as Units).map(|idx| 20 + 7 * idx).collect();
            let policy = LinkBaseStock { levels };
            let twin = SupplyNetworkLanes::new(network.clone());
            check_policy(&twin, &policy, |state| policy.orders(&network, state), 5, 100).unwrap();
        }
    }

    /// Quantiles of a Poisson law, summed one by one and by the incomplete gamma function, agree.
    #[test]
    fn quantiles_are_those_of_the_distribution_function() {
        for mean in [0.1, 3.0, 77.0, 499.0, 501.0, 20_000.0] {
            let law = Poisson::new(mean).unwrap();
            for uniform in [1e-6, 0.02, 0.5, 0.77, 0.999_999] {
                let demand = poisson_quantile(mean, uniform).0 as u64;
                assert!(law.cdf(demand) >= uniform - 1e-9, "mean {mean}, {uniform}: {demand}");
                assert!(demand == 0 || law.cdf(demand - 1) <= uniform + 1e-9, "mean {mean}, {uniform}: {demand}");
            }
        }
        assert_eq!(poisson_quantile(0.0, 0.9), Wrapping(0));
    }
}
