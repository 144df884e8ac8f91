//! Files that are brought, with a project that only counts; and the first person of a server.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::stream;
use restock_ledger::SqliteLedger;
use restock_server::limits::MAX_UPLOAD_BYTES;
use restock_server::{
    AppliedImport, ImportChanges, ImportList, ImportPreview, ImportQuestion, ImportRefusal, ImportedTable, Imports,
    Role, StagedImport, Upload,
};
use serde_json::json;

use crate::fixtures::{Answer, Fixture, PASSWORD, now, request, token};

/// Keeps names and sizes; a decimal mark is asked for before anything is taken in.
#[derive(Default)]
struct Counting {
    files: Mutex<BTreeMap<String, (StagedImport, Option<String>)>>,
}

impl Counting {
    fn preview(&self, import_id: &str) -> Result<ImportPreview, ImportRefusal> {
        let files = self.files.lock().unwrap();
        let (staged, answer) =
            files.get(import_id).ok_or_else(|| ImportRefusal::NoSuchImport(import_id.to_owned()))?.clone();
        if staged.file == "page.html" {
            let (detail, fix) = ("page.html is not a table: it is a web page".to_owned(), "export it".to_owned());
            return Err(ImportRefusal::NotATable { detail, fix });
        }
        let question = ImportQuestion {
            question: "decimal".to_owned(),
            column: Some("qty".to_owned()),
            row: Some(2),
            why: "nothing else decides".to_owned(),
            n_overlapping: None,
            answers: Vec::new(),
            answer: answer.clone(),
        };
        Ok(ImportPreview {
            becomes: staged.file.clone(),
            staged,
            table: Some("sales".to_owned()),
            fields: Vec::new(),
            columns: Vec::new(),
            missing: Vec::new(),
            questions: vec![question],
            read: Vec::new(),
            first_day: None,
            last_day: None,
            n_items: 1,
            n_locations: 1,
            n_quarantined: 0,
            row_errors: Vec::new(),
            notes: Vec::new(),
            problem: None,
            mapped_by: None,
            replaces: None,
            is_ready: answer.is_some(),
        })
    }
}

impl Imports for Counting {
    fn list(&self) -> Result<ImportList, ImportRefusal> {
        let files = self.files.lock().unwrap();
        let imports = files.values().map(|(staged, _)| staged.clone()).collect();
        Ok(ImportList { imports, missing_tables: Vec::new() })
    }

    fn stage(&self, upload: Upload, content: &mut dyn Read) -> Result<(), ImportRefusal> {
        let Upload { import_id, file, author, at } = upload;
        let n_bytes = std::io::copy(content, &mut std::io::sink())
            .map_err(|error| ImportRefusal::Storage(format!("/secret/{file}: {error}")))?;
        if file == "disk-full.csv" {
            return Err(ImportRefusal::Storage("/secret/disk-full.csv: no space left".to_owned()));
        }
        let staged = StagedImport { import_id: import_id.clone(), file, author, uploaded_at: at, n_bytes };
        self.files.lock().unwrap().insert(import_id, (staged, None));
        Ok(())
    }

    fn look(&self, import_id: &str) -> Result<ImportPreview, ImportRefusal> {
        self.preview(import_id)
    }

    fn choose(&self, import_id: &str, changes: ImportChanges) -> Result<ImportPreview, ImportRefusal> {
        self.preview(import_id)?;
        for (question, answer) in changes.answers {
            if question != "decimal" {
                return Err(ImportRefusal::BadChoice(format!("the question is {question:?}, expected decimal")));
            }
            self.files.lock().unwrap().get_mut(import_id).unwrap().1 = answer;
        }
        self.preview(import_id)
    }

    fn apply(&self, import_id: &str) -> Result<AppliedImport, ImportRefusal> {
        let preview = self.preview(import_id)?;
        if !preview.is_ready {
            let (detail, fix) = ("decimal is open".to_owned(), "answer it".to_owned());
            return Err(ImportRefusal::NotReady { detail, fix });
        }
        self.files.lock().unwrap().remove(import_id);
        let read = vec![ImportedTable {
            table: "sales".to_owned(),
            file: preview.becomes.clone(),
            n_rows: 3,
            n_accepted: 3,
            n_duplicates: 0,
            n_left_out: 0,
            n_quarantined: 0,
        }];
        Ok(AppliedImport { import_id: import_id.to_owned(), file: preview.becomes, replaced: None, read })
    }

    fn discard(&self, import_id: &str) -> Result<(), ImportRefusal> {
        let removed = self.files.lock().unwrap().remove(import_id);
        removed.map(drop).ok_or_else(|| ImportRefusal::NoSuchImport(import_id.to_owned()))
    }
}

