//! Webhooks against a receiver on this machine that takes, fails, hangs, ends and comes back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::SignedDuration;
use restock_ledger::{DeskChange, DeskEntry, Filing, Ledger, SqliteLedger};
use restock_server::{Role, Security, ServeError};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::faults::Faulty;
use crate::fixtures::{Answer, Fixture, request, sale};

/// What a receiver does with a delivery.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16),
    Hang,
}

/// Nothing takes as long, unless it is never done.
const LONG: Duration = Duration::from_secs(120);

/// A system that is told what happens.
struct Receiver {
    address: SocketAddr,
    deliveries: mpsc::UnboundedReceiver<(HeaderMap, Bytes)>,
    /// What it does with the next deliveries; afterwards it takes all.
    next: Arc<Mutex<VecDeque<Does>>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    async fn new(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, deliveries) = mpsc::unbounded_channel();
        let next: Arc<Mutex<VecDeque<Does>>> = Arc::default();
        let todo = next.clone();
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let (sender, does) = (sender.clone(), todo.lock().unwrap().pop_front().unwrap_or(Does::Answer(204)));
            async move {
                sender.send((headers, body)).unwrap();
                match does {
                    Does::Answer(status) => StatusCode::from_u16(status).unwrap(),
                    Does::Hang => std::future::pending().await,
                }
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, deliveries, next, serving }
    }

    fn then(&self, does: &[Does]) {
        self.next.lock().unwrap().extend(does);
    }

    /// The next delivery, checked: its id and its body.
    async fn next(&mut self, secret: &str) -> (String, Value) {
        let delivery = tokio::time::timeout(LONG, self.deliveries.recv()).await;
        let (headers, body) = delivery.expect("nothing is delivered").unwrap();
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        let (id, seconds) = (text("webhook-id"), text("webhook-timestamp"));
        let mut mac =
            Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(&secret["whsec_".len()..]).unwrap()).unwrap();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(&body);
        assert_eq!(text("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
        assert_eq!(text("content-type"), "application/cloudevents+json");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["id"], *id);
        (id, body)
    }

    fn is_idle(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }
}

/// A server that delivers.
struct Running {
    router: Router,
    fixture: Parts,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServeError>>,
}

struct Parts {
    secrets: Vec<(Role, String)>,
    elapsed: Arc<std::sync::atomic::AtomicI64>,
    folder: Arc<tempfile::TempDir>,
}

fn quick(security: &mut Security) {
    security.webhooks.first_retry = Duration::from_millis(2);
    security.webhooks.longest_retry = Duration::from_millis(4);
}

async fn run(fixture: Fixture) -> Running {
    let secrets = [Role::Admin, Role::Integrator].map(|role| (role, fixture.secret(role).to_owned())).into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = fixture.router.clone();
    let serving = tokio::spawn(fixture.server.serve(listener, async { drop(stopped.await) }));
    let fixture = Parts { secrets, elapsed: fixture.elapsed, folder: fixture.folder };
    Running { router, fixture, stop, serving }
}

async fn start(ledger: impl Ledger + 'static, set: impl FnOnce(&mut Security)) -> Running {
    let set = |security: &mut Security| {
        quick(security);
        set(security);
    };
    run(Fixture::with_security(Box::new(ledger), set).await).await
}

