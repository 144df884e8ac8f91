//! Everybody who uses a server between its start and its end, each with a connection of their own.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::Quantity;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::counts::Moment;
use crate::project::Project;
use crate::server::Api;
use crate::world::{Backup, Bulk, Decision, Verdict, World, locked};
use crate::{Outcome, senders};

/// Longer than any request or backup takes.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Rejections in a project: what is rejected is not proposed again that day, and there are forty places.
const MAX_REJECTIONS: u64 = 8;

/// Requests without an answer, by kind.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    events: AtomicUsize,
    decisions: AtomicUsize,
    orders: AtomicUsize,
    plans: AtomicUsize,
    backups: AtomicUsize,
}

/// A request that is under way until this is dropped.
pub(crate) struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl InFlight {
    pub(crate) fn events(&self) -> UnderWay<'_> {
        UnderWay::begin(&self.events)
    }

    pub(crate) fn all(&self) -> [(&'static str, usize); 5] {
        let load = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        [
            ("events", load(&self.events)),
            ("decisions", load(&self.decisions)),
            ("orders", load(&self.orders)),
            ("a plan of everything", load(&self.plans)),
            ("a backup", load(&self.backups)),
        ]
    }
}

/// A server between its start and its end.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) api: Api,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) in_flight: Arc<InFlight>,
    seed: u64,
    over: Arc<AtomicBool>,
    /// What the kill is aimed at, once it is.
    aim: watch::Sender<Option<Moment>>,
}

impl Life {
    pub(crate) fn new(api: Api, world: Arc<Mutex<World>>, seed: u64) -> Self {
        let (over, aim) = (Arc::default(), watch::Sender::new(None));
        Self { api, world, in_flight: Arc::default(), seed, over, aim }
    }

    /// Starts all clients.
    pub(crate) fn begin(&self, project: &Project) -> Vec<JoinHandle<()>> {
        let mut number = 0;
        let mut own = || {
            number += 1;
            let rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(101).wrapping_add(number));
            (Self { api: self.api.apart().expect("a client was made before"), ..self.clone() }, rng)
        };
        let mut tasks = Vec::new();
        for source in ["till-1", "till-2", "till-3"] {
            let (life, rng) = own();
            tasks.push(tokio::spawn(senders::send_events(life, rng, source)));
        }
        let (life, rng) = own();
        tasks.push(tokio::spawn(senders::receive_orders(life, rng)));
        for _ in 0..2 {
            let (life, rng) = own();
            tasks.push(tokio::spawn(decide(life, rng)));
        }
        for _ in 0..2 {
            let (life, rng) = own();
            tasks.push(tokio::spawn(order(life, rng)));
        }
        let (life, rng) = own();
        tasks.push(tokio::spawn(plan(life, rng)));
        let (life, rng) = own();
        tasks.push(tokio::spawn(look_around(life, rng)));
        let (life, _) = own();
        tasks.push(tokio::spawn(follow_stream(life)));
        let (life, rng) = own();
        let name = project.backups().join(format!("backup-{}.db", self.seed));
        let command = project.command(&["backup", &name.display().to_string()]);
        tasks.push(tokio::spawn(back_up(life, rng, name, command)));
        tasks
    }

    /// Has the client that a kill is aimed at act at once.
    pub(crate) fn aim(&self, moment: Moment) {
        self.aim.send_replace(Some(moment));
    }

    /// Waits for all clients: the server is gone.
    pub(crate) async fn end(&self, tasks: Vec<JoinHandle<()>>) -> Outcome<()> {
        self.over.store(true, Ordering::Relaxed);
        for task in tasks {
            tokio::time::timeout(END_TIMEOUT, task).await.map_err(|_| "a client does not end")??;
        }
        Ok(())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Waits up to `max_ms` milliseconds.
    pub(crate) async fn pause(&self, rng: &mut ChaCha8Rng, max_ms: u64) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..max_ms))).await;
    }

    /// The same, and no longer once a kill is aimed at `moment`.
    async fn pause_until_aimed(&self, rng: &mut ChaCha8Rng, max_ms: u64, moment: Moment) {
        let mut aim = self.aim.subscribe();
        let was_aimed = *aim.borrow_and_update() == Some(moment);
        tokio::select! {
            () = self.pause(rng, max_ms) => {}
            _ = aim.wait_for(|aim| !was_aimed && *aim == Some(moment)) => {}
        }
    }

    /// The body of an answer; answers other than 200 are faults, but for the server being busy.
    pub(crate) async fn get(&self, role: &str, path: &str) -> Option<Value> {
        let answer = self.api.get(role, path).await?;
        match answer.status {
            200 => return Some(answer.body),
            503 => {}
            status => locked(&self.world).fault(format!("GET {path} was answered with {status}: {}", answer.body)),
        }
        None
    }
}

