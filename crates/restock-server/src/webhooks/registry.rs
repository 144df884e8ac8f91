//! Who is told what: a file of the project's folder, readable by its owner only, because signing needs the secrets.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use restock_ledger::LedgerError;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::files::{Content, FileError, JsonFile};
use crate::hidden::Hidden;
use crate::recorder::{Change, Recorder};
use crate::tokens::random_bits;
use crate::webhooks::client::check_url;
use crate::webhooks::outbox::{Starts, Topic};
use crate::webhooks::signature::secret;
use crate::webhooks::worker::Attempt;

/// The most webhooks.
const MAX_WEBHOOKS: usize = 50;
/// Attempts that are kept of each webhook, in memory.
const MAX_ATTEMPTS: usize = 100;

/// Where webhooks are kept, and how deliveries are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// The file of webhooks.
    pub file: PathBuf,
    /// Hosts, by name or address, that may be in private networks and need no TLS.
    pub private_receivers: Vec<String>,
    /// Certificates of receivers that are trusted beside those that this machine trusts, PEM.
    pub certificates: Option<PathBuf>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long a delivery waits after its first failure; after each further one it waits twice as long.
    pub first_retry: Duration,
    /// The longest that it waits.
    pub longest_retry: Duration,
    /// A webhook that fails for so long is paused until somebody resumes it.
    pub give_up_after: SignedDuration,
    /// How often it is looked whether another program has filed something, and whether something lies in quarantine. What
    /// the server itself takes in or files is delivered at once.
    pub look_every: Duration,
}

impl WebhookOptions {
    /// What is usual: answers within 10 s, retries after 1 s up to an hour, for 3 days.
    pub fn in_file(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            private_receivers: Vec::new(),
            certificates: None,
            timeout: Duration::from_secs(10),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(3_600),
            give_up_after: SignedDuration::from_hours(3 * 24),
            look_every: Duration::from_secs(1),
        }
    }
}

/// Another system that is told what happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) topics: Vec<Topic>,
    pub(crate) created_at: Timestamp,
    /// Why nothing is delivered any more; `None` while it is active.
    pub(crate) paused: Option<String>,
    /// Since when every attempt failed.
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) starts: Starts,
    secret: Hidden,
}

impl Webhook {
    pub(crate) fn secret(&self) -> &str {
        &self.secret.0
    }

    /// The name of its positions in the ledger.
    pub(crate) fn consumer(&self) -> String {
        format!("webhook/{}", self.id)
    }
}

/// A webhook to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewWebhook {
    pub(crate) url: String,
    /// Not empty.
    pub(crate) topics: Vec<Topic>,
    pub(crate) starts: Starts,
}

