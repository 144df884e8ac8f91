//! What was done, for the report.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::check::Read;
use crate::load::InFlight;
use crate::world::World;

/// When a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// At some moment of its start.
    Start,
    /// At some moment under load, the first plan after the start included.
    Load,
    /// Just after a plan of everything was asked for.
    Plan,
    /// Just after what is approved was ordered.
    Order,
    /// Just after many proposals were approved at once.
    Decide,
    /// During a backup, which is killed too or goes on.
    Backup,
    /// After it was asked to end, while it ends.
    Stop,
}

impl Moment {
    pub(crate) fn choose(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..20) {
            0..3 => Self::Start,
            3..9 => Self::Load,
            9..12 => Self::Plan,
            12..15 => Self::Order,
            15..17 => Self::Decide,
            17..19 => Self::Backup,
            _ => Self::Stop,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Start => "during the start",
            Self::Load => "under load",
            Self::Plan => "while everything is planned",
            Self::Order => "while orders are placed",
            Self::Decide => "while many are approved",
            Self::Backup => "during a backup",
            Self::Stop => "while it ends",
        }
    }
}

/// Numbers of everything.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) n_kills: u64,
    kills: BTreeMap<Moment, u64>,
    /// Kills while a request of a kind had no answer yet.
    under_way: BTreeMap<&'static str, u64>,
    pub(crate) start_seconds: Vec<f64>,
    pub(crate) n_events: u64,
    done: BTreeMap<&'static str, u64>,
    n_entries: u64,
    pub(crate) n_replays: u64,
    pub(crate) n_compared: u64,
}

impl Counts {
    pub(crate) fn count_kill(&mut self, moment: Moment, in_flight: &InFlight) {
        *self.kills.entry(moment).or_default() += 1;
        for (kind, n) in in_flight.all() {
            *self.under_way.entry(kind).or_default() += u64::from(n > 0);
        }
    }

    /// Adds what a project came to.
    pub(crate) fn add(&mut self, world: &World, read: &Read) {
        self.n_events += read.last_sequence;
        self.n_entries += read.desk.last_number();
        for (name, n) in &world.done {
            *self.done.entry(name).or_default() += n;
        }
    }

    pub(crate) fn table(&self, n_projects: u64, seed: u64) -> String {
        let mut lines = vec![format!("{} kills of servers over {n_projects} projects, seed {seed}", self.n_kills)];
        let mut row = |name: &str, n: u64| lines.push(format!("  {name:<54} {n:>9}"));
        for (moment, n) in &self.kills {
            row(&format!("killed {}", moment.name()), *n);
        }
        for (kind, n) in &self.under_way {
            row(&format!("killed with {kind} under way"), *n);
        }
        row("events in the ledgers", self.n_events);
        row("entries of the desks", self.n_entries);
        for (name, n) in &self.done {
            row(name, *n);
        }
        row("clean replays", self.n_replays);
        row("open proposals compared with them", self.n_compared);
        let mut seconds = self.start_seconds.clone();
        seconds.sort_by(f64::total_cmp);
        if let (Some(median), Some(longest)) = (seconds.get(seconds.len() / 2), seconds.last()) {
            let n = seconds.len();
            lines.push(format!("{n} starts until ready: median {median:.2} s, longest {longest:.2} s"));
        }
        lines.push("nothing lost, nothing twice, every state a clean replay".to_owned());
        lines.join("\n")
    }
}
