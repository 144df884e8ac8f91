//! A described problem as an environment, for learners: the same table that [`solve`](super::solve()) takes.

use crate::environments::{
    BackorderPosition, DualSourcing, JointReplenishment, LostSales, OneWarehouse, Perishable, RandomYield,
    WorkedExample,
};
use crate::exact::Criterion;

use super::{KINDS, ProblemError, backorders, parse, perishable, single_item, trucks, two_retailers};
use crate::environments::worked_example::DISCOUNT_FACTOR;

/// The kinds of [`KINDS`] that have an environment which can be enumerated.
pub const ENVIRONMENT_KINDS: &[&str] = &[
    "dual-sourcing",
    "lost-sales",
    "minimum-order",
    "one-warehouse",
    "perishable",
    "random-yield",
    "s-S",
    "trucks",
    "worked-example",
];

/// The environment of a described problem.
#[derive(Clone, Debug)]
pub enum ProblemEnvironment {
    /// `minimum-order` and `s-S`.
    BackorderPosition(BackorderPosition),
    /// `dual-sourcing`.
    DualSourcing(DualSourcing),
    /// `trucks`.
    JointReplenishment(JointReplenishment),
    /// `lost-sales`.
    LostSales(LostSales),
    /// `one-warehouse`.
    OneWarehouse(OneWarehouse),
    /// `perishable`.
    Perishable(Perishable),
    /// `random-yield`.
    RandomYield(RandomYield),
    /// `worked-example`.
    WorkedExample(WorkedExample),
}

/// The environment that a table describes and what is minimised in it; the key `problem` names the kind.
///
/// # Errors
/// [`ProblemError`], with what was given and what is allowed; also for kinds that have no environment to enumerate.
pub fn environment(mut table: toml::Table) -> Result<(ProblemEnvironment, Criterion), ProblemError> {
    let name = table.remove("problem").as_ref().and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let environment = match name.as_str() {
        "dual-sourcing" => {
            ProblemEnvironment::DualSourcing(parse::<backorders::DualSourcingProblem>(table)?.environment()?)
        }
        "lost-sales" => ProblemEnvironment::LostSales(parse::<single_item::LostSalesProblem>(table)?.environment()?),
        "minimum-order" => {
            ProblemEnvironment::BackorderPosition(parse::<backorders::MinimumOrderProblem>(table)?.environment()?)
        }
        "one-warehouse" => {
            ProblemEnvironment::OneWarehouse(parse::<two_retailers::OneWarehouseProblem>(table)?.environment()?)
        }
        "perishable" => ProblemEnvironment::Perishable(parse::<perishable::PerishableProblem>(table)?.environment()?),
        "random-yield" => {
            ProblemEnvironment::RandomYield(parse::<backorders::RandomYieldProblem>(table)?.environment()?)
        }
        "s-S" => ProblemEnvironment::BackorderPosition(parse::<single_item::FixedCostProblem>(table)?.environment()?),
        "trucks" => ProblemEnvironment::JointReplenishment(parse::<trucks::TrucksProblem>(table)?.environment()?),
        "worked-example" => {
            ProblemEnvironment::WorkedExample(parse::<single_item::WorkedExampleProblem>(table)?.environment()?)
        }
        got if KINDS.iter().any(|kind| kind.name == got) => {
            return Err(ProblemError::Parameter(format!(
                "problem {got:?} has no environment to enumerate, expected one of {}",
                ENVIRONMENT_KINDS.join(", ")
            )));
        }
        got => {
            let known = ENVIRONMENT_KINDS.join(", ");
            return Err(ProblemError::UnknownKind { got: got.to_owned(), known });
        }
    };
    let criterion = match environment {
        ProblemEnvironment::WorkedExample(_) => Criterion::Discounted { discount_factor: DISCOUNT_FACTOR },
        _ => Criterion::Average,
    };
    Ok((environment, criterion))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_with_an_environment_has_one_for_its_example() {
        for kind in KINDS {
            let described = environment(kind.example_table());
            match ENVIRONMENT_KINDS.contains(&kind.name) {
                true => assert!(described.is_ok(), "{}: {:?}", kind.name, described.err()),
                false => assert!(described.is_err(), "{} has an environment that is not listed", kind.name),
            }
        }
        insta::assert_snapshot!(environment("problem = 'eoq'".parse().unwrap()).unwrap_err(), @r#"problem "eoq" has no environment to enumerate, expected one of dual-sourcing, lost-sales, minimum-order, one-warehouse, perishable, random-yield, s-S, trucks, worked-example"#);
    }
}
