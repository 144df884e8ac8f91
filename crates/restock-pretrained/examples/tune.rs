//! Tunes the shipped model to a development data set, and looks at the test window once.
//!
//! ```text
//! cargo run --release -p restock-pretrained --example tune -- m5_CA_1 3 900 calibrate,head,lora,full
//! ```
//!
//! Arguments: data set, step of the series looked at (1 = all), seconds, methods, steps at most (0 = as many as time allows),
//! highest learning rate, and `validate` to leave the test window alone. The last horizon of the
//! data set is the test window: it is cut off before tuning and selection, and forecast once at the end by the shipped model
//! and by every method at its best. Reads `$RESTOCK_SHARED/data`.
#![allow(clippy::print_stdout)]

#[path = "../../restock-forecast/examples/datasets/mod.rs"]
mod datasets;

use std::time::Instant;

use restock_core::SeriesInput;
use restock_forecast::evaluate::{EvaluateOptions, score_series};
use restock_pretrained::engine::Precision;
use restock_pretrained::forecaster::Pretrained;
use restock_pretrained::shipped;
use restock_pretrained::tuning::adapter::Method;
use restock_pretrained::tuning::score::Evidence;
use restock_pretrained::tuning::tune::{Options, tune};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let name = argument(0, "m5_CA_1");
    let step: usize = argument(1, "3").parse().expect("step of series");
    let seconds: f64 = argument(2, "900").parse().expect("seconds");
    let methods: Vec<Method> =
        argument(3, "calibrate,head,lora,full").split(',').map(|name| name.parse().expect("a method")).collect();
    let most_steps = Some(argument(4, "0").parse().expect("steps")).filter(|steps| *steps > 0);
    let learning_rate = arguments.get(5).map(|rate| rate.parse().expect("a learning rate"));
    let is_tested = arguments.get(6).is_none();
    let data = datasets::read(&name);
    let horizon = data.horizon;
    let whole: Vec<SeriesInput> =
        data.series.into_iter().step_by(step).filter(|series| series.n_periods() > 2 * horizon).collect();
    let known: Vec<SeriesInput> =
        whole.iter().map(|series| series.until(series.n_periods() - horizon, horizon)).collect();
    println!("{name}: {} series, horizon {horizon}, test window cut off", known.len());

    let test =
        EvaluateOptions { horizon, n_origins: 1, lead_times: vec![], min_periods: 1, ..EvaluateOptions::default() };
    let zero_shot =
        score_series(&whole, &Pretrained::new(shipped::base().weights, Precision::fastest()), &test, &|_, _| {});
    // One method at a time, so that each is tested at its best; the time is shared out as `restock model tune` does.
    for method in methods {
        let share = match method {
            Method::Calibrate => 0.1,
            Method::Head => 0.2,
            Method::Lora | Method::Full => 0.35,
        };
        let options = Options {
            methods: vec![method],
            seconds: seconds * share,
            most_steps,
            learning_rate,
            ..Options::new(horizon)
        };
        let begin = Instant::now();
        let clock = || begin.elapsed().as_secs_f64();
        let mut last = 0.0;
        let outcome = tune(&known, shipped::base(), &options, &clock, &mut |progress| {
            if last + 20.0 < clock() {
                last = clock();
                println!(
                    "  {:.0} s {method} step {} loss {:.4} relative {:.4}",
                    last, progress.step, progress.loss, progress.relative
                );
            }
        })
        .expect("series are long enough");
        for attempt in &outcome.attempts {
            println!(
                "{method}: {} windows, {} steps, {:.0} s, share {}; selection {}",
                outcome.n_windows,
                attempt.steps,
                attempt.seconds,
                attempt.share,
                line(&attempt.evidence)
            );
        }
        if let Some(best) = &outcome.best {
            println!("{method} on validation: {}", line(&best.card.evidence.expect("evidence")));
            if method == Method::Calibrate {
                println!("{method}: classes of volume split at {:?}", best.card.volume_bounds);
            }
            if !is_tested {
                continue;
            }
            let model = best.forecaster(shipped::base().weights, Precision::fastest()).expect("a model");
            let tuned = score_series(&whole, &model, &test, &|_, _| {});
            println!("{method} on the test window: {}", line(&Evidence::new(&zero_shot, &tuned, &test)));
        }
    }
}

fn line(evidence: &Evidence) -> String {
    let Evidence { zero_shot, tuned, improvement, .. } = evidence;
    format!(
        "SQL {:.5} -> {:.5} ({:+.2} % [{:+.2} {:+.2}]), WQL {:.5} -> {:.5} ({:+.2} %), {} series",
        zero_shot.sql.value,
        tuned.sql.value,
        -100.0 * improvement.value,
        -100.0 * improvement.high,
        -100.0 * improvement.low,
        zero_shot.wql.value,
        tuned.wql.value,
        100.0 * (tuned.wql.value / zero_shot.wql.value - 1.0),
        evidence.n_series
    )
}
