//! `restock serve`: the HTTP API over the ledger of a project, and what protects it.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::ItemLocation;
use restock_core::settings::Lang;
use restock_intake::{Source, SourceConfig, Surroundings};
use restock_ledger::{Filed, Incoming, events_from_tables, line_field, n_approvers};
use restock_server::{Role, Security, ServeError, Server, ServerOptions, TlsFiles, new_code};

use crate::catalogue::said;
use crate::cli::{ServeArgs, Template};
use crate::config::Config;
use crate::error::CliError;
use crate::i18n::Text;
use crate::imports::{Known, ProjectImports};
use crate::ledger::{self, explained, open};
use crate::live::{Approval, ProjectPlanner};
use crate::project::{Project, read_table};
use crate::session::{Output, Session};
use crate::verbs::init;
use crate::verbs::users::{token_error, tokens, user_error};

/// What protects the server, as the settings of a project say it.
fn security_of(dir: &Path, config: &Config) -> Result<Security, CliError> {
    let mut security = Security::in_folder(dir.join(".restock"));
    security.tls = match (&config.tls_certificate, &config.tls_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate: dir.join(certificate), key: dir.join(key) }),
        (certificate, _) => {
            let (given, missing) = match certificate {
                Some(_) => ("server.tls_certificate", "server.tls_key"),
                None => ("server.tls_key", "server.tls_certificate"),
            };
            return Err(CliError::usage(format!("{given} is set and {missing} is not"))
                .hint("TLS needs both: the certificate and its private key, as PEM files"));
        }
    };
    security.behind_proxy = config.behind_proxy;
    security.hosts.clone_from(&config.hosts);
    security.webhooks.private_receivers.clone_from(&config.private_receivers);
    Ok(security)
}

fn serve_error(error: &ServeError) -> CliError {
    let said = CliError::usage(error.to_string()).with_hint_of();
    match error {
        ServeError::Unprotected { .. } => said.hint(
            "set server.tls_certificate and server.tls_key in restock.toml, listen on 127.0.0.1, or, where a proxy in front \
             of it speaks TLS, set server.behind_proxy = true",
        ),
        _ => said,
    }
}

