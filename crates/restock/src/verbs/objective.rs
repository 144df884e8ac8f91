//! What `restock train` and `restock tune` are asked to minimise: a problem, with what the business wants beyond its costs.

use std::fmt::Write;
use std::time::Instant;

use restock_inventory::exact::Criterion;
use restock_inventory::problems::{self, ENVIRONMENT_KINDS, KINDS};
use restock_learning::algorithm::Algorithm;
use restock_learning::figures::Figures;
use restock_learning::hyper::Hyper;
use restock_learning::never_order::check_orders;
use restock_learning::reward::{Objective, Reward, RewardError, StockBand};
use restock_learning::training::Seconds;

use crate::cli::{Algo, EnvironmentArgs, RewardArgs};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::shell_word;
use crate::session::Session;
use crate::table::{Align, Grid};

/// Decimals of costs.
pub(super) const DECIMALS: usize = 4;

/// Environments of `restock env list` and the kinds of problems whose examples they are.
const KIND_OF_ENVIRONMENT: &[(&str, &str)] =
    &[("backorder-position", "minimum-order"), ("backorders", "minimum-order"), ("joint-replenishment", "trucks")];

/// The description of the problem: of a file, or the example of an environment; pairs replace parameters.
pub(super) fn table(problem: &EnvironmentArgs) -> Result<toml::Table, CliError> {
    let EnvironmentArgs { env, parameters } = problem;
    let is_file = [".toml", ".yaml", ".yml"].iter().any(|ending| env.ends_with(ending));
    let mut table = if is_file { file_table(env)? } else { environment_table(env)? };
    let pairs = problems::table_of(parameters.iter().map(String::as_str))
        .map_err(|error| CliError::usage(error.to_string()))?;
    table.extend(pairs);
    Ok(table)
}

/// The command that trains on a problem with a reward, as it is typed, with a blank behind.
pub(super) fn train_command(problem: &EnvironmentArgs, reward: &RewardArgs) -> String {
    let mut command = format!("restock train --env {} ", shell_word(&problem.env));
    problem.parameters.iter().for_each(|pair| command.push_str(&format!("{} ", shell_word(pair))));
    command + &flags(reward)
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

/// The problem with its parameters on a line, in the order of their names, and what is asked for beyond its costs.
pub(super) fn described(table: &toml::Table, reward: &Reward, service: Option<f64>) -> String {
    let kind = table.get("problem").and_then(toml::Value::as_str).unwrap_or_default();
    let mut text = kind.to_owned();
    for (key, value) in table.iter().filter(|(key, _)| *key != "problem") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, " {key}={value}");
    }
    if reward.goodwill > 0.0 {
        let _ = write!(text, " --goodwill {}", reward.goodwill);
    }
    if let Some(StockBand { low, high, cost }) = reward.band {
        let _ = write!(text, " --stock-band {low}..{high} --band-cost {cost}");
    }
    if let Some(service) = service {
        let _ = write!(text, " --service {service}");
    }
    text
}

/// The reward that flags ask for.
pub(super) fn reward(args: &RewardArgs) -> Reward {
    let band = args.stock_band.zip(args.band_cost).map(|((low, high), cost)| StockBand { low, high, cost });
    Reward { goodwill: args.goodwill.unwrap_or(0.0), band }
}

/// The same flags as they are typed, each with a blank behind.
fn flags(args: &RewardArgs) -> String {
    let mut text = String::new();
    if let Some(goodwill) = args.goodwill {
        let _ = write!(text, "--goodwill {goodwill} ");
    }
    if let (Some((low, high)), Some(cost)) = (args.stock_band, args.band_cost) {
        let _ = write!(text, "--stock-band {low}..{high} --band-cost {cost} ");
    }
    text
}

/// The objective, refused where never ordering is best; a service level is a reason to order.
pub(super) fn objective(
    table: &toml::Table,
    reward: Reward,
    service: Option<f64>,
    seed: u64,
) -> Result<Objective, CliError> {
    let objective = Objective::new(table, reward, 0.0).map_err(|error| match error {
        RewardError::Problem(_) => CliError::usage(error.to_string())
            .hint("`restock solve` shows an example of each problem with its parameters"),
        RewardError::BandTooHigh { .. } => CliError::usage(error.to_string()),
    })?;
    if service.is_none() {
        check_orders(&objective, seed).map_err(|error| {
            CliError::usage(error.to_string()).hint(
                "make a lost unit cost something: stockout_cost=X, --goodwill X, or a fill rate to reach with --service 0.98",
            )
        })?;
    }
    Ok(objective)
}

