//! Latent demand on periods where stock ran out: expected demand given that it was at least what was sold.
//!
//! Sales of a stocked-out period are a lower bound of demand. The unknown demand and the unknown demand rate are
//! estimated together by expectation-maximisation on the censored likelihood (Dempster, Laird & Rubin, 1977; for stock
//! control Conrad, 1976, Poisson; Nahmias, 1994; Anupindi, Dada & Gupta, 1998; Vulcano, van Ryzin & Ratliff, 2012):
//!
//! * E: on a censored period `t` with sales `s`, demand becomes `E[D | D >= s]` for D negative binomial with mean
//!   `level[t] · weekday[t]` and one dispersion per series (Poisson where the data are not over-dispersed);
//! * M: the level is a two-sided exponentially weighted mean of `demand / weekday` over the *informative* periods, the
//!   weekday factors are shrunk ratios to the level.
//!
//! A period without stock at all (sales 0) says nothing, `E[D | D >= 0] = E[D]`: it takes the level of the surrounding
//! periods with stock and does not pull that level down. So a shelf that stays empty for months keeps its demand, and
//! an order is still proposed for it.
//!
//! # Differences from the papers
//! 1. The level moves with time (half-life [`HALF_LIFE`] informative periods on either side) instead of being constant.
//! 2. One pseudo-period of full observation at the mean of the sales keeps the estimate finite where every period sold
//!    out, where the likelihood alone has no maximum.

use restock_core::forecast::Observation;
use restock_core::{Bucket, SeriesInput};

/// Half-life of the weight of an informative period, counted in informative periods.
pub const HALF_LIFE: f64 = 28.0;

const MAX_ITERATIONS: usize = 100;

/// Relative change of the level, and change of the dispersion, at which the estimate has settled.
const TOLERANCE: f64 = 1e-4;

/// Pseudo-periods of full observation at the mean of the sales.
const PRIOR_PERIODS: f64 = 1.0;

/// Dispersion of a usual shop item, held by half a dozen pseudo-periods.
const DISPERSION_PRIOR: f64 = 0.3;
const DISPERSION_PRIOR_PERIODS: f64 = 6.0;

/// Pseudo-periods that hold each weekday factor at 1.
const WEEKDAY_PRIOR_PERIODS: f64 = 3.0;

/// Fills `demand` on `Censored` periods with expected demand given that it was at least the sales; every other period
/// is left as it is. Returns the number of periods filled.
///
/// Fractional quantities are treated like counts of the smallest unit they are recorded in. Periods with promotions
/// are not told apart: a promotion during a stock-out is estimated at the everyday level, or at its sales if higher.
///
/// ```
/// # use restock_core::{Bucket, SeriesInput, forecast::Observation};
/// let mut series = SeriesInput {
///     key: 1, demand: vec![6.0, 4.0, 5.0, 5.0, 0.0], sales: vec![6.0, 4.0, 5.0, 5.0, 0.0],
///     observations: vec![Observation::Full; 5], first_period: 0, bucket: Bucket::Month, covariates: vec![],
///     open_future: vec![], count_valued: true, availability: None,
///     siblings: None, prior: None,
/// };
/// series.observations[4] = Observation::Censored;
/// restock_forecast::latent::estimate_latent(&mut series);
/// assert!((series.demand[4] - 5.0).abs() < 0.2);
/// ```
pub fn estimate_latent(series: &mut SeriesInput) -> usize {
    let n = series.n_periods();
    assert!(series.sales.len() == n && series.observations.len() == n);
    let censored: Vec<usize> =
        (0..n).filter(|position| series.observations[*position] == Observation::Censored).collect();
    if censored.is_empty() {
        return 0;
    }
    let fit = fit(series);
    let unit = smallest_unit(series);
    for position in &censored {
        let sales = series.sales[*position].max(0.0);
        let demand = moments_above(fit.rate(*position), fit.dispersion, sales, unit).0;
        series.demand[*position] = if demand.is_finite() { demand.max(sales) } else { sales };
    }
    censored.len()
}

/// Demand rate of a series over time, estimated from sales that stock-outs cut.
struct Fit {
    /// `[n_periods]`: expected demand per period without the weekday, units.
    level: Vec<f64>,
    /// `[n_periods]`: phase of each period, an index into `weekday`.
    phase: Vec<u8>,
    /// Factors by phase, mean 1 over the informative periods.
    weekday: [f64; 7],
    /// `Var[D] = mean + dispersion · mean²`.
    dispersion: f64,
}

