//! Linear inflation for random yields: order what is missing to a level, times a factor (Bollapragada & Morton 1999,
//! *Operations Research* 47(5)).

use restock_core::Units;

/// The rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearInflation {
    /// Net inventory to reach, units (S).
    pub order_up_to_level: Units,
    /// By what the missing units are multiplied, at least 1 (F); `1 / yield rate` makes up for the mean loss.
    pub inflation: f64,
}

impl LinearInflation {
    /// What to order at a net inventory, units: the nearest whole number, the even one of two that are as near.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::heuristics::LinearInflation;
    /// let rule = LinearInflation { order_up_to_level: 11, inflation: 1.5 };
    /// assert_eq!([12, 10, 8, 1].map(|net_inventory| rule.order_quantity(net_inventory)), [0, 2, 4, 15]);
    /// ```
    pub fn order_quantity(&self, net_inventory: Units) -> Units {
        let missing = (self.order_up_to_level - net_inventory).max(0);
        (missing as f64 * self.inflation).round_ties_even() as Units
    }

    /// The cheapest rule among the given levels and factors.
    ///
    /// # Panics
    /// When there are no levels or no factors.
    pub fn best(
        levels: std::ops::RangeInclusive<Units>,
        inflations: &[f64],
        mut cost: impl FnMut(Self) -> f64,
    ) -> (Self, f64) {
        let rules = levels.flat_map(|order_up_to_level| {
            inflations.iter().map(move |inflation| Self { order_up_to_level, inflation: *inflation })
        });
        let costs = rules.map(|rule| (rule, cost(rule)));
        costs.min_by(|a, b| a.1.total_cmp(&b.1)).expect("a level and a factor")
    }
}
