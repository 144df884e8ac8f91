//! `restock model`: versions of the pretrained demand model.

mod list;
mod outcomes;
mod pretrain;
mod promote;
mod tune;
mod verify;

use restock_pretrained::tuning::registry::SHIPPED;

use crate::cli::{ModelAction, ModelArgs};
use crate::error::CliError;
use crate::project::{Project, models_of};
use crate::session::{Output, Session};

pub(crate) fn run(session: &Session, args: &ModelArgs) -> Result<Output, CliError> {
    let models = || Project::dir_of(session).map(|dir| models_of(&dir));
    match &args.action {
        ModelAction::Tune(args) => tune::run(session, args),
        ModelAction::Pretrain(args) => pretrain::run(session, args),
        ModelAction::List => list::run(session, &models()?),
        ModelAction::Verify { target } => verify::run(session, &models()?, target.as_deref()),
        ModelAction::Promote { version, force } => promote::promote(session, &models()?, version, force.as_deref()),
        ModelAction::Rollback => promote::roll_back(session, &models()?),
        ModelAction::Outcomes { data } => outcomes::run(session, data),
    }
}

/// The name of a version; `None` is the model as shipped.
fn version_name(version: Option<&str>) -> &str {
    version.unwrap_or(SHIPPED)
}
