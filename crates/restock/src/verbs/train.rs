//! `restock train`: a policy learned for a decision problem, with its learning curve and its grade.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use restock_inventory::exact::Criterion;
use restock_inventory::problems::Chart;
use restock_learning::algorithm::{Algorithm, Facts, Rule, rules};
use restock_learning::constrained::Constrained;
use restock_learning::grade::{Grade, Reference};
use restock_learning::learn::{Learned, Progress, Request, facts, learn};
use restock_learning::reward::Objective;
use restock_learning::service::{N_ROUNDS_LEARNED, learn_to_service, test_figures};
use restock_learning::training::{Checkpoint, CurvePoint};
use serde_json::json;

use super::objective::{self, DECIMALS, GivenSettings, cost_name, figures_text, share};
use super::{portfolio, preview};
use crate::chart;
use crate::cli::TrainArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{shell_word, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Names of the files in the folder of `--out`.
const POLICY_FILE: &str = "policy.json";
const CHECKPOINT_FILE: &str = "checkpoint.json";
const CURVE_FILE: &str = "curve.csv";
const CHART_FILE: &str = "curve.svg";
const RESULT_FILE: &str = "result.json";

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// What training came to, with the objective that its policy was learned for.
struct Trained {
    objective: Objective,
    learned: Learned,
    /// The search for a service level.
    service: Option<Constrained<()>>,
}

pub(crate) fn run(session: &Session, args: &TrainArgs) -> Result<Output, CliError> {
    if portfolio::NAMES.contains(&args.problem.env.as_str()) {
        return portfolio::run(session, args);
    }
    let table = objective::table(&args.problem)?;
    let reward = objective::reward(&args.reward);
    let problem = objective::described(&table, &reward, args.service);
    let asked = objective::objective(&table, reward, args.service, args.seed)?;
    if args.preview {
        return preview::run(session, &asked, &problem, args.service, args.seed, args.out.as_deref());
    }
    let criterion = asked.criterion;
    let facts = facts(&asked, !args.samples_only);
    let rules = rules(&facts);
    let rule = rules.iter().find(|rule| rule.applies).expect("one rule applies");
    let settings = GivenSettings::read(&args.hyper)?;
    let named = objective::algorithm(args.algo).or(settings.algorithm.as_ref().map(|(algorithm, _)| *algorithm));
    let algorithm = named.unwrap_or(rule.algorithm);
    let hyper = settings.of(algorithm)?;
    if args.samples_only && matches!(algorithm, Algorithm::Exact | Algorithm::Pathwise | Algorithm::Dcl) {
        return Err(CliError::usage(format!(
            "`--algo {algorithm}` uses the model, `--samples-only` forbids it; expected q-learning, sarsa, dqn, reinforce or ppo"
        )));
    }
    let request = Request { algorithm, problem, seed: args.seed, seconds: args.budget, n_epochs: args.epochs, hyper };
    let resume = match (&args.out, args.resume) {
        (Some(out), true) => Some(read_checkpoint(&out.join(CHECKPOINT_FILE))?),
        _ => None,
    };
    let Trained { objective, learned, service } = match args.service {
        Some(target) => train_to_service(session, args, &asked, &request, target)?,
        None => Trained { learned: train(session, args, &asked, &request, resume)?, objective: asked, service: None },
    };
    let chosen = named.is_none().then_some(rule);
    let result = json!({
        "problem": request.problem, "algorithm": algorithm, "rule": chosen.map(|rule| rule.when),
        "rules": args.explain_choice.then_some(&rules), "facts": facts, "seed": args.seed, "hyper": request.hyper,
        "criterion": match criterion { Criterion::Average => "average", Criterion::Discounted { .. } => "discounted" },
        "reward": objective.reward, "service": service, "learned": learned,
    });
    let written = args.out.as_deref().map(|out| write(out, &objective, &request, &learned, &result)).transpose()?;
    if session.json {
        return Output::json(&result);
    }
    let mut text = format!("{}\n\n", session.bold(&request.problem));
    if args.explain_choice {
        text.push_str(&explained(session, &facts, &rules));
        text.push('\n');
    }
    if let Some(rule) = chosen {
        let _ = writeln!(text, "{}\n", session.fill(Text::ChosenBecause, &[&algorithm, &said(session, rule)]));
    }
    match &service {
        Some(found) => text.push_str(&reached(session, algorithm, criterion, found)),
        None => text.push_str(&graded(session, algorithm, criterion, &learned)),
    }
    if let Some(figures) = &learned.figures {
        let _ = write!(text, "\n{}", figures_text(session, criterion, &objective.reward, figures));
    }
    let _ = writeln!(text, "\n{}", session.said(&learned.verdict));
    if let Some(path) = written {
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::Written, &[&path.display()])));
    }
    if let (Some(out), false, Some(_), None) = (&args.out, learned.converged, &learned.checkpoint, &service) {
        let command = go_on(args, algorithm, out);
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::GoOn, &[&command])));
    }
    Ok(Output::text(text))
}

