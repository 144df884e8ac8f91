//! `restock plan` and `restock try`: from data to a ranked, explained order list.

use std::path::{Path, PathBuf};

use console::Style;
use restock_core::finding::PlanException;
use restock_core::proposal::Proposal;
use restock_core::{Day, Finding, FindingCode, Money, Quantity, Severity};
use restock_engine::backtest::is_long_enough;
use restock_engine::health::MissingTable;
use restock_engine::{DetailedPlan, LineDetail, Plan, ToJudge, Unplanned};
use restock_store::TableSummary;
use serde::Serialize;

use crate::adaptation::Lesson;
use crate::cli::PlanArgs;
use crate::error::{CliError, row_errors};
use crate::format;
use crate::i18n::{Text, exception_label, objective_label};
use crate::project::{Loaded, Project, Repeated, apply_flags, forecaster, is_known, write_file};
use crate::report::{self, Assumption};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};
use crate::verbs::serve::is_served;

/// Lines whose charts go into the HTML report.
pub(crate) const N_DETAILS: usize = 300;

/// Findings that the terminal shows; all of them are in the report and in `restock check`.
const N_FINDINGS: usize = 4;

/// A plan with everything people are told about it.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) loaded: Loaded,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) missing: Vec<MissingTable>,
    /// Charts and numbers of the lines with the most at stake.
    pub(crate) details: Vec<LineDetail>,
    /// Whether the sales reach back far enough for a backtest.
    pub(crate) can_backtest: bool,
    /// What is judged later by what comes of it.
    pub(crate) to_judge: Vec<ToJudge>,
}

/// A plan for machines.
#[derive(Serialize)]
pub(crate) struct PlanJson<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    assumptions: &'a [Assumption],
    missing_tables: &'a [MissingTable],
    notes: &'a [String],
    n_row_errors: usize,
    files: &'a [PathBuf],
}

impl<'a> PlanJson<'a> {
    pub(crate) fn new(planned: &'a Planned, files: &'a [PathBuf]) -> Self {
        Self {
            plan: &planned.plan,
            assumptions: &planned.assumptions,
            missing_tables: &planned.missing,
            notes: &planned.loaded.import.notes,
            n_row_errors: planned.loaded.import.n_row_errors,
            files,
        }
    }
}

pub(crate) fn run(session: &Session, args: &PlanArgs) -> Result<Output, CliError> {
    let project = Project::open(session, &args.data)?;
    run_on(session, args, &project)
}

/// The same without any configuration, for one file.
pub(crate) fn run_try(session: &Session, args: &PlanArgs) -> Result<Output, CliError> {
    if args.data.paths.is_empty() {
        return Err(CliError::usage("no file was given").hint("restock try sales.csv"));
    }
    let project = Project::open(session, &args.data)?;
    run_on(session, args, &project)
}

fn run_on(session: &Session, args: &PlanArgs, project: &Project) -> Result<Output, CliError> {
    let mut loaded = project.load(session)?;
    let own = loaded.settings.clone();
    apply_flags(&mut loaded.settings, &args.planning)?;
    // What is tried out, looked back at or planned by a server teaches nothing.
    let is_own = !args.dry_run && !loaded.looks_back && loaded.settings == own;
    let lesson = match project.own_dir().filter(|dir| is_own && !is_served(dir)) {
        Some(dir) => Some(Lesson::begin(dir, &mut loaded)?),
        None => None,
    };
    let n_details = if args.dry_run { 0 } else { N_DETAILS };
    let mut planned = plan_loaded(session, loaded, project.config_path().is_some(), n_details)?;
    require_sales(&planned)?;
    let mut notes = Vec::new();
    match lesson.map_or(Ok(Vec::new()), |lesson| lesson.end(&planned, session.now)) {
        Ok(alarms) => planned.plan.add_exceptions(alarms),
        Err(error) => notes.push(error.message),
    }
    let (out, files) = if args.dry_run {
        (None, Vec::new())
    } else {
        let out = args.out.clone().unwrap_or_else(|| project.default_out());
        let files = write_plan(session, &planned, &out)?;
        (Some(out), files)
    };
    let report = files.iter().find(|file| file.extension().is_some_and(|ext| ext == "html"));
    if args.open
        && let Some(report) = report
    {
        open_in_browser(report);
    }
    notes.extend(planned.loaded.notes.iter().cloned());
    notes.extend(planned.loaded.shadow.note(session, &planned.plan, &planned.loaded.settings));
    if args.publish {
        if project.config_path().is_none() || project.ad_hoc {
            return Err(CliError::usage(
                "only the plan of a project's own data goes on its desk, and here is no project",
            )
            .hint("`restock init` makes one"));
        }
        if planned.loaded.looks_back {
            return Err(CliError::usage(
                "a plan of a named day does not know what was ordered since, so it cannot go on the desk",
            )
            .hint("leave --as-of and planning.as_of out"));
        }
        notes.push(super::desk::publish(session, &project.dir, &planned.plan)?);
    }
    if !args.dry_run
        && let Err(error) = planned.loaded.shadow.begin(planned.plan.as_of)
    {
        notes.push(error.message);
    }
    let mut output = if session.json {
        Output::json(&PlanJson::new(&planned, &files))?
    } else {
        let repeated = Repeated::new(session, &args.data, &args.planning);
        Output::text(plan_text(session, &planned, args.top, out.as_deref(), &files, &repeated))
    };
    output.notes = notes;
    Ok(output)
}

