//! Decision problems in words: read from TOML or from `key=value` pairs, solved, and told as numbers and curves.

mod backorders;
mod demand_law;
mod described;
mod guaranteed_service;
mod lead_times;
mod lot_sizing;
mod network;
mod perishable;
mod serial;
mod single_item;
mod trucks;
mod two_retailers;

use std::borrow::Cow;

use restock_core::Units;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::discrete_demand::DiscreteDemand;
use crate::exact::{Settings, Solution};

pub use demand_law::{DemandLaw, DemandLawError};
pub use described::{ENVIRONMENT_KINDS, ProblemEnvironment, environment};

/// Optima as small as this, currency, are 0 as far as they are known: costs are iterated to 1e-6. No share of them is told.
const ZERO_COST: f64 = 1e-5;

/// The most states that are enumerated for a question on the command line.
const N_STATES_MAX: f64 = 2e7;

/// Told the share of the way, 0 to 1, that a solution has come; what it does changes nothing in the result.
pub type Watch<'a> = &'a (dyn Fn(f64) + Sync);

/// A kind of problem that can be described and solved.
pub struct Kind {
    /// Its name, the value of `problem` in a TOML file.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// An example that can be solved.
    pub example: Example,
    solve: fn(toml::Table, Watch<'_>) -> Result<Solved, ProblemError>,
}

/// A described problem.
pub enum Example {
    /// `key=value` pairs, for problems that fit on a line.
    Pairs(&'static [(&'static str, &'static str)]),
    /// The text of a TOML file, for problems with lists of places.
    File(&'static str),
}

impl Kind {
    /// The command that solves the example; a file is named after the kind.
    pub fn example_command(&self) -> String {
        match self.example {
            Example::Pairs(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("restock solve {} {}", self.name, pairs.join(" "))
            }
            Example::File(_) => format!("restock solve {}.toml", self.name),
        }
    }

    /// The example as a table, for [`solve()`].
    ///
    /// # Panics
    /// When the example's file is not valid TOML, a mistake of ours.
    pub fn example_table(&self) -> toml::Table {
        let mut table = match self.example {
            Example::Pairs(pairs) => {
                pairs.iter().map(|(key, value)| ((*key).to_owned(), value_of(value))).collect::<toml::Table>()
            }
            Example::File(text) => text.parse().expect("a file of ours"),
        };
        table.insert("problem".to_owned(), self.name.into());
        table
    }
}

/// All kinds, in the order of their names.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "dual-sourcing",
        title: "a cheap slow source and a dear fast one, unmet demand waits, solved exactly",
        example: Example::Pairs(&[
            ("regular_lead_time", "2"),
            ("expedited_cost", "5"),
            ("holding_cost", "5"),
            ("stockout_cost", "95"),
            ("demand", "uniform:0..4"),
        ]),
        solve: |table, watch| parse::<backorders::DualSourcingProblem>(table)?.solve(watch),
    },
    Kind {
        name: "eoq",
        title: "economic order quantity: constant demand, a fixed cost per order, holding cost",
        example: Example::Pairs(&[("order_cost", "8"), ("holding_cost", "0.225"), ("demand_rate", "1300")]),
        solve: |table, watch| parse::<single_item::EconomicOrderQuantity>(table)?.solve(watch),
    },
    Kind {
        name: "guaranteed-service",
        title: "where to keep safety stock in a supply network: guaranteed service times",
        example: Example::File(include_str!("guaranteed-service.toml")),
        solve: |table, watch| parse::<guaranteed_service::GuaranteedServiceProblem>(table)?.solve(watch),
    },
    Kind {
        name: "lost-sales",
        title: "one item with a lead time whose unmet demand is lost, solved exactly",
        example: Example::Pairs(&[
            ("lead_time", "2"),
            ("holding_cost", "1"),
            ("stockout_cost", "4"),
            ("demand", "poisson:5"),
        ]),
        solve: |table, watch| parse::<single_item::LostSalesProblem>(table)?.solve(watch),
    },
    Kind {
        name: "lost-sales-random-lead-time",
        title: "lost sales with random lead times, orders in sequence or crossing: rules by simulation",
        example: Example::Pairs(&[
            ("lead_time", "0,0.3,0.5,0.2"),
            ("holding_cost", "1"),
            ("stockout_cost", "9"),
            ("demand", "poisson:5"),
        ]),
        solve: |table, watch| parse::<lead_times::LostSalesRandomLeadTime>(table)?.solve(watch),
    },
    Kind {
        name: "lot-sizing",
        title: "known demand that changes, a fixed cost per order: the exact lots",
        example: Example::Pairs(&[("demands", "90,120,80,70"), ("order_cost", "500"), ("holding_cost", "2")]),
        solve: |table, watch| parse::<lot_sizing::LotSizingProblem>(table)?.solve(watch),
    },
    Kind {
        name: "minimum-order",
        title: "an order is nothing or at least a minimum, unmet demand waits, solved exactly",
        example: Example::Pairs(&[
            ("min_order", "20"),
            ("holding_cost", "1"),
            ("stockout_cost", "9"),
            ("lead_time", "0"),
            ("demand", "poisson:5"),
        ]),
        solve: |table, watch| parse::<backorders::MinimumOrderProblem>(table)?.solve(watch),
    },
    Kind {
        name: "network",
        title: "a supply network of places and links: base-stock levels by simulation",
        example: Example::File(include_str!("network.toml")),
        solve: |table, watch| parse::<network::NetworkProblem>(table)?.solve(watch),
    },
    Kind {
        name: "newsvendor",
        title: "one purchase for one selling season",
        example: Example::Pairs(&[("holding_cost", "2"), ("stockout_cost", "18"), ("demand", "normal:120,10")]),
        solve: |table, watch| parse::<single_item::NewsvendorProblem>(table)?.solve(watch),
    },
    Kind {
        name: "one-warehouse",
        title: "one warehouse and two retailers whose unmet demand is lost, solved exactly",
        example: Example::Pairs(&[
            ("warehouse_holding_cost", "0.3"),
            ("retailer_holding_cost", "1"),
            ("stockout_cost", "4"),
            ("demand_1", "poisson:1"),
            ("demand_2", "poisson:1"),
            ("warehouse_capacity", "9"),
            ("retailer_capacity", "7"),
        ]),
        solve: |table, watch| parse::<two_retailers::OneWarehouseProblem>(table)?.solve(watch),
    },
    Kind {
        name: "perishable",
        title: "goods with a shelf life, unmet demand is lost, solved exactly",
        example: Example::Pairs(&[
            ("shelf_life", "2"),
            ("lead_time", "1"),
            ("unit_cost", "0.5"),
            ("price", "1"),
            ("issuing", "fifo"),
            ("demand", "poisson:5"),
        ]),
        solve: |table, watch| parse::<perishable::PerishableProblem>(table)?.solve(watch),
    },
    Kind {
        name: "random-lead-times",
        title: "each unit on order has a random lead time of its own, so orders cross; unmet demand waits",
        example: Example::Pairs(&[
            ("lead_time", "exponential:2"),
            ("demand_rate", "1"),
            ("holding_cost", "1"),
            ("stockout_cost", "1"),
        ]),
        solve: |table, watch| parse::<lead_times::RandomLeadTimesProblem>(table)?.solve(watch),
    },
    Kind {
        name: "random-yield",
        title: "only part of an order is good, unmet demand waits, solved exactly",
        example: Example::Pairs(&[
            ("yield", "uniform"),
            ("holding_cost", "1"),
            ("stockout_cost", "4"),
            ("demand", "poisson:5"),
        ]),
        solve: |table, watch| parse::<backorders::RandomYieldProblem>(table)?.solve(watch),
    },
    Kind {
        name: "s-S",
        title: "reviewed every period, a fixed cost per order, unmet demand waits: the exact (s, S) policy",
        example: Example::Pairs(&[
            ("order_cost", "64"),
            ("holding_cost", "1"),
            ("stockout_cost", "9"),
            ("lead_time", "0"),
            ("demand", "poisson:10"),
        ]),
        solve: |table, watch| parse::<single_item::FixedCostProblem>(table)?.solve(watch),
    },
    Kind {
        name: "serial",
        title: "stages in a line, customers wait: exact echelon base-stock levels",
        example: Example::Pairs(&[
            ("holding_costs", "7,4,2"),
            ("lead_times", "1,1,2"),
            ("stockout_cost", "37.12"),
            ("demand", "poisson:5"),
        ]),
        solve: |table, watch| parse::<serial::SerialProblem>(table)?.solve(watch),
    },
    Kind {
        name: "trucks",
        title: "two items that share trucks, a cost per truck and per item ordered, unmet demand waits",
        example: Example::Pairs(&[
            ("truck_cost", "25"),
            ("item_cost", "10"),
            ("truck_capacity", "6"),
            ("holding_cost", "1"),
            ("stockout_cost", "95"),
            ("demand_1", "uniform:0..5"),
            ("demand_2", "uniform:0..3"),
        ]),
        solve: |table, watch| parse::<trucks::TrucksProblem>(table)?.solve(watch),
    },
    Kind {
        name: "worked-example",
        title: "the tutorial: orders arrive at once, stock costs 0.01·S², unmet demand is lost, γ = 0.9",
        example: Example::Pairs(&[("stockout_cost", "5"), ("demand", "poisson:30")]),
        solve: |table, watch| parse::<single_item::WorkedExampleProblem>(table)?.solve(watch),
    },
];

/// A problem that cannot be solved as described.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProblemError {
    /// No such kind.
    #[error("problem {got:?} is not known, expected one of {known}")]
    UnknownKind {
        /// What was given.
        got: String,
        /// The names that are known.
        known: String,
    },
    /// A key is missing, or what was given is no description at all.
    #[error("{0}")]
    Parameter(String),
    /// A key that the problem does not have, or whose value cannot be read.
    #[error("{message}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong, with the key, its value and what is allowed.
        message: String,
    },
    /// A value is out of its range.
    #[error("{name} is {got}, must be {allowed}")]
    OutOfRange {
        /// The key.
        name: &'static str,
        /// Its value.
        got: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The demand law does not fit the problem.
    #[error("demand {got} does not fit the problem, which needs {needed}")]
    Demand {
        /// The law that was given.
        got: String,
        /// What is needed.
        needed: &'static str,
    },
    /// Too large to be enumerated.
    #[error("{got:.1e} states are too many to enumerate, at most {allowed:.0e} are allowed; {way_out}")]
    TooLarge {
        /// States of the problem.
        got: f64,
        /// The most that are enumerated.
        allowed: f64,
        /// What makes the problem smaller.
        way_out: &'static str,
    },
    /// The network cannot be built.
    #[error(transparent)]
    Network(#[from] crate::environments::network::NetworkError),
    /// The stages of a supply network cannot be linked.
    #[error(transparent)]
    Stages(#[from] crate::guaranteed_service::ServiceNetworkError),
    /// The objective is cheapest when nothing is ordered.
    #[error(transparent)]
    Objective(#[from] crate::exact::ObjectiveError),
}

impl ProblemError {
    /// The key whose value is wrong, if it is one: for the line of a file.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key { key, .. } => Some(key),
            Self::OutOfRange { name, .. } => Some(name),
            Self::UnknownKind { .. } => Some("problem"),
            Self::Demand { .. } => Some("demand"),
            _ => None,
        }
    }
}

/// A number that a solution consists of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: f64,
    /// Its unit, such as `units` or `currency a period`.
    pub unit: &'static str,
}

