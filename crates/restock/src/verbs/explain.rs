//! `restock explain`: why one line, and what it would be if one thing were different.

use std::fmt::Write;
use std::path::Path;

use restock_core::Quantity;
use restock_engine::{ExplainError, LineDetail, WhatIf};
use serde_json::json;

use crate::catalogue::{alternative, driver};
use crate::cli::ExplainArgs;
use crate::config::did_you_mean;
use crate::error::CliError;
use crate::format;
use crate::i18n::{Text, exception_label, unit_name, waterfall_label};
use crate::project::{Loaded, Project, apply_flags, forecaster};
use crate::report;
use crate::report::plan_page::{consequences, evidence};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};
use crate::verbs::plan::wrap;

pub(crate) fn run(session: &Session, args: &ExplainArgs) -> Result<Output, CliError> {
    let what_ifs = args
        .what_if
        .iter()
        .map(|text| WhatIf::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CliError::usage(error.to_string()))?;
    let project = Project::open(session, &args.data)?;
    let mut loaded = project.load(session)?;
    apply_flags(&mut loaded.settings, &args.planning)?;
    let (item_id, location_id) = line_of(&loaded, &args.line)?;
    let detail = explain(&loaded, &item_id, &location_id, &[])?;
    let changed = if what_ifs.is_empty() { None } else { Some(explain(&loaded, &item_id, &location_id, &what_ifs)?) };
    let replay =
        if args.replay { Some(replay(session, args.plan.as_deref(), &project, &loaded, &detail)?) } else { None };
    let differs = replay.as_ref().is_some_and(|(same, _)| !same);
    let mut output = if session.json {
        Output::json(&json!({
            "line": detail, "what_if": changed,
            "replay": replay.as_ref().map(|(identical, text)| json!({"identical": identical, "message": text})),
        }))?
    } else {
        let mut text = detail_text(session, &detail);
        if let Some(changed) = &changed {
            text.push_str(&what_if_text(session, &detail, changed));
        }
        if let Some((_, message)) = &replay {
            let _ = write!(text, "\n{message}\n");
        }
        Output::text(text)
    };
    output.findings = differs;
    output.notes = loaded.notes;
    // The text is long: what went wrong is told once more where errors are read.
    output.notes.extend(replay.filter(|_| differs).map(|(_, message)| message));
    Ok(output)
}

/// Splits `ITEM@LOC`; an item that sells in one place needs no location, and ids may hold `@` themselves.
fn line_of(loaded: &Loaded, line: &str) -> Result<(String, String), CliError> {
    let dataset = &loaded.import.dataset;
    let known_item = |id: &str| dataset.items.iter().position(|item| item.item_id == id);
    for (at, _) in line.match_indices('@') {
        let (item, location) = (&line[..at], &line[at + 1..]);
        if known_item(item).is_some() && dataset.locations.iter().any(|l| l.location_id == location) {
            return Ok((item.to_owned(), location.to_owned()));
        }
    }
    let Some(item_idx) = known_item(line) else {
        let item = line.split('@').next().unwrap_or(line);
        if known_item(item).is_some() && line.contains('@') {
            let location = &line[item.len() + 1..];
            let known = dataset.locations.iter().map(|l| l.location_id.as_str());
            let error = CliError::usage(format!("location {location:?} is not in the data"));
            return Err(match did_you_mean(location, known.clone()) {
                Some(name) => error.hint(format!("did you mean {item}@{name}?")),
                None => error.hint(format!("locations: {}", known.take(10).collect::<Vec<_>>().join(", "))),
            });
        }
        let error = CliError::usage(format!("item {item:?} is not in the data"));
        return Err(match did_you_mean(item, dataset.items.iter().map(|i| i.item_id.as_str())) {
            Some(name) => error.hint(format!("did you mean {name:?}?")),
            None => error.hint("write ITEM@LOCATION with the ids of your files"),
        });
    };
    let mut locations: Vec<&str> = dataset
        .sales
        .item
        .iter()
        .zip(&dataset.sales.location)
        .filter(|(item, _)| item.0 as usize == item_idx)
        .map(|(_, location)| dataset.locations[location.0 as usize].location_id.as_str())
        .collect();
    locations.sort_unstable();
    locations.dedup();
    match locations.as_slice() {
        [only] => Ok((line.to_owned(), (*only).to_owned())),
        [] => Err(CliError::usage(format!("item {line:?} has no sales, so its location must be named"))
            .hint(format!("{line}@LOCATION"))),
        many => Err(CliError::usage(format!("item {line:?} is in {} locations", many.len()))
            .hint(format!("name one, such as {line}@{}", many[0]))),
    }
}

