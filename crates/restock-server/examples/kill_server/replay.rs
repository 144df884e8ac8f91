//! After all kills of a project: everything at once, and a fresh server over a clean ledger beside the one that was killed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use restock_core::{Event, ItemLocation, Severity};
use restock_ledger::{
    Batch, DESK_SOURCE, Desk, DeskEntry, Filing, Incoming, Ledger, Recorded, SqliteLedger, StockBook,
};
use serde_json::Value;

use crate::check::{self, Read, all_audit, all_entries, all_events};
use crate::counts::Counts;
use crate::load::text_of;
use crate::project::Project;
use crate::server::{Api, Process};
use crate::world::{World, locked};
use crate::{Outcome, ensure};

/// Longer than any plan of forty places takes.
const PLAN_TIMEOUT: Duration = Duration::from_secs(60);
/// Events of a request.
const N_PER_REQUEST: usize = 1_000;

/// What is compared of an open proposal.
type Line = (String, String, String, String, String);

pub(crate) async fn look_at_all(
    project: &Project,
    world: &Mutex<World>,
    read: &mut Read,
    rng: &mut ChaCha8Rng,
    counts: &mut Counts,
) -> Outcome<()> {
    let mut process = Process::spawn(project)?;
    process.ready().await?;
    check::look(project, world, read)?;
    let api = process.api(project)?;
    send_the_rest(&api, world).await?;
    planned(&api).await?;
    check::look(project, world, read)?;
    check::look_at_open(&read.desk)?;
    let open = open_lines(&api).await?;
    let all = pages(&api, "/v1/proposals?limit=1000&sort=id", "proposals", "next_cursor", "cursor").await?;
    look_at_proposals(&read.desk, &all)?;
    let stock = pages(&api, "/v1/inventory?limit=1000", "inventory", "next_after", "after").await?;
    process.kill()?;
    no_faults(&process)?;

    let ledger = SqliteLedger::open(&project.ledger())?;
    let (events, entries) = (all_events(&ledger, 1)?, all_entries(&ledger, 1)?);
    let findings = ledger.doctor()?;
    let error = findings.iter().find(|finding| finding.severity == Severity::Error);
    ensure(error.is_none(), || format!("doctor: {error:?}"))?;
    look_at_audit(&ledger, &entries)?;
    let sent: usize = locked(world).sent.len();
    let n_of_others = events.iter().filter(|recorded| recorded.event.source != DESK_SOURCE).count();
    ensure(sent == n_of_others, || format!("{sent} events were sent, {n_of_others} are there"))?;
    drop(ledger);

    let clean = project.without_ledger()?;
    let book = clean_ledger(&clean, &events, &entries, rng)?;
    look_at_stock(&book, &stock)?;
    let mut fresh = Process::spawn(&clean)?;
    fresh.ready().await?;
    let api = fresh.api(&clean)?;
    planned(&api).await?;
    let replayed = open_lines(&api).await?;
    fresh.kill()?;
    no_faults(&fresh)?;
    ensure(open == replayed, || difference(&open, &replayed))?;
    counts.n_replays += 1;
    counts.n_compared += open.len() as u64;
    Ok(())
}

fn no_faults(process: &Process) -> Outcome<()> {
    let faults = process.faults();
    ensure(faults.is_empty(), || faults.join("; "))
}

/// Sends what was not acknowledged until everything is.
async fn send_the_rest(api: &Api, world: &Mutex<World>) -> Outcome<()> {
    loop {
        let (keys, texts) = {
            let mut world = locked(world);
            let n = world.unanswered.len().min(N_PER_REQUEST);
            let keys: Vec<_> = world.unanswered.drain(..n).collect();
            let texts: Vec<String> = keys.iter().map(|key| world.sent[key].text.clone()).collect();
            (keys, texts)
        };
        if keys.is_empty() {
            return Ok(());
        }
        let kind = [("content-type", "application/x-ndjson")];
        let answer = api.call("integrator", "POST", "/v1/events", &kind, Some(texts.join("\n"))).await;
        let outcomes = answer.as_ref().and_then(|answer| answer.body["outcomes"].as_array()).ok_or("no outcomes")?;
        let mut world = locked(world);
        for (key, outcome) in keys.iter().zip(outcomes) {
            world.acknowledge(
                key,
                outcome["outcome"].as_str().unwrap_or("?"),
                outcome["sequence"].as_u64().unwrap_or(0),
            );
        }
        world.check_faults()?;
    }
}

