//! A server with an empty ledger in a temporary folder, to try the API or to drive it with a tester of HTTP APIs.
//!
//! `cargo run --release -p restock-server --example serve -- PORT` prints a token of the role admin and serves on
//! 127.0.0.1 until standard input ends.

#![expect(clippy::print_stdout, reason = "an example reports")]

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_ledger::SqliteLedger;
use restock_server::{NewToken, Role, Security, Server, ServerOptions, Tokens};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let tokens = Tokens::at(folder.path().join("tokens.json"));
    let new = NewToken { name: "example".to_owned(), role: Role::Admin, locations: None, expires_at: None };
    println!("{}", tokens.create(new, Timestamp::now())?);
    let server = Server::new(ServerOptions {
        ledger: Box::new(SqliteLedger::open(&path)?),
        reader: Some(Box::new(SqliteLedger::open_reader(&path)?)),
        tokens,
        security: Security::in_folder(folder.path()),
        clock: Arc::new(Timestamp::now),
        time_zone: TimeZone::UTC,
    })?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let end_of_input = async {
        let read = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        // However reading ends, it is time to stop.
        drop(tokio::task::spawn_blocking(read).await);
    };
    server.serve(listener, end_of_input).await?;
    Ok(())
}
