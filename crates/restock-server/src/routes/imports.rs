//! Files that are brought, looked at, and taken into the project.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use restock_ledger::AuditEntry;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::authentication::Caller;
use crate::extract::{Acted, Name, ValidQuery, media_type, read_json};
use crate::imports::{
    AppliedImport, Broken, ImportChanges, ImportList, ImportPreview, ImportRefusal, Imports, StagedImport, Upload,
    reader,
};
use crate::limits::{MAX_FILE_NAME_BYTES, MAX_UPLOAD_BYTES};
use crate::names::fresh_name;
use crate::problem::Problem;
use crate::routes::blocking;
use crate::server::App;

/// Media types of uploads; what a file is, its content says.
const MEDIA_TYPES: &[&str] = &[
    "application/octet-stream",
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.apache.parquet",
];

/// What is said about a file beside its content.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The name of the file: it may tell the table (`sales.csv`), and it is what the file will be called.
    #[param(example = "sales.csv")]
    name: String,
}

impl From<ImportRefusal> for Problem {
    fn from(refusal: ImportRefusal) -> Self {
        let detail = refusal.to_string();
        let unprocessable =
            |name: &str, title| Self::new(StatusCode::UNPROCESSABLE_ENTITY, name, title, detail.clone());
        match refusal {
            ImportRefusal::NoSuchImport(_) => Self::not_found(detail).fix("GET /v1/imports lists those that wait"),
            ImportRefusal::BadName { got, expected } => unprocessable("bad-name", "The file has no name of a table")
                .field("name", format!("{got:?}"), expected)
                .fix("give the file another name"),
            ImportRefusal::NotATable { fix, .. } => unprocessable("not-a-table", "The file holds no table").fix(fix),
            ImportRefusal::BadChoice(_) => {
                unprocessable("bad-choice", "This cannot be chosen").fix("GET /v1/imports/{id} says what can be chosen")
            }
            ImportRefusal::NotReady { fix, .. } => {
                Self::new(StatusCode::CONFLICT, "not-ready", "The file cannot be taken in as it stands", detail)
                    .fix(fix)
            }
            ImportRefusal::TooMany(_) => {
                Self::new(StatusCode::CONFLICT, "too-many-imports", "Too many files wait", detail)
                    .fix("take them in or discard them: GET /v1/imports lists them")
            }
            ImportRefusal::Storage(error) => {
                tracing::error!(error, "a file that was brought cannot be kept or read");
                Self::internal("the file cannot be kept or read")
            }
        }
    }
}

fn imports(app: &App) -> Result<Arc<dyn Imports>, Problem> {
    app.imports.clone().ok_or_else(|| {
        let detail = "this server takes no files in";
        Problem::new(StatusCode::CONFLICT, "no-imports", "Nobody takes files in", detail)
            .fix("put the file into the data folder of the project")
    })
}

/// Does something about imports on a thread that may block, two at a time: each may hold a whole table in memory.
async fn work<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&dyn Imports) -> Result<T, ImportRefusal> + Send + 'static,
) -> Result<T, Problem> {
    let imports = imports(app)?;
    let turn = app.import_turns.clone().acquire_owned().await.expect("the semaphore is never closed");
    let done = blocking(app, move |_| {
        let done = work(&*imports);
        drop(turn);
        done
    });
    Ok(done.await??)
}

async fn record(app: &App, caller: &Caller, action: &str, id: &str, after: String) -> Result<(), Problem> {
    let entry = AuditEntry {
        at: (app.clock)(),
        actor: caller.name.clone(),
        action: action.to_owned(),
        subject: format!("import/{id}"),
        reason: String::new(),
        before: String::new(),
        after,
    };
    Ok(app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await?)
}

