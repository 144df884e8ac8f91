//! What knowing about stock-outs is worth: the pretrained model with and without the marks of stock-outs, against latent
//! demand of simulated shops that it was not trained on.
//!
//! ```text
//! cargo run --release -p restock-pretrained --example censoring -- 1500
//! ```
//!
//! Argument: families of items. Every family has shelves that can run empty under a replenishment rule; scored is demand
//! of the 28 days after the origin, sold or not, of the series in which a stock-out was seen. Intervals are 90 %
//! percentiles of a bootstrap over families.
#![allow(clippy::print_stdout)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::forecast::{Covariate, ForecastRequest, Observation};
use restock_core::{Bucket, Forecaster, SeriesInput};
use restock_forecast::metrics::ScoreSums;
use restock_inventory::retail_simulator::prior::{PriorGroup, PriorOptions, PriorSeries, Slot, draw_group};
use restock_pretrained::shipped;

/// The training used seed 1 and its validation 1,000,004.
const SEED: u64 = 77_000_001;
const N_PAST: usize = 400;
const HORIZON: usize = 28;
const N_BOOTSTRAP: usize = 400;

fn main() {
    let n_families: u64 = std::env::args().nth(1).map_or(1500, |n| n.parse().expect("a number of families"));
    let options = PriorOptions { share_generic: 0.0, share_with_stockouts: 1.0, ..PriorOptions::default() };
    let model = shipped::forecaster("pretrained").expect("shipped");
    let classic = restock_forecast::forecaster("ets").expect("known");
    // [forecaster][family]
    let mut sums: [Vec<ScoreSums>; 4] = Default::default();
    let (mut n_series, mut lost, mut demand) = (0, 0.0, 0.0);
    for family in 0..n_families {
        let group = draw_group(&options, N_PAST, HORIZON, SEED, family);
        if group.bucket != Bucket::Day {
            continue;
        }
        let with_stockouts: Vec<&PriorSeries> = group
            .series
            .iter()
            .filter(|series| series.observations[..N_PAST].contains(&Observation::Censored))
            .collect();
        if with_stockouts.is_empty() {
            continue;
        }
        n_series += with_stockouts.len();
        let marked: Vec<SeriesInput> = with_stockouts.iter().map(|series| input(&group, series)).collect();
        let marks_alone: Vec<SeriesInput> =
            marked.iter().cloned().map(|series| SeriesInput { availability: None, ..series }).collect();
        let blind: Vec<SeriesInput> = marked.iter().cloned().map(without_marks).collect();
        for series in &with_stockouts {
            let past = series.demand[..N_PAST].iter().zip(&series.sales);
            lost += past.map(|(demand, sales)| f64::from((demand - sales).max(0.0))).sum::<f64>();
            demand += series.demand[..N_PAST].iter().map(|demand| f64::from(*demand)).sum::<f64>();
        }
        let runs: [(&dyn Forecaster, &[SeriesInput]); 4] =
            [(&*model, &marked), (&*model, &blind), (&*classic, &blind), (&*model, &marks_alone)];
        for ((forecaster, batch), sums) in runs.into_iter().zip(&mut sums) {
            let forecasts = forecaster.forecast(batch, &ForecastRequest { horizon: HORIZON, seed: 1 });
            let mut one = ScoreSums::default();
            for (forecast, series) in forecasts.iter().zip(&with_stockouts) {
                let actual: Vec<f64> = series.demand[N_PAST..].iter().map(|demand| f64::from(*demand)).collect();
                one.add(&actual, &forecast.mean, &forecast.quantiles, 0.0, 0.0);
            }
            sums.push(one);
        }
    }
    println!(
        "{n_series} daily series of {} families with a stock-out in {N_PAST} days; {:.1} % of their demand was lost",
        sums[0].len(),
        100.0 * lost / demand
    );
    let total = |sums: &[ScoreSums], members: &[usize]| {
        let mut total = ScoreSums::default();
        members.iter().for_each(|idx| total.merge(&sums[*idx]));
        total
    };
    let all: Vec<usize> = (0..sums[0].len()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let resamples: Vec<Vec<usize>> =
        (0..N_BOOTSTRAP).map(|_| all.iter().map(|_| rng.random_range(0..all.len())).collect()).collect();
    let interval = |of: &dyn Fn(&[usize]) -> f64| {
        let mut values: Vec<f64> = resamples.iter().map(|members| of(members)).collect();
        values.sort_by(f64::total_cmp);
        format!("{:.4} [{:.4} {:.4}]", of(&all), values[N_BOOTSTRAP / 20], values[N_BOOTSTRAP - N_BOOTSTRAP / 20 - 1])
    };
    for (name, sums) in
        ["pretrained", "pretrained, blind to stock-outs", "ets on sales", "pretrained, shares hidden"].iter().zip(&sums)
    {
        println!(
            "{name:32} WQL {} bias {}",
            interval(&|members| total(sums, members).wql()),
            interval(&|members| total(sums, members).bias())
        );
    }
    let ratio = |members: &[usize]| total(&sums[0], members).wql() / total(&sums[1], members).wql();
    println!("WQL with marks over WQL without: {}", interval(&ratio));
}

/// What a forecaster sees of a simulated series.
fn input(group: &PriorGroup, series: &PriorSeries) -> SeriesInput {
    let named = [
        (Slot::Price, "price_log_ratio"),
        (Slot::Promotion, "promotion"),
        (Slot::Depth, "discount"),
        (Slot::Display, "display"),
        (Slot::Event, "holiday"),
        (Slot::GenericA, "generic_a"),
        (Slot::GenericB, "generic_b"),
    ];
    let covariates = named.into_iter().filter_map(|(slot, name)| {
        let values = series.covariates[slot as usize].clone()?;
        Some(Covariate { name: name.to_owned(), values })
    });
    let open = series.covariates[Slot::Open as usize].as_ref();
    let sales: Vec<f64> = series.sales[..N_PAST].iter().map(|sales| f64::from(*sales)).collect();
    SeriesInput {
        key: 1,
        demand: sales.clone(),
        sales,
        observations: series.observations[..N_PAST].to_vec(),
        first_period: group.bucket.period_of(group.calendar.first_days[0]),
        bucket: group.bucket,
        covariates: covariates.collect(),
        open_future: open.map_or(vec![1.0; HORIZON], |open| open[N_PAST..N_PAST + HORIZON].to_vec()),
        count_valued: series.count_valued,
        availability: series.availability.as_ref().map(|availability| availability[..N_PAST].to_vec()),
        siblings: None,
        prior: None,
    }
}

/// The same, with stock-outs taken for days without demand.
fn without_marks(mut series: SeriesInput) -> SeriesInput {
    series.availability = None;
    for observation in &mut series.observations {
        if *observation == Observation::Censored {
            *observation = Observation::Full;
        }
    }
    series
}