fn explain(loaded: &Loaded, item_id: &str, location_id: &str, what_ifs: &[WhatIf]) -> Result<LineDetail, CliError> {
    let forecaster = forecaster(&loaded.settings.forecast_model, loaded)?;
    restock_engine::explain(
        &loaded.import.dataset,
        &loaded.settings,
        forecaster.as_ref(),
        item_id,
        location_id,
        what_ifs,
    )
    .map_err(|error| match error {
        ExplainError::NotPlanned { .. } => {
            CliError::data(error.to_string()).hint("`restock check` shows what to correct")
        }
        ExplainError::UnknownItem(_) | ExplainError::UnknownLocation(_) => CliError::usage(error.to_string()),
    })
}

/// Compares the line with the plan that was written, or with itself where none was.
///
/// # Errors
/// A plan that cannot be read, or that was named and is not there.
fn replay(
    session: &Session,
    folder: Option<&Path>,
    project: &Project,
    loaded: &Loaded,
    detail: &LineDetail,
) -> Result<(bool, String), CliError> {
    let path = folder.map_or_else(|| project.default_out(), Path::to_path_buf).join("plan.json");
    if folder.is_none() && !path.exists() {
        let again = explain(loaded, &detail.line.item_id, &detail.line.location_id, &[])?;
        assert!(&again == detail, "explaining the same line twice gives the same numbers");
        return Ok((true, session.fill(Text::ReplayNoPlan, &[&path.display()])));
    }
    let plan = super::export::read_plan(&path)?;
    let (item_id, location_id) = (&detail.line.item_id, &detail.line.location_id);
    let line = plan.lines.iter().find(|line| line.item_id == *item_id && line.location_id == *location_id);
    let proposal = plan.proposals.iter().find(|line| line.item_id == *item_id && line.destination == *location_id);
    let json =
        |value: &dyn Fn() -> serde_json::Result<String>| value().map_err(|error| CliError::internal(error.to_string()));
    let theirs = json(&|| serde_json::to_string(&(line, proposal)))?;
    let ours = json(&|| serde_json::to_string(&(Some(&detail.line), detail.proposal.as_ref())))?;
    if ours == theirs {
        return Ok((true, session.fill(Text::ReplaySame, &[&path.display()])));
    }
    let mut text = session.fill(Text::ReplayDiffers, &[&path.display()]);
    match line {
        None => text.push_str(session.text(Text::ReplayNotThere)),
        Some(line) if line.quantity != detail.line.quantity => {
            let quantities: [&dyn std::fmt::Display; 2] =
                [&format::quantity(line.quantity, 0), &format::quantity(detail.line.quantity, 0)];
            text.push_str(&session.fill(Text::ReplayQuantity, &quantities));
        }
        Some(_) => text.push_str(session.text(Text::ReplayNumbers)),
    }
    if let Some(theirs) = proposal.map(|proposal| &proposal.explanation.lineage) {
        let ours = &detail.explanation.lineage;
        let changes = [
            (theirs.data != ours.data, Text::ReplayData),
            (theirs.settings != ours.settings, Text::ReplaySettings),
            (theirs.code != ours.code, Text::ReplayCode),
        ];
        for (_, change) in changes.into_iter().filter(|(changed, _)| *changed) {
            text.push_str(session.text(change));
        }
    }
    Ok((false, text))
}

