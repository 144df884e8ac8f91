//! `restock model verify`: whether weights are what they claim to be.

use std::path::Path;

use restock_pretrained::chronos::{Chronos2, ChronosBolt};
use restock_pretrained::engine::Precision;
use restock_pretrained::shipped;
use restock_pretrained::tuning::adapter::{Adapter, AdapterError, card_of, sha256};
use restock_pretrained::tuning::registry::{Registry, RegistryError, SHIPPED};
use restock_pretrained::weights::Weights;
use serde_json::json;

use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::registry_error;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// One thing that was looked at.
struct Check {
    model: String,
    what: Text,
    /// What does not hold; `None` where all is well.
    error: Option<String>,
    /// SHA-256 of the file, where one was read.
    sha256: Option<String>,
}

pub(super) fn run(session: &Session, models: &Registry, target: Option<&str>) -> Result<Output, CliError> {
    let names = models.names().map_err(|error| registry_error(&error))?;
    let checks = match target {
        None => {
            let versions = names.iter().flat_map(|name| version(models, name));
            shipped::NAMES.iter().flat_map(|name| shipped_weights(name)).chain(versions).collect()
        }
        Some(SHIPPED) => shipped_weights(BASE),
        Some(name) if shipped::NAMES.contains(&name) => shipped_weights(name),
        Some(name) if names.iter().any(|known| known == name) => version(models, name),
        Some(path) if Path::new(path).is_dir() => folder(path),
        Some(path) if Path::new(path).is_file() => file(path)?,
        Some(other) => {
            let known: Vec<&str> = std::iter::once(SHIPPED).chain(names.iter().map(String::as_str)).collect();
            return Err(CliError::usage(format!(
                "{other:?} is neither a version nor a file, expected one of {} or a path",
                known.join(", ")
            ))
            .hint("`restock model list` shows every version"));
        }
    };
    let n_hold = checks.iter().filter(|check| check.error.is_none()).count();
    let mut output = if session.json {
        let row = |check: &Check| {
            json!({
                "model": check.model, "check": check.what.get(restock_core::settings::Lang::En),
                "holds": check.error.is_none(), "error": check.error, "sha256": check.sha256,
            })
        };
        Output::json(&checks.iter().map(row).collect::<Vec<_>>())?
    } else {
        let mut grid = Grid::new()
            .column(session.text(Text::Model), Align::Left)
            .column(session.text(Text::CheckWord), Align::Left)
            .column(session.text(Text::Found), Align::Text);
        for check in &checks {
            let found = match &check.error {
                Some(error) => session.said(error).into_owned(),
                None => session.text(Text::Holds).to_owned(),
            };
            grid.row([check.model.clone(), session.text(check.what).to_owned(), found]);
        }
        let counts = [n_hold, checks.len()].map(format::count);
        let line = session.fill(Text::FilesHold, &[&counts[0], &counts[1]]);
        Output::text(format!("{}\n{line}\n", grid.render(session)))
    };
    output.findings = n_hold < checks.len();
    Ok(output)
}

/// The shipped forecaster whose weights versions change.
const BASE: &str = shipped::NAMES[0];

/// The weights of a shipped forecaster against what their card states.
fn shipped_weights(name: &str) -> Vec<Check> {
    let weights = shipped::weights(name).expect("a shipped name");
    let stated = shipped::stated_sha256(name).unwrap_or_default();
    let wrong = (weights.sha256 != stated).then(|| format!("has SHA-256 {}, its card states {stated}", weights.sha256));
    let model = if name == BASE { SHIPPED } else { name };
    let sha256 = Some(weights.sha256.to_owned());
    let check = |what, error| Check { model: model.to_owned(), what, error, sha256: sha256.clone() };
    // Reading them checked names, shapes and numbers.
    vec![check(Text::CheckHash, wrong), check(Text::CheckTensors, None)]
}

fn version(models: &Registry, name: &str) -> Vec<Check> {
    match models.load(name, shipped::base()) {
        Ok(adapter) => adapter_checks(name, Ok(&adapter), None),
        Err(RegistryError::Adapter { source, .. }) => adapter_checks(name, Err(source), None),
        Err(error) => {
            let check =
                Check { model: name.to_owned(), what: Text::CheckHash, error: Some(error.to_string()), sha256: None };
            vec![check]
        }
    }
}

/// Checks of an adapter whose file is the one that was saved.
fn adapter_checks(name: &str, read: Result<&Adapter, AdapterError>, sha256: Option<String>) -> Vec<Check> {
    let check = |what, error| Check { model: name.to_owned(), what, error, sha256: sha256.clone() };
    let hash = check(Text::CheckHash, None);
    match read {
        Ok(adapter) => {
            let merged = adapter.merged(shipped::base().weights).err().map(|error| error.to_string());
            vec![hash, check(Text::CheckBase, None), check(Text::CheckTensors, merged)]
        }
        Err(error @ AdapterError::Base { .. }) => vec![hash, check(Text::CheckBase, Some(error.to_string()))],
        Err(error) => vec![hash, check(Text::CheckTensors, Some(error.to_string()))],
    }
}

/// An adapter or weights in a file of their own; there is nothing to compare the hash with.
fn file(path: &str) -> Result<Vec<Check>, CliError> {
    let bytes = std::fs::read(path).map_err(|error| CliError::usage(format!("cannot read {path}: {error}")))?;
    let hash = sha256(&bytes);
    if card_of(&bytes).is_ok() {
        let mut checks = match Adapter::from_bytes(&bytes, shipped::base()) {
            Ok(adapter) => adapter_checks(path, Ok(&adapter), Some(hash)),
            Err(error) => adapter_checks(path, Err(error), Some(hash)),
        };
        checks.remove(0);
        return Ok(checks);
    }
    let error = Weights::from_bytes(&bytes).err().map(|error| error.to_string());
    Ok(vec![Check { model: path.to_owned(), what: Text::CheckTensors, error, sha256: Some(hash) }])
}

/// A folder of a public model: its loader checks every tensor.
fn folder(path: &str) -> Vec<Check> {
    let folder = Path::new(path);
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap_or_default();
    let error = match config.contains("\"Chronos2Model\"") {
        true => Chronos2::read(folder, Precision::F32).err(),
        false => ChronosBolt::read(folder, Precision::F32).err(),
    };
    let hash = std::fs::read(folder.join("model.safetensors")).ok().map(|bytes| sha256(&bytes));
    let error = error.map(|error| error.to_string());
    vec![Check { model: path.to_owned(), what: Text::CheckTensors, error, sha256: hash }]
}
