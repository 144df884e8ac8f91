//! `restock env`: the decision problems that policies are simulated, solved and trained on.

use std::fmt::Write;

use restock_inventory::environments::catalogue::Entry;
use restock_inventory::environments::network::NetworkError;
use restock_inventory::environments::{Network, WarehouseChain, catalogue, check_environment};
use restock_inventory::lanes::{LaneEnvironment, N_LANES, SupplyNetworkLanes, WarehouseChainLanes, check_lanes};
use restock_inventory::problems;
use serde_json::json;

use crate::cli::{EnvAction, EnvArgs};
use crate::error::CliError;
use crate::i18n::Text;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

pub(crate) fn run(session: &Session, args: &EnvArgs) -> Result<Output, CliError> {
    match &args.action {
        EnvAction::List => list(session),
        EnvAction::Show { id } => show(session, &entry(id)?),
        EnvAction::Validate { ids, steps, seed } => validate(session, ids, *steps as usize, *seed),
    }
}

/// The entry of an id; the version may be left out.
fn entry(id: &str) -> Result<Entry, CliError> {
    let mut entries = catalogue();
    let place =
        entries.iter().position(|entry| entry.id == id || entry.id.rsplit_once("-v").is_some_and(|e| e.0 == id));
    place.map(|place| entries.swap_remove(place)).ok_or_else(|| {
        let known: Vec<&str> = catalogue().iter().map(|entry| entry.id).collect();
        CliError::usage(format!("environment {id:?} is not known, expected one of {}", known.join(", ")))
            .hint("`restock env list` says what each is")
    })
}

fn as_json(entry: &Entry) -> serde_json::Value {
    json!({
        "id": entry.id, "title": entry.title, "state": entry.state, "action": entry.action, "chance": entry.chance,
        "finite": entry.finite, "events": entry.events(),
    })
}

fn list(session: &Session) -> Result<Output, CliError> {
    let entries = catalogue();
    if session.json {
        return Output::json(&entries.iter().map(as_json).collect::<Vec<_>>());
    }
    let mut grid = Grid::new()
        .column(session.text(Text::EnvironmentWord), Align::Left)
        .column(session.text(Text::Meaning), Align::Text)
        .optional(session.text(Text::SolvedExactly), Align::Left, 1);
    for entry in &entries {
        let exact = session.text(if entry.finite { Text::Yes } else { Text::No });
        grid.row([entry.id.to_owned(), entry.title.to_owned(), exact.to_owned()]);
    }
    Ok(Output::text(grid.render(session)))
}

fn show(session: &Session, entry: &Entry) -> Result<Output, CliError> {
    if session.json {
        return Output::json(&as_json(entry));
    }
    let mut text = format!("{}: {}\n\n", session.bold(entry.id), entry.title);
    for (label, value) in [(Text::State, entry.state), (Text::Action, entry.action), (Text::Chance, entry.chance)] {
        let _ = writeln!(text, "{}: {value}", session.text(label));
    }
    let _ = write!(text, "\n{}\n", session.bold(session.text(Text::Events)));
    for (number, event) in (1..).zip(entry.events()) {
        let _ = writeln!(text, "  {number}. {event}");
    }
    Ok(Output::text(text))
}

/// What is validated.
enum Subject {
    Environment(Entry),
    /// A network of a file, which is its name.
    Network(String, Box<Network>),
    /// A chain of warehouses of a file.
    Chain(String, Box<WarehouseChain>),
}

impl Subject {
    fn name(&self) -> &str {
        match self {
            Self::Environment(entry) => entry.id,
            Self::Network(path, _) | Self::Chain(path, _) => path,
        }
    }

    /// What does not hold, if anything; of a file on the plain problem and on its vectorised twin.
    fn error(&self, seed: u64, n_steps: usize) -> Option<String> {
        match self {
            Self::Environment(entry) => entry.validate(seed, n_steps).err().map(|error| error.to_string()),
            Self::Network(_, network) => error_of(&SupplyNetworkLanes::new(network.as_ref().clone()), seed, n_steps),
            Self::Chain(_, chain) => error_of(&WarehouseChainLanes::new(chain.as_ref().clone()), seed, n_steps),
        }
    }
}

/// What does not hold in a plain environment or in its twin.
fn error_of(twin: &impl LaneEnvironment, seed: u64, n_steps: usize) -> Option<String> {
    let plain = check_environment(twin.plain(), seed, n_steps).err().map(|error| error.to_string());
    plain.or_else(|| check_lanes(twin, seed, n_steps.div_ceil(N_LANES)).err().map(|error| error.to_string()))
}

/// An id, or the path of a network or of a chain of warehouses.
fn subject(id: &str) -> Result<Subject, CliError> {
    let is_toml = id.ends_with(".toml");
    if !is_toml && !id.ends_with(".yaml") && !id.ends_with(".yml") {
        return entry(id).map(Subject::Environment);
    }
    let text = std::fs::read_to_string(id).map_err(|error| CliError::usage(format!("cannot read {id}: {error}")))?;
    let table = if is_toml { text.parse().ok() } else { problems::table_of_yaml(&text).ok() };
    let fails = |error: NetworkError| CliError::usage(format!("{id}: {error}"));
    if table.is_some_and(|table: toml::Table| table.contains_key("warehouses")) {
        let chain = if is_toml { WarehouseChain::from_toml(&text) } else { WarehouseChain::from_yaml(&text) };
        return Ok(Subject::Chain(id.to_owned(), Box::new(chain.map_err(fails)?)));
    }
    let network = if is_toml { Network::from_toml(&text) } else { Network::from_yaml(&text) };
    Ok(Subject::Network(id.to_owned(), Box::new(network.map_err(fails)?)))
}

fn validate(session: &Session, ids: &[String], n_steps: usize, seed: u64) -> Result<Output, CliError> {
    let subjects: Vec<Subject> = if ids.is_empty() {
        catalogue().into_iter().map(Subject::Environment).collect()
    } else {
        ids.iter().map(|id| subject(id)).collect::<Result<_, _>>()?
    };
    let progress = session.progress(session.text(Text::Checking));
    let mut results = Vec::new();
    for (done, subject) in (0..).zip(&subjects) {
        progress.set(done, subjects.len() as u64);
        results.push((subject.name(), subject.error(seed, n_steps)));
    }
    drop(progress);
    let findings = results.iter().any(|(_, error)| error.is_some());
    let mut output = if session.json {
        let rows = results.iter().map(|(id, error)| json!({ "id": id, "holds": error.is_none(), "error": error }));
        Output::json(&rows.collect::<Vec<_>>())?
    } else {
        let mut grid = Grid::new()
            .column(session.text(Text::EnvironmentWord), Align::Left)
            .column(session.text(Text::Found), Align::Text);
        for (id, error) in &results {
            let found = error.clone().unwrap_or_else(|| session.text(Text::Holds).to_owned());
            grid.row([(*id).to_owned(), found]);
        }
        Output::text(grid.render(session))
    };
    output.findings = findings;
    Ok(output)
}
