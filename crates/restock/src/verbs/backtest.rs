//! `restock backtest`: policies or forecasts side by side on the user's own history.

use std::fmt::Write;

use restock_core::{Bucket, Forecaster, QUANTILE_LEVELS};
use restock_engine::backtest::{
    BacktestError, BacktestOptions, BacktestReport, ForecastBacktestOptions, backtest, forecast_backtest,
};
use restock_forecast::evaluate::Leaderboard;
use restock_inventory::problems::Chart;

use super::plan::{bullet, open_in_browser, wrap};
use crate::chart;
use crate::cli::BacktestArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::{Text, pattern_label};
use crate::project::{Loaded, Project, apply_flags, forecaster, write_file};
use crate::report::backtest_page::{self, indicators, policy_label};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Models compared when none are named: the choice over them, the pretrained model, what is chosen from, the classics,
/// those for demand that comes now and then, and the baseline.
const MODELS: [&str; 11] = [
    "auto",
    "pretrained",
    "negative_binomial",
    "weighted_quantiles",
    "ets",
    "theta",
    "ses",
    "tsb",
    "sba",
    "croston",
    "seasonal_naive",
];

pub(crate) fn run(session: &Session, args: &BacktestArgs) -> Result<Output, CliError> {
    let project = Project::open(session, &args.data)?;
    let mut loaded = project.load(session)?;
    apply_flags(&mut loaded.settings, &args.planning)?;
    let mut output = if args.forecast {
        forecasts(session, args, &project, &loaded)?
    } else {
        policies(session, args, &project, &loaded)?
    };
    output.notes = loaded.notes;
    Ok(output)
}

fn policies(session: &Session, args: &BacktestArgs, project: &Project, loaded: &Loaded) -> Result<Output, CliError> {
    let settings = &loaded.settings;
    let weeks = args.windows.map(|weeks| weeks as usize);
    let mut options = BacktestOptions {
        n_periods: weeks.map(|weeks| match settings.bucket {
            Bucket::Day => weeks * 7,
            Bucket::Week => weeks,
            Bucket::Month => weeks.div_ceil(4),
        }),
        // With `--as-of` the replay ends on the day before.
        to: settings.as_of.map(|day| day.plus(-1)),
        limit: args.limit,
        ci_level: args.ci,
        seed: settings.seed,
        ..BacktestOptions::default()
    };
    if !args.policies.is_empty() {
        options.policies.clone_from(&args.policies);
    }
    let model = forecaster(&settings.forecast_model, loaded)?;
    let progress = session.progress(session.text(Text::Replaying));
    let report = backtest(&loaded.import.dataset, settings, model.as_ref(), &options, &|done, total| {
        progress.set(done as u64, total as u64);
    })
    .map_err(|error| match error {
        BacktestError::UnknownPolicy { .. } => {
            CliError::usage(error.to_string()).hint("--policies configured,base_stock,min_max")
        }
        BacktestError::NoSuchWindow { .. } => {
            CliError::usage(error.to_string()).hint("--windows 8 replays eight weeks")
        }
        BacktestError::TooShort { .. } | BacktestError::NothingToReplay { .. } => {
            CliError::data(error.to_string()).hint("give sales that reach further back")
        }
    })?;
    drop(progress);
    let out = args.out.clone().unwrap_or_else(|| project.default_out());
    let path = out.join("backtest.html");
    write_file(&path, &backtest_page::render(session.lang, &loaded.name, &report))?;
    if args.open {
        open_in_browser(&path);
    }
    if session.json {
        return Output::json(&report);
    }
    let mut text = report_text(session, &report);
    let _ = write!(text, "\n{}\n", session.dim(&session.fill(Text::Written, &[&path.display()])));
    Ok(Output::text(text))
}

