//! What people ask beside the plan: simulations, backtests, scenarios and the curve of service against stock, each with
//! what the plan knows at the moment it is asked.

use std::sync::{Arc, Mutex, PoisonError};

use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Dataset, Forecaster};
use restock_engine::backtest::{BacktestOptions, ForecastBacktestOptions, backtest, forecast_backtest};
use restock_engine::scenario::{compare, frontier, with_scenario};
use restock_engine::simulate::{SimulateOptions, simulate};
use restock_engine::{Plan, Remembering, plan};
use restock_server::{JobRequest, JobSteps};
use serde::Serialize;
use serde_json::Value;

use super::gather::{FileTables, Gathered, Gatherer};
use crate::project::forecaster;

/// Item-locations of a simulation or backtest that an answer lists.
const MAX_LINES: usize = 1_000;

/// Rows of sales up to which data and plan are kept for the next scenario: some 100 MB.
const MAX_KEPT_ROWS: usize = 2_000_000;

/// What a job begins with.
pub(super) struct Basis {
    pub(super) gatherer: Gatherer,
    /// Those that the plan stands on, with what outcomes taught.
    pub(super) settings: PlanSettings,
    pub(super) forecaster: Arc<Remembering>,
    pub(super) kept: Arc<Kept>,
}

/// Data and plan as things are, kept while somebody moves what is otherwise.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<Arc<AsThingsAre>>>);

impl Kept {
    /// Forgets what is behind events.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct AsThingsAre {
    files: Arc<FileTables>,
    last_sequence: u64,
    settings: PlanSettings,
    dataset: Dataset,
    plan: Plan,
}

/// Works on what was asked; `steps` hears how far it is.
pub(super) fn answer(basis: Basis, request: JobRequest, steps: &JobSteps) -> Result<Value, String> {
    // One processor less than there are, where there are more: events come first.
    let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().map_err(|error| error.to_string())?;
    pool.install(|| work(basis, request, steps))
}

fn work(basis: Basis, request: JobRequest, steps: &JobSteps) -> Result<Value, String> {
    let progress = |done: usize, total: usize| steps.set(done, total);
    match request {
        JobRequest::Simulation { shocks, n_days, n_paths } => {
            let options = SimulateOptions { n_paths, n_days, shocks, volumes: false };
            let Basis { gatherer, settings, forecaster, .. } = basis;
            let dataset = gather(gatherer)?.loaded.import.dataset;
            let report = simulate(&dataset, &settings, &*forecaster, &options, &progress);
            let mut report = report.map_err(|error| error.to_string())?;
            report.scenarios.iter_mut().for_each(|scenario| scenario.lines.truncate(MAX_LINES));
            json(&report)
        }
        JobRequest::Backtest { policies, n_weeks, limit } => {
            let Basis { gatherer, settings, forecaster, .. } = basis;
            let dataset = gather(gatherer)?.loaded.import.dataset;
            let n_periods = n_weeks.map(|weeks| match settings.bucket {
                Bucket::Day => weeks * 7,
                Bucket::Week => weeks,
                Bucket::Month => weeks.div_ceil(4),
            });
            let mut options = BacktestOptions { n_periods, limit, seed: settings.seed, ..BacktestOptions::default() };
            if !policies.is_empty() {
                options.policies = policies;
            }
            let report = backtest(&dataset, &settings, &*forecaster, &options, &progress);
            let mut report = report.map_err(|error| error.to_string())?;
            report.lines.truncate(MAX_LINES);
            json(&report)
        }
        JobRequest::ForecastBacktest { models, horizon, n_windows, limit } => {
            let loaded = gather(basis.gatherer)?.loaded;
            let named = |name: &String| forecaster(name, &loaded).map_err(|error| super::explained_text(&error));
            let models: Vec<Box<dyn Forecaster>> = models.iter().map(named).collect::<Result<_, _>>()?;
            let models: Vec<&dyn Forecaster> = models.iter().map(AsRef::as_ref).collect();
            let mut options = ForecastBacktestOptions::new(horizon, n_windows);
            options.limit = limit;
            options.evaluate.seed = basis.settings.seed;
            json(&forecast_backtest(&loaded.import.dataset, &basis.settings, &models, &options, &progress))
        }
        JobRequest::Scenario { changes } => {
            let (forecaster, kept) = (basis.forecaster.clone(), basis.kept.clone());
            let now = as_things_are(basis, &kept, &progress)?;
            let settings = with_scenario(&now.settings, &changes).map_err(|error| error.to_string())?;
            let plan = plan(&now.dataset, &settings, &*forecaster, &progress);
            json(&compare(&now.plan, &plan))
        }
        JobRequest::Frontier { targets } => {
            let (forecaster, kept) = (basis.forecaster.clone(), basis.kept.clone());
            let now = as_things_are(basis, &kept, &progress)?;
            let points = frontier(&now.dataset, &now.settings, &*forecaster, &targets, &progress);
            json(&points.map_err(|error| error.to_string())?)
        }
    }
}

fn gather(gatherer: Gatherer) -> Result<Gathered, String> {
    gatherer.gather().map(|(gathered, _)| gathered).map_err(|error| error.to_string())
}

fn json(answer: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|error| error.to_string())
}

/// Data and plan as things are: those of the last scenario, where nothing came in since.
fn as_things_are(
    basis: Basis,
    kept: &Kept,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Arc<AsThingsAre>, String> {
    let Basis { gatherer, settings, forecaster, .. } = basis;
    let (last_sequence, files) = (gatherer.last_sequence, gatherer.files.clone());
    let is_now = |kept: &&Arc<AsThingsAre>| {
        kept.last_sequence == last_sequence
            && files.as_ref().is_some_and(|files| Arc::ptr_eq(files, &kept.files))
            && kept.settings == settings
    };
    let lock = || kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = lock().as_ref().filter(is_now) {
        return Ok(kept.clone());
    }
    // Two states at a time would be one too many.
    kept.forget();
    let gathered = gather(gatherer)?;
    let (files, dataset) = (gathered.files, gathered.loaded.import.dataset);
    let plan = plan(&dataset, &settings, &*forecaster, progress);
    let now = Arc::new(AsThingsAre { files, last_sequence, settings, dataset, plan });
    if now.dataset.sales.len() <= MAX_KEPT_ROWS {
        *lock() = Some(now.clone());
    }
    Ok(now)
}