/// Plans what was read; `configured` says whether someone wrote down objective and currency. The first `n_details` lines
/// get charts.
pub(crate) fn plan_loaded(
    session: &Session,
    loaded: Loaded,
    configured: bool,
    n_details: usize,
) -> Result<Planned, CliError> {
    let forecaster = forecaster(&loaded.settings.forecast_model, &loaded)?;
    let progress = session.progress(session.text(Text::Planning));
    let dataset = &loaded.import.dataset;
    let DetailedPlan { plan, details, missing_tables, to_judge } =
        restock_engine::plan_with_details(dataset, &loaded.settings, forecaster.as_ref(), n_details, &|done, total| {
            progress.set(done as u64, total as u64)
        });
    drop(progress);
    let assumptions = report::assumptions(&plan, dataset, &loaded.settings, configured, session.lang);
    let can_backtest = plan.summary.n_planned > 0 && is_long_enough(dataset, &loaded.settings);
    Ok(Planned { plan, loaded, assumptions, missing: missing_tables, details, can_backtest, to_judge })
}

/// Refuses a plan without sales, unless a minimum stock or stock promised to others makes one of a known day.
fn require_sales(planned: &Planned) -> Result<(), CliError> {
    const MOST_HEADERS: usize = 12;
    let Planned { plan, loaded, .. } = planned;
    let has_day = loaded.settings.as_of.is_some() || plan.as_of > Day(0);
    if !loaded.import.dataset.sales.is_empty() || plan.summary.n_planned > 0 && has_day {
        return Ok(());
    }
    let tables = loaded.import.tables.iter().map(|table| {
        let mut headers = table.headers.clone();
        if headers.len() > MOST_HEADERS {
            headers.truncate(MOST_HEADERS);
            headers.push("…".to_owned());
        }
        format!("{} ({}: {})", table.table, table.file, headers.join(", "))
    });
    let read = tables.collect::<Vec<_>>().join("; ");
    Err(CliError::data(format!("no sales were found; the files were read as: {read}")).hint(
        if plan.summary.n_planned > 0 {
            "name the day of the plan with --as-of, because there are no sales to tell it"
        } else {
            "sales need one row per item and date, with columns such as date, item and quantity; a wide table with a \
             column per day or month is read with a mapping file (--map, see examples/mappings)"
        },
    ))
}

/// Writes order files, the plan, the quarantine and the report.
pub(crate) fn write_plan(session: &Session, planned: &Planned, out: &Path) -> Result<Vec<PathBuf>, CliError> {
    let Planned { plan, loaded, .. } = planned;
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        CliError::usage(format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(out).map_err(|error| failed(out, &error))?;
    let mut files = Vec::new();
    let mut write = |name: &str, result: &dyn Fn(&Path) -> Result<(), String>| -> Result<(), CliError> {
        let path = out.join(name);
        result(&path).map_err(|error| failed(&path, &error))?;
        files.push(path);
        Ok(())
    };
    let text = |error: std::io::Error| error.to_string();
    write("orders.csv", &|path| restock_store::write::proposals_csv(&plan.proposals, path).map_err(|e| e.to_string()))?;
    write("orders.parquet", &|path| {
        restock_store::write::proposals_parquet(&plan.proposals, path).map_err(|e| e.to_string())
    })?;
    write("plan.json", &|path| {
        let json = serde_json::to_string(plan).map_err(|error| error.to_string())?;
        std::fs::write(path, json).map_err(text)
    })?;
    if let Some(bounds) = loaded.settings.months_of_stock {
        write("stock_status.csv", &|path| std::fs::write(path, stock_status_csv(plan, bounds)).map_err(text))?;
    }
    if loaded.import.n_row_errors > 0 {
        write("quarantine.csv", &|path| {
            std::fs::write(path, quarantine_csv(session, &loaded.import.row_errors)).map_err(text)
        })?;
    }
    let page = report::plan_page::render(session.lang, planned);
    write("report.html", &|path| std::fs::write(path, &page).map_err(text))?;
    Ok(files)
}

/// Months of stock of every item-location beside their bounds, as stock status reports of medical supply systems have them.
fn stock_status_csv(plan: &Plan, [least, most]: [f64; 2]) -> String {
    let mut out =
        "location_id,item_id,on_hand,monthly_consumption,months_of_stock,min_months,max_months,status,on_order,\
                   quantity,stockout_probability\n"
            .to_owned();
    for line in &plan.lines {
        let status = match line.months_of_stock {
            _ if !line.stock_assumed && line.on_hand == Quantity::ZERO => "stocked_out",
            None => "unknown",
            Some(months) if months < least => "below_minimum",
            Some(months) if months > most => "above_maximum",
            Some(_) => "stocked_to_plan",
        };
        let number = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
        let cells = [
            line.location_id.clone(),
            line.item_id.clone(),
            if line.stock_assumed { String::new() } else { line.on_hand.to_string() },
            number(line.monthly_consumption),
            number(line.months_of_stock),
            least.to_string(),
            most.to_string(),
            status.to_owned(),
            line.on_order.to_string(),
            line.quantity.to_string(),
            line.p_stockout[1].to_string(),
        ];
        out.push_str(&cells.each_ref().map(|cell| format::csv_cell(cell)).join(","));
        out.push('\n');
    }
    out
}

/// Row errors as a table that any spreadsheet opens.
pub(crate) fn quarantine_csv(session: &Session, rows: &[restock_core::RowError]) -> String {
    let mut out = "file,row,column,value,expected,fix\n".to_owned();
    for row in rows {
        let (expected, fix) = (session.said(&row.expected), session.said(&row.fix));
        let cells = [&row.file, &row.row.to_string(), &row.column, &row.value, &*expected, &*fix];
        out.push_str(&cells.map(format::csv_cell).join(","));
        out.push('\n');
    }
    out
}

/// Asks the desktop to show a file; nothing happens where there is none.
pub(crate) fn open_in_browser(path: &Path) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(target_os = "windows") {
        "explorer"
    } else {
        "xdg-open"
    };
    let quiet = std::process::Stdio::null;
    let _ = std::process::Command::new(opener).arg(path).stdout(quiet()).stderr(quiet()).spawn();
}

