//! A source that runs: on a thread of its own, until it is stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::config::{ConfigError, FolderConfig, SourceConfig};
use crate::folder::{Folder, LOOK_EVERY, ReadTable};
use crate::intake::{Clock, Intake, IntakeError};
use crate::status::{Board, State, Status};
use crate::stop::Stop;

/// Looks up an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a source finds around it.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// The folder of the project: paths are relative to it.
    pub folder: PathBuf,
    /// Environment variables, for secrets.
    pub environment: Environment,
    /// Reads tables of drop folders; without it they are left alone.
    pub read_table: Option<ReadTable>,
}

/// Why a source did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// This program was built without it.
    #[error("intake {name:?}: this program was built without {kind}\n\nhint: build it with the feature `{kind}`")]
    NotBuilt {
        /// The source.
        name: String,
        /// Its kind, which is the name of the feature too.
        kind: &'static str,
    },
    /// The system gives no threads.
    #[error("a source of events cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A source that runs. It stops when this is dropped.
#[derive(Debug)]
pub struct Source {
    board: Board,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Where it stands.
    pub fn status(&self) -> Status {
        self.board.get()
    }

    /// Tells where it stands, for whoever does not own it.
    pub fn watch(&self) -> Watch {
        Watch(self.board.clone())
    }

    /// Ends it after the batch that is under way.
    pub fn stop(mut self) {
        self.join();
    }

    /// Tells it to end, without waiting for it: to end many at once.
    pub fn begin_stop(&self) {
        self.stop.set();
    }

    fn join(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(source = self.board.get().name, "a source of events ended in a panic");
        }
    }
}

/// Tells where a source stands.
#[derive(Clone, Debug)]
pub struct Watch(Board);

impl Watch {
    /// Where it stands.
    pub fn status(&self) -> Status {
        self.0.get()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.join();
    }
}

/// Starts a source that brings its entries to `intake`.
///
/// # Errors
/// [`StartError`]. A folder that is not there and a broker that does not answer are no errors: they are tried again, and
/// the status says so.
pub fn start(
    config: &SourceConfig,
    intake: Box<dyn Intake + Send>,
    surroundings: &Surroundings,
) -> Result<Source, StartError> {
    config.check()?;
    let board = Board::new(config.name(), config.kind());
    let stop = Stop::new();
    let around = surroundings.clone();
    let (thread_board, thread_stop) = (board.clone(), stop.clone());
    let work: Box<dyn FnOnce() + Send> = match config {
        SourceConfig::Folder(config) => {
            let config = config.clone();
            Box::new(move || read_folder(&config, intake, &around, &thread_board, &thread_stop))
        }
        #[cfg(feature = "nats")]
        SourceConfig::Nats(config) => {
            let config = config.clone();
            Box::new(move || crate::nats::run(&config, intake, &around, &thread_board, &thread_stop))
        }
        #[cfg(feature = "kafka")]
        SourceConfig::Kafka(config) => {
            let config = config.clone();
            Box::new(move || crate::kafka::run(&config, intake, &around, &thread_board, &thread_stop))
        }
        #[cfg(not(all(feature = "kafka", feature = "nats")))]
        other => return Err(StartError::NotBuilt { name: other.name().to_owned(), kind: other.kind() }),
    };
    let ended = Ended(board.clone());
    let thread = std::thread::Builder::new().name(format!("intake-{}", config.kind())).spawn(move || {
        let _ended = ended;
        work();
    })?;
    Ok(Source { board, stop, thread: Some(thread) })
}

/// However a source ends, its status says so.
struct Ended(Board);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.set_state(State::Stopped);
    }
}

fn read_folder(
    config: &FolderConfig,
    mut intake: Box<dyn Intake + Send>,
    around: &Surroundings,
    board: &Board,
    stop: &Stop,
) {
    let path = around.folder.join(&config.path);
    let mut folder = Folder::with_board(path, around.read_table.clone(), board.clone());
    while !stop.is_set() {
        if let Err(IntakeError::Closed) = folder.look(&mut *intake, (around.clock)(), stop) {
            return;
        }
        stop.wait(LOOK_EVERY);
    }
}
