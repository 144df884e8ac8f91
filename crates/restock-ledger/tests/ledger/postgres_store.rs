//! What only a server has: addresses, connections that are lost, schemas of others, ledgers that move.

#![expect(clippy::print_stdout, reason = "a skip is said")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use restock_ledger::{
    Batch, ConsumerOffset, DeskEntry, Filing, Ledger, LedgerAddress, LedgerError, LedgerFindingCode, Outcome,
    PostgresLedger, Snapshot, SqliteLedger, copy_ledger, restore, wire,
};

use crate::stores::{Postgres, Store};
use crate::{Folder, append, approved, batch, decision, now, sale};

/// Runs `test` with a store, where there is one.
fn with_store(test: impl FnOnce(&Postgres)) {
    if let Some(store) = Postgres::new() {
        test(&store);
    }
}

/// What an error says after the address, which depends on where the tests run.
fn told(error: &LedgerError) -> String {
    let text = error.to_string();
    text.split_once("?schema=")
        .and_then(|(_, rest)| rest.split_once([':', ' ']))
        .map_or(text.clone(), |(_, said)| said.trim().to_owned())
}

#[test]
fn addresses_are_read_or_refused() {
    let refused = |url: &str| PostgresLedger::open(url).unwrap_err().to_string();
    insta::assert_snapshot!(refused("postgres://ada:secret@localhost/shop?schema=Berlin"), @r#"cannot open the ledger postgres://ada@localhost/shop?schema=Berlin: the schema is "Berlin", it must have 1 to 63 lower-case letters, digits and underscores, begin with no digit and not with pg_"#);
    insta::assert_snapshot!(refused("postgres://ada:secret@localhost/shop?sslmode=perhaps"), @"cannot open the ledger postgres://ada@localhost/shop?schema=restock: the address cannot be read: invalid connection string: invalid value for option `sslmode`; write postgres://USER@HOST/DATABASE?schema=NAME");
    // Nothing listens on port 1. What the system says of that is its own.
    let nobody = refused("postgres://ada:secret@127.0.0.1:1/shop");
    assert!(nobody.starts_with("cannot open the ledger postgres://ada@127.0.0.1:1/shop?schema=restock: "), "{nobody}");
    assert!(nobody.ends_with("; is the server running, and are host and port right?"), "{nobody}");
    let address = LedgerAddress::from("postgresql://ada:secret@localhost/shop?password=secret");
    assert!(!format!("{address} {address:?}").contains("secret"));
}

#[test]
fn databases_of_others_and_of_later_versions_are_refused() {
    with_store(|store| {
        let missing = PostgresLedger::open_reader(&store.url()).unwrap_err();
        insta::assert_snapshot!(told(&missing), @"there is no ledger; open it for writing once");
        let mut raw = store.raw();
        raw.batch_execute(&format!("CREATE SCHEMA {0}; CREATE TABLE {0}.events (a int)", store.schema)).unwrap();
        let error = PostgresLedger::open(&store.url()).unwrap_err();
        insta::assert_snapshot!(told(&error).replace(&store.schema, "SCHEMA"), @r#"the schema "SCHEMA" holds 1 tables of something else; name another schema with schema=NAME"#);
        let n_tables = "SELECT count(*) FROM pg_tables WHERE schemaname = $1";
        assert_eq!(raw.query_one(n_tables, &[&store.schema]).unwrap().get::<_, i64>(0), 1, "it is left alone");
        raw.batch_execute(&format!("DROP TABLE {}.events", store.schema)).unwrap();

        let mut old = store.open();
        append(&mut old, [sale("1", "1")]);
        raw.batch_execute("UPDATE restock_ledger SET version = 99").unwrap();
        insta::assert_snapshot!(told(&PostgresLedger::open(&store.url()).unwrap_err()), @r#"
        has schema version 99, this program knows versions up to 2

        hint: use the version of restock that wrote it, or a later one; or restore a backup from before the upgrade
        "#);
        assert!(PostgresLedger::open_reader(&store.url()).is_err());
        // Who had it open before does not write into tables that it does not know.
        let late = old.append(&batch([sale("2", "1")])).unwrap_err();
        assert!(matches!(late, LedgerError::NewerSchema { found: 99, .. }), "{late}");
        raw.batch_execute("UPDATE restock_ledger SET version = 1").unwrap();
        insta::assert_snapshot!(told(&PostgresLedger::open_reader(&store.url()).unwrap_err()), @"it has schema version 1 and 2 is needed; open it for writing once");
    });
}

#[test]
fn a_reader_sees_whole_batches_and_cannot_write() {
    with_store(|store| {
        let mut writer = store.open();
        let mut reader = PostgresLedger::open_reader(&store.url()).unwrap();
        append(&mut writer, [sale("1", "1"), sale("2", "1")]);
        assert_eq!(reader.events(1, 10).unwrap(), writer.events(1, 10).unwrap());
        assert!(matches!(reader.append(&batch([sale("3", "1")])), Err(LedgerError::ReadOnly)));
    });
}

#[test]
fn rows_that_stay_cannot_be_changed() {
    with_store(|store| {
        append(&mut store.open(), [sale("1", "1")]);
        let mut raw = store.raw();
        let mut said = |statement: &str| {
            let error = raw.batch_execute(statement).unwrap_err();
            error.as_db_error().unwrap().message().to_owned()
        };
        assert_eq!(said("UPDATE events SET body = ''"), "events are never changed");
        assert_eq!(said("DELETE FROM events"), "events are never removed");
        assert_eq!(said("TRUNCATE events"), "events are never removed");
        assert_eq!(said("TRUNCATE audit, desk"), "the audit trail is never cut");
    });
}

/// Commits are on disk whatever the server does for others, and a writer that waits too long is told so.
#[test]
fn sessions_are_durable_and_wait_for_their_turn() {
    with_store(|store| {
        drop(store.open());
        let mut raw = store.raw();
        let off = store.with(&format!("schema={}&options=-csynchronous_commit%3Doff", store.schema));
        let mut ledger = PostgresLedger::open(&off).unwrap();
        append(&mut ledger, [sale("1", "1")]);
        let read_only = store.with(&format!("schema={}&options=-cdefault_transaction_read_only%3Don", store.schema));
        insta::assert_snapshot!(told(&PostgresLedger::open(&read_only).unwrap_err()), @"the server is a standby or is set to read only: name the primary, or all hosts with target_session_attrs=read-write");
        // The lock of another writer: ours gives up after a while, and nothing of it is in.
        let mut transaction = raw.transaction().unwrap();
        transaction.execute("SELECT version FROM restock_ledger FOR UPDATE", &[]).unwrap();
        let busy = ledger.append(&batch([sale("2", "1")])).unwrap_err();
        assert!(matches!(busy, LedgerError::Busy { waited_ms: 10_000 }), "{busy}");
        assert_eq!(ledger.last_sequence().unwrap(), 1, "readers do not wait");
        transaction.rollback().unwrap();
        assert_eq!(append(&mut ledger, [sale("2", "1")]), [Outcome::Accepted { sequence: 2 }]);
    });
}

/// A server is trusted when its certificate is vouched for, and not otherwise.
#[test]
fn the_certificate_of_a_server_is_verified() {
    with_store(|store| {
        let Ok(certificate) = std::env::var("RESTOCK_POSTGRES_CERTIFICATE") else {
            println!("SKIPPED: RESTOCK_POSTGRES_CERTIFICATE names no certificate of the server");
            return;
        };
        let with = |parameters: &str| PostgresLedger::open(&format!("{}&{parameters}", store.url()));
        let mut ledger = with(&format!("sslmode=verify-full&sslrootcert={certificate}")).unwrap();
        append(&mut ledger, [sale("1", "1")]);
        let used =
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND query LIKE 'COMMIT%'";
        assert!(store.raw().query_one(used, &[]).unwrap().get::<_, i64>(0) > 0);
        let error = with("sslmode=require").unwrap_err().to_string();
        assert!(error.contains("sslrootcert=FILE"), "{error}");
        let missing = with("sslmode=require&sslrootcert=no/such/file.pem").unwrap_err().to_string();
        assert!(missing.contains("no certificate can be read from no/such/file.pem"), "{missing}");
    });
}

/// Every connection of ours is ended from outside, between calls; the next call makes a new one.
#[test]
fn a_lost_connection_is_made_again() {
    with_store(|store| {
        // The ledger's connections are known by their name.
        let mut ledger = PostgresLedger::open(&format!("{}&application_name={}", store.url(), store.schema)).unwrap();
        let mut raw = store.raw();
        let mut end_connection = || {
            let ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1";
            assert_eq!(raw.query(ended, &[&store.schema]).unwrap().len(), 1);
        };
        for number in 1..=5_u64 {
            end_connection();
            let outcomes = append(&mut ledger, [sale(&number.to_string(), "1")]);
            assert_eq!(outcomes, [Outcome::Accepted { sequence: number }]);
            end_connection();
            assert_eq!(ledger.last_sequence().unwrap(), number);
        }
        end_connection();
        assert_eq!(ledger.doctor().unwrap(), []);
    });
}

/// Forwards a connection to the server, and cuts it once the client has said `COMMIT`, before or after the server hears it.
struct CuttingProxy {
    port: u16,
    is_armed: Arc<AtomicBool>,
}

impl CuttingProxy {
    fn new(host: String, is_heard: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_armed = Arc::new(AtomicBool::new(false));
        let armed = is_armed.clone();
        // It ends with the process; tests have one each.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&host)) else { return };
                let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
                let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
                let is_cut = Arc::new(AtomicBool::new(false));
                let (armed, cut) = (armed.clone(), is_cut.clone());
                std::thread::spawn(move || {
                    let mut buffer = [0; 65_536];
                    while let Ok(n @ 1..) = from_client.read(&mut buffer) {
                        let said = &buffer[..n];
                        let is_commit = said.windows(7).any(|window| window == b"COMMIT\0");
                        if is_commit && armed.swap(false, Ordering::SeqCst) {
                            cut.store(true, Ordering::SeqCst);
                            if is_heard {
                                let _ = to_server.write_all(said);
                                // The answer arrives here once it is committed, and goes no further.
                                while cut.load(Ordering::SeqCst) {
                                    std::thread::yield_now();
                                }
                            }
                            let _ = from_client.shutdown(std::net::Shutdown::Both);
                            let _ = to_server.shutdown(std::net::Shutdown::Both);
                            return;
                        }
                        if to_server.write_all(said).is_err() {
                            return;
                        }
                    }
                    let _ = to_server.shutdown(std::net::Shutdown::Both);
                });
                std::thread::spawn(move || {
                    let mut buffer = [0; 65_536];
                    while let Ok(n @ 1..) = from_server.read(&mut buffer) {
                        if is_cut.swap(false, Ordering::SeqCst) {
                            return;
                        }
                        if to_client.write_all(&buffer[..n]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, is_armed }
    }
}

/// The answer of a commit is lost. Whether the batch is in or not, it is in once after it was appended again.
#[test]
fn a_batch_whose_answer_was_lost_is_in_once() {
    for is_heard in [true, false] {
        with_store(|store| {
            let url = store.url();
            let (_, rest) = url.split_once("//").unwrap();
            let (authority, path) = rest.split_once('/').unwrap();
            let (user, host) = authority.rsplit_once('@').unwrap_or(("postgres", authority));
            if host.is_empty() {
                println!("SKIPPED: the server is reached through a socket, which the test cannot stand between");
                return;
            }
            let host = if host.contains(':') { host.to_owned() } else { format!("{host}:5432") };
            let proxy = CuttingProxy::new(host, is_heard);
            let mut ledger =
                PostgresLedger::open(&format!("postgres://{user}@127.0.0.1:{}/{path}&sslmode=disable", proxy.port))
                    .unwrap();
            append(&mut ledger, [sale("1", "1")]);
            let mut next = batch([sale("2", "1"), sale("1", "2")]);
            next.offset =
                Some(ConsumerOffset { consumer: "kafka".to_owned(), partition: "0".to_owned(), next_offset: 2 });
            proxy.is_armed.store(true, Ordering::SeqCst);
            let error = ledger.append(&next).unwrap_err();
            assert!(matches!(error, LedgerError::Storage(_)), "{error}");
            assert!(error.to_string().contains("try again"), "{error}");
            let is_in = store.open().last_sequence().unwrap() == 2;
            assert_eq!(is_in, is_heard);
            let outcomes = ledger.append(&next).unwrap();
            let expected = if is_in { Outcome::Duplicate { sequence: 2 } } else { Outcome::Accepted { sequence: 2 } };
            assert_eq!(outcomes, [expected, Outcome::Conflict { quarantine_id: 1, sequence: 1 }]);
            assert_eq!(ledger.last_sequence().unwrap(), 2);
            assert_eq!(ledger.offset("kafka", "0").unwrap(), Some(2));
        });
    }
}

/// A ledger with something in every table, made over any store.
fn fill(ledger: &mut dyn Ledger) {
    append(ledger, (0..2_500).map(|number| sale(&number.to_string(), "1")));
    let mut refused = Batch::new(wire::read_ndjson(b"?\n\x00\xff\n!", 1), now());
    refused.offset = Some(ConsumerOffset { consumer: "a\0b".to_owned(), partition: "0".to_owned(), next_offset: 9 });
    ledger.append(&refused).unwrap();
    ledger.discard(2, &decision("noise \0")).unwrap();
    ledger.release(1, Some(&sale("corrected", "1")), &decision("read from the receipt")).unwrap();
    ledger.save_snapshot("book", &Snapshot { last_sequence: 3, state: vec![0, 255] }, now()).unwrap();
    let entry = DeskEntry { proposal_id: "p_1".to_owned(), change: restock_ledger::DeskChange::Acknowledged };
    let filing = Filing { after: 0, at: now(), entries: vec![entry], audit: vec![], orders: None };
    ledger.file(&filing).unwrap();
}

/// Everything that a ledger tells of itself.
fn everything(ledger: &dyn Ledger) -> impl PartialEq + std::fmt::Debug {
    (
        ledger.events(1, usize::MAX).unwrap(),
        ledger.offsets().unwrap(),
        ledger.quarantine(None, 1, usize::MAX).unwrap(),
        ledger.latest_snapshot("book").unwrap(),
        ledger.audit_trail(1, usize::MAX).unwrap(),
        ledger.verify_audit().unwrap(),
        ledger.desk_entries(1, usize::MAX).unwrap(),
    )
}

/// All rows of a file, whatever the ledger makes of them.
fn rows_of(path: &std::path::Path) -> Vec<Vec<rusqlite::types::Value>> {
    let file = rusqlite::Connection::open(path).unwrap();
    let mut all = Vec::new();
    for table in ["events", "offsets", "quarantine", "snapshots", "audit", "desk"] {
        let mut query = file.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let n_columns = query.column_count();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            all.push((0..n_columns).map(|idx| row.get(idx).unwrap()).collect());
        }
    }
    assert_eq!(all.len(), 2_501 + 1 + 3 + 1 + 2 + 1);
    all
}

/// File, server, backup of the server, file, another server: the same rows everywhere.
#[test]
fn a_ledger_moves_between_file_and_server() {
    with_store(|store| {
        let folder = Folder::new();
        let file = LedgerAddress::File(folder.path("ledger.db"));
        let mut first = folder.open();
        fill(&mut first);
        let server = LedgerAddress::from(store.url().as_str());
        copy_ledger(&file, &server).unwrap();
        let mut moved = store.open();
        assert_eq!(everything(&moved), everything(&first));
        let codes = |ledger: &dyn Ledger| -> Vec<_> {
            ledger.doctor().unwrap().into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes(&moved), [LedgerFindingCode::QuarantineOpen]);
        // It goes on there: numbers, chain and keys continue.
        let again = copy_ledger(&file, &server).unwrap_err();
        let refused = "table events has rows; name a database or a schema without a ledger";
        assert!(again.to_string().ends_with(refused), "{again}");

        moved.backup(&folder.path("backup.db")).unwrap();
        restore(&folder.path("backup.db"), &folder.path("restored.db")).unwrap();
        copy_ledger(&server, &LedgerAddress::File(folder.path("back.db"))).unwrap();
        drop(first);
        let expected = rows_of(&folder.path("ledger.db"));
        assert!(rows_of(&folder.path("restored.db")) == expected && rows_of(&folder.path("back.db")) == expected);
        let Some(other) = Postgres::new() else { return };
        copy_ledger(&server, &LedgerAddress::from(other.url().as_str())).unwrap();
        for ledger in [
            &mut moved as &mut dyn Ledger,
            &mut SqliteLedger::open(&folder.path("back.db")).unwrap(),
            &mut other.open(),
        ] {
            assert_eq!(append(ledger, [sale("1", "1"), sale("new", "1")])[1], Outcome::Accepted { sequence: 2_502 });
            let record = ledger.record(&approved("p_1")).unwrap();
            assert_eq!((record.number, ledger.verify_audit().unwrap().broken_at), (3, None));
            assert_eq!(codes(ledger), [LedgerFindingCode::QuarantineOpen]);
        }
        assert!(moved.backup(&folder.path("backup.db")).unwrap_err().to_string().contains("it exists"));
    });
}

/// What is damaged is not copied, and leaves nothing where it would have gone.
#[test]
fn a_damaged_ledger_does_not_move() {
    with_store(|store| {
        let folder = Folder::new();
        append(&mut folder.open(), [sale("1", "1"), sale("2", "1")]);
        let raw = rusqlite::Connection::open(folder.path("ledger.db")).unwrap();
        raw.execute_batch("DROP TRIGGER events_stay; UPDATE events SET item_id = 'x' WHERE sequence = 2").unwrap();
        let server = LedgerAddress::from(store.url().as_str());
        let error = copy_ledger(&LedgerAddress::File(folder.path("ledger.db")), &server).unwrap_err();
        assert!(error.to_string().contains("event 2 is damaged"), "{error}");
        assert_eq!(store.open().last_sequence().unwrap(), 0);
    });
}

/// Whoever owns the database can get around triggers; the doctor finds what they did.
#[test]
fn the_doctor_finds_damage() {
    type Damage = (&'static str, LedgerFindingCode);
    let damages: [Damage; 8] = [
        ("DELETE FROM events WHERE sequence = 2", LedgerFindingCode::SequenceGap),
        ("UPDATE events SET item_id = 'x' WHERE sequence = 3", LedgerFindingCode::EventDamaged),
        ("UPDATE events SET body = '{' WHERE sequence = 1", LedgerFindingCode::EventDamaged),
        ("UPDATE audit SET actor = 'eve' WHERE number = 2", LedgerFindingCode::AuditBroken),
        ("DELETE FROM audit WHERE number = 2", LedgerFindingCode::AuditBroken),
        ("UPDATE audit SET hash = '\\x00' WHERE number = 3", LedgerFindingCode::AuditBroken),
        ("UPDATE snapshots SET state = '\\x02'", LedgerFindingCode::SnapshotDamaged),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_by_place'::regclass",
            LedgerFindingCode::StoreDamaged,
        ),
    ];
    for (statement, code) in damages {
        with_store(|store| {
            let mut ledger = store.open();
            append(&mut ledger, [sale("1", "1"), sale("2", "1"), sale("3", "7")]);
            for subject in ["p_1", "p_2", "p_3"] {
                ledger.record(&approved(subject)).unwrap();
            }
            ledger.save_snapshot("book", &Snapshot { last_sequence: 3, state: vec![1] }, now()).unwrap();
            assert_eq!(ledger.doctor().unwrap(), []);
            let mut raw = store.raw();
            raw.batch_execute("SET session_replication_role = replica").unwrap();
            raw.batch_execute(statement).unwrap();
            let findings = ledger.doctor().unwrap();
            let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
            assert_eq!(codes, [code], "{statement}: {findings:?}");
        });
    }
}
