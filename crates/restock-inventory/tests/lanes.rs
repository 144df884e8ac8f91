//! What holds for every vectorised problem: random steps break no invariant, and more information never costs more.
//! The hundred million steps run with `cargo test --release -p restock-inventory --test lanes -- --ignored`.

use std::num::Wrapping;

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::dual_sourcing::DualSourcingCosts;
use restock_inventory::environments::exponential_lead_times::ExponentialLeadTimesParameters;
use restock_inventory::environments::joint_replenishment::{Arrival, JointReplenishmentCosts};
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::one_warehouse::OneWarehouseCosts;
use restock_inventory::environments::perishable::{HoldingCharge, IssuingLaw, PerishableCosts};
use restock_inventory::environments::random_lead_times::{LeadTimeLaw, RandomLeadTimesParameters};
use restock_inventory::environments::serial::InTransit;
use restock_inventory::environments::stochastic_lead_times::Crossing;
use restock_inventory::environments::{
    Backorders, DualSourcing, ExponentialLeadTimes, JointReplenishment, LostSales, Network, OneWarehouse, Perishable,
    RandomLeadTimes, RandomYield, Serial, StochasticLeadTimes, WarehouseChain, WorkedExample, Yield,
};
use restock_inventory::exact::{Criterion, Settings, solve};
use restock_inventory::heuristics::CappedBaseStock;
use restock_inventory::lanes::search::search;
use restock_inventory::lanes::{
    BackorderLanes, BaseStock, DualSourcingLanes, ExponentialLeadTimesLanes, JointReplenishmentLanes, LaneEnvironment,
    LanePolicy, LaneRng, LaneUnits, Lanes, LostSalesLanes, N_LANES, OneWarehouseLanes, PerishableLanes,
    RandomLeadTimesLanes, RandomYieldLanes, SerialLanes, SimulationPlan, StochasticLeadTimesLanes, SupplyNetworkLanes,
    WarehouseChainLanes, WorkedExampleLanes, check_lanes, simulate,
};
use restock_inventory::zheng_federgruen::BackorderProblem;

const LOST_SALES_COSTS: LostSalesCosts = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };

fn lost_sales(lead_time: usize) -> LostSalesLanes {
    LostSalesLanes::new(LostSales::new(lead_time, LOST_SALES_COSTS, vec![DiscreteDemand::poisson(5.0, 60)]))
}

/// Plays every twin beside its plain environment: conservation of units, counts, states and costs are checked in every
/// step of every lane.
fn play_all(n_steps: usize) {
    const N_TWINS: usize = 17;
    let n_periods = n_steps.div_ceil(N_TWINS * N_LANES);
    let poisson = |mean| DiscreteDemand::poisson(mean, 30);
    let cyclic = vec![poisson(2.0), DiscreteDemand::geometric(5.0, 90), poisson(7.0)];
    let costs = LostSalesCosts { order_cost: 3.3, ..LOST_SALES_COSTS };
    check_lanes(&LostSalesLanes::new(LostSales::with_caps(4, costs, cyclic, 15, 50)), 1, n_periods).unwrap();
    check_lanes(&lost_sales(0), 2, n_periods).unwrap();
    check_lanes(&WorkedExampleLanes::new(WorkedExample::new(5.0, poisson(25.0))), 3, n_periods).unwrap();
    let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 20.0, lead_time: 3 };
    check_lanes(&BackorderLanes::new(Backorders::new(problem, poisson(4.0), 3)), 4, n_periods).unwrap();
    let costs = DualSourcingCosts { regular_cost: 0.3, expedited_cost: 5.1, holding_cost: 5.2, backorder_cost: 95.7 };
    let dual = DualSourcing::new(4, 1, costs, DiscreteDemand::uniform(0, 4));
    check_lanes(&DualSourcingLanes::new(dual), 5, n_periods).unwrap();
    let costs = PerishableCosts { unit_cost: 1.1, price: 2.3, holding_cost: 0.7, stockout_cost: 4.9, waste_cost: 3.1 };
    for (seed, law) in [(6, IssuingLaw::drawn(&poisson(3.0), 0.4)), (7, IssuingLaw::fifo(&poisson(3.0)))] {
        let perishable = Perishable::new(5, 2, costs, law, HoldingCharge::AfterExpiry, 9, 30);
        check_lanes(&PerishableLanes::new(perishable), seed, n_periods).unwrap();
    }
    let serial = Serial::new(vec![1.1, 0.6, 0.25, 0.13], vec![1, 3, 0, 2], 9.3, InTransit::Charged, poisson(4.0));
    check_lanes(&SerialLanes::<4>::new(serial), 8, n_periods).unwrap();
    let costs = OneWarehouseCosts { warehouse_holding_cost: 0.3, retailer_holding_cost: 1.1, stockout_cost: 4.7 };
    let warehouse = OneWarehouse::new(costs, [poisson(2.0), poisson(3.0)], 15, 13);
    check_lanes(&OneWarehouseLanes::new(warehouse), 9, n_periods).unwrap();
    let costs = JointReplenishmentCosts { holding_cost: 1.1, backorder_cost: 19.3, truck_cost: 75.0, item_cost: 10.7 };
    let demand = [DiscreteDemand::uniform(0, 5), DiscreteDemand::uniform(0, 3)];
    let joint = JointReplenishment::new(costs, 6, demand, Arrival::AfterDemand, 4);
    check_lanes(&JointReplenishmentLanes::new(joint), 10, n_periods).unwrap();
    let random_yield = RandomYield::new(1.1, 4.3, poisson(2.0), Yield::Binomial(0.7), 12, -30..=20);
    check_lanes(&RandomYieldLanes::new(random_yield), 11, n_periods).unwrap();
    let crossing = |crossing| {
        let demand = vec![poisson(3.0), DiscreteDemand::geometric(2.0, 60)];
        StochasticLeadTimesLanes::new(StochasticLeadTimes::new(
            1.1,
            9.3,
            demand,
            vec![0.1, 0.4, 0.3, 0.2],
            crossing,
            40,
        ))
    };
    check_lanes(&crossing(Crossing::Sequential), 12, n_periods).unwrap();
    check_lanes(&crossing(Crossing::EachUnit), 13, n_periods).unwrap();
    let exponential = ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
        demand_rate: 3.0,
        delivery_rate: 0.5,
        holding_cost: 1.1,
        backorder_cost: 4.3,
        max_order: 8,
        max_on_order: 26,
        max_position: 16,
        max_backorders: 14,
    });
    check_lanes(&ExponentialLeadTimesLanes::new(exponential), 14, n_periods).unwrap();
    let random = RandomLeadTimes::new(RandomLeadTimesParameters {
        demand_rate: 3.0,
        lead_time: LeadTimeLaw::Pareto { scale: 0.25, shape: 3.0 },
        holding_cost: 1.1,
        backorder_cost: 4.3,
        max_order: 6,
        max_on_order: 40,
    });
    check_lanes(&RandomLeadTimesLanes::new(random), 15, n_periods).unwrap();
    let network = Network::from_yaml(include_str!("../src/environments/network/assembly.yaml")).unwrap();
    check_lanes(&SupplyNetworkLanes::new(network), 16, n_periods).unwrap();
    let chain = WarehouseChain::from_toml(include_str!("../src/environments/warehouse_chain.toml")).unwrap();
    check_lanes(&WarehouseChainLanes::new(chain), 17, n_periods).unwrap();
}