impl Fit {
    fn rate(&self, position: usize) -> f64 {
        self.level[position] * self.weekday[usize::from(self.phase[position])]
    }
}

fn fit(series: &SeriesInput) -> Fit {
    let n = series.n_periods();
    let unit = smallest_unit(series);
    let phase: Vec<u8> = (0..n)
        .map(|position| match series.bucket {
            // Day 0 of the epoch is a Thursday.
            Bucket::Day => (i64::from(series.first_period) + position as i64 + 3).rem_euclid(7) as u8,
            Bucket::Week | Bucket::Month => 0,
        })
        .collect();
    // Periods that say something: seen in full, or sold out after at least one sale.
    let informative: Vec<usize> = (0..n)
        .filter(|position| match series.observations[*position] {
            Observation::Full => true,
            Observation::Censored => series.sales[*position] > 0.0,
            Observation::Closed | Observation::Missing => false,
        })
        .collect();
    let mut fit = Fit { level: vec![0.0; n], phase, weekday: [1.0; 7], dispersion: 0.0 };
    if informative.is_empty() {
        return fit;
    }
    let mut demand: Vec<f64> = informative.iter().map(|position| series.sales[*position].max(0.0)).collect();
    let mean_sales = demand.iter().sum::<f64>() / demand.len() as f64;
    let any_full = informative.iter().any(|position| series.observations[*position] == Observation::Full);
    // Data cut at the same height again and again cannot tell a high rate from a very high one.
    let level_max = 2.0 * demand.iter().copied().fold(0.0, f64::max);
    let decay = 0.5_f64.powf(1.0 / HALF_LIFE);
    let mut level = vec![mean_sales; informative.len()]; // [n_informative]

    for iteration in 0..MAX_ITERATIONS {
        let (mut excess, mut square) = (0.0, 0.0);
        for (slot, position) in informative.iter().enumerate() {
            let rate = level[slot] * fit.weekday[usize::from(fit.phase[*position])];
            let mut variance = 0.0;
            if series.observations[*position] == Observation::Censored {
                (demand[slot], variance) = moments_above(rate, fit.dispersion, series.sales[*position], unit);
            }
            excess += (demand[slot] - rate).powi(2) + variance - unit * rate;
            square += rate * rate;
        }
        // Dispersion by moments. It needs a level first, and is held in the end so that the rest converges. Without a
        // single period seen in full it cannot be told from the level, and Poisson is the cautious choice.
        let dispersion_before = fit.dispersion;
        if any_full && (1..60).contains(&iteration) {
            let prior = DISPERSION_PRIOR_PERIODS * mean_sales * mean_sales;
            if square + prior > 0.0 {
                fit.dispersion = ((excess + DISPERSION_PRIOR * prior) / (square + prior)).clamp(0.0, 25.0);
            }
        }
        if series.bucket == Bucket::Day {
            let (mut sum, mut expected) = ([0.0; 7], [0.0; 7]);
            for (slot, position) in informative.iter().enumerate() {
                sum[usize::from(fit.phase[*position])] += demand[slot];
                expected[usize::from(fit.phase[*position])] += level[slot];
            }
            let prior = WEEKDAY_PRIOR_PERIODS * mean_sales.max(1e-9);
            for phase in 0..7 {
                fit.weekday[phase] = ((sum[phase] + prior) / (expected[phase] + prior)).clamp(0.02, 20.0);
            }
        }
        let scaled: Vec<f64> = informative
            .iter()
            .zip(&demand)
            .map(|(position, demand)| (demand, fit.weekday[usize::from(fit.phase[*position])]))
            .map(|(demand, weekday)| demand / weekday)
            .collect();
        let weights: Vec<f64> =
            informative.iter().map(|position| fit.weekday[usize::from(fit.phase[*position])]).collect();
        let mut next = smooth(&scaled, &weights, decay, if any_full { 0.0 } else { PRIOR_PERIODS }, mean_sales);
        next.iter_mut().for_each(|level| *level = level.min(level_max));
        let change = next.iter().zip(&level).map(|(a, b)| (a - b).abs() / (b + 1e-3 * unit)).fold(0.0, f64::max);
        level = next;
        if iteration > 1 && change < TOLERANCE && (fit.dispersion - dispersion_before).abs() < TOLERANCE {
            break;
        }
    }

    // Between informative periods the level goes over linearly; before the first and after the last it stays.
    let mut slot = 0;
    for position in 0..n {
        while slot + 1 < informative.len() && informative[slot + 1] <= position {
            slot += 1;
        }
        let here = informative[slot];
        fit.level[position] = match informative.get(slot + 1) {
            Some(next) if position > here => {
                let share = (position - here) as f64 / (next - here) as f64;
                level[slot] * (1.0 - share) + level[slot + 1] * share
            }
            _ => level[slot],
        };
    }
    fit
}

