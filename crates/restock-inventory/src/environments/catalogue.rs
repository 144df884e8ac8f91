//! Every environment with what it needs to be listed, shown and checked.

use restock_core::environment::FiniteEnvironment;

use super::lost_sales::LostSalesCosts;
use super::{CheckError, LostSales, WorkedExample, check_environment, check_finite_environment};
use crate::discrete_demand::DiscreteDemand;

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
    source: &'static str,
    validate: fn(seed: u64, n_steps: usize) -> Result<(), CheckError>,
}

impl Entry {
    /// The numbered sequence of events in a period, from the documentation of the transition function itself.
    ///
    /// # Panics
    /// When the transition function does not document it, a mistake of ours.
    pub fn events(&self) -> Vec<String> {
        let lines = self.source.lines().map(|line| line.trim());
        let text: Vec<&str> = lines
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
            event.trim_end_matches(['.', ',', ';', ' ']).replace('`', "")
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

fn check_both<E: FiniteEnvironment>(environment: &E, seed: u64, n_steps: usize) -> Result<(), CheckError> {
    check_environment(environment, seed, n_steps)?;
    // At most some thousand states, spread over all.
    check_finite_environment(environment, (environment.n_states() / 4_000).max(1))
}

fn lost_sales(lead_time: usize, order_cost: f64, demand: Vec<DiscreteDemand>) -> LostSales {
    LostSales::new(lead_time, LostSalesCosts { holding_cost: 1.0, stockout_cost: 9.0, order_cost }, demand)
}

/// All environments, in the order of their ids.
pub fn catalogue() -> Vec<Entry> {
    let mut entries = vec![
        Entry {
            id: "lost-sales-v1",
            title: "one item with a lead time whose unmet demand is lost; stationary or cyclic demand, order cost",
            state: "phase of the demand cycle; units on hand; units that arrive in 1, 2, ... periods",
            action: "units to order",
            chance: "units wanted",
            finite: true,
            source: include_str!("lost_sales.rs"),
            validate: |seed, n_steps| {
                let cycle = vec![DiscreteDemand::poisson(3.0, 40), DiscreteDemand::geometric(5.0, 250)];
                check_both(&lost_sales(0, 0.0, vec![DiscreteDemand::poisson(5.0, 60)]), seed, n_steps)?;
                check_both(&lost_sales(3, 0.0, vec![DiscreteDemand::poisson(5.0, 60)]), seed, n_steps)?;
                check_both(&lost_sales(2, 5.0, cycle), seed, n_steps)
            },
        },
        Entry {
            id: "worked-example-v1",
            title: "the tutorial: orders arrive at once, stock costs 0.01·S², unmet demand is lost",
            state: "units on hand",
            action: "units to order",
            chance: "units wanted",
            finite: true,
            source: include_str!("worked_example.rs"),
            validate: |seed, n_steps| {
                check_both(&WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90)), seed, n_steps)
            },
        },
    ];
    entries.sort_by_key(|entry| entry.id);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use restock_core::environment::Environment;

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
    fn ids_are_those_of_the_environments() {
        assert_eq!(lost_sales(1, 0.0, vec![DiscreteDemand::poisson(5.0, 60)]).id(), "lost-sales-v1");
        assert_eq!(WorkedExample::new(5.0, DiscreteDemand::constant(3)).id(), "worked-example-v1");
    }
}
