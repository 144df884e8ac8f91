//! What customers want: the latent demand of an item at a store, day by day.
//!
//! Demand is a count drawn around a rate, and the rate is a product of effects that items, stores and families share:
//!
//! rate = level x trend x life cycle x weekday x season x payday x holiday x promotion x price x noise.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Poisson, StandardNormal};
use restock_core::Units;

use super::calendar::{Calendar, HOLIDAYS};

/// How a count is drawn around its rate. Every kind keeps the rate as its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountModel {
    /// Variance equal to the mean.
    Poisson,
    /// Variance `mean + mean²/k`.
    NegativeBinomial {
        /// Dispersion, the gamma shape.
        k: f64,
    },
    /// A negative binomial that is switched off on a share of the days.
    ZeroInflated {
        /// Share of days without any demand.
        zero_share: f64,
        /// Dispersion of the other days.
        k: f64,
    },
    /// At most on a share of days somebody buys, and then at least one unit.
    Hurdle {
        /// Largest share of days with demand.
        buying_share: f64,
        /// Dispersion of the units beyond the first.
        k: f64,
    },
    /// Poisson customers who each buy a geometric number of units.
    Lumpy {
        /// Mean units per customer, above 1.
        mean_size: f64,
    },
    /// Log-normal, rounded at random so that the mean is kept.
    LogNormal {
        /// Standard deviation of the logarithm.
        log_sd: f64,
    },
    /// Poisson customers who each take a gamma-distributed weight (a Tweedie distribution), for goods sold by weight.
    ByWeight {
        /// Mean weight per customer, in the item's smallest unit.
        mean_size: f64,
        /// Gamma shape of one customer's weight.
        shape: f64,
    },
}

impl CountModel {
    /// Draws one period's demand with mean `rate`.
    pub fn draw(&self, rate: f64, rng: &mut ChaCha8Rng) -> Units {
        if rate <= 0.0 {
            return 0;
        }
        match *self {
            CountModel::Poisson => poisson(rate, rng),
            CountModel::NegativeBinomial { k } => negative_binomial(rate, k, rng),
            CountModel::ZeroInflated { zero_share, k } => {
                if rng.random::<f64>() < zero_share {
                    0
                } else {
                    negative_binomial(rate / (1.0 - zero_share), k, rng)
                }
            }
            CountModel::Hurdle { buying_share, k } => {
                let share = buying_share.min(rate);
                if rng.random::<f64>() >= share { 0 } else { 1 + negative_binomial(rate / share - 1.0, k, rng) }
            }
            CountModel::Lumpy { mean_size } => {
                let customers = poisson(rate / mean_size, rng);
                if customers == 0 {
                    return 0;
                }
                // The sum of n geometric sizes is n plus a negative binomial with shape n.
                customers + negative_binomial(customers as f64 * (mean_size - 1.0), customers as f64, rng)
            }
            CountModel::LogNormal { log_sd } => {
                let score: f64 = StandardNormal.sample(rng);
                (rate * (log_sd * score - 0.5 * log_sd * log_sd).exp() + rng.random::<f64>()) as Units
            }
            CountModel::ByWeight { mean_size, shape } => {
                let customers = poisson(rate / mean_size, rng);
                if customers == 0 {
                    return 0;
                }
                (gamma(customers as f64 * shape, rng) * mean_size / shape + rng.random::<f64>()) as Units
            }
        }
    }
}

fn gamma(shape: f64, rng: &mut ChaCha8Rng) -> f64 {
    Gamma::new(shape, 1.0).expect("the shape is above 0").sample(rng)
}

fn negative_binomial(mean: f64, k: f64, rng: &mut ChaCha8Rng) -> Units {
    if mean <= 0.0 { 0 } else { poisson(gamma(k, rng) * mean / k, rng) }
}

fn poisson(mean: f64, rng: &mut ChaCha8Rng) -> Units {
    // A mean below 1e-12 has no demand in the life of the universe, and the sampler refuses 0.
    if mean < 1e-12 { 0 } else { Poisson::new(mean).expect("the mean is above 0").sample(rng) as Units }
}

/// Draws a value whose logarithm is uniform between those of `low` and `high`.
pub(super) fn log_uniform(low: f64, high: f64, rng: &mut ChaCha8Rng) -> f64 {
    (low.ln() + rng.random::<f64>() * (high / low).ln()).exp()
}

pub(super) fn normal(mean: f64, sd: f64, rng: &mut ChaCha8Rng) -> f64 {
    let score: f64 = StandardNormal.sample(rng);
    mean + sd * score
}

