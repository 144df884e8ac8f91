//! Demand of items that are new: what similar items, their texts and the network are worth.
//!
//! ```text
//! cargo run --release -p restock-pretrained --example cold_start -- online_retail 56 10
//! ```
//!
//! Arguments: data set, periods between the forecast origin and the end of the data (the horizon of 28 is the test
//! window; more while developing), tenths of the items that are hidden, one after the other (10 hides every item once),
//! and `quick` for the likeness alone. A hidden item keeps its last 0, 7, 14, 28 or 56 periods; what the others teach was
//! known at the origin. `K`, `T`, `CATEGORY` and `PRICE` in the environment set what likeness is made of. Reads
//! `$RESTOCK_SHARED/data`.
#![allow(clippy::print_stdout)]

#[path = "../../restock-forecast/examples/datasets/mod.rs"]
mod datasets;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::forecast::Dependence;
use restock_core::{DemandPrior, Forecast, ForecastRequest, Forecaster, N_LEVELS, QUANTILE_LEVELS, SeriesInput};
use restock_forecast::cold_start::{HashedTexts, ItemFacts, Options, Profile, SimilarItems, TextVectors, product_text};
use restock_forecast::metrics::pinball;

const HORIZON: usize = 28;
const N_BOOTSTRAP: usize = 500;
/// Levels .1 to .9 among [`QUANTILE_LEVELS`].
const SCORED: std::ops::RangeInclusive<usize> = 2..=10;

