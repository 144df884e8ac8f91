//! What plans share, worked out from everything: on a thread of its own, while events go on.

use std::sync::mpsc::{Receiver, SendError, Sender, channel};

use restock_core::{Forecaster, RowsByItem};
use restock_engine::{Whole, plan_day};
use restock_server::PlanningError;

use super::gather::{Gathered, Gatherer};
use super::{explained, failed};
use crate::adaptation::Experience;
use crate::project::forecaster;

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

/// One thread for all settling of a planner, because what a thread allocates stays with it: a new one each time would leave
/// the memory of those before behind.
#[derive(Default)]
pub(super) struct Settler(Option<Sender<(Job, Sender<Settled>)>>);

type Settled = Result<Box<Done>, PlanningError>;

impl Settler {
    /// Begins to work everything out. Without an answer the thread has met a mistake of the program.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(&mut self, job: Job) -> std::io::Result<Receiver<Settled>> {
        let (answer, done) = channel();
        let mut work = (job, answer);
        if let Some(jobs) = &self.0 {
            match jobs.send(work) {
                Ok(()) => return Ok(done),
                // It ended in a panic.
                Err(SendError(back)) => work = back,
            }
        }
        let (jobs, queue) = channel::<(Job, Sender<Settled>)>();
        let run = move || {
            for (job, answer) in queue {
                let _ = answer.send(work_out(job));
            }
        };
        std::thread::Builder::new().name("settling".to_owned()).spawn(run)?;
        let _ = jobs.send(work);
        self.0 = Some(jobs);
        Ok(done)
    }
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
