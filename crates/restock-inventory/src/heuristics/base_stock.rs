//! Base-stock with a constant level and capped base-stock, on what an environment's state says of the inventory position
//! (for capped base-stock: Johansen & Thorstenson 2008; Xin 2021, *Operations Research* 69(1)).

use restock_core::Units;

/// Orders up to `base_stock_level`, but at most `order_cap` units a period; all in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CappedBaseStock {
    /// Target of the inventory position (S).
    pub base_stock_level: Units,
    /// Largest order (r); [`Units::MAX`] for plain base-stock.
    pub order_cap: Units,
}

impl CappedBaseStock {
    /// Base-stock without a cap.
    pub fn uncapped(base_stock_level: Units) -> Self {
        Self { base_stock_level, order_cap: Units::MAX }
    }

    /// The order at an inventory position, units.
    pub fn order_quantity(&self, inventory_position: Units) -> Units {
        (self.base_stock_level - inventory_position).clamp(0, self.order_cap)
    }
}

/// The base-stock level of least cost with that cost, where the cost falls to one minimum and rises after it: from
/// `start` the level moves in the direction that is cheaper until it is not.
///
/// # Panics
/// When `start` is negative.
pub fn best_base_stock_level(start: Units, mut cost: impl FnMut(Units) -> f64) -> (Units, f64) {
    assert!(start >= 0);
    let (mut level, mut least) = (start, cost(start));
    for direction in [1, -1] {
        let before = level;
        while level + direction >= 0 {
            let tried = cost(level + direction);
            if tried >= least {
                break;
            }
            (level, least) = (level + direction, tried);
        }
        if level != before {
            break;
        }
    }
    (level, least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_up_to_the_level_or_the_cap() {
        let policy = CappedBaseStock { base_stock_level: 10, order_cap: 4 };
        assert_eq!([12, 10, 8, 6, 1].map(|position| policy.order_quantity(position)), [0, 0, 2, 4, 4]);
        assert_eq!(CappedBaseStock::uncapped(10).order_quantity(1), 9);
    }

    #[test]
    fn finds_the_minimum_from_either_side() {
        for start in [0, 3, 7, 20] {
            assert_eq!(best_base_stock_level(start, |level| ((level - 7) as f64).powi(2)), (7, 0.0));
        }
        assert_eq!(best_base_stock_level(2, |level| level as f64), (0, 0.0));
    }
}
