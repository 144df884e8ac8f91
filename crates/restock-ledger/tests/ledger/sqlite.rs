//! What only a file has: versions, readers, backups, damage.

use restock_ledger::{Batch, Ledger, LedgerError, LedgerFindingCode, Snapshot, SqliteLedger, restore, wire};
use rusqlite::Connection;

use crate::{Folder, append, approved, batch, now, sale};

fn raw(folder: &Folder) -> Connection {
    Connection::open(folder.path("ledger.db")).unwrap()
}

/// A message without the folder of the test in it.
fn told(folder: &Folder, error: &LedgerError) -> String {
    error.to_string().replace(&format!("{}/", folder.0.path().display()), "")
}

#[test]
fn a_later_version_is_refused() {
    let folder = Folder::new();
    drop(folder.open());
    raw(&folder).pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteLedger::open(&folder.path("ledger.db")).unwrap_err();
    insta::assert_snapshot!(told(&folder, &error), @"
    the ledger ledger.db has schema version 99, this program knows versions up to 2

    hint: use the version of restock that wrote it, or a later one; or restore a backup from before the upgrade
    ");
    assert!(SqliteLedger::open_reader(&folder.path("ledger.db")).is_err());
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = Folder::new();
    let text = folder.path("notes.txt");
    std::fs::write(&text, "not a database, but long enough to look at: ".repeat(100)).unwrap();
    let before = std::fs::read(&text).unwrap();
    insta::assert_snapshot!(told(&folder, &SqliteLedger::open(&text).unwrap_err()), @"
    notes.txt is not a ledger of restock

    hint: name another file, or a file that does not exist yet
    ");
    assert_eq!(std::fs::read(&text).unwrap(), before);
    let other = folder.path("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE events (a)").unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(SqliteLedger::open(&other), Err(LedgerError::NotALedger { .. })));
    assert_eq!(std::fs::read(&other).unwrap(), before);
    let missing = SqliteLedger::open(&folder.path("no/such/folder.db")).unwrap_err();
    insta::assert_snapshot!(told(&folder, &missing), @"cannot open the ledger no/such/folder.db: unable to open database file: no/such/folder.db");
}

#[test]
fn a_reader_sees_whole_batches_and_cannot_write() {
    let folder = Folder::new();
    let path = folder.path("ledger.db");
    assert!(matches!(SqliteLedger::open_reader(&path), Err(LedgerError::Open { .. })), "a reader makes no file");
    let mut writer = folder.open();
    let mut reader = SqliteLedger::open_reader(&path).unwrap();
    append(&mut writer, [sale("1", "1"), sale("2", "1")]);
    assert_eq!(reader.last_sequence().unwrap(), 2);
    insta::assert_snapshot!(reader.append(&batch([sale("3", "1")])).unwrap_err(), @"the ledger was opened for reading only");
    append(&mut writer, [sale("3", "1")]);
    assert_eq!(reader.events(1, 10).unwrap(), writer.events(1, 10).unwrap());
}

#[test]
fn a_backup_is_a_ledger() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    append(&mut ledger, [sale("1", "1"), sale("2", "1")]);
    let backup = folder.path("backup.db");
    // A cut-off run left half a file.
    std::fs::write(folder.path("backup.db.partial"), "half").unwrap();
    // A backup runs beside the writer, from a reader too.
    SqliteLedger::open_reader(&folder.path("ledger.db")).unwrap().backup(&backup).unwrap();
    append(&mut ledger, [sale("3", "1")]);
    assert!(!folder.path("backup.db.partial").exists());
    insta::assert_snapshot!(told(&folder, &ledger.backup(&backup).unwrap_err()), @"cannot write the backup backup.db: it exists; choose another name");
    insta::assert_snapshot!(told(&folder, &ledger.backup(&folder.path("no/backup.db")).unwrap_err()), @"cannot write the backup no/backup.db: unable to open database: no/backup.db.partial");

    insta::assert_snapshot!(told(&folder, &restore(&backup, &folder.path("ledger.db")).unwrap_err()), @"cannot restore ledger.db: ledger.db exists; move it away first");
    let restored = folder.path("restored.db");
    restore(&backup, &restored).unwrap();
    let mut restored = SqliteLedger::open(&restored).unwrap();
    assert_eq!(restored.events(1, 10).unwrap(), ledger.events(1, 2).unwrap());
    append(&mut restored, [sale("2", "1"), sale("4", "1")]);
    assert_eq!(restored.last_sequence().unwrap(), 3);
    assert_eq!(restored.doctor().unwrap(), []);

    let damaged = folder.path("damaged.db");
    let mut bytes = std::fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x55);
    std::fs::write(&damaged, bytes).unwrap();
    let error = restore(&damaged, &folder.path("again.db")).unwrap_err();
    assert!(matches!(error, LedgerError::Backup { .. }), "{error}");
    assert!(!folder.path("again.db").exists());
    let names: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{names:?}");
}

