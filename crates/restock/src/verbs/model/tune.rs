//! `restock model tune`: the pretrained model fitted to the project's history.

use std::time::Instant;

use restock_core::SeriesInput;
use restock_engine::HistoryBuilder;
use restock_pretrained::shipped;
use restock_pretrained::tuning::adapter::Method;
use restock_pretrained::tuning::tune::{Attempt, Options, Outcome, tune};
use serde_json::json;

use crate::cli::{TuneArgs, TuneMethod};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{Loaded, Project, registry_error, shell_word};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

pub(super) fn run(session: &Session, args: &TuneArgs) -> Result<Output, CliError> {
    let project = Project::open(session, &args.data)?;
    let loaded = project.load(session)?;
    let horizon = args.horizon.map_or_else(|| loaded.settings.bucket.usual_horizon(), |horizon| horizon as usize);
    let series = series_of(&loaded, horizon);
    let options = Options {
        methods: match args.method {
            TuneMethod::Auto => Method::ALL.to_vec(),
            TuneMethod::Calibrate => vec![Method::Calibrate],
            TuneMethod::Head => vec![Method::Head],
            TuneMethod::Lora => vec![Method::Lora],
            TuneMethod::Full => vec![Method::Full],
        },
        seconds: args.budget,
        most_steps: args.steps,
        seed: args.seed,
        day: session.today.to_string(),
        parent: loaded.models.active().map_err(|error| registry_error(&error))?,
        ..Options::new(horizon)
    };
    let bar = session.progress(session.text(Text::Tuning));
    let start = Instant::now();
    let outcome = tune(&series, shipped::base(), &options, &|| start.elapsed().as_secs_f64(), &mut |progress| {
        if let Some(method) = progress.method {
            bar.say(&session.fill(Text::TuningStep, &[&method, &progress.step]));
        }
        // Seconds of seconds, so that the bar knows the time left.
        bar.set((progress.done * args.budget) as u64, args.budget.ceil() as u64);
    })
    .map_err(|error| CliError::data(error.to_string()).hint("a shorter horizon needs less history: --horizon 7"))?;
    drop(bar);

    let kept = outcome.kept();
    let saved = match kept {
        Some(adapter) if !args.dry_run => {
            let config = shipped::base().weights.config();
            Some(loaded.models.save(adapter, config).map_err(|error| registry_error(&error))?)
        }
        _ => None,
    };
    if let (Some(version), true) = (&saved, args.promote) {
        let promoted = loaded.models.promote(version, None, &options.day, shipped::base());
        promoted.map_err(|error| registry_error(&error))?;
    }
    let mut output = if session.json {
        Output::json(&json!({
            "n_series": outcome.n_series, "n_windows": outcome.n_windows, "horizon": horizon,
            "attempts": outcome.attempts, "best": outcome.best.as_ref().map(|best| &best.card),
            "is_better": kept.is_some(), "saved": saved, "promoted": saved.is_some() && args.promote,
        }))?
    } else {
        let mut text = outcome_text(session, &outcome, &options, saved.as_deref());
        if let (Some(version), false) = (&saved, args.promote) {
            let folder = project.dir.display().to_string();
            let flag = if folder == "." { String::new() } else { format!(" --project {}", shell_word(&folder)) };
            text.push_str(&format!("\n{}\n", session.fill(Text::NextPromote, &[version, &flag])));
        }
        Output::text(text)
    };
    output.findings = kept.is_none();
    output.notes = loaded.notes;
    Ok(output)
}

/// The history of every item-location with sales.
fn series_of(loaded: &Loaded, horizon: usize) -> Vec<SeriesInput> {
    let builder = HistoryBuilder::new(&loaded.import.dataset, &loaded.settings);
    let series = builder.pairs_with_sales().map(|(item, location)| builder.build(item, location, horizon).series);
    series.filter(|series| series.n_periods() > 0).collect()
}

fn outcome_text(session: &Session, outcome: &Outcome, options: &Options, saved: Option<&str>) -> String {
    let counts = [outcome.n_series, outcome.n_windows].map(format::count);
    let title = session.fill(Text::TuningTitle, &[&counts[0], &counts[1], &options.n_origins, &options.horizon]);
    let mut text = format!("{}\n\n", session.bold(&title));
    let mut grid = Grid::new()
        .column(session.text(Text::MethodWord), Align::Left)
        .optional(session.text(Text::StepsWord), Align::Right, 4)
        .optional(session.text(Text::ShareWord), Align::Right, 3)
        .column(session.text(Text::ScaledLoss), Align::Right)
        .column(session.text(Text::ShippedScaledLoss), Align::Right)
        .column(session.text(Text::BetterBy), Align::Right)
        .optional("", Align::Left, 2)
        .optional("WQL", Align::Right, 1)
        .optional(session.text(Text::Time), Align::Right, 5);
    for Attempt { method, share, steps, seconds, evidence } in &outcome.attempts {
        let improvement = evidence.improvement;
        grid.row([
            method.name().to_owned(),
            format::count(*steps as usize),
            format::plain(*share, 2),
            format::float(evidence.tuned.sql.value, 4),
            format::float(evidence.zero_shot.sql.value, 4),
            percent(improvement.value),
            format!("[{} {}]", percent(improvement.low), percent(improvement.high)),
            format::float(evidence.tuned.wql.value, 4),
            format!("{seconds:.0} s"),
        ]);
    }
    text.push_str(&grid.render(session));
    text.push_str(&format!(
        "\n{}\n{}\n\n",
        session.dim(session.text(Text::ValidatedOn)),
        session.dim(session.text(Text::ShareNote))
    ));
    let found = match outcome.best.as_ref().and_then(|best| Some((best, best.card.evidence?))) {
        None => {
            let shipped = outcome.attempts.first().map_or(f64::NAN, |attempt| attempt.evidence.zero_shot.sql.value);
            session.fill(Text::TunedNothing, &[&format::float(shipped, 4)])
        }
        Some((best, evidence)) => {
            let loss = |value: f64| format::float(value, 4);
            let method = best.card.method.name();
            let (tuned, shipped) = (loss(evidence.tuned.sql.value), loss(evidence.zero_shot.sql.value));
            let wql = [evidence.tuned.wql.value, evidence.zero_shot.wql.value].map(loss);
            let improvement = evidence.improvement;
            let better = [improvement.value, improvement.low, improvement.high].map(percent);
            let n_series = format::count(evidence.n_series);
            match (saved, evidence.is_better()) {
                (Some(version), _) => session.fill(
                    Text::TunedSaved,
                    &[&version, &method, &tuned, &shipped, &better[0], &better[1], &better[2], &n_series],
                ),
                (None, true) => session.fill(
                    Text::TunedBetter,
                    &[&method, &tuned, &shipped, &better[0], &better[1], &better[2], &n_series],
                ),
                (None, false) => session.fill(
                    Text::TunedRefused,
                    &[&method, &tuned, &shipped, &better[0], &better[1], &better[2], &wql[0], &wql[1], &n_series],
                ),
            }
        }
    };
    text.push_str(&format!("{found}\n"));
    text
}

/// A gain as a signed percentage.
fn percent(share: f64) -> String {
    format::gap(Some(share), 2)
}
