//! What training minimises, for one cell: one future step of one series.
//!
//! The loss of a batch is the mean over known cells of twice the pinball loss in asinh space, averaged over the quantile
//! levels, for the demand of each step and, weighted by a half, for demand from the origin to it; and of the binary
//! cross-entropy of any demand, weighted by a tenth.
//!
//! Where the stock ran out, sales c are a lower bound of demand. There a quantile q pays the pinball loss of
//! min(q, c): it is pulled up to what was sold and free above it (Powell, 1986).
//!
//! With a teacher, a larger network that was trained before, its quantiles and its probability of any demand are targets
//! too: the squared distance of quantiles in asinh space, weighted like the losses above, and the cross-entropy with the
//! teacher's probability (distillation; Hinton et al., 2015). One batch of demand says how it fell once, the teacher how
//! it may fall.

use std::ops::AddAssign;

use crate::batch::TrainingBatch;
use crate::config::{LEVELS, MEDIAN, N_LEVELS, N_OUTPUTS};
use crate::engine::network::monotone_quantiles;
use crate::engine::{CUMULATIVE_START, LOGIT, Output};

/// Weight of the outermost levels: too few observations lie beyond them to trust their gradient fully.
pub const TAIL_WEIGHT: f64 = 0.5;

/// Weight of the cumulative head.
pub const CUMULATIVE_WEIGHT: f64 = 0.5;

/// Weight of the logit of any demand.
pub const ANY_DEMAND_WEIGHT: f64 = 0.1;

/// Losses of a batch, each a mean over the cells that count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Twice the pinball loss of the quantiles of each step, mean over levels.
    pub marginal: f64,
    /// The same for cumulative demand.
    pub cumulative: f64,
    /// Binary cross-entropy of any demand.
    pub any_demand: f64,
    /// Distance from the teacher, 0 without one.
    pub from_teacher: f64,
}

impl Losses {
    /// What training minimises.
    pub fn total(&self) -> f64 {
        self.marginal + CUMULATIVE_WEIGHT * self.cumulative + ANY_DEMAND_WEIGHT * self.any_demand + self.from_teacher
    }
}

impl AddAssign for Losses {
    fn add_assign(&mut self, other: Self) {
        self.marginal += other.marginal;
        self.cumulative += other.cumulative;
        self.any_demand += other.any_demand;
        self.from_teacher += other.from_teacher;
    }
}

/// What is known of one cell and how much it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// asinh(y / s).
    demand: f64,
    /// asinh(Σy / (h·s)).
    cumulative: f64,
    demand_is_censored: bool,
    cumulative_is_censored: bool,
    /// Weight of each loss divided by the weights of all cells of the batch.
    shares: Losses,
}

/// The sum of weights of each loss over a batch, at least 1.
pub(crate) fn counts(batch: &TrainingBatch) -> Losses {
    let mut counts = Losses::default();
    for idx in 0..batch.demand.len() {
        counts += weights(batch, idx);
    }
    Losses {
        marginal: counts.marginal.max(1.0),
        cumulative: counts.cumulative.max(1.0),
        any_demand: counts.any_demand.max(1.0),
        from_teacher: 0.0,
    }
}

/// Weights of one cell. Whether there was demand is not known where nothing was sold because nothing was there.
fn weights(batch: &TrainingBatch, idx: usize) -> Losses {
    let marginal = f64::from(batch.demand_weight[idx]);
    let is_unknown = batch.censored[idx] > 0.0 && batch.demand[idx] <= 0.0;
    Losses {
        marginal,
        cumulative: f64::from(batch.cumulative_weight[idx]),
        any_demand: if is_unknown { 0.0 } else { marginal },
        from_teacher: 0.0,
    }
}

