//! `restock train --preview`: what is best for an objective, before anything is trained.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use restock_inventory::exact::Criterion;
use restock_inventory::problems::Chart;
use restock_learning::preview::{Preview, preview};
use restock_learning::reward::Objective;
use serde_json::json;

use super::objective::{DECIMALS, figures_text, share};
use crate::chart;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::write_file;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

const CHART_FILE: &str = "preview.svg";

/// Rows of orders on the terminal.
const N_ROWS: usize = 12;

pub(super) fn run(
    session: &Session,
    objective: &Objective,
    problem: &str,
    service: Option<f64>,
    seed: u64,
    out: Option<&Path>,
) -> Result<Output, CliError> {
    let bar = session.progress(session.text(Text::Solving));
    bar.set(0, 0);
    let shown = preview(objective, service, seed).map_err(|error| unreachable_target(&error))?;
    drop(bar);
    let written = out.map(|out| write(out, problem, &shown)).transpose()?;
    if session.json {
        let criterion = if objective.criterion == Criterion::Average { "average" } else { "discounted" };
        return Output::json(&json!({
            "problem": problem, "criterion": criterion, "reward": objective.reward, "service": service, "preview": shown,
        }));
    }
    let mut text = format!("{}\n\n", session.bold(problem));
    let heading = match shown.solved {
        true => session.text(Text::PreviewSolved).to_owned(),
        false => session.fill(Text::PreviewSimulated, &[&shown.policy]),
    };
    let _ = writeln!(text, "{heading}\n");
    text.push_str(&figures_text(session, objective.criterion, &objective.reward, &shown.figures));
    if let Some(target) = service {
        let _ = writeln!(text, "\n{}", worth(session, target, shown.price, shown.bound.is_some()));
        if let Some(bound) = shown.bound {
            let _ = writeln!(text, "{}: {}", session.text(Text::LowerBound), format::plain(bound, DECIMALS));
        }
    }
    let mut grid = Grid::new()
        .column(session.text(Text::OnHandNothingUnderWay), Align::Right)
        .column(session.text(Text::Order), Align::Right);
    // The last is the first of which all that follow order as little.
    let step = shown.orders.len().div_ceil(N_ROWS).max(1);
    let last = shown.orders.len().saturating_sub(1);
    for (idx, (on_hand, order)) in shown.orders.iter().enumerate() {
        if idx % step == 0 || idx == last {
            grid.row([on_hand.to_string(), format::count(*order as usize)]);
        }
    }
    let _ = write!(text, "\n{}", grid.render(session));
    if let Some(path) = written {
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::Written, &[&path.display()])));
    }
    Ok(Output::text(text))
}

/// What a service level makes of the next lost unit.
pub(super) fn worth(session: &Session, target: f64, price: f64, bounded: bool) -> String {
    let price_text = format::plain(price, DECIMALS);
    match (price > 0.0, bounded) {
        (false, _) => session.fill(Text::ServiceFree, &[&share(target)]),
        (true, true) => session.fill(Text::ServiceWorth, &[&share(target), &price_text]),
        (true, false) => session.fill(Text::ServiceWorthUnbounded, &[&share(target), &price_text]),
    }
}

/// A target that is not reached, with the way out.
pub(super) fn unreachable_target<E: std::fmt::Display>(
    error: &restock_learning::constrained::ConstraintError<E>,
) -> CliError {
    use restock_learning::constrained::ConstraintError;
    let told = CliError::usage(error.to_string());
    match error {
        ConstraintError::Unreachable { .. } => told.hint(
            "ask for less with --service, or give the problem more room: capacity, a shorter lead time, a longer shelf life",
        ),
        ConstraintError::Round(_) => told,
    }
}

/// Writes the chart of orders against stock; returns its path.
fn write(out: &Path, problem: &str, shown: &Preview) -> Result<PathBuf, CliError> {
    let points = shown.orders.iter().map(|(on_hand, order)| (*on_hand as f64, *order as f64)).collect();
    let chart = Chart {
        title: format!("{}: {problem}", shown.policy),
        x_label: "on hand, nothing under way, units",
        y_label: "order, units",
        curves: vec![(shown.policy.clone(), points)],
    };
    let path = out.join(CHART_FILE);
    write_file(&path, &chart::svg(&chart))?;
    Ok(path)
}