/// Why webhooks cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("cannot {verb} the webhooks {}: {reason}", path.display())]
    File { verb: &'static str, path: PathBuf, reason: String },
    #[error("url: got {got:?}, expected {expected}")]
    BadUrl { got: String, expected: &'static str },
    #[error("topics: got nothing, expected proposal, order, event or quarantine")]
    NoTopics,
    #[error("there are {MAX_WEBHOOKS} webhooks already, no more are allowed")]
    TooMany,
    #[error("there is no webhook {id:?}")]
    NoSuchWebhook { id: String },
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
    #[error("the audit trail cannot be written, nothing was changed: {0}")]
    NotRecorded(LedgerError),
}

impl From<FileError> for WebhookError {
    fn from(FileError { verb, path, reason }: FileError) -> Self {
        Self::File { verb, path, reason }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookList {
    version: u32,
    webhooks: Vec<Webhook>,
}

impl Content for WebhookList {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

/// The webhooks of a project, and what became of their last deliveries.
#[derive(Debug)]
pub(crate) struct Webhooks {
    file: JsonFile<WebhookList>,
    options: WebhookOptions,
    attempts: Mutex<HashMap<String, VecDeque<Attempt>>>,
    /// Tells workers that something has changed.
    changes: watch::Sender<()>,
}

impl Webhooks {
    pub(crate) fn new(options: WebhookOptions) -> Self {
        let file = JsonFile::at(options.file.clone());
        Self { file, options, attempts: Mutex::default(), changes: watch::Sender::new(()) }
    }

    pub(crate) fn options(&self) -> &WebhookOptions {
        &self.options
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(crate) fn list(&self) -> Result<Vec<Webhook>, WebhookError> {
        Ok(self.file.get()?.webhooks.clone())
    }

    pub(crate) fn find(&self, id: &str) -> Result<Webhook, WebhookError> {
        let content = self.file.get()?;
        let found = content.webhooks.iter().find(|webhook| webhook.id == id);
        found.cloned().ok_or_else(|| WebhookError::NoSuchWebhook { id: id.to_owned() })
    }

    /// Makes a webhook; its secret is in it.
    pub(crate) fn create(
        &self,
        new: NewWebhook,
        now: Timestamp,
        recorder: &mut Recorder,
    ) -> Result<Webhook, WebhookError> {
        let NewWebhook { url, mut topics, starts } = new;
        if let Err(expected) = check_url(&url, &self.options) {
            return Err(WebhookError::BadUrl { got: url, expected });
        }
        topics.sort_unstable();
        topics.dedup();
        if topics.is_empty() {
            return Err(WebhookError::NoTopics);
        }
        let bits = random_bits().map_err(WebhookError::NoRandomness)?;
        // Another 64 bits make the id.
        let id = random_bits().map_err(WebhookError::NoRandomness)?.to_hex();
        let webhook = Webhook {
            id: format!("wh_{}", &id[..16]),
            url,
            topics,
            created_at: now,
            paused: None,
            failing_since: None,
            starts,
            secret: Hidden(secret(bits.as_bytes())),
        };
        self.file.change(|content| {
            if content.webhooks.len() >= MAX_WEBHOOKS {
                return Err(WebhookError::TooMany);
            }
            record(recorder, now, "webhook.create", &webhook, String::new(), webhook.url.clone())?;
            content.webhooks.push(webhook.clone());
            Ok(())
        })?;
        self.changes.send_replace(());
        Ok(webhook)
    }

    pub(crate) fn remove(&self, id: &str, now: Timestamp, recorder: &mut Recorder) -> Result<(), WebhookError> {
        self.file.change(|content| {
            let idx = idx_of(content, id)?;
            let webhook = &content.webhooks[idx];
            record(recorder, now, "webhook.remove", webhook, webhook.url.clone(), String::new())?;
            content.webhooks.remove(idx);
            Ok::<_, WebhookError>(())
        })?;
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.changes.send_replace(());
        Ok(())
    }

    /// Goes on delivering from where it was paused.
    pub(crate) fn resume(&self, id: &str, now: Timestamp, recorder: &mut Recorder) -> Result<Webhook, WebhookError> {
        let webhook = self.file.change(|content| {
            let idx = idx_of(content, id)?;
            let webhook = &mut content.webhooks[idx];
            if let Some(reason) = webhook.paused.clone() {
                record(recorder, now, "webhook.resume", webhook, format!("paused: {reason}"), "active".to_owned())?;
            }
            webhook.paused = None;
            webhook.failing_since = None;
            Ok::<_, WebhookError>(webhook.clone())
        })?;
        self.changes.send_replace(());
        Ok(webhook)
    }

    /// Notes since when it fails, or that it does not.
    pub(crate) fn set_failing(&self, id: &str, since: Option<Timestamp>) -> Result<(), WebhookError> {
        self.file.change(|content| {
            let idx = idx_of(content, id)?;
            content.webhooks[idx].failing_since = since;
            Ok(())
        })
    }

    /// Delivers nothing more until it is resumed.
    pub(crate) fn pause(&self, id: &str, reason: String) -> Result<(), WebhookError> {
        self.file.change(|content| {
            let idx = idx_of(content, id)?;
            content.webhooks[idx].paused = Some(reason);
            Ok(())
        })
    }

    pub(crate) fn note(&self, id: &str, attempt: Attempt) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = attempts.entry(id.to_owned()).or_default();
        own.push_back(attempt);
        if own.len() > MAX_ATTEMPTS {
            own.pop_front();
        }
    }

    /// The last attempts, the newest first.
    pub(crate) fn attempts(&self, id: &str) -> Vec<Attempt> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.get(id).map_or_else(Vec::new, |own| own.iter().rev().cloned().collect())
    }
}

fn idx_of(content: &WebhookList, id: &str) -> Result<usize, WebhookError> {
    let found = content.webhooks.iter().position(|webhook| webhook.id == id);
    found.ok_or_else(|| WebhookError::NoSuchWebhook { id: id.to_owned() })
}

fn record(
    recorder: &mut Recorder,
    at: Timestamp,
    action: &str,
    webhook: &Webhook,
    before: String,
    after: String,
) -> Result<(), WebhookError> {
    let subject = format!("webhook/{}", webhook.id);
    recorder.write(Change { at, action, subject, before, after }).map_err(WebhookError::NotRecorded)
}
