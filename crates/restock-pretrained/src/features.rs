//! How a series becomes patches: the one definition that training and forecasting share.
//!
//! A patch holds [`PATCH`] steps of [`N_CHANNELS`] channels, channel-major. Every channel is 0 where it has nothing to
//! say: a shop open as usual, in stock, at its usual price, on no special day.
//!
//! | channel | value |
//! |---|---|
//! | 0 | sales as `asinh(y / s)`, `s` the [scale](scale_of) of the series; 0 in the future |
//! | 1 | 1 where sales were seen |
//! | 2 | 1 where sales are a lower bound of demand |
//! | 3 | steps from the forecast origin, over 256 |
//! | 4..12 | sine and cosine of the hour of the day, day of the week, day of the month, day of the year |
//! | 12..20 | known covariates by [`Slot`]; the open share enters as the closed share |
//! | 20 | mean of the siblings, as `asinh(y / s)` with a scale of their own |
//! | 21 | share of the period out of stock |

use restock_core::forecast::Observation;
use restock_core::{Bucket, Day};
use restock_inventory::retail_simulator::prior::{N_KNOWN_COVARIATES, Slot};

use crate::config::{N_CHANNELS, N_STATIC, PATCH, PATCH_WIDTH};

const CALENDAR: usize = 4;
const COVARIATES: usize = 12;
const SIBLINGS: usize = 20;
const OUT_OF_STOCK: usize = 21;

/// One series up to its forecast origin, with what is known of its future. No field looks past the origin but the
/// covariates.
#[derive(Clone, Debug)]
pub struct Window<'a> {
    /// Length of a period.
    pub bucket: Bucket,
    /// `[n_past]`: recorded sales, units per period, oldest first.
    pub sales: &'a [f32],
    /// `[n_past]`: how each period was observed.
    pub observations: &'a [Observation],
    /// `[n_past]`: share of each period in stock, where recorded.
    pub availability: Option<&'a [f32]>,
    /// `[n_past]`: mean sales of the siblings, units per period; NaN where none was observed.
    pub siblings: Option<&'a [f32]>,
    /// `[N_KNOWN_COVARIATES]` of at least `n_past`, up to `n_past + horizon` values; what is missing is 0, for
    /// [`Slot::Open`] 1.
    pub covariates: [Option<&'a [f32]>; N_KNOWN_COVARIATES],
    /// Whether demand comes in whole units.
    pub count_valued: bool,
    /// Units that customers buy at once, at least.
    pub pack: f32,
    /// Text vector of the product, where there is one.
    pub text: Option<&'a [f32; 16]>,
}

/// The calendar channels of one period.
pub type CalendarRow = [f32; 8];

/// The calendar channels of a run of periods that starts on `first_day`, one row per period.
pub fn calendar_rows(bucket: Bucket, first_day: Day, n_periods: usize) -> Vec<CalendarRow> {
    let first = bucket.period_of(first_day);
    (0..n_periods as i32)
        .map(|offset| {
            // The middle of a week or month stands for all of it.
            let day = bucket.first_day(first + offset).plus((bucket.days() / 2.0) as i32);
            let date = day.to_date();
            let mut row = [0.0; 8];
            let mut set = |idx: usize, share: f64| {
                let (sin, cos) = (std::f64::consts::TAU * share).sin_cos();
                row[idx] = sin as f32;
                row[idx + 1] = cos as f32;
            };
            if bucket == Bucket::Day {
                set(2, day.weekday_idx() as f64 / 7.0);
                set(4, f64::from(date.day() - 1) / f64::from(date.days_in_month()));
            }
            set(6, f64::from(date.day_of_year() - 1) / f64::from(date.days_in_year()));
            row
        })
        .collect()
}

/// The scale of a series: mean sales over the periods seen in full, plus a tenth of a unit, so that a series with a
/// single sale is not blown up. With nothing seen it is the siblings' scale, or 1.
pub fn scale_of(window: &Window) -> f32 {
    let mean = |wanted: Observation| {
        let (mut sum, mut n) = (0.0_f64, 0);
        for (sales, observation) in window.sales.iter().zip(window.observations) {
            if *observation == wanted {
                sum += f64::from(*sales);
                n += 1;
            }
        }
        (n > 0).then(|| sum / f64::from(n))
    };
    let seen = mean(Observation::Full).or_else(|| mean(Observation::Censored));
    match seen.or_else(|| window.siblings.and_then(mean_of_seen)) {
        Some(mean) => scale_around(window, mean),
        None => 1.0,
    }
}

