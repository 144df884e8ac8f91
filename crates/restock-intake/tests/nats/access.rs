//! Ways to a server: passwords, tokens, keys, TLS. What is secret is never told.

use restock_intake::{SourceConfig, State};

use crate::fixtures::{config, server};
use crate::shared::{SharedLedger, wait};

/// A pair that was made for this test; it opens nothing.
const NKEY: &str = "UCIBQGYWVCOF4MTW62TH3HBN33C7A5L35C5Y5OA5TCU2KGBTSUVVYM4X";
const NKEY_SEED: &str = "SUAHO5Z6GZEOYHQSJBGAGAEZDIVIDNLVIZVGUQCLTM5ZPMKHQWUY5O7E7A";

/// Starts a source that must get as far as looking for its stream, and one with a wrong secret that must not.
fn check_access(arguments: &[&str], user: &str, secret_name: &str, secret: &str, wrong: &str) {
    let Some(server) = server(arguments) else { return };
    let folder = tempfile::tempdir().unwrap();
    let ledger = SharedLedger::new();
    for (given, told) in [(secret, "cannot find the stream SALES"), (wrong, "cannot connect to nats://127.0.0.1:")] {
        let source_config =
            |place: &str| -> SourceConfig { config(&server.url(), &format!("{user}{secret_name} = {{ {place} }}")) };
        std::fs::write(folder.path().join("secret.txt"), format!("{given}\n")).unwrap();
        for place in ["env = \"SECRET\"", "file = \"secret.txt\""] {
            let source = ledger.start_in(&source_config(place), folder.path(), &[("SECRET", given)]);
            let status = wait(&source, |status| status.state == State::Retrying);
            let message = status.last_error.unwrap().message;
            assert!(message.starts_with(told), "{message}");
            assert!(!message.contains(given), "{message}");
        }
    }
    let source = ledger.start_in(
        &config(&server.url(), &format!("{user}{secret_name} = {{ env = \"UNSET\" }}")),
        folder.path(),
        &[],
    );
    let status = wait(&source, |status| status.state == State::Retrying);
    assert_eq!(status.last_error.unwrap().message, "the environment variable UNSET of a secret is not set");
}

#[test]
fn a_user_needs_the_password() {
    check_access(&["--user", "restock", "--pass", "hunter2"], "user = \"restock\"\n", "password", "hunter2", "hunter3");
}

#[test]
fn a_token_opens() {
    check_access(&["--auth", "s3cr3t-token"], "", "token", "s3cr3t-token", "another-token");
}

#[test]
fn a_key_opens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.conf");
    std::fs::write(&file, format!("authorization {{ users = [ {{ nkey: {NKEY} }} ] }}\n")).unwrap();
    check_access(
        &["-c", file.to_str().unwrap()],
        "",
        "nkey",
        NKEY_SEED,
        "SUAMNZ3KKQSR6QHMLQB2BUKBOHD6ALBURNLAKZMFPRBNELPUBDJZ5PAGXA",
    );
}

#[test]
fn credentials_that_are_none_are_refused() {
    let Some(server) = server(&[]) else { return };
    let ledger = SharedLedger::new();
    let config = config(&server.url(), "credentials = { env = \"SECRET\" }");
    let source = ledger.start_in(&config, std::path::Path::new("."), &[("SECRET", "hunter2")]);
    let status = wait(&source, |status| status.state == State::Retrying);
    assert_eq!(status.last_error.unwrap().message, "the credentials are not those of a .creds file");
}

#[test]
fn without_tls_nothing_is_sent_where_it_must_be() {
    let Some(server) = server(&[]) else { return };
    let ledger = SharedLedger::new();
    let source = ledger.start(&config(&server.url(), "tls = true"));
    let status = wait(&source, |status| status.state == State::Retrying);
    assert!(status.last_error.unwrap().message.starts_with("cannot connect to "));
}
