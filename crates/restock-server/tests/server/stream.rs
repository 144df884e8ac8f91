use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt;
use restock_server::Role;
use tower::ServiceExt;

use crate::fixtures::{Fixture, request, sale, sale_at};

/// Reads messages until there are `n_messages`, or the stream ends.
async fn read(body: &mut axum::body::BodyDataStream, n_messages: usize) -> String {
    let mut text = String::new();
    while text.matches("\n\n").count() < n_messages {
        let Some(part) = body.next().await else { break };
        text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
    }
    text
}

async fn open(fixture: &Fixture, path: &str, last_event_id: Option<&str>) -> axum::body::BodyDataStream {
    let mut request: axum::http::Request<Body> = request("GET", path, Some(fixture.secret(Role::Viewer)), "", "");
    if let Some(id) = last_event_id {
        request.headers_mut().insert("last-event-id", id.parse().unwrap());
    }
    let response = fixture.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    assert_eq!(read(&mut body, 1).await, ": ready\n\n", "a client knows at once that it is connected");
    body
}

#[tokio::test]
async fn a_stream_tells_of_new_events_and_resumes_where_it_was_cut() {
    let fixture = Fixture::new().await;
    fixture.events(&sale("1")).await;
    let mut body = open(&fixture, "/v1/stream", None).await;
    fixture.events(&sale_at("2", "paris")).await;
    let message = read(&mut body, 1).await;
    assert!(message.contains("event: accepted\n") && message.contains("id: 2\n"), "{message}");
    let data = r#"data: {"sequence":2,"type":"sale","item_id":"milk","location_id":"paris"}"#;
    assert!(message.contains(data), "{message}");
    drop(body);

    fixture.events(&sale("3")).await;
    let mut body = open(&fixture, "/v1/stream?after=0", Some("2")).await;
    assert!(read(&mut body, 1).await.contains("id: 3\n"), "the header goes before the query");
    let mut body = open(&fixture, "/v1/stream?after=0", None).await;
    let all = read(&mut body, 3).await;
    assert!((1..=3).all(|id| all.contains(&format!("id: {id}\n"))), "{all}");
}

/// A stream ends with its token, and with the server.
#[tokio::test]
async fn streams_end() {
    let fixture = Fixture::new().await;
    let mut body = open(&fixture, "/v1/stream", None).await;
    fixture.tokens.revoke("viewer").unwrap();
    fixture.events(&sale("1")).await;
    assert_eq!(read(&mut body, 1).await, "");

    let mut fixture = Fixture::new().await;
    let mut body = open(&fixture, "/v1/stream", None).await;
    fixture.router = axum::Router::new();
    fixture.server.shut_down().await;
    assert_eq!(read(&mut body, 1).await, "");
}

/// Changes of proposals come in the same stream, whose ids say how far both have come.
#[tokio::test]
async fn a_stream_tells_of_proposals_and_resumes() {
    let fixture = Fixture::with(Box::new(crate::desk::ledger())).await;
    let mut body = open(&fixture, "/v1/stream", None).await;
    fixture.events(&sale("1")).await;
    assert!(read(&mut body, 1).await.contains("id: 1.4\n"));
    fixture.send_json("POST", Role::Approver, "/v1/proposals/p_milk_berlin:approve", "{}").await;
    let message = read(&mut body, 1).await;
    assert!(message.contains("event: proposal\n") && message.contains("id: 1.5\n"), "{message}");
    let data = r#"data: {"number":5,"proposal_id":"p_milk_berlin","state":"approved","version":5,"item_id":"milk","location_id":"berlin"}"#;
    assert!(message.contains(data), "{message}");
    drop(body);
    let mut body = open(&fixture, "/v1/stream", Some("1.3")).await;
    let rest = read(&mut body, 2).await;
    assert!(rest.contains("id: 1.4\n") && rest.contains("id: 1.5\n"), "{rest}");
    // An id of events alone, as it was before there were proposals, is before all of them.
    let mut body = open(&fixture, "/v1/stream?after=1", None).await;
    assert!(read(&mut body, 1).await.contains("id: 1.1\n"));
    for id in ["1.", ".1", "1.2.3", "x"] {
        let answer = fixture.get(Role::Viewer, &format!("/v1/stream?after={id}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}");
    }
}