/// The command that goes on from a checkpoint.
fn go_on(args: &TrainArgs, algorithm: Algorithm, out: &Path) -> String {
    let mut command = objective::train_command(&args.problem, &args.reward);
    args.hyper.iter().for_each(|setting| command.push_str(&format!("--hyper {} ", shell_word(setting))));
    let out = shell_word(&out.display().to_string()).to_string();
    format!("{command}--algo {algorithm} --seed {} --out {out} --resume", args.seed)
}

fn read_checkpoint(path: &Path) -> Result<Checkpoint, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::usage(format!("cannot read {}: {error}", path.display())).hint("leave --resume out to begin")
    })?;
    serde_json::from_str(&text).map_err(|error| {
        CliError::data(format!("{} is no checkpoint: {error}", path.display())).hint("leave --resume out to begin")
    })
}

fn train(
    session: &Session,
    args: &TrainArgs,
    objective: &Objective,
    request: &Request,
    resume: Option<Checkpoint>,
) -> Result<Learned, CliError> {
    let is_exact = request.algorithm == Algorithm::Exact;
    let bar = session.progress(session.text(if is_exact { Text::Solving } else { Text::Learning }));
    let started = Instant::now();
    let path = args.out.as_ref().map(|out| out.join(CHECKPOINT_FILE));
    let (mut saved_at, mut failed) = (Instant::now(), None);
    let mut observe = |progress: Progress<'_>| match progress {
        Progress::Solving(share) => bar.set((1_000.0 * share) as u64, 1_000),
        Progress::Epoch(point, checkpoint) => {
            bar.say(&session.fill(Text::LearningEpoch, &[&format::plain(point.validation_cost, DECIMALS)]));
            // The bar counts time, or epochs where they come first: it then knows the time left.
            let share = args.epochs.map_or(0.0, |n| point.n_epochs as f64 / n as f64);
            let share = share.max(started.elapsed().as_secs_f64() / args.budget).min(1.0);
            bar.set((share * args.budget) as u64, args.budget.ceil() as u64);
            if let (Some(path), true) = (&path, saved_at.elapsed() > CHECKPOINT_EVERY) {
                failed = failed.take().or(write_checkpoint(path, &checkpoint()).err());
                saved_at = Instant::now();
            }
        }
    };
    let clock = objective::clock_from(started);
    let learned = learn(objective, request, resume, &clock, &mut observe).map_err(|error| {
        let error = CliError::usage(error.to_string());
        if args.resume {
            error.hint("leave --resume out to begin anew, or name another folder with --out")
        } else {
            error
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(learned),
    }
}

/// Searches for the price of a lost unit at which a fill rate is reached.
fn train_to_service(
    session: &Session,
    args: &TrainArgs,
    objective: &Objective,
    request: &Request,
    target: f64,
) -> Result<Trained, CliError> {
    let bar = session.progress(session.text(Text::Solving));
    let started = Instant::now();
    let mut observe = |round: usize, progress: Progress<'_>| match progress {
        Progress::Solving(_) => bar.say(&session.fill(Text::SolvingRound, &[&(round + 1)])),
        Progress::Epoch(point, _) => {
            let cost = format::plain(point.validation_cost, DECIMALS);
            bar.say(&session.fill(Text::LearningRound, &[&(round + 1), &cost]));
            let share = args.epochs.map_or(0.0, |n| point.n_epochs as f64 / n as f64);
            let share = (round as f64 + share) / N_ROUNDS_LEARNED as f64;
            let share = share.max(started.elapsed().as_secs_f64() / args.budget).min(1.0);
            bar.set((share * args.budget) as u64, args.budget.ceil() as u64);
        }
    };
    let clock = objective::clock_from(started);
    let found = learn_to_service(objective, target, request, &clock, &mut observe)
        .map_err(|error| preview::unreachable_target(&error))?;
    let (objective, mut learned) = found.best.policy.clone();
    learned.figures = Some(test_figures(&objective, &learned.policy, args.seed));
    Ok(Trained { objective, learned, service: Some(found.with_policy(())) })
}