impl Figure {
    fn new(name: impl Into<Cow<'static, str>>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit }
    }
}

/// The cost of a simple policy beside the optimum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyCost {
    /// The policy with its parameters.
    pub policy: String,
    /// Its cost, in the unit of the optimum.
    pub cost: f64,
    /// Cost above the optimum, as a share of it; `None` where the optimum is 0, or as near to it as it is known.
    pub gap: Option<f64>,
}

impl PolicyCost {
    fn new(policy: impl Into<String>, cost: f64, optimum: f64) -> Self {
        // Where the optimum is a profit the gap is a share of that profit.
        let gap = (optimum.abs() > ZERO_COST).then(|| (cost - optimum) / optimum.abs());
        Self { policy: policy.into(), cost, gap }
    }
}

/// A curve to look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Name and unit of the horizontal axis.
    pub x_label: &'static str,
    /// Name and unit of the vertical axis.
    pub y_label: &'static str,
    /// Named curves of (x, y).
    pub curves: Vec<(String, Vec<(f64, f64)>)>,
}

/// A solved problem.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solved {
    /// The problem in a sentence.
    pub problem: String,
    /// How it was solved, with the source of the method.
    pub method: &'static str,
    /// How far the result is proven, for iterative methods: the criterion, and when it was met.
    pub convergence: Option<String>,
    /// The solution.
    pub figures: Vec<Figure>,
    /// Simple policies beside it.
    pub policies: Vec<PolicyCost>,
    /// Curves.
    pub charts: Vec<Chart>,
}

