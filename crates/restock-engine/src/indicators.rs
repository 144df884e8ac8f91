//! Indicators of what was played, over any set of item-locations: numerators and denominators are summed, ratios are
//! never averaged. The definitions are those of [`restock_inventory::kpi`].

use restock_inventory::kpi::{self, Ratio};
use serde::{Deserialize, Serialize};

use crate::play::Totals;

/// Indicators over the days that count. Definitions: `restock_inventory::kpi`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kpis {
    /// Demand, base units.
    pub demand: f64,
    /// Units sold.
    pub sold: f64,
    /// Demand not met.
    pub lost: f64,
    /// Units sold / demand.
    pub fill_rate: Option<f64>,
    /// Open periods that end with stock / open periods.
    pub in_stock: Option<f64>,
    /// Open periods with all demand met / open periods.
    pub period_service: Option<f64>,
    /// Replenishment cycles without lost demand / cycles.
    pub cycle_service: Option<f64>,
    /// Mean value of stock at the end of a period, at cost.
    pub mean_stock_value: f64,
    /// Mean stock, base units.
    pub mean_stock: f64,
    /// Cost of goods sold in a year / mean stock value.
    pub turns: Option<f64>,
    /// Units expired.
    pub waste: f64,
    /// Value of units expired, at cost.
    pub waste_value: f64,
    /// Units expired / units received.
    pub waste_rate: Option<f64>,
    /// Order lines placed.
    pub n_orders: u64,
    /// Units ordered.
    pub ordered: f64,
    /// Total relevant cost: the four below.
    pub cost: f64,
    /// Holding cost.
    pub holding_cost: f64,
    /// Cost of lost sales.
    pub stockout_cost: f64,
    /// Fixed cost of order lines.
    pub order_cost: f64,
    /// Cost of waste.
    pub waste_cost: f64,
}

/// What indicators are made of, summed over item-locations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct KpiSums {
    demand: f64,
    sold: f64,
    lost: f64,
    mean_stock: f64,
    mean_stock_value: f64,
    waste: f64,
    waste_value: f64,
    received: f64,
    sold_value: f64,
    n_orders: u64,
    ordered: f64,
    holding_cost: f64,
    stockout_cost: f64,
    order_cost: f64,
    waste_cost: f64,
    in_stock: Ratio,
    met: Ratio,
    cycles: Ratio,
}

impl KpiSums {
    /// Adds one item-location; a base unit has `units_per_base` units, a unit costs `unit_cost`.
    pub(crate) fn add(&mut self, totals: &Totals, units_per_base: f64, unit_cost: f64) {
        let base = |units: i64| units as f64 / units_per_base;
        let n_periods = totals.n_periods.max(1) as f64;
        self.demand += base(totals.demand);
        self.sold += base(totals.sold);
        self.lost += base(totals.lost);
        self.mean_stock += base(totals.on_hand) / n_periods;
        self.mean_stock_value += totals.on_hand as f64 * unit_cost / n_periods;
        self.waste += base(totals.expired);
        self.waste_value += totals.expired as f64 * unit_cost;
        self.received += base(totals.received);
        self.sold_value += totals.sold as f64 * unit_cost;
        self.n_orders += totals.n_orders;
        self.ordered += base(totals.ordered);
        self.holding_cost += totals.holding_cost;
        self.stockout_cost += totals.stockout_cost;
        self.order_cost += totals.order_cost;
        self.waste_cost += totals.waste_cost;
        self.in_stock += Ratio::new(totals.n_in_stock as f64, totals.n_open as f64);
        self.met += Ratio::new(totals.n_met as f64, totals.n_open as f64);
        self.cycles += Ratio::new(totals.n_cycles_met as f64, totals.n_cycles as f64);
    }

