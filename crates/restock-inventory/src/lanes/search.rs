//! Parameters of a policy by search: integers that make a cost smallest.
//!
//! A pattern search (Hooke & Jeeves 1961) with steps that halve down to one unit, along each parameter and, at one unit,
//! along each pair of them, so that a narrow valley between two parameters does not end it. The cost is a function:
//! on the simulator with one seed (common random numbers) or on the exact evaluation, so that better is better and not
//! luck.

use std::collections::HashMap;

use restock_core::Units;

/// The best parameters found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found<const N: usize> {
    /// The parameters.
    pub parameters: [Units; N],
    /// Their cost.
    pub cost: f64,
    /// Evaluations of the cost.
    pub n_evaluations: usize,
}

/// Searches from `start` within `bounds`, both ends included, with steps of at most `first_step`; of equal costs, the one
/// found first.
///
/// The result has no better neighbour: no parameter, and no pair of parameters, can move by one unit and cost less.
///
/// # Panics
/// When `start` is out of bounds or `first_step` is below 1.
pub fn search<const N: usize>(
    start: [Units; N],
    bounds: [(Units, Units); N],
    first_step: Units,
    mut cost: impl FnMut(&[Units; N]) -> f64,
) -> Found<N> {
    assert!(first_step >= 1, "steps of {first_step}");
    let allowed = |at: &[Units; N]| at.iter().zip(&bounds).all(|(value, (low, high))| (low..=high).contains(&value));
    assert!(allowed(&start), "{start:?} is not in {bounds:?}");
    let mut known = HashMap::new();
    let mut cost_at = |at: &[Units; N]| *known.entry(*at).or_insert_with(|| cost(at));
    let (mut best, mut best_cost) = (start, cost_at(&start));
    let mut step = first_step;
    loop {
        let mut better = false;
        for direction in directions::<N>(step == 1) {
            // As long as a direction helps it is followed.
            loop {
                let mut next = best;
                for (value, sign) in next.iter_mut().zip(&direction) {
                    *value += sign * step;
                }
                if !allowed(&next) || cost_at(&next) >= best_cost {
                    break;
                }
                best_cost = cost_at(&next);
                best = next;
                better = true;
            }
        }
        match (better, step) {
            (true, _) => {}
            (false, 1) => break,
            (false, _) => step /= 2,
        }
    }
    Found { parameters: best, cost: best_cost, n_evaluations: known.len() }
}

/// The best of any number of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundMany {
    /// The parameters.
    pub parameters: Vec<Units>,
    /// Their cost.
    pub cost: f64,
    /// Evaluations of the cost.
    pub n_evaluations: usize,
}

/// [`search`] for as many parameters as a problem happens to have, each within `bounds`, one moved at a time; `after` is
/// told the number of sweeps over all parameters.
///
/// # Panics
/// When `first_step` is below 1.
pub fn search_many(
    start: &[Units],
    bounds: (Units, Units),
    first_step: Units,
    mut cost: impl FnMut(&[Units]) -> f64,
    mut after: impl FnMut(usize),
) -> FoundMany {
    assert!(first_step >= 1, "steps of {first_step}");
    let mut known = HashMap::new();
    let mut cost_at = |at: &Vec<Units>| *known.entry(at.clone()).or_insert_with(|| cost(at));
    let mut best = start.to_vec();
    let mut best_cost = cost_at(&best);
    let (mut step, mut n_sweeps) = (first_step, 0);
    loop {
        let mut better = false;
        for idx in 0..best.len() {
            for direction in [step, -step] {
                loop {
                    let mut next = best.clone();
                    next[idx] += direction;
                    if next[idx] < bounds.0 || next[idx] > bounds.1 || cost_at(&next) >= best_cost {
                        break;
                    }
                    best_cost = cost_at(&next);
                    best = next;
                    better = true;
                }
            }
        }
        n_sweeps += 1;
        after(n_sweeps);
        match (better, step) {
            (true, _) => {}
            (false, 1) => break,
            (false, _) => step /= 2,
        }
    }
    FoundMany { parameters: best, cost: best_cost, n_evaluations: known.len() }
}

/// One parameter up or down and, with `pairs`, two at a time.
fn directions<const N: usize>(pairs: bool) -> Vec<[Units; N]> {
    let mut directions = Vec::new();
    for first in 0..N {
        for sign in [1, -1] {
            let mut direction = [0; N];
            direction[first] = sign;
            directions.push(direction);
            for second in (first + 1..N).filter(|_| pairs) {
                for second_sign in [1, -1] {
                    let mut pair = direction;
                    pair[second] = second_sign;
                    directions.push(pair);
                }
            }
        }
    }
    directions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_narrow_valley() {
        // Along either parameter alone every step from the diagonal is uphill.
        let valley = |at: &[Units; 2]| (10 * (at[0] - at[1]).abs() + (at[0] + at[1] - 60).abs()) as f64;
        let found = search([0, 0], [(0, 100), (0, 100)], 16, valley);
        assert_eq!((found.parameters, found.cost), ([30, 30], 0.0));
        assert!(found.n_evaluations < 300, "{}", found.n_evaluations);
    }

    #[test]
    fn finds_the_bottom_of_a_bowl_with_many_parameters() {
        let bowl = |at: &[Units]| at.iter().zip(3..).map(|(value, best)| ((value - best) as f64).powi(2)).sum();
        let mut sweeps = Vec::new();
        let found = search_many(&[0, 5, 2, 1], (0, 5), 4, bowl, |n_sweeps| sweeps.push(n_sweeps));
        assert_eq!(found.parameters, [3, 4, 5, 5], "{found:?}");
        assert_eq!(sweeps.last(), Some(&sweeps.len()));
    }

    #[test]
    fn stays_within_bounds() {
        let found = search([5, 0, 3], [(0, 9), (0, 4), (3, 3)], 8, |at| -(at[0] + at[1] + at[2]) as f64);
        assert_eq!(found.parameters, [9, 4, 3]);
    }
}