pub(super) fn algorithm(algo: Algo) -> Option<Algorithm> {
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

/// Settings of an algorithm as they were given, before the algorithm is known.
pub(super) struct GivenSettings {
    /// The algorithm that a file is of, and the file.
    pub(super) algorithm: Option<(Algorithm, String)>,
    pairs: Vec<(String, String)>,
}

impl GivenSettings {
    /// Reads files and pairs; later ones replace earlier ones.
    pub(super) fn read(given: &[String]) -> Result<Self, CliError> {
        let mut settings = Self { algorithm: None, pairs: Vec::new() };
        for text in given {
            if let Some((name, value)) = text.split_once('=') {
                settings.pairs.push((name.trim().to_owned(), value.trim().to_owned()));
                continue;
            }
            if !text.ends_with(".toml") {
                let message = format!("--hyper {text} is no setting, expected KEY=VALUE or a hyper.toml");
                return Err(CliError::usage(message));
            }
            for (name, value) in file_table(text)? {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if name != "algorithm" {
                    settings.pairs.push((name, value));
                    continue;
                }
                let known = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == value);
                let Some(known) = known else {
                    return Err(CliError::usage(format!("{text} has settings of {value}, which is no algorithm")));
                };
                settings.algorithm = Some((known, text.clone()));
            }
        }
        Ok(settings)
    }

    /// The settings of an algorithm.
    pub(super) fn of(&self, algorithm: Algorithm) -> Result<Hyper, CliError> {
        if let Some((other, path)) = self.algorithm.as_ref().filter(|(other, _)| *other != algorithm) {
            return Err(CliError::usage(format!("{path} has settings of {other}, `--algo` says {algorithm}")));
        }
        let mut hyper = Hyper::default();
        for (name, value) in &self.pairs {
            hyper.set(algorithm, name, value).map_err(|error| CliError::usage(error.to_string()))?;
        }
        Ok(hyper)
    }
}

/// Seconds since a beginning.
pub(super) fn clock_from(started: Instant) -> impl Fn() -> Seconds {
    let cpu_started = cpu_seconds();
    move || {
        let wall = started.elapsed().as_secs_f64();
        let cpu = cpu_seconds().zip(cpu_started).map_or(wall, |(now, then)| now - then);
        Seconds { wall, cpu }
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

/// The heading of a column of costs.
pub(super) fn cost_name(session: &Session, criterion: Criterion) -> &'static str {
    session.text(if criterion == Criterion::Average { Text::PerPeriod } else { Text::DiscountedCost })
}

/// A share as it is compared with a target.
pub(super) fn share(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// What a policy comes to, line by line.
pub(super) fn figures_text(session: &Session, criterion: Criterion, reward: &Reward, figures: &Figures) -> String {
    let mut grid = Grid::new().column("", Align::Left).column("", Align::Right).column("", Align::Left);
    let margin =
        |margin: f64, shown: String| if figures.exact || margin == 0.0 { String::new() } else { format!("± {shown}") };
    let cost = |cost: f64| format::plain(cost, DECIMALS);
    let mut row = |name: &str, value: String, margin: String| grid.row([name.to_owned(), value, margin]);
    row(cost_name(session, criterion), cost(figures.cost), margin(figures.cost_margin, cost(figures.cost_margin)));
    if *reward != Reward::default() {
        row(session.text(Text::OfItOwn), cost(figures.own_cost), String::new());
    }
    if reward.goodwill > 0.0 {
        row(session.text(Text::OfItGoodwill), cost(figures.goodwill_cost), String::new());
    }
    if reward.band.is_some() {
        row(session.text(Text::OfItBand), cost(figures.band_cost), String::new());
    }
    let of_fill_rate = margin(figures.fill_rate_margin, share(figures.fill_rate_margin));
    row(session.text(Text::FillRate), share(figures.fill_rate), of_fill_rate);
    row(session.text(Text::MeanStock), format::plain(figures.mean_stock, 2), String::new());
    row(session.text(Text::OrderShare), share(figures.order_share), String::new());
    if let Some(mean_order) = figures.mean_order {
        row(session.text(Text::MeanOrder), format::plain(mean_order, 2), String::new());
    }
    grid.render(session)
}
