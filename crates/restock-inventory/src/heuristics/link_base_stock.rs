//! A base-stock level for each link that orders are placed on: the simplest policy of a general network.
//!
//! What a supplier cannot ship is forgotten, so each period orders again what is missing: local base-stock with
//! installation positions (Axsäter & Rosling 1993).

use restock_core::Units;

use crate::environments::{Network, NetworkState};

/// The policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkBaseStock {
    /// `[n_order_links]`: on the link's shelf and on the way to it on this link, less what customers of the place wait
    /// for, after the order; units.
    pub levels: Vec<Units>,
}

impl LinkBaseStock {
    /// The orders of a period, `[n_order_links]` units.
    ///
    /// # Panics
    /// When there is not a level for each link.
    pub fn orders(&self, network: &Network, state: &NetworkState) -> Vec<Units> {
        assert_eq!(self.levels.len(), network.n_order_links(), "a level for each link");
        let order = |(idx, (level, link_idx)): (usize, (&Units, &usize))| {
            let link = &network.links[*link_idx];
            let markets = state.backorders.iter().zip(&network.market_links);
            let here = markets.filter(|(_, market_link_idx)| network.links[**market_link_idx].from == link.to);
            let backorders: Units = here.map(|(backorders, _)| backorders).sum();
            let shelf = state.shelves[link.shelf.expect("a shelf behind an order link")];
            (level - (shelf + network.in_transit(state, idx) - backorders)).max(0)
        };
        self.levels.iter().zip(&network.order_links).enumerate().map(order).collect()
    }
}
