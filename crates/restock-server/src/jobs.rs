//! Long work: simulations, backtests, scenarios and the curve of service against stock.
//!
//! ```text
//! request -> the planner prepares a task between two turns -> a thread of the lane works on it -> the answer waits here
//! ```
//!
//! A task takes what it needs of the planner with it, so planning goes on beside it. Each of the two lanes does one task at
//! a time: what a person waits for is not held up by a backtest of an hour. Answers are kept in memory, the last
//! [`MAX_JOBS`] of them; after a restart they are asked for again.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use restock_engine::simulate::Shock;
use serde_json::Value;
use tokio::sync::watch;

use crate::limits::{MAX_JOBS, MAX_JOBS_BYTES, MAX_WAITING_JOBS};
use crate::options::Clock;

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum JobRequest {
    /// How the future goes under the plan's policy.
    Simulation {
        /// What happens besides.
        shocks: Vec<Shock>,
        /// Days to play, at least 1.
        n_days: usize,
        /// Futures per item-location, at least 2.
        n_paths: usize,
    },
    /// What policies would have cost on the own history.
    Backtest {
        /// By name; empty: the usual ones.
        policies: Vec<String>,
        /// Weeks that count; `None`: a year, or a third of the data.
        n_weeks: Option<usize>,
        /// The most item-locations, spread evenly.
        limit: Option<usize>,
    },
    /// How well models would have forecast the own history.
    ForecastBacktest {
        /// By name, at least one.
        models: Vec<String>,
        /// Periods ahead, at least 1.
        horizon: usize,
        /// Origins, at least 1.
        n_windows: usize,
        /// The most item-locations, spread evenly.
        limit: Option<usize>,
    },
    /// The plan under other circumstances.
    Scenario {
        /// Changes, as [`restock_engine::scenario::ScenarioChange`] reads them.
        changes: Vec<String>,
    },
    /// What service targets would cost.
    Frontier {
        /// Service targets.
        targets: Vec<f64>,
    },
}

impl JobRequest {
    /// The kind in answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Simulation { .. } => "simulation",
            Self::Backtest { .. } => "backtest",
            Self::ForecastBacktest { .. } => "forecast_backtest",
            Self::Scenario { .. } => "scenario",
            Self::Frontier { .. } => "frontier",
        }
    }

    /// Whether a person waits for it.
    fn is_quick(&self) -> bool {
        matches!(self, Self::Scenario { .. } | Self::Frontier { .. })
    }
}

/// Work that was prepared: the answer as JSON, or why there is none.
pub type Task = Box<dyn FnOnce(&JobSteps) -> Result<Value, String> + Send>;

/// Where a task tells how far it is. One that is not wanted any more is unwound at the next step that it tells of.
pub struct JobSteps {
    is_cancelled: Arc<AtomicBool>,
    seen: watch::Sender<JobStanding>,
}

/// What a cancelled task is unwound with.
struct Cancelled;

impl JobSteps {
    /// `done` of `total` steps are made.
    pub fn set(&self, done: usize, total: usize) {
        if self.is_cancelled.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Cancelled));
        }
        self.seen.send_if_modified(|seen| {
            // A percent is enough to look at.
            let is_worth = seen.total != total || done == total || (done - done.min(seen.done)) * 100 >= total;
            if is_worth {
                (seen.done, seen.total) = (done, total);
            }
            is_worth
        });
    }
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

/// What is seen of a job from moment to moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobStanding {
    pub(crate) state: JobState,
    pub(crate) done: usize,
    pub(crate) total: usize,
}

/// A job.
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) request: JobRequest,
    pub(crate) author: String,
    pub(crate) asked_at: Timestamp,
    is_cancelled: Arc<AtomicBool>,
    pub(crate) standing: watch::Receiver<JobStanding>,
    ended: Mutex<Option<Ended>>,
}

/// How a job ended.
#[derive(Clone)]
pub(crate) struct Ended {
    pub(crate) at: Timestamp,
    /// Length of the answer as text, bytes.
    n_bytes: usize,
    pub(crate) answer: Result<Arc<Value>, String>,
}

impl Job {
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The answer, where there is one.
    pub(crate) fn answer(&self) -> Option<Arc<Value>> {
        self.ended()?.answer.ok()
    }
}

/// Too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// All jobs since the start of the server.
pub(crate) struct Jobs {
    clock: Clock,
    lists: Arc<Mutex<Lists>>,
}

#[derive(Default)]
struct Lists {
    n_jobs: u64,
    /// The latest first.
    jobs: VecDeque<Arc<Job>>,
    /// What a person waits for, and what takes its time.
    lanes: [Lane; 2],
    is_closed: bool,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Work>,
    has_thread: bool,
}

/// A task with its job and where it tells how far it is.
struct Work {
    job: Arc<Job>,
    task: Task,
    steps: JobSteps,
}

