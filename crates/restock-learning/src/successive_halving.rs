//! Successive halving (Karnin, Koren & Somekh 2013, *ICML*; for hyper-parameters Jamieson & Talwalkar 2016, *AISTATS*).
//!
//! All trials train for a while, the better half goes on for twice as long, and so on until one is left: each rung has the
//! same share of the budget. What a trial shows of itself is its validation cost and nothing else; the chances of the
//! final grade are out of reach of the search.
//!
//! # Differences from the paper
//! 1. Trials go on from where they stopped in the rung before instead of training anew.
//! 2. Trial 0, the usual settings, is trained as long as the winner at the end even where it was left behind, and takes
//!    its place where it is as good: a search never returns what is worse on validation than the usual settings.

use serde::Serialize;

/// A training that can be told to go on.
pub trait Trial {
    /// Goes on until it has trained for so long in all.
    fn train_until(&mut self, until: Until);

    /// The lowest validation cost so far.
    fn validation_cost(&self) -> f64;

    /// Epochs done.
    fn n_epochs(&self) -> u64;
}

/// How long a trial has trained, in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// Wall-clock seconds.
    Seconds(f64),
    /// Epochs.
    Epochs(u64),
}

/// What a search may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Wall-clock seconds of all trials together, the usual settings at the end included.
    Seconds(f64),
    /// Epochs of each trial in the first rung.
    FirstRung(u64),
}

/// A trial after a rung.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Its number.
    pub trial: usize,
    /// Its lowest validation cost.
    pub validation_cost: f64,
    /// Epochs it has done.
    pub n_epochs: u64,
    /// Whether it goes on.
    pub goes_on: bool,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Search {
    /// `[n_rungs]`: all trials of each rung, the best first.
    pub rungs: Vec<Vec<Standing>>,
    /// The number of the best trial.
    pub winner: usize,
    /// The best of the trials that the halving left, which trial 0 may have beaten at the end.
    pub left: usize,
}

/// Rungs until one of `n_trials` is left.
fn n_rungs(n_trials: usize) -> usize {
    (n_trials.max(2) as f64).log2().ceil() as usize
}

/// Trials of each rung: half of those before, rounded up.
fn sizes(n_trials: usize) -> Vec<usize> {
    (0..n_rungs(n_trials)).map(|rung| n_trials.div_ceil(1 << rung)).collect()
}

/// Epochs of all trials together, at most, when each has `first_rung` in the first rung.
pub fn planned_epochs(n_trials: usize, first_rung: u64) -> u64 {
    let sizes = sizes(n_trials);
    let each = |rung: usize| first_rung << rung;
    let halving: u64 = sizes.iter().enumerate().map(|(rung, size)| *size as u64 * each(rung)).sum();
    let whole_way: u64 = (0..sizes.len()).map(each).sum();
    halving + if sizes.len() == 1 { 0 } else { whole_way - first_rung }
}