async fn fixture() -> (Fixture, Arc<Counting>) {
    let imports = Arc::new(Counting::default());
    let seam = imports.clone();
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    (Fixture::with_options(ledger, |options| options.imports = Some(seam)).await, imports)
}

fn upload(secret: &str, query: &str, kind: &str, body: Body) -> Request<Body> {
    let mut upload = request("POST", &format!("/v1/imports{query}"), Some(secret), kind, "");
    *upload.body_mut() = body;
    upload
}

async fn bring(fixture: &Fixture, query: &str, body: Body) -> Answer {
    fixture.send(upload(fixture.secret(Role::Planner), query, "application/octet-stream", body)).await
}

#[tokio::test]
async fn a_file_is_brought_answered_and_taken_in_and_the_trail_says_so() {
    let (fixture, imports) = fixture().await;
    let answer = bring(&fixture, "?name=kasse%20m%C3%A4rz.csv", Body::from(&b"date,item\n\xff\xfe"[..])).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let preview = answer.json();
    let id = preview["import_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/v1/imports/{id}"));
    assert_eq!((&preview["file"], &preview["n_bytes"]), (&json!("kasse märz.csv"), &json!(12)));
    assert_eq!(preview["author"], "planner");
    let other = bring(&fixture, "?name=kasse%20m%C3%A4rz.csv", Body::from("date,item\n")).await.json();
    assert_ne!(other["import_id"], id, "two of one name are two");
    let listed = fixture.get(Role::Integrator, "/v1/imports").await.json();
    assert_eq!(listed["imports"].as_array().unwrap().len(), 2);

    let path = format!("/v1/imports/{id}");
    let early =
        fixture.send(request("POST", &format!("{path}:apply"), Some(fixture.secret(Role::Planner)), "", "")).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    assert_eq!(early.json()["type"], "urn:restock:problem:not-ready");
    assert_eq!(early.json()["fix"], "answer it");
    let wrong = fixture.send_json("PATCH", Role::Planner, &path, r#"{"answers":{"colour":"red"}}"#).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.json()["type"], "urn:restock:problem:bad-choice");
    for body in [r#"{"answer":{}}"#, "[]", ""] {
        let unread = fixture.send_json("PATCH", Role::Planner, &path, body).await;
        assert_eq!(unread.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let answered = fixture.send_json("PATCH", Role::Planner, &path, r#"{"answers":{"decimal":","}}"#).await;
    assert_eq!(answered.json()["questions"][0]["answer"], ",");
    assert_eq!(fixture.get(Role::Planner, &path).await.json()["is_ready"], true);
    let applied =
        fixture.send(request("POST", &format!("{path}:apply"), Some(fixture.secret(Role::Planner)), "", "")).await;
    assert_eq!(applied.status, StatusCode::OK, "{}", applied.text);
    assert_eq!(applied.json()["file"], "kasse märz.csv");
    // The id is stale now.
    for (method, end) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", ":apply")] {
        let body = if method == "PATCH" { "{}" } else { "" };
        let stale = fixture.send_json(method, Role::Planner, &format!("{path}{end}"), body).await;
        assert_eq!(stale.status, StatusCode::NOT_FOUND, "{method} {}", stale.text);
    }
    let other = format!("/v1/imports/{}", other["import_id"].as_str().unwrap());
    assert_eq!(fixture.send_json("DELETE", Role::Planner, &other, "").await.status, StatusCode::NO_CONTENT);
    assert!(imports.files.lock().unwrap().is_empty());

    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let said: Vec<String> = trail["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| format!("{} {} {}", record["actor"], record["action"], record["after"]))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    "planner" "import.upload" "kasse märz.csv, 12 bytes"
    "planner" "import.upload" "kasse märz.csv, 10 bytes"
    "planner" "import.change" "{\"columns\":{},\"answers\":{\"decimal\":\",\"}}"
    "planner" "import.apply" "kasse märz.csv: 3 rows of sales"
    "planner" "import.discard" ""
    "#);
}

#[tokio::test]
async fn what_is_no_upload_is_refused_and_nothing_of_it_is_kept() {
    let (fixture, imports) = fixture().await;
    let kind = |answer: &Answer| answer.json()["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let long = format!("?name={}.csv", "x".repeat(300));
    for query in ["", "?name=", "?nome=a.csv", &long] {
        let answer = bring(&fixture, query, Body::from("a,b\n")).await;
        assert_eq!((answer.status, &*kind(&answer)), (StatusCode::BAD_REQUEST, "bad-query"), "{query}");
    }
    let secret = fixture.secret(Role::Planner);
    let html = fixture.send(upload(secret, "?name=a.csv", "text/html", Body::from("a,b\n"))).await;
    assert_eq!(html.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let page = bring(&fixture, "?name=page.html", Body::from("<html>")).await;
    assert_eq!((page.status, &*kind(&page)), (StatusCode::UNPROCESSABLE_ENTITY, "not-a-table"));
    let full = bring(&fixture, "?name=disk-full.csv", Body::from("a,b\n")).await;
    assert_eq!(full.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!full.text.contains("/secret"), "{}", full.text);

    let parts = [Ok(Bytes::from_static(b"date,item\n")), Err(std::io::Error::other("the line is dead"))];
    let broken = bring(&fixture, "?name=a.csv", Body::from_stream(stream::iter(parts))).await;
    assert_eq!((broken.status, &*kind(&broken)), (StatusCode::BAD_REQUEST, "bad-body"));

    let mut said = upload(secret, "?name=a.csv", "text/csv", Body::from("a,b\n"));
    said.headers_mut().insert("content-length", (MAX_UPLOAD_BYTES + 1).to_string().parse().unwrap());
    let said = fixture.send(said).await;
    assert_eq!((said.status, &*kind(&said)), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    // Without a length it is found out on the way.
    let part = Bytes::from(vec![b'7'; 1 << 20]);
    let parts = (0..=MAX_UPLOAD_BYTES >> 20).map(move |_| Ok::<_, std::io::Error>(part.clone()));
    let endless = bring(&fixture, "?name=a.csv", Body::from_stream(stream::iter(parts))).await;
    assert_eq!((endless.status, &*kind(&endless)), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    assert!(imports.files.lock().unwrap().is_empty(), "nothing is kept");

    let fixture = Fixture::new().await;
    let nobody = bring(&fixture, "?name=a.csv", Body::from("a,b\n")).await;
    assert_eq!((nobody.status, &*kind(&nobody)), (StatusCode::CONFLICT, "no-imports"));
}

async fn become_first(fixture: &Fixture, code: &str, password: &str) -> Answer {
    let body = json!({ "code": code, "name": "ada", "password": password }).to_string();
    fixture.send(request("POST", "/v1/session/first", None, "application/json", &body)).await
}

async fn without_anybody(code: Option<&str>) -> Fixture {
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    let code = code.map(str::to_owned);
    let fixture = Fixture::with_options(ledger, |options| options.first_code = code).await;
    for role in Role::ALL {
        fixture.tokens.revoke(role.name()).unwrap();
    }
    fixture
}

#[tokio::test]
async fn the_first_person_gets_in_once_with_the_code_that_the_server_said() {
    let fixture = without_anybody(Some("5eed")).await;
    let wrong = become_first(&fixture, "5eee", PASSWORD).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN, "{}", wrong.text);
    assert_eq!(wrong.json()["type"], "urn:restock:problem:wrong-code");
    // A password that is not taken does not use up the code.
    assert_eq!(become_first(&fixture, "5eed", "short").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut foreign = request("POST", "/v1/session/first", None, "application/json", "{}");
    foreign.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(fixture.send(foreign).await.status, StatusCode::FORBIDDEN);

    let first = become_first(&fixture, "5eed", PASSWORD).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!((&first.json()["name"], &first.json()["role"]), (&json!("ada"), &json!("admin")));
    assert!(first.header("set-cookie").starts_with("restock_session="));
    let again = become_first(&fixture, "5eed", PASSWORD).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(again.json()["type"], "urn:restock:problem:not-first");
    assert_eq!(fixture.users.list().unwrap().len(), 1);
    let mut trail = request("GET", "/v1/audit", None, "", "");
    let cookie = first.header("set-cookie").split(';').next().unwrap().parse().unwrap();
    trail.headers_mut().insert("cookie", cookie);
    let trail = fixture.send(trail).await.json();
    assert_eq!(trail["records"][0]["action"], "user.create");
}

#[tokio::test]
async fn where_somebody_is_nobody_is_the_first() {
    let fixture = without_anybody(Some("5eed")).await;
    fixture.tokens.create(token("root", Role::Admin), now()).unwrap();
    assert_eq!(become_first(&fixture, "5eed", PASSWORD).await.status, StatusCode::CONFLICT);
    // A program that may let nobody in bars nobody.
    let fixture = without_anybody(Some("5eed")).await;
    fixture.tokens.create(token("till", Role::Integrator), now()).unwrap();
    assert_eq!(become_first(&fixture, "5eed", PASSWORD).await.status, StatusCode::OK);
    let fixture = without_anybody(None).await;
    for code in ["", "5eed"] {
        assert_eq!(become_first(&fixture, code, PASSWORD).await.status, StatusCode::CONFLICT, "no code was made");
    }
}