#[test]
fn a_million_random_steps_break_no_invariant() {
    play_all(1_000_000);
}

#[test]
#[ignore = "some minutes"]
fn a_hundred_million_random_steps_break_no_invariant() {
    play_all(100_000_000);
}

/// Who sees the pipeline does better than who counts only what is on the shelf, each with the best parameters of its
/// kind on the same chances, and the optimum is better than both.
#[test]
fn seeing_the_pipeline_never_costs_more() {
    let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 1000, seed: 5 };
    for lead_time in [2, 3] {
        let environment = lost_sales(lead_time);
        let shelf_only = |level: Units, max_order: Units| {
            move |_: &LostSalesLanes,
                  state: &<LostSalesLanes as LaneEnvironment>::State,
                  order: &mut Lanes<LaneUnits>| {
                for lane in 0..N_LANES {
                    let wanted = Wrapping(level as i32) - state.on_hand[lane];
                    order[lane] = wanted.max(Wrapping(0)).min(Wrapping(max_order as i32));
                }
            }
        };
        let bounds = [(1, 60), (1, 30)];
        let blind = search([8, 5], bounds, 4, |[level, max_order]| {
            simulate(&environment, &shelf_only(*level, *max_order), &plan).mean()
        });
        let informed = search([15, 5], bounds, 4, |[base_stock_level, max_order]| {
            let policy = CappedBaseStock { base_stock_level: *base_stock_level, max_order: *max_order };
            simulate(&environment, &policy, &plan).mean()
        });
        let [base_stock_level, max_order] = informed.parameters;
        let seen = simulate(&environment, &CappedBaseStock { base_stock_level, max_order }, &plan);
        let unseen = simulate(&environment, &shelf_only(blind.parameters[0], blind.parameters[1]), &plan);
        let difference = unseen.minus(&seen);
        assert!(difference.mean() > 4.0 * difference.standard_error(), "{blind:?} {informed:?}");
        let optimum = solve(environment.plain(), Criterion::Average, &Settings::default()).average_cost.unwrap();
        assert!(optimum < seen.mean() + 4.0 * seen.standard_error(), "{optimum}, {informed:?}");
    }
}

/// Who knows the demands to come pays less than who knows their law only, in every single lane: ordering just what will
/// be wanted when the order arrives costs nothing once the first orders are there.
#[test]
fn knowing_demand_never_costs_more_than_knowing_its_law() {
    const N_PERIODS: usize = 400;
    for lead_time in [1, 4] {
        let environment = lost_sales(lead_time);
        let mut rng = LaneRng::new(3, 0);
        let (mut by_law, mut clairvoyant) = (environment.reset(), environment.reset());
        let mut order = environment.no_action();
        let demands: Vec<Lanes<LaneUnits>> =
            (0..N_PERIODS + lead_time).map(|_| environment.sample_chance(&by_law, &order, &mut rng)).collect();
        let policy = BaseStock { base_stock_level: 5 * (lead_time as Units + 1) + 2 };
        let (mut law_cost, mut clairvoyant_cost) = ([0.0; N_LANES], [0.0; N_LANES]);
        for period in 0..N_PERIODS {
            policy.act(&environment, &by_law, &mut order);
            let with_law = environment.step(&mut by_law, &order, &demands[period]);
            let foreseen = &demands[period + lead_time];
            let with_foresight = environment.step(&mut clairvoyant, foreseen, &demands[period]);
            for lane in 0..N_LANES {
                law_cost[lane] += with_law.cost[lane];
                clairvoyant_cost[lane] += with_foresight.cost[lane];
                if period >= lead_time {
                    assert_eq!(with_foresight.cost[lane], 0.0, "period {period}, lane {lane}");
                }
            }
        }
        for lane in 0..N_LANES {
            assert!(clairvoyant_cost[lane] < law_cost[lane], "lane {lane}");
        }
    }
}
