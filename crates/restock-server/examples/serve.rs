//! A server with a ledger without events and a desk of twenty proposals in a temporary folder, to try the API or to drive it with a tester of HTTP APIs.
//!
//! `cargo run --release -p restock-server --example serve -- PORT` prints a token of the role admin and serves on
//! 127.0.0.1 until standard input ends.

#![expect(clippy::print_stdout, reason = "an example reports")]

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_core::{Day, Money, Quantity};
use restock_ledger::{Desk, Filing, Ledger, Need, OrderStanding, SqliteLedger};
use restock_server::{NewToken, Role, Security, Server, ServerOptions, Tokens};
use tokio::net::TcpListener;

/// What a plan of a day might want.
fn wanted(today: Day) -> Vec<(String, Need)> {
    let need = |number: i64| Need {
        plan_id: "pl_example".to_owned(),
        item_id: format!("item-{number}"),
        destination: if number % 2 == 0 { "berlin" } else { "paris" }.to_owned(),
        source: match number % 3 {
            0 => ProposalSource::LocationId("hub".to_owned()),
            _ => ProposalSource::SupplierId("dairy".to_owned()),
        },
        proposal_type: if number % 3 == 0 { ProposalType::Transfer } else { ProposalType::Purchase },
        quantity: Quantity::from_whole(6 * number),
        uom: "Units".to_owned(),
        order_multiple: Quantity::from_whole(6),
        order_uom: "pack of 6".to_owned(),
        unit_cost: (number % 5 != 0).then(|| Money::new(125, 2)),
        currency: "EUR".to_owned(),
        order_by: today.plus(1),
        expected_receipt: today.plus(3),
        priority: Money::from(100 - number),
    };
    (1..=20).map(|number| (format!("p_{number}"), need(number))).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let tokens = Tokens::at(folder.path().join("tokens.json"));
    let new = NewToken { name: "example".to_owned(), role: Role::Admin, locations: None, expires_at: None };
    println!("{}", tokens.create(new, Timestamp::now())?);
    let mut ledger = SqliteLedger::open(&path)?;
    let desk = Desk::new();
    let now = Timestamp::now();
    let today = Day::from_date(TimeZone::UTC.to_datetime(now).date());
    let entries = desk.revise(&wanted(today), today, &|_| OrderStanding::default());
    ledger.file(&Filing::new(&desk, entries, now))?;
    let security = Security::in_folder(folder.path());
    let clock = Arc::new(Timestamp::now);
    let mut options = ServerOptions::new(Box::new(ledger), tokens, security, clock, TimeZone::UTC);
    options.reader = Some(Box::new(SqliteLedger::open_reader(&path)?));
    let server = Server::new(options)?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let end_of_input = async {
        let read = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        // However reading ends, it is time to stop.
        drop(tokio::task::spawn_blocking(read).await);
    };
    server.serve(listener, end_of_input).await?;
    Ok(())
}
