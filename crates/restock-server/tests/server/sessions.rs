use axum::body::Body;
use axum::http::{Request, StatusCode};
use jiff::SignedDuration;
use restock_ledger::SqliteLedger;
use restock_server::{Recorder, Role, UserChange};
use serde_json::json;

use crate::fixtures::{Answer, Fixture, PASSWORD, now, request, sale};

/// A browser with a session.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf_token: String,
}

pub(crate) async fn try_log_in(fixture: &Fixture, name: &str, password: &str) -> Answer {
    let body = json!({ "name": name, "password": password }).to_string();
    fixture.send(request("POST", "/v1/session", None, "application/json", &body)).await
}

pub(crate) async fn log_in(fixture: &Fixture, name: &str) -> Browser {
    let answer = try_log_in(fixture, name, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let (cookie, _) = answer.header("set-cookie").split_once(';').unwrap();
    let csrf_token = answer.json()["csrf_token"].as_str().unwrap().to_owned();
    Browser { cookie: cookie.to_owned(), csrf_token }
}

impl Browser {
    /// A request as a page of the server sends it.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Request<Body> {
        let mut request = request(method, path, None, if body.is_empty() { "" } else { "application/json" }, body);
        for (name, value) in
            [("cookie", &*self.cookie), ("x-csrf-token", &self.csrf_token), ("sec-fetch-site", "same-origin")]
        {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    async fn status(&self, fixture: &Fixture) -> StatusCode {
        fixture.send(self.request("GET", "/v1/inventory", "")).await.status
    }
}

#[tokio::test]
async fn a_person_logs_in_works_and_logs_out() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Admin);
    let answer = try_log_in(&fixture, "ada", PASSWORD).await;
    let cookie = answer.header("set-cookie").to_owned();
    let secret = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    insta::assert_snapshot!(cookie.replace(&secret, "SECRET"), @"restock_session=SECRET; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
    assert_eq!(secret.len(), 64, "256 bits");
    let kept = std::fs::read_to_string(fixture.folder.path().join("sessions.json")).unwrap();
    assert!(!kept.contains(&secret), "the file has its hash only");

    let browser = log_in(&fixture, "ada").await;
    let who = fixture.send(browser.request("GET", "/v1/session", "")).await.json();
    assert_eq!(who, json!({"name": "ada", "role": "admin", "locations": null, "csrf_token": browser.csrf_token}));
    let sent = fixture.send(browser.request("POST", "/v1/events", &sale("1"))).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED);
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let actions: Vec<String> = trail["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| format!("{} {}", record["actor"].as_str().unwrap(), record["action"].as_str().unwrap()))
        .collect();
    assert_eq!(actions, ["ada session.begin", "ada session.begin", "ada events.append"]);

    let ended = fixture.send(browser.request("DELETE", "/v1/session", "")).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(ended.header("set-cookie").starts_with("restock_session=; Path=/; Max-Age=0;"));
    let after = fixture.send(browser.request("GET", "/v1/session", "")).await;
    assert_eq!(
        (after.status, &after.json()["detail"]),
        (StatusCode::UNAUTHORIZED, &json!("the session is over: it ended, or the password changed"))
    );

    let token = fixture.get(Role::Viewer, "/v1/session").await.json();
    assert_eq!((&token["name"], &token["csrf_token"]), (&json!("viewer"), &json!(null)));
}

/// What is said and what is done is the same, whoever is asked for.
#[tokio::test]
async fn nobody_learns_who_exists() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Viewer);
    fixture.user("eve", Role::Viewer);
    let change = UserChange { is_disabled: Some(true), ..UserChange::default() };
    fixture.users.change("eve", change, now(), &mut Recorder::new("test", &mut |_| Ok(()))).unwrap();
    let n_checks = async || {
        let text = fixture.get(Role::Viewer, "/metrics").await.text;
        let line = text.lines().find(|line| line.starts_with("restock_password_checks_total ")).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()
    };
    let mut bodies = Vec::new();
    for (name, password) in [("ada", "wrong password"), ("eve", PASSWORD), ("nobody", PASSWORD), ("", "")] {
        let before = n_checks().await;
        let answer = try_log_in(&fixture, name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(n_checks().await, before + 1, "{name}: the same work");
        assert!(answer.header("set-cookie").is_empty());
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn sessions_end_by_time() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Viewer);
    let idle = log_in(&fixture, "ada").await;
    fixture.wait(SignedDuration::from_secs(12 * 3_600 - 1));
    assert_eq!(idle.status(&fixture).await, StatusCode::OK);
    fixture.wait(SignedDuration::from_secs(12 * 3_600 - 1));
    assert_eq!(idle.status(&fixture).await, StatusCode::OK, "the use before counts");
    fixture.wait(SignedDuration::from_hours(12));
    assert_eq!(idle.status(&fixture).await, StatusCode::UNAUTHORIZED);

    let busy = log_in(&fixture, "ada").await;
    for hour in 1..7 * 24 {
        fixture.wait(SignedDuration::from_hours(1));
        assert_eq!(busy.status(&fixture).await, StatusCode::OK, "hour {hour}");
    }
    fixture.wait(SignedDuration::from_hours(1));
    assert_eq!(busy.status(&fixture).await, StatusCode::UNAUTHORIZED, "seven days are enough");
}

