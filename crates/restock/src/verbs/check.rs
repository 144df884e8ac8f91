//! `restock check`: the health of the data, what each missing table would improve, and what to count first.

use restock_core::{Finding, Severity};
use restock_engine::health::{CountLine, HealthReport};
use serde::Serialize;

use crate::cli::{CheckArgs, FailOn};
use crate::error::CliError;
use crate::format;
use crate::i18n::{Text, finding_title, severity_label};
use crate::project::{Project, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Findings printed; the JSON has all.
const N_SHOWN: usize = 40;

#[derive(Serialize)]
struct CheckJson<'a> {
    #[serde(flatten)]
    report: &'a HealthReport,
    row_errors: &'a [restock_core::RowError],
    n_row_errors: usize,
    notes: &'a [String],
    files: &'a [String],
}

pub(crate) fn run(session: &Session, args: &CheckArgs) -> Result<Output, CliError> {
    let project = Project::open(session, &args.data)?;
    let loaded = project.load(session)?;
    let report = restock_engine::health::check(&loaded.import.dataset, &loaded.settings);
    if args.counts {
        return counts(session, args, &report, loaded.notes);
    }
    let mut worst = report.worst();
    // A row in quarantine weighs as much as a warning.
    if loaded.import.n_row_errors > 0 {
        worst = worst.max(Some(Severity::Warning));
    }
    let findings = match args.fail_on {
        FailOn::Error => worst >= Some(Severity::Error),
        FailOn::Warning => worst >= Some(Severity::Warning),
        FailOn::Info => worst.is_some(),
        FailOn::Never => false,
    };
    let mut output = if session.json {
        Output::json(&CheckJson {
            report: &report,
            row_errors: &loaded.import.row_errors,
            n_row_errors: loaded.import.n_row_errors,
            notes: &loaded.import.notes,
            files: &loaded.import.dataset.files,
        })?
    } else {
        let mut text = super::import::tables_text(session, &loaded.import);
        text.push_str(&report_text(session, &report, &loaded.import.dataset.files, loaded.import.n_row_errors));
        Output::text(text)
    };
    output.findings = findings;
    output.notes = loaded.notes;
    Ok(output)
}

/// The list of `--counts`, as text, JSON or a count sheet.
fn counts(session: &Session, args: &CheckArgs, report: &HealthReport, notes: Vec<String>) -> Result<Output, CliError> {
    let lines = &report.count_list;
    if let Some(out) = &args.out {
        if std::fs::read_to_string(out).is_ok_and(|sheet| restock_store::is_filled_in(&sheet)) {
            return Err(CliError::usage(session.fill(Text::CountSheetFilled, &[&out.display()])));
        }
        write_file(out, &count_sheet(session, report))?;
    }
    let mut output = if session.json {
        Output::json(lines)?
    } else {
        let mut text = if lines.is_empty() {
            format!("\n{}\n", session.text(Text::CountNothing))
        } else {
            let title = session.fill(Text::CountTitle, &[&format::count(lines.len())]);
            format!("\n{}\n\n{}", session.bold(&title), count_grid(session, &lines[..lines.len().min(args.top)]))
        };
        if lines.len() > args.top {
            let more = session.fill(Text::NMore, &[&format::count(lines.len() - args.top)]);
            text.push_str(&format!("  {}\n", session.dim(&more)));
        }
        if let Some(out) = &args.out {
            text.push_str(&format!("\n{}\n", session.fill(Text::CountSheet, &[&out.display()])));
        }
        Output::text(text)
    };
    output.notes = notes;
    Ok(output)
}

fn count_grid(session: &Session, lines: &[CountLine]) -> String {
    let mut grid = Grid::new()
        .column(format!("{}@{}", session.text(Text::Item), session.text(Text::Location)), Align::Left)
        .column(session.text(Text::CountEmpty), Align::Right)
        .column(session.text(Text::CountRecorded), Align::Right)
        .optional(session.text(Text::CountExpected), Align::Right, 2)
        .column(session.text(Text::CountSaving), Align::Right)
        .optional(session.text(Text::CountReason), Align::Text, 1);
    for line in lines {
        grid.row([
            console::truncate_str(&format!("{}@{}", line.item_id, line.location_id), 28, "…").into_owned(),
            format::percent(line.probability_empty),
            line.recorded.to_string(),
            format!("{:.1}", line.expected_on_hand),
            format!("{:.2}", line.saving),
            session.either(&line.reason, &line.reason_zh).to_owned(),
        ]);
    }
    grid.render(session)
}

