//! A service level as a constraint: the cheapest policy whose fill rate reaches a target (Lagrange multipliers for
//! constrained decision processes: Everett 1963; Beutler & Ross 1985; Altman 1999, chapter 12).
//!
//! The constraint is `lost ≤ (1 - β)·demand`. A multiplier `λ` makes it a price of a lost unit, and what is best at that
//! price is found by a solver or a learner. For every `λ ≥ 0` the dual function
//!
//! `g(λ) = min over policies of [cost + λ·lost] - λ·(1 - β)·demand`
//!
//! is at most the cost of every policy that reaches the target. It is concave, and each policy found is a line above it:
//! the next multiplier is where the lines of a policy that reaches the target and of one that does not cross. Where what
//! is best is found exactly this ends at the maximum of `g` after finitely many rounds. Between the two policies there
//! may be no other: the best policy that reaches the target can then cost more than the bound, and mixing the two at
//! random would cost as much as the bound.

use serde::Serialize;

/// Factor from one multiplier to the next while none reaches the target.
const STEP: f64 = 4.0;

/// Raises of the multiplier after which the target is out of reach: a million times the first one.
const N_RAISES_MAX: usize = 10;

/// Share by which a bound may still rise when the search ends.
const TOLERANCE: f64 = 1e-6;

/// What is best at a price of a lost unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Round<P> {
    /// The price, currency a unit (λ).
    pub price: f64,
    /// What the policy costs without the price, currency: a period, or discounted.
    pub cost: f64,
    /// Units that it loses, on the same terms.
    pub lost: f64,
    /// Units wanted.
    pub demand: f64,
    /// The least that any policy costs with the price, where it is known.
    pub least: Option<f64>,
    /// The policy.
    #[serde(skip)]
    pub policy: P,
}

impl<P> Round<P> {
    /// Share of demand that is met when it arises.
    pub fn fill_rate(&self) -> f64 {
        1.0 - self.lost / self.demand
    }

    /// The dual function at the price, a bound on the cost of every policy that reaches a target.
    fn bound(&self, target: f64) -> Option<f64> {
        self.least.map(|least| least - self.price * (1.0 - target) * self.demand)
    }
}

/// The cheapest policy found that reaches a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Constrained<P> {
    /// The fill rate that was asked for.
    pub target: f64,
    /// The cheapest round that reaches it.
    pub best: Round<P>,
    /// What no policy that reaches the target costs less than; where dual values are known.
    pub bound: Option<f64>,
    /// The multiplier: what the next lost unit is worth, currency. 0 where the target costs nothing.
    pub multiplier: f64,
    /// Price, cost without it and fill rate of each round.
    pub rounds: Vec<(f64, f64, f64)>,
}

impl<P> Constrained<P> {
    /// The same with something else in the place of the policy.
    pub fn with_policy<Q>(self, policy: Q) -> Constrained<Q> {
        let Round { price, cost, lost, demand, least, .. } = self.best;
        let best = Round { price, cost, lost, demand, least, policy };
        Constrained { best, target: self.target, bound: self.bound, multiplier: self.multiplier, rounds: self.rounds }
    }
}

/// Why no policy was found.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConstraintError<E> {
    /// No price reaches the target.
    #[error(
        "no policy was found that reaches a fill rate of {:.2} %: the best reached {:.2} %",
        100.0 * .target, 100.0 * .reached
    )]
    Unreachable {
        /// What was asked for.
        target: f64,
        /// The highest fill rate.
        reached: f64,
        /// The price at which it was reached.
        price: f64,
    },
    /// A round failed.
    #[error("{0}")]
    Round(E),
}

/// Finds the cheapest policy whose fill rate is at least `target`, in `n_rounds` rounds at most: `round` finds what is best
/// at a price, and `first_price` is the first above 0 that is tried.
///
/// # Errors
/// [`ConstraintError`].
pub fn constrained<P: Clone, E>(
    target: f64,
    first_price: f64,
    n_rounds: usize,
    round: &mut dyn FnMut(f64) -> Result<Round<P>, E>,
) -> Result<Constrained<P>, ConstraintError<E>> {
    let mut rounds: Vec<Round<P>> = vec![round(0.0).map_err(ConstraintError::Round)?];
    let reaches = |round: &Round<P>| round.fill_rate() >= target;
    let (mut misses, mut meets) = (rounds[0].clone(), None::<Round<P>>);
    if reaches(&misses) {
        return Ok(found(target, rounds));
    }
    let mut price = first_price;
    let mut n_raises = 0;
    while rounds.len() < n_rounds.max(2) {
        let tried = round(price).map_err(ConstraintError::Round)?;
        rounds.push(tried.clone());
        // The lines of two policies cross at most this high: the bound cannot rise beyond it.
        let crossing = meets.as_ref().map(|meets| meets.cost + price * (meets.lost - (1.0 - target) * meets.demand));
        if let (Some(bound), Some(crossing)) = (tried.bound(target), crossing)
            && bound >= crossing - TOLERANCE * crossing.abs().max(1.0)
        {
            break;
        }
        // A policy known already says nothing new.
        let is_known = |round: &Round<P>| (round.lost - tried.lost).abs() <= TOLERANCE * tried.demand;
        if meets.as_ref().is_some_and(|meets| is_known(meets) || is_known(&misses)) {
            break;
        }
        if reaches(&tried) {
            meets = Some(tried);
        } else {
            misses = tried;
        }
        match &meets {
            None if n_raises == N_RAISES_MAX => break,
            None => {
                n_raises += 1;
                price *= STEP;
            }
            Some(meets) if meets.price < 1.0005 * misses.price => break,
            Some(meets) => price = between(&misses, meets),
        }
    }
    if meets.is_none() {
        let best = rounds.iter().max_by(|a, b| a.fill_rate().total_cmp(&b.fill_rate())).expect("a round");
        return Err(ConstraintError::Unreachable { target, reached: best.fill_rate(), price: best.price });
    }
    Ok(found(target, rounds))
}

