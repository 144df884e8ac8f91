//! `restock plan --publish`, `restock approve`, `reject` and `edit`, and `restock export --approved`: proposals on the
//! project's desk.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use restock_core::filter::Filter;
use restock_engine::Plan;
use restock_ledger::{
    Choice, Desk, DeskChange, DeskDecision, DeskEntry, DeskError, Filed, Filing, LINE_FIELDS, Ledger, LedgerError,
    Need, OrderFormat, StockBook, n_approvers,
};
use serde_json::json;

use crate::cli::{ApproveArgs, DeskLines, EditArgs, ExportArgs, ExportTo, RejectArgs};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::ledger::{explained, for_each_event, open};
use crate::project::{Project, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Lines that are printed.
const N_SHOWN: usize = 40;

/// Puts a plan on the desk of its project: what is new, what changes, what is over. Says so in a sentence.
pub(crate) fn publish(session: &Session, dir: &Path, plan: &Plan) -> Result<String, CliError> {
    let mut ledger = open(dir)?;
    let mut book = StockBook::new();
    for_each_event(&*ledger, u64::MAX, &mut |event| {
        book.apply(&event);
    })
    .map_err(|error| explained(&error))?;
    let desk = Desk::read(&*ledger).map_err(|error| explained(&error))?;
    let wanted: Vec<(String, Need)> =
        plan.proposals.iter().map(|proposal| (proposal.proposal_id.clone(), Need::from(proposal))).collect();
    let entries = desk.revise(&wanted, plan.as_of, &|line| book.standing(line));
    let n = |is: fn(&DeskChange) -> bool| format::count(entries.iter().filter(|entry| is(&entry.change)).count());
    let n_new = n(|change| matches!(change, DeskChange::Proposed { .. }));
    let n_revised = n(|change| matches!(change, DeskChange::Revised { .. }));
    let n_over = n(|change| matches!(change, DeskChange::Superseded { .. } | DeskChange::Expired { .. }));
    let n_firm = desk.all().filter(|filed| filed.is_firm()).count();
    ledger.file(&Filing::new(&desk, entries, session.now)).map_err(|error| explained(&error))?;
    Ok(session.fill(Text::OnDesk, &[&n_new, &n_revised, &n_over, &format::count(n_firm)]))
}

pub(crate) fn approve(session: &Session, args: &ApproveArgs) -> Result<Output, CliError> {
    let (dir, config) = Project::config_of(session)?;
    let four_eyes = config.four_eyes_if.clone();
    if args.lines.ids.is_empty() && args.lines.filter.is_none() && !args.lines.all {
        return list(session, &dir);
    }
    decide(session, &dir, &args.lines, &|filed| DeskDecision::Approve {
        n_needed: n_approvers(four_eyes.as_ref(), filed),
    })
}

pub(crate) fn reject(session: &Session, args: &RejectArgs) -> Result<Output, CliError> {
    let (dir, _) = Project::config_of(session)?;
    decide(session, &dir, &args.lines, &|_| DeskDecision::Reject { reason: args.reason.clone() })
}

pub(crate) fn edit(session: &Session, args: &EditArgs) -> Result<Output, CliError> {
    let (dir, _) = Project::config_of(session)?;
    let quantity = args.quantity.parse().map_err(|error| CliError::usage(format!("--quantity: {error}")))?;
    let lines = DeskLines { ids: vec![args.id.clone()], filter: None, all: false, by: args.by.clone() };
    decide(session, &dir, &lines, &|_| DeskDecision::Edit { quantity, reason: args.reason.clone() })
}

/// The proposals that were asked for.
fn choice(lines: &DeskLines) -> Result<Choice, CliError> {
    let filter = lines.filter.as_ref().map(|text| Filter::parse_of_lines(text, LINE_FIELDS)).transpose();
    let filter = filter.map_err(|error| {
        CliError::usage(error.to_string())
            .hint("--filter \"value < 200 and source.id == 'dairy'\"; fields are value, quantity, state, item.id, location.id and source.id")
    })?;
    if !lines.ids.is_empty() {
        return Ok(Choice::Ids(lines.ids.clone()));
    }
    if filter.is_none() && !lines.all {
        return Err(CliError::usage("no proposal is named")
            .hint("name ids, --filter \"value < 200\" or --all; `restock approve` lists the open ones"));
    }
    Ok(Choice::Open(filter))
}

/// Decides the same about some lines, all or none.
fn decide(
    session: &Session,
    dir: &Path,
    lines: &DeskLines,
    decision: &dyn Fn(&Filed) -> DeskDecision,
) -> Result<Output, CliError> {
    let mut ledger = open(dir)?;
    let choice = choice(lines)?;
    let (desk, ids) = file_on(session, &mut *ledger, &|desk| {
        desk.decide_all(&choice, &lines.by, &|_| true, decision).map_err(|error| {
            let usage = CliError::usage(error.to_string());
            match error {
                DeskError::NoSuchProposal { .. } => usage
                    .hint("`restock approve` lists the open ones, `restock plan --publish` puts a plan on the desk"),
                _ => usage,
            }
        })
    })?;
    let changed: Vec<&Filed> = ids.iter().filter_map(|id| desk.get(id)).collect();
    shown(session, &changed, session.fill(Text::Decided, &[&format::count(changed.len())]))
}

/// Writes what `make` says of the desk, and gives the desk after it with the proposals that changed. Where somebody else,
/// such as a server, files in between, it is made anew.
fn file_on(
    session: &Session,
    ledger: &mut dyn Ledger,
    make: &dyn Fn(&Desk) -> Result<Vec<DeskEntry>, CliError>,
) -> Result<(Desk, Vec<String>), CliError> {
    const N_ATTEMPTS: usize = 8;
    let mut attempt = 1;
    loop {
        let mut desk = Desk::read(ledger).map_err(|error| explained(&error))?;
        let filing = Filing::new(&desk, make(&desk)?, session.now);
        match ledger.file(&filing) {
            Err(LedgerError::DeskMoved { .. }) if attempt < N_ATTEMPTS => attempt += 1,
            Err(error) => return Err(explained(&error)),
            Ok(_) => {
                filing.entries.iter().for_each(|entry| desk.apply(entry));
                return Ok((desk, filing.entries.into_iter().map(|entry| entry.proposal_id).collect()));
            }
        }
    }
}

/// The open proposals, most at stake first.
fn list(session: &Session, dir: &Path) -> Result<Output, CliError> {
    let ledger = open(dir)?;
    let desk = Desk::read(&*ledger).map_err(|error| explained(&error))?;
    let mut filed: Vec<&Filed> = desk.all().filter(|filed| filed.state.is_open()).collect();
    filed.sort_by(|one, other| {
        other.need.priority.cmp(&one.need.priority).then_with(|| one.proposal_id.cmp(&other.proposal_id))
    });
    shown(session, &filed, session.fill(Text::OpenProposals, &[&format::count(filed.len())]))
}

fn shown(session: &Session, filed: &[&Filed], title: String) -> Result<Output, CliError> {
    if session.json {
        let lines: Vec<_> = filed.iter().map(|filed| as_json(filed)).collect();
        return Output::json(&json!({ "proposals": lines }));
    }
    let mut grid = Grid::new()
        .column("id", Align::Left)
        .column(session.text(Text::State), Align::Left)
        .column(session.text(Text::Item), Align::Left)
        .optional(session.text(Text::RouteWord), Align::Left, 2)
        .column(session.text(Text::QuantityWord), Align::Right)
        .optional(session.text(Text::PlanWants), Align::Right, 1)
        .optional(session.text(Text::ValueWord), Align::Right, 3);
    for filed in filed.iter().take(N_SHOWN) {
        let need = &filed.need;
        let wants = if need.quantity == filed.quantity { String::new() } else { need.quantity.to_string() };
        grid.row([
            filed.proposal_id.clone(),
            filed.state.name().to_owned(),
            need.item_id.clone(),
            format!("{} → {}", need.source, need.destination),
            filed.quantity.to_string(),
            wants,
            filed.value().map_or(String::new(), |value| format::money(value, &need.currency)),
        ]);
    }
    let mut text = format!("{title}\n");
    if !filed.is_empty() {
        let _ = write!(text, "\n{}", grid.render(session));
    }
    if filed.len() > N_SHOWN {
        let _ = writeln!(text, "{}", session.fill(Text::NMore, &[&format::count(filed.len() - N_SHOWN)]));
    }
    Ok(Output::text(text))
}

fn as_json(filed: &Filed) -> serde_json::Value {
    json!({
        "proposal_id": filed.proposal_id, "state": filed.state, "item_id": filed.need.item_id,
        "destination": filed.need.destination, "source": filed.need.source, "quantity": filed.quantity,
        "plan_wants": filed.need.quantity, "value": filed.value(), "currency": filed.need.currency,
        "order_by": filed.need.order_by, "expected_receipt": filed.need.expected_receipt,
        "approvals": filed.approvals, "reason": filed.reason, "order_id": filed.order_id, "received": filed.received,
    })
}

/// Orders what is approved: first in the ledger, where it counts from that moment on, then as files, which can be written
/// again from the ledger at any time.
pub(crate) fn export_approved(session: &Session, args: &ExportArgs) -> Result<Output, CliError> {
    let (dir, config) = Project::config_of(session)?;
    let mut ledger = open(&dir)?;
    let today = restock_core::Day::from_date(config.time_zone.to_datetime(session.now).date());
    let (desk, ids) = file_on(session, &mut *ledger, &|desk| {
        desk.export(&args.by, None, &|_| true).map_err(|error| CliError::usage(error.to_string()))
    })?;
    let new: Vec<&Filed> = ids.iter().filter_map(|id| desk.get(id)).collect();
    let n_late = new.iter().filter(|filed| filed.need.order_by < today).count();
    let n_lines = new.len();
    let new: BTreeSet<&str> = new.into_iter().filter_map(|filed| filed.order_id.as_deref()).collect();
    let (format, ending) = match args.to {
        ExportTo::Csv => (OrderFormat::Csv, ""),
        ExportTo::Json => (OrderFormat::Json, ""),
        ExportTo::Odoo => (OrderFormat::Odoo, "-odoo"),
        ExportTo::Erpnext => (OrderFormat::Erpnext, "-erpnext"),
    };
    // The files of new orders, or of all that are on their way, where a file was lost.
    let out = args.out.clone().unwrap_or_else(|| dir.join("out").join("exported"));
    let mut files: Vec<PathBuf> = Vec::new();
    let mut unwritten: Vec<String> = Vec::new();
    for mut order in desk.orders() {
        if !args.again && !new.contains(order.order_id) {
            continue;
        }
        order.lines.retain(|line| line.state.is_ordered());
        if order.lines.is_empty() {
            continue;
        }
        match format.write(&order) {
            Ok(text) => {
                let path = out.join(format!("{}{ending}.{}", order.order_id, format.extension()));
                write_file(&path, &text)?;
                files.push(path);
            }
            // It is ordered all the same: another format writes it with --again.
            Err(error) => unwritten.push(error.to_string()),
        }
    }
    if session.json {
        return Output::json(
            &json!({ "n_lines": n_lines, "n_orders": files.len() + unwritten.len(), "files": files, "unwritten": unwritten }),
        );
    }
    let numbers = [format::count(n_lines), format::count(files.len() + unwritten.len())];
    let mut output =
        Output::text(session.fill(Text::ExportedApproved, &[&numbers[0], &numbers[1], &out.display()]) + "\n");
    output.notes.extend(unwritten);
    if n_late > 0 {
        output.notes.push(session.fill(Text::OrderedLate, &[&format::count(n_late), &today]));
    }
    Ok(output)
}