/// The plan as a person reads it on a terminal.
pub(crate) fn plan_text(
    session: &Session,
    planned: &Planned,
    top: usize,
    out: Option<&Path>,
    files: &[PathBuf],
    repeated: &Repeated,
) -> String {
    let Planned { plan, loaded, assumptions, missing, .. } = planned;
    let mut text = format!("{}\n\n", session.bold(&session.fill(Text::PlanTitle, &[&plan.as_of])));
    text.push_str(&summary(session, planned));
    text.push_str(&import_remarks(session, &loaded.import.notes, &loaded.import, files));
    if !assumptions.is_empty() {
        heading(session, &mut text, Text::Assumed);
        for Assumption { text: what, replace } in assumptions {
            bullet(session, &mut text, what, Some(&session.fill(Text::AssumedReplace, &[replace])));
        }
    }
    if !missing.is_empty() {
        heading(session, &mut text, Text::Missing);
        for table in missing.iter().take(4) {
            let improves = session.either(&table.improves, &table.improves_zh);
            bullet(session, &mut text, &format!("{}: {improves}", table.table), None);
        }
        more(session, &mut text, missing.len(), 4);
    }
    findings(session, &mut text, plan);
    exceptions(session, &mut text, plan);
    orders(session, &mut text, plan, top, out);
    if !files.is_empty() {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        text.push('\n');
        for line in wrap(&session.fill(Text::Written, &[&names.join(", ")]), session.width) {
            text.push_str(&format!("{}\n", session.dim(&line)));
        }
    } else if out.is_none() {
        text.push_str(&format!("\n{}\n", session.text(Text::DryRun)));
    }
    next_steps(session, &mut text, planned, files, repeated);
    text
}

/// What is wrong with the data as a whole, so that every quantity below may be: errors that are about no single item,
/// stock that is stale and dates that lie in the future.
fn findings(session: &Session, text: &mut String, plan: &Plan) {
    let told = |finding: &&Finding| {
        let of_all = finding.item_id.is_none() && finding.severity == Severity::Error;
        of_all || matches!(finding.code, FindingCode::D06 | FindingCode::D19) && finding.severity > Severity::Info
    };
    let found: Vec<&Finding> = plan.findings.iter().filter(told).collect();
    if found.is_empty() {
        return;
    }
    heading(session, text, Text::DataFirst);
    for finding in found.iter().take(N_FINDINGS) {
        let subject: Vec<&str> =
            [&finding.item_id, &finding.location_id].into_iter().flatten().map(String::as_str).collect();
        let subject = if subject.is_empty() { String::new() } else { format!("{} · ", subject.join("@")) };
        let what = session.either(&finding.message, &finding.message_zh);
        bullet(session, text, &format!("{subject}{what}"), Some(session.either(&finding.fix, &finding.fix_zh)));
    }
    more(session, text, found.len(), N_FINDINGS);
}

fn heading(session: &Session, text: &mut String, title: Text) {
    text.push_str(&format!("\n{}\n", session.bold(session.text(title))));
}

/// A bullet wrapped to the screen, with an optional dim second sentence.
pub(crate) fn bullet(session: &Session, text: &mut String, what: &str, extra: Option<&str>) {
    for (idx, line) in wrap(what, session.width.min(110).saturating_sub(4)).iter().enumerate() {
        text.push_str(&format!("  {} {line}\n", if idx == 0 { "·" } else { " " }));
    }
    for line in extra.map(|extra| wrap(extra, session.width.min(110).saturating_sub(4))).unwrap_or_default() {
        text.push_str(&format!("    {}\n", session.dim(&line)));
    }
}