/// Searches; `observe` sees the number of a rung and of the trial that trains next in it.
///
/// # Panics
/// When there are no trials.
pub fn successive_halving<T: Trial>(trials: &mut [T], budget: Budget, observe: &mut dyn FnMut(usize, usize)) -> Search {
    assert!(!trials.is_empty(), "a search without trials");
    let sizes = sizes(trials.len());
    // Share of the budget that a trial of each rung has.
    let shares: Vec<f64> = sizes.iter().map(|size| 1.0 / (sizes.len() * size) as f64).collect();
    // Set aside for the usual settings; where there is one rung they have gone all the way.
    let set_aside: f64 = if sizes.len() == 1 { 0.0 } else { shares.iter().sum() };
    let mut until = match budget {
        Budget::Seconds(_) => Until::Seconds(0.0),
        Budget::FirstRung(_) => Until::Epochs(0),
    };
    let mut left: Vec<usize> = (0..trials.len()).collect();
    let mut rungs = Vec::new();
    for (rung, share) in shares.iter().enumerate() {
        until = match (until, budget) {
            (Until::Seconds(before), Budget::Seconds(seconds)) => {
                Until::Seconds(before + seconds * share / (1.0 + set_aside))
            }
            (Until::Epochs(before), Budget::FirstRung(n_epochs)) => Until::Epochs(before + (n_epochs << rung)),
            _ => unreachable!("time and epochs do not mix"),
        };
        for trial in &left {
            observe(rung, *trial);
            trials[*trial].train_until(until);
        }
        // Trials that are as good stay in their order: the usual settings first.
        left.sort_by(|a, b| trials[*a].validation_cost().total_cmp(&trials[*b].validation_cost()).then(a.cmp(b)));
        let n_kept = sizes.get(rung + 1).copied().unwrap_or(1);
        let standing = |(place, trial): (usize, &usize)| Standing {
            trial: *trial,
            validation_cost: trials[*trial].validation_cost(),
            n_epochs: trials[*trial].n_epochs(),
            goes_on: place < n_kept,
        };
        rungs.push(left.iter().enumerate().map(standing).collect());
        left.truncate(n_kept);
    }
    let best = left[0];
    observe(shares.len(), 0);
    trials[0].train_until(until);
    let winner = if trials[0].validation_cost() <= trials[best].validation_cost() { 0 } else { best };
    Search { rungs, winner, left: best }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trial whose cost falls towards a limit: after `n` epochs it is `limit + start / n`.
    struct Falling {
        limit: f64,
        start: f64,
        n_epochs: u64,
        seconds: f64,
    }

    impl Trial for Falling {
        fn train_until(&mut self, until: Until) {
            match until {
                Until::Epochs(n_epochs) => self.n_epochs = self.n_epochs.max(n_epochs),
                Until::Seconds(seconds) => {
                    self.n_epochs += ((seconds - self.seconds).max(0.0) * 10.0) as u64;
                    self.seconds = self.seconds.max(seconds);
                }
            }
        }

        fn validation_cost(&self) -> f64 {
            self.limit + self.start / self.n_epochs as f64
        }

        fn n_epochs(&self) -> u64 {
            self.n_epochs
        }
    }

    fn trials(of: &[(f64, f64)]) -> Vec<Falling> {
        of.iter().map(|(limit, start)| Falling { limit: *limit, start: *start, n_epochs: 0, seconds: 0.0 }).collect()
    }

    #[test]
    fn each_rung_keeps_the_better_half_and_doubles_its_epochs() {
        let mut all = trials(&[(5.0, 1.0), (4.0, 1.0), (1.0, 1.0), (3.0, 1.0), (2.0, 1.0), (6.0, 1.0)]);
        let search = successive_halving(&mut all, Budget::FirstRung(2), &mut |_, _| ());
        let standings = |rung: usize| -> Vec<(usize, u64, bool)> {
            search.rungs[rung].iter().map(|at| (at.trial, at.n_epochs, at.goes_on)).collect()
        };
        let first = [(2, 2, true), (4, 2, true), (3, 2, true), (1, 2, false), (0, 2, false), (5, 2, false)];
        assert_eq!(standings(0), first);
        assert_eq!(standings(1), [(2, 6, true), (4, 6, true), (3, 6, false)]);
        assert_eq!(standings(2), [(2, 14, true), (4, 14, false)]);
        assert_eq!((search.winner, search.left), (2, 2));
        assert_eq!(all[0].n_epochs, 14, "the usual settings are trained as long as the winner");
    }

    /// The usual settings are slow: left behind after the first rung, and the best in the end.
    #[test]
    fn the_usual_settings_win_where_they_are_better_in_the_end() {
        let mut all = trials(&[(1.0, 9.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0)]);
        let search = successive_halving(&mut all, Budget::FirstRung(1), &mut |_, _| ());
        assert!(!search.rungs[0].iter().any(|at| at.trial == 0 && at.goes_on), "{search:?}");
        assert_eq!((search.winner, search.left), (1, 1), "1 + 9/3 is above 2 + 1/3");
        let mut longer = trials(&[(1.0, 9.0), (2.0, 0.1), (2.1, 0.1), (2.2, 0.1)]);
        let search = successive_halving(&mut longer, Budget::FirstRung(5), &mut |_, _| ());
        assert!(!search.rungs[0].iter().any(|at| at.trial == 0 && at.goes_on), "{search:?}");
        assert_eq!((search.winner, search.left), (0, 1), "1 + 9/15 is below 2 + 0.1/15");
    }

    /// All time together is the budget, whichever trial wins; one trial alone is trained and returned.
    #[test]
    fn time_adds_up_to_the_budget() {
        for (n_trials, slow) in [(16, false), (16, true), (5, false), (2, true), (1, false)] {
            let of: Vec<(f64, f64)> =
                (0..n_trials).map(|k| (f64::from(k), if k == 0 && slow { 1e6 } else { 0.1 })).collect();
            let mut all = trials(&of);
            successive_halving(&mut all, Budget::Seconds(100.0), &mut |_, _| ());
            let spent: f64 = all.iter().map(|trial| trial.seconds).sum();
            assert!(spent <= 100.0 + 1e-9 && spent > 60.0, "{n_trials} trials, slow {slow}: {spent}");
        }
    }
}
