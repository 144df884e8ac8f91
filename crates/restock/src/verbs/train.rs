//! `restock train`: a policy learned for a decision problem, with its learning curve and its grade.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use restock_inventory::exact::Criterion;
use restock_inventory::problems::{self, Chart, ENVIRONMENT_KINDS, KINDS};
use restock_learning::algorithm::{Algorithm, Facts, Rule, rules};
use restock_learning::grade::{Grade, Reference};
use restock_learning::learn::{Learned, Progress, Request, facts, learn};
use restock_learning::training::{Checkpoint, CurvePoint, Seconds};
use serde_json::json;

use crate::chart;
use crate::cli::{Algo, TrainArgs};
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

/// Decimals of costs.
const DECIMALS: usize = 4;

/// Environments of `restock env list` and the kinds of problems whose examples they are.
const KIND_OF_ENVIRONMENT: &[(&str, &str)] =
    &[("backorder-position", "minimum-order"), ("backorders", "minimum-order"), ("joint-replenishment", "trucks")];

pub(crate) fn run(session: &Session, args: &TrainArgs) -> Result<Output, CliError> {
    let table = table(args)?;
    let (environment, criterion) = problems::environment(table.clone()).map_err(|error| {
        CliError::usage(error.to_string()).hint("`restock solve` shows an example of each problem with its parameters")
    })?;
    let facts = facts(&environment, !args.samples_only);
    let rules = rules(&facts);
    let rule = rules.iter().find(|rule| rule.applies).expect("one rule applies");
    let algorithm = algorithm(args.algo).unwrap_or(rule.algorithm);
    if args.samples_only && matches!(algorithm, Algorithm::Exact | Algorithm::Pathwise | Algorithm::Dcl) {
        return Err(CliError::usage(format!(
            "`--algo {algorithm}` uses the model, `--samples-only` forbids it; expected q-learning, sarsa, dqn, reinforce or ppo"
        )));
    }
    let request =
        Request { algorithm, problem: described(&table), seed: args.seed, seconds: args.budget, n_epochs: args.epochs };
    let resume = match (&args.out, args.resume) {
        (Some(out), true) => Some(read_checkpoint(&out.join(CHECKPOINT_FILE))?),
        _ => None,
    };
    let learned = train(session, args, &environment, criterion, &request, resume)?;
    let chosen = (args.algo == Algo::Auto).then_some(rule);
    let result = json!({
        "problem": request.problem, "algorithm": algorithm, "rule": chosen.map(|rule| rule.when),
        "rules": args.explain_choice.then_some(&rules), "facts": facts, "seed": args.seed,
        "criterion": match criterion { Criterion::Average => "average", Criterion::Discounted { .. } => "discounted" },
        "learned": learned,
    });
    let written =
        args.out.as_deref().map(|out| write(out, &table, &request, criterion, &learned, &result)).transpose()?;
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
    text.push_str(&graded(session, algorithm, criterion, &learned));
    let _ = writeln!(text, "\n{}", session.said(&learned.verdict));
    if let Some(path) = written {
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::Written, &[&path.display()])));
    }
    if let (Some(out), false, Some(_)) = (&args.out, learned.converged, &learned.checkpoint) {
        let command = format!(
            "restock train --env {} {}--algo {algorithm} --seed {} --out {} --resume",
            shell_word(&args.env),
            args.parameters.iter().map(|pair| format!("{} ", shell_word(pair))).collect::<String>(),
            args.seed,
            shell_word(&out.display().to_string()),
        );
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::GoOn, &[&command])));
    }
    Ok(Output::text(text))
}

fn algorithm(algo: Algo) -> Option<Algorithm> {
    match algo {
        Algo::Auto => None,
        Algo::Exact => Some(Algorithm::Exact),
        Algo::QLearning => Some(Algorithm::QLearning),
        Algo::Sarsa => Some(Algorithm::Sarsa),
        Algo::Dqn => Some(Algorithm::Dqn),
        Algo::Reinforce => Some(Algorithm::Reinforce),
        Algo::Ppo => Some(Algorithm::Ppo),
        Algo::Pathwise => Some(Algorithm::Pathwise),
        Algo::Dcl => Some(Algorithm::Dcl),
    }
}

/// The description of the problem: of a file, or the example of an environment; pairs replace parameters.
fn table(args: &TrainArgs) -> Result<toml::Table, CliError> {
    let is_file = [".toml", ".yaml", ".yml"].iter().any(|ending| args.env.ends_with(ending));
    let mut table = if is_file { file_table(&args.env)? } else { environment_table(&args.env)? };
    let pairs = problems::table_of(args.parameters.iter().map(String::as_str))
        .map_err(|error| CliError::usage(error.to_string()))?;
    table.extend(pairs);
    Ok(table)
}

