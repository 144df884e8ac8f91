//! Base-stock and reorder-point policies of general networks, as gym-invmgmt's baselines do them (Barati & Hu 2026).
//!
//! Each place forecasts the demand of its markets over its longest lead time and one period, and lifts its own inventory
//! position (on hand, on the way, less backorders) to a level; suppliers share its order by price and lead time.
//!
//! # Differences from gym-invmgmt
//! 1. With several markets a place adds up those downstream of it; the package takes one market's mean everywhere.

use restock_core::Units;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::environments::network::{LinkDescription, Network, NetworkState, NodeDescription, UnmetDemand};

/// How levels follow from forecasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LevelRule {
    /// Up to µ + Φ⁻¹(b/(b + h))·σ: b is the stock-out cost where the place sells, elsewhere its margin, at least 0.5.
    Newsvendor,
    /// Below s = µ + Φ⁻¹(α)·σ up to s + √(2·µ₁·K/h), µ₁ the mean of a period; where orders cost nothing, K is ten times
    /// the operating cost of a factory or the holding cost of another place.
    ReorderPoint {
        /// Cycle service level α.
        service_level: f64,
    },
}

/// What a place knows about demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DemandKnowledge<'a> {
    /// The mean of every period to come, with Poisson variance.
    Informed,
    /// `[n_periods_so_far][n_market_links]`: past demand, units. The forecast is the mean of the last five periods; in
    /// the first period, the retailers' initial stock spread over the longest lead time.
    Observed(&'a [Vec<Units>]),
}

/// A policy of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkBaseStock {
    /// How levels follow from forecasts.
    pub rule: LevelRule,
    /// Units that make one item; above 1 where a network counts in fractions, so that orders can be fractions too.
    pub units_per_item: Units,
}

/// Mean and standard deviation of a forecast, items.
#[derive(Clone, Copy)]
struct Forecast {
    mean: f64,
    std_dev: f64,
    /// Mean of the first period.
    period_mean: f64,
}

impl NetworkBaseStock {
    /// The orders of a period, `[n_order_links]` units.
    pub fn orders(&self, network: &Network, state: &NetworkState, knowledge: DemandKnowledge<'_>) -> Vec<Units> {
        let downstream = network.market_links_downstream();
        let mut orders = vec![0; network.n_order_links()];
        let nodes = network.description().nodes.iter().zip(&downstream);
        for (node, markets) in nodes {
            let incoming: Vec<(usize, &LinkDescription)> =
                network.order_links().enumerate().filter(|(_, link)| link.to == node.id).collect();
            if incoming.is_empty() || markets.is_empty() {
                continue;
            }
            let lead_time = incoming.iter().map(|(_, link)| link.lead_time).max().expect("a link");
            let forecast = self.forecast(network, state, knowledge, markets, lead_time);
            let position = self.inventory_position(network, state, node, &incoming);
            let wanted = self.wanted(network, node, &incoming, forecast, position);
            // Cheap and near suppliers get more.
            let score =
                |link: &LinkDescription| 1.0 / (1.0 + self.items(link.unit_price) + 0.1 * link.lead_time as f64);
            let total: f64 = incoming.iter().map(|(_, link)| score(link)).sum();
            for (order_link_idx, link) in &incoming {
                let share = if incoming.len() == 1 { 1.0 } else { score(link) / total };
                orders[*order_link_idx] = (wanted * share * self.units_per_item as f64).round() as Units;
            }
        }
        orders
    }

    /// A cost per unit as a cost per item.
    fn items(&self, unit_cost: f64) -> f64 {
        unit_cost * self.units_per_item as f64
    }