fn report_text(session: &Session, report: &BacktestReport) -> String {
    let lang = session.lang;
    let mut text = format!("{}\n\n", session.bold(&backtest_page::title(lang, report)));
    for line in wrap(session.either(&report.headline, &report.headline_zh), session.width.min(100)) {
        let _ = writeln!(text, "{line}");
    }
    text.push('\n');
    let mut grid = Grid::new().column("", Align::Left);
    for (idx, policy) in report.policies.iter().enumerate() {
        let label = policy_label(lang, &policy.policy);
        // The first policy stays on any screen.
        grid = if idx == 0 {
            grid.column(label, Align::Right)
        } else {
            grid.optional(label, Align::Right, u8::try_from(idx).unwrap_or(u8::MAX))
        };
    }
    for (label, cells) in indicators(lang, report) {
        grid.row(std::iter::once(label).chain(cells));
    }
    text.push_str(&grid.render(session));
    let bound = format!("{} {}", format::float(report.bound.cost, 0), report.currency);
    let _ = writeln!(text, "  {}", session.dim(&format!("{}: {bound}", session.text(Text::Bound))));
    if !report.savings.is_empty() {
        let title = session.fill(Text::SavingTitle, &[&format::percent(report.ci_level)]);
        let _ = write!(text, "\n{}\n", session.bold(&title));
        for saving in &report.savings {
            bullet(session, &mut text, session.either(&saving.sentence, &saving.sentence_zh), None);
        }
    }
    let _ = write!(text, "\n{}\n", session.bold(session.text(Text::HowItWasDone)));
    for note in &report.notes {
        bullet(session, &mut text, note.text(lang), None);
    }
    for skipped in &report.skipped {
        let n = format::count(skipped.n_item_locations);
        bullet(session, &mut text, &session.fill(Text::SkippedPairs, &[&n, &skipped.reason.text(lang)]), None);
    }
    text
}

fn forecasts(session: &Session, args: &BacktestArgs, project: &Project, loaded: &Loaded) -> Result<Output, CliError> {
    let names: Vec<&str> =
        if args.models.is_empty() { MODELS.to_vec() } else { args.models.iter().map(String::as_str).collect() };
    let models: Vec<Box<dyn Forecaster>> =
        names.iter().map(|name| forecaster(name, loaded)).collect::<Result<_, _>>()?;
    let models: Vec<&dyn Forecaster> = models.iter().map(AsRef::as_ref).collect();
    let mut options = ForecastBacktestOptions::new(args.horizon as usize, args.windows.unwrap_or(3) as usize);
    options.limit = args.limit;
    options.evaluate.ci_level = args.ci;
    options.evaluate.seed = loaded.settings.seed;
    let progress = session.progress(session.text(Text::Forecasting));
    let board = forecast_backtest(&loaded.import.dataset, &loaded.settings, &models, &options, &|done, total| {
        progress.set(done as u64, total as u64);
    });
    drop(progress);
    let path = args.out.clone().unwrap_or_else(|| project.default_out()).join("calibration.svg");
    write_file(&path, &chart::svg(&calibration(&board)))?;
    if args.open {
        open_in_browser(&path);
    }
    if session.json {
        return Output::json(&board);
    }
    let mut text = leaderboard_text(session, &board);
    let _ = write!(text, "\n{}\n", session.dim(&session.fill(Text::Written, &[&path.display()])));
    Ok(Output::text(text))
}

/// Curves of a calibration chart: the best models, and what a perfect one would show.
const N_CALIBRATION_CURVES: usize = 4;

/// How often demand was at or below each quantile; a calibrated model lies on the diagonal.
fn calibration(board: &Leaderboard) -> Chart {
    let all = board.rows.iter().filter(|row| row.group == "all" && row.coverage.len() == QUANTILE_LEVELS.len());
    let mut curves: Vec<(String, Vec<(f64, f64)>)> = all
        .take(N_CALIBRATION_CURVES)
        .map(|row| (row.model.clone(), QUANTILE_LEVELS.into_iter().zip(row.coverage.iter().copied()).collect()))
        .collect();
    curves.push(("calibrated".to_owned(), vec![(0.0, 0.0), (1.0, 1.0)]));
    Chart {
        title: format!("Calibration over {} periods of {} series", board.horizon, format::count(board.n_series)),
        x_label: "quantile level",
        y_label: "share of periods at or below it",
        curves,
    }
}