fn file_table(path: &str) -> Result<toml::Table, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| CliError::usage(format!("cannot read {path}: {error}")))?;
    let fails = |message: String| CliError::usage(format!("{path}: {message}"));
    if path.ends_with(".toml") {
        text.parse().map_err(|error: toml::de::Error| fails(error.to_string()))
    } else {
        problems::table_of_yaml(&text).map_err(|error| fails(error.to_string()))
    }
}

/// The example of an environment; the version may be left out, and `-lN` sets the lead time of lost sales.
fn environment_table(name: &str) -> Result<toml::Table, CliError> {
    let is_version = |version: &str| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    let without_version = match name.rsplit_once("-v") {
        Some((id, version)) if is_version(version) => id,
        _ => name,
    };
    let (id, lead_time) = match without_version.rsplit_once("-l") {
        Some((id, periods)) if is_version(periods) => (id, periods.parse::<i64>().ok()),
        _ => (without_version, None),
    };
    let kind = KIND_OF_ENVIRONMENT.iter().find(|(environment, _)| *environment == id).map_or(id, |(_, kind)| *kind);
    let known = KINDS.iter().find(|found| found.name == kind && ENVIRONMENT_KINDS.contains(&kind));
    let known = known.filter(|_| lead_time.is_none() || kind == "lost-sales");
    let Some(known) = known else {
        let expected =
            format!("{}, a lead time as in lost-sales-l4, or a TOML or YAML file", ENVIRONMENT_KINDS.join(", "));
        return Err(CliError::usage(format!("environment {name:?} cannot be learned, expected one of {expected}"))
            .hint("`restock env list` says what each is, `restock solve` how a file describes one"));
    };
    let mut table = known.example_table();
    if let Some(periods) = lead_time {
        table.insert("lead_time".to_owned(), periods.into());
    }
    Ok(table)
}

/// The problem with its parameters on a line, in the order of their names.
fn described(table: &toml::Table) -> String {
    let kind = table.get("problem").and_then(toml::Value::as_str).unwrap_or_default();
    let mut text = kind.to_owned();
    for (key, value) in table.iter().filter(|(key, _)| *key != "problem") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, " {key}={value}");
    }
    text
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
    environment: &problems::ProblemEnvironment,
    criterion: Criterion,
    request: &Request,
    resume: Option<Checkpoint>,
) -> Result<Learned, CliError> {
    let is_exact = request.algorithm == Algorithm::Exact;
    let bar = session.progress(session.text(if is_exact { Text::Solving } else { Text::Learning }));
    let (started, cpu_started) = (Instant::now(), cpu_seconds());
    let clock = || {
        let wall = started.elapsed().as_secs_f64();
        let cpu = cpu_seconds().zip(cpu_started).map_or(wall, |(now, then)| now - then);
        Seconds { wall, cpu }
    };
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
    let learned = learn(environment, criterion, request, resume, &clock, &mut observe).map_err(|error| {
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

/// CPU seconds of all threads of this process, where the system tells them.
fn cpu_seconds() -> Option<f64> {
    // Linux counts them in hundredths of a second, after the name of the program in parentheses.
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
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
    table: &toml::Table,
    request: &Request,
    criterion: Criterion,
    learned: &Learned,
    result: &serde_json::Value,
) -> Result<PathBuf, CliError> {
    let path = out.join(POLICY_FILE);
    let policy = json!({
        "format": 1, "problem": table, "algorithm": request.algorithm, "seed": request.seed, "grade": learned.grade,
        "policy": learned.policy,
    });
    write_file(&path, &format!("{policy}\n"))?;
    write_file(&out.join(RESULT_FILE), &format!("{result:#}\n"))?;
    if let Some(checkpoint) = &learned.checkpoint {
        write_checkpoint(&out.join(CHECKPOINT_FILE), checkpoint)?;
        write_file(&out.join(CURVE_FILE), &curve_csv(&learned.curve))?;
        let chart = curve_chart(&request.problem, request.algorithm, criterion, learned);
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
    let cost_name = if criterion == Criterion::Average { Text::PerPeriod } else { Text::DiscountedCost };
    let mut grid = Grid::new()
        .column(session.text(Text::PolicyWord), Align::Left)
        .column(session.text(cost_name), Align::Right)
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