#[tokio::test]
async fn sessions_end_with_password_user_and_by_being_kept_out_but_not_with_the_server() {
    let mut fixture = Fixture::new().await;
    fixture.user("ada", Role::Viewer);
    let change = |fixture: &Fixture, change: UserChange| {
        fixture.users.change("ada", change, now(), &mut Recorder::new("test", &mut |_| Ok(()))).unwrap();
    };
    let disabled = |is_disabled| UserChange { is_disabled: Some(is_disabled), ..UserChange::default() };

    let browser = log_in(&fixture, "ada").await;
    fixture = fixture.restarted(Box::new(SqliteLedger::in_memory().unwrap())).await;
    assert_eq!(browser.status(&fixture).await, StatusCode::OK, "a restart logs nobody out");

    change(&fixture, disabled(true));
    assert_eq!(browser.status(&fixture).await, StatusCode::UNAUTHORIZED);
    change(&fixture, disabled(false));
    assert_eq!(browser.status(&fixture).await, StatusCode::UNAUTHORIZED, "it stays over");

    let browser = log_in(&fixture, "ada").await;
    change(&fixture, UserChange { role: Some(Role::Planner), ..UserChange::default() });
    let who = fixture.send(browser.request("GET", "/v1/session", "")).await.json();
    assert_eq!(who["role"], "planner", "another role counts at once");
    let body = |current: &str| json!({"current_password": current, "new_password": "another long one"}).to_string();
    let wrong = fixture.send(browser.request("POST", "/v1/session/password", &body("wrong"))).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let other = log_in(&fixture, "ada").await;
    let changed = fixture.send(browser.request("POST", "/v1/session/password", &body(PASSWORD))).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text);
    for browser in [&browser, &other] {
        assert_eq!(browser.status(&fixture).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(try_log_in(&fixture, "ada", PASSWORD).await.status, StatusCode::UNAUTHORIZED);

    change(&fixture, UserChange { password: Some(PASSWORD.to_owned()), ..UserChange::default() });
    fixture.wait(SignedDuration::from_mins(2));
    let browser = log_in(&fixture, "ada").await;
    fixture.users.remove("ada", now(), &mut Recorder::new("test", &mut |_| Ok(()))).unwrap();
    fixture.user("ada", Role::Admin);
    assert_eq!(browser.status(&fixture).await, StatusCode::UNAUTHORIZED, "a new user of the name is somebody else");
}

#[tokio::test]
async fn a_person_has_a_limited_number_of_sessions() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Viewer);
    let mut browsers = Vec::new();
    for _ in 0..21 {
        browsers.push(log_in(&fixture, "ada").await);
        fixture.wait(SignedDuration::from_secs(60));
    }
    assert_eq!(browsers[0].status(&fixture).await, StatusCode::UNAUTHORIZED, "the oldest ends");
    assert_eq!(browsers[1].status(&fixture).await, StatusCode::OK);
}

#[tokio::test]
async fn wrong_passwords_make_one_wait_and_never_for_ever() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Viewer);
    let mut waits = Vec::new();
    while waits.len() < 6 {
        let answer = try_log_in(&fixture, "ada", "wrong password").await;
        match answer.status {
            StatusCode::UNAUTHORIZED => fixture.wait(SignedDuration::from_secs(12)),
            StatusCode::TOO_MANY_REQUESTS => {
                let right = try_log_in(&fixture, "ada", PASSWORD).await;
                assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "not even with the right one");
                let seconds: i64 = answer.header("retry-after").parse().unwrap();
                waits.push(seconds);
                fixture.wait(SignedDuration::from_secs(seconds));
            }
            status => panic!("{status}"),
        }
    }
    // 1, 2, 4 and 8 s had passed between the attempts, 12 s apart.
    assert_eq!(waits, [4, 20, 52, 116, 244, 500]);
    fixture.wait(SignedDuration::from_mins(1));
    assert_eq!(try_log_in(&fixture, "ada", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(try_log_in(&fixture, "ada", "wrong password").await.status, StatusCode::UNAUTHORIZED, "it begins anew");
    assert_eq!(try_log_in(&fixture, "ada", PASSWORD).await.status, StatusCode::OK);
}