impl Jobs {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, lists: Arc::default() }
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a task wait for its turn.
    pub(crate) fn add(&self, request: JobRequest, author: String, task: Task) -> Result<Arc<Job>, TooMany> {
        let lane_idx = usize::from(!request.is_quick());
        let mut lists = self.lists();
        if lists.is_closed || lists.lanes[lane_idx].waiting.len() >= MAX_WAITING_JOBS {
            return Err(TooMany);
        }
        lists.n_jobs += 1;
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let (seen, standing) = watch::channel(JobStanding { state: JobState::Waiting, done: 0, total: 0 });
        let asked_at = (self.clock)();
        let job = Arc::new(Job {
            // Another start of the server gives other ids, so that nobody gets an answer to another question.
            job_id: format!("job_{:x}_{}", asked_at.as_millisecond(), lists.n_jobs),
            request,
            author,
            asked_at,
            is_cancelled: is_cancelled.clone(),
            standing,
            ended: Mutex::default(),
        });
        lists.jobs.push_front(job.clone());
        let steps = JobSteps { is_cancelled, seen };
        lists.lanes[lane_idx].waiting.push_back(Work { job: job.clone(), task, steps });
        lists.forget_old();
        if !lists.lanes[lane_idx].has_thread {
            let (all, clock) = (self.lists.clone(), self.clock.clone());
            let run = move || work_off(&all, lane_idx, &clock);
            let started = std::thread::Builder::new().name("job".to_owned()).spawn(run);
            lists.lanes[lane_idx].has_thread = started.is_ok();
            if started.is_err() {
                lists.lanes[lane_idx].waiting.pop_back();
                lists.jobs.pop_front();
                return Err(TooMany);
            }
        }
        Ok(job)
    }

    /// All of them, the latest first.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.lists().jobs.iter().cloned().collect()
    }

    pub(crate) fn find(&self, job_id: &str) -> Option<Arc<Job>> {
        self.lists().jobs.iter().find(|job| job.job_id == job_id).cloned()
    }

    /// Ends a job at its next step. One that is over stays as it is.
    pub(crate) fn cancel(&self, job: &Job) {
        job.is_cancelled.store(true, Ordering::Relaxed);
        let mut lists = self.lists();
        for lane in &mut lists.lanes {
            if let Some(idx) = lane.waiting.iter().position(|work| work.job.job_id == job.job_id) {
                let Work { steps, .. } = lane.waiting.remove(idx).expect("it is there");
                let reason = Err("it was cancelled before its turn".to_owned());
                steps.end(job, JobState::Cancelled, reason, (self.clock)());
            }
        }
    }

    /// Ends everything; nothing more is taken.
    pub(crate) fn close(&self) {
        self.lists().is_closed = true;
        self.all().iter().for_each(|job| self.cancel(job));
    }
}

impl Lists {
    /// Drops the oldest answers where there are too many, or too much of them.
    fn forget_old(&mut self) {
        let n_bytes = |jobs: &VecDeque<Arc<Job>>| -> usize {
            jobs.iter().filter_map(|job| job.ended()).map(|ended| ended.n_bytes).sum()
        };
        while self.jobs.len() > MAX_JOBS || n_bytes(&self.jobs) > MAX_JOBS_BYTES {
            let Some(idx) = self.jobs.iter().rposition(|job| job.standing.borrow().state.is_over()) else { break };
            self.jobs.remove(idx);
        }
    }
}

impl JobSteps {
    /// Tells how a job ended.
    fn end(&self, job: &Job, state: JobState, answer: Result<Value, String>, at: Timestamp) {
        let n_bytes = answer.as_ref().map_or(0, |value| value.to_string().len());
        let answer = answer.map(Arc::new);
        *job.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ended { at, n_bytes, answer });
        self.seen.send_modify(|seen| seen.state = state);
    }
}

