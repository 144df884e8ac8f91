//! Echelon base-stock for a warehouse with retailers, with proportional rationing (Clark & Scarf 1960; rationing as in
//! Eppen & Schrage 1981 and van der Heijden, Diks & de Kok 1997).

use restock_core::Units;

use crate::environments::one_warehouse::{OneWarehouseState, ShipAndOrder};

/// The policy with its levels, units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchelonRationing<const N: usize = 2> {
    /// Target of all stock in the system (S_W).
    pub echelon_level: Units,
    /// `[N]`: target of each retailer's stock (S_i).
    pub retailer_levels: [Units; N],
}

impl<const N: usize> EchelonRationing<N> {
    /// Orders what lifts all stock to its level, and ships what lifts each retailer to its own. Where the warehouse has
    /// less, unit after unit goes to the retailer whose stock is the smallest share of its level, to the first of equals:
    /// in the end all have about the same share.
    pub fn action(&self, state: &OneWarehouseState<N>) -> ShipAndOrder<N> {
        let total = state.warehouse + state.retailers.iter().sum::<Units>();
        let levels = self.retailer_levels;
        let wanted: [Units; N] = std::array::from_fn(|idx| (levels[idx] - state.retailers[idx]).max(0));
        let mut shipped = wanted;
        if wanted.iter().sum::<Units>() > state.warehouse {
            shipped = [0; N];
            let stock = |shipped: &[Units; N], idx: usize| state.retailers[idx] + shipped[idx];
            for _ in 0..state.warehouse {
                // Shares of levels are compared without division: a/b < c/d where a·d < c·b.
                let short = (0..N).filter(|idx| shipped[*idx] < wanted[*idx]);
                let poorest = short
                    .reduce(|a, b| if stock(&shipped, b) * levels[a] < stock(&shipped, a) * levels[b] { b } else { a });
                shipped[poorest.expect("less in the warehouse than is wanted")] += 1;
            }
        }
        ShipAndOrder { shipped, ordered: (self.echelon_level - total).max(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rations_in_proportion() {
        let policy = EchelonRationing { echelon_level: 20, retailer_levels: [6, 9] };
        let action = |warehouse, retailers| policy.action(&OneWarehouseState { warehouse, retailers });
        assert_eq!(action(15, [2, 3]), ShipAndOrder { shipped: [4, 6], ordered: 0 });
        assert_eq!(action(5, [2, 3]), ShipAndOrder { shipped: [2, 3], ordered: 10 });
        assert_eq!(action(4, [2, 3]), ShipAndOrder { shipped: [2, 2], ordered: 11 });
        assert_eq!(action(4, [7, 9]), ShipAndOrder { shipped: [0, 0], ordered: 0 });
    }
}