/// The checkpoint appears complete or not at all.
fn write_checkpoint(path: &Path, checkpoint: &Checkpoint) -> Result<(), CliError> {
    let text = serde_json::to_string(checkpoint)
        .map_err(|error| CliError::internal(format!("the checkpoint cannot be written as JSON: {error}")))?;
    let temporary = path.with_extension("json.part");
    write_file(&temporary, &text)?;
    std::fs::rename(&temporary, path)
        .map_err(|error| CliError::usage(format!("cannot write {}: {error}", path.display())))
}

/// Writes policy, curve, chart, checkpoint and result; returns the path of the policy.
fn write(
    out: &Path,
    objective: &Objective,
    request: &Request,
    learned: &Learned,
    result: &serde_json::Value,
) -> Result<PathBuf, CliError> {
    let path = out.join(POLICY_FILE);
    // The numbers of states are those of this problem: with the stock-out cost it was learned at, and its reward.
    let policy = json!({
        "format": 1, "problem": objective.table, "algorithm": request.algorithm, "seed": request.seed,
        "grade": learned.grade, "reward": objective.reward, "price": objective.price, "policy": learned.policy,
    });
    write_file(&path, &format!("{policy}\n"))?;
    write_file(&out.join(RESULT_FILE), &format!("{result:#}\n"))?;
    if let Some(checkpoint) = &learned.checkpoint {
        write_checkpoint(&out.join(CHECKPOINT_FILE), checkpoint)?;
        write_file(&out.join(CURVE_FILE), &curve_csv(&learned.curve))?;
        let chart = curve_chart(&request.problem, request.algorithm, objective.criterion, learned);
        write_file(&out.join(CHART_FILE), &chart::svg(&chart))?;
    }
    Ok(path)
}

fn curve_csv(curve: &[CurvePoint]) -> String {
    let mut text = "epoch,periods,cpu_seconds,training_cost,validation_cost\n".to_owned();
    for CurvePoint { n_epochs, n_periods, cpu_seconds, training_cost, validation_cost } in curve {
        let _ = writeln!(text, "{n_epochs},{n_periods},{cpu_seconds:.2},{training_cost},{validation_cost}");
    }
    text
}

fn curve_chart(problem: &str, algorithm: Algorithm, criterion: Criterion, learned: &Learned) -> Chart {
    let at = |point: &CurvePoint| point.n_periods as f64 / 1e6;
    let points = |of: fn(&CurvePoint) -> f64| learned.curve.iter().map(|point| (at(point), of(point))).collect();
    let last = learned.curve.last().map_or(1.0, at);
    let mut curves: Vec<(String, Vec<(f64, f64)>)> =
        vec![("validation, without exploration".to_owned(), points(|point| point.validation_cost))];
    if criterion == Criterion::Average {
        curves.push(("training, with exploration".to_owned(), points(|point| point.training_cost)));
    }
    let name = match &learned.grade.reference {
        Reference::Optimum => "optimum".to_owned(),
        Reference::Heuristic { name } => name.clone(),
    };
    curves.push((name, vec![(0.0, learned.grade.reference_cost), (last, learned.grade.reference_cost)]));
    Chart {
        title: format!("{algorithm}: {problem}"),
        x_label: "periods played, millions",
        y_label: if criterion == Criterion::Average { "cost a period" } else { "discounted cost" },
        curves,
    }
}

/// A rule in the language of the run.
fn said(session: &Session, rule: &Rule) -> &'static str {
    session.text(match rule.algorithm {
        Algorithm::Exact => Text::RuleExact,
        Algorithm::QLearning => Text::RuleTable,
        Algorithm::Pathwise => Text::RuleDerivative,
        Algorithm::Dqn => Text::RuleDiscrete,
        _ => Text::RuleContinuous,
    })
}