/// Edits, approves and rejects proposals one by one, and many at once.
async fn decide(life: Life, mut rng: ChaCha8Rng) {
    while !life.is_over() {
        let lost = locked(&life.world).lost_decisions.pop_front();
        if let Some(lost) = lost {
            locked(&life.world).count("decisions sent again without an answer", 1);
            decide_one(&life, lost).await;
        }
        if *life.aim.borrow() == Some(Moment::Decide) || rng.random_bool(0.05) {
            approve_many(&life, &mut rng).await;
        }
        let Some(page) = life.get("planner", "/v1/proposals?state=open&limit=60").await else {
            life.pause(&mut rng, 40).await;
            continue;
        };
        let rows = page["proposals"].as_array().cloned().unwrap_or_default();
        for row in rows {
            if life.is_over() || !rng.random_bool(0.1) {
                continue;
            }
            let decision = decision_about(&row, &life, &mut rng);
            decide_one(&life, decision).await;
        }
        life.pause_until_aimed(&mut rng, 40, Moment::Decide).await;
    }
}

fn decision_about(row: &Value, life: &Life, rng: &mut ChaCha8Rng) -> Decision {
    let (proposal_id, version) = (text_of(&row["proposal_id"]), row["version"].as_u64().unwrap_or(0));
    let mut world = locked(&life.world);
    let can_reject = world.n_rejections < MAX_REJECTIONS;
    let mut reason = |what: &str| {
        let reason = format!("{what} {}", world.next_id());
        world.reasons.insert(reason.clone());
        reason
    };
    let (by, verdict) = match rng.random_range(0..10) {
        0 if can_reject => {
            let reason = reason("not wanted");
            world.n_rejections += 1;
            ("planner", Verdict::Reject { reason })
        }
        1..6 if row["state"] != "approved" => ("approver", Verdict::Approve),
        _ => {
            let multiple: Quantity = text_of(&row["order_multiple"]).parse().unwrap_or(Quantity::ZERO);
            let multiple = multiple.max(Quantity::from_whole(1));
            let quantity = Quantity::from_micro(multiple.micro() * rng.random_range(1..5));
            ("planner", Verdict::Edit { quantity, reason: reason("another quantity") })
        }
    };
    Decision { proposal_id, version, by, verdict }
}

async fn decide_one(life: &Life, decision: Decision) {
    let path = format!("/v1/proposals/{}", decision.proposal_id);
    let version = decision.version;
    let (method, path, body) = match &decision.verdict {
        Verdict::Edit { quantity, reason } => {
            ("PATCH", path, json!({ "quantity": quantity.to_string(), "reason": reason, "version": version }))
        }
        Verdict::Approve => ("POST", path + ":approve", json!({ "version": version })),
        Verdict::Reject { reason } => ("POST", path + ":reject", json!({ "reason": reason, "version": version })),
    };
    let under_way = UnderWay::begin(&life.in_flight.decisions);
    let answer = life.api.call(decision.by, method, &path, &[], Some(body.to_string())).await;
    drop(under_way);
    let mut world = locked(&life.world);
    match answer.map(|answer| (answer.status, answer.body)) {
        Some((200, _)) => {
            world.count("decisions acknowledged", 1);
            world.history.push(format!("{decision:?}"));
            world.decisions.push(decision);
        }
        Some((409, _)) => world.count("decisions refused, because the proposal had changed", 1),
        None | Some((503, _)) => world.lost_decisions.push_back(decision),
        Some((status, body)) => world.fault(format!("{decision:?} was answered with {status}: {body}")),
    }
}