/// Two-sided exponentially weighted means, `[n]`, in linear time.
fn smooth(values: &[f64], weights: &[f64], decay: f64, prior_weight: f64, prior_value: f64) -> Vec<f64> {
    let n = values.len();
    let (mut sum, mut weight) = (vec![0.0; n], vec![0.0; n]);
    let (mut running_sum, mut running_weight) = (0.0, 0.0);
    for idx in 0..n {
        running_sum = running_sum * decay + weights[idx] * values[idx];
        running_weight = running_weight * decay + weights[idx];
        sum[idx] = running_sum;
        weight[idx] = running_weight;
    }
    (running_sum, running_weight) = (0.0, 0.0);
    for idx in (0..n).rev() {
        sum[idx] += running_sum * decay;
        weight[idx] += running_weight * decay;
        running_sum = running_sum * decay + weights[idx] * values[idx];
        running_weight = running_weight * decay + weights[idx];
    }
    (0..n).map(|idx| (sum[idx] + prior_weight * prior_value) / (weight[idx] + prior_weight)).collect()
}

/// The step in which demand is recorded: 1 for counts, otherwise a step of the size of a hundredth of usual sales.
fn smallest_unit(series: &SeriesInput) -> f64 {
    if series.count_valued {
        return 1.0;
    }
    let (mut sum, mut n) = (0.0, 0.0);
    for (sales, observation) in series.sales.iter().zip(&series.observations) {
        if *sales > 0.0 && matches!(observation, Observation::Full | Observation::Censored) {
            sum += sales;
            n += 1.0;
        }
    }
    if n > 0.0 { sum / n / 100.0 } else { 1.0 }
}

/// Mean and variance of D given `D >= bound`, for D negative binomial (counted in `unit`) with `mean` and `Var = unit·mean + dispersion·mean²`.
///
/// The sums run upwards from the bound over ratios of neighbouring probabilities, so no tail probability underflows;
/// means above 400 steps use the normal distribution.
fn moments_above(mean: f64, dispersion: f64, bound: f64, unit: f64) -> (f64, f64) {
    let (mean, bound) = (mean / unit, (bound / unit).max(0.0));
    if mean <= 0.0 || bound <= 0.0 {
        let spread = (mean + dispersion * mean * mean).max(0.0) * unit * unit;
        return (mean.max(bound).max(0.0) * unit, if bound <= 0.0 { spread } else { 0.0 });
    }
    if mean > 400.0 || bound > 2_000.0 {
        let spread = (mean + dispersion * mean * mean).sqrt();
        let z = (bound - 0.5 - mean) / spread;
        let hazard = inverse_mills(z);
        let variance = (spread * spread * (1.0 + z * hazard - hazard * hazard)).max(0.0);
        return (unit * (mean + spread * hazard).max(bound), unit * unit * variance);
    }
    // p(d+1) / p(d) = (d + k)·q / (d + 1) with k = 1/α and q = mean / (mean + k); μ / (d + 1) for Poisson.
    let (size, ratio) = if dispersion > 1e-9 {
        let size = 1.0 / dispersion;
        (size, mean / (mean + size))
    } else {
        (0.0, mean)
    };
    let is_poisson = dispersion <= 1e-9;
    // The share of the sum that may be left out.
    let rest = if is_poisson { 1e-12 } else { 1e-10 };
    let (mut probability, mut total, mut above, mut above_squared) = (1.0, 0.0, 0.0, 0.0);
    let (mut step, mut demand) = (0.0, bound);
    while step < 1e5 {
        total += probability;
        above += probability * step;
        above_squared += probability * step * step;
        probability *= (if is_poisson { ratio } else { (demand + size) * ratio }) / (demand + 1.0);
        (step, demand) = (step + 1.0, demand + 1.0);
        if demand > mean && probability < rest * total {
            break;
        }
    }
    let above = above / total;
    (unit * (bound + above), unit * unit * (above_squared / total - above * above).max(0.0))
}

