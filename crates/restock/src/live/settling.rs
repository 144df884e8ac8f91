//! What plans share, worked out from everything: on threads of its own, after all others, while events go on.

use std::any::Any;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SendError, Sender, channel};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use restock_core::{Forecaster, RowsByItem};
use restock_engine::{Whole, plan_day};
use restock_server::PlanningError;

use super::gather::{Gathered, Gatherer};
use super::{explained, failed};
use crate::adaptation::Experience;
use crate::project::forecaster;

/// How far threads stand back, of 19.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// What is needed to work everything out.
pub(super) struct Job {
    pub(super) gatherer: Gatherer,
    pub(super) experience: Option<Experience>,
}

/// Everything, worked out as of an event.
pub(super) struct Done {
    pub(super) gathered: Gathered,
    /// Where the tables have what.
    pub(super) rows: RowsByItem,
    pub(super) whole: Whole,
    pub(super) forecaster: Box<dyn Forecaster>,
    pub(super) experience: Experience,
    pub(super) is_new_day: bool,
}

/// The same threads for all settling of a planner, because what a thread allocates stays with it: new ones each time would
/// leave the memory of those before behind.
#[derive(Default)]
pub(super) struct Settler(Option<Sender<Work>>);

type Settled = Result<Box<Done>, PlanningError>;

enum Work {
    Settle(Job, Sender<Settled>),
    /// Only to be dropped: to free what a large business is takes as long as an event may wait.
    Drop(#[expect(dead_code, reason = "nobody reads it any more")] Box<dyn Any + Send>),
}

impl Settler {
    /// Begins to work everything out. Without an answer the thread has met a mistake of the program.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(&mut self, job: Job) -> std::io::Result<Receiver<Settled>> {
        let (answer, done) = channel();
        let mut work = Work::Settle(job, answer);
        if let Some(works) = &self.0 {
            match works.send(work) {
                Ok(()) => return Ok(done),
                // It ended in a panic.
                Err(SendError(back)) => work = back,
            }
        }
        let (works, queue) = channel::<Work>();
        let pool = background_threads(spare_cores()).map_err(std::io::Error::other)?;
        let run = move || {
            for work in queue {
                match work {
                    Work::Settle(job, answer) => drop(answer.send(pool.install(|| work_out(job)))),
                    Work::Drop(old) => pool.install(|| drop(old)),
                }
            }
        };
        std::thread::Builder::new().name("settling".to_owned()).spawn(run)?;
        let _ = works.send(work);
        self.0 = Some(works);
        Ok(done)
    }

    /// Drops something large where nobody waits for it.
    pub(super) fn drop_later(&self, old: impl Any + Send) {
        if let Some(works) = &self.0 {
            let _ = works.send(Work::Drop(Box::new(old)));
        }
    }
}

/// Cores but the one that events are planned on.
fn spare_cores() -> usize {
    let n_cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    n_cores.saturating_sub(1).max(1)
}

/// Threads for what nobody waits for: where the system allows it, they run when no other wants to. What is done in parallel
/// on them does not stand in the queue of the threads that plan events.
pub(super) fn background_threads(n: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    let yields_to_others = |_| {
        // Of Linux alone a thread has a priority of its own; without it the work is the same.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICENESS);
    };
    ThreadPoolBuilder::new()
        .num_threads(n)
        .thread_name(|_| "background".to_owned())
        .start_handler(yields_to_others)
        .build()
}

/// Gathers everything, learns from outcomes on the first plan of a day, and works out what plans take from it.
pub(super) fn work_out(job: Job) -> Result<Box<Done>, PlanningError> {
    let (mut gathered, ledger) = job.gatherer.gather()?;
    let loaded = &mut gathered.loaded;
    let as_of = plan_day(&loaded.import.dataset, &loaded.settings);
    let mut experience = match job.experience {
        Some(experience) => experience,
        None => Experience::read(Some(&*ledger), loaded).map_err(failed)?,
    };
    let is_new_day = experience.is_new_day(loaded, as_of);
    if is_new_day {
        let learnt = experience.learn(loaded, Some(&*ledger), as_of).map_err(failed)?;
        for alarm in &learnt.alarms {
            tracing::warn!(subject = ?alarm.subject, "{}", alarm.message());
        }
        for change in learnt.model_change.iter().chain(&learnt.policy_change) {
            tracing::info!(champion = change.champion, other = change.other, "{:?}", change.kind);
        }
    } else {
        experience.apply(loaded, as_of);
    }
    let forecaster = forecaster(&loaded.settings.forecast_model, loaded).map_err(explained)?;
    let rows = RowsByItem::new(&loaded.import.dataset);
    let whole = Whole::of(&loaded.import.dataset, &loaded.settings, forecaster.name());
    if let Err(error) = loaded.shadow.begin(whole.as_of()) {
        tracing::warn!(error = %error.message, "the day on which the learned policy begins to watch was not kept");
    }
    Ok(Box::new(Done { gathered, rows, whole, forecaster, experience, is_new_day }))
}
