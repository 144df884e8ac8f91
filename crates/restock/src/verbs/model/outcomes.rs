//! `restock model outcomes`: what came of earlier decisions.

use restock_adapt::AdaptationReport;
use restock_adapt::report::{ContestReport, LevelCoverage};
use restock_server::Dismissals;

use crate::adaptation::Experience;
use crate::cli::DataArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::ledger::{self, explained};
use crate::project::Project;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Alarms that the terminal shows; JSON has all.
const N_ALARMS: usize = 10;

/// Rules that the terminal shows; JSON has all.
const N_RULES: usize = 10;

/// Levels that the table shows.
const LEVELS: [f64; 3] = [0.5, 0.9, 0.95];

pub(super) fn run(session: &Session, data: &DataArgs) -> Result<Output, CliError> {
    let project = Project::open(session, data)?;
    let nothing = || {
        CliError::usage("nothing was judged yet: there is no project, or no plan of it was made")
            .hint("the first `restock plan` of each day, or a server, keeps its decisions until outcomes tell")
    };
    let dir = project.own_dir().ok_or_else(nothing)?;
    let ledger = ledger::open_reader(dir)?.ok_or_else(nothing)?;
    let experience = Experience::kept(&*ledger).map_err(|error| explained(&error))?.ok_or_else(nothing)?;
    let mut report = experience.report().ok_or_else(nothing)?;
    let dismissals = Dismissals::of(&*ledger).map_err(|error| explained(&error))?;
    report.rules.retain(|rule| !dismissals.hide(rule));
    if session.json { Output::json(&report) } else { Ok(Output::text(text_of(session, &report))) }
}

fn text_of(session: &Session, report: &AdaptationReport) -> String {
    let count = |n: u64| format::count(n as usize);
    let mut text = session.fill(
        Text::OutcomesUpTo,
        &[&report.as_of, &count(report.n_judged), &count(report.n_waiting), &count(report.n_unknown)],
    );
    text.push_str("\n\n");
    text.push_str(&segments(session, report));
    if !report.alarms.is_empty() {
        text.push_str(&format!("\n{}\n", session.text(Text::AlarmsWord)));
    }
    for alarm in report.alarms.iter().take(N_ALARMS) {
        let place = match &alarm.alarm.subject {
            restock_adapt::Subject::Place(place) => format!("{} @ {}: ", place.item_id, place.location_id),
            restock_adapt::Subject::Segment(_) => String::new(),
        };
        let said = if session.lang == restock_core::settings::Lang::ZhCn {
            alarm.alarm.message_zh()
        } else {
            alarm.message.clone()
        };
        text.push_str(&format!("  {}  {place}{said}\n", alarm.alarm.raised_on));
    }
    for contest in &report.contests {
        text.push_str(&format!("\n{}\n", contest_text(session, contest)));
    }
    if report.edits.n_edits > 0 {
        let edits = &report.edits;
        let saved = format::plain(edits.saved, 2);
        text.push_str(&format!(
            "\n{}\n",
            session.fill(Text::EditsWorth, &[&count(edits.n_edits), &count(edits.n_better), &saved])
        ));
    }
    if !report.rules.is_empty() {
        text.push_str(&format!("\n{}\n", session.text(Text::EditsSuggest)));
    }
    let is_chinese = session.lang == restock_core::settings::Lang::ZhCn;
    for rule in report.rules.iter().take(N_RULES) {
        text.push_str(&format!("  {}\n", if is_chinese { rule.message_zh() } else { rule.message() }));
    }
    if report.overrides.n_overridden > 0 {
        let overrides = &report.overrides;
        let [without, with] = [overrides.error_without, overrides.error_with].map(|error| format::plain(error, 1));
        let counts = [count(overrides.n_overridden), count(overrides.n_better)];
        text.push_str(&format!(
            "\n{}\n",
            session.fill(Text::OverridesWorth, &[&counts[0], &counts[1], &without, &with])
        ));
    }
    if let Some(run) = report.backtests.first() {
        text.push_str(&format!("\n{}\n", session.fill(Text::LastBacktest, &[&run.day, &count(run.n_item_locations)])));
        for policy in &run.policies {
            let fill = policy.fill_rate.map_or_else(String::new, |rate| format!("{:.1} %", 100.0 * rate));
            text.push_str(&format!("  {:<12} {:>14} {fill:>9}\n", policy.policy, format::plain(policy.cost, 2)));
        }
    }
    text
}

/// How forecasts have done, and what is asked of them now.
fn segments(session: &Session, report: &AdaptationReport) -> String {
    let mut grid = Grid::new()
        .column(session.text(Text::SegmentWord), Align::Left)
        .column(session.text(Text::OutcomesWord), Align::Right)
        .column(session.text(Text::BiasWord), Align::Right)
        .column("WQL", Align::Right);
    for level in LEVELS {
        let head = session.fill(Text::CoveredAt, &[&format!("{:.0}", 100.0 * level)]);
        grid = grid.column(&head, Align::Right);
    }
    for segment in &report.segments {
        let name = segment.segment.map_or(session.text(Text::AllWord), restock_adapt::Segment::name);
        let percent = |share: Option<f64>| share.map_or_else(String::new, |share| format!("{:+.1} %", 100.0 * share));
        let mut row = vec![
            name.to_owned(),
            format::count(segment.n_seen as usize),
            percent(segment.bias),
            segment.wql.map_or_else(String::new, |wql| format::float(wql, 3)),
        ];
        for level in LEVELS {
            let found = segment.levels.iter().find(|coverage| (coverage.level - level).abs() < 1e-9);
            row.push(found.map_or_else(String::new, covered));
        }
        grid.row(row);
    }
    grid.render(session)
}

/// Shares below and at or below the quantile, and the level that is asked now.
fn covered(coverage: &LevelCoverage) -> String {
    let LevelCoverage { below, at_or_below, asked, .. } = coverage;
    format!("{:.0}-{:.0} % > {:.1} %", 100.0 * below, 100.0 * at_or_below, 100.0 * asked)
}

fn contest_text(session: &Session, contest: &ContestReport) -> String {
    let what = match contest.of.as_str() {
        "model" => session.text(Text::ModelWord),
        _ => session.text(Text::PolicyWord),
    };
    let mut text = session.fill(Text::ActsNow, &[&what, &contest.champion]);
    if let Some(message) = &contest.message {
        text.push_str(&format!("\n  {message}"));
    }
    for change in contest.history.iter().rev().take(3) {
        let kind = serde_json::to_value(change.kind).ok();
        let kind = kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        text.push_str(&format!("\n  {}  {kind}: {} / {}", change.day, change.champion, change.other));
    }
    text
}