/// Draws how an item's demand is counted, in the proportions of retail data: much over-dispersed, some lumpy. Fresh goods
/// are what somebody buys every day: without that a shop would throw most of them away, and stop.
pub(super) fn draw_count_model(by_weight: bool, is_fresh: bool, rng: &mut ChaCha8Rng) -> CountModel {
    if by_weight {
        return CountModel::ByWeight { mean_size: rng.random_range(5.0..12.0), shape: rng.random_range(2.0..6.0) };
    }
    if is_fresh {
        let k = log_uniform(2.0, 40.0, rng);
        return if rng.random_bool(0.3) { CountModel::Poisson } else { CountModel::NegativeBinomial { k } };
    }
    let k = log_uniform(0.4, 40.0, rng);
    match rng.random_range(0..100) {
        0..18 => CountModel::Poisson,
        18..58 => CountModel::NegativeBinomial { k },
        58..76 => CountModel::ZeroInflated { zero_share: rng.random_range(0.05..0.6), k },
        76..86 => CountModel::Hurdle { buying_share: rng.random_range(0.1..0.6), k },
        86..95 => CountModel::Lumpy { mean_size: rng.random_range(1.5..6.0) },
        _ => CountModel::LogNormal { log_sd: rng.random_range(0.2..0.8) },
    }
}

/// `[n_days]`: weekday-free effects of one product family: season and holidays, as a factor on demand.
pub(super) fn category_factors(calendar: &Calendar, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n_waves: usize = rng.random_range(1..=3);
    let waves: Vec<(f64, f64, f64)> =
        (1..=n_waves).map(|k| (k as f64, rng.random_range(0.0..0.25) / k as f64, rng.random_range(0.0..1.0))).collect();
    let mut log_factors: Vec<f64> = calendar
        .year_share
        .iter()
        .map(|share| {
            waves.iter().map(|(k, size, phase)| size * (std::f64::consts::TAU * (k * share - phase)).cos()).sum()
        })
        .collect();
    // Few holidays matter to one family, and they mostly raise demand; a strong one also takes from the days after.
    let lifts: Vec<(f64, i32)> = HOLIDAYS
        .iter()
        .map(|_| {
            let lift = if rng.random_bool(0.6) { normal(0.25, 0.3, rng) } else { 0.0 };
            (lift.clamp(-0.3, 1.1), rng.random_range(2..=9))
        })
        .collect();
    let n_days = calendar.n_days() as i32;
    for holiday in &calendar.holidays {
        let (lift, ramp_days) = lifts[holiday.rule_idx];
        let holiday_idx = holiday.day.0 - calendar.first_day.0;
        for offset in -ramp_days..=3 {
            let shape = match offset {
                ..=0 => 1.0 + f64::from(offset) / f64::from(ramp_days + 1),
                _ => -0.3,
            };
            let day_idx = holiday_idx + offset;
            if (0..n_days).contains(&day_idx) {
                log_factors[day_idx as usize] += lift * shape;
            }
        }
    }
    log_factors.iter().map(|log_factor| log_factor.exp()).collect()
}

/// Seven factors with mean 1; `log_sd` is how much weekdays differ.
pub(super) fn weekday_profile(log_sd: f64, rng: &mut ChaCha8Rng) -> [f64; 7] {
    // Monday to Sunday: trade rises towards the weekend.
    const USUAL: [f64; 7] = [-0.1, -0.15, -0.1, 0.0, 0.2, 0.3, -0.1];
    let profile = USUAL.map(|log_usual| (log_usual + normal(0.0, log_sd, rng)).exp());
    let mean = profile.iter().sum::<f64>() / 7.0;
    profile.map(|factor| factor / mean)
}

/// `[n_days]`: a drifting level with a few jumps, as a factor that starts at 1.
pub(super) fn trend(n_days: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let daily_sd = log_uniform(0.001, 0.015, rng);
    let jump_chance = rng.random_range(0.0..2.0) / n_days as f64;
    let mut log_level = 0.0_f64;
    (0..n_days)
        .map(|_| {
            // A pull of 0.2 % a day keeps a long history from drifting out of sight.
            log_level = 0.998 * log_level + normal(0.0, daily_sd, rng);
            if rng.random_bool(jump_chance) {
                log_level += normal(0.0, 0.3, rng);
            }
            log_level.exp()
        })
        .collect()
}

/// What makes one item at one store differ from the item's rate.
pub(super) struct SeriesNoise {
    /// Correlation of the log noise from day to day.
    phi: f64,
    /// Standard deviation of the log noise.
    sd: f64,
    /// Mean days of an interval with interest, and of one without; `None` is always of interest.
    on_off_days: Option<(f64, f64)>,
}