fn more(session: &Session, text: &mut String, n: usize, shown: usize) {
    if n > shown {
        text.push_str(&format!("  {}\n", session.dim(&session.fill(Text::NMore, &[&format::count(n - shown)]))));
    }
}

/// Breaks a text into lines of at most `width` columns, at blanks where there are any.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive([' ', '，', '；', '。', '、']) {
        let columns = console::measure_text_width(word.trim_end());
        if used > 0 && used + columns > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
        used += console::measure_text_width(word);
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn summary(session: &Session, planned: &Planned) -> String {
    let Planned { plan, loaded, .. } = planned;
    let summary = &plan.summary;
    let n_all = summary.n_planned + summary.n_unplanned;
    let (n_lines, n_total) = (format::count(summary.n_proposals), format::count(n_all));
    let n_item_locations = n_lines.clone();
    let mut rows: Vec<(Text, String)> = Vec::new();
    rows.push((Text::SummaryData, tables_in_words(session, &loaded.import.tables, planned)));
    rows.push((Text::SummaryService, objective_label(&loaded.settings.objective, session.lang)));
    let mut orders = if summary.n_without_cost < summary.n_proposals || summary.n_proposals == 0 {
        let value = format::money_with_code(summary.order_value, &plan.currency);
        session.fill(Text::SummaryPlanned, &[&n_lines, &value, &n_item_locations, &n_total])
    } else {
        let units: f64 = plan.proposals.iter().map(|proposal| proposal.quantity.to_f64()).sum();
        session.fill(Text::SummaryPlannedNoCost, &[&n_lines, &format::float(units, 0), &n_item_locations, &n_total])
    };
    if summary.n_without_cost > 0 && summary.n_without_cost < summary.n_proposals {
        orders.push_str("; ");
        orders.push_str(&session.fill(Text::SummaryPartCost, &[&format::count(summary.n_without_cost)]));
    }
    rows.push((Text::SummaryOrders, orders));
    let ([lost, lost_with], [waits, waits_with]) = (summary.lost_margin, summary.waiting_margin);
    let risk = if is_known(lost) || is_known(waits) {
        let money = |value: Money| format::money_with_code(value, &plan.currency);
        let mut risk = if is_known(waits) {
            let amounts = [lost + waits, lost, waits, lost_with + waits_with, lost_with, waits_with].map(money);
            let amounts: Vec<&dyn std::fmt::Display> = amounts.iter().map(|amount| amount as _).collect();
            session.fill(Text::SummaryRiskBoth, &amounts)
        } else {
            session.fill(Text::SummaryRiskText, &[&money(lost), &money(lost_with)])
        };
        let unpriced: Vec<&Proposal> = plan.proposals.iter().filter(|line| !report::has_money(line)).collect();
        if !unpriced.is_empty() {
            let [units, _] = report::lost_in_units(unpriced.iter().copied());
            let values: [&dyn std::fmt::Display; 2] = [&format::float(units, 0), &format::count(unpriced.len())];
            risk.push_str("; ");
            risk.push_str(&session.fill(Text::SummaryRiskUnpriced, &values));
        }
        risk
    } else {
        let [without, with] = report::lost_in_units(&plan.proposals).map(|lost| format::float(lost, 0));
        session.fill(Text::SummaryRiskUnits, &[&without, &with])
    };
    rows.push((Text::SummaryRisk, risk));
    if summary.n_unplanned > 0 {
        rows.push((Text::SummaryLeftOut, session.fill(Text::SummaryUnplanned, &[&format::count(summary.n_unplanned)])));
    }
    let label_width =
        rows.iter().map(|(label, _)| console::measure_text_width(session.text(*label))).max().unwrap_or(0);
    let mut text = String::new();
    for (label, value) in rows {
        let label = session.text(label);
        let padding = " ".repeat(label_width - console::measure_text_width(label));
        for (idx, line) in wrap(&value, session.width.saturating_sub(label_width + 4)).iter().enumerate() {
            let label = if idx == 0 { format!("{}{padding}", session.dim(label)) } else { " ".repeat(label_width) };
            text.push_str(&format!("  {label}  {line}\n"));
        }
    }
    text
}

