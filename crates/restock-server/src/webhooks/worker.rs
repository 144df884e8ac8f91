//! Delivers: for each webhook one worker, one entry after the other, until each was taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use restock_ledger::{Batch, ConsumerOffset};
use serde::Serialize;
use serde_json::json;
use serde_json::value::to_raw_value;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use crate::server::App;
use crate::tokens::random_bits;
use crate::webhooks::client::{Client, Delivery};
use crate::webhooks::outbox::{Stream, body};
use crate::webhooks::registry::{Webhook, WebhookError, WebhookOptions};
use crate::webhooks::signature::signature;

/// Entries that are read at once.
const PAGE: usize = 100;
/// How long nothing is tried after the ledger failed.
const REST: Duration = Duration::from_secs(1);

/// One attempt to deliver something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// The id of the message, the same for every attempt.
    message_id: String,
    #[schema(value_type = String)]
    at: Timestamp,
    /// Which attempt it was since the server started, from 1.
    attempt: u32,
    /// The status of the answer; nothing where there was none.
    pub(crate) status: Option<u16>,
    /// Why there was no answer.
    pub(crate) error: Option<String>,
}

impl Attempt {
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// What went wrong.
    fn reason(&self) -> String {
        match (&self.error, self.status) {
            (Some(error), _) => error.clone(),
            (None, status) => format!("the receiver answered {}", status.unwrap_or_default()),
        }
    }
}

/// Delivers until the server closes. It asks nobody while there is no webhook.
pub(crate) async fn deliver(app: App) {
    let mut closing = app.is_closing.subscribe();
    let mut changes = app.webhooks.changes();
    let mut client: Option<Arc<Client>> = None;
    let mut workers: HashMap<String, JoinHandle<()>> = HashMap::new();
    loop {
        workers.retain(|_, worker| !worker.is_finished());
        let webhooks = app.webhooks.list().unwrap_or_else(|error| {
            tracing::error!(error = %error, "nothing is delivered");
            Vec::new()
        });
        for webhook in webhooks.into_iter().filter(|webhook| webhook.paused.is_none()) {
            if client.is_none() {
                client = new_client(&app).await;
            }
            if let (Some(client), false) = (&client, workers.contains_key(&webhook.id)) {
                let worker = Worker { app: app.clone(), client: client.clone(), id: webhook.id.clone() };
                workers.insert(webhook.id, tokio::spawn(worker.run()));
            }
        }
        tokio::select! {
            _ = closing.wait_for(|is_closing| *is_closing) => break,
            _ = changes.changed() => {}
            () = tokio::time::sleep(app.webhooks.options().look_every) => {}
        }
    }
    for worker in workers.into_values() {
        // A panic has been logged, and its delivery is sent again.
        drop(worker.await);
    }
}

async fn new_client(app: &App) -> Option<Arc<Client>> {
    let options = app.webhooks.options().clone();
    match tokio::task::spawn_blocking(move || Client::new(options)).await {
        Ok(Ok(client)) => Some(Arc::new(client)),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "nothing is delivered");
            None
        }
        Err(_) => None,
    }
}

/// Sends a message that means nothing, so that somebody can see whether it arrives.
pub(crate) async fn try_out(app: &App, webhook: &Webhook) -> Result<Attempt, String> {
    let client = new_client(app).await.ok_or("the certificates that this machine trusts cannot be read")?;
    let id = format!("{}-test-{}", webhook.id, &random_bits()?.to_hex()[..16]);
    let data = to_raw_value(&json!({ "webhook_id": webhook.id })).expect("a text is JSON");
    let body = body(id.clone(), "test", None, Some((app.clock)()), &data);
    Ok(send(app, &client, webhook, &id, body, 1).await.0)
}

/// Sends once, and notes what became of it. How long the receiver asks to wait comes with it.
async fn send(
    app: &App,
    client: &Client,
    webhook: &Webhook,
    id: &str,
    body: Vec<u8>,
    attempt: u32,
) -> (Attempt, Option<SignedDuration>) {
    let at = (app.clock)();
    let seconds = at.as_second();
    let signature = signature(webhook.secret(), id, seconds, &body);
    let sent = client.send(&webhook.url, Delivery { id, seconds, signature, body }).await;
    let (status, error, wait) = match sent {
        Ok(answer) => (Some(answer.status), None, answer.retry_after),
        Err(error) => (None, Some(error), None),
    };
    let attempt = Attempt { message_id: id.to_owned(), at, attempt, status, error };
    app.webhooks.note(&webhook.id, attempt.clone());
    (attempt, wait)
}

