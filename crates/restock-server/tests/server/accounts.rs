use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use restock_ledger::SqliteLedger;
use restock_server::{NewUser, Recorder, Role, UserChange, UserError, Users};
use serde_json::{Value, json};

use crate::faults::Faulty;
use crate::fixtures::{Answer, Fixture, PASSWORD, now, request};

async fn send(fixture: &Fixture, method: &str, path: &str, body: Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    fixture.send(request(method, path, Some(fixture.secret(Role::Admin)), "application/json", &text)).await
}

async fn trail(fixture: &Fixture) -> String {
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let line = |record: &Value| {
        let [actor, action, subject] = ["actor", "action", "subject"].map(|name| text(record, name));
        let [before, after] = ["before", "after"].map(|name| match text(record, name) {
            state if state.is_empty() => "nothing".to_owned(),
            state => state,
        });
        format!("{actor} | {action} | {subject} | {before} -> {after}")
    };
    trail["records"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_admin_looks_after_users_and_every_change_is_recorded() {
    let fixture = Fixture::new().await;
    let new = json!({"name": "ada", "role": "planner", "locations": ["berlin"], "password": PASSWORD});
    let created = send(&fixture, "POST", "/v1/users", new.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    assert_eq!(
        created.json(),
        json!({"name": "ada", "role": "planner", "locations": ["berlin"], "is_disabled": false, "created_at": "2026-03-02T12:00:00Z"})
    );
    let again =
        send(&fixture, "POST", "/v1/users", json!({"name": "ADA", "role": "viewer", "password": PASSWORD})).await;
    assert_eq!(
        (again.status, &again.json()["detail"]),
        (StatusCode::CONFLICT, &json!("there is a user \"ada\" already"))
    );

    let change = json!({"role": "approver", "locations": null, "password": "another long one"});
    let changed = send(&fixture, "PATCH", "/v1/users/ada", change).await.json();
    assert_eq!((&changed["role"], &changed["locations"]), (&json!("approver"), &Value::Null));
    let disabled = send(&fixture, "PATCH", "/v1/users/ada", json!({"is_disabled": true})).await.json();
    assert_eq!((&disabled["role"], &disabled["is_disabled"]), (&json!("approver"), &json!(true)));
    let list = send(&fixture, "GET", "/v1/users", Value::Null).await;
    assert_eq!(list.json()["users"].as_array().unwrap().len(), 1);
    assert!(!list.text.contains("argon2") && !list.text.contains("session_key"), "{}", list.text);
    assert_eq!(send(&fixture, "DELETE", "/v1/users/ada", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(send(&fixture, "DELETE", "/v1/users/ada", Value::Null).await.status, StatusCode::NOT_FOUND);

    let token = json!({"name": "till", "role": "integrator", "expires_at": "2027-01-01T00:00:00Z"});
    let made = send(&fixture, "POST", "/v1/tokens", token).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    let inventory = |secret: &str| fixture.send(request("GET", "/v1/inventory", Some(secret), "", ""));
    assert_eq!(inventory(&secret).await.status, StatusCode::OK);
    let tokens = send(&fixture, "GET", "/v1/tokens", Value::Null).await;
    assert!(tokens.text.contains("\"till\"") && !tokens.text.contains("hash"), "{}", tokens.text);
    assert_eq!(send(&fixture, "DELETE", "/v1/tokens/till", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(inventory(&secret).await.status, StatusCode::UNAUTHORIZED);

    insta::assert_snapshot!(trail(&fixture).await, @r"
    admin | user.create | user/ada | nothing -> planner of berlin
    admin | user.change | user/ada | planner of berlin -> approver of all locations, new password
    admin | user.change | user/ada | approver of all locations -> approver of all locations disabled
    admin | user.remove | user/ada | approver of all locations disabled -> nothing
    admin | token.create | token/till | nothing -> integrator of all locations until 2027-01-01T00:00:00Z
    admin | token.revoke | token/till | integrator of all locations -> nothing
    ");
}

#[tokio::test]
async fn what_is_not_taken_is_said() {
    let fixture = Fixture::new().await;
    fixture.user("ada", Role::Viewer);
    for (path, body, status, detail) in [
        (
            "/v1/users",
            json!({"name": "bob", "role": "viewer", "password": "short"}),
            422,
            "the password is not taken: it is shorter than 12 characters",
        ),
        (
            "/v1/users",
            json!({"name": "bob", "role": "integrator", "password": PASSWORD}),
            422,
            "the role of a user is integrator, expected viewer, planner, approver or admin",
        ),
        (
            "/v1/users",
            json!({"name": " bob", "role": "viewer", "password": PASSWORD}),
            422,
            "the name of a user is \" bob\", expected 1 to 100 bytes without control characters",
        ),
        (
            "/v1/users",
            json!({"name": "Command Line", "role": "viewer", "password": PASSWORD}),
            422,
            "the name of a user is \"Command Line\", which stands for the program itself in the audit trail",
        ),
        (
            "/v1/tokens",
            json!({"name": "restock-rule", "role": "viewer"}),
            422,
            "the name of a token is \"restock-rule\", which stands for the program itself in the audit trail",
        ),
        (
            "/v1/users",
            json!({"name": "bob", "role": "viewer", "locations": [], "password": PASSWORD}),
            422,
            "the list of locations is empty",
        ),
        (
            "/v1/users",
            json!({"name": "viewer", "role": "viewer", "password": PASSWORD}),
            409,
            "there is a token \"viewer\" already",
        ),
        (
            "/v1/users",
            json!({"name": "Viewer", "role": "viewer", "password": PASSWORD}),
            409,
            "there is a token \"Viewer\" already",
        ),
        ("/v1/users", json!({"name": "bob"}), 400, "missing field `role` at line 1 column 14"),
        ("/v1/tokens", json!({"name": "Ada", "role": "viewer"}), 409, "there is a user \"Ada\" already"),
        ("/v1/tokens", json!({"name": "viewer", "role": "viewer"}), 409, "there is a token \"viewer\" already"),
        (
            "/v1/tokens",
            json!({"name": "", "role": "viewer"}),
            422,
            "the name of a token is \"\", expected 1 to 100 bytes without control characters",
        ),
    ] {
        let answer = send(&fixture, "POST", path, body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["detail"].as_str().unwrap()), (status, detail));
    }
    assert_eq!(fixture.users.list().unwrap().len(), 1);
    assert_eq!(trail(&fixture).await, "", "refusals are no changes");
}

#[test]
fn the_last_admin_stays() {
    let folder = tempfile::tempdir().unwrap();
    let users = Users::at(folder.path().join("users.json"));
    let mut quiet = |_: &restock_ledger::AuditEntry| Ok(());
    let mut recorder = Recorder::new("test", &mut quiet);
    let new = |name: &str, role, locations| NewUser { name: name.to_owned(), role, locations };
    let everywhere = None::<Vec<String>>;
    users.create(new("ada", Role::Admin, everywhere.clone()), PASSWORD, now(), &mut recorder).unwrap();
    users.create(new("bob", Role::Admin, Some(vec!["berlin".to_owned()])), PASSWORD, now(), &mut recorder).unwrap();
    let changes = [
        UserChange { role: Some(Role::Viewer), ..UserChange::default() },
        UserChange { is_disabled: Some(true), ..UserChange::default() },
        UserChange { locations: Some(Some(vec!["berlin".to_owned()])), ..UserChange::default() },
    ];
    for change in &changes {
        let refused = users.change("ada", change.clone(), now(), &mut recorder);
        assert!(matches!(refused, Err(UserError::LastAdmin { .. })), "{change:?}");
    }
    assert!(matches!(users.remove("ada", now(), &mut recorder), Err(UserError::LastAdmin { .. })));
    users.create(new("eve", Role::Admin, everywhere), PASSWORD, now(), &mut recorder).unwrap();
    for change in changes {
        users.change("ada", change, now(), &mut recorder).unwrap();
    }
    users.remove("ada", now(), &mut recorder).unwrap();
    assert!(matches!(users.remove("eve", now(), &mut recorder), Err(UserError::LastAdmin { .. })));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_users() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let users = Users::at(folder.path().join("users.json"));
    let new = NewUser { name: "ada".to_owned(), role: Role::Admin, locations: None };
    let user = users.create(new, PASSWORD, now(), &mut Recorder::new("test", &mut |_| Ok(()))).unwrap();
    assert_eq!(std::fs::metadata(users.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(users.path()).unwrap().contains(PASSWORD));
    assert!(!format!("{user:?}").contains("argon2"), "{user:?}");
    std::fs::write(users.path(), "{").unwrap();
    assert!(matches!(users.list(), Err(UserError::File { .. })), "a damaged file lets nobody in");
}

/// There is no change without a record.
#[tokio::test]
async fn where_the_trail_fails_nothing_is_changed() {
    let faulty = Faulty::new(SqliteLedger::in_memory().unwrap());
    let has_no_audit = faulty.has_no_audit.clone();
    let fixture = Fixture::with(Box::new(faulty)).await;
    fixture.user("ada", Role::Viewer);
    has_no_audit.store(true, Ordering::Relaxed);
    let (users, tokens) = (fixture.users.list().unwrap(), fixture.tokens.list().unwrap());
    for (method, path, body) in [
        ("POST", "/v1/users", json!({"name": "bob", "role": "viewer", "password": PASSWORD})),
        ("PATCH", "/v1/users/ada", json!({"role": "admin"})),
        ("DELETE", "/v1/users/ada", Value::Null),
        ("POST", "/v1/tokens", json!({"name": "bob", "role": "viewer"})),
        ("DELETE", "/v1/tokens/viewer", Value::Null),
        ("POST", "/v1/webhooks", json!({"url": "https://erp.example/", "topics": ["event"]})),
    ] {
        let answer = send(&fixture, method, path, body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{method} {path} {}", answer.text);
        assert_eq!(answer.json()["type"], "urn:restock:problem:not-recorded");
        assert!(!answer.text.contains("secret"), "the store's words stay in the log");
    }
    assert_eq!((fixture.users.list().unwrap(), fixture.tokens.list().unwrap()), (users, tokens));
    assert_eq!(send(&fixture, "GET", "/v1/webhooks", Value::Null).await.json()["webhooks"], json!([]));
    let log_in = crate::sessions::try_log_in(&fixture, "ada", PASSWORD).await;
    assert_eq!(log_in.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(log_in.header("set-cookie").is_empty());
}
