//! Kills `restock serve` again and again at random moments under load, and looks whether the whole server keeps what it
//! promises: nothing acknowledged is lost, nothing is applied twice, no need is proposed twice and nothing is ordered
//! twice, backups are whole or absent, and the state equals a clean replay.
//!
//! `cargo run --release -p restock-server --example kill_server -- BINARY [KILLS] [SEED]`, where `BINARY` is a built
//! `restock`.
//!
//! ```text
//! make a project ──> start ──> look ──> load (events, decisions, orders, plans, stream, backups) ──> SIGKILL ─┐
//!      ^               ^──────────────── send again what was not acknowledged <─────────────────────────────── ┘
//!      └── after 50 kills: look at everything, and compare with a fresh server over a clean ledger
//! ```
//!
//! The seed fixes what is sent and when a process is killed; which requests are under way then is up to the machine.
//! SIGKILL takes the process, not the machine: what a power cut does is up to `synchronous = FULL` and the disk.

#![expect(clippy::print_stdout, reason = "an example reports")]

mod check;
mod counts;
mod load;
mod project;
mod replay;
mod senders;
mod server;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::check::Read;
use crate::counts::{Counts, Moment};
use crate::load::Life;
use crate::project::Project;
use crate::server::Process;
use crate::world::World;

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Outcome<T> = Result<T, Failed>;

/// After so many kills a new project begins, so that first steps are killed too and files stay small.
const KILLS_PER_PROJECT: u64 = 50;
/// The latest moment of a kill during a start, as a multiple of the time that the last start took.
const START_SHARE: f64 = 1.2;
/// The longest load before a kill, milliseconds.
const MAX_LOAD_MS: f64 = 600.0;
/// The longest time between a request that a kill is aimed at and the kill, milliseconds.
const MAX_AIM_MS: f64 = 40.0;

pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(what().into()) }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done = runtime.map_err(Failed::from).and_then(|runtime| runtime.block_on(run(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Outcome<()> {
    let binary = PathBuf::from(arguments.first().ok_or("usage: kill_server BINARY [KILLS] [SEED]")?);
    let n_kills: u64 = arguments.get(1).map_or(Ok(100), |text| text.parse())?;
    let seed: u64 = arguments.get(2).map_or(Ok(1), |text| text.parse())?;
    let progress = ProgressBar::new(n_kills)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} kills, {msg} ({elapsed} elapsed, {eta} left)")?);
    let mut counts = Counts::default();
    let mut project_number = 0;
    while counts.n_kills < n_kills {
        project_number += 1;
        let lives = KILLS_PER_PROJECT.min(n_kills - counts.n_kills);
        let project = Project::create(&binary, seed.wrapping_mul(1_000).wrapping_add(project_number))?;
        let mut run = Run {
            world: Arc::new(Mutex::new(World::default())),
            rng: ChaCha8Rng::seed_from_u64(project.seed),
            read: Read::default(),
            start_seconds: 0.3,
            project,
        };
        let mut life = 0;
        let mut done = Ok(());
        while done.is_ok() && life < lives {
            life += 1;
            done = run.live_once(life, &mut counts).await;
            counts.n_kills += 1;
            progress.set_message(format!("{} events", counts.n_events + run.read.last_sequence));
            progress.inc(1);
        }
        if done.is_ok() {
            done = replay::look_at_all(&run.project, &run.world, &mut run.read, &mut run.rng, &mut counts).await;
        }
        if let Err(error) = done {
            let kept = run.project.keep(&world::locked(&run.world));
            return Err(format!(
                "kill {} (seed {seed}, project {project_number}, life {life}): {error}; the project and what was \
                 acknowledged are kept in {}; again: kill_server {} {} {seed}",
                counts.n_kills,
                kept.display(),
                binary.display(),
                counts.n_kills
            )
            .into());
        }
        counts.add(&world::locked(&run.world), &run.read);
    }
    progress.finish_and_clear();
    println!("{}", counts.table(project_number, seed));
    Ok(())
}

/// One project with its lives.
struct Run {
    project: Project,
    world: Arc<Mutex<World>>,
    rng: ChaCha8Rng,
    /// What was read of the ledger so far.
    read: Read,
    start_seconds: f64,
}

impl Run {
    fn wait(&mut self, max_ms: f64) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(0.0..max_ms) / 1e3)
    }

    /// Starts the server, looks, loads it and kills it.
    async fn live_once(&mut self, number: u64, counts: &mut Counts) -> Outcome<()> {
        let moment = Moment::choose(&mut self.rng);
        let mut process = Process::spawn(&self.project)?;
        if moment == Moment::Start {
            let wait = self.wait(self.start_seconds * START_SHARE * 1e3);
            tokio::time::sleep(wait).await;
            process.kill()?;
            counts.count_kill(moment, &load::InFlight::default());
            return Ok(());
        }
        let ready_after = process.ready().await?;
        self.start_seconds = ready_after.as_secs_f64();
        counts.start_seconds.push(self.start_seconds);
        check::look(&self.project, &self.world, &mut self.read)?;
        let seed = self.project.seed.wrapping_mul(7_919).wrapping_add(number);
        let life = Life::new(process.api(&self.project)?, self.world.clone(), seed);
        let tasks = life.begin(&self.project);
        tokio::time::sleep(self.wait(MAX_LOAD_MS)).await;
        match moment {
            Moment::Start | Moment::Load => {}
            Moment::Plan | Moment::Order | Moment::Decide | Moment::Backup => {
                life.aim(moment);
                tokio::time::sleep(self.wait(MAX_AIM_MS)).await;
            }
            Moment::Stop => {
                process.ask_to_stop()?;
                tokio::time::sleep(self.wait(MAX_AIM_MS * 3.0)).await;
            }
        }
        counts.count_kill(moment, &life.in_flight);
        let ended = process.kill();
        life.end(tasks).await?;
        ended?;
        let mut world = world::locked(&self.world);
        world.faults.extend(process.faults());
        world.check_faults()
    }
}