/// The table that `key=value` pairs describe.
///
/// # Errors
/// When a pair has no `=` or a key comes twice.
pub fn table_of<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<toml::Table, ProblemError> {
    let mut table = toml::Table::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(ProblemError::Parameter(format!("{pair:?} has no =, expected KEY=VALUE such as lead_time=4")));
        };
        if table.insert(key.trim().to_owned(), value_of(value.trim())).is_some() {
            return Err(ProblemError::Parameter(format!("{} is given twice", key.trim())));
        }
    }
    Ok(table)
}

/// The table of a YAML text, for networks that are kept in YAML.
///
/// # Errors
/// When the text is not YAML, with the place.
pub fn table_of_yaml(text: &str) -> Result<toml::Table, ProblemError> {
    serde_saphyr::from_str(text).map_err(|error| ProblemError::Parameter(error.to_string()))
}

/// A whole number, a number, yes or no, or text.
fn value_of(text: &str) -> toml::Value {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    if let Ok(number) = text.parse::<f64>() {
        return number.into();
    }
    text.parse::<bool>().map_or_else(|_| text.into(), toml::Value::from)
}

/// Solves the problem that a table describes; its key `problem` names the kind. A table with `nodes` and no `problem` is
/// a network.
///
/// # Errors
/// [`ProblemError`], with what was given and what is allowed.
pub fn solve(table: toml::Table) -> Result<Solved, ProblemError> {
    solve_watched(table, &|_| {})
}

