//! The simple policies of an objective: that of its problem, and those of dearer lost units, whose levels are higher.

use crate::figures::fill_rate;
use crate::learn::with_environment;
use crate::observed::Observed;
use crate::reward::Objective;
use crate::simulation::Plan;
use crate::stream::Purpose;

/// Prices of a lost unit, in [`Objective::unit`]s, at which the level of a simple policy is tried.
const PRICES: [f64; 8] = [0.0, 0.1, 0.5, 1.0, 4.0, 16.0, 64.0, 256.0];

/// Halvings of the step between two prices.
const N_HALVINGS: usize = 6;

/// Objectives whose simple policies have levels from low to high.
pub(crate) fn simple_policies(objective: &Objective) -> impl Iterator<Item = Objective> + '_ {
    let unit = objective.unit();
    PRICES.iter().filter_map(move |price| objective.at_price(price * unit).ok())
}

/// The objective at about the lowest price at which its simple policy reaches a fill rate on the chances of validation;
/// the highest fill rate where none does.
pub(crate) fn reaching(objective: &Objective, target: f64, seed: u64) -> Result<Objective, f64> {
    let plan = Plan { n_lanes: 64, n_warm_up: 100, n_periods: 1_000, seed, purpose: Purpose::Validation };
    let filled = |simple: &Objective| {
        with_environment!(&simple.problem, environment => {
            fill_rate(environment, simple.criterion, &*environment.prepared_heuristic(), &plan)
        })
    };
    let (mut misses, mut highest) = (0.0, 0.0_f64);
    let found = simple_policies(objective).find(|simple| {
        let reached = filled(simple);
        highest = highest.max(reached);
        if reached < target {
            misses = simple.price;
        }
        reached >= target
    });
    let mut meets = found.ok_or(highest)?;
    for _ in 0..N_HALVINGS {
        let price = 0.5 * (misses + meets.price);
        match objective.at_price(price).ok().filter(|simple| filled(simple) >= target) {
            Some(simple) => meets = simple,
            None => misses = price,
        }
    }
    Ok(meets)
}