/// How long a message waits after so many failures: twice as long after each, and a part of that at random, so that many
/// messages do not come back at once. The part follows from the id.
fn pause(options: &WebhookOptions, id: &str, n_failures: u32, asked_for: Option<SignedDuration>) -> Duration {
    let doubled = options.first_retry.saturating_mul(1_u32 << (n_failures - 1).min(30)).min(options.longest_retry);
    let hash = blake3::hash(format!("{id}/{n_failures}").as_bytes());
    let part = f64::from(hash.as_bytes()[0]) / 256.0;
    let pause = doubled.mul_f64(0.5 + part / 2.0);
    let asked_for = asked_for.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or_default();
    pause.max(asked_for.min(options.longest_retry))
}

/// Whether a worker goes on.
#[derive(PartialEq, Eq)]
enum Go {
    On,
    /// The webhook is gone or paused, or the server closes.
    Home,
}

struct Worker {
    app: App,
    client: Arc<Client>,
    id: String,
}

impl Worker {
    async fn run(self) {
        let mut progress = self.app.writer.progress();
        let mut positions: HashMap<&'static str, u64> = HashMap::new();
        while let Some(webhook) = self.current() {
            progress.borrow_and_update();
            let mut has_more = false;
            for stream in Stream::ALL.into_iter().filter(|stream| stream.is_about(&webhook.topics)) {
                match self.advance(&webhook, stream, &mut positions).await {
                    Some(is_full) => has_more |= is_full,
                    None => return,
                }
            }
            if !has_more {
                tokio::select! {
                    // Events and changes of the desk.
                    _ = progress.changed() => {}
                    go = self.sleep(self.app.webhooks.options().look_every) => if go == Go::Home { return },
                }
            }
        }
    }

    /// The webhook while something may be delivered to it.
    fn current(&self) -> Option<Webhook> {
        let is_closing = *self.app.is_closing.borrow();
        match self.app.webhooks.find(&self.id) {
            Ok(webhook) => Some(webhook).filter(|webhook| webhook.paused.is_none() && !is_closing),
            Err(WebhookError::NoSuchWebhook { .. }) => None,
            Err(error) => {
                tracing::error!(error = %error, "nothing is delivered");
                None
            }
        }
    }

    /// Delivers the next entries of a stream; whether there may be more at once, `None` when the worker ends.
    async fn advance(
        &self,
        webhook: &Webhook,
        stream: Stream,
        positions: &mut HashMap<&'static str, u64>,
    ) -> Option<bool> {
        let from = match positions.get(stream.name()) {
            Some(position) => *position,
            None => {
                let (consumer, name) = (webhook.consumer(), stream.name());
                match self.app.writer.read(move |ledger| ledger.offset(&consumer, name)).await {
                    Ok(offset) => offset.unwrap_or(0).max(stream.start(webhook.starts)),
                    Err(error) => return self.rest(error).await,
                }
            }
        };
        positions.insert(stream.name(), from);
        let (id, topics) = (self.id.clone(), webhook.topics.clone());
        let read = self.app.writer.read(move |ledger| stream.read(ledger, &id, &topics, from, PAGE));
        let messages = match read.await {
            Ok(messages) => messages,
            Err(error) => return self.rest(error).await,
        };
        let is_full = messages.len() == PAGE;
        let mut written = from;
        let mut next = from;
        for message in messages {
            next = message.number + 1;
            let Some(body) = message.body else { continue };
            if self.take_away(stream.message_id(&self.id, message.number), body).await == Go::Home {
                return None;
            }
            self.write_position(webhook, stream, next).await?;
            written = next;
            positions.insert(stream.name(), next);
        }
        if next > written {
            self.write_position(webhook, stream, next).await?;
            positions.insert(stream.name(), next);
        }
        Some(is_full)
    }