#[test]
fn events_and_the_audit_trail_cannot_be_changed() {
    let folder = Folder::new();
    append(&mut folder.open(), [sale("1", "1")]);
    let raw = raw(&folder);
    insta::assert_snapshot!(raw.execute("UPDATE events SET body = ''", []).unwrap_err(), @"events are never changed");
    insta::assert_snapshot!(raw.execute("DELETE FROM events", []).unwrap_err(), @"events are never removed");
}

/// Whoever can write to the file can get around triggers; the doctor finds what they did.
#[test]
fn the_doctor_finds_damage() {
    type Damage = (&'static str, LedgerFindingCode);
    let damages: [Damage; 9] = [
        ("DELETE FROM events WHERE sequence = 2", LedgerFindingCode::SequenceGap),
        (
            "UPDATE events SET body = replace(body, '\"7\"', '\"8\"') WHERE sequence = 3; UPDATE events SET item_id = 'x' WHERE sequence = 3",
            LedgerFindingCode::EventDamaged,
        ),
        ("UPDATE events SET body = '{' WHERE sequence = 1", LedgerFindingCode::EventDamaged),
        ("UPDATE audit SET actor = 'eve' WHERE number = 2", LedgerFindingCode::AuditBroken),
        ("DELETE FROM audit WHERE number = 2", LedgerFindingCode::AuditBroken),
        ("UPDATE audit SET hash = x'00' WHERE number = 3", LedgerFindingCode::AuditBroken),
        ("UPDATE audit SET reason = 'a' || reason, subject = 'p_9' WHERE number = 1", LedgerFindingCode::AuditBroken),
        ("UPDATE snapshots SET state = x'02'", LedgerFindingCode::SnapshotDamaged),
        ("UPDATE snapshots SET last_sequence = 99", LedgerFindingCode::SnapshotDamaged),
    ];
    for (statement, code) in damages {
        let folder = Folder::new();
        let mut ledger = folder.open();
        append(&mut ledger, [sale("1", "1"), sale("2", "1"), sale("3", "7")]);
        for subject in ["p_1", "p_2", "p_3"] {
            ledger.record(&approved(subject)).unwrap();
        }
        ledger.save_snapshot("book", &Snapshot { last_sequence: 3, state: vec![1] }, now()).unwrap();
        assert_eq!(ledger.doctor().unwrap(), []);
        drop(ledger);
        let raw = raw(&folder);
        raw.execute_batch("DROP TRIGGER events_stay; DROP TRIGGER events_remain; DROP TRIGGER audit_stays; DROP TRIGGER audit_remains")
            .unwrap();
        raw.execute_batch(statement).unwrap();
        drop(raw);
        let ledger = folder.open();
        let findings = ledger.doctor().unwrap();
        assert_eq!(
            findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
            [code],
            "{statement}: {findings:?}"
        );
        if code == LedgerFindingCode::SnapshotDamaged {
            assert_eq!(ledger.latest_snapshot("book").unwrap(), None, "a damaged snapshot is passed over");
        }
    }
}

#[test]
fn quarantine_is_in_the_backup_too() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    ledger.append(&Batch::new(wire::read_ndjson(b"?\n!", 1), now())).unwrap();
    ledger.backup(&folder.path("backup.db")).unwrap();
    restore(&folder.path("backup.db"), &folder.path("restored.db")).unwrap();
    let restored = SqliteLedger::open(&folder.path("restored.db")).unwrap();
    assert_eq!(restored.quarantine(None, 1, 9).unwrap(), ledger.quarantine(None, 1, 9).unwrap());
}
