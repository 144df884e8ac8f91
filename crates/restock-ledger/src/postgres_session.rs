//! A connection to a PostgreSQL server: where it leads, how it is secured, what it is set to, what its errors mean.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::{Client, Config, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::without_password;
use crate::error::LedgerError;

/// How long a call waits for another process that writes, milliseconds.
pub(crate) const LOCK_TIMEOUT_MS: u64 = 10_000;
/// How long making a connection may take unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a silent connection is trusted before the other side is asked whether it is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// How long sent data may stay unanswered before the connection counts as lost.
const UNANSWERED_TIMEOUT: Duration = Duration::from_secs(60);
/// The schema where the address names none.
const USUAL_SCHEMA: &str = "restock";

/// Where a ledger lies: server, database and schema.
#[derive(Clone)]
pub(crate) struct Place {
    config: Config,
    /// The schema, a plain lower-case name.
    pub(crate) schema: String,
    /// A file with the certificates of who may vouch for the server; those of the machine where there is none.
    root_certificates: Option<PathBuf>,
    /// The address without its password.
    pub(crate) shown: PathBuf,
}

impl Place {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME`.
    pub(crate) fn parse(url: &str) -> Result<Self, LedgerError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut schema = USUAL_SCHEMA.to_owned();
        let mut root_certificates = None;
        let mut rest = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("sslrootcert", file)) => root_certificates = Some(PathBuf::from(file)),
                // Certificates are always verified, so that these mean the same.
                Some(("sslmode", "verify-ca" | "verify-full")) => rest.push("sslmode=require"),
                _ => rest.push(parameter),
            }
        }
        let shown = PathBuf::from(format!("{}?schema={schema}", without_password(url)));
        let refuse = |reason: String| LedgerError::Open { path: shown.clone(), reason };
        let is_plain = |name: &str| {
            (1..=63).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && !name.starts_with("pg_")
        };
        if !is_plain(&schema) {
            return Err(refuse(format!(
                "the schema is {schema:?}, it must have 1 to 63 lower-case letters, digits and underscores, begin with no \
                 digit and not with pg_"
            )));
        }
        let mut config = Config::from_str(&format!("{address}?{}", rest.join("&"))).map_err(|error| {
            refuse(format!(
                "the address cannot be read: {}; write postgres://USER@HOST/DATABASE?schema=NAME",
                whole_message(&error)
            ))
        })?;
        if config.get_application_name().is_none() {
            config.application_name("restock");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED_TIMEOUT);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE_IDLE));
        Ok(Self { config, schema, root_certificates, shown })
    }

    /// Makes a connection.
    pub(crate) fn connect(&self, is_reader: bool) -> Result<Session, Refused> {
        let is_local = self.config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        let connected = if is_local || self.config.get_ssl_mode() == SslMode::Disable {
            self.config.connect(postgres::NoTls)
        } else {
            self.config.connect(self.security()?)
        };
        let mut client = connected.map_err(|error| Refused::connecting(&error))?;
        client.batch_execute(&self.settings(is_reader)).map_err(|error| Refused::new(&error))?;
        Ok(Session { client, statements: HashMap::new(), is_in_transaction: false, has_failed: false })
    }

    /// TLS whose server shows a certificate that somebody we trust vouches for.
    fn security(&self) -> Result<MakeRustlsConnect, Refused> {
        let mut roots = rustls::RootCertStore::empty();
        let found = match &self.root_certificates {
            Some(file) => {
                let found = rustls_native_certs::load_certs_from_paths(Some(file), None);
                if found.certs.is_empty() {
                    let why = found.errors.first().map_or("it holds none".to_owned(), ToString::to_string);
                    return Err(Refused(format!("no certificate can be read from {}: {why}", file.display())));
                }
                found
            }
            None => rustls_native_certs::load_native_certs(),
        };
        // Single certificates that cannot be read vouch for nobody; the others do.
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Refused(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// What every session of ours is set to.
    fn settings(&self, is_reader: bool) -> String {
        let mut settings = format!("SET search_path = {}; SET lock_timeout = {LOCK_TIMEOUT_MS};", self.schema);
        // A commit is on disk before it is acknowledged, whatever the server does for others. Where commits wait for
        // replicas besides, they go on doing so.
        settings.push_str(
            "SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_write', 'remote_apply');",
        );
        // Everything we ask goes by an index. Statistics of a table that has just grown tell the planner otherwise, and
        // a plan for other statistics would be kept.
        settings.push_str(
            "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
             SET plan_cache_mode = force_generic_plan;",
        );
        if is_reader {
            settings.push_str("SET default_transaction_read_only = on;");
        }
        settings
    }
}

/// The password is in the configuration, which is not shown therefore.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.shown).finish()
    }
}

/// A connection and what has been prepared on it.
pub(crate) struct Session {
    pub(crate) client: Client,
    statements: HashMap<String, Statement>,
    /// Whether a transaction has begun; it is still so when a call was cut off, for example by a panic.
    pub(crate) is_in_transaction: bool,
    /// Whether a statement of the transaction failed. The server answers `COMMIT` without an error then and takes
    /// everything back.
    pub(crate) has_failed: bool,
}

impl Session {
    /// The statement, prepared once. Parameters `?1` are `$1` there.
    pub(crate) fn prepared(&mut self, statement: &str) -> Result<Statement, postgres::Error> {
        if let Some(prepared) = self.statements.get(statement) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(&statement.replace('?', "$"))?;
        self.statements.insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

/// Whether an error means that the connection is of no use any more.
pub(crate) fn is_lost(error: &postgres::Error) -> bool {
    const SHUT_DOWN: [SqlState; 3] = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
    match error.code() {
        Some(code) => SHUT_DOWN.contains(code) || code.code().starts_with("08"),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>()),
    }
}

/// What a failed statement means for the caller.
pub(crate) fn meaning(error: &postgres::Error) -> LedgerError {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => LedgerError::Busy { waited_ms: LOCK_TIMEOUT_MS },
        Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => {
            LedgerError::Damaged { what: whole_message(error) }
        }
        _ => LedgerError::Storage(Box::new(Refused::new(error))),
    }
}

/// Why a server did not do what it was asked, and the way out.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl Refused {
    pub(crate) fn new(error: &postgres::Error) -> Self {
        Self::with(error, way_out(error))
    }

    /// The same where there was no connection yet.
    fn connecting(error: &postgres::Error) -> Self {
        let unanswered = if is_tls(error) {
            "name the file of the certificate that vouches for the server with sslrootcert=FILE, or on a network that you \
             trust use sslmode=disable"
        } else {
            "is the server running, and are host and port right?"
        };
        Self::with(error, if error.code().is_some() { way_out(error) } else { Some(unanswered) })
    }

    fn with(error: &postgres::Error, way_out: Option<&str>) -> Self {
        let message = whole_message(error);
        Self(way_out.map_or(message.clone(), |way_out| format!("{message}; {way_out}")))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}

fn way_out(error: &postgres::Error) -> Option<&'static str> {
    let is_lost = is_lost(error);
    Some(match error.code() {
        Some(&SqlState::CANNOT_CONNECT_NOW) => "the server is starting or stopping: try again in a moment",
        _ if is_lost => "try again: the next call connects again, and what was taken in is not taken in twice",
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
            "try again: it met another transaction, and nothing was written"
        }
        Some(&SqlState::QUERY_CANCELED) => {
            "it was cancelled, by statement_timeout or by hand: allow more time, or send smaller batches"
        }
        Some(&SqlState::DISK_FULL) => "make room on the disk of the server; the ledger goes on then",
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
            "this server is a standby or is set to read only: name the primary, or all hosts with \
             target_session_attrs=read-write"
        }
        Some(&SqlState::TOO_MANY_CONNECTIONS) => "raise max_connections of the server, or close other connections",
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "name a user and a password that the server knows: postgres://USER:PASSWORD@HOST/DATABASE"
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => "make the database first, for example with createdb",
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            "let an administrator make the schema for this user: CREATE SCHEMA NAME AUTHORIZATION USER"
        }
        _ => return None,
    })
}

fn is_tls(error: &postgres::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() || cause.to_string().contains("certificate") {
            return true;
        }
        source = cause.source();
    }
    error.to_string().contains("TLS")
}

/// An error with everything that it stems from; the error alone says little.
fn whole_message(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        let detail = said.detail().map_or(String::new(), |detail| format!(" ({detail})"));
        return format!("{}{detail}", said.message());
    }
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}

/// The error of a place that cannot be opened.
pub(crate) fn cannot_open(place: &Path, refused: Refused) -> LedgerError {
    LedgerError::Open { path: place.to_owned(), reason: refused.0 }
}
