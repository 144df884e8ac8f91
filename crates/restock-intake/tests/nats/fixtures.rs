//! A stream with a publisher.

use async_nats::ConnectOptions;
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context};
use restock_intake::SourceConfig;
use tokio::runtime::Runtime;

use crate::server::NatsServer;

/// A server, or `None` where there is none.
pub(crate) fn server(arguments: &[&str]) -> Option<NatsServer> {
    let server = NatsServer::start(arguments);
    if server.is_none() {
        assert!(std::env::var_os("RESTOCK_NATS_REQUIRED").is_none(), "there is no nats-server");
        println!("SKIPPED: there is no nats-server");
    }
    server
}

/// A stream `SALES` of the subjects `sales.>` and `other`.
pub(crate) struct Broker {
    pub(crate) server: NatsServer,
    runtime: Runtime,
    context: Context,
}

impl Broker {
    pub(crate) fn new(retention: RetentionPolicy) -> Option<Self> {
        let server = server(&[])?;
        let runtime = Runtime::new().unwrap();
        let context = runtime.block_on(async {
            let client = ConnectOptions::new().connect(server.url()).await.unwrap();
            jetstream::new(client)
        });
        let broker = Self { server, runtime, context };
        broker.make_stream(retention);
        Some(broker)
    }

    pub(crate) fn make_stream(&self, retention: RetentionPolicy) {
        let subjects = vec!["sales.>".to_owned(), "other".to_owned()];
        let config = Config { name: "SALES".to_owned(), subjects, retention, ..Config::default() };
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    pub(crate) fn delete_stream(&self) {
        self.runtime.block_on(self.context.delete_stream("SALES")).unwrap();
    }

    pub(crate) fn publish_to(&self, subject: &str, messages: impl IntoIterator<Item = impl Into<Vec<u8>>>) {
        self.runtime.block_on(async {
            for message in messages {
                let payload: Vec<u8> = message.into();
                self.context.publish(subject.to_owned(), payload.into()).await.unwrap().await.unwrap();
            }
        });
    }

    pub(crate) fn publish(&self, messages: impl IntoIterator<Item = impl Into<Vec<u8>>>) {
        self.publish_to("sales.berlin", messages);
    }

    pub(crate) fn with_stream<T>(&self, call: impl AsyncFnOnce(Stream) -> T) -> T {
        self.runtime.block_on(async {
            let stream = self.context.get_stream("SALES").await.unwrap();
            call(stream).await
        })
    }

    /// Whether it answers, and finds its stream.
    pub(crate) fn is_up(&self) -> bool {
        self.runtime.block_on(async { self.context.get_stream("SALES").await.is_ok() })
    }

    pub(crate) fn config(&self, more: &str) -> SourceConfig {
        config(&self.server.url(), more)
    }
}

pub(crate) fn config(url: &str, more: &str) -> SourceConfig {
    toml::from_str(&format!("kind = \"nats\"\nurl = \"{url}\"\nstream = \"SALES\"\n{more}")).unwrap()
}
