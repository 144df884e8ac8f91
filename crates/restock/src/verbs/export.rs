//! `restock export`: the last plan as one order file per supplier and destination.

use std::collections::BTreeMap;
use std::fmt::Write;

use restock_core::proposal::{Proposal, ProposalSource};
use restock_engine::Plan;
use restock_ledger::file_word;
use serde_json::json;

use crate::cli::{DataArgs, ExportArgs, ExportTo};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{Project, write_file};
use crate::session::{Output, Session};

pub(crate) fn run(session: &Session, args: &ExportArgs) -> Result<Output, CliError> {
    if args.approved {
        return super::desk::export_approved(session, args);
    }
    let folder = match &args.plan {
        Some(folder) => folder.clone(),
        None => Project::open(session, &DataArgs::default())?.default_out(),
    };
    let path = folder.join("plan.json");
    let plan = read_plan(&path)?;
    let out = args.out.clone().unwrap_or_else(|| folder.join("orders"));
    let mut orders: BTreeMap<(String, &str), Vec<&Proposal>> = BTreeMap::new();
    for proposal in &plan.proposals {
        orders.entry((proposal.source.to_string(), &proposal.destination)).or_default().push(proposal);
    }
    if args.to != ExportTo::Csv {
        return Err(CliError::usage("a plan is written as csv only, because nothing of it is ordered yet")
            .hint("approve it, then `restock export --approved --to odoo`; or export --to csv"));
    }
    let mut files = Vec::new();
    for ((source, destination), lines) in &orders {
        let source = if source == "-" { "no-supplier" } else { source };
        let name = format!("{}_{}_{}.csv", plan.as_of, file_word(source), file_word(destination));
        let file = out.join(name);
        write_file(&file, &order_csv(lines))?;
        files.push(file);
    }
    if session.json {
        return Output::json(&json!({
            "plan_id": plan.plan_id, "n_orders": files.len(), "n_lines": plan.proposals.len(), "files": files,
        }));
    }
    let values: [&dyn std::fmt::Display; 3] =
        [&format::count(files.len()), &format::count(plan.proposals.len()), &out.display()];
    let mut text = format!("{}\n", session.fill(Text::ExportDone, &values));
    for file in files.iter().take(20) {
        let _ = writeln!(text, "  {}", file.display());
    }
    if files.len() > 20 {
        let _ = writeln!(text, "  {}", session.fill(Text::NMore, &[&format::count(files.len() - 20)]));
    }
    Ok(Output::text(text))
}

/// The plan that `restock plan` wrote.
pub(crate) fn read_plan(path: &std::path::Path) -> Result<Plan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::data(format!("there is no plan at {}: {error}", path.display()))
            .hint("`restock plan` writes one, `--plan DIR` names its folder")
    })?;
    serde_json::from_str(&text).map_err(|error| {
        CliError::data(format!("{} is not a plan of this version: {error}", path.display()))
            .hint("run `restock plan` again")
    })
}

fn order_csv(lines: &[&Proposal]) -> String {
    let mut out =
        "supplier,from_location,destination,item_id,item_name,order_quantity,order_unit,quantity,unit,unit_cost,value,\
                   currency,order_by,expected_receipt,proposal_id\n"
            .to_owned();
    for p in lines {
        let money = |value: Option<restock_core::Money>| value.map_or(String::new(), |value| value.to_string());
        let cells = [
            match &p.source {
                ProposalSource::SupplierId(id) => id.clone(),
                _ => String::new(),
            },
            match &p.source {
                ProposalSource::LocationId(id) => id.clone(),
                _ => String::new(),
            },
            p.destination.clone(),
            p.item_id.clone(),
            p.item_name.clone(),
            p.order_units.quantity.to_string(),
            p.order_units.uom.clone(),
            p.quantity.to_string(),
            p.uom.clone(),
            money(p.unit_cost),
            money(p.value),
            p.currency.clone(),
            p.order_by.to_string(),
            p.expected_receipt.to_string(),
            p.proposal_id.clone(),
        ];
        let _ = writeln!(out, "{}", cells.map(|text| format::csv_cell(&text)).join(","));
    }
    out
}
