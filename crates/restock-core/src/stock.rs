//! The stock of one item-location and the one definition of inventory position.

use crate::quantity::Units;

/// Units on the shelf that share an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lot {
    /// Periods until the lot expires: 0 means it must be sold in the current period. `i32::MAX` never expires.
    pub periods_left: i32,
    /// Units in the lot, at least 0.
    pub quantity: Units,
}

/// Units on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arrival {
    /// Periods until arrival: 0 means available at the start of the current period.
    pub periods_ahead: i32,
    /// Units, at least 0.
    pub quantity: Units,
}

/// The stock of one item-location at the start of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StockState {
    /// Usable stock by expiry, first to expire first. A non-perishable item has at most one lot.
    pub lots: Vec<Lot>,
    /// Open supply of any date, earliest first.
    pub arrivals: Vec<Arrival>,
    /// Units customers wait for.
    pub backorders: Units,
    /// Units promised to someone and still on the shelf.
    pub reserved: Units,
}

impl StockState {
    /// Stock that never expires and nothing on order.
    pub fn with_on_hand(on_hand: Units) -> Self {
        let lots = if on_hand > 0 { vec![Lot { periods_left: i32::MAX, quantity: on_hand }] } else { vec![] };
        Self { lots, ..Self::default() }
    }

    /// Units on the shelf that can be sold.
    pub fn on_hand(&self) -> Units {
        self.lots.iter().map(|lot| lot.quantity).sum()
    }

    /// Open supply of any date, late or not.
    pub fn on_order(&self) -> Units {
        self.arrivals.iter().map(|arrival| arrival.quantity).sum()
    }

    /// The inventory position: usable on hand + on order - backorders - reserved, in units.
    ///
    /// Every policy, explanation and KPI uses this one function.
    pub fn inventory_position(&self) -> Units {
        self.on_hand() + self.on_order() - self.backorders - self.reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_all_open_supply() {
        let mut stock = StockState::with_on_hand(7);
        stock.arrivals.push(Arrival { periods_ahead: 90, quantity: 12 });
        stock.backorders = 2;
        stock.reserved = 1;
        assert_eq!(stock.inventory_position(), 16);
    }
}