impl Running {
    async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = request(method, path, Some(&self.fixture.secrets[0].1), "application/json", body);
        let response = tower::ServiceExt::oneshot(self.router.clone(), request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// Makes a webhook; its id and its secret.
    async fn register(&self, receiver: &Receiver, topics: &[&str]) -> (String, String) {
        let body = json!({"url": format!("http://{}/hook", receiver.address), "topics": topics}).to_string();
        let made = self.send("POST", "/v1/webhooks", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    async fn accept(&self, event_id: &str) {
        loop {
            let answer = self.send("POST", "/v1/events", &sale(event_id)).await;
            if answer.status == StatusCode::ACCEPTED {
                break;
            }
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
        }
    }

    /// Asks again and again until the answer is as expected.
    async fn until(&self, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let answer = self.send("GET", path, "").await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            if is_it(&answer.json()) {
                return answer.json();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> (Arc<tempfile::TempDir>, Vec<(Role, String)>) {
        drop(self.router);
        drop(self.stop);
        self.serving.await.unwrap().unwrap();
        (self.fixture.folder, self.fixture.secrets)
    }

    /// Stops it, and starts another one on `ledger`.
    async fn restart(self, ledger: impl Ledger + 'static) -> Self {
        let (folder, secrets) = self.stop().await;
        run(Fixture::in_folder(folder, Box::new(ledger), secrets, |options| quick(&mut options.security)).await).await
    }
}

fn open(folder: &Path) -> SqliteLedger {
    SqliteLedger::open(&folder.join("ledger.db")).unwrap()
}

#[tokio::test]
async fn what_happens_is_told_in_order_signed_and_as_cloud_events() {
    let running = start(SqliteLedger::in_memory().unwrap(), |_| ()).await;
    let mut receiver = Receiver::new("127.0.0.1:0").await;
    running.accept("before").await;
    let (id, secret) = running.register(&receiver, &["event", "quarantine"]).await;
    for number in 1..=5 {
        running.accept(&number.to_string()).await;
    }
    for number in 2..=6 {
        let (message_id, body) = receiver.next(&secret).await;
        assert_eq!(message_id, format!("{id}-event-{number}"), "from now on, in order");
        assert_eq!(body["data"]["sequence"], number);
        assert_eq!(
            ["specversion", "type", "subject", "time"].map(|name| body[name].as_str().unwrap()),
            ["1.0", "restock.event.accepted", "sale", "2026-03-02T12:00:00Z"]
        );
    }
    running.send("POST", "/v1/events", "[{}]").await;
    let (message_id, body) = receiver.next(&secret).await;
    assert_eq!((message_id, &body["type"]), (format!("{id}-quarantine-1"), &json!("restock.quarantine.added")));

    let tried = running.send("POST", &format!("/v1/webhooks/{id}:test"), "").await;
    assert_eq!((tried.status, &tried.json()["status"]), (StatusCode::OK, &json!(204)), "{}", tried.text);
    let (message_id, body) = receiver.next(&secret).await;
    assert!(message_id.starts_with(&format!("{id}-test-")));
    assert_eq!(body["type"], "restock.test");

    let list = running.send("GET", "/v1/webhooks", "").await;
    assert_eq!(list.json()["webhooks"][0]["state"], "active");
    assert!(!list.text.contains("whsec_"), "the secret is shown once");
    let deliveries = running.send("GET", &format!("/v1/webhooks/{id}/deliveries"), "").await.json();
    assert_eq!(deliveries["deliveries"].as_array().unwrap().len(), 7);
    let removed = running.send("DELETE", &format!("/v1/webhooks/{id}"), "").await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    running.accept("after").await;
    running.stop().await;
    assert!(receiver.is_idle(), "who is removed is told nothing more");
}

#[tokio::test]
async fn what_fails_is_sent_again_under_the_same_id_before_anything_else() {
    let set = |security: &mut Security| security.webhooks.timeout = Duration::from_millis(300);
    let running = start(SqliteLedger::in_memory().unwrap(), set).await;
    let mut receiver = Receiver::new("127.0.0.1:0").await;
    receiver.then(&[Does::Answer(500), Does::Hang, Does::Answer(302), Does::Answer(404)]);
    let (id, secret) = running.register(&receiver, &["event"]).await;
    running.accept("1").await;
    running.accept("2").await;
    for attempt in 1..=5 {
        let (message_id, _) = receiver.next(&secret).await;
        assert_eq!(message_id, format!("{id}-event-1"), "attempt {attempt}");
    }
    assert_eq!(receiver.next(&secret).await.0, format!("{id}-event-2"));
    let path = format!("/v1/webhooks/{id}/deliveries");
    let noted = running.until(&path, |page| page["deliveries"].as_array().unwrap().len() == 6).await;
    let statuses: Vec<&Value> = noted["deliveries"].as_array().unwrap().iter().map(|row| &row["status"]).collect();
    assert_eq!(statuses, [&json!(204), &json!(204), &json!(404), &json!(302), &Value::Null, &json!(500)]);
    assert_eq!(noted["deliveries"][4]["error"], "no answer within 0.3 s");
    running.until("/v1/webhooks", |page| page["webhooks"][0]["failing_since"].is_null()).await;

    // The receiver ends, and comes back on the same port.
    let address = receiver.address.to_string();
    receiver.serving.abort();
    drop(receiver.serving.await);
    running.accept("3").await;
    let is_refused =
        |page: &Value| page["deliveries"][0]["error"].as_str().is_some_and(|text| text.contains("connection"));
    running.until(&path, is_refused).await;
    let mut receiver = Receiver::new(&address).await;
    assert_eq!(receiver.next(&secret).await.0, format!("{id}-event-3"));
    running.stop().await;
}

/// The machine is switched off after a delivery and before its position is written.
#[tokio::test]
async fn a_delivery_without_a_position_comes_again_with_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = Faulty::new(open(folder.path()));
    let has_no_positions = faulty.has_no_positions.clone();
    has_no_positions.store(true, Ordering::Relaxed);
    let running = start(faulty, |_| ()).await;
    let mut receiver = Receiver::new("127.0.0.1:0").await;
    let (id, secret) = running.register(&receiver, &["event"]).await;
    running.accept("1").await;
    running.accept("2").await;
    let (first, body) = receiver.next(&secret).await;
    assert_eq!(first, format!("{id}-event-1"));

    let running = running.restart(open(folder.path())).await;
    let (again, same) = receiver.next(&secret).await;
    assert_eq!((again, same), (first, body), "byte for byte");
    assert_eq!(receiver.next(&secret).await.0, format!("{id}-event-2"));

    // With its position written, it does not come a third time.
    let running = running.restart(open(folder.path())).await;
    running.accept("3").await;
    assert_eq!(receiver.next(&secret).await.0, format!("{id}-event-3"));
    running.stop().await;
    let offsets = open(folder.path()).offsets().unwrap();
    assert_eq!((offsets.len(), offsets[0].next_offset), (1, 4), "{offsets:?}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_or_fails_for_days_is_paused_until_somebody_resumes_it() {
    let running = start(SqliteLedger::in_memory().unwrap(), |_| ()).await;
    let mut receiver = Receiver::new("127.0.0.1:0").await;
    receiver.then(&[Does::Answer(410)]);
    let (id, secret) = running.register(&receiver, &["event"]).await;
    running.accept("1").await;
    assert_eq!(receiver.next(&secret).await.0, format!("{id}-event-1"));
    let is_paused = |page: &Value| page["webhooks"][0]["state"] == "paused";
    let page = running.until("/v1/webhooks", is_paused).await;
    assert_eq!(page["webhooks"][0]["paused_because"], "the receiver says that it is gone (410)");
    running.accept("2").await;

    let resume = format!("/v1/webhooks/{id}:resume");
    assert_eq!(running.send("POST", &resume, "").await.json()["state"], "active");
    for number in 1..=2 {
        assert_eq!(receiver.next(&secret).await.0, format!("{id}-event-{number}"), "nothing is left out");
    }

    receiver.then(&[Does::Answer(500); 1_000]);
    running.accept("3").await;
    receiver.next(&secret).await;
    running.until("/v1/webhooks", |page| !page["webhooks"][0]["failing_since"].is_null()).await;
    running.fixture.elapsed.fetch_add(SignedDuration::from_hours(72).as_secs(), Ordering::Relaxed);
    let page = running.until("/v1/webhooks", is_paused).await;
    let because = page["webhooks"][0]["paused_because"].as_str().unwrap();
    assert_eq!(because, "every attempt failed since 2026-03-02T12:00:00Z, the last because the receiver answered 500");
    receiver.next.lock().unwrap().clear();
    running.send("POST", &resume, "").await;
    while receiver.next(&secret).await.0 != format!("{id}-event-3") {}
    running.until("/v1/webhooks", |page| page["webhooks"][0]["failing_since"].is_null()).await;

    let trail = running.send("GET", "/v1/audit", "").await.json();
    let actions: Vec<&Value> = trail["records"].as_array().unwrap().iter().map(|record| &record["action"]).collect();
    assert_eq!(actions.iter().filter(|action| **action == "webhook.resume").count(), 2, "{actions:?}");
    running.stop().await;
}

/// Another program, such as the command line, may file what the server delivers.
#[tokio::test]
async fn proposals_and_orders_are_told_to_those_who_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(open(folder.path()), |_| ()).await;
    let (mut planner, mut buyer) = (Receiver::new("127.0.0.1:0").await, Receiver::new("127.0.0.1:0").await);
    let (of_planner, planner_secret) = running.register(&planner, &["proposal"]).await;
    let (of_buyer, buyer_secret) = running.register(&buyer, &["order"]).await;
    let by = || "ada".to_owned();
    let changes = [
        DeskChange::Approved { by: by(), n_needed: 1 },
        DeskChange::Exported { by: by(), order_id: "o_1".to_owned(), key: None, body_hash: None },
        DeskChange::Acknowledged,
        DeskChange::Rejected { by: by(), reason: "too late".to_owned() },
    ];
    let entries = changes.map(|change| DeskEntry { proposal_id: "p_1".to_owned(), change }).to_vec();
    let filing = Filing { after: 0, at: crate::fixtures::now(), entries, audit: Vec::new(), orders: None };
    open(folder.path()).file(&filing).unwrap();

    let (id, body) = buyer.next(&buyer_secret).await;
    assert_eq!((id, &body["type"]), (format!("{of_buyer}-desk-2"), &json!("restock.order.changed")));
    let data =
        json!({"number": 2, "proposal_id": "p_1", "change": {"change": "exported", "by": "ada", "order_id": "o_1"}});
    assert_eq!((&body["data"], &body["subject"]), (&data, &json!("p_1")));
    assert_eq!(buyer.next(&buyer_secret).await.0, format!("{of_buyer}-desk-3"));
    for number in [1, 4] {
        assert_eq!(planner.next(&planner_secret).await.0, format!("{of_planner}-desk-{number}"));
    }
    running.stop().await;
    assert!(buyer.is_idle() && planner.is_idle());
}

/// Nobody looks again for an hour: the writer wakes who delivers.
#[tokio::test]
async fn what_is_decided_here_is_told_at_once() {
    let set = |security: &mut Security| security.webhooks.look_every = Duration::from_secs(3_600);
    let running = start(crate::desk::ledger(), set).await;
    let (mut planner, mut buyer) = (Receiver::new("127.0.0.1:0").await, Receiver::new("127.0.0.1:0").await);
    let (of_planner, planner_secret) = running.register(&planner, &["proposal"]).await;
    let (of_buyer, buyer_secret) = running.register(&buyer, &["order"]).await;
    let n_before = crate::desk::wanted().len() as u64;
    let path = "/v1/proposals/p_milk_berlin";
    let edited = running.send("PATCH", path, r#"{"quantity":"24","reason":"street festival"}"#).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let (id, body) = planner.next(&planner_secret).await;
    assert_eq!(id, format!("{of_planner}-desk-{}", n_before + 1));
    assert_eq!((&body["subject"], &body["data"]["change"]["change"]), (&json!("p_milk_berlin"), &json!("edited")));
    let approved = running.send("POST", &format!("{path}:approve"), "{}").await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.text);
    assert_eq!(planner.next(&planner_secret).await.0, format!("{of_planner}-desk-{}", n_before + 2));
    let ordered = running.send("POST", "/v1/orders", "").await;
    assert_eq!(ordered.json()["n_lines"], 1, "{}", ordered.text);
    let (id, body) = buyer.next(&buyer_secret).await;
    assert_eq!(id, format!("{of_buyer}-desk-{}", n_before + 3));
    assert_eq!(body["data"]["change"]["order_id"], ordered.json()["orders"][0]["order_id"]);
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let fixture = Fixture::new().await;
    for (body, field) in [
        (json!({"url": "http://erp.example/", "topics": ["event"]}), "url"),
        (json!({"url": "https://169.254.169.254/", "topics": ["event"]}), "url"),
        (json!({"url": "https://erp.example/", "topics": []}), "topics"),
    ] {
        let answer = fixture.post(Role::Integrator, "/v1/webhooks", "application/json", &body.to_string()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
    }
    let post = |role, path: &'static str| fixture.post(role, path, "", "");
    assert_eq!(post(Role::Admin, "/v1/webhooks/wh_0:test").await.status, StatusCode::NOT_FOUND);
    assert_eq!(post(Role::Admin, "/v1/webhooks/wh_0:resume").await.status, StatusCode::NOT_FOUND);
    assert_eq!(post(Role::Admin, "/v1/webhooks/wh_0:explode").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(Role::Admin, "/v1/webhooks/wh_0").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(fixture.get(Role::Admin, "/v1/webhooks/wh_0:test").await.header("allow"), "POST");
    assert_eq!(post(Role::Integrator, "/v1/webhooks/wh_0:resume").await.status, StatusCode::FORBIDDEN);
    let nobody = fixture.send(request("POST", "/v1/webhooks/wh_0:test", None, "", "")).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}
