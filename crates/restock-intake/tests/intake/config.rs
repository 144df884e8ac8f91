//! What settings say, and what messages about them never say.

use restock_intake::{Secret, SourceConfig};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Settings {
    intake: Vec<SourceConfig>,
}

fn read(text: &str) -> Result<Vec<SourceConfig>, String> {
    let settings: Settings = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    SourceConfig::check_all(&settings.intake).map_err(|error| error.to_string())?;
    Ok(settings.intake)
}

#[test]
fn sources_are_read() {
    let sources = read(
        "[[intake]]\nkind = \"folder\"\npath = \"inbox\"\n\n[[intake]]\nkind = \"nats\"\nurl = \"nats://localhost\"\n\
         stream = \"SALES\"\nsubject = \"sales.>\"\nuser = \"restock\"\npassword = { env = \"NATS_PASSWORD\" }\ntls = true\n",
    )
    .unwrap();
    assert_eq!(
        sources.iter().map(|source| (source.kind(), source.name())).collect::<Vec<_>>(),
        [("folder", "folder"), ("nats", "SALES")]
    );
    let SourceConfig::Nats(nats) = &sources[1] else { panic!() };
    assert_eq!(nats.password, Some(Secret::Env("NATS_PASSWORD".to_owned())));
}

#[test]
fn what_is_wrong_is_said() {
    let folder = |rest: &str| read(&format!("[[intake]]\nkind = \"folder\"\npath = \"inbox\"\n{rest}")).unwrap_err();
    insta::assert_snapshot!(folder("every = 5"), @"unknown field `every`, expected `name` or `path`");
    insta::assert_snapshot!(folder("name = \"a b\""), @r#"intake "a b": its name must be 1 to 64 letters, digits, - and _; set `name`"#);
    insta::assert_snapshot!(folder("[[intake]]\nkind = \"folder\"\npath = \"other\""), @r#"intake "folder": two sources have this name; set `name` of one of them"#);
    insta::assert_snapshot!(folder("[[intake]]\nkind = \"fax\""), @"unknown variant `fax`, expected one of `folder`, `nats`, `kafka`");
    let nats = |rest: &str| {
        read(&format!("[[intake]]\nkind = \"nats\"\nurl = \"nats://localhost\"\nstream = \"SALES\"\n{rest}"))
            .unwrap_err()
    };
    insta::assert_snapshot!(nats("user = \"restock\""), @r#"intake "SALES": `user` and `password` belong together"#);
    insta::assert_snapshot!(nats("certificate = \"a.pem\""), @r#"intake "SALES": `certificate` and `key` belong together"#);
    insta::assert_snapshot!(nats("token = { env = \"A\" }\nnkey = { file = \"b\" }"), @r#"intake "SALES": give one of `password`, `token`, `credentials` and `nkey`"#);
    insta::assert_snapshot!(nats("token = { env = \"A\", file = \"b\" }"), @"a secret stands in one place: env or file");
    insta::assert_snapshot!(nats("token = {}"), @r#"a secret is empty; write { env = "NAME" } or { file = "PATH" }, because settings are read by many"#);
}

#[test]
fn what_is_wrong_with_a_topic_is_said() {
    let kafka = |rest: &str| {
        read(&format!("[[intake]]\nkind = \"kafka\"\nbrokers = \"one:9092\"\ntopic = \"sales\"\n{rest}")).map(|_| ())
    };
    assert_eq!(kafka("user = \"restock\"\npassword = { file = \"kafka.txt\" }"), Ok(()));
    insta::assert_snapshot!(kafka("user = \"restock\"").unwrap_err(), @r#"intake "sales": `user` and `password` belong together"#);
    insta::assert_snapshot!(
        kafka("mechanism = \"GSSAPI\"").unwrap_err(),
        @r#"intake "sales": `mechanism` must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"#
    );
}

#[test]
fn no_message_says_a_secret() {
    let nats = |rest: &str| read(&format!("[[intake]]\nkind = \"nats\"\nstream = \"SALES\"\n{rest}")).unwrap_err();
    let told = nats("url = \"nats://localhost\"\ntoken = \"hunter2\"");
    insta::assert_snapshot!(told, @r#"a secret does not stand in the settings; write { env = "NAME" } or { file = "PATH" }, because settings are read by many"#);
    let told = nats("url = \"nats://restock:hunter2@localhost\"");
    insta::assert_snapshot!(told, @r#"intake "SALES": the url must not hold a user or a password; set `user` and `password`, or `token`"#);
}
