//! What is taken in from a topic, and what faults and restarts do not change.

use restock_intake::State;
use restock_ledger::{Batch, ConsumerOffset, Ledger};

use crate::fixtures::Broker;
use crate::shared::{SharedLedger, now, sale, wait};

#[test]
fn every_partition_has_a_position_of_its_own() {
    let broker = Broker::new();
    let ledger = SharedLedger::new();
    broker.publish(0, [sale("a"), "poison".to_owned(), sale("a")]);
    broker.publish(1, [format!("[{},{}]", sale("b"), sale("c")), String::new()]);
    let source = ledger.start(&broker.config());
    let status = wait(&source, |status| status.n_accepted + status.n_duplicate + status.n_quarantined == 6);
    assert_eq!((status.n_accepted, status.n_duplicate, status.n_quarantined), (3, 1, 2));
    let mut quarantine = ledger.quarantine();
    quarantine.sort();
    insta::assert_snapshot!(quarantine.join("\n"), @r#"
    sales partition 0 message 1 · got "poison", expected a JSON object; correct the JSON: expected value at line 1 column 1
    sales partition 1 message 1 · got "", expected a JSON object; correct the JSON: EOF while parsing a value at line 1 column 0
    "#);
    source.stop();
    assert_eq!(ledger.offsets(), [3, 2]);
    // What was read is not read again.
    broker.publish(2, [sale("d")]);
    let source = ledger.start(&broker.config());
    let status = wait(&source, |status| status.n_accepted == 1 && status.lag == Some(0));
    assert_eq!((status.n_duplicate, status.n_quarantined, status.last_error), (0, 0, None));
    assert_eq!((ledger.n_events(), ledger.offsets()), (4, vec![3, 2, 1]));
}

#[test]
fn faults_of_the_ledger_lose_nothing_and_take_nothing_in_twice() {
    let broker = Broker::new();
    let ledger = SharedLedger::new();
    ledger.0.lock().unwrap().fails_every = 2;
    let source = ledger.start(&broker.config());
    for number in 0..10 {
        broker.publish(number % 3, [sale(number)]);
        wait(&source, |status| status.n_accepted + status.n_duplicate == number as u64 + 1);
    }
    assert_eq!(ledger.n_events(), 10);
    assert_eq!(source.status().last_error.unwrap().message, "the disk is full; it is tried again");
}

#[test]
fn a_broker_that_is_down_is_waited_for() {
    let broker = Broker::new();
    let ledger = SharedLedger::new();
    broker.publish(0, (0..10).map(sale));
    let source = ledger.start(&broker.config());
    wait(&source, |status| status.n_accepted == 10);
    broker.cluster.broker_down(1).unwrap();
    wait(&source, |status| status.state == State::Retrying);
    broker.cluster.broker_up(1).unwrap();
    broker.publish(0, (10..20).map(sale));
    wait(&source, |status| status.n_accepted == 20);
    assert_eq!((ledger.n_events(), source.status().n_duplicate, ledger.offsets()), (20, 0, vec![20]));
}

#[test]
fn messages_that_were_removed_before_they_were_read_are_an_alarm() {
    let broker = Broker::new();
    let ledger = SharedLedger::new();
    broker.publish(0, [sale("a")]);
    let source = ledger.start(&broker.config());
    wait(&source, |status| status.n_accepted == 1);
    source.stop();
    // The mock cluster keeps 5 MiB of a partition.
    let padding = "x".repeat(50_000);
    broker.publish(
        0,
        (0..200).map(|number| sale(number).replace("\"till\"", &format!("\"till\",\"note\":\"{padding}\""))),
    );
    let source = ledger.start(&broker.config());
    let status = wait(&source, |status| status.n_accepted > 0 && status.lag == Some(0));
    assert_eq!(status.n_missing + status.n_accepted, 200);
    assert!(status.n_missing > 0);
    let told = status.last_error.unwrap().message;
    assert!(told.starts_with(&format!("up to {} messages of sales partition 0, 1 to ", status.n_missing)), "{told}");
    assert_eq!((ledger.n_events(), ledger.offsets()), (1 + status.n_accepted, vec![201]));
}

#[test]
fn a_topic_that_was_set_back_is_read_from_its_beginning() {
    let broker = Broker::new();
    let ledger = SharedLedger::new();
    broker.publish(0, (0..3).map(sale));
    let source = ledger.start(&broker.config());
    wait(&source, |status| status.n_accepted == 3);
    source.stop();
    // As if 100 messages had been read before the topic was set back.
    let before = ledger.0.lock().unwrap().ledger.offsets().unwrap();
    let mut batch = Batch::new(Vec::new(), now());
    batch.offset = Some(ConsumerOffset { next_offset: 100, ..before[0].clone() });
    ledger.0.lock().unwrap().ledger.append(&batch).unwrap();
    let source = ledger.start(&broker.config());
    wait(&source, |status| status.n_duplicate == 3 && status.lag == Some(0));
    assert_eq!(ledger.offsets(), [100, 3]);
}

#[test]
fn a_topic_that_is_not_there_is_told() {
    let broker = Broker::new();
    let ledger = SharedLedger::new();
    let mut config = broker.config();
    let restock_intake::SourceConfig::Kafka(kafka) = &mut config else { panic!() };
    kafka.topic = "nothing".to_owned();
    broker
        .cluster
        .topic_error("nothing", rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        .unwrap();
    let source = ledger.start(&config);
    let status = wait(&source, |status| status.state == State::Retrying);
    assert!(status.last_error.unwrap().message.starts_with("there is no topic nothing at "));
}