/// Works on what waits in a lane until nothing does.
fn work_off(lists: &Mutex<Lists>, lane_idx: usize, clock: &Clock) {
    let lock = || lists.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Work { job, task, steps } = {
            let mut lists = lock();
            let Some(work) = lists.lanes[lane_idx].waiting.pop_front() else {
                lists.lanes[lane_idx].has_thread = false;
                return;
            };
            work
        };
        steps.seen.send_modify(|seen| seen.state = JobState::Running);
        let outcome = catch_unwind(AssertUnwindSafe(|| task(&steps)));
        let (state, answer) = match outcome {
            Ok(Ok(value)) => (JobState::Done, Ok(value)),
            Ok(Err(reason)) => (JobState::Failed, Err(reason)),
            Err(panic) if panic.is::<Cancelled>() => (JobState::Cancelled, Err("it was cancelled".to_owned())),
            Err(_) => {
                tracing::error!(job = job.job_id, "a job met a mistake of the program");
                (JobState::Failed, Err("it met a mistake of the program; the log of the server has it".to_owned()))
            }
        };
        steps.end(&job, state, answer, clock());
        lock().forget_old();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn jobs() -> Jobs {
        Jobs::new(Arc::new(|| Timestamp::UNIX_EPOCH))
    }

    fn quick() -> JobRequest {
        JobRequest::Frontier { targets: vec![0.9] }
    }

    fn slow() -> JobRequest {
        JobRequest::Backtest { policies: Vec::new(), n_weeks: None, limit: None }
    }

    fn wait(job: &Job) -> JobState {
        let mut standing = job.standing.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let over = standing.wait_for(|now| now.state.is_over());
        let over = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), over).await });
        over.expect("it ends").expect("it is told").state
    }

    #[test]
    fn answers_and_reasons_are_kept() {
        let jobs = jobs();
        let good = jobs.add(quick(), "ann".to_owned(), Box::new(|_| Ok(json!({ "n": 1 })))).ok().unwrap();
        let bad = jobs.add(quick(), "ann".to_owned(), Box::new(|_| Err("no data".to_owned()))).ok().unwrap();
        let broken = jobs.add(quick(), "ann".to_owned(), Box::new(|_| panic!("a mistake"))).ok().unwrap();
        assert_eq!([wait(&good), wait(&bad), wait(&broken)], [JobState::Done, JobState::Failed, JobState::Failed]);
        assert_eq!(*good.answer().unwrap(), json!({ "n": 1 }));
        assert_eq!(bad.ended().unwrap().answer, Err("no data".to_owned()));
        assert!(broken.ended().unwrap().answer.unwrap_err().contains("mistake"));
        assert_eq!(jobs.all().len(), 3);
        assert!(jobs.find("job_0_4").is_none());
    }

    #[test]
    fn a_long_job_holds_up_no_quick_one_and_can_be_cancelled() {
        let jobs = jobs();
        let (started, has_started) = channel();
        let endless = jobs.add(
            slow(),
            "ann".to_owned(),
            Box::new(move |steps| {
                steps.set(1, 10);
                started.send(()).unwrap();
                loop {
                    steps.set(1, 10);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }),
        );
        let endless = endless.ok().unwrap();
        has_started.recv().unwrap();
        let behind = jobs.add(slow(), "ann".to_owned(), Box::new(|_| Ok(json!(2)))).ok().unwrap();
        let beside = jobs.add(quick(), "ann".to_owned(), Box::new(|_| Ok(json!(1)))).ok().unwrap();
        assert_eq!(wait(&beside), JobState::Done);
        assert_eq!(behind.standing.borrow().state, JobState::Waiting);
        jobs.cancel(&behind);
        assert_eq!(wait(&behind), JobState::Cancelled);
        jobs.cancel(&endless);
        assert_eq!(wait(&endless), JobState::Cancelled);
        assert_eq!((endless.standing.borrow().done, endless.standing.borrow().total), (1, 10));
        let after = jobs.add(slow(), "ann".to_owned(), Box::new(|_| Ok(json!(3)))).ok().unwrap();
        assert_eq!(wait(&after), JobState::Done, "the lane goes on");
        jobs.close();
        assert!(jobs.add(quick(), "ann".to_owned(), Box::new(|_| Ok(json!(1)))).is_err());
    }

    #[test]
    fn only_so_many_wait_and_only_so_many_are_kept() {
        let jobs = jobs();
        let (go, may_go) = channel::<()>();
        let (started, has_started) = channel();
        let first = jobs.add(
            quick(),
            "ann".to_owned(),
            Box::new(move |_| {
                started.send(()).unwrap();
                may_go.recv().unwrap();
                Ok(json!(0))
            }),
        );
        let first = first.ok().unwrap();
        has_started.recv().unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING_JOBS)
            .map(|_| jobs.add(quick(), String::new(), Box::new(|_| Ok(json!(0)))).ok().unwrap())
            .collect();
        assert!(jobs.add(quick(), String::new(), Box::new(|_| Ok(json!(0)))).is_err());
        go.send(()).unwrap();
        assert_eq!(wait(&first), JobState::Done);
        waiting.iter().for_each(|job| assert_eq!(wait(job), JobState::Done));
        for _ in 0..2 * MAX_JOBS {
            wait(&jobs.add(quick(), String::new(), Box::new(|_| Ok(json!(0)))).ok().unwrap());
        }
        assert_eq!(jobs.all().len(), MAX_JOBS);
        let large = "x".repeat(MAX_JOBS_BYTES / 2);
        for _ in 0..4 {
            let large = large.clone();
            wait(&jobs.add(quick(), String::new(), Box::new(move |_| Ok(json!(large)))).ok().unwrap());
        }
        // What is one too many goes once the next is added.
        assert!(jobs.all().len() <= 3, "{} are kept", jobs.all().len());
    }
}