/// The cells of one series, `[horizon]`.
pub(crate) fn cells(batch: &TrainingBatch, series_idx: usize, counts: Losses) -> impl Iterator<Item = Cell> {
    let horizon = batch.horizon();
    let mut any_censored = false;
    (series_idx * horizon..(series_idx + 1) * horizon).map(move |idx| {
        any_censored |= batch.censored[idx] > 0.0;
        let weights = weights(batch, idx);
        Cell {
            demand: f64::from(batch.demand[idx]),
            cumulative: f64::from(batch.cumulative[idx]),
            demand_is_censored: batch.censored[idx] > 0.0,
            cumulative_is_censored: any_censored,
            shares: Losses {
                marginal: weights.marginal / counts.marginal,
                cumulative: weights.cumulative / counts.cumulative,
                any_demand: weights.any_demand / counts.any_demand,
                from_teacher: 0.0,
            },
        }
    })
}

/// What a teacher says about one cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    /// Quantiles of demand, and of cumulative demand.
    quantiles: [&'a [f32]; 2],
    /// Probability of any demand.
    probability: f64,
}

impl<'a> Said<'a> {
    /// What it says about the cell `idx` of `[n_series, horizon]`.
    pub(crate) fn by(teacher: &'a Output, idx: usize) -> Self {
        let quantiles = |of: &'a [f32]| &of[idx * N_LEVELS..][..N_LEVELS];
        Self {
            quantiles: [quantiles(&teacher.marginal), quantiles(&teacher.cumulative)],
            probability: f64::from(teacher.demand_probability[idx]),
        }
    }
}

/// What a cell adds to the losses of its batch, and the gradient of their total by its raw outputs `[N_OUTPUTS]`.
pub(crate) fn cell_loss(cell: &Cell, said: Option<&Said>, raw: &[f64; N_OUTPUTS]) -> (Losses, [f64; N_OUTPUTS]) {
    let mut gradient = [0.0; N_OUTPUTS];
    let mut losses = Losses::default();
    let heads = [
        (0, cell.demand, cell.demand_is_censored, cell.shares.marginal, 1.0),
        (CUMULATIVE_START, cell.cumulative, cell.cumulative_is_censored, cell.shares.cumulative, CUMULATIVE_WEIGHT),
    ];
    for (head, (start, observed, is_censored, share, weight)) in heads.into_iter().enumerate() {
        if share <= 0.0 {
            continue;
        }
        let raw = &raw[start..start + N_LEVELS];
        let quantiles = monotone_quantiles(raw);
        let (loss, mut by_quantile) = pinball(&quantiles, observed, is_censored);
        if head == 0 {
            losses.marginal = share * loss;
        } else {
            losses.cumulative = share * loss;
        }
        if let Some(said) = said {
            for (idx, (quantile, said)) in quantiles.iter().zip(said.quantiles[head]).enumerate() {
                let distance = quantile - f64::from(*said);
                losses.from_teacher += weight * share * distance * distance / N_LEVELS as f64;
                by_quantile[idx] += 2.0 * distance / N_LEVELS as f64;
            }
        }
        back_to_increments(&by_quantile, raw, weight * share, &mut gradient[start..start + N_LEVELS]);
    }
    if cell.shares.any_demand > 0.0 {
        let any_demand = if cell.demand > 0.0 { 1.0 } else { 0.0 };
        losses.any_demand = cell.shares.any_demand * (softplus(raw[LOGIT]) - raw[LOGIT] * any_demand);
        let weight = ANY_DEMAND_WEIGHT * cell.shares.any_demand;
        gradient[LOGIT] = weight * (sigmoid(raw[LOGIT]) - any_demand);
        if let Some(said) = said {
            losses.from_teacher += weight * (softplus(raw[LOGIT]) - raw[LOGIT] * said.probability);
            gradient[LOGIT] += weight * (sigmoid(raw[LOGIT]) - said.probability);
        }
    }
    (losses, gradient)
}

