//! `restock model promote` and `restock model rollback`: which version is used.

use restock_pretrained::shipped;
use restock_pretrained::tuning::registry::{Entry, Registry};

use super::version_name;
use crate::error::CliError;
use crate::i18n::Text;
use crate::project::registry_error;
use crate::session::{Output, Session};

pub(super) fn promote(
    session: &Session,
    models: &Registry,
    version: &str,
    force: Option<&str>,
) -> Result<Output, CliError> {
    if force.is_some_and(|reason| reason.trim().is_empty()) {
        return Err(CliError::usage("--force is empty, expected the reason").hint("--force \"a trial in two shops\""));
    }
    let day = session.today.to_string();
    let entry = models.promote(version, force, &day, shipped::base()).map_err(|error| registry_error(&error))?;
    answer(session, &entry, Text::Promoted)
}

pub(super) fn roll_back(session: &Session, models: &Registry) -> Result<Output, CliError> {
    let entry = models.roll_back(&session.today.to_string()).map_err(|error| registry_error(&error))?;
    answer(session, &entry, Text::RolledBack)
}

fn answer(session: &Session, entry: &Entry, text: Text) -> Result<Output, CliError> {
    if session.json {
        return Output::json(entry);
    }
    let (to, from) = (version_name(entry.to.as_deref()), version_name(entry.from.as_deref()));
    Ok(Output::text(format!("{}\n", session.fill(text, &[&to, &from]))))
}
