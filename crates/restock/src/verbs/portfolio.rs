//! `restock train --env portfolio`: the learned policy fitted to the project's own items.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use restock_engine::portfolio::{DemandSource, PortfolioItems, PortfolioOptions, portfolio_items};
use restock_inventory::environments::Portfolio;
use restock_inventory::environments::portfolio::demand::Augmentation;
use restock_inventory::problems::Chart;
use restock_learning::PretrainedPolicy;
use restock_learning::guarded::Guarded;
use restock_learning::portfolio::{Contender, Ended, Field, PathPlan, Played, PortfolioTraining};
use restock_learning::pretrained_policy::FineTuning;
use serde_json::json;

use super::objective::DECIMALS;
use crate::chart;
use crate::cli::{Algo, DataArgs, TrainArgs};
use crate::error::CliError;
use crate::fitted;
use crate::format;
use crate::i18n::{Text, evidence_value};
use crate::project::{Project, forecaster, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Names of the environment.
pub(super) const NAMES: [&str; 2] = ["portfolio", "portfolio-v1"];

/// Paths that policies believe in.
const N_BELIEVED: usize = 128;

const CURVE_FILE: &str = "curve.csv";
const CHART_FILE: &str = "curve.svg";
const RESULT_FILE: &str = "result.json";

/// What is fitted, from KEY=VALUE pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Request {
    options: PortfolioOptions,
    n_steps: u64,
}

impl Request {
    /// # Errors
    /// A key or a value that is not known.
    fn parse(pairs: &[String]) -> Result<Self, CliError> {
        let (mut demand, mut augmentation) = ("forecast", Augmentation::default());
        let (mut n_days, mut n_paths, mut n_items, mut n_steps) = (91, 64, 500, FineTuning::default().n_steps);
        for pair in pairs {
            let bad = |expected: &str| {
                CliError::usage(format!("cannot read {pair:?}, expected {expected}")).hint(
                    "restock train --env portfolio --project shop demand=history days=91 items=500 paths=64 steps=400 \
                     level_sd=0.1 tempo=1.25",
                )
            };
            let (key, value) = pair.split_once('=').ok_or_else(|| bad("KEY=VALUE"))?;
            let whole = |low: usize, high: usize| {
                let number = value.parse().ok().filter(|number| (low..=high).contains(number));
                number.ok_or_else(|| bad(&format!("a whole number from {low} to {high}")))
            };
            let number = |low: f64, high: f64| {
                let number = value.parse().ok().filter(|number| (low..=high).contains(number));
                number.ok_or_else(|| bad(&format!("a number from {low} to {high}")))
            };
            match key {
                "demand" if ["forecast", "history", "simulator"].contains(&value) => demand = value,
                "demand" => return Err(bad("demand=forecast, demand=history or demand=simulator")),
                "days" => n_days = whole(14, 364)?,
                "paths" => n_paths = whole(16, 1_000)?,
                "items" => n_items = whole(1, 1_000_000)?,
                "steps" => n_steps = whole(1, 1_000_000)? as u64,
                "level_sd" => augmentation.level_sd = number(0.0, 2.0)?,
                "tempo" => augmentation.tempo_max = number(1.0, 4.0)?,
                _ => return Err(bad("one of demand, days, items, paths, steps, level_sd or tempo")),
            }
        }
        let source = match demand {
            "history" => DemandSource::History(augmentation),
            "simulator" => DemandSource::Simulator,
            _ => DemandSource::Forecast,
        };
        let options = PortfolioOptions { source, n_days, n_paths, n_believed: N_BELIEVED, n_items_max: n_items };
        Ok(Self { options, n_steps })
    }

    /// The source of demand by its name.
    fn demand(&self) -> &'static str {
        match self.options.source {
            DemandSource::Forecast => "forecast",
            DemandSource::History(_) => "history",
            DemandSource::Simulator => "simulator",
        }
    }
}

/// What does not belong to a fit is refused, not ignored.
fn check_flags(args: &TrainArgs) -> Result<(), CliError> {
    let reward = &args.reward;
    let refused = [
        ("--resume", args.resume),
        ("--samples-only", args.samples_only),
        ("--preview", args.preview),
        ("--service", args.service.is_some()),
        ("--epochs", args.epochs.is_some()),
        ("--hyper", !args.hyper.is_empty()),
        ("--goodwill", reward.goodwill.is_some()),
        ("--stock-band", reward.stock_band.is_some()),
        ("--algo other than auto or pathwise", !matches!(args.algo, Algo::Auto | Algo::Pathwise)),
    ];
    match refused.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(CliError::usage(format!("a portfolio is not trained with {flag}"))
            .hint("its objective is the project's; steps=N, days=N, items=N and paths=N say how much is learned from")),
        None => Ok(()),
    }
}

/// Everything that was played at the end, on paths that nothing was learned or chosen from.
struct Graded {
    classical: Played,
    shipped: Played,
    fitted: Played,
    /// Behind the guard, as a plan lets it act.
    guarded: Played,
}