/// `φ(z) / (1 - Φ(z))`, the standard normal mean above z.
fn inverse_mills(z: f64) -> f64 {
    if z > 6.0 {
        return z + 1.0 / z; // asymptotic series, error below 2/z³
    }
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    density / (0.5 * statrs::function::erf::erfc(z / std::f64::consts::SQRT_2))
}

/// A stretch of zero sales that looks like a stock-out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InferredStockout {
    /// Index of the first period of the stretch.
    pub from: usize,
    /// Index after its last period.
    pub to: usize,
    /// Probability of a stretch this long without demand, given the demand before it.
    pub probability: f64,
    /// Whether sales came back afterwards. A stretch that reaches the end of the history may as well be the end of the
    /// item's life; the caller has to decide, with what it knows about the assortment.
    pub resumed: bool,
}

/// The least improbable stretch that is called a stock-out.
pub const INFERRED_PROBABILITY_MAX: f64 = 1e-5;

/// Finds stretches of zero sales that the recent demand rate makes nearly impossible, where no stock data exist.
///
/// The probability of a zero period is the larger of the negative binomial's, with the recent mean (the 56 open periods
/// before the stretch) and dispersion, and of the share of zeros seen there; a stretch is reported when its probability
/// is below [`INFERRED_PROBABILITY_MAX`] *and* it is more than twice as long as any earlier stretch. So an item that
/// sells now and then is not suspected. Only `Full` periods are judged; nothing is changed in the series: the caller
/// marks the periods `Censored` and says that it inferred them.
pub fn infer_stockouts(series: &SeriesInput) -> Vec<InferredStockout> {
    const RECENT: usize = 56;
    let open: Vec<usize> = (0..series.n_periods())
        .filter(|position| matches!(series.observations[*position], Observation::Full))
        .collect();
    let mut found: Vec<InferredStockout> = Vec::new();
    let (mut longest_before, mut slot) = (0, 0);
    let mut seen: Vec<f64> = Vec::with_capacity(open.len()); // sales of open periods not called stock-outs
    while slot < open.len() {
        let begin = slot;
        while slot < open.len() && series.sales[open[slot]] <= 0.0 {
            slot += 1;
        }
        let length = slot - begin;
        let recent = &seen[seen.len().saturating_sub(RECENT)..];
        let n_sold = recent.iter().filter(|sales| **sales > 0.0).count();
        let mut suspected = false;
        if length > 0 && recent.len() >= 14 && n_sold >= 7 {
            let n = recent.len() as f64;
            let mean = recent.iter().sum::<f64>() / n;
            let variance = recent.iter().map(|sales| (sales - mean).powi(2)).sum::<f64>() / n;
            let dispersion = ((variance - mean) / (mean * mean)).max(0.0);
            let zero =
                if dispersion > 1e-9 { (1.0 + dispersion * mean).powf(-1.0 / dispersion) } else { (-mean).exp() };
            // One zero is added to those seen, so that an item never seen at zero is not certain to sell either.
            let zero_seen = (n - n_sold as f64 + 1.0) / (n + 1.0);
            let probability = zero.max(zero_seen).powi(length as i32);
            if probability < INFERRED_PROBABILITY_MAX && length > 2 * longest_before {
                suspected = true;
                found.push(InferredStockout {
                    from: open[begin],
                    to: open[slot - 1] + 1,
                    probability,
                    resumed: slot < open.len(),
                });
            }
        }
        if !suspected {
            longest_before = longest_before.max(length);
            seen.extend(std::iter::repeat_n(0.0, length));
        }
        if slot < open.len() {
            seen.push(series.sales[open[slot]]);
            slot += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma, Poisson};

    fn series(sales: Vec<f64>, observations: Vec<Observation>, bucket: Bucket) -> SeriesInput {
        SeriesInput {
            key: 1,
            demand: sales.clone(),
            sales,
            observations,
            first_period: 0,
            bucket,
            covariates: vec![],
            open_future: vec![],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// The case of PRODUCT.md section 3.3: 150 used in month 1, then out of stock for five months. Six months' average
    /// would say 25 a month; demand stays at 150 a month, 5 a day.
    #[test]
    fn sold_out_after_month_one() {
        let mut monthly = series(
            vec![150.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [vec![Observation::Full], vec![Observation::Censored; 5]].concat(),
            Bucket::Month,
        );
        assert_eq!(estimate_latent(&mut monthly), 5);
        assert!(monthly.demand.iter().all(|demand| (demand - 150.0).abs() < 1.0), "{:?}", monthly.demand);

        let month: Vec<f64> = (0..30).map(|day| [4.0, 5.0, 6.0][day % 3]).collect();
        let mut daily = series(
            [month, vec![0.0; 150]].concat(),
            [vec![Observation::Full; 30], vec![Observation::Censored; 150]].concat(),
            Bucket::Day,
        );
        assert_eq!(estimate_latent(&mut daily), 150);
        let estimate = mean(&daily.demand[30..]);
        assert!((estimate - 5.0).abs() < 0.15, "{estimate} a day");
    }

    /// No stock, no sales, no order, no stock: the estimate must not follow sales down, even when every order was
    /// smaller than the last.
    #[test]
    fn no_death_spiral() {
        let (mut sales, mut observations) = (vec![], vec![]);
        for day in 0..28 {
            sales.push([7.0, 9.0, 8.0][day % 3]);
            observations.push(Observation::Full);
        }
        for stocked in (0..8).rev() {
            for day in 0..14 {
                sales.push(if day == 0 { f64::from(stocked) } else { 0.0 });
                observations.push(Observation::Censored);
            }
        }
        let mut series = series(sales, observations, Bucket::Day);
        estimate_latent(&mut series);
        let end = mean(&series.demand[series.n_periods() - 28..]);
        assert!((6.8..=9.5).contains(&end), "{end} a day at the end, 8 a day were sold while there was stock");
    }

    /// Every period sold out: demand is above sales, and the estimate is finite.
    #[test]
    fn always_sold_out() {
        let mut series = series(vec![3.0; 60], vec![Observation::Censored; 60], Bucket::Day);
        estimate_latent(&mut series);
        assert!(series.demand.iter().all(|demand| (3.5..12.0).contains(demand)), "{:?}", &series.demand[..5]);
    }

    fn negative_binomial(rng: &mut ChaCha8Rng, mean: f64, dispersion: f64) -> f64 {
        let rate = Gamma::new(1.0 / dispersion, mean * dispersion).unwrap().sample(rng);
        if rate > 0.0 { Poisson::new(rate).unwrap().sample(rng) } else { 0.0 }
    }

    /// Negative binomial demand with weekdays, sold from stock that an (s, S) policy refills after a lead time. Averaged
    /// over series the estimate is within 3 % of true demand, where sales miss up to a third of it.
    #[test]
    fn unbiased_under_ordering_policy() {
        for (level, dispersion, reorder_point, order_up_to) in
            [(5.0, 0.3, 12.0, 45.0), (2.0, 0.6, 4.0, 14.0), (20.0, 0.2, 60.0, 140.0), (0.6, 0.5, 1.0, 4.0)]
        {
            let mut rng = ChaCha8Rng::seed_from_u64(11);
            let (mut truth, mut estimate, mut sold) = (0.0, 0.0, 0.0);
            for _ in 0..60 {
                let (mut on_hand, mut arrival): (f64, Option<(usize, f64)>) = (order_up_to, None);
                let (mut sales, mut observations) = (vec![], vec![]);
                for day in 0..365 {
                    if let Some((_, quantity)) = arrival.take_if(|(due, _)| *due == day) {
                        on_hand += quantity;
                    }
                    let weekday = [0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 0.9][day % 7];
                    let demand = negative_binomial(&mut rng, level * weekday, dispersion);
                    let sale = demand.min(on_hand);
                    on_hand -= sale;
                    sales.push(sale);
                    // A shop sees an empty shelf, not unmet demand.
                    observations.push(if on_hand <= 0.0 { Observation::Censored } else { Observation::Full });
                    truth += demand;
                    sold += sale;
                    if on_hand <= reorder_point && arrival.is_none() {
                        arrival = Some((day + 6, order_up_to - on_hand));
                    }
                }
                let mut series = series(sales, observations, Bucket::Day);
                estimate_latent(&mut series);
                estimate += series.demand.iter().sum::<f64>();
            }
            let bias = estimate / truth - 1.0;
            assert!(bias.abs() < 0.03, "level {level}: bias {bias:.4}, sales miss {:.3}", 1.0 - sold / truth);
            assert!(sold / truth < 0.95, "level {level}: the test must censor, sold {}", sold / truth);
        }
    }

    /// Truncated means by direct summation of the Poisson and the geometric distribution (negative binomial, α = 1),
    /// whose mean above a bound is the bound plus the mean.
    #[test]
    fn expectation_above_a_bound() {
        let above = |mean, dispersion, bound| moments_above(mean, dispersion, bound, 1.0);
        let (mean, variance) = above(2.0, 1.0, 5.0);
        assert!((mean - 7.0).abs() < 1e-6 && (variance - 6.0).abs() < 1e-6, "{mean} {variance}");
        // Poisson(1) given D >= 1: 1 / (1 - 1/e).
        assert!((above(1.0, 0.0, 1.0).0 - 1.581_976_706_869_326).abs() < 1e-9);
        assert_eq!(above(3.0, 0.5, 0.0), (3.0, 7.5));
        // The two branches meet.
        let (below, beyond) = (above(399.0, 0.02, 420.0), above(401.0, 0.02, 420.0));
        assert!((below.0 / beyond.0 - 1.0).abs() < 0.02, "{below:?} {beyond:?}");
        assert!(above(0.001, 0.5, 1000.0).0 >= 1000.0);
        assert!(above(1e7, 0.5, 2e9).0 >= 2e9);
    }

    #[test]
    fn infers_only_what_is_nearly_impossible() {
        let steady: Vec<f64> = (0..60).map(|day| f64::from([3, 5, 4, 6, 2][day % 5])).collect();
        let gap = [steady.clone(), vec![0.0; 10], steady.clone()].concat();
        let n = gap.len();
        let found = infer_stockouts(&series(gap, vec![Observation::Full; n], Bucket::Day));
        assert_eq!(found.iter().map(|gap| (gap.from, gap.to, gap.resumed)).collect::<Vec<_>>(), [(60, 70, true)]);
        assert!(found[0].probability < 1e-5);

        let ended = [steady.clone(), vec![0.0; 30]].concat();
        let found = infer_stockouts(&series(ended, vec![Observation::Full; 90], Bucket::Day));
        assert!(!found[0].resumed);

        // One zero is no stock-out, and an intermittent item sells nothing for three weeks now and then.
        let one = [steady.clone(), vec![0.0; 1], steady].concat();
        let n = one.len();
        assert_eq!(infer_stockouts(&series(one, vec![Observation::Full; n], Bucket::Day)), []);
        let rare: Vec<f64> = (0..400).map(|day| f64::from(u8::from(day % 13 == 0))).collect();
        assert_eq!(
            infer_stockouts(&series([rare, vec![0.0; 30]].concat(), vec![Observation::Full; 430], Bucket::Day)),
            []
        );
    }

    /// False alarms on simulated demand without any stock-out stay below one in a hundred series-years.
    #[test]
    fn rarely_suspects_without_cause() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut alarms = 0;
        for idx in 0..400 {
            let level = [0.1, 0.5, 2.0, 8.0][idx % 4];
            let sales: Vec<f64> = (0..365).map(|_| negative_binomial(&mut rng, level, 0.8)).collect();
            alarms += infer_stockouts(&series(sales, vec![Observation::Full; 365], Bucket::Day)).len();
        }
        assert!(alarms <= 4, "{alarms} alarms in 400 series");
    }

    proptest! {
        #[test]
        fn estimates_are_at_least_sales(
            cells in prop::collection::vec((0.0_f64..1e4, 0_u8..4), 1..120), count_valued: bool,
        ) {
            let observations: Vec<Observation> = cells.iter().map(|(_, kind)| {
                [Observation::Full, Observation::Censored, Observation::Closed, Observation::Missing][usize::from(*kind)]
            }).collect();
            let sales: Vec<f64> = cells.iter().map(|(sale, _)| if count_valued { sale.floor() } else { *sale }).collect();
            let mut series = SeriesInput { count_valued, ..series(sales, observations, Bucket::Day) };
            let before = series.clone();
            let filled = estimate_latent(&mut series);
            prop_assert_eq!(filled, before.observations.iter().filter(|seen| **seen == Observation::Censored).count());
            for position in 0..series.n_periods() {
                if series.observations[position] == Observation::Censored {
                    prop_assert!(series.demand[position].is_finite() && series.demand[position] >= series.sales[position]);
                } else {
                    prop_assert_eq!(series.demand[position], before.demand[position]);
                }
            }
            prop_assert_eq!(&series.sales, &before.sales);
        }
    }
}