/// A stock table to fill in: what is counted goes into `on_hand`, and lines left empty are not counted. A count is as of
/// the evening of `as_of`: before the shop opens on the day of the check.
fn count_sheet(session: &Session, report: &HealthReport) -> String {
    let mut sheet = String::from(
        "rank,item_id,item_name,location_id,recorded,recorded_on,on_hand,as_of,probability_empty,saving,reason\n",
    );
    let recorded_on = report.as_of.plus(-1);
    for (idx, line) in report.count_list.iter().enumerate() {
        let text = |text: &str| format::csv_cell(text);
        sheet.push_str(&format!(
            "{},{},{},{},{},{recorded_on},,{recorded_on},{:.3},{:.2},{}\n",
            idx + 1,
            text(&line.item_id),
            text(&line.item_name),
            text(&line.location_id),
            line.recorded,
            line.probability_empty,
            line.saving,
            text(session.either(&line.reason, &line.reason_zh)),
        ));
    }
    sheet
}

fn report_text(session: &Session, report: &HealthReport, files: &[String], n_refused: usize) -> String {
    let mut text = String::new();
    if n_refused > 0 {
        let refused = session.fill(Text::CheckRefused, &[&format::count(n_refused)]);
        text.push_str(&format!("\n{}\n", session.bold(&refused)));
    }
    let n = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    if report.findings.is_empty() {
        let clean = if n_refused > 0 { Text::CheckCleanElse } else { Text::CheckClean };
        text.push_str(&format!("\n{}\n", session.text(clean)));
    } else {
        let counts = [report.findings.len(), n(Severity::Error), n(Severity::Warning), n(Severity::Info)];
        let counts = counts.map(format::count);
        let title = session.fill(Text::CheckFindings, &[&counts[0], &counts[1], &counts[2], &counts[3]]);
        text.push_str(&format!("\n{}\n\n", session.bold(&title)));
        let mut grid = Grid::new()
            .column(session.text(Text::Code), Align::Left)
            .column(session.text(Text::SeverityWord), Align::Left)
            .optional(format!("{}@{}", session.text(Text::Item), session.text(Text::Location)), Align::Left, 2)
            .column(session.text(Text::Found), Align::Text)
            .optional(session.text(Text::Fix), Align::Text, 1)
            .optional(session.text(Text::Rows), Align::Left, 3);
        for finding in report.findings.iter().take(N_SHOWN) {
            let Finding { code, severity, item_id, location_id, .. } = finding;
            let subject: Vec<&str> = [item_id, location_id].into_iter().flatten().map(String::as_str).collect();
            let found = session.either(&finding.message, &finding.message_zh);
            grid.row([
                format!("{code:?}"),
                severity_label(*severity, session.lang).to_owned(),
                console::truncate_str(&subject.join("@"), 28, "…").into_owned(),
                format!("{}: {found}", finding_title(*code, session.lang)),
                session.either(&finding.fix, &finding.fix_zh).to_owned(),
                rows_in_words(finding, files),
            ]);
        }
        text.push_str(&grid.render(session));
        if report.findings.len() > N_SHOWN {
            let more = session.fill(Text::NMore, &[&format::count(report.findings.len() - N_SHOWN)]);
            text.push_str(&format!("  {}\n", session.dim(&more)));
        }
    }
    if !report.scores.is_empty() {
        let mean = report.scores.iter().map(|score| score.score).sum::<f64>() / report.scores.len() as f64;
        let line = session.fill(Text::CheckScore, &[&format::count(report.scores.len()), &format::percent(mean)]);
        text.push_str(&format!("\n{line}\n"));
    }
    if !report.missing_tables.is_empty() {
        text.push_str(&format!("\n{}\n\n", session.bold(session.text(Text::Missing))));
        let mut grid = Grid::new()
            .column(session.text(Text::Table), Align::Left)
            .column(session.text(Text::Improves), Align::Text);
        for table in &report.missing_tables {
            grid.row([table.table.clone(), session.either(&table.improves, &table.improves_zh).to_owned()]);
        }
        text.push_str(&grid.render(session));
    }
    text
}

/// `sales.csv 12, 15, 19 …` for the rows behind a finding.
fn rows_in_words(finding: &Finding, files: &[String]) -> String {
    let mut out = String::new();
    let mut file_idx = None;
    for row in finding.rows.iter().take(3) {
        if file_idx != Some(row.file_idx) {
            let name = files.get(usize::from(row.file_idx)).map_or("", String::as_str);
            out.push_str(if out.is_empty() { "" } else { "; " });
            out.push_str(&format!("{name} {}", row.row));
            file_idx = Some(row.file_idx);
        } else {
            out.push_str(&format!(", {}", row.row));
        }
    }
    if finding.n_rows > 3 && !out.is_empty() {
        out.push_str(&format!(" +{}", format::count(finding.n_rows - 3)));
    }
    out
}
