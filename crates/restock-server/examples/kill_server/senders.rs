//! Clients that send events: new ones, late ones, the same again, what was lost, and what contradicts itself.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use restock_ledger::wire;
use serde_json::{Value, json};

use crate::load::Life;
use crate::project::{LOCATIONS, item_id};
use crate::world::{Key, Sent, World, locked};

/// Days back to which late events reach.
const LATE_DAYS: i64 = 40;

/// The same of counts: a server that has saved its state takes no older ones than of 14 days.
const LATE_COUNT_DAYS: i64 = 12;

/// A line of a request.
struct Line {
    key: Key,
    text: String,
    is_contradiction: bool,
}

/// Sends events of one source until the life ends.
pub(crate) async fn send_events(life: Life, mut rng: ChaCha8Rng, source: &'static str) {
    while !life.is_over() {
        let n = [1, 1, 1, 4, 20, 60][rng.random_range(0..6)];
        let lines = {
            let mut world = locked(&life.world);
            let mut lines: Vec<Line> = (0..n).map(|_| line(&mut world, &mut rng, source)).collect();
            if rng.random_bool(0.1) {
                // The same line twice in one request.
                let Line { key, text, is_contradiction } = &lines[0];
                let again = Line { key: key.clone(), text: text.clone(), is_contradiction: *is_contradiction };
                lines.push(again);
            }
            lines
        };
        send(&life, lines, &mut rng).await;
        life.pause(&mut rng, 8).await;
    }
}

async fn send(life: &Life, lines: Vec<Line>, rng: &mut ChaCha8Rng) {
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let (kind, body) = match rng.random_bool(0.5) {
        true => ("application/x-ndjson", texts.join("\n")),
        false => ("application/json", format!("[{}]", texts.join(","))),
    };
    let in_flight = life.in_flight.events();
    let answer = life.api.call("integrator", "POST", "/v1/events", &[("content-type", kind)], Some(body)).await;
    drop(in_flight);
    let mut world = locked(&life.world);
    let outcomes = answer.as_ref().filter(|answer| answer.status == 202).and_then(|a| a.body["outcomes"].as_array());
    let Some(outcomes) = outcomes else {
        world.count("requests with events that got no answer", 1);
        if let Some(answer) = answer.filter(|answer| answer.status != 503) {
            world.fault(format!("events were answered with {}: {}", answer.status, answer.body));
        }
        for line in lines.into_iter().filter(|line| !line.is_contradiction) {
            if world.sent.get(&line.key).is_some_and(|sent| !sent.is_acknowledged)
                && !world.unanswered.contains(&line.key)
            {
                world.unanswered.push_back(line.key);
            }
        }
        return;
    };
    if outcomes.len() != lines.len() {
        world.fault(format!("{} events were answered with {} outcomes", lines.len(), outcomes.len()));
    }
    world.count("requests with events that were answered", 1);
    for (line, outcome) in lines.iter().zip(outcomes) {
        take_in(&mut world, line, outcome);
    }
}

fn take_in(world: &mut World, line: &Line, outcome: &Value) {
    let (said, sequence) = (outcome["outcome"].as_str().unwrap_or("?"), outcome["sequence"].as_u64().unwrap_or(0));
    if !line.is_contradiction {
        return world.acknowledge(&line.key, said, sequence);
    }
    world.count("contradictions, all in quarantine", 1);
    let known = world.sent[&line.key].sequence;
    if said != "conflict" || known != Some(sequence) {
        world.fault(format!("what contradicts {:?}, event {known:?}, was answered with {outcome}", line.key));
    }
}

fn line(world: &mut World, rng: &mut ChaCha8Rng, source: &str) -> Line {
    let chance = rng.random_range(0..100);
    let of = |world: &World, key: Key| {
        let text = world.sent[&key].text.clone();
        Line { key, text, is_contradiction: false }
    };
    if chance < 25
        && let Some(key) = world.unanswered.pop_front()
    {
        world.count("events sent again without an answer", 1);
        return of(world, key);
    }
    if chance < 32 && !world.acknowledged.is_empty() {
        let key = world.acknowledged[rng.random_range(0..world.acknowledged.len())].clone();
        let mut line = of(world, key);
        if chance == 31 {
            let text = line.text.strip_suffix('}').expect("an object");
            line = Line { text: format!("{text},\"note\":\"{chance}\"}}"), is_contradiction: true, ..line };
        }
        return line;
    }
    let fields = fields(rng);
    new_line(world, source, fields)
}