impl SeriesNoise {
    pub(super) fn draw(share_on_off: f64, rng: &mut ChaCha8Rng) -> Self {
        let phi = rng.random_range(0.0..0.95);
        let sd = log_uniform(0.02, 0.4, rng);
        let on_off_days = rng.random_bool(share_on_off).then(|| {
            let off = log_uniform(3.0, 45.0, rng);
            (off * rng.random_range(0.5..4.0), off)
        });
        Self { phi, sd, on_off_days }
    }
}

/// `[n_days]`: the latent demand of one item at one store, in the item's smallest unit.
///
/// `rates` gives the expected demand of each day before noise; 0.0 where nobody can buy.
pub(super) fn draw_demand(
    rates: impl Iterator<Item = f64>,
    count_model: CountModel,
    noise: &SeriesNoise,
    rng: &mut ChaCha8Rng,
) -> Vec<Units> {
    let innovation_sd = noise.sd * (1.0 - noise.phi * noise.phi).sqrt();
    let mut log_noise = normal(0.0, noise.sd, rng);
    let mut on = noise.on_off_days.is_none_or(|(on_days, off_days)| rng.random_bool(on_days / (on_days + off_days)));
    rates
        .map(|rate| {
            log_noise = noise.phi * log_noise + normal(0.0, innovation_sd, rng);
            if let Some((on_days, off_days)) = noise.on_off_days
                && rng.random::<f64>() < 1.0 / if on { on_days } else { off_days }
            {
                on = !on;
            }
            // Subtracting half the variance keeps the mean of the noise at 1.
            if on { count_model.draw(rate * (log_noise - 0.5 * noise.sd * noise.sd).exp(), rng) } else { 0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::random::stream;
    use super::*;

    /// Every kind of count keeps its rate as mean and has the variance of its formula. With 200,000 draws the
    /// standard error of the mean is below 0.7 % for the widest kind, so 3 % fails only on a wrong formula.
    #[test]
    fn counts_have_their_mean_and_variance() {
        let k = 2.0;
        for rate in [0.3, 4.0, 40.0] {
            let inflated = rate / 0.7;
            let cases = [
                (CountModel::Poisson, Some(rate)),
                (CountModel::NegativeBinomial { k }, Some(rate + rate * rate / k)),
                // Var = (1-p)(μ + μ²/k) + p(1-p)μ², with μ the mean of the days that count.
                (
                    CountModel::ZeroInflated { zero_share: 0.3, k },
                    Some(0.7 * (inflated + inflated * inflated / k) + 0.21 * inflated * inflated),
                ),
                (CountModel::Hurdle { buying_share: 0.5, k }, None),
                // A compound Poisson with geometric sizes of mean m: rate · (2m - 1).
                (CountModel::Lumpy { mean_size: 3.0 }, Some(rate * 5.0)),
                (CountModel::LogNormal { log_sd: 0.5 }, None),
                // A compound Poisson with gamma sizes: rate · mean_size · (1 + 1/shape), plus the rounding.
                (CountModel::ByWeight { mean_size: 8.0, shape: 4.0 }, Some(rate * 8.0 * 1.25)),
            ];
            for (case_idx, (model, variance)) in cases.into_iter().enumerate() {
                let mut rng = stream(5, &[case_idx as u64]);
                let n = 200_000;
                let draws: Vec<f64> = (0..n).map(|_| model.draw(rate, &mut rng) as f64).collect();
                let mean = draws.iter().sum::<f64>() / f64::from(n);
                assert!((mean / rate - 1.0).abs() < 0.03, "{model:?} at rate {rate}: mean {mean}");
                if let Some(expected) = variance {
                    let got = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / f64::from(n);
                    assert!(
                        (got / expected - 1.0).abs() < 0.06,
                        "{model:?} at rate {rate}: variance {got}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn noise_keeps_the_mean_and_the_off_days() {
        let noise = SeriesNoise { phi: 0.5, sd: 0.3, on_off_days: Some((10.0, 30.0)) };
        let n_days = 400_000;
        let demand = draw_demand((0..n_days).map(|_| 3.0), CountModel::Poisson, &noise, &mut stream(1, &[2]));
        let mean = demand.iter().sum::<Units>() as f64 / n_days as f64;
        // On a quarter of the days; spells of 40 days leave 10,000 spells, a standard error of about 1.5 %.
        assert!((mean / 0.75 - 1.0).abs() < 0.06, "mean {mean}");
    }

    #[test]
    fn nobody_buys_where_the_rate_is_zero() {
        let noise = SeriesNoise { phi: 0.9, sd: 0.4, on_off_days: None };
        let rates = [0.0, 5.0].into_iter().cycle().take(1000);
        let demand = draw_demand(rates, CountModel::NegativeBinomial { k: 1.0 }, &noise, &mut stream(3, &[]));
        assert!(demand.iter().step_by(2).all(|&units| units == 0));
        assert!(demand.iter().skip(1).step_by(2).any(|&units| units > 0));
    }
}