/// A method and, per hidden item, its loss and the demand.
type Method = (&'static str, Vec<(f64, f64)>);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let name = argument(0, "online_retail");
    let back: usize = argument(1, "28").parse().expect("periods before the end");
    let n_tenths: usize = argument(2, "10").parse().expect("tenths");
    let quick = argument(3, "") == "quick";
    let option = |key: &str, default: f64| std::env::var(key).map_or(default, |value| value.parse().expect("a number"));
    let defaults = Options::default();
    let options = Options {
        n_neighbours: option("K", defaults.n_neighbours as f64) as usize,
        temperature: option("T", defaults.temperature),
        other_category: option("CATEGORY", defaults.other_category),
        price_bandwidth: option("PRICE", defaults.price_bandwidth),
        ..defaults
    };

    let data = datasets::read(&name);
    let facts = datasets::read_facts(&name);
    assert_eq!(facts.len(), data.series.len());
    // Everything as known at the origin; items are established by then, and their last 28 periods are scored.
    let end_of_data = data.series.iter().map(|one| one.first_period + one.n_periods() as i32).max().expect("series");
    let origin = end_of_data - back as i32;
    let mut known: Vec<SeriesInput> = Vec::new();
    let mut actual: Vec<Vec<f64>> = Vec::new();
    let mut known_facts: Vec<datasets::Facts> = Vec::new();
    for (mut one, facts) in data.series.into_iter().zip(facts) {
        let end = origin - one.first_period;
        if end < 60 {
            continue;
        }
        // A series ends with its last sale; what follows sold nothing.
        one.demand.resize((end as usize + HORIZON).max(one.n_periods()), 0.0);
        one.observations.resize(one.demand.len(), restock_core::forecast::Observation::Full);
        one.sales = one.demand.clone();
        one.covariates.clear();
        let end = end as usize;
        // An item that has not sold for a quarter before the origin is not one that somebody launches.
        if one.demand[end - 60..end].iter().all(|demand| *demand <= 0.0) {
            continue;
        }
        actual.push(one.demand[end..end + HORIZON].to_vec());
        known.push(one.until(end, HORIZON));
        known_facts.push(facts);
    }
    println!("{name}: {} items, origin {back} periods before the end, {options:?}", known.len());

    let n_items = known.len();
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    let tenth_of: Vec<usize> = (0..n_items).map(|_| rng.random_range(0..10)).collect();
    let profiles: Vec<Option<Profile>> =
        known.iter().enumerate().map(|(item, series)| Profile::of(item, 0, series, 1.0)).collect();
    let items = |with_price: bool| -> Vec<ItemFacts> {
        known_facts
            .iter()
            .enumerate()
            .map(|(idx, facts)| ItemFacts {
                name: format!("{idx}"),
                category: facts.category.clone(),
                unit: String::new(),
                price: facts.price.filter(|_| with_price),
            })
            .collect()
    };
    let texts = |with_text: bool| {
        let texts: Vec<String> = known_facts
            .iter()
            .map(|facts| if with_text { product_text(&[&facts.text, &facts.category]) } else { String::new() })
            .collect();
        TextVectors::Hashed(HashedTexts::new(&texts))
    };
    let network = restock_pretrained::shipped::forecaster("pretrained").expect("shipped");
    let auto = restock_forecast::forecaster("auto").expect("auto");
    let prior_alone = PriorAlone;
    let request = ForecastRequest { horizon: HORIZON, seed: 1 };

    // [n][method].
    let mut table: Vec<(usize, Vec<Method>)> = Vec::new();
    let n_kept = [0, 7, 14, 28, 56];
    for n in n_kept {
        table.push((n, Vec::new()));
    }
    for tenth in 0..n_tenths {
        let shown = || profiles.iter().flatten().filter(|one| tenth_of[one.item] != tenth).cloned().collect::<Vec<_>>();
        let similar = |with_price: bool, with_text: bool, other_category: f64| {
            let options = Options { other_category, ..options.clone() };
            SimilarItems::new(items(with_price), texts(with_text), shown(), options)
        };
        let by_category = similar(false, false, 1e-6);
        let by_attributes = similar(true, false, options.other_category);
        let by_text = similar(true, true, options.other_category);
        let by_text_alone = similar(false, true, options.other_category);
        let hidden: Vec<usize> = (0..n_items).filter(|item| tenth_of[*item] == tenth).collect();
        let frozen: Vec<Forecast> = hidden
            .iter()
            .map(|item| {
                let of_category: Vec<&SeriesInput> = (0..n_items)
                    .filter(|other| {
                        tenth_of[*other] != tenth && known_facts[*other].category == known_facts[*item].category
                    })
                    .map(|other| &known[other])
                    .collect();
                category_mean(&of_category)
            })
            .collect();
        for (n, methods) in &mut table {
            if quick && ![0, 14].contains(n) {
                continue;
            }
            let kept: Vec<SeriesInput> = hidden.iter().map(|item| tail(&known[*item], *n)).collect();
            let with = |similar: &SimilarItems, siblings: bool, whole: bool| -> Vec<SeriesInput> {
                hidden
                    .iter()
                    .zip(&kept)
                    .map(|(item, kept)| {
                        let (prior, sales) = similar.prior(*item, 0, 1.0).expect("neighbours");
                        let mut series = kept.clone();
                        series.prior = Some(prior);
                        let first = if whole { 0 } else { sales.len() - series.n_periods().min(sales.len()) };
                        series.siblings = siblings.then(|| sales[first..].to_vec());
                        series
                    })
                    .collect()
            };
            let mut add = |method: &'static str, forecasts: &[Forecast]| {
                let scores = hidden.iter().zip(forecasts).map(|(item, forecast)| score(forecast, &actual[*item]));
                match methods.iter_mut().find(|(name, _)| *name == method) {
                    Some((_, all)) => all.extend(scores),
                    None => methods.push((method, scores.collect())),
                }
            };
            add("category mean", &frozen);
            if quick {
                add("text", &prior_alone.forecast(&with(&by_text, false, false), &request));
                continue;
            }
            let without_prior = |mut batch: Vec<SeriesInput>| {
                batch.iter_mut().for_each(|series| series.prior = None);
                batch
            };
            add("category mean, updated", &prior_alone.forecast(&with(&by_category, false, false), &request));
            add("attributes", &prior_alone.forecast(&with(&by_attributes, false, false), &request));
            add("text, no price", &prior_alone.forecast(&with(&by_text_alone, false, false), &request));
            add("text", &prior_alone.forecast(&with(&by_text, false, false), &request));
            add("network", &network.forecast(&kept, &request));
            let siblings = without_prior(with(&by_text, true, false));
            add("network, siblings", &network.forecast(&siblings, &request));
            let siblings = without_prior(with(&by_text, true, true));
            add("network, long siblings", &network.forecast(&siblings, &request));
            add("text + network", &network.forecast(&with(&by_text, true, true), &request));
            add("auto without prior", &auto.forecast(&kept, &request));
            add("auto", &auto.forecast(&with(&by_text, false, false), &request));
        }
    }
    for (n, methods) in table.iter().filter(|(_, methods)| !methods.is_empty()) {
        println!("n = {n}");
        let base = &methods[0].1;
        for (method, scores) in methods {
            println!("  {method:26} {}", line(scores, base));
        }
    }
}