async fn approve_many(life: &Life, rng: &mut ChaCha8Rng) {
    let after = locked(&life.world).desk_number;
    let body = json!({ "filter": format!("value < {}", rng.random_range(10..400)) });
    let under_way = UnderWay::begin(&life.in_flight.decisions);
    let answer = life.api.call("approver", "POST", "/v1/proposals:approve", &[], Some(body.to_string())).await;
    drop(under_way);
    let mut world = locked(&life.world);
    match answer.map(|answer| (answer.status, answer.body)) {
        Some((200, body)) => {
            for row in body["decided"].as_array().into_iter().flatten() {
                let (proposal_id, version) = (text_of(&row["proposal_id"]), row["version"].as_u64().unwrap_or(0));
                world.history.push(format!("approved {proposal_id} with others up to change {version}"));
                world.bulks.push(Bulk { proposal_id, after, version, by: "approver" });
                world.count("approvals of many at once acknowledged", 1);
            }
        }
        None | Some((503, _)) => {}
        Some((status, body)) => world.fault(format!("approval of many was answered with {status}: {body}")),
    }
}

/// Orders what is approved, each time under a key; lost and answered keys are sent again.
async fn order(life: Life, mut rng: ChaCha8Rng) {
    while !life.is_over() {
        life.pause_until_aimed(&mut rng, 150, Moment::Order).await;
        let key = {
            let mut world = locked(&life.world);
            if let Some(lost) = world.lost_keys.pop_front() {
                world.count("requests for orders sent again without an answer", 1);
                lost
            } else if !world.exports.is_empty() && rng.random_bool(0.25) {
                let number = rng.random_range(0..world.exports.len());
                world.count("requests for orders sent again after an answer", 1);
                world.exports.keys().nth(number).expect("a key").clone()
            } else {
                format!("key-{}", world.next_id())
            }
        };
        match rng.random_bool(0.3) {
            // Two at once under one key.
            true => drop(tokio::join!(order_under(&life, &key), order_under(&life, &key))),
            false => order_under(&life, &key).await,
        }
    }
}

async fn order_under(life: &Life, key: &str) {
    let under_way = UnderWay::begin(&life.in_flight.orders);
    let answer = life.api.call("approver", "POST", "/v1/orders", &[("idempotency-key", key)], None).await;
    drop(under_way);
    let mut world = locked(&life.world);
    let body = match answer.map(|answer| (answer.status, answer.body)) {
        Some((200, body)) => body,
        None | Some((503, _)) => {
            if !world.lost_keys.iter().any(|lost| lost == key) {
                world.lost_keys.push_back(key.to_owned());
            }
            return;
        }
        Some((status, body)) => return world.fault(format!("orders were answered with {status}: {body}")),
    };
    let rows = body["orders"].as_array().into_iter().flatten();
    let orders: BTreeMap<String, u64> =
        rows.map(|row| (text_of(&row["order_id"]), row["n_lines"].as_u64().unwrap_or(0))).collect();
    let before = world.exports.entry(key.to_owned()).or_default();
    if before.orders.is_empty() {
        before.orders.clone_from(&orders);
        let n_orders = orders.len() as u64;
        world.count("requests for orders acknowledged", 1);
        world.count("orders acknowledged", n_orders);
        world.history.push(format!("{key} ordered {orders:?}"));
    } else if before.orders != orders {
        let fault = format!("{key} was answered with {:?} first and with {orders:?} later", before.orders);
        world.fault(fault);
    }
}

/// Asks for plans of everything.
async fn plan(life: Life, mut rng: ChaCha8Rng) {
    while !life.is_over() {
        life.pause_until_aimed(&mut rng, 500, Moment::Plan).await;
        let under_way = UnderWay::begin(&life.in_flight.plans);
        let asked = life.api.call("planner", "POST", "/v1/plans", &[], None).await;
        if asked.is_some_and(|answer| answer.status == 202) {
            locked(&life.world).count("plans of everything asked for", 1);
            // It is made after the answer: it counts as under way for a while.
            life.pause(&mut rng, 100).await;
        }
        drop(under_way);
    }
}