/// [`solve()`], which tells how far it has come.
///
/// # Errors
/// As [`solve()`].
pub fn solve_watched(mut table: toml::Table, watch: Watch<'_>) -> Result<Solved, ProblemError> {
    let name = table.remove("problem");
    let name = match &name {
        None if table.contains_key("nodes") => "network",
        name => name.as_ref().and_then(toml::Value::as_str).unwrap_or_default(),
    };
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(ProblemError::UnknownKind { got: name.to_owned(), known: known.join(", ") });
    };
    (kind.solve)(table, watch)
}

fn parse<P: DeserializeOwned>(table: toml::Table) -> Result<P, ProblemError> {
    table.clone().try_into::<P>().map_err(|error: toml::de::Error| {
        let message = error.message();
        if let Some(key) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
            return ProblemError::Key { key: key.to_owned(), message: message.to_owned() };
        }
        // The text of the error ends with the path of the key; messages of types name those of the program.
        let text = error.to_string();
        let path = text.lines().find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let Some(path) = path else { return ProblemError::Parameter(message.to_owned()) };
        let allowed = [
            ("expected usize", "a whole number, at least 0"),
            ("expected i64", "a whole number"),
            ("expected f64", "one number such as 2.5"),
            ("variant of untagged enum", "a number, or numbers such as 7,4,2"),
            ("expected a boolean", "true or false"),
        ];
        let allowed = allowed.iter().find(|(of_type, _)| message.contains(of_type)).map(|(_, allowed)| *allowed);
        let message = match (table.get(path), allowed) {
            (Some(got), Some(allowed)) => format!("{path} is {got}, must be {allowed}"),
            (None, Some(allowed)) => format!("{path} must be {allowed}"),
            (_, None) if message.starts_with(path) => message.to_owned(),
            (_, None) => format!("{path}: {message}"),
        };
        ProblemError::Key { key: path.rsplit('.').next().unwrap_or(path).to_owned(), message }
    })
}

