//! `restock model list`: what there is, what it was worth, what is used.

use restock_pretrained::shipped;
use restock_pretrained::tuning::registry::{Registry, SHIPPED};
use serde_json::json;

use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::registry_error;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

pub(super) fn run(session: &Session, models: &Registry) -> Result<Output, CliError> {
    let versions = models.versions().map_err(|error| registry_error(&error))?;
    let pointer = models.pointer().map_err(|error| registry_error(&error))?;
    let active = pointer.active();
    let findings = versions.iter().any(|version| version.card.is_err());
    let mut output = if session.json {
        let base = shipped::base();
        let mut rows = vec![json!({
            "version": SHIPPED, "method": null, "base": base.weights.config().name, "base_sha256": base.sha256,
            "used": active.is_none(),
        })];
        for name in &shipped::NAMES[1..] {
            let other = shipped::weights(name).expect("a shipped name");
            rows.push(json!({
                "version": name, "method": null, "base": other.weights.config().name, "base_sha256": other.sha256,
                "used": false,
            }));
        }
        for version in &versions {
            let mut row = match &version.card {
                Ok(card) => json!(card),
                Err(error) => json!({ "error": error.to_string() }),
            };
            row["version"] = json!(version.name);
            row["sha256"] = json!(version.sha256);
            row["used"] = json!(active == Some(version.name.as_str()));
            rows.push(row);
        }
        Output::json(&json!({ "versions": rows, "history": pointer.history }))?
    } else {
        let used = |is_used: bool| if is_used { session.text(Text::Yes).to_owned() } else { String::new() };
        let mut grid = Grid::new()
            .column(session.text(Text::Version), Align::Left)
            .column(session.text(Text::MethodWord), Align::Left)
            .optional(session.text(Text::Day), Align::Left, 2)
            .column(session.text(Text::ScaledLoss), Align::Right)
            .optional(session.text(Text::ShippedScaledLoss), Align::Right, 3)
            .column(session.text(Text::BetterBy), Align::Right)
            .optional("WQL", Align::Right, 4)
            .column(session.text(Text::ActiveWord), Align::Left)
            .column("", Align::Text);
        let mut shipped_row = vec![String::new(); 9];
        SHIPPED.clone_into(&mut shipped_row[0]);
        session.text(Text::ShippedModel).clone_into(&mut shipped_row[1]);
        shipped_row[7] = used(active.is_none());
        grid.row(shipped_row);
        for name in &shipped::NAMES[1..] {
            let mut row = vec![String::new(); 9];
            (*name).clone_into(&mut row[0]);
            session.text(Text::ShippedModel).clone_into(&mut row[1]);
            grid.row(row);
        }
        for version in &versions {
            let mut row = vec![String::new(); 9];
            row[0].clone_from(&version.name);
            row[7] = used(active == Some(version.name.as_str()));
            match &version.card {
                Ok(card) => {
                    card.method.name().clone_into(&mut row[1]);
                    row[2].clone_from(&card.day);
                    if let Some(evidence) = &card.evidence {
                        row[3] = format::float(evidence.tuned.sql.value, 4);
                        row[4] = format::float(evidence.zero_shot.sql.value, 4);
                        row[5] = format::gap(Some(evidence.improvement.value), 2);
                        row[6] = format::float(evidence.tuned.wql.value, 4);
                    }
                }
                Err(error) => row[8] = session.said(&error.to_string()).into_owned(),
            }
            grid.row(row);
        }
        let mut text = grid.render(session);
        if !versions.is_empty() {
            text.push_str(&format!("\n{}\n", session.dim(session.text(Text::ValidatedOn))));
        }
        Output::text(text)
    };
    output.findings = findings;
    Ok(output)
}
