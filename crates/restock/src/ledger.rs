//! The event ledger of a project, in `.restock/ledger.db` or where `server.store` says.
//!
//! `restock ingest` appends to it; every verb that reads a project's data adds what its events say to what the files say.
//! Files tell of the time before the first event.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::{Dataset, Day, Event, EventKind};
use restock_ledger::{CollectedEvents, DESK_SOURCE, Files, Ledger, LedgerAddress, LedgerError};

use crate::config::Config;
use crate::error::CliError;

/// Events that are read at a time.
const N_AT_A_TIME: usize = 10_000;

/// The file of a project.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(".restock").join("ledger.db")
}

/// The file of a project, in a folder that is there.
pub(crate) fn path_to_write(dir: &Path) -> Result<PathBuf, CliError> {
    let path = path(dir);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| CliError::usage(format!("cannot write {}: {error}", folder.display())))?;
    }
    Ok(path)
}

/// Where the ledger of a project lies: `server.store` of its settings, or its own file.
pub(crate) fn address(dir: &Path) -> Result<LedgerAddress, CliError> {
    let settings = dir.join("restock.toml");
    let text = std::fs::read_to_string(&settings).unwrap_or_default();
    let store = Config::parse(&text, &settings)?.store;
    Ok(store.unwrap_or_else(|| LedgerAddress::File(path(dir))))
}

/// Opens the ledger of a project to write, and makes it where there is none.
pub(crate) fn open(dir: &Path) -> Result<Box<dyn Ledger>, CliError> {
    let address = address(dir)?;
    if let LedgerAddress::File(_) = address {
        path_to_write(dir)?;
    }
    address.open().map_err(|error| explained(&error))
}

/// Opens the ledger of a project to read; `None` where there is none.
pub(crate) fn open_reader(dir: &Path) -> Result<Option<Box<dyn Ledger>>, CliError> {
    match address(dir)? {
        LedgerAddress::File(path) if !path.exists() => Ok(None),
        address => address.open_reader().map(Some).map_err(|error| explained(&error)),
    }
}

/// What was added to the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// Events that are in the tables now.
    pub(crate) n_events: usize,
    /// Events that are of the day that is looked back from, or later.
    pub(crate) n_later: usize,
    /// The last day that events tell of, but for the project's own orders.
    pub(crate) last_day: Option<Day>,
}

/// What the files say, read at `read_at`, and the events of a project beyond it; of a day to look back from, the events
/// before it, all that is said about master data, and what was said
/// about demand to come up to that day.
pub(crate) fn add_events(
    dir: &Path,
    dataset: &mut Dataset,
    read_at: Timestamp,
    as_of: Option<Day>,
    time_zone: &TimeZone,
) -> Result<Added, CliError> {
    let Some(ledger) = open_reader(dir)? else { return Ok(Added::default()) };
    let (mut events, mut added) = (CollectedEvents::new(time_zone.clone()), Added::default());
    let mut first_at: Option<Timestamp> = None;
    let mut take_in = |event: Event| {
        let day = event.business_day(time_zone);
        if event.kind.is_word() {
            // How the business is says nothing about when anything happened, and holds for all days, as in files. What was
            // said later about demand to come was not known on the day that is looked back from.
            let is_master = matches!(event.kind, EventKind::MasterChange(_));
            match as_of.is_none_or(|as_of| is_master || day <= as_of) {
                true => {
                    added.n_events += 1;
                    events.add(event);
                }
                false => added.n_later += 1,
            }
            return;
        }
        if as_of.is_some_and(|as_of| day >= as_of) {
            added.n_later += 1;
            return;
        }
        added.n_events += 1;
        if event.source != DESK_SOURCE {
            added.last_day = added.last_day.max(Some(day));
        }
        first_at = Some(first_at.map_or(event.occurred_at, |first| first.min(event.occurred_at)));
        events.add(event);
    };
    for_each_event(&*ledger, u64::MAX, &mut take_in).map_err(|error| explained(&error))?;
    if added.n_events > 0 {
        let read_at = first_at.map_or(read_at, before);
        *dataset = events.tables(dataset, Files::of(dataset, read_at));
    }
    Ok(added)
}

/// A moment before `first`: when the files were true, where they do not say it themselves.
pub(crate) fn before(first: Timestamp) -> Timestamp {
    first.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(first)
}

/// Gives `visit` every event up to number `last`, in their order.
pub(crate) fn for_each_event(ledger: &dyn Ledger, last: u64, visit: &mut dyn FnMut(Event)) -> Result<(), LedgerError> {
    let mut next = 1;
    while next <= last {
        let some = ledger.events(next, N_AT_A_TIME)?;
        let Some(end) = some.last() else { break };
        next = end.sequence + 1;
        let own = some.into_iter().take_while(|recorded| recorded.sequence <= last);
        own.for_each(|recorded| visit(recorded.event));
    }
    Ok(())
}

/// An error of the ledger with its way out.
pub(crate) fn explained(error: &LedgerError) -> CliError {
    let text = error.to_string();
    let error = match error {
        LedgerError::Storage(_) | LedgerError::Damaged { .. } | LedgerError::Backup { .. } => CliError::data(text),
        _ => CliError::usage(text),
    };
    error.with_hint_of()
}
