//! A topic with a producer, and a source that reads it into a ledger.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use restock_intake::SourceConfig;

/// A cluster of one broker with the topic `sales` of three partitions.
pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Broker {
    pub(crate) fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("sales", 3, 1).unwrap();
        let producer = ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
        Self { cluster, producer }
    }

    /// Publishes messages to a partition, in their order.
    pub(crate) fn publish(&self, partition: i32, messages: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for message in messages {
            let record = BaseRecord::<(), [u8]>::to("sales").partition(partition).payload(message.as_ref());
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
            self.producer.poll(Duration::ZERO);
        }
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    pub(crate) fn config(&self) -> SourceConfig {
        let brokers = self.cluster.bootstrap_servers();
        toml::from_str(&format!("kind = \"kafka\"\nbrokers = \"{brokers}\"\ntopic = \"sales\"")).unwrap()
    }
}