    /// Adds other item-locations.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.demand += other.demand;
        self.sold += other.sold;
        self.lost += other.lost;
        self.mean_stock += other.mean_stock;
        self.mean_stock_value += other.mean_stock_value;
        self.waste += other.waste;
        self.waste_value += other.waste_value;
        self.received += other.received;
        self.sold_value += other.sold_value;
        self.n_orders += other.n_orders;
        self.ordered += other.ordered;
        self.holding_cost += other.holding_cost;
        self.stockout_cost += other.stockout_cost;
        self.order_cost += other.order_cost;
        self.waste_cost += other.waste_cost;
        self.in_stock += other.in_stock;
        self.met += other.met;
        self.cycles += other.cycles;
    }

    /// The indicators of a window of `n_days` days.
    pub(crate) fn kpis(&self, n_days: f64) -> Kpis {
        let Self { demand, sold, lost, mean_stock, mean_stock_value, waste, waste_value, n_orders, ordered, .. } =
            *self;
        let Self { holding_cost, stockout_cost, order_cost, waste_cost, .. } = *self;
        Kpis {
            demand,
            sold,
            lost,
            // What waited before it was sold is sold, but was not met.
            fill_rate: Ratio::new(demand - lost, demand).value(),
            in_stock: self.in_stock.value(),
            period_service: self.met.value(),
            cycle_service: self.cycles.value(),
            mean_stock_value,
            mean_stock,
            turns: kpi::turns(self.sold_value, n_days, mean_stock_value).value(),
            waste,
            waste_value,
            waste_rate: Ratio::new(waste, self.received).value(),
            n_orders,
            ordered,
            cost: holding_cost + stockout_cost + order_cost + waste_cost,
            holding_cost,
            stockout_cost,
            order_cost,
            waste_cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::{Frame, Player};
    use restock_core::{CostRates, StockState};
    use restock_inventory::item_location::{Issuing, ItemLocationParams, PlacedOrder};

    /// Six days by hand: 10 on hand that can be sold for two days, 4 wanted a day, 8 ordered on day 1 and on day 4
    /// with a lead time of 1, shelf life 2; day 5 is closed.
    ///
    /// | day | received | sold | lost | expired | on hand at the end |
    /// |---|---|---|---|---|---|
    /// | 0 | 0 | 4 | 0 | 0 | 6 |
    /// | 1 | 0 | 4 | 0 | 2 | 0 |
    /// | 2 | 8 | 4 | 0 | 0 | 4 |
    /// | 3 | 0 | 4 | 0 | 0 | 0 |
    /// | 4 | 0 | 0 | 4 | 0 | 0 |
    /// | 5 | 8 | 0 | 0 | 0 | 8 |
    #[test]
    fn a_week_by_hand() {
        let costs =
            CostRates { unit_cost: 2.0, holding_cost: 0.5, stockout_cost: 3.0, order_cost: 7.0, waste_cost: 2.5 };
        let frame = Frame {
            counts: vec![true, true, true, true, true, false],
            params: ItemLocationParams { costs, shelf_life: Some(2), backorder: false, issuing: Issuing::OldestFirst },
            first_counted: 0,
            block: 3,
        };
        let lot = restock_core::stock::Lot { periods_left: 1, quantity: 10 };
        let mut player = Player::new(StockState { lots: vec![lot], ..StockState::default() });
        for (t, (ordered, demand)) in [(0, 4), (8, 4), (0, 4), (0, 4), (8, 4), (0, 0)].into_iter().enumerate() {
            player.play(&frame, t, PlacedOrder { quantity: ordered, lead_time: 1 }, demand);
        }
        let mut sums = KpiSums::default();
        // Two units are one base unit.
        sums.add(&player.totals, 2.0, costs.unit_cost);
        let kpis = sums.kpis(6.0);
        assert_eq!((kpis.demand, kpis.sold, kpis.lost), (10.0, 8.0, 2.0));
        assert_eq!(kpis.fill_rate, Some(16.0 / 20.0));
        assert_eq!(kpis.in_stock, Some(2.0 / 5.0), "days 0 and 2 of five open days");
        assert_eq!(kpis.period_service, Some(4.0 / 5.0));
        assert_eq!(kpis.cycle_service, Some(0.0), "one cycle, from day 2 to day 5, and it ran short");
        assert_eq!((kpis.mean_stock, kpis.mean_stock_value), (18.0 / 2.0 / 6.0, 18.0 * 2.0 / 6.0));
        let sold_value = 16.0 * 2.0;
        assert_eq!(kpis.turns, Some(sold_value * 365.0 / 6.0 / (18.0 * 2.0 / 6.0)));
        assert_eq!((kpis.waste, kpis.waste_value, kpis.waste_rate), (1.0, 4.0, Some(2.0 / 16.0)));
        assert_eq!((kpis.n_orders, kpis.ordered), (2, 8.0));
        assert_eq!((kpis.holding_cost, kpis.stockout_cost, kpis.order_cost), (9.0, 12.0, 14.0));
        assert_eq!((kpis.waste_cost, kpis.cost), (5.0, 40.0));
        assert_eq!(player.totals.blocks, [0.5 * 10.0 + 2.5 * 2.0 + 7.0, 0.5 * 8.0 + 3.0 * 4.0 + 7.0]);
    }
}