fn section(session: &Session, text: &mut String, title: Text, body: &str) {
    let _ = write!(text, "\n{}\n\n{body}", session.bold(session.text(title)));
}

fn detail_text(session: &Session, detail: &LineDetail) -> String {
    let explanation = &detail.explanation;
    let lang = session.lang;
    let name = format!("{} {}", detail.line.item_id, detail.item_name);
    let mut text = session.bold(&format!("{} · {}", name.trim_end(), detail.line.location_id));
    text.push('\n');
    match &detail.proposal {
        Some(proposal) => {
            let mut facts = vec![report::order_units(proposal, lang)];
            if report::is_packed(proposal) {
                facts.push(format!("{} {}", format::quantity(proposal.quantity, 0), unit_name(&proposal.uom, lang)));
            }
            facts.push(report::source_label(&proposal.source, lang));
            facts.extend(proposal.value.map(|value| format::money_with_code(value, &proposal.currency)));
            facts.push(format!("{} {}", session.text(Text::OrderBy), proposal.order_by));
            facts.push(format!("{} {}", session.text(Text::Arrives), proposal.expected_receipt));
            let _ = writeln!(text, "{}", session.dim(&facts.join(" · ")));
        }
        None => {
            let note = if detail.line.note.is_empty() {
                String::new()
            } else {
                format!(" ({})", session.said(&detail.line.note))
            };
            let _ = writeln!(text, "{}", session.dim(&format!("{}{note}", session.text(Text::NoOrderLine))));
        }
    }
    let sentence = session.either(&explanation.sentence, &explanation.sentence_zh);
    text.push('\n');
    for line in wrap(sentence, session.width.min(100)) {
        let _ = writeln!(text, "{line}");
    }
    section(session, &mut text, Text::WaterfallTitle, &waterfall_grid(session, detail));
    let currency = detail.proposal.as_ref().map_or("", |proposal| proposal.currency.as_str());
    let mut grid = Grid::new()
        .column("", Align::Left)
        .column(session.text(Text::Without), Align::Right)
        .column(session.text(Text::With), Align::Right);
    for row in consequences(lang, explanation, currency) {
        grid.row(row);
    }
    section(session, &mut text, Text::WithWithoutTitle, &grid.render(session));
    if !explanation.marginal.is_empty() {
        let unit = if detail.proposal.as_ref().is_none_or(report::is_packed) { Text::Pack } else { Text::Unit };
        let mut grid = Grid::new()
            .column(session.text(unit), Align::Right)
            .column(session.text(Text::PSold), Align::Right)
            .column(format!("{} {currency}", session.text(Text::NetGain)), Align::Right);
        // Where neither price nor cost is known there is no gain in money.
        let has_money = explanation.without_order.expected_lost_margin.is_some();
        for pack in &explanation.marginal {
            let gain = if has_money { format::money(pack.net_gain, currency) } else { "–".to_owned() };
            grid.row([pack.pack.to_string(), format::percent(pack.p_sold), gain]);
        }
        let mut body = grid.render(session);
        for line in wrap(&session.said(&explanation.marginal_note), session.width.min(100).saturating_sub(2)) {
            if !line.is_empty() {
                let _ = writeln!(body, "  {}", session.dim(&line));
            }
        }
        section(session, &mut text, Text::MarginalTitle, &body);
    }
    if !explanation.sensitivity.is_empty() {
        let mut grid =
            Grid::new().column(session.text(Text::If), Align::Left).column(session.text(Text::Quantity), Align::Right);
        for entry in &explanation.sensitivity {
            grid.row([entry.what_if.clone(), format::quantity(entry.quantity, 0)]);
        }
        section(session, &mut text, Text::SensitivityTitle, &grid.render(session));
    }
    if !explanation.alternatives.is_empty() {
        let words: Vec<String> = explanation
            .alternatives
            .iter()
            .map(|(name, q)| format!("{} {}", alternative(name, lang), format::quantity(*q, 0)))
            .collect();
        section(session, &mut text, Text::AlternativesTitle, &format!("  {}\n", words.join(" · ")));
    }
    if !explanation.drivers.is_empty() {
        let words: Vec<String> = explanation
            .drivers
            .iter()
            .map(|(name, effect)| {
                format!("{} {}{}", driver(name, lang), if *effect > 0.0 { "+" } else { "" }, format::float(*effect, 1))
            })
            .collect();
        section(session, &mut text, Text::DriversTitle, &format!("  {}\n", words.join(" · ")));
    }
    let mut remarks = String::new();
    for warning in &explanation.warnings {
        super::plan::bullet(session, &mut remarks, &session.said(warning), None);
    }
    for exception in &detail.exceptions {
        let label = exception_label(exception.code, lang);
        let message = session.either(&exception.message, &exception.message_zh);
        let action = session.either(&exception.action, &exception.action_zh);
        super::plan::bullet(session, &mut remarks, &format!("{label}: {message}"), Some(action));
    }
    if !remarks.is_empty() {
        section(session, &mut text, Text::WarningsTitle, &remarks);
    }
    let lineage = &explanation.lineage;
    let facts = [
        format!(
            "{} {} ({})",
            session.text(Text::ModelWord),
            lineage.forecast_model,
            session.said(&detail.forecast_reason)
        ),
        format!("{} {}", session.text(Text::PolicyWord), lineage.policy),
        format!("{} {}", session.text(Text::DataHash), lineage.data),
        format!("{} {}", session.text(Text::SettingsHash), lineage.settings),
        format!("{} {} · {} {}", session.text(Text::Version), lineage.code, session.text(Text::Seed), lineage.seed),
    ];
    let body: String = facts.iter().map(|fact| format!("  {}\n", session.dim(fact))).collect();
    section(session, &mut text, Text::LineageTitle, &body);
    text
}