/// Checks that a number is finite and above 0.
fn positive(name: &'static str, got: f64) -> Result<f64, ProblemError> {
    if got.is_finite() && got > 0.0 { Ok(got) } else { Err(ProblemError::OutOfRange { name, got, allowed: "above 0" }) }
}

/// Checks that a number is finite and not negative.
fn not_negative(name: &'static str, got: f64) -> Result<f64, ProblemError> {
    let fine = got.is_finite() && got >= 0.0;
    if fine { Ok(got) } else { Err(ProblemError::OutOfRange { name, got, allowed: "at least 0" }) }
}

/// Checks that a whole number is not above a limit.
fn at_most(name: &'static str, got: usize, most: usize, allowed: &'static str) -> Result<usize, ProblemError> {
    if got <= most { Ok(got) } else { Err(ProblemError::OutOfRange { name, got: got as f64, allowed }) }
}

/// Checks that a whole number is at least 1 and at most a million.
fn count(name: &'static str, got: Units) -> Result<Units, ProblemError> {
    let fine = (1..=1_000_000).contains(&got);
    if fine { Ok(got) } else { Err(ProblemError::OutOfRange { name, got: got as f64, allowed: "1 to 1,000,000" }) }
}

fn small_enough(n_states: f64, allowed: f64, way_out: &'static str) -> Result<(), ProblemError> {
    if n_states <= allowed { Ok(()) } else { Err(ProblemError::TooLarge { got: n_states, allowed, way_out }) }
}

fn whole_units(law: &DemandLaw) -> Result<DiscreteDemand, ProblemError> {
    let needed = "a law on whole units with a positive mean";
    let discrete = law.discrete().filter(|discrete| discrete.mean() > 0.0);
    discrete.ok_or_else(|| ProblemError::Demand { got: law.to_string(), needed })
}

/// A law on whole units, cut off where less than 1e-7 is left: for problems whose states grow with the largest demand.
fn short_law(law: &DemandLaw) -> Result<DiscreteDemand, ProblemError> {
    let demand = whole_units(law)?;
    let most = demand.quantile(1.0 - 1e-7).max(1) as usize;
    Ok(DiscreteDemand::new(demand.probabilities().iter().take(most + 1).copied().collect()))
}

/// States the criterion of convergence and how it was met.
fn convergence<A>(solution: &Solution<A>, settings: &Settings) -> String {
    let (lower, upper) = solution.bounds;
    format!(
        "bounds on the optimum are {:.1e} apart, {} {:.0e}; {} improvements of the policy, {} evaluations",
        upper - lower,
        if solution.converged { "at most" } else { "not yet within" },
        settings.tolerance,
        solution.n_improvements,
        solution.n_evaluations,
    )
}

/// Numbers as a user writes them: one, an array, or on the command line `7,4,2`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(f64),
    Array(Vec<f64>),
    Text(String),
}