/// Where the lines of two policies cross; between their prices in any case, as learned policies are not the best there are.
fn between<P>(misses: &Round<P>, meets: &Round<P>) -> f64 {
    let crossing = (meets.cost - misses.cost) / (misses.lost - meets.lost);
    if misses.price < crossing && crossing < meets.price {
        return crossing;
    }
    if misses.price > 0.0 { (misses.price * meets.price).sqrt() } else { 0.5 * meets.price }
}

fn found<P: Clone>(target: f64, rounds: Vec<Round<P>>) -> Constrained<P> {
    let reaching = rounds.iter().filter(|round| round.fill_rate() >= target);
    let best = reaching.min_by(|a, b| a.cost.total_cmp(&b.cost)).expect("a round that reaches the target").clone();
    let bounds = rounds.iter().filter_map(|round| round.bound(target).map(|bound| (bound, round.price)));
    let highest = bounds.max_by(|a, b| a.0.total_cmp(&b.0));
    Constrained {
        target,
        bound: highest.map(|(bound, _)| bound),
        multiplier: highest.map_or(best.price, |(_, price)| price),
        rounds: rounds.iter().map(|round| (round.price, round.cost, round.fill_rate())).collect(),
        best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few policies as (cost, lost) of 100 units of demand; what is best at a price is the lowest line.
    fn best_of(policies: &[(f64, f64)], price: f64) -> Round<usize> {
        let value = |idx: usize| policies[idx].0 + price * policies[idx].1;
        let policy = (0..policies.len()).min_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap();
        let (cost, lost) = policies[policy];
        Round { price, cost, lost, demand: 100.0, least: Some(value(policy)), policy }
    }

    const POLICIES: [(f64, f64); 6] = [(10.0, 20.0), (11.0, 12.0), (14.0, 6.0), (14.9, 5.0), (20.0, 2.0), (40.0, 1.0)];

    fn solve(target: f64) -> Result<Constrained<usize>, ConstraintError<String>> {
        constrained(target, 0.001, 40, &mut |price| Ok(best_of(&POLICIES, price)))
    }

    /// The best policy on the lower hull, its multiplier between the slopes on either side, and the bound of linear
    /// programming: the mixture of its neighbours that meets the target.
    #[test]
    fn the_multiplier_and_the_bound_are_those_of_the_lower_hull() {
        let found = solve(0.97).unwrap();
        assert_eq!(found.best.policy, 4);
        // Between 5 and 2 units lost, 3 are allowed: a third of policy 3 and two thirds of policy 4.
        assert!((found.bound.unwrap() - (14.9 / 3.0 + 2.0 * 20.0 / 3.0)).abs() < 1e-6, "{found:?}");
        assert!((found.multiplier - 5.1 / 3.0).abs() < 1e-6, "{found:?}");
        let met_exactly = solve(0.95).unwrap();
        assert!((met_exactly.best.cost - met_exactly.bound.unwrap()).abs() < 1e-6, "{met_exactly:?}");
        let free = solve(0.7).unwrap();
        assert_eq!((free.best.policy, free.multiplier, free.bound), (0, 0.0, Some(10.0)));
    }

    #[test]
    fn a_target_out_of_reach_says_what_was_reached() {
        insta::assert_snapshot!(solve(0.995).unwrap_err().to_string(), @"no policy was found that reaches a fill rate of 99.50 %: the best reached 99.00 %");
    }

    /// Learners do not find what is best: the target is met all the same, and nothing is claimed about a bound.
    #[test]
    fn policies_that_are_not_the_best_still_meet_the_target() {
        let mut n = 0;
        let found = constrained(0.97, 0.5, 8, &mut |price| {
            n += 1;
            let round = best_of(&POLICIES, price * if n % 2 == 0 { 0.7 } else { 1.2 });
            Ok::<_, String>(Round { price, least: None, ..round })
        });
        let found = found.unwrap();
        assert!(found.best.fill_rate() >= 0.97 && found.bound.is_none() && found.rounds.len() <= 8, "{found:?}");
    }
}
