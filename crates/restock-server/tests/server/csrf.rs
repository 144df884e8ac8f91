use axum::http::StatusCode;
use restock_server::Role;
use serde_json::json;

use crate::fixtures::{Fixture, PASSWORD, request, sale};
use crate::sessions::log_in;

const HOST: &str = "restock.example:8080";

/// What a browser sends beside the cookie: its token, other headers, and whether it is let in.
type Case = (&'static str, Token, &'static [(&'static str, &'static str)], bool);

const CASES: &[Case] = &[
    ("a page of ours", Token::Right, &[("sec-fetch-site", "same-origin")], true),
    ("an old browser", Token::Right, &[("origin", "http://restock.example:8080")], true),
    ("both", Token::Right, &[("origin", "http://restock.example:8080"), ("sec-fetch-site", "same-origin")], true),
    ("no token", Token::Missing, &[("sec-fetch-site", "same-origin")], false),
    ("a wrong token", Token::Wrong, &[("sec-fetch-site", "same-origin")], false),
    ("the token of another session", Token::Other, &[("sec-fetch-site", "same-origin")], false),
    ("nothing of the origin", Token::Right, &[], false),
    ("another site", Token::Right, &[("sec-fetch-site", "cross-site")], false),
    ("another port or subdomain", Token::Right, &[("sec-fetch-site", "same-site")], false),
    ("a bookmark", Token::Right, &[("sec-fetch-site", "none")], false),
    ("another origin", Token::Right, &[("origin", "http://evil.example")], false),
    ("another port", Token::Right, &[("origin", "http://restock.example:8081")], false),
    ("another scheme", Token::Right, &[("origin", "https://restock.example:8080")], false),
    ("a sandbox", Token::Right, &[("origin", "null")], false),
    ("they disagree", Token::Right, &[("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")], false),
];

#[derive(Debug, PartialEq)]
enum Token {
    Right,
    Wrong,
    Other,
    Missing,
}

#[tokio::test]
async fn a_cookie_changes_nothing_unless_a_page_of_ours_sent_it() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Admin);
    let (browser, other) = (log_in(&fixture, "ada").await, log_in(&fixture, "ada").await);
    for (idx, (name, token, headers, is_let_in)) in CASES.iter().enumerate() {
        let with_headers = |method: &str, path: &str, body: &str| {
            let kind = if body.is_empty() { "" } else { "application/json" };
            let mut request = request(method, path, None, kind, body);
            let token = match token {
                Token::Right => Some(browser.csrf_token.clone()),
                Token::Wrong => Some("0".repeat(64)),
                Token::Other => Some(other.csrf_token.clone()),
                Token::Missing => None,
            };
            let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let all = [("cookie", browser.cookie.clone()), ("host", HOST.to_owned())].into_iter().chain(headers);
            for (name, value) in all.chain(token.map(|token| ("x-csrf-token", token))) {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            request
        };
        let post = fixture.send(with_headers("POST", "/v1/events", &sale(&idx.to_string()))).await;
        let expected = if *is_let_in { StatusCode::ACCEPTED } else { StatusCode::FORBIDDEN };
        assert_eq!(post.status, expected, "{name}: {}", post.text);
        if !is_let_in {
            assert_eq!(post.json()["type"], "urn:restock:problem:csrf", "{name}");
        }
        for (method, path) in [("PATCH", "/v1/users/nobody"), ("DELETE", "/v1/users/nobody"), ("POST", "/v1/users")] {
            let status = fixture.send(with_headers(method, path, "{}")).await.status;
            assert_eq!(status != StatusCode::FORBIDDEN, *is_let_in, "{name}: {method} {path} {status}");
        }
        let get = fixture.send(with_headers("GET", "/v1/events", "")).await;
        assert_eq!(get.status, StatusCode::OK, "{name}: reading changes nothing");
    }

    // A token is sent by nobody by accident, and goes before a cookie.
    let mut request =
        request("POST", "/v1/events", Some(fixture.secret(Role::Integrator)), "application/json", &sale("t"));
    request.headers_mut().insert("cookie", browser.cookie.parse().unwrap());
    request.headers_mut().insert("origin", "http://evil.example".parse().unwrap());
    assert_eq!(fixture.send(request).await.status, StatusCode::ACCEPTED);
}

/// Another site cannot log somebody in as somebody else.
#[tokio::test]
async fn pages_of_other_sites_log_nobody_in() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Admin);
    let body = json!({"name": "ada", "password": PASSWORD}).to_string();
    for (headers, expected) in [
        (&[("sec-fetch-site", "same-origin")][..], StatusCode::OK),
        (&[("origin", "http://restock.example:8080")], StatusCode::OK),
        (&[], StatusCode::OK),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (&[("origin", "http://evil.example")], StatusCode::FORBIDDEN),
    ] {
        let mut request = request("POST", "/v1/session", None, "application/json", &body);
        request.headers_mut().insert("host", HOST.parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        assert_eq!(fixture.send(request).await.status, expected, "{headers:?}");
    }
    let form = request("POST", "/v1/session", None, "text/plain", &body);
    assert_eq!(fixture.send(form).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "nor does a form");
}