pub(crate) fn run(session: &Session, args: &ServeArgs) -> Result<Output, CliError> {
    if session.as_of.is_some() {
        return Err(CliError::usage("a server plans for today, --as-of looks back")
            .hint("`restock plan --as-of DAY` plans for another day"));
    }
    if let Some(dir) = begin_project(session)? {
        let told = session.fill(Text::ServeCreated, &[&dir.display(), &init::name_of(Template::Blank)]);
        let _ = console::Term::stderr().write_line(&told);
    }
    let (dir, config) = Project::config_of(session)?;
    let listen = args.listen.unwrap_or(config.listen);
    let security = security_of(&dir, &config)?;
    security.check_listen(listen).map_err(|error| serve_error(&error))?;
    let _only_one = lock(&dir)?;
    let ledger = open(&dir)?;
    let second = || ledger::address(&dir)?.open_reader().map_err(|error| explained(&error));
    let (reader, planning) = (second()?, second()?);
    let tokens = tokens(&dir);
    // A program that may not let anybody in leaves the first person to come.
    let is_known = tokens.list().map_err(|error| token_error(&error))?.iter().any(|token| token.role == Role::Admin)
        || !security.users.list().map_err(|error| user_error(&error))?.is_empty();
    let scheme = if security.tls.is_some() { "https" } else { "http" };
    let approval = Arc::new(RwLock::new(Approval::of(&config)));
    let known = Known::default();
    let imports = ProjectImports::open(session.clone(), known.clone())?;
    let planner = ProjectPlanner::new(session.clone(), config.time_zone.clone(), approval.clone(), planning, known)
        .map_err(|error| explained(&error))?;
    let first_code = (!is_known).then(new_code).transpose().map_err(CliError::internal)?;
    let around = surroundings(&dir, config.time_zone.clone());
    let mut options = ServerOptions::new(ledger, tokens, security, Arc::new(Timestamp::now), config.time_zone.clone());
    options.reader = Some(reader);
    options.planner = Some(Box::new(planner));
    options.imports = Some(Arc::new(imports));
    options.translator = Some(Arc::new(|message, language| match language {
        "zh-CN" => Some(said(message, Lang::ZhCn).into_owned()).filter(|said| said != message),
        _ => None,
    }));
    options.first_code.clone_from(&first_code);
    let rules = approval.clone();
    options.auto_approve = Some(Arc::new(move |filed: &Filed| {
        let rules = rules.read().unwrap_or_else(PoisonError::into_inner);
        let is_meant = || rules.auto_if.as_ref().is_some_and(|filter| filter.matches(&|name| line_field(filed, name)));
        let place = ItemLocation::new(&filed.need.item_id, &filed.need.destination);
        !rules.in_surge.contains(&place) && is_meant()
    }));
    options.n_approvers = Arc::new(move |filed| {
        let rules = approval.read().unwrap_or_else(PoisonError::into_inner);
        n_approvers(rules.four_eyes_if.as_ref(), filed)
    });
    // A second server in a test of the same process keeps the first one's log.
    let _ =
        tracing_subscriber::fmt().json().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).try_init();
    let failed = |what: &str, error: std::io::Error| CliError::internal(format!("{what}: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("the server cannot start threads", error))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| {
            CliError::usage(format!("cannot listen on {listen}: {error}"))
                .hint("--listen 127.0.0.1:0 takes any free port; server.listen in restock.toml says which one is usual")
        })?;
        let address = listener.local_addr().map_err(|error| failed("the server has no address", error))?;
        let server = Server::new(options).map_err(|error| failed("the server cannot start threads", error))?;
        // People and programs that started it look for this line.
        let told = session.fill(Text::ListeningOn, &[&format!("{scheme}://{address}")]);
        let _ = console::Term::stderr().write_line(&told);
        if let Some(code) = first_code {
            // Behind `#` it reaches no log of a server or a proxy.
            let page = format!("{scheme}://{address}/#/first?code={code}");
            let _ = console::Term::stderr().write_line(&session.fill(Text::NobodyYet, &[&page]));
        }
        let sources = start_sources(&server, &config.intake, &around)?;
        server.show_sources(sources.iter().map(Source::watch).collect());
        let stopping = async move {
            stopped().await;
            // What a source brings is committed by the server, so sources end first; and they block.
            let ended = tokio::task::spawn_blocking(move || sources.into_iter().for_each(Source::stop)).await;
            if ended.is_err() {
                tracing::error!("a source of events ended in a panic");
            }
        };
        server.serve(listener, stopping).await.map_err(|error| serve_error(&error))
    })?;
    Ok(Output::text(format!("{}\n", session.text(Text::Stopped))))
}

/// Makes a project in a folder that is empty or not there yet, so that nobody needs another command before this one. Returns
/// the folder where it did.
fn begin_project(session: &Session) -> Result<Option<PathBuf>, CliError> {
    let dir = session.project.clone().unwrap_or_else(|| PathBuf::from("."));
    if dir.join("restock.toml").is_file() {
        return Ok(None);
    }
    let is_seen = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map_or(true, |entry| !entry.file_name().to_string_lossy().starts_with('.'))
    };
    // A project among the files of somebody would be a surprise.
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.any(is_seen)) {
        return Err(CliError::usage(format!("{} has no restock.toml, and other files", dir.display())).hint(
            "`restock serve --project my-shop` begins a project in a new folder, `restock init .` makes one among the files",
        ));
    }
    init::create(session, &dir, Template::Blank)?;
    Ok(Some(dir))
}

/// Keeps a second server away from a project: two would plan the same desk and tell every webhook twice. The lock ends with
/// the process, however it ends.
fn lock(dir: &Path) -> Result<File, CliError> {
    let folder = dir.join(".restock");
    let path = folder.join("serve.lock");
    let failed = |error: &dyn std::fmt::Display| CliError::usage(format!("cannot lock {}: {error}", path.display()));
    std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CliError::usage(format!("another server runs on {}", dir.display()))
            .hint("stop it first, or ask it over HTTP; `restock plan` and the other commands work beside it")),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// Whether a server runs on the project.