/// Twice the pinball loss of quantiles, mean over levels, and its gradient by each.
fn pinball(quantiles: &[f64; N_LEVELS], observed: f64, is_censored: bool) -> (f64, [f64; N_LEVELS]) {
    let mut loss = 0.0;
    let mut by_quantile = [0.0; N_LEVELS];
    for (idx, (&quantile, &level)) in quantiles.iter().zip(&LEVELS).enumerate() {
        let is_tail = idx == 0 || idx == N_LEVELS - 1;
        let weight = 2.0 / N_LEVELS as f64 * if is_tail { TAIL_WEIGHT } else { 1.0 };
        if quantile <= observed {
            loss += weight * level * (observed - quantile);
            by_quantile[idx] = -weight * level;
        } else if !is_censored {
            loss += weight * (1.0 - level) * (quantile - observed);
            by_quantile[idx] = weight * (1.0 - level);
        }
    }
    (loss, by_quantile)
}

/// The gradient by raw outputs `[N_LEVELS]` from that by quantiles, times `scale`: the median moves every quantile, an
/// increment those beyond it.
fn back_to_increments(by_quantile: &[f64; N_LEVELS], raw: &[f64], scale: f64, gradient: &mut [f64]) {
    gradient[MEDIAN] = scale * by_quantile.iter().sum::<f64>();
    let mut beyond = 0.0;
    for idx in (MEDIAN + 1..N_LEVELS).rev() {
        beyond += by_quantile[idx];
        gradient[idx] = scale * beyond * sigmoid(raw[idx]);
    }
    beyond = 0.0;
    for idx in 0..MEDIAN {
        beyond += by_quantile[idx];
        gradient[idx] = -scale * beyond * sigmoid(raw[idx]);
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Losses = Losses { marginal: 1.0, cumulative: 1.0, any_demand: 1.0, from_teacher: 0.0 };

    fn cell(demand: f64, cumulative: f64, demand_is_censored: bool) -> Cell {
        Cell { demand, cumulative, demand_is_censored, cumulative_is_censored: demand_is_censored, shares: WHOLE }
    }

    /// Raw outputs without a pattern.
    fn raw() -> [f64; N_OUTPUTS] {
        std::array::from_fn(|idx| (idx as f64 * 1.7).sin() - 1.0)
    }

    /// All quantiles equal the observation but for increments too small to count: only the cross-entropy is left.
    #[test]
    fn an_exact_forecast_costs_nothing() {
        let mut raw = [-60.0; N_OUTPUTS];
        (raw[MEDIAN], raw[CUMULATIVE_START + MEDIAN], raw[LOGIT]) = (0.7, 0.4, 0.0);
        let (losses, _) = cell_loss(&cell(0.7, 0.4, false), None, &raw);
        assert!(losses.marginal.abs() < 1e-12 && losses.cumulative.abs() < 1e-12);
        assert!((losses.any_demand - 2.0_f64.ln()).abs() < 1e-12);
    }

    /// All quantiles 1 below what was observed cost 2·mean(weight·level): the mean level is .5, the two tails together
    /// lose a half of .01 + .99.
    #[test]
    fn a_forecast_too_low_costs_its_levels() {
        let mut raw = [-60.0; N_OUTPUTS];
        (raw[MEDIAN], raw[CUMULATIVE_START + MEDIAN]) = (0.0, 0.0);
        for is_censored in [false, true] {
            let (losses, _) = cell_loss(&cell(1.0, 1.0, is_censored), None, &raw);
            assert!((losses.marginal - 2.0 * (10.5 - 0.5) / 21.0).abs() < 1e-9, "{losses:?}");
            assert!((losses.cumulative - losses.marginal).abs() < 1e-12);
        }
        let (losses, gradient) = cell_loss(&cell(-1.0, -1.0, false), None, &raw);
        assert!((losses.marginal - 2.0 * (10.5 - 0.5) / 21.0).abs() < 1e-9 && gradient[MEDIAN] > 0.9);
    }

    #[test]
    fn quantiles_above_a_lower_bound_are_free() {
        let raw = raw();
        let quantiles = monotone_quantiles(&raw[..N_LEVELS]);
        let between = (quantiles[4] + quantiles[5]) / 2.0;
        let (censored, by_raw) = cell_loss(&cell(between, -100.0, true), None, &raw);
        assert_eq!(censored.cumulative, 0.0);
        // Levels 0 to 4 pay what they pay without a bound, the others nothing.
        let expected: f64 =
            (0..5).map(|idx| LEVELS[idx] * (between - quantiles[idx]) * if idx == 0 { 0.5 } else { 1.0 }).sum::<f64>()
                * 2.0
                / 21.0;
        assert!((censored.marginal - expected).abs() < 1e-12);
        assert!(by_raw[MEDIAN + 1..N_LEVELS].iter().all(|slope| *slope == 0.0));
        assert!(by_raw[CUMULATIVE_START..][..N_LEVELS].iter().all(|slope| *slope == 0.0));
    }

    #[test]
    fn gradients_equal_central_differences() {
        let (taught, taught_totals): (Vec<f32>, Vec<f32>) =
            (0..N_LEVELS).map(|idx| (idx as f32 / 10.0 - 1.0, idx as f32 / 20.0)).unzip();
        let said = Said { quantiles: [&taught, &taught_totals], probability: 0.3 };
        for (is_censored, demand) in [(false, 0.3), (true, 0.3), (false, 0.0), (true, -0.4)] {
            for said in [None, Some(&said)] {
                let cell = cell(demand, 0.2, is_censored);
                let (_, gradient) = cell_loss(&cell, said, &raw());
                for idx in 0..N_OUTPUTS {
                    let moved = |step: f64| {
                        let mut raw = raw();
                        raw[idx] += step;
                        cell_loss(&cell, said, &raw).0.total()
                    };
                    let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    assert!((gradient[idx] - expected).abs() < 1e-8, "{idx}: {} and {expected}", gradient[idx]);
                }
            }
        }
    }

    /// What the teacher says costs the distance from it: here a tenth everywhere, squared, for both heads, and the
    /// entropy of a probability of a half.
    #[test]
    fn a_teacher_is_followed() {
        let mut raw = [-60.0; N_OUTPUTS];
        (raw[MEDIAN], raw[CUMULATIVE_START + MEDIAN], raw[LOGIT]) = (0.5, 0.5, 0.0);
        let said = Said { quantiles: [&[0.4; N_LEVELS], &[0.6; N_LEVELS]], probability: 0.5 };
        let (losses, _) = cell_loss(&cell(0.5, 0.5, false), Some(&said), &raw);
        let expected = 0.01 + CUMULATIVE_WEIGHT * 0.01 + ANY_DEMAND_WEIGHT * 2.0_f64.ln();
        assert!((losses.from_teacher - expected).abs() < 1e-7, "{losses:?}");
        assert!((losses.total() - ANY_DEMAND_WEIGHT * 2.0_f64.ln() - losses.from_teacher).abs() < 1e-7);
    }

    #[test]
    fn cumulative_demand_is_a_lower_bound_from_the_first_censored_step_on() {
        let mut batch = TrainingBatch::with_shape(1, 1, 1);
        batch.write_targets(0, &[0.0, 2.0, 0.0, 1.0], 1.0);
        (batch.censored[1], batch.censored[2]) = (1.0, 1.0);
        let cells: Vec<Cell> = cells(&batch, 0, counts(&batch)).collect();
        assert_eq!(
            cells[..4].iter().map(|cell| cell.demand_is_censored).collect::<Vec<_>>(),
            [false, true, true, false]
        );
        assert_eq!(
            cells[..4].iter().map(|cell| cell.cumulative_is_censored).collect::<Vec<_>>(),
            [false, true, true, true]
        );
        // Step 2 sold nothing because nothing was there: it says nothing about whether there was demand.
        let shares: Vec<f64> = cells[..5].iter().map(|cell| cell.shares.any_demand).collect();
        assert_eq!(shares, [1.0 / 3.0, 1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
        assert_eq!(cells[2].shares.marginal, 0.25);
    }
}