/// `sales 28,014 rows (gift_orders.csv) · events 167 rows (holidays.csv, local.csv)`, one entry a table.
fn tables_in_words(session: &Session, tables: &[TableSummary], planned: &Planned) -> String {
    let dataset = &planned.loaded.import.dataset;
    // Sales are what everything rests on, so they come first.
    let (sales, others): (Vec<_>, Vec<_>) = tables.iter().partition(|table| table.table == "sales");
    let mut sums: Vec<(&str, u64, Vec<&str>)> = Vec::new();
    for table in sales.into_iter().chain(others) {
        let place = sums.iter().position(|(name, ..)| *name == table.table).unwrap_or_else(|| {
            sums.push((&table.table, 0, Vec::new()));
            sums.len() - 1
        });
        let (_, n_rows, files) = &mut sums[place];
        *n_rows += table.n_accepted;
        if !files.contains(&table.file.as_str()) {
            files.push(&table.file);
        }
    }
    let mut words: Vec<String> = sums
        .into_iter()
        .map(|(name, n_rows, files)| {
            let rows = session.fill(Text::RowsRead, &[&format::count(n_rows as usize)]);
            let files = if files.len() > 2 {
                session.fill(Text::NFiles, &[&format::count(files.len())])
            } else {
                files.join(", ")
            };
            format!("{name} {rows} ({files})")
        })
        .collect();
    if let (Some(first), Some(last)) = (dataset.sales.day.iter().min(), dataset.sales.day.iter().max()) {
        words.push(format!("{first} – {last}"));
    }
    words.join(" · ")
}

/// What the reader recognised and left out.
fn import_remarks(session: &Session, notes: &[String], import: &restock_store::Import, files: &[PathBuf]) -> String {
    let mut text = String::new();
    if !notes.is_empty() || import.n_row_errors > 0 {
        text.push('\n');
    }
    for note in notes.iter().take(8) {
        bullet(session, &mut text, &session.said(note), None);
    }
    more(session, &mut text, notes.len(), 8);
    if import.n_row_errors > 0 {
        let bad = session.fill(Text::RowsBad, &[&format::count(import.n_row_errors)]);
        text.push_str(&format!("  {}\n", session.paint(&bad, Style::new().yellow())));
        text.push_str(&row_errors(&import.row_errors, import.n_row_errors, session.lang));
        if let Some(file) = files.iter().find(|file| file.ends_with("quarantine.csv")) {
            text.push_str(&format!("  {}\n", session.fill(Text::Quarantine, &[&file.display()])));
        }
    }
    text
}

fn exceptions(session: &Session, text: &mut String, plan: &Plan) {
    if plan.exceptions.is_empty() {
        return;
    }
    heading(session, text, Text::TopExceptions);
    // Kinds in the order of their most expensive case, which is the order they are met in.
    let mut kinds: Vec<Vec<&PlanException>> = Vec::new();
    for exception in &plan.exceptions {
        match kinds.iter_mut().find(|kind| kind[0].code == exception.code) {
            Some(kind) => kind.push(exception),
            None => kinds.push(vec![exception]),
        }
    }
    let money = |value: Money| {
        if is_known(value) { format!(" · {}", format::money_with_code(value, &plan.currency)) } else { String::new() }
    };
    for kind in kinds.iter().take(6) {
        let label = exception_label(kind[0].code, session.lang);
        let total = money(kind.iter().map(|exception| exception.expected_money).sum());
        let title = format!("{label} · {}{total}", Text::lines(session.lang, kind.len()));
        let action = session.either(&kind[0].action, &kind[0].action_zh);
        bullet(session, text, &session.bold(&title), Some(action));
        for PlanException { item_id, location_id, expected_money, message, message_zh, .. } in kind.iter().take(2) {
            let message = session.either(message, message_zh);
            let line = format!("{item_id}@{location_id}{}: {message}", money(*expected_money));
            for (idx, line) in wrap(&line, session.width.min(110).saturating_sub(8)).iter().enumerate() {
                text.push_str(&format!("    {}{line}\n", if idx == 0 { "" } else { "  " }));
            }
        }
    }
    more(session, text, kinds.len(), 6);
}

fn orders(session: &Session, text: &mut String, plan: &Plan, top: usize, out: Option<&Path>) {
    if plan.summary.n_planned == 0 && !plan.unplanned.is_empty() {
        nothing_planned(session, text, plan);
        return;
    }
    if plan.proposals.is_empty() {
        text.push_str(&format!("\n{}\n", session.text(Text::NothingToOrder)));
        return;
    }
    heading(session, text, Text::OrdersTitle);
    let shown = plan.proposals.len().min(top);
    if shown < plan.proposals.len() {
        let (n, all) = (format::count(shown), format::count(plan.proposals.len()));
        let line = match out {
            Some(out) => session.fill(Text::Showing, &[&n, &all, &out.join("orders.csv").display()]),
            None => session.fill(Text::ShowingDry, &[&n, &all]),
        };
        for line in wrap(&line, session.width) {
            text.push_str(&format!("{}\n", session.dim(&line)));
        }
    }
    // Groups in the order of their most valuable line, which is the order they are met in.
    let mut groups: Vec<(&Proposal, Vec<&Proposal>)> = Vec::new();
    for proposal in plan.proposals.iter().take(shown) {
        let same = |other: &Proposal| other.source == proposal.source && other.destination == proposal.destination;
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, lines)) => lines.push(proposal),
            None => groups.push((proposal, vec![proposal])),
        }
    }
    for (first, lines) in groups {
        let group = plan
            .order_groups
            .iter()
            .find(|group| group.source == first.source && group.destination == first.destination);
        let mut title = format!("{} → {}", report::source_label(&first.source, session.lang), first.destination);
        title.push_str(&format!("   {}", Text::lines(session.lang, group.map_or(lines.len(), |group| group.n_lines))));
        if let Some(group) = group.filter(|group| is_known(group.value)) {
            title.push_str(&format!(" · {}", format::money_with_code(group.value, &plan.currency)));
        }
        let cut_off = group.map(|group| group.cut_off.as_str()).filter(|time| !time.is_empty());
        let order_by = cut_off.map_or(first.order_by.to_string(), |time| format!("{} {time}", first.order_by));
        title.push_str(&format!(" · {} {order_by}", session.text(Text::OrderBy)));
        title.push_str(&format!(" · {} {}", session.text(Text::Arrives), first.expected_receipt));
        text.push('\n');
        for line in wrap(&title, session.width) {
            text.push_str(&format!("{}\n", session.paint(&line, Style::new().cyan().bold())));
        }
        text.push_str(&order_table(session, &lines, &plan.currency));
    }
}

