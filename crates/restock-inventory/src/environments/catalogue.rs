//! Every environment with what it needs to be listed, shown and checked.

use restock_core::environment::{Environment, FiniteEnvironment};

use super::dual_sourcing::DualSourcingCosts;
use super::exponential_lead_times::ExponentialLeadTimesParameters;
use super::joint_replenishment::{Arrival, JointReplenishmentCosts};
use super::lost_sales::LostSalesCosts;
use super::one_warehouse::OneWarehouseCosts;
use super::perishable::{HoldingCharge, PerishableCosts};
use super::random_lead_times::{LeadTimeLaw, RandomLeadTimesParameters};
use super::serial::InTransit;
use super::stochastic_lead_times::Crossing;
use super::{
    BackorderPosition, Backorders, CheckError, DualSourcing, ExponentialLeadTimes, IssuingLaw, JointReplenishment,
    LostSales, Network, OneWarehouse, Perishable, Portfolio, RandomLeadTimes, RandomYield, Serial, StochasticLeadTimes,
    WarehouseChain, WorkedExample, Yield, check_environment, check_finite_environment, portfolio,
};
use crate::discrete_demand::DiscreteDemand;
use crate::zheng_federgruen::BackorderProblem;

/// An environment of the catalogue.
pub struct Entry {
    /// Stable, versioned id.
    pub id: &'static str,
    /// What the problem is.
    pub title: &'static str,
    /// What is known when an action is chosen, with units.
    pub state: &'static str,
    /// What is decided, with units.
    pub action: &'static str,
    /// What chance decides.
    pub chance: &'static str,
    /// Whether it can be enumerated, and so solved exactly.
    pub finite: bool,
    /// The type that implements it, and the file it is in.
    implementation: (&'static str, &'static str),
    validate: fn(seed: u64, n_steps: usize) -> Result<(), CheckError>,
}

impl Entry {
    /// The numbered sequence of events in a period, from the documentation of the transition function itself.
    ///
    /// # Panics
    /// When the transition function does not document it, a mistake of ours.
    pub fn events(&self) -> Vec<String> {
        let (name, source) = self.implementation;
        let head = format!(" Environment for {name}");
        let (_, body) = source.split_once(&head).unwrap_or_else(|| panic!("{} is implemented by {name}", self.id));
        let text: Vec<&str> = body
            .lines()
            .map(str::trim)
            .skip_while(|line| !line.starts_with("/// Sequence of events"))
            .take_while(|line| line.starts_with("/// ") && line.len() > 4)
            .map(|line| &line[4..])
            .collect();
        let text = text.join(" ");
        let (_, mut rest) = text.split_once(':').unwrap_or_else(|| panic!("{} numbers its events", self.id));
        let mut events = Vec::new();
        for number in 1.. {
            let Some(at) = rest.find(&format!("{}. ", number + 1)) else { break };
            events.push(rest[..at].trim());
            rest = &rest[at..];
        }
        events.push(rest.trim());
        let without_number = |event: &str| {
            let event = event.split_once(". ").map_or(event, |(_, event)| event);
            event.trim_end_matches(['.', ',', ';', ' ']).replace(['`', '[', ']'], "")
        };
        events.into_iter().map(without_number).collect()
    }

    /// Plays `n_steps` random actions on an instance and checks what holds in every environment; where it is finite,
    /// checks its enumeration as well.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn validate(&self, seed: u64, n_steps: usize) -> Result<(), CheckError> {
        (self.validate)(seed, n_steps)
    }
}

/// Plays random actions on every environment.
fn check_all<E: Environment>(environments: &[E], seed: u64, n_steps: usize) -> Result<(), CheckError> {
    environments.iter().try_for_each(|environment| check_environment(environment, seed, n_steps))
}

/// The same, and their enumerations.
fn check_all_finite<E: FiniteEnvironment>(environments: &[E], seed: u64, n_steps: usize) -> Result<(), CheckError> {
    environments.iter().try_for_each(|environment| {
        check_environment(environment, seed, n_steps)?;
        // At most some thousand states, spread over all.
        check_finite_environment(environment, (environment.n_states() / 4_000).max(1))
    })
}

fn poisson(mean: f64, max_demand: usize) -> DiscreteDemand {
    DiscreteDemand::poisson(mean, max_demand)
}

fn backorder_problem(lead_time: usize) -> BackorderProblem {
    BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 3.0, lead_time }
}

fn lost_sales(lead_time: usize, order_cost: f64, demand: Vec<DiscreteDemand>) -> LostSales {
    LostSales::new(lead_time, LostSalesCosts { holding_cost: 1.0, stockout_cost: 9.0, order_cost }, demand)
}