/// Files that wait to be taken in, and tables that would improve the plan.
#[utoipa::path(
    get,
    path = "/v1/imports",
    responses(
        (status = 200, description = "files that wait", body = ImportList),
        (status = 409, description = "nobody takes files in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<ImportList>, Problem> {
    work(&app, |imports| imports.list()).await.map(Json)
}

/// Brings a file: CSV, XLSX or Parquet, at most 128 MiB. It waits until it is taken in or discarded, and nothing of it is
/// used before.
#[utoipa::path(
    post,
    path = "/v1/imports",
    params(FileQuery),
    request_body(content = String, content_type = "application/octet-stream", description = "the file as it is"),
    responses(
        (status = 201, description = "what it would become", body = ImportPreview),
        (status = 409, description = "nobody takes files in, or too many wait", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "no table, or no name of one", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn upload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(FileQuery { name }): ValidQuery<FileQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<ImportPreview>), Problem> {
    media_type(&headers, MEDIA_TYPES)?;
    let imports = imports(&app)?;
    if !(1..=MAX_FILE_NAME_BYTES).contains(&name.len()) {
        let got = format!("{} bytes", name.len());
        return Err(Problem::bad_query("name", got, format!("1 to {MAX_FILE_NAME_BYTES} bytes")));
    }
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|n_bytes| n_bytes > MAX_UPLOAD_BYTES) {
        return Err(too_large());
    }
    let import_id = format!("im_{}", fresh_name()?);
    let upload = Upload { import_id: import_id.clone(), file: name, author: caller.name.clone(), at: (app.clock)() };
    let (mut content, bring) = reader(body);
    let stage = blocking(&app, move |_| imports.stage(upload, &mut content));
    // Whatever becomes of the body, the thread that keeps it ends with it.
    let (brought, staged) = tokio::join!(bring, stage);
    match brought {
        Err(Broken::TooLarge) => return Err(too_large()),
        Err(Broken::BrokeOff) => return Err(Problem::bad_body("the body broke off")),
        Ok(()) => staged??,
    }
    let id = import_id.clone();
    // What holds no table is not kept.
    let looked = match work(&app, move |imports| imports.look(&id)).await {
        Ok(preview) => {
            let StagedImport { file, n_bytes, .. } = &preview.staged;
            let after = format!("{file}, {n_bytes} bytes");
            record(&app, &caller, "import.upload", &import_id, after).await.map(|()| preview)
        }
        Err(problem) => Err(problem),
    };
    match looked {
        Ok(preview) => {
            let href = format!("/v1/imports/{import_id}");
            Ok((StatusCode::CREATED, [(header::LOCATION, href)], Json(preview)))
        }
        Err(problem) => {
            let _ = work(&app, move |imports| imports.discard(&import_id)).await;
            Err(problem)
        }
    }
}

fn too_large() -> Problem {
    let expected = format!("at most {MAX_UPLOAD_BYTES} bytes");
    let detail = format!("the file is too large, {expected} are taken");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
        .fix("put the file into the data folder of the project, or cut it into several")
}

/// What a file would become.
#[utoipa::path(
    get,
    path = "/v1/imports/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "what it would become", body = ImportPreview),
        (status = 404, description = "no such import", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody takes files in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(State(app): State<App>, Name(id): Name) -> Result<Json<ImportPreview>, Problem> {
    work(&app, move |imports| imports.look(&id)).await.map(Json)
}

/// Says what columns are, or answers questions; the answer is what the file would become then.
#[utoipa::path(
    patch,
    path = "/v1/imports/{id}",
    params(("id" = String, Path)),
    request_body = ImportChanges,
    responses(
        (status = 200, description = "what it would become", body = ImportPreview),
        (status = 404, description = "no such import", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody takes files in", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "nothing of the kind can be chosen", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportPreview>, Problem> {
    let changes: ImportChanges = read_json(&headers, bytes)?;
    let after = serde_json::to_string(&changes).expect("changes are JSON");
    let of = id.clone();
    let preview = work(&app, move |imports| imports.choose(&of, changes)).await?;
    record(&app, &caller, "import.change", &id, after).await?;
    Ok(Json(preview))
}

/// Forgets a file that was not taken in.
#[utoipa::path(
    delete,
    path = "/v1/imports/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "it is gone"),
        (status = 404, description = "no such import", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody takes files in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn discard(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let of = id.clone();
    work(&app, move |imports| imports.discard(&of)).await?;
    record(&app, &caller, "import.discard", &id, String::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the file into the data folder of the project, with how it is read. The plan of it comes later, and the stream tells
/// of it.
#[utoipa::path(
    post,
    path = "/v1/imports/{id}:apply",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "what was taken in", body = AppliedImport),
        (status = 404, description = "no such import", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "a question is open, or it cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Acted { name: Name(id), .. }: Acted,
) -> Result<Json<AppliedImport>, Problem> {
    let of = id.clone();
    // It goes on where the client does not wait for it, and so does the record of it.
    let done = tokio::spawn(async move {
        let applied = work(&app, move |imports| imports.apply(&of)).await?;
        let recorded = record(&app, &caller, "import.apply", &id, applied.text()).await;
        // Without a planner, the next plan from the command line reads it.
        let _ = app.planning.replan();
        recorded.map(|()| applied)
    });
    done.await.map_err(|_| Problem::internal("the request met a mistake of the program"))?.map(Json)
}
