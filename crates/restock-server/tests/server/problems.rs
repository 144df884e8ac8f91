use axum::http::StatusCode;
use restock_server::Role;
use restock_server::limits::{MAX_BODY_BYTES, MAX_ENTRIES};
use serde_json::json;

use crate::fixtures::{Fixture, request, sale};

/// Everything that is refused is a problem document with the right status, and has the headers of every answer.
#[tokio::test]
async fn refusals_are_problems() {
    let fixture = Fixture::new().await;
    let too_many = format!("[{}]", vec!["1"; MAX_ENTRIES + 1].join(","));
    let too_long = " ".repeat(MAX_BODY_BYTES + 1);
    let too_much_said = json!({"language": "zh-CN", "messages": vec!["why"; 201]}).to_string();
    let json = "application/json";
    for (method, path, kind, body, status, name) in [
        ("GET", "/nowhere", "", "", 404, "unknown-route"),
        ("GET", "/v1/events/", "", "", 404, "unknown-route"),
        ("DELETE", "/v1/events", "", "", 405, "wrong-method"),
        ("POST", "/health", "", "", 405, "wrong-method"),
        ("POST", "/v1/events", "text/csv", "a", 415, "media-type"),
        ("POST", "/v1/events", "", "a", 415, "media-type"),
        ("POST", "/v1/events", "application/json; charset=latin1", "a", 415, "media-type"),
        ("POST", "/v1/events", json, "", 400, "bad-body"),
        ("POST", "/v1/events", json, &too_long, 413, "too-large"),
        ("POST", "/v1/events", json, &too_many, 413, "too-large"),
        ("GET", "/v1/events?limit=0", "", "", 400, "bad-query"),
        ("GET", "/v1/events?limit=1001", "", "", 400, "bad-query"),
        ("GET", "/v1/events?from=0", "", "", 400, "bad-query"),
        ("GET", "/v1/events?from=-1", "", "", 400, "bad-query"),
        ("GET", "/v1/events?form=1", "", "", 400, "bad-query"),
        ("GET", "/v1/events?from=1&from=2", "", "", 400, "bad-query"),
        ("GET", "/v1/events?item_id=milk", "", "", 400, "bad-query"),
        ("GET", "/v1/events?item_id=%ff", "", "", 400, "bad-query"),
        ("GET", "/v1/events/x", "", "", 400, "bad-query"),
        ("GET", "/v1/events/%ff", "", "", 400, "bad-query"),
        ("GET", "/v1/events/0", "", "", 400, "bad-query"),
        ("GET", "/v1/events/7", "", "", 404, "not-found"),
        ("GET", "/v1/events/9223372036854775807", "", "", 404, "not-found"),
        ("GET", "/v1/events/9223372036854775808", "", "", 400, "bad-query"),
        ("GET", "/v1/audit?from=9223372036854775808", "", "", 400, "bad-query"),
        ("GET", "/v1/inventory?after=milk", "", "", 400, "bad-query"),
        ("POST", "/v1/messages:translate", json, r#"{"language":"la","messages":[]}"#, 400, "bad-body"),
        ("POST", "/v1/messages:translate", json, &too_much_said, 400, "bad-body"),
        ("GET", "/v1/quarantine?state=lost", "", "", 400, "bad-query"),
        ("GET", "/v1/quarantine/7", "", "", 404, "not-found"),
        ("POST", "/v1/quarantine/7/discard", json, r#"{"reason":"x"}"#, 404, "not-found"),
        ("POST", "/v1/quarantine/7/discard", json, r#"{"reason":" "}"#, 400, "bad-body"),
        ("POST", "/v1/quarantine/7/discard", json, "{}", 400, "bad-body"),
        ("POST", "/v1/quarantine/7/release", json, r#"{"reason":"x","event":{}}"#, 422, "bad-event"),
        ("GET", "/v1/audit?limit=x", "", "", 400, "bad-query"),
        ("GET", "/v1/stream?after=x", "", "", 400, "bad-query"),
    ] {
        let answer = fixture.send(request(method, path, Some(fixture.secret(Role::Admin)), kind, body)).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:restock:problem:{name}"), "{method} {path}");
        assert_eq!(problem["status"], status);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), value, "{method} {path}");
        }
        assert_eq!(answer.header("x-request-id").len(), 32, "{method} {path}");
        assert_eq!(answer.header("allow").is_empty(), status != 405, "{method} {path}");
    }
    assert_eq!(fixture.get(Role::Admin, "/v1/events").await.json()["events"], json!([]), "nothing was taken in");
}

#[tokio::test]
async fn a_problem_says_field_got_expected() {
    let fixture = Fixture::new().await;
    let answer = fixture.get(Role::Viewer, "/v1/events?limit=5000").await;
    insta::assert_snapshot!(
        answer.text,
        @r#"{"type":"urn:restock:problem:bad-query","title":"The query cannot be read","status":400,"detail":"limit: got 5000, expected 1 to 1000","field":"limit","got":"5000","expected":"1 to 1000"}"#
    );
    let answer = fixture.get(Role::Viewer, "/v1/quarantine").await;
    insta::assert_snapshot!(
        answer.text,
        @r#"{"type":"urn:restock:problem:forbidden","title":"The token does not allow it","status":403,"detail":"a token with the role viewer may not do this","field":"role","got":"viewer","expected":"planner or approver or integrator or admin","fix":"use a token with an allowed role; whoever runs the server can make one"}"#
    );
}

#[tokio::test]
async fn the_id_of_a_request_comes_back() {
    let fixture = Fixture::new().await;
    let mut with_id = request("GET", "/health", None, "", "");
    with_id.headers_mut().insert("x-request-id", "trace-7".parse().unwrap());
    assert_eq!(fixture.send(with_id).await.header("x-request-id"), "trace-7");
    let mut with_bad_id = request("GET", "/health", None, "", "");
    with_bad_id.headers_mut().insert("x-request-id", "a b".parse().unwrap());
    assert_eq!(fixture.send(with_bad_id).await.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let fixture = Fixture::new().await;
    let secret = fixture.secret(Role::Integrator);
    let mut zipped = request("POST", "/v1/events", Some(secret), "application/json", &sale("1"));
    zipped.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let answer = fixture.send(zipped).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(answer.json()["field"], "content-encoding");
}
