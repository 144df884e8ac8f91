//! What a project says about its sources of events: the `[[intake]]` entries of its settings.
//!
//! ```toml
//! [[intake]]
//! kind = "folder"
//! path = "inbox"
//!
//! [[intake]]
//! kind = "nats"
//! url = "tls://nats.example.com:4222"
//! stream = "SALES"
//! subject = "sales.>"
//! credentials = { file = "nats.creds" }
//! ```
//!
//! Unknown keys are refused. Secrets stand in an environment variable or in a file of their own, never here.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

/// A source of events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceConfig {
    /// Files that other programs put into a folder.
    Folder(FolderConfig),
    /// A stream of NATS JetStream; the feature `nats` reads it.
    Nats(NatsConfig),
    /// A topic of Kafka; the feature `kafka` reads it.
    Kafka(KafkaConfig),
}

/// A drop folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// Its name in pages and metrics; `folder` where nobody says.
    #[serde(default)]
    pub name: Option<String>,
    /// The folder, relative to the project.
    pub path: PathBuf,
}

/// A stream of NATS JetStream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsConfig {
    /// Its name in pages, metrics and at the broker; the name of the stream where nobody says.
    #[serde(default)]
    pub name: Option<String>,
    /// Servers, separated by commas: `nats://one:4222,nats://two:4222`.
    pub url: String,
    /// The stream.
    pub stream: String,
    /// Only messages of this subject, such as `sales.>`; all of the stream where nobody says.
    #[serde(default)]
    pub subject: Option<String>,
    /// The user, with `password`.
    #[serde(default)]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A token.
    #[serde(default)]
    pub token: Option<Secret>,
    /// What a `.creds` file holds.
    #[serde(default)]
    pub credentials: Option<Secret>,
    /// The seed of an NKey.
    #[serde(default)]
    pub nkey: Option<Secret>,
    /// Never connects without TLS.
    #[serde(default)]
    pub tls: bool,
    /// Certificates of authorities beside those of the system, PEM.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// A certificate of this client, PEM, with `key`.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The key of `certificate`, PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

/// A topic of Kafka, or of another broker that speaks its protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Its name in pages and metrics; the name of the topic where nobody says.
    #[serde(default)]
    pub name: Option<String>,
    /// Brokers to begin with, separated by commas: `one:9092,two:9092`.
    pub brokers: String,
    /// The topic; all its partitions are read.
    pub topic: String,
    /// The user, with `password`.
    #[serde(default)]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// How the password is shown: `PLAIN` where nobody says, `SCRAM-SHA-256` or `SCRAM-SHA-512`, which need the feature
    /// `kafka-tls`.
    #[serde(default)]
    pub mechanism: Option<String>,
    /// Connects with TLS only, which needs the feature `kafka-tls`.
    #[serde(default)]
    pub tls: bool,
    /// Certificates of authorities in place of those of the system, PEM.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In an environment variable.
    Env(String),
    /// In a file, relative to the project; blanks around it are cut.
    File(PathBuf),
}

/// The allowed forms, for messages.
const SECRET_FORMS: &str = "{ env = \"NAME\" } or { file = \"PATH\" }, because settings are read by many";

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SECRET_FORMS)
            }

            // The text is a secret that does not belong there: no message repeats it.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
                Err(E::custom(format!("a secret does not stand in the settings; write {SECRET_FORMS}")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                let secret = match map.next_key::<String>()?.as_deref() {
                    Some("env") => Secret::Env(map.next_value()?),
                    Some("file") => Secret::File(map.next_value()?),
                    Some(other) => return Err(de::Error::unknown_field(other, &["env", "file"])),
                    None => return Err(de::Error::custom(format!("a secret is empty; write {SECRET_FORMS}"))),
                };
                match map.next_key::<String>()? {
                    None => Ok(secret),
                    Some(_) => Err(de::Error::custom("a secret stands in one place: env or file")),
                }
            }
        }

        deserializer.deserialize_any(Form)
    }
}