pub(crate) fn is_served(dir: &Path) -> bool {
    let file = File::options().write(true).open(dir.join(".restock").join("serve.lock"));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Starts what brings events beside the API.
fn start_sources(server: &Server, configs: &[SourceConfig], around: &Surroundings) -> Result<Vec<Source>, CliError> {
    let start = |config: &SourceConfig| {
        restock_intake::start(config, Box::new(server.intake()), around)
            .map_err(|error| CliError::usage(error.to_string()).with_hint_of())
    };
    configs.iter().map(start).collect()
}

/// What sources of events find: tables in drop folders are read as those of the data folder are.
fn surroundings(dir: &Path, time_zone: TimeZone) -> Surroundings {
    let project = dir.to_owned();
    let read_table = move |path: &Path, at: Timestamp| {
        let import = read_table(&project, path)?;
        if let Some(error) = import.row_errors.first() {
            let n = import.n_row_errors;
            return Err(format!("{n} rows cannot be read, the first: {error}; nothing of the file was taken in"));
        }
        let made = events_from_tables(&import.dataset, "folder", at, &time_zone);
        if made.events.is_empty() {
            return Err(
                "it tells of nothing that happened: tables of items, suppliers, lanes and the like belong into the \
                        data folder of the project"
                    .to_owned(),
            );
        }
        Ok(made.events.into_iter().map(Incoming::from_event).collect())
    };
    Surroundings {
        clock: Arc::new(Timestamp::now),
        folder: dir.to_owned(),
        environment: Arc::new(|name| std::env::var(name).ok()),
        read_table: Some(Arc::new(read_table)),
    }
}

/// Done when the process is asked to end: interrupted, or terminated by its supervisor.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without signals it runs until it is killed, which loses nothing either.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The address of a setting or a flag.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port such as 127.0.0.1:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of another program, with names, marks and dates of its own, lies in the drop folder or in the data folder.
    #[test]
    fn a_dropped_table_is_read_as_one_of_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        std::fs::create_dir_all(dir.path().join("data")).unwrap();
        write("restock.toml", "[data]\nmap = \"shop.toml\"\ndecimal = \"comma\"\n");
        write(
            "shop.toml",
            "[format]\ndate = \"dmy\"\n\n[[table]]\ntable = \"sales\"\nfile = \"kasse_*.csv\"\n\n[table.columns]\n\
             item_id = \"Nummer\"\ndate = \"Wann\"\nquantity = { column = \"Stk\", multiply = -1 }\n\
             location_id = { column = \"Kasse\", lookup = { file = \"kassen.csv\", key = \"kasse\", value = \"laden\" } }\n",
        );
        write("data/kassen.csv", "kasse,laden\n7,berlin\n");
        write("kasse_1.csv", "Nummer;Wann;Stk;Kasse\ntee;01.02.2026;-1,250;7\n");
        // A file that the mapping does not name is recognised by its headers.
        write("inventory.csv", "item_id;location_id;on_hand;as_of\ntee;berlin;2,500;03.02.2026\n");
        let around = surroundings(dir.path(), TimeZone::UTC);
        let read = around.read_table.unwrap();
        let mut said = Vec::new();
        for name in ["kasse_1.csv", "inventory.csv"] {
            let entries = read(&dir.path().join(name), "2026-02-09T12:00:00Z".parse().unwrap()).unwrap();
            said.extend(entries.into_iter().map(|entry| {
                let event = entry.event.unwrap();
                format!("{} {:?}", event.occurred_at, event.kind)
            }));
        }
        insta::assert_snapshot!(said.join("\n"), @r#"
        2026-02-01T00:00:00Z Sale { place: ItemLocation { item_id: "tee", location_id: "berlin" }, quantity: 1.25, unit_price: None, lost: None }
        2026-02-03T23:59:59.999999999Z Count { place: ItemLocation { item_id: "tee", location_id: "berlin" }, on_hand: 2.5 }
        "#);
        write("kasse_2.csv", "Nummer;Wann\ntee;01.02.2026\n");
        let refused = read(&dir.path().join("kasse_2.csv"), Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(refused.contains("has no column"), "{refused}");
    }
}