    fn forecast(
        &self,
        network: &Network,
        state: &NetworkState,
        knowledge: DemandKnowledge<'_>,
        markets: &[usize],
        lead_time: usize,
    ) -> Forecast {
        let per_item = self.units_per_item as f64;
        let n_periods = (lead_time + 1) as f64;
        match knowledge {
            DemandKnowledge::Informed => {
                let mean_of = |period: usize| -> f64 {
                    markets.iter().map(|idx| network.mean_demand(*idx, period, state.sentiment) / per_item).sum()
                };
                let mean: f64 = (0..=lead_time).map(|offset| mean_of(state.period + offset)).sum();
                Forecast { mean, std_dev: mean.sqrt(), period_mean: mean_of(state.period) }
            }
            DemandKnowledge::Observed([]) => {
                let retailers: Vec<&NodeDescription> = network
                    .stocking_nodes()
                    .filter(|node| network.market_links().any(|link| link.from == node.id))
                    .collect();
                let longest = network.order_links().map(|link| link.lead_time).max().unwrap_or(0);
                let stock: Units = retailers.iter().map(|node| node.initial_stock).sum();
                let of_one = stock as f64 / per_item / retailers.len() as f64 / (longest + 1) as f64;
                let period_mean = markets.len() as f64 * if of_one > 0.0 { of_one } else { 20.0 };
                Forecast {
                    mean: period_mean * n_periods,
                    std_dev: period_mean.sqrt().max(1.0) * n_periods.sqrt(),
                    period_mean,
                }
            }
            DemandKnowledge::Observed(history) => {
                let recent: Vec<f64> = history[history.len().saturating_sub(5)..]
                    .iter()
                    .map(|demands| markets.iter().map(|idx| demands[*idx]).sum::<Units>() as f64 / per_item)
                    .collect();
                let n = recent.len() as f64;
                let period_mean = recent.iter().sum::<f64>() / n;
                let squares: f64 = recent.iter().map(|demand| (demand - period_mean).powi(2)).sum();
                let std_dev = if recent.len() >= 3 { (squares / (n - 1.0)).sqrt() } else { period_mean.sqrt() };
                Forecast { mean: period_mean * n_periods, std_dev: std_dev.max(1.0) * n_periods.sqrt(), period_mean }
            }
        }
    }

    fn inventory_position(
        &self,
        network: &Network,
        state: &NetworkState,
        node: &NodeDescription,
        incoming: &[(usize, &LinkDescription)],
    ) -> f64 {
        let in_transit: Units = incoming.iter().map(|(idx, _)| network.in_transit(state, *idx)).sum();
        let waiting = network.market_links().zip(&state.backorders).filter(|(link, _)| link.from == node.id);
        let backorders: Units = match network.description().unmet_demand {
            UnmetDemand::Backorder => waiting.map(|(_, backorders)| backorders).sum(),
            UnmetDemand::Lost => 0,
        };
        (network.on_hand(state, &node.id) + in_transit - backorders) as f64 / self.units_per_item as f64
    }

    /// Items to order.
    fn wanted(
        &self,
        network: &Network,
        node: &NodeDescription,
        incoming: &[(usize, &LinkDescription)],
        forecast: Forecast,
        position: f64,
    ) -> f64 {
        let standard = Normal::standard();
        let holding_cost = self.items(node.holding_cost);
        match self.rule {
            LevelRule::Newsvendor => {
                let sells: Vec<&LinkDescription> = network.market_links().filter(|link| link.from == node.id).collect();
                let underage_cost = if sells.is_empty() {
                    let outgoing = network.order_links().filter(|link| link.from == node.id);
                    let price = outgoing.map(|link| self.items(link.unit_price)).fold(0.0, f64::max);
                    let paid = incoming.iter().map(|(_, link)| self.items(link.unit_price));
                    (price - paid.fold(f64::INFINITY, f64::min)).max(0.5)
                } else {
                    sells.iter().map(|link| self.items(link.stockout_cost)).fold(0.0, f64::max)
                };
                let total = underage_cost + holding_cost;
                let fractile = if total > 0.0 { underage_cost / total } else { 0.5 };
                let level = forecast.mean + standard.inverse_cdf(fractile) * forecast.std_dev;
                (level.max(0.0) - position).max(0.0)
            }
            LevelRule::ReorderPoint { service_level } => {
                let paid: f64 = incoming.iter().map(|(_, link)| link.order_cost).sum();
                let mean_order_cost = paid / incoming.len() as f64;
                let order_cost = if mean_order_cost > 0.0 {
                    mean_order_cost
                } else if node.capacity.is_some() {
                    10.0 * self.items(node.operating_cost)
                } else {
                    10.0 * holding_cost
                };
                let reorder_point = forecast.mean + standard.inverse_cdf(service_level) * forecast.std_dev;
                let order_size = if holding_cost > 0.0 && forecast.period_mean > 0.0 {
                    (2.0 * forecast.period_mean * order_cost / holding_cost).sqrt()
                } else {
                    forecast.mean
                };
                // A position at the reorder point does not order. Both are sums of fractions, so what is left of a tie
                // by rounding, here and in the last order, must not decide.
                const ROUNDING: f64 = 1e-5;
                if position < reorder_point - ROUNDING { reorder_point + order_size - position } else { 0.0 }
            }
        }
    }
}