/// The prior as a forecaster of its own, whatever the length of the history.
struct PriorAlone;

impl Forecaster for PriorAlone {
    fn name(&self) -> &str {
        "prior"
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        batch.iter().map(|series| from_prior(series, request.horizon)).collect()
    }
}

fn from_prior(series: &SeriesInput, horizon: usize) -> Forecast {
    let prior = series.prior.as_ref().expect("a prior");
    let predictive = restock_forecast::cold_start::predict(series, prior, series.n_periods(), horizon);
    Forecast {
        mean: predictive.mean,
        quantiles: predictive.quantiles,
        dependence: Dependence::default(),
        count_valued: series.count_valued,
        model: "prior".to_owned(),
        reason: String::new(),
        validation: None,
    }
}

/// The last `n` periods of a series.
fn tail(series: &SeriesInput, n: usize) -> SeriesInput {
    let first = series.n_periods() - n;
    SeriesInput {
        demand: series.demand[first..].to_vec(),
        sales: series.sales[first..].to_vec(),
        observations: series.observations[first..].to_vec(),
        first_period: series.first_period + first as i32,
        ..series.clone()
    }
}

/// What every item of a category is forecast without any likeness: a negative binomial of the mean and variance of all
/// days of all its items over the last quarter.
fn category_mean(of_category: &[&SeriesInput]) -> Forecast {
    let recent = |series: &&SeriesInput| series.demand[series.n_periods().saturating_sub(91)..].to_vec();
    let demand: Vec<f64> = of_category.iter().flat_map(recent).collect();
    let mean = demand.iter().sum::<f64>() / demand.len() as f64;
    let variance = demand.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / demand.len() as f64;
    // A rate that is known for certain, with all the spread around it.
    let size = mean * mean / (variance - mean).max(1e-6);
    let prior = DemandPrior {
        log_rate: mean.ln(),
        log_rate_sd: 0.0,
        season_factors: Vec::new(),
        size,
        source: "the category".to_owned(),
    };
    from_prior(&SeriesInput { prior: Some(prior), ..of_category[0].until(0, HORIZON) }, HORIZON)
}

/// Loss over the levels .1 to .9 and demand of one item.
fn score(forecast: &Forecast, actual: &[f64]) -> (f64, f64) {
    let mut loss = 0.0;
    for (step, actual) in actual.iter().enumerate() {
        for idx in SCORED {
            loss += 2.0 * pinball(QUANTILE_LEVELS[idx], *actual, forecast.quantiles[step * N_LEVELS + idx]);
        }
    }
    (loss / 9.0, actual.iter().sum())
}

/// WQL with its 90 % interval, and the change against `base` with its.
fn line(scores: &[(f64, f64)], base: &[(f64, f64)]) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut values, mut changes) = (Vec::new(), Vec::new());
    for replication in 0..=N_BOOTSTRAP {
        let (mut loss, mut base_loss, mut demand) = (0.0, 0.0, 0.0);
        for idx in 0..scores.len() {
            let idx = if replication == 0 { idx } else { rng.random_range(0..scores.len()) };
            loss += scores[idx].0;
            base_loss += base[idx].0;
            demand += scores[idx].1;
        }
        values.push(loss / demand);
        changes.push(100.0 * (loss / base_loss - 1.0));
    }
    let (value, change) = (values.remove(0), changes.remove(0));
    let ends = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        (values[N_BOOTSTRAP / 20], values[N_BOOTSTRAP - 1 - N_BOOTSTRAP / 20])
    };
    let ((low, high), (change_low, change_high)) = (ends(values), ends(changes));
    format!("WQL {value:.4} [{low:.4} {high:.4}]  {change:+6.2} % [{change_low:+.2} {change_high:+.2}]")
}