/// A new event of a source with its fields.
fn new_line(world: &mut World, source: &str, mut fields: Value) -> Line {
    let id = world.next_id().to_string();
    fields["event_id"] = json!(id);
    fields["source"] = json!(source);
    let text = fields.to_string();
    let key = (source.to_owned(), id);
    let event = wire::read_event(text.as_bytes()).expect("an event");
    let sent = Sent { event, text: text.clone(), sequence: None, is_acknowledged: false };
    world.sent.insert(key.clone(), sent);
    Line { key, text, is_contradiction: false }
}

/// Now, hours or days before.
fn instant(rng: &mut ChaCha8Rng, late_days: i64) -> String {
    let back = match rng.random_range(0..4) {
        0 => SignedDuration::from_secs(rng.random_range(0..late_days * 86_400)),
        1 => SignedDuration::from_secs(rng.random_range(0..7_200)),
        _ => SignedDuration::ZERO,
    };
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("now");
    (now - back).to_string()
}

fn fields(rng: &mut ChaCha8Rng) -> Value {
    let (item, location) = (item_id(rng.random_range(0..1_000)), LOCATIONS[rng.random_range(0..2)]);
    let mut fields = json!({ "occurred_at": instant(rng, LATE_DAYS), "item_id": item, "location_id": location });
    let quantity = rng.random_range(1..4).to_string();
    match rng.random_range(0..100) {
        0..6 => {
            fields["type"] = json!("count");
            fields["occurred_at"] = json!(instant(rng, LATE_COUNT_DAYS));
            fields["on_hand"] = json!(rng.random_range(0..40).to_string());
        }
        6..12 => {
            fields["type"] = json!(["return", "waste"][rng.random_range(0..2)]);
            fields["quantity"] = json!(quantity);
        }
        12..16 => {
            fields["type"] = json!("adjustment");
            fields["quantity"] = json!(rng.random_range(-3..4).to_string());
            fields["reason"] = json!("damage");
        }
        16..18 => {
            fields["type"] = json!("receipt");
            fields["quantity"] = json!(rng.random_range(1..20).to_string());
        }
        18..20 => {
            fields["type"] = json!("price_change");
            fields["price"] = json!(format!("{}.50", rng.random_range(2..9)));
        }
        _ => {
            fields["type"] = json!("sale");
            fields["quantity"] = json!(quantity);
        }
    }
    fields
}

/// Receives, confirms and cancels what was ordered, whole or in part, until the life ends.
pub(crate) async fn receive_orders(life: Life, mut rng: ChaCha8Rng) {
    while !life.is_over() {
        life.pause(&mut rng, 40).await;
        let Some(page) = life.get("integrator", "/v1/orders?limit=1000").await else { continue };
        let orders = page["orders"].as_array().into_iter().flatten().filter(|order| order["state"] != "closed");
        let open: Vec<&str> = orders.filter_map(|order| order["order_id"].as_str()).collect();
        for order_id in open.into_iter().filter(|_| rng.random_bool(0.3)).collect::<Vec<_>>() {
            let Some(order) = life.get("integrator", &format!("/v1/orders/{order_id}")).await else { break };
            let lines = arrivals(&mut locked(&life.world), &mut rng, order_id, &order);
            if !lines.is_empty() {
                locked(&life.world).count("lines of orders received, confirmed or cancelled", lines.len() as u64);
                send(&life, lines, &mut rng).await;
            }
        }
    }
}

/// What becomes of the lines of an order.
fn arrivals(world: &mut World, rng: &mut ChaCha8Rng, order_id: &str, order: &Value) -> Vec<Line> {
    let lines = order["lines"].as_array().into_iter().flatten().filter(|line| line["state"] != "closed");
    let mut arrivals = Vec::new();
    for line in lines {
        let ordered: f64 = line["quantity"].as_str().and_then(|text| text.parse().ok()).unwrap_or(1.0);
        let (kind, share) = match rng.random_range(0..8) {
            0 => ("order_confirmed", 1.0),
            1 => ("order_cancelled", 0.5),
            2 | 3 => ("receipt", 0.5),
            4..7 => ("receipt", 1.0),
            _ => continue,
        };
        let fields = json!({
            "type": kind, "occurred_at": Timestamp::now().to_string(), "item_id": line["item_id"],
            "location_id": order["destination"], "order_id": order_id, "quantity": (ordered * share).ceil().to_string(),
        });
        arrivals.push(new_line(world, "dock", fields));
    }
    arrivals
}