/// Why no item-location could be planned, one line a kind of reason, the most frequent first.
fn nothing_planned(session: &Session, text: &mut String, plan: &Plan) {
    const MOST_REASONS: usize = 3;
    // Reasons of one kind differ in their numbers only.
    let kind = |reason: &str| reason.replace(|c: char| c.is_ascii_digit(), "");
    let mut reasons: Vec<(String, &Unplanned, usize)> = Vec::new();
    for line in &plan.unplanned {
        match reasons.iter_mut().find(|(known, ..)| *known == kind(&line.reason)) {
            Some((.., n)) => *n += 1,
            None => reasons.push((kind(&line.reason), line, 1)),
        }
    }
    reasons.sort_by_key(|(.., n)| std::cmp::Reverse(*n));
    heading(session, text, Text::NothingPlanned);
    for (_, line, n) in reasons.iter().take(MOST_REASONS) {
        let reason = session.either(&line.reason, &line.reason_zh);
        let example = format!("{}@{}", line.item_id, line.location_id);
        let what = session.fill(Text::NothingPlannedReason, &[&format::count(*n), &example, &reason]);
        bullet(session, text, &what, None);
    }
    more(session, text, reasons.len(), MOST_REASONS);
}

fn order_table(session: &Session, lines: &[&Proposal], currency: &str) -> String {
    let with_currency = |text: Text| format!("{} {currency}", session.text(text));
    let mut grid = Grid::new()
        .column(session.text(Text::Item), Align::Left)
        .optional("", Align::Left, 5)
        .column(session.text(Text::Order), Align::Right)
        .optional(session.text(Text::Units), Align::Right, 7)
        .optional(with_currency(Text::Value), Align::Right, 4)
        .optional(session.text(Text::StockoutWithout), Align::Right, 3)
        .optional(session.text(Text::Cover), Align::Right, 6)
        .column(report::at_risk_head(lines, currency, session.lang), Align::Right)
        .optional(session.text(Text::Why), Align::Text, 2);
    let any_money = lines.iter().any(|line| report::has_money(line));
    for proposal in lines {
        let explanation = &proposal.explanation;
        let name = console::truncate_str(&proposal.item_name, 26, "…").into_owned();
        let cover = |days: f64| format::float(days.min(999.0), 0);
        grid.row([
            proposal.item_id.clone(),
            name,
            report::order_units(proposal, session.lang),
            if report::is_packed(proposal) { format::quantity(proposal.quantity, 0) } else { String::new() },
            proposal.value.map_or(String::new(), |value| format::money(value, currency)),
            format::percent(explanation.without_order.p_stockout),
            session.fill(
                Text::CoverDays,
                &[&cover(explanation.without_order.days_of_cover), &cover(explanation.with_order.days_of_cover)],
            ),
            report::at_risk(proposal, any_money, session.lang).unwrap_or_default(),
            report::sum_in_words(proposal, session.lang),
        ]);
    }
    grid.render(session)
}

fn next_steps(session: &Session, text: &mut String, planned: &Planned, files: &[PathBuf], repeated: &Repeated) {
    let Repeated { data, planning } = repeated;
    heading(session, text, Text::NextSteps);
    if let Some(report) = files.iter().find(|file| file.extension().is_some_and(|ext| ext == "html")) {
        for (idx, line) in wrap(&session.fill(Text::NextReport, &[&report.display()]), session.width.saturating_sub(6))
            .iter()
            .enumerate()
        {
            text.push_str(&format!("{}{line}\n", if idx == 0 { "  " } else { "      " }));
        }
    }
    // A command stays on one line, so that it can be copied; what follows `#` is a comment to a shell as well.
    let mut command = |line: String| text.push_str(&format!("  {line}\n"));
    if let Some(first) = planned.plan.proposals.first() {
        let line = crate::project::shell_word(&format!("{}@{}", first.item_id, first.destination));
        command(session.fill(Text::NextExplain, &[&format!("{line}{data}{planning}")]));
    }
    command(session.fill(Text::NextCheck, &[data]));
    if planned.can_backtest {
        command(session.fill(Text::NextBacktest, &[&format!("{data}{planning}")]));
    }
}