    /// The ledger fails, or the server starts: a while later it may be better.
    async fn rest(&self, error: impl std::fmt::Display) -> Option<bool> {
        tracing::warn!(error = %error, webhook = self.id, "nothing is delivered for a second");
        (self.sleep(REST).await == Go::On).then_some(false)
    }

    /// Delivers a message however often it takes.
    async fn take_away(&self, message_id: String, body: Vec<u8>) -> Go {
        let options = self.app.webhooks.options();
        for n_attempts in 1.. {
            let Some(webhook) = self.current() else { return Go::Home };
            let (attempt, wait) = send(&self.app, &self.client, &webhook, &message_id, body.clone(), n_attempts).await;
            let now = (self.app.clock)();
            if attempt.is_success() {
                if webhook.failing_since.is_some() {
                    self.change(|app, id| app.webhooks.set_failing(id, None)).await;
                }
                return Go::On;
            }
            let reason = attempt.reason();
            tracing::warn!(webhook = self.id, message_id, n_attempts, reason, "a delivery failed");
            let since = webhook.failing_since.unwrap_or(now);
            if webhook.failing_since.is_none() {
                self.change(move |app, id| app.webhooks.set_failing(id, Some(since))).await;
            }
            let is_gone = attempt.status == Some(410);
            if is_gone || now.duration_since(since) >= options.give_up_after {
                let reason = match is_gone {
                    true => "the receiver says that it is gone (410)".to_owned(),
                    false => format!("every attempt failed since {since}, the last because {reason}"),
                };
                self.change(move |app, id| app.webhooks.pause(id, reason)).await;
                return Go::Home;
            }
            if self.sleep(pause(options, &message_id, n_attempts, wait)).await == Go::Home {
                return Go::Home;
            }
        }
        Go::Home
    }

    /// Changes the file of webhooks; what fails is tried again with the next attempt.
    async fn change(&self, change: impl FnOnce(&App, &str) -> Result<(), WebhookError> + Send + 'static) {
        let (app, id) = (self.app.clone(), self.id.clone());
        let changed = tokio::task::spawn_blocking(move || change(&app, &id)).await;
        match changed {
            Ok(Ok(()) | Err(WebhookError::NoSuchWebhook { .. })) | Err(_) => {}
            Ok(Err(error)) => tracing::error!(error = %error, webhook = self.id, "the state of a webhook is not kept"),
        }
    }

    /// Writes down what was delivered. Where the ledger fails for long and the server is closed, the last message is
    /// delivered again.
    async fn write_position(&self, webhook: &Webhook, stream: Stream, next_offset: u64) -> Option<()> {
        loop {
            let (consumer, partition) = (webhook.consumer(), stream.name().to_owned());
            let offset = ConsumerOffset { consumer, partition, next_offset };
            let batch = Batch { offset: Some(offset), ..Batch::new(Vec::new(), (self.app.clock)()) };
            match self.app.writer.write(move |ledger| ledger.append(&batch)).await {
                Ok(_) => return Some(()),
                Err(error) => self.rest(error).await?,
            };
        }
    }

    /// Waits; less when the webhook goes or the server closes.
    async fn sleep(&self, duration: Duration) -> Go {
        let mut closing = self.app.is_closing.subscribe();
        let mut changes = self.app.webhooks.changes();
        let mut end = std::pin::pin!(tokio::time::sleep(duration));
        loop {
            tokio::select! {
                _ = closing.wait_for(|is_closing| *is_closing) => return Go::Home,
                _ = changes.changed() => if self.current().is_none() { return Go::Home },
                () = &mut end => return Go::On,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ_between_messages() {
        let options = WebhookOptions::in_file("webhooks.json");
        for n_failures in 1..40 {
            let longest = Duration::from_secs(1 << (n_failures - 1).min(30)).min(options.longest_retry);
            let pause = pause(&options, "a", n_failures, None);
            assert!(longest / 2 <= pause && pause <= longest, "{n_failures}: {pause:?}");
        }
        assert_ne!(pause(&options, "a", 5, None), pause(&options, "b", 5, None));
        assert_eq!(pause(&options, "a", 5, None), pause(&options, "a", 5, None));
        let asked = |hours| pause(&options, "a", 1, Some(SignedDuration::from_hours(hours)));
        assert_eq!((asked(1), asked(1_000)), (Duration::from_secs(3_600), Duration::from_secs(3_600)));
    }
}
