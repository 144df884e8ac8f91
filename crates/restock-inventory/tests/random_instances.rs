//! Properties of problems with random parameters: a vectorised twin plays as the plain environment does, and no heuristic
//! beats the exact optimum.

use proptest::prelude::*;
use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::dual_sourcing::DualSourcingCosts;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::perishable::{HoldingCharge, IssuingLaw, PerishableCosts, PerishableState};
use restock_inventory::environments::serial::InTransit;
use restock_inventory::environments::{DualSourcing, LostSales, Perishable, Serial};
use restock_inventory::exact::{Criterion, Settings, evaluate, solve};
use restock_inventory::heuristics::{CappedBaseStock, CappedDualIndex};
use restock_inventory::lanes::{DualSourcingLanes, LostSalesLanes, PerishableLanes, SerialLanes, check_lanes};

/// Periods of 32 lanes that a twin is played for on each instance.
const N_PERIODS: usize = 60;

/// Costs are iterated to 1e-6; the rest is rounding.
const SPAN: f64 = 1e-5;

/// A law on 0 to at most 7 units, of which more than 0 is possible.
fn law() -> impl Strategy<Value = DiscreteDemand> {
    prop::collection::vec(0.05..1.0_f64, 2..=8).prop_map(|weights| {
        let total: f64 = weights.iter().sum();
        DiscreteDemand::new(weights.into_iter().map(|weight| weight / total).collect())
    })
}

fn dual_sourcing_costs() -> impl Strategy<Value = DualSourcingCosts> {
    (0.0..2.0_f64, 0.0..6.0_f64, 0.2..6.0_f64, 1.0..60.0_f64).prop_map(|(regular_cost, premium, holding_cost, more)| {
        let expedited_cost = regular_cost + premium;
        DualSourcingCosts { regular_cost, expedited_cost, holding_cost, backorder_cost: premium + more }
    })
}

fn perishable_costs() -> impl Strategy<Value = PerishableCosts> {
    (0.0..2.0_f64, 0.0..4.0_f64, 0.0..2.0_f64, 3.0..20.0_f64, 0.0..10.0_f64).prop_map(
        |(unit_cost, price, holding_cost, stockout_cost, waste_cost)| PerishableCosts {
            unit_cost,
            price,
            holding_cost,
            stockout_cost,
            waste_cost,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn lost_sales_lanes_are_plain(
        lead_time in 0..=8_usize, costs in (0.1..5.0_f64, 0.1..50.0_f64, 0.0..30.0_f64),
        laws in prop::collection::vec(law(), 1..=3), max_order in 1..=20_i64, more in 0..=60_i64, seed: u64,
    ) {
        let costs = LostSalesCosts { holding_cost: costs.0, stockout_cost: costs.1, order_cost: costs.2 };
        let problem = LostSales::with_caps(lead_time, costs, laws, max_order, max_order + more);
        prop_assert_eq!(check_lanes(&LostSalesLanes::new(problem), seed, N_PERIODS).map_err(|e| e.to_string()), Ok(()));
    }

    #[test]
    fn perishable_lanes_are_plain(
        shelf_life in 1..=5_usize, lead_time in 0..=3_usize, costs in perishable_costs(), law in law(),
        fifo_share in 0.0..=1.0_f64, before in any::<bool>(), max_order in 1..=12_i64, more in 0..=30_i64, seed: u64,
    ) {
        let charge = if before { HoldingCharge::BeforeExpiry } else { HoldingCharge::AfterExpiry };
        let law = IssuingLaw::drawn(&law, fifo_share);
        let problem = Perishable::new(shelf_life, lead_time, costs, law, charge, max_order, max_order + more);
        prop_assert_eq!(check_lanes(&PerishableLanes::new(problem), seed, N_PERIODS).map_err(|e| e.to_string()), Ok(()));
    }

    #[test]
    fn dual_sourcing_lanes_are_plain(
        expedited in 0..=2_usize, further in 1..=3_usize, costs in dual_sourcing_costs(), law in law(), seed: u64,
    ) {
        let problem = DualSourcing::new(expedited + further, expedited, costs, law);
        prop_assert_eq!(check_lanes(&DualSourcingLanes::new(problem), seed, N_PERIODS).map_err(|e| e.to_string()), Ok(()));
    }

    #[test]
    fn serial_lanes_are_plain(
        steps in prop::collection::vec(0.05..2.0_f64, 3), lead_times in prop::collection::vec(0..=4_usize, 3),
        backorder_cost in 0.5..60.0_f64, charged in any::<bool>(), law in law(), seed: u64,
    ) {
        // Holding costs fall from the customers upstream.
        let holding_costs = vec![steps.iter().sum(), steps[1] + steps[2], steps[2]];
        let in_transit = if charged { InTransit::Charged } else { InTransit::Free };
        let problem = Serial::new(holding_costs, lead_times, backorder_cost, in_transit, law);
        prop_assert_eq!(check_lanes(&SerialLanes::<3>::new(problem), seed, N_PERIODS).map_err(|e| e.to_string()), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn no_capped_dual_index_beats_the_optimum(
        further in 1..=2_usize, costs in dual_sourcing_costs(), weights in prop::collection::vec(0.05..1.0_f64, 2..=4),
        levels in (0..=6_i64, 0..=8_i64, 0..=4_i64),
    ) {
        let total: f64 = weights.iter().sum();
        let demand = DiscreteDemand::new(weights.into_iter().map(|weight| weight / total).collect());
        let problem = DualSourcing::new(further, 0, costs, demand);
        let optimum = solve(&problem, Criterion::Average, &Settings::default()).average_cost.expect("an average cost");
        let fractile = costs.backorder_cost / (costs.backorder_cost + costs.holding_cost);
        let (_, searched) = CappedDualIndex::search(&problem, fractile);
        prop_assert!(optimum <= searched + SPAN, "optimum {optimum}, searched {searched}");
        let policy =
            CappedDualIndex { expedited_level: levels.0, regular_level: levels.0 + levels.1, regular_cap: levels.2.max(1) };
        let order = policy.average_cost(&problem);
        prop_assert!(optimum <= order + SPAN, "optimum {optimum}, {policy:?} {order}");
    }

    #[test]
    fn no_base_stock_level_beats_the_optimum_of_perishables(
        shelf_life in 1..=3_usize, lead_time in 0..=1_usize, costs in perishable_costs(), law in law(),
        fifo_share in 0.0..=1.0_f64,
    ) {
        let max_position: Units = 16;
        let law = IssuingLaw::drawn(&law, fifo_share);
        let charge = HoldingCharge::AfterExpiry;
        let problem = Perishable::new(shelf_life, lead_time, costs, law, charge, max_position, max_position);
        let settings = Settings::default();
        let optimum = solve(&problem, Criterion::Average, &settings).average_cost.expect("an average cost");
        for level in 0..=max_position {
            let policy = CappedBaseStock::uncapped(level);
            let order = |state: &PerishableState| policy.order_quantity(state.inventory_position());
            let cost = evaluate(&problem, order, Criterion::Average, &settings).average_cost.expect("an average cost");
            prop_assert!(optimum <= cost + SPAN, "optimum {optimum}, S = {level} {cost}");
        }
    }
}