/// Has everything planned, twice: the second plan has surely begun after the first had seen all events.
async fn planned(api: &Api) -> Outcome<()> {
    for _ in 0..2 {
        let asked_at = Timestamp::now();
        let asked = api.call("planner", "POST", "/v1/plans", &[], None).await.ok_or("no plan can be asked for")?;
        ensure(asked.status == 202, || format!("a plan was answered with {}: {}", asked.status, asked.body))?;
        let began = Instant::now();
        loop {
            let runs = api.get("planner", "/v1/plans").await.ok_or("no runs are told")?;
            let runs = runs.body["plans"].as_array().cloned().unwrap_or_default();
            let is_later = |run: &&Value| text_of(&run["at"]).parse::<Timestamp>().is_ok_and(|at| at > asked_at);
            if runs.iter().filter(is_later).any(|run| run["scope"] == "everything") {
                break;
            }
            ensure(began.elapsed() < PLAN_TIMEOUT, || format!("nothing was planned: {:?}", runs.first()))?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

async fn open_lines(api: &Api) -> Outcome<Vec<Line>> {
    let rows = pages(api, "/v1/proposals?state=open&limit=1000", "proposals", "next_cursor", "cursor").await?;
    let mut lines: Vec<Line> = rows
        .iter()
        .map(|row| {
            let of = |name: &str| text_of(&row[name]);
            (of("item_id"), of("destination"), of("supplier_id"), of("quantity"), of("state"))
        })
        .collect();
    lines.sort();
    Ok(lines)
}

/// All rows of pages.
async fn pages(api: &Api, path: &str, rows: &str, next: &str, parameter: &str) -> Outcome<Vec<Value>> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        // Cursors hold signs that a query must not.
        let url =
            reqwest::Url::parse_with_params(&format!("http://localhost{path}"), cursor.map(|text| (parameter, text)))?;
        let request = api.request("admin", "GET", &format!("{}?{}", url.path(), url.query().unwrap_or_default()));
        let bytes = request.send().await?.error_for_status()?.bytes().await?;
        let page: Value = serde_json::from_slice(&bytes)?;
        all.extend(page[rows].as_array().cloned().unwrap_or_default());
        match page[next].as_str() {
            Some(text) => cursor = Some(text.to_owned()),
            None => return Ok(all),
        }
    }
}

/// What the server says of proposals is the fold of the desk's entries.
fn look_at_proposals(desk: &Desk, rows: &[Value]) -> Outcome<()> {
    ensure(desk.all().count() == rows.len(), || {
        format!("the desk has {} proposals, the server tells of {}", desk.all().count(), rows.len())
    })?;
    for row in rows {
        let filed = desk.get(&text_of(&row["proposal_id"])).ok_or_else(|| format!("nobody proposed {row}"))?;
        let is_same = row["version"] == filed.version
            && row["state"] == filed.state.name()
            && row["quantity"] == filed.quantity.to_string()
            && row["plan_wants"] == filed.need.quantity.to_string()
            && row["received"] == filed.received.to_string()
            && row["order_id"].as_str() == filed.order_id.as_deref();
        ensure(is_same, || format!("the server says {row}, the entries say {filed:?}"))?;
    }
    Ok(())
}

/// Every decision of the desk has its record in the audit trail, in the same order, and there are no others.
fn look_at_audit(ledger: &dyn Ledger, entries: &[DeskEntry]) -> Outcome<()> {
    let records = all_audit(ledger)?;
    let mut own = records.iter().map(|record| &record.entry).filter(|entry| entry.action.starts_with("proposal."));
    let mut desk = Desk::new();
    for (entry, number) in entries.iter().zip(1..) {
        if let Some(expected) = desk.audit(entry, Timestamp::UNIX_EPOCH) {
            let found = own.next().map(|found| restock_ledger::AuditEntry { at: expected.at, ..found.clone() });
            ensure(found.as_ref() == Some(&expected), || {
                format!("change {number} of the desk is {expected:?}, the audit trail says {found:?}")
            })?;
        }
        desk.apply(entry);
    }
    let more = own.next();
    ensure(more.is_none(), || format!("the audit trail tells of what the desk has not: {more:?}"))
}

/// A ledger with the same events in another order and the same desk; returns its stock, which is that of the killed one.
fn clean_ledger(
    clean: &Project,
    events: &[Recorded],
    entries: &[DeskEntry],
    rng: &mut ChaCha8Rng,
) -> Outcome<StockBook> {
    let mut ledger = SqliteLedger::open(&clean.ledger())?;
    let mut shuffled: Vec<Event> = events.iter().map(|recorded| recorded.event.clone()).collect();
    shuffled.shuffle(rng);
    for part in shuffled.chunks(check::N_AT_A_TIME) {
        let batch = Batch::new(part.iter().cloned().map(Incoming::from_event).collect(), Timestamp::now());
        ledger.append(&batch)?;
    }
    let filing = Filing { after: 0, at: Timestamp::now(), entries: entries.to_vec(), audit: Vec::new(), orders: None };
    ledger.file(&filing)?;
    ensure(Desk::read(&ledger)?.last_number() == entries.len() as u64, || "the clean desk is another one".to_owned())?;
    let (book, replayed) = (fold(events), fold(&all_events(&ledger, 1)?));
    ensure(book.to_bytes() == replayed.to_bytes(), || "the stock book is not a clean replay".to_owned())?;
    Ok(replayed)
}

fn fold(events: &[Recorded]) -> StockBook {
    let mut book = StockBook::new();
    for recorded in events {
        book.apply(&recorded.event);
    }
    book
}

/// What the server says of stock and open orders is the fold of all events.
fn look_at_stock(book: &StockBook, rows: &[Value]) -> Outcome<()> {
    ensure(book.places().len() == rows.len(), || {
        format!("the events tell of {} places, the server of {}", book.places().len(), rows.len())
    })?;
    for row in rows {
        let place = ItemLocation::new(text_of(&row["item_id"]), text_of(&row["location_id"]));
        let stock = book.stock(&place).ok_or_else(|| format!("no event tells of {place:?}"))?;
        ensure(row["on_hand"] == stock.on_hand.to_string(), || {
            format!("the server has {} of {place:?}, the events say {}", row["on_hand"], stock.on_hand)
        })?;
        let told: BTreeMap<String, (String, String)> = row["open_orders"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|order| (text_of(&order["order_id"]), (text_of(&order["quantity"]), text_of(&order["received"]))))
            .collect();
        let expected: BTreeMap<String, (String, String)> = book
            .open_orders(&place)
            .into_iter()
            .map(|order| (order.order_id, (order.quantity.to_string(), order.received.to_string())))
            .collect();
        ensure(told == expected, || format!("the server expects {told:?} at {place:?}, the events say {expected:?}"))?;
    }
    Ok(())
}

fn difference(open: &[Line], replayed: &[Line]) -> String {
    let only = |one: &[Line], other: &[Line]| -> Vec<String> {
        one.iter().filter(|line| !other.contains(line)).map(|line| format!("{line:?}")).collect()
    };
    format!(
        "open proposals are no clean replay: {} of {} only after the kills: {}; {} of {} only in the replay: {}",
        only(open, replayed).len(),
        open.len(),
        only(open, replayed).join(", "),
        only(replayed, open).len(),
        replayed.len(),
        only(replayed, open).join(", ")
    )
}
