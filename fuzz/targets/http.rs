//! Requests to the server, one after another on a server of its own, with a desk, an event and an entry in quarantine.
//!
//! Requests are texts with the marker [`SPLIT`] between: a line with the number of a token, method and path, lines of
//! headers, an empty line and the body. No answer is an error of the server, and every refusal is a problem document.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{Method, Request, Uri};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use restock_core::Quantity;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_ledger::{Batch, Desk, Filing, Ledger, Need, OrderStanding, SqliteLedger, wire};
use restock_server::{NewToken, Role, Security, Server, ServerOptions, Tokens};
use serde_json::Value;
use tower::ServiceExt;

/// Between two requests.
const SPLIT: &[u8] = b"\n--\n";
/// The most requests of one input.
const MAX_REQUESTS: usize = 16;

const EVENTS: &[u8] = br#"{"event_id":"1","source":"till","type":"count","occurred_at":"2026-03-02T06:00:00Z","item_id":"milk","location_id":"berlin","on_hand":20}
{"event_id":"2","source":"till","type":"sale","occurred_at":"2026-03-02T08:00:00","item_id":"milk","location_id":"berlin","quantity":1}"#;

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

/// Where the tokens of all servers lie, and the secret of each role; the last is of one location only.
struct Secrets {
    _folder: tempfile::TempDir,
    path: PathBuf,
    secrets: Vec<String>,
}

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("tokens.json");
    let tokens = Tokens::at(&path);
    let whole = Role::ALL.map(|role| (role.name(), role, None));
    let of_berlin = ("berlin", Role::Admin, Some(vec!["berlin".to_owned()]));
    let secrets = whole.into_iter().chain([of_berlin]).map(|(name, role, locations)| {
        let token = NewToken { name: name.to_owned(), role, locations, expires_at: None };
        tokens.create(token, now()).expect("a token can be made")
    });
    let secrets = secrets.collect();
    Secrets { _folder: folder, path, secrets }
});

fn need(item: &str, destination: &str) -> (String, Need) {
    let need = Need {
        plan_id: "pl_1".to_owned(),
        item_id: item.to_owned(),
        destination: destination.to_owned(),
        source: ProposalSource::SupplierId("dairy".to_owned()),
        proposal_type: ProposalType::Purchase,
        quantity: Quantity::from_whole(12),
        uom: "each".to_owned(),
        order_multiple: Quantity::from_whole(6),
        order_uom: "pack of 6".to_owned(),
        unit_cost: (item != "gift").then(|| "1.5".parse().expect("a decimal")),
        currency: "EUR".to_owned(),
        order_by: "2026-03-02".parse().expect("a day"),
        expected_receipt: "2026-03-04".parse().expect("a day"),
        priority: "9".parse().expect("a decimal"),
    };
    (format!("p_{item}"), need)
}

fn ledger() -> SqliteLedger {
    let mut ledger = SqliteLedger::in_memory().expect("a ledger in memory");
    ledger.append(&Batch::new(wire::read_ndjson(EVENTS, 1), now())).expect("events are taken in");
    let wanted = [need("milk", "berlin"), need("tea", "berlin"), need("gift", "paris")];
    let desk = Desk::read(&ledger).expect("an empty desk");
    let entries = desk.revise(&wanted, "2026-03-02".parse().expect("a day"), &|_| OrderStanding::default());
    ledger.file(&Filing::new(&desk, entries, now())).expect("a plan is filed");
    ledger
}

/// A request, where the text can be one.
fn request(text: &[u8]) -> Option<Request<Body>> {
    let end = text.windows(2).position(|window| window == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&text[..end], &text[end + 2..]),
        None => (text, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(3, |byte| *byte == b' ');
    let (role, method, path) = (first.next()?, first.next()?, first.next()?);
    let uri = Uri::try_from(path).ok()?;
    let mut request = Request::builder().method(Method::from_bytes(method).ok()?).uri(uri);
    let number = usize::from(*role.first()?).wrapping_sub(usize::from(b'0'));
    if let Some(secret) = SECRETS.secrets.get(number) {
        request = request.header("authorization", format!("Bearer {secret}"));
    }
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    request.body(Body::from(body.to_vec())).ok()
}

async fn answer(server: &Server, request: Request<Body>) {
    let asked = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    let is_head = request.method() == Method::HEAD;
    let response = server.router().oneshot(request).await.expect("a router always answers");
    let status = response.status();
    let kind = response.headers().get("content-type").map_or(String::new(), |kind| format!("{kind:?}"));
    if kind.contains("event-stream") {
        // It has no end: what comes at once is enough.
        let mut stream: BodyDataStream = response.into_body().into_data_stream();
        let first = std::future::poll_fn(|context| {
            use std::pin::Pin;
            axum::body::HttpBody::poll_frame(Pin::new(&mut stream), context)
        });
        let _ = tokio::time::timeout(Duration::from_millis(2), first).await;
        return;
    }
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("an answer has an end");
    assert!(!status.is_server_error(), "{status} to {asked}: {}", String::from_utf8_lossy(&body));
    if status.is_client_error() && !is_head {
        assert!(kind.contains("application/problem+json"), "{status} to {asked}: {kind}");
        let problem: Value = serde_json::from_slice(&body).expect("a problem is JSON");
        assert_eq!(problem["status"], status.as_u16(), "{asked}");
    } else if kind.contains("json") && !is_head {
        serde_json::from_slice::<Value>(&body).expect("an answer is JSON");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut rest = Some(data);
    let mut requests = Vec::new();
    while let Some(text) = rest
        && requests.len() < MAX_REQUESTS
    {
        let end = text.windows(SPLIT.len()).position(|window| window == SPLIT);
        rest = end.map(|end| &text[end + SPLIT.len()..]);
        requests.extend(request(&text[..end.unwrap_or(text.len())]));
    }
    if requests.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        // Users, sessions and webhooks of one input are not those of the next.
        let folder = tempfile::tempdir().expect("a folder can be made");
        let tokens = Tokens::at(&SECRETS.path);
        let security = Security::in_folder(folder.path());
        let options = ServerOptions::new(Box::new(ledger()), tokens, security, Arc::new(now), TimeZone::UTC);
        let server = Server::new(options).expect("a server starts");
        server.ready().await.expect("a server becomes ready");
        for request in requests {
            answer(&server, request).await;
        }
        server.shut_down().await;
    });
});
