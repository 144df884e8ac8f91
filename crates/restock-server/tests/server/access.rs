use axum::http::StatusCode;
use restock_server::{Access, ENDPOINTS, NewToken, Role};

use crate::fixtures::{Fixture, now, request, sale, sale_at, token};
use crate::sessions::log_in;

/// A path of an endpoint, with something that exists or does not: only 401 and 403 matter here.
fn path_of(template: &str) -> String {
    let names = [
        ("{sequence}", "1"),
        ("{id}", "1"),
        ("{name}", "nobody"),
        ("{version}", "v1"),
        ("{item}", "tea"),
        ("{location}", "berlin"),
        ("{unit}", "crate"),
    ];
    names.iter().fold(template.to_owned(), |path, (name, with)| path.replace(name, with))
}

#[tokio::test]
async fn every_endpoint_lets_in_the_roles_of_its_row_and_nobody_else() {
    let fixture = Fixture::new().await;
    let scoped = NewToken { locations: Some(vec!["berlin".to_owned()]), ..token("scoped", Role::Admin) };
    let scoped = fixture.tokens.create(scoped, now()).unwrap();
    for endpoint in ENDPOINTS {
        let status = |secret: Option<String>| {
            let request = request(endpoint.method, &path_of(endpoint.path), secret.as_deref(), "application/json", "x");
            async { tower::ServiceExt::oneshot(fixture.router.clone(), request).await.unwrap().status() }
        };
        let is_denied = |status| [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
        let (roles, is_open, takes_scoped) = match endpoint.access {
            Access::Open => (Role::ALL.as_slice(), true, true),
            Access::ByLocation(roles) => (roles, false, true),
            Access::Whole(roles) => (roles, false, false),
        };
        for role in Role::ALL {
            let status = status(Some(fixture.secret(role).to_owned())).await;
            assert_eq!(status == StatusCode::FORBIDDEN, !roles.contains(&role), "{endpoint:?} {role:?} {status}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{endpoint:?} {role:?}");
        }
        assert_eq!(status(None).await == StatusCode::UNAUTHORIZED, !is_open, "{endpoint:?} without a token");
        let guessed = status(Some("restock_0000".to_owned())).await;
        assert_eq!(guessed == StatusCode::UNAUTHORIZED, !is_open, "{endpoint:?} with a guessed token");
        assert_eq!(is_denied(status(Some(scoped.clone())).await), !takes_scoped, "{endpoint:?} for some locations");
    }
    assert!(ENDPOINTS.iter().all(|endpoint| match endpoint.access {
        Access::Open =>
            ["/health", "/ready", "/v1/openapi.json", "/v1/session", "/v1/session/first"].contains(&endpoint.path),
        Access::ByLocation(roles) | Access::Whole(roles) => roles.contains(&Role::Admin),
    }));
}

/// The same for people: a session has the role of its user, and a cookie alone changes nothing.
#[tokio::test]
async fn every_endpoint_lets_in_the_sessions_of_its_row_and_changes_nothing_for_a_cookie_alone() {
    let fixture = Fixture::new().await;
    let people = Role::ALL.into_iter().filter(|role| *role != Role::Integrator);
    for role in people {
        fixture.user(role.name(), role);
        let (browser, leaves) = (log_in(&fixture, role.name()).await, log_in(&fixture, role.name()).await);
        for endpoint in ENDPOINTS {
            let (Access::ByLocation(roles) | Access::Whole(roles)) = endpoint.access else { continue };
            let browser =
                if endpoint.method == "DELETE" && endpoint.path == "/v1/session" { &leaves } else { &browser };
            let path = path_of(endpoint.path);
            let without = |name: &str| {
                let mut request = browser.request(endpoint.method, &path, "x");
                request.headers_mut().remove(name);
                request
            };
            let body = if endpoint.method == "GET" { "" } else { "x" };
            if endpoint.method != "GET" {
                for name in ["x-csrf-token", "sec-fetch-site"] {
                    let answer = fixture.send(without(name)).await;
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{endpoint:?} {role:?} without {name}");
                    assert_eq!(answer.json()["type"], "urn:restock:problem:csrf", "{endpoint:?} {role:?}");
                }
            }
            // A stream has no end, so only its status is looked at.
            let request = browser.request(endpoint.method, &path, body);
            let status = tower::ServiceExt::oneshot(fixture.router.clone(), request).await.unwrap().status();
            assert_eq!(status == StatusCode::FORBIDDEN, !roles.contains(&role), "{endpoint:?} {role:?} {status}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{endpoint:?} {role:?}");
        }
    }
}

#[tokio::test]
async fn without_tokens_nobody_gets_in_and_the_problem_says_how_to_make_one() {
    let fixture = Fixture::new().await;
    let secret = fixture.secret(Role::Admin).to_owned();
    for role in Role::ALL {
        fixture.tokens.revoke(role.name()).unwrap();
    }
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.access != Access::Open) {
        let request = request(endpoint.method, &path_of(endpoint.path), Some(&secret), "", "");
        let answer = fixture.send(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let fix = answer.json()["fix"].as_str().unwrap().to_owned();
        assert!(fix.contains("restock user create") && fix.contains("restock token create"), "{fix}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(fixture.send(request("GET", "/health", None, "", "")).await.status, StatusCode::OK);
    assert_eq!(fixture.send(request("GET", "/ready", None, "", "")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let fixture = Fixture::new().await;
    let expired = NewToken { expires_at: Some(now()), ..token("expired", Role::Viewer) };
    let secret = fixture.tokens.create(expired, now()).unwrap();
    let answer = fixture.send(request("GET", "/v1/inventory", Some(&secret), "", "")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["detail"], "the token expired at 2026-03-02T12:00:00Z");
}

#[tokio::test]
async fn a_token_of_a_location_sees_and_changes_that_one_only() {
    let fixture = Fixture::new().await;
    let of_paris = NewToken { locations: Some(vec!["paris".to_owned()]), ..token("paris", Role::Integrator) };
    let secret = fixture.tokens.create(of_paris, now()).unwrap();
    fixture.events(&format!("[{},{}]", sale("1"), sale_at("2", "paris"))).await;

    let body = format!("[{},{}]", sale_at("3", "paris"), sale("4"));
    let refused = fixture.send(request("POST", "/v1/events", Some(&secret), "application/json", &body)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["detail"], "index 1: the token is not about \"berlin\"; nothing was taken in");

    let get = |path: &'static str| fixture.send(request("GET", path, Some(&secret), "", ""));
    let inventory = get("/v1/inventory").await.json();
    assert_eq!(inventory["last_sequence"], 2);
    assert_eq!(inventory["inventory"].as_array().unwrap().len(), 1);
    assert_eq!(inventory["inventory"][0]["location_id"], "paris");
    assert_eq!(get("/v1/events").await.json()["events"].as_array().unwrap().len(), 1);
    assert_eq!(get("/v1/events/1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get("/v1/events/2").await.status, StatusCode::OK);
}
