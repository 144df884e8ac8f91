//! Series that are not retail: trends, seasons of any shape, smooth noise, steps and spikes, in sums and products.
//!
//! They keep a model from believing that the world is a shop (the mix of KernelSynth, ForecastPFN and their successors:
//! Ansari et al., 2024; Dooley et al., 2023).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use restock_core::Bucket;
use restock_core::forecast::Observation;

use super::super::demand::{log_uniform, normal};
use super::{N_KNOWN_COVARIATES, PriorCalendar, PriorOptions, PriorSeries, Slot};

pub(super) fn draw(
    options: &PriorOptions,
    calendar: &PriorCalendar,
    n_past: usize,
    n_series: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<PriorSeries> {
    let n = calendar.n_periods() - calendar.burn_in;
    // Siblings share a part of their components.
    let common = components(calendar.bucket, n, rng);
    let covariate = rng.random_bool(options.share_with_covariates * 0.5).then(|| covariate(n, rng));
    (0..n_series)
        .map(|_| {
            let own = components(calendar.bucket, n, rng);
            let shared = if n_series > 1 { rng.random_range(0.0..1.0) } else { 0.0 };
            let effect = normal(0.0, 0.4, rng);
            let values: Vec<f64> = (0..n)
                .map(|t| {
                    shared * common[t]
                        + (1.0 - shared) * own[t]
                        + covariate.as_ref().map_or(0.0, |covariate| effect * covariate[t])
                })
                .collect();
            series(calendar, n_past, &values, covariate.as_deref(), rng)
        })
        .collect()
}

/// Turns standardised values into a non-negative series at some scale.
fn series(
    calendar: &PriorCalendar,
    n_past: usize,
    values: &[f64],
    covariate: Option<&[f64]>,
    rng: &mut ChaCha8Rng,
) -> PriorSeries {
    let count_valued = rng.random_bool(0.6);
    let scale = log_uniform(if count_valued { 1.0 } else { 0.3 }, 3000.0, rng);
    let variation = log_uniform(0.05, 1.0, rng);
    let multiplicative = rng.random_bool(0.6);
    let noise = if rng.random_bool(0.2) { 0.0 } else { log_uniform(0.01, 0.5, rng) };
    let mut demand: Vec<f32> = values
        .iter()
        .map(|value| {
            let level = if multiplicative { (variation * value).exp() } else { (1.0 + variation * value).max(0.0) };
            let quantity = (scale * level * (1.0 + noise * normal(0.0, 1.0, rng))).clamp(0.0, 1e7);
            (if count_valued { (quantity + rng.random::<f64>()).floor() } else { quantity }) as f32
        })
        .collect();
    if rng.random_bool(0.05) {
        demand.reverse();
    }
    let mut sales = demand[..n_past].to_vec();
    let mut observations = vec![Observation::Full; n_past];
    if rng.random_bool(0.1) {
        // A ceiling that hides what is above it.
        let mut sorted = sales.clone();
        sorted.sort_by(f32::total_cmp);
        let ceiling = sorted[rng.random_range(n_past / 2..n_past)];
        for (sold, observation) in sales.iter_mut().zip(&mut observations) {
            if *sold >= ceiling && ceiling > 0.0 {
                *sold = ceiling;
                *observation = Observation::Censored;
            }
        }
    }
    let mut covariates = [const { None }; N_KNOWN_COVARIATES];
    if let Some(values) = covariate {
        let slot = if rng.random_bool(0.5) { Slot::GenericA } else { Slot::GenericB };
        covariates[slot as usize] = Some(values.iter().map(|value| *value as f32).collect());
    }
    assert_eq!(demand.len(), calendar.n_periods() - calendar.burn_in);
    PriorSeries { demand, sales, observations, availability: None, covariates, count_valued, pack: 1.0 }
}

/// `[n]`: a sum of one to four components, standardised to about unit size.
fn components(bucket: Bucket, n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    for _ in 0..rng.random_range(1..=4) {
        let weight = rng.random_range(0.2..1.0);
        let component = match rng.random_range(0..10) {
            0 | 1 => trend(n, rng),
            2..=4 => season(bucket, n, rng),
            5 | 6 => smooth_noise(n, rng),
            7 => steps(n, rng),
            8 => spikes(n, rng),
            _ => random_walk(n, rng),
        };
        let product = rng.random_bool(0.2);
        for (total, value) in sum.iter_mut().zip(component) {
            if product {
                *total *= 1.0 + 0.5 * value;
            }
            *total += weight * value;
        }
    }
    sum.iter_mut().for_each(|value| *value = value.clamp(-4.0, 4.0));
    sum
}

fn trend(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let slope = normal(0.0, 1.5, rng);
    let power = log_uniform(0.4, 2.5, rng);
    let bend = rng.random_range(0..n);
    let after = if rng.random_bool(0.5) { 1.0 } else { normal(0.0, 1.0, rng) };
    (0..n)
        .map(|t| {
            let x = t as f64 / n as f64;
            let at_bend = bend as f64 / n as f64;
            let shape = |x: f64| x.powf(power);
            slope * if t < bend { shape(x) } else { shape(at_bend) + after * (shape(x) - shape(at_bend)) }
        })
        .collect()
}

fn season(bucket: Bucket, n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let usual: &[f64] = match bucket {
        Bucket::Day => &[7.0, 7.0, 7.0, 14.0, 30.4375, 365.25],
        Bucket::Week => &[52.18, 52.18, 4.35, 13.04, 26.09],
        Bucket::Month => &[12.0, 12.0, 6.0, 4.0, 3.0],
    };
    let period =
        if rng.random_bool(0.8) { usual[rng.random_range(0..usual.len())] } else { log_uniform(2.0, 100.0, rng) };
    let phase: f64 = rng.random();
    match rng.random_range(0..4) {
        0 => {
            // A profile of its own, one value for each step of the season.
            let profile: Vec<f64> = (0..period.ceil() as usize).map(|_| normal(0.0, 1.0, rng)).collect();
            (0..n).map(|t| profile[((t as f64 + phase * period) % period) as usize]).collect()
        }
        1 => {
            let duty = rng.random_range(0.1..0.6);
            (0..n).map(|t| if (t as f64 / period + phase).fract() < duty { 1.5 } else { -0.5 }).collect()
        }
        2 => {
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            (0..n).map(|t| sign * (2.0 * (t as f64 / period + phase).fract() - 1.0)).collect()
        }
        _ => {
            let waves: Vec<(f64, f64, f64)> = (1..=rng.random_range(1..=4))
                .map(|k| (f64::from(k), normal(0.0, 1.0, rng) / f64::from(k), rng.random()))
                .collect();
            (0..n)
                .map(|t| {
                    let x = t as f64 / period;
                    waves.iter().map(|(k, size, phase)| size * (std::f64::consts::TAU * (k * x + phase)).sin()).sum()
                })
                .collect()
        }
    }
}

/// A Gaussian process with a squared-exponential kernel, by random Fourier features (Rahimi & Recht, 2007).
fn smooth_noise(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let length = log_uniform(2.0, n as f64 + 2.0, rng);
    let features: Vec<(f64, f64)> =
        (0..12).map(|_| (normal(0.0, 1.0 / length, rng), rng.random_range(0.0..std::f64::consts::TAU))).collect();
    let size = (2.0 / features.len() as f64).sqrt();
    (0..n)
        .map(|t| size * features.iter().map(|(frequency, phase)| (frequency * t as f64 + phase).cos()).sum::<f64>())
        .collect()
}

fn random_walk(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let phi = 1.0 - log_uniform(1e-4, 1.0, rng);
    let sd = (1.0 - phi * phi).max(1.0 / n as f64).sqrt();
    let mut level = normal(0.0, 0.5, rng);
    (0..n)
        .map(|_| {
            level = phi * level + normal(0.0, sd, rng);
            level
        })
        .collect()
}

fn steps(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let chance = rng.random_range(0.5..6.0) / n as f64;
    let mut level = normal(0.0, 1.0, rng);
    (0..n)
        .map(|_| {
            if rng.random_bool(chance.min(1.0)) {
                level = normal(0.0, 1.0, rng);
            }
            level
        })
        .collect()
}

fn spikes(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let period = rng.random_range(3..40);
    let regular = rng.random_bool(0.6);
    let size = rng.random_range(0.5..3.0);
    let fade = rng.random_range(0.0..0.8);
    let phase = rng.random_range(0..period);
    let mut level = 0.0;
    (0..n)
        .map(|t| {
            level *= fade;
            let now = if regular { t % period == phase } else { rng.random_bool(1.0 / period as f64) };
            if now {
                level += size;
            }
            level
        })
        .collect()
}

/// `[n]`: a covariate of about unit size.
fn covariate(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    match rng.random_range(0..3) {
        0 => random_walk(n, rng),
        1 => smooth_noise(n, rng),
        _ => {
            let chance = log_uniform(0.01, 0.3, rng);
            (0..n).map(|_| f64::from(u8::from(rng.random_bool(chance)))).collect()
        }
    }
}