/// The scale of demand with this mean: the tenth of a unit, or a thousandth where units are divided, keeps it above 0.
fn scale_around(window: &Window, mean: f64) -> f32 {
    mean as f32 + if window.count_valued { 0.1 } else { 1e-3 }
}

fn mean_of_seen(values: &[f32]) -> Option<f64> {
    let seen = || values.iter().filter(|value| value.is_finite());
    (seen().count() > 0).then(|| seen().map(|value| f64::from(*value)).sum::<f64>() / seen().count() as f64)
}

/// Writes the patches of a window, `[context_patches + future_patches, PATCH_WIDTH]`, and its static values,
/// `[N_STATIC]`, and returns the scale. `calendar` has `n_past + future_patches · PATCH` rows. The past is padded on the
/// left.
///
/// # Panics
/// When the past does not fit into its patches, or a slice has not the length its shape says.
pub fn write(
    window: &Window,
    calendar: &[CalendarRow],
    context_patches: usize,
    future_patches: usize,
    patches: &mut [f32],
    statics: &mut [f32],
) -> f32 {
    let n_past = window.sales.len();
    let context = context_patches * PATCH;
    let n_steps = context + future_patches * PATCH;
    assert!(n_past <= context, "{n_past} periods in {context_patches} patches");
    assert_eq!(window.observations.len(), n_past);
    assert_eq!(calendar.len(), n_past + future_patches * PATCH);
    assert_eq!(patches.len(), (context_patches + future_patches) * PATCH_WIDTH);
    assert_eq!(statics.len(), N_STATIC);
    patches.fill(0.0);
    let scale = scale_of(window);
    let padding = context - n_past;
    let place = |step: usize, channel: usize| (step / PATCH) * PATCH_WIDTH + channel * PATCH + step % PATCH;

    for (t, (sales, observation)) in window.sales.iter().zip(window.observations).enumerate() {
        let step = padding + t;
        if matches!(observation, Observation::Full | Observation::Censored) {
            patches[place(step, 0)] = (sales / scale).asinh();
            patches[place(step, 1)] = 1.0;
        }
        if *observation == Observation::Censored {
            patches[place(step, 2)] = 1.0;
        }
    }
    for step in padding..n_steps {
        patches[place(step, 3)] = (step as f32 - context as f32) / 256.0;
        for (idx, value) in calendar[step - padding].iter().enumerate() {
            patches[place(step, CALENDAR + idx)] = *value;
        }
    }
    for (slot_idx, values) in window.covariates.iter().enumerate() {
        let Some(values) = values else { continue };
        assert!(n_past <= values.len(), "a covariate covers the past");
        for (t, value) in values.iter().take(n_steps - padding).enumerate() {
            let value = if slot_idx == Slot::Open as usize { 1.0 - value } else { *value };
            patches[place(padding + t, COVARIATES + slot_idx)] = value.clamp(-8.0, 8.0);
        }
    }
    let mut sibling_scale = None;
    if let Some(siblings) = window.siblings
        && let Some(mean) = mean_of_seen(siblings)
    {
        let own_scale = scale_around(window, mean);
        sibling_scale = Some(own_scale);
        for (t, value) in siblings.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            patches[place(padding + t, SIBLINGS)] = (value / own_scale).asinh();
        }
    }
    if let Some(availability) = window.availability {
        for (t, share) in availability.iter().enumerate() {
            if matches!(window.observations[t], Observation::Full | Observation::Censored) {
                patches[place(padding + t, OUT_OF_STOCK)] = 1.0 - share;
            }
        }
    }
    write_statics(window, scale, sibling_scale, statics);
    scale
}

