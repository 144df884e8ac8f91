//! Readers of files and brokers bring their events to the writer of the server.

use std::sync::Arc;

use restock_intake::{Folder, FolderConfig, Intake, IntakeError, SourceConfig, Stop, Surroundings};
use restock_ledger::{ConsumerOffset, Outcome, SqliteLedger, wire};
use restock_server::{Role, Security, Server, ServerOptions, Tokens};

use crate::fixtures::{Fixture, now, sale};

fn offset(next_offset: u64) -> ConsumerOffset {
    ConsumerOffset { consumer: "test".to_owned(), partition: "a".to_owned(), next_offset }
}

#[tokio::test]
async fn entries_are_committed_with_their_position_and_known_at_once() {
    let fixture = Fixture::new().await;
    let mut intake = fixture.server.intake();
    let (outcomes, stored) = tokio::task::spawn_blocking(move || {
        assert_eq!(intake.offset("test", "a").unwrap(), None);
        let text = format!("{}\n{}\nrubbish", sale("1"), sale("2"));
        let outcomes = intake.append_from(wire::read_ndjson(text.as_bytes(), 1), offset(7)).unwrap();
        // A position alone is a batch too.
        assert_eq!(intake.append_from(Vec::new(), offset(9)).unwrap(), []);
        (outcomes, intake.offset("test", "a").unwrap())
    })
    .await
    .unwrap();
    assert_eq!(outcomes[..2], [Outcome::Accepted { sequence: 1 }, Outcome::Accepted { sequence: 2 }]);
    assert!(matches!(outcomes[2], Outcome::Quarantined { .. }));
    assert_eq!(stored, Some(9));
    // The stock book has them when the call returns.
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "-2");
}

/// Requests and two readers at the same time share commits, but a commit holds one position.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_requests_share_commits() {
    const N_BATCHES: u64 = 100;
    let fixture = Fixture::new().await;
    let readers: Vec<_> = ["a", "b"]
        .map(|name| {
            let mut intake = fixture.server.intake();
            tokio::task::spawn_blocking(move || {
                for number in 1..=N_BATCHES {
                    let position = ConsumerOffset { partition: name.to_owned(), ..offset(number) };
                    let entries = wire::read_ndjson(sale(&format!("{name}-{number}")).as_bytes(), 1);
                    let outcomes = loop {
                        match intake.append_from(entries.clone(), position.clone()) {
                            Ok(outcomes) => break outcomes,
                            Err(error) => assert!(matches!(error, IntakeError::NotNow(_)), "{error}"),
                        }
                    };
                    assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]));
                    assert_eq!(intake.offset("test", name).unwrap(), Some(number));
                }
            })
        })
        .into_iter()
        .collect();
    for number in 0..N_BATCHES {
        fixture.events(&sale(&format!("request-{number}"))).await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], format!("-{}", 3 * N_BATCHES));
}

#[tokio::test]
async fn a_drop_folder_brings_its_files_to_the_server() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..2_500).map(|number| sale(&number.to_string()) + "\n").collect();
    std::fs::write(folder.path().join("sales.ndjson"), text).unwrap();
    let mut intake = fixture.server.intake();
    let path = folder.path().to_owned();
    tokio::task::spawn_blocking(move || {
        let mut files = Folder::new("inbox", path, None);
        for _ in 0..2 {
            files.look(&mut intake, now(), &Stop::new()).unwrap();
        }
    })
    .await
    .unwrap();
    assert!(folder.path().join("done/2026-03-02/sales.ndjson").exists());
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "-2500");
}

#[tokio::test]
async fn metrics_show_where_sources_stand() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = FolderConfig { name: Some("inbox".to_owned()), path: folder.path().to_owned() };
    let around = Surroundings {
        clock: Arc::new(now),
        folder: folder.path().to_owned(),
        environment: Arc::new(|_| None),
        read_table: None,
    };
    let metrics = || async { fixture.get(Role::Admin, "/metrics").await.text };
    assert!(!metrics().await.contains("restock_intake"));
    let source =
        restock_intake::start(&SourceConfig::Folder(config), Box::new(fixture.server.intake()), &around).unwrap();
    fixture.server.show_sources(vec![source.watch()]);
    while !metrics().await.contains("restock_intake_state{source=\"inbox\",kind=\"folder\",state=\"waiting\"} 1\n") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(metrics().await.contains("restock_intake_lag{source=\"inbox\",kind=\"folder\"} 0\n"));
    tokio::task::spawn_blocking(|| source.stop()).await.unwrap();
    assert!(metrics().await.contains("state=\"stopped\"} 1\n"));
}

#[tokio::test]
async fn a_server_that_is_not_there_says_whether_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    let tokens = Tokens::at(folder.path().join("tokens.json"));
    let security = Security::in_folder(folder.path());
    let options = ServerOptions::new(ledger, tokens, security, Arc::new(now), jiff::tz::TimeZone::UTC);
    let server = Server::new(options).unwrap();
    server.ready().await.unwrap();
    let mut intake = server.intake();
    server.shut_down().await;
    assert!(matches!(intake.append_from(Vec::new(), offset(1)), Err(IntakeError::Closed)));
    assert!(matches!(intake.offset("test", "a"), Err(IntakeError::Closed)));
}