fn leaderboard_text(session: &Session, board: &Leaderboard) -> String {
    let mut text = format!("{}\n", session.bold(session.text(Text::Leaderboard)));
    let counts = [board.n_series, board.n_origins, board.horizon, board.n_too_short].map(format::count);
    let line = session.fill(Text::LeaderboardOver, &[&counts[0], &counts[1], &counts[2], &counts[3]]);
    text.push_str(&format!("{}\n", session.dim(&line)));
    let mut groups: Vec<&str> = Vec::new();
    for row in &board.rows {
        if !groups.contains(&row.group.as_str()) {
            groups.push(&row.group);
        }
    }
    for group in groups {
        let rows: Vec<_> = board.rows.iter().filter(|row| row.group == group).collect();
        let title = format!(
            "{} ({})",
            pattern_label(group, session.lang),
            format::count(rows.first().map_or(0, |row| row.n_series))
        );
        text.push_str(&format!("\n{}\n", session.bold(&title)));
        let ci = format::percent(board.ci_level);
        let mut grid = Grid::new()
            .column(session.text(Text::Model), Align::Left)
            .column("WQL", Align::Right)
            .optional(ci.clone(), Align::Left, 4)
            .column("MASE", Align::Right)
            .optional(ci, Align::Left, 5)
            .optional("RMSSE", Align::Right, 6)
            .optional("SQL", Align::Right, 7)
            .optional("WAPE", Align::Right, 2)
            .optional(session.text(Text::Bias), Align::Right, 1)
            .optional(session.text(Text::Coverage), Align::Right, 3)
            .optional(session.text(Text::LeadTimePinball), Align::Right, 8)
            .optional(session.text(Text::ValueAdded), Align::Right, 3)
            .optional(session.text(Text::TrackingSignal), Align::Right, 9)
            .optional(session.text(Text::CumulativeError), Align::Right, 10)
            .optional("PIS", Align::Right, 11);
        for row in rows {
            let interval = |low: f64, high: f64| format!("{}–{}", format::float(low, 3), format::float(high, 3));
            // Levels 0.1 and 0.9 of the 13.
            let coverage = [2, 10].map(|idx| row.coverage.get(idx).map_or(f64::NAN, |share| *share));
            let pinball = row.lead_times.last().map_or(String::new(), |score| {
                let mean = score.pinball.iter().sum::<f64>() / score.pinball.len().max(1) as f64;
                format::float(mean, 3)
            });
            grid.row([
                row.model.clone(),
                format::float(row.wql.value, 3),
                interval(row.wql.low, row.wql.high),
                format::float(row.mase.value, 3),
                interval(row.mase.low, row.mase.high),
                format::float(row.rmsse, 3),
                format::float(row.sql, 3),
                format::float(row.wape, 3),
                format!("{}{}", if row.bias > 0.0 { "+" } else { "" }, format::percent(row.bias)),
                format!("{} / {}", format::percent(coverage[0]), format::percent(coverage[1])),
                pinball,
                row.value_added.map_or(String::new(), |added| {
                    format!("{}{}", if added.value > 0.0 { "+" } else { "" }, format::float(added.value, 3))
                }),
                format::float(row.tracking_signal, 1),
                format::float(row.cumulative_error, 0),
                format::float(row.periods_in_stock, 0),
            ]);
        }
        text.push_str(&grid.render(session));
    }
    text.push_str(&format!("\n{}\n", session.dim(session.text(Text::LeaderboardNote))));
    text
}