fn perishable(issuing: IssuingLaw, lead_time: usize, charge: HoldingCharge) -> Perishable {
    let costs = PerishableCosts { unit_cost: 1.0, price: 2.0, holding_cost: 0.5, stockout_cost: 4.0, waste_cost: 3.0 };
    Perishable::new(3, lead_time, costs, issuing, charge, 4, 9)
}

fn random_lead_times(lead_time: LeadTimeLaw) -> RandomLeadTimes {
    RandomLeadTimes::new(RandomLeadTimesParameters {
        demand_rate: 3.0,
        lead_time,
        holding_cost: 1.0,
        backorder_cost: 4.0,
        max_order: 6,
        max_on_order: 40,
    })
}

fn stochastic_lead_times(crossing: Crossing) -> StochasticLeadTimes {
    StochasticLeadTimes::new(1.0, 9.0, vec![poisson(3.0, 30)], vec![0.3, 0.2, 0.5], crossing, 30)
}

/// All environments, in the order of their ids.
pub fn catalogue() -> Vec<Entry> {
    vec![
        Entry {
            id: "backorder-position-v1",
            title: "the backorder problem reduced to its inventory position, exact for any lead time",
            state: "inventory position, units",
            action: "units to order, 0 or at least the minimum order",
            chance: "units wanted in this period and over the lead time",
            finite: true,
            implementation: ("BackorderPosition", include_str!("backorders.rs")),
            validate: |seed, n_steps| {
                let problem = |lead_time, min_order| {
                    BackorderPosition::new(backorder_problem(lead_time), DiscreteDemand::uniform(0, 2), min_order)
                };
                check_all_finite(&[problem(0, 1), problem(2, 4)], seed, n_steps)
            },
        },
        Entry {
            id: "backorders-v1",
            title: "one item with a lead time, a fixed cost or a minimum for an order; unmet demand waits",
            state: "net inventory, units; units that arrive in 1, 2, ... periods",
            action: "units to order, 0 or at least the minimum order",
            chance: "units wanted",
            finite: true,
            implementation: ("Backorders", include_str!("backorders.rs")),
            validate: |seed, n_steps| {
                let problem = |lead_time, min_order| {
                    let demand = DiscreteDemand::uniform(0, 2);
                    Backorders::with_bounds(backorder_problem(lead_time), demand, min_order, -1, 4)
                };
                check_all_finite(&[problem(0, 1), problem(2, 4)], seed, n_steps)
            },
        },
        Entry {
            id: "dual-sourcing-v1",
            title: "a cheap slow source and a dear fast one; unmet demand waits",
            state: "net inventory, units; units that arrive in 1, 2, ... periods",
            action: "units to order from either source",
            chance: "units wanted",
            finite: true,
            implementation: ("DualSourcing", include_str!("dual_sourcing.rs")),
            validate: |seed, n_steps| {
                let costs = DualSourcingCosts {
                    regular_cost: 0.0,
                    expedited_cost: 10.0,
                    holding_cost: 5.0,
                    backorder_cost: 95.0,
                };
                let problem =
                    |regular, expedited| DualSourcing::new(regular, expedited, costs, DiscreteDemand::uniform(0, 3));
                check_all_finite(&[problem(2, 0), problem(3, 1)], seed, n_steps)
            },
        },
        Entry {
            id: "exponential-lead-times-v1",
            title: "continuous time, each unit on order with an exponential lead time of its own: orders cross",
            state: "inventory level and units on order; whether a demand has just come",
            action: "units to order, after a demand",
            chance: "the next event: a demand or an arrival",
            finite: true,
            implementation: ("ExponentialLeadTimes", include_str!("exponential_lead_times.rs")),
            validate: |seed, n_steps| {
                let problem = ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
                    demand_rate: 3.0,
                    delivery_rate: 0.5,
                    holding_cost: 1.0,
                    backorder_cost: 4.0,
                    max_order: 3,
                    max_on_order: 26,
                    max_position: 16,
                    max_backorders: 14,
                });
                check_all_finite(&[problem], seed, n_steps)
            },
        },
        Entry {
            id: "joint-replenishment-v1",
            title: "two items in trucks that cost each, with a cost for every item ordered; unmet demand waits",
            state: "net inventory of each item, units",
            action: "units to order of each item",
            chance: "units wanted of each item",
            finite: true,
            implementation: ("JointReplenishment", include_str!("joint_replenishment.rs")),
            validate: |seed, n_steps| {
                let costs = JointReplenishmentCosts {
                    holding_cost: 1.0,
                    backorder_cost: 9.0,
                    truck_cost: 12.0,
                    item_cost: 3.0,
                };
                let problem = |arrival| {
                    let demand = [DiscreteDemand::uniform(0, 3), poisson(1.0, 4)];
                    JointReplenishment::new(costs, 4, demand, arrival, 3)
                };
                check_all_finite(&[problem(Arrival::BeforeDemand), problem(Arrival::AfterDemand)], seed, n_steps)
            },
        },
        Entry {
            id: "lost-sales-v1",
            title: "one item with a lead time whose unmet demand is lost; stationary or cyclic demand, order cost",
            state: "phase of the demand cycle; units on hand; units that arrive in 1, 2, ... periods",
            action: "units to order",
            chance: "units wanted",
            finite: true,
            implementation: ("LostSales", include_str!("lost_sales.rs")),
            validate: |seed, n_steps| {
                let cycle = vec![poisson(3.0, 40), DiscreteDemand::geometric(5.0, 250)];
                let stationary = |lead_time| lost_sales(lead_time, 0.0, vec![poisson(5.0, 60)]);
                check_all_finite(&[stationary(0), stationary(3), lost_sales(2, 5.0, cycle)], seed, n_steps)
            },
        },
        Entry {
            id: "network-v1",
            title: "suppliers, factories, distributors, retailers and markets on a directed graph, from TOML or YAML",
            state: "period; units on hand, in production and waiting at each place; units on each link",
            action: "units to order on each link",
            chance: "units wanted in each market",
            finite: false,
            implementation: ("Network", include_str!("network/mod.rs")),
            validate: |seed, n_steps| {
                let network = |text| Network::from_toml(text).expect("a network of ours");
                let networks = [
                    network(include_str!("../published/gym_invmgmt_serial.toml")),
                    network(include_str!("../published/gym_invmgmt_base.toml")),
                ];
                check_all(&networks, seed, n_steps)
            },
        },
        Entry {
            id: "one-warehouse-v1",
            title: "one warehouse ships to two retailers, whose unmet demand is lost; shelves are bounded",
            state: "units in the warehouse and at each retailer",
            action: "units to ship to each retailer and to order for the warehouse",
            chance: "units wanted at each retailer",
            finite: true,
            implementation: ("OneWarehouse", include_str!("one_warehouse.rs")),
            validate: |seed, n_steps| {
                let costs =
                    OneWarehouseCosts { warehouse_holding_cost: 0.3, retailer_holding_cost: 1.0, stockout_cost: 9.0 };
                let demand = [poisson(1.0, 8), DiscreteDemand::uniform(0, 3)];
                check_all_finite(&[OneWarehouse::new(costs, demand, 4, 3)], seed, n_steps)
            },
        },
        Entry {
            id: "perishable-v1",
            title: "one item with a shelf life and a lead time; customers take the oldest, the newest or either",
            state: "units on hand by age; units that arrive in 1, 2, ... periods",
            action: "units to order",
            chance: "units wanted by those who take the oldest and by those who take the newest",
            finite: true,
            implementation: ("Perishable", include_str!("perishable.rs")),
            validate: |seed, n_steps| {
                let demand = poisson(2.0, 12);
                let problems = [
                    perishable(IssuingLaw::fifo(&demand), 1, HoldingCharge::BeforeExpiry),
                    perishable(IssuingLaw::lifo(&demand), 0, HoldingCharge::AfterExpiry),
                    perishable(IssuingLaw::drawn(&demand, 0.3), 2, HoldingCharge::BeforeExpiry),
                ];
                check_all_finite(&problems, seed, n_steps)
            },
        },
        Entry {
            id: "portfolio-v1",
            title: "one's own items on demand paths of their own, with order days, packs, minimums and shelf lives",
            state: "item; demand path; order day; units on hand by expiry, and what arrives when",
            action: "units wanted; the ordering rules say how many are ordered",
            chance: "units wanted on each day until the next order day; days until the order arrives",
            finite: false,
            implementation: ("Portfolio", include_str!("portfolio/mod.rs")),
            validate: |seed, n_steps| {
                let items = portfolio::example().items().to_vec();
                let each: Vec<Portfolio> = items.into_iter().map(|item| Portfolio::new(vec![item])).collect();
                check_all(&each, seed, n_steps)
            },
        },
        Entry {
            id: "random-lead-times-v1",
            title: "continuous time, each unit on order with a random lead time of any law: orders cross",
            state: "inventory level; units on order with the time each is still away",
            action: "units to order, after a demand",
            chance: "time to the next demand; lead time of each unit ordered",
            finite: false,
            implementation: ("RandomLeadTimes", include_str!("random_lead_times.rs")),
            validate: |seed, n_steps| {
                let uniform = random_lead_times(LeadTimeLaw::Uniform { low: 0.0, high: 4.0 });
                let pareto = random_lead_times(LeadTimeLaw::Pareto { scale: 0.25, shape: 3.0 });
                check_all(&[uniform, pareto], seed, n_steps)
            },
        },
        Entry {
            id: "random-yield-v1",
            title: "only part of an order is good: binomial, all or nothing, or uniform; unmet demand waits",
            state: "net inventory, units",
            action: "units to order",
            chance: "good units; units wanted",
            finite: true,
            implementation: ("RandomYield", include_str!("random_yield.rs")),
            validate: |seed, n_steps| {
                let problem = |good| RandomYield::new(1.0, 4.0, poisson(2.0, 12), good, 12, -30..=20);
                let problems =
                    [problem(Yield::Binomial(0.7)), problem(Yield::AllOrNothing(0.8)), problem(Yield::Uniform)];
                check_all_finite(&problems, seed, n_steps)
            },
        },
        Entry {
            id: "serial-v1",
            title: "several stages in a line, each supplied by the next; customers wait",
            state: "units on each shelf and on the way to it; units that customers wait for",
            action: "units to order at each stage",
            chance: "units wanted",
            finite: false,
            implementation: ("Serial", include_str!("serial.rs")),
            validate: |seed, n_steps| {
                let problem = |lead_times: &[usize], in_transit| {
                    let holding_costs = [1.0, 0.6, 0.25, 0.1][..lead_times.len()].to_vec();
                    Serial::new(holding_costs, lead_times.to_vec(), 9.0, in_transit, poisson(4.0, 40))
                };
                let problems = [problem(&[1, 0], InTransit::Charged), problem(&[1, 8, 2, 1], InTransit::Free)];
                check_all(&problems, seed, n_steps)
            },
        },
        Entry {
            id: "stochastic-lead-times-v1",
            title: "whole periods of random lead time, in sequence or with orders that cross; unmet demand is lost",
            state: "phase of the demand cycle; units on hand; units on order by age",
            action: "units to order",
            chance: "units wanted; what is delivered",
            finite: false,
            implementation: ("StochasticLeadTimes", include_str!("stochastic_lead_times.rs")),
            validate: |seed, n_steps| {
                let problems = [stochastic_lead_times(Crossing::Sequential), stochastic_lead_times(Crossing::EachUnit)];
                check_all(&problems, seed, n_steps)
            },
        },
        Entry {
            id: "warehouse-chain-v1",
            title: "several items through a chain of warehouses that share their room, from TOML or YAML",
            state: "period; units of each item on hand and on the way to each warehouse",
            action: "units that each warehouse orders of each item",
            chance: "units wanted of each item",
            finite: false,
            implementation: ("WarehouseChain", include_str!("warehouse_chain.rs")),
            validate: |seed, n_steps| {
                let text = include_str!("warehouse_chain.toml");
                check_all(&[WarehouseChain::from_toml(text).expect("a chain of ours")], seed, n_steps)
            },
        },
        Entry {
            id: "worked-example-v1",
            title: "the tutorial: orders arrive at once, stock costs 0.01·S², unmet demand is lost",
            state: "units on hand",
            action: "units to order",
            chance: "units wanted",
            finite: true,
            implementation: ("WorkedExample", include_str!("worked_example.rs")),
            validate: |seed, n_steps| check_all_finite(&[WorkedExample::new(5.0, poisson(30.0, 90))], seed, n_steps),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sound_and_number_their_events() {
        for entry in catalogue() {
            entry.validate(3, 2_000).unwrap();
            let events = entry.events();
            assert!(events.len() >= 3 && events.iter().all(|event| event.len() > 4), "{}: {events:?}", entry.id);
            assert!(entry.id.rsplit_once("-v").is_some_and(|(_, version)| version.parse::<u32>().is_ok()));
        }
    }

    #[test]
    fn ids_are_those_of_the_environments_in_order() {
        for entry in catalogue() {
            let (name, source) = entry.implementation;
            let (_, body) = source.split_once(&format!(" Environment for {name}")).unwrap();
            assert!(body.contains(&format!("\"{}\"", entry.id)), "{} is the id of {name}", entry.id);
        }
        assert!(catalogue().is_sorted_by_key(|entry| entry.id));
    }
}