pub(super) fn run(session: &Session, args: &TrainArgs) -> Result<Output, CliError> {
    check_flags(args)?;
    let request = Request::parse(&args.problem.parameters)?;
    let started = Instant::now();
    let project = Project::open(session, &DataArgs::default())?;
    let mut loaded = project.load(session)?;
    loaded.settings.seed = args.seed;
    let model = forecaster(&loaded.settings.forecast_model, &loaded)?;
    let bar = session.progress(session.text(Text::Simulating));
    let found =
        portfolio_items(&loaded.import.dataset, &loaded.settings, model.as_ref(), &request.options, &|done, total| {
            bar.set(done as u64, total as u64)
        });
    drop(bar);
    if found.items.is_empty() {
        return Err(CliError::data(format!("no item-location can be played on {}", found.as_of))
            .hint("`restock check` says what to correct in the data, `restock plan` what cannot be planned"));
    }
    let field = Field::new(Portfolio::new(found.items.clone()));
    let paths = PathPlan::of(request.options.n_paths);
    // What the project has now is where the fit begins, and what it must beat.
    let shipped = || Arc::new(PretrainedPolicy::shipped().clone());
    let start = PretrainedPolicy::of(loaded.settings.learned_weights.as_ref()).unwrap_or_else(shipped);
    let tuning = FineTuning { n_steps: request.n_steps, seed: args.seed, ..FineTuning::default() };
    let bar = session.progress(session.text(Text::Learning));
    let is_over = || started.elapsed().as_secs_f64() > args.budget;
    let mut fit = PortfolioTraining::run(&field, &paths, &start, &tuning, &is_over, &mut |round| {
        bar.say(&session.fill(Text::LearningEpoch, &[&format::plain(round.validation_cost, DECIMALS)]));
        bar.set(round.n_steps, request.n_steps);
    });
    drop(bar);
    let of = |policy: &Arc<PretrainedPolicy>| Guarded {
        max_ratio: loaded.settings.learned_max_ratio,
        fitted: Some(Arc::clone(policy)),
    };
    if fit.best_step > 0 {
        // Plans let it act behind the guard: there, too, it may cost no more than what stands or the classical policy.
        let validated = |contender: Contender| field.play(&contender, paths.validation.clone(), args.seed).cost.mean();
        let fitted = validated(Contender::Guarded(of(&fit.best)));
        let others = [Contender::Guarded(of(&start)), Contender::Classical].map(validated);
        if others.iter().any(|other| fitted > *other) {
            (fit.best, fit.best_step) = (Arc::clone(&start), 0);
        }
    }
    let play = |contender: Contender| field.play(&contender, paths.test.clone(), args.seed);
    let graded = Graded {
        classical: play(Contender::Classical),
        shipped: play(Contender::Network(of(&start))),
        fitted: play(Contender::Network(of(&fit.best))),
        guarded: play(Contender::Guarded(of(&fit.best))),
    };
    let saved = match (project.config_path(), fit.best_step) {
        (Some(_), 1..) => Some(fitted::write(&project.dir, &fit.best.weights())?),
        _ => None,
    };
    let result = json!({
        "problem": "portfolio", "demand": request.demand(), "days": request.options.n_days,
        "paths": request.options.n_paths, "seed": args.seed, "as_of": found.as_of.to_string(),
        "items": found.items.len(), "left_out": found.n_left_out, "without_demand": found.n_without_demand,
        "unplanned": found.unplanned, "decided_by_network": field.reach().0, "left_to_classical": field.reach().1,
        "curve": fit.curve, "ended": fit.ended, "best_step": fit.best_step,
        "test": { "classical": figures(&graded.classical, &graded.classical),
            "pretrained": figures(&graded.shipped, &graded.classical),
            "fitted": figures(&graded.fitted, &graded.classical),
            "fitted_behind_guard": figures(&graded.guarded, &graded.classical) },
        "saved": saved.as_ref().map(|path| path.display().to_string()),
    });
    if let Some(out) = &args.out {
        write_files(out, &fit, &graded, &result)?;
    }
    let mut output = if session.json {
        Output::json(&result)?
    } else {
        Output::text(text(session, args, &request, &found, &field, &fit, &graded, saved.as_deref()))
    };
    output.notes = loaded.notes;
    Ok(output)
}

/// What a contender comes to, beside the classical policy on the same paths.
fn figures(played: &Played, classical: &Played) -> serde_json::Value {
    let difference = played.cost.minus(&classical.cost);
    json!({
        "cost_per_day": played.cost.mean(), "difference": difference.mean(),
        "standard_error": difference.standard_error(), "fill_rate": played.fill_rate(),
    })
}