/// Writes text into `dir`, and says which file it was.
pub(crate) fn write_into(dir: &Path, name: &str, content: &str) -> Result<PathBuf, CliError> {
    let path = dir.join(name);
    write_file(&path, content)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use restock_core::settings::Lang;

    fn text(lang: Lang, width: usize) -> String {
        let session = samples::session(lang, width);
        let files = [PathBuf::from("out/orders.csv"), PathBuf::from("out/report.html")];
        plan_text(&session, &samples::planned(), 25, Some(Path::new("out")), &files, &Repeated::default())
    }

    #[test]
    fn a_plan_reads_well_on_a_wide_screen() {
        insta::assert_snapshot!(text(Lang::En, 150), @r"
        Order proposals for the morning of 2026-03-02

          Data       sales 1,198 rows (sales.csv)
          Objective  98% of demand met from the shelf
          Orders     3 order lines worth 115.39 EUR, for 3 of 6 item-locations
          At risk    22.15 EUR expected to be lost until the next delivery if nothing is ordered, 0.75 EUR with these orders
          Left out   could not be planned: 1; the report says why

        Assumed, because no table tells it
          · a delivery takes 7 days and orders can be placed every 7 days
            to replace it: --lead-time and --review-period

        What another table would improve
          · inventory: stock of all 5 item-locations is assumed

        Needs a look
          · runs out before delivery · 1 line · 9.10 EUR
            ask DAIRY for a delivery tomorrow
            MILK-1L@S01 · 9.10 EUR: stock lasts 1.7 days, the next delivery is 2 days away

        Orders

        DAIRY → S01   2 lines · 71.64 EUR · order by 2026-03-02 14:00 · arrives 2026-03-04
          item                               order   units   value EUR   stock-out   cover   at risk EUR   why
          ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          MILK-1L   Milk 1 l        4 × pack of 12      48       37.44         83%   2→5 d          9.10   62 expected +12 buffer +3 reserved −26 on hand
                                                                                                           −12 on order +9 full packs
          YOG-500   Yoghurt 500 g    6 × pack of 6      36       34.20         83%   2→5 d          5.80   31 expected +6 buffer −4 on hand +3 full packs

        MARKET → S01   1 line · 43.75 EUR · order by 2026-03-02 · arrives 2026-03-04
          item                        order   value EUR   stock-out   cover   at risk EUR   why
          ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          SALMON   Salmon <fillet>   2.5 kg       43.75         83%   2→5 d          7.25   3.4 expected +1.1 buffer −2 on hand

        wrote out/orders.csv, out/report.html

        Next
          open out/report.html: every line with its reasons and charts
          restock explain MILK-1L@S01  # why this line, and what if
          restock check  # what to correct in the data
          restock backtest  # what these orders would have saved on your history
        ");
    }

    #[test]
    fn a_table_of_several_parts_is_named_once() {
        let mut planned = samples::planned();
        let sales = planned.loaded.import.tables[0].clone();
        let part = |file: &str, n_accepted| TableSummary {
            table: "events".to_owned(),
            file: file.to_owned(),
            n_accepted,
            ..sales.clone()
        };
        planned.loaded.import.tables.extend([part("a.csv", 162), part("a.csv", 5), part("b.csv", 3)]);
        let session = samples::session(Lang::En, 150);
        let words = tables_in_words(&session, &planned.loaded.import.tables, &planned);
        insta::assert_snapshot!(words, @"sales 1,198 rows (sales.csv) · events 170 rows (a.csv, b.csv)");
    }

    #[test]
    fn a_line_without_price_and_cost_is_at_risk_in_units() {
        let session = samples::session(Lang::En, 150);
        let mut plan = samples::planned().plan;
        plan.proposals[0].explanation.without_order.expected_lost_margin = None;
        let head_and_cells = |lines: &[&Proposal]| {
            let any_money = lines.iter().any(|line| report::has_money(line));
            let cells = lines.iter().map(|line| report::at_risk(line, any_money, session.lang).unwrap());
            (report::at_risk_head(lines, "EUR", session.lang), cells.collect::<Vec<_>>())
        };
        let lost = format::float(report::lost_units(&plan.proposals[0]), 1);
        let (unpriced, priced) = (&plan.proposals[0], &plan.proposals[1]);
        assert_eq!(head_and_cells(&[unpriced]), ("at risk, units".to_owned(), vec![lost.clone()]));
        let mixed = head_and_cells(&[unpriced, priced]);
        assert_eq!(mixed.0, "at risk EUR");
        assert_eq!(mixed.1[0], format!("{lost} units"));
        assert!(order_table(&session, &[unpriced, priced], "EUR").contains(&format!("{lost} units")));
    }

    #[test]
    fn a_plan_reads_well_in_chinese() {
        insta::assert_snapshot!(text(Lang::ZhCn, 120), @r"
        2026-03-02 早晨的订货建议

          数据    sales 1,198 行 (sales.csv)
          目标    98% 的需求由现货满足
          订货    3 条订货行，共 115.39 EUR；涉及 6 个商品-地点中的 3 个
          风险    若不订货，到下次到货前预期损失 22.15 EUR；按建议订货后为 0.75 EUR
          未计划  无法计划：1 个，原因见报告

        因缺少数据而作的假设
          · a delivery takes 7 days and orders can be placed every 7 days
            替换方法：--lead-time and --review-period

        补充哪些数据表可改善结果
          · inventory: 全部 5 个商品-地点的库存为假设值

        需要关注
          · 到货前缺货 · 1 行 · 9.10 EUR
            请 DAIRY 明天送货
            MILK-1L@S01 · 9.10 EUR: 库存可用 1.7 天，下次到货在 2 天后

        订货清单

        DAIRY → S01   2 行 · 71.64 EUR · 下单截止 2026-03-02 14:00 · 到货 2026-03-04
          商品                              订货   金额 EUR   缺货概率   可用天数   风险金额 EUR   原因
          ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          MILK-1L   Milk 1 l        4 包 × 12 件      37.44        83%     2→5 天           9.10   62 预期需求 +12 缓冲 +3 预留
                                                                                                   −26 现有 −12 在途 +9 整包
          YOG-500   Yoghurt 500 g    6 包 × 6 件      34.20        83%     2→5 天           5.80   31 预期需求 +6 缓冲 −4 现有
                                                                                                   +3 整包

        MARKET → S01   1 行 · 43.75 EUR · 下单截止 2026-03-02 · 到货 2026-03-04
          商品                         订货   金额 EUR   缺货概率   可用天数   风险金额 EUR   原因
          ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
          SALMON   Salmon <fillet>   2.5 kg      43.75        83%     2→5 天           7.25   3.4 预期需求 +1.1 缓冲 −2 现有

        已写入 out/orders.csv, out/report.html

        下一步
          打开 out/report.html：每一行的原因与图表
          restock explain MILK-1L@S01  # 这一行的原因与假设分析
          restock check  # 数据中需要更正之处
          restock backtest  # 在您的历史数据上检验这些订货能节省多少
        ");
    }

    #[test]
    fn what_waits_is_at_risk_and_not_lost() {
        let session = samples::session(Lang::En, 220);
        let mut planned = samples::planned();
        planned.plan.summary.waiting_margin = [Money::from(40), Money::from(5)];
        let text = summary(&session, &planned);
        assert!(
            text.contains("62.15 EUR until the next delivery if nothing is ordered (22.15 EUR lost, 40.00 EUR of"),
            "{text}"
        );
        assert!(text.contains("5.75 EUR with these orders (0.75 EUR lost, 5.00 EUR waiting)"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for lang in [Lang::En, Lang::ZhCn] {
            for width in [60, 80, 100, 150] {
                // Commands are not broken, so that they can be copied.
                for line in text(lang, width).lines().filter(|line| !line.starts_with("  restock ")) {
                    assert!(console::measure_text_width(line) <= width, "{width}: {line}");
                }
            }
        }
        insta::assert_snapshot!(text(Lang::En, 80), @r"
        Order proposals for the morning of 2026-03-02

          Data       sales 1,198 rows (sales.csv)
          Objective  98% of demand met from the shelf
          Orders     3 order lines worth 115.39 EUR, for 3 of 6 item-locations
          At risk    22.15 EUR expected to be lost until the next delivery if nothing is
                     ordered, 0.75 EUR with these orders
          Left out   could not be planned: 1; the report says why

        Assumed, because no table tells it
          · a delivery takes 7 days and orders can be placed every 7 days
            to replace it: --lead-time and --review-period

        What another table would improve
          · inventory: stock of all 5 item-locations is assumed

        Needs a look
          · runs out before delivery · 1 line · 9.10 EUR
            ask DAIRY for a delivery tomorrow
            MILK-1L@S01 · 9.10 EUR: stock lasts 1.7 days, the next delivery is 2
              days away

        Orders

        DAIRY → S01   2 lines · 71.64 EUR · order by 2026-03-02 14:00 · arrives
        2026-03-04
          item               order   at risk EUR   why
          ───────────────────────────────────────────────────────────────────────────
          MILK-1L   4 × pack of 12          9.10   62 expected +12 buffer +3 reserved
                                                   −26 on hand −12 on order
                                                   +9 full packs
          YOG-500    6 × pack of 6          5.80   31 expected +6 buffer −4 on hand
                                                   +3 full packs

        MARKET → S01   1 line · 43.75 EUR · order by 2026-03-02 · arrives 2026-03-04
          item      order   stock-out   at risk EUR   why
          ────────────────────────────────────────────────────────────────────
          SALMON   2.5 kg         83%          7.25   3.4 expected +1.1 buffer
                                                      −2 on hand

        wrote out/orders.csv, out/report.html

        Next
          open out/report.html: every line with its reasons and charts
          restock explain MILK-1L@S01  # why this line, and what if
          restock check  # what to correct in the data
          restock backtest  # what these orders would have saved on your history
        ");
    }
}