fn waterfall_grid(session: &Session, detail: &LineDetail) -> String {
    let waterfall = &detail.explanation.waterfall;
    let quantity = detail.proposal.as_ref().map_or(Quantity::ZERO, |proposal| proposal.quantity);
    let decimals = waterfall.iter().map(|line| line.value.decimals()).max().unwrap_or(0).max(quantity.decimals());
    let mut grid = Grid::new()
        .column("", Align::Text)
        .column(unit_name(&detail.uom, session.lang), Align::Right)
        .optional("", Align::Text, 1);
    for line in waterfall.iter().filter(|line| line.value != Quantity::ZERO) {
        grid.row([
            waterfall_label(line.code, session.lang).to_owned(),
            format::signed_quantity(line.value, decimals),
            evidence(&line.evidence, session.lang),
        ]);
    }
    grid.row([format!("= {}", session.text(Text::Total)), format::quantity(quantity, decimals), String::new()]);
    grid.render(session)
}

/// The change in a few numbers, then the sentence under the change.
fn what_if_text(session: &Session, before: &LineDetail, after: &LineDetail) -> String {
    let title = session.fill(Text::WhatIfTitle, &[&after.what_if.join(", ")]);
    let mut text = format!("\n{}\n\n", session.bold(&title));
    let mut grid = Grid::new()
        .column("", Align::Left)
        .column(session.text(Text::WhatIfNow), Align::Right)
        .column(after.what_if.join(", "), Align::Right);
    if after.changes.is_empty() {
        let quantity = |detail: &LineDetail| {
            format::quantity(detail.proposal.as_ref().map_or(Quantity::ZERO, |proposal| proposal.quantity), 0)
        };
        grid.row([session.text(Text::Quantity).to_owned(), quantity(before), quantity(after)]);
    }
    for change in &after.changes {
        grid.row([crate::catalogue::change(&change.what, session.lang), change.before.clone(), change.after.clone()]);
    }
    text.push_str(&grid.render(session));
    let sentence = session.either(&after.explanation.sentence, &after.explanation.sentence_zh);
    text.push('\n');
    for line in wrap(sentence, session.width.min(100)) {
        let _ = writeln!(text, "{line}");
    }
    text
}
