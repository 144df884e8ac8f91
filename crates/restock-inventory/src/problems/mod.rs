//! Decision problems in words: read from TOML or from `key=value` pairs, solved, and told as numbers and curves.

mod demand_law;
mod single_item;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use demand_law::{DemandLaw, DemandLawError};

/// A kind of problem that can be described and solved.
pub struct Kind {
    /// Its name, the value of `problem` in a TOML file.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// An example that can be solved, as `key=value` pairs.
    pub example: &'static [(&'static str, &'static str)],
    solve: fn(toml::Table) -> Result<Solved, ProblemError>,
}

impl Kind {
    /// The command that solves the example.
    pub fn example_command(&self) -> String {
        let pairs: Vec<String> = self.example.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("restock solve {} {}", self.name, pairs.join(" "))
    }

    /// The example as a table, for [`solve()`].
    pub fn example_table(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("problem".to_owned(), self.name.into());
        for (key, value) in self.example {
            table.insert((*key).to_owned(), value_of(value));
        }
        table
    }
}

/// All kinds, in the order of their names.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "eoq",
        title: "economic order quantity: constant demand, a fixed cost per order, holding cost",
        example: &[("order_cost", "8"), ("holding_cost", "0.225"), ("demand_rate", "1300")],
        solve: |table| parse::<single_item::EconomicOrderQuantity>(table)?.solve(),
    },
    Kind {
        name: "lost-sales",
        title: "one item with a lead time whose unmet demand is lost, solved exactly",
        example: &[("lead_time", "2"), ("holding_cost", "1"), ("stockout_cost", "4"), ("demand", "poisson:5")],
        solve: |table| parse::<single_item::LostSalesProblem>(table)?.solve(),
    },
    Kind {
        name: "newsvendor",
        title: "one purchase for one selling season",
        example: &[("holding_cost", "2"), ("stockout_cost", "18"), ("demand", "normal:120,10")],
        solve: |table| parse::<single_item::NewsvendorProblem>(table)?.solve(),
    },
    Kind {
        name: "s-S",
        title: "reviewed every period, a fixed cost per order, unmet demand waits: the exact (s, S) policy",
        example: &[
            ("order_cost", "64"),
            ("holding_cost", "1"),
            ("stockout_cost", "9"),
            ("lead_time", "0"),
            ("demand", "poisson:10"),
        ],
        solve: |table| parse::<single_item::FixedCostProblem>(table)?.solve(),
    },
    Kind {
        name: "worked-example",
        title: "the tutorial: orders arrive at once, stock costs 0.01·S², unmet demand is lost, γ = 0.9",
        example: &[("stockout_cost", "5"), ("demand", "poisson:30")],
        solve: |table| parse::<single_item::WorkedExampleProblem>(table)?.solve(),
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
    /// A key is missing, unknown, or has a value that cannot be read.
    #[error("{0}")]
    Parameter(String),
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
    #[error("{got:.1e} states are too many to enumerate, at most {allowed:.0e} are allowed; use a shorter lead time")]
    TooLarge {
        /// States of the problem.
        got: f64,
        /// The most that are enumerated.
        allowed: f64,
    },
    /// The objective is cheapest when nothing is ordered.
    #[error(transparent)]
    Objective(#[from] crate::exact::ObjectiveError),
}

/// A number that a solution consists of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its unit, such as `units` or `currency a period`.
    pub unit: &'static str,
}

/// The cost of a simple policy beside the optimum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyCost {
    /// The policy with its parameters.
    pub policy: String,
    /// Its cost, in the unit of the optimum.
    pub cost: f64,
    /// Cost above the optimum, as a share of it.
    pub gap: f64,
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

/// A whole number, a number, or text.
fn value_of(text: &str) -> toml::Value {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    match text.parse::<f64>() {
        Ok(number) => number.into(),
        Err(_) => text.into(),
    }
}

/// Solves the problem that a table describes; its key `problem` names the kind.
///
/// # Errors
/// [`ProblemError`], with what was given and what is allowed.
pub fn solve(mut table: toml::Table) -> Result<Solved, ProblemError> {
    let name = table.remove("problem");
    let name = name.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(ProblemError::UnknownKind { got: name.to_owned(), known: known.join(", ") });
    };
    (kind.solve)(table)
}

fn parse<P: DeserializeOwned>(table: toml::Table) -> Result<P, ProblemError> {
    // The last line of the message tells what is wrong; the lines before it show a file that pairs do not have.
    table.try_into::<P>().map_err(|error: toml::de::Error| ProblemError::Parameter(error.message().to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_solves_its_example() {
        for kind in KINDS {
            let solved = solve(kind.example_table()).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            assert!(!solved.figures.is_empty() && solved.figures.iter().all(|figure| figure.value.is_finite()));
            assert!(solved.policies.iter().all(|policy| policy.gap >= -1e-6), "{solved:?}");
            assert!(!solved.charts.is_empty(), "{} has a curve to look at", kind.name);
        }
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |pairs: &[&str]| solve(table_of(pairs.iter().copied()).unwrap()).unwrap_err().to_string();
        insta::assert_snapshot!(error(&["problem=lost-cause"]), @r#"problem "lost-cause" is not known, expected one of eoq, lost-sales, newsvendor, s-S, worked-example"#);
        insta::assert_snapshot!(error(&["problem=newsvendor", "holding_cost=1", "stockout_cost=2"]), @"missing field `demand`");
        insta::assert_snapshot!(error(&["problem=newsvendor", "holding_cost=-1", "stockout_cost=2", "demand=poisson:3"]), @"holding_cost is -1, must be above 0");
        insta::assert_snapshot!(error(&["problem=s-S", "holding_cost=1", "stockout_cost=2", "order_cost=3", "demand=normal:3,1"]), @"demand normal:3,1 does not fit the problem, which needs a law on whole units with a positive mean");
        insta::assert_snapshot!(error(&["problem=lost-sales", "holding_costs=1"]), @"unknown field `holding_costs`, expected one of `lead_time`, `holding_cost`, `stockout_cost`, `order_cost`, `demand`");
        insta::assert_snapshot!(table_of(["lead_time"]).unwrap_err(), @r#""lead_time" has no =, expected KEY=VALUE such as lead_time=4"#);
        insta::assert_snapshot!(
            error(&["problem=lost-sales", "lead_time=12", "holding_cost=1", "stockout_cost=99", "demand=poisson:50"]), @"1.0e23 states are too many to enumerate, at most 2e7 are allowed; use a shorter lead time"
        );
    }
}