impl Numbers {
    fn list(&self, name: &'static str) -> Result<Vec<f64>, ProblemError> {
        match self {
            Self::One(number) => Ok(vec![*number]),
            Self::Array(numbers) => Ok(numbers.clone()),
            Self::Text(text) => {
                let number = |part: &str| part.trim().parse::<f64>();
                text.split(',')
                    .map(number)
                    .collect::<Result<_, _>>()
                    .map_err(|_| ProblemError::Parameter(format!("{name} is {text:?}, expected numbers such as 7,4,2")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_solves_its_example() {
        for kind in KINDS {
            let solved = solve(kind.example_table()).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            assert!(!solved.figures.is_empty() && solved.figures.iter().all(|figure| figure.value.is_finite()));
            assert!(solved.policies.iter().all(|policy| policy.gap.is_none_or(|gap| gap >= -1e-6)), "{solved:?}");
            assert!(!solved.charts.is_empty(), "{} has a curve to look at", kind.name);
        }
    }

    #[test]
    fn yaml_and_toml_are_the_same_table() {
        let yaml = "problem: newsvendor\nholding_cost: 2\nstockout_cost: 18\ndemand: normal:120,10\n";
        let toml = "problem = 'newsvendor'\nholding_cost = 2\nstockout_cost = 18\ndemand = 'normal:120,10'\n";
        assert_eq!(solve(table_of_yaml(yaml).unwrap()), solve(toml.parse().unwrap()));
        assert!(table_of_yaml("a: [1").is_err());
    }

    /// An array of probabilities in a file is the text `0.2,0.8`, and one that is no law is refused with the forms.
    #[test]
    fn probabilities_are_read_from_an_array() {
        let solved = |demand: &str| {
            solve(
                format!("problem = 'newsvendor'\nholding_cost = 2\nstockout_cost = 18\ndemand = {demand}\n")
                    .parse()
                    .unwrap(),
            )
        };
        assert_eq!(solved("[0.2, 0.8]").unwrap(), solved("'0.2,0.8'").unwrap());
        let error = solved("[0.2, 0.7]").unwrap_err();
        assert!(error.to_string().contains("demand \"0.2,0.7\" is not a law, expected poisson:MEAN"), "{error}");
        assert!(solved("5").unwrap_err().to_string().contains("a law such as poisson:5"));
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |pairs: &[&str]| solve(table_of(pairs.iter().copied()).unwrap()).unwrap_err().to_string();
        insta::assert_snapshot!(error(&["problem=lost-cause"]), @r#"problem "lost-cause" is not known, expected one of dual-sourcing, eoq, guaranteed-service, lost-sales, lost-sales-random-lead-time, lot-sizing, minimum-order, network, newsvendor, one-warehouse, perishable, random-lead-times, random-yield, s-S, serial, trucks, worked-example"#);
        insta::assert_snapshot!(error(&["problem=newsvendor", "holding_cost=1", "stockout_cost=2"]), @"missing field `demand`");
        insta::assert_snapshot!(error(&["problem=newsvendor", "holding_cost=-1", "stockout_cost=2", "demand=poisson:3"]), @"holding_cost is -1, must be above 0");
        insta::assert_snapshot!(error(&["problem=s-S", "holding_cost=1", "stockout_cost=2", "order_cost=3", "demand=normal:3,1"]), @"demand normal:3,1 does not fit the problem, which needs a law on whole units with a positive mean");
        insta::assert_snapshot!(error(&["problem=lost-sales", "holding_costs=1"]), @"unknown field `holding_costs`, expected one of `lead_time`, `holding_cost`, `stockout_cost`, `order_cost`, `demand`");
        let lost_sales = |pair: &str| error(&["problem=lost-sales", "stockout_cost=4", "demand=poisson:5", pair]);
        insta::assert_snapshot!(lost_sales("lead_time=-1"), @"lead_time is -1, must be a whole number, at least 0");
        insta::assert_snapshot!(lost_sales("lead_time=1.5"), @"lead_time is 1.5, must be a whole number, at least 0");
        insta::assert_snapshot!(lost_sales("holding_cost=2,3"), @r#"holding_cost is "2,3", must be one number such as 2.5"#);
        insta::assert_snapshot!(table_of(["lead_time"]).unwrap_err(), @r#""lead_time" has no =, expected KEY=VALUE such as lead_time=4"#);
        insta::assert_snapshot!(
            error(&["problem=lost-sales", "lead_time=12", "holding_cost=1", "stockout_cost=99", "demand=poisson:50"]), @"1.0e23 states are too many to enumerate, at most 2e7 are allowed; use a shorter lead time"
        );
    }
}