/// Reads what people look at meanwhile.
async fn look_around(life: Life, mut rng: ChaCha8Rng) {
    const PATHS: [&str; 8] = [
        "/v1/inventory?limit=1000",
        "/v1/events?limit=100",
        "/v1/proposals?limit=100&sort=value",
        "/v1/audit?limit=100",
        "/v1/plans",
        "/v1/quarantine?limit=50",
        "/metrics",
        "/v1/orders",
    ];
    while !life.is_over() {
        let path = PATHS[rng.random_range(0..PATHS.len())];
        if life.get("admin", path).await.is_some() {
            locked(&life.world).count("pages read", 1);
        }
        life.pause(&mut rng, 50).await;
    }
}

/// Follows the stream from where the one before broke off: nothing is left out, and nothing comes twice.
async fn follow_stream(life: Life) {
    let (sequence, number) = locked(&life.world).streamed;
    let path = format!("/v1/stream?after={sequence}.{number}");
    let Ok(mut response) = life.api.request("viewer", "GET", &path).send().await else { return };
    if response.status() != 200 {
        return locked(&life.world).fault(format!("the stream was answered with {}", response.status()));
    }
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let message: Vec<u8> = text.drain(..end + 2).collect();
            take_message(&String::from_utf8_lossy(&message), &mut locked(&life.world));
        }
    }
}

fn take_message(message: &str, world: &mut World) {
    let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (Some(kind), Some(data)) = (field("event:"), field("data:")) else { return };
    let data: Value = serde_json::from_str(data).unwrap_or(Value::Null);
    let (seen, is) = match kind {
        "accepted" => (&mut world.streamed.0, data["sequence"].as_u64()),
        _ => (&mut world.streamed.1, data["number"].as_u64()),
    };
    let before = *seen;
    if is == Some(before + 1) {
        *seen += 1;
        world.count("messages of the stream, dense over all kills", 1);
    } else {
        world.fault(format!("the stream goes on with {is:?} ({kind}) after {before}"));
    }
}

/// Makes a backup by the command line in some lives; it is killed with the server in every other one.
async fn back_up(life: Life, mut rng: ChaCha8Rng, path: std::path::PathBuf, mut command: std::process::Command) {
    let is_early = rng.random_bool(0.3);
    if is_early {
        life.pause(&mut rng, 300).await;
    } else {
        let mut aim = life.aim.subscribe();
        while *aim.borrow_and_update() != Some(Moment::Backup) {
            if life.is_over() {
                return;
            }
            // Nobody aims any more when this fails; a life that ends is seen with the next look.
            let _ = tokio::time::timeout(Duration::from_millis(50), aim.changed()).await;
        }
    }
    let from_sequence = locked(&life.world).last_acknowledged;
    let under_way = UnderWay::begin(&life.in_flight.backups);
    let Ok(mut child) = command.spawn() else { return locked(&life.world).fault("no backup could be started".into()) };
    let is_killed_too = rng.random_bool(0.5);
    let done = wait_for(&mut child, &life, is_killed_too).await;
    drop(under_way);
    let mut world = locked(&life.world);
    match done {
        Ok(true) => world.count("backups finished", 1),
        Ok(false) => world.count("backups killed", 1),
        Err(error) => return world.fault(format!("a backup failed: {error}")),
    }
    world.backups.push(Backup { path, is_done: done.is_ok_and(|is_done| is_done), from_sequence });
}

/// Whether a backup was finished; `false` where it was killed.
async fn wait_for(child: &mut Child, life: &Life, is_killed_too: bool) -> Result<bool, String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(true),
            Ok(Some(status)) => {
                let mut said = String::new();
                if let Some(mut errors) = child.stderr.take() {
                    // Without the reason, the status is told.
                    let _ = std::io::Read::read_to_string(&mut errors, &mut said);
                }
                return Err(format!("{status}: {said}"));
            }
            Ok(None) if life.is_over() && is_killed_too => {
                child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
                return Ok(false);
            }
            Ok(None) => tokio::time::sleep(Duration::from_millis(3)).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}

pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
