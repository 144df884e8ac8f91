//! `restock serve` and `restock token`: the HTTP API over the ledger of a project, and who may use it.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use restock_ledger::{Filed, Ledger, SqliteLedger, line_field, n_approvers};
use restock_server::{NewToken, Server, ServerOptions, Token, TokenError, Tokens};
use serde_json::json;

use crate::cli::{RoleName, ServeArgs, TokenAction, TokenArgs};
use crate::error::CliError;
use crate::i18n::Text;
use crate::ledger::{explained, open, path};
use crate::live::ProjectPlanner;
use crate::project::Project;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

const TOKENS_FILE: &str = "tokens.json";

/// The tokens of the project of the run.
fn tokens(dir: &std::path::Path) -> Tokens {
    Tokens::at(dir.join(".restock").join(TOKENS_FILE))
}

pub(crate) fn run(session: &Session, args: &ServeArgs) -> Result<Output, CliError> {
    let (dir, config) = Project::config_of(session)?;
    let listen = args.listen.unwrap_or(config.listen);
    let ledger = open(&dir)?;
    let reader = SqliteLedger::open_reader(&path(&dir)).map_err(|error| explained(&error))?;
    let reader: Box<dyn Ledger> = Box::new(reader);
    let tokens = tokens(&dir);
    let has_tokens = !tokens.list().map_err(|error| token_error(&error))?.is_empty();
    let planning = SqliteLedger::open_reader(&path(&dir)).map_err(|error| explained(&error))?;
    let planner = ProjectPlanner::new(session.clone(), config.time_zone.clone(), Box::new(planning))
        .map_err(|error| explained(&error))?;
    let mut options = ServerOptions::new(Box::new(ledger), tokens, Arc::new(Timestamp::now), config.time_zone);
    options.reader = Some(reader);
    options.planner = Some(Box::new(planner));
    options.auto_approve = config
        .auto_if
        .map(|filter| Arc::new(move |filed: &Filed| filter.matches(&|name| line_field(filed, name))) as _);
    let four_eyes = config.four_eyes_if;
    options.n_approvers = Arc::new(move |filed| n_approvers(four_eyes.as_ref(), filed));
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
        let told = session.fill(Text::ListeningOn, &[&format!("http://{address}")]);
        let _ = console::Term::stderr().write_line(&told);
        if !has_tokens {
            let _ = console::Term::stderr().write_line(session.text(Text::NoTokens));
        }
        server.serve(listener, stopped()).await;
        Ok(())
    })?;
    Ok(Output::text(format!("{}\n", session.text(Text::Stopped))))
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

pub(crate) fn token(session: &Session, args: &TokenArgs) -> Result<Output, CliError> {
    let dir = Project::folder_of(session)?;
    let tokens = tokens(&dir);
    match &args.action {
        TokenAction::Create { name, role, location, days } => {
            let expires_at = days.map(|days| session.now + SignedDuration::from_hours(24 * i64::from(days)));
            let locations = (!location.is_empty()).then(|| location.clone());
            let new = NewToken { name: name.clone(), role: role_of(*role), locations, expires_at };
            let secret = tokens.create(new, session.now).map_err(|error| token_error(&error))?;
            if session.json {
                return Output::json(&json!({ "name": name, "role": role_of(*role).name(), "token": secret }));
            }
            Ok(Output::text(format!("{secret}\n{}\n", session.dim(session.text(Text::TokenOnce)))))
        }
        TokenAction::List => {
            let all = tokens.list().map_err(|error| token_error(&error))?;
            if session.json {
                let rows: Vec<_> = all.iter().map(token_json).collect();
                return Output::json(&json!({ "tokens": rows }));
            }
            let mut grid = Grid::new()
                .column(session.text(Text::TokenName), Align::Left)
                .column(session.text(Text::RoleWord), Align::Left)
                .column(session.text(Text::ByLocation), Align::Text)
                .column(session.text(Text::Expires), Align::Left);
            for token in &*all {
                grid.row([
                    token.name.clone(),
                    token.role.name().to_owned(),
                    token.locations.as_ref().map_or("*".to_owned(), |own| own.join(", ")),
                    token.expires_at.map_or("-".to_owned(), |at| at.to_string()),
                ]);
            }
            Ok(Output::text(grid.render(session)))
        }
        TokenAction::Revoke { name } => {
            tokens.revoke(name).map_err(|error| token_error(&error))?;
            if session.json {
                return Output::json(&json!({ "revoked": name }));
            }
            Ok(Output::text(session.fill(Text::TokenRevoked, &[name]) + "\n"))
        }
    }
}

fn token_json(token: &Token) -> serde_json::Value {
    json!({
        "name": token.name, "role": token.role.name(), "locations": token.locations,
        "created_at": token.created_at.to_string(), "expires_at": token.expires_at.map(|at| at.to_string()),
    })
}

fn role_of(name: RoleName) -> restock_server::Role {
    use restock_server::Role;
    match name {
        RoleName::Viewer => Role::Viewer,
        RoleName::Planner => Role::Planner,
        RoleName::Approver => Role::Approver,
        RoleName::Integrator => Role::Integrator,
        RoleName::Admin => Role::Admin,
    }
}

fn token_error(error: &TokenError) -> CliError {
    CliError::usage(error.to_string()).with_hint_of()
}

/// The address of a setting or a flag.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port such as 127.0.0.1:8080".to_owned())
}
