//! `restock tune`: the hyper-parameters of a learner searched within a budget.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use restock_inventory::exact::Criterion;
use restock_inventory::problems::Chart;
use restock_learning::algorithm::{Algorithm, rules};
use restock_learning::hyper::HyperError;
use restock_learning::learn::facts;
use restock_learning::reward::Objective;
use restock_learning::successive_halving::{Budget, planned_epochs};
use restock_learning::tune::{Configuration, Place, Request, Tuned, tune};
use serde_json::json;

use super::objective::{self, DECIMALS, cost_name};
use crate::chart;
use crate::cli::SearchArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{shell_word, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Names of the files in the folder of `--out`.
const HYPER_FILE: &str = "hyper.toml";
const CHART_FILE: &str = "tune.svg";
const RESULT_FILE: &str = "tune.json";

/// Curves of a chart.
const N_FINALISTS: usize = 4;

pub(crate) fn run(session: &Session, args: &SearchArgs) -> Result<Output, CliError> {
    let table = objective::table(&args.problem)?;
    let reward = objective::reward(&args.reward);
    let problem = objective::described(&table, &reward, None);
    let asked = objective::objective(&table, reward, None, args.seed)?;
    let algorithm = match objective::algorithm(args.algo) {
        Some(Algorithm::Exact) => return Err(CliError::usage(HyperError::None.to_string())),
        Some(algorithm) => algorithm,
        None => rules(&facts(&asked, false)).iter().find(|rule| rule.applies).expect("one rule applies").algorithm,
    };
    let request = Request {
        algorithm,
        problem,
        seed: args.seed,
        test_seed: args.seed,
        n_configurations: args.configurations as usize,
        budget: args.epochs.map_or(Budget::Seconds(args.budget), Budget::FirstRung),
    };
    let tuned = search(session, &asked, &request)?;
    let path = write(session, args, &asked, &request, &tuned)?;
    if session.json {
        return Output::json(&result(&request, &tuned));
    }
    let mut text = format!("{}\n\n", session.bold(&request.problem));
    let _ = writeln!(text, "{}\n", session.fill(Text::SearchTitle, &[&args.configurations, &algorithm]));
    text.push_str(&rungs(session, &tuned));
    let _ = write!(text, "\n{}", graded(session, asked.criterion, &tuned));
    let _ = writeln!(text, "\n{}", verdict(session, &tuned));
    let _ = writeln!(text, "{}", session.dim(&session.fill(Text::Written, &[&path.display()])));
    let command = use_it(args, algorithm, &path);
    let _ = writeln!(text, "{}", session.dim(&session.fill(Text::UseHyper, &[&command])));
    Ok(Output::text(text))
}

fn search(session: &Session, objective: &Objective, request: &Request) -> Result<Tuned, CliError> {
    let bar = session.progress(session.text(Text::Learning));
    let started = Instant::now();
    let clock = objective::clock_from(started);
    let mut observe = |place: Place| {
        bar.say(&session.fill(Text::SearchTraining, &[&(place.rung + 1), &place.trial]));
        match request.budget {
            Budget::Seconds(seconds) => {
                bar.set(started.elapsed().as_secs_f64().min(seconds) as u64, seconds.ceil() as u64);
            }
            Budget::FirstRung(n_epochs) => {
                let planned = planned_epochs(request.n_configurations, n_epochs);
                bar.set(place.n_epochs.min(planned), planned);
            }
        }
    };
    tune(objective, request, &clock, &mut observe).map_err(|error| CliError::usage(error.to_string()))
}

/// A table of rungs: how many settings, for how long, the lowest cost and whose it is, and that of the usual settings.
fn rungs(session: &Session, tuned: &Tuned) -> String {
    let mut grid = Grid::new()
        .column(session.text(Text::SearchRung), Align::Right)
        .column(session.text(Text::SettingsWord), Align::Right)
        .column(session.text(Text::EpochsEach), Align::Right)
        .column(session.text(Text::LowestCost), Align::Right)
        .column("", Align::Left)
        .column(session.text(Text::UsualCost), Align::Right);
    for (number, rung) in (1..).zip(&tuned.search.rungs) {
        let epochs = rung.iter().map(|standing| standing.n_epochs);
        let (least, most) = (epochs.clone().min().unwrap_or(0), epochs.max().unwrap_or(0));
        let epochs = if least == most { least.to_string() } else { format!("{least}–{most}") };
        let usual = rung.iter().find(|standing| standing.trial == 0);
        let usual = usual.map(|standing| format::plain(standing.validation_cost, DECIMALS));
        grid.row([
            number.to_string(),
            rung.len().to_string(),
            epochs,
            format::plain(rung[0].validation_cost, DECIMALS),
            name_of(session, rung[0].trial),
            usual.unwrap_or_else(|| session.text(Text::LeftBehind).to_owned()),
        ]);
    }
    grid.render(session)
}

fn name_of(session: &Session, trial: usize) -> String {
    if trial == 0 { session.text(Text::UsualSettings).to_owned() } else { session.fill(Text::BestSettings, &[&trial]) }
}

/// The winner, or the best of the others, and the usual settings: validation, grade and gap.
fn graded(session: &Session, criterion: Criterion, tuned: &Tuned) -> String {
    let mut grid = Grid::new()
        .column(session.text(Text::SettingsWord), Align::Left)
        .column(session.text(Text::ValidationWord), Align::Right)
        .column(cost_name(session, criterion), Align::Right)
        .column(session.text(Text::Gap), Align::Right)
        .column("", Align::Text);
    let mut row = |trial: usize, grade: &restock_learning::grade::Grade| {
        let Configuration { hyper, validation_cost, .. } = &tuned.configurations[trial];
        grid.row([
            name_of(session, trial),
            format::plain(*validation_cost, DECIMALS),
            format::plain(grade.cost, DECIMALS),
            format::gap(grade.gap, 3),
            hyper.to_string(),
        ]);
    };
    if tuned.search.winner != 0 {
        row(tuned.search.winner, &tuned.grade);
    }
    row(0, &tuned.usual_grade);
    grid.render(session)
}

fn verdict(session: &Session, tuned: &Tuned) -> String {
    let winner = tuned.search.winner;
    if winner == 0 {
        return session.text(Text::SearchUsualWon).to_owned();
    }
    let cost = |trial: usize| tuned.configurations[trial].validation_cost;
    let below = (cost(0) - cost(winner)) / cost(0).abs().max(1e-12);
    session.fill(Text::SearchWon, &[&winner, &format!("{:.3} %", 100.0 * below)])
}

fn result(request: &Request, tuned: &Tuned) -> serde_json::Value {
    json!({
        "problem": request.problem, "algorithm": request.algorithm, "seed": request.seed,
        "hyper": tuned.configurations[tuned.search.winner].hyper, "tuned": tuned,
    })
}

/// Writes hyper.toml and, with `--out`, the result and a chart of the finalists; returns the path of hyper.toml.
fn write(
    session: &Session,
    args: &SearchArgs,
    objective: &Objective,
    request: &Request,
    tuned: &Tuned,
) -> Result<PathBuf, CliError> {
    let path = args.out.as_deref().unwrap_or(Path::new("")).join(HYPER_FILE);
    let mut text = format!("# {}, seed {}\n", request.problem.replace('\n', " "), request.seed);
    let _ = writeln!(text, "# {}", verdict(session, tuned));
    let _ = writeln!(text, "algorithm = \"{}\"", request.algorithm);
    for (name, value) in tuned.configurations[tuned.search.winner].hyper.iter() {
        let _ = writeln!(text, "{name} = {value}");
    }
    write_file(&path, &text)?;
    if let Some(out) = &args.out {
        write_file(&out.join(RESULT_FILE), &format!("{:#}\n", result(request, tuned)))?;
        write_file(&out.join(CHART_FILE), &chart::svg(&curves(objective.criterion, request, tuned)))?;
    }
    Ok(path)
}

/// Learning curves of the usual settings and of those that came furthest.
fn curves(criterion: Criterion, request: &Request, tuned: &Tuned) -> Chart {
    let mut finalists: Vec<usize> = Vec::new();
    let furthest = tuned.search.rungs.iter().rev().flatten().map(|standing| standing.trial);
    for trial in [tuned.search.winner, 0].into_iter().chain(furthest) {
        if !finalists.contains(&trial) && finalists.len() < N_FINALISTS {
            finalists.push(trial);
        }
    }
    let curve = |trial: usize| {
        let Configuration { hyper, curve, .. } = &tuned.configurations[trial];
        let name = if trial == 0 { "usual settings".to_owned() } else { format!("setting {trial}: {hyper}") };
        (name, curve.iter().map(|point| (point.n_periods as f64 / 1e6, point.validation_cost)).collect())
    };
    Chart {
        title: format!("{}: {}", request.algorithm, request.problem),
        x_label: "periods played, millions",
        y_label: if criterion == Criterion::Average {
            "cost a period, validation"
        } else {
            "discounted cost, validation"
        },
        curves: finalists.into_iter().map(curve).collect(),
    }
}

/// The command that trains with what was found.
fn use_it(args: &SearchArgs, algorithm: Algorithm, path: &Path) -> String {
    let command = objective::train_command(&args.problem, &args.reward);
    format!("{command}--algo {algorithm} --hyper {}", shell_word(&path.display().to_string()))
}