/// What is wrong with a source of the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("intake {name:?}: {what}")]
pub struct ConfigError {
    /// The source.
    pub name: String,
    /// What is wrong and what is allowed.
    pub what: String,
}

impl SourceConfig {
    /// The name of the source in pages and metrics.
    pub fn name(&self) -> &str {
        match self {
            Self::Folder(config) => config.name.as_deref().unwrap_or("folder"),
            Self::Nats(config) => config.name.as_deref().unwrap_or(&config.stream),
            Self::Kafka(config) => config.name.as_deref().unwrap_or(&config.topic),
        }
    }

    /// Its kind, as in the settings.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::Nats(_) => "nats",
            Self::Kafka(_) => "kafka",
        }
    }

    /// Looks at what a reader of the format cannot see.
    ///
    /// # Errors
    /// [`ConfigError`] when a name is not usable, an address holds a secret, or there are several ways of access.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |what: &str| Err(ConfigError { name: self.name().to_owned(), what: what.to_owned() });
        let is_plain = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !is_plain(self.name()) {
            return wrong("its name must be 1 to 64 letters, digits, - and _; set `name`");
        }
        match self {
            Self::Folder(_) => Ok(()),
            Self::Nats(config) => config.check().or_else(wrong),
            Self::Kafka(config) => config.check().or_else(wrong),
        }
    }
    /// Checks all sources, and that no two have one name: positions at brokers and metrics go by it.
    ///
    /// # Errors
    /// [`ConfigError`] of the first that is wrong.
    pub fn check_all(sources: &[Self]) -> Result<(), ConfigError> {
        for (idx, source) in sources.iter().enumerate() {
            source.check()?;
            if sources[..idx].iter().any(|other| other.name() == source.name()) {
                let what = "two sources have this name; set `name` of one of them".to_owned();
                return Err(ConfigError { name: source.name().to_owned(), what });
            }
        }
        Ok(())
    }
}

impl NatsConfig {
    /// What is wrong, and what is allowed.
    fn check(&self) -> Result<(), &'static str> {
        if self.url.contains('@') {
            // The address is printed; the name of this source does not hold it.
            return Err("the url must not hold a user or a password; set `user` and `password`, or `token`");
        }
        if self.stream.is_empty() || self.stream.contains(['.', ' ', '*', '>', '/']) {
            return Err("`stream` must be the name of a stream, without dots, blanks, * and >");
        }
        if self.user.is_some() != self.password.is_some() {
            return Err("`user` and `password` belong together");
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err("`certificate` and `key` belong together");
        }
        let ways = [&self.password, &self.token, &self.credentials, &self.nkey];
        if ways.into_iter().flatten().count() > 1 {
            return Err("give one of `password`, `token`, `credentials` and `nkey`");
        }
        Ok(())
    }
}

impl KafkaConfig {
    /// What is wrong, and what is allowed.
    fn check(&self) -> Result<(), &'static str> {
        const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
        if self.brokers.contains('@') {
            return Err("`brokers` must not hold a user or a password; set `user` and `password`");
        }
        if self.topic.is_empty() || self.topic.contains(['/', ' ', ',']) {
            return Err("`topic` must be the name of a topic, without blanks, commas and /");
        }
        if self.user.is_some() != self.password.is_some() {
            return Err("`user` and `password` belong together");
        }
        if self.mechanism.as_ref().is_some_and(|name| !MECHANISMS.contains(&name.as_str())) {
            return Err("`mechanism` must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
        }
        let needs_tls = self.tls || self.mechanism.as_ref().is_some_and(|name| name != "PLAIN");
        if needs_tls && cfg!(all(feature = "kafka", not(feature = "kafka-tls"))) {
            return Err("TLS and SCRAM need a program that was built with the feature `kafka-tls`");
        }
        Ok(())
    }
}