/// The static values: scale and shape of the series, its bucket, what is recorded of it.
fn write_statics(window: &Window, scale: f32, sibling_scale: Option<f32>, statics: &mut [f32]) {
    statics.fill(0.0);
    let (mut n_seen, mut n_zero, mut n_censored) = (0.0_f32, 0.0_f32, 0.0_f32);
    let (mut sum, mut squares) = (0.0_f64, 0.0_f64);
    for (sales, observation) in window.sales.iter().zip(window.observations) {
        match observation {
            Observation::Full => {
                n_seen += 1.0;
                if *sales > 0.0 {
                    sum += f64::from(*sales);
                    squares += f64::from(*sales).powi(2);
                } else {
                    n_zero += 1.0;
                }
            }
            Observation::Censored => n_censored += 1.0,
            Observation::Closed | Observation::Missing => {}
        }
    }
    let n_positive = n_seen - n_zero;
    statics[0] = scale.ln() / 4.0;
    statics[1] = n_zero / n_seen.max(1.0);
    statics[2] = if n_positive > 0.0 { (n_seen / n_positive).ln() / 4.0 } else { 1.5 };
    if n_positive > 0.0 {
        let mean = sum / f64::from(n_positive);
        let variance = (squares / f64::from(n_positive) - mean * mean).max(0.0);
        statics[3] = (1.0 + variance / (mean * mean)).ln() as f32;
    }
    statics[4] = (1.0 + n_seen).ln() / 7.0;
    statics[match window.bucket {
        Bucket::Day => 6,
        Bucket::Week => 7,
        Bucket::Month => 8,
    }] = 1.0;
    statics[9] = f32::from(u8::from(window.count_valued));
    statics[10] = window.pack.max(1.0).ln() / 3.0;
    for (slot_idx, values) in window.covariates.iter().enumerate() {
        statics[14 + slot_idx] = f32::from(u8::from(values.is_some()));
    }
    statics[22] = f32::from(u8::from(sibling_scale.is_some()));
    statics[23] = f32::from(u8::from(window.availability.is_some()));
    statics[24] = sibling_scale.map_or(0.0, |sibling| (sibling / scale).ln().clamp(-6.0, 6.0) / 2.0);
    let n_past = (window.sales.len() as f32).max(1.0);
    statics[25] = n_censored / n_past;
    statics[26] = 1.0 - (n_seen + n_censored) / n_past;
    if let Some(text) = window.text {
        statics[N_STATIC - 16..].copy_from_slice(text);
    }
}

const _: () = assert!(OUT_OF_STOCK + 1 == N_CHANNELS && COVARIATES + N_KNOWN_COVARIATES == SIBLINGS);

#[cfg(test)]
mod tests {
    use super::*;

    fn window<'a>(sales: &'a [f32], observations: &'a [Observation]) -> Window<'a> {
        Window {
            bucket: Bucket::Day,
            sales,
            observations,
            availability: None,
            siblings: None,
            covariates: [None; N_KNOWN_COVARIATES],
            count_valued: true,
            pack: 1.0,
            text: None,
        }
    }

    #[test]
    fn a_step_lands_in_its_patch_and_channel() {
        let sales: Vec<f32> = (0..20).map(|t| t as f32).collect();
        let mut observations = vec![Observation::Full; 20];
        observations[19] = Observation::Censored;
        observations[3] = Observation::Missing;
        let calendar = calendar_rows(Bucket::Day, Day::from_ymd(2026, 1, 5).unwrap(), 36);
        let (mut patches, mut statics) = (vec![9.0; 3 * PATCH_WIDTH], vec![9.0; N_STATIC]);
        let scale = write(&window(&sales, &observations), &calendar, 2, 1, &mut patches, &mut statics);
        // Full periods: 0..19 without 3.
        assert!((scale - ((171.0 - 3.0) / 18.0 + 0.1)).abs() < 1e-5);
        // Twelve steps of padding; step 12 of the first patch is day 0.
        assert!(patches[..12].iter().all(|value| *value == 0.0), "padding");
        assert_eq!(patches[PATCH + 15], 0.0, "day 3 was not seen");
        let last = PATCH_WIDTH + PATCH - 1;
        assert!((patches[last] - (19.0_f32 / scale).asinh()).abs() < 1e-6);
        assert_eq!((patches[last + PATCH], patches[last + 2 * PATCH]), (1.0, 1.0), "seen, and a lower bound");
        // Monday: sine 0, cosine 1.
        assert_eq!((patches[6 * PATCH + 12], patches[7 * PATCH + 12]), (0.0, 1.0));
        let future = &patches[2 * PATCH_WIDTH..];
        assert!(future[..3 * PATCH].iter().all(|value| *value == 0.0), "the future has no sales");
        assert_eq!(future[3 * PATCH], 0.0, "the origin");
        assert!(patches.iter().chain(&statics).all(|value| value.is_finite() && value.abs() < 9.0));
    }

    #[test]
    fn nothing_seen_takes_the_scale_of_the_siblings() {
        let (sales, observations) = ([0.0; 5], [Observation::Missing; 5]);
        let mut empty = window(&sales, &observations);
        assert_eq!(scale_of(&empty), 1.0);
        let siblings = [f32::NAN, 4.0, 6.0, f32::NAN, 5.0];
        empty.siblings = Some(&siblings);
        assert!((scale_of(&empty) - 5.1).abs() < 1e-6);
    }
}