#[allow(clippy::too_many_arguments)]
fn text(
    session: &Session,
    args: &TrainArgs,
    request: &Request,
    found: &PortfolioItems,
    field: &Field,
    fit: &PortfolioTraining,
    graded: &Graded,
    saved: Option<&Path>,
) -> String {
    let count = |n: usize| format::count(n);
    let title = session.fill(
        Text::PortfolioTitle,
        &[&count(found.items.len()), &found.as_of, &request.demand(), &count(request.options.n_days)],
    );
    let mut text = format!("{}\n\n", session.bold(&title));
    let (n_decided, left) = field.reach();
    let _ = writeln!(text, "{}", session.fill(Text::PortfolioReach, &[&count(n_decided), &count(found.items.len())]));
    for (code, n) in left {
        let _ = writeln!(text, "  · {} · {}", evidence_value("learned_policy", code, session.lang), count(n));
    }
    for (what, n) in [
        (Text::PortfolioLeftOut, found.n_left_out),
        (Text::PortfolioNoDemand, found.n_without_demand),
        (Text::PortfolioUnplanned, found.unplanned.len()),
    ] {
        if n > 0 {
            let _ = writeln!(text, "{}", session.dim(&session.fill(what, &[&count(n)])));
        }
    }
    text.push('\n');
    let mut grid = Grid::new()
        .column(session.text(Text::PolicyWord), Align::Left)
        .column(session.text(Text::PerDay), Align::Right)
        .column(session.text(Text::DifferenceWord), Align::Right)
        .column(session.text(Text::FillRate), Align::Right);
    for (name, played) in [
        (Text::PortfolioClassical, &graded.classical),
        (Text::PortfolioShipped, &graded.shipped),
        (Text::PortfolioFitted, &graded.fitted),
        (Text::PortfolioGuarded, &graded.guarded),
    ] {
        let difference = played.cost.minus(&graded.classical.cost);
        let base = graded.classical.cost.mean();
        let shown = if name == Text::PortfolioClassical || base <= 0.0 {
            String::new()
        } else {
            let share = |cost: f64| 100.0 * cost / base;
            format!("{:+.2} % ± {:.2}", share(difference.mean()), 1.96 * share(difference.standard_error()))
        };
        grid.row([
            session.text(name).to_owned(),
            format::plain(played.cost.mean(), 2),
            shown,
            format::percent(played.fill_rate()),
        ]);
    }
    text.push_str(&grid.render(session));
    let _ = writeln!(text, "{}", session.dim(session.text(Text::PortfolioTest)));
    let ended = match fit.ended {
        Ended::Converged => Text::PortfolioConverged,
        Ended::OutOfSteps => Text::PortfolioOutOfSteps,
        Ended::OutOfTime => Text::PortfolioOutOfTime,
        Ended::NothingToLearn => Text::PortfolioNothing,
    };
    let n_steps = fit.curve.last().map_or(0, |round| round.n_steps as usize);
    let _ = writeln!(text, "\n{}", session.fill(ended, &[&count(n_steps)]));
    match (saved, fit.best_step) {
        (Some(path), step) => {
            let _ = writeln!(text, "{}", session.fill(Text::PortfolioSaved, &[&count(step as usize), &path.display()]));
        }
        (None, 0) => {
            let _ = writeln!(text, "{}", session.text(Text::PortfolioKept));
        }
        (None, _) => {
            let _ = writeln!(text, "{}", session.text(Text::PortfolioNoProject));
        }
    }
    if let Some(out) = &args.out {
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::Written, &[&out.display()])));
    }
    text
}

fn write_files(
    out: &Path,
    fit: &PortfolioTraining,
    graded: &Graded,
    result: &serde_json::Value,
) -> Result<(), CliError> {
    let mut curve = "steps,validation_cost_per_day\n".to_owned();
    for round in &fit.curve {
        let _ = writeln!(curve, "{},{}", round.n_steps, round.validation_cost);
    }
    write_file(&out.join(CURVE_FILE), &curve)?;
    write_file(&out.join(RESULT_FILE), &format!("{result:#}\n"))?;
    let points = fit.curve.iter().map(|round| (round.n_steps as f64, round.validation_cost)).collect();
    let last = fit.curve.last().map_or(1.0, |round| round.n_steps.max(1) as f64);
    let classical = graded.classical.cost.mean();
    let chart = Chart {
        title: "portfolio".to_owned(),
        x_label: "steps",
        y_label: "cost a day",
        curves: vec![
            ("fitted, on the paths of validation".to_owned(), points),
            ("classical, on the paths of the test".to_owned(), vec![(0.0, classical), (last, classical)]),
        ],
    };
    write_file(&out.join(CHART_FILE), &chart::svg(&chart))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pairs: &[&str]) -> Result<Request, CliError> {
        Request::parse(&pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn pairs_say_what_is_played() {
        let request = parsed(&["demand=history", "days=28", "level_sd=0", "tempo=1", "items=9"]).unwrap();
        assert_eq!(request.options.source, DemandSource::History(Augmentation::NONE));
        assert_eq!((request.options.n_days, request.options.n_items_max, request.demand()), (28, 9, "history"));
        for wrong in ["demand=sales", "days=1", "paths=many", "days", "shelf=3", "tempo=0.5"] {
            assert!(format!("{:?}", parsed(&[wrong]).unwrap_err()).contains("expected"), "{wrong}");
        }
    }
}