/// The rules of the choice with what they looked at.
fn explained(session: &Session, facts: &Facts, rules: &[Rule]) -> String {
    let model = session.text(if facts.model_known { Text::ModelKnown } else { Text::ModelUnknown });
    let derivative = session.text(if facts.differentiable { Text::DerivativeKnown } else { Text::DerivativeUnknown });
    let n_states = facts.n_states.map_or("∞".to_owned(), format::count);
    let n_actions = format::count(facts.n_actions);
    let mut text = session.fill(Text::ChoiceFacts, &[&n_states, &n_actions, &facts.n_quantities, &model, &derivative]);
    text.push('\n');
    let mut grid = Grid::new()
        .column(session.text(Text::ChoiceRule), Align::Text)
        .column(session.text(Text::ChoiceAlgorithm), Align::Left)
        .column(session.text(Text::ChoiceApplies), Align::Left);
    for rule in rules {
        let applies = if rule.applies { session.text(Text::Yes) } else { "" };
        grid.row([said(session, rule).to_owned(), rule.algorithm.to_string(), applies.to_owned()]);
    }
    text + &grid.render(session)
}

/// What the policy, the simple policy and the optimum cost.
fn graded(session: &Session, algorithm: Algorithm, criterion: Criterion, learned: &Learned) -> String {
    let Grade { cost, cost_margin, reference, reference_cost, gap, gap_margin, heuristic } = &learned.grade;
    let mut grid = Grid::new()
        .column(session.text(Text::PolicyWord), Align::Left)
        .column(cost_name(session, criterion), Align::Right)
        .column(session.text(Text::Gap), Align::Right);
    let name = match algorithm {
        Algorithm::Exact => session.text(Text::SolvedBy).to_owned(),
        _ => session.fill(Text::LearnedBy, &[&algorithm]),
    };
    grid.row([name, format::plain(*cost, DECIMALS), format::gap(*gap, 3)]);
    let share = |cost: f64| (reference_cost.abs() > 1e-9).then(|| (cost - reference_cost) / reference_cost.abs());
    grid.row([heuristic.0.clone(), format::plain(heuristic.1, DECIMALS), format::gap(share(heuristic.1), 3)]);
    if *reference == Reference::Optimum {
        let optimum = session.text(Text::Optimum).to_owned();
        grid.row([optimum, format::plain(*reference_cost, DECIMALS), String::new()]);
    }
    let mut text = grid.render(session);
    let note = if *reference == Reference::Optimum {
        session.text(Text::TestExact).to_owned()
    } else {
        let margins = (format::plain(*cost_margin, DECIMALS), format!("{:.3} %", 100.0 * gap_margin));
        session.fill(Text::TestInterval, &[&margins.0, &margins.1])
    };
    let _ = writeln!(text, "{}", session.dim(&note));
    if let Some(CurvePoint { n_epochs, n_periods, cpu_seconds, .. }) = learned.curve.last() {
        let counts = [
            (Text::EpochsWord, format::count(*n_epochs as usize)),
            (Text::PeriodsPlayed, format::count(*n_periods as usize)),
        ];
        let mut parts: Vec<String> =
            counts.iter().map(|(text_of, count)| format!("{}: {count}", session.text(*text_of))).collect();
        parts.push(format!("{}: {cpu_seconds:.1}", session.text(Text::CpuSeconds)));
        let _ = writeln!(text, "{}", session.dim(&parts.join(", ")));
    }
    text
}

/// What was found for a service level: its cost beside the bound of the dual function, and what the next lost unit is worth.
fn reached(session: &Session, algorithm: Algorithm, criterion: Criterion, found: &Constrained<()>) -> String {
    let mut grid = Grid::new()
        .column(session.text(Text::PolicyWord), Align::Left)
        .column(cost_name(session, criterion), Align::Right)
        .column(session.text(Text::FillRate), Align::Right)
        .column(session.text(Text::Gap), Align::Right);
    let name = match algorithm {
        Algorithm::Exact => session.text(Text::SolvedBy).to_owned(),
        _ => session.fill(Text::LearnedBy, &[&algorithm]),
    };
    let cost = |cost: f64| format::plain(cost, DECIMALS);
    let gap = found.bound.filter(|bound| bound.abs() > 1e-9).map(|bound| (found.best.cost - bound) / bound.abs());
    let shown_gap = if found.bound.is_some() { format::gap(gap, 3) } else { String::new() };
    grid.row([name, cost(found.best.cost), share(found.best.fill_rate()), shown_gap]);
    if let Some(bound) = found.bound {
        grid.row([session.text(Text::LowerBound).to_owned(), cost(bound), share(found.target), String::new()]);
    }
    let mut text = grid.render(session);
    let worth = preview::worth(session, found.target, found.multiplier, found.bound.is_some());
    let tried = session.fill(Text::ServiceRounds, &[&found.rounds.len()]);
    let _ = writeln!(text, "\n{worth}\n{}", session.dim(&tried));
    text
}
